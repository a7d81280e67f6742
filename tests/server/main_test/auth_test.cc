// The program with a policy: its flags, and that no token is in anything that
// it says.

#include <signal.h>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/auth.pb.h"
#include "tests/server/main_test/program.h"
#include "tests/server/main_test/subprocess.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Beginning and end differ, so that half a token is found, too.
constexpr absl::string_view kUser = "userAAAA-token-SECRET-AAAAresu";
constexpr absl::string_view kExpired = "pastBBBB-token-SECRET-BBBBtsap";
constexpr absl::string_view kNobody = "nonCCCCC-token-SECRET-CCCCCnon";
constexpr absl::string_view kUnknown = "wrongDDD-token-SECRET-DDDgnorw";
constexpr absl::string_view kControl = "ctrlEEEE-token-SECRET-EEEElrtc";

constexpr char kPolicy[] = R"({
  "principals": [
    {"name": "user", "token": "$user",
     "grants": [{"roles": ["roles/spanner.databaseUser"]}]},
    {"name": "past", "token": "$expired", "expireTime": "2020-01-01T00:00:00Z"},
    {"name": "nobody", "token": "$nobody"}
  ]
})";

std::string PolicyText() {
  return absl::StrReplaceAll(
      kPolicy,
      {{"$user", kUser}, {"$expired", kExpired}, {"$nobody", kNobody}});
}

Metadata Bearer(absl::string_view token) {
  return {{"authorization", absl::StrCat("Bearer ", token)}};
}

// A running program whose every answer is kept.
class AuthMainTest : public ::testing::Test {
 protected:
  AuthMainTest()
      : policy_(PolicyText()),
        process_(Command({absl::StrCat("--auth_policy=", policy_.path()),
                          absl::StrCat("--control_token=", kControl),
                          absl::StrCat("--port_file=", port_file_.path()),
                          "--log_requests"})) {
    EXPECT_TRUE(process_.WaitForErr("Cloud Spanner emulator running.\n"))
        << process_.err();
    EXPECT_EQ(
        sscanf(port_file_.text().c_str(),
               "{\"grpc_port\": %d, \"http_port\": %d}", &port_, &http_port_),
        2);
    channel_ = Connect(absl::StrCat("localhost:", port_));
  }

  int Rest(absl::string_view method, absl::string_view target,
           absl::string_view body = "", const HttpHeaderList& headers = {}) {
    const HttpAnswer answer = Fetch(http_port_, method, target, body, headers);
    for (const auto& [name, value] : answer.headers) {
      absl::StrAppend(&seen_, name, ": ", value, "\n");
    }
    absl::StrAppend(&seen_, answer.body);
    return answer.status;
  }
  absl::StatusCode Grpc(const std::string& path, const std::string& request,
                        const Metadata& metadata) {
    const Answer answer = CallPath(channel_, path, request, metadata);
    absl::StrAppend(&seen_, answer.status.ToString(), answer.details);
    for (const auto& [name, value] : answer.trailers) {
      absl::StrAppend(&seen_, name, ": ", value, "\n");
    }
    for (const std::string& message : answer.messages) {
      absl::StrAppend(&seen_, message);
    }
    return answer.status.code();
  }
  // The answers, and what the program has written from start to end; with
  // another signal, to a bad end.
  std::string EverythingSeen(int signal = SIGTERM) {
    process_.Signal(signal);
    const std::optional<int> code = process_.Wait();
    EXPECT_EQ(code, signal == SIGTERM ? std::optional<int>(0) : code);
    return absl::StrCat(seen_, process_.out(), process_.err());
  }

 private:
  const File policy_;
  const File port_file_;
  Subprocess process_;
  int port_ = 0;
  int http_port_ = 0;
  std::shared_ptr<grpc::Channel> channel_;
  std::string seen_;
};

