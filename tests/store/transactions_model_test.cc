// Random calls, legal and illegal, to the transactions of sessions of both
// kinds, and to a plain model that says what is right.
#include <algorithm>
#include <any>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "store/clock.h"
#include "store/transactions.h"
#include "tests/store/transactions_testing.h"

namespace spanner_session_emulator {
namespace {

using Problem = TransactionProblem;

constexpr int kSeeds = 1000;
constexpr int kSteps = 300;
constexpr int kSessions = 3;
constexpr absl::Duration kMicrosecond = absl::Microseconds(1);

// Small, so that they are met.
constexpr TransactionLimits kRegularLimits = {
    .read_only = 3, .open = 1, .ended = 2, .replays = 3};
constexpr TransactionLimits kMultiplexedLimits = {
    .read_only = 4, .open = 5, .ended = 6, .replays = 3};

// Everything there ever was, looked through from end to end.
struct ModelTransaction {
  enum class State {
    kOpen,
    kCommitted,
    kRolledBack,
    kAborted,
    kReplaced,
    kForgotten,
  };
  struct Dml {
    int64_t seqno;
    uint64_t fingerprint;
    std::optional<int> answer;
  };

  std::string id = {};
  TransactionKind kind;
  State state = State::kOpen;
  int last_use = 0;  // The step; of one that has ended that of its end.
  bool last_statement = false;
  std::vector<Dml> dml = {};
  std::vector<PrecommitToken> tokens = {};
  int64_t mutation_count = 0;
  absl::Time commit_time = absl::UnixEpoch();

  bool open() const { return state == State::kOpen; }
  bool writes() const { return kind != TransactionKind::kReadOnly; }
};

using State = ModelTransaction::State;

struct ModelSession {
  bool multiplexed;
  std::vector<ModelTransaction> transactions = {};

  const TransactionLimits& limits() const {
    return multiplexed ? kMultiplexedLimits : kRegularLimits;
  }
  bool HasTokens(const ModelTransaction& transaction) const {
    return multiplexed && transaction.kind == TransactionKind::kReadWrite;
  }

  // Takes the oldest of those that `belongs` accepts, if there are too many.
  template <typename Belongs>
  ModelTransaction* Surplus(size_t limit, const Belongs& belongs) {
    ModelTransaction* oldest = nullptr;
    size_t count = 0;
    for (ModelTransaction& transaction : transactions) {
      if (!belongs(transaction)) continue;
      ++count;
      if (oldest == nullptr || transaction.last_use < oldest->last_use) {
        oldest = &transaction;
      }
    }
    return count > limit ? oldest : nullptr;
  }

  // After each step.
  void Trim(int& time) {
    if (ModelTransaction* surplus =
            Surplus(limits().read_only,
                    [](const auto& t) { return t.open() && !t.writes(); })) {
      surplus->state = State::kForgotten;
    }
    if (ModelTransaction* surplus = Surplus(limits().open, [](const auto& t) {
          return t.open() && t.writes();
        })) {
      surplus->state = State::kAborted;
      surplus->last_use = ++time;
    }
    while (ModelTransaction* surplus =
               Surplus(limits().ended, [](const auto& t) {
                 return !t.open() && t.state != State::kForgotten;
               })) {
      surplus->state = State::kForgotten;
    }
  }
};

class Comparison {
 public:
  explicit Comparison(int seed) : random_(seed), environment_(&clock_) {
    environment_.regular = kRegularLimits;
    environment_.multiplexed = kMultiplexedLimits;
    for (int i = 0; i < kSessions; ++i) {
      const bool multiplexed = i == 0;
      model_.push_back({.multiplexed = multiplexed});
      real_.push_back(
          std::make_unique<SessionTransactions>(&environment_, multiplexed));
    }
  }

  void Step() {
    session_ = Random(kSessions);
    const int what = Random(100);
    if (what < 12) {
      Begin();
    } else if (what < 62) {
      Use();
    } else if (what < 67) {
      Answer();
    } else if (what < 82) {
      Commit();
    } else if (what < 85) {
      CommitSingleUse();
    } else if (what < 91) {
      Rollback();
    } else if (what < 94) {
      Abort();
    } else if (what < 95) {
      AbortAll();
    } else if (what < 97) {
      Discard();
    } else {
      ASSERT_TRUE(clock_.Advance(absl::Microseconds(Random(4))).ok());
    }
    model().Trim(time_);
    size_t known = 0;
    for (const ModelTransaction& transaction : model().transactions) {
      known += transaction.state != State::kForgotten;
    }
    EXPECT_EQ(real().size(), known);
    EXPECT_EQ(real().empty(), model().transactions.empty());
  }

