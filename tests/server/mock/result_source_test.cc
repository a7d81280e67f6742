#include "server/mock/result_source.h"

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {
namespace {

using google::protobuf::Value;
using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Request = api::ExecuteSqlRequest;

StubResult ResultOf(absl::string_view answer) {
  return {.stub = MakeStub(
              absl::StrCat(R"({"match":{"sql":"S"},"answer":)", answer, "}")),
          .place = {.stub = 5}};
}

// The messages of a stream as JSON, without what is tested elsewhere.
std::vector<std::string> Messages(Stream stream) {
  std::vector<std::string> texts;
  for (api::PartialResultSet& message : stream.messages) {
    message.clear_resume_token();
    message.clear_metadata();
    texts.push_back(ToJson(message));
  }
  return texts;
}

constexpr char kThreeRows[] =
    R"("columns":["a INT64","b STRING"],"rows":[[1,"x"],[2,null],[3,"zz"]])";

TEST(ResultSourceTest, AShortResultIsOneMessage) {
  const Stream stream = ReadAll(ResultOf(absl::StrCat("{", kThreeRows, "}")));
  ASSERT_EQ(stream.messages.size(), 1);
  EXPECT_EQ(ToJson(stream.messages[0]),
            R"({"metadata":{"rowType":{"fields":[{"name":"a","type":{"code":)"
            R"("INT64"}},{"name":"b","type":{"code":"STRING"}}]}},)"
            R"("values":["1","x","2",null,"3","zz"],)"
            R"("resumeToken":"c3NlLjUuMC4tMS4zLjA=","last":true})");
  EXPECT_TRUE(stream.status.ok());
}

TEST(ResultSourceTest, RowsPerMessage) {
  EXPECT_THAT(Messages(ReadAll(ResultOf(absl::StrCat(
                  "{", kThreeRows, R"(,"chunking":{"rowsPerMessage":2}})")))),
              ElementsAre(R"({"values":["1","x","2",null]})",
                          R"({"values":["3","zz"],"last":true})"));
}

TEST(ResultSourceTest, BytesPerMessage) {
  EXPECT_THAT(Messages(ReadAll(ResultOf(absl::StrCat(
                  "{", kThreeRows, R"(,"chunking":{"bytesPerMessage":1}})")))),
              ElementsAre(R"({"values":["1"]})", R"({"values":["x"]})",
                          R"({"values":["2"]})", R"({"values":[null]})",
                          R"({"values":["3"]})",
                          R"({"values":["z"],"chunkedValue":true})",
                          R"({"values":["z"],"last":true})"));
}

TEST(ResultSourceTest, RepeatsRows) {
  EXPECT_THAT(
      Messages(ReadAll(ResultOf(R"({"columns":["INT64"],"rows":[[1],[2]],)"
                                R"("repeatRows":2})"))),
      ElementsAre(R"({"values":["1","2","1","2"],"last":true})"));
}

TEST(ResultSourceTest, ALongResultHasSmallMessages) {
  ResultSource source(
      ResultOf(absl::StrCat(R"({"columns":["STRING"],"rows":[[")",
                            std::string(1000, 'x'), R"("]],)",
                            R"("repeatRows":1000000})")),
      {});
  api::PartialResultSet message;
  int64_t rows = 0;
  while (source.Next(message)) {
    rows += message.values_size();
    ASSERT_LT(message.ByteSizeLong(), 40'000);
  }
  EXPECT_EQ(rows, 1'000'000);
}

TEST(ResultSourceTest, NoRowsAreAMessageToo) {
  EXPECT_THAT(Messages(ReadAll(ResultOf(R"({"columns":["INT64"]})"))),
              ElementsAre(R"({"last":true})"));
  EXPECT_THAT(Messages(ReadAll(ResultOf(R"({"rowCount":3})"))),
              ElementsAre(R"({"stats":{"rowCountExact":"3"},"last":true})"));
  EXPECT_TRUE(ReadAll(ResultOf(R"({"rowCount":3})"))
                  .messages[0]
                  .metadata()
                  .has_row_type());
  EXPECT_THAT(
      Messages(ReadAll(ResultOf(R"({"rowCount":3})"), {.lower_bound = true})),
      ElementsAre(R"({"stats":{"rowCountLowerBound":"3"},"last":true})"));
}

