#include "server/call/errors.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "tests/server/call/call_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::EndsWith;
using ::testing::Not;
using ::testing::SizeIs;

const google::protobuf::MethodDescriptor& MethodNamed(const std::string& name) {
  return *SpannerService()->FindMethodByName(name);
}

// The details of `status` as text: the type, then the fields on one line.
std::string DetailsOf(const absl::Status& status) {
  std::string text;
  status.ForEachPayload(
      [&](absl::string_view type_url, const absl::Cord& value) {
        const absl::string_view name = type_url.substr(type_url.rfind('/') + 1);
        const auto* type = google::protobuf::DescriptorPool::generated_pool()
                               ->FindMessageTypeByName(std::string(name));
        ASSERT_NE(type, nullptr) << type_url;
        EXPECT_EQ(type_url, absl::StrCat("type.googleapis.com/", name));
        const std::unique_ptr<google::protobuf::Message> detail(
            google::protobuf::MessageFactory::generated_factory()
                ->GetPrototype(type)
                ->New());
        EXPECT_TRUE(detail->ParseFromString(std::string(value)));
        // Not ShortDebugString(), which leaves the order of maps to chance.
        google::protobuf::TextFormat::Printer printer;
        printer.SetSingleLineMode(true);
        std::string fields;
        EXPECT_TRUE(printer.PrintToString(*detail, &fields));
        absl::StrAppend(&text, name, " ",
                        absl::StripTrailingAsciiWhitespace(fields));
      });
  return text;
}

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const auto payload = status.GetPayload(
      absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  EXPECT_TRUE(payload.has_value());
  if (payload.has_value()) {
    EXPECT_TRUE(detail.ParseFromString(std::string(*payload)));
  }
  return detail;
}

struct CatalogueRow {
  const char* name;
  absl::Status status;
  absl::StatusCode code;
  const char* message;
  const char* details;
};

