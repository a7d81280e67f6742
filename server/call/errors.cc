#include "server/call/errors.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "google/rpc/error_details.pb.h"

namespace spanner_session_emulator::errors {
namespace {

// At most kMaxTextBytes of `text`, whole characters only, no blank at the end.
std::string Cut(absl::string_view text) {
  constexpr absl::string_view kEllipsis = "...";
  if (text.size() <= kMaxTextBytes) {
    return std::string(absl::StripTrailingAsciiWhitespace(text));
  }
  size_t end = kMaxTextBytes - kEllipsis.size();
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), kEllipsis);
}

absl::Status Make(absl::StatusCode code, absl::string_view message) {
  return absl::Status(code, Cut(message));
}

// `type` is the detail's name in google.rpc; asking its descriptor would make
// the first error of a process slow.
absl::Status Make(absl::StatusCode code, absl::string_view message,
                  absl::string_view type,
                  const google::protobuf::Message& detail) {
  absl::Status status = Make(code, message);
  status.SetPayload(absl::StrCat("type.googleapis.com/google.rpc.", type),
                    absl::Cord(detail.SerializeAsString()));
  return status;
}

absl::Status ResourceError(absl::StatusCode code, absl::string_view message,
                           absl::string_view type, absl::string_view name,
                           absl::string_view description) {
  google::rpc::ResourceInfo info;
  info.set_resource_type(absl::StrCat("type.googleapis.com/", type));
  info.set_resource_name(Cut(name));
  info.set_description(std::string(description));
  return Make(code, absl::StrCat(message, ": ", name), "ResourceInfo", info);
}

// `kind` as in "Session", `type` its full protobuf name.
absl::Status ResourceNotFound(absl::string_view kind, absl::string_view type,
                              absl::string_view name) {
  return ResourceError(absl::StatusCode::kNotFound,
                       absl::StrCat(kind, " not found"), type, name,
                       absl::StrCat(kind, " does not exist."));
}

absl::Status ResourceExists(absl::string_view kind, absl::string_view type,
                            absl::string_view name) {
  return ResourceError(absl::StatusCode::kAlreadyExists,
                       absl::StrCat(kind, " already exists"), type, name,
                       absl::StrCat(kind, " exists."));
}

constexpr absl::string_view kDatabaseType =
    "google.spanner.admin.database.v1.Database";
constexpr absl::string_view kInstanceType =
    "google.spanner.admin.instance.v1.Instance";
constexpr absl::string_view kOperationType = "google.longrunning.Operation";

absl::Status InvalidRequest(absl::string_view message, absl::string_view field,
                            absl::string_view description) {
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field(std::string(field));
  violation->set_description(Cut(description));
  return Make(absl::StatusCode::kInvalidArgument, message, "BadRequest",
              bad_request);
}

// About who calls a method of Spanner.
absl::Status CallerError(absl::StatusCode code, absl::string_view message,
                         absl::string_view reason, absl::string_view method) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain("googleapis.com");
  (*info.mutable_metadata())["service"] = "spanner.googleapis.com";
  (*info.mutable_metadata())["method"] = Cut(method);
  return Make(code, message, "ErrorInfo", info);
}

// With RetryInfo, if there is a delay.
absl::Status Retryable(absl::StatusCode code, absl::string_view message,
                       std::optional<absl::Duration> delay) {
  if (!delay.has_value()) return Make(code, message);
  google::rpc::RetryInfo info;
  absl::Duration rest;
  info.mutable_retry_delay()->set_seconds(
      absl::IDivDuration(*delay, absl::Seconds(1), &rest));
  info.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return Make(code, message, "RetryInfo", info);
}

constexpr absl::string_view kExpectedToken =
    " Expected `authorization: Bearer` with a token of the auth policy.";

}  // namespace

absl::Status SessionNotFound(absl::string_view name) {
  return ResourceNotFound("Session", "google.spanner.v1.Session", name);
}

absl::Status DatabaseNotFound(absl::string_view name) {
  return ResourceNotFound("Database", kDatabaseType, name);
}

absl::Status InstanceNotFound(absl::string_view name) {
  return ResourceNotFound("Instance", kInstanceType, name);
}