TEST(ResultSourceTest, AnErrorComesAtTheEnd) {
  constexpr char kError[] =
      R"("error":{"code":"ABORTED","message":"m","details":[{"@type":)"
      R"("type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1s"}]}})";
  const Stream none = ReadAll(ResultOf(absl::StrCat("{", kError)));
  EXPECT_TRUE(none.messages.empty());
  EXPECT_EQ(none.status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(none.status.message(), "m");
  EXPECT_TRUE(none.status.GetPayload("type.googleapis.com/google.rpc.RetryInfo")
                  .has_value());
  const Stream some = ReadAll(ResultOf(absl::StrCat(
      "{", kThreeRows, R"(,"chunking":{"rowsPerMessage":2},)", kError)));
  EXPECT_THAT(Messages(some), ElementsAre(R"({"values":["1","x","2",null]})",
                                          R"({"values":["3","zz"]})"));
  EXPECT_EQ(some.status.code(), absl::StatusCode::kAborted);
}

TEST(ResultSourceTest, StatisticsAreThoseAskedFor) {
  const StubResult result = ResultOf(
      R"({"columns":["INT64"],"rows":[[1]],"rowCount":1,"queryPlan":)"
      R"({"planNodes":[{"displayName":"p"}]},"queryStats":{"s":"t"}})");
  constexpr char kPlan[] = R"("queryPlan":{"planNodes":[{"displayName":"p"}]})";
  constexpr char kStats[] = R"("queryStats":{"s":"t"})";
  constexpr char kCount[] = R"("rowCountExact":"1")";
  const auto stats = [&](Request::QueryMode mode) {
    const Stream stream = ReadAll(result, {.query_mode = mode});
    EXPECT_EQ(stream.messages.size(), 1);
    EXPECT_EQ(stream.messages[0].values_size(), mode != Request::PLAN);
    api::ResultSet whole;
    EXPECT_TRUE(MakeResultSet(result, {.query_mode = mode}, whole).ok());
    EXPECT_EQ(ToJson(whole.stats()), ToJson(stream.messages[0].stats()));
    EXPECT_EQ(whole.rows_size(), mode != Request::PLAN);
    return ToJson(whole.stats());
  };
  EXPECT_EQ(stats(Request::NORMAL), absl::StrCat("{", kCount, "}"));
  EXPECT_EQ(stats(Request::PLAN), absl::StrCat("{", kPlan, "}"));
  EXPECT_EQ(stats(Request::PROFILE),
            absl::StrCat("{", kPlan, ",", kStats, ",", kCount, "}"));
  EXPECT_EQ(stats(Request::WITH_STATS),
            absl::StrCat("{", kStats, ",", kCount, "}"));
  EXPECT_EQ(stats(Request::WITH_PLAN_AND_STATS),
            absl::StrCat("{", kPlan, ",", kStats, ",", kCount, "}"));
}

TEST(ResultSourceTest, AResultSetIsGivenAsItIs) {
  constexpr char kResultSet[] =
      R"({"metadata":{"rowType":{"fields":[{"name":"a","type":{"code":)"
      R"("INT64"}}]}},"rows":[["1"],["2"]],"stats":{"queryStats":)"
      R"({"s":"t"},"rowCountExact":"2"}})";
  const StubResult result =
      ResultOf(absl::StrCat(R"({"resultSet":)", kResultSet, "}"));
  api::ResultSet whole;
  ASSERT_TRUE(MakeResultSet(result, {}, whole).ok());
  EXPECT_EQ(ToJson(whole), kResultSet);
  EXPECT_THAT(Messages(ReadAll(result)),
              ElementsAre(R"({"values":["1","2"],"stats":{"queryStats":)"
                          R"({"s":"t"},"rowCountExact":"2"},"last":true})"));
}

TEST(ResultSourceTest, MessagesAreGivenAsTheyAre) {
  constexpr char kFirst[] = R"({"values":["a"],"chunkedValue":true})";
  constexpr char kSecond[] = R"({"values":["b"],"resumeToken":"dG9rZW4="})";
  const StubResult result =
      ResultOf(absl::StrCat(R"({"partialResultSets":[)", kFirst, ",", kSecond,
                            R"(],"error":{"code":14}})"));
  const Stream stream = ReadAll(result);
  ASSERT_EQ(stream.messages.size(), 2);
  EXPECT_EQ(ToJson(stream.messages[0]), kFirst);
  EXPECT_EQ(ToJson(stream.messages[1]), kSecond);
  EXPECT_EQ(stream.status.code(), absl::StatusCode::kUnavailable);
}

TEST(ResultSourceTest, OnlyStreamsGetMessages) {
  const StubResult result = ResultOf(R"({"partialResultSets":[{}]})");
  api::ResultSet whole;
  EXPECT_THAT(std::string(MakeResultSet(result, {}, whole).message()),
              HasSubstr("partial_result_sets"));
}

TEST(ResultSourceTest, TokensAreReadBack) {
  const ResultPlace place = {.stub = -2,
                             .answer = 3,
                             .partition = 4,
                             .row = int64_t{1} << 40,
                             .column = 5,
                             .in_value = {6, 7}};
  EXPECT_EQ(ResultPlace::FromToken(place.ToToken()), place);
  for (const char* bad :
       {"", "sse.", "sse.1.2.3.4", "sse.1.2.3.4.x", "sse.1.2.3.4.5.-1",
        "1.2.3.4.5", "sse.1.2.3.4.99999999999", "sse.1.2.9999999999.4.5",
        "sse.1.2.3.4.5.", "sse.99999999999999999999.2.3.4.5"}) {
    EXPECT_FALSE(ResultPlace::FromToken(bad).has_value()) << bad;
  }
}

TEST(ResultSourceTest, KnowsWhichPlacesThereAre) {
  StubResult result = ResultOf(
      R"({"columns":["a INT64","b STRING"],"rows":[[1,"xy"]],"repeatRows":2,)"
      R"("partitions":[{"rows":[[2,"z"]]}]})");
  const auto valid = [&](ResultPlace place) {
    result.place = std::move(place);
    return result.IsValid();
  };
  EXPECT_TRUE(valid({}));
  EXPECT_TRUE(valid({.row = 1, .column = 1, .in_value = {1}}));
  EXPECT_TRUE(valid({.row = 2}));
  EXPECT_TRUE(valid({.partition = 0, .row = 1}));
  EXPECT_FALSE(valid({.answer = 1}));
  EXPECT_FALSE(valid({.answer = -1}));
  EXPECT_FALSE(valid({.row = 3}));
  EXPECT_FALSE(valid({.row = -1}));
  EXPECT_FALSE(valid({.row = 2, .column = 1}));
  EXPECT_FALSE(valid({.column = 2}));
  EXPECT_FALSE(valid({.column = -1}));
  EXPECT_FALSE(valid({.column = 1, .in_value = {3}}));
  EXPECT_FALSE(valid({.partition = 1}));
  EXPECT_FALSE(valid({.partition = -2}));
  EXPECT_FALSE(valid({.partition = 0, .row = 2}));
}

TEST(ResultSourceTest, APartitionHasItsOwnRowsAndTheColumnsOfAll) {
  StubResult result = ResultOf(
      R"({"columns":["a INT64"],"rows":[[1]],"partitions":[{"rows":[[2]]},)"
      R"({"columns":["STRING"],"rows":[["x"]]},{"error":{"code":5}}]})");
  EXPECT_THAT(Messages(ReadAll(result)),
              ElementsAre(R"({"values":["1"],"last":true})"));
  result.place.partition = 0;
  const Stream stream = ReadAll(result);
  EXPECT_THAT(Messages(stream), ElementsAre(R"({"values":["2"],"last":true})"));
  EXPECT_EQ(stream.messages[0].metadata().row_type().fields(0).name(), "a");
  result.place.partition = 1;
  EXPECT_THAT(Messages(ReadAll(result)),
              ElementsAre(R"({"values":["x"],"last":true})"));
  result.place.partition = 2;
  EXPECT_EQ(ReadAll(result).status.code(), absl::StatusCode::kNotFound);
}

// A stub with random rows of many types, cut at random.
std::string RandomAnswer(std::mt19937& random) {
  const auto below = [&random](int end) {
    return std::uniform_int_distribution<int>(0, end - 1)(random);
  };
  const auto text = [&] {
    std::string text = "\"";
    for (int i = below(30); i > 0; --i) {
      constexpr const char* kCharacters[] = {"a", "b", "ä", "😀"};
      text += kCharacters[below(4)];
    }
    return text + "\"";
  };
  const auto list = [&](const auto& element) {
    std::vector<std::string> elements(below(5));
    for (std::string& e : elements) e = below(6) == 0 ? "null" : element();
    return absl::StrCat("[", absl::StrJoin(elements, ","), "]");
  };
  const auto number = [&] { return absl::StrCat(below(1000) - 500); };
  const auto pair = [&] {
    return below(2) == 0 ? absl::StrCat("[", text(), ",", number(), "]")
                         : absl::StrCat("[", text(), ",null]");
  };
  constexpr const char* kTypes[] = {"STRING",
                                    "INT64",
                                    "FLOAT64",
                                    "BOOL",
                                    "ARRAY<STRING>",
                                    "ARRAY<FLOAT64>",
                                    "ARRAY<STRUCT<STRING, INT64>>",
                                    "ARRAY<STRUCT<STRING, FLOAT64>>"};
  const auto value = [&](int type) -> std::string {
    if (below(8) == 0) return "null";
    switch (type) {
      case 0:
        return text();
      case 1:
      case 2:
        return number();
      case 3:
        return below(2) == 0 ? "true" : "false";
      case 4:
        return list(text);
      case 5:
        return list(number);
      default:
        return list(pair);
    }
  };
  std::vector<int> types(1 + below(5));
  for (int& type : types) type = below(8);
  std::vector<std::string> rows(below(8));
  for (std::string& row : rows) {
    row = absl::StrCat("[",
                       absl::StrJoin(types, ",",
                                     [&](std::string* out, int type) {
                                       absl::StrAppend(out, value(type));
                                     }),
                       "]");
  }
  return absl::StrCat(
      R"({"columns":[)",
      absl::StrJoin(types, ",",
                    [&](std::string* out, int type) {
                      absl::StrAppend(out, "\"", kTypes[type], "\"");
                    }),
      R"(],"rows":[)", absl::StrJoin(rows, ","), R"(],"repeatRows":)",
      1 + below(3), R"(,"chunking":{")",
      below(3) == 0 ? "rowsPerMessage" : "bytesPerMessage",
      "\":", 1 + below(40), "}}");
}

