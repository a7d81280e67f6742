#include "store/names.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::string_view kInstance = "projects/p/instances/i";
constexpr absl::string_view kDatabase = "projects/p/instances/i/databases/d";
constexpr absl::string_view kSession =
    "projects/p/instances/i/databases/d/sessions/s";

template <typename Name>
absl::StatusOr<Name> Parse(absl::string_view text) {
  return Name::Parse(std::string(text));
}

// What is wrong with `name` as a `Name`, without the part that says what it
// must look like, which must always be there. Empty: it is taken.
template <typename Name>
std::string Fault(absl::string_view name) {
  const absl::StatusOr<Name> parsed = Parse<Name>(name);
  if (parsed.ok()) {
    EXPECT_EQ(parsed->full(), name);
    return "";
  }
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  absl::string_view message = parsed.status().message();
  const std::string beginning =
      absl::StrCat("must be ", Name::kPattern, ", but ");
  EXPECT_THAT(std::string(message), StartsWith(beginning));
  message.remove_prefix(std::min(message.size(), beginning.size()));
  return std::string(message);
}

// The faults of all names, of every kind, that have `id` in one place.
absl::flat_hash_set<std::string> FaultsWithId(absl::string_view id) {
  return {Fault<ProjectName>(absl::StrCat("projects/", id)),
          Fault<InstanceName>(absl::StrCat("projects/", id, "/instances/i")),
          Fault<InstanceName>(absl::StrCat("projects/p/instances/", id)),
          Fault<DatabaseName>(
              absl::StrCat("projects/", id, "/instances/i/databases/d")),
          Fault<DatabaseName>(
              absl::StrCat("projects/p/instances/", id, "/databases/d")),
          Fault<DatabaseName>(
              absl::StrCat("projects/p/instances/i/databases/", id)),
          Fault<SessionName>(absl::StrCat(
              "projects/", id, "/instances/i/databases/d/sessions/s")),
          Fault<SessionName>(absl::StrCat("projects/p/instances/", id,
                                          "/databases/d/sessions/s")),
          Fault<SessionName>(absl::StrCat("projects/p/instances/i/databases/",
                                          id, "/sessions/s")),
          Fault<SessionName>(absl::StrCat(
              "projects/p/instances/i/databases/d/sessions/", id))};
}

MATCHER(NoFault, "") { return arg.size() == 1 && arg.contains(""); }

// One and the same fault, wherever the id stands.
MATCHER_P(OnlyFault, fault, "") {
  return arg.size() == 1 && arg.contains(fault);
}

std::string ToUtf8(uint32_t rune) {
  if (rune < 0x80) return std::string(1, static_cast<char>(rune));
  std::string tail;
  uint32_t first_byte_room = 0x40;  // Runes that fit into the first byte.
  uint32_t first_byte_mark = 0xc0;
  while (true) {
    tail.insert(tail.begin(), static_cast<char>(0x80 | (rune & 0x3f)));
    rune >>= 6;
    first_byte_room >>= 1;
    if (rune < first_byte_room) break;
    first_byte_mark = 0x80 | (first_byte_mark >> 1);
  }
  return static_cast<char>(first_byte_mark | rune) + tail;
}

TEST(NamesTest, EncodesRunesRightly) {  // The helper of this test.
  EXPECT_EQ(ToUtf8(0x7f), "\x7f");
  EXPECT_EQ(ToUtf8(0x80), "\xc2\x80");
  EXPECT_EQ(ToUtf8(0x7ff), "\xdf\xbf");
  EXPECT_EQ(ToUtf8(0x800), "\xe0\xa0\x80");
  EXPECT_EQ(ToUtf8(0xffff), "\xef\xbf\xbf");
  EXPECT_EQ(ToUtf8(0x10000), "\xf0\x90\x80\x80");
  EXPECT_EQ(ToUtf8(0x10ffff), "\xf4\x8f\xbf\xbf");
}

