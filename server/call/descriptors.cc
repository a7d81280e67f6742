#include "server/call/descriptors.h"

namespace spanner_session_emulator {

// Defined in the server program alone.
void RegisterDescriptors() __attribute__((weak));

void NeedDescriptors() {
  if (RegisterDescriptors != nullptr) RegisterDescriptors();
}

}  // namespace spanner_session_emulator
