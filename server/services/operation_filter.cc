#include "server/services/operation_filter.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace spanner_session_emulator {
namespace {

// Far more than names and types need; parentheses and NOT lie in each other.
constexpr size_t kMaxBytes = 8192;
constexpr int kMaxDepth = 32;

bool Fits(absl::string_view text, absl::string_view value, bool whole) {
  const std::string lower = absl::AsciiStrToLower(text);
  return whole ? lower == value : absl::StrContains(lower, value);
}

}  // namespace

class OperationFilter::Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text), rest_(text) {}

  absl::StatusOr<Node> Parse() {
    Node all;
    if (AtEnd()) return all;
    if (text_.size() > kMaxBytes || !ParseAll(all, 0) || !AtEnd()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "must be of terms as name:TEXT, metadata.@type:TEXT and done:true, "
          "with AND, OR, NOT and parentheses, but makes no sense from \"",
          absl::Utf8SafeCEscape(rest_.substr(0, 256)), "\""));
    }
    return all;
  }

 private:
  bool AtEnd() {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    return rest_.empty();
  }

  bool Take(absl::string_view text) {
    return !AtEnd() && absl::ConsumePrefix(&rest_, text);
  }

  bool TakeWord(absl::string_view word) {
    if (AtEnd() || !absl::StartsWith(rest_, word)) return false;
    const absl::string_view after = rest_.substr(word.size());
    if (!after.empty() && after[0] != '(' &&
        !absl::ascii_isspace(static_cast<unsigned char>(after[0]))) {
      return false;
    }
    rest_ = after;
    return true;
  }

  // Each takes what it can; returns false where it makes no sense.

  bool ParseAll(Node& all, int depth) {
    do {
      Node any = {.kind = Node::kAny};
      do {
        if (!ParseOne(any.parts.emplace_back(), depth)) return false;
      } while (TakeWord("OR"));
      all.parts.push_back(std::move(any));
    } while (TakeWord("AND") || (!AtEnd() && rest_[0] != ')'));
    return true;
  }

  bool ParseOne(Node& node, int depth) {
    if (depth > kMaxDepth) return false;
    if (TakeWord("NOT")) {
      node.kind = Node::kNot;
      return ParseOne(node.parts.emplace_back(), depth + 1);
    }
    if (Take("(")) return ParseAll(node, depth + 1) && Take(")");
    return ParseTerm(node);
  }

  bool ParseTerm(Node& node) {
    AtEnd();
    const absl::string_view start = rest_;
    const size_t length =
        std::min(rest_.find_first_of(" \t\r\n:=()"), rest_.size());
    const std::string field = absl::AsciiStrToLower(rest_.substr(0, length));
    rest_.remove_prefix(length);
    node.whole = Take("=");
    const bool has_operator = node.whole || Take(":");
    node.value = absl::AsciiStrToLower(TakeValue());
    if (field == "name") {
      node.kind = Node::kName;
    } else if (field == "metadata.@type") {
      node.kind = Node::kType;
    } else if (field == "done") {
      node.kind = Node::kDone;
    } else {
      node.value.clear();
    }
    const bool is_term = has_operator && !node.value.empty() &&
                         (node.kind != Node::kDone || node.value == "true" ||
                          node.value == "false");
    if (!is_term) rest_ = start;
    return is_term;
  }

  absl::string_view TakeValue() {
    if (Take("\"")) {
      const size_t end = std::min(rest_.find('"'), rest_.size());
      const absl::string_view value = rest_.substr(0, end);
      rest_.remove_prefix(end);
      return Take("\"") ? value : "";
    }
    AtEnd();
    const size_t end =
        std::min(rest_.find_first_of(" \t\r\n()\""), rest_.size());
    const absl::string_view value = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return value;
  }

  const absl::string_view text_;
  absl::string_view rest_;
};

absl::StatusOr<OperationFilter> OperationFilter::Parse(absl::string_view text) {
  auto root = Parser(text).Parse();
  if (!root.ok()) return root.status();
  OperationFilter filter;
  filter.root_ = *std::move(root);
  return filter;
}

bool OperationFilter::Matches(const Node& node,
                              const google::longrunning::Operation& operation) {
  const auto matches = [&operation](const Node& part) {
    return Matches(part, operation);
  };
  switch (node.kind) {
    case Node::kAll:
      return std::all_of(node.parts.begin(), node.parts.end(), matches);
    case Node::kAny:
      return std::any_of(node.parts.begin(), node.parts.end(), matches);
    case Node::kNot:
      return !matches(node.parts[0]);
    case Node::kName:
      return Fits(operation.name(), node.value, node.whole);
    case Node::kType:
      return Fits(operation.metadata().type_url(), node.value, node.whole);
    case Node::kDone:
      return operation.done() == (node.value == "true");
  }
  return false;
}

}  // namespace spanner_session_emulator
