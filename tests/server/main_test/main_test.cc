// The program as its users start it: flags, output, signals, exit codes.

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/journal.grpc.pb.h"
#include "tests/server/main_test/raw_call.h"
#include "tests/server/main_test/subprocess.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;
using ::google::spanner::v1::Spanner;
using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kReadyLine[] = "Cloud Spanner emulator running.";
constexpr char kDatabase[] = "projects/p/instances/i/databases/d";
// Less than the 5 s that open calls are given at shutdown.
constexpr absl::Duration kPrompt = absl::Seconds(4);

using Flags = std::vector<std::string>;

// Bazel starts tests in the folder that the data is below.
std::vector<std::string> Command(Flags flags) {
  // Tests run side by side; none may take the usual port.
  flags.insert(flags.begin(),
               {"server/spanner_session_emulator", "--http_port=0"});
  return flags;
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A file name that no other test uses; there is no such file.
std::string FreshPath() {
  static int count = 0;
  const std::string path = absl::StrCat(::testing::TempDir(), "/main_test.",
                                        getpid(), ".", ++count, ".json");
  std::remove(path.c_str());
  return path;
}

// A server that runs until the end of the scope.
class Server {
 public:
  explicit Server(Flags flags = {}, Subprocess::Options options = {})
      : port_file_(FreshPath()),
        process_(Command(WithPorts(std::move(flags), port_file_)),
                 std::move(options)) {
    ready_ = process_.WaitForErr(absl::StrCat(kReadyLine, "\n"));
    // Not before the ready line: by then it must be there.
    ports_ = ReadFile(port_file_);
    EXPECT_TRUE(ready_) << process_.err();
    std::smatch match;
    if (!std::regex_match(ports_, match,
                          std::regex(R"(\{"grpc_port": (\d+), )"
                                     R"("http_port": (\d+)\}\n)")) ||
        !absl::SimpleAtoi(match[1].str(), &port_) ||
        !absl::SimpleAtoi(match[2].str(), &http_port_)) {
      ADD_FAILURE() << "--port_file has: " << ports_;
    }
  }
  ~Server() { std::remove(port_file_.c_str()); }

  Subprocess& process() { return process_; }
  int port() const { return port_; }
  int http_port() const { return http_port_; }
  const std::string& port_file() const { return port_file_; }
  const std::string& ports() const { return ports_; }

  std::shared_ptr<grpc::Channel> Channel(
      const std::string& host = "localhost") const {
    return Connect(absl::StrCat(host, ":", port_));
  }

 private:
  static Flags WithPorts(Flags flags, const std::string& port_file) {
    flags.push_back("--grpc_port=0");
    flags.push_back(absl::StrCat("--port_file=", port_file));
    return flags;
  }

  const std::string port_file_;
  Subprocess process_;
  bool ready_;
  std::string ports_;
  int http_port_ = 0;
  int port_ = 0;
};

// Looks at this process's connections all the time. Most languages' clients do,
// but this one's blocking stubs only during calls.
class Poller {
 public:
  Poller()
      : thread_([this] {
          void* tag;
          bool ok;
          queue_.Next(&tag, &ok);
        }) {}
  ~Poller() {
    queue_.Shutdown();
    thread_.join();
  }

 private:
  grpc::CompletionQueue queue_;
  std::thread thread_;
};

std::unique_ptr<grpc::ClientContext> Context() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoSeconds(Subprocess::kBound));
  return context;
}

grpc::Status CreateSession(const std::shared_ptr<grpc::Channel>& channel,
                           const std::string& database, api::Session& session) {
  api::CreateSessionRequest request;
  request.set_database(database);
  return Spanner::NewStub(channel)->CreateSession(Context().get(), request,
                                                  &session);
}

grpc::Status GetSession(const std::shared_ptr<grpc::Channel>& channel,
                        const std::string& name) {
  api::GetSessionRequest request;
  request.set_name(name);
  api::Session session;
  return Spanner::NewStub(channel)->GetSession(Context().get(), request,
                                               &session);
}

// Creates a session and gets it.
void ExpectAnswers(const std::shared_ptr<grpc::Channel>& channel) {
  api::Session session;
  const grpc::Status created = CreateSession(channel, kDatabase, session);
  EXPECT_TRUE(created.ok()) << created.error_message();
  const grpc::Status got = GetSession(channel, session.name());
  EXPECT_TRUE(got.ok()) << got.error_message();
}

// A program that ran to its end, at once or within `bound`.
struct Ended {
  explicit Ended(Flags flags, absl::Duration bound = Subprocess::kBound,
                 Subprocess::Options options = {}) {
    Subprocess process(Command(std::move(flags)), std::move(options));
    code = process.Wait(bound);
    out = process.out();
    err = process.err();
  }

  std::optional<int> code;
  std::string out;
  std::string err;
};

// It said one thing, this, and failed.
void ExpectFailed(const Ended& ended, const std::string& line) {
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, absl::StrCat(line, "\n"));
}

