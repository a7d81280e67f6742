#include "store/random.h"

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace spanner_session_emulator {

uint64_t Random() {
  // Fetched in the largest portion that cannot fail.
  thread_local std::array<uint64_t, 32> pool;
  thread_local size_t left = 0;
  if (left == 0) {
    if (getentropy(pool.data(), sizeof(pool)) != 0) {
      std::perror("getentropy");  // No ids, no server.
      std::abort();
    }
    left = pool.size();
  }
  return pool[--left];
}

}  // namespace spanner_session_emulator
