#include "store/session_table.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace spanner_session_emulator {
namespace {

constexpr int64_t kForever = std::numeric_limits<int64_t>::max();

int64_t ToMicros(absl::Duration duration) {
  return duration == absl::InfiniteDuration()
             ? kForever
             : absl::ToInt64Microseconds(duration);
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

// From the system's cryptographic generator, so that what was seen of it tells
// nothing of what follows; fetched in the largest portion that cannot fail.
uint64_t Random() {
  thread_local std::array<uint64_t, 32> pool;
  thread_local size_t left = 0;
  if (left == 0) {
    if (getentropy(pool.data(), sizeof(pool)) != 0) {
      std::perror("getentropy");  // No ids, no server.
      std::abort();
    }
    left = pool.size();
  }
  return pool[--left];
}

}  // namespace

SessionTable::Lifetimes::Lifetimes(const SessionLifetimes& lifetimes)
    : idle_ttl(ToMicros(lifetimes.idle_ttl)),
      max_age(ToMicros(lifetimes.max_age)),
      multiplexed_max_age(ToMicros(lifetimes.multiplexed_max_age)) {}

int64_t SessionTable::Lifetimes::LastAlive(const Slot& slot) const {
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
        name, it == options_.database_lifetimes.end() ? options_.lifetimes
                                                      : it->second);
  }
  return *database;
}

int SessionTable::Reserve(int count) {
  const auto take = [this](int64_t wanted) {
    int64_t occupied = occupied_.load();
    int64_t taken;
    do {
      taken = std::clamp<int64_t>(options_.max_sessions - occupied, 0, wanted);
    } while (taken > 0 &&
             !occupied_.compare_exchange_weak(occupied, occupied + taken));
    return taken;
  };
  int64_t taken = take(count);
  const int64_t now = clock_->NowMicros();
  for (Shard& shard : shards_) {
    // No more than is needed: a caller is waiting.
    while (taken < count && SweepStep(shard, now)) {
      taken += take(count - taken);
    }
    if (taken < count) taken += take(count - taken);
  }
  return static_cast<int>(taken);
}

SessionTable::Slot* SessionTable::TakeSlot(Shard& shard, int shard_index) {
  if (shard.free == nullptr) {
    auto chunk = std::make_unique<Slot[]>(kChunk);
    const size_t first = shard.chunks.size() * kChunk;
    for (int i = kChunk - 1; i >= 0; --i) {
      chunk[i].index =
          static_cast<uint32_t>((first + i) * kShards + shard_index);
      chunk[i].timer_next = shard.free;
      shard.free = &chunk[i];
    }
    shard.chunks.push_back(std::move(chunk));
  }
  return std::exchange(shard.free, shard.free->timer_next);
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
  Database& record = FindOrAdd(database);
  const int kind = what.multiplexed ? 1 : 0;

  MutexLock database_lock(&record.mu);
  auto& list = record.lists[kind];
  while (created.size() < static_cast<size_t>(fitting)) {
    const uint64_t number = next_number_.fetch_add(1);
    const int shard_index = static_cast<int>(number / kRun % kShards);
    SessionKey key{.random = {Random(), Random()}};
    Shard& shard = shards_[shard_index];
    Session session;
    Slot* slot;
    {
      MutexLock shard_lock(&shard.mu);
      slot = TakeSlot(shard, shard_index);
      key.slot = slot->index;
      slot->state = Slot::State::kHoldsSession;
      slot->multiplexed = what.multiplexed;
      slot->random = key.random;
      slot->create_micros = slot->last_use_micros = clock_->NowMicros();
      slot->number = number;
      slot->database = &record;
      slot->attributes = attributes;
      shard.wheel.Insert(slot,
                         AddOrForever(record.lifetimes.LastAlive(*slot), 1));
      session = Snapshot(*slot);
    }
    list.emplace_hint(list.end(), number, slot);
    const SessionIdCodec::Id id = codec_.Encode(key);
    created.push_back(
        {SessionName(database, absl::string_view(id.data(), id.size())),
         std::move(session)});
  }
  record.counters[kind].created += fitting;
  return created;
}

