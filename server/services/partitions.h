// Queries and reads in parts: PartitionQuery and PartitionRead, whose tokens
// later queries and reads show. Stubs say how many parts there are.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_PARTITIONS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_PARTITIONS_H_

#include "server/call/method.h"
#include "server/services/execution.h"

namespace spanner_session_emulator {

// Gives both their handlers. What `execution` points to must outlive the table.
void AddPartitionMethods(const Execution& execution, MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_PARTITIONS_H_
