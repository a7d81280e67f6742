#include "store/clock.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

std::string Text(absl::Time time) {
  return absl::FormatTime(time, absl::UTCTimeZone());
}

int64_t ClampedMicros(absl::Time time) {
  return absl::ToUnixMicros(
      std::clamp(time, Clock::Earliest(), Clock::Latest()));
}

}  // namespace

Clock::Clock(absl::Time start) : stopped_at_(ClampedMicros(start)) {}

int64_t Clock::SystemMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

absl::Status Clock::Advance(absl::Duration by) {
  MutexLock lock(&mu_);
  const absl::Time to = Now() + by;
  if (by < absl::ZeroDuration() || to > Latest()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the clock cannot be advanced by ", absl::FormatDuration(by),
        ": it moves forward only, to ", Text(Latest()), " at the latest"));
  }
  return MoveTo(absl::ToUnixMicros(to));
}

absl::Status Clock::Set(absl::Time to) {
  MutexLock lock(&mu_);
  if (to < Now() || to > Latest()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the clock cannot be set to ", Text(to),
                     ": it moves forward only, from ", Text(Now()), ", to ",
                     Text(Latest()), " at the latest"));
  }
  return MoveTo(absl::ToUnixMicros(to));
}

absl::Status Clock::MoveTo(int64_t micros) {
  if (running()) {
    offset_.store(micros - SystemMicros(), std::memory_order_release);
  } else {
    stopped_at_.store(micros, std::memory_order_release);
  }
  moved_.notify_all();
  return absl::OkStatus();
}

void Clock::Stop() {
  MutexLock lock(&mu_);
  if (!running()) return;
  stopped_at_.store(NowMicros(), std::memory_order_release);
  moved_.notify_all();
}

void Clock::Run() {
  MutexLock lock(&mu_);
  if (running()) return;
  offset_.store(NowMicros() - SystemMicros(), std::memory_order_release);
  stopped_at_.store(kRunning, std::memory_order_release);
  moved_.notify_all();
}

bool Clock::Alarm::WaitUntil(absl::Time when) {
  // The longest uninterrupted wait, so that a step of the system's clock, which
  // nobody announces, is noticed.
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
