// Tokens that PartitionQuery and PartitionRead hand out, one for each
// partition, and that later reads show.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_PARTITION_TOKEN_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_PARTITION_TOKEN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/mock/result_source.h"

namespace spanner_session_emulator {

// What a token is of.
struct Partition {
  std::string transaction_id;
  // Of the read or query: StatementFingerprint() or ReadFingerprint().
  uint64_t fingerprint = 0;
  // Which of a stub's answers has its rows; nothing if none was asked for when
  // the read or query was divided.
  std::optional<ResultPlace> place = {};
};

// Writes and reads tokens. They hold all that is known of their partition, so
// nothing is kept of those that were handed out, and cannot be made up.
// Immutable, thus thread-safe.
class PartitionTokens {
 public:
  PartitionTokens();

  std::string Write(const Partition& partition) const;

  // The partition of a token, for a read with this fingerprint that runs in
  // this transaction. INVALID_ARGUMENT if the token is of another one.
  absl::StatusOr<Partition> Read(absl::string_view token,
                                 absl::string_view transaction_id,
                                 uint64_t fingerprint) const;

 private:
  const uint64_t secret_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_PARTITION_TOKEN_H_
