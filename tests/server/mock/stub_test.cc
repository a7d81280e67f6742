#include "server/mock/stub.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/mock/script.h"
#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Problem(absl::string_view json) {
  const auto stub = TryStub(json);
  EXPECT_FALSE(stub.ok()) << json;
  return std::string(stub.status().message());
}
std::string MatchProblem(absl::string_view match) {
  return Problem(
      absl::StrCat(R"({"match":)", match, R"(,"answer":{"rowCount":1}})"));
}
std::string AnswerProblem(absl::string_view answer,
                          absl::string_view match = R"({"sql":"S"})") {
  return Problem(
      absl::StrCat(R"({"match":)", match, R"(,"answer":)", answer, "}"));
}

TEST(StubTest, ShowsValuesInTheFormOfSpanner) {
  const auto stub =
      MakeStub(R"({"match":{"sql":" S  T "},"times":2,"hitCount":7,"answer":)"
               R"({"columns":["a INT64"],"rows":[[1]]}})");
  EXPECT_EQ(ToJson(stub->proto()),
            R"({"match":{"sql":" S  T "},"times":"2","answer":)"
            R"({"columns":["a INT64"],"rows":[["1"]]}})");
}

TEST(StubTest, AnswersComeOneAfterTheOtherAndTheLastStays) {
  const auto stub = MakeStub(
      R"({"match":{"sql":"S"},"answers":[{"rowCount":1},{"rowCount":2}]})");
  EXPECT_EQ(stub->answer_count(), 2);
  EXPECT_EQ(stub->answer(0).stats.row_count_exact(), 1);
  EXPECT_EQ(stub->answer(1).stats.row_count_exact(), 2);
  EXPECT_EQ(stub->answer(9).stats.row_count_exact(), 2);
}

TEST(StubTest, SaysWhatIsWrongWithAName) {
  EXPECT_EQ(Problem(R"({"name":"stubs/a b","match":{"sql":"S"},)"
                    R"("answer":{"rowCount":1}})"),
            absl::StrCat("name ", kStubKind.NameProblem()));
}

absl::StatusOr<Stubs> MakeStubs(const v1::Script& script) {
  return MakeScripted<Stub>(kStubKind, script.stubs());
}

v1::Script ScriptOf(const std::vector<std::string>& names) {
  v1::Script script;
  for (const std::string& name : names) {
    v1::Stub& stub = *script.add_stubs();
    stub.set_name(name);
    stub.mutable_match()->set_sql("S");
    stub.mutable_answer()->set_row_count(1);
  }
  return script;
}

TEST(StubTest, AScriptIsMadeInItsOrder) {
  const auto stubs = MakeStubs(ScriptOf({"stubs/b", "", "stubs/a", ""}));
  ASSERT_TRUE(stubs.ok()) << stubs.status();
  ASSERT_EQ(stubs->size(), 4U);
  EXPECT_EQ((*stubs)[0]->name(), "stubs/b");
  EXPECT_EQ((*stubs)[1]->name(), "");
  EXPECT_EQ((*stubs)[2]->name(), "stubs/a");
}

TEST(StubTest, AScriptIsRefusedWholeWithTheFieldThatIsWrong) {
  v1::Script script = ScriptOf({"", ""});
  script.mutable_stubs(1)->mutable_answer()->add_columns("a INT");
  EXPECT_THAT(std::string(MakeStubs(script).status().message()),
              StartsWith("stubs[1].answer.columns[0] must "));
  EXPECT_EQ(MakeStubs(ScriptOf({"stubs/a", "", "stubs/a"})).status(),
            absl::InvalidArgumentError(
                "stubs[2].name must be another than that of stubs[0]"));
}

