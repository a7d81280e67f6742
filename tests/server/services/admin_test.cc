// The admin API, over all protocols: instances, databases, operations, and what
// becomes of sessions.

#include "server/services/admin.h"

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/longrunning/operations.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/empty.pb.h"
#include "google/spanner/admin/database/v1/spanner_database_admin.pb.h"
#include "google/spanner/admin/instance/v1/spanner_instance_admin.pb.h"
#include "gtest/gtest.h"
#include "server/journal.h"
#include "server/services/operation_filter.h"
#include "server/services/operations.h"
#include "spanner_session_emulator/v1/faults.pb.h"
#include "store/names.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

namespace database = ::google::spanner::admin::database::v1;
namespace instance = ::google::spanner::admin::instance::v1;

using ::google::longrunning::ListOperationsResponse;
using ::google::longrunning::Operation;
using ::google::protobuf::Empty;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;
constexpr absl::StatusCode kAlreadyExists = absl::StatusCode::kAlreadyExists;

constexpr absl::string_view kNewInstance = "projects/p/instances/inst";
constexpr absl::string_view kNewDatabase =
    "projects/p/instances/inst/databases/music";

template <typename Message>
Message Unpacked(const google::protobuf::Any& any) {
  Message message;
  EXPECT_TRUE(any.UnpackTo(&message)) << any.type_url();
  return message;
}

class AdminTest : public ::testing::TestWithParam<Transport> {
 protected:
  AdminTest() { StartWith({}); }

  void StartWith(EmulatorOptions options) {
    caller_ = nullptr;
    client_ = nullptr;
    emulator_ = StartEmulator(std::move(options));
    caller_ = MakeCaller(*emulator_, GetParam());
    client_ =
        std::make_unique<SpannerClient>(MakeCaller(*emulator_, GetParam()));
  }

  Emulator& emulator() { return *emulator_; }
  SpannerClient& client() { return *client_; }

  // `method` is a full name but for `google.`; the request is text.
  template <typename Response>
  absl::StatusOr<Response> Call(const std::string& method,
                                const std::string& text) {
    const auto* descriptor =
        google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
            absl::StrCat("google.", method));
    const std::unique_ptr<google::protobuf::Message> request(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(descriptor->input_type())
            ->New());
    EXPECT_TRUE(
        google::protobuf::TextFormat::ParseFromString(text, request.get()))
        << text;
    return ToResponse<Response>(caller_->Call(*descriptor, *request));
  }
  template <typename Response = Operation>
  absl::StatusOr<Response> OnInstance(const std::string& method,
                                      const std::string& text) {
    return Call<Response>(
        absl::StrCat("spanner.admin.instance.v1.InstanceAdmin.", method), text);
  }
  template <typename Response = Operation>
  absl::StatusOr<Response> OnDatabase(const std::string& method,
                                      const std::string& text) {
    return Call<Response>(
        absl::StrCat("spanner.admin.database.v1.DatabaseAdmin.", method), text);
  }
  template <typename Response = Operation>
  absl::StatusOr<Response> OnOperation(const std::string& method,
                                       absl::string_view name) {
    return Call<Response>(absl::StrCat("longrunning.Operations.", method),
                          absl::StrCat("name: '", name, "'"));
  }

  absl::StatusOr<Operation> CreateInstance(
      const std::string& id = "inst",
      const std::string& fields = "node_count: 1") {
    return OnInstance(
        "CreateInstance",
        absl::StrCat("parent: 'projects/p' instance_id: '", id,
                     "' instance { config: "
                     "'projects/p/instanceConfigs/regional-us-central1' "
                     "display_name: 'My instance' ",
                     fields, " }"));
  }
  absl::StatusOr<Operation> CreateDatabase(
      const std::string& id = "music", const std::string& more = "",
      absl::string_view parent = kNewInstance) {
    return OnDatabase("CreateDatabase",
                      absl::StrCat("parent: '", parent,
                                   "' create_statement: 'CREATE DATABASE `", id,
                                   "`' ", more));
  }
  absl::StatusOr<instance::Instance> GetInstance(
      absl::string_view name = kNewInstance) {
    return OnInstance<instance::Instance>("GetInstance", Name(name));
  }
  absl::StatusOr<database::Database> GetDatabase(
      absl::string_view name = kNewDatabase) {
    return OnDatabase<database::Database>("GetDatabase", Name(name));
  }
  std::vector<std::string> GetDdl(absl::string_view name = kNewDatabase) {
    const auto response = OnDatabase<database::GetDatabaseDdlResponse>(
        "GetDatabaseDdl", Database(name));
    EXPECT_THAT(response, IsOk());
    return {response->statements().begin(), response->statements().end()};
  }
  absl::Status DropDatabase(absl::string_view name = kNewDatabase) {
    return OnDatabase<Empty>("DropDatabase", Database(name)).status();
  }
  absl::Status DeleteInstance(absl::string_view name = kNewInstance) {
    return OnInstance<Empty>("DeleteInstance", Name(name)).status();
  }

  static std::string Name(absl::string_view name) {
    return absl::StrCat("name: '", name, "' ");
  }
  static std::string Database(absl::string_view name) {
    return absl::StrCat("database: '", name, "' ");
  }
  static std::string Parent(absl::string_view name) {
    return absl::StrCat("parent: '", name, "' ");
  }

 private:
  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<Caller> caller_;
  std::unique_ptr<SpannerClient> client_;
};

INSTANTIATE_ALL_TRANSPORTS(AdminTest);

// ---- Instance configs.

TEST_P(AdminTest, ListsInstanceConfigs) {
  std::vector<std::string> names;
  std::string token;
  do {
    const auto page = OnInstance<instance::ListInstanceConfigsResponse>(
        "ListInstanceConfigs",
        absl::StrCat("parent: 'projects/p' page_size: 5 page_token: '", token,
                     "'"));
    ASSERT_THAT(page, IsOk());
    EXPECT_LE(page->instance_configs_size(), 5);
    for (const auto& config : page->instance_configs()) {
      EXPECT_EQ(config.state(), instance::InstanceConfig::READY);
      names.push_back(config.name());
    }
    token = page->next_page_token();
  } while (!token.empty());
  EXPECT_THAT(names, ::testing::IsSupersetOf(
                         {"projects/p/instanceConfigs/emulator-config",
                          "projects/p/instanceConfigs/nam3",
                          "projects/p/instanceConfigs/regional-us-central1"}));
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST_P(AdminTest, AnyInstanceConfigExistsUnlessThatIsStrict) {
  const auto get = [this](const std::string& name) {
    return OnInstance<instance::InstanceConfig>(
        "GetInstanceConfig", Name("projects/p/instanceConfigs/" + name));
  };
  const auto config = get("regional-us-central1");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->name(), "projects/p/instanceConfigs/regional-us-central1");
  EXPECT_EQ(config->config_type(), instance::InstanceConfig::GOOGLE_MANAGED);
  EXPECT_THAT(get("custom-mine"), IsOk());
  EXPECT_THAT(get("No"), StatusIs(kInvalidArgument,
                                  StartsWith("Invalid GetInstanceConfig "
                                             "request: name must be "
                                             "projects/<project>/"
                                             "instanceConfigs/<config>, ")));
  StartWith({.strict = true});
  EXPECT_THAT(get("regional-us-central1"), IsOk());
  EXPECT_THAT(get("custom-mine"),
              StatusIs(kNotFound,
                       "Instance config not found: "
                       "projects/p/instanceConfigs/custom-mine"));
  EXPECT_THAT(OnInstance("CreateInstance",
                         "parent: 'projects/p' instance_id: 'inst' instance { "
                         "config: 'projects/p/instanceConfigs/custom-mine' }"),
              StatusIs(kNotFound, StartsWith("Instance config not found: ")));
}

