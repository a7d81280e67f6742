#include "server/transport/rest/percent.h"

#include "absl/strings/ascii.h"
#include "google/protobuf/stubs/common.h"

namespace spanner_session_emulator {
namespace {

int HexDigit(char c) {
  if (!absl::ascii_isxdigit(c)) return -1;
  return absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
}

std::optional<std::string> Decode(absl::string_view text, bool keep_slashes,
                                  bool plus_is_blank) {
  // Almost always there is nothing to do.
  if (text.find_first_of("%+") == absl::string_view::npos) {
    return std::string(text);
  }
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      result += ' ';
    } else if (text[i] != '%') {
      result += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      const char c = static_cast<char>(high * 16 + low);
      if (c == '/' && keep_slashes) {
        result.append(text.data() + i, 3);
      } else {
        result += c;
      }
      i += 2;
    }
  }
  return result;
}

}  // namespace

std::optional<std::string> DecodePercent(absl::string_view text) {
  return Decode(text, /*keep_slashes=*/false, /*plus_is_blank=*/false);
}

std::optional<std::string> DecodePercentKeepingSlashes(absl::string_view text) {
  return Decode(text, /*keep_slashes=*/true, /*plus_is_blank=*/false);
}

std::optional<std::string> DecodeQueryText(absl::string_view text) {
  return Decode(text, /*keep_slashes=*/false, /*plus_is_blank=*/true);
}

bool IsUtf8(absl::string_view text) {
  return google::protobuf::internal::IsStructurallyValidUTF8(
      text.data(), static_cast<int>(text.size()));
}

}  // namespace spanner_session_emulator
