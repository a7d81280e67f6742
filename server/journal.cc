#include "server/journal.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/call/errors.h"
#include "server/mock/journal_filter.h"
#include "store/mutex.h"

namespace spanner_session_emulator {
namespace {

// A mistake of the test's, which must not look like calls that did not come.
JournalFilter FilterOf(const JournalCalls& calls) {
  auto filter = JournalFilter::Parse(calls.filter());
  if (filter.ok()) return *std::move(filter);
  std::cerr << "JournalCalls: " << calls.filter() << " "
            << filter.status().message() << std::endl;
  std::abort();
}

}  // namespace

JournalCalls AllCalls() { return JournalCalls(); }

JournalCalls CallsOf(absl::string_view method) {
  return JournalCalls().Add("method = ", method);
}

JournalCalls& JournalCalls::AddTerm(absl::string_view term) {
  absl::StrAppend(&filter_, filter_.empty() ? "" : " AND ", term);
  return *this;
}

JournalCalls& JournalCalls::Add(absl::string_view field_and_operator,
                                absl::string_view value) {
  return AddTerm(absl::StrCat(field_and_operator, JournalFilter::Quote(value)));
}

JournalCalls& JournalCalls::WithStatus(absl::StatusCode code) {
  return Add("status = ", absl::StatusCodeToString(code));
}

JournalCalls& JournalCalls::InSession(absl::string_view name) {
  return Add("session = ", name);
}

JournalCalls& JournalCalls::InDatabase(absl::string_view name) {
  return Add("database = ", name);
}

JournalCalls& JournalCalls::WithSql(absl::string_view sql) {
  return Add("sql = ", sql);
}

JournalCalls& JournalCalls::WithSqlPrefix(absl::string_view prefix) {
  return Add("sql:", prefix);
}

JournalCalls& JournalCalls::WithHeader(absl::string_view name,
                                       absl::string_view value) {
  return Add(absl::StrCat("headers.", absl::AsciiStrToLower(name), " = "),
             value);
}

JournalCalls& JournalCalls::InTrace(absl::string_view trace_id) {
  return Add("trace_id = ", trace_id);
}

JournalCalls& JournalCalls::AnsweredBy(absl::string_view stub_name) {
  return Add("stub = ", stub_name);
}

JournalCalls& JournalCalls::HitBy(absl::string_view fault_name) {
  return Add("fault = ", fault_name);
}

JournalCalls& JournalCalls::After(int64_t number) {
  return AddTerm(absl::StrCat("number > ", number));
}

JournalCalls& JournalCalls::Open() { return AddTerm("state = OPEN"); }

std::vector<JournalEntry> JournalView::List(const JournalCalls& calls) const {
  return journal_->List({.filter = FilterOf(calls)}).entries;
}

int64_t JournalView::Count(const JournalCalls& calls) const {
  return journal_->Count(FilterOf(calls));
}

std::optional<JournalEntry> JournalView::Last(const JournalCalls& calls) const {
  std::vector<JournalEntry> entries =
      journal_
          ->List({.filter = FilterOf(calls), .limit = 1, .newest_first = true})
          .entries;
  if (entries.empty()) return std::nullopt;
  return std::move(entries.front());
}

absl::StatusOr<std::vector<JournalEntry>> JournalView::WaitFor(
    const JournalCalls& calls, int64_t count, absl::Duration timeout) const {
  // Longer than any test waits, and what a clock can count.
  constexpr absl::Duration kLongest = absl::Hours(24);
  if (!journal_->active()) return errors::JournalIsOff();
  auto filter = JournalFilter::Parse(calls.filter());
  if (!filter.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("calls ", filter.status().message()));
  }
  const auto until = std::chrono::steady_clock::now() +
                     absl::ToChronoNanoseconds(
                         std::clamp(timeout, absl::ZeroDuration(), kLongest));
  // Shared, as the journal may call when nobody waits any more.
  struct Bell {
    Mutex mu;
    CondVar rung;
    bool has_rung ABSL_GUARDED_BY(mu) = false;
  };
  JournalReader reader(journal_, *std::move(filter), 0, false);
  std::vector<JournalEntry> entries;
  while (true) {
    while (static_cast<int64_t>(entries.size()) < count) {
      const auto item = reader.Next();
      if (!item.has_value()) break;
      entries.push_back(item->entry);
    }
    const auto found = static_cast<int64_t>(entries.size());
    if (found >= count) return entries;
    if (reader.is_shut_down()) return errors::ShuttingDown();
    const auto bell = std::make_shared<Bell>();
    reader.OnReady([bell] {
      MutexLock lock(&bell->mu);
      bell->has_rung = true;
      bell->rung.notify_all();
    });
    MutexLock lock(&bell->mu);
    if (!bell->rung.wait_until(bell->mu, until,
                               [&] { return bell->has_rung; })) {
      return errors::JournalWaitExpired(found, count,
                                        journal_->stats().dropped_entry_count);
    }
  }
}

int64_t JournalView::Clear(const JournalCalls& calls) const {
  return journal_->Clear(FilterOf(calls));
}

}  // namespace spanner_session_emulator
