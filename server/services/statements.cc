#include "server/services/statements.h"

#include <any>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/errors.h"
#include "server/mock/result_source.h"
#include "server/mock/statement_text.h"
#include "server/mock/stub_call.h"
#include "server/services/transaction_protos.h"
#include "server/services/unary.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// What differs between requests for statements and for reads.

StubCall StubCallOf(const Call& call, const api::ExecuteSqlRequest& request,
                    TransactionKind kind) {
  return StatementStubCall(call, request, kind);
}
StubCall StubCallOf(const Call& call, const api::ReadRequest& request,
                    TransactionKind kind) {
  return ReadStubCall(call, request, kind);
}

uint64_t FingerprintOf(const api::ExecuteSqlRequest& request) {
  return StatementFingerprint(request);
}
uint64_t FingerprintOf(const api::ReadRequest& request) {
  return ReadFingerprint(request);
}

ResultOptions OptionsOf(const api::ExecuteSqlRequest& request,
                        TransactionKind kind) {
  return {.query_mode = request.query_mode(),
          .lower_bound = kind == TransactionKind::kPartitionedDml};
}
ResultOptions OptionsOf(const api::ReadRequest& request, TransactionKind) {
  return {.limit = request.limit()};
}

absl::Status ValidateSql(Call& call) {
  const auto& request = call.request<api::ExecuteSqlRequest>();
  if (!api::ExecuteSqlRequest::QueryMode_IsValid(request.query_mode())) {
    return errors::InvalidField(
        call.method().name, "query_mode",
        absl::StrCat("must be a mode that the API has, but is ",
                     static_cast<int>(request.query_mode())));
  }
  const bool is_dml = IsDml(request.sql());
  absl::Status status = PrepareStatement(
      call, is_dml ? TransactionUse::kDml : TransactionUse::kRead,
      request.sql(), request.transaction());
  if (!status.ok()) return status;
  TransactionCall& transaction = PreparedTransaction(call);
  transaction.last_statement = request.last_statement();
  transaction.seqno = request.seqno();
  if (is_dml) transaction.fingerprint = StatementFingerprint(request);
  return absl::OkStatus();
}

absl::Status ValidateRead(Call& call) {
  const auto& request = call.request<api::ReadRequest>();
  const auto invalid = [&call](absl::string_view field,
                               absl::string_view problem) {
    return errors::InvalidField(call.method().name, field, problem);
  };
  if (request.limit() < 0) return invalid("limit", "must not be negative");
  if (request.limit() > 0 && !request.partition_token().empty()) {
    return invalid("limit", "must be left out beside a partition_token");
  }
  return PrepareRead(call, TransactionUse::kRead, request.table(),
                     request.columns(), request.transaction());
}

// Only streams are interrupted.
template <typename Request>
Validator Whole(const Validator& validate) {
  return [validate](Call& call) {
    if (!call.request<Request>().resume_token().empty()) {
      return errors::InvalidField(call.method().name, "resume_token",
                                  "must be empty: only streams are resumed");
    }
    return validate(call);
  };
}

absl::Status ValidateBatch(Call& call) {
  const auto& request = call.request<api::ExecuteBatchDmlRequest>();
  if (request.statements().empty()) {
    return errors::InvalidField(call.method().name, "statements",
                                "must have at least one statement");
  }
  for (int i = 0; i < request.statements_size(); ++i) {
    if (!request.statements(i).sql().empty()) continue;
    return errors::InvalidField(call.method().name,
                                absl::StrCat("statements[", i, "].sql"),
                                "must not be empty");
  }
  absl::Status status = PrepareTransaction(call, TransactionUse::kBatchDml,
                                           request.transaction());
  if (!status.ok()) return status;
  TransactionCall& transaction = PreparedTransaction(call);
  transaction.last_statement = request.last_statements();
  transaction.seqno = request.seqno();
  transaction.fingerprint = BatchFingerprint(request);
  return absl::OkStatus();
}

// As the status inside of a reply.
void Fill(const absl::Status& status, google::rpc::Status& out) {
  out.set_code(static_cast<int>(status.code()));
  out.set_message(std::string(status.message()));
  status.ForEachPayload(
      [&out](absl::string_view type, const absl::Cord& value) {
        google::protobuf::Any& detail = *out.add_details();
        detail.set_type_url(std::string(type));
        detail.set_value(std::string(value));
      });
}

