#include "server/call/reply.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/empty.pb.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

const google::protobuf::Empty kMessage;

// A source that ends at once.
class EmptySource final : public ReplySource {
 public:
  explicit EmptySource(int* destroyed) : destroyed_(destroyed) {}
  ~EmptySource() override { ++*destroyed_; }
  ReplyStep Next() override { return ReplyStep::End(absl::OkStatus()); }

 private:
  int* const destroyed_;
};

TEST(ReplyTest, MessageIsOk) {
  const Reply reply = Reply::Message(&kMessage);
  EXPECT_EQ(reply.message(), &kMessage);
  EXPECT_TRUE(reply.status().ok());
}

TEST(ReplyTest, ErrorHasNoMessage) {
  const Reply reply = Reply::Error(absl::AbortedError("a"));
  EXPECT_EQ(reply.message(), nullptr);
  EXPECT_EQ(reply.status(), absl::AbortedError("a"));
}

TEST(ReplyTest, MessageAsASourceIsTheMessageAndTheEnd) {
  const auto source = Reply::Message(&kMessage).TakeSource();
  const ReplyStep message = source->Next();
  EXPECT_EQ(message.kind, ReplyStep::Kind::kMessage);
  EXPECT_EQ(message.message, &kMessage);
  const ReplyStep end = source->Next();
  EXPECT_EQ(end.kind, ReplyStep::Kind::kEnd);
  EXPECT_EQ(end.status, absl::OkStatus());
}

TEST(ReplyTest, ErrorAsASourceEndsWithIt) {
  absl::Status error = absl::AbortedError("a");
  error.SetPayload("type", absl::Cord("payload"));
  const ReplyStep end = Reply::Error(error).TakeSource()->Next();
  EXPECT_EQ(end.kind, ReplyStep::Kind::kEnd);
  EXPECT_EQ(end.status, error);
}

TEST(ReplyTest, StreamGivesItsSource) {
  int destroyed = 0;
  auto made = std::make_unique<EmptySource>(&destroyed);
  const ReplySource* const address = made.get();
  Reply reply = Reply::Stream(std::move(made));
  EXPECT_TRUE(reply.status().ok());
  auto taken = std::move(reply).TakeSource();
  EXPECT_EQ(taken.get(), address);
  EXPECT_EQ(destroyed, 0);
  taken.reset();
  EXPECT_EQ(destroyed, 1);
}

TEST(ReplyTest, AReplyThatNobodyTakesEndsItsSource) {
  int destroyed = 0;
  {
    const auto reply = Reply::Stream(std::make_unique<EmptySource>(&destroyed));
  }
  EXPECT_EQ(destroyed, 1);
}

TEST(ReplyStepTest, KindsOfSteps) {
  EXPECT_EQ(ReplyStep::Message(&kMessage).kind, ReplyStep::Kind::kMessage);
  EXPECT_EQ(ReplyStep::Wait().kind, ReplyStep::Kind::kWait);
  const ReplyStep end = ReplyStep::End(absl::AbortedError("a"));
  EXPECT_EQ(end.kind, ReplyStep::Kind::kEnd);
  EXPECT_EQ(end.status, absl::AbortedError("a"));
}

TEST(ReplySourceTest, WakesAtOnceUnlessItSaysOtherwise) {
  int destroyed = 0;
  EmptySource source(&destroyed);
  int woken = 0;
  source.OnReady([&] { ++woken; });
  EXPECT_EQ(woken, 1);
}

}  // namespace
}  // namespace spanner_session_emulator
