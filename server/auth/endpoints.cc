#include "server/auth/endpoints.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "server/call/errors.h"
#include "server/call/method.h"

namespace spanner_session_emulator {
namespace {

constexpr absl::string_view kGlobal = "global";
constexpr absl::string_view kGlobalEndpoint = "spanner.googleapis.com";
constexpr absl::string_view kPrefix = "spanner.";
constexpr absl::string_view kSuffix = ".rep.googleapis.com";

}  // namespace

const std::vector<absl::string_view>& Locations() {
  static const auto* const kLocations = new std::vector<absl::string_view>{
      kGlobal,    "europe-west8", "me-central2", "us-central1", "us-central2",
      "us-east1", "us-east4",     "us-east5",    "us-south1",   "us-west1",
      "us-west2", "us-west3",     "us-west4",    "us-west8",    "us-east7"};
  return *kLocations;
}

std::string EndpointOf(absl::string_view location) {
  return location == kGlobal ? std::string(kGlobalEndpoint)
                             : absl::StrCat(kPrefix, location, kSuffix);
}

std::string LocationOf(absl::string_view authority) {
  // No name of an endpoint has a colon in it, so that IPv6 does not matter.
  const std::string name =
      absl::AsciiStrToLower(authority.substr(0, authority.find(':')));
  absl::string_view host = name;
  absl::ConsumeSuffix(&host, ".");  // The root of all domains.
  if (host == kGlobalEndpoint) return std::string(kGlobal);
  if (!absl::ConsumePrefix(&host, kPrefix) ||
      !absl::ConsumeSuffix(&host, kSuffix) ||
      host.find('.') != absl::string_view::npos) {
    return "";
  }
  return std::string(host);
}

absl::StatusOr<EndpointCheck> MakeEndpointCheck(absl::string_view location) {
  if (location.empty()) return EndpointCheck();
  const auto& known = Locations();
  if (std::find(known.begin(), known.end(), location) == known.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("location must be one of ", absl::StrJoin(known, ", "),
                     ", but is \"", location, "\""));
  }
  return EndpointCheck([own = std::string(location)](const Call& call) {
    if (call.method().api_kind != ApiKind::kGoogle) return absl::OkStatus();
    const std::string called = LocationOf(call.context().Authority());
    if (called.empty() || called == kGlobal || called == own) {
      return absl::OkStatus();
    }
    return errors::InvalidRegionalRequest(EndpointOf(called), own,
                                          EndpointOf(own));
  });
}

}  // namespace spanner_session_emulator
