// What only TLS has. That HTTP is the same by TLS, http_server_by_tls_test
// shows.

#include <signal.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/transport/http_server.h"
#include "server/transport/tls.h"
#include "tests/server/transport/http_testing.h"
#include "tests/server/transport/tls_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kForever = absl::InfiniteDuration();

HttpResponse Echo(const HttpRequest& request) {
  return {.body = absl::StrCat(request.method, " ", request.target)};
}

class HttpTlsTest : public ::testing::Test {
 protected:
  HttpServerOptions Options(const std::string& client_ca = "") const {
    HttpServerOptions options;
    options.hostname = "127.0.0.1";
    options.handler = Echo;
    options.idle_timeout = options.header_timeout = options.body_timeout =
        options.write_timeout = kForever;
    options.threads = 1;
    const TestPair pair = authority_.Sign();
    options.tls = *TlsContext::Create({.certificate_chain = pair.certificate,
                                       .private_key = pair.key,
                                       .client_ca = client_ca});
    return options;
  }

  static std::unique_ptr<HttpServer> Start(HttpServerOptions options) {
    return *HttpServer::Start(std::move(options));
  }

  TlsTestOptions Client() const { return {.ca = authority_.pem()}; }

  // A connection that is served, and an end that is announced.
  void ExpectServed(const HttpServer& server) const {
    HttpTestClient client(server.port());
    ASSERT_EQ(client.StartTls(Client()), "");
    EXPECT_EQ(client.Ask(HttpGet("/a")).body, "GET /a");
    EXPECT_EQ(client.Ask(HttpGet("/b", "Connection: close\r\n")).body,
              "GET /b");
    EXPECT_TRUE(client.ReadEnd());
    EXPECT_FALSE(client.reset());
  }

  const TestAuthority authority_;
};

TEST_F(HttpTlsTest, VersionsFrom12On) {
  const auto server = Start(Options());
  HttpTestClient tls13(server->port());
  EXPECT_EQ(tls13.StartTls(Client()), "");
  EXPECT_EQ(tls13.tls().version(), "TLSv1.3");
  HttpTestClient tls12(server->port());
  TlsTestOptions options = Client();
  options.only_tls12 = true;
  EXPECT_EQ(tls12.StartTls(options), "");
  EXPECT_EQ(tls12.tls().version(), "TLSv1.2");
  EXPECT_EQ(tls12.Ask(HttpGet("/")).status, 200);
  HttpTestClient tls11(server->port());
  options = Client();
  options.only_tls11 = true;
  EXPECT_THAT(tls11.StartTls(options), HasSubstr("alert protocol version"));
  ExpectServed(*server);
}

TEST_F(HttpTlsTest, SpeaksHttp1Only) {
  const auto server = Start(Options());
  for (const auto& [offered, selected] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"h2", "http/1.1"}, "http/1.1"},
           {{"http/1.0", "http/1.1"}, "http/1.1"},
           {{"http/1.0"}, "http/1.0"},
           {{}, ""}}) {
    TlsTestOptions options = Client();
    options.protocols = offered;
    HttpTestClient client(server->port());
    EXPECT_EQ(client.StartTls(options), "");
    EXPECT_EQ(client.tls().protocol(), selected);
    EXPECT_EQ(client.Ask(HttpGet("/")).status, 200);
  }
  TlsTestOptions options = Client();
  options.protocols = {"h2"};
  HttpTestClient client(server->port());
  EXPECT_THAT(client.StartTls(options),
              HasSubstr("alert no application protocol"));
}

TEST_F(HttpTlsTest, ShowsItsWholeChain) {
  const auto middle = authority_.SignAuthority("Middle CA");
  const TestPair pair = middle->Sign();
  HttpServerOptions options = Options();
  options.tls = *TlsContext::Create(
      {.certificate_chain = pair.certificate + middle->pem(),
       .private_key = pair.key,
       .client_ca = ""});
  const auto server = Start(std::move(options));
  ExpectServed(*server);
}

TEST_F(HttpTlsTest, ClientsLookAtTheCertificate) {
  const auto server = Start(Options());
  const TestAuthority other("Other CA");
  HttpTestClient wary(server->port());
  EXPECT_EQ(wary.StartTls({.ca = other.pem()}), "certificate verify failed");
  HttpTestClient elsewhere(server->port());
  EXPECT_EQ(elsewhere.StartTls({.ca = authority_.pem(), .host = "example.com"}),
            "certificate verify failed");
  ExpectServed(*server);
}

