#include "server/call/trace_context.h"

#include <string>

#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";

std::string Header(const std::string& version, const std::string& trace,
                   const std::string& span, const std::string& rest) {
  return version + "-" + trace + "-" + span + "-" + rest;
}

TEST(TraceContextTest, Valid) {
  const std::string header = Header("00", kTrace, kSpan, "01");
  const auto trace = ParseTraceParent(header);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id, kTrace);
  EXPECT_EQ(trace->span_id, kSpan);
  EXPECT_TRUE(trace->sampled);
}

TEST(TraceContextTest, SampledIsTheLastBit) {
  for (const auto& [flags, sampled] :
       {std::pair("00", false), std::pair("03", true), std::pair("fe", false),
        std::pair("ff", true), std::pair("0a", false), std::pair("0b", true)}) {
    const std::string header = Header("00", kTrace, kSpan, flags);
    const auto trace = ParseTraceParent(header);
    ASSERT_TRUE(trace.has_value()) << flags;
    EXPECT_EQ(trace->sampled, sampled) << flags;
  }
}

TEST(TraceContextTest, LaterVersionsMayGoOn) {
  EXPECT_TRUE(ParseTraceParent(Header("cc", kTrace, kSpan, "01")));
  EXPECT_TRUE(ParseTraceParent(Header("cc", kTrace, kSpan, "01-what-else")));
  EXPECT_FALSE(ParseTraceParent(Header("cc", kTrace, kSpan, "01.what-else")));
  EXPECT_FALSE(ParseTraceParent(Header("00", kTrace, kSpan, "01-what-else")));
}

TEST(TraceContextTest, Malformed) {
  const std::string trace = kTrace;
  const std::string span = kSpan;
  for (const std::string& header :
       {std::string(), std::string("00"), Header("ff", trace, span, "01"),
        Header("0G", trace, span, "01"), Header("00", trace, span, "0"),
        Header("00", trace, span, "0x"), Header("00", trace, span, "011"),
        Header("00", trace.substr(1), span, "01-"),
        Header("00", std::string(32, '0'), span, "01"),
        Header("00", trace, std::string(16, '0'), "01"),
        Header("00", "4BF92F3577B34DA6A3CE929D0E0E4736", span, "01"),
        Header("00", trace, "00F067AA0BA902B7", "01"),
        "00_" + trace + "-" + span + "-01", "00-" + trace + "_" + span + "-01",
        "00-" + trace + "-" + span + "_01",
        " " + Header("00", trace, span, "01")}) {
    EXPECT_FALSE(ParseTraceParent(header).has_value()) << header;
  }
}

TEST(TraceContextTest, Ids) {
  EXPECT_TRUE(IsTraceId(kTrace));
  EXPECT_FALSE(IsTraceId(kSpan));
  EXPECT_TRUE(IsSpanId(kSpan));
  EXPECT_FALSE(IsSpanId(kTrace));
  EXPECT_FALSE(IsSpanId("00f067aa0ba902bG"));
  EXPECT_FALSE(IsTraceId(""));
}

}  // namespace
}  // namespace spanner_session_emulator
