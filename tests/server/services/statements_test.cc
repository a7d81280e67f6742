// What ExecuteSql, ExecuteStreamingSql, ExecuteBatchDml, Read and StreamingRead
// get by stubs; what stubs can say is tested in tests/server/mock.
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/stubs.grpc.pb.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kFailedPrecondition =
    absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;

constexpr char kBeginReadWrite[] = "transaction { begin { read_write {} } }";

std::string Id(absl::string_view id) {
  return absl::StrCat("transaction { id: '", absl::CEscape(id), "' }");
}

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
  absl::StatusOr<api::ExecuteBatchDmlResponse> Batch(
      const std::string& session, absl::string_view transaction,
      absl::string_view rest) {
    return ToResponse<api::ExecuteBatchDmlResponse>(caller_->Call(
        "ExecuteBatchDml",
        FromText<api::ExecuteBatchDmlRequest>(absl::StrCat(
            "session: '", session, "' ", transaction, " ", rest))));
  }
  std::string Begin(const std::string& session, absl::string_view options) {
    return ToResponse<api::Transaction>(
               caller_->Call(
                   "BeginTransaction",
                   FromText<api::BeginTransactionRequest>(absl::StrCat(
                       "session: '", session, "' options { ", options, " }"))))
        .value()
        .id();
  }
  Answer Commit(const std::string& session, const std::string& id) {
    api::CommitRequest request;
    request.set_session(session);
    request.set_transaction_id(id);
    return caller_->Call("Commit", request);
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
  SpannerClient client_ = SpannerClient(MakeCaller(*emulator_, GetParam()));
  const std::string session_ = client_.Create().value().name();
  const std::string multiplexed_ =
      client_.Create("multiplexed: true").value().name();
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
  AddStub("match { sql: 'UPDATE A' } answer { row_count: 3 }");
  AddStub(
      "match { sql: 'UPDATE B' } answer { error { code: NOT_FOUND "
      "message: 'b' } }");
  const auto good = Batch(session_, kBeginReadWrite,
                          "statements { sql: 'UPDATE A' } "
                          "statements { sql: ' UPDATE  A ' }");
  ASSERT_THAT(good, IsOk());
  EXPECT_EQ(good->status().code(), 0);
  ASSERT_THAT(good->result_sets(), SizeIs(2));
  EXPECT_EQ(good->result_sets(1).stats().row_count_exact(), 3);
  EXPECT_FALSE(good->result_sets(1).has_metadata());
  const auto part = Batch(
      session_, Id(good->result_sets(0).metadata().transaction().id()),
      "seqno: 1 statements { sql: 'UPDATE A' } statements { sql: 'UPDATE B' } "
      "statements { sql: 'UPDATE A' }");
  ASSERT_THAT(part, IsOk());
  EXPECT_THAT(part->result_sets(), SizeIs(1));
  EXPECT_FALSE(part->result_sets(0).metadata().has_transaction());
  EXPECT_EQ(part->status().code(), 5);
  EXPECT_EQ(part->status().message(), "b");
  const auto unscripted =
      Batch(session_, kBeginReadWrite, "statements { sql: 'UPDATE C' }");
  ASSERT_THAT(unscripted, IsOk());
  EXPECT_EQ(unscripted->status().code(), 3);
  EXPECT_THAT(unscripted->status().message(), HasSubstr("`UPDATE C`"));
  const auto query = Batch(session_, kBeginReadWrite,
                           "statements { sql: 'UPDATE A' } "
                           "statements { sql: 'SELECT 1' }");
  ASSERT_THAT(query, IsOk());
  EXPECT_EQ(query->status().code(), 3);
  EXPECT_EQ(query->status().message(),
            "Statement 1: 'SELECT 1' is not valid DML.");
}

