// FaultService, and what faults do to calls on their way through each
// transport. Which faults come over which calls is tested in tests/server/mock.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/faults.pb.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"
#include "tests/server/transport/http_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;

class FaultServiceTest : public ::testing::TestWithParam<Transport> {
 protected:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Control(absl::string_view service,
                                   absl::string_view method,
                                   const Request& request) {
    const auto* file = Request::descriptor()->file();
    return ToResponse<Response>(
        caller_->Call(*file->FindServiceByName(std::string(service))
                           ->FindMethodByName(std::string(method)),
                      request));
  }
  template <typename Response, typename Request>
  absl::StatusOr<Response> Control(absl::string_view method,
                                   const Request& request) {
    return Control<Response>("FaultService", method, request);
  }
  absl::StatusOr<v1::Fault> Create(absl::string_view fault,
                                   const std::string& id = "") {
    v1::CreateFaultRequest request;
    *request.mutable_fault() = FromText<v1::Fault>(fault);
    request.set_fault_id(id);
    return Control<v1::Fault>("CreateFault", request);
  }
  absl::StatusOr<v1::Fault> GetFault(const std::string& name) {
    v1::GetFaultRequest request;
    request.set_name(name);
    return Control<v1::Fault>("GetFault", request);
  }
  absl::StatusOr<v1::ListFaultsResponse> List(absl::string_view request = "") {
    return Control<v1::ListFaultsResponse>(
        "ListFaults", FromText<v1::ListFaultsRequest>(request));
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteFaultRequest request;
    request.set_name(name);
    return Control<google::protobuf::Empty>("DeleteFault", request).status();
  }
  absl::StatusOr<v1::ReleaseFaultResponse> Release(const std::string& name) {
    v1::ReleaseFaultRequest request;
    request.set_name(name);
    return Control<v1::ReleaseFaultResponse>("ReleaseFault", request);
  }

  // Whether a fault comes to hold so many calls before patience is lost.
  bool Holds(int count, const std::string& name = "faults/1") {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (GetFault(name)->held_call_count() == count) return true;
      std::this_thread::yield();
    }
    return false;
  }

  // A session's GetSession, as all that its answer has.
  Answer Get() { return Get(*caller_); }
  Answer Get(Caller& caller) {
    api::GetSessionRequest request;
    request.set_name(session_);
    return caller.Call("GetSession", request);
  }
  // The same in another thread.
  class Background {
   public:
    explicit Background(std::function<Answer()> call)
        : thread_([this, call = std::move(call)] { answer_ = call(); }) {}
    ~Background() { Join(); }
    const Answer& Join() {
      if (thread_.joinable()) thread_.join();
      return answer_;
    }

   private:
    Answer answer_;
    std::thread thread_;
  };
  std::function<Answer()> Getting() {
    return [this, caller = std::shared_ptr<Caller>(MakeCaller(
                      *emulator_, GetParam()))] { return Get(*caller); };
  }

  // Has `SELECT a` stream three messages.
  void ScriptStream() {
    v1::CreateStubRequest request;
    *request.mutable_stub() = FromText<v1::Stub>(
        "match { sql: 'SELECT a' } answer { columns: 'a INT64' rows { values { "
        "number_value: 1 } } repeat_rows: 3 chunking { rows_per_message: 1 } "
        "}");
    ASSERT_THAT(Control<v1::Stub>("StubService", "CreateStub", request),
                IsOk());
  }
  Answer Stream() {
    api::ExecuteSqlRequest request;
    request.set_session(session_);
    request.set_sql("SELECT a");
    return caller_->Call("ExecuteStreamingSql", request);
  }

  std::unique_ptr<Emulator> emulator_ = StartEmulator();
  std::unique_ptr<Caller> caller_ = MakeCaller(*emulator_, GetParam());
  const std::string session_ =
      SpannerClient(MakeCaller(*emulator_, GetParam())).Create().value().name();
};
INSTANTIATE_ALL_TRANSPORTS(FaultServiceTest);