TEST(NamesTest, KeepsTheFullName) {
  EXPECT_EQ(Parse<InstanceName>(kInstance)->full(), kInstance);
  EXPECT_EQ(Parse<DatabaseName>(kDatabase)->full(), kDatabase);
  EXPECT_EQ(Parse<SessionName>(kSession)->full(), kSession);
}

TEST(NamesTest, SaysItsParts) {
  const auto database = Parse<DatabaseName>(
      "projects/example.com:proj/instances/in/databases/"
      "data");
  ASSERT_TRUE(database.ok());
  EXPECT_EQ(database->instance(),
            *Parse<InstanceName>("projects/example.com:proj/instances/in"));

  const auto session =
      Parse<SessionName>(absl::StrCat(database->full(), "/sessions/AZaz09-_"));
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(session->database(), *database);
  EXPECT_EQ(session->database().instance(), database->instance());
  EXPECT_EQ(session->database_full(), database->full());
  EXPECT_EQ(session->id(), "AZaz09-_");
}

TEST(NamesTest, MakesASessionsNameFromItsParts) {
  const SessionName made(*Parse<DatabaseName>(kDatabase), "s");
  EXPECT_EQ(made, *Parse<SessionName>(kSession));
  EXPECT_EQ(made.full(), kSession);
  EXPECT_EQ(made.id(), "s");
  EXPECT_EQ(made.database(), *Parse<DatabaseName>(kDatabase));
  EXPECT_EQ(made.database_full(), kDatabase);
}

TEST(NamesTest, ReadsProjects) {
  EXPECT_EQ(Parse<ProjectName>("projects/p")->full(), "projects/p");
  EXPECT_EQ(*Parse<ProjectName>("projects/p"),
            *Parse<ProjectName>("projects/p"));
  for (const absl::string_view name :
       {"", "p", "projects", "projects/", "projects/p/", "/projects/p",
        "Projects/p", "projects/p/instances/i"}) {
    EXPECT_NE(Fault<ProjectName>(name), "") << name;
  }
}

TEST(NamesTest, FindsTheDatabaseAtTheBeginningOfAName) {
  EXPECT_EQ(DatabaseIn(kDatabase), kDatabase);
  EXPECT_EQ(DatabaseIn(kSession), kDatabase);
  EXPECT_EQ(DatabaseIn(absl::StrCat(kDatabase, "/operations/o")), kDatabase);
  EXPECT_EQ(DatabaseIn(absl::StrCat(kDatabase, "-2/operations/o")),
            absl::StrCat(kDatabase, "-2"));
  for (const absl::string_view name :
       {"", "projects/p", "projects/p/instances/i",
        "projects/p/instances/i/operations/o",
        "projects/p/instances/i/databases", "projects/p/instances/i/databases/",
        "x/projects/p/instances/i/databases/d"}) {
    EXPECT_EQ(DatabaseIn(name), "") << name;
  }
}

TEST(NamesTest, PartsSurviveCopyAndMove) {
  const std::string long_id(100, 'x');
  auto session =
      *Parse<SessionName>(absl::StrCat(kDatabase, "/sessions/", long_id));
  SessionName copy = session;
  const SessionName moved = std::move(session);
  session = *Parse<SessionName>(kSession);
  EXPECT_EQ(copy.id(), long_id);
  EXPECT_EQ(moved.id(), long_id);
  copy =
      *Parse<SessionName>("projects/pp/instances/ii/databases/dd/sessions/ss");
  EXPECT_EQ(copy.id(), "ss");
  EXPECT_EQ(copy.database_full(), "projects/pp/instances/ii/databases/dd");
}

TEST(NamesTest, TakesPlainIds) {
  for (absl::string_view id :
       {"a",        "Z",         "0",         "-",        "_",
        ".",        "~",         " ",         "a b",      "example.com:proj",
        "projects", "instances", "databases", "sessions", "a\\b",
        "\"",       "'",         "%2F",       "?",        "#",
        "*",        "{}",        "$"}) {
    EXPECT_THAT(FaultsWithId(id), NoFault()) << '"' << id << '"';
  }
}

