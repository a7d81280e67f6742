#include "server/prometheus_text.h"

#include <vector>

#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

TEST(PrometheusTextTest, CountersAndGauges) {
  PrometheusText text;
  text.Begin("calls_total", PrometheusText::Type::kCounter, "How many.");
  text.Add({{"method", "Get"}, {"code", "OK"}}, int64_t{9007199254740993});
  text.Begin("size", PrometheusText::Type::kGauge, "How large.");
  text.Add({}, 0.25);
  EXPECT_EQ(text.text(),
            "# HELP calls_total How many.\n"
            "# TYPE calls_total counter\n"
            "calls_total{method=\"Get\",code=\"OK\"} 9007199254740993\n"
            "# HELP size How large.\n"
            "# TYPE size gauge\n"
            "size 0.25\n");
}

TEST(PrometheusTextTest, HistogramsAddUp) {
  PrometheusText text;
  text.Begin("s", PrometheusText::Type::kHistogram, "x");
  text.AddHistogram({{"a", "b"}}, {0.0001, 1, 2.5}, {3, 0, 2, 1}, 12.5);
  text.AddHistogram({}, {}, {4}, 0);
  EXPECT_EQ(text.text(),
            "# HELP s x\n"
            "# TYPE s histogram\n"
            "s_bucket{a=\"b\",le=\"0.0001\"} 3\n"
            "s_bucket{a=\"b\",le=\"1\"} 3\n"
            "s_bucket{a=\"b\",le=\"2.5\"} 5\n"
            "s_bucket{a=\"b\",le=\"+Inf\"} 6\n"
            "s_sum{a=\"b\"} 12.5\n"
            "s_count{a=\"b\"} 6\n"
            "s_bucket{le=\"+Inf\"} 4\n"
            "s_sum 0\n"
            "s_count 4\n");
}

TEST(PrometheusTextTest, Escapes) {
  PrometheusText text;
  text.Begin("x", PrometheusText::Type::kGauge, "a\\b\nc\"");
  text.Add({{"l", "a\\b\nc\""}}, int64_t{1});
  EXPECT_EQ(text.text(),
            "# HELP x a\\\\b\\nc\"\n"
            "# TYPE x gauge\n"
            "x{l=\"a\\\\b\\nc\\\"\"} 1\n");
}

TEST(PrometheusTextTest, NumbersHaveNoExponents) {
  PrometheusText text;
  text.Begin("x", PrometheusText::Type::kGauge, "h");
  text.Add({}, 1790000000.25);
  text.Add({}, 1e-7);
  text.Add({}, 1e20);
  EXPECT_EQ(text.text(),
            "# HELP x h\n# TYPE x gauge\nx 1790000000.25\nx 0.0000001\n"
            "x 100000000000000000000\n");
}

}  // namespace
}  // namespace spanner_session_emulator
