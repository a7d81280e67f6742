#include "server/emulator.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/health_check_service_server_builder_option.h"
#include "grpcpp/grpcpp.h"
#include "server/auth/authorizer.h"
#include "server/auth/endpoints.h"
#include "server/auth/permissions.h"
#include "server/auth/policy.h"
#include "server/call/descriptors.h"
#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/call/trace_context.h"
#include "server/message_text.h"
#include "server/metrics.h"
#include "server/mock/fault_registry.h"
#include "server/mock/journal.h"
#include "server/mock/journal_recorder.h"
#include "server/mock/script.h"
#include "server/mock/stub.h"
#include "server/mock/stub_registry.h"
#include "server/mock/waits.h"
#include "server/services/admin.h"
#include "server/services/control.h"
#include "server/services/execution.h"
#include "server/services/health.h"
#include "server/services/operations.h"
#include "server/services/partition_token.h"
#include "server/services/partitions.h"
#include "server/services/reflection.h"
#include "server/services/resources.h"
#include "server/services/sessions.h"
#include "server/services/spanner_methods.h"
#include "server/services/statements.h"
#include "server/services/transactions.h"
#include "server/services/unimplemented.h"
#include "server/transport/grpc_service.h"
#include "server/transport/http_server.h"
#include "server/transport/listen.h"
#include "server/transport/open_calls.h"
#include "server/transport/rest/rest_error.h"
#include "server/transport/rest/rest_service.h"
#include "server/transport/tls.h"
#include "server/transport/tls_files.h"
#include "server/version.h"
#include "store/database_catalog.h"
#include "store/mutex.h"
#include "store/names.h"
#include "store/session_table.h"

namespace spanner_session_emulator {
namespace {

// Each way; the most that Spanner takes.
constexpr int kMaxMessageBytes = 100 << 20;
// Enough for the longest name that is allowed, with every byte of it encoded.
constexpr int kMaxHttpHeaderBytes = 64 << 10;

constexpr char kSpanner[] = "google.spanner.v1.Spanner";

const google::protobuf::ServiceDescriptor* HealthService() {
  return grpc::health::v1::HealthCheckRequest::descriptor()
      ->file()
      ->FindServiceByName("Health");
}

absl::Status CheckOptions(const EmulatorOptions& options) {
  const auto positive = [](absl::string_view name, auto value, auto zero,
                           const std::string& text) {
    return value > zero ? absl::OkStatus()
                        : absl::InvalidArgumentError(absl::StrCat(
                              name, " must be greater than 0, but is ", text));
  };
  const auto check = [&](const std::string& prefix,
                         const SessionLifetimes& lifetimes) {
    for (const auto& [name, value] :
         {std::pair("session_idle_ttl", lifetimes.idle_ttl),
          std::pair("session_max_age", lifetimes.max_age),
          std::pair("multiplexed_session_max_age",
                    lifetimes.multiplexed_max_age)}) {
      absl::Status status =
          positive(absl::StrCat(prefix, name), value, absl::ZeroDuration(),
                   absl::FormatDuration(value));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  };
  absl::Status status = check("", options.lifetimes);
  for (const auto& [name, lifetimes] : options.database_lifetimes) {
    status.Update(
        check(absl::StrCat("database_lifetimes ", name, ": "), lifetimes));
  }
  const auto port = [&status](absl::string_view name, int value, int least) {
    if (value >= least && value <= 65535) return;
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        name, " must be between ", least, " and 65535, but is ", value)));
  };
  port("grpc_port", options.grpc_port, 0);
  port("http_port", options.http_port, EmulatorOptions::kNoHttp);
  status.Update(positive("max_sessions", options.max_sessions, 0,
                         absl::StrCat(options.max_sessions)));
  status.Update(positive("max_sessions_per_batch",
                         options.max_sessions_per_batch, 0,
                         absl::StrCat(options.max_sessions_per_batch)));
  for (const auto& [name, value] :
       {std::pair("http_idle_timeout", options.http_idle_timeout),
        std::pair("http_header_timeout", options.http_header_timeout),
        std::pair("http_body_timeout", options.http_body_timeout)}) {
    status.Update(positive(name, value, absl::ZeroDuration(),
                           absl::FormatDuration(value)));
  }
  // With less, the entry of a common call would not stay.
  constexpr int64_t kMinJournalBytes = 4096;
  if (options.journal_bytes != 0 && options.journal_bytes < kMinJournalBytes) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("journal_bytes must be 0, for no journal, or at least ",
                     kMinJournalBytes, ", but is ", options.journal_bytes)));
  }
  // Others could not come in a header as they are.
  if (!std::all_of(options.control_token.begin(), options.control_token.end(),
                   [](char c) {
                     return absl::ascii_isgraph(static_cast<unsigned char>(c));
                   })) {
    status.Update(absl::InvalidArgumentError(
        "control_token must be of printable ASCII characters, no blanks"));
  }
  if (options.start_time.has_value() &&
      (*options.start_time < Clock::Earliest() ||
       *options.start_time > Clock::Latest())) {
    status.Update(absl::InvalidArgumentError(
        "start_time must lie between the years 1970 and 9999"));
  }
  return status;
}

