// Compressed bodies.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_GZIP_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_GZIP_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// What a gzip file of one member holds. INVALID_ARGUMENT if it is none, or only
// a part of one; RESOURCE_EXHAUSTED, and no more memory taken, if it holds more
// than `max_bytes`.
absl::StatusOr<std::string> Gunzip(absl::string_view file, size_t max_bytes);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_GZIP_H_
