// What the session table costs beside a bare flat_hash_map with the same keys,
// for several numbers of sessions.
//
// Each benchmark is a duel: the two take turns in blocks of a few hundred
// operations, so that what else the machine does meets both alike. Counters of
// a duel: `ns` and `reference_ns` per operation, and `ratio` of the two.

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "store/clock.h"
#include "store/names.h"
#include "store/session_store.h"
#include "store/session_table.h"

namespace spanner_session_emulator {
namespace {

// Operations in a row. Small beside the smallest table, as so many are deleted
// at a time, and large beside the cost of reading the time.
constexpr int kBlock = 500;
// Names that a benchmark draws from: far more than caches hold.
constexpr int64_t kMaxSample = 1'000'000;
constexpr int kPageSize = 100;

// A benchmark of something else than was meant is worth nothing.
void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

DatabaseName Database() {
  return *DatabaseName::Parse("projects/p/instances/i/databases/d");
}

// The CPU that this thread has used, in ns: time that others take does not
// count.
int64_t ThreadNanos() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

int64_t NanosOf(absl::FunctionRef<void()> function) {
  const int64_t start = ThreadNanos();
  function();
  return ThreadNanos() - start;
}

// Adds up the two sides of a duel.
class Duel {
 public:
  explicit Duel(benchmark::State& state) : state_(state) {}

  // One side after the other, the first one first in every other round.
  void Round(int operations, absl::FunctionRef<void()> ours,
             absl::FunctionRef<void()> reference) {
    if (rounds_++ % 2 == 0) {
      const int64_t nanos = NanosOf(ours);
      Add(operations, nanos, NanosOf(reference));
    } else {
      const int64_t nanos = NanosOf(reference);
      Add(operations, NanosOf(ours), nanos);
    }
  }

  void Add(int operations, int64_t nanos, int64_t reference_nanos) {
    operations_ += operations;
    nanos_ += nanos;
    reference_nanos_ += reference_nanos;
    state_.SetIterationTime(static_cast<double>(nanos) / 1e9);
  }

  void Report() const {
    const auto nanos = static_cast<double>(nanos_);
    const auto reference_nanos = static_cast<double>(reference_nanos_);
    const auto operations = static_cast<double>(operations_);
    state_.counters["ns"] = nanos / operations;
    state_.counters["reference_ns"] = reference_nanos / operations;
    state_.counters["ratio"] = nanos / reference_nanos;
  }

 private:
  benchmark::State& state_;
  int64_t rounds_ = 0;
  int64_t operations_ = 0;
  int64_t nanos_ = 0;
  int64_t reference_nanos_ = 0;
};

// What the reference keeps of a session.
struct Record {
  int64_t create_time = 0;
  int64_t last_use_time = 0;
};

// So many sessions in a table and, under the same names, in a map.
class Sessions {
 public:
  explicit Sessions(int64_t count)
      : count_(count), table_(&clock_, Options(count)) {
    const int64_t stride = std::max<int64_t>(1, count / kMaxSample);
    constexpr int kBatch = 100;  // As clients' pools create them.
    for (int64_t i = 0; i < count; i += kBatch) {
      std::vector<NamedSession> batch;
      fill_nanos_ +=
          NanosOf([&] { batch = table_.Create(database_, {}, kBatch); });
      map_fill_nanos_ += NanosOf([&] {
        for (const NamedSession& session : batch) {
          map_.emplace(session.name.full(), Record());
        }
      });
      Check(batch.size() == kBatch, "the table takes so many sessions");
      for (int j = 0; j < kBatch; ++j) {
        if ((i + j) % stride == 0) names_.push_back(std::move(batch[j].name));
      }
    }
    std::shuffle(names_.begin(), names_.end(), std::mt19937_64(count));
  }

  int64_t count() const { return count_; }
  const DatabaseName& database() const { return database_; }
  SessionTable& table() { return table_; }
  absl::flat_hash_map<std::string, Record>& map() { return map_; }
  int64_t fill_nanos() const { return fill_nanos_; }
  int64_t map_fill_nanos() const { return map_fill_nanos_; }

  // Live sessions, in no order.
  std::vector<SessionName>& names() { return names_; }

  // The position of the next block in names().
  size_t NextBlock() {
    const size_t block = next_;
    next_ += kBlock;
    if (next_ + kBlock > names_.size()) next_ = 0;
    return block;
  }

  // The names of a block, fresh in the cache as a request's name would be.
  std::vector<SessionName> Copy(size_t block) const {
    const auto first = names_.begin() + static_cast<ptrdiff_t>(block);
    return {first, first + kBlock};
  }

  // Tokens of full pages, from all over the list.
  const std::vector<std::string>& PageTokens() {
    if (page_tokens_.empty()) page_tokens_ = FindPageTokens();
    return page_tokens_;
  }
  void ForgetPageTokens() { page_tokens_.clear(); }

