// The control API over every protocol, and the same in C++. What it does to
// sessions in detail is the business of tests/store.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/api/annotations.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "spanner_session_emulator/v1/auth.grpc.pb.h"
#include "spanner_session_emulator/v1/clock.grpc.pb.h"
#include "spanner_session_emulator/v1/reset.grpc.pb.h"
#include "spanner_session_emulator/v1/sessions.grpc.pb.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kFailedPrecondition =
    absl::StatusCode::kFailedPrecondition;

constexpr absl::Duration kMicrosecond = absl::Microseconds(1);

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}
absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) +
         absl::Nanoseconds(duration.nanos());
}
std::string TimeText(absl::Time time) {
  const int64_t micros = absl::ToUnixMicros(time);
  return absl::StrCat("{ seconds: ", micros / 1'000'000,
                      " nanos: ", micros % 1'000'000 * 1'000, " }");
}

// Created, deleted, expired, alive.
MATCHER_P4(Counts, created, deleted, expired, alive, "") {
  *result_listener << arg.ShortDebugString();
  return arg.created() == created && arg.deleted() == deleted &&
         arg.expired() == expired && arg.alive() == alive;
}

// A method of the control API, as `ClockService.GetClock`.
const google::protobuf::MethodDescriptor& Method(absl::string_view name) {
  return *google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
      absl::StrCat("spanner_session_emulator.v1.", name));
}

class ControlTest : public ::testing::TestWithParam<Transport> {
 protected:
  ControlTest() { StartWith({}); }

  // Goes on with another emulator.
  void StartWith(EmulatorOptions options) {
    client_.reset();
    caller_.reset();
    emulator_ = StartEmulator(std::move(options));
    caller_ = MakeCaller(*emulator_, GetParam());
    client_ =
        std::make_unique<SpannerClient>(MakeCaller(*emulator_, GetParam()));
  }

  // `method` as `ClockService.GetClock`; requests are given as text.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Invoke(absl::string_view method,
                                  absl::string_view request) {
    return ToResponse<Response>(
        caller_->Call(Method(method), FromText<Request>(request)));
  }
  auto GetClock(absl::string_view request = "") {
    return Invoke<v1::GetClockRequest, v1::Clock>("ClockService.GetClock",
                                                  request);
  }
  auto AdvanceClock(absl::string_view request) {
    return Invoke<v1::AdvanceClockRequest, v1::Clock>(
        "ClockService.AdvanceClock", request);
  }
  auto SetClock(absl::string_view request) {
    return Invoke<v1::SetClockRequest, v1::Clock>("ClockService.SetClock",
                                                  request);
  }
  auto RunClock() {
    return Invoke<v1::RunClockRequest, v1::Clock>("ClockService.RunClock", "");
  }
  auto StopClock() {
    return Invoke<v1::StopClockRequest, v1::Clock>("ClockService.StopClock",
                                                   "");
  }
  auto Expire(absl::string_view request) {
    return Invoke<v1::ExpireSessionsRequest, v1::ExpireSessionsResponse>(
        "SessionService.ExpireSessions", request);
  }
  auto Delete(absl::string_view request) {
    return Invoke<v1::DeleteSessionsRequest, v1::DeleteSessionsResponse>(
        "SessionService.DeleteSessions", request);
  }
  auto GetCounts(absl::string_view request = "") {
    return Invoke<v1::GetSessionCountsRequest, v1::GetSessionCountsResponse>(
        "SessionService.GetSessionCounts", request);
  }
  auto Abort(absl::string_view request) {
    return Invoke<v1::AbortTransactionsRequest, v1::AbortTransactionsResponse>(
        "SessionService.AbortTransactions", request);
  }
  auto SetLimits(absl::string_view request) {
    return Invoke<v1::SetSessionLimitsRequest, v1::SessionLimits>(
        "SessionService.SetSessionLimits", request);
  }
  auto Leaks(absl::string_view request = "") {
    return Invoke<v1::ListLeakedSessionsRequest,
                  v1::ListLeakedSessionsResponse>(
        "SessionService.ListLeakedSessions", request);
  }
  auto Reset(absl::string_view request = "") {
    return Invoke<v1::ResetRequest, v1::ResetResponse>("ResetService.Reset",
                                                       request);
  }

  absl::StatusOr<api::ResultSet> Execute(absl::string_view request) {
    return ToResponse<api::ResultSet>(
        caller_->Call(*api::Session::descriptor()
                           ->file()
                           ->FindServiceByName("Spanner")
                           ->FindMethodByName("ExecuteSql"),
                      FromText<api::ExecuteSqlRequest>(request)));
  }

  std::vector<std::string> LeakedNames(absl::string_view request = "") {
    std::vector<std::string> names;
    const auto response = Leaks(request);
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return names;
    for (const auto& session : response->sessions()) {
      names.push_back(session.name());
    }
    return names;
  }

  std::string Create(absl::string_view session = "",
                     absl::string_view database = kDatabase) {
    return client().Create(session, database).value().name();
  }
  bool Alive(const std::string& name) { return client().Get(name).ok(); }

  // What this test's calls have as their user agent: none in one process, where
  // gRPC has no HTTP.
  static ::testing::Matcher<const std::string&> IsThisClient() {
    switch (GetParam()) {
      case Transport::kTcp:
        return HasSubstr("grpc-c++/");
      case Transport::kRest:
        return std::string(RestCaller::kUserAgent);
      default:
        return IsEmpty();
    }
  }

  void Advance(absl::Duration by) {
    ASSERT_TRUE(emulator_->clock().Advance(by).ok());
  }

  Emulator& emulator() { return *emulator_; }
  SpannerClient& client() { return *client_; }
  Caller& caller() { return *caller_; }

 private:
  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<SpannerClient> client_;
  std::unique_ptr<Caller> caller_;
};

INSTANTIATE_ALL_TRANSPORTS(ControlTest);

// What JSON cannot say.
class GrpcControlTest : public ControlTest {};

INSTANTIATE_TRANSPORTS(GrpcControlTest);

// ---- The clock.

TEST_P(ControlTest, TheClockIsRead) {
  const v1::Clock clock = GetClock().value();
  EXPECT_EQ(clock.name(), "clock");
  EXPECT_EQ(ToTime(clock.time()), StartTime());
  EXPECT_EQ(clock.state(), v1::Clock::STOPPED);
  EXPECT_THAT(GetClock("name: 'clock'"), IsOk());
  EXPECT_THAT(GetClock("name: 'clocks/1'"),
              StatusIs(kInvalidArgument,
                       "Invalid GetClock request: name must be \"clock\" or "
                       "empty, but is \"clocks/1\""));
}

TEST_P(ControlTest, AdvancingPassesDeadlines) {
  const std::string name = Create();
  const absl::Duration ttl = absl::Hours(1);
  EXPECT_EQ(ToTime(AdvanceClock("duration { seconds: 3600 }")->time()),
            StartTime() + ttl);
  EXPECT_EQ(LeakedNames(), std::vector<std::string>{name});
  const v1::Clock clock = AdvanceClock("duration { nanos: 1999 }").value();
  EXPECT_EQ(ToTime(clock.time()), StartTime() + ttl + kMicrosecond);
  EXPECT_EQ(clock.state(), v1::Clock::STOPPED);
  EXPECT_FALSE(Alive(name));
  EXPECT_THAT(AdvanceClock("duration {}"), IsOk());
}

