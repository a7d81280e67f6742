// grpc.health.v1, for one server: gRPC's own would be switched on for every
// server in the process.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_HEALTH_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_HEALTH_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/call/method.h"
#include "store/mutex.h"

namespace spanner_session_emulator {

// Answers SERVING for the server as a whole (the empty name) and for the
// services it was given, until Shutdown(). Thread-safe.
class Health {
 public:
  Health();

  // Gives the methods of grpc.health.v1.Health their handlers, which know
  // `services`. To be called once.
  void AddMethods(std::vector<std::string> services, MethodTable& table);

  // Whether Shutdown() is still to come.
  bool serving() const;

  // Everything is NOT_SERVING from now on. Watchers are told, and their streams
  // end, so that they do not hold up the server's shutdown.
  void Shutdown();

 private:
  class WatchSource;
  struct State;

  // Shared with the streams, which may end after the server.
  const std::shared_ptr<State> state_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_HEALTH_H_
