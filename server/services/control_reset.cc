// ResetService of the control API.

#include <any>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/call/errors.h"
#include "server/services/control.h"
#include "server/services/reset.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/reset.pb.h"

namespace spanner_session_emulator {
namespace {

v1::ResetRequest::Part ToProto(ResetPart part) {
  switch (part) {
    case ResetPart::kClock:
      return v1::ResetRequest::CLOCK;
    case ResetPart::kSessions:
      return v1::ResetRequest::SESSIONS;
    case ResetPart::kSessionCounts:
      return v1::ResetRequest::SESSION_COUNTS;
    case ResetPart::kStubs:
      return v1::ResetRequest::STUBS;
    case ResetPart::kAuthPolicy:
      return v1::ResetRequest::AUTH_POLICY;
    case ResetPart::kAuthReport:
      return v1::ResetRequest::AUTH_REPORT;
  }
  return v1::ResetRequest::PART_UNSPECIFIED;
}

absl::Status Validate(Call& call) {
  const auto& request = call.request<v1::ResetRequest>();
  ResetOptions options;
  for (int i = 0; i < request.parts_size(); ++i) {
    switch (request.parts(i)) {
      case v1::ResetRequest::CLOCK:
        options.parts.push_back(ResetPart::kClock);
        break;
      case v1::ResetRequest::SESSIONS:
        options.parts.push_back(ResetPart::kSessions);
        break;
      case v1::ResetRequest::SESSION_COUNTS:
        options.parts.push_back(ResetPart::kSessionCounts);
        break;
      case v1::ResetRequest::STUBS:
        options.parts.push_back(ResetPart::kStubs);
        break;
      case v1::ResetRequest::AUTH_POLICY:
        options.parts.push_back(ResetPart::kAuthPolicy);
        break;
      case v1::ResetRequest::AUTH_REPORT:
        options.parts.push_back(ResetPart::kAuthReport);
        break;
      default:
        return errors::InvalidField(
            call.method().name, absl::StrCat("parts[", i, "]"),
            absl::StrCat("must be CLOCK, SESSIONS, SESSION_COUNTS, STUBS, "
                         "AUTH_POLICY or AUTH_REPORT, but is ",
                         static_cast<int>(request.parts(i))));
    }
  }
  auto scope = Scope::Parse(request.scope());
  if (!scope.ok()) {
    return errors::InvalidField(call.method().name, "scope",
                                scope.status().message());
  }
  options.scope = *std::move(scope);
  call.prepared = std::move(options);
  return absl::OkStatus();
}

}  // namespace

void AddResetMethods(SessionStore* store, Authorizer* auth, StubRegistry* stubs,
                     MethodTable& table) {
  table.Set("spanner_session_emulator.v1.ResetService.Reset",
            v1::ResetRequest::default_instance(),
            Unary<v1::ResetRequest, v1::ResetResponse>(
                [store, auth, stubs](Call& call, const v1::ResetRequest&,
                                     v1::ResetResponse& response) {
                  const auto result =
                      Reset(*store, *auth, *stubs,
                            std::any_cast<const ResetOptions&>(call.prepared));
                  if (!result.ok()) {
                    return errors::InvalidField(call.method().name, "parts",
                                                result.status().message());
                  }
                  for (const ResetPart part : result->parts) {
                    response.add_parts(ToProto(part));
                  }
                  response.set_deleted_session_count(result->deleted_sessions);
                  return absl::OkStatus();
                }),
            Validate);
}

}  // namespace spanner_session_emulator
