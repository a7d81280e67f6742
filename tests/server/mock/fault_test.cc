// What is wrong with faults, and what chance says. Which calls they match is
// tested with the registry.
#include "server/mock/fault.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::StartsWith;

absl::StatusOr<std::unique_ptr<Fault>> TryFault(absl::string_view json) {
  return Fault::Make(FromJson<v1::Fault>(json));
}

std::unique_ptr<Fault> MakeFault(absl::string_view json) {
  auto fault = TryFault(json);
  EXPECT_TRUE(fault.ok()) << fault.status() << " for " << json;
  return *std::move(fault);
}

TEST(FaultTest, WhatIsWrongIsNamed) {
  struct Row {
    const char* json;
    const char* problem;
  };
  const std::vector<Row> rows = {
      {"{}", "effect must be there"},
      {R"({"swallow": true, "match": {"methods": ["Commit", "Comit"]}})",
       "match.methods[1] must be a method of Spanner's API"},
      {R"({"swallow": true, "match": {"methods": [""]}})",
       "match.methods[0] must"},
      {R"({"swallow": true, "match": {"methods":
          ["spanner_session_emulator.v1.FaultService.ListFaults"]}})",
       "match.methods[0] must"},
      {R"({"swallow": true, "match": {"scope": "p"}})", "match.scope must"},
      {R"({"swallow": true, "match": {"session": "s"}})", "match.session must"},
      {R"({"swallow": true, "match": {"scope": "projects/q", "session":
          "projects/p/instances/i/databases/d/sessions/s"}})",
       "match.session must lie in match.scope"},
      {R"({"swallow": true, "match": {"sessionFilter": "x"}})",
       "match.session_filter "},
      {R"({"swallow": true, "match": {"sessionKind": 3}})",
       "match.session_kind must"},
      {R"({"swallow": true, "match": {"sql": " "}})",
       "match.sql must not be empty"},
      {R"({"swallow": true, "match": {"sqlPrefix": ""}})",
       "match.sql_prefix must not be empty"},
      {R"({"swallow": true, "match": {"sqlPattern": "("}})",
       "match.sql_pattern must be a regular expression"},
      {R"({"swallow": true, "match": {"headers": [{"value": "x"}]}})",
       "match.headers[0].name must be of"},
      {R"({"swallow": true, "match": {"headers": [{"name": "é"}]}})",
       "match.headers[0].name must be of"},
      {R"({"swallow": true, "match": {"nth": 0}})",
       "match.nth must be at least 1"},
      {R"({"swallow": true, "match": {"skip": -1}})",
       "match.skip must not be negative"},
      {R"({"swallow": true, "match": {"probability": 0}})",
       "match.probability must be greater than 0"},
      {R"({"swallow": true, "match": {"probability": "NaN"}})",
       "match.probability must"},
      {R"({"swallow": true, "match": {"probability": 1.5}})",
       "match.probability must"},
      {R"({"swallow": true, "times": -1})", "times must not be negative"},
      {R"({"swallow": false})", "swallow must be true"},
      {R"({"cutConnection": false})", "cut_connection must be true"},
      {R"({"freeze": false})", "freeze must be true"},
      {R"({"freezeEachMessage": false})", "freeze_each_message must be true"},
      {R"({"freezeEachMessage": true, "when": "BEFORE"})",
       "when must be AFTER"},
      {R"({"askForCommitRetry": false})", "ask_for_commit_retry must be true"},
      {R"({"askForCommitRetry": true, "when": "AFTER"})",
       "when must be BEFORE"},
      {R"({"hideTransaction": false})", "hide_transaction must be true"},
      {R"({"hideTransaction": true, "when": "AT_END"})",
       "when must be BEFORE, or left out, where there is hide_transaction"},
      {R"({"swallow": true, "when": 9})", "when must be BEFORE, AFTER or"},
      {R"({"swallow": true, "afterMessages": -1})",
       "after_messages must not be negative"},
      {R"({"swallow": true, "afterMessages": 1, "when": "BEFORE"})",
       "when must be AFTER"},
      {R"({"swallow": true, "afterMessages": 1, "when": "AT_END"})",
       "when must be AFTER"},
      {R"({"pause": {}})", "pause must have one of"},
      {R"({"pause": {"fixed": "-1s"}})", "pause.fixed must be from 0 s"},
      {R"({"pause": {"fixed": "86401s"}})", "pause.fixed must be from 0 s"},
      {R"({"pause": {"uniform": {"min": "2s", "max": "1s"}}})",
       "pause.uniform.max must not be less"},
      {R"({"pause": {"uniform": {"min": "-2s"}}})", "pause.uniform.min must"},
      {R"({"pause": {"logNormal": {"median": "1s", "sigma": -1}}})",
       "pause.log_normal.sigma must"},
      {R"({"pause": {"logNormal": {"median": "-1s"}}})",
       "pause.log_normal.median must"},
      {R"({"error": {"message": "x"}})", "error.code must be a code"},
      {R"({"status": 0})", "status must be one of"},
      {R"({"status": 99})", "status must be one of"},
      {R"({"status": "ABORTED", "retryDelay": "-1s"})", "retry_delay must"},
      {R"({"status": "SESSION_NOT_FOUND", "retryDelay": "1s"})",
       "retry_delay must be left out"},
      {R"({"headers": [{"name": "a b"}]})", "headers[0].name must be of"},
      {R"({"headers": [{"name": "grpc-status"}]})", "headers[0].name must be"},
      {R"({"trailers": [{"name": "a", "value": "\n"}]})",
       "trailers[0].value must be printable"},
      {R"({"trailers": [{"name": "a-bin", "value": "%"}]})",
       "trailers[0].value must be base64"},
      {R"({"headers": [{"name": "grpclb_client_stats", "value": "a"}]})",
       "headers[0].name must be another"},
      {R"({"trailers": [{"name": "Transfer-Encoding", "value": "chunked"}]})",
       "trailers[0].name must be another"},
      {R"({"headers": [{"name": "content-length", "value": "0"}]})",
       "headers[0].name must be another"},
      {R"({"headers": [{"name": "a", "value": "a "}]})",
       "headers[0].value must not begin or end with a blank"},
      {R"({"removedHeaders": [""]})", "removed_headers[0] must be of"},
      {R"({"removedHeaders": ["a b"]})", "removed_headers[0] must be of"},
      // What can never match.
      {R"({"swallow": true, "afterMessages": 1, "match": {"methods":
          ["Commit", "Read"]}})",
       "match.methods must have one that streams, where there is "
       "after_messages"},
      {R"({"status": "SESSION_NOT_FOUND", "match": {"methods":
          ["CreateSession", "ListSessions"]}})",
       "match.methods must have one that names a session"},
      {R"({"swallow": true, "match": {"methods": ["CreateSession"], "session":
          "projects/p/instances/i/databases/d/sessions/s"}})",
       "match.methods must have one that names a session"},
      {R"({"swallow": true, "match": {"methods": ["Commit"], "sql": "S"}})",
       "match.methods must have one that has statements"},
      {R"({"swallow": true, "match": {"methods": ["GetSession"],
          "requestTag": "x"}})",
       "match.methods must have one that has request_options"},
      {R"({"askForCommitRetry": true, "match": {"methods": ["Rollback"]}})",
       "match.methods must have one that is Commit"},
      {R"({"hideTransaction": true, "match": {"methods": ["Commit"]}})",
       "match.methods must have one that can begin a transaction"},
  };
  for (const Row& row : rows) {
    const auto fault = TryFault(row.json);
    EXPECT_EQ(fault.status().code(), absl::StatusCode::kInvalidArgument)
        << row.json;
    EXPECT_THAT(std::string(fault.status().message()), StartsWith(row.problem));
  }
  EXPECT_FALSE(TryFault(absl::StrCat(R"({"headers": [{"name": "a", "value": ")",
                                     std::string(5000, 'x'), "\"}]}"))
                   .ok());
}

