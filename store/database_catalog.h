// Which instances and databases exist, and what is known of them.
#ifndef SPANNER_SESSION_EMULATOR_STORE_DATABASE_CATALOG_H_
#define SPANNER_SESSION_EMULATOR_STORE_DATABASE_CATALOG_H_

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "store/names.h"
#include "store/shared_mutex.h"

namespace spanner_session_emulator {

enum class Dialect { kGoogleStandardSql, kPostgresql };

// What is known of an instance. The catalogue keeps it, and looks at nothing of
// it.
struct InstanceRecord {
  std::string config = {};        // Its full name; empty: the default one.
  std::string display_name = {};  // Empty: the instance's id.
  int processing_units = 1000;    // A node has 1000.
  std::map<std::string, std::string> labels = {};
  // By the numbers of the API's enums.
  int instance_type = 0;
  int edition = 0;
  int default_backup_schedule_type = 0;
  absl::Time create_time = {};
  absl::Time update_time = {};
};

// What is known of a database.
struct DatabaseRecord {
  Dialect dialect = Dialect::kGoogleStandardSql;
  std::vector<std::string> statements = {};  // Its DDL, in order, as text.
  std::string proto_descriptors = {};        // As bytes.
  bool drop_protection = false;
  std::string kms_key_name = {};
  std::vector<std::string> kms_key_names = {};
  absl::Time create_time = {};
};

// Why something was not done.
enum class CatalogProblem {
  kNone,
  kNoInstance,
  kNoDatabase,
  kInstanceExists,
  kDatabaseExists,
  kProtected,  // Against being dropped, itself or one of its databases.
};

// Instances and databases are recorded when they are declared, created or
// changed. In strict mode only those that are recorded exist. Otherwise every
// one exists, recorded or not, but for those that were deleted: these are
// remembered, and exist again once they are created. A database exists only in
// an instance that does.
//
// Thread-safe. Whether something exists is asked by every call that creates a
// session: as long as nothing is strict and nothing was deleted, that costs an
// atomic read, else a lock that readers share.
class DatabaseCatalog {
 public:
  // `declared` exist from the start on, and so do their instances; `start` is
  // the time of creation of these, and of all that is not recorded.
  DatabaseCatalog(bool strict, std::vector<DatabaseName> declared,
                  absl::Time start);

  bool strict() const { return strict_; }

  bool Exists(const InstanceName& instance) const;
  bool Exists(const DatabaseName& database) const;
  // The same by a database's full name; the default one of what does not exist.
  Dialect DialectOf(absl::string_view database) const;

  // Records something that is not yet recorded. A database needs its instance.
  // Errors: kInstanceExists; kNoInstance, kDatabaseExists.
  CatalogProblem Create(const InstanceName& instance, InstanceRecord record);
  CatalogProblem Create(const DatabaseName& database, DatabaseRecord record);

  // What is known; of what exists without being recorded, the defaults. Nothing
  // of what does not exist.
  std::optional<InstanceRecord> Find(const InstanceName& instance) const;
  std::optional<DatabaseRecord> Find(const DatabaseName& database) const;

  // All that are recorded of a project (as `projects/p`), or of an instance, by
  // their full names, in the order of these. Cost grows with their number.
  std::vector<std::pair<std::string, InstanceRecord>> Instances(
      absl::string_view project) const;
  std::vector<std::pair<std::string, DatabaseRecord>> Databases(
      const InstanceName& instance) const;

  // Has `change` change what is known, and records it if it was not; returns
  // what is known now. Nothing of what does not exist.
  std::optional<InstanceRecord> Update(
      const InstanceName& instance,
      absl::FunctionRef<void(InstanceRecord&)> change);
  std::optional<DatabaseRecord> Update(
      const DatabaseName& database,
      absl::FunctionRef<void(DatabaseRecord&)> change);

  // Ends one; an instance takes its databases with it. Its sessions are the
  // caller's to end, after this, and those who create sessions have to look
  // again whether the database still exists: then no session outlives it.
  // Errors: kNoInstance, kNoDatabase, kProtected.
  CatalogProblem Delete(const InstanceName& instance);
  CatalogProblem Delete(const DatabaseName& database);

  // What lies in the scope is as at the start again: only what was declared is
  // recorded, and nothing is remembered as deleted. Returns the databases that
  // do not exist any more, whose sessions are the caller's to end.
  std::vector<DatabaseName> Reset(const Scope& scope);

 private:
  bool ExistsLocked(const InstanceName& instance) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);
  bool ExistsLocked(const DatabaseName& database) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);
  InstanceRecord NewInstance() const;
  DatabaseRecord NewDatabase() const;
  void Declare(const Scope& scope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // To be called after every change of what was deleted.
  void SetAllExist() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const bool strict_;
  const std::vector<DatabaseName> declared_;
  const absl::Time start_;

  // Nothing is strict, and nothing was deleted.
  std::atomic<bool> all_exist_{false};

  mutable SharedMutex mu_;
  // What is recorded, by full names, so that those of a parent stand together.
  std::map<std::string, InstanceRecord, std::less<>> instances_
      ABSL_GUARDED_BY(mu_);
  std::map<std::string, DatabaseRecord, std::less<>> databases_
      ABSL_GUARDED_BY(mu_);
  // What does not exist though nothing is strict. Never what is recorded.
  absl::flat_hash_set<InstanceName> deleted_instances_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<DatabaseName> deleted_databases_ ABSL_GUARDED_BY(mu_);
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_DATABASE_CATALOG_H_
