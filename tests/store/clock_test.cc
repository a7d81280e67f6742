#include "store/clock.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;

constexpr absl::Time Start() { return absl::FromUnixSeconds(1'700'000'000); }

// Some tests must hit a thread at different points of its wait: they are run so
// many times.
constexpr int kRounds = 100;

// Why the clock does not pass its end.
constexpr absl::string_view kAtItsEnd = "the latest time that it can show is ";

void ExpectRefused(const absl::Status& status,
                   absl::string_view reason = "it moves forward only") {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(reason)));
}

// A thread that waits for a time of a clock.
class Waiter {
 public:
  Waiter(Clock* clock, absl::Time when)
      : clock_(clock), alarm_(clock), thread_([this, when] {
          waiting_ = true;
          reached_ = alarm_.WaitUntil(when);
          ended_at_ = clock_->Now();
        }) {
    while (!waiting_) std::this_thread::yield();
  }
  ~Waiter() {
    if (thread_.joinable()) thread_.join();
  }

  void Wake() { alarm_.Wake(); }

  // Waits for the thread's end.
  bool Reached() {
    thread_.join();
    return reached_;
  }
  // What the clock showed when the wait had ended.
  absl::Time ended_at() const { return ended_at_; }

 private:
  Clock* const clock_;
  Clock::Alarm alarm_;
  std::atomic<bool> waiting_{false};
  bool reached_ = false;
  absl::Time ended_at_;
  std::thread thread_;
};

absl::Time SystemNow() {
  return absl::FromChrono(std::chrono::system_clock::now());
}

// A running clock took the system's time when it was made, and goes its own way
// since: the two drift apart, though not by much during a test.
constexpr absl::Duration kDrift = absl::Seconds(1);

// The running clock has been moved by `by` at the most.
void ExpectAheadByAtMost(absl::Duration by, const Clock& clock) {
  const absl::Time now = clock.Now();  // First.
  EXPECT_LE(now, SystemNow() + by + kDrift);
}

TEST(ClockTest, RunsWithTheSystemByDefault) {
  const Clock clock;
  EXPECT_TRUE(clock.running());
  EXPECT_LE(SystemNow() - kDrift, clock.Now());
  EXPECT_LE(clock.Now(), SystemNow() + kDrift);
}

TEST(ClockTest, RunsAtTheSpeedOfRealTime) {
  const Clock clock;
  const auto before = std::chrono::steady_clock::now();
  const absl::Time start = clock.Now();
  while (clock.Now() < start + absl::Milliseconds(5)) {
  }
  const auto after = std::chrono::steady_clock::now();
  EXPECT_GE(absl::FromChrono(after - before),
            absl::Milliseconds(5) - absl::Microseconds(1));
}

