#include "store/filter.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/labels.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Labels Make(std::vector<std::pair<std::string, std::string>> pairs) {
  return *Labels::Make(std::move(pairs));
}

bool Matches(absl::string_view filter, const Labels& labels) {
  const absl::StatusOr<SessionFilter> parsed = SessionFilter::Parse(filter);
  EXPECT_TRUE(parsed.ok()) << filter << ": " << parsed.status();
  return parsed.ok() && parsed->Matches(labels);
}

std::string Canonical(absl::string_view filter) {
  const absl::StatusOr<SessionFilter> parsed = SessionFilter::Parse(filter);
  EXPECT_TRUE(parsed.ok()) << filter << ": " << parsed.status();
  return parsed.ok() ? parsed->Canonical() : "(refused)";
}

// The message of the refusal, or nothing if the filter is taken.
std::string Refusal(absl::string_view filter) {
  const absl::StatusOr<SessionFilter> parsed = SessionFilter::Parse(filter);
  if (parsed.ok()) return "";
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(parsed.status().message());
}

// The filter is refused at `position` (from 1), where `expected` should be.
void ExpectRefused(absl::string_view filter, size_t position,
                   absl::string_view expected) {
  const absl::string_view rest = filter.substr(position - 1, 40);
  const std::string where =
      rest.empty() ? "its end" : absl::StrCat("\"", rest, "\"");
  EXPECT_THAT(
      Refusal(filter),
      StartsWith(absl::StrCat("does not make sense from position ", position,
                              " (", where, "): expected ", expected, ";")))
      << filter;
}

TEST(FilterTest, AnEmptyFilterMatchesEverything) {
  EXPECT_TRUE(SessionFilter().empty());
  EXPECT_EQ(SessionFilter().Canonical(), "");
  EXPECT_TRUE(SessionFilter().Matches(Labels()));
  EXPECT_TRUE(SessionFilter().Matches(Make({{"a", "x"}})));
  for (absl::string_view filter : {"", " ", "\t \r\n"}) {
    EXPECT_TRUE(SessionFilter::Parse(filter)->empty());
    EXPECT_TRUE(Matches(filter, Labels()));
    EXPECT_TRUE(Matches(filter, Make({{"a", "x"}})));
  }
}

TEST(FilterTest, AskingForAKeyMatchesAnyValueOfIt) {
  EXPECT_FALSE(SessionFilter::Parse("labels.env:*")->empty());
  EXPECT_TRUE(Matches("labels.env:*", Make({{"env", "test"}})));
  EXPECT_TRUE(Matches("labels.env:*", Make({{"env", ""}})));
  EXPECT_TRUE(Matches("labels.env:*", Make({{"a", "b"}, {"env", "x"}})));
  EXPECT_FALSE(Matches("labels.env:*", Labels()));
  EXPECT_FALSE(Matches("labels.env:*", Make({{"other", "env"}})));
}

TEST(FilterTest, AKeyMustBeTheSameFromEndToEnd) {
  const Labels labels = Make({{"env", "x"}});
  EXPECT_FALSE(Matches("labels.en:*", labels));
  EXPECT_FALSE(Matches("labels.nv:*", labels));
  EXPECT_FALSE(Matches("labels.env2:*", labels));
  EXPECT_FALSE(Matches("labels.env-a:*", labels));
}

TEST(FilterTest, AValueNeedOnlyContainWhatIsAskedFor) {
  const Labels labels = Make({{"env", "pre-prod-2"}});
  for (absl::string_view part :
       {"pre-prod-2", "pre", "prod", "2", "-", "e-p", "-2"}) {
    EXPECT_TRUE(Matches(absl::StrCat("labels.env:", part), labels)) << part;
  }
  for (absl::string_view part : {"pre-prod-22", "test", "3", "--", "prodpre"}) {
    EXPECT_FALSE(Matches(absl::StrCat("labels.env:", part), labels)) << part;
  }
  EXPECT_FALSE(Matches("labels.env:x", Make({{"env", ""}})));
  EXPECT_FALSE(Matches("labels.env:x", Make({{"other", "x"}})));
}

TEST(FilterTest, AllTermsMustHold) {
  const Labels labels = Make({{"a", "xyz"}, {"b", ""}, {"c", "x123"}});
  EXPECT_FALSE(Matches("labels.a:* labels.d:*", labels));
  EXPECT_TRUE(Matches("labels.a:* labels.b:*", labels));
  EXPECT_TRUE(Matches("labels.b:* AND labels.a:y", labels));
  EXPECT_FALSE(Matches("labels.b:y AND labels.a:*", labels));
  EXPECT_TRUE(Matches("labels.a:x labels.a:z labels.a:*", labels));
  EXPECT_FALSE(Matches("labels.a:x labels.a:q", labels));
  EXPECT_TRUE(Matches("labels.a:x AND labels.b:* labels.c:2", labels));
}

