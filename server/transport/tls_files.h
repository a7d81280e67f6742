// The files that TLS is configured by.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_TLS_FILES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_TLS_FILES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/transport/tls.h"

namespace spanner_session_emulator {

// Paths, by the names of the options that they come from; empty: not given.
struct TlsFiles {
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;
  std::string tls_self_signed;
};

// What to serve with; nothing, and no work for OpenSSL, if no path is given.
// `hosts` are what a self-signed certificate is for. An expired certificate is
// no error: how clients take it can be tested. Errors begin with the option's
// name: INVALID_ARGUMENT for options that do not go together and files that are
// not what they should be, UNAVAILABLE for files that cannot be read or
// written.
absl::StatusOr<std::optional<TlsCredentials>> LoadTls(
    const TlsFiles& files, const std::vector<std::string>& hosts);

// The text of a file, which is not empty.
absl::StatusOr<std::string> ReadTlsFile(absl::string_view option,
                                        const std::string& path);

// A certificate with its chain, and the private key that belongs to it.
absl::StatusOr<TlsCredentials> ReadTlsCredentials(
    absl::string_view certificate_option, const std::string& certificate_path,
    absl::string_view key_option, const std::string& key_path);

// One or more certificates.
absl::StatusOr<std::string> ReadTlsAuthority(absl::string_view option,
                                             const std::string& path);

// When the first of these certificates, in PEM, expires.
absl::Time ExpiryOf(absl::string_view certificates);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_TLS_FILES_H_