TEST(ClockTest, StandsWhereItIsPut) {
  const Clock clock(Start());
  EXPECT_FALSE(clock.running());
  EXPECT_EQ(clock.Now(), Start());
  EXPECT_EQ(clock.NowMicros(), 1'700'000'000'000'000);
  EXPECT_EQ(clock.Now(), Start());
}

TEST(ClockTest, StartsAtAWholeMicrosecond) {
  EXPECT_EQ(Clock(Start() + absl::Nanoseconds(1999)).Now(),
            Start() + absl::Microseconds(1));
}

TEST(ClockTest, StartsWithinItsRange) {
  EXPECT_EQ(Clock(absl::InfinitePast()).Now(), Clock::Earliest());
  EXPECT_EQ(Clock(Clock::Earliest() - absl::Seconds(1)).Now(),
            Clock::Earliest());
  EXPECT_EQ(Clock(absl::InfiniteFuture()).Now(), Clock::Latest());
  EXPECT_EQ(FormatUtc(Clock::Latest()), "9999-12-31T23:59:59Z");
}

TEST(ClockTest, TimesAreWrittenAsRequestsWriteThem) {
  EXPECT_EQ(FormatUtc(Start()), "2023-11-14T22:13:20Z");
  EXPECT_EQ(FormatUtc(Start() + absl::Microseconds(123450)),
            "2023-11-14T22:13:20.12345Z");
  EXPECT_EQ(FormatUtc(absl::FromUnixSeconds(-62135596800)),
            "0001-01-01T00:00:00Z");
}

TEST(ClockTest, AdvancesWhileStanding) {
  Clock clock(Start());
  EXPECT_TRUE(clock.Advance(absl::Hours(1)).ok());
  EXPECT_EQ(clock.Now(), Start() + absl::Hours(1));
  EXPECT_TRUE(clock.Advance(absl::Microseconds(1)).ok());
  EXPECT_EQ(clock.Now(), Start() + absl::Hours(1) + absl::Microseconds(1));
  EXPECT_TRUE(clock.Advance(absl::ZeroDuration()).ok());
  EXPECT_EQ(clock.Now(), Start() + absl::Hours(1) + absl::Microseconds(1));
  EXPECT_FALSE(clock.running());
}

TEST(ClockTest, IsSetWhileStanding) {
  Clock clock(Start());
  EXPECT_TRUE(clock.Set(Start() + absl::Hours(24)).ok());
  EXPECT_EQ(clock.Now(), Start() + absl::Hours(24));
  EXPECT_TRUE(clock.Set(Start() + absl::Hours(24)).ok());
  EXPECT_TRUE(clock.Set(Clock::Latest()).ok());
  EXPECT_EQ(clock.Now(), Clock::Latest());
  EXPECT_FALSE(clock.running());
}

TEST(ClockTest, MovesByWholeMicroseconds) {
  Clock clock(Start());
  EXPECT_TRUE(clock.Advance(absl::Nanoseconds(2999)).ok());
  EXPECT_EQ(clock.Now(), Start() + absl::Microseconds(2));
  EXPECT_TRUE(clock.Set(Start() + absl::Nanoseconds(5001)).ok());
  EXPECT_EQ(clock.Now(), Start() + absl::Microseconds(5));
}

TEST(ClockTest, RefusesToGoBackWhileStanding) {
  Clock clock(Start());
  ExpectRefused(clock.Advance(-absl::Microseconds(1)));
  ExpectRefused(clock.Advance(-absl::InfiniteDuration()));
  ExpectRefused(clock.Set(Start() - absl::Microseconds(1)));
  ExpectRefused(clock.Set(absl::InfinitePast()));
  EXPECT_EQ(clock.Now(), Start());
}

TEST(ClockTest, RefusesToPassTheLatestTimeWhileStanding) {
  Clock clock(Start());
  const absl::Duration left = Clock::Latest() - Start();
  ExpectRefused(clock.Advance(left + absl::Microseconds(1)), kAtItsEnd);
  ExpectRefused(clock.Advance(absl::InfiniteDuration()), kAtItsEnd);
  ExpectRefused(clock.Set(Clock::Latest() + absl::Microseconds(1)), kAtItsEnd);
  ExpectRefused(clock.Set(absl::InfiniteFuture()), kAtItsEnd);
  EXPECT_EQ(clock.Now(), Start());
  EXPECT_TRUE(clock.Advance(left).ok());
  EXPECT_EQ(clock.Now(), Clock::Latest());
  ExpectRefused(clock.Advance(absl::Microseconds(1)), kAtItsEnd);
}

TEST(ClockTest, TheRefusalSaysWhatWasAskedAndWhatIsPossible) {
  Clock clock(Start());
  EXPECT_THAT(std::string(clock.Advance(-absl::Hours(2)).message()),
              HasSubstr("-2h"));
  const std::string message(clock.Set(Start() - absl::Hours(1)).message());
  EXPECT_THAT(message, HasSubstr("to 2023-11-14T21:13:20Z"));
  EXPECT_THAT(message, HasSubstr("from 2023-11-14T22:13:20Z"));
  EXPECT_THAT(
      std::string(
          clock.Advance(Clock::Latest() - Start() + absl::Hours(1)).message()),
      HasSubstr("9999-12-31T23:59:59Z"));
}

TEST(ClockTest, AdvancesWhileRunning) {
  Clock clock;
  const absl::Time before = clock.Now();
  EXPECT_TRUE(clock.Advance(absl::Hours(5)).ok());
  EXPECT_GE(clock.Now(), before + absl::Hours(5));
  ExpectAheadByAtMost(absl::Hours(5), clock);
  EXPECT_TRUE(clock.Advance(absl::Hours(5)).ok());
  EXPECT_GE(clock.Now(), before + absl::Hours(10));
  ExpectAheadByAtMost(absl::Hours(10), clock);
  EXPECT_TRUE(clock.running());
}

TEST(ClockTest, IsSetWhileRunning) {
  Clock clock;
  const absl::Time system = SystemNow();
  const absl::Time to = system + absl::Hours(100);
  EXPECT_TRUE(clock.Set(to).ok());
  EXPECT_GE(clock.Now(), absl::FromUnixMicros(absl::ToUnixMicros(to)));
  ExpectAheadByAtMost(absl::Hours(100), clock);
  EXPECT_TRUE(clock.running());
}

TEST(ClockTest, RefusesToGoBackWhileRunning) {
  Clock clock;
  const absl::Time before = clock.Now();
  ExpectRefused(clock.Advance(-absl::Microseconds(1)));
  ExpectRefused(clock.Set(before - absl::Seconds(1)));
  ExpectRefused(clock.Advance(absl::InfiniteDuration()), kAtItsEnd);
  ExpectRefused(clock.Set(Clock::Latest() + absl::Microseconds(1)), kAtItsEnd);
  EXPECT_GE(clock.Now(), before);
  ExpectAheadByAtMost(absl::ZeroDuration(), clock);
}

TEST(ClockTest, StopsAtTheTimeThatItShows) {
  Clock clock;
  EXPECT_TRUE(clock.Advance(absl::Hours(1)).ok());
  const absl::Time before = clock.Now();
  clock.Stop();
  const absl::Time stopped = clock.Now();
  EXPECT_FALSE(clock.running());
  EXPECT_LE(before, stopped);
  EXPECT_LE(stopped, SystemNow() + absl::Hours(1) + kDrift);
  clock.Stop();
  EXPECT_EQ(clock.Now(), stopped);
}

TEST(ClockTest, RunsOnFromTheTimeThatItShows) {
  Clock clock(Start());
  const absl::Time system = SystemNow();
  clock.Run();
  const absl::Time now = clock.Now();
  EXPECT_TRUE(clock.running());
  EXPECT_GE(now, Start());
  // Not more than the system's clock has run, but for the microsecond that each
  // of the two may have been cut short by.
  EXPECT_LE(now - Start(), SystemNow() - system + kDrift);
}

TEST(ClockTest, RunHasNoEffectOnARunningClock) {
  Clock clock;
  EXPECT_TRUE(clock.Advance(absl::Hours(3)).ok());
  clock.Run();
  ExpectAheadByAtMost(absl::Hours(3), clock);
  EXPECT_GT(clock.Now(), SystemNow() + absl::Hours(2) - kDrift);
}

TEST(ClockTest, AResetClockStandsAtItsStart) {
  Clock clock(absl::FromUnixSeconds(1000));
  for (const bool running : {false, true}) {
    if (running) clock.Run();
    ASSERT_TRUE(clock.Advance(absl::Hours(1)).ok());
    clock.Reset();
    EXPECT_FALSE(clock.running());
    EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(1000));
  }
}

