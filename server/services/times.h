// Times and durations, from and to protobuf. Stateless, thread-safe.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TIMES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TIMES_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace spanner_session_emulator {

// In whole microseconds, rounded down; the time not before 1970, the duration
// not negative.
void SetTimestamp(absl::Time time, google::protobuf::Timestamp& timestamp);
void SetDuration(absl::Duration value, google::protobuf::Duration& duration);

// INVALID_ARGUMENT for what is outside the type's range, or negative for a
// duration; the message fits behind the name of the field.
absl::StatusOr<absl::Time> ReadTimestamp(
    const google::protobuf::Timestamp& timestamp);
absl::StatusOr<absl::Duration> ReadDuration(
    const google::protobuf::Duration& duration);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TIMES_H_
