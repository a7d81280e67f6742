#include "server/failure_report.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

std::vector<std::string> LinesOf(const std::string& text) {
  return absl::StrSplit(text, '\n');
}

class FailureReportTest : public ::testing::Test {
 protected:
  const std::unique_ptr<Emulator> emulator_ = StartEmulator();
  SpannerClient client_{Connect(*emulator_, Transport::kTcp)};

  absl::Status Query(const std::string& session, const std::string& sql) {
    api::ExecuteSqlRequest request;
    request.set_session(session);
    request.set_sql(sql);
    request.mutable_request_options()->set_request_tag("mine");
    return CallSpanner(emulator_->InProcessChannel(), "ExecuteSql", request)
        .status;
  }
};

TEST_F(FailureReportTest, HasALineForEachCallAndForEachSessionThatIsLeft) {
  const FailureReport report(*emulator_);
  const std::string leaked =
      client_.Create("labels {key: 'env' value: 'dev'} creator_role: 'boss'")
          .value()
          .name();
  const std::string deleted = client_.Create().value().name();
  ASSERT_TRUE(emulator_->clock().Advance(absl::Seconds(1)).ok());
  EXPECT_THAT(client_.Delete(deleted), IsOk());
  EXPECT_FALSE(client_.Get(deleted).ok());

  const std::string time = "2023-11-14T22:13:2[01].123456Z";
  const std::string client =
      "user_agent=\"grpc-c[+][+]/[^\"]*\" peer=\"ipv[46]:[^\"]*\"";
  EXPECT_THAT(
      LinesOf(report.Text()),
      ElementsAre(
          MatchesRegex("Emulator on .*:[0-9]+: 4 calls:"),
          MatchesRegex(absl::StrCat(
              "  #1 ", time, " CreateSession OK [0-9.]+[num]?s database=\"",
              kDatabase, "\" ", client)),
          MatchesRegex(absl::StrCat("  #2 ", time, " CreateSession OK .*")),
          MatchesRegex(absl::StrCat("  #3 ", time,
                                    " DeleteSession OK .* session=\"", deleted,
                                    "\" ", client)),
          MatchesRegex(absl::StrCat(
              "  #4 ", time, " GetSession NOT_FOUND .* session=\"", deleted,
              "\" message=\"Session not found: [^\"]*\" ", client)),
          "1 session not deleted:",
          MatchesRegex(
              absl::StrCat("  ", leaked,
                           " created 2023-11-14T22:13:20.123456Z, last used "
                           "2023-11-14T22:13:20.123456Z labels.env=\"dev\" "
                           "creator_role=\"boss\" ",
                           client)),
          ""));
}

TEST_F(FailureReportTest, KnowsOnlyWhatHasComeSince) {
  client_.Create().value();
  const FailureReport report(*emulator_);
  EXPECT_THAT(
      LinesOf(report.Text()),
      ElementsAre(HasSubstr(": 0 calls."), "0 sessions not deleted.", ""));
}

TEST_F(FailureReportTest, HasStatementsAndWhatNoStubMatched) {
  const std::string session = client_.Create().value().name();
  const FailureReport report(*emulator_);
  EXPECT_FALSE(Query(session, "SELECT\n \"a\"").ok());
  EXPECT_THAT(report.Text(),
              AllOf(HasSubstr("ExecuteSql INVALID_ARGUMENT"),
                    HasSubstr(" sql=\"SELECT \\\"a\\\"\" request_tag=\"mine\" "
                              "message=\"No stub matches")));
}

