// The reference pages are what the proto files say now.

#include "tools/reference/reference.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

constexpr char kAdvice[] =
    "bazel run //tools/reference:write puts docs/reference right";

std::string TextOf(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The line in which they first differ.
std::string Difference(const std::string& is, const std::string& should_be) {
  std::istringstream a(is);
  std::istringstream b(should_be);
  std::string line_a;
  std::string line_b;
  for (int number = 1;; ++number) {
    const bool has_a = static_cast<bool>(std::getline(a, line_a));
    const bool has_b = static_cast<bool>(std::getline(b, line_b));
    if (has_a && has_b && line_a == line_b) continue;
    return "line " + std::to_string(number) + " is\n  " +
           (has_a ? line_a : "missing") + "\nand should be\n  " +
           (has_b ? line_b : "missing");
  }
}

TEST(ReferencePagesTest, AreWhatTheProtosSay) {
  const auto files = ReadFiles("proto/control_descriptors.pb");
  ASSERT_TRUE(files.ok()) << files.status();
  const auto pages = MakeReference(*files, "spanner_session_emulator.v1");
  ASSERT_TRUE(pages.ok()) << pages.status().message();
  std::set<std::string> names;
  for (const auto& [name, text] : *pages) {
    names.insert(name);
    const std::string is = TextOf("docs/reference/" + name);
    EXPECT_TRUE(is == text)
        << "docs/reference/" << name << ": " << Difference(is, text) << "\n"
        << kAdvice;
  }
  for (const auto& entry :
       std::filesystem::directory_iterator("docs/reference")) {
    EXPECT_EQ(names.count(entry.path().filename().string()), 1U)
        << entry.path() << " is of no proto file: " << kAdvice;
  }
}

}  // namespace
}  // namespace spanner_session_emulator
