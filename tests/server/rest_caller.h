// Calls over REST, as a client would make them from the API's HTTP annotations.
// Written apart from the server's own transcoding, so that a mistake there
// shows.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_REST_CALLER_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_REST_CALLER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {

struct HttpAnswer {
  int status = 0;
  std::multimap<std::string, std::string> headers;  // Names in lower case.
  std::string body;

  // Of a header that comes once; empty if it does not.
  std::string header(const std::string& name) const;
};

using HttpHeaderList = std::vector<std::pair<std::string, std::string>>;

// One request on a connection of its own; waits for the whole answer.
HttpAnswer Fetch(int port, absl::string_view method, absl::string_view target,
                 absl::string_view body = "",
                 const HttpHeaderList& headers = {});

// The same; returns all bytes that come back, for requests that may get none.
std::string FetchBytes(int port, absl::string_view method,
                       absl::string_view target, absl::string_view body = "",
                       const HttpHeaderList& headers = {});

// What a method's first HTTP annotation makes of a request.
struct HttpCall {
  std::string method;
  std::string target;
  std::string body;
};
HttpCall ToHttp(const google::protobuf::MethodDescriptor& method,
                const google::protobuf::Message& request);

// A reply or an error in JSON as what gRPC would have brought, the details
// included.
Answer ToAnswer(const google::protobuf::MethodDescriptor& method,
                const HttpAnswer& http);

// The status in an error's JSON.
absl::Status StatusFromJson(const std::string& json, std::string* details);

class RestCaller final : public Caller {
 public:
  static constexpr absl::string_view kUserAgent = "rest-caller/1";

  // `headers` go with every call.
  explicit RestCaller(int port, HttpHeaderList headers = {})
      : port_(port), headers_(std::move(headers)) {
    headers_.emplace_back("User-Agent", std::string(kUserAgent));
  }
  using Caller::Call;
  Answer Call(const google::protobuf::MethodDescriptor& method,
              const google::protobuf::Message& request) override;

 private:
  const int port_;
  HttpHeaderList headers_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_REST_CALLER_H_
