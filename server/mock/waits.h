// Calls that wait: for a time, or until they are let go. No thread waits with
// them.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_WAITS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_WAITS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "store/mutex.h"

namespace spanner_session_emulator {

// Has one thread for all waits that have an end, from the first such wait on.
// Thread-safe.
class Waits {
 public:
  // Real time: pauses have nothing to do with the clock of the sessions.
  using Time = std::chrono::steady_clock::time_point;
  static constexpr Time Never() { return Time::max(); }

  class Wait;

  // Waits that are let go together.
  class Group {
   private:
    friend class Waits;
    std::set<Wait*> waits;  // Guarded by mu_, like all here.
    bool closed = false;
    bool called_off = false;
  };

  // One call's wait; destroying it ends it. Must not outlive its Waits.
  class Wait {
   public:
    ~Wait();
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    bool is_over() const;
    // Whether it is over because all endless waits are.
    bool was_shut_down() const;
    // Whether it is over because its group was called off.
    bool was_called_off() const;
    // Has `wake` called once when it is over, be it at once, from any thread,
    // without any lock.
    void OnOver(std::function<void()> wake);

   private:
    friend class Waits;
    Wait(Waits* waits, std::shared_ptr<Group> group, Time until)
        : waits_(waits), group_(std::move(group)), until_(until) {}

    Waits* const waits_;
    const std::shared_ptr<Group> group_;
    const Time until_;
    // Guarded by waits_->mu_.
    bool over_ = false;
    bool shut_down_ = false;
    bool called_off_ = false;
    std::function<void()> wake_;
  };

  Waits() = default;
  // There must be no waits any more.
  ~Waits();
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;

  // Begins a wait until that time, or Never(). It is over at once if the group
  // is closed, or if it is endless and these are shut down.
  std::unique_ptr<Wait> Begin(std::shared_ptr<Group> group, Time until);

  // How many waits of the group are not over.
  int64_t Count(const Group& group) const;
  // Ends them, and returns how many there were.
  int64_t Release(Group& group);
  // The same; and those that begin later end at once.
  int64_t Close(Group& group);
  // The same, and all of them say that they were called off.
  int64_t CallOff(Group& group);

  // Ends all endless waits, and those to come.
  void ShutDownEndless();

 private:
  using Wakers = std::vector<std::function<void()>>;

  void End(Wait& wait, Wakers& wakers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int64_t EndAll(Group& group, Wakers& wakers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Run();

  mutable Mutex mu_;
  CondVar changed_;
  // Those that are not over.
  std::set<std::pair<Time, Wait*>> waits_ ABSL_GUARDED_BY(mu_);
  bool endless_shut_down_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_WAITS_H_
