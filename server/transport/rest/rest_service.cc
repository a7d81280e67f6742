#include "server/transport/rest/rest_service.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/call/errors.h"
#include "server/transport/rest/gzip.h"
#include "server/transport/rest/reply_writer.h"
#include "server/transport/rest/rest_context.h"
#include "server/transport/rest/rest_error.h"
#include "server/transport/rest/rest_stream.h"
#include "server/transport/rest/target.h"

namespace spanner_session_emulator {
namespace {

// JSON by its own name, or by none. Also by the name that curl gives to all
// that comes with -d. Not text/plain: what sends that has not thought of JSON.
bool IsJson(absl::string_view content_type) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(content_type, ';');
  const absl::string_view type = absl::StripAsciiWhitespace(parts[0]);
  if (!type.empty() && !absl::EqualsIgnoreCase(type, "application/json") &&
      !absl::EqualsIgnoreCase(type, "application/x-www-form-urlencoded")) {
    return false;
  }
  for (size_t i = 1; i < parts.size(); ++i) {
    const std::pair<absl::string_view, absl::string_view> parameter =
        absl::StrSplit(parts[i], absl::MaxSplits('=', 1));
    absl::string_view value = absl::StripAsciiWhitespace(parameter.second);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parameter.first),
                               "charset") &&
        !absl::EqualsIgnoreCase(value, "utf-8") &&
        !absl::EqualsIgnoreCase(value, "utf8") &&
        !absl::EqualsIgnoreCase(value, "us-ascii")) {
      return false;
    }
  }
  return true;
}

// What is below the paths of an API belongs to it, be it there or not.
ApiKind ApiKindOfPath(absl::string_view path) {
  if (absl::StartsWith(path, "/v1/")) return ApiKind::kGoogle;
  return absl::StartsWith(path, "/emulator/v1") ? ApiKind::kControl
                                                : ApiKind::kOpen;
}

HttpHeaders JsonHeaders() { return {{"Content-Type", kJsonContentType}}; }

}  // namespace

RestService::RestService(const MethodTable* table, const Pipeline* pipeline,
                         OpenCalls* open_calls, RestOptions options)
    : pipeline_(pipeline),
      open_calls_(open_calls),
      options_(std::move(options)) {
  for (const std::unique_ptr<Method>& method : table->methods()) {
    if (absl::Status s = router_.Add(*method); !s.ok()) {
      // A slip in an API's definition, found by the first use.
      std::cerr << s.message() << "\n";
      std::abort();
    }
  }
}

void RestService::AddPage(std::string path, HttpHandler page) {
  pages_[std::move(path)] = std::move(page);
}

HttpResponse RestService::Handle(const HttpRequest& request) const {
  return *Answer(request, /*may_refuse=*/true);
}

std::optional<HttpResponse> RestService::TryHandle(
    const HttpRequest& request) const {
  return Answer(request, /*may_refuse=*/false);
}

std::optional<HttpResponse> RestService::Answer(const HttpRequest& request,
                                                bool may_refuse) const {
  if (request.method == "OPTIONS" && !options_.cors_origin.empty()) {
    return Preflight(request);
  }
  std::optional<HttpResponse> response = AnswerWithoutCors(request, may_refuse);
  if (response.has_value() && response->source == nullptr) {
    AddCors(response->headers);
  }
  return response;
}

