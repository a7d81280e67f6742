// The object that a test embeds: options, ports, channels, its end, its log.

#include "server/emulator.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "store/mutex.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

// ---- Options.

struct RefusedOption {
  const char* named;  // In the message.
  std::function<void(EmulatorOptions&)> set;
};

TEST(EmulatorOptionsTest, ARefusedOptionIsNamed) {
  static constexpr absl::Duration kZero = absl::ZeroDuration();
  static constexpr absl::Duration kPast = -absl::InfiniteDuration();
  const std::vector<RefusedOption> rows = {
      {"session_idle_ttl", [](auto& o) { o.lifetimes.idle_ttl = kZero; }},
      {"session_idle_ttl", [](auto& o) { o.lifetimes.idle_ttl = kPast; }},
      {"session_max_age",
       [](auto& o) { o.lifetimes.max_age = absl::Seconds(-1); }},
      {"multiplexed_session_max_age",
       [](auto& o) { o.lifetimes.multiplexed_max_age = kZero; }},
      {"max_sessions", [](auto& o) { o.max_sessions = 0; }},
      {"max_sessions", [](auto& o) { o.max_sessions = -1; }},
      {"max_sessions_per_batch", [](auto& o) { o.max_sessions_per_batch = 0; }},
      {"journal_bytes", [](auto& o) { o.journal_bytes = -1; }},
      {"journal_bytes", [](auto& o) { o.journal_bytes = 4095; }},
      {"databases", [](auto& o) { o.databases = {""}; }},
      {"databases",
       [](auto& o) {
         o.databases = {std::string(kDatabase), "d"};
       }},
      {"databases",
       [](auto& o) { o.databases = {absl::StrCat(kDatabase, "/")}; }},
      {"database_lifetimes",
       [](auto& o) {
         o.database_lifetimes = {{"d", {}}};
       }},
      {"database_lifetimes",
       [](auto& o) {
         o.database_lifetimes = {{std::string(kDatabase), {.idle_ttl = kZero}}};
       }},
      {"start_time",
       [](auto& o) { o.start_time = absl::UnixEpoch() - absl::Seconds(1); }},
      {"start_time", [](auto& o) { o.start_time = absl::InfiniteFuture(); }},
      {"grpc_port", [](auto& o) { o.grpc_port = -1; }},
      {"grpc_port", [](auto& o) { o.grpc_port = 65536; }},
      {"http_port", [](auto& o) { o.http_port = -2; }},
      {"http_port", [](auto& o) { o.http_port = 65536; }},
      {"http_idle_timeout", [](auto& o) { o.http_idle_timeout = kZero; }},
      {"http_header_timeout", [](auto& o) { o.http_header_timeout = kPast; }},
      {"http_body_timeout", [](auto& o) { o.http_body_timeout = kZero; }},
      {"host name \"\"", [](auto& o) { o.hostname = ""; }},
      // Too long for any look-up.
      {"host name \"x", [](auto& o) { o.hostname = std::string(300, 'x'); }},
  };
  for (size_t i = 0; i < rows.size(); ++i) {
    EmulatorOptions options;
    rows[i].set(options);
    EXPECT_THAT(Emulator::Start(options),
                StatusIs(kInvalidArgument, HasSubstr(rows[i].named)))
        << "row " << i;
  }
}

TEST(EmulatorOptionsTest, OptionsAtTheirLimitsAreTaken) {
  constexpr absl::Duration kForever = absl::InfiniteDuration();
  constexpr absl::Duration kShortest = absl::Microseconds(1);
  for (const absl::Duration lifetime : {kShortest, kForever}) {
    EXPECT_THAT(Emulator::Start(
                    {.lifetimes = {lifetime, lifetime, lifetime},
                     .database_lifetimes = {{std::string(kDatabase),
                                             {lifetime, lifetime, lifetime}}},
                     .max_sessions = 1,
                     .max_sessions_per_batch = 1}),
                IsOk());
  }
  for (const absl::Time start : {Clock::Earliest(), Clock::Latest()}) {
    const auto emulator = Emulator::Start({.start_time = start});
    ASSERT_THAT(emulator, IsOk());
    EXPECT_EQ((*emulator)->clock().Now(), start);
  }
}

