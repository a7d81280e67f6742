#ifndef SPANNER_SESSION_EMULATOR_SERVER_VERSION_H_
#define SPANNER_SESSION_EMULATOR_SERVER_VERSION_H_

namespace spanner_session_emulator {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_VERSION_H_