// A listening socket on a port of its own, as any other program has it.
class OtherServer {
 public:
  // On 127.0.0.1 or ::1. port() is 0 if there is no such address.
  explicit OtherServer(int family) : fd_(socket(family, SOCK_STREAM, 0)) {
    sockaddr_in6 address6 = {};
    address6.sin6_family = AF_INET6;
    address6.sin6_addr = in6addr_loopback;
    sockaddr_in address4 = {};
    address4.sin_family = AF_INET;
    address4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool ipv6 = family == AF_INET6;
    auto* address = ipv6 ? reinterpret_cast<sockaddr*>(&address6)
                         : reinterpret_cast<sockaddr*>(&address4);
    socklen_t size = ipv6 ? sizeof(address6) : sizeof(address4);
    if (fd_ < 0 || bind(fd_, address, size) != 0) return;
    if (listen(fd_, 16) != 0 || getsockname(fd_, address, &size) != 0) return;
    port_ = ntohs(ipv6 ? address6.sin6_port : address4.sin_port);
  }
  ~OtherServer() {
    if (fd_ >= 0) close(fd_);
  }
  OtherServer(const OtherServer&) = delete;
  OtherServer& operator=(const OtherServer&) = delete;

  int port() const { return port_; }

 private:
  const int fd_;
  int port_ = 0;
};

bool HasIpv6() { return OtherServer(AF_INET6).port() != 0; }

// Whether one of the addresses of localhost is of that family.
bool IsLocalhost(int family) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo("localhost", nullptr, &hints, &found) != 0) return false;
  freeaddrinfo(found);
  return true;
}

TEST(StartTest, AnswersWhenItSaysSo) {
  Server server;
  EXPECT_EQ(server.ports(),
            absl::StrCat("{\"grpc_port\": ", server.port(),
                         ", \"http_port\": ", server.http_port(), "}\n"));
  const std::vector<std::string> lines = Lines(server.process().err());
  ASSERT_THAT(lines, Not(IsEmpty()));
  EXPECT_EQ(lines.back(), kReadyLine);
  EXPECT_EQ(server.process().out(), "");
  ExpectAnswers(server.Channel());
}

TEST(StartTest, LeavesNothingBesideThePortFile) {
  Server server;
  EXPECT_EQ(ReadFile(server.port_file()), server.ports());
  server.process().Signal(SIGTERM);
  ASSERT_EQ(server.process().Wait(), 0);
  const std::string command = absl::StrCat("ls ", server.port_file(), "*");
  FILE* const list = popen(command.c_str(), "r");
  ASSERT_NE(list, nullptr);
  char text[4096];
  const size_t size = fread(text, 1, sizeof(text), list);
  pclose(list);
  EXPECT_EQ(std::string(text, size), absl::StrCat(server.port_file(), "\n"));
}

TEST(StartTest, ReplacesAnOldPortFile) {
  const std::string path = FreshPath();
  std::ofstream(path) << "something much longer than the ports of a server\n";
  Subprocess process(
      Command({"--grpc_port=0", absl::StrCat("--port_file=", path)}));
  ASSERT_TRUE(process.WaitForErr(kReadyLine)) << process.err();
  EXPECT_THAT(ReadFile(path),
              ::testing::MatchesRegex(
                  "\\{\"grpc_port\": [0-9]+, \"http_port\": [0-9]+\\}\n"));
  std::remove(path.c_str());
}

// Whoever waits for the file must not read the port of an earlier run.
TEST(StartTest, RemovesAnOldPortFileEvenIfItFails) {
  const std::string path = FreshPath();
  std::ofstream(path) << "{\"grpc_port\": 1}\n";
  const OtherServer other(AF_INET);
  Subprocess process(
      Command({absl::StrCat("--grpc_port=", other.port()),
               "--hostname=127.0.0.1", absl::StrCat("--port_file=", path)}));
  EXPECT_NE(process.Wait(), 0);
  EXPECT_FALSE(std::ifstream(path).good());
}

TEST(StartTest, TakesThePortItIsGiven) {
  int port;
  {
    const OtherServer free(AF_INET);
    port = free.port();
  }
  Subprocess process(Command({absl::StrCat("--grpc_port=", port)}));
  ASSERT_TRUE(process.WaitForErr(kReadyLine)) << process.err();
  ExpectAnswers(Connect(absl::StrCat("localhost:", port)));
}

TEST(StopTest, DrainsOnSignals) {
  for (const int signal : {SIGTERM, SIGINT}) {
    SCOPED_TRACE(strsignal(signal));
    const Poller poller;
    Server server;
    const auto channel = server.Channel();
    ExpectAnswers(channel);
    const auto context = Context();
    const auto watch =
        Health::NewStub(channel)->Watch(context.get(), HealthCheckRequest());
    HealthCheckResponse health;
    ASSERT_TRUE(watch->Read(&health));
    EXPECT_EQ(health.status(), HealthCheckResponse::SERVING);

    server.process().Signal(signal);
    EXPECT_EQ(server.process().Wait(kPrompt), 0);
    EXPECT_TRUE(watch->Read(&health));
    EXPECT_EQ(health.status(), HealthCheckResponse::NOT_SERVING);
    EXPECT_FALSE(watch->Read(&health));
    EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(Lines(server.process().err()).back(),
                HasSubstr("event=stop sessions_created=1 sessions_alive=1"));
  }
}

// A client may look at its connection only when it has a call.
TEST(StopTest, IdleClientsDoNotHoldItUp) {
  Server server;
  const auto channel = server.Channel();
  ExpectAnswers(channel);
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(kPrompt), 0);
}

