// The session methods, row by row of what they must answer. How errors travel
// is the business of transport/grpc_errors_test.cc.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;
constexpr absl::StatusCode kResourceExhausted =
    absl::StatusCode::kResourceExhausted;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;

constexpr int kMostInt32 = std::numeric_limits<int32_t>::max();
constexpr int kLeastInt32 = std::numeric_limits<int32_t>::min();
constexpr absl::Duration kMicrosecond = absl::Microseconds(1);

google::protobuf::Timestamp TimestampOf(absl::Time time) {
  const int64_t micros = absl::ToUnixMicros(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(micros / 1'000'000);
  timestamp.set_nanos(static_cast<int32_t>(micros % 1'000'000) * 1000);
  return timestamp;
}

MATCHER_P(LastUsedAt, time, "") {
  return absl::ToUnixMicros(time) ==
         arg.approximate_last_use_time().seconds() * 1'000'000 +
             arg.approximate_last_use_time().nanos() / 1000;
}

MATCHER_P(SessionNotFound, name, "") {
  return ::testing::ExplainMatchResult(
      StatusIs(kNotFound, absl::StrCat("Session not found: ", name)), arg,
      result_listener);
}

std::string Page(int page_size) {
  return absl::StrCat("page_size: ", page_size);
}

std::string Token(const std::string& page_token) {
  return absl::StrCat(" page_token: '", page_token, "'");
}

std::vector<std::string> Names(const std::vector<api::Session>& sessions) {
  std::vector<std::string> names;
  for (const api::Session& session : sessions) names.push_back(session.name());
  return names;
}

std::vector<std::string> Names(const api::ListSessionsResponse& response) {
  return Names(std::vector<api::Session>(response.sessions().begin(),
                                         response.sessions().end()));
}

class SessionsTest : public ::testing::TestWithParam<Transport> {
 protected:
  SessionsTest() { StartWith({}); }

  // Goes on with another emulator.
  void StartWith(EmulatorOptions options) {
    client_.reset();
    caller_.reset();
    emulator_ = StartEmulator(std::move(options));
    client_ =
        std::make_unique<SpannerClient>(MakeCaller(*emulator_, GetParam()));
    caller_ = MakeCaller(*emulator_, GetParam());
  }

  Emulator& emulator() { return *emulator_; }
  SpannerClient& client() { return *client_; }
  Caller& caller() { return *caller_; }

  void Advance(absl::Duration by) {
    ASSERT_TRUE(emulator_->clock().Advance(by).ok());
  }

  // Many sessions, past the RPCs.
  void AddSessions(int count) {
    const auto database = DatabaseName::Parse(std::string(kDatabase));
    ASSERT_EQ(emulator_->sessions().Create(*database, {}, count).size(), count);
  }

  Answer Call(const NamingMethod& method, absl::string_view resource) {
    return caller_->Call(method.name(), *method.Request(resource));
  }

  // All of the list, a page at a time; `between` runs after each page.
  std::vector<std::string> Walk(
      int page_size, const std::function<void(int page)>& between = nullptr) {
    std::vector<std::string> names;
    std::string token;
    for (int page = 0; page == 0 || !token.empty(); ++page) {
      const auto response = client().List(Page(page_size) + Token(token));
      EXPECT_THAT(response, IsOk());
      if (!response.ok()) break;
      EXPECT_LE(response->sessions_size(), page_size);
      for (auto& name : Names(*response)) names.push_back(std::move(name));
      token = response->next_page_token();
      if (between != nullptr) between(page);
    }
    return names;
  }

  std::vector<std::string> Listed(absl::string_view database = kDatabase) {
    return Names(client().List("", database).value());
  }

 private:
  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<Caller> caller_;
  std::unique_ptr<SpannerClient> client_;
};

INSTANTIATE_ALL_TRANSPORTS(SessionsTest);

// What cannot be done over REST.
class GrpcSessionsTest : public SessionsTest {
 protected:
  std::shared_ptr<grpc::Channel> channel() {
    return Connect(emulator(), GetParam());
  }
};

INSTANTIATE_TRANSPORTS(GrpcSessionsTest);

// ---- What is answered.

TEST_P(SessionsTest, CreateFillsNameAndTimes) {
  const api::Session session = client().Create().value();
  EXPECT_THAT(session.name(),
              StartsWith(absl::StrCat(kDatabase, "/sessions/")));
  EXPECT_THAT(session.create_time(), EqualsProto(TimestampOf(StartTime())));
  EXPECT_THAT(session, LastUsedAt(StartTime()));
}

TEST_P(SessionsTest, AllFieldsAreEchoedByEveryMethod) {
  for (const char* text : {
           "",
           "labels { key: 'env' value: 'test' }",
           "labels { key: 'a' value: '' } labels { key: 'b' value: 'c' }",
           "creator_role: 'parent'",
           "creator_role: 'public' labels { key: 'env' value: 'test' }",
           "multiplexed: true",
           "multiplexed: true creator_role: 'parent'",
       }) {
    SCOPED_TRACE(text);
    const std::string database = absl::StrCat(kDatabase, "-of-", text);
    auto expected = FromText<api::Session>(text);
    *expected.mutable_create_time() = TimestampOf(StartTime());
    *expected.mutable_approximate_last_use_time() = TimestampOf(StartTime());

    std::vector<api::Session> created = {
        client().Create(text, database).value()};
    if (!expected.multiplexed()) {
      const auto batch = client().BatchCreate(2, text, database).value();
      created.insert(created.end(), batch.begin(), batch.end());
      const auto list = client().List("", database).value();
      ASSERT_THAT(list.sessions(), SizeIs(3));
      for (int i = 0; i < 3; ++i) {
        EXPECT_THAT(list.sessions(i), EqualsProto(created[i]));
      }
    }
    for (const api::Session& session : created) {
      expected.set_name(session.name());
      EXPECT_THAT(session, EqualsProto(expected));
      EXPECT_THAT(client().Get(session.name()).value(), EqualsProto(expected));
    }
  }
}

TEST_P(SessionsTest, OutputOnlyFieldsOfATemplateAreIgnored) {
  const char* const text =
      "name: 'projects/p/instances/i/databases/d/sessions/mine' "
      "create_time { seconds: 1 } approximate_last_use_time { seconds: 2 }";
  std::vector<api::Session> created = client().BatchCreate(1, text).value();
  created.push_back(client().Create(text).value());
  for (const api::Session& session : created) {
    EXPECT_THAT(session.name(), Not(EndsWith("/sessions/mine")));
    EXPECT_THAT(session.create_time(), EqualsProto(TimestampOf(StartTime())));
    EXPECT_THAT(session, LastUsedAt(StartTime()));
  }
}

TEST_P(SessionsTest, TimesAreThoseOfTheClock) {
  const std::string name = client().Create().value().name();
  Advance(absl::Minutes(1) + kMicrosecond);
  const api::Session session = client().Get(name).value();
  EXPECT_THAT(session.create_time(), EqualsProto(TimestampOf(StartTime())));
  EXPECT_THAT(session,
              LastUsedAt(StartTime() + absl::Minutes(1) + kMicrosecond));
  EXPECT_THAT(client().Create().value().create_time(),
              EqualsProto(TimestampOf(emulator().clock().Now())));
}

TEST_P(SessionsTest, IdsAre48LettersAndUnguessable) {
  std::vector<std::string> ids;
  for (int batch = 0; batch < 4; ++batch) {
    for (const std::string& name : Names(client().BatchCreate(100).value())) {
      ids.push_back(name.substr(name.rfind('/') + 1));
    }
  }
  EXPECT_THAT(std::set<std::string>(ids.begin(), ids.end()), SizeIs(400));
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_THAT(ids[i], SizeIs(48));
    EXPECT_TRUE(std::all_of(ids[i].begin(), ids[i].end(), absl::ascii_islower))
        << ids[i];
    if (i == 0) continue;
    // Of random neighbours, one letter in 16 is the same.
    int same = 0;
    for (int k = 0; k < 48; ++k) same += ids[i][k] == ids[i - 1][k];
    EXPECT_LT(same, 20) << ids[i - 1] << " " << ids[i];
  }
}

