#include "server/transport/rest/field_path.h"

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/transport/rest/json.h"

namespace spanner_session_emulator {

namespace pb = ::google::protobuf;

const pb::FieldDescriptor* FindField(const pb::Descriptor& type,
                                     absl::string_view name) {
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor* field = type.field(i);
    if (field->name() == name || field->json_name() == name) return field;
  }
  return nullptr;
}

std::optional<FieldPath> FindFieldPath(const pb::Descriptor& type,
                                       absl::string_view names) {
  FieldPath path;
  const pb::Descriptor* inside = &type;
  for (const absl::string_view name : absl::StrSplit(names, '.')) {
    if (inside == nullptr) return std::nullopt;
    const pb::FieldDescriptor* field = FindField(*inside, name);
    if (field == nullptr) return std::nullopt;
    path.push_back(field);
    inside = field->is_repeated() || field->message_type() == nullptr ||
                     IsScalarInJson(*field->message_type())
                 ? nullptr
                 : field->message_type();
  }
  return path;
}

bool IsScalarInJson(const pb::Descriptor& type) {
  switch (type.well_known_type()) {
    case pb::Descriptor::WELLKNOWNTYPE_UNSPECIFIED:
    case pb::Descriptor::WELLKNOWNTYPE_ANY:
    case pb::Descriptor::WELLKNOWNTYPE_STRUCT:
    case pb::Descriptor::WELLKNOWNTYPE_VALUE:
    case pb::Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return false;
    default:
      return true;
  }
}

bool Overlap(const FieldPath& a, const FieldPath& b) {
  const size_t size = std::min(a.size(), b.size());
  return std::equal(a.begin(), a.begin() + size, b.begin());
}

bool SetField(pb::Message& message, const FieldPath& path,
              absl::string_view text) {
  pb::Message* owner = &message;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    owner = owner->GetReflection()->MutableMessage(owner, path[i]);
  }
  const pb::FieldDescriptor* field = path.back();
  const pb::Reflection* reflection = owner->GetReflection();
  if (field->type() == pb::FieldDescriptor::TYPE_STRING) {
    if (field->is_repeated()) {
      reflection->AddString(owner, field, std::string(text));
    } else {
      reflection->SetString(owner, field, std::string(text));
    }
    return true;
  }
  // JSON takes every other scalar as a string, too.
  std::string json = absl::StrCat("{\"", field->json_name(),
                                  field->is_repeated() ? "\":[" : "\":");
  AppendJsonString(text, json);
  json += field->is_repeated() ? "]}" : "}";
  const std::unique_ptr<pb::Message> parsed(owner->New());
  if (ParseJson(json, *parsed).has_value()) return false;
  if (field->is_repeated() || field->has_presence()) {
    owner->MergeFrom(*parsed);
    return true;
  }
  // Merging would not replace a value by the default one.
  reflection->ClearField(owner, field);
  owner->MergeFrom(*parsed);
  return true;
}

}  // namespace spanner_session_emulator
