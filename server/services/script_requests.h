// What requests of the control API about stubs and faults have in common. For
// control_*.cc only.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SCRIPT_REQUESTS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SCRIPT_REQUESTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "server/call/call.h"
#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/mock/script.h"
#include "store/names.h"

namespace spanner_session_emulator {

// Stubs or faults: `stubs/` or `faults/`.
struct ScriptedKind {
  absl::string_view name_prefix;
  absl::string_view singular;  // `stub`

  std::string NameProblem() const {
    return absl::StrCat("must be ", name_prefix, "<", singular,
                        ">, with 1 to 63 letters, digits, `-`, `_` and `.`");
  }
};
inline constexpr ScriptedKind kStubKind = {"stubs/", "stub"};
inline constexpr ScriptedKind kFaultKind = {"faults/", "fault"};

// As std::any takes only what can be copied.
template <typename Thing>
using Prepared = std::shared_ptr<std::vector<std::unique_ptr<Thing>>>;

// Adds to `things` the one that is in the request's `field`.
template <typename Thing, typename Proto>
absl::Status Prepare(const Call& call, const ScriptedKind& kind,
                     absl::string_view field, const Proto& proto,
                     std::vector<std::unique_ptr<Thing>>& things) {
  if (!proto.name().empty() && !IsScriptName(kind.name_prefix, proto.name())) {
    return errors::InvalidField(
        call.method().name, absl::StrCat(field, ".name"), kind.NameProblem());
  }
  absl::StatusOr<std::unique_ptr<Thing>> thing = Thing::Make(proto);
  if (!thing.ok()) {
    const std::pair<absl::string_view, absl::string_view> field_and_problem =
        absl::StrSplit(thing.status().message(), absl::MaxSplits(' ', 1));
    return errors::InvalidField(
        call.method().name, absl::StrCat(field, ".", field_and_problem.first),
        field_and_problem.second);
  }
  things.push_back(*std::move(thing));
  return absl::OkStatus();
}

// Prepares the one that is to be created, by the id that its request may have.
template <typename Thing, typename Proto>
absl::Status PrepareOne(Call& call, const ScriptedKind& kind,
                        const Proto& proto, const std::string& id) {
  auto things = std::make_shared<std::vector<std::unique_ptr<Thing>>>();
  if (absl::Status s = Prepare(call, kind, kind.singular, proto, *things);
      !s.ok()) {
    return s;
  }
  if (!id.empty()) {
    std::string name = absl::StrCat(kind.name_prefix, id);
    if (!IsScriptName(kind.name_prefix, name)) {
      return errors::InvalidField(
          call.method().name, absl::StrCat(kind.singular, "_id"),
          "must have 1 to 63 letters, digits, `-`, `_` and `.`");
    }
    things->front()->set_name(std::move(name));
  }
  call.prepared = Prepared<Thing>(std::move(things));
  return absl::OkStatus();
}

// Leaves in Call::prepared the number after which the page begins.
template <typename Request>
absl::Status ValidateList(Call& call) {
  const auto& request = call.request<Request>();
  if (request.page_size() < 0) {
    return errors::InvalidField(call.method().name, "page_size",
                                "must not be negative");
  }
  int64_t after = 0;
  if (!request.page_token().empty() &&
      (!absl::SimpleAtoi(request.page_token(), &after) || after <= 0 ||
       request.page_token() != absl::StrCat(after))) {
    return errors::InvalidField(
        call.method().name, "page_token",
        absl::StrCat("is not a next_page_token of ", call.method().name));
  }
  call.prepared = after;
  return absl::OkStatus();
}

// How many there are in a page at the most.
inline int PageSize(int asked_for) {
  constexpr int kMaxPageSize = 1000;
  return asked_for == 0 || asked_for > kMaxPageSize ? kMaxPageSize : asked_for;
}

// `kind` is a pointer, to be a constant of the template.
template <typename Request, const ScriptedKind* kind>
absl::Status ValidateName(Call& call) {
  return IsScriptName(kind->name_prefix, call.request<Request>().name())
             ? absl::OkStatus()
             : errors::InvalidField(call.method().name, "name",
                                    kind->NameProblem());
}

// Leaves the request's Scope in Call::prepared.
template <typename Request>
absl::Status ValidateScope(Call& call) {
  absl::StatusOr<Scope> scope = Scope::Parse(call.request<Request>().scope());
  if (!scope.ok()) {
    return errors::InvalidField(call.method().name, "scope",
                                scope.status().message());
  }
  call.prepared = *std::move(scope);
  return absl::OkStatus();
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_SCRIPT_REQUESTS_H_
