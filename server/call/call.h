// What a call is. Protocols (server/transport) make Calls and send Replies;
// handlers (server/services) turn the one into the other; the pipeline stands
// between them. This folder includes none of the others, only the vocabulary of
// names from store/.
//
// A Call and its Reply belong to one call and are used by one thread at a time.
// A Method does not change once calls can come, so all may read it.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CALL_CALL_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CALL_CALL_H_

#include <any>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/message.h"
#include "store/names.h"

namespace spanner_session_emulator {

struct Method;
class Principal;      // Whatever the guard says it is.
class JournalRecord;  // Whatever the recorder says it is.

enum class CallProtocol : uint8_t { kGrpc, kRest };

// Why nobody could look at what a call asks for.
enum class CallProblem : uint8_t { kNone, kMalformed, kUnknownMethod };

// By the emulator's clock, and in real time: microseconds since the Unix epoch.
struct CallTime {
  int64_t clock = 0;
  int64_t real = 0;
};

// What a test has made of a call.
struct CallNotes {
  std::vector<std::string> stubs = {};   // That have answered, in this order.
  std::vector<std::string> faults = {};  // That were applied, in this order.
  // Where no stub has answered: which one nearly would have.
  std::string near_miss = {};
};

// What a protocol knows of a call besides its method.
class CallContext {
 public:
  virtual ~CallContext() = default;
  virtual CallProtocol Protocol() const = 0;
  // The other end, as `ipv4:127.0.0.1:4711`.
  virtual std::string Peer() const = 0;
  // The host that the client wanted, maybe with a port, as it has written it:
  // gRPC's `:authority`, HTTP's `Host`. Valid as long as the call.
  virtual absl::string_view Authority() const = 0;
  // The value of a header (gRPC: of a metadata entry), by its name in lower
  // case; where there are several, one of them. Valid as long as the call.
  virtual std::optional<absl::string_view> Header(
      absl::string_view name) const = 0;
  // Makes what was sent into `request`, an empty message of the method's type.
  // The error, if it cannot be one, is what the client gets.
  virtual absl::Status ReadRequest(
      const Method& method, google::protobuf::Message& request) const = 0;
  // Gives `read` the request's bytes, which are valid during its call: those
  // that came, if they are protobuf's. Otherwise `request`, serialized, or if
  // that is null, because it was not or could not be read, what came.
  virtual void WithRequestBytes(
      const google::protobuf::Message* request,
      absl::FunctionRef<void(absl::string_view)> read) const = 0;
};

// What goes with a reply beside its messages and its status. Over REST, whose
// errors are in the body, there are headers only.
struct ReplyMetadata {
  using Entries = std::vector<std::pair<std::string, std::string>>;
  Entries headers;  // Names in lower case; those of `-bin` have bytes.
  Entries trailers;
  // Of what the server sends by itself, these are left out; in lower case.
  std::vector<std::string> removed;

  bool Removes(absl::string_view name) const;
  // All that `other` has as well.
  void Add(const ReplyMetadata& other);
};

// One request, whatever protocol brought it.
class Call {
 public:
  // Whether the protocol can take a source in the place of a unary reply, and
  // wait for it.
  enum class Unary { kAtOnce, kMayWait };

  // Both must outlive the call.
  Call(const Method& method, const CallContext& context,
       Unary unary = Unary::kAtOnce)
      : method_(method),
        context_(context),
        unary_(unary),
        arena_(first_block_, sizeof(first_block_)) {}
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Method& method() const { return method_; }
  const CallContext& context() const { return context_; }

  // Where the call's messages live; it goes with the call.
  google::protobuf::Arena& arena() { return arena_; }

  // The request, once the pipeline has parsed it.
  template <typename Request>
  const Request& request() const {
    return static_cast<const Request&>(*request_);
  }
  const google::protobuf::Message& request() const { return *request_; }
  google::protobuf::Message& mutable_request() { return *request_; }
  // The same; null before, and where it could not be parsed.
  const google::protobuf::Message* parsed_request() const {
    return is_parsed_ ? request_ : nullptr;
  }

  Unary unary() const { return unary_; }

  // The name of what the call is about, once the pipeline has parsed it;
  // which of the two it is, if either, depends on the method's ResourceKind.
  const DatabaseName& database() const {
    return std::get<DatabaseName>(resource_);
  }
  const SessionName& session() const {
    return std::get<SessionName>(resource_);
  }
  // The same as text; empty before the name was parsed, and for methods that
  // have none.
  absl::string_view resource() const;
  // For the validator of a method that creates: the name of what there is to
  // be, in the place of that of its parent.
  void set_resource(std::string name) { resource_ = std::move(name); }

  // What the method's validator made of the request, for its handler.
  std::any prepared;
  // Who calls, once the guard knows; null where that does not matter.
  std::shared_ptr<const Principal> caller;
  // Null, as for nearly all calls: none. Does not change once there is a reply.
  std::unique_ptr<const ReplyMetadata> reply_metadata;

  // For the record of the call, if there is one.
  CallProblem problem = CallProblem::kNone;
  CallNotes notes;
  int64_t sent_messages = 0;  // Counted where there may be several.
  std::shared_ptr<JournalRecord> record;

 private:
  friend class Pipeline;

  const Method& method_;
  const CallContext& context_;
  const Unary unary_;
  google::protobuf::Message* request_ = nullptr;
  bool is_parsed_ = false;
  std::variant<std::monostate, DatabaseName, SessionName, std::string>
      resource_;
  // Enough for the messages of most calls, so that they need no allocation.
  alignas(8) char first_block_[1024];
  google::protobuf::Arena arena_;  // After its first block.
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CALL_CALL_H_
