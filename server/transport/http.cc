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
  const absl::string_view first = it->second;
  it = std::find_if(it + 1, fields.end(), matches);
  if (it == fields.end()) return first;
  std::string joined(first);
  for (; it != fields.end(); it = std::find_if(it + 1, fields.end(), matches)) {
    absl::StrAppend(&joined, ", ", it->second);
  }
  joined_.push_back(std::make_unique<const std::string>(std::move(joined)));
  return *joined_.back();
}

}  // namespace spanner_session_emulator
