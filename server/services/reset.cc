#include "server/services/reset.h"

#include <algorithm>

#include "absl/status/status.h"

namespace spanner_session_emulator {

absl::StatusOr<ResetResult> Reset(SessionStore& store, Authorizer& auth,
                                  StubRegistry& stubs,
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
  const bool about_callers =
      asked_for(ResetPart::kAuthPolicy) || asked_for(ResetPart::kAuthReport);
  if (scoped && about_callers) {
    return absl::InvalidArgumentError(
        "must not have AUTH_POLICY or AUTH_REPORT where there is a scope: they "
        "are about the whole server");
  }
  const auto resets = [&](ResetPart part) {
    const bool takes_scope = part == ResetPart::kSessions ||
                             part == ResetPart::kSessionCounts ||
                             part == ResetPart::kStubs;
    return options.parts.empty() ? takes_scope || !scoped : asked_for(part);
  };
  ResetResult result;
  if (resets(ResetPart::kClock)) {
    result.deleted_sessions = store.RestartClock();
    result.parts.push_back(ResetPart::kClock);
    result.parts.push_back(ResetPart::kSessions);
  } else if (resets(ResetPart::kSessions)) {
    result.deleted_sessions = store.Delete({.scope = options.scope});
    result.parts.push_back(ResetPart::kSessions);
  }
  // After the sessions, whose ends count.
  if (resets(ResetPart::kSessionCounts)) {
    store.ResetCounts(options.scope);
    result.parts.push_back(ResetPart::kSessionCounts);
  }
  if (resets(ResetPart::kStubs)) {
    if (scoped) {
      stubs.DeleteAll(options.scope);
    } else {
      stubs.Restore();
    }
    result.parts.push_back(ResetPart::kStubs);
  }
  if (resets(ResetPart::kAuthPolicy)) {
    auth.RestorePolicy();
    result.parts.push_back(ResetPart::kAuthPolicy);
  }
  if (resets(ResetPart::kAuthReport)) {
    auth.ClearReport();
    result.parts.push_back(ResetPart::kAuthReport);
  }
  return result;
}

}  // namespace spanner_session_emulator
