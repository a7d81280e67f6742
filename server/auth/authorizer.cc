#include "server/auth/authorizer.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "server/auth/permissions.h"
#include "server/call/errors.h"
#include "server/call/method.h"

namespace spanner_session_emulator {
namespace {

// Of what one permission was missing on, so much is remembered.
constexpr size_t kMaxResources = 10;

// The token of an `authorization` header, or nothing if that is of another
// kind. The scheme's name may be in any case.
std::optional<absl::string_view> BearerToken(absl::string_view header) {
  constexpr absl::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(header, kScheme)) return std::nullopt;
  return absl::StripAsciiWhitespace(header.substr(kScheme.size()));
}

// What a permission would be granted on: nobody grants on a session.
absl::string_view GrantableResource(const Call& call,
                                    absl::string_view resource) {
  return call.method().resource_kind == ResourceKind::kSession &&
                 resource == call.session().full()
             ? call.session().database_full()
             : resource;
}

}  // namespace

Authorizer::Authorizer(const Clock* clock, std::shared_ptr<const Policy> policy,
                       absl::string_view control_token)
    : clock_(clock),
      first_policy_(std::move(policy)),
      control_token_(control_token.empty()
                         ? std::nullopt
                         : std::make_optional(DigestOf(control_token))) {
  RestorePolicy();
}

void Authorizer::SetPolicy(std::shared_ptr<const Policy> policy) {
  MutexLock lock(&mu_);
  has_policy_ = policy != nullptr;
  policy_.swap(policy);
}

v1::AuthPolicy Authorizer::policy() const {
  std::shared_ptr<const Policy> policy;
  {
    MutexLock lock(&mu_);
    policy = policy_;
  }
  return policy == nullptr ? v1::AuthPolicy() : policy->proto();
}

absl::Status Authorizer::CheckControlToken(const Call& call) const {
  if (!control_token_.has_value()) return absl::OkStatus();
  const std::optional<absl::string_view> header =
      call.context().Header("authorization");
  if (!header.has_value() || header->empty()) {
    return errors::ControlTokenMissing();
  }
  const std::optional<absl::string_view> token = BearerToken(*header);
  if (!token.has_value()) return errors::ControlTokenWrong();
  const TokenDigest digest = DigestOf(*token);
  return CRYPTO_memcmp(digest.data(), control_token_->data(), digest.size()) ==
                 0
             ? absl::OkStatus()
             : errors::ControlTokenWrong();
}

absl::Status Authorizer::CheckCredential(Call& call) {
  const Method& method = call.method();
  if (method.api_kind == ApiKind::kControl) return CheckControlToken(call);
  if (method.api_kind == ApiKind::kOpen || !has_policy_) {
    return absl::OkStatus();
  }
  std::shared_ptr<const Policy> policy;
  {
    MutexLock lock(&mu_);
    policy = policy_;
  }
  if (policy == nullptr) return absl::OkStatus();

  const std::optional<absl::string_view> header =
      call.context().Header("authorization");
  if (!header.has_value() || header->empty()) {
    MutexLock lock(&mu_);
    ++missing_tokens_;
    return errors::CredentialsMissing(method.full_name);
  }
  const std::optional<absl::string_view> token = BearerToken(*header);
  const Principal* const principal =
      token.has_value() ? policy->FindByToken(*token) : nullptr;
  if (principal == nullptr) {
    MutexLock lock(&mu_);
    ++unknown_tokens_;
    return errors::TokenUnknown(method.full_name);
  }
  if (clock_->Now() >= principal->expire_time()) {
    MutexLock lock(&mu_);
    ++needs_[principal->name()].expired_tokens;
    return errors::TokenExpired(method.full_name);
  }
  // A method that does not exist asks for no scope.
  const std::vector<std::string>& scopes = method.oauth_scopes;
  if (!scopes.empty() &&
      std::none_of(scopes.begin(), scopes.end(), [&](const std::string& scope) {
        return principal->HasScope(scope);
      })) {
    MutexLock lock(&mu_);
    ++needs_[principal->name()].insufficient_scopes;
    return errors::ScopeInsufficient(method.full_name);
  }
  // The principal lives as long as its policy.
  call.caller = std::shared_ptr<const Principal>(std::move(policy), principal);
  return absl::OkStatus();
}

absl::Status Authorizer::CheckPermission(const Call& call) {
  // What is no method will be refused for that.
  if (call.caller == nullptr || !call.method().known) {
    return absl::OkStatus();
  }
  const Principal& principal = *call.caller;
  absl::Status status;
  CheckPermissions(
      call, [&](absl::string_view permission, absl::string_view resource) {
        const bool has = principal.HasPermission(permission, resource);
        if (!has) status = errors::PermissionMissing(permission, resource);
        MutexLock lock(&mu_);
        auto it = needs_.find(principal.name());
        if (it == needs_.end()) it = needs_.try_emplace(principal.name()).first;
        if (has) {
          ++it->second.used[permission];
          return true;
        }
        Missing& missing = it->second.missing[permission];
        ++missing.calls;
        if (missing.resources.size() < kMaxResources) {
          missing.resources.emplace(GrantableResource(call, resource));
        }
        return false;
      });
  return status;
}

v1::AuthReport Authorizer::Report() const {
  v1::AuthReport report;
  MutexLock lock(&mu_);
  report.set_missing_token_count(missing_tokens_);
  report.set_unknown_token_count(unknown_tokens_);
  // Those that have not called are in it, too: they need nothing.
  std::map<absl::string_view, std::pair<const Needs*, const Principal*>> all;
  for (const auto& [name, needs] : needs_) all[name].first = &needs;
  if (policy_ != nullptr) {
    for (const auto& principal : policy_->principals()) {
      all[principal->name()].second = principal.get();
    }
  }
  static const Needs* const kNone = new Needs;
  for (const auto& [name, entry] : all) {
    const Needs& needs = entry.first == nullptr ? *kNone : *entry.first;
    v1::PrincipalReport& out = *report.add_principals();
    out.set_principal(std::string(name));
    for (const auto& [permission, calls] : needs.used) {
      v1::UsedPermission& used = *out.add_used();
      used.set_permission(std::string(permission));
      used.set_call_count(calls);
    }
    for (const auto& [permission, missing] : needs.missing) {
      v1::MissingPermission& to = *out.add_missing();
      to.set_permission(std::string(permission));
      to.set_call_count(missing.calls);
      to.mutable_resources()->Assign(missing.resources.begin(),
                                     missing.resources.end());
    }
    if (entry.second != nullptr) {
      for (const absl::string_view permission : NeededPermissions()) {
        if (entry.second->HasPermission(permission) &&
            needs.used.count(permission) == 0) {
          out.add_unused(std::string(permission));
        }
      }
    }
    out.set_expired_token_count(needs.expired_tokens);
    out.set_insufficient_scope_count(needs.insufficient_scopes);
  }
  return report;
}

void Authorizer::ClearReport() {
  MutexLock lock(&mu_);
  needs_.clear();
  missing_tokens_ = 0;
  unknown_tokens_ = 0;
}

}  // namespace spanner_session_emulator
