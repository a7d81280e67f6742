// TLS on both ports of the emulator.

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/transport/self_signed.h"
#include "store/mutex.h"
#include "tests/server/server_testing.h"
#include "tests/server/transport/http_testing.h"
#include "tests/server/transport/tls_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::_;
using ::testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A file of the test's own; returns its path.
std::string Put(const std::string& name, const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
  std::ofstream(path, std::ios::trunc) << text;
  return path;
}

std::shared_ptr<grpc::Channel> ChannelTo(const Emulator& emulator,
                                         const TlsTestOptions& options) {
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = options.ca;
  ssl.pem_cert_chain = options.pair.certificate;
  ssl.pem_private_key = options.pair.key;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetSslTargetNameOverride(options.host);
  return grpc::CreateCustomChannel(emulator.addresses().front(),
                                   grpc::SslCredentials(ssl), arguments);
}

// Of a call over gRPC.
absl::Status CallByGrpc(const Emulator& emulator,
                        const TlsTestOptions& options) {
  return SpannerClient(ChannelTo(emulator, options)).List().status();
}

// Of a request to REST; 0 if there is no response.
int AskByHttps(const Emulator& emulator, const TlsTestOptions& options) {
  HttpTestClient client(emulator.http_port());
  if (!client.StartTls(options).empty()) return 0;
  return client.Ask(HttpGet("/v1/projects/p/instances/i/databases/d/sessions"))
      .status;
}

void ExpectServed(const Emulator& emulator, const TlsTestOptions& options) {
  EXPECT_THAT(CallByGrpc(emulator, options), IsOk());
  EXPECT_EQ(AskByHttps(emulator, options), 200);
}

void ExpectNotServed(const Emulator& emulator, const TlsTestOptions& options) {
  EXPECT_THAT(CallByGrpc(emulator, options),
              StatusIs(absl::StatusCode::kUnavailable, _));
  EXPECT_EQ(AskByHttps(emulator, options), 0);
}

class EmulatorTlsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Emulator> Start(const TestPair& server,
                                  const std::string& client_ca = "") const {
    return StartEmulator(
        {.tls_cert = Put("server.pem", server.certificate),
         .tls_key = Put("server-key.pem", server.key),
         .tls_client_ca =
             client_ca.empty() ? "" : Put("clients.pem", client_ca)});
  }

  const TestAuthority authority_;
  const TestAuthority other_{"Other CA"};
  const absl::Time now_ = absl::Now();
  const TestCertificate expired_ = {.start = now_ - absl::Hours(2),
                                    .end = now_ - absl::Hours(1)};
};

TEST_F(EmulatorTlsTest, CertificatesOfTheServer) {
  const TlsTestOptions trusting = {.ca = authority_.pem()};
  const auto right = Start(authority_.Sign());
  ExpectServed(*right, trusting);
  ExpectNotServed(*right, {.ca = other_.pem()});
  ExpectNotServed(*right, {.ca = authority_.pem(), .host = "example.com"});
  ExpectNotServed(*Start(other_.Sign()), trusting);
  ExpectNotServed(*Start(authority_.Sign({.names = {"DNS:example.com"}})),
                  trusting);
  // Served as it is: whether clients notice is to be seen.
  ExpectNotServed(*Start(authority_.Sign(expired_)), trusting);
  ExpectServed(*right, trusting);
}

TEST_F(EmulatorTlsTest, AChainOfCertificates) {
  const auto middle = authority_.SignAuthority("Middle CA");
  TestPair pair = middle->Sign();
  ExpectNotServed(*Start(pair), {.ca = authority_.pem()});
  pair.certificate += middle->pem();
  ExpectServed(*Start(pair), {.ca = authority_.pem()});
}

TEST_F(EmulatorTlsTest, CertificatesOfClients) {
  const TestAuthority clients("Clients' CA");
  const auto emulator = Start(authority_.Sign(), clients.pem());
  const std::string ca = authority_.pem();
  ExpectServed(*emulator, {.ca = ca, .pair = clients.Sign()});
  ExpectNotServed(*emulator, {.ca = ca});
  ExpectNotServed(*emulator, {.ca = ca, .pair = other_.Sign()});
  ExpectNotServed(*emulator, {.ca = ca, .pair = authority_.Sign()});
  ExpectNotServed(*emulator, {.ca = ca, .pair = clients.Sign(expired_)});
  ExpectServed(*emulator, {.ca = ca, .pair = clients.Sign()});
}

// An authority in the file is trusted as it is, whoever has signed it.
TEST_F(EmulatorTlsTest, AuthorityOfClientsBelowAnother) {
  const auto middle = authority_.SignAuthority("Clients' CA");
  const auto emulator = Start(authority_.Sign(), middle->pem());
  const std::string ca = authority_.pem();
  ExpectServed(*emulator, {.ca = ca, .pair = middle->Sign()});
  ExpectNotServed(*emulator, {.ca = ca, .pair = authority_.Sign()});
}