// Whom a self-signed certificate is for.
std::vector<std::string> CertifiedHosts(const std::string& hostname) {
  std::vector<std::string> hosts = {"localhost", "127.0.0.1", "::1"};
  // All addresses are none.
  if (hostname != "0.0.0.0" && hostname != "::" && hostname != "localhost") {
    hosts.push_back(hostname);
  }
  for (const absl::string_view location : Locations()) {
    hosts.push_back(EndpointOf(location));
  }
  return hosts;
}

// What both ports speak TLS with, if they do.
struct Tls {
  std::shared_ptr<grpc::ServerCredentials> grpc;
  std::shared_ptr<const TlsContext> http;
  absl::Time expires;
};

absl::StatusOr<std::optional<Tls>> MakeTls(const EmulatorOptions& options) {
  auto credentials = LoadTls({.tls_cert = options.tls_cert,
                              .tls_key = options.tls_key,
                              .tls_client_ca = options.tls_client_ca,
                              .tls_self_signed = options.tls_self_signed},
                             CertifiedHosts(options.hostname));
  if (!credentials.ok()) return credentials.status();
  if (!credentials->has_value()) return std::nullopt;
  const TlsCredentials& tls = **credentials;
  auto http = TlsContext::Create(tls);
  if (!http.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tls_cert: ", http.status().message()));
  }
  grpc::SslServerCredentialsOptions grpc_options(
      tls.client_ca.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  grpc_options.pem_key_cert_pairs = {{tls.private_key, tls.certificate_chain}};
  grpc_options.pem_root_certs = tls.client_ca;
  return Tls{.grpc = grpc::SslServerCredentials(grpc_options),
             .http = *std::move(http),
             .expires = ExpiryOf(tls.certificate_chain)};
}

absl::StatusOr<DatabaseName> ParseDatabase(absl::string_view option,
                                           const std::string& text) {
  auto name = DatabaseName::Parse(text);
  if (name.ok()) return name;
  return absl::InvalidArgumentError(
      absl::StrCat(option, " ", name.status().message()));
}

absl::StatusOr<std::shared_ptr<const Policy>> MakePolicy(
    const std::string& text) {
  v1::AuthPolicy proto;
  if (absl::Status s = ParseMessageText(text, TextKind::kSecret, proto);
      !s.ok()) {
    return s;
  }
  return Policy::Make(proto);
}

struct Script {
  Stubs stubs;
  Faults faults;
};

// Without a text, none; and no work for protobuf.
absl::StatusOr<Script> MakeScript(const std::optional<std::string>& text) {
  if (!text.has_value()) return Script();
  const auto invalid = [](const absl::Status& problem) {
    return absl::InvalidArgumentError(
        absl::StrCat("script: ", problem.message()));
  };
  v1::Script proto;
  if (absl::Status s = ParseMessageText(*text, TextKind::kPublic, proto);
      !s.ok()) {
    return invalid(s);
  }
  auto stubs = MakeScripted<Stub>(kStubKind, proto.stubs());
  if (!stubs.ok()) return invalid(stubs.status());
  auto faults = MakeScripted<Fault>(kFaultKind, proto.faults());
  if (!faults.ok()) return invalid(faults.status());
  return Script{.stubs = *std::move(stubs), .faults = *std::move(faults)};
}

// A value in a log line: in quotes, on one line, whatever the text.
std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
}

