// REST in and out: the methods of a method table by HTTP and JSON.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_SERVICE_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_SERVICE_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/transport/http.h"
#include "server/transport/open_calls.h"
#include "server/transport/rest/rest_query.h"
#include "server/transport/rest/router.h"

namespace spanner_session_emulator {

struct RestOptions {
  // Whose pages may read responses in a browser: an origin as
  // `https://example.com`, or `*`. Empty: no page of another origin may.
  std::string cors_origin;
  // Larger ones, once inflated, are answered with 413.
  size_t max_body_bytes = 100 << 20;
};

// Transcodes between HTTP with JSON and the methods that have a google.api.http
// annotation, by the rules in google/api/http.proto. A method needs no code
// here. Also what has no method goes through the pipeline, so that its observer
// sees it; only pages do not.
class RestService {
 public:
  // All of them must outlive the service and the sources that it gives out. An
  // annotation that makes no sense ends the program.
  RestService(const MethodTable* table, const Pipeline* pipeline,
              OpenCalls* open_calls, RestOptions options = {});

  // Has GET requests for exactly that path, such as `/healthz`, answered by
  // `page`, outside the pipeline. Not to be called any more when Handle() is.
  void AddPage(std::string path, HttpHandler page);

  // Answers a request; errors are responses, too. A streamed reply comes as a
  // source, a JSON array with one message in memory at a time, and so does a
  // unary one that may have to wait. Thread-safe, never waits.
  HttpResponse Handle(const HttpRequest& request) const;
  // The same for what one of the methods takes; nothing for all else.
  std::optional<HttpResponse> TryHandle(const HttpRequest& request) const;

 private:
  // Nothing if no method takes it and it `may_refuse` nothing.
  std::optional<HttpResponse> Answer(const HttpRequest& request,
                                     bool may_refuse) const;
  std::optional<HttpResponse> AnswerWithoutCors(const HttpRequest& request,
                                                bool may_refuse) const;
  HttpResponse CallBinding(const HttpRequest& request,
                           const HttpBinding& binding, absl::string_view path,
                           const RestQuery& query) const;
  HttpResponse CallInflated(const HttpRequest& request,
                            const HttpBinding& binding, absl::string_view path,
                            const RestQuery& query) const;
  HttpResponse CallMethod(const HttpRequest& request,
                          const HttpBinding& binding, absl::string_view path,
                          const RestQuery& query) const;
  HttpResponse Unary(const HttpRequest& request, const HttpBinding& binding,
                     absl::string_view path, const RestQuery& query) const;
  template <typename Source>
  HttpResponse FromSource(const HttpRequest& request,
                          const HttpBinding& binding, absl::string_view path,
                          RestQuery query) const;
  // Turns away what no method is to see; `refused` is the one that it is for,
  // or null if there is none.
  HttpResponse Refuse(const HttpRequest& request, const RestQuery& query,
                      const Method* refused, int http_status,
                      absl::Status status) const;
  // Where a page is asked for by another method than GET.
  static HttpResponse RefuseForPage(const HttpRequest& request,
                                    const RestQuery& query);
  HttpResponse Preflight(const HttpRequest& request) const;
  void AddCors(HttpHeaders& headers) const;

  const Pipeline* const pipeline_;
  OpenCalls* const open_calls_;
  const RestOptions options_;
  Router router_;
  absl::flat_hash_map<std::string, HttpHandler> pages_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_SERVICE_H_
