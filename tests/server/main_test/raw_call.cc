#include "tests/server/main_test/raw_call.h"

#include <chrono>

#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

namespace spanner_session_emulator {

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

RawReply RawCall(const std::shared_ptr<grpc::Channel>& channel,
                 const std::string& path, const std::string& request,
                 const std::map<std::string, std::string>& metadata) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(30));
  for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  // One operation at a time; each ends with the deadline at the latest.
  const auto done = [&queue] {
    void* tag;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };

  RawReply reply;
  const auto call = stub.PrepareCall(&context, path, &queue);
  call->StartCall(nullptr);
  if (done()) {
    const grpc::Slice slice(request);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    if (done()) {
      grpc::ByteBuffer message;
      while (call->Read(&message, nullptr), done()) {
        grpc::Slice bytes;
        (void)message.DumpToSingleSlice(&bytes);
        reply.messages.emplace_back(
            reinterpret_cast<const char*>(bytes.begin()), bytes.size());
      }
    }
  }
  call->Finish(&reply.status, nullptr);
  done();
  for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
    reply.trailers.emplace(std::string(key.data(), key.size()),
                           std::string(value.data(), value.size()));
  }
  queue.Shutdown();
  while (done()) {
  }
  return reply;
}

}  // namespace spanner_session_emulator
