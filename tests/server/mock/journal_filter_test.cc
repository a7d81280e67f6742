#include "server/mock/journal_filter.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "server/mock/journal.h"
#include "store/clock.h"
#include "tests/server/mock/journal_testing.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class JournalFilterTest : public ::testing::Test {
 protected:
  // The numbers of the entries that match.
  std::vector<int64_t> Matching(absl::string_view filter) {
    return Numbers(journal_.List({.filter = Filter(filter)}).entries);
  }
  static std::string Problem(absl::string_view filter) {
    return std::string(JournalFilter::Parse(filter).status().message());
  }
  static TestCall Sql(const std::string& sql, const std::string& tag = "") {
    api::ExecuteSqlRequest request;
    request.set_session(kTestSession);
    request.set_sql(sql);
    request.mutable_request_options()->set_request_tag(tag);
    return TestCall::Of("ExecuteSql", request);
  }

  Clock clock_{absl::UnixEpoch()};
  Journal journal_{&clock_, 1 << 20};
};

TEST_F(JournalFilterTest, AnEmptyFilterIsAll) {
  Record(journal_, {});
  Open(journal_, {});
  EXPECT_THAT(Matching(""), ElementsAre(1, 2));
  EXPECT_THAT(Matching(" \t"), ElementsAre(1, 2));
  EXPECT_TRUE(Filter(" ").empty());
}

TEST_F(JournalFilterTest, MethodByEitherName) {
  Record(journal_, {.method = "BatchCreateSessions"});
  Record(journal_, {.method = "BatchWrite"});
  Record(journal_, {.method = "CreateSession"});
  Record(journal_, {.method = "/v1/some.CreateSession"});  // A path of REST.
  EXPECT_THAT(Matching("method = \"CreateSession\""), ElementsAre(3));
  EXPECT_THAT(Matching("method=google.spanner.v1.Spanner.CreateSession"),
              ElementsAre(3));
  EXPECT_THAT(Matching("method:Batch"), ElementsAre(1, 2));
  EXPECT_THAT(Matching("method:google.spanner.v1.Spanner.Batch"),
              ElementsAre(1, 2));
  EXPECT_THAT(Matching("method:/v1"), ElementsAre(4));
  EXPECT_THAT(Matching("method != CreateSession"), ElementsAre(1, 2, 4));
  EXPECT_THAT(Matching("method = /v1/other"), IsEmpty());
  EXPECT_THAT(Matching("method = some.Other"), IsEmpty());
}

TEST_F(JournalFilterTest, DatabaseAndSessionLieInAScope) {
  Record(journal_, {});
  Record(journal_,
         {.database = "projects/p/instances/i/databases/d-2", .session = ""});
  EXPECT_THAT(Matching(absl::StrCat("database = ", kTestDatabase)),
              ElementsAre(1));
  EXPECT_THAT(Matching(absl::StrCat("database:", kTestDatabase)),
              ElementsAre(1));
  EXPECT_THAT(Matching("database:projects/p"), ElementsAre(1, 2));
  EXPECT_THAT(Matching("database:projects/q"), IsEmpty());
  EXPECT_THAT(Matching("session:projects/p"), ElementsAre(1));
  EXPECT_THAT(Matching(absl::StrCat("session = ", kTestSession)),
              ElementsAre(1));
  EXPECT_THAT(Matching(absl::StrCat("session:", kTestSession)), ElementsAre(1));
  EXPECT_THAT(Matching("session:*"), ElementsAre(1));
  EXPECT_THAT(Matching("session = \"\""), ElementsAre(2));
}

