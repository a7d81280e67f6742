#include "server/services/partition_token.h"

#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/call/errors.h"
#include "store/random.h"

namespace spanner_session_emulator {

PartitionTokens::PartitionTokens() : secret_(Random()) {}

std::string PartitionTokens::Write(const Partition& partition) const {
  const std::string text = absl::StrCat(
      partition.transaction_id, ",", absl::Hex(partition.fingerprint), ",",
      partition.place.has_value() ? partition.place->ToToken() : "");
  return absl::WebSafeBase64Escape(
      absl::StrCat(text, ",", absl::Hex(absl::HashOf(secret_, text))));
}

absl::StatusOr<Partition> PartitionTokens::Read(
    absl::string_view token, absl::string_view transaction_id,
    uint64_t fingerprint) const {
  Partition partition;
  std::string text;
  absl::WebSafeBase64Unescape(token, &text);
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ',');
  if (parts.size() != 4) return errors::PartitionOfOtherRequest();
  partition.transaction_id = std::string(parts[0]);
  partition.place = ResultPlace::FromToken(parts[2]);
  if (!absl::SimpleHexAtoi(parts[1], &partition.fingerprint) ||
      token != Write(partition)) {
    return errors::PartitionOfOtherRequest();
  }
  if (partition.transaction_id != transaction_id) {
    return errors::PartitionOfOtherTransaction();
  }
  if (partition.fingerprint != fingerprint) {
    return errors::PartitionOfOtherRequest();
  }
  return partition;
}

}  // namespace spanner_session_emulator
