#include "server/call/call.h"

namespace spanner_session_emulator {

absl::string_view Call::resource() const {
  if (const auto* session = std::get_if<SessionName>(&resource_)) {
    return session->full();
  }
  if (const auto* database = std::get_if<DatabaseName>(&resource_)) {
    return database->full();
  }
  return "";
}

}  // namespace spanner_session_emulator
