#include "store/session_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "store/random.h"

namespace spanner_session_emulator {
namespace {

constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

int64_t ToMicros(absl::Duration duration) {
  return duration == absl::InfiniteDuration()
             ? kForever
             : absl::ToInt64Microseconds(duration);
}

// The first time of the clock that is not before `time`.
int64_t FirstMicrosFrom(absl::Time time) {
  const absl::Time clamped =
      std::clamp(time, Clock::Earliest(), Clock::Latest());
  const int64_t micros = absl::ToUnixMicros(clamped);
  return absl::FromUnixMicros(micros) < clamped ? micros + 1 : micros;
}

int64_t AddOrForever(int64_t time, int64_t duration) {
  return duration > kForever - time ? kForever : time + duration;
}

int64_t ShortestLifetime(const SessionTableOptions& options) {
  const auto shortest = [](const SessionLifetimes& lifetimes) {
    return std::min(
        {lifetimes.idle_ttl, lifetimes.max_age, lifetimes.multiplexed_max_age});
  };
  absl::Duration lifetime = shortest(options.lifetimes);
  for (const auto& [name, lifetimes] : options.database_lifetimes) {
    lifetime = std::min(lifetime, shortest(lifetimes));
  }
  return ToMicros(lifetime);
}

bool Matches(const SessionFilter& filter, const Session& session) {
  return filter.empty() || (session.attributes != nullptr &&
                            filter.Matches(session.attributes->labels));
}

}  // namespace

SessionTable::Lifetimes::Lifetimes(const SessionLifetimes& lifetimes)
    : idle_ttl(ToMicros(lifetimes.idle_ttl)),
      max_age(ToMicros(lifetimes.max_age)),
      multiplexed_max_age(ToMicros(lifetimes.multiplexed_max_age)) {}

inline int64_t SessionTable::Lifetimes::LastAlive(const Slot& slot) const {
  if (slot.multiplexed) {
    return AddOrForever(slot.create_micros, multiplexed_max_age);
  }
  return std::min(AddOrForever(slot.last_use_micros, idle_ttl),
                  AddOrForever(slot.create_micros, max_age));
}

SessionCounts::Kind SessionTable::Counters::Read() const {
  SessionCounts::Kind kind;
  // Ends before beginnings, so that no session seems to end that never began.
  kind.deleted = deleted.load();
  kind.expired = expired.load();
  kind.created = created.load();
  kind.live = kind.created - kind.deleted - kind.expired;
  return kind;
}

SessionTable::SessionTable(Clock* clock, SessionTableOptions options)
    : clock_(clock),
      options_(std::move(options)),
      secret_(Random()),
      codec_(Random()),
      transaction_environment_(clock),
      shortest_lifetime_(ShortestLifetime(options_)),
      sweep_alarm_(clock),
      sweeper_([this] { SweepUntilShutdown(); }) {}

SessionTable::~SessionTable() {
  shutting_down_ = true;
  sweep_alarm_.Wake();
  sweeper_.join();
}

SessionTable::Database* SessionTable::Find(const DatabaseName& name) {
  MutexLock lock(&databases_mu_);
  const auto it = databases_.find(name);
  return it == databases_.end() ? nullptr : it->second.get();
}

SessionTable::Database& SessionTable::FindOrAdd(const DatabaseName& name) {
  MutexLock lock(&databases_mu_);
  std::unique_ptr<Database>& database = databases_[name];
  if (database == nullptr) {
    const auto it = options_.database_lifetimes.find(name);
    database = std::make_unique<Database>(
        name, databases_by_ordinal_.size(),
        it == options_.database_lifetimes.end() ? options_.lifetimes
                                                : it->second);
    databases_by_ordinal_.push_back(database.get());
  }
  return *database;
}

std::vector<SessionTable::Database*> SessionTable::DatabasesOf(
    const Scope& scope) {
  std::vector<Database*> all;
  {
    MutexLock lock(&databases_mu_);
    all = databases_by_ordinal_;
  }
  std::erase_if(all, [&](const Database* database) {
    return !scope.Contains(database->name);
  });
  return all;
}

int SessionTable::Reserve(int count) {
  const auto take = [this](int64_t wanted) {
    int64_t occupied = occupied_.load();
    int64_t taken;
    do {
      taken = std::clamp<int64_t>(max_sessions_ - occupied, 0, wanted);
    } while (taken > 0 &&
             !occupied_.compare_exchange_weak(occupied, occupied + taken));
    return taken;
  };
  int64_t taken = take(count);
  if (taken == count) return count;
  for (Shard& shard : shards_) {
    // No more than is needed: a caller is waiting.
    while (taken < count && SweepStep(shard)) {
      taken += take(count - taken);
    }
    if (taken < count) taken += take(count - taken);
  }
  return static_cast<int>(taken);
}

void SessionTable::AddSlots(std::unique_ptr<Slot[]> chunk, Shard& shard,
                            int shard_index) {
  const size_t first = shard.chunks.size() * kChunk;
  Slot* const slots = shard.chunks.emplace_back(std::move(chunk)).get();
  for (int i = kChunk - 1; i >= 0; --i) {
    slots[i].index = static_cast<uint32_t>((first + i) * kShards + shard_index);
    slots[i].timer_next = std::exchange(shard.free, &slots[i]);
  }
}

std::vector<NamedSession> SessionTable::Create(const DatabaseName& database,
                                               const SessionTemplate& what,
                                               int count) {
  std::vector<NamedSession> created;
  const int fitting = Reserve(count);
  if (fitting == 0) return created;
  created.reserve(fitting);

  std::shared_ptr<const SessionAttributes> attributes;
  if (!what.attributes.labels.empty() ||
      !what.attributes.creator_role.empty()) {
    attributes = std::make_shared<const SessionAttributes>(what.attributes);
  }
  CreatorPool::Entry* const creator = creators_.Add(what.creator, fitting);
  Database& record = FindOrAdd(database);
  const int kind = what.multiplexed ? 1 : 0;

  MutexLock database_lock(&record.mu);
  auto& list = record.lists[kind];
  uint64_t number = next_number_.fetch_add(fitting);
  const uint64_t end = number + fitting;
  std::array<Slot*, kShardStep> slots;
  std::array<std::array<uint64_t, 2>, kShardStep> randoms;
  std::unique_ptr<Slot[]> chunk;
  while (number < end) {
    const auto shard_index = static_cast<int>(number / kRun % kShards);
    Shard& shard = shards_[shard_index];
    const auto size = static_cast<size_t>(
        std::min<uint64_t>({end - number, kRun - number % kRun, kShardStep}));
    for (size_t i = 0; i < size; ++i) randoms[i] = {Random(), Random()};
    Session session;
    size_t taken = 0;
    {
      MutexLock lock(&shard.mu);
      if (chunk != nullptr) AddSlots(std::move(chunk), shard, shard_index);
      const int64_t now = clock_->NowMicros();
      for (; taken < size && shard.free != nullptr; ++taken) {
        Slot* const slot = std::exchange(shard.free, shard.free->timer_next);
        // A slot that was used long ago is far away.
        __builtin_prefetch(shard.free, /*rw=*/1);
        slots[taken] = slot;
        slot->state = Slot::State::kHoldsSession;
        slot->multiplexed = what.multiplexed;
        slot->random = randoms[taken];
        slot->create_micros = slot->last_use_micros = now;
        slot->number = number + taken;
        slot->database = &record;
        slot->attributes = attributes;
        slot->creator = creator;
        shard.wheel.Insert(slot,
                           AddOrForever(record.lifetimes.LastAlive(*slot), 1));
      }
      if (taken > 0) session = Snapshot(*slots[0]);
    }
    // Memory is asked for, and written to, while nobody waits for the shard.
    if (taken < size) chunk = std::make_unique<Slot[]>(kChunk);
    for (size_t i = 0; i < taken; ++i, ++number) {
      // Nobody frees it before it is in the list, for which this thread has the
      // lock. An index never changes.
      const SessionIdCodec::Id id =
          codec_.Encode({.random = randoms[i], .slot = slots[i]->index});
      list.emplace_hint(list.end(), number, slots[i]);
      created.push_back(
          {SessionName(database, absl::string_view(id.data(), id.size())),
           session});
    }
  }
  record.counters[kind].created += fitting;
  return created;
}

inline int64_t SessionTable::LastAlive(const Slot& slot, const Shard& shard) {
  const int64_t of_age = slot.database->lifetimes.LastAlive(slot);
  if (!slot.has_expire_at) return of_age;
  return std::min(of_age, shard.expire_at.at(slot.index) - 1);
}

inline bool SessionTable::IsAlive(const Slot& slot, const Shard& shard,
                                  int64_t now) {
  return slot.state == Slot::State::kHoldsSession &&
         now <= LastAlive(slot, shard) &&
         slot.number >= slot.database->first_number.load();
}

inline SessionTable::Slot* SessionTable::FindAlive(const SessionName& name,
                                                   const SessionKey& key,
                                                   Shard& shard, int64_t now) {
  const size_t position = key.slot / kShards;
  if (position / kChunk >= shard.chunks.size()) return nullptr;
  Slot& slot = shard.chunks[position / kChunk][position % kChunk];
  if (slot.random != key.random || !IsAlive(slot, shard, now) ||
      slot.database->name.full() != name.database_full()) {
    return nullptr;
  }
  return &slot;
}

inline Session SessionTable::Snapshot(const Slot& slot) {
  return {
      .create_time = absl::FromUnixMicros(slot.create_micros),
      .approximate_last_use_time = absl::FromUnixMicros(slot.last_use_micros),
      .multiplexed = slot.multiplexed,
      .attributes = slot.attributes};
}

std::optional<Session> SessionTable::Read(const SessionName& name, bool use) {
  std::optional<Session> session;
  const std::optional<SessionKey> key = codec_.Decode(name.id());
  if (!key.has_value()) return session;
  Shard& shard = ShardOf(key->slot);
  MutexLock lock(&shard.mu);
  const int64_t now = clock_->NowMicros();
  Slot* slot = FindAlive(name, *key, shard, now);
  if (slot == nullptr) return session;
  if (use) slot->last_use_micros = std::max(slot->last_use_micros, now);
  session = Snapshot(*slot);
  return session;
}

std::optional<Session> SessionTable::Get(const SessionName& name) {
  return Read(name, /*use=*/false);
}

std::optional<Session> SessionTable::Use(const SessionName& name) {
  return Read(name, /*use=*/true);
}

bool SessionTable::UseTransactions(
    const SessionName& name,
    absl::FunctionRef<void(SessionTransactions&)> function) {
  const std::optional<SessionKey> key = codec_.Decode(name.id());
  if (!key.has_value()) return false;
  Shard& shard = ShardOf(key->slot);
  MutexLock lock(&shard.mu);
  const int64_t now = clock_->NowMicros();
  Slot* slot = FindAlive(name, *key, shard, now);
  if (slot == nullptr) return false;
  slot->last_use_micros = std::max(slot->last_use_micros, now);
  if (slot->has_transactions) {
    function(*shard.transactions.at(slot->index));
    return true;
  }
  // Most calls begin none.
  SessionTransactions transactions(&transaction_environment_,
                                   slot->multiplexed);
  function(transactions);
  if (!transactions.empty()) {
    shard.transactions.emplace(
        slot->index,
        std::make_unique<SessionTransactions>(std::move(transactions)));
    slot->has_transactions = true;
  }
  return true;
}

bool SessionTable::AbortTransaction(const SessionName& name,
                                    absl::string_view id) {
  const std::optional<SessionKey> key = codec_.Decode(name.id());
  if (!key.has_value()) return false;
  Shard& shard = ShardOf(key->slot);
  MutexLock lock(&shard.mu);
  Slot* slot = FindAlive(name, *key, shard, clock_->NowMicros());
  return slot != nullptr && slot->has_transactions &&
         shard.transactions.at(slot->index)->Abort(id);
}

// The lock of the visitor's shard is beyond the compiler's analysis.
int64_t SessionTable::AbortTransactions(const SessionSelection& selection)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  int64_t aborted = 0;
  Position position;
  Walk(selection, kForever, position,
       [&](const Candidate&, Slot& slot, Shard& shard, int64_t) {
         if (slot.has_transactions) {
           aborted += static_cast<int64_t>(
               shard.transactions.at(slot.index)->AbortAll());
         }
         return Visit::kKeep;
       });
  return aborted;
}

