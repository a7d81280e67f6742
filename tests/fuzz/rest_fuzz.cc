// Any HTTP request to REST: no input may crash it, and every response must be
// JSON. An input is taken twice: as the bytes of a connection, which HttpInput
// cuts into requests; and, so that a fuzzer need not know of lengths, as one
// request in text: the method and the target on the first line, headers as
// `Name: value`, an empty line, the body.
//
// rest_fuzz_test replays the committed inputs. To look for new ones:
//   bazel build --config=fuzz //tests/fuzz:rest_fuzz
//   bazel-bin/tests/fuzz/rest_fuzz NEW_CORPUS tests/fuzz/rest_corpus

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/transport/http.h"
#include "server/transport/http_input.h"
#include "server/transport/open_calls.h"
#include "server/transport/rest/rest_service.h"
#include "tests/server/transport/rest/library.pb.h"

namespace spanner_session_emulator {
namespace {

// Answers with the request, where the types allow it.
Reply Echo(Call& call) {
  const auto* output = call.method().descriptor()->output_type();
  if (output == call.request().GetDescriptor()) {
    return Reply::Message(&call.request());
  }
  return Reply::Message(google::protobuf::MessageFactory::generated_factory()
                            ->GetPrototype(output)
                            ->New(&call.arena()));
}

class Service {
 public:
  Service() {
    for (const auto* message : {google::spanner::v1::Session::descriptor(),
                                rest_testing::Book::descriptor()}) {
      table_.AddService(message->file()->service(0), Echo);
    }
    rest_.emplace(&table_, &pipeline_, &open_calls_);
  }
  HttpResponse Handle(const HttpRequest& request) {
    return rest_->Handle(request);
  }

 private:
  MethodTable table_;
  const Pipeline pipeline_{nullptr};
  OpenCalls open_calls_;
  std::optional<RestService> rest_;
};

absl::string_view TakeLine(absl::string_view& text) {
  const size_t end = text.find('\n');
  const absl::string_view line = text.substr(0, end);
  text.remove_prefix(end == absl::string_view::npos ? text.size() : end + 1);
  return line;
}

void Require(bool condition, absl::string_view what, absl::string_view body) {
  if (condition) return;
  std::cerr << what << ": " << body << "\n";
  std::abort();
}

// Has the request answered, and looks at the response.
void Answer(const HttpRequest& request);

void RunAsBytes(absl::string_view bytes) {
  if (bytes.empty()) return;
  // Pieces of a size that the input chooses: parsers err at the seams.
  const size_t piece = static_cast<uint8_t>(bytes.back());
  HttpInput input(/*max_header_bytes=*/4096, /*max_body_bytes=*/65536);
  while (!bytes.empty()) {
    const absl::Span<char> space = input.Space();
    const size_t size = std::min({space.size(), bytes.size(), piece + 1});
    std::copy_n(bytes.begin(), size, space.begin());
    bytes.remove_prefix(size);
    input.Received(size);
    HttpInput::State state = input.Parse();
    while (state == HttpInput::State::kComplete) {
      input.request().peer = "ipv4:127.0.0.1:1";
      Answer(input.request());
      input.Next();
      state = input.Parse();
    }
    if (state == HttpInput::State::kProblem) return;
  }
}

void RunAsText(absl::string_view text) {
  HttpRequest request;
  const absl::string_view first = TakeLine(text);
  request.method = first.substr(0, first.find(' '));
  request.target =
      first.substr(std::min(first.size(), request.method.size() + 1));
  std::vector<std::pair<absl::string_view, absl::string_view>> headers;
  while (!text.empty()) {
    const absl::string_view line = TakeLine(text);
    if (line.empty()) break;
    const size_t colon = std::min(line.size(), line.find(": "));
    headers.emplace_back(line.substr(0, colon),
                         absl::StripPrefix(line.substr(colon), ": "));
  }
  request.fields = headers;
  request.body = text;
  request.peer = "ipv4:127.0.0.1:1";
  Answer(request);
}

void Answer(const HttpRequest& request) {
  static auto* const kService = new Service;
  HttpResponse response = kService->Handle(request);
  int status = response.status;
  std::string body = std::move(response.body);
  while (response.source != nullptr) {
    HttpStep step = response.source->Next();
    if (step.kind == HttpStep::Kind::kEnd) break;
    if (step.kind == HttpStep::Kind::kHead) status = step.status;
    body += step.data;
  }
  Require(status >= 200 && status < 600, "no HTTP status", body);
  google::protobuf::Value json;
  const auto parsed = google::protobuf::util::JsonStringToMessage(body, &json);
  // What protobuf prints it may find too deep to read.
  Require(parsed.ok() || parsed.message().ToString().find(
                             "invalid protobuf output") != std::string::npos,
          "no JSON", body);
}

}  // namespace
}  // namespace spanner_session_emulator

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  spanner_session_emulator::RunAsBytes(input);
  spanner_session_emulator::RunAsText(input);
  return 0;
}