TEST_P(SessionsTest, NamesAreOfTheirDatabase) {
  for (const char* database :
       {"projects/p/instances/i/databases/test",
        "projects/p/instances/i/databases/test-2",
        "projects/p/instances/other/databases/test",
        "projects/example.com:proj/instances/i/databases/test"}) {
    const std::string name = client().Create("", database).value().name();
    EXPECT_THAT(name, StartsWith(absl::StrCat(database, "/sessions/")));
    EXPECT_THAT(Names(client().BatchCreate(1, "", database).value()),
                ElementsAre(StartsWith(absl::StrCat(database, "/sessions/"))));
    EXPECT_THAT(Listed(database), AllOf(SizeIs(2), Contains(name)));
  }
}

// ---- Row: session missing, deleted or expired, in any RPC.

struct GoneSession {
  const char* how;
  // Gives the name of a session that is gone.
  std::function<std::string(SpannerClient&, Clock&)> make;
};

const GoneSession kGoneSessions[] = {
    {"never created",
     [](SpannerClient&, Clock&) {
       return absl::StrCat(kDatabase, "/sessions/s");
     }},
    {"never created, but looks like one",
     [](SpannerClient&, Clock&) {
       return absl::StrCat(kDatabase, "/sessions/", std::string(48, 'a'));
     }},
    {"of another database",
     [](SpannerClient& client, Clock&) {
       const std::string name = client.Create().value().name();
       return absl::StrCat(kDatabase, "-2", name.substr(kDatabase.size()));
     }},
    {"deleted",
     [](SpannerClient& client, Clock&) {
       const std::string name = client.Create().value().name();
       EXPECT_THAT(client.Delete(name), IsOk());
       return name;
     }},
    {"idle for too long",
     [](SpannerClient& client, Clock& clock) {
       const std::string name = client.Create().value().name();
       EXPECT_THAT(clock.Advance(absl::Hours(1) + kMicrosecond), IsOk());
       return name;
     }},
    {"too old",
     [](SpannerClient& client, Clock& clock) {
       const std::string name = client.Create().value().name();
       for (int i = 0; i < 3; ++i) {
         EXPECT_THAT(clock.Advance(absl::Minutes(30)), IsOk());
         EXPECT_THAT(client.Get(name), IsOk());
       }
       EXPECT_THAT(clock.Advance(kMicrosecond), IsOk());
       return name;
     }},
    {"multiplexed and too old",
     [](SpannerClient& client, Clock& clock) {
       const std::string name =
           client.Create("multiplexed: true").value().name();
       EXPECT_THAT(clock.Advance(absl::Hours(5) + kMicrosecond), IsOk());
       return name;
     }},
};

TEST_P(SessionsTest, GoneSessionIsNotFoundInEveryRpc) {
  for (const GoneSession& gone : kGoneSessions) {
    SCOPED_TRACE(gone.how);
    StartWith({.lifetimes = {.max_age = absl::Minutes(90),
                             .multiplexed_max_age = absl::Hours(5)}});
    const std::string name = gone.make(client(), emulator().clock());
    int streaming = 0;
    for (const NamingMethod& method : MethodsOfSessions()) {
      if (method.name() == "DeleteSession") continue;
      SCOPED_TRACE(method.name());
      const Answer answer = Call(method, name);
      EXPECT_THAT(answer, SessionNotFound(name));
      EXPECT_THAT(answer.messages, IsEmpty());
      if (method.method->server_streaming()) ++streaming;
    }
    EXPECT_GE(streaming, 3);
    EXPECT_THAT(Listed(), Not(Contains(name)));
    EXPECT_THAT(client().Delete(name), IsOk());
  }
}

// ---- Rows: database and instance missing.

class DeclaredDatabasesTest : public SessionsTest {
 protected:
  DeclaredDatabasesTest() {
    StartWith({.databases = {std::string(kDatabase)}});
  }
};

INSTANTIATE_ALL_TRANSPORTS(DeclaredDatabasesTest);

struct MissingDatabase {
  const char* name;
  const char* message;
};

constexpr MissingDatabase kMissingDatabases[] = {
    {"projects/p/instances/i/databases/d2",
     "Database not found: projects/p/instances/i/databases/d2"},
    {"projects/p/instances/i2/databases/d",
     "Instance not found: projects/p/instances/i2"},
    {"projects/p2/instances/i/databases/d",
     "Instance not found: projects/p2/instances/i"},
    {"projects/p2/instances/i2/databases/d2",
     "Instance not found: projects/p2/instances/i2"},
};

