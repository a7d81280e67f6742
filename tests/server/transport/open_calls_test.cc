#include "server/transport/open_calls.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point In(std::chrono::milliseconds time) {
  return Clock::now() + time;
}

TEST(OpenCallsTest, WithoutCallsNobodyWaits) {
  OpenCalls calls;
  const Clock::time_point start = Clock::now();
  calls.WaitForNone(start + std::chrono::hours(1));
  { const OpenCalls::Call call(&calls); }
  calls.WaitForNone(start + std::chrono::hours(1));
  EXPECT_LT(Clock::now() - start, std::chrono::minutes(1));
}

TEST(OpenCallsTest, WaitsUntilTheDeadline) {
  OpenCalls calls;
  const OpenCalls::Call call(&calls);
  const Clock::time_point deadline = In(std::chrono::milliseconds(20));
  calls.WaitForNone(deadline);
  EXPECT_GE(Clock::now(), deadline);
  calls.WaitForNone(Clock::now() - std::chrono::hours(1));
}

// The last call ends at any point of the wait: before, at its beginning, in it.
TEST(OpenCallsTest, WaitsForTheLastCall) {
  for (int round = 0; round < 300; ++round) {
    OpenCalls calls;
    std::optional<OpenCalls::Call> one(std::in_place, &calls);
    std::optional<OpenCalls::Call> two(std::in_place, &calls);
    std::atomic<bool> over{false};
    std::thread waiter([&] {
      calls.WaitForNone(In(std::chrono::seconds(20)));
      EXPECT_TRUE(over);
    });
    for (int i = 0; i < round % 30; ++i) std::this_thread::yield();
    one.reset();
    over = true;
    const Clock::time_point ended = Clock::now();
    two.reset();
    waiter.join();
    EXPECT_LT(Clock::now() - ended, std::chrono::seconds(10));
  }
}

}  // namespace
}  // namespace spanner_session_emulator