TEST_F(HttpTlsTest, ClientsMayHaveToShowACertificate) {
  const TestAuthority clients("Clients' CA");
  const auto server = Start(Options(clients.pem()));
  const TestAuthority others("Others' CA");
  const absl::Time now = absl::Now();
  struct Case {
    const char* name;
    TestPair pair;
    const char* alert;  // Null: let in.
  };
  for (const bool only_tls12 : {false, true}) {
    for (const Case& c :
         std::vector<Case>{{"right", clients.Sign(), nullptr},
                           {"none", {}, "alert"},
                           {"wrong", others.Sign(), "alert unknown ca"},
                           {"expired",
                            clients.Sign({.start = now - absl::Hours(2),
                            .end = now - absl::Hours(1)}),
                            "alert certificate expired"},
                           {"early",
                            clients.Sign({.start = now + absl::Hours(1),
                            .end = now + absl::Hours(2)}),
                            "alert bad certificate"}}) {
      SCOPED_TRACE(absl::StrCat(c.name, only_tls12 ? " by 1.2" : " by 1.3"));
      TlsTestOptions options = Client();
      options.pair = c.pair;
      options.only_tls12 = only_tls12;
      HttpTestClient client(server->port());
      const std::string error = client.StartTls(options);
      const HttpTestResponse response = client.Ask(HttpGet("/"));
      EXPECT_EQ(response.status, c.alert == nullptr ? 200 : 0);
      if (c.alert != nullptr) {
        // By 1.3, the server says so after the client's handshake.
        EXPECT_THAT(only_tls12 ? error : client.tls().error(),
                    HasSubstr(c.alert));
      }
    }
  }
}

TEST_F(HttpTlsTest, AClientWithoutTlsIsToldSo) {
  HttpServerOptions options = Options();
  options.on_problem = [](HttpProblem problem, const HttpRequest& request) {
    EXPECT_EQ(request.peer.substr(0, 15), "ipv4:127.0.0.1:");
    return HttpResponse{.status = static_cast<int>(problem), .body = "problem"};
  };
  const auto server = Start(std::move(options));
  HttpTestClient tls(server->port());
  EXPECT_EQ(tls.StartTls(Client()), "");
  for (const std::string& request :
       {HttpGet("/"), HttpPost("/", "body"),
        std::string("DELETE /v1/a HTTP/1.1\r\nHost: a\r\n\r\n"),
        std::string("PATCH / HTTP/1.1\r\nHost: a\r\n\r\n"),
        std::string("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")}) {
    HttpTestClient client(server->port());
    const HttpTestResponse response = client.Ask(request);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, "problem");
    EXPECT_EQ(response.Header("Connection"), "close");
    EXPECT_TRUE(client.ReadEnd());
  }
  EXPECT_EQ(tls.Ask(HttpGet("/a")).body, "GET /a");
}

TEST_F(HttpTlsTest, WhatIsNoTlsEndsTheConnectionAlone) {
  const auto server = Start(Options());
  HttpTestClient tls(server->port());
  EXPECT_EQ(tls.StartTls(Client()), "");
  for (const std::string& bytes :
       {std::string(100000, 'x'), std::string(1, '\x16'),
        std::string("\x16\x03\x01\x00\x05hello")}) {
    HttpTestClient client(server->port());
    client.Send(bytes);
    client.CloseSending();
    while (client.ReadPiece().has_value()) {
    }
  }
  HttpTestClient(server->port()).Close();
  HttpTestClient(server->port()).Reset();
  EXPECT_EQ(tls.Ask(HttpGet("/a")).body, "GET /a");
}

TEST_F(HttpTlsTest, AClientByTlsIsRefusedWithoutIt) {
  HttpServerOptions options = Options();
  options.tls = nullptr;
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  EXPECT_EQ(client.StartTls(Client()), "wrong version number");
  EXPECT_EQ(HttpTestClient(server->port()).Ask(HttpGet("/a")).body, "GET /a");
}

// Others are served meanwhile.
TEST_F(HttpTlsTest, AHandshakeThatIsNotCompletedIsCut) {
  HttpServerOptions options = Options();
  options.header_timeout = absl::Milliseconds(300);
  const auto server = Start(std::move(options));
  HttpTestClient silent(server->port());
  HttpTestClient stalled(server->port());
  stalled.Send("\x16\x03\x01");
  ExpectServed(*server);
  EXPECT_TRUE(silent.ReadEnd());
  EXPECT_TRUE(stalled.ReadEnd());
}

