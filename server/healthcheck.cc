#include "server/healthcheck.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/transport/self_signed.h"
#include "server/transport/tls_files.h"

namespace spanner_session_emulator {
namespace {

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(
    HealthcheckTls tls) {
  std::string ca_option = "tls_ca";
  std::string pair_option = "tls_cert";
  if (!tls.self_signed.empty()) {
    if (!(tls.ca.empty() && tls.cert.empty() && tls.key.empty())) {
      return absl::InvalidArgumentError(
          "tls_self_signed must not be given with tls_ca, tls_cert or tls_key");
    }
    const SelfSignedFiles files(tls.self_signed);
    tls = {.ca = files.ca,
           .cert = files.client_certificate,
           .key = files.client_key,
           .self_signed = ""};
    ca_option = pair_option = "tls_self_signed";
  }
  if (tls.ca.empty()) {
    if (tls.cert.empty() && tls.key.empty()) {
      return grpc::InsecureChannelCredentials();
    }
    return absl::InvalidArgumentError(
        "tls_ca is missing: --healthcheck with TLS needs to know whom to "
        "trust");
  }
  if (tls.cert.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError(
        "tls_cert and tls_key must be given together");
  }
  grpc::SslCredentialsOptions options;
  auto ca = ReadTlsAuthority(ca_option, tls.ca);
  if (!ca.ok()) return ca.status();
  options.pem_root_certs = *std::move(ca);
  if (!tls.cert.empty()) {
    auto pair = ReadTlsCredentials(
        pair_option, tls.cert,
        pair_option == "tls_cert" ? "tls_key" : pair_option, tls.key);
    if (!pair.ok()) return pair.status();
    options.pem_cert_chain = std::move(pair->certificate_chain);
    options.pem_private_key = std::move(pair->private_key);
  }
  return grpc::SslCredentials(options);
}

}  // namespace

absl::Status CheckHealth(const std::string& hostname, int port,
                         const HealthcheckTls& tls) {
  const auto credentials = MakeCredentials(tls);
  if (!credentials.ok()) return credentials.status();
  const bool any = hostname == "0.0.0.0" || hostname == "::";
  const bool ipv6 = !any && hostname.find(':') != std::string::npos;
  const std::string target = absl::StrFormat(
      ipv6 ? "[%s]:%d" : "%s:%d", any ? "localhost" : hostname, port);

  // Proxies, which containers are often given, lead away from this machine.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel =
      grpc::CreateCustomChannel(target, *credentials, arguments);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(5));
  grpc::health::v1::HealthCheckRequest request;
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = grpc::health::v1::Health::NewStub(channel)->Check(
      &context, request, &response);
  if (!status.ok()) {
    const bool closed = absl::StrContains(status.error_message(), "closed") ||
                        absl::StrContains(status.error_message(), "reset");
    return absl::UnavailableError(absl::StrCat(
        "no health from ", target, ": ", status.error_message(),
        !closed ? ""
        : tls.ca.empty() && tls.self_signed.empty()
            ? "; if the server speaks TLS, give --tls_self_signed or --tls_ca"
            : "; if the server asks for certificates, give --tls_cert and "
              "--tls_key"));
  }
  if (response.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
    return absl::UnavailableError(
        absl::StrCat(target, " is ",
                     grpc::health::v1::HealthCheckResponse::ServingStatus_Name(
                         response.status())));
  }
  return absl::OkStatus();
}

}  // namespace spanner_session_emulator
