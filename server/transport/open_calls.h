// How many calls are under way.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_OPEN_CALLS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_OPEN_CALLS_H_

#include <atomic>
#include <chrono>

#include "store/mutex.h"

namespace spanner_session_emulator {

// Counts calls from their arrival until their reply is complete. Thread-safe.
class OpenCalls {
 public:
  // Counts a call for as long as this lives.
  class Call {
   public:
    explicit Call(OpenCalls* calls) : calls_(calls) { ++calls_->count_; }
    ~Call() {
      if (--calls_->count_ == 0 && calls_->waiting_) {
        MutexLock lock(&calls_->mu_);
        calls_->none_.notify_all();
      }
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    OpenCalls* const calls_;
  };

  int count() const { return count_; }

  // Blocks until there are none, or until that time.
  void WaitForNone(std::chrono::steady_clock::time_point deadline) {
    MutexLock lock(&mu_);
    waiting_ = true;
    none_.wait_until(mu_, deadline, [this] { return count_ == 0; });
    waiting_ = false;
  }

 private:
  std::atomic<int> count_{0};
  std::atomic<bool> waiting_{false};  // Spares calls the lock.
  Mutex mu_;
  CondVar none_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_OPEN_CALLS_H_
