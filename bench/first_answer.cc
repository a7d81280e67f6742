// Usage: first_answer grpc|rest PORT COMMAND [ARGUMENT...]
//
// Starts COMMAND, a server on 127.0.0.1:PORT, and prints as JSON how many
// microseconds it took from the start to the first answer of a GetSession call,
// and how much memory the server had in use a moment later; then stops it.
//
// It speaks HTTP by hand, with one write prepared beforehand, because the start
// of a gRPC client would take as long as the start of the server.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(10);

enum FrameType : unsigned char {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kGoAway = 7,
};

constexpr unsigned char kEndStream = 0x1;
constexpr unsigned char kEndHeaders = 0x4;

// Every length here fits one byte: in frames, in HPACK and in protobuf.
char Length(std::string_view text) { return static_cast<char>(text.size()); }

std::string Frame(FrameType type, unsigned char flags, unsigned char stream,
                  std::string_view payload) {
  const char header[9] = {0,
                          0,
                          Length(payload),
                          static_cast<char>(type),
                          static_cast<char>(flags),
                          0,
                          0,
                          0,
                          static_cast<char>(stream)};
  return std::string(header, sizeof(header)).append(payload);
}

std::string WithLength(std::string_view text) {
  return std::string(1, Length(text)).append(text);
}

constexpr char kNoSession[] =
    "projects/p/instances/i/databases/d/sessions/none";

// A whole connection up to the end of one call.
std::string GrpcCall() {
  // Numbers of the static table of RFC 7541; values not to be indexed.
  std::string headers = "\x83\x86";  // :method POST, :scheme http
  headers += "\x04" + WithLength("/google.spanner.v1.Spanner/GetSession");
  headers += "\x01" + WithLength("127.0.0.1");             // :authority
  headers += "\x0f\x10" + WithLength("application/grpc");  // content-type
  headers += '\0' + WithLength("te") + WithLength("trailers");
  const std::string request = "\x0a" + WithLength(kNoSession);
  // Not compressed, four bytes of length.
  const std::string message = std::string(4, '\0') + WithLength(request);
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, "") +
         Frame(kHeaders, kEndHeaders, 1, headers) +
         Frame(kData, kEndStream, 1, message);
}

std::string RestCall() {
  return std::string("GET /v1/") + kNoSession +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
}

// Connects, or returns -1.
int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  // From 127.0.0.2: on one address a connect to a free port could be given that
  // very port as its own and connect to itself.
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
  bool ok =
      bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<in_port_t>(port));
  ok = ok &&
       connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  if (ok) return fd;
  close(fd);
  return -1;
}

// Asks for nothing if there is nothing to read: even that would block.
bool ReadExactly(int fd, char* buffer, size_t size) {
  return size == 0 ||
         recv(fd, buffer, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

// Reads frames until the call's first response header.
bool AwaitGrpcAnswer(int fd, Clock::time_point deadline) {
  unsigned char header[9];
  std::string payload;
  while (Clock::now() < deadline &&
         ReadExactly(fd, reinterpret_cast<char*>(header), sizeof(header))) {
    const bool ours = header[8] == 1;
    if (header[3] == kHeaders && ours) return true;
    if (header[3] == kGoAway || (header[3] == kRstStream && ours)) return false;
    payload.resize(header[0] << 16 | header[1] << 8 | header[2]);
    if (!ReadExactly(fd, payload.data(), payload.size())) return false;
  }
  return false;
}

bool AwaitRestAnswer(int fd) {
  constexpr std::string_view kStart = "HTTP/1.1 ";
  char start[kStart.size()];
  return ReadExactly(fd, start, sizeof(start)) &&
         std::string_view(start, sizeof(start)) == kStart;
}

// Leaves the child to be reaped, so that its id stays its own.
bool HasExited(pid_t child) {
  siginfo_t info = {};
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid != 0;
}

std::optional<Clock::time_point> FirstAnswer(int port, pid_t child, bool rest,
                                             Clock::time_point deadline) {
  const std::string call = rest ? RestCall() : GrpcCall();
  int fd = -1;
  while ((fd = Connect(port)) < 0) {
    if (Clock::now() > deadline || HasExited(child)) {
      fprintf(stderr, "the server does not listen\n");
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  const timeval patience = {.tv_sec = kPatience.count(), .tv_usec = 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const bool answered =
      send(fd, call.data(), call.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(call.size()) &&
      (rest ? AwaitRestAnswer(fd) : AwaitGrpcAnswer(fd, deadline));
  const Clock::time_point now = Clock::now();
  close(fd);
  if (answered) return now;
  fprintf(stderr, "the server does not answer\n");
  return std::nullopt;
}

// In KiB; 0 if the system does not say.
int64_t ResidentKib(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/statm";
  FILE* file = fopen(path.c_str(), "r");
  if (file == nullptr) return 0;
  int64_t pages = 0;
  if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  fclose(file);
  return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

// Whether it went when it was asked to. Its own children are told as well.
bool Stop(pid_t child) {
  kill(-child, SIGTERM);
  const Clock::time_point deadline = Clock::now() + kPatience;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (Clock::now() > deadline) {
      kill(-child, SIGKILL);
      waitpid(child, nullptr, 0);
      fprintf(stderr, "the server had to be killed\n");
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Whoever ends this program ends the server, which is in a group of its own.
volatile pid_t server_to_end = 0;
void EndServer(int) {
  if (server_to_end > 0) kill(-server_to_end, SIGKILL);
  _exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view protocol = argc < 4 ? "" : argv[1];
  if (protocol != "grpc" && protocol != "rest") {
    fprintf(stderr, "usage: %s grpc|rest PORT COMMAND [ARGUMENT...]\n",
            argv[0]);
    return 2;
  }
  const int port = atoi(argv[2]);

  // Nothing but the figures goes to standard output.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);

  for (const int number : {SIGINT, SIGTERM, SIGHUP}) signal(number, EndServer);
  const Clock::time_point start = Clock::now();
  pid_t child = 0;
  const int error =
      posix_spawn(&child, argv[3], &actions, &attributes, argv + 3, environ);
  if (error != 0) {
    fprintf(stderr, "%s: %s\n", argv[3], strerror(error));
    return 1;
  }
  server_to_end = child;
  const std::optional<Clock::time_point> answer =
      FirstAnswer(port, child, protocol == "rest", start + kPatience);
  // What it still does in the background, it is to have done.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const int64_t kib = ResidentKib(child);
  if (!Stop(child) || !answer.has_value()) return 1;
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(*answer - start);
  printf("{\"first_answer_us\": %lld, \"resident_kib\": %ld}\n",
         static_cast<long long>(micros.count()), kib);
  return 0;
}