size_t SessionTable::sessions_with_transactions() {
  size_t sessions = 0;
  for (Shard& shard : shards_) {
    MutexLock lock(&shard.mu);
    sessions += shard.transactions.size();
  }
  return sessions;
}

absl::StatusOr<ListPage> SessionTable::List(const DatabaseName& database,
                                            const ListRequest& request) {
  // What a page token must be of.
  const std::string list =
      absl::StrCat(database.full(), "\n", request.filter.Canonical());
  absl::StatusOr<Position> start = ReadPageToken(
      list, request.page_token, "of the same database with the same filter");
  if (!start.ok()) return start.status();
  Position position = *start;
  ListPage page;
  Database* record = Find(database);
  if (record == nullptr) return page;
  if (request.filter.empty()) {
    page.sessions.reserve(std::min(request.page_size, kListStep));
  }

  // A few are read under each lock, and filtered without one.
  std::vector<Candidate> candidates;
  int examined = 0;
  bool more = true;
  const auto room = [&] {
    return std::min(request.page_size - static_cast<int>(page.sessions.size()),
                    kMaxExaminedPerPage - examined);
  };
  while (more && room() > 0) {
    candidates.clear();
    more = ReadCandidates(*record, /*kind=*/0, position.number,
                          std::min(room(), kListStep), candidates);
    for (Candidate& candidate : candidates) {
      ++examined;
      position.number = candidate.number;
      const Session& session = candidate.session;
      if (!candidate.alive || !Matches(request.filter, session)) continue;
      const SessionIdCodec::Id id = codec_.Encode(candidate.key);
      page.sessions.push_back(
          {SessionName(database, absl::string_view(id.data(), id.size())),
           std::move(candidate.session)});
    }
  }
  if (more) {
    page.next_page_token = PageToken(list, position);
  }
  return page;
}

