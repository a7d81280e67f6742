// A hierarchical timer wheel: which of many millions of deadlines comes next,
// at a cost that does not depend on how many there are.
//
// Time is a number of up to 60 bits, read as ten digits to the base 64. The
// wheel has a row of 64 buckets for each digit. A node whose deadline differs
// from the wheel's own time first in digit d (counted from the top) lies in row
// d, in the bucket that its deadline's digit names. So the lowest row that is
// not empty holds the earliest deadlines, in the order of its buckets, and a
// bit mask for each row finds the bucket in a few instructions.
//
// When time reaches the first instant of a bucket, the bucket's nodes become
// "ripe" as a whole, by moving one list head, and are handed out one by one. A
// ripe node is one whose deadline MAY have come: the caller looks at its true
// deadline and inserts it again if that is still ahead. It then falls to a
// lower row, so it can come round ten times in its life at the most. The caller
// may therefore let deadlines grow without telling the wheel, as sessions do
// each time they are used.
//
// Every call is O(1) (PopRipe: amortised over a node's life). Not thread-safe.
#ifndef SPANNER_SESSION_EMULATOR_STORE_TIMER_WHEEL_H_
#define SPANNER_SESSION_EMULATOR_STORE_TIMER_WHEEL_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

namespace spanner_session_emulator {

// The links that a node carries for its wheel; the node derives from this.
template <typename Node>
struct TimerLinks {
  Node* timer_previous = nullptr;
  Node* timer_next = nullptr;
  uint16_t timer_bucket = 0;
};

// Nodes belong to the caller and must not move while they are in the wheel.
template <typename Node>
class TimerWheel {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // `node` must not be in a wheel. `deadline` is the first instant at which it
  // is to become ripe; one that has passed makes it ripe at once.
  void Insert(Node* node, int64_t deadline) {
    const uint64_t when = std::clamp<int64_t>(deadline, now_, kLatest);
    const uint64_t difference = when ^ static_cast<uint64_t>(now_);
    const int row =
        difference == 0 ? 0 : (std::bit_width(difference) - 1) / kDigitBits;
    const int column = (when >> (row * kDigitBits)) & kDigitMask;
    occupied_[row] |= uint64_t{1} << column;

    if (rows_[row] == nullptr) rows_[row] = std::make_unique<Row>();

    const int bucket = row * kColumns + column;
    Node*& head = Head(bucket);
    node->timer_bucket = static_cast<uint16_t>(bucket);
    node->timer_previous = nullptr;
    node->timer_next = head;
    if (head != nullptr) head->timer_previous = node;
    head = node;
  }

  // `node` must be in this wheel.
  void Remove(Node* node) {
    if (node->timer_next != nullptr) {
      node->timer_next->timer_previous = node->timer_previous;
    }
    if (node->timer_previous != nullptr) {
      node->timer_previous->timer_next = node->timer_next;
    } else if (ripe_ == node) {
      ripe_ = node->timer_next;  // It kept its old bucket's number.
    } else {
      const int bucket = node->timer_bucket;
      Head(bucket) = node->timer_next;
      if (node->timer_next == nullptr) {
        occupied_[bucket / kColumns] &= ~(uint64_t{1} << (bucket % kColumns));
      }
    }
  }

  // Takes out a node whose deadline may have come by `now`, or returns nullptr
  // when there is none: then no deadline in the wheel is at or before `now`.
  // The wheel's time does not go back: for a `now` before that of an earlier
  // call, only nodes that were ripe then are left to take, and one inserted
  // since waits until the later time comes again.
  Node* PopRipe(int64_t now) {
    while (ripe_ == nullptr) {
      const int bucket = EarliestBucket();
      if (bucket < 0 || Start(bucket) > now) {
        // The buckets that are left start later, so each node's place stays
        // right when the wheel's time moves on.
        now_ = std::clamp(now, now_, kLatest);
        return nullptr;
      }
      now_ = std::max(now_, Start(bucket));
      ripe_ = std::exchange(Head(bucket), nullptr);
      occupied_[bucket / kColumns] &= ~(uint64_t{1} << (bucket % kColumns));
    }
    Node* node = ripe_;
    Remove(node);
    return node;
  }

  // No node becomes ripe before this time; kNever if the wheel is empty.
  int64_t NextRipe() const {
    if (ripe_ != nullptr) return now_;
    const int bucket = EarliestBucket();
    return bucket < 0 ? kNever : std::max(now_, Start(bucket));
  }

 private:
  static constexpr int kDigitBits = 6;
  static constexpr int kColumns = 1 << kDigitBits;
  static constexpr uint64_t kDigitMask = kColumns - 1;
  static constexpr int kRows = 10;
  static constexpr int64_t kLatest = (int64_t{1} << (kRows * kDigitBits)) - 1;

  using Row = std::array<Node*, kColumns>;

  // The list of a bucket; its row must be there.
  Node*& Head(int bucket) {
    return (*rows_[bucket / kColumns])[bucket % kColumns];
  }

  int EarliestBucket() const {
    for (int row = 0; row < kRows; ++row) {
      if (occupied_[row] != 0) {
        return row * kColumns + std::countr_zero(occupied_[row]);
      }
    }
    return -1;
  }

  // The first instant of a bucket: the wheel's time above its row, its column
  // in its row, zero below.
  int64_t Start(int bucket) const {
    const int shift = (bucket / kColumns) * kDigitBits;
    const uint64_t above = (static_cast<uint64_t>(now_) >> shift) & ~kDigitMask;
    return static_cast<int64_t>((above | (bucket % kColumns)) << shift);
  }

  int64_t now_ = 0;
  std::array<uint64_t, kRows> occupied_ = {};
  // A row comes with its first node: most wheels never see most rows.
  std::array<std::unique_ptr<Row>, kRows> rows_;
  Node* ripe_ = nullptr;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_TIMER_WHEEL_H_
