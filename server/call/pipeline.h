// The one way that every call takes, whatever its protocol and its method.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CALL_PIPELINE_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CALL_PIPELINE_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/call/call.h"
#include "server/call/call_meter.h"
#include "server/call/reply.h"

namespace spanner_session_emulator {

// Whether a call may come by the endpoint that its context's Authority() names.
// Thread-safe.
using EndpointCheck = std::function<absl::Status(const Call&)>;

// Says who may call. Thread-safe.
class Guard {
 public:
  virtual ~Guard() = default;
  // Whether the call has a credential that is good for its method. Asked before
  // its request is looked at; may leave in Call::caller whose it is.
  virtual absl::Status CheckCredential(Call& call) = 0;
  // Whether that caller may do what the request asks for. Asked once the
  // request is known to make sense, before anybody looks at what exists.
  virtual absl::Status CheckPermission(const Call& call) = 0;
};

// Stands before the handlers of Google's API, where a test wants that.
// Thread-safe.
class Interceptor {
 public:
  virtual ~Interceptor() = default;
  // Whether it is worth asking. This is all that other calls pay.
  bool active() const { return active_.load(std::memory_order_relaxed); }
  // The reply, with the help of the method's handler or without. It may be a
  // source, for unary methods as well.
  virtual Reply Answer(Call& call) = 0;

 protected:
  void set_active(bool active) { active_ = active; }

 private:
  std::atomic<bool> active_{false};
};

// Keeps a record of calls. Thread-safe.
class Recorder {
 public:
  virtual ~Recorder() = default;
  virtual CallTime Now() const = 0;
  // Puts an open record into Call::record, before anything of the reply is
  // sent, or is held up.
  virtual void Open(Call& call, CallTime start) = 0;
  // Of such a call, once, before its client is told of the end. May take the
  // call's notes.
  virtual void Close(Call& call, const absl::Status& status) = 0;
};

// Looks where the call has gone, asks the guard who calls, parses the request,
// then its resource's name, then lets the method's validator look at the rest,
// then asks the guard whether the caller may, then runs the method's handler,
// or has the interceptor do so; the first error is the reply. The recorder is
// told of calls of Google's API, and of those of nobody's; each call is counted
// by its method's meter. Immutable, thus thread-safe.
class Pipeline {
 public:
  // Is told of every call that has ended, with its status.
  using Observer = std::function<void(const Call&, const absl::Status&,
                                      absl::Duration took)>;

  // `observer` may be null. `guard` may be null: everybody may call; it must
  // outlive the pipeline. `check_endpoint` may be null: calls may come by any
  // endpoint. `interceptor` and `recorder` may be null; they must outlive the
  // pipeline. So must `unknown_calls`, the meter of the methods that nobody
  // has, which may be null.
  explicit Pipeline(Observer observer, Guard* guard = nullptr,
                    EndpointCheck check_endpoint = nullptr,
                    Interceptor* interceptor = nullptr,
                    Recorder* recorder = nullptr,
                    CallMeter* unknown_calls = nullptr)
      : observer_(std::move(observer)),
        guard_(guard),
        check_endpoint_(std::move(check_endpoint)),
        interceptor_(interceptor),
        recorder_(recorder),
        unknown_calls_(unknown_calls) {}

  // Whether a call of the method may have to wait for its reply, even of a
  // unary one. If not, its Call can be Unary::kAtOnce, and no wait will be
  // asked for.
  bool MayWait(const Method& method) const;

  // Called by a transport: Begin() when the request is there, End() with what
  // Begin() gave when it is known how the reply ends, just before that is sent.
  // A unary reply is handed over just afterwards: the call's data may go with
  // it.
  using Clock = std::chrono::steady_clock;  // Latency is real time.
  struct Begun {
    Reply reply;
    Clock::time_point start;
  };
  Begun Begin(Call& call) const;
  void End(Call& call, const absl::Status& status,
           Clock::time_point start) const;

 private:
  // Whether faults may come over calls of the method.
  bool MayIntercept(const Method& method) const;
  // Whether there is to be a record of its calls.
  bool Records(const Method& method) const;
  Reply Answer(Call& call) const;
  static absl::Status Parse(Call& call);
  static absl::Status ParseResource(Call& call);

  const Observer observer_;
  Guard* const guard_;
  const EndpointCheck check_endpoint_;
  Interceptor* const interceptor_;
  Recorder* const recorder_;
  CallMeter* const unknown_calls_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CALL_PIPELINE_H_
