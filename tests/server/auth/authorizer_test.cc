// Who may call, over every protocol: each row of the contract, and what comes
// before what.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "spanner_session_emulator/v1/auth.pb.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kUnauthenticated =
    absl::StatusCode::kUnauthenticated;
constexpr absl::StatusCode kPermissionDenied =
    absl::StatusCode::kPermissionDenied;

constexpr char kPolicy[] = R"pb(
  principals {
    name: "user"
    token: "user-token"
    grants {
      roles: "roles/spanner.databaseUser"
      resources: "projects/p/instances/i"
    }
  }
  principals {
    name: "role-user"
    token: "role-token"
    scopes: "https://www.googleapis.com/auth/spanner.data"
    grants {
      roles: [
        "roles/spanner.databaseUser",
        "roles/spanner.fineGrainedAccessUser"
      ]
    }
    grants {
      roles: "roles/spanner.databaseRoleUser"
      resources: "projects/p/instances/*/databases/d/databaseRoles/parrot"
    }
  }
  principals {
    name: "admin-scope"
    token: "admin-scope-token"
    scopes: "https://www.googleapis.com/auth/spanner.admin"
    grants { roles: "roles/spanner.admin" }
  }
  principals {
    name: "getter"
    token: "getter-token"
    grants { permissions: "spanner.sessions.get" }
  }
  principals { name: "nobody" token: "nobody-token" }
)pb";

Metadata Bearer(absl::string_view token) {
  return {{"authorization", absl::StrCat("Bearer ", token)}};
}

// The ErrorInfo of an error, as `REASON domain key=value …`, sorted.
std::string InfoOf(const Answer& answer) {
  google::rpc::Status status;
  EXPECT_TRUE(status.ParseFromString(answer.details));
  std::string text;
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info)) continue;
    absl::StrAppend(&text, info.reason(), " ", info.domain());
    const std::map<std::string, std::string> metadata(info.metadata().begin(),
                                                      info.metadata().end());
    for (const auto& [key, value] : metadata) {
      absl::StrAppend(&text, " ", key, "=", value);
    }
  }
  return text;
}

std::string CallerInfo(absl::string_view reason, absl::string_view method) {
  return absl::StrCat(reason,
                      " googleapis.com method=google.spanner.v1.Spanner.",
                      method, " service=spanner.googleapis.com");
}

class AuthorizerTest : public ::testing::TestWithParam<Transport> {
 protected:
  AuthorizerTest() { StartWith({.auth_policy = kPolicy}); }

  void StartWith(EmulatorOptions options) {
    emulator_ = StartEmulator(std::move(options));
  }
  std::unique_ptr<Caller> With(Metadata metadata) {
    return MakeCaller(*emulator_, GetParam(), std::move(metadata));
  }
  SpannerClient As(absl::string_view token) {
    return SpannerClient(With(Bearer(token)));
  }
  Answer Get(const std::string& name, Metadata metadata) {
    api::GetSessionRequest request;
    request.set_name(name);
    return With(std::move(metadata))->Call("GetSession", request);
  }
  Answer GetAs(absl::string_view token, const std::string& name) {
    return Get(name, Bearer(token));
  }
  std::string Create() { return As("user-token").Create().value().name(); }
  // What the report has of a principal.
  v1::PrincipalReport ReportOf(absl::string_view principal) {
    const v1::AuthReport report = emulator().auth().Report();
    for (const auto& one : report.principals()) {
      if (one.principal() == principal) return one;
    }
    ADD_FAILURE() << "nothing about " << principal;
    return {};
  }
  Emulator& emulator() { return *emulator_; }

 private:
  std::unique_ptr<Emulator> emulator_;
};

INSTANTIATE_ALL_TRANSPORTS(AuthorizerTest);

// ---- The credential.

TEST_P(AuthorizerTest, ARightTokenIsLetIn) {
  const std::string name = Create();
  EXPECT_THAT(GetAs("user-token", name).status, IsOk());
  EXPECT_THAT(As("user-token").List(), IsOk());
  EXPECT_THAT(As("user-token").BatchCreate(2), IsOk());
  EXPECT_THAT(As("user-token").Delete(name), IsOk());
}

