#include "server/transport/tls_files.h"

#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/transport/self_signed.h"
#include "tests/server/transport/tls_testing.h"

namespace spanner_session_emulator {
namespace {

// A file of the test's own; returns its path.
std::string Put(const std::string& name, const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
  std::ofstream(path, std::ios::trunc) << text;
  return path;
}

class TlsFilesTest : public ::testing::Test {
 protected:
  static absl::Status Load(const TlsFiles& files) {
    return LoadTls(files, {"localhost"}).status();
  }

  const TestAuthority authority_;
  const TestPair pair_ = authority_.Sign();
  const std::string cert_ = Put("server.pem", pair_.certificate);
  const std::string key_ = Put("server-key.pem", pair_.key);
  const std::string ca_ = Put("clients.pem", authority_.pem());
  const std::string garbage_ = Put("garbage.pem", "garbage\n");
  const std::string empty_ = Put("empty.pem", "");
};

TEST_F(TlsFilesTest, NoFilesAreNoTls) {
  const auto tls = LoadTls({}, {"localhost"});
  ASSERT_TRUE(tls.ok());
  EXPECT_FALSE(tls->has_value());
}

TEST_F(TlsFilesTest, TextsAsTheyAre) {
  const std::string chain = pair_.certificate + authority_.pem();
  const auto tls = LoadTls({.tls_cert = Put("chain.pem", "hello\n" + chain),
                            .tls_key = key_,
                            .tls_client_ca = ca_,
                            .tls_self_signed = ""},
                           {});
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_EQ((*tls)->certificate_chain, "hello\n" + chain);
  EXPECT_EQ((*tls)->private_key, pair_.key);
  EXPECT_EQ((*tls)->client_ca, authority_.pem());
}

TEST_F(TlsFilesTest, AnExpiredCertificateIsTaken) {
  const absl::Time end = absl::FromUnixSeconds(1'700'000'000);
  const TestPair expired =
      authority_.Sign({.start = end - absl::Hours(1), .end = end});
  EXPECT_EQ(ExpiryOf(expired.certificate), end);
  EXPECT_TRUE(Load({.tls_cert = Put("expired.pem", expired.certificate),
                    .tls_key = Put("expired-key.pem", expired.key),
                    .tls_client_ca = "",
                    .tls_self_signed = ""})
                  .ok());
}

TEST_F(TlsFilesTest, TheSelfSignedAuthorityMayBeThatOfTheClients) {
  const std::string folder = absl::StrCat(::testing::TempDir(), "/mutual");
  const auto tls = LoadTls({.tls_cert = "",
                            .tls_key = "",
                            .tls_client_ca = SelfSignedFiles(folder).ca,
                            .tls_self_signed = folder},
                           {"localhost"});
  ASSERT_TRUE(tls.ok()) << tls.status();
  EXPECT_EQ((*tls)->client_ca, *ReadTlsFile("", SelfSignedFiles(folder).ca));
}

TEST_F(TlsFilesTest, WhatDoesNotGoTogether) {
  const auto expect = [](const TlsFiles& files, const std::string& message) {
    EXPECT_EQ(Load(files), absl::InvalidArgumentError(message));
  };
  expect({.tls_cert = cert_,
          .tls_key = "",
          .tls_client_ca = "",
          .tls_self_signed = ""},
         "tls_key is missing: tls_cert needs it");
  expect({.tls_cert = "",
          .tls_key = key_,
          .tls_client_ca = "",
          .tls_self_signed = ""},
         "tls_cert is missing: tls_key needs it");
  expect({.tls_cert = cert_,
          .tls_key = key_,
          .tls_client_ca = "",
          .tls_self_signed = "x"},
         "tls_cert must not be given with tls_self_signed, which makes one");
  expect({.tls_cert = "",
          .tls_key = key_,
          .tls_client_ca = "",
          .tls_self_signed = "x"},
         "tls_key must not be given with tls_self_signed, which makes one");
  expect({.tls_cert = "",
          .tls_key = "",
          .tls_client_ca = ca_,
          .tls_self_signed = ""},
         "tls_client_ca needs TLS: give tls_cert and tls_key, or "
         "tls_self_signed");
}

TEST_F(TlsFilesTest, FilesThatAreNotWhatTheyShouldBe) {
  const std::string none = "/no/such/file";
  const std::string encrypted = Put("encrypted.pem", EncryptKey(pair_.key));
  const std::string other = Put("other-key.pem", authority_.Sign().key);
  // A good one, and then one whose text has suffered.
  std::string broken = authority_.pem();
  broken.replace(broken.find('\n') + 10, 10, "----------");
  const std::string half = Put("half.pem", authority_.pem() + broken);
  const std::string half_chain =
      Put("half-chain.pem", pair_.certificate + broken);
  struct Case {
    std::string cert;
    std::string key;
    std::string client_ca;
    absl::Status status;
  };
  const std::string no_certificate = " has no certificate in PEM";
  const std::string no_key = " has no private key in PEM without a password";
  for (const Case& c : std::vector<Case>{
           {none, key_, "",
            absl::UnavailableError(
                absl::StrCat("tls_cert: cannot read ", none,
                             ": No such file or directory"))},
           {cert_, none, "",
            absl::UnavailableError(absl::StrCat(
                "tls_key: cannot read ", none, ": No such file or directory"))},
           {cert_, key_, none,
            absl::UnavailableError(
                absl::StrCat("tls_client_ca: cannot read ", none,
                             ": No such file or directory"))},
           {empty_, key_, "",
            absl::UnavailableError(absl::StrCat("tls_cert: cannot read ",
                                                empty_, ": it is empty"))},
           {::testing::TempDir(), key_, "",
            absl::UnavailableError(absl::StrCat("tls_cert: cannot read ",
                                                ::testing::TempDir(),
                                                ": Is a directory"))},
           {garbage_, key_, "",
            absl::InvalidArgumentError(
                absl::StrCat("tls_cert: ", garbage_, no_certificate))},
           {key_, key_, "",
            absl::InvalidArgumentError(
                absl::StrCat("tls_cert: ", key_, no_certificate))},
           {cert_, garbage_, "",
            absl::InvalidArgumentError(
                absl::StrCat("tls_key: ", garbage_, no_key))},
           {cert_, encrypted, "",
            absl::InvalidArgumentError(
                absl::StrCat("tls_key: ", encrypted, no_key))},
           {cert_, other, "",
            absl::InvalidArgumentError(absl::StrCat(
                "tls_key: ", other,
                " does not belong to the first certificate in ", cert_))},
           {half_chain, key_, "",
            absl::InvalidArgumentError(absl::StrCat(
                "tls_cert: ", half_chain,
                ": certificate number 2 cannot be read: bad base64 decode"))},
           {cert_, key_, half,
            absl::InvalidArgumentError(absl::StrCat(
                "tls_client_ca: ", half,
                ": certificate number 2 cannot be read: bad base64 decode"))},
           {cert_, key_, garbage_,
            absl::InvalidArgumentError(
                absl::StrCat("tls_client_ca: ", garbage_, no_certificate))}}) {
    EXPECT_EQ(Load({.tls_cert = c.cert,
                    .tls_key = c.key,
                    .tls_client_ca = c.client_ca,
                    .tls_self_signed = ""}),
              c.status);
  }
}

}  // namespace
}  // namespace spanner_session_emulator