TEST(ErrorsTest, EveryErrorOfTheCatalogue) {
  using absl::StatusCode;
  for (const CatalogueRow& row : std::vector<CatalogueRow>{
           {"SessionNotFound", errors::SessionNotFound("S"),
            StatusCode::kNotFound, "Session not found: S",
            "google.rpc.ResourceInfo "
            "resource_type: \"type.googleapis.com/google.spanner.v1.Session\" "
            "resource_name: \"S\" description: \"Session does not exist.\""},
           {"DatabaseNotFound", errors::DatabaseNotFound("D"),
            StatusCode::kNotFound, "Database not found: D",
            "google.rpc.ResourceInfo resource_type: "
            "\"type.googleapis.com/google.spanner.admin.database.v1.Database\" "
            "resource_name: \"D\" description: \"Database does not exist.\""},
           {"InstanceNotFound", errors::InstanceNotFound("I"),
            StatusCode::kNotFound, "Instance not found: I",
            "google.rpc.ResourceInfo resource_type: "
            "\"type.googleapis.com/google.spanner.admin.instance.v1.Instance\" "
            "resource_name: \"I\" description: \"Instance does not exist.\""},
           {"InvalidField",
            errors::InvalidField("GetSession", "name", "must be good"),
            StatusCode::kInvalidArgument,
            "Invalid GetSession request: name must be good",
            "google.rpc.BadRequest field_violations { field: \"name\" "
            "description: \"name must be good\" }"},
           {"StubNotFound", errors::StubNotFound("stubs/a"),
            StatusCode::kNotFound, "Stub not found: stubs/a",
            "google.rpc.ResourceInfo resource_type: "
            "\"type.googleapis.com/spanner_session_emulator.v1.Stub\" "
            "resource_name: \"stubs/a\" description: \"Stub does not "
            "exist.\""},
           {"StubExists", errors::StubExists("stubs/a"),
            StatusCode::kAlreadyExists, "Stub already exists: stubs/a", ""},
           {"NotScripted", errors::NotScripted("the call", "{}"),
            StatusCode::kInvalidArgument,
            "No stub matches the call; this one would: {}", ""},
           {"StubOnlyPartitions", errors::StubOnlyPartitions("stubs/a"),
            StatusCode::kInvalidArgument,
            "stubs/a has only partitions, which calls with a partition_token "
            "get; give the answer itself rows for other calls",
            ""},
           {"ResultTooLarge", errors::ResultTooLarge(),
            StatusCode::kFailedPrecondition,
            "Result set too large. Result sets larger than 10 MiB can only be "
            "read by ExecuteStreamingSql or StreamingRead.",
            ""},
           {"StubOnlyStreams", errors::StubOnlyStreams("stubs/a"),
            StatusCode::kInvalidArgument,
            "stubs/a has partial_result_sets, which only calls that stream can "
            "get; give it rows or a result_set",
            ""},
           {"UnparsableRequest",
            errors::UnparsableRequest(MethodNamed("GetSession")),
            StatusCode::kInvalidArgument,
            "Invalid GetSession request: not a valid "
            "google.spanner.v1.GetSessionRequest",
            ""},
           {"MultiplexedSessionLabels", errors::MultiplexedSessionLabels(),
            StatusCode::kInvalidArgument,
            "Labels are not supported in multiplexed sessions",
            "google.rpc.BadRequest field_violations { "
            "field: \"session.labels\" description: "
            "\"Labels are not supported in multiplexed sessions\" }"},
           {"MultiplexedSessionsInBatch", errors::MultiplexedSessionsInBatch(),
            StatusCode::kInvalidArgument,
            "Multiplexed sessions may not be created in batch.",
            "google.rpc.BadRequest field_violations { "
            "field: \"session_template.multiplexed\" description: "
            "\"Multiplexed sessions may not be created in batch.\" }"},
           {"MultiplexedSessionDeleted", errors::MultiplexedSessionDeleted(),
            StatusCode::kInvalidArgument,
            "Multiplexed sessions may not be deleted.",
            "google.rpc.BadRequest field_violations { field: \"name\" "
            "description: \"Multiplexed sessions may not be deleted.\" }"},
           {"InvalidRegionalRequest",
            errors::InvalidRegionalRequest("there", "here", "this"),
            StatusCode::kInvalidArgument,
            "InvalidRegionalRequest: the endpoint there does not serve the "
            "location here, but this does",
            "google.rpc.ErrorInfo reason: \"InvalidRegionalRequest\" "
            "domain: \"spanner.googleapis.com\" "
            "metadata { key: \"endpoint\" value: \"there\" } "
            "metadata { key: \"location\" value: \"here\" }"},
           {"TooManySessions", errors::TooManySessions(5),
            StatusCode::kResourceExhausted,
            "Too many sessions: 5 are alive, the most that max_sessions "
            "allows",
            ""},
           {"ClockNotMoved",
            errors::ClockNotMoved("SetClock", "time", "it is late"),
            StatusCode::kFailedPrecondition,
            "SetClock failed: time is refused: it is late",
            "google.rpc.PreconditionFailure violations { type: \"CLOCK\" "
            "subject: \"clock\" description: \"time is refused: it is late\" "
            "}"},
           {"Unimplemented",
            errors::Unimplemented("google.spanner.v1.Spanner.ExecuteSql"),
            StatusCode::kUnimplemented,
            "google.spanner.v1.Spanner.ExecuteSql is not implemented by this "
            "emulator",
            ""},
           {"CredentialsMissing", errors::CredentialsMissing("a.B.C"),
            StatusCode::kUnauthenticated,
            "Request is missing required authentication credential. Expected "
            "`authorization: Bearer` with a token of the auth policy.",
            "google.rpc.ErrorInfo reason: \"CREDENTIALS_MISSING\" domain: "
            "\"googleapis.com\" metadata { key: \"method\" value: \"a.B.C\" } "
            "metadata { key: \"service\" value: \"spanner.googleapis.com\" }"},
           {"TokenUnknown", errors::TokenUnknown("a.B.C"),
            StatusCode::kUnauthenticated,
            "Request had invalid authentication credentials. Expected "
            "`authorization: Bearer` with a token of the auth policy.",
            "google.rpc.ErrorInfo reason: \"ACCESS_TOKEN_TYPE_UNSUPPORTED\" "
            "domain: \"googleapis.com\" metadata { key: \"method\" value: "
            "\"a.B.C\" } metadata { key: \"service\" value: "
            "\"spanner.googleapis.com\" }"},
           {"TokenExpired", errors::TokenExpired("a.B.C"),
            StatusCode::kUnauthenticated,
            "Request had invalid authentication credentials. The access token "
            "has expired, by the emulator's clock.",
            "google.rpc.ErrorInfo reason: \"ACCESS_TOKEN_EXPIRED\" domain: "
            "\"googleapis.com\" metadata { key: \"method\" value: \"a.B.C\" } "
            "metadata { key: \"service\" value: \"spanner.googleapis.com\" }"},
           {"ScopeInsufficient", errors::ScopeInsufficient("a.B.C"),
            StatusCode::kPermissionDenied,
            "Request had insufficient authentication scopes.",
            "google.rpc.ErrorInfo reason: \"ACCESS_TOKEN_SCOPE_INSUFFICIENT\" "
            "domain: \"googleapis.com\" metadata { key: \"method\" value: "
            "\"a.B.C\" } metadata { key: \"service\" value: "
            "\"spanner.googleapis.com\" }"},
           {"PermissionMissing",
            errors::PermissionMissing("spanner.sessions.get", "S"),
            StatusCode::kPermissionDenied,
            "Caller is missing IAM permission spanner.sessions.get on resource "
            "S",
            "google.rpc.ErrorInfo reason: \"IAM_PERMISSION_DENIED\" domain: "
            "\"iam.googleapis.com\" metadata { key: \"permission\" value: "
            "\"spanner.sessions.get\" } metadata { key: \"resource\" value: "
            "\"S\" }"},
           {"ControlTokenMissing", errors::ControlTokenMissing(),
            StatusCode::kUnauthenticated,
            "The control API needs the token that the emulator was started "
            "with (--control_token), as `authorization: Bearer`, but there is "
            "none",
            ""},
           {"ControlTokenWrong", errors::ControlTokenWrong(),
            StatusCode::kUnauthenticated,
            "The control API needs the token that the emulator was started "
            "with (--control_token), but `authorization` has another",
            ""},
           {"UnknownMethod", errors::UnknownMethod("/a.B/C"),
            StatusCode::kUnimplemented, "Unknown method: /a.B/C", ""},
           {"InvalidBody", errors::InvalidBody("M", "", "must be empty"),
            StatusCode::kInvalidArgument,
            "Invalid M request: body must be empty",
            "google.rpc.BadRequest field_violations { field: \"body\" "
            "description: \"body must be empty\" }"},
           {"InvalidBody of a field",
            errors::InvalidBody("M", "a.b", "is not a known field"),
            StatusCode::kInvalidArgument,
            "Invalid M request: a.b is not a known field",
            "google.rpc.BadRequest field_violations { field: \"a.b\" "
            "description: \"a.b is not a known field\" }"},
           {"UnknownPath", errors::UnknownPath("/x"), StatusCode::kNotFound,
            "Unknown path: /x", ""},
           {"HttpMethodNotAllowed",
            errors::HttpMethodNotAllowed("PUT", "/x", "GET, POST"),
            StatusCode::kUnimplemented,
            "The HTTP method PUT is not allowed here, but GET, POST: /x", ""},
           {"UnsupportedContentType",
            errors::UnsupportedContentType("text/xml"),
            StatusCode::kInvalidArgument,
            "The body must be JSON in UTF-8 and say \"Content-Type: "
            "application/json\", not text/xml",
            ""},
           {"UnsupportedContentEncoding",
            errors::UnsupportedContentEncoding("br"),
            StatusCode::kInvalidArgument,
            "The body must come as it is or with \"Content-Encoding: gzip\", "
            "not br",
            ""},
           {"BadHttpRequest", errors::BadHttpRequest(413, "too large"),
            StatusCode::kInvalidArgument, "Bad HTTP request: too large", ""},
           {"BadHttpRequest, slow", errors::BadHttpRequest(408, "too slow"),
            StatusCode::kDeadlineExceeded, "Bad HTTP request: too slow", ""},
           {"BadHttpRequest, too many", errors::BadHttpRequest(503, "full"),
            StatusCode::kUnavailable, "Bad HTTP request: full", ""},
           {"RequestFailed", errors::RequestFailed(), StatusCode::kInternal,
            "The emulator failed to answer; its log has a line about it", ""},
           {"UnprintableReply",
            errors::UnprintableReply(MethodNamed("GetSession"), "why"),
            StatusCode::kInternal,
            "The reply of google.spanner.v1.Spanner.GetSession has no form in "
            "JSON: why",
            ""},
           {"ShuttingDown", errors::ShuttingDown(), StatusCode::kUnavailable,
            "The emulator is shutting down", ""},
           {"UnknownHealthService", errors::UnknownHealthService("s"),
            StatusCode::kNotFound, "Unknown service: s", ""},
       }) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(row.status.code(), row.code);
    EXPECT_EQ(row.status.message(), row.message);
    EXPECT_EQ(DetailsOf(row.status), row.details);
  }
}

