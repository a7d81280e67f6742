// How an absl::Status travels over REST.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_ERROR_H_
#define SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/call/method.h"
#include "server/transport/http.h"

namespace spanner_session_emulator {

inline constexpr char kJsonContentType[] = "application/json; charset=UTF-8";

// The HTTP status for a code, as google/rpc/code.proto documents it.
int ToHttpStatus(absl::StatusCode code);

// Adds what a 401 must have (RFC 9110, 11.6.1): how to authenticate.
void AddChallenge(const Method& method, int http_status, HttpHeaders& headers);

// `{"error":{"code":404,"message":…,"status":"NOT_FOUND","details":[…]}}`,
// without blanks. The details are the status's payloads; one of a type that
// this program does not have is shown by its type and its bytes, in base64.
std::string ErrorJson(const absl::Status& status, int http_status);

// The response to a request that the HTTP server itself turns away, with 400,
// 408, 413, 431 or whatever says best what is wrong; `problem` says it in
// words.
HttpResponse BadHttpRequestResponse(int http_status, absl::string_view problem);

// The response to a request whose handler has thrown something.
HttpResponse RequestFailedResponse();

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_TRANSPORT_REST_REST_ERROR_H_
