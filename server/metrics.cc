#include "server/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "prometheus/metric_family.h"
#include "prometheus/metric_type.h"
#include "prometheus/text_serializer.h"
#include "server/version.h"
#include "store/session_store.h"
#include "store/transactions.h"

namespace spanner_session_emulator {
namespace {

using Type = prometheus::MetricType;

constexpr absl::string_view kPrefix = "spanner_session_emulator_";

// Metrics, one after the other: each begins with Begin(), and has values then,
// no two with the same labels.
class Metrics {
 public:
  using Labels =
      std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

  void Begin(absl::string_view name, Type type, absl::string_view help) {
    families_.emplace_back();
    families_.back().name = std::string(name);
    families_.back().type = type;
    families_.back().help = std::string(help);
  }

  // Of a counter or a gauge.
  void Add(Labels labels, double value) {
    prometheus::ClientMetric& metric = AddMetric(labels);
    metric.counter.value = value;
    metric.gauge.value = value;
  }
  void Add(Labels labels, int64_t value) {
    Add(labels, static_cast<double>(value));
  }

  // Of a histogram: the buckets' upper bounds, in rising order, and how many
  // are in each but not in the one before; the last one has no bound.
  void AddHistogram(Labels labels, absl::Span<const double> bounds,
                    absl::Span<const int64_t> counts, double sum) {
    prometheus::ClientMetric::Histogram& histogram =
        AddMetric(labels).histogram;
    for (size_t i = 0; i < counts.size(); ++i) {
      histogram.sample_count += counts[i];
      histogram.bucket.push_back(
          {histogram.sample_count,
           i < bounds.size() ? bounds[i]
                             : std::numeric_limits<double>::infinity()});
    }
    histogram.sample_sum = sum;
  }

  std::string Text() const {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, families_);
    return std::move(text).str();
  }

 private:
  prometheus::ClientMetric& AddMetric(Labels labels) {
    prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
    for (const auto& [name, value] : labels) {
      metric.label.push_back({std::string(name), std::string(value)});
    }
    return metric;
  }