TEST_P(StatementsTest, AFirstStatementThatFailsBeginsNothing) {
  const auto failed =
      Batch(multiplexed_, kBeginReadWrite, "statements { sql: 'UPDATE C' }");
  ASSERT_THAT(failed, IsOk());
  EXPECT_THAT(failed->result_sets(), IsEmpty());
  EXPECT_FALSE(failed->has_precommit_token());
}

TEST_P(StatementsTest, ABatchThatComesAgainIsNotExecutedAgain) {
  AddStub(
      "match { sql: 'UPDATE A' } answers { row_count: 1 } "
      "answers { row_count: 2 }");
  const std::string id = Begin(multiplexed_, "read_write {}");
  const auto execute = [&](int seqno) {
    const auto response = Batch(
        multiplexed_, Id(id),
        absl::StrCat("seqno: ", seqno, " statements { sql: 'UPDATE A' }"));
    EXPECT_THAT(response, IsOk());
    EXPECT_TRUE(response->has_precommit_token());
    return response->result_sets(0).stats().row_count_exact();
  };
  EXPECT_EQ(execute(1), 1);
  EXPECT_EQ(execute(1), 1);
  EXPECT_EQ(execute(2), 2);
}

// With a method for whole results, and one for streams.
TEST_P(StatementsTest, TheFirstMetadataHasTheTransactionThatBegins) {
  AddStub(absl::StrCat("match { sql: 'SELECT a' } ", kTwoRows));
  const auto whole = Sql(absl::StrCat("sql: 'SELECT a' ", kBeginReadWrite));
  ASSERT_THAT(whole, IsOk());
  const std::string id = whole->metadata().transaction().id();
  EXPECT_THAT(id, SizeIs(48));
  std::vector<api::PartialResultSet> messages;
  EXPECT_THAT(Stream("ExecuteStreamingSql",
                     Of<api::ExecuteSqlRequest>(
                         absl::StrCat("sql: 'SELECT a' ", kBeginReadWrite)),
                     messages),
              IsOk());
  ASSERT_THAT(messages, SizeIs(2));
  const std::string later = messages[0].metadata().transaction().id();
  EXPECT_THAT(later, SizeIs(48));
  EXPECT_FALSE(messages[1].has_metadata());
  // The later one has replaced the first.
  EXPECT_THAT(Sql(absl::StrCat("sql: 'SELECT a' ", Id(id))),
              StatusIs(kFailedPrecondition,
                       HasSubstr("invalidated by a later transaction")));
  const auto used = Sql(absl::StrCat("sql: 'SELECT a' ", Id(later)));
  ASSERT_THAT(used, IsOk());
  EXPECT_FALSE(used->metadata().has_transaction());
  EXPECT_THAT(Commit(session_, later), IsOk());
  EXPECT_THAT(
      Sql(absl::StrCat("sql: 'SELECT a' ", Id(later))),
      StatusIs(kFailedPrecondition, HasSubstr("after Commit() or Rollback()")));
}

TEST_P(StatementsTest, ReadTimestampsAreToldWhereAskedFor) {
  const auto single =
      Sql("sql: 'SELECT 1' transaction { single_use { read_only { strong: true "
          "return_read_timestamp: true } } }");
  ASSERT_THAT(single, IsOk());
  EXPECT_EQ(single->metadata().transaction().id(), "");
  EXPECT_EQ(single->metadata().transaction().read_timestamp().seconds(),
            absl::ToUnixSeconds(StartTime()));
  EXPECT_FALSE(Sql("sql: 'SELECT 1'")->metadata().has_transaction());
}

TEST_P(StatementsTest, AnIdIsFirstLookedAt) {
  // The statement is not scripted.
  EXPECT_THAT(
      Sql("sql: 'S' transaction { id: 'x' }"),
      StatusIs(absl::StatusCode::kNotFound, "Transaction not found: x"));
  EXPECT_THAT(Sql("sql: 'S' transaction { begin {} }"),
              StatusIs(kInvalidArgument,
                       HasSubstr("transaction.begin must have one of")));
  EXPECT_THAT(Sql("sql: 'UPDATE T'"),
              StatusIs(kInvalidArgument, HasSubstr("DML statements")));
}

