// What every RPC asks of the world: whether its database exists and its session
// lives. This folder holds what each RPC answers, one file per concern.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESOURCES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESOURCES_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/call/call.h"
#include "store/database_catalog.h"
#include "store/names.h"
#include "store/session_store.h"
#include "store/transactions.h"

namespace spanner_session_emulator {

// Sessions and databases, with the errors of the catalogue. Both must outlive
// this. Thread-safe.
struct Resources {
  SessionStore* store;
  const DatabaseCatalog* catalog;

  // NOT_FOUND for the instance.
  absl::Status RequireInstance(const InstanceName& instance) const;
  // NOT_FOUND for the instance if that does not exist, else for the database.
  absl::Status RequireDatabase(const DatabaseName& database) const;

  // Uses the session; NOT_FOUND for its instance, its database or itself.
  absl::Status UseSession(const SessionName& session) const;

  // The same, and has `function` look at the session's transactions, as
  // SessionStore::UseTransactions() does; the error for its problem, too. `id`
  // is the transaction's, as the call gives it, and `seqno` that of DML.
  absl::Status UseTransactions(
      const SessionName& session,
      absl::FunctionRef<TransactionProblem(SessionTransactions&)> function,
      absl::string_view id = "", int64_t seqno = 0) const;

  // The one of the first two that fits the call's resource; OK if it has none.
  absl::Status Require(const Call& call) const;

  // NOT_FOUND for what there is not, of a session that is not alive.
  absl::Status Missing(const SessionName& session) const;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESOURCES_H_
