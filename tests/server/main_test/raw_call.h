// Calls by path and bytes: for services without stubs, methods that do not
// exist, and requests that no stub would send.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_RAW_CALL_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_RAW_CALL_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"

namespace spanner_session_emulator {

// To `host:port`, on a connection of its own and past any proxy that the
// environment names.
std::shared_ptr<grpc::Channel> Connect(const std::string& address);

struct RawReply {
  grpc::Status status;
  std::vector<std::string> messages;
  std::multimap<std::string, std::string> trailers;
};

// Calls any kind of method, as `/package.Service/Method`, with one message;
// waits for it to end, for 30 s at the most.
RawReply RawCall(const std::shared_ptr<grpc::Channel>& channel,
                 const std::string& path, const std::string& request,
                 const std::map<std::string, std::string>& metadata = {});

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_RAW_CALL_H_
