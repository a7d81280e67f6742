#include "server/call/reply.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/timestamp.pb.h"
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
  EXPECT_FALSE(reply.is_serialized());
  EXPECT_EQ(reply.message(), &kMessage);
  EXPECT_TRUE(reply.status().ok());
}

TEST(ReplyTest, SerializedIsParsedWhenItsMessageIsAskedFor) {
  google::protobuf::Timestamp message;
  message.set_seconds(7);
  const std::string bytes = message.SerializeAsString();
  google::protobuf::Arena arena;
  const auto serialized = [&] {
    return Reply::Serialized(google::protobuf::Timestamp::default_instance(),
                             bytes, arena);
  };
  const Reply reply = serialized();
  EXPECT_TRUE(reply.status().ok());
  EXPECT_TRUE(reply.is_serialized());
  EXPECT_EQ(reply.bytes(), bytes);
  const auto* parsed =
      dynamic_cast<const google::protobuf::Timestamp*>(reply.message());
  ASSERT_NE(parsed, nullptr);
  EXPECT_EQ(parsed->seconds(), 7);
  EXPECT_EQ(reply.message(), parsed);  // Only once.
  const ReplyStep step = serialized().TakeSource()->Next();
  EXPECT_EQ(step.kind, ReplyStep::Kind::kMessage);
  EXPECT_EQ(step.message->SerializeAsString(), bytes);
}

TEST(ReplyTest, AnEmptyMessageCanBeSerializedToo) {
  google::protobuf::Arena arena;
  const Reply reply = Reply::Serialized(kMessage, "", arena);
  EXPECT_TRUE(reply.is_serialized());
  ASSERT_NE(reply.message(), nullptr);
  EXPECT_EQ(reply.message()->ByteSizeLong(), 0);
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