// ---- Instances.

TEST_P(AdminTest, CreatesAnInstance) {
  const auto operation = CreateInstance(
      "inst",
      "node_count: 2 labels { key: 'env' value: 'test' } edition: "
      "ENTERPRISE");
  ASSERT_THAT(operation, IsOk());
  EXPECT_TRUE(operation->done());
  EXPECT_THAT(operation->name(),
              StartsWith(absl::StrCat(kNewInstance, "/operations/_")));
  const auto made = Unpacked<instance::Instance>(operation->response());
  EXPECT_THAT(
      made,
      EqualsProto(FromText<instance::Instance>(
          "name: 'projects/p/instances/inst' "
          "config: 'projects/p/instanceConfigs/regional-us-central1' "
          "display_name: 'My instance' node_count: 2 processing_units: 2000 "
          "state: READY labels { key: 'env' value: 'test' } "
          "edition: ENTERPRISE "
          "create_time { seconds: 1700000000 nanos: 123456000 } "
          "update_time { seconds: 1700000000 nanos: 123456000 }")));
  const auto metadata =
      Unpacked<instance::CreateInstanceMetadata>(operation->metadata());
  EXPECT_THAT(metadata.instance(), EqualsProto(made));
  EXPECT_EQ(metadata.end_time().seconds(), 1'700'000'000);
  const auto got = GetInstance();
  ASSERT_THAT(got, IsOk());
  EXPECT_THAT(*got, EqualsProto(made));
  EXPECT_THAT(CreateInstance(),
              StatusIs(kAlreadyExists,
                       "Instance already exists: projects/p/instances/inst"));
}

TEST_P(AdminTest, AnInstanceThatNobodyCreatedHasDefaults) {
  const auto got = GetInstance("projects/q/instances/i");
  ASSERT_THAT(got, IsOk());
  EXPECT_THAT(*got, EqualsProto(FromText<instance::Instance>(
                        "name: 'projects/q/instances/i' "
                        "config: 'projects/q/instanceConfigs/emulator-config' "
                        "display_name: 'i' node_count: 1 processing_units: "
                        "1000 state: READY "
                        "create_time { seconds: 1700000000 nanos: 123456000 } "
                        "update_time { seconds: 1700000000 nanos: 123456000 "
                        "}")));
  // It has sessions, and can be created all the same.
  EXPECT_THAT(client().Create("", kNewDatabase), IsOk());
  EXPECT_THAT(CreateInstance(), IsOk());
}

TEST_P(AdminTest, AnInstanceHasNodesOrProcessingUnits) {
  EXPECT_THAT(CreateInstance("few", "processing_units: 300"), IsOk());
  EXPECT_EQ(GetInstance("projects/p/instances/few")->processing_units(), 300);
  EXPECT_EQ(GetInstance("projects/p/instances/few")->node_count(), 0);
  for (const auto& [fields, problem] :
       std::vector<std::pair<std::string, std::string>>{
           {"node_count: 1 processing_units: 1000",
            "instance.processing_units must not be there beside node_count: a "
            "node has 1000 of them"},
           {"processing_units: 150",
            "instance.processing_units must be a multiple of 100 below 1000, "
            "and of 1000 above, but is 150"},
           {"processing_units: 1100",
            "instance.processing_units must be a multiple of 100 below 1000, "
            "and of 1000 above, but is 1100"},
           {"node_count: -1",
            "instance.node_count must be from 0 to 1000000, but is -1"},
           {"autoscaling_config {}",
            "instance.autoscaling_config is not supported; give node_count or "
            "processing_units"},
           {"labels { key: 'Env' value: '' }",
            "instance.labels must have keys as [a-z][a-z0-9_-]{0,62}, but has "
            "\"Env\""},
           {"labels { key: 'env' value: 'X' }",
            "instance.labels must have values as [a-z0-9_-]{0,63}, but has "
            "\"X\""},
           {"name: 'projects/p/instances/other'",
            "instance.name must be empty or projects/p/instances/bad, but is "
            "\"projects/p/instances/other\""}}) {
    EXPECT_THAT(CreateInstance("bad", fields),
                StatusIs(kInvalidArgument,
                         "Invalid CreateInstance request: " + problem));
  }
}

TEST_P(AdminTest, AnInstancesIdIsAsTheApiSays) {
  for (const std::string& id :
       std::vector<std::string>{"", "i", "I2", "1i", "i_2", "i-", "-i", "i/2",
                                std::string(65, 'i')}) {
    EXPECT_THAT(
        CreateInstance(id),
        StatusIs(kInvalidArgument, StartsWith("Invalid CreateInstance request: "
                                              "instance_id must be as ")))
        << id;
  }
  EXPECT_THAT(CreateInstance(std::string(64, 'i')), IsOk());
  // A project with which the instance's name gets too long.
  EXPECT_THAT(
      OnInstance("CreateInstance",
                 absl::StrCat(Parent("projects/" + std::string(4080, 'p')),
                              "instance_id: 'inst'")),
      StatusIs(kInvalidArgument,
               AllOf(StartsWith("Invalid CreateInstance request: parent must "
                                "be projects/<project>/instances/<instance>"),
                     HasSubstr("is longer than 4096 bytes"))));
  EXPECT_THAT(
      OnInstance("CreateInstance", "parent: 'p' instance_id: 'inst'"),
      StatusIs(GetParam() == Transport::kRest ? kNotFound : kInvalidArgument,
               testing::_));
  EXPECT_THAT(
      OnInstance("CreateInstance",
                 "parent: 'projects/p' instance_id: 'inst' instance { config: "
                 "'regional-us-central1' }"),
      StatusIs(kInvalidArgument,
               StartsWith("Invalid CreateInstance request: instance.config "
                          "must be projects/<project>/instanceConfigs/")));
}

TEST_P(AdminTest, ListsTheInstancesOfAProject) {
  for (const char* id : {"in3", "in1", "in2"}) {
    ASSERT_THAT(
        CreateInstance(
            id, absl::StrCat("labels { key: 'env' value: 'env-", id, "' }")),
        IsOk());
  }
  ASSERT_THAT(OnInstance("CreateInstance",
                         "parent: 'projects/p-2' instance_id: 'other'"),
              IsOk());
  using Response = instance::ListInstancesResponse;
  const auto list = [this](const std::string& more) {
    return OnInstance<Response>("ListInstances",
                                "parent: 'projects/p' " + more);
  };
  const auto ids = [&](const std::string& more) {
    std::vector<std::string> found;
    const auto response = list(more);
    EXPECT_THAT(response, IsOk());
    for (const auto& each : response->instances()) {
      found.push_back(each.name().substr(each.name().rfind('/') + 1));
    }
    return found;
  };
  EXPECT_THAT(ids(""), ElementsAre("in1", "in2", "in3"));
  EXPECT_THAT(ids("filter: 'name:IN2'"), ElementsAre("in2"));
  EXPECT_THAT(ids("filter: 'labels.env:*'"), ElementsAre("in1", "in2", "in3"));
  EXPECT_THAT(ids("filter: 'labels.env:in3 AND display_name:instance'"),
              ElementsAre("in3"));
  EXPECT_THAT(ids("filter: 'labels.other:*'"), IsEmpty());
  for (const std::string& filter :
       std::vector<std::string>{"in1", "state:READY", "name=in1",
                                "name:", "labels.:x", "(name:in1)"}) {
    EXPECT_THAT(list(absl::StrCat("filter: '", filter, "'")),
                StatusIs(kInvalidArgument,
                         StartsWith("Invalid ListInstances request: filter "
                                    "must be of terms as name:TEXT")))
        << filter;
  }
  const auto first = list("page_size: 2");
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(first->instances(), SizeIs(2));
  const std::string token =
      absl::StrCat("page_token: '", first->next_page_token(), "'");
  EXPECT_THAT(ids(token), ElementsAre("in3"));
  EXPECT_EQ(list(token)->next_page_token(), "");
  for (const std::string& wrong :
       {token + " filter: 'name:in'", std::string("page_token: 'x'")}) {
    EXPECT_THAT(list(wrong), StatusIs(kInvalidArgument,
                                      StartsWith("Invalid ListInstances "
                                                 "request: page_token must ")));
  }
}

TEST_P(AdminTest, UpdatesAnInstanceByItsMask) {
  ASSERT_THAT(CreateInstance("inst", "node_count: 1 edition: STANDARD"),
              IsOk());
  ASSERT_THAT(emulator().clock().Advance(absl::Seconds(1)), IsOk());
  const auto operation = OnInstance(
      "UpdateInstance",
      "instance { name: 'projects/p/instances/inst' processing_units: 500 "
      "display_name: 'ignored' labels { key: 'a' value: 'b' } } "
      "field_mask { paths: 'processing_units' paths: 'labels' }");
  ASSERT_THAT(operation, IsOk());
  EXPECT_TRUE(operation->done());
  const auto updated = Unpacked<instance::Instance>(operation->response());
  EXPECT_EQ(updated.display_name(), "My instance");
  EXPECT_EQ(updated.processing_units(), 500);
  EXPECT_EQ(updated.edition(), instance::Instance::STANDARD);
  EXPECT_EQ(updated.labels().at("a"), "b");
  EXPECT_EQ(updated.update_time().seconds(), 1'700'000'001);
  EXPECT_EQ(updated.create_time().seconds(), 1'700'000'000);
  EXPECT_THAT(*GetInstance(), EqualsProto(updated));
  const std::string name = "instance { name: 'projects/p/instances/inst' } ";
  EXPECT_THAT(OnInstance("UpdateInstance", name),
              StatusIs(kInvalidArgument,
                       StartsWith("Invalid UpdateInstance request: field_mask "
                                  "must say what to update: display_name, ")));
  EXPECT_THAT(
      OnInstance("UpdateInstance", name + "field_mask { paths: 'state' }"),
      StatusIs(kInvalidArgument, HasSubstr("but has \"state\"")));
  // As gcloud says it, to be rid of an autoscaler.
  EXPECT_THAT(
      OnInstance("UpdateInstance",
                 "instance { name: 'projects/p/instances/inst' node_count: 2 } "
                 "field_mask { paths: 'autoscaling_config' "
                 "paths: 'node_count' }"),
      IsOk());
  EXPECT_EQ(GetInstance()->processing_units(), 2000);
}

// As clients do that get an instance, change it, and send all of it.
TEST_P(AdminTest, OfAnInstancesUpdateOnlyWhatTheMaskNamesCounts) {
  ASSERT_THAT(CreateInstance("inst", "node_count: 1"), IsOk());
  const auto update = [this](const std::string& fields,
                             const std::string& mask) {
    return OnInstance("UpdateInstance",
                      absl::StrCat("instance { ", Name(kNewInstance), fields,
                                   " } field_mask { ", mask, " }"));
  };
  ASSERT_THAT(
      update("node_count: 1 processing_units: 500 labels { key: 'No' } ",
             "paths: 'processing_units'"),
      IsOk());
  EXPECT_EQ(GetInstance()->processing_units(), 500);
  ASSERT_THAT(
      update("node_count: 3 processing_units: 500", "paths: 'node_count'"),
      IsOk());
  EXPECT_EQ(GetInstance()->processing_units(), 3000);
  EXPECT_THAT(update("node_count: 3 processing_units: 3000",
                     "paths: 'node_count' paths: 'processing_units'"),
              StatusIs(kInvalidArgument,
                       HasSubstr("must not be there beside node_count")));
}

// Python's client always names the config.
TEST_P(AdminTest, AnInstanceKeepsItsConfig) {
  ASSERT_THAT(CreateInstance(), IsOk());
  const auto update = [this](const std::string& config) {
    return OnInstance(
        "UpdateInstance",
        absl::StrCat("instance { ", Name(kNewInstance), "config: '", config,
                     "' display_name: 'Changed' processing_units: 2000 } "
                     "field_mask { paths: 'config' paths: 'display_name' "
                     "paths: 'processing_units' paths: 'labels' }"));
  };
  EXPECT_THAT(
      update("projects/p/instanceConfigs/nam3"),
      StatusIs(kInvalidArgument,
               "Invalid UpdateInstance request: instance.config must be empty "
               "or projects/p/instanceConfigs/regional-us-central1 as it is, "
               "but is \"projects/p/instanceConfigs/nam3\""));
  EXPECT_EQ(GetInstance()->display_name(), "My instance");
  for (const char* config :
       {"", "projects/p/instanceConfigs/regional-us-central1"}) {
    ASSERT_THAT(update(config), IsOk());
    EXPECT_EQ(GetInstance()->display_name(), "Changed");
    EXPECT_EQ(GetInstance()->config(),
              "projects/p/instanceConfigs/regional-us-central1");
  }
}

TEST_P(AdminTest, GetsPartsOfAnInstance) {
  ASSERT_THAT(CreateInstance(), IsOk());
  const auto part = OnInstance<instance::Instance>(
      "GetInstance", Name(kNewInstance) + "field_mask { paths: 'node_count' }");
  ASSERT_THAT(part, IsOk());
  EXPECT_THAT(*part,
              EqualsProto(FromText<instance::Instance>("node_count: 1")));
  EXPECT_THAT(
      OnInstance<instance::Instance>(
          "GetInstance", Name(kNewInstance) + "field_mask { paths: 'no' }"),
      StatusIs(kInvalidArgument, testing::_));
}

TEST_P(AdminTest, DeletesAnInstanceWithAllThatIsInIt) {
  ASSERT_THAT(CreateInstance(), IsOk());
  ASSERT_THAT(CreateDatabase(), IsOk());
  const auto session = client().Create("", kNewDatabase);
  const auto other = client().Create();
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(DeleteInstance(), IsOk());
  EXPECT_THAT(client().Get(session->name()),
              StatusIs(kNotFound, StartsWith("Session not found: ")));
  EXPECT_THAT(client().Get(other->name()), IsOk());
  const std::string missing = "Instance not found: projects/p/instances/inst";
  EXPECT_THAT(GetInstance(), StatusIs(kNotFound, missing));
  EXPECT_THAT(DeleteInstance(), IsOk());  // Twice is once.
  EXPECT_THAT(DropDatabase(), StatusIs(kNotFound, missing));
  EXPECT_THAT(GetDatabase(), StatusIs(kNotFound, missing));
  EXPECT_THAT(CreateDatabase(), StatusIs(kNotFound, missing));
  EXPECT_THAT(client().Create("", kNewDatabase), StatusIs(kNotFound, missing));
  EXPECT_THAT(OnDatabase<database::ListDatabasesResponse>("ListDatabases",
                                                          Parent(kNewInstance)),
              StatusIs(kNotFound, missing));
  EXPECT_THAT(OnInstance("UpdateInstance",
                         "instance { name: 'projects/p/instances/inst' } "
                         "field_mask { paths: 'node_count' }"),
              StatusIs(kNotFound, missing));
  ASSERT_THAT(CreateInstance(), IsOk());
  EXPECT_THAT(
      GetDatabase(),
      StatusIs(kNotFound, absl::StrCat("Database not found: ", kNewDatabase)));
}

// ---- Databases.

TEST_P(AdminTest, CreatesADatabase) {
  const auto operation =
      CreateDatabase("music",
                     "extra_statements: 'CREATE TABLE T (Id INT64) "
                     "PRIMARY KEY (Id)' extra_statements: ' x ; '");
  ASSERT_THAT(operation, IsOk());
  EXPECT_TRUE(operation->done());
  EXPECT_THAT(operation->name(),
              StartsWith(absl::StrCat(kNewDatabase, "/operations/_")));
  EXPECT_EQ(Unpacked<database::CreateDatabaseMetadata>(operation->metadata())
                .database(),
            kNewDatabase);
  const auto made = Unpacked<database::Database>(operation->response());
  EXPECT_THAT(
      made, EqualsProto(FromText<database::Database>(absl::StrCat(
                "name: '", kNewDatabase,
                "' state: READY version_retention_period: '1h' "
                "database_dialect: GOOGLE_STANDARD_SQL "
                "create_time { seconds: 1700000000 nanos: 123456000 } "
                "earliest_version_time { seconds: 1700000000 nanos: 123456000 "
                "}"))));
  EXPECT_THAT(*GetDatabase(), EqualsProto(made));
  EXPECT_THAT(GetDdl(),
              ElementsAre("CREATE TABLE T (Id INT64) PRIMARY KEY (Id)", "x"));
  EXPECT_THAT(CreateDatabase(),
              StatusIs(kAlreadyExists, absl::StrCat("Database already exists: ",
                                                    kNewDatabase)));
  ASSERT_THAT(emulator().clock().Advance(absl::Hours(3)), IsOk());
  EXPECT_EQ(GetDatabase()->earliest_version_time().seconds(),
            1'700'000'000 + 2 * 3600);
}

TEST_P(AdminTest, ReadsTheNameOutOfTheStatement) {
  const auto create = [this](const std::string& statement,
                             const std::string& more = "") {
    return OnDatabase("CreateDatabase",
                      absl::StrCat(Parent(kNewInstance), "create_statement: '",
                                   absl::CEscape(statement), "' ", more));
  };
  const std::string postgresql = "database_dialect: POSTGRESQL";
  EXPECT_THAT(create("CREATE DATABASE plain"), IsOk());
  EXPECT_THAT(create("  create\tdatabase\n `a-b_c` ; "), IsOk());
  EXPECT_THAT(create("CREATE DATABASE`close`"), IsOk());
  EXPECT_THAT(create("CREATE DATABASE \"pg-1\"", postgresql), IsOk());
  EXPECT_THAT(create("CREATE DATABASE pg2", postgresql), IsOk());
  std::vector<std::string> names;
  const auto list = OnDatabase<database::ListDatabasesResponse>(
      "ListDatabases", Parent(kNewInstance));
  ASSERT_THAT(list, IsOk());
  for (const auto& each : list->databases()) {
    names.push_back(each.name().substr(kNewInstance.size()));
  }
  EXPECT_THAT(names, ElementsAre("/databases/a-b_c", "/databases/close",
                                 "/databases/pg-1", "/databases/pg2",
                                 "/databases/plain"));
  for (const std::string& statement : std::vector<std::string>{
           "", "x", "CREATE DATABASE a-b", "CREATE TABLE ab",
           "CREATEDATABASE ab", "CREATE DATABASEab", "CREATE DATABASE \"ab\"",
           "CREATE DATABASE ab cd", "CREATE DATABASE `ab"}) {
    EXPECT_THAT(create(statement),
                StatusIs(kInvalidArgument,
                         StartsWith("Invalid CreateDatabase request: "
                                    "create_statement must be CREATE DATABASE "
                                    "name, in which a name with a hyphen "
                                    "stands in backticks, but is \"")))
        << statement;
  }
  EXPECT_THAT(create("CREATE DATABASE `ab`", postgresql),
              StatusIs(kInvalidArgument, HasSubstr("in double quotes")));
  for (const std::string& id : std::vector<std::string>{
           "a", "Ab", "1a", "a-", "a.b", std::string(31, 'a')}) {
    EXPECT_THAT(create(absl::StrCat("CREATE DATABASE `", id, "`")),
                StatusIs(kInvalidArgument,
                         StartsWith("Invalid CreateDatabase request: "
                                    "create_statement must name a database")))
        << id;
  }
  EXPECT_THAT(create("CREATE DATABASE ab", "extra_statements: ' ; '"),
              StatusIs(kInvalidArgument,
                       "Invalid CreateDatabase request: extra_statements[0] "
                       "must be a DDL statement, but is empty"));
  EXPECT_THAT(GetDatabase("projects/p/instances/inst/databases/ab"), IsOk());
}

TEST_P(AdminTest, ADatabaseThatNobodyCreatedHasDefaults) {
  const auto got = GetDatabase(kDatabase);
  ASSERT_THAT(got, IsOk());
  EXPECT_EQ(got->state(), database::Database::READY);
  EXPECT_EQ(got->database_dialect(), database::GOOGLE_STANDARD_SQL);
  EXPECT_THAT(GetDdl(kDatabase), IsEmpty());
  EXPECT_THAT(OnDatabase<database::ListDatabasesResponse>("ListDatabases",
                                                          Parent(kInstance))
                  ->databases(),
              IsEmpty());
}

TEST_P(AdminTest, KeepsTheKeyOfADatabase) {
  ASSERT_THAT(CreateDatabase("music",
                             "encryption_config { kms_key_name: 'k1' "
                             "kms_key_names: 'k2' } proto_descriptors: 'pd'"),
              IsOk());
  EXPECT_THAT(GetDatabase()->encryption_config(),
              EqualsProto(FromText<database::EncryptionConfig>(
                  "kms_key_name: 'k1' kms_key_names: 'k2'")));
  EXPECT_EQ(OnDatabase<database::GetDatabaseDdlResponse>("GetDatabaseDdl",
                                                         Database(kNewDatabase))
                ->proto_descriptors(),
            "pd");
}

TEST_P(AdminTest, TheDialectIsWhatTheDialectQueryAnswers) {
  ASSERT_THAT(OnDatabase("CreateDatabase",
                         absl::StrCat(Parent(kNewInstance),
                                      "create_statement: 'CREATE DATABASE "
                                      "music' database_dialect: POSTGRESQL")),
              IsOk());
  EXPECT_EQ(GetDatabase()->database_dialect(), database::POSTGRESQL);
  const auto dialect = [this](absl::string_view name) {
    const auto session = client().Create("", name);
    const auto result = Call<api::ResultSet>(
        "spanner.v1.Spanner.ExecuteSql",
        absl::StrCat("session: '", session->name(),
                     "' sql: \"select option_value from "
                     "information_schema.database_options where "
                     "option_name='database_dialect'\""));
    EXPECT_THAT(result, IsOk());
    return result->rows(0).values(0).string_value();
  };
  EXPECT_EQ(dialect(kNewDatabase), "POSTGRESQL");
  EXPECT_EQ(dialect(kDatabase), "GOOGLE_STANDARD_SQL");
}

TEST_P(AdminTest, ListsDatabasesByPages) {
  for (const char* id : {"db3", "db1", "db2"}) {
    ASSERT_THAT(CreateDatabase(id), IsOk());
  }
  ASSERT_THAT(CreateDatabase("db1", "", "projects/p/instances/inst-2"), IsOk());
  const auto list = [this](const std::string& more) {
    return OnDatabase<database::ListDatabasesResponse>(
        "ListDatabases", absl::StrCat(Parent(kNewInstance), more));
  };
  const auto first = list("page_size: 2");
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(first->databases(), SizeIs(2));
  EXPECT_EQ(first->databases(1).name(),
            "projects/p/instances/inst/databases/db2");
  const std::string token =
      absl::StrCat("page_token: '", first->next_page_token(), "'");
  const auto second = list(token);
  ASSERT_THAT(second, IsOk());
  ASSERT_THAT(second->databases(), SizeIs(1));
  EXPECT_EQ(second->databases(0).name(),
            "projects/p/instances/inst/databases/db3");
  EXPECT_EQ(second->next_page_token(), "");
  EXPECT_THAT(
      OnDatabase<database::ListDatabasesResponse>(
          "ListDatabases", Parent("projects/p/instances/inst-2") + token),
      StatusIs(kInvalidArgument, HasSubstr("page_token must be ")));
}

TEST_P(AdminTest, UpdatesDdlAsText) {
  ASSERT_THAT(CreateDatabase("music", "extra_statements: 'one'"), IsOk());
  const auto update = [this](const std::string& more) {
    return OnDatabase("UpdateDatabaseDdl", Database(kNewDatabase) + more);
  };
  const auto operation =
      update("statements: 'two;' statements: 'three' operation_id: 'op_1'");
  ASSERT_THAT(operation, IsOk());
  EXPECT_TRUE(operation->done());
  EXPECT_EQ(operation->name(), absl::StrCat(kNewDatabase, "/operations/op_1"));
  EXPECT_EQ(operation->response().type_url(),
            "type.googleapis.com/google.protobuf.Empty");
  const auto metadata =
      Unpacked<database::UpdateDatabaseDdlMetadata>(operation->metadata());
  EXPECT_EQ(metadata.database(), kNewDatabase);
  EXPECT_THAT(metadata.statements(), ElementsAre("two", "three"));
  ASSERT_THAT(metadata.commit_timestamps(), SizeIs(2));
  EXPECT_EQ(metadata.commit_timestamps(1).seconds(), 1'700'000'000);
  EXPECT_EQ(metadata.progress(1).progress_percent(), 100);
  EXPECT_THAT(GetDdl(), ElementsAre("one", "two", "three"));
  EXPECT_THAT(update("statements: 'four' operation_id: 'op_1'"),
              StatusIs(kAlreadyExists,
                       absl::StrCat("Operation already exists: ", kNewDatabase,
                                    "/operations/op_1")));
  EXPECT_THAT(GetDdl(), SizeIs(3));
  for (const auto& [more, problem] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "statements must be there: DDL statements to be applied"},
           {"statements: 'x' statements: ''",
            "statements[1] must be a DDL statement, but is empty"},
           {"statements: 'x' operation_id: '_x'",
            "operation_id must be as [a-z][a-z0-9_]*, but is \"_x\""}}) {
    EXPECT_THAT(update(more),
                StatusIs(kInvalidArgument,
                         "Invalid UpdateDatabaseDdl request: " + problem));
  }
  // Of a database that nobody has created: it is recorded by this.
  EXPECT_THAT(
      OnDatabase("UpdateDatabaseDdl", Database(kDatabase) + "statements: 'x'"),
      IsOk());
  EXPECT_THAT(GetDdl(kDatabase), ElementsAre("x"));
}

TEST_P(AdminTest, DropProtectionKeepsADatabase) {
  ASSERT_THAT(CreateInstance(), IsOk());
  ASSERT_THAT(CreateDatabase(), IsOk());
  const auto protect = [this](bool on) {
    return OnDatabase(
        "UpdateDatabase",
        absl::StrCat("database { name: '", kNewDatabase,
                     "' enable_drop_protection: ", on ? "true" : "false",
                     " } update_mask { paths: 'enable_drop_protection' }"));
  };
  const auto operation = protect(true);
  ASSERT_THAT(operation, IsOk());
  EXPECT_TRUE(Unpacked<database::Database>(operation->response())
                  .enable_drop_protection());
  EXPECT_EQ(Unpacked<database::UpdateDatabaseMetadata>(operation->metadata())
                .progress()
                .progress_percent(),
            100);
  EXPECT_TRUE(GetDatabase()->enable_drop_protection());
  EXPECT_THAT(DropDatabase(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                       HasSubstr(std::string(kNewDatabase))));
  EXPECT_THAT(DeleteInstance(),
              StatusIs(absl::StatusCode::kFailedPrecondition, testing::_));
  EXPECT_THAT(GetDatabase(), IsOk());
  EXPECT_THAT(
      OnDatabase("UpdateDatabase",
                 absl::StrCat("database { name: '", kNewDatabase, "' }")),
      StatusIs(kInvalidArgument,
               "Invalid UpdateDatabase request: update_mask must say what to "
               "update: enable_drop_protection"));
  ASSERT_THAT(protect(false), IsOk());
  EXPECT_THAT(DropDatabase(), IsOk());
}

TEST_P(AdminTest, ADroppedDatabaseTakesItsSessionsWithIt) {
  const auto session = client().Create("", kNewDatabase);
  const auto multiplexed = client().Create("multiplexed: true", kNewDatabase);
  const auto other = client().Create("", absl::StrCat(kNewDatabase, "-2"));
  ASSERT_THAT(DropDatabase(), IsOk());  // Of which nobody has said that it is.
  EXPECT_THAT(client().Get(session->name()),
              StatusIs(kNotFound, "Session not found: " + session->name()));
  EXPECT_THAT(client().Get(other->name()), IsOk());
  const std::string missing =
      absl::StrCat("Database not found: ", kNewDatabase);
  for (const auto& each : {session, multiplexed}) {
    EXPECT_THAT(Call<api::ResultSet>("spanner.v1.Spanner.ExecuteSql",
                                     absl::StrCat("session: '", each->name(),
                                                  "' sql: 'SELECT 1'")),
                StatusIs(kNotFound, missing));
  }
  EXPECT_THAT(client().Create("", kNewDatabase), StatusIs(kNotFound, missing));
  EXPECT_THAT(client().BatchCreate(2, "", kNewDatabase),
              StatusIs(kNotFound, missing));
  EXPECT_THAT(client().List("", kNewDatabase), StatusIs(kNotFound, missing));
  EXPECT_THAT(GetDatabase(), StatusIs(kNotFound, missing));
  EXPECT_THAT(DropDatabase(), IsOk());  // Twice is once.
  EXPECT_THAT(OnDatabase<database::GetDatabaseDdlResponse>(
                  "GetDatabaseDdl", Database(kNewDatabase)),
              StatusIs(kNotFound, missing));
  EXPECT_THAT(OnDatabase("UpdateDatabaseDdl",
                         Database(kNewDatabase) + "statements: 'x'"),
              StatusIs(kNotFound, missing));
  ASSERT_THAT(CreateDatabase(), IsOk());
  EXPECT_THAT(client().Create("", kNewDatabase), IsOk());
  EXPECT_THAT(client().Get(session->name()), StatusIs(kNotFound, testing::_));
}

// ---- Operations.

TEST_P(AdminTest, OperationsAreKept) {
  const auto on_instance = CreateInstance();
  const auto on_database = CreateDatabase();
  ASSERT_THAT(OnDatabase("UpdateDatabaseDdl",
                         Database(kNewDatabase) +
                             "statements: 'x' operation_id: 'op_1'"),
              IsOk());
  const auto got = OnOperation("GetOperation", on_database->name());
  ASSERT_THAT(got, IsOk());
  EXPECT_THAT(*got, EqualsProto(*on_database));
  EXPECT_THAT(OnOperation("GetOperation", on_instance->name()), IsOk());
  const auto names = [this](absl::string_view collection) {
    const auto list =
        OnOperation<ListOperationsResponse>("ListOperations", collection);
    EXPECT_THAT(list, IsOk());
    std::vector<std::string> found;
    for (const Operation& each : list->operations()) {
      found.push_back(each.name());
    }
    return found;
  };
  const std::string op_1 = absl::StrCat(kNewDatabase, "/operations/op_1");
  EXPECT_THAT(names(absl::StrCat(kNewInstance, "/operations")),
              ElementsAre(on_instance->name()));
  EXPECT_THAT(names(absl::StrCat(kNewDatabase, "/operations")),
              ElementsAre(on_database->name(), op_1));
  const auto of_databases =
      OnDatabase<database::ListDatabaseOperationsResponse>(
          "ListDatabaseOperations", Parent(kNewInstance) + "page_size: 1");
  ASSERT_THAT(of_databases, IsOk());
  ASSERT_THAT(of_databases->operations(), SizeIs(1));
  const auto rest = OnDatabase<database::ListDatabaseOperationsResponse>(
      "ListDatabaseOperations",
      absl::StrCat(Parent(kNewInstance), "page_token: '",
                   of_databases->next_page_token(), "'"));
  ASSERT_THAT(rest, IsOk());
  ASSERT_THAT(rest->operations(), SizeIs(1));
  EXPECT_EQ(rest->operations(0).name(), op_1);
  EXPECT_THAT(
      OnDatabase<database::ListDatabaseOperationsResponse>(
          "ListDatabaseOperations", Parent(kNewInstance) + "filter: 'error:*'"),
      StatusIs(kInvalidArgument,
               StartsWith("Invalid ListDatabaseOperations request: "
                          "filter must be of terms as name:TEXT")));

  EXPECT_THAT(OnOperation<Empty>("CancelOperation", op_1), IsOk());
  EXPECT_THAT(OnOperation("GetOperation", op_1), IsOk());
  EXPECT_THAT(OnOperation<Empty>("DeleteOperation", op_1), IsOk());
  const std::string missing = "Operation not found: " + op_1;
  EXPECT_THAT(OnOperation("GetOperation", op_1), StatusIs(kNotFound, missing));
  EXPECT_THAT(OnOperation<Empty>("CancelOperation", op_1),
              StatusIs(kNotFound, missing));
  EXPECT_THAT(OnOperation<Empty>("DeleteOperation", op_1),
              StatusIs(kNotFound, missing));
  // It goes with its database.
  ASSERT_THAT(DropDatabase(), IsOk());
  EXPECT_THAT(OnOperation("GetOperation", on_database->name()),
              StatusIs(kNotFound, testing::_));
  EXPECT_THAT(OnOperation<ListOperationsResponse>(
                  "ListOperations", absl::StrCat(kNewDatabase, "/operations")),
              StatusIs(kNotFound, StartsWith("Database not found: ")));
  EXPECT_THAT(OnOperation("GetOperation", on_instance->name()), IsOk());
}

// As gcloud and the clients of Node and Python ask.
TEST_P(AdminTest, OperationsAreListedByFilters) {
  ASSERT_THAT(CreateDatabase(), IsOk());
  ASSERT_THAT(CreateDatabase("other"), IsOk());
  for (const char* id : {"op_1", "op_2"}) {
    ASSERT_THAT(
        OnDatabase("UpdateDatabaseDdl",
                   absl::StrCat(Database(kNewDatabase),
                                "statements: 'x' operation_id: '", id, "'")),
        IsOk());
  }
  const std::string of_ddl =
      "(metadata.@type:type.googleapis.com/"
      "google.spanner.admin.database.v1.UpdateDatabaseDdlMetadata)";
  const auto list = [this](const std::string& filter,
                           const std::string& more = "") {
    return OnDatabase<database::ListDatabaseOperationsResponse>(
        "ListDatabaseOperations",
        absl::StrCat(Parent(kNewInstance), "filter: '", filter, "' ", more));
  };
  EXPECT_THAT(list("")->operations(), SizeIs(4));
  EXPECT_THAT(list("name:music")->operations(), SizeIs(3));
  EXPECT_THAT(list(of_ddl)->operations(), SizeIs(2));
  EXPECT_THAT(list(absl::StrCat("(", of_ddl, ") AND (name:", kNewDatabase,
                                "/operations/op_2)"))
                  ->operations(),
              SizeIs(1));
  const auto generic = Call<ListOperationsResponse>(
      "longrunning.Operations.ListOperations",
      absl::StrCat("name: '", kNewDatabase, "/operations' filter: '", of_ddl,
                   "'"));
  ASSERT_THAT(generic, IsOk());
  EXPECT_THAT(generic->operations(), SizeIs(2));
  // Pages are those of the filter.
  const auto first = list(of_ddl, "page_size: 1");
  ASSERT_THAT(first->operations(), SizeIs(1));
  EXPECT_THAT(first->operations(0).name(), EndsWith("/op_1"));
  const std::string token =
      absl::StrCat("page_token: '", first->next_page_token(), "'");
  const auto second = list(of_ddl, token);
  ASSERT_THAT(second->operations(), SizeIs(1));
  EXPECT_THAT(second->operations(0).name(), EndsWith("/op_2"));
  EXPECT_THAT(list("", token),
              StatusIs(kInvalidArgument, HasSubstr("page_token must be ")));
}

// ---- Strict mode, and resets.

TEST_P(AdminTest, InStrictModeOnlyWhatIsCreatedExists) {
  StartWith({.strict = true});
  const std::string no_instance =
      "Instance not found: projects/p/instances/inst";
  EXPECT_THAT(GetInstance(), StatusIs(kNotFound, no_instance));
  EXPECT_THAT(client().Create("", kNewDatabase),
              StatusIs(kNotFound, no_instance));
  EXPECT_THAT(CreateDatabase(), StatusIs(kNotFound, no_instance));
  EXPECT_THAT(DropDatabase(), StatusIs(kNotFound, no_instance));
  // A script may drop what there is not, to begin anew.
  EXPECT_THAT(DeleteInstance(), IsOk());
  ASSERT_THAT(CreateInstance(), IsOk());
  EXPECT_THAT(DropDatabase(), IsOk());
  EXPECT_THAT(
      client().Create("", kNewDatabase),
      StatusIs(kNotFound, absl::StrCat("Database not found: ", kNewDatabase)));
  ASSERT_THAT(CreateDatabase(), IsOk());
  EXPECT_THAT(client().Create("", kNewDatabase), IsOk());
  EXPECT_THAT(client().Create(), StatusIs(kNotFound, testing::_));
  ASSERT_THAT(DropDatabase(), IsOk());
  EXPECT_THAT(
      client().Create("", kNewDatabase),
      StatusIs(kNotFound, absl::StrCat("Database not found: ", kNewDatabase)));
}

TEST_P(AdminTest, DeclaredDatabasesCanBeDroppedAndComeBackByAReset) {
  StartWith({.databases = {std::string(kDatabase)}});
  ASSERT_THAT(GetInstance(kInstance), IsOk());
  EXPECT_THAT(OnDatabase<database::ListDatabasesResponse>("ListDatabases",
                                                          Parent(kInstance))
                  ->databases(),
              SizeIs(1));
  ASSERT_THAT(DropDatabase(kDatabase), IsOk());
  EXPECT_THAT(client().Create(), StatusIs(kNotFound, testing::_));
  ASSERT_THAT(CreateInstance(), IsOk());
  const auto operation = CreateDatabase();
  ASSERT_THAT(operation, IsOk());
  const auto session = client().Create("", kNewDatabase);
  const auto result = emulator().Reset({.parts = {ResetPart::kDatabases}});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->deleted_sessions, 1);
  EXPECT_THAT(client().Create(), IsOk());
  EXPECT_THAT(client().Get(session->name()), StatusIs(kNotFound, testing::_));
  EXPECT_THAT(GetDatabase(), StatusIs(kNotFound, testing::_));
  EXPECT_THAT(OnOperation("GetOperation", operation->name()),
              StatusIs(kNotFound, testing::_));
}

TEST_P(AdminTest, AResetForgetsWhatWasDropped) {
  ASSERT_THAT(DropDatabase(kDatabase), IsOk());
  ASSERT_THAT(CreateDatabase(), IsOk());
  const auto session = client().Create("", kNewDatabase);
  EXPECT_EQ(
      emulator().Reset({.parts = {ResetPart::kDatabases}})->deleted_sessions,
      0);
  EXPECT_THAT(client().Get(session->name()), IsOk());  // It exists as before.
  EXPECT_THAT(client().Create(), IsOk());
  EXPECT_THAT(CreateDatabase(), IsOk());
}

// ---- As all of Google's API.

TEST_P(AdminTest, WhatIsLeftOutSaysSoByItsName) {
  using Response = database::ListDatabaseRolesResponse;
  EXPECT_THAT(
      OnDatabase<Response>("ListDatabaseRoles", Parent(kDatabase)),
      StatusIs(absl::StatusCode::kUnimplemented,
               HasSubstr("google.spanner.admin.database.v1.DatabaseAdmin."
                         "ListDatabaseRoles")));
  EXPECT_THAT(
      OnDatabase<database::ListBackupsResponse>("ListBackups",
                                                Parent(kInstance)),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("ListBackups")));
  EXPECT_THAT(
      OnInstance<instance::ListInstancePartitionsResponse>(
          "ListInstancePartitions", Parent(kInstance)),
      StatusIs(absl::StatusCode::kUnimplemented,
               HasSubstr("google.spanner.admin.instance.v1.InstanceAdmin."
                         "ListInstancePartitions")));
}

TEST_P(AdminTest, MalformedNamesSayWhatTheyMustBe) {
  if (GetParam() == Transport::kRest) return;  // There they are other paths.
  for (const auto& [method, field, pattern] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"spanner.admin.instance.v1.InstanceAdmin.ListInstances", "parent",
            "projects/<project>"},
           {"spanner.admin.instance.v1.InstanceAdmin.GetInstance", "name",
            "projects/<project>/instances/<instance>"},
           {"spanner.admin.instance.v1.InstanceAdmin.DeleteInstance", "name",
            "projects/<project>/instances/<instance>"},
           {"spanner.admin.database.v1.DatabaseAdmin.ListDatabases", "parent",
            "projects/<project>/instances/<instance>"},
           {"spanner.admin.database.v1.DatabaseAdmin.CreateDatabase", "parent",
            "projects/<project>/instances/<instance>"},
           {"spanner.admin.database.v1.DatabaseAdmin.GetDatabase", "name",
            "projects/<project>/instances/<instance>/databases/<database>"},
           {"spanner.admin.database.v1.DatabaseAdmin.DropDatabase", "database",
            "projects/<project>/instances/<instance>/databases/<database>"},
           {"longrunning.Operations.GetOperation", "name",
            "projects/<project>/instances/<instance>/databases/<database>/"
            "operations"}}) {
    for (const std::string& name :
         std::vector<std::string>{"", "x", "projects/p/instances/i/x/y/z"}) {
      EXPECT_THAT(Call<Empty>(method, absl::StrCat(field, ": '", name, "'")),
                  StatusIs(kInvalidArgument,
                           StartsWith(absl::StrCat(
                               "Invalid ", method.substr(method.rfind('.') + 1),
                               " request: ", field, " must be ", pattern))));
    }
  }
  for (const auto& [method, name] :
       std::vector<std::pair<std::string, std::string>>{
           {"GetOperation", absl::StrCat(kNewDatabase, "/operations/a\\tb")},
           {"GetOperation", absl::StrCat(kNewDatabase, "\\n/operations/o")},
           {"ListOperations", absl::StrCat(kNewInstance, "\\n/operations")}}) {
    EXPECT_THAT(OnOperation<Empty>(method, name),
                StatusIs(kInvalidArgument, HasSubstr(name)));
  }
  EXPECT_THAT(OnDatabase("UpdateDatabase",
                         "update_mask { paths: 'enable_drop_protection' }"),
              StatusIs(kInvalidArgument,
                       StartsWith("Invalid UpdateDatabase request: "
                                  "database.name must be projects/")));
}

