#include "store/random.h"

#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

TEST(RandomTest, NoThreadDrawsWhatAnotherDraws) {
  constexpr int kThreads = 8;
  constexpr int kDraws = 1000;
  std::mutex mu;
  std::set<uint64_t> all;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kDraws; ++k) {
        const uint64_t drawn = Random();
        const std::scoped_lock lock(mu);
        all.insert(drawn);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(all.size(), static_cast<size_t>(kThreads * kDraws));
}

TEST(RandomTest, EveryBitIsAsOftenSetAsNot) {
  constexpr int kDraws = 10000;
  std::vector<int> set(64);
  for (int k = 0; k < kDraws; ++k) {
    const uint64_t drawn = Random();
    for (int bit = 0; bit < 64; ++bit) {
      set[bit] += static_cast<int>(drawn >> bit & 1);
    }
  }
  // Half of the draws, with a deviation of 50.
  for (int bit = 0; bit < 64; ++bit) EXPECT_NEAR(set[bit], kDraws / 2, 500);
}

}  // namespace
}  // namespace spanner_session_emulator