TEST(StubTest, SaysWhatIsWrongWithAMatch) {
  EXPECT_EQ(Problem(R"({"answer":{"rowCount":1}})"),
            "match must have one of sql, sql_prefix, sql_pattern, read and "
            "batch_write");
  EXPECT_EQ(MatchProblem(R"({"sql":" \n"})"), "match.sql must not be empty");
  EXPECT_EQ(MatchProblem(R"({"sqlPrefix":""})"),
            "match.sql_prefix must not be empty");
  EXPECT_THAT(MatchProblem(R"({"sqlPattern":"("})"),
              StartsWith("match.sql_pattern must be a regular expression of "
                         "RE2: missing )"));
  EXPECT_THAT(MatchProblem(R"({"sqlPattern":""})"), HasSubstr("it is empty"));
  EXPECT_THAT(MatchProblem(R"({"sqlPattern":"((a{100}){100}){100}"})"),
              HasSubstr("RE2"));
  EXPECT_EQ(MatchProblem(R"({"read":{}})"),
            "match.read.table must not be empty");
  EXPECT_THAT(MatchProblem(R"({"sql":"S","scope":"databases/d"})"),
              StartsWith("match.scope must be "));
  EXPECT_THAT(MatchProblem(R"({"sql":"S","transactionKind":9})"),
              StartsWith("match.transaction_kind must be "));
  EXPECT_THAT(MatchProblem(R"({"read":{"table":"T"},"params":{"a":1}})"),
              StartsWith("match.params must be left out"));
}

TEST(StubTest, SaysWhatIsWrongWithRows) {
  EXPECT_THAT(
      AnswerProblem(
          R"({"columns":["a INT64","b STRING"],"rows":[[1,"x"],[2,"y"],)"
          R"([3,4]]})"),
      StartsWith("answer.rows[2].values[1] must be a string"));
  EXPECT_EQ(AnswerProblem(R"({"columns":["a INT64"],"rows":[[1],[1,2]]})"),
            "answer.rows[1] must have 1 values, one for each column, but has "
            "2");
  EXPECT_THAT(AnswerProblem(R"({"columns":["a INT64","b INT"]})"),
              StartsWith("answer.columns[1] must have a type of Spanner"));
  EXPECT_THAT(AnswerProblem(R"({"rows":[[1]]})"),
              StartsWith("answer.columns must say the columns"));
  EXPECT_THAT(AnswerProblem(R"({"columns":["INT64"],"repeatRows":-1})"),
              StartsWith("answer.repeat_rows must be from 0 to 1000000000"));
  EXPECT_THAT(AnswerProblem(R"({"rowCount":-1})"),
              StartsWith("answer.row_count must not be negative"));
  EXPECT_THAT(AnswerProblem(R"({"rowCount":1})", R"({"read":{"table":"T"}})"),
              StartsWith("answer.row_count must be left out"));
  EXPECT_THAT(
      AnswerProblem(
          R"({"resultSet":{"metadata":{"rowType":{"fields":[{"name":"a"}]}},)"
          R"("rows":[[1],[]]}})"),
      StartsWith("answer.result_set.rows[1] must have a value for each of the "
                 "1 fields"));
  EXPECT_THAT(AnswerProblem(R"({"resultSet":{"rows":[[]]}})"),
              StartsWith("answer.result_set.rows[0] must have"));
}

TEST(StubTest, SaysWhatIsWrongWithAnAnswer) {
  EXPECT_EQ(Problem(R"({"match":{"sql":"S"}})"),
            "answer must be there, or answers");
  EXPECT_EQ(Problem(R"({"match":{"sql":"S"},"answer":{"rowCount":1},)"
                    R"("answers":[{"rowCount":1}]})"),
            "answer must not be there beside answers");
  EXPECT_THAT(Problem(R"({"match":{"sql":"S"},"answers":[{"rowCount":1},{}]})"),
              StartsWith("answers[1] must have columns, row_count"));
  EXPECT_THAT(AnswerProblem(R"({})"), StartsWith("answer must have columns"));
  EXPECT_EQ(Problem(R"({"match":{"sql":"S"},"times":-1,)"
                    R"("answer":{"rowCount":1}})"),
            "times must not be negative; 0 is any number");
  EXPECT_THAT(AnswerProblem(R"({"rowCount":1,"resultSet":{}})"),
              StartsWith("answer must have only one of"));
  EXPECT_THAT(AnswerProblem(R"({"partialResultSets":[{}],"resultSet":{}})"),
              StartsWith("answer must have only one of"));
  EXPECT_THAT(AnswerProblem(R"({"batchWriteResponses":[{}]})"),
              StartsWith("answer.batch_write_responses must be left out"));
  EXPECT_THAT(AnswerProblem(R"({"rowCount":1})", R"({"batchWrite":{}})"),
              StartsWith("answer must have only batch_write_responses"));
  EXPECT_THAT(
      AnswerProblem(R"({"rowCount":1,"chunking":{"rowsPerMessage":1}})"),
      StartsWith("answer.chunking must be left out"));
  EXPECT_THAT(AnswerProblem(R"({"columns":["INT64"],"chunking":{}})"),
              StartsWith("answer.chunking must have one of"));
  EXPECT_THAT(AnswerProblem(
                  R"({"columns":["INT64"],"chunking":{"bytesPerMessage":0}})"),
              StartsWith("answer.chunking.bytes_per_message must be at least"));
  EXPECT_THAT(
      AnswerProblem(
          R"({"columns":["INT64"],"chunking":{"bytesPerMessage":10485761}})"),
      StartsWith("answer.chunking.bytes_per_message must be at most"));
  EXPECT_THAT(
      AnswerProblem(R"({"partitions":[{"partitions":[{"rowCount":1}]}]})"),
      StartsWith("answer.partitions[0].partitions must be left out"));
  EXPECT_THAT(
      AnswerProblem(R"({"columns":["INT64"],"partitions":[{"rows":[[1]]},)"
                    R"({"rows":[["x"]]}]})"),
      StartsWith("answer.partitions[1].rows[0].values[0] must be a number"));
}

TEST(StubTest, SaysWhatIsWrongWithAnError) {
  EXPECT_THAT(AnswerProblem(R"({"error":{}})"),
              StartsWith("answer.error.code must be a code"));
  EXPECT_THAT(AnswerProblem(R"({"error":{"code":17}})"),
              StartsWith("answer.error.code must be a code"));
  EXPECT_THAT(AnswerProblem(absl::StrCat(R"({"error":{"code":5,"message":")",
                                         std::string(1025, 'x'), "\"}}")),
              StartsWith("answer.error.message must be at most 1024 bytes"));
  EXPECT_THAT(AnswerProblem(R"({"error":{"code":5,"message":"a\n"}})"),
              StartsWith("answer.error.message must not end in a blank"));
  const std::string retry =
      absl::StrCat(R"({"@type":"type.googleapis.com/)",
                   google::rpc::RetryInfo().GetTypeName(), "\"}");
  EXPECT_THAT(AnswerProblem(absl::StrCat(R"({"error":{"code":5,"details":[)",
                                         retry, ",", retry, "]}}")),
              StartsWith("answer.error.details[1] must have another type"));
  const std::string long_detail =
      absl::StrCat(R"({"@type":"type.googleapis.com/)",
                   google::rpc::DebugInfo().GetTypeName(), R"(","detail":")",
                   std::string(3000, 'x'), "\"}");
  EXPECT_THAT(AnswerProblem(absl::StrCat(R"({"error":{"code":5,"details":[)",
                                         long_detail, "]}}")),
              StartsWith("answer.error.details[0] is too long"));
}

}  // namespace
}  // namespace spanner_session_emulator
