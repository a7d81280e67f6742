// A stub that has been looked at: nothing is wrong with it, and what it answers
// is ready to be sent.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/struct.pb.h"
#include "google/spanner/v1/result_set.pb.h"
#include "server/mock/statement_match.h"
#include "server/mock/stub_call.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "store/names.h"

namespace spanner_session_emulator {

// Of the rows of a message, or of a result that is not streamed: what Spanner's
// API allows for the latter. A row that is longer is a message by itself.
inline constexpr int32_t kMaxResultBytes = 10 << 20;

// What a call gets. Refers to the stub's proto, so that rows are there once.
struct StubAnswer {
  using Rows = google::protobuf::RepeatedPtrField<google::protobuf::ListValue>;

  google::spanner::v1::ResultSetMetadata metadata;
  // In Spanner's form, each as wide as the metadata says, answered
  // `repeat_rows` times over; null: none.
  const Rows* rows = nullptr;
  int64_t repeat_rows = 1;
  google::spanner::v1::ResultSetStats stats;
  // As they are, in the place of all above, unless null.
  const google::protobuf::RepeatedPtrField<
      google::spanner::v1::PartialResultSet>* messages = nullptr;
  // Whether there is any of the above.
  bool has_result = false;
  // Whether there are partitions, and no rows for calls without a partition.
  bool only_partitions = false;
  // Whether `stats` are for all calls, whatever they ask for.
  bool is_whole = false;
  absl::Status error;  // At the end.

  int32_t rows_per_message = 0;   // 0: no such limit.
  int32_t bytes_per_message = 0;  // 0: values are whole.

  std::vector<StubAnswer> partitions;
  const v1::Stub::Answer* proto = nullptr;

  int64_t row_count() const {
    return rows == nullptr ? 0 : rows->size() * repeat_rows;
  }
  const google::protobuf::ListValue& row(int64_t index) const {
    return rows->Get(static_cast<int>(index % rows->size()));
  }
};

// Does not change, but for its name, which it gets with its place in a
// registry.
class Stub {
 public:
  // INVALID_ARGUMENT begins with the field that is wrong:
  // `answer.rows[2].values[1] must be …`. A name may be left out. Plain stubs
  // need no descriptors.
  static absl::StatusOr<std::unique_ptr<Stub>> Make(v1::Stub proto);

  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;

  void set_name(std::string name) { proto_.set_name(std::move(name)); }
  const std::string& name() const { return proto_.name(); }

  // With values in Spanner's form, and without a hit count.
  const v1::Stub& proto() const { return proto_; }
  int64_t times() const { return proto_.times(); }
  const Scope& scope() const { return scope_; }

  // The first call's answer has the number 0.
  const StubAnswer& answer(int64_t number) const;
  int64_t answer_count() const { return static_cast<int64_t>(answers_.size()); }

  // Matching is done in three steps, the first two by hashing. Calls have one
  // or two keys, and the stub one of these;
  const std::string& key() const { return key_; }
  // the call must have the same values of these facets (FacetValues());
  const std::vector<std::string>& facets() const { return facets_; }
  const std::string& facet_values() const { return facet_values_; }
  // and all else must hold. Returns what does not, in a word; empty: it
  // matches.
  std::string Mismatch(const StubCall& call) const;

 private:
  friend class StubReader;
  explicit Stub(v1::Stub proto) : proto_(std::move(proto)) {}

  v1::Stub proto_;
  Scope scope_;
  std::string key_;
  std::vector<std::string> facets_;
  std::string facet_values_;
  StatementMatch statements_;  // By a prefix or a pattern.
  std::vector<StubAnswer> answers_;
};

using Stubs = std::vector<std::unique_ptr<Stub>>;

// The keys under which a call's stubs are: the exact one, and that of prefixes
// and patterns, or empty.
struct StubKeys {
  std::string exact;
  std::string loose;
};
StubKeys KeysOf(const StubCall& call);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_H_
