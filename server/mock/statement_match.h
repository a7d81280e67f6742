// Which statements are meant: one, those that begin so, or those of a pattern.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_STATEMENT_MATCH_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_STATEMENT_MATCH_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "re2/re2.h"

namespace spanner_session_emulator {

// By default, all statements. Does not change once it is made.
class StatementMatch {
 public:
  // INVALID_ARGUMENT says what is wrong, as it fits behind a field's name.
  // Blanks in statements are folded.
  static absl::StatusOr<StatementMatch> Exact(absl::string_view sql);
  static absl::StatusOr<StatementMatch> Prefix(absl::string_view sql);
  // A regular expression of RE2, for whole statements.
  static absl::StatusOr<StatementMatch> Pattern(absl::string_view pattern);

  // `sql` is folded (FoldBlanks()).
  bool Matches(absl::string_view sql) const;

  // Of Exact() and Prefix(), folded.
  const std::string& text() const { return text_; }

 private:
  enum class Kind { kAny, kExact, kPrefix, kPattern };

  Kind kind_ = Kind::kAny;
  std::string text_;
  std::shared_ptr<const RE2> pattern_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_STATEMENT_MATCH_H_
