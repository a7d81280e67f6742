// Everything at once: calls over all transports, some of them cancelled or with
// a deadline, while faults and freezes come and go, the clock moves, limits
// change, transactions are aborted, the journal is read and all is reset. No
// call may be left hanging, and nothing may be held or lost at the end.
//
// What happens is drawn from --seed; how it falls together is up to the
// threads. `--steps` makes a run as long as one likes.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/journal.h"
#include "spanner_session_emulator/v1/journal.pb.h"
#include "store/mutex.h"
#include "tests/server/rest_caller.h"
#include "tests/server/server_testing.h"

ABSL_FLAG(int64_t, steps, 1500, "how many things are done beside the calls");
ABSL_FLAG(uint64_t, seed, 1, "what they are drawn from");

namespace spanner_session_emulator {
namespace {

constexpr char kRows[] = "SELECT Id FROM Singers";
constexpr char kDml[] = "UPDATE Singers SET Id = 1 WHERE TRUE";

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(absl::GetFlag(FLAGS_seed) + seed) {}

  // From 0 to less than `end`.
  int Below(int end) {
    return std::uniform_int_distribution<int>(0, end - 1)(engine_);
  }
  bool OneIn(int n) { return Below(n) == 0; }
  template <typename T>
  const T &Of(const std::vector<T> &all) {
    return all[static_cast<size_t>(Below(static_cast<int>(all.size())))];
  }

 private:
  std::mt19937_64 engine_;
};

// How many calls have come to an end.
class Progress {
 public:
  void Add() {
    MutexLock lock(&mu_);
    ++count_;
    changed_.notify_all();
  }
  int64_t count() {
    MutexLock lock(&mu_);
    return count_;
  }
  // Until there are so many, but not for long: calls may be frozen.
  void WaitFor(int64_t count) {
    MutexLock lock(&mu_);
    changed_.wait_for(mu_, std::chrono::milliseconds(1),
                      [&] { return count_ >= count; });
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int64_t count_ ABSL_GUARDED_BY(mu_) = 0;
};

// The contexts of the calls that are under way, for whoever cancels some.
class Contexts {
 public:
  void Add(grpc::ClientContext *context) {
    MutexLock lock(&mu_);
    open_.push_back(context);
  }
  void Remove(grpc::ClientContext *context) {
    MutexLock lock(&mu_);
    open_.erase(std::find(open_.begin(), open_.end(), context));
  }
  void CancelOne(Random &random) {
    MutexLock lock(&mu_);
    if (!open_.empty()) random.Of(open_)->TryCancel();
  }

 private:
  Mutex mu_;
  std::vector<grpc::ClientContext *> open_;
};

// A client that goes on calling until it is told to stop, and takes any answer.
class Client {
 public:
  Client(std::shared_ptr<grpc::Channel> channel, Contexts *contexts,
         uint64_t seed)
      : stub_(api::Spanner::NewStub(channel)),
        channel_(std::move(channel)),
        contexts_(contexts),
        random_(seed) {}

  void Run(const std::atomic<bool> &stop, Progress &progress) {
    while (!stop) {
      One();
      progress.Add();
    }
  }

 private:
  template <typename Request, typename Response>
  bool Unary(grpc::Status (api::Spanner::Stub::*method)(grpc::ClientContext *,
                                                        const Request &,
                                                        Response *),
             const Request &request, Response &response) {
    grpc::ClientContext context;
    Open(context);
    const grpc::Status status =
        ((*stub_).*method)(&context, request, &response);
    contexts_->Remove(&context);
    return status.ok();
  }

  void Open(grpc::ClientContext &context) {
    if (random_.OneIn(4)) {
      context.set_deadline(std::chrono::system_clock::now() +
                           std::chrono::milliseconds(random_.Below(20)));
    }
    context.AddMetadata("x-goog-spanner-request-id", "1");
    contexts_->Add(&context);
  }

  void Create() {
    if (random_.OneIn(2)) {
      api::CreateSessionRequest request;
      request.set_database(std::string(kDatabase));
      request.mutable_session()->set_multiplexed(random_.OneIn(2));
      request.mutable_session()->mutable_labels()->insert(
          {"env", std::string(1, random_.OneIn(2) ? 'a' : 'b')});
      api::Session session;
      if (Unary(&api::Spanner::Stub::CreateSession, request, session)) {
        session_ = session.name();
      }
    } else {
      api::BatchCreateSessionsRequest request;
      request.set_database(std::string(kDatabase));
      request.set_session_count(5);
      api::BatchCreateSessionsResponse response;
      if (Unary(&api::Spanner::Stub::BatchCreateSessions, request, response) &&
          response.session_size() > 0) {
        session_ = response.session(0).name();
      }
    }
  }