TEST(FilterTest, CaseDoesNotMatter) {
  const Labels labels = Make({{"env", "test"}, {"and", "or"}});
  for (absl::string_view filter :
       {"labels.env:test", "LABELS.ENV:TEST", "Labels.Env:Test",
        "lAbElS.eNv:TeS", "labels.env:* and labels.and:OR",
        "labels.env:* And LABELS.AND:*", "labels.env:* aND labels.and:o"}) {
    EXPECT_TRUE(Matches(filter, labels)) << filter;
  }
}

TEST(FilterTest, BlanksSeparateTerms) {
  const std::string canonical = "labels.a:* labels.b:x";
  for (absl::string_view filter :
       {"labels.a:* labels.b:x", "  labels.a:*   labels.b:x  ",
        "labels.a:*\tlabels.b:x", "labels.a:*\nlabels.b:x\r\n",
        "labels.a:* AND labels.b:x", "labels.a:*\tand\n labels.b:x "}) {
    EXPECT_EQ(Canonical(filter), canonical) << filter;
  }
}

TEST(FilterTest, TheCanonicalFormIsLowerCaseAndTakenAgain) {
  EXPECT_EQ(Canonical("LABELS.Env:Test AND labels.B:*"),
            "labels.env:test labels.b:*");
  EXPECT_EQ(Canonical("labels.env:test labels.b:*"),
            "labels.env:test labels.b:*");
  EXPECT_NE(Canonical("labels.a:* labels.b:*"),
            Canonical("labels.b:* labels.a:*"));
}

TEST(FilterTest, ATermThatComesAgainChangesNothing) {
  EXPECT_EQ(Canonical("labels.a:* LABELS.A:*"), "labels.a:*");
  EXPECT_EQ(Canonical("labels.a:x labels.b:* AND labels.A:X labels.a:y"),
            "labels.a:x labels.b:* labels.a:y");
}

TEST(FilterTest, LabelsMayBeNamedAnd) {
  const Labels labels = Make({{"and", "and"}, {"labels", "labels"}});
  EXPECT_TRUE(Matches("labels.and:*", labels));
  EXPECT_TRUE(Matches("labels.and:and", labels));
  EXPECT_TRUE(Matches("labels.and:and and labels.and:and", labels));
  EXPECT_TRUE(Matches("labels.and:AND AND labels.labels:labels", labels));
  EXPECT_FALSE(Matches("labels.and:or", labels));
  EXPECT_EQ(Canonical("labels.and:and and labels.android:*"),
            "labels.and:and labels.android:*");
}

TEST(FilterTest, RefusesWhatIsNoTerm) {
  ExpectRefused("x", 1, "labels.");
  ExpectRefused("  x", 3, "labels.");
  ExpectRefused("label.a:*", 1, "labels.");
  ExpectRefused("labels", 1, "labels.");
  ExpectRefused("labels a:*", 1, "labels.");
  ExpectRefused("labels:a", 1, "labels.");
  ExpectRefused("a:*", 1, "labels.");
  ExpectRefused("*", 1, "labels.");
  ExpectRefused("(labels.a:*)", 1, "labels.");
  ExpectRefused("-labels.a:*", 1, "labels.");
  ExpectRefused("NOT labels.a:*", 1, "labels.");
  ExpectRefused("labels.a:* OR labels.b:*", 12, "labels.");
  ExpectRefused("labels.a:* x", 12, "labels.");
  ExpectRefused("labels.a:x y", 12, "labels.");
}

TEST(FilterTest, RefusesTermsWithoutAKey) {
  ExpectRefused("labels.", 8, "the key of a label");
  ExpectRefused("labels.:*", 8, "the key of a label");
  ExpectRefused("labels. a:*", 8, "the key of a label");
  ExpectRefused("labels._a:*", 8, "the key of a label");
  ExpectRefused("labels.*:*", 8, "the key of a label");
  ExpectRefused("labels.\xc3\xa9:*", 8, "the key of a label");
}

TEST(FilterTest, RefusesTermsWithoutAColon) {
  ExpectRefused("labels.a", 9, "a colon");
  ExpectRefused("labels.a ", 9, "a colon");
  ExpectRefused("labels.a :*", 9, "a colon");
  ExpectRefused("labels.a=x", 9, "a colon");
  ExpectRefused("labels.a_b:*", 9, "a colon");
  ExpectRefused("labels.a.b:*", 9, "a colon");
  ExpectRefused("labels.a*", 9, "a colon");
}

TEST(FilterTest, RefusesTermsWithoutAValue) {
  ExpectRefused("labels.a:", 10, "* or a value");
  ExpectRefused("labels.a: x", 10, "* or a value");
  ExpectRefused("labels.a::x", 10, "* or a value");
  ExpectRefused("labels.a:\"x\"", 10, "* or a value");
  ExpectRefused("labels.a:_", 10, "* or a value");
  ExpectRefused("labels.a: AND labels.b:*", 10, "* or a value");
}

