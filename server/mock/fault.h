// A fault that has been looked at: nothing is wrong with it.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/call/call.h"
#include "server/mock/fault_call.h"
#include "server/mock/statement_match.h"
#include "spanner_session_emulator/v1/faults.pb.h"
#include "store/filter.h"

namespace spanner_session_emulator {

// What chance says: the same for the same of all four, and for nothing else.
// `what` tells apart what one match draws.
uint64_t FaultDraw(int64_t seed, absl::string_view name, int64_t match,
                   uint64_t what);

// One call's draws from a fault.
struct FaultDraws {
  int64_t seed = 0;
  int64_t match = 1;  // The first that matches has the number 1.
};

// Does not change, but for its name, which it gets with its place in a
// registry.
class Fault {
 public:
  using When = v1::Fault::When;

  // INVALID_ARGUMENT begins with the field that is wrong: `match.methods[0]
  // must be …`. A name may be left out.
  static absl::StatusOr<std::unique_ptr<Fault>> Make(v1::Fault proto);

  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;

  void set_name(std::string name) { proto_.set_name(std::move(name)); }
  const std::string& name() const { return proto_.name(); }

  // Without what the server counts.
  const v1::Fault& proto() const { return proto_; }
  int64_t times() const { return proto_.times(); }
  // The part of the server that it is for, by name: that of the session, where
  // it is for one.
  const std::string& scope() const { return scope_; }

  // When it comes over calls; never unspecified.
  When when() const { return when_; }
  bool pauses() const { return proto_.delay_case() == v1::Fault::kPause; }
  bool freezes() const {
    return proto_.delay_case() == v1::Fault::kFreeze ||
           proto_.delay_case() == v1::Fault::kFreezeEachMessage;
  }
  // Whether the delay comes anew before each message.
  bool delays_each_message() const {
    return proto_.pause().each_message() || proto_.freeze_each_message();
  }
  bool has_effect() const {
    return proto_.effect_case() != v1::Fault::EFFECT_NOT_SET;
  }
  // Headers and trailers, also those that are to be left out; may be none.
  const ReplyMetadata& metadata() const { return metadata_; }
  bool has_metadata() const;
  // Of `error`.
  const absl::Status& error() const { return error_; }

  // Whether a call is meant, its position and probability aside.
  bool Matches(FaultCall& call) const;
  // Whether chance and position let it have a call that matches.
  bool Picks(const FaultDraws& draws) const;
  // How long the call's `number`th pause is.
  absl::Duration PauseLength(const FaultDraws& draws, int64_t number) const;

 private:
  friend class FaultReader;
  explicit Fault(v1::Fault proto) : proto_(std::move(proto)) {}

  v1::Fault proto_;
  std::string scope_;
  absl::flat_hash_set<std::string> methods_;  // Full names; empty: all.
  SessionFilter session_filter_;
  StatementMatch statements_;
  std::vector<std::pair<std::string, std::string>> headers_;
  When when_ = v1::Fault::BEFORE;
  absl::Status error_;
  // Of a pause: fixed and the shortest, the longest, or the median.
  absl::Duration pause_ = absl::ZeroDuration();
  absl::Duration longest_ = absl::ZeroDuration();
  ReplyMetadata metadata_;
};

using Faults = std::vector<std::unique_ptr<Fault>>;

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_H_
