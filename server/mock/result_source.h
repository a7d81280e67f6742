// Results as messages: whole, or as a stream that can be resumed anywhere.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_RESULT_SOURCE_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_RESULT_SOURCE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/spanner/v1/result_set.pb.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/mock/stub.h"
#include "server/mock/value_part.h"

namespace spanner_session_emulator {

// A place in the stream of an answer. Its text is what the server gives as
// resume tokens.
struct ResultPlace {
  static constexpr int32_t kNoPartition = -1;

  int64_t stub = 0;    // The stub's number in its registry.
  int64_t answer = 0;  // Stub::answer().
  int32_t partition = kNoPartition;
  int64_t row = 0;     // Or the message, where these are scripted.
  int32_t column = 0;  // Of the row.
  ValuePlace in_value = {};

  std::string ToToken() const;
  // Nothing if it is no such text. What it says may not exist.
  static std::optional<ResultPlace> FromToken(absl::string_view token);

  friend bool operator==(const ResultPlace&, const ResultPlace&) = default;
};

// Which answer a call gets, and from where on.
struct StubResult {
  std::shared_ptr<const Stub> stub;
  ResultPlace place;

  // Whether there is such a place in the stub.
  bool IsValid() const;
  // The stub's answer or that of one of its partitions. Needs a valid place.
  const StubAnswer& answer() const;
};

struct ResultOptions {
  google::spanner::v1::ExecuteSqlRequest::QueryMode query_mode =
      google::spanner::v1::ExecuteSqlRequest::NORMAL;
  // Counts are lower bounds, as in Partitioned DML.
  bool lower_bound = false;
  // So many rows at the most, of rows that are not scripted message by message;
  // 0: all.
  int64_t limit = 0;
};

// The messages of a stream, made one by one; needs the memory of one. For one
// thread at a time.
class ResultSource {
 public:
  // The result's place must be valid.
  ResultSource(StubResult result, const ResultOptions& options);

  // Makes `message` the next one. False at the end, with status() from then on.
  // A stream without an error has at least one message, unless its messages are
  // scripted.
  bool Next(google::spanner::v1::PartialResultSet& message);
  const absl::Status& status() const { return status_; }

 private:
  bool NextScripted(google::spanner::v1::PartialResultSet& message);
  // Fill `message`, and move place_; return when it has enough.
  void AddRows(google::spanner::v1::PartialResultSet& message);
  // What is left of a row that an answer with parts has begun.
  void FinishRow(google::spanner::v1::PartialResultSet& message);
  void AddParts(google::spanner::v1::PartialResultSet& message);

  const StubResult result_;  // Keeps the answer alive.
  const StubAnswer& answer_;
  const ResultOptions options_;
  const int64_t row_count_;
  ResultPlace place_;
  bool first_ = true;
  bool done_ = false;
  absl::Status status_;
};

// The same at once: as ExecuteSql and Read answer. The answer's error, if it
// has one; INVALID_ARGUMENT if the answer is for streams only.
absl::Status MakeResultSet(const StubResult& result,
                           const ResultOptions& options,
                           google::spanner::v1::ResultSet& out);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_RESULT_SOURCE_H_
