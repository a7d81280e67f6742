// A reply that faults have come over.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_SOURCE_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_SOURCE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "server/call/call.h"
#include "server/call/reply.h"
#include "server/mock/fault.h"
#include "server/mock/waits.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// What faults work with.
struct FaultEnvironment {
  // The error of a caller without the permission that the call needs, which has
  // been parsed; OK if it needs none.
  using PermissionDenied = std::function<absl::Status(const Call&)>;

  SessionStore* store;
  PermissionDenied permission_denied;
};

// A fault that is applied to a call.
struct AppliedFault {
  std::shared_ptr<const Fault> fault;
  std::shared_ptr<Waits::Group> group;  // Of the calls that it holds.
  FaultDraws draws;
};

// Has the call's handler answer it, unless a fault says otherwise, and lets
// faults come over the reply. For one thread at a time.
class FaultSource final : public ReplySource {
 public:
  // All must outlive the source. `transaction_id` is the call's.
  FaultSource(Call* call, const FaultEnvironment* environment, Waits* waits,
              std::vector<AppliedFault> faults, std::string transaction_id);

  // Goes on to the first step, or until a fault holds the call. Once, before
  // anything else.
  void Prime();
  ReplyStep Next() override;
  void OnReady(std::function<void()> wake) override;

 private:
  enum class Action { kDelay, kEffect };
  struct Due {
    AppliedFault* fault;
    Action action;
  };

  // Adds what a fault does at its place, and then what it does at each message.
  void AddDue(AppliedFault& fault);
  // Adds what comes before `held_`.
  void Arrive();
  void Delay(AppliedFault& fault);
  // The end of the reply, if it is one.
  std::optional<ReplyStep> Effect(const AppliedFault& fault);
  ReplyStep End(absl::Status status);
  void DropReply();
  // If the call has one that can be.
  void AbortTransaction();
  absl::Status StatusOf(const Fault& fault) const;
  // Has the message that is held say nothing of a transaction.
  void HideTransaction();

  Call& call_;
  const FaultEnvironment& environment_;
  Waits& waits_;
  std::vector<AppliedFault> faults_;
  const std::string transaction_id_;

  std::optional<ReplyStep> first_;  // That Prime() has come to.
  std::vector<bool> come_;          // Which faults have come over the call.
  std::deque<Due> due_;
  int64_t pauses_ = 0;
  std::unique_ptr<Waits::Wait> wait_;
  bool swallowed_ = false;
  bool hides_transaction_ = false;

  std::unique_ptr<ReplySource> source_;  // The handler's, once it has run.
  std::optional<ReplyStep> held_;        // Its last step, not yet taken.
  std::unique_ptr<google::protobuf::Message>
      altered_;       // In its message's place.
  int64_t sent_ = 0;  // Messages.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_SOURCE_H_