TEST_P(DeclaredDatabasesTest, DeclaredDatabaseExists) {
  const std::string name = client().Create().value().name();
  EXPECT_THAT(client().BatchCreate(1), IsOk());
  EXPECT_THAT(client().Get(name), IsOk());
  EXPECT_THAT(Listed(), SizeIs(2));
  EXPECT_THAT(client().Delete(name), IsOk());
  EXPECT_THAT(client().Get(name), SessionNotFound(name));
}

TEST_P(DeclaredDatabasesTest, MissingDatabaseOrInstanceIsNotFound) {
  for (const MissingDatabase& missing : kMissingDatabases) {
    SCOPED_TRACE(missing.name);
    const auto is_not_found = StatusIs(kNotFound, missing.message);
    EXPECT_THAT(client().BatchCreate(1, "", missing.name), is_not_found);
    for (const NamingMethod& method : MethodsOfDatabases()) {
      SCOPED_TRACE(method.name());
      // One without a count is malformed.
      if (method.name() == "BatchCreateSessions") continue;
      EXPECT_THAT(Call(method, missing.name), is_not_found);
    }
  }
}

TEST_P(DeclaredDatabasesTest, MissingDatabaseWinsOverMissingSession) {
  for (const MissingDatabase& missing : kMissingDatabases) {
    const std::string name = absl::StrCat(missing.name, "/sessions/s");
    for (const NamingMethod& method : MethodsOfSessions()) {
      SCOPED_TRACE(absl::StrCat(method.name(), " ", name));
      const Answer answer = Call(method, name);
      if (method.name() == "GetSession") {
        EXPECT_THAT(answer, SessionNotFound(name));
      } else if (method.name() == "DeleteSession") {
        EXPECT_THAT(answer, IsOk());
      } else {
        EXPECT_THAT(answer, StatusIs(kNotFound, missing.message));
      }
    }
  }
}

TEST_P(DeclaredDatabasesTest, MissingSessionOfADeclaredDatabaseIsNotFound) {
  const std::string name = absl::StrCat(kDatabase, "/sessions/s");
  for (const NamingMethod& method : MethodsOfSessions()) {
    if (method.name() == "DeleteSession") continue;
    EXPECT_THAT(Call(method, name), SessionNotFound(name)) << method.name();
  }
}

TEST_P(DeclaredDatabasesTest, MalformedRequestWinsOverMissingDatabase) {
  const char* const missing = kMissingDatabases[0].name;
  const auto is_invalid = StatusIs(kInvalidArgument, StartsWith("Invalid "));
  EXPECT_THAT(client().Create("labels { key: 'A' }", missing), is_invalid);
  EXPECT_THAT(client().BatchCreate(0, "", missing), is_invalid);
  EXPECT_THAT(client().BatchCreate(1, "multiplexed: true", missing),
              StatusIs(kInvalidArgument, HasSubstr("in batch")));
  EXPECT_THAT(client().List("filter: 'x'", missing), is_invalid);
  EXPECT_THAT(client().List("page_token: 'x'", missing), is_invalid);
}

TEST_P(SessionsTest, EveryDatabaseExistsUnlessSomeAreDeclared) {
  for (const MissingDatabase& other : kMissingDatabases) {
    EXPECT_THAT(client().Create("", other.name), IsOk());
    EXPECT_THAT(client().BatchCreate(1, "", other.name), IsOk());
    EXPECT_THAT(Listed(other.name), SizeIs(2));
  }
}

// ---- Row: malformed or empty name, in any RPC. Names.

// Whether a name has the parts that paths of REST have, whatever is in them.
bool FitsPath(absl::string_view name, absl::string_view pattern) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  const std::vector<absl::string_view> wanted = absl::StrSplit(pattern, '/');
  return std::equal(parts.begin(), parts.end(), wanted.begin(), wanted.end(),
                    [](absl::string_view part, absl::string_view want) {
                      return absl::StartsWith(want, "<") ? !part.empty()
                                                         : part == want;
                    });
}

TEST_P(SessionsTest, MalformedNameIsInvalidInEveryRpc) {
  constexpr absl::string_view kDatabasePattern =
      "projects/<project>/instances/<instance>/databases/<database>";
  const auto check = [&](const NamingMethod& method, absl::string_view name,
                         absl::string_view pattern) {
    if (GetParam() == Transport::kRest && !FitsPath(name, pattern)) {
      // There the name is part of a path, and this one leads elsewhere: to
      // another method, or to none.
      return;
    }
    EXPECT_THAT(
        Call(method, name),
        StatusIs(kInvalidArgument,
                 StartsWith(absl::StrCat("Invalid ", method.name(),
                                         " request: ", method.field->name(),
                                         " must be ", pattern, ", but "))))
        << method.name() << " \"" << name << "\"";
  };
  const std::string long_id(4096, 'x');
  for (const std::string& name :
       {std::string(""), std::string("x"), std::string("/"),
        std::string("projects/p/instances/i"),
        std::string("projects/p/instances/i/databases"),
        std::string("projects/p/instances/i/databases/"),
        std::string("projects//instances/i/databases/d"),
        std::string("projects/p/instances//databases/d"),
        std::string("projects/p/databases/i/instances/d"),
        std::string("Projects/p/instances/i/databases/d"),
        std::string("/projects/p/instances/i/databases/d"),
        std::string(" projects/p/instances/i/databases/d"),
        std::string("projects/p/instances/i/databases/d/"),
        std::string("projects/p/instances/i/databases/d\n"),
        std::string("projects/p/instances/i\x7f/databases/d"),
        std::string("projects/p\0/instances/i/databases/d", 35),
        std::string("projects/p/instances/i/databases/\xc2\x80"),
        absl::StrCat("projects/p/instances/i/databases/", long_id)}) {
    for (const NamingMethod& method : MethodsOfDatabases()) {
      check(method, name, kDatabasePattern);
    }
    const std::string session = absl::StrCat(name, "/sessions/s");
    for (const NamingMethod& method : MethodsOfSessions()) {
      check(method, session,
            absl::StrCat(kDatabasePattern, "/sessions/<session>"));
    }
  }
  for (const NamingMethod& method : MethodsOfDatabases()) {
    check(method, absl::StrCat(kDatabase, "/sessions/s"), kDatabasePattern);
  }
  for (const char* suffix :
       {"", "/sessions", "/sessions/", "/sessions//", "/sessions/s/",
        "/sessions/s/t", "/Sessions/s", "/session/s", "/sessions/s\r"}) {
    for (const NamingMethod& method : MethodsOfSessions()) {
      check(method, absl::StrCat(kDatabase, suffix),
            absl::StrCat(kDatabasePattern, "/sessions/<session>"));
    }
  }
  for (const NamingMethod& method : MethodsOfSessions()) {
    check(method, "", absl::StrCat(kDatabasePattern, "/sessions/<session>"));
  }
}

