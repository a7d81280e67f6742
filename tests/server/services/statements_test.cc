// What ExecuteSql, ExecuteStreamingSql, ExecuteBatchDml, Read and StreamingRead
// get by stubs; what stubs can say is tested in tests/server/mock.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;

class StatementsTest : public ::testing::TestWithParam<Transport> {
 protected:
  void AddStub(absl::string_view stub) {
    v1::CreateStubRequest request;
    *request.mutable_stub() = FromText<v1::Stub>(stub);
    const auto* service =
        v1::Stub::descriptor()->file()->FindServiceByName("StubService");
    EXPECT_THAT(
        caller_->Call(*service->FindMethodByName("CreateStub"), request),
        IsOk());
  }
  // A request of the session; `fields` as text.
  template <typename Request>
  Request Of(absl::string_view fields) const {
    return FromText<Request>(
        absl::StrCat("session: '", session_, "' ", fields));
  }
  absl::StatusOr<api::ResultSet> Sql(absl::string_view fields) {
    return ToResponse<api::ResultSet>(
        caller_->Call("ExecuteSql", Of<api::ExecuteSqlRequest>(fields)));
  }
  template <typename Request>
  Answer Stream(absl::string_view method, const Request& request,
                std::vector<api::PartialResultSet>& messages) {
    Answer answer = caller_->Call(method, request);
    messages.clear();
    for (const std::string& bytes : answer.messages) {
      EXPECT_TRUE(messages.emplace_back().ParseFromString(bytes));
    }
    return answer;
  }

  std::unique_ptr<Emulator> emulator_ = StartEmulator();
  std::unique_ptr<Caller> caller_ = MakeCaller(*emulator_, GetParam());
  const std::string session_ =
      SpannerClient(MakeCaller(*emulator_, GetParam())).Create().value().name();
};
INSTANTIATE_ALL_TRANSPORTS(StatementsTest);

constexpr char kTwoRows[] =
    "answer { columns: 'a INT64' rows { values { number_value: 1 } } "
    "rows { values { number_value: 2 } } chunking { rows_per_message: 1 } }";

TEST_P(StatementsTest, AStatementGetsItsRows) {
  AddStub(absl::StrCat("match { sql: 'SELECT a' } ", kTwoRows));
  const auto whole = Sql("sql: 'SELECT  a'");
  ASSERT_THAT(whole, IsOk());
  EXPECT_THAT(whole->rows(), SizeIs(2));
  std::vector<api::PartialResultSet> messages;
  EXPECT_THAT(Stream("ExecuteStreamingSql",
                     Of<api::ExecuteSqlRequest>("sql: 'SELECT a'"), messages),
              IsOk());
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[1].values(0).string_value(), "2");
  auto resumed = Of<api::ExecuteSqlRequest>("sql: 'SELECT a'");
  resumed.set_resume_token(messages[0].resume_token());
  EXPECT_THAT(Stream("ExecuteStreamingSql", resumed, messages), IsOk());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].values(0).string_value(), "2");
  resumed.set_resume_token("x");
  EXPECT_THAT(Stream("ExecuteStreamingSql", resumed, messages),
              StatusIs(kInvalidArgument, HasSubstr("resume_token must be")));
}

TEST_P(StatementsTest, AReadGetsItsRows) {
  AddStub(absl::StrCat("match { read { table: 'T' } } ", kTwoRows));
  const auto request =
      Of<api::ReadRequest>("table: 'T' columns: 'a' key_set { all: true }");
  const auto whole = ToResponse<api::ResultSet>(caller_->Call("Read", request));
  ASSERT_THAT(whole, IsOk());
  EXPECT_THAT(whole->rows(), SizeIs(2));
  std::vector<api::PartialResultSet> messages;
  EXPECT_THAT(Stream("StreamingRead", request, messages), IsOk());
  EXPECT_THAT(messages, SizeIs(2));
}

TEST_P(StatementsTest, WhatIsNotScriptedShowsTheStub) {
  EXPECT_THAT(Sql("sql: 'SELECT a'"),
              StatusIs(kInvalidArgument,
                       HasSubstr("{\"match\":{\"sql\":\"SELECT a\"}")));
  EXPECT_THAT(
      caller_->Call("StreamingRead",
                    Of<api::ReadRequest>("table: 'T' columns: 'a'")),
      StatusIs(kInvalidArgument, HasSubstr("{\"read\":{\"table\":\"T\"}}")));
  EXPECT_THAT(Sql("sql: 'SELECT 1;'"), IsOk());
}

