// A small HTTP client for tests that shows bytes as they come, and a streamed
// reply whose steps a test chooses.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_HTTP_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_HTTP_TESTING_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/transport/file_descriptor.h"
#include "server/transport/http.h"
#include "store/mutex.h"
#include "tests/server/transport/tls_testing.h"

namespace spanner_session_emulator {

// A reply as it was received.
struct HttpTestResponse {
  // "" if there is none with this name, which is compared without case.
  std::string Header(absl::string_view name) const;

  int status = 0;  // 0 if there was no reply.
  std::string reason;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool complete = false;  // Not cut within the body.
};

// One connection. Nothing waits for ever: where the server does not answer for
// half a minute, what was to be read counts as missing.
class HttpTestClient {
 public:
  explicit HttpTestClient(int port, const std::string& address = "127.0.0.1");
  explicit HttpTestClient(FileDescriptor socket);

  // Has every client that connects from now on begin with StartTls(); null:
  // none. The options must outlive them all.
  static void ConnectByTls(const TlsTestOptions* options);

  // By TLS, over a connection on which nothing has been said yet. Returns what
  // went wrong, in OpenSSL's words; nothing if it went well. With TLS 1.3 a
  // server may turn a client away only afterwards.
  std::string StartTls(const TlsTestOptions& options);
  TlsTestClient& tls() { return *tls_; }

  bool connected() const { return connected_; }

  // All of it. Returns false if the server has closed the connection.
  bool Send(absl::string_view bytes);

  // The next reply, as one to HEAD if `head_only`: without a body.
  HttpTestResponse Read(bool head_only = false);
  // In steps: its head; then pieces of its body, as the server has cut them
  // where it is chunked, or else as they come; none at the end.
  HttpTestResponse ReadHead();
  std::optional<std::string> ReadPiece();
  // Whether the last ReadPiece() came to the end that the reply has. (Nothing
  // but the end of the connection ends a reply to HTTP/1.0.)
  bool complete() const { return complete_; }

  // Send() and Read().
  HttpTestResponse Ask(absl::string_view bytes);

  // Whether the server has sent no more and closed the connection; waits for
  // it.
  bool ReadEnd();
  // Whether the last reading found the connection reset.
  bool reset() const { return reset_; }

  void CloseSending();
  void Close();
  void Reset();  // Closes without saying goodbye.

  int fd() const { return socket_.get(); }

 private:
  enum class Framing { kNone, kLength, kChunked, kEnd };

  // As send() and recv(), by TLS if it was started.
  ssize_t SendSome(absl::string_view bytes);
  ssize_t ReceiveSome(char* space, size_t size);
  bool Receive();
  std::optional<std::string> ReadLine();
  std::optional<std::string> ReadBytes(size_t size);

  FileDescriptor socket_;
  std::unique_ptr<TlsTestClient> tls_;  // Null: there is none.
  bool connected_ = false;
  bool reset_ = false;
  std::string received_;
  Framing framing_ = Framing::kEnd;
  size_t length_ = 0;
  bool complete_ = false;
};

// A request without a body.
std::string HttpGet(absl::string_view target, absl::string_view fields = "");
std::string HttpPost(absl::string_view target, absl::string_view body);

// Steps of a streamed reply, from any thread. Without a step, it waits.
class HttpTestStream {
 public:
  HttpTestStream() : state_(std::make_shared<State>()) {}

  // The source; once.
  std::unique_ptr<HttpSource> Source() const;

  void Push(HttpStep step) const;
  // Until the source waits for a step, or is destroyed. They return false if
  // that takes half a minute.
  bool AwaitWait() const;
  bool AwaitDestroyed() const;
  bool destroyed() const;

 private:
  struct State {
    Mutex mu;
    CondVar changed;
    std::deque<HttpStep> steps ABSL_GUARDED_BY(mu);
    std::function<void()> wake ABSL_GUARDED_BY(mu);
    bool destroyed ABSL_GUARDED_BY(mu) = false;
  };
  class StreamSource;

  std::shared_ptr<State> state_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_HTTP_TESTING_H_
