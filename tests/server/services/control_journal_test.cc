// JournalService, and what is in the journal of calls that came by each
// transport. What the journal itself does is tested in tests/server/mock.

#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/call/call.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/faults.h"
#include "server/mock/journal.h"
#include "server/mock/waits.h"
#include "server/services/control.h"
#include "spanner_session_emulator/v1/faults.pb.h"
#include "spanner_session_emulator/v1/journal.grpc.pb.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "store/clock.h"
#include "tests/server/call/call_testing.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"
#include "tests/server/transport/http_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::Property;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
using Entry = v1::JournalEntry;

class JournalServiceTest : public ::testing::TestWithParam<Transport> {
 protected:
  void StartWith(EmulatorOptions options) {
    caller_.reset();
    emulator_ = StartEmulator(std::move(options));
    caller_ = MakeCaller(*emulator_, GetParam());
    session_ = SpannerClient(MakeCaller(*emulator_, GetParam()))
                   .Create()
                   .value()
                   .name();
  }
  void SetUp() override { StartWith({}); }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Control(absl::string_view service,
                                   absl::string_view method,
                                   const Request& request) {
    return Control<Response>(*caller_, service, method, request);
  }
  template <typename Response, typename Request>
  static absl::StatusOr<Response> Control(Caller& caller,
                                          absl::string_view service,
                                          absl::string_view method,
                                          const Request& request) {
    const auto* file = Request::descriptor()->file();
    return ToResponse<Response>(
        caller.Call(*file->FindServiceByName(std::string(service))
                         ->FindMethodByName(std::string(method)),
                    request));
  }
  absl::StatusOr<v1::ListJournalEntriesResponse> List(
      absl::string_view request) {
    return Control<v1::ListJournalEntriesResponse>(
        "JournalService", "ListJournalEntries",
        FromText<v1::ListJournalEntriesRequest>(request));
  }
  // The entries that match, the oldest first.
  std::vector<Entry> Entries(absl::string_view filter = "") {
    const auto response =
        List(absl::StrCat("filter: '", filter, "' page_size: 1000"));
    EXPECT_THAT(response, IsOk());
    if (!response.ok()) return {};
    return {response->entries().begin(), response->entries().end()};
  }
  // The last of those that match.
  Entry Last(absl::string_view filter = "") {
    const std::vector<Entry> entries = Entries(filter);
    EXPECT_THAT(entries, Not(IsEmpty())) << filter;
    return entries.empty() ? Entry() : entries.back();
  }
  // The last of those that match once it has ended, which it may do after its
  // client has gone.
  Entry LastEnded(absl::string_view filter) {
    EXPECT_THAT(
        Wait(absl::StrCat("filter: '", filter, "' timeout { seconds: 60 }")),
        IsOk());
    return Last(filter);
  }
  absl::StatusOr<int64_t> Count(absl::string_view filter = "") {
    v1::CountJournalEntriesRequest request;
    request.set_filter(std::string(filter));
    const auto response = Control<v1::CountJournalEntriesResponse>(
        "JournalService", "CountJournalEntries", request);
    if (!response.ok()) return response.status();
    return response->entry_count();
  }
  absl::StatusOr<v1::WaitForJournalEntryResponse> Wait(
      absl::string_view request) {
    return Wait(*caller_, request);
  }
  static absl::StatusOr<v1::WaitForJournalEntryResponse> Wait(
      Caller& caller, absl::string_view request) {
    return Control<v1::WaitForJournalEntryResponse>(
        caller, "JournalService", "WaitForJournalEntry",
        FromText<v1::WaitForJournalEntryRequest>(request));
  }
  v1::JournalStats Stats() {
    return Control<v1::JournalStats>("JournalService", "GetJournalStats",
                                     v1::GetJournalStatsRequest())
        .value();
  }
  absl::StatusOr<int64_t> Clear(absl::string_view filter = "") {
    v1::ClearJournalRequest request;
    request.set_filter(std::string(filter));
    const auto response = Control<v1::ClearJournalResponse>(
        "JournalService", "ClearJournal", request);
    if (!response.ok()) return response.status();
    return response->entry_count();
  }
  void AddStub(absl::string_view stub) {
    v1::CreateStubRequest request;
    *request.mutable_stub() = FromText<v1::Stub>(stub);
    ASSERT_THAT(Control<v1::Stub>("StubService", "CreateStub", request),
                IsOk());
  }
  void AddFault(absl::string_view fault) {
    v1::CreateFaultRequest request;
    *request.mutable_fault() = FromText<v1::Fault>(fault);
    ASSERT_THAT(Control<v1::Fault>("FaultService", "CreateFault", request),
                IsOk());
  }

  Answer Get() { return Get(*caller_); }
  Answer Get(Caller& caller) {
    api::GetSessionRequest request;
    request.set_name(session_);
    return caller.Call("GetSession", request);
  }
  Answer Query(absl::string_view sql,
               absl::string_view method = "ExecuteStreamingSql") {
    api::ExecuteSqlRequest request;
    request.set_session(session_);
    request.set_sql(std::string(sql));
    return caller_->Call(method, request);
  }

  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<Caller> caller_;
  std::string session_;
};
INSTANTIATE_ALL_TRANSPORTS(JournalServiceTest);

// A call in another thread.
template <typename Result>
class Background {
 public:
  explicit Background(std::function<Result()> call)
      : thread_([this, call = std::move(call)] { result_ = call(); }) {}
  ~Background() { Join(); }
  const Result& Join() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }

 private:
  Result result_;
  std::thread thread_;
};

template <typename Message>
Message RequestOf(const Entry& entry) {
  Message message;
  EXPECT_TRUE(entry.request().UnpackTo(&message)) << entry.DebugString();
  return message;
}

