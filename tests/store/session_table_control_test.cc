// What an administrator does to sessions: expire, delete and look at them by
// selection, count anew, restart the clock.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

SessionTemplate By(absl::string_view user_agent, absl::string_view peer) {
  SessionTemplate what;
  what.creator = {.user_agent = std::string(user_agent),
                  .peer = std::string(peer)};
  return what;
}

class ControlTest : public SessionTableTest {
 protected:
  SessionCounts::Kind RegularCounts() {
    return table_->Counts(database_).regular;
  }

  // All pages of a selection.
  std::vector<SelectedSession> Select(const SessionSelection& selection,
                                      int page_size = 1000,
                                      bool include_expired = false) {
    std::vector<SelectedSession> all;
    SelectRequest request = {.selection = selection,
                             .include_expired = include_expired,
                             .page_size = page_size};
    do {
      absl::StatusOr<SelectPage> page = table_->Select(request);
      if (!page.ok()) {
        ADD_FAILURE() << page.status();
        return all;
      }
      EXPECT_LE(page->sessions.size(), static_cast<size_t>(page_size));
      for (SelectedSession& session : page->sessions) {
        all.push_back(std::move(session));
      }
      request.page_token = page->next_page_token;
    } while (!request.page_token.empty());
    return all;
  }
  Names SelectedNames(const SessionSelection& selection, int page_size = 1000) {
    Names names;
    for (const SelectedSession& session : Select(selection, page_size)) {
      names.push_back(session.name.full());
    }
    return names;
  }
  // The living, and then those that have expired, as `dead NAME`.
  Names WithExpired(const SessionSelection& selection = {},
                    int page_size = 1000) {
    Names names;
    for (const SelectedSession& session :
         Select(selection, page_size, /*include_expired=*/true)) {
      names.push_back(absl::StrCat(
          session.end_time == absl::InfiniteFuture() ? "" : "dead ",
          session.name.full()));
    }
    return names;
  }
};

// Expiry by order.

TEST_F(ControlTest, IsDeadFromTheInstantThatItExpiresAt) {
  const SessionName name = One();
  EXPECT_TRUE(table_->Expire(name, Start() + absl::Minutes(5)));
  Set(Start() + absl::Minutes(5) - kMicrosecond);
  EXPECT_TRUE(Alive(name));
  EXPECT_TRUE(table_->Use(name).has_value());
  EXPECT_THAT(List(*table_, database_), SizeIs(1));
  EXPECT_EQ(RegularCounts(), (SessionCounts::Kind{.live = 1, .created = 1}));
  Advance(kMicrosecond);
  EXPECT_FALSE(Alive(name));
  EXPECT_FALSE(table_->Use(name).has_value());
  EXPECT_FALSE(table_->Delete(name));
  EXPECT_FALSE(table_->Expire(name, absl::InfinitePast()));
  EXPECT_THAT(List(*table_, database_), IsEmpty());
  EXPECT_THAT(Select({}), IsEmpty());
  EXPECT_EQ(RegularCounts(),
            (SessionCounts::Kind{.live = 0, .created = 1, .expired = 1}));
  EXPECT_EQ(table_->occupied_slots(), 0);
}

TEST_F(ControlTest, ExpiresAtOnceWhenTheTimeHasCome) {
  for (const absl::Time at :
       {Start(), Start() - kDay, absl::InfinitePast(), absl::UnixEpoch()}) {
    const SessionName name = One();
    EXPECT_TRUE(table_->Expire(name, at));
    EXPECT_FALSE(Alive(name));
    EXPECT_EQ(table_->occupied_slots(), 0);
  }
  EXPECT_EQ(RegularCounts(), (SessionCounts::Kind{.created = 4, .expired = 4}));
}

TEST_F(ControlTest, TheClockShowsNoTimeWithinAMicrosecond) {
  const SessionName name = One();
  EXPECT_TRUE(table_->Expire(name, Start() + absl::Nanoseconds(1)));
  EXPECT_TRUE(Alive(name));
  Advance(kMicrosecond);
  EXPECT_FALSE(Alive(name));
}

