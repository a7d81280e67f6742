#include "server/auth/permissions.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/text_format.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "server/call/method.h"
#include "server/call/pipeline.h"
#include "server/services/admin.h"
#include "tests/server/call/call_testing.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;

// Every permission that a call needs, as `spanner.sessions.get projects/…`, up
// to the one whose name is `missing`.
class PermissionsTest : public ::testing::Test {
 protected:
  PermissionsTest() { Add(SpannerService()); }

  void Add(const google::protobuf::ServiceDescriptor* service) {
    table_.AddService(service, [this](Call& call) {
      all_granted_ = CheckPermissions(call, [this](absl::string_view permission,
                                                   absl::string_view resource) {
        EXPECT_EQ(NeededPermissions().count(permission), 1) << permission;
        needed_.push_back(absl::StrCat(permission, " ", resource));
        return permission != missing_;
      });
      return Reply::Message(&response_);
    });
  }

  std::vector<std::string> Needed(absl::string_view method,
                                  const google::protobuf::Message& request,
                                  absl::string_view missing = "") {
    return NeededBy(absl::StrCat("google.spanner.v1.Spanner.", method), request,
                    missing);
  }

  // The same of any service's method, by its full name.
  std::vector<std::string> NeededBy(absl::string_view method,
                                    const google::protobuf::Message& request,
                                    absl::string_view missing = "") {
    needed_.clear();
    missing_ = std::string(missing);
    const FakeContext context(request.SerializeAsString());
    Call call(*FindMethod(table_, method), context);
    const auto begun = Pipeline(nullptr).Begin(call);
    EXPECT_TRUE(begun.reply.status().ok()) << begun.reply.status();
    return needed_;
  }

  MethodTable table_;
  api::Session response_;
  std::vector<std::string> needed_;
  std::string missing_;
  bool all_granted_ = false;
};

const std::string& TheSession() {
  static const auto* const name =
      new std::string(absl::StrCat(kDatabase, "/sessions/s"));
  return *name;
}

TEST_F(PermissionsTest, TheTableHasEveryMethodAndNoOther) {
  for (const auto& method : table_.methods()) {
    EXPECT_TRUE(HasPermissions(method->full_name)) << method->full_name;
  }
  CheckPermissionTable(table_);
  EXPECT_FALSE(HasPermissions("google.spanner.v1.Spanner.NoSuch"));
}

TEST(PermissionsDeathTest, AMethodOfGooglesWithoutPermissionsEndsTheStart) {
  MethodTable table;
  table.AddService(SpannerService(), nullptr);
  auto& method = const_cast<Method&>(*table.methods()[0]);
  method.full_name = "google.spanner.v1.Spanner.NewOne";
  EXPECT_DEATH(CheckPermissionTable(table),
               "no permissions for google.spanner.v1.Spanner.NewOne");
  method.api_kind = ApiKind::kControl;
  CheckPermissionTable(table);
}

