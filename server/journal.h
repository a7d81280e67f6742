// The journal, as a C++ test asks it what calls have come:
//
//   const auto aborted = emulator->journal().List(
//       CallsOf("Commit").WithStatus(absl::StatusCode::kAborted));
//   EXPECT_EQ(aborted.size(), 2);
//   EXPECT_EQ(RequestOf<google::spanner::v1::CommitRequest>(aborted[0])
//                 .request_options().transaction_tag(),
//             "mine");
//   // Until a call is frozen:
//   EXPECT_TRUE(emulator->journal()
//                   .WaitFor(AllCalls().HitBy("faults/ice").Open())
//                   .ok());
//
// A call gets its entry just before its reply begins, or a fault begins to hold
// it up, and the entry ends before its client is told of the end: what a client
// has the reply to is there. Only a call whose client has gone before its end
// has to be waited for. proto/spanner_session_emulator/v1/journal.proto says
// what an entry has, and how filters are written by hand.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_JOURNAL_H_
#define SPANNER_SESSION_EMULATOR_SERVER_JOURNAL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "server/mock/journal.h"
#include "server/mock/journal_entry.h"

namespace spanner_session_emulator {

// Which calls. Begin it by one of the functions below. A value.
//
// A check that cannot fail is worse than none: where no call could ever be
// meant, as by a method that Spanner does not have, a header that is not kept
// or a session that is no name of one, JournalView ends the program, and says
// on stderr what is wrong; only WaitFor() returns it.
class JournalCalls {
 public:
  // What else must hold of a call.

  // It has ended with this code.
  JournalCalls& WithStatus(absl::StatusCode code);
  // It names this session, or this database or a session of it, by its full
  // name.
  JournalCalls& InSession(absl::string_view name);
  JournalCalls& InDatabase(absl::string_view name);
  // It, or one of the statements of an ExecuteBatchDml, has this statement, or
  // one that begins so; blanks are as in stubs.
  JournalCalls& WithSql(absl::string_view sql);
  JournalCalls& WithSqlPrefix(absl::string_view prefix);
  // It had this header with this value; one of those in kJournalHeaders, as no
  // others are kept.
  JournalCalls& WithHeader(absl::string_view name, absl::string_view value);
  // Its client says, in the header `traceparent`, that it is of this trace: 32
  // hexadecimal digits in lower case.
  JournalCalls& InTrace(absl::string_view trace_id);
  // This stub has answered it: `stubs/mine`.
  JournalCalls& AnsweredBy(absl::string_view stub_name);
  // This fault was applied to it: `faults/mine`.
  JournalCalls& HitBy(absl::string_view fault_name);
  // It has come after the one whose entry has this number.
  JournalCalls& After(int64_t number);
  // It has not ended. Only calls of this kind are waited for as they come, not
  // as they end.
  JournalCalls& Open();

  // As JournalService takes it.
  const std::string& filter() const { return filter_; }

 private:
  friend JournalCalls AllCalls();
  friend JournalCalls CallsOf(absl::string_view method);

  JournalCalls() = default;
  // Takes the last operand as it is, in quotes.
  JournalCalls& Add(absl::string_view field_and_operator,
                    absl::string_view value);
  JournalCalls& AddTerm(absl::string_view term);

  std::string filter_;
};

JournalCalls AllCalls();
// Of a method of Spanner's API, the admin API included, by its short name, as
// `Commit`, or by its full name.
JournalCalls CallsOf(absl::string_view method);

// The entry's request, if it is one of this type; otherwise an empty one, as of
// a malformed call.
template <typename Request>
Request RequestOf(const JournalEntry& entry) {
  const std::unique_ptr<google::protobuf::Message> message =
      entry.DecodeRequest();
  const auto* request = dynamic_cast<const Request*>(message.get());
  return request == nullptr ? Request() : *request;
}

// One emulator's journal, which it must not outlive. With
// EmulatorOptions::journal_bytes = 0 it is empty. A value; thread-safe.
class JournalView {
 public:
  explicit JournalView(Journal* journal) : journal_(journal) {}

  // The entries as they stand, the oldest first.
  std::vector<JournalEntry> List(const JournalCalls& calls = AllCalls()) const;
  int64_t Count(const JournalCalls& calls = AllCalls()) const;
  // The one that came last; nothing if there is none.
  std::optional<JournalEntry> Last(
      const JournalCalls& calls = AllCalls()) const;

  // Waits until there are `count` entries that match and have ended, or with
  // JournalCalls::Open() have not, and returns these, in the order in which
  // they have come to match. DEADLINE_EXCEEDED after `timeout`, in real time;
  // UNAVAILABLE if the emulator shuts down; FAILED_PRECONDITION if there is no
  // journal; INVALID_ARGUMENT for calls that cannot be meant.
  absl::StatusOr<std::vector<JournalEntry>> WaitFor(
      const JournalCalls& calls, int64_t count = 1,
      absl::Duration timeout = absl::Seconds(10)) const;

  // Deletes entries; returns how many. Numbers go on rising.
  int64_t Clear(const JournalCalls& calls = AllCalls()) const;
  // How full it is, and how many entries have made room for others.
  Journal::Stats stats() const { return journal_->stats(); }

 private:
  Journal* journal_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_JOURNAL_H_
