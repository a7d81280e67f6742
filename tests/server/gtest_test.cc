// ReportOnFailure, in tests that fail: those of gtest_inner.cc.

#include "server/gtest.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/main_test/subprocess.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kCallAndLeak[] =
    "Emulator on .*: 1 call:\n  #[0-9]+ .* CreateSession OK .*\n1 session not "
    "deleted:\n  projects/p/";

// What the inner tests print.
std::string RunInner(const std::string& filter, int exit_code) {
  Subprocess tests(
      {"tests/server/gtest_inner", absl::StrCat("--gtest_filter=", filter)});
  EXPECT_EQ(tests.Wait(), exit_code);
  return tests.out();
}

TEST(ReportOnFailureTest, PrintsNothingForATestThatPasses) {
  EXPECT_THAT(RunInner("Fixture.Passes", 0),
              AllOf(HasSubstr("[       OK ] Fixture.Passes"),
                    Not(HasSubstr("Emulator on"))));
}

TEST(ReportOnFailureTest, PrintsCallsAndSessionsOfATestThatFails) {
  for (const char* test :
       {"Fixture.Expects", "Fixture.Asserts", "Scope.Asserts"}) {
    EXPECT_THAT(RunInner(test, 1), ContainsRegex(absl::StrCat(
                                       "as it should\n(.*\n)*", kCallAndLeak)))
        << test;
  }
}

TEST(ReportOnFailureTest, LeavesOutWhatOtherTestsHaveDone) {
  const std::string out = RunInner("Shared.*", 1);
  const std::vector<std::string> parts = absl::StrSplit(out, "[ RUN      ]");
  ASSERT_THAT(parts, SizeIs(4)) << out;
  EXPECT_THAT(parts[1], AllOf(ContainsRegex(kCallAndLeak),
                              HasSubstr("labels.of=\"first\"")));
  EXPECT_THAT(parts[2], Not(HasSubstr("Emulator on")));
  EXPECT_THAT(parts[3], AllOf(ContainsRegex(kCallAndLeak), HasSubstr("  #3 "),
                              HasSubstr("labels.of=\"last\"")));
}

}  // namespace
}  // namespace spanner_session_emulator
