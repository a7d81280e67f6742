// grpc.health.v1 as the emulator serves it.

#include "server/services/health.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/call/reply.h"
#include "tests/server/call/call_testing.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

namespace health = ::grpc::health::v1;

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kSpannerService[] = "google.spanner.v1.Spanner";
constexpr char kInstanceAdmin[] =
    "google.spanner.admin.instance.v1.InstanceAdmin";
constexpr char kDatabaseAdmin[] =
    "google.spanner.admin.database.v1.DatabaseAdmin";
constexpr char kOperations[] = "google.longrunning.Operations";
constexpr char kClockService[] = "spanner_session_emulator.v1.ClockService";
constexpr char kAuthService[] = "spanner_session_emulator.v1.AuthService";
constexpr char kFaultService[] = "spanner_session_emulator.v1.FaultService";
constexpr char kJournalService[] = "spanner_session_emulator.v1.JournalService";
constexpr char kResetService[] = "spanner_session_emulator.v1.ResetService";
constexpr char kSessionService[] = "spanner_session_emulator.v1.SessionService";
constexpr char kStubService[] = "spanner_session_emulator.v1.StubService";

using Status = health::HealthCheckResponse;

health::HealthCheckRequest RequestFor(absl::string_view service) {
  health::HealthCheckRequest request;
  request.set_service(std::string(service));
  return request;
}

absl::StatusOr<Status::ServingStatus> Check(health::Health::Stub& stub,
                                            absl::string_view service) {
  Status response;
  const grpc::Status status =
      stub.Check(PatientContext().get(), RequestFor(service), &response);
  if (!status.ok()) return ToAbsl(status);
  return response.status();
}

MATCHER_P(Is, serving_status, "") {
  *result_listener << StatusOf(arg);
  return arg.ok() && *arg == serving_status;
}

// An open Watch.
class Watch {
 public:
  Watch(health::Health::Stub& stub, absl::string_view service)
      : reader_(stub.Watch(context_.get(), RequestFor(service))) {}

  // The next status that is told; UNKNOWN at the end.
  Status::ServingStatus Next() {
    Status response;
    return reader_->Read(&response) ? response.status() : Status::UNKNOWN;
  }
  void Cancel() { context_->TryCancel(); }
  absl::Status Finish() { return ToAbsl(reader_->Finish()); }

 private:
  const std::unique_ptr<grpc::ClientContext> context_ = PatientContext();
  const std::unique_ptr<grpc::ClientReader<Status>> reader_;
};

class HealthTest : public ::testing::TestWithParam<Transport> {
 protected:
  // Over TCP; in one process, gRPC cuts open calls off.
  static void ExpectToldOfShutdown(Watch& watch) {
    if (GetParam() == Transport::kTcp) {
      EXPECT_EQ(watch.Next(), Status::NOT_SERVING);
      EXPECT_EQ(watch.Next(), Status::UNKNOWN);
      EXPECT_THAT(watch.Finish(), StatusIs(absl::StatusCode::kUnavailable,
                                           "The emulator is shutting down"));
    } else {
      while (watch.Next() != Status::UNKNOWN) {
      }
      EXPECT_EQ(watch.Finish().code(), absl::StatusCode::kUnavailable);
    }
  }

  std::unique_ptr<Emulator> emulator_ = StartEmulator();
  const std::shared_ptr<grpc::Channel> channel_ =
      Connect(*emulator_, GetParam());
  const std::unique_ptr<health::Health::Stub> stub_ =
      health::Health::NewStub(channel_);
};

INSTANTIATE_TRANSPORTS(HealthTest);

TEST_P(HealthTest, CheckOfTheServerAndOfItsServicesIsServing) {
  for (const char* service :
       {"", kSpannerService, kInstanceAdmin, kDatabaseAdmin, kOperations,
        kAuthService, kClockService, kFaultService, kJournalService,
        kResetService, kSessionService, kStubService}) {
    EXPECT_THAT(Check(*stub_, service), Is(Status::SERVING));
  }
}

TEST_P(HealthTest, CheckOfAnUnknownServiceIsNotFound) {
  for (const char* service :
       {"x", "google.spanner.v1", "google.spanner.v1.spanner",
        "google.spanner.admin.database.v1.NoSuch"}) {
    EXPECT_THAT(Check(*stub_, service),
                StatusIs(absl::StatusCode::kNotFound,
                         absl::StrCat("Unknown service: ", service)));
  }
}

