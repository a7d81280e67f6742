// The RPCs of google.spanner.v1.Spanner that are about transactions: they begin
// and end them, or write without reading. They need no stub; only BatchWrite
// may have one.
// https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTIONS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTIONS_H_

#include "server/call/method.h"
#include "server/mock/stub_registry.h"
#include "server/services/resources.h"

namespace spanner_session_emulator {

// Gives BeginTransaction, Commit, Rollback and BatchWrite their handlers. What
// `resources` points to, and `stubs`, must outlive the table.
void AddTransactionMethods(const Resources& resources, StubRegistry* stubs,
                           MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_TRANSACTIONS_H_
