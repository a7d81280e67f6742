#include "store/database_catalog.h"

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "store/names.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Time kStart = absl::FromUnixSeconds(3600);

InstanceName Instance(const std::string& id) {
  return InstanceName::Parse(absl::StrCat("projects/p/instances/", id)).value();
}

DatabaseName Database(const std::string& instance, const std::string& id) {
  return DatabaseName::Parse(
             absl::StrCat("projects/p/instances/", instance, "/databases/", id))
      .value();
}

template <typename Records>
std::vector<std::string> Names(const Records& records) {
  std::vector<std::string> names;
  for (const auto& [name, _] : records) {
    names.push_back(name.substr(name.rfind('/') + 1));
  }
  return names;
}

TEST(DatabaseCatalogTest, WhatNobodyHasDeclaredExistsUnlessThatIsStrict) {
  for (const bool strict : {false, true}) {
    const DatabaseCatalog catalog(strict, {}, kStart);
    EXPECT_EQ(catalog.strict(), strict);
    EXPECT_EQ(catalog.Exists(Instance("i")), !strict);
    EXPECT_EQ(catalog.Exists(Database("i", "d")), !strict);
    ASSERT_EQ(catalog.Find(Instance("i")).has_value(), !strict);
    ASSERT_EQ(catalog.Find(Database("i", "d")).has_value(), !strict);
    EXPECT_THAT(catalog.Instances("projects/p"), IsEmpty());
    EXPECT_THAT(catalog.Databases(Instance("i")), IsEmpty());
    if (strict) continue;
    EXPECT_EQ(catalog.Find(Instance("i"))->processing_units, 1000);
    EXPECT_EQ(catalog.Find(Instance("i"))->create_time, kStart);
    EXPECT_EQ(catalog.Find(Database("i", "d"))->create_time, kStart);
    EXPECT_EQ(catalog.Find(Database("i", "d"))->dialect,
              Dialect::kGoogleStandardSql);
  }
}

TEST(DatabaseCatalogTest, DeclaredOnesExistWithTheirInstances) {
  const DatabaseCatalog catalog(true, {Database("i", "d"), Database("i", "e")},
                                kStart);
  EXPECT_TRUE(catalog.Exists(Instance("i")));
  EXPECT_FALSE(catalog.Exists(Instance("i2")));
  EXPECT_TRUE(catalog.Exists(Database("i", "d")));
  EXPECT_FALSE(catalog.Exists(Database("i", "f")));
  EXPECT_FALSE(catalog.Exists(Database("i2", "d")));
  EXPECT_THAT(Names(catalog.Instances("projects/p")), ElementsAre("i"));
  EXPECT_THAT(catalog.Instances("projects/p2"), IsEmpty());
  EXPECT_THAT(Names(catalog.Databases(Instance("i"))), ElementsAre("d", "e"));
}

TEST(DatabaseCatalogTest, CreatesOnce) {
  for (const bool strict : {false, true}) {
    SCOPED_TRACE(strict);
    DatabaseCatalog catalog(strict, {}, kStart);
    EXPECT_EQ(catalog.Create(Database("i", "d"), {}),
              strict ? CatalogProblem::kNoInstance : CatalogProblem::kNone);
    EXPECT_EQ(catalog.Create(Instance("i"), {.display_name = "I"}),
              CatalogProblem::kNone);
    EXPECT_EQ(catalog.Create(Instance("i"), {}),
              CatalogProblem::kInstanceExists);
    EXPECT_EQ(catalog.Find(Instance("i"))->display_name, "I");
    EXPECT_EQ(catalog.Create(Database("i", "e"), {.statements = {"x"}}),
              CatalogProblem::kNone);
    EXPECT_EQ(catalog.Create(Database("i", "e"), {}),
              CatalogProblem::kDatabaseExists);
    EXPECT_THAT(catalog.Find(Database("i", "e"))->statements, ElementsAre("x"));
    EXPECT_TRUE(catalog.Exists(Database("i", "e")));
  }
}

TEST(DatabaseCatalogTest, ListsThoseOfOneParentInOrder) {
  DatabaseCatalog catalog(false, {}, kStart);
  for (const char* id : {"i", "i-2", "i2", "h"}) {
    catalog.Create(Instance(id), {});
    catalog.Create(Database(id, std::string("of-") + id), {});
  }
  catalog.Create(Database("i", "a"), {});
  catalog.Create(InstanceName::Parse("projects/p-2/instances/other").value(),
                 {});
  EXPECT_THAT(Names(catalog.Instances("projects/p")),
              ElementsAre("h", "i", "i-2", "i2"));
  EXPECT_THAT(Names(catalog.Databases(Instance("i"))),
              ElementsAre("a", "of-i"));
}