TEST_P(HealthTest, LongNameOfAnUnknownServiceIsCut) {
  const absl::Status status = Check(*stub_, std::string(100'000, 'x')).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kNotFound,
                       absl::StrCat("Unknown service: ",
                                    std::string(1024 - 17 - 3, 'x'), "...")));
}

TEST_P(HealthTest, ListNamesTheServerAndItsServices) {
  health::HealthListResponse response;
  ASSERT_THAT(ToAbsl(stub_->List(PatientContext().get(), {}, &response)),
              IsOk());
  std::vector<std::pair<std::string, Status::ServingStatus>> statuses;
  for (const auto& [service, status] : response.statuses()) {
    statuses.emplace_back(service, status.status());
  }
  EXPECT_THAT(statuses,
              UnorderedElementsAre(Pair("", Status::SERVING),
                                   Pair(kInstanceAdmin, Status::SERVING),
                                   Pair(kDatabaseAdmin, Status::SERVING),
                                   Pair(kOperations, Status::SERVING),
                                   Pair(kSpannerService, Status::SERVING),
                                   Pair(kAuthService, Status::SERVING),
                                   Pair(kClockService, Status::SERVING),
                                   Pair(kFaultService, Status::SERVING),
                                   Pair(kJournalService, Status::SERVING),
                                   Pair(kResetService, Status::SERVING),
                                   Pair(kSessionService, Status::SERVING),
                                   Pair(kStubService, Status::SERVING)));
}

TEST_P(HealthTest, UnparsableCheckIsInvalid) {
  EXPECT_THAT(CallPath(channel_, "/grpc.health.v1.Health/Check", "\xff"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "Invalid Check request: not a valid "
                       "grpc.health.v1.HealthCheckRequest"));
}

TEST_P(HealthTest, WatchSaysServingThenNotServingAndEndsAtShutdown) {
  Watch server(*stub_, "");
  Watch service(*stub_, kSpannerService);
  EXPECT_EQ(server.Next(), Status::SERVING);
  EXPECT_EQ(service.Next(), Status::SERVING);
  emulator_->Shutdown();
  ExpectToldOfShutdown(server);
  ExpectToldOfShutdown(service);
}

TEST_P(HealthTest, WatchOfAnUnknownServiceStaysOpen) {
  Watch watch(*stub_, "x");
  EXPECT_EQ(watch.Next(), Status::SERVICE_UNKNOWN);
  // Had it ended, it could not be cancelled any more.
  EXPECT_THAT(Check(*stub_, ""), Is(Status::SERVING));
  watch.Cancel();
  EXPECT_EQ(watch.Next(), Status::UNKNOWN);
  EXPECT_EQ(watch.Finish().code(), absl::StatusCode::kCancelled);
}

TEST_P(HealthTest, WatchOfAnUnknownServiceEndsAtShutdown) {
  Watch watch(*stub_, "x");
  EXPECT_EQ(watch.Next(), Status::SERVICE_UNKNOWN);
  emulator_->Shutdown();
  EXPECT_EQ(watch.Next(), Status::UNKNOWN);
  EXPECT_EQ(watch.Finish().code(), absl::StatusCode::kUnavailable);
}

TEST_P(HealthTest, ACancelledWatchDisturbsNobody) {
  for (int i = 0; i < 20; ++i) {
    Watch watch(*stub_, "");
    EXPECT_EQ(watch.Next(), Status::SERVING);
    watch.Cancel();
    EXPECT_EQ(watch.Next(), Status::UNKNOWN);
    EXPECT_EQ(watch.Finish().code(), absl::StatusCode::kCancelled);
  }
  Watch watch(*stub_, "");
  EXPECT_EQ(watch.Next(), Status::SERVING);
  emulator_->Shutdown();
  ExpectToldOfShutdown(watch);
}

