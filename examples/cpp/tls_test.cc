#include <fstream>
#include <iterator>
#include <string>

#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"

namespace spanner = google::spanner::v1;
using spanner_session_emulator::Emulator;

TEST(TlsTest, ASessionIsCreatedOverTls) {
  const std::string certs = testing::TempDir() + "/certs";
  auto emulator = Emulator::Start({.tls_self_signed = certs});
  ASSERT_TRUE(emulator.ok()) << emulator.status();

  std::ifstream ca(certs + "/ca.pem");
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs.assign(std::istreambuf_iterator<char>(ca), {});
  const auto stub = spanner::Spanner::NewStub(
      grpc::CreateChannel("localhost:" + std::to_string((*emulator)->port()),
                          grpc::SslCredentials(ssl)));

  spanner::CreateSessionRequest request;
  request.set_database("projects/p/instances/i/databases/d");
  spanner::Session session;
  grpc::ClientContext context;
  const grpc::Status status = stub->CreateSession(&context, request, &session);
  EXPECT_TRUE(status.ok()) << status.error_message();
}
