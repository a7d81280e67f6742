#include "server/mock/journal.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace spanner_session_emulator {
namespace {

// So many records are taken under one lock.
constexpr size_t kSlice = 256;

// A larger share of the capacity is not given to one request: it would drive
// out all others.
constexpr size_t kMaxRequestShare = 4;

}  // namespace

Journal::Journal(const Clock* clock, int64_t capacity_bytes)
    : clock_(clock),
      capacity_(capacity_bytes > 0 ? static_cast<size_t>(capacity_bytes) : 0) {}

CallTime Journal::Now() const {
  return {.clock = clock_->NowMicros(),
          .real = std::chrono::duration_cast<std::chrono::microseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count()};
}

std::shared_ptr<JournalRecord> Journal::Open(const JournalCall& call) {
  auto record =
      std::make_shared<JournalRecord>(call, capacity_ / kMaxRequestShare);
  const size_t bytes = record->bytes();
  Dropped dropped;
  Wakers wakers;
  {
    MutexLock lock(&mu_);
    record->number_ = ++last_number_;
    record->in_journal_ = true;
    CountBytes(*record, bytes);
    ++open_count_;
    records_.push_back(record);
    MakeRoom(dropped);
    // Others learn of it at its end.
    wakers = TakeWakers(Event::kForIncludeOpen);
  }
  for (const auto& wake : wakers) wake();
  return record;
}

void Journal::Close(const std::shared_ptr<JournalRecord>& record,
                    JournalEnd end, CallNotes notes) {
  record->end_ = std::move(end);
  record->end_notes_ = JournalRecord::Keep(std::move(notes));
  const size_t bytes = record->end_bytes();
  Dropped dropped;
  Wakers wakers;
  {
    MutexLock lock(&mu_);
    record->ended_.store(true, std::memory_order_release);
    if (Has(*record)) {
      --open_count_;
      CountBytes(*record, bytes);
      MakeRoom(dropped);
    }
    wakers = TakeWakers(Event::kForAll);
  }
  for (const auto& wake : wakers) wake();
}

bool Journal::Has(const JournalRecord& record) const {
  return record.in_journal_ && record.number_ > cleared_through_;
}

void Journal::CountBytes(JournalRecord& record, size_t bytes) {
  record.counted_bytes_ += bytes;
  used_ += bytes;
}

void Journal::Forget(JournalRecord& record) {
  record.in_journal_ = false;
  used_ -= record.counted_bytes_;
  if (!record.ended_.load(std::memory_order_relaxed)) --open_count_;
}

void Journal::MakeRoom(Dropped& dropped) {
  while (used_ > capacity_) {
    Forget(*records_.front());
    ++dropped_count_;
    last_dropped_ = records_.front()->number_;
    dropped.push_back(std::move(records_.front()));
    records_.pop_front();
  }
}

Journal::Wakers Journal::TakeWakers(Event event) {
  ++(event == Event::kForAll ? events_ : open_events_);
  Wakers wakers;
  for (auto it = wakers_.begin(); it != wakers_.end();) {
    if (event == Event::kForAll || it->first->include_open_) {
      wakers.push_back(std::move(it->second));
      it = wakers_.erase(it);
    } else {
      ++it;
    }
  }
  return wakers;
}

int64_t Journal::EventsFor(bool include_open) const {
  return events_ + (include_open ? open_events_ : 0);
}

std::deque<std::shared_ptr<JournalRecord>>::const_iterator Journal::At(
    int64_t number) const {
  return std::lower_bound(
      records_.begin(), records_.end(), number,
      [](const std::shared_ptr<JournalRecord>& record, int64_t wanted) {
        return record->number_ < wanted;
      });
}

Journal::Records Journal::Next(int64_t behind, bool newest_first,
                               size_t limit) const {
  if (newest_first) {
    const auto end = behind == 0 ? records_.end() : At(behind);
    const size_t size =
        std::min<size_t>(limit, std::distance(records_.begin(), end));
    return Records(std::make_reverse_iterator(end),
                   std::make_reverse_iterator(end - size));
  }
  const auto begin = std::upper_bound(
      records_.begin(), records_.end(), behind,
      [](int64_t last, const std::shared_ptr<JournalRecord>& record) {
        return last < record->number_;
      });
  const size_t size =
      std::min<size_t>(limit, std::distance(begin, records_.end()));
  return Records(begin, begin + size);
}

void Journal::ForEach(int64_t behind, bool newest_first,
                      absl::FunctionRef<bool(const JournalEntry&)> look) const {
  // Not those that come meanwhile, or it might never end.
  const int64_t last = stats().last_number;
  while (true) {
    Records records;
    {
      MutexLock lock(&mu_);
      records = Next(behind, newest_first, kSlice);
    }
    if (records.empty()) return;
    behind = records.back()->number_;
    for (std::shared_ptr<JournalRecord>& record : records) {
      const JournalEntry entry(std::move(record));
      if (entry.number() <= last ? !look(entry) : !newest_first) return;
    }
  }
}

Journal::Page Journal::List(const Query& query) const {
  Page page;
  size_t bytes = 0;
  ForEach(query.behind, query.newest_first, [&](const JournalEntry& entry) {
    if (!query.filter.Matches(entry)) return true;
    bytes += entry.bytes();
    if (page.entries.size() == query.limit ||
        (bytes > query.max_bytes && !page.entries.empty())) {
      page.has_more = true;
      return false;
    }
    page.entries.push_back(entry);
    return true;
  });
  return page;
}

