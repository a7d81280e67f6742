// Where the values of the program's flags come from: environment variables,
// files of flags and the command line. And what --help says of them. (Abseil's
// own parser lets the later of file and command line win, says no line of a
// file, and not what a value must be.)
//
// What is set later wins: first SetFlagsFromEnvironment(), then
// SetFlagsFromFile(), then SetFlagsFromArguments(). No error quotes a value
// that may be a secret. Not thread-safe.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CONFIGURATION_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CONFIGURATION_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {

// The value of a flag that nobody shows.
struct SecretFlag {
  std::string text;
};
bool AbslParseFlag(absl::string_view text, SecretFlag* secret, std::string*);
std::string AbslUnparseFlag(const SecretFlag& secret);

using FlagMap = std::map<std::string, absl::CommandLineFlag*, std::less<>>;

// The flags that are defined in the source file of that name, as
// `server/main.cc`.
FlagMap FlagsOfFile(absl::string_view source);

// `SPANNER_SESSION_EMULATOR_GRPC_PORT` for `grpc_port`.
std::string VariableOf(absl::string_view flag);

// Sets flags from those of the variables, NAME=VALUE each and a null at the
// end, that begin with SPANNER_SESSION_EMULATOR_. One without a value counts as
// not set. Those by which Kubernetes and Docker tell of a service of that name
// are none of ours. Returns the file that …_FLAGFILE names, or an empty text.
// INVALID_ARGUMENT names the variable that belongs to no flag, or has a bad
// value.
absl::StatusOr<std::string> SetFlagsFromEnvironment(
    const FlagMap& flags, const char* const* environment);

// Sets flags from a file: one `--name=value` a line (or `--name`, or
// `--noname`, of a flag that is true or false); empty lines and those that
// begin with # do not count. Errors name the file and the line.
absl::Status SetFlagsFromFile(const FlagMap& flags, const std::string& path);

// Takes every `--flagfile=PATH` out of the arguments, of which the first is the
// program's name, and returns the paths.
absl::StatusOr<std::vector<std::string>> TakeFlagFiles(
    std::vector<char*>& arguments);

// Sets flags from arguments, of which the first is the program's name:
// `--name=value` or `--name value`, with one hyphen or two; of a flag that is
// true or false `--name` or `--noname`. INVALID_ARGUMENT names the flag.
absl::Status SetFlagsFromArguments(const FlagMap& flags,
                                   const std::vector<char*>& arguments);

// Whether one of the arguments is `--NAME`, before any `--`.
bool HasFlag(absl::string_view name, const std::vector<char*>& arguments);

struct FlagGroup {
  absl::string_view title;
  std::vector<absl::string_view> flags;
};

// What --help says: the flags by group, with their defaults. Those that are in
// no group come last.
std::string HelpText(absl::string_view about, const FlagMap& flags,
                     const std::vector<FlagGroup>& groups);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CONFIGURATION_H_
