// The session RPCs of google.spanner.v1.Spanner.
// https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SESSIONS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SESSIONS_H_

#include <cstdint>

#include "server/call/method.h"
#include "server/services/resources.h"

namespace spanner_session_emulator {

struct SessionServiceOptions {
  // Whether GetSession keeps its session alive, as any other RPC does.
  bool get_session_counts_as_use = true;
};

// Gives the five methods their handlers. What `resources` points to must
// outlive the table.
void AddSessionMethods(const Resources& resources,
                       const SessionServiceOptions& options,
                       MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SESSIONS_H_
