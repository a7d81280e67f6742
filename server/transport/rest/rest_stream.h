// A reply over REST that comes from a source.
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

// A call whose reply comes from a source, and all that it needs.
class RestCall : public HttpSource {
 public:
  // What is not owned must outlive the call, except that the request's body is
  // only read here. `headers` are those of the response.
  RestCall(const HttpRequest& request, const HttpBinding& binding,
           absl::string_view path, RestQuery query, HttpHeaders headers,
           const Pipeline& pipeline, OpenCalls* open_calls);
  ~RestCall() override;

  void OnReady(std::function<void()> wake) override;

 protected:
  const ReplyWriter& writer() const { return writer_; }
  // Null when it is over.
  ReplySource* source() const { return source_.get(); }
  const Method& method() const { return call_.method(); }

  // Notes how the source has ended, which ends itself.
  void SetResult(absl::Status result);
  // Ends the call: with that result, or as cancelled if there is none.
  void End();
  // One message of a stream is about to be sent.
  void CountMessage() { ++call_.sent_messages; }
  // The headers of the response; once.
  HttpHeaders TakeHeaders(int http_status);

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
  std::unique_ptr<ReplySource> source_;
  std::optional<absl::Status> result_;
  bool ended_ = false;
};

// Sends a reply as a JSON array, each message as soon as it is there. An error
// is an element, too: `{"error":{…}}`, the last one. Before the first message
// it also decides the HTTP status, but in the control API: its streams begin
// when they first wait, so that a client knows that it watches. Each element
// ends a line.
class RestStream final : public RestCall {
 public:
  using RestCall::RestCall;
  HttpStep Next() override;

 private:
  // What is sent of a message or at the end.
  std::string Element(const std::string& json);
  std::string LastElement(const absl::Status& status);

  bool head_sent_ = false;
  std::string pending_;  // What comes after the head.
  // What comes before the next element.
  absl::string_view separator_ = "[";
};

// Sends a unary reply that may have to be waited for.
class RestUnary final : public RestCall {
 public:
  using RestCall::RestCall;
  HttpStep Next() override;

 private:
  std::string json_;  // Of the message, once it is there.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_STREAM_H_
