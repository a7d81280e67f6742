// Queries, reads and DML: all that they answer is scripted (server/mock).
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_STATEMENTS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_STATEMENTS_H_

#include "server/call/method.h"
#include "server/mock/stub_registry.h"
#include "server/services/resources.h"

namespace spanner_session_emulator {

// Gives ExecuteSql, ExecuteStreamingSql, ExecuteBatchDml, Read and
// StreamingRead their handlers. `stubs` must outlive the table.
void AddStatementMethods(const Resources& resources, StubRegistry* stubs,
                         MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_STATEMENTS_H_