std::optional<HttpResponse> RestService::AnswerWithoutCors(
    const HttpRequest& request, bool may_refuse) const {
  const Target target = SplitTarget(request.target);
  const RestQuery query = RestQuery::Parse(target.query);
  if (!absl::StartsWith(target.path, "/")) {
    if (!may_refuse) return std::nullopt;
    // About the server, not about any path.
    if (request.method == "OPTIONS" && target.path == "*") {
      return HttpResponse{.status = 204};
    }
    return Refuse(request, query, nullptr, 400,
                  errors::BadHttpRequest(400, "the path must begin with '/'"));
  }
  absl::string_view http_method = request.method;
  Router::Match match = router_.Find(http_method, target.path);
  if (match.binding == nullptr && http_method == "HEAD") {
    http_method = "GET";  // Of which the HTTP server leaves out the body.
    match = router_.Find(http_method, target.path);
  }
  if (match.binding == nullptr) {
    if (!may_refuse) return std::nullopt;
    const auto page = pages_.find(target.path);
    if (page != pages_.end()) {
      return http_method == "GET" ? page->second(request)
                                  : RefuseForPage(request, query);
    }
    if (match.allowed.empty()) {
      return Refuse(request, query, nullptr, 404,
                    errors::UnknownPath(target.path));
    }
    if (match.allowed.contains("GET")) match.allowed.insert("HEAD");
    const std::string allowed = absl::StrJoin(match.allowed, ", ");
    HttpResponse response = Refuse(
        request, query, nullptr, 405,
        errors::HttpMethodNotAllowed(request.method, target.path, allowed));
    response.headers.emplace_back("Allow", allowed);
    return response;
  }
  return CallBinding(request, *match.binding, match.path, query);
}

HttpResponse RestService::CallBinding(const HttpRequest& request,
                                      const HttpBinding& binding,
                                      absl::string_view path,
                                      const RestQuery& query) const {
  if (binding.has_body && !request.body.empty()) {
    const auto type = request.Header("content-type");
    if (type.has_value() && !IsJson(*type)) {
      return Refuse(request, query, binding.method, 415,
                    errors::UnsupportedContentType(*type));
    }
    const absl::string_view encoding = absl::StripAsciiWhitespace(
        request.Header("content-encoding").value_or(""));
    if (absl::EqualsIgnoreCase(encoding, "gzip")) {
      return CallInflated(request, binding, path, query);
    }
    if (!encoding.empty() && !absl::EqualsIgnoreCase(encoding, "identity")) {
      HttpResponse response =
          Refuse(request, query, binding.method, 415,
                 errors::UnsupportedContentEncoding(encoding));
      response.headers.emplace_back("Accept-Encoding", "gzip");
      return response;
    }
  }
  return CallMethod(request, binding, path, query);
}

HttpResponse RestService::CallInflated(const HttpRequest& request,
                                       const HttpBinding& binding,
                                       absl::string_view path,
                                       const RestQuery& query) const {
  const absl::StatusOr<std::string> body =
      Gunzip(request.body, options_.max_body_bytes);
  if (absl::IsResourceExhausted(body.status())) {
    return Refuse(request, query, binding.method, 413,
                  errors::BadHttpRequest(
                      413, absl::StrCat("the inflated body is larger than ",
                                        options_.max_body_bytes, " bytes")));
  }
  if (!body.ok()) {
    return Refuse(
        request, query, binding.method, 400,
        errors::InvalidBody(binding.method->name, "", "is not valid gzip"));
  }
  HttpRequest inflated;
  inflated.method = request.method;
  inflated.target = request.target;
  inflated.body = *body;
  inflated.peer = request.peer;
  inflated.fields = request.fields;
  return CallMethod(inflated, binding, path, query);
}

HttpResponse RestService::CallMethod(const HttpRequest& request,
                                     const HttpBinding& binding,
                                     absl::string_view path,
                                     const RestQuery& query) const {
  if (binding.method->server_streaming) {
    return FromSource<RestStream>(request, binding, path, query);
  }
  return pipeline_->MayWait(*binding.method)
             ? FromSource<RestUnary>(request, binding, path, query)
             : Unary(request, binding, path, query);
}

