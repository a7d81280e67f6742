// Replies as JSON, as the request wants them.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REPLY_WRITER_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REPLY_WRITER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "server/transport/rest/field_selection.h"
#include "server/transport/rest/http_binding.h"
#include "server/transport/rest/rest_query.h"

namespace spanner_session_emulator {

class ReplyWriter {
 public:
  // Null where there is no method; it must outlive the writer.
  ReplyWriter(const HttpBinding* binding, const RestQuery& query);

  // INVALID_ARGUMENT, as FieldSelection::Parse(), if `fields` does not suit the
  // reply; all of it is written then.
  const absl::Status& fields_status() const { return fields_status_; }

  // INTERNAL if the message has no form in JSON. In the control API, whose
  // users may have scripted anything, an Any that has none is written as a
  // Struct with its `@type` and its `value` in base64.
  absl::StatusOr<std::string> Message(
      const google::protobuf::Message& message) const;
  std::string Error(const absl::Status& status, int http_status) const;

 private:
  absl::Status Print(const google::protobuf::Message& message,
                     std::string& json) const;

  const HttpBinding* const binding_;
  const bool pretty_;
  const bool enums_as_numbers_;
  absl::Status fields_status_;
  std::optional<FieldSelection> selection_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REPLY_WRITER_H_
