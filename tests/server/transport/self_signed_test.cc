#include "server/transport/self_signed.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "openssl/x509v3.h"
#include "server/transport/openssl.h"
#include "tests/server/transport/tls_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::StartsWith;

std::string Read(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

class SelfSignedTest : public ::testing::Test {
 protected:
  // The certificate in that file.
  static CertificatePointer In(const std::string& path) {
    auto all = ReadCertificates(Read(path)).value();
    EXPECT_EQ(all.size(), 1) << path;
    return std::move(all.at(0));
  }

  std::vector<std::string> Texts() const {
    return {Read(files_.ca), Read(files_.certificate), Read(files_.key),
            Read(files_.client_certificate), Read(files_.client_key)};
  }
  std::vector<std::string> Paths() const {
    return {files_.ca, files_.certificate, files_.key,
            files_.client_certificate, files_.client_key};
  }

  void Make(absl::Time now = absl::Now()) const {
    const auto made = SelfSigned(folder_, hosts_, now);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->certificate_chain, Read(files_.certificate));
    EXPECT_EQ(made->private_key, Read(files_.key));
    EXPECT_EQ(made->client_ca, "");
  }

  // Each test has a folder of its own.
  const std::string folder_ = absl::StrCat(
      ::testing::TempDir(), "/",
      ::testing::UnitTest::GetInstance()->current_test_info()->name());
  const SelfSignedFiles files_{folder_};
  const std::vector<std::string> hosts_ = {"localhost", "127.0.0.1", "::1",
                                           "spanner.googleapis.com"};
};

