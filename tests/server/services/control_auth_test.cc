// AuthService of the control API, and the token that the control API itself may
// need. Who may call by which policy is the business of tests/server/auth.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "spanner_session_emulator/v1/auth.pb.h"
#include "spanner_session_emulator/v1/clock.pb.h"
#include "spanner_session_emulator/v1/reset.pb.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kUnauthenticated =
    absl::StatusCode::kUnauthenticated;

constexpr char kPolicy[] =
    "principals { name: 'a' token: 'a-token' "
    "grants { roles: 'roles/spanner.databaseReader' } }";
constexpr char kOther[] =
    "policy { principals { name: 'b' token: 'b-token' expire_time { seconds: "
    "4000000000 } scopes: 'https://x/y' grants { permissions: "
    "'spanner.sessions.get' resources: 'projects/p' } } }";

const google::protobuf::MethodDescriptor& Method(absl::string_view name) {
  return *google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      absl::StrCat("spanner_session_emulator.v1.", name));
}

Metadata Bearer(absl::string_view token) {
  return {{"authorization", absl::StrCat("Bearer ", token)}};
}

class ControlAuthTest : public ::testing::TestWithParam<Transport> {
 protected:
  ControlAuthTest() { StartWith({.auth_policy = kPolicy}); }

  void StartWith(EmulatorOptions options) {
    emulator_ = StartEmulator(std::move(options));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Invoke(absl::string_view method,
                                  absl::string_view request,
                                  Metadata metadata = {}) {
    return ToResponse<Response>(
        MakeCaller(*emulator_, GetParam(), std::move(metadata))
            ->Call(Method(method), FromText<Request>(request)));
  }
  auto GetPolicy(Metadata metadata = {}) {
    return Invoke<v1::GetAuthPolicyRequest, v1::AuthPolicy>(
        "AuthService.GetAuthPolicy", "", std::move(metadata));
  }
  auto SetPolicy(absl::string_view request) {
    return Invoke<v1::SetAuthPolicyRequest, v1::AuthPolicy>(
        "AuthService.SetAuthPolicy", request);
  }
  auto RemovePolicy() {
    return Invoke<v1::RemoveAuthPolicyRequest, v1::RemoveAuthPolicyResponse>(
        "AuthService.RemoveAuthPolicy", "");
  }
  auto GetReport() {
    return Invoke<v1::GetAuthReportRequest, v1::AuthReport>(
        "AuthService.GetAuthReport", "");
  }
  auto ClearReport() {
    return Invoke<v1::ClearAuthReportRequest, v1::ClearAuthReportResponse>(
        "AuthService.ClearAuthReport", "");
  }
  auto GetClock(Metadata metadata) {
    return Invoke<v1::GetClockRequest, v1::Clock>("ClockService.GetClock", "",
                                                  std::move(metadata));
  }
  // What a call of Spanner's API by the owner of that token ends with.
  absl::StatusCode ListAs(absl::string_view token) {
    return SpannerClient(MakeCaller(*emulator_, GetParam(),
                                    token.empty() ? Metadata() : Bearer(token)))
        .List()
        .status()
        .code();
  }
  Emulator& emulator() { return *emulator_; }

 private:
  std::unique_ptr<Emulator> emulator_;
};

INSTANTIATE_ALL_TRANSPORTS(ControlAuthTest);

TEST_P(ControlAuthTest, ThePolicyIsReadWithoutTokens) {
  EXPECT_THAT(GetPolicy().value(),
              EqualsProto(FromText<v1::AuthPolicy>(
                  "principals { name: 'a' "
                  "grants { roles: 'roles/spanner.databaseReader' } }")));
}

TEST_P(ControlAuthTest, ThePolicyIsReplaced) {
  EXPECT_EQ(ListAs("a-token"), absl::StatusCode::kOk);
  auto expected = FromText<v1::SetAuthPolicyRequest>(kOther);
  expected.mutable_policy()->mutable_principals(0)->clear_token();
  EXPECT_THAT(SetPolicy(kOther).value(), EqualsProto(expected.policy()));
  EXPECT_THAT(GetPolicy().value(), EqualsProto(expected.policy()));
  EXPECT_EQ(ListAs("a-token"), kUnauthenticated);
  EXPECT_EQ(ListAs("b-token"), absl::StatusCode::kPermissionDenied);
}

TEST_P(ControlAuthTest, AWrongPolicyChangesNothing) {
  for (const auto& [request, error] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "policy.principals must not be empty"},
           {"policy {}", "policy.principals must not be empty"},
           {"policy { principals { name: 'x' token: 'SECRET' } "
            "principals { name: 'y' token: 'SECRET' } }",
            "policy.principals[1].token must differ"},
           {"policy { principals { name: 'x' token: 'SECRET' scopes: 'SECRET' "
            "} }",
            "policy.principals[0].scopes[0] must be a scope's full name"}}) {
    const auto response = SetPolicy(request);
    EXPECT_THAT(response,
                StatusIs(absl::StatusCode::kInvalidArgument,
                         StartsWith(absl::StrCat(
                             "Invalid SetAuthPolicy request: ", error))));
    EXPECT_THAT(response.status().ToString(), Not(HasSubstr("SECRET")));
  }
  EXPECT_EQ(ListAs("a-token"), absl::StatusCode::kOk);
  EXPECT_EQ(GetPolicy()->principals(0).name(), "a");
}

