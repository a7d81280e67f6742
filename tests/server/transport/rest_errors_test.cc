// How calls and errors travel over REST: paths, bodies, statuses, and JSON to
// the byte. What the calls answer is the business of services/.

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kSessions[] = "/v1/projects/p/instances/i/databases/d/sessions";
constexpr char kMissing[] = "projects/p/instances/i/databases/d/sessions/s";

class RestErrorsTest : public ::testing::Test {
 protected:
  void StartWith(EmulatorOptions options) {
    emulator_ = StartEmulator(std::move(options));
  }
  Emulator& emulator() { return *emulator_; }

  HttpAnswer Send(absl::string_view method, absl::string_view target,
                  absl::string_view body = "",
                  const HttpHeaderList& headers = {}) {
    return Fetch(emulator_->http_port(), method, target, body, headers);
  }

  // The path of a new session.
  std::string CreateSession() {
    const HttpAnswer answer =
        Send("POST", absl::StrCat(kSessions, "?fields=name&prettyPrint=false"));
    const std::string prefix = "{\"name\":\"";
    EXPECT_THAT(answer.body, AllOf(StartsWith(prefix), EndsWith("\"}")));
    return "/v1/" + answer.body.substr(prefix.size(),
                                       answer.body.size() - prefix.size() - 2);
  }

 private:
  std::unique_ptr<Emulator> emulator_ = StartEmulator();
};

MATCHER_P2(IsError, http_status, message,
           absl::StrCat("is HTTP ", http_status, " with a message that ",
                        ::testing::DescribeMatcher<std::string>(
                            ::testing::Matcher<std::string>(message)))) {
  *result_listener << arg.status << " " << arg.body;
  return arg.status == http_status && arg.headers.count("content-type") == 1 &&
         arg.headers.find("content-type")->second ==
             "application/json; charset=UTF-8" &&
         absl::StrContains(arg.body,
                           absl::StrCat("\"code\": ", http_status, ",")) &&
         ::testing::ExplainMatchResult(
             message, std::string(StatusFromJson(arg.body, nullptr).message()),
             result_listener);
}

// ---- Google's shape.

TEST_F(RestErrorsTest, MissingSessionInGooglesShape) {
  const HttpAnswer answer = Send("GET", absl::StrCat("/v1/", kMissing));
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.header("content-type"), "application/json; charset=UTF-8");
  EXPECT_EQ(answer.body, R"({
  "error": {
    "code": 404,
    "message": "Session not found: projects/p/instances/i/databases/d/sessions/s",
    "status": "NOT_FOUND",
    "details": [
      {
        "@type": "type.googleapis.com/google.rpc.ResourceInfo",
        "resourceType": "type.googleapis.com/google.spanner.v1.Session",
        "resourceName": "projects/p/instances/i/databases/d/sessions/s",
        "description": "Session does not exist."
      }
    ]
  }
}
)");
}

TEST_F(RestErrorsTest, MissingSessionInEveryRpc) {
  RestCaller caller(emulator().http_port());
  google::rpc::ResourceInfo info;
  info.set_resource_type("type.googleapis.com/google.spanner.v1.Session");
  info.set_resource_name(kMissing);
  info.set_description("Session does not exist.");
  google::rpc::Status expected;
  expected.set_code(5);
  expected.set_message(absl::StrCat("Session not found: ", kMissing));
  expected.add_details()->PackFrom(info);
  for (const NamingMethod& method : MethodsOfSessions()) {
    if (method.name() == "DeleteSession") continue;
    SCOPED_TRACE(method.name());
    const HttpCall call = ToHttp(*method.method, *method.Request(kMissing));
    EXPECT_EQ(Send(call.method, call.target, call.body).status, 404);
    const Answer answer = caller.Call(method.name(), *method.Request(kMissing));
    google::rpc::Status details;
    EXPECT_TRUE(details.ParseFromString(answer.details));
    EXPECT_THAT(details, EqualsProto(expected));
  }
}

TEST_F(RestErrorsTest, MissingDatabaseAndInstance) {
  StartWith({.databases = {std::string(kDatabase)}});
  for (const auto& [database, kind, type, name] :
       std::vector<std::array<std::string, 4>>{
           {"projects/p/instances/i/databases/d2", "Database",
            "google.spanner.admin.database.v1.Database",
            "projects/p/instances/i/databases/d2"},
           {"projects/p/instances/i2/databases/d", "Instance",
            "google.spanner.admin.instance.v1.Instance",
            "projects/p/instances/i2"}}) {
    const HttpAnswer answer =
        Send("POST", absl::StrCat("/v1/", database, "/sessions"));
    EXPECT_THAT(answer, IsError(404, absl::StrCat(kind, " not found: ", name)));
    std::string bytes;
    (void)StatusFromJson(answer.body, &bytes);
    google::rpc::Status status;
    ASSERT_TRUE(status.ParseFromString(bytes));
    google::rpc::ResourceInfo info;
    ASSERT_EQ(status.details_size(), 1);
    ASSERT_TRUE(status.details(0).UnpackTo(&info));
    EXPECT_EQ(info.resource_type(), "type.googleapis.com/" + type);
    EXPECT_EQ(info.resource_name(), name);
    EXPECT_EQ(info.description(), kind + " does not exist.");
  }
}

