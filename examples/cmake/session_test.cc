// A test of code that uses Spanner, against an emulator inside of the test.

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/gtest.h"

namespace {

namespace spanner = google::spanner::v1;
using spanner_session_emulator::Emulator;
using spanner_session_emulator::ReportOnFailure;

// What is to be tested. Yours connects to emulator_->port(), or takes a
// channel or a stub.
class Client {
 public:
  explicit Client(spanner::Spanner::StubInterface* stub) : stub_(stub) {}

  std::string Create() {
    grpc::ClientContext context;
    spanner::CreateSessionRequest request;
    request.set_database("projects/p/instances/i/databases/d");
    spanner::Session session;
    return stub_->CreateSession(&context, request, &session).ok()
               ? session.name()
               : "";
  }

  bool IsAlive(const std::string& name) {
    grpc::ClientContext context;
    spanner::GetSessionRequest request;
    request.set_name(name);
    spanner::Session session;
    return stub_->GetSession(&context, request, &session).ok();
  }

  void Delete(const std::string& name) {
    grpc::ClientContext context;
    spanner::DeleteSessionRequest request;
    request.set_name(name);
    google::protobuf::Empty empty;
    stub_->DeleteSession(&context, request, &empty);
  }

 private:
  spanner::Spanner::StubInterface* const stub_;
};

// Each test has an emulator of its own, which takes a few milliseconds.
class SessionTest : public testing::Test {
 protected:
  // The clock stands still until a test moves it.
  const std::unique_ptr<Emulator> emulator_ =
      Emulator::Start({.start_time = absl::UnixEpoch()}).value();
  // Prints the calls and the sessions that are left, if a test fails.
  const ReportOnFailure report_{*emulator_};

  const std::unique_ptr<spanner::Spanner::StubInterface> stub_ =
      spanner::Spanner::NewStub(emulator_->InProcessChannel());
  Client client_{stub_.get()};
};

TEST_F(SessionTest, LivesForAnHourWithoutUse) {
  const std::string session = client_.Create();
  ASSERT_TRUE(emulator_->clock().Advance(absl::Minutes(59)).ok());
  EXPECT_TRUE(client_.IsAlive(session));
  ASSERT_TRUE(emulator_->clock().Advance(absl::Minutes(61)).ok());
  EXPECT_FALSE(client_.IsAlive(session));
}

TEST_F(SessionTest, IsDeleted) {
  client_.Delete(client_.Create());
  EXPECT_EQ(emulator_->sessions().TotalCounts().regular.live, 0);
}

}  // namespace