TEST_F(ControlTest, ExpiryOnlyShortensALife) {
  const SessionName earlier_first = One(), later_first = One(), idle = One(),
                    never = One(Multiplexed());
  const absl::Time early = Start() + absl::Minutes(5);
  const absl::Time late = Start() + absl::Minutes(10);
  EXPECT_TRUE(table_->Expire(earlier_first, early));
  EXPECT_TRUE(table_->Expire(earlier_first, late));
  EXPECT_TRUE(table_->Expire(later_first, late));
  EXPECT_TRUE(table_->Expire(later_first, early));
  EXPECT_TRUE(table_->Expire(idle, Start() + 2 * kHour));
  EXPECT_TRUE(table_->Expire(never, absl::InfiniteFuture()));
  Set(early - kMicrosecond);
  EXPECT_TRUE(Alive(earlier_first));
  EXPECT_TRUE(Alive(later_first));
  Set(early);
  EXPECT_FALSE(Alive(earlier_first));
  EXPECT_FALSE(Alive(later_first));
  Set(Start() + kHour);
  EXPECT_TRUE(Alive(idle));
  Advance(kMicrosecond);
  EXPECT_FALSE(Alive(idle));
  EXPECT_TRUE(Alive(never));
  Set(Start() + 28 * kDay + kMicrosecond);
  EXPECT_FALSE(Alive(never));
}

TEST_F(ControlTest, UsesDoNotPutOffExpiry) {
  const SessionName name = One();
  EXPECT_TRUE(table_->Expire(name, Start() + 3 * kHour));
  for (int i = 0; i < 5; ++i) {
    Advance(kHour / 2);
    EXPECT_TRUE(table_->Use(name).has_value());
  }
  Set(Start() + 3 * kHour - kMicrosecond);
  EXPECT_TRUE(table_->Use(name).has_value());
  Advance(kMicrosecond);
  EXPECT_FALSE(table_->Use(name).has_value());
}

TEST_F(ControlTest, TheNextSessionOfASlotDoesNotInheritExpiry) {
  for (int i = 0; i < 200; ++i) {
    const SessionName name = One();
    EXPECT_TRUE(table_->Expire(name, Start() + absl::Minutes(1)));
    EXPECT_TRUE(table_->Delete(name));
  }
  const Names names = Many(2048);
  Advance(absl::Minutes(1));
  EXPECT_EQ(LiveRegular(), 2048);
}

TEST_F(ControlTest, ADroppedSessionThatHasExpiredCountsAsExpired) {
  EXPECT_TRUE(table_->Expire(One(), Start() + absl::Minutes(1)));
  One();
  Advance(absl::Minutes(1));
  EXPECT_EQ(table_->DropDatabase(database_), 1);
  EXPECT_EQ(RegularCounts(),
            (SessionCounts::Kind{.created = 2, .deleted = 1, .expired = 1}));
}

TEST_F(ControlTest, TheExpiredMakeRoomUnderTheCap) {
  Restart(UpTo(100));
  Many(100);
  EXPECT_EQ(table_->Expire(SessionSelection(), Start() + absl::Minutes(1)),
            100);
  EXPECT_THAT(table_->Create(database_, Regular(), 1), IsEmpty());
  Advance(absl::Minutes(1));
  Many(100);
}

// Selections.

TEST_F(ControlTest, SelectsByScope) {
  const auto create = [this](absl::string_view database) {
    return CreateOne(*table_, *DatabaseName::Parse(std::string(database)))
        .full();
  };
  const std::string a = create("projects/p/instances/i/databases/d");
  const std::string b = create("projects/p/instances/i/databases/d-2");
  const std::string c = create("projects/p/instances/i-2/databases/d");
  const std::string d = create("projects/p-2/instances/i/databases/d");
  const auto in = [this](absl::string_view scope) {
    return SelectedNames({.scope = *Scope::Parse(std::string(scope))});
  };
  EXPECT_THAT(in(""), ElementsAre(a, b, c, d));
  EXPECT_THAT(in("projects/p"), ElementsAre(a, b, c));
  EXPECT_THAT(in("projects/p/instances/i"), ElementsAre(a, b));
  EXPECT_THAT(in("projects/p/instances/i/databases/d"), ElementsAre(a));
  EXPECT_THAT(in("projects/q"), IsEmpty());
  EXPECT_EQ(table_->Delete({.scope = *Scope::Parse("projects/p/instances/i")}),
            2);
  EXPECT_THAT(in(""), ElementsAre(c, d));
}

