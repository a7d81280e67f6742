// Transactions in the table: they live as long as their session.
#include <algorithm>
#include <any>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
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
#include "store/session_table.h"
#include "store/transactions.h"
#include "tests/store/session_table_testing.h"
#include "tests/store/transactions_testing.h"

namespace spanner_session_emulator {
namespace {

constexpr std::chrono::seconds kPatience(60);

using Problem = TransactionProblem;

class SessionTableTransactionsTest : public SessionTableTest {
 protected:
  // The id of a new transaction; empty if the session is dead.
  std::string Begin(const SessionName& name,
                    const TransactionOptions& options) {
    TransactionGrant grant;
    table_->UseTransactions(name, [&](SessionTransactions& transactions) {
      EXPECT_EQ(transactions.Begin(options, false, grant), Problem::kNone);
    });
    return grant.id;
  }

  Problem Read(const SessionName& name, const std::string& id) {
    Problem problem = Problem::kNone;
    EXPECT_TRUE(
        table_->UseTransactions(name, [&](SessionTransactions& transactions) {
          TransactionGrant grant;
          problem = transactions.Use(Reading(ById(id)), grant);
        }));
    return problem;
  }

  absl::Time CommitTime(const SessionName& name) {
    CommitGrant grant;
    EXPECT_TRUE(
        table_->UseTransactions(name, [&](SessionTransactions& transactions) {
          EXPECT_EQ(transactions.CommitSingleUse(ReadWrite(), {}, grant),
                    Problem::kNone);
        }));
    return grant.commit_timestamp;
  }

