// One client of the HTTP server. For http_server.cc only: drags in Asio.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_CONNECTION_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_CONNECTION_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>  // Before Asio's headers, which lack it under C++20.

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "boost/asio/buffer.hpp"
#include "boost/asio/generic/stream_protocol.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/steady_timer.hpp"
#include "server/transport/file_descriptor.h"
#include "server/transport/http.h"
#include "server/transport/http_input.h"
#include "server/transport/http_server.h"
#include "server/transport/http_workers.h"
#include "server/transport/tls.h"
#include "store/mutex.h"

namespace spanner_session_emulator {

// Reads a request, has it handled, sends the reply, and so on. Everything
// happens in the one thread that runs the io_context, but for the handler of a
// request that takes long. Handlers of Asio hold the
// connection, so it lives until the last of them has run.
class HttpConnection final
    : public std::enable_shared_from_this<HttpConnection> {
 public:
  // The context, the options, the workers and whatever `on_closed` needs must
  // outlive the connection.
  HttpConnection(boost::asio::io_context* context,
                 const HttpServerOptions& options, HttpWorkers* workers,
                 std::string peer,
                 std::function<void(HttpConnection*)> on_closed);

  // Once. Any connected stream socket will do.
  void Start(FileDescriptor socket);
  // Closes as soon as no request is under way.
  void Drain();
  // Closes at once.
  void Close();

 private:
  using Clock = std::chrono::steady_clock;
  using Error = boost::system::error_code;

  enum class Phase {
    kHandshaking,  // TLS is not yet agreed on.
    kReading,      // A request, or waiting for one.
    kContinuing,   // Asking for the request's body.
    kHandling,     // A worker has the request, which must not move.
    kReplying,     // Sending a complete reply.
    kStreaming,    // Sending what the source says.
    kLingering,    // All is sent: waiting for the client to close.
    kClosed,
  };

  // What a time-out of reading is about.
  enum class Awaiting { kNothing, kRequest, kHead, kBody };

  // Reaches the connection from any thread for as long as it is open.
  struct WakeLink {
    Mutex mu;
    boost::asio::io_context* context ABSL_GUARDED_BY(mu);
    HttpConnection* connection;  // Of the connection's thread.
  };

  // Makes a handler that holds the connection, and closes it if it runs out of
  // memory or the like.
  template <typename F>
  auto Handler(F function);

  // TLS, where the options ask for it.
  void StartTls();
  void Handshake();
  // Calls `step` again when `result`, of a step that is not done, says so.
  template <typename F>
  void AwaitTls(TlsStream::Result result, F step);
  void ReadTls(absl::Span<char> space);
  bool SendTls();

  // Steps that return bool return whether the caller is to go on: false if the
  // connection waits for something, or is closed.
  void Process();
  void AwaitBytes(HttpInput::State state);
  bool Handle();
  bool IsSlow(const HttpRequest& request) const;
  // Returns false if there is no worker.
  bool HandleInWorker();
  void OnHandled(std::optional<HttpResponse> response);
  HttpResponse CallHandler() const;
  HttpResponse MakeProblem(HttpProblem problem,
                           const HttpRequest& request) const;
  bool Answer(HttpResponse response);
  void HandleProblem(HttpProblem problem);
  bool Reply(HttpResponse response);
  bool FinishReply();
  void Linger();

  // Streamed replies.
  bool StartStream(std::unique_ptr<HttpSource> source);
  bool Pull();
  void Wait();
  void OnWake(uint64_t wait);
  void Cut();

  // Reading and writing.
  void Read();
  void OnRead(const Error& error, size_t size);
  void AppendHead(int status, const HttpHeaders& headers);
  bool Send();
  void SendRest();
  void OnSent(const Error& error, size_t size);
  void OnAllSent();
  bool AllIsSent() const {
    return sent_ == head_.size() + body_.size() + tail_.size();
  }
  // Without empty ones; valid until the next call.
  absl::Span<const boost::asio::const_buffer> Unsent();

  // Time-outs.
  void SetTimeout(absl::Duration timeout);
  void ArmTimer();
  void OnTimer(const Error& error);

  boost::asio::io_context& context_;
  const HttpServerOptions& options_;
  HttpWorkers& workers_;
  const std::string peer_;
  const std::function<void(HttpConnection*)> on_closed_;
  boost::asio::generic::stream_protocol::socket socket_;
  std::unique_ptr<TlsStream> tls_;  // Null: there is none.

  Phase phase_ = Phase::kReading;
  bool draining_ = false;
  std::atomic<bool> closed_{false};  // For a worker.

  HttpInput input_;
  bool reading_ = false;       // A read is under way.
  bool end_of_input_ = false;  // The client sends no more.
  Awaiting awaiting_ = Awaiting::kNothing;

  // Of the request that is being answered.
  bool keep_alive_ = false;
  bool http11_ = false;
  bool head_only_ = false;

  // What is being sent: head_, then body_, then tail_.
  std::string head_;
  std::string body_;
  absl::string_view tail_;
  size_t sent_ = 0;
  std::array<boost::asio::const_buffer, 3> unsent_;

  std::unique_ptr<HttpSource> source_;
  bool head_sent_ = false;
  bool over_ = false;     // The last step of the source is being sent.
  bool waiting_ = false;  // For the source.
  uint64_t wait_ = 0;     // The number of the last wait.
  std::shared_ptr<WakeLink> wake_link_;

  // A timer that would be moved with each request costs; so it only goes off
  // early, looks at the deadline, and waits on.
  boost::asio::steady_timer timer_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point timer_time_ = Clock::time_point::max();
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_CONNECTION_H_
