#include "server/mock/journal_recorder.h"

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "server/call/method.h"

namespace spanner_session_emulator {

void JournalRecorder::Open(Call& call, CallTime start) {
  const Method& method = call.method();
  const CallContext& context = call.context();
  absl::string_view database;
  absl::string_view session;
  if (!call.resource().empty()) {
    if (method.resource_kind == ResourceKind::kSession) {
      session = call.session().full();
      database = call.session().database_full();
    } else {
      database = DatabaseIn(call.resource());
    }
  }
  // What came by REST is no message.
  const bool is_message = context.Protocol() == CallProtocol::kGrpc ||
                          call.parsed_request() != nullptr;
  const std::string peer = context.Peer();
  context.WithRequestBytes(call.parsed_request(), [&](absl::string_view bytes) {
    call.record = journal_->Open(
        {.method = call.problem == CallProblem::kUnknownMethod
                       ? method.path
                       : method.full_name,
         .protocol = context.Protocol(),
         .problem = call.problem,
         .peer = peer,
         .database = database,
         .session = session,
         .request = bytes,
         .request_prototype = is_message ? method.request_prototype : nullptr,
         .header = [&context](
                       absl::string_view name) { return context.Header(name); },
         .start = start,
         .notes = call.notes});
  });
}

void JournalRecorder::Close(Call& call, const absl::Status& status) {
  const int64_t messages = call.method().server_streaming
                               ? call.sent_messages
                               : (status.ok() ? 1 : 0);
  journal_->Close(
      call.record,
      {.status = status, .message_count = messages, .time = journal_->Now()},
      std::move(call.notes));
}

}  // namespace spanner_session_emulator