std::string CallLine(const Call& call, const absl::Status& status,
                     absl::Duration took) {
  // Of a method that does not exist, the path is what the client sent.
  const Method& method = call.method();
  std::string line =
      absl::StrCat("event=call method=",
                   method.known ? method.full_name : Quoted(method.path),
                   " status=", absl::StatusCodeToString(status.code()),
                   " micros=", absl::ToInt64Microseconds(took),
                   " peer=", Quoted(call.context().Peer()));
  if (!call.resource().empty()) {
    absl::StrAppend(&line, " resource=", Quoted(call.resource()));
  }
  const auto trace_parent = call.context().Header(kTraceParentHeader);
  const auto trace = ParseTraceParent(trace_parent.value_or(""));
  if (trace.has_value()) {
    absl::StrAppend(&line, " trace_id=", trace->trace_id);
  }
  if (!status.ok()) {
    absl::StrAppend(&line, " message=", Quoted(status.message()));
  }
  return line;
}

// What HTTP serves beside the API.
void AddPages(const Health& health, const MetricsSources& metrics,
              RestService& rest) {
  const auto page = [](int status, absl::string_view key,
                       absl::string_view value) {
    return HttpResponse{
        .status = status,
        .headers = {{"Content-Type", kJsonContentType}},
        .body = absl::StrCat("{\n  \"", key, "\": \"", value, "\"\n}\n")};
  };
  rest.AddPage("/healthz", [page](const HttpRequest&) {
    return page(200, "status", "alive");
  });
  rest.AddPage("/readyz", [page, &health](const HttpRequest&) {
    return health.serving() ? page(200, "status", "ready")
                            : page(503, "status", "shutting down");
  });
  rest.AddPage("/metrics", [metrics](const HttpRequest&) {
    return HttpResponse{.status = 200,
                        .headers = {{"Content-Type", kMetricsContentType}},
                        .body = MetricsText(metrics)};
  });
  rest.AddPage("/version", [page](const HttpRequest&) {
    return page(200, "version", kVersion);
  });
}

// About a request that the HTTP server itself answers.
std::string ProblemLine(HttpProblem problem, const HttpRequest& request) {
  std::string line =
      absl::StrCat("event=http_problem status=", static_cast<int>(problem),
                   " peer=", Quoted(request.peer));
  if (problem == HttpProblem::kInternal) {
    // Without the query, which can hold a token.
    const absl::string_view target =
        request.target.substr(0, request.target.find('?'));
    absl::StrAppend(&line, " method=", Quoted(request.method),
                    " target=", Quoted(target));
  }
  return line;
}

// The error that a call gets whose caller lacks the first permission that it
// needs; OK if it needs none.
absl::Status PermissionDenied(const Call& call) {
  absl::Status denied;
  CheckPermissions(
      call, [&](absl::string_view permission, absl::string_view resource) {
        denied = errors::PermissionMissing(permission, resource);
        return false;
      });
  return denied;
}

// What the HTTP server answers of its own accord.
HttpResponse ProblemResponse(HttpProblem problem, bool tls) {
  const int status = static_cast<int>(problem);
  switch (problem) {
    case HttpProblem::kMalformed:
      return BadHttpRequestResponse(
          status, tls ? "This is not an HTTP/1.1 request by TLS (https)"
                      : "This is not an HTTP/1.1 request");
    case HttpProblem::kTimeout:
      return BadHttpRequestResponse(status,
                                    "The rest of the request did not come");
    case HttpProblem::kBodyTooLarge:
      return BadHttpRequestResponse(
          status, absl::StrCat("The request's body must be at most ",
                               kMaxMessageBytes, " bytes long"));
    case HttpProblem::kHeaderTooLarge:
      return BadHttpRequestResponse(
          status, absl::StrCat("The request's header must be at most ",
                               kMaxHttpHeaderBytes, " bytes long"));
    case HttpProblem::kInternal:
      return RequestFailedResponse();
  }
  return BadHttpRequestResponse(status, "");
}

}  // namespace