// ---- The service.

TEST_P(FaultServiceTest, CreatesListsGetsAndDeletes) {
  const auto created = Create("status: ABORTED");
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->name(), "faults/1");
  ASSERT_THAT(Create("freeze: true match { scope: 'projects/q' }", "mine"),
              IsOk());
  EXPECT_THAT(Create("freeze: true", "mine"),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       "Fault already exists: faults/mine"));
  EXPECT_THAT(GetFault("faults/1").value(), EqualsProto(*created));
  const auto page = List("page_size: 1");
  ASSERT_THAT(page->faults(), SizeIs(1));
  EXPECT_EQ(page->faults(0).name(), "faults/1");
  const auto last =
      List(absl::StrCat("page_token: '", page->next_page_token(), "'"));
  ASSERT_THAT(last->faults(), SizeIs(1));
  EXPECT_EQ(last->faults(0).name(), "faults/mine");
  EXPECT_EQ(last->next_page_token(), "");
  EXPECT_THAT(Delete("faults/1"), IsOk());
  const auto not_found =
      StatusIs(absl::StatusCode::kNotFound, "Fault not found: faults/1");
  EXPECT_THAT(Delete("faults/1"), not_found);
  EXPECT_THAT(GetFault("faults/1"), not_found);
  EXPECT_THAT(Release("faults/1"), not_found);
  v1::DeleteAllFaultsRequest all;
  all.set_scope("projects/p");
  EXPECT_EQ(Control<v1::DeleteAllFaultsResponse>("DeleteAllFaults", all)
                ->fault_count(),
            0);
  all.clear_scope();
  EXPECT_EQ(Control<v1::DeleteAllFaultsResponse>("DeleteAllFaults", all)
                ->fault_count(),
            1);
  EXPECT_THAT(List()->faults(), IsEmpty());
}

TEST_P(FaultServiceTest, RefusesWhatIsWrongAndNamesTheField) {
  EXPECT_THAT(Create("status: ABORTED match { methods: 'Comit' }"),
              StatusIs(kInvalidArgument,
                       StartsWith("Invalid CreateFault request: "
                                  "fault.match.methods[0] must be a method")));
  EXPECT_THAT(Create("freeze: true", "a/b"),
              StatusIs(kInvalidArgument, HasSubstr("fault_id must have")));
  EXPECT_THAT(Create("freeze: true name: 'x'"),
              StatusIs(kInvalidArgument,
                       HasSubstr("fault.name must be faults/<fault>")));
  EXPECT_THAT(List("page_token: 'x'"),
              StatusIs(kInvalidArgument, HasSubstr("page_token")));
  EXPECT_THAT(List("page_size: -1"),
              StatusIs(kInvalidArgument, HasSubstr("page_size")));
  v1::DeleteAllFaultsRequest all;
  all.set_scope("p");
  EXPECT_THAT(Control<v1::DeleteAllFaultsResponse>("DeleteAllFaults", all),
              StatusIs(kInvalidArgument, HasSubstr("scope must be")));
  EXPECT_THAT(List()->faults(), IsEmpty());
}

TEST_P(FaultServiceTest, TheSeedIsSetAndSeen) {
  EXPECT_EQ(
      Control<v1::FaultSeed>("GetFaultSeed", v1::GetFaultSeedRequest())->seed(),
      0);
  v1::SetFaultSeedRequest request;
  request.set_seed(-7);
  EXPECT_EQ(Control<v1::FaultSeed>("SetFaultSeed", request)->seed(), -7);
  EXPECT_EQ(
      Control<v1::FaultSeed>("GetFaultSeed", v1::GetFaultSeedRequest())->seed(),
      -7);
}

