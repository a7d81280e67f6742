// Certificates of every kind, and the client's side of TLS.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_TLS_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_TLS_TESTING_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

struct ssl_st;

namespace spanner_session_emulator {

// In PEM.
struct TestPair {
  std::string certificate;
  std::string key;
};

struct TestCertificate {
  std::vector<std::string> names = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
  absl::Time start = absl::Now() - absl::Hours(1);
  absl::Time end = absl::Now() + absl::Hours(1);
  bool is_authority = false;
};

// Signs certificates, of servers, clients and authorities below it. Written
// apart from the server's own.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name = "Test CA");
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;

  // To be trusted.
  std::string pem() const;
  TestPair Sign(const TestCertificate& certificate = {}) const;
  // Signed by this one.
  std::unique_ptr<TestAuthority> SignAuthority(const std::string& name) const;

 private:
  struct Impl;
  explicit TestAuthority(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Of any pair, in the same PEM, but not to be read without a password.
std::string EncryptKey(const std::string& key);

struct TlsTestOptions {
  std::string ca;  // Empty: the server is not looked at.
  std::string host = "localhost";
  TestPair pair = {};  // To be shown, if it is not empty.
  // As `h2`; none: ALPN is not used.
  std::vector<std::string> protocols = {};
  bool only_tls11 = false;
  bool only_tls12 = false;
};

// Over a connected, blocking socket, which must outlive it.
class TlsTestClient {
 public:
  TlsTestClient(int socket, const TlsTestOptions& options);
  ~TlsTestClient();
  TlsTestClient(const TlsTestClient&) = delete;

  // What went wrong, in OpenSSL's words; empty: nothing.
  std::string Handshake();
  // Afterwards, as `TLSv1.3` and `http/1.1`.
  std::string version() const;
  std::string protocol() const;

  // As send() and recv(): 0 is the end that the server has announced; what ends
  // otherwise is reset. Nothing raises SIGPIPE.
  ssize_t Send(absl::string_view bytes);
  ssize_t Receive(char* space, size_t size);
  // Tells the server that no more will come.
  void CloseSending();
  // What the last of these failed for.
  const std::string& error() const { return error_; }

 private:
  int Finish(int returned);

  ssl_st* ssl_;
  std::string error_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_TRANSPORT_TLS_TESTING_H_