TEST_F(ControlTest, SelectsByLabelsAndKind) {
  const std::string plain = One().full();
  const std::string labelled = One(Labelled({{"env", "test"}})).full();
  const std::string multiplexed = One(Multiplexed()).full();
  EXPECT_THAT(SelectedNames({.filter = Filter("labels.env:t")}),
              ElementsAre(labelled));
  EXPECT_THAT(SelectedNames({.multiplexed = true}), ElementsAre(multiplexed));
  EXPECT_THAT(SelectedNames({.multiplexed = false}),
              ElementsAre(plain, labelled));
  EXPECT_THAT(
      SelectedNames({.filter = Filter("labels.env:t"), .multiplexed = true}),
      IsEmpty());
  EXPECT_EQ(table_->Delete({.multiplexed = true}), 1);
  EXPECT_EQ(table_->Expire({.filter = Filter("labels.env:*")}, Start()), 1);
  EXPECT_THAT(SelectedNames({}), ElementsAre(plain));
}

TEST_F(ControlTest, SelectsByIdleTimeAndAge) {
  const SessionName used = One(), idle = One();
  Advance(absl::Minutes(10));
  ASSERT_TRUE(table_->Use(used).has_value());
  Advance(absl::Minutes(5));
  const std::string young = One().full();
  const auto idle_longer_than = [this](absl::Duration duration) {
    return SelectedNames({.idle_longer_than = duration});
  };
  const auto older_than = [this](absl::Duration duration) {
    return SelectedNames({.older_than = duration});
  };
  EXPECT_THAT(idle_longer_than(absl::Minutes(5)), ElementsAre(idle.full()));
  EXPECT_THAT(idle_longer_than(absl::Minutes(5) - kMicrosecond),
              ElementsAre(used.full(), idle.full()));
  EXPECT_THAT(idle_longer_than(absl::ZeroDuration()),
              ElementsAre(used.full(), idle.full()));
  EXPECT_THAT(older_than(absl::Minutes(15)), IsEmpty());
  EXPECT_THAT(older_than(absl::Minutes(15) - kMicrosecond),
              ElementsAre(used.full(), idle.full()));
  EXPECT_THAT(older_than(absl::InfiniteDuration()), IsEmpty());
  EXPECT_THAT(SelectedNames({.idle_longer_than = absl::Minutes(6),
                             .older_than = absl::Minutes(6)}),
              ElementsAre(idle.full()));
  EXPECT_EQ(table_->Delete({.older_than = absl::Minutes(6)}), 2);
  EXPECT_THAT(SelectedNames({}), ElementsAre(young));
}

TEST_F(ControlTest, EndsManyInOneGo) {
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_THAT(table_->Create(Database(id), Regular(), 1500), SizeIs(1500));
    EXPECT_THAT(table_->Create(Database(id), Multiplexed(), 700), SizeIs(700));
  }
  EXPECT_EQ(table_->Expire({.multiplexed = true}, Start()), 2100);
  EXPECT_EQ(table_->Expire({.scope = Database("a")}, Start() + kMicrosecond),
            1500);
  EXPECT_EQ(table_->Delete({.scope = Database("b")}), 1500);
  Advance(kMicrosecond);
  EXPECT_EQ(table_->Delete(SessionSelection()), 1500);
  const SessionCounts counts = table_->TotalCounts();
  EXPECT_EQ(
      counts.regular,
      (SessionCounts::Kind{.created = 4500, .deleted = 3000, .expired = 1500}));
  EXPECT_EQ(counts.multiplexed,
            (SessionCounts::Kind{.created = 2100, .expired = 2100}));
  EXPECT_EQ(table_->occupied_slots(), 0);
}

TEST_F(ControlTest, SelectionsArePaged) {
  Names names;
  for (const char* id : {"b", "a"}) {
    for (const auto& [what, count] :
         {std::pair(Regular(), 300), std::pair(Multiplexed(), 20)}) {
      for (std::string& name :
           NamesOf(table_->Create(Database(id), what, count))) {
        names.push_back(std::move(name));
      }
    }
  }
  EXPECT_EQ(SelectedNames({}), names);
  for (const int page_size : {1, 7, 20, 300, 320, 640}) {
    EXPECT_EQ(SelectedNames({}, page_size), names);
  }
  // A last page that is full is the last.
  EXPECT_EQ(table_->Select({.page_size = 640})->next_page_token, "");
  EXPECT_NE(table_->Select({.page_size = 639})->next_page_token, "");
}

