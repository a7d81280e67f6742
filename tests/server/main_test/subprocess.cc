#include "tests/server/main_test/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

// Tests cannot go on without what failed here.
void DieUnless(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "%s: %s\n", what.c_str(), std::strerror(errno));
  std::abort();
}

struct Pipe {
  int read_end;
  int write_end;
};

// Closed on exec, so that no other child holds it open.
Pipe MakePipe() {
  int ends[2];
  DieUnless(pipe2(ends, O_CLOEXEC) == 0, "pipe2");
  return {.read_end = ends[0], .write_end = ends[1]};
}

// For exec: `strings` must outlive the result.
std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(
    std::map<std::string, std::string> variables) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) {
    entries.push_back(absl::StrCat(name, "=", value));
  }
  return entries;
}

}  // namespace

Subprocess::Subprocess(std::vector<std::string> command, Options options)
    : hang_up_after_(std::move(options.hang_up_after)) {
  const Pipe in = MakePipe();
  const Pipe out = MakePipe();
  const Pipe err = MakePipe();
  if (options.nonblocking_stdin) {
    DieUnless(fcntl(in.read_end, F_SETFL, O_NONBLOCK) == 0, "fcntl");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read_end, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write_end, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.write_end, STDERR_FILENO);
  std::vector<std::string> environment =
      Environment(std::move(options.environment));
  errno = posix_spawn(&pid_, command[0].c_str(), &actions, nullptr,
                      Pointers(command).data(), Pointers(environment).data());
  DieUnless(errno == 0, command[0]);
  posix_spawn_file_actions_destroy(&actions);
  close(in.read_end);
  close(out.write_end);
  close(err.write_end);
  stdin_ = in.write_end;
  watcher_ = std::thread(&Subprocess::Watch, this, out.read_end, err.read_end);
}

Subprocess::~Subprocess() {
  Signal(SIGKILL);
  watcher_.join();
  CloseStdin();
}

std::string Subprocess::out() const {
  MutexLock lock(&mu_);
  return out_;
}

std::string Subprocess::err() const {
  MutexLock lock(&mu_);
  return err_;
}

bool Subprocess::WaitForErr(absl::string_view text, absl::Duration bound) {
  return WaitForErrBetween(text, "", bound).has_value();
}

std::optional<std::string> Subprocess::WaitForErrBetween(
    absl::string_view before, absl::string_view after, absl::Duration bound) {
  std::optional<std::string> found;
  Await(bound, [&] {
    const size_t start = err_.find(std::string(before));
    if (start != std::string::npos) {
      const size_t from = start + before.size();
      const size_t end = err_.find(std::string(after), from);
      if (end != std::string::npos) found = err_.substr(from, end - from);
    }
    return found.has_value() || exit_.has_value();
  });
  return found;
}

std::optional<int> Subprocess::Wait(absl::Duration bound) {
  std::optional<int> result;
  Await(bound, [&] {
    result = exit_;
    return exit_.has_value();
  });
  return result;
}

void Subprocess::CloseStdin() {
  MutexLock lock(&mu_);
  if (stdin_ >= 0) close(std::exchange(stdin_, -1));
}

void Subprocess::Signal(int signal) {
  MutexLock lock(&mu_);
  if (!exit_.has_value()) kill(pid_, signal);
}

void Subprocess::Watch(int out, int err) {
  pollfd fds[] = {{.fd = out, .events = POLLIN, .revents = 0},
                  {.fd = err, .events = POLLIN, .revents = 0}};
  std::string* const texts[] = {&out_, &err_};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (poll(fds, 2, -1) < 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (fds[i].revents == 0) continue;
      char buffer[4096];
      const ssize_t size = read(fds[i].fd, buffer, sizeof(buffer));
      if (size < 0 && errno == EINTR) continue;
      MutexLock lock(&mu_);
      if (size > 0) texts[i]->append(buffer, size);
      if (size <= 0 || (i == 1 && !hang_up_after_.empty() &&
                        absl::StrContains(err_, hang_up_after_))) {
        close(std::exchange(fds[i].fd, -1));  // poll() passes over it.
      }
      changed_.notify_all();
    }
  }
  // Its number is free for others only after waitpid(), which Signal() must
  // not come after.
  siginfo_t info;
  while (waitid(P_PID, pid_, &info, WEXITED | WNOWAIT) != 0) {
    DieUnless(errno == EINTR, "waitid");
  }
  MutexLock lock(&mu_);
  int status;
  DieUnless(waitpid(pid_, &status, 0) == pid_, "waitpid");
  exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  changed_.notify_all();
}

bool Subprocess::Await(absl::Duration bound,
                       const std::function<bool()>& condition) {
  MutexLock lock(&mu_);
  return changed_.wait_for(mu_, absl::ToChronoNanoseconds(bound), condition);
}

}  // namespace spanner_session_emulator
