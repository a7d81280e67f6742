#include "server/mock/journal_entry.h"

#include <algorithm>

#include "absl/strings/cord.h"

namespace spanner_session_emulator {

JournalRecord::JournalRecord(const JournalCall& call, size_t max_request_bytes)
    : protocol_(call.protocol),
      problem_(call.problem),
      request_omitted_(call.request.size() > max_request_bytes),
      request_size_(call.request.size()),
      request_prototype_(call.request_prototype),
      start_(call.start),
      notes_(call.notes) {
  // The whole size first, so that the text stays where it is.
  std::array<absl::string_view, kJournalHeaders.size()> headers;
  const absl::string_view request =
      request_omitted_ ? absl::string_view() : call.request;
  size_t size = call.method.size() + call.peer.size() + call.database.size() +
                call.session.size() + request.size();
  for (size_t i = 0; i < headers.size(); ++i) {
    const auto value = call.header(kJournalHeaders[i]);
    if (!value.has_value()) continue;
    if (kJournalHeaders[i] == "authorization") {
      headers_[i] = kRedacted;
    } else {
      // Not null, even if it is empty.
      headers[i] = value->data() == nullptr ? absl::string_view("") : *value;
      size += headers[i].size();
    }
  }
  text_.reserve(size);
  const auto append = [this](absl::string_view text) {
    const size_t at = text_.size();
    text_.append(text.data(), text.size());
    return absl::string_view(text_.data() + at, text.size());
  };
  method_ = append(call.method);
  peer_ = append(call.peer);
  session_ = append(call.session);
  database_ = append(call.database);
  for (size_t i = 0; i < headers.size(); ++i) {
    if (headers[i].data() != nullptr) headers_[i] = append(headers[i]);
  }
  request_ = append(request);
}

size_t JournalRecord::BytesOf(const CallNotes& notes) {
  size_t bytes = notes.near_miss.size();
  for (const std::string& name : notes.stubs) {
    bytes += sizeof(name) + name.size();
  }
  for (const std::string& name : notes.faults) {
    bytes += sizeof(name) + name.size();
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
  return sizeof(*this) + kOverhead + text_.size() + BytesOf(notes_);
}

std::vector<std::pair<absl::string_view, absl::string_view>>
JournalEntry::headers() const {
  std::vector<std::pair<absl::string_view, absl::string_view>> headers;
  for (size_t i = 0; i < kJournalHeaders.size(); ++i) {
    const absl::string_view value = record_->headers_[i];
    if (value.data() != nullptr)
      headers.emplace_back(kJournalHeaders[i], value);
  }
  return headers;
}

std::optional<absl::string_view> JournalEntry::header(
    absl::string_view name) const {
  const auto it =
      std::find(kJournalHeaders.begin(), kJournalHeaders.end(), name);
  if (it == kJournalHeaders.end()) return std::nullopt;
  const absl::string_view value =
      record_->headers_[it - kJournalHeaders.begin()];
  if (value.data() == nullptr) return std::nullopt;
  return value;
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
