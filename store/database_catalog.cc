#include "store/database_catalog.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

// Calls `function(it)` for each entry of `map` whose name begins so.
template <typename Map, typename Function>
void ForEachBelow(Map& map, const std::string& prefix, Function function) {
  for (auto it = map.lower_bound(prefix);
       it != map.end() && absl::StartsWith(it->first, prefix);) {
    function(it++);
  }
}

std::string DatabasesOf(const InstanceName& instance) {
  return absl::StrCat(instance.full(), "/databases/");
}

}  // namespace

DatabaseCatalog::DatabaseCatalog(bool strict,
                                 std::vector<DatabaseName> declared,
                                 absl::Time start)
    : strict_(strict), declared_(std::move(declared)), start_(start) {
  WriterMutexLock lock(&mu_);
  Declare(Scope());
  SetAllExist();
}

InstanceRecord DatabaseCatalog::NewInstance() const {
  return {.create_time = start_, .update_time = start_};
}

DatabaseRecord DatabaseCatalog::NewDatabase() const {
  return {.create_time = start_};
}

void DatabaseCatalog::Declare(const Scope& scope) {
  for (const DatabaseName& database : declared_) {
    if (!scope.Contains(database)) continue;
    const InstanceName instance = database.instance();
    deleted_instances_.erase(instance);
    instances_.try_emplace(instance.full(), NewInstance());
    databases_.try_emplace(database.full(), NewDatabase());
  }
}

void DatabaseCatalog::SetAllExist() {
  all_exist_ =
      !strict_ && deleted_instances_.empty() && deleted_databases_.empty();
}

bool DatabaseCatalog::ExistsLocked(const InstanceName& instance) const {
  return strict_ ? instances_.contains(instance.full())
                 : !deleted_instances_.contains(instance);
}

bool DatabaseCatalog::ExistsLocked(const DatabaseName& database) const {
  return strict_ ? databases_.contains(database.full())
                 : !deleted_databases_.contains(database) &&
                       !deleted_instances_.contains(database.instance());
}

bool DatabaseCatalog::Exists(const InstanceName& instance) const {
  if (all_exist_) return true;
  ReaderMutexLock lock(&mu_);
  return ExistsLocked(instance);
}

bool DatabaseCatalog::Exists(const DatabaseName& database) const {
  if (all_exist_) return true;
  ReaderMutexLock lock(&mu_);
  return ExistsLocked(database);
}

Dialect DatabaseCatalog::DialectOf(absl::string_view database) const {
  ReaderMutexLock lock(&mu_);
  const auto it = databases_.find(database);
  return it == databases_.end() ? Dialect::kGoogleStandardSql
                                : it->second.dialect;
}

CatalogProblem DatabaseCatalog::Create(const InstanceName& instance,
                                       InstanceRecord record) {
  WriterMutexLock lock(&mu_);
  const auto [it, is_new] = instances_.try_emplace(instance.full());
  if (!is_new) return CatalogProblem::kInstanceExists;
  it->second = std::move(record);
  deleted_instances_.erase(instance);
  SetAllExist();
  return CatalogProblem::kNone;
}

CatalogProblem DatabaseCatalog::Create(const DatabaseName& database,
                                       DatabaseRecord record) {
  WriterMutexLock lock(&mu_);
  if (!ExistsLocked(database.instance())) return CatalogProblem::kNoInstance;
  const auto [it, is_new] = databases_.try_emplace(database.full());
  if (!is_new) return CatalogProblem::kDatabaseExists;
  it->second = std::move(record);
  deleted_databases_.erase(database);
  SetAllExist();
  return CatalogProblem::kNone;
}

std::optional<InstanceRecord> DatabaseCatalog::Find(
    const InstanceName& instance) const {
  ReaderMutexLock lock(&mu_);
  const auto it = instances_.find(instance.full());
  if (it != instances_.end()) return it->second;
  if (!ExistsLocked(instance)) return std::nullopt;
  return NewInstance();
}

std::optional<DatabaseRecord> DatabaseCatalog::Find(
    const DatabaseName& database) const {
  ReaderMutexLock lock(&mu_);
  const auto it = databases_.find(database.full());
  if (it != databases_.end()) return it->second;
  if (!ExistsLocked(database)) return std::nullopt;
  return NewDatabase();
}

