#include "server/transport/rest/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

#include "absl/status/status.h"

namespace spanner_session_emulator {

absl::StatusOr<std::string> Gunzip(absl::string_view file, size_t max_bytes) {
  constexpr size_t kFirstBytes = 16 << 10;
  constexpr int kGzipOnly = 16;  // Not zlib's own format.
  z_stream stream = {};
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): zlib's old
  // interface.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(file.data()));
  stream.avail_in = static_cast<uInt>(file.size());
  if (inflateInit2(&stream, MAX_WBITS + kGzipOnly) != Z_OK) {
    return absl::ResourceExhaustedError("no memory");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, &inflateEnd);
  std::string result;
  int status = Z_OK;
  while (status == Z_OK) {
    const size_t done = stream.total_out;
    if (done > max_bytes) return absl::ResourceExhaustedError("too large");
    // One byte more than allowed shows that there are more.
    result.resize(std::min(std::max(2 * done, kFirstBytes), max_bytes + 1));
    stream.next_out = reinterpret_cast<Bytef*>(result.data() + done);
    stream.avail_out = static_cast<uInt>(result.size() - done);
    status = inflate(&stream, Z_NO_FLUSH);
  }
  if (stream.total_out > max_bytes) {
    return absl::ResourceExhaustedError("too large");
  }
  if (status != Z_STREAM_END || stream.avail_in > 0) {
    return absl::InvalidArgumentError("no gzip");
  }
  result.resize(stream.total_out);
  return result;
}

}  // namespace spanner_session_emulator
