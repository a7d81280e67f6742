// Random bits.
#ifndef SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_
#define SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_

#include <cstdint>

namespace spanner_session_emulator {

// From abseil's generator, with a seed of the system's for each thread. Good
// enough that nobody meets a name by chance; not for what must be kept secret
// from an attacker. A forked process goes on as its parent does. Thread-safe.
uint64_t Random();

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_
