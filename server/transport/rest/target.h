// The parts of a request's target.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_TARGET_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_TARGET_H_

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

struct Target {
  absl::string_view authority;  // Where it is sent as if to a proxy, or empty.
  absl::string_view path;
  absl::string_view query;
};

// The path is empty or does not begin with '/' if the target is none of ours.
Target SplitTarget(absl::string_view target);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_TARGET_H_
