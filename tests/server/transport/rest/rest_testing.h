// What the tests of REST share: a service whose methods all answer as the test
// says, and requests to it.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_REST_REST_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_REST_REST_TESTING_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/transport/http.h"
#include "server/transport/open_calls.h"
#include "server/transport/rest/rest_service.h"
#include "tests/server/transport/rest/library.pb.h"

namespace spanner_session_emulator {

struct TestRequest {
  std::string method;
  std::string target;
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

struct TestResponse {
  int status = 0;
  HttpHeaders headers = {};
  std::string body = {};
  std::vector<std::string> pieces = {};  // Of the body, if it was streamed.

  std::string Header(absl::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (absl::EqualsIgnoreCase(key, name)) return value;
    }
    return "";
  }
};

// Hands a request to `handle`. Its memory is gone when the result is back.
inline HttpResponse Send(const RestService& service,
                         const TestRequest& request) {
  const auto copy = std::make_unique<TestRequest>(request);
  const std::vector<HttpRequest::Field> fields(copy->headers.begin(),
                                               copy->headers.end());
  HttpRequest sent;
  sent.method = copy->method;
  sent.target = copy->target;
  sent.body = copy->body;
  sent.peer = "ipv4:127.0.0.1:4711";
  sent.fields = fields;
  return service.Handle(sent);
}

// Reads a response to its end. Sources must not wait.
inline TestResponse Read(HttpResponse response) {
  TestResponse result;
  if (response.source == nullptr) {
    result.status = response.status;
    result.headers = std::move(response.headers);
    result.body = std::move(response.body);
    return result;
  }
  while (true) {
    HttpStep step = response.source->Next();
    switch (step.kind) {
      case HttpStep::Kind::kHead:
        EXPECT_EQ(result.status, 0);
        result.status = step.status;
        result.headers = std::move(step.headers);
        break;
      case HttpStep::Kind::kData:
        EXPECT_NE(result.status, 0);
        result.body += step.data;
        result.pieces.push_back(std::move(step.data));
        break;
      case HttpStep::Kind::kWhole:
        EXPECT_EQ(result.status, 0);
        result.status = step.status;
        result.headers = std::move(step.headers);
        result.body = std::move(step.data);
        return result;
      case HttpStep::Kind::kWait:
      case HttpStep::Kind::kCut:
        ADD_FAILURE() << "waits or cuts";
        return result;
      case HttpStep::Kind::kEnd:
        return result;
    }
  }
}

inline const google::protobuf::ServiceDescriptor* LibraryService() {
  return rest_testing::Book::descriptor()->file()->FindServiceByName("Library");
}

// A server of some services. Every method that gets no handler of its own notes
// the request and answers with `answer`, or with an empty message.
class RestServer {
 public:
  explicit RestServer(
      const std::vector<const google::protobuf::ServiceDescriptor*>& services =
          {LibraryService()},
      const RestOptions& options = {}) {
    for (const auto* service : services) {
      table.AddService(service, [this](Call& call) { return Answer(call); });
    }
    rest.emplace(&table, &pipeline, &open_calls, options);
  }

  TestResponse Run(const TestRequest& request) {
    seen.reset();
    method.clear();
    TestResponse response = Read(Send(*rest, request));
    return response;
  }
  TestResponse Get(const std::string& target) { return Run({"GET", target}); }

  // What the handler saw as text, or how the request was refused.
  std::string Seen(const TestRequest& request) {
    const TestResponse response = Run(request);
    return seen == nullptr ? response.body : seen->ShortDebugString();
  }

  struct Ended {
    std::string method;
    absl::Status status;
  };

  std::shared_ptr<google::protobuf::Message> answer;
  absl::Status error;  // Answered instead, if it is one.
  std::function<void(const Call&)> on_call;

  std::unique_ptr<google::protobuf::Message> seen;
  std::string method;  // Which was called.
  std::vector<Ended> ended;

  MethodTable table;
  const Pipeline pipeline{
      [this](const Call& call, const absl::Status& status, absl::Duration) {
        ended.push_back({call.method().full_name, status});
      }};
  OpenCalls open_calls;
  std::optional<RestService> rest;

 private:
  Reply Answer(Call& call) {
    method = call.method().name;
    seen.reset(call.request().New());
    seen->CopyFrom(call.request());
    if (on_call != nullptr) on_call(call);
    if (!error.ok()) return Reply::Error(error);
    if (answer == nullptr) {
      answer.reset(google::protobuf::MessageFactory::generated_factory()
                       ->GetPrototype(call.method().descriptor()->output_type())
                       ->New());
    }
    auto* message = answer->New(&call.arena());
    message->CopyFrom(*answer);
    return Reply::Message(message);
  }
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_REST_REST_TESTING_H_
