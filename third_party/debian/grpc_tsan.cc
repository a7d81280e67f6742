// What the thread sanitizer must know about Debian's gRPC and abseil, which are
// not instrumented: it sees neither their atomics nor their locks, so whatever
// they hand from one thread to another looks like a race. BUILD.grpc links this
// into all that uses gRPC, in builds with that sanitizer only, and has the
// linker send the libraries' calls of the functions below through here
// (ld --wrap). So our own code stays checked, also where gRPC calls it; what
// the libraries do with their own memory is not.

#include <sanitizer/tsan_interface.h>

#include <atomic>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpc/grpc.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "grpcpp/support/server_callback.h"

// Declares __real_<name>, the library's function, and begins the definition of
// __wrap_<name>, which is called instead.
#define WRAP(result, name, parameters)        \
  extern "C" result __real_##name parameters; \
  extern "C" result __wrap_##name parameters

// Defined by the sanitizer, but in none of its headers.
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}

// ---- absl::Mutex and absl::CondVar, which gRPC uses everywhere.

WRAP(void, _ZN4absl7debian35Mutex4LockEv, (absl::Mutex * mu)) {
  __real__ZN4absl7debian35Mutex4LockEv(mu);
  __tsan_acquire(mu);
}

WRAP(bool, _ZN4absl7debian35Mutex7TryLockEv, (absl::Mutex * mu)) {
  const bool locked = __real__ZN4absl7debian35Mutex7TryLockEv(mu);
  if (locked) __tsan_acquire(mu);
  return locked;
}

WRAP(void, _ZN4absl7debian35Mutex6UnlockEv, (absl::Mutex * mu)) {
  __tsan_release(mu);
  __real__ZN4absl7debian35Mutex6UnlockEv(mu);
}

WRAP(void, _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE,
     (absl::CondVar * changed, absl::Mutex* mu)) {
  __tsan_release(mu);
  __real__ZN4absl7debian37CondVar4WaitEPNS0_5MutexE(changed, mu);
  __tsan_acquire(mu);
}

WRAP(bool, _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE,
     (absl::CondVar * changed, absl::Mutex* mu, absl::Duration timeout)) {
  __tsan_release(mu);
  const bool timed_out =
      __real__ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE(
          changed, mu, timeout);
  __tsan_acquire(mu);
  return timed_out;
}

WRAP(bool, _ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE,
     (absl::CondVar * changed, absl::Mutex* mu, absl::Time deadline)) {
  __tsan_release(mu);
  const bool timed_out =
      __real__ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE(
          changed, mu, deadline);
  __tsan_acquire(mu);
  return timed_out;
}

// The lock's first member is the mutex.
WRAP(void, _ZN4absl7debian319ReleasableMutexLock7ReleaseEv,
     (absl::Mutex * *lock)) {
  __tsan_release(*lock);
  __real__ZN4absl7debian319ReleasableMutexLock7ReleaseEv(lock);
}

// ---- gRPC's queues without locks: who takes a node sees what its giver did.

#define WRAP_PUSH(name)                         \
  WRAP(bool, name, (void* queue, void* node)) { \
    __tsan_release(node);                       \
    return __real_##name(queue, node);          \
  }
#define WRAP_POP(name)                         \
  WRAP(void*, name, (void* queue)) {           \
    void* const node = __real_##name(queue);   \
    if (node != nullptr) __tsan_acquire(node); \
    return node;                               \
  }

WRAP_PUSH(_ZN9grpc_core32MultiProducerSingleConsumerQueue4PushEPNS0_4NodeE)
WRAP_PUSH(
    _ZN9grpc_core38LockedMultiProducerSingleConsumerQueue4PushEPNS_32MultiProducerSingleConsumerQueue4NodeE)
WRAP_POP(_ZN9grpc_core32MultiProducerSingleConsumerQueue3PopEv)
WRAP_POP(_ZN9grpc_core38LockedMultiProducerSingleConsumerQueue3PopEv)
WRAP_POP(_ZN9grpc_core38LockedMultiProducerSingleConsumerQueue6TryPopEv)

WRAP(void*, _ZN9grpc_core32MultiProducerSingleConsumerQueue14PopAndCheckEndEPb,
     (void* queue, bool* empty)) {
  void* const node =
      __real__ZN9grpc_core32MultiProducerSingleConsumerQueue14PopAndCheckEndEPb(
          queue, empty);
  if (node != nullptr) __tsan_acquire(node);
  return node;
}

// ---- What we and gRPC say to each other.

// What gRPC does with its own memory inside these is not to be checked. They
// are where it does nearly all of its work, and they call none of our code.
namespace {

class NotChecked {
 public:
  NotChecked() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~NotChecked() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
};

}  // namespace

WRAP(int, grpc_call_start_batch,
     (void* call, const void* operations, size_t count, void* tag,
      void* reserved)) {
  // The end of a batch of operations comes after its start; see below.
  __tsan_release(tag);
  const NotChecked not_checked;
  return __real_grpc_call_start_batch(call, operations, count, tag, reserved);
}

WRAP(grpc_event, grpc_completion_queue_next,
     (grpc_completion_queue * queue, gpr_timespec deadline, void* reserved)) {
  const NotChecked not_checked;
  return __real_grpc_completion_queue_next(queue, deadline, reserved);
}

