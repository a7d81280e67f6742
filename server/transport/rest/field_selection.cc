#include "server/transport/rest/field_selection.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/transport/rest/field_path.h"

namespace spanner_session_emulator {
namespace {

namespace pb = ::google::protobuf;

constexpr absl::string_view kAll = "*";

constexpr int kMaxFields = 10'000;

absl::Status Malformed(absl::string_view problem) {
  return absl::InvalidArgumentError(problem);
}

// The text of a map's key, as JSON writes it.
std::string KeyText(const pb::Message& entry) {
  const pb::FieldDescriptor* key = entry.GetDescriptor()->map_key();
  const pb::Reflection* reflection = entry.GetReflection();
  switch (key->cpp_type()) {
    case pb::FieldDescriptor::CPPTYPE_STRING:
      return reflection->GetString(entry, key);
    case pb::FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection->GetInt32(entry, key));
    case pb::FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection->GetInt64(entry, key));
    case pb::FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection->GetUInt32(entry, key));
    case pb::FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection->GetUInt64(entry, key));
    default:
      return reflection->GetBool(entry, key) ? "true" : "false";
  }
}

// Of which fields JSON shows those inside.
const pb::Descriptor* ObjectType(const pb::FieldDescriptor& field) {
  const pb::Descriptor* type = field.message_type();
  if (type == nullptr) return nullptr;
  const auto well_known = type->well_known_type();
  return well_known == pb::Descriptor::WELLKNOWNTYPE_UNSPECIFIED ||
                 well_known == pb::Descriptor::WELLKNOWNTYPE_STRUCT
             ? type
             : nullptr;
}

}  // namespace

// Blanks around names and marks do not matter.
// List = Item { "," Item } ;  Item = Name [ ("/" | ".") Item | "(" List ")" ] ;
class FieldSelection::Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Names> Parse() {
    Names names;
    if (absl::Status s = List(names, 0); !s.ok()) return s;
    if (!text_.empty()) {
      return Malformed(absl::StrCat("is malformed at \"", text_, "\""));
    }
    return names;
  }

 private:
  // Deeper than any message that one would select from.
  static constexpr int kMaxDepth = 50;

  absl::Status List(Names& names, int depth) {
    do {
      if (absl::Status s = Item(names, depth); !s.ok()) return s;
    } while (Take(','));
    return absl::OkStatus();
  }

  absl::Status Item(Names& names, int depth) {
    if (depth > kMaxDepth) return Malformed("is nested too deeply");
    const absl::string_view raw = text_.substr(0, text_.find_first_of(",/.()"));
    const absl::string_view name = absl::StripAsciiWhitespace(raw);
    if (name.empty()) {
      return Malformed(
          raw.size() == text_.size()
              ? "ends where the name of a field should be"
              : absl::StrCat("lacks the name of a field at \"", text_, "\""));
    }
    text_.remove_prefix(raw.size());
    Names& named = names.below[std::string(name)];
    if (Take('/') || Take('.')) return Item(named, depth + 1);
    if (Take('(')) {
      if (absl::Status s = List(named, depth + 1); !s.ok()) return s;
      return Take(')') ? absl::OkStatus() : Malformed("lacks a ')'");
    }
    named.whole = true;
    return absl::OkStatus();
  }

  bool Take(char c) {
    text_ = absl::StripLeadingAsciiWhitespace(text_);
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  absl::string_view text_;  // What is left.
};

absl::StatusOr<FieldSelection> FieldSelection::Parse(
    absl::string_view text, const pb::Descriptor& type) {
  const absl::StatusOr<Names> names = Parser(text).Parse();
  if (!names.ok()) return names.status();
  int budget = kMaxFields;
  return Resolve(*names, type, budget);
}