// ---- What is in an entry.

TEST_P(JournalServiceTest, AnEntrySaysWhatCameAndWhatItGot) {
  ASSERT_THAT(emulator_->clock().Advance(absl::Seconds(7)), IsOk());
  EXPECT_THAT(Get(), IsOk());
  const Entry entry = Last();
  EXPECT_EQ(entry.name(), absl::StrCat("journal/entries/", entry.number()));
  EXPECT_EQ(entry.method(), "google.spanner.v1.Spanner.GetSession");
  EXPECT_EQ(entry.protocol(),
            GetParam() == Transport::kRest ? Entry::REST : Entry::GRPC);
  EXPECT_EQ(entry.state(), Entry::ENDED);
  EXPECT_EQ(entry.problem(), Entry::PROBLEM_UNSPECIFIED);
  EXPECT_EQ(RequestOf<api::GetSessionRequest>(entry).name(), session_);
  EXPECT_EQ(entry.request_size(),
            RequestOf<api::GetSessionRequest>(entry).ByteSizeLong());
  EXPECT_EQ(entry.raw_request(), "");
  EXPECT_FALSE(entry.request_omitted());
  EXPECT_EQ(entry.session(), session_);
  EXPECT_EQ(entry.database(), kDatabase);
  EXPECT_NE(entry.peer(), "");
  for (const auto& time : {entry.start_time(), entry.end_time()}) {
    EXPECT_EQ(
        absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
        StartTime() + absl::Seconds(7));
  }
  EXPECT_GT(entry.real_start_time().seconds(), 1'700'000'000);
  EXPECT_GE(entry.real_end_time().seconds(), entry.real_start_time().seconds());
  EXPECT_EQ(entry.status(), "OK");
  EXPECT_FALSE(entry.has_error());
  EXPECT_EQ(entry.message_count(), 1);
  EXPECT_THAT(entry.stubs(), IsEmpty());
  EXPECT_THAT(entry.faults(), IsEmpty());
  // The session was created before.
  const Entry created = Entries().front();
  EXPECT_EQ(created.number(), entry.number() - 1);
  EXPECT_EQ(created.method(), "google.spanner.v1.Spanner.CreateSession");
  EXPECT_EQ(created.database(), kDatabase);
  EXPECT_EQ(created.session(), "");
}

TEST_P(JournalServiceTest, ErrorsAreThereWithTheirDetails) {
  api::GetSessionRequest request;
  request.set_name(absl::StrCat(kDatabase, "/sessions/none"));
  EXPECT_FALSE(caller_->Call("GetSession", request).status.ok());
  Entry entry = Last();
  EXPECT_EQ(entry.status(), "NOT_FOUND");
  EXPECT_EQ(entry.error().code(), google::rpc::NOT_FOUND);
  EXPECT_THAT(entry.error().message(), StartsWith("Session not found: "));
  google::rpc::ResourceInfo info;
  ASSERT_THAT(entry.error().details(), SizeIs(1));
  ASSERT_TRUE(entry.error().details(0).UnpackTo(&info));
  EXPECT_EQ(info.resource_name(), request.name());
  EXPECT_EQ(entry.message_count(), 0);
  EXPECT_EQ(entry.session(), request.name());
}

// Of a type that nobody here knows.
TEST_P(JournalServiceTest, DetailsThatAreNoJsonHoldUpNoPage) {
  constexpr char kType[] = "type.googleapis.com/foo.Bar";
  absl::Status status = absl::AbortedError("m");
  status.SetPayload(kType, absl::Cord("\x08\x01"));
  ASSERT_THAT(emulator_->AddFault(
                  OnCall("GetSession").Named("bar").Once().Fails(status)),
              IsOk());
  // By gRPC, as who calls by REST here wants to know the type.
  EXPECT_FALSE(Get(*MakeCaller(*emulator_, Transport::kTcp)).status.ok());
  const Entry entry = Last();
  ASSERT_THAT(entry.error().details(), SizeIs(1));
  const google::protobuf::Any& detail = entry.error().details(0);
  v1::GetFaultRequest get;
  get.set_name("faults/bar");
  const auto fault = Control<v1::Fault>("FaultService", "GetFault", get);
  ASSERT_THAT(fault, IsOk());
  EXPECT_THAT(fault->error().details(0), EqualsProto(detail));
  if (GetParam() != Transport::kRest) {
    EXPECT_EQ(detail.type_url(), kType);
    EXPECT_EQ(detail.value(), "\x08\x01");
    return;
  }
  google::protobuf::Struct printed;
  ASSERT_TRUE(detail.UnpackTo(&printed));
  EXPECT_EQ(printed.fields().at("@type").string_value(), kType);
  EXPECT_EQ(printed.fields().at("value").string_value(), "CAE=");
}

TEST_P(JournalServiceTest, MessagesOfStreamsAreCounted) {
  AddStub(
      "name: 'stubs/s' match { sql: 'SELECT a' } answer { columns: 'a INT64' "
      "rows { values { number_value: 1 } } repeat_rows: 3 chunking { "
      "rows_per_message: 1 } }");
  EXPECT_THAT(Query("SELECT a"), IsOk());
  const Entry streamed = Last();
  EXPECT_EQ(streamed.state(), Entry::ENDED);
  EXPECT_EQ(streamed.status(), "OK");
  EXPECT_EQ(streamed.message_count(), 3);
  EXPECT_THAT(streamed.stubs(), ElementsAre("stubs/s"));
  AddFault("name: 'faults/f' after_messages: 2 status: UNAVAILABLE times: 1");
  EXPECT_FALSE(Query("SELECT a").status.ok());
  const Entry broken = Last();
  EXPECT_EQ(broken.status(), "UNAVAILABLE");
  EXPECT_EQ(broken.message_count(), 2);
  EXPECT_THAT(broken.faults(), ElementsAre("faults/f"));
  EXPECT_THAT(broken.stubs(), ElementsAre("stubs/s"));
  EXPECT_EQ(Count("stub = 'stubs/s'").value_or(-1), 2);
}

TEST_P(JournalServiceTest, StubsAreNamedByEachKindOfCall) {
  AddStub(
      "name: 'stubs/u' match { sql_prefix: 'UPDATE' } "
      "answer { row_count: 1 }");
  AddStub(
      "name: 'stubs/r' match { read { table: 'T' } } "
      "answer { columns: 'a INT64' }");
  AddStub(
      "name: 'stubs/w' match { batch_write {} } "
      "answer { batch_write_responses { indexes: 0 } }");
  api::ExecuteBatchDmlRequest batch;
  batch.set_session(session_);
  batch.mutable_transaction()->mutable_begin()->mutable_read_write();
  batch.set_seqno(1);
  batch.add_statements()->set_sql("UPDATE a");
  batch.add_statements()->set_sql("UPDATE b");
  batch.add_statements()->set_sql("DELETE FROM c");
  EXPECT_THAT(caller_->Call("ExecuteBatchDml", batch), IsOk());
  const Entry entry = Last();
  EXPECT_THAT(entry.stubs(), ElementsAre("stubs/u", "stubs/u"));
  api::ReadRequest read;
  read.set_session(session_);
  read.set_table("T");
  read.add_columns("a");
  read.mutable_key_set()->set_all(true);
  EXPECT_THAT(caller_->Call("StreamingRead", read), IsOk());
  EXPECT_THAT(Last().stubs(), ElementsAre("stubs/r"));
  EXPECT_THAT(caller_->Call("Read", read), IsOk());
  EXPECT_THAT(Last().stubs(), ElementsAre("stubs/r"));
  api::PartitionReadRequest partition;
  partition.set_session(session_);
  partition.set_table("T");
  partition.add_columns("a");
  partition.mutable_key_set()->set_all(true);
  partition.mutable_transaction()->mutable_begin()->mutable_read_only();
  EXPECT_THAT(caller_->Call("PartitionRead", partition), IsOk());
  EXPECT_THAT(Last().stubs(), ElementsAre("stubs/r"));
  api::BatchWriteRequest write;
  write.set_session(session_);
  write.add_mutation_groups()->add_mutations()->mutable_delete_()->set_table(
      "T");
  write.mutable_mutation_groups(0)
      ->mutable_mutations(0)
      ->mutable_delete_()
      ->mutable_key_set()
      ->set_all(true);
  EXPECT_THAT(caller_->Call("BatchWrite", write), IsOk());
  EXPECT_THAT(Last().stubs(), ElementsAre("stubs/w"));
  // What is built in has no name.
  EXPECT_THAT(Query("SELECT 1"), IsOk());
  EXPECT_THAT(Last().stubs(), IsEmpty());
}

TEST_P(JournalServiceTest, StatementsThatNoStubMatchesHaveNearMisses) {
  AddStub(
      "name: 'stubs/mine' match { sql: 'SELECT a' request_tag: 't' } "
      "answer { columns: 'a INT64' }");
  EXPECT_FALSE(Query("SELECT a").status.ok());
  EXPECT_EQ(Last().near_miss(),
            "stubs/mine does not match, for its request_tag");
  EXPECT_THAT(Last().stubs(), IsEmpty());
  EXPECT_FALSE(Query("SELECT b", "ExecuteSql").status.ok());
  EXPECT_EQ(Last().near_miss(), "");
  EXPECT_EQ(Last().status(), "INVALID_ARGUMENT");
}

TEST_P(JournalServiceTest, FaultsAreNamed) {
  AddFault("name: 'faults/slow' pause { fixed { nanos: 1 } } times: 1");
  AddFault("name: 'faults/late' when: AFTER status: ABORTED times: 1");
  EXPECT_FALSE(Get().status.ok());
  const Entry entry = Last();
  EXPECT_THAT(entry.faults(), ElementsAre("faults/slow", "faults/late"));
  EXPECT_EQ(entry.status(), "ABORTED");
  EXPECT_EQ(entry.message_count(), 0);
  EXPECT_THAT(Get(), IsOk());
  EXPECT_THAT(Last().faults(), IsEmpty());
  EXPECT_EQ(Count("fault:*").value_or(-1), 1);
}

TEST_P(JournalServiceTest, HeadersAreKeptAndTokensAreNot) {
  const Metadata metadata = {
      {"google-cloud-resource-prefix", std::string(kDatabase)},
      {"x-goog-request-params", "session=x"},
      {"x-goog-spanner-request-id", "1.2.3"},
      {"x-goog-spanner-route-to-leader", "true"},
      {"x-goog-api-client", "gl-test/1"},
      {"traceparent", "00-1-2-3"},
      {"cookie", "secret-cookie"},
      {"authorization", "Bearer secret-token"}};
  EXPECT_THAT(Get(*MakeCaller(*emulator_, GetParam(), metadata)), IsOk());
  const Entry entry = Last();
  for (const auto& [name, value] : metadata) {
    if (name == "cookie") continue;
    EXPECT_THAT(
        entry.headers(),
        Contains(Pair(name, name == "authorization" ? "[redacted]" : value)));
  }
  // Inside of the process, gRPC sends none.
  if (GetParam() != Transport::kInProcess) {
    EXPECT_THAT(entry.headers(), Contains(Pair("user-agent", Not(IsEmpty()))));
  }
  EXPECT_THAT(entry.headers(), Not(Contains(Key("cookie"))));
  EXPECT_THAT(entry.DebugString(), Not(HasSubstr("secret")));
  EXPECT_EQ(Count("headers.x-goog-spanner-request-id = '1.2.3'").value_or(-1),
            1);
}

// ---- What is in the journal, and what is not.

// https://www.w3.org/TR/trace-context/
TEST_P(JournalServiceTest, TheTraceOfACallIsThere) {
  constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
  const auto get = [&](const Metadata& metadata) {
    SpannerClient client(MakeCaller(*emulator_, GetParam(), metadata));
    EXPECT_THAT(client.Get(session_), IsOk());
    return Last();
  };
  const std::string parent =
      absl::StrCat("00-", kTrace, "-00f067aa0ba902b7-01");
  const Entry traced = get({{"traceparent", parent}, {"tracestate", "a=1"}});
  EXPECT_EQ(traced.trace_id(), kTrace);
  EXPECT_EQ(traced.span_id(), "00f067aa0ba902b7");
  EXPECT_TRUE(traced.trace_sampled());
  EXPECT_EQ(traced.headers().at("traceparent"), parent);
  EXPECT_EQ(traced.headers().at("tracestate"), "a=1");

  const Entry malformed = get({{"traceparent", "00-1"}});
  EXPECT_EQ(malformed.trace_id(), "");
  EXPECT_EQ(malformed.span_id(), "");
  EXPECT_EQ(malformed.headers().at("traceparent"), "00-1");
  // It is to be ignored where it stands alone.
  const Entry alone = get({{"tracestate", "a=1"}});
  EXPECT_FALSE(alone.headers().contains("tracestate"));

  EXPECT_EQ(Count(absl::StrCat("trace_id = ", kTrace)).value_or(-1), 1);
  EXPECT_EQ(emulator_->journal().Count(AllCalls().InTrace(kTrace)), 1);
}

TEST_P(JournalServiceTest, OnlyCallsOfGooglesApiAreThere) {
  const int64_t last = Stats().last_number();
  EXPECT_THAT(List(""), IsOk());
  if (GetParam() == Transport::kRest) {
    EXPECT_EQ(Fetch(emulator_->http_port(), "GET", "/healthz").status, 200);
    EXPECT_EQ(Fetch(emulator_->http_port(), "POST", "/healthz", "{}").status,
              405);
    EXPECT_EQ(
        Fetch(emulator_->http_port(), "GET", "/emulator/v1/nothing").status,
        404);
    EXPECT_EQ(Fetch(emulator_->http_port(), "GET", "/emulator/v1/journal:wait")
                  .status,
              405);
    EXPECT_EQ(
        Fetch(emulator_->http_port(), "POST", "/emulator/v1:reset", "{").status,
        400);
  } else {
    const auto channel = Connect(*emulator_, GetParam());
    EXPECT_THAT(CallPath(channel, "/grpc.health.v1.Health/Check", ""), IsOk());
    EXPECT_FALSE(CallPath(channel,
                          "/spanner_session_emulator.v1.ClockService/Nothing",
                          "")
                     .status.ok());
  }
  EXPECT_EQ(Stats().last_number(), last);
}

TEST_P(JournalServiceTest, MalformedRequestsAreThere) {
  if (GetParam() == Transport::kRest) {
    EXPECT_EQ(Fetch(emulator_->http_port(), "POST",
                    absl::StrCat("/v1/", kDatabase, "/sessions"), "{x")
                  .status,
              400);
  } else {
    EXPECT_FALSE(CallPath(Connect(*emulator_, GetParam()),
                          "/google.spanner.v1.Spanner/CreateSession", "{x")
                     .status.ok());
  }
  const Entry entry = Last("problem = MALFORMED");
  EXPECT_EQ(entry.method(), "google.spanner.v1.Spanner.CreateSession");
  EXPECT_EQ(entry.status(), "INVALID_ARGUMENT");
  EXPECT_FALSE(entry.has_request());
  EXPECT_EQ(entry.raw_request(), "{x");
  EXPECT_EQ(entry.request_size(), 2);
  if (GetParam() == Transport::kRest) {
    // What is no JSON at all.
    EXPECT_EQ(Fetch(emulator_->http_port(), "POST",
                    absl::StrCat("/v1/", kDatabase, "/sessions"), "<x/>",
                    {{"Content-Type", "text/xml"}})
                  .status,
              415);
    const Entry xml = Last("problem = MALFORMED");
    EXPECT_EQ(xml.method(), "google.spanner.v1.Spanner.CreateSession");
    EXPECT_EQ(xml.raw_request(), "<x/>");
  }
}

TEST_P(JournalServiceTest, InvalidRequestsAreThereAsTheyCame) {
  api::GetSessionRequest request;
  request.set_name("nonsense");
  if (GetParam() == Transport::kRest) {
    EXPECT_EQ(Fetch(emulator_->http_port(), "POST",
                    absl::StrCat("/v1/", session_, ":executeSql"), "{}")
                  .status,
              400);
    EXPECT_EQ(RequestOf<api::ExecuteSqlRequest>(Last()).session(), session_);
    return;
  }
  EXPECT_FALSE(caller_->Call("GetSession", request).status.ok());
  const Entry entry = Last();
  EXPECT_EQ(entry.problem(), Entry::PROBLEM_UNSPECIFIED);
  EXPECT_EQ(entry.status(), "INVALID_ARGUMENT");
  EXPECT_EQ(entry.session(), "");
  EXPECT_EQ(RequestOf<api::GetSessionRequest>(entry).name(), "nonsense");
}

TEST_P(JournalServiceTest, UnknownMethodsAreThere) {
  if (GetParam() == Transport::kRest) {
    EXPECT_EQ(
        Fetch(emulator_->http_port(), "GET", "/v1/nothing?access_token=secret")
            .status,
        404);
    Entry entry = Last("problem = UNKNOWN_METHOD");
    EXPECT_EQ(entry.method(), "/v1/nothing");
    EXPECT_EQ(entry.status(), "NOT_FOUND");
    EXPECT_THAT(entry.DebugString(), Not(HasSubstr("secret")));
    EXPECT_EQ(Fetch(emulator_->http_port(), "PUT",
                    absl::StrCat("/v1/", session_), "{}")
                  .status,
              405);
    entry = Last("problem = UNKNOWN_METHOD");
    EXPECT_EQ(entry.method(), absl::StrCat("/v1/", session_));
    EXPECT_EQ(entry.raw_request(), "{}");
    EXPECT_EQ(Fetch(emulator_->http_port(), "GET", "/other").status, 404);
    EXPECT_EQ(Last("problem = UNKNOWN_METHOD").method(), "/other");
    return;
  }
  const auto channel = Connect(*emulator_, GetParam());
  for (const char* path : {"/google.spanner.v1.Spanner/Nothing", "/a.B/C"}) {
    EXPECT_THAT(CallPath(channel, path, "\xff"),
                StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("")));
    const Entry entry = Last("problem = UNKNOWN_METHOD");
    EXPECT_EQ(entry.method(), path);
    EXPECT_EQ(entry.status(), "UNIMPLEMENTED");
    EXPECT_EQ(entry.state(), Entry::ENDED);
  }
  CallPath(channel, "/a.B/C?access_token=secret", "");
  EXPECT_EQ(Last("problem = UNKNOWN_METHOD").method(), "/a.B/C");
}

