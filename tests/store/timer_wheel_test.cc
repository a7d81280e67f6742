#include "store/timer_wheel.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

using ::testing::UnorderedElementsAre;

struct Node : TimerLinks<Node> {
  explicit Node(int64_t deadline = 0) : deadline(deadline) {}

  int64_t deadline;
};

using Wheel = TimerWheel<Node>;
constexpr int64_t kNever = Wheel::kNever;
// The last instant that the wheel can tell from later ones.
constexpr int64_t kLatest = (int64_t{1} << 60) - 1;

// Takes out what is due at `now`, as the wheel's user does: what came too early
// goes in again.
std::vector<Node*> TakeDue(Wheel& wheel, int64_t now) {
  std::vector<Node*> due;
  while (Node* node = wheel.PopRipe(now)) {
    if (node->deadline <= now) {
      due.push_back(node);
    } else {
      wheel.Insert(node, node->deadline);
    }
  }
  return due;
}

TEST(TimerWheelTest, AnEmptyWheelHasNothing) {
  Wheel wheel;
  EXPECT_EQ(wheel.NextRipe(), kNever);
  EXPECT_EQ(wheel.PopRipe(0), nullptr);
  EXPECT_EQ(wheel.PopRipe(1'000'000), nullptr);
  EXPECT_EQ(wheel.NextRipe(), kNever);
}

