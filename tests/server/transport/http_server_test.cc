#include "server/transport/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/transport/file_descriptor.h"
#include "server/transport/tls.h"
#include "store/mutex.h"
#include "tests/server/transport/http_testing.h"
#include "tests/server/transport/tls_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::_;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr absl::Duration kForever = absl::InfiniteDuration();

// Shows the whole request.
HttpResponse Echo(const HttpRequest& request) {
  return {.headers = {{"Content-Type", "text/plain"}},
          .body = absl::StrCat(request.method, " ", request.target, " ",
                               request.body)};
}

HttpServerOptions Options(HttpHandler handler = Echo) {
  HttpServerOptions options;
  options.hostname = "127.0.0.1";
  options.handler = std::move(handler);
  options.idle_timeout = options.header_timeout = options.body_timeout =
      options.write_timeout = kForever;
  options.threads = 1;
#if HTTP_SERVER_TEST_TLS
  static const auto* const kAuthority = new TestAuthority;
  static const auto* const kPair = new TestPair(kAuthority->Sign());
  static const auto* const kClients =
      new TlsTestOptions{.ca = kAuthority->pem()};
  options.tls = *TlsContext::Create({.certificate_chain = kPair->certificate,
                                     .private_key = kPair->key,
                                     .client_ca = ""});
  HttpTestClient::ConnectByTls(kClients);
#endif
  return options;
}

