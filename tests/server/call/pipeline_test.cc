#include "server/call/pipeline.h"

#include <any>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/call/reply.h"
#include "tests/server/call/call_testing.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kDatabase[] = "projects/p/instances/i/databases/d";
constexpr char kSession[] = "projects/p/instances/i/databases/d/sessions/s";

// Takes calls through a pipeline and writes down where they come by.
class PipelineTest : public ::testing::Test {
 protected:
  PipelineTest() {
    table_.AddService(SpannerService(), [this](Call& call) {
      steps_.push_back("handle");
      seen_request_ = call.request().ShortDebugString();
      seen_resource_ = std::string(call.resource());
      return Reply::Message(&response_);
    });
  }

  // Calls the method of that name, as a transport does it.
  absl::Status Run(absl::string_view name, absl::string_view bytes) {
    const Method* method =
        FindMethod(table_, absl::StrCat("google.spanner.v1.Spanner.", name));
    EXPECT_NE(method, nullptr);
    return RunMethod(*method, bytes);
  }
  absl::Status RunMethod(const Method& method, absl::string_view bytes) {
    const Pipeline pipeline(
        [this](const Call& call, const absl::Status& status,
               absl::Duration took) {
          steps_.push_back("observe");
          observed_ =
              absl::StrCat(call.method().full_name, " ", call.resource(), " ",
                           absl::StatusCodeToString(status.code()), " ",
                           call.context().Peer());
          took_ = took;
        },
        guard_, nullptr, nullptr, nullptr, &unknown_calls_);
    const FakeContext context{std::string(bytes)};
    Call call(method, context);
    auto begun = pipeline.Begin(call);
    const absl::Status status = begun.reply.status();
    EXPECT_EQ(begun.reply.message() != nullptr, status.ok());
    pipeline.End(call, status, begun.start);
    return status;
  }

  // Has GetSession's validator answer this.
  void ValidateWith(absl::Status status) {
    table_.Set(
        "google.spanner.v1.Spanner.GetSession",
        api::GetSessionRequest::default_instance(),
        [this](Call& call) {
          steps_.push_back("handle");
          seen_prepared_ = std::any_cast<std::string>(call.prepared);
          return Reply::Message(&response_);
        },
        [this, status](Call& call) {
          steps_.push_back("validate");
          seen_resource_ = std::string(call.resource());
          call.prepared = std::string("prepared");
          return status;
        });
  }

  // Writes down when it is asked, and answers this.
  class FakeGuard final : public Guard {
   public:
    explicit FakeGuard(std::vector<std::string>* steps) : steps_(steps) {}
    absl::Status CheckCredential(Call& call) override {
      steps_->push_back(absl::StrCat("credential ", call.resource()));
      return credential;
    }
    absl::Status CheckPermission(const Call& call) override {
      steps_->push_back(absl::StrCat("permission ", call.resource()));
      return permission;
    }

    absl::Status credential;
    absl::Status permission;

   private:
    std::vector<std::string>* const steps_;
  };

  // Makes a method of the table another API's.
  void SetApiKind(const Method& which, ApiKind kind) {
    for (const auto& method : table_.methods()) {
      if (method.get() == &which) method->api_kind = kind;
    }
  }

  // How often a method was counted with that code, over gRPC.
  static int64_t Counted(const CallMeter& meter, absl::StatusCode code) {
    return meter.counts().calls[static_cast<size_t>(CallProtocol::kGrpc)]
                               [static_cast<size_t>(code)];
  }

  MethodTable table_;
  CallMeter unknown_calls_;
  Guard* guard_ = nullptr;
  api::Session response_;
  std::vector<std::string> steps_;
  std::string seen_request_;
  std::string seen_resource_;
  std::string seen_prepared_;
  std::string observed_;
  absl::Duration took_ = -absl::InfiniteDuration();
};

std::string GetSession(absl::string_view name) {
  api::GetSessionRequest request;
  request.set_name(std::string(name));
  return request.SerializeAsString();
}

