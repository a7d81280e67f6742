#include "server/stubs.h"

#include <cmath>

#include "server/mock/script.h"

namespace spanner_session_emulator {
namespace {

void Append(const StubRow& row, google::protobuf::ListValue& list) {
  for (const StubValue& value : row) *list.add_values() = value.proto();
}

}  // namespace

StubValue::StubValue(std::nullptr_t) {
  proto_.set_null_value(google::protobuf::NULL_VALUE);
}

StubValue::StubValue(double value) {
  if (std::isfinite(value)) {
    proto_.set_number_value(value);
  } else {
    proto_.set_string_value(std::isnan(value) ? "NaN"
                            : value > 0       ? "Infinity"
                                              : "-Infinity");
  }
}

StubValue::StubValue(absl::string_view text) {
  proto_.set_string_value(std::string(text));
}

StubValue StubValue::Array(const std::vector<StubValue>& elements) {
  StubValue value(nullptr);
  Append(elements, *value.proto_.mutable_list_value());
  return value;
}

StubBuilder& StubBuilder::Param(const std::string& name,
                                const StubValue& value) {
  (*stub_.mutable_match()->mutable_params()->mutable_fields())[name] =
      value.proto();
  return *this;
}

StubBuilder& StubBuilder::InTransaction(v1::Stub::Match::TransactionKind kind) {
  stub_.mutable_match()->set_transaction_kind(kind);
  return *this;
}

StubBuilder& StubBuilder::RequestTag(std::string tag) {
  stub_.mutable_match()->set_request_tag(std::move(tag));
  return *this;
}

StubBuilder& StubBuilder::TransactionTag(std::string tag) {
  stub_.mutable_match()->set_transaction_tag(std::move(tag));
  return *this;
}

StubBuilder& StubBuilder::Scope(std::string scope) {
  stub_.mutable_match()->set_scope(std::move(scope));
  return *this;
}

StubBuilder& StubBuilder::Named(absl::string_view id) {
  stub_.set_name(kStubKind.NameOf(id));
  return *this;
}

StubBuilder& StubBuilder::Times(int64_t count) {
  stub_.set_times(count);
  return *this;
}

StubBuilder& StubBuilder::Rows(const std::vector<std::string>& columns,
                               const std::vector<StubRow>& rows) {
  v1::Stub::Answer& answer = this->answer();
  *answer.mutable_columns() = {columns.begin(), columns.end()};
  answer.clear_rows();
  for (const StubRow& row : rows) Append(row, *answer.add_rows());
  return *this;
}

StubBuilder& StubBuilder::RepeatRows(int64_t count) {
  answer().set_repeat_rows(count);
  return *this;
}

StubBuilder& StubBuilder::RowsPerMessage(int32_t count) {
  answer().mutable_chunking()->set_rows_per_message(count);
  return *this;
}

StubBuilder& StubBuilder::BytesPerMessage(int32_t count) {
  answer().mutable_chunking()->set_bytes_per_message(count);
  return *this;
}

StubBuilder& StubBuilder::RowCount(int64_t count) {
  answer().set_row_count(count);
  return *this;
}

StubBuilder& StubBuilder::Fails(const absl::Status& status) {
  WriteScriptError(status, *answer().mutable_error());
  return *this;
}

StubBuilder& StubBuilder::Answers(v1::Stub::Answer answer) {
  this->answer() = std::move(answer);
  return *this;
}

StubBuilder& StubBuilder::Partition() {
  is_partition_ = false;
  answer().add_partitions();
  is_partition_ = true;
  return *this;
}

StubBuilder& StubBuilder::Then() {
  if (stub_.answers().empty()) {
    *stub_.add_answers() = std::move(*stub_.mutable_answer());
    stub_.clear_answer();
  }
  stub_.add_answers();
  is_partition_ = false;
  return *this;
}

v1::Stub::Answer& StubBuilder::answer() {
  v1::Stub::Answer& whole =
      stub_.answers().empty()
          ? *stub_.mutable_answer()
          : *stub_.mutable_answers(stub_.answers_size() - 1);
  return is_partition_ ? *whole.mutable_partitions(whole.partitions_size() - 1)
                       : whole;
}

StubBuilder OnSql(std::string sql) {
  StubBuilder stub;
  stub.stub_.mutable_match()->set_sql(std::move(sql));
  return stub;
}

StubBuilder OnSqlPrefix(std::string prefix) {
  StubBuilder stub;
  stub.stub_.mutable_match()->set_sql_prefix(std::move(prefix));
  return stub;
}

StubBuilder OnSqlPattern(std::string pattern) {
  StubBuilder stub;
  stub.stub_.mutable_match()->set_sql_pattern(std::move(pattern));
  return stub;
}

StubBuilder OnRead(std::string table, const ReadMatch& match) {
  StubBuilder stub;
  v1::Stub::Match::Read& read = *stub.stub_.mutable_match()->mutable_read();
  read.set_table(std::move(table));
  if (match.index.has_value()) read.set_index(*match.index);
  *read.mutable_columns() = {match.columns.begin(), match.columns.end()};
  for (const StubRow& key : match.keys) {
    Append(key, *read.mutable_key_set()->add_keys());
  }
  return stub;
}

StubBuilder OnBatchWrite(std::string table) {
  StubBuilder stub;
  stub.stub_.mutable_match()->mutable_batch_write()->set_table(
      std::move(table));
  return stub;
}

int64_t StubHandle::HitCount() const {
  const auto entry = registry_->Find(name_);
  return entry.has_value() ? entry->hit_count : 0;
}

}  // namespace spanner_session_emulator
