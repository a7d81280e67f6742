// Queries, reads and DML: all that they answer is scripted (server/mock).
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_STATEMENTS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_STATEMENTS_H_

#include "server/call/method.h"
#include "server/services/execution.h"

namespace spanner_session_emulator {

// Gives ExecuteSql, ExecuteStreamingSql, ExecuteBatchDml, Read and
// StreamingRead their handlers. What `execution` points to must outlive the
// table.
void AddStatementMethods(const Execution& execution, MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_STATEMENTS_H_