TEST(ClockTest, AResetClockRunsWithTheSystemIfItDidSoAtFirst) {
  Clock clock;
  for (const bool running : {true, false}) {
    if (!running) clock.Stop();
    ASSERT_TRUE(clock.Advance(absl::Hours(1000)).ok());
    const absl::Time before = absl::Now();
    clock.Reset();
    EXPECT_TRUE(clock.running());
    EXPECT_GE(clock.Now(), absl::FromUnixMicros(absl::ToUnixMicros(before)));
    EXPECT_LE(clock.Now(), before + absl::Hours(1));
  }
}

TEST(ClockTest, ShowsEveryMoveAcrossSwitches) {
  Clock clock(Start());
  clock.Run();
  EXPECT_TRUE(clock.Advance(absl::Hours(1)).ok());
  clock.Stop();
  const absl::Time stopped = clock.Now();
  EXPECT_GE(stopped, Start() + absl::Hours(1));
  EXPECT_TRUE(clock.Advance(absl::Hours(1)).ok());
  EXPECT_EQ(clock.Now(), stopped + absl::Hours(1));
  clock.Run();
  EXPECT_GE(clock.Now(), stopped + absl::Hours(1));
  ExpectRefused(clock.Set(stopped));
}

// One thread reads while another moves and switches the clock.
TEST(ClockTest, NeverGoesBackForAReader) {
  Clock clock;
  std::atomic<bool> done{false};
  int64_t furthest_back = 0;
  std::thread reader([&] {
    int64_t last = 0;
    while (!done) {
      const int64_t now = clock.NowMicros();
      furthest_back = std::max(furthest_back, last - now);
      last = now;
    }
  });
  for (int i = 0; i < 20000; ++i) {
    ASSERT_TRUE(clock.Advance(absl::ZeroDuration()).ok());
    ASSERT_TRUE(clock.Advance(absl::Microseconds(1)).ok());
    // May be refused, as the clock has gone on.
    clock.Set(clock.Now()).IgnoreError();
  }
  done = true;
  reader.join();
  EXPECT_EQ(furthest_back, 0) << "microseconds";
}

