// The in-memory SessionStore.
#ifndef SPANNER_SESSION_EMULATOR_STORE_SESSION_TABLE_H_
#define SPANNER_SESSION_EMULATOR_STORE_SESSION_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "store/clock.h"
#include "store/creator_pool.h"
#include "store/mutex.h"
#include "store/session_id.h"
#include "store/session_store.h"
#include "store/timer_wheel.h"
#include "store/transactions.h"

namespace spanner_session_emulator {

struct SessionTableOptions {
  SessionLifetimes lifetimes;
  // For the databases whose sessions live differently.
  absl::flat_hash_map<DatabaseName, SessionLifetimes> database_lifetimes;
  // How many sessions may be alive at a time, and how many one batch creates.
  int64_t max_sessions = 1'000'000;
  int max_sessions_per_batch = 100;
};

// Three structures hold every session:
//
//  * A slot, found without a search: the session's id says its number (and 128
//    random bits, which the slot must agree with). Slots lie in chunks that
//    never move or shrink; a free slot waits for its next session. They are
//    dealt out to shards, each with a mutex of its own, in runs: neighbours in
//    creation order are neighbours in memory, where a list page finds them.
//  * Its database's list, an ordered map from creation number to slot, under
//    the database's mutex. A page token holds the last number that was seen, so
//    that sessions may come and go between pages.
//  * Its shard's timer wheel, with the deadline that it had when it went in;
//    see there for why uses need not move it.
//
// Death is decided by the clock alone, each time that a slot is read. Clearing
// up is another matter: a thread takes ripe sessions off the wheels, a few
// under each lock, at most once in kSweepInterval; and so does whoever needs
// exact counts, or room under the cap.
//
// A session that ends (deleted, cleared up, dropped) goes through three steps,
// each under one lock: its slot is emptied, which ends it for every reader; its
// number leaves the database's list; its slot becomes free. In between, the
// list leads to an empty slot and skips it.
//
// Time, too, is read under the shard's lock, and the clock is only reset while
// all of these are held: nobody acts on a time from before.
//
// Transactions lie beside the slots of the few sessions that have any, and are
// guarded by the shard's lock as these are. They become unreachable when the
// slot is emptied; their memory, which may be much, is given back last, without
// a lock.
//
// A regular session that expires is remembered for reports, among so many of
// the last ones; this moves a few words and allocates nothing in the long run.
//
// Lock order: database, shard (several only in their order), the remembered,
// creators. Thread-safe.
class SessionTable final : public SessionStore {
 public:
  // How late at most, by the clock, dead sessions give back their memory.
  static constexpr absl::Duration kSweepInterval = absl::Milliseconds(100);

  // `clock` must outlive the table.
  SessionTable(Clock* clock, SessionTableOptions options);
  ~SessionTable() override;
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  std::vector<NamedSession> Create(const DatabaseName& database,
                                   const SessionTemplate& what,
                                   int count) override;
  std::optional<Session> Get(const SessionName& name) override;
  std::optional<Session> Use(const SessionName& name) override;
  bool UseTransactions(
      const SessionName& name,
      absl::FunctionRef<void(SessionTransactions&)> function) override;
  bool AbortTransaction(const SessionName& name, absl::string_view id) override;
  int64_t AbortTransactions(const SessionSelection& selection) override;
  absl::StatusOr<ListPage> List(const DatabaseName& database,
                                const ListRequest& request) override;
  bool Delete(const SessionName& name) override;
  int64_t DropDatabase(const DatabaseName& database) override;
  bool Expire(const SessionName& name, absl::Time at) override;
  int64_t Delete(const SessionSelection& selection) override;
  int64_t Expire(const SessionSelection& selection, absl::Time at) override;
  absl::StatusOr<SelectPage> Select(const SelectRequest& request) override;
  SessionCounts Counts(const DatabaseName& database) override;
  SessionCounts TotalCounts() override;
  std::vector<DatabaseCounts> CountsByDatabase(const Scope& scope) override;
  void ResetCounts(const Scope& scope) override;
  SessionLimits limits() const override {
    return {.max_sessions = max_sessions_,
            .max_sessions_per_batch = max_sessions_per_batch_};
  }
  void SetLimits(const SessionLimits& limits) override {
    max_sessions_ = limits.max_sessions;
    max_sessions_per_batch_ = limits.max_sessions_per_batch;
  }
  void ResetLimits() override {
    max_sessions_ = options_.max_sessions;
    max_sessions_per_batch_ = options_.max_sessions_per_batch;
  }
  int64_t RestartClock() override;

