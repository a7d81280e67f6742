// Which faults come over which calls, and what becomes of these. Calls run
// through a pipeline as a transport would have them run.
#include "server/mock/fault_registry.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/rpc/error_details.pb.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "store/clock.h"
#include "store/session_table.h"
#include "tests/server/call/call_testing.h"
#include "tests/server/mock/mock_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

using Headers = std::map<std::string, std::string>;

class HeaderContext final : public CallContext {
 public:
  HeaderContext(std::string bytes, Headers headers)
      : bytes_(std::move(bytes)), headers_(std::move(headers)) {}
  CallProtocol Protocol() const override { return CallProtocol::kGrpc; }
  std::string Peer() const override { return ""; }
  absl::string_view Authority() const override { return ""; }
  std::optional<absl::string_view> Header(
      absl::string_view name) const override {
    const auto it = headers_.find(std::string(name));
    if (it == headers_.end()) return std::nullopt;
    return it->second;
  }
  absl::Status ReadRequest(const Method&,
                           google::protobuf::Message& request) const override {
    EXPECT_TRUE(request.ParseFromString(bytes_));
    return absl::OkStatus();
  }
  void WithRequestBytes(
      const google::protobuf::Message*,
      absl::FunctionRef<void(absl::string_view)> read) const override {
    read(bytes_);
  }

 private:
  const std::string bytes_;
  const Headers headers_;
};

// Three messages, and an end.
class ThreeMessages final : public ReplySource {
 public:
  explicit ThreeMessages(absl::Status end) : end_(std::move(end)) {}
  ReplyStep Next() override {
    if (sent_ == 3) return ReplyStep::End(end_);
    message_.set_resume_token(absl::StrCat(++sent_));
    return ReplyStep::Message(&message_);
  }

 private:
  const absl::Status end_;
  int sent_ = 0;
  api::PartialResultSet message_;
};

class FaultRegistryTest : public ::testing::Test {
 protected:
  // A call that is under way.
  struct Running {
    Running(const Method& method, const google::protobuf::Message& request,
            Headers headers)
        : context(request.SerializeAsString(), std::move(headers)),
          call(method, context, Call::Unary::kMayWait) {}

    // Goes on until it waits or ends; returns what it has seen since the last
    // time: `1 2 wait`, `message OK`, `NOT_FOUND`.
    std::string Go() {
      std::vector<std::string> seen;
      while (true) {
        const ReplyStep step = source->Next();
        switch (step.kind) {
          case ReplyStep::Kind::kMessage: {
            const auto* row =
                dynamic_cast<const api::PartialResultSet*>(step.message);
            seen.push_back(row == nullptr ? "message" : row->resume_token());
            continue;
          }
          case ReplyStep::Kind::kWait:
            source->OnReady([this] { ++woken; });
            seen.push_back("wait");
            break;
          case ReplyStep::Kind::kCut:
            seen.push_back("cut");
            break;
          case ReplyStep::Kind::kEnd:
            status = step.status;
            seen.push_back(absl::StatusCodeToString(status.code()));
            break;
        }
        return absl::StrJoin(seen, " ");
      }
    }

    HeaderContext context;
    Call call;
    std::unique_ptr<ReplySource> source;
    absl::Status status;
    int woken = 0;
  };

  FaultRegistryTest() {
    table_.AddService(SpannerService(), [this](Call& call) {
      ++handled_;
      if (call.method().server_streaming) {
        return Reply::Stream(std::make_unique<ThreeMessages>(end_));
      }
      return end_.ok() ? Reply::Message(&response_) : Reply::Error(end_);
    });
  }

  FaultRegistry::Entry Add(absl::string_view json) {
    auto fault = Fault::Make(FromJson<v1::Fault>(json));
    EXPECT_TRUE(fault.ok()) << fault.status();
    std::vector<std::unique_ptr<Fault>> faults;
    faults.push_back(*std::move(fault));
    auto added = registry_.Add(std::move(faults));
    EXPECT_TRUE(added.ok()) << added.status();
    return added->front();
  }

  std::unique_ptr<Running> Start(absl::string_view method,
                                 const google::protobuf::Message& request,
                                 Headers headers = {}) {
    auto running = std::make_unique<Running>(
        *FindMethod(table_, absl::StrCat("google.spanner.v1.Spanner.", method)),
        request, std::move(headers));
    auto begun = pipeline_.Begin(running->call);
    running->source = std::move(begun.reply).TakeSource();
    return running;
  }
  std::string Run(absl::string_view method,
                  const google::protobuf::Message& request,
                  Headers headers = {}) {
    return Start(method, request, std::move(headers))->Go();
  }