TEST_P(JournalServiceTest, CallsThatTheGuardRefusesAreThere) {
  ASSERT_THAT(emulator_->SetAuthPolicy("principals { name: 'a' token: 't' }"),
              IsOk());
  EXPECT_THAT(Get(),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("")));
  const Entry entry = Last();
  EXPECT_EQ(entry.method(), "google.spanner.v1.Spanner.GetSession");
  EXPECT_EQ(entry.status(), "UNAUTHENTICATED");
  EXPECT_EQ(entry.problem(), Entry::PROBLEM_UNSPECIFIED);
  // Nobody has looked at it, but bytes of a message need no looking at.
  EXPECT_EQ(entry.has_request(), GetParam() != Transport::kRest);
  EXPECT_EQ(entry.session(), "");
}

TEST_P(JournalServiceTest, AFrozenCallIsOpen) {
  AddFault("name: 'faults/ice' freeze: true");
  const auto caller = MakeCaller(*emulator_, GetParam());
  Background<Answer> get([&] { return Get(*caller); });
  const auto found = Wait(
      "filter: 'fault = \"faults/ice\" AND state = OPEN' "
      "timeout { seconds: 60 }");
  ASSERT_THAT(found, IsOk());
  ASSERT_THAT(found->entries(), SizeIs(1));
  const Entry& open = found->entries(0);
  EXPECT_EQ(open.state(), Entry::OPEN);
  EXPECT_EQ(open.status(), "");
  EXPECT_EQ(RequestOf<api::GetSessionRequest>(open).name(), session_);
  EXPECT_FALSE(open.has_end_time());
  EXPECT_FALSE(open.has_real_end_time());
  EXPECT_EQ(Count("state = OPEN").value_or(-1), 1);
  EXPECT_EQ(Stats().open_entry_count(), 1);
  v1::ReleaseFaultRequest release;
  release.set_name("faults/ice");
  // The call may not have come to its freeze.
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (
      Control<v1::ReleaseFaultResponse>("FaultService", "ReleaseFault", release)
              ->call_count() == 0 &&
      std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_THAT(get.Join(), IsOk());
  const Entry ended = Last("fault:*");
  EXPECT_EQ(ended.number(), open.number());
  EXPECT_EQ(ended.state(), Entry::ENDED);
  EXPECT_EQ(ended.status(), "OK");
  EXPECT_EQ(ended.message_count(), 1);
  EXPECT_EQ(Stats().open_entry_count(), 0);
}

TEST_P(JournalServiceTest, CutAndCancelledCallsAreEnded) {
  AddFault("name: 'faults/cut' cut_connection: true times: 1");
  if (GetParam() == Transport::kRest) {
    HttpTestClient client(emulator_->http_port());
    client.Send(HttpGet(absl::StrCat("/v1/", session_)));
    EXPECT_EQ(client.Read().status, 0);
  } else {
    EXPECT_FALSE(Get(*MakeCaller(*emulator_, GetParam())).status.ok());
  }
  const Entry cut = LastEnded("fault = \"faults/cut\"");
  EXPECT_EQ(cut.status(), "UNAVAILABLE");
  EXPECT_EQ(cut.message_count(), 0);
  AddFault("name: 'faults/gone' swallow: true when: AFTER times: 1");
  const std::string open =
      "filter: 'fault = \"faults/gone\"' include_open: true "
      "timeout { seconds: 60 }";
  if (GetParam() == Transport::kRest) {
    HttpTestClient client(emulator_->http_port());
    client.Send(HttpGet(absl::StrCat("/v1/", session_)));
    ASSERT_THAT(Wait(open), IsOk());
    client.Close();
  } else {
    const auto stub = api::Spanner::NewStub(Connect(*emulator_, GetParam()));
    const auto context = PatientContext();
    Background<absl::Status> get([&] {
      api::GetSessionRequest request;
      request.set_name(session_);
      api::Session session;
      return ToAbsl(stub->GetSession(context.get(), request, &session));
    });
    ASSERT_THAT(Wait(open), IsOk());
    context->TryCancel();
    EXPECT_FALSE(get.Join().ok());
  }
  EXPECT_EQ(LastEnded("fault = \"faults/gone\"").status(), "CANCELLED");
}

// ---- List, get, count, clear, stats.

TEST_P(JournalServiceTest, ListsPagesOfWhatMatches) {
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Get(), IsOk());
  EXPECT_THAT(Query("SELECT 1"), IsOk());
  const std::string filter = "filter: 'method = GetSession' ";
  auto page = List(absl::StrCat(filter, "page_size: 2"));
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->entries(), SizeIs(2));
  EXPECT_EQ(page->entries(0).number(), 2);
  EXPECT_EQ(page->entries(1).number(), 3);
  ASSERT_NE(page->next_page_token(), "");
  EXPECT_THAT(Get(), IsOk());
  const std::string next =
      absl::StrCat("page_token: '", page->next_page_token(), "'");
  page = List(absl::StrCat(filter, next));
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->entries(), SizeIs(2));
  EXPECT_EQ(page->entries(0).number(), 4);
  EXPECT_EQ(page->entries(1).number(), 6);
  EXPECT_EQ(page->next_page_token(), "");
  EXPECT_THAT(List(absl::StrCat("filter: 'number > 0' ", next)),
              StatusIs(kInvalidArgument, HasSubstr("page_token")));
  EXPECT_THAT(List(absl::StrCat(filter, "order_by: 'number desc' ", next)),
              StatusIs(kInvalidArgument, HasSubstr("page_token")));

  page = List(absl::StrCat(filter, "order_by: 'number desc' page_size: 1"));
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->entries(), SizeIs(1));
  EXPECT_EQ(page->entries(0).number(), 6);
  page = List(absl::StrCat(filter, "order_by: 'number desc' page_token: '",
                           page->next_page_token(), "'"));
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->entries(), SizeIs(3));
  EXPECT_EQ(page->entries(0).number(), 4);
}

