#include "server/transport/grpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/rpc/status.pb.h"

namespace spanner_session_emulator {
namespace {

// Java, .NET and Ruby clients read ResourceInfo, Java, Node and .NET clients
// RetryInfo, and PHP clients ErrorInfo from a trailer that holds just this
// message.
absl::string_view TrailerFor(absl::string_view type_url) {
  if (type_url == "type.googleapis.com/google.rpc.ResourceInfo") {
    return "google.rpc.resourceinfo-bin";
  }
  if (type_url == "type.googleapis.com/google.rpc.RetryInfo") {
    return "google.rpc.retryinfo-bin";
  }
  if (type_url == "type.googleapis.com/google.rpc.ErrorInfo") {
    return "google.rpc.errorinfo-bin";
  }
  return "";
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status,
                          grpc::ServerContextBase& context,
                          const ReplyMetadata* metadata) {
  const auto removed = [metadata](absl::string_view name) {
    return metadata != nullptr && metadata->Removes(name);
  };
  if (metadata != nullptr) {
    for (const auto& [name, value] : metadata->trailers) {
      context.AddTrailingMetadata(name, value);
    }
  }
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  status.ForEachPayload(
      [&](absl::string_view type_url, const absl::Cord& value) {
        const std::string bytes(value);
        auto* detail = details.add_details();
        detail->set_type_url(std::string(type_url));
        detail->set_value(bytes);
        if (const auto trailer = TrailerFor(type_url);
            !trailer.empty() && !removed(trailer)) {
          context.AddTrailingMetadata(std::string(trailer), bytes);
        }
      });
  return grpc::Status(
      static_cast<grpc::StatusCode>(status.code()), details.message(),
      removed("grpc-status-details-bin") ? "" : details.SerializeAsString());
}

}  // namespace spanner_session_emulator
