// Every HTTP rule of every method, with every field: a request that is filled
// by its descriptor is brought into HTTP by an encoder that knows nothing of
// the server's code, and must come out as it went in; so must the reply.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/api/annotations.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/wrappers.pb.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/services/control.h"
#include "tests/server/call/call_testing.h"
#include "tests/server/transport/rest/rest_testing.h"

namespace spanner_session_emulator {
namespace {

namespace pb = ::google::protobuf;
using google::api::HttpRule;

// Text that needs care in JSON, in paths and in queries.
constexpr char kText[] = "a b+c%2F/d&e=\"f\"\\g?#\n\xc3\xa4\xf0\x9f\x98\x80";

// ---- Filling.

// Fills fields by their types. Another round takes other members of oneofs and
// other kinds of Value.
class Filler {
 public:
  explicit Filler(int round) : round_(round) {}

  void Fill(pb::Message& message, int depth = 0) {
    const pb::Descriptor& type = *message.GetDescriptor();
    if (FillWellKnown(message, depth)) return;
    inside_.push_back(&type);
    for (int i = 0; i < type.field_count(); ++i) {
      const pb::FieldDescriptor& field = *type.field(i);
      if (const pb::OneofDescriptor* oneof = field.real_containing_oneof()) {
        if (oneof->field(round_ % oneof->field_count()) != &field) continue;
      }
      // Types that contain themselves do so once.
      if (field.message_type() != nullptr &&
          std::count(inside_.begin(), inside_.end(), field.message_type()) >
              1) {
        continue;
      }
      const int count =
          field.is_repeated() && !field.is_map() && depth < 2 ? 2 : 1;
      for (int j = 0; j < count; ++j) FillField(message, field, depth);
    }
    inside_.pop_back();
  }

 private:
  void FillField(pb::Message& message, const pb::FieldDescriptor& field,
                 int depth) {
    const pb::Reflection& r = *message.GetReflection();
    const bool many = field.is_repeated();
    const int n = ++count_;
    using F = pb::FieldDescriptor;
    switch (field.cpp_type()) {
      case F::CPPTYPE_INT32:
        return many ? r.AddInt32(&message, &field, -n)
                    : r.SetInt32(&message, &field, -n);
      case F::CPPTYPE_INT64:
        return many ? r.AddInt64(&message, &field, -(int64_t{1} << 60) - n)
                    : r.SetInt64(&message, &field, -(int64_t{1} << 60) - n);
      case F::CPPTYPE_UINT32:
        return many ? r.AddUInt32(&message, &field, 4000000000u + n)
                    : r.SetUInt32(&message, &field, 4000000000u + n);
      case F::CPPTYPE_UINT64:
        return many ? r.AddUInt64(&message, &field, (uint64_t{3} << 62) + n)
                    : r.SetUInt64(&message, &field, (uint64_t{3} << 62) + n);
      case F::CPPTYPE_DOUBLE:
        return many ? r.AddDouble(&message, &field, n + 0.1)
                    : r.SetDouble(&message, &field, n + 0.1);
      case F::CPPTYPE_FLOAT:
        return many ? r.AddFloat(&message, &field, n + 0.1f)
                    : r.SetFloat(&message, &field, n + 0.1f);
      case F::CPPTYPE_BOOL:
        return many ? r.AddBool(&message, &field, true)
                    : r.SetBool(&message, &field, true);
      case F::CPPTYPE_ENUM: {
        const auto* value =
            field.enum_type()->value(field.enum_type()->value_count() - 1);
        return many ? r.AddEnum(&message, &field, value)
                    : r.SetEnum(&message, &field, value);
      }
      case F::CPPTYPE_STRING: {
        const std::string text =
            field.type() == F::TYPE_BYTES
                ? absl::StrCat(absl::string_view("\0\xff>?", 4), n)
                : absl::StrCat(kText, n);
        return many ? r.AddString(&message, &field, text)
                    : r.SetString(&message, &field, text);
      }
      case F::CPPTYPE_MESSAGE:
        return Fill(many ? *r.AddMessage(&message, &field)
                         : *r.MutableMessage(&message, &field),
                    depth + 1);
    }
  }

