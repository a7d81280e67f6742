#include "server/auth/policy.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/auth/permissions.h"
#include "server/auth/roles.h"
#include "server/auth/token_digest.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

absl::StatusOr<std::shared_ptr<const Policy>> Make(absl::string_view text) {
  return Policy::Make(FromText<v1::AuthPolicy>(text));
}

// The only principal of a policy with this besides its name and token.
class OnePrincipal {
 public:
  explicit OnePrincipal(absl::string_view fields)
      : policy_(Make(absl::StrCat("principals { name: 'n' token: 't' ", fields,
                                  " }"))
                    .value()) {}
  const Principal& operator*() const { return *policy_->principals()[0]; }
  const Principal* operator->() const { return &**this; }

 private:
  const std::shared_ptr<const Policy> policy_;
};

TEST(PolicyTest, FindsPrincipalsByTheirWholeToken) {
  const auto policy = Make(
                          "principals { name: 'a' token: 'token-1' } "
                          "principals { name: 'b' token: 'token-2' }")
                          .value();
  ASSERT_NE(policy->FindByToken("token-1"), nullptr);
  EXPECT_EQ(policy->FindByToken("token-1")->name(), "a");
  EXPECT_EQ(policy->FindByToken("token-2")->name(), "b");
  for (const absl::string_view token :
       {"", "token-", "token-11", "TOKEN-1", "oken-1", "a"}) {
    EXPECT_EQ(policy->FindByToken(token), nullptr) << token;
  }
}

