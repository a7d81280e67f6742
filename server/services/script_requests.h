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

// As std::any takes only what can be copied.
template <typename Thing>
using Prepared = std::shared_ptr<std::vector<std::unique_ptr<Thing>>>;

// For what is wrong in the request's `field`: `answer.rows[0] must …`.
inline absl::Status InvalidIn(const Call& call, absl::string_view field,
                              const absl::Status& problem) {
  const std::pair<absl::string_view, absl::string_view> field_and_problem =
      absl::StrSplit(problem.message(), absl::MaxSplits(' ', 1));
  return errors::InvalidField(call.method().name,
                              absl::StrCat(field, ".", field_and_problem.first),
                              field_and_problem.second);
}

// Prepares the one that is to be created, by the id that its request may have.
template <typename Thing, typename Proto>
absl::Status PrepareOne(Call& call, const ScriptKind& kind, const Proto& proto,
                        const std::string& id) {
  absl::StatusOr<std::unique_ptr<Thing>> thing = Thing::Make(proto);
  if (!thing.ok()) return InvalidIn(call, kind.singular, thing.status());
  if (!id.empty()) {
    const std::string field = absl::StrCat(kind.singular, "_id");
    std::string name = kind.NameOf(id);
    if (!kind.IsName(name)) {
      return errors::InvalidField(
          call.method().name, field,
          "must have 1 to 63 letters, digits, `-`, `_` and `.`");
    }
    if (!proto.name().empty() && proto.name() != name) {
      return errors::InvalidField(
          call.method().name, field,
          absl::StrCat("must be that of ", kind.singular,
                       ".name, if both are there"));
    }
    (*thing)->set_name(std::move(name));
  }
  auto things = std::make_shared<std::vector<std::unique_ptr<Thing>>>();
  things->push_back(*std::move(thing));
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
template <typename Request, const ScriptKind* kind>
absl::Status ValidateName(Call& call) {
  return kind->IsName(call.request<Request>().name())
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