// A session's name has a collection and an id of 48 characters more.
constexpr int kMaxDatabaseBytes = 4096 - 10 - 48;

std::string DatabaseOfBytes(size_t size) {
  return absl::StrCat(kDatabase, std::string(size - kDatabase.size(), 'x'));
}

TEST_P(SessionsTest, UnusualNamesAreTaken) {
  for (const std::string& database :
       {std::string("projects/example.com:proj/instances/i/databases/d"),
        std::string("projects/P/instances/I/databases/D"),
        std::string("projects/1/instances/_/databases/-"),
        std::string("projects/p p/instances/i\"i'/databases/d%20"),
        std::string("projects/../instances/./databases/databases"),
        std::string("projects/\xc3\xa9/instances/\xe6\x97\xa5/databases/"
                    "\xf0\x9f\x98\x80"),
        DatabaseOfBytes(kMaxDatabaseBytes)}) {
    SCOPED_TRACE(database);
    const std::string name = client().Create("", database).value().name();
    EXPECT_THAT(client().Get(name), IsOk());
    EXPECT_THAT(Listed(database), ElementsAre(name));
    EXPECT_THAT(client().Delete(name), IsOk());
    EXPECT_THAT(client().Get(name), StatusIs(kNotFound, HasSubstr("Session")));
  }
}

TEST_P(SessionsTest, DatabaseWhoseSessionsNamesWouldBeTooLongIsInvalid) {
  const std::string database = DatabaseOfBytes(kMaxDatabaseBytes + 1);
  const auto is_invalid =
      StatusIs(kInvalidArgument,
               AllOf(StartsWith("Invalid "),
                     HasSubstr(" request: database must be at most 4038 ")));
  EXPECT_THAT(client().Create("", database), is_invalid);
  EXPECT_THAT(client().Create("multiplexed: true", database), is_invalid);
  EXPECT_THAT(client().BatchCreate(1, "", database), is_invalid);
  EXPECT_THAT(Listed(database), IsEmpty());
}

// ---- Rows: labels.

// These labels are refused, for one session and for a batch, with `problem`.
void ExpectRefused(SpannerClient& client, const std::string& labels,
                   const ::testing::Matcher<std::string>& problem) {
  EXPECT_THAT(
      client.Create(labels),
      StatusIs(kInvalidArgument,
               AllOf(StartsWith(
                         "Invalid CreateSession request: session.labels has "),
                     problem)));
  EXPECT_THAT(client.BatchCreate(1, labels),
              StatusIs(kInvalidArgument,
                       AllOf(StartsWith("Invalid BatchCreateSessions request: "
                                        "session_template.labels has "),
                             problem)));
}

std::string Label(absl::string_view key, absl::string_view value) {
  return absl::StrCat("labels { key: '", key, "' value: '", value, "' } ");
}

std::string ManyLabels(int count) {
  std::string labels;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&labels, Label(absl::StrCat("k", i), "v"));
  }
  return labels;
}

TEST_P(SessionsTest, BadLabelKeyIsInvalidAndNamed) {
  const std::string too_long(64, 'a');
  for (const char* key : {"", "A", "aA", "1", "1a", "-", "-a", "a-", "a_b",
                          "a.b", "a b", " a", "\xc3\xa4", too_long.c_str()}) {
    SCOPED_TRACE(key);
    ExpectRefused(client(), Label("good", "good") + Label(key, "v"),
                  HasSubstr(absl::StrCat("the label key \"", key, "\"")));
  }
}

TEST_P(SessionsTest, BadLabelValueIsInvalidAndNamed) {
  const std::string too_long(64, 'a');
  for (const char* value : {"A", "1", "-", "-a", "a-", "a_b", "a b", " ",
                            "\xc3\xa4", too_long.c_str()}) {
    SCOPED_TRACE(value);
    ExpectRefused(client(), Label("good", "good") + Label("bad", value),
                  AllOf(HasSubstr("the label \"bad\""),
                        HasSubstr(absl::StrCat("the value \"", value, "\""))));
  }
}

TEST_P(SessionsTest, MoreThan64LabelsAreInvalid) {
  ExpectRefused(client(), ManyLabels(65),
                AllOf(HasSubstr("65 labels"), HasSubstr("at most 64")));
}

TEST_P(SessionsTest, LabelsAtTheLimitsAreTaken) {
  const std::string longest = absl::StrCat("a", std::string(61, '-'), "9");
  for (const std::string& labels :
       {Label("a", ""), Label("a", "a"), Label("a1", "b2"),
        Label("a-b--c", "d-e--f"), Label(longest, longest), ManyLabels(64)}) {
    SCOPED_TRACE(labels);
    const auto session = client().Create(labels);
    ASSERT_THAT(session, IsOk());
    EXPECT_EQ(session->labels_size(),
              FromText<api::Session>(labels).labels_size());
    EXPECT_THAT(client().BatchCreate(1, labels), IsOk());
  }
}

TEST_P(SessionsTest, LabelsOnAMultiplexedSessionAreInvalid) {
  EXPECT_THAT(
      client().Create("multiplexed: true labels { key: 'a' value: 'b' }"),
      StatusIs(kInvalidArgument,
               "Labels are not supported in multiplexed sessions"));
}

