// docs/mock-parity.md, row by row: what the mock servers inside of the client
// libraries can do, done here, as a C++ test does it. Rows about what was
// received are in journal_parity_test.cc.

#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/faults.h"
#include "server/stubs.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "tests/parity/parity_testing.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kFailedPrecondition =
    absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kInternal = absl::StatusCode::kInternal;
constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;
constexpr absl::StatusCode kResourceExhausted =
    absl::StatusCode::kResourceExhausted;
constexpr absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

constexpr char kDialectQuery[] =
    "select option_value from information_schema.database_options where "
    "option_name='database_dialect'";

// So long that a call only goes on because a test lets it.
constexpr absl::Duration kLong = absl::Hours(1);

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

class ParityTest : public ParityFixture {
 protected:
  bool Holds(const FaultHandle& fault, int64_t calls = 1) {
    return Comes([&] { return fault.HeldCallCount() == calls; });
  }
  // `SELECT stream` has the rows 1, 2 and 3, each in a message of its own.
  void ScriptStream() {
    AddStub(OnSql("SELECT stream")
                .Rows({"INT64"}, {{1}, {2}, {3}})
                .RowsPerMessage(1));
  }
};

// ---- Results.

TEST_F(ParityTest, ResultPerStatement) {
  AddStub(OnSql("SELECT Name FROM Singers")
              .Rows({"Name STRING"}, {{"Ann"}, {"Zoe"}}));
  AddStub(OnSql("SELECT Id FROM Albums").Rows({"Id INT64"}, {{7}}));
  EXPECT_THAT(Values(Query("SELECT Name FROM Singers")),
              ElementsAre("Ann", "Zoe"));
  EXPECT_THAT(Stream("SELECT Id FROM Albums").values, ElementsAre("7"));
}

TEST_F(ParityTest, UpdateCountPerStatement) {
  AddStub(OnSql("UPDATE Singers SET Age = 1 WHERE true").RowCount(5));
  EXPECT_EQ(Query("UPDATE Singers SET Age = 1 WHERE true", kInNewTransaction)
                ->stats()
                .row_count_exact(),
            5);
}

TEST_F(ParityTest, RowsAndCountOfDmlThatReturns) {
  AddStub(OnSql("DELETE FROM Singers WHERE true THEN RETURN Id")
              .Rows({"Id INT64"}, {{1}, {2}})
              .RowCount(2));
  const auto result =
      Query("DELETE FROM Singers WHERE true THEN RETURN Id", kInNewTransaction);
  EXPECT_THAT(Values(result), ElementsAre("1", "2"));
  EXPECT_EQ(result->stats().row_count_exact(), 2);
}

TEST_F(ParityTest, ErrorPerStatement) {
  AddStub(OnSql("SELECT * FROM Gone")
              .Fails(absl::NotFoundError("Table not found")));
  EXPECT_THAT(Query("SELECT * FROM Gone"),
              StatusIs(kNotFound, "Table not found"));
  EXPECT_THAT(Stream("SELECT * FROM Gone"),
              StatusIs(kNotFound, "Table not found"));
}

TEST_F(ParityTest, AnotherAnswerOnTheSecondCall) {
  AddStub(
      OnSql("SELECT n").Rows({"INT64"}, {{1}}).Then().Rows({"INT64"}, {{2}}));
  EXPECT_THAT(Values(Query("SELECT n")), ElementsAre("1"));
  EXPECT_THAT(Values(Query("SELECT n")), ElementsAre("2"));
  EXPECT_THAT(Values(Query("SELECT n")), ElementsAre("2"));
}

TEST_F(ParityTest, StatementsThatBeginSo) {
  AddStub(OnSqlPrefix("INSERT INTO Singers").RowCount(1));
  EXPECT_THAT(Query("INSERT INTO Singers (Id) VALUES (1)", kInNewTransaction),
              IsOk());
  EXPECT_THAT(Query("INSERT INTO Albums (Id) VALUES (1)", kInNewTransaction),
              StatusIs(kInvalidArgument, HasSubstr("No stub matches")));
}

TEST_F(ParityTest, StatementsInAnyCase) {
  AddStub(
      OnSqlPattern("(?i)select name from singers").Rows({"STRING"}, {{"Ann"}}));
  EXPECT_THAT(Values(Query("SELECT Name FROM Singers")), ElementsAre("Ann"));
  EXPECT_THAT(Values(Query(" select NAME  from singers ")), ElementsAre("Ann"));
}

