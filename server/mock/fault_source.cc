#include "server/mock/fault_source.h"

#include <chrono>
#include <utility>

#include "absl/time/time.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/errors.h"
#include "server/call/method.h"
#include "store/names.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// A copy.
std::unique_ptr<google::protobuf::Message> WithoutTransaction(
    const google::protobuf::Message& message) {
  std::unique_ptr<google::protobuf::Message> copy(message.New());
  copy->CopyFrom(message);
  const auto clear = [](auto* result) {
    if (result != nullptr && result->has_metadata()) {
      result->mutable_metadata()->clear_transaction();
    }
  };
  clear(dynamic_cast<api::ResultSet*>(copy.get()));
  clear(dynamic_cast<api::PartialResultSet*>(copy.get()));
  if (auto* response = dynamic_cast<api::PartitionResponse*>(copy.get())) {
    response->clear_transaction();
  }
  if (auto* batch = dynamic_cast<api::ExecuteBatchDmlResponse*>(copy.get())) {
    for (api::ResultSet& result : *batch->mutable_result_sets()) clear(&result);
  }
  return copy;
}

}  // namespace

FaultSource::FaultSource(Call* call, const FaultEnvironment* environment,
                         Waits* waits, std::vector<AppliedFault> faults,
                         std::string transaction_id)
    : call_(*call),
      environment_(*environment),
      waits_(*waits),
      faults_(std::move(faults)),
      transaction_id_(std::move(transaction_id)),
      come_(faults_.size(), false) {
  for (size_t i = 0; i < faults_.size(); ++i) {
    if (faults_[i].fault->when() != v1::Fault::BEFORE) continue;
    come_[i] = true;
    AddDue(faults_[i]);
  }
}

void FaultSource::Prime() {
  ReplyStep step = Next();
  if (step.kind != ReplyStep::Kind::kWait) first_ = std::move(step);
}

ReplyStep FaultSource::Next() {
  if (first_.has_value()) return *std::exchange(first_, std::nullopt);
  while (true) {
    if (wait_ != nullptr) {
      if (!wait_->is_over()) return ReplyStep::Wait();
      const bool shut_down = wait_->was_shut_down();
      const bool called_off = wait_->was_called_off();
      wait_.reset();
      if (shut_down) return End(errors::ShuttingDown());
      if (called_off) return End(errors::CallReset());
      if (swallowed_) return End(errors::DeadlineExpired());
    }
    if (!due_.empty()) {
      const Due due = due_.front();
      due_.pop_front();
      if (due.action == Action::kDelay) {
        Delay(*due.fault);
      } else if (auto end = Effect(*due.fault)) {
        DropReply();
        return *std::move(end);
      }
      continue;
    }
    if (held_.has_value()) return *std::exchange(held_, std::nullopt);
    if (source_ == nullptr) {
      source_ = call_.method().handle(call_).TakeSource();
    }
    ReplyStep step = source_->Next();
    if (step.kind == ReplyStep::Kind::kWait) return step;
    held_ = std::move(step);
    if (hides_transaction_) HideTransaction();
    Arrive();
  }
}

ReplyStep FaultSource::End(absl::Status status) {
  DropReply();
  return ReplyStep::End(std::move(status));
}

void FaultSource::DropReply() {
  held_.reset();
  source_.reset();
}

void FaultSource::OnReady(std::function<void()> wake) {
  if (wait_ != nullptr) {
    wait_->OnOver(std::move(wake));
  } else {
    source_->OnReady(std::move(wake));
  }
}

void FaultSource::AddDue(AppliedFault& fault) {
  if (fault.fault->pauses() || fault.fault->freezes()) {
    due_.push_back({&fault, Action::kDelay});
  }
  if (fault.fault->has_effect()) due_.push_back({&fault, Action::kEffect});
}

