// JournalService of the control API.

#include <any>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/util/json_util.h"
#include "server/call/errors.h"
#include "server/mock/journal.h"
#include "server/mock/script.h"
#include "server/mock/waits.h"
#include "server/services/control.h"
#include "server/services/script_requests.h"
#include "server/services/times.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/journal.pb.h"

namespace spanner_session_emulator {
namespace {

constexpr absl::string_view kNamePrefix = "journal/entries/";
constexpr absl::Duration kLongestWait = absl::Hours(1);

// Of the entries in one reply, so that it fits into a message and is soon made
// into JSON.
constexpr size_t kMaxBytes = 1 << 20;

// ---- Entries.

// What clients have sent may be anything; a reply must be UTF-8.
std::string Text(absl::string_view text) {
  const bool is_utf8 = google::protobuf::internal::IsStructurallyValidUTF8(
      text.data(), static_cast<int>(text.size()));
  return is_utf8 ? std::string(text) : absl::CHexEscape(text);
}

std::string NameOf(const JournalEntry& entry) {
  return absl::StrCat(kNamePrefix, entry.number());
}

v1::JournalEntry::Problem ToProto(CallProblem problem) {
  switch (problem) {
    case CallProblem::kNone:
      return v1::JournalEntry::PROBLEM_UNSPECIFIED;
    case CallProblem::kMalformed:
      return v1::JournalEntry::MALFORMED;
    case CallProblem::kUnknownMethod:
      return v1::JournalEntry::UNKNOWN_METHOD;
  }
  return v1::JournalEntry::PROBLEM_UNSPECIFIED;
}

// Not all that protobuf can hold is JSON, as a time that no calendar has. One
// such request must not keep a whole page from being read.
bool IsPrintable(const google::protobuf::Message& request) {
  std::string json;
  return google::protobuf::util::MessageToJsonString(request, &json).ok();
}

void FillRequest(const JournalEntry& entry, CallProtocol reader,
                 v1::JournalEntry& out) {
  out.set_request_size(static_cast<int64_t>(entry.request_size()));
  out.set_request_omitted(entry.request_omitted());
  const auto request = entry.DecodeRequest();
  if (request == nullptr ||
      (reader == CallProtocol::kRest && !IsPrintable(*request))) {
    out.set_raw_request(std::string(entry.request_bytes()));
    return;
  }
  out.mutable_request()->set_type_url(
      absl::StrCat("type.googleapis.com/", request->GetTypeName()));
  out.mutable_request()->set_value(std::string(entry.request_bytes()));
}

void SetTimes(const CallTime& time, google::protobuf::Timestamp& clock,
              google::protobuf::Timestamp& real) {
  SetTimestamp(absl::FromUnixMicros(time.clock), clock);
  SetTimestamp(absl::FromUnixMicros(time.real), real);
}

// For who reads it by `reader`.
void Fill(const JournalEntry& entry, CallProtocol reader,
          v1::JournalEntry& out) {
  out.set_name(NameOf(entry));
  out.set_number(entry.number());
  out.set_method(Text(entry.method()));
  out.set_protocol(entry.protocol() == CallProtocol::kGrpc
                       ? v1::JournalEntry::GRPC
                       : v1::JournalEntry::REST);
  out.set_state(entry.ended() ? v1::JournalEntry::ENDED
                              : v1::JournalEntry::OPEN);
  out.set_problem(ToProto(entry.problem()));
  FillRequest(entry, reader, out);
  for (const auto& [name, value] : entry.headers()) {
    (*out.mutable_headers())[std::string(name)] = Text(value);
  }
  if (const auto trace = entry.trace(); trace.has_value()) {
    out.set_trace_id(std::string(trace->trace_id));
    out.set_span_id(std::string(trace->span_id));
    out.set_trace_sampled(trace->sampled);
  }
  out.set_database(std::string(entry.database()));
  out.set_session(std::string(entry.session()));
  out.set_peer(Text(entry.peer()));
  SetTimes(entry.start(), *out.mutable_start_time(),
           *out.mutable_real_start_time());
  for (const std::string& stub : entry.notes().stubs) out.add_stubs(stub);
  for (const std::string& fault : entry.notes().faults) out.add_faults(fault);
  out.set_near_miss(entry.notes().near_miss);
  const JournalEnd* end = entry.end();
  if (end == nullptr) return;
  SetTimes(end->time, *out.mutable_end_time(), *out.mutable_real_end_time());
  out.set_status(absl::StatusCodeToString(end->status.code()));
  if (!end->status.ok()) {
    WriteScriptError(end->status, *out.mutable_error());
    out.mutable_error()->set_message(Text(end->status.message()));
  }
  out.set_message_count(end->message_count);
}

// ---- What requests have in common.

absl::StatusOr<JournalFilter> ReadFilter(const Call& call,
                                         const std::string& text) {
  auto filter = JournalFilter::Parse(text);
  if (filter.ok()) return filter;
  return errors::InvalidField(call.method().name, "filter",
                              filter.status().message());
}

template <typename Request>
absl::Status ValidateFilter(Call& call) {
  auto filter = ReadFilter(call, call.request<Request>().filter());
  if (!filter.ok()) return filter.status();
  call.prepared = *std::move(filter);
  return absl::OkStatus();
}

// ---- List, get, count, clear, stats.

struct ListCall {
  Journal::Query query;
  uint64_t list;  // Which list a page is of.
};

std::string PageToken(int64_t number, uint64_t list) {
  return absl::StrCat(number, "-", absl::Hex(list));
}

absl::Status ValidateListEntries(Call& call) {
  const auto& request = call.request<v1::ListJournalEntriesRequest>();
  const auto invalid = [&call](absl::string_view field,
                               absl::string_view problem) {
    return errors::InvalidField(call.method().name, field, problem);
  };
  auto filter = ReadFilter(call, request.filter());
  if (!filter.ok()) return filter.status();
  if (request.page_size() < 0) {
    return invalid("page_size", "must not be negative");
  }
  const std::vector<absl::string_view> order =
      absl::StrSplit(request.order_by(), ' ', absl::SkipEmpty());
  const bool newest_first = order.size() == 2 && order[1] == "desc";
  if (!order.empty() &&
      (order[0] != "number" || (order.size() != 1 && !newest_first))) {
    return invalid("order_by", "must be \"number\" or \"number desc\"");
  }
  ListCall list = {
      .query = {.filter = *std::move(filter),
                .limit = static_cast<size_t>(PageSize(request.page_size())),
                .max_bytes = kMaxBytes,
                .newest_first = newest_first},
      .list = absl::HashOf(request.filter(), newest_first)};
  if (!request.page_token().empty()) {
    const std::pair<absl::string_view, absl::string_view> token =
        absl::StrSplit(request.page_token(), absl::MaxSplits('-', 1));
    if (!absl::SimpleAtoi(token.first, &list.query.behind) ||
        list.query.behind <= 0 ||
        request.page_token() != PageToken(list.query.behind, list.list)) {
      return invalid("page_token",
                     "is not a next_page_token of this list: it must be of one "
                     "with the same filter and order_by");
    }
  }
  call.prepared = std::move(list);
  return absl::OkStatus();
}

absl::Status List(Journal& journal, Call& call,
                  const v1::ListJournalEntriesRequest&,
                  v1::ListJournalEntriesResponse& response) {
  const auto& list = std::any_cast<const ListCall&>(call.prepared);
  const Journal::Page page = journal.List(list.query);
  for (const JournalEntry& entry : page.entries) {
    Fill(entry, call.context().Protocol(), *response.add_entries());
  }
  if (page.has_more) {
    response.set_next_page_token(
        PageToken(page.entries.back().number(), list.list));
  }
  return absl::OkStatus();
}

absl::Status ValidateGet(Call& call) {
  const std::string& name = call.request<v1::GetJournalEntryRequest>().name();
  absl::string_view text = name;
  int64_t number = 0;
  if (!absl::ConsumePrefix(&text, kNamePrefix) ||
      !absl::SimpleAtoi(text, &number) || number <= 0 ||
      text != absl::StrCat(number)) {
    return errors::InvalidField(
        call.method().name, "name",
        absl::StrCat("must be ", kNamePrefix, "<number>"));
  }
  call.prepared = number;
  return absl::OkStatus();
}

absl::Status Get(Journal& journal, Call& call,
                 const v1::GetJournalEntryRequest& request,
                 v1::JournalEntry& response) {
  const auto entry = journal.Find(std::any_cast<int64_t>(call.prepared));
  if (!entry.has_value()) return errors::JournalEntryNotFound(request.name());
  Fill(*entry, call.context().Protocol(), response);
  return absl::OkStatus();
}

absl::Status Count(Journal& journal, Call& call,
                   const v1::CountJournalEntriesRequest&,
                   v1::CountJournalEntriesResponse& response) {
  response.set_entry_count(
      journal.Count(std::any_cast<const JournalFilter&>(call.prepared)));
  return absl::OkStatus();
}

absl::Status Clear(Journal& journal, Call& call, const v1::ClearJournalRequest&,
                   v1::ClearJournalResponse& response) {
  response.set_entry_count(
      journal.Clear(std::any_cast<const JournalFilter&>(call.prepared)));
  return absl::OkStatus();
}

absl::Status GetStats(Journal& journal, Call&,
                      const v1::GetJournalStatsRequest&,
                      v1::JournalStats& response) {
  const Journal::Stats stats = journal.stats();
  response.set_capacity_bytes(stats.capacity_bytes);
  response.set_used_bytes(stats.used_bytes);
  response.set_entry_count(stats.entry_count);
  response.set_open_entry_count(stats.open_entry_count);
  response.set_dropped_entry_count(stats.dropped_entry_count);
  response.set_last_number(stats.last_number);
  return absl::OkStatus();
}

// ---- Wait.

struct WaitCall {
  JournalFilter filter;
  int64_t wanted = 1;
  int64_t after = 0;
  bool include_open = false;
  std::optional<absl::Duration> timeout;
};

absl::Status ValidateWait(Call& call) {
  const auto& request = call.request<v1::WaitForJournalEntryRequest>();
  const auto invalid = [&call](absl::string_view field,
                               absl::string_view problem) {
    return errors::InvalidField(call.method().name, field, problem);
  };
  auto filter = ReadFilter(call, request.filter());
  if (!filter.ok()) return filter.status();
  if (request.entry_count() < 0) {
    return invalid("entry_count", "must not be negative");
  }
  if (request.after_number() < 0) {
    return invalid("after_number", "must not be negative");
  }
  WaitCall wait = {
      .filter = *std::move(filter),
      .wanted = request.entry_count() == 0 ? 1 : request.entry_count(),
      .after = request.after_number(),
      .include_open = request.include_open(),
      .timeout = std::nullopt};
  if (request.has_timeout()) {
    auto timeout = ReadDuration(request.timeout());
    if (timeout.ok() && *timeout > kLongestWait) {
      timeout = absl::InvalidArgumentError("must be at most 3600 s");
    }
    if (!timeout.ok()) return invalid("timeout", timeout.status().message());
    wait.timeout = *timeout;
  }
  call.prepared = std::move(wait);
  return absl::OkStatus();
}

// Two may call it, but only the first is heard.
class OneCall {
 public:
  explicit OneCall(std::function<void()> function)
      : function_(std::move(function)) {}
  void operator()() {
    if (!called_.exchange(true)) function_();
  }

