// What statements, reads and their partitions have in common: they run in a
// transaction of their session, and stubs say what they answer.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_EXECUTION_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_EXECUTION_H_

#include <any>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/call.h"
#include "server/mock/result_source.h"
#include "server/mock/stub_call.h"
#include "server/mock/stub_registry.h"
#include "server/services/partition_token.h"
#include "server/services/resources.h"
#include "store/transactions.h"

namespace spanner_session_emulator {

// What the handlers of these RPCs work with. Thread-safe.
struct Execution {
  Resources resources;
  const PartitionTokens* partition_tokens;
  StubRegistry* stubs;

  // Has the call run in its transaction, which its validator has prepared as a
  // TransactionCall.
  absl::StatusOr<TransactionGrant> Use(Call& call) const;

  // To be called with what has become of it, before any message is sent. Of
  // DML without an error, `answer` is kept for replays. A transaction that was
  // begun for a call that failed is gone, and failed DML may come again; where
  // the call was ABORTED, so is its transaction.
  void Finish(const Call& call, const TransactionGrant& grant,
              const absl::Status& status, std::any answer) const;

  // Ends a call that has told of its transaction, which uses its session. After
  // ABORTED, so is the transaction; after another error it may come again.
  void End(const SessionName& session, const TransactionGrant& grant,
           const TransactionCall& transaction,
           const absl::Status& status) const;
};

// For validators: set call.prepared. INVALID_ARGUMENT for a selector that
// cannot be, or a statement or a read that lacks what it needs.
absl::Status PrepareStatement(
    Call& call, TransactionUse use, absl::string_view sql,
    const google::spanner::v1::TransactionSelector& selector);
absl::Status PrepareRead(
    Call& call, TransactionUse use, absl::string_view table,
    const google::protobuf::RepeatedPtrField<std::string>& columns,
    const google::spanner::v1::TransactionSelector& selector);
absl::Status PrepareTransaction(
    Call& call, TransactionUse use,
    const google::spanner::v1::TransactionSelector& selector);
const TransactionCall& PreparedTransaction(const Call& call);
TransactionCall& PreparedTransaction(Call& call);

// For the record of the call: that the stub has answered it; and that none has,
// whose error is the answer.
void NoteStub(Call& call, const Stub& stub);
absl::Status NotScripted(Call& call, const StubRegistry& stubs,
                         const StubCall& stub_call);

v1::Stub::Match::TransactionKind StubKindOf(TransactionKind kind);

// The call as stubs see it, without tags. `request` must outlive it.
template <typename Request>  // Or a statement of a batch.
StubCall StatementStubCall(const Call& call, const Request& request,
                           TransactionKind kind) {
  StubCall stub_call = StubCall::Statement(call.session().database_full(),
                                           request.sql(), request.params());
  stub_call.transaction_kind = StubKindOf(kind);
  return stub_call;
}

template <typename Request>
StubCall ReadStubCall(const Call& call, const Request& request,
                      TransactionKind kind) {
  StubCall stub_call =
      StubCall::Read(call.session().database_full(), request.table(),
                     request.index(), request.columns(), request.key_set());
  stub_call.transaction_kind = StubKindOf(kind);
  return stub_call;
}

// For the requests that have tags.
inline void SetTags(const google::spanner::v1::RequestOptions& options,
                    StubCall& call) {
  call.request_tag = options.request_tag();
  call.transaction_tag = options.transaction_tag();
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_EXECUTION_H_
