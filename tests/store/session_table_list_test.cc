#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/filter.h"
#include "store/names.h"
#include "store/session_store.h"
#include "store/session_table.h"
#include "tests/store/session_table_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

using SessionListTest = SessionTableTest;
using SessionFilterTest = SessionTableTest;

TEST_F(SessionListTest, ListsInTheOrderOfCreation) {
  Names expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back(One().full());
    CreateOne(*table_, Database("other"));
    if (i % 10 == 0) Advance(kMicrosecond);
  }
  for (std::string& name : Many(200)) expected.push_back(std::move(name));
  EXPECT_EQ(List(*table_, database_), expected);
}

TEST_F(SessionListTest, ListsWhatGetAnswers) {
  One(Labelled({{"a", "x"}}));
  Advance(absl::Seconds(1));
  One(WithRole("role"));
  const std::vector<NamedSession> all = Walk(*table_, database_);
  ASSERT_THAT(all, SizeIs(2));
  for (const NamedSession& listed : all) {
    const std::optional<Session> session = table_->Get(listed.name);
    ASSERT_TRUE(session.has_value());
    EXPECT_EQ(session->create_time, listed.session.create_time);
    EXPECT_EQ(session->approximate_last_use_time,
              listed.session.approximate_last_use_time);
    EXPECT_EQ(session->multiplexed, listed.session.multiplexed);
    EXPECT_EQ(session->attributes, listed.session.attributes);
  }
}

TEST_F(SessionListTest, ListsPagesOfAnySize) {
  const Names names = Many(100);
  for (const int page_size : {1, 2, 3, 7, 49, 50, 51, 99, 100, 101, 1000}) {
    EXPECT_EQ(List(*table_, database_, page_size), names) << page_size;
    const ListPage first = Page(Request(page_size));
    EXPECT_THAT(first.sessions, SizeIs(std::min(page_size, 100)));
    EXPECT_EQ(first.next_page_token.empty(), page_size >= 100);
  }
}

TEST_F(SessionListTest, ATokenLooksThatItNeedsNoEscaping) {
  Many(2);
  const std::string token = Page(Request(1)).next_page_token;
  EXPECT_THAT(token, MatchesRegex("[A-Za-z0-9_-]+"));
}

TEST_F(SessionListTest, NeverListsMultiplexedSessions) {
  One(Multiplexed());
  const SessionName regular = One();
  One(Multiplexed());
  EXPECT_THAT(List(*table_, database_), ElementsAre(regular.full()));
  EXPECT_THAT(List(*table_, database_, 1), ElementsAre(regular.full()));
}

TEST_F(SessionListTest, ListsOneDatabaseOnly) {
  const SessionName in_test = One();
  const SessionName in_test_2 = CreateOne(*table_, Database("test-2"));
  EXPECT_THAT(List(*table_, database_), ElementsAre(in_test.full()));
  EXPECT_THAT(List(*table_, Database("test-2")), ElementsAre(in_test_2.full()));
  EXPECT_THAT(List(*table_, Database("tes")), IsEmpty());
}

TEST_F(SessionListTest, SkipsTheDeadInTheMiddleOfAPage) {
  const Names names = Many(10);
  Advance(kHour / 2);
  for (const int i : {2, 5}) {
    ASSERT_TRUE(table_->Use(*SessionName::Parse(names[i])).has_value());
  }
  Advance(kHour / 2 + kMicrosecond);
  EXPECT_EQ(List(*table_, database_, 1), (Names{names[2], names[5]}));
}

