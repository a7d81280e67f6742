// Session ids: unguessable, and they say where the session is kept.
#ifndef SPANNER_SESSION_EMULATOR_STORE_SESSION_ID_H_
#define SPANNER_SESSION_EMULATOR_STORE_SESSION_ID_H_

#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// What an id holds: 128 random bits that make it unguessable and unique, and
// the index of the table's slot, which saves the table an index of its own.
struct SessionKey {
  std::array<uint64_t, 2> random = {};
  uint32_t slot = 0;

  friend bool operator==(const SessionKey&, const SessionKey&) = default;
};

// Writes and reads ids: 48 letters from a to p, each of which holds four bits.
// (Fewer characters could hold more, but would take longer to read.) The slot
// is hidden under a mask that depends on the random bits and a secret, so that
// ids of neighbours look unrelated, and 32 further bits of the mask tell a
// made-up id at once. Immutable, thus thread-safe.
class SessionIdCodec {
 public:
  static constexpr size_t kIdSize = 48;
  static constexpr char kFirstChar = 'a';
  using Id = std::array<char, kIdSize>;

  explicit SessionIdCodec(uint64_t secret) : secret_(secret) {}

  Id Encode(const SessionKey& key) const;
  // nullopt for a text that this codec has not written.
  std::optional<SessionKey> Decode(absl::string_view id) const;

 private:
  uint64_t Mask(const SessionKey& key) const;

  const uint64_t secret_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_SESSION_ID_H_
