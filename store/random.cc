#include "store/random.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <random>

#include "absl/random/random.h"

namespace spanner_session_emulator {
namespace {

// By itself, the generator would take its seed from a pool that all threads
// share, in a library that is not built for the thread sanitizer.
absl::BitGen SeededBySystem() {
  std::array<uint32_t, 16> words;
  if (getentropy(words.data(), sizeof(words)) != 0) {
    std::perror("getentropy");  // No ids, no server.
    std::abort();
  }
  std::seed_seq seed(words.begin(), words.end());
  return absl::BitGen(seed);
}

}  // namespace

uint64_t Random() {
  // Asking the system each time would take longer than all else that a session
  // needs.
  thread_local absl::BitGen generator = SeededBySystem();
  return absl::Uniform<uint64_t>(absl::IntervalClosed, generator, 0,
                                 std::numeric_limits<uint64_t>::max());
}

}  // namespace spanner_session_emulator
