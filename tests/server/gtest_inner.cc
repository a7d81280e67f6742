// Tests that fail, for gtest_test.cc, which runs them one by one and looks at
// what they print.

#include <memory>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/gtest.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

void Call(Emulator& emulator, absl::string_view session_template) {
  SpannerClient client(emulator.InProcessChannel());
  EXPECT_TRUE(client.Create(session_template).ok());
}

class Fixture : public ::testing::Test {
 protected:
  const std::unique_ptr<Emulator> emulator_ = StartEmulator();
  const ReportOnFailure report_{*emulator_};
};

TEST_F(Fixture, Passes) { Call(*emulator_, ""); }

TEST_F(Fixture, Expects) {
  Call(*emulator_, "");
  EXPECT_EQ(1, 2) << "as it should";
}

TEST_F(Fixture, Asserts) {
  Call(*emulator_, "");
  ASSERT_EQ(1, 2) << "as it should";
}

TEST(Scope, Asserts) {
  const auto emulator = StartEmulator();
  const ReportOnFailure report(*emulator);
  Call(*emulator, "");
  ASSERT_EQ(1, 2) << "as it should";
}

// Tests that share an emulator.
class Shared : public ::testing::Test {
 protected:
  static Emulator& emulator() {
    static Emulator& emulator = *StartEmulator().release();
    return emulator;
  }
  const ReportOnFailure report_{emulator()};
};

TEST_F(Shared, Fails) {
  Call(emulator(), "labels {key: 'of' value: 'first'}");
  FAIL() << "as it should";
}

TEST_F(Shared, PassesThen) { Call(emulator(), ""); }

TEST_F(Shared, FailsThen) {
  Call(emulator(), "labels {key: 'of' value: 'last'}");
  FAIL() << "as it should";
}

}  // namespace
}  // namespace spanner_session_emulator
