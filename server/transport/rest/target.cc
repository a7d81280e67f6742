#include "server/transport/rest/target.h"

#include "absl/strings/match.h"

namespace spanner_session_emulator {

Target SplitTarget(absl::string_view target) {
  target = target.substr(0, target.find('#'));
  Target result;
  result.path = target.substr(0, target.find('?'));
  if (result.path.size() < target.size()) {
    result.query = target.substr(result.path.size() + 1);
  }
  // Sent to a proxy, a target has the server's name before the path.
  absl::string_view rest = result.path;
  for (const absl::string_view scheme : {"http://", "https://"}) {
    if (!absl::StartsWithIgnoreCase(rest, scheme)) continue;
    rest.remove_prefix(scheme.size());
    const absl::string_view authority = rest.substr(0, rest.find('/'));
    if (authority.empty()) break;
    rest.remove_prefix(authority.size());
    result.authority = authority;
    result.path = rest.empty() ? "/" : rest;
    break;
  }
  return result;
}

}  // namespace spanner_session_emulator
