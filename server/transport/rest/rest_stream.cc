#include "server/transport/rest/rest_stream.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/transport/rest/rest_error.h"

namespace spanner_session_emulator {

RestCall::OwnRequest::OwnRequest(const HttpRequest& from)
    : field_texts(from.fields.begin(), from.fields.end()),
      fields(field_texts.begin(), field_texts.end()),
      target(from.target),
      peer(from.peer) {
  request.target = target;
  request.body = from.body;
  request.peer = peer;
  request.fields = fields;
}

RestCall::RestCall(const HttpRequest& request, const HttpBinding& binding,
                   absl::string_view path, RestQuery query, HttpHeaders headers,
                   const Pipeline& pipeline, OpenCalls* open_calls)
    : open_call_(std::in_place, open_calls),
      pipeline_(pipeline),
      headers_(std::move(headers)),
      own_(request),
      path_(path),
      query_(std::move(query)),
      writer_(&binding, query_),
      context_(own_.request, &binding, path_, query_, writer_.fields_status()),
      call_(*binding.method, context_, Call::Unary::kMayWait) {
  auto begun = pipeline_.Begin(call_);
  start_ = begun.start;
  source_ = std::move(begun.reply).TakeSource();
  own_.request.body = {};
}

RestCall::~RestCall() { End(); }

void RestCall::OnReady(std::function<void()> wake) {
  source_->OnReady(std::move(wake));
}

void RestCall::SetResult(absl::Status result) {
  result_ = std::move(result);
  source_.reset();
}

void RestCall::End() {
  if (std::exchange(ended_, true)) return;
  pipeline_.End(call_, result_.value_or(absl::CancelledError()), start_);
  source_.reset();
  open_call_.reset();
}

HttpHeaders RestCall::TakeHeaders(int http_status) {
  AddChallenge(call_.method(), http_status, headers_);
  if (const ReplyMetadata* metadata = call_.reply_metadata.get()) {
    std::erase_if(headers_, [metadata](const auto& header) {
      return metadata->Removes(absl::AsciiStrToLower(header.first));
    });
    for (const auto& [name, value] : metadata->headers) {
      headers_.emplace_back(name, absl::EndsWith(name, "-bin")
                                      ? absl::Base64Escape(value)
                                      : value);
    }
  }
  return std::move(headers_);
}

HttpStep RestStream::Next() {
  if (!pending_.empty()) return HttpStep::Data(std::exchange(pending_, ""));
  if (source() == nullptr) {
    End();
    return HttpStep::End();
  }
  ReplyStep step = source()->Next();
  if (step.kind == ReplyStep::Kind::kWait) {
    if (head_sent_ || method().api_kind != ApiKind::kControl) {
      return HttpStep::Wait();
    }
    head_sent_ = true;
    pending_ = std::string(std::exchange(separator_, ""));
    return HttpStep::Head(200, TakeHeaders(200));
  }
  if (step.kind == ReplyStep::Kind::kCut) {
    SetResult(std::move(step.status));
    End();  // Before its client sees the end.
    return HttpStep::Cut();
  }
  std::string data;
  if (step.kind == ReplyStep::Kind::kMessage) {
    auto json = writer().Message(*step.message);
    if (json.ok()) {
      CountMessage();
      data = Element(*json);
    } else {
      step = ReplyStep::End(json.status());
    }
  }
  int http_status = 200;
  if (step.kind == ReplyStep::Kind::kEnd) {
    http_status = ToHttpStatus(step.status.code());
    data = LastElement(step.status);
    SetResult(std::move(step.status));
  }
  if (head_sent_) return HttpStep::Data(std::move(data));
  head_sent_ = true;
  pending_ = std::move(data);
  return HttpStep::Head(http_status, TakeHeaders(http_status));
}

std::string RestStream::Element(const std::string& json) {
  return absl::StrCat(std::exchange(separator_, ","), json,
                      absl::EndsWith(json, "\n") ? "" : "\n");
}

std::string RestStream::LastElement(const absl::Status& status) {
  if (!status.ok()) {
    return absl::StrCat(
        Element(writer().Error(status, ToHttpStatus(status.code()))), "]\n");
  }
  return separator_ == "[" ? "[]\n" : "]\n";
}

HttpStep RestUnary::Next() {
  ReplyStep step = source()->Next();
  if (step.kind == ReplyStep::Kind::kMessage) {
    auto json = writer().Message(*step.message);
    if (json.ok()) {
      json_ = *std::move(json);
      step = source()->Next();
    } else {
      step = ReplyStep::End(json.status());
    }
  }
  if (step.kind == ReplyStep::Kind::kWait) return HttpStep::Wait();
  SetResult(step.status);
  End();
  if (step.kind == ReplyStep::Kind::kCut) return HttpStep::Cut();
  const int http_status = ToHttpStatus(step.status.code());
  if (!step.status.ok()) json_ = writer().Error(step.status, http_status);
  return HttpStep::Whole(http_status, TakeHeaders(http_status),
                         std::move(json_));
}

}  // namespace spanner_session_emulator