 private:
  int Random(int below) { return static_cast<int>(random_() % below); }
  bool Chance(int percent) { return Random(100) < percent; }

  ModelSession& model() { return model_[session_]; }
  SessionTransactions& real() { return *real_[session_]; }

  TransactionOptions RandomOptions() {
    TransactionOptions options;
    options.kind = static_cast<TransactionKind>(Chance(60) ? 1 : Random(3));
    options.bound.kind = Chance(60) ? ReadBound::Kind::kStrong
                                    : static_cast<ReadBound::Kind>(Random(5));
    options.bound.staleness = absl::Microseconds(Random(5));
    options.bound.timestamp = clock_.Now() + absl::Microseconds(Random(9) - 4);
    options.return_read_timestamp = Chance(70);
    return options;
  }

  // An id, mostly of a late transaction of this session.
  std::string RandomId() {
    const int from = Chance(93) ? session_ : Random(kSessions);
    const auto& transactions = model_[from].transactions;
    if (Chance(3) || transactions.empty()) return "garbage";
    const int back =
        std::min(Random(static_cast<int>(transactions.size())), Random(8));
    return transactions[transactions.size() - 1 - back].id;
  }

  // Rising in the main, so that there are replays of what is remembered and of
  // what is not.
  int64_t RandomSeqno() {
    if (Chance(40)) return seqno_ - Random(5);
    return seqno_ += Random(2);
  }

  // By an id, and what is wrong with it.
  ModelTransaction* Find(const std::string& id, Problem& problem) {
    problem = Problem::kUnknown;
    for (int i = 0; i < kSessions; ++i) {
      for (ModelTransaction& transaction : model_[i].transactions) {
        if (transaction.id != id) continue;
        if (i != session_) {
          problem = Problem::kOtherSession;
        } else if (transaction.state == State::kForgotten) {
          problem = Problem::kForgotten;
        } else {
          problem = Problem::kNone;
          return &transaction;
        }
      }
    }
    return nullptr;
  }

  static Problem CheckOptions(const TransactionOptions& options) {
    if (options.kind == TransactionKind::kReadOnly) {
      if (options.bound.kind == ReadBound::Kind::kMaxStaleness) {
        return Problem::kMaxStalenessNotSingleUse;
      }
      if (options.bound.kind == ReadBound::Kind::kMinTimestamp) {
        return Problem::kMinTimestampNotSingleUse;
      }
    }
    return Problem::kNone;
  }

  static Problem CheckKind(TransactionUse use, TransactionKind kind) {
    // Rows: read, DML, batch, partition; columns: read-only, read-write,
    // partitioned DML.
    constexpr Problem kTable[4][3] = {
        {Problem::kNone, Problem::kNone, Problem::kOnlyDml},
        {Problem::kDmlInReadOnly, Problem::kNone, Problem::kNone},
        {Problem::kDmlInReadOnly, Problem::kNone, Problem::kOnlyReadWrite},
        {Problem::kNone, Problem::kOnlyReadOnly, Problem::kOnlyReadOnly}};
    return kTable[static_cast<int>(use)][static_cast<int>(kind)];
  }

  ModelTransaction& Add(TransactionKind kind) {
    if (!model().multiplexed && kind != TransactionKind::kReadOnly) {
      for (ModelTransaction& other : model().transactions) {
        if (other.open() && other.writes()) {
          other.state = State::kReplaced;
          other.last_use = ++time_;
        }
      }
    }
    model().transactions.push_back({.kind = kind, .last_use = ++time_});
    return model().transactions.back();
  }

