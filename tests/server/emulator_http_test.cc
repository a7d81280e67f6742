// How the emulator uses its HTTP server.

#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "store/mutex.h"
#include "tests/server/server_testing.h"
#include "tests/server/transport/http_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::MatchesRegex;
using ::testing::SizeIs;

constexpr char kSessions[] = "/v1/projects/p/instances/i/databases/d/sessions";

// The log writes in the thread that handles the call.
TEST(EmulatorHttpTest, TheControlApiDoesNotHoldUpOtherConnections) {
  Mutex mu;
  std::vector<std::thread::id> threads;
  EmulatorOptions options = {.log_requests = true};
  options.log = [&](absl::string_view line) {
    if (!absl::StartsWith(line, "event=call ")) return;
    MutexLock lock(&mu);
    threads.push_back(std::this_thread::get_id());
  };
  const auto emulator = StartEmulator(std::move(options));
  HttpTestClient client(emulator->http_port());
  EXPECT_EQ(client.Ask(HttpGet(kSessions)).status, 200);
  EXPECT_EQ(client.Ask(HttpGet("/emulator/v1/clock")).status, 200);
  EXPECT_EQ(client.Ask(HttpGet(kSessions)).status, 200);
  MutexLock lock(&mu);
  ASSERT_THAT(threads, SizeIs(3));
  EXPECT_NE(threads[1], threads[0]);
  EXPECT_EQ(threads[2], threads[0]);
}

// What is read late, of Spanner's API and of all others, is read apart.
TEST(EmulatorHttpTest, EveryPathIsThereWhicheverIsAskedForFirst) {
  const std::vector<std::pair<std::string, int>> paths = {
      {kSessions, 200},
      {absl::StrCat("/%761", absl::string_view(kSessions).substr(3)), 200},
      {absl::StrCat("http://localhost", kSessions), 200},
      {"/v1/x", 404},
      {"/emulator/v1/clock", 200},
      {"/emulator/v1/x", 404},
      {"/healthz", 200}};
  for (size_t first = 0; first < paths.size(); ++first) {
    const auto emulator = StartEmulator({});
    HttpTestClient client(emulator->http_port());
    for (size_t i = 0; i < paths.size(); ++i) {
      const auto& [path, status] = paths[(first + i) % paths.size()];
      EXPECT_EQ(client.Ask(HttpGet(path)).status, status) << path;
    }
  }
}

TEST(EmulatorHttpTest, TheFirstRequestsMayComeAtOnce) {
  const auto emulator = StartEmulator({});
  std::vector<std::thread> threads;
  for (const char* path : {kSessions, "/emulator/v1/clock", kSessions}) {
    threads.emplace_back([&emulator, path] {
      HttpTestClient client(emulator->http_port());
      EXPECT_EQ(client.Ask(HttpGet(path)).status, 200);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Here it is the log that throws.
TEST(EmulatorHttpTest, ARequestThatThrowsIsAnInternalErrorAndLogged) {
  Mutex mu;
  std::vector<std::string> lines;
  EmulatorOptions options = {.log_requests = true};
  options.log = [&](absl::string_view line) {
    if (absl::StartsWith(line, "event=call ")) throw std::bad_alloc();
    MutexLock lock(&mu);
    lines.emplace_back(line);
  };
  const auto emulator = StartEmulator(std::move(options));
  HttpTestClient client(emulator->http_port());
  for (const char* path : {"/v1/x\"", "/emulator/v1/clock"}) {
    const HttpTestResponse response =
        client.Ask(HttpGet(absl::StrCat(path, "?access_token=secret")));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.Header("Content-Type"),
              "application/json; charset=UTF-8");
    EXPECT_EQ(response.body, R"({
  "error": {
    "code": 500,
    "message": "The emulator failed to answer; its log has a line about it",
    "status": "INTERNAL"
  }
}
)");
  }
  EXPECT_EQ(client.Ask(HttpGet("/healthz")).status, 200);
  MutexLock lock(&mu);
  ASSERT_THAT(lines, SizeIs(3));
  const std::string start =
      "event=http_problem status=500 peer=\"ipv[46]:[^ ]+\" method=\"GET\" ";
  EXPECT_THAT(lines[1], MatchesRegex(start + R"(target="/v1/x\\"")"));
  EXPECT_THAT(lines[2], MatchesRegex(start + "target=\"/emulator/v1/clock\""));
}

// They are no calls, so no observer sees them.
TEST(EmulatorHttpTest, RefusedRequestsAreLoggedIfAsked) {
  const std::string post = "POST /x HTTP/1.1\r\nHost: h\r\n";
  const std::vector<std::pair<int, std::string>> refused = {
      {400, "x\r\n\r\n"},
      {408, "GET /x"},
      {413, post + "Content-Length: 1000000000\r\n\r\n"},
      {431, post + "A: " + std::string(100000, 'x') + "\r\n\r\n"}};
  for (const bool asked : {true, false}) {
    Mutex mu;
    std::vector<std::string> lines;
    EmulatorOptions options = {.http_header_timeout = absl::Milliseconds(50),
                               .log_requests = asked};
    options.log = [&](absl::string_view line) {
      MutexLock lock(&mu);
      if (absl::StartsWith(line, "event=http_problem")) {
        lines.emplace_back(line);
      }
    };
    const auto emulator = StartEmulator(std::move(options));
    for (const auto& [status, bytes] : refused) {
      HttpTestClient client(emulator->http_port());
      EXPECT_EQ(client.Ask(bytes).status, status);
    }
    MutexLock lock(&mu);
    ASSERT_THAT(lines, SizeIs(asked ? refused.size() : 0));
    for (size_t i = 0; i < lines.size(); ++i) {
      EXPECT_THAT(lines[i], MatchesRegex(absl::StrCat(
                                "event=http_problem status=", refused[i].first,
                                " peer=\"ipv4:127.0.0.1:[0-9]+\"")));
    }
  }
}

}  // namespace
}  // namespace spanner_session_emulator
