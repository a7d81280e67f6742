#include "server/transport/tls.h"

#include <sys/socket.h>

#include <cerrno>
#include <new>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "openssl/ssl.h"
#include "server/transport/openssl.h"

namespace spanner_session_emulator {
namespace {

using ContextPointer = OpensslPointer<SSL_CTX, SSL_CTX_free>;

// With the length before each.
constexpr unsigned char kProtocols[] = "\x8http/1.1\x8http/1.0";

// ---- A socket as OpenSSL's BIO. Its own would raise SIGPIPE when the client
// has gone, which ends a program that embeds the server.

TlsWire& WireOf(BIO* bio) { return *static_cast<TlsWire*>(BIO_get_data(bio)); }

int FinishIo(BIO* bio, ssize_t size, void (*set_retry)(BIO*)) {
  BIO_clear_retry_flags(bio);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    set_retry(bio);
  }
  return static_cast<int>(size);
}

int SendTo(BIO* bio, const char* data, int size) {
  return FinishIo(bio, send(WireOf(bio).socket, data, size, MSG_NOSIGNAL),
                  [](BIO* b) { BIO_set_retry_write(b); });
}

int ReceiveFrom(BIO* bio, char* space, int size) {
  TlsWire& wire = WireOf(bio);
  const ssize_t received = recv(wire.socket, space, size, 0);
  if (received > 0 && wire.first_byte < 0) {
    wire.first_byte = static_cast<unsigned char>(space[0]);
  }
  return FinishIo(bio, received, [](BIO* b) { BIO_set_retry_read(b); });
}

// NOLINTNEXTLINE(google-runtime-int): OpenSSL's type.
long Control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // Nothing is held back.
}

const BIO_METHOD* SocketMethod() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (method == nullptr) throw std::bad_alloc();
    BIO_meth_set_write(method, SendTo);
    BIO_meth_set_read(method, ReceiveFrom);
    BIO_meth_set_ctrl(method, Control);
    return method;
  }();
  return kMethod;
}

// A client that names protocols must name one that is served.
int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned int offered_size,
                   void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kProtocols,
                            sizeof(kProtocols) - 1, offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

absl::Status Refused(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is refused: ", TakeOpensslError()));
}

absl::Status UseCertificates(const TlsCredentials& credentials, SSL_CTX* ctx) {
  const auto read = ReadCertificates(credentials.certificate_chain);
  if (!read.ok()) return read.status();
  const std::vector<CertificatePointer>& chain = *read;
  const KeyPointer key = ReadKey(credentials.private_key);
  for (size_t i = 0; i < chain.size(); ++i) {
    const bool used = i == 0
                          ? SSL_CTX_use_certificate(ctx, chain[0].get()) == 1
                          : SSL_CTX_add1_chain_cert(ctx, chain[i].get()) == 1;
    if (!used) return Refused("the certificate");
  }
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1 ||
      SSL_CTX_check_private_key(ctx) != 1) {
    return Refused("the private key");
  }
  return absl::OkStatus();
}

absl::Status RequireClients(absl::string_view client_ca, SSL_CTX* ctx) {
  const auto read = ReadCertificates(client_ca);
  if (!read.ok()) return read.status();
  for (const CertificatePointer& ca : *read) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca.get()) != 1 ||
        SSL_CTX_add_client_CA(ctx, ca.get()) != 1) {
      return Refused("the clients' certificate authority");
    }
  }
  // Each of them is trusted as it is, like gRPC does it, be it an intermediate
  // one.
  X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::Create(
    const TlsCredentials& credentials) {
  ERR_clear_error();
  ContextPointer ctx(SSL_CTX_new(TLS_server_method()));
  if (ctx == nullptr) return Refused("TLS");
  SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(
      ctx.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
  // Clients resume by tickets, which need no memory here.
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_OFF);
  constexpr unsigned char kSessionContext[] = "http";
  SSL_CTX_set_session_id_context(ctx.get(), kSessionContext,
                                 sizeof(kSessionContext) - 1);
  SSL_CTX_set_alpn_select_cb(ctx.get(), SelectProtocol, nullptr);
  if (absl::Status s = UseCertificates(credentials, ctx.get()); !s.ok()) {
    return s;
  }
  if (!credentials.client_ca.empty()) {
    absl::Status s = RequireClients(credentials.client_ca, ctx.get());
    if (!s.ok()) return s;
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(ctx.release()));
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

TlsStream::TlsStream(const TlsContext& context, int socket)
    : wire_{.socket = socket}, ssl_(SSL_new(context.context_)) {
  BIO* const bio = ssl_ == nullptr ? nullptr : BIO_new(SocketMethod());
  if (bio == nullptr) {
    SSL_free(ssl_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio, &wire_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

TlsStream::Result TlsStream::Handshake() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_);
  const Result result = Finish(returned);
  established_ = result == Result::kDone;
  // A request begins with its method's name, and no record of TLS with a
  // letter.
  return result == Result::kFailed && wire_.first_byte >= 0 &&
                 absl::ascii_isupper(
                     static_cast<unsigned char>(wire_.first_byte))
             ? Result::kPlainHttp
             : result;
}

TlsStream::Result TlsStream::Read(absl::Span<char> space, size_t* size) {
  ERR_clear_error();
  return Finish(SSL_read_ex(ssl_, space.data(), space.size(), size));
}

bool TlsStream::HasPending() const { return SSL_has_pending(ssl_) == 1; }

TlsStream::Result TlsStream::Write(absl::string_view bytes, size_t* size) {
  ERR_clear_error();
  return Finish(SSL_write_ex(ssl_, bytes.data(), bytes.size(), size));
}

TlsStream::Result TlsStream::CloseNotify() {
  if (!established_) return Result::kFailed;
  ERR_clear_error();
  const int returned = SSL_shutdown(ssl_);
  // 0: said, and the client has not said so yet.
  return returned >= 0 ? Result::kDone : Finish(returned);
}

TlsStream::Result TlsStream::Finish(int returned) {
  if (returned > 0) return Result::kDone;
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      return Result::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Result::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Result::kEnd;
    default:
      established_ = false;
      return Result::kFailed;
  }
}

}  // namespace spanner_session_emulator
