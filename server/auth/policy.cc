#include "server/auth/policy.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/auth/permissions.h"
#include "server/auth/roles.h"

namespace spanner_session_emulator {
namespace {

constexpr absl::string_view kDefaultScope =
    "https://www.googleapis.com/auth/cloud-platform";

// Bearer tokens are made of these; others could not come in a header.
bool IsToken(absl::string_view token) {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) {
    return c > ' ' && c <= '~';
  });
}

bool IsResourcePattern(absl::string_view pattern) {
  constexpr absl::string_view kCollections[] = {"projects", "instances",
                                                "databases"};
  const std::vector<absl::string_view> parts = absl::StrSplit(pattern, '/');
  if (parts.size() % 2 != 0 || parts.size() > 8) return false;
  for (size_t i = 0; i < parts.size(); i += 2) {
    if (i < 6 ? parts[i] != kCollections[i / 2]
              : parts[i] != "sessions" && parts[i] != "databaseRoles") {
      return false;
    }
    const absl::string_view id = parts[i + 1];
    // Part of an id cannot be left open.
    if (id.empty() || (id != "*" && absl::StrContains(id, '*'))) return false;
  }
  return true;
}

// One of another service, as a custom role may have it, has no effect; of
// Spanner's, one that nobody knows is a slip.
bool IsPermission(absl::string_view permission) {
  if (absl::StartsWith(permission, "spanner.")) {
    return IsKnownPermission(permission);
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(permission, '.');
  return parts.size() >= 3 &&
         std::none_of(parts.begin(), parts.end(),
                      [](absl::string_view part) { return part.empty(); });
}

// Reads one principal. Errors quote nothing: a token may stand in any field.
class PrincipalReader {
 public:
  explicit PrincipalReader(int index)
      : at_(absl::StrCat("principals[", index, "].")) {}

  absl::Status Invalid(absl::string_view field,
                       absl::string_view problem) const {
    return absl::InvalidArgumentError(absl::StrCat(at_, field, " ", problem));
  }
  absl::StatusOr<absl::Time> ReadExpireTime(
      const v1::AuthPolicy::Principal& from) const {
    if (!from.has_expire_time()) return absl::InfiniteFuture();
    const auto& time = from.expire_time();
    constexpr int64_t kFirstSecond = -62135596800;
    constexpr int64_t kLastSecond = 253402300799;
    if (time.seconds() < kFirstSecond || time.seconds() > kLastSecond ||
        time.nanos() < 0 || time.nanos() > 999'999'999) {
      return Invalid("expire_time", "must lie between the years 1 and 9999");
    }
    return absl::FromUnixSeconds(time.seconds()) +
           absl::Nanoseconds(time.nanos());
  }

  absl::Status CheckScopes(const v1::AuthPolicy::Principal& from) const {
    for (int i = 0; i < from.scopes_size(); ++i) {
      if (absl::StartsWith(from.scopes(i), "https://")) continue;
      return Invalid(absl::StrCat("scopes[", i, "]"),
                     "must be a scope's full name, as "
                     "https://www.googleapis.com/auth/spanner.data");
    }
    return absl::OkStatus();
  }

  absl::Status CheckGrant(const v1::AuthPolicy::Grant& grant, int index) const {
    const auto field = [index](absl::string_view name, int i) {
      return absl::StrCat("grants[", index, "].", name, "[", i, "]");
    };
    for (int i = 0; i < grant.roles_size(); ++i) {
      if (FindRole(grant.roles(i)) != nullptr) continue;
      return Invalid(field("roles", i),
                     absl::StrCat("must be one of ", RoleNames()));
    }
    for (int i = 0; i < grant.permissions_size(); ++i) {
      if (IsPermission(grant.permissions(i))) continue;
      return Invalid(
          field("permissions", i),
          "must be a permission of Spanner, as spanner.sessions.get");
    }
    for (int i = 0; i < grant.resources_size(); ++i) {
      if (IsResourcePattern(grant.resources(i))) continue;
      return Invalid(field("resources", i),
                     "must be as projects/p, projects/p/instances/* or "
                     "projects/p/instances/i/databases/d");
    }
    return absl::OkStatus();
  }

 private:
  const std::string at_;
};

}  // namespace

