// The probe for images that have no shell and no other client.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_HEALTHCHECK_H_
#define SPANNER_SESSION_EMULATOR_SERVER_HEALTHCHECK_H_

#include <string>

#include "absl/status/status.h"

namespace spanner_session_emulator {

// How to reach a server that has TLS: paths as the flags give them, or empty.
// If all are, there is no TLS.
struct HealthcheckTls {
  std::string ca;    // --tls_ca: whom to trust.
  std::string cert;  // --tls_cert, --tls_key: what to show, if anything.
  std::string key;
  std::string self_signed;  // --tls_self_signed: has all of these.
};

// Asks the server on that host and port for the health of the whole, by
// grpc.health.v1. OK if it is serving; otherwise the message says what it
// answered, or why it did not. Waits 5 s at the most. A host that stands for
// all addresses (`0.0.0.0`, `::`) is asked at localhost.
absl::Status CheckHealth(const std::string& hostname, int port,
                         const HealthcheckTls& tls = {});

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_HEALTHCHECK_H_
