// A policy from the text of a file.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_POLICY_TEXT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_POLICY_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "spanner_session_emulator/v1/auth_policy.pb.h"

namespace spanner_session_emulator {

// JSON if the text begins with `{`, else protobuf's text format.
// INVALID_ARGUMENT says which field is wrong, or which line, and what was
// expected there, without any of the text, as that has tokens in it.
absl::StatusOr<v1::AuthPolicy> ParsePolicyText(const std::string& text);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_POLICY_TEXT_H_
