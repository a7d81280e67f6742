// gRPC in and out: the methods of a method table as a grpc::Service.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_SERVICE_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_SERVICE_H_

#include <functional>
#include <utility>

#include "absl/strings/string_view.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/transport/open_calls.h"

namespace spanner_session_emulator {

// Serves methods that are called often: registered with gRPC as raw callback
// methods, as generated code does it, they cost half of what the
// GenericService's do. Thread-safe.
class GrpcService final : public grpc::Service {
 public:
  // The methods that the table has of the service, by its full name. All must
  // outlive the service.
  GrpcService(absl::string_view service, const MethodTable& table,
              const Pipeline* pipeline, OpenCalls* open_calls);

 private:
  void AddUnary(int index, const Method& method);
  void AddServerStreaming(int index, const Method& method);

  const Pipeline* const pipeline_;
  OpenCalls* const open_calls_;
};

// Serves every other method of the table, of any kind, and answers those that
// nobody has with an error that names them. A bidirectional method answers each
// message of its client with one of its own, as a call of its own for the
// pipeline. Thread-safe.
class GenericService final : public grpc::CallbackGenericService {
 public:
  // Asked for the table by every call; may make it when the first one comes.
  // Thread-safe.
  using Table = std::function<const MethodTable&()>;

  // As above. What `table` returns must outlive the service, too.
  GenericService(Table table, const Pipeline* pipeline, OpenCalls* open_calls)
      : table_(std::move(table)),
        pipeline_(pipeline),
        open_calls_(open_calls) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  const Table table_;
  const Pipeline* const pipeline_;
  OpenCalls* const open_calls_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_SERVICE_H_
