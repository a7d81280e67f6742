#include "tests/server/main_test/program.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/main_test/subprocess.h"

namespace spanner_session_emulator {

File::File(absl::string_view text) {
  static int count = 0;
  path_ =
      absl::StrCat(::testing::TempDir(), "/program.", getpid(), ".", ++count);
  std::ofstream(path_) << text;
}

File::~File() { std::remove(path_.c_str()); }

std::string File::text() const {
  std::ifstream in(path_);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Command(std::vector<std::string> flags) {
  flags.insert(flags.begin(), {"server/spanner_session_emulator",
                               "--grpc_port=0", "--http_port=0"});
  return flags;
}

std::pair<std::optional<int>, std::string> RunToItsEnd(
    std::vector<std::string> flags) {
  Subprocess process(Command(std::move(flags)));
  const std::optional<int> code = process.Wait();
  return {code, absl::StrCat(process.out(), process.err())};
}

}  // namespace spanner_session_emulator
