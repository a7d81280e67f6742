#include "server/mock/statement_match.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/mock/statement_text.h"

namespace spanner_session_emulator {
namespace {

// A pattern that needs more memory than this is refused.
constexpr int64_t kMaxPatternBytes = 8 << 20;

}  // namespace

absl::StatusOr<StatementMatch> StatementMatch::Exact(absl::string_view sql) {
  StatementMatch match;
  match.kind_ = Kind::kExact;
  match.text_ = FoldBlanks(sql);
  if (match.text_.empty()) {
    return absl::InvalidArgumentError("must not be empty");
  }
  return match;
}

absl::StatusOr<StatementMatch> StatementMatch::Prefix(absl::string_view sql) {
  absl::StatusOr<StatementMatch> match = Exact(sql);
  if (!match.ok()) return match;
  match->kind_ = Kind::kPrefix;
  // At the end, a blank is the end of a word; in quotes, it is still there.
  const auto is_blank = [](unsigned char c) { return absl::ascii_isspace(c); };
  if (is_blank(sql.back()) && !is_blank(match->text_.back())) {
    match->text_ += ' ';
  }
  return match;
}

absl::StatusOr<StatementMatch> StatementMatch::Pattern(
    absl::string_view pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  options.set_max_mem(kMaxPatternBytes);
  const re2::StringPiece text(pattern.data(), pattern.size());
  StatementMatch match;
  match.kind_ = Kind::kPattern;
  match.pattern_ = std::make_shared<const RE2>(text, options);
  if (pattern.empty() || !match.pattern_->ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "must be a regular expression of RE2: ",
        pattern.empty() ? "it is empty" : match.pattern_->error()));
  }
  return match;
}

bool StatementMatch::Matches(absl::string_view sql) const {
  switch (kind_) {
    case Kind::kAny:
      return true;
    case Kind::kExact:
      return sql == text_;
    case Kind::kPrefix:
      return absl::StartsWith(sql, text_);
    case Kind::kPattern:
      return RE2::FullMatch(re2::StringPiece(sql.data(), sql.size()),
                            *pattern_);
  }
  return false;
}

}  // namespace spanner_session_emulator
