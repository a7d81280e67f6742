// The faults that there are, and what they do to calls.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_REGISTRY_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_REGISTRY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/call/call.h"
#include "server/call/pipeline.h"
#include "server/call/reply.h"
#include "server/mock/fault.h"
#include "server/mock/fault_call.h"
#include "server/mock/fault_source.h"
#include "server/mock/waits.h"
#include "store/mutex.h"
#include "store/names.h"

namespace spanner_session_emulator {

// Thread-safe. While there is a fault that is not used up, each call costs
// what grows with their number.
class FaultRegistry final : public Interceptor {
 public:
  // A fault as it stands.
  struct Entry {
    std::shared_ptr<const Fault> fault;
    int64_t number = 0;  // Rises with each fault; never comes again.
    int64_t match_count = 0;
    int64_t hit_count = 0;
    int64_t held_call_count = 0;
  };

  // The store must outlive the registry.
  // Begins with the faults of `first`, no two of which may have one name.
  explicit FaultRegistry(FaultEnvironment environment, Faults first = {});

  // Adds faults: all, or none. Those without a name get one. ALREADY_EXISTS if
  // one has the name of another.
  absl::StatusOr<std::vector<Entry>> Add(Faults faults);

  std::optional<Entry> Find(absl::string_view name) const;
  // Up to `limit` faults with a higher number than `after`, by number.
  std::vector<Entry> List(int64_t after, size_t limit) const;

  // Deletes a fault and lets the calls go that it holds. Whether there was one.
  bool Delete(absl::string_view name);
  // The same for those whose scope lies inside of this one; returns how many.
  // For all of them, names that are given and the seed begin anew as well.
  int64_t DeleteAll(const Scope& scope);
  // Deletes those whose scope lies inside of this one. The calls that they hold
  // end with CANCELLED. For all of them, those that were there at first come
  // back, without hits, and the seed is 0.
  void Reset(const Scope& scope);
  // Lets the calls go that a fault holds, and returns how many there were;
  // nothing if there is no such fault.
  std::optional<int64_t> Release(absl::string_view name);

  // How many there are, and how often one was ever applied, whatever was
  // deleted or reset since.
  struct Figures {
    int64_t count = 0;
    int64_t hits = 0;
  };
  Figures figures() const;

  int64_t seed() const;
  void SetSeed(int64_t seed);

  // Ends the waits that have no end: now, and those to come. Pauses go on, for
  // the grace that calls have.
  void ShutDown() { waits_.ShutDownEndless(); }

  // What Interceptor says.
  Reply Answer(Call& call) override;

 private:
  struct Item {
    std::shared_ptr<const Fault> fault;
    std::shared_ptr<Waits::Group> group;
    int64_t match_count = 0;
    int64_t hit_count = 0;

    bool spent() const {
      return fault->times() > 0 && hit_count >= fault->times();
    }
  };
  using Items = std::map<int64_t, Item>;
  struct Candidate {
    int64_t number;
    std::shared_ptr<const Fault> fault;
  };
  using Candidates = std::vector<Candidate>;
  using Groups = std::vector<std::shared_ptr<Waits::Group>>;

  Entry Insert(std::shared_ptr<const Fault> fault)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns what is to be let go, without the lock.
  Groups Clear(const Scope& scope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Entry ToEntry(int64_t number, const Item& item) const;
  Items::const_iterator At(absl::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::string NewName() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // To be called when there are others, or when one is used up.
  void UpdateCandidates() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Those that are applied to the call, with their headers and trailers.
  std::vector<AppliedFault> Apply(FaultCall& call, ReplyMetadata& metadata);

  const FaultEnvironment environment_;
  std::vector<std::shared_ptr<const Fault>> first_;
  Waits waits_;

  mutable Mutex mu_;
  int64_t seed_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t last_number_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t last_name_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t hits_ ABSL_GUARDED_BY(mu_) = 0;  // Of all that ever were.
  Items items_ ABSL_GUARDED_BY(mu_);       // By number.
  // Those that are not used up, by number, for a look at them without the lock.
  std::shared_ptr<const Candidates> candidates_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, int64_t> numbers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_REGISTRY_H_
