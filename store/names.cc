#include "store/names.h"

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace spanner_session_emulator {
namespace {

constexpr absl::string_view kProjects = "projects/";
constexpr absl::string_view kInstances = "instances/";
constexpr absl::string_view kDatabases = "databases/";
constexpr absl::string_view kSessions = "sessions/";

enum class TextFault { kNone, kNotUtf8, kControlCharacter };

// Checks the encoding (shortest form, no surrogates, up to U+10FFFF) and looks
// for control characters (C0, DEL, C1).
TextFault CheckText(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<uint8_t>(text[i]);
    if (lead < 0x80) {
      if (lead < 0x20 || lead == 0x7f) return TextFault::kControlCharacter;
      ++i;
      continue;
    }
    const int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || i + length > text.size()) {
      return TextFault::kNotUtf8;
    }
    uint32_t rune = lead & (0x7f >> length);
    for (int k = 1; k < length; ++k) {
      const auto next = static_cast<uint8_t>(text[i + k]);
      if ((next & 0xc0) != 0x80) return TextFault::kNotUtf8;
      rune = (rune << 6) | (next & 0x3f);
    }
    constexpr std::array<uint32_t, 5> kShortest = {0, 0, 0x80, 0x800, 0x10000};
    if (rune < kShortest[length] || rune > 0x10ffff ||
        (rune >= 0xd800 && rune <= 0xdfff)) {
      return TextFault::kNotUtf8;
    }
    if (rune < 0xa0) return TextFault::kControlCharacter;
    i += length;
  }
  return TextFault::kNone;
}

absl::Status Malformed(absl::string_view pattern, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("must be ", pattern, ", but ", what));
}

// Takes `<collection>/<id>` off the front of what is left of a name, with the
// slash that must come before it. Returns whether it was there.
bool TakeSegment(absl::string_view name, absl::string_view collection,
                 size_t& position) {
  if (position > 0) {
    if (position >= name.size() || name[position] != '/') return false;
    ++position;
  }
  if (name.substr(position, collection.size()) != collection) return false;
  position += collection.size();
  size_t end = name.find('/', position);
  if (end == absl::string_view::npos) end = name.size();
  if (end == position) return false;
  position = end;
  return true;
}

// What every name must be, whatever its pattern.
absl::Status CheckWhole(absl::string_view name, absl::string_view pattern) {
  if (name.empty()) return Malformed(pattern, "is empty");
  if (name.size() > kMaxNameBytes) {
    return Malformed(pattern, absl::StrCat("is longer than ", kMaxNameBytes,
                                           " bytes (", name.size(), ")"));
  }
  switch (CheckText(name)) {
    case TextFault::kNotUtf8:
      return Malformed(pattern, "is not valid UTF-8");
    case TextFault::kControlCharacter:
      return Malformed(pattern, "contains a control character");
    case TextFault::kNone:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Mismatch(absl::string_view name, absl::string_view pattern) {
  return Malformed(pattern, absl::StrCat("is \"", name, "\""));
}

}  // namespace

absl::StatusOr<ProjectName> ProjectName::Parse(std::string name) {
  if (absl::Status s = CheckWhole(name, kPattern); !s.ok()) return s;
  size_t position = 0;
  if (!TakeSegment(name, kProjects, position) || position != name.size()) {
    return Mismatch(name, kPattern);
  }
  return ProjectName(std::move(name));
}

absl::StatusOr<InstanceName> InstanceName::Parse(std::string name) {
  if (absl::Status s = CheckWhole(name, kPattern); !s.ok()) return s;
  size_t position = 0;
  if (!TakeSegment(name, kProjects, position) ||
      !TakeSegment(name, kInstances, position) || position != name.size()) {
    return Mismatch(name, kPattern);
  }
  return InstanceName(std::move(name));
}

absl::StatusOr<DatabaseName> DatabaseName::Parse(std::string name) {
  if (absl::Status s = CheckWhole(name, kPattern); !s.ok()) return s;
  size_t position = 0;
  if (!TakeSegment(name, kProjects, position) ||
      !TakeSegment(name, kInstances, position)) {
    return Mismatch(name, kPattern);
  }
  const size_t instance_size = position;
  if (!TakeSegment(name, kDatabases, position) || position != name.size()) {
    return Mismatch(name, kPattern);
  }
  return DatabaseName(std::move(name), instance_size);
}

InstanceName DatabaseName::instance() const {
  return InstanceName(full_.substr(0, instance_size_));
}

absl::StatusOr<SessionName> SessionName::Parse(std::string name) {
  if (absl::Status s = CheckWhole(name, kPattern); !s.ok()) return s;
  size_t position = 0;
  if (!TakeSegment(name, kProjects, position) ||
      !TakeSegment(name, kInstances, position)) {
    return Mismatch(name, kPattern);
  }
  const size_t instance_size = position;
  if (!TakeSegment(name, kDatabases, position)) return Mismatch(name, kPattern);
  const size_t database_size = position;
  if (!TakeSegment(name, kSessions, position) || position != name.size()) {
    return Mismatch(name, kPattern);
  }
  return SessionName(std::move(name), instance_size, database_size);
}

SessionName::SessionName(const DatabaseName& database, absl::string_view id)
    : instance_size_(database.instance_size_),
      database_size_(database.full_.size()) {
  full_.reserve(database_size_ + kBeforeId.size() + id.size());
  full_.append(database.full_);
  full_.append(kBeforeId.data(), kBeforeId.size());
  full_.append(id.data(), id.size());
}

absl::StatusOr<Scope> Scope::Parse(std::string name) {
  Scope scope;
  if (name.empty()) return scope;
  if (absl::Status s = CheckWhole(name, kPattern); !s.ok()) return s;
  size_t position = 0;
  bool fits = TakeSegment(name, kProjects, position);
  for (const absl::string_view collection : {kInstances, kDatabases}) {
    if (position == name.size()) break;
    fits = fits && TakeSegment(name, collection, position);
  }
  if (!fits || position != name.size()) return Mismatch(name, kPattern);
  scope.full_ = std::move(name);
  return scope;
}

bool Scope::Contains(const DatabaseName& database) const {
  return ContainsName(database.full());
}

bool Scope::Contains(const InstanceName& instance) const {
  return ContainsName(instance.full());
}

bool Scope::ContainsName(absl::string_view name) const {
  // Whole segments only: `databases/test` does not hold `databases/test-2`.
  return full_.empty() ||
         (absl::StartsWith(name, full_) &&
          (name.size() == full_.size() || name[full_.size()] == '/'));
}

absl::string_view DatabaseIn(absl::string_view name) {
  size_t position = 0;
  return TakeSegment(name, kProjects, position) &&
                 TakeSegment(name, kInstances, position) &&
                 TakeSegment(name, kDatabases, position)
             ? name.substr(0, position)
             : absl::string_view();
}

DatabaseName SessionName::database() const {
  return DatabaseName(full_.substr(0, database_size_), instance_size_);
}

}  // namespace spanner_session_emulator
