// Which methods google.spanner.v1.Spanner has.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SPANNER_METHODS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SPANNER_METHODS_H_

#include "google/protobuf/descriptor.h"
#include "server/call/method.h"

namespace spanner_session_emulator {

const google::protobuf::ServiceDescriptor* SpannerService();

// Adds all of them, without asking for the descriptors: to build those takes
// longer than a session's first call. A test compares the outline with them.
void AddSpannerMethods(const Handler& fallback, MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SPANNER_METHODS_H_
