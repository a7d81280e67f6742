#include "server/call/method.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/arena.h"
#include "google/spanner/v1/spanner.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "gtest/gtest.h"
#include "tests/server/call/call_testing.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

using ::testing::ElementsAre;

const google::protobuf::ServiceDescriptor* HealthService() {
  return grpc::health::v1::HealthCheckRequest::descriptor()
      ->file()
      ->FindServiceByName("Health");
}

// A handler whose replies can be told from others'.
Handler Saying(const std::string& text) {
  return [text](Call&) { return Reply::Error(absl::AbortedError(text)); };
}

std::string Said(const Method& method) {
  const FakeContext context;
  Call call(method, context);
  return std::string(method.handle(call).status().message());
}

struct SpannerMethod {
  const char* name;
  const char* request;
  ResourceKind kind;
  const char* field;
  bool streaming = false;
};

constexpr SpannerMethod kSpannerMethods[] = {
    {"CreateSession", "CreateSessionRequest", ResourceKind::kDatabase,
     "database"},
    {"BatchCreateSessions", "BatchCreateSessionsRequest",
     ResourceKind::kDatabase, "database"},
    {"GetSession", "GetSessionRequest", ResourceKind::kSession, "name"},
    {"ListSessions", "ListSessionsRequest", ResourceKind::kDatabase,
     "database"},
    {"DeleteSession", "DeleteSessionRequest", ResourceKind::kSession, "name"},
    {"ExecuteSql", "ExecuteSqlRequest", ResourceKind::kSession, "session"},
    {"ExecuteStreamingSql", "ExecuteSqlRequest", ResourceKind::kSession,
     "session", true},
    {"ExecuteBatchDml", "ExecuteBatchDmlRequest", ResourceKind::kSession,
     "session"},
    {"Read", "ReadRequest", ResourceKind::kSession, "session"},
    {"StreamingRead", "ReadRequest", ResourceKind::kSession, "session", true},
    {"BeginTransaction", "BeginTransactionRequest", ResourceKind::kSession,
     "session"},
    {"Commit", "CommitRequest", ResourceKind::kSession, "session"},
    {"Rollback", "RollbackRequest", ResourceKind::kSession, "session"},
    {"PartitionQuery", "PartitionQueryRequest", ResourceKind::kSession,
     "session"},
    {"PartitionRead", "PartitionReadRequest", ResourceKind::kSession,
     "session"},
    {"BatchWrite", "BatchWriteRequest", ResourceKind::kSession, "session",
     true},
    {"FetchCacheUpdate", "FetchCacheUpdateRequest", ResourceKind::kDatabase,
     "database", true},
};

TEST(MethodTableTest, HasEverySpannerMethodInTheOrderOfItsDeclaration) {
  MethodTable table;
  table.AddService(SpannerService(), Saying("fallback"));
  ASSERT_EQ(table.methods().size(), std::size(kSpannerMethods));
  for (size_t i = 0; i < table.methods().size(); ++i) {
    const Method& method = *table.methods()[i];
    const SpannerMethod& expected = kSpannerMethods[i];
    SCOPED_TRACE(expected.name);
    EXPECT_EQ(method.name, expected.name);
    EXPECT_EQ(method.full_name,
              absl::StrCat("google.spanner.v1.Spanner.", expected.name));
    EXPECT_EQ(method.path,
              absl::StrCat("/google.spanner.v1.Spanner/", expected.name));
    EXPECT_EQ(method.descriptor(),
              SpannerService()->FindMethodByName(expected.name));
    EXPECT_EQ(method.server_streaming, expected.streaming);
    google::protobuf::Arena arena;
    EXPECT_EQ(method.NewRequest(&arena)->GetTypeName(),
              absl::StrCat("google.spanner.v1.", expected.request));
    EXPECT_EQ(method.resource_kind, expected.kind);
    EXPECT_EQ(method.resource_field, expected.field);
    EXPECT_EQ(method.validate, nullptr);
    EXPECT_EQ(Said(method), "fallback");
  }
}

