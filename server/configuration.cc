#include "server/configuration.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <set>

#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "re2/re2.h"
#include "server/transport/files.h"

namespace spanner_session_emulator {
namespace {

constexpr absl::string_view kPrefix = "SPANNER_SESSION_EMULATOR_";
constexpr absl::string_view kFlagFile = "flagfile";

// How many characters have to be put in, taken out or replaced.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// The flag that was meant; empty if none is close.
std::string Nearest(const FlagMap& flags, absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  size_t best = std::max<size_t>(1, name.size() / 3) + 1;
  std::string nearest;
  const auto consider = [&](absl::string_view flag) {
    const size_t distance = EditDistance(lower, flag);
    if (distance >= best) return;
    best = distance;
    nearest = std::string(flag);
  };
  for (const auto& [flag, unused] : flags) consider(flag);
  consider(kFlagFile);
  return nearest;
}

// What a cluster or a container runtime says of a service that has the
// program's name: where it is.
bool IsServiceVariable(absl::string_view name, absl::string_view value) {
  static const auto* const kNames = new RE2(
      "(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|"
      "PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)");
  static const auto* const kAddress = new RE2("(tcp|udp|sctp)://.*");
  return RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *kNames) ||
         (absl::EndsWith(name, "PORT") &&
          RE2::FullMatch(re2::StringPiece(value.data(), value.size()),
                         *kAddress));
}

absl::string_view Expected(const absl::CommandLineFlag& flag) {
  if (flag.IsOfType<bool>()) return "true or false";
  if (flag.IsOfType<int>() || flag.IsOfType<int64_t>()) return "a whole number";
  if (flag.IsOfType<absl::Duration>()) {
    return "a duration, as 1h30m, 2s, 500ms or inf";
  }
  return "another value";
}

bool IsFlagName(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

// `where` says what has the value.
absl::Status Set(absl::string_view where, absl::string_view value,
                 absl::CommandLineFlag& flag) {
  std::string problem;
  if (flag.ParseFrom(value, &problem)) return absl::OkStatus();
  // Only what cannot be a secret is quoted: secrets take any text.
  return absl::InvalidArgumentError(
      absl::StrCat(where, " must be ", Expected(flag), ", but is \"",
                   absl::Utf8SafeCEscape(value), "\""));
}

// Sets a flag by its name, or by `no` and its name. Errors begin with `where`.
absl::Status SetByName(const FlagMap& flags, absl::string_view where,
                       absl::string_view name,
                       std::optional<absl::string_view> value) {
  auto it = flags.find(name);
  if (it == flags.end() && !value.has_value()) {
    absl::string_view negated = name;
    if (absl::ConsumePrefix(&negated, "no")) it = flags.find(negated);
    if (it != flags.end() && !it->second->IsOfType<bool>()) it = flags.end();
    value = "false";
  } else if (it != flags.end() && !value.has_value()) {
    if (!it->second->IsOfType<bool>()) {
      return absl::InvalidArgumentError(absl::StrCat(
          where, "--", name, " has no value: write --", name, "=value"));
    }
    value = "true";
  }
  if (it == flags.end()) {
    const std::string nearest = Nearest(flags, name);
    return absl::InvalidArgumentError(absl::StrCat(
        where, "there is no flag --", absl::Utf8SafeCEscape(name),
        nearest.empty() ? ": see --help"
                        : absl::StrCat(": did you mean --", nearest, "?")));
  }
  return Set(absl::StrCat(where, "--", name), *value, *it->second);
}

// `name=value`, or a name alone.
std::pair<absl::string_view, std::optional<absl::string_view>> NameAndValue(
    absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == text.npos) return {text, std::nullopt};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

absl::Status SetFromLine(const FlagMap& flags, absl::string_view where,
                         absl::string_view line) {
  const bool is_flag = absl::ConsumePrefix(&line, "--");
  const auto [name, value] = NameAndValue(line);
  if (!is_flag || !IsFlagName(name)) {
    // It is not quoted, as it may be a secret, or the rest of one.
    return absl::InvalidArgumentError(
        absl::StrCat(where, " must be --name=value, or begin with #"));
  }
  if (name == kFlagFile) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": a flag file cannot name another one"));
  }
  return SetByName(flags, absl::StrCat(where, ": "), name, value);
}

// The name of a flag among arguments, without its hyphens; empty if the
// argument is none.
absl::string_view NameOf(absl::string_view argument) {
  if (!absl::ConsumePrefix(&argument, "-")) return "";
  absl::ConsumePrefix(&argument, "-");
  return argument;
}

// A text in lines that are not too long, each with its indentation.
std::string Wrapped(absl::string_view text, size_t indentation) {
  constexpr size_t kColumns = 88;
  std::string wrapped;
  size_t column = kColumns;
  for (const absl::string_view word :
       absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column + 1 + word.size() > kColumns) {
      absl::StrAppend(&wrapped, wrapped.empty() ? "" : "\n",
                      std::string(indentation, ' '), word);
      column = indentation + word.size();
    } else {
      absl::StrAppend(&wrapped, " ", word);
      column += 1 + word.size();
    }
  }
  absl::StrAppend(&wrapped, "\n");
  return wrapped;
}

std::string HelpOn(const absl::CommandLineFlag& flag) {
  const std::string value = flag.DefaultValue();
  return absl::StrCat("  --", flag.Name(),
                      value.empty() ? "" : absl::StrCat(" (", value, ")"), "\n",
                      Wrapped(flag.Help(), 6));
}

}  // namespace

