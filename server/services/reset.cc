#include "server/services/reset.h"

#include <algorithm>

#include "absl/status/status.h"

namespace spanner_session_emulator {

absl::StatusOr<ResetResult> Reset(const Resettable& all,
                                  const ResetOptions& options) {
  const bool scoped = !options.scope.is_everything();
  const auto asked_for = [&](ResetPart part) {
    return std::find(options.parts.begin(), options.parts.end(), part) !=
           options.parts.end();
  };
  if (asked_for(ResetPart::kClock)) {
    if (scoped) {
      return absl::InvalidArgumentError(
          "must not have CLOCK where there is a scope: the clock is one for "
          "the whole server");
    }
    if (!asked_for(ResetPart::kSessions)) {
      return absl::InvalidArgumentError(
          "must have SESSIONS beside CLOCK: the clock goes back, and no "
          "session may live through that");
    }
  }
  if (scoped && (asked_for(ResetPart::kSessionLimits) ||
                 asked_for(ResetPart::kAuthPolicy) ||
                 asked_for(ResetPart::kAuthReport))) {
    return absl::InvalidArgumentError(
        "must not have SESSION_LIMITS, AUTH_POLICY or AUTH_REPORT where there "
        "is a scope: they are about the whole server");
  }
  const auto resets = [&](ResetPart part) {
    const bool takes_scope =
        part == ResetPart::kSessions || part == ResetPart::kSessionCounts ||
        part == ResetPart::kStubs || part == ResetPart::kFaults ||
        part == ResetPart::kJournal || part == ResetPart::kDatabases;
    return options.parts.empty() ? takes_scope || !scoped : asked_for(part);
  };
  ResetResult result;
  // First: the calls that they hold end now, and leave nothing behind.
  if (resets(ResetPart::kFaults)) {
    all.faults->Reset(options.scope);
    result.parts.push_back(ResetPart::kFaults);
  }
  if (resets(ResetPart::kClock)) {
    result.deleted_sessions = all.store->RestartClock();
    result.parts.push_back(ResetPart::kClock);
    result.parts.push_back(ResetPart::kSessions);
  } else if (resets(ResetPart::kSessions)) {
    result.deleted_sessions = all.store->Delete({.scope = options.scope});
    result.parts.push_back(ResetPart::kSessions);
  }
  if (resets(ResetPart::kDatabases)) {
    MutexLock lock(all.changing);
    for (const DatabaseName& database : all.catalog->Reset(options.scope)) {
      result.deleted_sessions += all.store->DropDatabase(database);
    }
    all.operations->DeleteIn(options.scope);
    result.parts.push_back(ResetPart::kDatabases);
  }
  // After the sessions, whose ends count.
  if (resets(ResetPart::kSessionCounts)) {
    all.store->ResetCounts(options.scope);
    result.parts.push_back(ResetPart::kSessionCounts);
  }
  if (resets(ResetPart::kStubs)) {
    if (scoped) {
      all.stubs->DeleteAll(options.scope);
    } else {
      all.stubs->Restore();
    }
    result.parts.push_back(ResetPart::kStubs);
  }
  if (resets(ResetPart::kJournal)) {
    all.journal->Clear(JournalFilter::LiesIn(options.scope.full()));
    result.parts.push_back(ResetPart::kJournal);
  }
  if (resets(ResetPart::kSessionLimits)) {
    all.store->ResetLimits();
    result.parts.push_back(ResetPart::kSessionLimits);
  }
  if (resets(ResetPart::kAuthPolicy)) {
    all.auth->RestorePolicy();
    result.parts.push_back(ResetPart::kAuthPolicy);
  }
  if (resets(ResetPart::kAuthReport)) {
    all.auth->ClearReport();
    result.parts.push_back(ResetPart::kAuthReport);
  }
  return result;
}

}  // namespace spanner_session_emulator
