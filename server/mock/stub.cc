#include "server/mock/stub.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/mock/column_types.h"
#include "server/mock/script.h"
#include "server/mock/statement_text.h"
#include "server/mock/values.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

using Match = v1::Stub::Match;

// What kinds of keys there are.
constexpr char kStatementKey = 's';
constexpr char kLooseKey = 'l';
constexpr char kReadKey = 'r';
constexpr char kBatchWriteKey = 'w';

constexpr absl::string_view kKeySetFacet = "key_set";

// Far more than anybody waits for; the product of two of them fits into 64
// bits.
constexpr int64_t kMaxRepeat = 1'000'000'000;

absl::Status Invalid(absl::string_view field, absl::string_view problem) {
  return InvalidScript(field, problem);
}

}  // namespace

// Makes stubs of protos; a friend, to fill them in.
class StubReader {
 public:
  explicit StubReader(Stub& stub) : stub_(stub) {}

  absl::Status Read() {
    if (!stub_.name().empty() && !kStubKind.IsName(stub_.name())) {
      return Invalid("name", kStubKind.NameProblem());
    }
    if (stub_.proto_.times() < 0) {
      return Invalid("times", "must not be negative; 0 is any number");
    }
    stub_.proto_.clear_hit_count();
    if (absl::Status s = ReadMatch(); !s.ok()) return s;
    auto& answers = *stub_.proto_.mutable_answers();
    if (stub_.proto_.has_answer() == !answers.empty()) {
      return Invalid("answer", stub_.proto_.has_answer()
                                   ? "must not be there beside answers"
                                   : "must be there, or answers");
    }
    if (stub_.proto_.has_answer()) {
      stub_.answers_.resize(1);
      return ReadAnswer("answer", nullptr, *stub_.proto_.mutable_answer(),
                        stub_.answers_[0]);
    }
    stub_.answers_.resize(answers.size());
    for (int i = 0; i < answers.size(); ++i) {
      if (absl::Status s = ReadAnswer(absl::StrCat("answers[", i, "]"), nullptr,
                                      answers[i], stub_.answers_[i]);
          !s.ok()) {
        return s;
      }
    }
    return absl::OkStatus();
  }

 private:
  const Match& match() const { return stub_.proto_.match(); }
  bool is_batch_write() const { return match().has_batch_write(); }

  absl::Status ReadMatch() {
    absl::StatusOr<Scope> scope = Scope::Parse(match().scope());
    if (!scope.ok()) return Invalid("match.scope", scope.status().message());
    stub_.scope_ = *std::move(scope);
    if (!Match::TransactionKind_IsValid(match().transaction_kind())) {
      return Invalid("match.transaction_kind",
                     "must be READ_ONLY, READ_WRITE or PARTITIONED_DML");
    }
    const bool is_statement = match().has_sql() || match().has_sql_prefix() ||
                              match().has_sql_pattern();
    if (!match().params().fields().empty()) {
      if (!is_statement) {
        return Invalid("match.params",
                       "must be left out: only statements have "
                       "parameters");
      }
      std::map<std::string, const google::protobuf::Value*> sorted;
      for (const auto& [name, value] : match().params().fields()) {
        sorted.emplace(name, &value);
      }
      for (const auto& [name, value] : sorted) {
        stub_.facets_.push_back(name);
        AppendFacet(*value, stub_.facet_values_);
      }
    }
    switch (match().call_case()) {
      case Match::kSql: {
        const auto sql = StatementMatch::Exact(match().sql());
        if (!sql.ok()) return Invalid("match.sql", sql.status().message());
        is_dml_ = IsDml(match().sql());
        stub_.key_ = absl::StrCat(std::string(1, kStatementKey), sql->text());
        return absl::OkStatus();
      }
      case Match::kSqlPrefix:
        is_dml_ = IsDml(match().sql_prefix());
        return ReadLoose("match.sql_prefix",
                         StatementMatch::Prefix(match().sql_prefix()));
      case Match::kSqlPattern:
        return ReadLoose("match.sql_pattern",
                         StatementMatch::Pattern(match().sql_pattern()));
      case Match::kRead:
        if (match().read().table().empty()) {
          return Invalid("match.read.table", "must not be empty");
        }
        stub_.key_ =
            absl::StrCat(std::string(1, kReadKey), match().read().table());
        if (match().read().has_key_set()) {
          stub_.facets_.emplace_back(kKeySetFacet);
          AppendFacet(match().read().key_set(), stub_.facet_values_);
        }
        return absl::OkStatus();
      case Match::kBatchWrite:
        stub_.key_ = std::string(1, kBatchWriteKey);
        return absl::OkStatus();
      case Match::CALL_NOT_SET:
        break;
    }
    return Invalid("match",
                   "must have one of sql, sql_prefix, sql_pattern, read and "
                   "batch_write");
  }

