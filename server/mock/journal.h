// The journal: a record of calls.
//
// One queue of records in the order of their numbers, under one mutex. A record
// is made before the lock is taken, and given back to memory after it is
// released; inside there are only a push, a few sums, and for each record that
// makes room a pop. That is far less than what a call costs by itself, so the
// queue needs no parts of its own for several threads, and numbers have no gaps
// between what readers see. Each record is shared with whoever reads it, so
// filters and decoding need no lock either and hold up no call.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "server/mock/journal_entry.h"
#include "server/mock/journal_filter.h"
#include "store/clock.h"
#include "store/mutex.h"

namespace spanner_session_emulator {

class JournalReader;

// Thread-safe.
class Journal {
 public:
  struct Stats {
    int64_t capacity_bytes = 0;
    int64_t used_bytes = 0;
    int64_t entry_count = 0;
    int64_t open_entry_count = 0;
    int64_t dropped_entry_count = 0;
    int64_t last_number = 0;
  };

  // Which entries List() gives.
  struct Query {
    JournalFilter filter = {};
    // Where the page begins: behind the last entry of the one before; 0: with
    // the first of all.
    int64_t behind = 0;
    size_t limit = std::numeric_limits<size_t>::max();
    // The page ends where its entries would have more bytes, but not before its
    // first.
    size_t max_bytes = std::numeric_limits<size_t>::max();
    bool newest_first = false;
  };
  struct Page {
    std::vector<JournalEntry> entries = {};
    bool has_more = false;  // Others follow that match.
  };

  // Holds at most `capacity_bytes`, all included; with 0, or less, it is
  // inactive, and must not be given any calls. The clock must outlive it.
  Journal(const Clock* clock, int64_t capacity_bytes);
  // There must be no readers any more.
  ~Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  bool active() const { return capacity_ > 0; }
  CallTime Now() const;

  // Makes an entry of a call, which is open until Close(), to be called once.
  std::shared_ptr<JournalRecord> Open(const JournalCall& call);
  // `notes` are all, those of the beginning too. The record may have made room
  // for others by then.
  void Close(const std::shared_ptr<JournalRecord>& record, JournalEnd end,
             CallNotes notes = {});

  Page List(const Query& query) const;
  int64_t Count(const JournalFilter& filter) const;
  std::optional<JournalEntry> Find(int64_t number) const;
  // Deletes entries that match, of those that there are when it is called;
  // returns how many. They do not count as dropped.
  int64_t Clear(const JournalFilter& filter);
  Stats stats() const;

  // Ends all readers' waits, and those to come.
  void ShutDown();

 private:
  friend class JournalReader;
  using Records = std::vector<std::shared_ptr<JournalRecord>>;
  // Given back to memory without the lock.
  using Dropped = Records;
  using Wakers = std::vector<std::function<void()>>;

  // Up to `limit` records next to that with the number `behind`, upwards or
  // downwards.
  Records Next(int64_t behind, bool newest_first, size_t limit) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Has `look` see all records that there are now, a few at a time, without the
  // lock, until it returns false.
  void ForEach(int64_t behind, bool newest_first,
               absl::FunctionRef<bool(const JournalEntry&)> look) const;
  std::deque<std::shared_ptr<JournalRecord>>::const_iterator At(
      int64_t number) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Has(const JournalRecord& record) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountBytes(JournalRecord& record, size_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(JournalRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MakeRoom(Dropped& dropped) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Something has happened that readers may want to see, or only those who look
  // at open calls; the wakers are to be called without the lock.
  enum class Event { kForAll, kForIncludeOpen };
  Wakers TakeWakers(Event event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Rises with all that such a reader may want to see.
  int64_t EventsFor(bool include_open) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock* const clock_;
  const size_t capacity_;

  mutable Mutex mu_;
  // By number.
  std::deque<std::shared_ptr<JournalRecord>> records_ ABSL_GUARDED_BY(mu_);
  size_t used_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t open_count_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t last_number_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t dropped_count_ ABSL_GUARDED_BY(mu_) = 0;
  // Up to this number, all were deleted at once.
  int64_t cleared_through_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t last_dropped_ ABSL_GUARDED_BY(mu_) = 0;  // Its number.
  int64_t events_ ABSL_GUARDED_BY(mu_) = 0;        // For all readers.
  int64_t open_events_ ABSL_GUARDED_BY(mu_) = 0;   // Only for include_open.
  bool shut_down_ ABSL_GUARDED_BY(mu_) = false;
  // Of the readers that wait.
  std::map<const JournalReader*, std::function<void()>> wakers_
      ABSL_GUARDED_BY(mu_);
};

// Gives the entries that match a filter, each once: as soon as it matches. An
// open call is held until its end comes. For one thread at a time; no thread
// waits with it.
class JournalReader {
 public:
  // Begins with what comes after the number `after`; with nothing given, with
  // calls that end from now on. Unless `include_open`, an entry is only looked
  // at when its call has ended; a filter that asks for states asks for that as
  // well. The journal must outlive the reader.
  JournalReader(Journal* journal, JournalFilter filter,
                std::optional<int64_t> after, bool include_open);
  ~JournalReader();
  JournalReader(const JournalReader&) = delete;
  JournalReader& operator=(const JournalReader&) = delete;

  struct Item {
    JournalEntry entry;
    // Whether entries before this one, and behind the last, have made room
    // before they could be looked at.
    bool missed = false;
  };
  // The next; nothing, if there is none yet.
  std::optional<Item> Next();

  // After Next() has given nothing: has `wake` called once when it is worth
  // another call, be it at once, from any thread, without any lock.
  void OnReady(std::function<void()> wake);
  // Whether nobody waits for the journal any more.
  bool is_shut_down() const;

 private:
  friend class Journal;

  // Looks at what has happened since the last time, until an entry matches.
  void Look();
  void Take(const JournalEntry& entry);

  Journal* const journal_;
  const JournalFilter filter_;
  const bool include_open_;

  int64_t last_number_ = 0;  // That was looked at.
  int64_t seen_events_ = 0;
  bool missed_ = false;
  std::deque<Item> ready_;
  // Open, and not matching so far.
  Journal::Records open_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_H_