TEST(StopTest, FreesItsPort) {
  Server first;
  ExpectAnswers(first.Channel());  // Leaves a connection that times out.
  first.process().Signal(SIGTERM);
  ASSERT_EQ(first.process().Wait(kPrompt), 0);
  Subprocess second(Command({absl::StrCat("--grpc_port=", first.port())}));
  EXPECT_TRUE(second.WaitForErr(kReadyLine)) << second.err();
}

TEST(StopTest, WaitsForAnInputThatDoesNotBlock) {
  Subprocess process(
      Command({"--grpc_port=0", "--exit_on_stdin_close"}),
      {.environment = {}, .nonblocking_stdin = true, .hang_up_after = ""});
  ASSERT_TRUE(process.WaitForErr(kReadyLine)) << process.err();
  // Far longer than it would take to stop, if it did.
  EXPECT_FALSE(process.Wait(absl::Milliseconds(300)).has_value());
  process.CloseStdin();
  EXPECT_EQ(process.Wait(), 0);
}

TEST(StopTest, StopsWithStandardInputOnlyIfAsked) {
  Server asked({"--exit_on_stdin_close"});
  asked.process().CloseStdin();
  EXPECT_EQ(asked.process().Wait(kPrompt), 0);

  Server other;
  other.process().CloseStdin();
  ExpectAnswers(other.Channel());
}

TEST(StopTest, OutlivesTheReaderOfItsOutput) {
  Subprocess::Options options;
  options.hang_up_after = kReadyLine;
  Server server({"--log_requests"}, options);
  ExpectAnswers(server.Channel());
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(kPrompt), 0);
}

TEST(PortInUseTest, ByAnotherProgram) {
  for (const int family : {AF_INET, AF_INET6}) {
    const OtherServer other(family);
    if (other.port() == 0) continue;  // No IPv6 here, so nobody can have it.
    const std::string flag = absl::StrCat("--grpc_port=", other.port());
    const std::string address =
        absl::StrCat(family == AF_INET ? "127.0.0.1" : "[::1]");
    SCOPED_TRACE(address);
    const std::string line =
        absl::StrCat("error: cannot listen on ", address, ":", other.port(),
                     ": Address already in use");
    ExpectFailed(
        Ended({flag, absl::StrCat("--hostname=",
                                  family == AF_INET ? "127.0.0.1" : "::1")}),
        line);
    // One of the addresses of localhost is enough.
    if (IsLocalhost(family)) {
      ExpectFailed(Ended({flag}), line);
    } else {
      Subprocess process(Command({flag}));
      EXPECT_TRUE(process.WaitForErr(kReadyLine)) << process.err();
    }
  }
}

TEST(PortInUseTest, ByAnotherInstance) {
  Server server;
  const Ended second({absl::StrCat("--grpc_port=", server.port())});
  EXPECT_EQ(second.code, 1);
  EXPECT_THAT(Lines(second.err), SizeIs(1));
  EXPECT_THAT(second.err, AllOf(StartsWith("error: cannot listen on "),
                                HasSubstr(absl::StrCat(":", server.port())),
                                HasSubstr("Address already in use")));
  ExpectAnswers(server.Channel());
}

TEST(PortInUseTest, BySeveralInstancesAtOnce) {
  int port;
  {
    const OtherServer free(AF_INET);
    port = free.port();
  }
  std::vector<std::unique_ptr<Subprocess>> processes;
  for (int i = 0; i < 4; ++i) {
    processes.push_back(std::make_unique<Subprocess>(
        Command({absl::StrCat("--grpc_port=", port)})));
  }
  int ready = 0;
  for (const auto& process : processes) {
    if (process->WaitForErr(absl::StrCat(kReadyLine, "\n"))) {
      ++ready;
    } else {
      EXPECT_EQ(process->Wait(), 1);
      EXPECT_THAT(process->err(), HasSubstr("error: cannot listen on "));
    }
  }
  EXPECT_EQ(ready, 1);
}

struct BadFlags {
  const char* name;
  Flags flags;
  const char* line;
};

void PrintTo(const BadFlags& bad, std::ostream* out) { *out << bad.name; }

class BadFlagsTest : public ::testing::TestWithParam<BadFlags> {};

