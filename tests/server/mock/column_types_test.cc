#include "server/mock/column_types.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;

std::string Parsed(absl::string_view text) {
  const auto field = ParseColumn(text);
  if (!field.ok()) return std::string(field.status().message());
  return absl::StrCat(field->name(), "|", TypeText(field->type()));
}

TEST(ColumnTypesTest, ReadsEveryType) {
  for (const std::string type : {"BOOL",
                                 "INT64",
                                 "FLOAT64",
                                 "FLOAT32",
                                 "TIMESTAMP",
                                 "DATE",
                                 "STRING",
                                 "BYTES",
                                 "NUMERIC",
                                 "JSON",
                                 "INTERVAL",
                                 "UUID",
                                 "PG_NUMERIC",
                                 "PG_JSONB",
                                 "PG_OID",
                                 "PROTO<a.b.C>",
                                 "ENUM<a.E>",
                                 "ARRAY<INT64>",
                                 "ARRAY<STRUCT<a INT64, b ARRAY<STRING>>>",
                                 "STRUCT<>",
                                 "STRUCT<INT64, x STRING>",
                                 "ARRAY<PG_NUMERIC>"}) {
    EXPECT_EQ(Parsed(absl::StrCat("Name ", type)), absl::StrCat("Name|", type));
    EXPECT_EQ(Parsed(type), absl::StrCat("|", type));
  }
}

TEST(ColumnTypesTest, MakesTheTypesOfTheApi) {
  EXPECT_EQ(ToJson(*ParseColumn("A ARRAY<STRUCT<b STRING, INT64>>")),
            R"({"name":"A","type":{"code":"ARRAY","arrayElementType":)"
            R"({"code":"STRUCT","structType":{"fields":[{"name":"b","type":)"
            R"({"code":"STRING"}},{"type":{"code":"INT64"}}]}}}})");
  EXPECT_EQ(ToJson(*ParseColumn("n PG_NUMERIC")),
            R"({"name":"n","type":{"code":"NUMERIC",)"
            R"("typeAnnotation":"PG_NUMERIC"}})");
  EXPECT_EQ(ToJson(*ParseColumn("p PROTO<a.b.C>")),
            R"({"name":"p","type":{"code":"PROTO","protoTypeFqn":"a.b.C"}})");
}

TEST(ColumnTypesTest, TakesTextAsPeopleWriteIt) {
  EXPECT_EQ(Parsed("  id   int64 "), "id|INT64");
  EXPECT_EQ(Parsed("a string(MAX)"), "a|STRING");
  EXPECT_EQ(Parsed("a BYTES ( 16 )"), "a|BYTES");
  EXPECT_EQ(Parsed("a ARRAY<STRING(10)>"), "a|ARRAY<STRING>");
  EXPECT_EQ(Parsed("`first name, of all` DATE"), "first name, of all|DATE");
  EXPECT_EQ(Parsed("``INT64"), "|INT64");
  EXPECT_EQ(Parsed("größe FLOAT64"), "größe|FLOAT64");
  // A type's name is a fine name for a column.
  EXPECT_EQ(Parsed("DATE DATE"), "DATE|DATE");
}

TEST(ColumnTypesTest, SaysWhatIsWrong) {
  EXPECT_THAT(Parsed(""), HasSubstr("lacks a type at its end"));
  EXPECT_THAT(Parsed("Id INTEGER"),
              HasSubstr("`INTEGER` is none of BOOL, INT64, "));
  EXPECT_THAT(Parsed("Id"), HasSubstr("`Id` is none of"));
  EXPECT_THAT(Parsed("Id INT64 NOT NULL"),
              HasSubstr("lacks the end before `NOT NULL`"));
  EXPECT_THAT(Parsed("a ARRAY"), HasSubstr("lacks `<` at its end"));
  EXPECT_THAT(Parsed("a ARRAY<INT64"), HasSubstr("lacks `>` at its end"));
  EXPECT_THAT(Parsed("a STRUCT<b INT64 c>"),
              HasSubstr("lacks `,` or `>` before `c>`"));
  EXPECT_THAT(Parsed("a ARRAY<ARRAY<INT64>>"), HasSubstr("ARRAY of ARRAYs"));
  EXPECT_THAT(Parsed("`a INT64"), HasSubstr("lacks a backquote"));
  EXPECT_THAT(Parsed("a PROTO<>"), HasSubstr("lacks a full name"));
  EXPECT_THAT(Parsed("a STRING("), HasSubstr("lacks a length"));
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "STRUCT<";
  EXPECT_THAT(Parsed(deep), HasSubstr("more than 16 deep"));
}

}  // namespace
}  // namespace spanner_session_emulator
