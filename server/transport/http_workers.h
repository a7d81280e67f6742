// Threads for the requests that take long. For http_server.cc only.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_WORKERS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_WORKERS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "store/mutex.h"

namespace spanner_session_emulator {

// A few threads that run jobs in their order. They start when they are needed:
// most servers never need one. Thread-safe.
class HttpWorkers {
 public:
  HttpWorkers() = default;
  ~HttpWorkers() { Stop(); }
  HttpWorkers(const HttpWorkers&) = delete;

  // Returns false if the system has no thread for it; then the job is gone.
  bool Run(std::function<void()> job);

  // Waits for all jobs. Not to be called from one of them, and Run() not after
  // it.
  void Stop();

 private:
  void Work();

  Mutex mu_;
  CondVar changed_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
  size_t idle_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_HTTP_WORKERS_H_
