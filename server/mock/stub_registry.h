// What a test may script: the stubs that say what calls of Spanner's API get,
// and the faults that come over them.
//
// This folder knows calls (server/call) and sessions (store) and no protocol.
// Stub is one stub, StubCall a call as stubs see it, StubRegistry finds the one
// for the other, and ResultSource makes messages of its rows; Fault, FaultCall,
// FaultRegistry and FaultSource are the same for faults, and Waits is where
// calls wait. The registries and Waits are thread-safe; a Stub and a Fault do
// not change; all else is for one thread.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_REGISTRY_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_REGISTRY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/mock/result_source.h"
#include "server/mock/stub.h"
#include "server/mock/stub_call.h"
#include "store/database_catalog.h"
#include "store/mutex.h"
#include "store/names.h"

namespace spanner_session_emulator {

// Thread-safe. Finding a stub by a whole statement, a read's table, and by
// parameters or keys, costs the same with few stubs as with many; prefixes,
// patterns and all other conditions are looked at one by one.
class StubRegistry {
 public:
  // A stub as it stands.
  struct Entry {
    std::shared_ptr<const Stub> stub;
    int64_t number = 0;  // Rises with each stub; never comes again.
    int64_t hit_count = 0;
  };

  // With these at first, whose names differ. The catalogue, which may be null,
  // knows the dialects of databases, and must outlive the registry.
  explicit StubRegistry(Stubs first = {},
                        const DatabaseCatalog* catalog = nullptr);
  StubRegistry(const StubRegistry&) = delete;
  StubRegistry& operator=(const StubRegistry&) = delete;

  // Adds stubs: all, or none. Those without a name get one. ALREADY_EXISTS if
  // one has the name of another.
  absl::StatusOr<std::vector<Entry>> Add(Stubs stubs);

  std::optional<Entry> Find(absl::string_view name) const;
  // Up to `limit` stubs with a higher number than `after`, by number.
  std::vector<Entry> List(int64_t after, size_t limit) const;

  // Whether there was one.
  bool Delete(absl::string_view name);
  // Those whose scope lies inside of this one; returns how many.
  int64_t DeleteAll(const Scope& scope);
  // Deletes all and adds those anew that the constructor was given, by their
  // names and without hits. Names that are chosen later are new ones all the
  // same.
  void Restore();

  // How many there are, and how many hits there ever were, whatever was deleted
  // or restored since.
  struct Figures {
    int64_t count = 0;
    int64_t hits = 0;
  };
  Figures figures() const;

  // The answer to a call, which counts as a hit; nothing if no stub matches.
  std::optional<StubResult> Answer(const StubCall& call);

  // Where a stream goes on that has given this token to the same call; no hit.
  // Where the stream's answer ends with an error, that has broken it: the next
  // answer is taken, as by a new call, with a hit, and goes on at the same row,
  // or behind the message with the token. Nothing if there is no such place:
  // the token is another's, or its stub gone.
  std::optional<StubResult> Resume(const StubCall& call,
                                   absl::string_view token);

  // The answer of a partition: `partition` of what Answer() has given; no hit.
  std::optional<StubResult> Partition(const StubCall& call,
                                      const ResultPlace& partition) const;

  // Of a call without an answer, the stub that is close to it, and why it does
  // not match: `stubs/x does not match, for its params`. Empty if none is.
  std::string NearMiss(const StubCall& call) const;
  // INVALID_ARGUMENT for a call without an answer: shows it, and the stub that
  // would have matched it, and NearMiss().
  static absl::Status NotScripted(const StubCall& call,
                                  absl::string_view near_miss);

 private:
  struct Item {
    std::shared_ptr<const Stub> stub;
    int64_t number = 0;
    int64_t hit_count = 0;

    bool spent() const {
      return stub->times() > 0 && hit_count >= stub->times();
    }
  };
  // By the values of some facets; the latest stub is the last. Only those that
  // are not spent.
  using ByValues = absl::flat_hash_map<std::string, std::vector<Item*>>;
  using ByFacets = std::map<std::vector<std::string>, ByValues>;
  // By key.
  using Index = absl::flat_hash_map<std::string, ByFacets>;

  // The stub has a name of its own.
  Entry Insert(std::shared_ptr<const Stub> stub)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddToIndex(Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RemoveFromIndex(const Item& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string NewName() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The latest that matches and is newer than `best`, or `best`.
  static Item* Latest(const StubCall& call, const Index& index,
                      absl::string_view key, Item* best);
  // By number, the latest first, so that they can be looked at without the
  // lock.
  std::vector<std::pair<int64_t, std::shared_ptr<const Stub>>> Latest(
      size_t limit) const;
  // Where a token comes from.
  std::optional<StubResult> PlaceOf(const StubCall& call,
                                    absl::string_view token) const;
  // A place in a stub that the call matches, whether that is spent or not.
  std::optional<StubResult> At(const StubCall& call,
                               const ResultPlace& place) const;

  const DatabaseCatalog* const catalog_;
  // What the constructor was given.
  std::vector<std::shared_ptr<const Stub>> first_;
  // SELECT 1 and the dialects, by number, which is negative.
  std::map<int64_t, std::shared_ptr<const Stub>> built_in_;

  mutable Mutex mu_;
  int64_t last_number_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t last_name_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t hits_ ABSL_GUARDED_BY(mu_) = 0;  // Of all that ever were.
  // All, by number. Items keep their addresses.
  std::map<int64_t, Item> items_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, Item*> by_name_ ABSL_GUARDED_BY(mu_);
  // By scope, as text.
  absl::flat_hash_map<std::string, Index> indexes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_REGISTRY_H_
