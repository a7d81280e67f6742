// Files that options name.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_FILES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// The whole text of a file. UNAVAILABLE if it cannot be read, which begins with
// the option.
absl::StatusOr<std::string> ReadFile(absl::string_view option,
                                     const std::string& path);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_FILES_H_