// Whose entries are large, but not their requests.
TEST_P(JournalServiceTest, RepliesFitIntoMessages) {
  constexpr int kCalls = 120;
  const std::string path = absl::StrCat("/v1/", std::string(50000, 'x'));
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_EQ(Fetch(emulator_->http_port(), "GET", path).status, 404);
  }
  const auto page = List("");
  ASSERT_THAT(page, IsOk());
  EXPECT_NE(page->next_page_token(), "");
  const auto last = Wait(absl::StrCat("entry_count: ", kCalls + 1));
  ASSERT_THAT(last, IsOk());
  EXPECT_EQ(last->entries().rbegin()->number(), kCalls + 1);
}

TEST_P(JournalServiceTest, GetsCountsAndClears) {
  EXPECT_THAT(Get(), IsOk());
  EXPECT_EQ(Count().value_or(-1), 2);
  EXPECT_EQ(Count("method = CreateSession").value_or(-1), 1);
  v1::GetJournalEntryRequest get;
  get.set_name("journal/entries/2");
  EXPECT_THAT(Control<Entry>("JournalService", "GetJournalEntry", get).value(),
              EqualsProto(Last()));
  EXPECT_EQ(Clear("method = GetSession").value_or(-1), 1);
  EXPECT_THAT(Control<Entry>("JournalService", "GetJournalEntry", get),
              StatusIs(absl::StatusCode::kNotFound,
                       "Journal entry not found: journal/entries/2"));
  EXPECT_THAT(caller_
                  ->Call(*Entry::descriptor()
                              ->file()
                              ->FindServiceByName("JournalService")
                              ->FindMethodByName("GetJournalEntry"),
                         get)
                  .details,
              HasSubstr("spanner_session_emulator.v1.JournalEntry"));
  EXPECT_EQ(Clear().value_or(-1), 1);
  EXPECT_THAT(Entries(), IsEmpty());
  EXPECT_THAT(Get(), IsOk());
  EXPECT_EQ(Last().number(), 3);
  const v1::JournalStats stats = Stats();
  EXPECT_EQ(stats.capacity_bytes(), 64 << 20);
  EXPECT_GT(stats.used_bytes(), 0);
  EXPECT_EQ(stats.entry_count(), 1);
  EXPECT_EQ(stats.dropped_entry_count(), 0);
  EXPECT_EQ(stats.last_number(), 3);
}

