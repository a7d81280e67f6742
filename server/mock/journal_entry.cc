#include "server/mock/journal_entry.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"

namespace spanner_session_emulator {

JournalRecord::JournalRecord(const JournalCall& call, size_t max_request_bytes)
    : protocol_(call.protocol),
      problem_(call.problem),
      request_omitted_(call.request.size() > max_request_bytes),
      request_size_(call.request.size()),
      request_prototype_(call.request_prototype),
      start_(call.start),
      notes_(Keep(call.notes)) {
  const absl::string_view request =
      request_omitted_ ? absl::string_view() : call.request;
  // A request names its session, and a session its database: these are there
  // already.
  const size_t session_at = request.find(call.session);
  const bool has_session =
      !call.session.empty() && session_at != absl::string_view::npos;
  const bool has_database = absl::StartsWith(call.session, call.database);
  std::array<std::optional<absl::string_view>, kJournalHeaders.size()> headers;
  text_size_ = call.method.size() + call.peer.size() + request.size() +
               (has_session ? 0 : call.session.size()) +
               (has_database ? 0 : call.database.size());
  for (size_t i = 0; i < headers.size(); ++i) {
    if (kJournalHeaders[i] == kTraceStateHeader &&
        !headers[i - 1].has_value()) {
      continue;
    }
    headers[i] = call.header(kJournalHeaders[i]);
    if (!headers[i].has_value()) continue;
    if (kJournalHeaders[i] == "authorization") headers[i] = kRedacted;
    text_size_ += headers[i]->size();
  }
  text_ = std::make_unique_for_overwrite<char[]>(text_size_);
  size_t end = 0;
  const auto append = [&](absl::string_view text) {
    const Part part = {.offset = static_cast<uint32_t>(end),
                       .size = static_cast<uint32_t>(text.size())};
    std::copy(text.begin(), text.end(), text_.get() + end);
    end += text.size();
    return part;
  };
  const auto within = [](Part part, size_t at, size_t size) {
    return Part{.offset = static_cast<uint32_t>(part.offset + at),
                .size = static_cast<uint32_t>(size)};
  };
  request_ = append(request);
  session_ = has_session ? within(request_, session_at, call.session.size())
                         : append(call.session);
  database_ = has_database ? within(session_, 0, call.database.size())
                           : append(call.database);
  method_ = append(call.method);
  peer_ = append(call.peer);
  for (size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].has_value()) headers_[i] = append(*headers[i]);
  }
}

std::unique_ptr<const CallNotes> JournalRecord::Keep(CallNotes notes) {
  if (notes.stubs.empty() && notes.faults.empty() && notes.near_miss.empty()) {
    return nullptr;
  }
  return std::make_unique<const CallNotes>(std::move(notes));
}

size_t JournalRecord::BytesOf(const CallNotes& notes) {
  size_t bytes = sizeof(notes) + notes.near_miss.size();
  for (const std::string& name : notes.stubs) {
    bytes += sizeof(std::string) + name.size();
  }
  for (const std::string& name : notes.faults) {
    bytes += sizeof(std::string) + name.size();
  }
  return bytes;
}

size_t JournalRecord::BytesOf(const absl::Status& status) {
  size_t bytes = status.message().size();
  status.ForEachPayload(
      [&bytes](absl::string_view type, const absl::Cord& payload) {
        bytes += type.size() + payload.size();
      });
  return bytes;
}

size_t JournalRecord::bytes() const {
  constexpr size_t kOverhead = 64;
  return sizeof(*this) + kOverhead + text_size_ +
         (notes_ == nullptr ? 0 : BytesOf(*notes_));
}

size_t JournalRecord::end_bytes() const {
  return BytesOf(end_.status) +
         (end_notes_ == nullptr ? 0 : BytesOf(*end_notes_));
}

std::vector<std::pair<absl::string_view, absl::string_view>>
JournalEntry::headers() const {
  std::vector<std::pair<absl::string_view, absl::string_view>> headers;
  for (size_t i = 0; i < kJournalHeaders.size(); ++i) {
    const JournalRecord::Part part = record_->headers_[i];
    if (part.offset == JournalRecord::Part::kNone) continue;
    headers.emplace_back(kJournalHeaders[i], record_->View(part));
  }
  return headers;
}

std::optional<absl::string_view> JournalEntry::header(
    absl::string_view name) const {
  const auto it =
      std::find(kJournalHeaders.begin(), kJournalHeaders.end(), name);
  if (it == kJournalHeaders.end()) return std::nullopt;
  const JournalRecord::Part part =
      record_->headers_[it - kJournalHeaders.begin()];
  if (part.offset == JournalRecord::Part::kNone) return std::nullopt;
  return record_->View(part);
}

std::optional<TraceContext> JournalEntry::trace() const {
  const auto value = header(kTraceParentHeader);
  if (!value.has_value()) return std::nullopt;
  return ParseTraceParent(*value);
}

size_t JournalEntry::bytes() const {
  return record_->bytes() + (ended_ ? record_->end_bytes() : 0);
}

const CallNotes& JournalEntry::notes() const {
  static const auto* const none = new CallNotes;
  const CallNotes* notes =
      (ended_ ? record_->end_notes_ : record_->notes_).get();
  return notes == nullptr ? *none : *notes;
}

std::unique_ptr<google::protobuf::Message> JournalEntry::DecodeRequest() const {
  if (record_->request_prototype_ == nullptr || request_omitted() ||
      problem() != CallProblem::kNone) {
    return nullptr;
  }
  std::unique_ptr<google::protobuf::Message> request(
      record_->request_prototype_->New());
  if (!request->ParseFromArray(request_bytes().data(),
                               static_cast<int>(request_bytes().size()))) {
    return nullptr;
  }
  return request;
}

}  // namespace spanner_session_emulator
