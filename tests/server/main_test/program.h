// The program, with files and flags of the test's own.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_PROGRAM_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_PROGRAM_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// A file with that text, until the end of the scope.
class File {
 public:
  explicit File(absl::string_view text = "");
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  std::string text() const;

 private:
  std::string path_;
};

// Runs the program with these flags on any free ports.
std::vector<std::string> Command(std::vector<std::string> flags);

// The code that it ends with at once, and all that it says.
std::pair<std::optional<int>, std::string> RunToItsEnd(
    std::vector<std::string> flags);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_MAIN_TEST_PROGRAM_H_
