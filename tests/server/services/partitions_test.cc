// PartitionQuery and PartitionRead, and the queries and reads that show their
// tokens.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

std::string Quoted(absl::string_view bytes) {
  return absl::StrCat("'", absl::CEscape(bytes), "'");
}

class PartitionsTest : public ::testing::TestWithParam<Transport> {
 protected:
  // A call in the session, with the rest of the request as text.
  template <typename Request>
  Answer Call(absl::string_view method, const std::string& session,
              absl::string_view rest) {
    Request request = FromText<Request>(rest);
    request.set_session(session);
    return caller_->Call(method, request);
  }
  template <typename Response>
  absl::StatusOr<Response> Control(absl::string_view method,
                                   const google::protobuf::Message& request) {
    const auto* service =
        v1::Stub::descriptor()->file()->FindServiceByName("StubService");
    return ToResponse<Response>(caller_->Call(
        *service->FindMethodByName(std::string(method)), request));
  }
  std::string AddStub(absl::string_view stub) {
    v1::CreateStubRequest request;
    *request.mutable_stub() = FromText<v1::Stub>(stub);
    return Control<v1::Stub>("CreateStub", request)->name();
  }
  absl::StatusOr<api::PartitionResponse> Divide(absl::string_view method,
                                                absl::string_view rest) {
    const std::string text = absl::StrCat(kBegin, " ", rest);
    return ToResponse<api::PartitionResponse>(
        method == "PartitionQuery"
            ? Call<api::PartitionQueryRequest>(method, regular_, text)
            : Call<api::PartitionReadRequest>(method, regular_, text));
  }
  // The first column of each row.
  std::vector<std::string> Rows(const absl::StatusOr<api::ResultSet>& result) {
    std::vector<std::string> rows;
    EXPECT_THAT(result, IsOk());
    if (!result.ok()) return rows;
    for (const auto& row : result->rows()) {
      rows.push_back(row.values(0).string_value());
    }
    return rows;
  }
  absl::StatusOr<api::ResultSet> Query(const std::string& id,
                                       const std::string& token,
                                       absl::string_view rest) {
    return ToResponse<api::ResultSet>(Call<api::ExecuteSqlRequest>(
        "ExecuteSql", regular_,
        absl::StrCat("transaction { id: ", Quoted(id),
                     " } partition_token: ", Quoted(token), " ", rest)));
  }

  static constexpr absl::string_view kBegin =
      "transaction { begin { read_only {} } }";

  std::unique_ptr<Emulator> emulator_ = StartEmulator();
  std::unique_ptr<Caller> caller_ = MakeCaller(*emulator_, GetParam());
  const std::string regular_ =
      SpannerClient(MakeCaller(*emulator_, GetParam())).Create().value().name();
};

INSTANTIATE_ALL_TRANSPORTS(PartitionsTest);