TEST_P(StatementsTest, ACallThatFailsBeginsNothing) {
  const std::string open = Begin(multiplexed_, "read_write {}");
  AddStub(
      "match { sql: 'S' } answer { error { code: NOT_FOUND message: 'x' } }");
  for (const char* sql : {"S", "not scripted"}) {
    EXPECT_THAT(caller_->Call("ExecuteStreamingSql",
                              FromText<api::ExecuteSqlRequest>(absl::StrCat(
                                  "session: '", multiplexed_, "' sql: '", sql,
                                  "' ", kBeginReadWrite))),
                Not(IsOk()));
  }
  EXPECT_THAT(Commit(multiplexed_, open), IsOk());
}

TEST_P(StatementsTest, StubsAskForTheKindOfTheTransactionThatRuns) {
  AddStub(
      "match { sql: 'S' transaction_kind: READ_WRITE } "
      "answer { columns: 'INT64' rows { values { number_value: 1 } } }");
  AddStub(
      "match { sql: 'S' transaction_kind: READ_ONLY } "
      "answer { columns: 'INT64' rows { values { number_value: 2 } } }");
  const auto answer = [&](const std::string& transaction) {
    const auto result = Sql(absl::StrCat("sql: 'S' ", transaction));
    EXPECT_THAT(result, IsOk());
    return result->rows(0).values(0).string_value();
  };
  EXPECT_EQ(answer(""), "2");
  EXPECT_EQ(answer(kBeginReadWrite), "1");
  EXPECT_EQ(answer(Id(Begin(session_, "read_write {}"))), "1");
  EXPECT_EQ(answer(Id(Begin(session_, "read_only {}"))), "2");
}

TEST_P(StatementsTest, DmlThatComesAgainIsNotExecutedAgain) {
  AddStub(
      "match { sql: 'UPDATE T' } answers { row_count: 1 } "
      "answers { error { code: UNAVAILABLE message: 'try again' } } "
      "answers { row_count: 3 }");
  const std::string id = Begin(session_, "read_write {}");
  const auto execute = [&](int seqno) {
    return Sql(absl::StrCat("sql: 'UPDATE T' seqno: ", seqno, " ", Id(id)));
  };
  EXPECT_EQ(execute(1)->stats().row_count_exact(), 1);
  EXPECT_EQ(execute(1)->stats().row_count_exact(), 1);
  // One that has failed is.
  EXPECT_THAT(execute(2),
              StatusIs(absl::StatusCode::kUnavailable, "try again"));
  EXPECT_EQ(execute(2)->stats().row_count_exact(), 3);
  EXPECT_EQ(execute(1)->stats().row_count_exact(), 1);
  EXPECT_THAT(execute(0), StatusIs(kInvalidArgument, HasSubstr("seqno")));
  // A stream gives the same answer.
  std::vector<api::PartialResultSet> messages;
  EXPECT_THAT(Stream("ExecuteStreamingSql",
                     Of<api::ExecuteSqlRequest>(
                         absl::StrCat("sql: 'UPDATE T' seqno: 2 ", Id(id))),
                     messages),
              IsOk());
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].stats().row_count_exact(), 3);
}

