#include "tests/server/server_testing.h"

#include "google/protobuf/empty.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "tests/server/rest_caller.h"

namespace spanner_session_emulator {
namespace {

grpc::ByteBuffer ToBuffer(absl::string_view bytes) {
  const grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  return std::string(reinterpret_cast<const char*>(slice.begin()),
                     slice.size());
}

// The methods whose request has a text field of one of these names.
std::vector<NamingMethod> MethodsNaming(
    const std::vector<std::string>& field_names) {
  std::vector<NamingMethod> methods;
  for (int i = 0; i < SpannerDescriptor().method_count(); ++i) {
    const auto* method = SpannerDescriptor().method(i);
    for (const std::string& name : field_names) {
      const auto* field = method->input_type()->FindFieldByName(name);
      if (field != nullptr &&
          field->type() == google::protobuf::FieldDescriptor::TYPE_STRING) {
        methods.push_back({method, field});
      }
    }
  }
  return methods;
}

class GrpcCaller final : public Caller {
 public:
  GrpcCaller(std::shared_ptr<grpc::Channel> channel, Metadata metadata)
      : channel_(std::move(channel)), metadata_(std::move(metadata)) {}
  Answer Call(const google::protobuf::MethodDescriptor& method,
              const google::protobuf::Message& request) override {
    return CallPath(
        channel_,
        absl::StrCat("/", method.service()->full_name(), "/", method.name()),
        request.SerializeAsString(), metadata_);
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const Metadata metadata_;
};

template <typename Response>
absl::StatusOr<Response> Invoke(Caller& caller, absl::string_view method,
                                const google::protobuf::Message& request) {
  return ToResponse<Response>(caller.Call(method, request));
}

}  // namespace

std::string TransportName(const ::testing::TestParamInfo<Transport>& info) {
  switch (info.param) {
    case Transport::kTcp:
      return "Tcp";
    case Transport::kInProcess:
      return "InProcess";
    case Transport::kRest:
      return "Rest";
  }
  return "";
}

std::unique_ptr<Emulator> StartEmulator(EmulatorOptions options) {
  if (!options.start_time.has_value()) options.start_time = StartTime();
  return Emulator::Start(std::move(options)).value();
}

std::shared_ptr<grpc::Channel> Connect(Emulator& emulator,
                                       Transport transport) {
  return transport == Transport::kTcp ? Connect(emulator.addresses().front())
                                      : emulator.InProcessChannel();
}

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Windows of one size, so that it is known what does not fit into them.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

std::unique_ptr<grpc::ClientContext> PatientContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + kPatience);
  return context;
}