TEST_F(FailureReportTest, CutsLongTexts) {
  const std::string session = client_.Create().value().name();
  const FailureReport report(*emulator_);
  EXPECT_FALSE(Query(session, "SELECT " + std::string(10'000, 'x')).ok());
  EXPECT_THAT(report.Text(),
              AllOf(HasSubstr(absl::StrCat("sql=\"SELECT ",
                                           std::string(493, 'x'), "…\"")),
                    Not(HasSubstr(std::string(494, 'x')))));
}

TEST_F(FailureReportTest, HasStubsAndFaults) {
  const std::string session = client_.Create().value().name();
  ASSERT_TRUE(
      emulator_->AddStub(OnSql("SELECT 1").Named("one").Rows({"INT64"}, {{1}}))
          .ok());
  ASSERT_TRUE(
      emulator_->AddFault(OnCall("GetSession").Named("gone").LosesSession())
          .ok());
  const FailureReport report(*emulator_);
  EXPECT_THAT(Query(session, "SELECT 1"), IsOk());
  EXPECT_FALSE(client_.Get(session).ok());
  EXPECT_THAT(report.Text(), AllOf(HasSubstr(" stubs=\"stubs/one\""),
                                   HasSubstr(" faults=\"faults/gone\"")));
}

TEST_F(FailureReportTest, ShowsTheLastCallsAndTheFirstSessionsOfMany) {
  const FailureReport report(*emulator_, {.calls = 2, .sessions = 1});
  const std::string first = client_.Create().value().name();
  client_.Create().value();
  client_.Create().value();
  EXPECT_THAT(
      LinesOf(report.Text()),
      ElementsAre(HasSubstr(": 3 calls; the last 2:"), HasSubstr("  #2 "),
                  HasSubstr("  #3 "), "3 sessions not deleted; the first 1:",
                  HasSubstr(first), ""));
}

TEST_F(FailureReportTest, SaysHowManyCallsTheJournalHasLost) {
  const FailureReport report(*emulator_);
  for (int i = 0; i < 3; ++i) client_.Create().value();
  EXPECT_EQ(emulator_->journal().Clear(CallsOf("CreateSession")), 3);
  client_.Create().value();
  EXPECT_THAT(report.Text(),
              HasSubstr(": 4 calls, of which the journal has 1:\n  #4 "));
}

TEST_F(FailureReportTest, HasSessionsThatHaveExpired) {
  const FailureReport report(*emulator_);
  const std::string session = client_.Create().value().name();
  ASSERT_TRUE(emulator_->clock().Advance(absl::Hours(2)).ok());
  EXPECT_THAT(
      report.Text(),
      ContainsRegex(absl::StrCat(
          "1 session not deleted:\n  ", session,
          " created [^ ]*, last used [^ ]*, expired 2023-11-14T23:13:")));
}

TEST_F(FailureReportTest, LeavesOutMultiplexedSessions) {
  const FailureReport report(*emulator_);
  client_.Create("multiplexed: true").value();
  EXPECT_THAT(report.Text(), HasSubstr("0 sessions not deleted."));
}

TEST_F(FailureReportTest, CountsMoreSessionsThanAPageHas) {
  for (int i = 0; i < 11; ++i) client_.BatchCreate(100).value();
  const FailureReport report(*emulator_);
  for (int i = 0; i < 11; ++i) client_.BatchCreate(100).value();
  EXPECT_THAT(report.Text(), HasSubstr("1100 sessions not deleted; "));
}

TEST_F(FailureReportTest, HasCallsThatAreOpen) {
  const auto frozen = emulator_->AddFault(OnCall("GetSession").Freezes());
  ASSERT_TRUE(frozen.ok());
  const FailureReport report(*emulator_);
  std::thread call([&] {
    EXPECT_FALSE(client_.Get(absl::StrCat(kDatabase, "/sessions/x")).ok());
  });
  EXPECT_TRUE(emulator_->journal().WaitFor(AllCalls().Open()).ok());
  EXPECT_THAT(report.Text(),
              ContainsRegex(" GetSession OPEN session=.* faults=\"faults/1\""));
  frozen->Delete();
  call.join();
}

TEST(FailureReportWithoutJournalTest, SaysSo) {
  const auto emulator = StartEmulator({.journal_bytes = 0});
  const FailureReport report(*emulator);
  EXPECT_THAT(report.Text(), HasSubstr("there is no journal of calls."));
}

}  // namespace
}  // namespace spanner_session_emulator