TEST_F(ParityTest, ResultPerParameter) {
  AddStub(OnSql("SELECT @id").Param("id", 7).Rows({"STRING"}, {{"seven"}}));
  AddStub(
      OnSql("SELECT @id").Param("id", nullptr).Rows({"STRING"}, {{"none"}}));
  constexpr char kParam[] = "params { fields { key: 'id' value { %s } } }";
  EXPECT_THAT(
      Values(Query("SELECT @id", absl::StrFormat(kParam, "string_value: '7'"))),
      ElementsAre("seven"));
  EXPECT_THAT(Values(Query("SELECT @id",
                           absl::StrFormat(kParam, "null_value: NULL_VALUE"))),
              ElementsAre("none"));
}

TEST_F(ParityTest, ResultPerRead) {
  AddStub(OnRead("Singers", {.columns = {"Name"}, .keys = {{1}}})
              .Rows({"Name STRING"}, {{"Ann"}}));
  AddStub(OnRead("Gone").Fails(absl::NotFoundError("Table not found")));
  EXPECT_THAT(Values(Read("table: 'Singers' columns: 'Name' key_set { keys { "
                          "values { string_value: '1' } } }")),
              ElementsAre("Ann"));
  EXPECT_THAT(Read("table: 'Gone' columns: 'Id' key_set { all: true }"),
              StatusIs(kNotFound, "Table not found"));
}

TEST_F(ParityTest, ResultsReplacedAndRemoved) {
  const auto first = AddStub(OnSql("S").Rows({"INT64"}, {{1}}));
  const auto second = AddStub(OnSql("S").Rows({"INT64"}, {{2}}));
  EXPECT_THAT(Values(Query("S")), ElementsAre("2"));
  EXPECT_TRUE(second.Delete());
  EXPECT_THAT(Values(Query("S")), ElementsAre("1"));
  EXPECT_TRUE(first.Delete());
  EXPECT_THAT(Query("S"), StatusIs(kInvalidArgument, HasSubstr("No stub")));
}

TEST_F(ParityTest, ResultsFromAFile) {
  const auto emulator = StartEmulator({.script = R"json({"stubs": [
      {"match": {"sql": "SELECT a"},
       "answer": {"columns": ["INT64"], "rows": [[1]]}}]})json"});
  EXPECT_EQ(emulator->stubs().List(0, 9).size(), 1U);

  v1::ImportScriptRequest later;
  *later.mutable_script() = FromText<v1::Script>(
      "stubs { match { sql: 'SELECT b' } answer { row_count: 1 } }"
      "stubs { match { sql: 'SELECT c' } answer { row_count: 1 } }");
  const auto* service =
      v1::Stub::descriptor()->file()->FindServiceByName("StubService");
  ASSERT_THAT(MakeCaller(emulator->InProcessChannel())
                  ->Call(*service->FindMethodByName("ImportScript"), later),
              IsOk());
  EXPECT_EQ(emulator->stubs().List(0, 9).size(), 3U);
}

TEST_F(ParityTest, UnknownStatementFails) {
  AddStub(OnSql("SELECT 2").Rows({"INT64"}, {{2}}));
  EXPECT_THAT(Query("SELECT 3"),
              StatusIs(kInvalidArgument,
                       StartsWith("No stub matches the statement `SELECT 3`")));
}

TEST_F(ParityTest, DialectDetection) {
  EXPECT_THAT(Values(Query(kDialectQuery)), ElementsAre("GOOGLE_STANDARD_SQL"));
  AddStub(OnSql(kDialectQuery).Rows({"option_value STRING"}, {{"POSTGRESQL"}}));
  EXPECT_THAT(Values(Query(kDialectQuery)), ElementsAre("POSTGRESQL"));
}

TEST_F(ParityTest, PingIsAnswered) {
  EXPECT_THAT(Values(Query("SELECT 1")), ElementsAre("1"));
}

TEST_F(ParityTest, PartitionedResults) {
  AddStub(OnSql("SELECT Id FROM Singers")
              .Rows({"Id INT64"}, {})
              .Partition()
              .Rows({}, {{1}, {2}})
              .Partition()
              .Rows({}, {{3}}));
  const auto begun = Begin("read_only {}");
  const auto divided =
      Unary<api::PartitionQueryRequest, api::PartitionResponse>(
          "PartitionQuery", absl::StrCat("sql: 'SELECT Id FROM Singers'",
                                         InTransaction(begun->id())));
  ASSERT_THAT(divided, IsOk());
  ASSERT_THAT(divided->partitions(), SizeIs(2));
  const auto values = [&](int i) {
    return Stream(
               "SELECT Id FROM Singers",
               absl::StrCat(InTransaction(begun->id()), "partition_token: ",
                            Quoted(divided->partitions(i).partition_token())))
        .values;
  };
  EXPECT_THAT(values(1), ElementsAre("3"));
  EXPECT_THAT(values(0), ElementsAre("1", "2"));
}