TEST_P(SessionsTest, CreatorRoleOfMoreThan1024BytesIsInvalid) {
  const auto role = [](int size) {
    return absl::StrCat("creator_role: '", std::string(size, 'r'), "'");
  };
  for (const char* prefix : {"", "multiplexed: true "}) {
    EXPECT_THAT(client().Create(prefix + role(1024)).value().creator_role(),
                SizeIs(1024));
    EXPECT_THAT(client().Create(prefix + role(1025)),
                StatusIs(kInvalidArgument, HasSubstr("session.creator_role")));
  }
  EXPECT_THAT(client().BatchCreate(1, role(1024)), IsOk());
  EXPECT_THAT(
      client().BatchCreate(1, role(1025)),
      StatusIs(kInvalidArgument, HasSubstr("session_template.creator_role")));
}

// ---- Rows: batches.

TEST_P(SessionsTest, SessionCountUpTo0IsInvalid) {
  for (const int count : {0, -1, -100, kLeastInt32}) {
    EXPECT_THAT(client().BatchCreate(count),
                StatusIs(kInvalidArgument,
                         AllOf(StartsWith("Invalid BatchCreateSessions "
                                          "request: session_count "),
                               EndsWith(absl::StrCat(" ", count)))));
  }
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_P(SessionsTest, SessionCountAboveTheBatchLimitGivesTheFirst100) {
  for (const int count : {1, 2, 99, 100, 101, 1000, kMostInt32}) {
    const auto sessions = client().BatchCreate(count).value();
    EXPECT_THAT(sessions, SizeIs(std::min(count, 100)));
    const std::vector<std::string> names = Names(sessions);
    EXPECT_THAT(std::set<std::string>(names.begin(), names.end()),
                SizeIs(sessions.size()));
  }
}

TEST_P(SessionsTest, TheBatchLimitIsAnOption) {
  StartWith({.max_sessions_per_batch = 7});
  EXPECT_THAT(client().BatchCreate(6).value(), SizeIs(6));
  EXPECT_THAT(client().BatchCreate(8).value(), SizeIs(7));
  EXPECT_THAT(Listed(), SizeIs(13));
}

TEST_P(SessionsTest, BatchOfMultiplexedSessionsIsInvalid) {
  for (const char* text :
       {"multiplexed: true", "multiplexed: true labels { key: 'a' }"}) {
    EXPECT_THAT(client().BatchCreate(1, text),
                StatusIs(kInvalidArgument,
                         "Multiplexed sessions may not be created in batch."));
  }
}

// ---- Rows: DeleteSession.

TEST_P(SessionsTest, DeleteEndsASession) {
  const std::vector<std::string> names = Names(client().BatchCreate(3).value());
  EXPECT_THAT(client().Delete(names[1]), IsOk());
  EXPECT_THAT(client().Get(names[1]), SessionNotFound(names[1]));
  EXPECT_THAT(Listed(), ElementsAre(names[0], names[2]));
}

TEST_P(SessionsTest, DeleteOfAMissingSessionIsOk) {
  const std::string name = client().Create().value().name();
  EXPECT_THAT(client().Delete(name), IsOk());
  EXPECT_THAT(client().Delete(name), IsOk());
  EXPECT_THAT(client().Delete(absl::StrCat(kDatabase, "/sessions/s")), IsOk());

  const std::string expired = client().Create().value().name();
  const std::string multiplexed =
      client().Create("multiplexed: true").value().name();
  Advance(absl::Hours(28 * 24) + kMicrosecond);
  EXPECT_THAT(client().Delete(expired), IsOk());
  EXPECT_THAT(client().Delete(multiplexed), IsOk());
}

TEST_P(SessionsTest, DeleteUnderAnotherDatabasesNameLeavesTheSession) {
  const std::string name = client().Create().value().name();
  EXPECT_THAT(client().Delete(absl::StrCat("projects/p/instances/i/databases/e",
                                           name.substr(kDatabase.size()))),
              IsOk());
  EXPECT_THAT(client().Get(name), IsOk());
}

TEST_P(SessionsTest, DeleteOfAMultiplexedSessionIsInvalid) {
  const std::string name = client().Create("multiplexed: true").value().name();
  EXPECT_THAT(
      client().Delete(name),
      StatusIs(kInvalidArgument, "Multiplexed sessions may not be deleted."));
  EXPECT_THAT(client().Get(name), IsOk());
}

// ---- Row: the cap.

TEST_P(SessionsTest, ABatchGivesWhatFitsUnderTheCapAndThenFails) {
  StartWith({.max_sessions = 5});
  EXPECT_THAT(client().BatchCreate(3).value(), SizeIs(3));
  EXPECT_THAT(client().BatchCreate(3).value(), SizeIs(2));
  const auto is_exhausted =
      StatusIs(kResourceExhausted, HasSubstr("Too many sessions: 5 "));
  EXPECT_THAT(client().BatchCreate(3), is_exhausted);
  EXPECT_THAT(client().Create(), is_exhausted);
  EXPECT_THAT(client().Create("multiplexed: true"), is_exhausted);
  // The cap is of the whole server.
  EXPECT_THAT(client().Create("", absl::StrCat(kDatabase, "-2")), is_exhausted);
  EXPECT_THAT(Listed(), SizeIs(5));
}

TEST_P(SessionsTest, OnlyLiveSessionsCountTowardsTheCap) {
  StartWith({.max_sessions = 3});
  const std::vector<std::string> names = Names(client().BatchCreate(2).value());
  EXPECT_THAT(client().Create("multiplexed: true"), IsOk());
  EXPECT_THAT(client().Create(), StatusIs(kResourceExhausted, HasSubstr("")));

  EXPECT_THAT(client().Delete(names[0]), IsOk());
  EXPECT_THAT(client().Create(), IsOk());
  EXPECT_THAT(client().Create(), StatusIs(kResourceExhausted, HasSubstr("")));

  // At the last instant of their lives, and after it.
  Advance(absl::Hours(1));
  EXPECT_THAT(client().Create(), StatusIs(kResourceExhausted, HasSubstr("")));
  Advance(kMicrosecond);
  EXPECT_THAT(client().BatchCreate(100).value(), SizeIs(2));
}

TEST_P(SessionsTest, OnlyLiveSessionsAreCounted) {
  const std::vector<std::string> names = Names(client().BatchCreate(3).value());
  EXPECT_THAT(client().Create("multiplexed: true"), IsOk());
  EXPECT_THAT(client().Delete(names[0]), IsOk());
  const auto live = [this] {
    const SessionCounts counts = emulator().sessions().TotalCounts();
    return std::pair(counts.regular.live, counts.multiplexed.live);
  };
  EXPECT_EQ(live(), std::pair(int64_t{2}, int64_t{1}));
  Advance(absl::Hours(1));
  EXPECT_EQ(live(), std::pair(int64_t{2}, int64_t{1}));
  Advance(kMicrosecond);
  EXPECT_EQ(live(), std::pair(int64_t{0}, int64_t{1}));
}

// ---- Rows: ListSessions.

TEST_P(SessionsTest, PageSizeOutside1To1000Is1000) {
  AddSessions(1001);
  for (const int page_size : {0, -1, kLeastInt32, 1000, 1001, kMostInt32}) {
    SCOPED_TRACE(page_size);
    const auto page = client().List(Page(page_size)).value();
    EXPECT_THAT(page.sessions(), SizeIs(1000));
    EXPECT_NE(page.next_page_token(), "");
    const auto last =
        client().List(Page(page_size) + Token(page.next_page_token())).value();
    EXPECT_THAT(last.sessions(), SizeIs(1));
    EXPECT_EQ(last.next_page_token(), "");
  }
  EXPECT_THAT(client().List("").value().sessions(), SizeIs(1000));
}

TEST_P(SessionsTest, PageSizeIsKept) {
  AddSessions(1000);
  for (const int page_size : {1, 2, 999}) {
    const auto page = client().List(Page(page_size)).value();
    EXPECT_THAT(page.sessions(), SizeIs(page_size));
    EXPECT_NE(page.next_page_token(), "");
  }
  const auto whole = client().List("page_size: 1000").value();
  EXPECT_THAT(whole.sessions(), SizeIs(1000));
  EXPECT_EQ(whole.next_page_token(), "");
}

TEST_P(SessionsTest, ListOfADatabaseWithoutSessionsIsEmpty) {
  EXPECT_THAT(client().List().value(),
              EqualsProto(api::ListSessionsResponse()));
}

TEST_P(SessionsTest, PagesAreInCreationOrder) {
  std::vector<std::string> names = Names(client().BatchCreate(5).value());
  for (int i = 0; i < 5; ++i) {
    Advance(kMicrosecond);
    names.push_back(client().Create().value().name());
  }
  for (const int page_size : {1, 3, 5, 10, 11}) {
    EXPECT_EQ(Walk(page_size), names) << page_size;
  }
  // A use changes nothing.
  Advance(kMicrosecond);
  EXPECT_THAT(client().Get(names[4]), IsOk());
  EXPECT_EQ(Walk(3), names);
}

TEST_P(SessionsTest, PagesAreStableWhateverIsCreatedAndDeleted) {
  const std::vector<std::string> names =
      Names(client().BatchCreate(12).value());
  const std::vector<std::string> walked = Walk(3, [&](int page) {
    if (page == 0) {
      EXPECT_THAT(client().Delete(names[0]), IsOk());  // Seen.
      EXPECT_THAT(client().Delete(names[2]), IsOk());  // Where the page ended.
      EXPECT_THAT(client().Delete(names[3]), IsOk());  // The next one.
      EXPECT_THAT(client().Delete(names[8]), IsOk());
    }
    // May be listed: there is no end to this walk without a stop.
    if (page < 3) {
      EXPECT_THAT(client().Create(), IsOk());
    }
  });
  std::vector<std::string> old;
  for (const std::string& name : walked) {
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      old.push_back(name);
    }
  }
  EXPECT_THAT(old,
              ElementsAre(names[0], names[1], names[2], names[4], names[5],
                          names[6], names[7], names[9], names[10], names[11]));
  EXPECT_THAT(std::set<std::string>(walked.begin(), walked.end()),
              SizeIs(walked.size()));
}