  bool FillWellKnown(pb::Message& message, int depth) {
    const int n = ++count_;
    const auto json = [&](const std::string& text) {
      EXPECT_TRUE(pb::util::JsonStringToMessage(text, &message).ok()) << text;
      return true;
    };
    switch (message.GetDescriptor()->well_known_type()) {
      case pb::Descriptor::WELLKNOWNTYPE_TIMESTAMP:
        return json(
            absl::StrCat("\"2023-11-14T22:13:20.", 123456000 + n, "Z\""));
      case pb::Descriptor::WELLKNOWNTYPE_DURATION:
        return json(absl::StrCat("\"-", n, ".5s\""));
      case pb::Descriptor::WELLKNOWNTYPE_FIELDMASK:
        return json("\"aB,c.dE\"");
      case pb::Descriptor::WELLKNOWNTYPE_ANY:
        return json(
            "{\"@type\":\"type.googleapis.com/google.protobuf.Duration\","
            "\"value\":\"1.5s\"}");
      case pb::Descriptor::WELLKNOWNTYPE_STRUCT:
        return json(
            "{\"a\":null,\"b\":1.5,\"c\":\"x\",\"d\":true,"
            "\"e\":[1,\"2\",[]],\"f\":{\"g\":{}}}");
      case pb::Descriptor::WELLKNOWNTYPE_LISTVALUE:
        return json("[null,2.5,\"x\",false,[1,\"2\"],{\"g\":{}}]");
      case pb::Descriptor::WELLKNOWNTYPE_VALUE: {
        const std::vector<std::string> kinds = {
            "null", "1.25", "\"text\"", "false", "[1,[],{}]", "{\"a\":[1]}"};
        return json(kinds[(round_ + n + depth) % kinds.size()]);
      }
      default:
        return false;
    }
  }

