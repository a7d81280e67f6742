// The query of a REST request: system parameters, and those that are fields.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_QUERY_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_QUERY_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// https://cloud.google.com/apis/docs/system-parameters
struct RestQuery {
  // Reads what comes after the '?'. Never fails: see `problem`.
  static RestQuery Parse(absl::string_view text);

  bool pretty_print = true;  // As Google's front end.
  bool enums_as_numbers = false;
  std::optional<std::string> fields;  // Not empty.
  std::string access_token;

  // All others, decoded, in their order.
  std::vector<std::pair<std::string, std::string>> parameters;

  // The first parameter that is wrong in itself, and what is wrong with it, as
  // in errors::InvalidField(). Empty if all is well.
  std::string problem_parameter;
  std::string problem;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_QUERY_H_