TEST_F(SelfSignedTest, EveryCertificateIsForItsPurpose) {
  Make();
  const CertificatePointer ca = In(files_.ca);
  EXPECT_GT(X509_check_purpose(ca.get(), X509_PURPOSE_SSL_SERVER, 1), 0);
  EXPECT_EQ(X509_verify(ca.get(), X509_get0_pubkey(ca.get())), 1);
  const CertificatePointer server = In(files_.certificate);
  EXPECT_EQ(X509_check_purpose(server.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_purpose(server.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
  const CertificatePointer client = In(files_.client_certificate);
  EXPECT_EQ(X509_check_purpose(client.get(), X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_purpose(client.get(), X509_PURPOSE_SSL_SERVER, 0), 0);
  for (X509* certificate : {server.get(), client.get()}) {
    EXPECT_EQ(X509_verify(certificate, X509_get0_pubkey(ca.get())), 1);
    EXPECT_EQ(X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 1), 0);
  }
  EXPECT_EQ(X509_check_host(server.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(
      X509_check_host(server.get(), "spanner.googleapis.com", 0, 0, nullptr),
      1);
  EXPECT_EQ(X509_check_host(server.get(), "example.com", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "0:0:0:0:0:0:0:1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(server.get(), "127.0.0.2", 0), 0);
}

TEST_F(SelfSignedTest, OnlyTheOwnerReadsTheKeys) {
  Make();
  EXPECT_EQ(ModeOf(files_.key), 0600);
  EXPECT_EQ(ModeOf(files_.client_key), 0600);
  EXPECT_EQ(ModeOf(files_.ca) & 0600, 0600);
}

TEST_F(SelfSignedTest, WhatIsGoodIsReused) {
  Make();
  const auto before = Texts();
  Make();
  EXPECT_EQ(Texts(), before);
  EXPECT_TRUE(SelfSigned(folder_, {"localhost"}).ok());
  EXPECT_EQ(Texts(), before);
  Make(absl::Now() + kSelfSignedLife - kSelfSignedMargin - absl::Hours(1));
  EXPECT_EQ(Texts(), before);
}

TEST_F(SelfSignedTest, WhatWillExpireIsRemade) {
  Make(absl::Now() - kSelfSignedLife + kSelfSignedMargin - absl::Hours(1));
  const auto before = Texts();
  Make();
  const auto after = Texts();
  for (size_t i = 0; i < after.size(); ++i) EXPECT_NE(after[i], before[i]);
}

TEST_F(SelfSignedTest, WhatIsNotForTheHostIsRemade) {
  Make();
  const auto before = Texts();
  for (const std::string host : {"example.com", "10.0.0.1", "fe80::1"}) {
    ASSERT_TRUE(SelfSigned(folder_, {"localhost", host}).ok()) << host;
    const auto after = Texts();
    EXPECT_NE(after, before) << host;
    ASSERT_TRUE(SelfSigned(folder_, {"localhost", host}).ok()) << host;
    EXPECT_EQ(Texts(), after) << host;
  }
}

// What cannot stand in a certificate is left out; nobody can ask for it.
TEST_F(SelfSignedTest, NamesThatAreNone) {
  const std::vector<std::string> hosts = {"localhost", "", "a,DNS:b",
                                          "fe80::1%eth0", "a b"};
  ASSERT_TRUE(SelfSigned(folder_, hosts).ok());
  EXPECT_EQ(X509_check_host(In(files_.certificate).get(), "b", 0, 0, nullptr),
            0);
  const auto before = Texts();
  ASSERT_TRUE(SelfSigned(folder_, hosts).ok());
  EXPECT_EQ(Texts(), before);
}

TEST_F(SelfSignedTest, WhatIsMissingOrBrokenIsRemade) {
  for (const std::string& path : Paths()) {
    if (path == files_.ca) continue;  // By it, the folder is known.
    for (const bool missing : {true, false}) {
      SCOPED_TRACE(path);
      Make();
      if (missing) {
        ASSERT_EQ(unlink(path.c_str()), 0);
      } else {
        Write(path, "broken");
      }
      Make();
      const CertificatePointer ca = In(files_.ca);
      EXPECT_EQ(
          X509_verify(In(files_.certificate).get(), X509_get0_pubkey(ca.get())),
          1);
    }
  }
}

TEST_F(SelfSignedTest, WhatDoesNotFitIsRemade) {
  Make();
  const std::string old_key = Read(files_.key);
  Write(files_.key, Read(files_.client_key));
  Make();
  EXPECT_NE(Read(files_.key), old_key);
  // As if another process had been ended amid its work.
  const std::string old_certificate = Read(files_.certificate);
  const std::string other = folder_ + "/other";
  ASSERT_TRUE(SelfSigned(other, hosts_).ok());
  Write(files_.ca, Read(SelfSignedFiles(other).ca));
  Make();
  EXPECT_NE(Read(files_.certificate), old_certificate);
}

TEST_F(SelfSignedTest, WhatOthersHavePutThereIsKept) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0755), 0);
  const TestAuthority other;
  const std::string others = "was not made by this program";
  const std::string alone = "without a ca.pem of this program beside it";
  for (const auto& [path, text, what] :
       {std::tuple(files_.ca, other.pem(), others + ": choose another folder"),
        std::tuple(files_.key, other.Sign().key,
                   alone + ": choose another folder, or delete it"),
        std::tuple(files_.certificate, std::string("what is this?"),
                   alone + ": choose another folder, or delete it")}) {
    Write(path, text);
    EXPECT_EQ(SelfSigned(folder_, hosts_).status(),
              absl::InvalidArgumentError(absl::StrCat(
                  "tls_self_signed: ", path, " is there, but ", what)));
    EXPECT_EQ(Read(path), text);
    ASSERT_EQ(unlink(path.c_str()), 0);
  }
  Write(folder_ + "/notes.txt", "mine");
  Make();
  EXPECT_EQ(Read(folder_ + "/notes.txt"), "mine");
}

TEST_F(SelfSignedTest, FoldersThatCannotBe) {
  EXPECT_EQ(SelfSigned(folder_ + "/a/b", hosts_).status(),
            absl::UnavailableError(
                absl::StrCat("tls_self_signed: cannot make the folder ",
                             folder_, "/a/b: No such file or directory")));
  Write(folder_, "a file");
  EXPECT_EQ(SelfSigned(folder_, hosts_).status(),
            absl::UnavailableError(
                absl::StrCat("tls_self_signed: cannot open the folder ",
                             folder_, ": Not a directory")));
}

TEST_F(SelfSignedTest, WhatCannotBeWritten) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0755), 0);
  ASSERT_EQ(mkdir((files_.ca + ".tmp").c_str(), 0755), 0);
  EXPECT_THAT(std::string(SelfSigned(folder_, hosts_).status().message()),
              StartsWith(absl::StrCat("tls_self_signed: cannot write ",
                                      files_.ca, ".tmp: ")));
}

// They all show what the files say.
TEST_F(SelfSignedTest, SeveralAtATime) {
  std::vector<std::string> certificates(8);
  std::vector<std::thread> threads;
  for (std::string& certificate : certificates) {
    threads.emplace_back([&] {
      const auto made = SelfSigned(folder_, hosts_);
      if (made.ok()) certificate = made->certificate_chain;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(certificates, ::testing::Each(Read(files_.certificate)));
}

}  // namespace
}  // namespace spanner_session_emulator