  // How many slots hold a session, the dead that are not cleared up included.
  // For tests and metrics.
  int64_t occupied_slots() const {
    return occupied_.load(std::memory_order_relaxed);
  }
  // How many creators are known, those of the remembered included. For the
  // same.
  size_t creators() { return creators_.size(); }
  // What there is and was, from the first on: whatever ResetCounts() was told.
  // Nothing is cleared up for it, so that the dead may count as living for
  // kSweepInterval. For metrics: cost grows with the number of databases only,
  // and holds up nobody.
  struct Figures {
    SessionCounts total;
    // Of the databases with the most living sessions, the most first. With
    // equally many, that which was used first.
    struct Database {
      DatabaseName name;
      int64_t regular = 0;
      int64_t multiplexed = 0;
    };
    std::vector<Database> largest;
    TransactionFigures transactions;
  };
  // `most`: of so many databases at the most.
  Figures figures(size_t most);

  // How many sessions have begun a transaction, the dead that are not cleared
  // up included. For the same.
  size_t sessions_with_transactions();

 private:
  struct Database;
  struct Shard;

  struct Slot : TimerLinks<Slot> {
    enum class State : uint8_t { kFree, kHoldsSession, kBeingFreed };

    State state = State::kFree;
    bool multiplexed : 1 = false;
    // The shard's expire_at says when.
    bool has_expire_at : 1 = false;
    // The shard's transactions has some.
    bool has_transactions : 1 = false;
    uint32_t index = 0;
    std::array<uint64_t, 2> random = {};
    int64_t create_micros = 0;
    int64_t last_use_micros = 0;
    uint64_t number = 0;  // In the order of creation, over all databases.
    Database* database = nullptr;
    std::shared_ptr<const SessionAttributes> attributes;
    CreatorPool::Entry* creator = nullptr;
  };
  static_assert(sizeof(Slot) <= 96, "there are millions of them");

  // Microseconds; kForever stands for an infinite duration.
  struct Lifetimes {
    explicit Lifetimes(const SessionLifetimes& lifetimes);
    // The last instant at which the session in `slot` is alive, unless it was
    // told to expire.
    int64_t LastAlive(const Slot& slot) const;

    int64_t idle_ttl;
    int64_t max_age;
    int64_t multiplexed_max_age;
  };

  struct Counters {
    std::atomic<int64_t> created{0};
    std::atomic<int64_t> deleted{0};
    std::atomic<int64_t> expired{0};

    SessionCounts::Kind Read() const;
  };

  struct Database {
    Database(DatabaseName name, size_t ordinal,
             const SessionLifetimes& lifetimes)
        : name(std::move(name)), ordinal(ordinal), lifetimes(lifetimes) {}

    const DatabaseName name;
    const size_t ordinal;  // In the order of first use.
    const Lifetimes lifetimes;
    Mutex mu;
    // By creation number; [0] regular sessions, [1] multiplexed ones.
    std::array<absl::btree_map<uint64_t, Slot*>, 2> lists ABSL_GUARDED_BY(mu);
    // Sessions with a lower number have been dropped, all at once.
    std::atomic<uint64_t> first_number{0};
    std::array<Counters, 2> counters;
    // What they were when counting began anew.
    SessionCounts counts_before ABSL_GUARDED_BY(mu);
  };

  // How a session ended, which decides where it is counted.
  enum class End { kDeleted, kExpired };

  // The kind of a position among those that have expired, which are in no list.
  static constexpr int kExpiredKind = 2;

  static constexpr int kShards = 32;
  static constexpr int kRun = 64;     // Sessions in a row that share a shard.
  static constexpr int kChunk = 256;  // Slots that are allocated at a time.
  // Sessions that are read under one lock of their list.
  static constexpr int kListStep = 256;
  // Sessions that are made or read, and those that are cleared up, under one
  // lock of their shard: few, as those who use others may wait for it.
  static constexpr int kShardStep = 16;
  static constexpr int kSweepStep = 4;

  struct Shard {
    Mutex mu;
    std::vector<std::unique_ptr<Slot[]>> chunks ABSL_GUARDED_BY(mu);
    // Linked by timer_next, as a free slot is in no wheel.
    Slot* free ABSL_GUARDED_BY(mu) = nullptr;
    TimerWheel<Slot> wheel ABSL_GUARDED_BY(mu);
    // By slot index, of the few sessions that were told when to expire: the
    // first instant at which they are dead.
    absl::flat_hash_map<uint32_t, int64_t> expire_at ABSL_GUARDED_BY(mu);
    // By slot index, of the sessions that have begun a transaction.
    absl::flat_hash_map<uint32_t, std::unique_ptr<SessionTransactions>>
        transactions ABSL_GUARDED_BY(mu);
  };

  Shard& ShardOf(uint32_t slot_index) { return shards_[slot_index % kShards]; }

  // The record of a database. Find returns null where it has none yet.
  Database* Find(const DatabaseName& name);
  Database& FindOrAdd(const DatabaseName& name);

  // Takes room for up to `count` sessions under the cap, after clearing up the
  // dead if there is not enough. Returns how many fit.
  int Reserve(int count);

  static void AddSlots(std::unique_ptr<Slot[]> chunk, Shard& shard,
                       int shard_index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);