  void CheckReadTime(const TransactionOptions& options,
                     const std::optional<absl::Time>& time) {
    if (options.kind != TransactionKind::kReadOnly ||
        !options.return_read_timestamp) {
      EXPECT_EQ(time, std::nullopt);
      return;
    }
    ASSERT_TRUE(time.has_value());
    const absl::Time strong = std::max(clock_.Now(), last_commit_);
    switch (options.bound.kind) {
      case ReadBound::Kind::kStrong:
        EXPECT_EQ(time, strong);
        break;
      case ReadBound::Kind::kExact:
        EXPECT_EQ(time, clock_.Now() - options.bound.staleness);
        break;
      case ReadBound::Kind::kMaxStaleness:
        EXPECT_GE(time, clock_.Now() - options.bound.staleness);
        break;
      case ReadBound::Kind::kMinTimestamp:
        EXPECT_GE(time, options.bound.timestamp);
        break;
      case ReadBound::Kind::kReadTimestamp:
        EXPECT_EQ(time, options.bound.timestamp);
        break;
    }
  }

  // That a token was given if it was due, and is new.
  void CheckToken(ModelTransaction& transaction, bool due,
                  const std::optional<PrecommitToken>& token) {
    EXPECT_EQ(token.has_value(), due);
    if (!token.has_value()) return;
    for (const PrecommitToken& before : transaction.tokens) {
      EXPECT_GT(token->seq_num, before.seq_num);
      EXPECT_NE(token->token, before.token);
    }
    transaction.tokens.push_back(*token);
  }

  void Begin() {
    const TransactionOptions options = RandomOptions();
    const bool first_token = Chance(50);
    TransactionGrant grant;
    const Problem problem = real().Begin(options, first_token, grant);
    EXPECT_EQ(problem, CheckOptions(options));
    if (problem != Problem::kNone) return;
    ModelTransaction& transaction = Add(options.kind);
    transaction.id = grant.id;
    CheckReadTime(options, grant.read_timestamp);
    CheckToken(transaction, first_token && model().HasTokens(transaction),
               grant.precommit_token);
  }

  static Problem CheckState(const ModelTransaction& transaction) {
    switch (transaction.state) {
      case State::kOpen:
        return transaction.last_statement ? Problem::kAfterLastStatement
                                          : Problem::kNone;
      case State::kAborted:
        return Problem::kAborted;
      case State::kReplaced:
        return Problem::kReplaced;
      default:
        return Problem::kUseAfterEnd;
    }
  }

  // For DML; `replay` is the answer to be given again.
  Problem CheckDml(ModelTransaction& transaction, const TransactionCall& call,
                   std::optional<int>& replay) {
    if (!transaction.open()) return CheckState(transaction);
    for (const ModelTransaction::Dml& dml : transaction.dml) {
      if (dml.seqno != call.seqno) continue;
      if (dml.fingerprint != call.fingerprint) return Problem::kSeqnoReused;
      if (!dml.answer.has_value()) return Problem::kSeqnoPending;
      replay = dml.answer;
      return Problem::kNone;
    }
    for (const ModelTransaction::Dml& dml : transaction.dml) {
      if (dml.seqno > call.seqno) return Problem::kSeqnoOutOfOrder;
    }
    const Problem problem = CheckState(transaction);
    if (problem != Problem::kNone) return problem;
    if (transaction.kind == TransactionKind::kPartitionedDml &&
        !transaction.dml.empty()) {
      return Problem::kSecondStatement;
    }
    transaction.dml.push_back({call.seqno, call.fingerprint, std::nullopt});
    if (transaction.dml.size() > model().limits().replays) {
      transaction.dml.erase(transaction.dml.begin());
    }
    return Problem::kNone;
  }