TEST_F(SessionListTest, PagesAreStableUnderCreationAndDeletion) {
  const Names names = Many(100);
  // All pages, with something happening after each: the sessions that are there
  // from the first page to the last must come once each, in order.
  Names stays = names, seen;
  ListRequest request = Request(10);
  int next_to_delete = 0;
  do {
    const ListPage page = Page(request);
    for (const std::string& name : NamesOf(page.sessions)) {
      seen.push_back(name);
    }
    request.page_token = page.next_page_token;
    for (const int ahead : {next_to_delete, next_to_delete + 9, 95}) {
      if (Delete(names[ahead])) std::erase(stays, names[ahead]);
    }
    next_to_delete += 11;
    if (next_to_delete > 80) next_to_delete = 0;
    One();
    One(Multiplexed());
    CreateOne(*table_, Database("other"));
  } while (!request.page_token.empty() && seen.size() < 1000);
  Names seen_that_stay;
  for (const std::string& name : seen) {
    if (std::count(stays.begin(), stays.end(), name) > 0) {
      seen_that_stay.push_back(name);
    }
  }
  EXPECT_EQ(seen_that_stay, stays);
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

TEST_F(SessionListTest, ATokenOutlivesTheSessionsThatItPointsBetween) {
  const Names names = Many(10);
  const std::string token = Page(Request(4)).next_page_token;
  for (const int i : {0, 3, 4, 5}) EXPECT_TRUE(Delete(names[i]));
  EXPECT_EQ(NamesOf(Page(Request(1000, token)).sessions),
            Names(names.begin() + 6, names.end()));
  for (int i = 6; i < 10; ++i) EXPECT_TRUE(Delete(names[i]));
  const ListPage last = Page(Request(1000, token));
  EXPECT_THAT(last.sessions, IsEmpty());
  EXPECT_EQ(last.next_page_token, "");
  const SessionName later = One();
  EXPECT_THAT(NamesOf(Page(Request(1000, token)).sessions),
              ElementsAre(later.full()));
}

TEST_F(SessionListTest, ATokenCanBeUsedTwice) {
  const Names names = Many(10);
  const std::string token = Page(Request(4)).next_page_token;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(NamesOf(Page(Request(4, token)).sessions),
              Names(names.begin() + 4, names.begin() + 8));
  }
}

TEST_F(SessionListTest, ThePageSizeMayChangeFromPageToPage) {
  const Names names = Many(10);
  const std::string token = Page(Request(4)).next_page_token;
  EXPECT_EQ(NamesOf(Page(Request(6, token)).sessions),
            Names(names.begin() + 4, names.end()));
}

class TokenTest : public SessionTableTest {
 protected:
  TokenTest() {
    for (const absl::string_view id : {"test", "test-2"}) {
      EXPECT_THAT(table_->Create(Database(id), Labelled({{"a", "x"}}), 10),
                  SizeIs(10));
    }
  }

  std::string Token(const SessionFilter& filter = {}) {
    return Page(Request(4, "", filter)).next_page_token;
  }

  void ExpectRefused(const DatabaseName& database, const std::string& token,
                     const SessionFilter& filter = {}) {
    const absl::StatusOr<ListPage> page =
        table_->List(database, Request(1000, token, filter));
    EXPECT_EQ(page.status().code(), absl::StatusCode::kInvalidArgument)
        << '"' << token << '"';
    EXPECT_THAT(std::string(page.status().message()),
                HasSubstr("is not a next_page_token of this list"));
  }
};

TEST_F(TokenTest, OfAnotherDatabaseIsRefused) {
  ExpectRefused(Database("test-2"), Token());
  ExpectRefused(Database("unknown"), Token());
}

TEST_F(TokenTest, OfAnotherFilterIsRefused) {
  ExpectRefused(database_, Token(), Filter("labels.a:*"));
  ExpectRefused(database_, Token(Filter("labels.a:*")));
  ExpectRefused(database_, Token(Filter("labels.a:*")), Filter("labels.a:x"));
  ExpectRefused(database_, Token(Filter("labels.a:*")),
                Filter("labels.a:* labels.a:x"));
}

TEST_F(TokenTest, OfTheSameFilterInOtherWordsIsTaken) {
  EXPECT_THAT(Page(Request(1000, Token(Filter("labels.a:x labels.a:*")),
                           Filter("LABELS.A:X  AND labels.a:*")))
                  .sessions,
              SizeIs(6));
}

TEST_F(TokenTest, OfAnotherTableIsRefused) {
  SessionTable other(&clock_, {});
  EXPECT_THAT(other.Create(database_, Regular(), 10), SizeIs(10));
  const std::string token = other.List(database_, Request(4))->next_page_token;
  EXPECT_NE(token, "");
  ExpectRefused(database_, token);
}

TEST_F(TokenTest, GarbageIsRefused) {
  for (const std::string& token : std::vector<std::string>{
           "garbage",
           " ",
           ".",
           "4",
           "4.",
           ".4",
           "=",
           "====",
           "!",
           "\n",
           "\xff\xfe",
           std::string(1, '\0'),
           std::string(100000, 'A'),
           absl::WebSafeBase64Escape("4"),
           absl::WebSafeBase64Escape("4."),
           absl::WebSafeBase64Escape("4.0"),
           absl::WebSafeBase64Escape("."),
           absl::WebSafeBase64Escape(""),
           absl::WebSafeBase64Escape("-1.0"),
           absl::WebSafeBase64Escape("10000000000000000.0"),
           "projects/p/instances/i/databases/test/sessions/s"}) {
    if (!token.empty()) ExpectRefused(database_, token);
    if (!token.empty()) ExpectRefused(Database("unknown"), token);
  }
}

