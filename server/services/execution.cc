#include "server/services/execution.h"

#include <utility>

#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/services/transaction_protos.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// Of a call that has failed in a transaction that its client knows.
void Fail(SessionTransactions& transactions, const TransactionGrant& grant,
          const TransactionCall& transaction, const absl::Status& status) {
  if (absl::IsAborted(status)) {
    transactions.Abort(grant.id);
  } else {
    transactions.TakeBack(grant.id, transaction);
  }
}

}  // namespace

const TransactionCall& PreparedTransaction(const Call& call) {
  return std::any_cast<const TransactionCall&>(call.prepared);
}

TransactionCall& PreparedTransaction(Call& call) {
  return std::any_cast<TransactionCall&>(call.prepared);
}

absl::StatusOr<TransactionGrant> Execution::Use(Call& call) const {
  const TransactionCall& transaction = PreparedTransaction(call);
  TransactionGrant grant;
  absl::Status status = resources.UseTransactions(
      call.session(),
      [&](SessionTransactions& transactions) {
        return transactions.Use(transaction, grant);
      },
      transaction.selector.id, transaction.seqno);
  if (!status.ok()) return status;
  return grant;
}

void Execution::Finish(const Call& call, const TransactionGrant& grant,
                       const absl::Status& status, std::any answer) const {
  if (grant.id.empty()) return;
  const TransactionCall& transaction = PreparedTransaction(call);
  if (status.ok() && (!IsDml(transaction.use) || grant.replay.has_value())) {
    return;
  }
  resources.store->UseTransactions(
      call.session(), [&](SessionTransactions& transactions) {
        if (status.ok()) {
          transactions.Answered(grant.id, transaction.seqno, std::move(answer));
        } else if (grant.begun) {
          transactions.Discard(grant.id);
        } else {
          Fail(transactions, grant, transaction, status);
        }
      });
}

void Execution::End(const SessionName& session, const TransactionGrant& grant,
                    const TransactionCall& transaction,
                    const absl::Status& status) const {
  // Whether it lives does not matter any more.
  if (status.ok() || grant.id.empty()) {
    resources.store->Use(session);
    return;
  }
  resources.store->UseTransactions(
      session, [&](SessionTransactions& transactions) {
        Fail(transactions, grant, transaction, status);
      });
}

absl::Status PrepareTransaction(Call& call, TransactionUse use,
                                const api::TransactionSelector& selector) {
  auto read =
      ReadTransactionSelector(call.method().name, "transaction", selector);
  if (!read.ok()) return read.status();
  call.prepared = TransactionCall{.use = use, .selector = *std::move(read)};
  return absl::OkStatus();
}

absl::Status PrepareStatement(Call& call, TransactionUse use,
                              absl::string_view sql,
                              const api::TransactionSelector& selector) {
  if (sql.empty()) {
    return errors::InvalidField(call.method().name, "sql", "must not be empty");
  }
  return PrepareTransaction(call, use, selector);
}

absl::Status PrepareRead(
    Call& call, TransactionUse use, absl::string_view table,
    const google::protobuf::RepeatedPtrField<std::string>& columns,
    const api::TransactionSelector& selector) {
  if (table.empty()) {
    return errors::InvalidField(call.method().name, "table",
                                "must not be empty");
  }
  if (columns.empty()) {
    return errors::InvalidField(call.method().name, "columns",
                                "must name at least one column");
  }
  return PrepareTransaction(call, use, selector);
}

void NoteStub(Call& call, const Stub& stub) {
  // Those that are built in have no name.
  if (!stub.name().empty()) call.notes.stubs.push_back(stub.name());
}

absl::Status NotScripted(Call& call, const StubRegistry& stubs,
                         const StubCall& stub_call) {
  call.notes.near_miss = stubs.NearMiss(stub_call);
  return StubRegistry::NotScripted(stub_call, call.notes.near_miss);
}

v1::Stub::Match::TransactionKind StubKindOf(TransactionKind kind) {
  switch (kind) {
    case TransactionKind::kReadOnly:
      return v1::Stub::Match::READ_ONLY;
    case TransactionKind::kReadWrite:
      return v1::Stub::Match::READ_WRITE;
    case TransactionKind::kPartitionedDml:
      return v1::Stub::Match::PARTITIONED_DML;
  }
  return v1::Stub::Match::TRANSACTION_KIND_UNSPECIFIED;
}

}  // namespace spanner_session_emulator