TEST_P(FaultServiceTest, ScriptsHaveFaultsToo) {
  v1::ImportScriptRequest import;
  *import.mutable_script() = FromText<v1::Script>(
      "stubs { name: 'stubs/s' match { sql: 'S' } answer { row_count: 1 } } "
      "faults { name: 'faults/f' status: ABORTED times: 2 } "
      "faults { name: 'faults/g' freeze: true }");
  const auto imported =
      Control<v1::ImportScriptResponse>("StubService", "ImportScript", import);
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->stub_count(), 1);
  EXPECT_EQ(imported->fault_count(), 2);
  EXPECT_THAT(Get(), StatusIs(absl::StatusCode::kAborted, HasSubstr("")));
  EXPECT_THAT(Control<v1::Script>("StubService", "ExportScript",
                                  v1::ExportScriptRequest())
                  .value(),
              EqualsProto(import.script()));
  // All or nothing: the stub is there already, the fault would be new.
  import.mutable_script()->mutable_faults()->Clear();
  import.mutable_script()->add_faults()->set_swallow(true);
  EXPECT_THAT(
      Control<v1::ImportScriptResponse>("StubService", "ImportScript", import),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("stubs/s")));
  EXPECT_THAT(List()->faults(), SizeIs(2));
  import.mutable_script()->mutable_stubs()->Clear();
  import.mutable_script()->add_faults();
  EXPECT_THAT(
      Control<v1::ImportScriptResponse>("StubService", "ImportScript", import),
      StatusIs(kInvalidArgument, HasSubstr("script.faults[1].effect must")));
  EXPECT_THAT(List()->faults(), SizeIs(2));
}

// ---- What becomes of calls.

TEST_P(FaultServiceTest, AnErrorComesWithItsDetails) {
  ASSERT_THAT(Create("times: 1 status: ABORTED retry_delay { seconds: 3 }"),
              IsOk());
  const Answer answer = Get();
  EXPECT_THAT(answer,
              StatusIs(absl::StatusCode::kAborted, "Transaction was aborted."));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(answer.details));
  ASSERT_THAT(details.details(), SizeIs(1));
  google::rpc::RetryInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.retry_delay().seconds(), 3);
  if (GetParam() != Transport::kRest) {
    EXPECT_THAT(answer.trailers, Contains(Pair("google.rpc.retryinfo-bin",
                                               info.SerializeAsString())));
  }
  EXPECT_THAT(Get(), IsOk());
  EXPECT_EQ(GetFault("faults/1")->hit_count(), 1);
  ASSERT_THAT(Create("times: 1 status: PERMISSION_DENIED"), IsOk());
  EXPECT_THAT(Get(), StatusIs(absl::StatusCode::kPermissionDenied,
                              StartsWith("Caller is missing IAM permission "
                                         "spanner.sessions.get on resource")));
}

TEST_P(FaultServiceTest, OnlyGooglesApiIsHit) {
  ASSERT_THAT(Create("swallow: true"), IsOk());
  EXPECT_THAT(List(), IsOk());
  if (GetParam() != Transport::kRest) {
    EXPECT_THAT(CallPath(Connect(*emulator_, GetParam()),
                         "/grpc.health.v1.Health/Check", ""),
                IsOk());
    EXPECT_THAT(CallPath(Connect(*emulator_, GetParam()),
                         "/google.spanner.v1.Spanner/Nothing", ""),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("")));
  }
  EXPECT_EQ(Fetch(emulator_->http_port(), "GET", "/v1/nothing").status, 404);
}

TEST_P(FaultServiceTest, AFrozenCallGoesOnWhenItIsReleased) {
  ASSERT_THAT(Create("freeze: true"), IsOk());
  Background first(Getting());
  Background second(Getting());
  ASSERT_TRUE(Holds(2));
  EXPECT_EQ(Release("faults/1")->call_count(), 2);
  EXPECT_THAT(first.Join(), IsOk());
  EXPECT_THAT(second.Join(), IsOk());
  EXPECT_EQ(ToResponse<api::Session>(first.Join())->name(), session_);
  Background third(Getting());
  ASSERT_TRUE(Holds(1));
  EXPECT_THAT(Delete("faults/1"), IsOk());
  EXPECT_THAT(third.Join(), IsOk());
  EXPECT_THAT(Get(), IsOk());
}