bool SessionTable::IsAlive(const Slot& slot, int64_t now) const {
  return slot.state == Slot::State::kHoldsSession &&
         now <= slot.database->lifetimes.LastAlive(slot) &&
         slot.number >= slot.database->first_number.load();
}

SessionTable::Slot* SessionTable::FindAlive(const SessionName& name,
                                            const SessionKey& key, Shard& shard,
                                            int64_t now) {
  const size_t position = key.slot / kShards;
  if (position / kChunk >= shard.chunks.size()) return nullptr;
  Slot& slot = shard.chunks[position / kChunk][position % kChunk];
  if (slot.random != key.random || !IsAlive(slot, now) ||
      slot.database->name.full() != name.database_full()) {
    return nullptr;
  }
  return &slot;
}

Session SessionTable::Snapshot(const Slot& slot) {
  return {
      .create_time = absl::FromUnixMicros(slot.create_micros),
      .approximate_last_use_time = absl::FromUnixMicros(slot.last_use_micros),
      .multiplexed = slot.multiplexed,
      .attributes = slot.attributes};
}

std::optional<Session> SessionTable::Read(const SessionName& name, bool use) {
  const std::optional<SessionKey> key = codec_.Decode(name.id());
  if (!key.has_value()) return std::nullopt;
  Shard& shard = ShardOf(key->slot);
  MutexLock lock(&shard.mu);
  const int64_t now = clock_->NowMicros();
  Slot* slot = FindAlive(name, *key, shard, now);
  if (slot == nullptr) return std::nullopt;
  if (use) slot->last_use_micros = std::max(slot->last_use_micros, now);
  return Snapshot(*slot);
}

std::optional<Session> SessionTable::Get(const SessionName& name) {
  return Read(name, /*use=*/false);
}

std::optional<Session> SessionTable::Use(const SessionName& name) {
  return Read(name, /*use=*/true);
}

absl::StatusOr<ListPage> SessionTable::List(const DatabaseName& database,
                                            const ListRequest& request) {
  uint64_t last_seen = 0;
  if (!request.page_token.empty()) {
    const absl::StatusOr<uint64_t> number =
        ReadPageToken(database, request.filter, request.page_token);
    if (!number.ok()) return number.status();
    last_seen = *number;
  }
  ListPage page;
  Database* record = Find(database);
  if (record == nullptr) return page;

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
    more = ReadCandidates(*record, last_seen, std::min(room(), kListStep),
                          candidates);
    for (Candidate& candidate : candidates) {
      ++examined;
      last_seen = candidate.number;
      const Session& session = candidate.session;
      if (!candidate.alive ||
          (!request.filter.empty() &&
           (session.attributes == nullptr ||
            !request.filter.Matches(session.attributes->labels)))) {
        continue;
      }
      const SessionIdCodec::Id id = codec_.Encode(candidate.key);
      page.sessions.push_back(
          {SessionName(database, absl::string_view(id.data(), id.size())),
           std::move(candidate.session)});
    }
  }
  if (more) {
    page.next_page_token = PageToken(database, request.filter, last_seen);
  }
  return page;
}

bool SessionTable::ReadCandidates(Database& database, uint64_t after, int count,
                                  std::vector<Candidate>& candidates) {
  MutexLock database_lock(&database.mu);
  const auto& list = database.lists[0];
  auto it = list.upper_bound(after);
  for (; it != list.end() && candidates.size() < static_cast<size_t>(count);
       ++it) {
    Slot& slot = *it->second;
    // An index never changes.
    Candidate candidate = {.number = it->first, .key = {.slot = slot.index}};
    {
      MutexLock shard_lock(&ShardOf(slot.index).mu);
      candidate.alive = IsAlive(slot, clock_->NowMicros());
      if (candidate.alive) {
        candidate.key.random = slot.random;
        candidate.session = Snapshot(slot);
      }
    }
    candidates.push_back(std::move(candidate));
  }
  return it != list.end();
}

void SessionTable::Empty(Slot& slot, Shard& shard, End end) {
  shard.wheel.Remove(&slot);
  slot.state = Slot::State::kBeingFreed;
  slot.attributes.reset();
  Counters& counters = slot.database->counters[slot.multiplexed ? 1 : 0];
  ++(end == End::kDeleted ? counters.deleted : counters.expired);
  // Under the shard's lock: whoever has been through all shards after a death
  // finds its place under the cap free.
  --occupied_;
}

