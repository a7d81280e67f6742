// How errors travel over gRPC: code, message, details and trailers, to the
// byte.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/substitute.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/test/server_context_test_spouse.h"
#include "gtest/gtest.h"
#include "server/transport/grpc_status.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;
constexpr absl::StatusCode kResourceExhausted =
    absl::StatusCode::kResourceExhausted;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;

constexpr char kDetailsTrailer[] = "grpc-status-details-bin";
constexpr char kResourceInfoTrailer[] = "google.rpc.resourceinfo-bin";

constexpr char kSpanner[] = "/google.spanner.v1.Spanner/";

// What clients accept of trailers.
constexpr size_t kMaxTrailerBytes = 8192;

// What an answer's trailers take, as HTTP/2 counts them.
size_t TrailerBytes(const Answer& answer) {
  constexpr size_t kOverhead = 32;  // For each.
  size_t message = 0;
  for (const char c : answer.status.message()) {
    message += c >= ' ' && c <= '~' && c != '%' ? 1 : 3;
  }
  size_t total = absl::string_view("grpc-status12").size() + kOverhead +
                 absl::string_view("grpc-message").size() + kOverhead + message;
  for (const auto& [key, value] : answer.trailers) {
    const size_t size = absl::EndsWith(key, "-bin")
                            ? absl::WebSafeBase64Escape(value).size()
                            : value.size();
    total += key.size() + size + kOverhead;
  }
  return total;
}

google::rpc::Status Details(const Answer& answer) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(answer.details));
  return details;
}

// Whether all that must hold for every error holds for this one; `detail`, a
// google.rpc message or null, is its only detail.
void ExpectWellFormed(const Answer& answer,
                      const google::protobuf::Message* detail) {
  // The same status in the details, byte by byte.
  google::rpc::Status expected;
  expected.set_code(static_cast<int>(answer.status.code()));
  expected.set_message(std::string(answer.status.message()));
  if (detail != nullptr) expected.add_details()->PackFrom(*detail);
  EXPECT_THAT(Details(answer), EqualsProto(expected));
  EXPECT_EQ(answer.details, expected.SerializeAsString());

  // Both trailers, and no other.
  std::multimap<std::string, std::string> trailers = {
      {kDetailsTrailer, answer.details}};
  if (detail != nullptr && detail->GetDescriptor()->name() == "ResourceInfo") {
    trailers.emplace(kResourceInfoTrailer, detail->SerializeAsString());
  }
  EXPECT_EQ(answer.trailers, trailers);

  EXPECT_LE(answer.status.message().size(), 1024);
  EXPECT_THAT(std::string(answer.status.message()), Not(EndsWith(" ")));
  EXPECT_LT(TrailerBytes(answer), kMaxTrailerBytes);
  EXPECT_THAT(answer.messages, IsEmpty());
}

google::rpc::ResourceInfo ResourceInfo(absl::string_view kind,
                                       const std::string& type,
                                       const std::string& name) {
  google::rpc::ResourceInfo info;
  info.set_resource_type("type.googleapis.com/" + type);
  info.set_resource_name(name);
  info.set_description(absl::StrCat(kind, " does not exist."));
  return info;
}

google::rpc::BadRequest BadRequest(const std::string& field,
                                   const std::string& description) {
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field(field);
  violation->set_description(description);
  return bad_request;
}

class GrpcErrorsTest : public ::testing::TestWithParam<Transport> {
 protected:
  GrpcErrorsTest() { StartWith({}); }

  void StartWith(EmulatorOptions options) {
    channel_.reset();
    emulator_ = StartEmulator(std::move(options));
    channel_ = Connect(*emulator_, GetParam());
  }

  void Stop() { emulator_->Shutdown(); }

  const std::shared_ptr<grpc::Channel>& channel() { return channel_; }

