// What the tests of calls share.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_CALL_CALL_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_CALL_CALL_TESTING_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/call.h"
#include "server/call/errors.h"
#include "server/call/method.h"

namespace spanner_session_emulator {

// A call that no protocol has brought.
class FakeContext final : public CallContext {
 public:
  // `bytes` is the serialized request.
  explicit FakeContext(std::string bytes = "") : bytes_(std::move(bytes)) {}

  CallProtocol Protocol() const override { return CallProtocol::kGrpc; }
  std::string Peer() const override { return "fake:peer"; }
  absl::string_view Authority() const override { return "fake.host"; }
  std::optional<absl::string_view> Header(absl::string_view) const override {
    return std::nullopt;
  }
  absl::Status ReadRequest(const Method& method,
                           google::protobuf::Message& request) const override {
    return request.ParseFromString(bytes_)
               ? absl::OkStatus()
               : errors::UnparsableRequest(*method.descriptor());
  }
  void WithRequestBytes(
      const google::protobuf::Message*,
      absl::FunctionRef<void(absl::string_view)> read) const override {
    read(bytes_);
  }

 private:
  const std::string bytes_;
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
