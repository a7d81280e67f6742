#include "server/transport/openssl.h"

namespace spanner_session_emulator {
namespace {

BioPointer View(absl::string_view text) {
  return BioPointer(
      BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// In place of OpenSSL's own, which asks at the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

}  // namespace

std::vector<CertificatePointer> ReadCertificates(absl::string_view pem) {
  std::vector<CertificatePointer> certificates;
  const BioPointer bio = View(pem);
  while (X509* certificate =
             PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(certificate);
  }
  ERR_clear_error();  // That there are no more is one.
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
