// Writes the reference pages of the control API to docs/reference.
//
//   bazel run //tools/reference:write

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/reference/reference.h"

namespace spanner_session_emulator {
namespace {

// `root` is the folder with the project's sources.
absl::Status Write(const std::string& descriptors,
                   const std::filesystem::path& root) {
  const auto files = ReadFiles(descriptors);
  if (!files.ok()) return files.status();
  const auto pages = MakeReference(*files, "spanner_session_emulator.v1");
  if (!pages.ok()) return pages.status();
  const std::filesystem::path folder = root / "docs" / "reference";
  std::filesystem::create_directories(folder);
  // Pages of files that are gone go, too.
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".md" && pages->count(name) == 0) {
      std::filesystem::remove(entry.path());
    }
  }
  for (const auto& [name, text] : *pages) {
    std::ofstream out(folder / name, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) {
      return absl::UnavailableError(
          absl::StrCat("cannot write ", (folder / name).string()));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace spanner_session_emulator

int main(int argc, char** argv) {
  const char* root = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (argc != 2 || root == nullptr) {
    std::cerr << "run it by `bazel run //tools/reference:write`\n";
    return EXIT_FAILURE;
  }
  const absl::Status status = spanner_session_emulator::Write(argv[1], root);
  if (status.ok()) return EXIT_SUCCESS;
  std::cerr << status.message() << "\n";
  return EXIT_FAILURE;
}