TEST_P(SessionsTest, APageTokenCanBeUsedAgain) {
  const std::vector<std::string> names = Names(client().BatchCreate(4).value());
  const std::string token =
      client().List("page_size: 2").value().next_page_token();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Names(client().List(Token(token)).value()),
                ElementsAre(names[2], names[3]));
  }
}

TEST_P(SessionsTest, PageTokenThatIsNotOfThisListIsInvalid) {
  const std::string labels = Label("env", "test");
  const std::string other = absl::StrCat(kDatabase, "-2");
  for (const absl::string_view database :
       {kDatabase, absl::string_view(other)}) {
    EXPECT_THAT(client().BatchCreate(3, labels, database), IsOk());
  }
  const auto token = [&](absl::string_view filter, absl::string_view database) {
    return client()
        .List(absl::StrCat("page_size: 1 filter: '", filter, "'"), database)
        .value()
        .next_page_token();
  };
  const std::string good = token("", kDatabase);
  const std::string filtered = token("labels.env:test", kDatabase);
  ASSERT_THAT(client().List(Token(good)), IsOk());
  ASSERT_THAT(client().List("filter: 'labels.env:test'" + Token(filtered)),
              IsOk());

  std::string flipped = good;
  flipped[flipped.size() / 2] ^= 1;
  struct Case {
    const char* what;
    std::string filter;
    std::string page_token;
  };
  for (const Case& c :
       std::vector<Case>{{"another database", "", token("", other)},
                         {"no filter", "labels.env:test", good},
                         {"a filter", "", filtered},
                         {"another filter", "labels.env:*", filtered},
                         {"garbage", "", "x"},
                         {"a number", "", "1"},
                         {"not base64", "", "!?#"},
                         {"a blank", "", " "},
                         {"cut", "", good.substr(0, good.size() - 1)},
                         {"longer", "", good + "A"},
                         {"padded", "", good + "="},
                         {"flipped", "", flipped}}) {
    SCOPED_TRACE(c.what);
    EXPECT_THAT(
        client().List(absl::StrCat("filter: '", c.filter, "' page_token: '",
                                   c.page_token, "'")),
        StatusIs(kInvalidArgument,
                 StartsWith("Invalid ListSessions request: page_token ")));
  }
}

TEST_P(SessionsTest, PageTokenOfAnotherServerIsInvalid) {
  EXPECT_THAT(client().BatchCreate(3), IsOk());
  const std::string token =
      client().List("page_size: 1").value().next_page_token();
  StartWith({});
  EXPECT_THAT(client().BatchCreate(3), IsOk());
  EXPECT_THAT(client().List(Token(token)),
              StatusIs(kInvalidArgument, HasSubstr("page_token")));
}