  std::vector<prometheus::MetricFamily> families_;
};

// Begins one of the emulator's own metrics.
void Begin(absl::string_view name, Type type, absl::string_view help,
           Metrics& out) {
  out.Begin(absl::StrCat(kPrefix, name), type, help);
}

void AddOne(absl::string_view name, Type type, absl::string_view help,
            int64_t value, Metrics& out) {
  Begin(name, type, help, out);
  out.Add({}, value);
}

// The calls of a method, as they were at one moment.
struct MethodCalls {
  absl::string_view method;
  CallMeter::Counts counts;
};

// Of those that were called.
std::vector<MethodCalls> CallsByMethod(const MetricsSources& sources) {
  std::vector<MethodCalls> all;
  const auto add = [&all](absl::string_view method, const CallMeter& meter) {
    const CallMeter::Counts counts = meter.counts();
    if (counts.total() > 0) all.push_back({method, counts});
  };
  for (const auto& method : sources.methods->methods()) {
    add(method->full_name, *method->meter);
  }
  // Their names are the callers' choice, so there may be any number of them.
  add("unknown", *sources.unknown_calls);
  return all;
}

void AddCalls(const MetricsSources& sources, Metrics& out) {
  const std::vector<MethodCalls> all = CallsByMethod(sources);
  Begin("calls_total", Type::Counter,
        "Calls that have ended, by method, protocol and status code.", out);
  constexpr std::array<absl::string_view, CallMeter::kProtocols> kProtocols = {
      "grpc", "rest"};
  for (const MethodCalls& calls : all) {
    for (size_t protocol = 0; protocol < kProtocols.size(); ++protocol) {
      for (size_t code = 0; code < CallMeter::kCodes; ++code) {
        const int64_t count = calls.counts.calls[protocol][code];
        if (count == 0) continue;
        out.Add({{"method", calls.method},
                 {"protocol", kProtocols[protocol]},
                 {"code", absl::StatusCodeToString(
                              static_cast<absl::StatusCode>(code))}},
                count);
      }
    }
  }

  std::vector<double> bounds;
  bounds.reserve(CallMeter::kBounds.size());
  for (const std::chrono::duration<double> bound : CallMeter::kBounds) {
    bounds.push_back(bound.count());
  }
  Begin("call_duration_seconds", Type::Histogram,
        "Real time from a call's arrival until its end is known.", out);
  for (const MethodCalls& calls : all) {
    out.AddHistogram({{"method", calls.method}}, bounds, calls.counts.buckets,
                     static_cast<double>(calls.counts.nanoseconds) / 1e9);
  }
  AddOne("calls_open", Type::Gauge, "Calls that are being answered.",
         sources.open_calls->count(), out);
}

void AddByKind(absl::string_view name, absl::string_view help, int64_t regular,
               int64_t multiplexed, Metrics& out) {
  Begin(name, Type::Counter, help, out);
  out.Add({{"kind", "regular"}}, regular);
  out.Add({{"kind", "multiplexed"}}, multiplexed);
}

void AddSessions(const SessionTable::Figures& figures, int64_t limit,
                 Metrics& out) {
  const SessionCounts::Kind& regular = figures.total.regular;
  const SessionCounts::Kind& multiplexed = figures.total.multiplexed;
  Begin("sessions", Type::Gauge,
        "Living sessions, by kind and database; those of all databases but the "
        "largest are in the row of the database `other`.",
        out);
  int64_t other_regular = regular.live;
  int64_t other_multiplexed = multiplexed.live;
  const auto add = [&out](absl::string_view database, int64_t of_regular,
                          int64_t of_multiplexed) {
    out.Add({{"kind", "regular"}, {"database", database}}, of_regular);
    out.Add({{"kind", "multiplexed"}, {"database", database}}, of_multiplexed);
  };
  for (const SessionTable::Figures::Database& database : figures.largest) {
    add(database.name.full(), database.regular, database.multiplexed);
    other_regular -= database.regular;
    other_multiplexed -= database.multiplexed;
  }
  add("other", other_regular, other_multiplexed);
  AddOne("sessions_limit", Type::Gauge,
         "How many sessions may be alive at a time.", limit, out);
  AddByKind("sessions_created_total", "Sessions that were created.",
            regular.created, multiplexed.created, out);
  AddByKind("sessions_deleted_total",
            "Sessions that were deleted, by a call or with their database.",
            regular.deleted, multiplexed.deleted, out);
  AddByKind("sessions_expired_total",
            "Sessions that have died of age or of not being used.",
            regular.expired, multiplexed.expired, out);
}

void AddTransactions(const TransactionFigures& figures, Metrics& out) {
  const auto begun = [&figures](TransactionKind kind) {
    return figures.begun[static_cast<size_t>(kind)];
  };
  Begin("transactions_begun_total", Type::Counter,
        "Transactions that have begun; a commit that brings its own begins "
        "one.",
        out);
  out.Add({{"kind", "read_only"}}, begun(TransactionKind::kReadOnly));
  out.Add({{"kind", "read_write"}}, begun(TransactionKind::kReadWrite));
  out.Add({{"kind", "partitioned_dml"}},
          begun(TransactionKind::kPartitionedDml));
  Begin("transactions_ended_total", Type::Counter,
        "Transactions that write and have ended before their session.", out);
  out.Add({{"result", "committed"}}, figures.committed);
  out.Add({{"result", "rolled_back"}}, figures.rolled_back);
  out.Add({{"result", "aborted"}}, figures.aborted);
  out.Add({{"result", "replaced"}}, figures.replaced);
}

void AddMocks(const MetricsSources& sources, Metrics& out) {
  const StubRegistry::Figures stubs = sources.stubs->figures();
  AddOne("stubs", Type::Gauge, "Stubs that there are.", stubs.count, out);
  AddOne("stub_hits_total", Type::Counter, "Calls that a stub has answered.",
         stubs.hits, out);
  const FaultRegistry::Figures faults = sources.faults->figures();
  AddOne("faults", Type::Gauge, "Faults that there are.", faults.count, out);
  AddOne("fault_hits_total", Type::Counter,
         "How often a fault was applied to a call.", faults.hits, out);

  const Journal::Stats journal = sources.journal->stats();
  AddOne("journal_bytes", Type::Gauge, "What the journal holds.",
         journal.used_bytes, out);
  AddOne("journal_capacity_bytes", Type::Gauge,
         "What the journal can hold; 0: there is none.", journal.capacity_bytes,
         out);
  AddOne("journal_entries", Type::Gauge, "Entries in the journal.",
         journal.entry_count, out);
  AddOne("journal_recorded_total", Type::Counter,
         "Calls that were entered in the journal.", journal.last_number, out);
  AddOne("journal_dropped_total", Type::Counter,
         "Entries that have made room for others.", journal.dropped_entry_count,
         out);
}

std::string ReadAll(const char* path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

int64_t NumberAt(const std::vector<absl::string_view>& words, size_t at) {
  int64_t number = 0;
  return at < words.size() && absl::SimpleAtoi(words[at], &number) ? number : 0;
}

// The system's start, in seconds since the Unix epoch.
int64_t BootTime() {
  const std::string text = ReadAll("/proc/stat");
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" \n"));
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "btime") return NumberAt(words, i + 1);
  }
  return 0;
}

