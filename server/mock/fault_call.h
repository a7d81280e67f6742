// A call as faults look at it.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_CALL_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_CALL_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/call/call.h"
#include "store/labels.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// Refers to the call, which must outlive it. For one thread. What costs is only
// found out when somebody asks.
class FaultCall {
 public:
  // Of the session that a call names, or wants created.
  struct SessionFacts {
    bool multiplexed = false;
    Labels labels = {};
  };

  // Looks for sessions in `store`, which is no use of them.
  FaultCall(const Call& call, SessionStore* store);

  const Call& call() const { return call_; }
  // Full names; empty if the call names none.
  absl::string_view database() const { return database_; }
  absl::string_view session() const { return session_; }
  absl::string_view request_tag() const { return request_tag_; }
  absl::string_view transaction_tag() const { return transaction_tag_; }
  // The id of the transaction that the call is for; empty if it names none.
  absl::string_view transaction_id() const { return transaction_id_; }

  // Whether it is a statement or a read that wants a transaction begun.
  bool begins_transaction() const { return begins_transaction_; }

  // Folded.
  const std::vector<std::string>& statements();
  // Nothing if there is no such session.
  const std::optional<SessionFacts>& session_facts();

 private:
  const Call& call_;
  SessionStore* const store_;
  absl::string_view database_;
  absl::string_view session_;
  absl::string_view request_tag_;
  absl::string_view transaction_tag_;
  absl::string_view transaction_id_;
  bool begins_transaction_ = false;
  std::optional<std::vector<std::string>> statements_;
  std::optional<std::optional<SessionFacts>> session_facts_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_FAULT_CALL_H_
