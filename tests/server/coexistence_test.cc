// Other gRPC servers in the process of an embedded emulator. In a binary of its
// own, as it switches on gRPC's own health service, which is process-wide.

#include <atomic>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/support/log.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;

constexpr char kSpannerService[] = "google.spanner.v1.Spanner";

using HealthStatus = grpc::health::v1::HealthCheckResponse;

// The name of the status of a service, or of the error.
std::string Check(const std::shared_ptr<grpc::Channel>& channel,
                  absl::string_view service) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(std::string(service));
  HealthStatus response;
  const grpc::Status status = grpc::health::v1::Health::NewStub(channel)->Check(
      PatientContext().get(), request, &response);
  return status.ok() ? HealthStatus::ServingStatus_Name(response.status())
                     : absl::StatusCodeToString(ToAbsl(status).code());
}

// A user's server, made in the plain way, with a service of its own.
class PlainServer {
 public:
  PlainServer() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    channel_ = Connect(absl::StrCat("127.0.0.1:", port));
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  grpc::HealthCheckServiceInterface& health() {
    return *server_->GetHealthCheckService();
  }

  void ExpectWorks() {
    EXPECT_EQ(Check(channel_, ""), "SERVING");
    EXPECT_EQ(SpannerClient(channel_).Get("any").value().name(), "plain any");
    EXPECT_THAT(SpannerClient(channel_).Create(),
                StatusIs(absl::StatusCode::kUnimplemented, ""));
    EXPECT_THAT(CallPath(channel_, "/a.B/C", ""),
                StatusIs(absl::StatusCode::kUnimplemented, ""));
  }

 private:
  class Service final : public api::Spanner::Service {
    grpc::Status GetSession(grpc::ServerContext*,
                            const api::GetSessionRequest* request,
                            api::Session* response) override {
      response->set_name("plain " + request->name());
      return grpc::Status::OK;
    }
  };

  Service service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

void ExpectWorks(Emulator& emulator) {
  for (const auto& channel :
       {Connect(emulator, Transport::kTcp), emulator.InProcessChannel()}) {
    EXPECT_EQ(Check(channel, ""), "SERVING");
    EXPECT_EQ(Check(channel, kSpannerService), "SERVING");
    EXPECT_EQ(Check(channel, "x"), "NOT_FOUND");
    SpannerClient client(channel);
    EXPECT_THAT(client.Get(client.Create().value().name()), IsOk());
    EXPECT_THAT(
        CallPath(channel, "/a.B/C", ""),
        StatusIs(absl::StatusCode::kUnimplemented, "Unknown method: /a.B/C"));
  }
}

class CoexistenceTest : public ::testing::Test {
 protected:
  CoexistenceTest() { grpc::EnableDefaultHealthCheckService(true); }
};

TEST_F(CoexistenceTest, APlainServerBeforeAnEmulator) {
  PlainServer plain;
  const auto emulator = StartEmulator();
  plain.ExpectWorks();
  ExpectWorks(*emulator);
}

TEST_F(CoexistenceTest, APlainServerAfterAnEmulator) {
  const auto emulator = StartEmulator();
  PlainServer plain;
  ExpectWorks(*emulator);
  plain.ExpectWorks();
}

TEST_F(CoexistenceTest, TheHealthOfEachIsItsOwn) {
  const auto emulator = StartEmulator();
  const auto channel = Connect(*emulator, Transport::kTcp);
  PlainServer plain;
  EXPECT_EQ(Check(plain.channel(), "mine"), "NOT_FOUND");
  plain.health().SetServingStatus("mine", true);
  EXPECT_EQ(Check(plain.channel(), "mine"), "SERVING");
  EXPECT_EQ(Check(channel, "mine"), "NOT_FOUND");

  plain.health().SetServingStatus(false);
  EXPECT_EQ(Check(plain.channel(), ""), "NOT_SERVING");
  EXPECT_EQ(Check(channel, ""), "SERVING");
  plain.health().SetServingStatus(true);
  emulator->Shutdown();
  EXPECT_EQ(Check(plain.channel(), ""), "SERVING");
}

TEST_F(CoexistenceTest, APlainServerOutlivesAnEmulator) {
  PlainServer plain;
  {
    const auto emulator = StartEmulator();
    ExpectWorks(*emulator);
  }
  plain.ExpectWorks();
}

TEST_F(CoexistenceTest, AnEmulatorOutlivesAPlainServer) {
  const auto emulator = StartEmulator();
  {
    PlainServer plain;
    plain.ExpectWorks();
  }
  ExpectWorks(*emulator);
}

TEST_F(CoexistenceTest, EmulatorsBesideEmulators) {
  const auto one = StartEmulator();
  auto two = StartEmulator();
  const std::string name =
      SpannerClient(one->InProcessChannel()).Create().value().name();
  EXPECT_THAT(SpannerClient(two->InProcessChannel()).Get(name),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(name)));
  two.reset();
  EXPECT_THAT(SpannerClient(one->InProcessChannel()).Get(name), IsOk());
  ExpectWorks(*one);
}

// Such as of two services of one name.
TEST_F(CoexistenceTest, GrpcHasNothingToComplainOf) {
  static std::atomic<int> errors{0};
  gpr_set_log_function([](gpr_log_func_args* line) {
    // Another process may be faster to take a port; then another one is tried.
    if (line->severity == GPR_LOG_SEVERITY_ERROR &&
        !absl::StrContains(line->message, "No address added")) {
      ++errors;
      std::cerr << line->message << "\n";
    }
  });
  {
    PlainServer plain;
    const auto emulator = StartEmulator();
    ExpectWorks(*emulator);
    plain.ExpectWorks();
  }
  gpr_set_log_function(nullptr);
  EXPECT_EQ(errors, 0);
}

// The switch is as the user has left it.
TEST_F(CoexistenceTest, AnEmulatorDoesNotTouchTheSwitch) {
  StartEmulator();
  EXPECT_TRUE(grpc::DefaultHealthCheckServiceEnabled());
  grpc::EnableDefaultHealthCheckService(false);
  const auto emulator = StartEmulator();
  EXPECT_FALSE(grpc::DefaultHealthCheckServiceEnabled());
  ExpectWorks(*emulator);
}

}  // namespace
}  // namespace spanner_session_emulator
