#include "server/services/transaction_protos.h"

#include <string>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "server/call/errors.h"
#include "server/services/times.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// Reports mistakes in a field, or in fields of it.
class FieldErrors {
 public:
  FieldErrors(absl::string_view method, absl::string_view field)
      : method_(method), field_(field) {}

  absl::Status Invalid(absl::string_view problem) const {
    return errors::InvalidField(method_, field_, problem);
  }
  absl::Status Invalid(absl::string_view of_field,
                       absl::string_view problem) const {
    return errors::InvalidField(method_, absl::StrCat(field_, ".", of_field),
                                problem);
  }

 private:
  const absl::string_view method_;
  const absl::string_view field_;
};

absl::StatusOr<ReadBound> ReadBoundOf(
    const FieldErrors& fields, const api::TransactionOptions::ReadOnly& from) {
  ReadBound bound;
  const auto staleness = [&](absl::string_view field,
                             const google::protobuf::Duration& duration) {
    absl::StatusOr<absl::Duration> read = ReadDuration(duration);
    if (!read.ok()) {
      return fields.Invalid(absl::StrCat("read_only.", field),
                            read.status().message());
    }
    bound.staleness = *read;
    return absl::OkStatus();
  };
  const auto timestamp = [&](absl::string_view field,
                             const google::protobuf::Timestamp& timestamp) {
    absl::StatusOr<absl::Time> read = ReadTimestamp(timestamp);
    if (read.ok() && *read < absl::UnixEpoch()) {
      read = absl::InvalidArgumentError("must not lie before the year 1970");
    }
    if (!read.ok()) {
      return fields.Invalid(absl::StrCat("read_only.", field),
                            read.status().message());
    }
    bound.timestamp = *read;
    return absl::OkStatus();
  };
  absl::Status status;
  switch (from.timestamp_bound_case()) {
    case api::TransactionOptions::ReadOnly::kStrong:
      if (!from.strong()) {
        status =
            fields.Invalid("read_only.strong", "must be true, if it is set");
      }
      break;
    case api::TransactionOptions::ReadOnly::TIMESTAMP_BOUND_NOT_SET:
      break;
    case api::TransactionOptions::ReadOnly::kMinReadTimestamp:
      bound.kind = ReadBound::Kind::kMinTimestamp;
      status = timestamp("min_read_timestamp", from.min_read_timestamp());
      break;
    case api::TransactionOptions::ReadOnly::kMaxStaleness:
      bound.kind = ReadBound::Kind::kMaxStaleness;
      status = staleness("max_staleness", from.max_staleness());
      break;
    case api::TransactionOptions::ReadOnly::kReadTimestamp:
      bound.kind = ReadBound::Kind::kReadTimestamp;
      status = timestamp("read_timestamp", from.read_timestamp());
      break;
    case api::TransactionOptions::ReadOnly::kExactStaleness:
      bound.kind = ReadBound::Kind::kExact;
      status = staleness("exact_staleness", from.exact_staleness());
      break;
  }
  if (!status.ok()) return status;
  return bound;
}

absl::StatusOr<IsolationLevel> ReadIsolationLevel(
    const FieldErrors& fields, const api::TransactionOptions& from) {
  switch (from.isolation_level()) {
    case api::TransactionOptions::ISOLATION_LEVEL_UNSPECIFIED:
    case api::TransactionOptions::SERIALIZABLE:
      return IsolationLevel::kSerializable;
    case api::TransactionOptions::REPEATABLE_READ:
      if (from.has_read_write()) return IsolationLevel::kRepeatableRead;
      return fields.Invalid("isolation_level",
                            "must not be REPEATABLE_READ unless the "
                            "transaction is read-write");
    default:
      return fields.Invalid(
          "isolation_level",
          absl::StrCat("must be SERIALIZABLE or REPEATABLE_READ, but is ",
                       from.isolation_level()));
  }
}

