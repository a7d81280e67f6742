#include "server/transport/grpc_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "grpc/slice.h"
#include "grpcpp/impl/codegen/rpc_service_method.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "server/call/call.h"
#include "server/call/errors.h"
#include "server/call/reply.h"
#include "server/transport/grpc_status.h"
#include "store/mutex.h"

namespace spanner_session_emulator {
namespace {

// The bytes of a request, in one piece, without a copy where they came in one.
class RequestBytes {
 public:
  explicit RequestBytes(const grpc::ByteBuffer& buffer) {
    if (!buffer.TrySingleSlice(&slice_).ok()) {
      (void)buffer.DumpToSingleSlice(&slice_);
    }
  }
  absl::string_view view() const {
    return {reinterpret_cast<const char*>(slice_.begin()), slice_.size()};
  }

 private:
  grpc::Slice slice_;
};

class GrpcCallContext final : public CallContext {
 public:
  // Both must outlive the context.
  GrpcCallContext(const grpc::CallbackServerContext& context,
                  const grpc::ByteBuffer& request)
      : context_(context), request_(request) {}

  std::string Peer() const override { return context_.peer(); }

  absl::string_view Authority() const override {
    const grpc::string_ref authority = context_.ExperimentalGetAuthority();
    return absl::string_view(authority.data(), authority.size());
  }

  std::optional<absl::string_view> Header(
      absl::string_view name) const override {
    const auto& metadata = context_.client_metadata();
    const auto it = metadata.find(grpc::string_ref(name.data(), name.size()));
    if (it == metadata.end()) return std::nullopt;
    return absl::string_view(it->second.data(), it->second.size());
  }

  absl::Status ReadRequest(const Method& method,
                           google::protobuf::Message& request) const override {
    const RequestBytes bytes(request_);
    if (!request.ParseFromArray(bytes.view().data(),
                                static_cast<int>(bytes.view().size()))) {
      return errors::UnparsableRequest(*method.descriptor);
    }
    return absl::OkStatus();
  }

 private:
  const grpc::CallbackServerContext& context_;
  const grpc::ByteBuffer& request_;
};

// Serializes straight into the memory that gRPC sends from.
grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  const size_t size = message.ByteSizeLong();
  grpc_slice raw = grpc_slice_malloc(size);
  message.SerializeWithCachedSizesToArray(GRPC_SLICE_START_PTR(raw));
  const grpc::Slice slice(raw, grpc::Slice::STEAL_REF);
  return grpc::ByteBuffer(&slice, 1);
}

// Sends a reply, one step after the other, and owns all that the call needs.
//
// At any time at most one party drives the stream: the thread that started it,
// the one that completed a write, or the one that ends a wait. `state_` says
// whether somebody does. A waker may come at any time, even when the call is
// over, so it holds the stream weakly.
class ServerStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                           public std::enable_shared_from_this<ServerStream> {
 public:
  ServerStream(const Method& method, const Pipeline& pipeline,
               grpc::CallbackServerContext& context,
               const grpc::ByteBuffer& request, OpenCalls* open_calls)
      : open_call_(std::in_place, open_calls),
        pipeline_(pipeline),
        grpc_context_(context),
        request_(request),
        context_(context, request_),
        call_(method, context_) {}

  void Start() {
    self_ = shared_from_this();  // Until OnDone().
    auto begun = pipeline_.Begin(call_);
    start_ = begun.start;
    source_ = std::move(begun.reply).TakeSource();
    Drive();
  }

  void OnWriteDone(bool ok) override {
    // A failed write means that the call is cancelled or its connection gone.
    if (ok) {
      Drive();
    } else {
      End(absl::CancelledError());
    }
  }

  void OnCancel() override {
    {
      MutexLock lock(&mu_);
      cancelled_ = true;
      if (state_ != State::kWaiting) return;  // The next write will fail.
      state_ = State::kDriven;
    }
    End(absl::CancelledError());
  }

  void OnDone() override {
    pipeline_.End(call_, status_, start_);
    // The stream itself may be held up by a waker, and outlive the server.
    source_.reset();
    open_call_.reset();
    self_.reset();
  }

 private:
  enum class State {
    kDriven,
    kAboutToWait,  // Still driven, but a waker may come already.
    kWaiting,
  };

