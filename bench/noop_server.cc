// The least a gRPC C++ server can do for the RPCs of sessions: answer constant
// bytes at once. What the emulator costs beyond this is the emulator's own.

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <signal.h>
#include <stdio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

ABSL_FLAG(std::uint16_t, port, 0, "Port on 127.0.0.1; 0 takes any free one.");
ABSL_FLAG(std::string, port_file, "",
          "Where to write {\"grpc_port\":N} once the port answers.");

namespace {

constexpr int kPage = 100;  // Sessions of a batch, and of a list page.

// A field of a message that holds a text or a message: less than 2^14 bytes.
std::string Field(int number, const std::string& content) {
  std::string field(1, static_cast<char>(number << 3 | 2));
  const size_t size = content.size();
  if (size < 128) {
    field += static_cast<char>(size);
  } else {
    field += static_cast<char>(size % 128 + 128);
    field += static_cast<char>(size / 128);
  }
  return field + content;
}

// As long on the wire as a real one: a name and two times.
std::string Session() {
  const std::string time = "\x08\x80\xd0\xdb\xc3\x06\x10\x80\xe4\x97\xd0\x02";
  return Field(1, "projects/p/instances/instance/databases/db/sessions/" +
                      std::string(48, 'x')) +
         Field(3, time) + Field(4, time);
}

// Of a batch or of a list page.
std::string Sessions() {
  std::string sessions;
  for (int i = 0; i < kPage; ++i) sessions += Field(1, Session());
  return sessions;
}

// Registers its methods as generated code does, but with raw bytes: the message
// layer is part of what is being measured, not of the reference.
class NoopService : public grpc::Service {
 public:
  NoopService() {
    Add("CreateSession", Session());
    Add("BatchCreateSessions", Sessions());
    Add("GetSession", Session());
    Add("ListSessions", Sessions());
    Add("DeleteSession", "");
  }

 private:
  void Add(const std::string& rpc, const std::string& bytes) {
    // gRPC keeps the pointer. There are five, for as long as the process lives.
    const auto* path = new std::string("/google.spanner.v1.Spanner/" + rpc);
    AddMethod(new grpc::internal::RpcServiceMethod(
        path->c_str(), grpc::internal::RpcMethod::NORMAL_RPC, nullptr));
    MarkMethodRawCallback(
        methods_++,
        new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer,
                                                 grpc::ByteBuffer>(
            [slice = grpc::Slice(bytes)](grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer*,
                                         grpc::ByteBuffer* response) {
              // Not by assignment, which copies the buffer once more.
              grpc::ByteBuffer(&slice, 1).Swap(response);
              grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
              reactor->Finish(grpc::Status::OK);
              return reactor;
            }));
  }

  int methods_ = 0;
};

// Renamed into place, so that a reader never sees half of it.
bool WritePortFile(const std::string& path, int port) {
  const std::string temporary = path + ".tmp";
  FILE* file = fopen(temporary.c_str(), "w");
  if (file == nullptr) return false;
  const bool written = fprintf(file, "{\"grpc_port\":%d}\n", port) > 0;
  return fclose(file) == 0 && written &&
         rename(temporary.c_str(), path.c_str()) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  // As the emulator, or a part of what this server costs would be a check of
  // gRPC's locks that the other one does not make.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  absl::ParseCommandLine(argc, argv);

  // Blocked before gRPC starts threads, which inherit the mask: only sigwait()
  // below takes these signals.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);

  NoopService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(
      absl::StrCat("127.0.0.1:", absl::GetFlag(FLAGS_port)),
      grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    fprintf(stderr, "cannot listen\n");
    return 1;
  }
  const std::string port_file = absl::GetFlag(FLAGS_port_file);
  if (!port_file.empty() && !WritePortFile(port_file, port)) {
    perror(port_file.c_str());
    return 1;
  }
  fprintf(stderr, "ready\n");

  int signal = 0;
  sigwait(&stop_signals, &signal);
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}