  // As text format.
  template <typename Request>
  Request Of(const std::string& fields = "") {
    Request request;
    EXPECT_TRUE(
        google::protobuf::TextFormat::ParseFromString(fields, &request));
    request.set_session(session_);
    return request;
  }
  std::string Get() {
    api::GetSessionRequest request;
    request.set_name(session_);
    return Run("GetSession", request);
  }
  std::string Sql(const std::string& sql) {
    auto request = Of<api::ExecuteSqlRequest>();
    request.set_sql(sql);
    return Run("ExecuteSql", request);
  }
  std::unique_ptr<Running> StartStream() {
    return Start("ExecuteStreamingSql", Of<api::ExecuteSqlRequest>());
  }

  std::string NewSession(const std::string& label, bool multiplexed = false) {
    SessionTemplate what;
    if (!multiplexed) {
      what.attributes.labels = Labels::Make({{"env", label}}).value();
    }
    what.multiplexed = multiplexed;
    return store_
        .Create(DatabaseName::Parse(std::string(kDatabase)).value(), what, 1)[0]
        .name.full();
  }

  Clock clock_{absl::UnixEpoch()};
  SessionTable store_{&clock_, {}};
  const std::string session_ = NewSession("dev");
  FaultRegistry registry_{
      {.store = &store_, .permission_denied = [](const Call& call) {
         return errors::PermissionMissing("spanner.test", call.resource());
       }}};
  const Pipeline pipeline_{nullptr, nullptr, nullptr, &registry_};
  MethodTable table_;
  int handled_ = 0;
  absl::Status end_;
  api::Session response_;
};

constexpr char kUnavailable[] = R"("status": "UNAVAILABLE")";

// ---- Which calls.

TEST_F(FaultRegistryTest, WithoutFaultsNobodyAsksForThem) {
  EXPECT_FALSE(registry_.active());
  EXPECT_EQ(Get(), "message OK");
  Add(R"({"times": 1, "status": "UNAVAILABLE"})");
  EXPECT_TRUE(registry_.active());
  EXPECT_EQ(Get(), "UNAVAILABLE");
  EXPECT_FALSE(registry_.active());  // It is used up.
  Add(R"({"status": "UNAVAILABLE"})");
  EXPECT_TRUE(registry_.active());
  EXPECT_TRUE(registry_.Delete("faults/2"));
  EXPECT_FALSE(registry_.active());
}

TEST_F(FaultRegistryTest, MatchesByMethod) {
  Add(R"({"match": {"methods": ["Commit", "google.spanner.v1.Spanner.Read"]},
          "status": "UNAVAILABLE"})");
  EXPECT_EQ(Get(), "message OK");
  EXPECT_EQ(Run("Commit", Of<api::CommitRequest>()), "UNAVAILABLE");
  EXPECT_EQ(Run("Read", Of<api::ReadRequest>()), "UNAVAILABLE");
}

TEST_F(FaultRegistryTest, MatchesByScopeAndSession) {
  Add(R"({"match": {"scope": "projects/p/instances/other"},
          "status": "UNAVAILABLE"})");
  Add(R"({"match": {"scope": "projects/p/instances/i/databases/d2"},
          "status": "UNAVAILABLE"})");
  Add(absl::StrCat(R"({"match": {"session": ")", session_, R"(x"},)",
                   kUnavailable, "}"));
  EXPECT_EQ(Get(), "message OK");
  Add(R"({"match": {"scope": "projects/p/instances/i"}, "times": 1,
          "status": "UNAVAILABLE"})");
  EXPECT_EQ(Get(), "UNAVAILABLE");
  api::ListSessionsRequest list;
  list.set_database(std::string(kDatabase));
  Add(absl::StrCat(R"({"match": {"scope": ")", kDatabase, R"("}, "times": 1,)",
                   kUnavailable, "}"));
  EXPECT_EQ(Run("ListSessions", list), "UNAVAILABLE");
  Add(absl::StrCat(R"({"match": {"session": ")", session_, R"("},)",
                   kUnavailable, "}"));
  EXPECT_EQ(Run("ListSessions", list), "message OK");
  EXPECT_EQ(Get(), "UNAVAILABLE");
}

