#include "server/transport/rest/rest_query.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/transport/rest/percent.h"

namespace spanner_session_emulator {
namespace {

// Returns what is wrong with a value of `alt`, or "".
std::string ReadAlt(absl::string_view value, RestQuery& query) {
  const std::vector<absl::string_view> parts = absl::StrSplit(value, ';');
  bool good = parts[0] == "json";
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == "enum-encoding=int") {
      query.enums_as_numbers = true;
    } else if (parts[i] != "enum-encoding=string") {
      good = false;
    }
  }
  return good ? ""
              : absl::StrCat("is \"", value,
                             "\", but replies come as \"json\" only");
}

// Takes a system parameter, whose name came without a '$' before it. Returns
// nothing if there is none of that name, else what is wrong with it, or "".
std::optional<std::string> ReadSystemParameter(absl::string_view name,
                                               const std::string& value,
                                               RestQuery& query) {
  if (name == "alt") return ReadAlt(value, query);
  if (name == "fields") {
    query.fields.reset();
    if (!absl::StripAsciiWhitespace(value).empty()) query.fields = value;
    return "";
  }
  if (name == "prettyPrint") {
    return absl::SimpleAtob(value, &query.pretty_print)
               ? ""
               : absl::StrCat("must be true or false, but is \"", value, "\"");
  }
  if (name == "access_token" || name == "oauth_token") {
    query.access_token = value;
    return "";
  }
  if (name == "callback") return "is not supported: there is no JSONP";
  // Without any effect here.
  for (const absl::string_view harmless :
       {"key", "quotaUser", "userProject", "uploadType", "upload_protocol",
        ".xgafv", "apiVersion"}) {
    if (name == harmless) return "";
  }
  return std::nullopt;
}

}  // namespace

RestQuery RestQuery::Parse(absl::string_view text) {
  RestQuery query;
  const auto wrong = [&](absl::string_view name, absl::string_view problem) {
    if (!query.problem.empty()) return;
    query.problem_parameter = std::string(name);
    query.problem = std::string(problem);
  };
  for (const absl::string_view part :
       absl::StrSplit(text, '&', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    std::optional<std::string> name = DecodeQueryText(pair.first);
    std::optional<std::string> value = DecodeQueryText(pair.second);
    if (!name.has_value() || !value.has_value() || !IsUtf8(*name) ||
        !IsUtf8(*value)) {
      wrong(absl::CHexEscape(pair.first), "is not percent-encoded UTF-8");
      continue;
    }
    if (name->empty()) {
      // As there is no name, all of it stands for the field.
      wrong(absl::CHexEscape(part), "has no name before the \"=\"");
      continue;
    }
    absl::string_view plain = *name;
    absl::ConsumePrefix(&plain, "$");
    const auto problem = ReadSystemParameter(plain, *value, query);
    if (!problem.has_value()) {
      query.parameters.emplace_back(*std::move(name), *std::move(value));
    } else if (!problem->empty()) {
      wrong(*name, *problem);
    }
  }
  return query;
}

}  // namespace spanner_session_emulator