TEST(ErrorsTest, EveryErrorOfTransactions) {
  using absl::StatusCode;
  for (
      const CatalogueRow& row : std::vector<CatalogueRow>{
          {"TransactionNotFound", errors::TransactionNotFound("a\xff\n"),
           StatusCode::kNotFound, "Transaction not found: a\\xff\\n", ""},
          {"TransactionOfOtherSession", errors::TransactionOfOtherSession(),
           StatusCode::kInvalidArgument,
           "Transaction was started in a different session", ""},
          {"TransactionForgotten", errors::TransactionForgotten(),
           StatusCode::kFailedPrecondition,
           "The transaction was used too long ago: the session has had too "
           "many others since",
           ""},
          {"TransactionReplaced", errors::TransactionReplaced(),
           StatusCode::kFailedPrecondition,
           "This transaction has been invalidated by a later transaction in "
           "the same session.",
           ""},
          {"UseAfterCommitOrRollback", errors::UseAfterCommitOrRollback(),
           StatusCode::kFailedPrecondition,
           "Cannot start a read or query within a transaction after Commit() "
           "or Rollback() has been called.",
           ""},
          {"CommitAfterRollback", errors::CommitAfterRollback(),
           StatusCode::kFailedPrecondition,
           "Cannot commit a transaction after Rollback() has been called.", ""},
          {"RollbackAfterCommit", errors::RollbackAfterCommit(),
           StatusCode::kFailedPrecondition,
           "Cannot rollback a transaction after Commit() has been called.", ""},
          {"UseAfterLastStatement", errors::UseAfterLastStatement(),
           StatusCode::kFailedPrecondition,
           "Cannot execute anything in a transaction after the statement that "
           "was said to be its last; it can be committed or rolled back.",
           ""},
          {"TransactionAborted", errors::TransactionAborted(),
           StatusCode::kAborted, "Transaction was aborted.",
           "google.rpc.RetryInfo retry_delay { nanos: 10000000 }"},
          {"NoCommitNorRollback", errors::NoCommitNorRollback(),
           StatusCode::kFailedPrecondition,
           "Cannot commit or rollback a read-only or partitioned-dml "
           "transaction.",
           ""},
          {"DmlInReadOnlyTransaction", errors::DmlInReadOnlyTransaction(),
           StatusCode::kInvalidArgument,
           "DML statements can only be performed in a read-write or "
           "partitioned-dml transaction. Current transaction type is ReadOnly.",
           ""},
          {"StatementNotDml", errors::StatementNotDml(1, "SELECT 1"),
           StatusCode::kInvalidArgument,
           "Statement 1: 'SELECT 1' is not valid DML.", ""},
          {"NotDmlInPartitionedDml", errors::NotDmlInPartitionedDml(),
           StatusCode::kInvalidArgument,
           "PartitionedDml Transactions may only be used to execute DML "
           "statements",
           ""},
          {"BatchDmlNotInReadWrite", errors::BatchDmlNotInReadWrite(),
           StatusCode::kInvalidArgument,
           "ExecuteBatchDml is only supported within a read-write transaction.",
           ""},
          {"SecondPartitionedDml", errors::SecondPartitionedDml(),
           StatusCode::kInvalidArgument,
           "PartitionedDml transaction may only be used to execute one "
           "statement",
           ""},
          {"PartitionNotReadOnly", errors::PartitionNotReadOnly(),
           StatusCode::kInvalidArgument,
           "Partitioned reads can only be performed in a read-only "
           "transaction.",
           ""},
          {"SingleUseNotReadOnly", errors::SingleUseNotReadOnly(),
           StatusCode::kInvalidArgument,
           "Transaction mode for read only single use transaction should be "
           "read_only.",
           ""},
          {"DmlInSingleUse", errors::DmlInSingleUse(),
           StatusCode::kInvalidArgument,
           "DML statements may not be performed in single-use transactions, to "
           "avoid replay.",
           ""},
          {"PartitionInSingleUse", errors::PartitionInSingleUse(),
           StatusCode::kInvalidArgument,
           "Partition reads may not be performed in single-use transactions, "
           "since the response needs to be reused.",
           ""},
          {"BoundNotSingleUse", errors::BoundNotSingleUse("max_staleness"),
           StatusCode::kInvalidArgument,
           "Timestamp bound: max_staleness for read can be only be used for a "
           "single use transaction.",
           ""},
          {"SeqnoReused", errors::SeqnoReused(4), StatusCode::kInvalidArgument,
           "Previously received a different request with this seqno. seqno=4",
           ""},
          {"SeqnoOutOfOrder", errors::SeqnoOutOfOrder(4),
           StatusCode::kInvalidArgument,
           "Request has an out-of-order seqno. Request seqno=4. The sequence "
           "number must rise with each request of the transaction.",
           ""},
          {"SeqnoPending", errors::SeqnoPending(4), StatusCode::kUnavailable,
           "The same request is being executed already. seqno=4", ""},
          {"PrecommitTokenOfOtherTransaction",
           errors::PrecommitTokenOfOtherTransaction(),
           StatusCode::kFailedPrecondition,
           "The precommit token was not given for this transaction", ""},
          {"PartitionOfOtherTransaction", errors::PartitionOfOtherTransaction(),
           StatusCode::kInvalidArgument,
           "Partitioned request was created for a different transaction.", ""},
          {"PartitionOfOtherRequest", errors::PartitionOfOtherRequest(),
           StatusCode::kInvalidArgument,
           "Partitioned request was created for different read or sql "
           "parameters.",
           ""},
      }) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(row.status.code(), row.code);
    EXPECT_EQ(row.status.message(), row.message);
    EXPECT_EQ(DetailsOf(row.status), row.details);
  }
}

