// Fields named by text, as in a path template, a query or a list of fields.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_FIELD_PATH_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_FIELD_PATH_H_

#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace spanner_session_emulator {

// From a message's field to one inside it, and so on; all but the last are
// messages of which there is one.
using FieldPath = std::vector<const google::protobuf::FieldDescriptor*>;

// A field by its name in the proto (`page_size`) or in JSON (`pageSize`); null
// if there is none.
const google::protobuf::FieldDescriptor* FindField(
    const google::protobuf::Descriptor& type, absl::string_view name);

// A path by its names, with dots between them.
std::optional<FieldPath> FindFieldPath(const google::protobuf::Descriptor& type,
                                       absl::string_view names);

// Whether a message of this type is a scalar in JSON: Timestamp, Duration,
// FieldMask, and the wrappers.
bool IsScalarInJson(const google::protobuf::Descriptor& type);

// Whether one of the paths leads to or through the other's end.
bool Overlap(const FieldPath& a, const FieldPath& b);

// Sets the field at the end of `path`, which must be a scalar (in JSON at
// least), or adds to it if it is repeated. `text` is UTF-8. Returns false if it
// is no value of the field's type.
bool SetField(google::protobuf::Message& message, const FieldPath& path,
              absl::string_view text);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_FIELD_PATH_H_
