// Faults as C++ tests write them.

#include "server/faults.h"

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::_;
using ::testing::StartsWith;

v1::Fault Expected(absl::string_view text) { return FromText<v1::Fault>(text); }

TEST(FaultBuilderTest, SaysWhatItIsFor) {
  EXPECT_THAT(OnCall("Commit").proto(),
              EqualsProto(Expected("match { methods: 'Commit' }")));
  EXPECT_THAT(OnCalls({"Read", "Commit"}).proto(),
              EqualsProto(Expected("match { methods: 'Read' methods: 'Commit' "
                                   "}")));
  EXPECT_THAT(OnAnyCall().proto(), EqualsProto(Expected("")));
  EXPECT_THAT(OnAnyCall().Sql("S").proto(),
              EqualsProto(Expected("match { sql: 'S' }")));
  EXPECT_THAT(OnAnyCall().SqlPrefix("S").proto(),
              EqualsProto(Expected("match { sql_prefix: 'S' }")));
  EXPECT_THAT(OnAnyCall().SqlPattern("S").Skip(3).proto(),
              EqualsProto(Expected("match { sql_pattern: 'S' skip: 3 }")));
  EXPECT_THAT(OnAnyCall()
                  .InSession("s")
                  .InSessionsWith("labels.env:dev")
                  .InSessionsOfKind(v1::MULTIPLEXED)
                  .Scope("projects/p")
                  .RequestTag("r")
                  .TransactionTag("t")
                  .Header("user-agent")
                  .Header("x", "y")
                  .Nth(2)
                  .Probability(0.5)
                  .Named("mine")
                  .Times(3)
                  .proto(),
              EqualsProto(Expected(R"(
          name: 'faults/mine'
          times: 3
          match {
            session: 's' session_filter: 'labels.env:dev'
            session_kind: MULTIPLEXED scope: 'projects/p' request_tag: 'r'
            transaction_tag: 't' headers { name: 'user-agent' }
            headers { name: 'x' value: 'y' } nth: 2 probability: 0.5
          })")));
}

TEST(FaultBuilderTest, SaysWhenAndForHowLong) {
  EXPECT_THAT(OnAnyCall().Once().AfterTheAnswer().Freezes().proto(),
              EqualsProto(Expected("times: 1 when: AFTER freeze: true")));
  EXPECT_THAT(
      OnAnyCall().AtEnd().Pauses(absl::Milliseconds(1500)).proto(),
      EqualsProto(Expected("when: AT_END pause { fixed { seconds: 1 nanos: "
                           "500000000 } }")));
  EXPECT_THAT(OnAnyCall()
                  .AfterMessages(2)
                  .PausesBetween(absl::ZeroDuration(), absl::Seconds(2))
                  .BeforeEachMessage()
                  .proto(),
              EqualsProto(Expected(R"(
                  after_messages: 2
                  pause {
                    uniform { min {} max { seconds: 2 } }
                    each_message: true
                  })")));
  EXPECT_THAT(OnAnyCall().Freezes().BeforeEachMessage().proto(),
              EqualsProto(Expected("freeze_each_message: true")));
  EXPECT_THAT(OnAnyCall().PausesLogNormal(absl::Seconds(1), 0.5).proto(),
              EqualsProto(Expected("pause { log_normal { median { seconds: 1 } "
                                   "sigma: 0.5 } }")));
}

TEST(FaultBuilderTest, SaysWhatBecomesOfTheCall) {
  const auto status = [](const FaultBuilder& fault) {
    return fault.proto().status();
  };
  EXPECT_EQ(status(OnAnyCall().LosesSession()), v1::Fault::SESSION_NOT_FOUND);
  EXPECT_EQ(status(OnAnyCall().LosesDatabase()), v1::Fault::DATABASE_NOT_FOUND);
  EXPECT_EQ(status(OnAnyCall().ExceedsDeadline()),
            v1::Fault::DEADLINE_EXCEEDED);
  EXPECT_EQ(status(OnAnyCall().IsDenied()), v1::Fault::PERMISSION_DENIED);
  EXPECT_THAT(OnAnyCall().Aborts().proto(),
              EqualsProto(Expected("status: ABORTED")));
  EXPECT_THAT(OnAnyCall().Aborts(absl::Seconds(1)).proto(),
              EqualsProto(Expected("status: ABORTED retry_delay { seconds: 1 "
                                   "}")));
  EXPECT_THAT(OnAnyCall().IsUnavailable(absl::Seconds(2)).proto(),
              EqualsProto(Expected("status: UNAVAILABLE retry_delay { seconds: "
                                   "2 }")));
  EXPECT_THAT(OnAnyCall().IsExhausted(absl::Seconds(3)).proto(),
              EqualsProto(Expected("status: RESOURCE_EXHAUSTED retry_delay { "
                                   "seconds: 3 }")));
  EXPECT_THAT(OnAnyCall().Fails(absl::DataLossError("x")).proto(),
              EqualsProto(Expected("error { code: DATA_LOSS message: 'x' }")));
  EXPECT_TRUE(OnAnyCall().CutsConnection().proto().cut_connection());
  EXPECT_TRUE(OnAnyCall().SwallowsReply().proto().swallow());
  EXPECT_TRUE(OnAnyCall().AsksForCommitRetry().proto().ask_for_commit_retry());
  EXPECT_TRUE(OnAnyCall().HidesTransaction().proto().hide_transaction());
  EXPECT_THAT(OnAnyCall()
                  .AddsHeader("server-timing", "gfet4t7; dur=5")
                  .AddsTrailer("a", "b")
                  .RemovesHeader("c")
                  .proto(),
              EqualsProto(Expected(R"(
                  headers { name: 'server-timing' value: 'gfet4t7; dur=5' }
                  trailers { name: 'a' value: 'b' }
                  removed_headers: 'c')")));
}

class AddFaultTest : public ::testing::Test {
 protected:
  std::unique_ptr<Emulator> emulator_ = StartEmulator();
  SpannerClient client_{MakeCaller(*emulator_, Transport::kInProcess)};
};

TEST_F(AddFaultTest, ComesOverCallsAndCounts) {
  const std::string session = client_.Create().value().name();
  const auto fault =
      emulator_->AddFault(OnCall("GetSession").Skip(1).Once().LosesSession());
  ASSERT_THAT(fault, IsOk());
  EXPECT_EQ(fault->name(), "faults/1");
  EXPECT_THAT(client_.Get(session), IsOk());
  EXPECT_THAT(client_.Get(session),
              StatusIs(absl::StatusCode::kNotFound, StartsWith("Session not")));
  EXPECT_THAT(client_.Get(session), IsOk());
  EXPECT_EQ(fault->MatchCount(), 2);
  EXPECT_EQ(fault->HitCount(), 1);
  EXPECT_EQ(fault->HeldCallCount(), 0);
  EXPECT_EQ(fault->Release(), 0);
  EXPECT_EQ(emulator_->faults().List(0, 9).size(), 1U);
  EXPECT_TRUE(fault->Delete());
  EXPECT_FALSE(fault->Delete());
  EXPECT_EQ(fault->HitCount(), 0);
}

TEST_F(AddFaultTest, SaysWhatIsWrongAndAddsNothing) {
  EXPECT_THAT(emulator_->AddFault(OnCall("Comit").Aborts()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("match.methods[0] must be")));
  EXPECT_THAT(emulator_->AddFault(OnAnyCall().Named("a b").Freezes()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("name must be faults/<fault>, with")));
  EXPECT_THAT(emulator_->AddFault(OnAnyCall().Pauses(absl::InfiniteDuration())),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("pause.fixed must")));
  EXPECT_TRUE(emulator_->faults().List(0, 9).empty());
  ASSERT_THAT(emulator_->AddFault(OnAnyCall().Named("mine").Freezes()), IsOk());
  EXPECT_THAT(emulator_->AddFault(OnAnyCall().Named("mine").Freezes()),
              StatusIs(absl::StatusCode::kAlreadyExists, _));
}

}  // namespace
}  // namespace spanner_session_emulator