TEST_P(AdminTest, FaultsAndTheJournalSeeIt) {
  v1::Fault fault;
  fault.mutable_match()->add_methods("CreateDatabase");
  fault.mutable_match()->set_scope(std::string(kNewDatabase));
  fault.set_times(1);
  fault.set_status(v1::Fault::UNAVAILABLE);
  ASSERT_THAT(emulator().AddFault(fault).status(), IsOk());
  EXPECT_THAT(CreateDatabase("other"), IsOk());
  EXPECT_THAT(CreateDatabase(),
              StatusIs(absl::StatusCode::kUnavailable, testing::_));
  EXPECT_THAT(CreateDatabase(), IsOk());
  EXPECT_EQ(emulator().journal().Count(CallsOf("CreateDatabase")), 3);
  EXPECT_EQ(emulator().journal().Count(
                CallsOf("CreateDatabase").InDatabase(kNewDatabase)),
            2);
  EXPECT_THAT(OnOperation<ListOperationsResponse>(
                  "ListOperations", absl::StrCat(kNewDatabase, "/operations")),
              IsOk());
  EXPECT_EQ(emulator().journal().Count(AllCalls().InDatabase(kNewDatabase)), 3);
}

// ---- Operations, by themselves.

Operation Named(const std::string& name, size_t bytes = 0) {
  Operation operation;
  operation.set_name(name);
  operation.mutable_metadata()->set_value(std::string(bytes, 'x'));
  return operation;
}

