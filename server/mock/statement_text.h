// Statements as text: what is the same statement, and how one is shown.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_STATEMENT_TEXT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_STATEMENT_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// The statement with each run of blanks and line breaks made one blank, and
// none at either end. What stands in quotes stays as it is.
std::string FoldBlanks(absl::string_view sql);

// Whether it changes data: its first word says so, which may stand behind
// comments and hints. The statement as it came: folded, it may have lost the
// ends of its comments.
bool IsDml(absl::string_view sql);

// As a string of JSON, with its quotes. UTF-8 stays UTF-8.
std::string JsonString(absl::string_view text);

// The beginning of `text`, at most `size` bytes of whole characters.
absl::string_view Beginning(absl::string_view text, size_t size);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_STATEMENT_TEXT_H_
