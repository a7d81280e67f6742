// To which trace a call belongs, as its client says in the header
// `traceparent`. https://www.w3.org/TR/trace-context/#traceparent-header
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CALL_TRACE_CONTEXT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CALL_TRACE_CONTEXT_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

inline constexpr absl::string_view kTraceParentHeader = "traceparent";
inline constexpr absl::string_view kTraceStateHeader = "tracestate";

struct TraceContext {
  absl::string_view trace_id;  // 32 hexadecimal digits, in lower case.
  absl::string_view span_id;   // 16: the client's span.
  bool sampled = false;        // Whether the client records the trace.
};

// Whether a text is a trace's id: 32 hexadecimal digits in lower case, not all
// of them 0.
bool IsTraceId(absl::string_view text);
// The same for a span's, with 16.
bool IsSpanId(absl::string_view text);

// What the header's value says, which the answer points into. Nothing if it is
// malformed; such a one is to be ignored. Of a later version than 00, what that
// has is read.
std::optional<TraceContext> ParseTraceParent(absl::string_view value);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CALL_TRACE_CONTEXT_H_