TEST(ClockTest, NeverGoesBackForAReaderWhenItIsSwitched) {
  Clock clock;
  std::atomic<bool> done{false};
  int64_t furthest_back = 0;
  std::thread reader([&] {
    int64_t last = 0;
    while (!done) {
      const int64_t now = clock.NowMicros();
      furthest_back = std::max(furthest_back, last - now);
      last = now;
    }
  });
  for (int i = 0; i < 20000; ++i) {
    clock.Stop();
    clock.Run();
  }
  done = true;
  reader.join();
  EXPECT_EQ(furthest_back, 0) << "microseconds";
}

// Two threads that advance a clock at the same time both have their effect.
TEST(ClockTest, NoMoveIsLost) {
  constexpr int kMoves = 2000;
  Clock clock(Start());
  std::vector<std::thread> movers;
  for (int i = 0; i < 4; ++i) {
    movers.emplace_back([&clock] {
      for (int k = 0; k < kMoves; ++k) {
        EXPECT_TRUE(clock.Advance(absl::Microseconds(1)).ok());
      }
    });
  }
  for (std::thread& mover : movers) mover.join();
  EXPECT_EQ(clock.Now(), Start() + absl::Microseconds(4 * kMoves));
}

TEST(AlarmTest, ATimeThatHasComeIsNotWaitedFor) {
  Clock standing(Start());
  Clock::Alarm alarm(&standing);
  EXPECT_TRUE(alarm.WaitUntil(Start()));
  EXPECT_TRUE(alarm.WaitUntil(Start() - absl::Hours(1)));
  EXPECT_TRUE(alarm.WaitUntil(absl::InfinitePast()));

  Clock running;
  Clock::Alarm other(&running);
  EXPECT_TRUE(other.WaitUntil(running.Now()));
  EXPECT_TRUE(other.WaitUntil(absl::InfinitePast()));
}

TEST(AlarmTest, AdvanceEndsAWaitOnAStandingClock) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock(Start());
    Waiter waiter(&clock, Start() + absl::Hours(1));
    EXPECT_TRUE(clock.Advance(absl::Hours(1)).ok());
    EXPECT_TRUE(waiter.Reached());
  }
}

TEST(AlarmTest, SetEndsAWaitOnAStandingClock) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock(Start());
    Waiter waiter(&clock, Start() + absl::Hours(1));
    EXPECT_TRUE(clock.Set(Start() + absl::Hours(2)).ok());
    EXPECT_TRUE(waiter.Reached());
  }
}

TEST(AlarmTest, AMoveThatFallsShortDoesNotEndAWait) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock(Start());
    const absl::Time when = Start() + absl::Hours(1);
    Waiter waiter(&clock, when);
    EXPECT_TRUE(clock.Set(when - absl::Seconds(1)).ok());
    std::this_thread::yield();
    EXPECT_TRUE(clock.Set(when - absl::Microseconds(1)).ok());
    std::this_thread::yield();
    EXPECT_TRUE(clock.Set(when).ok());
    EXPECT_TRUE(waiter.Reached());
    EXPECT_EQ(waiter.ended_at(), when);
  }
}

TEST(AlarmTest, ARunningClockEndsAWaitByItself) {
  Clock clock;
  Clock::Alarm alarm(&clock);
  const absl::Time when = clock.Now() + absl::Milliseconds(3);
  EXPECT_TRUE(alarm.WaitUntil(when));
  EXPECT_GE(clock.Now(), when);
}

TEST(AlarmTest, AdvanceEndsAWaitOnARunningClock) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock;
    const absl::Time when = clock.Now() + absl::Hours(1);
    Waiter waiter(&clock, when);
    EXPECT_TRUE(clock.Advance(absl::Hours(1)).ok());
    EXPECT_TRUE(waiter.Reached());
    EXPECT_GE(waiter.ended_at(), when);
  }
}

TEST(AlarmTest, SetEndsAWaitOnARunningClock) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock;
    const absl::Time when = clock.Now() + absl::Hours(1);
    Waiter waiter(&clock, when);
    EXPECT_TRUE(clock.Set(when - absl::Minutes(1)).ok());
    EXPECT_TRUE(clock.Set(when).ok());
    EXPECT_TRUE(waiter.Reached());
    EXPECT_GE(waiter.ended_at(), when);
  }
}

