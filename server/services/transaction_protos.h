// Transactions, from and to the API's messages. Stateless, thread-safe.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTION_PROTOS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTION_PROTOS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/spanner/v1/spanner.pb.h"
#include "google/spanner/v1/transaction.pb.h"
#include "store/transactions.h"

namespace spanner_session_emulator {

// What a request says of its transaction. `method` and `field` are for the
// error, INVALID_ARGUMENT for what the API's reference does not allow.
absl::StatusOr<TransactionOptions> ReadTransactionOptions(
    absl::string_view method, absl::string_view field,
    const google::spanner::v1::TransactionOptions& options);
absl::StatusOr<TransactionSelector> ReadTransactionSelector(
    absl::string_view method, absl::string_view field,
    const google::spanner::v1::TransactionSelector& selector);

// What an answer says of the transaction that its call has begun, or used only
// once; without the precommit token, which has another place in most answers.
// Returns whether there is anything to say.
bool SetTransaction(const TransactionGrant& grant,
                    google::spanner::v1::Transaction& transaction);
void SetPrecommitToken(
    const PrecommitToken& token,
    google::spanner::v1::MultiplexedSessionPrecommitToken& out);
PrecommitToken ReadPrecommitToken(
    const google::spanner::v1::MultiplexedSessionPrecommitToken& token);

// The error for a problem; OK for none. `id` is the one that the call has given
// and `seqno` that of its DML.
absl::Status TransactionStatus(TransactionProblem problem, absl::string_view id,
                               int64_t seqno = 0);

// The same for requests that ask for the same, whatever else they say: for
// replays of DML, and for partitions.
template <typename Statement>  // Or a request with such fields.
uint64_t StatementFingerprint(const Statement& statement);
template <typename Request>
uint64_t ReadFingerprint(const Request& request);
// Of all its statements.
uint64_t BatchFingerprint(
    const google::spanner::v1::ExecuteBatchDmlRequest& request);

// Details.

uint64_t FingerprintOf(const google::protobuf::MessageLite& message);

template <typename Statement>
uint64_t StatementFingerprint(const Statement& statement) {
  google::spanner::v1::PartitionQueryRequest same;
  same.set_sql(statement.sql());
  *same.mutable_params() = statement.params();
  *same.mutable_param_types() = statement.param_types();
  return FingerprintOf(same);
}

template <typename Request>
uint64_t ReadFingerprint(const Request& request) {
  google::spanner::v1::PartitionReadRequest same;
  same.set_table(request.table());
  same.set_index(request.index());
  *same.mutable_columns() = request.columns();
  *same.mutable_key_set() = request.key_set();
  return FingerprintOf(same);
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTION_PROTOS_H_