TEST_F(FaultRegistryTest, MatchesByLabelsAndKind) {
  const auto get = [&](const std::string& name) {
    api::GetSessionRequest request;
    request.set_name(name);
    return Run("GetSession", request);
  };
  const auto create = [&](const std::string& session) {
    api::CreateSessionRequest request;
    request.set_database(std::string(kDatabase));
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        session, request.mutable_session()));
    return Run("CreateSession", request);
  };
  const std::string prod = NewSession("prod");
  const std::string multiplexed = NewSession("", true);
  Add(R"({"match": {"sessionFilter": "labels.env:dev"},
          "status": "UNAVAILABLE"})");
  EXPECT_EQ(get(session_), "UNAVAILABLE");
  EXPECT_EQ(get(prod), "message OK");
  EXPECT_EQ(get(multiplexed), "message OK");
  EXPECT_EQ(get(absl::StrCat(kDatabase, "/sessions/none")), "message OK");
  EXPECT_EQ(create("labels { key: 'env' value: 'dev' }"), "UNAVAILABLE");
  EXPECT_EQ(create(""), "message OK");
  registry_.DeleteAll(Scope());
  Add(R"({"match": {"sessionKind": "MULTIPLEXED"}, "status": "UNAVAILABLE"})");
  EXPECT_EQ(get(session_), "message OK");
  EXPECT_EQ(get(multiplexed), "UNAVAILABLE");
  EXPECT_EQ(create("multiplexed: true"), "UNAVAILABLE");
  EXPECT_EQ(create(""), "message OK");
  registry_.DeleteAll(Scope());
  Add(R"({"match": {"sessionKind": "REGULAR"}, "status": "UNAVAILABLE"})");
  EXPECT_EQ(get(session_), "UNAVAILABLE");
  EXPECT_EQ(get(multiplexed), "message OK");
  api::BatchCreateSessionsRequest batch;
  batch.set_database(std::string(kDatabase));
  EXPECT_EQ(Run("BatchCreateSessions", batch), "UNAVAILABLE");
  api::ListSessionsRequest list;
  list.set_database(std::string(kDatabase));
  EXPECT_EQ(Run("ListSessions", list), "message OK");
  // To look at sessions is no use of them.
  ASSERT_TRUE(clock_.Advance(absl::Minutes(50)).ok());
  EXPECT_EQ(get(session_), "UNAVAILABLE");
  ASSERT_TRUE(clock_.Advance(absl::Minutes(20)).ok());
  EXPECT_EQ(get(session_), "message OK");
}

TEST_F(FaultRegistryTest, MatchesByStatement) {
  Add(R"({"match": {"sql": "SELECT  1"}, "status": "UNAVAILABLE"})");
  Add(R"({"match": {"sqlPrefix": "UPDATE T"}, "status": "ABORTED"})");
  Add(R"({"match": {"sqlPattern": "DELETE .*"}, "status": "ABORTED"})");
  EXPECT_EQ(Sql(" SELECT\n1 "), "UNAVAILABLE");
  EXPECT_EQ(Sql("SELECT 12"), "message OK");
  EXPECT_EQ(Sql("UPDATE T SET a = 1"), "ABORTED");
  EXPECT_EQ(Sql("DELETE FROM T"), "ABORTED");
  EXPECT_EQ(Sql("X DELETE FROM T"), "message OK");
  EXPECT_EQ(Get(), "message OK");
  EXPECT_EQ(Run("ExecuteBatchDml",
                Of<api::ExecuteBatchDmlRequest>(
                    "statements { sql: 'INSERT' } statements { sql: 'DELETE "
                    "FROM T' }")),
            "ABORTED");
  EXPECT_EQ(
      Run("PartitionQuery", Of<api::PartitionQueryRequest>("sql: 'SELECT 1'")),
      "UNAVAILABLE");
}

TEST_F(FaultRegistryTest, MatchesByTagsAndHeaders) {
  Add(R"({"match": {"requestTag": "a"}, "status": "UNAVAILABLE"})");
  Add(R"({"match": {"transactionTag": "b"}, "status": "ABORTED"})");
  Add(R"({"match": {"headers": [{"name": "X-One", "value": "1"},
                                {"name": "x-any"}]},
          "status": "PERMISSION_DENIED"})");
  const auto commit = [&](const std::string& options, Headers headers = {}) {
    return Run("Commit",
               Of<api::CommitRequest>(
                   absl::StrCat("request_options { ", options, " }")),
               std::move(headers));
  };
  EXPECT_EQ(commit("request_tag: 'a'"), "UNAVAILABLE");
  EXPECT_EQ(commit("request_tag: 'aa'"), "message OK");
  EXPECT_EQ(commit("transaction_tag: 'b'"), "ABORTED");
  EXPECT_EQ(commit("", {{"x-one", "1"}, {"x-any", "?"}}), "PERMISSION_DENIED");
  EXPECT_EQ(commit("", {{"x-one", "2"}, {"x-any", "?"}}), "message OK");
  EXPECT_EQ(commit("", {{"x-one", "1"}}), "message OK");
}