TEST(NamesTest, TakesCollectionsAsIds) {
  EXPECT_EQ(Fault<SessionName>("projects/projects/instances/instances/"
                               "databases/databases/sessions/sessions"),
            "");
}

TEST(NamesTest, TakesUtf8OfEveryLength) {
  for (absl::string_view id : {
           "\xc2\xa0",          // U+00A0, the first after the C1 controls.
           "\xc3\xa9",          // é
           "\xdf\xbf",          // U+07FF, the last of two bytes.
           "\xe0\xa0\x80",      // U+0800, the first of three.
           "\xed\x9f\xbf",      // U+D7FF, the last before the surrogates.
           "\xee\x80\x80",      // U+E000, the first after them.
           "\xef\xbf\xbf",      // U+FFFF, the last of three.
           "\xf0\x90\x80\x80",  // U+10000, the first of four.
           "\xf4\x8f\xbf\xbf",  // U+10FFFF, the last of all.
           "a\xc3\xa9z\xf0\x9f\x98\x80!",
       }) {
    EXPECT_THAT(FaultsWithId(id), NoFault()) << absl::CHexEscape(id);
  }
}

void ExpectNotUtf8(const std::vector<absl::string_view>& ids) {
  for (const absl::string_view id : ids) {
    EXPECT_THAT(FaultsWithId(id), OnlyFault("is not valid UTF-8"))
        << absl::CHexEscape(id);
  }
}

TEST(NamesTest, RefusesBytesThatContinueNothing) {
  ExpectNotUtf8({"\x80", "\xbf", "a\x80", "\xc3\xa9\x80"});
}

TEST(NamesTest, RefusesCharactersThatAreCutShort) {
  ExpectNotUtf8(
      {"\xc2", "\xe2", "\xe2\x82", "\xf0", "\xf0\x9f", "\xf0\x9f\x98"});
  ExpectNotUtf8({"\xc2z", "\xe2z\x82", "\xe2\x82z", "\xf0z\x98\x80",
                 "\xf0\x9fz\x80", "\xf0\x9f\x98z"});
  ExpectNotUtf8({"\xc2\xc2", "\xe2\x82\xc0", "\xf0\x9f\x98\xff"});
}

TEST(NamesTest, RefusesCharactersThatAreLongerThanTheyNeedBe) {
  ExpectNotUtf8({"\xc0\x80", "\xc0\xaf", "\xc1\xbf"});
  ExpectNotUtf8({"\xe0\x80\x80", "\xe0\x80\xaf", "\xe0\x9f\xbf"});
  ExpectNotUtf8({"\xf0\x80\x80\x80", "\xf0\x80\x80\xaf", "\xf0\x8f\xbf\xbf"});
}

TEST(NamesTest, RefusesSurrogates) {
  ExpectNotUtf8(
      {"\xed\xa0\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbf\xbf"});
  ExpectNotUtf8({"\xed\xa0\xbd\xed\xb8\x80"});  // A pair of them.
}

TEST(NamesTest, RefusesWhatIsBeyondTheLastCharacter) {
  ExpectNotUtf8({"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf7\xbf\xbf\xbf"});
  // Beginnings of five or six bytes, whatever follows.
  ExpectNotUtf8({"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"});
  ExpectNotUtf8({"\xf9\x80\x80\x80", "\xfa\x80\x80\x80", "\xfd\xbf\xbf\xbf"});
  ExpectNotUtf8({"\xfe", "\xff", "\xff\xff\xff\xff"});
}

