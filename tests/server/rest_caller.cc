#include "tests/server/rest_caller.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "google/api/annotations.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/code.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace spanner_session_emulator {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// Every byte but those that never need it, and but the slashes of a name.
std::string PercentEncode(absl::string_view text, bool keep_slashes) {
  std::string encoded;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-._~", c) ||
        (keep_slashes && c == '/')) {
      encoded += c;
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<uint8_t>(c));
    }
  }
  return encoded;
}

std::string ToJson(const Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

std::unique_ptr<Message> NewMessage(
    const google::protobuf::Descriptor* descriptor) {
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(descriptor)
          ->New());
}

// The fields below `value` as `name=value`, as JSON writes them: the parts of a
// message as `name.part=value`, elements each for itself.
void AddParameters(const std::string& name,
                   const google::protobuf::Value& value,
                   std::multimap<std::string, std::string>& parameters) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kStructValue:
      for (const auto& [part, inner] : value.struct_value().fields()) {
        AddParameters(name.empty() ? part : absl::StrCat(name, ".", part),
                      inner, parameters);
      }
      break;
    case google::protobuf::Value::kListValue:
      for (const auto& element : value.list_value().values()) {
        AddParameters(name, element, parameters);
      }
      break;
    case google::protobuf::Value::kStringValue:
      parameters.emplace(name, value.string_value());
      break;
    default:  // Numbers, true and false.
      parameters.emplace(name, ToJson(value));
  }
}

// The fields that are set, as `?name=value&name=value`.
std::string Query(const Message& message) {
  google::protobuf::Value fields;
  EXPECT_TRUE(
      google::protobuf::util::JsonStringToMessage(ToJson(message), &fields)
          .ok());
  std::multimap<std::string, std::string> parameters;
  AddParameters("", fields, parameters);
  std::string query;
  for (const auto& [name, value] : parameters) {
    absl::StrAppend(&query, query.empty() ? "?" : "&", name, "=",
                    PercentEncode(value, /*keep_slashes=*/false));
  }
  return query;
}

bool SendAll(int socket, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(sent);
  }
  return true;
}

std::string Dechunk(absl::string_view chunks) {
  std::string body;
  while (true) {
    const size_t line = chunks.find("\r\n");
    uint64_t size = 0;
    if (line == absl::string_view::npos ||
        !absl::SimpleHexAtoi(chunks.substr(0, line), &size) ||
        chunks.size() < line + 2 + size + 2) {
      ADD_FAILURE() << "a chunk is cut short: " << chunks;
      return body;
    }
    if (size == 0) return body;
    body.append(chunks.data() + line + 2, size);
    chunks.remove_prefix(line + 2 + size + 2);
  }
}

}  // namespace

std::string HttpAnswer::header(const std::string& name) const {
  EXPECT_LE(headers.count(name), 1) << name;
  const auto it = headers.find(name);
  return it == headers.end() ? "" : it->second;
}

std::string FetchBytes(int port, absl::string_view method,
                       absl::string_view target, absl::string_view body,
                       const HttpHeaderList& headers) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience = {.tv_sec = kPatience.count(), .tv_usec = 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(connection, reinterpret_cast<sockaddr*>(&address),
                    sizeof(address)),
            0);
  std::string request =
      absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: localhost:", port,
                   "\r\nConnection: close\r\n");
  for (const auto& [name, value] : headers) {
    absl::StrAppend(&request, name, ": ", value, "\r\n");
  }
  if (!body.empty()) {
    absl::StrAppend(&request, "Content-Length: ", body.size(), "\r\n");
  }
  absl::StrAppend(&request, "\r\n", body);
  // A server that refuses a body may close before it has all of it.
  (void)SendAll(connection, request);
  std::string received;
  char buffer[65536];
  ssize_t size;
  while ((size = recv(connection, buffer, sizeof(buffer), 0)) > 0) {
    received.append(buffer, size);
  }
  close(connection);
  return received;
}

HttpAnswer Fetch(int port, absl::string_view method, absl::string_view target,
                 absl::string_view body, const HttpHeaderList& headers) {
  const std::string received = FetchBytes(port, method, target, body, headers);
  HttpAnswer answer;
  const size_t end = received.find("\r\n\r\n");
  if (end == std::string::npos) {
    ADD_FAILURE() << "no answer to " << method << " " << target << ", but "
                  << received;
    return answer;
  }
  const std::vector<std::string> lines =
      absl::StrSplit(received.substr(0, end), "\r\n");
  EXPECT_TRUE(absl::StartsWith(lines[0], "HTTP/1.1 ")) << lines[0];
  EXPECT_TRUE(absl::SimpleAtoi(lines[0].substr(9, 3), &answer.status));
  for (size_t i = 1; i < lines.size(); ++i) {
    const std::pair<std::string, std::string> field =
        absl::StrSplit(lines[i], absl::MaxSplits(':', 1));
    answer.headers.emplace(
        absl::AsciiStrToLower(field.first),
        std::string(absl::StripAsciiWhitespace(field.second)));
  }
  answer.body = received.substr(end + 4);
  if (answer.header("transfer-encoding") == "chunked") {
    answer.body = Dechunk(answer.body);
  }
  return answer;
}