TEST(TimerWheelTest, ANodeIsDueAtItsDeadlineAndNotBefore) {
  for (const int64_t start :
       {int64_t{0}, int64_t{1}, int64_t{63}, int64_t{1'700'000'000'000'000}}) {
    for (int64_t after = 1; after < kLatest / 8; after *= 3) {
      Wheel wheel;
      EXPECT_EQ(wheel.PopRipe(start), nullptr);
      Node node(start + after);
      wheel.Insert(&node, node.deadline);
      EXPECT_THAT(TakeDue(wheel, node.deadline - 1), UnorderedElementsAre());
      EXPECT_LE(wheel.NextRipe(), node.deadline);
      EXPECT_THAT(TakeDue(wheel, node.deadline), UnorderedElementsAre(&node));
      EXPECT_EQ(wheel.NextRipe(), kNever);
    }
  }
}

TEST(TimerWheelTest, DeadlinesAroundEachDigitsEdgeAreKept) {
  for (int digit = 0; digit < 10; ++digit) {
    const int64_t edge = int64_t{1} << (6 * digit);
    for (const int64_t start : {int64_t{0}, edge - 1, edge, 63 * edge}) {
      for (const int64_t deadline : {edge - 1, edge, edge + 1, 2 * edge - 1,
                                     2 * edge, 63 * edge, 64 * edge - 1}) {
        if (start >= deadline) continue;
        Wheel wheel;
        EXPECT_EQ(wheel.PopRipe(start), nullptr);
        Node node(deadline);
        wheel.Insert(&node, deadline);
        EXPECT_THAT(TakeDue(wheel, deadline - 1), UnorderedElementsAre());
        EXPECT_THAT(TakeDue(wheel, deadline), UnorderedElementsAre(&node));
      }
    }
  }
}

TEST(TimerWheelTest, ADeadlineThatHasPassedIsDueAtOnce) {
  Wheel wheel;
  EXPECT_EQ(wheel.PopRipe(1'000'000), nullptr);
  Node past(5), present(1'000'000), long_ago(-7);
  for (Node* node : {&past, &present, &long_ago}) {
    wheel.Insert(node, node->deadline);
    EXPECT_EQ(wheel.NextRipe(), 1'000'000);
  }
  EXPECT_THAT(TakeDue(wheel, 1'000'000),
              UnorderedElementsAre(&past, &present, &long_ago));
}

// A clock may step back. What was inserted since waits, what was ripe comes.
TEST(TimerWheelTest, TimeDoesNotGoBack) {
  Wheel wheel;
  EXPECT_EQ(wheel.PopRipe(1000), nullptr);
  Node past(500), ahead(1500);
  wheel.Insert(&past, past.deadline);
  wheel.Insert(&ahead, ahead.deadline);
  EXPECT_EQ(wheel.PopRipe(900), nullptr);
  EXPECT_EQ(wheel.NextRipe(), 1000);
  EXPECT_THAT(TakeDue(wheel, 1000), UnorderedElementsAre(&past));
  EXPECT_THAT(TakeDue(wheel, 1500), UnorderedElementsAre(&ahead));
}

// The user who lives behind the wheel's time puts nodes in again that are not
// due for him. He must come to an end, and nothing be lost.
TEST(TimerWheelTest, AnotherUserMayLiveInThePast) {
  Wheel wheel;
  std::deque<Node> nodes;
  for (int i = 0; i < 10; ++i) nodes.emplace_back(100);
  for (Node& node : nodes) wheel.Insert(&node, node.deadline);
  Node* first = wheel.PopRipe(200);  // The others are ripe now.
  ASSERT_NE(first, nullptr);
  EXPECT_THAT(TakeDue(wheel, 99), UnorderedElementsAre());
  EXPECT_EQ(TakeDue(wheel, 200).size(), 9u);
}

TEST(TimerWheelTest, NeverIsNotReached) {
  Wheel wheel;
  Node never(kNever);
  wheel.Insert(&never, never.deadline);
  EXPECT_LT(wheel.NextRipe(), kNever);
  EXPECT_THAT(TakeDue(wheel, 253402300799'000'000), UnorderedElementsAre());
  EXPECT_THAT(TakeDue(wheel, kLatest - 1), UnorderedElementsAre());
  EXPECT_LT(wheel.NextRipe(), kNever);
  wheel.Remove(&never);
  EXPECT_EQ(wheel.NextRipe(), kNever);
}

TEST(TimerWheelTest, ABigJumpMakesAllDueThatItPasses) {
  Wheel wheel;
  std::deque<Node> nodes;
  for (int64_t deadline = 1; deadline < kLatest / 8; deadline *= 2) {
    nodes.emplace_back(deadline);
    wheel.Insert(&nodes.back(), deadline);
  }
  Node left(kLatest - 1);
  wheel.Insert(&left, left.deadline);
  EXPECT_EQ(TakeDue(wheel, kLatest / 2).size(), nodes.size());
  EXPECT_THAT(TakeDue(wheel, kLatest - 1), UnorderedElementsAre(&left));
}

TEST(TimerWheelTest, ANodeThatWasTakenOutCanGoInAgain) {
  Wheel wheel;
  Node node;
  for (int64_t now = 0; now < 10000; now += 7) {
    wheel.Insert(&node, now + 7);
    EXPECT_EQ(wheel.PopRipe(now), nullptr);
    EXPECT_EQ(wheel.PopRipe(now + 7), &node);
  }
  EXPECT_EQ(wheel.PopRipe(1'000'000), nullptr);
}

TEST(TimerWheelTest, ADeadlineMayGrowUnnoticed) {
  Wheel wheel;
  Node node(100);
  wheel.Insert(&node, node.deadline);
  node.deadline = 100'000;
  EXPECT_THAT(TakeDue(wheel, 99'999), UnorderedElementsAre());
  EXPECT_THAT(TakeDue(wheel, 100'000), UnorderedElementsAre(&node));
}

// Each time that a node comes too early it falls by a row at least.
TEST(TimerWheelTest, ANodeComesRoundTenTimesAtMost) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    Wheel wheel;
    const int64_t start = static_cast<int64_t>(random() >> (5 + random() % 50));
    const int64_t after = static_cast<int64_t>(random() >> (5 + random() % 50));
    EXPECT_EQ(wheel.PopRipe(std::min(start, kLatest / 2)), nullptr);
    Node node(std::min(start, kLatest / 2) + std::min(after, kLatest / 2));
    wheel.Insert(&node, node.deadline);
    int times = 0;
    while (wheel.NextRipe() <= node.deadline) {
      const int64_t now = wheel.NextRipe();
      ASSERT_EQ(wheel.PopRipe(now), &node);
      ++times;
      if (now == node.deadline) break;
      wheel.Insert(&node, node.deadline);
    }
    EXPECT_LE(times, 10);
    EXPECT_EQ(wheel.NextRipe(), kNever);
  }
}

class RemovalTest : public testing::Test {
 protected:
  RemovalTest() {
    for (int i = 0; i < 5; ++i) nodes_.emplace_back(kDeadline);
    for (Node& node : nodes_) wheel_.Insert(&node, node.deadline);
  }

  std::vector<Node*> AllBut(std::vector<Node*> out) {
    std::vector<Node*> rest;
    for (Node& node : nodes_) {
      if (std::find(out.begin(), out.end(), &node) == out.end()) {
        rest.push_back(&node);
      }
    }
    return rest;
  }

  // In the lowest row, where a bucket is one instant.
  static constexpr int64_t kDeadline = 50;

  Wheel wheel_;
  std::deque<Node> nodes_;  // All in one bucket; the last inserted is first.
};

TEST_F(RemovalTest, FromABucketsHead) {
  wheel_.Remove(&nodes_[4]);
  EXPECT_THAT(TakeDue(wheel_, kDeadline),
              testing::UnorderedElementsAreArray(AllBut({&nodes_[4]})));
}

TEST_F(RemovalTest, FromABucketsMiddle) {
  wheel_.Remove(&nodes_[2]);
  EXPECT_THAT(TakeDue(wheel_, kDeadline),
              testing::UnorderedElementsAreArray(AllBut({&nodes_[2]})));
}

TEST_F(RemovalTest, FromABucketsEnd) {
  wheel_.Remove(&nodes_[0]);
  EXPECT_THAT(TakeDue(wheel_, kDeadline),
              testing::UnorderedElementsAreArray(AllBut({&nodes_[0]})));
}

TEST_F(RemovalTest, OfAllLeavesTheWheelEmpty) {
  for (Node& node : nodes_) wheel_.Remove(&node);
  EXPECT_EQ(wheel_.NextRipe(), kNever);
  EXPECT_EQ(wheel_.PopRipe(1000), nullptr);
}

TEST_F(RemovalTest, FromTheRipeInAnyPlace) {
  Node* popped = wheel_.PopRipe(kDeadline);
  std::vector<Node*> ripe = AllBut({popped});  // The last of it is the head.
  ASSERT_EQ(ripe.size(), 4u);
  EXPECT_EQ(wheel_.NextRipe(), kDeadline);
  wheel_.Remove(ripe[3]);  // Head.
  wheel_.Remove(ripe[1]);  // Middle.
  EXPECT_THAT(TakeDue(wheel_, kDeadline),
              UnorderedElementsAre(ripe[0], ripe[2]));
  EXPECT_EQ(wheel_.NextRipe(), kNever);
}

TEST_F(RemovalTest, OfAllTheRipeLeavesTheWheelEmpty) {
  Node* popped = wheel_.PopRipe(kDeadline);
  for (Node* node : AllBut({popped})) wheel_.Remove(node);
  EXPECT_EQ(wheel_.NextRipe(), kNever);
  EXPECT_EQ(wheel_.PopRipe(1000), nullptr);
}

// A ripe node keeps the number of its old bucket, where others may be by now.
TEST_F(RemovalTest, OfARipeHeadLeavesItsOldBucketAlone) {
  Node* popped = wheel_.PopRipe(kDeadline);
  std::vector<Node*> ripe = AllBut({popped});
  wheel_.Insert(popped, kDeadline);  // Into the bucket that the ripe ones left.
  wheel_.Remove(ripe[3]);
  wheel_.Remove(ripe[2]);
  wheel_.Remove(ripe[1]);
  wheel_.Remove(ripe[0]);
  EXPECT_EQ(wheel_.NextRipe(), kDeadline);
  EXPECT_THAT(TakeDue(wheel_, kDeadline), UnorderedElementsAre(popped));
}

// Random operations on a wheel and on a multimap that says what is right.
class Comparison {
 public:
  explicit Comparison(int seed)
      : random_(seed),
        // Some runs move in small steps, others jump.
        max_step_bits_(5 + seed % 50),
        now_(seed % 3 == 0 ? 0 : 1'700'000'000'000'000 + seed) {
    EXPECT_EQ(wheel_.PopRipe(now_), nullptr);
  }

  // False after the first failure.
  bool Step() {
    const int what = Random(100);
    if (what < 40) {
      Insert();
    } else if (what < 50) {
      Remove();
    } else if (what < 60) {
      Grow();
    } else if (what < 75) {
      Move();
      TakeSome(Random(4));
    } else {
      Move();
      TakeAll();
    }
    CheckNextRipe();
    return !testing::Test::HasFailure();
  }

  void Finish() {
    // In the steps that the wheel itself proposes, which are no more than nodes
    // can come round: ten times, and again if their deadlines have grown.
    size_t left = 20 * model_.size();
    for (; wheel_.NextRipe() < kLatest && left > 0; --left) {
      now_ = std::max(now_, wheel_.NextRipe());
      TakeAll();
      CheckNextRipe();
    }
    while (!model_.empty()) {  // Those that never become due.
      EXPECT_GE(model_.begin()->first, kLatest);
      wheel_.Remove(model_.begin()->second);
      model_.erase(model_.begin());
    }
    EXPECT_EQ(wheel_.NextRipe(), kNever);
    EXPECT_EQ(wheel_.PopRipe(kLatest - 1), nullptr);
  }

  size_t taken() const { return taken_; }

 private:
  using Model = std::multimap<int64_t, Node*>;

  int Random(int below) { return static_cast<int>(random_() % below); }
  // Small values are as likely as big ones.
  int64_t Span(int max_bits) {
    return static_cast<int64_t>(random_() >> (64 - 1 - Random(max_bits)));
  }
  Model::iterator Any() {
    return std::next(model_.begin(), Random(static_cast<int>(model_.size())));
  }

  void Insert() {
    int64_t deadline;
    switch (Random(8)) {
      case 0:
        deadline = now_ - Span(50);  // Has passed.
        break;
      case 1:
        deadline = kNever;
        break;
      case 2: {  // On the edge of a digit.
        const int bits = 6 * Random(10);
        deadline = (((now_ >> bits) + 1) << bits) + Random(3) - 1;
        break;
      }
      case 3:
        deadline = model_.empty() ? now_ : Any()->first;  // As another.
        break;
      default:
        deadline = now_ + Span(58);
    }
    if (deadline >= kLatest) deadline = kNever;
    nodes_.emplace_back(deadline);
    wheel_.Insert(&nodes_.back(), deadline);
    model_.emplace(deadline, &nodes_.back());
    told_.emplace(&nodes_.back(), deadline);
  }

  void Remove() {
    if (model_.empty()) return;
    const auto it = Any();
    wheel_.Remove(it->second);
    told_.erase(it->second);
    model_.erase(it);
  }

  // As when a session is used: the wheel is not told.
  void Grow() {
    if (model_.empty()) return;
    const auto it = Any();
    if (it->first > kLatest / 2) return;
    Node* node = it->second;
    model_.erase(it);
    node->deadline = std::max(node->deadline, now_) + Span(40);
    model_.emplace(node->deadline, node);
  }

  void Move() {
    const int64_t before = now_;
    if (Random(3) == 0 && !model_.empty()) {  // Close to a deadline.
      now_ = Any()->first;
      if (now_ > kLatest / 2) now_ = before;
      now_ = std::max(before, now_ + Random(3) - 1);
    } else {
      now_ += Span(max_step_bits_);
      if (now_ > kLatest / 2) now_ = before + 1;
    }
  }

  // Returns false if nothing was ripe.
  bool TakeOne() {
    Node* node = wheel_.PopRipe(now_);
    if (node == nullptr) return false;
    const auto [begin, end] = model_.equal_range(node->deadline);
    const auto it = std::find_if(
        begin, end, [&](const auto& entry) { return entry.second == node; });
    if (it == end) {
      ADD_FAILURE() << "not in the wheel";
      return false;
    }
    if (node->deadline <= now_) {
      model_.erase(it);
      told_.erase(node);
      ++taken_;
    } else {
      wheel_.Insert(node, node->deadline);
      told_[node] = node->deadline;
    }
    return true;
  }

  void TakeSome(int count) {
    while (count-- > 0 && TakeOne()) {
    }
  }

  void TakeAll() {
    while (TakeOne()) {
    }
    if (!model_.empty()) {
      EXPECT_GT(model_.begin()->first, now_) << "a due node was left";
    }
    EXPECT_GT(wheel_.NextRipe(), now_);
  }

  void CheckNextRipe() {
    const int64_t next = wheel_.NextRipe();
    EXPECT_EQ(next == kNever, model_.empty());
    if (model_.empty()) return;
    EXPECT_GE(next, 0);
    for (const auto& [node, deadline] : told_) {
      EXPECT_LE(next, std::max(deadline, now_)) << "not a lower bound";
    }
  }

  std::mt19937_64 random_;
  const int max_step_bits_;
  int64_t now_;
  Wheel wheel_;
  std::deque<Node> nodes_;
  Model model_;  // What is in the wheel, by true deadline.
  // The deadline that the wheel was told last.
  std::map<Node*, int64_t> told_;
  size_t taken_ = 0;
};

TEST(TimerWheelTest, AgreesWithAMultimap) {
  size_t taken = 0;
  for (int seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Comparison comparison(seed);
    for (int step = 0; step < 500; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      ASSERT_TRUE(comparison.Step());
    }
    comparison.Finish();
    ASSERT_FALSE(HasFailure());
    taken += comparison.taken();
  }
  EXPECT_GT(taken, 500u * 50);  // The comparison has compared something.
}

}  // namespace
}  // namespace spanner_session_emulator
