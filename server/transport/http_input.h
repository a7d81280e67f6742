// The requests in a connection's bytes. Knows no sockets.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_INPUT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_INPUT_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/types/span.h"
#include "server/transport/http.h"

namespace spanner_session_emulator {

// Holds what has been received and not been answered yet: the request that is
// being read, and whatever a client that pipelines has sent after it. Memory
// grows with what has arrived, never with what a client announces. Use from one
// thread at a time.
//
//   read into Space(), Received(n) → Parse() → kComplete: request() → Next()
//
// Stricter than HTTP asks where lenience lets two parsers disagree about where
// a request ends: folded lines, a Transfer-Encoding other than `chunked` and a
// request of HTTP/1.1 without exactly one Host are malformed.
class HttpInput {
 public:
  enum class State {
    kIdle,      // There is no byte of a request.
    kHead,      // The head is incomplete.
    kBody,      // The head is complete, the body is not.
    kComplete,  // request() is there.
    kProblem,   // problem() says why the bytes are no request. For good.
  };

  HttpInput(size_t max_header_bytes, size_t max_body_bytes);
  ~HttpInput();
  HttpInput(const HttpInput&) = delete;

  // Where to put bytes that arrive: never empty. Moves what is there, so not to
  // be called in state kComplete; and until Received(), only Parse() and Next()
  // may be called.
  absl::Span<char> Space();
  void Received(size_t size);

  // Reads as far as it goes, to the end of one request.
  State Parse();
  // Goes on to the request after a complete one.
  void Next();
  // Forgets all bytes.
  void Discard();

  // Bytes received behind the current request's.
  size_t pipelined() const;

  // In state kComplete, until Next(); the peer is left to the caller.
  HttpRequest& request();
  const HttpRequest& request() const;
  HttpProblem problem() const { return problem_; }

  // From kBody on.
  bool http11() const;      // Or else HTTP/1.0.
  bool keep_alive() const;  // As far as the client is asked.
  // Whether the client will only send the body when asked to go on, and nothing
  // of it has come.
  bool AwaitsContinue() const;

 private:
  class Parser;

  void MoveTo(size_t begin);
  // Gives the parser what there is. Returns false, with the new state, if it
  // cannot go on.
  bool Put();
  State Problem(HttpProblem problem);
  bool SkipEmptyLines();

  const size_t max_header_bytes_;
  const std::unique_ptr<Parser> parser_;
  State state_ = State::kIdle;
  HttpProblem problem_ = HttpProblem::kMalformed;

  // begin_ ≤ parsed_ ≤ end_ ≤ capacity_.
  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
  size_t begin_ = 0;     // Of the current request.
  size_t head_end_ = 0;  // From kBody on; the head stays for views of it.
  size_t parsed_ = 0;    // What the parser has taken.
  size_t end_ = 0;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_INPUT_H_
