#include "store/session_table.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/clock.h"
#include "store/names.h"
#include "store/session_store.h"
#include "tests/store/session_table_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// The beginning and the end of a session.

TEST_F(SessionTableTest, IsEmptyInTheBeginning) {
  EXPECT_THAT(List(*table_, database_), IsEmpty());
  EXPECT_FALSE(Alive(SessionName(database_, std::string(48, 'a'))));
  EXPECT_EQ(table_->TotalCounts().regular.created, 0);
  EXPECT_EQ(table_->Counts(database_).regular.created, 0);
  EXPECT_EQ(table_->occupied_slots(), 0);
}

TEST_F(SessionTableTest, CreatesASession) {
  const std::vector<NamedSession> created =
      table_->Create(database_, Regular(), 1);
  ASSERT_THAT(created, SizeIs(1));
  const SessionName& name = created[0].name;
  EXPECT_EQ(name.database(), database_);
  EXPECT_EQ(name.id().size(), 48u);
  EXPECT_TRUE(SessionName::Parse(name.full()).ok());
  EXPECT_EQ(created[0].session.create_time, Start());
  EXPECT_EQ(created[0].session.approximate_last_use_time, Start());
  EXPECT_FALSE(created[0].session.multiplexed);
  EXPECT_EQ(created[0].session.attributes, nullptr);
}

TEST_F(SessionTableTest, GetAnswersWhatWasCreated) {
  SessionTemplate what = Labelled({{"env", "test"}, {"owner", ""}});
  what.attributes.creator_role = "reader";
  const SessionName name = One(what);
  Advance(absl::Minutes(1));

  const std::optional<Session> session = table_->Get(name);
  ASSERT_TRUE(session.has_value());
  EXPECT_EQ(session->create_time, Start());
  EXPECT_EQ(session->approximate_last_use_time, Start());
  EXPECT_FALSE(session->multiplexed);
  ASSERT_NE(session->attributes, nullptr);
  EXPECT_EQ(session->attributes->labels, what.attributes.labels);
  EXPECT_EQ(session->attributes->creator_role, "reader");
}

TEST_F(SessionTableTest, KeepsACreatorRoleWithoutLabels) {
  const SessionName name = One(WithRole("writer"));
  ASSERT_NE(table_->Get(name)->attributes, nullptr);
  EXPECT_EQ(table_->Get(name)->attributes->creator_role, "writer");
  EXPECT_TRUE(table_->Get(name)->attributes->labels.empty());
}

TEST_F(SessionTableTest, CreatesAMultiplexedSession) {
  SessionTemplate what = Multiplexed();
  what.attributes.creator_role = "writer";
  const SessionName name = One(what);
  const std::optional<Session> session = table_->Get(name);
  ASSERT_TRUE(session.has_value());
  EXPECT_TRUE(session->multiplexed);
  EXPECT_EQ(session->attributes->creator_role, "writer");
  EXPECT_EQ(LiveMultiplexed(), 1);
  EXPECT_EQ(LiveRegular(), 0);
}

TEST_F(SessionTableTest, CreatesABatchInTheOrderOfTheList) {
  const std::vector<NamedSession> batch =
      table_->Create(database_, Labelled({{"a", "b"}}), 300);
  ASSERT_THAT(batch, SizeIs(300));
  for (const NamedSession& created : batch) {
    EXPECT_TRUE(Alive(created.name));
    EXPECT_EQ(created.session.create_time, Start());
    EXPECT_EQ(created.session.attributes, batch[0].session.attributes);
  }
  EXPECT_EQ(List(*table_, database_), NamesOf(batch));
}

TEST_F(SessionTableTest, ABatchOfNoneIsEmpty) {
  EXPECT_THAT(table_->Create(database_, Regular(), 0), IsEmpty());
  EXPECT_EQ(table_->TotalCounts().regular.created, 0);
}

TEST_F(SessionTableTest, IdsAreAllDifferent) {
  Names names = Many(10000);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end());
}

TEST_F(SessionTableTest, UseAnswersTheTimeAfterItself) {
  const SessionName name = One();
  Advance(absl::Minutes(7));
  EXPECT_EQ(table_->Use(name)->approximate_last_use_time,
            Start() + absl::Minutes(7));
  Advance(absl::Minutes(1));
  EXPECT_EQ(table_->Get(name)->approximate_last_use_time,
            Start() + absl::Minutes(7));
  EXPECT_EQ(table_->Get(name)->create_time, Start());
  EXPECT_EQ(Walk(*table_, database_)[0].session.approximate_last_use_time,
            Start() + absl::Minutes(7));
}

