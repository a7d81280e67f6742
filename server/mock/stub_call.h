// A call as stubs look at it.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_CALL_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_CALL_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/repeated_field.h"
#include "google/protobuf/struct.pb.h"
#include "google/spanner/v1/keys.pb.h"
#include "spanner_session_emulator/v1/stubs.pb.h"

namespace spanner_session_emulator {

// Refers to the request, which must outlive it. What of a call is not said
// here, no stub can ask for.
struct StubCall {
  using TransactionKind = v1::Stub::Match::TransactionKind;
  enum class Kind { kStatement, kRead, kBatchWrite };

  // `params` as the request has them.
  static StubCall Statement(absl::string_view database, absl::string_view sql,
                            const google::protobuf::Struct& params);
  static StubCall Read(
      absl::string_view database, absl::string_view table,
      absl::string_view index,
      const google::protobuf::RepeatedPtrField<std::string>& columns,
      const google::spanner::v1::KeySet& key_set);
  // `tables` are those of its mutations.
  static StubCall BatchWrite(absl::string_view database,
                             std::vector<absl::string_view> tables);

  Kind kind = Kind::kStatement;
  absl::string_view database;

  std::string sql;  // Folded (FoldBlanks()).
  bool is_dml = false;
  const google::protobuf::Struct* params = nullptr;

  absl::string_view table;
  absl::string_view index;
  const google::protobuf::RepeatedPtrField<std::string>* columns = nullptr;
  const google::spanner::v1::KeySet* key_set = nullptr;

  std::vector<absl::string_view> tables;

  TransactionKind transaction_kind = v1::Stub::Match::READ_ONLY;
  absl::string_view request_tag;
  absl::string_view transaction_tag;
};

// Stubs that look at the same facets of a call (the parameters of a statement,
// by name; or "key_set" of a read) are found by the values of these: one text
// for all of them, which differs if one of them does. Nothing if the call lacks
// one.
std::optional<std::string> FacetValues(const StubCall& call,
                                       absl::Span<const std::string> facets);
// Parts of such a text.
void AppendFacet(const google::protobuf::Value& param, std::string& out);
void AppendFacet(const google::spanner::v1::KeySet& key_set, std::string& out);

// The call, and the stub that would match it as JSON, for an error: what a
// person needs who has written none. At most some 800 bytes together.
std::string DescribeCall(const StubCall& call);
std::string StubJson(const StubCall& call);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_STUB_CALL_H_
