#include "store/transactions.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "store/random.h"

namespace spanner_session_emulator {
namespace {

using Problem = TransactionProblem;

std::string Text(const SessionIdCodec::Id& id) {
  return std::string(id.data(), id.size());
}

}  // namespace

int64_t CommitClock::NextMicros() {
  int64_t last = last_.load();
  int64_t next;
  do {
    next = std::max(clock_->NowMicros(), last + 1);
  } while (!last_.compare_exchange_weak(last, next));
  return next;
}

int64_t CommitClock::StrongReadMicros() const {
  return std::max(clock_->NowMicros(), last_.load());
}

TransactionEnvironment::TransactionEnvironment(const Clock* clock)
    : commit_clock(clock), codec(Random()) {}

TransactionFigures TransactionEnvironment::figures() const {
  // Ends before beginnings, so that none seems to end that never began.
  TransactionFigures figures = {.committed = committed,
                                .rolled_back = rolled_back,
                                .aborted = aborted,
                                .replaced = replaced};
  for (size_t kind = 0; kind < begun.size(); ++kind) {
    figures.begun[kind] = begun[kind];
  }
  return figures;
}

std::string SessionTransactions::IdOf(const Transaction& transaction) const {
  return Text(environment_->codec.Encode(
      {.random = {transaction.nonce, tag_}, .slot = transaction.number}));
}

SessionTransactions::Transaction* SessionTransactions::Find(
    absl::string_view id, Problem& problem) {
  const std::optional<SessionKey> key = environment_->codec.Decode(id);
  if (!key.has_value()) {
    problem = Problem::kUnknown;
    return nullptr;
  }
  if (key->random[1] != tag_) {
    problem = Problem::kOtherSession;
    return nullptr;
  }
  const auto it = by_number_.find(key->slot);
  if (it == by_number_.end() || it->second->nonce != key->random[0]) {
    problem = Problem::kForgotten;
    return nullptr;
  }
  problem = Problem::kNone;
  return &*it->second;
}

// A token has the form of an id, but is none: its tag is another. A
// transaction's tokens differ by their numbers.
PrecommitToken SessionTransactions::NewToken(Transaction& transaction) const {
  const int32_t number = ++transaction.last_token;
  return {.token = Text(environment_->codec.Encode(
              {.random = {transaction.nonce, ~tag_},
               .slot = static_cast<uint32_t>(number)})),
          .seq_num = number};
}

bool SessionTransactions::IsTokenOf(const Transaction& transaction,
                                    const PrecommitToken& token) const {
  const std::optional<SessionKey> key = environment_->codec.Decode(token.token);
  return key.has_value() && key->random[0] == transaction.nonce &&
         key->random[1] == ~tag_ &&
         key->slot == static_cast<uint32_t>(token.seq_num);
}

absl::Time SessionTransactions::ReadTime(const ReadBound& bound) const {
  const CommitClock& clock = environment_->commit_clock;
  const absl::Time strong = absl::FromUnixMicros(clock.StrongReadMicros());
  switch (bound.kind) {
    case ReadBound::Kind::kExact:
      return std::max(absl::FromUnixMicros(clock.NowMicros()) - bound.staleness,
                      Clock::Earliest());
    case ReadBound::Kind::kReadTimestamp:
      return bound.timestamp;
    case ReadBound::Kind::kMinTimestamp:
      return std::max(strong, bound.timestamp);
    case ReadBound::Kind::kStrong:
    case ReadBound::Kind::kMaxStaleness:  // As fresh as can be.
      break;
  }
  return strong;
}

Problem SessionTransactions::CheckMultiUse(const TransactionOptions& options) {
  if (options.kind != TransactionKind::kReadOnly) return Problem::kNone;
  switch (options.bound.kind) {
    case ReadBound::Kind::kMaxStaleness:
      return Problem::kMaxStalenessNotSingleUse;
    case ReadBound::Kind::kMinTimestamp:
      return Problem::kMinTimestampNotSingleUse;
    default:
      return Problem::kNone;
  }
}

Problem SessionTransactions::CheckKind(TransactionUse use,
                                       TransactionKind kind) {
  switch (use) {
    case TransactionUse::kRead:
      return kind == TransactionKind::kPartitionedDml ? Problem::kOnlyDml
                                                      : Problem::kNone;
    case TransactionUse::kDml:
      return kind == TransactionKind::kReadOnly ? Problem::kDmlInReadOnly
                                                : Problem::kNone;
    case TransactionUse::kBatchDml:
      if (kind == TransactionKind::kReadOnly) return Problem::kDmlInReadOnly;
      return kind == TransactionKind::kPartitionedDml ? Problem::kOnlyReadWrite
                                                      : Problem::kNone;
    case TransactionUse::kPartition:
      return kind == TransactionKind::kReadOnly ? Problem::kNone
                                                : Problem::kOnlyReadOnly;
  }
  return Problem::kNone;
}

SessionTransactions::Transaction& SessionTransactions::Add(
    const TransactionOptions& options, TransactionGrant& grant) {
  const bool writes = options.kind != TransactionKind::kReadOnly;
  if (writes && !multiplexed_) {
    for (List& open = lists_[kOpenList]; !open.empty();) {
      End(open.front(), State::kReplaced);
    }
  }
  if (tag_ == 0) tag_ = Random() | 1;
  List& list = lists_[kReadOnlyList];
  Transaction& transaction = list.emplace_back();
  transaction.nonce = Random();
  transaction.number = next_number_++;
  transaction.kind = options.kind;
  transaction.isolation_level = options.isolation_level;
  transaction.read_lock_mode = options.read_lock_mode;
  by_number_[transaction.number] = std::prev(list.end());
  MoveTo(writes ? kOpenList : kReadOnlyList, transaction);

  ++environment_->begun[static_cast<size_t>(transaction.kind)];
  grant.id = IdOf(transaction);
  grant.kind = transaction.kind;
  grant.begun = true;
  if (!writes && options.return_read_timestamp) {
    grant.read_timestamp = ReadTime(options.bound);
  }
  return transaction;
}

Problem SessionTransactions::Begin(const TransactionOptions& options,
                                   bool first_token, TransactionGrant& grant) {
  const Problem problem = CheckMultiUse(options);
  if (problem != Problem::kNone) return problem;
  Transaction& transaction = Add(options, grant);
  if (first_token && HasTokens(transaction)) {
    grant.precommit_token = NewToken(transaction);
  }
  return Problem::kNone;
}

Problem SessionTransactions::UseSingle(const TransactionCall& call,
                                       TransactionGrant& grant) const {
  const TransactionOptions& options = call.selector.options;
  if (call.use == TransactionUse::kPartition) {
    return Problem::kSingleUsePartition;
  }
  if (options.kind != TransactionKind::kReadOnly) {
    return Problem::kSingleUseNotReadOnly;
  }
  if (call.use != TransactionUse::kRead) return Problem::kSingleUseDml;
  if (options.return_read_timestamp) {
    grant.read_timestamp = ReadTime(options.bound);
  }
  return Problem::kNone;
}

Problem SessionTransactions::CheckOpen(const Transaction& transaction) const {
  switch (transaction.state) {
    case State::kOpen:
      return transaction.had_last_statement ? Problem::kAfterLastStatement
                                            : Problem::kNone;
    case State::kCommitted:
    case State::kRolledBack:
      return Problem::kUseAfterEnd;
    case State::kAborted:
      return Problem::kAborted;
    case State::kReplaced:
      return Problem::kReplaced;
  }
  return Problem::kNone;
}

Problem SessionTransactions::Note(Transaction& transaction,
                                  const TransactionCall& call,
                                  TransactionGrant& grant) {
  if (transaction.replays == nullptr) {
    transaction.replays = std::make_unique<std::vector<Replay>>();
  }
  std::vector<Replay>& replays = *transaction.replays;
  const auto it = std::lower_bound(
      replays.begin(), replays.end(), call.seqno,
      [](const Replay& replay, int64_t seqno) { return replay.seqno < seqno; });
  if (it != replays.end()) {
    if (it->seqno != call.seqno) return Problem::kSeqnoOutOfOrder;
    if (it->fingerprint != call.fingerprint) return Problem::kSeqnoReused;
    if (!it->answer.has_value()) return Problem::kSeqnoPending;
    grant.replay = it->answer;
    return Problem::kNone;
  }
  // Asked after replays, which may come after the last statement.
  const Problem problem = CheckOpen(transaction);
  if (problem != Problem::kNone) return problem;
  if (transaction.kind == TransactionKind::kPartitionedDml &&
      !replays.empty()) {
    return Problem::kSecondStatement;
  }
  if (replays.size() == limits().replays) replays.erase(replays.begin());
  replays.push_back({call.seqno, call.fingerprint, {}});
  return Problem::kNone;
}

Problem SessionTransactions::Use(const TransactionCall& call,
                                 TransactionGrant& grant) {
  const TransactionSelector& selector = call.selector;
  if (selector.kind == TransactionSelector::Kind::kSingleUse) {
    return UseSingle(call, grant);
  }
  Transaction* transaction;
  Problem problem;
  if (selector.kind == TransactionSelector::Kind::kBegin) {
    // Nothing begins, and nothing is replaced, for a call that cannot be.
    problem = CheckMultiUse(selector.options);
    if (problem == Problem::kNone) {
      problem = CheckKind(call.use, selector.options.kind);
    }
    if (problem != Problem::kNone) return problem;
    transaction = &Add(selector.options, grant);
  } else {
    transaction = Find(selector.id, problem);
    if (transaction == nullptr) return problem;
    problem = CheckKind(call.use, transaction->kind);
    if (problem != Problem::kNone) return problem;
    grant.id = selector.id;
    grant.kind = transaction->kind;
  }
  if (IsDml(call.use) && transaction->state == State::kOpen) {
    problem = Note(*transaction, call, grant);
  } else {
    problem = CheckOpen(*transaction);
  }
  if (problem != Problem::kNone) return problem;
  MoveTo(transaction->list, *transaction);
  if (call.last_statement && transaction->kind == TransactionKind::kReadWrite) {
    transaction->had_last_statement = true;
  }
  if (HasTokens(*transaction)) grant.precommit_token = NewToken(*transaction);
  return Problem::kNone;
}

void SessionTransactions::Discard(absl::string_view id) {
  Problem problem;
  const Transaction* transaction = Find(id, problem);
  if (transaction != nullptr) Erase(*transaction);
}

void SessionTransactions::Answered(absl::string_view id, int64_t seqno,
                                   std::any answer) {
  Problem problem;
  Transaction* transaction = Find(id, problem);
  if (transaction == nullptr || transaction->replays == nullptr) return;
  for (Replay& replay : *transaction->replays) {
    if (replay.seqno != seqno) continue;
    replay.answer = std::move(answer);
    return;
  }
}

void SessionTransactions::TakeBack(absl::string_view id,
                                   const TransactionCall& call) {
  Problem problem;
  Transaction* transaction = Find(id, problem);
  if (transaction == nullptr) return;
  // No other call can have set it, as nothing comes after the last statement.
  if (call.last_statement) transaction->had_last_statement = false;
  if (!IsDml(call.use) || transaction->replays == nullptr) return;
  std::erase_if(*transaction->replays, [&call](const Replay& replay) {
    return replay.seqno == call.seqno;
  });
}

Problem SessionTransactions::Commit(absl::string_view id,
                                    const CommitCall& call,
                                    CommitGrant& grant) {
  Problem problem;
  Transaction* transaction = Find(id, problem);
  if (transaction == nullptr) return problem;
  if (transaction->kind != TransactionKind::kReadWrite) {
    return Problem::kNoCommitNorRollback;
  }
  switch (transaction->state) {
    case State::kRolledBack:
      return Problem::kCommitAfterRollback;
    case State::kAborted:
      return Problem::kAborted;
    case State::kReplaced:
      return Problem::kReplaced;
    case State::kOpen:
    case State::kCommitted:
      break;
  }
  if (transaction->state == State::kOpen) {
    // A call that comes again need not bring its mutations again.
    if (call.mutation_count > 0) {
      transaction->mutation_count = call.mutation_count;
    }
    if (HasTokens(*transaction)) {
      const auto& token = call.precommit_token;
      if (token.has_value() && !IsTokenOf(*transaction, *token)) {
        return Problem::kForeignPrecommitToken;
      }
      if (!token.has_value() || token->seq_num != transaction->last_token) {
        MoveTo(kOpenList, *transaction);
        grant.retry_with = NewToken(*transaction);
        return Problem::kNone;
      }
    }
    transaction->commit_micros = environment_->commit_clock.NextMicros();
    End(*transaction, State::kCommitted);
  }
  grant.commit_timestamp = absl::FromUnixMicros(transaction->commit_micros);
  grant.mutation_count = transaction->mutation_count;
  grant.isolation_level = transaction->isolation_level;
  grant.read_lock_mode = transaction->read_lock_mode;
  return Problem::kNone;
}

Problem SessionTransactions::CommitSingleUse(const TransactionOptions& options,
                                             const CommitCall& call,
                                             CommitGrant& grant) {
  if (options.kind != TransactionKind::kReadWrite) {
    return Problem::kNoCommitNorRollback;
  }
  ++environment_->begun[static_cast<size_t>(TransactionKind::kReadWrite)];
  ++environment_->committed;
  grant.commit_timestamp =
      absl::FromUnixMicros(environment_->commit_clock.NextMicros());
  grant.mutation_count = call.mutation_count;
  grant.isolation_level = options.isolation_level;
  grant.read_lock_mode = options.read_lock_mode;
  return Problem::kNone;
}

Problem SessionTransactions::Rollback(absl::string_view id) {
  Problem problem;
  Transaction* transaction = Find(id, problem);
  if (transaction == nullptr) {
    return problem == Problem::kOtherSession ? problem : Problem::kNone;
  }
  if (transaction->kind != TransactionKind::kReadWrite) {
    return Problem::kNoCommitNorRollback;
  }
  switch (transaction->state) {
    case State::kOpen:
      End(*transaction, State::kRolledBack);
      return Problem::kNone;
    case State::kRolledBack:
    case State::kAborted:
    case State::kReplaced:
      return Problem::kNone;
    case State::kCommitted:
      return Problem::kRollbackAfterCommit;
  }
  return Problem::kNone;
}

bool SessionTransactions::Abort(absl::string_view id) {
  Problem problem;
  Transaction* transaction = Find(id, problem);
  if (transaction == nullptr || transaction->list != kOpenList) return false;
  End(*transaction, State::kAborted);
  return true;
}

size_t SessionTransactions::AbortAll() {
  List& open = lists_[kOpenList];
  const size_t count = open.size();
  while (!open.empty()) End(open.front(), State::kAborted);
  return count;
}

void SessionTransactions::End(Transaction& transaction, State state) {
  transaction.state = state;
  transaction.replays = nullptr;
  switch (state) {
    case State::kOpen:
      break;
    case State::kCommitted:
      ++environment_->committed;
      break;
    case State::kRolledBack:
      ++environment_->rolled_back;
      break;
    case State::kAborted:
      ++environment_->aborted;
      break;
    case State::kReplaced:
      ++environment_->replaced;
      break;
  }
  MoveTo(kEndedList, transaction);
}

void SessionTransactions::Erase(const Transaction& transaction) {
  const auto it = by_number_.find(transaction.number);
  List& list = lists_[transaction.list];
  const List::iterator place = it->second;
  by_number_.erase(it);
  list.erase(place);
}

void SessionTransactions::MoveTo(ListIndex list, Transaction& transaction) {
  List& to = lists_[list];
  to.splice(to.end(), lists_[transaction.list], by_number_[transaction.number]);
  transaction.list = list;
  const std::array<size_t, 3> most = {limits().read_only, limits().open,
                                      limits().ended};
  while (to.size() > most[list]) {
    if (list == kOpenList) {
      End(to.front(), State::kAborted);
    } else {
      Erase(to.front());
    }
  }
}

}  // namespace spanner_session_emulator