bool SessionTable::ReadCandidates(Database& database, int kind, uint64_t after,
                                  int count,
                                  std::vector<Candidate>& candidates) {
  MutexLock database_lock(&database.mu);
  const auto& list = database.lists[kind];
  auto it = list.upper_bound(after);
  const size_t end = candidates.size() + count;
  while (it != list.end() && candidates.size() < end) {
    // Neighbours share a shard, as a rule.
    Shard& shard = ShardOf(it->second->index);  // Which never changes.
    MutexLock shard_lock(&shard.mu);
    const int64_t now = clock_->NowMicros();
    for (int i = 0; i < kShardStep; ++i) {
      Slot& slot = *it->second;
      Candidate& candidate = candidates.emplace_back();
      candidate.number = it->first;
      candidate.slot = &slot;
      candidate.key.slot = slot.index;
      candidate.alive = IsAlive(slot, shard, now);
      if (candidate.alive) {
        candidate.key.random = slot.random;
        candidate.session = Snapshot(slot);
      }
      ++it;
      if (it == list.end() || candidates.size() == end ||
          &ShardOf(it->second->index) != &shard) {
        break;
      }
    }
  }
  return it != list.end();
}

void SessionTable::Empty(Slot& slot, Shard& shard, End end) {
  slot.state = Slot::State::kBeingFreed;
  if (end == End::kExpired && !slot.multiplexed) Remember(slot, shard);
  slot.attributes.reset();
  creators_.Remove(std::exchange(slot.creator, nullptr));
  if (slot.has_expire_at) {
    shard.expire_at.erase(slot.index);
    slot.has_expire_at = false;
  }
  Counters& counters = slot.database->counters[slot.multiplexed ? 1 : 0];
  ++(end == End::kDeleted ? counters.deleted : counters.expired);
  // Under the shard's lock: whoever has been through all shards after a death
  // finds its place under the cap free.
  --occupied_;
}

