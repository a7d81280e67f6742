// What every RPC asks of the world: whether its database exists and its session
// lives. This folder holds what each RPC answers, one file per concern.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESOURCES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESOURCES_H_

#include "absl/status/status.h"
#include "server/call/call.h"
#include "store/database_catalog.h"
#include "store/names.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// Sessions and databases, with the errors of the catalogue. Both must outlive
// this. Thread-safe.
struct Resources {
  SessionStore* store;
  const DatabaseCatalog* catalog;

  // NOT_FOUND for the instance if that does not exist, else for the database.
  absl::Status RequireDatabase(const DatabaseName& database) const;

  // Uses the session; NOT_FOUND for its instance, its database or itself.
  absl::Status UseSession(const SessionName& session) const;

  // The one of the two that fits the call's resource; OK if it has none.
  absl::Status Require(const Call& call) const;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESOURCES_H_