TEST_P(StatementsTest, AnAbortedAnswerAbortsItsTransaction) {
  constexpr absl::string_view kAborted =
      "error { code: ABORTED message: 'again' }";
  AddStub(absl::StrCat("match { sql: 'S' } answer { ", kAborted, " }"));
  AddStub(absl::StrCat("match { sql: 'UPDATE T' } answer { ", kAborted, " }"));
  AddStub(
      absl::StrCat("match { sql: 'Part' } answer { columns: 'INT64' rows { "
                   "values { number_value: 1 } } ",
                   kAborted, " }"));
  std::vector<api::PartialResultSet> messages;
  const auto stream = [&](absl::string_view sql, const std::string& id) {
    return Stream(
        "ExecuteStreamingSql",
        Of<api::ExecuteSqlRequest>(absl::StrCat("sql: '", sql, "' ", Id(id))),
        messages);
  };
  const std::vector<std::function<void(const std::string&)>> uses = {
      [&](const std::string& id) {
        EXPECT_THAT(Sql(absl::StrCat("sql: 'S' ", Id(id))), Not(IsOk()));
      },
      [&](const std::string& id) { stream("S", id); },
      [&](const std::string& id) {
        stream("Part", id);
        EXPECT_THAT(messages, SizeIs(1));
      },
      [&](const std::string& id) {
        EXPECT_THAT(Batch(session_, Id(id), "statements { sql: 'UPDATE T' }"),
                    IsOk());
      }};
  for (const auto& use : uses) {
    const std::string id = Begin(session_, "read_write {}");
    use(id);
    EXPECT_THAT(Commit(session_, id),
                StatusIs(absl::StatusCode::kAborted, HasSubstr("aborted")));
  }
}

TEST_P(StatementsTest, PartitionedDmlCountsAtTheLeast) {
  AddStub("match { sql: 'UPDATE T' } answer { row_count: 7 }");
  const std::string id = Begin(session_, "partitioned_dml {}");
  const auto result = Sql(absl::StrCat("sql: 'UPDATE T' ", Id(id)));
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->stats().row_count_lower_bound(), 7);
  EXPECT_THAT(Sql(absl::StrCat("sql: 'SELECT 1' ", Id(id))),
              StatusIs(kInvalidArgument, HasSubstr("only be used to execute "
                                                   "DML")));
}

TEST_P(StatementsTest, PrecommitTokensRise) {
  AddStub(absl::StrCat("match { sql: 'SELECT a' } ", kTwoRows));
  const auto use = [&](const std::string& transaction) {
    return FromText<api::ExecuteSqlRequest>(absl::StrCat(
        "session: '", multiplexed_, "' sql: 'SELECT a' ", transaction));
  };
  const auto first = ToResponse<api::ResultSet>(
      caller_->Call("ExecuteSql", use(std::string(kBeginReadWrite))));
  ASSERT_THAT(first, IsOk());
  ASSERT_TRUE(first->has_precommit_token());
  const std::string id = first->metadata().transaction().id();
  std::vector<api::PartialResultSet> messages;
  EXPECT_THAT(Stream("ExecuteStreamingSql", use(Id(id)), messages), IsOk());
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_GT(messages[0].precommit_token().seq_num(),
            first->precommit_token().seq_num());
  EXPECT_FALSE(messages[1].has_precommit_token());
  api::CommitRequest commit;
  commit.set_session(multiplexed_);
  commit.set_transaction_id(id);
  *commit.mutable_precommit_token() = first->precommit_token();
  const auto stale =
      ToResponse<api::CommitResponse>(caller_->Call("Commit", commit));
  ASSERT_THAT(stale, IsOk());
  EXPECT_TRUE(stale->has_precommit_token());
  EXPECT_FALSE(stale->has_commit_timestamp());
  // Not in read-only transactions.
  EXPECT_FALSE(ToResponse<api::ResultSet>(caller_->Call("ExecuteSql", use("")))
                   ->has_precommit_token());
}

