#include "server/mock/statement_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"

namespace spanner_session_emulator {
namespace {

bool IsBlank(char c) {
  return absl::ascii_isspace(static_cast<unsigned char>(c));
}

// How long the quoted thing is that `text` begins with, quotes included; to the
// end of the text if nothing closes it.
size_t QuotedSize(absl::string_view text) {
  size_t quotes = 1;  // Those that open it, and close it: one or three.
  if (text.size() >= 3 && text[1] == text[0] && text[2] == text[0] &&
      text[0] != '`') {
    quotes = 3;
  }
  const absl::string_view close = text.substr(0, quotes);
  size_t at = quotes;
  while (at < text.size()) {
    if (text[at] == '\\') {
      at += 2;
    } else if (absl::StartsWith(text.substr(at), close)) {
      return at + quotes;
    } else {
      ++at;
    }
  }
  return text.size();
}

// What is behind the first `end` in `text`; nothing, if there is none.
absl::string_view Behind(absl::string_view text, absl::string_view end) {
  const size_t at = text.find(end);
  return at == absl::string_view::npos ? "" : text.substr(at + end.size());
}

// Without the blanks, comments and hints that it begins with.
absl::string_view WithoutPreamble(absl::string_view sql) {
  while (true) {
    sql = absl::StripLeadingAsciiWhitespace(sql);
    if (absl::StartsWith(sql, "--") || absl::StartsWith(sql, "#")) {
      sql = Behind(sql, "\n");
    } else if (absl::StartsWith(sql, "/*")) {
      sql = Behind(sql.substr(2), "*/");
    } else if (absl::StartsWith(sql, "@{")) {
      sql = Behind(sql, "}");
    } else {
      return sql;
    }
  }
}

}  // namespace

std::string FoldBlanks(absl::string_view sql) {
  std::string folded;
  folded.reserve(sql.size());
  while (!sql.empty()) {
    const char c = sql[0];
    if (IsBlank(c)) {
      sql = absl::StripLeadingAsciiWhitespace(sql);
      if (!folded.empty() && !sql.empty()) folded += ' ';
    } else {
      const size_t size =
          c == '\'' || c == '"' || c == '`' ? QuotedSize(sql) : 1;
      folded.append(sql.data(), size);
      sql.remove_prefix(size);
    }
  }
  return folded;
}

bool IsDml(absl::string_view sql) {
  sql = WithoutPreamble(sql);
  size_t size = 0;
  const auto in_word = [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_';
  };
  while (size < sql.size() && in_word(sql[size])) ++size;
  for (const absl::string_view word : {"INSERT", "UPDATE", "DELETE", "MERGE"}) {
    if (absl::EqualsIgnoreCase(sql.substr(0, size), word)) return true;
  }
  return false;
}

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      absl::StrAppendFormat(&json, "\\u%04x", c);
    } else {
      json += c;
    }
  }
  return json += '"';
}

absl::string_view Beginning(absl::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (text[size] & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

}  // namespace spanner_session_emulator
