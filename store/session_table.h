// The in-memory SessionStore.
#ifndef SPANNER_SESSION_EMULATOR_STORE_SESSION_TABLE_H_
#define SPANNER_SESSION_EMULATOR_STORE_SESSION_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "store/clock.h"
#include "store/mutex.h"
#include "store/session_id.h"
#include "store/session_store.h"
#include "store/timer_wheel.h"

namespace spanner_session_emulator {

struct SessionTableOptions {
  SessionLifetimes lifetimes;
  // For the databases whose sessions live differently.
  absl::flat_hash_map<DatabaseName, SessionLifetimes> database_lifetimes;
  // How many sessions may be alive at a time.
  int64_t max_sessions = 1'000'000;
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
//  see
//    there for why uses need not move it.
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
// Lock order: database, then shard. Thread-safe.
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
  absl::StatusOr<ListPage> List(const DatabaseName& database,
                                const ListRequest& request) override;
  bool Delete(const SessionName& name) override;
  int64_t DropDatabase(const DatabaseName& database) override;
  SessionCounts Counts(const DatabaseName& database) override;
  SessionCounts TotalCounts() override;

  // How many slots hold a session, the dead that are not cleared up included.
  // For tests and metrics.
  int64_t occupied_slots() const {
    return occupied_.load(std::memory_order_relaxed);
  }

 private:
  struct Database;
  struct Shard;

  struct Slot : TimerLinks<Slot> {
    enum class State : uint8_t { kFree, kHoldsSession, kBeingFreed };

    State state = State::kFree;
    bool multiplexed = false;
    uint32_t index = 0;
    std::array<uint64_t, 2> random = {};
    int64_t create_micros = 0;
    int64_t last_use_micros = 0;
    uint64_t number = 0;  // In the order of creation, over all databases.
    Database* database = nullptr;
    std::shared_ptr<const SessionAttributes> attributes;
  };

  // Microseconds; kForever stands for an infinite duration.
  struct Lifetimes {
    explicit Lifetimes(const SessionLifetimes& lifetimes);
    // The last instant at which the session in `slot` is alive.
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
    Database(DatabaseName name, const SessionLifetimes& lifetimes)
        : name(std::move(name)), lifetimes(lifetimes) {}

    const DatabaseName name;
    const Lifetimes lifetimes;
    Mutex mu;
    // By creation number; [0] regular sessions, [1] multiplexed ones.
    std::array<absl::btree_map<uint64_t, Slot*>, 2> lists ABSL_GUARDED_BY(mu);
    // Sessions with a lower number have been dropped, all at once.
    std::atomic<uint64_t> first_number{0};
    std::array<Counters, 2> counters;
  };

  // How a session ended, which decides where it is counted.
  enum class End { kDeleted, kExpired };

  static constexpr int kShards = 32;
  static constexpr int kRun = 64;      // Sessions in a row that share a shard.
  static constexpr int kChunk = 1024;  // Slots that are allocated at a time.
  // Sessions of a list that are read under one lock.
  static constexpr int kListStep = 256;
  // Sessions that are cleared up under one lock.
  static constexpr int kSweepStep = 64;

  struct Shard {
    Mutex mu;
    std::vector<std::unique_ptr<Slot[]>> chunks ABSL_GUARDED_BY(mu);
    // Linked by timer_next, as a free slot is in no wheel.
    Slot* free ABSL_GUARDED_BY(mu) = nullptr;
    TimerWheel<Slot> wheel ABSL_GUARDED_BY(mu);
  };

  Shard& ShardOf(uint32_t slot_index) { return shards_[slot_index % kShards]; }

  // The record of a database. Find returns null where it has none yet.
  Database* Find(const DatabaseName& name);
  Database& FindOrAdd(const DatabaseName& name);

  // Takes room for up to `count` sessions under the cap, after clearing up the
  // dead if there is not enough. Returns how many fit.
  int Reserve(int count);

  Slot* TakeSlot(Shard& shard, int shard_index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);

  // The slot of a session that is alive, or null.
  Slot* FindAlive(const SessionName& name, const SessionKey& key, Shard& shard,
                  int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  bool IsAlive(const Slot& slot, int64_t now) const;
  std::optional<Session> Read(const SessionName& name, bool use);
  static Session Snapshot(const Slot& slot);

  // A session of a list, as it was when its place in the list was read.
  struct Candidate {
    uint64_t number = 0;
    SessionKey key = {};
    bool alive = false;
    Session session = {};  // If alive.
  };
  // Reads up to `count` from behind number `after`. Returns whether there are
  // more.
  bool ReadCandidates(Database& database, uint64_t after, int count,
                      std::vector<Candidate>& candidates);

  // The three steps of an end; see above. `slots` are of one shard.
  void Empty(Slot& slot, Shard& shard, End end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mu);
  void Free(Shard& shard, absl::Span<Slot* const> slots);

  // Clears up to kSweepStep dead sessions of a shard. Returns false when none
  // is left that is dead at `now`.
  bool SweepStep(Shard& shard, int64_t now);
  // Clears up all that are dead at `now`.
  void Sweep(int64_t now);
  void SweepUntilShutdown();

  static SessionCounts CountsOf(Database& database);

  std::string PageToken(const DatabaseName& database,
                        const SessionFilter& filter, uint64_t number) const;
  absl::StatusOr<uint64_t> ReadPageToken(const DatabaseName& database,
                                         const SessionFilter& filter,
                                         absl::string_view token) const;

  Clock* const clock_;
  const SessionTableOptions options_;
  const uint64_t secret_;  // Of page tokens.
  const SessionIdCodec codec_;
  const int64_t shortest_lifetime_;  // Microseconds.

  // Slots that hold a session, and those that are reserved for one.
  std::atomic<int64_t> occupied_{0};
  std::atomic<uint64_t> next_number_{1};

  std::array<Shard, kShards> shards_;

  Mutex databases_mu_;
  // Records stay: they hold counts, and slots point to them.
  absl::flat_hash_map<DatabaseName, std::unique_ptr<Database>> databases_
      ABSL_GUARDED_BY(databases_mu_);

  Clock::Alarm sweep_alarm_;
  std::atomic<bool> shutting_down_{false};
  std::thread sweeper_;  // Last: it uses the rest.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_SESSION_TABLE_H_
