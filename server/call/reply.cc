#include "server/call/reply.h"

namespace spanner_session_emulator {
namespace {

// A unary reply, seen as a stream of at most one message.
class UnarySource final : public ReplySource {
 public:
  UnarySource(const google::protobuf::Message* message, absl::Status status)
      : message_(message), status_(std::move(status)) {}

  ReplyStep Next() override {
    if (message_ == nullptr) return ReplyStep::End(status_);
    return ReplyStep::Message(std::exchange(message_, nullptr));
  }

 private:
  const google::protobuf::Message* message_;
  const absl::Status status_;
};

}  // namespace

std::unique_ptr<ReplySource> Reply::TakeSource() && {
  if (source_ != nullptr) return std::move(source_);
  return std::make_unique<UnarySource>(message(), std::move(status_));
}

void Reply::Parse() const {
  google::protobuf::Message* const message = prototype_->New(arena_);
  // Its bytes are this server's own.
  message->ParseFromArray(bytes_.data(), static_cast<int>(bytes_.size()));
  message_ = message;
}

}  // namespace spanner_session_emulator
