// The Spanner session emulator, to embed in a test or to run as a server.
//
//   auto emulator = spanner_session_emulator::Emulator::Start({});
//   if (!emulator.ok()) ...
//   // Point the client at absl::StrCat("localhost:", (*emulator)->port()), or
//   // use (*emulator)->InProcessChannel().
//   EXPECT_TRUE((*emulator)->clock().Advance(absl::Minutes(61)).ok());
//   // Sessions have died.
//
// This header and the Bazel target //server:emulator are all that a C++ test
// needs. Several emulators in one process do not disturb each other, nor any
// other gRPC server there.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_EMULATOR_H_
#define SPANNER_SESSION_EMULATOR_SERVER_EMULATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "server/auth/authorizer.h"
#include "server/faults.h"
#include "server/journal.h"
#include "server/mock/fault_registry.h"
#include "server/mock/stub_registry.h"
#include "server/services/reset.h"
#include "server/stubs.h"
#include "spanner_session_emulator/v1/faults.pb.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "store/clock.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// Every member has a default, so that `{.max_sessions = 5}` does not warn.
struct EmulatorOptions {
  // A host name or address; the server listens on each address that it has.
  std::string hostname = "localhost";
  // 0: any free port; see Emulator::port().
  int grpc_port = 0;
  // The port of REST, likewise; kNoHttp: no REST.
  static constexpr int kNoHttp = -1;
  int http_port = 0;
  // Web pages from this origin, as `http://localhost:3000`, may read REST's
  // replies in a browser; `*`: from any; empty: from none.
  std::string http_cors_origin = {};
  // Real time after which an HTTP connection is closed: between two requests;
  // while a request's header comes, in all; while its body comes, or its reply
  // is taken, without any progress. Must be positive.
  absl::Duration http_idle_timeout = absl::Minutes(10);
  absl::Duration http_header_timeout = absl::Minutes(1);
  absl::Duration http_body_timeout = absl::Minutes(1);

  // TLS on both ports: the paths of files in PEM. A certificate, with its chain
  // behind it, and its key, without a password. Both or none.
  std::string tls_cert = {};
  std::string tls_key = {};
  // Or a folder that is given certificates for localhost, `hostname` and all
  // endpoints of Google's API, where it does not have them. Clients trust its
  // ca.pem; see SelfSignedFiles in server/transport/self_signed.h.
  std::string tls_self_signed = {};
  // Not empty: clients must show a certificate that one in this file has
  // signed.
  std::string tls_client_ca = {};

  // The region whose endpoint the server stands for, as `us-east4`, or
  // `global`: calls of Google's API for the endpoint of another region are
  // refused. Empty: none are. Calls for any other host never are.
  std::string location = {};

  // How long sessions live. All must be positive; InfiniteDuration() is
  // allowed.
  // https://cloud.google.com/spanner/docs/sessions#handle_deleted_sessions
  SessionLifetimes lifetimes = {};
  // The same for single databases, by their full names.
  std::vector<std::pair<std::string, SessionLifetimes>> database_lifetimes = {};

  // CreateSession answers RESOURCE_EXHAUSTED when so many sessions are alive.
  int64_t max_sessions = 1'000'000;
  // BatchCreateSessions creates so many at the most in one call.
  int max_sessions_per_batch = 100;
  // Whether GetSession keeps its session alive, as every other RPC does.
  bool get_session_counts_as_use = true;

  // Whether only those instances and databases exist that are declared here, or
  // created through the admin API. Otherwise all exist, but for those that were
  // dropped.
  bool strict = false;
  // The full names of databases that exist, with their instances. If there are
  // any, that is strict.
  std::vector<std::string> databases = {};

  // Who may call Spanner's API: the text of a
  // spanner_session_emulator.v1.AuthPolicy, in protobuf's text format or as
  // JSON. Without a value everybody may.
  std::optional<std::string> auth_policy = {};
  // What queries, reads and DML get, and which faults come over calls, from the
  // start on and after a reset: the text of a
  // spanner_session_emulator.v1.Script, likewise.
  std::optional<std::string> script = {};
  // How many bytes the journal, the record of the calls of Spanner's API, may
  // hold; the oldest entries make room for new ones. 0: there is no journal.
  int64_t journal_bytes = int64_t{64} << 20;
  // What callers of the control API need, as `authorization: Bearer`. Empty:
  // nothing.
  std::string control_token = {};

