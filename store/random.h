// Random bits that nobody can foresee.
#ifndef SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_
#define SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_

#include <cstdint>

namespace spanner_session_emulator {

// No two processes, and no two threads, draw the same. Thread-safe.
uint64_t Random();

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_
