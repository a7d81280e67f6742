// The life of a large session table: what it weighs, and what those who use
// sessions notice while it grows and while very many sessions expire at once.
// Prints one JSON object.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bench/histogram.h"
#include "store/clock.h"
#include "store/labels.h"
#include "store/names.h"
#include "store/session_store.h"
#include "store/session_table.h"

ABSL_FLAG(std::string, phase, "memory",
          "memory: bytes per session; growth, expiry: what gets notice of it");
ABSL_FLAG(int64_t, sessions, 1'000'000,
          "how many to create, and in the phase expiry to expire");
ABSL_FLAG(bool, labels, false,
          "whether sessions have two labels, no two sessions the same");

namespace spanner_session_emulator {
namespace {

using Steady = std::chrono::steady_clock;

// Those that are read again and again; they outlive the others.
constexpr int kReadSessions = 10'000;
constexpr absl::Duration kLifetime = absl::Hours(1);
// In which a table grows.
constexpr int kSlices = 10;
constexpr auto kPatience = std::chrono::seconds(60);

void Check(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "not so: %s\n", what);
  exit(1);
}

DatabaseName Database(absl::string_view id) {
  return *DatabaseName::Parse(
      absl::StrCat("projects/p/instances/i/databases/", id));
}

double SecondsSince(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

// The memory of this process that is in use, in bytes.
int64_t ResidentBytes() {
  FILE* file = fopen("/proc/self/statm", "r");
  int64_t pages = 0;
  Check(file != nullptr && fscanf(file, "%*d %ld", &pages) == 1,
        "/proc/self/statm says how much memory there is");
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

// A table in a database of which sessions die of idleness, but in another one
// live on.
struct Table {
  Table() : table(&clock, Options()) {}

  static SessionTableOptions Options() {
    SessionTableOptions options;
    options.max_sessions = absl::GetFlag(FLAGS_sessions) + kReadSessions;
    options.lifetimes.idle_ttl = kLifetime;
    options.database_lifetimes[Database("lasting")].idle_ttl =
        absl::InfiniteDuration();
    return options;
  }

  // Adds so many, one by one, as labels are the same in a batch.
  void Fill(int64_t count) {
    const DatabaseName database = Database("passing");
    for (int64_t i = 0; i < count; ++i) {
      SessionTemplate what;
      if (absl::GetFlag(FLAGS_labels)) {
        what.attributes.labels = *Labels::Make(
            {{"env", "test"}, {"request", absl::StrCat("r", filled++)}});
      }
      Check(table.Create(database, what, 1).size() == 1,
            "the table takes so many sessions");
    }
  }

  Clock clock;  // It runs, as a server's does.
  SessionTable table;
  int64_t filled = 0;
};

// Gets sessions one after the other, on a thread of its own.
class Reader {
 public:
  explicit Reader(SessionTable* table) : table_(table) {
    for (NamedSession& session :
         table->Create(Database("lasting"), {}, kReadSessions)) {
      names_.push_back(std::move(session.name));
    }
    std::shuffle(names_.begin(), names_.end(), std::mt19937_64(1));
  }

  // Adds to `nanos` how long the gets take while `what` runs. Returns how long
  // that runs, in seconds.
  template <typename Function>
  double During(Histogram& nanos, Function what) {
    std::atomic<bool> done = false;
    std::atomic<bool> reading = false;
    std::thread thread([&] {
      size_t next = 0;
      while (!done.load(std::memory_order_relaxed)) {
        const SessionName& name = names_[next++ % names_.size()];
        const Steady::time_point start = Steady::now();
        const bool alive = table_->Use(name).has_value();
        nanos.Add(std::chrono::nanoseconds(Steady::now() - start).count());
        Check(alive, "a session that is used lives on");
        reading.store(true, std::memory_order_relaxed);
      }
    });
    while (!reading) std::this_thread::yield();
    const Steady::time_point start = Steady::now();
    what();
    const double seconds = SecondsSince(start);
    done = true;
    thread.join();
    return seconds;
  }

  void Alone(Histogram& nanos, double seconds) {
    During(nanos, [seconds] {
      std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    });
  }

 private:
  SessionTable* const table_;
  std::vector<SessionName> names_;
};

// Everything that a session costs: what the process has grown by.
void Memory() {
  Table table;
  const int64_t before = ResidentBytes();
  table.Fill(absl::GetFlag(FLAGS_sessions));
  printf("{\"bytes_per_session\": %.1f}\n",
         static_cast<double>(ResidentBytes() - before) /
             static_cast<double>(absl::GetFlag(FLAGS_sessions)));
}

// Growth of a table that has nothing to do with the reader's keeps the machine
// as busy: what gets notice of that is not the table's doing. The three take
// turns, so that what else the machine does meets all alike.
void Growth() {
  const int64_t slice = absl::GetFlag(FLAGS_sessions) / kSlices;
  Table other;
  Table table;
  Reader reader(&table.table);
  Histogram warm_up;
  reader.Alone(warm_up, 0.2);
  Histogram alone;
  Histogram during;
  Histogram beside;
  for (int i = 0; i < kSlices; ++i) {
    const double seconds = reader.During(during, [&] { table.Fill(slice); });
    reader.Alone(alone, seconds);
    reader.During(beside, [&] { other.Fill(slice); });
  }
  printf(
      "{\"alone_p999_ns\": %ld, \"during_p999_ns\": %ld, "
      "\"beside_p999_ns\": %ld}\n",
      alone.Quantile(0.999), during.Quantile(0.999), beside.Quantile(0.999));
}

// All die at one instant; then there is as much memory for new ones.
void Expiry() {
  constexpr double kAloneSeconds = 0.3;  // Before and after.
  Table table;
  Reader reader(&table.table);
  table.Fill(absl::GetFlag(FLAGS_sessions));
  Histogram warm_up;
  reader.Alone(warm_up, 0.2);
  Histogram alone;
  Histogram during;
  reader.Alone(alone, kAloneSeconds);
  const double seconds = reader.During(during, [&] {
    const Steady::time_point start = Steady::now();
    Check(table.clock.Advance(kLifetime + absl::Seconds(1)).ok(),
          "the clock can be moved");
    while (table.table.occupied_slots() > kReadSessions) {
      Check(Steady::now() - start < kPatience, "what is dead is cleared up");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  reader.Alone(alone, kAloneSeconds);
  const int64_t before = ResidentBytes();
  table.Fill(absl::GetFlag(FLAGS_sessions));
  printf(
      "{\"alone_p999_ns\": %ld, \"during_p999_ns\": %ld, "
      "\"reusable_after_s\": %.3f, \"refill_bytes_per_session\": %.1f}\n",
      alone.Quantile(0.999), during.Quantile(0.999), seconds,
      static_cast<double>(ResidentBytes() - before) /
          static_cast<double>(absl::GetFlag(FLAGS_sessions)));
}

}  // namespace
}  // namespace spanner_session_emulator

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const std::string phase = absl::GetFlag(FLAGS_phase);
  if (phase == "memory") {
    spanner_session_emulator::Memory();
  } else if (phase == "growth") {
    spanner_session_emulator::Growth();
  } else if (phase == "expiry") {
    spanner_session_emulator::Expiry();
  } else {
    fprintf(stderr, "--phase=%s: must be memory, growth or expiry\n",
            phase.c_str());
    return 2;
  }
  return 0;
}