TEST_F(TokenTest, AChangedTokenIsRefused) {
  const std::string token = Token();
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = token[i] == 'A' ? 'B' : 'A';
    ExpectRefused(database_, changed);
    ExpectRefused(database_, token.substr(0, i) + token.substr(i + 1));
  }
  for (const absl::string_view more : {"A", "=", "==", " ", "."}) {
    ExpectRefused(database_, absl::StrCat(token, more));
    ExpectRefused(database_, absl::StrCat(more, token));
  }
}

TEST_F(TokenTest, IsNotTheProofOfAnother) {
  // The proof of one page behind the place of another.
  std::string first, second;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(Token(), &first));
  ASSERT_TRUE(
      absl::WebSafeBase64Unescape(Page(Request(5)).next_page_token, &second));
  ASSERT_NE(first, second);
  ExpectRefused(database_,
                absl::WebSafeBase64Escape(first.substr(0, first.find('.')) +
                                          second.substr(second.find('.'))));
}

TEST_F(SessionFilterTest, FiltersByLabels) {
  const SessionName test = One(Labelled({{"env", "test"}}));
  const SessionName prod = One(Labelled({{"env", "prod"}, {"team", ""}}));
  const SessionName team = One(Labelled({{"team", "blue"}}));
  const SessionName plain = One();
  One(WithRole("env"));
  const auto list = [&](absl::string_view filter) {
    return List(*table_, database_, 1, Filter(filter));
  };
  EXPECT_THAT(list("labels.env:*"), ElementsAre(test.full(), prod.full()));
  EXPECT_THAT(list("labels.env:test"), ElementsAre(test.full()));
  EXPECT_THAT(list("labels.env:o"), ElementsAre(prod.full()));
  EXPECT_THAT(list("labels.team:*"), ElementsAre(prod.full(), team.full()));
  EXPECT_THAT(list("labels.team:BLU"), ElementsAre(team.full()));
  EXPECT_THAT(list("labels.env:* AND labels.team:*"), ElementsAre(prod.full()));
  EXPECT_THAT(list("labels.other:*"), IsEmpty());
  EXPECT_THAT(list(""), SizeIs(5));
  EXPECT_THAT(list(""), Contains(plain.full()));
}

TEST_F(SessionFilterTest, AFilteredPageExaminesALimitedNumber) {
  const SessionName first = One(Labelled({{"a", "x"}}));
  Many(24998);
  const SessionName last = One(Labelled({{"a", "x"}}));

  ListRequest request = Request(1000, "", Filter("labels.a:x"));
  ListPage page = Page(request);
  EXPECT_THAT(NamesOf(page.sessions), ElementsAre(first.full()));
  ASSERT_NE(page.next_page_token, "");
  request.page_token = page.next_page_token;
  page = Page(request);
  EXPECT_THAT(page.sessions, IsEmpty());
  ASSERT_NE(page.next_page_token, "");
  request.page_token = page.next_page_token;
  page = Page(request);
  EXPECT_THAT(NamesOf(page.sessions), ElementsAre(last.full()));
  EXPECT_EQ(page.next_page_token, "");
}

TEST_F(SessionFilterTest, ExactlyTheLimitIsOnePage) {
  Many(9999);
  const SessionName last = One(Labelled({{"a", "x"}}));
  const ListRequest request = Request(1000, "", Filter("labels.a:x"));
  ListPage page = Page(request);
  EXPECT_THAT(NamesOf(page.sessions), ElementsAre(last.full()));
  EXPECT_EQ(page.next_page_token, "");

  const SessionName one_more = One(Labelled({{"a", "x"}}));
  page = Page(request);
  EXPECT_THAT(NamesOf(page.sessions), ElementsAre(last.full()));
  EXPECT_NE(page.next_page_token, "");
  EXPECT_THAT(List(*table_, database_, 1000, request.filter),
              ElementsAre(last.full(), one_more.full()));
}

TEST_F(SessionFilterTest, AFilteredPageThatIsFullIsNotExaminedFurther) {
  Names names = Many(30, Labelled({{"a", "x"}}));
  const ListPage page = Page(Request(20, "", Filter("labels.a:x")));
  EXPECT_THAT(page.sessions, SizeIs(20));
  EXPECT_NE(page.next_page_token, "");
  EXPECT_EQ(List(*table_, database_, 7, Filter("labels.a:x")), names);
}

}  // namespace
}  // namespace spanner_session_emulator