TEST_P(ControlTest, TheClockIsSet) {
  const absl::Time to = StartTime() + absl::Hours(5);
  const v1::Clock clock = SetClock(absl::StrCat("time ", TimeText(to))).value();
  EXPECT_EQ(ToTime(clock.time()), to);
  EXPECT_EQ(emulator().clock().Now(), to);
  EXPECT_THAT(SetClock(absl::StrCat("time ", TimeText(to))), IsOk());
}

TEST_P(ControlTest, TheClockRunsFromTheTimeThatItShowsAndStops) {
  Advance(absl::Hours(5));
  EXPECT_EQ(RunClock()->state(), v1::Clock::RUNNING);
  EXPECT_TRUE(emulator().clock().running());
  const v1::Clock clock = StopClock().value();
  EXPECT_EQ(clock.state(), v1::Clock::STOPPED);
  EXPECT_GE(ToTime(clock.time()), StartTime() + absl::Hours(5));
  EXPECT_LT(ToTime(clock.time()), StartTime() + absl::Hours(6));
  EXPECT_EQ(ToTime(GetClock()->time()), ToTime(clock.time()));
}

TEST_P(ControlTest, TheClockDoesNotGoBack) {
  const auto response =
      SetClock(absl::StrCat("time ", TimeText(StartTime() - kMicrosecond)));
  EXPECT_THAT(response,
              StatusIs(kFailedPrecondition,
                       AllOf(StartsWith("SetClock failed: time is refused: "),
                             HasSubstr("it moves forward only, from "
                                       "2023-11-14T22:13:20.123456Z on"))));
  EXPECT_THAT(SetClock("time { seconds: -62135596800 }"),
              StatusIs(kFailedPrecondition, HasSubstr("0001-01-01T00:00:00Z")));
  EXPECT_EQ(emulator().clock().Now(), StartTime());
}

TEST_P(ControlTest, TheClockDoesNotPassItsEnd) {
  EXPECT_THAT(AdvanceClock("duration { seconds: 315576000000 }"),
              StatusIs(kFailedPrecondition,
                       AllOf(StartsWith("AdvanceClock failed: duration is "
                                        "refused: "),
                             EndsWith(": the latest time that it can show is "
                                      "9999-12-31T23:59:59Z"))));
  EXPECT_THAT(SetClock("time { seconds: 253402300799 nanos: 1 }"),
              StatusIs(kInvalidArgument,
                       "Invalid SetClock request: time must "
                       "be at most 9999-12-31T23:59:59Z"));
  EXPECT_THAT(SetClock("time { seconds: 253402300799 }"), IsOk());
}

TEST_P(ControlTest, ARefusedMoveHasADetail) {
  v1::SetClockRequest request;
  request.mutable_time()->set_seconds(1);
  const Answer answer = caller().Call(Method("ClockService.SetClock"), request);
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(answer.details));
  ASSERT_EQ(status.details_size(), 1);
  google::rpc::PreconditionFailure failure;
  ASSERT_TRUE(status.details(0).UnpackTo(&failure));
  ASSERT_EQ(failure.violations_size(), 1);
  EXPECT_EQ(failure.violations(0).type(), "CLOCK");
  EXPECT_EQ(failure.violations(0).subject(), "clock");
  EXPECT_THAT(failure.violations(0).description(),
              StartsWith("time is refused: "));
}

TEST_P(ControlTest, MovesThatMakeNoSenseAreInvalid) {
  for (const auto& [request, problem] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "must be given, as \"3660s\" in JSON"},
           {"duration { seconds: -1 }", "must not be negative"},
           {"duration { nanos: -1 }", "must not be negative"}}) {
    EXPECT_THAT(
        AdvanceClock(request),
        StatusIs(kInvalidArgument,
                 AllOf(StartsWith("Invalid AdvanceClock request: duration "),
                       EndsWith(problem))));
  }
  EXPECT_THAT(SetClock(""), StatusIs(kInvalidArgument,
                                     "Invalid SetClock request: time must "
                                     "be given, as \"2030-01-01T00:00:00Z\" "
                                     "in JSON"));
  EXPECT_EQ(emulator().clock().Now(), StartTime());
}

TEST_P(GrpcControlTest, TimesOutsideTheirTypesRangeAreInvalid) {
  for (const auto& [request, problem] :
       std::vector<std::pair<std::string, std::string>>{
           {"duration { nanos: 1000000000 }", "its nanos at most 999999999"},
           {"duration { seconds: 315576000001 }",
            "at most 315576000000 s (10000 years)"}}) {
    EXPECT_THAT(
        AdvanceClock(request),
        StatusIs(kInvalidArgument,
                 AllOf(StartsWith("Invalid AdvanceClock request: duration "),
                       HasSubstr(problem))));
  }
  for (const auto& [request, problem] :
       std::vector<std::pair<std::string, std::string>>{
           {"time { nanos: -1 }", "its nanos between 0 and 999999999"},
           {"time { nanos: 1000000000 }", "its nanos between 0 and 999999999"},
           {"time { seconds: -62135596801 }", "between the years 1 and 9999"},
           {"time { seconds: 253402300800 }",
            "between the years 1 and 9999"}}) {
    EXPECT_THAT(SetClock(request),
                StatusIs(kInvalidArgument,
                         AllOf(StartsWith("Invalid SetClock request: time "),
                               HasSubstr(problem))));
  }
  EXPECT_THAT(
      Expire("selection {} expire_time { nanos: -1 }"),
      StatusIs(kInvalidArgument,
               StartsWith("Invalid ExpireSessions request: expire_time ")));
  EXPECT_EQ(emulator().clock().Now(), StartTime());
}

// ---- Sessions: expire and delete.

TEST_P(ControlTest, SessionsExpireByName) {
  const std::string a = Create(), b = Create("multiplexed: true"), c = Create();
  EXPECT_EQ(Expire(absl::StrCat("names: '", a, "' names: '", b, "' names: '", a,
                                "' names: '", kDatabase, "/sessions/none'"))
                ->session_count(),
            2);
  EXPECT_FALSE(Alive(a));
  EXPECT_FALSE(Alive(b));
  EXPECT_TRUE(Alive(c));
  EXPECT_THAT(GetCounts()->total(), Counts(3, 0, 2, 1));
}

TEST_P(ControlTest, SessionsExpireAtATime) {
  const std::string name = Create();
  const absl::Time at = StartTime() + absl::Minutes(10);
  EXPECT_EQ(
      Expire(absl::StrCat("names: '", name, "' expire_time ", TimeText(at)))
          ->session_count(),
      1);
  Advance(absl::Minutes(10) - kMicrosecond);
  EXPECT_TRUE(Alive(name));
  Advance(kMicrosecond);
  EXPECT_FALSE(Alive(name));
}

