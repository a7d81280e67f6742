#include "server/auth/token_digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

namespace spanner_session_emulator {
namespace {

constexpr size_t kKeySize = 32;

struct Hash {
  Hash() : algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {
    if (algorithm == nullptr || RAND_bytes(key.data(), kKeySize) != 1) {
      std::cerr << "OpenSSL has no SHA-256, or no random bytes\n";
      std::abort();
    }
  }

  // Asked for once: by its name, a call would take three times as long.
  EVP_MD* const algorithm;
  std::array<uint8_t, kKeySize> key;
};

}  // namespace

TokenDigest DigestOf(absl::string_view token) {
  static const auto* const hash = new Hash;
  const auto digest = [](const uint8_t* data, size_t size) {
    TokenDigest result;
    EVP_Digest(data, size, result.data(), nullptr, hash->algorithm, nullptr);
    return result;
  };
  // Of Google's, those of service accounts are the longest, with some 1 kB.
  std::array<uint8_t, kKeySize + 2048> text;
  if (token.size() <= text.size() - kKeySize) {
    std::memcpy(text.data(), hash->key.data(), kKeySize);
    std::memcpy(text.data() + kKeySize, token.data(), token.size());
    return digest(text.data(), kKeySize + token.size());
  }
  std::string long_text(hash->key.begin(), hash->key.end());
  long_text.append(token.data(), token.size());
  return digest(reinterpret_cast<const uint8_t*>(long_text.data()),
                long_text.size());
}

}  // namespace spanner_session_emulator
