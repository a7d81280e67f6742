// Calls one RPC of a server again and again, over gRPC, and prints as JSON how
// often it could and how long the calls took.
//
// It first creates the sessions that the RPC needs; that is not measured. A
// call that fails fails the run: an error is quickly given. With --seconds=0
// nothing is measured: the sessions are there then, and "session" is one of
// them.
//
// With --beside, another RPC is called too, on a connection of its own, in
// every other quarter of a second. "p99_us" is of the quarters without it, and
// "beside_p99_us" of those with it: what else the machine does meets both
// alike.

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "bench/histogram.h"
#include "google/spanner/v1/spanner.grpc.pb.h"

ABSL_FLAG(std::string, target, "127.0.0.1:9010", "the server");
ABSL_FLAG(std::string, database, "projects/p/instances/i/databases/d",
          "where the sessions are");
ABSL_FLAG(std::string, rpc, "GetSession",
          "CreateSession, BatchCreateSessions, GetSession, ListSessions or "
          "DeleteSession");
ABSL_FLAG(int, channels, 1, "connections; calls go round them");
ABSL_FLAG(int, in_flight, 1, "calls that are open at a time, on all channels");
ABSL_FLAG(double, seconds, 1,
          "how long to call; deleting also ends with the last session");
ABSL_FLAG(double, rate, 0,
          "calls per second, if the server keeps up; 0: as many as it can. The "
          "time of a call then begins when it is due");
ABSL_FLAG(int, sessions, 1000, "how many to create before");
ABSL_FLAG(int, batch, 100, "sessions that one BatchCreateSessions asks for");
ABSL_FLAG(int, page_size, 100, "of ListSessions");
ABSL_FLAG(std::string, beside, "", "the RPC that is called now and then");
ABSL_FLAG(double, beside_rate, 0, "--rate of that one");
ABSL_FLAG(std::string, token, "", "sent as `authorization: Bearer`");
ABSL_FLAG(int, server_pid, 0,
          "the server's process, if it is on this machine, to have its CPU "
          "time in the report");

