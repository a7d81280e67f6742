// Transactions of sessions: which there are, what may be done in them, and at
// which times they read and commit. There is no data in them: what a read
// answers is somebody else's business.
//
// Errors are of an enum, as their texts are the API's, not the store's.
#ifndef SPANNER_SESSION_EMULATOR_STORE_TRANSACTIONS_H_
#define SPANNER_SESSION_EMULATOR_STORE_TRANSACTIONS_H_

#include <any>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "store/clock.h"
#include "store/session_id.h"

namespace spanner_session_emulator {

enum class TransactionKind : uint8_t { kReadOnly, kReadWrite, kPartitionedDml };
enum class IsolationLevel : uint8_t { kSerializable, kRepeatableRead };
enum class ReadLockMode : uint8_t { kPessimistic, kOptimistic };

// At what time a read-only transaction reads.
struct ReadBound {
  enum class Kind : uint8_t {
    kStrong,         // At a time that is not before any commit's.
    kExact,          // Exactly `staleness` ago.
    kMaxStaleness,   // At most `staleness` ago; single use only.
    kMinTimestamp,   // At `timestamp` or later; single use only.
    kReadTimestamp,  // Exactly at `timestamp`, even if that is to come.
  };
  Kind kind = Kind::kStrong;
  absl::Duration staleness = absl::ZeroDuration();  // Not negative.
  absl::Time timestamp = absl::UnixEpoch();
};

struct TransactionOptions {
  TransactionKind kind = TransactionKind::kReadOnly;
  // Of read-only ones.
  ReadBound bound = {};
  bool return_read_timestamp = false;
  // Of read-write ones: remembered for the answer to their commit.
  IsolationLevel isolation_level = IsolationLevel::kSerializable;
  ReadLockMode read_lock_mode = ReadLockMode::kPessimistic;
};

// What a call runs in; by default, a strong read-only transaction of its own.
struct TransactionSelector {
  enum class Kind : uint8_t { kSingleUse, kId, kBegin };
  Kind kind = Kind::kSingleUse;
  TransactionOptions options = {};  // Unless kId.
  std::string id = {};              // If kId.
};

// What a call does in its transaction.
enum class TransactionUse : uint8_t {
  kRead,       // Read, or execute a query.
  kDml,        // Execute one DML statement.
  kBatchDml,   // Execute several.
  kPartition,  // Divide a read or a query.
};

inline bool IsDml(TransactionUse use) {
  return use == TransactionUse::kDml || use == TransactionUse::kBatchDml;
}

struct TransactionCall {
  TransactionUse use = TransactionUse::kRead;
  TransactionSelector selector = {};
  // Nothing else is to be executed in the transaction.
  bool last_statement = false;
  // Of DML: which statement of its transaction it is, in rising order, and
  // something that is the same for the same request only, as a hash.
  int64_t seqno = 0;
  uint64_t fingerprint = 0;
};

// Of read-write transactions in multiplexed sessions. The one with the highest
// number must be shown at commit.
struct PrecommitToken {
  std::string token = {};
  int32_t seq_num = 0;
};

// What a call was given to run in.
struct TransactionGrant {
  std::string id = {};  // Empty for single use.
  TransactionKind kind = TransactionKind::kReadOnly;
  bool begun = false;  // By this call, so that its answer must tell the id.
  // Where it was asked for, in the answer to the call that begins the
  // transaction or uses it only once.
  std::optional<absl::Time> read_timestamp = {};
  // For the answer, where there is one.
  std::optional<PrecommitToken> precommit_token = {};
  // Has a value if DML with this seqno was executed before: what Answered() was
  // told then, which is to be answered again.
  std::any replay = {};
};

struct CommitCall {
  // As Mutations are counted for limits: the service knows how.
  int64_t mutation_count = 0;
  // What the call has; nullopt if nothing.
  std::optional<PrecommitToken> precommit_token = {};
};

struct CommitGrant {
  // If it has a value, nothing is committed yet: the call must come again with
  // this token. Nothing else has a meaning then.
  std::optional<PrecommitToken> retry_with = {};
  absl::Time commit_timestamp = absl::UnixEpoch();
  int64_t mutation_count = 0;
  IsolationLevel isolation_level = IsolationLevel::kSerializable;
  ReadLockMode read_lock_mode = ReadLockMode::kPessimistic;
};

// What can be wrong with a call.
enum class TransactionProblem : uint8_t {
  kNone,
  // About the id.
  kUnknown,       // Nobody has been given it.
  kOtherSession,  // It is of another session.
  kForgotten,     // It was of this one, too long ago to know more.
  // About what has become of the transaction.
  kReplaced,     // By a later one in the same session.
  kAborted,      // The client is to try again from the beginning.
  kUseAfterEnd,  // It was committed or rolled back.
  kCommitAfterRollback,
  kRollbackAfterCommit,
  kAfterLastStatement,  // The one before has announced to be the last.
  kSecondStatement,     // Partitioned DML is one statement.
  // About its kind.
  kNoCommitNorRollback,  // Of what is read-only or partitioned DML.
  kDmlInReadOnly,
  kOnlyDml,        // In partitioned DML.
  kOnlyReadWrite,  // For a batch of DML.
  kOnlyReadOnly,   // For dividing reads.
  // About selectors and options.
  kSingleUseNotReadOnly,  // For a read.
  kSingleUseDml,
  kSingleUsePartition,
  kMaxStalenessNotSingleUse,
  kMinTimestampNotSingleUse,
  // About the order of DML.
  kSeqnoReused,      // By another request.
  kSeqnoOutOfOrder,  // Lower than that of an earlier request.
  kSeqnoPending,     // The same request is being executed.
  // About the precommit token.
  kForeignPrecommitToken,  // Not one of this transaction.
};

// Times of commits, each later than all before, in whole microseconds: the
// clock's time, or as much later as it takes. Thread-safe.
class CommitClock {
 public:
  explicit CommitClock(const Clock* clock) : clock_(clock) {}