TEST_P(AuthorizerTest, TheSchemeIsInAnyCase) {
  const std::string name = Create();
  for (const absl::string_view scheme : {"bearer", "BEARER", "bEaReR "}) {
    EXPECT_THAT(
        Get(name, {{"authorization", absl::StrCat(scheme, " user-token")}})
            .status,
        IsOk());
  }
}

TEST_P(AuthorizerTest, NoToken) {
  for (const Metadata& metadata :
       {Metadata(), Metadata({{"authorization", ""}})}) {
    const Answer answer = Get(Create(), metadata);
    EXPECT_THAT(
        answer.status,
        StatusIs(kUnauthenticated,
                 StartsWith("Request is missing required authentication "
                            "credential.")));
    EXPECT_EQ(InfoOf(answer), CallerInfo("CREDENTIALS_MISSING", "GetSession"));
  }
}

TEST_P(AuthorizerTest, AWrongToken) {
  const std::string name = Create();
  for (const absl::string_view value :
       {"Bearer user-toke", "Bearer user-token2", "Bearer USER-TOKEN", "Bearer",
        "Basic user-token", "user-token",
        "Bearer user-token, Bearer user-token"}) {
    const Answer answer = Get(name, {{"authorization", std::string(value)}});
    EXPECT_THAT(answer.status,
                StatusIs(kUnauthenticated,
                         StartsWith("Request had invalid authentication "
                                    "credentials.")))
        << value;
    EXPECT_EQ(InfoOf(answer),
              CallerInfo("ACCESS_TOKEN_TYPE_UNSUPPORTED", "GetSession"));
  }
}

TEST_P(AuthorizerTest, ATokenIsGoodBeforeItsExpireTimeByTheClock) {
  const absl::Time expire_time = StartTime() + absl::Minutes(10);
  const int64_t micros = absl::ToUnixMicros(expire_time);
  ASSERT_TRUE(
      emulator()
          .SetAuthPolicy(absl::StrCat(
              "principals { name: 'n' token: 'user-token' expire_time { "
              "seconds: ",
              micros / 1'000'000, " nanos: ", micros % 1'000'000 * 1'000,
              " } grants { roles: 'roles/spanner.databaseUser' } }"))
          .ok());
  const std::string name = Create();
  ASSERT_TRUE(emulator().clock().Set(expire_time - absl::Microseconds(1)).ok());
  EXPECT_THAT(GetAs("user-token", name).status, IsOk());
  ASSERT_TRUE(emulator().clock().Set(expire_time).ok());
  const Answer answer = GetAs("user-token", name);
  EXPECT_THAT(answer.status,
              StatusIs(kUnauthenticated,
                       StartsWith("Request had invalid authentication "
                                  "credentials.")));
  EXPECT_EQ(InfoOf(answer), CallerInfo("ACCESS_TOKEN_EXPIRED", "GetSession"));
  EXPECT_EQ(ReportOf("n").expired_token_count(), 1);
}

