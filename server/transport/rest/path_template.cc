#include "server/transport/rest/path_template.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/transport/rest/percent.h"

namespace spanner_session_emulator {
namespace {

// Reads a template from left to right. Each function returns whether what it
// looks for is there.
class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  bool Template(PathTemplate& result) {
    if (!Take('/') || !Segments(result, /*variables_allowed=*/true)) {
      return false;
    }
    if (Take(':') && !Literal(result.verb)) return false;
    return text_.empty();
  }

 private:
  bool Segments(PathTemplate& result, bool variables_allowed) {
    do {
      if (!Segment(result, variables_allowed)) return false;
    } while (Take('/'));
    return true;
  }

  bool Segment(PathTemplate& result, bool variables_allowed) {
    using Kind = PathTemplate::Segment::Kind;
    auto& segments = result.segments;
    if (!segments.empty() && segments.back().kind == Kind::kRest) return false;
    if (Take('*')) {
      segments.push_back({Take('*') ? Kind::kRest : Kind::kOne, ""});
      return true;
    }
    if (Take('{')) return variables_allowed && Variable(result);
    std::string literal;
    if (!Literal(literal)) return false;
    segments.push_back({Kind::kLiteral, std::move(literal)});
    return true;
  }

  // What comes after its brace.
  bool Variable(PathTemplate& result) {
    PathTemplate::Variable variable;
    const size_t size = text_.find_first_of("=}");
    if (size == absl::string_view::npos) return false;
    variable.field_path = std::string(text_.substr(0, size));
    text_.remove_prefix(size);
    if (!IsFieldPath(variable.field_path)) return false;
    variable.begin = result.segments.size();
    if (Take('=')) {
      if (!Segments(result, /*variables_allowed=*/false)) return false;
    } else {
      if (!result.segments.empty() &&
          result.segments.back().kind == PathTemplate::Segment::Kind::kRest) {
        return false;
      }
      result.segments.push_back({PathTemplate::Segment::Kind::kOne, ""});
    }
    variable.end = result.segments.size();
    variable.several =
        variable.end - variable.begin > 1 ||
        result.segments.back().kind == PathTemplate::Segment::Kind::kRest;
    result.variables.push_back(std::move(variable));
    return Take('}');
  }

  bool Literal(std::string& result) {
    const absl::string_view literal =
        text_.substr(0, text_.find_first_of("/:{}*=?#"));
    text_.remove_prefix(literal.size());
    std::optional<std::string> decoded = DecodePercent(literal);
    if (literal.empty() || !decoded.has_value()) return false;
    result = *std::move(decoded);
    return true;
  }

  static bool IsFieldPath(absl::string_view path) {
    for (const absl::string_view name : absl::StrSplit(path, '.')) {
      if (name.empty() || absl::ascii_isdigit(name[0])) return false;
      for (const char c : name) {
        if (!absl::ascii_isalnum(c) && c != '_') return false;
      }
    }
    return true;
  }

  bool Take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  absl::string_view text_;  // What is left.
};

}  // namespace

absl::StatusOr<PathTemplate> PathTemplate::Parse(absl::string_view text) {
  PathTemplate result;
  if (!Parser(text).Template(result)) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a path template: ", text));
  }
  return result;
}

}  // namespace spanner_session_emulator