  // Calls a method of Spanner with a request that is given as text.
  Answer Call(absl::string_view method, absl::string_view request) {
    const auto* descriptor =
        SpannerDescriptor().FindMethodByName(std::string(method));
    const std::unique_ptr<google::protobuf::Message> message(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(descriptor->input_type())
            ->New());
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        std::string(request), message.get()))
        << request;
    return CallSpanner(channel_, method, *message);
  }

 private:
  std::unique_ptr<Emulator> emulator_;
  std::shared_ptr<grpc::Channel> channel_;
};

INSTANTIATE_TRANSPORTS(GrpcErrorsTest);

// ---- NOT_FOUND with ResourceInfo.

TEST_P(GrpcErrorsTest, MissingSessionInEveryRpc) {
  const std::string name = absl::StrCat(kDatabase, "/sessions/s");
  const auto info = ResourceInfo("Session", "google.spanner.v1.Session", name);
  for (const NamingMethod& method : MethodsOfSessions()) {
    if (method.name() == "DeleteSession") continue;
    SCOPED_TRACE(method.name());
    const Answer answer =
        CallSpanner(channel(), method.name(), *method.Request(name));
    EXPECT_THAT(answer,
                StatusIs(kNotFound,
                         "Session not found: "
                         "projects/p/instances/i/databases/d/sessions/s"));
    ExpectWellFormed(answer, &info);
  }
}

TEST_P(GrpcErrorsTest, MissingDatabaseAndInstance) {
  StartWith({.databases = {std::string(kDatabase)}});
  struct Case {
    const char* database;
    const char* message;
    google::rpc::ResourceInfo info;
  };
  for (const Case& c : std::vector<Case>{
           {"projects/p/instances/i/databases/d2",
            "Database not found: projects/p/instances/i/databases/d2",
            ResourceInfo("Database",
                         "google.spanner.admin.database.v1.Database",
                         "projects/p/instances/i/databases/d2")},
           {"projects/p/instances/i2/databases/d",
            "Instance not found: projects/p/instances/i2",
            ResourceInfo("Instance",
                         "google.spanner.admin.instance.v1.Instance",
                         "projects/p/instances/i2")}}) {
    for (const auto& [method, request] :
         {std::pair("CreateSession", "database: '$0'"),
          std::pair("BatchCreateSessions", "database: '$0' session_count: 1"),
          std::pair("ListSessions", "database: '$0'"),
          std::pair("ExecuteSql", "session: '$0/sessions/s' sql: 'SELECT 1'"),
          std::pair("ExecuteStreamingSql",
                    "session: '$0/sessions/s' sql: 'SELECT 1'"),
          std::pair("FetchCacheUpdate", "database: '$0'")}) {
      SCOPED_TRACE(absl::StrCat(method, " ", c.database));
      const Answer answer = Call(method, absl::Substitute(request, c.database));
      EXPECT_THAT(answer, StatusIs(kNotFound, c.message));
      ExpectWellFormed(answer, &c.info);
    }
  }
}

// ---- INVALID_ARGUMENT with BadRequest.

struct BadRequestRow {
  const char* method;
  std::string request;
  const char* field;
  std::string problem;
};

std::string Labels(int count) {
  std::string labels;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&labels, "labels { key: 'k", i, "' value: 'v' } ");
  }
  return labels;
}

const char kDatabaseMustBe[] =
    "must be projects/<project>/instances/<instance>/databases/<database>, "
    "but ";
const char kSessionMustBe[] =
    "must be projects/<project>/instances/<instance>/databases/<database>/"
    "sessions/<session>, but ";
const char kFilterIs[] =
    "; a filter is labels.KEY:* or labels.KEY:VALUE, several joined by blanks "
    "or AND";

