// Handlers of unary methods, without the boilerplate.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNARY_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNARY_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/message.h"
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

// Has the table's method of that name handled by a member function of
// `methods`.
template <typename Methods, typename Request, typename Response>
void AddUnary(const std::string& full_name,
              std::shared_ptr<const Methods> methods,
              absl::Status (Methods::*method)(Call&, const Request&, Response&)
                  const,
              Validator validate, MethodTable& table) {
  table.Set(full_name, Request::default_instance(),
            Unary<Request, Response>(
                [methods = std::move(methods), method](
                    Call& call, const Request& request, Response& response) {
                  return ((*methods).*method)(call, request, response);
                }),
            std::move(validate));
}

// A handler whose `function(call, request)` gives a response of the prototype's
// type as its serialized bytes, in the call's arena, or an error:
// absl::StatusOr<absl::string_view>. For what is called often, or large.
template <typename Request, typename Function>
Handler UnaryBytes(const google::protobuf::Message& prototype,
                   Function function) {
  return [&prototype, function = std::move(function)](Call& call) {
    absl::StatusOr<absl::string_view> bytes =
        function(call, call.request<Request>());
    return bytes.ok() ? Reply::Serialized(prototype, *bytes, call.arena())
                      : Reply::Error(std::move(bytes).status());
  };
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_UNARY_H_
