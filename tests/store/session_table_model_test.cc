// Random calls to the table and to a plain model that says what is right.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/clock.h"
#include "store/filter.h"
#include "store/labels.h"
#include "store/names.h"
#include "store/session_store.h"
#include "store/session_table.h"
#include "tests/store/session_table_testing.h"

namespace spanner_session_emulator {
namespace {

constexpr int kSeeds = 500;
constexpr int kSteps = 400;

// Sessions in the order of their creation, and how each has ended. Everything
// is done in the simplest way.
class Model {
 public:
  enum class End { kNone, kDeleted, kExpired };

  struct Entry {
    SessionName name;
    int database;
    Session session;
    End end = End::kNone;
    // Dead from then on, by order.
    absl::Time expire_at = absl::InfiniteFuture();
  };

  explicit Model(const std::vector<SessionLifetimes>& lifetimes)
      : lifetimes_(lifetimes) {}

  absl::Time LastAlive(const Entry& entry) const {
    const SessionLifetimes& lifetimes = lifetimes_[entry.database];
    const absl::Time created = entry.session.create_time;
    const absl::Time by_order = entry.expire_at - kMicrosecond;
    if (entry.session.multiplexed) {
      return std::min(created + lifetimes.multiplexed_max_age, by_order);
    }
    return std::min(
        {entry.session.approximate_last_use_time + lifetimes.idle_ttl,
         created + lifetimes.max_age, by_order});
  }

  void Expire(Entry& entry, absl::Time at, absl::Time now) {
    entry.expire_at = std::min(entry.expire_at, at);
    if (at <= now) entry.end = End::kExpired;
  }

  // The living of a selection, in the order of Select(): `first_uses` are the
  // databases in the order of their first use.
  std::vector<Entry*> Select(const SessionSelection& selection,
                             const std::vector<int>& first_uses,
                             const std::vector<DatabaseName>& databases,
                             absl::Time now) {
    std::vector<Entry*> selected;
    for (const int database : first_uses) {
      for (const bool multiplexed : {false, true}) {
        for (Entry& entry : entries_) {
          const Session& session = entry.session;
          if (entry.database == database &&
              session.multiplexed == multiplexed && entry.end == End::kNone &&
              selection.scope.Contains(databases[database]) &&
              selection.filter.Matches(session.attributes == nullptr
                                           ? Labels()
                                           : session.attributes->labels) &&
              selection.multiplexed.value_or(multiplexed) == multiplexed &&
              now - session.approximate_last_use_time >
                  selection.idle_longer_than.value_or(-kMicrosecond) &&
              now - session.create_time >
                  selection.older_than.value_or(-kMicrosecond)) {
            selected.push_back(&entry);
          }
        }
      }
    }
    return selected;
  }

  // The first of the living to die does so after this.
  absl::Time NextLastAlive() const {
    absl::Time next = absl::InfiniteFuture();
    for (const Entry& entry : entries_) {
      if (entry.end == End::kNone) next = std::min(next, LastAlive(entry));
    }
    return next;
  }

  void MoveTo(absl::Time now) {
    for (Entry& entry : entries_) {
      if (entry.end == End::kNone && now > LastAlive(entry)) {
        entry.end = End::kExpired;
      }
    }
  }

  int64_t Drop(int database) {
    int64_t dropped = 0;
    for (Entry& entry : entries_) {
      if (entry.database == database && entry.end == End::kNone) {
        entry.end = End::kDeleted;
        ++dropped;
      }
    }
    return dropped;
  }

  int64_t Live() const {
    return std::count_if(
        entries_.begin(), entries_.end(),
        [](const Entry& entry) { return entry.end == End::kNone; });
  }

  SessionCounts::Kind Counts(int database, bool multiplexed) const {
    SessionCounts::Kind counts;
    for (const Entry& entry : entries_) {
      if (entry.database != database ||
          entry.session.multiplexed != multiplexed) {
        continue;
      }
      ++counts.created;
      counts.live += entry.end == End::kNone;
      counts.deleted += entry.end == End::kDeleted;
      counts.expired += entry.end == End::kExpired;
    }
    return counts;
  }

  // What a list from `first` on, an index, should give.
  std::vector<const Entry*> List(int database, const SessionFilter& filter,
                                 size_t first) const {
    std::vector<const Entry*> list;
    for (size_t i = first; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      const Labels labels = entry.session.attributes == nullptr
                                ? Labels()
                                : entry.session.attributes->labels;
      if (entry.database == database && !entry.session.multiplexed &&
          entry.end == End::kNone && filter.Matches(labels)) {
        list.push_back(&entry);
      }
    }
    return list;
  }

