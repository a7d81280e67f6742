#include "server/mock/fault_registry.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/mock/script.h"

namespace spanner_session_emulator {

FaultRegistry::FaultRegistry(FaultEnvironment environment, Faults first)
    : environment_(std::move(environment)) {
  const std::vector<Entry> added = Add(std::move(first)).value();
  first_.reserve(added.size());
  for (const Entry& entry : added) first_.push_back(entry.fault);
}

absl::StatusOr<std::vector<FaultRegistry::Entry>> FaultRegistry::Add(
    Faults faults) {
  MutexLock lock(&mu_);
  absl::flat_hash_set<std::string> names;
  for (const std::unique_ptr<Fault>& fault : faults) {
    if (fault->name().empty()) continue;
    if (numbers_.contains(fault->name()) ||
        !names.insert(fault->name()).second) {
      return errors::FaultExists(fault->name());
    }
  }
  std::vector<Entry> added;
  added.reserve(faults.size());
  for (std::unique_ptr<Fault>& fault : faults) {
    if (fault->name().empty()) {
      std::string name;
      do {
        name = NewName();
      } while (names.contains(name));
      fault->set_name(std::move(name));
    }
    added.push_back(Insert(std::move(fault)));
  }
  UpdateCandidates();
  return added;
}

FaultRegistry::Entry FaultRegistry::Insert(std::shared_ptr<const Fault> fault) {
  const int64_t number = ++last_number_;
  numbers_[fault->name()] = number;
  items_[number] = {.fault = fault, .group = std::make_shared<Waits::Group>()};
  return {.fault = std::move(fault), .number = number};
}

std::string FaultRegistry::NewName() {
  std::string name;
  do {
    name = absl::StrCat("faults/", ++last_name_);
  } while (numbers_.contains(name));
  return name;
}

void FaultRegistry::UpdateCandidates() {
  auto candidates = std::make_shared<Candidates>();
  for (const auto& [number, item] : items_) {
    if (!item.spent()) candidates->push_back({number, item.fault});
  }
  set_active(!candidates->empty());
  candidates_ = std::move(candidates);
}

FaultRegistry::Entry FaultRegistry::ToEntry(int64_t number,
                                            const Item& item) const {
  return {.fault = item.fault,
          .number = number,
          .match_count = item.match_count,
          .hit_count = item.hit_count,
          .held_call_count = waits_.Count(*item.group)};
}

FaultRegistry::Items::const_iterator FaultRegistry::At(
    absl::string_view name) const {
  const auto it = numbers_.find(name);
  return it == numbers_.end() ? items_.end() : items_.find(it->second);
}

std::optional<FaultRegistry::Entry> FaultRegistry::Find(
    absl::string_view name) const {
  MutexLock lock(&mu_);
  const auto it = At(name);
  if (it == items_.end()) return std::nullopt;
  return ToEntry(it->first, it->second);
}

std::vector<FaultRegistry::Entry> FaultRegistry::List(int64_t after,
                                                      size_t limit) const {
  MutexLock lock(&mu_);
  std::vector<Entry> entries;
  for (auto it = items_.upper_bound(after);
       it != items_.end() && entries.size() < limit; ++it) {
    entries.push_back(ToEntry(it->first, it->second));
  }
  return entries;
}

// Calls are let go without the lock: they go on at once.

bool FaultRegistry::Delete(absl::string_view name) {
  std::shared_ptr<Waits::Group> group;
  {
    MutexLock lock(&mu_);
    const auto it = At(name);
    if (it == items_.end()) return false;
    group = it->second.group;
    items_.erase(it);
    numbers_.erase(name);
    UpdateCandidates();
  }
  waits_.Close(*group);
  return true;
}

FaultRegistry::Groups FaultRegistry::Clear(const Scope& scope) {
  Groups groups;
  for (auto it = items_.begin(); it != items_.end();) {
    const Fault& fault = *it->second.fault;
    if (!LiesIn(fault.scope(), scope.full())) {
      ++it;
      continue;
    }
    groups.push_back(it->second.group);
    numbers_.erase(fault.name());
    it = items_.erase(it);
  }
  if (scope.is_everything()) last_name_ = seed_ = 0;
  return groups;
}

int64_t FaultRegistry::DeleteAll(const Scope& scope) {
  Groups groups;
  {
    MutexLock lock(&mu_);
    groups = Clear(scope);
    UpdateCandidates();
  }
  for (const auto& group : groups) waits_.Close(*group);
  return static_cast<int64_t>(groups.size());
}

void FaultRegistry::Reset(const Scope& scope) {
  Groups groups;
  {
    MutexLock lock(&mu_);
    groups = Clear(scope);
    if (scope.is_everything()) {
      for (const auto& fault : first_) Insert(fault);
    }
    UpdateCandidates();
  }
  for (const auto& group : groups) waits_.CallOff(*group);
}

std::optional<int64_t> FaultRegistry::Release(absl::string_view name) {
  std::shared_ptr<Waits::Group> group;
  {
    MutexLock lock(&mu_);
    const auto it = At(name);
    if (it == items_.end()) return std::nullopt;
    group = it->second.group;
  }
  return waits_.Release(*group);
}

FaultRegistry::Figures FaultRegistry::figures() const {
  MutexLock lock(&mu_);
  return {.count = static_cast<int64_t>(items_.size()), .hits = hits_};
}

int64_t FaultRegistry::seed() const {
  MutexLock lock(&mu_);
  return seed_;
}

void FaultRegistry::SetSeed(int64_t seed) {
  MutexLock lock(&mu_);
  seed_ = seed;
}

std::vector<AppliedFault> FaultRegistry::Apply(FaultCall& call,
                                               ReplyMetadata& metadata) {
  std::shared_ptr<const Candidates> candidates;
  {
    MutexLock lock(&mu_);
    candidates = candidates_;
  }
  // Without the lock: statements can be long.
  std::vector<int64_t> matching;
  for (const Candidate& candidate : *candidates) {
    if (candidate.fault->Matches(call)) matching.push_back(candidate.number);
  }
  std::vector<AppliedFault> applied;
  if (matching.empty()) return applied;
  bool paused = false;
  bool frozen = false;
  bool has_metadata = false;
  bool has_effect = false;
  bool spent = false;
  MutexLock lock(&mu_);
  for (const int64_t number : matching) {
    // Another thread may have deleted it or used it up.
    const auto it = items_.find(number);
    if (it == items_.end() || it->second.spent()) continue;
    Item& item = it->second;
    const Fault& fault = *item.fault;
    // It counts in any case: what other faults do makes no difference to it.
    const FaultDraws draws = {.seed = seed_, .match = ++item.match_count};
    const bool applies = fault.has_effect() || (fault.pauses() && !paused) ||
                         (fault.freezes() && !frozen) ||
                         (fault.has_metadata() && !has_metadata);
    if (has_effect || !applies || !fault.Picks(draws)) continue;
    ++item.hit_count;
    ++hits_;
    spent |= item.spent();
    paused |= fault.pauses();
    frozen |= fault.freezes();
    has_metadata |= fault.has_metadata();
    has_effect |= fault.has_effect();
    metadata.Add(fault.metadata());
    applied.push_back(
        {.fault = item.fault, .group = item.group, .draws = draws});
  }
  if (spent) UpdateCandidates();
  return applied;
}

Reply FaultRegistry::Answer(Call& call) {
  FaultCall fault_call(call, environment_.store);
  ReplyMetadata metadata;
  std::vector<AppliedFault> applied = Apply(fault_call, metadata);
  if (applied.empty()) return call.method().handle(call);
  for (const AppliedFault& one : applied) {
    call.notes.faults.push_back(one.fault->name());
  }
  call.reply_metadata =
      std::make_unique<const ReplyMetadata>(std::move(metadata));
  auto source = std::make_unique<FaultSource>(
      &call, &environment_, &waits_, std::move(applied),
      std::string(fault_call.transaction_id()));
  // The call gets its entry in the journal when this is done. Whoever finds it
  // there finds it held, and can release it.
  source->Prime();
  return Reply::Stream(std::move(source));
}

}  // namespace spanner_session_emulator
