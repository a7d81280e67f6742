// What requests of Spanner's API have in common, for those who have them as
// google::protobuf::Message. Stateless, thread-safe.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_REQUESTS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_REQUESTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace spanner_session_emulator {

// Calls `function` with the request as what it is, if it is one of these.
template <typename... Requests, typename F>
void IfOneOf(const google::protobuf::Message& message, F function) {
  const auto try_one = [&](const auto* request) {
    if (request != nullptr) function(*request);
  };
  (try_one(dynamic_cast<const Requests*>(&message)), ...);
}

// Its request_options' tags; valid as long as the request.
struct RequestTags {
  absl::string_view request_tag;
  absl::string_view transaction_tag;
};
RequestTags TagsOf(const google::protobuf::Message& request);

// Its statements, folded; none if it has none.
std::vector<std::string> StatementsOf(const google::protobuf::Message& request);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_REQUESTS_H_