TEST_P(StatementsTest, ABatchThatHasFailedMayComeAgain) {
  AddStub("match { sql: 'UPDATE A' } answer { row_count: 1 }");
  const std::string id = Begin(session_, "read_write {}");
  const auto execute = [&] {
    return Batch(session_, Id(id),
                 "seqno: 1 last_statements: true statements { sql: 'UPDATE A' "
                 "} statements { sql: 'UPDATE B' }");
  };
  EXPECT_EQ(execute()->status().code(), 3);
  AddStub(
      "match { sql: 'UPDATE B' } answer { columns: 'INT64' rows { values { "
      "number_value: 1 } } }");
  const auto again = execute();
  EXPECT_EQ(again->status().code(), 0);
  ASSERT_THAT(again->result_sets(), SizeIs(2));
  EXPECT_THAT(again->result_sets(1).rows(), IsEmpty());
  EXPECT_EQ(again->result_sets(1).stats().row_count_exact(), 1);
  EXPECT_THAT(Commit(session_, id), IsOk());
}

TEST_P(StatementsTest, AQueryThatFailsWasNotTheLast) {
  const std::string id = Begin(session_, "read_write {}");
  EXPECT_THAT(Sql(absl::StrCat("sql: 'S' last_statement: true ", Id(id))),
              StatusIs(kInvalidArgument, HasSubstr("No stub matches")));
  EXPECT_THAT(
      Sql(absl::StrCat("sql: 'SELECT 1' last_statement: true ", Id(id))),
      IsOk());
  EXPECT_THAT(Sql(absl::StrCat("sql: 'SELECT 1' ", Id(id))),
              StatusIs(kFailedPrecondition, HasSubstr("its last")));
}

TEST_P(StatementsTest, OnlyStreamsAreLong) {
  AddStub(
      "match { sql: 'S' } answer { columns: 'STRING' rows { values { "
      "string_value: '1234567890' } } repeat_rows: 1000000000 }");
  EXPECT_THAT(Sql("sql: 'S'"),
              StatusIs(kFailedPrecondition, HasSubstr("Result set too large")));
}

TEST_P(StatementsTest, QueryModesThatAreNoneAreRefused) {
  EXPECT_THAT(Sql("sql: 'SELECT 1' query_mode: 99"),
              StatusIs(kInvalidArgument, HasSubstr("query_mode")));
}

TEST_P(StatementsTest, AScriptedAbortedSaysWhenToTryAgain) {
  AddStub("match { sql: 'S' } answer { error { code: ABORTED } }");
  const Answer answer =
      caller_->Call("ExecuteSql", Of<api::ExecuteSqlRequest>("sql: 'S'"));
  EXPECT_THAT(answer,
              StatusIs(absl::StatusCode::kAborted, "Transaction was aborted."));
  EXPECT_THAT(answer.details, HasSubstr("google.rpc.RetryInfo"));
}

TEST_P(StatementsTest, ALimitCutsRows) {
  AddStub(absl::StrCat("match { read { table: 'T' } } ", kTwoRows));
  const auto read = [&](absl::string_view rest) {
    return ToResponse<api::ResultSet>(caller_->Call(
        "Read", Of<api::ReadRequest>(absl::StrCat(
                    "table: 'T' columns: 'a' key_set { all: true } ", rest))));
  };
  EXPECT_THAT(read("limit: 1")->rows(), SizeIs(1));
  EXPECT_THAT(read("limit: 3")->rows(), SizeIs(2));
  EXPECT_THAT(read("limit: -1"),
              StatusIs(kInvalidArgument, HasSubstr("limit must not be")));
  EXPECT_THAT(read("limit: 1 partition_token: 'x'"),
              StatusIs(kInvalidArgument, HasSubstr("limit must be left out")));
}

TEST_P(StatementsTest, OnlyStreamsAreResumed) {
  EXPECT_THAT(Sql("sql: 'SELECT 1' resume_token: 'x'"),
              StatusIs(kInvalidArgument,
                       "Invalid ExecuteSql request: resume_token must be "
                       "empty: only streams are resumed"));
  EXPECT_THAT(
      caller_->Call("Read", Of<api::ReadRequest>("table: 'T' columns: 'a' "
                                                 "resume_token: 'x'")),
      StatusIs(kInvalidArgument, HasSubstr("resume_token must be")));
}

