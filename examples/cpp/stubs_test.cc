#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"

namespace spanner = google::spanner::v1;
using spanner_session_emulator::Emulator;
using spanner_session_emulator::OnSql;

TEST(StubsTest, AQueryFailsOnceAndThenGetsItsRows) {
  auto emulator = Emulator::Start({});
  ASSERT_TRUE(emulator.ok()) << emulator.status();
  auto singers =
      (*emulator)->AddStub(OnSql("SELECT Name FROM Singers WHERE Id = @id")
                               .Param("id", 7)
                               .Fails(absl::UnavailableError("Try again."))
                               .Then()
                               .Rows({"Name STRING"}, {{"Ann"}, {nullptr}}));
  ASSERT_TRUE(singers.ok()) << singers.status();
  const auto stub = spanner::Spanner::NewStub((*emulator)->InProcessChannel());

  spanner::CreateSessionRequest create;
  create.set_database("projects/p/instances/i/databases/d");
  spanner::Session session;
  grpc::ClientContext create_context;
  ASSERT_TRUE(stub->CreateSession(&create_context, create, &session).ok());

  spanner::ExecuteSqlRequest query;
  query.set_session(session.name());
  query.set_sql("SELECT Name FROM Singers WHERE Id = @id");
  (*query.mutable_params()->mutable_fields())["id"].set_string_value("7");
  spanner::ResultSet result;
  grpc::ClientContext first_context;
  EXPECT_EQ(stub->ExecuteSql(&first_context, query, &result).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  grpc::ClientContext second_context;
  ASSERT_TRUE(stub->ExecuteSql(&second_context, query, &result).ok());
  EXPECT_EQ(result.rows(0).values(0).string_value(), "Ann");

  EXPECT_EQ(singers->HitCount(), 2);
}
