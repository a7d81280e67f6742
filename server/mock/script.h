// What all things that a test scripts have in common.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_SCRIPT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_SCRIPT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "spanner_session_emulator/v1/error.pb.h"

namespace spanner_session_emulator {

// INVALID_ARGUMENT `<field> <problem>`: how things that a test scripts say what
// is wrong with them.
absl::Status InvalidScript(absl::string_view field, absl::string_view problem);

// Makes `error` into `status`, or returns what is wrong with it; `field` is
// where it stands.
absl::Status ReadScriptError(const std::string& field, const v1::Error& error,
                             absl::Status& status);

// Whether a name is `prefix` and 1 to 63 letters, digits, `-`, `_` and `.`.
bool IsScriptName(absl::string_view prefix, absl::string_view name);

// Whether a name of a project, an instance, a database or a session is that of
// `scope`, or of a part of it. An empty scope is everything.
bool LiesIn(absl::string_view name, absl::string_view scope);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_SCRIPT_H_
