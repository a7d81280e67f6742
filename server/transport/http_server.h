// An HTTP/1.1 server that knows nothing of what it serves.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_SERVER_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_SERVER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/transport/http.h"
#include "server/transport/tls.h"

namespace spanner_session_emulator {

struct HttpServerOptions {
  // Every address of it is listened on. Empty: none is, and connections come by
  // Serve() only.
  std::string hostname = "localhost";
  // 0 … 65535; 0: one that is free on all addresses.
  int port = 0;

  // Set: HTTP is spoken by TLS only.
  std::shared_ptr<const TlsContext> tls = nullptr;

  // Called in any of the server's threads, in several at a time.
  HttpHandler handler;
  // Requests with larger bodies, and those for which `is_slow` says so, are
  // handled in one of two threads beside, so that other connections need not
  // wait for them. `is_slow` is called for every other request, in the
  // connection's thread; null: no other is slow.
  size_t large_body_bytes = 64 << 10;
  std::function<bool(const HttpRequest&)> is_slow;
  // Makes the reply to what is no request, or none that will be taken, after
  // which the connection is closed; or to a request whose handler has thrown.
  // Only the latter is given; of others, only the peer is known. The reply's
  // source is not looked at. Null: a reply without a body.
  std::function<HttpResponse(HttpProblem, const HttpRequest&)> on_problem;

  // Larger requests are answered with kBodyTooLarge and kHeaderTooLarge.
  size_t max_body_bytes = 100 << 20;
  size_t max_header_bytes = 64 << 10;

  // All from their beginning, or the last byte that moved, whichever is said.
  // absl::InfiniteDuration() for none.
  absl::Duration idle_timeout = absl::Minutes(10);  // From reply to request.
  // From its first byte; and the same again for TLS before the first request.
  absl::Duration header_timeout = absl::Seconds(60);
  absl::Duration body_timeout = absl::Seconds(60);   // Without any byte of it.
  absl::Duration write_timeout = absl::Seconds(60);  // Without any byte taken.

  // 0: as many as there are CPUs, but at most 4.
  int threads = 0;
};

// Serves HTTP/1.1 and 1.0 from a fixed number of threads, whatever the number
// of connections: each connection belongs to one thread, and none waits for a
// client. Only the handler of a request that takes long runs elsewhere,
// and its connection has no time-out until it is done. Requests of one
// connection are handled one after the other, each when the reply before it is
// complete.
//
// The handler gets whole requests. It sees HEAD as such and may answer as it
// would GET: the server sends the head alone, with the Content-Length that the
// body has. `Expect: 100-continue` is answered by the server. A streamed reply
// is chunked, or for HTTP/1.0 ends with the connection. While it lasts, the
// client's half of the connection is watched, and its end counts as the end of
// the client; a client that closes its half early does get complete replies.
//
// By TLS, all is the same. The client's half of the connection ends when it
// says so (close_notify); one that goes without a word counts as gone. A client
// that speaks HTTP without TLS is answered with kMalformed, without TLS.
//
// Connections need not come from the server's own sockets: one port for gRPC
// and HTTP is possible with somebody who accepts, looks at the first bytes (by
// MSG_PEEK), and passes sockets on to Serve().
//
// Thread-safe, but not to be destroyed or shut down from a handler or a source.
class HttpServer {
 public:
  // Listens when it returns. Errors: INVALID_ARGUMENT for options that make no
  // sense or a host name that does not resolve, UNAVAILABLE with the address
  // and the reason where a port cannot be listened on (it is never shared),
  // RESOURCE_EXHAUSTED if the system has no more threads or files. Blocks for
  // the look-up of the host name.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      HttpServerOptions options);

  // Shutdown(absl::ZeroDuration()).
  ~HttpServer();

  // The port that is listened on; 0 if none is.
  int port() const;
  // As `127.0.0.1:9020`, `[::1]:9020`.
  const std::vector<std::string>& addresses() const;

  // Serves the client at the other end of `fd`, a connected stream socket of
  // any kind, which becomes the server's. Closes it after Shutdown().
  void Serve(int fd);

  // Takes no more connections, closes those without a request under way, gives
  // the rest until `grace` is over, and cuts them. When it returns, every
  // source has been destroyed and no handler will be called any more; so it
  // waits, beyond the grace if need be, for handlers that are running. A later
  // call waits for the first and does nothing.
  void Shutdown(absl::Duration grace);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_SERVER_H_