  std::vector<Entry>& entries() { return entries_; }
  size_t IndexOf(const Entry* entry) const { return entry - entries_.data(); }

 private:
  const std::vector<SessionLifetimes> lifetimes_;
  std::vector<Entry> entries_;
};

class Comparison {
 public:
  explicit Comparison(int seed)
      : random_(seed),
        databases_({Database("test"), Database("test-2"), Database("other")}) {
    for (size_t i = 0; i < databases_.size(); ++i) {
      lifetimes_.push_back(i < 2 ? (i == 0 ? RandomLifetimes() : lifetimes_[0])
                                 : RandomLifetimes());
    }
    model_ = std::make_unique<Model>(lifetimes_);
    cap_ = Chance(50) ? 1 + Random(20) : 1 + Random(500);
    SessionTableOptions options;
    options.lifetimes = lifetimes_[0];
    options.database_lifetimes[databases_[2]] = lifetimes_[2];
    options.max_sessions = cap_;
    table_ = std::make_unique<SessionTable>(&clock_, options);
  }

  void Step() {
    const int what = Random(100);
    if (what < 15) {
      Create(1);
    } else if (what < 20) {
      Create(1 + Random(100));
    } else if (what < 35) {
      Read(/*use=*/false);
    } else if (what < 55) {
      Read(/*use=*/true);
    } else if (what < 65) {
      Delete();
    } else if (what < 70) {
      WalkAll();
    } else if (what < 80) {
      WalkOn();
    } else if (what < 81) {
      Drop();
    } else if (what < 84) {
      Expire();
    } else if (what < 86) {
      SelectAll();
    } else if (what < 87) {
      EndSelected();
    } else if (what < 95) {
      MoveClock();
    } else {
      CheckCounts();
    }
    EXPECT_LE(table_->occupied_slots(), cap_);
  }

  void CheckCounts() {
    SessionCounts total;
    for (size_t i = 0; i < databases_.size(); ++i) {
      const SessionCounts counts = table_->Counts(databases_[i]);
      CheckCounts(counts.regular, model_->Counts(i, false));
      CheckCounts(counts.multiplexed, model_->Counts(i, true));
      total.regular += counts.regular;
      total.multiplexed += counts.multiplexed;
    }
    EXPECT_EQ(table_->occupied_slots(), model_->Live());
    const SessionCounts answer = table_->TotalCounts();
    CheckCounts(answer.regular, total.regular);
    CheckCounts(answer.multiplexed, total.multiplexed);
  }

 private:
  using Entry = Model::Entry;

  // A list that is walked a page at a time, with other calls in between.
  struct Walker {
    int database;
    SessionFilter filter;
    std::string token;
    size_t next = 0;  // Index of the first session that may still come.
  };

  int Random(int below) { return static_cast<int>(random_() % below); }
  bool Chance(int percent) { return Random(100) < percent; }
  int AnyDatabase() { return Random(static_cast<int>(databases_.size())); }

  SessionLifetimes RandomLifetimes() {
    // Of about the length that the clock moves by.
    const auto duration = [this]() -> absl::Duration {
      if (Chance(10)) return absl::InfiniteDuration();
      return absl::Microseconds(1 + Random(1 << (1 + Random(23))));
    };
    return {.idle_ttl = duration(),
            .max_age = duration(),
            .multiplexed_max_age = duration()};
  }

  SessionTemplate RandomTemplate() {
    SessionTemplate what;
    what.multiplexed = Chance(20);
    if (Chance(30)) {
      what = Labelled({{"env", Chance(50) ? "test" : "prod"}});
    } else if (Chance(20)) {
      what.attributes.creator_role = "role";
    }
    return what;
  }

  SessionFilter RandomFilter() {
    switch (Random(4)) {
      case 0:
        return Filter("labels.env:*");
      case 1:
        return Filter("labels.env:es");
      default:
        return {};
    }
  }

  // One that there is or was, or null if there was none. The latest are more
  // likely to be chosen, as they are more likely to be alive.
  Entry* Any() {
    std::vector<Entry>& all = model_->entries();
    if (all.empty()) return nullptr;
    const int from_the_end =
        std::min({Random(static_cast<int>(all.size())),
                  Random(static_cast<int>(all.size())), Random(1000)});
    return &all[all.size() - 1 - from_the_end];
  }

  static void CheckSession(const Session& session, const Session& expected) {
    EXPECT_EQ(session.create_time, expected.create_time);
    EXPECT_EQ(session.approximate_last_use_time,
              expected.approximate_last_use_time);
    EXPECT_EQ(session.multiplexed, expected.multiplexed);
    EXPECT_EQ(session.attributes, expected.attributes);
  }