TEST_P(JournalServiceTest, RefusesWhatIsWrongAndNamesTheField) {
  const auto invalid = [](absl::string_view text) {
    return StatusIs(kInvalidArgument, HasSubstr(std::string(text)));
  };
  EXPECT_THAT(List("filter: 'colour = red'"),
              invalid("Invalid ListJournalEntries request: filter "));
  EXPECT_THAT(List("page_size: -1"), invalid("page_size must not"));
  EXPECT_THAT(List("order_by: 'name'"), invalid("order_by must be"));
  EXPECT_THAT(List("page_token: '1'"), invalid("page_token is not"));
  EXPECT_THAT(Count("status = MAYBE"), invalid("filter "));
  EXPECT_THAT(Clear("("), invalid("filter "));
  for (const char* name : {"journal/entries/x", "journal/entries/01"}) {
    v1::GetJournalEntryRequest get;
    get.set_name(name);
    EXPECT_THAT(Control<Entry>("JournalService", "GetJournalEntry", get),
                invalid("name must be journal/entries/<number>"));
  }
  EXPECT_THAT(Wait("filter: 'x'"), invalid("filter "));
  EXPECT_THAT(Wait("entry_count: -1"), invalid("entry_count must not"));
  EXPECT_THAT(Wait("after_number: -1"), invalid("after_number must not"));
  EXPECT_THAT(Wait("timeout { seconds: -1 }"), invalid("timeout must not"));
  EXPECT_THAT(Wait("timeout { seconds: 3601 }"),
              invalid("timeout must be at most 3600 s"));
}