TEST_F(SessionTableTest, MultiplexedSessionsAreUsedToo) {
  const SessionName name = One(Multiplexed());
  Advance(absl::Minutes(7));
  EXPECT_EQ(table_->Use(name)->approximate_last_use_time,
            Start() + absl::Minutes(7));
}

TEST_F(SessionTableTest, DeleteEndsASession) {
  for (const SessionTemplate& what : {Regular(), Multiplexed()}) {
    const SessionName name = One(what);
    const SessionName other = One(what);
    EXPECT_TRUE(table_->Delete(name));
    EXPECT_FALSE(table_->Get(name).has_value());
    EXPECT_FALSE(table_->Use(name).has_value());
    EXPECT_FALSE(table_->Delete(name));
    EXPECT_THAT(List(*table_, database_), Not(Contains(name.full())));
    EXPECT_TRUE(Alive(other));
  }
}

TEST_F(SessionTableTest, DoesNotFindNamesThatItHasNotGivenOut) {
  const SessionName name = One();
  const std::string id(name.id());
  std::vector<SessionName> wrong = {
      SessionName(database_, "a"),
      SessionName(database_, std::string(48, 'a')),
      SessionName(database_, std::string(4000, 'A')),
      SessionName(database_, id + "A"),
      SessionName(database_, id.substr(1)),
      SessionName(database_, absl::StrCat(id, "=")),
  };
  for (size_t i = 0; i < id.size(); ++i) {
    std::string changed = id;
    changed[i] = id[i] == 'A' ? 'B' : 'A';
    wrong.emplace_back(database_, changed);
  }
  for (const SessionName& other : wrong) {
    EXPECT_FALSE(table_->Get(other).has_value()) << other.full();
    EXPECT_FALSE(table_->Use(other).has_value());
    EXPECT_FALSE(table_->Delete(other));
  }
  EXPECT_TRUE(Alive(name));
}

TEST_F(SessionTableTest, DoesNotFindASessionUnderAnotherDatabasesName) {
  const SessionName name = One();
  for (const DatabaseName& database :
       {Database("test-2"), Database("tes"), Database("TEST"),
        *DatabaseName::Parse("projects/p/instances/j/databases/test"),
        *DatabaseName::Parse("projects/q/instances/i/databases/test")}) {
    CreateOne(*table_, database);
    const SessionName wrong(database, name.id());
    EXPECT_FALSE(table_->Get(wrong).has_value());
    EXPECT_FALSE(table_->Use(wrong).has_value());
    EXPECT_FALSE(table_->Delete(wrong));
  }
  EXPECT_TRUE(Alive(name));
}

TEST_F(SessionTableTest, DoesNotFindTheSessionsOfAnotherTable) {
  const SessionName name = One();
  SessionTable other(&clock_, {});
  CreateOne(other, database_);
  EXPECT_FALSE(other.Get(name).has_value());
  EXPECT_FALSE(other.Delete(name));
}

// Sessions are dealt out to shards in runs; a round through all of them, and
// some more, makes sure that the slot that became free is taken again.
constexpr int kMoreThanAllShards = 32 * 64 + 64;

TEST_F(SessionTableTest, ANewSessionInAnOldSlotHasNothingOfTheOldOne) {
  const SessionName first = One(Labelled({{"old", "label"}}));
  Advance(kHour / 2);
  ASSERT_TRUE(table_->Delete(first));
  for (const NamedSession& created :
       table_->Create(database_, Regular(), kMoreThanAllShards)) {
    const std::optional<Session> session = table_->Get(created.name);
    ASSERT_TRUE(session.has_value());
    EXPECT_EQ(session->attributes, nullptr);
    EXPECT_EQ(session->create_time, Start() + kHour / 2);
    EXPECT_EQ(session->approximate_last_use_time, Start() + kHour / 2);
  }
  EXPECT_FALSE(table_->Get(first).has_value());
  EXPECT_FALSE(table_->Use(first).has_value());
  EXPECT_FALSE(table_->Delete(first));
  EXPECT_EQ(LiveRegular(), kMoreThanAllShards);
}