std::string CreateSession(absl::string_view database) {
  api::CreateSessionRequest request;
  request.set_database(std::string(database));
  return request.SerializeAsString();
}

TEST_F(PipelineTest, HandlerSeesRequestAndSession) {
  EXPECT_TRUE(Run("GetSession", GetSession(kSession)).ok());
  EXPECT_EQ(seen_request_, absl::StrCat("name: \"", kSession, "\""));
  EXPECT_EQ(seen_resource_, kSession);
}

TEST_F(PipelineTest, CallsAreCountedByTheirMethod) {
  EXPECT_TRUE(Run("GetSession", GetSession(kSession)).ok());
  EXPECT_TRUE(Run("GetSession", GetSession(kSession)).ok());
  EXPECT_FALSE(Run("GetSession", GetSession("wrong")).ok());
  EXPECT_TRUE(Run("CreateSession", CreateSession(kDatabase)).ok());
  const CallMeter& meter =
      *FindMethod(table_, "google.spanner.v1.Spanner.GetSession")->meter;
  EXPECT_EQ(Counted(meter, absl::StatusCode::kOk), 2);
  EXPECT_EQ(Counted(meter, absl::StatusCode::kInvalidArgument), 1);
  EXPECT_EQ(meter.counts().total(), 3);
  EXPECT_GT(meter.counts().nanoseconds, 0);
  EXPECT_EQ(unknown_calls_.counts().total(), 0);
}

TEST_F(PipelineTest, CallsOfMethodsThatNobodyHasAreCountedTogether) {
  EXPECT_FALSE(RunMethod(UnknownMethod("/a.B/C"), "").ok());
  EXPECT_FALSE(RunMethod(UnknownMethod("/a.B/D"), "").ok());
  EXPECT_EQ(Counted(unknown_calls_, absl::StatusCode::kUnimplemented), 2);
}

TEST_F(PipelineTest, HandlerSeesDatabase) {
  EXPECT_TRUE(Run("CreateSession", CreateSession(kDatabase)).ok());
  EXPECT_EQ(seen_resource_, kDatabase);
}

TEST_F(PipelineTest, ValidatorComesBeforeHandlerAndAfterTheName) {
  ValidateWith(absl::OkStatus());
  EXPECT_TRUE(Run("GetSession", GetSession(kSession)).ok());
  EXPECT_THAT(steps_, ElementsAre("validate", "handle", "observe"));
  EXPECT_EQ(seen_resource_, kSession);
  EXPECT_EQ(seen_prepared_, "prepared");
}

TEST_F(PipelineTest, UnparsableBytesComeBeforeAllElse) {
  ValidateWith(absl::OkStatus());
  for (const std::string& bytes :
       {std::string("\xff"),
        std::string("\x0a\x05"
                    "abc"),
        // A good field and half a field; a bad name and half a field.
        GetSession(kSession) + "\x0a\x7f", GetSession("bad") + "\x0a\x7f",
        // Not UTF-8.
        std::string("\x0a\x01\xff")}) {
    steps_.clear();
    EXPECT_EQ(
        Run("GetSession", bytes),
        absl::InvalidArgumentError("Invalid GetSession request: not a valid "
                                   "google.spanner.v1.GetSessionRequest"));
    EXPECT_THAT(steps_, ElementsAre("observe"));
    EXPECT_EQ(observed_,
              "google.spanner.v1.Spanner.GetSession  INVALID_ARGUMENT "
              "fake:peer");
  }
}