TEST_P(JournalServiceTest, TheOldestMakeRoomAndAreCounted) {
  StartWith({.journal_bytes = 10000});
  while (Stats().dropped_entry_count() < 3) EXPECT_THAT(Get(), IsOk());
  const v1::JournalStats stats = Stats();
  EXPECT_EQ(stats.capacity_bytes(), 10000);
  EXPECT_LE(stats.used_bytes(), 10000);
  EXPECT_EQ(stats.entry_count() + stats.dropped_entry_count(),
            stats.last_number());
  EXPECT_EQ(Entries().front().number(), stats.dropped_entry_count() + 1);
}

TEST_P(JournalServiceTest, RequestsThatAreTooLargeAreOmitted) {
  StartWith({.journal_bytes = 10000});
  EXPECT_FALSE(Query(std::string(9000, 'x')).status.ok());
  const Entry entry = Last();
  EXPECT_TRUE(entry.request_omitted());
  EXPECT_GT(entry.request_size(), 9000);
  EXPECT_FALSE(entry.has_request());
  EXPECT_EQ(entry.raw_request(), "");
}

TEST_P(JournalServiceTest, ItCanBeOff) {
  StartWith({.journal_bytes = 0});
  EXPECT_THAT(Get(), IsOk());
  EXPECT_EQ(Stats().capacity_bytes(), 0);
  EXPECT_EQ(Stats().last_number(), 0);
  const auto off = StatusIs(absl::StatusCode::kFailedPrecondition,
                            HasSubstr("--journal_bytes=0"));
  EXPECT_THAT(List(""), off);
  EXPECT_THAT(Count(), off);
  EXPECT_THAT(Wait(""), off);
  v1::GetJournalEntryRequest get;
  get.set_name("journal/entries/1");
  EXPECT_THAT(Control<Entry>("JournalService", "GetJournalEntry", get), off);
  EXPECT_EQ(Clear().value_or(-1), 0);
}

