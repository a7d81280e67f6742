#include "server/call/pipeline.h"

#include <string>

#include "server/call/errors.h"
#include "server/call/method.h"

namespace spanner_session_emulator {

absl::Status Pipeline::Parse(Call& call) {
  call.request_ = call.method_.NewRequest(&call.arena_);
  if (call.request_ == nullptr) return absl::OkStatus();
  return call.context_.ReadRequest(call.method_, *call.request_);
}

absl::Status Pipeline::ParseResource(Call& call) {
  const Method& method = call.method_;
  if (method.resource_kind == ResourceKind::kNone) return absl::OkStatus();
  std::string name = method.resource(*call.request_);
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

Reply Pipeline::Answer(Call& call) const {
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
  if (call.unary() == Call::Unary::kMayWait && MayWait(method)) {
    return interceptor_->Answer(call);
  }
  return method.handle(call);
}

bool Pipeline::MayWait(const Method& method) const {
  return interceptor_ != nullptr && interceptor_->active() && method.known &&
         method.api_kind == ApiKind::kGoogle;
}

Pipeline::Begun Pipeline::Begin(Call& call) const {
  const Clock::time_point start =
      observer_ == nullptr ? Clock::time_point() : Clock::now();
  return {.reply = Answer(call), .start = start};
}

void Pipeline::End(const Call& call, const absl::Status& status,
                   Clock::time_point start) const {
  if (observer_ == nullptr) return;
  observer_(call, status, absl::FromChrono(Clock::now() - start));
}

}  // namespace spanner_session_emulator