TEST_P(StatementsTest, ADeadSessionIsNotFound) {
  ASSERT_THAT(client_.Delete(session_), IsOk());
  EXPECT_THAT(Sql("sql: 'SELECT 1'"),
              StatusIs(absl::StatusCode::kNotFound,
                       absl::StrCat("Session not found: ", session_)));
  EXPECT_THAT(
      caller_->Call("ExecuteStreamingSql",
                    Of<api::ExecuteSqlRequest>("sql: 'SELECT 1'")),
      StatusIs(absl::StatusCode::kNotFound, StartsWith("Session not found: ")));
}

// So long that its end is not on its way before its beginning is read.
TEST(StatementStreamTest, TheEndOfAStreamUsesItsSession) {
  auto emulator = StartEmulator();
  v1::Stub long_answer = FromText<v1::Stub>(
      "match { sql: 'S' } answer { columns: 'STRING' repeat_rows: 100000 "
      "chunking { rows_per_message: 100 } }");
  long_answer.mutable_answer()->add_rows()->add_values()->set_string_value(
      std::string(1000, 'x'));
  v1::CreateStubRequest create;
  *create.mutable_stub() = long_answer;
  const auto channel =
      grpc::CreateChannel(absl::StrCat("localhost:", emulator->port()),
                          grpc::InsecureChannelCredentials());
  grpc::ClientContext create_context;
  v1::Stub created;
  ASSERT_TRUE(v1::StubService::NewStub(channel)
                  ->CreateStub(&create_context, create, &created)
                  .ok());
  const std::string session =
      SpannerClient(MakeCaller(channel)).Create().value().name();
  const auto spanner = api::Spanner::NewStub(channel);
  grpc::ClientContext context;
  api::ExecuteSqlRequest request;
  request.set_session(session);
  request.set_sql("S");
  const auto stream = spanner->ExecuteStreamingSql(&context, request);
  api::PartialResultSet message;
  int64_t rows = 0;
  ASSERT_TRUE(stream->Read(&message));
  rows += message.values_size();
  EXPECT_THAT(emulator->clock().Advance(absl::Minutes(50)), IsOk());
  while (stream->Read(&message)) rows += message.values_size();
  ASSERT_TRUE(stream->Finish().ok());
  EXPECT_EQ(rows, 100000);
  EXPECT_THAT(emulator->clock().Advance(absl::Minutes(50)), IsOk());
  EXPECT_THAT(SpannerClient(MakeCaller(channel)).Get(session), IsOk());
}

TEST(StatementStreamTest, AStreamThatNobodyReadsToItsEndUsesItsSession) {
  auto emulator = StartEmulator();
  emulator
      ->AddStub(FromText<v1::Stub>(
          "match { sql: 'S' } answer { columns: 'STRING' rows { values { "
          "string_value: '1234567890' } } repeat_rows: 1000000000 }"))
      .value();
  const auto channel =
      grpc::CreateChannel(absl::StrCat("localhost:", emulator->port()),
                          grpc::InsecureChannelCredentials());
  SpannerClient client(MakeCaller(channel));
  const std::string session = client.Create().value().name();
  {
    const auto spanner = api::Spanner::NewStub(channel);
    grpc::ClientContext context;
    api::ExecuteSqlRequest request;
    request.set_session(session);
    request.set_sql("S");
    const auto stream = spanner->ExecuteStreamingSql(&context, request);
    api::PartialResultSet message;
    ASSERT_TRUE(stream->Read(&message));
    EXPECT_THAT(emulator->clock().Advance(absl::Minutes(50)), IsOk());
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  }
  // The server hears of it a little later.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  absl::Time used;
  do {
    const api::ListSessionsResponse list = client.List().value();
    const auto& time = list.sessions(0).approximate_last_use_time();
    used =
        absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  } while (used != emulator->clock().Now() &&
           std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(used, emulator->clock().Now());
}

}  // namespace
}  // namespace spanner_session_emulator