// ---- Which of several.

TEST_F(FaultRegistryTest, SeveralAreAQueueInTheOrderOfTheirCreation) {
  Add(R"({"times": 1, "status": "UNAVAILABLE"})");
  Add(R"({"times": 2, "status": "ABORTED"})");
  Add(R"({"times": 1, "status": "RESOURCE_EXHAUSTED"})");
  for (const char* expected : {"UNAVAILABLE", "ABORTED", "ABORTED",
                               "RESOURCE_EXHAUSTED", "message OK"}) {
    EXPECT_EQ(Get(), expected);
  }
  EXPECT_EQ(handled_, 1);
  const auto entries = registry_.List(0, 10);
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_EQ(entries[0].hit_count, 1);
  EXPECT_EQ(entries[1].hit_count, 2);
  // It was asked by all calls before it was used up.
  EXPECT_EQ(entries[2].match_count, 4);
}

TEST_F(FaultRegistryTest, NthAndSkipCountMatchingCalls) {
  Add(R"({"match": {"methods": ["GetSession"], "nth": 2},
          "status": "UNAVAILABLE"})");
  Add(R"({"match": {"methods": ["GetSession"], "skip": 2}, "times": 1,
          "status": "ABORTED"})");
  EXPECT_EQ(Sql("x"), "message OK");
  for (const char* expected :
       {"message OK", "UNAVAILABLE", "ABORTED", "message OK"}) {
    EXPECT_EQ(Get(), expected);
  }
}

TEST_F(FaultRegistryTest, ChanceDoesNotDependOnWhatRunsBeside) {
  constexpr char kFault[] =
      R"({"name": "faults/half", "match": {"methods": ["GetSession"],
          "probability": 0.5}, "status": "UNAVAILABLE"})";
  const auto outcome = [&] {
    std::string all;
    for (int i = 0; i < 64; ++i) all += Get()[0];
    return all;
  };
  Add(kFault);
  const std::string first = outcome();
  EXPECT_THAT(first, HasSubstr("U"));
  EXPECT_THAT(first, HasSubstr("m"));
  registry_.DeleteAll(Scope());
  Add(R"({"match": {"methods": ["ExecuteSql"], "probability": 0.5},
          "status": "ABORTED"})");
  Add(kFault);
  std::string second;
  for (int i = 0; i < 64; ++i) {
    Sql("x");
    second += Get()[0];
  }
  EXPECT_EQ(second, first);
  registry_.DeleteAll(Scope());
  registry_.SetSeed(5);
  EXPECT_EQ(registry_.seed(), 5);
  Add(kFault);
  EXPECT_NE(outcome(), first);
  registry_.DeleteAll(Scope());
  EXPECT_EQ(registry_.seed(), 0);
  Add(kFault);
  EXPECT_EQ(outcome(), first);
}

TEST_F(FaultRegistryTest, WhatLetsTheCallGoOnIsFollowedByTheRest) {
  Add(R"({"pause": {"fixed": "3600s"}})");
  Add(R"({"pause": {"fixed": "3600s"}})");  // One pause is enough.
  Add(R"({"headers": [{"name": "a", "value": "1"}]})");
  Add(R"({"status": "ABORTED", "headers": [{"name": "b", "value": "2"}]})");
  Add(R"({"status": "UNAVAILABLE"})");  // So is one effect.
  const auto running = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(running->Go(), "wait");
  EXPECT_EQ(registry_.Release("faults/1"), 1);
  EXPECT_EQ(running->Go(), "ABORTED");
  EXPECT_THAT(running->call.reply_metadata->headers,
              ElementsAre(Pair("a", "1"), Pair("b", "2")));
  std::vector<int64_t> hits;
  for (const auto& entry : registry_.List(0, 10)) {
    hits.push_back(entry.hit_count);
  }
  EXPECT_THAT(hits, ElementsAre(1, 0, 1, 1, 0));
}

