// A port that is found free and then lost to another process. In a binary of
// its own, as it replaces bind().

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/server_testing.h"

namespace {

// So many times, somebody else is faster to take the port that is asked for.
std::atomic<int> lost_ports{0};

bool AsksForAPort(const sockaddr* address) {
  static_assert(offsetof(sockaddr_in, sin_port) ==
                offsetof(sockaddr_in6, sin6_port));
  return (address->sa_family == AF_INET || address->sa_family == AF_INET6) &&
         reinterpret_cast<const sockaddr_in*>(address)->sin_port != 0;
}

}  // namespace

extern "C" int bind(int fd, const sockaddr* address, socklen_t size) noexcept {
  if (AsksForAPort(address) && lost_ports > 0) {
    --lost_ports;
    errno = EADDRINUSE;
    return -1;
  }
  return static_cast<int>(syscall(SYS_bind, fd, address, size));
}

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;

// With one address and port 0, only gRPC asks for a port by its number.
const EmulatorOptions kOneAddress = {.hostname = "127.0.0.1"};

TEST(PortRaceTest, AnotherPortIsTriedIfAFreeOneIsLost) {
  for (const int times : {1, 2, 9}) {
    lost_ports = times;
    const auto emulator = Emulator::Start(kOneAddress);
    ASSERT_THAT(emulator, IsOk());
    EXPECT_EQ(lost_ports, 0);
    for (const auto& channel : {Connect(**emulator, Transport::kTcp),
                                (*emulator)->InProcessChannel()}) {
      SpannerClient client(channel);
      EXPECT_THAT(client.Get(client.Create().value().name()), IsOk());
      EXPECT_THAT(
          CallPath(channel, "/a.B/C", ""),
          StatusIs(absl::StatusCode::kUnimplemented, "Unknown method: /a.B/C"));
    }
  }
}

TEST(PortRaceTest, AStartThatAlwaysLosesItsPortIsUnavailable) {
  lost_ports = 1'000'000;
  EXPECT_THAT(Emulator::Start(kOneAddress),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("cannot listen on 127.0.0.1:")));
  lost_ports = 0;
}

TEST(PortRaceTest, APortThatWasAskedForIsNotExchanged) {
  const int port = StartEmulator(kOneAddress)->port();
  EmulatorOptions options = kOneAddress;
  options.grpc_port = port;
  lost_ports = 1;
  EXPECT_THAT(
      Emulator::Start(options),
      StatusIs(absl::StatusCode::kUnavailable,
               HasSubstr(absl::StrCat("cannot listen on 127.0.0.1:", port))));
  EXPECT_EQ(lost_ports, 0);
  EXPECT_THAT(Emulator::Start(options), IsOk());
}

}  // namespace
}  // namespace spanner_session_emulator
