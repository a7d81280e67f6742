#include "server/transport/rest/json.h"

#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/transport/rest/library.pb.h"

namespace spanner_session_emulator {
namespace {

TEST(JsonTest, Indentation) {
  EXPECT_EQ(IndentJson("{}"), "{}\n");
  EXPECT_EQ(IndentJson("[]"), "[]\n");
  EXPECT_EQ(IndentJson("5"), "5\n");
  EXPECT_EQ(IndentJson("\"a{\\\"[\\\\\""), "\"a{\\\"[\\\\\"\n");
  EXPECT_EQ(IndentJson("[1,[2],{\"a\":{},\"b\":null}]"),
            "[\n"
            "  1,\n"
            "  [\n"
            "    2\n"
            "  ],\n"
            "  {\n"
            "    \"a\": {},\n"
            "    \"b\": null\n"
            "  }\n"
            "]\n");
}

TEST(JsonTest, AFailedParseSaysWhere) {
  rest_testing::Book book;
  const auto problem = ParseJson("{\"author\":{\"teacher\":{\"x\":1}}}", book);
  ASSERT_TRUE(problem.has_value());
  EXPECT_EQ(problem->field, "author.teacher.x");
  EXPECT_EQ(problem->text, "is not a known field");
}

TEST(JsonTest, AParseReplacesTheMessage) {
  rest_testing::Book book;
  book.set_title("old");
  EXPECT_FALSE(ParseJson("{\"name\":\"new\"}", book).has_value());
  EXPECT_EQ(book.ShortDebugString(), "name: \"new\"");
}

TEST(JsonTest, AFailedParseSaysInWhichLine) {
  rest_testing::Book book;
  EXPECT_EQ(ParseJson("{\"title\":\n\n\"a\" \"b\"}", book)->line, 3);
  EXPECT_EQ(ParseJson("{\"title\": \"a\" \"b\"}", book)->line, 1);
  EXPECT_EQ(ParseJson("{\"titel\": \"a\"}", book)->line, 0);
}

TEST(JsonTest, AProblemIsToldWithoutAnythingOfTheJson) {
  rest_testing::Book book;
  struct Case {
    std::string json;
    std::string field;
    std::string text;
  };
  for (const Case& test : std::vector<Case>{
           {"{\"SECRET\" \"SECRET\"}", "", "is not valid JSON: see line 1"},
           {"SECRET", "", "is not valid JSON"},
           {"{\"author\":{\"teacher\":{\"SECRET\":1}}}", "author.teacher",
            "has a field that is none of: "},
           {"{\"author\":\"SECRET\"}", "author", "must be of type "},
           {"{\"tags\":[{\"SECRET\":1}]}", "tags", "must be a list of string"},
           {"{\"tags\":{\"SECRET\":1}}", "",
            "is not the JSON of a rest_testing.Book"}}) {
    const auto problem = ParseJson(test.json, book);
    ASSERT_TRUE(problem.has_value()) << test.json;
    const JsonProblem safe = WithoutValues(*problem, *book.GetDescriptor());
    EXPECT_EQ(safe.field.substr(0, test.field.size()), test.field);
    EXPECT_EQ(safe.text.substr(0, test.text.size()), test.text) << test.json;
    EXPECT_EQ((safe.field + safe.text).find("SECRET"), std::string::npos);
  }
}

// The first use by several threads at once.
TEST(JsonTest, ManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 100; ++j) {
        rest_testing::Everything message;
        message.set_enum_field(rest_testing::GREEN);
        message.mutable_inside()->set_text("x");
        (*message.mutable_map())["k"] = "v";
        std::string json;
        ASSERT_TRUE(PrintJson(message, {}, json).ok());
        rest_testing::Everything read;
        ASSERT_FALSE(ParseJson(json, read).has_value());
        ASSERT_EQ(read.SerializeAsString(), message.SerializeAsString());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace spanner_session_emulator
