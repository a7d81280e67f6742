// Durations, and the quantiles of them.
#ifndef SPANNER_SESSION_EMULATOR_BENCH_HISTOGRAM_H_
#define SPANNER_SESSION_EMULATOR_BENCH_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace spanner_session_emulator {

// Counts durations in buckets, each as wide as 1/64 of what is in it, or
// narrower: so near are the quantiles. A few adds touch little memory, so that
// measuring disturbs little what is measured. Not thread-safe.
class Histogram {
 public:
  void Add(int64_t nanos) { ++counts_[BucketOf(nanos)]; }

  void Merge(const Histogram& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }

  int64_t count() const {
    int64_t count = 0;
    for (const int64_t one : counts_) count += one;
    return count;
  }

  // The duration, in nanoseconds, that the given part of all (0 < part <= 1)
  // did not exceed: the upper end of a bucket. 0 if there are none.
  int64_t Quantile(double part) const {
    const auto wanted =
        static_cast<int64_t>(std::ceil(part * static_cast<double>(count())));
    int64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (counts_[i] != 0 && seen >= wanted) return LastOf(i);
    }
    return 0;
  }

 private:
  static constexpr int kDigits = 6;  // Bits behind the leading one.
  static constexpr uint64_t kSteps = uint64_t{1} << kDigits;

  // Below kSteps one bucket for each value, then kSteps for each power of two.
  static size_t BucketOf(int64_t nanos) {
    const auto value = static_cast<uint64_t>(std::max<int64_t>(nanos, 0));
    if (value < kSteps) return value;
    const auto shift = static_cast<int>(std::bit_width(value)) - kDigits - 1;
    return shift * kSteps + (value >> shift);
  }

  static int64_t LastOf(size_t bucket) {
    if (bucket < 2 * kSteps) return static_cast<int64_t>(bucket);
    const uint64_t shift = bucket / kSteps - 1;
    const uint64_t first = (kSteps + bucket % kSteps) << shift;
    return static_cast<int64_t>(first + (uint64_t{1} << shift) - 1);
  }

  std::array<int64_t, (64 - kDigits)* kSteps> counts_ = {};
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_BENCH_HISTOGRAM_H_
