#include "store/labels.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

constexpr size_t kMaxPartBytes = 63;  // Of a key or a value; fits in one byte.

// Whether `text` matches `[a-z]([-a-z0-9]{0,61}[a-z0-9])?`.
bool IsLabelPart(absl::string_view text) {
  if (text.empty() || text.size() > kMaxPartBytes) return false;
  if (!absl::ascii_islower(text.front()) || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

}  // namespace

absl::StatusOr<Labels> Labels::Make(
    std::vector<std::pair<std::string, std::string>> pairs) {
  if (pairs.size() > kMaxLabels) {
    return absl::InvalidArgumentError(absl::StrCat(
        "has ", pairs.size(), " labels, at most ", kMaxLabels, " are allowed"));
  }
  std::sort(pairs.begin(), pairs.end());
  Labels labels;
  for (const auto& [key, value] : pairs) {
    if (!IsLabelPart(key)) {
      return absl::InvalidArgumentError(
          absl::StrCat("has the label key \"", absl::Utf8SafeCEscape(key),
                       "\", which does not match "
                       "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"));
    }
    if (!value.empty() && !IsLabelPart(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("has the label \"", key, "\" with the value \"",
                       absl::Utf8SafeCEscape(value),
                       "\", which does not match "
                       "([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?"));
    }
    for (absl::string_view part :
         {absl::string_view(key), absl::string_view(value)}) {
      labels.packed_.push_back(static_cast<char>(part.size()));
      labels.packed_.insert(labels.packed_.end(), part.begin(), part.end());
    }
  }
  labels.packed_.shrink_to_fit();
  return labels;
}

void Labels::ForEach(
    absl::FunctionRef<bool(absl::string_view, absl::string_view)> visit) const {
  absl::string_view rest(packed_.data(), packed_.size());
  const auto take = [&rest] {
    const size_t size = static_cast<unsigned char>(rest.front());
    const absl::string_view part = rest.substr(1, size);
    rest.remove_prefix(1 + size);
    return part;
  };
  while (!rest.empty()) {
    const absl::string_view key = take();
    if (!visit(key, take())) return;
  }
}

}  // namespace spanner_session_emulator