TEST_P(BadFlagsTest, OneClearLine) {
  Flags flags = GetParam().flags;
  flags.push_back("--grpc_port=0");
  // The first value of a flag that is given twice does not count.
  std::rotate(flags.begin(), flags.end() - 1, flags.end());
  ExpectFailed(Ended(flags), GetParam().line);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadFlagsTest,
    ::testing::ValuesIn(std::vector<BadFlags>{
        {"UnknownFlag",
         {"--nope"},
         "error: there is no flag --nope: see --help"},
        {"MalformedInt",
         {"--grpc_port=abc"},
         "error: --grpc_port must be a whole number, but is \"abc\""},
        {"MalformedDuration",
         {"--session_idle_ttl=5"},
         "error: --session_idle_ttl must be a duration, as 1h30m, 2s, 500ms or "
         "inf, but is \"5\""},
        {"MalformedBool",
         {"--log_requests=maybe"},
         "error: --log_requests must be true or false, but is \"maybe\""},
        {"MissingValue",
         {"--hostname"},
         "error: --hostname has no value: write --hostname=value"},
        {"ZeroIdleTtl",
         {"--session_idle_ttl=0"},
         "error: session_idle_ttl must be greater than 0, but is 0"},
        {"NegativeIdleTtl",
         {"--session_idle_ttl=-1h30m"},
         "error: session_idle_ttl must be greater than 0, but is -1h30m"},
        {"ZeroMaxAge",
         {"--session_max_age=0s"},
         "error: session_max_age must be greater than 0, but is 0"},
        {"NegativeMultiplexedMaxAge",
         {"--multiplexed_session_max_age=-inf"},
         "error: multiplexed_session_max_age must be greater than 0, but is "
         "-inf"},
        {"ZeroMaxSessions",
         {"--max_sessions=0"},
         "error: max_sessions must be greater than 0, but is 0"},
        {"NegativeBatch",
         {"--max_sessions_per_batch=-1"},
         "error: max_sessions_per_batch must be greater than 0, but is -1"},
        {"NegativeJournal",
         {"--journal_bytes=4095"},
         "error: journal_bytes must be 0, for no journal, or at least 4096, "
         "but "
         "is 4095"},
        {"MalformedDatabase",
         {"--databases=projects/p/instances/i/databases/d,projects/p"},
         "error: databases must be "
         "projects/<project>/instances/<instance>/databases/<database>, but is "
         "\"projects/p\""},
        {"EmptyDatabase",
         {"--databases=projects/p/instances/i/databases/d,"},
         "error: databases must be "
         "projects/<project>/instances/<instance>/databases/<database>, but is "
         "empty"},
        {"UnexpectedArgument",
         {"serve"},
         "error: unexpected argument \"serve\": see --help"},
        {"PortTooHigh",
         {"--grpc_port=65536"},
         "error: grpc_port must be between 0 and 65535, but is 65536"},
        {"PortTooLow",
         {"--grpc_port=-1"},
         "error: grpc_port must be between 0 and 65535, but is -1"},
        {"HttpPortTooHigh",
         {"--http_port=65536"},
         "error: http_port must be between -1 and 65535, but is 65536"},
        {"HttpTimeout",
         {"--http_idle_timeout=0s"},
         "error: http_idle_timeout must be greater than 0, but is 0"},
        {"TlsCertAlone",
         {"--tls_cert=cert.pem"},
         "error: tls_key is missing: tls_cert needs it"},
        {"TlsKeyAlone",
         {"--tls_key=key.pem"},
         "error: tls_cert is missing: tls_key needs it"},
        {"TlsCertAndSelfSigned",
         {"--tls_cert=cert.pem", "--tls_key=key.pem", "--tls_self_signed=x"},
         "error: tls_cert must not be given with tls_self_signed, which makes "
         "one"},
        {"TlsClientCaAlone",
         {"--tls_client_ca=ca.pem"},
         "error: tls_client_ca needs TLS: give tls_cert and tls_key, or "
         "tls_self_signed"},
        {"TlsFileMissing",
         {"--tls_cert=/no/cert.pem", "--tls_key=/no/key.pem"},
         "error: tls_cert: cannot read /no/cert.pem: No such file or "
         "directory"},
        {"TlsFolderMissing",
         {"--tls_self_signed=/no/such/folder"},
         "error: tls_self_signed: cannot make the folder /no/such/folder: No "
         "such file or directory"},
        {"TlsCaToServe",
         {"--tls_ca=ca.pem"},
         "error: tls_ca is for --healthcheck only: did you mean "
         "tls_client_ca?"},
        {"UnknownLocation",
         {"--location=us-east9"},
         "error: location must be one of global, europe-west8, me-central2, "
         "us-central1, us-central2, us-east1, us-east4, us-east5, us-south1, "
         "us-west1, us-west2, us-west3, us-west4, us-west8, us-east7, but is "
         "\"us-east9\""},
        {"UnresolvableHost",
         // No name server is asked for such a name, so none has to be there.
         {"--hostname=no such host"},
         "error: host name \"no such host\": Name or service not known"},
    }),
    [](const auto& info) { return std::string(info.param.name); });