TEST_P(ControlTest, SessionsExpireOrAreDeletedBySelection) {
  const std::string env = Create("labels { key: 'env' value: 'test' }");
  const std::string other = Create("", "projects/p/instances/i/databases/d2");
  const std::string multiplexed = Create("multiplexed: true");
  Advance(absl::Minutes(10));
  const std::string young = Create();

  EXPECT_EQ(Expire("selection { scope: 'projects/q' }")->session_count(), 0);
  EXPECT_EQ(Expire("selection { filter: 'labels.env:test' }")->session_count(),
            1);
  EXPECT_FALSE(Alive(env));
  EXPECT_EQ(Delete("selection { kind: MULTIPLEXED }")->session_count(), 1);
  EXPECT_FALSE(Alive(multiplexed));
  EXPECT_EQ(Delete("selection { kind: REGULAR older_than { seconds: 599 } "
                   "idle_longer_than { seconds: 599 } }")
                ->session_count(),
            1);
  EXPECT_FALSE(Alive(other));
  EXPECT_EQ(Delete("selection { idle_longer_than {} }")->session_count(), 0);
  EXPECT_TRUE(Alive(young));
  EXPECT_EQ(Delete(absl::StrCat("selection { scope: '", kDatabase, "' }"))
                ->session_count(),
            1);
  EXPECT_EQ(Delete("selection {}")->session_count(), 0);
}

TEST_P(ControlTest, SessionsAreDeletedByName) {
  const std::string a = Create(), b = Create("multiplexed: true");
  EXPECT_EQ(
      Delete(absl::StrCat("names: '", a, "' names: '", b, "' names: '", b, "'"))
          ->session_count(),
      2);
  EXPECT_FALSE(Alive(a));
  EXPECT_FALSE(Alive(b));
  EXPECT_THAT(GetCounts()->total(), Counts(2, 2, 0, 0));
}

TEST_P(ControlTest, TargetsThatMakeNoSenseAreInvalid) {
  const std::string name = Create();
  for (const auto& [request, problem] :
       std::vector<std::pair<std::string, std::string>>{
           {"",
            "selection or names must be given, where the empty selection is "
            "every session"},
           {absl::StrCat("selection {} names: '", name, "'"),
            "selection or names must be given, but not both"},
           {absl::StrCat("names: '", name, "' names: 'x'"),
            "names[1] must be projects/<project>/instances/<instance>/"
            "databases/<database>/sessions/<session>, but is \"x\""},
           {"selection { scope: 'p' }",
            "selection.scope must be empty (everything), projects/<project>, "
            "projects/<project>/instances/<instance> or projects/<project>/"
            "instances/<instance>/databases/<database>, but is \"p\""},
           {"selection { filter: 'x' }",
            "selection.filter does not make sense from position 1"},
           {"selection { kind: 7 }",
            "selection.kind must be REGULAR, MULTIPLEXED or left out, but is "
            "7"},
           {"selection { idle_longer_than { seconds: -1 } }",
            "selection.idle_longer_than must not be negative"},
           {"selection { older_than { nanos: -1 } }",
            "selection.older_than must not be negative"}}) {
    SCOPED_TRACE(request);
    EXPECT_THAT(Expire(request),
                StatusIs(kInvalidArgument,
                         StartsWith(absl::StrCat(
                             "Invalid ExpireSessions request: ", problem))));
    EXPECT_THAT(Delete(request),
                StatusIs(kInvalidArgument,
                         StartsWith(absl::StrCat(
                             "Invalid DeleteSessions request: ", problem))));
  }
  EXPECT_TRUE(Alive(name));
}

// ---- Sessions: counts and leaks.

TEST_P(ControlTest, TransactionsAreAborted) {
  const auto begin = [this](const std::string& session) {
    api::BeginTransactionRequest request;
    request.set_session(session);
    request.mutable_options()->mutable_read_write();
    return ToResponse<api::Transaction>(
               caller().Call("BeginTransaction", request))
        ->id();
  };
  const auto commit = [this](const std::string& session,
                             const std::string& id) {
    api::CommitRequest request;
    request.set_session(session);
    request.set_transaction_id(id);
    return caller().Call("Commit", request).status.code();
  };
  const std::string first = client().Create()->name();
  const std::string second =
      client().Create("", "projects/p/instances/i/databases/d2")->name();
  const std::string one = begin(first);
  const std::string other = begin(second);
  const auto aborted =
      Abort(absl::StrCat("session: '", first, "' transaction_id: '", one, "'"));
  ASSERT_THAT(aborted, IsOk());
  EXPECT_EQ(aborted->transaction_count(), 1);
  EXPECT_EQ(commit(first, one), absl::StatusCode::kAborted);
  EXPECT_EQ(commit(second, other), absl::StatusCode::kOk);
  EXPECT_EQ(
      Abort(absl::StrCat("session: '", first, "' transaction_id: '", one, "'"))
          ->transaction_count(),
      0);
  const std::string next = begin(first);
  const std::string beside = begin(second);
  EXPECT_EQ(Abort(absl::StrCat("selection { scope: '", kDatabase, "' }"))
                ->transaction_count(),
            1);
  EXPECT_EQ(commit(first, next), absl::StatusCode::kAborted);
  EXPECT_EQ(Abort("selection {}")->transaction_count(), 1);
  EXPECT_EQ(commit(second, beside), absl::StatusCode::kAborted);
}

TEST_P(ControlTest, AbortsThatMakeNoSenseAreInvalid) {
  struct Row {
    std::string request;
    const char* problem;
  };
  const std::string session =
      absl::StrCat("session: '", kDatabase, "/sessions/s' ");
  for (const Row& row : std::vector<Row>{
           {"", "selection or session and transaction_id must be given"},
           {"transaction_id: 'x'", "session must be"},
           {"session: 'x' transaction_id: 'x'", "session must be"},
           {session, "transaction_id must not be empty"},
           {session + "selection {}", "selection must not be there"},
           {"selection { kind: 7 }", "selection.kind must be"},
           {"selection { scope: 'x' }", "selection.scope must be"}}) {
    EXPECT_THAT(
        Abort(row.request),
        StatusIs(kInvalidArgument,
                 StartsWith(absl::StrCat("Invalid AbortTransactions request: ",
                                         row.problem))));
  }
}

TEST_P(ControlTest, LimitsAreChanged) {
  StartWith({.max_sessions = 5, .max_sessions_per_batch = 3});
  const auto get = [this] {
    return Invoke<v1::GetSessionLimitsRequest, v1::SessionLimits>(
               "SessionService.GetSessionLimits", "")
        .value();
  };
  EXPECT_THAT(get(), EqualsProto(FromText<v1::SessionLimits>(
                         "max_sessions: 5 max_sessions_per_batch: 3")));
  EXPECT_THAT(client().BatchCreate(9).value(), SizeIs(3));
  EXPECT_THAT(SetLimits("max_sessions_per_batch: 1").value(),
              EqualsProto(FromText<v1::SessionLimits>(
                  "max_sessions: 5 max_sessions_per_batch: 1")));
  EXPECT_THAT(client().BatchCreate(9).value(), SizeIs(1));
  // Fewer than there are.
  ASSERT_THAT(SetLimits("max_sessions: 2"), IsOk());
  EXPECT_THAT(client().Create(),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("Too many sessions: 2 are alive")));
  EXPECT_EQ(GetCounts()->total().alive(), 4);
  ASSERT_THAT(SetLimits("max_sessions: 100 max_sessions_per_batch: 50"),
              IsOk());
  EXPECT_THAT(client().BatchCreate(60).value(), SizeIs(50));
  EXPECT_THAT(SetLimits("max_sessions: 0"),
              StatusIs(kInvalidArgument, HasSubstr("max_sessions must be")));
  EXPECT_THAT(
      SetLimits("max_sessions_per_batch: -1"),
      StatusIs(kInvalidArgument, HasSubstr("max_sessions_per_batch must be")));
  emulator().sessions().ResetLimits();
  EXPECT_THAT(get(), EqualsProto(FromText<v1::SessionLimits>(
                         "max_sessions: 5 max_sessions_per_batch: 3")));
}