TEST_F(FaultRegistryTest, AFrozenStreamIsLetGoStepByStep) {
  Add(R"({"afterMessages": 1, "freezeEachMessage": true})");
  const auto stream = StartStream();
  EXPECT_EQ(stream->Go(), "1 wait");
  EXPECT_EQ(registry_.Release("faults/1"), 1);
  EXPECT_EQ(stream->Go(), "2 wait");
  EXPECT_EQ(registry_.Release("faults/1"), 1);
  EXPECT_EQ(stream->Go(), "3 wait");
  EXPECT_EQ(registry_.Release("faults/1"), 1);
  EXPECT_EQ(stream->Go(), "OK");
}

// ---- What happens.

TEST_F(FaultRegistryTest, BeforeTheHandlerDoesNotRunAfterItHas) {
  Add(R"({"times": 1, "status": "UNAVAILABLE"})");
  EXPECT_EQ(Get(), "UNAVAILABLE");
  EXPECT_EQ(handled_, 0);
  Add(R"({"times": 1, "when": "AFTER", "status": "UNAVAILABLE"})");
  EXPECT_EQ(Get(), "UNAVAILABLE");
  EXPECT_EQ(handled_, 1);
  Add(R"({"times": 1, "when": "AT_END", "status": "UNAVAILABLE"})");
  EXPECT_EQ(Get(), "UNAVAILABLE");
  EXPECT_EQ(handled_, 2);
  // Also in the place of the handler's own error.
  end_ = absl::OutOfRangeError("");
  Add(R"({"times": 1, "when": "AFTER", "status": "UNAVAILABLE"})");
  EXPECT_EQ(Get(), "UNAVAILABLE");
  EXPECT_EQ(Get(), "OUT_OF_RANGE");
}

TEST_F(FaultRegistryTest, TheReadyMadeAreAboutTheCallsOwn) {
  const auto status_of = [&](absl::string_view status) {
    Add(absl::StrCat(R"({"times": 1, "status": ")", status, "\"}"));
    const auto running = Start("Commit", Of<api::CommitRequest>());
    running->Go();
    return running->status;
  };
  EXPECT_EQ(status_of("SESSION_NOT_FOUND"), errors::SessionNotFound(session_));
  EXPECT_EQ(status_of("DATABASE_NOT_FOUND"),
            errors::DatabaseNotFound(kDatabase));
  EXPECT_EQ(status_of("ABORTED"), errors::TransactionAborted());
  EXPECT_EQ(status_of("UNAVAILABLE"), errors::ServiceUnavailable(std::nullopt));
  EXPECT_EQ(status_of("DEADLINE_EXCEEDED"), errors::DeadlineExpired());
  EXPECT_EQ(status_of("RESOURCE_EXHAUSTED"),
            errors::QuotaExhausted(std::nullopt));
  // (Its details have a map, whose order in bytes is not fixed.)
  EXPECT_EQ(status_of("PERMISSION_DENIED").message(),
            errors::PermissionMissing("spanner.test", session_).message());
  // Not of a call that has no session.
  Add(R"({"status": "SESSION_NOT_FOUND"})");
  api::ListSessionsRequest list;
  list.set_database(std::string(kDatabase));
  EXPECT_EQ(Run("ListSessions", list), "message OK");
}

TEST_F(FaultRegistryTest, TheDelayIsInRetryInfo) {
  for (const char* status : {"ABORTED", "UNAVAILABLE", "RESOURCE_EXHAUSTED"}) {
    Add(absl::StrCat(R"({"times": 1, "retryDelay": "1.5s", "status": ")",
                     status, "\"}"));
    const auto running = Start("Commit", Of<api::CommitRequest>());
    EXPECT_EQ(running->Go(), status);
    google::rpc::RetryInfo info;
    const auto payload =
        running->status.GetPayload("type.googleapis.com/google.rpc.RetryInfo");
    ASSERT_TRUE(payload.has_value());
    ASSERT_TRUE(info.ParseFromString(std::string(*payload)));
    EXPECT_EQ(info.retry_delay().seconds(), 1);
    EXPECT_EQ(info.retry_delay().nanos(), 500'000'000);
  }
}

TEST_F(FaultRegistryTest, AnErrorIsAsItSays) {
  Add(R"({"error": {"code": "DATA_LOSS", "message": "gone", "details": [
      {"@type": "type.googleapis.com/google.rpc.RetryInfo",
       "retryDelay": "2s"}]}})");
  const auto running = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(running->Go(), "DATA_LOSS");
  EXPECT_EQ(running->status.message(), "gone");
  EXPECT_TRUE(
      running->status.GetPayload("type.googleapis.com/google.rpc.RetryInfo")
          .has_value());
}

