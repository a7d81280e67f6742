#include "server/failure_report.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "server/mock/requests.h"
#include "server/mock/statement_text.h"

namespace spanner_session_emulator {
namespace {

// A statement, or a message, should not fill the screen.
constexpr size_t kMaxTextBytes = 500;

// ` key="text"`, on one line, whatever the text; nothing without a text.
void AppendField(absl::string_view key, absl::string_view text,
                 std::string& out) {
  if (text.empty()) return;
  const absl::string_view shown = Beginning(text, kMaxTextBytes);
  absl::StrAppend(&out, " ", key, "=\"", absl::Utf8SafeCEscape(shown),
                  shown.size() < text.size() ? "…\"" : "\"");
}

// Where a call has come from, as far as is known: not so within one process.
void AppendCaller(absl::string_view user_agent, absl::string_view peer,
                  std::string& out) {
  AppendField("user_agent", user_agent, out);
  if (peer != "unknown") AppendField("peer", peer, out);
}

// `1 call`, `2 calls`.
std::string Count(int64_t count, absl::string_view what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

std::string ShowTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

std::string ShowStatus(const JournalEntry& call) {
  if (call.problem() == CallProblem::kMalformed) return "MALFORMED";
  if (call.end() == nullptr) return "OPEN";
  return absl::StatusCodeToString(call.end()->status.code());
}

std::string CallLine(const JournalEntry& call) {
  std::string out = absl::StrCat(
      "  #", call.number(), " ",
      ShowTime(absl::FromUnixMicros(call.start().clock)), " ",
      absl::StripPrefix(call.method(), "google.spanner.v1.Spanner."), " ",
      ShowStatus(call));
  const JournalEnd* const end = call.end();
  if (end != nullptr) {
    absl::StrAppend(&out, " ",
                    absl::FormatDuration(absl::Microseconds(std::max<int64_t>(
                        0, end->time.real - call.start().real))));
  }
  if (call.session().empty()) {
    AppendField("database", call.database(), out);
  } else {
    AppendField("session", call.session(), out);
  }
  const std::unique_ptr<google::protobuf::Message> request =
      call.DecodeRequest();
  if (request != nullptr) {
    AppendField("sql", absl::StrJoin(StatementsOf(*request), "; "), out);
    const RequestTags tags = TagsOf(*request);
    AppendField("request_tag", tags.request_tag, out);
    AppendField("transaction_tag", tags.transaction_tag, out);
  }
  if (end != nullptr) AppendField("message", end->status.message(), out);
  AppendField("stubs", absl::StrJoin(call.notes().stubs, ","), out);
  AppendField("faults", absl::StrJoin(call.notes().faults, ","), out);
  AppendField("near_miss", call.notes().near_miss, out);
  AppendCaller(call.header("user-agent").value_or(""), call.peer(), out);
  return out;
}

std::string SessionLine(const SelectedSession& selected) {
  const Session& session = selected.session;
  std::string out = absl::StrCat("  ", selected.name.full(), " created ",
                                 ShowTime(session.create_time), ", last used ",
                                 ShowTime(session.approximate_last_use_time));
  if (selected.end_time != absl::InfiniteFuture()) {
    absl::StrAppend(&out, ", expired ", ShowTime(selected.end_time));
  }
  if (session.attributes != nullptr) {
    session.attributes->labels.ForEach(
        [&](absl::string_view key, absl::string_view value) {
          AppendField(absl::StrCat("labels.", key), value, out);
          return true;
        });
    AppendField("creator_role", session.attributes->creator_role, out);
  }
  AppendCaller(selected.creator.user_agent, selected.creator.peer, out);
  return out;
}

// Calls `look` with each regular session that was not deleted, as far as is
// remembered; with one that expires meanwhile maybe twice.
void ForEachLeaked(Emulator& emulator,
                   absl::FunctionRef<void(const SelectedSession&)> look) {
  SelectRequest request;
  request.selection.multiplexed = false;  // The others are never deleted.
  request.include_expired = true;
  do {
    const auto page = emulator.sessions().Select(request);
    if (!page.ok()) return;  // Cannot be: the token comes from the last page.
    for (const SelectedSession& session : page->sessions) look(session);
    request.page_token = page->next_page_token;
  } while (!request.page_token.empty());
}

std::unordered_set<std::string> LeakedNames(Emulator& emulator) {
  std::unordered_set<std::string> names;
  ForEachLeaked(emulator, [&](const SelectedSession& session) {
    names.insert(std::string(session.name.full()));
  });
  return names;
}

}  // namespace

FailureReport::FailureReport(Emulator& emulator, FailureReportLimits limits)
    : emulator_(emulator),
      limits_(limits),
      last_call_(emulator.journal().stats().last_number),
      sessions_(LeakedNames(emulator)) {}

std::string FailureReport::Text() const {
  std::string out =
      absl::StrCat("Emulator on ", emulator_.addresses().front(), ": ");
  const JournalView journal = emulator_.journal();
  if (journal.stats().capacity_bytes == 0) {
    absl::StrAppend(&out, "there is no journal of calls.\n");
  } else {
    const auto calls = journal.List(AllCalls().After(last_call_));
    // Those that come from here on are not missing.
    const int64_t last =
        calls.empty() ? journal.stats().last_number : calls.back().number();
    const int64_t total = last - last_call_;
    const auto held = static_cast<int64_t>(calls.size());
    const size_t first = calls.size() - std::min(calls.size(), limits_.calls);
    absl::StrAppend(&out, Count(total, "call"));
    if (held < total) {
      absl::StrAppend(&out, ", of which the journal has ", held);
    }
    if (first > 0) absl::StrAppend(&out, "; the last ", limits_.calls);
    absl::StrAppend(&out, calls.empty() ? ".\n" : ":\n");
    for (size_t i = first; i < calls.size(); ++i) {
      absl::StrAppend(&out, CallLine(calls[i]), "\n");
    }
  }

  std::unordered_set<std::string> seen;
  std::vector<std::string> lines;
  ForEachLeaked(emulator_, [&](const SelectedSession& session) {
    std::string name(session.name.full());
    if (sessions_.count(name) > 0 || !seen.insert(std::move(name)).second) {
      return;
    }
    if (lines.size() < limits_.sessions) lines.push_back(SessionLine(session));
  });
  absl::StrAppend(&out, Count(static_cast<int64_t>(seen.size()), "session"),
                  " not deleted");
  if (lines.size() < seen.size()) {
    absl::StrAppend(&out, "; the first ", lines.size());
  }
  absl::StrAppend(&out, lines.empty() ? ".\n" : ":\n");
  for (const std::string& line : lines) absl::StrAppend(&out, line, "\n");
  return out;
}

}  // namespace spanner_session_emulator