absl::StatusOr<FieldSelection> FieldSelection::Resolve(
    const Names& names, const pb::Descriptor& type, int& budget) {
  FieldSelection result;
  for (const auto& [name, below] : names.below) {
    if (name == kAll) {
      // What is below must be in some field, not in each.
      absl::Status status = absl::OkStatus();
      bool any = below.whole || type.field_count() == 0;
      for (int i = 0; i < type.field_count(); ++i) {
        absl::Status s = result.Add(*type.field(i), below, budget);
        if (s.ok()) {
          any = true;
        } else {
          status = std::move(s);
        }
      }
      if (!any || budget < 0) return status;
      continue;
    }
    const pb::FieldDescriptor* field = FindField(type, name);
    if (field == nullptr) {
      return Malformed(absl::StrCat(
          "names \"", name, "\", which is no field of ", type.full_name()));
    }
    if (absl::Status s = result.Add(*field, below, budget); !s.ok()) return s;
  }
  return result;
}

absl::Status FieldSelection::Add(const pb::FieldDescriptor& field,
                                 const Names& names, int& budget) {
  if (--budget < 0) return Malformed("selects too many fields");
  FieldSelection selection;
  selection.whole_ = names.whole;
  if (field.is_map()) {
    const pb::FieldDescriptor* value = field.message_type()->map_value();
    for (const auto& [key, below] : names.below) {
      FieldSelection in_value;
      if (absl::Status s = in_value.Add(*value, below, budget); !s.ok())
        return s;
      selection.keys_[key].Merge(in_value.fields_.begin()->second);
    }
  } else if (!names.below.empty()) {
    const pb::Descriptor* type = ObjectType(field);
    if (type == nullptr) {
      return Malformed(absl::StrCat("asks for \"", names.below.begin()->first,
                                    "\" inside ", field.name(),
                                    ", which has no fields"));
    }
    // A Struct is what its only field, a map, is.
    Names of_struct;
    const bool is_struct =
        type->well_known_type() == pb::Descriptor::WELLKNOWNTYPE_STRUCT;
    if (is_struct) of_struct.below["fields"].below = names.below;
    auto inside = Resolve(is_struct ? of_struct : names, *type, budget);
    if (!inside.ok()) return inside.status();
    selection.Merge(*inside);
  }
  fields_[&field].Merge(selection);
  return absl::OkStatus();
}

void FieldSelection::Merge(const FieldSelection& other) {
  whole_ = whole_ || other.whole_;
  for (const auto& [field, below] : other.fields_) fields_[field].Merge(below);
  for (const auto& [key, below] : other.keys_) keys_[key].Merge(below);
}

void FieldSelection::Apply(pb::Message& message) const {
  const pb::Reflection* reflection = message.GetReflection();
  std::vector<const pb::FieldDescriptor*> present;
  reflection->ListFields(message, &present);
  for (const pb::FieldDescriptor* field : present) {
    const auto it = fields_.find(field);
    if (it == fields_.end()) {
      reflection->ClearField(&message, field);
    } else if (it->second.whole_) {
      continue;
    } else if (field->is_map()) {
      it->second.ApplyToMap(message, *field);
    } else if (field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        it->second.Apply(
            *reflection->MutableRepeatedMessage(&message, field, i));
      }
    } else {
      it->second.Apply(*reflection->MutableMessage(&message, field));
    }
  }
}

void FieldSelection::ApplyToMap(pb::Message& message,
                                const pb::FieldDescriptor& field) const {
  const pb::Reflection* reflection = message.GetReflection();
  int kept = 0;
  for (int i = 0; i < reflection->FieldSize(message, &field); ++i) {
    pb::Message* entry =
        reflection->MutableRepeatedMessage(&message, &field, i);
    FieldSelection wanted;
    for (const std::string& key : {KeyText(*entry), std::string(kAll)}) {
      if (const auto it = keys_.find(key); it != keys_.end()) {
        wanted.Merge(it->second);
      }
    }
    if (!wanted.whole_ && wanted.fields_.empty()) continue;
    if (!wanted.whole_) {
      wanted.Apply(*entry->GetReflection()->MutableMessage(
          entry, entry->GetDescriptor()->map_value()));
    }
    reflection->SwapElements(&message, &field, i, kept++);
  }
  while (reflection->FieldSize(message, &field) > kept) {
    reflection->RemoveLast(&message, &field);
  }
}

}  // namespace spanner_session_emulator
