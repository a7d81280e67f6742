#include "server/mock/stub_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/mock/statement_text.h"
#include "server/mock/values.h"

namespace spanner_session_emulator {
namespace {

using google::spanner::v1::KeyRange;
using google::spanner::v1::KeySet;

// Errors are cut to 1,024 bytes, and the stub must be whole.
constexpr size_t kMaxShown = 300;

std::string Shown(absl::string_view text) {
  return text.size() <= kMaxShown
             ? std::string(text)
             : absl::StrCat(Beginning(text, kMaxShown), "...");
}

std::string StatementStub(const StubCall& call) {
  constexpr absl::string_view kCount = "{\"rowCount\":1}";
  constexpr absl::string_view kRows =
      "{\"columns\":[\"Name STRING\"],\"rows\":[[\"value\"]]}";
  // A long statement is matched by its beginning.
  size_t size = kMaxShown;
  while (JsonString(Beginning(call.sql, size)).size() > kMaxShown + 100) {
    size /= 2;
  }
  const absl::string_view beginning = Beginning(call.sql, size);
  const bool whole = beginning.size() == call.sql.size();
  return absl::StrCat("{\"match\":{\"", whole ? "sql" : "sqlPrefix",
                      "\":", JsonString(beginning),
                      "},\"answer\":", call.is_dml ? kCount : kRows, "}");
}

std::string ReadStub(const StubCall& call) {
  std::string stub = absl::StrCat("{\"match\":{\"read\":{\"table\":",
                                  JsonString(Beginning(call.table, kMaxShown)),
                                  "}},\"answer\":");
  const auto columns = absl::StrJoin(
      *call.columns, ",", [](std::string* out, const std::string& name) {
        absl::StrAppend(out, JsonString(absl::StrCat("`", name, "` STRING")));
      });
  const auto values = absl::StrJoin(*call.columns, ",",
                                    [](std::string* out, const std::string&) {
                                      absl::StrAppend(out, "\"value\"");
                                    });
  if (columns.size() + values.size() <= kMaxShown) {
    return absl::StrCat(stub, "{\"columns\":[", columns, "],\"rows\":[[",
                        values, "]]}}");
  }
  return absl::StrCat(stub, "{\"columns\":[\"Name STRING\"],\"rows\":[]}}");
}

}  // namespace

StubCall StubCall::Statement(absl::string_view database, absl::string_view sql,
                             const google::protobuf::Struct& params) {
  StubCall call;
  call.kind = Kind::kStatement;
  call.database = database;
  call.sql = FoldBlanks(sql);
  call.is_dml = IsDml(sql);
  call.params = &params;
  return call;
}

StubCall StubCall::Read(
    absl::string_view database, absl::string_view table,
    absl::string_view index,
    const google::protobuf::RepeatedPtrField<std::string>& columns,
    const KeySet& key_set) {
  StubCall call;
  call.kind = Kind::kRead;
  call.database = database;
  call.table = table;
  call.index = index;
  call.columns = &columns;
  call.key_set = &key_set;
  return call;
}

StubCall StubCall::BatchWrite(absl::string_view database,
                              std::vector<absl::string_view> tables) {
  StubCall call;
  call.kind = Kind::kBatchWrite;
  call.database = database;
  call.tables = std::move(tables);
  return call;
}

void AppendFacet(const google::protobuf::Value& param, std::string& out) {
  AppendCanonical(param, out);
}

void AppendFacet(const KeySet& key_set, std::string& out) {
  for (const auto& key : key_set.keys()) AppendCanonical(key, out);
  for (const KeyRange& range : key_set.ranges()) {
    out += range.has_start_open() ? '(' : '<';
    AppendCanonical(
        range.has_start_open() ? range.start_open() : range.start_closed(),
        out);
    AppendCanonical(
        range.has_end_open() ? range.end_open() : range.end_closed(), out);
    out += range.has_end_open() ? ')' : '>';
  }
  if (key_set.all()) out += '*';
}

std::optional<std::string> FacetValues(const StubCall& call,
                                       absl::Span<const std::string> facets) {
  std::string values;
  if (facets.empty()) return values;
  if (call.kind == StubCall::Kind::kRead) {
    AppendFacet(*call.key_set, values);
    return values;
  }
  for (const std::string& name : facets) {
    const auto it = call.params->fields().find(name);
    if (it == call.params->fields().end()) return std::nullopt;
    AppendFacet(it->second, values);
  }
  return values;
}

std::string DescribeCall(const StubCall& call) {
  switch (call.kind) {
    case StubCall::Kind::kStatement:
      return absl::StrCat("the statement `", Shown(call.sql), "`");
    case StubCall::Kind::kRead:
      return absl::StrCat("the read of table `", Shown(call.table), "`",
                          call.index.empty() ? "" : " by index `",
                          Shown(call.index), call.index.empty() ? "" : "`");
    case StubCall::Kind::kBatchWrite:
      return "this BatchWrite";
  }
  return "";
}

std::string StubJson(const StubCall& call) {
  switch (call.kind) {
    case StubCall::Kind::kStatement:
      return StatementStub(call);
    case StubCall::Kind::kRead:
      return ReadStub(call);
    case StubCall::Kind::kBatchWrite:
      return "{\"match\":{\"batchWrite\":{}},\"answer\":{"
             "\"batchWriteResponses\":[{\"indexes\":[0],\"status\":{}}]}}";
  }
  return "";
}

}  // namespace spanner_session_emulator
