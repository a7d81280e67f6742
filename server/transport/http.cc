#include "server/transport/http.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {

std::optional<absl::string_view> HttpRequest::Header(
    absl::string_view name) const {
  const auto matches = [name](const Field& field) {
    return absl::EqualsIgnoreCase(field.first, name);
  };
  auto it = std::find_if(fields.begin(), fields.end(), matches);
  if (it == fields.end()) return std::nullopt;
  absl::string_view value = it->second;
  std::string* joined = nullptr;
  while ((it = std::find_if(it + 1, fields.end(), matches)) != fields.end()) {
    if (joined == nullptr) joined = &joined_.emplace_back(value);
    absl::StrAppend(joined, ", ", it->second);
    value = *joined;
  }
  return value;
}

}  // namespace spanner_session_emulator