  void Use() {
    TransactionCall call = {
        .use = static_cast<TransactionUse>(Chance(70) ? Random(2) : Random(4)),
        .last_statement = Chance(4),
        .seqno = RandomSeqno(),
        .fingerprint = Chance(80) ? 1u : 2u};
    const int selector = Random(10);
    if (selector < 1) {
      call.selector = Once(RandomOptions());
    } else if (selector < 3) {
      call.selector = Inline(RandomOptions());
    } else {
      call.selector = ById(RandomId());
    }
    TransactionGrant grant;
    const Problem problem = real().Use(call, grant);
    const TransactionOptions& options = call.selector.options;

    if (selector < 1) {
      Problem expected = Problem::kNone;
      if (call.use == TransactionUse::kPartition) {
        expected = Problem::kSingleUsePartition;
      } else if (options.kind != TransactionKind::kReadOnly) {
        expected = Problem::kSingleUseNotReadOnly;
      } else if (call.use != TransactionUse::kRead) {
        expected = Problem::kSingleUseDml;
      }
      EXPECT_EQ(problem, expected);
      if (problem == Problem::kNone) {
        CheckReadTime(options, grant.read_timestamp);
      }
      EXPECT_EQ(grant.id, "");
      EXPECT_FALSE(grant.precommit_token.has_value());
      return;
    }

    Problem expected;
    ModelTransaction* transaction;
    std::optional<int> replay;
    const bool begins = selector < 3;
    if (begins) {
      expected = CheckOptions(options);
      if (expected == Problem::kNone) {
        expected = CheckKind(call.use, options.kind);
      }
      if (expected != Problem::kNone) {
        EXPECT_EQ(problem, expected);
        return;
      }
      transaction = &Add(options.kind);
      transaction->id = grant.id;
    } else {
      transaction = Find(call.selector.id, expected);
      if (transaction != nullptr) {
        expected = CheckKind(call.use, transaction->kind);
      }
    }
    if (expected == Problem::kNone) {
      const bool is_dml = call.use == TransactionUse::kDml ||
                          call.use == TransactionUse::kBatchDml;
      expected = is_dml ? CheckDml(*transaction, call, replay)
                        : CheckState(*transaction);
    }
    ASSERT_EQ(problem, expected);
    if (problem != Problem::kNone) return;
    EXPECT_EQ(grant.begun, begins);
    EXPECT_EQ(grant.kind, transaction->kind);
    EXPECT_EQ(grant.replay.has_value(), replay.has_value());
    if (replay.has_value() && grant.replay.has_value()) {
      EXPECT_EQ(std::any_cast<int>(grant.replay), *replay);
    }
    if (begins) CheckReadTime(options, grant.read_timestamp);
    CheckToken(*transaction, model().HasTokens(*transaction),
               grant.precommit_token);
    transaction->last_use = ++time_;
    if (call.last_statement &&
        transaction->kind == TransactionKind::kReadWrite) {
      transaction->last_statement = true;
    }
  }

  void Answer() {
    const std::string id = RandomId();
    const int64_t seqno = seqno_ - Random(5);
    const int answer = Random(1000);
    real().Answered(id, seqno, answer);
    Problem problem;
    ModelTransaction* transaction = Find(id, problem);
    if (transaction == nullptr) return;
    for (ModelTransaction::Dml& dml : transaction->dml) {
      if (dml.seqno == seqno) dml.answer = answer;
    }
  }

  void CheckCommitTime(absl::Time time) {
    EXPECT_EQ(time, std::max(clock_.Now(), last_commit_ + kMicrosecond));
    last_commit_ = time;
  }

  void Commit() {
    const std::string id = RandomId();
    Problem expected;
    ModelTransaction* transaction = Find(id, expected);
    CommitCall call;
    call.mutation_count = Chance(50) ? Random(100) : 0;
    // Which token: the last, an earlier one, another transaction's, none.
    bool foreign = false;
    bool latest = false;
    const int which = Random(10);
    if (which < 5 && transaction != nullptr && !transaction->tokens.empty()) {
      call.precommit_token = transaction->tokens.back();
      latest = true;
    } else if (which < 7 && transaction != nullptr &&
               !transaction->tokens.empty()) {
      const int one = Random(static_cast<int>(transaction->tokens.size()));
      call.precommit_token = transaction->tokens[one];
      latest = one + 1 == static_cast<int>(transaction->tokens.size());
    } else if (which < 8) {
      call.precommit_token = PrecommitToken{Chance(50) ? "garbage" : id, 1};
      foreign = true;
    } else if (which < 9) {
      for (const ModelTransaction& other : model().transactions) {
        if (other.id == id || other.tokens.empty()) continue;
        call.precommit_token = other.tokens.back();
        foreign = true;
      }
    }
    if (expected == Problem::kNone) {
      if (transaction->kind != TransactionKind::kReadWrite) {
        expected = Problem::kNoCommitNorRollback;
      } else if (transaction->state == State::kRolledBack) {
        expected = Problem::kCommitAfterRollback;
      } else if (transaction->state == State::kAborted) {
        expected = Problem::kAborted;
      } else if (transaction->state == State::kReplaced) {
        expected = Problem::kReplaced;
      }
    }
    CommitGrant grant;
    const Problem problem = real().Commit(id, call, grant);
    if (expected == Problem::kNone && transaction->open()) {
      if (call.mutation_count > 0) {
        transaction->mutation_count = call.mutation_count;
      }
      if (model().multiplexed && foreign) {
        expected = Problem::kForeignPrecommitToken;
      } else if (model().multiplexed && !latest) {
        ASSERT_EQ(problem, Problem::kNone);
        CheckToken(*transaction, true, grant.retry_with);
        transaction->last_use = ++time_;
        return;
      } else {
        CheckCommitTime(grant.commit_timestamp);
        transaction->state = State::kCommitted;
        transaction->commit_time = grant.commit_timestamp;
        transaction->last_use = ++time_;
      }
    }
    ASSERT_EQ(problem, expected);
    EXPECT_FALSE(grant.retry_with.has_value());
    if (problem != Problem::kNone) return;
    EXPECT_EQ(grant.commit_timestamp, transaction->commit_time);
    EXPECT_EQ(grant.mutation_count, transaction->mutation_count);
  }

