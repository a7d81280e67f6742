// Server-streaming replies over gRPC: what a source says, and when it is told
// to go. A server of the Spanner methods, of which ExecuteStreamingSql answers
// with the source that a test gives it.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/arena.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/call/reply.h"
#include "server/transport/grpc_service.h"
#include "store/mutex.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kStreamingMethod[] =
    "google.spanner.v1.Spanner.ExecuteStreamingSql";
constexpr char kSessionName[] = "projects/p/instances/i/databases/d/sessions/s";

// More than is sent ahead to a client that does not read.
constexpr size_t kLarge = 1 << 20;

// ---- The source.

struct Wait {};
// A message with that resume token, a wait, or the end.
using Step = std::variant<std::string, Wait, absl::Status>;

// What a test sees of a source, and what it has a source do. Outlives it.
struct Probe {
  // What OnReady() does; null: wakes at once.
  std::function<void(std::function<void()> wake)> on_ready;

  Event asked;      // Next() was called.
  Event waiting;    // OnReady() was called.
  Event destroyed;  // The source is gone.
};

class ScriptedSource final : public ReplySource {
 public:
  ScriptedSource(Probe* probe, std::vector<Step> script)
      : probe_(probe), script_(std::move(script)) {}
  ~ScriptedSource() override { probe_->destroyed.Signal(); }

  ReplyStep Next() override {
    probe_->asked.Signal();
    if (next_ == script_.size()) {
      ADD_FAILURE() << "asked after the end";
      return ReplyStep::End(absl::InternalError("asked after the end"));
    }
    const Step& step = script_[next_++];
    if (std::holds_alternative<Wait>(step)) return ReplyStep::Wait();
    if (const auto* status = std::get_if<absl::Status>(&step)) {
      return ReplyStep::End(*status);
    }
    message_.set_resume_token(std::get<std::string>(step));
    return ReplyStep::Message(&message_);
  }

  void OnReady(std::function<void()> wake) override {
    if (probe_->on_ready == nullptr) {
      ReplySource::OnReady(std::move(wake));
    } else {
      probe_->on_ready(std::move(wake));
    }
    probe_->waiting.Signal();
  }

 private:
  Probe* const probe_;
  const std::vector<Step> script_;
  size_t next_ = 0;
  api::PartialResultSet message_;
};

// ---- The server.

// How calls come: to a method that gRPC knows by its name, or to the generic
// service.
struct Way {
  Transport transport;
  bool generic;
};

class ServerStreamTest : public ::testing::TestWithParam<Way> {
 protected:
  ServerStreamTest()
      : pipeline_([this](const Call& call, const absl::Status& status,
                         absl::Duration) {
          if (call.method().full_name != kStreamingMethod) return;
          {
            MutexLock lock(&mu_);
            ended_with_.push_back(status);
          }
          ended_.Signal();
        }) {
    table_.AddService(&SpannerDescriptor(), [](Call& call) {
      return Reply::Error(errors::Unimplemented(call.method().full_name));
    });
  }
  ~ServerStreamTest() override { StopServer(); }

  // Serves with `handler`.
  void Serve(Handler handler) {
    table_.Set(kStreamingMethod, api::ExecuteSqlRequest::default_instance(),
               std::move(handler));
    service_ = std::make_unique<GrpcService>(SpannerDescriptor().full_name(),
                                             table_, &pipeline_, &open_calls_);
    generic_service_ = std::make_unique<GenericService>(
        [this]() -> const MethodTable& { return table_; }, &pipeline_,
        &open_calls_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    if (GetParam().generic) {
      builder.RegisterCallbackGenericService(generic_service_.get());
    } else {
      builder.RegisterService(service_.get());
    }
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    const auto channel = GetParam().transport == Transport::kTcp
                             ? Connect(absl::StrCat("127.0.0.1:", port))
                             : server_->InProcessChannel(arguments);
    stub_ = api::Spanner::NewStub(channel);
  }

  // Serves one source, to one call.
  void ServeScript(std::vector<Step> script) {
    Serve([this, script = std::move(script)](Call&) {
      return Reply::Stream(std::make_unique<ScriptedSource>(&probe_, script));
    });
  }

  void StopServer(std::chrono::seconds grace = std::chrono::seconds(0)) {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + grace);
    server_->Wait();
    server_.reset();
  }