TEST_F(JournalFilterTest, TraceAndSpan) {
  constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
  constexpr char kSpan[] = "00f067aa0ba902b7";
  const auto call = [](const std::string& traceparent) {
    return TestCall{.headers = {{"traceparent", traceparent}}};
  };
  Record(journal_, call(absl::StrCat("00-", kTrace, "-", kSpan, "-01")));
  Record(journal_, call(absl::StrCat("00-", kTrace, "-00f067aa0ba902b8-00")));
  Record(journal_, call(absl::StrCat("ff-", kTrace, "-", kSpan, "-01")));
  Record(journal_, {});
  EXPECT_THAT(Matching(absl::StrCat("trace_id = ", kTrace)), ElementsAre(1, 2));
  EXPECT_THAT(Matching(absl::StrCat("span_id = ", kSpan)), ElementsAre(1));
  EXPECT_THAT(Matching("trace_id:*"), ElementsAre(1, 2));
  EXPECT_THAT(Matching("trace_id = \"\""), ElementsAre(3, 4));
  EXPECT_THAT(Matching("headers.traceparent:*"), ElementsAre(1, 2, 3));
  EXPECT_THAT(Problem("trace_id = 4BF92F"),
              HasSubstr("expected 32 hexadecimal digits in lower case"));
  EXPECT_THAT(Problem("span_id = 1"),
              HasSubstr("expected 16 hexadecimal digits in lower case"));
}

TEST_F(JournalFilterTest, StatusAndState) {
  Record(journal_, {}, {.status = absl::AbortedError("x")});
  Record(journal_, {});
  Open(journal_, {});
  EXPECT_THAT(Matching("status = ABORTED"), ElementsAre(1));
  EXPECT_THAT(Matching("status = OK"), ElementsAre(2));
  EXPECT_THAT(Matching("status != OK"), ElementsAre(1, 3));
  EXPECT_THAT(Matching("state = OPEN"), ElementsAre(3));
  EXPECT_THAT(Matching("state = ENDED"), ElementsAre(1, 2));
  EXPECT_TRUE(Filter("NOT (number = 1 state = OPEN)").asks_for_state());
  EXPECT_FALSE(Filter("status = OK").asks_for_state());
}

TEST_F(JournalFilterTest, AStarAsksWhetherThereIsAnyValue) {
  Record(journal_, {.problem = CallProblem::kMalformed});
  Open(journal_, {});
  for (const char* field :
       {"status", "problem", "message_count", "end_time", "real_end_time"}) {
    EXPECT_THAT(Matching(absl::StrCat(field, ":*")), ElementsAre(1)) << field;
  }
  for (const char* field : {"state", "protocol", "number", "start_time"}) {
    EXPECT_THAT(Matching(absl::StrCat(field, ":*")), ElementsAre(1, 2))
        << field;
  }
  EXPECT_THAT(Matching("NOT end_time:*"), ElementsAre(2));
}

TEST_F(JournalFilterTest, EveryStatusHasItsOwnName) {
  for (int code = 0; code <= 16; ++code) {
    const auto status = static_cast<absl::StatusCode>(code);
    Record(journal_, {}, {.status = absl::Status(status, "x")});
    EXPECT_THAT(
        Matching(absl::StrCat("status = ", absl::StatusCodeToString(status))),
        ElementsAre(code + 1));
  }
}

TEST_F(JournalFilterTest, ProtocolProblemAndPeer) {
  Record(journal_, {.protocol = CallProtocol::kRest, .peer = "ipv4:1"});
  Record(journal_, {.problem = CallProblem::kMalformed});
  Record(journal_, {.problem = CallProblem::kUnknownMethod});
  EXPECT_THAT(Matching("protocol = REST"), ElementsAre(1));
  EXPECT_THAT(Matching("protocol = GRPC"), ElementsAre(2, 3));
  EXPECT_THAT(Matching("problem = MALFORMED"), ElementsAre(2));
  EXPECT_THAT(Matching("problem = UNKNOWN_METHOD"), ElementsAre(3));
  EXPECT_THAT(Matching("peer = ipv4:1"), ElementsAre(1));
  EXPECT_THAT(Matching("peer:ipv4:127."), ElementsAre(2, 3));
}