TEST_F(FaultRegistryTest, AStreamIsHitBetweenItsMessages) {
  struct Row {
    const char* fields;
    const char* seen;
  };
  for (const Row& row : std::vector<Row>{
           {R"("when": "BEFORE")", "UNAVAILABLE"},
           {R"("when": "AFTER")", "UNAVAILABLE"},
           {R"("afterMessages": 1)", "1 UNAVAILABLE"},
           {R"("afterMessages": 3)", "1 2 3 UNAVAILABLE"},
           {R"("afterMessages": 9)", "1 2 3 UNAVAILABLE"},
           {R"("when": "AT_END")", "1 2 3 UNAVAILABLE"},
       }) {
    Add(absl::StrCat(R"({"times": 1, "status": "UNAVAILABLE", )", row.fields,
                     "}"));
    EXPECT_EQ(StartStream()->Go(), row.seen) << row.fields;
  }
  EXPECT_EQ(StartStream()->Go(), "1 2 3 OK");
  // After messages: not for calls that have but one.
  Add(R"({"afterMessages": 1, "status": "UNAVAILABLE"})");
  EXPECT_EQ(Get(), "message OK");
  registry_.DeleteAll(Scope());
  Add(R"({"afterMessages": 2, "cutConnection": true})");
  EXPECT_EQ(StartStream()->Go(), "1 2 cut");
}

TEST_F(FaultRegistryTest, AFrozenCallGoesOnWhenItIsReleased) {
  Add(R"({"freeze": true, "when": "AFTER"})");
  const auto running = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(running->Go(), "wait");
  EXPECT_EQ(handled_, 1);
  EXPECT_EQ(running->Go(), "wait");  // Nothing has changed.
  EXPECT_EQ(registry_.Find("faults/1")->held_call_count, 1);
  EXPECT_EQ(running->woken, 0);
  EXPECT_EQ(registry_.Release("faults/1"), 1);
  EXPECT_EQ(running->woken, 1);
  EXPECT_EQ(registry_.Find("faults/1")->held_call_count, 0);
  EXPECT_EQ(running->Go(), "message OK");
  // The fault is still there.
  const auto again = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(again->Go(), "wait");
  EXPECT_TRUE(registry_.Delete("faults/1"));
  EXPECT_EQ(again->Go(), "message OK");
  EXPECT_EQ(Get(), "message OK");
}

TEST_F(FaultRegistryTest, WhatIsHeldAtOnceIsHeldBeforeItsReplyIsAskedFor) {
  // So whoever finds the call in the journal can release it.
  Add(R"({"match": {"methods": ["Commit"]}, "freeze": true})");
  Add(R"({"match": {"methods": ["Read"]}, "swallow": true})");
  const auto frozen = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(registry_.Find("faults/1")->held_call_count, 1);
  EXPECT_EQ(registry_.Release("faults/1"), 1);
  EXPECT_EQ(frozen->Go(), "message OK");
  const auto swallowed = Start("Read", Of<api::ReadRequest>());
  EXPECT_EQ(registry_.Find("faults/2")->held_call_count, 1);
  EXPECT_EQ(registry_.Release("faults/2"), 1);
  EXPECT_EQ(swallowed->Go(), "DEADLINE_EXCEEDED");
  Add(R"({"match": {"methods": ["GetSession"]}, "when": "AFTER",
          "freeze": true})");
  api::GetSessionRequest get;
  get.set_name(session_);
  const auto answered = Start("GetSession", get);
  EXPECT_EQ(handled_, 2);
  EXPECT_EQ(registry_.Release("faults/3"), 1);
  EXPECT_EQ(answered->Go(), "message OK");
  EXPECT_EQ(handled_, 2);
}

TEST_F(FaultRegistryTest, AResetEndsWhatIsHeld) {
  Add(R"({"match": {"methods": ["Commit"]}, "freeze": true})");
  Add(R"({"match": {"methods": ["Read"]}, "swallow": true})");
  Add(R"({"match": {"methods": ["GetSession"]}, "when": "AFTER",
          "pause": {"fixed": "3600s"}})");
  const auto frozen = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(frozen->Go(), "wait");
  const auto swallowed = Start("Read", Of<api::ReadRequest>());
  EXPECT_EQ(swallowed->Go(), "wait");
  api::GetSessionRequest get;
  get.set_name(session_);
  const auto paused = Start("GetSession", get);
  EXPECT_EQ(paused->Go(), "wait");
  EXPECT_EQ(handled_, 1);
  registry_.Reset(Scope::Parse("projects/q").value());
  EXPECT_EQ(frozen->woken, 0);
  registry_.Reset(Scope());
  for (Running* held : {frozen.get(), swallowed.get(), paused.get()}) {
    EXPECT_EQ(held->woken, 1);
    EXPECT_EQ(held->Go(), "CANCELLED");
  }
  EXPECT_EQ(handled_, 1);
  EXPECT_EQ(Get(), "message OK");
}