  const int round_;
  int count_ = 0;
  std::vector<const pb::Descriptor*> inside_;
};

// How many rounds it takes until every member of every oneof had its turn.
constexpr int kRounds = 8;

// ---- Encoding, as a client does it.

// As http.proto says: all but [-_.~0-9a-zA-Z], and '/' where it separates.
std::string PercentEncode(absl::string_view text, bool keep_slashes) {
  std::string result;
  for (const char c : text) {
    if (absl::ascii_isalnum(c) || absl::StrContains("-_.~", c) ||
        (c == '/' && keep_slashes)) {
      result += c;
    } else {
      absl::StrAppend(&result, "%",
                      absl::AsciiStrToUpper(
                          absl::BytesToHexString(absl::string_view(&c, 1))));
    }
  }
  return result;
}

const pb::FieldDescriptor* FieldNamed(const pb::Message& message,
                                      absl::string_view name) {
  return message.GetDescriptor()->FindFieldByName(std::string(name));
}

std::string TextOf(const pb::Message& message, const pb::FieldDescriptor& field,
                   int index) {
  // What stands in JSON, without quotes: from a message with that field alone.
  const std::unique_ptr<pb::Message> alone(message.New());
  alone->CopyFrom(message);
  std::vector<const pb::FieldDescriptor*> present;
  message.GetReflection()->ListFields(message, &present);
  for (const auto* other : present) {
    if (other != &field) alone->GetReflection()->ClearField(alone.get(), other);
  }
  if (field.type() == pb::FieldDescriptor::TYPE_STRING) {
    return field.is_repeated()
               ? message.GetReflection()->GetRepeatedString(message, &field,
                                                            index)
               : message.GetReflection()->GetString(message, &field);
  }
  if (field.is_repeated()) {
    const auto& reflection = *alone->GetReflection();
    reflection.SwapElements(alone.get(), &field, 0, index);
    while (reflection.FieldSize(*alone, &field) > 1) {
      reflection.RemoveLast(alone.get(), &field);
    }
  }
  std::string json;
  EXPECT_TRUE(pb::util::MessageToJsonString(*alone, &json).ok());
  absl::string_view value = json;
  value.remove_prefix(value.find(':') + 1);
  value.remove_suffix(1);
  if (field.is_repeated()) value = value.substr(1, value.size() - 2);
  if (value.empty() || value[0] != '"') return std::string(value);
  pb::StringValue text;
  EXPECT_TRUE(pb::util::JsonStringToMessage(std::string(value), &text).ok());
  return text.value();
}

bool FitsIntoQuery(const pb::FieldDescriptor& field) {
  if (field.message_type() == nullptr) return true;
  if (field.is_repeated()) return false;
  switch (field.message_type()->well_known_type()) {
    case pb::Descriptor::WELLKNOWNTYPE_ANY:
    case pb::Descriptor::WELLKNOWNTYPE_STRUCT:
    case pb::Descriptor::WELLKNOWNTYPE_VALUE:
    case pb::Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return false;
    default:
      return true;
  }
}

// Moves what is left in `message` to a query; what does not fit is cleared in
// `original` too.
void ToQuery(const pb::Message& message, const std::string& prefix,
             bool json_names, pb::Message& original,
             std::vector<std::string>& query) {
  std::vector<const pb::FieldDescriptor*> present;
  message.GetReflection()->ListFields(message, &present);
  for (const pb::FieldDescriptor* field : present) {
    const std::string name =
        absl::StrCat(prefix, json_names ? field->json_name() : field->name());
    if (!FitsIntoQuery(*field)) {
      original.GetReflection()->ClearField(&original, field);
    } else if (field->message_type() != nullptr &&
               field->message_type()->well_known_type() ==
                   pb::Descriptor::WELLKNOWNTYPE_UNSPECIFIED) {
      ToQuery(message.GetReflection()->GetMessage(message, field), name + ".",
              json_names,
              *original.GetReflection()->MutableMessage(&original, field),
              query);
    } else {
      const int count = field->is_repeated()
                            ? message.GetReflection()->FieldSize(message, field)
                            : 1;
      for (int i = 0; i < count; ++i) {
        std::string value =
            PercentEncode(TextOf(message, *field, i), /*keep_slashes=*/false);
        if (json_names) value = absl::StrReplaceAll(value, {{"%20", "+"}});
        query.push_back(absl::StrCat(PercentEncode(name, false), "=", value));
      }
    }
  }
}

struct Rule {
  std::string http_method, path;
  const HttpRule* rule;
};

std::vector<Rule> RulesOf(const pb::MethodDescriptor& method) {
  std::vector<Rule> rules;
  if (!method.options().HasExtension(google::api::http) ||
      method.client_streaming()) {
    return rules;
  }
  const HttpRule& main = method.options().GetExtension(google::api::http);
  std::vector<const HttpRule*> all = {&main};
  for (const HttpRule& rule : main.additional_bindings()) all.push_back(&rule);
  for (const HttpRule* rule : all) {
    switch (rule->pattern_case()) {
      case HttpRule::kGet:
        rules.push_back({"GET", rule->get(), rule});
        break;
      case HttpRule::kPut:
        rules.push_back({"PUT", rule->put(), rule});
        break;
      case HttpRule::kPost:
        rules.push_back({"POST", rule->post(), rule});
        break;
      case HttpRule::kDelete:
        rules.push_back({"DELETE", rule->delete_(), rule});
        break;
      case HttpRule::kPatch:
        rules.push_back({"PATCH", rule->patch(), rule});
        break;
      case HttpRule::kCustom:
        rules.push_back(
            {rule->custom().kind() == "*" ? "REPORT" : rule->custom().kind(),
             rule->custom().path(), rule});
        break;
      case HttpRule::PATTERN_NOT_SET:
        ADD_FAILURE();
    }
  }
  return rules;
}

// What a variable's template may match. Names of several segments must be good
// names, as the pipeline looks at them.
std::string ValueFor(absl::string_view pattern) {
  if (pattern.empty() || pattern == "*") return absl::StrCat("x/", kText);
  std::string value;
  for (const absl::string_view segment : absl::StrSplit(pattern, '/')) {
    if (!value.empty()) value += '/';
    absl::StrAppend(&value, segment == "**"  ? absl::string_view("d/e f/g")
                            : segment == "*" ? absl::string_view("a:b \xc3\xa4")
                                             : segment);
  }
  return value;
}

// The path for a request; sets the fields that are in it in `request`, and
// removes them from `rest`.
std::string ToPath(absl::string_view path, pb::Message& request,
                   pb::Message& rest) {
  std::string result;
  while (!path.empty()) {
    const size_t open = path.find('{');
    absl::StrAppend(&result, path.substr(0, open));
    if (open == absl::string_view::npos) break;
    const size_t close = path.find('}');
    const std::pair<std::string, std::string> variable = absl::StrSplit(
        path.substr(open + 1, close - open - 1), absl::MaxSplits('=', 1));
    path.remove_prefix(close + 1);
    pb::Message* owner = &request;
    pb::Message* other = &rest;
    const std::vector<std::string> names = absl::StrSplit(variable.first, '.');
    for (size_t i = 0; i + 1 < names.size(); ++i) {
      const auto* field = FieldNamed(*owner, names[i]);
      owner = owner->GetReflection()->MutableMessage(owner, field);
      other = other->GetReflection()->MutableMessage(other, field);
    }
    const auto* field = FieldNamed(*owner, names.back());
    const bool several = absl::StrContains(variable.second, '/') ||
                         absl::StrContains(variable.second, "**");
    if (field->type() == pb::FieldDescriptor::TYPE_STRING) {
      owner->GetReflection()->SetString(owner, field,
                                        ValueFor(variable.second));
    }
    absl::StrAppend(&result, PercentEncode(TextOf(*owner, *field, 0), several));
    other->GetReflection()->ClearField(other, field);
  }
  return result;
}

TestRequest Encode(const Rule& rule, pb::Message& request, int round) {
  const bool json_names = round % 2 == 0;
  const std::unique_ptr<pb::Message> rest(request.New());
  rest->CopyFrom(request);
  TestRequest result = {.method = rule.http_method,
                        .target = ToPath(rule.path, request, *rest)};
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = !json_names;
  options.add_whitespace = round % 3 == 0;
  options.always_print_enums_as_ints = round % 5 == 0;
  if (rule.rule->body() == "*") {
    EXPECT_TRUE(
        pb::util::MessageToJsonString(*rest, &result.body, options).ok());
    rest->Clear();
  } else if (!rule.rule->body().empty()) {
    const auto* field = FieldNamed(*rest, rule.rule->body());
    if (field->is_repeated() || field->message_type() == nullptr) {
      const std::unique_ptr<pb::Message> alone(rest->New());
      rest->GetReflection()->SwapFields(rest.get(), alone.get(), {field});
      EXPECT_TRUE(pb::util::MessageToJsonString(*alone, &result.body).ok());
      result.body = result.body.substr(
          result.body.find(':') + 1,
          result.body.rfind('}') - result.body.find(':') - 1);
    } else {
      EXPECT_TRUE(pb::util::MessageToJsonString(
                      rest->GetReflection()->GetMessage(*rest, field),
                      &result.body, options)
                      .ok());
    }
    rest->GetReflection()->ClearField(rest.get(), field);
  }
  std::vector<std::string> query;
  ToQuery(*rest, "", json_names, request, query);
  query.push_back("$alt=json");
  absl::StrAppend(&result.target, "?", absl::StrJoin(query, "&"));
  return result;
}

// ---- The tests.

std::vector<const pb::ServiceDescriptor*> ServedServices() {
  std::vector<const pb::ServiceDescriptor*> services = ControlServices();
  services.push_back(LibraryService());
  services.push_back(SpannerService());
  return services;
}

using pb::util::MessageDifferencer;

std::string Difference(const pb::Message& a, const pb::Message& b) {
  std::string report;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&report);
  differencer.Compare(a, b);
  return report;
}

TEST(RestConformanceTest, EveryRequestComesAsItWasSent) {
  RestServer server(ServedServices());
  int requests = 0;
  for (const auto& method : server.table.methods()) {
    for (const Rule& rule : RulesOf(*method->descriptor())) {
      SCOPED_TRACE(absl::StrCat(rule.http_method, " ", rule.path));
      for (int round = 0; round < kRounds; ++round) {
        google::protobuf::Arena arena;
        pb::Message& request = *method->NewRequest(&arena);
        Filler(round).Fill(request);
        const TestRequest sent = Encode(rule, request, round);
        server.answer = nullptr;
        const TestResponse response = server.Run(sent);
        ++requests;
        ASSERT_EQ(response.status, 200) << sent.target << "\n"
                                        << sent.body << "\n"
                                        << response.body;
        EXPECT_EQ(server.method, method->name);
        ASSERT_NE(server.seen, nullptr);
        EXPECT_TRUE(MessageDifferencer::Equals(*server.seen, request))
            << sent.target << "\n"
            << sent.body << "\n"
            << Difference(request, *server.seen);
      }
    }
  }
  EXPECT_GT(requests, 150);
}

// The messages in the JSON of a reply.
std::vector<std::string> Elements(const std::string& json) {
  pb::ListValue list;
  EXPECT_TRUE(pb::util::JsonStringToMessage(json, &list).ok()) << json;
  std::vector<std::string> elements;
  for (const pb::Value& value : list.values()) {
    EXPECT_TRUE(
        pb::util::MessageToJsonString(value, &elements.emplace_back()).ok());
  }
  return elements;
}

TEST(RestConformanceTest, EveryReplyComesAsItWasGiven) {
  RestServer server(ServedServices());
  for (const auto& method : server.table.methods()) {
    for (const Rule& rule : RulesOf(*method->descriptor())) {
      SCOPED_TRACE(absl::StrCat(rule.http_method, " ", rule.path));
      for (int round = 0; round < kRounds; ++round) {
        google::protobuf::Arena arena;
        pb::Message& request = *method->NewRequest(&arena);
        server.answer.reset(
            pb::MessageFactory::generated_factory()
                ->GetPrototype(method->descriptor()->output_type())
                ->New());
        Filler(round).Fill(*server.answer);
        Filler(round).Fill(request);
        TestRequest sent = Encode(rule, request, round);
        if (round % 2 == 1) sent.target += "&prettyPrint=false";
        if (round % 4 == 2) sent.target += "&alt=json;enum-encoding=int";
        const TestResponse response = server.Run(sent);
        ASSERT_EQ(response.status, 200) << response.body;
        std::string json = response.body;
        if (method->server_streaming) {
          const std::vector<std::string> elements = Elements(json);
          ASSERT_EQ(elements.size(), 1);
          json = elements[0];
        }
        const std::unique_ptr<pb::Message> read(server.answer->New());
        std::unique_ptr<pb::Message> expected(server.answer->New());
        if (const std::string& field = rule.rule->response_body();
            field.empty()) {
          expected->CopyFrom(*server.answer);
          ASSERT_TRUE(pb::util::JsonStringToMessage(json, read.get()).ok())
              << json;
        } else {
          server.answer->GetReflection()->SwapFields(
              server.answer.get(), expected.get(),
              {FieldNamed(*expected, field)});
          json = absl::StrCat("{\"", field, "\":", json, "}");
          ASSERT_TRUE(pb::util::JsonStringToMessage(json, read.get()).ok())
              << json;
        }
        EXPECT_TRUE(MessageDifferencer::Equals(*read, *expected))
            << json << "\n"
            << Difference(*expected, *read);
      }
    }
  }
}

TEST(RestConformanceTest, AMethodWithoutAnnotationHasNoRest) {
  RestServer server(ServedServices());
  for (const char* path : {"/rest_testing.Library/NotByHttp", "/v1/stream"}) {
    EXPECT_EQ(server.Run({"POST", path, "{}"}).status, 404) << path;
  }
}

}  // namespace
}  // namespace spanner_session_emulator
