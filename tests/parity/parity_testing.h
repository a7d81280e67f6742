// What the tests of docs/mock-parity.md share: an emulator with one session,
// and calls of Spanner's API that read short.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_PARITY_PARITY_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_PARITY_PARITY_TESTING_H_

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "server/faults.h"
#include "server/stubs.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {

// For requests as text.
inline std::string Quoted(absl::string_view bytes) {
  return absl::StrCat("'", absl::CEscape(bytes), "'");
}
// A call's transaction: of this id, or one that begins with the call.
inline std::string InTransaction(absl::string_view id) {
  return absl::StrCat(" transaction { id: ", Quoted(id), " } ");
}
inline constexpr absl::string_view kInNewTransaction =
    " transaction { begin { read_write {} } } ";

// The first values of the rows of a result with one column.
inline std::vector<std::string> Values(const api::ResultSet& result) {
  std::vector<std::string> values;
  for (const auto& row : result.rows()) {
    values.push_back(row.values(0).string_value());
  }
  return values;
}
inline std::vector<std::string> Values(
    const absl::StatusOr<api::ResultSet>& result) {
  EXPECT_THAT(result, IsOk());
  return result.ok() ? Values(*result) : std::vector<std::string>();
}

// A stream, whole; its values are those of one column.
struct Streamed {
  std::vector<api::PartialResultSet> messages = {};
  std::vector<std::string> values = {};
  absl::Status status;
};
inline const absl::Status& StatusOf(const Streamed& stream) {
  return stream.status;
}

// A stream, read message by message.
class Reader {
 public:
  Reader(const std::shared_ptr<grpc::Channel>& channel,
         const api::ExecuteSqlRequest& request)
      : stub_(api::Spanner::NewStub(channel)),
        reader_(stub_->ExecuteStreamingSql(context_.get(), request)) {}
  ~Reader() {
    context_->TryCancel();
    if (!finished_) reader_->Finish();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // The next message's first value; nothing at the end.
  std::optional<std::string> Next() {
    if (!reader_->Read(&message_)) return std::nullopt;
    return message_.values(0).string_value();
  }
  absl::Status Finish() {
    finished_ = true;
    return ToAbsl(reader_->Finish());
  }

 private:
  const std::unique_ptr<grpc::ClientContext> context_ = PatientContext();
  const std::unique_ptr<api::Spanner::Stub> stub_;
  const std::unique_ptr<grpc::ClientReader<api::PartialResultSet>> reader_;
  api::PartialResultSet message_;
  bool finished_ = false;
};

class ParityFixture : public ::testing::Test {
 protected:
  // What is wrong with one fails the test.
  StubHandle AddStub(const v1::Stub& stub) {
    return emulator_->AddStub(stub).value();
  }
  FaultHandle AddFault(const v1::Fault& fault) {
    return emulator_->AddFault(fault).value();
  }

  // A call in the session, with the rest of its request as text.
  template <typename Request>
  Answer Call(absl::string_view method, absl::string_view rest = "") {
    Request request = FromText<Request>(rest);
    request.set_session(session_);
    return caller_->Call(method, request);
  }
  template <typename Request, typename Response>
  absl::StatusOr<Response> Unary(absl::string_view method,
                                 absl::string_view rest) {
    return ToResponse<Response>(Call<Request>(method, rest));
  }

  absl::StatusOr<api::ResultSet> Query(absl::string_view sql,
                                       absl::string_view rest = "") {
    return Unary<api::ExecuteSqlRequest, api::ResultSet>(
        "ExecuteSql", absl::StrCat("sql: ", Quoted(sql), " ", rest));
  }
  absl::StatusOr<api::ResultSet> Read(absl::string_view request) {
    return Unary<api::ReadRequest, api::ResultSet>("Read", request);
  }
  // By ExecuteStreamingSql.
  Streamed Stream(absl::string_view sql, absl::string_view rest = "") {
    const Answer answer = Call<api::ExecuteSqlRequest>(
        "ExecuteStreamingSql", absl::StrCat("sql: ", Quoted(sql), " ", rest));
    Streamed stream = {.status = answer.status};
    for (const std::string& bytes : answer.messages) {
      EXPECT_TRUE(stream.messages.emplace_back().ParseFromString(bytes));
      for (const auto& value : stream.messages.back().values()) {
        stream.values.push_back(value.string_value());
      }
    }
    return stream;
  }
  Reader Open(const std::string& sql) {
    api::ExecuteSqlRequest request;
    request.set_session(session_);
    request.set_sql(sql);
    return Reader(channel_, request);
  }
  absl::StatusOr<api::ExecuteBatchDmlResponse> Batch(
      const std::vector<std::string>& statements) {
    std::string request(kInNewTransaction);
    for (const std::string& sql : statements) {
      absl::StrAppend(&request, "statements { sql: ", Quoted(sql), " } ");
    }
    return Unary<api::ExecuteBatchDmlRequest, api::ExecuteBatchDmlResponse>(
        "ExecuteBatchDml", request);
  }

  absl::StatusOr<api::Transaction> Begin(
      absl::string_view options = "read_write {}") {
    return Unary<api::BeginTransactionRequest, api::Transaction>(
        "BeginTransaction", absl::StrCat("options { ", options, " }"));
  }
  Answer CommitAnswer(absl::string_view id, absl::string_view rest = "") {
    return Call<api::CommitRequest>(
        "Commit", absl::StrCat("transaction_id: ", Quoted(id), " ", rest));
  }
  absl::StatusOr<api::CommitResponse> Commit(absl::string_view id,
                                             absl::string_view rest = "") {
    return ToResponse<api::CommitResponse>(CommitAnswer(id, rest));
  }

  absl::StatusOr<api::Session> Get() { return client_.Get(session_); }
  std::future<absl::Status> GetInBackground() {
    return std::async(std::launch::async, [this] { return Get().status(); });
  }
  std::future<Streamed> StreamInBackground(std::string sql) {
    return std::async(std::launch::async,
                      [this, sql = std::move(sql)] { return Stream(sql); });
  }

  // Whether something comes to be true before patience is lost.
  template <typename Condition>
  [[nodiscard]] static bool Comes(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }

  const std::unique_ptr<Emulator> emulator_ = StartEmulator();
  const std::shared_ptr<grpc::Channel> channel_ = emulator_->InProcessChannel();
  const std::unique_ptr<Caller> caller_ = MakeCaller(channel_);
  SpannerClient client_{channel_};
  std::string session_ = client_.Create().value().name();
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_PARITY_PARITY_TESTING_H_