// Where a text ends if `size` bytes of it, with the ellipsis, are let through.
std::string CutTo(const std::string& text, size_t size) {
  return absl::StrCat(text.substr(0, size - 3), "...");
}

TEST(ErrorsTest, MessageOf1024BytesIsWhole) {
  const std::string beginning = "Session not found: ";
  const std::string name(errors::kMaxTextBytes - beginning.size(), 'x');
  EXPECT_EQ(errors::SessionNotFound(name).message(),
            absl::StrCat(beginning, name));
  EXPECT_EQ(errors::SessionNotFound(name + "y").message(),
            CutTo(absl::StrCat(beginning, name), 1024));
}

TEST(ErrorsTest, NameInDetailsOf1024BytesIsWhole) {
  const std::string name(errors::kMaxTextBytes, 'x');
  EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(errors::SessionNotFound(name))
                .resource_name(),
            name);
  EXPECT_EQ(
      DetailOf<google::rpc::ResourceInfo>(errors::SessionNotFound(name + "y"))
          .resource_name(),
      CutTo(name, 1024));
}

TEST(ErrorsTest, DescriptionOfAFieldIsCut) {
  const std::string problem(2000, 'x');
  const absl::Status status = errors::InvalidField("M", "field", problem);
  EXPECT_EQ(status.message(),
            CutTo(absl::StrCat("Invalid M request: field ", problem), 1024));
  const auto detail = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_THAT(detail.field_violations(), SizeIs(1));
  EXPECT_EQ(detail.field_violations(0).field(), "field");
  EXPECT_EQ(detail.field_violations(0).description(),
            CutTo(absl::StrCat("field ", problem), 1024));
}

