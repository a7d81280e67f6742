// The path templates of google.api.http annotations.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_PATH_TEMPLATE_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_PATH_TEMPLATE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// A template such as `/v1/{name=projects/*/databases/*}/sessions:batchCreate`,
// in the grammar of google/api/http.proto.
struct PathTemplate {
  struct Segment {
    enum class Kind { kLiteral, kOne, kRest };  // `x`, `*`, `**`
    Kind kind;
    std::string literal;  // Percent-decoded.
  };
  struct Variable {
    std::string field_path;  // `session.name`
    size_t begin, end;       // Of its segments; `end` is behind the last.
    // Whether it stands for several segments: then `%2F` in it is kept.
    bool several;
  };

  // `kRest` only comes last.
  std::vector<Segment> segments;
  std::vector<Variable> variables;
  std::string verb;  // `batchCreate`; empty if there is none.

  // INVALID_ARGUMENT for a text outside the grammar.
  static absl::StatusOr<PathTemplate> Parse(absl::string_view text);
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_PATH_TEMPLATE_H_