int64_t Journal::Count(const JournalFilter& filter) const {
  if (filter.empty()) return stats().entry_count;
  int64_t count = 0;
  ForEach(0, false, [&](const JournalEntry& entry) {
    if (filter.Matches(entry)) ++count;
    return true;
  });
  return count;
}

std::optional<JournalEntry> Journal::Find(int64_t number) const {
  MutexLock lock(&mu_);
  const auto it = At(number);
  if (it == records_.end() || (*it)->number_ != number) return std::nullopt;
  return JournalEntry(*it);
}

int64_t Journal::Clear(const JournalFilter& filter) {
  std::deque<std::shared_ptr<JournalRecord>> deleted;
  if (filter.empty()) {
    MutexLock lock(&mu_);
    deleted.swap(records_);
    cleared_through_ = last_number_;
    used_ = 0;
    open_count_ = 0;
    return static_cast<int64_t>(deleted.size());
  }
  // First which, without the lock, then all at once.
  absl::flat_hash_set<int64_t> numbers;
  ForEach(0, false, [&](const JournalEntry& entry) {
    if (filter.Matches(entry)) numbers.insert(entry.number());
    return true;
  });
  MutexLock lock(&mu_);
  const auto kept =
      std::stable_partition(records_.begin(), records_.end(),
                            [&](const std::shared_ptr<JournalRecord>& record) {
                              return !numbers.contains(record->number_);
                            });
  for (auto it = kept; it != records_.end(); ++it) {
    Forget(**it);
    deleted.push_back(std::move(*it));
  }
  records_.erase(kept, records_.end());
  return static_cast<int64_t>(deleted.size());
}

Journal::Stats Journal::stats() const {
  MutexLock lock(&mu_);
  return {.capacity_bytes = static_cast<int64_t>(capacity_),
          .used_bytes = static_cast<int64_t>(used_),
          .entry_count = static_cast<int64_t>(records_.size()),
          .open_entry_count = open_count_,
          .dropped_entry_count = dropped_count_,
          .last_number = last_number_};
}

void Journal::ShutDown() {
  Wakers wakers;
  {
    MutexLock lock(&mu_);
    shut_down_ = true;
    wakers = TakeWakers(Event::kForAll);
  }
  for (const auto& wake : wakers) wake();
}

JournalReader::JournalReader(Journal* journal, JournalFilter filter,
                             std::optional<int64_t> after, bool include_open)
    : journal_(journal),
      filter_(std::move(filter)),
      include_open_(include_open || filter_.asks_for_state()) {
  if (after.has_value()) {
    last_number_ = *after;
    return;
  }
  MutexLock lock(&journal_->mu_);
  last_number_ = journal_->last_number_;
  if (journal_->open_count_ == 0) return;
  for (const std::shared_ptr<JournalRecord>& record : journal_->records_) {
    if (!JournalEntry(record).ended()) open_.push_back(record);
  }
}

JournalReader::~JournalReader() {
  MutexLock lock(&journal_->mu_);
  journal_->wakers_.erase(this);
}

void JournalReader::Take(const JournalEntry& entry) {
  ready_.push_back({.entry = entry, .missed = std::exchange(missed_, false)});
}

void JournalReader::Look() {
  while (true) {
    Journal::Records fresh;
    {
      MutexLock lock(&journal_->mu_);
      seen_events_ = journal_->EventsFor(include_open_);
      fresh = journal_->Next(last_number_, false, kSlice);
      if (journal_->last_dropped_ > last_number_) missed_ = true;
      last_number_ = fresh.empty()
                         ? std::max(last_number_, journal_->last_dropped_)
                         : fresh.back()->number_;
    }
    // Those first that came first.
    const auto ended = std::stable_partition(
        open_.begin(), open_.end(),
        [](const auto& one) { return !JournalEntry(one).ended(); });
    for (auto it = ended; it != open_.end(); ++it) {
      const JournalEntry entry(*it);
      if (filter_.Matches(entry)) Take(entry);
    }
    open_.erase(ended, open_.end());
    for (const std::shared_ptr<JournalRecord>& record : fresh) {
      const JournalEntry entry(record);
      if ((include_open_ || entry.ended()) && filter_.Matches(entry)) {
        Take(entry);
      } else if (!entry.ended()) {
        open_.push_back(record);
      }
    }
    if (fresh.empty() || !ready_.empty()) return;
  }
}

std::optional<JournalReader::Item> JournalReader::Next() {
  if (ready_.empty()) Look();
  if (ready_.empty()) return std::nullopt;
  Item item = std::move(ready_.front());
  ready_.pop_front();
  return item;
}

void JournalReader::OnReady(std::function<void()> wake) {
  {
    MutexLock lock(&journal_->mu_);
    if (journal_->EventsFor(include_open_) == seen_events_ &&
        !journal_->shut_down_) {
      journal_->wakers_[this] = std::move(wake);
      return;
    }
  }
  wake();
}

bool JournalReader::is_shut_down() const {
  MutexLock lock(&journal_->mu_);
  return journal_->shut_down_;
}

}  // namespace spanner_session_emulator
