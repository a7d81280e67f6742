// OpenSSL's objects with owners, and its errors in words. For the .cc files of
// TLS only: drags in OpenSSL.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_OPENSSL_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_OPENSSL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "openssl/bio.h"
#include "openssl/err.h"
#include "openssl/evp.h"
#include "openssl/pem.h"
#include "openssl/x509.h"

namespace spanner_session_emulator {

template <auto free>
struct OpensslDeleter {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
template <typename T, auto free>
using OpensslPointer = std::unique_ptr<T, OpensslDeleter<free>>;

using BioPointer = OpensslPointer<BIO, BIO_free>;
using KeyPointer = OpensslPointer<EVP_PKEY, EVP_PKEY_free>;
using CertificatePointer = OpensslPointer<X509, X509_free>;

// The certificates among PEM blocks, in their order. INVALID_ARGUMENT says
// which of them cannot be read, as `certificate number 2`.
absl::StatusOr<std::vector<CertificatePointer>> ReadCertificates(
    absl::string_view pem);
// Null if there is no private key, or only one that needs a password.
KeyPointer ReadKey(absl::string_view pem);

// What the last call in this thread has complained of; forgets it.
std::string TakeOpensslError();

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_OPENSSL_H_
