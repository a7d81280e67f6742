#include "server/transport/http_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "boost/asio/error.hpp"
#include "boost/asio/executor_work_guard.hpp"
#include "boost/asio/post.hpp"
#include "boost/beast/http/status.hpp"

namespace spanner_session_emulator {
namespace {

namespace asio = boost::asio;

// After so many, other connections have their turn.
constexpr int kRequestsAtOnce = 16;
constexpr int kStepsAtOnce = 16;

// What a client may send ahead during a streamed reply. Behind that, it is only
// noticed to be gone when it takes no more bytes.
constexpr size_t kMaxReadAhead = 64 << 10;

// A body that is sent from behind its head, since copying it costs less than a
// second buffer does.
constexpr size_t kMaxCopy = 4 << 10;

// As many as this, of 16 KiB, are encrypted before others have their turn.
constexpr int kTlsRecordsAtOnce = 16;

// How long a client has to close its side when all is sent. Closing at once
// could destroy the reply on its way if the client is still sending.
constexpr absl::Duration kLingerTimeout = absl::Seconds(1);

bool HasBody(int status) { return status != 204 && status != 304; }

// No value can end its line.
void AppendText(std::string& out, absl::string_view text) {
  const auto size = static_cast<std::ptrdiff_t>(text.size());
  out.append(text.data(), text.size());
  std::replace_if(
      out.end() - size, out.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
}

// `Date: Sun, 06 Nov 1994 08:49:37 GMT` and the line's end. Each thread makes
// it once a second; not by strftime(), which may speak another language.
absl::string_view DateField() {
  constexpr absl::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr absl::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  thread_local std::time_t made_at = -1;
  thread_local std::string field;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm utc;
    gmtime_r(&now, &utc);
    const auto two = [](int number) {
      return absl::Dec(number, absl::kZeroPad2);
    };
    field = absl::StrCat("Date: ", kDays.substr(size_t{3} * utc.tm_wday, 3),
                         ", ", two(utc.tm_mday), " ",
                         kMonths.substr(size_t{3} * utc.tm_mon, 3), " ",
                         utc.tm_year + 1900, " ", two(utc.tm_hour), ":",
                         two(utc.tm_min), ":", two(utc.tm_sec), " GMT\r\n");
    made_at = now;
  }
  return field;
}

}  // namespace

HttpConnection::HttpConnection(asio::io_context* context,
                               const HttpServerOptions& options,
                               HttpWorkers* workers, std::string peer,
                               std::function<void(HttpConnection*)> on_closed)
    : context_(*context),
      options_(options),
      workers_(*workers),
      peer_(std::move(peer)),
      on_closed_(std::move(on_closed)),
      socket_(*context),
      input_(options.max_header_bytes, options.max_body_bytes),
      timer_(*context) {}

template <typename F>
auto HttpConnection::Handler(F function) {
  return [self = shared_from_this(),
          function = std::move(function)](const auto&... arguments) mutable {
    if (self->phase_ == Phase::kClosed) return;
    try {
      function(arguments...);
    } catch (...) {
      self->Close();
    }
  };
}

void HttpConnection::Start(FileDescriptor socket) {
  Error error;
  socket_.assign(asio::generic::stream_protocol(AF_UNSPEC, 0), socket.get(),
                 error);
  if (!error) {
    (void)socket.Release();
    socket_.non_blocking(true, error);
  }
  if (error) {
    Close();
    return;
  }
  if (options_.tls != nullptr) {
    Handler([this] { StartTls(); })();
    return;
  }
  Process();
}

void HttpConnection::Drain() {
  draining_ = true;
  if (phase_ == Phase::kHandshaking ||
      (phase_ == Phase::kReading && awaiting_ == Awaiting::kRequest)) {
    Close();
  }
}

void HttpConnection::Close() {
  if (phase_ == Phase::kClosed) return;
  // A reply that is cut must not look as if it ended here.
  if (tls_ != nullptr && phase_ == Phase::kReading) (void)tls_->CloseNotify();
  phase_ = Phase::kClosed;
  closed_ = true;
  if (wake_link_ != nullptr) {
    wake_link_->connection = nullptr;
    MutexLock lock(&wake_link_->mu);
    wake_link_->context = nullptr;
  }
  source_.reset();
  Error ignored;
  socket_.close(ignored);
  timer_.cancel();
  on_closed_(this);
}

// ---- TLS -------------------------------------------------------------------

void HttpConnection::StartTls() {
  phase_ = Phase::kHandshaking;
  SetTimeout(options_.header_timeout);
  tls_ = std::make_unique<TlsStream>(*options_.tls, socket_.native_handle());
  Handshake();
}

void HttpConnection::Handshake() {
  switch (const TlsStream::Result result = tls_->Handshake()) {
    case TlsStream::Result::kDone:
      phase_ = Phase::kReading;
      Process();
      break;
    case TlsStream::Result::kWantsRead:
    case TlsStream::Result::kWantsWrite:
      AwaitTls(result, [this] { Handshake(); });
      break;
    case TlsStream::Result::kPlainHttp:
      tls_.reset();
      HandleProblem(HttpProblem::kMalformed);
      break;
    case TlsStream::Result::kEnd:
    case TlsStream::Result::kFailed:
      // What the client has been told is to reach it.
      tls_.reset();
      Linger();
      break;
  }
}

template <typename F>
void HttpConnection::AwaitTls(TlsStream::Result result, F step) {
  socket_.async_wait(result == TlsStream::Result::kWantsRead
                         ? asio::socket_base::wait_read
                         : asio::socket_base::wait_write,
                     Handler([this, step](const Error& error) {
                       if (error) {
                         Close();
                       } else {
                         step();
                       }
                     }));
}

void HttpConnection::ReadTls(absl::Span<char> space) {
  size_t size = 0;
  switch (const TlsStream::Result result = tls_->Read(space, &size)) {
    case TlsStream::Result::kDone:
      OnRead(Error(), size);
      break;
    case TlsStream::Result::kWantsRead:
    case TlsStream::Result::kWantsWrite:
      AwaitTls(result, [this, space] { ReadTls(space); });
      break;
    case TlsStream::Result::kEnd:
      OnRead(asio::error::eof, 0);
      break;
    case TlsStream::Result::kPlainHttp:
    case TlsStream::Result::kFailed:
      OnRead(asio::error::connection_reset, 0);
      break;
  }
}

// Returns whether all is sent.
bool HttpConnection::SendTls() {
  TlsStream::Result result = TlsStream::Result::kWantsWrite;
  for (int i = 0; i < kTlsRecordsAtOnce && !AllIsSent(); ++i) {
    const asio::const_buffer next = Unsent().front();
    size_t size = 0;
    result = tls_->Write({static_cast<const char*>(next.data()), next.size()},
                         &size);
    if (result == TlsStream::Result::kWantsRead ||
        result == TlsStream::Result::kWantsWrite) {
      break;
    }
    if (result != TlsStream::Result::kDone) {
      Close();
      return false;
    }
    sent_ += size;
  }
  if (AllIsSent()) return true;
  SetTimeout(options_.write_timeout);
  AwaitTls(result, [this] {
    if (SendTls()) OnAllSent();
  });
  return false;
}

// ---- Requests and complete replies -----------------------------------------

void HttpConnection::Process() {
  for (int i = 0; i < kRequestsAtOnce; ++i) {
    const HttpInput::State state = input_.Parse();
    if (state == HttpInput::State::kProblem) {
      HandleProblem(input_.problem());
      return;
    }
    if (state != HttpInput::State::kComplete) {
      AwaitBytes(state);
      return;
    }
    if (!Handle()) return;
  }
  SetTimeout(absl::InfiniteDuration());
  asio::post(context_, Handler([this] {
               if (phase_ == Phase::kReading) Process();
             }));
}

void HttpConnection::AwaitBytes(HttpInput::State state) {
  if (end_of_input_) {
    Close();
    return;
  }
  if (state == HttpInput::State::kIdle) {
    if (draining_) {
      Close();
      return;
    }
    if (awaiting_ != Awaiting::kRequest) SetTimeout(options_.idle_timeout);
    awaiting_ = Awaiting::kRequest;
  } else if (state == HttpInput::State::kHead) {
    if (awaiting_ != Awaiting::kHead) SetTimeout(options_.header_timeout);
    awaiting_ = Awaiting::kHead;
  } else {
    const bool first = awaiting_ != Awaiting::kBody;
    awaiting_ = Awaiting::kBody;
    if (first && input_.AwaitsContinue()) {
      phase_ = Phase::kContinuing;
      head_ = "HTTP/1.1 100 Continue\r\n\r\n";
      body_.clear();
      tail_ = "";
      if (!Send()) return;
      phase_ = Phase::kReading;
    }
    SetTimeout(options_.body_timeout);
  }
  Read();
}

bool HttpConnection::Handle() {
  HttpRequest& request = input_.request();
  request.peer = peer_;
  awaiting_ = Awaiting::kNothing;
  keep_alive_ = input_.keep_alive() && !draining_;
  http11_ = input_.http11();
  head_only_ = request.method == "HEAD";
  if (IsSlow(request) && HandleInWorker()) return false;
  return Answer(CallHandler());
}

bool HttpConnection::IsSlow(const HttpRequest& request) const {
  return request.body.size() > options_.large_body_bytes ||
         (options_.is_slow != nullptr && options_.is_slow(request));
}

bool HttpConnection::HandleInWorker() {
  // The work keeps the thread of a connection that has been closed meanwhile,
  // so that the connection, and what the handler has made, end there.
  const bool handed_over =
      workers_.Run([self = shared_from_this(),
                    work = asio::make_work_guard(context_)]() mutable {
        std::optional<HttpResponse> response;
        if (!self->closed_) response = self->CallHandler();
        asio::io_context& context = self->context_;
        asio::post(context, [self = std::move(self), work = std::move(work),
                             response = std::move(response)]() mutable {
          self->OnHandled(std::move(response));
        });
      });
  if (!handed_over) return false;
  phase_ = Phase::kHandling;
  SetTimeout(absl::InfiniteDuration());
  return true;
}

void HttpConnection::OnHandled(std::optional<HttpResponse> response) {
  if (!response.has_value()) return;  // It was closed before.
  Handler([this, &response] {
    if (draining_) keep_alive_ = false;
    if (Answer(*std::move(response))) Process();
  })();
}

HttpResponse HttpConnection::CallHandler() const {
  const HttpRequest& request = input_.request();
  try {
    return options_.handler(request);
  } catch (...) {
    return MakeProblem(HttpProblem::kInternal, request);
  }
}

HttpResponse HttpConnection::MakeProblem(HttpProblem problem,
                                         const HttpRequest& request) const {
  HttpResponse response;
  try {
    if (options_.on_problem) {
      response = options_.on_problem(problem, request);
    } else {
      response.status = static_cast<int>(problem);
    }
  } catch (...) {
    // Whatever makes it fail, the client gets its reply.
    response = {.status = static_cast<int>(HttpProblem::kInternal)};
  }
  response.source.reset();
  return response;
}

bool HttpConnection::Answer(HttpResponse response) {
  input_.Next();
  if (response.source != nullptr) {
    return StartStream(std::move(response.source));
  }
  return Reply(std::move(response));
}

void HttpConnection::HandleProblem(HttpProblem problem) {
  awaiting_ = Awaiting::kNothing;
  keep_alive_ = false;
  http11_ = true;
  head_only_ = false;
  HttpRequest request;
  request.peer = peer_;
  (void)Reply(MakeProblem(problem, request));  // Never to go on.
}

bool HttpConnection::Reply(HttpResponse response) {
  phase_ = Phase::kReplying;
  AppendHead(response.status, response.headers);
  if (HasBody(response.status)) {
    absl::StrAppend(&head_, "Content-Length: ", response.body.size(), "\r\n");
  } else {
    response.body.clear();
  }
  head_ += "\r\n";
  body_ = std::move(response.body);
  if (head_only_) body_.clear();
  tail_ = "";
  return Send() && FinishReply();
}

bool HttpConnection::FinishReply() {
  source_.reset();
  std::string().swap(body_);  // Not to be kept by an idle connection.
  if (!keep_alive_) {
    Linger();
    return false;
  }
  phase_ = Phase::kReading;
  return true;
}

void HttpConnection::Linger() {
  if (tls_ != nullptr) {
    const TlsStream::Result result = tls_->CloseNotify();
    if (result == TlsStream::Result::kWantsWrite) {
      phase_ = Phase::kLingering;
      SetTimeout(options_.write_timeout);
      AwaitTls(result, [this] { Linger(); });
      return;
    }
  }
  Error ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  if (end_of_input_) {
    Close();
    return;
  }
  phase_ = Phase::kLingering;
  SetTimeout(kLingerTimeout);
  Read();
}

// ---- Streamed replies ------------------------------------------------------

bool HttpConnection::StartStream(std::unique_ptr<HttpSource> source) {
  phase_ = Phase::kStreaming;
  source_ = std::move(source);
  head_sent_ = over_ = waiting_ = false;
  if (!http11_) keep_alive_ = false;  // The end of the reply is to be seen.
  SetTimeout(absl::InfiniteDuration());
  // The client is watched from now on.
  if (end_of_input_) {
    Close();
    return false;
  }
  Read();
  return Pull();
}

bool HttpConnection::Pull() {
  for (int i = 0; i < kStepsAtOnce; ++i) {
    if (over_) return FinishReply();
    HttpStep step = source_->Next();
    if (step.kind == HttpStep::Kind::kWait) {
      Wait();
      return false;
    }
    if (step.kind == HttpStep::Kind::kWhole && !head_sent_) {
      return Reply({.status = step.status,
                    .headers = std::move(step.headers),
                    .body = std::move(step.data)});
    }
    const bool is_head = step.kind == HttpStep::Kind::kHead;
    // After the head, kWhole is out of order.
    if (step.kind == HttpStep::Kind::kCut ||
        step.kind == HttpStep::Kind::kWhole || is_head == head_sent_) {
      Cut();
      return false;
    }
    head_.clear();
    body_.clear();
    tail_ = "";
    if (is_head) {
      head_sent_ = true;
      AppendHead(step.status, step.headers);
      over_ = head_only_ || !HasBody(step.status);
      if (http11_ && HasBody(step.status)) {
        head_ += "Transfer-Encoding: chunked\r\n";
      }
      head_ += "\r\n";
    } else if (step.kind == HttpStep::Kind::kEnd) {
      over_ = true;
      if (!http11_) continue;
      head_ = "0\r\n\r\n";
    } else {
      if (step.data.empty()) continue;  // Its chunk would be the last.
      body_ = std::move(step.data);
      if (http11_) {
        absl::StrAppend(&head_, absl::Hex(body_.size()), "\r\n");
        tail_ = "\r\n";
      }
    }
    if (over_) source_.reset();
    if (!Send()) return false;
  }
  asio::post(context_, Handler([this] {
               if (Pull()) Process();
             }));
  return false;
}

void HttpConnection::Wait() {
  if (wake_link_ == nullptr) {
    wake_link_ = std::make_shared<WakeLink>();
    wake_link_->connection = this;
    MutexLock lock(&wake_link_->mu);
    wake_link_->context = &context_;
  }
  waiting_ = true;
  source_->OnReady([link = wake_link_, wait = ++wait_] {
    MutexLock lock(&link->mu);
    if (link->context == nullptr) return;
    asio::post(*link->context, [link, wait] {
      if (link->connection != nullptr) link->connection->OnWake(wait);
    });
  });
}

void HttpConnection::OnWake(uint64_t wait) {
  if (!waiting_ || wait != wait_) return;
  waiting_ = false;
  Handler([this] {
    if (Pull()) Process();
  })();
}

void HttpConnection::Cut() {
  if (!http11_) {
    // The end of the connection would be that of the reply: it is reset
    // instead.
    const linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &reset,
               sizeof(reset));
  }
  Close();
}

