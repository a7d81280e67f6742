#include "store/session_id.h"

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

constexpr absl::string_view kAlphabet = "abcdefghijklmnop";

std::string Encode(const SessionIdCodec& codec, const SessionKey& key) {
  const SessionIdCodec::Id id = codec.Encode(key);
  return std::string(id.data(), id.size());
}

// Corner cases, and many keys at random.
std::vector<SessionKey> Keys() {
  constexpr uint64_t kAll = ~uint64_t{0};
  std::vector<SessionKey> keys = {
      {},
      {.random = {kAll, kAll}, .slot = 0xffffffff},
      {.random = {0, 0}, .slot = 0xffffffff},
      {.random = {kAll, kAll}, .slot = 0},
      {.random = {kAll, 0}, .slot = 1},
      {.random = {0, kAll}, .slot = 0x80000000},
  };
  for (int bit = 0; bit < 64; ++bit) {
    keys.push_back({.random = {uint64_t{1} << bit, 0}});
    keys.push_back({.random = {0, uint64_t{1} << bit}});
    if (bit < 32) keys.push_back({.slot = uint32_t{1} << bit});
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    keys.push_back({.random = {random(), random()},
                    .slot = static_cast<uint32_t>(random())});
  }
  return keys;
}

TEST(SessionIdTest, DecodesWhatItEncodes) {
  for (const uint64_t secret :
       {uint64_t{0}, uint64_t{1}, ~uint64_t{0}, uint64_t{0x0123456789abcdef}}) {
    const SessionIdCodec codec(secret);
    for (const SessionKey& key : Keys()) {
      const std::optional<SessionKey> decoded =
          codec.Decode(Encode(codec, key));
      ASSERT_TRUE(decoded.has_value());
      EXPECT_EQ(*decoded, key);
    }
  }
}

TEST(SessionIdTest, IsMadeOf48Letters) {
  const SessionIdCodec codec(99);
  std::set<char> seen;
  for (const SessionKey& key : Keys()) {
    const std::string id = Encode(codec, key);
    EXPECT_EQ(id.size(), 48u);
    EXPECT_EQ(id.find_first_not_of(std::string(kAlphabet)), std::string::npos)
        << id;
    seen.insert(id.begin(), id.end());
  }
  EXPECT_EQ(seen.size(), kAlphabet.size());
}

// The random bits come first, the highest ones before the others.
TEST(SessionIdTest, WritesFourBitsInEachLetter) {
  const SessionIdCodec codec(99);
  EXPECT_EQ(Encode(codec, {.random = {0, 0}}).substr(0, 32),
            std::string(32, 'a'));
  EXPECT_EQ(
      Encode(codec, {.random = {~uint64_t{0}, ~uint64_t{0}}}).substr(0, 32),
      std::string(32, 'p'));
  EXPECT_EQ(Encode(codec, {.random = {0x0123456789abcdef, 0xfedcba9876543210}})
                .substr(0, 32),
            "abcdefghijklmnopponmlkjihgfedcba");
}

TEST(SessionIdTest, DifferentKeysHaveDifferentIds) {
  const SessionIdCodec codec(7);
  std::set<std::string> ids;
  const std::vector<SessionKey> keys = Keys();
  for (const SessionKey& key : keys) ids.insert(Encode(codec, key));
  EXPECT_EQ(ids.size(), keys.size());
}

TEST(SessionIdTest, NeighboursLookUnrelated) {
  const SessionIdCodec codec(7);
  std::mt19937_64 random(2);
  int64_t same = 0;
  constexpr int kPairs = 1000;
  for (int i = 0; i < kPairs; ++i) {
    const auto make = [&](uint32_t slot) {
      return Encode(codec, {.random = {random(), random()}, .slot = slot});
    };
    const std::string a = make(i), b = make(i + 1);
    for (size_t k = 0; k < a.size(); ++k) same += a[k] == b[k];
  }
  // One place in 16 agrees by chance: 3000 here, with a deviation of 53.
  EXPECT_LT(same, 3300);
}