TEST_F(AuthMainTest, NoTokenIsInAnythingThatItSays) {
  const std::string sessions = absl::StrCat("/v1/", kDatabase, "/sessions");
  for (const auto& [token, status] :
       std::vector<std::pair<absl::string_view, int>>{
           {kUser, 200}, {kExpired, 401}, {kNobody, 403}, {kUnknown, 401}}) {
    EXPECT_EQ(Rest("GET", sessions, "", Bearer(token)), status);
    for (const absl::string_view name :
         {"access_token", "oauth_token", "$access_token"}) {
      EXPECT_EQ(Rest("GET", absl::StrCat(sessions, "?", name, "=", token)),
                status);
    }
    // Requests that are wrong in all kinds of ways.
    for (const std::string& target :
         {absl::StrCat(sessions, "?x=1&access_token=", token),
          absl::StrCat(sessions, "?access_token=", token, "%zz"),
          absl::StrCat(sessions, "?access_token=", token, "%ff"),
          absl::StrCat("/v1/no/such?access_token=", token),
          absl::StrCat("/no/such?access_token=", token),
          absl::StrCat("no-slash?access_token=", token),
          absl::StrCat("http://h", sessions,
                       "?pageSize=x&access_token=", token),
          absl::StrCat(sessions, "?access_token=", token, "#fragment"),
          absl::StrCat("/emulator/v1/clock?access_token=", token),
          absl::StrCat("/emulator/v1/nothing?access_token=", token)}) {
      EXPECT_NE(Rest("GET", target), 500) << target;
      EXPECT_NE(Rest("PUT", target), 200) << target;
      EXPECT_NE(Rest("OPTIONS", target), 200) << target;
    }
    Rest("POST", sessions, "{", Bearer(token));
    Rest("POST", absl::StrCat(sessions, "/s:executeStreamingSql"), "{}",
         Bearer(token));
    Rest("GET", sessions, "", {{"Authorization", std::string(token)}});
    Rest("GET", sessions, "",
         {{"Authorization", absl::StrCat("Basic ", token)}});
    // No HTTP at all.
    Rest("GET", absl::StrCat(sessions, "?access_token=", token), "",
         {{"Content-Length", "x"}});
    Rest("G(T", absl::StrCat(sessions, "?access_token=", token));

    api::ListSessionsRequest list;
    list.set_database(std::string(kDatabase));
    for (const absl::string_view method :
         {"Spanner/ListSessions", "Spanner/GetSession", "Spanner/NoSuch"}) {
      for (const std::string& bytes :
           {list.SerializeAsString(), std::string("\xff")}) {
        Grpc(absl::StrCat("/google.spanner.v1.", method), bytes, Bearer(token));
      }
    }
    Grpc("/grpc.health.v1.Health/Check", "", Bearer(token));
    Grpc("/spanner_session_emulator.v1.ClockService/GetClock", "",
         Bearer(token));
    Grpc("/any.Service/Method", "", Bearer(token));
  }

  // The control API: what it reads, and policies that are right or wrong.
  const Metadata control = Bearer(kControl);
  EXPECT_EQ(Rest("GET", "/emulator/v1/authPolicy", "", control), 200);
  EXPECT_EQ(Rest("GET", "/emulator/v1/authReport", "", control), 200);
  EXPECT_EQ(Rest("POST", "/emulator/v1/authPolicy:set", PolicyText(), control),
            200);
  EXPECT_EQ(Rest("POST", "/emulator/v1/authPolicy:set", PolicyText()), 401);
  EXPECT_EQ(
      Rest("POST",
           absl::StrCat("/emulator/v1/authPolicy:set?access_token=", kControl),
           PolicyText()),
      200);
  const std::string text = PolicyText();
  for (const std::string& wrong :
       {text.substr(0, text.size() - 10),
        absl::StrReplaceAll(text, {{":", ""}}),
        absl::StrReplaceAll(text, {{"token", "tokn"}}),
        absl::StrReplaceAll(text, {{"2020", kUser}}),
        absl::StrReplaceAll(text, {{"roles/spanner.databaseUser", kUser}}),
        absl::StrReplaceAll(text, {{"-token-", " token "}}),
        absl::StrReplaceAll(text,
                            {{"\"name\"", absl::StrCat("\"", kUser, "\"")}}),
        absl::StrReplaceAll(text, {{"\"token\": ", ""}}),
        absl::StrReplaceAll(text, {{kUser, absl::StrCat(kUser, "\xff")}}),
        absl::StrCat("[", text, "]"), absl::StrCat("\"", kUser, "\"")}) {
    EXPECT_EQ(Rest("POST", "/emulator/v1/authPolicy:set", wrong, control), 400)
        << wrong;
    const File file(wrong);
    const auto [code, said] =
        RunToItsEnd({absl::StrCat("--auth_policy=", file.path())});
    EXPECT_EQ(code, 1) << wrong;
    EXPECT_THAT(said, StartsWith("error: auth_policy: "));
    EXPECT_THAT(said, Not(HasSubstr("SECRET")));
  }
  v1::SetAuthPolicyRequest request;
  for (const absl::string_view token : {kUser, kUser}) {
    auto& principal = *request.mutable_policy()->add_principals();
    principal.set_name(std::string(token));
    principal.set_token(std::string(token));
  }
  const std::string set =
      "/spanner_session_emulator.v1.AuthService/SetAuthPolicy";
  EXPECT_EQ(Grpc(set, request.SerializeAsString(), control),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Grpc(set, request.SerializeAsString() + "\xff", control),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Grpc("/spanner_session_emulator.v1.AuthService/GetAuthPolicy", "",
                 control),
            absl::StatusCode::kOk);

  const std::string seen = EverythingSeen();
  // It did log, and the answers did come.
  EXPECT_THAT(seen, HasSubstr("event=call method=google.spanner.v1.Spanner."
                              "ListSessions status=PERMISSION_DENIED"));
  EXPECT_THAT(seen, HasSubstr("event=http_problem"));
  EXPECT_THAT(seen, HasSubstr("\"principals\""));
  for (const absl::string_view token :
       {kUser, kExpired, kNobody, kUnknown, kControl}) {
    for (const absl::string_view part :
         {token, token.substr(0, 8), token.substr(token.size() - 8)}) {
      const size_t at = seen.find(std::string(part));
      EXPECT_EQ(at, std::string::npos)
          << seen.substr(at > 200 ? at - 200 : 0, 400);
    }
    EXPECT_THAT(seen, Not(HasSubstr(absl::Base64Escape(token))));
  }
  EXPECT_THAT(seen, Not(HasSubstr("SECRET")));
}

