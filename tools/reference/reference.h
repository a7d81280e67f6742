// Reference pages in Markdown, from the comments of proto files. Whoever
// changes a comment writes the pages anew:
//
//   bazel run //tools/reference:write
#ifndef SPANNER_SESSION_EMULATOR_TOOLS_REFERENCE_REFERENCE_H_
#define SPANNER_SESSION_EMULATOR_TOOLS_REFERENCE_REFERENCE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.pb.h"

namespace spanner_session_emulator {

// Pages by the names of their files.
using Pages = std::map<std::string, std::string>;

// A page for each proto file of the package, with its services, messages and
// enums, and `README.md`, which lists them. `files` are these and all that they
// import, each behind its imports, with source info.
//
// INVALID_ARGUMENT names everything that has no comment, and comments that
// Markdown would show wrongly.
absl::StatusOr<Pages> MakeReference(
    const google::protobuf::FileDescriptorSet& files,
    absl::string_view package);

// The files in a file as protoc writes it.
absl::StatusOr<google::protobuf::FileDescriptorSet> ReadFiles(
    const std::string& path);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TOOLS_REFERENCE_REFERENCE_H_
