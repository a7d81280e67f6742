#include "server/transport/grpc_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "grpc/slice.h"
#include "grpcpp/impl/codegen/rpc_service_method.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "server/call/call.h"
#include "server/call/errors.h"
#include "server/call/reply.h"
#include "server/transport/cut_connection.h"
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

  CallProtocol Protocol() const override { return CallProtocol::kGrpc; }

  std::string Peer() const override { return context_.peer(); }

  absl::string_view Authority() const override {
    const grpc::string_ref authority = context_.ExperimentalGetAuthority();
    return absl::string_view(authority.data(), authority.size());
  }

  std::optional<absl::string_view> Header(
      absl::string_view name) const override {
    // gRPC keeps it apart.
    if (name == ":authority") return Authority();
    const auto& metadata = context_.client_metadata();
    const auto it = metadata.find(grpc::string_ref(name.data(), name.size()));
    if (it == metadata.end()) return std::nullopt;
    return absl::string_view(it->second.data(), it->second.size());
  }

  absl::Status ReadRequest(const Method& method,
                           google::protobuf::Message& request) const override {
    if (!request_.Valid()) return errors::RequestMissing();
    const RequestBytes bytes(request_);
    if (!request.ParseFromArray(bytes.view().data(),
                                static_cast<int>(bytes.view().size()))) {
      return errors::UnparsableRequest(*method.descriptor());
    }
    return absl::OkStatus();
  }

  void WithRequestBytes(
      const google::protobuf::Message*,
      absl::FunctionRef<void(absl::string_view)> read) const override {
    if (!request_.Valid()) return read("");
    const RequestBytes bytes(request_);
    read(bytes.view());
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

// Of a reply that is a message.
grpc::ByteBuffer Serialize(const Reply& reply) {
  if (!reply.is_serialized()) return Serialize(*reply.message());
  const grpc::Slice slice(reply.bytes().data(), reply.bytes().size());
  return grpc::ByteBuffer(&slice, 1);
}

// Sends a reply, one step after the other, and owns all that the call needs.
//
// At any time at most one party drives the call: the thread that started it,
// the one that completed a write, or the one that ends a wait. `state_` says
// whether somebody does. A waker may come at any time, even when the call is
// over, so it holds the call weakly.
//
// `Reactor` is one of gRPC's for servers.
template <typename Reactor>
class ServerCall : public Reactor,
                   public std::enable_shared_from_this<ServerCall<Reactor>> {
 public:
  ServerCall(const Method& method, const Pipeline& pipeline,
             grpc::CallbackServerContext& context,
             const grpc::ByteBuffer& request, OpenCalls* open_calls)
      : open_calls_(open_calls),
        pipeline_(pipeline),
        grpc_context_(context),
        request_(request),
        context_(context, request_),
        call_(method, context_, Call::Unary::kMayWait) {}

  // Holds the call until OnDone().
  void Hold() { self_ = this->shared_from_this(); }

  // The request must be there, or must be known not to come.
  void Begin() {
    open_call_.emplace(open_calls_);
    auto begun = pipeline_.Begin(call_);
    start_ = begun.start;
    source_ = std::move(begun.reply).TakeSource();
    if (call_.reply_metadata != nullptr) {
      for (const auto& [name, value] : call_.reply_metadata->headers) {
        grpc_context_.AddInitialMetadata(name, value);
      }
    }
    Drive();
  }

  void OnCancel() override {
    {
      MutexLock lock(&mu_);
      cancelled_ = true;
      if (state_ != State::kWaiting) return;  // The next write will fail.
      state_ = State::kDriven;
    }
    EndCancelled();
  }

  void OnDone() override {
    // The object itself may be held up by a waker, and outlive the server.
    source_.reset();
    open_call_.reset();
    self_.reset();
  }

 protected:
  // Returns whether the next step can be taken at once. If not, Drive() or
  // End() is to be called when it can.
  virtual bool Send(grpc::ByteBuffer message) = 0;
  // Calls Finish(), now or later.
  virtual void Close() { Finish(); }
  // Before a wait: returns whether something is to be sent first. Drive() is to
  // be called when it was.
  virtual bool SendHead() { return false; }

  void End(absl::Status status) {
    status_ = std::move(status);
    Close();
  }
  // Of a call that nobody waits for any more.
  void EndCancelled() {
    status_ = absl::CancelledError();
    Finish();
  }
  void Finish() {
    EndForPipeline();
    Reactor::Finish(
        ToGrpcStatus(status_, grpc_context_, call_.reply_metadata.get()));
  }
  const absl::Status& status() const { return status_; }
  const Method& method() const { return call_.method(); }

  grpc::ByteBuffer& request() { return request_; }

  void Drive() {
    while (true) {
      ReplyStep step = source_->Next();
      switch (step.kind) {
        case ReplyStep::Kind::kMessage:
          ++call_.sent_messages;
          if (!Send(Serialize(*step.message))) return;
          break;
        case ReplyStep::Kind::kWait:
          if (SendHead() || Wait()) return;
          break;
        case ReplyStep::Kind::kCut:
          status_ = step.status;
          EndForPipeline();  // Before its client sees the end.
          CutConnection(grpc_context_.peer());
          [[fallthrough]];
        case ReplyStep::Kind::kEnd:
          End(std::move(step.status));
          return;
      }
    }
  }

 private:
  void EndForPipeline() {
    if (!std::exchange(ended_, true)) pipeline_.End(call_, status_, start_);
  }

  enum class State {
    kDriven,
    kAboutToWait,  // Still driven, but a waker may come already.
    kWaiting,
  };

  // Returns false if there is nothing to wait for any more.
  bool Wait() {
    SetState(State::kAboutToWait);
    source_->OnReady([weak = this->weak_from_this()] {
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
    EndCancelled();
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

  OpenCalls* const open_calls_;
  std::optional<OpenCalls::Call> open_call_;  // From Begin() on.
  const Pipeline& pipeline_;
  grpc::CallbackServerContext& grpc_context_;
  grpc::ByteBuffer request_;  // Shares its memory with gRPC's own.
  const GrpcCallContext context_;
  Call call_;
  Pipeline::Clock::time_point start_;
  std::unique_ptr<ReplySource> source_;
  absl::Status status_;
  bool ended_ = false;  // For the pipeline.

  Mutex mu_;
  State state_ ABSL_GUARDED_BY(mu_) = State::kDriven;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;

  std::shared_ptr<ServerCall> self_;
};

// `Reactor` is one that can write.
template <typename Reactor>
class ServerStream : public ServerCall<Reactor> {
 public:
  using ServerCall<Reactor>::ServerCall;

  void OnWriteDone(bool ok) override {
    // A failed write means that the call is cancelled or its connection gone.
    if (ok) {
      this->Drive();
    } else {
      this->EndCancelled();
    }
  }

  void OnSendInitialMetadataDone(bool ok) override {
    if (is_closing_) {
      this->Finish();
    } else {
      OnWriteDone(ok);
    }
  }

 protected:
  bool Send(grpc::ByteBuffer message) override {
    written_.Swap(&message);
    has_begun_ = true;
    this->StartWrite(&written_);
    return false;
  }

  // An error before the first message goes behind initial metadata: Node's
  // client library calls again, up to twice, for any error that comes without.
  void Close() override {
    if (this->status().ok() || has_begun_) {
      this->Finish();
    } else {
      is_closing_ = true;
      this->StartSendInitialMetadata();
    }
  }

  // In the control API, so that a client knows that it watches. Not in
  // Spanner's: what a client does with a call that has ended depends on whether
  // it got any initial metadata before, and faults are to decide that.
  bool SendHead() override {
    if (has_begun_ || this->method().api_kind != ApiKind::kControl) {
      return false;
    }
    has_begun_ = true;
    this->StartSendInitialMetadata();
    return true;
  }

 private:
  grpc::ByteBuffer written_;  // Must live until the write is done.
  // Initial metadata was sent, with a message or without.
  bool has_begun_ = false;
  bool is_closing_ = false;
};

// A unary call that may wait.
class UnaryCall final : public ServerCall<grpc::ServerUnaryReactor> {
 public:
  // gRPC's `response` lives until OnDone().
  UnaryCall(const Method& method, const Pipeline& pipeline,
            grpc::CallbackServerContext& context,
            const grpc::ByteBuffer& request, grpc::ByteBuffer* response,
            OpenCalls* open_calls)
      : ServerCall(method, pipeline, context, request, open_calls),
        response_(response) {}

 protected:
  bool Send(grpc::ByteBuffer message) override {
    response_->Swap(&message);
    return true;
  }

 private:
  grpc::ByteBuffer* const response_;
};

// A call with one request, of a method that gRPC does not know: here, the
// request has to be asked for.
class GenericCall final : public ServerStream<grpc::ServerGenericBidiReactor> {
 public:
  using ServerStream::ServerStream;

  void Start() {
    Hold();
    StartRead(&request());
  }

  // Also without a request: then, to read it is an error like others.
  void OnReadDone(bool) override { Begin(); }
};

// A bidirectional call: message by message. It waits for its client most of the
// time, so it is no open call that a shutdown would wait for.
class Conversation final : public grpc::ServerGenericBidiReactor {
 public:
  Conversation(const Method& method, const Pipeline& pipeline,
               grpc::CallbackServerContext& context)
      : method_(method),
        pipeline_(pipeline),
        grpc_context_(context),
        context_(context, request_) {}

  void Start() { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);  // The client has said all, or is gone.
      return;
    }
    Call call(method_, context_);
    const auto [reply, start] = pipeline_.Begin(call);
    if (reply.status().ok()) Serialize(reply).Swap(&response_);
    pipeline_.End(call, reply.status(), start);
    if (reply.status().ok()) {
      StartWrite(&response_);
    } else {
      Finish(ToGrpcStatus(reply.status(), grpc_context_));
    }
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&request_);
    } else {
      Finish(ToGrpcStatus(absl::CancelledError(), grpc_context_));
    }
  }

  void OnDone() override { delete this; }

 private:
  const Method& method_;
  const Pipeline& pipeline_;
  grpc::CallbackServerContext& grpc_context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  const GrpcCallContext context_;
};