  // The slot of a session that is alive, or null.
  Slot* FindAlive(const SessionName& name, const SessionKey& key, Shard& shard,
                  int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  // The last instant at which the session in `slot` is alive.
  static int64_t LastAlive(const Slot& slot, const Shard& shard)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  static bool IsAlive(const Slot& slot, const Shard& shard, int64_t now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  std::optional<Session> Read(const SessionName& name, bool use);
  static Session Snapshot(const Slot& slot);

  // A session of a list, as it was when its place in the list was read.
  struct Candidate {
    uint64_t number = 0;
    Slot* slot = nullptr;
    SessionKey key = {};
    bool alive = false;
    Session session = {};  // If alive.
  };
  // Reads up to `count` of a kind from behind number `after`. Returns whether
  // there are more.
  bool ReadCandidates(Database& database, int kind, uint64_t after, int count,
                      std::vector<Candidate>& candidates);

  // A place in all lists, one after the other: behind that session.
  struct Position {
    size_t database = 0;  // Its ordinal.
    int kind = 0;         // Or kExpiredKind.
    uint64_t number = 0;
  };
  // What becomes of a session that a walk has come to.
  enum class Visit { kKeep, kDelete, kExpire, kStopBefore };
  using Visitor = absl::FunctionRef<Visit(
      const Candidate& candidate, Slot& slot, Shard& shard, int64_t now)>;
  // Goes on from `position` to the selection's sessions, a few under each lock,
  // and calls `visit` under the lock of the session's shard. Returns whether it
  // was stopped, by `visit` or after looking at `most_examined` sessions,
  // rather than having come to the end; `position` is behind what it has done.
  bool Walk(const SessionSelection& selection, int64_t most_examined,
            Position& position, Visitor visit);

  // The records of a scope's databases, by ordinal.
  std::vector<Database*> DatabasesOf(const Scope& scope);

  // Makes a session that is alive expire at `at`, which is still ahead.
  static void SetExpireAt(Slot& slot, Shard& shard, int64_t at)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);

  // A regular session that has expired. What it points to lives as long.
  struct Expired {
    const Database* database;
    uint64_t number;
    SessionKey key;
    int64_t end_micros;  // The first instant at which it was dead.
    Session session;
    CreatorPool::Entry* creator;
  };
  // Remembers the session in `slot`, which has expired, and takes what it has.
  void Remember(Slot& slot, const Shard& shard)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  // Forgets those of a scope.
  void Forget(const Scope& scope);
  // Adds those of the selection from behind `position` to the page. Returns
  // whether there are more; `position` is behind what is in the page.
  bool AddExpired(const SelectRequest& request, Position& position,
                  SelectPage& page);

  // The three steps of an end; see above. `slots` are of one shard.
  // The slot must have left the wheel before.
  void Empty(Slot& slot, Shard& shard, End end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  void Free(Shard& shard, absl::Span<Slot* const> slots);

  // Clears up to kSweepStep dead sessions of a shard. Returns false when none
  // is left.
  bool SweepStep(Shard& shard);
  // Clears up all that are dead.
  void Sweep();
  void SweepUntilShutdown();

  static SessionCounts CountsOf(Database& database);

  // A page token of the list that `list` describes, and what is in it: the
  // beginning if it is empty. INVALID_ARGUMENT if it is of another list; the
  // last argument says what a list must share for its tokens to be good.
  std::string PageToken(absl::string_view list, const Position& position) const;
  absl::StatusOr<Position> ReadPageToken(
      absl::string_view list, absl::string_view token,
      absl::string_view what_is_the_same) const;

  Clock* const clock_;
  const SessionTableOptions options_;
  std::atomic<int64_t> max_sessions_{options_.max_sessions};
  std::atomic<int> max_sessions_per_batch_{options_.max_sessions_per_batch};
  const uint64_t secret_;  // Of page tokens.
  const SessionIdCodec codec_;
  TransactionEnvironment transaction_environment_;
  const int64_t shortest_lifetime_;  // Microseconds.

  // Slots that hold a session, and those that are reserved for one.
  std::atomic<int64_t> occupied_{0};
  std::atomic<uint64_t> next_number_{1};

  std::array<Shard, kShards> shards_;

  Mutex databases_mu_;
  // Records stay: they hold counts, and slots point to them.
  absl::flat_hash_map<DatabaseName, std::unique_ptr<Database>> databases_
      ABSL_GUARDED_BY(databases_mu_);
  // The same, by ordinal.
  std::vector<Database*> databases_by_ordinal_ ABSL_GUARDED_BY(databases_mu_);

  CreatorPool creators_;

  Mutex expired_mu_;
  // In the order of their clearing up.
  std::deque<Expired> expired_ ABSL_GUARDED_BY(expired_mu_);

  Clock::Alarm sweep_alarm_;
  std::atomic<bool> shutting_down_{false};
  std::thread sweeper_;  // Last: it uses the rest.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_SESSION_TABLE_H_
