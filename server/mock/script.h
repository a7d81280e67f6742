// What all things that a test scripts have in common.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_MOCK_SCRIPT_H_
#define SPANNER_SESSION_EMULATOR_SERVER_MOCK_SCRIPT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "spanner_session_emulator/v1/error.pb.h"

namespace spanner_session_emulator {

// INVALID_ARGUMENT `<field> <problem>`: how things that a test scripts say what
// is wrong with them.
absl::Status InvalidScript(absl::string_view field, absl::string_view problem);

// Makes `error` into `status`, or returns what is wrong with it; `field` is
// where it stands.
absl::Status ReadScriptError(const std::string& field, const v1::Error& error,
                             absl::Status& status);

// The other way round.
void WriteScriptError(const absl::Status& status, v1::Error& error);

// What is scripted, and how its names are made: `stubs/STUB`.
struct ScriptKind {
  absl::string_view plural;
  absl::string_view singular;

  std::string NameOf(absl::string_view id) const;
  // Whether a name is `<plural>/` and 1 to 63 letters, digits, `-`, `_` and
  // `.`, and what there is to be said of one that is not.
  bool IsName(absl::string_view name) const;
  std::string NameProblem() const;
};
inline constexpr ScriptKind kStubKind = {.plural = "stubs", .singular = "stub"};
inline constexpr ScriptKind kFaultKind = {.plural = "faults",
                                          .singular = "fault"};

// Makes all of a script's stubs, or faults: or returns INVALID_ARGUMENT, which
// begins with the field that is wrong: `stubs[2].answer must be …`. No two may
// have one name.
template <typename Thing, typename Proto>
absl::StatusOr<std::vector<std::unique_ptr<Thing>>> MakeScripted(
    const ScriptKind& kind,
    const google::protobuf::RepeatedPtrField<Proto>& protos) {
  std::vector<std::unique_ptr<Thing>> things;
  absl::flat_hash_map<absl::string_view, int> by_name;
  for (int i = 0; i < protos.size(); ++i) {
    const std::string field = absl::StrCat(kind.plural, "[", i, "].");
    absl::StatusOr<std::unique_ptr<Thing>> thing = Thing::Make(protos[i]);
    if (!thing.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, thing.status().message()));
    }
    const auto [it, is_new] = by_name.emplace(protos[i].name(), i);
    if (!is_new && !it->first.empty()) {
      return InvalidScript(absl::StrCat(field, "name"),
                           absl::StrCat("must be another than that of ",
                                        kind.plural, "[", it->second, "]"));
    }
    things.push_back(*std::move(thing));
  }
  return things;
}

// Whether a name of a project, an instance, a database or a session is that of
// `scope`, or of a part of it. An empty scope is everything.
bool LiesIn(absl::string_view name, absl::string_view scope);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_MOCK_SCRIPT_H_
