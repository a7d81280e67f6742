// The predefined roles of Spanner: the one table of them.
// https://cloud.google.com/iam/docs/roles-permissions/spanner
#ifndef SPANNER_SESSION_EMULATOR_SERVER_AUTH_ROLES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_AUTH_ROLES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// A role, with those of its permissions that are Spanner's own.
struct Role {
  absl::string_view name;  // `roles/spanner.databaseReader`
  std::vector<absl::string_view> permissions;
};

const std::vector<Role>& Roles();

// Null if there is none. The role lives for ever.
const Role* FindRole(absl::string_view name);

// All names, with commas, for errors.
std::string RoleNames();

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_AUTH_ROLES_H_
