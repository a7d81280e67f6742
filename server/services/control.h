// The control API, package spanner_session_emulator.v1: what its RPCs mean is
// said in proto/spanner_session_emulator/v1. These only translate: Clock,
// SessionStore, Authorizer, StubRegistry, FaultRegistry, Journal and Reset() do
// the work, for C++ users as well.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_CONTROL_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_CONTROL_H_

#include <vector>

#include "google/protobuf/descriptor.h"
#include "server/auth/authorizer.h"
#include "server/call/method.h"
#include "server/mock/fault_registry.h"
#include "server/mock/journal.h"
#include "server/mock/stub_registry.h"
#include "server/mock/waits.h"
#include "server/services/reset.h"
#include "store/clock.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// The services of the control API.
std::vector<const google::protobuf::ServiceDescriptor*> ControlServices();

// Gives the methods of ControlServices() their handlers. What they work on must
// outlive the table. Calls that wait for journal entries do so in `waits`.
void AddControlMethods(Clock* clock, const Resettable& all, Waits* waits,
                       MethodTable& table);

// The same for one service each.
void AddClockMethods(Clock* clock, MethodTable& table);
void AddSessionControlMethods(const Clock* clock, SessionStore* store,
                              MethodTable& table);
void AddResetMethods(const Resettable& all, MethodTable& table);
void AddAuthMethods(Authorizer* auth, MethodTable& table);
void AddStubMethods(StubRegistry* stubs, FaultRegistry* faults,
                    MethodTable& table);
void AddFaultMethods(FaultRegistry* faults, MethodTable& table);
// Calls that wait for entries do so in `waits`.
void AddJournalMethods(Journal* journal, Waits* waits, MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_CONTROL_H_
