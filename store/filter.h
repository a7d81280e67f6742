// The filter of ListSessions.
// https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#listsessionsrequest
#ifndef SPANNER_SESSION_EMULATOR_STORE_FILTER_H_
#define SPANNER_SESSION_EMULATOR_STORE_FILTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/labels.h"

namespace spanner_session_emulator {

// Terms that must all hold: `labels.KEY:*` (has the label) and
// `labels.KEY:VALUE` (the label's value contains VALUE), joined by blanks or
// `AND`; at most kMaxTerms, a term that comes again not counted. Case does not
// matter. An empty filter matches everything. A value:
// safe to read from several threads.
class SessionFilter {
 public:
  // As many different terms as a session can have labels.
  static constexpr size_t kMaxTerms = Labels::kMaxLabels;

  SessionFilter() = default;

  // INVALID_ARGUMENT for a text outside the grammar; the message says where it
  // stops making sense and what was expected there.
  static absl::StatusOr<SessionFilter> Parse(absl::string_view text);

  bool Matches(const Labels& labels) const;
  bool empty() const { return terms_.empty(); }

  // The same for filters that mean the same term by term: lower case, one
  // blank between terms.
  std::string Canonical() const;

 private:
  struct Term {
    std::string key;
    std::string value;  // Empty: any value.

    friend bool operator==(const Term&, const Term&) = default;
  };

  std::vector<Term> terms_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_FILTER_H_