void SessionTable::Remember(Slot& slot, const Shard& shard) {
  Expired expired = {
      .database = slot.database,
      .number = slot.number,
      .key = {.random = slot.random, .slot = slot.index},
      // One that was told to expire at once could have lived on.
      .end_micros = std::min(AddOrForever(LastAlive(slot, shard), 1),
                             clock_->NowMicros()),
      .session = Snapshot(slot),
      .creator = std::exchange(slot.creator, nullptr)};
  MutexLock lock(&expired_mu_);
  if (expired_.size() == kMaxExpiredRemembered) {
    creators_.Remove(expired_.front().creator);
    expired_.pop_front();
  }
  expired_.push_back(std::move(expired));
}

void SessionTable::Forget(const Scope& scope) {
  MutexLock lock(&expired_mu_);
  std::erase_if(expired_, [&](const Expired& expired) {
    if (!scope.Contains(expired.database->name)) return false;
    creators_.Remove(expired.creator);
    return true;
  });
}

void SessionTable::Free(Shard& shard, absl::Span<Slot* const> slots) {
  // Nobody else touches a slot that is being freed, so its fields can be read
  // without the shard's lock.
  for (Slot* slot : slots) {
    Database& database = *slot->database;
    MutexLock lock(&database.mu);
    database.lists[slot->multiplexed ? 1 : 0].erase(slot->number);
  }
  std::vector<std::unique_ptr<SessionTransactions>> ended;
  {
    MutexLock lock(&shard.mu);
    for (Slot* slot : slots) {
      if (slot->has_transactions) {
        const auto it = shard.transactions.find(slot->index);
        ended.push_back(std::move(it->second));
        shard.transactions.erase(it);
        slot->has_transactions = false;
      }
      slot->state = Slot::State::kFree;
      slot->random = {};
      slot->database = nullptr;
      slot->timer_next = std::exchange(shard.free, slot);
    }
  }
}