// With a request that names its resource and asks for nothing special.
TEST_F(PermissionsTest, OfEveryMethod) {
  const std::string database(kDatabase), session = TheSession();
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"CreateSession", "spanner.sessions.create " + database},
      {"BatchCreateSessions", "spanner.sessions.create " + database},
      {"GetSession", "spanner.sessions.get " + session},
      {"ListSessions", "spanner.sessions.list " + database},
      {"DeleteSession", "spanner.sessions.delete " + session},
      {"ExecuteSql", "spanner.databases.select " + database},
      {"ExecuteStreamingSql", "spanner.databases.select " + database},
      {"ExecuteBatchDml", "spanner.databases.write " + database},
      {"Read", "spanner.databases.read " + database},
      {"StreamingRead", "spanner.databases.read " + database},
      {"BeginTransaction",
       "spanner.databases.beginOrRollbackReadWriteTransaction " + database},
      {"Commit", "spanner.databases.write " + database},
      {"Rollback",
       "spanner.databases.beginOrRollbackReadWriteTransaction " + database},
      {"PartitionQuery", "spanner.databases.partitionQuery " + database},
      {"PartitionRead", "spanner.databases.partitionRead " + database},
      {"BatchWrite", "spanner.databases.write " + database},
      {"FetchCacheUpdate", "spanner.databases.read " + database}};
  ASSERT_EQ(expected.size(), table_.methods().size());
  std::set<std::string> seen;
  for (const auto& methods : {MethodsOfSessions(), MethodsOfDatabases()}) {
    for (const NamingMethod& method : methods) {
      if (!seen.insert(method.name()).second) continue;
      const bool names_database = method.field->name() == "database";
      const auto it = std::find_if(
          expected.begin(), expected.end(),
          [&](const auto& row) { return row.first == method.name(); });
      ASSERT_NE(it, expected.end()) << method.name();
      EXPECT_THAT(Needed(method.name(),
                         *method.Request(names_database ? database : session)),
                  ElementsAre(it->second))
          << method.name();
      EXPECT_TRUE(all_granted_);
    }
  }
  EXPECT_EQ(seen.size(), expected.size());
}

// Of the admin API: on what a request names, which is the parent of what it
// lists or creates.
TEST_F(PermissionsTest, OfTheAdminApi) {
  for (const auto* service : AdminServices()) Add(service);
  CheckPermissionTable(table_);
  const std::string project = "projects/p", instance(kInstance),
                    database(kDatabase);
  const auto in = [](absl::string_view field, absl::string_view name) {
    return absl::StrCat(field, ": '", name, "'");
  };
  const std::string on_operation = "spanner.databaseOperations.";
  const std::string operations = database + "/operations";
  for (const auto& [method, request, needed] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"instance.v1.InstanceAdmin.ListInstanceConfigs",
            in("parent", project), "spanner.instanceConfigs.list " + project},
           {"instance.v1.InstanceAdmin.GetInstanceConfig",
            in("name", "projects/p/instanceConfigs/c"),
            "spanner.instanceConfigs.get projects/p/instanceConfigs/c"},
           {"instance.v1.InstanceAdmin.ListInstances", in("parent", project),
            "spanner.instances.list " + project},
           {"instance.v1.InstanceAdmin.CreateInstance", in("parent", project),
            "spanner.instances.create " + project},
           {"instance.v1.InstanceAdmin.GetInstance", in("name", instance),
            "spanner.instances.get " + instance},
           {"instance.v1.InstanceAdmin.UpdateInstance",
            absl::StrCat("instance { ", in("name", instance), " }"),
            "spanner.instances.update " + instance},
           {"instance.v1.InstanceAdmin.DeleteInstance", in("name", instance),
            "spanner.instances.delete " + instance},
           {"database.v1.DatabaseAdmin.ListDatabases", in("parent", instance),
            "spanner.databases.list " + instance},
           {"database.v1.DatabaseAdmin.CreateDatabase", in("parent", instance),
            "spanner.databases.create " + instance},
           {"database.v1.DatabaseAdmin.GetDatabase", in("name", database),
            "spanner.databases.get " + database},
           {"database.v1.DatabaseAdmin.UpdateDatabase",
            absl::StrCat("database { ", in("name", database), " }"),
            "spanner.databases.update " + database},
           {"database.v1.DatabaseAdmin.UpdateDatabaseDdl",
            in("database", database),
            "spanner.databases.updateDdl " + database},
           {"database.v1.DatabaseAdmin.GetDatabaseDdl",
            in("database", database), "spanner.databases.getDdl " + database},
           {"database.v1.DatabaseAdmin.DropDatabase", in("database", database),
            "spanner.databases.drop " + database},
           {"database.v1.DatabaseAdmin.ListDatabaseOperations",
            in("parent", instance), on_operation + "list " + instance},
           {"database.v1.DatabaseAdmin.TestIamPermissions",
            in("resource", database), ""},
           {"Operations.ListOperations", in("name", operations),
            on_operation + "list " + database},
           {"Operations.GetOperation", in("name", operations + "/o"),
            on_operation + "get " + database},
           {"Operations.WaitOperation", in("name", operations + "/o"),
            on_operation + "get " + database},
           {"Operations.CancelOperation", in("name", operations + "/o"),
            on_operation + "cancel " + database},
           {"Operations.DeleteOperation", in("name", operations + "/o"),
            on_operation + "cancel " + database},
           {"Operations.ListOperations", in("name", instance + "/operations"),
            "spanner.instanceOperations.list " + instance},
           {"Operations.DeleteOperation",
            in("name", instance + "/operations/o"),
            "spanner.instanceOperations.delete " + instance},
           {"Operations.GetOperation",
            in("name", instance + "/backups/b/operations/o"),
            absl::StrCat("spanner.backupOperations.get ", instance,
                         "/backups/b")},
           {"Operations.GetOperation",
            in("name", instance + "/instancePartitions/i/operations/o"),
            absl::StrCat("spanner.instancePartitionOperations.get ", instance,
                         "/instancePartitions/i")},
           {"Operations.GetOperation",
            in("name", "projects/p/instanceConfigs/c/operations/o"),
            "spanner.instanceConfigOperations.get "
            "projects/p/instanceConfigs/c"}}) {
    const std::string full_name = absl::StrCat(
        absl::StartsWith(method, "Operations.") ? "google.longrunning."
                                                : "google.spanner.admin.",
        method);
    const Method* const found = FindMethod(table_, full_name);
    ASSERT_NE(found, nullptr) << full_name;
    google::protobuf::Arena arena;
    google::protobuf::Message* const message = found->NewRequest(&arena);
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(request, message))
        << request;
    std::vector<std::string> expected;
    if (!needed.empty()) expected.push_back(needed);
    EXPECT_EQ(NeededBy(full_name, *message), expected) << full_name;
    EXPECT_TRUE(all_granted_);
    if (needed.empty()) continue;
    NeededBy(full_name, *message, needed.substr(0, needed.find(' ')));
    EXPECT_FALSE(all_granted_) << full_name;
  }
}