TEST(PolicyTest, TakesTokensOfAnyLength) {
  for (const size_t size : {1, 31, 32, 33, 2047, 2048, 2049, 100'000}) {
    const std::string token(size, 'x');
    const auto policy =
        Make(absl::StrCat("principals { name: 'a' token: '", token, "' }"))
            .value();
    EXPECT_NE(policy->FindByToken(token), nullptr) << size;
    EXPECT_EQ(policy->FindByToken(token + "x"), nullptr) << size;
    EXPECT_EQ(policy->FindByToken(token.substr(1)), nullptr) << size;
  }
}

TEST(PolicyTest, KeepsNoTokens) {
  const auto policy =
      Make("principals { name: 'a' token: 'SECRET' grants {} }").value();
  EXPECT_THAT(policy->proto().DebugString(), Not(HasSubstr("SECRET")));
  EXPECT_EQ(policy->proto().principals(0).name(), "a");
  EXPECT_EQ(policy->proto().principals(0).grants_size(), 1);
}

TEST(PolicyTest, ExpiresWhenItSays) {
  EXPECT_EQ(OnePrincipal("")->expire_time(), absl::InfiniteFuture());
  EXPECT_EQ(
      OnePrincipal("expire_time { seconds: 7 nanos: 5000 }")->expire_time(),
      absl::FromUnixMicros(7'000'005));
}

TEST(PolicyTest, HasTheScopeOfClientLibrariesUnlessItSaysOtherwise) {
  const absl::string_view cloud =
      "https://www.googleapis.com/auth/cloud-platform";
  EXPECT_TRUE(OnePrincipal("")->HasScope(cloud));
  const OnePrincipal other("scopes: 'https://www.googleapis.com/auth/x'");
  EXPECT_TRUE(other->HasScope("https://www.googleapis.com/auth/x"));
  EXPECT_FALSE(other->HasScope(cloud));
}

TEST(PolicyTest, GrantsOnResourcesAndWhatIsBelowThem) {
  const OnePrincipal principal(
      "grants { permissions: 'spanner.sessions.get' resources: 'projects/p' }"
      "grants { roles: 'roles/spanner.databaseRoleUser'"
      "  resources: 'projects/p/instances/i/databases/d/databaseRoles/r' }");
  EXPECT_TRUE(principal->HasPermission("spanner.sessions.get",
                                       absl::StrCat(kDatabase, "/sessions/s")));
  EXPECT_FALSE(principal->HasPermission("spanner.sessions.get",
                                        "projects/p2/instances/i/databases/d"));
  EXPECT_FALSE(principal->HasPermission("spanner.sessions.list", kDatabase));
  EXPECT_TRUE(
      principal->HasPermission("spanner.databaseRoles.use",
                               absl::StrCat(kDatabase, "/databaseRoles/r")));
  EXPECT_FALSE(
      principal->HasPermission("spanner.databaseRoles.use",
                               absl::StrCat(kDatabase, "/databaseRoles/r2")));
  EXPECT_TRUE(principal->HasPermission("spanner.databaseRoles.use"));
  EXPECT_FALSE(principal->HasPermission("spanner.sessions.list"));
}

TEST(PolicyTest, AGrantWithoutResourcesIsOnEverything) {
  const OnePrincipal principal("grants { roles: 'roles/spanner.viewer' }");
  EXPECT_TRUE(principal->HasPermission("spanner.databases.get", "projects/x"));
  EXPECT_FALSE(
      principal->HasPermission("spanner.databases.read", "projects/x"));
  EXPECT_FALSE(OnePrincipal("")->HasPermission("spanner.databases.get"));
}

TEST(CoversTest, ComparesPartByPart) {
  const std::string session = absl::StrCat(kDatabase, "/sessions/s");
  for (const absl::string_view pattern :
       {"projects/p", "projects/*", "projects/p/instances/i",
        "projects/*/instances/*/databases/*", "projects/p/instances/*",
        "projects/p/instances/i/databases/d",
        "projects/p/instances/i/databases/d/sessions/s",
        "projects/p/instances/*/databases/d/sessions/*"}) {
    EXPECT_TRUE(Covers(pattern, session)) << pattern;
  }
  for (const absl::string_view pattern :
       {"projects/p2", "projects/", "projects/pp", "projects/p/instances/j",
        "projects/*/instances/*/databases/d2",
        "projects/p/instances/i/databases/d/sessions/s2",
        "projects/p/instances/i/databases/d/sessions/s/x"}) {
    EXPECT_FALSE(Covers(pattern, session)) << pattern;
  }
  // What is above a pattern is not covered.
  EXPECT_FALSE(Covers("projects/p/instances/i", "projects/p"));
  EXPECT_FALSE(Covers("projects/p/instances/*", "projects/p"));
}

TEST(PolicyTest, MistakesAreNamedAndNothingIsQuoted) {
  const std::string good = "name: 'SECRET' token: 'SECRET' ";
  for (const auto& [text, error] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "principals must not be empty"},
           {"principals { token: 'SECRET' }",
            "principals[0].name must not be empty"},
           {absl::StrCat("principals {", good, "} principals {", good, "}"),
            "principals[1].name must differ from those of the others"},
           {absl::StrCat("principals {", good,
                         "} principals { name: 'b' token: 'SECRET' }"),
            "principals[1].token must differ from those of the others"},
           {"principals { name: 'a' }",
            "principals[0].token must be one or more printable ASCII"},
           {"principals { name: 'a' token: 'SECRET SECRET' }",
            "principals[0].token must be one or more printable ASCII"},
           {"principals { name: 'a' token: 'SECR\\u00c9T' }",
            "principals[0].token must be one or more printable ASCII"},
           {absl::StrCat("principals {", good,
                         "expire_time { seconds: 253402300800 } }"),
            "principals[0].expire_time must lie between"},
           {absl::StrCat("principals {", good,
                         "expire_time { nanos: 1000000000 } }"),
            "principals[0].expire_time must lie between"},
           {absl::StrCat("principals {", good,
                         "scopes: 'https://x' scopes: 'SECRET' }"),
            "principals[0].scopes[1] must be a scope's full name"},
           {absl::StrCat("principals {", good,
                         "grants {} grants { roles: 'SECRET' } }"),
            "principals[0].grants[1].roles[0] must be one of "
            "roles/spanner.admin, "},
           {absl::StrCat("principals {", good,
                         "grants { permissions: 'SECRET' } }"),
            "principals[0].grants[0].permissions[0] must be a permission"},
           {absl::StrCat("principals {", good,
                         "grants { permissions: 'spanner.session.get' } }"),
            "principals[0].grants[0].permissions[0] must be a permission"}}) {
    const absl::Status status = Make(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), StartsWith(error)) << text;
    EXPECT_THAT(status.ToString(), Not(HasSubstr("SECR"))) << text;
  }
}