void FaultSource::Arrive() {
  const bool is_message = held_->kind == ReplyStep::Kind::kMessage;
  // A unary reply is sent whole: what is to come after its message comes before
  // it.
  const bool is_unary = !call_.method().server_streaming;
  if (is_unary && sent_ > 0) return;
  for (size_t i = 0; i < faults_.size(); ++i) {
    const Fault& fault = *faults_[i].fault;
    if (come_[i]) {
      if (fault.delays_each_message()) {
        due_.push_back({&faults_[i], Action::kDelay});
      }
      continue;
    }
    const bool is_its_place = !is_message || is_unary ||
                              (fault.when() == v1::Fault::AFTER &&
                               sent_ >= fault.proto().after_messages());
    if (!is_its_place) continue;
    come_[i] = true;
    AddDue(faults_[i]);
  }
  if (is_message) ++sent_;
}

void FaultSource::Delay(AppliedFault& fault) {
  Waits::Time until = Waits::Never();
  if (fault.fault->pauses()) {
    until = std::chrono::steady_clock::now() +
            absl::ToChronoNanoseconds(
                fault.fault->PauseLength(fault.draws, pauses_++));
  }
  wait_ = waits_.Begin(fault.group, until);
}

std::optional<ReplyStep> FaultSource::Effect(const AppliedFault& applied) {
  const v1::Fault& fault = applied.fault->proto();
  switch (fault.effect_case()) {
    case v1::Fault::kError:
      if (absl::IsAborted(applied.fault->error())) AbortTransaction();
      return ReplyStep::End(applied.fault->error());
    case v1::Fault::kStatus:
      if (fault.status() == v1::Fault::ABORTED) AbortTransaction();
      return ReplyStep::End(StatusOf(*applied.fault));
    case v1::Fault::kCutConnection:
      return ReplyStep::Cut(errors::ConnectionCut());
    case v1::Fault::kSwallow:
      swallowed_ = true;
      wait_ = waits_.Begin(applied.group, Waits::Never());
      break;
    case v1::Fault::kAskForCommitRetry:
      static_cast<api::CommitRequest&>(call_.mutable_request())
          .clear_precommit_token();
      break;
    case v1::Fault::kHideTransaction:
      hides_transaction_ = true;
      break;
    case v1::Fault::EFFECT_NOT_SET:
      break;
  }
  return std::nullopt;
}

void FaultSource::AbortTransaction() {
  if (transaction_id_.empty()) return;
  environment_.store->AbortTransaction(call_.session(), transaction_id_);
}

void FaultSource::HideTransaction() {
  if (held_->kind != ReplyStep::Kind::kMessage) return;
  altered_ = WithoutTransaction(*held_->message);
  held_->message = altered_.get();
}

absl::Status FaultSource::StatusOf(const Fault& fault) const {
  std::optional<absl::Duration> retry_delay;
  if (fault.proto().has_retry_delay()) {
    retry_delay = absl::Seconds(fault.proto().retry_delay().seconds()) +
                  absl::Nanoseconds(fault.proto().retry_delay().nanos());
  }
  switch (fault.proto().status()) {
    case v1::Fault::SESSION_NOT_FOUND:
      return errors::SessionNotFound(call_.resource());
    case v1::Fault::DATABASE_NOT_FOUND:
      return errors::DatabaseNotFound(DatabaseIn(call_.resource()));
    case v1::Fault::ABORTED:
      return errors::TransactionAborted(
          retry_delay.value_or(errors::kAbortRetryDelay));
    case v1::Fault::UNAVAILABLE:
      return errors::ServiceUnavailable(retry_delay);
    case v1::Fault::DEADLINE_EXCEEDED:
      return errors::DeadlineExpired();
    case v1::Fault::RESOURCE_EXHAUSTED:
      return errors::QuotaExhausted(retry_delay);
    case v1::Fault::PERMISSION_DENIED: {
      absl::Status denied = environment_.permission_denied(call_);
      if (!denied.ok()) return denied;
      return errors::PermissionMissing(call_.method().full_name,
                                       call_.resource());
    }
    default:
      break;
  }
  return errors::ServiceUnavailable(retry_delay);
}

}  // namespace spanner_session_emulator
