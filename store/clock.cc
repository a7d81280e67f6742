#include "store/clock.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

// Why the clock does not go on for ever, to be put behind a colon.
std::string LatestText() {
  return absl::StrCat("the latest time that it can show is ",
                      FormatUtc(Clock::Latest()));
}

int64_t ClampedMicros(absl::Time time) {
  return absl::ToUnixMicros(
      std::clamp(time, Clock::Earliest(), Clock::Latest()));
}

}  // namespace

std::string FormatUtc(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%d%ET%H:%M:%E*SZ", time,
                          absl::UTCTimeZone());
}

Clock::Clock()
    : start_(kRunning),
      offset_(absl::ToUnixMicros(absl::Now()) - SteadyMicros()) {}

Clock::Clock(absl::Time start)
    : start_(ClampedMicros(start)), stopped_at_(start_) {}

int64_t Clock::SteadyMicros() {
  // Unlike CLOCK_MONOTONIC, it goes on while the machine sleeps.
  timespec time;
  clock_gettime(CLOCK_BOOTTIME, &time);
  return int64_t{time.tv_sec} * 1'000'000 + time.tv_nsec / 1'000;
}

class Clock::Change {
 public:
  explicit Change(Clock* clock) : clock_(clock) { ++clock_->changes_; }
  ~Change() {
    ++clock_->changes_;
    clock_->moved_.notify_all();
  }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

 private:
  Clock* const clock_;
};

absl::Status Clock::Advance(absl::Duration by) {
  MutexLock lock(&mu_);
  const Change change(this);
  const absl::Time to = absl::FromUnixMicros(Read()) + by;
  if (by < absl::ZeroDuration() || to > Latest()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the clock cannot be advanced by ", absl::FormatDuration(by), ": ",
        by < absl::ZeroDuration() ? "it moves forward only" : LatestText()));
  }
  MoveTo(absl::ToUnixMicros(to));
  return absl::OkStatus();
}

absl::Status Clock::Set(absl::Time to) {
  MutexLock lock(&mu_);
  const Change change(this);
  const absl::Time now = absl::FromUnixMicros(Read());
  if (to < now || to > Latest()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the clock cannot be set to ", FormatUtc(to), ": ",
                     to < now ? absl::StrCat("it moves forward only, from ",
                                             FormatUtc(now), " on")
                              : LatestText()));
  }
  MoveTo(absl::ToUnixMicros(to));
  return absl::OkStatus();
}

void Clock::MoveTo(int64_t micros) {
  if (running()) {
    offset_ = micros - SteadyMicros();
  } else {
    stopped_at_ = micros;
  }
}

void Clock::Stop() {
  MutexLock lock(&mu_);
  if (!running()) return;
  const Change change(this);
  stopped_at_ = Read();
}

void Clock::Run() {
  MutexLock lock(&mu_);
  if (running()) return;
  const Change change(this);
  offset_ = Read() - SteadyMicros();
  stopped_at_ = kRunning;
}

void Clock::Reset() {
  MutexLock lock(&mu_);
  const Change change(this);
  if (start_ == kRunning) {
    offset_ = absl::ToUnixMicros(absl::Now()) - SteadyMicros();
  }
  stopped_at_ = start_;
}

bool Clock::Alarm::WaitUntil(absl::Time when) {
  // The longest uninterrupted wait, as the time that the machine sleeps does
  // not count for it.
  constexpr std::chrono::seconds kLongest(10);
  MutexLock lock(&clock_->mu_);
  while (true) {
    if (woken_) {
      woken_ = false;
      return false;
    }
    const absl::Time now = clock_->Now();
    if (now >= when) return true;
    if (clock_->running()) {
      clock_->moved_.wait_for(
          clock_->mu_, std::min<std::chrono::nanoseconds>(
                           kLongest, absl::ToChronoNanoseconds(when - now)));
    } else {
      clock_->moved_.wait(clock_->mu_);
    }
  }
}

void Clock::Alarm::Wake() {
  MutexLock lock(&clock_->mu_);
  woken_ = true;
  clock_->moved_.notify_all();
}

}  // namespace spanner_session_emulator