  // Without a value the clock runs with the system's; with one, it stands at
  // that time until it is moved. It can be switched later; see Clock.
  std::optional<absl::Time> start_time = {};

  // Is given log lines, without a line end; null: nothing is logged. Called
  // from any thread, also several at a time.
  std::function<void(absl::string_view line)> log = {};
  // Whether there is a line for every call, too, and for every request that
  // HTTP refuses before it is a call.
  bool log_requests = false;
};

// A running emulator. Thread-safe.
class Emulator {
 public:
  // Starts a server; when this returns, it answers. Errors: INVALID_ARGUMENT
  // for an option, which the message names, and UNAVAILABLE for a port that
  // cannot be bound on every address of the host.
  static absl::StatusOr<std::unique_ptr<Emulator>> Start(
      EmulatorOptions options);

  // Shuts down without grace.
  ~Emulator();
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  // The gRPC port.
  int port() const;
  // The addresses that are listened on for gRPC, as `127.0.0.1:9010`.
  const std::vector<std::string>& addresses() const;
  // The port of REST; 0 if there is none.
  int http_port() const;

  // A channel that does not go through the network. It must not be used after
  // Shutdown(), nor when the emulator is gone: gRPC crashes (SIGSEGV) on calls
  // to a server that is no more. So whatever may still call, as a pool that
  // deletes its sessions in its destructor, must be destroyed first. Nor does
  // gRPC give this channel's open calls any grace at the end.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  // The clock that all lifetimes and all times in answers follow.
  Clock& clock();
  // The sessions, as the RPCs see them. Beside what clients do, it ends
  // sessions and looks at them by selection, and counts them, as the control
  // API does (store/session_store.h):
  //   const Scope scope = Scope::Parse("projects/p").value();
  //   emulator.sessions().Delete({.scope = scope, .multiplexed = true});
  //   emulator.sessions().TotalCounts().regular.live
  SessionStore& sessions();
  // Puts another auth policy in force, whose text is as that of
  // EmulatorOptions::auth_policy. INVALID_ARGUMENT says what is wrong with it;
  // then the old one stays.
  absl::Status SetAuthPolicy(const std::string& text);
  // The auth policy in force and the report of what callers have needed:
  //   emulator.auth().Report()
  Authorizer& auth();
  // Adds a stub, which says what queries, reads or DML get:
  //   auto stub =
  //       emulator.AddStub(OnSql("SELECT 2").Rows({"INT64"}, {{2}}));
  // INVALID_ARGUMENT begins with the field that is wrong; ALREADY_EXISTS if
  // there is one with its name.
  absl::StatusOr<StubHandle> AddStub(const v1::Stub& stub);
  // All stubs: to find, list and delete them.
  StubRegistry& stubs();
  // Adds a fault, which makes calls fail, wait or get lost:
  //   auto fault = emulator.AddFault(OnCall("Commit").Times(2).Aborts());
  // INVALID_ARGUMENT begins with the field that is wrong; ALREADY_EXISTS if
  // there is one with its name.
  absl::StatusOr<FaultHandle> AddFault(const v1::Fault& fault);
  // All faults: to find, list and delete them, and the seed of what they draw.
  FaultRegistry& faults();
  // What calls of Spanner's API have come, and what they got:
  //   emulator.journal().Count(CallsOf("Commit"));
  JournalView journal();
  // Brings the emulator, or parts of it, back to how it was at the start; see
  // ResetOptions. INVALID_ARGUMENT for parts that do not go together.
  absl::StatusOr<ResetResult> Reset(const ResetOptions& options = {});

  // Takes no more calls, gives the open ones so much real time to end, then
  // cancels them, and returns when all is over. Later calls do nothing.
  void Shutdown(absl::Duration grace = absl::Seconds(5));

 private:
  class Impl;
  explicit Emulator(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_EMULATOR_H_
