// What the tests of transactions share.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_STORE_TRANSACTIONS_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_STORE_TRANSACTIONS_TESTING_H_

#include <cstdint>
#include <optional>
#include <string>

#include "store/transactions.h"

namespace spanner_session_emulator {

inline TransactionOptions ReadWrite() {
  return {.kind = TransactionKind::kReadWrite};
}
inline TransactionOptions ReadOnly(ReadBound bound = {}) {
  return {.kind = TransactionKind::kReadOnly,
          .bound = bound,
          .return_read_timestamp = true};
}
inline TransactionOptions PartitionedDml() {
  return {.kind = TransactionKind::kPartitionedDml};
}

inline TransactionSelector ById(const std::string& id) {
  return {.kind = TransactionSelector::Kind::kId, .id = id};
}
inline TransactionSelector Inline(const TransactionOptions& options) {
  return {.kind = TransactionSelector::Kind::kBegin, .options = options};
}
inline TransactionSelector Once(const TransactionOptions& options) {
  return {.kind = TransactionSelector::Kind::kSingleUse, .options = options};
}

inline TransactionCall Reading(TransactionSelector selector) {
  return {.use = TransactionUse::kRead, .selector = selector};
}
inline TransactionCall Partitioning(TransactionSelector selector) {
  return {.use = TransactionUse::kPartition, .selector = selector};
}
inline TransactionCall Dml(TransactionSelector selector, int64_t seqno = 1,
                           uint64_t fingerprint = 0) {
  return {.use = TransactionUse::kDml,
          .selector = selector,
          .seqno = seqno,
          .fingerprint = fingerprint};
}
inline TransactionCall BatchDml(TransactionSelector selector, int64_t seqno = 1,
                                uint64_t fingerprint = 0) {
  TransactionCall call = Dml(selector, seqno, fingerprint);
  call.use = TransactionUse::kBatchDml;
  return call;
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_STORE_TRANSACTIONS_TESTING_H_
