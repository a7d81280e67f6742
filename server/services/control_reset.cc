// ResetService of the control API.

#include <algorithm>
#include <any>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/call/errors.h"
#include "server/services/control.h"
#include "server/services/reset.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/reset.pb.h"

namespace spanner_session_emulator {
namespace {

using Proto = v1::ResetRequest;

constexpr std::pair<ResetPart, Proto::Part> kParts[] = {
    {ResetPart::kClock, Proto::CLOCK},
    {ResetPart::kSessions, Proto::SESSIONS},
    {ResetPart::kSessionCounts, Proto::SESSION_COUNTS},
    {ResetPart::kStubs, Proto::STUBS},
    {ResetPart::kFaults, Proto::FAULTS},
    {ResetPart::kJournal, Proto::JOURNAL},
    {ResetPart::kSessionLimits, Proto::SESSION_LIMITS},
    {ResetPart::kAuthPolicy, Proto::AUTH_POLICY},
    {ResetPart::kAuthReport, Proto::AUTH_REPORT},
    {ResetPart::kDatabases, Proto::DATABASES},
};

absl::Status Validate(Call& call) {
  const auto& request = call.request<Proto>();
  ResetOptions options;
  for (int i = 0; i < request.parts_size(); ++i) {
    const auto* const part = std::find_if(
        std::begin(kParts), std::end(kParts),
        [&](const auto& p) { return p.second == request.parts(i); });
    if (part == std::end(kParts)) {
      std::vector<std::string> names;
      for (const auto& [_, proto] : kParts) {
        names.push_back(Proto::Part_Name(proto));
      }
      return errors::InvalidField(
          call.method().name, absl::StrCat("parts[", i, "]"),
          absl::StrCat("must be one of ", absl::StrJoin(names, ", "),
                       ", but is ", static_cast<int>(request.parts(i))));
    }
    options.parts.push_back(part->first);
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

void AddResetMethods(const Resettable& all, MethodTable& table) {
  table.Set("spanner_session_emulator.v1.ResetService.Reset",
            v1::ResetRequest::default_instance(),
            Unary<v1::ResetRequest, v1::ResetResponse>(
                [all](Call& call, const v1::ResetRequest&,
                      v1::ResetResponse& response) {
                  const auto result = Reset(
                      all, std::any_cast<const ResetOptions&>(call.prepared));
                  if (!result.ok()) {
                    return errors::InvalidField(call.method().name, "parts",
                                                result.status().message());
                  }
                  for (const ResetPart part : result->parts) {
                    response.add_parts(
                        std::find_if(
                            std::begin(kParts), std::end(kParts),
                            [part](const auto& p) { return p.first == part; })
                            ->second);
                  }
                  response.set_deleted_session_count(result->deleted_sessions);
                  return absl::OkStatus();
                }),
            Validate);
}

}  // namespace spanner_session_emulator
