#include "server/mock/statement_text.h"

#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

TEST(StatementTextTest, FoldsBlanksOutsideOfQuotes) {
  EXPECT_EQ(FoldBlanks(" SELECT\t1 ,\r\n\n 2  "), "SELECT 1 , 2");
  EXPECT_EQ(FoldBlanks(""), "");
  EXPECT_EQ(FoldBlanks(" \n "), "");
  EXPECT_EQ(FoldBlanks("SELECT 'a  b',  \"c  d\",  `e  f`"),
            "SELECT 'a  b', \"c  d\", `e  f`");
  EXPECT_EQ(FoldBlanks(R"('a\'  b'   c)"), R"('a\'  b' c)");
  EXPECT_EQ(FoldBlanks("'''a '  b'''   c"), "'''a '  b''' c");
  EXPECT_EQ(FoldBlanks("''   ''   c"), "'' '' c");
  // What nothing closes is quoted to the end.
  EXPECT_EQ(FoldBlanks("a  'b  c  "), "a 'b  c  ");
  EXPECT_EQ(FoldBlanks("a  'b\\"), "a 'b\\");
}

TEST(StatementTextTest, KnowsDml) {
  EXPECT_TRUE(IsDml("INSERT INTO T (a) VALUES (1)"));
  EXPECT_TRUE(IsDml("\n update T SET a = 1 WHERE true"));
  EXPECT_TRUE(IsDml("Delete FROM T WHERE true"));
  EXPECT_TRUE(IsDml("-- a\n /* b */ # c\n@{a=b} @{c=d}\tINSERT INTO T"));
  EXPECT_TRUE(IsDml("DELETE"));
  EXPECT_FALSE(IsDml("-- DELETE"));
  EXPECT_FALSE(IsDml("/* DELETE"));
  EXPECT_FALSE(IsDml("/*/ DELETE"));
  EXPECT_FALSE(IsDml("@{DELETE"));
  EXPECT_FALSE(IsDml("INSERTED"));
  EXPECT_FALSE(IsDml("UPDATE_LOG"));
  EXPECT_FALSE(IsDml("SELECT 1"));
  EXPECT_FALSE(IsDml(""));
}

TEST(StatementTextTest, WritesStringsOfJson) {
  EXPECT_EQ(JsonString("a\"b\\c\n\x01ä"), "\"a\\\"b\\\\c\\u000a\\u0001ä\"");
}

TEST(StatementTextTest, BeginningsHaveWholeCharacters) {
  EXPECT_EQ(Beginning("aäb", 4), "aäb");
  EXPECT_EQ(Beginning("aäb", 3), "aä");
  EXPECT_EQ(Beginning("aäb", 2), "a");
  EXPECT_EQ(Beginning("ä", 1), "");
}

}  // namespace
}  // namespace spanner_session_emulator