namespace spanner_session_emulator {
namespace {

namespace spanner = google::spanner::v1;
using Steady = std::chrono::steady_clock;

// For a call, and for the server to come up.
constexpr auto kPatience = std::chrono::seconds(20);
// Of the time with and without what is called beside, by turns.
constexpr double kTurnSeconds = 0.25;

[[noreturn]] void Fail(const std::string& what) {
  fprintf(stderr, "%s\n", what.c_str());
  // Calls may be open that a normal exit would wait for.
  fflush(stderr);
  _exit(1);
}

void Prepare(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  if (const std::string token = absl::GetFlag(FLAGS_token); !token.empty()) {
    context.AddMetadata("authorization", absl::StrCat("Bearer ", token));
  }
}

grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

// CPU time, in ns, of all threads of a process; 0 is this one.
int64_t CpuNanos(pid_t process) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(process, &clock) != 0 ||
      clock_gettime(clock, &time) != 0) {
    Fail(absl::StrCat("--server_pid=", process, ": no such process"));
  }
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

// One connection each: by default, channels to one server share theirs.
std::shared_ptr<grpc::Channel> Connect() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(absl::GetFlag(FLAGS_target),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

std::vector<std::string> CreateSessions(
    const std::shared_ptr<grpc::Channel>& channel, int count) {
  const auto stub = spanner::Spanner::NewStub(channel);
  std::vector<std::string> names;
  while (static_cast<int>(names.size()) < count) {
    const int missing = count - static_cast<int>(names.size());
    spanner::BatchCreateSessionsRequest request;
    request.set_database(absl::GetFlag(FLAGS_database));
    request.set_session_count(std::min(missing, absl::GetFlag(FLAGS_batch)));
    grpc::ClientContext context;
    Prepare(context);
    context.set_wait_for_ready(true);
    spanner::BatchCreateSessionsResponse response;
    const grpc::Status status =
        stub->BatchCreateSessions(&context, request, &response);
    if (!status.ok()) {
      Fail(absl::StrCat("BatchCreateSessions: ", status.error_message()));
    }
    // It may hold fewer than were asked for, but an empty one would never end.
    if (response.session().empty()) Fail("BatchCreateSessions: none created");
    for (spanner::Session& session : *response.mutable_session()) {
      names.push_back(std::move(*session.mutable_name()));
    }
  }
  return names;
}

// The requests of the RPC, to be sent in turn.
std::vector<grpc::ByteBuffer> Requests(const std::string& rpc,
                                       const std::vector<std::string>& names) {
  const std::string database = absl::GetFlag(FLAGS_database);
  std::vector<grpc::ByteBuffer> requests;
  if (rpc == "CreateSession") {
    spanner::CreateSessionRequest request;
    request.set_database(database);
    requests.push_back(Serialize(request));
  } else if (rpc == "BatchCreateSessions") {
    spanner::BatchCreateSessionsRequest request;
    request.set_database(database);
    request.set_session_count(absl::GetFlag(FLAGS_batch));
    requests.push_back(Serialize(request));
  } else if (rpc == "ListSessions") {
    spanner::ListSessionsRequest request;
    request.set_database(database);
    request.set_page_size(absl::GetFlag(FLAGS_page_size));
    requests.push_back(Serialize(request));
  } else if (rpc == "GetSession") {
    for (const std::string& name : names) {
      spanner::GetSessionRequest request;
      request.set_name(name);
      requests.push_back(Serialize(request));
    }
  } else if (rpc == "DeleteSession") {
    for (const std::string& name : names) {
      spanner::DeleteSessionRequest request;
      request.set_name(name);
      requests.push_back(Serialize(request));
    }
  } else {
    Fail(absl::StrCat("--rpc=", rpc,
                      ": must be CreateSession, BatchCreateSessions, "
                      "GetSession, ListSessions or DeleteSession"));
  }
  if (requests.empty()) Fail(absl::StrCat(rpc, " needs --sessions"));
  return requests;
}

// A number of calls that are open at a time. Each is followed by the next one
// in the place that it leaves, or, with a rate, when the next one is due.
class Load {
 public:
  Load(const std::string& rpc,
       const std::vector<std::shared_ptr<grpc::Channel>>& channels,
       std::vector<grpc::ByteBuffer> requests, double rate, int in_flight)
      : path_(absl::StrCat("/google.spanner.v1.Spanner/", rpc)),
        requests_(std::move(requests)),
        once_(rpc == "DeleteSession"),
        rate_(rate),
        places_(in_flight) {
    for (const auto& channel : channels) stubs_.emplace_back(channel);
    for (Place& place : places_) free_.push_back(&place);
  }

  // Calls for so long, and adds to `nanos` how long the calls took. Returns
  // when the last one has ended, and the seconds until then.
  double Run(double seconds, Histogram& nanos) {
    const std::chrono::duration<double> duration(seconds);
    const Steady::time_point start = Steady::now();
    end_ = start + std::chrono::duration_cast<Steady::duration>(duration);
    if (rate_ > 0) {
      const std::chrono::duration<double> interval(1 / rate_);
      Steady::time_point due = start;
      // All that are due before the end, even if they can only be sent later.
      for (int64_t i = 1; due < end_ && !IsUsedUp(); ++i) {
        std::this_thread::sleep_until(due);
        Call(*AwaitFreePlace(), due);
        due =
            start + std::chrono::duration_cast<Steady::duration>(i * interval);
      }
    } else {
      for (size_t i = 0; i < places_.size() && MayCall(); ++i) {
        Call(*AwaitFreePlace(), Steady::now());
      }
    }
    std::unique_lock lock(mu_);
    if (!changed_.wait_for(lock, duration + 2 * kPatience,
                           [this] { return free_.size() == places_.size(); })) {
      Fail("the server does not answer");
    }
    for (Place& place : places_) {
      nanos.Merge(place.nanos);
      place.nanos = Histogram();
    }
    return std::chrono::duration<double>(Steady::now() - start).count();
  }

 private:
  // Where one call at a time is open; only its thread touches it.
  struct Place {
    std::optional<grpc::ClientContext> context;
    grpc::ByteBuffer reply;
    Steady::time_point due;
    Histogram nanos;
  };

  bool IsUsedUp() const {
    return once_ && calls_.load(std::memory_order_relaxed) >=
                        static_cast<int64_t>(requests_.size());
  }

  bool MayCall() const { return Steady::now() < end_ && !IsUsedUp(); }

  Place* AwaitFreePlace() {
    std::unique_lock lock(mu_);
    if (!changed_.wait_for(lock, 2 * kPatience,
                           [this] { return !free_.empty(); })) {
      Fail("the server does not answer");
    }
    Place* place = free_.back();
    free_.pop_back();
    return place;
  }

  void Free(Place& place) {
    std::lock_guard lock(mu_);
    free_.push_back(&place);
    changed_.notify_one();
  }

  void Call(Place& place, Steady::time_point due) {
    const auto number = static_cast<size_t>(calls_++);
    if (once_ && number >= requests_.size()) return Free(place);
    place.due = due;
    place.context.emplace();
    Prepare(*place.context);
    place.reply.Clear();
    stubs_[number % stubs_.size()].UnaryCall(
        &*place.context, path_, {}, &requests_[number % requests_.size()],
        &place.reply, [this, &place](const grpc::Status& status) {
          if (!status.ok()) {
            Fail(absl::StrCat(path_, ": code ",
                              static_cast<int>(status.error_code()), ": ",
                              status.error_message()));
          }
          const Steady::time_point now = Steady::now();
          place.nanos.Add(std::chrono::nanoseconds(now - place.due).count());
          if (rate_ == 0 && MayCall()) {
            Call(place, now);
          } else {
            Free(place);
          }
        });
  }

  const std::string path_;
  const std::vector<grpc::ByteBuffer> requests_;
  const bool once_;  // Each request, as what is deleted is gone.
  const double rate_;
  std::vector<grpc::GenericStub> stubs_;
  Steady::time_point end_;
  std::atomic<int64_t> calls_ = 0;
  std::vector<Place> places_;

  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<Place*> free_;  // Guarded by mu_.
};

// The 99th percentiles of the load without another one and beside it, by turns.
void RunBeside(Load& load, const std::vector<std::string>& names) {
  const std::string rpc = absl::GetFlag(FLAGS_beside);
  Load other(rpc, {Connect()}, Requests(rpc, names),
             absl::GetFlag(FLAGS_beside_rate), /*in_flight=*/1);
  Histogram ignored;
  load.Run(kTurnSeconds, ignored);  // Warm up.
  other.Run(kTurnSeconds, ignored);
  Histogram alone;
  Histogram beside;
  const double turns = absl::GetFlag(FLAGS_seconds) / (2 * kTurnSeconds);
  for (int i = 0; i < turns; ++i) {
    load.Run(kTurnSeconds, alone);
    std::thread thread([&] { other.Run(kTurnSeconds, ignored); });
    load.Run(kTurnSeconds, beside);
    thread.join();
  }
  printf("{\"p99_us\": %.1f, \"beside_p99_us\": %.1f}\n",
         static_cast<double>(alone.Quantile(0.99)) / 1e3,
         static_cast<double>(beside.Quantile(0.99)) / 1e3);
}

void Run() {
  const std::string rpc = absl::GetFlag(FLAGS_rpc);
  const pid_t server = absl::GetFlag(FLAGS_server_pid);
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < std::max(1, absl::GetFlag(FLAGS_channels)); ++i) {
    channels.push_back(Connect());
  }
  for (const auto& channel : channels) {
    if (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                   kPatience)) {
      Fail(absl::StrCat("--target=", absl::GetFlag(FLAGS_target),
                        ": cannot connect"));
    }
  }
  const std::vector<std::string> names =
      CreateSessions(channels.front(), absl::GetFlag(FLAGS_sessions));
  const std::string session = names.empty() ? "" : names.front();
  const double seconds = absl::GetFlag(FLAGS_seconds);
  if (seconds <= 0) {
    printf("{\"session\": \"%s\"}\n", session.c_str());
    return;
  }

