// The policy in force, and what it has decided.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_AUTH_AUTHORIZER_H_
#define SPANNER_SESSION_EMULATOR_SERVER_AUTH_AUTHORIZER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/auth/policy.h"
#include "server/auth/token_digest.h"
#include "server/call/call.h"
#include "server/call/pipeline.h"
#include "spanner_session_emulator/v1/auth.pb.h"
#include "spanner_session_emulator/v1/auth_policy.pb.h"
#include "store/clock.h"
#include "store/mutex.h"

namespace spanner_session_emulator {

// Guards Google's API by a policy, and the control API by a token of its own.
// Without a policy everybody may call the one, without the token the other. A
// policy can be replaced at any time; a call that has begun goes on with the
// one that it began with. Thread-safe.
class Authorizer final : public Guard {
 public:
  // `clock` says when tokens expire, and must outlive this. No policy if it is
  // null, no token of the control API if it is empty.
  Authorizer(const Clock* clock, std::shared_ptr<const Policy> policy,
             absl::string_view control_token);

  // Null: no policy.
  void SetPolicy(std::shared_ptr<const Policy> policy);
  // Puts in force what the constructor was given.
  void RestorePolicy() { SetPolicy(first_policy_); }
  // The policy in force, without tokens; without principals if there is none.
  v1::AuthPolicy policy() const;

  // What callers have needed since the start, or since ClearReport(); only
  // calls while there was a policy count.
  v1::AuthReport Report() const;
  void ClearReport();

  absl::Status CheckCredential(Call& call) override;
  absl::Status CheckPermission(const Call& call) override;

 private:
  struct Missing {
    int64_t calls = 0;
    std::set<std::string> resources;
  };
  // What the calls of one principal have needed, by permission; the table of
  // permissions owns the names.
  struct Needs {
    std::map<absl::string_view, int64_t> used;
    std::map<absl::string_view, Missing> missing;
    int64_t expired_tokens = 0;
    int64_t insufficient_scopes = 0;
  };

  absl::Status CheckControlToken(const Call& call) const;

  const Clock* const clock_;
  const std::shared_ptr<const Policy> first_policy_;
  const std::optional<TokenDigest> control_token_;

  std::atomic<bool> has_policy_{false};  // Spares calls the lock.
  mutable Mutex mu_;
  std::shared_ptr<const Policy> policy_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Needs, std::less<>> needs_ ABSL_GUARDED_BY(mu_);
  int64_t missing_tokens_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t unknown_tokens_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_AUTH_AUTHORIZER_H_