 private:
  static SessionTableOptions Options(int64_t count) {
    SessionTableOptions options;
    options.max_sessions = count;
    return options;
  }

  std::vector<std::string> FindPageTokens() {
    ListRequest request;
    request.page_size =
        static_cast<int>(std::max<int64_t>(kPageSize, count_ / 1000));
    std::vector<std::string> tokens;
    do {
      tokens.push_back(request.page_token);
      request.page_token = table_.List(database_, request)->next_page_token;
    } while (!request.page_token.empty());
    std::shuffle(tokens.begin(), tokens.end(), std::mt19937_64(count_));
    return tokens;
  }

  const DatabaseName database_ = Database();
  const int64_t count_;
  Clock clock_;  // It runs, as a server's does.
  SessionTable table_;
  absl::flat_hash_map<std::string, Record> map_;
  std::vector<SessionName> names_;
  size_t next_ = 0;
  std::vector<std::string> page_tokens_;
  int64_t fill_nanos_ = 0;
  int64_t map_fill_nanos_ = 0;
};

// One number of sessions at a time is in memory. Making ten millions takes
// long, so it is well to run one number at a time: --benchmark_filter=/1000/.
Sessions& SessionsOf(int64_t count) {
  static std::unique_ptr<Sessions>& current = *new std::unique_ptr<Sessions>;
  if (current == nullptr || current->count() != count) {
    current.reset();
    current = std::make_unique<Sessions>(count);
  }
  return *current;
}

// From nothing to that many sessions, in batches of 100; growth included.
void Fill(benchmark::State& state) {
  Sessions& sessions = SessionsOf(state.range(0));
  Duel duel(state);
  while (state.KeepRunning()) {
    duel.Add(static_cast<int>(sessions.count()), sessions.fill_nanos(),
             sessions.map_fill_nanos());
  }
  duel.Report();
}

// The path of every call with a session, beside a find and a write.
void GetWithUse(benchmark::State& state) {
  Sessions& sessions = SessionsOf(state.range(0));
  Duel duel(state);
  int64_t now = 0;
  while (state.KeepRunning()) {
    const std::vector<SessionName> block = sessions.Copy(sessions.NextBlock());
    duel.Round(
        kBlock,
        [&] {
          for (const SessionName& name : block) {
            std::optional<Session> session = sessions.table().Use(name);
            Check(session.has_value(), "the session is alive");
            benchmark::DoNotOptimize(session);
          }
        },
        [&] {
          for (const SessionName& name : block) {
            sessions.map().find(name.full())->second.last_use_time = ++now;
          }
        });
  }
  duel.Report();
}

// Deletes a block from anywhere, and creates as many in its place.
class Turnover {
 public:
  explicit Turnover(Sessions& sessions) : sessions_(sessions) {}

  void Begin() {
    block_ = sessions_.NextBlock();
    names_ = sessions_.Copy(block_);
    created_.clear();
  }
  void Delete() {
    for (const SessionName& name : names_) {
      Check(sessions_.table().Delete(name), "the session was alive");
    }
  }
  void Erase() {
    for (const SessionName& name : names_) sessions_.map().erase(name.full());
  }
  // In calls for `batch` each.
  void Create(int batch) {
    for (int i = 0; i < kBlock; i += batch) {
      created_.push_back(
          sessions_.table().Create(sessions_.database(), {}, batch));
    }
  }
  void Insert() {
    for (const std::vector<NamedSession>& batch : created_) {
      for (const NamedSession& session : batch) {
        sessions_.map().emplace(session.name.full(), Record());
      }
    }
  }
  void End() {
    sessions_.ForgetPageTokens();  // They are of sessions that were.
    size_t at = block_;
    for (std::vector<NamedSession>& batch : created_) {
      for (NamedSession& session : batch) {
        sessions_.names()[at++] = std::move(session.name);
      }
    }
  }