TEST_P(HealthTest, TwoEmulatorsInOneProcessAreIndependent) {
  const auto other = StartEmulator();
  const auto other_channel = Connect(*other, GetParam());
  const auto other_stub = health::Health::NewStub(other_channel);
  Watch watch(*stub_, "");
  Watch other_watch(*other_stub, "");
  EXPECT_EQ(watch.Next(), Status::SERVING);
  EXPECT_EQ(other_watch.Next(), Status::SERVING);

  const std::string name = SpannerClient(channel_).Create().value().name();
  EXPECT_EQ(SpannerClient(other_channel).Get(name).status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(other->clock().Advance(absl::Hours(2)).ok());
  EXPECT_THAT(SpannerClient(channel_).Get(name), IsOk());

  other->Shutdown();
  ExpectToldOfShutdown(other_watch);
  EXPECT_THAT(Check(*stub_, ""), Is(Status::SERVING));
  EXPECT_THAT(SpannerClient(channel_).Get(name), IsOk());
  emulator_->Shutdown();
  ExpectToldOfShutdown(watch);
}

// ---- The source of a Watch, step by step.

class WatchSourceTest : public ::testing::Test {
 protected:
  WatchSourceTest() {
    table_.AddService(
        health::HealthCheckRequest::descriptor()->file()->FindServiceByName(
            "Health"),
        [](Call&) { return Reply::Error(absl::UnimplementedError("")); });
    health_->AddMethods({kSpannerService}, table_);
  }

  std::unique_ptr<ReplySource> StartWatch(const std::string& service) {
    const FakeContext context(RequestFor(service).SerializeAsString());
    Call call(*FindMethod(table_, "grpc.health.v1.Health.Watch"), context);
    return Pipeline(nullptr).Begin(call).reply.TakeSource();
  }

  static void ExpectSays(ReplySource& source, Status::ServingStatus status) {
    const ReplyStep step = source.Next();
    ASSERT_EQ(step.kind, ReplyStep::Kind::kMessage);
    EXPECT_EQ(static_cast<const Status*>(step.message)->status(), status);
  }
  static void ExpectEnds(ReplySource& source) {
    const ReplyStep step = source.Next();
    EXPECT_EQ(step.kind, ReplyStep::Kind::kEnd);
    EXPECT_EQ(step.status.code(), absl::StatusCode::kUnavailable);
  }

  std::unique_ptr<Health> health_ = std::make_unique<Health>();
  MethodTable table_;
};

TEST_F(WatchSourceTest, IsWokenByShutdown) {
  const auto source = StartWatch("");
  ExpectSays(*source, Status::SERVING);
  EXPECT_EQ(source->Next().kind, ReplyStep::Kind::kWait);
  int woken = 0;
  source->OnReady([&] { ++woken; });
  EXPECT_EQ(woken, 0);
  health_->Shutdown();
  EXPECT_EQ(woken, 1);
  ExpectSays(*source, Status::NOT_SERVING);
  ExpectEnds(*source);
}

TEST_F(WatchSourceTest, IsWokenAtOnceByAShutdownJustBeforeTheWait) {
  const auto source = StartWatch("");
  ExpectSays(*source, Status::SERVING);
  EXPECT_EQ(source->Next().kind, ReplyStep::Kind::kWait);
  health_->Shutdown();
  int woken = 0;
  source->OnReady([&] { ++woken; });
  EXPECT_EQ(woken, 1);
  ExpectSays(*source, Status::NOT_SERVING);
  ExpectEnds(*source);
}

TEST_F(WatchSourceTest, ThatBeginsAfterShutdownSaysNotServing) {
  health_->Shutdown();
  const auto source = StartWatch(kSpannerService);
  ExpectSays(*source, Status::NOT_SERVING);
  ExpectEnds(*source);
}

TEST_F(WatchSourceTest, OfAnUnknownServiceSaysNothingNew) {
  const auto source = StartWatch("x");
  ExpectSays(*source, Status::SERVICE_UNKNOWN);
  EXPECT_EQ(source->Next().kind, ReplyStep::Kind::kWait);
  health_->Shutdown();
  ExpectEnds(*source);
}

TEST_F(WatchSourceTest, IsNotWokenOnceItIsGone) {
  auto source = StartWatch("");
  ExpectSays(*source, Status::SERVING);
  source->OnReady([] { FAIL() << "woken"; });
  source.reset();
  health_->Shutdown();
}

TEST_F(WatchSourceTest, MayOutliveTheService) {
  const auto source = StartWatch("");
  ExpectSays(*source, Status::SERVING);
  table_ = MethodTable();
  health_.reset();
  EXPECT_EQ(source->Next().kind, ReplyStep::Kind::kWait);
}

}  // namespace
}  // namespace spanner_session_emulator