TEST_F(EmulatorTlsTest, ClientsWithoutTlsDisturbNobody) {
  const auto emulator = Start(authority_.Sign());
  const TlsTestOptions options = {.ca = authority_.pem()};
  SpannerClient before(ChannelTo(*emulator, options));
  EXPECT_THAT(before.Create(), IsOk());
  SpannerClient plain(Connect(emulator->addresses().front()));
  EXPECT_THAT(plain.List(), StatusIs(absl::StatusCode::kUnavailable, _));
  const HttpTestResponse response =
      HttpTestClient(emulator->http_port()).Ask(HttpGet("/healthz"));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("\"Bad HTTP request: This is not an "
                                       "HTTP/1.1 request by TLS (https)\""));
  EXPECT_THAT(before.Create(), IsOk());
  ExpectServed(*emulator, options);
}

TEST_F(EmulatorTlsTest, ClientsByTlsAreNotServedWithoutIt) {
  const auto emulator = StartEmulator();
  SpannerClient plain(Connect(emulator->addresses().front()));
  EXPECT_THAT(plain.Create(), IsOk());
  ExpectNotServed(*emulator, {.ca = authority_.pem()});
  EXPECT_THAT(plain.Create(), IsOk());
}

TEST_F(EmulatorTlsTest, InProcessThereIsNone) {
  const auto emulator = Start(authority_.Sign(), authority_.pem());
  EXPECT_THAT(SpannerClient(emulator->InProcessChannel()).Create(), IsOk());
}

TEST_F(EmulatorTlsTest, WithNoCeremony) {
  const std::string folder = absl::StrCat(::testing::TempDir(), "/certs");
  const SelfSignedFiles files(folder);
  const auto emulator = StartEmulator({.tls_self_signed = folder});
  for (const std::string host : {"localhost", "spanner.googleapis.com",
                                 "spanner.us-east4.rep.googleapis.com"}) {
    ExpectServed(*emulator, {.ca = Read(files.ca), .host = host});
  }
  ExpectNotServed(*emulator, {.ca = Read(files.ca), .host = "example.com"});
  // Another one takes the same, here for clients that show themselves.
  const auto mutual =
      StartEmulator({.tls_self_signed = folder, .tls_client_ca = files.ca});
  ExpectNotServed(*mutual, {.ca = Read(files.ca)});
  for (const Emulator* each : {emulator.get(), mutual.get()}) {
    ExpectServed(*each, {.ca = Read(files.ca),
                         .pair = {.certificate = Read(files.client_certificate),
                                  .key = Read(files.client_key)}});
  }
}

TEST_F(EmulatorTlsTest, TheHostNameIsCertified) {
  const std::string folder = absl::StrCat(::testing::TempDir(), "/host");
  const auto emulator =
      StartEmulator({.hostname = "127.0.0.2", .tls_self_signed = folder});
  EXPECT_THAT(CallByGrpc(*emulator, {.ca = Read(SelfSignedFiles(folder).ca),
                                     .host = "127.0.0.2"}),
              IsOk());
}

TEST_F(EmulatorTlsTest, ShutdownWithOpenConnections) {
  const TlsTestOptions options = {.ca = authority_.pem()};
  const auto emulator = Start(authority_.Sign());
  SpannerClient client(ChannelTo(*emulator, options));
  EXPECT_THAT(client.Create(), IsOk());
  HttpTestClient idle(emulator->http_port());
  EXPECT_EQ(idle.StartTls(options), "");
  HttpTestClient silent(emulator->http_port());
  emulator->Shutdown(absl::Hours(1));  // Nobody holds it up.
  EXPECT_TRUE(idle.ReadEnd());
  EXPECT_TRUE(silent.ReadEnd());
  EXPECT_THAT(client.Create(), StatusIs(absl::StatusCode::kUnavailable, _));
}

TEST_F(EmulatorTlsTest, TheLogSaysWhenTheCertificateExpires) {
  Mutex mu;
  std::string line;
  const TestPair pair =
      authority_.Sign({.end = absl::FromUnixSeconds(4'000'000'000)});
  EmulatorOptions options = {.tls_cert = Put("server.pem", pair.certificate),
                             .tls_key = Put("server-key.pem", pair.key)};
  options.log = [&](absl::string_view text) {
    MutexLock lock(&mu);
    if (line.empty()) line = std::string(text);
  };
  const auto emulator = StartEmulator(std::move(options));
  MutexLock lock(&mu);
  EXPECT_THAT(line, HasSubstr(" tls_cert_expires=2096-10-02T07:06:40Z"));
}

TEST_F(EmulatorTlsTest, WhatIsWrongIsNamed) {
  const auto error = [](EmulatorOptions options) {
    return Emulator::Start(std::move(options)).status();
  };
  EXPECT_EQ(
      error({.tls_cert = "x"}),
      absl::InvalidArgumentError("tls_key is missing: tls_cert needs it"));
  EXPECT_EQ(error({.tls_client_ca = "x"}),
            absl::InvalidArgumentError(
                "tls_client_ca needs TLS: give tls_cert and tls_key, or "
                "tls_self_signed"));
}

}  // namespace
}  // namespace spanner_session_emulator
