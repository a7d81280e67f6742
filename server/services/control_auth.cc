// AuthService of the control API.

#include <any>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/auth/authorizer.h"
#include "server/auth/policy.h"
#include "server/call/errors.h"
#include "server/services/control.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/auth.pb.h"
#include "spanner_session_emulator/v1/auth_policy.pb.h"

namespace spanner_session_emulator {
namespace {

absl::Status ValidateSet(Call& call) {
  auto policy = Policy::Make(call.request<v1::SetAuthPolicyRequest>().policy());
  if (!policy.ok()) {
    const std::pair<absl::string_view, absl::string_view> field_and_problem =
        absl::StrSplit(policy.status().message(), absl::MaxSplits(' ', 1));
    return errors::InvalidField(
        call.method().name, absl::StrCat("policy.", field_and_problem.first),
        field_and_problem.second);
  }
  call.prepared = *std::move(policy);
  return absl::OkStatus();
}

}  // namespace

void AddAuthMethods(Authorizer* auth, MethodTable& table) {
  const auto add = [&]<typename Request, typename Response>(
                       absl::string_view name,
                       void (*answer)(Authorizer&, Call&, const Request&,
                                      Response&),
                       const Validator& validate = nullptr) {
    table.Set(absl::StrCat("spanner_session_emulator.v1.AuthService.", name),
              Request::default_instance(),
              Unary<Request, Response>([auth, answer](Call& call,
                                                      const Request& request,
                                                      Response& response) {
                answer(*auth, call, request, response);
                return absl::OkStatus();
              }),
              validate);
  };
  add(
      "GetAuthPolicy",
      +[](Authorizer& auth, Call&, const v1::GetAuthPolicyRequest&,
          v1::AuthPolicy& response) { response = auth.policy(); });
  add(
      "SetAuthPolicy",
      +[](Authorizer& auth, Call& call, const v1::SetAuthPolicyRequest&,
          v1::AuthPolicy& response) {
        const auto& policy =
            std::any_cast<const std::shared_ptr<const Policy>&>(call.prepared);
        auth.SetPolicy(policy);
        response = policy->proto();
      },
      ValidateSet);
  table.SetHasSecrets("spanner_session_emulator.v1.AuthService.SetAuthPolicy");
  add(
      "RemoveAuthPolicy",
      +[](Authorizer& auth, Call&, const v1::RemoveAuthPolicyRequest&,
          v1::RemoveAuthPolicyResponse&) { auth.SetPolicy(nullptr); });
  add(
      "GetAuthReport",
      +[](Authorizer& auth, Call&, const v1::GetAuthReportRequest&,
          v1::AuthReport& response) { response = auth.Report(); });
  add(
      "ClearAuthReport",
      +[](Authorizer& auth, Call&, const v1::ClearAuthReportRequest&,
          v1::ClearAuthReportResponse&) { auth.ClearReport(); });
}

}  // namespace spanner_session_emulator
