// A program as a child process, for tests that need the real thing.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_SUBPROCESS_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_SUBPROCESS_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "store/mutex.h"

namespace spanner_session_emulator {

// Runs from construction to destruction at the longest: what is still running
// then is killed. Its output is read all the time, so that it never waits for
// the test. Thread-safe.
class Subprocess {
 public:
  // The longest that anything here is waited for: far more than it takes.
  static constexpr absl::Duration kBound = absl::Seconds(30);

  struct Options {
    // Added to the environment of the test.
    std::map<std::string, std::string> environment;
    // Reading from standard input does not wait.
    bool nonblocking_stdin = false;
    // Standard error is closed at this end as soon as it has this text.
    std::string hang_up_after;
  };

  // `command` is the program's path and its arguments. Dies if there is no
  // such program.
  explicit Subprocess(std::vector<std::string> command)
      : Subprocess(std::move(command), Options()) {}
  Subprocess(std::vector<std::string> command, Options options);
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  // What it has written so far.
  std::string out() const;
  std::string err() const;

  // Waits until `text` is in its standard error. Returns false if it ended or
  // the time is over without.
  bool WaitForErr(absl::string_view text, absl::Duration bound = kBound);

  // Waits likewise for the two texts, and returns what is between them.
  std::optional<std::string> WaitForErrBetween(absl::string_view before,
                                               absl::string_view after,
                                               absl::Duration bound = kBound);

  // Waits for its end, after which out() and err() are complete. Returns the
  // exit code, or the negated signal that ended it; nothing if it still runs.
  std::optional<int> Wait(absl::Duration bound = kBound);

  void CloseStdin();
  // Does nothing if it has ended.
  void Signal(int signal);

 private:
  // In a thread of its own: reads the output to its end, then waits for that
  // of the process.
  void Watch(int out, int err);
  // Waits until `condition`, which is called with mu_ held, becomes true.
  bool Await(absl::Duration bound, const std::function<bool()>& condition);

  const std::string hang_up_after_;
  pid_t pid_ = -1;

  mutable Mutex mu_;
  CondVar changed_;
  int stdin_ = -1;
  std::string out_;
  std::string err_;
  std::optional<int> exit_;

  std::thread watcher_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_SUBPROCESS_H_
