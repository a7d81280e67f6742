#include "server/message_text.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "server/call/descriptors.h"
#include "server/transport/rest/json.h"

namespace spanner_session_emulator {
namespace {

// Keeps the first mistake: where it is, and what. Of a secret text, the message
// is not kept: it quotes.
class FirstMistake final : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstMistake(TextKind kind) : kind_(kind) {}

  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!text_.empty()) return;
    text_ = absl::StrCat("line ", line + 1, ", column ", column + 1);
    if (kind_ == TextKind::kPublic) {
      absl::StrAppend(&text_, ": ", message);
    } else if (absl::StrContains(message, "has no field named")) {
      absl::StrAppend(&text_, ", which names a field that does not exist");
    }
  }
  const std::string& text() const { return text_; }

 private:
  const TextKind kind_;
  std::string text_;
};

absl::Status ParseJsonText(const std::string& text, TextKind kind,
                           google::protobuf::Message& message) {
  std::optional<JsonProblem> problem = ParseJson(text, message);
  if (!problem.has_value()) return absl::OkStatus();
  if (kind == TextKind::kSecret) {
    problem = WithoutValues(*problem, *message.GetDescriptor());
  }
  return absl::InvalidArgumentError(
      problem->field.empty()
          ? absl::StrCat(problem->text, "; expected the JSON of a ",
                         message.GetTypeName())
          : absl::StrCat(problem->field, " ", problem->text));
}

}  // namespace

absl::Status ParseMessageText(const std::string& text, TextKind kind,
                              google::protobuf::Message& message) {
  NeedDescriptors();
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{') {
    return ParseJsonText(text, kind, message);
  }
  FirstMistake mistake(kind);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&mistake);
  if (!parser.ParseFromString(text, &message)) {
    return absl::InvalidArgumentError(
        absl::StrCat("is not text format: see ", mistake.text(),
                     "; expected a ", message.GetTypeName(), ", or its JSON"));
  }
  // Text format lets such strings pass, clients do not.
  if (!message.ParseFromString(message.SerializeAsString())) {
    return absl::InvalidArgumentError("has a string that is not UTF-8");
  }
  return absl::OkStatus();
}

}  // namespace spanner_session_emulator
