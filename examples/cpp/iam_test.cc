#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"

namespace spanner = google::spanner::v1;
using spanner_session_emulator::Emulator;

TEST(IamTest, AReaderCreatesSessions) {
  auto emulator =
      Emulator::Start({.auth_policy = R"pb(
                         principals {
                           name: "app"
                           token: "app-token"
                           grants { roles: "roles/spanner.databaseReader" }
                         })pb"});
  ASSERT_TRUE(emulator.ok()) << emulator.status();
  const auto stub = spanner::Spanner::NewStub((*emulator)->InProcessChannel());

  spanner::CreateSessionRequest request;
  request.set_database("projects/p/instances/i/databases/d");
  spanner::Session session;
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer app-token");
  ASSERT_TRUE(stub->CreateSession(&context, request, &session).ok());

  EXPECT_TRUE((*emulator)->auth().Report().principals(0).missing().empty());
}