std::unique_ptr<HttpServer> Start(HttpServerOptions options = Options()) {
  auto server = HttpServer::Start(std::move(options));
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

// A handler that answers /stream with a stream's source.
HttpHandler Streaming(HttpTestStream stream) {
  return [stream = std::move(stream)](const HttpRequest& request) {
    if (request.target != "/stream") return Echo(request);
    return HttpResponse{.source = stream.Source()};
  };
}

// Waits until the server has taken a request off this client, and nothing else
// is under way.
void Settle(HttpTestClient& client) {
  EXPECT_EQ(client.Ask(HttpGet("/settle")).status, 200);
}

// ---- Requests --------------------------------------------------------------

TEST(HttpServerTest, TheHandlerSeesTheRequest) {
  std::string peer;
  const auto server = Start(Options([&](const HttpRequest& request) {
    peer = std::string(request.peer);
    EXPECT_EQ(request.method, "PATCH");
    EXPECT_EQ(request.target, "/a%20b/c:d?e=f&g");
    EXPECT_EQ(request.body, "body");
    EXPECT_EQ(request.Header("X-ONE"), "1");
    const auto two = request.Header("x-two");
    for (int i = 0; i < 100; ++i) (void)request.Header("X-two");
    EXPECT_EQ(two, "a, b, c");
    EXPECT_EQ(request.Header("x-empty"), "");
    EXPECT_EQ(request.Header("x"), std::nullopt);
    EXPECT_THAT(
        request.fields,
        ElementsAre(Pair("Host", "h:1"), Pair("x-Two", "a"), Pair("x-One", "1"),
                    Pair("X-two", "b"), Pair("x-empty", ""), Pair("X-TWO", "c"),
                    Pair("content-length", "4")));
    return HttpResponse{
        .status = 201, .headers = {{"A", "b"}, {"A", "c"}}, .body = "answer"};
  }));
  HttpTestClient client(server->port());
  const HttpTestResponse response = client.Ask(
      "PATCH /a%20b/c:d?e=f&g HTTP/1.1\r\nHost: h:1\r\nx-Two:a\r\n"
      "x-One: \t1 \r\nX-two: b\r\nx-empty:\r\nX-TWO: c\r\n"
      "content-length: 4\r\n\r\nbody");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.reason, "Created");
  EXPECT_THAT(response.headers,
              ElementsAre(Pair("Date", _), Pair("A", "b"), Pair("A", "c"),
                          Pair("Content-Length", "6")));
  EXPECT_EQ(response.body, "answer");

  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  getsockname(client.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  EXPECT_EQ(peer, absl::StrCat("ipv4:127.0.0.1:", ntohs(address.sin_port)));
}

TEST(HttpServerTest, AnyMethodAndStatusPass) {
  const auto server = Start(Options([](const HttpRequest& request) {
    int status = 0;
    (void)absl::SimpleAtoi(request.target.substr(1), &status);
    return HttpResponse{.status = status, .body = std::string(request.method)};
  }));
  HttpTestClient client(server->port());
  for (const char* method : {"GET", "DELETE", "OPTIONS", "BREW", "X-y.z"}) {
    const HttpTestResponse response =
        client.Ask(absl::StrCat(method, " /200 HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_EQ(response.body, method);
  }
  for (const int status : {200, 299, 404, 429, 503, 599}) {
    EXPECT_EQ(client.Ask(HttpGet(absl::StrCat("/", status))).status, status);
  }
  for (const int status : {-1, 0, 100, 199, 600, 12345}) {
    EXPECT_EQ(client.Ask(HttpGet(absl::StrCat("/", status))).status, 500);
  }
}

TEST(HttpServerTest, BodiesOfAllSizesAndFramings) {
  const auto server = Start(Options([](const HttpRequest& request) {
    return HttpResponse{.body = std::string(request.body)};
  }));
  HttpTestClient client(server->port());
  for (const size_t size : {0, 1, 100, 5000, 8192, 70000, 3000000}) {
    std::string body(size, '\0');
    for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 7 % 251);
    EXPECT_EQ(client.Ask(HttpPost("/", body)).body, body) << size;
    for (const size_t chunk : {size_t{1000}, size + 1}) {
      std::string bytes =
          "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n";
      for (size_t at = 0; at < size; at += chunk) {
        const std::string piece = body.substr(at, chunk);
        absl::StrAppend(&bytes, absl::Hex(piece.size()), ";ext=\"x;y\"\r\n",
                        piece, "\r\n");
      }
      bytes += "0\r\nX-Trailer: y\r\n\r\n";
      EXPECT_EQ(client.Ask(bytes).body, body) << size << " by " << chunk;
    }
  }
}

TEST(HttpServerTest, RequestsMayComeByteByByte) {
  const auto server = Start();
  HttpTestClient client(server->port());
  for (const std::string& request :
       {HttpPost("/length", "12345"),
        std::string("POST /chunked HTTP/1.1\r\nHost: h\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n"
                    "3\r\n123\r\n002\r\n45\r\n0\r\nT: u\r\n\r\n")}) {
    for (const char byte : request) client.Send(std::string(1, byte));
    EXPECT_THAT(client.Read().body, HasSubstr(" 12345"));
  }
}

TEST(HttpServerTest, ExpectContinueIsAnsweredOnceWhenTheBodyIsWanted) {
  const auto server = Start();
  HttpTestClient client(server->port());
  client.Send(
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n"
      "Content-Length: 5\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  client.Send("1");
  client.Send("2345");
  EXPECT_EQ(client.Read().body, "PUT / 12345");
  // Chunked, and after another request.
  client.Send(
      "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  client.Send("1\r\n1\r\n0\r\n\r\n");
  EXPECT_EQ(client.Read().body, "PUT / 1");
}

TEST(HttpServerTest, ExpectContinueIsNotAnsweredWithoutNeed) {
  const auto server = Start();
  HttpTestClient client(server->port());
  // The body is there; there is none; HTTP/1.0 has no such thing.
  EXPECT_EQ(client
                .Ask("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                     "Content-Length: 2\r\n\r\n12")
                .status,
            200);
  EXPECT_EQ(client
                .Ask("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                     "Content-Length: 0\r\n\r\n")
                .status,
            200);
  client.Send(
      "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  HttpTestClient other(server->port());
  Settle(other);
  client.Send("12");
  EXPECT_EQ(client.Read().status, 200);
}

// ---- Connections -----------------------------------------------------------

TEST(HttpServerTest, ConnectionsStayOpenAsHttpSays) {
  const auto server = Start();
  HttpTestClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    const HttpTestResponse response = client.Ask(HttpGet("/"));
    EXPECT_EQ(response.body, "GET / ");
    EXPECT_EQ(response.Header("Connection"), "");
  }
  HttpTestResponse response = client.Ask(
      "GET / HTTP/1.0\r\n"
      "Connection: keep-alive\r\n\r\n");
  EXPECT_EQ(response.Header("Connection"), "keep-alive");
  EXPECT_EQ(response.body, "GET / ");
  response = client.Ask(HttpGet("/", "Connection: close\r\n"));
  EXPECT_EQ(response.Header("Connection"), "close");
  EXPECT_TRUE(response.complete);
  EXPECT_TRUE(client.ReadEnd());

  HttpTestClient old(server->port());
  response = old.Ask("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(response.Header("Connection"), "close");
  EXPECT_EQ(response.body, "GET / ");
  EXPECT_TRUE(old.ReadEnd());
}

TEST(HttpServerTest, EmptyLinesBetweenRequestsAreSkipped) {
  const auto server = Start();
  HttpTestClient client(server->port());
  EXPECT_EQ(client.Ask("\r\n\r\n" + HttpGet("/")).status, 200);
  EXPECT_EQ(client.Ask("\r\n" + HttpGet("/")).status, 200);
}

TEST(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  const auto server = Start();
  HttpTestClient client(server->port());
  std::string bytes;
  constexpr int kRequests = 1000;
  for (int i = 0; i < kRequests; ++i) {
    absl::StrAppend(&bytes, HttpPost(absl::StrCat("/", i), "b"));
  }
  std::thread sender([&] { client.Send(bytes); });
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_EQ(client.Read().body, absl::StrCat("POST /", i, " b"));
  }
  sender.join();
}

TEST(HttpServerTest, APipelinedRequestWaitsForTheReplyBeforeIt) {
  HttpTestStream stream;
  std::atomic<int> handled{0};
  const auto server =
      Start(Options([&, handler = Streaming(stream)](const auto& request) {
        if (request.target == "/next") ++handled;
        return handler(request);
      }));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/stream") + HttpGet("/next"));
  client.Send(HttpGet("/next"));
  stream.Push(HttpStep::Head(200, {}));
  EXPECT_EQ(client.ReadHead().status, 200);
  stream.Push(HttpStep::Data("data"));
  EXPECT_EQ(client.ReadPiece(), "data");
  HttpTestClient other(server->port());
  Settle(other);
  EXPECT_EQ(handled, 0);
  stream.Push(HttpStep::End());
  EXPECT_EQ(client.ReadPiece(), std::nullopt);
  EXPECT_TRUE(client.complete());
  EXPECT_EQ(client.Read().body, "GET /next ");
  EXPECT_EQ(client.Read().body, "GET /next ");
  EXPECT_EQ(handled, 2);
}

TEST(HttpServerTest, AClientMayCloseItsSideBeforeACompleteReply) {
  const auto server = Start();
  HttpTestClient client(server->port());
  client.Send(HttpGet("/1") + HttpGet("/2"));
  client.CloseSending();
  EXPECT_EQ(client.Read().body, "GET /1 ");
  EXPECT_EQ(client.Read().body, "GET /2 ");
  EXPECT_TRUE(client.ReadEnd());
}

// Here the server is reading already when it begins to reply.
TEST(HttpServerTest, AClientMayCloseItsSideDuringACompleteReply) {
  HttpTestStream stream;
  const std::string body(20 << 20, 'x');
  const auto server = Start(Options([&](const HttpRequest& request) {
    if (request.target == "/big") return HttpResponse{.body = body};
    return Streaming(stream)(request);
  }));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/stream") + HttpGet("/big"));
  stream.Push(HttpStep::Head(200, {}));
  stream.Push(HttpStep::End());
  EXPECT_TRUE(client.Read().complete);
  EXPECT_EQ(client.ReadHead().status, 200);
  client.CloseSending();
  HttpTestClient other(server->port());
  Settle(other);  // The server has seen it.
  size_t size = 0;
  while (const auto piece = client.ReadPiece()) size += piece->size();
  EXPECT_EQ(size, body.size());
  EXPECT_TRUE(client.ReadEnd());
}

TEST(HttpServerTest, ManyClientsAtATime) {
  HttpServerOptions options = Options();
  options.threads = 3;
  const auto server = Start(std::move(options));
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 10; ++j) {
        HttpTestClient client(server->port());
        for (int k = 0; k < 10; ++k) {
          const std::string target = absl::StrCat("/", i, "/", j, "/", k);
          EXPECT_EQ(client.Ask(HttpGet(target)).body, "GET " + target + " ");
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// ---- Replies ---------------------------------------------------------------

TEST(HttpServerTest, HeadIsAnsweredWithTheHeadAlone) {
  HttpTestStream stream;
  const auto server = Start(Options(Streaming(stream)));
  HttpTestClient client(server->port());
  client.Send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  HttpTestResponse response = client.Read(/*head_only=*/true);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("Content-Length"), "8");  // Of "HEAD /x ".
  client.Send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
  stream.Push(HttpStep::Head(200, {{"A", "b"}}));
  response = client.Read(/*head_only=*/true);
  EXPECT_EQ(response.Header("A"), "b");
  EXPECT_TRUE(stream.AwaitDestroyed());
  EXPECT_EQ(client.Ask(HttpGet("/next")).body, "GET /next ");
}

TEST(HttpServerTest, SomeStatusesHaveNoBody) {
  HttpTestStream stream;
  const auto server = Start(Options([&](const HttpRequest& request) {
    if (request.target == "/stream") return Streaming(stream)(request);
    const int status = request.target == "/204" ? 204 : 304;
    return HttpResponse{.status = status, .body = "nobody sees this"};
  }));
  HttpTestClient client(server->port());
  for (const int status : {204, 304, 204}) {
    const HttpTestResponse response =
        client.Ask(HttpGet(absl::StrCat("/", status)));
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.Header("Content-Length"), "");
  }
  stream.Push(HttpStep::Head(204, {}));
  EXPECT_EQ(client.Ask(HttpGet("/stream")).Header("Transfer-Encoding"), "");
  EXPECT_EQ(client.Ask(HttpGet("/204")).status, 204);
}

TEST(HttpServerTest, ALargeReplyToASlowReaderIsComplete) {
  const std::string body(20 << 20, 'x');
  const auto server = Start(Options([&](const HttpRequest& request) {
    return request.target == "/" ? HttpResponse{.body = body} : Echo(request);
  }));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/") + HttpGet("/next"));
  // Meanwhile the only thread has time for others.
  HttpTestClient other(server->port());
  Settle(other);
  EXPECT_TRUE(client.Read().body == body);
  EXPECT_EQ(client.Read().body, "GET /next ");
}

TEST(HttpServerTest, AHeaderCannotBeginAnother) {
  const auto server = Start(Options([](const HttpRequest&) {
    return HttpResponse{.headers = {{"A", std::string("b\r\nC: d\0", 8)}}};
  }));
  HttpTestClient client(server->port());
  EXPECT_THAT(client.Ask(HttpGet("/")).headers,
              ElementsAre(Pair("Date", _), Pair("A", "b  C: d "),
                          Pair("Content-Length", "0")));
}

TEST(HttpServerTest, EveryReplyHasItsDate) {
  HttpTestStream stream;
  stream.Push(HttpStep::Head(204, {}));
  const auto server = Start(Options(Streaming(stream)));
  for (const std::string& bytes :
       {HttpGet("/"), HttpGet("/stream"), std::string("x\r\n\r\n")}) {
    HttpTestClient client(server->port());
    const absl::Time before = absl::Now() - absl::Seconds(1);
    const std::string text = client.Ask(bytes).Header("Date");
    absl::Time date;
    std::string error;
    EXPECT_TRUE(
        absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", text, &date, &error))
        << text << ": " << error;
    EXPECT_EQ(text, absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", date,
                                     absl::UTCTimeZone()));
    EXPECT_LE(before, date);
    EXPECT_LE(date, absl::Now());
  }
}

TEST(HttpServerTest, ARequestWhoseHandlerThrowsHasAReply) {
  for (const bool slow : {false, true}) {
    HttpServerOptions options = Options([](const HttpRequest& request) {
      if (request.target == "/throw") throw std::bad_alloc();
      return Echo(request);
    });
    options.is_slow = [slow](const HttpRequest&) { return slow; };
    const auto plain = Start(options);
    HttpTestClient client(plain->port());
    const HttpTestResponse response = client.Ask(HttpGet("/throw"));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(client.Ask(HttpPost("/next", "1")).body, "POST /next 1");

    // In the application's words; not, if making them throws, too.
    options.on_problem = [&](HttpProblem problem, const HttpRequest& request) {
      EXPECT_EQ(problem, HttpProblem::kInternal);
      EXPECT_EQ(request.method, "POST");
      EXPECT_EQ(request.target, "/throw");
      EXPECT_NE(request.peer, "");
      if (request.body == "again") throw std::bad_alloc();
      return HttpResponse{.status = 500,
                          .body = "sorry",
                          .source = request.body == "source"
                                        ? HttpTestStream().Source()
                                        : nullptr};
    };
    const auto server = Start(options);
    HttpTestClient asking(server->port());
    for (const char* body : {"once", "source"}) {
      const HttpTestResponse reply = asking.Ask(HttpPost("/throw", body));
      EXPECT_EQ(reply.status, 500);
      EXPECT_EQ(reply.body, "sorry");
    }
    EXPECT_EQ(asking.Ask(HttpPost("/throw", "again")).status, 500);
    EXPECT_EQ(asking.Ask(HttpGet("/next", "Connection: close\r\n")).body,
              "GET /next ");
    EXPECT_TRUE(asking.ReadEnd());
  }
}

// ---- Streamed replies ------------------------------------------------------

TEST(HttpServerTest, AStreamIsSentPieceByPiece) {
  HttpTestStream stream;
  const auto server = Start(Options(Streaming(stream)));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/stream"));
  EXPECT_TRUE(stream.AwaitWait());
  stream.Push(HttpStep::Head(206, {{"A", "b"}}));
  const HttpTestResponse head = client.ReadHead();
  EXPECT_EQ(head.status, 206);
  EXPECT_THAT(head.headers, ElementsAre(Pair("Date", _), Pair("A", "b"),
                                        Pair("Transfer-Encoding", "chunked")));
  for (const size_t size : {1, 15, 16, 100000}) {
    const std::string data(size, 'x');
    stream.Push(HttpStep::Data(data));
    EXPECT_EQ(client.ReadPiece(), data);
    EXPECT_TRUE(stream.AwaitWait());
  }
  stream.Push(HttpStep::Data(""));  // Not the end.
  stream.Push(HttpStep::Data("last"));
  stream.Push(HttpStep::End());
  EXPECT_EQ(client.ReadPiece(), "last");
  EXPECT_EQ(client.ReadPiece(), std::nullopt);
  EXPECT_TRUE(client.complete());
  EXPECT_TRUE(stream.AwaitDestroyed());
  EXPECT_EQ(client.Ask(HttpGet("/next")).body, "GET /next ");
}

TEST(HttpServerTest, AStreamToHttp10EndsWithTheConnection) {
  HttpTestStream stream;
  const auto server = Start(Options(Streaming(stream)));
  HttpTestClient client(server->port());
  client.Send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  stream.Push(HttpStep::Head(200, {}));
  EXPECT_THAT(client.ReadHead().headers,
              ElementsAre(Pair("Date", _), Pair("Connection", "close")));
  stream.Push(HttpStep::Data("1"));
  EXPECT_EQ(client.ReadPiece(), "1");
  stream.Push(HttpStep::Data("2"));
  EXPECT_EQ(client.ReadPiece(), "2");
  stream.Push(HttpStep::End());
  EXPECT_EQ(client.ReadPiece(), std::nullopt);
  EXPECT_TRUE(client.complete());
  EXPECT_TRUE(stream.AwaitDestroyed());
}

TEST(HttpServerTest, ALongStreamInterruptedByWaitsIsComplete) {
  HttpServerOptions options = Options([](const HttpRequest&) {
    // Every third step is a wait that is over at once.
    class Source : public HttpSource {
      HttpStep Next() override {
        ++count_;
        if (count_ == 1) return HttpStep::Head(200, {});
        if (count_ == 10000) return HttpStep::End();
        if (count_ % 3 == 0) return HttpStep::Wait();
        return HttpStep::Data("0123456789");
      }
      int count_ = 0;
    };
    return HttpResponse{.source = std::make_unique<Source>()};
  });
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/1") + HttpGet("/2"));
  for (int i = 0; i < 2; ++i) {
    const HttpTestResponse response = client.Read();
    EXPECT_TRUE(response.complete);
    EXPECT_EQ(response.body.size(), 66650);  // Of 9,998 steps, 3,333 are waits.
  }
}

TEST(HttpServerTest, AStreamThatIsCutIsSeenToBeIncomplete) {
  for (const bool http11 : {true, false}) {
    for (const bool head : {true, false}) {
      HttpTestStream stream;
      const auto server = Start(Options(Streaming(stream)));
      HttpTestClient client(server->port());
      client.Send(http11 ? HttpGet("/stream") : "GET /stream HTTP/1.0\r\n\r\n");
      if (head) {
        stream.Push(HttpStep::Head(200, {}));
        stream.Push(HttpStep::Data("data"));
        EXPECT_EQ(client.ReadHead().status, 200);
        EXPECT_EQ(client.ReadPiece(), "data");
      }
      stream.Push(HttpStep::Cut());
      if (head) {
        EXPECT_EQ(client.ReadPiece(), std::nullopt);
        EXPECT_FALSE(client.complete());
      } else {
        EXPECT_EQ(client.Read().status, 0);
      }
      EXPECT_TRUE(stream.AwaitDestroyed());
    }
  }
}

TEST(HttpServerTest, AWholeReplyMayBeWaitedFor) {
  HttpTestStream stream;
  const auto server = Start(Options(Streaming(stream)));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/stream") + HttpGet("/next"));
  ASSERT_TRUE(stream.AwaitWait());
  stream.Push(HttpStep::Whole(404, {{"A", "b"}}, "all of it"));
  const HttpTestResponse response = client.Read();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.Header("A"), "b");
  EXPECT_EQ(response.Header("Content-Length"), "9");
  EXPECT_EQ(response.Header("Transfer-Encoding"), "");
  EXPECT_EQ(response.body, "all of it");
  EXPECT_TRUE(stream.AwaitDestroyed());
  // The connection goes on.
  EXPECT_EQ(client.Read().body, "GET /next ");
}

TEST(HttpServerTest, StepsOutOfOrderCutTheStream) {
  const std::vector<std::vector<HttpStep>> wrong = {
      {HttpStep::Head(200, {}), HttpStep::Whole(200, {}, "x")},
      {HttpStep::Data("x")},
      {HttpStep::End()},
      {HttpStep::Head(200, {}), HttpStep::Head(200, {})}};
  for (const auto& steps : wrong) {
    HttpTestStream stream;
    const auto server = Start(Options(Streaming(stream)));
    HttpTestClient client(server->port());
    for (const HttpStep& step : steps) stream.Push(step);
    EXPECT_FALSE(client.Ask(HttpGet("/stream")).complete);
    EXPECT_TRUE(stream.AwaitDestroyed());
  }
}

TEST(HttpServerTest, AClientThatGoesEndsItsStreamAtOnce) {
  using Leave = void (HttpTestClient::*)();
  for (const Leave leave : {&HttpTestClient::Close, &HttpTestClient::Reset,
                            &HttpTestClient::CloseSending}) {
    for (const bool head : {false, true}) {
      HttpTestStream stream;
      const auto server = Start(Options(Streaming(stream)));
      HttpTestClient client(server->port());
      client.Send(HttpGet("/stream"));
      if (head) {
        stream.Push(HttpStep::Head(200, {}));
        EXPECT_EQ(client.ReadHead().status, 200);
      }
      EXPECT_TRUE(stream.AwaitWait());
      (client.*leave)();
      EXPECT_TRUE(stream.AwaitDestroyed());
      stream.Push(HttpStep::Data("nobody hears this"));
      HttpTestClient other(server->port());
      Settle(other);
    }
  }
}

TEST(HttpServerTest, AClientThatGoesIsNoticedBehindWhatItHasPipelined) {
  HttpTestStream stream;
  const auto server = Start(Options(Streaming(stream)));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/stream") + HttpPost("/", std::string(30000, 'x')));
  EXPECT_TRUE(stream.AwaitWait());
  client.Close();
  EXPECT_TRUE(stream.AwaitDestroyed());
}

// An endless stream, and how much was asked of it.
struct Flood {
  std::atomic<int> steps{0};
  HttpTestStream end;  // Its source lives and dies with the flood's.

  HttpHandler Handler() {
    return [this](const HttpRequest& request) {
      class Source : public HttpSource {
       public:
        explicit Source(Flood* flood)
            : flood_(*flood), end_(flood->end.Source()) {}
        HttpStep Next() override {
          if (flood_.steps++ == 0) return HttpStep::Head(200, {});
          return HttpStep::Data(std::string(100000, 'x'));
        }

       private:
        Flood& flood_;
        const std::unique_ptr<HttpSource> end_;
      };
      if (request.target != "/flood") return Echo(request);
      return HttpResponse{.source = std::make_unique<Source>(this)};
    };
  }
};

TEST(HttpServerTest, AnEndlessStreamLeavesTimeForOthers) {
  Flood flood;
  const auto server = Start(Options(flood.Handler()));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/flood"));
  EXPECT_EQ(client.ReadHead().status, 200);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop && client.ReadPiece().has_value()) {
    }
  });
  for (int i = 0; i < 20; ++i) {
    HttpTestClient other(server->port());
    Settle(other);
  }
  stop = true;
  reader.join();
  client.Close();
  EXPECT_TRUE(flood.end.AwaitDestroyed());
}

TEST(HttpServerTest, AStalledReaderIsCut) {
  Flood flood;
  HttpServerOptions options = Options(flood.Handler());
  options.write_timeout = absl::Milliseconds(20);
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/flood"));
  EXPECT_TRUE(flood.end.AwaitDestroyed());
  // It was asked for no more than the socket's buffers hold.
  EXPECT_LT(flood.steps, 1000);
}

TEST(HttpServerTest, WakersMayOutliveEverything) {
  std::vector<std::function<void()>> wakers;
  HttpHandler handler = [&](const HttpRequest&) {
    class Source : public HttpSource {
     public:
      explicit Source(std::vector<std::function<void()>>* wakers)
          : wakers_(*wakers) {}
      HttpStep Next() override {
        ++count_;
        if (count_ == 3) return HttpStep::Head(200, {});
        if (count_ == 5) return HttpStep::End();
        return HttpStep::Wait();
      }
      void OnReady(std::function<void()> wake) override {
        wakers_.push_back(wake);
        for (auto& waker : wakers_) waker();  // Old ones mean nothing.
      }

     private:
      std::vector<std::function<void()>>& wakers_;
      int count_ = 0;
    };
    return HttpResponse{.source = std::make_unique<Source>(&wakers)};
  };
  auto server = Start(Options(handler));
  HttpTestClient client(server->port());
  EXPECT_TRUE(client.Ask(HttpGet("/1")).complete);
  EXPECT_TRUE(client.Ask(HttpGet("/2")).complete);
  server.reset();
  EXPECT_EQ(wakers.size(), 6);
  for (auto& waker : wakers) waker();
}

TEST(HttpServerTest, AWakerOfAnEarlierWaitMeansNothing) {
  std::vector<std::function<void()>> wakers;
  std::atomic<int> steps{0};
  std::atomic<int> waits{0};
  const auto server = Start(Options([&](const HttpRequest& request) {
    class Source : public HttpSource {
     public:
      Source(std::vector<std::function<void()>>* wakers,
             std::atomic<int>* steps, std::atomic<int>* waits)
          : wakers_(*wakers), steps_(*steps), waits_(*waits) {}
      HttpStep Next() override {
        const int step = ++steps_;
        return step == 3 ? HttpStep::Head(204, {}) : HttpStep::Wait();
      }
      void OnReady(std::function<void()> wake) override {
        wakers_.push_back(std::move(wake));
        if (++waits_ == 1) wakers_[0]();
      }

     private:
      std::vector<std::function<void()>>& wakers_;
      std::atomic<int>& steps_;
      std::atomic<int>& waits_;
    };
    if (request.target != "/stream") return Echo(request);
    return HttpResponse{.source =
                            std::make_unique<Source>(&wakers, &steps, &waits)};
  }));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/stream"));
  HttpTestClient other(server->port());
  while (waits < 2) Settle(other);
  wakers[0]();
  Settle(other);
  EXPECT_EQ(steps, 2);
  wakers[1]();
  EXPECT_EQ(client.Read().status, 204);
  EXPECT_EQ(steps, 3);
}

// ---- Requests that take long -----------------------------------------------

// Something that happens once. Waiting for it fails after half a minute.
class Event {
 public:
  void Happen() {
    MutexLock lock(&mu_);
    happened_ = true;
    changed_.notify_all();
  }
  bool Await() {
    MutexLock lock(&mu_);
    return changed_.wait_for(
        mu_, std::chrono::seconds(30),
        [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return happened_; });
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool happened_ ABSL_GUARDED_BY(mu_) = false;
};

// A handler that stays in requests to /slow until it is let go.
struct Slow {
  Event entered;
  Event go;
  Event left;
  std::string seen;  // When it was let go.
  HttpTestStream stream;

  HttpServerOptions Options() {
    auto options = spanner_session_emulator::Options(
        [this](const HttpRequest& request) -> HttpResponse {
          if (request.target == "/stream") {
            return {.source = stream.Source()};
          }
          if (request.target.substr(0, 5) != "/slow") return Echo(request);
          entered.Happen();
          EXPECT_TRUE(go.Await());
          seen = Echo(request).body;
          left.Happen();
          if (request.target == "/slow-stream") {
            return {.source = stream.Source()};
          }
          return Echo(request);
        });
    options.is_slow = [](const HttpRequest& request) {
      return request.target.substr(0, 5) == "/slow";
    };
    return options;
  }
};

TEST(HttpServerTest, ASlowRequestDoesNotHoldUpOtherConnections) {
  Slow slow;
  const auto server = Start(slow.Options());
  HttpTestClient client(server->port());
  client.Send(HttpPost("/slow", "body") + HttpGet("/next"));
  EXPECT_TRUE(slow.entered.Await());
  HttpTestClient other(server->port());
  Settle(other);
  slow.go.Happen();
  EXPECT_EQ(client.Read().body, "POST /slow body");
  EXPECT_EQ(client.Read().body, "GET /next ");
  EXPECT_EQ(client.Ask(HttpGet("/slow")).body, "GET /slow ");
}

TEST(HttpServerTest, LargeBodiesAreHandledInAnotherThread) {
  HttpServerOptions options = Options([](const HttpRequest& request) {
    EXPECT_EQ(request.body, std::string(request.body.size(), 'x'));
    return HttpResponse{.body = absl::StrCat(std::hash<std::thread::id>()(
                            std::this_thread::get_id()))};
  });
  options.large_body_bytes = 1000;
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  const std::string thread = client.Ask(HttpGet("/")).body;
  for (const size_t size : {1000, 1001, 0, 3000000, 1}) {
    const std::string used =
        client.Ask(HttpPost("/", std::string(size, 'x'))).body;
    EXPECT_EQ(used != thread, size > 1000) << size;
  }
}

TEST(HttpServerTest, ManySlowRequestsAtATime) {
  HttpServerOptions options = Options();
  options.threads = 2;
  options.is_slow = [](const HttpRequest& request) {
    return request.method == "GET";
  };
  const auto server = Start(std::move(options));
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      HttpTestClient client(server->port());
      for (int j = 0; j < 50; ++j) {
        const std::string target = absl::StrCat("/", i, "/", j);
        client.Send(HttpGet(target) + HttpPost(target, "b"));
        EXPECT_EQ(client.Read().body, "GET " + target + " ");
        EXPECT_EQ(client.Read().body, "POST " + target + " b");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(HttpServerTest, ASlowRequestLivesUntilItsHandlerIsDone) {
  Slow slow;
  const auto server = Start(slow.Options());
  HttpTestClient client(server->port());
  // After a stream the server is still reading, and so sees the client go.
  client.Send(HttpGet("/stream") + HttpPost("/slow", "body"));
  slow.stream.Push(HttpStep::Head(204, {}));
  EXPECT_EQ(client.Read().status, 204);
  EXPECT_TRUE(slow.entered.Await());
  client.Reset();
  HttpTestClient other(server->port());
  Settle(other);
  slow.go.Happen();
  EXPECT_TRUE(slow.left.Await());
  EXPECT_EQ(slow.seen, "POST /slow body");
  Settle(other);
}

TEST(HttpServerTest, AClientMayCloseItsSideDuringASlowRequest) {
  for (const bool reading : {false, true}) {
    Slow slow;
    const auto server = Start(slow.Options());
    HttpTestClient client(server->port());
    if (reading) {
      slow.stream.Push(HttpStep::Head(204, {}));
      client.Send(HttpGet("/stream") + HttpGet("/slow"));
      EXPECT_EQ(client.Read().status, 204);
    } else {
      client.Send(HttpGet("/slow"));
    }
    EXPECT_TRUE(slow.entered.Await());
    client.CloseSending();
    HttpTestClient other(server->port());
    Settle(other);
    slow.go.Happen();
    EXPECT_EQ(client.Read().body, "GET /slow ");
    EXPECT_TRUE(client.ReadEnd());
  }
}

TEST(HttpServerTest, ASlowRequestMayHaveAStreamedReply) {
  Slow slow;
  slow.go.Happen();
  const auto server = Start(slow.Options());
  HttpTestClient client(server->port());
  client.Send(HttpGet("/slow-stream") + HttpGet("/next"));
  slow.stream.Push(HttpStep::Head(200, {}));
  slow.stream.Push(HttpStep::Data("data"));
  slow.stream.Push(HttpStep::End());
  EXPECT_EQ(client.Read().body, "data");
  EXPECT_EQ(client.Read().body, "GET /next ");
}

TEST(HttpServerTest, AStreamThatCameTooLateIsDestroyed) {
  Slow slow;
  const auto server = Start(slow.Options());
  HttpTestClient client(server->port());
  client.Send(HttpGet("/slow-stream"));
  EXPECT_TRUE(slow.entered.Await());
  client.Reset();
  slow.go.Happen();
  EXPECT_TRUE(slow.stream.AwaitDestroyed());
}

TEST(HttpServerTest, ASlowRequestHasNoTimeOut) {
  Slow slow;
  HttpServerOptions options = slow.Options();
  options.idle_timeout = options.header_timeout = options.body_timeout =
      options.write_timeout = absl::Milliseconds(1);
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/slow"));
  EXPECT_TRUE(slow.entered.Await());
  // Others run into theirs meanwhile.
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(HttpTestClient(server->port()).Ask("G").status, 408);
  }
  slow.go.Happen();
  EXPECT_EQ(client.Read().body, "GET /slow ");
}

TEST(HttpServerTest, ShutdownGivesASlowRequestItsGrace) {
  Slow slow;
  const auto server = Start(slow.Options());
  HttpTestClient idle(server->port());
  Settle(idle);
  HttpTestClient client(server->port());
  client.Send(HttpGet("/slow"));
  EXPECT_TRUE(slow.entered.Await());
  std::thread shutdown([&] { server->Shutdown(kForever); });
  EXPECT_TRUE(idle.ReadEnd());  // It has begun.
  slow.go.Happen();
  const HttpTestResponse response = client.Read();
  EXPECT_EQ(response.body, "GET /slow ");
  EXPECT_EQ(response.Header("Connection"), "close");
  EXPECT_TRUE(client.ReadEnd());
  client.Close();
  shutdown.join();
}

TEST(HttpServerTest, AfterItsGraceShutdownWaitsOnlyForHandlersThatRun) {
  Event go;
  std::atomic<int> handled{0};
  HttpServerOptions options = Options([&](const HttpRequest& request) {
    if (request.method == "POST") {
      ++handled;
      EXPECT_TRUE(go.Await());
    }
    return Echo(request);
  });
  options.large_body_bytes = 0;
  const auto server = Start(std::move(options));
  std::vector<HttpTestClient> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back(server->port());
    clients.back().Send(HttpPost("/", "x"));
  }
  HttpTestClient other(server->port());
  while (handled < 2) Settle(other);
  std::thread shutdown([&] { server->Shutdown(absl::ZeroDuration()); });
  for (HttpTestClient& client : clients) EXPECT_TRUE(client.ReadEnd());
  go.Happen();
  shutdown.join();
  EXPECT_EQ(handled, 2);
}

// ---- Limits and malformed requests -----------------------------------------

HttpServerOptions Limited(std::atomic<int>* handled) {
  HttpServerOptions options = Options([handled](const HttpRequest& request) {
    ++*handled;
    return Echo(request);
  });
  options.max_header_bytes = 1000;
  options.max_body_bytes = 2000;
  options.on_problem = [](HttpProblem problem, const HttpRequest& request) {
    EXPECT_EQ(request.peer.substr(0, 15), "ipv4:127.0.0.1:");
    EXPECT_EQ(request.target, "");
    return HttpResponse{.status = static_cast<int>(problem),
                        .headers = {{"A", "b"}},
                        .body = "problem"};
  };
  return options;
}

// Sends it and expects the problem's reply, and the end.
void ExpectProblem(const HttpServer& server, absl::string_view bytes,
                   int status) {
  SCOPED_TRACE(bytes.substr(0, 300));
  HttpTestClient client(server.port());
  const HttpTestResponse response = client.Ask(bytes);
  EXPECT_EQ(response.status, status);
  EXPECT_EQ(response.Header("A"), "b");
  EXPECT_EQ(response.Header("Connection"), "close");
  EXPECT_EQ(response.body, "problem");
  EXPECT_TRUE(client.ReadEnd());
}

TEST(HttpServerTest, LargeBodiesAreRefusedBeforeTheyCome) {
  std::atomic<int> handled{0};
  const auto server = Start(Limited(&handled));
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  ExpectProblem(*server, post + "Content-Length: 2001\r\n\r\n", 413);
  ExpectProblem(*server, post + "Content-Length: 18446744073709551615\r\n\r\n",
                413);
  ExpectProblem(*server,
                post + "Expect: 100-continue\r\nContent-Length: 2001\r\n\r\n",
                413);
  ExpectProblem(*server, chunked + "7d1\r\n", 413);
  ExpectProblem(*server, chunked + "ffffffffffffffff\r\n", 413);
  ExpectProblem(
      *server, chunked + "7d0\r\n" + std::string(2000, 'x') + "\r\n1\r\n", 413);
  EXPECT_EQ(handled, 0);
  HttpTestClient client(server->port());
  EXPECT_EQ(client.Ask(HttpPost("/", std::string(2000, 'x'))).status, 200);
  EXPECT_EQ(client
                .Ask(chunked + "3e8\r\n" + std::string(1000, 'x') +
                     "\r\n3e8\r\n" + std::string(1000, 'x') + "\r\n0\r\n\r\n")
                .status,
            200);
}

TEST(HttpServerTest, ARefusalReachesAClientThatIsStillSending) {
  std::atomic<int> handled{0};
  const auto server = Start(Limited(&handled));
  HttpTestClient client(server->port());
  // More than the sockets' buffers hold.
  EXPECT_TRUE(client.Send(HttpPost("/", std::string(10 << 20, 'x'))));
  EXPECT_EQ(client.Read().status, 413);
  EXPECT_TRUE(client.ReadEnd());
  EXPECT_FALSE(client.reset());
}

TEST(HttpServerTest, LargeHeadersAreRefused) {
  std::atomic<int> handled{0};
  const auto server = Start(Limited(&handled));
  const std::string exact = HttpGet("/", "A: \r\n");
  const auto with = [&](int size) {
    return HttpGet(
        "/",
        absl::StrCat("A: ", std::string(size - exact.size(), 'x'), "\r\n"));
  };
  HttpTestClient client(server->port());
  EXPECT_EQ(client.Ask(with(1000)).status, 200);
  // Pieces have no limit of their own.
  const std::string in_pieces = with(1000);
  client.Send(in_pieces.substr(0, 600));
  client.Send(in_pieces.substr(600));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(handled, 2);

  ExpectProblem(*server, with(1001), 431);
  ExpectProblem(*server, with(1001).substr(0, 1000), 431);
  ExpectProblem(*server, with(100000), 431);
  ExpectProblem(*server, std::string(1000, 'G'), 431);
  ExpectProblem(*server, "GET /" + std::string(1000, 'x'), 431);
  ExpectProblem(*server, HttpGet("/", std::string(1000, 'x') + ": y\r\n"), 431);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "A: b\r\n";
  ExpectProblem(*server, HttpGet("/", many), 431);
  // The same for what comes with chunks.
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  ExpectProblem(*server, chunked + "1;" + std::string(1000, 'x'), 431);
  ExpectProblem(*server, chunked + "0\r\nA: " + std::string(1000, 'x'), 431);
  EXPECT_EQ(handled, 2);
}

TEST(HttpServerTest, MalformedRequestsAreRefused) {
  std::atomic<int> handled{0};
  const auto server = Start(Limited(&handled));
  const std::string chunked =
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto with = [](const std::string& fields) {
    return HttpGet("/", fields + "\r\n");
  };
  using namespace std::string_literals;  // NOLINT: for NULs.
  const std::vector<std::string> malformed = {
      // Request lines.
      "hello\r\n\r\n",
      "GET\r\n\r\n",
      "GET /\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1 \r\nHost: h\r\n\r\n",
      "GET / x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\nHost: h\n\n",
      "GET / HTTP/1.2\r\nHost: h\r\n\r\n",
      "GET / HTTP/2.0\r\nHost: h\r\n\r\n",
      "GET / HTTP/0.9\r\nHost: h\r\n\r\n",
      "GET / http/1.1\r\nHost: h\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
      " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"s,
      "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"s,
      // Fields.
      with("A"),
      with(": b"),
      with("A : b"),
      with("A b: c"),
      with("\"A\": b"),
      with("A: b\0c"s),
      with("A\0: b"s),
      with("A: b\x7f"),
      with("A: b\rc"),
      with("A: b\nC: d"),
      // Folded lines.
      with("A: b\r\n c"),
      with("A: b\r\n\tc"),
      with("A:\r\n b"),
      with("A: b\r\n "),
      with("A:\r\n "),
      "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
      // Hosts.
      "GET / HTTP/1.1\r\n\r\n",
      with("Host: h"),
      // Lengths.
      with("Content-Length:"),
      with("Content-Length: x"),
      with("Content-Length: -1"),
      with("Content-Length: +1"),
      with("Content-Length: 0x1"),
      with("Content-Length: 1 2"),
      with("Content-Length: 18446744073709551616"),
      with("Content-Length: 1\r\nContent-Length: 2"),
      with("Content-Length: 1, 2"),
      with("Content-Length: 1\r\nTransfer-Encoding: chunked"),
      with("Transfer-Encoding: chunked\r\nContent-Length: 1"),
      with("Transfer-Encoding: gzip\r\nContent-Length: 1"),
      with("Transfer-Encoding: gzip"),
      with("Transfer-Encoding: chunked, gzip"),
      with("Transfer-Encoding: gzip, chunked"),
      with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
      with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
      with("Transfer-Encoding: \"chunked\""),
      with("Transfer-Encoding: chunked;q=1"),
      with("Transfer-Encoding:"),
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      // Chunks.
      chunked + "x\r\n",
      chunked + "\r\n",
      chunked + "-1\r\n",
      chunked + "10000000000000000\r\n",
      chunked + "1 x\r\n",
      chunked + "1;\r\n",
      chunked + "1\r\nxy\r\n0\r\n\r\n",
      chunked + "1\r\nx0\r\n\r\n",
      chunked + "0\r\nA\r\n\r\n",
      chunked + "0\r\nContent-Length: 1\r\n\r\n",
  };
  for (const std::string& bytes : malformed) {
    ExpectProblem(*server, bytes, 400);
  }
  EXPECT_EQ(handled, 0);
  // It is answered behind proper requests.
  HttpTestClient client(server->port());
  EXPECT_EQ(client.Ask(HttpGet("/") + "x\r\n\r\n" + HttpGet("/")).status, 200);
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_TRUE(client.ReadEnd());
  EXPECT_EQ(handled, 1);
}

TEST(HttpServerTest, AProblemHasAReplyOfItsOwnAccord) {
  const auto server = Start();
  HttpTestClient client(server->port());
  const HttpTestResponse response = client.Ask("x\r\n\r\n");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "");
  EXPECT_TRUE(client.ReadEnd());
}

TEST(HttpServerTest, ARequestThatBreaksOffIsNotAnswered) {
  std::atomic<int> handled{0};
  const auto server = Start(Limited(&handled));
  const std::string request = HttpPost("/", "12345");
  for (const size_t size : {size_t{1}, size_t{20}, request.size() - 1}) {
    HttpTestClient client(server->port());
    client.Send(request.substr(0, size));
    client.CloseSending();
    EXPECT_TRUE(client.ReadEnd());
  }
  EXPECT_EQ(handled, 0);
}

// ---- Time-outs -------------------------------------------------------------

TEST(HttpServerTest, AnIdleConnectionIsClosed) {
  HttpServerOptions options = Options();
  options.idle_timeout = absl::Milliseconds(5);
  const auto server = Start(std::move(options));
  HttpTestClient fresh(server->port());
  EXPECT_TRUE(fresh.ReadEnd());
  HttpTestClient used(server->port());
  used.Send(HttpGet("/"));
  used.Read();
  EXPECT_TRUE(used.ReadEnd());
}

TEST(HttpServerTest, ARequestThatTakesTooLongIsRefused) {
  std::atomic<int> handled{0};
  HttpServerOptions options = Limited(&handled);
  options.header_timeout = options.body_timeout = absl::Milliseconds(5);
  const auto server = Start(std::move(options));
  ExpectProblem(*server, "G", 408);
  ExpectProblem(*server, "GET / HTTP/1.1\r\nHost", 408);
  ExpectProblem(*server, HttpPost("/", "12345").substr(0, 50), 408);
  ExpectProblem(*server,
                "POST / HTTP/1.1\r\nHost: h\r\n"
                "Transfer-Encoding: chunked\r\n\r\n2\r\n1",
                408);
  HttpTestClient client(server->port());
  client.Send(
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
      "Content-Length: 1\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  EXPECT_EQ(client.Read().status, 408);
  EXPECT_EQ(handled, 0);
}

TEST(HttpServerTest, AWaitingStreamHasNoTimeOut) {
  HttpTestStream stream;
  HttpServerOptions options = Options(Streaming(stream));
  options.header_timeout = options.body_timeout = options.write_timeout =
      absl::Milliseconds(1);
  const auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/stream"));
  stream.Push(HttpStep::Head(200, {}));
  EXPECT_EQ(client.ReadHead().status, 200);
  EXPECT_TRUE(stream.AwaitWait());
  // Others run into theirs meanwhile.
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(HttpTestClient(server->port()).Ask("G").status, 408);
  }
  stream.Push(HttpStep::Data("data"));
  EXPECT_EQ(client.ReadPiece(), "data");
}

TEST(HttpServerTest, AStalledReaderOfACompleteReplyIsCut) {
  HttpServerOptions options = Options([](const HttpRequest&) {
    return HttpResponse{.body = std::string(50 << 20, 'x')};
  });
  options.write_timeout = absl::Milliseconds(20);
  auto server = Start(std::move(options));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/"));
  server->Shutdown(kForever);  // Returns, since the write does not last.
  EXPECT_FALSE(client.Read().complete);
}

// ---- Listening -------------------------------------------------------------

TEST(HttpServerTest, ListensOnAllAddresses) {
  HttpServerOptions options = Options([](const HttpRequest& request) {
    return HttpResponse{.body = std::string(request.peer)};
  });
  options.hostname = "localhost";
  const auto server = Start(std::move(options));
  EXPECT_GT(server->port(), 0);
  ASSERT_FALSE(server->addresses().empty());
  for (const std::string& address : server->addresses()) {
    const bool ipv6 = address[0] == '[';
    EXPECT_EQ(address,
              absl::StrCat(ipv6 ? "[::1]:" : "127.0.0.1:", server->port()));
    HttpTestClient client(server->port(), ipv6 ? "::1" : "127.0.0.1");
    EXPECT_THAT(client.Ask(HttpGet("/")).body,
                HasSubstr(ipv6 ? "ipv6:[::1]:" : "ipv4:127.0.0.1:"));
  }
}

TEST(HttpServerTest, APortThatIsTakenIsAnError) {
  const auto server = Start();
  HttpServerOptions options = Options();
  options.port = server->port();
  const auto second = HttpServer::Start(options);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(second.status().message(),
              HasSubstr(absl::StrCat(
                  "cannot listen on 127.0.0.1:", server->port(), ": ")));
  // Once it is free again, old connections do not matter.
  HttpTestClient client(server->port());
  Settle(client);
  server->Shutdown(absl::ZeroDuration());
  EXPECT_TRUE(client.ReadEnd());
  EXPECT_EQ(Start(options)->port(), options.port);
}

TEST(HttpServerTest, WrongOptionsAreErrors) {
  const auto code = [](void (*change)(HttpServerOptions&)) {
    HttpServerOptions options = Options();
    change(options);
    return HttpServer::Start(options).status().code();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code([](auto& o) { o.hostname = "no such host"; }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.port = -1; }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.port = 65536; }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.handler = nullptr; }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.threads = -1; }), kInvalid);
  EXPECT_EQ(code([](auto& o) { o.threads = 0; }), absl::StatusCode::kOk);
}