  std::unique_ptr<grpc::ClientReader<api::PartialResultSet>> Start(
      grpc::ClientContext& context) {
    api::ExecuteSqlRequest request;
    request.set_session(kSessionName);
    return stub_->ExecuteStreamingSql(&context, request);
  }

  // A quick call on the same connection.
  void CallAnotherMethod() {
    api::Session response;
    EXPECT_EQ(
        stub_->GetSession(PatientContext().get(), {}, &response).error_code(),
        grpc::StatusCode::INVALID_ARGUMENT);
  }

  // Reads all that comes.
  static std::vector<std::string> ReadAll(
      grpc::ClientReader<api::PartialResultSet>& reader) {
    std::vector<std::string> tokens;
    api::PartialResultSet message;
    while (reader.Read(&message)) tokens.push_back(message.resume_token());
    return tokens;
  }

  struct Result {
    std::vector<std::string> messages;
    absl::Status status;
    std::string details;
    std::multimap<std::string, std::string> trailers;
  };
  Result Run() {
    const auto context = PatientContext();
    const auto reader = Start(*context);
    Result result;
    result.messages = ReadAll(*reader);
    const grpc::Status status = reader->Finish();
    result.status = ToAbsl(status);
    result.details = status.error_details();
    for (const auto& [key, value] : context->GetServerTrailingMetadata()) {
      result.trailers.emplace(std::string(key.data(), key.size()),
                              std::string(value.data(), value.size()));
    }
    return result;
  }

  // The stream's end, as the server saw it. Waits for it.
  absl::Status EndOfStream() {
    EXPECT_TRUE(ended_.Wait());
    MutexLock lock(&mu_);
    return ended_with_.size() == 1
               ? ended_with_[0]
               : absl::InternalError(
                     absl::StrCat("ended ", ended_with_.size(), " times"));
  }

  // Whether the one source was destroyed, once; also after the server's end.
  void ExpectDestroyedOnce() {
    EXPECT_TRUE(probe_.destroyed.Wait());
    StopServer();
    EXPECT_EQ(probe_.destroyed.count(), 1);
  }

  // Has OnReady() keep what it is given in `wake_`.
  void KeepWaker() {
    probe_.on_ready = [this](std::function<void()> wake) {
      wake_ = std::move(wake);
    };
  }

  Probe probe_;
  std::function<void()> wake_;
  Event ended_;

 private:
  Mutex mu_;
  std::vector<absl::Status> ended_with_ ABSL_GUARDED_BY(mu_);
  MethodTable table_;
  const Pipeline pipeline_;
  OpenCalls open_calls_;
  std::unique_ptr<GrpcService> service_;
  std::unique_ptr<GenericService> generic_service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<api::Spanner::Stub> stub_;
};

std::string WayName(const ::testing::TestParamInfo<Way>& info) {
  return absl::StrCat(
      info.param.transport == Transport::kTcp ? "Tcp" : "InProcess",
      info.param.generic ? "Generic" : "ByName");
}

constexpr Way kTcpWays[] = {{Transport::kTcp, false}, {Transport::kTcp, true}};
constexpr Way kAllWays[] = {{Transport::kTcp, false},
                            {Transport::kTcp, true},
                            {Transport::kInProcess, false},
                            {Transport::kInProcess, true}};

INSTANTIATE_TEST_SUITE_P(Over, ServerStreamTest, ::testing::ValuesIn(kAllWays),
                         WayName);

// `count` messages, named by their number.
std::vector<std::string> Numbers(int count) {
  std::vector<std::string> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(absl::StrCat(i));
  return numbers;
}

std::vector<Step> Script(const std::vector<std::string>& messages,
                         absl::Status end) {
  std::vector<Step> script(messages.begin(), messages.end());
  script.push_back(std::move(end));
  return script;
}

// ---- What a source says.

TEST_P(ServerStreamTest, MessagesComeInOrderAndThenTheEnd) {
  const std::vector<std::string> messages = Numbers(100);
  ServeScript(Script(messages, absl::OkStatus()));
  const Result result = Run();
  EXPECT_THAT(result.status, IsOk());
  EXPECT_EQ(result.messages, messages);
  EXPECT_THAT(result.trailers, IsEmpty());
  EXPECT_THAT(EndOfStream(), IsOk());
  ExpectDestroyedOnce();
  EXPECT_EQ(probe_.asked.count(), 101);
}

