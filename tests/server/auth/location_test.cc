// Where calls may come, over both protocols.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "google/spanner/v1/spanner.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/auth/endpoints.h"
#include "server/emulator.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"
#include "tests/server/transport/http_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kSessions[] = "/v1/projects/p/instances/i/databases/d/sessions";

std::shared_ptr<grpc::Channel> ChannelFor(const Emulator& emulator,
                                          const std::string& authority) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, authority);
  return grpc::CreateCustomChannel(emulator.addresses().front(),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

Answer ListOverGrpc(const Emulator& emulator, const std::string& authority) {
  api::ListSessionsRequest request;
  request.set_database(std::string(kDatabase));
  return CallSpanner(ChannelFor(emulator, authority), "ListSessions", request);
}

HttpTestResponse AskOverRest(const Emulator& emulator,
                             const std::string& authority,
                             const std::string& target = kSessions) {
  return HttpTestClient(emulator.http_port())
      .Ask(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: ", authority,
                        "\r\n\r\n"));
}

struct Case {
  std::string location;
  std::string authority;
  std::string refused;  // The endpoint in the error; empty: the call is served.
};

const std::vector<Case>& Cases() {
  static const auto* const kCases = [] {
    auto* cases = new std::vector<Case>{
        {"us-east4", "spanner.us-east4.rep.googleapis.com", ""},
        {"us-east4", "spanner.us-east4.rep.googleapis.com:443", ""},
        {"us-east4", "Spanner.US-EAST4.rep.googleapis.com:443", ""},
        // It serves every location.
        {"us-east4", "spanner.googleapis.com", ""},
        {"us-east4", "localhost:9010", ""},
        {"us-east4", "127.0.0.1:9010", ""},
        {"us-east4", "[::1]:9010", ""},
        {"us-east4", "emulator", ""},
        {"us-east4", "spanner.us-west1.rep.googleapis.com",
         "spanner.us-west1.rep.googleapis.com"},
        {"us-east4", "spanner.us-west1.rep.googleapis.com:443",
         "spanner.us-west1.rep.googleapis.com"},
        {"us-east4", "SPANNER.us-West1.REP.GoogleAPIs.com:443",
         "spanner.us-west1.rep.googleapis.com"},
        {"us-east4", "spanner.europe-west9.rep.googleapis.com",
         "spanner.europe-west9.rep.googleapis.com"},
        {"global", "spanner.googleapis.com:443", ""},
        {"global", "localhost", ""},
        {"global", "spanner.us-east4.rep.googleapis.com",
         "spanner.us-east4.rep.googleapis.com"},
    };
    for (const absl::string_view location : Locations()) {
      cases->push_back({"", EndpointOf(location), ""});
      cases->push_back({std::string(location), EndpointOf(location), ""});
    }
    return cases;
  }();
  return *kCases;
}

void ExpectRefused(const std::string& status_bytes, const Case& c) {
  google::rpc::Status status;
  ASSERT_TRUE(status.ParseFromString(status_bytes));
  EXPECT_EQ(status.code(), 3);
  EXPECT_EQ(status.message(),
            absl::StrCat("InvalidRegionalRequest: the endpoint ", c.refused,
                         " does not serve the location ", c.location, ", but ",
                         EndpointOf(c.location), " does"));
  ASSERT_EQ(status.details_size(), 1);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(status.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "InvalidRegionalRequest");
  EXPECT_EQ(info.domain(), "spanner.googleapis.com");
  EXPECT_THAT(info.metadata(),
              UnorderedElementsAre(Pair("endpoint", c.refused),
                                   Pair("location", c.location)));
}

TEST(LocationTest, OverBothProtocols) {
  for (const Case& c : Cases()) {
    SCOPED_TRACE(absl::StrCat(c.authority, " at ", c.location));
    const auto emulator = StartEmulator({.location = c.location});
    const Answer answer = ListOverGrpc(*emulator, c.authority);
    // Of a proxy's kind, where Host does not count; and the usual one.
    const HttpTestResponse absolute =
        AskOverRest(*emulator, "spanner.mars.rep.googleapis.com",
                    absl::StrCat("http://", c.authority, kSessions));
    const HttpTestResponse usual = AskOverRest(*emulator, c.authority);
    if (c.refused.empty()) {
      EXPECT_THAT(answer, IsOk());
      EXPECT_EQ(usual.status, 200);
      EXPECT_EQ(absolute.status, 200);
    } else {
      ExpectRefused(answer.details, c);
      for (const HttpTestResponse& response : {usual, absolute}) {
        EXPECT_EQ(response.status, 400);
        std::string details;
        (void)StatusFromJson(response.body, &details);
        ExpectRefused(details, c);
      }
    }
  }
}

// Where a call has gone is looked at before what it says.
TEST(LocationTest, ComesFirst) {
  const auto emulator = StartEmulator({.location = "us-east4"});
  const std::string elsewhere = "spanner.us-west1.rep.googleapis.com";
  const auto channel = ChannelFor(*emulator, elsewhere);
  for (const std::string method :
       {"GetSession", "ExecuteStreamingSql", "New"}) {
    const Answer answer = CallPath(
        channel, absl::StrCat("/google.spanner.v1.Spanner/", method), "\xff");
    EXPECT_THAT(answer,
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::StartsWith("InvalidRegionalRequest: ")))
        << method;
  }
}

TEST(LocationTest, OnlyGooglesApiHasIt) {
  const auto emulator = StartEmulator({.location = "us-east4"});
  const std::string elsewhere = "spanner.us-west1.rep.googleapis.com";
  const auto channel = ChannelFor(*emulator, elsewhere);
  EXPECT_THAT(CallPath(channel, "/grpc.health.v1.Health/Check", ""), IsOk());
  EXPECT_THAT(
      CallPath(channel, "/spanner_session_emulator.v1.ClockService/GetClock",
               ""),
      IsOk());
  for (const char* path :
       {"/healthz", "/readyz", "/version", "/emulator/v1/clock"}) {
    EXPECT_EQ(AskOverRest(*emulator, elsewhere, path).status, 200) << path;
  }
}

TEST(LocationTest, InProcessThereIsNoEndpoint) {
  const auto emulator = StartEmulator({.location = "us-east4"});
  SpannerClient client(emulator->InProcessChannel());
  EXPECT_THAT(client.Create(), IsOk());
}

}  // namespace
}  // namespace spanner_session_emulator
