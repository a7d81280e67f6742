#include "server/transport/rest/http_binding.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/api/annotations.pb.h"
#include "google/api/http.pb.h"

namespace spanner_session_emulator {
namespace {

namespace pb = ::google::protobuf;

std::pair<absl::string_view, absl::string_view> MethodAndPath(
    const google::api::HttpRule& rule) {
  using Rule = google::api::HttpRule;
  switch (rule.pattern_case()) {
    case Rule::kGet:
      return {"GET", rule.get()};
    case Rule::kPut:
      return {"PUT", rule.put()};
    case Rule::kPost:
      return {"POST", rule.post()};
    case Rule::kDelete:
      return {"DELETE", rule.delete_()};
    case Rule::kPatch:
      return {"PATCH", rule.patch()};
    case Rule::kCustom:
      return {rule.custom().kind(), rule.custom().path()};
    case Rule::PATTERN_NOT_SET:
      break;
  }
  return {"", ""};
}

absl::StatusOr<HttpBinding> MakeBinding(const Method& method,
                                        const google::api::HttpRule& rule) {
  const auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("google.api.http of ", method.full_name, ": ", what));
  };
  const pb::Descriptor& request = *method.descriptor()->input_type();
  HttpBinding binding;
  binding.method = &method;
  const auto [http_method, path] = MethodAndPath(rule);
  binding.http_method = std::string(http_method);
  auto parsed = PathTemplate::Parse(path);
  if (!parsed.ok()) return wrong(parsed.status().message());
  binding.path = *std::move(parsed);
  for (const PathTemplate::Variable& variable : binding.path.variables) {
    std::optional<FieldPath> field =
        FindFieldPath(request, variable.field_path);
    if (!field.has_value() || field->back()->is_repeated() ||
        field->back()->message_type() != nullptr) {
      return wrong(
          absl::StrCat("no field of one value: ", variable.field_path));
    }
    binding.variables.push_back({.field = *std::move(field),
                                 .begin = variable.begin,
                                 .end = variable.end,
                                 .several = variable.several});
  }
  binding.has_body = !rule.body().empty();
  if (binding.has_body && rule.body() != "*") {
    binding.body_field = FindField(request, rule.body());
    if (binding.body_field == nullptr) {
      return wrong(absl::StrCat("no field: ", rule.body()));
    }
  }
  if (!rule.response_body().empty()) {
    binding.response_field =
        FindField(*method.descriptor()->output_type(), rule.response_body());
    if (binding.response_field == nullptr) {
      return wrong(absl::StrCat("no field: ", rule.response_body()));
    }
    if (binding.response_field->message_type() == nullptr &&
        !binding.response_field->is_repeated()) {
      return wrong(absl::StrCat("a scalar: ", rule.response_body()));
    }
  }
  return binding;
}

}  // namespace

absl::StatusOr<std::vector<HttpBinding>> HttpBindingsOf(const Method& method) {
  std::vector<HttpBinding> bindings;
  for (const HttpPath& path : method.http_paths) {
    google::api::HttpRule rule;
    rule.mutable_custom()->set_kind(path.http_method);
    rule.mutable_custom()->set_path(path.path);
    if (path.has_body) rule.set_body("*");
    auto binding = MakeBinding(method, rule);
    if (!binding.ok()) return binding.status();
    bindings.push_back(*std::move(binding));
  }
  if (!bindings.empty()) return bindings;
  const pb::MethodOptions& options = method.descriptor()->options();
  if (!options.HasExtension(google::api::http) || method.client_streaming) {
    return bindings;
  }
  const google::api::HttpRule& rule = options.GetExtension(google::api::http);
  std::vector<const google::api::HttpRule*> rules = {&rule};
  for (const auto& additional : rule.additional_bindings()) {
    rules.push_back(&additional);
  }
  for (const google::api::HttpRule* each : rules) {
    auto binding = MakeBinding(method, *each);
    if (!binding.ok()) return binding.status();
    bindings.push_back(*std::move(binding));
  }
  return bindings;
}

}  // namespace spanner_session_emulator
