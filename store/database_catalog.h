// Which instances and databases exist.
#ifndef SPANNER_SESSION_EMULATOR_STORE_DATABASE_CATALOG_H_
#define SPANNER_SESSION_EMULATOR_STORE_DATABASE_CATALOG_H_

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "store/names.h"

namespace spanner_session_emulator {

// As long as no database is declared, every instance and every database exists.
// Once there is one, only the declared ones do, and their instances. Does not
// change, thus thread-safe.
class DatabaseCatalog {
 public:
  explicit DatabaseCatalog(const std::vector<DatabaseName>& declared) {
    for (const DatabaseName& database : declared) {
      databases_.insert(database);
      instances_.insert(database.instance());
    }
  }

  bool Exists(const InstanceName& instance) const {
    return databases_.empty() || instances_.contains(instance);
  }
  bool Exists(const DatabaseName& database) const {
    return databases_.empty() || databases_.contains(database);
  }

 private:
  absl::flat_hash_set<InstanceName> instances_;
  absl::flat_hash_set<DatabaseName> databases_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_DATABASE_CATALOG_H_