TEST_F(HttpTlsTest, ACompletedHandshakeIsNotCut) {
  HttpServerOptions options = Options();
  options.header_timeout = absl::Milliseconds(300);
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  ASSERT_EQ(client.StartTls(Client()), "");
  HttpTestClient silent(server->port());
  EXPECT_TRUE(silent.ReadEnd());  // Longer than the other has been there.
  EXPECT_EQ(client.Ask(HttpGet("/a")).body, "GET /a");
}

TEST_F(HttpTlsTest, AnIdleConnectionIsToldOfItsEnd) {
  HttpServerOptions options = Options();
  options.idle_timeout = absl::Milliseconds(5);
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  ASSERT_EQ(client.StartTls(Client()), "");
  EXPECT_TRUE(client.ReadEnd());
  EXPECT_FALSE(client.reset());
}

// Without a head and a length, the announced end would be that of the reply.
TEST_F(HttpTlsTest, TheEndOfACutReplyIsNotAnnounced) {
  HttpTestStream stream;
  HttpServerOptions options = Options();
  options.handler = [&](const HttpRequest&) {
    return HttpResponse{.source = stream.Source()};
  };
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  ASSERT_EQ(client.StartTls(Client()), "");
  client.Send("GET / HTTP/1.0\r\n\r\n");
  stream.Push(HttpStep::Head(200, {}));
  stream.Push(HttpStep::Data("data"));
  EXPECT_EQ(client.ReadHead().status, 200);
  EXPECT_EQ(client.ReadPiece(), "data");
  server->Shutdown(absl::ZeroDuration());
  EXPECT_EQ(client.ReadPiece(), std::nullopt);
  EXPECT_FALSE(client.complete());
}

TEST_F(HttpTlsTest, LargeBodiesBothWays) {
  HttpServerOptions options = Options();
  options.handler = [](const HttpRequest& request) {
    return HttpResponse{.body = std::string(request.body)};
  };
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  ASSERT_EQ(client.StartTls(Client()), "");
  std::string body(20 << 20, '\0');
  for (size_t i = 0; i < body.size(); ++i) {
    body[i] = static_cast<char>(i * 7 % 251);
  }
  const HttpTestResponse response = client.Ask(HttpPost("/", body));
  EXPECT_TRUE(response.complete);
  EXPECT_TRUE(response.body == body);
}

// The test's process would be ended by SIGPIPE.
TEST_F(HttpTlsTest, AClientThatGoesDuringAReplyRaisesNoSignal) {
  struct sigaction action = {};
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &action), 0);
  ASSERT_EQ(action.sa_handler, SIG_DFL);
  HttpServerOptions options = Options();
  options.handler = [](const HttpRequest&) {
    return HttpResponse{.body = std::string(5 << 20, 'x')};
  };
  const auto server = Start(std::move(options));
  for (int i = 0; i < 10; ++i) {
    HttpTestClient client(server->port());
    ASSERT_EQ(client.StartTls(Client()), "");
    client.Send(HttpGet("/"));
    EXPECT_EQ(client.ReadHead().status, 200);
    // A reset after an end is EPIPE, not ECONNRESET.
    shutdown(client.fd(), SHUT_WR);
    client.Reset();
  }
  HttpTestClient client(server->port());
  ASSERT_EQ(client.StartTls(Client()), "");
  EXPECT_EQ(client.Ask(HttpGet("/")).body.size(), 5 << 20);
}

TEST_F(HttpTlsTest, ShutdownEndsHandshakesAndIdleConnections) {
  const auto server = Start(Options());
  HttpTestClient idle(server->port());
  ASSERT_EQ(idle.StartTls(Client()), "");
  EXPECT_EQ(idle.Ask(HttpGet("/")).status, 200);
  HttpTestClient silent(server->port());
  HttpTestClient stalled(server->port());
  stalled.Send("\x16\x03\x01");
  ExpectServed(*server);
  server->Shutdown(kForever);  // Nobody holds it up.
  EXPECT_TRUE(idle.ReadEnd());
  EXPECT_FALSE(idle.reset());
  EXPECT_TRUE(silent.ReadEnd());
  EXPECT_TRUE(stalled.ReadEnd());
}

TEST(TlsContextTest, CredentialsThatOpensslRefuses) {
  const TestPair one = TestAuthority().Sign();
  const TestPair other = TestAuthority().Sign();
  const auto context = TlsContext::Create({.certificate_chain = one.certificate,
                                           .private_key = other.key,
                                           .client_ca = ""});
  EXPECT_EQ(context.status(),
            absl::InvalidArgumentError(
                "the private key is refused: key values mismatch"));
}

}  // namespace
}  // namespace spanner_session_emulator