  // The time of a commit that happens now.
  int64_t NextMicros();
  // The time of a read that is to see all commits so far.
  int64_t StrongReadMicros() const;
  int64_t NowMicros() const { return clock_->NowMicros(); }

  // Begins anew, as the clock itself does.
  void Reset() { last_ = kNone; }

 private:
  static constexpr int64_t kNone = 0;

  const Clock* const clock_;
  std::atomic<int64_t> last_{kNone};
};

// How much of its transactions a session keeps, by its kind. The least recently
// used goes first.
struct TransactionLimits {
  // Nothing ends a read-only transaction.
  size_t read_only;
  // Read-write and partitioned DML; more than that, and one is aborted.
  size_t open;
  // Those that have ended, so that later calls get the right error.
  size_t ended;
  // Answers to DML, of each transaction.
  size_t replays;
};

// How many transactions there were, in all sessions, from the first on. Those
// that end with their sessions, or are forgotten while they are open, end in no
// counted way.
struct TransactionFigures {
  // By TransactionKind. A commit that brings its own transaction begins one.
  std::array<int64_t, 3> begun = {};
  int64_t committed = 0;
  int64_t rolled_back = 0;
  int64_t aborted = 0;
  int64_t replaced = 0;  // By the next one in a regular session.
};

// What all sessions' transactions share.
struct TransactionEnvironment {
  explicit TransactionEnvironment(const Clock* clock);

  TransactionFigures figures() const;

  CommitClock commit_clock;
  // What TransactionFigures says.
  std::array<std::atomic<int64_t>, 3> begun = {};
  std::atomic<int64_t> committed{0};
  std::atomic<int64_t> rolled_back{0};
  std::atomic<int64_t> aborted{0};
  std::atomic<int64_t> replaced{0};
  const SessionIdCodec codec;  // Of the ids of transactions, and of tokens.
  // A regular session runs one read-write transaction; a few of those before it
  // may still be asked for.
  TransactionLimits regular = {
      .read_only = 8, .open = 1, .ended = 4, .replays = 100};
  TransactionLimits multiplexed = {
      .read_only = 10'000, .open = 10'000, .ended = 10'000, .replays = 100};
};

// The transactions of one session.
//
// A regular session runs one transaction at a time that writes (read-write or
// partitioned DML): beginning another one replaces it. Read-only ones stand
// beside. A multiplexed session runs many of all kinds.
//
// An id holds random bits, a number that is the session's own and the
// transaction's number, in the form of session ids. So even of what is
// forgotten, an id tells that there was a transaction, and whether it was of
// this session.
//
// Each transaction is in one of three lists, by what ends its place there: the
// read-only ones, the open ones that write (both in the order of their last
// use), and those that have ended, in that order. Every call is O(1), apart
// from AbortAll(). An object that has begun no transaction has no memory of its
// own, so it can be made for a single call. Not thread-safe: the session's lock
// guards it.
class SessionTransactions {
 public:
  // `environment` must outlive this.
  SessionTransactions(TransactionEnvironment* environment, bool multiplexed)
      : environment_(environment), multiplexed_(multiplexed) {}
  SessionTransactions(SessionTransactions&&) = default;

  // Whether none was ever begun, so that there is nothing to keep.
  bool empty() const { return next_number_ == 0; }
  // How many are known, those that have ended included.
  size_t size() const { return by_number_.size(); }