HttpCall ToHttp(const google::protobuf::MethodDescriptor& method,
                const Message& request) {
  const google::api::HttpRule& rule =
      method.options().GetExtension(google::api::http);
  std::unique_ptr<Message> rest(request.New());
  rest->CopyFrom(request);

  HttpCall call;
  std::string pattern;
  if (!rule.get().empty()) {
    call.method = "GET";
    pattern = rule.get();
  } else if (!rule.post().empty()) {
    call.method = "POST";
    pattern = rule.post();
  } else if (!rule.delete_().empty()) {
    call.method = "DELETE";
    pattern = rule.delete_();
  } else if (!rule.patch().empty()) {
    call.method = "PATCH";
    pattern = rule.patch();
  } else {
    ADD_FAILURE() << "no HTTP annotation: " << method.full_name();
  }

  // At most one variable, as `{name=projects/*/…}` or `{part.name=…}`.
  const size_t open = pattern.find('{');
  if (open == std::string::npos) {
    call.target = pattern;
  } else {
    const size_t close = pattern.find('}');
    const std::string variable = pattern.substr(open + 1, close - open - 1);
    const std::vector<std::string> path =
        absl::StrSplit(variable.substr(0, variable.find('=')), '.');
    Message* holder = rest.get();
    for (size_t i = 0; i + 1 < path.size(); ++i) {
      holder = holder->GetReflection()->MutableMessage(
          holder, holder->GetDescriptor()->FindFieldByName(path[i]));
    }
    const FieldDescriptor* field =
        holder->GetDescriptor()->FindFieldByName(path.back());
    call.target = absl::StrCat(
        pattern.substr(0, open),
        PercentEncode(holder->GetReflection()->GetString(*holder, field),
                      /*keep_slashes=*/true),
        pattern.substr(close + 1));
    holder->GetReflection()->ClearField(holder, field);
  }

  if (rule.body() == "*") {
    call.body = ToJson(*rest);
  } else {
    if (!rule.body().empty()) {  // A field that is a message.
      const FieldDescriptor* field =
          method.input_type()->FindFieldByName(rule.body());
      call.body = ToJson(rest->GetReflection()->GetMessage(*rest, field));
      rest->GetReflection()->ClearField(rest.get(), field);
    }
    absl::StrAppend(&call.target, Query(*rest));
  }
  return call;
}

absl::Status StatusFromJson(const std::string& json, std::string* details) {
  google::protobuf::Struct whole;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &whole).ok())
      << json;
  google::protobuf::Struct error =
      whole.fields().count("error") != 0
          ? whole.fields().at("error").struct_value()
          : google::protobuf::Struct();
  google::rpc::Code code = google::rpc::UNKNOWN;
  EXPECT_TRUE(google::rpc::Code_Parse(
      (*error.mutable_fields())["status"].string_value(), &code))
      << json;
  // The rest is a google.rpc.Status, but for the code.
  error.mutable_fields()->erase("status");
  (*error.mutable_fields())["code"].set_number_value(code);
  google::rpc::Status status;
  EXPECT_TRUE(
      google::protobuf::util::JsonStringToMessage(ToJson(error), &status).ok())
      << json;
  if (details != nullptr) *details = status.SerializeAsString();
  return absl::Status(static_cast<absl::StatusCode>(code), status.message());
}

Answer ToAnswer(const google::protobuf::MethodDescriptor& method,
                const HttpAnswer& http) {
  EXPECT_EQ(http.header("content-type"), "application/json; charset=UTF-8");
  std::vector<std::string> elements = {http.body};
  // What leads to no method is no array either.
  if (method.server_streaming() && !absl::StartsWith(http.body, "{")) {
    elements.clear();
    google::protobuf::ListValue list;
    EXPECT_TRUE(
        google::protobuf::util::JsonStringToMessage(http.body, &list).ok())
        << http.body;
    for (const auto& element : list.values()) {
      elements.push_back(ToJson(element));
    }
  }
  Answer answer;
  for (const std::string& json : elements) {
    if (http.status != 200 || absl::StartsWith(json, "{\"error\":")) {
      EXPECT_TRUE(answer.status.ok()) << http.body;
      answer.status = StatusFromJson(json, &answer.details);
      continue;
    }
    const std::unique_ptr<Message> message = NewMessage(method.output_type());
    const auto parsed =
        google::protobuf::util::JsonStringToMessage(json, message.get());
    EXPECT_TRUE(parsed.ok()) << parsed << " " << json;
    answer.messages.push_back(message->SerializeAsString());
  }
  return answer;
}

Answer RestCaller::Call(const google::protobuf::MethodDescriptor& method,
                        const Message& request) {
  const HttpCall call = ToHttp(method, request);
  return ToAnswer(method,
                  Fetch(port_, call.method, call.target, call.body, headers_));
}

}  // namespace spanner_session_emulator
