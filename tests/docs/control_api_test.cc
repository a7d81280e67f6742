// The C++ of docs/control_api.md, as it is there: blocks.test.js checks that.

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

namespace spanner = ::google::spanner::v1;

class ControlApiTest : public ::testing::Test {
 protected:
  std::string Create(absl::string_view session = "") {
    const auto created = client_.Create(session);
    EXPECT_THAT(created, IsOk());
    return created.ok() ? created->name() : "";
  }
  int64_t Live() {
    const SessionCounts counts = emulator_->sessions().TotalCounts();
    return counts.regular.live + counts.multiplexed.live;
  }
  std::string Begin(const std::string& session) {
    spanner::BeginTransactionRequest request;
    request.set_session(session);
    request.mutable_options()->mutable_read_write();
    spanner::Transaction transaction;
    EXPECT_TRUE(
        stub_->BeginTransaction(PatientContext().get(), request, &transaction)
            .ok());
    return transaction.id();
  }
  absl::Status Commit(const std::string& session, const std::string& id = "") {
    spanner::CommitRequest request;
    request.set_session(session);
    if (id.empty()) {
      request.mutable_single_use_transaction()->mutable_read_write();
    } else {
      request.set_transaction_id(id);
    }
    request.add_mutations()->mutable_insert()->set_table("Singers");
    spanner::CommitResponse response;
    return ToAbsl(stub_->Commit(PatientContext().get(), request, &response));
  }

  const std::unique_ptr<Emulator> emulator_ = StartEmulator();
  SpannerClient client_{emulator_->InProcessChannel()};
  const std::unique_ptr<spanner::Spanner::Stub> stub_ =
      spanner::Spanner::NewStub(emulator_->InProcessChannel());
  const DatabaseName database = *DatabaseName::Parse(std::string(kDatabase));
};

TEST_F(ControlApiTest, EndSessions) {
  Emulator& emulator = *emulator_;
  const SessionName name = *SessionName::Parse(Create());
  Create();
  Create("multiplexed: true");
  Create("labels { key: 'env' value: 'test' }");
  const absl::Time time = emulator.clock().Now() + absl::Minutes(11);
  ASSERT_THAT(emulator.clock().Advance(absl::Minutes(11)), IsOk());
  EXPECT_EQ(Live(), 4);

  emulator.sessions().Expire(name, time);
  emulator.sessions().Delete({.multiplexed = true});
  emulator.sessions().Delete(
      {.filter = *SessionFilter::Parse("labels.env:test"),
       .idle_longer_than = absl::Minutes(10)});
  emulator.sessions().Expire({.scope = database}, emulator.clock().Now());

  const SessionCounts counts = emulator.sessions().TotalCounts();
  EXPECT_EQ(counts.regular.expired, 2);
  EXPECT_EQ(counts.regular.deleted, 1);
  EXPECT_EQ(counts.multiplexed.deleted, 1);
}

TEST_F(ControlApiTest, FindLeaks) {
  Emulator& emulator = *emulator_;
  Create();
  ASSERT_THAT(emulator.clock().Advance(absl::Hours(2)), IsOk());
  Create();
  Create("multiplexed: true");

  const auto leaked = emulator.sessions().Select(
      {.selection = {.scope = database, .multiplexed = false},
       .include_expired = true});

  ASSERT_THAT(leaked, IsOk());
  EXPECT_EQ(leaked->sessions.size(), 2);
}

TEST_F(ControlApiTest, LimitSessions) {
  Emulator& emulator = *emulator_;

  emulator.sessions().SetLimits(
      {.max_sessions = 1000, .max_sessions_per_batch = 10});

  const auto created = client_.BatchCreate(100);
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->size(), 10);
}

TEST_F(ControlApiTest, AbortTransactions) {
  Emulator& emulator = *emulator_;
  const std::string session = Create();
  const SessionName name = *SessionName::Parse(session);
  const std::string id = Begin(session);
  const std::string other_session = Create();
  const std::string other = Begin(other_session);

  emulator.sessions().AbortTransaction(name, id);
  emulator.sessions().AbortTransactions({.scope = database});

  EXPECT_THAT(Commit(session, id),
              StatusIs(absl::StatusCode::kAborted, ::testing::_));
  EXPECT_THAT(Commit(other_session, other),
              StatusIs(absl::StatusCode::kAborted, ::testing::_));
}

TEST_F(ControlApiTest, Journal) {
  Emulator& emulator = *emulator_;
  EXPECT_THAT(Commit(Create()), IsOk());

  const auto commits = emulator.journal().List(CallsOf("Commit"));
  EXPECT_EQ(RequestOf<spanner::CommitRequest>(commits[0]).mutations_size(), 1);
}

}  // namespace
}  // namespace spanner_session_emulator
