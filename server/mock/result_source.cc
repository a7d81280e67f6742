#include "server/mock/result_source.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/call/errors.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// Of a message with whole rows, where nothing else is scripted.
constexpr int64_t kDefaultMessageBytes = 32 << 10;

// Tokens are this, and numbers with points between them.
constexpr absl::string_view kTokenPrefix = "sse.";
constexpr size_t kTokenNumbers = 5;

// What of the answer's statistics a call is to see.
void FillStats(const StubAnswer& answer, const ResultOptions& options,
               api::ResultSetStats& stats) {
  using Request = api::ExecuteSqlRequest;
  const api::ResultSetStats& all = answer.stats;
  if (answer.is_whole) {
    stats = all;
    return;
  }
  const auto mode = options.query_mode;
  if ((mode == Request::PLAN || mode == Request::PROFILE ||
       mode == Request::WITH_PLAN_AND_STATS) &&
      all.has_query_plan()) {
    *stats.mutable_query_plan() = all.query_plan();
  }
  if ((mode == Request::PROFILE || mode == Request::WITH_STATS ||
       mode == Request::WITH_PLAN_AND_STATS) &&
      all.has_query_stats()) {
    *stats.mutable_query_stats() = all.query_stats();
  }
  if (mode == Request::PLAN || !all.has_row_count_exact()) return;
  if (options.lower_bound) {
    stats.set_row_count_lower_bound(all.row_count_exact());
  } else {
    stats.set_row_count_exact(all.row_count_exact());
  }
}

bool HasStats(const StubAnswer& answer, const ResultOptions& options) {
  api::ResultSetStats stats;
  FillStats(answer, options, stats);
  return stats.has_query_plan() || stats.has_query_stats() ||
         stats.row_count_case() != api::ResultSetStats::ROW_COUNT_NOT_SET;
}

int64_t RowCount(const StubAnswer& answer, const ResultOptions& options) {
  const bool rows_wanted =
      answer.is_whole || options.query_mode != api::ExecuteSqlRequest::PLAN;
  if (!rows_wanted) return 0;
  return options.limit > 0 ? std::min(options.limit, answer.row_count())
                           : answer.row_count();
}

}  // namespace

std::string ResultPlace::ToToken() const {
  std::string token = absl::StrCat(kTokenPrefix, stub, ".", answer, ".",
                                   partition, ".", row, ".", column);
  for (const uint32_t index : in_value) absl::StrAppend(&token, ".", index);
  return token;
}

std::optional<ResultPlace> ResultPlace::FromToken(absl::string_view token) {
  if (!absl::ConsumePrefix(&token, kTokenPrefix)) return std::nullopt;
  std::vector<int64_t> numbers;
  for (const absl::string_view text : absl::StrSplit(token, '.')) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
    // All but that of the stub are small.
    if (numbers.size() >= 4 || numbers.size() == 2) {
      if (number < -1 || number > std::numeric_limits<int32_t>::max()) {
        return std::nullopt;
      }
    }
    numbers.push_back(number);
  }
  if (numbers.size() < kTokenNumbers) return std::nullopt;
  ResultPlace place;
  place.stub = numbers[0];
  place.answer = numbers[1];
  place.partition = static_cast<int32_t>(numbers[2]);
  place.row = numbers[3];
  place.column = static_cast<int32_t>(numbers[4]);
  for (size_t i = kTokenNumbers; i < numbers.size(); ++i) {
    if (numbers[i] < 0) return std::nullopt;
    place.in_value.push_back(static_cast<uint32_t>(numbers[i]));
  }
  return place;
}

bool StubResult::IsValid() const {
  if (place.answer < 0 || place.answer >= stub->answer_count()) return false;
  if (place.partition != ResultPlace::kNoPartition) {
    const auto& partitions = stub->answer(place.answer).partitions;
    if (place.partition < 0 ||
        place.partition >= static_cast<int64_t>(partitions.size())) {
      return false;
    }
  }
  const StubAnswer& from = answer();
  if (from.messages != nullptr) {
    return place.row >= 0 && place.row <= from.messages->size() &&
           place.column == 0 && place.in_value.empty();
  }
  if (place.row < 0 || place.row > from.row_count() || place.column < 0) {
    return false;
  }
  if (place.row == from.row_count()) {
    return place.column == 0 && place.in_value.empty();
  }
  const auto& row = from.row(place.row);
  return place.column < row.values_size() &&
         IsPlace(row.values(place.column), place.in_value);
}

const StubAnswer& StubResult::answer() const {
  const StubAnswer& whole = stub->answer(place.answer);
  return place.partition == ResultPlace::kNoPartition
             ? whole
             : whole.partitions[place.partition];
}

