// The recipes of docs/recipes.md in C++: one test for each, in their order.
// What the page shows of it stands here as it is there, which recipes.test.js
// checks.

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

namespace spanner = ::google::spanner::v1;

using ::testing::ElementsAre;

// The code under test: it runs queries and commits in a session, and tries
// again where a client of Spanner should.
class Client {
 public:
  // Calls over the network, as connections that are cut need one.
  explicit Client(Emulator& emulator)
      : stub_(spanner::Spanner::NewStub(Connect(emulator, Transport::kTcp))) {}

  // The values of the rows. Resumes a stream that breaks.
  absl::StatusOr<std::vector<std::string>> Query(const std::string& sql) {
    std::vector<std::string> values;
    spanner::ExecuteSqlRequest request;
    request.set_sql(sql);
    const absl::Status status =
        TryAgain([&](grpc::ClientContext& context, const std::string& session) {
          request.set_session(session);
          const auto stream = stub_->ExecuteStreamingSql(&context, request);
          spanner::PartialResultSet message;
          while (stream->Read(&message)) {
            for (const auto& value : message.values()) {
              values.push_back(value.string_value());
            }
            request.set_resume_token(message.resume_token());
          }
          return stream->Finish();
        });
    if (!status.ok()) return status;
    return values;
  }

  // Runs a transaction that inserts a row, with so much time for each call.
  absl::Status Commit(absl::Duration timeout = absl::Minutes(1)) {
    spanner::CommitRequest request;
    request.mutable_single_use_transaction()->mutable_read_write();
    request.mutable_request_options()->set_transaction_tag("sign-up");
    auto& insert = *request.add_mutations()->mutable_insert();
    insert.set_table("Singers");
    insert.add_columns("Id");
    insert.add_values()->add_values()->set_string_value("1");
    return TryAgain(
        [&](grpc::ClientContext& context, const std::string& session) {
          request.set_session(session);
          spanner::CommitResponse response;
          return stub_->Commit(&context, request, &response);
        },
        timeout);
  }

  // Asks for sessions until there are so many.
  absl::Status FillPool(int size) {
    while (pool_size() < size) {
      spanner::BatchCreateSessionsRequest request;
      request.set_database(std::string(kDatabase));
      request.set_session_count(size - pool_size());
      spanner::BatchCreateSessionsResponse response;
      const grpc::Status status = stub_->BatchCreateSessions(
          PatientContext().get(), request, &response);
      if (!status.ok()) return ToAbsl(status);
      for (const spanner::Session& session : response.session()) {
        pool_.push_back(session.name());
      }
    }
    return absl::OkStatus();
  }
  int pool_size() const { return static_cast<int>(pool_.size()); }

 private:
  using Attempt = std::function<grpc::Status(grpc::ClientContext& context,
                                             const std::string& session)>;

  // Until there is no reason to try again.
  absl::Status TryAgain(const Attempt& attempt,
                        absl::Duration timeout = absl::Minutes(1)) {
    while (true) {
      grpc::Status status = NeedSession();
      if (status.ok()) {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() +
                             absl::ToChronoMicroseconds(timeout));
        context.AddMetadata("x-goog-spanner-route-to-leader", "true");
        status = attempt(context, session_);
      }
      if (absl::StartsWith(status.error_message(), "Session not found")) {
        session_.clear();
      } else if (status.error_code() != grpc::StatusCode::ABORTED &&
                 status.error_code() != grpc::StatusCode::UNAVAILABLE) {
        return ToAbsl(status);
      }
    }
  }

  grpc::Status NeedSession() {
    if (!session_.empty()) return grpc::Status::OK;
    spanner::CreateSessionRequest request;
    request.set_database(std::string(kDatabase));
    spanner::Session session;
    const grpc::Status status =
        stub_->CreateSession(PatientContext().get(), request, &session);
    session_ = session.name();
    return status;
  }

  const std::unique_ptr<spanner::Spanner::Stub> stub_;
  std::string session_;
  std::vector<std::string> pool_;
};

// Has the query stream four messages.
void ScriptSingers(Emulator& emulator) {
  const auto singers =
      emulator.AddStub(OnSql("SELECT Id FROM Singers")
                           .Rows({"Id INT64"}, {{1}, {2}, {3}, {4}})
                           .RowsPerMessage(1));
  ASSERT_TRUE(singers.ok()) << singers.status();
}

TEST(RecipesTest, LoseASession) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  const auto lost = emulator->AddFault(
      OnCalls({"ExecuteSql", "ExecuteStreamingSql"}).LosesSession().Once());
  EXPECT_TRUE(client.Query("SELECT 1").ok());  // In another session.
  EXPECT_EQ(lost->HitCount(), 1);

  // For good, and all that there are:
  EXPECT_EQ(emulator->sessions().Delete({.multiplexed = false}), 2);
  EXPECT_TRUE(client.Query("SELECT 1").ok());
}