// ---- Reading and writing ---------------------------------------------------

void HttpConnection::Read() {
  if (reading_) return;
  if (phase_ == Phase::kLingering) input_.Discard();
  reading_ = true;
  const absl::Span<char> space = input_.Space();
  if (tls_ != nullptr) {
    if (tls_->HasPending()) {
      asio::post(context_, Handler([this, space] { ReadTls(space); }));
    } else {
      AwaitTls(TlsStream::Result::kWantsRead,
               [this, space] { ReadTls(space); });
    }
    return;
  }
  socket_.async_read_some(asio::buffer(space.data(), space.size()),
                          Handler([this](const Error& error, size_t size) {
                            OnRead(error, size);
                          }));
}

void HttpConnection::OnRead(const Error& error, size_t size) {
  reading_ = false;
  input_.Received(size);
  if (error) {
    end_of_input_ = true;
    // What has come before is still answered, unless it is of no use.
    const bool replying = phase_ == Phase::kReplying ||
                          phase_ == Phase::kContinuing ||
                          phase_ == Phase::kHandling;
    if (error != asio::error::eof || !(replying || phase_ == Phase::kReading)) {
      Close();
      return;
    }
  }
  switch (phase_) {
    case Phase::kReading:
      Process();
      break;
    case Phase::kStreaming:
      if (input_.pipelined() < kMaxReadAhead) Read();
      break;
    case Phase::kLingering:
      Read();
      break;
    case Phase::kHandshaking:
    case Phase::kContinuing:
    case Phase::kHandling:
    case Phase::kReplying:
    case Phase::kClosed:
      break;
  }
}