TEST_F(RestErrorsTest, InvalidFieldIsNamedInMessageAndDetails) {
  const HttpAnswer answer =
      Send("POST", kSessions, R"({"session":{"labels":{"Bad":"x"}}})");
  EXPECT_THAT(answer, IsError(400, StartsWith("Invalid CreateSession request: "
                                              "session.labels has ")));
  EXPECT_THAT(answer.body,
              AllOf(HasSubstr("\"status\": \"INVALID_ARGUMENT\""),
                    HasSubstr("type.googleapis.com/google.rpc.BadRequest"),
                    HasSubstr("\"field\": \"session.labels\"")));
}

TEST_F(RestErrorsTest, NoRoomUnderTheCapIs429) {
  StartWith({.max_sessions = 1});
  CreateSession();
  EXPECT_THAT(Send("POST", kSessions),
              IsError(429, StartsWith("Too many sessions")));
}

TEST_F(RestErrorsTest, MethodWithoutAHandlerIs501) {
  // Its reply is a stream, thus a list, of one error.
  const HttpAnswer answer =
      Send("POST", absl::StrCat("/v1/", kDatabase, ":cacheUpdate"), "{}");
  EXPECT_EQ(answer.status, 501);
  EXPECT_THAT(answer.body,
              HasSubstr("google.spanner.v1.Spanner.FetchCacheUpdate"));
}

// ---- Small print.

TEST_F(RestErrorsTest, LongNameOfAMissingSessionIsCut) {
  const std::string name = absl::StrCat(kSessions, "/", std::string(3000, 'x'));
  const HttpAnswer answer = Send("GET", name);
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(StatusFromJson(answer.body, nullptr).message().size(), 1024);
  EXPECT_LT(answer.body.size(), 3000);
}

TEST_F(RestErrorsTest, NoMessageEndsInABlank) {
  const HttpAnswer answer = Send("GET", absl::StrCat(kSessions, "/s%20"));
  EXPECT_THAT(answer, IsError(404, Not(EndsWith(" "))));
}

TEST_F(RestErrorsTest, WhatGcloudSends) {
  // No body, not even its length, and alt=json on every call.
  const std::string session = CreateSession();
  EXPECT_EQ(Send("POST", absl::StrCat(kSessions, "?alt=json")).status, 200);
  EXPECT_EQ(Send("POST", absl::StrCat(kSessions, "?alt=json"), "",
                 {{"Content-Length", "0"}})
                .status,
            200);
  const HttpAnswer first =
      Send("GET", absl::StrCat(kSessions, "?alt=json&pageSize=2&filter="));
  EXPECT_EQ(first.status, 200);
  EXPECT_THAT(first.body, HasSubstr("\"nextPageToken\""));
  EXPECT_THAT(Send("DELETE", session + "?alt=json").body, "{}\n");
}

TEST_F(RestErrorsTest, SystemParametersAreUnderstood) {
  const std::string session = CreateSession();
  for (const std::string parameter :
       {"alt=json", "%24alt=json", "$alt=json", "key=k", "$key=k",
        "access_token=t", "$access_token=t", "quotaUser=u", "$quotaUser=u",
        "fields=name", "$fields=name", "prettyPrint=true",
        "$prettyPrint=false"}) {
    EXPECT_EQ(Send("GET", session + "?" + parameter).status, 200) << parameter;
  }
  EXPECT_THAT(Send("GET", session + "?nonsense=1"),
              IsError(400, HasSubstr("nonsense")));
}

TEST_F(RestErrorsTest, BodyMustBeEmptyWhereNoneIsAllowed) {
  const std::string session = CreateSession();
  for (const char* method : {"GET", "DELETE"}) {
    for (const char* body : {"{}", " ", "x", "{\"name\":\"x\"}"}) {
      for (const HttpHeaderList& headers :
           {HttpHeaderList{},
            HttpHeaderList{{"Content-Type", "application/json"}},
            HttpHeaderList{{"Content-Type", "text/plain"}}}) {
        EXPECT_THAT(Send(method, session, body, headers),
                    IsError(400, HasSubstr("body")))
            << method << body;
      }
    }
  }
  EXPECT_EQ(Send("GET", session).status, 200);
}

