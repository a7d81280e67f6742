// The server program: flags in, a running Emulator out.

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "server/configuration.h"
#include "server/emulator.h"
#include "server/healthcheck.h"
#include "server/transport/files.h"
#include "server/version.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

// Each flag has its place in FlagGroups(), below, and in docs/configuration.md.
ABSL_FLAG(std::string, hostname, "localhost",
          "host name or address whose addresses are all listened on");
ABSL_FLAG(int, grpc_port, 9010, "gRPC port; 0: any free port");
ABSL_FLAG(int, http_port, 9020, "port of REST; 0: any free port, -1: no REST");
ABSL_FLAG(std::string, http_cors_origin, "",
          "the origin, as http://localhost:3000, whose web pages may read "
          "REST's replies in a browser; *: any; empty: none");
ABSL_FLAG(absl::Duration, http_idle_timeout, absl::Minutes(10),
          "an HTTP connection is closed when it was idle for so long");
ABSL_FLAG(absl::Duration, http_header_timeout, absl::Minutes(1),
          "the time that the header of an HTTP request may take");
ABSL_FLAG(absl::Duration, http_body_timeout, absl::Minutes(1),
          "an HTTP connection is closed when a body makes no progress for so "
          "long, be it a request's or a reply's");
ABSL_FLAG(std::string, tls_cert, "",
          "TLS on both ports: a file with the server's certificate, its chain "
          "behind it, in PEM");
ABSL_FLAG(std::string, tls_key, "",
          "the file with that certificate's private key, in PEM, without a "
          "password");
ABSL_FLAG(std::string, tls_self_signed, "",
          "TLS on both ports: a folder that is given certificates for "
          "localhost, --hostname and all endpoints of Google's API, if it has "
          "none; clients trust its ca.pem");
ABSL_FLAG(std::string, tls_client_ca, "",
          "a file with certificates in PEM: clients must have one that is "
          "signed by one of these");
ABSL_FLAG(std::string, tls_ca, "",
          "for --healthcheck of a server with --tls_cert: a file with the "
          "certificates in PEM to trust");
ABSL_FLAG(std::string, location, "",
          "the region whose endpoint the server stands for, as us-east4, or "
          "global: calls for that of another region are refused");
ABSL_FLAG(absl::Duration, session_idle_ttl, absl::Hours(1),
          "a regular session dies when it was not used for longer; like all "
          "durations as 1h30m, 2s, 500ms or inf");
ABSL_FLAG(absl::Duration, session_max_age, absl::Hours(28 * 24),
          "a regular session dies when it is older");
ABSL_FLAG(absl::Duration, multiplexed_session_max_age, absl::Hours(28 * 24),
          "a multiplexed session dies when it is older");
ABSL_FLAG(int64_t, max_sessions, 1'000'000,
          "sessions that can be alive at a time; more are RESOURCE_EXHAUSTED");
ABSL_FLAG(int, max_sessions_per_batch, 100,
          "sessions that one BatchCreateSessions creates at the most");
ABSL_FLAG(bool, get_session_counts_as_use, true,
          "whether GetSession keeps its session alive");
ABSL_FLAG(bool, strict, false,
          "only those instances and databases exist that --databases names, or "
          "that were created through the admin API; otherwise all exist");
ABSL_FLAG(std::vector<std::string>, databases, {},
          "databases that exist, with their instances, as "
          "projects/P/instances/I/databases/D, separated by commas; implies "
          "--strict");
ABSL_FLAG(std::string, auth_policy, "",
          "a file that says who may call Spanner's API: a "
          "spanner_session_emulator.v1.AuthPolicy, as JSON or in text format; "
          "empty: everybody");
ABSL_FLAG(std::string, script, "",
          "a file with stubs and faults: a spanner_session_emulator.v1.Script, "
          "as JSON or in text format; empty: none");
ABSL_FLAG(int64_t, journal_bytes, int64_t{64} << 20,
          "how many bytes the journal, the record of the calls of Spanner's "
          "API, may hold, at least 4096; 0: there is no journal");