TEST_P(ControlTest, CountsAreByDatabaseAndKind) {
  const std::string other = "projects/q/instances/i/databases/d";
  Create();
  Create("multiplexed: true");
  ASSERT_THAT(client().Delete(Create()), IsOk());
  Create("", other);
  Advance(absl::Hours(1) + kMicrosecond);
  Create();

  const auto all = GetCounts().value();
  ASSERT_THAT(all.databases(), SizeIs(2));
  EXPECT_EQ(all.databases(0).database(), kDatabase);
  EXPECT_THAT(all.databases(0).regular(), Counts(3, 1, 1, 1));
  EXPECT_THAT(all.databases(0).multiplexed(), Counts(1, 0, 0, 1));
  EXPECT_THAT(all.databases(0).total(), Counts(4, 1, 1, 2));
  EXPECT_EQ(all.databases(1).database(), other);
  EXPECT_THAT(all.databases(1).regular(), Counts(1, 0, 1, 0));
  EXPECT_THAT(all.databases(1).multiplexed(), Counts(0, 0, 0, 0));
  EXPECT_THAT(all.regular(), Counts(4, 1, 2, 1));
  EXPECT_THAT(all.multiplexed(), Counts(1, 0, 0, 1));
  EXPECT_THAT(all.total(), Counts(5, 1, 2, 2));

  const auto in_q = GetCounts("scope: 'projects/q'").value();
  ASSERT_THAT(in_q.databases(), SizeIs(1));
  EXPECT_THAT(in_q.total(), Counts(1, 0, 1, 0));
  EXPECT_THAT(GetCounts("scope: '/'"),
              StatusIs(kInvalidArgument,
                       StartsWith("Invalid GetSessionCounts request: scope "
                                  "must be empty (everything), ")));
}

TEST_P(ControlTest, CountsArePagedButTheirSums) {
  std::vector<std::string> databases;
  for (const char* project : {"a", "b", "a", "a"}) {
    databases.push_back(absl::StrCat(
        "projects/", project, "/instances/i/databases/", databases.size()));
    Create("", databases.back());
  }
  const auto all = [this](absl::string_view request) {
    std::vector<std::string> names;
    std::string token;
    do {
      const auto page =
          GetCounts(absl::StrCat(request, " page_token: '", token, "'"));
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) break;
      for (const auto& database : page->databases()) {
        names.push_back(database.database());
      }
      names.push_back(absl::StrCat("of ", page->total().created()));
      token = page->next_page_token();
    } while (!token.empty());
    return names;
  };
  EXPECT_THAT(all(""), ElementsAre(databases[0], databases[1], databases[2],
                                   databases[3], "of 4"));
  EXPECT_THAT(all("page_size: 4"), SizeIs(5));
  EXPECT_THAT(all("page_size: 3"),
              ElementsAre(databases[0], databases[1], databases[2], "of 4",
                          databases[3], "of 4"));
  EXPECT_THAT(
      all("page_size: 2 scope: 'projects/a'"),
      ElementsAre(databases[0], databases[2], "of 3", databases[3], "of 3"));
  const std::string token = GetCounts("page_size: 1")->next_page_token();
  for (const std::string& request :
       {absl::StrCat("scope: 'projects/a' page_token: '", token, "'"),
        std::string("page_token: 'x'")}) {
    EXPECT_THAT(GetCounts(request),
                StatusIs(kInvalidArgument,
                         StartsWith("Invalid GetSessionCounts request: "
                                    "page_token is not a next_page_token")));
  }
  EXPECT_THAT(GetCounts("page_size: -1"),
              StatusIs(kInvalidArgument,
                       "Invalid GetSessionCounts request: page_size must not "
                       "be negative, but is -1"));
}

TEST_P(ControlTest, LeaksSayAllThatIsKnown) {
  const std::string name =
      Create("labels { key: 'env' value: 'test' } creator_role: 'parent'");
  Advance(absl::Minutes(10));
  ASSERT_TRUE(Alive(name));  // A use.
  Advance(absl::Seconds(90) + kMicrosecond);
  const auto response = Leaks().value();
  ASSERT_THAT(response.sessions(), SizeIs(1));
  const v1::LeakedSession& leak = response.sessions(0);
  EXPECT_EQ(leak.name(), name);
  EXPECT_EQ(leak.kind(), v1::REGULAR);
  EXPECT_EQ(ToTime(leak.create_time()), StartTime());
  EXPECT_EQ(ToTime(leak.last_use_time()), StartTime() + absl::Minutes(10));
  EXPECT_EQ(ToDuration(leak.age()),
            absl::Minutes(10) + absl::Seconds(90) + kMicrosecond);
  EXPECT_EQ(ToDuration(leak.idle_duration()), absl::Seconds(90) + kMicrosecond);
  EXPECT_THAT(leak.labels(), SizeIs(1));
  EXPECT_EQ(leak.labels().at("env"), "test");
  EXPECT_EQ(leak.creator_role(), "parent");
  EXPECT_THAT(leak.creator_user_agent(), IsThisClient());
  EXPECT_THAT(leak.creator_peer(), GetParam() == Transport::kInProcess
                                       ? MatchesRegex(".+")
                                       : MatchesRegex("ipv[46]:.*[0-9]+"));
  EXPECT_EQ(response.next_page_token(), "");
  EXPECT_EQ(response.expired_session_count(), 0);
}

TEST_P(ControlTest, LeaksOfABatchAndOfMultiplexedSessionsHaveCreatorsToo) {
  ASSERT_THAT(client().BatchCreate(2), IsOk());
  Create("multiplexed: true");
  const auto response = Leaks("include_multiplexed: true").value();
  ASSERT_THAT(response.sessions(), SizeIs(3));
  for (const v1::LeakedSession& leak : response.sessions()) {
    EXPECT_THAT(leak.creator_user_agent(), IsThisClient());
  }
  EXPECT_EQ(response.sessions(2).kind(), v1::MULTIPLEXED);
}

TEST_P(ControlTest, AStrangeUserAgentDoesNotSpoilTheReport) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetUserAgentPrefix(std::string(3000, 'x'));
  SpannerClient other(
      grpc::CreateCustomChannel(emulator().addresses().front(),
                                grpc::InsecureChannelCredentials(), arguments));
  ASSERT_THAT(other.Create(), IsOk());
  EXPECT_EQ(Leaks()->sessions(0).creator_user_agent(), std::string(256, 'x'));
}

