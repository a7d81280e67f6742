// What methods answer that have no handler of their own.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNIMPLEMENTED_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNIMPLEMENTED_H_

#include "server/call/method.h"
#include "server/services/resources.h"

namespace spanner_session_emulator {

// UNIMPLEMENTED with the method's name, after what any RPC checks: that its
// database exists and its session lives, which is a use of it.
Handler Unimplemented(const Resources& resources);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNIMPLEMENTED_H_
