// Handlers of unary methods, without the boilerplate.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNARY_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNARY_H_

#include <utility>

#include "absl/status/status.h"
#include "google/protobuf/arena.h"
#include "server/call/call.h"
#include "server/call/method.h"
#include "server/call/reply.h"

namespace spanner_session_emulator {

// A handler that gives `function(call, request, response)`, which returns an
// absl::Status, the request and an empty response in the call's arena.
template <typename Request, typename Response, typename Function>
Handler Unary(Function function) {
  return [function = std::move(function)](Call& call) {
    auto* response =
        google::protobuf::Arena::CreateMessage<Response>(&call.arena());
    absl::Status status = function(call, call.request<Request>(), *response);
    return status.ok() ? Reply::Message(response)
                       : Reply::Error(std::move(status));
  };
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNARY_H_