TEST(PolicyTest, ResourcesAreNamesOrPatterns) {
  const auto with_resource = [](absl::string_view resource) {
    return Make(absl::StrCat("principals { name: 'n' token: 't' grants { "
                             "resources: '",
                             resource, "' } }"))
        .status();
  };
  for (const absl::string_view good :
       {"projects/p", "projects/*", "projects/example.com:p",
        "projects/p/instances/i", "projects/p/instances/*/databases/d",
        "projects/p/instances/i/databases/d/sessions/*",
        "projects/p/instances/i/databases/d/databaseRoles/r"}) {
    EXPECT_TRUE(with_resource(good).ok()) << good;
  }
  for (const absl::string_view bad :
       {"", "*", "/", "projects", "projects/", "/projects/p", "projects/p/",
        "databases/d", "projects/p/databases/d", "projects/p*",
        "projects/p/instances/i/databases/test-*",
        "projects/p/instances/i/databases/d/tables/t",
        "projects/p/instances/i/databases/d/sessions/s/x/y"}) {
    EXPECT_THAT(
        std::string(with_resource(bad).message()),
        StartsWith(
            "principals[0].grants[0].resources[0] must be as projects/p"))
        << bad;
  }
}

TEST(PolicyTest, PermissionsOfOtherServicesAreTakenFromCustomRoles) {
  const OnePrincipal principal(
      "grants { permissions: ['resourcemanager.projects.get', "
      "'monitoring.timeSeries.create', 'spanner.sessions.get'] }");
  EXPECT_TRUE(principal->HasPermission("spanner.sessions.get"));
}

TEST(TokenDigestTest, TellsTokensApart) {
  EXPECT_EQ(DigestOf("a"), DigestOf("a"));
  EXPECT_NE(DigestOf("a"), DigestOf("b"));
  EXPECT_NE(DigestOf("a"), DigestOf(""));
  // Not the plain hash, which anybody could know.
  EXPECT_NE(DigestOf("")[0] << 8 | DigestOf("")[1], 0xe3b0);
}

TEST(RolesTest, HavePermissionsThatMakeSense) {
  for (const Role& role : Roles()) {
    EXPECT_THAT(std::string(role.name), StartsWith("roles/spanner."));
    EXPECT_EQ(FindRole(role.name), &role);
    EXPECT_THAT(RoleNames(), HasSubstr(std::string(role.name)));
    EXPECT_FALSE(role.permissions.empty()) << role.name;
    for (const absl::string_view permission : role.permissions) {
      EXPECT_TRUE(IsKnownPermission(permission)) << permission;
    }
  }
  EXPECT_EQ(FindRole("roles/spanner.none"), nullptr);
  EXPECT_EQ(FindRole("roles/owner"), nullptr);
}

// What the reference says in prose about the roles that data access is about.
TEST(RolesTest, WhoMayDoWhatWithSessionsAndData) {
  const auto can = [](absl::string_view role, absl::string_view permission) {
    return OnePrincipal(
               absl::StrCat("grants { roles: 'roles/spanner.", role, "' }"))
        ->HasPermission(absl::StrCat("spanner.", permission));
  };
  for (const absl::string_view role :
       {"admin", "databaseAdmin", "databaseUser", "databaseReader",
        "databaseReaderWithDataBoost", "editor"}) {
    for (const absl::string_view permission :
         {"sessions.create", "sessions.get", "sessions.list", "sessions.delete",
          "databases.select", "databases.read", "databases.partitionQuery",
          "databases.partitionRead", "databases.beginReadOnlyTransaction"}) {
      EXPECT_TRUE(can(role, permission)) << role << " " << permission;
    }
    const bool writes =
        role != "databaseReader" && role != "databaseReaderWithDataBoost";
    EXPECT_EQ(can(role, "databases.write"), writes) << role;
    EXPECT_EQ(can(role, "databases.beginOrRollbackReadWriteTransaction"),
              writes)
        << role;
    EXPECT_FALSE(can(role, "databaseRoles.use")) << role;
  }
  EXPECT_TRUE(can("databaseReaderWithDataBoost", "databases.useDataBoost"));
  EXPECT_FALSE(can("databaseReader", "databases.useDataBoost"));
  EXPECT_TRUE(can("fineGrainedAccessUser", "databases.useRoleBasedAccess"));
  EXPECT_TRUE(can("databaseRoleUser", "databaseRoles.use"));
  EXPECT_FALSE(can("viewer", "sessions.create"));
  EXPECT_FALSE(can("backupAdmin", "databases.select"));
}

}  // namespace
}  // namespace spanner_session_emulator
