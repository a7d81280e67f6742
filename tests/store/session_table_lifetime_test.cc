#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/clock.h"
#include "store/names.h"
#include "store/session_table.h"
#include "tests/store/session_table_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::SizeIs;

// Each case makes a session and says when it is alive for the last
// time; each way of looking must then see its death at once, and not before.

struct LifetimeCase {
  std::string name;
  SessionTableOptions options;
  bool multiplexed;
  // Uses `session` as it likes, moving the clock, and returns the last instant
  // at which it is alive.
  std::function<absl::Time(SessionTable&, Clock&, const SessionName& session)>
      live;
};

absl::Time UseEvery(absl::Duration step, int times, SessionTable& table,
                    Clock& clock, const SessionName& session) {
  for (int i = 0; i < times; ++i) {
    EXPECT_TRUE(clock.Advance(step).ok());
    EXPECT_TRUE(table.Use(session).has_value()) << i;
  }
  return clock.Now();
}

std::vector<LifetimeCase> LifetimeCases() {
  const auto nothing_until = [](absl::Duration age) {
    return [age](SessionTable&, Clock&, const SessionName&) {
      return Start() + age;
    };
  };
  const auto of_database = [](SessionLifetimes lifetimes) {
    SessionTableOptions options =
        Living({.idle_ttl = absl::Seconds(1),
                .max_age = absl::Seconds(1),
                .multiplexed_max_age = absl::Seconds(1)});
    options.database_lifetimes.emplace(Database("test"), lifetimes);
    options.database_lifetimes.emplace(Database("test-2"), SessionLifetimes());
    return options;
  };
  const absl::Duration forever = absl::InfiniteDuration();
  return {
      {"IdleForAnHour", {}, false, nothing_until(kHour)},
      {"IdleSinceAUse",
       {},
       false,
       [](SessionTable& table, Clock& clock, const SessionName& session) {
         return UseEvery(absl::Minutes(59), 1, table, clock, session) + kHour;
       }},
      {"UsedAtTheLastInstant",
       {},
       false,
       [](SessionTable& table, Clock& clock, const SessionName& session) {
         return UseEvery(kHour, 3, table, clock, session) + kHour;
       }},
      {"GetAndListAreNoUse",
       {},
       false,
       [](SessionTable& table, Clock& clock, const SessionName& session) {
         EXPECT_TRUE(clock.Advance(kHour / 2).ok());
         EXPECT_TRUE(table.Get(session).has_value());
         EXPECT_THAT(List(table, session.database()), SizeIs(1));
         return Start() + kHour;
       }},
      {"OldInSpiteOfUse",
       {},
       false,
       [](SessionTable& table, Clock& clock, const SessionName& session) {
         UseEvery(kHour, 28 * 24, table, clock, session);
         return Start() + 28 * kDay;
       }},
      {"OldAsASessionUsedBefore",
       Living({.idle_ttl = kHour, .max_age = absl::Minutes(90)}), false,
       [](SessionTable& table, Clock& clock, const SessionName& session) {
         UseEvery(absl::Minutes(45), 1, table, clock, session);
         return Start() + absl::Minutes(90);
       }},
      {"IdleForeverButOld", Living({.idle_ttl = forever}), false,
       nothing_until(28 * kDay)},
      {"OfAnyAgeButIdle", Living({.max_age = forever}), false,
       [](SessionTable& table, Clock& clock, const SessionName& session) {
         return UseEvery(kHour, 30 * 24, table, clock, session) + kHour;
       }},
      {"MultiplexedIsNeverIdle", {}, true, nothing_until(28 * kDay)},
      {"MultiplexedIsOldInSpiteOfUse",
       {},
       true,
       [](SessionTable& table, Clock& clock, const SessionName& session) {
         UseEvery(7 * kDay, 4, table, clock, session);
         return Start() + 28 * kDay;
       }},
      {"MultiplexedHasAnAgeOfItsOwn",
       Living({.idle_ttl = absl::Seconds(1),
               .max_age = absl::Seconds(2),
               .multiplexed_max_age = absl::Seconds(3)}),
       true, nothing_until(absl::Seconds(3))},
      {"RegularDoesNotHaveTheAgeOfMultiplexed",
       Living({.idle_ttl = absl::Seconds(7),
               .max_age = absl::Seconds(6),
               .multiplexed_max_age = absl::Seconds(3)}),
       false, nothing_until(absl::Seconds(6))},
      {"IdleTtlOfTheDatabase", of_database({.idle_ttl = absl::Seconds(5)}),
       false, nothing_until(absl::Seconds(5))},
      {"MaxAgeOfTheDatabase",
       of_database({.idle_ttl = forever, .max_age = absl::Seconds(6)}), false,
       nothing_until(absl::Seconds(6))},
      {"MultiplexedAgeOfTheDatabase",
       of_database({.multiplexed_max_age = absl::Seconds(7)}), true,
       nothing_until(absl::Seconds(7))},
      {"OneMicrosecond", Living({.idle_ttl = kMicrosecond}), false,
       nothing_until(kMicrosecond)},
      {"NoTimeAtAll", Living({.idle_ttl = absl::ZeroDuration()}), false,
       nothing_until(absl::ZeroDuration())},
      {"WholeMicrosecondsOnly", Living({.idle_ttl = absl::Nanoseconds(2999)}),
       false, nothing_until(2 * kMicrosecond)},
      {"ThousandsOfYears",
       Living({.idle_ttl = absl::Hours(24 * 365 * 7000), .max_age = forever}),
       false, nothing_until(absl::Hours(24 * 365 * 7000))},
  };
}