TEST_P(SessionsTest, FilterChoosesByLabels) {
  std::vector<std::string> names;
  for (const std::string& labels :
       {std::string(), Label("env", "test"),
        Label("env", "testing") + Label("team", "a"),
        Label("env", "prod") + Label("team", "ab"), Label("env", "")}) {
    names.push_back(client().Create(labels).value().name());
  }
  struct Case {
    const char* filter;
    std::vector<int> matching;
  };
  for (const Case& c : std::vector<Case>{
           {"", {0, 1, 2, 3, 4}},
           {"  ", {0, 1, 2, 3, 4}},
           {"labels.env:*", {1, 2, 3, 4}},
           {"labels.team:*", {2, 3}},
           {"labels.none:*", {}},
           {"labels.en:*", {}},
           {"labels.env:test", {1, 2}},
           {"labels.env:testing", {2}},
           {"labels.env:stin", {2}},
           {"labels.env:o", {3}},
           {"labels.env:x", {}},
           {"labels.ENV:TEST", {1, 2}},
           {"LABELS.Env:tEST", {1, 2}},
           {"labels.env:* labels.team:*", {2, 3}},
           {"labels.env:test labels.team:*", {2}},
           {"labels.env:test AND labels.team:a", {2}},
           {"labels.team:a and labels.env:* AnD labels.team:b", {3}},
           {"  labels.env:prod   AND   labels.team:a  ", {3}},
           {"labels.env:test labels.env:prod", {}}}) {
    SCOPED_TRACE(c.filter);
    std::vector<std::string> expected;
    for (const int i : c.matching) expected.push_back(names[i]);
    EXPECT_EQ(
        Names(client().List(absl::StrCat("filter: '", c.filter, "'")).value()),
        expected);
  }
}

TEST_P(SessionsTest, FilterOutsideTheGrammarIsInvalidAndSaysWhere) {
  struct Case {
    const char* filter;
    int position;
  };
  for (const Case& c :
       std::vector<Case>{{"x", 1},
                         {"name:x", 1},
                         {"labels", 1},
                         {"labels.", 8},
                         {"labels.:x", 8},
                         {"labels.env", 11},
                         {"labels.env=test", 11},
                         {"labels.env :test", 11},
                         {"labels.env:", 12},
                         {"labels.env: test", 12},
                         {"labels.env:\"test\"", 12},
                         {"labels.env:test*", 16},
                         {"labels.env:* OR labels.team:*", 14},
                         {"labels.env:* AND", 17},
                         {"labels.env:* AND AND labels.team:*", 18},
                         {"AND labels.env:*", 1},
                         {"NOT labels.env:*", 1},
                         {"(labels.env:*)", 1}}) {
    SCOPED_TRACE(c.filter);
    api::ListSessionsRequest request;
    request.set_database(std::string(kDatabase));
    request.set_filter(c.filter);
    EXPECT_THAT(
        caller().Call("ListSessions", request),
        StatusIs(kInvalidArgument,
                 AllOf(StartsWith("Invalid ListSessions request: filter "),
                       HasSubstr(absl::StrCat("position ", c.position, " ")))));
  }
}