// The state that counts is that of the moment at which the handler runs.
TEST_P(FaultServiceTest, FrozenBeforeTheHandlerIsFrozenBeforeItLooks) {
  ASSERT_THAT(Create("times: 1 freeze: true"), IsOk());
  ASSERT_THAT(Create("times: 1 freeze: true when: AFTER"), IsOk());
  Background before(Getting());
  ASSERT_TRUE(Holds(1, "faults/1"));
  Background after(Getting());
  ASSERT_TRUE(Holds(1, "faults/2"));
  EXPECT_EQ(emulator_->sessions().Delete(SessionSelection{}), 1);
  EXPECT_EQ(Release("faults/1")->call_count(), 1);
  EXPECT_EQ(Release("faults/2")->call_count(), 1);
  EXPECT_THAT(before.Join(), StatusIs(absl::StatusCode::kNotFound,
                                      StartsWith("Session not found")));
  EXPECT_THAT(after.Join(), IsOk());
}

TEST_P(FaultServiceTest, APauseEndsByItself) {
  ASSERT_THAT(Create("pause { fixed { nanos: 1000000 } }"), IsOk());
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(Get(), IsOk());
  EXPECT_GE(std::chrono::steady_clock::now() - start,
            std::chrono::milliseconds(1));
}

TEST_P(FaultServiceTest, AStreamIsHitBetweenItsMessages) {
  ScriptStream();
  ASSERT_THAT(Create("times: 1 after_messages: 2 status: UNAVAILABLE"), IsOk());
  Answer answer = Stream();
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  EXPECT_THAT(answer.messages, SizeIs(2));
  ASSERT_THAT(Create("times: 1 freeze: true after_messages: 1", "freeze"),
              IsOk());
  Background stream([this] { return Stream(); });
  EXPECT_TRUE(Holds(1, "faults/freeze"));
  EXPECT_EQ(Release("faults/freeze")->call_count(), 1);
  EXPECT_THAT(stream.Join(), IsOk());
  EXPECT_THAT(stream.Join().messages, SizeIs(3));
}

TEST_P(FaultServiceTest, HeadersAndTrailersComeAndGo) {
  ASSERT_THAT(
      Create("headers { name: 'Server-Timing' value: 'gfet4t7; dur=12' } "
             "trailers { name: 'x-last-bin' value: 'AQI=' } "
             "removed_headers: 'google.rpc.resourceinfo-bin'"),
      IsOk());
  if (GetParam() == Transport::kRest) {
    const HttpAnswer answer =
        Fetch(emulator_->http_port(), "GET", absl::StrCat("/v1/", session_));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("server-timing"), "gfet4t7; dur=12");
    EXPECT_NE(answer.header("content-length"), "");
    ASSERT_THAT(Delete("faults/1"), IsOk());
    ASSERT_THAT(Create("removed_headers: 'Content-Type'"), IsOk());
    EXPECT_EQ(
        Fetch(emulator_->http_port(), "GET", absl::StrCat("/v1/", session_))
            .header("content-type"),
        "");
    return;
  }
  const auto stub = api::Spanner::NewStub(Connect(*emulator_, GetParam()));
  for (const bool exists : {true, false}) {
    api::GetSessionRequest request;
    request.set_name(exists ? session_ : session_ + "x");
    api::Session session;
    const auto context = PatientContext();
    EXPECT_EQ(stub->GetSession(context.get(), request, &session).ok(), exists);
    EXPECT_THAT(context->GetServerTrailingMetadata(),
                Contains(Pair("x-last-bin", "\x01\x02")));
    EXPECT_THAT(context->GetServerTrailingMetadata(),
                Not(Contains(Key("google.rpc.resourceinfo-bin"))));
    // One that fails has only trailers.
    if (exists) {
      EXPECT_THAT(context->GetServerInitialMetadata(),
                  Contains(Pair("server-timing", "gfet4t7; dur=12")));
    }
  }
  ScriptStream();
  api::ExecuteSqlRequest request;
  request.set_session(session_);
  request.set_sql("SELECT a");
  const auto context = PatientContext();
  const auto reader = stub->ExecuteStreamingSql(context.get(), request);
  api::PartialResultSet message;
  while (reader->Read(&message)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_THAT(context->GetServerInitialMetadata(),
              Contains(Pair("server-timing", "gfet4t7; dur=12")));
  EXPECT_THAT(context->GetServerTrailingMetadata(),
              Contains(Pair("x-last-bin", "\x01\x02")));
}

