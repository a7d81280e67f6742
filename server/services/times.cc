#include "server/services/times.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

// https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp
constexpr int64_t kFirstSecond = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z
constexpr int64_t kMostSeconds = 315576000000;  // Of a duration.
constexpr int32_t kMostNanos = 999999999;

}  // namespace

void SetTimestamp(absl::Time time, google::protobuf::Timestamp& timestamp) {
  const int64_t micros = absl::ToUnixMicros(time);
  timestamp.set_seconds(micros / 1'000'000);
  timestamp.set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1'000));
}

void SetDuration(absl::Duration value, google::protobuf::Duration& duration) {
  const int64_t micros = absl::ToInt64Microseconds(value);
  duration.set_seconds(micros / 1'000'000);
  duration.set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1'000));
}

absl::StatusOr<absl::Time> ReadTimestamp(
    const google::protobuf::Timestamp& timestamp) {
  if (timestamp.seconds() < kFirstSecond || timestamp.seconds() > kLastSecond ||
      timestamp.nanos() < 0 || timestamp.nanos() > kMostNanos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "must lie between the years 1 and 9999, its nanos between 0 and ",
        kMostNanos, ", but is ", timestamp.seconds(), " s and ",
        timestamp.nanos(), " ns"));
  }
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

absl::StatusOr<absl::Duration> ReadDuration(
    const google::protobuf::Duration& duration) {
  if (duration.seconds() < 0 || duration.nanos() < 0) {
    return absl::InvalidArgumentError("must not be negative");
  }
  if (duration.seconds() > kMostSeconds || duration.nanos() > kMostNanos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "must be at most ", kMostSeconds,
        " s (10000 years), its nanos at most ", kMostNanos, ", but is ",
        duration.seconds(), " s and ", duration.nanos(), " ns"));
  }
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}

}  // namespace spanner_session_emulator
