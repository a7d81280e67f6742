// For tests with GoogleTest: what the emulator has seen of a test that fails.
//
//   class PoolTest : public testing::Test {
//    protected:
//     const std::unique_ptr<Emulator> emulator_ =
//         Emulator::Start({}).value();
//     const ReportOnFailure report_{*emulator_};
//   };
//
// or, in a single test, `const ReportOnFailure report(**emulator);`. The Bazel
// target is //server:gtest; the installed library itself needs no GoogleTest.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_GTEST_H_
#define SPANNER_SESSION_EMULATOR_SERVER_GTEST_H_

#include <iostream>

#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/failure_report.h"

namespace spanner_session_emulator {

// When it goes out of scope in a test that has failed by then, it prints the
// test's calls and the sessions that it has not deleted to standard output,
// where GoogleTest has printed the failures. It reports what has come since it
// was made, so where tests share an emulator each one has a report of its own.
// The emulator must outlive it, so declare the report after the emulator.
class ReportOnFailure {
 public:
  explicit ReportOnFailure(Emulator& emulator, FailureReportLimits limits = {})
      : report_(emulator, limits) {}
  ~ReportOnFailure() {
    if (testing::Test::HasFailure()) {
      std::cout << report_.Text() << std::flush;
    }
  }
  ReportOnFailure(const ReportOnFailure&) = delete;
  ReportOnFailure& operator=(const ReportOnFailure&) = delete;

 private:
  const FailureReport report_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_GTEST_H_