TEST(MethodTableTest, HoldsSeveralServices) {
  MethodTable table;
  table.AddService(SpannerService(), Saying("spanner"));
  table.AddService(HealthService(), Saying("health"));
  ASSERT_EQ(table.methods().size(), std::size(kSpannerMethods) + 3);
  const Method* check = FindMethod(table, "grpc.health.v1.Health.Check");
  ASSERT_NE(check, nullptr);
  EXPECT_EQ(check->path, "/grpc.health.v1.Health/Check");
  EXPECT_EQ(check->resource_kind, ResourceKind::kNone);
  EXPECT_EQ(check->resource_field, "");
  EXPECT_EQ(Said(*check), "health");
  EXPECT_EQ(Said(*table.methods()[0]), "spanner");
}

TEST(MethodTableTest, SetGivesOneMethodItsHandler) {
  MethodTable table;
  table.AddService(SpannerService(), Saying("fallback"));
  const api::GetSessionRequest prototype;
  table.Set("google.spanner.v1.Spanner.GetSession", prototype, Saying("mine"),
            [](Call&) { return absl::AbortedError("validated"); });
  for (const auto& method : table.methods()) {
    EXPECT_EQ(method->request_prototype,
              method->name == "GetSession" ? &prototype : nullptr);
    EXPECT_EQ(Said(*method),
              method->name == "GetSession" ? "mine" : "fallback");
    EXPECT_EQ(method->validate != nullptr, method->name == "GetSession");
  }
}

TEST(MethodTableDeathTest, SetOfAMethodThatIsNotThereAborts) {
  MethodTable table;
  table.AddService(SpannerService(), Saying("fallback"));
  EXPECT_DEATH(table.Set("google.spanner.v1.Spanner.NoSuch",
                         api::GetSessionRequest(), Saying("")),
               "no method google.spanner.v1.Spanner.NoSuch");
}

TEST(MethodTableDeathTest, SecretsOfAMethodThatIsNotThereAbort) {
  MethodTable table;
  EXPECT_DEATH(table.SetHasSecrets("a.B.C"), "no method a.B.C");
}

TEST(MethodTableTest, KnowsWhichMethodsHaveSecrets) {
  MethodTable table;
  table.AddService(SpannerService(), nullptr);
  table.SetHasSecrets("google.spanner.v1.Spanner.GetSession");
  for (const auto& method : table.methods()) {
    EXPECT_EQ(method->has_secrets, method->name == "GetSession");
  }
}

TEST(MethodTableTest, KnowsTheScopesOfEveryMethod) {
  MethodTable table;
  table.AddService(SpannerService(), nullptr);
  for (const auto& method : table.methods()) {
    EXPECT_EQ(method->api_kind, ApiKind::kGoogle);
    EXPECT_THAT(method->oauth_scopes,
                ElementsAre("https://www.googleapis.com/auth/cloud-platform",
                            "https://www.googleapis.com/auth/spanner.data"));
  }
}

TEST(ApiKindTest, IsKnownByTheNameOfAMethodThatNeedNotExist) {
  for (const absl::string_view name :
       {"google.spanner.v1.Spanner.GetSession",
        "/google.spanner.v1.Spanner/NoSuch", "/google.spanner.v9.X/Y",
        "/google.longrunning.Operations/GetOperation"}) {
    EXPECT_EQ(ApiKindOf(name), ApiKind::kGoogle) << name;
  }
  EXPECT_EQ(ApiKindOf("/spanner_session_emulator.v1.ClockService/NoSuch"),
            ApiKind::kControl);
  for (const absl::string_view name :
       {"grpc.health.v1.Health.Check", "/google.spannerx.Y/Z", "/", "",
        "/x.google.spanner.v1.Spanner/GetSession"}) {
    EXPECT_EQ(ApiKindOf(name), ApiKind::kOpen) << name;
  }
  EXPECT_EQ(UnknownMethod("/google.spanner.v1.X/Y").api_kind, ApiKind::kGoogle);
}

TEST(UnknownMethodTest, AnswersWithItsPath) {
  const Method method = UnknownMethod("/a.B/C");
  EXPECT_EQ(method.path, "/a.B/C");
  EXPECT_EQ(method.full_name, "a.B.C");
  EXPECT_EQ(method.api_kind, ApiKind::kOpen);
  EXPECT_FALSE(method.known);
  EXPECT_EQ(method.descriptor(), nullptr);
  google::protobuf::Arena arena;
  EXPECT_EQ(method.NewRequest(&arena), nullptr);
  EXPECT_EQ(method.resource_kind, ResourceKind::kNone);
  EXPECT_EQ(Said(method), "Unknown method: /a.B/C");
}

}  // namespace
}  // namespace spanner_session_emulator