TEST(RecipesTest, AbortACommitTwice) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  const auto aborted = emulator->AddFault(
      OnCall("Commit").Aborts(absl::Milliseconds(20)).Times(2));
  EXPECT_TRUE(client.Commit().ok());
  EXPECT_EQ(aborted->HitCount(), 2);
}

TEST(RecipesTest, BeUnavailableAtStartup) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  const auto startup = emulator->AddFault(OnAnyCall().IsUnavailable().Times(3));
  EXPECT_TRUE(client.Query("SELECT 1").ok());
  EXPECT_EQ(startup->HitCount(), 3);
}

TEST(RecipesTest, LetACallRunIntoItsDeadline) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  const auto swallowed = emulator->AddFault(
      OnCall("Commit").AfterTheAnswer().SwallowsReply().Once());
  EXPECT_EQ(client.Commit(absl::Milliseconds(200)).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(RecipesTest, SlowTheThirdMessageOfAStream) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  const auto singers =
      emulator->AddStub(OnSql("SELECT Id FROM Singers")
                            .Rows({"Id INT64"}, {{1}, {2}, {3}, {4}})
                            .RowsPerMessage(1));
  const auto slow = emulator->AddFault(OnCall("ExecuteStreamingSql")
                                           .AfterMessages(2)
                                           .Pauses(absl::Milliseconds(500))
                                           .Once());
  EXPECT_TRUE(client.Query("SELECT Id FROM Singers").ok());
  EXPECT_EQ(slow->HitCount(), 1);
}

TEST(RecipesTest, BreakAStreamInTheMiddle) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  ScriptSingers(*emulator);
  const auto broken = emulator->AddFault(
      OnCall("ExecuteStreamingSql").AfterMessages(2).IsUnavailable().Once());
  EXPECT_THAT(*client.Query("SELECT Id FROM Singers"),
              ElementsAre("1", "2", "3", "4"));
  const auto call = emulator->journal().Last(CallsOf("ExecuteStreamingSql"));
  EXPECT_NE(RequestOf<spanner::ExecuteSqlRequest>(*call).resume_token(), "");
}

TEST(RecipesTest, CutTheConnection) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  ScriptSingers(*emulator);
  const auto cut = emulator->AddFault(
      OnCall("ExecuteStreamingSql").AfterMessages(2).CutsConnection().Once());
  EXPECT_THAT(*client.Query("SELECT Id FROM Singers"),
              ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(cut->HitCount(), 1);
}

TEST(RecipesTest, RunOutOfSessions) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  emulator->sessions().SetLimits(
      {.max_sessions = 3, .max_sessions_per_batch = 2});
  EXPECT_EQ(client.FillPool(5).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(client.pool_size(), 3);
}

TEST(RecipesTest, FailOneCallInTwentyTheSameInEachRun) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  emulator->faults().SetSeed(1);
  const auto flaky = emulator->AddFault(OnCall("ExecuteStreamingSql")
                                            .Probability(0.05)
                                            .IsUnavailable()
                                            .Named("flaky"));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(client.Query("SELECT 1").ok());
  EXPECT_EQ(flaky->HitCount(), 5);  // In every run.
}

TEST(RecipesTest, FreezeAllCallsAndLookAtThem) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  EXPECT_TRUE(client.Query("SELECT 1").ok());  // Has a session now.
  const auto frozen = emulator->AddFault(OnAnyCall().Freezes());
  auto answer =
      std::async(std::launch::async, [&] { return client.Query("SELECT 1"); });
  const auto calls = emulator->journal().WaitFor(AllCalls().Open());
  EXPECT_EQ(calls->front().method(),
            "google.spanner.v1.Spanner.ExecuteStreamingSql");
  EXPECT_EQ(frozen->HeldCallCount(), 1);
  frozen->Delete();
  EXPECT_TRUE(answer.get().ok());
}

TEST(RecipesTest, CheckWhatTheClientHasSent) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  EXPECT_TRUE(client.Commit().ok());
  const auto commit = emulator->journal().Last(CallsOf("Commit"));
  EXPECT_EQ(commit->header("x-goog-spanner-route-to-leader"), "true");
  EXPECT_EQ(RequestOf<spanner::CommitRequest>(*commit).mutations_size(), 1);
  EXPECT_EQ(emulator->journal().Count(
                AllCalls().WithStatus(absl::StatusCode::kAborted)),
            0);

  // In another thread:
  auto done = std::async(std::launch::async, [&] { return client.Commit(); });
  EXPECT_TRUE(emulator->journal().WaitFor(CallsOf("Commit"), 2).ok());
  EXPECT_TRUE(done.get().ok());
}

TEST(RecipesTest, CleanUpBetweenTests) {
  const auto emulator = StartEmulator();
  Client client(*emulator);
  EXPECT_TRUE(client.Query("SELECT 1").ok());
  EXPECT_TRUE(emulator->Reset().ok());
  EXPECT_EQ(emulator->journal().Count(AllCalls()), 0);
}

}  // namespace
}  // namespace spanner_session_emulator