class Emulator::Impl {
 public:
  Impl(const EmulatorOptions& options,
       const std::vector<DatabaseName>& databases,
       SessionTableOptions table_options, std::shared_ptr<const Policy> policy,
       Script script, EndpointCheck check_endpoint, std::optional<Tls> tls)
      : options_(WithoutSecrets(options)),
        has_control_token_(!options.control_token.empty()),
        tls_(std::move(tls)),
        clock_(options_.start_time.has_value()
                   ? std::make_unique<Clock>(*options_.start_time)
                   : std::make_unique<Clock>()),
        store_(clock_.get(), std::move(table_options)),
        catalog_(options_.strict || !databases.empty(), databases,
                 clock_->Now()),
        auth_(clock_.get(), std::move(policy), options.control_token),
        stubs_(std::move(script.stubs), &catalog_),
        faults_({.store = &store_, .permission_denied = PermissionDenied},
                std::move(script.faults)),
        journal_(clock_.get(), options_.journal_bytes),
        recorder_(&journal_),
        pipeline_(MakeObserver(options_), &auth_, std::move(check_endpoint),
                  &faults_, journal_.active() ? &recorder_ : nullptr,
                  unknown_calls_.get()) {
    AddSpannerMethods(Unimplemented(resources_), methods_);
    AddSessionMethods(
        resources_,
        {.get_session_counts_as_use = options_.get_session_counts_as_use},
        methods_);
    AddTransactionMethods(resources_, &stubs_, methods_);
    const Execution execution = {.resources = resources_,
                                 .partition_tokens = &partition_tokens_,
                                 .stubs = &stubs_};
    AddStatementMethods(execution, methods_);
    AddPartitionMethods(execution, methods_);
    CheckPermissionTable(methods_);
    spanner_service_ = std::make_unique<GrpcService>(kSpanner, methods_,
                                                     &pipeline_, &open_calls_);
  }

  ~Impl() { Shutdown(absl::ZeroDuration()); }