TEST_P(ControlAuthTest, ThePolicyIsRemovedAndSetAgain) {
  EXPECT_EQ(ListAs(""), kUnauthenticated);
  EXPECT_THAT(RemovePolicy(), IsOk());
  EXPECT_THAT(GetPolicy()->principals(), IsEmpty());
  EXPECT_EQ(ListAs(""), absl::StatusCode::kOk);
  EXPECT_THAT(RemovePolicy(), IsOk());
  EXPECT_THAT(SetPolicy(kOther), IsOk());
  EXPECT_EQ(ListAs(""), kUnauthenticated);
}

TEST_P(ControlAuthTest, TheReportIsReadAndCleared) {
  ListAs("a-token");
  ListAs("");
  const v1::AuthReport report = GetReport().value();
  EXPECT_EQ(report.missing_token_count(), 1);
  ASSERT_THAT(report.principals(), SizeIs(1));
  EXPECT_EQ(report.principals(0).principal(), "a");
  ASSERT_THAT(report.principals(0).used(), SizeIs(1));
  EXPECT_EQ(report.principals(0).used(0).permission(), "spanner.sessions.list");
  EXPECT_THAT(report, EqualsProto(emulator().auth().Report()));
  EXPECT_THAT(ClearReport(), IsOk());
  EXPECT_EQ(GetReport()->missing_token_count(), 0);
  EXPECT_THAT(GetReport()->principals(0).used(), IsEmpty());
}

TEST_P(ControlAuthTest, AResetIsOfThePolicyAndTheReportToo) {
  ListAs("a-token");
  ASSERT_THAT(SetPolicy(kOther), IsOk());
  // With a scope, it leaves both alone.
  const auto reset = [this](absl::string_view request) {
    return Invoke<v1::ResetRequest, v1::ResetResponse>("ResetService.Reset",
                                                       request);
  };
  ASSERT_THAT(reset("scope: 'projects/p'"), IsOk());
  EXPECT_EQ(GetPolicy()->principals(0).name(), "b");
  EXPECT_THAT(GetReport()->principals(), SizeIs(2));
  ASSERT_THAT(reset("parts: AUTH_POLICY"), IsOk());
  EXPECT_EQ(GetPolicy()->principals(0).name(), "a");
  EXPECT_THAT(GetReport()->principals(0).used(), SizeIs(1));
  ASSERT_THAT(reset("parts: AUTH_REPORT"), IsOk());
  EXPECT_THAT(GetReport()->principals(0).used(), IsEmpty());
  ASSERT_THAT(SetPolicy(kOther), IsOk());
  ListAs("b-token");
  ASSERT_THAT(reset(""), IsOk());
  EXPECT_EQ(GetPolicy()->principals(0).name(), "a");
  EXPECT_THAT(GetReport()->principals(), SizeIs(1));
}

// ---- The control API's own token.

TEST_P(ControlAuthTest, ThePolicyIsNoMatterOfTheControlApi) {
  EXPECT_THAT(GetClock({}), IsOk());
  EXPECT_THAT(GetClock(Bearer("whatever")), IsOk());
}