 private:
  Sessions& sessions_;
  size_t block_ = 0;
  std::vector<SessionName> names_;
  std::vector<std::vector<NamedSession>> created_;
};

// The making of the name included, which the map is given for nothing.
template <int batch>
void Create(benchmark::State& state) {
  Turnover turnover(SessionsOf(state.range(0)));
  Duel duel(state);
  while (state.KeepRunning()) {
    turnover.Begin();
    turnover.Delete();
    turnover.Erase();
    const int64_t nanos = NanosOf([&] { turnover.Create(batch); });
    duel.Add(kBlock, nanos, NanosOf([&] { turnover.Insert(); }));
    turnover.End();
  }
  duel.Report();
}

void Delete(benchmark::State& state) {
  Turnover turnover(SessionsOf(state.range(0)));
  Duel duel(state);
  while (state.KeepRunning()) {
    turnover.Begin();
    duel.Round(
        kBlock, [&] { turnover.Delete(); }, [&] { turnover.Erase(); });
    turnover.Create(/*batch=*/100);
    turnover.Insert();
    turnover.End();
  }
  duel.Report();
}

// A page of 100 from anywhere, beside one of a table of 1,000.
void ListPage(benchmark::State& state) {
  static Sessions& small = *new Sessions(1'000);
  const std::vector<std::string>& small_tokens = small.PageTokens();
  Sessions& sessions = SessionsOf(state.range(0));
  const std::vector<std::string>& tokens = sessions.PageTokens();
  size_t next = 0;
  const auto list = [](Sessions& from, const std::string& token) {
    ListRequest request;
    request.page_size = kPageSize;
    request.page_token = token;
    auto page = from.table().List(from.database(), request);
    Check(page.ok() && page->sessions.size() == kPageSize, "the page is full");
    benchmark::DoNotOptimize(page);
  };
  Duel duel(state);
  constexpr int kPages = 10;
  while (state.KeepRunning()) {
    const size_t first = next;
    next += kPages;
    duel.Round(
        kPages,
        [&] {
          for (size_t i = first; i < next; ++i) {
            list(sessions, tokens[i % tokens.size()]);
          }
        },
        [&] {
          for (size_t i = first; i < next; ++i) {
            list(small, small_tokens[i % small_tokens.size()]);
          }
        });
  }
  duel.Report();
}

// Gets on several threads, each with sessions of its own, beside one thread.
// Counters: gets per second of all threads, of the one, and the ratio.
void GetOnThreads(benchmark::State& state) {
  constexpr int64_t kGets = 100'000;  // On each thread.
  Sessions& sessions = SessionsOf(state.range(0));
  const auto threads = static_cast<int>(state.range(1));
  const std::vector<SessionName>& names = sessions.names();

  // Seconds from the moment at which all run until the last one is done.
  const auto run = [&](int count) {
    std::chrono::steady_clock::time_point start;
    std::barrier begin(
        count, [&]() noexcept { start = std::chrono::steady_clock::now(); });
    std::atomic<int64_t> lost = 0;
    std::vector<std::thread> running;
    running.reserve(count);
    for (int thread = 0; thread < count; ++thread) {
      running.emplace_back([&, thread] {
        const size_t first = names.size() / count * thread;
        const size_t size = names.size() / count;
        begin.arrive_and_wait();
        for (int64_t i = 0; i < kGets; ++i) {
          lost += !sessions.table().Use(names[first + i % size]).has_value();
        }
      });
    }
    for (std::thread& thread : running) thread.join();
    const auto end = std::chrono::steady_clock::now();
    Check(lost == 0, "all sessions are alive");
    return std::chrono::duration<double>(end - start).count();
  };

  double one_seconds = 0;
  double all_seconds = 0;
  int64_t rounds = 0;
  while (state.KeepRunning()) {
    one_seconds += run(1);
    const double seconds = run(threads);
    state.SetIterationTime(seconds);
    all_seconds += seconds;
    ++rounds;
  }
  const auto gets = static_cast<double>(rounds * kGets);
  state.counters["per_s"] = gets * threads / all_seconds;
  state.counters["reference_per_s"] = gets / one_seconds;
  state.counters["ratio"] = threads * one_seconds / all_seconds;
}

void AllSizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseManualTime();
  for (const int64_t count : {1'000, 10'000, 100'000, 1'000'000, 10'000'000}) {
    benchmark->Arg(count);
  }
}

void AllThreads(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseManualTime();
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  for (int threads = 1; threads <= cores; threads *= 2) {
    benchmark->Args({1'000'000, threads});
  }
}

// Fill is the first one, as it says how long making the sessions took.
BENCHMARK(Fill)->Iterations(1)->Repetitions(1)->Apply(AllSizes);
BENCHMARK(GetWithUse)->Apply(AllSizes);
BENCHMARK(ListPage)->Name("ListPageOf100")->Apply(AllSizes);
BENCHMARK_TEMPLATE(Create, 1)->Name("Create")->Apply(AllSizes);
BENCHMARK_TEMPLATE(Create, 100)->Name("CreateBatchOf100")->Apply(AllSizes);
BENCHMARK(Delete)->Apply(AllSizes);
// Those before have put new sessions where others were: what follows in the
// list no longer follows in memory.
BENCHMARK(ListPage)->Name("ListPageOf100AfterTurnover")->Apply(AllSizes);
BENCHMARK(GetOnThreads)->Apply(AllThreads);

}  // namespace
}  // namespace spanner_session_emulator

BENCHMARK_MAIN();
