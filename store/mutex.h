// One annotated mutex for the whole project, over std::mutex: absl::Mutex comes
// from a library that is not built for the thread sanitizer and gives false
// reports there.
#ifndef SPANNER_SESSION_EMULATOR_STORE_MUTEX_H_
#define SPANNER_SESSION_EMULATOR_STORE_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace spanner_session_emulator {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  // Looks again for a few microseconds before it sleeps: most locks here are
  // held for less time than going to sleep takes.
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
#if !defined(SPANNER_SESSION_EMULATOR_TSAN)  // It learns no order from tries.
    constexpr int kTries = 30;
    for (int i = 0; i < kTries; ++i) {
      if (mu_.try_lock()) return;
      Pause();
    }
#endif
    mu_.lock();
  }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }

  // The names that std::condition_variable_any asks for.
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { Lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { Unlock(); }

 private:
  // About a tenth of a microsecond, without disturbing who holds the mutex.
  static void Pause() {
    for (int i = 0; i < 5; ++i) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("yield");
#endif
    }
  }

  std::mutex mu_;
};

// Holds a Mutex from its construction to the end of its scope.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) {
    mu_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mu_;
};

// Waits on a Mutex that the caller holds.
using CondVar = std::condition_variable_any;

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_MUTEX_H_