TEST_P(ControlAuthTest, EveryMethodOfTheControlApiNeedsItsToken) {
  StartWith({.control_token = "control-token"});
  int count = 0;
  for (const std::string service :
       {"ClockService", "SessionService", "ResetService", "AuthService",
        "StubService", "FaultService", "JournalService"}) {
    const auto& descriptor =
        *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            absl::StrCat("spanner_session_emulator.v1.", service));
    for (int i = 0; i < descriptor.method_count(); ++i) {
      const auto& method = *descriptor.method(i);
      const std::unique_ptr<google::protobuf::Message> request(
          google::protobuf::MessageFactory::generated_factory()
              ->GetPrototype(method.input_type())
              ->New());
      EXPECT_THAT(
          MakeCaller(emulator(), GetParam())->Call(method, *request).status,
          StatusIs(kUnauthenticated,
                   "The control API needs the token that the emulator was "
                   "started with (--control_token), as `authorization: "
                   "Bearer`, but there is none"))
          << method.full_name();
      EXPECT_THAT(
          MakeCaller(emulator(), GetParam(), Bearer("wrong"))
              ->Call(method, *request)
              .status,
          StatusIs(kUnauthenticated,
                   "The control API needs the token that the emulator was "
                   "started with (--control_token), but `authorization` has "
                   "another"));
      ++count;
    }
  }
  EXPECT_EQ(count, 40);
  EXPECT_THAT(GetClock(Bearer("control-token")), IsOk());
  EXPECT_THAT(GetClock({{"authorization", "bearer control-token"}}), IsOk());
  EXPECT_EQ(
      GetClock({{"authorization", "Basic control-token"}}).status().code(),
      kUnauthenticated);
  // It is no token of Spanner's API, which needs none here.
  EXPECT_EQ(ListAs(""), absl::StatusCode::kOk);
}

TEST_P(ControlAuthTest, TheTwoKindsOfTokensAreNotMixedUp) {
  StartWith({.auth_policy = kPolicy, .control_token = "control-token"});
  EXPECT_EQ(GetClock(Bearer("a-token")).status().code(), kUnauthenticated);
  EXPECT_EQ(ListAs("control-token"), kUnauthenticated);
  EXPECT_EQ(ListAs("a-token"), absl::StatusCode::kOk);
  EXPECT_THAT(GetPolicy(Bearer("control-token")), IsOk());
}

TEST(RestControlAuthTest, ThePolicyIsTheBodyAndErrorsQuoteNothing) {
  const auto emulator = StartEmulator();
  const auto set = [&](absl::string_view body) {
    return Fetch(emulator->http_port(), "POST", "/emulator/v1/authPolicy:set",
                 body);
  };
  EXPECT_EQ(set(R"({"principals": [{"name": "n", "token": "SECRET"}]})").body,
            "{\n  \"principals\": [\n    {\n      \"name\": \"n\"\n    }\n  "
            "]\n}\n");
  for (const auto& [body, error] :
       std::vector<std::pair<std::string, std::string>>{
           {"{\"principals\": [\n{\"token\": \"SECRET\" SECRET}]}",
            "body is not valid JSON: see line 2"},
           {"SECRET", "body is not valid JSON"},
           {"[\"SECRET\"]",
            "body is not the JSON of a spanner_session_emulator.v1.AuthPolicy"},
           {"5",
            "body is not the JSON of a spanner_session_emulator.v1.AuthPolicy"},
           {R"({"principals": [{"name": "n", "SECRET": "t"}]})",
            "policy.principals[0] has a field that is none of: name, token, "
            "expire_time, scopes, grants"},
           {R"({"SECRET": "t"})",
            "body has a field that is none of: principals"},
           {R"({"principals": [{"token": "t", "expireTime": "SECRET"}]})",
            "policy.principals[0].expire_time must be of type "
            "google.protobuf.Timestamp"}}) {
    const HttpAnswer answer = set(body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_THAT(answer.body, HasSubstr(absl::StrCat(
                                 "Invalid SetAuthPolicy request: ", error)));
    EXPECT_THAT(answer.body, Not(HasSubstr("SECRET")));
  }
  EXPECT_EQ(emulator->auth().policy().principals(0).name(), "n");
}

TEST(RestControlAuthTest, PathsOfTheControlApiThatDoNotExistNeedItsToken) {
  const auto emulator = StartEmulator({.control_token = "control-token"});
  const int port = emulator->http_port();
  EXPECT_EQ(Fetch(port, "GET", "/emulator/v1/nothing").status, 401);
  EXPECT_EQ(
      Fetch(port, "GET", "/emulator/v1/nothing", "", Bearer("control-token"))
          .status,
      404);
  EXPECT_EQ(Fetch(port, "GET", "/emulator/v1/clock?access_token=control-token")
                .status,
            200);
  EXPECT_EQ(Fetch(port, "GET", "/readyz").status, 200);
}

}  // namespace
}  // namespace spanner_session_emulator
