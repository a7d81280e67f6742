#include "server/auth/permissions.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/auth/roles.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

using Check = absl::FunctionRef<bool(absl::string_view permission,
                                     absl::string_view resource)>;

constexpr absl::string_view kBeginReadOnly =
    "spanner.databases.beginReadOnlyTransaction";
constexpr absl::string_view kBeginPartitionedDml =
    "spanner.databases.beginPartitionedDmlTransaction";
constexpr absl::string_view kBeginOrRollbackReadWrite =
    "spanner.databases.beginOrRollbackReadWriteTransaction";
constexpr absl::string_view kUseDataBoost = "spanner.databases.useDataBoost";
constexpr absl::string_view kUseRoleBasedAccess =
    "spanner.databases.useRoleBasedAccess";
constexpr absl::string_view kUseRole = "spanner.databaseRoles.use";

// Of which the call's resource is the name, or whose session that is.
absl::string_view DatabaseOf(const Call& call) {
  return call.method().resource_kind == ResourceKind::kSession
             ? call.session().database_full()
             : call.resource();
}

// Fine-grained access control: a session may act as a database role, of which
// everybody has `public`.
bool CheckRole(const Call& call, const std::string& role, Check check) {
  if (role.empty()) return true;
  if (!check(kUseRoleBasedAccess, call.resource())) return false;
  return role == "public" ||
         check(kUseRole,
               absl::StrCat(call.resource(), "/databaseRoles/", role));
}

bool CheckCreate(const Call& call, Check check) {
  return CheckRole(
      call, call.request<api::CreateSessionRequest>().session().creator_role(),
      check);
}

bool CheckBatchCreate(const Call& call, Check check) {
  return CheckRole(call,
                   call.request<api::BatchCreateSessionsRequest>()
                       .session_template()
                       .creator_role(),
                   check);
}

bool CheckOptions(const Call& call, const api::TransactionOptions& options,
                  Check check) {
  return check(options.has_read_only()         ? kBeginReadOnly
               : options.has_partitioned_dml() ? kBeginPartitionedDml
                                               : kBeginOrRollbackReadWrite,
               DatabaseOf(call));
}

bool CheckBegin(const Call& call, Check check) {
  return CheckOptions(
      call, call.request<api::BeginTransactionRequest>().options(), check);
}

// A read or a statement may begin a transaction on its way.
template <typename Request>
bool CheckSelector(const Call& call, Check check) {
  const auto& selector = call.request<Request>().transaction();
  return !selector.has_begin() || CheckOptions(call, selector.begin(), check);
}

template <typename Request>
bool CheckSelectorAndBoost(const Call& call, Check check) {
  return CheckSelector<Request>(call, check) &&
         (!call.request<Request>().data_boost_enabled() ||
          check(kUseDataBoost, DatabaseOf(call)));
}

// On what a row's permission is needed.
enum class On { kNothing, kResource, kDatabase };

// A row: what every call of the method needs, and what else depends on the
// request.
struct Row {
  On on;
  absl::string_view permission;
  bool (*also)(const Call&, Check) = nullptr;
};

const absl::flat_hash_map<absl::string_view, Row>& Table() {
  static const auto* const table =
      new absl::flat_hash_map<absl::string_view, Row>{
          {"google.spanner.v1.Spanner.CreateSession",
           {On::kResource, "spanner.sessions.create", CheckCreate}},
          {"google.spanner.v1.Spanner.BatchCreateSessions",
           {On::kResource, "spanner.sessions.create", CheckBatchCreate}},
          {"google.spanner.v1.Spanner.GetSession",
           {On::kResource, "spanner.sessions.get"}},
          {"google.spanner.v1.Spanner.ListSessions",
           {On::kResource, "spanner.sessions.list"}},
          {"google.spanner.v1.Spanner.DeleteSession",
           {On::kResource, "spanner.sessions.delete"}},
          {"google.spanner.v1.Spanner.ExecuteSql",
           {On::kDatabase, "spanner.databases.select",
            CheckSelectorAndBoost<api::ExecuteSqlRequest>}},
          {"google.spanner.v1.Spanner.ExecuteStreamingSql",
           {On::kDatabase, "spanner.databases.select",
            CheckSelectorAndBoost<api::ExecuteSqlRequest>}},
          {"google.spanner.v1.Spanner.ExecuteBatchDml",
           {On::kDatabase, "spanner.databases.write",
            CheckSelector<api::ExecuteBatchDmlRequest>}},
          {"google.spanner.v1.Spanner.Read",
           {On::kDatabase, "spanner.databases.read",
            CheckSelectorAndBoost<api::ReadRequest>}},
          {"google.spanner.v1.Spanner.StreamingRead",
           {On::kDatabase, "spanner.databases.read",
            CheckSelectorAndBoost<api::ReadRequest>}},
          {"google.spanner.v1.Spanner.BeginTransaction",
           {On::kNothing, "", CheckBegin}},
          {"google.spanner.v1.Spanner.Commit",
           {On::kDatabase, "spanner.databases.write"}},
          {"google.spanner.v1.Spanner.Rollback",
           {On::kDatabase, kBeginOrRollbackReadWrite}},
          {"google.spanner.v1.Spanner.PartitionQuery",
           {On::kDatabase, "spanner.databases.partitionQuery",
            CheckSelector<api::PartitionQueryRequest>}},
          {"google.spanner.v1.Spanner.PartitionRead",
           {On::kDatabase, "spanner.databases.partitionRead",
            CheckSelector<api::PartitionReadRequest>}},
          {"google.spanner.v1.Spanner.BatchWrite",
           {On::kDatabase, "spanner.databases.write"}},
          // No reference names any for this one. It tells a client that reads
          // where to go.
          {"google.spanner.v1.Spanner.FetchCacheUpdate",
           {On::kDatabase, "spanner.databases.read"}},
      };
  return *table;
}

}  // namespace

bool HasPermissions(absl::string_view full_name) {
  return Table().contains(full_name);
}

void CheckPermissionTable(const MethodTable& methods) {
  for (const std::unique_ptr<Method>& method : methods.methods()) {
    if (method->api_kind == ApiKind::kGoogle &&
        !HasPermissions(method->full_name)) {
      std::cerr << "no permissions for " << method->full_name << "\n";
      std::abort();
    }
  }
}

bool CheckPermissions(const Call& call, Check check) {
  const Row& row = Table().at(call.method().full_name);
  if (row.on == On::kResource && !check(row.permission, call.resource())) {
    return false;
  }
  if (row.on == On::kDatabase && !check(row.permission, DatabaseOf(call))) {
    return false;
  }
  return row.also == nullptr || row.also(call, check);
}

const std::set<absl::string_view>& NeededPermissions() {
  static const auto* const permissions = [] {
    auto* all = new std::set<absl::string_view>{
        kBeginReadOnly, kBeginPartitionedDml, kBeginOrRollbackReadWrite,
        kUseDataBoost,  kUseRoleBasedAccess,  kUseRole};
    for (const auto& [method, row] : Table()) {
      if (row.on != On::kNothing) all->insert(row.permission);
    }
    return all;
  }();
  return *permissions;
}

bool IsKnownPermission(absl::string_view permission) {
  return NeededPermissions().count(permission) > 0 ||
         std::any_of(Roles().begin(), Roles().end(), [&](const Role& role) {
           return std::find(role.permissions.begin(), role.permissions.end(),
                            permission) != role.permissions.end();
         });
}

}  // namespace spanner_session_emulator
