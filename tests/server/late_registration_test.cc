// The server program answers Spanner's calls over gRPC before protobuf knows
// any descriptor. In a binary of its own, as protobuf is one for the whole
// process; it is linked as the server program is.

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/descriptor_database.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/call/descriptors.h"
#include "server/emulator.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

constexpr char kDatabase[] = "projects/p/instances/i/databases/d";

bool ProtobufKnows(const std::string& file) {
  google::protobuf::FileDescriptorProto proto;
  return google::protobuf::DescriptorPool::internal_generated_database()
      ->FindFileByName(file, &proto);
}

// Plain stubs: what other tests share asks for descriptors.
class LateRegistrationTest : public ::testing::Test {
 protected:
  template <typename Request, typename Response>
  grpc::StatusCode Call(grpc::Status (api::Spanner::Stub::*method)(
                            grpc::ClientContext*, const Request&, Response*),
                        const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(1));
    return (stub_.get()->*method)(&context, request, &response).error_code();
  }

  const std::unique_ptr<Emulator> emulator_ =
      *Emulator::Start({.grpc_port = 0, .log_requests = true});
  const std::unique_ptr<api::Spanner::Stub> stub_ =
      api::Spanner::NewStub(emulator_->InProcessChannel());
};

TEST_F(LateRegistrationTest, SpannersCallsNeedNoDescriptors) {
  using Stub = api::Spanner::Stub;
  api::Session session;
  api::CreateSessionRequest create;
  create.set_database(kDatabase);
  (*create.mutable_session()->mutable_labels())["env"] = "test";
  EXPECT_EQ(Call(&Stub::CreateSession, create, session), grpc::OK);
  EXPECT_NE(session.name(), "");
  (*create.mutable_session()->mutable_labels())["No"] = "";
  api::Session none;
  EXPECT_EQ(Call(&Stub::CreateSession, create, none), grpc::INVALID_ARGUMENT);

  api::BatchCreateSessionsRequest batch;
  batch.set_database(kDatabase);
  batch.set_session_count(2);
  api::BatchCreateSessionsResponse batched;
  EXPECT_EQ(Call(&Stub::BatchCreateSessions, batch, batched), grpc::OK);
  EXPECT_EQ(batched.session_size(), 2);

  api::GetSessionRequest get;
  get.set_name(session.name());
  EXPECT_EQ(Call(&Stub::GetSession, get, session), grpc::OK);
  get.set_name(absl::StrCat(kDatabase, "/sessions/none"));
  EXPECT_EQ(Call(&Stub::GetSession, get, none), grpc::NOT_FOUND);
  get.set_name("nonsense");
  EXPECT_EQ(Call(&Stub::GetSession, get, none), grpc::INVALID_ARGUMENT);

  api::ListSessionsRequest list;
  list.set_database(kDatabase);
  list.set_page_size(1);
  list.set_filter("labels.env:*");
  api::ListSessionsResponse listed;
  EXPECT_EQ(Call(&Stub::ListSessions, list, listed), grpc::OK);
  EXPECT_EQ(listed.sessions_size(), 1);
  list.set_page_token("nonsense");
  EXPECT_EQ(Call(&Stub::ListSessions, list, listed), grpc::INVALID_ARGUMENT);

  api::ExecuteSqlRequest sql;
  sql.set_session(session.name());
  api::ResultSet results;
  sql.set_sql("SELECT 1");
  EXPECT_EQ(Call(&Stub::ExecuteSql, sql, results), grpc::OK);
  EXPECT_EQ(results.rows_size(), 1);
  sql.set_sql("SELECT 2");
  EXPECT_EQ(Call(&Stub::ExecuteSql, sql, results), grpc::INVALID_ARGUMENT);

  {
    grpc::ClientContext context;
    const auto reader = stub_->ExecuteStreamingSql(&context, sql);
    api::PartialResultSet part;
    EXPECT_FALSE(reader->Read(&part));
    EXPECT_EQ(reader->Finish().error_code(), grpc::INVALID_ARGUMENT);
  }
  sql.set_sql("SELECT 1");
  sql.mutable_transaction()->mutable_begin()->mutable_read_write();
  std::string transaction;
  {
    grpc::ClientContext context;
    const auto reader = stub_->ExecuteStreamingSql(&context, sql);
    api::PartialResultSet part;
    ASSERT_TRUE(reader->Read(&part));
    transaction = part.metadata().transaction().id();
    EXPECT_FALSE(reader->Read(&part));
    EXPECT_EQ(reader->Finish().error_code(), grpc::OK);
  }
  api::CommitRequest commit;
  commit.set_session(session.name());
  commit.set_transaction_id(transaction);
  api::CommitResponse committed;
  EXPECT_EQ(Call(&Stub::Commit, commit, committed), grpc::OK);
  api::RollbackRequest rollback;
  rollback.set_session(session.name());
  rollback.set_transaction_id(transaction);
  google::protobuf::Empty rolled_back;
  EXPECT_EQ(Call(&Stub::Rollback, rollback, rolled_back),
            grpc::FAILED_PRECONDITION);
  api::PartitionQueryRequest divide;
  divide.set_session(session.name());
  divide.set_sql("SELECT 1");
  divide.mutable_transaction()->mutable_begin()->mutable_read_only();
  api::PartitionResponse partitions;
  EXPECT_EQ(Call(&Stub::PartitionQuery, divide, partitions), grpc::OK);
  api::ExecuteBatchDmlRequest batch_dml;
  batch_dml.set_session(session.name());
  batch_dml.add_statements()->set_sql("UPDATE t");
  *batch_dml.mutable_transaction() = sql.transaction();
  api::ExecuteBatchDmlResponse dml;
  EXPECT_EQ(Call(&Stub::ExecuteBatchDml, batch_dml, dml), grpc::OK);
  EXPECT_EQ(dml.status().code(), grpc::INVALID_ARGUMENT);

  api::DeleteSessionRequest remove;
  remove.set_name(session.name());
  google::protobuf::Empty empty;
  EXPECT_EQ(Call(&Stub::DeleteSession, remove, empty), grpc::OK);

  for (const char* file :
       {"google/spanner/v1/spanner.proto", "google/spanner/v1/result_set.proto",
        "google/rpc/status.proto", "google/rpc/error_details.proto",
        "google/protobuf/any.proto", "google/protobuf/timestamp.proto",
        "google/protobuf/empty.proto", "google/protobuf/descriptor.proto",
        "spanner_session_emulator/v1/clock.proto"}) {
    EXPECT_FALSE(ProtobufKnows(file)) << file;
  }
  NeedDescriptors();
  EXPECT_TRUE(ProtobufKnows("google/spanner/v1/spanner.proto"));
  EXPECT_TRUE(ProtobufKnows("google/rpc/status.proto"));
  EXPECT_TRUE(ProtobufKnows("google/protobuf/descriptor.proto"));
  EXPECT_TRUE(ProtobufKnows("spanner_session_emulator/v1/clock.proto"));
  EXPECT_EQ(api::Session::descriptor()->full_name(),
            "google.spanner.v1.Session");
}

}  // namespace
}  // namespace spanner_session_emulator
