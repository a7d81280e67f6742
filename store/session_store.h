// This folder holds sessions and time, and knows nothing of gRPC, HTTP or JSON.
// Names, labels and filters are values; Clock, DatabaseCatalog and every
// SessionStore are thread-safe; TimerWheel is not.
//
// This header is where sessions live: the interface, and the types that cross
// it.
#ifndef SPANNER_SESSION_EMULATOR_STORE_SESSION_STORE_H_
#define SPANNER_SESSION_EMULATOR_STORE_SESSION_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "store/filter.h"
#include "store/labels.h"
#include "store/names.h"
#include "store/transactions.h"

namespace spanner_session_emulator {

// What the creator of a session chose, and what never changes.
struct SessionAttributes {
  Labels labels;
  std::string creator_role;
};

// Who created a session, as far as the call told.
struct SessionCreator {
  std::string user_agent = {};
  std::string peer = {};  // As `ipv4:127.0.0.1:4711`.

  friend bool operator==(const SessionCreator&,
                         const SessionCreator&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const SessionCreator& creator) {
    return H::combine(std::move(h), creator.user_agent, creator.peer);
  }
};

// What to create.
struct SessionTemplate {
  SessionAttributes attributes;
  bool multiplexed = false;
  SessionCreator creator = {};
};

// A session at one moment.
struct Session {
  absl::Time create_time;
  absl::Time approximate_last_use_time;
  bool multiplexed = false;
  // Null where the session has neither labels nor a creator role.
  std::shared_ptr<const SessionAttributes> attributes;
};

struct NamedSession {
  SessionName name;
  Session session;
};

struct ListRequest {
  // How many sessions at most; the caller sees to its being positive.
  int page_size = 1000;
  // As ListPage::next_page_token gave it, or empty for the first page.
  std::string page_token;
  SessionFilter filter;
};

struct ListPage {
  std::vector<NamedSession> sessions;
  std::string next_page_token;  // Empty: this is the last page.
};

// How long the sessions of a database live. InfiniteDuration() is allowed.
struct SessionLifetimes {
  absl::Duration idle_ttl = absl::Hours(1);  // Of regular sessions only.
  absl::Duration max_age = absl::Hours(28 * 24);
  absl::Duration multiplexed_max_age = absl::Hours(28 * 24);
};

struct SessionCounts {
  struct Kind {
    int64_t live = 0;
    // Since the store was made or the counts were reset; without a reset,
    // created = live + deleted + expired.
    int64_t created = 0;
    int64_t deleted = 0;  // With those of dropped databases.
    int64_t expired = 0;

    Kind& operator+=(const Kind& other) {
      live += other.live;
      created += other.created;
      deleted += other.deleted;
      expired += other.expired;
      return *this;
    }
    friend bool operator==(const Kind&, const Kind&) = default;
  };
  Kind regular;
  Kind multiplexed;

  friend bool operator==(const SessionCounts&, const SessionCounts&) = default;
};

struct DatabaseCounts {
  DatabaseName database;
  SessionCounts counts;
  size_t ordinal = 0;  // Of the database, in the order of their first use.
};

// How many sessions there may be. Both numbers are positive.
struct SessionLimits {
  int64_t max_sessions = 1'000'000;  // Alive at a time.
  int max_sessions_per_batch = 100;  // That one batch creates.

  friend bool operator==(const SessionLimits&, const SessionLimits&) = default;
};

// Which sessions an operation is about: those for which all of this holds; by
// default, all sessions there are.
struct SessionSelection {
  Scope scope = {};
  // By labels. As multiplexed sessions have none, only an empty filter takes
  // them.
  SessionFilter filter = {};
  // Only those of this kind.
  std::optional<bool> multiplexed = {};
  // Only those whose last use, or creation, was more than so long ago.
  std::optional<absl::Duration> idle_longer_than = {};
  std::optional<absl::Duration> older_than = {};
};

struct SelectRequest {
  SessionSelection selection = {};
  // Whether those that have expired follow the living; see Select().
  bool include_expired = false;
  // As in ListRequest.
  int page_size = 1000;
  std::string page_token = {};
};

struct SelectedSession {
  SessionName name;
  Session session;
  SessionCreator creator;
  // The first instant at which it was dead; of the living InfiniteFuture().
  absl::Time end_time = absl::InfiniteFuture();
};

struct SelectPage {
  std::vector<SelectedSession> sessions;
  std::string next_page_token;  // Empty: this is the last page.
};

// Sessions by name. A session is dead, for every function here, as soon as the
// clock shows more than its last use plus the idle TTL, or more than its
// creation plus the maximum age; at those instants themselves it is alive. One
// that was told to expire at a time is dead from that instant on, if it still
// lives then.
//
// Implementations are thread-safe. No call's cost may grow with the number of
// sessions, except that of those that say so; and these stall no other call.
class SessionStore {
 public:
  // A filtered page looks at so many sessions at the most, and may therefore
  // hold fewer than were asked for, even none.
  static constexpr int kMaxExaminedPerPage = 10000;

