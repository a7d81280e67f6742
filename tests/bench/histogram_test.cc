#include "bench/histogram.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

TEST(HistogramTest, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.Quantile(0.99), 0);
}

TEST(HistogramTest, SmallDurationsAreExact) {
  Histogram histogram;
  for (int nanos = 1; nanos <= 100; ++nanos) histogram.Add(nanos);
  EXPECT_EQ(histogram.count(), 100);
  EXPECT_EQ(histogram.Quantile(0.01), 1);
  EXPECT_EQ(histogram.Quantile(0.5), 50);
  EXPECT_EQ(histogram.Quantile(0.99), 99);
  EXPECT_EQ(histogram.Quantile(1), 100);
}

TEST(HistogramTest, LargeDurationsAreOneInSixtyFourTooLongAtMost) {
  for (int64_t nanos = 1; nanos < std::numeric_limits<int64_t>::max() / 3;
       nanos *= 3) {
    Histogram histogram;
    histogram.Add(nanos);
    EXPECT_GE(histogram.Quantile(1), nanos);
    EXPECT_LE(histogram.Quantile(1), nanos + nanos / 64);
  }
  Histogram histogram;
  histogram.Add(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(histogram.Quantile(1), std::numeric_limits<int64_t>::max());
}

TEST(HistogramTest, AClockThatStepsBackCountsAsNothing) {
  Histogram histogram;
  histogram.Add(-5);
  EXPECT_EQ(histogram.count(), 1);
  EXPECT_EQ(histogram.Quantile(1), 0);
}

TEST(HistogramTest, MergesWithAnother) {
  Histogram fast;
  Histogram slow;
  for (int i = 0; i < 99; ++i) fast.Add(10);
  slow.Add(1'000'000);
  fast.Merge(slow);
  EXPECT_EQ(fast.count(), 100);
  EXPECT_EQ(fast.Quantile(0.99), 10);
  EXPECT_GE(fast.Quantile(0.999), 1'000'000);
}

}  // namespace
}  // namespace spanner_session_emulator
