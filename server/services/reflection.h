// Server reflection, for clients without protos: grpc.reflection.v1, and
// v1alpha, which older clients ask for. gRPC's own plugin serves only the
// latter, for every server in the process, and takes a quarter of a start.
// https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_REFLECTION_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_REFLECTION_H_

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "server/call/method.h"

namespace spanner_session_emulator {

// Both versions.
std::vector<const google::protobuf::ServiceDescriptor*> ReflectionServices();

// Gives their methods handlers, which list `services`, by their full names, and
// describe every type that is linked.
void AddReflectionMethods(const std::vector<std::string>& services,
                          MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_REFLECTION_H_
