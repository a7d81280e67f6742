// Who created sessions, each of them kept once: there are millions of sessions
// and few clients.
#ifndef SPANNER_SESSION_EMULATOR_STORE_CREATOR_POOL_H_
#define SPANNER_SESSION_EMULATOR_STORE_CREATOR_POOL_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "absl/hash/hash.h"
#include "store/mutex.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// Counts the sessions of each creator and forgets it with the last of them, so
// that it never holds more creators than there are sessions (and dead ones that
// are remembered), however many connections there have been. Thread-safe.
class CreatorPool {
 public:
  // A creator and how many sessions it has.
  using Entry = std::pair<const SessionCreator, int64_t>;

  // The entry of a creator, for so many sessions more; null for one of which
  // nothing is known. Whoever has a session of it may read the creator.
  Entry* Add(const SessionCreator& creator, int64_t sessions) {
    if (creator.user_agent.empty() && creator.peer.empty()) return nullptr;
    MutexLock lock(&mu_);
    Entry& entry = *entries_.try_emplace(creator, 0).first;
    entry.second += sessions;
    return &entry;
  }

  // One session of the entry has ended. Nothing for null.
  void Remove(Entry* entry) {
    if (entry == nullptr) return;
    MutexLock lock(&mu_);
    if (--entry->second > 0) return;
    // Not by its key, which goes with it.
    entries_.erase(entries_.find(entry->first));
  }

  // How many creators have sessions.
  size_t size() {
    MutexLock lock(&mu_);
    return entries_.size();
  }

 private:
  Mutex mu_;
  // Its entries do not move.
  std::unordered_map<SessionCreator, int64_t, absl::Hash<SessionCreator>>
      entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_CREATOR_POOL_H_