std::vector<std::pair<std::string, InstanceRecord>> DatabaseCatalog::Instances(
    absl::string_view project) const {
  std::vector<std::pair<std::string, InstanceRecord>> found;
  ReaderMutexLock lock(&mu_);
  ForEachBelow(instances_, absl::StrCat(project, "/instances/"),
               [&found](const auto& it) { found.push_back(*it); });
  return found;
}

std::vector<std::pair<std::string, DatabaseRecord>> DatabaseCatalog::Databases(
    const InstanceName& instance) const {
  std::vector<std::pair<std::string, DatabaseRecord>> found;
  ReaderMutexLock lock(&mu_);
  ForEachBelow(databases_, DatabasesOf(instance),
               [&found](const auto& it) { found.push_back(*it); });
  return found;
}

std::optional<InstanceRecord> DatabaseCatalog::Update(
    const InstanceName& instance,
    absl::FunctionRef<void(InstanceRecord&)> change) {
  WriterMutexLock lock(&mu_);
  if (!ExistsLocked(instance)) return std::nullopt;
  InstanceRecord& record =
      instances_.try_emplace(instance.full(), NewInstance()).first->second;
  change(record);
  return record;
}

std::optional<DatabaseRecord> DatabaseCatalog::Update(
    const DatabaseName& database,
    absl::FunctionRef<void(DatabaseRecord&)> change) {
  WriterMutexLock lock(&mu_);
  if (!ExistsLocked(database)) return std::nullopt;
  DatabaseRecord& record =
      databases_.try_emplace(database.full(), NewDatabase()).first->second;
  change(record);
  return record;
}

CatalogProblem DatabaseCatalog::Delete(const InstanceName& instance) {
  WriterMutexLock lock(&mu_);
  if (!ExistsLocked(instance)) return CatalogProblem::kNoInstance;
  bool is_protected = false;
  ForEachBelow(databases_, DatabasesOf(instance), [&](const auto& it) {
    is_protected |= it->second.drop_protection;
  });
  if (is_protected) return CatalogProblem::kProtected;
  instances_.erase(instance.full());
  ForEachBelow(databases_, DatabasesOf(instance), [this](const auto& it) {
    // So that it does not come back with its instance.
    if (!strict_) {
      deleted_databases_.insert(DatabaseName::Parse(it->first).value());
    }
    databases_.erase(it);
  });
  if (!strict_) deleted_instances_.insert(instance);
  SetAllExist();
  return CatalogProblem::kNone;
}

CatalogProblem DatabaseCatalog::Delete(const DatabaseName& database) {
  WriterMutexLock lock(&mu_);
  if (!ExistsLocked(database.instance())) return CatalogProblem::kNoInstance;
  if (!ExistsLocked(database)) return CatalogProblem::kNoDatabase;
  const auto it = databases_.find(database.full());
  if (it != databases_.end()) {
    if (it->second.drop_protection) return CatalogProblem::kProtected;
    databases_.erase(it);
  }
  if (!strict_) deleted_databases_.insert(database);
  SetAllExist();
  return CatalogProblem::kNone;
}

std::vector<DatabaseName> DatabaseCatalog::Reset(const Scope& scope) {
  WriterMutexLock lock(&mu_);
  std::vector<DatabaseName> gone;
  for (auto it = databases_.begin(); it != databases_.end();) {
    DatabaseName name = DatabaseName::Parse(it->first).value();
    if (!scope.Contains(name)) {
      ++it;
      continue;
    }
    gone.push_back(std::move(name));
    it = databases_.erase(it);
  }
  for (auto it = instances_.begin(); it != instances_.end();) {
    it = scope.Contains(InstanceName::Parse(it->first).value())
             ? instances_.erase(it)
             : std::next(it);
  }
  absl::erase_if(deleted_instances_, [&scope](const InstanceName& name) {
    return scope.Contains(name);
  });
  absl::erase_if(deleted_databases_, [&scope](const DatabaseName& name) {
    return scope.Contains(name);
  });
  Declare(scope);
  SetAllExist();
  std::erase_if(
      gone, [this](const DatabaseName& name)
                ABSL_SHARED_LOCKS_REQUIRED(mu_) { return ExistsLocked(name); });
  return gone;
}

}  // namespace spanner_session_emulator
