// proto3 JSON in and out, by protobuf's own library.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_JSON_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_JSON_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace spanner_session_emulator {

// What is wrong with a JSON text, or with a value in it.
struct JsonProblem {
  std::string field;  // `session.labels`; empty if it is about the whole.
  std::string text;   // Goes on after the field, in one line: `is not a known
                      // field`.
};

// Replaces `message` by what `json` says. Messages are of generated types.
// Returns what is wrong, if something is: no JSON, or none that fits the
// message, unknown fields included. Nesting is limited. Thread-safe.
std::optional<JsonProblem> ParseJson(absl::string_view json,
                                     google::protobuf::Message& message);

struct JsonOptions {
  bool enums_as_numbers = false;
};

// Appends `message` as JSON without blanks; fields that have their default
// value are left out, the entries of maps are sorted. Fails for an Any of a
// type that this program does not have. Thread-safe.
absl::Status PrintJson(const google::protobuf::Message& message,
                       const JsonOptions& options, std::string& out);

// Appends `text` in quotes, escaped as in messages. What is not UTF-8 in it is
// replaced.
void AppendJsonString(absl::string_view text, std::string& out);

// The same JSON, which must be valid, with line breaks and two blanks for each
// level, and a line break at the end.
std::string IndentJson(absl::string_view json);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_JSON_H_
