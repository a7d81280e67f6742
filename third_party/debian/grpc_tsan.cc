// What the thread sanitizer must know about Debian's gRPC and abseil, which are
// not instrumented: it sees neither their atomics nor their locks, so whatever
// they hand from one thread to another looks like a race. BUILD.grpc links this
// into all that uses gRPC, in builds with that sanitizer only, and has the
// linker send the libraries' calls of the functions below through here
// (ld --wrap). So our own code stays checked, also where gRPC calls it; what
// the libraries do with their own memory is suppressed at the end.

#include <sanitizer/tsan_interface.h>

#include <atomic>
#include <cstddef>

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

namespace {

// All that happened here before happens before what follows.
void Synchronize(void* address) {
  __tsan_acquire(address);
  __tsan_release(address);
}

}  // namespace

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

// A combiner runs its closures one after the other, on any thread. It takes the
// next one from its queue here, and leaves the thread in the function below.
static thread_local void* combiner_queue = nullptr;

WRAP(void*, _ZN9grpc_core32MultiProducerSingleConsumerQueue14PopAndCheckEndEPb,
     (void* queue, bool* empty)) {
  combiner_queue = queue;
  Synchronize(queue);
  void* const node =
      __real__ZN9grpc_core32MultiProducerSingleConsumerQueue14PopAndCheckEndEPb(
          queue, empty);
  if (node != nullptr) __tsan_acquire(node);
  return node;
}

WRAP(bool, _Z31grpc_combiner_continue_exec_ctxv, ()) {
  combiner_queue = nullptr;
  const bool more = __real__Z31grpc_combiner_continue_exec_ctxv();
  if (combiner_queue != nullptr) __tsan_release(combiner_queue);
  return more;
}

// ---- gRPC's other means to hand over closures.

WRAP(
    void,
    _ZN9grpc_core12CallCombiner5StartEP12grpc_closureN4absl7debian36StatusEPKciS7_,
    (void* combiner, void* closure, absl::Status* error, const char* file,
     int line, const char* reason)) {
  Synchronize(combiner);
  __real__ZN9grpc_core12CallCombiner5StartEP12grpc_closureN4absl7debian36StatusEPKciS7_(
      combiner, closure, error, file, line, reason);
}

WRAP(void, _ZN9grpc_core12CallCombiner4StopEPKciS2_,
     (void* combiner, const char* file, int line, const char* reason)) {
  __tsan_release(combiner);
  __real__ZN9grpc_core12CallCombiner4StopEPKciS2_(combiner, file, line, reason);
}

WRAP(void, _ZN9grpc_core13LockfreeEvent8NotifyOnEP12grpc_closure,
     (void* event, void* closure)) {
  Synchronize(event);
  __real__ZN9grpc_core13LockfreeEvent8NotifyOnEP12grpc_closure(event, closure);
}

WRAP(void, _ZN9grpc_core13LockfreeEvent8SetReadyEv, (void* event)) {
  Synchronize(event);
  __real__ZN9grpc_core13LockfreeEvent8SetReadyEv(event);
}

WRAP(bool, _ZN9grpc_core13LockfreeEvent11SetShutdownEN4absl7debian36StatusE,
     (void* event, absl::Status* error)) {
  Synchronize(event);
  return __real__ZN9grpc_core13LockfreeEvent11SetShutdownEN4absl7debian36StatusE(
      event, error);
}

// ---- What we and gRPC say to each other.

// What gRPC does with its own memory inside these three is not to be checked.
// They are where it does most of its work, and they call none of our code.
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
// leads to OnDone(). It does so out of the sanitizer's sight; all others do it
// in headers. So another reactor's OnCancel() stands in, and tells.
namespace {

class CancelledReactor final : public grpc::internal::ServerReactor {
 public:
  CancelledReactor(char* call, ServerReactor* reactor)
      : call_(call), reactor_(reactor) {}
  void OnDone() override {}
  void OnCancel() override {
    reactor_->OnCancel();
    // Where the class has its counter: behind the pointer to virtual functions
    // and another counter.
    Synchronize(call_ + sizeof(void*) + sizeof(std::atomic_int));
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
      // Whoever drops the last reference frees. The counts are atomics in
      // uninstrumented code.
      "race:^grpc_core::Arena::~Arena\n"
      "race:^grpc_core::CallCombiner::~CallCombiner\n"
      "race:^grpc_core::ClientChannel::~ClientChannel\n"
      "race:^grpc_core::FilterStackCall::~FilterStackCall\n"
      "race:^grpc_core::LoadBalancingPolicy::TransientFailurePicker::~\n"
      "race:^grpc_core::LockfreeEvent::DestroyEvent\n"
      "race:^grpc_core::MetadataMap<\n"
      "race:^grpc_core::Server::CallData::~CallData\n"
      "race:^grpc_chttp2_stream::~grpc_chttp2_stream\n"
      "race:^grpc_chttp2_transport::~grpc_chttp2_transport\n"
      "race:^grpc_slice_buffer_\n"
      "race:^grpc_event_engine::experimental::GetDefaultEventEngine\n"
      "race:^absl::*::Status::UnrefNonInlined\n"
      "race:^absl::*::inlined_vector_internal::Storage<absl::*::Payload\n"
      // One thread sends, another one, with the last reference, closes.
      "race:^tcp_send\n"
      // Bytes that have come in. What a batch of operations is made of is done
      // by several threads, and the last one, by an atomic count, ends it.
      "race:^gpr_realloc\n"
      "race:^grpc_slice_from_copied_buffer\n"
      "race:^grpc_slice_malloc\n"
      // abseil's check for deadlocks, under a spin lock.
      "race:^absl::*::synchronization_internal::GraphCycles::\n"
      "race:^void std::__insertion_sort<int*, "
      "__gnu_cxx::__ops::_Iter_comp_iter<absl::*::synchronization_internal::\n"
      // A static variable, initialized by the first to come.
      "race:^absl::*::time_internal::cctz::*::TimeZoneMutex\n";
}
