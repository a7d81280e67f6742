#include "server/transport/rest/json.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/type.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/util/type_resolver.h"
#include "google/protobuf/util/type_resolver_util.h"
#include "google/protobuf/wrappers.pb.h"
#include "server/transport/rest/percent.h"
#include "store/mutex.h"

namespace spanner_session_emulator {
namespace {

namespace pb = ::google::protobuf;

constexpr absl::string_view kTypePrefix = "type.googleapis.com";

// Protobuf's own limit for messages inside messages.
constexpr int kMaxNesting = 100;

// The library asks for the types anew with each conversion, and protobuf's own
// resolver makes them anew from the descriptors: half of the whole time. This
// one keeps them, without the options of fields, for which JSON has no use.
class KeepingTypeResolver final : public pb::util::TypeResolver {
 public:
  pb::util::Status ResolveMessageType(const std::string& url,
                                      pb::Type* type) override {
    return Resolve(url, messages_, type, [&](pb::Type* fresh) {
      const auto status = made_->ResolveMessageType(url, fresh);
      for (pb::Field& field : *fresh->mutable_fields()) field.clear_options();
      return status;
    });
  }

  pb::util::Status ResolveEnumType(const std::string& url,
                                   pb::Enum* type) override {
    return Resolve(url, enums_, type, [&](pb::Enum* fresh) {
      return made_->ResolveEnumType(url, fresh);
    });
  }

 private:
  template <typename Type>
  using Kept = absl::flat_hash_map<std::string, std::unique_ptr<const Type>>;

  template <typename Type, typename Make>
  pb::util::Status Resolve(const std::string& url, Kept<Type>& kept, Type* type,
                           const Make& make) {
    const Type* found = nullptr;
    {
      MutexLock lock(&mu_);
      const auto it = kept.find(url);
      if (it != kept.end()) found = it->second.get();
    }
    if (found == nullptr) {
      auto fresh = std::make_unique<Type>();
      if (auto status = make(fresh.get()); !status.ok()) return status;
      MutexLock lock(&mu_);
      // What is there stays there, so copying needs no lock.
      found = kept.emplace(url, std::move(fresh)).first->second.get();
    }
    *type = *found;
    return pb::util::Status();
  }

