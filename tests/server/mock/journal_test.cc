#include "server/mock/journal.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "store/clock.h"
#include "store/mutex.h"
#include "tests/server/mock/journal_testing.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Pair;

class JournalTest : public ::testing::Test {
 protected:
  static constexpr int64_t kCapacity = 1 << 16;

  // What a reader gives now: numbers, those behind missed entries with a `+`.
  static std::vector<std::string> Read(JournalReader& reader) {
    std::vector<std::string> read;
    while (const auto item = reader.Next()) {
      read.push_back(
          absl::StrCat(item->missed ? "+" : "", item->entry.number()));
    }
    return read;
  }

  Clock clock_{absl::UnixEpoch()};
  Journal journal_{&clock_, kCapacity};
};

// ---- What an entry has.

TEST_F(JournalTest, AnEntryHasAllOfItsCall) {
  api::GetSessionRequest request;
  request.set_name(kTestSession);
  TestCall call = TestCall::Of("GetSession", request);
  call.headers = {{"user-agent", "ua"},
                  {"traceparent", ""},
                  {"cookie", "not kept"},
                  {"authorization", "Bearer secret"}};
  call.start = {.clock = 5, .real = 6};
  call.notes = {.stubs = {}, .faults = {"faults/1"}, .near_miss = "near"};
  const auto record = Open(journal_, call);

  const JournalEntry open = *journal_.Find(1);
  EXPECT_EQ(open.number(), 1);
  EXPECT_EQ(open.method(), "google.spanner.v1.Spanner.GetSession");
  EXPECT_EQ(open.protocol(), CallProtocol::kGrpc);
  EXPECT_EQ(open.problem(), CallProblem::kNone);
  EXPECT_EQ(open.peer(), call.peer);
  EXPECT_EQ(open.database(), kTestDatabase);
  EXPECT_EQ(open.session(), kTestSession);
  EXPECT_EQ(open.start().clock, 5);
  EXPECT_EQ(open.start().real, 6);
  EXPECT_THAT(open.headers(),
              ElementsAre(Pair("authorization", "[redacted]"),
                          Pair("traceparent", ""), Pair("user-agent", "ua")));
  EXPECT_THAT(open.notes().faults, ElementsAre("faults/1"));
  EXPECT_EQ(open.notes().near_miss, "near");
  EXPECT_EQ(open.request_bytes(), call.request);
  EXPECT_EQ(open.DecodeRequest()->DebugString(), request.DebugString());
  EXPECT_FALSE(open.ended());
  EXPECT_EQ(open.end(), nullptr);

  journal_.Close(record,
                 {.status = absl::AbortedError("why"),
                  .message_count = 3,
                  .time = {.clock = 7, .real = 8}},
                 {.stubs = {"stubs/1"}, .faults = {"faults/1"}});
  EXPECT_FALSE(open.ended());  // As it stood then.
  const JournalEntry ended = *journal_.Find(1);
  ASSERT_TRUE(ended.ended());
  EXPECT_EQ(ended.end()->status, absl::AbortedError("why"));
  EXPECT_EQ(ended.end()->message_count, 3);
  EXPECT_EQ(ended.end()->time.clock, 7);
  EXPECT_EQ(ended.end()->time.real, 8);
  EXPECT_THAT(ended.notes().stubs, ElementsAre("stubs/1"));
}

TEST_F(JournalTest, ACallMayHaveNothing) {
  Record(journal_, {.method = "/x",
                    .problem = CallProblem::kUnknownMethod,
                    .peer = "",
                    .database = "",
                    .session = ""});
  const JournalEntry entry = *journal_.Find(1);
  EXPECT_EQ(entry.session(), "");
  EXPECT_THAT(entry.headers(), IsEmpty());
  EXPECT_EQ(entry.DecodeRequest(), nullptr);
}

// What is in the request already is kept once, wherever that is.
TEST_F(JournalTest, NamesAreThereWhetherTheRequestHasThemOrNot) {
  const std::string request = absl::StrCat("xx", kTestSession, "yy");
  Record(journal_, {.request = request});
  Record(journal_, {.request = ""});
  Record(journal_, {.session = "", .request = request});
  Record(journal_, {.database = "", .request = request});
  Record(journal_, {.request = std::string(kCapacity, 'x') + request});
  for (int64_t number = 1; number <= 5; ++number) {
    const JournalEntry entry = *journal_.Find(number);
    EXPECT_EQ(entry.session(), number == 3 ? "" : kTestSession);
    EXPECT_EQ(entry.database(), number == 4 ? "" : kTestDatabase);
    EXPECT_EQ(entry.method(), "google.spanner.v1.Spanner.GetSession");
    EXPECT_EQ(entry.peer(), "ipv4:127.0.0.1:4711");
    EXPECT_EQ(entry.request_bytes(), number == 2 || number == 5 ? "" : request);
  }
}

