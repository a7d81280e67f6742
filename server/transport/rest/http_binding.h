// The ways to call a method by HTTP, ready for use.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_HTTP_BINDING_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_HTTP_BINDING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/call/method.h"
#include "server/transport/rest/field_path.h"
#include "server/transport/rest/path_template.h"

namespace spanner_session_emulator {

// One way to call a method by HTTP. Does not change after start-up.
struct HttpBinding {
  struct Variable {
    FieldPath field;
    size_t begin, end;  // As in PathTemplate::Variable.
    bool several;
  };

  const Method* method = nullptr;
  std::string http_method;  // `GET`; `*` is any.
  PathTemplate path;
  std::vector<Variable> variables;
  // What the request's body is: nothing, a field's value, or the message.
  bool has_body = false;
  const google::protobuf::FieldDescriptor* body_field = nullptr;
  // What the response's body is, if it is not the message.
  const google::protobuf::FieldDescriptor* response_field = nullptr;
};

// All bindings of a method: its http_paths, or else those of its
// google.api.http annotation; none if it has neither, or if its requests are a
// stream. INVALID_ARGUMENT for an annotation that makes no sense.
absl::StatusOr<std::vector<HttpBinding>> HttpBindingsOf(const Method& method);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_HTTP_BINDING_H_