  absl::Status Start() {
    // With port 0, the port that was found may be taken before gRPC has it.
    constexpr int kTries = 10;
    for (int i = 0; server_ == nullptr; ++i) {
      absl::StatusOr<ListenAddresses> listen =
          FindListenAddresses(options_.hostname, options_.grpc_port);
      if (!listen.ok()) return listen.status();
      listen_ = *std::move(listen);
      server_ = BuildAndStart();
      if (server_ == nullptr && (options_.grpc_port != 0 || i == kTries)) {
        return absl::UnavailableError(absl::StrCat(
            "cannot listen on ", absl::StrJoin(listen_.addresses, ", "),
            ": gRPC could not; another process may have been faster"));
      }
    }
    if (options_.http_port != EmulatorOptions::kNoHttp) {
      auto http_server = HttpServer::Start(MakeHttpOptions());
      if (!http_server.ok()) {
        StopServer(std::chrono::milliseconds::zero());
        server_ = nullptr;
        return http_server.status();
      }
      http_server_ = *std::move(http_server);
    }
    std::string line = absl::StrCat(
        "event=start grpc=", Quoted(absl::StrJoin(listen_.addresses, ",")));
    if (http_server_ != nullptr) {
      absl::StrAppend(&line, " http=",
                      Quoted(absl::StrJoin(http_server_->addresses(), ",")));
    }
    if (tls_.has_value()) {
      absl::StrAppend(&line, " tls_cert_expires=",
                      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", tls_->expires,
                                       absl::UTCTimeZone()));
    }
    // An empty flag, as of a variable that is not set, means that all may call.
    if (const int count = auth_.policy().principals_size(); count > 0) {
      absl::StrAppend(&line, " auth_principals=", count);
    }
    if (const size_t count = stubs_.List(0, SIZE_MAX).size(); count > 0) {
      absl::StrAppend(&line, " stubs=", count);
    }
    if (const size_t count = faults_.List(0, SIZE_MAX).size(); count > 0) {
      absl::StrAppend(&line, " faults=", count);
    }
    if (has_control_token_) absl::StrAppend(&line, " control_token=true");
    Log(line);
    return absl::OkStatus();
  }

  void Shutdown(absl::Duration grace) {
    MutexLock lock(&shutdown_mu_);
    if (shut_down_ || server_ == nullptr) return;
    shut_down_ = true;
    health_.Shutdown();
    faults_.ShutDown();
    journal_.ShutDown();
    grace = std::clamp(grace, absl::ZeroDuration(), absl::Hours(24));
    // Both at once, as they share the grace.
    std::thread http([&] {
      if (http_server_ != nullptr) http_server_->Shutdown(grace);
    });
    StopServer(absl::ToChronoMilliseconds(grace));
    http.join();
    const SessionCounts counts = store_.TotalCounts();
    Log(absl::StrCat(
        "event=stop sessions_created=",
        counts.regular.created + counts.multiplexed.created,
        " sessions_alive=", counts.regular.live + counts.multiplexed.live));
  }

  std::shared_ptr<grpc::Channel> InProcessChannel() {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    return server_->InProcessChannel(arguments);
  }

  const ListenAddresses& listen() const { return listen_; }
  int http_port() const {
    return http_server_ == nullptr ? 0 : http_server_->port();
  }
  Clock& clock() { return *clock_; }
  SessionStore& store() { return store_; }
  Authorizer& auth() { return auth_; }
  StubRegistry& stubs() { return stubs_; }
  Journal& journal() { return journal_; }
  FaultRegistry& faults() { return faults_; }
  Resettable resettable() {
    return {.store = &store_,
            .auth = &auth_,
            .stubs = &stubs_,
            .faults = &faults_,
            .journal = &journal_,
            .catalog = &catalog_,
            .operations = &operations_,
            .changing = &changing_};
  }

 private:
  // The methods of all other services are only added when somebody calls one,
  // or REST: their descriptors, and those that REST needs, would take a third
  // of the start.
  void AddOtherMethods() {
    NeedDescriptors();
    std::vector<std::string> names = {kSpanner};
    for (const auto* service : AdminServices()) {
      methods_.AddService(service, Unimplemented(resources_));
      names.push_back(service->full_name());
    }
    AddAdminMethods({.clock = clock_.get(),
                     .store = &store_,
                     .catalog = &catalog_,
                     .operations = &operations_,
                     .changing = &changing_},
                    methods_);
    for (const auto* service : ControlServices()) {
      methods_.AddService(service, Unimplemented(resources_));
      names.push_back(service->full_name());
    }
    AddControlMethods(clock_.get(), resettable(), &journal_waits_, methods_);
    methods_.AddService(HealthService(), Unimplemented(resources_));
    health_.AddMethods(names, methods_);
    names.push_back(HealthService()->full_name());
    for (const auto* service : ReflectionServices()) {
      methods_.AddService(service, Unimplemented(resources_));
      names.push_back(service->full_name());
    }
    AddReflectionMethods(names, methods_);
    CheckPermissionTable(methods_);
  }

  const MethodTable& AllMethods() {
    std::call_once(all_methods_once_, [this] {
      MutexLock lock(&methods_mu_);
      AddOtherMethods();
    });
    return methods_;
  }

  std::unique_ptr<RestService> MakeRest() {
    return std::make_unique<RestService>(
        &methods_, &pipeline_, &open_calls_,
        RestOptions{.cors_origin = options_.http_cors_origin,
                    .max_body_bytes = kMaxMessageBytes});
  }

  // For the paths that only Spanner's methods have: the descriptors of all
  // others would take a third of the time to the first answer.
  const RestService& SpannerRest() {
    std::call_once(spanner_rest_once_, [this] {
      MutexLock lock(&methods_mu_);
      NeedDescriptors();
      spanner_rest_ = MakeRest();
    });
    return *spanner_rest_;
  }

  // For all paths.
  const RestService& Rest() {
    std::call_once(rest_once_, [this] {
      AllMethods();
      rest_ = MakeRest();
      AddPages(health_,
               {.methods = &methods_,
                .unknown_calls = unknown_calls_.get(),
                .open_calls = &open_calls_,
                .store = &store_,
                .stubs = &stubs_,
                .faults = &faults_,
                .journal = &journal_},
               *rest_);
    });
    return *rest_;
  }

  HttpResponse HandleHttp(const HttpRequest& request) {
    if (absl::StartsWith(request.target, "/v1/")) {
      auto response = SpannerRest().TryHandle(request);
      if (response.has_value()) return *std::move(response);
    }
    return Rest().Handle(request);
  }

  // gRPC waits for connections, not for calls, and a client may look at its
  // connection only when it has a call. So idle connections are cut as soon as
  // no call is open.
  void StopServer(std::chrono::milliseconds grace) {
    // For what is not counted: requests that are not yet complete, replies that
    // are not yet sent.
    constexpr std::chrono::milliseconds kOnTheWay(500);
    Mutex mu;
    CondVar stopped_changed;
    bool stopped = false;
    std::thread cutter([&] {
      open_calls_.WaitForNone(std::chrono::steady_clock::now() + grace);
      MutexLock lock(&mu);
      if (!stopped_changed.wait_for(mu, kOnTheWay, [&] { return stopped; })) {
        grpc_server_cancel_all_calls(server_->c_server());
      }
    });
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    {
      MutexLock lock(&mu);
      stopped = true;
      stopped_changed.notify_all();
    }
    cutter.join();
    server_->Wait();
  }

  HttpServerOptions MakeHttpOptions() {
    return {
        .hostname = options_.hostname,
        .port = options_.http_port,
        .tls = tls_.has_value() ? tls_->http : nullptr,
        .handler =
            [this](const HttpRequest& request) { return HandleHttp(request); },
        // The control API looks at many sessions in one call, and so does what
        // drops a database; metrics look at all databases.
        .is_slow =
            [](const HttpRequest& request) {
              return absl::StrContains(request.target, "/emulator/v1/") ||
                     absl::StartsWith(request.target, "/metrics") ||
                     (request.method == "DELETE" &&
                      !absl::StrContains(request.target, "/sessions/"));
            },
        .on_problem =
            [this](HttpProblem problem, const HttpRequest& request) {
              if (options_.log_requests || problem == HttpProblem::kInternal) {
                Log(ProblemLine(problem, request));
              }
              return ProblemResponse(problem, tls_.has_value());
            },
        .max_body_bytes = kMaxMessageBytes,
        .max_header_bytes = kMaxHttpHeaderBytes,
        .idle_timeout = options_.http_idle_timeout,
        .header_timeout = options_.http_header_timeout,
        .body_timeout = options_.http_body_timeout,
        .write_timeout = options_.http_body_timeout};
  }

  // Tokens are not kept for longer than it takes to digest them; nor is what
  // is only large.
  static EmulatorOptions WithoutSecrets(EmulatorOptions options) {
    options.auth_policy.reset();
    options.script.reset();
    options.control_token.clear();
    return options;
  }

  static Pipeline::Observer MakeObserver(const EmulatorOptions& options) {
    if (!options.log_requests || options.log == nullptr) return nullptr;
    return [log = options.log](const Call& call, const absl::Status& status,
                               absl::Duration took) {
      log(CallLine(call, status, took));
    };
  }

  void Log(const std::string& line) const {
    if (options_.log != nullptr) options_.log(line);
  }

  std::unique_ptr<grpc::Server> BuildAndStart() {
    grpc::ServerBuilder builder;
    // A port that somebody else has is an error, not to be shared.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
    builder.SetMaxSendMessageSize(kMaxMessageBytes);
    // gRPC's own health service stays out, even where the process has switched
    // it on for its other servers.
    builder.SetOption(
        std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
    for (const std::string& address : listen_.addresses) {
      builder.AddListeningPort(
          address,
          tls_.has_value() ? tls_->grpc : grpc::InsecureServerCredentials());
    }
    builder.RegisterService(spanner_service_.get());
    // Anew at each try: gRPC aborts when one of these gets a second server.
    generic_service_ = std::make_unique<GenericService>(
        [this]() -> const MethodTable& { return AllMethods(); }, &pipeline_,
        &open_calls_);
    builder.RegisterCallbackGenericService(generic_service_.get());
    return builder.BuildAndStart();
  }

  const EmulatorOptions options_;
  const bool has_control_token_;
  const std::optional<Tls> tls_;
  // Each of the following uses only what stands above it.
  const std::unique_ptr<Clock> clock_;
  SessionTable store_;
  DatabaseCatalog catalog_;
  Operations operations_;
  Mutex changing_;  // Instances and databases, by the admin API or a reset.
  const Resources resources_ = {.store = &store_, .catalog = &catalog_};
  const PartitionTokens partition_tokens_;
  Authorizer auth_;
  StubRegistry stubs_;
  FaultRegistry faults_;
  Journal journal_;
  JournalRecorder recorder_;
  Waits journal_waits_;
  const std::unique_ptr<CallMeter> unknown_calls_ =
      std::make_unique<CallMeter>();
  const Pipeline pipeline_;
  OpenCalls open_calls_;

  Health health_;

  MethodTable methods_;  // Only Spanner's, until AllMethods() was called.
  Mutex methods_mu_;     // For whoever has not called it, and who adds.
  std::once_flag all_methods_once_;
  std::once_flag spanner_rest_once_;
  std::unique_ptr<RestService> spanner_rest_;
  std::once_flag rest_once_;
  std::unique_ptr<RestService> rest_;
  std::unique_ptr<GrpcService> spanner_service_;
  std::unique_ptr<GenericService> generic_service_;

  ListenAddresses listen_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<HttpServer> http_server_;

  Mutex shutdown_mu_;
  bool shut_down_ ABSL_GUARDED_BY(shutdown_mu_) = false;
};