TEST_F(ParityTest, PartitionedReads) {
  AddStub(OnRead("Singers").Rows({"Id INT64"}, {{1}}));
  const auto begun = Begin("read_only {}");
  const std::string read =
      absl::StrCat("table: 'Singers' columns: 'Id' key_set { all: true } ",
                   InTransaction(begun->id()));
  const auto divided = Unary<api::PartitionReadRequest, api::PartitionResponse>(
      "PartitionRead", read);
  ASSERT_THAT(divided->partitions(), SizeIs(1));
  EXPECT_THAT(Values(Read(absl::StrCat(
                  read, "partition_token: ",
                  Quoted(divided->partitions(0).partition_token())))),
              ElementsAre("1"));
}

TEST_F(ParityTest, PartitionTokenOfAnotherTransactionIsRefused) {
  AddStub(OnSql("S").Rows({"INT64"}, {{1}}));
  const auto begun = Begin("read_only {}");
  const auto divided =
      Unary<api::PartitionQueryRequest, api::PartitionResponse>(
          "PartitionQuery",
          absl::StrCat("sql: 'S'", InTransaction(begun->id())));
  EXPECT_THAT(Query("S", absl::StrCat(
                             InTransaction(Begin("read_only {}")->id()),
                             "partition_token: ",
                             Quoted(divided->partitions(0).partition_token()))),
              StatusIs(kInvalidArgument, HasSubstr("different transaction")));
}

TEST_F(ParityTest, PartitionedDmlCountsALowerBound) {
  AddStub(OnSql("DELETE FROM Singers WHERE true").RowCount(100));
  EXPECT_EQ(Query("DELETE FROM Singers WHERE true",
                  InTransaction(Begin("partitioned_dml {}")->id()))
                ->stats()
                .row_count_lower_bound(),
            100);
}

TEST_F(ParityTest, BatchDmlStopsAtTheFirstError) {
  AddStub(OnSql("INSERT INTO T (a) VALUES (1)").RowCount(1));
  AddStub(OnSql("INSERT INTO T (a) VALUES (2)")
              .Fails(absl::AbortedError("Again.")));
  const auto third = AddStub(OnSql("INSERT INTO T (a) VALUES (3)").RowCount(1));
  const auto batch =
      Batch({"INSERT INTO T (a) VALUES (1)", "INSERT INTO T (a) VALUES (2)",
             "INSERT INTO T (a) VALUES (3)"});
  ASSERT_THAT(batch, IsOk());
  ASSERT_THAT(batch->result_sets(), SizeIs(1));
  EXPECT_EQ(batch->result_sets(0).stats().row_count_exact(), 1);
  EXPECT_EQ(batch->status().code(), static_cast<int>(kAborted));
  ASSERT_THAT(batch->status().details(), SizeIs(1));
  EXPECT_TRUE(batch->status().details(0).Is<google::rpc::RetryInfo>());
  EXPECT_EQ(third.HitCount(), 0);
}

TEST_F(ParityTest, BatchWriteResults) {
  AddStub(OnBatchWrite("Albums").Answers(FromText<v1::Stub::Answer>(
      "batch_write_responses { indexes: 0 status {} } "
      "batch_write_responses { indexes: 1 "
      "                        status { code: 6 message: 'there is one' } }")));
  const std::string group =
      "mutation_groups { mutations { delete { table: 'Albums' } } } ";
  const Answer answer =
      Call<api::BatchWriteRequest>("BatchWrite", absl::StrCat(group, group));
  ASSERT_THAT(answer, IsOk());
  ASSERT_THAT(answer.messages, SizeIs(2));
  api::BatchWriteResponse second;
  ASSERT_TRUE(second.ParseFromString(answer.messages[1]));
  EXPECT_EQ(second.status().message(), "there is one");
}

TEST_F(ParityTest, QueryPlanAndStatistics) {
  AddStub(OnSql("S").Answers(FromText<v1::Stub::Answer>(
      "columns: 'INT64' rows { values { number_value: 1 } } "
      "query_plan { plan_nodes { display_name: 'Scan' } } query_stats { fields "
      "{ key: 'elapsed_time' value { string_value: '1 ms' } } }")));
  const auto profile = Query("S", "query_mode: PROFILE");
  ASSERT_THAT(profile, IsOk());
  EXPECT_EQ(profile->stats().query_plan().plan_nodes(0).display_name(), "Scan");
  EXPECT_EQ(
      profile->stats().query_stats().fields().at("elapsed_time").string_value(),
      "1 ms");
  EXPECT_FALSE(Query("S")->has_stats());
}

TEST_F(ParityTest, RowsOfEveryType) {
  AddStub(
      OnSql("S").Rows({"a BOOL", "b INT64", "c FLOAT64", "d NUMERIC",
                       "e STRING", "f BYTES", "g JSON", "h DATE", "i TIMESTAMP",
                       "j ARRAY<STRING>", "k STRUCT<x INT64>"},
                      {{true, 1, 3.14, "6.626", "One", "dGVzdA==", "{}",
                        "2021-05-11", "2021-05-11T16:46:04.872Z",
                        StubValue::Array({"a"}), StubValue::Array({1})}}));
  const auto result = Query("S");
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->rows(0).values(), SizeIs(11));
  EXPECT_EQ(result->metadata().row_type().fields(3).type().code(),
            api::NUMERIC);
}