TEST_F(JournalTest, MalformedRequestsAreKeptAsTheyCame) {
  TestCall call = TestCall::Of("GetSession", api::GetSessionRequest());
  call.request = "\xff";
  call.problem = CallProblem::kMalformed;
  Record(journal_, call);
  EXPECT_EQ(journal_.Find(1)->request_bytes(), "\xff");
  EXPECT_EQ(journal_.Find(1)->DecodeRequest(), nullptr);
}

TEST_F(JournalTest, TimesAreThoseOfBothClocks) {
  ASSERT_TRUE(clock_.Advance(absl::Seconds(1)).ok());
  EXPECT_EQ(journal_.Now().clock, 1000000);
  EXPECT_THAT(journal_.Now().real,
              Gt(absl::ToUnixMicros(absl::FromCivil(absl::CivilDay(2020, 1, 1),
                                                    absl::UTCTimeZone()))));
}

TEST_F(JournalTest, WithoutCapacityItIsOff) {
  EXPECT_TRUE(journal_.active());
  EXPECT_FALSE(Journal(&clock_, 0).active());
  EXPECT_FALSE(Journal(&clock_, -1).active());
}

// ---- How much it holds.

TEST_F(JournalTest, TheOldestMakeRoom) {
  const std::string request(1000, 'x');
  int made = 0;
  while (journal_.stats().dropped_entry_count < 10) {
    ASSERT_LT(++made, 1000);
    Record(journal_, {.request = request});
    EXPECT_THAT(journal_.stats().used_bytes, Le(kCapacity));
  }
  const Journal::Stats stats = journal_.stats();
  EXPECT_EQ(stats.capacity_bytes, kCapacity);
  EXPECT_EQ(stats.last_number, made);
  EXPECT_EQ(stats.entry_count, made - 10);
  EXPECT_EQ(stats.open_entry_count, 0);
  EXPECT_GT(stats.used_bytes, kCapacity * 9 / 10);
  EXPECT_GE(stats.used_bytes, stats.entry_count * 1000);
  EXPECT_FALSE(journal_.Find(10).has_value());
  EXPECT_TRUE(journal_.Find(11).has_value());
  EXPECT_EQ(journal_.List({}).entries.front().number(), 11);
}

TEST_F(JournalTest, WhatComesWithTheEndMakesRoomToo) {
  int made = 0;
  while (journal_.stats().dropped_entry_count == 0) {
    ASSERT_LT(++made, 1000);
    Record(journal_, {},
           {.status = absl::AbortedError(std::string(5000, 'x'))});
    EXPECT_THAT(journal_.stats().used_bytes, Le(kCapacity));
  }
  EXPECT_THAT(made, Le(kCapacity / 5000 + 1));
}

TEST_F(JournalTest, LargeRequestsAreOmitted) {
  Record(journal_, {.request = std::string(kCapacity / 4, 'x')});
  Record(journal_, {.request = std::string(kCapacity / 4 + 1, 'x')});
  EXPECT_FALSE(journal_.Find(1)->request_omitted());
  const JournalEntry omitted = *journal_.Find(2);
  EXPECT_TRUE(omitted.request_omitted());
  EXPECT_EQ(omitted.request_bytes(), "");
  EXPECT_EQ(omitted.request_size(), kCapacity / 4 + 1);
  EXPECT_EQ(omitted.DecodeRequest(), nullptr);
}

TEST_F(JournalTest, AnEntryThatHasNoRoomIsDropped) {
  Journal small(&clock_, 10);
  Record(small, {});
  EXPECT_EQ(small.stats().entry_count, 0);
  EXPECT_EQ(small.stats().used_bytes, 0);
  EXPECT_EQ(small.stats().open_entry_count, 0);
  EXPECT_EQ(small.stats().dropped_entry_count, 1);
}

