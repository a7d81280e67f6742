// /metrics, as a scraper sees it.

#include "server/metrics.h"

#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAreArray;

constexpr char kPrefix[] = "spanner_session_emulator_";

// By name with labels, as they are written, without the prefix of our own.
using Samples = std::map<std::string, double>;

Samples Scrape(const Emulator& emulator) {
  const HttpAnswer answer = Fetch(emulator.http_port(), "GET", "/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("content-type"),
            "text/plain; version=0.0.4; charset=utf-8");
  Samples samples;
  for (const absl::string_view line :
       absl::StrSplit(answer.body, '\n', absl::SkipEmpty())) {
    if (line[0] == '#') continue;
    const size_t blank = line.rfind(' ');
    double value = 0;
    EXPECT_TRUE(absl::SimpleAtod(line.substr(blank + 1), &value)) << line;
    std::string name(line.substr(0, blank));
    if (absl::StartsWith(name, kPrefix)) name.erase(0, sizeof(kPrefix) - 1);
    EXPECT_TRUE(samples.emplace(name, value).second) << "twice: " << line;
  }
  return samples;
}

// The sample's value; -1 if there is none.
double Value(const Samples& samples, const std::string& name) {
  const auto it = samples.find(name);
  return it == samples.end() ? -1 : it->second;
}

std::string Calls(absl::string_view method, absl::string_view protocol,
                  absl::string_view code) {
  return absl::StrCat("calls_total{method=\"", method, "\",protocol=\"",
                      protocol, "\",code=\"", code, "\"}");
}

std::string Living(absl::string_view kind, absl::string_view database) {
  return absl::StrCat("sessions{kind=\"", kind, "\",database=\"", database,
                      "\"}");
}

class MetricsTest : public ::testing::Test {
 protected:
  double Now(const std::string& name) {
    return Value(Scrape(*emulator_), name);
  }

  const std::unique_ptr<Emulator> emulator_ = StartEmulator();
  SpannerClient grpc_{Connect(*emulator_, Transport::kInProcess)};
  SpannerClient rest_{MakeCaller(*emulator_, Transport::kRest)};
};

TEST_F(MetricsTest, CallsByMethodProtocolAndCode) {
  const auto session = grpc_.Create();
  ASSERT_THAT(session, IsOk());
  ASSERT_THAT(grpc_.Get(session->name()), IsOk());
  ASSERT_THAT(rest_.Get(session->name()), IsOk());
  EXPECT_FALSE(rest_.Get(absl::StrCat(kDatabase, "/sessions/none")).ok());
  const Samples samples = Scrape(*emulator_);
  constexpr char kGet[] = "google.spanner.v1.Spanner.GetSession";
  EXPECT_EQ(Value(samples, Calls(kGet, "grpc", "OK")), 1);
  EXPECT_EQ(Value(samples, Calls(kGet, "rest", "OK")), 1);
  EXPECT_EQ(Value(samples, Calls(kGet, "rest", "NOT_FOUND")), 1);
  EXPECT_EQ(Value(samples, Calls(kGet, "grpc", "NOT_FOUND")), -1);
  const auto duration = [&](absl::string_view part, absl::string_view more) {
    return Value(samples, absl::StrCat("call_duration_seconds_", part,
                                       "{method=\"", kGet, "\"", more, "}"));
  };
  EXPECT_EQ(duration("count", ""), 3);
  EXPECT_EQ(duration("bucket", ",le=\"+Inf\""), 3);
  // In seconds: the bounds, and so the sum, which the bounds limit.
  EXPECT_GE(duration("bucket", ",le=\"0.0001\""), 0);
  EXPECT_GE(duration("bucket", ",le=\"10\""), 0);
  EXPECT_GT(duration("sum", ""), 0);
  for (const char* bound : {"0.0001", "0.01", "1", "10"}) {
    double limit = 0;
    ASSERT_TRUE(absl::SimpleAtod(bound, &limit));
    if (duration("bucket", absl::StrCat(",le=\"", bound, "\"")) == 3) {
      EXPECT_LE(duration("sum", ""), 3 * limit);
    }
  }
  EXPECT_EQ(Value(samples, "calls_open"), 0);
}

