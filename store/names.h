// Resource names: parsed once, at the door, into values.
//
// https://cloud.google.com/spanner/docs/reference/rpc/google.spanner.v1#session
// All types here are values: copyable, and safe to read from several threads.
#ifndef SPANNER_SESSION_EMULATOR_STORE_NAMES_H_
#define SPANNER_SESSION_EMULATOR_STORE_NAMES_H_

#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// The longest name that is taken, in bytes.
inline constexpr size_t kMaxNameBytes = 4096;

// `projects/<project>`.
class ProjectName {
 public:
  static constexpr absl::string_view kPattern = "projects/<project>";

  // As InstanceName::Parse.
  static absl::StatusOr<ProjectName> Parse(std::string name);

  const std::string& full() const { return full_; }

  friend bool operator==(const ProjectName&, const ProjectName&) = default;

 private:
  explicit ProjectName(std::string full) : full_(std::move(full)) {}

  std::string full_;
};

// `projects/<project>/instances/<instance>`.
class InstanceName {
 public:
  static constexpr absl::string_view kPattern =
      "projects/<project>/instances/<instance>";

  // Each id is one or more characters other than '/', in valid UTF-8 without
  // control characters, and the whole is at most kMaxNameBytes long. Otherwise
  // INVALID_ARGUMENT, whose message says what the name must look like and what
  // is wrong with this one, and fits behind the name of the field.
  static absl::StatusOr<InstanceName> Parse(std::string name);

  const std::string& full() const { return full_; }

  friend bool operator==(const InstanceName&, const InstanceName&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const InstanceName& name) {
    return H::combine(std::move(h), name.full_);
  }

 private:
  friend class DatabaseName;
  explicit InstanceName(std::string full) : full_(std::move(full)) {}

  std::string full_;
};

// `projects/<project>/instances/<instance>/databases/<database>`.
class DatabaseName {
 public:
  static constexpr absl::string_view kPattern =
      "projects/<project>/instances/<instance>/databases/<database>";

  // As InstanceName::Parse.
  static absl::StatusOr<DatabaseName> Parse(std::string name);

  const std::string& full() const { return full_; }
  InstanceName instance() const;

  friend bool operator==(const DatabaseName&, const DatabaseName&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const DatabaseName& name) {
    return H::combine(std::move(h), name.full_);
  }

 private:
  friend class SessionName;
  DatabaseName(std::string full, size_t instance_size)
      : full_(std::move(full)), instance_size_(instance_size) {}

  std::string full_;
  size_t instance_size_;  // Of the instance's name, a prefix of full_.
};

// `projects/<project>/instances/<instance>/databases/<database>/sessions/<id>`.
class SessionName {
 public:
  static constexpr absl::string_view kPattern =
      "projects/<project>/instances/<instance>/databases/<database>/sessions/"
      "<session>";

  // As InstanceName::Parse.
  static absl::StatusOr<SessionName> Parse(std::string name);

  // The session `id` of `database`. The id is the caller's to check.
  SessionName(const DatabaseName& database, absl::string_view id);

  const std::string& full() const { return full_; }
  // The name of the session's database, as text: free of cost.
  absl::string_view database_full() const {
    return absl::string_view(full_).substr(0, database_size_);
  }
  DatabaseName database() const;
  absl::string_view id() const {
    return absl::string_view(full_).substr(database_size_ + kBeforeId.size());
  }

  friend bool operator==(const SessionName&, const SessionName&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const SessionName& name) {
    return H::combine(std::move(h), name.full_);
  }

 private:
  // Between the name of the database and the id.
  static constexpr absl::string_view kBeforeId = "/sessions/";

  SessionName(std::string full, size_t instance_size, size_t database_size)
      : full_(std::move(full)),
        instance_size_(instance_size),
        database_size_(database_size) {}

  std::string full_;
  size_t instance_size_;  // Of the instance's name, a prefix of full_.
  size_t database_size_;  // Of the database's name, a prefix of full_.
};

// A part of all databases: those of a project, of an instance, a single one, or
// all of them.
class Scope {
 public:
  static constexpr absl::string_view kPattern =
      "empty (everything), projects/<project>, "
      "projects/<project>/instances/<instance> or "
      "projects/<project>/instances/<instance>/databases/<database>";

  // Everything.
  Scope() = default;
  // One database, or one instance's; implicit, as it loses nothing.
  // NOLINTBEGIN(google-explicit-constructor)
  Scope(const DatabaseName& database) : full_(database.full()) {}
  Scope(const InstanceName& instance) : full_(instance.full()) {}
  // NOLINTEND(google-explicit-constructor)

  // As InstanceName::Parse, but that the name may be empty.
  static absl::StatusOr<Scope> Parse(std::string name);

  bool Contains(const DatabaseName& database) const;
  // Whether the whole instance is.
  bool Contains(const InstanceName& instance) const;

  bool is_everything() const { return full_.empty(); }
  const std::string& full() const { return full_; }

  friend bool operator==(const Scope&, const Scope&) = default;

 private:
  bool ContainsName(absl::string_view name) const;

  std::string full_;
};

// The name of the database at the beginning of a name, as of an operation on
// it; empty if there is none.
absl::string_view DatabaseIn(absl::string_view name);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_STORE_NAMES_H_