TEST_P(ServerStreamTest, AStreamMayBeEmpty) {
  ServeScript({absl::OkStatus()});
  const Result result = Run();
  EXPECT_THAT(result.status, IsOk());
  EXPECT_THAT(result.messages, IsEmpty());
  ExpectDestroyedOnce();
}

TEST_P(ServerStreamTest, AMessageMayBeEmpty) {
  ServeScript(Script({"", ""}, absl::OkStatus()));
  EXPECT_THAT(Run().messages, SizeIs(2));
  ExpectDestroyedOnce();
}

// ABORTED carries RetryInfo, NOT_FOUND carries ResourceInfo, at any point.
class ServerStreamErrorTest : public ServerStreamTest {
 protected:
  void ExpectErrorAfter(const std::vector<std::string>& messages) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(1);
    absl::Status error = errors::SessionNotFound(kSessionName);
    error.SetPayload("type.googleapis.com/google.rpc.RetryInfo",
                     absl::Cord(retry.SerializeAsString()));
    google::rpc::ResourceInfo resource;
    ASSERT_TRUE(resource.ParseFromString(std::string(
        *error.GetPayload("type.googleapis.com/google.rpc.ResourceInfo"))));

    ServeScript(Script(messages, error));
    const Result result = Run();
    EXPECT_EQ(result.messages, messages);
    EXPECT_THAT(result.status,
                StatusIs(absl::StatusCode::kNotFound,
                         absl::StrCat("Session not found: ", kSessionName)));
    google::rpc::Status details;
    ASSERT_TRUE(details.ParseFromString(result.details));
    EXPECT_EQ(details.code(), 5);
    EXPECT_EQ(details.message(), error.message());
    EXPECT_THAT(details.details(), SizeIs(2));
    EXPECT_THAT(
        result.trailers,
        ElementsAre(
            Pair("google.rpc.resourceinfo-bin", resource.SerializeAsString()),
            Pair("google.rpc.retryinfo-bin", retry.SerializeAsString()),
            Pair("grpc-status-details-bin", result.details)));
    EXPECT_EQ(EndOfStream(), error);
    ExpectDestroyedOnce();
  }
};

INSTANTIATE_TEST_SUITE_P(Over, ServerStreamErrorTest,
                         ::testing::ValuesIn(kAllWays), WayName);

TEST_P(ServerStreamErrorTest, BeforeTheFirstMessage) { ExpectErrorAfter({}); }

TEST_P(ServerStreamErrorTest, AfterTheFirstMessage) {
  ExpectErrorAfter(Numbers(1));
}

TEST_P(ServerStreamErrorTest, AfterTheTenthMessage) {
  ExpectErrorAfter(Numbers(10));
}

TEST_P(ServerStreamTest, AHandlersErrorIsTheEnd) {
  Serve([](Call&) { return Reply::Error(absl::AbortedError("aborted")); });
  const Result result = Run();
  EXPECT_THAT(result.status, StatusIs(absl::StatusCode::kAborted, "aborted"));
  EXPECT_THAT(result.messages, IsEmpty());
  EXPECT_EQ(EndOfStream(), absl::AbortedError("aborted"));
}

TEST_P(ServerStreamTest, AHandlersSingleMessageIsAStream) {
  Serve([](Call& call) {
    auto* message =
        google::protobuf::Arena::CreateMessage<api::PartialResultSet>(
            &call.arena());
    message->set_resume_token("only");
    return Reply::Message(message);
  });
  const Result result = Run();
  EXPECT_THAT(result.status, IsOk());
  EXPECT_THAT(result.messages, ElementsAre("only"));
}

// ---- Waiting.

TEST_P(ServerStreamTest, WokenByAnotherThread) {
  ServeScript({Wait(), "a", Wait(), "b", Wait(), absl::OkStatus()});
  KeepWaker();
  const auto context = PatientContext();
  const auto reader = Start(*context);
  api::PartialResultSet message;
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(probe_.waiting.Wait(i));
    EXPECT_EQ(probe_.asked.count(), 2 * i - 1);
    std::exchange(wake_, nullptr)();
    ASSERT_TRUE(probe_.asked.Wait(2 * i));
    EXPECT_EQ(reader->Read(&message), i < 3);
    if (i < 3) {
      EXPECT_EQ(message.resume_token(), i == 1 ? "a" : "b");
    }
  }
  EXPECT_THAT(ToAbsl(reader->Finish()), IsOk());
  EXPECT_THAT(EndOfStream(), IsOk());
  ExpectDestroyedOnce();
}