TEST_P(ControlTest, LeaksAreLimitedAndPaged) {
  const std::string env = Create("labels { key: 'env' value: 'test' }");
  const std::string other = Create("", "projects/q/instances/i/databases/d");
  const std::string multiplexed = Create("multiplexed: true");
  Advance(absl::Minutes(10));
  const std::string young = Create();
  EXPECT_THAT(LeakedNames(), ElementsAre(env, young, other));
  EXPECT_THAT(LeakedNames("include_multiplexed: true"),
              ElementsAre(env, young, multiplexed, other));
  EXPECT_THAT(LeakedNames("scope: 'projects/q'"), ElementsAre(other));
  EXPECT_THAT(LeakedNames("filter: 'labels.env:*'"), ElementsAre(env));
  EXPECT_THAT(LeakedNames("older_than { seconds: 1 }"),
              ElementsAre(env, other));
  EXPECT_THAT(LeakedNames("idle_longer_than { seconds: 600 }"), IsEmpty());

  const auto first = Leaks("page_size: 2").value();
  EXPECT_THAT(first.sessions(), SizeIs(2));
  const std::string token =
      absl::StrCat(" page_token: '", first.next_page_token(), "'");
  EXPECT_THAT(LeakedNames(absl::StrCat("page_size: 2", token)),
              ElementsAre(other));
  EXPECT_THAT(Leaks(absl::StrCat("scope: 'projects/p'", token)),
              StatusIs(kInvalidArgument,
                       StartsWith("Invalid ListLeakedSessions request: "
                                  "page_token is not a next_page_token")));
}

TEST_P(ControlTest, APageOfLeaksHasAThousandAtTheMost) {
  const auto database = DatabaseName::Parse(std::string(kDatabase));
  emulator().sessions().Create(*database, {}, 1001);
  for (const char* page_size : {"", "page_size: 0", "page_size: 5000"}) {
    EXPECT_THAT(LeakedNames(page_size), SizeIs(1000));
  }
}

TEST_P(ControlTest, LeaksThatHaveExpiredAreCounted) {
  Create();
  Create();
  Create("multiplexed: true");
  Create("", "projects/q/instances/i/databases/d");
  ASSERT_THAT(client().Delete(Create()), IsOk());
  Advance(absl::Hours(1) + kMicrosecond);
  ASSERT_THAT(Expire("selection { kind: MULTIPLEXED }"), IsOk());
  EXPECT_EQ(Leaks()->expired_session_count(), 3);
  EXPECT_EQ(Leaks("include_multiplexed: true")->expired_session_count(), 4);
  EXPECT_EQ(Leaks("scope: 'projects/q'")->expired_session_count(), 1);
}

TEST_P(ControlTest, LeaksThatHaveExpiredAreListedWithTheirEnd) {
  const std::string name =
      Create("labels { key: 'env' value: 'test' } creator_role: 'parent'");
  const std::string other = Create("", "projects/q/instances/i/databases/d");
  Advance(absl::Minutes(61));
  const std::string alive = Create();
  const auto response = Leaks().value();
  ASSERT_THAT(response.sessions(), SizeIs(3));
  EXPECT_EQ(response.expired_session_count(), 2);
  EXPECT_EQ(response.sessions(0).name(), alive);
  EXPECT_FALSE(response.sessions(0).has_end_time());
  const v1::LeakedSession& leak = response.sessions(1);
  EXPECT_EQ(leak.name(), name);
  EXPECT_EQ(ToTime(leak.end_time()),
            StartTime() + absl::Hours(1) + kMicrosecond);
  EXPECT_EQ(leak.kind(), v1::REGULAR);
  EXPECT_EQ(ToTime(leak.create_time()), StartTime());
  EXPECT_EQ(ToTime(leak.last_use_time()), StartTime());
  EXPECT_EQ(ToDuration(leak.age()), absl::Minutes(61));
  EXPECT_EQ(leak.labels().at("env"), "test");
  EXPECT_EQ(leak.creator_role(), "parent");
  EXPECT_THAT(leak.creator_user_agent(), IsThisClient());
  EXPECT_THAT(leak.creator_peer(), MatchesRegex(".+"));
  EXPECT_EQ(response.sessions(2).name(), other);

  EXPECT_THAT(LeakedNames("filter: 'labels.env:*'"), ElementsAre(name));
  EXPECT_THAT(LeakedNames("scope: 'projects/q'"), ElementsAre(other));
  const auto first = Leaks("page_size: 2").value();
  EXPECT_THAT(first.sessions(), SizeIs(2));
  EXPECT_THAT(LeakedNames(absl::StrCat("page_size: 2 page_token: '",
                                       first.next_page_token(), "'")),
              ElementsAre(other));

  ASSERT_THAT(Reset("parts: SESSION_COUNTS scope: 'projects/q'"), IsOk());
  EXPECT_THAT(LeakedNames(), ElementsAre(alive, name));
  ASSERT_THAT(Reset(), IsOk());
  EXPECT_THAT(LeakedNames(), IsEmpty());
}

TEST_P(ControlTest, ReportsThatMakeNoSenseAreInvalid) {
  for (const auto& [request, problem] :
       std::vector<std::pair<std::string, std::string>>{
           {"scope: 'projects/'", "scope must be empty (everything), "},
           {"filter: 'x'", "filter does not make sense from position 1"},
           {"idle_longer_than { seconds: -1 }",
            "idle_longer_than must not be negative"},
           {"older_than { seconds: -1 }", "older_than must not be negative"},
           {"page_size: -1", "page_size must not be negative, but is -1"},
           {"page_token: 'x'", "page_token is not a next_page_token"}}) {
    EXPECT_THAT(
        Leaks(request),
        StatusIs(kInvalidArgument,
                 StartsWith(absl::StrCat("Invalid ListLeakedSessions request: ",
                                         problem))));
  }
}

// ---- Reset.

TEST_P(ControlTest, ResetBringsBackTheBeginning) {
  const std::string name = Create(), multiplexed = Create("multiplexed: true");
  Advance(absl::Minutes(30));
  emulator().clock().Run();
  const auto response = Reset().value();
  EXPECT_THAT(
      response.parts(),
      ElementsAre(v1::ResetRequest::FAULTS, v1::ResetRequest::CLOCK,
                  v1::ResetRequest::SESSIONS, v1::ResetRequest::DATABASES,
                  v1::ResetRequest::SESSION_COUNTS, v1::ResetRequest::STUBS,
                  v1::ResetRequest::JOURNAL, v1::ResetRequest::SESSION_LIMITS,
                  v1::ResetRequest::AUTH_POLICY,
                  v1::ResetRequest::AUTH_REPORT));
  EXPECT_EQ(response.deleted_session_count(), 2);
  EXPECT_FALSE(Alive(name));
  EXPECT_FALSE(Alive(multiplexed));
  const v1::Clock clock = GetClock().value();
  EXPECT_EQ(ToTime(clock.time()), StartTime());
  EXPECT_EQ(clock.state(), v1::Clock::STOPPED);
  EXPECT_THAT(GetCounts()->databases(), IsEmpty());
  // And it goes on as at first.
  const std::string next = Create();
  Advance(absl::Hours(1));
  EXPECT_EQ(LeakedNames(), std::vector<std::string>{next});
  Advance(kMicrosecond);
  EXPECT_FALSE(Alive(next));
  EXPECT_THAT(GetCounts()->total(), Counts(1, 0, 1, 0));
}

