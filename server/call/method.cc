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
#include "server/call/errors.h"

namespace spanner_session_emulator {
namespace {

ResourceKind KindOf(const google::protobuf::FieldDescriptor& field) {
  const std::string& type =
      field.options().GetExtension(google::api::resource_reference).type();
  if (type == "spanner.googleapis.com/Session") return ResourceKind::kSession;
  if (type == "spanner.googleapis.com/Database") return ResourceKind::kDatabase;
  return ResourceKind::kNone;
}

std::unique_ptr<Method> MakeMethod(
    const google::protobuf::MethodDescriptor* descriptor) {
  auto method = std::make_unique<Method>();
  method->name = descriptor->name();
  method->full_name = descriptor->full_name();
  method->descriptor = descriptor;
  method->api_kind = ApiKindOf(descriptor->full_name());
  method->path = absl::StrCat("/", descriptor->service()->full_name(), "/",
                              descriptor->name());
  for (int i = 0; i < descriptor->input_type()->field_count(); ++i) {
    const auto* field = descriptor->input_type()->field(i);
    // The first one: what a request is about comes before what it refers to.
    if (const ResourceKind kind = KindOf(*field); kind != ResourceKind::kNone) {
      method->resource_field = field;
      method->resource_kind = kind;
      break;
    }
  }
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
  if (descriptor == nullptr) return nullptr;
  if (request_prototype != nullptr) return request_prototype->New(arena);
  // Not asked for at the start: the first time, protobuf builds a lot.
  return google::protobuf::MessageFactory::generated_factory()
      ->GetPrototype(descriptor->input_type())
      ->New(arena);
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
                             Handler fallback) {
  services_.push_back(service);
  const std::vector<std::string> scopes =
      absl::StrSplit(service->options().GetExtension(google::api::oauth_scopes),
                     ',', absl::SkipWhitespace());
  for (int i = 0; i < service->method_count(); ++i) {
    std::unique_ptr<Method> method = MakeMethod(service->method(i));
    method->handle = fallback;
    method->oauth_scopes = scopes;
    by_full_name_[method->full_name] = method.get();
    methods_.push_back(std::move(method));
  }
}

void MethodTable::Set(absl::string_view full_name,
                      const google::protobuf::Message& request_prototype,
                      Handler handle, Validator validate) {
  Method& method = Find(full_name);
  method.request_prototype = &request_prototype;
  method.handle = std::move(handle);
  method.validate = std::move(validate);
}

void MethodTable::SetHasSecrets(absl::string_view full_name) {
  Find(full_name).has_secrets = true;
}

Method& MethodTable::Find(absl::string_view full_name) {
  const auto it = by_full_name_.find(full_name);
  if (it == by_full_name_.end()) {
    // A slip in a service's table, found by the first start.
    std::cerr << "no method " << full_name << " in any service\n";
    std::abort();
  }
  return *it->second;
}

}  // namespace spanner_session_emulator