TEST_P(FaultServiceTest, AResetLeavesNothingOfWhatWasHeld) {
  ASSERT_THAT(Create("match { methods: 'CreateSession' } freeze: true", "ice"),
              IsOk());
  absl::Status status;
  std::thread thread([&] {
    status =
        SpannerClient(MakeCaller(*emulator_, GetParam())).Create().status();
  });
  const bool held = Holds(1, "faults/ice");
  EXPECT_THAT(emulator_->Reset(), IsOk());
  thread.join();
  ASSERT_TRUE(held);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled,
                               "The emulator was reset while a fault held the "
                               "call."));
  EXPECT_EQ(emulator_->sessions().TotalCounts().regular.live, 0);
}

TEST_P(FaultServiceTest, BinaryHeadersAreBase64WhereTheyAreText) {
  ASSERT_THAT(Create("headers { name: 'x-test-bin' value: 'AAEC/w==' }"),
              IsOk());
  EXPECT_THAT(Get(), IsOk());
  if (GetParam() != Transport::kRest) return;
  EXPECT_EQ(Fetch(emulator_->http_port(), "GET", absl::StrCat("/v1/", session_))
                .header("x-test-bin"),
            "AAEC/w==");
}

TEST_P(FaultServiceTest, ACommitIsAskedForAgain) {
  const auto created = SpannerClient(MakeCaller(*emulator_, GetParam()))
                           .Create("multiplexed: true");
  ASSERT_THAT(created, IsOk());
  api::BeginTransactionRequest begin;
  begin.set_session(created->name());
  begin.mutable_options()->mutable_read_write();
  begin.mutable_mutation_key()->mutable_delete_()->set_table("T");
  const auto transaction =
      ToResponse<api::Transaction>(caller_->Call("BeginTransaction", begin));
  ASSERT_THAT(transaction, IsOk());
  api::CommitRequest commit;
  commit.set_session(created->name());
  commit.set_transaction_id(transaction->id());
  *commit.mutable_precommit_token() = transaction->precommit_token();
  ASSERT_THAT(Create("times: 1 ask_for_commit_retry: true"), IsOk());
  auto answer =
      ToResponse<api::CommitResponse>(caller_->Call("Commit", commit));
  ASSERT_THAT(answer, IsOk());
  EXPECT_FALSE(answer->has_commit_timestamp());
  EXPECT_GT(answer->precommit_token().seq_num(),
            transaction->precommit_token().seq_num());
  *commit.mutable_precommit_token() = answer->precommit_token();
  answer = ToResponse<api::CommitResponse>(caller_->Call("Commit", commit));
  ASSERT_THAT(answer, IsOk());
  EXPECT_TRUE(answer->has_commit_timestamp());
}

