// TLS on the server's side of a connection, by steps that never wait.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_TLS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_TLS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// OpenSSL's, whose headers are large.
struct ssl_ctx_st;
struct ssl_st;

namespace spanner_session_emulator {

// What a server shows and whom it lets in, as texts in PEM.
struct TlsCredentials {
  std::string certificate_chain;  // The server's own comes first.
  std::string private_key;        // Without a password.
  // Whose certificates clients must have; empty: they need none.
  std::string client_ca;
};

// What all connections of a server share. Immutable, thus thread-safe.
class TlsContext {
 public:
  // For HTTP/1.x by TLS 1.2 or later. INVALID_ARGUMENT with OpenSSL's words for
  // credentials that it does not take.
  static absl::StatusOr<std::shared_ptr<const TlsContext>> Create(
      const TlsCredentials& credentials);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;

 private:
  friend class TlsStream;
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}

  ssl_ctx_st* const context_;
};

// Where OpenSSL's calls end.
struct TlsWire {
  int socket;
  int first_byte = -1;  // Of the client's; -1: none has come.
};

// One connection, over a connected, non-blocking socket, which must outlive it
// and stays open. For one thread at a time.
class TlsStream {
 public:
  enum class Result {
    kDone,
    kWantsRead,   // To be called again when the socket can be read …
    kWantsWrite,  // … or written; by then with the same bytes to write.
    kEnd,         // The client has said that it sends no more.
    kPlainHttp,   // Of Handshake(): the client speaks HTTP without TLS.
    kFailed,      // There is no more to be had from this connection.
  };

  TlsStream(const TlsContext& context, int socket);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;

  // Before all else. A client that is turned away has been told why.
  Result Handshake();
  // At least one byte; at most what is in one record.
  Result Read(absl::Span<char> space, size_t* size);
  // Whether Read() need not wait for the socket.
  bool HasPending() const;
  // Of a text that is not empty as much as one record takes.
  Result Write(absl::string_view bytes, size_t* size);
  // Tells the client that no more will come. It may still send.
  Result CloseNotify();

 private:
  Result Finish(int returned);

  TlsWire wire_;
  ssl_st* const ssl_;
  bool established_ = false;  // The handshake is done, and nothing has failed.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_TLS_H_