bool SessionTable::Delete(const SessionName& name) {
  const std::optional<SessionKey> key = codec_.Decode(name.id());
  if (!key.has_value()) return false;
  Shard& shard = ShardOf(key->slot);
  Slot* slot;
  {
    MutexLock lock(&shard.mu);
    slot = FindAlive(name, *key, shard, clock_->NowMicros());
    if (slot == nullptr) return false;
    shard.wheel.Remove(slot);
    Empty(*slot, shard, End::kDeleted);
  }
  Free(shard, absl::MakeConstSpan(&slot, 1));
  return true;
}

int64_t SessionTable::DropDatabase(const DatabaseName& database) {
  Database* record = Find(database);
  if (record == nullptr) return 0;
  uint64_t first_number;
  {
    // The lock keeps out a batch that is half created.
    MutexLock lock(&record->mu);
    first_number = next_number_.load();
    record->first_number.store(first_number);
  }
  // All are dead now; the rest is clearing up, a few at a time.
  int64_t dropped = 0;
  for (int kind = 0; kind < 2; ++kind) {
    while (true) {
      std::vector<Slot*> step;
      {
        MutexLock lock(&record->mu);
        for (const auto& [number, slot] : record->lists[kind]) {
          if (number >= first_number || step.size() == kShardStep) break;
          step.push_back(slot);
        }
      }
      if (step.empty()) break;
      for (Slot* slot : step) {
        Shard& shard = ShardOf(slot->index);
        {
          MutexLock lock(&shard.mu);
          // Another thread may have been faster, and the slot been given to
          // another session since.
          if (slot->state != Slot::State::kHoldsSession ||
              slot->database != record || slot->number >= first_number) {
            continue;
          }
          const bool expired = clock_->NowMicros() > LastAlive(*slot, shard);
          shard.wheel.Remove(slot);
          Empty(*slot, shard, expired ? End::kExpired : End::kDeleted);
          if (!expired) ++dropped;
        }
        Free(shard, absl::MakeConstSpan(&slot, 1));
      }
    }
  }
  return dropped;
}

bool SessionTable::Walk(const SessionSelection& selection,
                        int64_t most_examined, Position& position,
                        Visitor visit) {
  // Whatever is created from now on is left out, or the walk might never end.
  const uint64_t end = next_number_.load();
  const int64_t idle =
      ToMicros(selection.idle_longer_than.value_or(-absl::InfiniteDuration()));
  const int64_t age =
      ToMicros(selection.older_than.value_or(-absl::InfiniteDuration()));
  const Position from = position;
  int64_t examined = 0;
  std::vector<Candidate> candidates;
  for (Database* database : DatabasesOf(selection.scope)) {
    for (int kind = 0; kind < 2; ++kind) {
      if (selection.multiplexed.value_or(kind == 1) != (kind == 1)) continue;
      const std::pair list(database->ordinal, kind);
      const std::pair first_list(from.database, from.kind);
      if (list < first_list) continue;
      position = {.database = database->ordinal,
                  .kind = kind,
                  .number = list == first_list ? from.number : 0};
      bool more = true;
      while (more) {
        if (examined >= most_examined) return true;
        candidates.clear();
        more = ReadCandidates(*database, kind, position.number,
                              static_cast<int>(std::min<int64_t>(
                                  kListStep, most_examined - examined)),
                              candidates);
        // Labels never change and take the longest to look at: without a lock.
        for (const Candidate& candidate : candidates) {
          if (candidate.number >= end) {
            more = false;
            break;
          }
          ++examined;
          Visit what = Visit::kKeep;
          if (candidate.alive && Matches(selection.filter, candidate.session)) {
            Slot& slot = *candidate.slot;
            Shard& shard = ShardOf(slot.index);
            {
              MutexLock lock(&shard.mu);
              const int64_t now = clock_->NowMicros();
              // Meanwhile it may have ended, have been used, and its slot may
              // hold another.
              if (slot.number == candidate.number &&
                  IsAlive(slot, shard, now) &&
                  now - slot.last_use_micros > idle &&
                  now - slot.create_micros > age) {
                what = visit(candidate, slot, shard, now);
              }
              if (what == Visit::kDelete || what == Visit::kExpire) {
                shard.wheel.Remove(&slot);
                Empty(slot, shard,
                      what == Visit::kDelete ? End::kDeleted : End::kExpired);
              }
            }
            if (what == Visit::kStopBefore) return true;
            if (what != Visit::kKeep) {
              Slot* const emptied = &slot;
              Free(shard, absl::MakeConstSpan(&emptied, 1));
            }
          }
          position.number = candidate.number;
        }
      }
    }
  }
  return false;
}

