// The journal as C++ tests ask it. What it records of calls is tested in
// tests/server/services/control_journal_test.cc.

#include "server/journal.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/faults.h"
#include "server/stubs.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<int64_t> Numbers(const std::vector<JournalEntry>& entries) {
  std::vector<int64_t> numbers;
  for (const JournalEntry& entry : entries) numbers.push_back(entry.number());
  return numbers;
}

TEST(JournalCallsTest, SaysWhichCalls) {
  EXPECT_EQ(AllCalls().filter(), "");
  EXPECT_EQ(CallsOf("Commit").filter(), "method = \"Commit\"");
  EXPECT_EQ(CallsOf("Commit")
                .WithStatus(absl::StatusCode::kAborted)
                .InSession("s")
                .InDatabase("d")
                .After(3)
                .Open()
                .filter(),
            "method = \"Commit\" AND status = \"ABORTED\" AND session = \"s\" "
            "AND database = \"d\" AND number > 3 AND state = OPEN");
  EXPECT_EQ(AllCalls()
                .WithSql("SELECT \"a\\b\"")
                .WithSqlPrefix("SELECT")
                .WithHeader("User-Agent", "x")
                .AnsweredBy("stubs/1")
                .HitBy("faults/1")
                .filter(),
            "sql = \"SELECT \\\"a\\\\b\\\"\" AND sql:\"SELECT\" AND "
            "headers.user-agent = \"x\" AND stub = \"stubs/1\" AND fault = "
            "\"faults/1\"");
}

class JournalViewTest : public ::testing::Test {
 protected:
  // Entry 1.
  const std::unique_ptr<Emulator> emulator_ = StartEmulator();
  SpannerClient client_{emulator_->InProcessChannel()};
  const std::string session_ = client_.Create().value().name();

  absl::Status Query(const std::string& sql) {
    api::ExecuteSqlRequest request;
    request.set_session(session_);
    request.set_sql(sql);
    return CallSpanner(emulator_->InProcessChannel(), "ExecuteStreamingSql",
                       request)
        .status;
  }
};

TEST_F(JournalViewTest, ListsWhatCameTheOldestFirst) {
  EXPECT_THAT(client_.Get(session_), IsOk());  // 2
  EXPECT_FALSE(client_.Get(session_ + "x").ok());
  EXPECT_THAT(client_.Get(session_), IsOk());  // 4
  const JournalView journal = emulator_->journal();
  EXPECT_THAT(Numbers(journal.List()), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Numbers(journal.List(CallsOf("GetSession").InSession(session_))),
              ElementsAre(2, 4));
  EXPECT_THAT(
      Numbers(journal.List(AllCalls().WithStatus(absl::StatusCode::kNotFound))),
      ElementsAre(3));
  EXPECT_THAT(Numbers(journal.List(AllCalls().InDatabase(kDatabase).After(2))),
              ElementsAre(3, 4));
  EXPECT_EQ(journal.Count(), 4);
  EXPECT_EQ(journal.Count(CallsOf("GetSession")), 3);
  EXPECT_EQ(journal.Count(CallsOf("Commit")), 0);
  EXPECT_EQ(journal.Last()->number(), 4);
  EXPECT_EQ(journal.Last(CallsOf("CreateSession"))->number(), 1);
  EXPECT_FALSE(journal.Last(CallsOf("Commit")).has_value());
  EXPECT_EQ(journal.stats().entry_count, 4);
}

TEST_F(JournalViewTest, GivesRequests) {
  EXPECT_THAT(client_.Get(session_), IsOk());
  const JournalEntry entry = *emulator_->journal().Last();
  EXPECT_EQ(RequestOf<api::GetSessionRequest>(entry).name(), session_);
  // Not what it is.
  EXPECT_EQ(RequestOf<api::CommitRequest>(entry).ByteSizeLong(), 0);
}

TEST_F(JournalViewTest, KnowsStubsAndFaults) {
  ASSERT_THAT(emulator_->AddStub(
                  OnSql("SELECT a").Named("mine").Rows({"a INT64"}, {{1}})),
              IsOk());
  ASSERT_THAT(emulator_->AddFault(
                  OnCall("GetSession").Named("no").Once().IsUnavailable()),
              IsOk());
  EXPECT_THAT(Query("SELECT a"), IsOk());
  EXPECT_FALSE(client_.Get(session_).ok());
  const JournalView journal = emulator_->journal();
  EXPECT_EQ(journal.Count(AllCalls().AnsweredBy("stubs/mine")), 1);
  EXPECT_EQ(journal.Count(AllCalls().HitBy("faults/no")), 1);
  EXPECT_EQ(journal.Count(AllCalls().WithSql("SELECT a")), 1);
  EXPECT_EQ(journal.Count(AllCalls().WithSqlPrefix("SELECT")), 1);
  EXPECT_EQ(journal.Count(AllCalls().WithSql("SELECT b")), 0);
}