TEST_F(FaultRegistryTest, AnAbortedErrorAbortsTheTransaction) {
  Add(R"({"match": {"methods": ["Commit"]}, "times": 1,
          "error": {"code": "ABORTED", "message": "Mine."}})");
  const SessionName name = SessionName::Parse(session_).value();
  TransactionGrant grant;
  ASSERT_TRUE(
      store_.UseTransactions(name, [&](SessionTransactions& transactions) {
        transactions.Begin({.kind = TransactionKind::kReadWrite}, false, grant);
      }));
  auto commit = Of<api::CommitRequest>();
  commit.set_transaction_id(grant.id);
  EXPECT_EQ(Run("Commit", commit), "ABORTED");
  EXPECT_FALSE(store_.AbortTransaction(name, grant.id));  // It is already.
}

TEST_F(FaultRegistryTest, BeforeTheHandlerNothingIsLookedAtInAFreeze) {
  Add(R"({"freeze": true, "status": "ABORTED"})");
  const auto running = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(running->Go(), "wait");
  EXPECT_EQ(handled_, 0);
  EXPECT_EQ(registry_.Release("faults/1"), 1);
  EXPECT_EQ(running->Go(), "ABORTED");
  EXPECT_EQ(handled_, 0);
}

TEST_F(FaultRegistryTest, AStreamIsFrozenBetweenItsMessages) {
  Add(R"({"freeze": true, "afterMessages": 2})");
  const auto running = StartStream();
  EXPECT_EQ(running->Go(), "1 2 wait");
  registry_.Release("faults/1");
  EXPECT_EQ(running->Go(), "3 OK");
}

TEST_F(FaultRegistryTest, APauseMayComeAtEachMessage) {
  Add(R"({"pause": {"fixed": "3600s", "eachMessage": true},
          "afterMessages": 1})");
  const auto running = StartStream();
  EXPECT_EQ(running->Go(), "1 wait");
  for (const char* seen : {"2 wait", "3 wait", "OK"}) {
    EXPECT_EQ(registry_.Release("faults/1"), 1);
    EXPECT_EQ(running->Go(), seen);
  }
}

TEST_F(FaultRegistryTest, APauseEnds) {
  Add(R"({"pause": {"fixed": "0.001s"}})");
  const auto running = Start("Commit", Of<api::CommitRequest>());
  std::string seen = running->Go();
  while (seen == "wait") {
    std::this_thread::yield();
    seen = running->Go();
  }
  EXPECT_EQ(seen, "message OK");
}

TEST_F(FaultRegistryTest, ASwallowedReplyIsNotToCome) {
  Add(R"({"swallow": true, "when": "AFTER"})");
  const auto running = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(running->Go(), "wait");
  EXPECT_EQ(handled_, 1);
  EXPECT_EQ(registry_.DeleteAll(Scope()), 1);
  EXPECT_EQ(running->Go(), "DEADLINE_EXCEEDED");
}

TEST_F(FaultRegistryTest, AFaultThatIsGoneHoldsNobody) {
  Add(R"({"freeze": true, "afterMessages": 2})");
  const auto running = StartStream();
  registry_.Delete("faults/1");
  EXPECT_EQ(running->Go(), "1 2 3 OK");
}

TEST_F(FaultRegistryTest, ShutDownEndsWhatHasNoEnd) {
  Add(R"({"match": {"methods": ["Commit"]}, "freeze": true})");
  Add(R"({"match": {"methods": ["Read"]}, "swallow": true})");
  Add(R"({"match": {"methods": ["Rollback"]}, "pause": {"fixed": "3600s"}})");
  const auto frozen = Start("Commit", Of<api::CommitRequest>());
  EXPECT_EQ(frozen->Go(), "wait");
  const auto swallowed = Start("Read", Of<api::ReadRequest>());
  EXPECT_EQ(swallowed->Go(), "wait");
  const auto paused = Start("Rollback", Of<api::RollbackRequest>());
  EXPECT_EQ(paused->Go(), "wait");
  registry_.ShutDown();
  EXPECT_EQ(frozen->Go(), "UNAVAILABLE");
  EXPECT_EQ(frozen->status, errors::ShuttingDown());
  EXPECT_EQ(swallowed->Go(), "UNAVAILABLE");
  EXPECT_EQ(paused->Go(), "wait");
  // So it is with those that come now.
  EXPECT_EQ(Run("Commit", Of<api::CommitRequest>()), "UNAVAILABLE");
}

