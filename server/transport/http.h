// What an HTTP server and its application say to each other.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace spanner_session_emulator {

// A request, complete. All views are valid during the handler's call only.
struct HttpRequest {
  using Field = std::pair<absl::string_view, absl::string_view>;

  // The value of the header field with this name, in whatever case; the values
  // are joined with ", " where there are several. Not thread-safe.
  std::optional<absl::string_view> Header(absl::string_view name) const;

  absl::string_view method;  // As sent: "GET", "HEAD", or any other token.
  absl::string_view target;  // As sent: percent-encoded, with the query.
  absl::string_view body;    // Whole, without the framing of chunks.
  absl::string_view peer;    // "ipv4:127.0.0.1:4711", "ipv6:[::1]:4711" or "".
  absl::Span<const Field> fields;  // The header, in its order; no trailers.

 private:
  // What Header() had to make: usually nothing, which needs no memory. Behind
  // pointers, so that views of it stay.
  mutable std::vector<std::unique_ptr<const std::string>> joined_;
};

// In their order. Content-Length, Transfer-Encoding, Connection and Date are
// the server's and must not be among them. CR, LF and NUL are sent as blanks.
using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// What comes next in a streamed reply.
struct HttpStep {
  enum class Kind {
    kHead,   // `status` and `headers`. Once, before any data.
    kData,   // `data` is to be sent.
    kWhole,  // `status`, `headers` and `data` are all of the reply.
    kWait,   // Nothing yet; ask again when the source says so.
    kEnd,    // The reply is complete.
    kCut,    // The reply cannot be completed, and the client is to notice: its
             // connection is cut.
  };

  static HttpStep Head(int status, HttpHeaders headers) {
    return {.kind = Kind::kHead,
            .status = status,
            .headers = std::move(headers),
            .data = {}};
  }
  static HttpStep Data(std::string data) {
    return {.kind = Kind::kData, .headers = {}, .data = std::move(data)};
  }
  static HttpStep Whole(int status, HttpHeaders headers, std::string data) {
    return {.kind = Kind::kWhole,
            .status = status,
            .headers = std::move(headers),
            .data = std::move(data)};
  }
  static HttpStep Wait() {
    return {.kind = Kind::kWait, .headers = {}, .data = {}};
  }
  static HttpStep End() {
    return {.kind = Kind::kEnd, .headers = {}, .data = {}};
  }
  static HttpStep Cut() {
    return {.kind = Kind::kCut, .headers = {}, .data = {}};
  }

  Kind kind;
  int status = 0;
  HttpHeaders headers;
  std::string data;
};

// A reply on demand: kWait*, kHead, then kData and kWait in any order, then
// kEnd or kCut; or kWait* and then kWhole or kCut. The server asks for the next
// step only when the last one is sent, so a stream of any length holds one
// piece in memory. No call may wait; all come from one thread, that of the
// connection. The source is destroyed there as well, as soon as its reply is
// complete, or its client is gone, be it in the middle of a wait.
class HttpSource {
 public:
  virtual ~HttpSource() = default;
  virtual HttpStep Next() = 0;

  // After kWait: has `wake` called once when Next() is worth another call, from
  // any thread, be it at once or after the end of the source or the server.
  // Sources that never wait need not override this.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): overriders keep it.
  virtual void OnReady(std::function<void()> wake) { wake(); }
};

// A complete reply; or, if `source` is set, one that comes from there, and the
// rest is not looked at. Statuses outside 200…599 are sent as 500.
struct HttpResponse {
  int status = 200;
  HttpHeaders headers = {};
  std::string body = {};
  std::unique_ptr<HttpSource> source = nullptr;
};

// Answers a request, without waiting: it runs in the thread that serves many
// connections, or in one of few for requests that take long.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

// Why a reply is the server's own; the values are the statuses that HTTP has
// for it.
enum class HttpProblem {
  kMalformed = 400,
  kTimeout = 408,
  kBodyTooLarge = 413,
  kHeaderTooLarge = 431,
  kInternal = 500,  // The handler has thrown something.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_H_
