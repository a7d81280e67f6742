#include "server/auth/permissions.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
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

// Of operations on each kind of resource, by the collection that it is in. The
// first one that a name has: what lies deeper comes first.
struct OperationKind {
  absl::string_view collection;
  absl::string_view list, get, cancel, remove;
};
constexpr OperationKind kOperationKinds[] = {
    {"/databases/", "spanner.databaseOperations.list",
     "spanner.databaseOperations.get", "spanner.databaseOperations.cancel",
     "spanner.databaseOperations.cancel"},
    {"/backups/", "spanner.backupOperations.list",
     "spanner.backupOperations.get", "spanner.backupOperations.cancel",
     "spanner.backupOperations.cancel"},
    {"/instancePartitions/", "spanner.instancePartitionOperations.list",
     "spanner.instancePartitionOperations.get",
     "spanner.instancePartitionOperations.cancel",
     "spanner.instancePartitionOperations.delete"},
    {"/instanceConfigs/", "spanner.instanceConfigOperations.list",
     "spanner.instanceConfigOperations.get",
     "spanner.instanceConfigOperations.cancel",
     "spanner.instanceConfigOperations.delete"},
    {"/instances/", "spanner.instanceOperations.list",
     "spanner.instanceOperations.get", "spanner.instanceOperations.cancel",
     "spanner.instanceOperations.delete"},
};

// On what the operation is about. No role may delete those on databases and
// backups; to do so is taken for cancelling.
bool CheckOperation(const Call& call, Check check) {
  absl::string_view name = call.resource();
  name = name.substr(0, name.rfind("/operations"));
  const absl::string_view method = call.method().name;
  for (const OperationKind& kind : kOperationKinds) {
    if (!absl::StrContains(name, kind.collection)) continue;
    return check(method == "ListOperations"    ? kind.list
                 : method == "CancelOperation" ? kind.cancel
                 : method == "DeleteOperation" ? kind.remove
                                               : kind.get,
                 name);
  }
  return true;
}

// On what a row's permission is needed: what the request names, as it stands
// there, a session's database ...
enum class On { kNothing, kResource, kDatabase, kName };

// A row: what every call of the method needs, and what else depends on the
// request.
struct Row {
  On on;
  absl::string_view permission;
  bool (*also)(const Call&, Check) = nullptr;
};

const absl::flat_hash_map<absl::string_view, Row>& Table() {
  static const auto* const table = new absl::flat_hash_map<absl::string_view,
                                                           Row>{
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
      // Who may create is said of the parent. What asks for permissions
      // needs none.
      {"google.spanner.admin.instance.v1.InstanceAdmin.ListInstanceConfigs",
       {On::kName, "spanner.instanceConfigs.list"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.GetInstanceConfig",
       {On::kName, "spanner.instanceConfigs.get"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.CreateInstanceConfig",
       {On::kName, "spanner.instanceConfigs.create"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.UpdateInstanceConfig",
       {On::kName, "spanner.instanceConfigs.update"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.DeleteInstanceConfig",
       {On::kName, "spanner.instanceConfigs.delete"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin."
       "ListInstanceConfigOperations",
       {On::kName, "spanner.instanceConfigOperations.list"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.ListInstances",
       {On::kName, "spanner.instances.list"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.ListInstancePartitions",
       {On::kName, "spanner.instancePartitions.list"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.GetInstance",
       {On::kName, "spanner.instances.get"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.CreateInstance",
       {On::kName, "spanner.instances.create"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.UpdateInstance",
       {On::kName, "spanner.instances.update"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.DeleteInstance",
       {On::kName, "spanner.instances.delete"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.SetIamPolicy",
       {On::kName, "spanner.instances.setIamPolicy"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.GetIamPolicy",
       {On::kName, "spanner.instances.getIamPolicy"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.TestIamPermissions",
       {On::kNothing, ""}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.GetInstancePartition",
       {On::kName, "spanner.instancePartitions.get"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.CreateInstancePartition",
       {On::kName, "spanner.instancePartitions.create"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.DeleteInstancePartition",
       {On::kName, "spanner.instancePartitions.delete"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.UpdateInstancePartition",
       {On::kName, "spanner.instancePartitions.update"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin."
       "ListInstancePartitionOperations",
       {On::kName, "spanner.instancePartitionOperations.list"}},
      {"google.spanner.admin.instance.v1.InstanceAdmin.MoveInstance",
       {On::kName, "spanner.instances.update"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.ListDatabases",
       {On::kName, "spanner.databases.list"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.CreateDatabase",
       {On::kName, "spanner.databases.create"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.GetDatabase",
       {On::kName, "spanner.databases.get"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.UpdateDatabase",
       {On::kName, "spanner.databases.update"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.UpdateDatabaseDdl",
       {On::kName, "spanner.databases.updateDdl"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.DropDatabase",
       {On::kName, "spanner.databases.drop"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.GetDatabaseDdl",
       {On::kName, "spanner.databases.getDdl"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.SetIamPolicy",
       {On::kName, "spanner.databases.setIamPolicy"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.GetIamPolicy",
       {On::kName, "spanner.databases.getIamPolicy"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.TestIamPermissions",
       {On::kNothing, ""}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.CreateBackup",
       {On::kName, "spanner.backups.create"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.CopyBackup",
       {On::kName, "spanner.backups.copy"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.GetBackup",
       {On::kName, "spanner.backups.get"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.UpdateBackup",
       {On::kName, "spanner.backups.update"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.DeleteBackup",
       {On::kName, "spanner.backups.delete"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.ListBackups",
       {On::kName, "spanner.backups.list"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.RestoreDatabase",
       {On::kName, "spanner.databases.create"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.ListDatabaseOperations",
       {On::kName, "spanner.databaseOperations.list"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.ListBackupOperations",
       {On::kName, "spanner.backupOperations.list"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.ListDatabaseRoles",
       {On::kName, "spanner.databaseRoles.list"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.AddSplitPoints",
       {On::kName, "spanner.databases.addSplitPoints"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.CreateBackupSchedule",
       {On::kName, "spanner.backupSchedules.create"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.GetBackupSchedule",
       {On::kName, "spanner.backupSchedules.get"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.UpdateBackupSchedule",
       {On::kName, "spanner.backupSchedules.update"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.DeleteBackupSchedule",
       {On::kName, "spanner.backupSchedules.delete"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin.ListBackupSchedules",
       {On::kName, "spanner.backupSchedules.list"}},
      {"google.spanner.admin.database.v1.DatabaseAdmin."
       "InternalUpdateGraphOperation",
       {On::kName, "spanner.databases.update"}},
      {"google.longrunning.Operations.ListOperations",
       {On::kNothing, "", CheckOperation}},
      {"google.longrunning.Operations.GetOperation",
       {On::kNothing, "", CheckOperation}},
      {"google.longrunning.Operations.DeleteOperation",
       {On::kNothing, "", CheckOperation}},
      {"google.longrunning.Operations.CancelOperation",
       {On::kNothing, "", CheckOperation}},
      {"google.longrunning.Operations.WaitOperation",
       {On::kNothing, "", CheckOperation}},
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
  if (row.on == On::kName &&
      !check(row.permission, call.method().resource(call.request()))) {
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
    for (const OperationKind& kind : kOperationKinds) {
      all->insert({kind.list, kind.get, kind.cancel, kind.remove});
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
