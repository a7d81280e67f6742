#include "server/services/partitions.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/errors.h"
#include "server/mock/statement_text.h"
#include "server/services/transaction_protos.h"
#include "server/services/unary.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

absl::Status CheckOptions(const Call& call,
                          const api::PartitionOptions& options) {
  if (options.partition_size_bytes() >= 0 && options.max_partitions() >= 0) {
    return absl::OkStatus();
  }
  return errors::InvalidField(call.method().name, "partition_options",
                              "must have no negative numbers");
}

absl::Status ValidateQuery(Call& call) {
  const auto& request = call.request<api::PartitionQueryRequest>();
  if (IsDml(request.sql())) {
    return errors::InvalidField(call.method().name, "sql",
                                "must be a query, not DML");
  }
  absl::Status status = PrepareStatement(call, TransactionUse::kPartition,
                                         request.sql(), request.transaction());
  status.Update(CheckOptions(call, request.partition_options()));
  return status;
}

absl::Status ValidateRead(Call& call) {
  const auto& request = call.request<api::PartitionReadRequest>();
  absl::Status status =
      PrepareRead(call, TransactionUse::kPartition, request.table(),
                  request.columns(), request.transaction());
  status.Update(CheckOptions(call, request.partition_options()));
  return status;
}

// As many partitions as the stub says that the call has hit, or one: whoever
// reads them all gets every row once.
absl::Status Divide(const Execution& execution, Call& call,
                    const StubCall& stub_call, uint64_t fingerprint,
                    const TransactionGrant& grant,
                    api::PartitionResponse& response) {
  Partition partition = {.transaction_id = grant.id,
                         .fingerprint = fingerprint};
  int32_t count = 0;
  if (const auto result = execution.stubs->Answer(stub_call)) {
    NoteStub(call, *result->stub);
    const StubAnswer& answer = result->answer();
    count = static_cast<int32_t>(answer.partitions.size());
    // Behind rows, it is their reader's.
    if (!answer.error.ok() && !answer.has_result) {
      execution.Finish(call, grant, answer.error, {});
      return answer.error;
    }
    partition.place = result->place;
  }
  for (int32_t i = 0; i < std::max(count, 1); ++i) {
    if (count > 0) partition.place->partition = i;
    response.add_partitions()->set_partition_token(
        execution.partition_tokens->Write(partition));
  }
  if (grant.begun) SetTransaction(grant, *response.mutable_transaction());
  return absl::OkStatus();
}

}  // namespace

void AddPartitionMethods(const Execution& execution, MethodTable& table) {
  table.Set(
      "google.spanner.v1.Spanner.PartitionQuery",
      api::PartitionQueryRequest::default_instance(),
      Unary<api::PartitionQueryRequest, api::PartitionResponse>(
          [execution](Call& call, const api::PartitionQueryRequest& request,
                      api::PartitionResponse& response) {
            const auto grant = execution.Use(call);
            if (!grant.ok()) return grant.status();
            return Divide(execution, call,
                          StatementStubCall(call, request, grant->kind),
                          StatementFingerprint(request), *grant, response);
          }),
      ValidateQuery);
  table.Set(
      "google.spanner.v1.Spanner.PartitionRead",
      api::PartitionReadRequest::default_instance(),
      Unary<api::PartitionReadRequest, api::PartitionResponse>(
          [execution](Call& call, const api::PartitionReadRequest& request,
                      api::PartitionResponse& response) {
            const auto grant = execution.Use(call);
            if (!grant.ok()) return grant.status();
            return Divide(execution, call,
                          ReadStubCall(call, request, grant->kind),
                          ReadFingerprint(request), *grant, response);
          }),
      ValidateRead);
}

}  // namespace spanner_session_emulator