absl::Status InstanceConfigNotFound(absl::string_view name) {
  return ResourceNotFound("Instance config",
                          "google.spanner.admin.instance.v1.InstanceConfig",
                          name);
}

absl::Status OperationNotFound(absl::string_view name) {
  return ResourceNotFound("Operation", kOperationType, name);
}

absl::Status InstanceExists(absl::string_view name) {
  return ResourceExists("Instance", kInstanceType, name);
}

absl::Status DatabaseExists(absl::string_view name) {
  return ResourceExists("Database", kDatabaseType, name);
}

absl::Status OperationExists(absl::string_view name) {
  return ResourceExists("Operation", kOperationType, name);
}

absl::Status DropProtected(absl::string_view name) {
  return Make(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("Cannot be dropped while drop protection is enabled (set "
                   "enable_drop_protection to false by UpdateDatabase): ",
                   name));
}

absl::Status InvalidField(absl::string_view method, absl::string_view field,
                          absl::string_view problem) {
  const std::string description = absl::StrCat(field, " ", problem);
  return InvalidRequest(
      absl::StrCat("Invalid ", method, " request: ", description), field,
      description);
}

absl::Status UnparsableRequest(
    const google::protobuf::MethodDescriptor& method) {
  return Make(absl::StatusCode::kInvalidArgument,
              absl::StrCat("Invalid ", method.name(), " request: not a valid ",
                           method.input_type()->full_name()));
}

absl::Status MultiplexedSessionLabels() {
  constexpr absl::string_view kMessage =
      "Labels are not supported in multiplexed sessions";
  return InvalidRequest(kMessage, "session.labels", kMessage);
}

absl::Status MultiplexedSessionsInBatch() {
  constexpr absl::string_view kMessage =
      "Multiplexed sessions may not be created in batch.";
  return InvalidRequest(kMessage, "session_template.multiplexed", kMessage);
}

absl::Status MultiplexedSessionDeleted() {
  constexpr absl::string_view kMessage =
      "Multiplexed sessions may not be deleted.";
  return InvalidRequest(kMessage, "name", kMessage);
}

absl::Status TransactionNotFound(absl::string_view id) {
  return Make(absl::StatusCode::kNotFound,
              absl::StrCat("Transaction not found: ",
                           absl::CHexEscape(id.substr(0, kMaxTextBytes))));
}

absl::Status TransactionOfOtherSession() {
  return Make(absl::StatusCode::kInvalidArgument,
              "Transaction was started in a different session");
}

absl::Status TransactionForgotten() {
  return Make(absl::StatusCode::kFailedPrecondition,
              "The transaction was used too long ago: the session has had too "
              "many others since");
}

absl::Status TransactionReplaced() {
  return Make(absl::StatusCode::kFailedPrecondition,
              "This transaction has been invalidated by a later transaction in "
              "the same session.");
}

absl::Status UseAfterCommitOrRollback() {
  return Make(absl::StatusCode::kFailedPrecondition,
              "Cannot start a read or query within a transaction after "
              "Commit() or Rollback() has been called.");
}

absl::Status CommitAfterRollback() {
  return Make(absl::StatusCode::kFailedPrecondition,
              "Cannot commit a transaction after Rollback() has been called.");
}

absl::Status RollbackAfterCommit() {
  return Make(absl::StatusCode::kFailedPrecondition,
              "Cannot rollback a transaction after Commit() has been called.");
}

absl::Status UseAfterLastStatement() {
  return Make(
      absl::StatusCode::kFailedPrecondition,
      "Cannot execute anything in a transaction after the statement that was "
      "said to be its last; it can be committed or rolled back.");
}

absl::Status TransactionAborted(absl::Duration retry_delay,
                                absl::string_view message) {
  return Retryable(absl::StatusCode::kAborted, message, retry_delay);
}

absl::Status NoCommitNorRollback() {
  return Make(
      absl::StatusCode::kFailedPrecondition,
      "Cannot commit or rollback a read-only or partitioned-dml transaction.");
}

absl::Status DmlInReadOnlyTransaction() {
  return Make(
      absl::StatusCode::kInvalidArgument,
      "DML statements can only be performed in a read-write or partitioned-dml "
      "transaction. Current transaction type is ReadOnly.");
}