TEST_F(SessionTableTest, AnOldIdDoesNotFindTheSessionInItsSlot) {
  const SessionName deleted = One(), expired = One(Multiplexed());
  ASSERT_TRUE(table_->Delete(deleted));
  Set(Start() + 29 * kDay);
  table_->TotalCounts();
  Many(kMoreThanAllShards);
  for (const SessionName& old : {deleted, expired}) {
    EXPECT_FALSE(table_->Get(old).has_value());
    EXPECT_FALSE(table_->Use(old).has_value());
    EXPECT_FALSE(table_->Delete(old));
  }
  EXPECT_EQ(LiveRegular(), kMoreThanAllShards);
}

// Memory, and the cap.

TEST_F(SessionTableTest, DeletingGivesBackASlotAtOnce) {
  const Names names = Many(100);
  EXPECT_EQ(table_->occupied_slots(), 100);
  for (const std::string& name : names) EXPECT_TRUE(Delete(name));
  EXPECT_EQ(table_->occupied_slots(), 0);
}

TEST_F(SessionTableTest, CountingGivesBackTheSlotsOfTheDead) {
  Many(5000);
  Many(3000, Multiplexed());
  EXPECT_EQ(table_->occupied_slots(), 8000);
  Advance(kHour + kMicrosecond);
  EXPECT_EQ(LiveRegular(), 0);
  EXPECT_EQ(table_->occupied_slots(), 3000);
  Set(Start() + 28 * kDay + kMicrosecond);
  EXPECT_EQ(table_->TotalCounts().multiplexed.live, 0);
  EXPECT_EQ(table_->occupied_slots(), 0);
}

// Waits for another thread's doing, without sleeping.
bool Eventually(const std::function<bool()>& happens) {
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!happens()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST_F(SessionTableTest, ClearsUpTheDeadByItself) {
  for (int round = 0; round < 20; ++round) {
    Many(500);
    Advance(kHour + SessionTable::kSweepInterval + kMicrosecond);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 0; }));
  }
}

// The thread has looked at the wheels when nothing was due for long.
TEST_F(SessionTableTest, ClearsUpWhatWasCreatedAfterItLooked) {
  Many(1, Multiplexed());
  for (int round = 0; round < 20; ++round) {
    Advance(kHour / 3);
    Many(10);
    Advance(kHour / 3);
    Many(10);
    Advance(kHour + SessionTable::kSweepInterval + kMicrosecond);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 1; }));
  }
}

// What dies sooner than a new session would must not wait for that.
TEST_F(SessionTableTest, ClearsUpWhatDiesNext) {
  for (int round = 0; round < 20; ++round) {
    One();
    Advance(kHour / 2);
    One();
    Advance(kHour / 2 + SessionTable::kSweepInterval + kMicrosecond);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 1; }));
    Advance(kHour / 2);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 0; }));
  }
}

// The thread waits for what is due far later.
TEST_F(SessionTableTest, ClearsUpWhatIsToldToExpire) {
  for (int round = 0; round < 20; ++round) {
    const SessionName name = One(Multiplexed());
    Advance(SessionTable::kSweepInterval);
    ASSERT_TRUE(table_->Expire(name, clock_.Now() + absl::Minutes(1)));
    Advance(absl::Minutes(1) + SessionTable::kSweepInterval);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 0; }));
  }
}

TEST_F(SessionTableTest, ClearsUpManyThatAreToldToExpire) {
  for (int round = 0; round < 20; ++round) {
    Many(1000, Multiplexed());
    Advance(SessionTable::kSweepInterval);
    ASSERT_EQ(
        table_->Expire({.multiplexed = true}, clock_.Now() + absl::Minutes(1)),
        1000);
    Advance(absl::Minutes(1) + SessionTable::kSweepInterval);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 0; }));
  }
}

TEST_F(SessionTableTest, ClearsUpAfterTheClockWasRestarted) {
  for (int round = 0; round < 20; ++round) {
    Many(10);
    Advance(100 * kDay);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 0; }));
    table_->RestartClock();
    Many(10);
    Advance(kHour + SessionTable::kSweepInterval + kMicrosecond);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 0; }));
    table_->RestartClock();
  }
}

TEST_F(SessionTableTest, ClearsUpNoLaterThanItSays) {
  for (int round = 0; round < 20; ++round) {
    Advance(SessionTable::kSweepInterval);  // Since the last round.
    One();
    Advance(kMicrosecond);
    One();
    Advance(kHour);
    // Is looked at a microsecond before the other dies.
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 1; }));
    Advance(SessionTable::kSweepInterval);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 0; }));
  }
}