TEST_F(MetricsTest, MethodsThatNobodyHasShareOneRow) {
  const auto channel = Connect(*emulator_, Transport::kTcp);
  for (const char* path : {"/a.B/C", "/google.spanner.v1.Spanner/Nope"}) {
    EXPECT_EQ(CallPath(channel, path, "").status.code(),
              absl::StatusCode::kUnimplemented);
  }
  const Samples samples = Scrape(*emulator_);
  EXPECT_EQ(Value(samples, Calls("unknown", "grpc", "UNIMPLEMENTED")), 2);
  for (const auto& [name, value] : samples) {
    EXPECT_THAT(name, Not(HasSubstr("Nope")));
  }
}

TEST_F(MetricsTest, SessionsByKindAndDatabase) {
  const std::string other = absl::StrCat(kInstance, "/databases/\xC3\xA9\"x");
  ASSERT_THAT(grpc_.BatchCreate(3), IsOk());
  ASSERT_THAT(grpc_.Create("multiplexed: true"), IsOk());
  const auto session = grpc_.Create("", other);
  ASSERT_THAT(session, IsOk());
  Samples samples = Scrape(*emulator_);
  EXPECT_EQ(Value(samples, Living("regular", kDatabase)), 3);
  EXPECT_EQ(Value(samples, Living("multiplexed", kDatabase)), 1);
  EXPECT_EQ(
      Value(samples, Living("regular", absl::StrCat(kInstance, "/databases/",
                                                    "\xC3\xA9\\\"x"))),
      1);
  EXPECT_EQ(Value(samples, Living("regular", "other")), 0);
  EXPECT_EQ(Value(samples, "sessions_created_total{kind=\"regular\"}"), 4);
  EXPECT_EQ(Value(samples, "sessions_created_total{kind=\"multiplexed\"}"), 1);
  EXPECT_EQ(Value(samples, "sessions_limit"), 1'000'000);

  ASSERT_THAT(grpc_.Delete(session->name()), IsOk());
  ASSERT_TRUE(emulator_->clock().Advance(absl::Minutes(61)).ok());
  emulator_->sessions().TotalCounts();  // Clears up.
  samples = Scrape(*emulator_);
  EXPECT_EQ(Value(samples, Living("regular", kDatabase)), 0);
  EXPECT_EQ(Value(samples, Living("multiplexed", kDatabase)), 1);
  EXPECT_EQ(Value(samples, "sessions_deleted_total{kind=\"regular\"}"), 1);
  EXPECT_EQ(Value(samples, "sessions_expired_total{kind=\"regular\"}"), 3);
  EXPECT_EQ(Value(samples, "sessions_expired_total{kind=\"multiplexed\"}"), 0);
}

TEST_F(MetricsTest, ManyDatabasesShareARow) {
  constexpr int kDatabases = static_cast<int>(kMaxMeteredDatabases) + 20;
  const auto database = [](int i) {
    return absl::StrCat(kInstance, "/databases/d-", i);
  };
  for (int i = 0; i < kDatabases; ++i) {
    ASSERT_THAT(grpc_.Create("", database(i)), IsOk());
  }
  // The last one is the largest.
  ASSERT_THAT(grpc_.Create("", database(kDatabases - 1)), IsOk());
  const Samples samples = Scrape(*emulator_);
  EXPECT_EQ(Value(samples, Living("regular", database(kDatabases - 1))), 2);
  EXPECT_EQ(Value(samples, Living("regular", database(0))), 1);
  EXPECT_EQ(Value(samples, Living("regular", "other")), 20);
  int rows = 0;
  for (const auto& [name, value] : samples) {
    if (absl::StartsWith(name, "sessions{kind=\"regular\"")) ++rows;
  }
  EXPECT_EQ(rows, static_cast<int>(kMaxMeteredDatabases) + 1);
}