  void Query() {
    api::ExecuteSqlRequest request;
    request.set_session(session_);
    request.set_sql(random_.OneIn(5) ? "SELECT Nobody" : kRows);
    if (random_.OneIn(2)) {
      api::ResultSet result;
      Unary(&api::Spanner::Stub::ExecuteSql, request, result);
      return;
    }
    grpc::ClientContext context;
    Open(context);
    const auto reader = stub_->ExecuteStreamingSql(&context, request);
    api::PartialResultSet message;
    while (reader->Read(&message)) {
    }
    reader->Finish();
    contexts_->Remove(&context);
  }

  void Transaction() {
    api::BeginTransactionRequest begin;
    begin.set_session(session_);
    begin.mutable_options()->mutable_read_write();
    api::Transaction transaction;
    if (!Unary(&api::Spanner::Stub::BeginTransaction, begin, transaction)) {
      return;
    }
    api::ExecuteSqlRequest update;
    update.set_session(session_);
    update.set_sql(kDml);
    update.set_seqno(1);
    update.mutable_transaction()->set_id(transaction.id());
    api::ResultSet result;
    Unary(&api::Spanner::Stub::ExecuteSql, update, result);
    if (random_.OneIn(3)) {
      api::RollbackRequest rollback;
      rollback.set_session(session_);
      rollback.set_transaction_id(transaction.id());
      google::protobuf::Empty empty;
      Unary(&api::Spanner::Stub::Rollback, rollback, empty);
      return;
    }
    api::CommitRequest commit;
    commit.set_session(session_);
    commit.set_transaction_id(transaction.id());
    *commit.mutable_precommit_token() = result.precommit_token();
    api::CommitResponse response;
    Unary(&api::Spanner::Stub::Commit, commit, response);
  }

  void One() {
    if (session_.empty()) {
      Create();
      if (session_.empty()) return;
    }
    switch (random_.Below(8)) {
      case 0:
        return Create();
      case 1: {
        api::GetSessionRequest request;
        request.set_name(session_);
        api::Session session;
        if (!Unary(&api::Spanner::Stub::GetSession, request, session)) {
          session_.clear();
        }
        return;
      }
      case 2: {
        api::ListSessionsRequest request;
        request.set_database(std::string(kDatabase));
        request.set_page_size(10);
        api::ListSessionsResponse response;
        Unary(&api::Spanner::Stub::ListSessions, request, response);
        return;
      }
      case 3: {
        api::DeleteSessionRequest request;
        request.set_name(session_);
        google::protobuf::Empty empty;
        Unary(&api::Spanner::Stub::DeleteSession, request, empty);
        return;
      }
      case 4:
        return Transaction();
      case 5:
        CallPath(channel_,
                 random_.OneIn(2) ? "/google.spanner.v1.Spanner/GetSession"
                                  : "/google.spanner.v1.Spanner/Unknown",
                 "\xff");
        return;
      default:
        return Query();
    }
  }

  const std::unique_ptr<api::Spanner::Stub> stub_;
  const std::shared_ptr<grpc::Channel> channel_;
  Contexts *const contexts_;
  Random random_;
  std::string session_;
};

// The same over REST, where only the connection's end would cancel.
class WebClient {
 public:
  WebClient(int port, uint64_t seed) : port_(port), random_(seed) {}

  void Run(const std::atomic<bool> &stop, Progress &progress) {
    while (!stop) {
      One();
      progress.Add();
    }
  }

 private:
  void One() {
    const std::string sessions = absl::StrCat("/v1/", kDatabase, "/sessions");
    if (session_.empty() || random_.OneIn(5)) {
      const std::string created = FetchBytes(port_, "POST", sessions, "{}");
      const size_t begin = created.find("projects/");
      const size_t end = created.find('"', begin);
      if (absl::StartsWith(created, "HTTP/1.1 200 ") &&
          end != std::string::npos) {
        session_ = created.substr(begin, end - begin);
      }
      return;
    }
    switch (random_.Below(5)) {
      case 0:
        FetchBytes(port_, "GET", absl::StrCat("/v1/", session_));
        return;
      case 1:
        FetchBytes(port_, "GET", absl::StrCat(sessions, "?pageSize=5"));
        return;
      case 2:
        FetchBytes(port_, "POST", absl::StrCat("/v1/", session_, ":executeSql"),
                   absl::StrCat("{\"sql\": \"", kRows, "\"}"));
        return;
      case 3:
        FetchBytes(port_, "POST", absl::StrCat("/v1/", session_, ":commit"),
                   "{");
        return;
      default:
        FetchBytes(port_, "POST",
                   absl::StrCat("/v1/", session_, ":executeStreamingSql"),
                   absl::StrCat("{\"sql\": \"", kRows, "\"}"));
    }
  }