TEST_P(ControlTest, PartsAreResetAlone) {
  Create();
  Advance(absl::Minutes(1));
  EXPECT_THAT(Reset("parts: SESSION_COUNTS")->parts(),
              ElementsAre(v1::ResetRequest::SESSION_COUNTS));
  EXPECT_THAT(GetCounts()->total(), Counts(0, 0, 0, 1));
  EXPECT_EQ(Reset("parts: SESSIONS parts: SESSIONS")->deleted_session_count(),
            1);
  EXPECT_THAT(GetCounts()->total(), Counts(0, 1, 0, 0));
  EXPECT_EQ(ToTime(GetClock()->time()), StartTime() + absl::Minutes(1));
  Create();
  EXPECT_THAT(Reset("parts: SESSIONS parts: CLOCK")->parts(),
              ElementsAre(v1::ResetRequest::CLOCK, v1::ResetRequest::SESSIONS));
  EXPECT_EQ(ToTime(GetClock()->time()), StartTime());
  EXPECT_THAT(GetCounts()->total(), Counts(1, 2, 0, 0));
}

TEST_P(ControlTest, AScopedResetLeavesTheClockAndOthersAlone) {
  const std::string mine = Create();
  const std::string other = Create("", "projects/p/instances/i2/databases/d");
  Advance(absl::Minutes(1));
  const auto response = Reset(absl::StrCat("scope: '", kInstance, "'")).value();
  EXPECT_THAT(
      response.parts(),
      ElementsAre(v1::ResetRequest::FAULTS, v1::ResetRequest::SESSIONS,
                  v1::ResetRequest::DATABASES, v1::ResetRequest::SESSION_COUNTS,
                  v1::ResetRequest::STUBS, v1::ResetRequest::JOURNAL));
  EXPECT_EQ(response.deleted_session_count(), 1);
  EXPECT_FALSE(Alive(mine));
  EXPECT_TRUE(Alive(other));
  EXPECT_EQ(ToTime(GetClock()->time()), StartTime() + absl::Minutes(1));
  EXPECT_THAT(GetCounts()->total(), Counts(1, 0, 0, 1));
}

TEST_P(ControlTest, AResetBringsBackTheFaultsOfTheScript) {
  constexpr char kScript[] = R"(
      faults { match { methods: 'Commit' } times: 1 status: ABORTED }
      faults {
        name: 'faults/mine' match { scope: 'projects/p' methods: 'GetSession' }
        times: 1 status: UNAVAILABLE
      })";
  StartWith({.script = kScript});
  const auto names = [this] {
    std::vector<std::string> names;
    for (const auto& entry : emulator().faults().List(0, 100)) {
      names.push_back(entry.fault->name());
    }
    return names;
  };
  const auto add = [this] {
    return emulator()
        .AddFault(OnCall("Read").Scope(std::string(kDatabase)).SwallowsReply())
        .value();
  };
  const std::string session = Create();
  EXPECT_THAT(client().Get(session),
              StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_THAT(client().Get(session), IsOk());
  EXPECT_EQ(add().name(), "faults/2");

  // With a scope, those in it go; none comes back.
  EXPECT_THAT(Reset("parts: FAULTS scope: 'projects/q'"), IsOk());
  EXPECT_THAT(names(), ElementsAre("faults/1", "faults/mine", "faults/2"));
  EXPECT_THAT(
      Reset(absl::StrCat("parts: FAULTS scope: '", kInstance, "'"))->parts(),
      ElementsAre(v1::ResetRequest::FAULTS));
  EXPECT_THAT(names(), ElementsAre("faults/1", "faults/mine"));
  EXPECT_THAT(Reset("scope: 'projects/p'"), IsOk());
  EXPECT_THAT(names(), ElementsAre("faults/1"));

  // Without one, all begin anew, the seed and the names too.
  emulator().faults().SetSeed(7);
  EXPECT_EQ(add().name(), "faults/3");
  EXPECT_THAT(Reset("parts: FAULTS")->parts(),
              ElementsAre(v1::ResetRequest::FAULTS));
  EXPECT_THAT(names(), ElementsAre("faults/1", "faults/mine"));
  EXPECT_EQ(emulator().faults().Find("faults/mine")->hit_count, 0);
  EXPECT_EQ(emulator().faults().seed(), 0);
  EXPECT_EQ(add().name(), "faults/2");
  const std::string next = Create();
  EXPECT_THAT(client().Get(next), StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_THAT(Reset(), IsOk());
  EXPECT_THAT(names(), ElementsAre("faults/1", "faults/mine"));
}

TEST_P(ControlTest, AResetBringsBackTheLimits) {
  StartWith({.max_sessions = 3, .max_sessions_per_batch = 2});
  SessionStore& store = emulator().sessions();
  const SessionLimits first = {.max_sessions = 3, .max_sessions_per_batch = 2};
  const SessionLimits other = {.max_sessions = 1, .max_sessions_per_batch = 1};
  store.SetLimits(other);
  EXPECT_THAT(Reset("scope: 'projects/p'"), IsOk());
  EXPECT_EQ(store.limits(), other);
  EXPECT_THAT(Reset("parts: SESSION_LIMITS scope: 'projects/p'"),
              StatusIs(kInvalidArgument,
                       HasSubstr("parts must not have SESSION_LIMITS, ")));
  EXPECT_THAT(Reset("parts: SESSION_LIMITS")->parts(),
              ElementsAre(v1::ResetRequest::SESSION_LIMITS));
  EXPECT_EQ(store.limits(), first);
  store.SetLimits(other);
  EXPECT_THAT(Reset(), IsOk());
  EXPECT_EQ(store.limits(), first);
}

TEST_P(ControlTest, AResetBringsBackTheStubsOfTheScript) {
  constexpr char kScript[] = R"(
      stubs { match { sql: 'S' } answer { row_count: 1 } }
      stubs {
        name: 'stubs/mine' match { sql: 'T' scope: 'projects/p' }
        times: 1 answer { row_count: 2 }
      })";
  StartWith({.script = kScript});
  const auto names = [this] {
    std::vector<std::string> names;
    for (const auto& entry : emulator().stubs().List(0, 100)) {
      names.push_back(entry.stub->name());
    }
    return names;
  };
  const auto rows_changed = [this](const std::string& session,
                                   absl::string_view sql) {
    const auto result = Execute(
        absl::StrCat("session: '", session, "' sql: '", sql,
                     "' seqno: 1 transaction { begin { read_write {} } }"));
    return result.ok() ? result->stats().row_count_exact() : -1;
  };
  const auto add = [this] {
    return emulator()
        .AddStub(OnSql("S").Scope(std::string(kDatabase)).RowCount(3))
        .value();
  };
  std::string session = Create();
  EXPECT_EQ(rows_changed(session, "S"), 1);
  EXPECT_EQ(rows_changed(session, "T"), 2);
  EXPECT_EQ(rows_changed(session, "T"), -1);  // Its times are over.
  EXPECT_EQ(add().name(), "stubs/2");
  EXPECT_EQ(rows_changed(session, "S"), 3);

  // With a scope, those in it go; none comes back.
  EXPECT_THAT(Reset("parts: STUBS scope: 'projects/q'"), IsOk());
  EXPECT_THAT(names(), ElementsAre("stubs/1", "stubs/mine", "stubs/2"));
  EXPECT_THAT(
      Reset(absl::StrCat("parts: STUBS scope: '", kInstance, "'"))->parts(),
      ElementsAre(v1::ResetRequest::STUBS));
  EXPECT_THAT(names(), ElementsAre("stubs/1", "stubs/mine"));
  EXPECT_THAT(Reset("scope: 'projects/p'"), IsOk());
  EXPECT_THAT(names(), ElementsAre("stubs/1"));
  session = Create();
  EXPECT_EQ(rows_changed(session, "S"), 1);

  // Without one, all begin anew; numbers go on.
  const StubHandle own = add();
  EXPECT_EQ(own.name(), "stubs/3");
  EXPECT_THAT(Reset("parts: STUBS")->parts(),
              ElementsAre(v1::ResetRequest::STUBS));
  EXPECT_THAT(names(), ElementsAre("stubs/1", "stubs/mine"));
  EXPECT_EQ(emulator().stubs().Find("stubs/1")->hit_count, 0);
  EXPECT_FALSE(own.Delete());
  EXPECT_EQ(rows_changed(session, "S"), 1);
  EXPECT_EQ(rows_changed(session, "T"), 2);
  EXPECT_EQ(add().name(), "stubs/4");
  EXPECT_THAT(Reset(), IsOk());
  EXPECT_THAT(names(), ElementsAre("stubs/1", "stubs/mine"));
  EXPECT_EQ(emulator().stubs().Find("stubs/mine")->hit_count, 0);
}

