// docs/mock-parity.md, the rows about what was received.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/faults.h"
#include "server/journal.h"
#include "spanner_session_emulator/v1/journal.pb.h"
#include "tests/parity/parity_testing.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class JournalParityTest : public ParityFixture {
 protected:
  // The session has been created by a call; the tests begin after it.
  JournalParityTest() { emulator_->journal().Clear(); }

  // The methods of the calls, by their short names.
  static std::vector<std::string> Methods(
      const std::vector<JournalEntry>& entries) {
    std::vector<std::string> methods;
    for (const JournalEntry& entry : entries) {
      const absl::string_view name = entry.method();
      methods.emplace_back(name.substr(name.rfind('.') + 1));
    }
    return methods;
  }
};

TEST_F(JournalParityTest, RequestsInOrder) {
  const std::string id = Begin()->id();
  ASSERT_THAT(Query("SELECT 1", InTransaction(id)), IsOk());
  ASSERT_THAT(Commit(id), IsOk());
  EXPECT_THAT(Methods(emulator_->journal().List(AllCalls())),
              ElementsAre("BeginTransaction", "ExecuteSql", "Commit"));
}

TEST_F(JournalParityTest, RequestsOfAType) {
  const std::string id = Begin()->id();
  ASSERT_THAT(Commit(id), IsOk());
  const auto commits = emulator_->journal().List(CallsOf("Commit"));
  ASSERT_THAT(commits, SizeIs(1));
  EXPECT_EQ(RequestOf<api::CommitRequest>(commits[0]).transaction_id(), id);
}

TEST_F(JournalParityTest, NumberOfRequestsOfAType) {
  client_.BatchCreate(2).value();
  client_.BatchCreate(3).value();
  EXPECT_EQ(emulator_->journal().Count(CallsOf("BatchCreateSessions")), 2);
  EXPECT_EQ(emulator_->journal().Count(CallsOf("CreateSession")), 0);
}

TEST_F(JournalParityTest, LastRequest) {
  ASSERT_THAT(Get(), IsOk());
  ASSERT_THAT(client_.Delete(session_), IsOk());
  const auto last = emulator_->journal().Last(AllCalls());
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->method(), "google.spanner.v1.Spanner.DeleteSession");
}

TEST_F(JournalParityTest, WaitForRequests) {
  auto first = GetInBackground();
  auto second = GetInBackground();
  const auto gets = emulator_->journal().WaitFor(CallsOf("GetSession"), 2);
  ASSERT_THAT(gets, IsOk());
  EXPECT_THAT(*gets, SizeIs(2));
  EXPECT_THAT(
      emulator_->journal().WaitFor(CallsOf("Commit"), 1, absl::Milliseconds(1)),
      StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("")));
}

TEST_F(JournalParityTest, RequestsWithAStatement) {
  AddStub(OnSql("SELECT mine").Rows({"INT64"}, {{1}}));
  ASSERT_THAT(Query("SELECT mine"), IsOk());
  ASSERT_THAT(Query("SELECT 1"), IsOk());
  EXPECT_EQ(emulator_->journal().Count(CallsOf("ExecuteSql")), 2);
  EXPECT_EQ(
      emulator_->journal().Count(CallsOf("ExecuteSql").WithSql("SELECT mine")),
      1);
}

TEST_F(JournalParityTest, HeadersOfARequest) {
  SpannerClient(
      MakeCaller(channel_, {{"x-goog-spanner-route-to-leader", "true"}}))
      .Get(session_)
      .value();
  ASSERT_THAT(Get(), IsOk());
  const auto entries = emulator_->journal().List(
      AllCalls().WithHeader("x-goog-spanner-route-to-leader", "true"));
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0].header("x-goog-spanner-route-to-leader"), "true");
}

TEST_F(JournalParityTest, ContextOfACall) {
  AddFault(OnCall("Commit").Named("no").IsUnavailable());
  SpannerClient over_tcp(Connect(*emulator_, Transport::kTcp));
  ASSERT_THAT(over_tcp.Get(session_), IsOk());
  ASSERT_EQ(Commit(Begin()->id()).status().code(),
            absl::StatusCode::kUnavailable);
  const auto get = emulator_->journal().Last(CallsOf("GetSession"));
  EXPECT_THAT(std::string(get->peer()), StartsWith("ipv4:127.0.0.1:"));
  EXPECT_EQ(get->start().clock, absl::ToUnixMicros(StartTime()));
  EXPECT_EQ(get->end()->message_count, 1);
  const auto commit = emulator_->journal().Last(
      AllCalls().WithStatus(absl::StatusCode::kUnavailable));
  EXPECT_THAT(commit->notes().faults, ElementsAre("faults/no"));
}

