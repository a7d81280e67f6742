#include "server/transport/http_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/transport/http_connection.h"
#include "server/transport/http_workers.h"
// After the above, for <utility>.
#include "boost/asio/executor_work_guard.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/posix/stream_descriptor.hpp"
#include "boost/asio/post.hpp"
#include "boost/asio/steady_timer.hpp"
#include "server/transport/file_descriptor.h"
#include "server/transport/listen.h"
#include "server/transport/peer_name.h"
#include "store/mutex.h"

namespace spanner_session_emulator {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

// How long to leave a socket alone that has no files or memory for a client.
constexpr auto kAcceptPause = std::chrono::milliseconds(50);
// After so many, the clients that there are have their turn.
constexpr int kAcceptsAtOnce = 64;

// A client that has vanished without a word is noticed after two minutes, even
// where nothing is sent to it: in a stream that waits. In seconds.
constexpr int kKeepAliveIdle = 60;
constexpr int kKeepAliveInterval = 10;
constexpr int kKeepAliveProbes = 6;

// A thread and its connections. All but the constructor, Post() and Join() runs
// in the thread.
class Loop {
 public:
  Loop(const HttpServerOptions& options, HttpWorkers* workers)
      : options_(options), workers_(*workers) {}

  void Start(std::function<void()> on_end) {
    thread_ = std::thread([this, on_end = std::move(on_end)] {
      Run();
      on_end();
    });
  }

  template <typename F>
  void Post(F function) {
    asio::post(context_, std::move(function));
  }

  asio::io_context& context() { return context_; }

  void Serve(FileDescriptor socket, std::string peer) {
    if (draining_) return;
    const auto connection = std::make_shared<HttpConnection>(
        &context_, options_, &workers_, std::move(peer),
        [this](HttpConnection* closed) { connections_.erase(closed); });
    connections_.emplace(connection.get(), connection);
    connection->Start(std::move(socket));
  }

  // From now on, the thread ends when the last connection has.
  void Drain() {
    draining_ = true;
    work_.reset();
    ForEach([](HttpConnection& connection) { connection.Drain(); });
  }
  void Cut() {
    ForEach([](HttpConnection& connection) { connection.Close(); });
  }

  void Join() {
    if (!thread_.joinable()) return;
    thread_.join();
    // Sockets that came too late.
    context_.restart();
    Run();
  }

 private:
  void Run() {
    while (true) {
      try {
        context_.run();
        return;
      } catch (const std::exception&) {
        // Out of memory or the like: what was under way is lost, no more.
      }
    }
  }

  template <typename F>
  void ForEach(F function) {
    // It may close the connection, which is then erased.
    const auto connections = connections_;
    for (const auto& [key, connection] : connections) function(*connection);
  }

  const HttpServerOptions& options_;
  HttpWorkers& workers_;
  asio::io_context context_{1};  // One thread runs it.
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>>
      work_{context_.get_executor()};
  bool draining_ = false;
  absl::flat_hash_map<HttpConnection*, std::shared_ptr<HttpConnection>>
      connections_;
  std::thread thread_;
};

// A socket that is listened on. Everything happens in the loop's thread.
class Listener {
 public:
  using Accept = std::function<void(FileDescriptor, std::string peer)>;

  Listener(asio::io_context& context, FileDescriptor socket, Accept accept)
      : socket_(context), timer_(context), accept_(std::move(accept)) {
    socket_.assign(socket.get());
    (void)socket.Release();
  }

  void Wait() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this](const Error& error) {
                         if (!error) AcceptAll();
                       });
  }

  void Close() {
    closed_ = true;
    Error ignored;
    socket_.close(ignored);
    timer_.cancel();
  }

 private:
  void AcceptAll() {
    for (int i = 0; i < kAcceptsAtOnce && !closed_; ++i) {
      sockaddr_storage address = {};
      socklen_t size = sizeof(address);
      FileDescriptor client(accept4(socket_.native_handle(),
                                    reinterpret_cast<sockaddr*>(&address),
                                    &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (client.get() < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
            errno == ENOMEM) {
          Pause();
          return;
        }
        continue;  // A client that is gone already.
      }
      accept_(std::move(client), PeerName(address));
    }
    if (!closed_) Wait();
  }

  void Pause() {
    timer_.expires_after(kAcceptPause);
    timer_.async_wait([this](const Error& error) {
      if (!error && !closed_) Wait();
    });
  }

  asio::posix::stream_descriptor socket_;
  asio::steady_timer timer_;
  const Accept accept_;
  bool closed_ = false;
};

}  // namespace

