// One annotated mutex for the whole project, over the system's: absl::Mutex
// comes from a library that is not built for the thread sanitizer and gives
// false reports there.
#ifndef SPANNER_SESSION_EMULATOR_STORE_MUTEX_H_
#define SPANNER_SESSION_EMULATOR_STORE_MUTEX_H_

#include <pthread.h>

#include <condition_variable>

#include "absl/base/thread_annotations.h"

namespace spanner_session_emulator {

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { pthread_mutex_lock(&mu_); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { pthread_mutex_unlock(&mu_); }

  // The names that std::condition_variable_any asks for.
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { Lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { Unlock(); }

 private:
  // Of the kind that looks again a few times before it sleeps (std::mutex does
  // not): most locks here are held for less time than going to sleep takes.
  pthread_mutex_t mu_ = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
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