TEST_F(JournalFilterTest, Headers) {
  Record(journal_, {.headers = {{"user-agent", "x gax/1"}}});
  Record(journal_, {.headers = {{"user-agent", ""}}});
  Record(journal_, {.headers = {{"authorization", "Bearer secret"}}});
  EXPECT_THAT(Matching("headers.user-agent = \"x gax/1\""), ElementsAre(1));
  EXPECT_THAT(Matching("headers.User-Agent:gax"), ElementsAre(1));
  EXPECT_THAT(Matching("headers.user-agent:*"), ElementsAre(1, 2));
  EXPECT_THAT(Matching("headers.authorization:*"), ElementsAre(3));
  EXPECT_THAT(Matching("headers.authorization:secret"), IsEmpty());
}

TEST_F(JournalFilterTest, StatementsAndTags) {
  Record(journal_, Sql("SELECT  1\n", "a/b"));
  Record(journal_, Sql("SELECT 11"));
  api::ExecuteBatchDmlRequest batch;
  batch.add_statements()->set_sql("UPDATE x");
  batch.add_statements()->set_sql("DELETE  y");
  batch.mutable_request_options()->set_transaction_tag("t");
  Record(journal_, TestCall::Of("ExecuteBatchDml", batch));
  TestCall malformed = Sql("SELECT 1");
  malformed.problem = CallProblem::kMalformed;
  Record(journal_, malformed);
  Record(journal_, {.method = "Commit"});
  EXPECT_THAT(Matching("sql = \" SELECT 1\""), ElementsAre(1));
  EXPECT_THAT(Matching("sql:\"SELECT   1\""), ElementsAre(1, 2));
  EXPECT_THAT(Matching("sql = 'DELETE y'"), ElementsAre(3));
  EXPECT_THAT(Matching("sql:SEL"), ElementsAre(1, 2));
  EXPECT_THAT(Matching("sql:\"SEL \""), IsEmpty());  // A whole word.
  EXPECT_THAT(Matching("sql:\"SELECT \""), ElementsAre(1, 2));
  EXPECT_THAT(Matching("sql:*"), ElementsAre(1, 2, 3));
  EXPECT_THAT(Matching("request_tag = a/b"), ElementsAre(1));
  EXPECT_THAT(Matching("request_tag:a"), ElementsAre(1));
  EXPECT_THAT(Matching("transaction_tag = t"), ElementsAre(3));
}

TEST_F(JournalFilterTest, StubsAndFaults) {
  Record(journal_, {.notes = {.stubs = {"stubs/a", "stubs/b"}}});
  Record(journal_, {.notes = {.faults = {"faults/a"}}});
  Open(journal_, {.notes = {.faults = {"faults/b"}}});
  EXPECT_THAT(Matching("stub = stubs/b"), ElementsAre(1));
  EXPECT_THAT(Matching("fault = faults/a"), ElementsAre(2));
  EXPECT_THAT(Matching("fault:faults/"), ElementsAre(2, 3));
  EXPECT_THAT(Matching("fault:*"), ElementsAre(2, 3));
  EXPECT_THAT(Matching("NOT stub:*"), ElementsAre(2, 3));
}

TEST_F(JournalFilterTest, NumbersAndTimes) {
  const int64_t second = 1000000;
  Record(
      journal_, {.start = {.clock = 1 * second, .real = 11 * second}},
      {.message_count = 2, .time = {.clock = 2 * second, .real = 12 * second}});
  Open(journal_, {.start = {.clock = 3 * second, .real = 13 * second}});
  EXPECT_THAT(Matching("number = 1"), ElementsAre(1));
  EXPECT_THAT(Matching("number > 1"), ElementsAre(2));
  EXPECT_THAT(Matching("number >= 1"), ElementsAre(1, 2));
  EXPECT_THAT(Matching("number < 2"), ElementsAre(1));
  EXPECT_THAT(Matching("number <= 2 number != 1"), ElementsAre(2));
  EXPECT_THAT(Matching("message_count = 2"), ElementsAre(1));
  EXPECT_THAT(Matching("start_time = \"1970-01-01T00:00:03Z\""),
              ElementsAre(2));
  EXPECT_THAT(Matching("start_time < 1970-01-01T00:00:01.0000001Z"),
              ElementsAre(1));
  EXPECT_THAT(Matching("end_time >= \"1970-01-01T00:00:02Z\""), ElementsAre(1));
  EXPECT_THAT(Matching("real_start_time > \"1970-01-01T00:00:11Z\""),
              ElementsAre(2));
  EXPECT_THAT(Matching("real_end_time = \"1970-01-01T00:00:12Z\""),
              ElementsAre(1));
}