absl::StatusOr<std::unique_ptr<Emulator>> Emulator::Start(
    EmulatorOptions options) {
  if (absl::Status s = CheckOptions(options); !s.ok()) return s;
  std::vector<DatabaseName> databases;
  for (const std::string& text : options.databases) {
    auto name = ParseDatabase("databases", text);
    if (!name.ok()) return name.status();
    databases.push_back(*std::move(name));
  }
  SessionTableOptions table_options = {
      .lifetimes = options.lifetimes,
      .database_lifetimes = {},
      .max_sessions = options.max_sessions,
      .max_sessions_per_batch = options.max_sessions_per_batch};
  for (const auto& [text, lifetimes] : options.database_lifetimes) {
    auto name = ParseDatabase("database_lifetimes", text);
    if (!name.ok()) return name.status();
    table_options.database_lifetimes.emplace(*std::move(name), lifetimes);
  }
  std::shared_ptr<const Policy> policy;
  if (options.auth_policy.has_value()) {
    auto made = MakePolicy(*options.auth_policy);
    if (!made.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("auth_policy: ", made.status().message()));
    }
    policy = *std::move(made);
  }
  auto script = MakeScript(options.script);
  if (!script.ok()) return script.status();
  auto check_endpoint = MakeEndpointCheck(options.location);
  if (!check_endpoint.ok()) return check_endpoint.status();
  auto tls = MakeTls(options);
  if (!tls.ok()) return tls.status();
  auto impl = std::make_unique<Impl>(
      options, databases, std::move(table_options), std::move(policy),
      *std::move(script), *std::move(check_endpoint), *std::move(tls));
  if (absl::Status s = impl->Start(); !s.ok()) return s;
  return std::unique_ptr<Emulator>(new Emulator(std::move(impl)));
}

