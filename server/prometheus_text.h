// Prometheus' text format, version 0.0.4.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#ifndef SPANNER_SESSION_EMULATOR_SERVER_PROMETHEUS_TEXT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_PROMETHEUS_TEXT_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace spanner_session_emulator {

// Metrics, one after the other: each begins with Begin(), and has samples then,
// no two with the same labels. Not thread-safe.
class PrometheusText {
 public:
  static constexpr char kContentType[] =
      "text/plain; version=0.0.4; charset=utf-8";

  enum class Type { kCounter, kGauge, kHistogram };
  // Names and values, any UTF-8.
  using Labels =
      std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

  void Begin(absl::string_view name, Type type, absl::string_view help);
  // Of a counter or a gauge.
  void Add(Labels labels, int64_t value);
  void Add(Labels labels, double value);
  // Of a histogram: the buckets' upper bounds, in rising order, and how many
  // are in each but not in the one before; the last one has no bound.
  void AddHistogram(Labels labels, absl::Span<const double> bounds,
                    absl::Span<const int64_t> counts, double sum);

  const std::string& text() const { return text_; }

 private:
  void AddSample(absl::string_view suffix, Labels labels,
                 std::pair<absl::string_view, absl::string_view> last_label,
                 absl::string_view value);

  std::string name_;
  std::string text_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_PROMETHEUS_TEXT_H_
