// Asks Google's emulator and ours the same. SPANNER_EMULATOR_BINARY is the path
// of Google's; see differential_test.sh.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "google/protobuf/unknown_field_set.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "tests/differential/answers.h"
#include "tests/differential/cases.h"
#include "tests/server/main_test/raw_call.h"
#include "tests/server/main_test/subprocess.h"

namespace spanner_session_emulator {
namespace {

using ::google::protobuf::UnknownFieldSet;

// Each case has a database of its own; their names are equally long.
std::string DatabaseId(size_t number) {
  return absl::StrCat("db-", absl::Dec(number, absl::kZeroPad3));
}
constexpr char kOtherId[] = "other";

std::string Database(const std::string& id) {
  return absl::StrCat(kInstance, "/databases/", id);
}

std::string PeerBinary() {
  const char* path = std::getenv("SPANNER_EMULATOR_BINARY");
  return path == nullptr ? "" : path;
}

// A server and a channel to it. It says in its standard error where it is,
// between two texts.
class Server {
 public:
  Server(const std::vector<std::string>& command, const std::string& before,
         const std::string& after)
      : process_(command) {
    const auto address = process_.WaitForErrBetween(before, after);
    EXPECT_TRUE(address.has_value()) << process_.err();
    address_ = address.value_or("");
    channel_ = NewChannel();
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  std::shared_ptr<grpc::Channel> NewChannel() const {
    return Connect(address_);
  }

 private:
  Subprocess process_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
};

std::unique_ptr<Server> StartOurs(const std::vector<std::string>& flags) {
  std::vector<std::string> command = {"server/spanner_session_emulator",
                                      "--hostname=127.0.0.1", "--grpc_port=0",
                                      "--http_port=-1"};
  command.insert(command.end(), flags.begin(), flags.end());
  auto server =
      std::make_unique<Server>(command, "event=start grpc=\"", "\"\n");
  // As theirs, where the table has no rows.
  for (const char* sql :
       {"UPDATE t SET v = 'a' WHERE true", "UPDATE t SET v = 'b' WHERE true"}) {
    v1::CreateStubRequest request;
    request.mutable_stub()->mutable_match()->set_sql(sql);
    request.mutable_stub()->mutable_answer()->set_row_count(0);
    const RawReply reply =
        RawCall(server->channel(),
                "/spanner_session_emulator.v1.StubService/CreateStub",
                request.SerializeAsString());
    EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
  }
  return server;
}

// The admin API's messages by their field numbers, as they are not built here.
void Admin(const Server& server, const std::string& method,
           const UnknownFieldSet& request) {
  std::string bytes;
  request.SerializeToString(&bytes);
  const RawReply reply = RawCall(
      server.channel(), absl::StrCat("/google.spanner.admin.", method), bytes);
  ASSERT_TRUE(reply.status.ok()) << reply.status.error_message();
}

std::unique_ptr<Server> StartTheirs(const std::vector<std::string>& ids) {
  auto server = std::make_unique<Server>(
      std::vector<std::string>{PeerBinary(), "--host_port=127.0.0.1:0"},
      "Server address: ", "\n");
  UnknownFieldSet instance;
  instance.AddLengthDelimited(1, kInstance);
  instance.AddLengthDelimited(
      2, absl::StrCat(kProject, "/instanceConfigs/emulator-config"));
  instance.AddLengthDelimited(3, "test");  // The name to display.
  instance.AddVarint(5, 1);                // Nodes.
  UnknownFieldSet create_instance;
  create_instance.AddLengthDelimited(1, kProject);
  create_instance.AddLengthDelimited(2, "test-instance");
  instance.SerializeToString(create_instance.AddLengthDelimited(3));
  Admin(*server, "instance.v1.InstanceAdmin/CreateInstance", create_instance);
  for (const std::string& id : ids) {
    UnknownFieldSet create_database;
    create_database.AddLengthDelimited(1, kInstance);
    create_database.AddLengthDelimited(
        2, absl::StrCat("CREATE DATABASE `", id, "`"));
    create_database.AddLengthDelimited(
        3, "CREATE TABLE t (k INT64, v STRING(20)) PRIMARY KEY (k)");
    Admin(*server, "database.v1.DatabaseAdmin/CreateDatabase", create_database);
  }
  return server;
}

class PeerTest : public ::testing::TestWithParam<size_t> {
 protected:
  static void SetUpTestSuite() {
    std::vector<std::string> ids = {kOtherId};
    for (size_t i = 0; i < Cases().size(); ++i) ids.push_back(DatabaseId(i));
    std::vector<std::string> names;
    for (const std::string& id : ids) names.push_back(Database(id));
    theirs_ = StartTheirs(ids);
    ours_ =
        StartOurs({absl::StrCat("--databases=", absl::StrJoin(names, ","))});
    ours_undeclared_ = StartOurs({});
  }
  static void TearDownTestSuite() {
    theirs_.reset();
    ours_.reset();
    ours_undeclared_.reset();
  }

  static std::unique_ptr<Server> theirs_;
  static std::unique_ptr<Server> ours_;
  static std::unique_ptr<Server> ours_undeclared_;
};

std::unique_ptr<Server> PeerTest::theirs_;
std::unique_ptr<Server> PeerTest::ours_;
std::unique_ptr<Server> PeerTest::ours_undeclared_;

TEST_P(PeerTest, AnswersAsListed) {
  const Case c = Cases()[GetParam()];
  const auto answers = [&](const std::unique_ptr<Server>& server) {
    // Theirs send more trailers than a client takes, which once has cost the
    // next call on the connection its answer.
    return Answers(server->NewChannel(), c.steps,
                   Database(DatabaseId(GetParam())), Database(kOtherId));
  };
  const std::vector<std::string> theirs = answers(theirs_);
  const std::vector<std::string> ours =
      answers(c.declared ? ours_ : ours_undeclared_);
  for (size_t i = 0; i < c.steps.size(); ++i) {
    const Step& step = c.steps[i];
    SCOPED_TRACE(absl::StrCat(step.method, " ", step.request.substr(0, 100)));
    if (step.theirs.empty()) {
      EXPECT_EQ(theirs[i], ours[i]);
    } else {
      EXPECT_EQ(theirs[i], step.theirs);
      EXPECT_EQ(ours[i], step.ours);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PeerTest,
                         ::testing::Range(size_t{0}, Cases().size()),
                         [](const auto& info) {
                           return Cases()[info.param].name;
                         });

// The document lists each reason in the last column of its table.
TEST(DocumentTest, ListsTheReasonsAndNoOther) {
  std::set<std::string> reasons;
  for (const Case& c : Cases()) {
    if (!c.reason.empty()) reasons.insert(c.reason);
    bool differs = false;
    for (const Step& step : c.steps) differs |= step.theirs != step.ours;
    EXPECT_EQ(differs, !c.reason.empty()) << c.name;
  }
  std::set<std::string> documented;
  std::ifstream document("docs/differences.md");
  std::string line;
  while (std::getline(document, line)) {
    if (!absl::StartsWith(line, "| ")) continue;
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    documented.emplace(absl::StripAsciiWhitespace(cells[cells.size() - 2]));
  }
  documented.erase("Why");  // The column's heading.
  EXPECT_THAT(documented, ::testing::ContainerEq(reasons));
}

}  // namespace
}  // namespace spanner_session_emulator

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (spanner_session_emulator::PeerBinary().empty()) {
    std::puts("Google's emulator is not on this machine: not compared");
    GTEST_FLAG_SET(filter, "DocumentTest.*");
  }
  return RUN_ALL_TESTS();
}