TEST_F(AuthMainTest, NorInWhatACrashLeaves) {
  const HttpHeaderList user = {
      {"Authorization", absl::StrCat("Bearer ", kUser)}};
  const std::string sessions =
      "/v1/projects/p/instances/i/databases/d/sessions";
  EXPECT_EQ(Rest("POST", sessions, "", user), 200);
  EXPECT_EQ(Rest("GET", absl::StrCat(sessions, "?access_token=", kUnknown)),
            401);
  const std::string seen = EverythingSeen(SIGABRT);
  EXPECT_THAT(seen, HasSubstr("event=call"));
  EXPECT_THAT(seen, Not(HasSubstr("SECRET")));
}

TEST(AuthFlagsTest, AControlTokenThatNobodyCouldSend) {
  for (const char* token : {" a", "a b", "a\nb", "\xc3\xa4"}) {
    const auto [code, said] =
        RunToItsEnd({absl::StrCat("--control_token=", token)});
    EXPECT_EQ(code, 1) << token;
    EXPECT_EQ(said,
              "error: control_token must be of printable ASCII characters, no "
              "blanks\n");
  }
}

TEST(AuthFlagsTest, APolicyInTextFormat) {
  const File policy("principals { name: 'n' token: 't' }");
  Subprocess process(Command({absl::StrCat("--auth_policy=", policy.path())}));
  EXPECT_TRUE(process.WaitForErr("Cloud Spanner emulator running.\n"));
}

TEST(AuthFlagsTest, APolicyThatCannotBeReadIsOneLine) {
  const std::string none = absl::StrCat(::testing::TempDir(), "/none");
  EXPECT_EQ(RunToItsEnd({absl::StrCat("--auth_policy=", none)}),
            std::pair(std::optional(1),
                      absl::StrCat("error: --auth_policy: cannot read ", none,
                                   ": No such file or directory\n")));
  EXPECT_EQ(RunToItsEnd({"--auth_policy=/"}),
            std::pair(std::optional(1),
                      std::string("error: --auth_policy: cannot read /: Is a "
                                  "directory\n")));
  const File empty;
  EXPECT_EQ(RunToItsEnd({absl::StrCat("--auth_policy=", empty.path())}),
            std::pair(std::optional(1),
                      std::string("error: auth_policy: principals must not be "
                                  "empty: nobody could call\n")));
}

TEST(AuthFlagsTest, HelpDoesNotShowTheControlToken) {
  const auto [code, said] =
      RunToItsEnd({absl::StrCat("--control_token=", kControl), "--help"});
  EXPECT_THAT(said, HasSubstr("--control_token"));
  EXPECT_THAT(said, Not(HasSubstr("SECRET")));
}

}  // namespace
}  // namespace spanner_session_emulator
