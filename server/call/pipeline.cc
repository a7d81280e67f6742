#include "server/call/pipeline.h"

#include <exception>
#include <string>

#include "server/call/errors.h"
#include "server/call/method.h"

namespace spanner_session_emulator {

absl::Status Pipeline::Parse(Call& call) {
  call.request_ = call.method_.NewRequest(&call.arena_);
  if (call.request_ == nullptr) return absl::OkStatus();
  absl::Status status = call.context_.ReadRequest(call.method_, *call.request_);
  call.is_parsed_ = status.ok();
  if (!status.ok()) call.problem = CallProblem::kMalformed;
  return status;
}

absl::Status Pipeline::ParseResource(Call& call) {
  const Method& method = call.method_;
  if (method.resource_kind == ResourceKind::kNone) return absl::OkStatus();
  std::string name = method.resource(*call.request_);
  if (method.resource_kind == ResourceKind::kOther) {
    // Nobody is to keep, or log, a longer one.
    if (name.size() <= kMaxNameBytes) call.resource_ = std::move(name);
    return absl::OkStatus();
  }
  absl::Status status;
  if (method.resource_kind == ResourceKind::kSession) {
    auto session = SessionName::Parse(std::move(name));
    status = session.status();
    if (status.ok()) call.resource_ = *std::move(session);
  } else {
    auto database = DatabaseName::Parse(std::move(name));
    status = database.status();
    if (status.ok()) call.resource_ = *std::move(database);
  }
  if (!status.ok()) {
    return errors::InvalidField(method.name, method.resource_field,
                                status.message());
  }
  return status;
}

Reply Pipeline::Answer(Call& call) const try {
  if (check_endpoint_ != nullptr) {
    if (absl::Status s = check_endpoint_(call); !s.ok()) {
      return Reply::Error(std::move(s));
    }
  }
  if (guard_ != nullptr) {
    if (absl::Status s = guard_->CheckCredential(call); !s.ok()) {
      return Reply::Error(std::move(s));
    }
  }
  if (absl::Status s = Parse(call); !s.ok()) return Reply::Error(std::move(s));
  if (absl::Status s = ParseResource(call); !s.ok()) {
    return Reply::Error(std::move(s));
  }
  const Method& method = call.method_;
  if (method.validate != nullptr) {
    if (absl::Status s = method.validate(call); !s.ok()) {
      return Reply::Error(std::move(s));
    }
  }
  if (guard_ != nullptr) {
    if (absl::Status s = guard_->CheckPermission(call); !s.ok()) {
      return Reply::Error(std::move(s));
    }
  }
  if (call.unary() == Call::Unary::kMayWait && MayIntercept(method)) {
    return interceptor_->Answer(call);
  }
  return method.handle(call);
} catch (const std::exception& problem) {
  // gRPC would never end the call, nor then the server.
  return Reply::Error(errors::Internal(call.method_.full_name, problem.what()));
}

bool Pipeline::MayIntercept(const Method& method) const {
  return interceptor_ != nullptr && interceptor_->active() && method.known &&
         method.api_kind == ApiKind::kGoogle;
}

bool Pipeline::MayWait(const Method& method) const {
  return method.may_wait || MayIntercept(method);
}

bool Pipeline::Records(const Method& method) const {
  return recorder_ != nullptr &&
         (method.api_kind == ApiKind::kGoogle ||
          (method.api_kind == ApiKind::kOpen && !method.known));
}

Pipeline::Begun Pipeline::Begin(Call& call) const {
  const Clock::time_point start = Clock::now();
  if (!Records(call.method_)) return {.reply = Answer(call), .start = start};
  const CallTime came = recorder_->Now();
  // Only now is it known who calls, and what. All that waits comes later.
  Reply reply = Answer(call);
  if (!call.method_.known && call.problem == CallProblem::kNone) {
    call.problem = CallProblem::kUnknownMethod;
  }
  recorder_->Open(call, came);
  return {.reply = std::move(reply), .start = start};
}

void Pipeline::End(Call& call, const absl::Status& status,
                   Clock::time_point start) const {
  if (call.record != nullptr) recorder_->Close(call, status);
  const Clock::duration took = Clock::now() - start;
  CallMeter* const meter =
      call.method_.known ? call.method_.meter.get() : unknown_calls_;
  if (meter != nullptr) {
    meter->Count(call.context_.Protocol(), status.code(), took);
  }
  if (observer_ != nullptr) observer_(call, status, absl::FromChrono(took));
}

}  // namespace spanner_session_emulator
