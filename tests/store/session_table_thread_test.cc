// What holds for the table when several threads use it at a time.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/clock.h"
#include "store/names.h"
#include "store/session_store.h"
#include "store/session_table.h"
#include "tests/store/session_table_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kThreads = 4;

// Runs `work` in several threads, which begin at the same time.
void InThreads(const std::function<void(int thread)>& work) {
  std::atomic<int> missing{kThreads};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      --missing;
      while (missing > 0) std::this_thread::yield();
      work(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Random calls on shared databases, while the clock moves.

constexpr SessionLifetimes kLifetimes = {
    .idle_ttl = absl::Milliseconds(50),
    .max_age = absl::Milliseconds(200),
    .multiplexed_max_age = absl::Milliseconds(150)};
constexpr int64_t kCap = 1500;
constexpr int kCallsPerThread = 6000;
// Anybody may drop the last of these.
constexpr int kDatabases = 3;
constexpr int kDropped = 2;

// What the threads have done to a database, [1] to multiplexed sessions.
struct Tally {
  std::array<std::atomic<int64_t>, 2> created{};
  std::atomic<int64_t> deleted{0};  // Of both kinds; drops included.
};

struct Shared {
  Shared() : table(&clock, Options()) {
    for (const char* id : {"test", "test-2", "dropped"}) {
      databases.push_back(Database(id));
    }
  }

  static SessionTableOptions Options() {
    SessionTableOptions options = UpTo(kCap);
    options.lifetimes = kLifetimes;
    return options;
  }

  Clock clock{Start()};
  SessionTable table;
  std::vector<DatabaseName> databases;
  std::array<Tally, kDatabases> tallies;
  std::atomic<int64_t> calls{0};  // Of all threads; the clock goes by it.
  std::atomic<int> working{kThreads};
};

// One thread. It knows its own sessions, which nobody else uses or deletes, and
// between which times each was created and used last.
class Worker {
 public:
  Worker(Shared& shared, int seed) : shared_(shared), random_(seed) {}

  void Run() {
    for (int i = 0; i < kCallsPerThread && !testing::Test::HasFailure(); ++i) {
      Call();
      ++shared_.calls;
      EXPECT_LE(shared_.table.occupied_slots(), kCap);
    }
    --shared_.working;
  }

 private:
  struct Interval {
    absl::Time from, to;
  };
  struct Own {
    SessionName name;
    int database;
    bool multiplexed;
    Interval created, used;
  };

  int Random(int below) { return static_cast<int>(random_() % below); }
  absl::Time Now() const { return shared_.clock.Now(); }

  static absl::Time LastAlive(const Own& own, absl::Time created,
                              absl::Time used) {
    return own.multiplexed ? created + kLifetimes.multiplexed_max_age
                           : std::min(created + kLifetimes.max_age,
                                      used + kLifetimes.idle_ttl);
  }
  // Whether a call between the two times must have found the session, or
  // cannot have found it.
  static bool MustLive(const Own& own, Interval call) {
    return own.database != kDropped &&
           call.to <= LastAlive(own, own.created.from, own.used.from);
  }
  static bool MustBeDead(const Own& own, Interval call) {
    return call.from > LastAlive(own, own.created.to, own.used.to);
  }

  void Call() {
    const int what = Random(100);
    if (what < 20) {
      Create(what < 5 ? 20 : 1);
    } else if (what < 60) {
      Read(what < 40);
    } else if (what < 75) {
      Delete();
    } else if (what < 80) {
      LookForTheDead();
    } else if (what < 84) {
      WalkAll();
    } else if (what < 86) {
      Drop();
    } else if (what < 90) {
      Count();
    } else {
      Read(true);
    }
  }

  void Create(int count) {
    const int database = Random(kDatabases);
    const bool multiplexed = Random(5) == 0;
    const absl::Time before = Now();
    const std::vector<NamedSession> created =
        shared_.table.Create(shared_.databases[database],
                             multiplexed ? Multiplexed() : Regular(), count);
    const absl::Time after = Now();
    shared_.tallies[database].created[multiplexed] += created.size();
    for (const NamedSession& session : created) {
      EXPECT_GE(session.session.create_time, before);
      EXPECT_LE(session.session.create_time, after);
      own_.push_back({session.name,
                      database,
                      multiplexed,
                      {before, after},
                      {before, after}});
    }
  }

  void Bury(size_t which) {
    dead_.push_back(own_[which].name);
    if (dead_.size() > 1000) {
      dead_.erase(dead_.begin(), dead_.begin() + 500);
    }
    std::swap(own_[which], own_.back());
    own_.pop_back();
  }

  void Read(bool use) {
    if (own_.empty()) return;
    const size_t which = Random(static_cast<int>(own_.size()));
    Own& own = own_[which];
    const absl::Time before = Now();
    const std::optional<Session> session =
        use ? shared_.table.Use(own.name) : shared_.table.Get(own.name);
    const Interval call = {before, Now()};
    if (!session.has_value()) {
      EXPECT_FALSE(MustLive(own, call)) << own.name.full();
      Bury(which);
      return;
    }
    EXPECT_FALSE(MustBeDead(own, call)) << own.name.full();
    EXPECT_GE(session->create_time, own.created.from);
    EXPECT_LE(session->create_time, own.created.to);
    if (use) own.used = call;
    EXPECT_GE(session->approximate_last_use_time, own.used.from);
    EXPECT_LE(session->approximate_last_use_time, own.used.to);
  }

  void Delete() {
    if (own_.empty()) return;
    const size_t which = Random(static_cast<int>(own_.size()));
    const Own& own = own_[which];
    const absl::Time before = Now();
    const bool was_alive = shared_.table.Delete(own.name);
    const Interval call = {before, Now()};
    if (was_alive) {
      EXPECT_FALSE(MustBeDead(own, call)) << own.name.full();
      ++shared_.tallies[own.database].deleted;
    } else {
      EXPECT_FALSE(MustLive(own, call)) << own.name.full();
    }
    Bury(which);
  }

  void LookForTheDead() {
    for (int i = 0; i < 10 && !dead_.empty(); ++i) {
      const SessionName& name = dead_[Random(static_cast<int>(dead_.size()))];
      EXPECT_FALSE(shared_.table.Get(name).has_value()) << name.full();
      EXPECT_FALSE(shared_.table.Use(name).has_value()) << name.full();
      EXPECT_FALSE(shared_.table.Delete(name)) << name.full();
    }
  }

  void WalkAll() {
    const int database = Random(kDatabases);
    const absl::Time before = Now();
    std::map<std::string, int> seen;
    for (const std::string& name :
         List(shared_.table, shared_.databases[database], 1 + Random(200))) {
      EXPECT_EQ(++seen[name], 1) << name;
    }
    const Interval walk = {before, Now()};
    for (const Own& own : own_) {
      const bool listed = seen.count(own.name.full()) > 0;
      if (own.database != database || own.multiplexed ||
          MustBeDead(own, walk)) {
        EXPECT_FALSE(listed) << own.name.full();
      } else if (MustLive(own, walk)) {
        EXPECT_TRUE(listed) << own.name.full();
      }
    }
    for (const SessionName& name : dead_) {
      EXPECT_EQ(seen.count(name.full()), 0u) << name.full();
    }
  }

  void Drop() {
    shared_.tallies[kDropped].deleted +=
        shared_.table.DropDatabase(shared_.databases[kDropped]);
    for (size_t i = 0; i < own_.size();) {
      if (own_[i].database == kDropped) {
        Bury(i);
      } else {
        ++i;
      }
    }
  }

  void Count() {
    const SessionCounts counts = shared_.table.TotalCounts();
    for (const SessionCounts::Kind& kind :
         {counts.regular, counts.multiplexed}) {
      EXPECT_GE(kind.live, 0);
      EXPECT_EQ(kind.created, kind.live + kind.deleted + kind.expired);
    }
  }

  Shared& shared_;
  std::mt19937_64 random_;
  std::vector<Own> own_;           // As far as is known, alive.
  std::vector<SessionName> dead_;  // The latest of those that are not.
};

// Moves the clock as fast as the workers work.
void MoveClock(Shared& shared) {
  std::mt19937_64 random(7);
  int64_t next = 0;
  while (shared.working > 0) {
    if (shared.calls < next) {
      std::this_thread::yield();
      continue;
    }
    next += 30;
    ASSERT_TRUE(shared.clock.Advance(absl::Microseconds(random() % 1000)).ok());
  }
}

void ExpectThatCountsAddUp(Shared& shared) {
  int64_t live = 0;
  for (int i = 0; i < kDatabases; ++i) {
    const SessionCounts counts = shared.table.Counts(shared.databases[i]);
    const Tally& tally = shared.tallies[i];
    EXPECT_EQ(counts.regular.created, tally.created[0]);
    EXPECT_EQ(counts.multiplexed.created, tally.created[1]);
    EXPECT_EQ(counts.regular.deleted + counts.multiplexed.deleted,
              tally.deleted);
    for (const SessionCounts::Kind& kind :
         {counts.regular, counts.multiplexed}) {
      EXPECT_EQ(kind.created, kind.live + kind.deleted + kind.expired);
      live += kind.live;
    }
    EXPECT_THAT(List(shared.table, shared.databases[i]),
                SizeIs(counts.regular.live));
  }
  EXPECT_EQ(shared.table.occupied_slots(), live);
}

TEST(SessionTableThreadTest, HoldsItsPromisesToEachThread) {
  for (int seed = 0; seed < 2; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Shared shared;
    std::thread mover([&shared] { MoveClock(shared); });
    InThreads(
        [&](int thread) { Worker(shared, seed * kThreads + thread).Run(); });
    mover.join();
    ExpectThatCountsAddUp(shared);
    // It has all happened.
    const SessionCounts::Kind total = shared.table.TotalCounts().regular;
    EXPECT_GT(total.live, 0);
    EXPECT_GT(total.deleted, 1000);
    EXPECT_GT(total.expired, 1000);
    ASSERT_FALSE(HasFailure());

    ASSERT_TRUE(shared.clock.Advance(kDay).ok());
    EXPECT_EQ(shared.table.TotalCounts().regular.live, 0);
    EXPECT_EQ(shared.table.TotalCounts().multiplexed.live, 0);
    EXPECT_EQ(shared.table.occupied_slots(), 0);
    ExpectThatCountsAddUp(shared);
  }
}

// Single promises, each at the moment when it is hardest to keep.

TEST(SessionTableThreadTest, TheCapHoldsAndIsUsedUp) {
  for (int round = 0; round < 20; ++round) {
    Clock clock(Start());
    SessionTable table(&clock, UpTo(1000));
    std::atomic<int64_t> created{0};
    InThreads([&](int thread) {
      const DatabaseName database = Database(thread % 2 == 0 ? "a" : "b");
      size_t last;
      do {
        last = table.Create(database, Regular(), 1 + thread).size();
        created += last;
      } while (last > 0);
    });
    EXPECT_EQ(created, 1000);
  }
}

TEST(SessionTableThreadTest, NoCreateIsRefusedWhileDeadSessionsAreClearedUp) {
  Clock clock(Start());
  SessionTable table(&clock, UpTo(1000));
  const DatabaseName database = Database("test");
  for (int round = 0; round < 50; ++round) {
    ASSERT_THAT(table.Create(database, Regular(), 1000), SizeIs(1000));
    // Wakes the thread that clears up, too.
    ASSERT_TRUE(clock.Advance(2 * kHour).ok());
    InThreads([&](int) {
      for (int i = 0; i < 1000 / kThreads; ++i) CreateOne(table, database);
    });
    ASSERT_EQ(table.TotalCounts().regular.live, 1000);
    ASSERT_EQ(table.DropDatabase(database), 1000);
  }
}

TEST(SessionTableThreadTest, OneDeleteOnlyEndsASession) {
  for (int round = 0; round < 20; ++round) {
    Clock clock(Start());
    SessionTable table(&clock, {});
    const std::vector<NamedSession> sessions =
        table.Create(Database("test"), Regular(), 1000);
    std::atomic<int64_t> deleted{0};
    InThreads([&](int) {
      for (const NamedSession& session : sessions) {
        deleted += table.Delete(session.name);
        EXPECT_FALSE(table.Get(session.name).has_value());
      }
    });
    EXPECT_EQ(deleted, 1000);
    EXPECT_EQ(table.TotalCounts().regular.deleted, 1000);
    EXPECT_EQ(table.occupied_slots(), 0);
  }
}

TEST(SessionTableThreadTest, ASessionIsEndedOnceByDeleteDropOrAge) {
  for (int round = 0; round < 20; ++round) {
    Clock clock(Start());
    SessionTable table(&clock, {});
    const DatabaseName database = Database("test");
    const std::vector<NamedSession> sessions =
        table.Create(database, Regular(), 2000);
    std::atomic<int64_t> deleted{0};
    InThreads([&](int thread) {
      switch (thread) {
        case 0:
          for (const NamedSession& session : sessions) {
            deleted += table.Delete(session.name);
          }
          break;
        case 1:
        case 2:
          deleted += table.DropDatabase(database);
          break;
        default:
          ASSERT_TRUE(clock.Advance(kHour + kMicrosecond).ok());
          table.TotalCounts();
      }
    });
    const SessionCounts::Kind counts = table.TotalCounts().regular;
    EXPECT_EQ(counts.live, 0);
    EXPECT_EQ(counts.deleted, deleted);
    EXPECT_EQ(counts.deleted + counts.expired, 2000);
    EXPECT_EQ(table.occupied_slots(), 0);
  }
}

TEST(SessionTableThreadTest, ADropIsOneInstantForEveryReader) {
  constexpr size_t kSessions = 900;  // Fit on a page.
  for (int round = 0; round < 30; ++round) {
    Clock clock(Start());
    SessionTable table(&clock, {});
    const DatabaseName database = Database("test");
    const std::vector<NamedSession> sessions =
        table.Create(database, Regular(), kSessions);
    const Names names = NamesOf(sessions);
    InThreads([&](int thread) {
      if (thread == 0) {
        EXPECT_EQ(table.DropDatabase(database), kSessions);
      } else if (thread == 1) {
        // The drop may come while a page is read: the page ends there.
        Names listed;
        do {
          listed = List(table, database);
          EXPECT_THAT(listed, ElementsAreArray(names.begin(),
                                               names.begin() + listed.size()));
        } while (listed.size() == kSessions);
        EXPECT_THAT(List(table, database), IsEmpty());
        EXPECT_FALSE(table.Get(sessions.front().name).has_value());
      } else {
        // Of the first and the last session, waits for the death of one.
        const bool first_dies = thread == 2;
        const SessionName& one =
            (first_dies ? sessions.front() : sessions.back()).name;
        const SessionName& other =
            (first_dies ? sessions.back() : sessions.front()).name;
        while (table.Use(one).has_value()) {
        }
        EXPECT_FALSE(table.Get(other).has_value());
        EXPECT_FALSE(table.Use(other).has_value());
        EXPECT_FALSE(table.Delete(other));
      }
    });
  }
}

TEST(SessionTableThreadTest, ADropEndsAllOfABatchOrNone) {
  for (int round = 0; round < 10; ++round) {
    Clock clock(Start());
    SessionTable table(&clock, {});
    const DatabaseName database = Database("test");
    CreateOne(table, database);  // So that the database is known.
    std::atomic<int> creating{kThreads - 1};
    InThreads([&](int thread) {
      if (thread == 0) {
        while (creating > 0) table.DropDatabase(database);
        return;
      }
      for (int i = 0; i < 20; ++i) {
        const std::vector<NamedSession> batch =
            table.Create(database, Regular(), 100);
        EXPECT_THAT(batch, SizeIs(100));
        const bool first = table.Get(batch.front().name).has_value();
        const bool last = table.Get(batch.back().name).has_value();
        EXPECT_TRUE(first || !last) << "the first only was dropped";
      }
      --creating;
    });
    table.DropDatabase(database);
    EXPECT_EQ(table.TotalCounts().regular.live, 0);
    EXPECT_EQ(table.occupied_slots(), 0);
  }
}

// No session sees the clock go back, and none outlives that.
TEST(SessionTableThreadTest, TheClockGoesBackBetweenTheLivesOfAllSessions) {
  Clock clock(Start());
  SessionTable table(&clock, {});
  std::atomic<int> creating{kThreads - 1};
  InThreads([&](int thread) {
    const DatabaseName database = Database(thread % 2 == 0 ? "a" : "b");
    if (thread == 0) {
      while (creating > 0) {
        ASSERT_TRUE(clock.Advance(absl::Minutes(20)).ok());
        ASSERT_TRUE(clock.Advance(absl::Minutes(20)).ok());
        table.RestartClock();
      }
      return;
    }
    for (int i = 0; i < 500; ++i) {
      const std::vector<NamedSession> batch =
          table.Create(database, Regular(), 1 + i % 20);
      const absl::Time created = batch.back().session.create_time;
      absl::Time last = created;
      // A session that is there sees times that only go on.
      while (const auto session = table.Use(batch.back().name)) {
        EXPECT_EQ(session->create_time, created);
        EXPECT_GE(session->approximate_last_use_time, last);
        last = session->approximate_last_use_time;
        if (last - created > absl::Minutes(15)) break;
      }
      table.TotalCounts();
    }
    --creating;
  });
  table.RestartClock();
  const SessionCounts::Kind counts = table.TotalCounts().regular;
  EXPECT_EQ(counts.live, 0);
  EXPECT_EQ(counts.created, counts.deleted + counts.expired);
  EXPECT_EQ(table.occupied_slots(), 0);
}

TEST(SessionTableThreadTest, EachSessionIsEndedOnceByOneOfManySelections) {
  for (int round = 0; round < 20; ++round) {
    Clock clock(Start());
    SessionTable table(&clock, {});
    const DatabaseName database = Database("test");
    SessionTemplate what;
    what.creator.peer = "somebody";
    ASSERT_THAT(table.Create(database, what, 3000), SizeIs(3000));
    std::atomic<int64_t> deleted{0};
    std::atomic<int64_t> expired{0};
    InThreads([&](int thread) {
      if (thread == 0) deleted += table.Delete(SessionSelection());
      if (thread == 1) deleted += table.DropDatabase(database);
      if (thread == 2) expired += table.Expire(SessionSelection(), Start());
      if (thread == 3) {
        for (int i = 0; i < 100; ++i) {
          const SelectPage page =
              *table.Select({.include_expired = i % 2 == 0, .page_size = 50});
          for (const SelectedSession& session : page.sessions) {
            EXPECT_EQ(session.creator.peer, "somebody");
          }
        }
      }
    });
    const SessionCounts::Kind counts = table.TotalCounts().regular;
    EXPECT_EQ(counts.deleted, deleted);
    EXPECT_EQ(counts.expired, expired);
    EXPECT_EQ(deleted + expired, 3000);
    EXPECT_EQ(table.occupied_slots(), 0);
    table.ResetCounts({});
    EXPECT_EQ(table.creators(), 0u);
  }
}

}  // namespace
}  // namespace spanner_session_emulator
