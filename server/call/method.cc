#include "server/call/method.h"

#include <cstdlib>
#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/api/client.pb.h"
#include "google/api/resource.pb.h"
#include "server/call/descriptors.h"
#include "server/call/errors.h"

namespace spanner_session_emulator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

ResourceKind KindOf(absl::string_view resource_type) {
  if (resource_type == "spanner.googleapis.com/Session") {
    return ResourceKind::kSession;
  }
  if (resource_type == "spanner.googleapis.com/Database") {
    return ResourceKind::kDatabase;
  }
  return ResourceKind::kOther;
}

ResourceKind KindOf(const FieldDescriptor& field) {
  return KindOf(
      field.options().GetExtension(google::api::resource_reference).type());
}

bool IsReference(const FieldDescriptor& field) {
  return field.options().HasExtension(google::api::resource_reference) &&
         field.type() == FieldDescriptor::TYPE_STRING && !field.is_repeated();
}

// Has the method know which of its request's fields names its resource.
void FindResource(const google::protobuf::Descriptor& request, Method& method) {
  const FieldDescriptor* other = nullptr;
  // The first one: what a request is about comes before what it refers to.
  for (int i = 0; i < request.field_count(); ++i) {
    const FieldDescriptor* field = request.field(i);
    if (!IsReference(*field)) continue;
    if (KindOf(*field) == ResourceKind::kOther) {
      if (other == nullptr) other = field;
      continue;
    }
    other = field;
    break;
  }
  const bool is_google = method.api_kind == ApiKind::kGoogle;
  // google.longrunning has no references.
  if (other == nullptr && is_google) other = request.FindFieldByName("name");
  if (other != nullptr) {
    if (!is_google && KindOf(*other) == ResourceKind::kOther) return;
    method.resource_kind = KindOf(*other);
    method.resource_field = other->name();
    method.resource = [other](const Message& message) {
      return message.GetReflection()->GetString(message, other);
    };
    return;
  }
  if (!is_google) return;
  // What is to be updated comes whole, with its name.
  for (int i = 0; i < request.field_count(); ++i) {
    const FieldDescriptor* field = request.field(i);
    if (field->message_type() == nullptr || field->is_repeated() ||
        !field->message_type()->options().HasExtension(google::api::resource)) {
      continue;
    }
    const FieldDescriptor* name =
        field->message_type()->FindFieldByName("name");
    method.resource_kind = KindOf(field->message_type()
                                      ->options()
                                      .GetExtension(google::api::resource)
                                      .type());
    method.resource_field = absl::StrCat(field->name(), ".name");
    method.resource = [field, name](const Message& message) {
      const Message& inner =
          message.GetReflection()->GetMessage(message, field);
      return inner.GetReflection()->GetString(inner, name);
    };
    return;
  }
}

std::unique_ptr<Method> MakeMethod(absl::string_view service,
                                   absl::string_view name) {
  auto method = std::make_unique<Method>();
  method->name = std::string(name);
  method->full_name = absl::StrCat(service, ".", name);
  method->path = absl::StrCat("/", service, "/", name);
  method->api_kind = ApiKindOf(method->full_name);
  method->known = true;
  method->meter = std::make_unique<CallMeter>();
  return method;
}

}  // namespace

ApiKind ApiKindOf(absl::string_view method) {
  absl::ConsumePrefix(&method, "/");
  if (absl::StartsWith(method, "google.spanner.") ||
      absl::StartsWith(method, "google.longrunning.")) {
    return ApiKind::kGoogle;
  }
  return absl::StartsWith(method, "spanner_session_emulator.")
             ? ApiKind::kControl
             : ApiKind::kOpen;
}

google::protobuf::Message* Method::NewRequest(
    google::protobuf::Arena* arena) const {
  if (request_prototype != nullptr) return request_prototype->New(arena);
  if (!known) return nullptr;
  // Not asked for at the start: the first time, protobuf builds a lot.
  return google::protobuf::MessageFactory::generated_factory()
      ->GetPrototype(descriptor()->input_type())
      ->New(arena);
}

const google::protobuf::MethodDescriptor* Method::descriptor() const {
  if (!known) return nullptr;
  NeedDescriptors();
  return service()->FindMethodByName(name);
}

Method UnknownMethod(std::string path) {
  Method method;
  method.full_name =
      absl::StrReplaceAll(absl::StripPrefix(path, "/"), {{"/", "."}});
  method.api_kind = ApiKindOf(path);
  method.handle = [path](Call&) {
    return Reply::Error(errors::UnknownMethod(path));
  };
  method.path = std::move(path);
  return method;
}

void MethodTable::AddService(const google::protobuf::ServiceDescriptor* service,
                             const Handler& fallback) {
  const std::vector<std::string> scopes =
      absl::StrSplit(service->options().GetExtension(google::api::oauth_scopes),
                     ',', absl::SkipWhitespace());
  for (int i = 0; i < service->method_count(); ++i) {
    const google::protobuf::MethodDescriptor* descriptor = service->method(i);
    auto method = MakeMethod(service->full_name(), descriptor->name());
    method->oauth_scopes = scopes;
    method->client_streaming = descriptor->client_streaming();
    method->server_streaming = descriptor->server_streaming();
    method->service = [service] { return service; };
    FindResource(*descriptor->input_type(), *method);
    Add(std::move(method), fallback);
  }
}

void MethodTable::AddOutline(const ServiceOutline& service,
                             const Handler& fallback) {
  for (const MethodOutline& outline : service.methods) {
    auto method = MakeMethod(service.full_name, outline.name);
    method->oauth_scopes = service.oauth_scopes;
    method->server_streaming = outline.server_streaming;
    method->service = service.descriptor;
    method->request_prototype = &outline.request();
    method->resource_kind = outline.resource_kind;
    method->resource_field = outline.resource_field;
    method->resource = outline.resource;
    Add(std::move(method), fallback);
  }
}

void MethodTable::Add(std::unique_ptr<Method> method, const Handler& fallback) {
  method->handle = fallback;
  by_path_[method->path] = method.get();
  methods_.push_back(std::move(method));
}

void MethodTable::Set(absl::string_view full_name,
                      const google::protobuf::Message& request_prototype,
                      Handler handle, Validator validate) {
  Method& method = At(full_name);
  method.request_prototype = &request_prototype;
  method.handle = std::move(handle);
  method.validate = std::move(validate);
}

void MethodTable::SetOauthScopes(absl::string_view full_name,
                                 std::vector<std::string> scopes) {
  At(full_name).oauth_scopes = std::move(scopes);
}

void MethodTable::SetHttpPaths(absl::string_view full_name,
                               std::vector<HttpPath> paths) {
  At(full_name).http_paths = std::move(paths);
}

void MethodTable::SetHasSecrets(absl::string_view full_name) {
  At(full_name).has_secrets = true;
}

void MethodTable::SetMayWait(absl::string_view full_name) {
  At(full_name).may_wait = true;
}

Method& MethodTable::At(absl::string_view full_name) {
  const size_t dot = full_name.rfind('.');
  const auto it = by_path_.find(absl::StrCat("/", full_name.substr(0, dot), "/",
                                             full_name.substr(dot + 1)));
  if (it == by_path_.end()) {
    // A slip in a service's table, found by the first use.
    std::cerr << "no method " << full_name << " in any service\n";
    std::abort();
  }
  return *it->second;
}

const Method* MethodTable::Find(absl::string_view path) const {
  const auto it = by_path_.find(path);
  return it == by_path_.end() ? nullptr : it->second;
}

}  // namespace spanner_session_emulator
