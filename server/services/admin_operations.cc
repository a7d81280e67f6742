// google.longrunning.Operations, of the admin API.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/longrunning/operations.pb.h"
#include "google/protobuf/empty.pb.h"
#include "google/spanner/admin/database/v1/spanner_database_admin.pb.h"
#include "google/spanner/admin/instance/v1/spanner_instance_admin.pb.h"
#include "server/call/errors.h"
#include "server/services/admin.h"
#include "server/services/admin_requests.h"
#include "server/services/resources.h"
#include "server/services/unary.h"

namespace spanner_session_emulator {
namespace {

namespace lro = ::google::longrunning;

// What operations are on. Their REST paths are in the configuration of
// Spanner's service, not in google.longrunning, whose own annotations are for
// no service.
constexpr absl::string_view kCollections[] = {
    "projects/*/instances/*/databases/*/operations",
    "projects/*/instances/*/operations",
    "projects/*/instances/*/backups/*/operations",
    "projects/*/instances/*/instancePartitions/*/operations",
    "projects/*/instanceConfigs/*/operations",
};

constexpr absl::string_view kPattern =
    "projects/<project>/instances/<instance>/databases/<database>/operations, "
    "or that of an instance";

// Whether a name is as one of kCollections.
bool IsCollection(absl::string_view name) {
  const std::vector<absl::string_view> have = absl::StrSplit(name, '/');
  for (const absl::string_view collection : kCollections) {
    const std::vector<absl::string_view> want = absl::StrSplit(collection, '/');
    bool same = want.size() == have.size();
    for (size_t i = 0; same && i < want.size(); ++i) {
      same = want[i] == "*" ? !have[i].empty() : want[i] == have[i];
    }
    if (same) return true;
  }
  return false;
}

// As of all names; that they are UTF-8, protobuf has checked.
bool IsNameText(absl::string_view name) {
  return name.size() <= kMaxNameBytes &&
         std::none_of(name.begin(), name.end(),
                      [](unsigned char c) { return absl::ascii_iscntrl(c); });
}

// The operations of one resource.
class OperationCollection {
 public:
  static absl::StatusOr<OperationCollection> Parse(const std::string& name) {
    if (!IsNameText(name) || !IsCollection(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be ", kPattern, ", but is \"",
                       absl::Utf8SafeCEscape(name), "\""));
    }
    return OperationCollection(name);
  }
  const std::string& full() const { return full_; }
  std::string resource() const {
    return full_.substr(0, full_.rfind("/operations"));
  }

 private:
  explicit OperationCollection(std::string full) : full_(std::move(full)) {}
  std::string full_;
};

class OperationName {
 public:
  static absl::StatusOr<OperationName> Parse(const std::string& name) {
    const size_t slash = name.rfind('/');
    if (!IsNameText(name) || slash == std::string::npos ||
        slash + 1 == name.size() || !IsCollection(name.substr(0, slash))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "must be ", kPattern, ", with the operation behind it, but is \"",
          absl::Utf8SafeCEscape(name), "\""));
    }
    return OperationName(name);
  }
  const std::string& full() const { return full_; }

 private:
  explicit OperationName(std::string full) : full_(std::move(full)) {}
  std::string full_;
};

absl::Status ValidateList(Call& call) {
  const auto filter = ReadOperationFilter(
      call, call.request<lro::ListOperationsRequest>().filter());
  if (!filter.ok()) return filter.status();
  return ValidateName<OperationCollection>(call);
}

class OperationsMethods {
 public:
  explicit OperationsMethods(const AdminResources& resources)
      : operations_(resources.operations),
        exist_({.store = resources.store, .catalog = resources.catalog}) {}

  absl::Status List(Call& call, const lro::ListOperationsRequest& request,
                    lro::ListOperationsResponse& response) const {
    const auto& name = PreparedName<OperationCollection>(call);
    if (absl::Status s = RequireResource(name.resource()); !s.ok()) return s;
    return ListOperationsOf(
        call, *operations_,
        [prefix = absl::StrCat(name.full(), "/")](absl::string_view operation) {
          return absl::StartsWith(operation, prefix);
        },
        name.full(), request, response);
  }

