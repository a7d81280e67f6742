// Random bits.
#ifndef SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_
#define SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_

#include <cstdint>

namespace spanner_session_emulator {

// From abseil's generator, with a seed of 512 bits of the system's for each
// thread: nobody guesses an id that was made of it. Abseil promises nothing
// against an attacker who studies many, so it is not for keys. A forked process
// goes on as its parent does. Thread-safe.
uint64_t Random();

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_RANDOM_H_
