// Which entries of the journal.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_FILTER_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_FILTER_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/mock/journal_entry.h"

namespace spanner_session_emulator {

class JournalFacts;  // Of one entry, for one look at it.

// A filter in the grammar of JournalService (journal.proto), which is a part of
// https://google.aip.dev/160. A value: safe to use from several threads.
class JournalFilter {
 public:
  // How deep parentheses may be.
  static constexpr int kMaxDepth = 20;

  // Of all entries.
  JournalFilter() = default;

  // INVALID_ARGUMENT for a text outside the grammar; the message says where it
  // stops making sense and what was expected there, and fits behind the name of
  // the field.
  static absl::StatusOr<JournalFilter> Parse(absl::string_view text);
  // Any text as a value in a filter.
  static std::string Quote(absl::string_view text);
  // Of calls that name a database in this part of the server, or a session of
  // one: a full name, or empty for everything.
  static JournalFilter LiesIn(absl::string_view scope);

  // An open call matches no term about its end. What only the request says is
  // decoded if a term asks for it.
  bool Matches(const JournalEntry& entry) const;
  // Whether all entries match.
  bool empty() const { return matches_ == nullptr; }
  // Whether it has a term about the state of calls, which open calls may match.
  bool asks_for_state() const { return asks_for_state_; }

 private:
  std::function<bool(JournalFacts&)> matches_;
  bool asks_for_state_ = false;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_FILTER_H_
