#include "server/transport/rest/rest_context.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/struct.pb.h"
#include "server/call/errors.h"
#include "server/transport/rest/field_path.h"
#include "server/transport/rest/json.h"
#include "server/transport/rest/percent.h"
#include "server/transport/rest/router.h"
#include "server/transport/rest/target.h"

namespace spanner_session_emulator {
namespace {

namespace pb = ::google::protobuf;

std::string NameOf(const FieldPath& path) {
  return absl::StrJoin(path, ".", [](std::string* out, const auto* field) {
    absl::StrAppend(out, field->name());
  });
}

std::string NoValueOf(const pb::FieldDescriptor& field,
                      absl::string_view text) {
  const std::string type =
      field.message_type() != nullptr ? field.message_type()->full_name()
      : field.enum_type() != nullptr  ? field.enum_type()->full_name()
                                      : field.type_name();
  return absl::StrCat("has an invalid value: \"", text, "\", for type ", type);
}

// The string at the end of `path`.
std::string StringAt(const pb::Message& message, const FieldPath& path) {
  const pb::Message* owner = &message;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    owner = &owner->GetReflection()->GetMessage(*owner, path[i]);
  }
  return owner->GetReflection()->GetString(*owner, path.back());
}

// Whether another field has taken the place of one in `path`.
bool OneofIsTaken(const pb::Message& message, const FieldPath& path) {
  const pb::Message* owner = &message;
  for (size_t i = 0; i < path.size(); ++i) {
    const pb::Reflection* reflection = owner->GetReflection();
    const pb::OneofDescriptor* oneof = path[i]->real_containing_oneof();
    if (oneof != nullptr && reflection->HasOneof(*owner, oneof) &&
        reflection->GetOneofFieldDescriptor(*owner, oneof) != path[i]) {
      return true;
    }
    if (i + 1 < path.size()) owner = &reflection->GetMessage(*owner, path[i]);
  }
  return false;
}

// A field that is a list, a map or a scalar, by the JSON of its value alone.
std::optional<JsonProblem> ParseValue(absl::string_view json,
                                      const pb::FieldDescriptor& field,
                                      pb::Message& message) {
  // One value, so that it cannot bring other fields along.
  pb::Value any_value;
  if (auto problem = ParseJson(json, any_value)) return problem;
  return ParseJson(absl::StrCat("{\"", field.json_name(), "\":", json, "}"),
                   message);
}

}  // namespace

RestContext::RestContext(const HttpRequest& request, const HttpBinding* binding,
                         absl::string_view path, const RestQuery& query,
                         absl::Status fields_status)
    : request_(request),
      binding_(binding),
      path_(path),
      query_(query),
      fields_status_(std::move(fields_status)) {
  if (!query.access_token.empty()) {
    authorization_ = absl::StrCat("Bearer ", query.access_token);
  }
}

absl::string_view RestContext::Authority() const {
  const absl::string_view authority = SplitTarget(request_.target).authority;
  return authority.empty() ? request_.Header("host").value_or("") : authority;
}

std::optional<absl::string_view> RestContext::Header(
    absl::string_view name) const {
  if (name == ":authority") return Authority();
  std::optional<absl::string_view> value = request_.Header(name);
  if (!value.has_value() && name == "authorization" &&
      !authorization_.empty()) {
    value = authorization_;
  }
  return value;
}

absl::Status RestContext::ReadRequest(const Method& method,
                                      pb::Message& request) const {
  if (!query_.problem.empty()) {
    return errors::InvalidField(method.name, query_.problem_parameter,
                                query_.problem);
  }
  if (!fields_status_.ok()) {
    return errors::InvalidField(method.name, "fields",
                                fields_status_.message());
  }
  // The body first: it replaces the whole message.
  if (absl::Status s = ReadBody(method, request); !s.ok()) return s;
  if (absl::Status s = ReadPath(method, request); !s.ok()) return s;
  return ReadQuery(method, request);
}

void RestContext::WithRequestBytes(
    const pb::Message* request,
    absl::FunctionRef<void(absl::string_view)> read) const {
  if (request == nullptr) return read(request_.body);
  read(request->SerializeAsString());
}