TEST_P(ControlTest, ResetsThatMakeNoSenseAreInvalidAndDoNothing) {
  const std::string name = Create();
  Advance(absl::Minutes(1));
  for (const auto& [request, problem] :
       std::vector<std::pair<std::string, std::string>>{
           {"parts: CLOCK parts: SESSIONS scope: 'projects/p'",
            "parts must not have CLOCK where there is a scope"},
           {"parts: CLOCK parts: SESSION_COUNTS",
            "parts must have SESSIONS beside CLOCK"},
           {"parts: SESSIONS parts: PART_UNSPECIFIED",
            "parts[1] must be one of CLOCK, SESSIONS, SESSION_COUNTS, STUBS, "
            "FAULTS, JOURNAL, SESSION_LIMITS, AUTH_POLICY, AUTH_REPORT, "
            "DATABASES, but is "
            "0"},
           {"parts: 99",
            "parts[0] must be one of CLOCK, SESSIONS, SESSION_COUNTS, STUBS, "
            "FAULTS, JOURNAL, SESSION_LIMITS, AUTH_POLICY, AUTH_REPORT, "
            "DATABASES, but is "
            "99"},
           {"parts: AUTH_POLICY scope: 'projects/p'",
            "parts must not have SESSION_LIMITS, AUTH_POLICY or AUTH_REPORT "
            "where there is a "
            "scope"},
           {"parts: AUTH_REPORT scope: 'projects/p'",
            "parts must not have SESSION_LIMITS, AUTH_POLICY or AUTH_REPORT "
            "where there is a "
            "scope"},
           {"scope: 'p'", "scope must be empty (everything), "}}) {
    EXPECT_THAT(
        Reset(request),
        StatusIs(kInvalidArgument,
                 StartsWith(absl::StrCat("Invalid Reset request: ", problem))));
  }
  EXPECT_TRUE(Alive(name));
  EXPECT_EQ(ToTime(GetClock()->time()), StartTime() + absl::Minutes(1));
}

TEST(RunningClockTest, ResetBringsBackTheSystemsTime) {
  auto emulator = Emulator::Start({}).value();
  ASSERT_TRUE(emulator->clock().Advance(absl::Hours(24 * 365)).ok());
  emulator->clock().Stop();
  const absl::Time before = absl::Now();
  ASSERT_THAT(emulator->Reset(), IsOk());
  EXPECT_TRUE(emulator->clock().running());
  EXPECT_LT(emulator->clock().Now(), before + absl::Hours(24));
}

// ---- Over REST.

TEST(ControlProtoTest, EveryMethodHasItsPlaceInRest) {
  std::vector<std::string> places;
  for (const auto* file : {v1::Clock::descriptor()->file(),
                           v1::SessionCounts::descriptor()->file(),
                           v1::ResetRequest::descriptor()->file(),
                           v1::AuthReport::descriptor()->file()}) {
    for (int i = 0; i < file->service(0)->method_count(); ++i) {
      const auto* method = file->service(0)->method(i);
      const google::api::HttpRule& rule =
          method->options().GetExtension(google::api::http);
      // What is read takes its fields from the query, what changes something
      // from the body.
      const absl::string_view body =
          method->name() == "SetAuthPolicy" ? "policy" : "*";
      EXPECT_EQ(rule.body(), rule.get().empty() ? body : "") << method->name();
      places.push_back(
          absl::StrCat(method->name(), rule.get().empty() ? " POST " : " GET ",
                       rule.get().empty() ? rule.post() : rule.get()));
    }
  }
  EXPECT_THAT(
      places,
      ElementsAre("GetClock GET /emulator/v1/clock",
                  "AdvanceClock POST /emulator/v1/clock:advance",
                  "SetClock POST /emulator/v1/clock:set",
                  "RunClock POST /emulator/v1/clock:run",
                  "StopClock POST /emulator/v1/clock:stop",
                  "ExpireSessions POST /emulator/v1/sessions:expire",
                  "DeleteSessions POST /emulator/v1/sessions:delete",
                  "AbortTransactions POST /emulator/v1/transactions:abort",
                  "GetSessionLimits GET /emulator/v1/sessionLimits",
                  "SetSessionLimits POST /emulator/v1/sessionLimits:set",
                  "GetSessionCounts GET /emulator/v1/sessionCounts",
                  "ListLeakedSessions GET /emulator/v1/leakedSessions",
                  "Reset POST /emulator/v1:reset",
                  "GetAuthPolicy GET /emulator/v1/authPolicy",
                  "SetAuthPolicy POST /emulator/v1/authPolicy:set",
                  "RemoveAuthPolicy POST /emulator/v1/authPolicy:remove",
                  "GetAuthReport GET /emulator/v1/authReport",
                  "ClearAuthReport POST /emulator/v1/authReport:clear"));
}

TEST(ControlProtoTest, EveryFieldHasItsBehavior) {
  for (const auto* file : {v1::Clock::descriptor()->file(),
                           v1::SessionCounts::descriptor()->file(),
                           v1::ResetRequest::descriptor()->file(),
                           v1::AuthReport::descriptor()->file(),
                           v1::AuthPolicy::descriptor()->file()}) {
    std::vector<const google::protobuf::Descriptor*> messages;
    for (int i = 0; i < file->message_type_count(); ++i) {
      messages.push_back(file->message_type(i));
    }
    for (size_t i = 0; i < messages.size(); ++i) {
      for (int j = 0; j < messages[i]->nested_type_count(); ++j) {
        messages.push_back(messages[i]->nested_type(j));
      }
      if (messages[i]->options().map_entry()) continue;
      for (int j = 0; j < messages[i]->field_count(); ++j) {
        const auto* field = messages[i]->field(j);
        // A token is required, and for input only.
        EXPECT_EQ(field->options().ExtensionSize(google::api::field_behavior),
                  field->name() == "token" ? 2 : 1)
            << field->full_name();
      }
    }
  }
}