  // So many of the regular sessions that have expired are remembered, the last
  // ones, whatever their databases.
  static constexpr int kMaxExpiredRemembered = 1000;

  virtual ~SessionStore() = default;

  // Creates `count` sessions that are alike, or as many as fit under the
  // store's cap: an empty answer means that none does. A batch is listed in
  // the order of the answer.
  virtual std::vector<NamedSession> Create(const DatabaseName& database,
                                           const SessionTemplate& what,
                                           int count) = 0;

  // The session, or nullopt if there is none alive under that name.
  virtual std::optional<Session> Get(const SessionName& name) = 0;

  // As Get, and the session has been used now, which the answer shows.
  virtual std::optional<Session> Use(const SessionName& name) = 0;

  // As Use, and calls `function` with the session's transactions while nobody
  // else touches them. It is to be short, and must not call the store. Returns
  // whether the session was alive; if not, nothing is called. A session that
  // ends takes its transactions with it at the same instant.
  virtual bool UseTransactions(
      const SessionName& name,
      absl::FunctionRef<void(SessionTransactions&)> function) = 0;

  // Aborts a transaction that is open and writes, as if its locks had been
  // taken by another one; this is no use of the session. Returns whether there
  // was one of this id.
  virtual bool AbortTransaction(const SessionName& name,
                                absl::string_view id) = 0;
  // All of the sessions of a selection. Returns how many there were. Cost and
  // what is missed are as those of deleting a selection.
  virtual int64_t AbortTransactions(const SessionSelection& selection) = 0;

  // The database's regular sessions, in the order of their creation, a page at
  // a time. A session that lives throughout a walk is in it exactly once.
  // INVALID_ARGUMENT if the page token is not of this list: this database and
  // this filter.
  virtual absl::StatusOr<ListPage> List(const DatabaseName& database,
                                        const ListRequest& request) = 0;

  // Ends a session of either kind. Returns whether it was alive.
  virtual bool Delete(const SessionName& name) = 0;

  // Ends all sessions of a database, at one instant for every reader, and
  // returns how many there were. The database's counts stay. Cost grows with
  // the number of sessions; other calls go on meanwhile, and until the return
  // some of those that were ended may still count, under the cap too.
  virtual int64_t DropDatabase(const DatabaseName& database) = 0;

  // Makes a session of either kind expire: when the clock shows `at`, and at
  // once if it does so already. Only shortens a life: of several times the
  // earliest counts, and a session may die of age before. Returns whether it
  // was alive.
  virtual bool Expire(const SessionName& name, absl::Time at) = 0;

  // The same for the sessions of a selection. Returns how many were alive. All
  // that exist when the call begins are looked at; those that are created
  // meanwhile may be missed. Cost grows with the number of sessions in the
  // selection's scope.
  virtual int64_t Delete(const SessionSelection& selection) = 0;
  virtual int64_t Expire(const SessionSelection& selection, absl::Time at) = 0;

  // The sessions of a selection and who created them, a page at a time:
  // database by database, in the order of the databases' first use, of each
  // the regular sessions and then the multiplexed ones, in the order of their
  // creation. Pages hold what those of List hold, and are no use either.
  //
  // If asked for, those of the selection follow that were not deleted, but have
  // expired, and are remembered: regular ones only, in the same order. One that
  // expires during a walk may come twice, alive and then dead. They are
  // forgotten when counts are reset, and when the clock is.
  //
  // INVALID_ARGUMENT if the page token is not of this selection. Cost grows
  // with the number of databases, and for those that have expired as that of
  // counting.
  virtual absl::StatusOr<SelectPage> Select(const SelectRequest& request) = 0;

  // Of one database, and of all. Exact unless other calls are under way. Cost
  // grows with the number of sessions that have died of age and were not
  // cleared up yet, and with the number of databases.
  virtual SessionCounts Counts(const DatabaseName& database) = 0;
  virtual SessionCounts TotalCounts() = 0;
  // Of each database in the scope that has anything to count, in the order of
  // their first use.
  virtual std::vector<DatabaseCounts> CountsByDatabase(const Scope& scope) = 0;

  // Counts what was created and what has ended from 0 again, in the databases
  // of the scope, and forgets those that have expired; the living stay counted
  // as living. Cost as that of counting.
  virtual void ResetCounts(const Scope& scope) = 0;

  // The limits. Create() keeps to the first, its callers to the other. They can
  // be changed at any time, and brought back to those of the start; sessions
  // that there are stay.
  virtual SessionLimits limits() const = 0;
  virtual void SetLimits(const SessionLimits& limits) = 0;
  virtual void ResetLimits() = 0;

  // Ends all sessions (they count as deleted, and are returned as their number)
  // and resets the clock at an instant at which none lives: a clock that goes
  // back would give the sessions that saw it a longer life. Those that are
  // created meanwhile are created either before and ended, or after. Cost grows
  // with the number of sessions; only at the instant itself do others wait.
  virtual int64_t RestartClock() = 0;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_SESSION_STORE_H_
