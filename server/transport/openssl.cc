#include "server/transport/openssl.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

BioPointer View(absl::string_view text) {
  return BioPointer(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// In place of OpenSSL's own, which asks at the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

}  // namespace

absl::StatusOr<std::vector<CertificatePointer>> ReadCertificates(
    absl::string_view pem) {
  std::vector<CertificatePointer> certificates;
  const BioPointer bio = View(pem);
  while (X509* certificate =
             PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(certificate);
  }
  // That there are no more is an error, too.
  const unsigned long error = ERR_peek_last_error();  // NOLINT: OpenSSL's type.
  if (ERR_GET_LIB(error) != ERR_LIB_PEM ||
      ERR_GET_REASON(error) != PEM_R_NO_START_LINE) {
    return absl::InvalidArgumentError(
        absl::StrCat("certificate number ", certificates.size() + 1,
                     " cannot be read: ", TakeOpensslError()));
  }
  ERR_clear_error();
  return certificates;
}

KeyPointer ReadKey(absl::string_view pem) {
  const BioPointer bio = View(pem);
  KeyPointer key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  return key;
}

std::string TakeOpensslError() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

}  // namespace spanner_session_emulator