TEST_F(ParityTest, ManyRows) {
  AddStub(
      OnSql("S").Rows({"INT64"}, {{1}}).RepeatRows(1000).RowsPerMessage(100));
  const Streamed stream = Stream("S");
  EXPECT_THAT(stream.messages, SizeIs(10));
  EXPECT_THAT(stream.values, SizeIs(1000));
}

TEST_F(ParityTest, OneRowPerMessage) {
  ScriptStream();
  const Streamed stream = Stream("SELECT stream");
  ASSERT_THAT(stream.messages, SizeIs(3));
  for (const auto& message : stream.messages) {
    EXPECT_THAT(message.values(), SizeIs(1));
    EXPECT_THAT(message.resume_token(), Not(IsEmpty()));
  }
}

TEST_F(ParityTest, MessagesAsTheyAre) {
  AddStub(OnSql("S").Answers(FromText<v1::Stub::Answer>(R"(
      partial_result_sets {
        metadata { row_type { fields { type { code: STRING } } } }
        values { string_value: 'On' } chunked_value: true
      }
      partial_result_sets {
        values { string_value: 'e' } resume_token: 'my token'
      }
      partial_result_sets { values { string_value: 'Two' } })")));
  const Streamed stream = Stream("S");
  ASSERT_THAT(stream.messages, SizeIs(3));
  EXPECT_TRUE(stream.messages[0].chunked_value());
  EXPECT_THAT(stream.messages[0].resume_token(), IsEmpty());
  EXPECT_EQ(stream.messages[1].resume_token(), "my token");
  EXPECT_THAT(Stream("S", "resume_token: 'my token'").values,
              ElementsAre("Two"));
}

// ---- Latency.

TEST_F(ParityTest, LatencyPerMethod) {
  const auto slow = AddFault(OnCall("GetSession").Pauses(kLong));
  auto get = GetInBackground();
  ASSERT_TRUE(Holds(slow));
  EXPECT_THAT(Query("SELECT 1"), IsOk());
  slow.Release();
  EXPECT_THAT(get.get(), IsOk());
}

TEST_F(ParityTest, RandomLatencyPerMethod) {
  const auto slow =
      AddFault(OnCall("GetSession").PausesBetween(kLong, 2 * kLong));
  auto get = GetInBackground();
  ASSERT_TRUE(Holds(slow));
  slow.Delete();
  EXPECT_THAT(get.get(), IsOk());
  const auto quick =
      AddFault(OnCall("GetSession")
                   .PausesBetween(absl::ZeroDuration(), absl::Nanoseconds(1)));
  EXPECT_THAT(Get(), IsOk());
  EXPECT_EQ(quick.HitCount(), 1);
}

TEST_F(ParityTest, LatencyPerStatement) {
  AddStub(OnSql("SELECT slow").Rows({"INT64"}, {{1}}));
  const auto slow =
      AddFault(OnCall("ExecuteStreamingSql").Sql("SELECT slow").Pauses(kLong));
  auto stream = StreamInBackground("SELECT slow");
  ASSERT_TRUE(Holds(slow));
  EXPECT_THAT(Stream("SELECT 1"), IsOk());
  slow.Release();
  EXPECT_THAT(stream.get().values, ElementsAre("1"));
}

TEST_F(ParityTest, LatencyAndThenAnError) {
  const auto slow =
      AddFault(OnCall("GetSession").Once().Pauses(kLong).IsUnavailable());
  auto get = GetInBackground();
  ASSERT_TRUE(Holds(slow));
  slow.Release();
  EXPECT_EQ(get.get().code(), kUnavailable);
  EXPECT_THAT(Get(), IsOk());
}

TEST_F(ParityTest, LatencyAtAStreamIndex) {
  ScriptStream();
  const auto slow =
      AddFault(OnCall("ExecuteStreamingSql").AfterMessages(1).Pauses(kLong));
  Reader stream = Open("SELECT stream");
  EXPECT_EQ(stream.Next(), "1");
  ASSERT_TRUE(Holds(slow));
  slow.Release();
  EXPECT_EQ(stream.Next(), "2");
  EXPECT_EQ(stream.Next(), "3");
  EXPECT_EQ(stream.Next(), std::nullopt);
  EXPECT_THAT(stream.Finish(), IsOk());
}

// ---- Errors.

TEST_F(ParityTest, ErrorOfAMethod) {
  AddFault(OnCall("BeginTransaction").Once().Fails(absl::InternalError("oh")));
  EXPECT_THAT(Get(), IsOk());
  EXPECT_THAT(Begin(), StatusIs(kInternal, "oh"));
  EXPECT_THAT(Begin(), IsOk());
}

TEST_F(ParityTest, QueueOfErrorsOfAMethod) {
  AddFault(OnCall("GetSession").Once().IsUnavailable());
  AddFault(OnCall("GetSession").Once().Fails(absl::InternalError("oh")));
  AddFault(OnCall("GetSession").Times(2).IsExhausted());
  EXPECT_EQ(Get().status().code(), kUnavailable);
  EXPECT_EQ(Get().status().code(), kInternal);
  EXPECT_EQ(Get().status().code(), kResourceExhausted);
  EXPECT_EQ(Get().status().code(), kResourceExhausted);
  EXPECT_THAT(Get(), IsOk());
}

TEST_F(ParityTest, QueueOfErrorsOfAStatement) {
  AddStub(OnSql("SELECT flaky")
              .Fails(absl::UnavailableError("one"))
              .Then()
              .Fails(absl::InternalError("two"))
              .Then()
              .Rows({"INT64"}, {{3}}));
  EXPECT_THAT(Stream("SELECT flaky"), StatusIs(kUnavailable, "one"));
  EXPECT_THAT(Stream("SELECT flaky"), StatusIs(kInternal, "two"));
  EXPECT_THAT(Stream("SELECT flaky").values, ElementsAre("3"));
}

TEST_F(ParityTest, StickyErrorOfAMethod) {
  const auto fault = AddFault(
      OnCall("GetSession").Fails(absl::InternalError("again and again")));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Get(), StatusIs(kInternal, "again and again"));
  }
  EXPECT_EQ(fault.HitCount(), 3);
  fault.Delete();
  EXPECT_THAT(Get(), IsOk());
}