TEST_F(JournalTest, OpenEntriesMakeRoomAndMayEndLater) {
  const auto record = Open(journal_, {});
  EXPECT_EQ(journal_.stats().open_entry_count, 1);
  while (journal_.Find(1).has_value()) Record(journal_, {});
  EXPECT_EQ(journal_.stats().open_entry_count, 0);
  const int64_t used = journal_.stats().used_bytes;
  journal_.Close(record, {.status = absl::AbortedError("x")});
  EXPECT_EQ(journal_.stats().used_bytes, used);
  EXPECT_EQ(journal_.stats().open_entry_count, 0);
}

TEST_F(JournalTest, EntriesOutliveTheirPlace) {
  Record(journal_, {.method = "Commit"});
  const JournalEntry entry = *journal_.Find(1);
  journal_.Clear({});
  EXPECT_EQ(entry.method(), "google.spanner.v1.Spanner.Commit");
}

// ---- Clear.

TEST_F(JournalTest, ClearDeletesAll) {
  Record(journal_, {});
  const auto open = Open(journal_, {});
  EXPECT_EQ(journal_.Clear({}), 2);
  EXPECT_EQ(journal_.Clear({}), 0);
  journal_.Close(open, {.status = absl::AbortedError("x")});
  const Journal::Stats stats = journal_.stats();
  EXPECT_EQ(stats.used_bytes, 0);
  EXPECT_EQ(stats.entry_count, 0);
  EXPECT_EQ(stats.open_entry_count, 0);
  EXPECT_EQ(stats.dropped_entry_count, 0);
  Record(journal_, {});
  EXPECT_THAT(Numbers(journal_.List({}).entries), ElementsAre(3));
}

TEST_F(JournalTest, ClearDeletesWhatMatches) {
  for (int i = 0; i < 5; ++i) {
    Record(journal_, {.method = i % 2 == 0 ? "Commit" : "Rollback"});
  }
  const auto open = Open(journal_, {.method = "Rollback"});
  EXPECT_EQ(journal_.Clear(Filter("method = Rollback")), 3);
  journal_.Close(open, {});
  EXPECT_THAT(Numbers(journal_.List({}).entries), ElementsAre(1, 3, 5));
  EXPECT_EQ(journal_.stats().entry_count, 3);
  EXPECT_EQ(journal_.stats().open_entry_count, 0);
  EXPECT_FALSE(journal_.Find(2).has_value());
  EXPECT_TRUE(journal_.Find(3).has_value());
  EXPECT_EQ(journal_.Clear(Filter("method = Commit")), 3);
  EXPECT_EQ(journal_.stats().used_bytes, 0);
}

// ---- List and count.

TEST_F(JournalTest, CountsWhatMatches) {
  for (int i = 0; i < 3; ++i) Record(journal_, {.method = "Commit"});
  Record(journal_, {});
  EXPECT_EQ(journal_.Count({}), 4);
  EXPECT_EQ(journal_.Count(Filter("method = Commit")), 3);
}

TEST_F(JournalTest, PagesInEitherOrder) {
  for (int i = 0; i < 5; ++i) Record(journal_, {});
  Journal::Page page = journal_.List({.limit = 2});
  EXPECT_THAT(Numbers(page.entries), ElementsAre(1, 2));
  EXPECT_TRUE(page.has_more);
  page = journal_.List({.behind = 2, .limit = 3});
  EXPECT_THAT(Numbers(page.entries), ElementsAre(3, 4, 5));
  EXPECT_FALSE(page.has_more);

  page = journal_.List({.limit = 2, .newest_first = true});
  EXPECT_THAT(Numbers(page.entries), ElementsAre(5, 4));
  EXPECT_TRUE(page.has_more);
  page = journal_.List({.behind = 4, .limit = 3, .newest_first = true});
  EXPECT_THAT(Numbers(page.entries), ElementsAre(3, 2, 1));
  EXPECT_FALSE(page.has_more);
  page = journal_.List({.behind = 1, .newest_first = true});
  EXPECT_THAT(Numbers(page.entries), IsEmpty());
}