  bool IsCalled(const SessionName& name) {
    bool called = false;
    const bool alive = table_->UseTransactions(
        name, [&](SessionTransactions&) { called = true; });
    EXPECT_EQ(alive, called);
    return called;
  }
};

TEST_F(SessionTableTransactionsTest, ASessionKeepsItsTransactions) {
  const SessionName first = One();
  const SessionName second = One();
  const std::string id = Begin(first, ReadWrite());
  EXPECT_EQ(Read(first, id), Problem::kNone);
  EXPECT_EQ(Read(second, id), Problem::kOtherSession);
  EXPECT_EQ(Read(first, id), Problem::kNone);
  EXPECT_EQ(table_->sessions_with_transactions(), 1u);
}

TEST_F(SessionTableTransactionsTest, TheKindOfSessionCounts) {
  for (const SessionTemplate& what : {Regular(), Multiplexed()}) {
    const SessionName name = One(what);
    const std::string id = Begin(name, ReadWrite());
    Begin(name, ReadWrite());
    EXPECT_EQ(Read(name, id),
              what.multiplexed ? Problem::kNone : Problem::kReplaced);
  }
}

TEST_F(SessionTableTransactionsTest, WhatBeginsNoneKeepsNothing) {
  const SessionName name = One();
  EXPECT_EQ(CommitTime(name), Start());
  EXPECT_EQ(Read(name, "garbage"), Problem::kUnknown);
  EXPECT_EQ(table_->sessions_with_transactions(), 0u);
}

TEST_F(SessionTableTransactionsTest, ItIsAUse) {
  const SessionName name = One();
  for (int i = 0; i < 3; ++i) {
    Advance(kHour);
    EXPECT_TRUE(IsCalled(name));
    EXPECT_EQ(table_->Get(name)->approximate_last_use_time, clock_.Now());
  }
  Advance(kHour + kMicrosecond);
  EXPECT_FALSE(IsCalled(name));
}

TEST_F(SessionTableTransactionsTest, WithoutASessionNothingIsCalled) {
  EXPECT_FALSE(IsCalled(SessionName(database_, "garbage")));
  const SessionName name = One();
  EXPECT_FALSE(IsCalled(SessionName(Database("other"), name.id())));
  EXPECT_TRUE(table_->Delete(name));
  EXPECT_FALSE(IsCalled(name));
}

TEST_F(SessionTableTransactionsTest, HoweverASessionEndsSoDoItsTransactions) {
  const std::vector<std::function<void(const SessionName&)>> ends = {
      [&](const SessionName& name) { table_->Delete(name); },
      [&](const SessionName& name) { table_->Expire(name, clock_.Now()); },
      [&](const SessionName& name) { table_->DropDatabase(name.database()); },
      [&](const SessionName&) { table_->Delete(SessionSelection()); },
      [&](const SessionName&) {
        table_->Expire(SessionSelection(), clock_.Now());
      },
      [&](const SessionName&) {
        Advance(28 * kDay + kMicrosecond);
        table_->TotalCounts();  // Clears up.
      },
      [&](const SessionName&) { table_->RestartClock(); }};
  for (size_t i = 0; i < ends.size(); ++i) {
    SCOPED_TRACE(absl::StrCat("end ", i));
    const SessionName name = One(Multiplexed());
    const std::string id = Begin(name, ReadWrite());
    const auto answer = std::make_shared<int>(1);
    table_->UseTransactions(name, [&](SessionTransactions& transactions) {
      TransactionGrant grant;
      EXPECT_EQ(transactions.Use(Dml(ById(id)), grant), Problem::kNone);
      transactions.Answered(id, 1, answer);
    });
    EXPECT_EQ(answer.use_count(), 2);
    ends[i](name);
    EXPECT_FALSE(IsCalled(name));
    EXPECT_EQ(table_->sessions_with_transactions(), 0u);
    EXPECT_EQ(answer.use_count(), 1);
    // Whoever comes into its slot has none of them.
    for (const std::string& later : Many(100)) {
      EXPECT_EQ(Read(*SessionName::Parse(later), id), Problem::kOtherSession);
    }
    EXPECT_EQ(table_->sessions_with_transactions(), 0u);
    table_->Delete(SessionSelection());
  }
}

TEST_F(SessionTableTransactionsTest, CommitTimesRiseOverAllSessions) {
  absl::Time last = Start() - kMicrosecond;
  for (const std::string& name : Many(100)) {
    const absl::Time next = CommitTime(*SessionName::Parse(name));
    EXPECT_EQ(next, last + kMicrosecond);
    last = next;
  }
}

TEST_F(SessionTableTransactionsTest, CommitTimesBeginAnewWithTheClock) {
  Advance(kDay);
  EXPECT_EQ(CommitTime(One()), Start() + kDay);
  table_->RestartClock();
  EXPECT_EQ(CommitTime(One()), Start());
}

TEST_F(SessionTableTransactionsTest, AbortingIsNoUse) {
  const SessionName name = One();
  EXPECT_FALSE(table_->AbortTransaction(name, "garbage"));
  const std::string id = Begin(name, ReadWrite());
  Advance(kHour);
  EXPECT_TRUE(table_->AbortTransaction(name, id));
  EXPECT_FALSE(table_->AbortTransaction(name, id));
  EXPECT_FALSE(table_->AbortTransaction(One(), id));
  EXPECT_EQ(table_->Get(name)->approximate_last_use_time, Start());
  EXPECT_EQ(Read(name, id), Problem::kAborted);
  EXPECT_TRUE(table_->Delete(name));
  EXPECT_FALSE(table_->AbortTransaction(name, id));
}

TEST_F(SessionTableTransactionsTest, AbortIsForASelection) {
  const SessionName here = One();
  const SessionName also_here = One(Multiplexed());
  const SessionName there = CreateOne(*table_, Database("other"));
  One();  // Without any.
  const std::string id_here = Begin(here, ReadWrite());
  Begin(also_here, ReadWrite());
  Begin(also_here, ReadWrite());
  Begin(also_here, ReadOnly());
  const std::string id_there = Begin(there, ReadWrite());
  EXPECT_EQ(table_->AbortTransactions({.scope = database_}), 3);
  EXPECT_EQ(Read(here, id_here), Problem::kAborted);
  EXPECT_EQ(Read(there, id_there), Problem::kNone);
  EXPECT_EQ(table_->AbortTransactions({}), 1);
  EXPECT_EQ(Read(there, id_there), Problem::kAborted);
  EXPECT_EQ(table_->AbortTransactions({}), 0);
}

// Several threads.

constexpr int kThreads = 4;
constexpr int kCallsPerThread = 4000;

TEST_F(SessionTableTransactionsTest, ThreadsShareSessions) {
  // Dying ones among them: others take their places.
  Restart(Living({.idle_ttl = absl::Milliseconds(2)}));
  std::vector<SessionName> shared;
  for (int i = 0; i < 4; ++i) shared.push_back(One(Multiplexed()));
  std::vector<std::vector<absl::Time>> commits(kThreads);
  std::atomic<int> missing{kThreads};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      std::mt19937_64 random(thread);
      SessionName own = One();
      --missing;
      while (missing > 0) std::this_thread::yield();
      for (int i = 0; i < kCallsPerThread; ++i) {
        if (random() % 20 == 0) own = One();
        const bool multiplexed = random() % 2 == 0;
        const SessionName& name =
            multiplexed ? shared[random() % shared.size()] : own;
        const std::string id = Begin(name, ReadWrite());
        TransactionGrant used;
        table_->UseTransactions(name, [&](SessionTransactions& transactions) {
          // Another thread may have aborted it.
          transactions.Use(Dml(ById(id)), used);
          transactions.Answered(id, 1, std::make_any<int>(i));
        });
        const int what = static_cast<int>(random() % 40);
        if (what == 0) {
          table_->AbortTransactions({});
        } else if (what == 1) {
          EXPECT_TRUE(clock_.Advance(absl::Microseconds(500)).ok());
        } else if (what == 2) {
          table_->Delete(own);
        } else if (what < 10) {
          table_->AbortTransaction(name, id);
        } else {
          CommitGrant grant;
          Problem problem = Problem::kAborted;
          table_->UseTransactions(name, [&](SessionTransactions& transactions) {
            problem = transactions.Commit(
                id, {.precommit_token = used.precommit_token}, grant);
          });
          if (problem != Problem::kNone) {
            // Perhaps long ago, by the measure of the others.
            EXPECT_THAT(problem,
                        testing::AnyOf(Problem::kAborted, Problem::kForgotten));
            continue;
          }
          EXPECT_FALSE(grant.retry_with.has_value());
          // In a thread's own time, too.
          if (!commits[thread].empty()) {
            EXPECT_GT(grant.commit_timestamp, commits[thread].back());
          }
          commits[thread].push_back(grant.commit_timestamp);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<absl::Time> all;
  for (const auto& times : commits) {
    EXPECT_FALSE(times.empty());
    all.insert(all.end(), times.begin(), times.end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
  table_->Delete(SessionSelection());
  table_->TotalCounts();
  // The table's own thread may still be clearing up a few that have expired.
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  while (table_->sessions_with_transactions() > 0 &&
         std::chrono::steady_clock::now() < patience) {
    std::this_thread::yield();
  }
  EXPECT_EQ(table_->sessions_with_transactions(), 0u);
}

}  // namespace
}  // namespace spanner_session_emulator
