#include "store/session_id.h"

#include <bit>
#include <cstring>

namespace spanner_session_emulator {
namespace {

// Eight characters hold 32 bits. All of them are dealt with at once, as bytes
// of one word: ids are read on every call.
constexpr size_t kGroupChars = 8;
constexpr uint64_t kEachByte = 0x0101010101010101;

// The first character of a text is the highest byte of a word.
inline uint64_t BigEndian(uint64_t word) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(word)
                                                    : word;
}

inline void Write(uint64_t bits, char* text) {
  // Dealt out to the lower halves of the bytes, by moving ever smaller parts.
  bits = (bits | bits << 16) & 0x0000ffff'0000ffff;
  bits = (bits | bits << 8) & 0x00ff00ff'00ff00ff;
  bits = (bits | bits << 4) & 0x0f0f0f0f'0f0f0f0f;
  bits = BigEndian(bits + kEachByte * SessionIdCodec::kFirstChar);
  std::memcpy(text, &bits, kGroupChars);
}

// Sets bits of `others` if a character is not one that Write() writes.
inline uint64_t Read(const char* text, uint64_t& others) {
  uint64_t bits;
  std::memcpy(&bits, text, kGroupChars);
  bits = BigEndian(bits) - kEachByte * SessionIdCodec::kFirstChar;
  others |= bits & kEachByte * 0xf0;
  bits = (bits | bits >> 4) & 0x00ff00ff'00ff00ff;
  bits = (bits | bits >> 8) & 0x0000ffff'0000ffff;
  return (bits | bits >> 16) & 0xffffffff;
}

inline void WriteWord(uint64_t word, char* text) {
  Write(word >> 32, text);
  Write(word & 0xffffffff, text + kGroupChars);
}

inline uint64_t ReadWord(const char* text, uint64_t& others) {
  const uint64_t high = Read(text, others);
  return high << 32 | Read(text + kGroupChars, others);
}

constexpr size_t kWordChars = 2 * kGroupChars;

}  // namespace

// The finalizer of MurmurHash3: each bit of the input moves half of the output.
uint64_t SessionIdCodec::Mask(const SessionKey& key) const {
  uint64_t x = key.random[0] ^ secret_;
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  x ^= key.random[1];
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

SessionIdCodec::Id SessionIdCodec::Encode(const SessionKey& key) const {
  Id id;
  WriteWord(key.random[0], id.data());
  WriteWord(key.random[1], id.data() + kWordChars);
  WriteWord(Mask(key) ^ key.slot, id.data() + 2 * kWordChars);
  return id;
}

std::optional<SessionKey> SessionIdCodec::Decode(absl::string_view id) const {
  std::optional<SessionKey> key;
  if (id.size() != kIdSize) return key;
  key.emplace();  // Filled where the caller reads it: a copy takes its time.
  uint64_t others = 0;
  key->random[0] = ReadWord(id.data(), others);
  key->random[1] = ReadWord(id.data() + kWordChars, others);
  const uint64_t slot =
      ReadWord(id.data() + 2 * kWordChars, others) ^ Mask(*key);
  if (others != 0 || slot >> 32 != 0) {
    key.reset();
  } else {
    key->slot = static_cast<uint32_t>(slot);
  }
  return key;
}

}  // namespace spanner_session_emulator