WRAP(grpc_event, grpc_completion_queue_pluck,
     (grpc_completion_queue * queue, void* tag, gpr_timespec deadline,
      void* reserved)) {
  const NotChecked not_checked;
  return __real_grpc_completion_queue_pluck(queue, tag, deadline, reserved);
}

// gRPC's closures; ours run elsewhere.
WRAP(bool, _ZN9grpc_core7ExecCtx5FlushEv, (void* context)) {
  const NotChecked not_checked;
  return __real__ZN9grpc_core7ExecCtx5FlushEv(context);
}

// A server is destroyed after the last of its calls, which it counts.
static char calls_of_servers;

WRAP(void, grpc_call_unref, (grpc_call * call)) {
  __tsan_release(&calls_of_servers);
  const NotChecked not_checked;
  __real_grpc_call_unref(call);
}

WRAP(void, grpc_server_destroy, (grpc_server * server)) {
  __tsan_acquire(&calls_of_servers);
  const NotChecked not_checked;
  __real_grpc_server_destroy(server);
}

WRAP(void, grpc_byte_buffer_destroy, (grpc_byte_buffer * buffer)) {
  const NotChecked not_checked;
  __real_grpc_byte_buffer_destroy(buffer);
}

WRAP(void, grpc_channel_destroy, (grpc_channel * channel)) {
  const NotChecked not_checked;
  __real_grpc_channel_destroy(channel);
}

WRAP(
    void,
    _Z14grpc_cq_end_opP21grpc_completion_queuePvN4absl7debian36StatusEPFvS1_P18grpc_cq_completionES1_S6_b,
    (void* queue, void* tag, absl::Status* error, void* done, void* argument,
     void* storage, bool internal)) {
  __tsan_acquire(tag);
  __real__Z14grpc_cq_end_opP21grpc_completion_queuePvN4absl7debian36StatusEPFvS1_P18grpc_cq_completionES1_S6_b(
      queue, tag, error, done, argument, storage, internal);
}

// After OnCancel(), the library takes off one of the counts whose last one
// leads to OnDone(), out of the sanitizer's sight; all others are taken off in
// headers. So another reactor stands in, and notes where the counter is, and
// the thread that schedules OnDone() next sees what the others have done.
namespace {

thread_local void* counter_of_cancelled_call = nullptr;

class CancelledReactor final : public grpc::internal::ServerReactor {
 public:
  CancelledReactor(char* call, ServerReactor* reactor)
      : call_(call), reactor_(reactor) {}
  void OnDone() override {}
  void OnCancel() override {
    reactor_->OnCancel();
    // Behind the pointer to virtual functions and another counter.
    void* const counter = call_ + sizeof(void*) + sizeof(std::atomic_int);
    __tsan_release(counter);
    counter_of_cancelled_call = counter;
    delete this;
  }

 private:
  char* const call_;
  ServerReactor* const reactor_;
};

}  // namespace

WRAP(void,
     _ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE,
     (char* call, grpc::internal::ServerReactor* reactor)) {
  __real__ZN4grpc8internal18ServerCallbackCall12CallOnCancelEPNS0_13ServerReactorE(
      call, new CancelledReactor(call, reactor));
}

WRAP(
    void,
    _ZN9grpc_core8Executor3RunEP12grpc_closureN4absl7debian36StatusENS_12ExecutorTypeENS_15ExecutorJobTypeE,
    (void* closure, absl::Status* error, int executor, int length)) {
  if (counter_of_cancelled_call != nullptr) {
    __tsan_acquire(std::exchange(counter_of_cancelled_call, nullptr));
  }
  __real__ZN9grpc_core8Executor3RunEP12grpc_closureN4absl7debian36StatusENS_12ExecutorTypeENS_15ExecutorJobTypeE(
      closure, error, executor, length);
}

// The generic service's handler is a template that only the library makes, but
// here it is instrumented.
template class grpc::internal::CallbackBidiHandler<grpc::ByteBuffer,
                                                   grpc::ByteBuffer>;

// An access that was too long ago has no stack, and fits no suppression.
extern "C" const char* __tsan_default_options() { return "history_size=7"; }

// ---- The rest, by the function that makes the access. Each is inside one of
// the libraries and calls no code of ours, so that none of ours is suppressed
// with it.
extern "C" const char* __tsan_default_suppressions() {
  return
      // Freed by whoever drops the last reference, which an atomic counts.
      "race:^grpc_event_engine::experimental::GetDefaultEventEngine\n"
      // A unary call that was complete at once, and is cancelled at the same
      // time, ends in the thread of the cancellation, after the library has
      // taken off the last count. (What our own OnDone() does is checked where
      // calls stream.)
      "race:^grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, "
      "grpc::ByteBuffer>::ServerCallbackUnaryImpl::CallOnDone\n"
      "race:^grpc::ServerContextBase::~ServerContextBase\n"
      // abseil's check for deadlocks, under a spin lock.
      "race:^absl::*::synchronization_internal::GraphCycles::\n"
      "race:^void std::__insertion_sort<int*, "
      "__gnu_cxx::__ops::_Iter_comp_iter<absl::*::synchronization_internal::\n"
      // Static variables, initialized by the first to come.
      "race:^google::protobuf::*::AssignDescriptorsImpl\n"
      "race:^google::protobuf::DescriptorPool::FindFileByName\n"
      "race:^absl::*::time_internal::cctz::*::TimeZoneMutex\n"
      // At its end, a process does not wait for all of gRPC's threads.
      "thread:^grpc_core::Thread::Thread\n";
}
