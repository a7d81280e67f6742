#include "store/filter.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

bool IsLabelChar(char c) { return absl::ascii_isalnum(c) || c == '-'; }

// Reads a filter from left to right.
class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  bool AtEnd() const { return position_ == text_.size(); }

  // Returns whether there was a blank.
  bool SkipBlanks() {
    const size_t start = position_;
    while (!AtEnd() && absl::ascii_isspace(text_[position_])) ++position_;
    return position_ > start;
  }

  bool Take(absl::string_view word) {
    if (!absl::StartsWithIgnoreCase(text_.substr(position_), word)) {
      return false;
    }
    position_ += word.size();
    return true;
  }

  // The longest run of letters, digits and hyphens, in lower case.
  std::string TakeLabelPart() {
    const size_t start = position_;
    while (!AtEnd() && IsLabelChar(text_[position_])) ++position_;
    return absl::AsciiStrToLower(text_.substr(start, position_ - start));
  }

  // Takes `AND` where it is a word of its own.
  bool TakeAnd() {
    const size_t start = position_;
    if (Take("AND") && (AtEnd() || absl::ascii_isspace(text_[position_]))) {
      return true;
    }
    position_ = start;
    return false;
  }

  absl::Status Error(absl::string_view expected) const {
    return absl::InvalidArgumentError(absl::StrCat(
        "does not make sense from position ", position_ + 1, " (",
        AtEnd() ? std::string("its end") : absl::StrCat("\"", Rest(), "\""),
        "): expected ", expected,
        "; a filter is labels.KEY:* or labels.KEY:VALUE, several joined by "
        "blanks or AND"));
  }

 private:
  // Bytes of the rest that a message shows.
  static constexpr size_t kShown = 40;

  // What a message shows of the rest: no half of a UTF-8 character at its end.
  absl::string_view Rest() const {
    const absl::string_view rest = text_.substr(position_);
    if (rest.size() <= kShown) return rest;
    size_t size = kShown;
    while (size > 0 && (rest[size] & 0xc0) == 0x80) --size;
    return rest.substr(0, size);
  }

  absl::string_view text_;
  size_t position_ = 0;
};

}  // namespace

absl::StatusOr<SessionFilter> SessionFilter::Parse(absl::string_view text) {
  SessionFilter filter;
  Parser parser(text);
  parser.SkipBlanks();
  while (!parser.AtEnd()) {
    if (!parser.Take("labels.")) return parser.Error("labels.");
    Term term;
    term.key = parser.TakeLabelPart();
    if (term.key.empty()) return parser.Error("the key of a label");
    if (!parser.Take(":")) return parser.Error("a colon");
    if (!parser.Take("*")) {
      term.value = parser.TakeLabelPart();
      if (term.value.empty()) return parser.Error("* or a value");
    }
    if (std::find(filter.terms_.begin(), filter.terms_.end(), term) ==
        filter.terms_.end()) {
      if (filter.terms_.size() == kMaxTerms) {
        return parser.Error(absl::StrCat("no more than ", kMaxTerms, " terms"));
      }
      filter.terms_.push_back(std::move(term));
    }

    const bool blank = parser.SkipBlanks();
    if (parser.AtEnd()) break;
    if (!blank) return parser.Error("a blank");
    if (parser.TakeAnd()) {
      parser.SkipBlanks();
      if (parser.AtEnd()) return parser.Error("labels.");
    }
  }
  return filter;
}

bool SessionFilter::Matches(const Labels& labels) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    bool found = false;
    labels.ForEach([&](absl::string_view key, absl::string_view value) {
      found = key == term.key && absl::StrContains(value, term.value);
      return !found;
    });
    return found;
  });
}

std::string SessionFilter::Canonical() const {
  std::string text;
  for (const Term& term : terms_) {
    absl::StrAppend(&text, text.empty() ? "" : " ", "labels.", term.key, ":",
                    term.value.empty() ? "*" : term.value);
  }
  return text;
}

}  // namespace spanner_session_emulator
