#include "server/transport/self_signed.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "openssl/bn.h"
#include "openssl/ec.h"
#include "openssl/x509v3.h"
#include "server/transport/file_descriptor.h"
#include "server/transport/openssl.h"
#include "server/transport/tls_files.h"

namespace spanner_session_emulator {
namespace {

// By this name, files are known to have been made here.
constexpr char kAuthority[] = "Spanner session emulator, self-signed";

// For clients whose clocks are late.
constexpr absl::Duration kBeforehand = absl::Hours(24);

struct Identity {
  CertificatePointer certificate;
  KeyPointer key;
};

absl::Status Failure(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(
      "tls_self_signed: cannot ", what, " ", path, ": ", std::strerror(errno)));
}

// The file's text; empty if there is none that can be read.
std::string TextOf(const std::string& path) {
  return ReadTlsFile("", path).value_or("");
}

bool IsAddress(const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), address) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address) == 1;
}

// ---- Making them.

bool AddExtension(X509* certificate, X509* issuer, int nid,
                  const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const OpensslPointer<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr &&
         X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool SetName(X509* certificate, const char* name) {
  return X509_NAME_add_entry_by_txt(
             X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
             reinterpret_cast<const unsigned char*>(name), -1, -1, 0) == 1;
}

// Without a number of its own, clients take one certificate for another.
bool SetSerial(X509* certificate) {
  const OpensslPointer<BIGNUM, BN_free> number(BN_new());
  return number != nullptr &&
         BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) !=
             nullptr;
}

struct Extension {
  int nid;
  std::string value;
};

// Signed by `issuer`; null: by itself. Has no key if OpenSSL fails.
Identity Make(const char* name, const Identity* issuer, absl::Time now,
              const std::vector<Extension>& extensions) {
  Identity made = {.certificate = CertificatePointer(X509_new()),
                   .key = KeyPointer(EVP_EC_gen("P-256"))};
  X509* const certificate = made.certificate.get();
  if (certificate == nullptr || made.key == nullptr) return {};
  if (issuer == nullptr) issuer = &made;
  std::time_t start = absl::ToTimeT(now - kBeforehand);
  std::time_t end = absl::ToTimeT(now + kSelfSignedLife);
  bool ok =
      X509_set_version(certificate, X509_VERSION_3) == 1 &&
      SetSerial(certificate) && SetName(certificate, name) &&
      X509_set_issuer_name(
          certificate, X509_get_subject_name(issuer->certificate.get())) == 1 &&
      X509_time_adj(X509_getm_notBefore(certificate), 0, &start) != nullptr &&
      X509_time_adj(X509_getm_notAfter(certificate), 0, &end) != nullptr &&
      X509_set_pubkey(certificate, made.key.get()) == 1;
  for (const Extension& extension : extensions) {
    ok = ok && AddExtension(certificate, issuer->certificate.get(),
                            extension.nid, extension.value);
  }
  ok = ok && X509_sign(certificate, issuer->key.get(), EVP_sha256()) != 0;
  if (!ok) return {};
  return made;
}

Identity MakeAuthority(absl::Time now) {
  return Make(kAuthority, nullptr, now,
              {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
               {NID_key_usage, "critical,keyCertSign,cRLSign"},
               {NID_subject_key_identifier, "hash"}});
}

Identity MakeSigned(const char* name, const Identity& authority, absl::Time now,
                    const std::string& usage, Extension names) {
  std::vector<Extension> extensions = {
      {NID_basic_constraints, "critical,CA:FALSE"},
      {NID_key_usage, "critical,digitalSignature"},
      {NID_ext_key_usage, usage},
      {NID_subject_key_identifier, "hash"},
      {NID_authority_key_identifier, "keyid"}};
  extensions.push_back(std::move(names));
  return Make(name, &authority, now, extensions);
}

std::string NamesOf(const std::vector<std::string>& hosts) {
  return absl::StrJoin(hosts, ",", [](std::string* out, const auto& host) {
    absl::StrAppend(out, IsAddress(host) ? "IP:" : "DNS:", host);
  });
}

std::string ToText(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string ToPem(X509* certificate) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return ToText(bio.get());
}

std::string ToPem(EVP_PKEY* key) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr,
                           nullptr);
  return ToText(bio.get());
}