TEST_F(SessionTableTest, ClearsUpTheDeadOfADatabaseWithShortLives) {
  SessionTableOptions options;
  options.database_lifetimes[database_] = {.idle_ttl = absl::Seconds(1)};
  Restart(options);
  for (int round = 0; round < 20; ++round) {
    Many(10);
    Advance(absl::Seconds(1) + SessionTable::kSweepInterval + kMicrosecond);
    ASSERT_TRUE(Eventually([&] { return table_->occupied_slots() == 0; }));
  }
}

TEST_F(SessionTableTest, ClearsUpWithARunningClockToo) {
  Clock clock;
  SessionTable table(&clock, {});
  EXPECT_THAT(table.Create(database_, Regular(), 500), SizeIs(500));
  ASSERT_TRUE(clock.Advance(2 * kHour).ok());
  ASSERT_TRUE(Eventually([&] { return table.occupied_slots() == 0; }));
}

TEST_F(SessionTableTest, CanBeDestroyedAtAnyTime) {
  for (int i = 0; i < 100; ++i) {
    Restart({});
    if (i % 2 == 0) Many(10);
    if (i % 4 == 0) Advance(2 * kHour);
  }
  Clock running;
  for (int i = 0; i < 100; ++i) SessionTable table(&running, {});
}

class CapTest : public SessionTableTest {
 protected:
  CapTest() : SessionTableTest(UpTo(10)) {}

  // How many of `count` are created.
  size_t Fit(int count, const SessionTemplate& what = Regular()) {
    return table_->Create(database_, what, count).size();
  }
};

TEST_F(CapTest, RefusesWhatDoesNotFit) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Fit(1), 1u);
  EXPECT_EQ(Fit(1), 0u);
  EXPECT_EQ(Fit(5), 0u);
  EXPECT_EQ(table_->Counts(database_).regular.created, 10);
  EXPECT_EQ(table_->occupied_slots(), 10);
}

TEST_F(CapTest, ABatchGetsWhatFits) {
  EXPECT_EQ(Fit(7), 7u);
  EXPECT_EQ(Fit(7), 3u);
  EXPECT_EQ(Fit(7), 0u);
  EXPECT_THAT(List(*table_, database_), SizeIs(10));
}

TEST_F(CapTest, ExactlyTheCapFits) {
  EXPECT_EQ(Fit(10), 10u);
  EXPECT_EQ(Fit(1), 0u);
}

TEST_F(CapTest, HoldsForAllDatabasesAndBothKindsTogether) {
  EXPECT_EQ(Fit(4), 4u);
  EXPECT_EQ(Fit(4, Multiplexed()), 4u);
  EXPECT_THAT(table_->Create(Database("other"), Regular(), 4), SizeIs(2));
  EXPECT_EQ(Fit(1), 0u);
  EXPECT_EQ(Fit(1, Multiplexed()), 0u);
}

TEST_F(CapTest, ADeletedSessionMakesRoom) {
  const Names names = Many(10);
  EXPECT_TRUE(Delete(names[3]));
  EXPECT_EQ(Fit(2), 1u);
}

TEST_F(CapTest, DeadSessionsMakeRoomBeforeACreateIsRefused) {
  Many(10);
  Advance(kHour);
  EXPECT_EQ(Fit(1), 0u);
  Advance(kMicrosecond);
  EXPECT_EQ(Fit(11), 10u);
}

TEST_F(CapTest, ABatchGetsWhatFitsAfterTheDeadMadeRoom) {
  Many(4);
  Advance(kHour);
  Many(4);
  Advance(kMicrosecond);
  EXPECT_EQ(Fit(10), 6u);
  EXPECT_EQ(Fit(10), 0u);
}

TEST_F(CapTest, ADroppedDatabaseMakesRoom) {
  Many(10);
  EXPECT_EQ(table_->DropDatabase(database_), 10);
  EXPECT_EQ(Fit(11), 10u);
}

TEST_F(CapTest, NothingFitsUnderACapOfZero) {
  Restart(UpTo(0));
  EXPECT_EQ(Fit(1), 0u);
  EXPECT_EQ(Fit(100), 0u);
}

// Dropping a database.

