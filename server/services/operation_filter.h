// Filters of lists of long-running operations, as clients write them.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_OPERATION_FILTER_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_OPERATION_FILTER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/longrunning/operations.pb.h"

namespace spanner_session_emulator {

// A value; safe to read from several threads.
//
// Terms are `name:TEXT`, `metadata.@type:TEXT` (contains), the same with `=`
// (is), and `done:true`, with or without quotes around the value and blanks
// around the operator. NOT, OR, AND bind in this order, blanks are AND;
// parentheses group. Letters' case does not matter, but in AND, OR and NOT.
class OperationFilter {
 public:
  // Takes all.
  OperationFilter() = default;

  // INVALID_ARGUMENT for all else; the message fits behind the field's name.
  static absl::StatusOr<OperationFilter> Parse(absl::string_view text);

  bool Matches(const google::longrunning::Operation& operation) const {
    return Matches(root_, operation);
  }

 private:
  class Parser;
  struct Node {
    enum Kind { kAll, kAny, kNot, kName, kType, kDone };
    Kind kind = kAll;
    bool whole = false;            // kName, kType: by `=`.
    std::string value = {};        // In lower case.
    std::vector<Node> parts = {};  // kAll, kAny, kNot.
  };

  static bool Matches(const Node& node,
                      const google::longrunning::Operation& operation);

  Node root_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_OPERATION_FILTER_H_
