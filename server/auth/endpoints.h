// The names by which Google's API is reached, and which of them a server that
// stands for one location answers to. Stateless, thread-safe.
// https://cloud.google.com/spanner/docs/endpoints
#ifndef SPANNER_SESSION_EMULATOR_SERVER_AUTH_ENDPOINTS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_AUTH_ENDPOINTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/call/pipeline.h"

namespace spanner_session_emulator {

// The locations of the API's reference: `global` and the regions that have an
// endpoint of their own.
const std::vector<absl::string_view>& Locations();

// `spanner.googleapis.com` for `global`, and `spanner.us-east4.rep.googleapis
// .com` for `us-east4`.
std::string EndpointOf(absl::string_view location);

// Of an authority as `Spanner.US-EAST4.rep.googleapis.com:443`, the location
// whose endpoint it names, be it among Locations() or not, in lower case; empty
// for every other host.
std::string LocationOf(absl::string_view authority);

// Has calls of Google's API refused that have gone to a regional endpoint of
// another location. `global` stands for instances in several regions, which no
// regional endpoint serves. Null for an empty location: nothing is refused.
// INVALID_ARGUMENT for one that is not among Locations().
absl::StatusOr<EndpointCheck> MakeEndpointCheck(absl::string_view location);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_AUTH_ENDPOINTS_H_