TEST(NamesTest, RefusesControlCharacters) {
  std::vector<uint32_t> controls = {0x7f};
  for (uint32_t c0 = 0; c0 < 0x20; ++c0) controls.push_back(c0);
  for (uint32_t c1 = 0x80; c1 < 0xa0; ++c1) controls.push_back(c1);
  for (const uint32_t control : controls) {
    for (const std::string& id :
         {ToUtf8(control), absl::StrCat("a", ToUtf8(control), "z"),
          absl::StrCat("\xc3\xa9", ToUtf8(control))}) {
      EXPECT_THAT(FaultsWithId(id), OnlyFault("contains a control character"))
          << absl::StrCat("U+", absl::Hex(control));
    }
  }
}

TEST(NamesTest, TakesExactlyTheRunesThatItShould) {
  for (uint32_t rune = 0; rune < 0x120000; ++rune) {
    const bool control = rune < 0x20 || (rune >= 0x7f && rune < 0xa0);
    const bool surrogate = rune >= 0xd800 && rune < 0xe000;
    const bool expected =
        !control && !surrogate && rune != '/' && rune <= 0x10ffff;
    const bool taken =
        Parse<InstanceName>(absl::StrCat("projects/p/instances/", ToUtf8(rune)))
            .ok();
    ASSERT_EQ(taken, expected) << absl::StrCat("U+", absl::Hex(rune));
  }
}

TEST(NamesTest, TakesExactlyThePairsOfBytesThatItShould) {
  const auto is_plain = [](int byte) {
    return byte >= 0x20 && byte < 0x7f && byte != '/';
  };
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const bool one_rune = first >= 0xc2 && first < 0xe0 && second >= 0x80 &&
                            second < 0xc0 && (first > 0xc2 || second >= 0xa0);
      const std::string id = {static_cast<char>(first),
                              static_cast<char>(second)};
      ASSERT_EQ(
          Parse<InstanceName>(absl::StrCat("projects/p/instances/", id)).ok(),
          one_rune || (is_plain(first) && is_plain(second)))
          << absl::CHexEscape(id);
    }
  }
}

TEST(NamesTest, RefusesTheEmptyName) {
  EXPECT_EQ(Fault<InstanceName>(""), "is empty");
  EXPECT_EQ(Fault<DatabaseName>(""), "is empty");
  EXPECT_EQ(Fault<SessionName>(""), "is empty");
}

template <typename Name>
void TakesNamesUpToTheLimit(absl::string_view whole) {
  const std::string longest =
      absl::StrCat(whole, std::string(4096 - whole.size(), 'x'));
  EXPECT_EQ(Fault<Name>(longest), "");
  EXPECT_EQ(Fault<Name>(longest + "x"), "is longer than 4096 bytes (4097)");
}

TEST(NamesTest, TakesNamesUpToTheLimit) {
  TakesNamesUpToTheLimit<InstanceName>(kInstance);
  TakesNamesUpToTheLimit<DatabaseName>(kDatabase);
  TakesNamesUpToTheLimit<SessionName>(kSession);
}

TEST(NamesTest, TheLimitCountsBytesNotCharacters) {
  std::string name(kInstance);
  while (name.size() + 2 <= 4096) name += "\xc3\xa9";
  EXPECT_EQ(name.size(), 4096u);
  EXPECT_EQ(Fault<InstanceName>(name), "");
  EXPECT_THAT(Fault<InstanceName>(name + "\xc3\xa9"),
              StartsWith("is longer than 4096 bytes (4098)"));
}

TEST(NamesTest, RefusesEmptySegments) {
  EXPECT_FALSE(FaultsWithId("").contains(""));
  EXPECT_EQ(Fault<InstanceName>("projects//instances/i"),
            "is \"projects//instances/i\"");
}

TEST(NamesTest, RefusesASlashInAnId) {
  EXPECT_FALSE(FaultsWithId("a/b").contains(""));
  EXPECT_FALSE(FaultsWithId("a/").contains(""));
  EXPECT_FALSE(FaultsWithId("/a").contains(""));
  EXPECT_FALSE(FaultsWithId("/").contains(""));
}