TEST(OperationsTest, TheOldestMakeRoom) {
  Operations operations;
  for (size_t i = 0; i <= Operations::kMaxOperations; ++i) {
    ASSERT_TRUE(operations.Add(Named(absl::StrCat("o/", i))));
  }
  const auto all = [](absl::string_view) { return true; };
  EXPECT_THAT(operations.List(all), SizeIs(Operations::kMaxOperations));
  EXPECT_EQ(operations.Find("o/0"), nullptr);
  EXPECT_NE(operations.Find("o/1"), nullptr);
  EXPECT_FALSE(operations.Add(Named("o/1")));
  EXPECT_TRUE(operations.Add(Named("o/0")));
  // By bytes as well, but for the last one.
  ASSERT_TRUE(operations.Add(Named("large", Operations::kMaxBytes)));
  EXPECT_THAT(operations.List(all), SizeIs(1));
  ASSERT_TRUE(operations.Add(Named("small")));
  EXPECT_THAT(operations.List(all), SizeIs(1));
  EXPECT_NE(operations.Find("small"), nullptr);
}

TEST(OperationsTest, GoWithTheirScope) {
  Operations operations;
  const auto add = [&](const std::string& name) {
    operations.Add(Named(name));
  };
  add("projects/p/instances/i/operations/a");
  add("projects/p/instances/i/databases/d/operations/b");
  add("projects/p/instances/i-2/operations/c");
  operations.DeleteIn(Scope::Parse("projects/p/instances/i").value());
  EXPECT_EQ(operations.Find("projects/p/instances/i/operations/a"), nullptr);
  EXPECT_EQ(operations.Find("projects/p/instances/i/databases/d/operations/b"),
            nullptr);
  EXPECT_NE(operations.Find("projects/p/instances/i-2/operations/c"), nullptr);
  operations.DeleteIn(Scope());
  EXPECT_EQ(operations.Find("projects/p/instances/i-2/operations/c"), nullptr);
}