std::vector<BadRequestRow> BadRequestRows() {
  const std::string database = absl::StrCat("database: '", kDatabase, "' ");
  std::vector<BadRequestRow> rows = {
      // Labels.
      {"CreateSession", database + "session { labels { key: 'A' } }",
       "session.labels",
       "has the label key \"A\", which does not match "
       "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"},
      {"CreateSession", database + "session { labels { key: 'a\\n' } }",
       "session.labels",
       "has the label key \"a\\n\", which does not match "
       "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"},
      {"CreateSession", database + "session { labels { key: 'a' value: 'B' } }",
       "session.labels",
       "has the label \"a\" with the value \"B\", which does not match "
       "([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?"},
      {"CreateSession", database + "session { " + Labels(65) + "}",
       "session.labels", "has 65 labels, at most 64 are allowed"},
      {"BatchCreateSessions",
       database + "session_count: 1 session_template { labels { key: 'A' } }",
       "session_template.labels",
       "has the label key \"A\", which does not match "
       "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"},
      {"BatchCreateSessions",
       database + "session_count: 1 session_template { " + Labels(65) + "}",
       "session_template.labels", "has 65 labels, at most 64 are allowed"},
      // The role.
      {"CreateSession",
       absl::StrCat(database, "session { creator_role: '",
                    std::string(1025, 'r'), "' }"),
       "session.creator_role", "must be at most 1024 bytes long, but has 1025"},
      {"BatchCreateSessions",
       absl::StrCat(database,
                    "session_count: 1 session_template { creator_role: '",
                    std::string(1025, 'r'), "' }"),
       "session_template.creator_role",
       "must be at most 1024 bytes long, but has 1025"},
      // The count of a batch.
      {"BatchCreateSessions", database, "session_count",
       "must be greater than 0, but is 0"},
      {"BatchCreateSessions", database + "session_count: -2147483648",
       "session_count", "must be greater than 0, but is -2147483648"},
      // Lists.
      {"ListSessions", database + "page_token: 'x'", "page_token",
       "is not a next_page_token of this list: it must come from a list of the "
       "same database with the same filter"},
      {"ListSessions", database + "filter: 'name:x'", "filter",
       absl::StrCat("does not make sense from position 1 (\"name:x\"): "
                    "expected labels.",
                    kFilterIs)},
      {"ListSessions", database + "filter: 'labels.env'", "filter",
       absl::StrCat("does not make sense from position 11 (its end): "
                    "expected a colon",
                    kFilterIs)},
      {"ListSessions", database + "filter: 'labels.a:* OR labels.b:*'",
       "filter",
       absl::StrCat("does not make sense from position 12 "
                    "(\"OR labels.b:*\"): expected labels.",
                    kFilterIs)},
  };
  // Names.
  struct Name {
    std::string text;
    std::string problem;
  };
  for (const Name& name : std::vector<Name>{
           {"", "is empty"},
           {"x", "is \"x\""},
           {"projects/p", "is \"projects/p\""},
           {"projects/\\'/x", "is \"projects/'/x\""},
           {"projects/\\\"/x", "is \"projects/\"/x\""},
           {"projects/\xc3\xa9/x", "is \"projects/\xc3\xa9/x\""},
           {"projects/p\\n", "contains a control character"},
           {"projects/p\\000", "contains a control character"},
           {std::string(4097, 'x'), "is longer than 4096 bytes (4097)"}}) {
    for (const NamingMethod& method : MethodsOfDatabases()) {
      rows.push_back({method.name().c_str(),
                      absl::StrCat("database: '", name.text, "'"), "database",
                      kDatabaseMustBe + name.problem});
    }
    for (const NamingMethod& method : MethodsOfSessions()) {
      rows.push_back({method.name().c_str(),
                      absl::StrCat(method.field->name(), ": '", name.text, "'"),
                      method.field->name().c_str(),
                      kSessionMustBe + name.problem});
    }
  }
  return rows;
}

TEST_P(GrpcErrorsTest, InvalidFieldIsNamedInMessageAndDetails) {
  for (const BadRequestRow& row : BadRequestRows()) {
    SCOPED_TRACE(absl::StrCat(row.method, " ", row.request.substr(0, 200)));
    const Answer answer = Call(row.method, row.request);
    const std::string description = absl::StrCat(row.field, " ", row.problem);
    EXPECT_THAT(answer, StatusIs(kInvalidArgument,
                                 absl::StrCat("Invalid ", row.method,
                                              " request: ", description)));
    const auto bad_request = BadRequest(row.field, description);
    ExpectWellFormed(answer, &bad_request);
  }
}