TEST_F(SessionTableTest, DroppingADatabaseEndsItsSessions) {
  const DatabaseName other = Database("test-2");
  const Names regular = Many(5000);
  const Names multiplexed = Many(10, Multiplexed());
  const SessionName left = CreateOne(*table_, other);
  const SessionName left_multiplexed = CreateOne(*table_, other, Multiplexed());

  EXPECT_EQ(table_->DropDatabase(database_), 5010);
  for (const Names* names : {&regular, &multiplexed}) {
    for (const std::string& name : *names) {
      ASSERT_FALSE(Alive(name));
      ASSERT_FALSE(Delete(name));
      ASSERT_FALSE(table_->Use(*SessionName::Parse(name)).has_value());
    }
  }
  EXPECT_THAT(List(*table_, database_), IsEmpty());
  EXPECT_TRUE(Alive(left));
  EXPECT_TRUE(Alive(left_multiplexed));
  EXPECT_THAT(List(*table_, other), ElementsAre(left.full()));
  EXPECT_EQ(table_->occupied_slots(), 2);
}

TEST_F(SessionTableTest, TheCountsOfADroppedDatabaseStay) {
  Many(7);
  Many(2, Multiplexed());
  CreateOne(*table_, Database("test-2"));
  table_->DropDatabase(database_);
  const SessionCounts counts = table_->Counts(database_);
  EXPECT_EQ(counts.regular.live, 0);
  EXPECT_EQ(counts.regular.created, 7);
  EXPECT_EQ(counts.regular.deleted, 7);
  EXPECT_EQ(counts.regular.expired, 0);
  EXPECT_EQ(counts.multiplexed.live, 0);
  EXPECT_EQ(counts.multiplexed.created, 2);
  EXPECT_EQ(counts.multiplexed.deleted, 2);
  EXPECT_EQ(table_->TotalCounts().regular.live, 1);
}

TEST_F(SessionTableTest, SessionsAfterTheDropLive) {
  const SessionName before = One();
  EXPECT_EQ(table_->DropDatabase(database_), 1);
  const Names after = Many(100);
  EXPECT_FALSE(Alive(before));
  EXPECT_EQ(List(*table_, database_), after);
  for (const std::string& name : after) EXPECT_TRUE(Alive(name));
  EXPECT_EQ(LiveRegular(), 100);
  EXPECT_EQ(table_->DropDatabase(database_), 100);
  EXPECT_EQ(LiveRegular(), 0);
}

TEST_F(SessionTableTest, DroppingCountsOnlyTheLiving) {
  Many(3);
  Advance(kHour);
  Many(4);
  Advance(kMicrosecond);
  EXPECT_EQ(table_->DropDatabase(database_), 4);
  EXPECT_EQ(table_->Counts(database_).regular.expired, 3);
  EXPECT_EQ(table_->Counts(database_).regular.deleted, 4);
}

TEST_F(SessionTableTest, DroppingAnUnknownOrEmptyDatabaseDoesNothing) {
  EXPECT_EQ(table_->DropDatabase(Database("unknown")), 0);
  One();
  EXPECT_EQ(table_->DropDatabase(database_), 1);
  EXPECT_EQ(table_->DropDatabase(database_), 0);
}

TEST_F(SessionTableTest, APageTokenFromBeforeTheDropLeadsToWhatCameAfter) {
  Many(10);
  const std::string token = Page(Request(4)).next_page_token;
  table_->DropDatabase(database_);
  const Names after = Many(3);
  EXPECT_EQ(NamesOf(Page(Request(1000, token)).sessions), after);
}

// Counts.

TEST_F(SessionTableTest, CountsBothKindsAndAllEnds) {
  const Names regular = Many(10);
  Many(3, Multiplexed());
  EXPECT_TRUE(Delete(regular[0]));
  EXPECT_TRUE(Delete(regular[1]));
  EXPECT_FALSE(Delete(regular[1]));
  CreateOne(*table_, Database("other"));
  Advance(kHour + kMicrosecond);
  Many(4);

  const SessionCounts counts = table_->Counts(database_);
  EXPECT_EQ(counts.regular.created, 14);
  EXPECT_EQ(counts.regular.deleted, 2);
  EXPECT_EQ(counts.regular.expired, 8);
  EXPECT_EQ(counts.regular.live, 4);
  EXPECT_EQ(counts.multiplexed.created, 3);
  EXPECT_EQ(counts.multiplexed.deleted, 0);
  EXPECT_EQ(counts.multiplexed.expired, 0);
  EXPECT_EQ(counts.multiplexed.live, 3);

  const SessionCounts total = table_->TotalCounts();
  EXPECT_EQ(total.regular.created, 15);
  EXPECT_EQ(total.regular.expired, 9);
  EXPECT_EQ(total.regular.live, 4);
  EXPECT_EQ(total.multiplexed.live, 3);
}

}  // namespace
}  // namespace spanner_session_emulator
