#include "server/faults.h"

#include "google/protobuf/duration.pb.h"
#include "server/mock/script.h"

namespace spanner_session_emulator {
namespace {

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return proto;
}

void Add(google::protobuf::RepeatedPtrField<v1::Fault::Header>& headers,
         std::string name, std::string value) {
  v1::Fault::Header& header = *headers.Add();
  header.set_name(std::move(name));
  header.set_value(std::move(value));
}

}  // namespace

FaultBuilder& FaultBuilder::InSession(std::string name) {
  fault_.mutable_match()->set_session(std::move(name));
  return *this;
}

FaultBuilder& FaultBuilder::InSessionsWith(std::string filter) {
  fault_.mutable_match()->set_session_filter(std::move(filter));
  return *this;
}

FaultBuilder& FaultBuilder::InSessionsOfKind(v1::SessionKind kind) {
  fault_.mutable_match()->set_session_kind(kind);
  return *this;
}

FaultBuilder& FaultBuilder::Scope(std::string scope) {
  fault_.mutable_match()->set_scope(std::move(scope));
  return *this;
}

FaultBuilder& FaultBuilder::Sql(std::string sql) {
  fault_.mutable_match()->set_sql(std::move(sql));
  return *this;
}

FaultBuilder& FaultBuilder::SqlPrefix(std::string prefix) {
  fault_.mutable_match()->set_sql_prefix(std::move(prefix));
  return *this;
}

FaultBuilder& FaultBuilder::SqlPattern(std::string pattern) {
  fault_.mutable_match()->set_sql_pattern(std::move(pattern));
  return *this;
}

FaultBuilder& FaultBuilder::RequestTag(std::string tag) {
  fault_.mutable_match()->set_request_tag(std::move(tag));
  return *this;
}

FaultBuilder& FaultBuilder::TransactionTag(std::string tag) {
  fault_.mutable_match()->set_transaction_tag(std::move(tag));
  return *this;
}

FaultBuilder& FaultBuilder::Header(std::string name, std::string value) {
  Add(*fault_.mutable_match()->mutable_headers(), std::move(name),
      std::move(value));
  return *this;
}

FaultBuilder& FaultBuilder::Nth(int64_t n) {
  fault_.mutable_match()->set_nth(n);
  return *this;
}

FaultBuilder& FaultBuilder::Skip(int64_t count) {
  fault_.mutable_match()->set_skip(count);
  return *this;
}

FaultBuilder& FaultBuilder::Probability(double probability) {
  fault_.mutable_match()->set_probability(probability);
  return *this;
}

FaultBuilder& FaultBuilder::Named(absl::string_view id) {
  fault_.set_name(kFaultKind.NameOf(id));
  return *this;
}

FaultBuilder& FaultBuilder::Times(int64_t count) {
  fault_.set_times(count);
  return *this;
}

FaultBuilder& FaultBuilder::AfterTheAnswer() {
  fault_.set_when(v1::Fault::AFTER);
  return *this;
}

FaultBuilder& FaultBuilder::AfterMessages(int64_t count) {
  fault_.set_after_messages(count);
  return *this;
}

FaultBuilder& FaultBuilder::AtEnd() {
  fault_.set_when(v1::Fault::AT_END);
  return *this;
}

FaultBuilder& FaultBuilder::Pauses(absl::Duration length) {
  *fault_.mutable_pause()->mutable_fixed() = ToProto(length);
  return *this;
}

FaultBuilder& FaultBuilder::PausesBetween(absl::Duration min,
                                          absl::Duration max) {
  *fault_.mutable_pause()->mutable_uniform()->mutable_min() = ToProto(min);
  *fault_.mutable_pause()->mutable_uniform()->mutable_max() = ToProto(max);
  return *this;
}

FaultBuilder& FaultBuilder::PausesLogNormal(absl::Duration median,
                                            double sigma) {
  v1::Fault::LogNormal& pause = *fault_.mutable_pause()->mutable_log_normal();
  *pause.mutable_median() = ToProto(median);
  pause.set_sigma(sigma);
  return *this;
}

FaultBuilder& FaultBuilder::BeforeEachMessage() {
  if (fault_.freeze()) {
    fault_.set_freeze_each_message(true);
  } else {
    fault_.mutable_pause()->set_each_message(true);
  }
  return *this;
}

FaultBuilder& FaultBuilder::Freezes() {
  fault_.set_freeze(true);
  return *this;
}

FaultBuilder& FaultBuilder::Fails(const absl::Status& status) {
  WriteScriptError(status, *fault_.mutable_error());
  return *this;
}

FaultBuilder& FaultBuilder::LosesSession() {
  return WithStatus(v1::Fault::SESSION_NOT_FOUND);
}

FaultBuilder& FaultBuilder::LosesDatabase() {
  return WithStatus(v1::Fault::DATABASE_NOT_FOUND);
}

FaultBuilder& FaultBuilder::Aborts(std::optional<absl::Duration> retry_delay) {
  return WithStatus(v1::Fault::ABORTED, retry_delay);
}

FaultBuilder& FaultBuilder::IsUnavailable(
    std::optional<absl::Duration> retry_delay) {
  return WithStatus(v1::Fault::UNAVAILABLE, retry_delay);
}

FaultBuilder& FaultBuilder::ExceedsDeadline() {
  return WithStatus(v1::Fault::DEADLINE_EXCEEDED);
}

FaultBuilder& FaultBuilder::IsExhausted(
    std::optional<absl::Duration> retry_delay) {
  return WithStatus(v1::Fault::RESOURCE_EXHAUSTED, retry_delay);
}

FaultBuilder& FaultBuilder::IsDenied() {
  return WithStatus(v1::Fault::PERMISSION_DENIED);
}

FaultBuilder& FaultBuilder::CutsConnection() {
  fault_.set_cut_connection(true);
  return *this;
}

FaultBuilder& FaultBuilder::SwallowsReply() {
  fault_.set_swallow(true);
  return *this;
}

FaultBuilder& FaultBuilder::AsksForCommitRetry() {
  fault_.set_ask_for_commit_retry(true);
  return *this;
}

FaultBuilder& FaultBuilder::HidesTransaction() {
  fault_.set_hide_transaction(true);
  return *this;
}

FaultBuilder& FaultBuilder::AddsHeader(std::string name, std::string value) {
  Add(*fault_.mutable_headers(), std::move(name), std::move(value));
  return *this;
}

FaultBuilder& FaultBuilder::AddsTrailer(std::string name, std::string value) {
  Add(*fault_.mutable_trailers(), std::move(name), std::move(value));
  return *this;
}

FaultBuilder& FaultBuilder::RemovesHeader(std::string name) {
  fault_.add_removed_headers(std::move(name));
  return *this;
}

FaultBuilder& FaultBuilder::WithStatus(
    v1::Fault::Status status, std::optional<absl::Duration> retry_delay) {
  fault_.set_status(status);
  if (retry_delay.has_value()) {
    *fault_.mutable_retry_delay() = ToProto(*retry_delay);
  }
  return *this;
}

FaultBuilder OnCalls(std::vector<std::string> methods) {
  FaultBuilder fault;
  for (std::string& method : methods) {
    fault.fault_.mutable_match()->add_methods(std::move(method));
  }
  return fault;
}

FaultBuilder OnCall(std::string method) { return OnCalls({std::move(method)}); }

FaultBuilder OnAnyCall() { return OnCalls({}); }

}  // namespace spanner_session_emulator