TEST(ErrorsTest, TextsAreCutAtTheBorderOfACharacter) {
  for (const absl::string_view character :
       {"x", "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x98\x80"}) {
    // So that the cut falls upon every byte of a character.
    for (const absl::string_view shift : {"", "1", "12", "123"}) {
      std::string name(shift);
      while (name.size() < 4000) {
        absl::StrAppend(&name, character);
      }
      SCOPED_TRACE(name.substr(0, 8));
      const absl::Status status = errors::SessionNotFound(name);
      const std::string message(status.message());
      const std::string in_details =
          DetailOf<google::rpc::ResourceInfo>(status).resource_name();
      for (const auto& [text, whole] :
           {std::pair(message, absl::StrCat("Session not found: ", name)),
            std::pair(in_details, name)}) {
        EXPECT_LE(text.size(), errors::kMaxTextBytes);
        EXPECT_GT(text.size(), errors::kMaxTextBytes - character.size());
        ASSERT_THAT(text, EndsWith("..."));
        const std::string kept = text.substr(0, text.size() - 3);
        EXPECT_EQ(kept, whole.substr(0, kept.size()));
        const size_t before = whole.size() - name.size() + shift.size();
        EXPECT_EQ((kept.size() - before) % character.size(), 0);
      }
    }
  }
}

