#include "server/prometheus_text.h"

#include <charconv>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace spanner_session_emulator {
namespace {

// As few digits as it takes, none of them an exponent.
std::string Number(double value) {
  char buffer[512];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                    std::chars_format::fixed);
  return std::string(buffer, result.ptr);
}

absl::string_view TypeName(PrometheusText::Type type) {
  switch (type) {
    case PrometheusText::Type::kCounter:
      return "counter";
    case PrometheusText::Type::kGauge:
      return "gauge";
    case PrometheusText::Type::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

void PrometheusText::Begin(absl::string_view name, Type type,
                           absl::string_view help) {
  name_ = std::string(name);
  absl::StrAppend(&text_, "# HELP ", name, " ",
                  absl::StrReplaceAll(help, {{"\\", "\\\\"}, {"\n", "\\n"}}),
                  "\n# TYPE ", name, " ", TypeName(type), "\n");
}

void PrometheusText::AddSample(
    absl::string_view suffix, Labels labels,
    std::pair<absl::string_view, absl::string_view> last_label,
    absl::string_view value) {
  absl::StrAppend(&text_, name_, suffix);
  char before = '{';
  const auto add = [&](absl::string_view name, absl::string_view text) {
    absl::StrAppend(&text_, absl::string_view(&before, 1), name, "=\"",
                    absl::StrReplaceAll(
                        text, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}),
                    "\"");
    before = ',';
  };
  for (const auto& [name, text] : labels) add(name, text);
  if (!last_label.first.empty()) add(last_label.first, last_label.second);
  absl::StrAppend(&text_, before == ',' ? "} " : " ", value, "\n");
}

void PrometheusText::Add(Labels labels, int64_t value) {
  AddSample("", labels, {}, absl::StrCat(value));
}

void PrometheusText::Add(Labels labels, double value) {
  AddSample("", labels, {}, Number(value));
}

void PrometheusText::AddHistogram(Labels labels,
                                  absl::Span<const double> bounds,
                                  absl::Span<const int64_t> counts,
                                  double sum) {
  int64_t count = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    count += counts[i];
    const std::string bound = i < bounds.size() ? Number(bounds[i]) : "+Inf";
    AddSample("_bucket", labels, {"le", bound}, absl::StrCat(count));
  }
  AddSample("_sum", labels, {}, Number(sum));
  AddSample("_count", labels, {}, absl::StrCat(count));
}

}  // namespace spanner_session_emulator
