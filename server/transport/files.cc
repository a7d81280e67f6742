#include "server/transport/files.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {

absl::StatusOr<std::string> ReadFile(absl::string_view option,
                                     const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  // An empty file, too, sets a bit that looks like a failure.
  if (in.is_open() && in.peek() != std::ifstream::traits_type::eof()) {
    text << in.rdbuf();
  }
  if (!in.is_open() || in.bad() || text.bad()) {
    return absl::UnavailableError(absl::StrCat(option, ": cannot read ", path,
                                               ": ", std::strerror(errno)));
  }
  return text.str();
}

}  // namespace spanner_session_emulator
