#include "server/mock/stub_registry.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "server/call/errors.h"
#include "server/mock/script.h"
#include "server/mock/statement_text.h"

namespace spanner_session_emulator {
namespace {

// How many stubs are looked at to tell why none has matched.
constexpr size_t kMaxNearMisses = 1000;

// What every client library may ask for, and what it gets. In lower case.
struct BuiltInStatement {
  absl::string_view sql;
  absl::string_view column;
  absl::string_view value;
};
constexpr absl::string_view kDialectQuery =
    "select option_value from information_schema.database_options where "
    "option_name='database_dialect'";
constexpr BuiltInStatement kBuiltIn[] = {
    {"select 1", "INT64", "1"},
    {kDialectQuery, "option_value STRING", "GOOGLE_STANDARD_SQL"},
    // In the place of the one before.
    {kDialectQuery, "option_value STRING", "POSTGRESQL"},
};

std::shared_ptr<const Stub> MakeBuiltIn(const BuiltInStatement& statement) {
  v1::Stub proto;
  proto.mutable_match()->set_sql(std::string(statement.sql));
  proto.mutable_answer()->add_columns(std::string(statement.column));
  proto.mutable_answer()->add_rows()->add_values()->set_string_value(
      std::string(statement.value));
  return Stub::Make(std::move(proto)).value();
}

// Everything, and the database's project, its instance and itself.
std::vector<absl::string_view> ScopesOf(absl::string_view database) {
  std::vector<absl::string_view> scopes = {""};
  size_t slashes = 0;
  for (size_t i = 0; i < database.size(); ++i) {
    if (database[i] == '/' && ++slashes % 2 == 0) {
      scopes.push_back(database.substr(0, i));
    }
  }
  scopes.push_back(database);
  return scopes;
}

// The number of the built-in stub for a call, if there is one.
std::optional<int64_t> BuiltInNumber(const StubCall& call,
                                     const DatabaseCatalog* catalog) {
  if (call.kind != StubCall::Kind::kStatement) return std::nullopt;
  constexpr size_t kLongest = 200;
  if (call.sql.size() > kLongest) return std::nullopt;
  const std::string spaced =
      absl::StrReplaceAll(call.sql, {{" =", "="}, {"= ", "="}, {" = ", "="}});
  absl::string_view sql = spaced;
  absl::ConsumeSuffix(&sql, ";");
  sql = absl::StripTrailingAsciiWhitespace(sql);
  for (size_t i = 0; i < std::size(kBuiltIn); ++i) {
    if (!absl::EqualsIgnoreCase(sql, kBuiltIn[i].sql)) continue;
    if (kBuiltIn[i].sql == kDialectQuery && catalog != nullptr &&
        catalog->DialectOf(call.database) == Dialect::kPostgresql) {
      ++i;
    }
    return -static_cast<int64_t>(i) - 1;
  }
  return std::nullopt;
}

auto FindMessage(const google::protobuf::RepeatedPtrField<
                     google::spanner::v1::PartialResultSet>& messages,
                 absl::string_view token) {
  return std::find_if(messages.begin(), messages.end(), [token](const auto& m) {
    return m.resume_token() == token;
  });
}

// Whether any of its answers is scripted message by message.
bool HasMessages(const Stub& stub) {
  for (int64_t i = 0; i < stub.answer_count(); ++i) {
    const StubAnswer& answer = stub.answer(i);
    if (answer.messages != nullptr) return true;
    for (const StubAnswer& partition : answer.partitions) {
      if (partition.messages != nullptr) return true;
    }
  }
  return false;
}

// What stub and call do not have in common at all.
constexpr absl::string_view kOther = "other";

// Which field of its match keeps the stub from a call, its times aside; empty
// if none does.
std::string WhyNot(const StubCall& call, const StubKeys& keys,
                   const Stub& stub) {
  if (stub.key() != keys.exact && stub.key() != keys.loose) {
    return absl::EqualsIgnoreCase(stub.key(), keys.exact)
               ? "upper and lower case"
               : std::string(kOther);
  }
  std::string why = stub.Mismatch(call);
  if (why == "sql_prefix" || why == "sql_pattern") return std::string(kOther);
  if (!why.empty()) return why;
  if (!LiesIn(call.database, stub.scope().full())) return "scope";
  if (FacetValues(call, stub.facets()) != stub.facet_values()) {
    return call.kind == StubCall::Kind::kRead ? "key_set" : "params";
  }
  return "";
}

}  // namespace

StubRegistry::StubRegistry(Stubs first, const DatabaseCatalog* catalog)
    : catalog_(catalog) {
  int64_t number = 0;
  for (const BuiltInStatement& statement : kBuiltIn) {
    built_in_[--number] = MakeBuiltIn(statement);
  }
  const std::vector<Entry> added = Add(std::move(first)).value();
  first_.reserve(added.size());
  for (const Entry& entry : added) first_.push_back(entry.stub);
}

absl::StatusOr<std::vector<StubRegistry::Entry>> StubRegistry::Add(
    Stubs stubs) {
  MutexLock lock(&mu_);
  absl::flat_hash_set<std::string> names;
  for (const std::unique_ptr<Stub>& stub : stubs) {
    if (stub->name().empty()) continue;
    if (by_name_.contains(stub->name()) || !names.insert(stub->name()).second) {
      return errors::StubExists(stub->name());
    }
  }
  std::vector<Entry> added;
  added.reserve(stubs.size());
  for (std::unique_ptr<Stub>& stub : stubs) {
    if (stub->name().empty()) {
      std::string name;
      do {
        name = NewName();
      } while (names.contains(name));
      stub->set_name(std::move(name));
    }
    added.push_back(Insert(std::move(stub)));
  }
  return added;
}

StubRegistry::Entry StubRegistry::Insert(std::shared_ptr<const Stub> stub) {
  const int64_t number = ++last_number_;
  Item& item = items_[number];
  item = {.stub = std::move(stub), .number = number};
  by_name_[item.stub->name()] = &item;
  AddToIndex(item);
  return {.stub = item.stub, .number = number};
}

void StubRegistry::Restore() {
  MutexLock lock(&mu_);
  indexes_.clear();
  by_name_.clear();
  items_.clear();
  for (const std::shared_ptr<const Stub>& stub : first_) Insert(stub);
}

std::string StubRegistry::NewName() {
  std::string name;
  do {
    name = absl::StrCat("stubs/", ++last_name_);
  } while (by_name_.contains(name));
  return name;
}

void StubRegistry::AddToIndex(Item& item) {
  indexes_[item.stub->scope().full()][item.stub->key()][item.stub->facets()]
          [item.stub->facet_values()]
              .push_back(&item);
}

void StubRegistry::RemoveFromIndex(const Item& item) {
  const auto index = indexes_.find(item.stub->scope().full());
  if (index == indexes_.end()) return;
  const auto by_facets = index->second.find(item.stub->key());
  if (by_facets == index->second.end()) return;
  const auto by_values = by_facets->second.find(item.stub->facets());
  if (by_values == by_facets->second.end()) return;
  const auto items = by_values->second.find(item.stub->facet_values());
  if (items == by_values->second.end()) return;
  const auto it = std::lower_bound(
      items->second.begin(), items->second.end(), item.number,
      [](const Item* a, int64_t number) { return a->number < number; });
  // If not, it was spent before.
  if (it == items->second.end() || *it != &item) return;
  items->second.erase(it);
  if (items->second.empty()) by_values->second.erase(items);
  if (by_values->second.empty()) by_facets->second.erase(by_values);
  if (by_facets->second.empty()) index->second.erase(by_facets);
  if (index->second.empty()) indexes_.erase(index);
}

std::optional<StubRegistry::Entry> StubRegistry::Find(
    absl::string_view name) const {
  MutexLock lock(&mu_);
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return std::nullopt;
  const Item& item = *it->second;
  return Entry{
      .stub = item.stub, .number = item.number, .hit_count = item.hit_count};
}

std::vector<StubRegistry::Entry> StubRegistry::List(int64_t after,
                                                    size_t limit) const {
  MutexLock lock(&mu_);
  std::vector<Entry> entries;
  for (auto it = items_.upper_bound(after);
       it != items_.end() && entries.size() < limit; ++it) {
    entries.push_back({.stub = it->second.stub,
                       .number = it->first,
                       .hit_count = it->second.hit_count});
  }
  return entries;
}

bool StubRegistry::Delete(absl::string_view name) {
  MutexLock lock(&mu_);
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return false;
  const Item& item = *it->second;
  const int64_t number = item.number;
  RemoveFromIndex(item);
  by_name_.erase(it);
  items_.erase(number);
  return true;
}

int64_t StubRegistry::DeleteAll(const Scope& scope) {
  // Destroyed when the lock is given back.
  std::map<int64_t, Item> all;
  MutexLock lock(&mu_);
  if (scope.is_everything()) {
    indexes_.clear();
    by_name_.clear();
    all.swap(items_);
    return static_cast<int64_t>(all.size());
  }
  int64_t count = 0;
  for (auto it = items_.begin(); it != items_.end();) {
    const Item& item = it->second;
    if (!LiesIn(item.stub->scope().full(), scope.full())) {
      ++it;
      continue;
    }
    RemoveFromIndex(item);
    by_name_.erase(item.stub->name());
    it = items_.erase(it);
    ++count;
  }
  return count;
}

StubRegistry::Item* StubRegistry::Latest(const StubCall& call,
                                         const Index& index,
                                         absl::string_view key, Item* best) {
  const auto by_facets = index.find(key);
  if (by_facets == index.end()) return best;
  for (const auto& [facets, by_values] : by_facets->second) {
    const std::optional<std::string> values = FacetValues(call, facets);
    if (!values.has_value()) continue;
    const auto items = by_values.find(*values);
    if (items == by_values.end()) continue;
    for (auto it = items->second.rbegin(); it != items->second.rend(); ++it) {
      if (best != nullptr && best->number > (*it)->number) break;
      if (!(*it)->stub->Mismatch(call).empty()) continue;
      best = *it;
      break;
    }
  }
  return best;
}

StubRegistry::Figures StubRegistry::figures() const {
  MutexLock lock(&mu_);
  return {.count = static_cast<int64_t>(items_.size()), .hits = hits_};
}

std::optional<StubResult> StubRegistry::Answer(const StubCall& call) {
  const StubKeys keys = KeysOf(call);
  {
    MutexLock lock(&mu_);
    Item* best = nullptr;
    for (const absl::string_view scope : ScopesOf(call.database)) {
      const auto index = indexes_.find(scope);
      if (index == indexes_.end()) continue;
      best = Latest(call, index->second, keys.exact, best);
      if (!keys.loose.empty()) {
        best = Latest(call, index->second, keys.loose, best);
      }
    }
    if (best != nullptr) {
      StubResult result{
          .stub = best->stub,
          .place = {.stub = best->number,
                    .answer = std::min(best->hit_count,
                                       best->stub->answer_count() - 1)}};
      ++best->hit_count;
      ++hits_;
      if (best->spent()) RemoveFromIndex(*best);
      return result;
    }
  }
  const std::optional<int64_t> built_in = BuiltInNumber(call, catalog_);
  if (!built_in.has_value()) return std::nullopt;
  return StubResult{.stub = built_in_.at(*built_in),
                    .place = {.stub = *built_in}};
}

std::optional<StubResult> StubRegistry::At(const StubCall& call,
                                           const ResultPlace& place) const {
  StubResult result{.stub = nullptr, .place = place};
  if (place.stub < 0) {
    if (BuiltInNumber(call, catalog_) != place.stub) return std::nullopt;
    result.stub = built_in_.at(place.stub);
  } else {
    {
      MutexLock lock(&mu_);
      const auto it = items_.find(place.stub);
      if (it == items_.end()) return std::nullopt;
      result.stub = it->second.stub;
    }
    if (!WhyNot(call, KeysOf(call), *result.stub).empty()) return std::nullopt;
  }
  if (!result.IsValid()) return std::nullopt;
  return result;
}

std::optional<StubResult> StubRegistry::Resume(const StubCall& call,
                                               absl::string_view token) {
  std::optional<StubResult> from = PlaceOf(call, token);
  if (!from.has_value() || from->answer().error.ok()) return from;
  std::optional<StubResult> next = Answer(call);
  if (!next.has_value()) return std::nullopt;
  ResultPlace& place = next->place;
  if (from->place.partition <
      static_cast<int64_t>(next->answer().partitions.size())) {
    place.partition = from->place.partition;
  }
  const auto* messages = next->answer().messages;
  const bool from_messages = from->answer().messages != nullptr;
  if (messages != nullptr) {
    const auto message = FindMessage(*messages, token);
    if (message != messages->end()) {
      place.row = std::distance(messages->begin(), message) + 1;
    } else if (from_messages) {
      place.row = std::min<int64_t>(from->place.row, messages->size());
    }
  } else if (!from_messages) {
    place.row = std::min(from->place.row, next->answer().row_count());
    if (place.row == from->place.row) {
      place.column = from->place.column;
      place.in_value = from->place.in_value;
    }
  }
  return next->IsValid() ? next : std::nullopt;
}

std::optional<StubResult> StubRegistry::PlaceOf(const StubCall& call,
                                                absl::string_view token) const {
  if (token.empty()) return std::nullopt;
  if (const auto place = ResultPlace::FromToken(token)) {
    if (auto result = At(call, *place)) return result;
  }
  // One that a stub's messages have. The latest such stub that matches.
  const StubKeys keys = KeysOf(call);
  for (const auto& [number, stub] :
       Latest(std::numeric_limits<size_t>::max())) {
    if (!HasMessages(*stub) || !WhyNot(call, keys, *stub).empty()) continue;
    StubResult result{.stub = stub, .place = {.stub = number}};
    for (; result.place.answer < stub->answer_count(); ++result.place.answer) {
      const int partitions =
          static_cast<int>(stub->answer(result.place.answer).partitions.size());
      for (result.place.partition = ResultPlace::kNoPartition;
           result.place.partition < partitions; ++result.place.partition) {
        const auto* messages = result.answer().messages;
        if (messages == nullptr) continue;
        const auto message = FindMessage(*messages, token);
        if (message == messages->end()) continue;
        result.place.row = std::distance(messages->begin(), message) + 1;
        return result;
      }
    }
  }
  return std::nullopt;
}

std::vector<std::pair<int64_t, std::shared_ptr<const Stub>>>
StubRegistry::Latest(size_t limit) const {
  std::vector<std::pair<int64_t, std::shared_ptr<const Stub>>> stubs;
  MutexLock lock(&mu_);
  for (auto it = items_.rbegin(); it != items_.rend() && stubs.size() < limit;
       ++it) {
    stubs.emplace_back(it->first, it->second.stub);
  }
  return stubs;
}

std::optional<StubResult> StubRegistry::Partition(
    const StubCall& call, const ResultPlace& partition) const {
  return At(call, partition);
}

std::string StubRegistry::NearMiss(const StubCall& call) const {
  const StubKeys keys = KeysOf(call);
  for (const auto& [number, stub] : Latest(kMaxNearMisses)) {
    std::string why = WhyNot(call, keys, *stub);
    if (why == kOther) continue;
    if (why.empty()) why = "times, which are used up";
    return absl::StrCat(stub->name(), " does not match, for its ", why);
  }
  return "";
}

absl::Status StubRegistry::NotScripted(const StubCall& call,
                                       absl::string_view near_miss) {
  std::string text = DescribeCall(call);
  if (!near_miss.empty()) absl::StrAppend(&text, " (", near_miss, ")");
  return errors::NotScripted(text, StubJson(call));
}

}  // namespace spanner_session_emulator