  const int port_;
  Random random_;
  std::string session_;
};

// Watches the journal until the stream is ended, and sees each entry once.
class Watcher {
 public:
  explicit Watcher(const std::shared_ptr<grpc::Channel> &channel)
      : reader_(MakeReader(channel)), thread_([this] { Run(); }) {}
  ~Watcher() {
    context_.TryCancel();
    thread_.join();
  }
  int64_t seen() const { return seen_; }

 private:
  std::unique_ptr<grpc::ClientReader<v1::WatchJournalResponse>> MakeReader(
      const std::shared_ptr<grpc::Channel> &channel) {
    return std::unique_ptr<grpc::ClientReader<v1::WatchJournalResponse>>(
        grpc::internal::ClientReaderFactory<v1::WatchJournalResponse>::Create(
            channel.get(),
            grpc::internal::RpcMethod(
                "/spanner_session_emulator.v1.JournalService/WatchJournal",
                grpc::internal::RpcMethod::SERVER_STREAMING),
            &context_, v1::WatchJournalRequest()));
  }

  void Run() {
    v1::WatchJournalResponse response;
    std::set<int64_t> numbers;
    while (reader_->Read(&response)) {
      EXPECT_TRUE(numbers.insert(response.entry().number()).second);
      ++seen_;
    }
    reader_->Finish();
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchJournalResponse>> reader_;
  std::atomic<int64_t> seen_{0};
  std::thread thread_;
};

// Does everything that a test can do beside the calls.
class Director {
 public:
  Director(Emulator *emulator, Contexts *contexts)
      : emulator_(*emulator), contexts_(*contexts), random_(1000) {}

  void Step() {
    switch (random_.Below(18)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return AddFault();
      case 4:
      case 5:
        if (!faults_.empty()) random_.Of(faults_).Delete();
        return;
      case 6:
        if (!faults_.empty()) random_.Of(faults_).Release();
        return;
      case 7:
        EXPECT_THAT(emulator_.clock().Advance(absl::Minutes(random_.Below(40))),
                    IsOk());
        return;
      case 8:
        if (random_.OneIn(2)) {
          emulator_.clock().Run();
        } else {
          emulator_.clock().Stop();
        }
        return;
      case 9:
        Reset();
        return;
      case 10:
        EXPECT_THAT(
            emulator_.Reset(
                {.parts = {}, .scope = Scope::Parse("projects/p").value()}),
            IsOk());
        return;
      case 11:
        emulator_.sessions().SetLimits(
            {.max_sessions = 1 + random_.Below(100),
             .max_sessions_per_batch = 1 + random_.Below(5)});
        return;
      case 12:
        emulator_.sessions().AbortTransactions({});
        return;
      case 13:
        emulator_.sessions().Delete({.multiplexed = random_.OneIn(2)});
        return;
      case 14:
        ReadJournal();
        return;
      default:
        contexts_.CancelOne(random_);
    }
  }

  void Reset() {
    EXPECT_THAT(emulator_.Reset(), IsOk());
    faults_.clear();
  }

 private:
  void ReadJournal() {
    const JournalView journal = emulator_.journal();
    switch (random_.Below(4)) {
      case 0: {
        int64_t last = 0;
        for (const JournalEntry &entry : journal.List()) {
          EXPECT_GT(entry.number(), last);
          last = entry.number();
        }
        return;
      }
      case 1:
        EXPECT_GE(journal.Count(CallsOf("Commit").Open()), 0);
        return;
      case 2:
        if (random_.OneIn(5)) journal.Clear();
        return;
      default: {
        // Whether one comes in time is not to be known.
        const auto entries =
            journal.WaitFor(AllCalls().After(journal.stats().last_number), 1,
                            absl::Milliseconds(random_.Below(3)));
        if (entries.ok()) {
          EXPECT_EQ(entries->size(), 1U);
        } else {
          EXPECT_EQ(entries.status().code(),
                    absl::StatusCode::kDeadlineExceeded);
        }
      }
    }
  }

