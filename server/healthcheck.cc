#include "server/healthcheck.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace spanner_session_emulator {

absl::Status CheckHealth(const std::string& hostname, int port) {
  const bool any = hostname == "0.0.0.0" || hostname == "::";
  const bool ipv6 = !any && hostname.find(':') != std::string::npos;
  const std::string target = absl::StrFormat(
      ipv6 ? "[%s]:%d" : "%s:%d", any ? "localhost" : hostname, port);

  // Proxies, which containers are often given, lead away from this machine.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel = grpc::CreateCustomChannel(
      target, grpc::InsecureChannelCredentials(), arguments);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(5));
  grpc::health::v1::HealthCheckRequest request;
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = grpc::health::v1::Health::NewStub(channel)->Check(
      &context, request, &response);
  if (!status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("no health from ", target, ": ", status.error_message()));
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