TEST_F(ParityTest, ErrorOfTheNextCall) {
  AddFault(OnAnyCall().Once().Fails(absl::InternalError("oh")));
  EXPECT_THAT(Query("SELECT 1"), StatusIs(kInternal, "oh"));
  EXPECT_THAT(Query("SELECT 1"), IsOk());
}

TEST_F(ParityTest, QueueOfErrorsOfAllCalls) {
  AddFault(OnAnyCall().Once().IsUnavailable());
  AddFault(OnAnyCall().Once().ExceedsDeadline());
  EXPECT_EQ(Get().status().code(), kUnavailable);
  EXPECT_EQ(Query("SELECT 1").status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Get(), IsOk());
}

TEST_F(ParityTest, StickyErrorOfAllCalls) {
  AddFault(OnAnyCall().IsUnavailable());
  EXPECT_EQ(Get().status().code(), kUnavailable);
  EXPECT_EQ(Begin().status().code(), kUnavailable);
  EXPECT_EQ(client_.Create().status().code(), kUnavailable);
}

TEST_F(ParityTest, ErrorsAreTakenBack) {
  AddFault(OnCall("GetSession").IsUnavailable());
  AddFault(OnAnyCall().Pauses(kLong));
  EXPECT_EQ(emulator_->faults().DeleteAll({}), 2);
  EXPECT_THAT(Get(), IsOk());
}

TEST_F(ParityTest, DetailsAndTrailersOfAnError) {
  google::rpc::ErrorInfo info;
  info.set_reason("TEST");
  absl::Status status = absl::InternalError("oh");
  status.SetPayload("type.googleapis.com/google.rpc.ErrorInfo",
                    absl::Cord(info.SerializeAsString()));
  AddFault(
      OnCall("Commit").Once().Fails(status).AddsTrailer("x-reason", "test"));
  const Answer answer = CommitAnswer(Begin()->id());
  EXPECT_THAT(answer, StatusIs(kInternal, "oh"));
  EXPECT_THAT(answer.details, HasSubstr("google.rpc.ErrorInfo"));
  EXPECT_THAT(answer.trailers, Contains(Pair("x-reason", "test")));
}

TEST_F(ParityTest, SessionNotFound) {
  AddFault(OnCall("Commit").Once().LosesSession());
  const Answer answer = CommitAnswer(Begin()->id());
  EXPECT_THAT(answer, StatusIs(kNotFound,
                               absl::StrCat("Session not found: ", session_)));
  EXPECT_THAT(answer.trailers, Contains(Key("google.rpc.resourceinfo-bin")));
}

TEST_F(ParityTest, DatabaseNotFound) {
  AddFault(OnCalls({"CreateSession", "BatchCreateSessions"}).LosesDatabase());
  EXPECT_THAT(client_.Create(),
              StatusIs(kNotFound, StartsWith("Database not found: ")));
  EXPECT_THAT(client_.BatchCreate(10),
              StatusIs(kNotFound, StartsWith("Database not found: ")));
}

