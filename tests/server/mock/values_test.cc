#include "server/mock/values.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/mock/column_types.h"
#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {
namespace {

using google::protobuf::Value;
using ::testing::HasSubstr;

// The JSON of what becomes of a value, or what is wrong with it.
std::string Encoded(absl::string_view type, absl::string_view json) {
  Value value = FromJson<Value>(json);
  const absl::Status status =
      EncodeValue(ParseColumn(type).value().type(), "f", value);
  if (!status.ok()) return std::string(status.message());
  const std::string once = ToJson(value);
  // What a stub shows can be put into another.
  EXPECT_TRUE(EncodeValue(ParseColumn(type).value().type(), "f", value).ok());
  EXPECT_EQ(ToJson(value), once);
  return once;
}

TEST(ValuesTest, GivesValuesTheFormOfTheirType) {
  EXPECT_EQ(Encoded("INT64", "7"), R"("7")");
  EXPECT_EQ(Encoded("INT64", "-9007199254740991"), R"("-9007199254740991")");
  EXPECT_EQ(Encoded("INT64", R"("9223372036854775807")"),
            R"("9223372036854775807")");
  EXPECT_EQ(Encoded("ENUM<a.B>", "2"), R"("2")");
  EXPECT_EQ(Encoded("FLOAT64", "1.5"), "1.5");
  EXPECT_EQ(Encoded("FLOAT64", R"("NaN")"), R"("NaN")");
  EXPECT_EQ(Encoded("FLOAT32", R"("-Infinity")"), R"("-Infinity")");
  EXPECT_EQ(Encoded("NUMERIC", "0.1"), R"("0.1")");
  EXPECT_EQ(Encoded("NUMERIC", "12"), R"("12")");
  EXPECT_EQ(Encoded("NUMERIC", R"("-1.50")"), R"("-1.50")");
  EXPECT_EQ(Encoded("PG_NUMERIC", R"("NaN")"), R"("NaN")");
  EXPECT_EQ(Encoded("BOOL", "true"), "true");
  EXPECT_EQ(Encoded("STRING", R"("7")"), R"("7")");
  EXPECT_EQ(Encoded("BYTES", R"("/+8=")"), R"("/+8=")");
  EXPECT_EQ(Encoded("BYTES", R"("/+8")"), R"("/+8=")");
  EXPECT_EQ(Encoded("TIMESTAMP", R"("2030-01-31T12:00:00Z")"),
            R"("2030-01-31T12:00:00Z")");
  EXPECT_EQ(Encoded("TIMESTAMP", R"("2030-01-31T12:00:00.123456789+02:00")"),
            R"("2030-01-31T10:00:00.123456789Z")");
  EXPECT_EQ(Encoded("TIMESTAMP", R"("0001-01-01T00:00:00Z")"),
            R"("0001-01-01T00:00:00Z")");
  EXPECT_EQ(Encoded("DATE", R"("2024-02-29")"), R"("2024-02-29")");
  EXPECT_EQ(Encoded("DATE", R"("0001-01-01")"), R"("0001-01-01")");
  EXPECT_EQ(Encoded("JSON", R"({"a":[1,null]})"), R"("{\"a\":[1,null]}")");
  EXPECT_EQ(Encoded("JSON", "true"), R"("true")");
  EXPECT_EQ(Encoded("PG_JSONB", R"("\"text\"")"), R"("\"text\"")");
  EXPECT_EQ(Encoded("INTERVAL", R"("P1Y2M3DT4H5M6.5S")"),
            R"("P1Y2M3DT4H5M6.5S")");
  EXPECT_EQ(Encoded("INTERVAL", R"("P-1Y")"), R"("P-1Y")");
  EXPECT_EQ(Encoded("UUID", R"("123e4567-e89b-12d3-a456-426614174000")"),
            R"("123e4567-e89b-12d3-a456-426614174000")");
  EXPECT_EQ(Encoded("ARRAY<INT64>", R"([1,null,"3"])"), R"(["1",null,"3"])");
  EXPECT_EQ(Encoded("STRUCT<a INT64, b STRING>", R"({"b":"x","a":1})"),
            R"(["1","x"])");
  EXPECT_EQ(Encoded("STRUCT<INT64, INT64>", "[1,2]"), R"(["1","2"])");
  EXPECT_EQ(Encoded("ARRAY<STRUCT<a INT64>>", R"([{"a":1},[2],null])"),
            R"([["1"],["2"],null])");
}

TEST(ValuesTest, AnyTypeHasNull) {
  for (const char* type :
       {"BOOL", "INT64", "FLOAT64", "TIMESTAMP", "DATE", "STRING", "BYTES",
        "NUMERIC", "JSON", "INTERVAL", "UUID", "ARRAY<INT64>", "STRUCT<INT64>",
        "PROTO<a>", "ENUM<a>"}) {
    EXPECT_EQ(Encoded(type, "null"), "null") << type;
  }
}

TEST(ValuesTest, SaysWhatIsWrong) {
  EXPECT_EQ(Encoded("INT64", "1.5"),
            "f must be a number without a fraction, from 2^53 on as a string, "
            "or null, as its type is INT64, but is the number 1.5");
  // May have been 2^53 + 1.
  EXPECT_THAT(Encoded("INT64", "9007199254740992"),
              HasSubstr("from 2^53 on as a string"));
  EXPECT_THAT(Encoded("INT64", R"("9223372036854775808")"),
              HasSubstr("but is the string \"9223372036854775808\""));
  EXPECT_THAT(Encoded("INT64", "true"), HasSubstr("but is true"));
  EXPECT_THAT(Encoded("STRING", "7"), HasSubstr("must be a string or null"));
  EXPECT_THAT(Encoded("STRING", "[]"), HasSubstr("but is a list"));
  EXPECT_THAT(Encoded("BOOL", R"("true")"), HasSubstr("must be true or false"));
  EXPECT_THAT(Encoded("FLOAT64", R"("1.5")"), HasSubstr("must be a number"));
  EXPECT_THAT(Encoded("FLOAT32", "1e39"), HasSubstr("must be a number"));
  EXPECT_THAT(Encoded("BYTES", R"("%")"), HasSubstr("a string of base64"));
  for (const char* bad :
       {R"("")", R"("1e3")", R"("1.")", R"(".5")", R"("1.0000000001")",
        R"("NaN")", R"("123456789012345678901234567890")", "1e-10", "1e300",
        "false"}) {
    EXPECT_THAT(Encoded("NUMERIC", bad), HasSubstr("at most 29 digits")) << bad;
  }
  for (const char* bad :
       {R"("")", R"("2030-01-31")", R"("2030-02-30T00:00:00Z")", "1",
        R"("10000-01-01T00:00:00Z")", R"("2030-01-31T12:00:00")"}) {
    EXPECT_THAT(Encoded("TIMESTAMP", bad), HasSubstr("a time as")) << bad;
  }
  for (const char* bad : {R"("")", R"("2030-02-29")", R"("2030-2-3")",
                          R"("0000-01-01")", R"("2030-01-01T")", "1"}) {
    EXPECT_THAT(Encoded("DATE", bad), HasSubstr("a date as")) << bad;
  }
  for (const char* bad : {R"("P")", R"("")", R"("P1")", R"("P1YT")", R"("P1S")",
                          R"("P1M1Y")", "3"}) {
    EXPECT_THAT(Encoded("INTERVAL", bad), HasSubstr("ISO 8601")) << bad;
  }
  EXPECT_THAT(Encoded("UUID", R"("123e4567-e89b-12d3-a456-42661417400g")"),
              HasSubstr("a UUID as"));
  EXPECT_THAT(Encoded("JSON", R"("{")"), HasSubstr("the text of JSON"));
}

TEST(ValuesTest, NamesTheElementThatIsWrong) {
  EXPECT_THAT(Encoded("ARRAY<INT64>", R"([1,"x"])"),
              HasSubstr("f.values[1] must be a number"));
  EXPECT_THAT(Encoded("ARRAY<INT64>", "1"), HasSubstr("f must be a list"));
  EXPECT_THAT(Encoded("ARRAY<STRUCT<a INT64, b BOOL>>", "[[1,true],[2,3]]"),
              HasSubstr("f.values[1].values[1] must be true or false"));
  EXPECT_THAT(Encoded("STRUCT<a INT64>", "[1,2]"),
              HasSubstr("f must be a list of 1 values"));
  EXPECT_THAT(Encoded("STRUCT<a INT64, b INT64>", R"({"a":1})"),
              HasSubstr("an object with each of its fields"));
  EXPECT_EQ(Encoded("STRUCT<a INT64>", R"({"a":1,"c":2})"),
            "f.c must not be there: the type is STRUCT<a INT64>");
}

std::string Canonical(absl::string_view json) {
  std::string text;
  AppendCanonical(FromJson<Value>(json), text);
  return text;
}

TEST(ValuesTest, CanonicalTextsAreThoseOfSameValues) {
  const auto text = [](absl::string_view string) {
    return Canonical(absl::StrCat("\"", string, "\""));
  };
  for (const auto& [a, b] :
       {std::pair("2030-01-31T12:00:00.123456000Z",
                  "2030-01-31T12:00:00.123456Z"),
        std::pair("2030-01-31T12:00:00.000Z", "2030-01-31T12:00:00Z"),
        std::pair("P1DT6.500S", "P1DT6.5S"), std::pair("PT6.0S", "PT6S")}) {
    EXPECT_EQ(text(a), text(b));
  }
  for (const auto& [a, b] :
       {std::pair("1.50", "1.5"), std::pair("a.0Z", "aZ"),
        std::pair("12:00:00.00", "12:00:00"), std::pair("a:.x0Z", "a:.xZ"),
        std::pair("12:00:10Z", "12:00:1Z"), std::pair("P.0S", "PS")}) {
    EXPECT_NE(text(a), text(b));
  }
  Value nan;
  nan.set_number_value(std::nan(""));
  std::string nan_text;
  AppendCanonical(nan, nan_text);
  EXPECT_EQ(nan_text, text("NaN"));
  EXPECT_EQ(Canonical("1"), Canonical(R"("1")"));
  EXPECT_EQ(Canonical("-5"), Canonical(R"("-5")"));
  EXPECT_EQ(Canonical(R"({"a":1,"b":[2]})"), Canonical(R"({"b":["2"],"a":1})"));
  const char* const kDifferent[] = {
      "1",         "2",           "1.5",           R"("1.5")",  "null",
      "true",      "false",       R"("")",         R"("a")",    "[]",
      "[1]",       "[[1]]",       "[1,2]",         R"(["12"])", R"("t")",
      "{}",        R"({"a":1})",  R"({"a":null})", R"("n")",    R"(["a","b"])",
      R"(["ab"])", R"(["as1:b"])"};
  for (const char* a : kDifferent) {
    for (const char* b : kDifferent) {
      if (a != b) {
        EXPECT_NE(Canonical(a), Canonical(b)) << a << " " << b;
      }
    }
  }
}

}  // namespace
}  // namespace spanner_session_emulator