  static void CheckCounts(const SessionCounts::Kind& counts,
                          const SessionCounts::Kind& expected) {
    EXPECT_EQ(counts.live, expected.live);
    EXPECT_EQ(counts.created, expected.created);
    EXPECT_EQ(counts.deleted, expected.deleted);
    EXPECT_EQ(counts.expired, expected.expired);
  }

  void CheckList(const std::vector<NamedSession>& sessions,
                 const std::vector<const Entry*>& expected) {
    ASSERT_EQ(sessions.size(), expected.size());
    for (size_t i = 0; i < sessions.size(); ++i) {
      EXPECT_EQ(sessions[i].name, expected[i]->name);
      CheckSession(sessions[i].session, expected[i]->session);
    }
  }

  void Create(int count) {
    const int database = AnyDatabase();
    SessionTemplate what = RandomTemplate();
    what.creator.peer = PeerOf(databases_[database]);
    if (cap_ > model_->Live() &&
        std::find(first_uses_.begin(), first_uses_.end(), database) ==
            first_uses_.end()) {
      first_uses_.push_back(database);
    }
    const std::vector<NamedSession> created =
        table_->Create(databases_[database], what, count);
    ASSERT_EQ(static_cast<int64_t>(created.size()),
              std::min<int64_t>(count, cap_ - model_->Live()));
    for (const NamedSession& session : created) {
      Session expected;
      expected.create_time = expected.approximate_last_use_time = clock_.Now();
      expected.multiplexed = what.multiplexed;
      expected.attributes = session.session.attributes;
      CheckSession(session.session, expected);
      const bool has_attributes = !what.attributes.labels.empty() ||
                                  !what.attributes.creator_role.empty();
      ASSERT_EQ(expected.attributes != nullptr, has_attributes);
      if (has_attributes) {
        EXPECT_EQ(expected.attributes->labels, what.attributes.labels);
        EXPECT_EQ(expected.attributes->creator_role,
                  what.attributes.creator_role);
      }
      model_->entries().push_back({session.name, database, expected});
    }
  }

  void Read(bool use) {
    Entry* entry = Any();
    if (entry == nullptr) return;
    if (Chance(5)) {  // The right id under a wrong name.
      const SessionName wrong(databases_[(entry->database + 1) % 3],
                              entry->name.id());
      EXPECT_FALSE((use ? table_->Use(wrong) : table_->Get(wrong)).has_value());
      return;
    }
    if (use && entry->end == Model::End::kNone) {
      entry->session.approximate_last_use_time = clock_.Now();
    }
    const std::optional<Session> session =
        use ? table_->Use(entry->name) : table_->Get(entry->name);
    ASSERT_EQ(session.has_value(), entry->end == Model::End::kNone);
    if (session.has_value()) CheckSession(*session, entry->session);
  }

  void Delete() {
    Entry* entry = Any();
    if (entry == nullptr) return;
    EXPECT_EQ(table_->Delete(entry->name), entry->end == Model::End::kNone);
    if (entry->end == Model::End::kNone) entry->end = Model::End::kDeleted;
  }

  void WalkAll() {
    const int database = AnyDatabase();
    const SessionFilter filter = RandomFilter();
    const int page_size = 1 + Random(Chance(50) ? 10 : 1000);
    CheckList(Walk(*table_, databases_[database], page_size, filter),
              model_->List(database, filter, 0));
  }

  // One more page of a walk.
  void WalkOn() {
    if (walkers_.size() < 5) {
      walkers_.push_back({AnyDatabase(), RandomFilter(), "", 0});
    }
    const int which = Random(static_cast<int>(walkers_.size()));
    Walker& walker = walkers_[which];
    const int page_size = 1 + Random(20);
    const absl::StatusOr<ListPage> page =
        table_->List(databases_[walker.database],
                     Request(page_size, walker.token, walker.filter));
    ASSERT_TRUE(page.ok()) << page.status();
    std::vector<const Entry*> expected =
        model_->List(walker.database, walker.filter, walker.next);
    const bool more = expected.size() > static_cast<size_t>(page_size);
    if (more) expected.resize(page_size);
    CheckList(page->sessions, expected);
    // A last page may be empty: who knows whether those behind it are dead?
    if (more) {
      EXPECT_NE(page->next_page_token, "");
    }
    if (page->sessions.size() < static_cast<size_t>(page_size)) {
      EXPECT_EQ(page->next_page_token, "");
    }
    if (page->next_page_token.empty()) {
      walkers_.erase(walkers_.begin() + which);
    } else if (!testing::Test::HasFailure()) {
      walker.token = page->next_page_token;
      walker.next = model_->IndexOf(expected.back()) + 1;
    }
  }

