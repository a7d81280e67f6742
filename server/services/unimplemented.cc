#include "server/services/unimplemented.h"

#include <utility>

#include "absl/status/status.h"
#include "server/call/errors.h"

namespace spanner_session_emulator {

Handler Unimplemented(const Resources& resources) {
  return [resources](Call& call) {
    if (absl::Status s = resources.Require(call); !s.ok()) {
      return Reply::Error(std::move(s));
    }
    return Reply::Error(errors::Unimplemented(call.method().full_name));
  };
}

}  // namespace spanner_session_emulator