TEST_P(PartitionsTest, AStubSaysHowManyAndWhatEachReturns) {
  const std::string stub = AddStub(
      "match { sql: 'SELECT a' } answer { columns: 'a INT64' "
      "partitions { rows { values { number_value: 1 } } } "
      "partitions { rows { values { number_value: 2 } } "
      "             rows { values { number_value: 3 } } "
      "             chunking { rows_per_message: 1 } } "
      "partitions { error { code: DATA_LOSS message: 'gone' } } }");
  const auto divided = Divide("PartitionQuery", "sql: 'SELECT a'");
  ASSERT_THAT(divided, IsOk());
  ASSERT_THAT(divided->partitions(), SizeIs(3));
  const std::string id = divided->transaction().id();
  const auto token = [&](int i) {
    return divided->partitions(i).partition_token();
  };
  EXPECT_THAT(Rows(Query(id, token(1), "sql: 'SELECT a'")),
              ElementsAre("2", "3"));
  EXPECT_THAT(Rows(Query(id, token(0), "sql: 'SELECT a'")), ElementsAre("1"));
  // As often as is asked, without a hit.
  EXPECT_THAT(Rows(Query(id, token(0), "sql: 'SELECT a'")), ElementsAre("1"));
  EXPECT_THAT(Query(id, token(2), "sql: 'SELECT a'"),
              StatusIs(absl::StatusCode::kDataLoss, "gone"));
  v1::GetStubRequest get;
  get.set_name(stub);
  EXPECT_EQ(Control<v1::Stub>("GetStub", get)->hit_count(), 1);

  EXPECT_THAT(Query(id, token(0), "sql: 'SELECT b'"),
              StatusIs(kInvalidArgument, HasSubstr("different read or sql")));
  const std::string other =
      Divide("PartitionQuery", "sql: 'SELECT a'")->transaction().id();
  EXPECT_THAT(Query(other, token(0), "sql: 'SELECT a'"),
              StatusIs(kInvalidArgument, HasSubstr("different transaction")));
  EXPECT_THAT(Query(id, "x", "sql: 'SELECT a'"),
              StatusIs(kInvalidArgument, StartsWith("Partitioned request")));

  // Streams are resumed in their own partition only.
  const Answer stream = Call<api::ExecuteSqlRequest>(
      "ExecuteStreamingSql", regular_,
      absl::StrCat("sql: 'SELECT a' transaction { id: ", Quoted(id),
                   " } partition_token: ", Quoted(token(1))));
  ASSERT_THAT(stream.messages, SizeIs(2));
  api::PartialResultSet first;
  ASSERT_TRUE(first.ParseFromString(stream.messages[0]));
  for (const auto& [i, code] :
       {std::pair(1, absl::StatusCode::kOk), std::pair(0, kInvalidArgument)}) {
    const Answer resumed = Call<api::ExecuteSqlRequest>(
        "ExecuteStreamingSql", regular_,
        absl::StrCat("sql: 'SELECT a' transaction { id: ", Quoted(id),
                     " } partition_token: ", Quoted(token(i)),
                     " resume_token: ", Quoted(first.resume_token())));
    EXPECT_EQ(resumed.status.code(), code) << resumed.status;
    EXPECT_THAT(resumed.messages, SizeIs(i));
  }

  v1::DeleteStubRequest remove;
  remove.set_name(stub);
  ASSERT_THAT(Control<google::protobuf::Empty>("DeleteStub", remove), IsOk());
  EXPECT_THAT(Query(id, token(0), "sql: 'SELECT a'"),
              StatusIs(kInvalidArgument,
                       "Invalid ExecuteSql request: partition_token is of a "
                       "stub that is gone"));
}

TEST_P(PartitionsTest, CallsWithoutATokenDoNotGetPartitions) {
  AddStub(
      "match { sql: 'S' } answer { columns: 'a INT64' "
      "partitions { rows { values { number_value: 1 } } } }");
  EXPECT_THAT(ToResponse<api::ResultSet>(Call<api::ExecuteSqlRequest>(
                  "ExecuteSql", regular_, "sql: 'S'")),
              StatusIs(kInvalidArgument, HasSubstr("has only partitions")));
}

TEST_P(PartitionsTest, OfReads) {
  AddStub(
      "match { read { table: 'T' } } answer { columns: 'a INT64' "
      "rows { values { number_value: 7 } } }");
  constexpr absl::string_view kRead =
      "table: 'T' columns: 'a' key_set { all: "
      "true }";
  const auto divided = Divide("PartitionRead", kRead);
  ASSERT_THAT(divided, IsOk());
  ASSERT_THAT(divided->partitions(), SizeIs(1));
  const auto read = [&](absl::string_view what) {
    return ToResponse<api::ResultSet>(Call<api::ReadRequest>(
        "Read", regular_,
        absl::StrCat(what,
                     " transaction { id: ", Quoted(divided->transaction().id()),
                     " } partition_token: ",
                     Quoted(divided->partitions(0).partition_token()))));
  };
  EXPECT_THAT(Rows(read(kRead)), ElementsAre("7"));
  EXPECT_THAT(read("table: 'T' columns: 'b' key_set { all: true }"),
              StatusIs(kInvalidArgument, HasSubstr("different read or sql")));
}

TEST_P(PartitionsTest, AStubsErrorIsThatOfTheDivision) {
  AddStub(
      "match { sql: 'S' } answer { error { code: UNAVAILABLE message: 'x' } }");
  EXPECT_THAT(Divide("PartitionQuery", "sql: 'S'"),
              StatusIs(absl::StatusCode::kUnavailable, "x"));
}

