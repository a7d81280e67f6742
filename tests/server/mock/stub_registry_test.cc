#include "server/mock/stub_registry.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "server/mock/script.h"
#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {
namespace {

using google::protobuf::Struct;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Match = v1::Stub::Match;

class StubRegistryTest : public ::testing::Test {
 protected:
  // A stub whose answer is known by its count.
  void Add(absl::string_view match, int row_count,
           absl::string_view more = "") {
    AddStub(absl::StrCat(R"({"match":)", match, R"(,"answer":{"rowCount":)",
                         row_count, "}", more, "}"));
  }
  void AddStub(absl::string_view json) {
    std::vector<std::unique_ptr<Stub>> stubs;
    stubs.push_back(MakeStub(json));
    const auto added = registry_.Add(std::move(stubs));
    EXPECT_TRUE(added.ok()) << added.status();
  }

  StubCall Call(absl::string_view sql, absl::string_view params = "{}",
                absl::string_view database = kDatabase) {
    params_.push_back(std::make_unique<Struct>(FromJson<Struct>(params)));
    return StubCall::Statement(database, sql, *params_.back());
  }
  StubCall ReadCall(absl::string_view request) {
    reads_.push_back(std::make_unique<api::ReadRequest>(
        FromJson<api::ReadRequest>(request)));
    const api::ReadRequest& read = *reads_.back();
    return StubCall::Read(kDatabase, read.table(), read.index(), read.columns(),
                          read.key_set());
  }

