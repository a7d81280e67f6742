#include "server/transport/rest/path_template.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

// All of a template on one line: `v1 * ** | name[1,3)+ | verb`.
std::string Describe(const std::string& text) {
  const auto parsed = PathTemplate::Parse(text);
  if (!parsed.ok()) return "bad";
  std::string result;
  for (const PathTemplate::Segment& segment : parsed->segments) {
    using Kind = PathTemplate::Segment::Kind;
    absl::StrAppend(&result,
                    segment.kind == Kind::kOne    ? "*"
                    : segment.kind == Kind::kRest ? "**"
                                                  : segment.literal,
                    " ");
  }
  result += "|";
  for (const PathTemplate::Variable& variable : parsed->variables) {
    absl::StrAppend(&result, " ", variable.field_path, "[", variable.begin, ",",
                    variable.end, ")", variable.several ? "+" : "");
  }
  return absl::StrCat(result, " | ", parsed->verb);
}

TEST(PathTemplateTest, Grammar) {
  const struct {
    const char* text;
    const char* parsed;
  } kRows[] = {
      {"/v1", "v1 | | "},
      {"/v1/a/b", "v1 a b | | "},
      {"/v1/*/b", "v1 * b | | "},
      {"/v1/**", "v1 ** | | "},
      {"/v1/a:go", "v1 a | | go"},
      {"/v1/**:go", "v1 ** | | go"},
      {"/v1/{x}", "v1 * | x[1,2) | "},
      {"/v1/{x=*}:go", "v1 * | x[1,2) | go"},
      {"/v1/{x=a}", "v1 a | x[1,2) | "},
      {"/v1/{x=**}", "v1 ** | x[1,2)+ | "},
      {"/v1/{x=a/*}", "v1 a * | x[1,3)+ | "},
      {"/v1/{x=a/*/b/**}:go", "v1 a * b ** | x[1,5)+ | go"},
      {"/v1/{x.y_z.w}/a/{b=c/*}/d", "v1 * a c * d | x.y_z.w[1,2) b[3,5)+ | "},
      {"/v1/a%20b", "v1 a b | | "},
      {"", "bad"},
      {"/", "bad"},
      {"v1", "bad"},
      {"/v1/", "bad"},
      {"/v1//a", "bad"},
      {"/v1/***", "bad"},
      {"/v1/a*", "bad"},
      {"/v1/**/a", "bad"},
      {"/v1/**/{x}", "bad"},
      {"/v1/{x=**}/a", "bad"},
      {"/v1/{x", "bad"},
      {"/v1/x}", "bad"},
      {"/v1/{}", "bad"},
      {"/v1/{=*}", "bad"},
      {"/v1/{x=}", "bad"},
      {"/v1/{x={y}}", "bad"},
      {"/v1/{x=a/{y}}", "bad"},
      {"/v1/{x.}", "bad"},
      {"/v1/{.x}", "bad"},
      {"/v1/{x-y}", "bad"},
      {"/v1/{1x}", "bad"},
      {"/v1/a:", "bad"},
      {"/v1/a:b/c", "bad"},
      {"/v1/a:b:c", "bad"},
      {"/v1/a?b", "bad"},
      {"/v1/a%2", "bad"},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(Describe(row.text), row.parsed) << row.text;
  }
}

}  // namespace
}  // namespace spanner_session_emulator
