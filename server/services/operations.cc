#include "server/services/operations.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "store/random.h"

namespace spanner_session_emulator {
namespace {

size_t BytesOf(const Operations::Operation& operation) {
  return sizeof(operation) + operation.ByteSizeLong();
}

}  // namespace

std::string Operations::NewName(absl::string_view resource) {
  // Such a name begins with an underscore, which none that a client chooses
  // does.
  return absl::StrFormat("%s/operations/_auto_op_%016x", resource, Random());
}

bool Operations::Add(Operation operation) {
  MutexLock lock(&mu_);
  if (!numbers_.try_emplace(operation.name(), last_number_ + 1).second) {
    return false;
  }
  ++last_number_;
  bytes_ += BytesOf(operation);
  operations_.emplace(last_number_,
                      std::make_shared<const Operation>(std::move(operation)));
  // The last one stays, whatever its size.
  while (operations_.size() > kMaxOperations ||
         (bytes_ > kMaxBytes && operations_.size() > 1)) {
    DeleteNumber(operations_.begin()->first);
  }
  return true;
}

std::shared_ptr<const Operations::Operation> Operations::Find(
    absl::string_view name) const {
  MutexLock lock(&mu_);
  const auto it = numbers_.find(name);
  return it == numbers_.end() ? nullptr : operations_.at(it->second);
}

bool Operations::Delete(absl::string_view name) {
  MutexLock lock(&mu_);
  const auto it = numbers_.find(name);
  if (it == numbers_.end()) return false;
  DeleteNumber(it->second);
  return true;
}

void Operations::DeleteIn(const Scope& scope) {
  const std::string prefix =
      scope.is_everything() ? "" : absl::StrCat(scope.full(), "/");
  MutexLock lock(&mu_);
  for (auto it = operations_.begin(); it != operations_.end();) {
    const auto [number, operation] = *it++;
    if (absl::StartsWith(operation->name(), prefix)) DeleteNumber(number);
  }
}

std::vector<Operations::Entry> Operations::List(
    absl::FunctionRef<bool(absl::string_view name)> wanted) const {
  std::vector<Entry> found;
  MutexLock lock(&mu_);
  for (const auto& [number, operation] : operations_) {
    if (wanted(operation->name())) {
      found.push_back({.operation = operation, .number = number});
    }
  }
  return found;
}

void Operations::DeleteNumber(int64_t number) {
  const auto it = operations_.find(number);
  bytes_ -= BytesOf(*it->second);
  numbers_.erase(it->second->name());
  operations_.erase(it);
}

}  // namespace spanner_session_emulator
