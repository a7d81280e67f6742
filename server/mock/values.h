// Values: from what people write to what Spanner sends.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_VALUES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_VALUES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "google/spanner/v1/type.pb.h"

namespace spanner_session_emulator {

// Brings a plain JSON value into the form that Spanner gives values of the
// type (see google.spanner.v1.TypeCode); what has that form stays as it is.
// `field` is where the value stands, for errors: INVALID_ARGUMENT
// `<field> must be …`. Of values that are JSON (not strings) in JSON columns it
// needs descriptors.
absl::Status EncodeValue(const google::spanner::v1::Type& type,
                         const std::string& field,
                         google::protobuf::Value& value);

// Appends a text that two values have in common if, and only if, they are the
// same, where an integer may be a number as well as a string of its digits, and
// times may have zeros at the end of their fraction. No text of a value is the
// beginning of another's.
void AppendCanonical(const google::protobuf::Value& value, std::string& out);
void AppendCanonical(const google::protobuf::ListValue& list, std::string& out);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_VALUES_H_
