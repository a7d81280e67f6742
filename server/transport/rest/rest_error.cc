#include "server/transport/rest/rest_error.h"

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/any.pb.h"
#include "server/call/errors.h"
#include "server/transport/rest/json.h"

namespace spanner_session_emulator {
namespace {

void AppendDetail(absl::string_view type_url, const absl::Cord& value,
                  std::string& out) {
  google::protobuf::Any detail;
  detail.set_type_url(std::string(type_url));
  detail.set_value(std::string(value));
  std::string json;
  if (PrintJson(detail, {}, json).ok()) {
    out += json;
    return;
  }
  out += "{\"@type\":";
  AppendJsonString(type_url, out);
  absl::StrAppend(&out, ",\"value\":\"", absl::Base64Escape(detail.value()),
                  "\"}");
}

HttpResponse ErrorResponse(const absl::Status& status, int http_status) {
  return {.status = http_status,
          .headers = {{"Content-Type", kJsonContentType}},
          .body = IndentJson(ErrorJson(status, http_status)),
          .source = nullptr};
}

}  // namespace

int ToHttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kCancelled:
      return 499;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    default:
      return 500;
  }
}

void AddChallenge(const Method& method, int http_status, HttpHeaders& headers) {
  if (http_status != 401) return;
  headers.emplace_back("WWW-Authenticate",
                       method.api_kind == ApiKind::kControl
                           ? "Bearer realm=\"emulator control API\""
                           : "Bearer realm=\"https://accounts.google.com/\"");
}

std::string ErrorJson(const absl::Status& status, int http_status) {
  std::string json =
      absl::StrCat("{\"error\":{\"code\":", http_status, ",\"message\":");
  AppendJsonString(status.message(), json);
  absl::StrAppend(&json, ",\"status\":\"",
                  absl::StatusCodeToString(status.code()), "\"");
  absl::string_view separator = ",\"details\":[";
  status.ForEachPayload(
      [&](absl::string_view type_url, const absl::Cord& value) {
        absl::StrAppend(&json, separator);
        AppendDetail(type_url, value, json);
        separator = ",";
      });
  json += separator == "," ? "]}}" : "}}";
  return json;
}

HttpResponse BadHttpRequestResponse(int http_status,
                                    absl::string_view problem) {
  return ErrorResponse(errors::BadHttpRequest(http_status, problem),
                       http_status);
}

HttpResponse RequestFailedResponse() {
  return ErrorResponse(errors::RequestFailed(), 500);
}

}  // namespace spanner_session_emulator
