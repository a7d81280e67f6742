// Back to the beginning: the emulator, or parts of it, as they were at the
// start.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESET_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESET_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/auth/authorizer.h"
#include "server/mock/fault_registry.h"
#include "server/mock/journal.h"
#include "server/mock/stub_registry.h"
#include "server/services/operations.h"
#include "store/database_catalog.h"
#include "store/mutex.h"
#include "store/names.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// What can be reset.
enum class ResetPart {
  // The clock: it stands at the start time, or without one runs with the
  // system's. As it goes back by that, only together with kSessions; as there
  // is only one, only without a scope.
  kClock,
  // All sessions are deleted, multiplexed ones too.
  kSessions,
  // Created, deleted and expired count from 0 again, and those that have
  // expired are forgotten; the living stay counted.
  kSessionCounts,
  // All stubs are deleted. Without a scope, those of the start's script come
  // back, without hits.
  kStubs,
  // All faults are deleted; the calls that they hold end with CANCELLED.
  // Without
  // a scope, those of the start's script come back, without hits, and the seed
  // is 0.
  kFaults,
  // All entries are deleted, with a scope those of calls that name a database
  // or a session in it.
  kJournal,
  // How many sessions there may be is as at the start. One for the whole
  // server, so only without a scope.
  kSessionLimits,
  // The auth policy is the one of the start, or none. One for the whole server,
  // so only without a scope.
  kAuthPolicy,
  // The auth report begins anew; likewise.
  kAuthReport,
  // Instances and databases: only those that were declared at the start are
  // recorded, none is remembered as deleted, and long-running operations are
  // forgotten. The sessions of databases that do not exist any more are
  // deleted.
  kDatabases,
};

struct ResetOptions {
  // Empty: all, or with a scope all those that can have one.
  std::vector<ResetPart> parts = {};
  // Only what belongs to these databases.
  Scope scope = {};
};

struct ResetResult {
  std::vector<ResetPart> parts;  // Those that were reset, each once.
  int64_t deleted_sessions = 0;
};

// What is reset. All must outlive whoever has it.
struct Resettable {
  SessionStore* store;
  Authorizer* auth;
  StubRegistry* stubs;
  FaultRegistry* faults;
  Journal* journal;
  DatabaseCatalog* catalog;
  Operations* operations;
  Mutex* changing;  // As in AdminResources.
};

// INVALID_ARGUMENT for parts that do not go together or with the scope, whose
// message fits behind "parts"; then nothing is reset. Thread-safe; cost grows
// with the number of sessions.
absl::StatusOr<ResetResult> Reset(const Resettable& all,
                                  const ResetOptions& options);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_RESET_H_
