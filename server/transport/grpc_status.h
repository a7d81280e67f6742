// How an absl::Status travels over gRPC.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_STATUS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"
#include "server/call/call.h"

namespace spanner_session_emulator {

// The same status for gRPC, with a google.rpc.Status in its details
// (`grpc-status-details-bin`) where `status` is an error. The details that some
// client libraries look for in trailers of their own are added to `context`'s,
// as are those of `metadata`, which may be null.
grpc::Status ToGrpcStatus(const absl::Status& status,
                          grpc::ServerContextBase& context,
                          const ReplyMetadata* metadata = nullptr);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_STATUS_H_