TEST(ControlRestTest, QueriesAreWrittenInFull) {
  // What the tests above rely on.
  const HttpCall call = ToHttp(
      Method("SessionService.ListLeakedSessions"),
      FromText<v1::ListLeakedSessionsRequest>(
          "scope: 'projects/p' filter: 'labels.a:b c' page_size: 7 "
          "idle_longer_than { seconds: 1 nanos: 500000000 } older_than {} "
          "include_multiplexed: true"));
  EXPECT_EQ(call.method, "GET");
  EXPECT_EQ(call.target,
            "/emulator/v1/leakedSessions?filter=labels.a%3Ab%20c"
            "&idleLongerThan=1.500s&includeMultiplexed=true&olderThan=0s"
            "&pageSize=7&scope=projects%2Fp");
  EXPECT_EQ(call.body, "");
}

TEST(ControlRestTest, ErrorsOfEveryMethod) {
  struct Case {
    std::string call;
    std::string body;
    int http_status;
    std::string message;  // Its beginning.
  };
  const auto emulator = StartEmulator();
  for (const Case& test : std::vector<Case>{
           {"GET /emulator/v1/clock?x=1", "", 400,
            "Invalid GetClock request: x is not a known parameter"},
           {"GET /emulator/v1/clock?name=x", "", 400,
            "Invalid GetClock request: name must be \"clock\" or empty"},
           {"GET /emulator/v1/clock", "{}", 400,
            "Invalid GetClock request: body must be empty"},
           {"POST /emulator/v1/clock", "{}", 405,
            "The HTTP method POST is not allowed here, but GET, HEAD: "
            "/emulator/v1/clock"},
           {"POST /emulator/v1/clock:advance", R"({"duration": "-1s"})", 400,
            "Invalid AdvanceClock request: duration must not be negative"},
           {"POST /emulator/v1/clock:advance", R"({"duration": "1 hour"})", 400,
            "Invalid AdvanceClock request: duration has an invalid value"},
           {"POST /emulator/v1/clock:advance",
            R"({"duration": "315576000001s"})", 400,
            "Invalid AdvanceClock request: duration has an invalid value"},
           {"POST /emulator/v1/clock:advance", R"({"duration": 60})", 400,
            "Invalid AdvanceClock request: duration has an invalid value"},
           {"POST /emulator/v1/clock:advance",
            R"({"duration": "315576000000s"})", 400, "AdvanceClock failed: "},
           {"POST /emulator/v1/clock:advance", "", 400,
            "Invalid AdvanceClock request: duration must be given"},
           {"POST /emulator/v1/clock:set",
            R"({"time": "1970-01-01T00:00:00Z"})", 400,
            "SetClock failed: time is refused: "},
           {"POST /emulator/v1/clock:set",
            R"({"time": "10000-01-01T00:00:00Z"})", 400,
            "Invalid SetClock request: time has an invalid value"},
           {"POST /emulator/v1/clock:set", R"({"time": "tomorrow"})", 400,
            "Invalid SetClock request: time has an invalid value"},
           {"POST /emulator/v1/clock:run", R"({"speed": 2})", 400,
            "Invalid RunClock request: speed is not a known field"},
           {"POST /emulator/v1/clock:stop", "[]", 400,
            "Invalid StopClock request: body is invalid"},
           {"GET /emulator/v1/clock:stop", "", 405,
            "The HTTP method GET is not allowed here, but POST: "
            "/emulator/v1/clock:stop"},
           {"POST /emulator/v1/sessions:expire", "{}", 400,
            "Invalid ExpireSessions request: selection or names must be given"},
           {"POST /emulator/v1/sessions:expire",
            R"({"selection": {"kind": "BIG"}})", 400,
            "Invalid ExpireSessions request: selection.kind has an invalid "
            "value: \"BIG\""},
           {"POST /emulator/v1/sessions:delete", R"({"names": ["x"]})", 400,
            "Invalid DeleteSessions request: names[0] must be projects/"},
           {"POST /emulator/v1/sessions:delete", R"({"names": "x"})", 400,
            "Invalid DeleteSessions request: names[0] must be projects/"},
           {"GET /emulator/v1/sessionCounts?scope=p", "", 400,
            "Invalid GetSessionCounts request: scope must be empty"},
           {"GET /emulator/v1/leakedSessions?pageSize=-1", "", 400,
            "Invalid ListLeakedSessions request: page_size must not be "
            "negative, but is -1"},
           {"GET /emulator/v1/leakedSessions?pageSize=many", "", 400,
            "Invalid ListLeakedSessions request: pageSize has an invalid "
            "value: \"many\""},
           {"GET /emulator/v1/leakedSessions?olderThan=1", "", 400,
            "Invalid ListLeakedSessions request: olderThan has an invalid "
            "value: \"1\""},
           {"GET /emulator/v1/leakedSessions?includeMultiplexed=maybe", "", 400,
            "Invalid ListLeakedSessions request: includeMultiplexed has an "
            "invalid value: \"maybe\""},
           {"POST /emulator/v1:reset", R"({"parts": ["CLOCK"]})", 400,
            "Invalid Reset request: parts must have SESSIONS beside CLOCK"},
           {"POST /emulator/v1:reset", R"({"parts": ["ALL"]})", 400,
            "Invalid Reset request: parts[0] has an invalid value: \"ALL\""},
           {"GET /emulator/v1/nothing", "", 404,
            "Unknown path: /emulator/v1/nothing"}}) {
    SCOPED_TRACE(absl::StrCat(test.call, " ", test.body));
    const std::pair<std::string, std::string> line =
        absl::StrSplit(test.call, ' ');
    const HttpAnswer answer =
        Fetch(emulator->http_port(), line.first, line.second, test.body);
    EXPECT_EQ(answer.status, test.http_status);
    EXPECT_THAT(std::string(StatusFromJson(answer.body, nullptr).message()),
                StartsWith(test.message));
  }
  EXPECT_EQ(emulator->clock().Now(), StartTime());
}

// ---- In C++.

TEST_P(ControlTest, EverythingGoesInCpp) {
  const std::string name = Create();
  const DatabaseName database = *DatabaseName::Parse(std::string(kDatabase));
  SessionStore& sessions = emulator().sessions();
  EXPECT_EQ(
      sessions.Expire({.scope = database}, StartTime() + absl::Minutes(1)), 1);
  const SelectPage leaks = *sessions.Select({.selection = {.scope = database}});
  ASSERT_THAT(leaks.sessions, SizeIs(1));
  EXPECT_EQ(leaks.sessions[0].name.full(), name);
  EXPECT_THAT(leaks.sessions[0].creator.user_agent, IsThisClient());
  Advance(absl::Minutes(1));
  EXPECT_FALSE(Alive(name));
  EXPECT_EQ(sessions.CountsByDatabase(database)[0].counts.regular.expired, 1);
  Create();
  EXPECT_EQ(sessions.Delete({.scope = database, .multiplexed = false}), 1);
  Create();
  const auto result = emulator().Reset({.scope = database.instance()});
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->parts,
              ElementsAre(ResetPart::kFaults, ResetPart::kSessions,
                          ResetPart::kDatabases, ResetPart::kSessionCounts,
                          ResetPart::kStubs, ResetPart::kJournal));
  EXPECT_EQ(result->deleted_sessions, 1);
  EXPECT_THAT(
      emulator().Reset({.parts = {ResetPart::kClock}}),
      StatusIs(kInvalidArgument, StartsWith("parts must have SESSIONS")));
}

}  // namespace
}  // namespace spanner_session_emulator