absl::Status ToAbsl(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

Answer CallPath(const std::shared_ptr<grpc::Channel>& channel,
                const std::string& path,
                std::optional<absl::string_view> request,
                const Metadata& metadata) {
  const auto context = PatientContext();
  for (const auto& [key, value] : metadata) context->AddMetadata(key, value);
  grpc::CompletionQueue queue;
  const auto finished = [&queue] {
    void* tag;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  // On the wire, a bidirectional call with one message is like the others.
  const auto call =
      grpc::GenericStub(channel).PrepareCall(context.get(), path, &queue);
  call->StartCall(nullptr);
  finished();
  // Fails if the server has answered already.
  if (request.has_value()) {
    call->WriteLast(ToBuffer(*request), grpc::WriteOptions(), nullptr);
  } else {
    call->WritesDone(nullptr);
  }
  finished();
  Answer answer;
  grpc::ByteBuffer message;
  while (call->Read(&message, nullptr), finished()) {
    answer.messages.push_back(ToString(message));
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  finished();
  answer.status = ToAbsl(status);
  answer.details = status.error_details();
  for (const auto& [key, value] : context->GetServerTrailingMetadata()) {
    answer.trailers.emplace(std::string(key.data(), key.size()),
                            std::string(value.data(), value.size()));
  }
  return answer;
}

Answer CallSpanner(const std::shared_ptr<grpc::Channel>& channel,
                   absl::string_view method,
                   const google::protobuf::Message& request) {
  return CallPath(channel, absl::StrCat("/google.spanner.v1.Spanner/", method),
                  request.SerializeAsString());
}

Answer Caller::Call(absl::string_view method,
                    const google::protobuf::Message& request) {
  return Call(*SpannerDescriptor().FindMethodByName(std::string(method)),
              request);
}

std::unique_ptr<Caller> MakeCaller(
    const std::shared_ptr<grpc::Channel>& channel, Metadata metadata) {
  return std::make_unique<GrpcCaller>(channel, std::move(metadata));
}

std::unique_ptr<Caller> MakeCaller(Emulator& emulator, Transport transport,
                                   Metadata metadata) {
  if (transport == Transport::kRest) {
    return std::make_unique<RestCaller>(emulator.http_port(),
                                        std::move(metadata));
  }
  return MakeCaller(Connect(emulator, transport), std::move(metadata));
}

const google::protobuf::ServiceDescriptor& SpannerDescriptor() {
  return *api::Session::descriptor()->file()->FindServiceByName("Spanner");
}

namespace {

// What requests must have besides a name, in protobuf's text format. The
// transactions and tables need not exist.
std::string RequiredFields(absl::string_view method) {
  if (method == "BeginTransaction") return "options { read_write {} }";
  if (method == "Commit" || method == "Rollback") return "transaction_id: 'x'";
  if (method == "BatchWrite") {
    return "mutation_groups { mutations { delete { table: 't' } } }";
  }
  if (method == "ExecuteSql" || method == "ExecuteStreamingSql") {
    return "sql: 'SELECT 1'";
  }
  if (method == "ExecuteBatchDml") {
    return "statements { sql: 'DELETE t WHERE true' } transaction { id: 'x' }";
  }
  if (method == "Read" || method == "StreamingRead") {
    return "table: 't' columns: 'c'";
  }
  if (method == "PartitionQuery") {
    return "sql: 'SELECT 1' transaction { id: 'x' }";
  }
  if (method == "PartitionRead") {
    return "table: 't' columns: 'c' transaction { id: 'x' }";
  }
  return "";
}

}  // namespace

std::unique_ptr<google::protobuf::Message> NamingMethod::Request(
    absl::string_view resource) const {
  std::unique_ptr<google::protobuf::Message> request(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(method->input_type())
          ->New());
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      RequiredFields(name()), request.get()));
  request->GetReflection()->SetString(request.get(), field,
                                      std::string(resource));
  return request;
}

std::vector<NamingMethod> MethodsOfSessions() {
  return MethodsNaming({"session", "name"});
}

std::vector<NamingMethod> MethodsOfDatabases() {
  return MethodsNaming({"database"});
}

absl::StatusOr<api::Session> SpannerClient::Create(absl::string_view session,
                                                   absl::string_view database) {
  api::CreateSessionRequest request;
  request.set_database(std::string(database));
  *request.mutable_session() = FromText<api::Session>(session);
  return Invoke<api::Session>(*caller_, "CreateSession", request);
}

absl::StatusOr<std::vector<api::Session>> SpannerClient::BatchCreate(
    int count, absl::string_view session_template, absl::string_view database) {
  api::BatchCreateSessionsRequest request;
  request.set_database(std::string(database));
  request.set_session_count(count);
  *request.mutable_session_template() =
      FromText<api::Session>(session_template);
  const auto response = Invoke<api::BatchCreateSessionsResponse>(
      *caller_, "BatchCreateSessions", request);
  if (!response.ok()) return response.status();
  return std::vector<api::Session>(response->session().begin(),
                                   response->session().end());
}

absl::StatusOr<api::Session> SpannerClient::Get(const std::string& name) {
  api::GetSessionRequest request;
  request.set_name(name);
  return Invoke<api::Session>(*caller_, "GetSession", request);
}

absl::StatusOr<api::ListSessionsResponse> SpannerClient::List(
    absl::string_view text, absl::string_view database) {
  auto request = FromText<api::ListSessionsRequest>(text);
  request.set_database(std::string(database));
  return Invoke<api::ListSessionsResponse>(*caller_, "ListSessions", request);
}

absl::Status SpannerClient::Delete(const std::string& name) {
  api::DeleteSessionRequest request;
  request.set_name(name);
  return Invoke<google::protobuf::Empty>(*caller_, "DeleteSession", request)
      .status();
}

}  // namespace spanner_session_emulator
