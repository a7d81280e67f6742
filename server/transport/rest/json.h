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
  int line = 0;       // Where the text stops being JSON; 0 if it is, or if that
                      // is not known.
};

// Replaces `message` by what `json` says. Messages are of generated types.
// Returns what is wrong, if something is: no JSON, or none that fits the
// message, unknown fields included. Nesting is limited. Thread-safe.
std::optional<JsonProblem> ParseJson(absl::string_view json,
                                     google::protobuf::Message& message);

// The same problem in words that have nothing in them of the JSON, which is to
// be a `type`: for texts with secrets. What is wrong can be a name as well as a
// value.
JsonProblem WithoutValues(const JsonProblem& problem,
                          const google::protobuf::Descriptor& type);

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
