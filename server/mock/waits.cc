#include "server/mock/waits.h"

namespace spanner_session_emulator {

Waits::~Waits() {
  std::thread thread;
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.notify_all();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

Waits::Wait::~Wait() {
  MutexLock lock(&waits_->mu_);
  Wakers nobody;
  if (!over_) waits_->End(*this, nobody);
}

bool Waits::Wait::is_over() const {
  MutexLock lock(&waits_->mu_);
  return over_;
}

bool Waits::Wait::was_shut_down() const {
  MutexLock lock(&waits_->mu_);
  return shut_down_;
}

bool Waits::Wait::was_called_off() const {
  MutexLock lock(&waits_->mu_);
  return called_off_;
}

void Waits::Wait::OnOver(std::function<void()> wake) {
  {
    MutexLock lock(&waits_->mu_);
    if (!over_) {
      wake_ = std::move(wake);
      return;
    }
  }
  wake();
}

std::unique_ptr<Waits::Wait> Waits::Begin(std::shared_ptr<Group> group,
                                          Time until) {
  std::unique_ptr<Wait> wait(new Wait(this, std::move(group), until));
  MutexLock lock(&mu_);
  if (wait->group_->closed) {
    wait->over_ = true;
    wait->called_off_ = wait->group_->called_off;
  } else if (until == Never() && endless_shut_down_) {
    wait->over_ = wait->shut_down_ = true;
  } else {
    wait->group_->waits.insert(wait.get());
    const auto it = waits_.emplace(until, wait.get()).first;
    if (until != Never()) {
      if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
      if (it == waits_.begin()) changed_.notify_all();
    }
  }
  return wait;
}

int64_t Waits::Count(const Group& group) const {
  MutexLock lock(&mu_);
  return static_cast<int64_t>(group.waits.size());
}

int64_t Waits::Release(Group& group) {
  Wakers wakers;
  int64_t count;
  {
    MutexLock lock(&mu_);
    count = EndAll(group, wakers);
  }
  for (const auto& wake : wakers) wake();
  return count;
}

int64_t Waits::Close(Group& group) {
  {
    MutexLock lock(&mu_);
    group.closed = true;
  }
  return Release(group);
}

int64_t Waits::CallOff(Group& group) {
  {
    MutexLock lock(&mu_);
    group.closed = group.called_off = true;
    for (Wait* wait : group.waits) wait->called_off_ = true;
  }
  return Close(group);
}

void Waits::ShutDownEndless() {
  Wakers wakers;
  {
    MutexLock lock(&mu_);
    endless_shut_down_ = true;
    while (!waits_.empty() && waits_.rbegin()->first == Never()) {
      Wait& wait = *waits_.rbegin()->second;
      wait.shut_down_ = true;
      End(wait, wakers);
    }
  }
  for (const auto& wake : wakers) wake();
}

void Waits::End(Wait& wait, Wakers& wakers) {
  wait.over_ = true;
  wait.group_->waits.erase(&wait);
  waits_.erase({wait.until_, &wait});
  if (wait.wake_ != nullptr) {
    wakers.push_back(std::exchange(wait.wake_, nullptr));
  }
}

int64_t Waits::EndAll(Group& group, Wakers& wakers) {
  const auto count = static_cast<int64_t>(group.waits.size());
  while (!group.waits.empty()) End(**group.waits.begin(), wakers);
  return count;
}

void Waits::Run() {
  while (true) {
    Wakers wakers;
    {
      MutexLock lock(&mu_);
      if (stopping_) return;
      if (waits_.empty() || waits_.begin()->first == Never()) {
        changed_.wait(mu_);
        continue;
      }
      const Time next = waits_.begin()->first;
      if (std::chrono::steady_clock::now() < next) {
        changed_.wait_until(mu_, next);
        continue;
      }
      End(*waits_.begin()->second, wakers);
    }
    for (const auto& wake : wakers) wake();
  }
}

}  // namespace spanner_session_emulator