 private:
  const std::function<void()> function_;
  std::atomic<bool> called_{false};
};

class WaitSource final : public ReplySource {
 public:
  WaitSource(Journal* journal, Waits* waits, const WaitCall& wait,
             CallProtocol protocol)
      : journal_(*journal),
        wanted_(wait.wanted),
        protocol_(protocol),
        reader_(journal, wait.filter, wait.after, wait.include_open) {
    if (!wait.timeout.has_value()) return;
    timeout_ = waits->Begin(std::make_shared<Waits::Group>(),
                            std::chrono::steady_clock::now() +
                                absl::ToChronoNanoseconds(*wait.timeout));
  }

  // Looks at what there is; to be called in the handler as well, since REST has
  // threads for handlers that take long.
  void Look() {
    while (count_ < wanted_) {
      const auto item = reader_.Next();
      if (!item.has_value()) return;
      Take(item->entry);
    }
  }

  ReplyStep Next() override {
    if (answered_) return ReplyStep::End(absl::OkStatus());
    // First, as an entry may come until the last moment.
    const bool too_late = timeout_ != nullptr && timeout_->is_over();
    Look();
    if (count_ >= wanted_) {
      answered_ = true;
      for (const JournalEntry& entry : entries_) {
        Fill(entry, protocol_, *response_.add_entries());
      }
      return ReplyStep::Message(&response_);
    }
    if (reader_.is_shut_down()) return ReplyStep::End(errors::ShuttingDown());
    if (too_late) {
      return ReplyStep::End(errors::JournalWaitExpired(
          count_, wanted_, journal_.stats().dropped_entry_count));
    }
    return ReplyStep::Wait();
  }