TEST_P(PartitionsTest, WhatIsScriptedLaterAnswersThePartition) {
  const auto divided = Divide("PartitionQuery", "sql: 'SELECT a'");
  ASSERT_THAT(divided, IsOk());
  ASSERT_THAT(divided->partitions(), SizeIs(1));
  const auto query = [&] {
    return Query(divided->transaction().id(),
                 divided->partitions(0).partition_token(), "sql: 'SELECT a'");
  };
  EXPECT_THAT(query(), StatusIs(kInvalidArgument, HasSubstr("SELECT a")));
  AddStub(
      "match { sql: 'SELECT a' } answer { columns: 'INT64' rows { values { "
      "number_value: 1 } } }");
  EXPECT_THAT(Rows(query()), ElementsAre("1"));
}

TEST_P(PartitionsTest, IncompleteRequests) {
  EXPECT_THAT(Divide("PartitionRead", "table: 't'"),
              StatusIs(kInvalidArgument, HasSubstr("columns must name")));
  EXPECT_THAT(Divide("PartitionQuery", "sql: 'UPDATE t'"),
              StatusIs(kInvalidArgument, HasSubstr("sql must be a query")));
  EXPECT_THAT(Divide("PartitionQuery", ""),
              StatusIs(kInvalidArgument, HasSubstr("sql must not be empty")));
  EXPECT_THAT(Divide("PartitionRead", ""),
              StatusIs(kInvalidArgument, HasSubstr("table must not be empty")));
  EXPECT_THAT(Divide("PartitionQuery",
                     "sql: 'S' partition_options { max_partitions: -1 }"),
              StatusIs(kInvalidArgument, HasSubstr("partition_options must")));
}

TEST_P(PartitionsTest, PartitionsAreOfReadOnlyTransactions) {
  const auto query = [&](const std::string& transaction) {
    return ToResponse<api::PartitionResponse>(Call<api::PartitionQueryRequest>(
        "PartitionQuery", regular_,
        absl::StrCat("sql: 'SELECT 2' transaction { ", transaction, " }")));
  };
  const auto read = [&](const std::string& transaction) {
    return ToResponse<api::PartitionResponse>(Call<api::PartitionReadRequest>(
        "PartitionRead", regular_,
        absl::StrCat("table: 't' columns: 'c' transaction { ", transaction,
                     " }")));
  };
  for (const std::function<absl::StatusOr<api::PartitionResponse>(
           const std::string&)>& divide :
       {std::function<absl::StatusOr<api::PartitionResponse>(
            const std::string&)>(query),
        std::function<absl::StatusOr<api::PartitionResponse>(
            const std::string&)>(read)}) {
    const auto begun =
        divide("begin { read_only { return_read_timestamp: true } }");
    ASSERT_THAT(begun, IsOk());
    ASSERT_THAT(begun->partitions(), SizeIs(1));
    EXPECT_NE(begun->partitions(0).partition_token(), "");
    EXPECT_EQ(TimeOf(begun->transaction().read_timestamp()), StartTime());
    const auto again =
        divide(absl::StrCat("id: ", Quoted(begun->transaction().id())));
    ASSERT_THAT(again, IsOk());
    EXPECT_FALSE(again->has_transaction());
    EXPECT_EQ(again->partitions(0).partition_token(),
              begun->partitions(0).partition_token());

    EXPECT_THAT(divide(""), StatusIs(kInvalidArgument,
                                     StartsWith("Partition reads may not")));
    EXPECT_THAT(divide("single_use { read_only {} }"),
                StatusIs(kInvalidArgument,
                         StartsWith("Partition reads may not be performed in "
                                    "single-use transactions")));
    EXPECT_THAT(divide("begin { read_write {} }"),
                StatusIs(kInvalidArgument,
                         "Partitioned reads can only be performed in a "
                         "read-only transaction."));
    EXPECT_THAT(divide("id: 'x'"),
                StatusIs(kNotFound, "Transaction not found: x"));
  }
}

}  // namespace
}  // namespace spanner_session_emulator
