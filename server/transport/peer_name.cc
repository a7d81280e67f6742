#include "server/transport/peer_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {

std::string PeerName(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN];
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &ipv4.sin_addr, host, sizeof(host));
    return absl::StrCat("ipv4:", host, ":", ntohs(ipv4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) {
      inet_ntop(AF_INET, &ipv6.sin6_addr.s6_addr[12], host, sizeof(host));
      return absl::StrCat("ipv4:", host, ":", ntohs(ipv6.sin6_port));
    }
    inet_ntop(AF_INET6, &ipv6.sin6_addr, host, sizeof(host));
    return absl::StrCat("ipv6:[", host, "]:", ntohs(ipv6.sin6_port));
  }
  return "";
}

std::string PeerName(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  return getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0
             ? PeerName(address)
             : "";
}

}  // namespace spanner_session_emulator
