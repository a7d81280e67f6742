#include "server/mock/column_types.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// Enough for any schema, and little enough for the stack.
constexpr int kMaxDepth = 16;

struct NamedType {
  absl::string_view name;
  api::TypeCode code;
  api::TypeAnnotationCode annotation = api::TYPE_ANNOTATION_CODE_UNSPECIFIED;
};

// Where a code has several names, the first is that of TypeText().
constexpr NamedType kTypes[] = {
    {"BOOL", api::BOOL},
    {"INT64", api::INT64},
    {"FLOAT64", api::FLOAT64},
    {"FLOAT32", api::FLOAT32},
    {"TIMESTAMP", api::TIMESTAMP},
    {"DATE", api::DATE},
    {"STRING", api::STRING},
    {"BYTES", api::BYTES},
    {"NUMERIC", api::NUMERIC},
    {"JSON", api::JSON},
    {"INTERVAL", api::INTERVAL},
    {"UUID", api::UUID},
    {"ARRAY", api::ARRAY},
    {"STRUCT", api::STRUCT},
    {"PROTO", api::PROTO},
    {"ENUM", api::ENUM},
    {"PG_NUMERIC", api::NUMERIC, api::PG_NUMERIC},
    {"PG_JSONB", api::JSON, api::PG_JSONB},
    {"PG_OID", api::INT64, api::PG_OID},
};

const NamedType* FindType(absl::string_view name) {
  for (const NamedType& type : kTypes) {
    if (absl::EqualsIgnoreCase(type.name, name)) return &type;
  }
  return nullptr;
}

bool IsWordCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' ||
         (c & 0x80) != 0;  // Letters of other languages.
}

class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text), rest_(text) {}

  absl::StatusOr<api::StructType::Field> Parse() {
    api::StructType::Field field;
    if (absl::Status s = ParseField(0, field); !s.ok()) return s;
    SkipBlanks();
    if (!rest_.empty()) return Expected("the end");
    return field;
  }

 private:
  // `what` stands before the rest of the text.
  absl::Status Expected(absl::string_view what) const {
    const std::string place =
        rest_.empty() ? "at its end"
                      : absl::StrCat("before `", rest_.substr(0, 40), "`");
    return absl::InvalidArgumentError(
        absl::StrCat("must be a name and a type, as `Id INT64`, but `",
                     text_.substr(0, 200), "` lacks ", what, " ", place));
  }

  void SkipBlanks() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  bool Take(char c) {
    SkipBlanks();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  absl::string_view TakeWord() {
    SkipBlanks();
    size_t size = 0;
    while (size < rest_.size() && IsWordCharacter(rest_[size])) ++size;
    const absl::string_view word = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return word;
  }

  // One word is a type; of two, the first is a name.
  absl::Status ParseField(int depth, api::StructType::Field& field) {
    if (Take('`')) {
      const size_t end = rest_.find('`');
      if (end == absl::string_view::npos) return Expected("a backquote");
      field.set_name(std::string(rest_.substr(0, end)));
      rest_.remove_prefix(end + 1);
      return ParseType(depth, TakeWord(), *field.mutable_type());
    }
    const absl::string_view first = TakeWord();
    SkipBlanks();
    if (!rest_.empty() && IsWordCharacter(rest_[0])) {
      field.set_name(std::string(first));
      return ParseType(depth, TakeWord(), *field.mutable_type());
    }
    return ParseType(depth, first, *field.mutable_type());
  }

  absl::Status ParseType(int depth, absl::string_view name, api::Type& type) {
    if (depth > kMaxDepth) {
      return absl::InvalidArgumentError(
          absl::StrCat("must not have types inside of each other more than ",
                       kMaxDepth, " deep"));
    }
    if (name.empty()) return Expected("a type");
    const NamedType* known = FindType(name);
    if (known == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "must have a type of Spanner, as `Id INT64`, but `",
          name.substr(0, 40), "` is none of ",
          absl::StrJoin(kTypes, ", ", [](std::string* out, const NamedType& t) {
            absl::StrAppend(out, t.name);
          })));
    }
    type.set_code(known->code);
    type.set_type_annotation(known->annotation);
    switch (known->code) {
      case api::STRING:
      case api::BYTES:
        return SkipLength();
      case api::ARRAY: {
        if (!Take('<')) return Expected("`<`");
        const absl::string_view element = TakeWord();
        if (absl::EqualsIgnoreCase(element, "ARRAY")) {
          return absl::InvalidArgumentError(
              "must not have an ARRAY of ARRAYs, which Spanner does not know; "
              "put a STRUCT between them");
        }
        if (absl::Status s = ParseType(depth + 1, element,
                                       *type.mutable_array_element_type());
            !s.ok()) {
          return s;
        }
        return Take('>') ? absl::OkStatus() : Expected("`>`");
      }
      case api::STRUCT: {
        if (!Take('<')) return Expected("`<`");
        type.mutable_struct_type();
        if (Take('>')) return absl::OkStatus();
        do {
          if (absl::Status s = ParseField(
                  depth + 1, *type.mutable_struct_type()->add_fields());
              !s.ok()) {
            return s;
          }
        } while (Take(','));
        return Take('>') ? absl::OkStatus() : Expected("`,` or `>`");
      }
      case api::PROTO:
      case api::ENUM: {
        if (!Take('<')) return Expected("`<` and a full name");
        const size_t end = rest_.find('>');
        if (end == absl::string_view::npos) return Expected("`>`");
        const absl::string_view full_name =
            absl::StripAsciiWhitespace(rest_.substr(0, end));
        if (full_name.empty()) return Expected("a full name");
        type.set_proto_type_fqn(std::string(full_name));
        rest_.remove_prefix(end + 1);
        return absl::OkStatus();
      }
      default:
        return absl::OkStatus();
    }
  }

  // `(MAX)` or `(100)`, as in a schema; results do not say it.
  absl::Status SkipLength() {
    if (!Take('(')) return absl::OkStatus();
    if (TakeWord().empty()) return Expected("a length");
    return Take(')') ? absl::OkStatus() : Expected("`)`");
  }

  const absl::string_view text_;
  absl::string_view rest_;
};

}  // namespace

absl::StatusOr<api::StructType::Field> ParseColumn(absl::string_view text) {
  return Parser(text).Parse();
}

std::string TypeText(const api::Type& type) {
  std::string text = absl::StrCat("type ", static_cast<int>(type.code()));
  for (const NamedType& known : kTypes) {
    if (known.code != type.code()) continue;
    text = std::string(known.name);
    if (known.annotation == type.type_annotation()) break;
  }
  switch (type.code()) {
    case api::ARRAY:
      return absl::StrCat(text, "<", TypeText(type.array_element_type()), ">");
    case api::STRUCT:
      return absl::StrCat(
          text, "<",
          absl::StrJoin(type.struct_type().fields(), ", ",
                        [](std::string* out, const auto& field) {
                          absl::StrAppend(out, field.name(),
                                          field.name().empty() ? "" : " ",
                                          TypeText(field.type()));
                        }),
          ">");
    case api::PROTO:
    case api::ENUM:
      return absl::StrCat(text, "<", type.proto_type_fqn(), ">");
    default:
      return text;
  }
}

}  // namespace spanner_session_emulator