TEST_F(ControlTest, SelectionsThatHoldLittleAreCutIntoPagesToo) {
  constexpr int kMany = SessionStore::kMaxExaminedPerPage;
  for (int i = 0; i < kMany / 1000; ++i) Many(1000);
  const std::string last = One(Labelled({{"env", "test"}})).full();
  const SessionSelection selection = {.filter = Filter("labels.env:*")};
  const SelectPage page = *table_->Select({.selection = selection});
  EXPECT_THAT(page.sessions, IsEmpty());
  EXPECT_NE(page.next_page_token, "");
  EXPECT_THAT(SelectedNames(selection), ElementsAre(last));
}

TEST_F(ControlTest, ATokenOfAnotherSelectionIsRefused) {
  Many(3);
  CreateOne(*table_, Database("other"));
  const std::string token = table_->Select({.page_size = 1})->next_page_token;
  ASSERT_NE(token, "");
  for (const SessionSelection& selection :
       std::vector<SessionSelection>{{.scope = database_},
                                     {.filter = Filter("labels.a:*")},
                                     {.multiplexed = false},
                                     {.idle_longer_than = absl::ZeroDuration()},
                                     {.older_than = absl::ZeroDuration()}}) {
    const auto page =
        table_->Select({.selection = selection, .page_token = token});
    EXPECT_EQ(page.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(page.status().message()),
                HasSubstr("is not a next_page_token of this list"));
  }
  EXPECT_FALSE(table_->Select({.page_token = "x"}).ok());
  EXPECT_FALSE(table_->List(database_, Request(1, token)).ok());
  EXPECT_FALSE(
      table_
          ->Select({.page_token =
                        table_->List(database_, Request(1))->next_page_token})
          .ok());
}

TEST_F(ControlTest, LookingIsNoUse) {
  const SessionName name = One();
  Advance(kHour);
  EXPECT_EQ(Select({})[0].session.approximate_last_use_time, Start());
  Advance(kMicrosecond);
  EXPECT_FALSE(Alive(name));
}

// Those that have expired.

std::string Dead(const SessionName& name) {
  return absl::StrCat("dead ", name.full());
}

TEST_F(ControlTest, SaysAllAboutThoseThatHaveExpired) {
  SessionTemplate what = Labelled({{"env", "test"}});
  what.attributes.creator_role = "parent";
  what.creator = By("grpc-node/1.2", "ipv4:127.0.0.1:1").creator;
  const SessionName name = One(what);
  Advance(absl::Minutes(10));
  ASSERT_TRUE(table_->Use(name).has_value());
  Advance(2 * kHour);
  const auto sessions = Select({}, 1000, /*include_expired=*/true);
  ASSERT_THAT(sessions, SizeIs(1));
  EXPECT_EQ(sessions[0].name, name);
  EXPECT_EQ(sessions[0].creator, what.creator);
  EXPECT_EQ(sessions[0].end_time,
            Start() + absl::Minutes(10) + kHour + kMicrosecond);
  const Session& session = sessions[0].session;
  EXPECT_EQ(session.create_time, Start());
  EXPECT_EQ(session.approximate_last_use_time, Start() + absl::Minutes(10));
  EXPECT_EQ(session.attributes->creator_role, "parent");
  EXPECT_EQ(session.attributes->labels, what.attributes.labels);
  EXPECT_THAT(Select({}), IsEmpty());
}

TEST_F(ControlTest, RemembersTheTimeOfExpiryByOrder) {
  const SessionName later = One(), at_once = One();
  const absl::Time at = Start() + absl::Minutes(5);
  Advance(absl::Minutes(1));
  EXPECT_TRUE(table_->Expire(later, at));
  EXPECT_TRUE(table_->Expire(at_once, absl::InfinitePast()));
  Advance(kHour);
  const auto sessions = Select({}, 1000, /*include_expired=*/true);
  ASSERT_THAT(sessions, SizeIs(2));
  EXPECT_EQ(sessions[0].end_time, at);
  EXPECT_EQ(sessions[1].end_time, Start() + absl::Minutes(1));
}