TEST_F(JournalFilterTest, OrBindsCloserThanAnd) {
  Record(journal_, {.method = "Commit"}, {.status = absl::AbortedError("")});
  Record(journal_, {.method = "Commit"});
  Record(journal_, {.method = "Rollback"});
  EXPECT_THAT(Matching("method=Commit AND status=ABORTED OR status=OK"),
              ElementsAre(1, 2));
  EXPECT_THAT(Matching("(method=Commit AND status=ABORTED) OR status=OK"),
              ElementsAre(1, 2, 3));
  EXPECT_THAT(Matching("method=Rollback or method=Commit status=ABORTED"),
              ElementsAre(1));
  EXPECT_THAT(Matching("method=Commit not status=OK"), ElementsAre(1));
  EXPECT_THAT(Matching("NOT (method=Commit status=OK)"), ElementsAre(1, 3));
}

TEST_F(JournalFilterTest, QuotesAndBackslashes) {
  Record(journal_, Sql("SELECT \"*\""));
  EXPECT_THAT(Matching(R"(sql = "SELECT \"*\"")"), ElementsAre(1));
  EXPECT_THAT(Matching(R"(sql = 'SELECT "*"')"), ElementsAre(1));
  EXPECT_THAT(Matching("sql:\"*\""), IsEmpty());
}

TEST_F(JournalFilterTest, MistakesAreFoundWhereTheyAre) {
  EXPECT_THAT(Problem("metod = x"),
              HasSubstr("from position 1 (\"metod = x\"): expected a field: "
                        "method, database"));
  EXPECT_THAT(Problem("method > x"),
              HasSubstr("position 8 (\"> x\"): expected =, != or :"));
  EXPECT_THAT(Problem("method == Commit"),
              HasSubstr("position 9 (\"= Commit\"): expected a value"));
  EXPECT_THAT(Problem("status:x"), HasSubstr("position 8 (\"x\"): expected *"));
  EXPECT_THAT(Problem("number:1"), HasSubstr("position 8 (\"1\"): expected *"));
  EXPECT_THAT(Problem("number x"),
              HasSubstr("position 8 (\"x\"): expected =, !=, <, <=, >, >= or "
                        ":"));
  EXPECT_THAT(Problem("sql:''"), HasSubstr("position 5 (\"''\"): expected a "
                                           "statement"));
  EXPECT_THAT(Problem("status = aborted"),
              HasSubstr("position 10 (\"aborted\"): expected one of OK, "));
  EXPECT_THAT(Problem("number = x"),
              HasSubstr("position 10 (\"x\"): expected a whole number"));
  EXPECT_THAT(Problem("end_time = now"),
              HasSubstr("position 12 (\"now\"): expected a time as"));
  EXPECT_THAT(Problem("method ="),
              HasSubstr("position 9 (its end): expected a value"));
  EXPECT_THAT(Problem("stub   = \"x"),
              HasSubstr("position 12 (its end): expected a closing \""));
  EXPECT_THAT(Problem("stub   = \"x\\"), HasSubstr("expected a closing \""));
  EXPECT_THAT(Problem("stub   = x AND"),
              HasSubstr("position 15 (its end): expected a term"));
  EXPECT_THAT(Problem("stub   = x OR"), HasSubstr("expected a field"));
  EXPECT_THAT(Problem("(stub   = x"),
              HasSubstr("position 12 (its end): expected AND, OR or )"));
  EXPECT_THAT(Problem("(stub   = x AND )"),
              HasSubstr("position 17 (\")\"): expected a term"));
  EXPECT_THAT(Problem("stub   = x)"),
              HasSubstr("position 11 (\")\"): expected AND, OR or the end"));
  EXPECT_THAT(Problem("headers.cookie:*"),
              HasSubstr("position 9 (\"cookie:*\"): expected a header that is "
                        "kept: authorization, "));
  EXPECT_THAT(Problem("stub   = x \xf0\x9f\x98\x80"),
              HasSubstr("position 12 (\"\xf0\x9f\x98\x80\")"));
  EXPECT_EQ(JournalFilter::Parse("x").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(JournalFilterTest, ValuesThatNoCallCanHaveAreMistakes) {
  EXPECT_THAT(Problem("method = Comit"),
              HasSubstr("position 10 (\"Comit\"): expected a method of "
                        "google.spanner.v1.Spanner, "));
  EXPECT_THAT(Problem("method = Comit"),
              HasSubstr("google.longrunning.Operations, or any by its full "
                        "name"));
  EXPECT_THAT(Problem("NOT method != comit"), HasSubstr("(\"comit\")"));
  EXPECT_THAT(Problem("database:p"),
              HasSubstr("position 10 (\"p\"): expected empty (everything), "
                        "projects/<project>, "));
  EXPECT_THAT(Problem("database = projects/p"),
              HasSubstr("position 12 (\"projects/p\"): expected projects/"));
  EXPECT_THAT(Problem("session = s"),
              HasSubstr("expected projects/<project>/instances/<instance>/"
                        "databases/<database>/sessions/<session>"));
  EXPECT_THAT(Problem("session:s"), HasSubstr("/sessions/<session>"));
}

TEST_F(JournalFilterTest, AnyTextCanBeQuoted) {
  const std::string text = "a \"b\" \\ 'c' (AND) \n";
  Record(journal_, {.method = text + "/"});  // Not a name of Spanner's.
  EXPECT_EQ(JournalFilter::Quote("a\"\\"), "\"a\\\"\\\\\"");
  EXPECT_THAT(
      Matching(absl::StrCat("method:", JournalFilter::Quote(text + "/"))),
      ElementsAre(1));
  EXPECT_THAT(Matching(absl::StrCat("method:", JournalFilter::Quote("b"))),
              IsEmpty());
}

TEST_F(JournalFilterTest, AScopeIsAFilter) {
  Record(journal_, {});
  Record(journal_, {.database = "projects/p2/instances/i/databases/d"});
  Record(journal_, {.database = ""});
  const auto matching = [this](absl::string_view scope) {
    return Numbers(
        journal_.List({.filter = JournalFilter::LiesIn(scope)}).entries);
  };
  EXPECT_THAT(matching("projects/p"), ElementsAre(1));
  EXPECT_THAT(matching(kTestDatabase), ElementsAre(1));
  EXPECT_THAT(matching("projects/p2/instances/i"), ElementsAre(2));
  EXPECT_THAT(matching(""), ElementsAre(1, 2, 3));
}

TEST_F(JournalFilterTest, ParenthesesHaveALimit) {
  const auto nested = [](int depth) {
    return absl::StrCat(std::string(depth, '('), "number=1",
                        std::string(depth, ')'));
  };
  EXPECT_EQ(Problem(nested(JournalFilter::kMaxDepth)), "");
  EXPECT_THAT(Problem(nested(JournalFilter::kMaxDepth + 1)),
              HasSubstr("position 21 (\"(number=1))"));
  EXPECT_NE(Problem(std::string(1000000, '(')), "");
}

}  // namespace
}  // namespace spanner_session_emulator