  Load load(rpc, channels, Requests(rpc, names), absl::GetFlag(FLAGS_rate),
            absl::GetFlag(FLAGS_in_flight));
  if (!absl::GetFlag(FLAGS_beside).empty()) return RunBeside(load, names);
  Histogram nanos;
  const int64_t server_before = server == 0 ? 0 : CpuNanos(server);
  const int64_t client_before = CpuNanos(0);
  const double ran = load.Run(seconds, nanos);
  const auto client = static_cast<double>(CpuNanos(0) - client_before);
  const auto calls = static_cast<double>(nanos.count());
  if (calls == 0) Fail("no call was made");
  std::string server_cpu;
  if (server != 0) {
    server_cpu = absl::StrCat(
        ", \"server_cpu_us\": ",
        static_cast<double>(CpuNanos(server) - server_before) / 1e3 / calls);
  }
  const auto micros = [&nanos](double part) {
    return static_cast<double>(nanos.Quantile(part)) / 1e3;
  };
  printf(
      "{\"session\": \"%s\", \"calls\": %.0f, \"per_s\": %.1f, "
      "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
      "\"client_cpu_us\": %.2f%s}\n",
      session.c_str(), calls, calls / ran, micros(0.5), micros(0.99),
      micros(0.999), client / 1e3 / calls, server_cpu.c_str());
}

}  // namespace
}  // namespace spanner_session_emulator

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  spanner_session_emulator::Run();
  return 0;
}