  void OnReady(std::function<void()> wake) override {
    const auto once = std::make_shared<OneCall>(std::move(wake));
    if (timeout_ != nullptr) timeout_->OnOver([once] { (*once)(); });
    reader_.OnReady([once] { (*once)(); });
  }

 private:
  void Take(const JournalEntry& entry) {
    ++count_;
    bytes_ += entry.bytes();
    entries_.push_back(entry);
    // Of as many as a page has.
    const auto most = static_cast<size_t>(PageSize(0));
    while (entries_.size() > 1 &&
           (bytes_ > kMaxBytes || entries_.size() > most)) {
      bytes_ -= entries_.front().bytes();
      entries_.pop_front();
    }
  }

  const Journal& journal_;
  const int64_t wanted_;
  const CallProtocol protocol_;
  JournalReader reader_;
  std::unique_ptr<Waits::Wait> timeout_;
  int64_t count_ = 0;
  std::deque<JournalEntry> entries_;  // The last of them.
  size_t bytes_ = 0;                  // Of these.
  bool answered_ = false;
  v1::WaitForJournalEntryResponse response_;
};

// ---- Watch.

struct WatchCall {
  JournalFilter filter;
  std::optional<int64_t> after;
  bool include_open = false;
};

absl::Status ValidateWatch(Call& call) {
  const auto& request = call.request<v1::WatchJournalRequest>();
  auto filter = ReadFilter(call, request.filter());
  if (!filter.ok()) return filter.status();
  WatchCall watch = {.filter = *std::move(filter),
                     .after = std::nullopt,
                     .include_open = request.include_open()};
  if (request.has_after_number()) {
    if (request.after_number() < 0) {
      return errors::InvalidField(call.method().name, "after_number",
                                  "must not be negative");
    }
    watch.after = request.after_number();
  }
  call.prepared = std::move(watch);
  return absl::OkStatus();
}

class WatchSource final : public ReplySource {
 public:
  WatchSource(Journal* journal, const WatchCall& watch, CallProtocol protocol)
      : protocol_(protocol),
        reader_(journal, watch.filter, watch.after, watch.include_open) {}