TEST(HttpServerTest, ServesConnectionsFromElsewhere) {
  HttpServerOptions options = Options([](const HttpRequest& request) {
    EXPECT_EQ(request.peer, "");
    return Echo(request);
  });
  options.hostname = "";
  const auto server = Start(std::move(options));
  EXPECT_EQ(server->port(), 0);
  EXPECT_TRUE(server->addresses().empty());
  const auto connect = [&] {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    server->Serve(ends[0]);
    return HttpTestClient(FileDescriptor(ends[1]));
  };
  server->Serve(-1);  // Of no consequence.
  HttpTestClient client = connect();
  EXPECT_EQ(client.Ask(HttpPost("/", "1")).body, "POST / 1");
  EXPECT_EQ(client.Ask(HttpGet("/", "Connection: close\r\n")).status, 200);
  EXPECT_TRUE(client.ReadEnd());
  server->Shutdown(absl::ZeroDuration());
  EXPECT_TRUE(connect().ReadEnd());
  server->Serve(-1);
}

TEST(HttpServerTest, ClientsThatVanishAreLookedFor) {
  FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  socklen_t address_size = sizeof(address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener.get(), any, sizeof(address)), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  ASSERT_EQ(getsockname(listener.get(), any, &address_size), 0);
  HttpTestClient client(ntohs(address.sin_port));
  const int accepted = accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
  // Shares the options of the server's.
  const FileDescriptor same(dup(accepted));
  const auto server = Start();
  server->Serve(accepted);
  const auto option = [&](int level, int name) {
    int value = 0;
    socklen_t size = sizeof(value);
    EXPECT_EQ(getsockopt(same.get(), level, name, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 60);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_NODELAY), 1);
  Settle(client);
}

