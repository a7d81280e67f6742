// The other end of a connection, as text.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_PEER_NAME_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_PEER_NAME_H_

#include <sys/socket.h>

#include <string>

namespace spanner_session_emulator {

// Like gRPC's peers, but with the brackets of IPv6 as they are:
// `ipv4:127.0.0.1:4711`, `ipv6:[::1]:4711`. Empty for what is neither.
std::string PeerName(const sockaddr_storage& address);

// That of a socket; empty for what is none, or not connected.
std::string PeerName(int fd);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_PEER_NAME_H_
