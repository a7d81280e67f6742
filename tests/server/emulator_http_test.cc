// How the emulator uses its HTTP server.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "store/mutex.h"
#include "tests/server/server_testing.h"
#include "tests/server/transport/http_testing.h"

namespace spanner_session_emulator {
namespace {

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

}  // namespace
}  // namespace spanner_session_emulator
