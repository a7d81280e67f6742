// The long-running operations of the admin API. All that it does is done at
// once, so each is done when it is there.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_OPERATIONS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_OPERATIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "google/longrunning/operations.pb.h"
#include "store/mutex.h"
#include "store/names.h"

namespace spanner_session_emulator {

// Those of the last calls: the oldest make room for new ones. Thread-safe.
class Operations {
 public:
  static constexpr size_t kMaxOperations = 10'000;
  static constexpr size_t kMaxBytes = 64 << 20;

  using Operation = google::longrunning::Operation;
  struct Entry {
    std::shared_ptr<const Operation> operation;
    int64_t number = 0;  // Rises with each.
  };

  // A name that no other has, of an operation on a resource.
  static std::string NewName(absl::string_view resource);

  // Keeps it. Returns whether there was none of its name.
  bool Add(Operation operation);
  // Null if there is none.
  std::shared_ptr<const Operation> Find(absl::string_view name) const;
  // Whether there was one.
  bool Delete(absl::string_view name);
  // Those on resources in the scope.
  void DeleteIn(const Scope& scope);
  // Those for whose name `wanted` says so, in the order of their calls.
  std::vector<Entry> List(
      absl::FunctionRef<bool(absl::string_view name)> wanted) const;

 private:
  void DeleteNumber(int64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  int64_t last_number_ ABSL_GUARDED_BY(mu_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<int64_t, std::shared_ptr<const Operation>> operations_
      ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, int64_t> numbers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_OPERATIONS_H_
