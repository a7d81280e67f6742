#include "server/policy_text.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "server/call/descriptors.h"
#include "server/transport/rest/json.h"

namespace spanner_session_emulator {
namespace {

constexpr absl::string_view kType = "a spanner_session_emulator.v1.AuthPolicy";

// Keeps where the first mistake is. The texts of the messages are not kept:
// they quote.
class FirstMistake final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!place_.empty()) return;
    place_ = absl::StrCat("line ", line + 1, ", column ", column + 1);
    if (absl::StrContains(message, "has no field named")) {
      absl::StrAppend(&place_, ", which names a field that does not exist");
    }
  }
  const std::string& place() const { return place_; }

 private:
  std::string place_;
};

}  // namespace

absl::StatusOr<v1::AuthPolicy> ParsePolicyText(const std::string& text) {
  NeedDescriptors();
  v1::AuthPolicy policy;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{') {
    const std::optional<JsonProblem> problem = ParseJson(text, policy);
    if (!problem.has_value()) return policy;
    const JsonProblem safe = WithoutValues(*problem, *policy.GetDescriptor());
    return absl::InvalidArgumentError(
        safe.field.empty()
            ? absl::StrCat(safe.text, "; expected the JSON of ", kType)
            : absl::StrCat(safe.field, " ", safe.text));
  }
  FirstMistake mistake;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&mistake);
  if (!parser.ParseFromString(text, &policy)) {
    return absl::InvalidArgumentError(
        absl::StrCat("is not text format: see ", mistake.place(), "; expected ",
                     kType, ", or its JSON"));
  }
  return policy;
}

}  // namespace spanner_session_emulator
