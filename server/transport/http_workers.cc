#include "server/transport/http_workers.h"

#include <exception>
#include <system_error>
#include <utility>

namespace spanner_session_emulator {
namespace {

// One more than a single large request can occupy. What they do needs nothing
// but a CPU, so more would only take time from the connections' threads.
constexpr size_t kThreads = 2;

}  // namespace

bool HttpWorkers::Run(std::function<void()> job) {
  MutexLock lock(&mu_);
  if (idle_ <= jobs_.size() && threads_.size() < kThreads) {
    try {
      threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) return false;
    }
  }
  jobs_.push_back(std::move(job));
  changed_.notify_one();
  return true;
}

void HttpWorkers::Stop() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.notify_all();
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

void HttpWorkers::Work() {
  while (true) {
    std::function<void()> job;
    {
      MutexLock lock(&mu_);
      ++idle_;
      changed_.wait(mu_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return stopping_ || !jobs_.empty();
      });
      --idle_;
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    try {
      job();
    } catch (const std::exception&) {
      // Out of memory or the like: its request is lost, no more.
    }
  }
}

}  // namespace spanner_session_emulator