bool Covers(absl::string_view pattern, absl::string_view resource) {
  while (true) {
    const absl::string_view want = pattern.substr(0, pattern.find('/'));
    const absl::string_view have = resource.substr(0, resource.find('/'));
    if (want != "*" && want != have) return false;
    if (want.size() == pattern.size()) return true;
    if (have.size() == resource.size()) return false;
    pattern.remove_prefix(want.size() + 1);
    resource.remove_prefix(have.size() + 1);
  }
}

bool Principal::HasPermission(absl::string_view permission,
                              absl::string_view resource) const {
  for (const Grant& grant : grants_) {
    if (!grant.permissions.contains(permission)) continue;
    if (grant.resources.empty()) return true;
    for (const std::string& pattern : grant.resources) {
      if (Covers(pattern, resource)) return true;
    }
  }
  return false;
}

bool Principal::HasPermission(absl::string_view permission) const {
  return std::any_of(grants_.begin(), grants_.end(), [&](const Grant& grant) {
    return grant.permissions.contains(permission);
  });
}

absl::StatusOr<std::shared_ptr<const Policy>> Policy::Make(
    const v1::AuthPolicy& proto) {
  if (proto.principals().empty()) {
    return absl::InvalidArgumentError(
        "principals must not be empty: nobody could call");
  }
  auto policy = std::make_shared<Policy>();
  absl::flat_hash_set<absl::string_view> names;
  for (int i = 0; i < proto.principals_size(); ++i) {
    const v1::AuthPolicy::Principal& from = proto.principals(i);
    const PrincipalReader reader(i);
    if (from.name().empty()) return reader.Invalid("name", "must not be empty");
    if (!names.insert(from.name()).second) {
      return reader.Invalid("name", "must differ from those of the others");
    }
    if (!IsToken(from.token())) {
      return reader.Invalid(
          "token", "must be one or more printable ASCII characters, no blanks");
    }
    auto principal = std::make_unique<Principal>();
    principal->name_ = from.name();
    const auto expire_time = reader.ReadExpireTime(from);
    if (!expire_time.ok()) return expire_time.status();
    principal->expire_time_ = *expire_time;
    if (absl::Status s = reader.CheckScopes(from); !s.ok()) return s;
    principal->scopes_.insert(from.scopes().begin(), from.scopes().end());
    if (from.scopes().empty()) principal->scopes_.emplace(kDefaultScope);
    for (int j = 0; j < from.grants_size(); ++j) {
      const v1::AuthPolicy::Grant& grant = from.grants(j);
      if (absl::Status s = reader.CheckGrant(grant, j); !s.ok()) return s;
      Principal::Grant& to = principal->grants_.emplace_back();
      for (const std::string& role : grant.roles()) {
        for (const absl::string_view permission : FindRole(role)->permissions) {
          to.permissions.emplace(permission);
        }
      }
      to.permissions.insert(grant.permissions().begin(),
                            grant.permissions().end());
      to.resources.assign(grant.resources().begin(), grant.resources().end());
    }
    if (!policy->by_token_.emplace(DigestOf(from.token()), principal.get())
             .second) {
      return reader.Invalid("token", "must differ from those of the others");
    }
    policy->principals_.push_back(std::move(principal));
  }
  policy->proto_ = proto;
  for (auto& principal : *policy->proto_.mutable_principals()) {
    principal.clear_token();
  }
  return policy;
}

const Principal* Policy::FindByToken(absl::string_view token) const {
  const auto it = by_token_.find(DigestOf(token));
  return it == by_token_.end() ? nullptr : it->second;
}

}  // namespace spanner_session_emulator