// Under the names that Prometheus gives them.
void AddProcess(Metrics& out) {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  out.Begin("process_cpu_seconds_total", Type::Counter,
            "CPU time that the process has used.");
  out.Add({}, seconds(usage.ru_utime) + seconds(usage.ru_stime));

  // Behind the program's name, which may have blanks and parentheses: man proc.
  const std::string stat = ReadAll("/proc/self/stat");
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::string_view(stat).substr(stat.rfind(')') + 1), ' ',
                     absl::SkipEmpty());
  constexpr size_t kThreads = 20 - 3;  // The first word is the third field.
  constexpr size_t kStartTicks = 22 - 3;
  constexpr size_t kVirtualBytes = 23 - 3;
  constexpr size_t kResidentPages = 24 - 3;
  // What the system does not tell, as where there is no /proc, has no value.
  const bool known = words.size() > kResidentPages;
  out.Begin("process_start_time_seconds", Type::Gauge,
            "When the process has begun, since the Unix epoch.");
  if (known) {
    out.Add({}, static_cast<double>(BootTime()) +
                    static_cast<double>(NumberAt(words, kStartTicks)) /
                        static_cast<double>(sysconf(_SC_CLK_TCK)));
  }
  out.Begin("process_resident_memory_bytes", Type::Gauge,
            "Memory of the process.");
  if (known) {
    out.Add({}, NumberAt(words, kResidentPages) * sysconf(_SC_PAGESIZE));
  }
  out.Begin("process_virtual_memory_bytes", Type::Gauge,
            "Address space of the process.");
  if (known) out.Add({}, NumberAt(words, kVirtualBytes));
  out.Begin("process_threads", Type::Gauge, "Threads of the process.");
  if (known) out.Add({}, NumberAt(words, kThreads));

  std::error_code error;
  const std::filesystem::directory_iterator files("/proc/self/fd", error);
  out.Begin("process_open_fds", Type::Gauge, "Open file descriptors.");
  // The look at them has taken one.
  if (!error) out.Add({}, std::distance(begin(files), end(files)) - 1);
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  out.Begin("process_max_fds", Type::Gauge,
            "How many file descriptors may be open.");
  out.Add({}, static_cast<double>(limit.rlim_cur));
}

}  // namespace

std::string MetricsText(const MetricsSources& sources) {
  Metrics out;
  Begin("build_info", Type::Gauge, "1, with the version of the program.", out);
  out.Add({{"version", kVersion}}, int64_t{1});
  AddCalls(sources, out);
  const SessionTable::Figures figures =
      sources.store->figures(kMaxMeteredDatabases);
  AddSessions(figures, sources.store->limits().max_sessions, out);
  AddTransactions(figures.transactions, out);
  AddMocks(sources, out);
  AddProcess(out);
  return out.Text();
}

}  // namespace spanner_session_emulator