TEST_P(GrpcErrorsTest, WhatMultiplexedSessionsDoNot) {
  const std::string database = absl::StrCat("database: '", kDatabase, "' ");
  SpannerClient client(channel());
  const std::string name = client.Create("multiplexed: true").value().name();
  struct Case {
    const char* method;
    std::string request;
    const char* message;
    const char* field;
  };
  for (const Case& c : std::vector<Case>{
           {"CreateSession",
            database + "session { multiplexed: true labels { key: 'a' } }",
            "Labels are not supported in multiplexed sessions",
            "session.labels"},
           {"BatchCreateSessions",
            database +
                "session_count: 1 session_template { multiplexed: true }",
            "Multiplexed sessions may not be created in batch.",
            "session_template.multiplexed"},
           {"DeleteSession", absl::StrCat("name: '", name, "'"),
            "Multiplexed sessions may not be deleted.", "name"}}) {
    SCOPED_TRACE(c.method);
    const Answer answer = Call(c.method, c.request);
    EXPECT_THAT(answer, StatusIs(kInvalidArgument, c.message));
    const auto bad_request = BadRequest(c.field, c.message);
    ExpectWellFormed(answer, &bad_request);
  }
}

// ---- Errors without further details.

TEST_P(GrpcErrorsTest, NoRoomUnderTheCap) {
  StartWith({.max_sessions = 1});
  const std::string database = absl::StrCat("database: '", kDatabase, "' ");
  EXPECT_THAT(Call("CreateSession", database), IsOk());
  for (const auto& [method, request] :
       {std::pair("CreateSession", database),
        std::pair("BatchCreateSessions", database + "session_count: 3")}) {
    const Answer answer = Call(method, request);
    EXPECT_THAT(answer,
                StatusIs(kResourceExhausted,
                         "Too many sessions: 1 are alive, the most that "
                         "max_sessions allows"));
    ExpectWellFormed(answer, nullptr);
  }
}

TEST_P(GrpcErrorsTest, MethodWithoutAHandler) {
  const Answer answer =
      Call("FetchCacheUpdate", absl::StrCat("database: '", kDatabase, "'"));
  EXPECT_THAT(answer,
              StatusIs(kUnimplemented,
                       "google.spanner.v1.Spanner.FetchCacheUpdate is not "
                       "implemented by this emulator"));
  ExpectWellFormed(answer, nullptr);
}

TEST_P(GrpcErrorsTest, UnknownMethodAndService) {
  for (const std::string& path :
       {absl::StrCat(kSpanner, "NoSuchMethod"),
        absl::StrCat(kSpanner, "getSession"), std::string(kSpanner),
        std::string("/google.spanner.v1.NoSuchService/GetSession"),
        std::string("/google.spanner.admin.database.v1.DatabaseAdmin/"
                    "NoSuchMethod"),
        std::string("/a/b")}) {
    // The bytes do not matter.
    for (const absl::string_view bytes : {"", "\xff\xff"}) {
      SCOPED_TRACE(path);
      const Answer answer = CallPath(channel(), path, bytes);
      EXPECT_THAT(answer, StatusIs(kUnimplemented,
                                   absl::StrCat("Unknown method: ", path)));
      ExpectWellFormed(answer, nullptr);
    }
  }
}

// Of methods that gRPC knows by name, and of others.
TEST_P(GrpcErrorsTest, ACallWithoutARequest) {
  for (const char* path : {"/google.spanner.v1.Spanner/GetSession",
                           "/google.spanner.v1.Spanner/ExecuteStreamingSql",
                           "/spanner_session_emulator.v1.ClockService/GetClock",
                           "/grpc.health.v1.Health/Watch"}) {
    EXPECT_THAT(
        CallPath(channel(), path, std::nullopt),
        StatusIs(absl::StatusCode::kInternal, "The call has no request"))
        << path;
  }
}

