#include "server/services/resources.h"

#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/services/transaction_protos.h"

namespace spanner_session_emulator {

absl::Status Resources::RequireInstance(const InstanceName& instance) const {
  return catalog->Exists(instance) ? absl::OkStatus()
                                   : errors::InstanceNotFound(instance.full());
}

absl::Status Resources::RequireDatabase(const DatabaseName& database) const {
  if (catalog->Exists(database)) return absl::OkStatus();
  const InstanceName instance = database.instance();
  if (!catalog->Exists(instance)) {
    return errors::InstanceNotFound(instance.full());
  }
  return errors::DatabaseNotFound(database.full());
}

absl::Status Resources::Missing(const SessionName& session) const {
  if (absl::Status s = RequireDatabase(session.database()); !s.ok()) return s;
  return errors::SessionNotFound(session.full());
}

absl::Status Resources::UseSession(const SessionName& session) const {
  if (store->Use(session).has_value()) return absl::OkStatus();
  return Missing(session);
}

absl::Status Resources::UseTransactions(
    const SessionName& session,
    absl::FunctionRef<TransactionProblem(SessionTransactions&)> function,
    absl::string_view id, int64_t seqno) const {
  TransactionProblem problem = TransactionProblem::kNone;
  const bool alive =
      store->UseTransactions(session, [&](SessionTransactions& transactions) {
        problem = function(transactions);
      });
  return alive ? TransactionStatus(problem, id, seqno) : Missing(session);
}

absl::Status Resources::Require(const Call& call) const {
  switch (call.method().resource_kind) {
    case ResourceKind::kSession:
      return UseSession(call.session());
    case ResourceKind::kDatabase:
      return RequireDatabase(call.database());
    case ResourceKind::kNone:
    case ResourceKind::kOther:
      break;
  }
  return absl::OkStatus();
}

}  // namespace spanner_session_emulator