TEST(ResultSourceTest, RandomRowsComeThroughAndCanBeResumedAnywhere) {
  for (uint32_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const StubResult result = ResultOf(RandomAnswer(random));
    std::vector<Value> expected;
    for (int64_t i = 0; i < result.answer().row_count(); ++i) {
      for (const Value& value : result.answer().row(i).values()) {
        expected.push_back(value);
      }
    }
    const auto same = [&expected](const std::vector<Value>& values) {
      return std::equal(values.begin(), values.end(), expected.begin(),
                        expected.end(), [](const Value& a, const Value& b) {
                          return MessageDifferencer::Equals(a, b);
                        });
    };
    const Stream whole = ReadAll(result);
    ASSERT_TRUE(whole.status.ok());
    ASSERT_TRUE(same(MergeAll(whole.messages)));
    for (size_t i = 0; i < whole.messages.size(); ++i) {
      ASSERT_EQ(whole.messages[i].has_metadata(), i == 0);
      ASSERT_EQ(whole.messages[i].last(), i + 1 == whole.messages.size());
      // What had come before the connection was lost, and the rest.
      StubResult rest = result;
      const auto place =
          ResultPlace::FromToken(whole.messages[i].resume_token());
      ASSERT_TRUE(place.has_value());
      rest.place = *place;
      ASSERT_TRUE(rest.IsValid());
      std::vector<api::PartialResultSet> messages(
          whole.messages.begin(), whole.messages.begin() + i + 1);
      const Stream resumed = ReadAll(rest);
      ASSERT_TRUE(resumed.status.ok());
      ASSERT_TRUE(resumed.messages[0].has_metadata());
      messages.insert(messages.end(), resumed.messages.begin(),
                      resumed.messages.end());
      ASSERT_TRUE(same(MergeAll(messages))) << "resumed behind " << i;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace spanner_session_emulator
