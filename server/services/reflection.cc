#include "server/services/reflection.h"

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "server/call/errors.h"
#include "server/services/unary.h"

namespace spanner_session_emulator {
namespace {

namespace pb = ::google::protobuf;

using Services = std::vector<std::string>;

// `file` and all that it imports, each once, in no order that matters.
template <typename Response>
void AddFile(const pb::FileDescriptor* file,
             absl::flat_hash_set<const pb::FileDescriptor*>& added,
             Response& response) {
  if (!added.insert(file).second) return;
  pb::FileDescriptorProto proto;
  file->CopyTo(&proto);
  response.add_file_descriptor_proto(proto.SerializeAsString());
  for (int i = 0; i < file->dependency_count(); ++i) {
    AddFile(file->dependency(i), added, response);
  }
}

// The file in which something is, or an error that names what was asked for.
template <typename Request>
absl::StatusOr<const pb::FileDescriptor*> FindFile(const Request& request) {
  const pb::DescriptorPool& pool = *pb::DescriptorPool::generated_pool();
  if (request.has_file_by_filename()) {
    const auto* file = pool.FindFileByName(request.file_by_filename());
    if (file != nullptr) return file;
    return errors::UnknownToReflection("file", request.file_by_filename());
  }
  if (request.has_file_containing_symbol()) {
    const std::string& symbol = request.file_containing_symbol();
    const auto* file = pool.FindFileContainingSymbol(symbol);
    if (file != nullptr) return file;
    return errors::UnknownToReflection("symbol", symbol);
  }
  const auto& asked = request.file_containing_extension();
  const auto* type = pool.FindMessageTypeByName(asked.containing_type());
  if (type == nullptr) {
    return errors::UnknownToReflection("message", asked.containing_type());
  }
  const auto* extension =
      pool.FindExtensionByNumber(type, asked.extension_number());
  if (extension != nullptr) return extension->file();
  return errors::UnknownToReflection(
      "extension",
      absl::StrCat(asked.extension_number(), " of ", asked.containing_type()));
}

template <typename Response>
absl::Status AddExtensionNumbers(const std::string& name, Response& response) {
  const pb::DescriptorPool& pool = *pb::DescriptorPool::generated_pool();
  const auto* type = pool.FindMessageTypeByName(name);
  if (type == nullptr) return errors::UnknownToReflection("message", name);
  std::vector<const pb::FieldDescriptor*> extensions;
  pool.FindAllExtensions(type, &extensions);
  response.set_base_type_name(name);
  for (const auto* extension : extensions) {
    response.add_extension_number(extension->number());
  }
  return absl::OkStatus();
}

template <typename Request, typename Response>
absl::Status Answer(const Services& services, const Request& request,
                    Response& response) {
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
    case Request::kFileContainingSymbol:
    case Request::kFileContainingExtension: {
      const auto file = FindFile(request);
      if (!file.ok()) return file.status();
      absl::flat_hash_set<const pb::FileDescriptor*> added;
      AddFile(*file, added, *response.mutable_file_descriptor_response());
      return absl::OkStatus();
    }
    case Request::kAllExtensionNumbersOfType:
      return AddExtensionNumbers(
          request.all_extension_numbers_of_type(),
          *response.mutable_all_extension_numbers_response());
    case Request::kListServices:
      response.mutable_list_services_response();
      for (const std::string& service : services) {
        response.mutable_list_services_response()->add_service()->set_name(
            service);
      }
      return absl::OkStatus();
    case Request::MESSAGE_REQUEST_NOT_SET:
      break;
  }
  return errors::NothingAskedOfReflection();
}

// An error is an answer like any other: the conversation goes on.
template <typename Request, typename Response>
void AddMethod(const Services& services, absl::string_view full_name,
               MethodTable& table) {
  table.Set(
      full_name, Request::default_instance(),
      Unary<Request, Response>(
          [services](Call&, const Request& request, Response& response) {
            if (const absl::Status status = Answer(services, request, response);
                !status.ok()) {
              auto& error = *response.mutable_error_response();
              error.set_error_code(static_cast<int>(status.code()));
              error.set_error_message(std::string(status.message()));
            }
            response.set_valid_host(request.host());
            *response.mutable_original_request() = request;
            return absl::OkStatus();
          }));
}

}  // namespace

std::vector<const pb::ServiceDescriptor*> ReflectionServices() {
  return {grpc::reflection::v1::ServerReflectionRequest::descriptor()
              ->file()
              ->FindServiceByName("ServerReflection"),
          grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()
              ->file()
              ->FindServiceByName("ServerReflection")};
}

void AddReflectionMethods(const Services& services, MethodTable& table) {
  AddMethod<grpc::reflection::v1::ServerReflectionRequest,
            grpc::reflection::v1::ServerReflectionResponse>(
      services, "grpc.reflection.v1.ServerReflection.ServerReflectionInfo",
      table);
  AddMethod<grpc::reflection::v1alpha::ServerReflectionRequest,
            grpc::reflection::v1alpha::ServerReflectionResponse>(
      services, "grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo",
      table);
}

}  // namespace spanner_session_emulator
