#include "server/transport/rest/rest_stream.h"

#include "absl/strings/str_cat.h"
#include "server/transport/rest/rest_error.h"

namespace spanner_session_emulator {

RestStream::OwnRequest::OwnRequest(const HttpRequest& from)
    : field_texts(from.fields.begin(), from.fields.end()),
      fields(field_texts.begin(), field_texts.end()),
      target(from.target),
      peer(from.peer) {
  request.target = target;
  request.body = from.body;
  request.peer = peer;
  request.fields = fields;
}

RestStream::RestStream(const HttpRequest& request, const HttpBinding& binding,
                       absl::string_view path, RestQuery query,
                       HttpHeaders headers, const Pipeline& pipeline,
                       OpenCalls* open_calls)
    : open_call_(std::in_place, open_calls),
      pipeline_(pipeline),
      headers_(std::move(headers)),
      own_(request),
      path_(path),
      query_(std::move(query)),
      writer_(&binding, query_),
      context_(own_.request, &binding, path_, query_, writer_.fields_status()),
      call_(*binding.method, context_) {
  auto begun = pipeline_.Begin(call_);
  start_ = begun.start;
  source_ = std::move(begun.reply).TakeSource();
  own_.request.body = {};
}

RestStream::~RestStream() {
  End(result_.has_value() ? *result_ : absl::CancelledError());
}

HttpStep RestStream::Next() {
  if (!pending_.empty()) return HttpStep::Data(std::exchange(pending_, ""));
  if (source_ == nullptr) {
    End(*result_);
    return HttpStep::End();
  }
  ReplyStep step = source_->Next();
  if (step.kind == ReplyStep::Kind::kWait) {
    return HttpStep::Wait();
  }
  std::string data;
  if (step.kind == ReplyStep::Kind::kMessage) {
    auto json = writer_.Message(*step.message);
    if (json.ok()) {
      data = Element(*json);
    } else {
      step = ReplyStep::End(json.status());
    }
  }
  int http_status = 200;
  if (step.kind == ReplyStep::Kind::kEnd) {
    http_status = ToHttpStatus(step.status.code());
    data = LastElement(step.status);
    result_ = std::move(step.status);
    source_.reset();
  }
  if (head_sent_) return HttpStep::Data(std::move(data));
  head_sent_ = true;
  AddChallenge(call_.method(), http_status, headers_);
  pending_ = std::move(data);
  return HttpStep::Head(http_status, std::move(headers_));
}

void RestStream::OnReady(std::function<void()> wake) {
  source_->OnReady(std::move(wake));
}

std::string RestStream::Element(const std::string& json) {
  return absl::StrCat(std::exchange(first_, false) ? "[" : ",", json);
}

std::string RestStream::LastElement(const absl::Status& status) {
  if (!status.ok()) {
    return absl::StrCat(
        Element(writer_.Error(status, ToHttpStatus(status.code()))), "]\n");
  }
  return first_ ? "[]\n" : "]\n";
}

void RestStream::End(const absl::Status& status) {
  if (std::exchange(ended_, true)) return;
  pipeline_.End(call_, status, start_);
  source_.reset();
  open_call_.reset();
}

}  // namespace spanner_session_emulator