enum class Look { kGet, kUse, kList, kDelete, kCounts, kTotalCounts, kCreate };

using LifetimeAndLook = std::tuple<LifetimeCase, Look>;

std::vector<LifetimeAndLook> AllLooksAtAllLifetimes() {
  std::vector<LifetimeAndLook> all;
  for (const LifetimeCase& lifetime_case : LifetimeCases()) {
    for (const Look look : {Look::kGet, Look::kUse, Look::kList, Look::kDelete,
                            Look::kCounts, Look::kTotalCounts, Look::kCreate}) {
      // Multiplexed sessions are not listed.
      if (look == Look::kList && lifetime_case.multiplexed) continue;
      all.emplace_back(lifetime_case, look);
    }
  }
  return all;
}

class LifetimeTest : public SessionTableTest,
                     public testing::WithParamInterface<LifetimeAndLook> {
 protected:
  LifetimeTest() : SessionTableTest(WithRoomForOne(std::get<0>(GetParam()))) {}

  const LifetimeCase& lifetime_case() { return std::get<0>(GetParam()); }
  Look look() { return std::get<1>(GetParam()); }

  // Whether the session is alive, for the way of looking that is tested.
  bool SeenAlive(const SessionName& name) {
    switch (look()) {
      case Look::kGet:
        return table_->Get(name).has_value();
      case Look::kUse:
        return table_->Use(name).has_value();
      case Look::kList:
        return !List(*table_, database_).empty();
      case Look::kDelete:
        return table_->Delete(name);
      case Look::kCounts:
        return LiveRegular() + LiveMultiplexed() > 0;
      case Look::kTotalCounts:
        return table_->TotalCounts().regular.live +
                   table_->TotalCounts().multiplexed.live >
               0;
      case Look::kCreate:  // There is room for one session.
        return table_->Create(Database("test-2"), Regular(), 1).empty();
    }
    return false;
  }

  // Whether the look changes nothing about the session.
  bool LooksOnly() { return look() != Look::kUse && look() != Look::kDelete; }

 private:
  static SessionTableOptions WithRoomForOne(const LifetimeCase& that) {
    SessionTableOptions options = that.options;
    options.max_sessions = 1;
    return options;
  }
};

TEST_P(LifetimeTest, ASessionIsAliveUpToItsLastInstant) {
  const SessionName name =
      One(lifetime_case().multiplexed ? Multiplexed() : Regular());
  const absl::Time last = lifetime_case().live(*table_, clock_, name);
  if (LooksOnly() && last - kMicrosecond >= clock_.Now()) {
    Set(last - kMicrosecond);
    EXPECT_TRUE(SeenAlive(name));
  }
  Set(last);
  EXPECT_TRUE(SeenAlive(name));
}

TEST_P(LifetimeTest, ASessionIsDeadAMicrosecondLater) {
  const SessionName name =
      One(lifetime_case().multiplexed ? Multiplexed() : Regular());
  const absl::Time last = lifetime_case().live(*table_, clock_, name);
  Set(last);
  Advance(kMicrosecond);
  EXPECT_FALSE(SeenAlive(name));
  EXPECT_FALSE(Alive(name));
  EXPECT_EQ(table_->Counts(database_).regular.expired,
            lifetime_case().multiplexed ? 0 : 1);
  EXPECT_EQ(table_->Counts(database_).multiplexed.expired,
            lifetime_case().multiplexed ? 1 : 0);
}