int64_t SessionTable::Delete(const SessionSelection& selection) {
  int64_t deleted = 0;
  Position position;
  Walk(selection, kForever, position,
       [&](const Candidate&, Slot&, Shard&, int64_t) {
         ++deleted;
         return Visit::kDelete;
       });
  return deleted;
}

void SessionTable::SetExpireAt(Slot& slot, Shard& shard, int64_t at) {
  const auto [it, added] = shard.expire_at.try_emplace(slot.index, at);
  it->second = std::min(it->second, at);
  slot.has_expire_at = true;
  // Deadlines that come earlier must be told to the wheel.
  shard.wheel.Remove(&slot);
  shard.wheel.Insert(&slot, AddOrForever(LastAlive(slot, shard), 1));
}

bool SessionTable::Expire(const SessionName& name, absl::Time at) {
  const std::optional<SessionKey> key = codec_.Decode(name.id());
  if (!key.has_value()) return false;
  const int64_t at_micros = FirstMicrosFrom(at);
  Shard& shard = ShardOf(key->slot);
  Slot* slot;
  bool ended;
  {
    MutexLock lock(&shard.mu);
    const int64_t now = clock_->NowMicros();
    slot = FindAlive(name, *key, shard, now);
    if (slot == nullptr) return false;
    ended = at_micros <= now;
    if (ended) {
      shard.wheel.Remove(slot);
      Empty(*slot, shard, End::kExpired);
    } else {
      SetExpireAt(*slot, shard, at_micros);
    }
  }
  if (ended) {
    Free(shard, absl::MakeConstSpan(&slot, 1));
  } else {
    sweep_alarm_.Wake();  // It may be waiting for later.
  }
  return true;
}

int64_t SessionTable::Expire(const SessionSelection& selection, absl::Time at) {
  const int64_t at_micros = FirstMicrosFrom(at);
  int64_t expired = 0;
  Position position;
  Walk(selection, kForever, position,
       [&](const Candidate&, Slot& slot, Shard& shard, int64_t now) {
         ++expired;
         if (at_micros <= now) return Visit::kExpire;
         SetExpireAt(slot, shard, at_micros);
         return Visit::kKeep;
       });
  sweep_alarm_.Wake();
  return expired;
}

absl::StatusOr<SelectPage> SessionTable::Select(const SelectRequest& request) {
  const SessionSelection& selection = request.selection;
  const auto text = [](const auto& value) {
    return value.has_value() ? absl::StrCat(*value) : std::string("any");
  };
  const auto duration_text = [](const std::optional<absl::Duration>& value) {
    return value.has_value() ? absl::FormatDuration(*value) : "any";
  };
  const std::string list = absl::StrCat(
      "select\n", selection.scope.full(), "\n", selection.filter.Canonical(),
      "\n", text(selection.multiplexed), "\n",
      duration_text(selection.idle_longer_than), "\n",
      duration_text(selection.older_than), "\n", request.include_expired);
  absl::StatusOr<Position> start =
      ReadPageToken(list, request.page_token, "with the same selection");
  if (!start.ok()) return start.status();
  Position position = *start;
  SelectPage page;
  bool more = false;
  if (position.kind != kExpiredKind) {
    more = Walk(
        selection, kMaxExaminedPerPage, position,
        [&](const Candidate& candidate, Slot& slot, Shard&, int64_t) {
          if (page.sessions.size() >= static_cast<size_t>(request.page_size)) {
            return Visit::kStopBefore;
          }
          const SessionIdCodec::Id id = codec_.Encode(candidate.key);
          page.sessions.push_back(
              {.name = SessionName(slot.database->name,
                                   absl::string_view(id.data(), id.size())),
               .session = Snapshot(slot),
               .creator = slot.creator == nullptr ? SessionCreator()
                                                  : slot.creator->first});
          return Visit::kKeep;
        });
    if (!more) position = {.kind = kExpiredKind};
  }
  if (!more && request.include_expired) {
    more = AddExpired(request, position, page);
  }
  if (more) page.next_page_token = PageToken(list, position);
  return page;
}