ResultSource::ResultSource(StubResult result, const ResultOptions& options)
    : result_(std::move(result)),
      answer_(result_.answer()),
      options_(options),
      row_count_(RowCount(answer_, options)),
      place_(result_.place) {
  // No partition without rows has any use for them, nor has a plan.
  if (answer_.messages == nullptr && place_.row >= row_count_) {
    place_.row = row_count_;
    place_.column = 0;
    place_.in_value.clear();
  }
}

bool ResultSource::Next(api::PartialResultSet& message) {
  if (done_) return false;
  if (answer_.messages != nullptr) return NextScripted(message);
  const bool first = std::exchange(first_, false);
  const bool at_end = place_.row >= row_count_;
  // A result without rows is a message, too; so is the end of a resumed one.
  if ((at_end && !first) || (!answer_.has_result && !answer_.error.ok())) {
    done_ = true;
    status_ = answer_.error;
    return false;
  }
  message.Clear();
  if (first) {
    *message.mutable_metadata() = answer_.metadata;
    if (answer_.is_whole && answer_.proto->result_set().has_precommit_token()) {
      *message.mutable_precommit_token() =
          answer_.proto->result_set().precommit_token();
    }
  }
  if (answer_.bytes_per_message > 0) {
    AddParts(message);
  } else {
    AddRows(message);
  }
  message.set_resume_token(place_.ToToken());
  if (place_.row >= row_count_ && answer_.error.ok()) {
    if (HasStats(answer_, options_)) {
      FillStats(answer_, options_, *message.mutable_stats());
    }
    message.set_last(true);
    done_ = true;
  }
  return true;
}

bool ResultSource::NextScripted(api::PartialResultSet& message) {
  if (place_.row >= answer_.messages->size()) {
    done_ = true;
    status_ = answer_.error;
    return false;
  }
  message = answer_.messages->Get(static_cast<int>(place_.row++));
  return true;
}

void ResultSource::AddRows(api::PartialResultSet& message) {
  int64_t bytes = 0;
  int32_t rows = 0;
  const int64_t most = answer_.rows_per_message > 0 ? int64_t{kMaxResultBytes}
                                                    : kDefaultMessageBytes;
  FinishRow(message);
  while (place_.row < row_count_ && bytes < most) {
    if (answer_.rows_per_message > 0 && rows == answer_.rows_per_message) {
      return;
    }
    const google::protobuf::ListValue& row = answer_.row(place_.row);
    message.mutable_values()->MergeFrom(row.values());
    bytes += static_cast<int64_t>(row.ByteSizeLong());
    ++rows;
    ++place_.row;
  }
}

void ResultSource::FinishRow(api::PartialResultSet& message) {
  if (place_.column == 0 && place_.in_value.empty()) return;
  const google::protobuf::ListValue& row = answer_.row(place_.row++);
  for (; place_.column < row.values_size(); ++place_.column) {
    int64_t budget = std::numeric_limits<int64_t>::max();
    TakePart(row.values(place_.column), place_.in_value, budget,
             *message.add_values());
    place_.in_value.clear();
  }
  place_.column = 0;
}

void ResultSource::AddParts(api::PartialResultSet& message) {
  int64_t budget = answer_.bytes_per_message;
  while (place_.row < row_count_ && budget > 0) {
    const google::protobuf::ListValue& row = answer_.row(place_.row);
    if (!TakePart(row.values(place_.column), place_.in_value, budget,
                  *message.add_values())) {
      message.set_chunked_value(true);
      return;
    }
    if (++place_.column == row.values_size()) {
      place_.column = 0;
      ++place_.row;
    }
  }
}

absl::Status MakeResultSet(const StubResult& result,
                           const ResultOptions& options, api::ResultSet& out) {
  const StubAnswer& answer = result.answer();
  if (!answer.error.ok()) return answer.error;
  if (answer.messages != nullptr) {
    return errors::StubOnlyStreams(result.stub->name());
  }
  *out.mutable_metadata() = answer.metadata;
  const int64_t rows = RowCount(answer, options);
  int64_t bytes = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const google::protobuf::ListValue& row = answer.row(i);
    bytes += static_cast<int64_t>(row.ByteSizeLong());
    if (bytes > kMaxResultBytes) return errors::ResultTooLarge();
    *out.add_rows() = row;
  }
  if (answer.is_whole && answer.proto->result_set().has_precommit_token()) {
    *out.mutable_precommit_token() =
        answer.proto->result_set().precommit_token();
  }
  if (HasStats(answer, options)) {
    FillStats(answer, options, *out.mutable_stats());
  }
  return absl::OkStatus();
}

}  // namespace spanner_session_emulator
