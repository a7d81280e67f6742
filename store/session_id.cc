#include "store/session_id.h"

namespace spanner_session_emulator {
namespace {

// RFC 4648, section 5. Written out here, as ids are read on every call and
// abseil's decoder allocates.
constexpr absl::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t kNotInAlphabet = 0xff;

constexpr std::array<uint8_t, 256> MakeValues() {
  std::array<uint8_t, 256> values = {};
  for (uint8_t& value : values) value = kNotInAlphabet;
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return values;
}
constexpr std::array<uint8_t, 256> kValues = MakeValues();

// Three words make 192 bits, and 32 characters of 6 bits. Eight characters hold
// 48 bits; four such groups are cut from the words' bits in order.
constexpr int kGroupBits = 48;
constexpr int kGroupChars = 8;
constexpr int kGroups = 4;
constexpr uint64_t kGroupMask = (uint64_t{1} << kGroupBits) - 1;

using Words = std::array<uint64_t, 3>;

std::array<uint64_t, kGroups> ToGroups(const Words& w) {
  return {w[0] >> 16, (w[0] << 32 | w[1] >> 32) & kGroupMask,
          (w[1] << 16 | w[2] >> 48) & kGroupMask, w[2] & kGroupMask};
}

Words FromGroups(const std::array<uint64_t, kGroups>& g) {
  return {g[0] << 16 | g[1] >> 32, g[1] << 32 | g[2] >> 16, g[2] << 48 | g[3]};
}

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
  const auto groups =
      ToGroups({key.random[0], key.random[1], Mask(key) ^ key.slot});
  Id id;
  char* out = id.data();
  for (const uint64_t group : groups) {
    for (int shift = kGroupBits - 6; shift >= 0; shift -= 6) {
      *out++ = kAlphabet[(group >> shift) & 63];
    }
  }
  return id;
}

std::optional<SessionKey> SessionIdCodec::Decode(absl::string_view id) const {
  if (id.size() != kIdSize) return std::nullopt;
  std::array<uint64_t, kGroups> groups = {};
  uint8_t all = 0;
  for (int g = 0; g < kGroups; ++g) {
    for (int c = 0; c < kGroupChars; ++c) {
      const uint8_t value =
          kValues[static_cast<uint8_t>(id[g * kGroupChars + c])];
      all |= value;
      groups[g] = groups[g] << 6 | value;
    }
  }
  if (all == kNotInAlphabet) return std::nullopt;
  const Words words = FromGroups(groups);
  SessionKey key{.random = {words[0], words[1]}};
  const uint64_t slot = words[2] ^ Mask(key);
  if (slot >> 32 != 0) return std::nullopt;
  key.slot = static_cast<uint32_t>(slot);
  return key;
}

}  // namespace spanner_session_emulator