// ---- Wait.

TEST_P(JournalServiceTest, WaitAnswersAtOnceIfTheyAreThere) {
  EXPECT_THAT(Get(), IsOk());
  EXPECT_THAT(Get(), IsOk());
  const auto all = Wait("filter: 'method = GetSession' entry_count: 2");
  ASSERT_THAT(all, IsOk());
  ASSERT_THAT(all->entries(), SizeIs(2));
  EXPECT_EQ(all->entries(0).number(), 2);
  EXPECT_EQ(all->entries(1).number(), 3);
  EXPECT_EQ(RequestOf<api::GetSessionRequest>(all->entries(0)).name(),
            session_);
  const auto next = Wait("after_number: 2");
  ASSERT_THAT(next, IsOk());
  EXPECT_EQ(next->entries(0).number(), 3);
}

TEST_P(JournalServiceTest, WaitGivesUpInTime) {
  EXPECT_THAT(Wait("entry_count: 2 timeout {}"),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       "1 of 2 journal entries have come in the time given"));
  EXPECT_THAT(Wait("filter: 'method = Commit' timeout { nanos: 1000000 }"),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       "0 of 1 journal entries have come in the time given"));
  StartWith({.journal_bytes = 10000});
  while (Stats().dropped_entry_count() < 3) EXPECT_THAT(Get(), IsOk());
  EXPECT_THAT(Wait("filter: 'method = CreateSession' timeout {}"),
              StatusIs(absl::StatusCode::kDeadlineExceeded,
                       "0 of 1 journal entries have come in the time given; 3 "
                       "entries have made room for others (--journal_bytes)"));
}

// More calls wait than there are threads, and yet others are answered.
TEST_P(JournalServiceTest, WaitsForWhatIsToComeAndHoldsUpNobody) {
  constexpr int kWaits = 20;
  using Result = absl::StatusOr<v1::WaitForJournalEntryResponse>;
  std::vector<std::unique_ptr<Background<Result>>> waits;
  for (int i = 0; i < kWaits; ++i) {
    waits.push_back(std::make_unique<Background<Result>>([this] {
      const auto caller = MakeCaller(*emulator_, GetParam());
      return Wait(*caller,
                  "filter: 'method = GetSession' entry_count: 2 "
                  "timeout { seconds: 60 }");
    }));
  }
  EXPECT_THAT(Get(), IsOk());
  EXPECT_THAT(Entries("method = GetSession"), SizeIs(1));
  EXPECT_THAT(Get(), IsOk());
  for (auto& wait : waits) {
    ASSERT_THAT(wait->Join(), IsOk());
    ASSERT_THAT(wait->Join()->entries(), SizeIs(2));
    EXPECT_EQ(wait->Join()->entries(1).number(), 3);
  }
}