  absl::Status ReadLoose(absl::string_view field,
                         absl::StatusOr<StatementMatch> statements) {
    if (!statements.ok()) return Invalid(field, statements.status().message());
    stub_.key_ = std::string(1, kLooseKey);
    stub_.statements_ = *std::move(statements);
    return absl::OkStatus();
  }

  // `outer` is the answer whose partition this is, or null.
  absl::Status ReadAnswer(const std::string& field, const StubAnswer* outer,
                          v1::Stub::Answer& proto, StubAnswer& answer) {
    const auto at = [&field](absl::string_view name) {
      return absl::StrCat(field, ".", name);
    };
    answer.proto = &proto;
    bool has_rows = !proto.columns().empty() || !proto.rows().empty() ||
                    proto.repeat_rows() != 0 || proto.has_row_count() ||
                    proto.has_query_plan() || proto.has_query_stats();
    int forms = has_rows + proto.has_result_set() +
                !proto.partial_result_sets().empty() +
                !proto.batch_write_responses().empty();
    // A partition with nothing in it has no rows of the columns outside.
    if (outer != nullptr && forms == 0 && !proto.has_error() &&
        !outer->metadata.row_type().fields().empty()) {
      has_rows = true;
      forms = 1;
    }
    if (forms > 1) {
      return Invalid(field,
                     "must have only one of: rows, columns and counts; "
                     "result_set; partial_result_sets; batch_write_responses");
    }
    if (forms == 0 && !proto.has_error() && proto.partitions().empty()) {
      return Invalid(field,
                     "must have columns, row_count, query_plan, result_set, "
                     "partial_result_sets, batch_write_responses, partitions "
                     "or error");
    }
    if (is_batch_write() &&
        (has_rows || proto.has_result_set() || proto.has_chunking() ||
         !proto.partial_result_sets().empty() || !proto.partitions().empty())) {
      return Invalid(field,
                     "must have only batch_write_responses and error, as the "
                     "stub is for batch_write");
    }
    if (!is_batch_write() && !proto.batch_write_responses().empty()) {
      return Invalid(at("batch_write_responses"),
                     "must be left out, as the stub is not for batch_write");
    }
    if (proto.has_row_count() && match().has_read()) {
      return Invalid(at("row_count"),
                     "must be left out, as the stub is for reads, which change "
                     "nothing");
    }
    answer.has_result = forms > 0;
    answer.only_partitions =
        !proto.partitions().empty() && proto.rows().empty() &&
        !proto.has_row_count() && !proto.has_result_set() &&
        proto.partial_result_sets().empty() && !proto.has_error();
    if (proto.has_error()) {
      if (absl::Status s =
              ReadScriptError(at("error"), proto.error(), answer.error);
          !s.ok()) {
        return s;
      }
    }
    if (absl::Status s = ReadChunking(at("chunking"), proto, answer); !s.ok()) {
      return s;
    }
    if (has_rows) {
      if (absl::Status s = ReadRows(field, outer, proto, answer); !s.ok()) {
        return s;
      }
    } else if (proto.has_result_set()) {
      if (absl::Status s = ReadResultSet(at("result_set"), proto, answer);
          !s.ok()) {
        return s;
      }
    } else if (!proto.partial_result_sets().empty()) {
      answer.messages = &proto.partial_result_sets();
    }
    return ReadPartitions(field, outer, proto, answer);
  }

