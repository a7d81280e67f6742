#include "server/call/trace_context.h"

#include <algorithm>
#include <cstddef>

namespace spanner_session_emulator {
namespace {

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsId(absl::string_view text, size_t size) {
  return text.size() == size && IsHex(text) &&
         text.find_first_not_of('0') != absl::string_view::npos;
}

}  // namespace

bool IsTraceId(absl::string_view text) { return IsId(text, 32); }

bool IsSpanId(absl::string_view text) { return IsId(text, 16); }

std::optional<TraceContext> ParseTraceParent(absl::string_view value) {
  // 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  constexpr size_t kSize = 2 + 1 + 32 + 1 + 16 + 1 + 2;
  if (value.size() < kSize || value[2] != '-' || value[35] != '-' ||
      value[52] != '-') {
    return std::nullopt;
  }
  const absl::string_view version = value.substr(0, 2);
  const absl::string_view flags = value.substr(53, 2);
  // Later versions may go on.
  if (value.size() > kSize && (version == "00" || value[kSize] != '-')) {
    return std::nullopt;
  }
  const TraceContext trace = {.trace_id = value.substr(3, 32),
                              .span_id = value.substr(36, 16)};
  if (!IsHex(version) || version == "ff" || !IsTraceId(trace.trace_id) ||
      !IsSpanId(trace.span_id) || !IsHex(flags)) {
    return std::nullopt;
  }
  const char last = flags[1];
  const int low_bits = last <= '9' ? last - '0' : last - 'a' + 10;
  return TraceContext{.trace_id = trace.trace_id,
                      .span_id = trace.span_id,
                      .sampled = (low_bits & 1) != 0};
}

}  // namespace spanner_session_emulator