TEST_F(JournalParityTest, PingsOfASession) {
  ASSERT_THAT(Query("SELECT 1"), IsOk());
  const std::string pinged = session_;
  session_ = client_.Create()->name();
  const auto pings =
      emulator_->journal().List(CallsOf("ExecuteSql").WithSql("SELECT 1"));
  ASSERT_THAT(pings, SizeIs(1));
  EXPECT_EQ(pings[0].session(), pinged);
  EXPECT_EQ(emulator_->journal().Count(
                CallsOf("ExecuteSql").WithSql("SELECT 1").InSession(session_)),
            0);
}

TEST_F(JournalParityTest, TransactionsBegun) {
  ASSERT_THAT(Begin(), IsOk());
  ASSERT_THAT(Query("SELECT 1", kInNewTransaction), IsOk());
  ASSERT_THAT(Query("SELECT 1"), IsOk());
  EXPECT_EQ(emulator_->journal().Count(CallsOf("BeginTransaction")), 1);
  int inline_begins = 0;
  for (const auto& entry : emulator_->journal().List(CallsOf("ExecuteSql"))) {
    inline_begins +=
        RequestOf<api::ExecuteSqlRequest>(entry).transaction().has_begin();
  }
  EXPECT_EQ(inline_begins, 1);
}

TEST_F(JournalParityTest, RequestsAreForgotten) {
  ASSERT_THAT(Get(), IsOk());
  emulator_->journal().Clear();
  EXPECT_EQ(emulator_->journal().Count(AllCalls()), 0);
  ASSERT_THAT(Get(), IsOk());
  EXPECT_EQ(emulator_->journal().Count(AllCalls()), 1);
}

TEST_F(JournalParityTest, RequestsToAReplica) {
  const std::string first = absl::StrCat("localhost:", emulator_->port());
  AddFault(OnAnyCall()
               .Header(":authority", first)
               .AddsTrailer("x-replica", "1")
               .Named("first"));
  ASSERT_THAT(SpannerClient(Connect(first)).Get(session_), IsOk());
  ASSERT_THAT(
      SpannerClient(Connect(absl::StrCat("127.0.0.1:", emulator_->port())))
          .Delete(session_),
      IsOk());
  EXPECT_THAT(
      Methods(emulator_->journal().List(AllCalls().HitBy("faults/first"))),
      ElementsAre("GetSession"));
}

TEST_F(JournalParityTest, TheseCallsInThisOrder) {
  const auto stub =
      AddStub(OnSql("SELECT once").Times(1).Rows({"INT64"}, {{1}}));
  ASSERT_THAT(Query("SELECT once"), IsOk());
  ASSERT_THAT(client_.Delete(session_), IsOk());
  EXPECT_THAT(Methods(emulator_->journal().List(AllCalls())),
              ElementsAre("ExecuteSql", "DeleteSession"));
  EXPECT_EQ(stub.HitCount(), 1);  // What was scripted was called.
  EXPECT_THAT(emulator_->journal().List(
                  AllCalls().WithStatus(absl::StatusCode::kInvalidArgument)),
              IsEmpty());  // And nothing that was not.
}

TEST_F(JournalParityTest, RequestsReadByAnotherProcess) {
  ASSERT_THAT(Get(), IsOk());
  v1::ListJournalEntriesRequest request;
  request.set_filter("method = \"GetSession\"");
  const auto* service =
      v1::JournalEntry::descriptor()->file()->FindServiceByName(
          "JournalService");
  const auto entries = ToResponse<v1::ListJournalEntriesResponse>(
      MakeCaller(*emulator_, Transport::kRest)
          ->Call(*service->FindMethodByName("ListJournalEntries"), request));
  ASSERT_THAT(entries, IsOk());
  ASSERT_THAT(entries->entries(), SizeIs(1));
  api::GetSessionRequest get;
  ASSERT_TRUE(entries->entries(0).request().UnpackTo(&get));
  EXPECT_EQ(get.name(), session_);
}

}  // namespace
}  // namespace spanner_session_emulator
