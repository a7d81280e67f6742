// The one clock: it governs lifetimes of sessions and transactions and the
// times in answers. (Pauses, RPC deadlines and time-outs are real time and not
// its business.)
#ifndef SPANNER_SESSION_EMULATOR_STORE_CLOCK_H_
#define SPANNER_SESSION_EMULATOR_STORE_CLOCK_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "store/mutex.h"

namespace spanner_session_emulator {

// A time for people, as requests and answers in JSON write it:
// `2030-01-01T00:00:00.5Z`, the year always with four digits.
std::string FormatUtc(absl::Time time);

// A clock that either runs at the speed of real time or stands still until it
// is moved. It can be switched between the two at any time, and can be moved in
// both. Times are whole microseconds. It never goes back, but by Reset(): it
// takes the system's time when it is made, and does not follow later steps of
// the system's clock. Thread-safe.
class Clock {
 public:
  // The earliest and the latest time that the clock can be set to.
  static constexpr absl::Time Earliest() { return absl::UnixEpoch(); }
  static absl::Time Latest() {
    // The latest that a google.protobuf.Timestamp can hold, in whole seconds.
    return absl::FromUnixSeconds(253402300799);
  }

  // Starts at the system's time and runs.
  Clock();
  // Stands at `start`, rounded down to a microsecond.
  explicit Clock(absl::Time start);
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  absl::Time Now() const { return absl::FromUnixMicros(NowMicros()); }
  // Microseconds since the Unix epoch.
  int64_t NowMicros() const {
    // Again, if the clock was changed meanwhile: the time that was read may be
    // one that the change has skipped or not let come.
    while (true) {
      const uint64_t changes = changes_.load();
      const int64_t now = Read();
      if (changes % 2 == 0 && changes == changes_.load()) return now;
    }
  }

  // Moves the clock; it goes on standing or running as before. Every deadline
  // that is passed has taken effect when the call returns. INVALID_ARGUMENT for
  // a step back, or past Latest(): sessions cannot come to life again.
  absl::Status Advance(absl::Duration by);
  absl::Status Set(absl::Time to);

  // Makes the clock stand still, or run from the time it shows. No effect if it
  // does so already.
  void Stop();
  void Run();
  bool running() const { return stopped_at_.load() == kRunning; }

  // As it was when it was made: standing at its start, or running at the
  // system's time of now. May go back, which nothing that lives by the clock
  // would survive; so only SessionStore::RestartClock() calls this, at an
  // instant at which no session lives.
  void Reset();

  // A wait for a time of the clock. One thread waits, any thread may wake it.
  class Alarm {
   public:
    explicit Alarm(Clock* clock) : clock_(clock) {}
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    // Blocks until the clock shows `when` or later (true) or Wake() was called
    // (false), be it before or during the wait. A wake-up is used up by the
    // wait that it ends.
    bool WaitUntil(absl::Time when);
    void Wake();

   private:
    Clock* const clock_;
    bool woken_ = false;  // Guarded by clock_->mu_.
  };

 private:
  static constexpr int64_t kRunning = std::numeric_limits<int64_t>::min();

  static int64_t SteadyMicros();

  // What the clock shows; right if no change is under way.
  int64_t Read() const {
    const int64_t stopped_at = stopped_at_.load();
    if (stopped_at != kRunning) return stopped_at;
    return SteadyMicros() + offset_.load();
  }
  // For use within a Change.
  void MoveTo(int64_t micros) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Holds up the readers, and wakes the alarms in the end.
  class Change;

  const int64_t start_;  // kRunning: none, it ran.

  // A sequence lock, as readers take no other: all are written under mu_, and
  // within a Change, during which changes_ is odd.
  std::atomic<uint64_t> changes_{0};
  std::atomic<int64_t> stopped_at_{kRunning};
  std::atomic<int64_t> offset_{0};  // From the steady clock, while running.

  mutable Mutex mu_;
  CondVar moved_;  // The clock was moved or switched, or an alarm was woken.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_CLOCK_H_
