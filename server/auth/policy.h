// This folder decides who may call. A policy lists principals: the token that
// each calls with, the token's scopes, and what the principal is granted. The
// Authorizer holds the policy in force, and the pipeline asks it; it is
// thread-safe, and a Policy never changes.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_AUTH_POLICY_H_
#define SPANNER_SESSION_EMULATOR_SERVER_AUTH_POLICY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/auth/token_digest.h"
#include "spanner_session_emulator/v1/auth_policy.pb.h"

namespace spanner_session_emulator {

// Who calls, and what they may do.
class Principal {
 public:
  const std::string& name() const { return name_; }
  // The token is good before this time.
  absl::Time expire_time() const { return expire_time_; }

  bool HasScope(absl::string_view scope) const {
    return scopes_.contains(scope);
  }
  // Whether a grant gives this permission on the resource, or on one above it.
  bool HasPermission(absl::string_view permission,
                     absl::string_view resource) const;
  // Whether a grant gives it on anything.
  bool HasPermission(absl::string_view permission) const;

 private:
  friend class Policy;

  struct Grant {
    absl::flat_hash_set<std::string> permissions;
    std::vector<std::string> resources;  // Patterns; none: every resource.
  };

  std::string name_;
  absl::Time expire_time_ = absl::InfiniteFuture();
  absl::flat_hash_set<std::string> scopes_;
  std::vector<Grant> grants_;
};

// A checked policy. It keeps no tokens, only digests of them.
class Policy {
 public:
  // INVALID_ARGUMENT begins with the first field that is wrong, goes on with
  // what was expected, and quotes nothing: tokens are secret.
  static absl::StatusOr<std::shared_ptr<const Policy>> Make(
      const v1::AuthPolicy& proto);

  // Null if nobody has this token. How long it takes says nothing about how
  // much of a token is right.
  const Principal* FindByToken(absl::string_view token) const;

  const std::vector<std::unique_ptr<const Principal>>& principals() const {
    return principals_;
  }
  // As it was given, but without tokens.
  const v1::AuthPolicy& proto() const { return proto_; }

 private:
  v1::AuthPolicy proto_;
  std::vector<std::unique_ptr<const Principal>> principals_;
  absl::flat_hash_map<TokenDigest, const Principal*> by_token_;
};

// Whether a resource, as `projects/p/instances/i/databases/d/sessions/s`, is
// what a pattern names, or below it. In a pattern, the part `*` stands for any
// one part.
bool Covers(absl::string_view pattern, absl::string_view resource);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_AUTH_POLICY_H_
