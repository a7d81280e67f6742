#include "server/mock/fault_call.h"

#include "google/spanner/v1/spanner.pb.h"
#include "server/call/method.h"
#include "server/mock/requests.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

FaultCall::SessionFacts FactsOf(const api::Session& session) {
  FaultCall::SessionFacts facts = {.multiplexed = session.multiplexed()};
  // The request has been validated.
  auto labels =
      Labels::Make({session.labels().begin(), session.labels().end()});
  if (labels.ok()) facts.labels = *std::move(labels);
  return facts;
}

}  // namespace

FaultCall::FaultCall(const Call& call, SessionStore* store)
    : call_(call), store_(store) {
  switch (call.method().resource_kind) {
    case ResourceKind::kNone:
      break;
    case ResourceKind::kSession:
      session_ = call.resource();
      database_ = call.session().database_full();
      break;
    case ResourceKind::kDatabase:
    case ResourceKind::kOther:
      database_ = call.resource();
      break;
  }
  const google::protobuf::Message& message = call.request();
  const RequestTags tags = TagsOf(message);
  request_tag_ = tags.request_tag;
  transaction_tag_ = tags.transaction_tag;
  IfOneOf<api::ExecuteSqlRequest, api::ReadRequest, api::ExecuteBatchDmlRequest,
          api::PartitionQueryRequest, api::PartitionReadRequest>(
      message, [this](const auto& request) {
        transaction_id_ = request.transaction().id();
        begins_transaction_ = request.transaction().has_begin();
      });
  IfOneOf<api::CommitRequest, api::RollbackRequest>(
      message, [this](const auto& request) {
        transaction_id_ = request.transaction_id();
      });
}

const std::vector<std::string>& FaultCall::statements() {
  if (!statements_.has_value()) statements_ = StatementsOf(call_.request());
  return *statements_;
}

const std::optional<FaultCall::SessionFacts>& FaultCall::session_facts() {
  if (session_facts_.has_value()) return *session_facts_;
  session_facts_.emplace();
  if (!session_.empty()) {
    if (const auto session = store_->Get(call_.session())) {
      SessionFacts facts = {.multiplexed = session->multiplexed};
      if (session->attributes != nullptr) {
        facts.labels = session->attributes->labels;
      }
      *session_facts_ = std::move(facts);
    }
  } else {
    IfOneOf<api::CreateSessionRequest>(
        call_.request(), [this](const auto& request) {
          *session_facts_ = FactsOf(request.session());
        });
    IfOneOf<api::BatchCreateSessionsRequest>(
        call_.request(), [this](const auto& request) {
          *session_facts_ = FactsOf(request.session_template());
        });
  }
  return *session_facts_;
}

}  // namespace spanner_session_emulator