TEST_F(RestErrorsTest, BodiesAreJsonWhateverCurlCallsThem) {
  const std::string body = R"({"session":{"creatorRole":"r"}})";
  for (const char* type :
       {"application/json", "application/json; charset=utf-8",
        "application/x-www-form-urlencoded"}) {
    EXPECT_THAT(Send("POST", kSessions, body, {{"Content-Type", type}}).body,
                HasSubstr("\"creatorRole\": \"r\""))
        << type;
  }
  EXPECT_THAT(Send("POST", kSessions, body, {{"Content-Type", "image/png"}}),
              IsError(415, HasSubstr("image/png")));
}

TEST_F(RestErrorsTest, UnknownJsonFieldIsNamed) {
  EXPECT_THAT(Send("POST", kSessions, R"({"sesion":{}})"),
              IsError(400, AllOf(StartsWith("Invalid CreateSession request"),
                                 HasSubstr("sesion"))));
  EXPECT_THAT(Send("POST", kSessions, R"({"session":{"lables":{}}})"),
              IsError(400, HasSubstr("lables")));
  for (const char* body : {"{", "nonsense", "[]", "1", "{}{}", "\xff"}) {
    EXPECT_THAT(Send("POST", kSessions, body),
                IsError(400, StartsWith("Invalid CreateSession request")))
        << body;
  }
}

TEST_F(RestErrorsTest, UnknownPathsAndVerbs) {
  for (const char* path :
       {"/", "/v1", "/v1/projects", "/v2/x", "/v1/projects/p/instances/i/x",
        "/v1/projects/p/instances/i/databases/d/sessions/s/t"}) {
    EXPECT_THAT(Send("GET", path), IsError(404, HasSubstr(path))) << path;
  }
  const HttpAnswer put = Send("PUT", kSessions);
  EXPECT_THAT(put, IsError(405, HasSubstr("PUT")));
  EXPECT_EQ(put.header("allow"), "GET, HEAD, POST");
  EXPECT_THAT(Send("POST", absl::StrCat("/v1/", kMissing)), IsError(405, _));
}

TEST_F(RestErrorsTest, HeadIsGetWithoutABody) {
  const std::string session = CreateSession();
  const HttpAnswer get = Send("GET", session);
  const HttpAnswer head = Send("HEAD", session);
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.body, IsEmpty());
  EXPECT_EQ(head.header("content-length"), get.header("content-length"));
  EXPECT_EQ(Send("HEAD", absl::StrCat("/v1/", kMissing)).status, 404);
}

TEST_F(RestErrorsTest, TooLargeABodyIs413) {
  // Answered at the announcement, so nothing of it needs to be sent.
  EXPECT_THAT(Send("POST", kSessions, "",
                   {{"Content-Length", absl::StrCat((100 << 20) + 1)}}),
              IsError(413, HasSubstr("104857600")));
}

// ---- Pages beside the API.

TEST_F(RestErrorsTest, HealthReadinessAndVersion) {
  EXPECT_EQ(Send("GET", "/healthz").status, 200);
  EXPECT_EQ(Send("GET", "/readyz").status, 200);
  const HttpAnswer version = Send("GET", "/version");
  EXPECT_EQ(version.status, 200);
  EXPECT_THAT(
      version.body,
      MatchesRegex(R"(\{\s*"version": "[0-9]+\.[0-9]+\.[0-9]+"\s*\}\s*)"));
  EXPECT_THAT(Send("POST", "/healthz"), IsError(405, _));
}

TEST_F(RestErrorsTest, CorsOnRequest) {
  const HttpHeaderList preflight = {
      {"Origin", "http://localhost:3000"},
      {"Access-Control-Request-Method", "POST"},
      {"Access-Control-Request-Headers", "content-type"}};
  EXPECT_EQ(Send("GET", "/version").header("access-control-allow-origin"), "");
  StartWith({.http_cors_origin = "http://localhost:3000"});
  EXPECT_EQ(Send("GET", "/version").header("access-control-allow-origin"),
            "http://localhost:3000");
  const HttpAnswer answer = Send("OPTIONS", kSessions, "", preflight);
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("access-control-allow-origin"),
            "http://localhost:3000");
  EXPECT_THAT(answer.header("access-control-allow-methods"), HasSubstr("POST"));
  EXPECT_THAT(answer.header("access-control-allow-headers"), Not(IsEmpty()));
  EXPECT_EQ(Send("GET", absl::StrCat("/v1/", kMissing))
                .header("access-control-allow-origin"),
            "http://localhost:3000");
}

}  // namespace
}  // namespace spanner_session_emulator
