// Certificates for tests that want TLS with no ceremony.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_SELF_SIGNED_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_SELF_SIGNED_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/transport/tls.h"

namespace spanner_session_emulator {

// The files in a folder of certificates, all in PEM.
struct SelfSignedFiles {
  explicit SelfSignedFiles(const std::string& folder);

  // The certificate authority that clients trust. Nobody has its key: it is
  // forgotten when it has signed the others.
  std::string ca;
  // The server's.
  std::string certificate;
  std::string key;
  // For clients of a server that asks for a certificate of this authority.
  std::string client_certificate;
  std::string client_key;
};

// How long certificates live, and when they are replaced before their end.
inline constexpr absl::Duration kSelfSignedLife = absl::Hours(24 * 365);
inline constexpr absl::Duration kSelfSignedMargin = absl::Hours(24 * 7);

// The server's credentials from `folder`, where they are made, with a new
// authority, if one is missing, expires within the margin, does not fit the
// others, or is not for all of `hosts` (names and addresses). The folder is
// made as well, but not the one above it. Only the owner can read the keys.
// Errors begin with the option's name, `tls_self_signed`: INVALID_ARGUMENT for
// a folder with such files that were not made here, UNAVAILABLE for one that
// cannot be read or written.
//
// No file is ever seen half written, and of several processes with the same
// folder one makes the files and the others take them.
absl::StatusOr<TlsCredentials> SelfSigned(const std::string& folder,
                                          const std::vector<std::string>& hosts,
                                          absl::Time now = absl::Now());

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_SELF_SIGNED_H_