TEST_P(AuthorizerTest, ATokenWithoutTheScope) {
  const Answer answer = GetAs("admin-scope-token", Create());
  EXPECT_THAT(answer.status,
              StatusIs(kPermissionDenied,
                       "Request had insufficient authentication scopes."));
  EXPECT_EQ(InfoOf(answer),
            CallerInfo("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "GetSession"));
  EXPECT_EQ(ReportOf("admin-scope").insufficient_scope_count(), 1);
  EXPECT_THAT(As("role-token").List(), IsOk());  // One of the two is enough.
}

TEST_P(AuthorizerTest, EveryMethodNeedsAToken) {
  const std::string session = absl::StrCat(kDatabase, "/sessions/s");
  for (const auto& methods : {MethodsOfSessions(), MethodsOfDatabases()}) {
    for (const NamingMethod& method : methods) {
      const Answer answer = With({})->Call(
          *method.method, *method.Request(method.field->name() == "database"
                                              ? std::string(kDatabase)
                                              : session));
      EXPECT_EQ(answer.status.code(), kUnauthenticated) << method.name();
      EXPECT_EQ(InfoOf(answer),
                CallerInfo("CREDENTIALS_MISSING", method.name()));
    }
  }
}

// ---- Permissions.

TEST_P(AuthorizerTest, AMissingPermission) {
  const std::string name = Create();
  const Answer answer = GetAs("nobody-token", name);
  EXPECT_THAT(answer.status,
              StatusIs(kPermissionDenied,
                       absl::StrCat("Caller is missing IAM permission "
                                    "spanner.sessions.get on resource ",
                                    name)));
  EXPECT_EQ(InfoOf(answer),
            absl::StrCat("IAM_PERMISSION_DENIED iam.googleapis.com "
                         "permission=spanner.sessions.get resource=",
                         name));
  EXPECT_THAT(GetAs("getter-token", name).status, IsOk());
  EXPECT_THAT(As("getter-token").Create(),
              StatusIs(kPermissionDenied,
                       absl::StrCat("Caller is missing IAM permission "
                                    "spanner.sessions.create on resource ",
                                    kDatabase)));
}

TEST_P(AuthorizerTest, EveryMethodNeedsAPermission) {
  const std::string session = absl::StrCat(kDatabase, "/sessions/s");
  int count = 0;
  for (const auto& methods : {MethodsOfSessions(), MethodsOfDatabases()}) {
    for (const NamingMethod& method : methods) {
      auto request = method.Request(
          method.field->name() == "database" ? kDatabase : session);
      if (method.name() == "BatchCreateSessions") {
        static_cast<api::BatchCreateSessionsRequest&>(*request)
            .set_session_count(1);
      }
      const Answer answer =
          With(Bearer("nobody-token"))->Call(*method.method, *request);
      EXPECT_THAT(
          answer.status,
          StatusIs(kPermissionDenied,
                   StartsWith("Caller is missing IAM permission spanner.")))
          << method.name();
      ++count;
    }
  }
  EXPECT_EQ(count, SpannerDescriptor().method_count());
}

TEST_P(AuthorizerTest, PermissionsAreGrantedOnResources) {
  EXPECT_THAT(As("user-token").Create("", "projects/p/instances/i/databases/x"),
              IsOk());
  EXPECT_THAT(
      As("user-token").Create("", "projects/p/instances/i2/databases/d"),
      StatusIs(kPermissionDenied,
               "Caller is missing IAM permission spanner.sessions.create on "
               "resource projects/p/instances/i2/databases/d"));
}

TEST_P(AuthorizerTest, ActingAsADatabaseRole) {
  const std::string no_access = absl::StrCat(
      "Caller is missing IAM permission spanner.databases.useRoleBasedAccess "
      "on resource ",
      kDatabase);
  for (const absl::string_view role :
       {"creator_role: 'parrot'", "creator_role: 'public'"}) {
    EXPECT_THAT(As("user-token").Create(role),
                StatusIs(kPermissionDenied, no_access));
    EXPECT_THAT(As("user-token").BatchCreate(2, role),
                StatusIs(kPermissionDenied, no_access));
    EXPECT_THAT(As("role-token").Create(role), IsOk());
    EXPECT_THAT(As("role-token").BatchCreate(2, role), IsOk());
  }
  EXPECT_THAT(As("role-token").Create("creator_role: 'hawk'"),
              StatusIs(kPermissionDenied,
                       absl::StrCat("Caller is missing IAM permission "
                                    "spanner.databaseRoles.use on resource ",
                                    kDatabase, "/databaseRoles/hawk")));
  EXPECT_EQ(
      As("role-token").BatchCreate(1, "creator_role: 'hawk'").status().code(),
      kPermissionDenied);
  EXPECT_THAT(As("role-token").Create(""), IsOk());
}

// ---- What comes first.

TEST_P(AuthorizerTest, ChecksComeInTheirOrder) {
  StartWith({.databases = {std::string(kDatabase)}, .auth_policy = kPolicy});
  const std::string bad = absl::StrCat(kDatabase, "/sessions/\x01");
  const std::string missing = absl::StrCat(kDatabase, "/sessions/none");
  // Credential and scope, then the request, then the permission, then what
  // exists.
  EXPECT_EQ(Get(bad, {}).status.code(), kUnauthenticated);
  EXPECT_THAT(GetAs("admin-scope-token", bad).status,
              StatusIs(kPermissionDenied, HasSubstr("scopes")));
  EXPECT_EQ(GetAs("nobody-token", bad).status.code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(GetAs("nobody-token", missing).status.code(), kPermissionDenied);
  EXPECT_EQ(GetAs("getter-token", missing).status.code(),
            absl::StatusCode::kNotFound);
  // What a validator finds, too, comes before the permission.
  EXPECT_EQ(As("nobody-token").BatchCreate(0).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(As("nobody-token")
                .Create("", "projects/p/instances/i/databases/no")
                .status()
                .code(),
            kPermissionDenied);
}

TEST_P(AuthorizerTest, ACallThatIsStoppedIsNoUseOfItsSession) {
  const std::string name = Create();
  ASSERT_TRUE(emulator().clock().Advance(absl::Minutes(40)).ok());
  EXPECT_EQ(Get(name, {}).status.code(), kUnauthenticated);
  EXPECT_EQ(GetAs("admin-scope-token", name).status.code(), kPermissionDenied);
  EXPECT_EQ(GetAs("nobody-token", name).status.code(), kPermissionDenied);
  ASSERT_TRUE(emulator().clock().Advance(absl::Minutes(40)).ok());
  EXPECT_EQ(GetAs("user-token", name).status.code(),
            absl::StatusCode::kNotFound);
}

// ---- Without a policy, and with another.

TEST_P(AuthorizerTest, WithoutAPolicyATokenIsIgnored) {
  StartWith({});
  const std::string name = SpannerClient(With({})).Create()->name();
  for (const Metadata& metadata : {Metadata(), Bearer("whatever"),
                                   Metadata({{"authorization", "Basic x"}})}) {
    EXPECT_THAT(Get(name, metadata).status, IsOk());
  }
  EXPECT_THAT(emulator().auth().Report().principals(), IsEmpty());
  EXPECT_EQ(emulator().auth().Report().missing_token_count(), 0);
}

TEST_P(AuthorizerTest, APolicyIsReplacedWholeOrNotAtAll) {
  const std::string name = Create();
  EXPECT_THAT(emulator().SetAuthPolicy(
                  "principals { name: 'a' token: 'new' } principals {}"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("principals[1].name")));
  EXPECT_THAT(GetAs("user-token", name).status, IsOk());
  EXPECT_EQ(GetAs("new", name).status.code(), kUnauthenticated);
  ASSERT_THAT(emulator().SetAuthPolicy(
                  R"({"principals": [{"name": "a", "token": "new"}]})"),
              IsOk());
  EXPECT_EQ(GetAs("user-token", name).status.code(), kUnauthenticated);
  EXPECT_EQ(GetAs("new", name).status.code(), kPermissionDenied);
  emulator().auth().SetPolicy(nullptr);
  EXPECT_THAT(Get(name, {}).status, IsOk());
  emulator().auth().RestorePolicy();
  EXPECT_EQ(Get(name, {}).status.code(), kUnauthenticated);
  EXPECT_THAT(GetAs("user-token", name).status, IsOk());
}

// Each call sees one policy or the other, and nothing breaks.
TEST_P(AuthorizerTest, APolicyIsReplacedWhileCallsRun) {
  const std::string name = Create();
  constexpr char kOther[] =
      "principals { name: 'getter' token: 'other-token' "
      "grants { permissions: 'spanner.sessions.get' } }";
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0, done = 0;
  std::vector<std::thread> callers;
  for (const absl::string_view token : {"getter-token", "other-token"}) {
    callers.emplace_back([&, token] {
      while (!stop) {
        const absl::StatusCode code = GetAs(token, name).status.code();
        if (code != absl::StatusCode::kOk && code != kUnauthenticated) ++wrong;
        ++done;
      }
    });
  }
  for (int i = 0; i < 100 || done < 40; ++i) {
    EXPECT_TRUE(emulator().SetAuthPolicy(i % 2 == 0 ? kOther : kPolicy).ok());
    emulator().auth().Report();
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

// ---- The report.

TEST_P(AuthorizerTest, TheReportSaysWhoNeededWhat) {
  const std::string name = Create();
  GetAs("user-token", name);
  GetAs("user-token", name);
  Get(name, {});
  GetAs("wrong", name);
  GetAs("wrong", name);
  for (const absl::string_view database : {"d", "d", "e"}) {
    EXPECT_FALSE(
        As("getter-token")
            .Create("", absl::StrCat(kInstance, "/databases/", database))
            .ok());
  }
  GetAs("nobody-token", name);
  EXPECT_FALSE(As("role-token").Create("creator_role: 'hawk'").ok());

  const v1::AuthReport report = emulator().auth().Report();
  EXPECT_EQ(report.missing_token_count(), 1);
  EXPECT_EQ(report.unknown_token_count(), 2);
  std::vector<std::string> names;
  for (const auto& one : report.principals()) names.push_back(one.principal());
  EXPECT_THAT(names, ElementsAre("admin-scope", "getter", "nobody", "role-user",
                                 "user"));

  const v1::PrincipalReport user = ReportOf("user");
  ASSERT_THAT(user.used(), SizeIs(2));
  EXPECT_EQ(user.used(0).permission(), "spanner.sessions.create");
  EXPECT_EQ(user.used(0).call_count(), 1);
  EXPECT_EQ(user.used(1).permission(), "spanner.sessions.get");
  EXPECT_EQ(user.used(1).call_count(), 2);
  EXPECT_THAT(user.missing(), IsEmpty());
  EXPECT_THAT(
      user.unused(),
      ElementsAre(
          "spanner.databaseOperations.cancel", "spanner.databaseOperations.get",
          "spanner.databaseOperations.list",
          "spanner.databases.beginOrRollbackReadWriteTransaction",
          "spanner.databases.beginPartitionedDmlTransaction",
          "spanner.databases.beginReadOnlyTransaction", "spanner.databases.get",
          "spanner.databases.getDdl", "spanner.databases.partitionQuery",
          "spanner.databases.partitionRead", "spanner.databases.read",
          "spanner.databases.select", "spanner.databases.updateDdl",
          "spanner.databases.write", "spanner.instancePartitions.get",
          "spanner.instances.get", "spanner.sessions.delete",
          "spanner.sessions.list"));

  const v1::PrincipalReport getter = ReportOf("getter");
  EXPECT_THAT(getter.used(), IsEmpty());
  EXPECT_THAT(getter.unused(), ElementsAre("spanner.sessions.get"));
  ASSERT_THAT(getter.missing(), SizeIs(1));
  EXPECT_EQ(getter.missing(0).permission(), "spanner.sessions.create");
  EXPECT_EQ(getter.missing(0).call_count(), 3);
  EXPECT_THAT(getter.missing(0).resources(),
              ElementsAre(kDatabase, absl::StrCat(kInstance, "/databases/e")));

  // Of a session, what can be granted is on the database.
  ASSERT_THAT(ReportOf("nobody").missing(), SizeIs(1));
  EXPECT_THAT(ReportOf("nobody").missing(0).resources(),
              ElementsAre(kDatabase));

  const v1::PrincipalReport role = ReportOf("role-user");
  ASSERT_THAT(role.used(), SizeIs(2));
  ASSERT_THAT(role.missing(), SizeIs(1));
  EXPECT_EQ(role.missing(0).permission(), "spanner.databaseRoles.use");
  EXPECT_THAT(role.missing(0).resources(),
              ElementsAre(absl::StrCat(kDatabase, "/databaseRoles/hawk")));
}

TEST_P(AuthorizerTest, TheReportRemembersTenResources) {
  for (int i = 0; i < 12; ++i) {
    EXPECT_FALSE(As("nobody-token")
                     .Create("", absl::StrCat(kInstance, "/databases/d", i))
                     .ok());
  }
  const v1::PrincipalReport nobody = ReportOf("nobody");
  EXPECT_EQ(nobody.missing(0).call_count(), 12);
  EXPECT_THAT(nobody.missing(0).resources(), SizeIs(10));
}

TEST_P(AuthorizerTest, TheReportOutlivesPoliciesUntilItIsCleared) {
  GetAs("nobody-token", Create());
  ASSERT_TRUE(
      emulator().SetAuthPolicy("principals { name: 'new' token: 't' }").ok());
  EXPECT_THAT(ReportOf("nobody").missing(), SizeIs(1));
  EXPECT_THAT(ReportOf("new").missing(), IsEmpty());
  EXPECT_THAT(ReportOf("user").unused(), IsEmpty());
  emulator().auth().ClearReport();
  EXPECT_THAT(emulator().auth().Report().principals(), SizeIs(1));
  // By a reset, too.
  emulator().auth().RestorePolicy();
  GetAs("nobody-token", absl::StrCat(kDatabase, "/sessions/s"));
  ASSERT_THAT(emulator().Reset({.parts = {ResetPart::kSessions}}), IsOk());
  EXPECT_THAT(ReportOf("nobody").missing(), SizeIs(1));
  ASSERT_THAT(emulator().Reset({.parts = {ResetPart::kAuthReport}}), IsOk());
  EXPECT_THAT(ReportOf("nobody").missing(), IsEmpty());
}

TEST_P(AuthorizerTest, AResetBringsBackThePolicyOfTheStart) {
  const std::string name = Create();
  emulator().auth().SetPolicy(nullptr);
  ASSERT_THAT(emulator().Reset({.parts = {ResetPart::kAuthPolicy}}), IsOk());
  EXPECT_EQ(Get(name, {}).status.code(), kUnauthenticated);
  EXPECT_THAT(GetAs("user-token", name).status, IsOk());
}

// ---- What is no method, and no API of Google's.

class GrpcAuthorizerTest : public AuthorizerTest {};

INSTANTIATE_TRANSPORTS(GrpcAuthorizerTest);

TEST_P(GrpcAuthorizerTest, UnknownMethodsOfGooglesServicesNeedATokenFirst) {
  const auto channel = Connect(emulator(), GetParam());
  for (const std::string method :
       {"google.spanner.v1.Spanner/NoSuch",
        "google.spanner.admin.database.v1.DatabaseAdmin/NoSuch",
        "google.longrunning.Operations/NoSuch"}) {
    const std::string path = absl::StrCat("/", method);
    const Answer missing = CallPath(channel, path, "\xff");
    EXPECT_EQ(missing.status.code(), kUnauthenticated) << method;
    EXPECT_THAT(InfoOf(missing), HasSubstr("CREDENTIALS_MISSING"));
    EXPECT_EQ(CallPath(channel, path, "", Bearer("wrong")).status.code(),
              kUnauthenticated);
    EXPECT_THAT(CallPath(channel, path, "", Bearer("nobody-token")).status,
                StatusIs(absl::StatusCode::kUnimplemented,
                         absl::StrCat("Unknown method: ", path)));
  }
  EXPECT_EQ(InfoOf(CallPath(channel, "/google.spanner.v1.Spanner/NoSuch", "")),
            CallerInfo("CREDENTIALS_MISSING", "NoSuch"));
  EXPECT_EQ(CallPath(channel, "/any.Service/Method", "").status.code(),
            absl::StatusCode::kUnimplemented);
}

TEST_P(GrpcAuthorizerTest, BytesAreNotParsedWithoutACredential) {
  const auto channel = Connect(emulator(), GetParam());
  constexpr char kGet[] = "/google.spanner.v1.Spanner/GetSession";
  EXPECT_EQ(CallPath(channel, kGet, "\xff").status.code(), kUnauthenticated);
  EXPECT_EQ(
      CallPath(channel, kGet, "\xff", Bearer("nobody-token")).status.code(),
      absl::StatusCode::kInvalidArgument);
}

TEST_P(GrpcAuthorizerTest, HealthNeedsNoToken) {
  const auto channel = Connect(emulator(), GetParam());
  EXPECT_THAT(CallPath(channel, "/grpc.health.v1.Health/Check", "").status,
              IsOk());
  EXPECT_THAT(CallPath(channel, "/grpc.health.v1.Health/List", "").status,
              IsOk());
}

TEST_P(GrpcAuthorizerTest, ErrorInfoHasATrailerOfItsOwn) {
  const Answer answer = Get(absl::StrCat(kDatabase, "/sessions/s"), {});
  ASSERT_EQ(answer.trailers.count("google.rpc.errorinfo-bin"), 1);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(
      answer.trailers.find("google.rpc.errorinfo-bin")->second));
  EXPECT_EQ(info.reason(), "CREDENTIALS_MISSING");
}

TEST(RestAuthTest, TokensInTheQuery) {
  const auto emulator = StartEmulator({.auth_policy = kPolicy});
  const int port = emulator->http_port();
  const std::string target = absl::StrCat("/v1/", kDatabase, "/sessions");
  for (const absl::string_view query :
       {"?access_token=user-token", "?oauth_token=user-token",
        "?$access_token=user-token", "?alt=json&access_token=user%2Dtoken"}) {
    EXPECT_EQ(Fetch(port, "GET", absl::StrCat(target, query)).status, 200)
        << query;
  }
  EXPECT_EQ(Fetch(port, "GET", target + "?access_token=wrong").status, 401);
  EXPECT_EQ(Fetch(port, "GET", target + "?access_token=").status, 401);
  EXPECT_EQ(Fetch(port, "GET", target + "?key=user-token").status, 401);
  // The header comes first.
  EXPECT_EQ(Fetch(port, "GET", target + "?access_token=user-token", "",
                  Bearer("wrong"))
                .status,
            401);
}

TEST(RestAuthTest, RepliesSayHowToAuthenticate) {
  const auto emulator =
      StartEmulator({.auth_policy = kPolicy, .control_token = "control"});
  const int port = emulator->http_port();
  const std::string sessions = absl::StrCat("/v1/", kDatabase, "/sessions");
  const std::string challenge = "Bearer realm=\"https://accounts.google.com/\"";
  for (const auto& [method, target] :
       std::vector<std::pair<std::string, std::string>>{
           {"GET", sessions},
           {"HEAD", sessions},
           // A streamed one, unknown paths, another HTTP method.
           {"POST", sessions + "/s:executeStreamingSql"},
           {"GET", "/v1/no/such/path"},
           {"GET", "/v1/projects/p/instances"},
           {"PUT", sessions}}) {
    const HttpAnswer answer = Fetch(port, method, target);
    EXPECT_EQ(answer.status, 401) << method << " " << target;
    EXPECT_EQ(answer.header("www-authenticate"), challenge);
  }
  const HttpAnswer control = Fetch(port, "GET", "/emulator/v1/clock");
  EXPECT_EQ(control.status, 401);
  EXPECT_EQ(control.header("www-authenticate"),
            "Bearer realm=\"emulator control API\"");
  const HttpAnswer denied =
      Fetch(port, "GET", sessions, "", Bearer("nobody-token"));
  EXPECT_EQ(denied.status, 403);
  EXPECT_EQ(denied.header("www-authenticate"), "");
}

// Whatever is wrong with a request, who sends it comes first.
TEST(RestAuthTest, RequestsThatAreRefusedNeedACredentialFirst) {
  const auto emulator = StartEmulator({.auth_policy = kPolicy});
  const int port = emulator->http_port();
  const std::string sessions = absl::StrCat("/v1/", kDatabase, "/sessions");
  struct Case {
    std::string method;
    std::string target;
    std::string body;
    HttpHeaderList headers;
    int status;
    std::string name;
  };
  for (const Case& test :
       std::vector<Case>{{"POST",
                          sessions,
                          "<x/>",
                          {{"Content-Type", "text/xml"}},
                          415,
                          "google.spanner.v1.Spanner.CreateSession"},
                         {"POST",
                          sessions,
                          "x",
                          {{"Content-Encoding", "br"}},
                          415,
                          "google.spanner.v1.Spanner.CreateSession"},
                         {"POST",
                          sessions,
                          "x",
                          {{"Content-Encoding", "gzip"}},
                          400,
                          "google.spanner.v1.Spanner.CreateSession"},
                         {"POST",
                          sessions,
                          "{",
                          {},
                          400,
                          "google.spanner.v1.Spanner.CreateSession"},
                         {"GET",
                          sessions + "?x=1",
                          "",
                          {},
                          400,
                          "google.spanner.v1.Spanner.ListSessions"},
                         {"GET",
                          sessions + "?fields=x",
                          "",
                          {},
                          400,
                          "google.spanner.v1.Spanner.ListSessions"},
                         {"GET", "/v1/no/such", "", {}, 404, "/v1/no/such"},
                         {"PUT", sessions, "", {}, 405, sessions}}) {
    SCOPED_TRACE(test.target + " " + test.body);
    const HttpAnswer without =
        Fetch(port, test.method, test.target, test.body, test.headers);
    EXPECT_EQ(without.status, 401);
    EXPECT_THAT(without.body,
                HasSubstr(absl::StrCat("\"method\": \"", test.name, "\"")));
    HttpHeaderList headers = test.headers;
    headers.emplace_back("Authorization", "Bearer nobody-token");
    EXPECT_EQ(Fetch(port, test.method, test.target, test.body, headers).status,
              test.status);
  }
}

TEST(RestAuthTest, PagesAndPreflightsNeedNoToken) {
  const auto emulator =
      StartEmulator({.http_cors_origin = "*", .auth_policy = kPolicy});
  const int port = emulator->http_port();
  for (const absl::string_view page : {"/healthz", "/readyz", "/version"}) {
    EXPECT_EQ(Fetch(port, "GET", page).status, 200) << page;
  }
  EXPECT_EQ(Fetch(port, "GET", "/elsewhere").status, 404);
  const HttpAnswer preflight =
      Fetch(port, "OPTIONS", absl::StrCat("/v1/", kDatabase, "/sessions"), "",
            {{"Access-Control-Request-Headers", "authorization"}});
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.header("access-control-allow-headers"), "authorization");
}

TEST(AuthOptionsTest, AWrongPolicyIsAnErrorAtTheStart) {
  EXPECT_THAT(Emulator::Start({.auth_policy = "principals {}"}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "auth_policy: principals[0].name must not be empty"));
}

// How the text of a policy is read; what it says is the business of
// policy_test.
TEST(PolicyTextTest, IsTextFormatOrJson) {
  const auto emulator = StartEmulator();
  for (const absl::string_view text :
       {"# A comment.\nprincipals { name: 'n' token: 't' }",
        "{\"principals\": [{\"name\": \"n\", \"token\": \"t\"}]}",
        " \n\t{\"principals\": [{\"name\": \"n\", \"token\": \"t\", "
        "\"expireTime\": \"2030-01-01T00:00:00Z\"}]}"}) {
    emulator->auth().SetPolicy(nullptr);
    EXPECT_THAT(emulator->SetAuthPolicy(std::string(text)), IsOk());
    EXPECT_EQ(emulator->auth().policy().principals(0).name(), "n");
  }
}

TEST(PolicyTextTest, MistakesHaveAPlaceAndNothingIsQuoted) {
  const auto emulator = StartEmulator();
  for (const auto& [text, error] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "principals must not be empty"},
           {"{}", "principals must not be empty"},
           {"principals {\n  name: 'SECRET'\n  token: SECRET\n}",
            "is not text format: see line 3, column 10; expected a "
            "spanner_session_emulator.v1.AuthPolicy, or its JSON"},
           {"principals {\n  SECRET: 'SECRET'\n}",
            "is not text format: see line 2, column 9, which names a field "
            "that does not exist; "},
           {"SECRET", "is not text format: see line 1, column 7"},
           {"[\"SECRET\"]", "is not text format: see line 1, column "},
           {"\xff SECRET", "is not text format: see line 1, column "},
           {"{\n\"principals\": [\n{\"token\": \"SECRET\" \"x\"}]}",
            "is not valid JSON: see line 3; expected the JSON of a "
            "spanner_session_emulator.v1.AuthPolicy"},
           {"{\"SECRET", "is not valid JSON"},
           {"{\"principals\": [{\"SECRET\": \"n\"}]}",
            "principals[0] has a field that is none of: name, token, "
            "expire_time, scopes, grants"},
           {"{\"SECRET\": []}", "has a field that is none of: principals"},
           {"{\"principals\": {\"SECRET\": {}}}", "principals "},
           {"{\"principals\": \"SECRET\"}", "principals must be a list of "},
           {"{\"principals\": [{\"expireTime\": \"SECRET\"}]}",
            "principals[0].expire_time must be of type "
            "google.protobuf.Timestamp"},
           {"{\"principals\": [{\"token\": [\"SECRET\"]}]}",
            "principals[0].token must be of type string"},
           {"{\"principals\": [{\"token\": {\"SECRET\": 1}}]}",
            "principals[0] must be of type "
            "spanner_session_emulator.v1.AuthPolicy.Principal"},
           {"{\"principals\": [{\"name\": \"n\", \"token\": \"SECRET\", "
            "\"grants\": [{\"roles\": [\"SECRET\"]}]}]}",
            "principals[0].grants[0].roles[0] must be one of "}}) {
    const absl::Status status = emulator->SetAuthPolicy(text);
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(error)))
        << text;
    EXPECT_THAT(status.ToString(), ::testing::Not(HasSubstr("SECRET"))) << text;
  }
}

}  // namespace
}  // namespace spanner_session_emulator