TEST_F(JournalTest, PagesOfAFilter) {
  Journal journal(&clock_, 1 << 24);
  for (int i = 0; i < 1000; ++i) {
    Record(journal, {.method = i % 400 == 0 ? "Commit" : "Rollback"});
  }
  for (const bool newest_first : {false, true}) {
    std::vector<int64_t> all;
    Journal::Page page = {.has_more = true};
    for (int64_t behind = 0; page.has_more; behind = all.back()) {
      page = journal.List({.filter = Filter("method = Commit"),
                           .behind = behind,
                           .limit = 1,
                           .newest_first = newest_first});
      ASSERT_EQ(page.entries.size(), 1);
      all.push_back(page.entries[0].number());
    }
    if (newest_first) std::reverse(all.begin(), all.end());
    EXPECT_THAT(all, ElementsAre(1, 401, 801));
  }
}

TEST_F(JournalTest, PagesEndWhereEntriesAreLarge) {
  // Be it for their requests, their headers, their ends or their notes.
  const std::string large(1000, 'x');
  Record(journal_, {.request = large});
  Record(journal_, {.headers = {{"user-agent", large}}});
  Record(journal_, {}, {.status = absl::AbortedError(large)});
  Record(journal_, {.notes = {.faults = {large}}});
  int64_t bytes = 0;
  for (const JournalEntry& entry : journal_.List({}).entries) {
    EXPECT_GT(entry.bytes(), 1000);
    bytes += static_cast<int64_t>(entry.bytes());
  }
  EXPECT_EQ(bytes, journal_.stats().used_bytes);
  Journal::Page page = journal_.List({.max_bytes = 3500});
  EXPECT_THAT(Numbers(page.entries), ElementsAre(1, 2));
  EXPECT_TRUE(page.has_more);
  page = journal_.List({.behind = 3, .max_bytes = 1});
  EXPECT_THAT(Numbers(page.entries), ElementsAre(4));
  EXPECT_FALSE(page.has_more);
}

TEST_F(JournalTest, PagesAreStableWhileEntriesComeAndGo) {
  for (int i = 0; i < 20; ++i) Record(journal_, {});
  std::vector<int64_t> forwards = Numbers(journal_.List({.limit = 10}).entries);
  std::vector<int64_t> backwards =
      Numbers(journal_.List({.limit = 10, .newest_first = true}).entries);
  while (journal_.stats().dropped_entry_count < 5) Record(journal_, {});
  for (const int64_t number :
       Numbers(journal_.List({.behind = 10, .limit = 10}).entries)) {
    forwards.push_back(number);
  }
  for (const int64_t number :
       Numbers(journal_.List({.behind = 11, .limit = 10, .newest_first = true})
                   .entries)) {
    backwards.push_back(number);
  }
  ASSERT_EQ(forwards.size(), 20);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(forwards[i], i + 1);
  ASSERT_EQ(backwards.size(), 15);  // Five have gone before it came to them.
  for (int i = 0; i < 15; ++i) EXPECT_EQ(backwards[i], 20 - i);
}

// ---- Readers.

TEST_F(JournalTest, AReaderGivesEachEntryOnce) {
  Record(journal_, {});
  Record(journal_, {});
  JournalReader reader(&journal_, {}, 1, false);
  EXPECT_THAT(Read(reader), ElementsAre("2"));
  EXPECT_THAT(Read(reader), IsEmpty());
  Record(journal_, {});
  Record(journal_, {});
  EXPECT_THAT(Read(reader), ElementsAre("3", "4"));
}

TEST_F(JournalTest, AReaderWaitsForTheEnd) {
  JournalReader reader(&journal_, {}, 0, false);
  JournalReader with_open(&journal_, {}, 0, true);
  const auto first = Open(journal_, {});
  Record(journal_, {});
  EXPECT_THAT(Read(reader), ElementsAre("2"));
  EXPECT_THAT(Read(with_open), ElementsAre("1", "2"));
  journal_.Close(first, {});
  EXPECT_THAT(Read(reader), ElementsAre("1"));
  EXPECT_THAT(Read(with_open), IsEmpty());
}

TEST_F(JournalTest, AnOpenEntryMayMatchWhenItEnds) {
  JournalReader reader(&journal_, Filter("status = OK"), 0, true);
  const auto record = Open(journal_, {});
  EXPECT_THAT(Read(reader), IsEmpty());
  journal_.Close(record, {});
  EXPECT_THAT(Read(reader), ElementsAre("1"));
}

TEST_F(JournalTest, WhatEndsMustMatch) {
  JournalReader reader(&journal_, Filter("status = OK"), 0, false);
  const auto record = Open(journal_, {});
  EXPECT_THAT(Read(reader), IsEmpty());
  journal_.Close(record, {.status = absl::AbortedError("x")});
  EXPECT_THAT(Read(reader), IsEmpty());
}

