// What the tests of calls share.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_CALL_CALL_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_CALL_CALL_TESTING_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/call.h"
#include "server/call/method.h"

namespace spanner_session_emulator {

// A call that no protocol has brought.
class FakeContext final : public CallContext {
 public:
  std::string Peer() const override { return "fake:peer"; }
};

inline const google::protobuf::ServiceDescriptor* SpannerService() {
  return google::spanner::v1::Session::descriptor()->file()->FindServiceByName(
      "Spanner");
}

// The method of that full name, or null.
inline const Method* FindMethod(const MethodTable& table,
                                absl::string_view full_name) {
  for (const std::unique_ptr<Method>& method : table.methods()) {
    if (method->full_name == full_name) return method.get();
  }
  return nullptr;
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_CALL_CALL_TESTING_H_