bool AbslParseFlag(absl::string_view text, SecretFlag* secret, std::string*) {
  secret->text = std::string(text);
  return true;
}

std::string AbslUnparseFlag(const SecretFlag& secret) {
  return secret.text.empty() ? "" : "(hidden)";
}

FlagMap FlagsOfFile(absl::string_view source) {
  FlagMap flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (absl::EndsWith(flag->Filename(), source)) {
      flags.emplace(std::string(name), flag);
    }
  }
  return flags;
}

std::string VariableOf(absl::string_view flag) {
  return absl::StrCat(kPrefix, absl::AsciiStrToUpper(flag));
}

absl::StatusOr<std::string> SetFlagsFromEnvironment(
    const FlagMap& flags, const char* const* environment) {
  std::string flag_file;
  for (; *environment != nullptr; ++environment) {
    const std::pair<absl::string_view, absl::string_view> variable =
        absl::StrSplit(*environment, absl::MaxSplits('=', 1));
    const auto [name, value] = variable;
    absl::string_view rest = name;
    if (!absl::ConsumePrefix(&rest, kPrefix) ||
        IsServiceVariable(rest, value)) {
      continue;
    }
    const std::string flag = absl::AsciiStrToLower(rest);
    const auto it = flags.find(flag);
    const bool known = it != flags.end() || flag == kFlagFile;
    if (!known || VariableOf(flag) != name) {
      const std::string nearest = known ? flag : Nearest(flags, rest);
      return absl::InvalidArgumentError(absl::StrCat(
          "the environment variable ", absl::Utf8SafeCEscape(name),
          " belongs to no flag: ",
          nearest.empty()
              ? "see --help"
              : absl::StrCat("did you mean ", VariableOf(nearest), "?")));
    }
    if (value.empty()) continue;
    if (it == flags.end()) {
      flag_file = std::string(value);
    } else if (absl::Status s =
                   Set(absl::StrCat("the environment variable ", name), value,
                       *it->second);
               !s.ok()) {
      return s;
    }
  }
  return flag_file;
}

absl::Status SetFlagsFromFile(const FlagMap& flags, const std::string& path) {
  const auto text = ReadFile("--flagfile", path);
  if (!text.ok()) return text.status();
  int number = 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    absl::Status status = SetFromLine(
        flags, absl::StrCat("--flagfile: ", path, ", line ", number), line);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> TakeFlagFiles(
    std::vector<char*>& arguments) {
  std::vector<std::string> paths;
  std::vector<char*> rest;
  bool are_flags = true;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const absl::string_view argument = arguments[i];
    if (argument == "--") are_flags = false;
    absl::string_view name = are_flags ? NameOf(argument) : "";
    if (i == 0 || !absl::ConsumePrefix(&name, kFlagFile) ||
        !(name.empty() || name[0] == '=')) {
      rest.push_back(arguments[i]);
      continue;
    }
    if (name.empty() && ++i < arguments.size()) {
      paths.emplace_back(arguments[i]);
    } else {
      absl::ConsumePrefix(&name, "=");
      paths.emplace_back(name);
    }
    if (paths.back().empty()) {
      return absl::InvalidArgumentError(
          "--flagfile must name a file, but is empty");
    }
  }
  arguments = std::move(rest);
  return paths;
}

absl::Status SetFlagsFromArguments(const FlagMap& flags,
                                   const std::vector<char*>& arguments) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    auto [name, value] = NameAndValue(NameOf(arguments[i]));
    if (name.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument \"",
                       absl::Utf8SafeCEscape(arguments[i]), "\": see --help"));
    }
    // A value may be the next argument, but not that of what is true or false.
    const auto it = flags.find(name);
    if (it != flags.end() && !value.has_value() &&
        !it->second->IsOfType<bool>() && i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    absl::Status status = SetByName(flags, /*where=*/"", name, value);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

bool HasFlag(absl::string_view name, const std::vector<char*>& arguments) {
  for (size_t i = 1; i < arguments.size(); ++i) {
    const absl::string_view argument = arguments[i];
    if (argument == "--") return false;
    if (NameOf(argument) == name) return true;
  }
  return false;
}

std::string HelpText(absl::string_view about, const FlagMap& flags,
                     const std::vector<FlagGroup>& groups) {
  std::string text = absl::StrCat(
      Wrapped(about, 0), "\nUsage: spanner_session_emulator [flags]\n\n",
      Wrapped(
          absl::StrCat(
              "Every flag can be given on the command line, as --name=value; "
              "in a file, one flag a line, that --flagfile=PATH names; or as "
              "an environment variable, ",
              kPrefix, " and its name in upper case, as ",
              VariableOf("grpc_port"),
              "=9010. The command line wins over the file, and that over the "
              "environment. Defaults are in parentheses; durations are written "
              "as 1h30m, 2s, 500ms or inf."),
          0));
  std::set<std::string, std::less<>> shown;
  const auto add_group = [&](const FlagGroup& group) {
    absl::StrAppend(&text, "\n", group.title, "\n");
    for (const absl::string_view name : group.flags) {
      shown.emplace(name);
      const auto it = flags.find(name);
      if (it != flags.end()) absl::StrAppend(&text, HelpOn(*it->second));
    }
  };
  for (const FlagGroup& group : groups) add_group(group);
  FlagGroup others = {.title = "Others", .flags = {}};
  for (const auto& [name, flag] : flags) {
    if (!shown.contains(name)) others.flags.push_back(name);
  }
  if (!others.flags.empty()) add_group(others);
  return text;
}

}  // namespace spanner_session_emulator
