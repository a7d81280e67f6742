// What an emulator has seen since a moment, as text for whoever looks into a
// test that has failed: the calls, and the sessions that nobody has deleted.
// With GoogleTest, server/gtest.h prints it when a test fails.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_FAILURE_REPORT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_FAILURE_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>

#include "server/emulator.h"

namespace spanner_session_emulator {

// How many of them are shown; all are counted.
struct FailureReportLimits {
  size_t calls = 100;    // The last ones.
  size_t sessions = 20;  // The first ones.
};

// Not thread-safe, but the emulator may be called meanwhile.
class FailureReport {
 public:
  // Its moment is now. Takes time and memory for each session that is alive.
  // The emulator must outlive it.
  explicit FailureReport(Emulator& emulator, FailureReportLimits limits = {});
  FailureReport(const FailureReport&) = delete;
  FailureReport& operator=(const FailureReport&) = delete;

  // What has come since: a line for each call, as far as the journal still has
  // it, and one for each regular session that was created since and not
  // deleted, be it alive or expired, as far as the emulator remembers it. Calls
  // show the emulator's time and how long they took in real time.
  std::string Text() const;

 private:
  Emulator& emulator_;
  const FailureReportLimits limits_;
  const int64_t last_call_;  // The number of the last one before.
  // Names of those before.
  const std::unordered_set<std::string> sessions_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_FAILURE_REPORT_H_
