// Partial responses: the system parameter `fields`.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_FIELD_SELECTION_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_FIELD_SELECTION_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace spanner_session_emulator {

// Which fields of a message are wanted, as in `name,sessions(name,labels/key)`:
// names as in JSON or in the proto; '/' or '.' or braces lead into a field, a
// map's keys are taken for fields, `*` is all.
class FieldSelection {
 public:
  // INVALID_ARGUMENT with a text that names what does not exist, or says where
  // the list is malformed.
  static absl::StatusOr<FieldSelection> Parse(
      absl::string_view text, const google::protobuf::Descriptor& type);

  // Removes from `message`, which is of that type, what is not wanted.
  void Apply(google::protobuf::Message& message) const;

 private:
  // What a list says before it is held against a type: what comes below each
  // name. Nothing below: all of it is wanted.
  struct Names {
    std::map<std::string, Names> below;
    bool whole = false;
  };
  class Parser;

  // `budget` is how many fields may still be looked at: `*/*/*` of messages
  // that contain themselves would never end.
  static absl::StatusOr<FieldSelection> Resolve(
      const Names& names, const google::protobuf::Descriptor& type,
      int& budget);
  absl::Status Add(const google::protobuf::FieldDescriptor& field,
                   const Names& names, int& budget);
  void Merge(const FieldSelection& other);
  void ApplyToMap(google::protobuf::Message& message,
                  const google::protobuf::FieldDescriptor& field) const;

  bool whole_ = false;
  std::map<const google::protobuf::FieldDescriptor*, FieldSelection> fields_;
  std::map<std::string, FieldSelection> keys_;  // Of a map; `*` is all.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_FIELD_SELECTION_H_
