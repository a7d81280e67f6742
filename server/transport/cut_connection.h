// Cuts a client's connection, of which gRPC shows no more than the peer's name.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_CUT_CONNECTION_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_CUT_CONNECTION_H_

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// Ends, both ways and without a word, the TCP connection of this process whose
// other end is `peer`, as gRPC writes it: `ipv4:127.0.0.1:4711`,
// `ipv6:%5B::1%5D:4711`. What was sent before still arrives. Returns whether
// there was one; calls that did not come by TCP have none. Cost grows with the
// number of open files. Thread-safe.
bool CutConnection(absl::string_view peer);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_CUT_CONNECTION_H_
