// The error catalogue: every error that a user can see, each made by one
// function here, with the google.rpc details that clients look for.
//
// Details are payloads of the status, under their type URL. Messages and names
// in details are cut, since clients accept 8 KiB of trailers in all, and never
// end in a blank, at which Node clients drop a message. Stateless, thread-safe.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CALL_ERRORS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CALL_ERRORS_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"

namespace spanner_session_emulator::errors {

// The longest message, and the longest text inside a detail, in bytes.
inline constexpr size_t kMaxTextBytes = 1024;

// NOT_FOUND with google.rpc.ResourceInfo.
// https://cloud.google.com/spanner/docs/reference/rpc/google.rpc#resourceinfo
absl::Status SessionNotFound(absl::string_view name);
absl::Status DatabaseNotFound(absl::string_view name);
absl::Status InstanceNotFound(absl::string_view name);
absl::Status InstanceConfigNotFound(absl::string_view name);
absl::Status OperationNotFound(absl::string_view name);
// ALREADY_EXISTS, likewise.
absl::Status InstanceExists(absl::string_view name);
absl::Status DatabaseExists(absl::string_view name);
absl::Status OperationExists(absl::string_view name);
// FAILED_PRECONDITION for a database with drop protection, or an instance that
// has one.
absl::Status DropProtected(absl::string_view name);

// INVALID_ARGUMENT `Invalid <method> request: <field> <problem>` with
// google.rpc.BadRequest; `problem` says what the field must look like.
absl::Status InvalidField(absl::string_view method, absl::string_view field,
                          absl::string_view problem);
// INVALID_ARGUMENT for bytes that are not a message of the method's type.
absl::Status UnparsableRequest(
    const google::protobuf::MethodDescriptor& method);

// INVALID_ARGUMENT for what multiplexed sessions do not do.
absl::Status MultiplexedSessionLabels();
absl::Status MultiplexedSessionsInBatch();
absl::Status MultiplexedSessionDeleted();

// Transactions. NOT_FOUND for an id, which may be any bytes, that nobody was
// given.
absl::Status TransactionNotFound(absl::string_view id);
// INVALID_ARGUMENT.
absl::Status TransactionOfOtherSession();
// FAILED_PRECONDITION: it was of this session, but too much has been since.
absl::Status TransactionForgotten();
// FAILED_PRECONDITION for what has become of the transaction.
absl::Status TransactionReplaced();
absl::Status UseAfterCommitOrRollback();
absl::Status CommitAfterRollback();
absl::Status RollbackAfterCommit();
absl::Status UseAfterLastStatement();
// ABORTED with google.rpc.RetryInfo, for which clients look.
inline constexpr absl::Duration kAbortRetryDelay = absl::Milliseconds(10);
absl::Status TransactionAborted(
    absl::Duration retry_delay = kAbortRetryDelay,
    absl::string_view message = "Transaction was aborted.");
// FAILED_PRECONDITION for what is read-only or partitioned DML.
absl::Status NoCommitNorRollback();
// INVALID_ARGUMENT for what a kind of transaction does not do.
absl::Status DmlInReadOnlyTransaction();
// Of a batch of DML, counted from 0.
absl::Status StatementNotDml(int index, absl::string_view sql);
absl::Status NotDmlInPartitionedDml();
absl::Status BatchDmlNotInReadWrite();
absl::Status SecondPartitionedDml();
absl::Status PartitionNotReadOnly();
// INVALID_ARGUMENT for single use, or its opposite.
absl::Status SingleUseNotReadOnly();
absl::Status DmlInSingleUse();
absl::Status PartitionInSingleUse();
// `bound` is max_staleness or min_read_timestamp.
absl::Status BoundNotSingleUse(absl::string_view bound);
// INVALID_ARGUMENT for a seqno of DML.
absl::Status SeqnoReused(int64_t seqno);
absl::Status SeqnoOutOfOrder(int64_t seqno);
// UNAVAILABLE: the same request is being executed.
absl::Status SeqnoPending(int64_t seqno);
// FAILED_PRECONDITION for a precommit token that is not the transaction's.
absl::Status PrecommitTokenOfOtherTransaction();
// INVALID_ARGUMENT for a partition token that was given for something else.
absl::Status PartitionOfOtherTransaction();
absl::Status PartitionOfOtherRequest();

// UNAUTHENTICATED and PERMISSION_DENIED with google.rpc.ErrorInfo, which names
// the method, as `google.spanner.v1.Spanner.GetSession`.
// https://cloud.google.com/dotnet/docs/reference/Google.Api.CommonProtos/latest/Google.Api.ErrorReason
absl::Status CredentialsMissing(absl::string_view method);
absl::Status TokenUnknown(absl::string_view method);
absl::Status TokenExpired(absl::string_view method);
absl::Status ScopeInsufficient(absl::string_view method);
// PERMISSION_DENIED for want of a permission on a resource, with ErrorInfo as
// IAM gives it.
absl::Status PermissionMissing(absl::string_view permission,
                               absl::string_view resource);

// UNAUTHENTICATED to calls of the control API without its token, or with
// another.
absl::Status ControlTokenMissing();
absl::Status ControlTokenWrong();

// INVALID_ARGUMENT with google.rpc.ErrorInfo: the call has gone to `endpoint`,
// which does not serve what is in `location`, but `right_endpoint` does. Only
// the reason's name is documented.
// https://cloud.google.com/spanner/docs/endpoints
absl::Status InvalidRegionalRequest(absl::string_view endpoint,
                                    absl::string_view location,
                                    absl::string_view right_endpoint);

// RESOURCE_EXHAUSTED: `max_sessions` sessions are alive.
absl::Status TooManySessions(int64_t max_sessions);

// FAILED_PRECONDITION with google.rpc.PreconditionFailure: `field` asks for a
// move that the clock does not make from where it stands, as `problem` says.
absl::Status ClockNotMoved(absl::string_view method, absl::string_view field,
                           absl::string_view problem);

// What a test asks for by a fault. UNAVAILABLE, RESOURCE_EXHAUSTED and
// DEADLINE_EXCEEDED, as Google's servers say it; the first two with
// google.rpc.RetryInfo if there is a delay.
absl::Status ServiceUnavailable(std::optional<absl::Duration> retry_delay);
absl::Status QuotaExhausted(std::optional<absl::Duration> retry_delay);
absl::Status DeadlineExpired();
// UNAVAILABLE where a connection was to be cut, but cannot be.
absl::Status ConnectionCut();

// NOT_FOUND and ALREADY_EXISTS for faults, by name.
// CANCELLED for a call that a fault held when all was reset.
absl::Status CallReset();
absl::Status FaultNotFound(absl::string_view name);
absl::Status FaultExists(absl::string_view name);

// The journal. NOT_FOUND for an entry that is not there, or not any more.
absl::Status JournalEntryNotFound(absl::string_view name);
// FAILED_PRECONDITION where nothing is recorded.
absl::Status JournalIsOff();
// DEADLINE_EXCEEDED where `count` entries have come of those `wanted`; so many
// as `dropped` have made room for others, and might have been among them.
absl::Status JournalWaitExpired(int64_t count, int64_t wanted, int64_t dropped);

// NOT_FOUND and ALREADY_EXISTS for stubs, by name.
absl::Status StubNotFound(absl::string_view name);
absl::Status StubExists(absl::string_view name);
// INVALID_ARGUMENT for `call`, in words, which no stub matches; the JSON of one
// that would is shown.
absl::Status NotScripted(absl::string_view call, absl::string_view stub_json);
// INVALID_ARGUMENT for a unary call that a stub matches which can only stream.
absl::Status StubOnlyStreams(absl::string_view name);
absl::Status StubOnlyPartitions(absl::string_view name);
// For a result that is not streamed.
absl::Status ResultTooLarge();

// UNIMPLEMENTED for a method of a served service, by its full name, that has no
// handler.
absl::Status Unimplemented(absl::string_view method);
// INTERNAL, for an exception, which is a mistake of ours.
absl::Status Internal(absl::string_view method, absl::string_view problem);
// UNIMPLEMENTED for a path, as `/package.Service/Method`, that nobody serves.
absl::Status UnknownMethod(absl::string_view path);

// What only REST has.
// INVALID_ARGUMENT, as InvalidField(), about a request's body, or about what it
// says in `field`, if that is not empty.
absl::Status InvalidBody(absl::string_view method, absl::string_view field,
                         absl::string_view problem);
// NOT_FOUND for a path that no method has.
absl::Status UnknownPath(absl::string_view path);
// For a path that has methods, but none by this HTTP method; `allowed` lists
// those that there are. HTTP status 405.
absl::Status HttpMethodNotAllowed(absl::string_view http_method,
                                  absl::string_view path,
                                  absl::string_view allowed);
// For a body in a format that is not taken. HTTP status 415.
absl::Status UnsupportedContentType(absl::string_view content_type);
// For a body that is compressed in a way that is not taken. HTTP status 415.
absl::Status UnsupportedContentEncoding(absl::string_view encoding);
// For what is no proper HTTP request, or a too slow or too large one, by the
// HTTP status that says so; `problem` says more.
absl::Status BadHttpRequest(int http_status, absl::string_view problem);
// INTERNAL: answering a request has gone wrong in a way that nobody foresaw.
absl::Status RequestFailed();
// INTERNAL: the reply cannot be written as JSON.
absl::Status UnprintableReply(const google::protobuf::MethodDescriptor& method,
                              absl::string_view problem);

// INTERNAL: the client's half of a call has ended before its request came.
absl::Status RequestMissing();

// UNAVAILABLE to calls that are still open when the server goes.
absl::Status ShuttingDown();

// NOT_FOUND from grpc.health.v1 for a service that is not served.
absl::Status UnknownHealthService(absl::string_view service);

// From server reflection: NOT_FOUND for a `kind` of thing that is not known by
// this name, INVALID_ARGUMENT for a request that asks for nothing.
absl::Status UnknownToReflection(absl::string_view kind,
                                 absl::string_view name);
absl::Status NothingAskedOfReflection();

}  // namespace spanner_session_emulator::errors

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CALL_ERRORS_H_