absl::Status RestContext::ReadBody(const Method& method,
                                   pb::Message& request) const {
  const absl::string_view body = request_.body;
  if (!binding_->has_body) {
    return body.empty() ? absl::OkStatus()
                        : errors::InvalidBody(method.name, "", "must be empty");
  }
  if (body.find_first_not_of(" \t\r\n") == absl::string_view::npos) {
    return absl::OkStatus();
  }
  const pb::FieldDescriptor* field = binding_->body_field;
  std::optional<JsonProblem> problem;
  if (field == nullptr) {
    problem = ParseJson(body, request);
  } else if (field->message_type() != nullptr && !field->is_repeated()) {
    problem = ParseJson(
        body, *request.GetReflection()->MutableMessage(&request, field));
    if (problem.has_value() && method.has_secrets) {
      problem = WithoutValues(*problem, *field->message_type());
    }
    if (problem.has_value() && !problem->field.empty()) {
      problem->field = absl::StrCat(field->name(), ".", problem->field);
    }
  } else {
    problem = ParseValue(body, *field, request);
  }
  if (!problem.has_value()) return absl::OkStatus();
  if (method.has_secrets && field == nullptr) {
    problem = WithoutValues(*problem, *request.GetDescriptor());
  }
  return errors::InvalidBody(method.name, problem->field, problem->text);
}

absl::Status RestContext::ReadPath(const Method& method,
                                   pb::Message& request) const {
  for (const HttpBinding::Variable& variable : binding_->variables) {
    const absl::string_view raw = RawValue(*binding_, variable, path_);
    std::optional<std::string> value = variable.several
                                           ? DecodePercentKeepingSlashes(raw)
                                           : DecodePercent(raw);
    if (!value.has_value() || !IsUtf8(*value)) {
      return errors::InvalidField(method.name, NameOf(variable.field),
                                  absl::StrCat("is not percent-encoded UTF-8: ",
                                               absl::CHexEscape(raw)));
    }
    const pb::FieldDescriptor& field = *variable.field.back();
    if (binding_->has_body &&
        field.type() == pb::FieldDescriptor::TYPE_STRING) {
      const std::string in_body = StringAt(request, variable.field);
      if (!in_body.empty() && in_body != *value) {
        return errors::InvalidField(
            method.name, NameOf(variable.field),
            absl::StrCat("is \"", in_body, "\" in the body, but \"", *value,
                         "\" in the path"));
      }
    }
    if (!SetField(request, variable.field, *value)) {
      return errors::InvalidField(method.name, NameOf(variable.field),
                                  NoValueOf(field, *value));
    }
  }
  return absl::OkStatus();
}

absl::Status RestContext::ReadQuery(const Method& method,
                                    pb::Message& request) const {
  std::vector<FieldPath> seen;
  for (const auto& [name, value] : query_.parameters) {
    const auto wrong = [&, &name = name](absl::string_view problem) {
      return errors::InvalidField(method.name, name, problem);
    };
    std::optional<FieldPath> path =
        FindFieldPath(*request.GetDescriptor(), name);
    if (!path.has_value()) return wrong("is not a known parameter");
    for (const HttpBinding::Variable& variable : binding_->variables) {
      if (Overlap(*path, variable.field)) {
        return wrong("is in the path and must not be in the query, too");
      }
    }
    if (binding_->has_body && (binding_->body_field == nullptr ||
                               binding_->body_field == path->front())) {
      return wrong("belongs into the body, not into the query");
    }
    const pb::FieldDescriptor& field = *path->back();
    const bool is_message = field.message_type() != nullptr;
    if (field.is_map() || (is_message && field.is_repeated()) ||
        (is_message && !IsScalarInJson(*field.message_type()))) {
      return wrong(
          "is a message, a map or a list of messages: "
          "only simple values can be in the query");
    }
    if (!field.is_repeated()) {
      if (std::find(seen.begin(), seen.end(), *path) != seen.end()) {
        return wrong("has one value only, but is given twice");
      }
      if (OneofIsTaken(request, *path)) {
        return wrong("excludes another parameter that is given");
      }
    }
    if (!SetField(request, *path, value)) return wrong(NoValueOf(field, value));
    seen.push_back(*std::move(path));
  }
  return absl::OkStatus();
}

}  // namespace spanner_session_emulator