  // The count of the answer; 0 if there is none.
  int64_t Ask(const StubCall& call) {
    const auto result = registry_.Answer(call);
    return result.has_value() ? result->answer().stats.row_count_exact() : 0;
  }
  int64_t Ask(absl::string_view sql, absl::string_view params = "{}") {
    return Ask(Call(sql, params));
  }
  // The rows of the answer to a read, likewise.
  int64_t AskRead(absl::string_view request) {
    const auto result = registry_.Answer(ReadCall(request));
    return result.has_value() ? result->answer().row_count() : 0;
  }
  std::string NotScripted(const StubCall& call) {
    const absl::Status status =
        StubRegistry::NotScripted(call, registry_.NearMiss(call));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  StubRegistry registry_;
  std::vector<std::unique_ptr<Struct>> params_;
  std::vector<std::unique_ptr<api::ReadRequest>> reads_;
};

TEST_F(StubRegistryTest, MatchesStatementsAfterFolding) {
  Add(R"({"sql":"SELECT  a\nFROM T"})", 1);
  EXPECT_EQ(Ask("SELECT a FROM T"), 1);
  EXPECT_EQ(Ask("  SELECT a\tFROM   T\n"), 1);
  EXPECT_EQ(Ask("select a FROM T"), 0);
  EXPECT_EQ(Ask("SELECT a FROM T2"), 0);
  EXPECT_EQ(Ask("SELECT a FROM"), 0);
}

TEST_F(StubRegistryTest, MatchesPrefixesAndPatterns) {
  Add(R"({"sqlPrefix":"SELECT  a"})", 1);
  Add(R"({"sqlPattern":"UPDATE .* WHERE id = \\d+"})", 2);
  EXPECT_EQ(Ask("SELECT a, b"), 1);
  EXPECT_EQ(Ask("SELECT a"), 1);
  EXPECT_EQ(Ask("SELECT b"), 0);
  EXPECT_EQ(Ask("UPDATE T SET x = 'a\nb' WHERE id = 42"), 2);
  EXPECT_EQ(Ask("UPDATE T SET x = 1 WHERE id = 42 OR true"), 0);
  EXPECT_EQ(Ask(" EXPLAIN UPDATE T WHERE id = 1"), 0);
}

TEST_F(StubRegistryTest, TheLatestStubWins) {
  Add(R"({"sql":"S"})", 1);
  EXPECT_EQ(Ask("S"), 1);
  Add(R"({"sqlPrefix":"S"})", 2);
  EXPECT_EQ(Ask("S"), 2);
  Add(R"({"sql":"S","scope":"projects/p"})", 3);
  EXPECT_EQ(Ask("S"), 3);
  Add(R"({"sql":"S"})", 4);
  EXPECT_EQ(Ask("S"), 4);
  Add(R"({"sql":"S","params":{"a":1}})", 5);
  EXPECT_EQ(Ask("S"), 4);
  EXPECT_EQ(Ask("S", R"({"a":"1"})"), 5);
  Add(R"({"sqlPattern":"S"})", 6);
  EXPECT_EQ(Ask("S", R"({"a":"1"})"), 6);
}

TEST_F(StubRegistryTest, MatchesParameters) {
  Add(R"({"sql":"S","params":{"a":1,"b":"x"}})", 1);
  Add(R"({"sql":"S","params":{"a":2}})", 2);
  Add(R"({"sql":"S","params":{"l":[1,null]}})", 3);
  EXPECT_EQ(Ask("S", R"({"a":"1","b":"x"})"), 1);
  EXPECT_EQ(Ask("S", R"({"a":1,"b":"x","c":true})"), 1);
  EXPECT_EQ(Ask("S", R"({"a":"1","b":"y"})"), 0);
  EXPECT_EQ(Ask("S", R"({"a":"1"})"), 0);
  EXPECT_EQ(Ask("S", R"({"a":"2"})"), 2);
  EXPECT_EQ(Ask("S", R"({"l":["1",null]})"), 3);
  EXPECT_EQ(Ask("S", R"({"l":["1"]})"), 0);
  EXPECT_EQ(Ask("S"), 0);
}

TEST_F(StubRegistryTest, MatchesTransactionsAndTags) {
  Add(R"({"sql":"S","transactionKind":"READ_WRITE"})", 1);
  Add(R"({"sql":"S","requestTag":"r"})", 2);
  Add(R"({"sql":"S","transactionTag":"t"})", 3);
  StubCall call = Call("S");
  EXPECT_EQ(Ask(call), 0);
  call.transaction_kind = Match::READ_WRITE;
  EXPECT_EQ(Ask(call), 1);
  call.request_tag = "r";
  EXPECT_EQ(Ask(call), 2);
  call.transaction_tag = "t";
  EXPECT_EQ(Ask(call), 3);
  call.transaction_tag = "t2";
  EXPECT_EQ(Ask(call), 2);
}

TEST_F(StubRegistryTest, MatchesScopes) {
  Add(R"({"sql":"P","scope":"projects/p"})", 1);
  Add(R"({"sql":"I","scope":"projects/p/instances/i"})", 2);
  Add(R"({"sql":"D","scope":"projects/p/instances/i/databases/d"})", 3);
  const auto ask = [&](absl::string_view sql, absl::string_view database) {
    return Ask(Call(sql, "{}", database));
  };
  EXPECT_EQ(ask("P", "projects/p/instances/j/databases/d"), 1);
  EXPECT_EQ(ask("P", "projects/p2/instances/j/databases/d"), 0);
  EXPECT_EQ(ask("I", "projects/p/instances/i/databases/e"), 2);
  EXPECT_EQ(ask("I", "projects/p/instances/i2/databases/e"), 0);
  EXPECT_EQ(ask("D", "projects/p/instances/i/databases/d"), 3);
  EXPECT_EQ(ask("D", "projects/p/instances/i/databases/d2"), 0);
}

TEST_F(StubRegistryTest, MatchesReads) {
  const auto add = [&](absl::string_view read, int rows) {
    AddStub(absl::StrCat(R"({"match":{"read":)", read,
                         R"(},"answer":{"columns":["INT64"],"rows":[[1]],)"
                         R"("repeatRows":)",
                         rows, "}}"));
  };
  add(R"({"table":"T"})", 1);
  add(R"({"table":"T","index":"I"})", 2);
  add(R"({"table":"T","columns":["a","b"]})", 3);
  add(R"({"table":"T","keySet":{"keys":[[1]],"ranges":[{"startOpen":[2],)"
      R"("endClosed":[3]}]}})",
      4);
  add(R"({"table":"U","index":""})", 5);
  EXPECT_EQ(AskRead(R"({"table":"T"})"), 1);
  EXPECT_EQ(AskRead(R"({"table":"T","index":"I"})"), 2);
  EXPECT_EQ(AskRead(R"({"table":"T","index":"J"})"), 1);
  EXPECT_EQ(AskRead(R"({"table":"T","columns":["a","b"]})"), 3);
  EXPECT_EQ(AskRead(R"({"table":"T","columns":["b","a"]})"), 1);
  EXPECT_EQ(AskRead(R"({"table":"T","columns":["a","b"],"keySet":{"keys":)"
                    R"([["1"]],"ranges":[{"startOpen":["2"],"endClosed":)"
                    R"(["3"]}]}})"),
            4);
  EXPECT_EQ(AskRead(R"({"table":"T","keySet":{"keys":[["1"]],"ranges":)"
                    R"([{"startClosed":["2"],"endClosed":["3"]}]}})"),
            1);
  EXPECT_EQ(AskRead(R"({"table":"T","keySet":{"all":true}})"), 1);
  EXPECT_EQ(AskRead(R"({"table":"U"})"), 5);
  EXPECT_EQ(AskRead(R"({"table":"U","index":"I"})"), 0);
  EXPECT_EQ(AskRead(R"({"table":"V"})"), 0);
  // A statement is no read.
  EXPECT_EQ(Ask("T"), 0);
}

TEST_F(StubRegistryTest, MatchesBatchWrites) {
  AddStub(R"({"match":{"batchWrite":{"table":"T"}},)"
          R"("answer":{"batchWriteResponses":[{"indexes":[0]}]}})");
  EXPECT_TRUE(registry_.Answer(StubCall::BatchWrite(kDatabase, {"S", "T"}))
                  .has_value());
  EXPECT_FALSE(
      registry_.Answer(StubCall::BatchWrite(kDatabase, {"S"})).has_value());
}

TEST_F(StubRegistryTest, CountsHitsAndEndsAfterItsTimes) {
  Add(R"({"sql":"S"})", 1);
  Add(R"({"sql":"S"})", 2, R"(,"times":2)");
  for (const int64_t expected : {2, 2, 1, 1, 1}) EXPECT_EQ(Ask("S"), expected);
  EXPECT_EQ(registry_.Find("stubs/1")->hit_count, 3);
  EXPECT_EQ(registry_.Find("stubs/2")->hit_count, 2);
}

TEST_F(StubRegistryTest, AnswersComeOneAfterTheOther) {
  const std::string match =
      R"({"match":{"sql":"S"},"answers":[{"rowCount":1},{"rowCount":2}])";
  Add(R"({"sql":"S"})", 3);
  AddStub(match + R"(,"times":2})");
  for (const int64_t expected : {1, 2, 3, 3}) EXPECT_EQ(Ask("S"), expected);
  AddStub(match + "}");
  for (const int64_t expected : {1, 2, 2, 2}) EXPECT_EQ(Ask("S"), expected);
}

TEST_F(StubRegistryTest, AddsAllOrNone) {
  const auto add = [&](const std::vector<std::string>& names) {
    std::vector<std::unique_ptr<Stub>> stubs;
    for (const std::string& name : names) {
      stubs.push_back(
          MakeStub(R"({"match":{"sql":"S"},"answer":{"rowCount":1}})"));
      stubs.back()->set_name(name);
    }
    return registry_.Add(std::move(stubs)).status();
  };
  EXPECT_TRUE(add({"stubs/a", "", "stubs/1"}).ok());
  const auto names = [&] {
    std::vector<std::string> names;
    for (const auto& entry : registry_.List(0, 100)) {
      names.push_back(entry.stub->name());
    }
    return names;
  };
  EXPECT_THAT(names(), ElementsAre("stubs/a", "stubs/2", "stubs/1"));
  EXPECT_EQ(add({"stubs/b", "stubs/a"}).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(add({"stubs/b", "stubs/b"}).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(names(), ElementsAre("stubs/a", "stubs/2", "stubs/1"));
}

TEST_F(StubRegistryTest, ListsByNumber) {
  for (int i = 1; i <= 5; ++i) Add(R"({"sql":"S"})", i);
  const auto page = registry_.List(2, 2);
  ASSERT_EQ(page.size(), 2);
  EXPECT_EQ(page[0].number, 3);
  EXPECT_EQ(page[1].number, 4);
  EXPECT_TRUE(registry_.List(5, 2).empty());
}

TEST_F(StubRegistryTest, DeletesOne) {
  Add(R"({"sql":"S"})", 1);
  Add(R"({"sql":"S"})", 2);
  EXPECT_TRUE(registry_.Delete("stubs/2"));
  EXPECT_FALSE(registry_.Delete("stubs/2"));
  EXPECT_FALSE(registry_.Find("stubs/2").has_value());
  EXPECT_EQ(Ask("S"), 1);
  // Spent ones can be deleted, too.
  Add(R"({"sql":"S"})", 3, R"(,"times":1)");
  EXPECT_EQ(Ask("S"), 3);
  EXPECT_TRUE(registry_.Delete("stubs/3"));
  EXPECT_EQ(Ask("S"), 1);
}

TEST_F(StubRegistryTest, DeletesThoseOfAScope) {
  Add(R"({"sql":"S"})", 1);
  Add(R"({"sql":"S","scope":"projects/p"})", 2);
  Add(R"({"sql":"S","scope":"projects/p/instances/i"})", 3);
  Add(R"({"sql":"S","scope":"projects/p2"})", 4);
  EXPECT_EQ(registry_.DeleteAll(Scope::Parse("projects/p").value()), 2);
  EXPECT_EQ(Ask("S"), 1);
  EXPECT_EQ(registry_.DeleteAll(Scope()), 2);
  EXPECT_EQ(Ask("S"), 0);
  EXPECT_TRUE(registry_.List(0, 9).empty());
}

TEST_F(StubRegistryTest, RestoresWhatItBeganWith) {
  std::vector<std::unique_ptr<Stub>> first;
  first.push_back(
      MakeStub(R"({"match":{"sql":"S"},"times":1,"answer":{"rowCount":1}})"));
  first.push_back(MakeStub(
      R"({"name":"stubs/b","match":{"sql":"T"},"answer":{"rowCount":2}})"));
  StubRegistry registry(std::move(first));
  const auto names = [&registry] {
    std::vector<std::string> names;
    for (const auto& entry : registry.List(0, 100)) {
      EXPECT_EQ(entry.hit_count, 0);
      names.push_back(entry.stub->name());
    }
    return names;
  };
  EXPECT_THAT(names(), ElementsAre("stubs/1", "stubs/b"));
  EXPECT_TRUE(registry.Answer(Call("S")).has_value());
  EXPECT_FALSE(registry.Answer(Call("S")).has_value());
  EXPECT_TRUE(registry.Delete("stubs/b"));
  std::vector<std::unique_ptr<Stub>> more;
  more.push_back(MakeStub(R"({"match":{"sql":"U"},"answer":{"rowCount":3}})"));
  EXPECT_EQ(registry.Add(std::move(more)).value()[0].stub->name(), "stubs/2");
  registry.Restore();
  EXPECT_THAT(names(), ElementsAre("stubs/1", "stubs/b"));
  EXPECT_TRUE(registry.Answer(Call("S")).has_value());
  EXPECT_TRUE(registry.Answer(Call("T")).has_value());
  EXPECT_FALSE(registry.Answer(Call("U")).has_value());
  std::vector<std::unique_ptr<Stub>> last;
  last.push_back(MakeStub(R"({"match":{"sql":"U"},"answer":{"rowCount":3}})"));
  EXPECT_EQ(registry.Add(std::move(last)).value()[0].stub->name(), "stubs/3");
}

TEST_F(StubRegistryTest, KnowsNames) {
  for (const char* good : {"stubs/1", "stubs/a-B_c.9"}) {
    EXPECT_TRUE(kStubKind.IsName(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("stubs/"), std::string("stub/1"),
        std::string("stubs/a/b"), std::string("stubs/ä"),
        absl::StrCat("stubs/", std::string(64, 'x'))}) {
    EXPECT_FALSE(kStubKind.IsName(bad)) << bad;
  }
}

TEST_F(StubRegistryTest, SomeStatementsAreBuiltIn) {
  for (const char* sql : {"SELECT 1", "select  1;", " Select 1 ; "}) {
    const auto result = registry_.Answer(Call(sql));
    ASSERT_TRUE(result.has_value()) << sql;
    EXPECT_EQ(ToJson(result->answer().row(0)), R"(["1"])");
  }
  const auto dialect = registry_.Answer(
      Call("SELECT option_value\nFROM information_schema.database_options "
           "WHERE option_name='database_dialect'"));
  ASSERT_TRUE(dialect.has_value());
  EXPECT_EQ(ToJson(dialect->answer().row(0)), R"(["GOOGLE_STANDARD_SQL"])");
  EXPECT_TRUE(registry_
                  .Answer(Call("SELECT option_value FROM "
                               "INFORMATION_SCHEMA.DATABASE_OPTIONS WHERE "
                               "option_name = 'database_dialect'"))
                  .has_value());
  EXPECT_EQ(Ask("SELECT 1;;"), 0);
  EXPECT_FALSE(registry_.Answer(Call("SELECT 2")).has_value());
  // A stub goes before them.
  Add(R"({"sql":"SELECT 1"})", 5);
  EXPECT_EQ(Ask("SELECT 1"), 5);
  EXPECT_EQ(Ask("SELECT 1;"), 0);  // Built in, and so without a count.
}

TEST_F(StubRegistryTest, StreamsGoOnFromTheirTokens) {
  AddStub(R"({"match":{"sql":"S"},"times":1,"answer":{"columns":["INT64"],)"
          R"("rows":[[1],[2],[3]],"chunking":{"rowsPerMessage":1}}})");
  const Stream stream = ReadAll(*registry_.Answer(Call("S")));
  ASSERT_EQ(stream.messages.size(), 3);
  const std::string token = stream.messages[0].resume_token();
  // A spent stub goes on with what it has begun.
  const auto rest = registry_.Resume(Call(" S "), token);
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(ReadAll(*rest).messages.size(), 2);
  EXPECT_EQ(registry_.Find("stubs/1")->hit_count, 1);
  EXPECT_FALSE(registry_.Resume(Call("T"), token).has_value());
  for (const char* bad : {"", "x", "sse.1.0.-1.4.0", "sse.1.1.-1.0.0",
                          "sse.2.0.-1.0.0", "sse.-9.0.-1.0.0"}) {
    EXPECT_FALSE(registry_.Resume(Call("S"), bad).has_value()) << bad;
  }
  EXPECT_TRUE(registry_.Delete("stubs/1"));
  EXPECT_FALSE(registry_.Resume(Call("S"), token).has_value());
}

TEST_F(StubRegistryTest, BuiltInStreamsGoOnToo) {
  const Stream stream = ReadAll(*registry_.Answer(Call("SELECT 1")));
  const std::string token = stream.messages.at(0).resume_token();
  EXPECT_TRUE(registry_.Resume(Call("SELECT 1;"), token).has_value());
  EXPECT_FALSE(registry_.Resume(Call("SELECT 2"), token).has_value());
}

TEST_F(StubRegistryTest, ScriptedMessagesGoOnFromTheirOwnTokens) {
  AddStub(R"({"match":{"sql":"S"},"answer":{"partialResultSets":[)"
          R"({"values":["a"],"resumeToken":"AAAA"},{"values":["b"]}]}})");
  const Stream stream = ReadAll(*registry_.Answer(Call("S")));
  const std::string token = stream.messages.at(0).resume_token();
  const auto rest = registry_.Resume(Call("S"), token);
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(ToJson(ReadAll(*rest).messages.at(0)), R"({"values":["b"]})");
  EXPECT_FALSE(registry_.Resume(Call("T"), token).has_value());
  // Messages without a token cannot be found by the lack of one.
  EXPECT_FALSE(registry_.Resume(Call("S"), "").has_value());
}

TEST_F(StubRegistryTest, ABrokenStreamGoesOnInTheNextAnswer) {
  constexpr absl::string_view kBreaks =
      R"("error":{"code":"UNAVAILABLE","message":"broken"})";
  AddStub(absl::StrCat(R"({"match":{"sql":"S"},"answers":[)"
                       R"({"columns":["INT64"],"rows":[[1],[2]],)",
                       kBreaks,
                       R"(},)"
                       // Twice at the same place, once without a row before.
                       R"({"columns":["INT64"],"rows":[[1],[2]],)",
                       kBreaks,
                       R"(},)"
                       R"({)",
                       kBreaks,
                       R"(},)"
                       R"({"columns":["INT64"],"rows":[[1],[2],[3],[4]]}]})"));
  Stream stream = ReadAll(*registry_.Answer(Call("S")));
  EXPECT_EQ(stream.status.code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(stream.messages.size(), 1);
  EXPECT_EQ(stream.messages[0].values_size(), 2);
  const std::string token = stream.messages[0].resume_token();
  stream = ReadAll(*registry_.Resume(Call("S"), token));
  EXPECT_EQ(stream.status.code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(stream.messages.size(), 1);
  EXPECT_EQ(stream.messages[0].values_size(), 0);
  stream = ReadAll(*registry_.Resume(Call("S"), token));
  EXPECT_EQ(stream.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(stream.messages.size(), 0);
  stream = ReadAll(*registry_.Resume(Call("S"), token));
  EXPECT_TRUE(stream.status.ok());
  ASSERT_EQ(stream.messages.size(), 1);
  EXPECT_EQ(ToJson(stream.messages[0].values(0)), R"("3")");
  EXPECT_EQ(registry_.Find("stubs/1")->hit_count, 4);
}

TEST_F(StubRegistryTest, ABrokenValueIsFinishedByAnAnswerInWholeRows) {
  AddStub(R"({"match":{"sql":"S"},"answers":[{"columns":["STRING","INT64"],)"
          R"("rows":[["Hello world",1]],"chunking":{"bytesPerMessage":4},)"
          R"("error":{"code":"UNAVAILABLE"}},{"columns":["STRING","INT64"],)"
          R"("rows":[["Hello world",1],["x",2]]}]})");
  const Stream broken = ReadAll(*registry_.Answer(Call("S")));
  ASSERT_GT(broken.messages.size(), 1u);
  ASSERT_EQ(ToJson(broken.messages[0].values(0)), R"("Hell")");
  const Stream rest =
      ReadAll(*registry_.Resume(Call("S"), broken.messages[0].resume_token()));
  ASSERT_EQ(rest.messages.size(), 1);
  ASSERT_EQ(rest.messages[0].values_size(), 4);
  EXPECT_EQ(ToJson(rest.messages[0].values(0)), R"("o world")");
  EXPECT_EQ(ToJson(rest.messages[0].values(1)), R"("1")");
  EXPECT_EQ(ToJson(rest.messages[0].values(2)), R"("x")");
}

TEST_F(StubRegistryTest, ABrokenStreamMayGoOnInAnEarlierStub) {
  AddStub(R"({"match":{"sql":"S"},"answer":{"columns":["INT64"],)"
          R"("rows":[[1]]}})");
  AddStub(R"({"match":{"sql":"S"},"times":1,"answer":{"columns":["INT64"],)"
          R"("rows":[[1],[2]],"error":{"code":"UNAVAILABLE"}}})");
  const Stream broken = ReadAll(*registry_.Answer(Call("S")));
  // It has fewer rows than were read.
  const Stream rest = ReadAll(
      *registry_.Resume(Call("S"), broken.messages.at(0).resume_token()));
  EXPECT_TRUE(rest.status.ok());
  ASSERT_EQ(rest.messages.size(), 1);
  EXPECT_EQ(rest.messages[0].values_size(), 0);
}

TEST_F(StubRegistryTest, BrokenScriptedMessagesGoOnInTheNextAnswer) {
  AddStub(R"({"match":{"sql":"S"},"answers":[{"partialResultSets":[)"
          R"({"values":["a"],"resumeToken":"AAAA"},{"values":["b"]}],)"
          R"("error":{"code":"UNAVAILABLE"}},{"partialResultSets":[)"
          R"({"values":["x"]},{"values":["a"],"resumeToken":"AAAA"},)"
          R"({"values":["c"]}]}]})");
  const Stream broken = ReadAll(*registry_.Answer(Call("S")));
  const Stream rest = ReadAll(
      *registry_.Resume(Call("S"), broken.messages.at(0).resume_token()));
  ASSERT_EQ(rest.messages.size(), 1);
  EXPECT_EQ(ToJson(rest.messages[0]), R"({"values":["c"]})");
}

TEST_F(StubRegistryTest, ABrokenPartitionGoesOnInItself) {
  AddStub(R"({"match":{"sql":"S"},"answers":[{"columns":["INT64"],)"
          R"("partitions":[{"rows":[[1]]},{"rows":[[2]],"error":{"code":)"
          R"("UNAVAILABLE"}}]},{"columns":["INT64"],"partitions":[)"
          R"({"rows":[[1]]},{"rows":[[2],[3]]}]}]})");
  ResultPlace place = registry_.Answer(Call("S"))->place;
  place.partition = 1;
  const Stream broken = ReadAll(*registry_.Partition(Call("S"), place));
  const Stream rest = ReadAll(
      *registry_.Resume(Call("S"), broken.messages.at(0).resume_token()));
  ASSERT_EQ(rest.messages.size(), 1);
  EXPECT_EQ(ToJson(rest.messages[0].values(0)), R"("3")");
}

TEST_F(StubRegistryTest, PartitionsAreNoHits) {
  AddStub(R"({"match":{"sql":"S"},"times":1,"answer":{"columns":["INT64"],)"
          R"("partitions":[{"rows":[[1]]},{"rows":[[2]]}]}})");
  const auto whole = registry_.Answer(Call("S"));
  ASSERT_TRUE(whole.has_value());
  ASSERT_EQ(whole->answer().partitions.size(), 2);
  ResultPlace place = whole->place;
  place.partition = 1;
  const auto part = registry_.Partition(Call("S"), place);
  ASSERT_TRUE(part.has_value());
  EXPECT_EQ(ToJson(part->answer().row(0)), R"(["2"])");
  EXPECT_EQ(registry_.Find("stubs/1")->hit_count, 1);
  EXPECT_FALSE(registry_.Partition(Call("T"), place).has_value());
  place.partition = 2;
  EXPECT_FALSE(registry_.Partition(Call("S"), place).has_value());
}

TEST_F(StubRegistryTest, ShowsTheStubThatIsMissing) {
  const auto json_in = [](const std::string& message) {
    return message.substr(message.find("; this one would: ") + 18);
  };
  const std::string query = "SELECT \"a\"\nFROM T WHERE x = 'y'";
  EXPECT_EQ(NotScripted(Call(query)),
            "No stub matches the statement `SELECT \"a\" FROM T WHERE x = 'y'`"
            "; this one would: {\"match\":{\"sql\":\"SELECT \\\"a\\\" FROM T "
            "WHERE x = 'y'\"},\"answer\":{\"columns\":[\"Name STRING\"],"
            "\"rows\":[[\"value\"]]}}");
  // What is shown works.
  AddStub(json_in(NotScripted(Call(query))));
  EXPECT_TRUE(registry_.Answer(Call(query)).has_value());
  const std::string dml = "UPDATE T SET a = 1";
  AddStub(json_in(NotScripted(Call(dml))));
  EXPECT_EQ(Ask(dml), 1);
  const std::string long_query =
      absl::StrCat("SELECT '", std::string(2000, '\n'), "ä'");
  const std::string message = NotScripted(Call(long_query));
  EXPECT_LE(message.size(), 1024);
  AddStub(json_in(message));
  EXPECT_TRUE(registry_.Answer(Call(long_query)).has_value());
  const StubCall read =
      ReadCall(R"({"table":"T","columns":["a b","c"],"keySet":{"all":true}})");
  AddStub(json_in(NotScripted(read)));
  EXPECT_EQ(
      registry_.Answer(read)->answer().metadata.row_type().fields(0).name(),
      "a b");
  const StubCall write = StubCall::BatchWrite(kDatabase, {"T"});
  AddStub(json_in(NotScripted(write)));
  EXPECT_TRUE(registry_.Answer(write).has_value());
}

TEST_F(StubRegistryTest, SaysWhyACloseStubDoesNotMatch) {
  Add(R"({"sql":"A","params":{"a":1}})", 1);
  EXPECT_THAT(NotScripted(Call("A")),
              HasSubstr("(stubs/1 does not match, for its params)"));
  Add(R"({"sql":"B","scope":"projects/q"})", 1);
  EXPECT_THAT(NotScripted(Call("B")), HasSubstr("for its scope"));
  Add(R"({"sql":"C","requestTag":"r"})", 1);
  EXPECT_THAT(NotScripted(Call("C")), HasSubstr("for its request_tag"));
  EXPECT_THAT(NotScripted(Call("c")),
              HasSubstr("for its upper and lower case"));
  Add(R"({"sql":"D"})", 1, R"(,"times":1)");
  EXPECT_EQ(Ask("D"), 1);
  EXPECT_THAT(NotScripted(Call("D")),
              HasSubstr("for its times, which are used up"));
  EXPECT_THAT(NotScripted(Call("E")), Not(HasSubstr("does not")));
}

TEST_F(StubRegistryTest, ThreadsMayShareIt) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 500;
  Add(R"({"sql":"S"})", 1);
  const StubCall call = Call("S");
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kCalls; ++j) {
        std::vector<std::unique_ptr<Stub>> stubs;
        stubs.push_back(MakeStub(
            R"({"match":{"sql":"S"},"times":1,"answer":{"rowCount":2}})"));
        const std::string name = absl::StrCat("stubs/", i, "-", j);
        stubs.back()->set_name(name);
        EXPECT_TRUE(registry_.Add(std::move(stubs)).ok());
        EXPECT_TRUE(registry_.Answer(call).has_value());
        EXPECT_NE(registry_.NearMiss(call), "x");
        if (j % 2 == 0) {
          EXPECT_TRUE(registry_.Delete(name));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(registry_.List(0, 10'000).size(), 1 + kThreads * kCalls / 2);
}

}  // namespace
}  // namespace spanner_session_emulator
