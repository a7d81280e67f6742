#include "server/mock/script.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/call/errors.h"

namespace spanner_session_emulator {
namespace {

// What fits into a client's 8 KiB of trailers, even several times.
constexpr size_t kMaxDetailsBytes = 2048;

constexpr size_t kMaxIdSize = 63;

}  // namespace

absl::Status InvalidScript(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", problem));
}

absl::Status ReadScriptError(const std::string& field, const v1::Error& error,
                             absl::Status& status) {
  if (error.code() == google::rpc::OK ||
      !google::rpc::Code_IsValid(error.code())) {
    return InvalidScript(absl::StrCat(field, ".code"),
                         "must be a code of google.rpc.Code other than OK, as "
                         "\"ABORTED\" or 10");
  }
  if (error.message().size() > errors::kMaxTextBytes) {
    return InvalidScript(
        absl::StrCat(field, ".message"),
        absl::StrCat("must be at most ", errors::kMaxTextBytes,
                     " bytes long, as clients take no more than 8 KiB of "
                     "trailers"));
  }
  if (!error.message().empty() &&
      absl::ascii_isspace(static_cast<unsigned char>(error.message().back()))) {
    return InvalidScript(absl::StrCat(field, ".message"),
                         "must not end in a blank: some clients would drop it");
  }
  status = absl::Status(static_cast<absl::StatusCode>(error.code()),
                        error.message());
  // As Spanner always says when to try again.
  if (absl::IsAborted(status) && error.details().empty()) {
    status = error.message().empty()
                 ? errors::TransactionAborted()
                 : errors::TransactionAborted(errors::kAbortRetryDelay,
                                              error.message());
  }
  size_t bytes = 0;
  for (int i = 0; i < error.details_size(); ++i) {
    const google::protobuf::Any& detail = error.details(i);
    const std::string name = absl::StrCat(field, ".details[", i, "]");
    if (detail.type_url().empty()) {
      return InvalidScript(name, "must have a type");
    }
    if (status.GetPayload(detail.type_url()).has_value()) {
      return InvalidScript(name, "must have another type than those before it");
    }
    bytes += detail.ByteSizeLong();
    if (bytes > kMaxDetailsBytes) {
      return InvalidScript(name,
                           absl::StrCat("is too long: all details must have at "
                                        "most ",
                                        kMaxDetailsBytes, " bytes together"));
    }
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return absl::OkStatus();
}

void WriteScriptError(const absl::Status& status, v1::Error& error) {
  error.Clear();
  error.set_code(static_cast<google::rpc::Code>(status.raw_code()));
  error.set_message(std::string(status.message()));
  status.ForEachPayload(
      [&error](absl::string_view type_url, const absl::Cord& payload) {
        google::protobuf::Any& detail = *error.add_details();
        detail.set_type_url(std::string(type_url));
        detail.set_value(std::string(payload));
      });
}

std::string ScriptKind::NameOf(absl::string_view id) const {
  return absl::StrCat(plural, "/", id);
}

std::string ScriptKind::NameProblem() const {
  return absl::StrCat("must be ", plural, "/<", singular,
                      ">, with 1 to 63 letters, digits, `-`, `_` and `.`");
}

bool ScriptKind::IsName(absl::string_view name) const {
  if (!absl::ConsumePrefix(&name, plural) || !absl::ConsumePrefix(&name, "/")) {
    return false;
  }
  return !name.empty() && name.size() <= kMaxIdSize &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

bool LiesIn(absl::string_view name, absl::string_view scope) {
  return scope.empty() || name == scope ||
         (absl::ConsumePrefix(&name, scope) && absl::StartsWith(name, "/"));
}

}  // namespace spanner_session_emulator
