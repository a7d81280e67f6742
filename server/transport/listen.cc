#include "server/transport/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {
namespace {

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  in_port_t& port() {
    return storage.ss_family == AF_INET6
               ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
               : reinterpret_cast<sockaddr_in*>(&storage)->sin_port;
  }
  bool IsIpv6Loopback() const {
    return storage.ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(
               &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr);
  }
  // Whether it stands for all IPv6 addresses, with which gRPC takes all IPv4
  // ones.
  bool IsIpv6Wildcard() const {
    return storage.ss_family == AF_INET6 &&
           IN6_IS_ADDR_UNSPECIFIED(
               &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr);
  }
  std::string ToString(int with_port) const {
    char host[NI_MAXHOST];
    if (getnameinfo(get(), size, host, sizeof(host), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      return "?";
    }
    return storage.ss_family == AF_INET6
               ? absl::StrCat("[", host, "]:", with_port)
               : absl::StrCat(host, ":", with_port);
  }
};

absl::StatusOr<std::vector<Address>> Resolve(const std::string& hostname) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(hostname.c_str(), "0", &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("host name \"", hostname, "\": ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found,
                                                             freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    Address address;
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    address.size = info->ai_addrlen;
    // /etc/hosts may name an address twice.
    if (std::none_of(addresses.begin(), addresses.end(),
                     [&](const Address& other) {
                       return other.ToString(0) == address.ToString(0);
                     })) {
      addresses.push_back(address);
    }
  }
  return addresses;
}

// Binds as a server would; returns errno, or 0. The port that was bound is put
// into `address`. Does not listen: a client that is waiting for the server
// would be accepted, and lost if another address fails.
int Bind(const FileDescriptor& socket, Address& address) {
  if (socket.get() < 0) return errno;
  const int on = 1;
  // As servers do it: a port is free while old connections to it time out.
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (address.storage.ss_family == AF_INET6) {
    const int only = address.IsIpv6Wildcard() ? 0 : 1;
    setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
  }
  if (bind(socket.get(), address.get(), address.size) != 0) return errno;
  socklen_t size = address.size;
  return getsockname(socket.get(), address.get(), &size) == 0 ? 0 : errno;
}

absl::Status CannotListen(absl::string_view address, int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", std::strerror(error)));
}

// Binds `port` on all addresses; with port 0, the first address chooses.
absl::StatusOr<ListenSockets> BindAll(std::vector<Address> addresses,
                                      int port) {
  ListenSockets result;
  result.port = port;
  std::string missing;
  for (Address& address : addresses) {
    address.port() = htons(static_cast<uint16_t>(result.port));
    FileDescriptor fd(socket(address.storage.ss_family,
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int error = Bind(fd, address);
    if (address.IsIpv6Loopback() &&
        (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)) {
      missing = std::strerror(error);
      continue;
    }
    if (error != 0) return CannotListen(address.ToString(result.port), error);
    result.port = ntohs(address.port());
    result.addresses.push_back(address.ToString(result.port));
    result.sockets.push_back(std::move(fd));
  }
  if (result.addresses.empty()) {
    return absl::UnavailableError(absl::StrCat(
        "no address of the host name is one of this machine's: ", missing));
  }
  return result;
}

absl::StatusOr<ListenSockets> ListenAll(const std::vector<Address>& addresses,
                                        int port) {
  absl::StatusOr<ListenSockets> bound = BindAll(addresses, port);
  if (!bound.ok()) return bound;
  for (size_t i = 0; i < bound->sockets.size(); ++i) {
    // Fails if somebody else has bound the port as well, and was faster.
    if (listen(bound->sockets[i].get(), SOMAXCONN) != 0) {
      return CannotListen(bound->addresses[i], errno);
    }
  }
  return bound;
}

// Calls `open` with the addresses of the host name.
template <typename F>
absl::StatusOr<ListenSockets> Open(const std::string& hostname, int port,
                                   F open) {
  if (port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("port ", port, " is not between 0 and 65535"));
  }
  const absl::StatusOr<std::vector<Address>> addresses = Resolve(hostname);
  if (!addresses.ok()) return addresses.status();
  // A port that is free on one address may be taken on another.
  constexpr int kTries = 20;
  absl::StatusOr<ListenSockets> result;
  for (int i = 0; i < (port == 0 ? kTries : 1); ++i) {
    result = open(*addresses, port);
    if (result.ok()) break;
  }
  return result;
}

}  // namespace

absl::StatusOr<ListenAddresses> FindListenAddresses(const std::string& hostname,
                                                    int port) {
  absl::StatusOr<ListenSockets> bound = Open(hostname, port, BindAll);
  if (!bound.ok()) return bound.status();
  return ListenAddresses{.port = bound->port,
                         .addresses = std::move(bound->addresses)};
}

absl::StatusOr<ListenSockets> Listen(const std::string& hostname, int port) {
  return Open(hostname, port, ListenAll);
}

}  // namespace spanner_session_emulator
