#include "server/transport/cut_connection.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "server/transport/file_descriptor.h"
#include "server/transport/peer_name.h"

namespace spanner_session_emulator {

bool CutConnection(absl::string_view peer) {
  const std::string wanted =
      absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}});
  if (wanted.empty()) return false;  // As all that are no connections.
  bool cut = false;
  DIR* const files = opendir("/proc/self/fd");
  if (files == nullptr) return false;
  while (const dirent* file = readdir(files)) {
    int number = 0;
    if (!absl::SimpleAtoi(file->d_name, &number)) continue;
    if (PeerName(number) != wanted) continue;
    // Again, by a descriptor of our own: the other may be closed, and be
    // something else, at any time.
    const FileDescriptor socket(fcntl(number, F_DUPFD_CLOEXEC, 0));
    if (PeerName(socket.get()) != wanted) continue;
    cut |= shutdown(socket.get(), SHUT_RDWR) == 0;
  }
  closedir(files);
  return cut;
}

}  // namespace spanner_session_emulator