TEST_P(ServerStreamTest, WokenAtOnce) {
  ServeScript({Wait(), Wait(), "a", Wait(), "b", Wait(), absl::OkStatus()});
  const Result result = Run();
  EXPECT_THAT(result.status, IsOk());
  EXPECT_THAT(result.messages, ElementsAre("a", "b"));
  EXPECT_EQ(probe_.waiting.count(), 4);
  ExpectDestroyedOnce();
}

TEST_P(ServerStreamTest, WokenByAnotherThreadBeforeTheWaitHasBegun) {
  ServeScript({Wait(), "a", Wait(), absl::OkStatus()});
  probe_.on_ready = [](std::function<void()> wake) {
    std::thread(std::move(wake)).join();
  };
  const Result result = Run();
  EXPECT_THAT(result.status, IsOk());
  EXPECT_THAT(result.messages, ElementsAre("a"));
  ExpectDestroyedOnce();
}

// Whichever of the two comes first.
TEST_P(ServerStreamTest, WokenByAnotherThreadWhileTheWaitBegins) {
  constexpr int kRounds = 200;
  std::vector<Step> script;
  for (int i = 0; i < kRounds; ++i) {
    script.push_back(Wait());
    script.push_back(absl::StrCat(i));
  }
  script.push_back(absl::OkStatus());
  ServeScript(std::move(script));
  std::vector<std::thread> wakers;
  probe_.on_ready = [&](std::function<void()> wake) {
    wakers.emplace_back(std::move(wake));
  };
  const Result result = Run();
  EXPECT_THAT(result.status, IsOk());
  EXPECT_EQ(result.messages, Numbers(kRounds));
  ExpectDestroyedOnce();
  for (std::thread& waker : wakers) waker.join();
}

TEST_P(ServerStreamTest, AWakerMayComeAfterTheEnd) {
  ServeScript({Wait()});
  KeepWaker();
  const auto context = PatientContext();
  const auto reader = Start(*context);
  ASSERT_TRUE(probe_.waiting.Wait());
  context->TryCancel();
  EXPECT_THAT(ReadAll(*reader), IsEmpty());
  EXPECT_FALSE(reader->Finish().ok());
  ExpectDestroyedOnce();  // And the server is gone, too.
  wake_();
  EXPECT_EQ(probe_.asked.count(), 1);
}

// The thread that wakes a stream may take its time to come back.
TEST_P(ServerStreamTest, NoSourceOutlivesTheServer) {
  for (int round = 1; round <= 100; ++round) {
    ServeScript({Wait(), absl::OkStatus()});
    KeepWaker();
    const auto context = PatientContext();
    const auto reader = Start(*context);
    ASSERT_TRUE(probe_.waiting.Wait(round));
    std::thread waker(std::exchange(wake_, nullptr));
    EXPECT_THAT(ReadAll(*reader), IsEmpty());
    EXPECT_THAT(ToAbsl(reader->Finish()), IsOk());
    StopServer();
    EXPECT_EQ(probe_.destroyed.count(), round);
    waker.join();
  }
}

TEST_P(ServerStreamTest, AWaitHoldsUpNoOtherCall) {
  KeepWaker();
  Serve([this, first = true](Call&) mutable {
    const std::vector<Step> script =
        std::exchange(first, false)
            ? std::vector<Step>{Wait(), absl::OkStatus()}
            : std::vector<Step>{"quick", absl::OkStatus()};
    return Reply::Stream(std::make_unique<ScriptedSource>(&probe_, script));
  });
  const auto context = PatientContext();
  const auto waiting = Start(*context);
  ASSERT_TRUE(probe_.waiting.Wait());
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Run().messages, ElementsAre("quick"));
  }
  wake_();
  EXPECT_THAT(ReadAll(*waiting), IsEmpty());
  EXPECT_THAT(ToAbsl(waiting->Finish()), IsOk());
}

// ---- Cancellation, deadline, shutdown.

TEST_P(ServerStreamTest, CancelledWhileWaiting) {
  ServeScript({"a", Wait()});
  KeepWaker();
  const auto context = PatientContext();
  const auto reader = Start(*context);
  api::PartialResultSet message;
  ASSERT_TRUE(reader->Read(&message));
  ASSERT_TRUE(probe_.waiting.Wait());
  context->TryCancel();
  EXPECT_THAT(ReadAll(*reader), IsEmpty());
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(EndOfStream().code(), absl::StatusCode::kCancelled);
  ExpectDestroyedOnce();
  EXPECT_EQ(probe_.asked.count(), 2);
}

