// When protobuf knows its descriptors.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CALL_DESCRIPTORS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CALL_DESCRIPTORS_H_

namespace spanner_session_emulator {

// To be called before anybody asks for a descriptor, reads or writes JSON or
// text, or looks for a type by its name. In the server program, the first call
// registers the descriptors of all generated files with protobuf, which takes a
// quarter of a start and is not needed to answer Spanner's calls over gRPC
// (late_registration.cc); elsewhere, protobuf has done so before main(), and
// this does nothing. Thread-safe.
void NeedDescriptors();

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CALL_DESCRIPTORS_H_