absl::StatusOr<ReadLockMode> ReadLockModeOf(
    const FieldErrors& fields, IsolationLevel isolation_level,
    const api::TransactionOptions::ReadWrite& from) {
  switch (from.read_lock_mode()) {
    case api::TransactionOptions::ReadWrite::READ_LOCK_MODE_UNSPECIFIED:
      return isolation_level == IsolationLevel::kRepeatableRead
                 ? ReadLockMode::kOptimistic
                 : ReadLockMode::kPessimistic;
    case api::TransactionOptions::ReadWrite::PESSIMISTIC:
      return ReadLockMode::kPessimistic;
    case api::TransactionOptions::ReadWrite::OPTIMISTIC:
      return ReadLockMode::kOptimistic;
    default:
      return fields.Invalid(
          "read_write.read_lock_mode",
          absl::StrCat("must be PESSIMISTIC or OPTIMISTIC, but is ",
                       from.read_lock_mode()));
  }
}

}  // namespace

absl::StatusOr<TransactionOptions> ReadTransactionOptions(
    absl::string_view method, absl::string_view field,
    const api::TransactionOptions& from) {
  const FieldErrors fields(method, field);
  TransactionOptions options;
  absl::StatusOr<IsolationLevel> isolation_level =
      ReadIsolationLevel(fields, from);
  if (!isolation_level.ok()) return isolation_level.status();
  options.isolation_level = *isolation_level;
  switch (from.mode_case()) {
    case api::TransactionOptions::kReadWrite: {
      options.kind = TransactionKind::kReadWrite;
      absl::StatusOr<ReadLockMode> mode =
          ReadLockModeOf(fields, *isolation_level, from.read_write());
      if (!mode.ok()) return mode.status();
      options.read_lock_mode = *mode;
      return options;
    }
    case api::TransactionOptions::kPartitionedDml:
      options.kind = TransactionKind::kPartitionedDml;
      return options;
    case api::TransactionOptions::kReadOnly: {
      options.kind = TransactionKind::kReadOnly;
      if (from.exclude_txn_from_change_streams()) {
        return fields.Invalid("exclude_txn_from_change_streams",
                              "must not be set for a read-only transaction");
      }
      absl::StatusOr<ReadBound> bound = ReadBoundOf(fields, from.read_only());
      if (!bound.ok()) return bound.status();
      options.bound = *bound;
      options.return_read_timestamp = from.read_only().return_read_timestamp();
      return options;
    }
    case api::TransactionOptions::MODE_NOT_SET:
      break;
  }
  return fields.Invalid(
      "must have one of read_write, read_only and partitioned_dml");
}

absl::StatusOr<TransactionSelector> ReadTransactionSelector(
    absl::string_view method, absl::string_view field,
    const api::TransactionSelector& from) {
  TransactionSelector selector;
  const auto options = [&](TransactionSelector::Kind kind,
                           absl::string_view of_field,
                           const api::TransactionOptions& options) {
    selector.kind = kind;
    absl::StatusOr<TransactionOptions> read = ReadTransactionOptions(
        method, absl::StrCat(field, ".", of_field), options);
    if (!read.ok()) return read.status();
    selector.options = *read;
    return absl::OkStatus();
  };
  absl::Status status;
  switch (from.selector_case()) {
    case api::TransactionSelector::kSingleUse:
      status = options(TransactionSelector::Kind::kSingleUse, "single_use",
                       from.single_use());
      break;
    case api::TransactionSelector::kBegin:
      status =
          options(TransactionSelector::Kind::kBegin, "begin", from.begin());
      break;
    case api::TransactionSelector::kId:
      // Node's client library gives the id that a single-use transaction's
      // metadata do not have when it resumes a stream.
      if (from.id().empty()) break;
      selector.kind = TransactionSelector::Kind::kId;
      selector.id = from.id();
      break;
    case api::TransactionSelector::SELECTOR_NOT_SET:
      break;  // Single use, as the reference says.
  }
  if (!status.ok()) return status;
  return selector;
}