TEST_F(JournalViewTest, KnowsHeaders) {
  SpannerClient client(
      MakeCaller(emulator_->InProcessChannel(), {{"traceparent", "00-1"}}));
  EXPECT_THAT(client.Get(session_), IsOk());
  const JournalView journal = emulator_->journal();
  EXPECT_EQ(journal.Count(AllCalls().WithHeader("traceparent", "00-1")), 1);
  EXPECT_EQ(journal.Count(AllCalls().WithHeader("Traceparent", "00-2")), 0);
  EXPECT_THAT(journal.WaitFor(AllCalls().WithHeader("cookie", "x")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a header that is kept")));
}

using JournalViewDeathTest = JournalViewTest;

// Or checks that nothing came could not fail.
TEST_F(JournalViewDeathTest, CallsThatCannotBeMeantEndTheProgram) {
  const JournalView journal = emulator_->journal();
  const auto not_kept = AllCalls().WithHeader("cookie", "x");
  EXPECT_DEATH(journal.Count(not_kept), "a header that is kept");
  EXPECT_DEATH(journal.List(not_kept), "a header that is kept");
  EXPECT_DEATH(journal.Last(not_kept), "a header that is kept");
  EXPECT_DEATH(journal.Clear(not_kept), "a header that is kept");
  EXPECT_DEATH(journal.Count(CallsOf("Comit")), "Comit.*expected a method of");
  EXPECT_DEATH(journal.Count(AllCalls().InSession("s")), "/sessions/");
}

TEST_F(JournalViewTest, WaitsForCallsThatEnd) {
  const JournalView journal = emulator_->journal();
  EXPECT_THAT(journal.WaitFor(CallsOf("CreateSession")).value(), SizeIs(1));
  std::thread caller([this] {
    EXPECT_THAT(client_.Get(session_), IsOk());
    EXPECT_THAT(client_.Get(session_), IsOk());
  });
  const auto found =
      journal.WaitFor(CallsOf("GetSession"), 2, absl::InfiniteDuration());
  caller.join();
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(Numbers(*found), ElementsAre(2, 3));
  EXPECT_THAT(journal.WaitFor(CallsOf("GetSession"), 3, absl::Milliseconds(1)),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       "2 of 3 journal entries have come in the time given"));
}

TEST_F(JournalViewTest, WaitsForCallsThatAreOpen) {
  auto ice = emulator_->AddFault(OnCall("GetSession").Named("ice").Freezes());
  ASSERT_THAT(ice, IsOk());
  std::thread caller([this] { EXPECT_THAT(client_.Get(session_), IsOk()); });
  const JournalView journal = emulator_->journal();
  const auto open = journal.WaitFor(AllCalls().HitBy("faults/ice").Open(), 1,
                                    absl::FromChrono(kPatience));
  ASSERT_THAT(open, IsOk());
  EXPECT_FALSE(open->front().ended());
  EXPECT_EQ(journal.Count(AllCalls().Open()), 1);
  EXPECT_TRUE(ice->Delete());
  caller.join();
  EXPECT_EQ(journal.Count(AllCalls().Open()), 0);
  EXPECT_TRUE(journal.Last()->ended());
}

TEST_F(JournalViewTest, ShutdownEndsAWait) {
  const JournalView journal = emulator_->journal();
  std::thread waiter([&] {
    EXPECT_THAT(journal.WaitFor(CallsOf("Commit"), 1, absl::InfiniteDuration()),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  });
  emulator_->Shutdown();
  waiter.join();
}

TEST_F(JournalViewTest, IsCleared) {
  EXPECT_THAT(client_.Get(session_), IsOk());
  const JournalView journal = emulator_->journal();
  EXPECT_EQ(journal.Clear(CallsOf("GetSession")), 1);
  EXPECT_THAT(Numbers(journal.List()), ElementsAre(1));
  EXPECT_EQ(journal.Clear(), 1);
  EXPECT_THAT(journal.List(), IsEmpty());
  EXPECT_THAT(client_.Get(session_), IsOk());
  EXPECT_EQ(journal.Last()->number(), 3);
}

TEST_F(JournalViewTest, IsResetByScope) {
  EXPECT_THAT(client_.Create("", "projects/p/instances/i/databases/d2"),
              IsOk());
  EXPECT_THAT(client_.Create("", "projects/q/instances/i/databases/d"), IsOk());
  const JournalView journal = emulator_->journal();
  const auto reset = [this](absl::string_view scope) {
    const auto result =
        emulator_->Reset({.parts = {ResetPart::kJournal},
                          .scope = Scope::Parse(std::string(scope)).value()});
    ASSERT_THAT(result, IsOk());
    EXPECT_THAT(result->parts, ElementsAre(ResetPart::kJournal));
  };
  reset(kDatabase);
  EXPECT_THAT(Numbers(journal.List()), ElementsAre(2, 3));
  reset("projects/p");
  EXPECT_THAT(Numbers(journal.List()), ElementsAre(3));
  reset("");
  EXPECT_THAT(journal.List(), IsEmpty());
}

TEST(JournalViewOffTest, IsEmptyWhereThereIsNoJournal) {
  const auto emulator = StartEmulator({.journal_bytes = 0});
  SpannerClient client(emulator->InProcessChannel());
  EXPECT_THAT(client.Create(), IsOk());
  EXPECT_THAT(emulator->journal().List(), IsEmpty());
  EXPECT_EQ(emulator->journal().stats().capacity_bytes, 0);
  EXPECT_THAT(emulator->journal().WaitFor(AllCalls()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("The journal is off")));
  EXPECT_THAT(emulator->Reset(), IsOk());
}

}  // namespace
}  // namespace spanner_session_emulator