  void Drive() {
    while (true) {
      ReplyStep step = source_->Next();
      if (step.kind == ReplyStep::Kind::kMessage) {
        written_ = Serialize(*step.message);
        StartWrite(&written_);
        return;
      }
      if (step.kind == ReplyStep::Kind::kEnd) {
        End(std::move(step.status));
        return;
      }
      if (Wait()) return;
    }
  }

  // Returns false if there is nothing to wait for any more.
  bool Wait() {
    SetState(State::kAboutToWait);
    source_->OnReady([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Wake();
    });
    {
      MutexLock lock(&mu_);
      if (!cancelled_ && state_ == State::kAboutToWait) {
        state_ = State::kWaiting;
        return true;
      }
      state_ = State::kDriven;
      if (!cancelled_) return false;
    }
    End(absl::CancelledError());
    return true;
  }

  void Wake() {
    {
      MutexLock lock(&mu_);
      if (std::exchange(state_, State::kDriven) != State::kWaiting) return;
    }
    Drive();
  }

  void SetState(State state) {
    MutexLock lock(&mu_);
    state_ = state;
  }

  void End(absl::Status status) {
    status_ = std::move(status);
    Finish(ToGrpcStatus(status_, grpc_context_));
  }

  std::optional<OpenCalls::Call> open_call_;
  const Pipeline& pipeline_;
  grpc::CallbackServerContext& grpc_context_;
  const grpc::ByteBuffer request_;  // Shares its memory with gRPC's own.
  const GrpcCallContext context_;
  Call call_;
  Pipeline::Clock::time_point start_;
  std::unique_ptr<ReplySource> source_;
  grpc::ByteBuffer written_;  // Must live until the write is done.
  absl::Status status_;

  Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kDriven;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;

  std::shared_ptr<ServerStream> self_;
};

}  // namespace

GrpcService::GrpcService(const google::protobuf::ServiceDescriptor* service,
                         const MethodTable* table, const Pipeline* pipeline,
                         OpenCalls* open_calls)
    : pipeline_(pipeline), open_calls_(open_calls) {
  for (const std::unique_ptr<Method>& method : table->methods()) {
    if (method->descriptor->service() != service) continue;
    if (method->descriptor->server_streaming()) {
      AddServerStreaming(*method);
    } else {
      AddUnary(*method);
    }
  }
}

void GrpcService::AddUnary(const Method& method) {
  AddMethod(new grpc::internal::RpcServiceMethod(
      method.path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
  MarkMethodRawCallback(
      method.descriptor->index(),
      new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer,
                                               grpc::ByteBuffer>(
          [this, &method](grpc::CallbackServerContext* grpc_context,
                          const grpc::ByteBuffer* request,
                          grpc::ByteBuffer* response) {
            const OpenCalls::Call open_call(open_calls_);
            const GrpcCallContext context(*grpc_context, *request);
            Call call(method, context);
            const auto [reply, start] = pipeline_->Begin(call);
            if (reply.status().ok()) *response = Serialize(*reply.message());
            pipeline_->End(call, reply.status(), start);
            // The call is complete, so it does not matter that this reactor
            // takes no notice of cancellation; it costs no allocation.
            auto* reactor = grpc_context->DefaultReactor();
            reactor->Finish(ToGrpcStatus(reply.status(), *grpc_context));
            return reactor;
          }));
}

void GrpcService::AddServerStreaming(const Method& method) {
  AddMethod(new grpc::internal::RpcServiceMethod(
      method.path.c_str(), grpc::internal::RpcMethod::SERVER_STREAMING,
      nullptr));
  MarkMethodRawCallback(
      method.descriptor->index(),
      new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer,
                                                         grpc::ByteBuffer>(
          [this, &method](grpc::CallbackServerContext* grpc_context,
                          const grpc::ByteBuffer* request) {
            const auto stream = std::make_shared<ServerStream>(
                method, *pipeline_, *grpc_context, *request, open_calls_);
            stream->Start();
            return stream.get();
          }));
}

grpc::ServerGenericBidiReactor* UnknownMethodService::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    void OnDone() override { delete this; }
  };
  const Method method = UnknownMethod(context->method());
  const grpc::ByteBuffer no_request;
  const GrpcCallContext call_context(*context, no_request);
  Call call(method, call_context);
  const auto [reply, start] = pipeline_->Begin(call);
  pipeline_->End(call, reply.status(), start);
  auto* reactor = new Reactor;
  reactor->Finish(ToGrpcStatus(reply.status(), *context));
  return reactor;
}

}  // namespace spanner_session_emulator