bool SetTransaction(const TransactionGrant& grant,
                    api::Transaction& transaction) {
  if (grant.begun) transaction.set_id(grant.id);
  if (grant.read_timestamp.has_value()) {
    SetTimestamp(*grant.read_timestamp, *transaction.mutable_read_timestamp());
  }
  return grant.begun || grant.read_timestamp.has_value();
}

void SetPrecommitToken(const PrecommitToken& token,
                       api::MultiplexedSessionPrecommitToken& out) {
  out.set_precommit_token(token.token);
  out.set_seq_num(token.seq_num);
}

PrecommitToken ReadPrecommitToken(
    const api::MultiplexedSessionPrecommitToken& token) {
  return {.token = token.precommit_token(), .seq_num = token.seq_num()};
}

absl::Status TransactionStatus(TransactionProblem problem, absl::string_view id,
                               int64_t seqno) {
  switch (problem) {
    case TransactionProblem::kNone:
      return absl::OkStatus();
    case TransactionProblem::kUnknown:
      return errors::TransactionNotFound(id);
    case TransactionProblem::kOtherSession:
      return errors::TransactionOfOtherSession();
    case TransactionProblem::kForgotten:
      return errors::TransactionForgotten();
    case TransactionProblem::kReplaced:
      return errors::TransactionReplaced();
    case TransactionProblem::kAborted:
      return errors::TransactionAborted();
    case TransactionProblem::kUseAfterEnd:
      return errors::UseAfterCommitOrRollback();
    case TransactionProblem::kCommitAfterRollback:
      return errors::CommitAfterRollback();
    case TransactionProblem::kRollbackAfterCommit:
      return errors::RollbackAfterCommit();
    case TransactionProblem::kAfterLastStatement:
      return errors::UseAfterLastStatement();
    case TransactionProblem::kSecondStatement:
      return errors::SecondPartitionedDml();
    case TransactionProblem::kNoCommitNorRollback:
      return errors::NoCommitNorRollback();
    case TransactionProblem::kDmlInReadOnly:
      return errors::DmlInReadOnlyTransaction();
    case TransactionProblem::kOnlyDml:
      return errors::NotDmlInPartitionedDml();
    case TransactionProblem::kOnlyReadWrite:
      return errors::BatchDmlNotInReadWrite();
    case TransactionProblem::kOnlyReadOnly:
      return errors::PartitionNotReadOnly();
    case TransactionProblem::kSingleUseNotReadOnly:
      return errors::SingleUseNotReadOnly();
    case TransactionProblem::kSingleUseDml:
      return errors::DmlInSingleUse();
    case TransactionProblem::kSingleUsePartition:
      return errors::PartitionInSingleUse();
    case TransactionProblem::kMaxStalenessNotSingleUse:
      return errors::BoundNotSingleUse("max_staleness");
    case TransactionProblem::kMinTimestampNotSingleUse:
      return errors::BoundNotSingleUse("min_read_timestamp");
    case TransactionProblem::kSeqnoReused:
      return errors::SeqnoReused(seqno);
    case TransactionProblem::kSeqnoOutOfOrder:
      return errors::SeqnoOutOfOrder(seqno);
    case TransactionProblem::kSeqnoPending:
      return errors::SeqnoPending(seqno);
    case TransactionProblem::kForeignPrecommitToken:
      return errors::PrecommitTokenOfOtherTransaction();
  }
  return errors::RequestFailed();
}

// Maps in their order, so that equal messages give equal bytes.
uint64_t FingerprintOf(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return absl::HashOf(bytes);
}

uint64_t BatchFingerprint(const api::ExecuteBatchDmlRequest& request) {
  // Unlike that of any single statement, also if it has one.
  uint64_t fingerprint = absl::HashOf(request.statements_size());
  for (const auto& statement : request.statements()) {
    fingerprint = absl::HashOf(fingerprint, StatementFingerprint(statement));
  }
  return fingerprint;
}

}  // namespace spanner_session_emulator
