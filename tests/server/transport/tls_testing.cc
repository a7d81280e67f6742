#include "tests/server/transport/tls_testing.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "openssl/bio.h"
#include "openssl/ec.h"
#include "openssl/err.h"
#include "openssl/evp.h"
#include "openssl/pem.h"
#include "openssl/ssl.h"
#include "openssl/x509v3.h"

namespace spanner_session_emulator {
namespace {

// Tests cannot go on without what failed here.
void DieUnless(bool ok) {
  if (ok) return;
  ERR_print_errors_fp(stderr);
  std::abort();
}

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

std::string ToPem(X509* certificate) {
  BIO* const bio = BIO_new(BIO_s_mem());
  DieUnless(PEM_write_bio_X509(bio, certificate) == 1);
  return Drain(bio);
}

std::string ToPem(EVP_PKEY* key) {
  BIO* const bio = BIO_new(BIO_s_mem());
  DieUnless(PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0,
                                          nullptr, nullptr) == 1);
  return Drain(bio);
}

X509* CertificateFrom(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  DieUnless(certificate != nullptr);
  return certificate;
}

EVP_PKEY* KeyFrom(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  DieUnless(key != nullptr);
  return key;
}

void Extend(X509* certificate, X509* issuer, int nid,
            const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  DieUnless(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by itself where there is no issuer.
X509* Make(const std::string& name, EVP_PKEY* key,
           const TestCertificate& options, X509* issuer, EVP_PKEY* issuer_key) {
  static int serial = 0;
  X509* const certificate = X509_new();
  if (issuer == nullptr) {
    issuer = certificate;
    issuer_key = key;
  }
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  std::time_t start = absl::ToTimeT(options.start);
  std::time_t end = absl::ToTimeT(options.end);
  X509_time_adj(X509_getm_notBefore(certificate), 0, &start);
  X509_time_adj(X509_getm_notAfter(certificate), 0, &end);
  X509_set_pubkey(certificate, key);
  Extend(certificate, issuer, NID_basic_constraints,
         options.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!options.is_authority) {
    Extend(certificate, issuer, NID_subject_alt_name,
           absl::StrJoin(options.names, ","));
  }
  DieUnless(X509_sign(certificate, issuer_key, EVP_sha256()) != 0);
  return certificate;
}

// SIGPIPE would end the test, and hiding it from the whole process would hide
// the server's, too.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  ~WithoutSigpipe() {
    const int error = errno;
    const timespec now = {};
    while (sigtimedwait(&pipe_, nullptr, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &old_, nullptr);
    errno = error;
  }

 private:
  sigset_t pipe_;
  sigset_t old_;
};

}  // namespace

struct TestAuthority::Impl {
  Impl(const std::string& name, const Impl* issuer)
      : key(EVP_EC_gen("P-256")),
        certificate(Make(name, key, {.is_authority = true},
                         issuer == nullptr ? nullptr : issuer->certificate,
                         issuer == nullptr ? nullptr : issuer->key)) {}
  ~Impl() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  EVP_PKEY* const key;
  X509* const certificate;
};

TestAuthority::TestAuthority(const std::string& name)
    : TestAuthority(std::make_unique<Impl>(name, nullptr)) {}
TestAuthority::TestAuthority(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
TestAuthority::~TestAuthority() = default;

std::string TestAuthority::pem() const { return ToPem(impl_->certificate); }

TestPair TestAuthority::Sign(const TestCertificate& options) const {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate =
      Make("test", key, options, impl_->certificate, impl_->key);
  TestPair pair = {.certificate = ToPem(certificate), .key = ToPem(key)};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pair;
}

std::unique_ptr<TestAuthority> TestAuthority::SignAuthority(
    const std::string& name) const {
  return std::unique_ptr<TestAuthority>(
      new TestAuthority(std::make_unique<Impl>(name, impl_.get())));
}

std::string EncryptKey(const std::string& key) {
  EVP_PKEY* const parsed = KeyFrom(key);
  BIO* const bio = BIO_new(BIO_s_mem());
  char password[] = "password";
  DieUnless(PEM_write_bio_PKCS8PrivateKey(
                bio, parsed, EVP_aes_128_cbc(), password,
                static_cast<int>(sizeof(password)) - 1, nullptr, nullptr) == 1);
  EVP_PKEY_free(parsed);
  return Drain(bio);
}

TlsTestClient::TlsTestClient(int socket, const TlsTestOptions& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  DieUnless(context != nullptr);
  if (!options.ca.empty()) {
    X509* const ca = CertificateFrom(options.ca);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
    X509_free(ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (!options.pair.certificate.empty()) {
    X509* const certificate = CertificateFrom(options.pair.certificate);
    EVP_PKEY* const key = KeyFrom(options.pair.key);
    DieUnless(SSL_CTX_use_certificate(context, certificate) == 1 &&
              SSL_CTX_use_PrivateKey(context, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  if (options.only_tls12) {
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  }
  if (options.only_tls11) {
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  }
  ssl_ = SSL_new(context);
  SSL_CTX_free(context);
  DieUnless(ssl_ != nullptr && SSL_set_fd(ssl_, socket) == 1);
  SSL_set_tlsext_host_name(ssl_, options.host.c_str());
  SSL_set1_host(ssl_, options.host.c_str());
  std::string protocols;
  for (const std::string& protocol : options.protocols) {
    protocols += static_cast<char>(protocol.size());
    protocols += protocol;
  }
  SSL_set_alpn_protos(ssl_,
                      reinterpret_cast<const unsigned char*>(protocols.data()),
                      static_cast<unsigned>(protocols.size()));
}

TlsTestClient::~TlsTestClient() { SSL_free(ssl_); }

std::string TlsTestClient::Handshake() {
  const WithoutSigpipe without_sigpipe;
  ERR_clear_error();
  error_.clear();
  (void)Finish(SSL_connect(ssl_));
  return error_;
}

std::string TlsTestClient::version() const { return SSL_get_version(ssl_); }

std::string TlsTestClient::protocol() const {
  const unsigned char* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &data, &size);
  return std::string(reinterpret_cast<const char*>(data), size);
}

ssize_t TlsTestClient::Send(absl::string_view bytes) {
  const WithoutSigpipe without_sigpipe;
  ERR_clear_error();
  return Finish(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())));
}

ssize_t TlsTestClient::Receive(char* space, size_t size) {
  const WithoutSigpipe without_sigpipe;
  ERR_clear_error();
  return Finish(SSL_read(ssl_, space, static_cast<int>(size)));
}

void TlsTestClient::CloseSending() {
  const WithoutSigpipe without_sigpipe;
  ERR_clear_error();
  SSL_shutdown(ssl_);
}

int TlsTestClient::Finish(int returned) {
  if (returned > 0) return returned;
  const int system_error = errno;
  const unsigned long reason = ERR_peek_error();
  const int error = SSL_get_error(ssl_, returned);
  if (error == SSL_ERROR_ZERO_RETURN) return 0;
  const char* const words = ERR_reason_error_string(reason);
  error_ = words == nullptr ? "the connection is gone" : words;
  errno = error == SSL_ERROR_WANT_READ ? system_error : ECONNRESET;
  return -1;
}

}  // namespace spanner_session_emulator
