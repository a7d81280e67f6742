// What a handler answers: one message, an error, or a source of messages.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CALL_REPLY_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CALL_REPLY_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/message.h"

namespace spanner_session_emulator {

// What comes next in a streamed reply.
struct ReplyStep {
  enum class Kind {
    kMessage,  // `message` is to be sent.
    kWait,     // Nothing yet; ask again when the source says so.
    kEnd,      // The stream is over, with `status`.
    kCut,      // The client's connection is to be cut; where it has none, or
               // none that can be cut, the stream is over, with `status`.
  };

  static ReplyStep Message(const google::protobuf::Message* message) {
    return {.kind = Kind::kMessage, .message = message};
  }
  static ReplyStep Wait() { return {.kind = Kind::kWait}; }
  static ReplyStep End(absl::Status status) {
    return {.kind = Kind::kEnd, .status = std::move(status)};
  }
  static ReplyStep Cut(absl::Status status) {
    return {.kind = Kind::kCut, .status = std::move(status)};
  }

  Kind kind;
  // The source's; valid until the next call of Next().
  const google::protobuf::Message* message = nullptr;
  absl::Status status = absl::OkStatus();
};

// Messages on demand. The transport asks for the next step only when it has
// sent the last one, so a stream of any length holds one message in memory. All
// calls come from one thread at a time. Destroying a source ends it at any
// point; a transport does so as soon as a call is cancelled.
class ReplySource {
 public:
  virtual ~ReplySource() = default;
  virtual ReplyStep Next() = 0;

  // After kWait: has `wake` called once when Next() is worth another call, from
  // any thread, be it at once or after the end of the source. Sources that
  // never wait need not override this.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): overriders keep it.
  virtual void OnReady(std::function<void()> wake) { wake(); }
};

// A unary reply costs no allocation.
class Reply {
 public:
  // `message` must live as long as the call: it is in the call's arena.
  static Reply Message(const google::protobuf::Message* message) {
    return Reply(message, absl::OkStatus(), nullptr);
  }
  // The same for a message that has been made as its serialized bytes, in
  // `arena` like these; it is of the type of `prototype`, an empty one.
  static Reply Serialized(const google::protobuf::Message& prototype,
                          absl::string_view bytes,
                          google::protobuf::Arena& arena) {
    Reply reply(nullptr, absl::OkStatus(), nullptr);
    reply.prototype_ = &prototype;
    reply.bytes_ = bytes;
    reply.arena_ = &arena;
    return reply;
  }
  static Reply Error(absl::Status status) {
    return Reply(nullptr, std::move(status), nullptr);
  }
  static Reply Stream(std::unique_ptr<ReplySource> source) {
    return Reply(nullptr, absl::OkStatus(), std::move(source));
  }

  // Of a reply without a source: exactly one of message and an error. A
  // serialized one is parsed when it is first asked for.
  const google::protobuf::Message* message() const {
    if (message_ == nullptr && is_serialized()) Parse();
    return message_;
  }
  const absl::Status& status() const { return status_; }

  // Whether the message is there as bytes, and these.
  bool is_serialized() const { return prototype_ != nullptr; }
  absl::string_view bytes() const { return bytes_; }

  // Of any reply, as a source; the reply is used up.
  std::unique_ptr<ReplySource> TakeSource() &&;

 private:
  Reply(const google::protobuf::Message* message, absl::Status status,
        std::unique_ptr<ReplySource> source)
      : message_(message),
        status_(std::move(status)),
        source_(std::move(source)) {}

  void Parse() const;

  mutable const google::protobuf::Message* message_;
  const google::protobuf::Message* prototype_ = nullptr;
  absl::string_view bytes_;
  google::protobuf::Arena* arena_ = nullptr;
  absl::Status status_;
  std::unique_ptr<ReplySource> source_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CALL_REPLY_H_