  // Looks for the first entry; to be called in the handler as well, since REST
  // has threads for handlers that take long.
  void Look() {
    if (!item_.has_value()) item_ = reader_.Next();
  }

  ReplyStep Next() override {
    Look();
    if (item_.has_value()) {
      message_.Clear();
      Fill(item_->entry, protocol_, *message_.mutable_entry());
      message_.set_entries_missed(item_->missed);
      item_.reset();
      return ReplyStep::Message(&message_);
    }
    if (reader_.is_shut_down()) return ReplyStep::End(errors::ShuttingDown());
    return ReplyStep::Wait();
  }

  void OnReady(std::function<void()> wake) override {
    reader_.OnReady(std::move(wake));
  }

 private:
  const CallProtocol protocol_;
  JournalReader reader_;
  std::optional<JournalReader::Item> item_;  // The next one.
  v1::WatchJournalResponse message_;
};

}  // namespace

void AddJournalMethods(Journal* journal, Waits* waits, MethodTable& table) {
  const auto name = [](absl::string_view method) {
    return absl::StrCat("spanner_session_emulator.v1.JournalService.", method);
  };
  // A test that asks a journal which records nothing has made a mistake.
  const auto if_active = [journal](Handler handle) -> Handler {
    if (journal->active()) return handle;
    return [](Call&) { return Reply::Error(errors::JournalIsOff()); };
  };
  const auto make = [journal]<typename Request, typename Response>(
                        absl::Status (*answer)(Journal&, Call&, const Request&,
                                               Response&)) {
    return Unary<Request, Response>([journal, answer](Call& call,
                                                      const Request& request,
                                                      Response& response) {
      return answer(*journal, call, request, response);
    });
  };
  table.Set(name("ListJournalEntries"),
            v1::ListJournalEntriesRequest::default_instance(),
            if_active(make(&List)), ValidateListEntries);
  table.Set(name("GetJournalEntry"),
            v1::GetJournalEntryRequest::default_instance(),
            if_active(make(&Get)), ValidateGet);
  table.Set(name("CountJournalEntries"),
            v1::CountJournalEntriesRequest::default_instance(),
            if_active(make(&Count)),
            ValidateFilter<v1::CountJournalEntriesRequest>);
  table.Set(name("ClearJournal"), v1::ClearJournalRequest::default_instance(),
            make(&Clear), ValidateFilter<v1::ClearJournalRequest>);
  table.Set(name("GetJournalStats"),
            v1::GetJournalStatsRequest::default_instance(), make(&GetStats));
  table.Set(name("WaitForJournalEntry"),
            v1::WaitForJournalEntryRequest::default_instance(),
            if_active([journal, waits](Call& call) {
              auto source = std::make_unique<WaitSource>(
                  journal, waits, std::any_cast<const WaitCall&>(call.prepared),
                  call.context().Protocol());
              source->Look();
              return Reply::Stream(std::move(source));
            }),
            ValidateWait);
  table.SetMayWait(name("WaitForJournalEntry"));
  table.Set(name("WatchJournal"), v1::WatchJournalRequest::default_instance(),
            if_active([journal](Call& call) {
              auto source = std::make_unique<WatchSource>(
                  journal, std::any_cast<const WatchCall&>(call.prepared),
                  call.context().Protocol());
              source->Look();
              return Reply::Stream(std::move(source));
            }),
            ValidateWatch);
}

}  // namespace spanner_session_emulator