absl::Status StatementNotDml(int index, absl::string_view sql) {
  return Make(absl::StatusCode::kInvalidArgument,
              absl::StrCat("Statement ", index, ": '", Cut(sql),
                           "' is not valid DML."));
}

absl::Status NotDmlInPartitionedDml() {
  return Make(
      absl::StatusCode::kInvalidArgument,
      "PartitionedDml Transactions may only be used to execute DML statements");
}

absl::Status BatchDmlNotInReadWrite() {
  return Make(
      absl::StatusCode::kInvalidArgument,
      "ExecuteBatchDml is only supported within a read-write transaction.");
}

absl::Status SecondPartitionedDml() {
  return Make(
      absl::StatusCode::kInvalidArgument,
      "PartitionedDml transaction may only be used to execute one statement");
}

absl::Status PartitionNotReadOnly() {
  return Make(
      absl::StatusCode::kInvalidArgument,
      "Partitioned reads can only be performed in a read-only transaction.");
}

absl::Status SingleUseNotReadOnly() {
  return Make(absl::StatusCode::kInvalidArgument,
              "Transaction mode for read only single use transaction should be "
              "read_only.");
}

absl::Status DmlInSingleUse() {
  return Make(absl::StatusCode::kInvalidArgument,
              "DML statements may not be performed in single-use transactions, "
              "to avoid replay.");
}

absl::Status PartitionInSingleUse() {
  return Make(absl::StatusCode::kInvalidArgument,
              "Partition reads may not be performed in single-use "
              "transactions, since the response needs to be reused.");
}

absl::Status BoundNotSingleUse(absl::string_view bound) {
  return Make(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat(
          "Timestamp bound: ", bound,
          " for read can be only be used for a single use transaction."));
}

absl::Status SeqnoReused(int64_t seqno) {
  return Make(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat(
          "Previously received a different request with this seqno. seqno=",
          seqno));
}

absl::Status SeqnoOutOfOrder(int64_t seqno) {
  return Make(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat("Request has an out-of-order seqno. Request seqno=", seqno,
                   ". The sequence number must rise with each request of the "
                   "transaction."));
}

absl::Status SeqnoPending(int64_t seqno) {
  return Make(absl::StatusCode::kUnavailable,
              absl::StrCat("The same request is being executed already. seqno=",
                           seqno));
}

absl::Status PrecommitTokenOfOtherTransaction() {
  return Make(absl::StatusCode::kFailedPrecondition,
              "The precommit token was not given for this transaction");
}

absl::Status PartitionOfOtherTransaction() {
  return Make(absl::StatusCode::kInvalidArgument,
              "Partitioned request was created for a different transaction.");
}

absl::Status PartitionOfOtherRequest() {
  return Make(
      absl::StatusCode::kInvalidArgument,
      "Partitioned request was created for different read or sql parameters.");
}

absl::Status CredentialsMissing(absl::string_view method) {
  return CallerError(
      absl::StatusCode::kUnauthenticated,
      absl::StrCat("Request is missing required authentication credential.",
                   kExpectedToken),
      "CREDENTIALS_MISSING", method);
}

absl::Status TokenUnknown(absl::string_view method) {
  return CallerError(
      absl::StatusCode::kUnauthenticated,
      absl::StrCat("Request had invalid authentication credentials.",
                   kExpectedToken),
      "ACCESS_TOKEN_TYPE_UNSUPPORTED", method);
}

absl::Status TokenExpired(absl::string_view method) {
  return CallerError(
      absl::StatusCode::kUnauthenticated,
      "Request had invalid authentication credentials. The access token has "
      "expired, by the emulator's clock.",
      "ACCESS_TOKEN_EXPIRED", method);
}

absl::Status ScopeInsufficient(absl::string_view method) {
  return CallerError(absl::StatusCode::kPermissionDenied,
                     "Request had insufficient authentication scopes.",
                     "ACCESS_TOKEN_SCOPE_INSUFFICIENT", method);
}

absl::Status PermissionMissing(absl::string_view permission,
                               absl::string_view resource) {
  google::rpc::ErrorInfo info;
  info.set_reason("IAM_PERMISSION_DENIED");
  info.set_domain("iam.googleapis.com");
  (*info.mutable_metadata())["permission"] = std::string(permission);
  (*info.mutable_metadata())["resource"] = Cut(resource);
  return Make(absl::StatusCode::kPermissionDenied,
              absl::StrCat("Caller is missing IAM permission ", permission,
                           " on resource ", resource),
              "ErrorInfo", info);
}