  void CommitSingleUse() {
    const TransactionOptions options = RandomOptions();
    CommitGrant grant;
    const Problem problem = real().CommitSingleUse(options, {}, grant);
    if (options.kind == TransactionKind::kReadWrite) {
      EXPECT_EQ(problem, Problem::kNone);
      CheckCommitTime(grant.commit_timestamp);
    } else {
      EXPECT_EQ(problem, Problem::kNoCommitNorRollback);
    }
  }

  void Rollback() {
    const std::string id = RandomId();
    Problem expected;
    ModelTransaction* transaction = Find(id, expected);
    if (transaction != nullptr) {
      if (transaction->kind != TransactionKind::kReadWrite) {
        expected = Problem::kNoCommitNorRollback;
      } else if (transaction->state == State::kCommitted) {
        expected = Problem::kRollbackAfterCommit;
      } else if (transaction->open()) {
        transaction->state = State::kRolledBack;
        transaction->last_use = ++time_;
      }
    } else if (expected != Problem::kOtherSession) {
      expected = Problem::kNone;
    }
    EXPECT_EQ(real().Rollback(id), expected);
  }

  void Abort() {
    const std::string id = RandomId();
    Problem problem;
    ModelTransaction* transaction = Find(id, problem);
    const bool aborts =
        transaction != nullptr && transaction->open() && transaction->writes();
    EXPECT_EQ(real().Abort(id), aborts);
    if (!aborts) return;
    transaction->state = State::kAborted;
    transaction->last_use = ++time_;
  }

  void AbortAll() {
    std::vector<ModelTransaction*> open;
    for (ModelTransaction& transaction : model().transactions) {
      if (transaction.open() && transaction.writes()) {
        open.push_back(&transaction);
      }
    }
    std::sort(open.begin(), open.end(), [](const auto* a, const auto* b) {
      return a->last_use < b->last_use;
    });
    EXPECT_EQ(real().AbortAll(), open.size());
    for (ModelTransaction* transaction : open) {
      transaction->state = State::kAborted;
      transaction->last_use = ++time_;
    }
  }

  void Discard() {
    const std::string id = RandomId();
    Problem problem;
    ModelTransaction* transaction = Find(id, problem);
    real().Discard(id);
    if (transaction != nullptr) transaction->state = State::kForgotten;
  }

  std::mt19937_64 random_;
  Clock clock_{absl::FromUnixSeconds(1'700'000'000)};
  TransactionEnvironment environment_;
  absl::Time last_commit_ = absl::InfinitePast();
  int time_ = 0;
  int session_ = 0;
  int64_t seqno_ = 0;
  std::vector<ModelSession> model_;
  std::vector<std::unique_ptr<SessionTransactions>> real_;
};

TEST(TransactionsModelTest, AgreesWithAPlainModel) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    Comparison comparison(seed);
    for (int step = 0; step < kSteps; ++step) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, ", step ", step));
      comparison.Step();
      ASSERT_FALSE(HasFailure());
    }
  }
}

}  // namespace
}  // namespace spanner_session_emulator