TEST_F(ParityTest, ErrorAtAStreamIndexWithResumeToken) {
  ScriptStream();
  AddFault(
      OnCall("ExecuteStreamingSql").Once().AfterMessages(2).IsUnavailable());
  const Streamed broken = Stream("SELECT stream");
  EXPECT_EQ(broken.status.code(), kUnavailable);
  EXPECT_THAT(broken.values, ElementsAre("1", "2"));
  EXPECT_THAT(
      Stream("SELECT stream",
             absl::StrCat("resume_token: ",
                          Quoted(broken.messages.back().resume_token())))
          .values,
      ElementsAre("3"));
}

TEST_F(ParityTest, RowsWithAnErrorBehindThem) {
  AddStub(
      OnSql("S").Rows({"INT64"}, {{1}, {2}}).Fails(absl::InternalError("oh")));
  const Streamed stream = Stream("S");
  EXPECT_THAT(stream.values, ElementsAre("1", "2"));
  EXPECT_THAT(stream, StatusIs(kInternal, "oh"));
}

// ---- Freezing.

TEST_F(ParityTest, FreezeAndUnfreeze) {
  const auto freeze = AddFault(OnAnyCall().Freezes());
  auto get = GetInBackground();
  auto stream = StreamInBackground("SELECT 1");
  ASSERT_TRUE(Holds(freeze, 2));
  freeze.Delete();
  EXPECT_THAT(get.get(), IsOk());
  EXPECT_THAT(stream.get(), IsOk());
  EXPECT_THAT(Get(), IsOk());
}

TEST_F(ParityTest, FreezeAfterRows) {
  ScriptStream();
  const auto freeze =
      AddFault(OnCall("ExecuteStreamingSql").AfterMessages(2).Freezes());
  Reader stream = Open("SELECT stream");
  EXPECT_EQ(stream.Next(), "1");
  EXPECT_EQ(stream.Next(), "2");
  ASSERT_TRUE(Holds(freeze));
  freeze.Delete();
  EXPECT_EQ(stream.Next(), "3");
}

TEST_F(ParityTest, StreamStepByStep) {
  ScriptStream();
  const auto step =
      AddFault(OnCall("ExecuteStreamingSql").Freezes().BeforeEachMessage());
  Reader stream = Open("SELECT stream");
  for (const char* expected : {"1", "2"}) {
    ASSERT_TRUE(Holds(step));
    step.Release();
    EXPECT_EQ(stream.Next(), expected);
  }
  ASSERT_TRUE(Holds(step));
  step.Delete();  // It goes on to its end.
  EXPECT_EQ(stream.Next(), "3");
  EXPECT_THAT(stream.Finish(), IsOk());
}

// ---- Transactions.

TEST_F(ParityTest, AbortATransaction) {
  const std::string id = Begin()->id();
  EXPECT_TRUE(emulator_->sessions().AbortTransaction(
      *SessionName::Parse(session_), id));
  EXPECT_EQ(Query("SELECT 1", InTransaction(id)).status().code(), kAborted);
  EXPECT_EQ(Commit(id).status().code(), kAborted);
}

TEST_F(ParityTest, AbortTheNextTransaction) {
  AddFault(OnCall("Commit").Once().Aborts());
  const std::string next = Begin()->id();
  EXPECT_EQ(Commit(next).status().code(), kAborted);
  EXPECT_EQ(Commit(next).status().code(), kAborted);  // It is over.
  EXPECT_THAT(Commit(Begin()->id()), IsOk());
}

TEST_F(ParityTest, AbortTheNextStatement) {
  AddFault(OnCalls({"ExecuteSql", "ExecuteStreamingSql", "ExecuteBatchDml",
                    "Read", "StreamingRead"})
               .Once()
               .Aborts());
  const std::string id = Begin()->id();
  EXPECT_EQ(Query("SELECT 1", InTransaction(id)).status().code(), kAborted);
  EXPECT_EQ(Commit(id).status().code(), kAborted);
  EXPECT_THAT(Query("SELECT 1", InTransaction(Begin()->id())), IsOk());
}

TEST_F(ParityTest, AbortAllTransactions) {
  const std::string first_session = session_;
  const std::string first = Begin()->id();
  session_ = client_.Create()->name();
  const std::string second = Begin()->id();
  EXPECT_EQ(emulator_->sessions().AbortTransactions({}), 2);
  EXPECT_EQ(Commit(second).status().code(), kAborted);
  session_ = first_session;
  EXPECT_EQ(Commit(first).status().code(), kAborted);
}

