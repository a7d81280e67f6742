#include "tests/server/transport/http_testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

const TlsTestOptions* tls_options = nullptr;

}  // namespace

std::string HttpTestResponse::Header(absl::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return "";
}

HttpTestClient::HttpTestClient(int port, const std::string& address) {
  if (address.find(':') != std::string::npos) {
    sockaddr_in6 ipv6 = {};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET6, address.c_str(), &ipv6.sin6_addr);
    *this = HttpTestClient(
        FileDescriptor(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    connected_ = connect(socket_.get(), reinterpret_cast<sockaddr*>(&ipv6),
                         sizeof(ipv6)) == 0;
  } else {
    sockaddr_in ipv4 = {};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(static_cast<uint16_t>(port));
    inet_pton(AF_INET, address.c_str(), &ipv4.sin_addr);
    *this = HttpTestClient(
        FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    connected_ = connect(socket_.get(), reinterpret_cast<sockaddr*>(&ipv4),
                         sizeof(ipv4)) == 0;
  }
  if (connected_ && tls_options != nullptr) {
    connected_ = StartTls(*tls_options).empty();
  }
}

void HttpTestClient::ConnectByTls(const TlsTestOptions* options) {
  tls_options = options;
}

HttpTestClient::HttpTestClient(FileDescriptor socket)
    : socket_(std::move(socket)), connected_(socket_.get() >= 0) {
  const timeval patience = {.tv_sec = kPatience.count(), .tv_usec = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
             sizeof(patience));
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience,
             sizeof(patience));
}

std::string HttpTestClient::StartTls(const TlsTestOptions& options) {
  tls_ = std::make_unique<TlsTestClient>(socket_.get(), options);
  return tls_->Handshake();
}

ssize_t HttpTestClient::SendSome(absl::string_view bytes) {
  return tls_ != nullptr
             ? tls_->Send(bytes)
             : send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

ssize_t HttpTestClient::ReceiveSome(char* space, size_t size) {
  return tls_ != nullptr ? tls_->Receive(space, size)
                         : recv(socket_.get(), space, size, 0);
}

bool HttpTestClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = SendSome(bytes);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool HttpTestClient::Receive() {
  char buffer[16 << 10];
  const ssize_t size = ReceiveSome(buffer, sizeof(buffer));
  if (size < 0) reset_ = errno == ECONNRESET;
  if (size <= 0) return false;
  received_.append(buffer, static_cast<size_t>(size));
  return true;
}

std::optional<std::string> HttpTestClient::ReadLine() {
  size_t end;
  while ((end = received_.find("\r\n")) == std::string::npos) {
    if (!Receive()) return std::nullopt;
  }
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 2);
  return line;
}

std::optional<std::string> HttpTestClient::ReadBytes(size_t size) {
  while (received_.size() < size) {
    if (!Receive()) return std::nullopt;
  }
  std::string bytes = received_.substr(0, size);
  received_.erase(0, size);
  return bytes;
}

HttpTestResponse HttpTestClient::ReadHead() {
  framing_ = Framing::kEnd;
  complete_ = false;
  const std::optional<std::string> line = ReadLine();
  if (!line.has_value() || line->size() < 13 ||
      !absl::StartsWith(*line, "HTTP/1.1 ")) {
    return {};
  }
  HttpTestResponse response;
  (void)absl::SimpleAtoi(line->substr(9, 3), &response.status);
  response.reason = line->substr(13);
  while (true) {
    const std::optional<std::string> field = ReadLine();
    if (!field.has_value()) return {};
    if (field->empty()) break;
    const size_t colon = field->find(": ");
    if (colon == std::string::npos) return {};
    response.headers.emplace_back(field->substr(0, colon),
                                  field->substr(colon + 2));
  }
  if (const std::string length = response.Header("Content-Length");
      !length.empty()) {
    framing_ = Framing::kLength;
    (void)absl::SimpleAtoi(length, &length_);
  } else if (response.Header("Transfer-Encoding") == "chunked") {
    framing_ = Framing::kChunked;
  } else if (response.status < 200 || response.status == 204 ||
             response.status == 304) {
    framing_ = Framing::kNone;
  }
  return response;
}

std::optional<std::string> HttpTestClient::ReadPiece() {
  if (framing_ == Framing::kChunked) {
    const std::optional<std::string> size_line = ReadLine();
    if (!size_line.has_value()) return std::nullopt;
    const size_t size = std::strtoul(size_line->c_str(), nullptr, 16);
    std::optional<std::string> data = ReadBytes(size);
    const std::optional<std::string> end = ReadBytes(2);
    if (end != "\r\n") return std::nullopt;
    if (size != 0) return data;
    complete_ = true;
    framing_ = Framing::kNone;
    return std::nullopt;
  }
  if (framing_ == Framing::kNone ||
      (framing_ == Framing::kLength && length_ == 0)) {
    complete_ = true;
    return std::nullopt;
  }
  if (received_.empty() && !Receive()) {
    complete_ = framing_ == Framing::kEnd && !reset_;
    return std::nullopt;
  }
  size_t size = received_.size();
  if (framing_ == Framing::kLength) {
    size = std::min(size, length_);
    length_ -= size;
  }
  return ReadBytes(size);
}

HttpTestResponse HttpTestClient::Read(bool head_only) {
  HttpTestResponse response = ReadHead();
  if (response.status == 0) return response;
  if (head_only) framing_ = Framing::kNone;
  while (const std::optional<std::string> piece = ReadPiece()) {
    response.body += *piece;
  }
  response.complete = complete_;
  return response;
}

HttpTestResponse HttpTestClient::Ask(absl::string_view bytes) {
  Send(bytes);
  return Read();
}

bool HttpTestClient::ReadEnd() {
  if (!received_.empty()) return false;
  char byte;
  const ssize_t size = ReceiveSome(&byte, 1);
  if (size < 0) reset_ = errno == ECONNRESET;
  return size == 0 || reset_;
}

void HttpTestClient::CloseSending() {
  if (tls_ != nullptr) {
    tls_->CloseSending();
  } else {
    shutdown(socket_.get(), SHUT_WR);
  }
}

void HttpTestClient::Close() { socket_ = FileDescriptor(); }

void HttpTestClient::Reset() {
  const linger reset = {.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  Close();
}

std::string HttpGet(absl::string_view target, absl::string_view fields) {
  return absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: test\r\n", fields,
                      "\r\n");
}

std::string HttpPost(absl::string_view target, absl::string_view body) {
  return absl::StrCat("POST ", target,
                      " HTTP/1.1\r\nHost: test\r\nContent-Length: ",
                      body.size(), "\r\n\r\n", body);
}

class HttpTestStream::StreamSource final : public HttpSource {
 public:
  explicit StreamSource(std::shared_ptr<State> state)
      : state_(std::move(state)) {}
  ~StreamSource() override {
    MutexLock lock(&state_->mu);
    state_->destroyed = true;
    state_->changed.notify_all();
  }

  HttpStep Next() override {
    MutexLock lock(&state_->mu);
    if (state_->steps.empty()) return HttpStep::Wait();
    HttpStep step = std::move(state_->steps.front());
    state_->steps.pop_front();
    return step;
  }

  void OnReady(std::function<void()> wake) override {
    MutexLock lock(&state_->mu);
    state_->wake = std::move(wake);
    state_->changed.notify_all();
    if (!state_->steps.empty()) std::exchange(state_->wake, nullptr)();
  }

 private:
  const std::shared_ptr<State> state_;
};

std::unique_ptr<HttpSource> HttpTestStream::Source() const {
  return std::make_unique<StreamSource>(state_);
}

void HttpTestStream::Push(HttpStep step) const {
  MutexLock lock(&state_->mu);
  state_->steps.push_back(std::move(step));
  if (const auto wake = std::exchange(state_->wake, nullptr)) wake();
}

bool HttpTestStream::AwaitWait() const {
  MutexLock lock(&state_->mu);
  return state_->changed.wait_for(state_->mu, kPatience,
                                  [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
                                    return state_->wake != nullptr;
                                  });
}

bool HttpTestStream::AwaitDestroyed() const {
  MutexLock lock(&state_->mu);
  return state_->changed.wait_for(
      state_->mu, kPatience,
      [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return state_->destroyed; });
}

bool HttpTestStream::destroyed() const {
  MutexLock lock(&state_->mu);
  return state_->destroyed;
}

}  // namespace spanner_session_emulator