bool SessionTable::AddExpired(const SelectRequest& request, Position& position,
                              SelectPage& page) {
  const SessionSelection& selection = request.selection;
  if (selection.multiplexed.value_or(false)) return false;
  Sweep();  // All that have expired by now are among them.
  const int64_t now = clock_->NowMicros();
  const absl::Time last_used_before =
      absl::FromUnixMicros(now) -
      selection.idle_longer_than.value_or(-absl::InfiniteDuration());
  const absl::Time created_before =
      absl::FromUnixMicros(now) -
      selection.older_than.value_or(-absl::InfiniteDuration());
  struct Found {
    std::pair<size_t, uint64_t> place;  // The database's ordinal, the number.
    SelectedSession session;
  };
  std::vector<Found> found;
  {
    MutexLock lock(&expired_mu_);
    for (const Expired& expired : expired_) {
      const Session& session = expired.session;
      const std::pair place(expired.database->ordinal, expired.number);
      if (place <= std::pair(position.database, position.number) ||
          !selection.scope.Contains(expired.database->name) ||
          session.approximate_last_use_time >= last_used_before ||
          session.create_time >= created_before) {
        continue;
      }
      const SessionIdCodec::Id id = codec_.Encode(expired.key);
      found.push_back(
          {place,
           {.name = SessionName(expired.database->name,
                                absl::string_view(id.data(), id.size())),
            .session = session,
            .creator = expired.creator == nullptr ? SessionCreator()
                                                  : expired.creator->first,
            .end_time = absl::FromUnixMicros(expired.end_micros)}});
    }
  }
  // Labels take the longest to look at: without the lock.
  std::erase_if(found, [&](const Found& candidate) {
    return !Matches(selection.filter, candidate.session.session);
  });
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.place < b.place; });
  for (Found& next : found) {
    if (page.sessions.size() >= static_cast<size_t>(request.page_size)) {
      return true;
    }
    position.database = next.place.first;
    position.number = next.place.second;
    page.sessions.push_back(std::move(next.session));
  }
  return false;
}

// Many locks at a time are beyond the compiler's analysis.
int64_t SessionTable::RestartClock() ABSL_NO_THREAD_SAFETY_ANALYSIS {
  // Most of them first, a few under each lock, so that little is left to do
  // while everybody waits.
  Sweep();
  int64_t deleted = Delete(SessionSelection());
  std::vector<Slot*> rest;
  {
    std::vector<std::unique_ptr<MutexLock>> locks;
    for (Shard& shard : shards_) {
      locks.push_back(std::make_unique<MutexLock>(&shard.mu));
    }
    const int64_t now = clock_->NowMicros();
    for (Shard& shard : shards_) {
      while (Slot* slot = shard.wheel.PopRipe(TimerWheel<Slot>::kNever)) {
        const bool expired = now > LastAlive(*slot, shard);
        Empty(*slot, shard, expired ? End::kExpired : End::kDeleted);
        if (!expired) ++deleted;
        rest.push_back(slot);
      }
      shard.wheel = {};  // Its time goes back, too.
    }
    // Their times are of a clock that is no more.
    Forget(Scope());
    clock_->Reset();
    transaction_environment_.commit_clock.Reset();
  }
  for (Slot* slot : rest) {
    Free(ShardOf(slot->index), absl::MakeConstSpan(&slot, 1));
  }
  sweep_alarm_.Wake();  // It may be waiting for what is far ahead now.
  return deleted;
}

bool SessionTable::SweepStep(Shard& shard) {
  std::array<Slot*, kSweepStep> dead;
  size_t dead_count = 0;
  bool more = true;
  {
    MutexLock lock(&shard.mu);
    const int64_t now = clock_->NowMicros();
    for (int i = 0; i < kSweepStep; ++i) {
      Slot* slot = shard.wheel.PopRipe(now);
      if (slot == nullptr) {
        more = false;
        break;
      }
      const int64_t last_alive = LastAlive(*slot, shard);
      if (now > last_alive) {
        Empty(*slot, shard, End::kExpired);
        dead[dead_count++] = slot;
      } else {
        shard.wheel.Insert(slot, AddOrForever(last_alive, 1));
      }
    }
  }
  if (dead_count > 0) {
    Free(shard, absl::MakeConstSpan(dead.data(), dead_count));
  }
  return more;
}

void SessionTable::Sweep() {
  // In turn, so that whoever waits for a shard has it after one step.
  std::vector<Shard*> left;
  for (Shard& shard : shards_) left.push_back(&shard);
  while (!left.empty()) {
    std::erase_if(left, [this](Shard* shard) { return !SweepStep(*shard); });
  }
}

void SessionTable::SweepUntilShutdown() {
  while (!shutting_down_) {
    // If the clock moves on meanwhile, the wait will be short; if it is reset
    // or somebody is told to expire, a wake-up follows.
    const int64_t now = clock_->NowMicros();
    Sweep();
    // Whatever is created from now on lives at least so long.
    int64_t next = AddOrForever(now, shortest_lifetime_);
    for (Shard& shard : shards_) {
      MutexLock lock(&shard.mu);
      next = std::min(next, shard.wheel.NextRipe());
    }
    next = std::max(next, now + absl::ToInt64Microseconds(kSweepInterval));
    sweep_alarm_.WaitUntil(absl::FromUnixMicros(next));
  }
}