TEST(FaultTest, OneMethodThatCanMatchIsEnough) {
  for (const char* json :
       {R"({"swallow": true, "afterMessages": 1, "match": {"methods":
            ["Commit", "ExecuteStreamingSql"]}})",
        R"({"status": "SESSION_NOT_FOUND", "match": {"methods":
            ["CreateSession", "GetSession"]}})",
        R"({"status": "SESSION_NOT_FOUND", "match": {"methods": ["Commit"]}})",
        R"({"swallow": true, "match": {"methods": ["ExecuteBatchDml"],
            "sql": "S", "requestTag": "x"}})",
        R"({"askForCommitRetry": true, "match": {"methods": ["Commit"]}})",
        R"({"hideTransaction": true, "match": {"methods": ["Read"]}})"}) {
    const auto fault = TryFault(json);
    EXPECT_TRUE(fault.ok()) << fault.status();
  }
}

TEST(FaultTest, WhenDependsOnTheStream) {
  EXPECT_EQ(MakeFault(R"({"swallow": true})")->when(), v1::Fault::BEFORE);
  EXPECT_EQ(MakeFault(R"({"swallow": true, "afterMessages": 2})")->when(),
            v1::Fault::AFTER);
  EXPECT_EQ(
      MakeFault(R"({"pause": {"fixed": "1s", "eachMessage": true}})")->when(),
      v1::Fault::AFTER);
}

TEST(FaultTest, WhatTheServerCountsIsNotTheUsers) {
  EXPECT_EQ(ToJson(MakeFault(
                       R"({"freeze": true, "hitCount": 3, "matchCount": 4,
                     "heldCallCount": 5})")
                       ->proto()),
            R"({"freeze":true})");
}