// Without a server, as only so it is known that the wait has begun.
TEST(JournalWaitTest, ShutdownEndsWaits) {
  const Clock clock(StartTime());
  Journal journal(&clock, 1 << 20);
  Waits waits;
  MethodTable table;
  table.AddService(v1::JournalEntry::descriptor()->file()->FindServiceByName(
                       "JournalService"),
                   nullptr);
  AddJournalMethods(&journal, &waits, table);
  v1::WaitForJournalEntryRequest request;
  request.mutable_timeout()->set_seconds(3600);
  const FakeContext context(request.SerializeAsString());
  Call call(*FindMethod(table,
                        "spanner_session_emulator.v1.JournalService."
                        "WaitForJournalEntry"),
            context, Call::Unary::kMayWait);
  const Pipeline pipeline(nullptr);
  EXPECT_TRUE(pipeline.MayWait(call.method()));
  auto begun = pipeline.Begin(call);
  const auto source = std::move(begun.reply).TakeSource();
  ASSERT_EQ(source->Next().kind, ReplyStep::Kind::kWait);
  int woken = 0;
  source->OnReady([&woken] { ++woken; });
  journal.ShutDown();
  EXPECT_EQ(woken, 1);
  const ReplyStep end = source->Next();
  EXPECT_EQ(end.kind, ReplyStep::Kind::kEnd);
  EXPECT_EQ(end.status.code(), absl::StatusCode::kUnavailable);
}

// ---- Watch.

// What a watcher has read, entry by entry.
class Watcher {
 public:
  Watcher(Emulator& emulator, Transport transport, absl::string_view request)
      : stub_(v1::JournalService::NewStub(
            Connect(emulator, transport == Transport::kRest ? Transport::kTcp
                                                            : transport))),
        reader_(stub_->WatchJournal(
            context_.get(), FromText<v1::WatchJournalRequest>(request))) {}
  ~Watcher() {
    if (finished_) return;
    context_->TryCancel();
    reader_->Finish();
  }
  // Until what comes from now on is seen.
  void WaitForBegin() { reader_->WaitForInitialMetadata(); }
  Entry Next() {
    v1::WatchJournalResponse response;
    EXPECT_TRUE(reader_->Read(&response));
    EXPECT_FALSE(response.entries_missed());
    return response.entry();
  }
  // How it ends, if nobody ends it here.
  grpc::StatusCode End() {
    v1::WatchJournalResponse response;
    while (reader_->Read(&response)) {
    }
    finished_ = true;
    return reader_->Finish().error_code();
  }

 private:
  const std::unique_ptr<grpc::ClientContext> context_ = PatientContext();
  const std::unique_ptr<v1::JournalService::Stub> stub_;
  const std::unique_ptr<grpc::ClientReader<v1::WatchJournalResponse>> reader_;
  bool finished_ = false;
};

TEST_P(JournalServiceTest, WatchersSeeCallsAsTheyEnd) {
  Watcher watcher(*emulator_, GetParam(),
                  "after_number: 0 filter: 'method = GetSession'");
  EXPECT_THAT(Get(), IsOk());
  EXPECT_EQ(watcher.Next().number(), 2);
  EXPECT_THAT(Query("SELECT 1"), IsOk());
  EXPECT_THAT(Get(), IsOk());
  const Entry entry = watcher.Next();
  EXPECT_EQ(entry.number(), 4);
  EXPECT_EQ(entry.status(), "OK");
}

TEST_P(JournalServiceTest, WatchersKnowWhenTheyWatch) {
  Watcher watcher(*emulator_, GetParam(), "");
  watcher.WaitForBegin();
  EXPECT_THAT(Get(), IsOk());
  EXPECT_EQ(watcher.Next().number(), 2);
}

TEST_P(JournalServiceTest, WatchersOverRestGetAnArray) {
  HttpTestClient client(emulator_->http_port());
  client.Send(
      HttpGet("/emulator/v1/"
              "journal:watch?afterNumber=0&filter=method%3DGetSession&"
              "prettyPrint=false"));
  // Then it watches.
  EXPECT_EQ(client.ReadHead().status, 200);
  EXPECT_EQ(client.ReadPiece().value_or(""), "[");
  EXPECT_THAT(Get(), IsOk());
  EXPECT_THAT(client.ReadPiece().value_or(""),
              AllOf(StartsWith("{\"entry\":{"), HasSubstr("\"number\":\"2\""),
                    EndsWith("}\n")));
  EXPECT_THAT(Get(), IsOk());
  EXPECT_THAT(client.ReadPiece().value_or(""), HasSubstr("\"number\":\"3\""));
  emulator_->Shutdown(absl::Seconds(60));
  EXPECT_THAT(client.ReadPiece().value_or(""), HasSubstr("UNAVAILABLE"));
}

TEST_P(JournalServiceTest, ShutdownEndsWatchers) {
  Watcher watcher(*emulator_, GetParam(), "after_number: 0");
  EXPECT_EQ(watcher.Next().number(), 1);
  emulator_->Shutdown(absl::Seconds(60));
  EXPECT_NE(watcher.End(), grpc::StatusCode::OK);
}

// ---- What JSON cannot say.

TEST_P(JournalServiceTest, RequestsThatAreNoJsonHoldUpNoPage) {
  if (GetParam() == Transport::kRest) {
    // By gRPC, since JSON cannot say it.
    api::ExecuteSqlRequest request;
    request.set_session(session_);
    request.set_sql("SELECT 1");
    request.mutable_transaction()
        ->mutable_single_use()
        ->mutable_read_only()
        ->mutable_read_timestamp()
        ->set_seconds(std::numeric_limits<int64_t>::max());
    CallSpanner(Connect(*emulator_, Transport::kTcp), "ExecuteSql", request);
    const Entry entry = Last();
    EXPECT_FALSE(entry.has_request());
    EXPECT_EQ(entry.raw_request(), request.SerializeAsString());
    return;
  }
  // What is not UTF-8 does not make a reply that cannot be read.
  CallPath(Connect(*emulator_, GetParam()),
           "/google.spanner.v1.Spanner/GetSession", "\x0a\x01\xff");
  EXPECT_EQ(Last().raw_request(), "\x0a\x01\xff");
  EXPECT_EQ(Last().problem(), Entry::MALFORMED);
}

}  // namespace
}  // namespace spanner_session_emulator
