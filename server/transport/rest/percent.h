// Percent-encoding.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_PERCENT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_PERCENT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// Decodes `%XX`. Nothing for a '%' that two hexadecimal digits do not follow.
// The result may be anything, also no UTF-8.
std::optional<std::string> DecodePercent(absl::string_view text);

// The same, but leaves `%2F` and `%2f` as they are: so does transcoding in
// variables of several segments, where '/' separates.
std::optional<std::string> DecodePercentKeepingSlashes(absl::string_view text);

// The same as the first, and '+' is a blank: for queries.
std::optional<std::string> DecodeQueryText(absl::string_view text);

bool IsUtf8(absl::string_view text);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_PERCENT_H_