grpc::ServerGenericBidiReactor* RefuseUnknown(
    const Pipeline& pipeline, grpc::GenericCallbackServerContext& context) {
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    void OnDone() override { delete this; }
  };
  // No method has a query; what is there may be a token.
  const std::string path = context.method();
  const Method method = UnknownMethod(path.substr(0, path.find('?')));
  const grpc::ByteBuffer no_request;
  const GrpcCallContext call_context(context, no_request);
  Call call(method, call_context);
  const auto [reply, start] = pipeline.Begin(call);
  pipeline.End(call, reply.status(), start);
  auto* reactor = new Reactor;
  reactor->Finish(ToGrpcStatus(reply.status(), context));
  return reactor;
}

}  // namespace

GrpcService::GrpcService(absl::string_view service, const MethodTable& table,
                         const Pipeline* pipeline, OpenCalls* open_calls)
    : pipeline_(pipeline), open_calls_(open_calls) {
  const std::string prefix = absl::StrCat("/", service, "/");
  int index = 0;
  for (const std::unique_ptr<Method>& method : table.methods()) {
    if (!absl::StartsWith(method->path, prefix)) continue;
    if (method->server_streaming) {
      AddServerStreaming(index++, *method);
    } else {
      AddUnary(index++, *method);
    }
  }
}

