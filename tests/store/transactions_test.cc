// The rules of transactions, one by one. Where a rule's answer is that of
// Google's emulator or of the API's reference, docs/differences.md says so.
#include "store/transactions.h"

#include <any>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/clock.h"
#include "tests/store/transactions_testing.h"

namespace spanner_session_emulator {
namespace {

using Problem = TransactionProblem;

constexpr absl::Duration kMicrosecond = absl::Microseconds(1);
constexpr absl::Time Start() { return absl::FromUnixSeconds(1'700'000'000); }

class TransactionsTest : public testing::Test {
 protected:
  using Session = SessionTransactions;

  void Advance(absl::Duration by) { ASSERT_TRUE(clock_.Advance(by).ok()); }

  std::string Begin(Session& session, const TransactionOptions& options) {
    TransactionGrant grant;
    EXPECT_EQ(session.Begin(options, false, grant), Problem::kNone);
    EXPECT_TRUE(grant.begun);
    EXPECT_EQ(grant.kind, options.kind);
    return grant.id;
  }
  Problem Use(Session& session, const TransactionCall& call) {
    TransactionGrant grant;
    return session.Use(call, grant);
  }
  TransactionGrant Granted(Session& session, const TransactionCall& call) {
    TransactionGrant grant;
    EXPECT_EQ(session.Use(call, grant), Problem::kNone);
    return grant;
  }
  Problem Read(Session& session, const std::string& id) {
    return Use(session, Reading(ById(id)));
  }
  Problem Commit(Session& session, const std::string& id) {
    CommitGrant grant;
    const Problem problem = session.Commit(id, {}, grant);
    EXPECT_FALSE(grant.retry_with.has_value());
    return problem;
  }
  CommitGrant Committed(Session& session, const std::string& id,
                        const CommitCall& call = {}) {
    CommitGrant grant;
    EXPECT_EQ(session.Commit(id, call, grant), Problem::kNone);
    return grant;
  }
  absl::Time ReadTime(const TransactionOptions& options) {
    return Granted(regular_, Reading(Once(options)))
        .read_timestamp.value_or(absl::InfinitePast());
  }

  Clock clock_{Start()};
  TransactionEnvironment environment_{&clock_};
  Session regular_{&environment_, /*multiplexed=*/false};
  Session multiplexed_{&environment_, /*multiplexed=*/true};
};

// Ids.

TEST_F(TransactionsTest, WithoutTransactionsThereIsNothingToKeep) {
  EXPECT_EQ(Use(regular_, Reading({})), Problem::kNone);
  CommitGrant grant;
  EXPECT_EQ(regular_.CommitSingleUse(ReadWrite(), {}, grant), Problem::kNone);
  EXPECT_EQ(Read(regular_, "no id"), Problem::kUnknown);
  EXPECT_TRUE(regular_.empty());
  Begin(regular_, ReadOnly());
  EXPECT_FALSE(regular_.empty());
}

TEST_F(TransactionsTest, IdsThatNobodyWasGivenAreUnknown) {
  std::string id = Begin(regular_, ReadWrite());
  std::string changed = id;
  changed[0] = changed[0] == 'A' ? 'B' : 'A';
  for (const std::string& wrong :
       {std::string(), std::string("garbage"), std::string("\0\xff", 2),
        id.substr(1), id + "A", changed}) {
    SCOPED_TRACE(wrong);
    EXPECT_EQ(Read(regular_, wrong), Problem::kUnknown);
    EXPECT_EQ(Use(regular_, Dml(ById(wrong))), Problem::kUnknown);
    EXPECT_EQ(Use(regular_, BatchDml(ById(wrong))), Problem::kUnknown);
    EXPECT_EQ(Use(regular_, Partitioning(ById(wrong))), Problem::kUnknown);
    EXPECT_EQ(Commit(regular_, wrong), Problem::kUnknown);
    // As the reference has it.
    EXPECT_EQ(regular_.Rollback(wrong), Problem::kNone);
    EXPECT_FALSE(regular_.Abort(wrong));
  }
  EXPECT_EQ(Commit(regular_, id), Problem::kNone);
}

TEST_F(TransactionsTest, IdsOfAnotherSessionAreToldApart) {
  const std::string id = Begin(multiplexed_, ReadWrite());
  EXPECT_EQ(Read(regular_, id), Problem::kOtherSession);
  Begin(regular_, ReadWrite());
  EXPECT_EQ(Read(regular_, id), Problem::kOtherSession);
  EXPECT_EQ(Use(regular_, Dml(ById(id))), Problem::kOtherSession);
  EXPECT_EQ(Commit(regular_, id), Problem::kOtherSession);
  EXPECT_EQ(regular_.Rollback(id), Problem::kOtherSession);
  EXPECT_FALSE(regular_.Abort(id));
  EXPECT_EQ(Read(multiplexed_, id), Problem::kNone);
}

TEST_F(TransactionsTest, IdsOfAnotherServerAreUnknown) {
  TransactionEnvironment other_environment(&clock_);
  Session other(&other_environment, false);
  EXPECT_EQ(Read(regular_, Begin(other, ReadWrite())), Problem::kUnknown);
}

// Figures.

TEST_F(TransactionsTest, AreCountedByKindAndEnd) {
  const auto is = [this](const std::array<int64_t, 3>& begun, int64_t committed,
                         int64_t rolled_back, int64_t aborted,
                         int64_t replaced) {
    const TransactionFigures figures = environment_.figures();
    EXPECT_EQ(figures.begun, begun);
    EXPECT_EQ(figures.committed, committed);
    EXPECT_EQ(figures.rolled_back, rolled_back);
    EXPECT_EQ(figures.aborted, aborted);
    EXPECT_EQ(figures.replaced, replaced);
  };
  static_assert(static_cast<int>(TransactionKind::kReadOnly) == 0 &&
                static_cast<int>(TransactionKind::kReadWrite) == 1);
  is({0, 0, 0}, 0, 0, 0, 0);
  Begin(regular_, ReadOnly());
  const std::string first = Begin(regular_, ReadWrite());
  EXPECT_EQ(Commit(regular_, first), Problem::kNone);
  EXPECT_EQ(Commit(regular_, first), Problem::kNone);  // The same again.
  is({1, 1, 0}, 1, 0, 0, 0);
  EXPECT_EQ(regular_.Rollback(Begin(regular_, ReadWrite())), Problem::kNone);
  is({1, 2, 0}, 1, 1, 0, 0);
  EXPECT_TRUE(regular_.Abort(Begin(regular_, ReadWrite())));
  is({1, 3, 0}, 1, 1, 1, 0);
  Begin(regular_, ReadWrite());
  Begin(regular_, ReadWrite());
  is({1, 5, 0}, 1, 1, 1, 1);
  CommitGrant grant;
  EXPECT_EQ(regular_.CommitSingleUse(ReadWrite(), {}, grant), Problem::kNone);
  is({1, 6, 0}, 2, 1, 1, 1);
}

// What becomes of a transaction.

TEST_F(TransactionsTest, CommittingTwiceIsCommittingOnce) {
  const std::string id = Begin(regular_, ReadWrite());
  const CommitGrant first = Committed(regular_, id, {.mutation_count = 3});
  Advance(absl::Seconds(1));
  const CommitGrant again = Committed(regular_, id, {.mutation_count = 9});
  EXPECT_EQ(again.commit_timestamp, first.commit_timestamp);
  EXPECT_EQ(again.mutation_count, 3);
}

TEST_F(TransactionsTest, AfterCommitNothingElseCanBeDone) {
  const std::string id = Begin(regular_, ReadWrite());
  EXPECT_EQ(Commit(regular_, id), Problem::kNone);
  EXPECT_EQ(Read(regular_, id), Problem::kUseAfterEnd);
  EXPECT_EQ(Use(regular_, Dml(ById(id))), Problem::kUseAfterEnd);
  EXPECT_EQ(Use(regular_, BatchDml(ById(id))), Problem::kUseAfterEnd);
  EXPECT_EQ(regular_.Rollback(id), Problem::kRollbackAfterCommit);
  EXPECT_FALSE(regular_.Abort(id));
  EXPECT_EQ(Commit(regular_, id), Problem::kNone);
}

TEST_F(TransactionsTest, AfterRollbackNothingElseCanBeDone) {
  const std::string id = Begin(regular_, ReadWrite());
  EXPECT_EQ(regular_.Rollback(id), Problem::kNone);
  EXPECT_EQ(Read(regular_, id), Problem::kUseAfterEnd);
  EXPECT_EQ(Use(regular_, Dml(ById(id))), Problem::kUseAfterEnd);
  EXPECT_EQ(Commit(regular_, id), Problem::kCommitAfterRollback);
  EXPECT_FALSE(regular_.Abort(id));
  EXPECT_EQ(regular_.Rollback(id), Problem::kNone);
}

TEST_F(TransactionsTest, AfterAbortTheClientIsToTryAgain) {
  const std::string id = Begin(regular_, ReadWrite());
  EXPECT_TRUE(regular_.Abort(id));
  EXPECT_FALSE(regular_.Abort(id));
  EXPECT_EQ(Read(regular_, id), Problem::kAborted);
  EXPECT_EQ(Use(regular_, Dml(ById(id))), Problem::kAborted);
  EXPECT_EQ(Commit(regular_, id), Problem::kAborted);
  EXPECT_EQ(regular_.Rollback(id), Problem::kNone);
  EXPECT_EQ(Commit(regular_, id), Problem::kAborted);
  EXPECT_EQ(Commit(regular_, Begin(regular_, ReadWrite())), Problem::kNone);
}

TEST_F(TransactionsTest, AbortIsForWhatWrites) {
  const std::string read_only = Begin(multiplexed_, ReadOnly());
  const std::string first = Begin(multiplexed_, ReadWrite());
  const std::string second = Begin(multiplexed_, PartitionedDml());
  const std::string committed = Begin(multiplexed_, ReadWrite());
  EXPECT_EQ(multiplexed_.Rollback(committed), Problem::kNone);
  EXPECT_FALSE(multiplexed_.Abort(read_only));
  EXPECT_EQ(multiplexed_.AbortAll(), 2u);
  EXPECT_EQ(multiplexed_.AbortAll(), 0u);
  EXPECT_EQ(Read(multiplexed_, read_only), Problem::kNone);
  EXPECT_EQ(Read(multiplexed_, first), Problem::kAborted);
  EXPECT_EQ(Use(multiplexed_, Dml(ById(second))), Problem::kAborted);
}

TEST_F(TransactionsTest, InARegularSessionTheLaterTransactionReplacesOne) {
  for (const TransactionOptions& before : {ReadWrite(), PartitionedDml()}) {
    for (const TransactionOptions& later : {ReadWrite(), PartitionedDml()}) {
      const std::string id = Begin(regular_, before);
      Begin(regular_, later);
      EXPECT_EQ(Use(regular_, Dml(ById(id))), Problem::kReplaced);
      if (before.kind != TransactionKind::kReadWrite) continue;
      EXPECT_EQ(Read(regular_, id), Problem::kReplaced);
      EXPECT_EQ(Commit(regular_, id), Problem::kReplaced);
      EXPECT_EQ(regular_.Rollback(id), Problem::kNone);
      EXPECT_FALSE(regular_.Abort(id));
    }
  }
  const std::string id = Begin(regular_, ReadWrite());
  Granted(regular_, Reading(Inline(ReadWrite())));
  EXPECT_EQ(Read(regular_, id), Problem::kReplaced);
}

TEST_F(TransactionsTest, NothingElseReplacesATransaction) {
  const std::string id = Begin(regular_, ReadWrite());
  Begin(regular_, ReadOnly());
  Granted(regular_, Reading(Inline(ReadOnly())));
  Granted(regular_, Reading({}));
  CommitGrant grant;
  EXPECT_EQ(regular_.CommitSingleUse(ReadWrite(), {}, grant), Problem::kNone);
  // What cannot begin does not replace either.
  EXPECT_EQ(Use(regular_, Partitioning(Inline(ReadWrite()))),
            Problem::kOnlyReadOnly);
  EXPECT_EQ(Use(regular_, Reading(Inline(PartitionedDml()))),
            Problem::kOnlyDml);
  EXPECT_EQ(Commit(regular_, id), Problem::kNone);
}

TEST_F(TransactionsTest, WhatHasEndedIsNotReplaced) {
  const std::string committed = Begin(regular_, ReadWrite());
  EXPECT_EQ(Commit(regular_, committed), Problem::kNone);
  const std::string aborted = Begin(regular_, ReadWrite());
  EXPECT_TRUE(regular_.Abort(aborted));
  Begin(regular_, ReadWrite());
  EXPECT_EQ(Commit(regular_, committed), Problem::kNone);
  EXPECT_EQ(Commit(regular_, aborted), Problem::kAborted);
}

TEST_F(TransactionsTest, ReadOnlyTransactionsStandBesideEachOther) {
  const std::string first = Begin(regular_, ReadOnly());
  const std::string second = Begin(regular_, ReadOnly());
  Begin(regular_, ReadWrite());
  EXPECT_EQ(Read(regular_, second), Problem::kNone);
  EXPECT_EQ(Read(regular_, first), Problem::kNone);
}

TEST_F(TransactionsTest, AMultiplexedSessionRunsManyTransactions) {
  const std::string first = Begin(multiplexed_, ReadWrite());
  const std::string second = Begin(multiplexed_, ReadWrite());
  Begin(multiplexed_, PartitionedDml());
  EXPECT_EQ(Read(multiplexed_, first), Problem::kNone);
  EXPECT_EQ(Read(multiplexed_, second), Problem::kNone);
}

TEST_F(TransactionsTest, WhatIsDiscardedIsForgotten) {
  for (const TransactionOptions& options :
       {ReadWrite(), ReadOnly(), PartitionedDml()}) {
    const std::string id = Begin(multiplexed_, options);
    multiplexed_.Discard(id);
    EXPECT_EQ(Read(multiplexed_, id), Problem::kForgotten);
    EXPECT_EQ(multiplexed_.size(), 0u);
  }
  multiplexed_.Discard("garbage");
}

// Kinds.

TEST_F(TransactionsTest, OnlyReadWriteTransactionsCommitOrRollBack) {
  for (const TransactionOptions& options : {ReadOnly(), PartitionedDml()}) {
    const std::string id = Begin(regular_, options);
    EXPECT_EQ(Commit(regular_, id), Problem::kNoCommitNorRollback);
    EXPECT_EQ(regular_.Rollback(id), Problem::kNoCommitNorRollback);
    // It goes on.
    EXPECT_EQ(Use(regular_, options.kind == TransactionKind::kReadOnly
                                ? Reading(ById(id))
                                : Dml(ById(id))),
              Problem::kNone);
    CommitGrant grant;
    EXPECT_EQ(regular_.CommitSingleUse(options, {}, grant),
              Problem::kNoCommitNorRollback);
  }
}

TEST_F(TransactionsTest, EachKindHasItsUses) {
  struct Row {
    TransactionOptions options;
    Problem read, dml, batch_dml, partition;
  };
  for (const Row& row :
       {Row{ReadWrite(), Problem::kNone, Problem::kNone, Problem::kNone,
            Problem::kOnlyReadOnly},
        Row{ReadOnly(), Problem::kNone, Problem::kDmlInReadOnly,
            Problem::kDmlInReadOnly, Problem::kNone},
        Row{PartitionedDml(), Problem::kOnlyDml, Problem::kNone,
            Problem::kOnlyReadWrite, Problem::kOnlyReadOnly}}) {
    SCOPED_TRACE(absl::StrCat("kind ", row.options.kind));
    const auto by_id = [&] { return ById(Begin(multiplexed_, row.options)); };
    EXPECT_EQ(Use(multiplexed_, Reading(by_id())), row.read);
    EXPECT_EQ(Use(multiplexed_, Dml(by_id())), row.dml);
    EXPECT_EQ(Use(multiplexed_, BatchDml(by_id())), row.batch_dml);
    EXPECT_EQ(Use(multiplexed_, Partitioning(by_id())), row.partition);
    const TransactionSelector begin = Inline(row.options);
    EXPECT_EQ(Use(multiplexed_, Reading(begin)), row.read);
    EXPECT_EQ(Use(multiplexed_, Dml(begin)), row.dml);
    EXPECT_EQ(Use(multiplexed_, BatchDml(begin)), row.batch_dml);
    EXPECT_EQ(Use(multiplexed_, Partitioning(begin)), row.partition);
  }
}

TEST_F(TransactionsTest, SingleUseIsForReads) {
  EXPECT_EQ(Use(regular_, Reading(Once(ReadOnly()))), Problem::kNone);
  for (const TransactionOptions& options : {ReadWrite(), PartitionedDml()}) {
    EXPECT_EQ(Use(regular_, Reading(Once(options))),
              Problem::kSingleUseNotReadOnly);
    EXPECT_EQ(Use(regular_, Dml(Once(options))),
              Problem::kSingleUseNotReadOnly);
  }
  EXPECT_EQ(Use(regular_, Dml({})), Problem::kSingleUseDml);
  EXPECT_EQ(Use(regular_, BatchDml({})), Problem::kSingleUseDml);
  EXPECT_EQ(Use(regular_, Partitioning({})), Problem::kSingleUsePartition);
}

TEST_F(TransactionsTest, AnInlineBeginTellsTheId) {
  const TransactionGrant begun =
      Granted(regular_, Reading(Inline(ReadWrite())));
  EXPECT_TRUE(begun.begun);
  EXPECT_EQ(begun.kind, TransactionKind::kReadWrite);
  const TransactionGrant used = Granted(regular_, Reading(ById(begun.id)));
  EXPECT_FALSE(used.begun);
  EXPECT_EQ(used.id, begun.id);
  EXPECT_EQ(used.kind, TransactionKind::kReadWrite);
  const TransactionGrant single = Granted(regular_, Reading({}));
  EXPECT_FALSE(single.begun);
  EXPECT_EQ(single.id, "");
}

// Times.

TEST_F(TransactionsTest, CommitTimesRiseThoughTheClockStands) {
  absl::Time last = Start() - kMicrosecond;
  for (int i = 0; i < 3; ++i) {
    const absl::Time next =
        Committed(regular_, Begin(regular_, ReadWrite())).commit_timestamp;
    EXPECT_EQ(next, last + kMicrosecond);
    CommitGrant single;
    EXPECT_EQ(multiplexed_.CommitSingleUse(ReadWrite(), {.mutation_count = 7},
                                           single),
              Problem::kNone);
    EXPECT_EQ(single.mutation_count, 7);
    last = single.commit_timestamp;
    EXPECT_EQ(last, next + kMicrosecond);
  }
  Advance(absl::Seconds(1));
  EXPECT_EQ(Committed(regular_, Begin(regular_, ReadWrite())).commit_timestamp,
            Start() + absl::Seconds(1));
}

TEST_F(TransactionsTest, AStrongReadSeesAllCommits) {
  EXPECT_EQ(ReadTime(ReadOnly()), Start());
  absl::Time last;
  for (int i = 0; i < 5; ++i) {
    last = Committed(regular_, Begin(regular_, ReadWrite())).commit_timestamp;
  }
  EXPECT_EQ(ReadTime(ReadOnly()), last);
  Advance(absl::Seconds(1));
  EXPECT_EQ(ReadTime(ReadOnly()), Start() + absl::Seconds(1));
}

TEST_F(TransactionsTest, ReadTimesAreWithinTheirBounds) {
  using Kind = ReadBound::Kind;
  const auto at = [this](const ReadBound& bound) {
    return ReadTime(ReadOnly(bound));
  };
  EXPECT_EQ(at({.kind = Kind::kExact, .staleness = absl::Seconds(10)}),
            Start() - absl::Seconds(10));
  EXPECT_EQ(at({.kind = Kind::kExact, .staleness = absl::Hours(1'000'000)}),
            absl::UnixEpoch());
  EXPECT_EQ(at({.kind = Kind::kMaxStaleness, .staleness = absl::Seconds(10)}),
            Start());
  for (const absl::Duration offset : {-absl::Hours(1), absl::Hours(1)}) {
    EXPECT_EQ(at({.kind = Kind::kReadTimestamp, .timestamp = Start() + offset}),
              Start() + offset);
  }
  EXPECT_EQ(at({.kind = Kind::kMinTimestamp,
                .timestamp = Start() - absl::Seconds(5)}),
            Start());
  EXPECT_EQ(at({.kind = Kind::kMinTimestamp,
                .timestamp = Start() + absl::Seconds(5)}),
            Start() + absl::Seconds(5));
}

TEST_F(TransactionsTest, ReadTimesAreToldWhereTheyAreAskedFor) {
  TransactionGrant grant;
  EXPECT_EQ(regular_.Begin(ReadOnly(), false, grant), Problem::kNone);
  EXPECT_EQ(grant.read_timestamp, Start());
  // Not each time.
  EXPECT_EQ(Granted(regular_, Reading(ById(grant.id))).read_timestamp,
            std::nullopt);
  EXPECT_EQ(Granted(regular_, Reading(Inline(ReadOnly()))).read_timestamp,
            Start());
  TransactionOptions silent = ReadOnly();
  silent.return_read_timestamp = false;
  EXPECT_EQ(Granted(regular_, Reading(Inline(silent))).read_timestamp,
            std::nullopt);
  EXPECT_EQ(Granted(regular_, Reading(Once(silent))).read_timestamp,
            std::nullopt);
  TransactionOptions writes = ReadWrite();
  writes.return_read_timestamp = true;
  EXPECT_EQ(Granted(regular_, Reading(Inline(writes))).read_timestamp,
            std::nullopt);
}

TEST_F(TransactionsTest, BoundedStalenessIsForSingleUse) {
  const TransactionOptions stale =
      ReadOnly({.kind = ReadBound::Kind::kMaxStaleness});
  const TransactionOptions least =
      ReadOnly({.kind = ReadBound::Kind::kMinTimestamp});
  TransactionGrant grant;
  EXPECT_EQ(regular_.Begin(stale, false, grant),
            Problem::kMaxStalenessNotSingleUse);
  EXPECT_EQ(regular_.Begin(least, false, grant),
            Problem::kMinTimestampNotSingleUse);
  EXPECT_EQ(Use(regular_, Reading(Inline(stale))),
            Problem::kMaxStalenessNotSingleUse);
  EXPECT_EQ(Use(regular_, Partitioning(Inline(least))),
            Problem::kMinTimestampNotSingleUse);
  EXPECT_TRUE(regular_.empty());
}

TEST_F(TransactionsTest, ACommitTellsHowItsTransactionWasIsolated) {
  TransactionOptions options = ReadWrite();
  options.isolation_level = IsolationLevel::kRepeatableRead;
  options.read_lock_mode = ReadLockMode::kOptimistic;
  const CommitGrant committed = Committed(regular_, Begin(regular_, options));
  EXPECT_EQ(committed.isolation_level, IsolationLevel::kRepeatableRead);
  EXPECT_EQ(committed.read_lock_mode, ReadLockMode::kOptimistic);
  CommitGrant single;
  EXPECT_EQ(regular_.CommitSingleUse(options, {}, single), Problem::kNone);
  EXPECT_EQ(single.isolation_level, IsolationLevel::kRepeatableRead);
  EXPECT_EQ(single.read_lock_mode, ReadLockMode::kOptimistic);
}

// The order of DML.

class DmlTest : public TransactionsTest {
 protected:
  // As if executed at once; `answer` is what replays should get.
  Problem Execute(int64_t seqno, uint64_t fingerprint, int answer) {
    TransactionGrant grant;
    const Problem problem =
        regular_.Use(Dml(ById(id_), seqno, fingerprint), grant);
    EXPECT_FALSE(grant.replay.has_value());
    if (problem == Problem::kNone) regular_.Answered(id_, seqno, answer);
    return problem;
  }
  int Replay(int64_t seqno, uint64_t fingerprint) {
    const std::any replay =
        Granted(regular_, Dml(ById(id_), seqno, fingerprint)).replay;
    const int* answer = std::any_cast<int>(&replay);
    return answer == nullptr ? -1 : *answer;
  }

  std::string id_ = Begin(regular_, ReadWrite());
};

TEST_F(DmlTest, AReplayGetsTheSameAnswer) {
  EXPECT_EQ(Execute(1, 11, 100), Problem::kNone);
  EXPECT_EQ(Replay(1, 11), 100);
  EXPECT_EQ(Execute(2, 12, 200), Problem::kNone);
  EXPECT_EQ(Replay(2, 12), 200);
  EXPECT_EQ(Replay(1, 11), 100);
}

TEST_F(DmlTest, ASeqnoIsOfOneRequest) {
  EXPECT_EQ(Execute(1, 11, 100), Problem::kNone);
  EXPECT_EQ(Execute(1, 12, 0), Problem::kSeqnoReused);
  EXPECT_EQ(Use(regular_, BatchDml(ById(id_), 1, 12)), Problem::kSeqnoReused);
  EXPECT_EQ(Replay(1, 11), 100);
}

TEST_F(DmlTest, SeqnosRise) {
  EXPECT_EQ(Execute(3, 11, 100), Problem::kNone);
  EXPECT_EQ(Execute(2, 12, 0), Problem::kSeqnoOutOfOrder);
  EXPECT_EQ(Execute(-1, 12, 0), Problem::kSeqnoOutOfOrder);
  EXPECT_EQ(Execute(7, 13, 200), Problem::kNone);
  EXPECT_EQ(Execute(5, 14, 0), Problem::kSeqnoOutOfOrder);
  // The transaction is none the worse for it.
  EXPECT_EQ(Commit(regular_, id_), Problem::kNone);
}

TEST_F(DmlTest, AnySeqnoMayBeTheFirst) {
  for (const int64_t first : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
    id_ = Begin(regular_, ReadWrite());
    EXPECT_EQ(Execute(first, 11, 100), Problem::kNone);
    EXPECT_EQ(Replay(first, 11), 100);
  }
}

TEST_F(DmlTest, WhatIsTakenBackMayComeAgain) {
  EXPECT_EQ(Use(regular_, Dml(ById(id_), 1, 11)), Problem::kNone);
  TransactionCall last = Dml(ById(id_), 2, 12);
  last.last_statement = true;
  regular_.Answered(id_, 1, 100);
  EXPECT_EQ(Use(regular_, last), Problem::kNone);
  regular_.TakeBack(id_, last);
  regular_.TakeBack(id_, Dml(ById(id_), 3, 14));
  // Also another request, and it was not the last.
  EXPECT_EQ(Execute(2, 13, 200), Problem::kNone);
  EXPECT_EQ(Replay(1, 11), 100);
  EXPECT_EQ(Replay(2, 13), 200);
}
TEST_F(DmlTest, AQueryThatIsTakenBackWasNotTheLast) {
  EXPECT_EQ(Execute(0, 11, 100), Problem::kNone);
  TransactionCall query = Reading(ById(id_));
  query.last_statement = true;
  EXPECT_EQ(Use(regular_, query), Problem::kNone);
  EXPECT_EQ(Execute(1, 12, 0), Problem::kAfterLastStatement);
  regular_.TakeBack(id_, query);
  // It has no seqno, so DML with 0 is not meant.
  EXPECT_EQ(Replay(0, 11), 100);
  EXPECT_EQ(Execute(1, 12, 200), Problem::kNone);
}
TEST_F(DmlTest, UntilItIsAnsweredAReplayMustWait) {
  EXPECT_EQ(Use(regular_, Dml(ById(id_), 1, 11)), Problem::kNone);
  EXPECT_EQ(Execute(1, 11, 0), Problem::kSeqnoPending);
  EXPECT_EQ(Execute(2, 12, 200), Problem::kNone);
  EXPECT_EQ(Execute(1, 11, 0), Problem::kSeqnoPending);
  regular_.Answered(id_, 1, 100);
  EXPECT_EQ(Replay(1, 11), 100);
}

TEST_F(DmlTest, SeqnosAreOfOneTransaction) {
  EXPECT_EQ(Execute(5, 11, 100), Problem::kNone);
  id_ = Begin(regular_, ReadWrite());
  EXPECT_EQ(Execute(1, 12, 200), Problem::kNone);
}

TEST_F(DmlTest, QueriesHaveNone) {
  EXPECT_EQ(Execute(5, 11, 100), Problem::kNone);
  EXPECT_EQ(Read(regular_, id_), Problem::kNone);
  EXPECT_EQ(Read(regular_, id_), Problem::kNone);
}

TEST_F(DmlTest, OldAnswersAreForgotten) {
  environment_.regular.replays = 2;
  for (int seqno = 1; seqno <= 3; ++seqno) {
    EXPECT_EQ(Execute(seqno, seqno, seqno), Problem::kNone);
  }
  EXPECT_EQ(Execute(1, 1, 0), Problem::kSeqnoOutOfOrder);
  EXPECT_EQ(Replay(2, 2), 2);
  EXPECT_EQ(Replay(3, 3), 3);
}

TEST_F(DmlTest, AnswersGoWithTheTransaction) {
  const auto answer = std::make_shared<int>(1);
  EXPECT_EQ(Use(regular_, Dml(ById(id_))), Problem::kNone);
  regular_.Answered(id_, 1, answer);
  EXPECT_EQ(answer.use_count(), 2);
  EXPECT_EQ(Commit(regular_, id_), Problem::kNone);
  EXPECT_EQ(answer.use_count(), 1);
  // One that comes late has no effect.
  regular_.Answered(id_, 1, answer);
  regular_.Answered("garbage", 1, answer);
  EXPECT_EQ(answer.use_count(), 1);
}

TEST_F(DmlTest, PartitionedDmlIsOneStatement) {
  id_ = Begin(regular_, PartitionedDml());
  EXPECT_EQ(Execute(1, 11, 100), Problem::kNone);
  EXPECT_EQ(Execute(2, 12, 0), Problem::kSecondStatement);
  EXPECT_EQ(Replay(1, 11), 100);
}

TEST_F(DmlTest, AfterTheLastStatementOnlyTheEndCanFollow) {
  TransactionCall last = Dml(ById(id_), 1, 11);
  last.last_statement = true;
  EXPECT_EQ(Use(regular_, last), Problem::kNone);
  regular_.Answered(id_, 1, 100);
  EXPECT_EQ(Read(regular_, id_), Problem::kAfterLastStatement);
  EXPECT_EQ(Execute(2, 12, 0), Problem::kAfterLastStatement);
  EXPECT_EQ(Replay(1, 11), 100);
  EXPECT_EQ(Commit(regular_, id_), Problem::kNone);
}

TEST_F(DmlTest, AQueryCanBeTheLastStatement) {
  TransactionCall last = Reading(ById(id_));
  last.last_statement = true;
  EXPECT_EQ(Use(regular_, last), Problem::kNone);
  EXPECT_EQ(Read(regular_, id_), Problem::kAfterLastStatement);
  EXPECT_EQ(regular_.Rollback(id_), Problem::kNone);
}

// Precommit tokens.

class PrecommitTokenTest : public TransactionsTest {
 protected:
  std::string id_ = Begin(multiplexed_, ReadWrite());
};

TEST_F(PrecommitTokenTest, EachUseGivesAnotherOneWithAHigherNumber) {
  int32_t last = 0;
  std::vector<std::string> tokens;
  for (const TransactionCall& call :
       {Reading(ById(id_)), Dml(ById(id_), 1), Dml(ById(id_), 2),
        BatchDml(ById(id_), 3)}) {
    const auto token = Granted(multiplexed_, call).precommit_token;
    ASSERT_TRUE(token.has_value());
    EXPECT_GT(token->seq_num, last);
    last = token->seq_num;
    EXPECT_THAT(tokens, testing::Not(testing::Contains(token->token)));
    tokens.push_back(token->token);
  }
  // Replays too.
  multiplexed_.Answered(id_, 3, 1);
  const auto token = Granted(multiplexed_, BatchDml(ById(id_), 3));
  EXPECT_TRUE(token.replay.has_value());
  EXPECT_GT(token.precommit_token->seq_num, last);
}

TEST_F(PrecommitTokenTest, AnInlineBeginGivesOne) {
  EXPECT_TRUE(Granted(multiplexed_, Reading(Inline(ReadWrite())))
                  .precommit_token.has_value());
}

TEST_F(PrecommitTokenTest, BeginGivesOneIfAsked) {
  for (const bool asked : {false, true}) {
    TransactionGrant grant;
    EXPECT_EQ(multiplexed_.Begin(ReadWrite(), asked, grant), Problem::kNone);
    EXPECT_EQ(grant.precommit_token.has_value(), asked);
  }
}

TEST_F(PrecommitTokenTest, OnlyReadWriteOnesOfMultiplexedSessionsHaveThem) {
  for (const TransactionOptions& options : {ReadOnly(), PartitionedDml()}) {
    TransactionGrant grant;
    EXPECT_EQ(multiplexed_.Begin(options, true, grant), Problem::kNone);
    EXPECT_FALSE(grant.precommit_token.has_value());
  }
  EXPECT_FALSE(Granted(multiplexed_, Reading(Inline(ReadOnly())))
                   .precommit_token.has_value());
  EXPECT_FALSE(Granted(multiplexed_, Dml(Inline(PartitionedDml())))
                   .precommit_token.has_value());
  EXPECT_FALSE(Granted(multiplexed_, Reading({})).precommit_token.has_value());
  EXPECT_FALSE(Granted(regular_, Reading(Inline(ReadWrite())))
                   .precommit_token.has_value());
  TransactionGrant grant;
  EXPECT_EQ(regular_.Begin(ReadWrite(), true, grant), Problem::kNone);
  EXPECT_FALSE(grant.precommit_token.has_value());
  EXPECT_EQ(Commit(regular_, grant.id), Problem::kNone);
}

TEST_F(PrecommitTokenTest, TheLatestCommits) {
  Granted(multiplexed_, Reading(ById(id_)));
  const auto token = Granted(multiplexed_, Reading(ById(id_))).precommit_token;
  const CommitGrant committed = Committed(
      multiplexed_, id_, {.mutation_count = 2, .precommit_token = token});
  EXPECT_FALSE(committed.retry_with.has_value());
  EXPECT_EQ(committed.commit_timestamp, Start());
  EXPECT_EQ(committed.mutation_count, 2);
  // A commit that is committed needs none.
  EXPECT_EQ(Committed(multiplexed_, id_).commit_timestamp, Start());
}

TEST_F(PrecommitTokenTest, WithoutOneNothingIsCommittedYet) {
  const CommitGrant retry = Committed(multiplexed_, id_, {.mutation_count = 5});
  ASSERT_TRUE(retry.retry_with.has_value());
  EXPECT_EQ(Read(multiplexed_, id_), Problem::kNone);  // One more token.
  const CommitGrant again =
      Committed(multiplexed_, id_, {.precommit_token = retry.retry_with});
  ASSERT_TRUE(again.retry_with.has_value());
  EXPECT_GT(again.retry_with->seq_num, retry.retry_with->seq_num);
  // The mutations of the first call count.
  const CommitGrant committed =
      Committed(multiplexed_, id_, {.precommit_token = again.retry_with});
  EXPECT_FALSE(committed.retry_with.has_value());
  EXPECT_EQ(committed.mutation_count, 5);
}

TEST_F(PrecommitTokenTest, AStaleOneIsAnsweredByAFreshOne) {
  const auto stale = Granted(multiplexed_, Reading(ById(id_))).precommit_token;
  const auto fresh = Granted(multiplexed_, Reading(ById(id_))).precommit_token;
  const CommitGrant retry =
      Committed(multiplexed_, id_, {.precommit_token = stale});
  ASSERT_TRUE(retry.retry_with.has_value());
  EXPECT_GT(retry.retry_with->seq_num, fresh->seq_num);
  EXPECT_FALSE(
      Committed(multiplexed_, id_, {.precommit_token = retry.retry_with})
          .retry_with.has_value());
}

TEST_F(PrecommitTokenTest, OneOfAnotherTransactionIsRefused) {
  const auto others =
      Granted(multiplexed_, Reading(Inline(ReadWrite()))).precommit_token;
  const PrecommitToken own = Granted(multiplexed_, Reading(ById(id_)))
                                 .precommit_token.value_or(PrecommitToken());
  PrecommitToken misnumbered = own;
  ++misnumbered.seq_num;
  for (const std::optional<PrecommitToken>& wrong :
       {others, std::optional(misnumbered),
        std::optional(PrecommitToken{"garbage", 1}),
        std::optional(PrecommitToken{"", 0}),
        std::optional(PrecommitToken{id_, 0})}) {
    CommitGrant grant;
    EXPECT_EQ(multiplexed_.Commit(id_, {.precommit_token = wrong}, grant),
              Problem::kForeignPrecommitToken);
  }
  EXPECT_FALSE(Committed(multiplexed_, id_, {.precommit_token = own})
                   .retry_with.has_value());
}

TEST_F(PrecommitTokenTest, OneIsNoId) {
  const auto token = Granted(multiplexed_, Reading(ById(id_))).precommit_token;
  EXPECT_EQ(Read(multiplexed_, token->token), Problem::kOtherSession);
}

// Memory.

TEST_F(TransactionsTest, OfTheEndedTheOldestAreForgotten) {
  environment_.regular.ended = 2;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(Begin(regular_, ReadWrite()));
    EXPECT_EQ(Commit(regular_, ids.back()), Problem::kNone);
  }
  EXPECT_EQ(regular_.size(), 2u);
  EXPECT_EQ(Commit(regular_, ids[0]), Problem::kForgotten);
  EXPECT_EQ(regular_.Rollback(ids[0]), Problem::kNone);
  EXPECT_EQ(Read(regular_, ids[0]), Problem::kForgotten);
  EXPECT_EQ(Commit(regular_, ids[1]), Problem::kNone);
  EXPECT_EQ(Commit(regular_, ids[2]), Problem::kNone);
}

TEST_F(TransactionsTest, OfTheReadOnlyTheLeastRecentlyUsedAreForgotten) {
  environment_.multiplexed.read_only = 2;
  const std::string first = Begin(multiplexed_, ReadOnly());
  const std::string second = Begin(multiplexed_, ReadOnly());
  EXPECT_EQ(Read(multiplexed_, first), Problem::kNone);
  Begin(multiplexed_, ReadOnly());
  EXPECT_EQ(Read(multiplexed_, first), Problem::kNone);
  EXPECT_EQ(Read(multiplexed_, second), Problem::kForgotten);
  EXPECT_EQ(multiplexed_.size(), 2u);
}

TEST_F(TransactionsTest, OfTheOpenTheLeastRecentlyUsedAreAborted) {
  environment_.multiplexed.open = 2;
  const std::string first = Begin(multiplexed_, ReadWrite());
  const std::string second = Begin(multiplexed_, ReadWrite());
  EXPECT_EQ(Read(multiplexed_, first), Problem::kNone);
  Begin(multiplexed_, ReadWrite());
  EXPECT_EQ(Read(multiplexed_, first), Problem::kNone);
  EXPECT_EQ(Read(multiplexed_, second), Problem::kAborted);
}

TEST_F(TransactionsTest, ItMayMove) {
  const std::string read_only = Begin(multiplexed_, ReadOnly());
  const std::string id = Begin(multiplexed_, ReadWrite());
  SessionTransactions moved = std::move(multiplexed_);
  EXPECT_EQ(Read(moved, read_only), Problem::kNone);
  EXPECT_EQ(moved.Rollback(id), Problem::kNone);
  EXPECT_EQ(moved.Rollback(id), Problem::kNone);
}

}  // namespace
}  // namespace spanner_session_emulator