SessionCounts SessionTable::CountsOf(Database& database) {
  // Creation is counted under this lock, before anybody can end the session.
  MutexLock lock(&database.mu);
  const auto since = [](SessionCounts::Kind now,
                        const SessionCounts::Kind& before) {
    now.created -= before.created;
    now.deleted -= before.deleted;
    now.expired -= before.expired;
    return now;
  };
  return {.regular = since(database.counters[0].Read(),
                           database.counts_before.regular),
          .multiplexed = since(database.counters[1].Read(),
                               database.counts_before.multiplexed)};
}

SessionCounts SessionTable::Counts(const DatabaseName& database) {
  Sweep();
  Database* record = Find(database);
  return record == nullptr ? SessionCounts() : CountsOf(*record);
}

SessionCounts SessionTable::TotalCounts() {
  SessionCounts total;
  for (const DatabaseCounts& database : CountsByDatabase(Scope())) {
    total.regular += database.counts.regular;
    total.multiplexed += database.counts.multiplexed;
  }
  return total;
}

std::vector<DatabaseCounts> SessionTable::CountsByDatabase(const Scope& scope) {
  Sweep();
  std::vector<DatabaseCounts> all;
  for (Database* record : DatabasesOf(scope)) {
    const SessionCounts counts = CountsOf(*record);
    if (counts != SessionCounts()) {
      all.push_back({record->name, counts, record->ordinal});
    }
  }
  return all;
}

SessionTable::Figures SessionTable::figures(size_t most) {
  struct Living {
    const Database* database;
    std::array<int64_t, 2> count;
    int64_t total() const { return count[0] + count[1]; }
  };
  Figures figures;
  std::vector<Living> living;
  for (const Database* database : DatabasesOf(Scope())) {
    const SessionCounts::Kind regular = database->counters[0].Read();
    const SessionCounts::Kind multiplexed = database->counters[1].Read();
    figures.total.regular += regular;
    figures.total.multiplexed += multiplexed;
    const Living one = {.database = database,
                        .count = {regular.live, multiplexed.live}};
    if (one.total() > 0) living.push_back(one);
  }
  const size_t size = std::min(most, living.size());
  std::partial_sort(living.begin(),
                    living.begin() + static_cast<ptrdiff_t>(size), living.end(),
                    [](const Living& a, const Living& b) {
                      return std::pair(-a.total(), a.database->ordinal) <
                             std::pair(-b.total(), b.database->ordinal);
                    });
  for (size_t i = 0; i < size; ++i) {
    figures.largest.push_back({.name = living[i].database->name,
                               .regular = living[i].count[0],
                               .multiplexed = living[i].count[1]});
  }
  figures.transactions = transaction_environment_.figures();
  return figures;
}

void SessionTable::ResetCounts(const Scope& scope) {
  // Those that have died by now did so before.
  Sweep();
  for (Database* record : DatabasesOf(scope)) {
    MutexLock lock(&record->mu);
    record->counts_before = {.regular = record->counters[0].Read(),
                             .multiplexed = record->counters[1].Read()};
  }
  Forget(scope);
}

std::string SessionTable::PageToken(absl::string_view list,
                                    const Position& position) const {
  const size_t proof = absl::HashOf(secret_, list, position.database,
                                    position.kind, position.number);
  return absl::WebSafeBase64Escape(
      absl::StrCat(absl::Hex(position.number), ".", absl::Hex(position.kind),
                   ".", absl::Hex(position.database), ".", absl::Hex(proof)));
}

absl::StatusOr<SessionTable::Position> SessionTable::ReadPageToken(
    absl::string_view list, absl::string_view token,
    absl::string_view what_is_the_same) const {
  Position position;
  if (token.empty()) return position;  // The first page.
  std::string text;
  absl::WebSafeBase64Unescape(token, &text);
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() == 4 && absl::SimpleHexAtoi(parts[0], &position.number) &&
      absl::SimpleHexAtoi(parts[1], &position.kind) &&
      absl::SimpleHexAtoi(parts[2], &position.database) &&
      token == PageToken(list, position)) {
    return position;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("is not a next_page_token of this list: it must come from a "
                   "list ",
                   what_is_the_same));
}

}  // namespace spanner_session_emulator