TEST(DatabaseCatalogTest, WhatIsDeletedDoesNotExistUntilItIsCreated) {
  for (const bool strict : {false, true}) {
    SCOPED_TRACE(strict);
    DatabaseCatalog catalog(strict, {}, kStart);
    catalog.Create(Instance("i"), {});
    catalog.Create(Database("i", "d"), {.dialect = Dialect::kPostgresql});
    EXPECT_EQ(catalog.DialectOf(Database("i", "d").full()),
              Dialect::kPostgresql);
    EXPECT_EQ(catalog.Delete(Database("i", "d")), CatalogProblem::kNone);
    EXPECT_FALSE(catalog.Exists(Database("i", "d")));
    EXPECT_FALSE(catalog.Find(Database("i", "d")).has_value());
    EXPECT_EQ(catalog.DialectOf(Database("i", "d").full()),
              Dialect::kGoogleStandardSql);
    EXPECT_EQ(catalog.Exists(Database("i", "d2")), !strict);
    EXPECT_TRUE(catalog.Exists(Instance("i")));
    EXPECT_EQ(catalog.Delete(Database("i", "d")), CatalogProblem::kNoDatabase);
    EXPECT_FALSE(catalog
                     .Update(Database("i", "d"),
                             [](DatabaseRecord&) { FAIL() << "called"; })
                     .has_value());
    EXPECT_EQ(catalog.Create(Database("i", "d"), {}), CatalogProblem::kNone);
    EXPECT_TRUE(catalog.Exists(Database("i", "d")));
  }
}

TEST(DatabaseCatalogTest, AnInstanceTakesItsDatabasesWithIt) {
  for (const bool strict : {false, true}) {
    SCOPED_TRACE(strict);
    DatabaseCatalog catalog(strict, {}, kStart);
    catalog.Create(Instance("i"), {});
    catalog.Create(Instance("i-2"), {});
    catalog.Create(Database("i", "d"), {});
    catalog.Create(Database("i-2", "d"), {});
    EXPECT_EQ(catalog.Delete(Instance("i")), CatalogProblem::kNone);
    EXPECT_FALSE(catalog.Exists(Instance("i")));
    EXPECT_FALSE(catalog.Exists(Database("i", "d")));
    EXPECT_FALSE(catalog.Exists(Database("i", "unknown")));
    EXPECT_TRUE(catalog.Exists(Database("i-2", "d")));
    EXPECT_EQ(catalog.Delete(Instance("i")), CatalogProblem::kNoInstance);
    EXPECT_EQ(catalog.Delete(Database("i", "d")), CatalogProblem::kNoInstance);
    EXPECT_EQ(catalog.Create(Database("i", "d"), {}),
              CatalogProblem::kNoInstance);
    EXPECT_FALSE(
        catalog
            .Update(Instance("i"), [](InstanceRecord&) { FAIL() << "called"; })
            .has_value());
    // The instance comes back, what was in it does not.
    EXPECT_EQ(catalog.Create(Instance("i"), {}), CatalogProblem::kNone);
    EXPECT_TRUE(catalog.Exists(Instance("i")));
    EXPECT_FALSE(catalog.Exists(Database("i", "d")));
    EXPECT_EQ(catalog.Exists(Database("i", "unknown")), !strict);
  }
}

TEST(DatabaseCatalogTest, WhatIsProtectedStays) {
  DatabaseCatalog catalog(false, {}, kStart);
  const auto protect = [&](bool on) {
    const auto record =
        catalog.Update(Database("i", "d"),
                       [on](DatabaseRecord& to) { to.drop_protection = on; });
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->drop_protection, on);
  };
  protect(true);
  EXPECT_EQ(catalog.Delete(Database("i", "d")), CatalogProblem::kProtected);
  EXPECT_EQ(catalog.Delete(Instance("i")), CatalogProblem::kProtected);
  EXPECT_TRUE(catalog.Exists(Database("i", "d")));
  protect(false);
  EXPECT_EQ(catalog.Delete(Instance("i")), CatalogProblem::kNone);
}

TEST(DatabaseCatalogTest, AChangeRecords) {
  DatabaseCatalog catalog(false, {}, kStart);
  catalog.Update(Instance("i"),
                 [](InstanceRecord& to) { to.display_name = "I"; });
  EXPECT_THAT(Names(catalog.Instances("projects/p")), ElementsAre("i"));
  EXPECT_EQ(catalog.Find(Instance("i"))->create_time, kStart);
  EXPECT_EQ(catalog.Create(Instance("i"), {}), CatalogProblem::kInstanceExists);
}

