#include "server/call/call_meter.h"

#include <chrono>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr size_t kGrpc = static_cast<size_t>(CallProtocol::kGrpc);
constexpr size_t kRest = static_cast<size_t>(CallProtocol::kRest);

TEST(CallMeterTest, BeginsWithNothing) {
  const CallMeter meter;
  EXPECT_EQ(meter.counts().total(), 0);
  EXPECT_EQ(meter.counts().nanoseconds, 0);
}

TEST(CallMeterTest, CountsByProtocolAndCode) {
  CallMeter meter;
  meter.Count(CallProtocol::kGrpc, absl::StatusCode::kOk, microseconds(1));
  meter.Count(CallProtocol::kRest, absl::StatusCode::kOk, microseconds(1));
  meter.Count(CallProtocol::kRest, absl::StatusCode::kUnauthenticated,
              microseconds(1));
  meter.Count(CallProtocol::kRest, static_cast<absl::StatusCode>(99),
              microseconds(1));
  const CallMeter::Counts counts = meter.counts();
  EXPECT_EQ(counts.calls[kGrpc][0], 1);
  EXPECT_EQ(counts.calls[kRest][0], 1);
  EXPECT_EQ(counts.calls[kRest][16], 1);
  EXPECT_EQ(counts.calls[kRest][2], 1);  // UNKNOWN.
  EXPECT_EQ(counts.total(), 4);
}

TEST(CallMeterTest, BucketsHaveTheirUpperBounds) {
  CallMeter meter;
  const auto count = [&meter](nanoseconds took) {
    meter.Count(CallProtocol::kGrpc, absl::StatusCode::kOk, took);
  };
  count(nanoseconds(0));
  count(microseconds(100));
  count(microseconds(100) + nanoseconds(1));
  count(milliseconds(1));
  count(seconds(10));
  count(seconds(11));
  const CallMeter::Counts counts = meter.counts();
  EXPECT_EQ(counts.buckets[0], 2);
  EXPECT_EQ(counts.buckets[1], 1);
  EXPECT_EQ(counts.buckets[3], 1);
  EXPECT_EQ(counts.buckets[15], 1);
  EXPECT_EQ(counts.buckets[16], 1);
  EXPECT_EQ(counts.nanoseconds, 21'001'200'001);
}

TEST(CallMeterTest, BoundsRise) {
  for (size_t i = 1; i < CallMeter::kBounds.size(); ++i) {
    EXPECT_LT(CallMeter::kBounds[i - 1], CallMeter::kBounds[i]);
  }
}

TEST(CallMeterTest, LosesNothingAmongThreads) {
  constexpr int kThreads = 9;
  constexpr int kCalls = 10'000;
  CallMeter meter;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&meter] {
      for (int j = 0; j < kCalls; ++j) {
        meter.Count(CallProtocol::kGrpc, absl::StatusCode::kOk, nanoseconds(1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const CallMeter::Counts counts = meter.counts();
  EXPECT_EQ(counts.total(), kThreads * kCalls);
  EXPECT_EQ(counts.calls[kGrpc][0], kThreads * kCalls);
  EXPECT_EQ(counts.nanoseconds, kThreads * kCalls);
}

}  // namespace
}  // namespace spanner_session_emulator
