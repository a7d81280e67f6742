// A REST request as the context of a call.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_CONTEXT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_CONTEXT_H_

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "server/call/call.h"
#include "server/call/method.h"
#include "server/transport/http.h"
#include "server/transport/rest/http_binding.h"
#include "server/transport/rest/rest_query.h"

namespace spanner_session_emulator {

class RestContext final : public CallContext {
 public:
  // Null where there is no method. `path` is what was matched. All must outlive
  // the context. `fields_status` is ReplyWriter's: what is wrong with `fields`
  // is wrong with the request.
  RestContext(const HttpRequest& request, const HttpBinding* binding,
              absl::string_view path, const RestQuery& query,
              absl::Status fields_status);

  CallProtocol Protocol() const override { return CallProtocol::kRest; }

  std::string Peer() const override { return std::string(request_.peer); }

  // From the target where it names one; the header does not count then.
  absl::string_view Authority() const override;

  // As `authorization`, also a token that came as the system parameter
  // `access_token`.
  std::optional<absl::string_view> Header(
      absl::string_view name) const override;

  // Puts body, path and query together.
  absl::Status ReadRequest(const Method& method,
                           google::protobuf::Message& request) const override;

  // What came is the body, inflated.
  void WithRequestBytes(
      const google::protobuf::Message* request,
      absl::FunctionRef<void(absl::string_view)> read) const override;

 private:
  absl::Status ReadBody(const Method& method,
                        google::protobuf::Message& request) const;
  absl::Status ReadPath(const Method& method,
                        google::protobuf::Message& request) const;
  absl::Status ReadQuery(const Method& method,
                         google::protobuf::Message& request) const;

  const HttpRequest& request_;
  const HttpBinding* const binding_;
  const absl::string_view path_;
  const RestQuery& query_;
  const absl::Status fields_status_;
  std::string authorization_;  // From the query.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_CONTEXT_H_
