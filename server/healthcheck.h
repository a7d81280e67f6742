// The probe for images that have no shell and no other client.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_HEALTHCHECK_H_
#define SPANNER_SESSION_EMULATOR_SERVER_HEALTHCHECK_H_

#include <string>

#include "absl/status/status.h"

namespace spanner_session_emulator {

// Asks the server on that host and port for the health of the whole, by
// grpc.health.v1. OK if it is serving; otherwise the message says what it
// answered, or why it did not. Waits 5 s at the most. A host that stands for
// all addresses (`0.0.0.0`, `::`) is asked at localhost.
absl::Status CheckHealth(const std::string& hostname, int port);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_HEALTHCHECK_H_