HttpResponse RestService::Unary(const HttpRequest& request,
                                const HttpBinding& binding,
                                absl::string_view path,
                                const RestQuery& query) const {
  const OpenCalls::Call open_call(open_calls_);
  const ReplyWriter writer(&binding, query);
  const RestContext context(request, &binding, path, query,
                            writer.fields_status());
  Call call(*binding.method, context);
  const auto [reply, start] = pipeline_->Begin(call);
  absl::Status status = reply.status();
  HttpResponse response = {.headers = JsonHeaders()};
  if (status.ok()) {
    auto json = writer.Message(*reply.message());
    status = json.status();
    if (json.ok()) response.body = *std::move(json);
  }
  if (!status.ok()) {
    response.status = ToHttpStatus(status.code());
    response.body = writer.Error(status, response.status);
    AddChallenge(*binding.method, response.status, response.headers);
  }
  pipeline_->End(call, status, start);
  return response;
}

template <typename Source>
HttpResponse RestService::FromSource(const HttpRequest& request,
                                     const HttpBinding& binding,
                                     absl::string_view path,
                                     RestQuery query) const {
  HttpHeaders headers = JsonHeaders();
  AddCors(headers);
  HttpResponse response;
  response.source =
      std::make_unique<Source>(request, binding, path, std::move(query),
                               std::move(headers), *pipeline_, open_calls_);
  return response;
}

HttpResponse RestService::Refuse(const HttpRequest& request,
                                 const RestQuery& query, const Method* refused,
                                 int http_status, absl::Status refusal) const {
  Method method;
  method.path = std::string(SplitTarget(request.target).path);
  if (refused != nullptr) {
    method.full_name = refused->full_name;
    method.api_kind = refused->api_kind;
    method.oauth_scopes = refused->oauth_scopes;
  } else {
    method.full_name = method.path;
    method.api_kind = ApiKindOfPath(method.path);
  }
  method.handle = [&](Call&) { return Reply::Error(refusal); };
  const OpenCalls::Call open_call(open_calls_);
  const RestContext context(request, nullptr, method.path, query,
                            absl::OkStatus());
  Call call(method, context);
  if (refused != nullptr) call.problem = CallProblem::kMalformed;
  const auto [reply, start] = pipeline_->Begin(call);
  const absl::Status status = reply.status();
  // The pipeline may have had an error of its own.
  if (status != refusal) http_status = ToHttpStatus(status.code());
  HttpResponse response = {
      .status = http_status,
      .headers = JsonHeaders(),
      .body = ReplyWriter(nullptr, query).Error(status, http_status)};
  AddChallenge(method, response.status, response.headers);
  pipeline_->End(call, status, start);
  return response;
}

// As a page itself, it is no call.
HttpResponse RestService::RefuseForPage(const HttpRequest& request,
                                        const RestQuery& query) {
  constexpr char kAllowed[] = "GET, HEAD";
  const absl::Status refusal = errors::HttpMethodNotAllowed(
      request.method, SplitTarget(request.target).path, kAllowed);
  HttpResponse response = {
      .status = 405,
      .headers = JsonHeaders(),
      .body = ReplyWriter(nullptr, query).Error(refusal, 405)};
  response.headers.emplace_back("Allow", kAllowed);
  return response;
}

HttpResponse RestService::Preflight(const HttpRequest& request) const {
  HttpResponse response = {.status = 204};
  AddCors(response.headers);
  response.headers.emplace_back("Access-Control-Allow-Methods",
                                "GET, HEAD, POST, PUT, PATCH, DELETE");
  if (const auto wanted = request.Header("access-control-request-headers")) {
    response.headers.emplace_back("Access-Control-Allow-Headers",
                                  std::string(*wanted));
  }
  response.headers.emplace_back("Access-Control-Max-Age", "3600");
  return response;
}

void RestService::AddCors(HttpHeaders& headers) const {
  if (options_.cors_origin.empty()) return;
  headers.emplace_back("Access-Control-Allow-Origin", options_.cors_origin);
  if (options_.cors_origin != "*") headers.emplace_back("Vary", "Origin");
}

}  // namespace spanner_session_emulator