TEST_F(ParityTest, AbortProbability) {
  const auto outcomes = [this] {
    emulator_->faults().DeleteAll({});
    emulator_->faults().SetSeed(7);
    AddFault(OnCall("Commit").Probability(0.5).Aborts());
    std::vector<bool> aborted;
    for (int i = 0; i < 20; ++i) {
      aborted.push_back(Commit(Begin()->id()).status().code() == kAborted);
    }
    return aborted;
  };
  const std::vector<bool> first = outcomes();
  EXPECT_THAT(first, AllOf(Contains(true), Contains(false)));
  EXPECT_EQ(outcomes(), first);  // The same seed, the same commits.
}

TEST_F(ParityTest, RetryInfoOnAborted) {
  AddFault(OnCall("Commit").Once().Aborts(absl::Milliseconds(25)));
  const Answer answer = CommitAnswer(Begin()->id());
  EXPECT_EQ(answer.status.code(), kAborted);
  const auto trailer = answer.trailers.find("google.rpc.retryinfo-bin");
  ASSERT_NE(trailer, answer.trailers.end());
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(retry.ParseFromString(trailer->second));
  EXPECT_EQ(retry.retry_delay().nanos(), 25'000'000);
  EXPECT_THAT(answer.details, HasSubstr("google.rpc.RetryInfo"));
}

TEST_F(ParityTest, BegunTransactionIsNotTold) {
  AddFault(OnCall("ExecuteStreamingSql").HidesTransaction());
  const Streamed silent = Stream("SELECT 1", kInNewTransaction);
  ASSERT_THAT(silent.messages, SizeIs(1));
  EXPECT_FALSE(silent.messages[0].metadata().has_transaction());
  EXPECT_THAT(silent.values, ElementsAre("1"));
  emulator_->faults().DeleteAll({});
  EXPECT_TRUE(Stream("SELECT 1", kInNewTransaction)
                  .messages.at(0)
                  .metadata()
                  .has_transaction());
}

TEST_F(ParityTest, CommitRetryWithPrecommitToken) {
  session_ = client_.Create("multiplexed: true")->name();
  AddFault(OnCall("Commit").Once().AsksForCommitRetry());
  const auto begun = Query("SELECT 1", kInNewTransaction);
  const std::string id = begun->metadata().transaction().id();
  const auto with = [](const api::MultiplexedSessionPrecommitToken& token) {
    return absl::StrCat("precommit_token { ", token.ShortDebugString(), " }");
  };
  const auto again = Commit(id, with(begun->precommit_token()));
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->has_commit_timestamp());
  ASSERT_TRUE(again->has_precommit_token());
  EXPECT_TRUE(
      Commit(id, with(again->precommit_token()))->has_commit_timestamp());
}

TEST_F(ParityTest, PrecommitTokensRise) {
  session_ = client_.Create("multiplexed: true")->name();
  const auto first = Query("SELECT 1", kInNewTransaction);
  const auto second =
      Stream("SELECT 1", InTransaction(first->metadata().transaction().id()));
  ASSERT_TRUE(first->has_precommit_token());
  EXPECT_GT(second.messages.at(0).precommit_token().seq_num(),
            first->precommit_token().seq_num());
  const auto mutations_only =
      Unary<api::BeginTransactionRequest, api::Transaction>(
          "BeginTransaction",
          "options { read_write {} } mutation_key { delete { table: 'T' } }");
  EXPECT_TRUE(mutations_only->has_precommit_token());
}

TEST_F(ParityTest, CommitStatistics) {
  const auto committed = Commit(
      Begin()->id(),
      "return_commit_stats: true mutations { insert { table: 'T' columns: 'a' "
      "values { values { string_value: '1' } } } }");
  EXPECT_EQ(committed->commit_stats().mutation_count(), 1);
}

TEST_F(ParityTest, ReadTimestamps) {
  EXPECT_EQ(
      TimeOf(Begin("read_only { strong: true return_read_timestamp: true }")
                 ->read_timestamp()),
      StartTime());
  EXPECT_EQ(TimeOf(Begin("read_only { exact_staleness { seconds: 10 } "
                         "return_read_timestamp: true }")
                       ->read_timestamp()),
            StartTime() - absl::Seconds(10));
}

TEST_F(ParityTest, LaterTransactionEndsTheEarlier) {
  const std::string earlier = Begin()->id();
  const std::string later = Begin()->id();
  EXPECT_EQ(Commit(earlier).status().code(), kFailedPrecondition);
  EXPECT_THAT(Commit(later), IsOk());
}

// ---- Sessions.

TEST_F(ParityTest, SessionCapPerBatch) {
  emulator_->sessions().SetLimits({.max_sessions_per_batch = 3});
  EXPECT_THAT(client_.BatchCreate(10).value(), SizeIs(3));
}

TEST_F(ParityTest, SessionCapInTotal) {
  emulator_->sessions().SetLimits({.max_sessions = 4});
  EXPECT_THAT(client_.BatchCreate(10).value(), SizeIs(3));  // And session_.
  EXPECT_EQ(client_.BatchCreate(10).status().code(), kResourceExhausted);
  EXPECT_EQ(client_.Create().status().code(), kResourceExhausted);
}