TEST_P(SessionsTest, AFilteredPageExaminesAtMost10000Sessions) {
  AddSessions(10'000);
  const std::string name = client().Create(Label("env", "test")).value().name();
  const std::string filter = "filter: 'labels.env:*'";
  const auto page = client().List(filter).value();
  EXPECT_THAT(page.sessions(), SizeIs(0));
  ASSERT_NE(page.next_page_token(), "");
  const auto next =
      client().List(filter + Token(page.next_page_token())).value();
  EXPECT_THAT(Names(next), ElementsAre(name));
  EXPECT_EQ(next.next_page_token(), "");
}

TEST_P(SessionsTest, MultiplexedSessionsAreNeverListed) {
  EXPECT_THAT(client().Create("multiplexed: true"), IsOk());
  EXPECT_THAT(Listed(), IsEmpty());
  const std::string name = client().Create().value().name();
  EXPECT_THAT(client().Create("multiplexed: true"), IsOk());
  EXPECT_THAT(Listed(), ElementsAre(name));
}

TEST_P(SessionsTest, DatabaseWhoseNameIsAPrefixIsAnotherOne) {
  const char* const kTest = "projects/p/instances/i/databases/test";
  const char* const kTest2 = "projects/p/instances/i/databases/test-2";
  const std::string one = client().Create("", kTest).value().name();
  const std::string two = client().Create("", kTest2).value().name();
  EXPECT_THAT(Listed(kTest), ElementsAre(one));
  EXPECT_THAT(Listed(kTest2), ElementsAre(two));
}

// ---- Time.

struct Lifetime {
  const char* what;
  const char* session;  // Its template.
  SessionLifetimes lifetimes;
  absl::Duration lives;  // Without a use.
};

const Lifetime kLifetimes[] = {
    {"idle TTL", "", {}, absl::Hours(1)},
    {"maximum age",
     "",
     {.idle_ttl = absl::InfiniteDuration()},
     absl::Hours(28 * 24)},
    {"multiplexed maximum age",
     "multiplexed: true",
     {.idle_ttl = absl::Seconds(1), .max_age = absl::Seconds(1)},
     absl::Hours(28 * 24)},
    {"idle TTL of its own",
     "",
     {.idle_ttl = absl::Seconds(3)},
     absl::Seconds(3)},
    {"maximum age of its own",
     "",
     {.max_age = absl::Microseconds(5)},
     absl::Microseconds(5)},
    {"multiplexed maximum age of its own",
     "multiplexed: true",
     {.multiplexed_max_age = absl::Minutes(7)},
     absl::Minutes(7)},
};

TEST_P(SessionsTest, ASessionDiesOneMicrosecondAfterItsDeadline) {
  for (const Lifetime& row : kLifetimes) {
    SCOPED_TRACE(row.what);
    StartWith({.lifetimes = row.lifetimes, .get_session_counts_as_use = false});
    const api::Session session = client().Create(row.session).value();
    const std::string& name = session.name();
    const auto listed = [&] {
      return session.multiplexed() || !Listed().empty();
    };
    for (const absl::Duration step : {row.lives - kMicrosecond, kMicrosecond}) {
      Advance(step);
      EXPECT_THAT(client().Get(name).value(), EqualsProto(session));
      EXPECT_TRUE(listed());
    }
    ASSERT_EQ(emulator().clock().Now(), StartTime() + row.lives);
    Advance(kMicrosecond);
    EXPECT_THAT(client().Get(name), SessionNotFound(name));
    EXPECT_THAT(Listed(), IsEmpty());
  }
}

TEST_P(SessionsTest, AUseAtTheLastInstantKeepsASessionAlive) {
  const std::string name = client().Create().value().name();
  for (int i = 0; i < 3; ++i) {
    Advance(absl::Hours(1));
    EXPECT_THAT(client().Get(name).value(),
                LastUsedAt(emulator().clock().Now()));
  }
  Advance(absl::Hours(1) + kMicrosecond);
  EXPECT_THAT(client().Get(name), SessionNotFound(name));
}

TEST_P(SessionsTest, UsesDoNotKeepASessionAliveBeyondItsMaximumAge) {
  StartWith({.lifetimes = {.max_age = absl::Minutes(90)}});
  const std::string name = client().Create().value().name();
  for (int i = 0; i < 3; ++i) {
    Advance(absl::Minutes(30));
    EXPECT_THAT(client().Get(name), IsOk());
  }
  Advance(kMicrosecond);
  EXPECT_THAT(client().Get(name), SessionNotFound(name));
}

TEST_P(SessionsTest, LifetimesOfSingleDatabases) {
  const std::string other = absl::StrCat(kDatabase, "-2");
  StartWith({.database_lifetimes = {{other, {.idle_ttl = absl::Seconds(10)}}}});
  const std::string here = client().Create().value().name();
  const std::string there = client().Create("", other).value().name();
  Advance(absl::Seconds(10) + kMicrosecond);
  EXPECT_THAT(client().Get(here), IsOk());
  EXPECT_THAT(client().Get(there), SessionNotFound(there));
}

TEST_P(SessionsTest, InfiniteLifetimesDoNotEnd) {
  constexpr absl::Duration kForever = absl::InfiniteDuration();
  StartWith({.lifetimes = {kForever, kForever, kForever}});
  const std::string name = client().Create().value().name();
  const std::string multiplexed =
      client().Create("multiplexed: true").value().name();
  ASSERT_TRUE(emulator().clock().Set(Clock::Latest()).ok());
  EXPECT_THAT(client().Get(name), IsOk());
  EXPECT_THAT(client().Get(multiplexed), IsOk());
}

// ---- What is a use.

TEST_P(SessionsTest, GetSessionIsAUseAndAnswersTheTimeAfterIt) {
  for (const char* text : {"", "multiplexed: true"}) {
    const std::string name = client().Create(text).value().name();
    Advance(absl::Minutes(1));
    EXPECT_THAT(client().Get(name).value(),
                LastUsedAt(emulator().clock().Now()));
  }
}

TEST_P(SessionsTest, GetSessionIsNoUseIfSwitchedOff) {
  StartWith({.get_session_counts_as_use = false});
  const std::string name = client().Create().value().name();
  Advance(absl::Hours(1));
  EXPECT_THAT(client().Get(name).value(), LastUsedAt(StartTime()));
  Advance(kMicrosecond);
  EXPECT_THAT(client().Get(name), SessionNotFound(name));
}

TEST_P(SessionsTest, ListSessionsIsNoUse) {
  const std::string name = client().Create().value().name();
  Advance(absl::Hours(1));
  const auto list = client().List().value();
  ASSERT_THAT(list.sessions(), SizeIs(1));
  EXPECT_THAT(list.sessions(0), LastUsedAt(StartTime()));
  Advance(kMicrosecond);
  EXPECT_THAT(client().Get(name), SessionNotFound(name));
}

TEST_P(SessionsTest, EachMethodUsesItsSessionWhateverItAnswers) {
  StartWith({.get_session_counts_as_use = false});
  const std::string regular = client().Create().value().name();
  const std::string multiplexed =
      client().Create("multiplexed: true").value().name();
  for (const std::string& name : {regular, multiplexed}) {
    for (const NamingMethod& method : MethodsOfSessions()) {
      if (absl::EndsWith(method.name(), "Session")) continue;
      SCOPED_TRACE(method.name());
      Advance(absl::Minutes(1));
      Call(method, name);
      EXPECT_THAT(client().Get(name).value(),
                  LastUsedAt(emulator().clock().Now()));
    }
  }
}

TEST_P(SessionsTest, AMethodOfDatabasesThatIsNotImplementedIsNamed) {
  api::FetchCacheUpdateRequest request;
  request.set_database(std::string(kDatabase));
  EXPECT_THAT(
      caller().Call("FetchCacheUpdate", request),
      StatusIs(kUnimplemented,
               HasSubstr("google.spanner.v1.Spanner.FetchCacheUpdate")));
}

// Whatever the call then answers.
TEST_P(SessionsTest, ARefusedDeleteOfAMultiplexedSessionIsAUse) {
  StartWith({.get_session_counts_as_use = false});
  const std::string name = client().Create("multiplexed: true").value().name();
  Advance(absl::Minutes(1));
  EXPECT_THAT(client().Delete(name),
              StatusIs(kInvalidArgument, HasSubstr("deleted")));
  EXPECT_THAT(client().Get(name).value(), LastUsedAt(emulator().clock().Now()));
}

TEST_P(GrpcSessionsTest, ACallThatIsStoppedBeforeItsHandlerIsNoUse) {
  StartWith({.get_session_counts_as_use = false});
  const std::string name = client().Create().value().name();
  Advance(absl::Minutes(1));
  for (const NamingMethod& method : MethodsOfSessions()) {
    SCOPED_TRACE(method.name());
    // The name, and a field that is cut short.
    const std::string bytes =
        absl::StrCat(method.Request(name)->SerializeAsString(), "\x0a\x7f");
    EXPECT_THAT(
        CallPath(channel(),
                 absl::StrCat("/google.spanner.v1.Spanner/", method.name()),
                 bytes),
        StatusIs(kInvalidArgument, HasSubstr("not a valid")));
  }
  EXPECT_THAT(client().Get(name).value(), LastUsedAt(StartTime()));
}

}  // namespace
}  // namespace spanner_session_emulator