absl::Status ControlTokenMissing() {
  return Make(absl::StatusCode::kUnauthenticated,
              "The control API needs the token that the emulator was started "
              "with (--control_token), as `authorization: Bearer`, but there "
              "is none");
}

absl::Status ControlTokenWrong() {
  return Make(absl::StatusCode::kUnauthenticated,
              "The control API needs the token that the emulator was started "
              "with (--control_token), but `authorization` has another");
}

absl::Status InvalidRegionalRequest(absl::string_view endpoint,
                                    absl::string_view location,
                                    absl::string_view right_endpoint) {
  constexpr char kReason[] = "InvalidRegionalRequest";
  google::rpc::ErrorInfo info;
  info.set_reason(kReason);
  info.set_domain("spanner.googleapis.com");
  (*info.mutable_metadata())["endpoint"] = Cut(endpoint);
  (*info.mutable_metadata())["location"] = std::string(location);
  return Make(absl::StatusCode::kInvalidArgument,
              absl::StrCat(kReason, ": the endpoint ", endpoint,
                           " does not serve the location ", location, ", but ",
                           right_endpoint, " does"),
              "ErrorInfo", info);
}

absl::Status TooManySessions(int64_t max_sessions) {
  return Make(absl::StatusCode::kResourceExhausted,
              absl::StrCat("Too many sessions: ", max_sessions,
                           " are alive, the most that max_sessions allows"));
}

absl::Status ClockNotMoved(absl::string_view method, absl::string_view field,
                           absl::string_view problem) {
  const std::string description = absl::StrCat(field, " is refused: ", problem);
  google::rpc::PreconditionFailure failure;
  auto* violation = failure.add_violations();
  violation->set_type("CLOCK");
  violation->set_subject("clock");
  violation->set_description(Cut(description));
  return Make(absl::StatusCode::kFailedPrecondition,
              absl::StrCat(method, " failed: ", description),
              "PreconditionFailure", failure);
}

absl::Status ServiceUnavailable(std::optional<absl::Duration> retry_delay) {
  return Retryable(absl::StatusCode::kUnavailable,
                   "The service is currently unavailable.", retry_delay);
}

absl::Status QuotaExhausted(std::optional<absl::Duration> retry_delay) {
  return Retryable(absl::StatusCode::kResourceExhausted,
                   "Resource has been exhausted (e.g. check quota).",
                   retry_delay);
}

absl::Status DeadlineExpired() {
  return Make(absl::StatusCode::kDeadlineExceeded,
              "Deadline expired before operation could complete.");
}

absl::Status ConnectionCut() {
  return Make(absl::StatusCode::kUnavailable,
              "The connection was to be cut by a fault");
}

absl::Status CallReset() {
  return absl::CancelledError(
      "The emulator was reset while a fault held the "
      "call.");
}

absl::Status FaultNotFound(absl::string_view name) {
  return ResourceNotFound("Fault", "spanner_session_emulator.v1.Fault", name);
}

absl::Status FaultExists(absl::string_view name) {
  return Make(absl::StatusCode::kAlreadyExists,
              absl::StrCat("Fault already exists: ", name));
}

absl::Status JournalEntryNotFound(absl::string_view name) {
  return ResourceNotFound("Journal entry",
                          "spanner_session_emulator.v1.JournalEntry", name);
}

absl::Status JournalIsOff() {
  return Make(absl::StatusCode::kFailedPrecondition,
              "The journal is off: the server was started with "
              "--journal_bytes=0");
}

absl::Status JournalWaitExpired(int64_t count, int64_t wanted,
                                int64_t dropped) {
  std::string message = absl::StrCat(
      count, " of ", wanted, " journal entries have come in the time given");
  if (dropped > 0) {
    absl::StrAppend(&message, "; ", dropped,
                    " entries have made room for others (--journal_bytes)");
  }
  return Make(absl::StatusCode::kDeadlineExceeded, message);
}

absl::Status StubNotFound(absl::string_view name) {
  return ResourceNotFound("Stub", "spanner_session_emulator.v1.Stub", name);
}

