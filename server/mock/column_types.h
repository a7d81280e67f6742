// Columns and their types from text, as people write them in a stub.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_COLUMN_TYPES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_COLUMN_TYPES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/spanner/v1/type.pb.h"

namespace spanner_session_emulator {

// A column, or the field of a STRUCT: a type, with a name before it or not, as
// `Id INT64`, `STRUCT<a INT64, STRING>`, "`first name` STRING(MAX)". Types are
// known in upper and lower case. INVALID_ARGUMENT, whose message fits behind
// the name of the field, says what was expected and where. Needs no
// descriptors.
absl::StatusOr<google::spanner::v1::StructType::Field> ParseColumn(
    absl::string_view text);

// The type as ParseColumn() reads it, for messages: `ARRAY<INT64>`.
std::string TypeText(const google::spanner::v1::Type& type);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_COLUMN_TYPES_H_