TEST_P(FaultServiceTest, ABegunTransactionIsNotTold) {
  v1::CreateStubRequest stub;
  *stub.mutable_stub() = FromText<v1::Stub>(
      "match { sql: 'DELETE T WHERE true' } answer { row_count: 1 }");
  ASSERT_THAT(Control<v1::Stub>("StubService", "CreateStub", stub), IsOk());
  const auto transactions = [&] {
    std::vector<bool> told;
    auto query = FromText<api::ExecuteSqlRequest>(
        "sql: 'SELECT 1' transaction { begin { read_write {} } }");
    query.set_session(session_);
    told.push_back(
        ToResponse<api::ResultSet>(caller_->Call("ExecuteSql", query))
            ->metadata()
            .has_transaction());
    api::PartialResultSet first;
    EXPECT_TRUE(first.ParseFromString(
        caller_->Call("ExecuteStreamingSql", query).messages.at(0)));
    told.push_back(first.metadata().has_transaction());
    auto batch = FromText<api::ExecuteBatchDmlRequest>(
        "statements { sql: 'DELETE T WHERE true' } "
        "transaction { begin { read_write {} } }");
    batch.set_session(session_);
    const auto results = ToResponse<api::ExecuteBatchDmlResponse>(
        caller_->Call("ExecuteBatchDml", batch));
    EXPECT_EQ(results->result_sets(0).stats().row_count_exact(), 1);
    told.push_back(results->result_sets(0).metadata().has_transaction());
    return told;
  };
  ASSERT_THAT(Create("hide_transaction: true", "quiet"), IsOk());
  EXPECT_THAT(transactions(), Each(false));
  EXPECT_EQ(GetFault("faults/quiet")->hit_count(), 3);
  EXPECT_THAT(Get(), IsOk());  // That begins none.
  EXPECT_EQ(GetFault("faults/quiet")->match_count(), 3);
  ASSERT_THAT(Delete("faults/quiet"), IsOk());
  EXPECT_THAT(transactions(), Each(true));
}

TEST_P(FaultServiceTest, TheHostThatIsCalledIsAHeader) {
  ASSERT_THAT(Create("status: UNAVAILABLE match { headers { name: ':authority' "
                     "value: 'elsewhere:1' } }"),
              IsOk());
  EXPECT_THAT(Get(), IsOk());
  ASSERT_THAT(Create("times: 1 status: UNAVAILABLE "
                     "match { headers { name: ':authority' } }"),
              IsOk());
  EXPECT_EQ(Get().status.code(), absl::StatusCode::kUnavailable);
}

// ---- Who stops waiting.

