// gRPC in and out: the methods of a method table as a grpc::Service.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_SERVICE_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_SERVICE_H_

#include "google/protobuf/descriptor.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/transport/open_calls.h"

namespace spanner_session_emulator {

// Serves the methods that a table has of one service. Registered with gRPC as
// raw callback methods, as generated code does it, but from the descriptors: a
// method needs no code here. Only unary and server-streaming methods exist in
// the APIs that are served. Thread-safe.
class GrpcService final : public grpc::Service {
 public:
  // All of them must outlive the service.
  GrpcService(const google::protobuf::ServiceDescriptor* service,
              const MethodTable* table, const Pipeline* pipeline,
              OpenCalls* open_calls);

 private:
  void AddUnary(const Method& method);
  void AddServerStreaming(const Method& method);

  const Pipeline* const pipeline_;
  OpenCalls* const open_calls_;
};

// Answers every method that no service has, with an error that names it.
class UnknownMethodService final : public grpc::CallbackGenericService {
 public:
  // `pipeline` must outlive the service.
  explicit UnknownMethodService(const Pipeline* pipeline)
      : pipeline_(pipeline) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  const Pipeline* const pipeline_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_GRPC_SERVICE_H_