TEST(EmulatorOptionsTest, ByDefaultTheClockRunsWithTheSystems) {
  const auto emulator = Emulator::Start({}).value();
  EXPECT_TRUE(emulator->clock().running());
  const int64_t before = absl::ToUnixSeconds(absl::Now());
  const api::Session session =
      SpannerClient(emulator->InProcessChannel()).Create().value();
  EXPECT_GE(session.create_time().seconds(), before);
  EXPECT_LE(session.create_time().seconds(), absl::ToUnixSeconds(absl::Now()));
  EXPECT_EQ(session.create_time().nanos() % 1000, 0);
}

TEST(EmulatorOptionsTest, WithAStartTimeTheClockStands) {
  const auto emulator = StartEmulator();
  EXPECT_FALSE(emulator->clock().running());
  EXPECT_EQ(emulator->clock().Now(), StartTime());
}

// ---- Ports.

// A socket that listens on a port of 127.0.0.1, or on any of them.
class Listener {
 public:
  Listener() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    EXPECT_EQ(bind(fd_, generic, size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    EXPECT_EQ(getsockname(fd_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { close(fd_); }
  int port() const { return port_; }

  // Leaves behind a connection whose end on this side times out.
  void LeaveConnectionBehind() {
    sockaddr_in address = {};
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(getsockname(fd_, generic, &size), 0);
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(connect(client, generic, size), 0);
    close(accept(fd_, nullptr, nullptr));
    char byte;
    EXPECT_EQ(read(client, &byte, 1), 0);
    close(client);
  }

 private:
  const int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
};

TEST(EmulatorPortTest, Port0FindsOneThatAnswersOnEveryAddress) {
  const auto emulator = StartEmulator();
  EXPECT_GT(emulator->port(), 0);
  EXPECT_THAT(emulator->addresses(), Not(IsEmpty()));
  for (const std::string& address : emulator->addresses()) {
    EXPECT_THAT(address, EndsWith(absl::StrCat(":", emulator->port())));
    EXPECT_THAT(SpannerClient(Connect(address)).Create(), IsOk()) << address;
  }
  EXPECT_THAT(emulator->addresses(),
              Contains(absl::StrCat("127.0.0.1:", emulator->port())));
}

TEST(EmulatorPortTest, ListensOnTheAddressThatIsNamed) {
  const auto emulator = StartEmulator({.hostname = "127.0.0.1"});
  EXPECT_THAT(emulator->addresses(),
              ElementsAre(absl::StrCat("127.0.0.1:", emulator->port())));
}

TEST(EmulatorPortTest, PortInUseByAnotherServerIsUnavailableAndNamed) {
  const Listener listener;
  EXPECT_THAT(Emulator::Start({.grpc_port = listener.port()}),
              StatusIs(kUnavailable,
                       HasSubstr(absl::StrCat("127.0.0.1:", listener.port()))));
}

TEST(EmulatorPortTest, HttpPortInUseIsUnavailableAndNamed) {
  const Listener listener;
  EXPECT_THAT(Emulator::Start({.http_port = listener.port()}),
              StatusIs(kUnavailable,
                       HasSubstr(absl::StrCat("127.0.0.1:", listener.port()))));
}

TEST(EmulatorPortTest, RestCanBeLeftOut) {
  const auto emulator = StartEmulator({.http_port = EmulatorOptions::kNoHttp});
  EXPECT_EQ(emulator->http_port(), 0);
  EXPECT_THAT(SpannerClient(emulator->InProcessChannel()).Create(), IsOk());
}

TEST(EmulatorPortTest, RestIsOnAPortOfItsOwn) {
  const auto emulator = StartEmulator();
  EXPECT_NE(emulator->http_port(), emulator->port());
  const std::string name =
      SpannerClient(MakeCaller(*emulator, Transport::kRest))
          .Create()
          .value()
          .name();
  EXPECT_THAT(SpannerClient(emulator->InProcessChannel()).Get(name), IsOk());
}

TEST(EmulatorPortTest, PortInUseByAnotherEmulatorIsUnavailableAndNamed) {
  const auto emulator = StartEmulator();
  EXPECT_THAT(
      Emulator::Start({.grpc_port = emulator->port()}),
      StatusIs(kUnavailable, HasSubstr(absl::StrCat(":", emulator->port()))));
  // Which does not notice.
  EXPECT_THAT(SpannerClient(Connect(*emulator, Transport::kTcp)).Create(),
              IsOk());
}

TEST(EmulatorPortTest, PortIsFreeAgainAfterTheEnd) {
  auto emulator = StartEmulator();
  const int port = emulator->port();
  const auto channel = Connect(*emulator, Transport::kTcp);
  EXPECT_THAT(SpannerClient(channel).Create(), IsOk());
  emulator.reset();
  const auto next = Emulator::Start({.grpc_port = port});
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ((*next)->port(), port);
  EXPECT_THAT(SpannerClient(Connect(**next, Transport::kTcp)).Create(), IsOk());
}

TEST(EmulatorPortTest, PortIsFreeWhileOldConnectionsToItTimeOut) {
  int port = 0;
  {
    Listener listener;
    listener.LeaveConnectionBehind();
    port = listener.port();
  }
  EXPECT_THAT(Emulator::Start({.grpc_port = port}), IsOk());
}

// ---- Channels, clock and store.

TEST(EmulatorTest, AllChannelsLeadToTheSameSessions) {
  const auto emulator = StartEmulator();
  SpannerClient tcp(Connect(*emulator, Transport::kTcp));
  SpannerClient in_process(emulator->InProcessChannel());
  SpannerClient another(emulator->InProcessChannel());
  const std::string name = tcp.Create().value().name();
  EXPECT_THAT(in_process.Get(name), IsOk());
  EXPECT_THAT(another.Delete(name), IsOk());
  EXPECT_EQ(tcp.Get(name).status().code(), absl::StatusCode::kNotFound);
}

TEST(EmulatorTest, ClockAndStoreAreThoseOfTheRpcs) {
  const auto emulator = StartEmulator();
  SpannerClient client(emulator->InProcessChannel());
  const std::string name = client.Create().value().name();
  EXPECT_EQ(emulator->sessions().TotalCounts().regular.live, 1);
  ASSERT_TRUE(emulator->clock().Advance(absl::Minutes(61)).ok());
  EXPECT_EQ(emulator->sessions().TotalCounts().regular.live, 0);
  EXPECT_EQ(client.Get(name).status().code(), absl::StatusCode::kNotFound);
}

// ---- The end.

// How long the shutdown takes.
absl::Duration TimeToShutDown(Emulator& emulator, absl::Duration grace) {
  const absl::Time start = absl::Now();
  emulator.Shutdown(grace);
  return absl::Now() - start;
}

// An open Watch, which has been answered once.
class OpenWatch {
 public:
  explicit OpenWatch(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(grpc::health::v1::Health::NewStub(channel)),
        reader_(stub_->Watch(context_.get(), {})) {
    grpc::health::v1::HealthCheckResponse response;
    EXPECT_TRUE(reader_->Read(&response));
  }
  absl::Status Finish() {
    grpc::health::v1::HealthCheckResponse response;
    while (reader_->Read(&response)) {
    }
    return ToAbsl(reader_->Finish());
  }

 private:
  const std::unique_ptr<grpc::ClientContext> context_ = PatientContext();
  const std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
  const std::unique_ptr<
      grpc::ClientReader<grpc::health::v1::HealthCheckResponse>>
      reader_;
};

// A call that the server has begun and whose request never comes.
class StuckCall {
 public:
  explicit StuckCall(
      const std::shared_ptr<grpc::Channel>& channel,
      const std::string& path = "/google.spanner.v1.Spanner/GetSession")
      : call_(grpc::GenericStub(channel).PrepareCall(context_.get(), path,
                                                     &queue_)) {
    call_->StartCall(nullptr);
    EXPECT_TRUE(Next());
    // By the time that another call is answered, the server has seen this one.
    EXPECT_THAT(SpannerClient(channel).Create(), IsOk());
  }
  absl::Status Finish() {
    grpc::Status status;
    call_->Finish(&status, nullptr);
    EXPECT_TRUE(Next());
    return ToAbsl(status);
  }

 private:
  bool Next() {
    void* tag;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  const std::unique_ptr<grpc::ClientContext> context_ = PatientContext();
  grpc::CompletionQueue queue_;
  const std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

class EmulatorEndTest : public ::testing::TestWithParam<Transport> {
 protected:
  std::unique_ptr<Emulator> emulator_ = StartEmulator();
  std::shared_ptr<grpc::Channel> channel_ = Connect(*emulator_, GetParam());
};

INSTANTIATE_TRANSPORTS(EmulatorEndTest);

TEST_P(EmulatorEndTest, ShutdownOfAnIdleServerDoesNotWait) {
  EXPECT_THAT(SpannerClient(channel_).Create(), IsOk());
  EXPECT_LT(TimeToShutDown(*emulator_, absl::Hours(1)), absl::Seconds(5));
}

TEST_P(EmulatorEndTest, ShutdownDoesNotWaitForAWatch) {
  OpenWatch watch(channel_);
  EXPECT_LT(TimeToShutDown(*emulator_, absl::Hours(1)), absl::Seconds(5));
  EXPECT_EQ(watch.Finish().code(), kUnavailable);
}

// A call is none before its request is there.
TEST_P(EmulatorEndTest, ShutdownDoesNotWaitForARequest) {
  for (const char* path : {"/google.spanner.v1.Spanner/GetSession",
                           "/grpc.health.v1.Health/Check"}) {
    const auto emulator = StartEmulator();
    const auto channel = Connect(*emulator, GetParam());
    StuckCall call(channel, path);
    EXPECT_LT(TimeToShutDown(*emulator, absl::Hours(1)), absl::Seconds(5));
    EXPECT_FALSE(call.Finish().ok());
  }
}

TEST_P(EmulatorEndTest, ShutdownCancelsAStuckCallAfterItsGrace) {
  StuckCall call(channel_);
  const absl::Duration took =
      TimeToShutDown(*emulator_, absl::Milliseconds(200));
  // In one process, gRPC knows no grace.
  if (GetParam() == Transport::kTcp) {
    EXPECT_GE(took, absl::Milliseconds(190));
  }
  EXPECT_LT(took, absl::Seconds(5));
  EXPECT_FALSE(call.Finish().ok());
}

TEST_P(EmulatorEndTest, ShutdownWithoutGraceDoesNotWait) {
  StuckCall call(channel_);
  OpenWatch watch(channel_);
  EXPECT_LT(TimeToShutDown(*emulator_, absl::ZeroDuration()), absl::Seconds(5));
  EXPECT_FALSE(call.Finish().ok());
  EXPECT_FALSE(watch.Finish().ok());
}

TEST_P(EmulatorEndTest, NegativeAndInfiniteGrace) {
  emulator_->Shutdown(-absl::InfiniteDuration());
  StartEmulator()->Shutdown(absl::InfiniteDuration());
}

TEST_P(EmulatorEndTest, ShutdownTwiceAndThenTheDestructor) {
  EXPECT_THAT(SpannerClient(channel_).Create(), IsOk());
  emulator_->Shutdown();
  EXPECT_LT(TimeToShutDown(*emulator_, absl::Hours(1)), absl::Seconds(5));
  emulator_.reset();
}

TEST_P(EmulatorEndTest, ShutdownByTwoThreads) {
  StuckCall call(channel_);
  std::thread other([this] { emulator_->Shutdown(absl::Milliseconds(100)); });
  emulator_->Shutdown(absl::Milliseconds(100));
  // All is over, whichever of the two it was.
  EXPECT_FALSE(call.Finish().ok());
  other.join();
}

// Over TCP: an in-process channel must not be used any more.

TEST(EmulatorEndOverTcpTest, NoCallIsTakenAfterShutdown) {
  const auto emulator = StartEmulator();
  SpannerClient client(Connect(*emulator, Transport::kTcp));
  const std::string name = client.Create().value().name();
  emulator->Shutdown();
  EXPECT_EQ(client.Get(name).status().code(), kUnavailable);
  // What has no network is still there.
  EXPECT_EQ(emulator->sessions().TotalCounts().regular.live, 1);
  EXPECT_THAT(emulator->clock().Advance(absl::Seconds(1)), IsOk());
}

TEST(EmulatorEndOverTcpTest, DestructorDoesNotWaitForOpenCalls) {
  auto emulator = StartEmulator();
  const auto channel = Connect(*emulator, Transport::kTcp);
  StuckCall call(channel);
  OpenWatch watch(channel);
  const absl::Time start = absl::Now();
  emulator.reset();
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  EXPECT_FALSE(call.Finish().ok());
  EXPECT_FALSE(watch.Finish().ok());
}

// ---- The log.

class LogTest : public ::testing::TestWithParam<Transport> {
 protected:
  void StartWith(EmulatorOptions options) {
    options.log = [this](absl::string_view line) {
      MutexLock lock(&mu_);
      lines_.emplace_back(line);
    };
    emulator_ = StartEmulator(std::move(options));
    channel_ = Connect(*emulator_, GetParam());
  }

  // All that was logged. The line of a stream may come after its reply, so
  // this ends the emulator.
  std::vector<std::string> LinesAtTheEnd() {
    emulator_->Shutdown();
    return Lines();
  }
  std::vector<std::string> Lines() {
    MutexLock lock(&mu_);
    return lines_;
  }
  // The only line about a call.
  std::string CallLine() {
    std::vector<std::string> calls;
    for (const std::string& line : LinesAtTheEnd()) {
      if (absl::StartsWith(line, "event=call ")) calls.push_back(line);
    }
    EXPECT_THAT(calls, SizeIs(1));
    return calls.empty() ? "" : calls[0];
  }

 private:
  Mutex mu_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);

 protected:
  std::unique_ptr<Emulator> emulator_;
  std::shared_ptr<grpc::Channel> channel_;
};

INSTANTIATE_TRANSPORTS(LogTest);

TEST_P(LogTest, SaysWhetherCallersAreChecked) {
  StartWith({.auth_policy = "principals { name: 'n' token: 't' }",
             .control_token = "control"});
  EXPECT_THAT(Lines(),
              ElementsAre(EndsWith("\" auth_principals=1 control_token=true")));
}

TEST_P(LogTest, SaysStartAndStop) {
  StartWith({});
  std::vector<std::string> http;
  for (const std::string& address : emulator_->addresses()) {
    http.push_back(absl::StrCat(address.substr(0, address.rfind(':')), ":",
                                emulator_->http_port()));
  }
  const std::string start = absl::StrCat(
      "event=start grpc=\"", absl::StrJoin(emulator_->addresses(), ","),
      "\" http=\"", absl::StrJoin(http, ","), "\"");
  EXPECT_THAT(Lines(), ElementsAre(start));
  SpannerClient client(channel_);
  const std::string name = client.Create().value().name();
  EXPECT_THAT(client.BatchCreate(2), IsOk());
  EXPECT_THAT(client.Create("multiplexed: true"), IsOk());
  EXPECT_THAT(client.Delete(name), IsOk());
  EXPECT_THAT(
      LinesAtTheEnd(),
      ElementsAre(start, "event=stop sessions_created=4 sessions_alive=3"));
  emulator_.reset();
  EXPECT_THAT(Lines(), SizeIs(2));
}

TEST_P(LogTest, SaysNothingIfItDoesNotStart) {
  const Listener listener;
  std::vector<std::string> lines;
  EXPECT_THAT(
      Emulator::Start(
          {.grpc_port = listener.port(),
           .log = [&](absl::string_view line) { lines.emplace_back(line); }}),
      StatusIs(kUnavailable, HasSubstr("")));
  EXPECT_THAT(lines, IsEmpty());
}

TEST_P(LogTest, SaysEveryCallIfAsked) {
  StartWith({.log_requests = true});
  const std::string name = SpannerClient(channel_).Create().value().name();
  EXPECT_THAT(CallLine(),
              MatchesRegex(absl::StrCat(
                  "event=call method=google.spanner.v1.Spanner.CreateSession "
                  "status=OK micros=[0-9]+ peer=\"[^\"]+\" resource=\"",
                  kDatabase, "\"")));
}

TEST_P(LogTest, SaysTheErrorOfACall) {
  StartWith({.log_requests = true});
  const std::string name = absl::StrCat(kDatabase, "/sessions/s");
  EXPECT_FALSE(SpannerClient(channel_).Get(name).ok());
  EXPECT_THAT(CallLine(),
              AllOf(StartsWith("event=call "),
                    HasSubstr(" method=google.spanner.v1.Spanner.GetSession "),
                    HasSubstr(" status=NOT_FOUND "),
                    HasSubstr(absl::StrCat(" resource=\"", name, "\" ")),
                    EndsWith(absl::StrCat(
                        " message=\"Session not found: ", name, "\""))));
}

TEST_P(LogTest, SaysCallsThatCannotBeParsed) {
  StartWith({.log_requests = true});
  EXPECT_FALSE(
      CallPath(channel_, "/google.spanner.v1.Spanner/GetSession", "\xff")
          .status.ok());
  EXPECT_THAT(CallLine(),
              AllOf(HasSubstr(" status=INVALID_ARGUMENT "),
                    Not(HasSubstr(" resource=")),
                    HasSubstr(" message=\"Invalid GetSession request: ")));
}

TEST_P(LogTest, SaysCallsOfUnknownMethods) {
  StartWith({.log_requests = true});
  EXPECT_FALSE(CallPath(channel_, "/a.B/C", "").status.ok());
  EXPECT_THAT(CallLine(),
              AllOf(HasSubstr("/a.B/C"), HasSubstr(" status=UNIMPLEMENTED ")));
}

TEST_P(LogTest, SaysStreamsWhenTheyEnd) {
  StartWith({.log_requests = true});
  const OpenWatch watch(channel_);
  EXPECT_THAT(Lines(), SizeIs(1));
  emulator_->Shutdown();
  // In one process, gRPC cuts it off.
  const char* const status =
      GetParam() == Transport::kTcp ? "UNAVAILABLE " : "";
  EXPECT_THAT(CallLine(),
              AllOf(HasSubstr(" method=grpc.health.v1.Health.Watch "),
                    HasSubstr(absl::StrCat(" status=", status))));
}

TEST_P(LogTest, SaysNoCallUnlessAsked) {
  StartWith({});
  EXPECT_THAT(SpannerClient(channel_).Create(), IsOk());
  EXPECT_THAT(LinesAtTheEnd(), Not(Contains(HasSubstr("call"))));
}

// Whatever a client sends.
TEST_P(LogTest, EveryLineIsOneLine) {
  StartWith({.log_requests = true});
  SpannerClient client(channel_);
  const std::string quotes = "projects/p\"q\\/instances/i'/databases/d";
  EXPECT_THAT(client.Create("", quotes), IsOk());
  EXPECT_FALSE(client.Create("", "projects/p\n/instances/i/databases/d").ok());
  EXPECT_FALSE(client.Create("", "bad\"\nname").ok());
  EXPECT_FALSE(client.Create("labels { key: 'a\\nb\\r\\t\\\"' }").ok());
  EXPECT_FALSE(client.List("filter: 'x\\nevent=forged\\r\\001'").ok());
  grpc::health::v1::HealthCheckRequest health;
  health.set_service("s\nevent=forged \x1b[31m\r\"");
  EXPECT_FALSE(CallPath(channel_, "/grpc.health.v1.Health/Check",
                        health.SerializeAsString())
                   .status.ok());

  const std::vector<std::string> lines = LinesAtTheEnd();
  EXPECT_THAT(lines, SizeIs(6 + 2));
  for (const std::string& line : lines) {
    EXPECT_TRUE(std::none_of(line.begin(), line.end(), absl::ascii_iscntrl))
        << line;
    EXPECT_THAT(line, StartsWith("event="));
  }
  EXPECT_THAT(lines,
              Contains(HasSubstr("resource=\"projects/p\\\"q\\\\/instances/"
                                 "i\\'/databases/d\"")));
}

TEST_P(LogTest, APathCannotForgeALine) {
  StartWith({.log_requests = true});
  for (const char* path :
       {"/a.B/C\nevent=forged", "/a.B/C status=OK", "/a.B/\"C\"", "/a\x01/b"}) {
    CallPath(channel_, path, "");
  }
  for (const std::string& line : LinesAtTheEnd()) {
    EXPECT_TRUE(std::none_of(line.begin(), line.end(), absl::ascii_iscntrl))
        << line;
    EXPECT_THAT(line, AnyOf(Not(HasSubstr("event=call")),
                            StartsWith("event=call method=\"/a")));
  }
}

TEST_P(LogTest, ATokenNeverShowsUp) {
  StartWith({.log_requests = true});
  const Metadata metadata = {
      {"authorization", "Bearer secret-token"},
      {"x-goog-iam-authorization-token", "secret-token"}};
  api::CreateSessionRequest request;
  request.set_database(std::string(kDatabase));
  for (const std::string& bytes :
       {request.SerializeAsString(), std::string("\xff")}) {
    for (const char* path :
         {"/google.spanner.v1.Spanner/CreateSession",
          "/google.spanner.v1.Spanner/ExecuteStreamingSql", "/a.B/C"}) {
      CallPath(channel_, path, bytes, metadata);
    }
  }
  const std::vector<std::string> lines = LinesAtTheEnd();
  EXPECT_THAT(lines, SizeIs(6 + 2));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("secret"))));
}

}  // namespace
}  // namespace spanner_session_emulator
