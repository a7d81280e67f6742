// The table's memory does not grow with the number of sessions that there have
// been, only with that of those that there are.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "store/names.h"
#include "store/session_store.h"
#include "tests/store/session_table_testing.h"

namespace {

// Slots are allocated in chunks, and nothing else here is as big.
constexpr size_t kBig = 64 * 1024;
std::atomic<int64_t> big_allocations{0};

void* Allocate(size_t size) {
  if (size >= kBig) ++big_allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Not inlined: where the compiler sees only one half of new and delete, it
// warns of a mismatch.
ABSL_ATTRIBUTE_NOINLINE void* operator new(size_t size) {
  return Allocate(size);
}
ABSL_ATTRIBUTE_NOINLINE void* operator new[](size_t size) {
  return Allocate(size);
}
ABSL_ATTRIBUTE_NOINLINE void operator delete(void* memory) noexcept {
  std::free(memory);
}
ABSL_ATTRIBUTE_NOINLINE void operator delete[](void* memory) noexcept {
  std::free(memory);
}
ABSL_ATTRIBUTE_NOINLINE void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
ABSL_ATTRIBUTE_NOINLINE void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}

namespace spanner_session_emulator {
namespace {

class SessionTableMemoryTest : public SessionTableTest {
 protected:
  static constexpr size_t kSessions = 4096;

  // Creates sessions, ends them with `end`, and so on: no round takes more
  // memory than the first.
  void ExpectThatSlotsAreReused(const std::function<void(const Names&)>& end) {
    Names names;
    names.reserve(kSessions);
    int64_t after_the_first = 0;
    for (int round = 0; round < 12; ++round) {
      names.clear();
      while (names.size() < kSessions) {  // In batches, so none is big.
        for (std::string& name : Many(64)) names.push_back(std::move(name));
      }
      end(names);
      EXPECT_EQ(table_->occupied_slots(), 0);
      if (round == 0) after_the_first = big_allocations;
    }
    EXPECT_GT(after_the_first, 0);
    EXPECT_EQ(big_allocations, after_the_first);
  }
};

TEST_F(SessionTableMemoryTest, SlotsOfTheDeletedAreReused) {
  ExpectThatSlotsAreReused([this](const Names& names) {
    for (const std::string& name : names) ASSERT_TRUE(Delete(name));
  });
}

TEST_F(SessionTableMemoryTest, SlotsOfTheExpiredAreReused) {
  ExpectThatSlotsAreReused([this](const Names&) {
    Advance(kHour + kMicrosecond);
    EXPECT_EQ(LiveRegular(), 0);
  });
}

TEST_F(SessionTableMemoryTest, SlotsOfADroppedDatabaseAreReused) {
  ExpectThatSlotsAreReused([this](const Names&) {
    EXPECT_EQ(table_->DropDatabase(database_), 4096);
  });
}

// The attributes go at once, not when the slot is used again.
TEST_F(SessionTableMemoryTest, AnEndedSessionLetsGoOfItsAttributes) {
  const std::vector<std::function<void(const SessionName&)>> ends = {
      [this](const SessionName& name) { EXPECT_TRUE(table_->Delete(name)); },
      [this](const SessionName&) { table_->DropDatabase(database_); },
      [this](const SessionName&) {
        Advance(kHour + kMicrosecond);
        table_->ResetCounts({});  // Until then it is remembered.
      }};
  for (const auto& end : ends) {
    const SessionName name = One(Labelled({{"a", "x"}}));
    const std::weak_ptr<const SessionAttributes> attributes =
        table_->Get(name)->attributes;
    EXPECT_FALSE(attributes.expired());
    end(name);
    EXPECT_TRUE(attributes.expired());
  }
}

}  // namespace
}  // namespace spanner_session_emulator