// A cancelled call and a waker, at the same time: whichever is first.
TEST_P(ServerStreamTest, CancelledAndWokenAtTheSameTime) {
  ServeScript({Wait(), "a", absl::OkStatus()});
  for (int round = 1; round <= 50; ++round) {
    std::function<void()> wake;
    probe_.on_ready = [&](std::function<void()> w) { wake = std::move(w); };
    const auto context = PatientContext();
    const auto reader = Start(*context);
    ASSERT_TRUE(probe_.waiting.Wait(round));
    std::thread waker(std::move(wake));
    context->TryCancel();
    waker.join();
    ReadAll(*reader);
    reader->Finish();
    ASSERT_TRUE(probe_.destroyed.Wait(round));
  }
  StopServer();
  EXPECT_EQ(probe_.destroyed.count(), 50);
}

TEST_P(ServerStreamTest, CancelledWhileWriting) {
  const std::string large(kLarge, 'x');
  ServeScript({"a", large, "never", absl::OkStatus()});
  const auto context = PatientContext();
  const auto reader = Start(*context);
  api::PartialResultSet message;
  ASSERT_TRUE(reader->Read(&message));
  ASSERT_TRUE(probe_.asked.Wait(2));
  context->TryCancel();
  EXPECT_TRUE(probe_.destroyed.Wait());
  EXPECT_EQ(probe_.asked.count(), 2);
  EXPECT_EQ(EndOfStream().code(), absl::StatusCode::kCancelled);
  ReadAll(*reader);
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  ExpectDestroyedOnce();
}

// The call is cancelled while its source is being told to wake it.
class CancelledInOnReadyTest : public ServerStreamTest {
 protected:
  void Run(bool wake_at_once) {
    ServeScript({Wait(), Wait(), Wait()});
    const auto context = PatientContext();
    probe_.on_ready = [&](std::function<void()> wake) {
      const bool first = probe_.waiting.count() == 0;
      const bool second = probe_.waiting.count() == 1;
      if (second) {
        context->TryCancel();
        // By now, or a little later, the server has heard of it.
        for (int i = 0; i < 20; ++i) CallAnotherMethod();
        if (wake_at_once) wake();
      } else if (first) {
        wake_ = std::move(wake);
      }
    };
    const auto reader = Start(*context);
    ASSERT_TRUE(probe_.waiting.Wait());
    wake_();
    EXPECT_EQ(EndOfStream().code(), absl::StatusCode::kCancelled);
    EXPECT_THAT(ReadAll(*reader), IsEmpty());
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
    ExpectDestroyedOnce();
  }
};

INSTANTIATE_TEST_SUITE_P(Over, CancelledInOnReadyTest,
                         ::testing::ValuesIn(kAllWays), WayName);

TEST_P(CancelledInOnReadyTest, WithoutAWakeUp) { Run(/*wake_at_once=*/false); }

TEST_P(CancelledInOnReadyTest, WithAWakeUp) { Run(/*wake_at_once=*/true); }

TEST_P(ServerStreamTest, DeadlineWhileWaiting) {
  ServeScript({Wait()});
  KeepWaker();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(300));
  const auto reader = Start(context);
  EXPECT_THAT(ReadAll(*reader), IsEmpty());
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ExpectDestroyedOnce();
  EXPECT_EQ(probe_.waiting.count(), 1);
  EXPECT_EQ(EndOfStream().code(), absl::StatusCode::kCancelled);
}

TEST_P(ServerStreamTest, DeadlineWhileWriting) {
  const std::string large(kLarge, 'x');
  ServeScript({large, "never"});
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(300));
  const auto reader = Start(context);
  EXPECT_TRUE(probe_.destroyed.Wait());
  ReadAll(*reader);
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ExpectDestroyedOnce();
  EXPECT_EQ(probe_.asked.count(), 1);
}

