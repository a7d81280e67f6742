// Stubs, as a C++ test writes them:
//
//   auto stub = emulator->AddStub(
//       OnSql("SELECT Id, Name FROM Singers WHERE Id = @id")
//           .Param("id", 1)
//           .Rows({"Id INT64", "Name STRING"}, {{1, "Ann"}}));
//   auto update = emulator->AddStub(OnSqlPrefix("UPDATE ")
//                                       .Times(2)
//                                       .Fails(absl::AbortedError("Again."))
//                                       .Then()
//                                       .RowCount(3));
//   auto read = emulator->AddStub(
//       OnRead("Singers", {.columns = {"Name"}, .keys = {{1}}})
//           .Rows({"Name STRING"}, {{"Ann"}}));
//   EXPECT_EQ(stub->HitCount(), 1);
//
// All of this only fills in a v1::Stub, whose comments say what it means
// (proto/spanner_session_emulator/v1/stubs.proto); Emulator::AddStub() takes
// one of these as well, and says what is wrong with it.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_STUBS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_STUBS_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "server/mock/stub_registry.h"
#include "spanner_session_emulator/v1/stubs.pb.h"

namespace spanner_session_emulator {

// A value of a row, a key or a parameter: a number, a bool, a text, `nullptr`
// for NULL, an optional of these, or an Array(). Texts stand for all types that
// have no literals in C++: `"2030-01-31"`.
class StubValue {
 public:
  // Implicit, as rows are to be written without type names.
  // NOLINTBEGIN(google-explicit-constructor)
  StubValue(std::nullptr_t);
  template <std::same_as<bool> T>  // Not what only converts to it.
  StubValue(T value) {
    proto_.set_bool_value(value);
  }
  // A number where it can be, as that is good for a column of FLOAT64, too.
  template <std::integral T>
  requires(!std::same_as<T, bool>) StubValue(T value) {
    // Beyond that, not all integers are doubles.
    constexpr int64_t kMaxExact = int64_t{1} << 53;
    if (std::cmp_less_equal(value, kMaxExact) &&
        std::cmp_greater_equal(value, -kMaxExact)) {
      proto_.set_number_value(static_cast<double>(value));
    } else {
      proto_.set_string_value(std::to_string(value));
    }
  }
  StubValue(double value);
  StubValue(const char* text) : StubValue(absl::string_view(text)) {}
  StubValue(const std::string& text) : StubValue(absl::string_view(text)) {}
  StubValue(absl::string_view text);
  template <typename T>
  StubValue(const std::optional<T>& value)
      : StubValue(value.has_value() ? StubValue(*value) : StubValue(nullptr)) {}
  // NOLINTEND(google-explicit-constructor)

  // An ARRAY, or a STRUCT with its fields in order.
  static StubValue Array(const std::vector<StubValue>& elements);

  const google::protobuf::Value& proto() const { return proto_; }

 private:
  google::protobuf::Value proto_;
};

using StubRow = std::vector<StubValue>;

// Which reads of a table.
struct ReadMatch {
  // `""` for reads without an index; without a value any, or none.
  std::optional<std::string> index = {};
  // These in this order; empty: any.
  std::vector<std::string> columns = {};
  // These in this order; empty: any.
  std::vector<StubRow> keys = {};
};

// What a stub is for, and then what it answers. Begin it by one of the
// functions below.
class StubBuilder {
 public:
  // What else must hold of a call.

  // Has this parameter with this value, maybe among others.
  StubBuilder& Param(const std::string& name, const StubValue& value);
  // Comes in such a transaction: v1::Stub::Match::READ_WRITE.
  StubBuilder& InTransaction(v1::Stub::Match::TransactionKind kind);
  // Has this request_options.request_tag.
  StubBuilder& RequestTag(std::string tag);
  // Has this request_options.transaction_tag.
  StubBuilder& TransactionTag(std::string tag);
  // Is for a database in this project, instance or database, by its full name.
  StubBuilder& Scope(std::string scope);

  // What the stub is.

  // Its name is `stubs/<id>`; else the emulator chooses one.
  StubBuilder& Named(absl::string_view id);
  // It answers that many calls, and then it is as if it was not there; 0: all.
  StubBuilder& Times(int64_t count);

  // What it answers.

  // These rows; each column is a name and a type: `"Id INT64"`.
  StubBuilder& Rows(const std::vector<std::string>& columns,
                    const std::vector<StubRow>& rows);
  // The rows so many times over.
  StubBuilder& RepeatRows(int64_t count);
  // A stream has so many whole rows in each message.
  StubBuilder& RowsPerMessage(int32_t count);
  // A stream has so many bytes of values in each message, and cuts values.
  StubBuilder& BytesPerMessage(int32_t count);
  // DML that has changed so many rows.
  StubBuilder& RowCount(int64_t count);
  // An error, with the details that the status has as payloads; in a stream,
  // behind the rows.
  StubBuilder& Fails(const absl::Status& status);
  // Just this, whatever was said before about this answer: query plans, whole
  // messages, replies of BatchWrite.
  StubBuilder& Answers(v1::Stub::Answer answer);
  // What follows is the answer of the next partition that PartitionQuery or
  // PartitionRead makes. Rows without columns have those of the whole answer.
  StubBuilder& Partition();
  // What follows is for the next call. The last answer stays for all others.
  StubBuilder& Then();

  const v1::Stub& proto() const { return stub_; }
  // For AddStub().
  operator const v1::Stub&() const {  // NOLINT(google-explicit-constructor)
    return stub_;
  }

 private:
  friend StubBuilder OnSql(std::string sql);
  friend StubBuilder OnSqlPrefix(std::string prefix);
  friend StubBuilder OnSqlPattern(std::string pattern);
  friend StubBuilder OnRead(std::string table, const ReadMatch& match);
  friend StubBuilder OnBatchWrite(std::string table);
  StubBuilder() = default;

  // The answer, or its partition, that is being written.
  v1::Stub::Answer& answer();

  v1::Stub stub_;
  bool is_partition_ = false;
};

// A stub for this statement, however it is spaced.
StubBuilder OnSql(std::string sql);
// For statements that begin so.
StubBuilder OnSqlPrefix(std::string prefix);
// For statements that this RE2 pattern matches from beginning to end.
StubBuilder OnSqlPattern(std::string pattern);
// For reads of this table.
StubBuilder OnRead(std::string table, const ReadMatch& match = {});
// For calls of BatchWrite, with a mutation on this table unless it is empty.
StubBuilder OnBatchWrite(std::string table = "");

// A stub of an emulator, which must outlive it. Thread-safe.
class StubHandle {
 public:
  // For Emulator::AddStub().
  StubHandle(StubRegistry* registry, std::string name)
      : registry_(registry), name_(std::move(name)) {}

  // `stubs/STUB`.
  const std::string& name() const { return name_; }
  // How many calls it has answered; 0 if it was deleted.
  int64_t HitCount() const;
  // Whether it was there to be deleted.
  bool Delete() const { return registry_->Delete(name_); }

 private:
  StubRegistry* registry_;
  std::string name_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_STUBS_H_