TEST_F(ControlTest, RemembersNeitherTheDeletedNorTheMultiplexed) {
  EXPECT_TRUE(table_->Delete(One()));
  One();
  EXPECT_EQ(table_->Delete(SessionSelection()), 1);
  One();
  EXPECT_EQ(table_->DropDatabase(database_), 1);
  One(Multiplexed());
  EXPECT_EQ(table_->Expire(SessionSelection(), Start()), 1);
  EXPECT_THAT(WithExpired(), IsEmpty());
}

TEST_F(ControlTest, ThoseThatHaveExpiredAreSelectedLikeTheLiving) {
  const SessionName labelled = One(Labelled({{"env", "test"}}));
  Advance(absl::Minutes(10));
  const SessionName other = CreateOne(*table_, Database("other"));
  table_->Expire(SessionSelection(), Start());
  EXPECT_THAT(WithExpired(), ElementsAre(Dead(labelled), Dead(other)));
  EXPECT_THAT(WithExpired({.scope = database_}), ElementsAre(Dead(labelled)));
  EXPECT_THAT(WithExpired({.filter = Filter("labels.env:t")}),
              ElementsAre(Dead(labelled)));
  EXPECT_THAT(WithExpired({.multiplexed = true}), IsEmpty());
  EXPECT_THAT(WithExpired({.multiplexed = false}), SizeIs(2));
  EXPECT_THAT(WithExpired({.idle_longer_than = absl::ZeroDuration()}),
              ElementsAre(Dead(labelled)));
  EXPECT_THAT(WithExpired({.older_than = absl::Minutes(10)}), IsEmpty());
  EXPECT_THAT(WithExpired({.older_than = absl::Minutes(10) - kMicrosecond}),
              ElementsAre(Dead(labelled)));
}

TEST_F(ControlTest, ThoseThatHaveExpiredFollowTheLivingPageByPage) {
  const SessionName a = One(), b = CreateOne(*table_, Database("other")),
                    c = One(), d = One(), e = One(Multiplexed());
  // Not in the order of their ends.
  for (const SessionName& name : {d, b, a}) {
    EXPECT_TRUE(table_->Expire(name, Start()));
  }
  const Names all = {c.full(), e.full(), Dead(a), Dead(d), Dead(b)};
  for (const int page_size : {1, 2, 3, 4, 5, 6}) {
    EXPECT_EQ(WithExpired({}, page_size), all) << page_size;
  }
  // A last page that is full is the last.
  EXPECT_EQ(table_->Select({.include_expired = true, .page_size = 5})
                ->next_page_token,
            "");
  const std::string token =
      table_->Select({.include_expired = true, .page_size = 4})
          ->next_page_token;
  EXPECT_FALSE(table_->Select({.page_token = token}).ok());
}

TEST_F(ControlTest, RemembersTheLastOfThoseThatHaveExpired) {
  constexpr int kMany = SessionStore::kMaxExpiredRemembered;
  for (int i = 0; i < 100; ++i) {
    One(By("old", absl::StrCat(i)));
  }
  table_->Expire(SessionSelection(), Start());
  EXPECT_EQ(table_->creators(), 100u);
  Names names;
  for (std::string& name : Many(kMany - 1, By("new", "1"))) {
    names.push_back(absl::StrCat("dead ", name));
  }
  Advance(kHour + kMicrosecond);
  const Names all = WithExpired();
  ASSERT_THAT(all, SizeIs(kMany));
  EXPECT_EQ(Names(all.begin() + 1, all.end()), names);
  EXPECT_EQ(table_->creators(), 2u);
  EXPECT_EQ(RegularCounts().expired, kMany + 99);
}

TEST_F(ControlTest, ThoseThatHaveExpiredAreForgottenWithTheCounts) {
  const SessionName a = CreateOne(*table_, Database("a"), By("a", "1"));
  const SessionName b = CreateOne(*table_, Database("b"), By("b", "1"));
  Advance(kHour + kMicrosecond);
  table_->ResetCounts(Database("a"));
  EXPECT_THAT(WithExpired(), ElementsAre(Dead(b)));
  EXPECT_EQ(table_->creators(), 1u);
  table_->ResetCounts({});
  EXPECT_THAT(WithExpired(), IsEmpty());
  EXPECT_EQ(table_->creators(), 0u);
}