void SessionTable::Free(Shard& shard, absl::Span<Slot* const> slots) {
  // Nobody else touches a slot that is being freed, so its fields can be read
  // without the shard's lock.
  for (Slot* slot : slots) {
    Database& database = *slot->database;
    MutexLock lock(&database.mu);
    database.lists[slot->multiplexed ? 1 : 0].erase(slot->number);
  }
  {
    MutexLock lock(&shard.mu);
    for (Slot* slot : slots) {
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
  const int64_t now = clock_->NowMicros();
  int64_t dropped = 0;
  for (int kind = 0; kind < 2; ++kind) {
    while (true) {
      std::vector<Slot*> step;
      {
        MutexLock lock(&record->mu);
        for (const auto& [number, slot] : record->lists[kind]) {
          if (number >= first_number || step.size() == kSweepStep) break;
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
          const bool expired = now > record->lifetimes.LastAlive(*slot);
          Empty(*slot, shard, expired ? End::kExpired : End::kDeleted);
          if (!expired) ++dropped;
        }
        Free(shard, absl::MakeConstSpan(&slot, 1));
      }
    }
  }
  return dropped;
}

bool SessionTable::SweepStep(Shard& shard, int64_t now) {
  std::vector<Slot*> dead;
  bool more = true;
  {
    MutexLock lock(&shard.mu);
    for (int i = 0; i < kSweepStep; ++i) {
      Slot* slot = shard.wheel.PopRipe(now);
      if (slot == nullptr) {
        more = false;
        break;
      }
      const int64_t last_alive = slot->database->lifetimes.LastAlive(*slot);
      shard.wheel.Insert(slot, AddOrForever(last_alive, 1));
      if (now > last_alive) {
        Empty(*slot, shard, End::kExpired);
        dead.push_back(slot);
      }
    }
  }
  if (!dead.empty()) Free(shard, dead);
  return more;
}

void SessionTable::Sweep(int64_t now) {
  for (Shard& shard : shards_) {
    while (SweepStep(shard, now)) {
    }
  }
}

void SessionTable::SweepUntilShutdown() {
  while (!shutting_down_) {
    // One time for all: if the clock moves meanwhile, the wait will be short.
    const int64_t now = clock_->NowMicros();
    Sweep(now);
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
  return {.regular = database.counters[0].Read(),
          .multiplexed = database.counters[1].Read()};
}

SessionCounts SessionTable::Counts(const DatabaseName& database) {
  Sweep(clock_->NowMicros());
  Database* record = Find(database);
  return record == nullptr ? SessionCounts() : CountsOf(*record);
}

SessionCounts SessionTable::TotalCounts() {
  Sweep(clock_->NowMicros());
  std::vector<Database*> records;
  {
    MutexLock lock(&databases_mu_);
    for (const auto& [name, record] : databases_) {
      records.push_back(record.get());
    }
  }
  SessionCounts total;
  for (Database* record : records) {
    const SessionCounts counts = CountsOf(*record);
    total.regular += counts.regular;
    total.multiplexed += counts.multiplexed;
  }
  return total;
}

std::string SessionTable::PageToken(const DatabaseName& database,
                                    const SessionFilter& filter,
                                    uint64_t number) const {
  const size_t proof =
      absl::HashOf(secret_, database, filter.Canonical(), number);
  return absl::WebSafeBase64Escape(
      absl::StrCat(absl::Hex(number), ".", absl::Hex(proof)));
}

absl::StatusOr<uint64_t> SessionTable::ReadPageToken(
    const DatabaseName& database, const SessionFilter& filter,
    absl::string_view token) const {
  std::string text;
  uint64_t number = 0;
  if (absl::WebSafeBase64Unescape(token, &text)) {
    const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
    if (absl::SimpleHexAtoi(parts[0], &number) &&
        token == PageToken(database, filter, number)) {
      return number;
    }
  }
  return absl::InvalidArgumentError(
      "is not a next_page_token of this list: it must come from a list of the "
      "same database with the same filter");
}

}  // namespace spanner_session_emulator