  absl::Status ReadPartitions(const std::string& field, const StubAnswer* outer,
                              v1::Stub::Answer& proto, StubAnswer& answer) {
    if (outer != nullptr && !proto.partitions().empty()) {
      return Invalid(absl::StrCat(field, ".partitions"),
                     "must be left out: partitions have none of their own");
    }
    answer.partitions.resize(proto.partitions_size());
    for (int i = 0; i < proto.partitions_size(); ++i) {
      if (absl::Status s =
              ReadAnswer(absl::StrCat(field, ".partitions[", i, "]"), &answer,
                         *proto.mutable_partitions(i), answer.partitions[i]);
          !s.ok()) {
        return s;
      }
    }
    return absl::OkStatus();
  }

  static absl::Status ReadChunking(const std::string& field,
                                   const v1::Stub::Answer& proto,
                                   StubAnswer& answer) {
    if (!proto.has_chunking()) return absl::OkStatus();
    const v1::Stub::Chunking& chunking = proto.chunking();
    if (proto.columns().empty() && proto.rows().empty() &&
        !proto.has_result_set()) {
      return Invalid(field, "must be left out where there are no rows");
    }
    answer.rows_per_message = chunking.rows_per_message();
    answer.bytes_per_message = chunking.bytes_per_message();
    if (answer.bytes_per_message > kMaxResultBytes) {
      return Invalid(absl::StrCat(field, ".bytes_per_message"),
                     absl::StrCat("must be at most ", kMaxResultBytes));
    }
    if (chunking.size_case() == v1::Stub::Chunking::SIZE_NOT_SET) {
      return Invalid(field,
                     "must have one of rows_per_message and bytes_per_message");
    }
    if (answer.rows_per_message <= 0 && answer.bytes_per_message <= 0) {
      return Invalid(absl::StrCat(field, chunking.has_rows_per_message()
                                             ? ".rows_per_message"
                                             : ".bytes_per_message"),
                     "must be at least 1");
    }
    return absl::OkStatus();
  }

  absl::Status ReadRows(const std::string& field, const StubAnswer* outer,
                        v1::Stub::Answer& proto, StubAnswer& answer) {
    const auto at = [&field](absl::string_view name) {
      return absl::StrCat(field, ".", name);
    };
    auto& row_type = *answer.metadata.mutable_row_type();
    for (int i = 0; i < proto.columns_size(); ++i) {
      absl::StatusOr<api::StructType::Field> column =
          ParseColumn(proto.columns(i));
      if (!column.ok()) {
        return Invalid(absl::StrCat(at("columns"), "[", i, "]"),
                       column.status().message());
      }
      *row_type.add_fields() = *std::move(column);
    }
    if (proto.columns().empty() && outer != nullptr) {
      answer.metadata = outer->metadata;
    }
    if (answer.metadata.row_type().fields().empty() && !proto.rows().empty()) {
      return Invalid(at("columns"),
                     "must say the columns of the rows, as [\"Id INT64\"]");
    }
    const int width = answer.metadata.row_type().fields_size();
    for (int i = 0; i < proto.rows_size(); ++i) {
      auto& values = *proto.mutable_rows(i)->mutable_values();
      const std::string row = absl::StrCat(at("rows"), "[", i, "]");
      if (values.size() != width) {
        return Invalid(row, absl::StrCat("must have ", width,
                                         " values, one for each column, but "
                                         "has ",
                                         values.size()));
      }
      for (int j = 0; j < width; ++j) {
        if (absl::Status s =
                EncodeValue(answer.metadata.row_type().fields(j).type(),
                            absl::StrCat(row, ".values[", j, "]"), values[j]);
            !s.ok()) {
          return s;
        }
      }
    }
    if (proto.repeat_rows() < 0 || proto.repeat_rows() > kMaxRepeat) {
      return Invalid(at("repeat_rows"),
                     absl::StrCat("must be from 0 to ", kMaxRepeat));
    }
    answer.rows = &proto.rows();
    answer.repeat_rows = std::max<int64_t>(1, proto.repeat_rows());
    if (proto.row_count() < 0) {
      return Invalid(at("row_count"), "must not be negative");
    }
    if (proto.has_row_count()) {
      answer.stats.set_row_count_exact(proto.row_count());
    } else if (is_dml_ && !proto.columns().empty()) {
      // THEN RETURN gives each row that was changed.
      answer.stats.set_row_count_exact(answer.row_count());
    }
    if (proto.has_query_plan()) {
      *answer.stats.mutable_query_plan() = proto.query_plan();
    }
    if (proto.has_query_stats()) {
      *answer.stats.mutable_query_stats() = proto.query_stats();
    }
    return absl::OkStatus();
  }