void HttpConnection::AppendHead(int status, const HttpHeaders& headers) {
  if (status < 200 || status > 599) status = 500;
  const auto reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(status));
  head_.clear();
  absl::StrAppend(&head_, "HTTP/1.1 ", status, " ",
                  absl::string_view(reason.data(), reason.size()), "\r\n",
                  DateField());
  for (const auto& [name, value] : headers) {
    AppendText(head_, name);
    head_ += ": ";
    AppendText(head_, value);
    head_ += "\r\n";
  }
  if (!keep_alive_) {
    head_ += "Connection: close\r\n";
  } else if (!http11_) {
    head_ += "Connection: keep-alive\r\n";
  }
}

bool HttpConnection::Send() {
  if (body_.size() <= kMaxCopy) {
    absl::StrAppend(&head_, body_, tail_);
    body_.clear();
    tail_ = "";
  }
  sent_ = 0;
  if (tls_ != nullptr) return SendTls();
  const auto unsent = Unsent();
  Error error;
  // Nearly always the kernel takes all at once. A single buffer it takes by a
  // call that is cheaper.
  sent_ = unsent.size() == 1 ? socket_.write_some(unsent[0], error)
                             : socket_.write_some(unsent, error);
  if (error && error != asio::error::would_block) {
    Close();
    return false;
  }
  if (AllIsSent()) return true;
  SetTimeout(options_.write_timeout);
  SendRest();
  return false;
}