TEST(AlarmTest, RunningEndsAWaitThatBeganOnAStandingClock) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock(Start());
    const absl::Time when = Start() + absl::Microseconds(200);
    Waiter waiter(&clock, when);
    clock.Run();
    EXPECT_TRUE(waiter.Reached());
    EXPECT_GE(waiter.ended_at(), when);
  }
}

TEST(AlarmTest, AMoveEndsAWaitAfterTheClockWasSwitched) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock;
    const absl::Time when = clock.Now() + absl::Hours(1);
    Waiter waiter(&clock, when);
    clock.Stop();
    EXPECT_TRUE(clock.Set(when - absl::Seconds(1)).ok());
    std::this_thread::yield();
    EXPECT_TRUE(clock.Set(when).ok());
    EXPECT_TRUE(waiter.Reached());
    EXPECT_EQ(waiter.ended_at(), when);
  }
}

// The wait was begun for a moment soon to come, which then does not come.
TEST(AlarmTest, AStoppedClockHoldsAWait) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock(Start());
    clock.Run();
    const absl::Time when = clock.Now() + absl::Milliseconds(1);
    Waiter waiter(&clock, when);
    clock.Stop();
    const absl::Time stopped = clock.Now();
    if (stopped < when) {
      std::this_thread::yield();
      EXPECT_TRUE(clock.Set(when).ok());
    }
    EXPECT_TRUE(waiter.Reached());
    EXPECT_GE(waiter.ended_at(), when);
  }
}

TEST(AlarmTest, WakeBeforeAWaitEndsIt) {
  Clock standing(Start());
  Clock running;
  for (Clock* clock : {&standing, &running}) {
    Clock::Alarm alarm(clock);
    alarm.Wake();
    EXPECT_FALSE(alarm.WaitUntil(absl::InfiniteFuture()));
  }
}

TEST(AlarmTest, WakeDuringAWaitEndsIt) {
  for (int round = 0; round < kRounds; ++round) {
    Clock standing(Start());
    Waiter on_standing(&standing, absl::InfiniteFuture());
    std::this_thread::yield();
    on_standing.Wake();
    EXPECT_FALSE(on_standing.Reached());

    Clock running;
    Waiter on_running(&running, absl::InfiniteFuture());
    std::this_thread::yield();
    on_running.Wake();
    EXPECT_FALSE(on_running.Reached());
  }
}

TEST(AlarmTest, AWakeUpIsUsedUpByTheWaitThatItEnds) {
  Clock clock(Start());
  Clock::Alarm alarm(&clock);
  alarm.Wake();
  EXPECT_FALSE(alarm.WaitUntil(absl::InfiniteFuture()));
  EXPECT_TRUE(alarm.WaitUntil(Start()));
}

TEST(AlarmTest, ManyWakeUpsBeforeAWaitCountAsOne) {
  Clock clock(Start());
  Clock::Alarm alarm(&clock);
  alarm.Wake();
  alarm.Wake();
  EXPECT_FALSE(alarm.WaitUntil(Start()));
  EXPECT_TRUE(alarm.WaitUntil(Start()));
}

TEST(AlarmTest, WakingOneAlarmLeavesTheOthersWaiting) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock(Start());
    const absl::Time when = Start() + absl::Hours(1);
    Waiter woken(&clock, when);
    Waiter other(&clock, when);
    woken.Wake();
    EXPECT_FALSE(woken.Reached());
    EXPECT_TRUE(clock.Set(when).ok());
    EXPECT_TRUE(other.Reached());
    EXPECT_EQ(other.ended_at(), when);
  }
}

TEST(AlarmTest, OneMoveEndsEveryWaitThatItPasses) {
  for (int round = 0; round < kRounds; ++round) {
    Clock clock(Start());
    Waiter first(&clock, Start() + absl::Hours(1));
    Waiter second(&clock, Start() + absl::Hours(2));
    Waiter third(&clock, Start() + absl::Hours(3));
    EXPECT_TRUE(clock.Set(Start() + absl::Hours(2)).ok());
    EXPECT_TRUE(first.Reached());
    EXPECT_TRUE(second.Reached());
    EXPECT_TRUE(clock.Set(Start() + absl::Hours(3)).ok());
    EXPECT_TRUE(third.Reached());
    EXPECT_EQ(third.ended_at(), Start() + absl::Hours(3));
  }
}

}  // namespace
}  // namespace spanner_session_emulator