TEST_F(ControlTest, ThoseThatHaveExpiredAreForgottenWhenTheClockGoesBack) {
  One(By("a", "1"));
  Advance(kHour + kMicrosecond);
  table_->RestartClock();
  EXPECT_THAT(WithExpired(), IsEmpty());
  EXPECT_EQ(table_->creators(), 0u);
}

// Creators.

TEST_F(ControlTest, SaysWhoCreatedASession) {
  One(By("grpc-node/1.2", "ipv4:127.0.0.1:1"));
  One(By("grpc-node/1.2", "ipv4:127.0.0.1:2"));
  One();
  const std::vector<SelectedSession> sessions = Select({});
  ASSERT_THAT(sessions, SizeIs(3));
  EXPECT_EQ(sessions[0].creator,
            By("grpc-node/1.2", "ipv4:127.0.0.1:1").creator);
  EXPECT_EQ(sessions[1].creator,
            By("grpc-node/1.2", "ipv4:127.0.0.1:2").creator);
  EXPECT_EQ(sessions[2].creator, SessionCreator());
}

TEST_F(ControlTest, CreatorsAreForgottenWithTheirLastSession) {
  const std::vector<std::function<void(const SessionName&)>> ends = {
      [this](const SessionName& name) { EXPECT_TRUE(table_->Delete(name)); },
      [this](const SessionName& name) {
        EXPECT_TRUE(table_->Expire(name, Start()));
      },
      [this](const SessionName&) { table_->Delete(SessionSelection()); },
      [this](const SessionName&) { table_->DropDatabase(database_); },
      [this](const SessionName&) { table_->RestartClock(); },
      [this](const SessionName&) {
        Advance(kHour + kMicrosecond);
        table_->TotalCounts();
      }};
  for (const auto& end : ends) {
    const SessionName first = One(By("a", "1"));
    One(By("a", "1"));
    EXPECT_EQ(table_->creators(), 1u);
    EXPECT_TRUE(table_->Delete(first));
    EXPECT_EQ(table_->creators(), 1u);
    const Names batch = Many(3, By("a", "2"));
    EXPECT_EQ(table_->creators(), 2u);
    EXPECT_EQ(table_->Delete({.older_than = -kMicrosecond}), 4);
    EXPECT_EQ(table_->creators(), 0u);
    end(One(By("b", "")));
    // If it has expired, it is remembered.
    table_->ResetCounts({});
    EXPECT_EQ(table_->creators(), 0u);
  }
}

// Counts.

TEST_F(ControlTest, CountsByDatabase) {
  const DatabaseName b = Database("b"), a = Database("a");
  CreateOne(*table_, b, Multiplexed());
  EXPECT_TRUE(table_->Delete(CreateOne(*table_, a)));
  table_->Counts(Database("unknown"));
  const std::vector<DatabaseCounts> all = table_->CountsByDatabase({});
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].database, b);
  EXPECT_EQ(all[0].counts.multiplexed,
            (SessionCounts::Kind{.live = 1, .created = 1}));
  EXPECT_EQ(all[0].counts.regular, SessionCounts::Kind());
  EXPECT_EQ(all[1].database, a);
  EXPECT_EQ(all[1].counts.regular,
            (SessionCounts::Kind{.created = 1, .deleted = 1}));
  EXPECT_THAT(table_->CountsByDatabase(a), SizeIs(1));
  EXPECT_THAT(table_->CountsByDatabase(Database("c")), IsEmpty());
}