// What the first message of a result says of its transaction. What messages
// that are scripted as they are say already stays, but for the id of a
// transaction that begins with them.
template <typename Result>
void FillTransaction(const TransactionGrant& grant, Result& result) {
  if (grant.begun || grant.read_timestamp.has_value()) {
    SetTransaction(grant, *result.mutable_metadata()->mutable_transaction());
  }
  if (grant.precommit_token.has_value() && !result.has_precommit_token()) {
    SetPrecommitToken(*grant.precommit_token,
                      *result.mutable_precommit_token());
  }
}

// A result on its way.
class ResultStream final : public ReplySource {
 public:
  ResultStream(const Execution& execution, SessionName session,
               TransactionGrant grant, TransactionCall transaction,
               StubResult result, const ResultOptions& options)
      : execution_(execution),
        session_(std::move(session)),
        grant_(std::move(grant)),
        transaction_(std::move(transaction)),
        source_(std::move(result), options) {}

  // Its reader may have gone before the end.
  ~ResultStream() override {
    if (!ended_) End();
  }

  ReplyStep Next() override {
    if (source_.Next(message_)) {
      if (std::exchange(first_, false)) FillTransaction(grant_, message_);
      return ReplyStep::Message(&message_);
    }
    End();
    return ReplyStep::End(source_.status());
  }

 private:
  void End() {
    ended_ = true;
    execution_.End(session_, grant_, transaction_, source_.status());
  }

  const Execution execution_;
  const SessionName session_;
  const TransactionGrant grant_;
  const TransactionCall transaction_;
  ResultSource source_;
  bool first_ = true;
  bool ended_ = false;
  api::PartialResultSet message_;
};

using BatchReplay = std::shared_ptr<const api::ExecuteBatchDmlResponse>;

class StatementMethods {
 public:
  explicit StatementMethods(const Execution& execution)
      : execution_(execution) {}

  template <typename Request>
  absl::Status Whole(Call& call, const Request& request,
                     api::ResultSet& response) const {
    const auto grant = execution_.Use(call);
    if (!grant.ok()) return grant.status();
    auto result = Find(call, request, *grant);
    absl::Status status =
        result.ok()
            ? MakeResultSet(*result, OptionsOf(request, grant->kind), response)
            : result.status();
    execution_.Finish(call, *grant, status,
                      result.ok() ? std::any(*std::move(result)) : std::any());
    if (status.ok()) FillTransaction(*grant, response);
    return status;
  }

  template <typename Request>
  Reply Stream(Call& call) const {
    const auto& request = call.request<Request>();
    auto grant = execution_.Use(call);
    if (!grant.ok()) return Reply::Error(grant.status());
    auto result = Find(call, request, *grant);
    absl::Status status = result.status();
    if (result.ok() && !result->answer().has_result) {
      status = result->answer().error;
    }
    execution_.Finish(call, *grant, status,
                      result.ok() ? std::any(*result) : std::any());
    if (!status.ok()) return Reply::Error(std::move(status));
    const ResultOptions options = OptionsOf(request, grant->kind);
    return Reply::Stream(std::make_unique<ResultStream>(
        execution_, call.session(), *std::move(grant),
        std::move(PreparedTransaction(call)), *std::move(result), options));
  }