std::string NameOf(const testing::TestParamInfo<LifetimeAndLook>& test) {
  constexpr const char* kLooks[] = {"Get",    "Use",         "List",  "Delete",
                                    "Counts", "TotalCounts", "Create"};
  const auto& [lifetime_case, look] = test.param;
  return absl::StrCat(lifetime_case.name, "By", kLooks[static_cast<int>(look)]);
}

INSTANTIATE_TEST_SUITE_P(All, LifetimeTest,
                         testing::ValuesIn(AllLooksAtAllLifetimes()), NameOf);

using LongLifeTest = SessionTableTest;

TEST_F(LongLifeTest, AnInfiniteLifeHasNoEnd) {
  const absl::Duration forever = absl::InfiniteDuration();
  Restart(Living({.idle_ttl = forever,
                  .max_age = forever,
                  .multiplexed_max_age = forever}));
  const SessionName regular = One(), multiplexed = One(Multiplexed());
  Set(Clock::Latest());
  EXPECT_TRUE(Alive(regular));
  EXPECT_TRUE(Alive(multiplexed));
  EXPECT_EQ(LiveRegular(), 1);
  EXPECT_EQ(LiveMultiplexed(), 1);
  EXPECT_TRUE(Alive(One()));
}

TEST_F(LongLifeTest, EachDatabaseHasItsLifetimes) {
  SessionTableOptions options;
  options.database_lifetimes[Database("short")] = {.idle_ttl =
                                                       absl::Minutes(1)};
  options.database_lifetimes[Database("long")] = {.idle_ttl = 5 * kHour};
  Restart(options);
  const SessionName in_short = CreateOne(*table_, Database("short"));
  const SessionName in_long = CreateOne(*table_, Database("long"));
  const SessionName in_other = One();
  Advance(absl::Minutes(1) + kMicrosecond);
  EXPECT_FALSE(Alive(in_short));
  EXPECT_TRUE(Alive(in_other));
  Set(Start() + kHour + kMicrosecond);
  EXPECT_FALSE(Alive(in_other));
  EXPECT_TRUE(Alive(in_long));
  Set(Start() + 5 * kHour + kMicrosecond);
  EXPECT_FALSE(Alive(in_long));
}

TEST_F(LongLifeTest, ADeadSessionStaysDead) {
  const SessionName name = One();
  Advance(kHour + kMicrosecond);
  EXPECT_FALSE(table_->Use(name).has_value());
  EXPECT_FALSE(table_->Use(name).has_value());
  EXPECT_FALSE(table_->Get(name).has_value());
  EXPECT_EQ(table_->Counts(database_).regular.expired, 1);
  EXPECT_EQ(table_->Counts(database_).regular.deleted, 0);
}

TEST_F(LongLifeTest, UsesKeepSomeAliveAmongTheManyThatDie) {
  const Names names = Many(5000);
  Names used;
  Advance(kHour / 2);
  for (size_t i = 0; i < names.size(); i += 7) {
    ASSERT_TRUE(table_->Use(*SessionName::Parse(names[i])).has_value());
    used.push_back(names[i]);
  }
  Set(Start() + kHour + kMicrosecond);
  EXPECT_EQ(List(*table_, database_), used);
  EXPECT_EQ(LiveRegular(), static_cast<int64_t>(used.size()));
  EXPECT_EQ(table_->occupied_slots(), static_cast<int64_t>(used.size()));
  Set(Start() + kHour + kHour / 2);
  EXPECT_EQ(LiveRegular(), static_cast<int64_t>(used.size()));
  Advance(kMicrosecond);
  EXPECT_EQ(LiveRegular(), 0);
}

TEST_F(LongLifeTest, RunsWithTheSystemsClock) {
  Clock clock;
  SessionTable table(&clock, {});
  const absl::Time before = clock.Now();
  const SessionName name = CreateOne(table, database_);
  const absl::Time created = table.Get(name)->create_time;
  const absl::Time used = table.Use(name)->approximate_last_use_time;
  EXPECT_LE(before, created);
  EXPECT_LE(created, used);
  EXPECT_LE(used, clock.Now());
  ASSERT_TRUE(clock.Advance(absl::Minutes(59)).ok());
  EXPECT_TRUE(table.Get(name).has_value());
  ASSERT_TRUE(clock.Advance(absl::Minutes(1) + kMicrosecond).ok());
  EXPECT_FALSE(table.Get(name).has_value());
}

}  // namespace
}  // namespace spanner_session_emulator
