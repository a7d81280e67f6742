// Calls, on their way, into the journal.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_RECORDER_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_RECORDER_H_

#include "absl/status/status.h"
#include "server/call/call.h"
#include "server/call/pipeline.h"
#include "server/mock/journal.h"

namespace spanner_session_emulator {

// What Recorder says. Thread-safe.
class JournalRecorder final : public Recorder {
 public:
  // The journal must be active and outlive the recorder.
  explicit JournalRecorder(Journal* journal) : journal_(journal) {}

  CallTime Now() const override { return journal_->Now(); }
  void Open(Call& call, CallTime start) override;
  void Close(Call& call, const absl::Status& status) override;

 private:
  Journal* const journal_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_JOURNAL_RECORDER_H_