TEST_P(StatementsTest, AnIncompleteRequestIsRefused) {
  EXPECT_THAT(Sql(""), StatusIs(kInvalidArgument,
                                "Invalid ExecuteSql request: sql must not be "
                                "empty"));
  EXPECT_THAT(caller_->Call("Read", Of<api::ReadRequest>("columns: 'a'")),
              StatusIs(kInvalidArgument, HasSubstr("table must not be")));
  EXPECT_THAT(caller_->Call("Read", Of<api::ReadRequest>("table: 'T'")),
              StatusIs(kInvalidArgument, HasSubstr("columns must name")));
  EXPECT_THAT(
      caller_->Call("ExecuteBatchDml", Of<api::ExecuteBatchDmlRequest>("")),
      StatusIs(kInvalidArgument, HasSubstr("statements must have")));
  EXPECT_THAT(
      caller_->Call("ExecuteBatchDml",
                    Of<api::ExecuteBatchDmlRequest>("statements { sql: 'S' } "
                                                    "statements {}")),
      StatusIs(kInvalidArgument, HasSubstr("statements[1].sql must not be")));
}

TEST_P(StatementsTest, AStubsErrorComesWithItsDetails) {
  AddStub(
      "match { sql: 'S' } answer { error { code: ABORTED message: 'again' "
      "details { [type.googleapis.com/google.rpc.RetryInfo] { retry_delay { "
      "seconds: 1 } } } } }");
  const Answer answer = caller_->Call("ExecuteStreamingSql",
                                      Of<api::ExecuteSqlRequest>("sql: 'S'"));
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kAborted, "again"));
  EXPECT_THAT(answer.messages, IsEmpty());
  EXPECT_THAT(answer.details, HasSubstr("google.rpc.RetryInfo"));
}

TEST_P(StatementsTest, ABatchEndsWithItsFirstError) {
  AddStub("match { sql: 'A' } answer { row_count: 3 }");
  AddStub(
      "match { sql: 'B' } answer { error { code: NOT_FOUND "
      "message: 'b' } }");
  const auto batch = [&](absl::string_view statements) {
    return ToResponse<api::ExecuteBatchDmlResponse>(caller_->Call(
        "ExecuteBatchDml", Of<api::ExecuteBatchDmlRequest>(statements)));
  };
  const auto good = batch("statements { sql: 'A' } statements { sql: ' A ' }");
  ASSERT_THAT(good, IsOk());
  EXPECT_EQ(good->status().code(), 0);
  ASSERT_THAT(good->result_sets(), SizeIs(2));
  EXPECT_EQ(good->result_sets(1).stats().row_count_exact(), 3);
  const auto part = batch(
      "statements { sql: 'A' } statements { sql: 'B' } statements { sql: 'A' "
      "}");
  ASSERT_THAT(part, IsOk());
  EXPECT_THAT(part->result_sets(), SizeIs(1));
  EXPECT_EQ(part->status().code(), 5);
  EXPECT_EQ(part->status().message(), "b");
  const auto unscripted = batch("statements { sql: 'C' }");
  ASSERT_THAT(unscripted, IsOk());
  EXPECT_EQ(unscripted->status().code(), 3);
  EXPECT_THAT(unscripted->status().message(), HasSubstr("`C`"));
}

TEST_P(StatementsTest, ADeadSessionIsNotFound) {
  ASSERT_THAT(
      SpannerClient(MakeCaller(*emulator_, GetParam())).Delete(session_),
      IsOk());
  EXPECT_THAT(Sql("sql: 'SELECT 1'"),
              StatusIs(absl::StatusCode::kNotFound,
                       absl::StrCat("Session not found: ", session_)));
  EXPECT_THAT(
      caller_->Call("ExecuteStreamingSql",
                    Of<api::ExecuteSqlRequest>("sql: 'SELECT 1'")),
      StatusIs(absl::StatusCode::kNotFound, StartsWith("Session not found: ")));
}

}  // namespace
}  // namespace spanner_session_emulator
