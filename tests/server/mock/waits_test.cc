#include "server/mock/waits.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "store/mutex.h"

namespace spanner_session_emulator {
namespace {

using std::chrono::steady_clock;

// Counts what it is told, and lets a test wait for it.
class Counter {
 public:
  std::function<void()> Up() {
    return [this] {
      MutexLock lock(&mu_);
      ++count_;
      changed_.notify_all();
    };
  }
  int count() {
    MutexLock lock(&mu_);
    return count_;
  }
  bool Await(int count) {
    MutexLock lock(&mu_);
    return changed_.wait_for(mu_, std::chrono::seconds(60),
                             [&] { return count_ >= count; });
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int count_ = 0;
};

std::shared_ptr<Waits::Group> NewGroup() {
  return std::make_shared<Waits::Group>();
}

TEST(WaitsTest, AnEndlessWaitEndsWhenItsGroupIsReleased) {
  Waits waits;
  Counter woken;
  const auto group = NewGroup();
  const auto other_group = NewGroup();
  const auto first = waits.Begin(group, Waits::Never());
  const auto second = waits.Begin(group, Waits::Never());
  const auto other = waits.Begin(other_group, Waits::Never());
  first->OnOver(woken.Up());
  EXPECT_EQ(waits.Count(*group), 2);
  EXPECT_FALSE(first->is_over());
  EXPECT_EQ(waits.Release(*group), 2);
  EXPECT_TRUE(first->is_over());
  EXPECT_FALSE(first->was_shut_down());
  EXPECT_EQ(woken.count(), 1);
  second->OnOver(woken.Up());  // Over already: at once.
  EXPECT_EQ(woken.count(), 2);
  EXPECT_FALSE(other->is_over());
  EXPECT_EQ(waits.Count(*group), 0);
  EXPECT_EQ(waits.Release(*group), 0);
  // Later ones wait again.
  EXPECT_FALSE(waits.Begin(group, Waits::Never())->is_over());
  EXPECT_EQ(woken.count(), 2);
}

TEST(WaitsTest, InAClosedGroupNobodyWaits) {
  Waits waits;
  const auto group = NewGroup();
  const auto before = waits.Begin(group, Waits::Never());
  EXPECT_EQ(waits.Close(*group), 1);
  EXPECT_TRUE(before->is_over());
  EXPECT_TRUE(waits.Begin(group, Waits::Never())->is_over());
  EXPECT_TRUE(waits.Begin(group, steady_clock::now() + std::chrono::hours(1))
                  ->is_over());
}

TEST(WaitsTest, AWaitEndsByItself) {
  Waits waits;
  Counter woken;
  const auto group = NewGroup();
  const auto now = steady_clock::now();
  const auto late = waits.Begin(group, now + std::chrono::hours(1));
  // Later than the one before it, but to end earlier.
  const auto soon = waits.Begin(group, now + std::chrono::milliseconds(2));
  const auto past = waits.Begin(group, now);
  for (const auto* wait : {&late, &soon, &past}) (*wait)->OnOver(woken.Up());
  ASSERT_TRUE(woken.Await(2));
  EXPECT_GE(steady_clock::now(), now + std::chrono::milliseconds(2));
  EXPECT_TRUE(soon->is_over());
  EXPECT_TRUE(past->is_over());
  EXPECT_FALSE(late->is_over());
  EXPECT_EQ(waits.Release(*group), 1);
  EXPECT_EQ(woken.count(), 3);
}

TEST(WaitsTest, AWaitThatIsGoneWakesNobody) {
  Waits waits;
  Counter woken;
  const auto group = NewGroup();
  for (const auto until : {Waits::Never(), steady_clock::now()}) {
    auto wait = waits.Begin(group, until);
    if (until == Waits::Never()) wait->OnOver(woken.Up());
    wait.reset();
  }
  EXPECT_EQ(waits.Count(*group), 0);
  EXPECT_EQ(waits.Release(*group), 0);
  EXPECT_EQ(woken.count(), 0);
}

TEST(WaitsTest, ShutDownEndsWhatIsEndlessAndNothingElse) {
  Waits waits;
  Counter woken;
  const auto group = NewGroup();
  const auto endless = waits.Begin(group, Waits::Never());
  const auto pause =
      waits.Begin(group, steady_clock::now() + std::chrono::hours(1));
  endless->OnOver(woken.Up());
  pause->OnOver(woken.Up());
  waits.ShutDownEndless();
  EXPECT_EQ(woken.count(), 1);
  EXPECT_TRUE(endless->is_over());
  EXPECT_TRUE(endless->was_shut_down());
  EXPECT_FALSE(pause->is_over());
  const auto later = waits.Begin(group, Waits::Never());
  EXPECT_TRUE(later->is_over());
  EXPECT_TRUE(later->was_shut_down());
}

TEST(WaitsTest, EachIsWokenOnceWhateverHappensTogether) {
  Waits waits;
  Counter woken;
  const auto group = NewGroup();
  std::atomic<bool> done{false};
  std::thread releaser([&] {
    while (!done) waits.Release(*group);
  });
  constexpr int kThreads = 4;
  constexpr int kWaits = 500;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kWaits; ++j) {
        Counter mine;
        const auto wait = waits.Begin(
            group, j % 2 == 0
                       ? Waits::Never()
                       : steady_clock::now() + std::chrono::microseconds(j));
        wait->OnOver([up = mine.Up(), all = woken.Up()] {
          all();
          up();
        });
        ASSERT_TRUE(mine.Await(1));
        EXPECT_TRUE(wait->is_over());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  releaser.join();
  EXPECT_EQ(woken.count(), kThreads * kWaits);
}

}  // namespace
}  // namespace spanner_session_emulator
