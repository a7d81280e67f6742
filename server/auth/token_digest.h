// Tokens as they are kept and compared: by digest.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_AUTH_TOKEN_DIGEST_H_
#define SPANNER_SESSION_EMULATOR_SERVER_AUTH_TOKEN_DIGEST_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// The SHA-256 of a random key of this process and the token. As nobody knows
// the key, nobody can choose tokens by their digests; so the time that it takes
// to compare two digests, or to look for one, tells nothing about a token.
using TokenDigest = std::array<uint8_t, 32>;

// Thread-safe.
TokenDigest DigestOf(absl::string_view token);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_AUTH_TOKEN_DIGEST_H_