void GrpcService::AddUnary(int index, const Method& method) {
  AddMethod(new grpc::internal::RpcServiceMethod(
      method.path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
  MarkMethodRawCallback(
      index, new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer,
                                                      grpc::ByteBuffer>(
                 [this, &method](
                     grpc::CallbackServerContext* grpc_context,
                     const grpc::ByteBuffer* request,
                     grpc::ByteBuffer* response) -> grpc::ServerUnaryReactor* {
                   if (pipeline_->MayWait(method)) {
                     const auto call = std::make_shared<UnaryCall>(
                         method, *pipeline_, *grpc_context, *request, response,
                         open_calls_);
                     call->Hold();
                     call->Begin();
                     return call.get();
                   }
                   const OpenCalls::Call open_call(open_calls_);
                   const GrpcCallContext context(*grpc_context, *request);
                   Call call(method, context);
                   const auto [reply, start] = pipeline_->Begin(call);
                   if (reply.status().ok()) {
                     // A ByteBuffer that is assigned is copied.
                     Serialize(reply).Swap(response);
                   }
                   pipeline_->End(call, reply.status(), start);
                   // The call is complete, so it does not matter that this
                   // reactor takes no notice of cancellation; it costs no
                   // allocation.
                   auto* reactor = grpc_context->DefaultReactor();
                   reactor->Finish(ToGrpcStatus(reply.status(), *grpc_context));
                   return reactor;
                 }));
}

void GrpcService::AddServerStreaming(int index, const Method& method) {
  AddMethod(new grpc::internal::RpcServiceMethod(
      method.path.c_str(), grpc::internal::RpcMethod::SERVER_STREAMING,
      nullptr));
  MarkMethodRawCallback(
      index,
      new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer,
                                                         grpc::ByteBuffer>(
          [this, &method](grpc::CallbackServerContext* grpc_context,
                          const grpc::ByteBuffer* request) {
            using Stream =
                ServerStream<grpc::ServerWriteReactor<grpc::ByteBuffer>>;
            const auto stream = std::make_shared<Stream>(
                method, *pipeline_, *grpc_context, *request, open_calls_);
            stream->Hold();
            stream->Begin();
            return stream.get();
          }));
}

grpc::ServerGenericBidiReactor* GenericService::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const Method* method = table_().Find(context->method());
  if (method == nullptr) return RefuseUnknown(*pipeline_, *context);
  if (method->client_streaming) {
    auto* conversation = new Conversation(*method, *pipeline_, *context);
    conversation->Start();
    return conversation;
  }
  const auto call = std::make_shared<GenericCall>(
      *method, *pipeline_, *context, grpc::ByteBuffer(), open_calls_);
  call->Start();
  return call.get();
}

}  // namespace spanner_session_emulator