TEST(ErrorsTest, ATextWithoutAnyBorderIsCutToo) {
  EXPECT_LE(errors::UnknownMethod(std::string(5000, '\x80')).message().size(),
            errors::kMaxTextBytes);
}

TEST(ErrorsTest, NoTextEndsInABlank) {
  for (const absl::string_view blanks : {" ", "   ", "\t", "\n", " \r\n"}) {
    const std::string name = absl::StrCat("n", blanks);
    EXPECT_EQ(errors::SessionNotFound(name).message(), "Session not found: n");
    EXPECT_EQ(errors::DatabaseNotFound(name).message(),
              "Database not found: n");
    EXPECT_EQ(DetailOf<google::rpc::ResourceInfo>(errors::SessionNotFound(name))
                  .resource_name(),
              "n");
    EXPECT_EQ(errors::UnknownMethod(name).message(), "Unknown method: n");
    EXPECT_EQ(errors::UnknownHealthService(blanks).message(),
              "Unknown service:");
    const absl::Status invalid = errors::InvalidField("M", "f", name);
    EXPECT_EQ(invalid.message(), "Invalid M request: f n");
    EXPECT_EQ(DetailOf<google::rpc::BadRequest>(invalid)
                  .field_violations(0)
                  .description(),
              "f n");
    // Blanks where the text is cut.
    EXPECT_THAT(std::string(errors::SessionNotFound(
                                absl::StrCat("n", std::string(3000, ' ')))
                                .message()),
                Not(EndsWith(" ")));
  }
}

}  // namespace
}  // namespace spanner_session_emulator
