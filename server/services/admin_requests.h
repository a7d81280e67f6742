// What the methods of the admin API have in common. Stateless, thread-safe.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_ADMIN_REQUESTS_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_ADMIN_REQUESTS_H_

#include <any>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "google/longrunning/operations.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"
#include "server/call/call.h"
#include "server/call/errors.h"
#include "server/call/method.h"
#include "server/services/operation_filter.h"
#include "server/services/operations.h"

namespace spanner_session_emulator {

// The largest page of all lists of the admin API, and the default.
inline constexpr int kMaxAdminPageSize = 1000;

// INVALID_ARGUMENT about a field of the call's request.
inline absl::Status InvalidAdminField(const Call& call, absl::string_view field,
                                      absl::string_view problem) {
  return errors::InvalidField(call.method().name, field, problem);
}

// The name in the field that names the method's resource, parsed.
template <typename Name>
absl::StatusOr<Name> ReadName(const Call& call) {
  auto name = Name::Parse(call.method().resource(call.request()));
  if (name.ok()) return name;
  return InvalidAdminField(call, call.method().resource_field,
                           name.status().message());
}

// A validator that leaves it in Call::prepared, for PreparedName().
template <typename Name>
absl::Status ValidateName(Call& call) {
  auto name = ReadName<Name>(call);
  if (!name.ok()) return name.status();
  call.prepared = *std::move(name);
  return absl::OkStatus();
}
template <typename Name>
const Name& PreparedName(const Call& call) {
  return *std::any_cast<Name>(&call.prepared);
}

// Whether an id is `[a-z]`, more of that, digits and what else is allowed, and
// at the end `[a-z0-9]`, from 2 to so many characters.
bool IsAdminId(absl::string_view id, absl::string_view also, size_t longest);

// The id at the end of a name.
absl::string_view IdOf(absl::string_view name);

// Which of the items of a list, known by their keys, a page has.
struct AdminPage {
  size_t begin = 0;
  size_t end = 0;
  std::string next_page_token;
};
// `keys` rise; `list` is what makes it this list: its parent, its filter. The
// token is that of an earlier page, or empty; INVALID_ARGUMENT if it is of
// another list.
absl::StatusOr<AdminPage> PageOf(const Call& call,
                                 const std::vector<std::string>& keys,
                                 absl::string_view list, int page_size,
                                 absl::string_view page_token);

// INVALID_ARGUMENT if the mask is empty, or has a path that is not in
// `allowed`.
absl::Status CheckMask(const Call& call, absl::string_view field,
                       const google::protobuf::FieldMask& mask,
                       const std::vector<absl::string_view>& allowed);

// Of a list of operations; INVALID_ARGUMENT for what is no filter.
absl::StatusOr<OperationFilter> ReadOperationFilter(const Call& call,
                                                    absl::string_view filter);

// A page of the operations for whose name `wanted` says so and that match the
// request's filter; `list` as in PageOf(), without the filter.
template <typename Request, typename Response>
absl::Status ListOperationsOf(
    const Call& call, const Operations& operations,
    absl::FunctionRef<bool(absl::string_view name)> wanted,
    absl::string_view list, const Request& request, Response& response) {
  const auto filter = ReadOperationFilter(call, request.filter());
  if (!filter.ok()) return filter.status();
  std::vector<Operations::Entry> entries = operations.List(wanted);
  std::erase_if(entries, [&filter](const Operations::Entry& entry) {
    return !filter->Matches(*entry.operation);
  });
  std::vector<std::string> numbers;
  numbers.reserve(entries.size());
  for (const Operations::Entry& entry : entries) {
    numbers.push_back(absl::StrFormat("%020d", entry.number));
  }
  const auto page =
      PageOf(call, numbers, absl::StrCat(list, "\n", request.filter()),
             request.page_size(), request.page_token());
  if (!page.ok()) return page.status();
  for (size_t i = page->begin; i < page->end; ++i) {
    *response.add_operations() = *entries[i].operation;
  }
  response.set_next_page_token(page->next_page_token);
  return absl::OkStatus();
}

// An operation that is done.
google::longrunning::Operation DoneOperation(
    std::string name, const google::protobuf::Message& metadata,
    const google::protobuf::Message& response);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_ADMIN_REQUESTS_H_
