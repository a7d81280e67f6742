// One call in the journal.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_ENTRY_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_ENTRY_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "server/call/call.h"
#include "server/call/trace_context.h"

namespace spanner_session_emulator {

// The headers that are kept, in lower case.
inline constexpr std::array<absl::string_view, 9> kJournalHeaders = {
    "authorization",  // Without its text.
    "google-cloud-resource-prefix",
    kTraceParentHeader,
    kTraceStateHeader,  // Means nothing without the one before.
    "user-agent",
    "x-goog-api-client",
    "x-goog-request-params",
    "x-goog-spanner-request-id",
    "x-goog-spanner-route-to-leader"};
inline constexpr absl::string_view kRedacted = "[redacted]";

// What an entry is made of. All is copied, but the prototype.
struct JournalCall {
  absl::string_view method = {};  // Its full name; what was called, if unknown.
  CallProtocol protocol = CallProtocol::kGrpc;
  CallProblem problem = CallProblem::kNone;
  absl::string_view peer = {};
  // Full names; empty if the call names none. That of a session's database is a
  // part of the session's.
  absl::string_view database = {};
  absl::string_view session = {};
  // The request's bytes, or those that came in its place.
  absl::string_view request = {};
  // What the request can be parsed by; null if it cannot be. Must outlive the
  // journal.
  const google::protobuf::Message* request_prototype = nullptr;
  // The value of a header by its name in lower case.
  absl::FunctionRef<std::optional<absl::string_view>(absl::string_view)> header;
  CallTime start = {};
  CallNotes notes = {};
};

// How a call has ended.
struct JournalEnd {
  absl::Status status = absl::OkStatus();
  int64_t message_count = 0;
  CallTime time = {};
};

// What the journal keeps of a call. All but its end is set before others see
// it; the end is set once, before `ended_`. So reading needs no lock. There may
// be very many, and most of what a call pays for the journal is memory that no
// cache has: so it is made small.
class JournalRecord {
 public:
  // Of a request with more bytes than that, only the size is kept.
  JournalRecord(const JournalCall& call, size_t max_request_bytes);
  JournalRecord(const JournalRecord&) = delete;
  JournalRecord& operator=(const JournalRecord&) = delete;

 private:
  friend class Journal;
  friend class JournalEntry;
  friend class JournalReader;

  // Of the text. No request is so long that this would not do.
  struct Part {
    static constexpr uint32_t kNone = 0xffffffff;
    uint32_t offset = kNone;
    uint32_t size = 0;
  };
  absl::string_view View(Part part) const {
    if (part.offset == Part::kNone) return {};
    return {text_.get() + part.offset, part.size};
  }

  // With what memory management adds, roughly; without its end.
  size_t bytes() const;
  size_t end_bytes() const;
  static size_t BytesOf(const CallNotes& notes);
  static size_t BytesOf(const absl::Status& status);
  static std::unique_ptr<const CallNotes> Keep(CallNotes notes);

  int64_t number_ = 0;
  std::atomic<bool> ended_{false};
  // For the journal, under its lock.
  bool in_journal_ = false;
  const CallProtocol protocol_;
  const CallProblem problem_;
  bool request_omitted_ = false;
  size_t counted_bytes_ = 0;  // For the journal as well.

  const size_t request_size_;
  const google::protobuf::Message* const request_prototype_;
  const CallTime start_;
  const std::unique_ptr<const CallNotes> notes_;  // Null: none, as mostly.
  JournalEnd end_;
  std::unique_ptr<const CallNotes> end_notes_;

  std::unique_ptr<char[]> text_;
  size_t text_size_ = 0;
  Part method_;
  Part peer_;
  Part session_;
  Part database_;
  Part request_;
  // In the order of kJournalHeaders.
  std::array<Part, kJournalHeaders.size()> headers_;
};

// A record as it stood at one moment. A value: safe to read from several
// threads. Views are valid as long as some entry of the call is.
class JournalEntry {
 public:
  explicit JournalEntry(std::shared_ptr<const JournalRecord> record)
      : record_(std::move(record)),
        ended_(record_->ended_.load(std::memory_order_acquire)) {}

  int64_t number() const { return record_->number_; }
  absl::string_view method() const { return record_->View(record_->method_); }
  CallProtocol protocol() const { return record_->protocol_; }
  CallProblem problem() const { return record_->problem_; }
  absl::string_view peer() const { return record_->View(record_->peer_); }
  absl::string_view database() const {
    return record_->View(record_->database_);
  }
  absl::string_view session() const { return record_->View(record_->session_); }
  CallTime start() const { return record_->start_; }
  // Names and values, in the order of the names.
  std::vector<std::pair<absl::string_view, absl::string_view>> headers() const;
  std::optional<absl::string_view> header(absl::string_view name) const;
  // What the client says of its trace; nothing if it says nothing that makes
  // sense.
  std::optional<TraceContext> trace() const;

  // The bytes that came; empty if they were omitted.
  absl::string_view request_bytes() const {
    return record_->View(record_->request_);
  }
  size_t request_size() const { return record_->request_size_; }
  bool request_omitted() const { return record_->request_omitted_; }
  // The request; null if it was malformed, omitted, or of an unknown method.
  std::unique_ptr<google::protobuf::Message> DecodeRequest() const;

  // What it takes of the journal, all included.
  size_t bytes() const;

  bool ended() const { return ended_; }
  // Null as long as the call is open.
  const JournalEnd* end() const { return ended_ ? &record_->end_ : nullptr; }
  // Those of its end are all, the earlier ones included.
  const CallNotes& notes() const;

 private:
  std::shared_ptr<const JournalRecord> record_;
  bool ended_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_ENTRY_H_
