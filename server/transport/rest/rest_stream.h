// A streamed reply over REST.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_STREAM_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_STREAM_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/call/call.h"
#include "server/call/pipeline.h"
#include "server/call/reply.h"
#include "server/transport/http.h"
#include "server/transport/open_calls.h"
#include "server/transport/rest/http_binding.h"
#include "server/transport/rest/reply_writer.h"
#include "server/transport/rest/rest_context.h"
#include "server/transport/rest/rest_query.h"

namespace spanner_session_emulator {

// Sends a reply as a JSON array, each message as soon as it is there, and owns
// all that the call needs. An error is an element, too: `{"error":{…}}`, the
// last one. Before the first message it also decides the HTTP status.
class RestStream final : public HttpSource {
 public:
  // What is not owned must outlive the stream, except that the request's body
  // is only read here. `headers` are those of the response.
  RestStream(const HttpRequest& request, const HttpBinding& binding,
             absl::string_view path, RestQuery query, HttpHeaders headers,
             const Pipeline& pipeline, OpenCalls* open_calls);
  ~RestStream() override;

  HttpStep Next() override;
  void OnReady(std::function<void()> wake) override;

 private:
  // A request that does not depend on the server's memory.
  struct OwnRequest {
    explicit OwnRequest(const HttpRequest& request);
    OwnRequest(const OwnRequest&) = delete;

    std::vector<std::pair<std::string, std::string>> field_texts;
    std::vector<HttpRequest::Field> fields;
    std::string target;
    std::string peer;
    HttpRequest request;
  };

  HttpStep Head(int status);
  // What is sent of a message or at the end.
  std::string Element(const std::string& json);
  std::string LastElement(const absl::Status& status);
  void End(const absl::Status& status);

  std::optional<OpenCalls::Call> open_call_;
  const Pipeline& pipeline_;
  HttpHeaders headers_;
  OwnRequest own_;
  const std::string path_;
  const RestQuery query_;
  const ReplyWriter writer_;
  const RestContext context_;
  Call call_;
  Pipeline::Clock::time_point start_;
  std::unique_ptr<ReplySource> source_;  // Null when it is over.

  bool head_sent_ = false;
  std::string pending_;                 // What comes after the head.
  bool first_ = true;                   // No element has been made.
  std::optional<absl::Status> result_;  // Once the source has ended.
  bool ended_ = false;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_STREAM_H_