TEST(FaultTest, ItsScopeIsThatOfItsSession) {
  EXPECT_EQ(MakeFault(R"({"freeze": true, "match": {"scope": "projects/p"}})")
                ->scope(),
            "projects/p");
  EXPECT_EQ(MakeFault(absl::StrCat(R"({"freeze": true, "match": {"session": ")",
                                   kDatabase, R"(/sessions/s"}})"))
                ->scope(),
            kDatabase);
}

// Frozen, as scripts and the tests that they are for depend on them.
TEST(FaultTest, DrawsAreTheSameEverywhereAndForEver) {
  EXPECT_EQ(FaultDraw(0, "faults/1", 1, 0), 8867161874620339061u);
  EXPECT_EQ(FaultDraw(42, "faults/mine", 7, 3), 5499184414876329760u);
}

TEST(FaultTest, DrawsDifferInEverything) {
  std::set<uint64_t> draws;
  int count = 0;
  for (const int64_t seed : {0, 1, -1}) {
    for (const char* name : {"faults/1", "faults/2", "faults/12"}) {
      for (int64_t match = 1; match <= 20; ++match) {
        for (uint64_t what = 0; what < 4; ++what) {
          draws.insert(FaultDraw(seed, name, match, what));
          ++count;
        }
      }
    }
  }
  EXPECT_EQ(static_cast<int>(draws.size()), count);
}

TEST(FaultTest, PicksByPositionAndChance) {
  const auto picked = [](absl::string_view match, int64_t seed = 0) {
    const auto fault = MakeFault(absl::StrCat(
        R"({"name": "faults/a", "swallow": true, "match": {)", match, "}}"));
    std::vector<int64_t> numbers;
    for (int64_t i = 1; i <= 1000; ++i) {
      if (fault->Picks({.seed = seed, .match = i})) numbers.push_back(i);
    }
    return numbers;
  };
  EXPECT_EQ(picked("").size(), 1000);
  EXPECT_THAT(picked(R"("nth": 3)"), ::testing::ElementsAre(3));
  EXPECT_EQ(picked(R"("skip": 990)").size(), 10);
  EXPECT_EQ(picked(R"("skip": 990)").front(), 991);
  EXPECT_EQ(picked(R"("probability": 1)").size(), 1000);
  const auto tenth = picked(R"("probability": 0.1)");
  EXPECT_GT(tenth.size(), 70u);
  EXPECT_LT(tenth.size(), 130u);
  EXPECT_EQ(tenth, picked(R"("probability": 0.1)"));
  EXPECT_NE(tenth, picked(R"("probability": 0.1)", 1));
}

TEST(FaultTest, PausesAreDrawnAsTheySay) {
  const auto lengths = [](absl::string_view pause) {
    const auto fault = MakeFault(absl::StrCat(R"({"pause": {)", pause, "}}"));
    std::vector<absl::Duration> all;
    for (int64_t i = 1; i <= 1001; ++i) {
      all.push_back(fault->PauseLength({.match = i}, 0));
      EXPECT_EQ(all.back(), fault->PauseLength({.match = i}, 0));
    }
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto fixed = lengths(R"("fixed": "1.5s")");
  EXPECT_EQ(fixed.front(), absl::Milliseconds(1500));
  EXPECT_EQ(fixed.back(), absl::Milliseconds(1500));
  const auto uniform = lengths(R"("uniform": {"min": "1s", "max": "3s"})");
  EXPECT_GE(uniform.front(), absl::Seconds(1));
  EXPECT_LT(uniform.front(), absl::Seconds(1.05));
  EXPECT_GT(uniform[500], absl::Seconds(1.85));
  EXPECT_LT(uniform[500], absl::Seconds(2.15));
  EXPECT_GT(uniform.back(), absl::Seconds(2.95));
  EXPECT_LE(uniform.back(), absl::Seconds(3));
  const auto log_normal =
      lengths(R"("logNormal": {"median": "1s", "sigma": 0.5})");
  EXPECT_GT(log_normal[500], absl::Seconds(0.9));
  EXPECT_LT(log_normal[500], absl::Seconds(1.1));
  // A standard deviation from the median on either side lie 68 of 100.
  EXPECT_GT(log_normal[159], absl::Seconds(0.54));
  EXPECT_LT(log_normal[159], absl::Seconds(0.68));
  EXPECT_GT(log_normal[841], absl::Seconds(1.48));
  EXPECT_LT(log_normal[841], absl::Seconds(1.83));
  const auto constant = lengths(R"("logNormal": {"median": "2s"})");
  EXPECT_EQ(constant.front(), absl::Seconds(2));
  EXPECT_LE(lengths(R"("logNormal": {"median": "3600s", "sigma": 10})").back(),
            absl::Hours(24));
  // One call's pauses differ.
  const auto fault = MakeFault(R"({"pause": {"uniform": {"max": "1s"}}})");
  EXPECT_NE(fault->PauseLength({}, 0), fault->PauseLength({}, 1));
}

}  // namespace
}  // namespace spanner_session_emulator
