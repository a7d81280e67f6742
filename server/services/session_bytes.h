// Sessions as replies: straight from the store's records to the wire's bytes,
// without a message for each, of which a page of a list would need 300.
// Stateless, thread-safe.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SESSION_BYTES_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SESSION_BYTES_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/arena.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// A google.spanner.v1.Session, in `arena`. The name is the session's full one.
absl::string_view SerializeSession(absl::string_view name,
                                   const Session& session,
                                   google::protobuf::Arena& arena);

// A ListSessionsResponse, in `arena`; without a token also a
// BatchCreateSessionsResponse.
absl::string_view SerializeSessions(absl::Span<const NamedSession> sessions,
                                    absl::string_view next_page_token,
                                    google::protobuf::Arena& arena);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SESSION_BYTES_H_