TEST(OperationFilterTest, TakesWhatClientsWrite) {
  Operation operation =
      Named("projects/p/instances/i/databases/D/operations/o");
  operation.mutable_metadata()->set_type_url("type.googleapis.com/a.b.Meta");
  operation.set_done(true);
  for (const auto& [text, matches] : std::vector<std::pair<std::string, bool>>{
           {"", true},
           {"  ", true},
           {"name:databases/d", true},
           {"NAME : \"databases/D\"", true},
           {"name:databases/e", false},
           {"name=projects/p/instances/i/databases/d/operations/o", true},
           {"name=databases/d", false},
           {"metadata.@type:b.meta", true},
           {"metadata.@type=b.meta", false},
           {"done:true", true},
           {"done=false", false},
           {"NOT done:true", false},
           {"NOT NOT done:true", true},
           {"name:x OR done:true", true},
           {"name:x done:true", false},
           {"done:true name:o", true},
           {"(name:x) AND (done:true)", false},
           {"((name:o) AND (done:true))", true},
           // OR binds before AND.
           {"done:true OR name:o AND name:x", false},
           {"done:true OR (name:o AND name:x)", true},
           {"NOT (name:x OR name:y)", true},
           {std::string(20, '(') + "done:true" + std::string(20, ')'), true}}) {
    const auto filter = OperationFilter::Parse(text);
    ASSERT_THAT(filter, IsOk()) << text;
    EXPECT_EQ(filter->Matches(operation), matches) << text;
  }
}

