#include "store/random.h"

#include <limits>

#include "absl/random/random.h"

namespace spanner_session_emulator {

uint64_t Random() {
  // Takes its seed from the system; asking that each time would take longer
  // than all else that a session needs.
  thread_local absl::BitGen generator;
  return absl::Uniform<uint64_t>(absl::IntervalClosed, generator, 0,
                                 std::numeric_limits<uint64_t>::max());
}

}  // namespace spanner_session_emulator