  const std::unique_ptr<pb::util::TypeResolver> made_{
      pb::util::NewTypeResolverForDescriptorPool(
          std::string(kTypePrefix), pb::DescriptorPool::generated_pool())};
  Mutex mu_;
  Kept<pb::Type> messages_;  // These two only under mu_.
  Kept<pb::Enum> enums_;
};

// Made by the first who needs it.
pb::util::TypeResolver* Resolver() {
  static auto* const kResolver = new KeepingTypeResolver;
  return kResolver;
}

std::string TypeUrl(const pb::Message& message) {
  return absl::StrCat(kTypePrefix, "/", message.GetDescriptor()->full_name());
}

// The library does not limit arrays, but frees what it has read of them by
// recursion. It also takes strings in single quotes.
bool IsNestedTooDeeply(absl::string_view json) {
  int depth = 0;
  char quote = 0;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quote != 0) {
      if (c == '\\') ++i;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxNesting) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

// `type.googleapis.com/google.protobuf.Timestamp`, `TYPE_INT64`.
std::string ReadableType(absl::string_view type) {
  if (absl::ConsumePrefix(&type, "TYPE_")) return absl::AsciiStrToLower(type);
  return std::string(type.substr(type.rfind('/') + 1));
}

// Whether `line` shows a place in the line above.
bool IsCaret(absl::string_view line) {
  return absl::ConsumeSuffix(&line, "^") &&
         line.find_first_not_of(' ') == absl::string_view::npos;
}

// The library's texts are of these forms:
//   (path) name: Cannot find field.        also without the path
//   (path): invalid value X for type T     the same
//   (path) name: any other text            the same
//   any text \n a piece of the JSON \n a caret below the place
// where the caret counts the bytes of the piece, line breaks included.
JsonProblem Explain(absl::string_view message, absl::string_view json) {
  const size_t first = message.find('\n');
  const size_t last = message.rfind('\n');
  if (first < last && IsCaret(message.substr(last + 1))) {
    std::string text =
        absl::StrCat("is not valid JSON: ", message.substr(0, first));
    const absl::string_view piece = message.substr(first + 1, last - first - 1);
    absl::string_view place =
        piece.substr(std::min(message.size() - last - 2, piece.size()));
    int line = 0;
    if (const size_t at = json.find(piece);
        at != absl::string_view::npos && at == json.rfind(piece)) {
      const absl::string_view before =
          json.substr(0, static_cast<size_t>(place.data() - piece.data()) + at);
      line =
          1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    }
    place = place.substr(0, place.find_first_of("\r\n"));
    if (!place.empty() && IsUtf8(place)) {
      absl::StrAppend(&text, " At: ", place);
    }
    return {.field = "", .text = std::move(text), .line = line};
  }
  JsonProblem problem;
  if (absl::ConsumePrefix(&message, "(")) {
    const size_t end = message.find(')');
    problem.field = std::string(message.substr(0, end));
    message.remove_prefix(std::min(message.size(), end + 1));
    absl::ConsumePrefix(&message, " ");
  }
  const size_t colon = message.find(": ");
  if (colon == absl::string_view::npos) {
    problem.text = absl::StrCat("is invalid: ", message);
    return problem;
  }
  if (const absl::string_view name = message.substr(0, colon); !name.empty()) {
    absl::StrAppend(&problem.field, problem.field.empty() ? "" : ".", name);
  }
  message.remove_prefix(colon + 2);
  if (message == "Cannot find field.") {
    problem.text = "is not a known field";
  } else if (absl::ConsumePrefix(&message, "invalid value ")) {
    const size_t type = message.rfind(" for type ");
    problem.text = absl::StrCat(
        "has an invalid value: ", message.substr(0, type), ", for type ",
        ReadableType(message.substr(std::min(message.size(), type + 10))));
  } else {
    problem.text = absl::StrCat("is invalid: ", message);
  }
  return problem;
}

// Whole bytes of a character at the beginning of `text`; 0 for what is none.
size_t CharacterSize(absl::string_view text) {
  for (size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (IsUtf8(text.substr(0, size))) return size;
  }
  return 0;
}

}  // namespace

std::optional<JsonProblem> ParseJson(absl::string_view json,
                                     pb::Message& message) {
  const JsonProblem too_deep = {.field = "", .text = "is nested too deeply"};
  if (IsNestedTooDeeply(json)) return too_deep;
  std::string binary;
  pb::util::Status status;
  try {
    status = pb::util::JsonToBinaryString(
        Resolver(), TypeUrl(message),
        pb::StringPiece(json.data(), static_cast<ptrdiff_t>(json.size())),
        &binary, pb::util::JsonParseOptions());
  } catch (const pb::FatalException&) {
    // Some texts with a malformed Any, as `{"@type":"…Duration","value":"x"}5`,
    // break an assumption of the library.
    return JsonProblem{.field = "", .text = "is not valid JSON"};
  }
  if (!status.ok()) {
    JsonProblem problem = Explain(
        absl::string_view(status.message().data(), status.message().size()),
        json);
    // A problem is one line, whatever names and values have in them.
    for (std::string* text : {&problem.field, &problem.text}) {
      std::replace_if(text->begin(), text->end(), absl::ascii_iscntrl, ' ');
    }
    return problem;
  }
  // Values inside values take two levels of messages each.
  if (!message.ParseFromString(binary)) return too_deep;
  return std::nullopt;
}

JsonProblem WithoutValues(const JsonProblem& problem,
                          const pb::Descriptor& type) {
  if (problem.field.empty()) {
    constexpr absl::string_view kNoJson = "is not valid JSON";
    JsonProblem whole;
    if (problem.line > 0) {
      whole.text = absl::StrCat(kNoJson, ": see line ", problem.line);
    } else if (absl::StartsWith(problem.text, kNoJson)) {
      whole.text = std::string(kNoJson);
    } else {
      whole.text = absl::StrCat("is not the JSON of a ", type.full_name());
    }
    return whole;
  }
  JsonProblem safe;
  const pb::Descriptor* owner = &type;
  const pb::FieldDescriptor* field = nullptr;
  bool is_index = false;  // An element of a list, not the list.
  for (const absl::string_view part : absl::StrSplit(problem.field, '.')) {
    const std::string name(part.substr(0, part.find('[')));
    absl::string_view index = part.substr(name.size());
    const pb::FieldDescriptor* next = nullptr;
    if (owner != nullptr) {
      next = owner->FindFieldByName(name);
      if (next == nullptr) next = owner->FindFieldByCamelcaseName(name);
    }
    int number = 0;
    is_index = absl::ConsumePrefix(&index, "[") &&
               absl::ConsumeSuffix(&index, "]") &&
               absl::SimpleAtoi(index, &number);
    if (next == nullptr || (part.size() > name.size() && !is_index)) {
      std::vector<absl::string_view> names;
      for (int i = 0; owner != nullptr && i < owner->field_count(); ++i) {
        names.push_back(owner->field(i)->name());
      }
      safe.text = absl::StrCat("has a field that is none of: ",
                               absl::StrJoin(names, ", "));
      return safe;
    }
    field = next;
    owner = field->message_type();
    absl::StrAppend(&safe.field, safe.field.empty() ? "" : ".", field->name());
    if (is_index) absl::StrAppend(&safe.field, "[", number, "]");
  }
  safe.text = absl::StrCat(
      "must be ", field->is_repeated() && !is_index ? "a list of " : "of type ",
      field->message_type() != nullptr ? field->message_type()->full_name()
                                       : field->type_name());
  return safe;
}

absl::Status PrintJson(const pb::Message& message, const JsonOptions& options,
                       std::string& out) {
  std::string binary;
  {
    pb::io::StringOutputStream stream(&binary);
    pb::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  pb::util::JsonPrintOptions print;
  print.always_print_enums_as_ints = options.enums_as_numbers;
  pb::io::ArrayInputStream input(binary.data(),
                                 static_cast<int>(binary.size()));
  pb::io::StringOutputStream output(&out);
  const auto status = pb::util::BinaryToJsonStream(Resolver(), TypeUrl(message),
                                                   &input, &output, print);
  if (status.ok()) return absl::OkStatus();
  return absl::Status(
      static_cast<absl::StatusCode>(status.code()),
      absl::string_view(status.message().data(), status.message().size()));
}

void AppendJsonString(absl::string_view text, std::string& out) {
  pb::StringValue value;
  if (IsUtf8(text)) {
    value.set_value(std::string(text));
  } else {
    while (!text.empty()) {
      if (const size_t size = CharacterSize(text); size > 0) {
        absl::StrAppend(value.mutable_value(), text.substr(0, size));
        text.remove_prefix(size);
      } else {
        *value.mutable_value() += "\xef\xbf\xbd";  // The replacement character.
        text.remove_prefix(1);
      }
    }
  }
  // So that all of a reply is escaped in one way. A string always has a form.
  (void)PrintJson(value, {}, out);
}

std::string IndentJson(absl::string_view json) {
  std::string result;
  result.reserve(json.size() + json.size() / 2);
  size_t level = 0;
  const auto new_line = [&] {
    result += '\n';
    result.append(2 * level, ' ');
  };
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    switch (c) {
      case '"': {
        const size_t begin = i++;
        while (json[i] != '"') i += json[i] == '\\' ? 2 : 1;
        result.append(json.data() + begin, i + 1 - begin);
        break;
      }
      case '{':
      case '[':
        result += c;
        if (json[i + 1] == '}' || json[i + 1] == ']') {
          result += json[++i];
        } else {
          ++level;
          new_line();
        }
        break;
      case '}':
      case ']':
        --level;
        new_line();
        result += c;
        break;
      case ',':
        result += c;
        new_line();
        break;
      case ':':
        result += ": ";
        break;
      default:
        result += c;
    }
  }
  result += '\n';
  return result;
}

}  // namespace spanner_session_emulator
