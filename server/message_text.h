// A message from the text of a file.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MESSAGE_TEXT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MESSAGE_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace spanner_session_emulator {

// Whether errors may quote a text.
enum class TextKind { kPublic, kSecret };

// Replaces `message` by what the text says: JSON if it begins with `{`, else
// protobuf's text format. INVALID_ARGUMENT says which field is wrong, or which
// line, and what was expected there; of a secret text, it has nothing else.
absl::Status ParseMessageText(const std::string& text, TextKind kind,
                              google::protobuf::Message& message);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MESSAGE_TEXT_H_
