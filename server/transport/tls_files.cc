#include "server/transport/tls_files.h"

#include <ctime>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/transport/files.h"
#include "server/transport/openssl.h"
#include "server/transport/self_signed.h"

namespace spanner_session_emulator {
namespace {

absl::Status Wrong(absl::string_view option, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(option, problem));
}

absl::Status CheckTogether(const TlsFiles& files) {
  if (!files.tls_self_signed.empty() &&
      !(files.tls_cert.empty() && files.tls_key.empty())) {
    return Wrong(files.tls_cert.empty() ? "tls_key" : "tls_cert",
                 " must not be given with tls_self_signed, which makes one");
  }
  if (files.tls_cert.empty() != files.tls_key.empty()) {
    return files.tls_key.empty()
               ? Wrong("tls_key", " is missing: tls_cert needs it")
               : Wrong("tls_cert", " is missing: tls_key needs it");
  }
  if (!files.tls_client_ca.empty() && files.tls_cert.empty() &&
      files.tls_self_signed.empty()) {
    return Wrong("tls_client_ca",
                 " needs TLS: give tls_cert and tls_key, or tls_self_signed");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadTlsFile(absl::string_view option,
                                        const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(option, path);
  if (text.ok() && text->empty()) {
    return absl::UnavailableError(
        absl::StrCat(option, ": cannot read ", path, ": it is empty"));
  }
  return text;
}

absl::StatusOr<std::string> ReadTlsAuthority(absl::string_view option,
                                             const std::string& path) {
  absl::StatusOr<std::string> text = ReadTlsFile(option, path);
  if (!text.ok()) return text;
  const auto certificates = ReadCertificates(*text);
  if (!certificates.ok()) {
    return Wrong(option, absl::StrCat(": ", path, ": ",
                                      certificates.status().message()));
  }
  if (certificates->empty()) {
    return Wrong(option,
                 absl::StrCat(": ", path, " has no certificate in PEM"));
  }
  return text;
}

absl::StatusOr<TlsCredentials> ReadTlsCredentials(
    absl::string_view certificate_option, const std::string& certificate_path,
    absl::string_view key_option, const std::string& key_path) {
  absl::StatusOr<std::string> chain =
      ReadTlsAuthority(certificate_option, certificate_path);
  if (!chain.ok()) return chain.status();
  absl::StatusOr<std::string> key_text = ReadTlsFile(key_option, key_path);
  if (!key_text.ok()) return key_text.status();
  const KeyPointer key = ReadKey(*key_text);
  if (key == nullptr) {
    return Wrong(key_option,
                 absl::StrCat(": ", key_path,
                              " has no private key in PEM without a password"));
  }
  const bool match = X509_check_private_key(
                         (*ReadCertificates(*chain))[0].get(), key.get()) == 1;
  ERR_clear_error();
  if (!match) {
    return Wrong(key_option, absl::StrCat(": ", key_path,
                                          " does not belong to the first "
                                          "certificate in ",
                                          certificate_path));
  }
  return TlsCredentials{.certificate_chain = *std::move(chain),
                        .private_key = *std::move(key_text),
                        .client_ca = {}};
}

absl::StatusOr<std::optional<TlsCredentials>> LoadTls(
    const TlsFiles& files, const std::vector<std::string>& hosts) {
  if (absl::Status s = CheckTogether(files); !s.ok()) return s;
  if (files.tls_cert.empty() && files.tls_self_signed.empty()) {
    return std::nullopt;
  }
  absl::StatusOr<TlsCredentials> credentials =
      files.tls_cert.empty() ? SelfSigned(files.tls_self_signed, hosts)
                             : ReadTlsCredentials("tls_cert", files.tls_cert,
                                                  "tls_key", files.tls_key);
  if (!credentials.ok()) return credentials.status();
  if (!files.tls_client_ca.empty()) {
    auto client_ca = ReadTlsAuthority("tls_client_ca", files.tls_client_ca);
    if (!client_ca.ok()) return client_ca.status();
    credentials->client_ca = *std::move(client_ca);
  }
  return *std::move(credentials);
}

absl::Time ExpiryOf(absl::string_view certificates) {
  const auto all = ReadCertificates(certificates);
  std::tm utc = {};
  if (!all.ok() || all->empty() ||
      ASN1_TIME_to_tm(X509_get0_notAfter((*all)[0].get()), &utc) != 1) {
    return absl::InfiniteFuture();
  }
  return absl::FromTM(utc, absl::UTCTimeZone());
}

}  // namespace spanner_session_emulator