TEST_P(FaultServiceTest, ShutdownWakesWhatIsFrozenOrSwallowed) {
  ASSERT_THAT(Create("times: 1 freeze: true"), IsOk());
  ASSERT_THAT(Create("times: 1 swallow: true"), IsOk());
  // (The first call is frozen, and its reply would be swallowed.)
  ASSERT_THAT(Create("times: 1 swallow: true"), IsOk());
  Background frozen(Getting());
  ASSERT_TRUE(Holds(1, "faults/1"));
  Background swallowed(Getting());
  ASSERT_TRUE(Holds(1, "faults/3"));
  emulator_->Shutdown(absl::Seconds(60));
  // gRPC gives calls inside of the process no grace.
  if (GetParam() != Transport::kInProcess) {
    EXPECT_THAT(frozen.Join(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
    EXPECT_THAT(swallowed.Join(),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  }
  EXPECT_FALSE(frozen.Join().status.ok());
  EXPECT_FALSE(swallowed.Join().status.ok());
}

TEST_P(FaultServiceTest, ShutdownWithoutGraceCutsAPause) {
  if (GetParam() == Transport::kRest) {
    ASSERT_THAT(Create("pause { fixed { seconds: 3600 } }"), IsOk());
    HttpTestClient client(emulator_->http_port());
    client.Send(HttpGet(absl::StrCat("/v1/", session_)));
    ASSERT_TRUE(Holds(1));
    emulator_->Shutdown(absl::ZeroDuration());
    EXPECT_EQ(client.Read().status, 0);
    return;
  }
  ASSERT_THAT(Create("pause { fixed { seconds: 3600 } }"), IsOk());
  Background paused(Getting());
  ASSERT_TRUE(Holds(1));
  emulator_->Shutdown(absl::ZeroDuration());
  EXPECT_FALSE(paused.Join().status.ok());
}

TEST_P(FaultServiceTest, AClientThatGoesIsHeldNoLonger) {
  ScriptStream();
  // With the number of messages that a stream sends before.
  const std::vector<std::pair<const char*, int>> faults = {
      {"freeze: true", 0},
      {"swallow: true", 0},
      {"pause { fixed { seconds: 3600 } }", 0},
      {"when: AFTER swallow: true", 0},
      {"when: AT_END freeze: true", 3}};
  for (const auto& [fault, messages] : faults) {
    const auto created = Create(fault);
    ASSERT_THAT(created, IsOk());
    if (GetParam() == Transport::kRest) {
      HttpTestClient client(emulator_->http_port());
      client.Send(HttpGet(absl::StrCat("/v1/", session_)));
      EXPECT_TRUE(Holds(1, created->name()));
      client.Close();
    } else {
      const auto stub = api::Spanner::NewStub(Connect(*emulator_, GetParam()));
      const auto unary = PatientContext();
      Background get([&] {
        api::GetSessionRequest request;
        request.set_name(session_);
        api::Session response;
        Answer answer;
        answer.status =
            ToAbsl(stub->GetSession(unary.get(), request, &response));
        return answer;
      });
      const auto streaming = PatientContext();
      api::ExecuteSqlRequest request;
      request.set_session(session_);
      request.set_sql("SELECT a");
      const auto reader = stub->ExecuteStreamingSql(streaming.get(), request);
      // Inside of the process, nothing is sent that nobody reads.
      api::PartialResultSet message;
      for (int i = 0; i < messages; ++i) EXPECT_TRUE(reader->Read(&message));
      EXPECT_TRUE(Holds(2, created->name()));
      unary->TryCancel();
      EXPECT_THAT(get.Join(),
                  StatusIs(absl::StatusCode::kCancelled, HasSubstr("")));
      EXPECT_TRUE(Holds(1, created->name()));
      streaming->TryCancel();
      EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
    EXPECT_TRUE(Holds(0, created->name()));
    EXPECT_THAT(Delete(created->name()), IsOk());
  }
}

// ---- What only gRPC has.

class GrpcFaultTest : public FaultServiceTest {};
INSTANTIATE_TRANSPORTS(GrpcFaultTest);

TEST_P(GrpcFaultTest, TheClientsDeadlineEndsASwallowedReply) {
  ScriptStream();
  ASSERT_THAT(Create("swallow: true when: AFTER"), IsOk());
  const auto stub = api::Spanner::NewStub(Connect(*emulator_, GetParam()));
  const auto soon = [] {
    return std::chrono::system_clock::now() + std::chrono::milliseconds(50);
  };
  grpc::ClientContext unary;
  unary.set_deadline(soon());
  api::GetSessionRequest get;
  get.set_name(session_);
  api::Session session;
  EXPECT_EQ(stub->GetSession(&unary, get, &session).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  grpc::ClientContext streaming;
  streaming.set_deadline(soon());
  api::ExecuteSqlRequest request;
  request.set_session(session_);
  request.set_sql("SELECT a");
  const auto reader = stub->ExecuteStreamingSql(&streaming, request);
  api::PartialResultSet message;
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(Holds(0));
}

// ---- Cut connections.

TEST_P(FaultServiceTest, AConnectionIsCut) {
  ScriptStream();
  ASSERT_THAT(
      Create("times: 1 cut_connection: true match { methods: 'GetSession' }"),
      IsOk());
  // Clients throw away what they have not read when their connection goes.
  ASSERT_THAT(
      Create("times: 1 freeze: true cut_connection: true after_messages: 2",
             "late"),
      IsOk());
  if (GetParam() == Transport::kRest) {
    HttpTestClient unary(emulator_->http_port());
    EXPECT_EQ(unary.Ask(HttpGet(absl::StrCat("/v1/", session_))).status, 0);
    EXPECT_TRUE(unary.ReadEnd());
    HttpTestClient streaming(emulator_->http_port());
    streaming.Send(
        HttpPost(absl::StrCat("/v1/", session_, ":executeStreamingSql"),
                 R"({"sql": "SELECT a"})"));
    EXPECT_EQ(streaming.ReadHead().status, 200);
    EXPECT_TRUE(streaming.ReadPiece().has_value());
    EXPECT_TRUE(streaming.ReadPiece().has_value());
    EXPECT_TRUE(Holds(1, "faults/late"));
    EXPECT_THAT(Release("faults/late"), IsOk());
    EXPECT_FALSE(streaming.ReadPiece().has_value());
    EXPECT_FALSE(streaming.complete());
    EXPECT_TRUE(streaming.ReadEnd());
  } else {
    // Another call on the same connection, which is not to blame.
    ASSERT_THAT(
        Create("freeze: true match { methods: 'ListSessions' }", "beside"),
        IsOk());
    const auto channel = Connect(*emulator_, GetParam());
    const auto other = MakeCaller(channel);
    Background beside([&] {
      api::ListSessionsRequest list;
      list.set_database(std::string(kDatabase));
      return other->Call("ListSessions", list);
    });
    ASSERT_TRUE(Holds(1, "faults/beside"));
    const auto caller = MakeCaller(channel);
    const bool tcp = GetParam() == Transport::kTcp;
    const auto cut =
        StatusIs(absl::StatusCode::kUnavailable,
                 HasSubstr(tcp ? "ocket closed"
                               : "The connection was to be cut by a fault"));
    EXPECT_THAT(Get(*caller), cut);
    if (tcp) {
      EXPECT_THAT(beside.Join(), cut);
      EXPECT_TRUE(Holds(0, "faults/beside"));
    } else {
      EXPECT_EQ(Release("faults/beside")->call_count(), 1);
      EXPECT_THAT(beside.Join(), IsOk());
    }
    api::ExecuteSqlRequest request;
    request.set_session(session_);
    request.set_sql("SELECT a");
    const auto context = PatientContext();
    const auto reader = api::Spanner::NewStub(Connect(*emulator_, GetParam()))
                            ->ExecuteStreamingSql(context.get(), request);
    api::PartialResultSet message;
    EXPECT_TRUE(reader->Read(&message));
    EXPECT_TRUE(reader->Read(&message));
    EXPECT_TRUE(Holds(1, "faults/late"));
    EXPECT_THAT(Release("faults/late"), IsOk());
    EXPECT_FALSE(reader->Read(&message));
    EXPECT_THAT(ToAbsl(reader->Finish()), cut);
  }
  EXPECT_THAT(Get(*MakeCaller(*emulator_, GetParam())), IsOk());
}

// ---- All together.

TEST_P(FaultServiceTest, NothingHangsWhateverHappensTogether) {
  ScriptStream();
  constexpr int kThreads = 3;
  constexpr int kCalls = 40;
  std::vector<std::unique_ptr<Background>> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.push_back(std::make_unique<Background>([this] {
      const auto caller = MakeCaller(*emulator_, GetParam());
      for (int j = 0; j < kCalls; ++j) (void)Get(*caller);
      return Answer();
    }));
  }
  constexpr int kRounds = 30;
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_THAT(Create("freeze: true match { probability: 0.5 }"), IsOk());
    EXPECT_THAT(Create("pause { uniform { max { nanos: 500000 } } }"), IsOk());
    EXPECT_THAT(Create("swallow: true when: AFTER match { probability: 0.2 }"),
                IsOk());
    EXPECT_THAT(List(), IsOk());
    EXPECT_THAT(emulator_->clock().Advance(absl::Seconds(1)), IsOk());
    EXPECT_THAT(Control<v1::DeleteAllFaultsResponse>(
                    "DeleteAllFaults", v1::DeleteAllFaultsRequest()),
                IsOk());
  }
  for (const auto& thread : threads) thread->Join();
}

}  // namespace
}  // namespace spanner_session_emulator
