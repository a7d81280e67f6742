#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"

namespace spanner = google::spanner::v1;
using spanner_session_emulator::Emulator;

TEST(SessionTest, DiesWhenIdleForMoreThanAnHour) {
  auto emulator = Emulator::Start({.start_time = absl::UnixEpoch()});
  ASSERT_TRUE(emulator.ok()) << emulator.status();
  const auto stub = spanner::Spanner::NewStub((*emulator)->InProcessChannel());

  spanner::CreateSessionRequest create;
  create.set_database("projects/p/instances/i/databases/d");
  spanner::Session session;
  grpc::ClientContext create_context;
  ASSERT_TRUE(stub->CreateSession(&create_context, create, &session).ok());

  ASSERT_TRUE((*emulator)->clock().Advance(absl::Minutes(61)).ok());

  spanner::GetSessionRequest get;
  get.set_name(session.name());
  grpc::ClientContext get_context;
  const grpc::Status status = stub->GetSession(&get_context, get, &session);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}
