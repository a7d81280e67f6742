// Labels of a session, and what they may look like.
#ifndef SPANNER_SESSION_EMULATOR_STORE_LABELS_H_
#define SPANNER_SESSION_EMULATOR_STORE_LABELS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// A set of labels, in the order of their keys. Packed into one piece, since
// there may be millions of them. A value: safe to read from several threads.
class Labels {
 public:
  static constexpr int kMaxLabels = 64;

  Labels() = default;

  // Takes pairs in any order, each key once. A key must match
  // `[a-z]([-a-z0-9]{0,61}[a-z0-9])?`, a value
  // `([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?`, and there may be at most kMaxLabels;
  // otherwise INVALID_ARGUMENT, and the message names the label.
  // https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#session
  static absl::StatusOr<Labels> Make(
      std::vector<std::pair<std::string, std::string>> pairs);

  bool empty() const { return packed_.empty(); }

  // Calls `visit(key, value)` for each label until it returns false.
  void ForEach(
      absl::FunctionRef<bool(absl::string_view key, absl::string_view value)>
          visit) const;

  friend bool operator==(const Labels&, const Labels&) = default;

 private:
  // For each label: size, key, size, value. (A string takes more memory.)
  std::vector<char> packed_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_LABELS_H_
