#include "server/call/call.h"

#include <algorithm>

namespace spanner_session_emulator {

bool ReplyMetadata::Removes(absl::string_view name) const {
  return std::find(removed.begin(), removed.end(), name) != removed.end();
}

void ReplyMetadata::Add(const ReplyMetadata& other) {
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(headers, other.headers);
  append(trailers, other.trailers);
  append(removed, other.removed);
}

absl::string_view Call::resource() const {
  if (const auto* session = std::get_if<SessionName>(&resource_)) {
    return session->full();
  }
  if (const auto* database = std::get_if<DatabaseName>(&resource_)) {
    return database->full();
  }
  if (const auto* other = std::get_if<std::string>(&resource_)) return *other;
  return "";
}

}  // namespace spanner_session_emulator