  // Around now, or within the time that the clock moves by.
  absl::Time RandomExpireTime() {
    return clock_.Now() +
           absl::Microseconds(Random(Chance(50) ? 5 : 1 << (1 + Random(22))) -
                              2);
  }

  void Expire() {
    Entry* entry = Any();
    if (entry == nullptr) return;
    const absl::Time at = RandomExpireTime();
    EXPECT_EQ(table_->Expire(entry->name, at), entry->end == Model::End::kNone);
    if (entry->end == Model::End::kNone) {
      model_->Expire(*entry, at, clock_.Now());
    }
  }

  SessionSelection RandomSelection() {
    SessionSelection selection;
    if (Chance(70)) selection.scope = databases_[AnyDatabase()];
    selection.filter = RandomFilter();
    if (Chance(50)) selection.multiplexed = Chance(30);
    const auto duration = [this] {
      return absl::Microseconds(Random(1 << (1 + Random(22))));
    };
    if (Chance(40)) selection.idle_longer_than = duration();
    if (Chance(40)) selection.older_than = duration();
    return selection;
  }

  std::vector<Entry*> Selected(const SessionSelection& selection) {
    return model_->Select(selection, first_uses_, databases_, clock_.Now());
  }

  void SelectAll() {
    SelectRequest request = {.selection = RandomSelection(),
                             .page_size = 1 + Random(Chance(50) ? 5 : 1000)};
    const std::vector<Entry*> expected = Selected(request.selection);
    std::vector<NamedSession> selected;
    do {
      absl::StatusOr<SelectPage> page = table_->Select(request);
      ASSERT_TRUE(page.ok()) << page.status();
      ASSERT_LE(page->sessions.size(), static_cast<size_t>(request.page_size));
      for (SelectedSession& session : page->sessions) {
        EXPECT_EQ(session.creator.peer, PeerOf(session.name.database()));
        selected.push_back(
            {std::move(session.name), std::move(session.session)});
      }
      request.page_token = page->next_page_token;
    } while (!request.page_token.empty());
    CheckList(selected, {expected.begin(), expected.end()});
  }

  void EndSelected() {
    const SessionSelection selection = RandomSelection();
    const std::vector<Entry*> expected = Selected(selection);
    if (Chance(50)) {
      EXPECT_EQ(table_->Delete(selection),
                static_cast<int64_t>(expected.size()));
      for (Entry* entry : expected) entry->end = Model::End::kDeleted;
    } else {
      const absl::Time at = RandomExpireTime();
      EXPECT_EQ(table_->Expire(selection, at),
                static_cast<int64_t>(expected.size()));
      for (Entry* entry : expected) model_->Expire(*entry, at, clock_.Now());
    }
  }

  static std::string PeerOf(const DatabaseName& database) {
    return absl::StrCat("peer of ", database.full());
  }

  void Drop() {
    const int database = AnyDatabase();
    EXPECT_EQ(table_->DropDatabase(databases_[database]),
              model_->Drop(database));
  }

  void MoveClock() {
    absl::Time to = clock_.Now() + absl::Microseconds(Random(3));
    if (Chance(60)) {  // Around the next death.
      to = std::max(
          to, model_->NextLastAlive() + absl::Microseconds(Random(3) - 1));
    } else if (Chance(20)) {  // Around another death.
      if (const Entry* entry = Any(); entry != nullptr) {
        to = std::max(
            to, model_->LastAlive(*entry) + absl::Microseconds(Random(3) - 1));
      }
    } else if (Chance(30)) {
      to += absl::Microseconds(Random(1 << (1 + Random(22))));
    }
    if (to == absl::InfiniteFuture()) return;
    ASSERT_TRUE(clock_.Set(to).ok());
    model_->MoveTo(to);
  }

  std::mt19937_64 random_;
  const std::vector<DatabaseName> databases_;
  std::vector<SessionLifetimes> lifetimes_;
  int64_t cap_;
  Clock clock_{Start()};
  std::unique_ptr<Model> model_;
  std::unique_ptr<SessionTable> table_;
  std::vector<Walker> walkers_;
  std::vector<int> first_uses_;  // Databases, in that order.
};

TEST(SessionTableModelTest, AgreesWithAPlainModel) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    Comparison comparison(seed);
    for (int step = 0; step < kSteps; ++step) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, ", step ", step));
      comparison.Step();
      ASSERT_FALSE(HasFailure());
    }
    SCOPED_TRACE(absl::StrCat("seed ", seed, ", in the end"));
    comparison.CheckCounts();
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace spanner_session_emulator