void HttpConnection::SendRest() {
  socket_.async_write_some(Unsent(),
                           Handler([this](const Error& error, size_t size) {
                             OnSent(error, size);
                           }));
}

void HttpConnection::OnSent(const Error& error, size_t size) {
  if (error) {
    Close();
    return;
  }
  sent_ += size;
  if (!AllIsSent()) {
    SetTimeout(options_.write_timeout);
    SendRest();
    return;
  }
  OnAllSent();
}

void HttpConnection::OnAllSent() {
  if (phase_ == Phase::kContinuing) {
    phase_ = Phase::kReading;
    SetTimeout(options_.body_timeout);
    Read();
    return;
  }
  SetTimeout(absl::InfiniteDuration());
  const bool go_on = phase_ == Phase::kStreaming ? Pull() : FinishReply();
  if (go_on) Process();
}

absl::Span<const asio::const_buffer> HttpConnection::Unsent() {
  size_t count = 0;
  size_t skip = sent_;
  for (const absl::string_view part :
       {absl::string_view(head_), absl::string_view(body_), tail_}) {
    const size_t sent = std::min(skip, part.size());
    skip -= sent;
    if (sent == part.size()) continue;
    unsent_[count++] = {part.data() + sent, part.size() - sent};
  }
  return {unsent_.data(), count};
}

// ---- Time-outs -------------------------------------------------------------

void HttpConnection::SetTimeout(absl::Duration timeout) {
  // More than any steady clock's end.
  deadline_ = timeout > absl::Hours(24 * 365 * 100)
                  ? Clock::time_point::max()
                  : Clock::now() + absl::ToChronoNanoseconds(timeout);
  if (deadline_ < timer_time_) ArmTimer();
}

void HttpConnection::ArmTimer() {
  timer_time_ = deadline_;
  timer_.expires_at(timer_time_);
  timer_.async_wait(Handler([this](const Error& error) { OnTimer(error); }));
}

void HttpConnection::OnTimer(const Error& error) {
  if (error) return;  // Set anew.
  timer_time_ = Clock::time_point::max();
  if (Clock::now() < deadline_) {
    if (deadline_ != Clock::time_point::max()) ArmTimer();
    return;
  }
  if (phase_ == Phase::kReading &&
      (awaiting_ == Awaiting::kHead || awaiting_ == Awaiting::kBody)) {
    HandleProblem(HttpProblem::kTimeout);
    return;
  }
  Close();
}

}  // namespace spanner_session_emulator
