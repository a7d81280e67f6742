#include "server/call/call_meter.h"

#include <algorithm>
#include <numeric>

namespace spanner_session_emulator {
namespace {

// Threads take turns.
size_t ThisThread() {
  static std::atomic<size_t> threads{0};
  thread_local const size_t thread =
      threads.fetch_add(1, std::memory_order_relaxed);
  return thread;
}

void Add(std::atomic<int64_t>& counter, int64_t value) {
  counter.fetch_add(value, std::memory_order_relaxed);
}

int64_t Read(const std::atomic<int64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

}  // namespace

int64_t CallMeter::Counts::total() const {
  return std::accumulate(buckets.begin(), buckets.end(), int64_t{0});
}

void CallMeter::Count(CallProtocol protocol, absl::StatusCode code,
                      std::chrono::nanoseconds took) {
  Shard& shard = shards_[ThisThread() % kShards];
  // Nearly all are in the first.
  const size_t bucket =
      std::find_if(kBounds.begin(), kBounds.end(),
                   [took](auto bound) { return took <= bound; }) -
      kBounds.begin();
  // A handler could make up any code.
  size_t row = static_cast<size_t>(code);
  if (row >= kCodes) row = static_cast<size_t>(absl::StatusCode::kUnknown);
  Add(shard.buckets[bucket], 1);
  Add(shard.nanoseconds, took.count());
  Add(shard.calls[static_cast<size_t>(protocol)][row], 1);
}

CallMeter::Counts CallMeter::counts() const {
  Counts counts;
  for (const Shard& shard : shards_) {
    for (size_t i = 0; i < counts.buckets.size(); ++i) {
      counts.buckets[i] += Read(shard.buckets[i]);
    }
    counts.nanoseconds += Read(shard.nanoseconds);
    for (size_t protocol = 0; protocol < kProtocols; ++protocol) {
      for (size_t code = 0; code < kCodes; ++code) {
        counts.calls[protocol][code] += Read(shard.calls[protocol][code]);
      }
    }
  }
  return counts;
}

}  // namespace spanner_session_emulator