// The slot and the check that go with the random bits depend on the secret.
TEST(SessionIdTest, TheSecretHidesTheSlot) {
  const SessionKey key{.random = {1, 2}, .slot = 3};
  std::set<std::string> ends;
  for (uint64_t secret = 0; secret < 1000; ++secret) {
    ends.insert(Encode(SessionIdCodec(secret), key).substr(32));
  }
  EXPECT_EQ(ends.size(), 1000u);
}

TEST(SessionIdTest, OtherSecretsDoNotDecode) {
  const SessionIdCodec codec(0x5eed);
  int taken = 0;
  for (const SessionKey& key : Keys()) {
    const std::string id = Encode(codec, key);
    for (int bit = 0; bit < 64; ++bit) {
      const SessionIdCodec other(0x5eed ^ (uint64_t{1} << bit));
      taken += other.Decode(id).has_value();
    }
  }
  // The check has 32 bits: one try in 4 billion passes by chance.
  EXPECT_EQ(taken, 0);
}

TEST(SessionIdTest, AChangedCharacterGivesNoOtherWayToTheKey) {
  const SessionIdCodec codec(42);
  std::mt19937_64 random(3);
  int taken = 0;
  for (int i = 0; i < 100; ++i) {
    const SessionKey key{.random = {random(), random()},
                         .slot = static_cast<uint32_t>(random())};
    const std::string id = Encode(codec, key);
    for (size_t place = 0; place < id.size(); ++place) {
      for (const char c : kAlphabet) {
        if (c == id[place]) continue;
        std::string changed = id;
        changed[place] = c;
        const std::optional<SessionKey> decoded = codec.Decode(changed);
        if (!decoded.has_value()) continue;
        EXPECT_FALSE(*decoded == key);
        // Only the slot's own bits, at the end, can change unnoticed: the
        // table then finds that the slot has other random bits.
        EXPECT_EQ(decoded->random, key.random);
        EXPECT_GE(place, 40u);
        ++taken;
      }
    }
  }
  EXPECT_LE(taken, 100 * 8 * 15);
}

TEST(SessionIdTest, RefusesCharactersOutsideTheAlphabet) {
  const SessionIdCodec codec(42);
  const std::string id = Encode(codec, {.random = {5, 6}, .slot = 7});
  for (size_t place = 0; place < id.size(); ++place) {
    for (int c = 0; c < 256; ++c) {
      if (kAlphabet.find(static_cast<char>(c)) != absl::string_view::npos) {
        continue;
      }
      std::string changed = id;
      changed[place] = static_cast<char>(c);
      EXPECT_FALSE(codec.Decode(changed).has_value()) << place << ' ' << c;
    }
  }
}

TEST(SessionIdTest, RefusesOtherLengths) {
  const SessionIdCodec codec(42);
  const std::string id = Encode(codec, {.random = {5, 6}, .slot = 7});
  ASSERT_TRUE(codec.Decode(id).has_value());
  for (size_t size = 0; size < id.size(); ++size) {
    EXPECT_FALSE(codec.Decode(id.substr(0, size)).has_value());
    EXPECT_FALSE(codec.Decode(id.substr(id.size() - size)).has_value());
  }
  for (absl::string_view more : {"a", "=", "==", " ", "aaaa"}) {
    EXPECT_FALSE(codec.Decode(absl::StrCat(id, more)).has_value());
    EXPECT_FALSE(codec.Decode(absl::StrCat(more, id)).has_value());
  }
  EXPECT_FALSE(codec.Decode(id + id).has_value());
  EXPECT_FALSE(codec.Decode(id + std::string(1, '\0')).has_value());
}

TEST(SessionIdTest, RefusesMadeUpIds) {
  const SessionIdCodec codec(42);
  std::mt19937_64 random(4);
  int taken = 0;
  for (int i = 0; i < 100000; ++i) {
    std::string id(SessionIdCodec::kIdSize, ' ');
    for (char& c : id) c = kAlphabet[random() % kAlphabet.size()];
    taken += codec.Decode(id).has_value();
  }
  EXPECT_EQ(taken, 0);
  EXPECT_FALSE(codec.Decode(std::string(48, 'a')).has_value());
  EXPECT_FALSE(codec.Decode(std::string(48, 'p')).has_value());
}

}  // namespace
}  // namespace spanner_session_emulator