  // Each statement has a stub of its own; the first that fails ends the batch,
  // and says so inside of the reply.
  absl::Status Batch(Call& call, const api::ExecuteBatchDmlRequest& request,
                     api::ExecuteBatchDmlResponse& response) const {
    const auto grant = execution_.Use(call);
    if (!grant.ok()) return grant.status();
    if (const auto* replay = std::any_cast<BatchReplay>(&grant->replay)) {
      response = **replay;
    } else {
      absl::Status status;
      for (int i = 0; i < request.statements_size() && status.ok(); ++i) {
        api::ResultSet result;
        status = ExecuteDml(call, request, i, grant->kind, result);
        if (!status.ok()) break;
        // Only the first has metadata, and none has rows, says the API.
        if (i > 0) result.clear_metadata();
        result.clear_rows();
        *response.add_result_sets() = std::move(result);
      }
      Fill(status, *response.mutable_status());
      if (!status.ok() && !response.result_sets().empty()) {
        // The first result tells of the transaction, which so lives on.
        execution_.End(call.session(), *grant, PreparedTransaction(call),
                       status);
      } else {
        execution_.Finish(
            call, *grant, status,
            BatchReplay(std::make_shared<const api::ExecuteBatchDmlResponse>(
                response)));
      }
    }
    if (!response.result_sets().empty() && grant->begun) {
      SetTransaction(*grant, *response.mutable_result_sets(0)
                                  ->mutable_metadata()
                                  ->mutable_transaction());
    }
    if (grant->precommit_token.has_value() &&
        !(grant->begun && response.result_sets().empty())) {
      SetPrecommitToken(*grant->precommit_token,
                        *response.mutable_precommit_token());
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ExecuteDml(Call& call,
                          const api::ExecuteBatchDmlRequest& request, int index,
                          TransactionKind kind, api::ResultSet& result) const {
    const auto& statement = request.statements(index);
    if (!IsDml(statement.sql())) {
      return errors::StatementNotDml(index, statement.sql());
    }
    StubCall stub_call = StatementStubCall(call, statement, kind);
    SetTags(request.request_options(), stub_call);
    const auto found = execution_.stubs->Answer(stub_call);
    if (!found.has_value()) {
      return NotScripted(call, *execution_.stubs, stub_call);
    }
    NoteStub(call, *found->stub);
    return MakeResultSet(*found, {}, result);
  }

  template <typename Request>
  absl::StatusOr<StubResult> Find(Call& call, const Request& request,
                                  const TransactionGrant& grant) const {
    auto result = Look(call, request, grant);
    if (result.ok()) NoteStub(call, *result->stub);
    return result;
  }

  template <typename Request>
  absl::StatusOr<StubResult> Look(Call& call, const Request& request,
                                  const TransactionGrant& grant) const {
    StubRegistry& stubs = *execution_.stubs;
    const auto invalid = [&call](absl::string_view field,
                                 absl::string_view problem) {
      return errors::InvalidField(call.method().name, field, problem);
    };
    StubCall stub_call = StubCallOf(call, request, grant.kind);
    SetTags(request.request_options(), stub_call);
    std::optional<ResultPlace> partition;
    if (!request.partition_token().empty()) {
      auto read = execution_.partition_tokens->Read(
          request.partition_token(), grant.id, FingerprintOf(request));
      if (!read.ok()) return read.status();
      partition = read->place;
    }
    if (!request.resume_token().empty()) {
      auto result = stubs.Resume(stub_call, request.resume_token());
      if (result.has_value() &&
          (!partition.has_value() ||
           result->place.partition == partition->partition)) {
        return *std::move(result);
      }
      return invalid("resume_token",
                     "must be a resume_token of the same call, whose stub is "
                     "still there; and if its answer ended with an error, the "
                     "next must have that place, too");
    }
    if (partition.has_value()) {
      auto result = stubs.Partition(stub_call, *partition);
      if (result.has_value()) return *std::move(result);
      return invalid("partition_token", "is of a stub that is gone");
    }
    if (const auto* replay = std::any_cast<StubResult>(&grant.replay)) {
      return *replay;
    }
    auto result = stubs.Answer(stub_call);
    if (!result.has_value()) return NotScripted(call, stubs, stub_call);
    if (result->answer().only_partitions) {
      return errors::StubOnlyPartitions(result->stub->name());
    }
    return *std::move(result);
  }

  const Execution execution_;
};

}  // namespace

void AddStatementMethods(const Execution& execution, MethodTable& table) {
  const StatementMethods methods(execution);
  const auto add = [&table](absl::string_view name, const auto& prototype,
                            Handler handle, Validator validate) {
    table.Set(absl::StrCat("google.spanner.v1.Spanner.", name), prototype,
              std::move(handle), std::move(validate));
  };
  const auto whole = [methods](Call& call, const auto& request,
                               api::ResultSet& response) {
    return methods.Whole(call, request, response);
  };
  const auto& sql = api::ExecuteSqlRequest::default_instance();
  const auto& read = api::ReadRequest::default_instance();
  add("ExecuteSql", sql, Unary<api::ExecuteSqlRequest, api::ResultSet>(whole),
      Whole<api::ExecuteSqlRequest>(ValidateSql));
  add("Read", read, Unary<api::ReadRequest, api::ResultSet>(whole),
      Whole<api::ReadRequest>(ValidateRead));
  add(
      "ExecuteStreamingSql", sql,
      [methods](Call& call) {
        return methods.Stream<api::ExecuteSqlRequest>(call);
      },
      ValidateSql);
  add(
      "StreamingRead", read,
      [methods](Call& call) { return methods.Stream<api::ReadRequest>(call); },
      ValidateRead);
  add("ExecuteBatchDml", api::ExecuteBatchDmlRequest::default_instance(),
      Unary<api::ExecuteBatchDmlRequest, api::ExecuteBatchDmlResponse>(
          [methods](Call& call, const api::ExecuteBatchDmlRequest& request,
                    api::ExecuteBatchDmlResponse& response) {
            return methods.Batch(call, request, response);
          }),
      ValidateBatch);
}

}  // namespace spanner_session_emulator