TEST(HttpServerTest, AServerWithoutFilesGoesOnWhenThereAreSome) {
  const auto server = Start();
  HttpTestClient before(server->port());
  Settle(before);
  // Its own socket is there before the limit.
  FileDescriptor waiting(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit none = {.rlim_cur = 0, .rlim_max = limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(server->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connected = connect(
      waiting.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  Settle(before);  // Others are served; and the server has seen the client.
  Settle(before);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_EQ(connected, 0);
  HttpTestClient client(std::move(waiting));
  Settle(client);
}

// ---- Shutdown --------------------------------------------------------------

TEST(HttpServerTest, ShutdownClosesIdleConnectionsAndThePort) {
  HttpServerOptions options = Options();
  options.threads = 2;
  const auto server = Start(std::move(options));
  std::vector<HttpTestClient> clients;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back(server->port());
    Settle(clients.back());
  }
  server->Shutdown(kForever);
  for (HttpTestClient& client : clients) EXPECT_TRUE(client.ReadEnd());
  EXPECT_FALSE(HttpTestClient(server->port()).connected());
  server->Shutdown(kForever);
}

TEST(HttpServerTest, ShutdownWaitsForWhatIsUnderWay) {
  HttpTestStream stream;
  const auto server = Start(Options(Streaming(stream)));
  HttpTestClient idle(server->port());
  Settle(idle);
  HttpTestClient streaming(server->port());
  streaming.Send(HttpGet("/stream"));
  stream.Push(HttpStep::Head(200, {}));
  EXPECT_EQ(streaming.ReadHead().status, 200);
  HttpTestClient sending(server->port());
  Settle(sending);
  sending.Send(
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
      "Content-Length: 1\r\n\r\n");
  EXPECT_EQ(sending.Read().status, 100);

  std::thread shutdown([&] { server->Shutdown(kForever); });
  EXPECT_TRUE(idle.ReadEnd());  // It has begun.
  std::thread again([&] { server->Shutdown(absl::ZeroDuration()); });
  stream.Push(HttpStep::Data("data"));
  stream.Push(HttpStep::End());
  EXPECT_EQ(streaming.ReadPiece(), "data");
  EXPECT_EQ(streaming.ReadPiece(), std::nullopt);
  EXPECT_TRUE(streaming.complete());
  EXPECT_TRUE(streaming.ReadEnd());
  const HttpTestResponse response = sending.Ask("1");
  EXPECT_EQ(response.body, "POST / 1");
  EXPECT_EQ(response.Header("Connection"), "close");
  EXPECT_TRUE(sending.ReadEnd());
  sending.Close();
  shutdown.join();
  again.join();
}

TEST(HttpServerTest, ShutdownCutsWhatTakesTooLong) {
  for (const absl::Duration grace :
       {absl::ZeroDuration(), absl::Milliseconds(5)}) {
    HttpTestStream stream;
    const auto server = Start(Options(Streaming(stream)));
    HttpTestClient streaming(server->port());
    streaming.Send(HttpGet("/stream"));
    stream.Push(HttpStep::Head(200, {}));
    EXPECT_EQ(streaming.ReadHead().status, 200);
    HttpTestClient sending(server->port());
    sending.Send(
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
        "Content-Length: 1\r\n\r\n");
    EXPECT_EQ(sending.Read().status, 100);
    server->Shutdown(grace);
    EXPECT_TRUE(stream.destroyed());
    EXPECT_EQ(streaming.ReadPiece(), std::nullopt);
    EXPECT_FALSE(streaming.complete());
    EXPECT_TRUE(sending.ReadEnd());
  }
}

TEST(HttpServerTest, DestructionShutsDown) {
  HttpTestStream stream;
  auto server = Start(Options(Streaming(stream)));
  HttpTestClient client(server->port());
  client.Send(HttpGet("/stream"));
  EXPECT_TRUE(stream.AwaitWait());
  server.reset();
  EXPECT_TRUE(stream.destroyed());
  EXPECT_TRUE(client.ReadEnd());
  stream.Push(HttpStep::Data("nobody hears this"));
}

}  // namespace
}  // namespace spanner_session_emulator
