// Tokens that PartitionQuery and PartitionRead hand out, one for each
// partition, and that later reads show.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_PARTITION_TOKEN_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_PARTITION_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// What a token is of.
struct Partition {
  std::string transaction_id;
  // Of the read or query: StatementFingerprint() or ReadFingerprint().
  uint64_t fingerprint = 0;
  uint32_t index = 0;  // From 0.
  uint32_t count = 1;  // How many partitions there are.
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
