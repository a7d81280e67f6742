// Which permissions each RPC needs: the one table of them.
// https://cloud.google.com/spanner/docs/iam
// https://cloud.google.com/spanner/docs/audit-logging
#ifndef SPANNER_SESSION_EMULATOR_SERVER_AUTH_PERMISSIONS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_AUTH_PERMISSIONS_H_

#include <set>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "server/call/call.h"
#include "server/call/method.h"

namespace spanner_session_emulator {

// Whether the table has the method.
bool HasPermissions(absl::string_view full_name);

// Ends the program if the table lacks a method of Google's API: a slip, found
// by the first use.
void CheckPermissionTable(const MethodTable& methods);

// Gives `check` each permission that the call needs, as `spanner.sessions.get`,
// with the full name of what it is needed on, until it returns false. Returns
// whether it never did. The call has been parsed, and its method is in the
// table.
bool CheckPermissions(const Call& call,
                      absl::FunctionRef<bool(absl::string_view permission,
                                             absl::string_view resource)>
                          check);

// All that CheckPermissions() can ask for.
const std::set<absl::string_view>& NeededPermissions();

// Whether any method or any predefined role has this permission of Spanner.
bool IsKnownPermission(absl::string_view permission);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_AUTH_PERMISSIONS_H_