TEST_F(MetricsTest, TransactionsStubsFaultsAndJournal) {
  ASSERT_THAT(emulator_->AddStub(OnSql("SELECT 2").Rows({"INT64"}, {{2}})),
              IsOk());
  ASSERT_THAT(emulator_->AddFault(OnCall("Commit").Times(1).Aborts()), IsOk());
  const auto session = grpc_.Create();
  ASSERT_THAT(session, IsOk());
  const auto caller = MakeCaller(*emulator_, Transport::kInProcess);
  const auto commit = FromText<api::CommitRequest>(
      absl::StrCat("session: '", session->name(),
                   "' single_use_transaction { read_write {} }"));
  EXPECT_EQ(caller->Call("Commit", commit).status.code(),
            absl::StatusCode::kAborted);
  EXPECT_THAT(caller->Call("Commit", commit), IsOk());
  EXPECT_THAT(
      caller->Call("ExecuteSql",
                   FromText<api::ExecuteSqlRequest>(absl::StrCat(
                       "session: '", session->name(), "' sql: 'SELECT 2'"))),
      IsOk());
  const Samples samples = Scrape(*emulator_);
  EXPECT_EQ(Value(samples, "transactions_begun_total{kind=\"read_write\"}"), 1);
  EXPECT_EQ(Value(samples, "transactions_ended_total{result=\"committed\"}"),
            1);
  EXPECT_EQ(Value(samples, "stubs"), 1);
  EXPECT_EQ(Value(samples, "stub_hits_total"), 1);
  EXPECT_EQ(Value(samples, "faults"), 1);
  EXPECT_EQ(Value(samples, "fault_hits_total"), 1);
  EXPECT_EQ(Value(samples, "journal_entries"), 4);
  EXPECT_EQ(Value(samples, "journal_recorded_total"), 4);
  EXPECT_EQ(Value(samples, "journal_dropped_total"), 0);
  EXPECT_GT(Value(samples, "journal_bytes"), 0);
  EXPECT_EQ(Value(samples, "journal_capacity_bytes"), 64 << 20);
}

TEST_F(MetricsTest, TransactionsByKindAndByWhatBecameOfThem) {
  const auto session = grpc_.Create();
  ASSERT_THAT(session, IsOk());
  const auto caller = MakeCaller(*emulator_, Transport::kInProcess);
  const auto begin = [&](absl::string_view mode) {
    const auto transaction = ToResponse<api::Transaction>(caller->Call(
        "BeginTransaction",
        FromText<api::BeginTransactionRequest>(absl::StrCat(
            "session: '", session->name(), "' options { ", mode, " {} }"))));
    EXPECT_THAT(transaction, IsOk());
    return transaction.ok() ? transaction->id() : "";
  };
  begin("read_only");
  begin("partitioned_dml");
  begin("partitioned_dml");  // In place of the first.
  api::RollbackRequest rollback;
  rollback.set_session(session->name());
  rollback.set_transaction_id(begin("read_write"));  // And of the second.
  EXPECT_THAT(caller->Call("Rollback", rollback), IsOk());
  for (int i = 0; i < 3; ++i) {
    begin("read_write");
    emulator_->sessions().AbortTransactions({});
  }
  for (int i = 0; i < 4; ++i) {
    api::CommitRequest commit;
    commit.set_session(session->name());
    commit.set_transaction_id(begin("read_write"));
    EXPECT_THAT(caller->Call("Commit", commit), IsOk());
  }
  const Samples samples = Scrape(*emulator_);
  const auto begun = [&](absl::string_view kind) {
    return Value(samples,
                 absl::StrCat("transactions_begun_total{kind=\"", kind, "\"}"));
  };
  EXPECT_EQ(begun("read_only"), 1);
  EXPECT_EQ(begun("partitioned_dml"), 2);
  EXPECT_EQ(begun("read_write"), 8);
  const auto ended = [&](absl::string_view result) {
    return Value(samples, absl::StrCat("transactions_ended_total{result=\"",
                                       result, "\"}"));
  };
  EXPECT_EQ(ended("rolled_back"), 1);
  EXPECT_EQ(ended("replaced"), 2);
  EXPECT_EQ(ended("aborted"), 3);
  EXPECT_EQ(ended("committed"), 4);
}

