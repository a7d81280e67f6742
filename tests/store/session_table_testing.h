// What the tests of the session table share.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_STORE_SESSION_TABLE_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_STORE_SESSION_TABLE_TESTING_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "store/clock.h"
#include "store/filter.h"
#include "store/labels.h"
#include "store/names.h"
#include "store/session_store.h"
#include "store/session_table.h"

namespace spanner_session_emulator {

constexpr absl::Duration kMicrosecond = absl::Microseconds(1);
constexpr absl::Duration kHour = absl::Hours(1);
constexpr absl::Duration kDay = absl::Hours(24);

// Where the clocks of the tests stand in the beginning.
constexpr absl::Time Start() { return absl::FromUnixSeconds(1'700'000'000); }

inline DatabaseName Database(absl::string_view id) {
  return *DatabaseName::Parse(
      absl::StrCat("projects/p/instances/i/databases/", id));
}

inline SessionTemplate Regular() { return {}; }
inline SessionTemplate Multiplexed() {
  SessionTemplate what;
  what.multiplexed = true;
  return what;
}
inline SessionTemplate WithRole(absl::string_view creator_role) {
  SessionTemplate what;
  what.attributes.creator_role = std::string(creator_role);
  return what;
}
inline SessionTemplate Labelled(
    std::vector<std::pair<std::string, std::string>> labels) {
  SessionTemplate what;
  what.attributes.labels = *Labels::Make(std::move(labels));
  return what;
}

inline ListRequest Request(int page_size, std::string page_token = "",
                           SessionFilter filter = {}) {
  ListRequest request;
  request.page_size = page_size;
  request.page_token = std::move(page_token);
  request.filter = std::move(filter);
  return request;
}

inline SessionFilter Filter(absl::string_view text) {
  return *SessionFilter::Parse(text);
}

using Names = std::vector<std::string>;

inline Names NamesOf(const std::vector<NamedSession>& sessions) {
  Names names;
  for (const NamedSession& session : sessions) {
    names.push_back(session.name.full());
  }
  return names;
}

// Creates one session, which must fit.
inline SessionName CreateOne(SessionStore& store, const DatabaseName& database,
                             const SessionTemplate& what = Regular()) {
  std::vector<NamedSession> created = store.Create(database, what, 1);
  if (created.size() != 1) {
    ADD_FAILURE() << "created " << created.size() << " sessions instead of 1";
    return SessionName(database, "none");
  }
  return std::move(created.front().name);
}

// All pages of a list, one after the other.
inline std::vector<NamedSession> Walk(SessionStore& store,
                                      const DatabaseName& database,
                                      int page_size = 1000,
                                      const SessionFilter& filter = {}) {
  std::vector<NamedSession> all;
  ListRequest request = Request(page_size, "", filter);
  do {
    absl::StatusOr<ListPage> page = store.List(database, request);
    if (!page.ok()) {
      ADD_FAILURE() << page.status();
      return all;
    }
    EXPECT_LE(page->sessions.size(), static_cast<size_t>(page_size));
    for (NamedSession& session : page->sessions) {
      all.push_back(std::move(session));
    }
    request.page_token = page->next_page_token;
  } while (!request.page_token.empty());
  return all;
}

inline Names List(SessionStore& store, const DatabaseName& database,
                  int page_size = 1000, const SessionFilter& filter = {}) {
  return NamesOf(Walk(store, database, page_size, filter));
}

inline SessionTableOptions Living(SessionLifetimes lifetimes) {
  SessionTableOptions options;
  options.lifetimes = lifetimes;
  return options;
}

inline SessionTableOptions UpTo(int64_t max_sessions) {
  SessionTableOptions options;
  options.max_sessions = max_sessions;
  return options;
}

// A table with a standing clock, and short ways to do things to its database
// `test`.
class SessionTableTest : public testing::Test {
 protected:
  explicit SessionTableTest(SessionTableOptions options = {})
      : table_(std::make_unique<SessionTable>(&clock_, std::move(options))) {}

  void Restart(SessionTableOptions options) {
    table_ = nullptr;
    table_ = std::make_unique<SessionTable>(&clock_, std::move(options));
  }

  void Advance(absl::Duration by) { ASSERT_TRUE(clock_.Advance(by).ok()); }
  void Set(absl::Time to) { ASSERT_TRUE(clock_.Set(to).ok()); }

  SessionName One(const SessionTemplate& what = Regular()) {
    return CreateOne(*table_, database_, what);
  }
  Names Many(int count, const SessionTemplate& what = Regular()) {
    const Names names = NamesOf(table_->Create(database_, what, count));
    EXPECT_EQ(names.size(), static_cast<size_t>(count));
    return names;
  }

  bool Alive(const SessionName& name) { return table_->Get(name).has_value(); }
  bool Alive(const std::string& name) {
    return Alive(*SessionName::Parse(name));
  }
  bool Delete(const std::string& name) {
    return table_->Delete(*SessionName::Parse(name));
  }

  int64_t LiveRegular() { return table_->Counts(database_).regular.live; }
  int64_t LiveMultiplexed() {
    return table_->Counts(database_).multiplexed.live;
  }

  ListPage Page(const ListRequest& request) {
    absl::StatusOr<ListPage> page = table_->List(database_, request);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? *std::move(page) : ListPage();
  }

  Clock clock_{Start()};
  const DatabaseName database_ = Database("test");
  std::unique_ptr<SessionTable> table_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_STORE_SESSION_TABLE_TESTING_H_
