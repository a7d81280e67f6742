#include "server/services/control.h"

#include "spanner_session_emulator/v1/auth.pb.h"
#include "spanner_session_emulator/v1/clock.pb.h"
#include "spanner_session_emulator/v1/faults.pb.h"
#include "spanner_session_emulator/v1/journal.pb.h"
#include "spanner_session_emulator/v1/reset.pb.h"
#include "spanner_session_emulator/v1/sessions.pb.h"
#include "spanner_session_emulator/v1/stubs.pb.h"

namespace spanner_session_emulator {

std::vector<const google::protobuf::ServiceDescriptor*> ControlServices() {
  // No code is generated for services, but their files describe them.
  return {
      v1::Clock::descriptor()->file()->FindServiceByName("ClockService"),
      v1::SessionSelection::descriptor()->file()->FindServiceByName(
          "SessionService"),
      v1::ResetRequest::descriptor()->file()->FindServiceByName("ResetService"),
      v1::AuthReport::descriptor()->file()->FindServiceByName("AuthService"),
      v1::Stub::descriptor()->file()->FindServiceByName("StubService"),
      v1::Fault::descriptor()->file()->FindServiceByName("FaultService"),
      v1::JournalEntry::descriptor()->file()->FindServiceByName(
          "JournalService")};
}

void AddControlMethods(Clock* clock, const Resettable& all, Waits* waits,
                       MethodTable& table) {
  AddClockMethods(clock, table);
  AddSessionControlMethods(clock, all.store, table);
  AddResetMethods(all, table);
  AddAuthMethods(all.auth, table);
  AddStubMethods(all.stubs, all.faults, table);
  AddFaultMethods(all.faults, table);
  AddJournalMethods(all.journal, waits, table);
}

}  // namespace spanner_session_emulator