ABSL_FLAG(spanner_session_emulator::SecretFlag, control_token, {},
          "what callers of the control API need, as `authorization: Bearer`; "
          "empty: nothing");
ABSL_FLAG(bool, log_requests, false,
          "log a line for every call, and for what HTTP refuses");
ABSL_FLAG(std::string, port_file, "",
          "a file to write the ports to, as JSON, before the ready line");
ABSL_FLAG(bool, exit_on_stdin_close, false,
          "stop when standard input is closed, as it is when the parent dies");
ABSL_FLAG(bool, healthcheck, false,
          "do not start a server, but ask the one on --hostname and "
          "--grpc_port for its health: exit code 0 if it is serving, else 1");

namespace spanner_session_emulator {
namespace {

constexpr char kAbout[] =
    "A local server that speaks Google Cloud Spanner's API as far as sessions "
    "reach.";

// As --help shows the flags.
const std::vector<FlagGroup>& FlagGroups() {
  static const auto* const groups = new std::vector<FlagGroup>{
      {"Listening",
       {"hostname", "grpc_port", "http_port", "http_cors_origin",
        "http_idle_timeout", "http_header_timeout", "http_body_timeout"}},
      {"TLS and endpoints",
       {"tls_self_signed", "tls_cert", "tls_key", "tls_client_ca", "tls_ca",
        "location"}},
      {"Sessions",
       {"session_idle_ttl", "session_max_age", "multiplexed_session_max_age",
        "max_sessions", "max_sessions_per_batch", "get_session_counts_as_use"}},
      {"Databases", {"strict", "databases"}},
      {"Who may call", {"auth_policy", "control_token"}},
      {"What calls get", {"script"}},
      {"Journal and log", {"journal_bytes", "log_requests"}},
      {"For whoever starts it",
       {"port_file", "exit_on_stdin_close", "healthcheck"}},
  };
  return *groups;
}

// What Testcontainers and others wait for.
constexpr char kReadyLine[] = "Cloud Spanner emulator running.\n";

// What open calls get at the end, and then what is left to end of itself.
constexpr absl::Duration kGrace = absl::Seconds(5);
constexpr absl::Duration kAfterGrace = absl::Seconds(2);

// libprotobuf says on standard error what it dislikes about a message; the
// client is told so anyway.
void LogProtobuf(google::protobuf::LogLevel level, const char*, int,
                 const std::string& message) {
  spdlog::log(level >= google::protobuf::LOGLEVEL_ERROR ? spdlog::level::err
                                                        : spdlog::level::info,
              "event=protobuf message=\"{}\"", absl::Utf8SafeCEscape(message));
}

void SetUpLogging() {
  auto logger = spdlog::stderr_logger_mt("emulator");
  logger->set_pattern("time=%Y-%m-%dT%H:%M:%S.%fZ level=%l %v",
                      spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  google::protobuf::SetLogHandler(LogProtobuf);
  gpr_set_log_function([](gpr_log_func_args* args) {
    const auto level =
        args->severity == GPR_LOG_SEVERITY_ERROR  ? spdlog::level::err
        : args->severity == GPR_LOG_SEVERITY_INFO ? spdlog::level::info
                                                  : spdlog::level::debug;
    spdlog::log(level, "event=grpc message=\"{}\"",
                absl::Utf8SafeCEscape(args->message));
  });
}

int Fail(const absl::Status& status) {
  std::cerr << "error: " << status.message() << "\n";
  return EXIT_FAILURE;
}

// Writes a file that nobody can see half written.
absl::Status WriteWhole(const std::string& path, absl::string_view text) {
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  std::ofstream out(temporary, std::ios::trunc);
  out << text;
  out.close();
  if (!out || std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(temporary.c_str());
    return absl::UnavailableError(absl::StrCat(
        "--port_file: cannot write ", path, ": ", std::strerror(error)));
  }
  return absl::OkStatus();
}

// The text of the file that the flag names; without one, nothing.
absl::StatusOr<std::optional<std::string>> TextOf(
    absl::string_view flag, const absl::Flag<std::string>& value) {
  const std::string path = absl::GetFlag(value);
  if (path.empty()) return std::nullopt;
  return ReadFile(flag, path);
}

// Waits in a thread of its own, which ends with the process.
void StopWhenStdinCloses() {
  std::thread([] {
    char buffer[4096];
    ssize_t size;
    do {
      // Standard input may be non-blocking, so read() alone need not wait.
      pollfd input = {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      poll(&input, 1, /*timeout=*/-1);
      size = read(STDIN_FILENO, buffer, sizeof(buffer));
    } while (size > 0 || (size < 0 && (errno == EINTR || errno == EAGAIN)));
    kill(getpid(), SIGTERM);
  }).detach();
}

// A handler that runs cannot be interrupted, and the emulator waits for it, as
// a test that embeds it must be able to rely on. A process need not: nothing in
// it outlives it. Nor does this log anything, since the log may be what waits.
void EndProcessAfter(absl::Duration time) {
  std::thread([time] {
    std::this_thread::sleep_for(absl::ToChronoMilliseconds(time));
    std::_Exit(EXIT_SUCCESS);
  }).detach();
}

int Run() {
  // Blocked before any thread starts, so that only sigwait() sees them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  // Whoever reads the output may go away once it has seen the ready line.
  signal(SIGPIPE, SIG_IGN);

  SetUpLogging();

  EmulatorOptions options;
  options.hostname = absl::GetFlag(FLAGS_hostname);
  options.grpc_port = absl::GetFlag(FLAGS_grpc_port);
  options.http_port = absl::GetFlag(FLAGS_http_port);
  options.http_cors_origin = absl::GetFlag(FLAGS_http_cors_origin);
  options.http_idle_timeout = absl::GetFlag(FLAGS_http_idle_timeout);
  options.http_header_timeout = absl::GetFlag(FLAGS_http_header_timeout);
  options.http_body_timeout = absl::GetFlag(FLAGS_http_body_timeout);
  options.tls_cert = absl::GetFlag(FLAGS_tls_cert);
  options.tls_key = absl::GetFlag(FLAGS_tls_key);
  options.tls_self_signed = absl::GetFlag(FLAGS_tls_self_signed);
  options.tls_client_ca = absl::GetFlag(FLAGS_tls_client_ca);
  options.location = absl::GetFlag(FLAGS_location);
  options.lifetimes = {
      .idle_ttl = absl::GetFlag(FLAGS_session_idle_ttl),
      .max_age = absl::GetFlag(FLAGS_session_max_age),
      .multiplexed_max_age = absl::GetFlag(FLAGS_multiplexed_session_max_age)};
  options.max_sessions = absl::GetFlag(FLAGS_max_sessions);
  options.max_sessions_per_batch = absl::GetFlag(FLAGS_max_sessions_per_batch);
  options.get_session_counts_as_use =
      absl::GetFlag(FLAGS_get_session_counts_as_use);
  options.strict = absl::GetFlag(FLAGS_strict);
  options.databases = absl::GetFlag(FLAGS_databases);
  auto auth_policy = TextOf("--auth_policy", FLAGS_auth_policy);
  if (!auth_policy.ok()) return Fail(auth_policy.status());
  options.auth_policy = *std::move(auth_policy);
  auto script = TextOf("--script", FLAGS_script);
  if (!script.ok()) return Fail(script.status());
  options.script = *std::move(script);
  options.journal_bytes = absl::GetFlag(FLAGS_journal_bytes);
  options.control_token = absl::GetFlag(FLAGS_control_token).text;
  options.log = [](absl::string_view line) {
    spdlog::info("{}", std::string(line));
  };
  options.log_requests = absl::GetFlag(FLAGS_log_requests);

  const std::string port_file = absl::GetFlag(FLAGS_port_file);
  // One of an earlier run would be taken for ours.
  if (!port_file.empty()) std::remove(port_file.c_str());
  auto emulator = Emulator::Start(std::move(options));
  if (!emulator.ok()) return Fail(emulator.status());

  if (!port_file.empty()) {
    const absl::Status written = WriteWhole(
        port_file,
        absl::StrCat("{\"grpc_port\": ", (*emulator)->port(),
                     ", \"http_port\": ", (*emulator)->http_port(), "}\n"));
    if (!written.ok()) return Fail(written);
  }
  if (absl::GetFlag(FLAGS_exit_on_stdin_close)) StopWhenStdinCloses();
  std::fputs(kReadyLine, stderr);

  int stop_signal = 0;
  sigwait(&stop_signals, &stop_signal);
  EndProcessAfter(kGrace + kAfterGrace);
  (*emulator)->Shutdown(kGrace);
  return EXIT_SUCCESS;
}

int HealthcheckMode() {
  // What gRPC would say about a failure is in its status.
  gpr_set_log_function([](gpr_log_func_args*) {});
  const int port = absl::GetFlag(FLAGS_grpc_port);
  if (port == 0) {
    return Fail(absl::InvalidArgumentError(
        "--healthcheck needs to know --grpc_port, but it is 0, for any"));
  }
  // Cut to 16 bits, it would be another one.
  if (port < 0 || port > 65535) {
    return Fail(absl::InvalidArgumentError(
        absl::StrCat("grpc_port must be between 1 and 65535, but is ", port)));
  }
  const absl::Status status =
      CheckHealth(absl::GetFlag(FLAGS_hostname), port,
                  {.ca = absl::GetFlag(FLAGS_tls_ca),
                   .cert = absl::GetFlag(FLAGS_tls_cert),
                   .key = absl::GetFlag(FLAGS_tls_key),
                   .self_signed = absl::GetFlag(FLAGS_tls_self_signed)});
  return status.ok() ? EXIT_SUCCESS : Fail(status);
}

int Main(int argc, char** argv) {
  // Debian builds abseil so that every lock of gRPC goes through a graph of all
  // locks, which has a lock of its own: a tenth of a call's time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const FlagMap flags = FlagsOfFile("server/main.cc");
  std::vector<char*> arguments(argv, argv + argc);
  // Before anything can be wrong.
  if (HasFlag("help", arguments) || HasFlag("h", arguments) ||
      HasFlag("helpfull", arguments)) {
    std::cout << HelpText(kAbout, flags, FlagGroups());
    return EXIT_SUCCESS;
  }
  if (HasFlag("version", arguments)) {
    std::cout << "spanner_session_emulator " << kVersion << "\n";
    return EXIT_SUCCESS;
  }
  auto flag_file = SetFlagsFromEnvironment(flags, environ);
  if (!flag_file.ok()) return Fail(flag_file.status());
  auto flag_files = TakeFlagFiles(arguments);
  if (!flag_files.ok()) return Fail(flag_files.status());
  if (flag_files->empty() && !flag_file->empty()) {
    flag_files->push_back(*std::move(flag_file));
  }
  for (const std::string& path : *flag_files) {
    if (absl::Status s = SetFlagsFromFile(flags, path); !s.ok()) return Fail(s);
  }
  const std::string shared_tls_ca = absl::GetFlag(FLAGS_tls_ca);

  if (absl::Status s = SetFlagsFromArguments(flags, arguments); !s.ok()) {
    return Fail(s);
  }
  // Server and health check have the same environment and file of flags.
  if (!absl::GetFlag(FLAGS_healthcheck) &&
      absl::GetFlag(FLAGS_tls_ca) != shared_tls_ca) {
    return Fail(absl::InvalidArgumentError(
        "tls_ca is for --healthcheck only: did you mean tls_client_ca?"));
  }
  return absl::GetFlag(FLAGS_healthcheck) ? HealthcheckMode() : Run();
}

}  // namespace
}  // namespace spanner_session_emulator

int main(int argc, char** argv) {
  return spanner_session_emulator::Main(argc, argv);
}