// The calls above are streaming ones for the client.
TEST_P(GrpcErrorsTest, UnknownMethodForAUnaryClient) {
  grpc::GenericStub stub(channel());
  const auto context = PatientContext();
  const grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  Event done;
  stub.UnaryCall(context.get(), "/a.B/Unary", grpc::StubOptions(), &request,
                 &response, [&](grpc::Status s) {
                   status = std::move(s);
                   done.Signal();
                 });
  ASSERT_TRUE(done.Wait());
  EXPECT_THAT(ToAbsl(status),
              StatusIs(kUnimplemented, "Unknown method: /a.B/Unary"));
}

TEST_P(GrpcErrorsTest, UnparsableBytesAndInvalidUtf8) {
  struct Case {
    const char* what;
    absl::string_view bytes;
  };
  constexpr Case kCases[] = {
      {"no tag", "\xff"},
      {"a tag that does not end", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
      {"field number 0", absl::string_view("\x02\x01x", 3)},
      {"a text that is cut short", "\x0a\x05xyz"},
      {"a group that does not end", "\x7b"},
      {"the end of a group that did not begin", "\x7c"},
      {"a text that is not UTF-8", "\x0a\x01\xff"},
      {"a text with half a character", "\x0a\x02z\xc3"},
      {"a text with a surrogate", "\x0a\x03\xed\xa0\x80"},
  };
  for (const char* method :
       {"CreateSession", "BatchCreateSessions", "GetSession", "ListSessions",
        "DeleteSession", "ExecuteSql", "Commit"}) {
    for (const Case& c : kCases) {
      SCOPED_TRACE(absl::StrCat(method, ": ", c.what));
      const Answer answer =
          CallPath(channel(), absl::StrCat(kSpanner, method), c.bytes);
      EXPECT_THAT(answer, StatusIs(kInvalidArgument,
                                   absl::StrCat("Invalid ", method,
                                                " request: not a valid "
                                                "google.spanner.v1.",
                                                method, "Request")));
      ExpectWellFormed(answer, nullptr);
    }
  }
  const Answer streaming = CallPath(
      channel(), absl::StrCat(kSpanner, "ExecuteStreamingSql"), "\xff");
  EXPECT_THAT(streaming, StatusIs(kInvalidArgument,
                                  "Invalid ExecuteStreamingSql request: not a "
                                  "valid google.spanner.v1.ExecuteSqlRequest"));
  ExpectWellFormed(streaming, nullptr);
}

TEST_P(GrpcErrorsTest, SuccessHasNeitherDetailsNorTrailers) {
  const Answer answer =
      Call("CreateSession", absl::StrCat("database: '", kDatabase, "'"));
  EXPECT_THAT(answer, IsOk());
  EXPECT_THAT(answer.messages, SizeIs(1));
  EXPECT_THAT(answer.details, IsEmpty());
  EXPECT_THAT(answer.trailers, IsEmpty());
}

// ---- Long texts.

// `size` bytes, or a few fewer, of one character.
std::string Repeat(absl::string_view character, size_t size) {
  std::string text;
  while (text.size() + character.size() <= size) {
    absl::StrAppend(&text, character);
  }
  return text;
}

// `text`, or as much of it as fits into 1,024 bytes together with an ellipsis;
// its characters have `width` bytes each, from position `from` on.
std::string Cut(const std::string& text, size_t from, size_t width) {
  if (text.size() <= 1024) return text;
  const size_t kept = from + (1021 - from) / width * width;
  return absl::StrCat(text.substr(0, kept), "...");
}

constexpr absl::string_view kCharacters[] = {
    "x", "%", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x98\x80"};

TEST_P(GrpcErrorsTest, LongNameOfAMissingSessionIsCut) {
  for (const absl::string_view character : kCharacters) {
    for (const size_t size : {500, 900, 980, 1024, 2000, 4096}) {
      for (const absl::string_view shift : {"", "1", "12", "123"}) {
        const std::string prefix = absl::StrCat(kDatabase, "/sessions/", shift);
        const std::string name =
            prefix + Repeat(character, size - prefix.size());
        SCOPED_TRACE(absl::StrCat(name.size(), " ", name.substr(40, 20)));
        const std::string beginning = "Session not found: ";
        const auto info =
            ResourceInfo("Session", "google.spanner.v1.Session",
                         Cut(name, prefix.size(), character.size()));
        for (const auto& [method, request] :
             {std::pair("GetSession", "name: '$0'"),
              std::pair("ExecuteStreamingSql",
                        "session: '$0' sql: 'SELECT 1'")}) {
          const Answer answer = Call(method, absl::Substitute(request, name));
          EXPECT_THAT(answer,
                      StatusIs(kNotFound, Cut(beginning + name,
                                              beginning.size() + prefix.size(),
                                              character.size())));
          ExpectWellFormed(answer, &info);
        }
      }
    }
  }
}

TEST_P(GrpcErrorsTest, LongNameOfAMissingDatabaseAndInstanceIsCut) {
  StartWith({.databases = {std::string(kDatabase)}});
  for (const absl::string_view character : kCharacters) {
    const std::string id = Repeat(character, 3000);
    struct Case {
      std::string database;
      const char* beginning;
      const char* kind;
      const char* type;
      std::string missing;
    };
    for (const Case& c : std::vector<Case>{
             {absl::StrCat(kInstance, "/databases/", id),
              "Database not found: ", "Database",
              "google.spanner.admin.database.v1.Database",
              absl::StrCat(kInstance, "/databases/", id)},
             {absl::StrCat("projects/p/instances/", id, "/databases/d"),
              "Instance not found: ", "Instance",
              "google.spanner.admin.instance.v1.Instance",
              absl::StrCat("projects/p/instances/", id)}}) {
      const size_t from = c.missing.size() - id.size();
      const Answer answer =
          Call("CreateSession", absl::StrCat("database: '", c.database, "'"));
      EXPECT_THAT(answer, StatusIs(kNotFound,
                                   Cut(c.beginning + c.missing,
                                       std::string(c.beginning).size() + from,
                                       character.size())));
      const auto info =
          ResourceInfo(c.kind, c.type, Cut(c.missing, from, character.size()));
      ExpectWellFormed(answer, &info);
    }
  }
}

TEST_P(GrpcErrorsTest, LongTextInABadRequestIsCut) {
  for (const absl::string_view character : kCharacters) {
    const std::string long_text = Repeat(character, 4000);
    const std::string database = absl::StrCat("database: '", kDatabase, "' ");
    for (const auto& [method, request] :
         {std::pair("GetSession", absl::StrCat("name: '", long_text, "'")),
          std::pair("ListSessions",
                    absl::StrCat("database: '", long_text, "'")),
          std::pair("CreateSession",
                    absl::StrCat(database, "session { labels { key: '",
                                 long_text, "!' } }")),
          std::pair(
              "CreateSession",
              absl::StrCat(database, "session { labels { key: 'a' value: '",
                           long_text, "!' } }")),
          std::pair("ListSessions",
                    absl::StrCat(database, "filter: '", long_text, "'"))}) {
      SCOPED_TRACE(absl::StrCat(method, " ", request.substr(0, 80)));
      const Answer answer = Call(method, request);
      EXPECT_THAT(
          answer,
          StatusIs(kInvalidArgument,
                   StartsWith(absl::StrCat("Invalid ", method, " request: "))));
      google::rpc::BadRequest bad_request;
      ASSERT_THAT(Details(answer).details(), SizeIs(1));
      ASSERT_TRUE(Details(answer).details(0).UnpackTo(&bad_request));
      ASSERT_THAT(bad_request.field_violations(), SizeIs(1));
      EXPECT_LE(bad_request.field_violations(0).description().size(), 1024);
      ExpectWellFormed(answer, &bad_request);
    }
  }
}

TEST_P(GrpcErrorsTest, LongPathOfAnUnknownMethodIsCut) {
  const std::string path = absl::StrCat("/a.B/", std::string(3000, 'x'));
  const Answer answer = CallPath(channel(), path, "");
  EXPECT_THAT(answer,
              StatusIs(kUnimplemented, Cut("Unknown method: " + path, 0, 1)));
  ExpectWellFormed(answer, nullptr);
}

TEST_P(GrpcErrorsTest, NoMessageEndsInABlank) {
  StartWith({.databases = {std::string(kDatabase)}});
  for (const std::string& blanks :
       {std::string(" "), std::string("   "), std::string(2000, ' ')}) {
    struct Case {
      const char* method;
      std::string request;
      absl::StatusCode code;
    };
    for (const Case& c : std::vector<Case>{
             {"GetSession",
              absl::StrCat("name: '", kDatabase, "/sessions/s", blanks, "'"),
              kNotFound},
             {"GetSession",
              absl::StrCat("name: '", kDatabase, "/sessions/", blanks, "'"),
              kNotFound},
             {"ExecuteStreamingSql",
              absl::StrCat("session: '", kDatabase, "/sessions/s", blanks,
                           "' sql: 'SELECT 1'"),
              kNotFound},
             {"ListSessions",
              absl::StrCat("database: '", kDatabase, blanks, "'"), kNotFound},
             {"CreateSession",
              absl::StrCat("database: 'projects/p/instances/i", blanks,
                           "/databases/d'"),
              kNotFound},
             {"GetSession", absl::StrCat("name: 'x", blanks, "'"),
              kInvalidArgument},
             {"CreateSession",
              absl::StrCat("database: '", kDatabase,
                           "' session { labels { key: '", blanks, "' } }"),
              kInvalidArgument},
             {"ListSessions",
              absl::StrCat("database: '", kDatabase, "' filter: 'x", blanks,
                           "'"),
              kInvalidArgument}}) {
      SCOPED_TRACE(absl::StrCat(c.method, " ", c.request.substr(0, 80)));
      const Answer answer = Call(c.method, c.request);
      EXPECT_EQ(answer.status.code(), c.code);
      EXPECT_THAT(std::string(answer.status.message()),
                  AllOf(Not(EndsWith(" ")), Not(IsEmpty())));
      EXPECT_EQ(Details(answer).message(), answer.status.message());
      const auto trailer = answer.trailers.find(kResourceInfoTrailer);
      if (trailer != answer.trailers.end()) {
        google::rpc::ResourceInfo info;
        ASSERT_TRUE(info.ParseFromString(trailer->second));
        EXPECT_THAT(info.resource_name(), Not(EndsWith(" ")));
      }
    }
  }
}

// ---- Large messages, over TCP: in one process, gRPC has no limit.

using MessageSizeTest = GrpcErrorsTest;

INSTANTIATE_TEST_SUITE_P(Over, MessageSizeTest,
                         ::testing::Values(Transport::kTcp), TransportName);

constexpr size_t kMaxMessageBytes = 100 << 20;

// A request that takes so many bytes.
template <typename Request>
std::string RequestOfSize(Request request, size_t size,
                          std::string* (Request::*field)()) {
  // A tag, and a size of four bytes.
  (request.*field)()->assign(size - request.ByteSizeLong() - 5, 'A');
  std::string bytes = request.SerializeAsString();
  EXPECT_THAT(bytes, SizeIs(size));
  return bytes;
}

api::ListSessionsRequest ListRequest() {
  api::ListSessionsRequest request;
  request.set_database(std::string(kDatabase));
  return request;
}

TEST_P(MessageSizeTest, RequestOf100MebibytesIsTaken) {
  const Answer answer =
      CallPath(channel(), absl::StrCat(kSpanner, "ListSessions"),
               RequestOfSize(ListRequest(), kMaxMessageBytes,
                             &api::ListSessionsRequest::mutable_page_token));
  EXPECT_THAT(answer,
              StatusIs(kInvalidArgument,
                       StartsWith("Invalid ListSessions request: page_token")));
}

TEST_P(MessageSizeTest, RequestOfMoreIsResourceExhaustedAndNotHandled) {
  std::vector<std::string> lines;
  StartWith({.log = [&](absl::string_view line) { lines.emplace_back(line); },
             .log_requests = true});
  const Answer answer =
      CallPath(channel(), absl::StrCat(kSpanner, "ListSessions"),
               RequestOfSize(ListRequest(), kMaxMessageBytes + 1,
                             &api::ListSessionsRequest::mutable_page_token));
  EXPECT_THAT(answer, StatusIs(kResourceExhausted, HasSubstr("larger than")));
  Stop();
  EXPECT_THAT(lines, Not(Contains(HasSubstr("event=call"))));
}

// The largest there is so far, and more than gRPC takes by default.
TEST_P(MessageSizeTest, ResponseOf9MegabytesIsSent) {
  const std::string longest = std::string(60, 'a');
  std::string session =
      absl::StrCat("creator_role: '", std::string(1024, 'r'), "' ");
  for (int i = 10; i < 74; ++i) {
    absl::StrAppend(&session, "labels { key: '", longest, i, "' value: '",
                    longest, "' } ");
  }
  SpannerClient client(channel());
  std::vector<api::Session> created;
  for (int i = 0; i < 10; ++i) {
    const auto batch = client.BatchCreate(100, session).value();
    created.insert(created.end(), batch.begin(), batch.end());
  }
  const auto list = client.List().value();
  EXPECT_GT(list.ByteSizeLong(), 9'000'000);
  ASSERT_THAT(list.sessions(), SizeIs(1000));
  EXPECT_THAT(list.sessions(0), EqualsProto(created[0]));
  EXPECT_THAT(list.sessions(999), EqualsProto(created[999]));
}

// ---- What travels only by ToGrpcStatus so far.

TEST(ToGrpcStatusTest, RetryInfoHasATrailerOfItsOwn) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(1'000'000);
  absl::Status aborted = absl::AbortedError("Transaction was aborted.");
  aborted.SetPayload("type.googleapis.com/google.rpc.RetryInfo",
                     absl::Cord(retry.SerializeAsString()));

  grpc::ServerContext context;
  const grpc::Status status = ToGrpcStatus(aborted, context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(status.error_message(), "Transaction was aborted.");
  google::rpc::Status expected;
  expected.set_code(10);
  expected.set_message("Transaction was aborted.");
  expected.add_details()->PackFrom(retry);
  EXPECT_EQ(status.error_details(), expected.SerializeAsString());
  EXPECT_THAT(
      grpc::testing::ServerContextTestSpouse(&context).GetTrailingMetadata(),
      ElementsAre(
          std::pair("google.rpc.retryinfo-bin", retry.SerializeAsString())));
}

TEST(ToGrpcStatusTest, KeepsEveryDetail) {
  absl::Status error = absl::InternalError("m");
  error.SetPayload("type.googleapis.com/google.rpc.ResourceInfo",
                   absl::Cord("\x12\x01n"));
  error.SetPayload("type.googleapis.com/google.rpc.RetryInfo", absl::Cord(""));
  error.SetPayload("type.googleapis.com/google.rpc.Help", absl::Cord(""));

  grpc::ServerContext context;
  google::rpc::Status details;
  ASSERT_TRUE(
      details.ParseFromString(ToGrpcStatus(error, context).error_details()));
  std::vector<std::string> types;
  for (const auto& detail : details.details()) {
    types.push_back(detail.type_url());
  }
  EXPECT_THAT(types, ::testing::UnorderedElementsAre(
                         "type.googleapis.com/google.rpc.ResourceInfo",
                         "type.googleapis.com/google.rpc.RetryInfo",
                         "type.googleapis.com/google.rpc.Help"));
  EXPECT_THAT(
      grpc::testing::ServerContextTestSpouse(&context).GetTrailingMetadata(),
      ::testing::UnorderedElementsAre(Key("google.rpc.resourceinfo-bin"),
                                      Key("google.rpc.retryinfo-bin")));
}

TEST(ToGrpcStatusTest, OkIsOk) {
  grpc::ServerContext context;
  const grpc::Status status = ToGrpcStatus(absl::OkStatus(), context);
  EXPECT_TRUE(status.ok());
  EXPECT_THAT(status.error_details(), IsEmpty());
  EXPECT_THAT(
      grpc::testing::ServerContextTestSpouse(&context).GetTrailingMetadata(),
      IsEmpty());
}

}  // namespace
}  // namespace spanner_session_emulator
