// Stubs as C++ tests write them.

#include "server/stubs.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::StartsWith;

v1::Stub Expected(absl::string_view text) { return FromText<v1::Stub>(text); }

TEST(StubBuilderTest, SaysWhatItIsFor) {
  EXPECT_THAT(OnSql("S").proto(), EqualsProto(Expected("match { sql: 'S' }")));
  EXPECT_THAT(OnSqlPrefix("S").proto(),
              EqualsProto(Expected("match { sql_prefix: 'S' }")));
  EXPECT_THAT(OnSqlPattern("S").proto(),
              EqualsProto(Expected("match { sql_pattern: 'S' }")));
  EXPECT_THAT(OnRead("T").proto(),
              EqualsProto(Expected("match { read { table: 'T' } }")));
  EXPECT_THAT(
      OnRead("T", {.index = "", .columns = {"a", "b"}, .keys = {{1, "x"}, {2}}})
          .proto(),
      EqualsProto(Expected(R"(
          match {
            read {
              table: 'T' index: '' columns: 'a' columns: 'b'
              key_set {
                keys {
                  values { number_value: 1 } values { string_value: 'x' }
                }
                keys { values { number_value: 2 } }
              }
            }
          })")));
  EXPECT_THAT(OnBatchWrite().proto(),
              EqualsProto(Expected("match { batch_write {} }")));
  EXPECT_THAT(OnBatchWrite("T").proto(),
              EqualsProto(Expected("match { batch_write { table: 'T' } }")));
}

TEST(StubBuilderTest, SaysWhatElseMustHold) {
  EXPECT_THAT(OnSql("S")
                  .Param("id", 7)
                  .Param("name", "Ann")
                  .InTransaction(v1::Stub::Match::READ_WRITE)
                  .RequestTag("r")
                  .TransactionTag("t")
                  .Scope("projects/p")
                  .Named("mine")
                  .Times(3)
                  .proto(),
              EqualsProto(Expected(R"(
                  name: 'stubs/mine'
                  times: 3
                  match {
                    sql: 'S'
                    params {
                      fields { key: 'id' value { number_value: 7 } }
                      fields { key: 'name' value { string_value: 'Ann' } }
                    }
                    transaction_kind: READ_WRITE
                    request_tag: 'r'
                    transaction_tag: 't'
                    scope: 'projects/p'
                  })")));
}

TEST(StubBuilderTest, SaysWhatItAnswers) {
  EXPECT_THAT(OnSql("S")
                  .Rows({"a INT64", "b STRING"}, {{1, "x"}, {2, nullptr}})
                  .RepeatRows(5)
                  .RowsPerMessage(2)
                  .RowCount(4)
                  .proto(),
              EqualsProto(Expected(R"(
                  match { sql: 'S' }
                  answer {
                    columns: 'a INT64' columns: 'b STRING'
                    rows {
                      values { number_value: 1 } values { string_value: 'x' }
                    }
                    rows {
                      values { number_value: 2 }
                      values { null_value: NULL_VALUE }
                    }
                    repeat_rows: 5
                    chunking { rows_per_message: 2 }
                    row_count: 4
                  })")));
  EXPECT_THAT(OnSql("S").BytesPerMessage(9).proto(),
              EqualsProto(Expected("match { sql: 'S' } answer { chunking { "
                                   "bytes_per_message: 9 } }")));
  v1::Stub::Answer plan;
  plan.mutable_query_plan()->add_plan_nodes();
  EXPECT_THAT(OnSql("S").RowCount(1).Answers(plan).proto(),
              EqualsProto(Expected("match { sql: 'S' } answer { query_plan { "
                                   "plan_nodes {} } }")));
}

TEST(StubBuilderTest, FailsWithDetails) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  absl::Status status = absl::AbortedError("Again.");
  status.SetPayload("type.googleapis.com/google.rpc.RetryInfo",
                    absl::Cord(retry.SerializeAsString()));
  EXPECT_THAT(
      OnSql("S").Fails(absl::NotFoundError("No.")).Fails(status).proto(),
      EqualsProto(Expected(R"(
                  match { sql: 'S' }
                  answer {
                    error {
                      code: ABORTED message: 'Again.'
                      details {
                        [type.googleapis.com/google.rpc.RetryInfo] {
                          retry_delay { seconds: 1 }
                        }
                      }
                    }
                  })")));
}

TEST(StubBuilderTest, SequencesAndPartitions) {
  EXPECT_THAT(OnSql("S")
                  .Rows({"a INT64"}, {{1}})
                  .Partition()
                  .Rows({}, {{2}})
                  .Partition()
                  .Fails(absl::InternalError("x"))
                  .Then()
                  .RowCount(3)
                  .Then()
                  .Partition()
                  .RowCount(4)
                  .proto(),
              EqualsProto(Expected(R"(
                  match { sql: 'S' }
                  answers {
                    columns: 'a INT64'
                    rows { values { number_value: 1 } }
                    partitions { rows { values { number_value: 2 } } }
                    partitions { error { code: INTERNAL message: 'x' } }
                  }
                  answers { row_count: 3 }
                  answers { partitions { row_count: 4 } })")));
}

std::string ValueText(const StubValue& value) {
  return value.proto().ShortDebugString();
}

TEST(StubValueTest, IsWrittenPlainly) {
  EXPECT_EQ(ValueText(nullptr), "null_value: NULL_VALUE");
  EXPECT_EQ(ValueText(true), "bool_value: true");
  EXPECT_EQ(ValueText(7), "number_value: 7");
  EXPECT_EQ(ValueText(-7L), "number_value: -7");
  EXPECT_EQ(ValueText(1.5), "number_value: 1.5");
  EXPECT_EQ(ValueText(1.5F), "number_value: 1.5");
  EXPECT_EQ(ValueText("x"), "string_value: \"x\"");
  EXPECT_EQ(ValueText(std::string("x")), "string_value: \"x\"");
  EXPECT_EQ(ValueText(absl::string_view("x")), "string_value: \"x\"");
  EXPECT_EQ(ValueText(std::optional<int>(7)), "number_value: 7");
  EXPECT_EQ(ValueText(std::optional<std::string>()), "null_value: NULL_VALUE");
  EXPECT_EQ(ValueText(StubValue::Array({1, nullptr})),
            "list_value { values { number_value: 1 } values { null_value: "
            "NULL_VALUE } }");
  EXPECT_EQ(ValueText(StubValue::Array({})), "list_value { }");
}

TEST(StubValueTest, NoNumberLosesAnything) {
  EXPECT_EQ(ValueText(int64_t{1} << 53), "number_value: 9007199254740992");
  EXPECT_EQ(ValueText((int64_t{1} << 53) + 1),
            "string_value: \"9007199254740993\"");
  EXPECT_EQ(ValueText(std::numeric_limits<int64_t>::min()),
            "string_value: \"-9223372036854775808\"");
  EXPECT_EQ(ValueText(std::numeric_limits<uint64_t>::max()),
            "string_value: \"18446744073709551615\"");
  EXPECT_EQ(ValueText(std::numeric_limits<double>::infinity()),
            "string_value: \"Infinity\"");
  EXPECT_EQ(ValueText(-std::numeric_limits<double>::infinity()),
            "string_value: \"-Infinity\"");
  EXPECT_EQ(ValueText(std::numeric_limits<double>::quiet_NaN()),
            "string_value: \"NaN\"");
}

class AddStubTest : public ::testing::Test {
 protected:
  absl::StatusOr<api::ResultSet> Execute(absl::string_view sql,
                                         absl::string_view params) {
    return ToResponse<api::ResultSet>(
        caller_->Call(*api::Session::descriptor()
                           ->file()
                           ->FindServiceByName("Spanner")
                           ->FindMethodByName("ExecuteSql"),
                      FromText<api::ExecuteSqlRequest>(
                          absl::StrCat("session: '", session_, "' sql: '", sql,
                                       "' params { ", params, " }"))));
  }

  std::unique_ptr<Emulator> emulator_ = StartEmulator();
  std::unique_ptr<Caller> caller_ =
      MakeCaller(*emulator_, Transport::kInProcess);
  std::string session_ =
      SpannerClient(MakeCaller(*emulator_, Transport::kInProcess))
          .Create()
          .value()
          .name();
};

TEST_F(AddStubTest, AnswersAndCounts) {
  const auto stub =
      emulator_->AddStub(OnSql("SELECT Big, F FROM T WHERE Id = @id")
                             .Param("id", std::numeric_limits<int64_t>::max())
                             .Rows({"Big INT64", "F FLOAT64"},
                                   {{std::numeric_limits<int64_t>::min(), 1}}));
  ASSERT_THAT(stub, IsOk());
  EXPECT_EQ(stub->name(), "stubs/1");
  EXPECT_EQ(stub->HitCount(), 0);
  const auto result = Execute("SELECT Big, F  FROM T WHERE Id = @id",
                              "fields { key: 'id' value { string_value: "
                              "'9223372036854775807' } }");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->rows(0).values(0).string_value(), "-9223372036854775808");
  EXPECT_EQ(result->rows(0).values(1).number_value(), 1);
  EXPECT_EQ(stub->HitCount(), 1);
  EXPECT_EQ(emulator_->stubs().List(0, 9).size(), 1U);
  EXPECT_TRUE(stub->Delete());
  EXPECT_FALSE(stub->Delete());
  EXPECT_EQ(stub->HitCount(), 0);
}

TEST_F(AddStubTest, TakesAProtoToo) {
  const auto stub = emulator_->AddStub(
      Expected("name: 'stubs/x' match { sql: 'S' } answer { row_count: 1 }"));
  ASSERT_THAT(stub, IsOk());
  EXPECT_EQ(stub->name(), "stubs/x");
}

TEST_F(AddStubTest, SaysWhatIsWrongAndAddsNothing) {
  EXPECT_THAT(emulator_->AddStub(OnSql("S")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("answer must be there")));
  EXPECT_THAT(emulator_->AddStub(OnSql("S").Rows({"a INT64"}, {{"x"}})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("answer.rows[0].values[0] must be")));
  EXPECT_THAT(emulator_->AddStub(OnSql("S").Named("a b").RowCount(1)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("name must be stubs/<stub>")));
  EXPECT_THAT(emulator_->AddStub(OnSql("S").Fails(absl::OkStatus())),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       StartsWith("answer.error.code must be")));
  EXPECT_TRUE(emulator_->stubs().List(0, 9).empty());
  EXPECT_THAT(emulator_->AddStub(OnSql("S").Named("a").RowCount(1)), IsOk());
  EXPECT_THAT(emulator_->AddStub(OnSql("S").Named("a").RowCount(1)),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       "Stub already exists: stubs/a"));
}

}  // namespace
}  // namespace spanner_session_emulator