TEST_F(PipelineTest, MalformedNameComesBeforeValidatorAndHandler) {
  ValidateWith(absl::AbortedError("validated"));
  const absl::Status status = Run("GetSession", GetSession("bad"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("Invalid GetSession request: name must be "));
  EXPECT_THAT(steps_, ElementsAre("observe"));
}

TEST_F(PipelineTest, EmptyBytesAreARequestWithoutAName) {
  EXPECT_THAT(std::string(Run("CreateSession", "").message()),
              HasSubstr("Invalid CreateSession request: database must be "));
  EXPECT_THAT(steps_, ElementsAre("observe"));
}

TEST_F(PipelineTest, TheGuardIsAskedFirstAndBeforeTheHandler) {
  ValidateWith(absl::OkStatus());
  FakeGuard guard(&steps_);
  guard_ = &guard;
  EXPECT_TRUE(Run("GetSession", GetSession(kSession)).ok());
  const std::string permission = absl::StrCat("permission ", kSession);
  EXPECT_THAT(steps_, ElementsAre("credential ", "validate", permission,
                                  "handle", "observe"));
  steps_.clear();
  guard.permission = absl::PermissionDeniedError("no");
  EXPECT_EQ(Run("GetSession", GetSession(kSession)), guard.permission);
  EXPECT_THAT(steps_,
              ElementsAre("credential ", "validate", permission, "observe"));
  steps_.clear();
  guard.credential = absl::UnauthenticatedError("who");
  EXPECT_EQ(Run("GetSession", "\xff"), guard.credential);
  EXPECT_THAT(steps_, ElementsAre("credential ", "observe"));
}

TEST_F(PipelineTest, ValidatorsErrorComesBeforeHandler) {
  ValidateWith(absl::AbortedError("validated"));
  EXPECT_EQ(Run("GetSession", GetSession(kSession)),
            absl::AbortedError("validated"));
  EXPECT_THAT(steps_, ElementsAre("validate", "observe"));
  EXPECT_EQ(observed_, absl::StrCat("google.spanner.v1.Spanner.GetSession ",
                                    kSession, " ABORTED fake:peer"));
}

TEST_F(PipelineTest, HandlersErrorIsTheReply) {
  table_.Set("google.spanner.v1.Spanner.GetSession",
             api::GetSessionRequest::default_instance(),
             [](Call&) { return Reply::Error(absl::DataLossError("lost")); });
  EXPECT_EQ(Run("GetSession", GetSession(kSession)),
            absl::DataLossError("lost"));
  EXPECT_THAT(observed_, HasSubstr(" DATA_LOSS "));
}

TEST_F(PipelineTest, AnExceptionIsAnError) {
  table_.Set("google.spanner.v1.Spanner.GetSession",
             api::GetSessionRequest::default_instance(),
             [](Call&) -> Reply { throw std::runtime_error("Boom."); });
  EXPECT_EQ(Run("GetSession", GetSession(kSession)),
            absl::InternalError("Internal error in "
                                "google.spanner.v1.Spanner.GetSession: Boom."));
  EXPECT_THAT(observed_, HasSubstr(" INTERNAL "));
}

TEST_F(PipelineTest, ObserverIsToldOfEveryCallThatHasEnded) {
  const auto before = std::chrono::steady_clock::now();
  EXPECT_TRUE(Run("GetSession", GetSession(kSession)).ok());
  EXPECT_EQ(observed_, absl::StrCat("google.spanner.v1.Spanner.GetSession ",
                                    kSession, " OK fake:peer"));
  EXPECT_GE(took_, absl::ZeroDuration());
  EXPECT_LE(took_, absl::FromChrono(std::chrono::steady_clock::now() - before));

  EXPECT_FALSE(RunMethod(UnknownMethod("/a.B/C"), "\xff").ok());
  EXPECT_EQ(observed_, "a.B.C  UNIMPLEMENTED fake:peer");
}

TEST_F(PipelineTest, TheEndpointIsLookedAtFirst) {
  absl::Status status = absl::OutOfRangeError("elsewhere");
  const Pipeline pipeline(nullptr, nullptr, [&](const Call& call) {
    steps_.push_back(std::string(call.context().Authority()));
    return status;
  });
  const Method* method =
      FindMethod(table_, "google.spanner.v1.Spanner.GetSession");
  for (const char* bytes : {"\xff", ""}) {
    const FakeContext context(bytes);
    Call call(*method, context);
    EXPECT_EQ(pipeline.Begin(call).reply.status(), status);
  }
  EXPECT_THAT(steps_, ElementsAre("fake.host", "fake.host"));
  status = absl::OkStatus();
  const FakeContext context("\xff");
  Call call(*method, context);
  EXPECT_EQ(pipeline.Begin(call).reply.status(),
            errors::UnparsableRequest(*method->descriptor()));
}

TEST_F(PipelineTest, TheRecorderIsToldOfCallsOfGooglesApiAndOfNobodys) {
  class FakeRecorder final : public Recorder {
   public:
    explicit FakeRecorder(std::vector<std::string>* steps) : steps_(steps) {}
    CallTime Now() const override { return {.clock = 1, .real = 2}; }
    void Open(Call& call, CallTime start) override {
      steps_->push_back(absl::StrCat(
          "open ", call.method().path, " ", call.resource(), " ",
          static_cast<int>(call.problem), call.parsed_request() != nullptr, " ",
          start.clock, start.real));
      // Never looked into.
      call.record = std::shared_ptr<JournalRecord>(
          std::shared_ptr<void>(), reinterpret_cast<JournalRecord*>(steps_));
    }
    void Close(Call&, const absl::Status& status) override {
      steps_->push_back(
          absl::StrCat("close ", absl::StatusCodeToString(status.code())));
    }

   private:
    std::vector<std::string>* const steps_;
  } recorder(&steps_);
  const Pipeline pipeline(nullptr, nullptr, nullptr, nullptr, &recorder);
  const auto run = [&](const Method& method, const std::string& bytes) {
    steps_.clear();
    const FakeContext context(bytes);
    Call call(method, context);
    auto begun = pipeline.Begin(call);
    pipeline.End(call, begun.reply.status(), begun.start);
  };
  const Method& get =
      *FindMethod(table_, "google.spanner.v1.Spanner.GetSession");
  run(get, GetSession(kSession));
  EXPECT_THAT(steps_, ElementsAre("handle",
                                  absl::StrCat("open ", get.path, " ", kSession,
                                               " 01 12"),
                                  "close OK"));
  run(get, "\xff");
  EXPECT_THAT(steps_, ElementsAre(absl::StrCat("open ", get.path, "  10 12"),
                                  "close INVALID_ARGUMENT"));
  for (const char* path : {"/google.spanner.v1.Spanner/Nothing", "/a.B/C"}) {
    run(UnknownMethod(path), "\xff");
    EXPECT_THAT(steps_, ElementsAre(absl::StrCat("open ", path, "  20 12"),
                                    "close UNIMPLEMENTED"));
  }
  run(UnknownMethod("/spanner_session_emulator.v1.ClockService/Nothing"), "");
  EXPECT_THAT(steps_, IsEmpty());
  SetApiKind(get, ApiKind::kOpen);
  run(get, GetSession(kSession));
  EXPECT_THAT(steps_, ElementsAre("handle"));
}

TEST_F(PipelineTest, MethodsThatMayWaitSaySo) {
  const Pipeline pipeline(nullptr);
  const Method& get =
      *FindMethod(table_, "google.spanner.v1.Spanner.GetSession");
  EXPECT_FALSE(pipeline.MayWait(get));
  table_.SetMayWait("google.spanner.v1.Spanner.GetSession");
  EXPECT_TRUE(pipeline.MayWait(get));
}

TEST_F(PipelineTest, AnInterceptorStandsBeforeTheHandlersOfGooglesApi) {
  class Faults final : public Interceptor {
   public:
    Reply Answer(Call&) override {
      return Reply::Error(absl::DataLossError("intercepted"));
    }
    using Interceptor::set_active;
  } faults;
  const Pipeline pipeline(nullptr, nullptr, nullptr, &faults);
  const auto run = [&](const Method& method, const std::string& bytes,
                       Call::Unary unary = Call::Unary::kMayWait) {
    const FakeContext context(bytes);
    Call call(method, context, unary);
    return pipeline.Begin(call).reply.status();
  };
  const Method& method =
      *FindMethod(table_, "google.spanner.v1.Spanner.GetSession");
  EXPECT_FALSE(pipeline.MayWait(method));
  EXPECT_TRUE(run(method, GetSession(kSession)).ok());
  faults.set_active(true);
  EXPECT_TRUE(pipeline.MayWait(method));
  EXPECT_EQ(run(method, GetSession(kSession)).message(), "intercepted");
  // A call that cannot wait does not see it.
  EXPECT_TRUE(run(method, GetSession(kSession), Call::Unary::kAtOnce).ok());
  // All checks go before it.
  EXPECT_EQ(run(method, "\xff").code(), absl::StatusCode::kInvalidArgument);
  SetApiKind(method, ApiKind::kControl);
  EXPECT_FALSE(pipeline.MayWait(method));
  EXPECT_TRUE(run(method, GetSession(kSession)).ok());
  const Method unknown = UnknownMethod("/google.spanner.v1.Spanner/Nothing");
  EXPECT_FALSE(pipeline.MayWait(unknown));
  EXPECT_EQ(run(unknown, "").code(), absl::StatusCode::kUnimplemented);
}

TEST_F(PipelineTest, WorksWithoutAnObserver) {
  const Pipeline pipeline(nullptr);
  const FakeContext context(GetSession(kSession));
  const Method* method =
      FindMethod(table_, "google.spanner.v1.Spanner.GetSession");
  Call call(*method, context);
  const auto begun = pipeline.Begin(call);
  EXPECT_EQ(begun.reply.message(), &response_);
  pipeline.End(call, begun.reply.status(), begun.start);
  EXPECT_THAT(steps_, ElementsAre("handle"));
}

TEST_F(PipelineTest, StreamOfAHandlerIsHandedOnUntouched) {
  class Source final : public ReplySource {
   public:
    ReplyStep Next() override {
      ADD_FAILURE() << "asked before its time";
      return ReplyStep::Wait();
    }
  };
  const ReplySource* source = nullptr;
  table_.Set("google.spanner.v1.Spanner.ExecuteStreamingSql",
             api::ExecuteSqlRequest::default_instance(), [&](Call&) {
               auto made = std::make_unique<Source>();
               source = made.get();
               return Reply::Stream(std::move(made));
             });
  const Pipeline pipeline(nullptr);
  api::ExecuteSqlRequest request;
  request.set_session(kSession);
  const FakeContext context(request.SerializeAsString());
  Call call(
      *FindMethod(table_, "google.spanner.v1.Spanner.ExecuteStreamingSql"),
      context);
  auto begun = pipeline.Begin(call);
  EXPECT_NE(source, nullptr);
  EXPECT_EQ(std::move(begun.reply).TakeSource().get(), source);
}

TEST_F(PipelineTest, ErrorOfAStreamingMethodIsAStreamThatEnds) {
  const Pipeline pipeline(nullptr);
  const FakeContext context("\xff");
  Call call(
      *FindMethod(table_, "google.spanner.v1.Spanner.ExecuteStreamingSql"),
      context);
  auto begun = pipeline.Begin(call);
  const ReplyStep step = std::move(begun.reply).TakeSource()->Next();
  EXPECT_EQ(step.kind, ReplyStep::Kind::kEnd);
  EXPECT_EQ(step.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(steps_, IsEmpty());
}

TEST_F(PipelineTest, CallKeepsWhatItWasMadeOf) {
  const FakeContext context;
  const Method* method =
      FindMethod(table_, "google.spanner.v1.Spanner.GetSession");
  const Call call(*method, context);
  EXPECT_EQ(&call.method(), method);
  EXPECT_EQ(&call.context(), &context);
  EXPECT_EQ(call.resource(), "");
}

}  // namespace
}  // namespace spanner_session_emulator