TEST_F(ControlTest, CountsStartAnewInAScope) {
  const DatabaseName a = Database("a"), b = Database("b");
  const SessionName old = CreateOne(*table_, a);
  CreateOne(*table_, a);
  CreateOne(*table_, a, Multiplexed());
  CreateOne(*table_, b);
  EXPECT_TRUE(table_->Delete(old));
  table_->ResetCounts(a);
  EXPECT_EQ(table_->Counts(a).regular, (SessionCounts::Kind{.live = 1}));
  EXPECT_EQ(table_->Counts(a).multiplexed, (SessionCounts::Kind{.live = 1}));
  EXPECT_EQ(table_->Counts(b).regular,
            (SessionCounts::Kind{.live = 1, .created = 1}));
  CreateOne(*table_, a);
  Advance(kHour + kMicrosecond);
  EXPECT_EQ(table_->Counts(a).regular,
            (SessionCounts::Kind{.created = 1, .expired = 2}));
  table_->ResetCounts({});
  EXPECT_EQ(table_->TotalCounts().regular, SessionCounts::Kind());
}

TEST_F(ControlTest, WhatHasDiedBeforeCountingStartsAnewIsNotCounted) {
  Many(10);
  Advance(kHour + kMicrosecond);
  table_->ResetCounts({});
  EXPECT_EQ(table_->TotalCounts(), SessionCounts());
}

// The clock goes back.

TEST_F(ControlTest, RestartingTheClockEndsEverySession) {
  const SessionName name = One();
  One(Multiplexed());
  Advance(kHour);
  One();
  Advance(kMicrosecond);  // The first is dead.
  EXPECT_EQ(table_->RestartClock(), 2);
  EXPECT_EQ(clock_.Now(), Start());
  EXPECT_FALSE(Alive(name));
  EXPECT_THAT(Select({}), IsEmpty());
  EXPECT_EQ(table_->occupied_slots(), 0);
  EXPECT_EQ(RegularCounts(),
            (SessionCounts::Kind{.created = 2, .deleted = 1, .expired = 1}));
}

TEST_F(ControlTest, SessionsLiveAndAreClearedUpAsEverAfterARestartOfTheClock) {
  for (int round = 0; round < 5; ++round) {
    Many(100);
    Advance(100 * kDay);
    EXPECT_EQ(LiveRegular(), 0);  // The wheels have come to that time.
    EXPECT_EQ(table_->RestartClock(), 0);
    const SessionName name = One();
    EXPECT_EQ(table_->Get(name)->create_time, Start());
    Set(Start() + kHour);
    EXPECT_TRUE(Alive(name));
    Advance(kMicrosecond);
    EXPECT_FALSE(Alive(name));
    EXPECT_EQ(LiveRegular(), 0);
    EXPECT_EQ(table_->occupied_slots(), 0);
    EXPECT_EQ(table_->RestartClock(), 0);
  }
}

// ---- Figures.

TEST_F(ControlTest, FiguresAreOfTheLargestDatabasesAndOfAll) {
  CreateOne(*table_, Database("a"));
  table_->Create(Database("b"), Regular(), 3);
  CreateOne(*table_, Database("b"), Multiplexed());
  CreateOne(*table_, Database("c"));
  EXPECT_TRUE(table_->Delete(CreateOne(*table_, Database("empty"))));
  const SessionTable::Figures figures = table_->figures(2);
  ASSERT_THAT(figures.largest, SizeIs(2));
  EXPECT_EQ(figures.largest[0].name, Database("b"));
  EXPECT_EQ(figures.largest[0].regular, 3);
  EXPECT_EQ(figures.largest[0].multiplexed, 1);
  EXPECT_EQ(figures.largest[1].name, Database("a"));  // Before c.
  EXPECT_EQ(figures.total.regular,
            (SessionCounts::Kind{.live = 5, .created = 6, .deleted = 1}));
  EXPECT_EQ(figures.total.multiplexed,
            (SessionCounts::Kind{.live = 1, .created = 1}));
  EXPECT_THAT(table_->figures(100).largest, SizeIs(3));
}

TEST_F(ControlTest, FiguresDoNotGoBack) {
  CreateOne(*table_, Database("a"));
  EXPECT_EQ(table_->DropDatabase(Database("a")), 1);
  table_->ResetCounts({});
  EXPECT_EQ(table_->TotalCounts().regular, SessionCounts::Kind());
  EXPECT_EQ(table_->figures(1).total.regular,
            (SessionCounts::Kind{.created = 1, .deleted = 1}));
  EXPECT_THAT(table_->figures(1).largest, IsEmpty());
}

}  // namespace
}  // namespace spanner_session_emulator