TEST_F(MetricsTest, NoCounterGoesBackAtAReset) {
  ASSERT_THAT(emulator_->AddStub(OnSql("SELECT 2").Rows({"INT64"}, {{2}})),
              IsOk());
  ASSERT_THAT(emulator_->AddFault(OnCall("GetSession").Aborts()), IsOk());
  const auto session = grpc_.Create();
  ASSERT_THAT(session, IsOk());
  EXPECT_FALSE(grpc_.Get(session->name()).ok());
  const auto caller = MakeCaller(*emulator_, Transport::kInProcess);
  ASSERT_THAT(
      caller->Call("ExecuteSql",
                   FromText<api::ExecuteSqlRequest>(absl::StrCat(
                       "session: '", session->name(), "' sql: 'SELECT 2'"))),
      IsOk());
  const Samples before = Scrape(*emulator_);
  ASSERT_EQ(Value(before, "stub_hits_total"), 1);
  ASSERT_EQ(Value(before, "fault_hits_total"), 1);
  ASSERT_THAT(emulator_->Reset(), IsOk());
  const Samples after = Scrape(*emulator_);
  for (const auto& [name, value] : before) {
    if (absl::StrContains(name, "_total") ||
        absl::StrContains(name, "_bucket") ||
        absl::StrContains(name, "_count") || absl::StrContains(name, "_sum")) {
      EXPECT_GE(Value(after, name), value) << name;
    }
  }
  EXPECT_EQ(Value(after, "faults"), 0);
  EXPECT_EQ(Value(after, Living("regular", "other")), 0);
  EXPECT_EQ(Value(after, "sessions_deleted_total{kind=\"regular\"}"), 1);
}

TEST_F(MetricsTest, IsNoCallItself) {
  ASSERT_THAT(emulator_->AddFault(OnAnyCall().Freezes()), IsOk());
  const Samples first = Scrape(*emulator_);
  const Samples second = Scrape(*emulator_);
  for (const auto& [name, value] : second) {
    EXPECT_THAT(name, Not(StartsWith("calls_total"))) << value;
  }
  EXPECT_EQ(Value(second, "journal_entries"), 0);
  EXPECT_EQ(Value(second, "calls_open"), 0);
}

TEST(MetricsAuthTest, NeedsNoCredential) {
  const auto emulator = StartEmulator(
      {.auth_policy = R"(principals { name: "a" token: "t" grants {
                           roles: "roles/spanner.admin" } })",
       .control_token = "secret"});
  EXPECT_EQ(Fetch(emulator->http_port(), "GET",
                  absl::StrCat("/v1/", kDatabase, "/sessions"))
                .status,
            401);
  EXPECT_GT(Scrape(*emulator).size(), 20);
}

TEST_F(MetricsTest, ProcessFigures) {
  const Samples samples = Scrape(*emulator_);
  EXPECT_GT(Value(samples, "process_cpu_seconds_total"), 0);
  EXPECT_GT(Value(samples, "process_resident_memory_bytes"), 1 << 20);
  EXPECT_GE(Value(samples, "process_virtual_memory_bytes"),
            Value(samples, "process_resident_memory_bytes"));
  EXPECT_GE(Value(samples, "process_open_fds"), 3);
  EXPECT_GT(Value(samples, "process_max_fds"),
            Value(samples, "process_open_fds"));
  EXPECT_GT(Value(samples, "process_threads"), 1);
  // After this was written, and not in the future.
  EXPECT_GT(Value(samples, "process_start_time_seconds"), 1'700'000'000);
  EXPECT_LE(Value(samples, "process_start_time_seconds"),
            absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()) + 1);
}

// The names of metrics in a text, without their suffixes as histograms.
std::set<std::string> NamesIn(const std::string& text, const char* pattern) {
  std::set<std::string> names;
  const std::regex name(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), name), end; it != end;
       ++it) {
    names.insert((*it)[1]);
  }
  return names;
}

TEST_F(MetricsTest, TheDocumentationHasTheSameMetrics) {
  std::ifstream in("docs/metrics.md");
  std::stringstream text;
  text << in.rdbuf();
  const std::set<std::string> documented =
      NamesIn(text.str(), "\n\\| `([a-z_]+)`");
  const std::set<std::string> served =
      NamesIn(Fetch(emulator_->http_port(), "GET", "/metrics").body,
              "# TYPE ([a-z_]+) ");
  EXPECT_THAT(documented, UnorderedElementsAreArray(served));
}

}  // namespace
}  // namespace spanner_session_emulator