absl::Status Write(const std::string& path, absl::string_view text,
                   mode_t mode) {
  const std::string temporary = absl::StrCat(path, ".tmp");
  unlink(temporary.c_str());  // Of somebody who did not come to an end.
  const FileDescriptor file(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (file.get() < 0) return Failure("write", temporary);
  while (!text.empty()) {
    const ssize_t size = write(file.get(), text.data(), text.size());
    if (size < 0) {
      if (errno == EINTR) continue;
      absl::Status failure = Failure("write", temporary);
      unlink(temporary.c_str());
      return failure;
    }
    text.remove_prefix(static_cast<size_t>(size));
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    absl::Status failure = Failure("write", path);
    unlink(temporary.c_str());
    return failure;
  }
  return absl::OkStatus();
}

absl::Status CannotMake() {
  return absl::InternalError(absl::StrCat(
      "tls_self_signed: cannot make a certificate: ", TakeOpensslError()));
}

absl::Status MakeFiles(const SelfSignedFiles& files,
                       const std::vector<std::string>& hosts, absl::Time now) {
  const Identity ca = MakeAuthority(now);
  if (ca.key == nullptr) return CannotMake();
  const Identity server = MakeSigned("localhost", ca, now, "serverAuth",
                                     {NID_subject_alt_name, NamesOf(hosts)});
  const Identity client = MakeSigned("client", ca, now, "clientAuth",
                                     {NID_subject_alt_name, "DNS:client"});
  if (server.key == nullptr || client.key == nullptr) {
    return CannotMake();
  }
  // The authority first: by it, a folder is known to be of our making.
  absl::Status status = Write(files.ca, ToPem(ca.certificate.get()), 0644);
  for (const auto& [identity, certificate_path, key_path] :
       {std::tuple(&server, &files.certificate, &files.key),
        std::tuple(&client, &files.client_certificate, &files.client_key)}) {
    if (status.ok()) {
      status = Write(*key_path, ToPem(identity->key.get()), 0600);
    }
    if (status.ok()) {
      status =
          Write(*certificate_path, ToPem(identity->certificate.get()), 0644);
    }
  }
  return status;
}

// ---- Looking at what is there.

CertificatePointer CertificateIn(const std::string& path) {
  auto all = ReadCertificates(TextOf(path));
  return all.ok() && !all->empty() ? std::move(all->front()) : nullptr;
}

bool IsOurs(const X509* authority) {
  char name[128] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(authority), NID_commonName,
                            name, sizeof(name));
  return absl::string_view(name) == kAuthority;
}

bool IsCurrent(const X509* certificate, absl::Time now) {
  std::time_t start = absl::ToTimeT(now);
  std::time_t end = absl::ToTimeT(now + kSelfSignedMargin);
  return X509_cmp_time(X509_get0_notBefore(certificate), &start) < 0 &&
         X509_cmp_time(X509_get0_notAfter(certificate), &end) > 0;
}

bool IsGood(X509* authority, X509* certificate, EVP_PKEY* key, absl::Time now) {
  return certificate != nullptr && key != nullptr &&
         IsCurrent(certificate, now) &&
         X509_check_private_key(certificate, key) == 1 &&
         X509_verify(certificate, X509_get0_pubkey(authority)) == 1;
}

bool IsFor(X509* certificate, const std::string& host) {
  return IsAddress(host) ? X509_check_ip_asc(certificate, host.c_str(), 0) == 1
                         : X509_check_host(certificate, host.data(),
                                           host.size(), 0, nullptr) == 1;
}

bool AreGood(const SelfSignedFiles& files,
             const std::vector<std::string>& hosts, absl::Time now) {
  const CertificatePointer ca = CertificateIn(files.ca);
  const CertificatePointer server = CertificateIn(files.certificate);
  const CertificatePointer client = CertificateIn(files.client_certificate);
  const bool good =
      ca != nullptr && IsCurrent(ca.get(), now) &&
      IsGood(ca.get(), server.get(), ReadKey(TextOf(files.key)).get(), now) &&
      IsGood(ca.get(), client.get(), ReadKey(TextOf(files.client_key)).get(),
             now) &&
      std::all_of(hosts.begin(), hosts.end(), [&](const std::string& host) {
        return IsFor(server.get(), host);
      });
  ERR_clear_error();
  return good;
}

// Nothing that somebody else has put there is to be lost.
absl::Status CheckOwner(const SelfSignedFiles& files) {
  const CertificatePointer ca = CertificateIn(files.ca);
  if (ca != nullptr && IsOurs(ca.get())) return absl::OkStatus();
  for (const std::string* path :
       {&files.ca, &files.certificate, &files.key, &files.client_certificate,
        &files.client_key}) {
    if (access(path->c_str(), F_OK) == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tls_self_signed: ", *path,
          ca == nullptr
              ? " is there, but without a ca.pem of this program beside it: "
                "choose another folder, or delete it"
              : " is there, but was not made by this program: choose another "
                "folder"));
    }
  }
  return absl::OkStatus();
}

// The names that a certificate can have.
std::vector<std::string> Certifiable(const std::vector<std::string>& hosts) {
  std::vector<std::string> result;
  for (const std::string& host : hosts) {
    const bool is_name =
        !host.empty() && host.find(':') == std::string::npos &&
        std::all_of(host.begin(), host.end(), [](char c) {
          return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
        });
    if (is_name || IsAddress(host)) result.push_back(host);
  }
  return result;
}

}  // namespace

SelfSignedFiles::SelfSignedFiles(const std::string& folder)
    : ca(folder + "/ca.pem"),
      certificate(folder + "/cert.pem"),
      key(folder + "/key.pem"),
      client_certificate(folder + "/client.pem"),
      client_key(folder + "/client-key.pem") {}

absl::StatusOr<TlsCredentials> SelfSigned(const std::string& folder,
                                          const std::vector<std::string>& hosts,
                                          absl::Time now) {
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return Failure("make the folder", folder);
  }
  // Held until the end, and let go by the system whatever happens.
  const FileDescriptor lock(
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0 || flock(lock.get(), LOCK_EX) != 0) {
    return Failure("open the folder", folder);
  }
  const SelfSignedFiles files(folder);
  if (absl::Status s = CheckOwner(files); !s.ok()) return s;
  const std::vector<std::string> names = Certifiable(hosts);
  if (!AreGood(files, names, now)) {
    if (absl::Status s = MakeFiles(files, names, now); !s.ok()) return s;
  }
  return ReadTlsCredentials("tls_self_signed", files.certificate,
                            "tls_self_signed", files.key);
}

}  // namespace spanner_session_emulator