TEST(OperationFilterTest, SaysWhereItMakesNoSense) {
  for (const auto& [text, rest] :
       std::vector<std::pair<std::string, std::string>>{
           {"x", "x"},
           {"name", "name"},
           {"name:", "name:"},
           {"name:a AND", ""},
           {"name:a)", ")"},
           {"(name:a", ""},
           {"()", ")"},
           {"OR name:a", "OR name:a"},
           {"name:a done:yes", "done:yes"},
           {"name:\"a", "name:\\\"a"},
           {"error.code:5", "error.code:5"},
           {"name>a", "name>a"}}) {
    EXPECT_THAT(
        OperationFilter::Parse(text),
        StatusIs(kInvalidArgument,
                 EndsWith(absl::StrCat("makes no sense from \"", rest, "\""))))
        << text;
  }
  std::string nested = "done:true";
  for (int i = 0; i < 1000; ++i) nested = absl::StrCat("(", nested, ")");
  EXPECT_THAT(OperationFilter::Parse(nested),
              StatusIs(kInvalidArgument, testing::_));
  EXPECT_THAT(OperationFilter::Parse("name:" + std::string(100'000, 'a')),
              StatusIs(kInvalidArgument, testing::_));
}

// ---- REST alone.

TEST(AdminRestTest, OperationsHaveThePathsOfSpanner) {
  const auto emulator = StartEmulator();
  const auto fetch = [&](absl::string_view method, const std::string& path,
                         absl::string_view body = "") {
    return Fetch(emulator->http_port(), method, "/v1/" + path, body,
                 {{"Content-Type", "application/json"}});
  };
  const std::string database(kNewDatabase);
  EXPECT_EQ(fetch("PATCH", database + "/ddl?alt=json",
                  R"({"statements": ["x"], "operationId": "op"})")
                .status,
            200);
  for (const auto& [method, path, status] :
       std::vector<std::tuple<std::string, std::string, int>>{
           {"GET", database + "/operations?alt=json", 200},
           {"GET", database + "/operations/op", 200},
           {"POST", database + "/operations/op:cancel", 200},
           {"DELETE", database + "/operations/op", 200},
           {"GET", database + "/operations/op", 404},
           {"GET", "projects/p/instances/inst/operations", 200},
           {"GET", "projects/p/instances/inst/operations/op", 404},
           {"GET", "projects/p/instances/inst/backups/b1/operations/op", 404},
           {"GET", "projects/p/instanceConfigs/nam3/operations", 200},
           {"PUT", database + "/operations/op", 405},
           {"DELETE", database + "/sessions", 405},
           {"GET", database + "/nonsense", 404},
           {"GET", "operations/op", 404},
           {"OPTIONS", database, 405}}) {
    EXPECT_EQ(fetch(method, path).status, status) << method << " " << path;
  }
  // What the methods of several services have.
  EXPECT_THAT(fetch("PUT", database).header("allow"),
              AllOf(HasSubstr("DELETE"), HasSubstr("GET"), HasSubstr("PATCH")));
  EXPECT_EQ(fetch("HEAD", database).status, 200);
  EXPECT_EQ(fetch("HEAD", database).body, "");
}

}  // namespace
}  // namespace spanner_session_emulator