  static absl::Status ReadResultSet(const std::string& field,
                                    const v1::Stub::Answer& proto,
                                    StubAnswer& answer) {
    const api::ResultSet& result = proto.result_set();
    const int width = result.metadata().row_type().fields_size();
    for (int i = 0; i < result.rows_size(); ++i) {
      if (width > 0 && result.rows(i).values_size() == width) continue;
      return Invalid(absl::StrCat(field, ".rows[", i, "]"),
                     absl::StrCat("must have a value for each of the ", width,
                                  " fields of metadata.row_type, but has ",
                                  result.rows(i).values_size()));
    }
    answer.metadata = result.metadata();
    answer.rows = &result.rows();
    answer.stats = result.stats();
    answer.is_whole = true;
    return absl::OkStatus();
  }

  Stub& stub_;
  bool is_dml_ = false;
};

absl::StatusOr<std::unique_ptr<Stub>> Stub::Make(v1::Stub proto) {
  std::unique_ptr<Stub> stub(new Stub(std::move(proto)));
  if (absl::Status s = StubReader(*stub).Read(); !s.ok()) return s;
  return stub;
}

const StubAnswer& Stub::answer(int64_t number) const {
  return answers_[static_cast<size_t>(std::min(number, answer_count() - 1))];
}

std::string Stub::Mismatch(const StubCall& call) const {
  const Match& match = proto_.match();
  if (match.has_sql_prefix() && !statements_.Matches(call.sql)) {
    return "sql_prefix";
  }
  if (match.transaction_kind() != Match::TRANSACTION_KIND_UNSPECIFIED &&
      match.transaction_kind() != call.transaction_kind) {
    return "transaction_kind";
  }
  if (!match.request_tag().empty() && match.request_tag() != call.request_tag) {
    return "request_tag";
  }
  if (!match.transaction_tag().empty() &&
      match.transaction_tag() != call.transaction_tag) {
    return "transaction_tag";
  }
  if (match.has_read()) {
    const Match::Read& read = match.read();
    if (read.has_index() && read.index() != call.index) return "index";
    if (!read.columns().empty() &&
        !std::equal(read.columns().begin(), read.columns().end(),
                    call.columns->begin(), call.columns->end())) {
      return "columns";
    }
  }
  if (!match.batch_write().table().empty() &&
      std::find(call.tables.begin(), call.tables.end(),
                match.batch_write().table()) == call.tables.end()) {
    return "table";
  }
  // At last, as it takes the longest.
  if (match.has_sql_pattern() && !statements_.Matches(call.sql)) {
    return "sql_pattern";
  }
  return "";
}

StubKeys KeysOf(const StubCall& call) {
  switch (call.kind) {
    case StubCall::Kind::kStatement:
      return {.exact = absl::StrCat(std::string(1, kStatementKey), call.sql),
              .loose = std::string(1, kLooseKey)};
    case StubCall::Kind::kRead:
      return {.exact = absl::StrCat(std::string(1, kReadKey), call.table)};
    case StubCall::Kind::kBatchWrite:
      return {.exact = std::string(1, kBatchWriteKey)};
  }
  return {};
}

}  // namespace spanner_session_emulator