TEST(FilterTest, RefusesMoreBehindAValue) {
  ExpectRefused("labels.a:*b", 11, "a blank");
  ExpectRefused("labels.a:**", 11, "a blank");
  ExpectRefused("labels.a:x*", 11, "a blank");
  ExpectRefused("labels.a:x,labels.b:y", 11, "a blank");
  ExpectRefused("labels.a:x:y", 11, "a blank");
  ExpectRefused("labels.a:x)", 11, "a blank");
  ExpectRefused("labels.a:*AND labels.b:*", 11, "a blank");
  ExpectRefused("labels.a:*labels.b:*", 11, "a blank");
  // Here the value is `xlabels`.
  ExpectRefused("labels.a:xlabels.b:*", 17, "a blank");
  ExpectRefused("labels.a:* labels.b:*c", 22, "a blank");
}

TEST(FilterTest, RefusesAndInTheWrongPlace) {
  ExpectRefused("AND", 1, "labels.");
  ExpectRefused("and labels.a:*", 1, "labels.");
  ExpectRefused("labels.a:* AND", 15, "labels.");
  ExpectRefused("labels.a:* AND ", 16, "labels.");
  ExpectRefused("labels.a:* AND AND labels.b:*", 16, "labels.");
  ExpectRefused("labels.a:* ANDlabels.b:*", 12, "labels.");
  ExpectRefused("labels.a:* AND\xc2\xa0labels.b:*", 12, "labels.");
  ExpectRefused("labels.a:* && labels.b:*", 12, "labels.");
}

TEST(FilterTest, RefusesEmbeddedZeroBytes) {
  EXPECT_NE(Refusal(absl::string_view("\0", 1)), "");
  EXPECT_NE(Refusal(absl::string_view("labels.a:*\0", 11)), "");
  EXPECT_NE(Refusal(absl::string_view("labels.a:\0", 10)), "");
}

TEST(FilterTest, TheMessageTeachesTheGrammar) {
  EXPECT_THAT(
      Refusal("nonsense"),
      AllOf(StartsWith("does not make sense from position 1 (\"nonsense\")"),
            EndsWith("a filter is labels.KEY:* or labels.KEY:VALUE, several "
                     "joined by blanks or AND")));
}

TEST(FilterTest, TheMessageShowsALongRestInPart) {
  const std::string rest(1000, 'x');
  EXPECT_THAT(Refusal(rest),
              HasSubstr(absl::StrCat("(\"", rest.substr(0, 40), "\")")));
}

// A message goes into a protobuf string, which must be valid UTF-8.
TEST(FilterTest, TheMessageCutsNoCharacterInTwo) {
  for (absl::string_view rune :
       {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) {
    for (absl::string_view before : {"", "x", "xx", "xxx"}) {
      std::string rest(before);
      while (rest.size() < 100) absl::StrAppend(&rest, rune);
      const std::string message = Refusal(rest);
      const size_t start = message.find('"') + 1;
      const std::string shown =
          message.substr(start, message.find('"', start) - start);
      EXPECT_THAT(rest, StartsWith(shown));
      EXPECT_LE(shown.size(), 40u);
      EXPECT_GT(shown.size(), 36u);
      EXPECT_EQ((shown.size() - before.size()) % rune.size(), 0u) << message;
    }
  }
}

TEST(FilterTest, HasAtMostAsManyDifferentTermsAsASessionHasLabels) {
  std::string filter;
  for (int i = 0; i < 64; ++i) {
    absl::StrAppend(&filter, "labels.a", i, ":x labels.a", i, ":X ");
  }
  EXPECT_EQ(Refusal(filter), "");
  EXPECT_THAT(Refusal(absl::StrCat(filter, "labels.b:x")),
              HasSubstr("expected no more than 64 terms"));
}

// Wherever a good filter is cut, it is taken or refused: at its end, or where
// its unfinished last word begins.
TEST(FilterTest, RefusesAFilterThatIsCutShortWhereItIsCut) {
  const std::string whole = "labels.a:xy AND labels.b:* labels.cd:z";
  for (size_t size = 1; size <= whole.size(); ++size) {
    const std::string start = whole.substr(0, size);
    const std::string message = Refusal(start);
    const size_t last_word = start.find_last_of(' ') + 1;
    EXPECT_THAT(message,
                AnyOf("",
                      StartsWith(absl::StrCat("does not make sense from "
                                              "position ",
                                              size + 1, " (its end)")),
                      StartsWith(absl::StrCat("does not make sense from "
                                              "position ",
                                              last_word + 1, " (\""))))
        << start;
  }
}

}  // namespace
}  // namespace spanner_session_emulator