TEST_F(FaultRegistryTest, AbortedIsTheTransactionIndeed) {
  Add(R"({"status": "ABORTED", "match": {"methods": ["Commit"]}})");
  const SessionName session = SessionName::Parse(session_).value();
  TransactionGrant grant;
  ASSERT_TRUE(
      store_.UseTransactions(session, [&](SessionTransactions& transactions) {
        EXPECT_EQ(transactions.Begin({.kind = TransactionKind::kReadWrite},
                                     false, grant),
                  TransactionProblem::kNone);
      }));
  auto commit = Of<api::CommitRequest>();
  commit.set_transaction_id(grant.id);
  EXPECT_EQ(Run("Commit", commit), "ABORTED");
  ASSERT_TRUE(
      store_.UseTransactions(session, [&](SessionTransactions& transactions) {
        CommitGrant committed;
        EXPECT_EQ(transactions.Commit(grant.id, {}, committed),
                  TransactionProblem::kAborted);
      }));
}

TEST_F(FaultRegistryTest, ACommitLosesItsTokenAndNothingElseDoes) {
  bool has_token = false;
  table_.Set("google.spanner.v1.Spanner.Commit",
             api::CommitRequest::default_instance(), [&](Call& call) {
               has_token =
                   call.request<api::CommitRequest>().has_precommit_token();
               return Reply::Message(&response_);
             });
  Add(R"({"times": 1, "askForCommitRetry": true})");
  EXPECT_EQ(Get(), "message OK");
  auto commit = Of<api::CommitRequest>();
  commit.mutable_precommit_token()->set_seq_num(1);
  EXPECT_EQ(Run("Commit", commit), "message OK");
  EXPECT_FALSE(has_token);
  EXPECT_EQ(Run("Commit", commit), "message OK");
  EXPECT_TRUE(has_token);
}

// ---- The faults themselves.

TEST_F(FaultRegistryTest, NamesAreUniqueAndAllAreAddedOrNone) {
  EXPECT_EQ(Add(R"({"freeze": true})").fault->name(), "faults/1");
  EXPECT_EQ(Add(R"({"name": "faults/2", "freeze": true})").number, 2);
  EXPECT_EQ(Add(R"({"freeze": true})").fault->name(), "faults/3");
  std::vector<std::unique_ptr<Fault>> faults;
  for (const char* name : {"faults/a", "faults/2"}) {
    v1::Fault proto;
    proto.set_name(name);
    proto.set_freeze(true);
    faults.push_back(Fault::Make(proto).value());
  }
  EXPECT_EQ(registry_.Add(std::move(faults)).status(),
            errors::FaultExists("faults/2"));
  EXPECT_THAT(registry_.List(0, 10), SizeIs(3));
  EXPECT_THAT(registry_.List(1, 1), SizeIs(1));
  EXPECT_FALSE(registry_.Find("faults/a").has_value());
  EXPECT_FALSE(registry_.Delete("faults/a"));
  EXPECT_EQ(registry_.Release("faults/a"), std::nullopt);
  // Names begin anew where everything does.
  EXPECT_EQ(registry_.DeleteAll(Scope()), 3);
  EXPECT_EQ(Add(R"({"freeze": true})").fault->name(), "faults/1");
}

TEST_F(FaultRegistryTest, DeleteAllKeepsToItsScope) {
  Add(R"({"freeze": true})");
  Add(R"({"freeze": true, "match": {"scope": "projects/p"}})");
  Add(R"({"freeze": true, "match": {"scope": "projects/p/instances/i"}})");
  Add(absl::StrCat(R"({"freeze": true, "match": {"session": ")", session_,
                   R"("}})"));
  Add(R"({"freeze": true, "match": {"scope": "projects/p/instances/i2"}})");
  registry_.SetSeed(3);
  EXPECT_EQ(registry_.DeleteAll(Scope::Parse("projects/p/instances/i").value()),
            2);
  EXPECT_EQ(registry_.seed(), 3);
  EXPECT_THAT(registry_.List(0, 10), SizeIs(3));
  EXPECT_EQ(registry_.DeleteAll(Scope::Parse("projects/p").value()), 2);
}

}  // namespace
}  // namespace spanner_session_emulator
