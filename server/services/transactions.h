// The RPCs of google.spanner.v1.Spanner that are about transactions: they begin
// and end them, or write without reading. They need no stub.
// https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTIONS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTIONS_H_

#include "server/call/method.h"
#include "server/services/partition_token.h"
#include "server/services/resources.h"

namespace spanner_session_emulator {

// Gives BeginTransaction, Commit, Rollback, BatchWrite, PartitionQuery and
// PartitionRead their handlers. What `resources` and `partition_tokens` point
// to must outlive the table.
void AddTransactionMethods(const Resources& resources,
                           const PartitionTokens* partition_tokens,
                           MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTIONS_H_