TEST(DatabaseCatalogTest, ResetBringsTheStartBack) {
  DatabaseCatalog catalog(true, {Database("i", "d"), Database("j", "d")},
                          kStart);
  catalog.Update(Database("i", "d"),
                 [](DatabaseRecord& to) { to.statements = {"x"}; });
  catalog.Create(Database("i", "new"), {});
  catalog.Create(Instance("new"), {});
  catalog.Create(Database("new", "d"), {});
  catalog.Delete(Instance("j"));
  EXPECT_THAT(catalog.Reset(Scope()),
              ElementsAre(Database("i", "new"), Database("new", "d")));
  EXPECT_THAT(Names(catalog.Instances("projects/p")), ElementsAre("i", "j"));
  EXPECT_THAT(Names(catalog.Databases(Instance("i"))), ElementsAre("d"));
  EXPECT_THAT(catalog.Find(Database("i", "d"))->statements, IsEmpty());
  EXPECT_TRUE(catalog.Exists(Database("j", "d")));
  EXPECT_FALSE(catalog.Exists(Database("i", "new")));
}

TEST(DatabaseCatalogTest, ResetForgetsWhatWasDeleted) {
  DatabaseCatalog catalog(false, {}, kStart);
  catalog.Create(Database("i", "made"), {});
  catalog.Delete(Database("i", "d"));
  catalog.Delete(Instance("j"));
  EXPECT_THAT(catalog.Reset(Scope()), IsEmpty());  // It still exists.
  EXPECT_TRUE(catalog.Exists(Database("i", "d")));
  EXPECT_TRUE(catalog.Exists(Instance("j")));
  EXPECT_THAT(catalog.Databases(Instance("i")), IsEmpty());
}

TEST(DatabaseCatalogTest, ResetOfAScopeLeavesTheRest) {
  DatabaseCatalog catalog(false, {}, kStart);
  for (const char* id : {"i", "i-2"}) {
    catalog.Create(Instance(id), {});
    catalog.Create(Database(id, "made"), {});
    catalog.Delete(Database(id, "gone"));
  }
  catalog.Reset(Database("i", "made"));
  EXPECT_THAT(catalog.Databases(Instance("i")), IsEmpty());
  EXPECT_THAT(Names(catalog.Instances("projects/p")), ElementsAre("i", "i-2"));
  EXPECT_FALSE(catalog.Exists(Database("i", "gone")));
  catalog.Reset(Instance("i"));
  EXPECT_THAT(Names(catalog.Instances("projects/p")), ElementsAre("i-2"));
  EXPECT_TRUE(catalog.Exists(Database("i", "gone")));
  EXPECT_FALSE(catalog.Exists(Database("i-2", "gone")));
  EXPECT_THAT(Names(catalog.Databases(Instance("i-2"))), ElementsAre("made"));
}

TEST(DatabaseCatalogTest, ResetOfADeclaredDatabaseBringsItsInstanceBack) {
  DatabaseCatalog catalog(true, {Database("i", "d"), Database("i", "e")},
                          kStart);
  catalog.Delete(Instance("i"));
  EXPECT_THAT(catalog.Reset(Database("i", "d")), IsEmpty());
  EXPECT_TRUE(catalog.Exists(Instance("i")));
  EXPECT_TRUE(catalog.Exists(Database("i", "d")));
  EXPECT_FALSE(catalog.Exists(Database("i", "e")));
}

// Of those who create and delete the same at a time, as many have done the one
// as the other.
TEST(DatabaseCatalogTest, ManyThreads) {
  DatabaseCatalog catalog(false, {}, kStart);
  const DatabaseName name = Database("i", "d");
  constexpr int kThreads = 4;
  constexpr int kRounds = 2000;
  ASSERT_EQ(catalog.Create(name, {}), CatalogProblem::kNone);
  std::atomic<int> created{0}, deleted{0}, seen{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kRounds; ++k) {
        created += catalog.Create(name, {}) == CatalogProblem::kNone;
        seen += catalog.Exists(name);
        seen += catalog.Exists(Database("i", "other"));
        catalog.Update(name, [](DatabaseRecord& record) {
          record.statements.emplace_back("x");
        });
        catalog.Find(name);
        catalog.Databases(Instance("i"));
        deleted += catalog.Delete(name) == CatalogProblem::kNone;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(1 + created - deleted, catalog.Exists(name) ? 1 : 0);
  // Others exist all the time.
  EXPECT_GE(seen, kThreads * kRounds);
}

}  // namespace
}  // namespace spanner_session_emulator