// Every way of leaving out, doubling or replacing one segment of a name.
template <typename Name>
void RefusesOtherSegments(absl::string_view right) {
  const std::vector<std::string> segments = absl::StrSplit(right, '/');
  for (size_t i = 0; i < segments.size(); ++i) {
    std::vector<std::vector<std::string>> wrong;
    wrong.push_back(segments);  // Missing.
    wrong.back().erase(wrong.back().begin() + i);
    wrong.push_back(segments);  // Twice.
    wrong.back().insert(wrong.back().begin() + i, segments[i]);
    wrong.push_back(segments);  // Empty.
    wrong.back()[i] = "";
    wrong.push_back(segments);  // An empty one before it.
    wrong.back().insert(wrong.back().begin() + i, "");
    wrong.push_back({segments.begin(), segments.begin() + i});  // The end.
    if (i % 2 == 0) {                                           // A collection.
      for (absl::string_view other :
           {"projects", "instances", "databases", "sessions", "Projects", "x",
            "project", "databasess", " sessions"}) {
        if (segments[i] == other) continue;
        wrong.push_back(segments);
        wrong.back()[i] = std::string(other);
      }
    }
    for (const std::vector<std::string>& parts : wrong) {
      const std::string name = absl::StrJoin(parts, "/");
      EXPECT_EQ(Fault<Name>(name), name.empty()
                                       ? std::string("is empty")
                                       : absl::StrCat("is \"", name, "\""));
    }
  }
}

TEST(NamesTest, RefusesMissingExtraEmptyAndWrongSegments) {
  RefusesOtherSegments<InstanceName>(kInstance);
  RefusesOtherSegments<DatabaseName>(kDatabase);
  RefusesOtherSegments<SessionName>(kSession);
}

template <typename Name>
void RefusesWhatSurroundsAName(absl::string_view name) {
  for (const std::string& wrong :
       {absl::StrCat(name, "/"), absl::StrCat("/", name),
        absl::StrCat(name, "//"), absl::StrCat(" ", name),
        absl::StrCat("//spanner.googleapis.com/", name),
        absl::StrCat(name, "/operations/o"), absl::StrCat("v1/", name)}) {
    EXPECT_EQ(Fault<Name>(wrong), absl::StrCat("is \"", wrong, "\""));
  }
}

TEST(NamesTest, RefusesTrailingSlashesAndOtherSurroundings) {
  RefusesWhatSurroundsAName<InstanceName>(kInstance);
  RefusesWhatSurroundsAName<DatabaseName>(kDatabase);
  RefusesWhatSurroundsAName<SessionName>(kSession);
}

TEST(NamesTest, RefusesTheNamesOfOtherKinds) {
  EXPECT_NE(Fault<InstanceName>(kDatabase), "");
  EXPECT_NE(Fault<InstanceName>(kSession), "");
  EXPECT_NE(Fault<DatabaseName>(kInstance), "");
  EXPECT_NE(Fault<DatabaseName>(kSession), "");
  EXPECT_NE(Fault<SessionName>(kInstance), "");
  EXPECT_NE(Fault<SessionName>(kDatabase), "");
}

TEST(NamesTest, TheMessageSaysWhatANameMustLookLike) {
  EXPECT_EQ(InstanceName::kPattern, "projects/<project>/instances/<instance>");
  EXPECT_EQ(DatabaseName::kPattern,
            "projects/<project>/instances/<instance>/databases/<database>");
  EXPECT_EQ(SessionName::kPattern,
            "projects/<project>/instances/<instance>/databases/<database>/"
            "sessions/<session>");
  EXPECT_THAT(
      std::string(Parse<SessionName>("nonsense").status().message()),
      AllOf(StartsWith("must be projects/<project>"),
            HasSubstr("/sessions/<session>"), EndsWith("is \"nonsense\"")));
}