TEST_F(JournalTest, AReaderMayBeginInTheFuture) {
  JournalReader reader(&journal_, {}, 2, false);
  EXPECT_THAT(Read(reader), IsEmpty());
  for (int i = 0; i < 3; ++i) Record(journal_, {});
  EXPECT_THAT(Read(reader), ElementsAre("3"));
  JournalReader never(&journal_, {}, std::numeric_limits<int64_t>::max(),
                      false);
  EXPECT_THAT(Read(never), IsEmpty());
}

TEST_F(JournalTest, AReaderWhoseFilterAsksForStatesSeesOpenCalls) {
  JournalReader open(&journal_, Filter("state = OPEN"), 0, false);
  JournalReader ended(&journal_, Filter("state = ENDED"), 0, false);
  const auto record = Open(journal_, {});
  EXPECT_THAT(Read(open), ElementsAre("1"));
  EXPECT_THAT(Read(ended), IsEmpty());
  journal_.Close(record, {});
  EXPECT_THAT(Read(ended), ElementsAre("1"));
}

TEST_F(JournalTest, AReaderFromNowOnSeesWhatEnds) {
  Record(journal_, {});
  const auto open = Open(journal_, {});
  JournalReader reader(&journal_, {}, std::nullopt, false);
  EXPECT_THAT(Read(reader), IsEmpty());
  Record(journal_, {});
  journal_.Close(open, {});
  EXPECT_THAT(Read(reader), ElementsAre("2", "3"));
}

TEST_F(JournalTest, AReaderSeesAnOpenEntryThatHasMadeRoom) {
  JournalReader reader(&journal_, Filter("method = Commit"), 0, false);
  const auto record = Open(journal_, {.method = "Commit"});
  EXPECT_THAT(Read(reader), IsEmpty());
  while (journal_.Find(1).has_value()) Record(journal_, {});
  journal_.Close(record, {});
  EXPECT_THAT(Read(reader), ElementsAre("1"));
}

TEST_F(JournalTest, ASlowReaderIsToldWhatItMisses) {
  JournalReader reader(&journal_, {}, 0, false);
  Record(journal_, {});
  EXPECT_THAT(Read(reader), ElementsAre("1"));
  while (journal_.Find(1).has_value()) Record(journal_, {});
  EXPECT_FALSE(reader.Next()->missed);  // That one it had read.
  Read(reader);
  const int64_t last = journal_.stats().last_number;
  while (journal_.Find(last + 1).has_value() ||
         journal_.stats().last_number == last) {
    Record(journal_, {});
  }
  EXPECT_EQ(Read(reader).front(), absl::StrCat("+", last + 2));
}

TEST_F(JournalTest, WhatWasDeletedIsNotMissed) {
  JournalReader reader(&journal_, {}, 0, false);
  Record(journal_, {});
  journal_.Clear({});
  Record(journal_, {});
  EXPECT_THAT(Read(reader), ElementsAre("2"));
}

TEST_F(JournalTest, AReaderReadsMoreThanOneSlice) {
  Journal journal(&clock_, 1 << 24);
  for (int i = 1; i <= 1000; ++i) {
    Record(journal, {.method = i > 990 ? "Commit" : "Rollback"});
  }
  JournalReader all(&journal, {}, 0, false);
  EXPECT_EQ(Read(all).size(), 1000);
  JournalReader some(&journal, Filter("method = Commit"), 0, false);
  EXPECT_EQ(Read(some).size(), 10);
}

TEST_F(JournalTest, ReadersAreWoken) {
  JournalReader reader(&journal_, {}, 0, true);
  int woken = 0;
  const auto wait = [&] { reader.OnReady([&woken] { ++woken; }); };
  EXPECT_THAT(Read(reader), IsEmpty());
  wait();
  EXPECT_EQ(woken, 0);
  const auto record = Open(journal_, {});
  EXPECT_EQ(woken, 1);
  EXPECT_THAT(Read(reader), ElementsAre("1"));
  wait();
  EXPECT_EQ(woken, 1);
  journal_.Close(record, {});
  EXPECT_EQ(woken, 2);
  Record(journal_, {});  // Nobody waits.
  EXPECT_EQ(woken, 2);
  EXPECT_THAT(Read(reader), ElementsAre("2"));
}

