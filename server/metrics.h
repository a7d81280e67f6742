// What /metrics says of an emulator. docs/metrics.md explains each metric.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_METRICS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_METRICS_H_

#include <cstddef>
#include <string>

#include "server/call/call_meter.h"
#include "server/call/method.h"
#include "server/mock/fault_registry.h"
#include "server/mock/journal.h"
#include "server/mock/stub_registry.h"
#include "server/transport/open_calls.h"
#include "store/session_table.h"

namespace spanner_session_emulator {

// So many databases have rows of their own; the others share one.
inline constexpr size_t kMaxMeteredDatabases = 100;

// Where the numbers are. Methods must not be added any more.
struct MetricsSources {
  const MethodTable* methods = nullptr;
  const CallMeter* unknown_calls = nullptr;
  const OpenCalls* open_calls = nullptr;
  SessionTable* store = nullptr;
  const StubRegistry* stubs = nullptr;
  const FaultRegistry* faults = nullptr;
  const Journal* journal = nullptr;
};

// What MetricsText() is.
inline constexpr char kMetricsContentType[] =
    "text/plain; version=0.0.4; charset=utf-8";

// All metrics, in Prometheus' text format
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Counters
// begin with the process, or with the emulator inside of it, and never go back,
// whatever is reset. Cost grows with the number of methods and of databases,
// but not with that of sessions. Thread-safe.
std::string MetricsText(const MetricsSources& sources);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_METRICS_H_
