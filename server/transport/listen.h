// Which addresses to listen on, found out before anything is started.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_LISTEN_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_LISTEN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/transport/file_descriptor.h"

namespace spanner_session_emulator {

struct ListenAddresses {
  int port = 0;
  // One for each address of the host name, as `127.0.0.1:9010`, `[::1]:9010`.
  std::vector<std::string> addresses;
};

// Resolves `hostname` and tries the port on every address of it, without
// sharing it with any other socket. Port 0 finds a port that is free on all.
// `::1` is left out where the machine has no IPv6, as nobody can come by it.
// Errors: INVALID_ARGUMENT for a host name that does not resolve or a port
// outside 0…65535, UNAVAILABLE with the address and the reason where a port
// cannot be bound. Thread-safe; blocks for the look-up.
absl::StatusOr<ListenAddresses> FindListenAddresses(const std::string& hostname,
                                                    int port);

struct ListenSockets {
  int port = 0;
  std::vector<std::string> addresses;
  std::vector<FileDescriptor> sockets;  // One for each address, non-blocking.
};

// The same, with sockets that listen on these addresses.
absl::StatusOr<ListenSockets> Listen(const std::string& hostname, int port);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_LISTEN_H_