// Names in which "sessions" stands elsewhere, too.
TEST_F(PermissionsTest, OfWhatIsCalledSessions) {
  for (const std::string database :
       {"projects/sessions/instances/i/databases/d",
        "projects/p/instances/sessions/databases/d",
        "projects/p/instances/i/databases/sessions"}) {
    const std::string session = database + "/sessions/sessions";
    api::ExecuteSqlRequest sql;
    sql.set_session(session);
    EXPECT_THAT(Needed("ExecuteSql", sql),
                ElementsAre("spanner.databases.select " + database));
    api::GetSessionRequest get;
    get.set_name(session);
    EXPECT_THAT(Needed("GetSession", get),
                ElementsAre("spanner.sessions.get " + session));
  }
}

TEST_F(PermissionsTest, OfARoleThatASessionActsAs) {
  const auto create = [](const std::string& role) {
    api::CreateSessionRequest request;
    request.set_database(std::string(kDatabase));
    request.mutable_session()->set_creator_role(role);
    return request;
  };
  const auto batch = [](const std::string& role) {
    api::BatchCreateSessionsRequest request;
    request.set_database(std::string(kDatabase));
    request.mutable_session_template()->set_creator_role(role);
    return request;
  };
  const std::string first = absl::StrCat("spanner.sessions.create ", kDatabase);
  const std::string second =
      absl::StrCat("spanner.databases.useRoleBasedAccess ", kDatabase);
  const std::string third = absl::StrCat("spanner.databaseRoles.use ",
                                         kDatabase, "/databaseRoles/parrot");
  EXPECT_THAT(Needed("CreateSession", create("parrot")),
              ElementsAre(first, second, third));
  EXPECT_THAT(Needed("CreateSession", create("public")),
              ElementsAre(first, second));
  EXPECT_THAT(Needed("BatchCreateSessions", batch("parrot")),
              ElementsAre(first, second, third));
  EXPECT_THAT(Needed("BatchCreateSessions", batch("public")),
              ElementsAre(first, second));
  // It ends with the first that is missing.
  EXPECT_THAT(Needed("CreateSession", create("parrot"),
                     "spanner.databases.useRoleBasedAccess"),
              ElementsAre(first, second));
  EXPECT_FALSE(all_granted_);
  EXPECT_THAT(
      Needed("CreateSession", create("parrot"), "spanner.sessions.create"),
      ElementsAre(first));
  EXPECT_FALSE(all_granted_);
  EXPECT_THAT(
      Needed("CreateSession", create("parrot"), "spanner.databaseRoles.use"),
      ElementsAre(first, second, third));
  EXPECT_FALSE(all_granted_);
}