  template <typename Request>
  absl::Status Get(Call& call, const Request&, lro::Operation& response) const {
    const auto operation = operations_->Find(NameOf(call));
    if (operation == nullptr) return errors::OperationNotFound(NameOf(call));
    response = *operation;
    return absl::OkStatus();
  }

  absl::Status Delete(Call& call, const lro::DeleteOperationRequest&,
                      google::protobuf::Empty&) const {
    return operations_->Delete(NameOf(call))
               ? absl::OkStatus()
               : errors::OperationNotFound(NameOf(call));
  }

  // It is done, so there is nothing left to cancel.
  absl::Status Cancel(Call& call, const lro::CancelOperationRequest&,
                      google::protobuf::Empty&) const {
    return operations_->Find(NameOf(call)) != nullptr
               ? absl::OkStatus()
               : errors::OperationNotFound(NameOf(call));
  }

 private:
  static const std::string& NameOf(const Call& call) {
    return PreparedName<OperationName>(call).full();
  }

  // Of what is neither an instance nor a database, there are none.
  absl::Status RequireResource(const std::string& name) const {
    if (auto database = DatabaseName::Parse(name); database.ok()) {
      return exist_.RequireDatabase(*database);
    }
    if (auto instance = InstanceName::Parse(name); instance.ok()) {
      return exist_.RequireInstance(*instance);
    }
    return absl::OkStatus();
  }

  Operations* const operations_;
  const Resources exist_;
};

std::vector<HttpPath> HttpPaths(absl::string_view http_method,
                                absl::string_view suffix,
                                absl::string_view verb = "") {
  std::vector<HttpPath> paths;
  for (const absl::string_view collection : kCollections) {
    paths.push_back(
        {.http_method = std::string(http_method),
         .path = absl::StrCat("/v1/{name=", collection, suffix, "}", verb),
         .has_body = http_method == "POST"});
  }
  return paths;
}

}  // namespace

std::vector<const google::protobuf::ServiceDescriptor*> AdminServices() {
  // No code is generated for services, but their files describe them.
  return {
      google::spanner::admin::instance::v1::ListInstancesRequest::descriptor()
          ->file()
          ->FindServiceByName("InstanceAdmin"),
      google::spanner::admin::database::v1::ListDatabasesRequest::descriptor()
          ->file()
          ->FindServiceByName("DatabaseAdmin"),
      lro::Operation::descriptor()->file()->FindServiceByName("Operations")};
}

void AddAdminMethods(const AdminResources& resources, MethodTable& table) {
  AddInstanceAdminMethods(resources, table);
  AddDatabaseAdminMethods(resources, table);
  AddOperationsMethods(resources, table);
}

void AddOperationsMethods(const AdminResources& resources, MethodTable& table) {
  const auto methods = std::make_shared<const OperationsMethods>(resources);
  const auto add = [&](absl::string_view name, auto method,
                       const Validator& validate, std::vector<HttpPath> paths) {
    const std::string full_name =
        absl::StrCat("google.longrunning.Operations.", name);
    AddUnary(full_name, methods, method, validate, table);
    table.SetHttpPaths(full_name, std::move(paths));
    table.SetOauthScopes(full_name,
                         {"https://www.googleapis.com/auth/cloud-platform",
                          "https://www.googleapis.com/auth/spanner.admin"});
  };
  add("ListOperations", &OperationsMethods::List, ValidateList,
      HttpPaths("GET", ""));
  add("GetOperation", &OperationsMethods::Get<lro::GetOperationRequest>,
      ValidateName<OperationName>, HttpPaths("GET", "/*"));
  add("DeleteOperation", &OperationsMethods::Delete,
      ValidateName<OperationName>, HttpPaths("DELETE", "/*"));
  add("CancelOperation", &OperationsMethods::Cancel,
      ValidateName<OperationName>, HttpPaths("POST", "/*", ":cancel"));
  add("WaitOperation", &OperationsMethods::Get<lro::WaitOperationRequest>,
      ValidateName<OperationName>, {});
}

}  // namespace spanner_session_emulator