TEST_F(JournalTest, WhoWantsCallsThatHaveEndedIsNotWokenBefore) {
  JournalReader reader(&journal_, {}, 0, false);
  int woken = 0;
  EXPECT_THAT(Read(reader), IsEmpty());
  reader.OnReady([&woken] { ++woken; });
  const auto record = Open(journal_, {});
  EXPECT_EQ(woken, 0);
  journal_.Close(record, {});
  EXPECT_EQ(woken, 1);
  EXPECT_THAT(Read(reader), ElementsAre("1"));
}

TEST_F(JournalTest, AReaderIsWokenByWhatCameBeforeItWaits) {
  JournalReader reader(&journal_, {}, 0, false);
  EXPECT_FALSE(reader.Next().has_value());
  Record(journal_, {});
  int woken = 0;
  reader.OnReady([&woken] { ++woken; });
  EXPECT_EQ(woken, 1);
}

TEST_F(JournalTest, AReaderThatIsGoneIsNotWoken) {
  int woken = 0;
  {
    JournalReader reader(&journal_, {}, 0, false);
    EXPECT_FALSE(reader.Next().has_value());
    reader.OnReady([&woken] { ++woken; });
  }
  Record(journal_, {});
  EXPECT_EQ(woken, 0);
}

TEST_F(JournalTest, ShutDownEndsWaits) {
  JournalReader reader(&journal_, {}, 0, false);
  EXPECT_FALSE(reader.Next().has_value());
  EXPECT_FALSE(reader.is_shut_down());
  int woken = 0;
  reader.OnReady([&woken] { ++woken; });
  journal_.ShutDown();
  EXPECT_EQ(woken, 1);
  EXPECT_TRUE(reader.is_shut_down());
  EXPECT_FALSE(reader.Next().has_value());
  reader.OnReady([&woken] { ++woken; });
  EXPECT_EQ(woken, 2);
}

// ---- Threads.

// Some record, one reads what comes, one lists and clears, all at once.
TEST_F(JournalTest, ThreadsRecordAndRead) {
  constexpr int kThreads = 3;
  constexpr int kCalls = 2000;
  // Large enough that the reader misses nothing.
  Journal journal(&clock_, int64_t{64} << 20);
  Journal small(&clock_, kCapacity);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  std::atomic<int> running = kThreads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCalls; ++i) {
        const TestCall call = {.method = absl::StrCat("T", t),
                               .request = std::string(i % 100, 'x')};
        Record(journal, call, {.message_count = i});
        Record(small, call,
               {.status = absl::AbortedError(std::string(i % 50, 'y'))});
      }
      --running;
    });
  }
  std::thread lister([&] {
    while (running > 0) {
      int64_t before = 0;
      for (const JournalEntry& entry : small.List({}).entries) {
        EXPECT_GT(entry.number(), before);
        before = entry.number();
      }
      EXPECT_LE(small.stats().used_bytes, kCapacity);
      small.Clear(Filter("method = google.spanner.v1.Spanner.T1"));
    }
  });

  Mutex mu;
  CondVar changed;
  bool woken = false;
  JournalReader reader(&journal, {}, 0, false);
  absl::flat_hash_set<int64_t> seen;
  std::vector<int> last_of_thread(kThreads, -1);
  while (seen.size() < kThreads * kCalls) {
    if (const auto item = reader.Next()) {
      EXPECT_FALSE(item->missed);
      EXPECT_TRUE(seen.insert(item->entry.number()).second);
      const int t = item->entry.method().back() - '0';
      EXPECT_EQ(item->entry.end()->message_count, ++last_of_thread[t]);
      EXPECT_EQ(item->entry.request_size(), last_of_thread[t] % 100);
      continue;
    }
    reader.OnReady([&] {
      MutexLock lock(&mu);
      woken = true;
      changed.notify_all();
    });
    MutexLock lock(&mu);
    ASSERT_TRUE(
        changed.wait_for(mu, std::chrono::seconds(60), [&] { return woken; }));
    woken = false;
  }
  for (std::thread& thread : threads) thread.join();
  lister.join();
  EXPECT_EQ(journal.stats().last_number, kThreads * kCalls);
  EXPECT_EQ(journal.stats().open_entry_count, 0);
  EXPECT_EQ(small.stats().open_entry_count, 0);
  small.Clear({});
  EXPECT_EQ(small.stats().used_bytes, 0);
}

}  // namespace
}  // namespace spanner_session_emulator
