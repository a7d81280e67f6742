#include "server/transport/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"

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

// A socket that is closed at the end of its scope.
class Socket {
 public:
  explicit Socket(int family)
      : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

  // Binds as a server would; returns errno, or 0. The port that was bound is
  // put into `address`. Does not listen: a client that is waiting for the
  // server would be accepted, and lost again.
  int Bind(Address& address) {
    if (fd_ < 0) return errno;
    const int on = 1;
    // As servers do it: a port is free while old connections to it time out.
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address.storage.ss_family == AF_INET6) {
      const int only = address.IsIpv6Wildcard() ? 0 : 1;
      setsockopt(fd_, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    }
    if (bind(fd_, address.get(), address.size) != 0) return errno;
    socklen_t size = address.size;
    return getsockname(fd_, address.get(), &size) == 0 ? 0 : errno;
  }

 private:
  int fd_;
};

// Tries `port` on all addresses; with port 0, the first address chooses.
absl::StatusOr<ListenAddresses> TryPort(std::vector<Address> addresses,
                                        int port) {
  ListenAddresses result;
  result.port = port;
  std::vector<Socket> open;  // Until the end, so that all are free at once.
  std::string missing;
  for (Address& address : addresses) {
    address.port() = htons(static_cast<uint16_t>(result.port));
    Socket socket(address.storage.ss_family);
    const int error = socket.Bind(address);
    if (address.IsIpv6Loopback() &&
        (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)) {
      missing = std::strerror(error);
      continue;
    }
    if (error != 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ",
                                                 address.ToString(result.port),
                                                 ": ", std::strerror(error)));
    }
    result.port = ntohs(address.port());
    result.addresses.push_back(address.ToString(result.port));
    open.push_back(std::move(socket));
  }
  if (result.addresses.empty()) {
    return absl::UnavailableError(absl::StrCat(
        "no address of the host name is one of this machine's: ", missing));
  }
  return result;
}

}  // namespace

absl::StatusOr<ListenAddresses> FindListenAddresses(const std::string& hostname,
                                                    int port) {
  if (port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("port ", port, " is not between 0 and 65535"));
  }
  const absl::StatusOr<std::vector<Address>> addresses = Resolve(hostname);
  if (!addresses.ok()) return addresses.status();
  // A port that is free on one address may be taken on another.
  constexpr int kTries = 20;
  absl::StatusOr<ListenAddresses> result;
  for (int i = 0; i < (port == 0 ? kTries : 1); ++i) {
    result = TryPort(*addresses, port);
    if (result.ok()) break;
  }
  return result;
}

}  // namespace spanner_session_emulator
