#include "store/labels.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs All(const Labels& labels) {
  Pairs all;
  labels.ForEach([&](absl::string_view key, absl::string_view value) {
    all.emplace_back(key, value);
    return true;
  });
  return all;
}

// The message of the refusal, or nothing if the labels are taken.
std::string Refusal(Pairs pairs) {
  const absl::StatusOr<Labels> labels = Labels::Make(pairs);
  if (labels.ok()) return "";
  EXPECT_EQ(labels.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(labels.status().message());
}

Pairs ManyLabels(int count) {
  Pairs pairs;
  for (int i = 0; i < count; ++i) {
    pairs.emplace_back(absl::StrCat("k", i), absl::StrCat("v", i));
  }
  return pairs;
}

const char* const kGood[] = {
    "a",   "z",    "ab",  "a0",
    "a-b", "a--0", "env", "a-------------------------------------0"};
// Of 63 and of 64 characters.
const std::string& Longest() {
  static const auto& text = *new std::string("a" + std::string(62, '9'));
  return text;
}
const std::string& TooLong() {
  static const auto& text = *new std::string("a" + std::string(63, '9'));
  return text;
}
const char* const kBad[] = {
    "A",  "aB", "0",   "0a",  "-",   "-a",       "a-",   "a_b",       "_",
    " ",  " a", "a ",  "a.b", "a/b", "\xc3\xa9", "a\n",  "a\xc3\xa9", "*",
    "a:", "a*", "a\t", "{",   "`",   "a{",       "a\xff"};

TEST(LabelsTest, NoneByDefault) {
  EXPECT_TRUE(Labels().empty());
  EXPECT_THAT(All(Labels()), IsEmpty());
  EXPECT_EQ(*Labels::Make({}), Labels());
}

TEST(LabelsTest, KeepsKeysAndValuesInTheOrderOfKeys) {
  const absl::StatusOr<Labels> labels =
      Labels::Make({{"env", "test"}, {"a", ""}, {"owner", "me"}});
  ASSERT_TRUE(labels.ok());
  EXPECT_FALSE(labels->empty());
  EXPECT_THAT(All(*labels), ElementsAre(Pair("a", ""), Pair("env", "test"),
                                        Pair("owner", "me")));
}

TEST(LabelsTest, StopsVisitingWhenToldTo) {
  const Labels labels = *Labels::Make({{"a", "x"}, {"b", "y"}, {"c", "z"}});
  std::vector<std::string> seen;
  labels.ForEach([&](absl::string_view key, absl::string_view) {
    seen.emplace_back(key);
    return key != "b";
  });
  EXPECT_THAT(seen, ElementsAre("a", "b"));
}

TEST(LabelsTest, OrderOfGivingDoesNotMatter) {
  EXPECT_EQ(*Labels::Make({{"a", "x"}, {"b", "y"}}),
            *Labels::Make({{"b", "y"}, {"a", "x"}}));
}

TEST(LabelsTest, DifferInKeysAndInValues) {
  const Labels labels = *Labels::Make({{"a", "x"}});
  EXPECT_FALSE(labels == *Labels::Make({{"b", "x"}}));
  EXPECT_FALSE(labels == *Labels::Make({{"a", "y"}}));
  EXPECT_FALSE(labels == *Labels::Make({{"a", ""}}));
  EXPECT_FALSE(labels == *Labels::Make({{"a", "x"}, {"b", ""}}));
  EXPECT_FALSE(labels == Labels());
  EXPECT_FALSE(*Labels::Make({{"ab", "c"}}) == *Labels::Make({{"a", "bc"}}));
}

TEST(LabelsTest, TakesGoodKeysAndValues) {
  for (const char* text : kGood) {
    EXPECT_EQ(Refusal({{text, "v"}}), "") << text;
    EXPECT_EQ(Refusal({{"k", text}}), "") << text;
  }
}

TEST(LabelsTest, TakesAnEmptyValueButNoEmptyKey) {
  EXPECT_EQ(Refusal({{"k", ""}}), "");
  EXPECT_THAT(Refusal({{"", "v"}}), HasSubstr("label key \"\""));
}

TEST(LabelsTest, TakesUpTo63Characters) {
  EXPECT_EQ(Refusal({{Longest(), Longest()}}), "");
  EXPECT_THAT(All(*Labels::Make({{Longest(), Longest()}, {"z", "z"}})),
              ElementsAre(Pair(Longest(), Longest()), Pair("z", "z")));
  EXPECT_THAT(Refusal({{TooLong(), "v"}}), HasSubstr(TooLong()));
  EXPECT_THAT(Refusal({{"k", TooLong()}}), HasSubstr(TooLong()));
}

TEST(LabelsTest, RefusesBadKeys) {
  for (const char* text : kBad) {
    EXPECT_THAT(Refusal({{text, "v"}}),
                AllOf(HasSubstr("has the label key \""),
                      HasSubstr("[a-z]([-a-z0-9]{0,61}[a-z0-9])?")))
        << text;
  }
}

TEST(LabelsTest, RefusesBadValues) {
  for (const char* text : kBad) {
    EXPECT_THAT(Refusal({{"k", text}}),
                AllOf(HasSubstr("has the label \"k\" with the value \""),
                      HasSubstr("([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?")))
        << text;
  }
}

TEST(LabelsTest, RefusesEmbeddedZeroBytes) {
  EXPECT_NE(Refusal({{std::string("a\0b", 3), "v"}}), "");
  EXPECT_NE(Refusal({{"k", std::string("a\0b", 3)}}), "");
  EXPECT_NE(Refusal({{"k", std::string("\0", 1)}}), "");
}

TEST(LabelsTest, NamesTheBadLabelAmongGoodOnes) {
  EXPECT_THAT(Refusal({{"good", "v"}, {"Bad", "v"}, {"other", "v"}}),
              AllOf(HasSubstr("\"Bad\""), Not(HasSubstr("good"))));
  EXPECT_THAT(Refusal({{"good", "v"}, {"key", "Bad"}, {"other", "v"}}),
              AllOf(HasSubstr("\"key\""), HasSubstr("\"Bad\"")));
}

TEST(LabelsTest, TheMessageHoldsNoControlCharacters) {
  EXPECT_THAT(Refusal({{"a\nb", "v"}}), HasSubstr("\"a\\nb\""));
  EXPECT_THAT(Refusal({{"k", "a\tb"}}), HasSubstr("\"a\\tb\""));
}

TEST(LabelsTest, TakesUpTo64Labels) {
  EXPECT_EQ(Labels::kMaxLabels, 64);
  EXPECT_EQ(All(*Labels::Make(ManyLabels(64))).size(), 64u);
  EXPECT_EQ(Refusal(ManyLabels(65)), "has 65 labels, at most 64 are allowed");
}

}  // namespace
}  // namespace spanner_session_emulator