// The port is known only when the server runs, so there are log lines as well.
TEST(PortFileTest, CannotBeWritten) {
  const Ended ended({"--grpc_port=0", "--port_file=/no/such/folder/ports"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.out, "");
  std::vector<std::string> errors;
  for (const std::string& line : Lines(ended.err)) {
    if (!absl::StartsWith(line, "time=")) errors.push_back(line);
  }
  EXPECT_THAT(errors,
              ElementsAre("error: --port_file: cannot write "
                          "/no/such/folder/ports: No such file or directory"));
}

TEST(InformationTest, Version) {
  const Ended ended({"--version"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.out, ::testing::MatchesRegex(
                             "spanner_session_emulator [0-9]+(\\.[0-9]+)+\n"));
  EXPECT_EQ(ended.err, "");
}

// What --help lists, in its order.
std::vector<std::string> FlagsOfHelp() {
  const Ended ended({"--help"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  std::vector<std::string> flags;
  for (const std::string& line : Lines(ended.out)) {
    std::smatch match;
    if (std::regex_search(line, match, std::regex("^ +--(\\w+)( \\(|$)"))) {
      flags.push_back(match[1]);
    }
  }
  return flags;
}

TEST(InformationTest, HelpHasEveryFlagInOneGroup) {
  const std::vector<std::string> flags = FlagsOfHelp();
  EXPECT_THAT(flags, ::testing::SizeIs(::testing::Ge(28)));
  EXPECT_THAT(std::set<std::string>(flags.begin(), flags.end()),
              SizeIs(flags.size()));
  const std::string text = Ended({"--help"}).out;
  EXPECT_THAT(text, HasSubstr("\nListening\n"));
  EXPECT_THAT(text, Not(HasSubstr("\nOthers\n")));
  for (const std::string& line : Lines(text)) EXPECT_LE(line.size(), 100);
}

TEST(InformationTest, TheDocumentationHasTheSameFlags) {
  std::vector<std::string> documented;
  for (const std::string& line : Lines(ReadFile("docs/configuration.md"))) {
    if (!absl::StartsWith(line, "| `--")) continue;
    const std::string cell = line.substr(0, line.find('|', 1));
    static const std::regex name("--(\\w+)");
    for (std::sregex_iterator it(cell.begin(), cell.end(), name), end;
         it != end; ++it) {
      documented.push_back((*it)[1]);
    }
  }
  std::vector<std::string> flags = FlagsOfHelp();
  // Those that are the program's whatever its flags.
  for (const char* name : {"flagfile", "version", "help"}) {
    flags.push_back(name);
  }
  EXPECT_THAT(documented, ::testing::UnorderedElementsAreArray(flags));
}

// A bad environment must not keep anybody from looking up what is right.
TEST(InformationTest, NeedsNoEnvironment) {
  Subprocess::Options options;
  options.environment = {{"SPANNER_SESSION_EMULATOR_NOPE", "1"},
                         {"SPANNER_SESSION_EMULATOR_CONTROL_TOKEN", "SECRET"},
                         {"SPANNER_SESSION_EMULATOR_FLAGFILE", "/no/such"}};
  for (const char* flag : {"--help", "-h", "--version"}) {
    const Ended ended({flag}, Subprocess::kBound, options);
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.err, "");
    EXPECT_THAT(ended.out, Not(HasSubstr("SECRET")));
  }
}

Subprocess::Options Environment(
    std::map<std::string, std::string> environment) {
  Subprocess::Options options;
  for (auto& [name, value] : environment) {
    options.environment["SPANNER_SESSION_EMULATOR_" + name] = value;
  }
  return options;
}

TEST(EnvironmentTest, CommandLineBeatsFlagFileBeatsEnvironment) {
  const std::string path = FreshPath();
  std::ofstream(path) << "# Limits.\n--max_sessions=2\n--journal_bytes=0\n";
  const auto error = [&](Flags flags,
                         std::map<std::string, std::string> environment) {
    flags.push_back("--grpc_port=0");
    return Ended(flags, Subprocess::kBound, Environment(std::move(environment)))
        .err;
  };
  // Which one counts is seen by the value that is wrong.
  EXPECT_THAT(error({}, {{"MAX_SESSIONS", "-1"}}),
              HasSubstr("max_sessions must be greater than 0, but is -1"));
  const std::string wrong = FreshPath();
  std::ofstream(wrong) << "--max_sessions=-2\n";
  EXPECT_THAT(error({"--flagfile=" + wrong}, {{"MAX_SESSIONS", "-1"}}),
              HasSubstr("but is -2"));
  EXPECT_THAT(error({}, {{"MAX_SESSIONS", "-1"}, {"FLAGFILE", wrong}}),
              HasSubstr("but is -2"));
  EXPECT_THAT(error({"--max_sessions=-3", "--flagfile=" + wrong}, {}),
              HasSubstr("but is -3"));
  // One flag file on the command line is instead of that of the environment.
  Server server({"--flagfile=" + path},
                Environment({{"MAX_SESSIONS", "-1"}, {"FLAGFILE", wrong}}));
  ExpectAnswers(server.Channel());
  std::remove(path.c_str());
  std::remove(wrong.c_str());
}

TEST(EnvironmentTest, MistakesAreOneClearLine) {
  ExpectFailed(
      Ended({}, Subprocess::kBound, Environment({{"GRPC_PROT", "1"}})),
      "error: the environment variable SPANNER_SESSION_EMULATOR_GRPC_PROT "
      "belongs to no flag: did you mean SPANNER_SESSION_EMULATOR_GRPC_PORT?");
  ExpectFailed(
      Ended({}, Subprocess::kBound, Environment({{"GRPC_PORT", "x"}})),
      "error: the environment variable SPANNER_SESSION_EMULATOR_GRPC_PORT must "
      "be a whole number, but is \"x\"");
  ExpectFailed(Ended({"--flagfile=/no/such"}),
               "error: --flagfile: cannot read /no/such: No such file or "
               "directory");
}

TEST(EnvironmentTest, ControlToken) {
  Server server({}, Environment({{"CONTROL_TOKEN", "SECRET"}}));
  EXPECT_THAT(server.process().err(), HasSubstr(" control_token=true"));
  EXPECT_THAT(server.process().err(), Not(HasSubstr("SECRET")));
}

// As in a container, where both have the same environment.
TEST(EnvironmentTest, HealthcheckHasTheServersSettings) {
  const std::string folder = FreshPath();
  Server server(
      {}, Environment({{"HOSTNAME", "0.0.0.0"}, {"TLS_SELF_SIGNED", folder}}));
  const std::string port = absl::StrCat(server.port());
  EXPECT_EQ(Ended({"--healthcheck"}, Subprocess::kBound,
                  Environment({{"HOSTNAME", "0.0.0.0"},
                               {"TLS_SELF_SIGNED", folder},
                               {"GRPC_PORT", port}}))
                .code,
            0);
  const std::map<std::string, std::string> tls = {
      {"TLS_CERT", folder + "/cert.pem"},
      {"TLS_KEY", folder + "/key.pem"},
      {"TLS_CA", folder + "/ca.pem"}};
  Server other({}, Environment(tls));
  std::map<std::string, std::string> check = tls;
  check["GRPC_PORT"] = absl::StrCat(other.port());
  EXPECT_EQ(
      Ended({"--healthcheck"}, Subprocess::kBound, Environment(check)).code, 0);
}

TEST(HealthcheckTest, NeedsThePort) {
  ExpectFailed(Ended({"--healthcheck", "--grpc_port=0"}),
               "error: --healthcheck needs to know --grpc_port, but it is 0, "
               "for any");
  for (const char* port : {"-1", "65536"}) {
    ExpectFailed(
        Ended({"--healthcheck", absl::StrCat("--grpc_port=", port)}),
        absl::StrCat("error: grpc_port must be between 1 and 65535, but is ",
                     port));
  }
}

TEST(HealthcheckTest, OfALiveServer) {
  Server server;
  const Ended ended(
      {"--healthcheck", absl::StrCat("--grpc_port=", server.port())});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  EXPECT_EQ(ended.out, "");
}

TEST(HealthcheckTest, TakesNoProxy) {
  // As in containers that are given one for what is outside.
  Subprocess::Options options;
  options.environment = {{"http_proxy", "http://127.0.0.1:1"},
                         {"https_proxy", "http://127.0.0.1:1"},
                         {"grpc_proxy", "http://127.0.0.1:1"},
                         {"no_proxy", ""},
                         {"no_grpc_proxy", ""}};
  Server server;
  const Ended ended(
      {"--healthcheck", absl::StrCat("--grpc_port=", server.port())},
      Subprocess::kBound, options);
  EXPECT_EQ(ended.code, 0) << ended.err;
}

TEST(HealthcheckTest, OfNobody) {
  int port;
  {
    const OtherServer gone(AF_INET);
    port = gone.port();
  }
  const Ended ended({"--healthcheck", absl::StrCat("--grpc_port=", port)},
                    kPrompt);
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(Lines(ended.err), SizeIs(1));
  EXPECT_THAT(ended.err, StartsWith(absl::StrCat(
                             "error: no health from localhost:", port, ": ")));
}

TEST(HealthcheckTest, OfSomebodyWhoDoesNotAnswer) {
  const OtherServer silent(AF_INET);
  // It waits 5 s.
  const Ended ended({"--healthcheck", "--hostname=127.0.0.1",
                     absl::StrCat("--grpc_port=", silent.port())},
                    absl::Seconds(15));
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(Lines(ended.err), SizeIs(1));
  EXPECT_THAT(ended.err, StartsWith("error: no health from 127.0.0.1:"));
}

class HealthcheckTlsTest : public ::testing::Test {
 protected:
  // Of the server on that port.
  static Ended Check(int port, Flags flags) {
    flags.push_back("--healthcheck");
    flags.push_back(absl::StrCat("--grpc_port=", port));
    return Ended(std::move(flags));
  }
  static void ExpectHealthy(const Ended& ended) {
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.err, "");
  }
  static void ExpectNoHealth(const Ended& ended) {
    EXPECT_EQ(ended.code, 1);
    EXPECT_THAT(Lines(ended.err), SizeIs(1));
    EXPECT_THAT(ended.err, StartsWith("error: no health from localhost:"));
  }

  const std::string folder_ = FreshPath();
  const std::string self_signed_ = "--tls_self_signed=" + folder_;
  const std::string ca_ = "--tls_ca=" + folder_ + "/ca.pem";
};

TEST_F(HealthcheckTlsTest, ByTheFolderOrTheAuthority) {
  Server server({self_signed_});
  ExpectHealthy(Check(server.port(), {self_signed_}));
  ExpectHealthy(Check(server.port(), {ca_}));
  ExpectNoHealth(Check(server.port(), {}));
}

TEST_F(HealthcheckTlsTest, WithACertificateOfItsOwn) {
  Server server({self_signed_, "--tls_client_ca=" + folder_ + "/ca.pem"});
  ExpectHealthy(Check(server.port(), {self_signed_}));
  ExpectHealthy(
      Check(server.port(), {ca_, "--tls_cert=" + folder_ + "/client.pem",
                            "--tls_key=" + folder_ + "/client-key.pem"}));
  ExpectNoHealth(Check(server.port(), {ca_}));
}

TEST_F(HealthcheckTlsTest, ForgottenFlagsAreNamed) {
  Server server({self_signed_});
  EXPECT_THAT(Check(server.port(), {}).err,
              EndsWith("; if the server speaks TLS, give --tls_self_signed or "
                       "--tls_ca\n"));
}

TEST_F(HealthcheckTlsTest, OfAServerWithoutTls) {
  Server tls({self_signed_});
  Server server;
  ExpectNoHealth(Check(server.port(), {self_signed_}));
}

TEST_F(HealthcheckTlsTest, MakesNoCertificates) {
  ExpectFailed(Check(1, {self_signed_}),
               absl::StrCat("error: tls_self_signed: cannot read ", folder_,
                            "/ca.pem: No such file or directory"));
  ExpectFailed(Check(1, {"--tls_cert=x", "--tls_key=y"}),
               "error: tls_ca is missing: --healthcheck with TLS needs to know "
               "whom to trust");
  ExpectFailed(Check(1, {"--tls_ca=x", "--tls_key=y"}),
               "error: tls_cert and tls_key must be given together");
  ExpectFailed(Check(1, {"--tls_ca=x", self_signed_}),
               "error: tls_self_signed must not be given with tls_ca, tls_cert "
               "or tls_key");
}

// More of it in tests/server/services/reflection_test.cc.
TEST(ReflectionTest, ListsTheServices) {
  Server server;
  constexpr char kListServices[] = "\x3a\x01*";  // Field 7, a string.
  const RawReply reply =
      RawCall(server.Channel(),
              "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
              kListServices);
  ASSERT_TRUE(reply.status.ok()) << reply.status.error_message();
  ASSERT_THAT(reply.messages, SizeIs(1));
  EXPECT_THAT(reply.messages[0], HasSubstr("google.spanner.v1.Spanner"));
  EXPECT_THAT(reply.messages[0], HasSubstr("grpc.health.v1.Health"));
}

// That sessions die by them is tested where the clock can be moved, and with a
// real client in tests/clients.
TEST(FlagsTest, Durations) {
  Server server({"--session_idle_ttl=1h30m", "--session_max_age=inf",
                 "--multiplexed_session_max_age=500ms"});
  ExpectAnswers(server.Channel());
}

TEST(FlagsTest, GetSessionCountsAsUse) {
  Server server({"--get_session_counts_as_use=false"});
  const auto channel = server.Channel();
  api::Session session;
  ASSERT_TRUE(CreateSession(channel, kDatabase, session).ok());
  api::GetSessionRequest request;
  request.set_name(session.name());
  api::Session again;
  ASSERT_TRUE(Spanner::NewStub(channel)
                  ->GetSession(Context().get(), request, &again)
                  .ok());
  EXPECT_EQ(again.SerializeAsString(), session.SerializeAsString());
}

TEST(FlagsTest, Databases) {
  const std::string other = "projects/p/instances/i/databases/e";
  Server server({absl::StrCat("--databases=", kDatabase, ",", other)});
  const auto channel = server.Channel();
  for (const auto& [database, message] :
       std::vector<std::pair<std::string, std::string>>{
           {kDatabase, ""},
           {other, ""},
           {"projects/p/instances/i/databases/f",
            "Database not found: projects/p/instances/i/databases/f"},
           {"projects/p/instances/j/databases/d",
            "Instance not found: projects/p/instances/j"}}) {
    api::Session session;
    const grpc::Status status = CreateSession(channel, database, session);
    EXPECT_EQ(status.error_message(), message);
    EXPECT_EQ(status.error_code(), message.empty()
                                       ? grpc::StatusCode::OK
                                       : grpc::StatusCode::NOT_FOUND);
  }
}

TEST(FlagsTest, MaxSessions) {
  Server server({"--max_sessions=2"});
  const auto channel = server.Channel();
  api::Session session;
  EXPECT_TRUE(CreateSession(channel, kDatabase, session).ok());
  EXPECT_TRUE(CreateSession(channel, kDatabase, session).ok());
  EXPECT_EQ(CreateSession(channel, kDatabase, session).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST(FlagsTest, MaxSessionsPerBatch) {
  Server server({"--max_sessions_per_batch=3"});
  api::BatchCreateSessionsRequest request;
  request.set_database(kDatabase);
  request.set_session_count(100);
  api::BatchCreateSessionsResponse response;
  EXPECT_TRUE(Spanner::NewStub(server.Channel())
                  ->BatchCreateSessions(Context().get(), request, &response)
                  .ok());
  EXPECT_EQ(response.session_size(), 3);
}

TEST(FlagsTest, JournalBytes) {
  for (const auto& [flag, capacity] :
       {std::pair("--journal_bytes=12345", 12345),
        std::pair("--journal_bytes=0", 0)}) {
    Server server({flag});
    v1::JournalStats stats;
    EXPECT_TRUE(v1::JournalService::NewStub(server.Channel())
                    ->GetJournalStats(Context().get(),
                                      v1::GetJournalStatsRequest(), &stats)
                    .ok());
    EXPECT_EQ(stats.capacity_bytes(), capacity);
  }
}

TEST(FlagsTest, Hostname) {
  // What is listened on, and by what address it is reached.
  for (const auto& [hostname, address] :
       {std::pair("127.0.0.1", "127.0.0.1"), std::pair("::1", "[::1]"),
        std::pair("0.0.0.0", "127.0.0.1")}) {
    SCOPED_TRACE(hostname);
    const std::string flag = absl::StrCat("--hostname=", hostname);
    if (address == std::string("[::1]") && !HasIpv6()) {
      const Ended ended({flag, "--grpc_port=0"});
      EXPECT_EQ(ended.code, 1);
      EXPECT_THAT(Lines(ended.err), SizeIs(1));
      EXPECT_THAT(ended.err, StartsWith("error: "));
      continue;
    }
    Server server({flag});
    ExpectAnswers(server.Channel(address));
    const Ended check(
        {"--healthcheck", flag, absl::StrCat("--grpc_port=", server.port())});
    EXPECT_EQ(check.code, 0) << check.err;
  }
}

constexpr char kSpanner[] = "/google.spanner.v1.Spanner/";

// The log lines about calls, by which the server ended.
std::vector<std::string> CallLines(Server& server) {
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0);
  std::vector<std::string> calls;
  for (const std::string& line : Lines(server.process().err())) {
    if (line == kReadyLine) continue;
    // Whatever came in, a line is `key=value …` with text in quotes.
    EXPECT_TRUE(std::regex_match(
        line, std::regex("time=\\S+ level=[a-z]+ event=[a-z]+"
                         "( [a-z_]+=([^ \"]+|\"([^\"\\\\]|\\\\.)*\"))*")))
        << line;
    const size_t call = line.find("event=call");
    if (call != std::string::npos) calls.push_back(line.substr(call));
  }
  return calls;
}

TEST(LogRequestsTest, OneLineForEveryCall) {
  const Poller poller;
  Server server({"--log_requests"});
  const auto channel = server.Channel();
  api::GetSessionRequest get;
  get.set_name(absl::StrCat(kDatabase, "/sessions/\"a\" \\ \xc3\xa9"));
  RawCall(channel, absl::StrCat(kSpanner, "GetSession"),
          get.SerializeAsString());
  get.set_name("one line\nand=another");
  RawCall(channel, absl::StrCat(kSpanner, "GetSession"),
          get.SerializeAsString());
  api::CreateSessionRequest create;
  create.set_database(kDatabase);
  (*create.mutable_session()->mutable_labels())["\"\n\x1b[1m"] = "";
  RawCall(channel, absl::StrCat(kSpanner, "CreateSession"),
          create.SerializeAsString());
  RawCall(channel, "/no.such.Service/Method", "");
  RawCall(channel, "/grpc.health.v1.Health/Check", "");

  const std::vector<std::string> calls = CallLines(server);
  ASSERT_THAT(calls, SizeIs(5));
  EXPECT_THAT(
      calls[0],
      AllOf(StartsWith("event=call method=google.spanner.v1.Spanner.GetSession "
                       "status=NOT_FOUND micros="),
            HasSubstr(" peer=\"ipv4:127.0.0.1:"),
            HasSubstr(absl::StrCat(" resource=\"", kDatabase,
                                   "/sessions/\\\"a\\\" \\\\ \xc3\xa9\""))));
  EXPECT_THAT(calls[1], HasSubstr("status=INVALID_ARGUMENT"));
  EXPECT_THAT(calls[2], HasSubstr("status=INVALID_ARGUMENT"));
  EXPECT_THAT(calls[3],
              AllOf(HasSubstr("method="), HasSubstr("/no.such.Service/Method"),
                    HasSubstr("status=UNIMPLEMENTED")));
  EXPECT_THAT(calls[4], StartsWith("event=call method=grpc.health.v1.Health."
                                   "Check status=OK micros="));
}

TEST(LogRequestsTest, NamesTheTrace) {
  const Poller poller;
  Server server({"--log_requests"});
  const auto stub = Health::NewStub(server.Channel());
  for (const char* parent :
       {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-1"}) {
    const auto context = Context();
    context->AddMetadata("traceparent", parent);
    HealthCheckResponse response;
    EXPECT_TRUE(
        stub->Check(context.get(), HealthCheckRequest(), &response).ok());
  }
  const std::vector<std::string> calls = CallLines(server);
  ASSERT_THAT(calls, SizeIs(2));
  EXPECT_THAT(calls[0],
              HasSubstr(" trace_id=4bf92f3577b34da6a3ce929d0e0e4736"));
  EXPECT_THAT(calls[1], Not(HasSubstr("trace_id")));
}

TEST(LogRequestsTest, EscapesUnknownMethods) {
  const Poller poller;
  Server server({"--log_requests"});
  RawCall(server.Channel(), "/no.such.Service/a \"b\" status=OK", "");
  EXPECT_THAT(CallLines(server),
              ElementsAre(HasSubstr("a \\\"b\\\" status=OK\"")));
}

TEST(LogRequestsTest, OnlyIfAsked) {
  Server server;
  ExpectAnswers(server.Channel());
  EXPECT_THAT(CallLines(server), IsEmpty());
}

TEST(LogRequestsTest, NeverAToken) {
  constexpr char kToken[] = "ya29.such-a-secret";
  Subprocess::Options options;
  options.environment = {{"GRPC_VERBOSITY", "debug"}};
  const Poller poller;
  Server server({"--log_requests"}, options);
  const auto channel = server.Channel();
  api::CreateSessionRequest create;
  create.set_database(kDatabase);
  for (const auto& [method, request] :
       std::vector<std::pair<std::string, std::string>>{
           {"CreateSession", create.SerializeAsString()},
           {"CreateSession", ""},
           {"CreateSession", "\xff"},
           {"ExecuteSql", ""},
           {"NoSuchMethod", ""}}) {
    RawCall(channel, absl::StrCat(kSpanner, method), request,
            {{"authorization", absl::StrCat("Bearer ", kToken)}});
  }
  EXPECT_THAT(CallLines(server), SizeIs(5));
  EXPECT_THAT(server.process().err(), Not(HasSubstr(kToken)));
  EXPECT_EQ(server.process().out(), "");
}

TEST(LogTest, EscapesTheLibrarysMessages) {
  Subprocess::Options options;
  options.environment = {{"GRPC_TRACE", "a\"b\nc"}};
  Server server({}, options);
  EXPECT_THAT(CallLines(server), IsEmpty());
  EXPECT_THAT(server.process().err(), HasSubstr("a\\\"b\\nc"));
}

}  // namespace
}  // namespace spanner_session_emulator