TEST_P(ServerStreamTest, ServerStopsWhileWaiting) {
  ServeScript({"a", Wait()});
  KeepWaker();
  const auto context = PatientContext();
  const auto reader = Start(*context);
  api::PartialResultSet message;
  ASSERT_TRUE(reader->Read(&message));
  ASSERT_TRUE(probe_.waiting.Wait());
  StopServer();
  EXPECT_EQ(probe_.destroyed.count(), 1);
  EXPECT_THAT(ReadAll(*reader), IsEmpty());
  EXPECT_FALSE(reader->Finish().ok());
  EXPECT_EQ(EndOfStream().code(), absl::StatusCode::kCancelled);
  wake_();
  EXPECT_EQ(probe_.destroyed.count(), 1);
}

TEST_P(ServerStreamTest, ServerStopsWhileWriting) {
  const std::string large(kLarge, 'x');
  ServeScript({"a", large, "never"});
  const auto context = PatientContext();
  const auto reader = Start(*context);
  api::PartialResultSet message;
  ASSERT_TRUE(reader->Read(&message));
  ASSERT_TRUE(probe_.asked.Wait(2));
  StopServer();
  EXPECT_EQ(probe_.destroyed.count(), 1);
  EXPECT_EQ(probe_.asked.count(), 2);
  ReadAll(*reader);
  EXPECT_FALSE(reader->Finish().ok());
}

// Over TCP only: in one process, gRPC cuts open calls off.
using GracefulStopTest = ServerStreamTest;

INSTANTIATE_TEST_SUITE_P(Over, GracefulStopTest, ::testing::ValuesIn(kTcpWays),
                         WayName);

TEST_P(GracefulStopTest, LetsAStreamEnd) {
  ServeScript({"a", Wait(), "b", absl::OkStatus()});
  KeepWaker();
  const auto context = PatientContext();
  const auto reader = Start(*context);
  api::PartialResultSet message;
  ASSERT_TRUE(reader->Read(&message));
  ASSERT_TRUE(probe_.waiting.Wait());
  std::thread stopper([this] { StopServer(kPatience); });
  wake_();
  EXPECT_THAT(ReadAll(*reader), ElementsAre("b"));
  EXPECT_THAT(ToAbsl(reader->Finish()), IsOk());
  stopper.join();
  EXPECT_EQ(probe_.destroyed.count(), 1);
}

// ---- Many messages.

TEST_P(ServerStreamTest, ASlowReaderGetsAThousandMessages) {
  const std::vector<std::string> messages = Numbers(1000);
  ServeScript(Script(messages, absl::OkStatus()));
  const auto context = PatientContext();
  const auto reader = Start(*context);
  std::vector<std::string> read;
  api::PartialResultSet message;
  while (reader->Read(&message)) {
    read.push_back(message.resume_token());
    for (int i = 0; i < 10; ++i) std::this_thread::yield();
  }
  EXPECT_EQ(read, messages);
  EXPECT_THAT(ToAbsl(reader->Finish()), IsOk());
  ExpectDestroyedOnce();
  EXPECT_EQ(probe_.asked.count(), 1001);
}

TEST_P(ServerStreamTest, ASourceIsAskedOnlyWhenTheLastWriteIsDone) {
  // No more than one message can be on its way.
  const std::string large(kLarge, 'x');
  ServeScript({large, large, large, absl::OkStatus()});
  const auto context = PatientContext();
  const auto reader = Start(*context);
  api::PartialResultSet message;
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(probe_.asked.Wait(i));
    EXPECT_EQ(probe_.asked.count(), i);
    ASSERT_TRUE(reader->Read(&message));
  }
  EXPECT_FALSE(reader->Read(&message));
  EXPECT_THAT(ToAbsl(reader->Finish()), IsOk());
  ExpectDestroyedOnce();
}

TEST_P(ServerStreamTest, AReaderThatDoesNotReadHoldsUpNoOtherCall) {
  const std::string large(kLarge, 'x');
  Serve([&, first = true](Call&) mutable {
    const std::vector<Step> script =
        std::exchange(first, false)
            ? std::vector<Step>{large, absl::OkStatus()}
            : std::vector<Step>{"quick", absl::OkStatus()};
    return Reply::Stream(std::make_unique<ScriptedSource>(&probe_, script));
  });
  const auto context = PatientContext();
  const auto slow = Start(*context);
  ASSERT_TRUE(probe_.asked.Wait());
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Run().messages, ElementsAre("quick"));
  }
  EXPECT_THAT(ReadAll(*slow), SizeIs(1));
  EXPECT_THAT(ToAbsl(slow->Finish()), IsOk());
}

}  // namespace
}  // namespace spanner_session_emulator
