#include "server/services/admin_requests.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace spanner_session_emulator {

bool IsAdminId(absl::string_view id, absl::string_view also, size_t longest) {
  const auto is_plain = [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c));
  };
  return id.size() >= 2 && id.size() <= longest &&
         absl::ascii_islower(static_cast<unsigned char>(id.front())) &&
         is_plain(id.back()) && std::all_of(id.begin(), id.end(), [&](char c) {
           return is_plain(c) || also.find(c) != absl::string_view::npos;
         });
}

absl::string_view IdOf(absl::string_view name) {
  return name.substr(name.rfind('/') + 1);
}

absl::StatusOr<AdminPage> PageOf(const Call& call,
                                 const std::vector<std::string>& keys,
                                 absl::string_view list, int page_size,
                                 absl::string_view page_token) {
  // A token is the list, and the last key that was seen.
  const std::string before = absl::StrCat(list, "\n");
  AdminPage page;
  if (!page_token.empty()) {
    std::string text;
    absl::string_view last;
    const bool is_token = absl::WebSafeBase64Unescape(page_token, &text);
    last = text;
    if (!is_token || !absl::ConsumePrefix(&last, before)) {
      return InvalidAdminField(
          call, "page_token",
          "must be the next_page_token of a page of the same list");
    }
    page.begin =
        std::upper_bound(keys.begin(), keys.end(), last) - keys.begin();
  }
  const size_t size = page_size > 0 && page_size <= kMaxAdminPageSize
                          ? page_size
                          : kMaxAdminPageSize;
  page.end = std::min(keys.size(), page.begin + size);
  if (page.end < keys.size()) {
    page.next_page_token =
        absl::WebSafeBase64Escape(absl::StrCat(before, keys[page.end - 1]));
  }
  return page;
}

absl::Status CheckMask(const Call& call, absl::string_view field,
                       const google::protobuf::FieldMask& mask,
                       const std::vector<absl::string_view>& allowed) {
  const std::string names = absl::StrJoin(allowed, ", ");
  if (mask.paths().empty()) {
    return InvalidAdminField(call, field,
                             absl::StrCat("must say what to update: ", names));
  }
  for (const std::string& path : mask.paths()) {
    if (std::find(allowed.begin(), allowed.end(), path) == allowed.end()) {
      return InvalidAdminField(
          call, field,
          absl::StrCat("must have no path but ", names, ", but has \"",
                       absl::Utf8SafeCEscape(path), "\""));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<OperationFilter> ReadOperationFilter(const Call& call,
                                                    absl::string_view filter) {
  auto parsed = OperationFilter::Parse(filter);
  if (parsed.ok()) return parsed;
  return InvalidAdminField(call, "filter", parsed.status().message());
}

google::longrunning::Operation DoneOperation(
    std::string name, const google::protobuf::Message& metadata,
    const google::protobuf::Message& response) {
  google::longrunning::Operation operation;
  operation.set_name(std::move(name));
  operation.mutable_metadata()->PackFrom(metadata);
  operation.set_done(true);
  operation.mutable_response()->PackFrom(response);
  return operation;
}

}  // namespace spanner_session_emulator