class HttpServer::Impl {
 public:
  // May throw what Asio throws when the system has no more files or threads.
  Impl(HttpServerOptions options, ListenSockets sockets)
      : options_(std::move(options)),
        port_(sockets.port),
        addresses_(std::move(sockets.addresses)) {
    for (int i = 0; i < options_.threads; ++i) {
      loops_.push_back(std::make_unique<Loop>(options_, &workers_));
    }
    for (FileDescriptor& socket : sockets.sockets) {
      listeners_.push_back(std::make_unique<Listener>(
          loops_[0]->context(), std::move(socket),
          [this](FileDescriptor client, std::string peer) {
            Serve(std::move(client), std::move(peer));
          }));
    }
  }
  ~Impl() { Shutdown(absl::ZeroDuration()); }

  void Start() {
    for (const auto& loop : loops_) {
      {
        MutexLock lock(&mu_);
        ++running_;
      }
      loop->Start([this] {
        MutexLock lock(&mu_);
        --running_;
        ended_.notify_all();
      });
    }
    loops_[0]->Post([this] {
      for (const auto& listener : listeners_) listener->Wait();
    });
  }

  int port() const { return port_; }
  const std::vector<std::string>& addresses() const { return addresses_; }

  void Serve(FileDescriptor socket, std::string peer) {
    if (shut_down_) return;
    // These fail for what is not TCP.
    const auto set = [&](int level, int option, int value) {
      setsockopt(socket.get(), level, option, &value, sizeof(value));
    };
    set(IPPROTO_TCP, TCP_NODELAY, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdle);
    set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveInterval);
    set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    loop.Post(
        [&loop, socket = std::move(socket), peer = std::move(peer)]() mutable {
          loop.Serve(std::move(socket), std::move(peer));
        });
  }

  void Shutdown(absl::Duration grace) {
    MutexLock shutdown_lock(&shutdown_mu_);
    if (shut_down_.exchange(true)) return;
    loops_[0]->Post([this] {
      for (const auto& listener : listeners_) listener->Close();
    });
    for (const auto& loop : loops_) {
      loop->Post([&loop = *loop] { loop.Drain(); });
    }
    if (!WaitForLoops(grace)) {
      for (const auto& loop : loops_) {
        loop->Post([&loop = *loop] { loop.Cut(); });
      }
    }
    for (const auto& loop : loops_) loop->Join();
    workers_.Stop();  // Each loop has waited for its jobs.
  }

 private:
  // Returns false if not all have ended when the time is over.
  bool WaitForLoops(absl::Duration grace) {
    MutexLock lock(&mu_);
    const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return running_ == 0;
    };
    if (grace > absl::Hours(24 * 365)) {
      ended_.wait(mu_, none);
      return true;
    }
    return ended_.wait_for(mu_, absl::ToChronoNanoseconds(grace), none);
  }

  const HttpServerOptions options_;
  const int port_;
  const std::vector<std::string> addresses_;
  HttpWorkers workers_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::atomic<size_t> next_loop_{0};

  Mutex shutdown_mu_;
  std::atomic<bool> shut_down_{false};

  Mutex mu_;
  CondVar ended_;
  int running_ ABSL_GUARDED_BY(mu_) = 0;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    HttpServerOptions options) {
  if (options.handler == nullptr) {
    return absl::InvalidArgumentError("there is no handler");
  }
  if (options.threads < 0) {
    return absl::InvalidArgumentError("the number of threads is negative");
  }
  if (options.threads == 0) {
    const auto cpus = static_cast<int>(std::thread::hardware_concurrency());
    options.threads = std::clamp(cpus, 1, 4);
  }
  ListenSockets sockets;
  if (!options.hostname.empty()) {
    absl::StatusOr<ListenSockets> opened =
        Listen(options.hostname, options.port);
    if (!opened.ok()) return opened.status();
    sockets = *std::move(opened);
  }
  // The one place where Asio and the standard library can only throw.
  try {
    auto impl = std::make_unique<Impl>(std::move(options), std::move(sockets));
    impl->Start();
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
  } catch (const std::exception& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start an HTTP server: ", error.what()));
  }
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() = default;

int HttpServer::port() const { return impl_->port(); }

const std::vector<std::string>& HttpServer::addresses() const {
  return impl_->addresses();
}

void HttpServer::Serve(int fd) {
  std::string peer = PeerName(fd);
  impl_->Serve(FileDescriptor(fd), std::move(peer));
}

void HttpServer::Shutdown(absl::Duration grace) { impl_->Shutdown(grace); }

}  // namespace spanner_session_emulator
