#include "server/mock/value_part.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {
namespace {

using google::protobuf::Value;
using ::testing::ElementsAre;

// The parts of a value, each with this budget.
std::vector<Value> Parts(const Value& value, int64_t size) {
  std::vector<Value> parts;
  ValuePlace place;
  bool is_rest = false;
  while (!is_rest) {
    EXPECT_TRUE(IsPlace(value, place));
    int64_t budget = size;
    is_rest = TakePart(value, place, budget, parts.emplace_back());
    if (parts.size() > 100'000) {
      ADD_FAILURE() << "There is no end";
      return parts;
    }
  }
  EXPECT_TRUE(place.empty());
  return parts;
}

std::vector<std::string> PartTexts(absl::string_view json, int64_t size) {
  std::vector<std::string> texts;
  for (const Value& part : Parts(FromJson<Value>(json), size)) {
    texts.push_back(ToJson(part));
  }
  return texts;
}

TEST(ValuePartTest, StringsAreCutBetweenCharacters) {
  EXPECT_THAT(PartTexts(R"("abcde")", 2),
              ElementsAre(R"("ab")", R"("cd")", R"("e")"));
  EXPECT_THAT(PartTexts(R"("abc")", 3), ElementsAre(R"("abc")"));
  EXPECT_THAT(PartTexts(R"("")", 1), ElementsAre(R"("")"));
  EXPECT_THAT(PartTexts(R"("aä€😀")", 1),
              ElementsAre(R"("a")", R"("ä")", R"("€")", R"("😀")"));
}

TEST(ValuePartTest, OthersAreNotCut) {
  for (const char* json : {"1.5", "true", "null", "[]", "{}"}) {
    EXPECT_THAT(PartTexts(json, 1), ElementsAre(json));
  }
}

TEST(ValuePartTest, ListsAreCutWhereMergingJoinsThem) {
  EXPECT_THAT(PartTexts("[1,2,3]", 1), ElementsAre("[1]", "[2]", "[3]"));
  EXPECT_THAT(PartTexts(R"([1,"a",null,"b"])", 1),
              ElementsAre("[1]", R"(["a"])", R"(["",null])", R"(["b"])"));
  EXPECT_THAT(PartTexts(R"(["ab","c"])", 1),
              ElementsAre(R"(["a"])", R"(["b"])", R"(["","c"])"));
  EXPECT_THAT(PartTexts(R"([["a"],["b"]])", 1),
              ElementsAre(R"([["a"]])", R"([[""],["b"]])"));
  EXPECT_THAT(PartTexts(R"([["a",1],["b",2]])", 1),
              ElementsAre(R"([["a"]])", R"([["",1],["b"]])", R"([["",2]])"));
  // No cut is possible here.
  EXPECT_THAT(PartTexts("[[1],[2],[]]", 1), ElementsAre("[[1],[2],[]]"));
}

TEST(ValuePartTest, ObjectsAreCutAnywhere) {
  EXPECT_THAT(PartTexts(R"({"b":"xy","a":1})", 1),
              ElementsAre(R"({"a":1})", R"({"b":"x"})", R"({"b":"y"})"));
}

TEST(ValuePartTest, KnowsWhichPlacesThereAre) {
  const Value value = FromJson<Value>(R"([1,"aä",["b"],{"c":"d"}])");
  for (const ValuePlace& place : std::vector<ValuePlace>{{},
                                                         {0},
                                                         {1},
                                                         {1, 0},
                                                         {1, 1},
                                                         {1, 3},
                                                         {2, 0},
                                                         {2, 0, 1},
                                                         {3, 0, 1}}) {
    EXPECT_TRUE(IsPlace(value, place)) << ::testing::PrintToString(place);
  }
  for (const ValuePlace& place : std::vector<ValuePlace>{{4},
                                                         {0, 0},
                                                         {1, 2},
                                                         {1, 4},
                                                         {1, 0, 0},
                                                         {2, 1},
                                                         {2, 0, 2},
                                                         {3, 1},
                                                         {3, 0, 1, 0}}) {
    EXPECT_FALSE(IsPlace(value, place)) << ::testing::PrintToString(place);
  }
}

Value RandomValue(std::mt19937& random, int depth) {
  const auto below = [&random](int end) {
    return std::uniform_int_distribution<int>(0, end - 1)(random);
  };
  Value value;
  switch (below(depth > 0 ? 8 : 5)) {
    case 0:
      value.set_null_value(google::protobuf::NULL_VALUE);
      break;
    case 1:
      value.set_bool_value(below(2) == 0);
      break;
    case 2:
      value.set_number_value(below(100));
      break;
    case 3:
    case 4: {
      std::string text;
      for (int i = below(20); i > 0; --i) {
        constexpr const char* kCharacters[] = {"a", "b", "ä", "€", "😀"};
        text += kCharacters[below(5)];
      }
      value.set_string_value(text);
      break;
    }
    case 5:
    case 6: {
      auto& list = *value.mutable_list_value();
      for (int i = below(6); i > 0; --i) {
        *list.add_values() = RandomValue(random, depth - 1);
      }
      break;
    }
    default: {
      auto& fields = *value.mutable_struct_value()->mutable_fields();
      for (int i = below(5); i > 0; --i) {
        fields[absl::StrCat("f", below(9))] = RandomValue(random, depth - 1);
      }
    }
  }
  return value;
}

TEST(ValuePartTest, PartsOfRandomValuesMergeIntoThem) {
  size_t cut = 0;
  for (uint32_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const Value value = RandomValue(random, 4);
    std::vector<Value> parts = Parts(value, 1 + static_cast<int>(seed % 13));
    cut += parts.size() > 1;
    Value merged = parts[0];
    for (size_t i = 1; i < parts.size(); ++i) Merge(parts[i], merged);
    ASSERT_TRUE(
        google::protobuf::util::MessageDifferencer::Equals(merged, value))
        << ToJson(merged) << "\n"
        << ToJson(value);
    if (HasFailure()) return;
  }
  EXPECT_GT(cut, 5000);
}

}  // namespace
}  // namespace spanner_session_emulator