TEST(NamesTest, EqualNamesHaveEqualHashes) {
  const auto parsed = *Parse<SessionName>(kSession);
  const SessionName made(*Parse<DatabaseName>(kDatabase), "s");
  EXPECT_EQ(absl::HashOf(parsed), absl::HashOf(made));
  EXPECT_EQ(absl::HashOf(parsed.database()),
            absl::HashOf(*Parse<DatabaseName>(kDatabase)));
  EXPECT_EQ(absl::HashOf(parsed.database().instance()),
            absl::HashOf(*Parse<InstanceName>(kInstance)));
}

TEST(NamesTest, NamesDifferInEveryPart) {
  absl::flat_hash_set<InstanceName> instances;
  absl::flat_hash_set<DatabaseName> databases;
  absl::flat_hash_set<SessionName> sessions;
  for (absl::string_view p : {"a", "b", "ab"}) {
    for (absl::string_view i : {"a", "b", "ab"}) {
      const std::string instance =
          absl::StrCat("projects/", p, "/instances/", i);
      EXPECT_TRUE(instances.insert(*Parse<InstanceName>(instance)).second);
      for (absl::string_view d : {"a", "b", "ab"}) {
        const std::string database = absl::StrCat(instance, "/databases/", d);
        EXPECT_TRUE(databases.insert(*Parse<DatabaseName>(database)).second);
        for (absl::string_view s : {"a", "b", "ab"}) {
          const std::string session = absl::StrCat(database, "/sessions/", s);
          EXPECT_TRUE(sessions.insert(*Parse<SessionName>(session)).second);
          EXPECT_FALSE(sessions.insert(*Parse<SessionName>(session)).second);
        }
      }
    }
  }
  EXPECT_EQ(instances.size(), 9u);
  EXPECT_EQ(databases.size(), 27u);
  EXPECT_EQ(sessions.size(), 81u);
}

TEST(NamesTest, CaseMatters) {
  EXPECT_FALSE(*Parse<DatabaseName>("projects/p/instances/i/databases/D") ==
               *Parse<DatabaseName>(kDatabase));
}

TEST(ScopeTest, HoldsWholeSegments) {
  const DatabaseName database =
      *DatabaseName::Parse("projects/p/instances/i/databases/d");
  for (const char* text : {"", "projects/p", "projects/p/instances/i",
                           "projects/p/instances/i/databases/d"}) {
    const absl::StatusOr<Scope> scope = Scope::Parse(text);
    ASSERT_TRUE(scope.ok()) << scope.status();
    EXPECT_EQ(scope->full(), text);
    EXPECT_EQ(scope->is_everything(), *text == '\0');
    EXPECT_TRUE(scope->Contains(database)) << text;
  }
  for (const char* text :
       {"projects/q", "projects/pp", "projects/p/instances/ii",
        "projects/p/instances/i/databases/d-2",
        "projects/p/instances/i/databases/dd"}) {
    EXPECT_FALSE(Scope::Parse(text)->Contains(database)) << text;
  }
  EXPECT_FALSE(Scope::Parse("projects/p/instances/i/databases/d")
                   ->Contains(*DatabaseName::Parse(
                       "projects/p/instances/i/databases/d-2")));
  EXPECT_EQ(Scope(database),
            *Scope::Parse("projects/p/instances/i/databases/d"));
  EXPECT_EQ(Scope(database.instance()),
            *Scope::Parse("projects/p/instances/i"));
}

TEST(ScopeTest, RefusesOtherNames) {
  for (const char* text :
       {"p", "projects", "projects/", "/projects/p", "projects/p/",
        "projects/p/instances", "projects/p/instances/",
        "projects/p/databases/d", "instances/i", "projects/p\n",
        "projects/p/instances/i/databases/", "projects/p/instances/i/x/d",
        "projects/p/instances/i/databases/d/sessions/s"}) {
    const absl::Status status = Scope::Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_TRUE(
        absl::StartsWith(status.message(), "must be empty (everything)"))
        << status;
  }
  EXPECT_FALSE(Scope::Parse("projects/" + std::string(5000, 'p')).ok());
}

}  // namespace
}  // namespace spanner_session_emulator