TEST_F(PermissionsTest, OfEveryKindOfTransaction) {
  const std::string on = absl::StrCat(" ", kDatabase);
  const std::string write =
      "spanner.databases.beginOrRollbackReadWriteTransaction" + on;
  for (const auto& [options, needed] :
       std::vector<std::pair<std::string, std::string>>{
           {"read_write {}", write},
           {"read_only { strong: true }",
            "spanner.databases.beginReadOnlyTransaction" + on},
           {"partitioned_dml {}",
            "spanner.databases.beginPartitionedDmlTransaction" + on}}) {
    EXPECT_THAT(
        Needed("BeginTransaction",
               FromText<api::BeginTransactionRequest>(absl::StrCat(
                   "session: '", TheSession(), "' options { ", options, " }"))),
        ElementsAre(needed));
    const std::string begins =
        absl::StrCat("session: '", TheSession(), "' transaction { begin { ",
                     options, " } }");
    EXPECT_THAT(Needed("ExecuteSql", FromText<api::ExecuteSqlRequest>(begins)),
                ElementsAre("spanner.databases.select" + on, needed));
    EXPECT_THAT(
        Needed("ExecuteStreamingSql", FromText<api::ExecuteSqlRequest>(begins)),
        ElementsAre("spanner.databases.select" + on, needed));
    EXPECT_THAT(Needed("ExecuteBatchDml",
                       FromText<api::ExecuteBatchDmlRequest>(begins)),
                ElementsAre("spanner.databases.write" + on, needed));
    EXPECT_THAT(Needed("Read", FromText<api::ReadRequest>(begins)),
                ElementsAre("spanner.databases.read" + on, needed));
    EXPECT_THAT(Needed("StreamingRead", FromText<api::ReadRequest>(begins)),
                ElementsAre("spanner.databases.read" + on, needed));
    EXPECT_THAT(
        Needed("PartitionQuery", FromText<api::PartitionQueryRequest>(begins)),
        ElementsAre("spanner.databases.partitionQuery" + on, needed));
    EXPECT_THAT(
        Needed("PartitionRead", FromText<api::PartitionReadRequest>(begins)),
        ElementsAre("spanner.databases.partitionRead" + on, needed));
  }
  EXPECT_THAT(
      Needed("Read", FromText<api::ReadRequest>(absl::StrCat(
                         "session: '", TheSession(),
                         "' transaction { single_use { read_only {} } }"))),
      ElementsAre("spanner.databases.read" + on));
}

TEST_F(PermissionsTest, OfDataBoost) {
  const std::string text =
      absl::StrCat("session: '", TheSession(), "' data_boost_enabled: true");
  const std::string boost =
      absl::StrCat("spanner.databases.useDataBoost ", kDatabase);
  EXPECT_THAT(
      Needed("ExecuteStreamingSql", FromText<api::ExecuteSqlRequest>(text)),
      ElementsAre(absl::StrCat("spanner.databases.select ", kDatabase), boost));
  EXPECT_THAT(
      Needed("StreamingRead", FromText<api::ReadRequest>(text)),
      ElementsAre(absl::StrCat("spanner.databases.read ", kDatabase), boost));
}

}  // namespace
}  // namespace spanner_session_emulator