Emulator::Emulator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Emulator::~Emulator() = default;

int Emulator::port() const { return impl_->listen().port; }

int Emulator::http_port() const { return impl_->http_port(); }

const std::vector<std::string>& Emulator::addresses() const {
  return impl_->listen().addresses;
}

std::shared_ptr<grpc::Channel> Emulator::InProcessChannel() {
  return impl_->InProcessChannel();
}

Clock& Emulator::clock() { return impl_->clock(); }

SessionStore& Emulator::sessions() { return impl_->store(); }

Authorizer& Emulator::auth() { return impl_->auth(); }

absl::Status Emulator::SetAuthPolicy(const std::string& text) {
  auto policy = MakePolicy(text);
  if (!policy.ok()) return policy.status();
  impl_->auth().SetPolicy(*std::move(policy));
  return absl::OkStatus();
}

absl::StatusOr<StubHandle> Emulator::AddStub(const v1::Stub& stub) {
  absl::StatusOr<std::unique_ptr<Stub>> made = Stub::Make(stub);
  if (!made.ok()) return made.status();
  Stubs stubs;
  stubs.push_back(*std::move(made));
  const auto added = impl_->stubs().Add(std::move(stubs));
  if (!added.ok()) return added.status();
  return StubHandle(&impl_->stubs(), added->front().stub->name());
}

StubRegistry& Emulator::stubs() { return impl_->stubs(); }

absl::StatusOr<FaultHandle> Emulator::AddFault(const v1::Fault& fault) {
  absl::StatusOr<std::unique_ptr<Fault>> made = Fault::Make(fault);
  if (!made.ok()) return made.status();
  Faults faults;
  faults.push_back(*std::move(made));
  const auto added = impl_->faults().Add(std::move(faults));
  if (!added.ok()) return added.status();
  return FaultHandle(&impl_->faults(), added->front().fault->name());
}

FaultRegistry& Emulator::faults() { return impl_->faults(); }

JournalView Emulator::journal() { return JournalView(&impl_->journal()); }

absl::StatusOr<ResetResult> Emulator::Reset(const ResetOptions& options) {
  auto result = spanner_session_emulator::Reset(impl_->resettable(), options);
  if (result.ok()) return result;
  return absl::InvalidArgumentError(
      absl::StrCat("parts ", result.status().message()));
}

void Emulator::Shutdown(absl::Duration grace) { impl_->Shutdown(grace); }

}  // namespace spanner_session_emulator
