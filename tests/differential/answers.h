// Makes the calls of a case and writes down what comes back, so that the
// answers of two servers can be compared.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_DIFFERENTIAL_ANSWERS_H_
#define SPANNER_SESSION_EMULATOR_TESTS_DIFFERENTIAL_ANSWERS_H_

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "tests/differential/cases.h"

namespace spanner_session_emulator {

inline constexpr char kProject[] = "projects/test-project";
inline constexpr char kInstance[] =
    "projects/test-project/instances/test-instance";

// The answer to each step, one line each, with the words of cases.h:
//   `OK {s1} created used` and what else a session has; `created` and `used`
//       stand for its times, `used later` for one that has moved on since
//       it was seen before, `used earlier` likewise
//   `OK {s1}..{s9} created used, token` for a list
//   `OK {t1}` for a transaction, with ` at a time` if there is a read timestamp
//   `OK committed {c1}`, where each commit timestamp has a number; `earlier` if
//       it lies before one that was seen before
//   `OK google.protobuf.Empty` for other messages, and ` {t1}` behind that for
//       a transaction in it
//   `NOT_FOUND: message [details] trailer: name` for an error, with the
//       trailer's value only if that is none of the details
std::vector<std::string> Answers(const std::shared_ptr<grpc::Channel>& server,
                                 const std::vector<Step>& steps,
                                 const std::string& database,
                                 const std::string& other_database);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_DIFFERENTIAL_ANSWERS_H_
