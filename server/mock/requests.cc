#include "server/mock/requests.h"

#include "google/spanner/v1/spanner.pb.h"
#include "server/mock/statement_text.h"

namespace spanner_session_emulator {

namespace api = ::google::spanner::v1;

RequestTags TagsOf(const google::protobuf::Message& request) {
  RequestTags tags;
  IfOneOf<api::ExecuteSqlRequest, api::ReadRequest, api::ExecuteBatchDmlRequest,
          api::BeginTransactionRequest, api::CommitRequest,
          api::BatchWriteRequest>(request, [&tags](const auto& tagged) {
    tags.request_tag = tagged.request_options().request_tag();
    tags.transaction_tag = tagged.request_options().transaction_tag();
  });
  return tags;
}

std::vector<std::string> StatementsOf(
    const google::protobuf::Message& request) {
  std::vector<std::string> statements;
  IfOneOf<api::ExecuteSqlRequest, api::PartitionQueryRequest>(
      request, [&statements](const auto& one) {
        statements.push_back(FoldBlanks(one.sql()));
      });
  IfOneOf<api::ExecuteBatchDmlRequest>(
      request, [&statements](const auto& batch) {
        for (const auto& statement : batch.statements()) {
          statements.push_back(FoldBlanks(statement.sql()));
        }
      });
  return statements;
}

}  // namespace spanner_session_emulator