  void AddFault() {
    FaultBuilder fault = OnCalls(
        random_.OneIn(2) ? std::vector<std::string>()
                         : std::vector<std::string>{random_.Of(methods_)});
    if (random_.OneIn(3)) fault.Times(1 + random_.Below(3));
    if (random_.OneIn(3)) fault.Probability(0.3);
    if (random_.OneIn(4)) fault.InSessionsWith("labels.env:a");
    if (random_.OneIn(4)) fault.Scope("projects/p");
    switch (random_.Below(4)) {
      case 0:
        fault.AfterTheAnswer();
        break;
      case 1:
        fault.AfterMessages(1 + random_.Below(4));
        break;
      case 2:
        fault.AtEnd();
        break;
      default:
        break;
    }
    switch (random_.Below(4)) {
      case 0:
        fault.Pauses(absl::Milliseconds(random_.Below(5)));
        break;
      case 1:
        fault.PausesBetween(absl::ZeroDuration(), absl::Milliseconds(2))
            .BeforeEachMessage();
        break;
      case 2:
        fault.Freezes();
        break;
      default:
        break;
    }
    switch (random_.Below(8)) {
      case 0:
        fault.Aborts();
        break;
      case 1:
        fault.IsUnavailable();
        break;
      case 2:
        fault.LosesSession();
        break;
      case 3:
        fault.CutsConnection();
        break;
      case 4:
        fault.SwallowsReply();
        break;
      case 5:
        fault.AddsHeader("server-timing", "gfet4t7; dur=1");
        break;
      default:
        break;
    }
    // Not all of that goes together.
    const auto added = emulator_.AddFault(fault);
    if (added.ok()) {
      ++added_;
      faults_.push_back(*added);
    }
  }

  Emulator &emulator_;
  Contexts &contexts_;
  Random random_;
  const std::vector<std::string> methods_ = {
      "CreateSession",       "BatchCreateSessions", "GetSession",
      "ListSessions",        "DeleteSession",       "ExecuteSql",
      "ExecuteStreamingSql", "BeginTransaction",    "Commit"};
  std::vector<FaultHandle> faults_;

 public:
  int64_t added_ = 0;
};

TEST(TogetherTest, NoCallIsLeftHanging) {
  // So few bytes that entries make room all the time.
  const auto emulator = StartEmulator({.journal_bytes = 100'000});
  ASSERT_THAT(emulator->AddStub(OnSql(kRows)
                                    .Rows({"Id INT64"}, {{1}, {2}, {3}})
                                    .RepeatRows(4)
                                    .RowsPerMessage(2)),
              IsOk());
  ASSERT_THAT(emulator->AddStub(OnSql(kDml).RowCount(1)), IsOk());
  Contexts contexts;
  std::vector<std::unique_ptr<Client>> clients;
  for (uint64_t i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<Client>(
        Connect(*emulator,
                i % 4 == 0 ? Transport::kInProcess : Transport::kTcp),
        &contexts, i));
  }
  WebClient web(emulator->http_port(), 100),
      other_web(emulator->http_port(), 101);
  Progress progress;

  std::atomic<bool> stop{false};
  Event ended;
  std::vector<std::thread> threads;
  const auto run = [&](auto &client) {
    threads.emplace_back([&] {
      client.Run(stop, progress);
      ended.Signal();
    });
  };
  for (const auto &client : clients) run(*client);
  run(web);
  run(other_web);

  const Watcher watcher(Connect(*emulator, Transport::kTcp));
  Director director(emulator.get(), &contexts);
  for (int64_t i = 0; i < absl::GetFlag(FLAGS_steps); ++i) {
    director.Step();
    progress.WaitFor(progress.count() + 3);
  }

  // Whatever is held goes on, and comes to its end.
  stop = true;
  director.Reset();
  const bool all_ended = ended.Wait(static_cast<int>(threads.size()));
  ASSERT_TRUE(all_ended) << ended.count() << " of " << threads.size()
                         << " clients have come to an end";
  for (std::thread &thread : threads) thread.join();
  EXPECT_GT(progress.count(), 0);
  EXPECT_GT(director.added_, 0);
  std::cout << progress.count() << " calls, " << director.added_ << " faults\n";

  EXPECT_GT(watcher.seen(), 0);
  // The server hears of a cancellation later than the client.
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  while (emulator->journal().stats().open_entry_count > 0 &&
         std::chrono::steady_clock::now() < patience) {
    std::this_thread::yield();
  }
  for (const JournalEntry &entry :
       emulator->journal().List(AllCalls().Open())) {
    ADD_FAILURE() << entry.method() << " of " << entry.peer()
                  << " has not ended";
  }

  // All is as at the start.
  director.Reset();
  SpannerClient client(MakeCaller(*emulator, Transport::kTcp));
  const auto session = client.Create();
  ASSERT_THAT(session, IsOk());
  EXPECT_THAT(client.Get(session->name()), IsOk());
  EXPECT_EQ(emulator->sessions().TotalCounts().regular.live, 1);
}

}  // namespace
}  // namespace spanner_session_emulator

int main(int argc, char **argv) {
  ::testing::InitGoogleMock(&argc, argv);
  absl::ParseCommandLine(argc, argv);
  return RUN_ALL_TESTS();
}
