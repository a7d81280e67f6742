#include "server/transport/http_input.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "boost/beast/http/basic_parser.hpp"

namespace spanner_session_emulator {
namespace {

namespace beast = boost::beast;

// Enough for most requests; more is given back between requests.
constexpr size_t kSmallBuffer = 8 << 10;
// To read a large body with few calls.
constexpr size_t kBodySpace = 64 << 10;
constexpr size_t kLeastSpace = 1 << 10;
// Header fields whose places are kept between requests.
constexpr size_t kFewFields = 64;

absl::string_view View(beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

// Remembers where things are instead of copying them. Positions count from the
// request's first byte, since the buffer moves.
class HttpInput::Parser final {
 public:
  explicit Parser(size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {
    Reset();
  }

  void Reset() {
    beast_.emplace(this);
    beast_->body_limit(max_body_bytes_);
    // The header's limit is HttpInput's business: here it would be for a piece.
    beast_->header_limit(UINT32_MAX);
    Clear(spans_, 2 + 2 * kFewFields);
    Clear(fields_, kFewFields);
    if (body_.capacity() > kBodySpace) std::string().swap(body_);
    body_.clear();
    body_in_place_ = {};
    http11_ = awaits_continue_ = head_done_ = false;
    hosts_ = 0;
    request_ = HttpRequest();
  }

  // Takes bytes from `data`, in a request that begins at `base`.
  size_t Put(const char* base, absl::string_view data,
             beast::error_code& error) {
    base_ = base;
    data_ = data;
    beast_->eager(head_done_);  // Or else it stops behind the head.
    return beast_->put(boost::asio::const_buffer(data.data(), data.size()),
                       error);
  }

  bool head_done() const { return head_done_; }
  bool done() const { return beast_->is_done(); }
  bool http11() const { return http11_; }
  bool keep_alive() const { return beast_->keep_alive(); }
  bool awaits_continue() const { return awaits_continue_; }
  bool has_body() const { return !body_.empty(); }
  bool has_large_body() const { return body_.size() >= kSmallBuffer; }
  HttpRequest& request() { return request_; }

  // Returns false if something is wrong that Beast leaves to others.
  bool FinishHead() {
    head_done_ = true;
    return hosts_ == 1 || (hosts_ == 0 && !http11_);
  }

  // Before the buffer's bytes behind the head are dropped.
  void CopyBody(const char* base) {
    body_.append(base + body_in_place_.begin, body_in_place_.size);
    body_in_place_ = {};
  }

  void FinishRequest(const char* base) {
    request_.method = spans_[0].In(base);
    request_.target = spans_[1].In(base);
    for (size_t i = 2; i < spans_.size(); i += 2) {
      fields_.emplace_back(spans_[i].In(base), spans_[i + 1].In(base));
    }
    request_.fields = fields_;
    request_.body =
        body_.empty() ? body_in_place_.In(base) : absl::string_view(body_);
  }

 private:
  struct Span {
    absl::string_view In(const char* base) const {
      return {base + begin, size};
    }
    uint32_t begin = 0;
    uint32_t size = 0;
  };

  class Beast final : public beast::http::basic_parser<true> {
   public:
    explicit Beast(Parser* parser) : parser_(*parser) {}

   private:
    using Error = beast::error_code;
    using Field = beast::http::field;

    void on_request_impl(beast::http::verb, beast::string_view method,
                         beast::string_view target, int version,
                         Error&) override {
      parser_.Add(method);
      parser_.Add(target);
      parser_.http11_ = version >= 11;
    }
    void on_response_impl(int, beast::string_view, int, Error&) override {}
    void on_field_impl(Field field, beast::string_view name,
                       beast::string_view value, Error& error) override {
      parser_.OnField(field, name, value, error);
    }
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&,
                           Error&) override {}
    std::size_t on_body_impl(beast::string_view body, Error&) override {
      parser_.OnBody(body);
      return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, beast::string_view,
                              Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                   Error&) override {
      parser_.OnBody(body);
      return body.size();
    }
    void on_finish_impl(Error&) override {}

    Parser& parser_;
  };

  // An idle connection is not to keep what an unusual request has taken.
  template <typename T>
  static void Clear(std::vector<T>& values, size_t keep) {
    if (values.size() > keep) std::vector<T>().swap(values);
    values.clear();
  }

  Span SpanOf(beast::string_view text) const {
    return {.begin = static_cast<uint32_t>(text.data() - base_),
            .size = static_cast<uint32_t>(text.size())};
  }
  void Add(beast::string_view text) { spans_.push_back(SpanOf(text)); }

  void OnField(beast::http::field id, beast::string_view name,
               beast::string_view value, beast::error_code& error) {
    using beast::http::field;
    if (head_done_) return;  // Trailers say nothing that anybody asks for.
    if (id == field::host) ++hosts_;
    if (id == field::expect && http11_ &&
        absl::EqualsIgnoreCase(View(value), "100-continue")) {
      awaits_continue_ = true;
    }
    if (id == field::transfer_encoding &&
        (!http11_ || !absl::EqualsIgnoreCase(View(value), "chunked"))) {
      error = beast::http::error::bad_transfer_encoding;
    }
    if (IsFolded(name, value)) error = beast::http::error::bad_value;
    Add(name);
    Add(value);
  }

  // Beast puts a folded value together elsewhere, unless its first line is
  // empty.
  bool IsFolded(beast::string_view name, beast::string_view value) const {
    const std::less<> before;
    if (before(value.data(), name.end()) ||
        before(data_.data() + data_.size(), value.end())) {
      return true;
    }
    return std::memchr(name.end(), '\n', value.data() - name.end()) != nullptr;
  }

  void OnBody(beast::string_view body) {
    if (body.empty()) return;
    if (body_.empty() && body_in_place_.size == 0) {
      body_in_place_ = SpanOf(body);
      return;
    }
    if (body_in_place_.size != 0) CopyBody(base_);
    body_.append(body.data(), body.size());
  }

  const size_t max_body_bytes_;
  std::optional<Beast> beast_;
  const char* base_ = nullptr;  // Both of the last Put().
  absl::string_view data_;

  std::vector<Span> spans_;  // Method, target, and each field's name and value.
  std::vector<HttpRequest::Field> fields_;
  // A body that is in the buffer in one piece stays there.
  Span body_in_place_;
  std::string body_;
  bool http11_ = false;
  bool awaits_continue_ = false;
  bool head_done_ = false;
  int hosts_ = 0;
  HttpRequest request_;
};

HttpInput::HttpInput(size_t max_header_bytes, size_t max_body_bytes)
    : max_header_bytes_(max_header_bytes),
      parser_(std::make_unique<Parser>(max_body_bytes)) {}

HttpInput::~HttpInput() = default;

absl::Span<char> HttpInput::Space() {
  if (parser_->head_done()) {
    // The body has been copied as far as it was parsed.
    std::memmove(&data_[head_end_], &data_[parsed_], end_ - parsed_);
    end_ -= parsed_ - head_end_;
    parsed_ = head_end_;
  }
  const size_t size = end_ - begin_;
  const size_t wanted = parser_->has_large_body() ? kBodySpace : kLeastSpace;
  size_t capacity = capacity_;
  if (size == 0) capacity = kSmallBuffer;
  if (capacity - size < wanted) {
    capacity = std::max(size + wanted, 2 * capacity);
  }
  if (capacity != capacity_) {
    // Not initialized, unlike by make_unique().
    std::unique_ptr<char[]> data(new char[capacity]);
    if (size != 0) std::memcpy(&data[0], &data_[begin_], size);
    data_ = std::move(data);
    capacity_ = capacity;
    MoveTo(0);
  } else if (size == 0 || capacity_ - end_ < wanted) {
    std::memmove(&data_[0], &data_[begin_], size);
    MoveTo(0);
  }
  return {&data_[end_], capacity_ - end_};
}

void HttpInput::MoveTo(size_t begin) {
  head_end_ -= begin_ - begin;
  parsed_ -= begin_ - begin;
  end_ -= begin_ - begin;
  begin_ = begin;
}

void HttpInput::Received(size_t size) { end_ += size; }

HttpInput::State HttpInput::Parse() {
  if (state_ == State::kComplete || state_ == State::kProblem) return state_;
  if (!parser_->head_done()) {
    if (!SkipEmptyLines()) return state_ = State::kIdle;
    if (!Put()) return state_;
    if (!parser_->FinishHead()) return Problem(HttpProblem::kMalformed);
    if (parsed_ - begin_ > max_header_bytes_) {
      return Problem(HttpProblem::kHeaderTooLarge);
    }
    head_end_ = parsed_;
    state_ = State::kBody;
  }
  while (!parser_->done()) {
    if (!Put()) return state_;
  }
  parser_->FinishRequest(&data_[begin_]);
  return state_ = State::kComplete;
}

bool HttpInput::Put() {
  using beast::http::error;
  beast::error_code result = error::need_more;
  if (parsed_ < end_) {
    parsed_ +=
        parser_->Put(&data_[begin_], {&data_[parsed_], end_ - parsed_}, result);
    if (!result) return true;
  }
  if (result != error::need_more) {
    Problem(result == error::body_limit     ? HttpProblem::kBodyTooLarge
            : result == error::header_limit ? HttpProblem::kHeaderTooLarge
                                            : HttpProblem::kMalformed);
    return false;
  }
  // What has to come in one piece: a head, a chunk's size, or the trailers.
  const size_t piece = end_ - (parser_->head_done() ? parsed_ : begin_);
  if (piece >= max_header_bytes_) {
    Problem(HttpProblem::kHeaderTooLarge);
  } else if (parser_->head_done()) {
    parser_->CopyBody(&data_[begin_]);
  } else {
    state_ = State::kHead;
  }
  return false;
}

void HttpInput::Next() {
  begin_ = parsed_;
  parser_->Reset();
  state_ = State::kIdle;
}

void HttpInput::Discard() { begin_ = head_end_ = parsed_ = end_ = 0; }

size_t HttpInput::pipelined() const { return end_ - parsed_; }

HttpRequest& HttpInput::request() { return parser_->request(); }
const HttpRequest& HttpInput::request() const { return parser_->request(); }

bool HttpInput::http11() const { return parser_->http11(); }

bool HttpInput::keep_alive() const { return parser_->keep_alive(); }

bool HttpInput::AwaitsContinue() const {
  return parser_->awaits_continue() && end_ == head_end_ &&
         !parser_->has_body();
}

HttpInput::State HttpInput::Problem(HttpProblem problem) {
  problem_ = problem;
  return state_ = State::kProblem;
}

// Some clients send one after a body. Returns whether anything else is there.
bool HttpInput::SkipEmptyLines() {
  if (parsed_ != begin_) return true;
  while (end_ - begin_ >= 2 && data_[begin_] == '\r' &&
         data_[begin_ + 1] == '\n') {
    begin_ += 2;
  }
  parsed_ = begin_;
  return end_ - begin_ > 1 || (begin_ < end_ && data_[begin_] != '\r');
}

}  // namespace spanner_session_emulator