  // Begins a transaction by itself. `first_token`: with a precommit token, if
  // the transaction is of a kind that has them; for BeginTransaction with a
  // mutation_key.
  TransactionProblem Begin(const TransactionOptions& options, bool first_token,
                           TransactionGrant& grant);

  // Begins, finds or makes up what a call runs in. One that was begun for a
  // call that fails in the end is to be discarded, as its id is told nobody.
  TransactionProblem Use(const TransactionCall& call, TransactionGrant& grant);
  // Forgets a transaction.
  void Discard(absl::string_view id);
  // Keeps the answer to DML for replays; as long as it is missing, a replay is
  // kSeqnoPending. No effect if the transaction has ended meanwhile.
  void Answered(absl::string_view id, int64_t seqno, std::any answer);
  // A call that has failed: as if it had not been, so that the same request, or
  // another DML statement with its seqno, is executed.
  void TakeBack(absl::string_view id, const TransactionCall& call);

  // Commits. Of one that is committed, the same answer again.
  TransactionProblem Commit(absl::string_view id, const CommitCall& call,
                            CommitGrant& grant);
  // Commits a transaction that has nothing but this commit. Others go on.
  TransactionProblem CommitSingleUse(const TransactionOptions& options,
                                     const CommitCall& call,
                                     CommitGrant& grant);

  // Of one that is no more, or of which nobody knows, nothing; only a committed
  // one, or that of another session, is a problem.
  TransactionProblem Rollback(absl::string_view id);

  // Makes an open transaction that writes end as if its locks had been taken by
  // another one. Returns whether there was one of this id.
  bool Abort(absl::string_view id);
  // The same for all of them. Returns how many there were.
  size_t AbortAll();

 private:
  enum class State : uint8_t {
    kOpen,
    kCommitted,
    kRolledBack,
    kAborted,
    kReplaced,
  };
  enum ListIndex : uint8_t { kReadOnlyList, kOpenList, kEndedList };

  // DML that was executed, or is.
  struct Replay {
    int64_t seqno;
    uint64_t fingerprint;
    std::any answer;  // None yet while it is executed.
  };

  struct Transaction {
    uint64_t nonce = 0;  // Of its id.
    uint32_t number = 0;
    int32_t last_token = 0;  // The number of the last precommit token, or 0.
    TransactionKind kind = TransactionKind::kReadOnly;
    State state = State::kOpen;
    ListIndex list = kReadOnlyList;
    IsolationLevel isolation_level = IsolationLevel::kSerializable;
    ReadLockMode read_lock_mode = ReadLockMode::kPessimistic;
    bool had_last_statement = false;
    // Of all those that commits have brought, be they the last or not.
    int64_t mutation_count = 0;
    int64_t commit_micros = 0;  // If kCommitted.
    // By rising seqno; null before the first DML and after the end.
    std::unique_ptr<std::vector<Replay>> replays;
  };
  using List = std::list<Transaction>;

  const TransactionLimits& limits() const {
    return multiplexed_ ? environment_->multiplexed : environment_->regular;
  }
  bool HasTokens(const Transaction& transaction) const {
    return multiplexed_ && transaction.kind == TransactionKind::kReadWrite;
  }

  // The transaction of an id of this session, or null and why there is none.
  Transaction* Find(absl::string_view id, TransactionProblem& problem);
  std::string IdOf(const Transaction& transaction) const;

  // A problem that options have outside of single use, or kNone.
  static TransactionProblem CheckMultiUse(const TransactionOptions& options);
  // One that a kind of transaction has with a use of it, or kNone.
  static TransactionProblem CheckKind(TransactionUse use, TransactionKind kind);
  // `options` without a problem.
  Transaction& Add(const TransactionOptions& options, TransactionGrant& grant);
  TransactionProblem UseSingle(const TransactionCall& call,
                               TransactionGrant& grant) const;
  TransactionProblem CheckOpen(const Transaction& transaction) const;
  // Takes note of DML.
  TransactionProblem Note(Transaction& transaction, const TransactionCall& call,
                          TransactionGrant& grant);

  absl::Time ReadTime(const ReadBound& bound) const;
  PrecommitToken NewToken(Transaction& transaction) const;
  bool IsTokenOf(const Transaction& transaction,
                 const PrecommitToken& token) const;

  void End(Transaction& transaction, State state);
  void Erase(const Transaction& transaction);
  // To the end of a list, which is cut to its limit.
  void MoveTo(ListIndex list, Transaction& transaction);

  TransactionEnvironment* environment_;
  bool multiplexed_;
  uint32_t next_number_ = 0;
  // In all ids of this session; 0 before the first.
  uint64_t tag_ = 0;
  std::array<List, 3> lists_;
  absl::flat_hash_map<uint32_t, List::iterator> by_number_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_TRANSACTIONS_H_
