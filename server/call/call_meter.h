// How many calls of a method there were, what they got, and how long they took.
//
// Counting is what every call pays: three additions to counters that are mostly
// this thread's own, as threads are dealt out to a few sets of them. They are
// added up when somebody asks.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CALL_CALL_METER_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CALL_CALL_METER_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "server/call/call.h"

namespace spanner_session_emulator {

// Thread-safe. Counts never go back.
class CallMeter {
 public:
  // The upper bounds of the buckets for latencies, each included; there is one
  // more, for all that took longer.
  static constexpr std::array<std::chrono::nanoseconds, 16> kBounds = {
      std::chrono::microseconds(100),  std::chrono::microseconds(250),
      std::chrono::microseconds(500),  std::chrono::milliseconds(1),
      std::chrono::microseconds(2500), std::chrono::milliseconds(5),
      std::chrono::milliseconds(10),   std::chrono::milliseconds(25),
      std::chrono::milliseconds(50),   std::chrono::milliseconds(100),
      std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
      std::chrono::seconds(1),         std::chrono::milliseconds(2500),
      std::chrono::seconds(5),         std::chrono::seconds(10)};
  static constexpr size_t kCodes = 17;  // Those of gRPC, from OK.
  static constexpr size_t kProtocols = 2;

  struct Counts {
    // By protocol and code.
    std::array<std::array<int64_t, kCodes>, kProtocols> calls = {};
    // Each without those below it.
    std::array<int64_t, kBounds.size() + 1> buckets = {};
    int64_t nanoseconds = 0;  // In all.

    int64_t total() const;
  };

  CallMeter() = default;
  CallMeter(const CallMeter&) = delete;
  CallMeter& operator=(const CallMeter&) = delete;

  // A call that has ended.
  void Count(CallProtocol protocol, absl::StatusCode code,
             std::chrono::nanoseconds took);

  // Calls that end meanwhile may be in a part of the numbers only.
  Counts counts() const;

 private:
  using Counter = std::atomic<int64_t>;

  static constexpr size_t kShards = 4;

  struct alignas(64) Shard {
    std::array<Counter, kBounds.size() + 1> buckets = {};
    Counter nanoseconds = 0;
    std::array<std::array<Counter, kCodes>, kProtocols> calls = {};
  };

  std::array<Shard, kShards> shards_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CALL_CALL_METER_H_