absl::Status StubExists(absl::string_view name) {
  return Make(absl::StatusCode::kAlreadyExists,
              absl::StrCat("Stub already exists: ", name));
}

absl::Status NotScripted(absl::string_view call, absl::string_view stub_json) {
  return Make(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat("No stub matches ", call, "; this one would: ", stub_json));
}

absl::Status StubOnlyPartitions(absl::string_view name) {
  return Make(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat(name,
                   " has only partitions, which calls with a partition_token "
                   "get; give the answer itself rows for other calls"));
}

absl::Status ResultTooLarge() {
  return Make(absl::StatusCode::kFailedPrecondition,
              "Result set too large. Result sets larger than 10 MiB can only "
              "be read by ExecuteStreamingSql or StreamingRead.");
}

absl::Status StubOnlyStreams(absl::string_view name) {
  return Make(absl::StatusCode::kInvalidArgument,
              absl::StrCat(name,
                           " has partial_result_sets, which only calls that "
                           "stream can get; give it rows or a result_set"));
}

absl::Status Unimplemented(absl::string_view method) {
  return Make(absl::StatusCode::kUnimplemented,
              absl::StrCat(method, " is not implemented by this emulator"));
}

absl::Status Internal(absl::string_view method, absl::string_view problem) {
  return Make(absl::StatusCode::kInternal,
              absl::StrCat("Internal error in ", method, ": ", problem));
}

absl::Status UnknownMethod(absl::string_view path) {
  return Make(absl::StatusCode::kUnimplemented,
              absl::StrCat("Unknown method: ", path));
}

absl::Status InvalidBody(absl::string_view method, absl::string_view field,
                         absl::string_view problem) {
  return InvalidField(method, field.empty() ? "body" : field, problem);
}

absl::Status UnknownPath(absl::string_view path) {
  return Make(absl::StatusCode::kNotFound,
              absl::StrCat("Unknown path: ", path));
}

absl::Status HttpMethodNotAllowed(absl::string_view http_method,
                                  absl::string_view path,
                                  absl::string_view allowed) {
  return Make(absl::StatusCode::kUnimplemented,
              absl::StrCat("The HTTP method ", http_method,
                           " is not allowed here, but ", allowed, ": ", path));
}

absl::Status UnsupportedContentType(absl::string_view content_type) {
  return Make(absl::StatusCode::kInvalidArgument,
              absl::StrCat("The body must be JSON in UTF-8 and say "
                           "\"Content-Type: application/json\", not ",
                           content_type));
}

absl::Status UnsupportedContentEncoding(absl::string_view encoding) {
  return Make(absl::StatusCode::kInvalidArgument,
              absl::StrCat("The body must come as it is or with "
                           "\"Content-Encoding: gzip\", not ",
                           encoding));
}

absl::Status BadHttpRequest(int http_status, absl::string_view problem) {
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  if (http_status == 408) code = absl::StatusCode::kDeadlineExceeded;
  if (http_status >= 500) code = absl::StatusCode::kUnavailable;
  return Make(code, absl::StrCat("Bad HTTP request: ", problem));
}

absl::Status RequestFailed() {
  return Make(absl::StatusCode::kInternal,
              "The emulator failed to answer; its log has a line about it");
}

absl::Status UnprintableReply(const google::protobuf::MethodDescriptor& method,
                              absl::string_view problem) {
  return Make(absl::StatusCode::kInternal,
              absl::StrCat("The reply of ", method.full_name(),
                           " has no form in JSON: ", problem));
}

absl::Status RequestMissing() {
  return Make(absl::StatusCode::kInternal, "The call has no request");
}

absl::Status ShuttingDown() {
  return Make(absl::StatusCode::kUnavailable, "The emulator is shutting down");
}

absl::Status UnknownHealthService(absl::string_view service) {
  return Make(absl::StatusCode::kNotFound,
              absl::StrCat("Unknown service: ", service));
}

absl::Status UnknownToReflection(absl::string_view kind,
                                 absl::string_view name) {
  return Make(absl::StatusCode::kNotFound,
              absl::StrCat("Unknown ", kind, ": ", name));
}

absl::Status NothingAskedOfReflection() {
  return Make(absl::StatusCode::kInvalidArgument,
              "The request must have one of the fields of message_request");
}

}  // namespace spanner_session_emulator::errors