TEST_F(ParityTest, MultiplexedFlag) {
  EXPECT_TRUE(client_.Create("multiplexed: true")->multiplexed());
  EXPECT_FALSE(client_.Create()->multiplexed());
}

TEST_F(ParityTest, LabelsAndRole) {
  const auto session = client_.Create(
      "labels { key: 'env' value: 'test' } creator_role: 'parent'");
  EXPECT_EQ(session->labels().at("env"), "test");
  EXPECT_EQ(client_.Get(session->name())->creator_role(), "parent");
}

TEST_F(ParityTest, SessionsAreCounted) {
  client_.BatchCreate(3).value();
  ASSERT_THAT(client_.Delete(session_), IsOk());
  const SessionCounts counts = emulator_->sessions().TotalCounts();
  EXPECT_EQ(counts.regular.created, 4);
  EXPECT_EQ(counts.regular.deleted, 1);
  EXPECT_EQ(counts.regular.live, 3);
}

TEST_F(ParityTest, SessionsAreListed) {
  const std::string multiplexed = client_.Create("multiplexed: true")->name();
  std::set<std::string> names;
  const auto page = emulator_->sessions().Select({});
  for (const SelectedSession& selected : page->sessions) {
    names.insert(std::string(selected.name.full()));
  }
  EXPECT_THAT(names, UnorderedElementsAre(session_, multiplexed));
}

TEST_F(ParityTest, AllSessionsAreDeleted) {
  client_.BatchCreate(3).value();
  EXPECT_EQ(emulator_->sessions().Delete(SessionSelection()), 4);
  EXPECT_EQ(Get().status().code(), kNotFound);
}

TEST_F(ParityTest, LastUseIsTold) {
  ASSERT_THAT(emulator_->clock().Advance(absl::Minutes(5)), IsOk());
  const auto session = Get();
  EXPECT_EQ(TimeOf(session->create_time()), StartTime());
  EXPECT_EQ(TimeOf(session->approximate_last_use_time()),
            StartTime() + absl::Minutes(5));
}

TEST_F(ParityTest, ClockIsTheTests) {
  ASSERT_THAT(emulator_->clock().Advance(absl::Minutes(61)), IsOk());
  EXPECT_EQ(Get().status().code(), kNotFound);  // Died of idleness.
}

// ---- The server.

TEST_F(ParityTest, ReplicasWithFaultsOfTheirOwn) {
  const std::string bad = absl::StrCat("localhost:", emulator_->port());
  AddFault(OnAnyCall().Header(":authority", bad).IsUnavailable());
  SpannerClient at_bad(Connect(bad));
  SpannerClient at_good(Connect(absl::StrCat("127.0.0.1:", emulator_->port())));
  EXPECT_EQ(at_bad.Get(session_).status().code(), kUnavailable);
  EXPECT_THAT(at_good.Get(session_), IsOk());
}

TEST_F(ParityTest, ResetOfSessionsKeepsResults) {
  AddStub(OnSql("S").Rows({"INT64"}, {{1}}));
  EXPECT_EQ(
      emulator_->Reset({.parts = {ResetPart::kSessions}})->deleted_sessions, 1);
  EXPECT_EQ(Get().status().code(), kNotFound);
  session_ = client_.Create()->name();
  EXPECT_THAT(Values(Query("S")), ElementsAre("1"));
}

TEST_F(ParityTest, ResetOfEverything) {
  AddStub(OnSql("S").Rows({"INT64"}, {{1}}));
  AddFault(OnAnyCall().IsUnavailable());
  emulator_->sessions().SetLimits({.max_sessions_per_batch = 3});
  ASSERT_THAT(emulator_->Reset(), IsOk());
  EXPECT_THAT(client_.BatchCreate(10).value(), SizeIs(10));
  session_ = client_.Create()->name();
  EXPECT_THAT(Query("S"), StatusIs(kInvalidArgument, HasSubstr("No stub")));
}

TEST_F(ParityTest, Stop) {
  SpannerClient client(Connect(emulator_->addresses().front()));
  ASSERT_THAT(client.Get(session_), IsOk());
  emulator_->Shutdown();
  EXPECT_EQ(client.Get(session_).status().code(), kUnavailable);
}

TEST_F(ParityTest, FreePortAndInProcess) {
  EXPECT_GT(emulator_->port(), 0);
  EXPECT_THAT(SpannerClient(Connect(*emulator_, Transport::kTcp)).Get(session_),
              IsOk());
  EXPECT_THAT(
      SpannerClient(Connect(*emulator_, Transport::kInProcess)).Get(session_),
      IsOk());
}

}  // namespace
}  // namespace spanner_session_emulator
