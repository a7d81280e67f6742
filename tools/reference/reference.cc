#include "tools/reference/reference.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/api/annotations.pb.h"
#include "google/api/field_behavior.pb.h"
#include "google/protobuf/descriptor.h"

namespace spanner_session_emulator {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::SourceLocation;

constexpr char kIndex[] = "README.md";

constexpr char kNotice[] =
    "<!-- Written by `bazel run //tools/reference:write` from the comments of "
    "the proto files: change these. -->\n";

// Lines without the blank after `//`, without blanks at their ends, and without
// empty lines at either end.
std::vector<std::string> LinesOf(absl::string_view comment) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(comment, '\n')) {
    absl::ConsumePrefix(&line, " ");
    line = absl::StripTrailingAsciiWhitespace(line);
    if (line.empty() && lines.empty()) continue;
    lines.emplace_back(line);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

using Paragraph = std::vector<std::string>;

std::vector<Paragraph> ParagraphsOf(absl::string_view comment) {
  std::vector<Paragraph> paragraphs;
  bool begins = true;
  for (std::string& line : LinesOf(comment)) {
    if (line.empty()) {
      begins = true;
      continue;
    }
    if (begins) paragraphs.emplace_back();
    begins = false;
    paragraphs.back().push_back(std::move(line));
  }
  return paragraphs;
}

// What is indented is an example.
bool IsExample(const Paragraph& paragraph) {
  return absl::StartsWith(paragraph.front(), "  ");
}

std::string FirstSentence(absl::string_view comment) {
  const std::vector<Paragraph> paragraphs = ParagraphsOf(comment);
  if (paragraphs.empty()) return "";
  std::string text = absl::StrJoin(paragraphs.front(), " ");
  const size_t end = text.find(". ");
  if (end != std::string::npos) text.resize(end + 1);
  return text;
}

// As GitHub makes the address of a heading.
std::string Slug(absl::string_view heading) {
  std::string slug;
  for (const char c : heading) {
    if (c == ' ') slug += '-';
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
        c == '_') {
      slug += absl::ascii_tolower(static_cast<unsigned char>(c));
    }
  }
  return slug;
}

// Where Google explains a type of its own; empty for those of others.
std::string GoogleUrl(absl::string_view type) {
  if (absl::StartsWith(type, "google.protobuf.")) {
    return absl::StrCat(
        "https://protobuf.dev/reference/protobuf/google.protobuf/#",
        Slug(absl::StripPrefix(type, "google.protobuf.")));
  }
  for (const absl::string_view package : {"google.rpc", "google.spanner.v1"}) {
    if (absl::StartsWith(type, absl::StrCat(package, "."))) {
      return absl::StrCat(
          "https://cloud.google.com/spanner/docs/reference/rpc/", package, "#",
          type);
    }
  }
  return "";
}

// A name that cannot be taken for a common word: `SessionService`, `Stub.name`.
bool IsPlainlyAName(absl::string_view word) {
  return absl::StrContains(word, '.') ||
         (absl::ascii_isupper(static_cast<unsigned char>(word[0])) &&
          std::any_of(word.begin() + 1, word.end(), absl::ascii_isupper) &&
          std::any_of(word.begin() + 1, word.end(), absl::ascii_islower));
}

class Writer {
 public:
  Writer(const DescriptorPool& pool, absl::string_view package,
         std::vector<const FileDescriptor*> files)
      : pool_(pool), package_(package), files_(std::move(files)) {}

  absl::StatusOr<Pages> Write() {
    for (const FileDescriptor* file : files_) AddAnchors(*file);
    Pages pages;
    for (const FileDescriptor* file : files_) {
      pages[PageOf(*file)] = WritePage(*file);
    }
    page_ = kIndex;
    pages[kIndex] = WriteIndex();
    if (problems_.empty()) return pages;
    return absl::InvalidArgumentError(absl::StrJoin(problems_, "\n"));
  }

 private:
  // A message or an enum, on its page.
  struct Type {
    const Descriptor* message = nullptr;
    const EnumDescriptor* enumeration = nullptr;

    const std::string& full_name() const {
      return message == nullptr ? enumeration->full_name()
                                : message->full_name();
    }
  };

  static std::string BaseName(const FileDescriptor& file) {
    const std::string& name = file.name();
    return name.substr(name.rfind('/') + 1);  // npos + 1 is 0.
  }
  static std::string PageOf(const FileDescriptor& file) {
    return absl::StrCat(absl::StripSuffix(BaseName(file), ".proto"), ".md");
  }

  template <typename Element>
  static int LineOf(const Element& element) {
    SourceLocation location;
    return element.GetSourceLocation(&location) ? location.start_line : 0;
  }

  // The messages and enums that a file or a message declares, in their order
  // there, each followed by what it declares itself.
  template <typename Parent>
  static void AppendTypes(const Parent& parent, int message_count,
                          const Descriptor* (Parent::*message)(int) const,
                          std::vector<Type>& types) {
    std::map<int, Type> by_line;
    for (int i = 0; i < message_count; ++i) {
      const Descriptor* type = (parent.*message)(i);
      if (type->options().map_entry()) continue;
      by_line[LineOf(*type)] = {.message = type};
    }
    for (int i = 0; i < parent.enum_type_count(); ++i) {
      const EnumDescriptor* type = parent.enum_type(i);
      by_line[LineOf(*type)] = {.enumeration = type};
    }
    for (const auto& [line, type] : by_line) {
      types.push_back(type);
      if (type.message == nullptr) continue;
      AppendTypes(*type.message, type.message->nested_type_count(),
                  &Descriptor::nested_type, types);
    }
  }
  static std::vector<Type> TypesOf(const FileDescriptor& file) {
    std::vector<Type> types;
    AppendTypes(file, file.message_type_count(), &FileDescriptor::message_type,
                types);
    return types;
  }

  // `Stub.Match` of `spanner_session_emulator.v1.Stub.Match`.
  std::string ShortName(absl::string_view full_name) const {
    return std::string(
        absl::StripPrefix(full_name, absl::StrCat(package_, ".")));
  }

  // A page's title: its services, or without any its file.
  static std::string TitleOf(const FileDescriptor& file) {
    if (file.service_count() == 0) return BaseName(file);
    std::vector<std::string> names;
    names.reserve(static_cast<size_t>(file.service_count()));
    for (int i = 0; i < file.service_count(); ++i) {
      names.push_back(file.service(i)->name());
    }
    return absl::StrJoin(names, ", ");
  }

  // In the order of the headings, as the second of two that are alike gets
  // another address.
  void AddAnchors(const FileDescriptor& file) {
    const std::string page = PageOf(file);
    std::map<std::string, int> counts;
    const auto address = [&](absl::string_view heading) {
      std::string slug = Slug(heading);
      const int count = counts[slug]++;
      if (count > 0) absl::StrAppend(&slug, "-", count);
      return slug;
    };
    address(TitleOf(file));
    for (int i = 0; i < file.service_count(); ++i) {
      const ServiceDescriptor& service = *file.service(i);
      anchors_[service.full_name()] = {
          page, address(absl::StrCat("Methods of ", service.name()))};
      for (int j = 0; j < service.method_count(); ++j) {
        const MethodDescriptor& method = *service.method(j);
        anchors_[method.full_name()] = {page, address(method.name())};
        // Comments call methods by their own names.
        methods_.emplace(method.name(), method.full_name());
      }
    }
    address("Messages");
    for (const Type& type : TypesOf(file)) {
      anchors_[type.full_name()] = {page, address(ShortName(type.full_name()))};
    }
  }

  // Where an element has its heading, as seen from the current page; empty if
  // that is nowhere.
  std::string Address(const std::string& full_name) const {
    const auto it = anchors_.find(full_name);
    if (it == anchors_.end()) return GoogleUrl(full_name);
    const auto& [page, anchor] = it->second;
    return absl::StrCat(page == page_ ? "" : page, "#", anchor);
  }

  std::string Link(absl::string_view text, const std::string& full_name) const {
    const std::string address = Address(full_name);
    if (address.empty()) return std::string(text);
    return absl::StrCat("[", text, "](", address, ")");
  }

  template <typename Element>
  std::string CommentOf(const Element& element, absl::string_view full_name) {
    SourceLocation location;
    if (element.GetSourceLocation(&location)) {
      for (std::string* text :
           {&location.leading_comments, &location.trailing_comments}) {
        if (LinesOf(*text).empty()) continue;
        if (std::count(text->begin(), text->end(), '`') % 2 != 0) {
          problems_.push_back(absl::StrCat("the comment of ", full_name,
                                           " has a backquote without another"));
        }
        return std::move(*text);
      }
    }
    problems_.push_back(absl::StrCat(full_name, " has no comment"));
    return "";
  }

  // The element of this package, or of Google's, that a comment calls so; empty
  // if there is none.
  std::string Resolve(const std::string& word) const {
    if (const auto method = methods_.find(word); method != methods_.end()) {
      return method->second;
    }
    for (const std::string& name : {absl::StrCat(package_, ".", word), word}) {
      if (anchors_.count(name) > 0) return name;
      if (const auto* message = pool_.FindMessageTypeByName(name)) {
        return message->full_name();
      }
      if (const auto* field = pool_.FindFieldByName(name)) {
        return field->containing_type()->full_name();
      }
    }
    return "";
  }

  // Text, with links at the names that it mentions, and nothing in it that
  // Markdown takes for a sign, but code in backquotes.
  std::string Inline(absl::string_view text) const {
    std::string out;
    bool is_code = false;
    for (size_t i = 0; i < text.size();) {
      const char c = text[i];
      if (c == '`') is_code = !is_code;
      if (!is_code && absl::ascii_isalpha(static_cast<unsigned char>(c))) {
        size_t end = i;
        while (end < text.size() &&
               (absl::ascii_isalnum(static_cast<unsigned char>(text[end])) ||
                text[end] == '_' || text[end] == '.')) {
          ++end;
        }
        while (text[end - 1] == '.') --end;
        const std::string word(text.substr(i, end - i));
        const std::string name = IsPlainlyAName(word) ? Resolve(word) : "";
        absl::StrAppend(&out, name.empty() ? word : Link(word, name));
        i = end;
        continue;
      }
      const bool begins_line = i == 0 || text[i - 1] == '\n';
      const bool is_bullet =
          c == '*' && begins_line && i + 1 < text.size() && text[i + 1] == ' ';
      if (!is_code && absl::StrContains("\\*[]#", c) && !is_bullet) out += '\\';
      if (!is_code && c == '<') {
        absl::StrAppend(&out, "&lt;");
      } else {
        out += c;
      }
      ++i;
    }
    return out;
  }

  // A comment as it stands in Markdown, each line behind `indent`.
  std::string Block(absl::string_view comment, absl::string_view indent) const {
    std::string out;
    for (const Paragraph& paragraph : ParagraphsOf(comment)) {
      const auto append = [&](absl::string_view line) {
        absl::StrAppend(&out, indent, line, "\n");
      };
      absl::StrAppend(&out, "\n");
      if (IsExample(paragraph)) {
        append(absl::StartsWith(paragraph.front(), "  curl ") ? "```sh"
                                                              : "```text");
        for (const std::string& line : paragraph) {
          append(absl::StripPrefix(line, "  "));
        }
        append("```");
        continue;
      }
      const std::string text = Inline(absl::StrJoin(paragraph, "\n"));
      for (const absl::string_view line : absl::StrSplit(text, '\n')) {
        append(line);
      }
    }
    return out;
  }

  std::string TypeName(const FieldDescriptor& field) const {
    if (field.is_map()) {
      return absl::StrCat("map of ", TypeName(*field.message_type()->field(0)),
                          " to ", TypeName(*field.message_type()->field(1)));
    }
    std::string name = field.type_name();
    if (field.message_type() != nullptr || field.enum_type() != nullptr) {
      const std::string& full_name = field.message_type() != nullptr
                                         ? field.message_type()->full_name()
                                         : field.enum_type()->full_name();
      name = Link(ShortName(full_name), full_name);
    }
    return field.is_repeated() ? absl::StrCat("repeated ", name) : name;
  }

  std::string WriteField(const FieldDescriptor& field,
                         absl::string_view indent) {
    std::vector<std::string> facts;
    if (field.json_name() != field.name()) {
      facts.push_back(absl::StrCat("in JSON `", field.json_name(), "`"));
    }
    facts.push_back(TypeName(field));
    const google::protobuf::FieldOptions& options = field.options();
    for (int i = 0; i < options.ExtensionSize(google::api::field_behavior);
         ++i) {
      facts.push_back(google::api::FieldBehavior_Name(
          options.GetExtension(google::api::field_behavior, i)));
    }
    return absl::StrCat(
        "\n", indent, "* `", field.name(), "`: ", absl::StrJoin(facts, ", "),
        "\n",
        Block(CommentOf(field, field.full_name()), absl::StrCat(indent, "  ")));
  }

  std::string WriteMessage(const Descriptor& message) {
    std::string out = Block(CommentOf(message, message.full_name()), "");
    if (message.field_count() == 0) {
      return absl::StrCat(out, "\nIt has no fields.\n");
    }
    std::set<const google::protobuf::OneofDescriptor*> seen;
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      const auto* oneof = field.real_containing_oneof();
      if (oneof == nullptr) {
        absl::StrAppend(&out, WriteField(field, ""));
      } else if (seen.insert(oneof).second) {
        absl::StrAppend(&out, "\n* at most one of these (`", oneof->name(),
                        "`):\n",
                        Block(CommentOf(*oneof, oneof->full_name()), "  "));
        for (int j = 0; j < oneof->field_count(); ++j) {
          absl::StrAppend(&out, WriteField(*oneof->field(j), "  "));
        }
      }
    }
    return out;
  }

  std::string WriteEnum(const EnumDescriptor& type) {
    std::string out = Block(CommentOf(type, type.full_name()), "");
    for (int i = 0; i < type.value_count(); ++i) {
      const auto& value = *type.value(i);
      absl::StrAppend(&out, "\n* `", value.name(), "` (", value.number(), ")\n",
                      Block(CommentOf(value, value.full_name()), "  "));
    }
    return out;
  }

  struct Binding {
    std::string verb;
    std::string path;
    std::string body;
  };
  static std::vector<Binding> BindingsOf(const MethodDescriptor& method) {
    std::vector<google::api::HttpRule> rules;
    if (method.options().HasExtension(google::api::http)) {
      rules.push_back(method.options().GetExtension(google::api::http));
      const auto more = rules.front().additional_bindings();
      rules.insert(rules.end(), more.begin(), more.end());
    }
    std::vector<Binding> bindings;
    for (const google::api::HttpRule& rule : rules) {
      switch (rule.pattern_case()) {
        case google::api::HttpRule::kGet:
          bindings.push_back({"GET", rule.get(), rule.body()});
          break;
        case google::api::HttpRule::kPut:
          bindings.push_back({"PUT", rule.put(), rule.body()});
          break;
        case google::api::HttpRule::kPost:
          bindings.push_back({"POST", rule.post(), rule.body()});
          break;
        case google::api::HttpRule::kDelete:
          bindings.push_back({"DELETE", rule.delete_(), rule.body()});
          break;
        case google::api::HttpRule::kPatch:
          bindings.push_back({"PATCH", rule.patch(), rule.body()});
          break;
        case google::api::HttpRule::kCustom:
          bindings.push_back(
              {rule.custom().kind(), rule.custom().path(), rule.body()});
          break;
        case google::api::HttpRule::PATTERN_NOT_SET:
          break;
      }
    }
    return bindings;
  }

  // What of the request is neither in the path nor in the body.
  static std::string QueryOf(const MethodDescriptor& method,
                             const Binding& binding) {
    if (binding.body == "*") return "";
    std::vector<std::string> names;
    for (int i = 0; i < method.input_type()->field_count(); ++i) {
      const FieldDescriptor& field = *method.input_type()->field(i);
      const std::string variable = absl::StrCat("{", field.name());
      if (field.name() == binding.body ||
          absl::StrContains(binding.path, variable + "=") ||
          absl::StrContains(binding.path, variable + "}")) {
        continue;
      }
      names.push_back(absl::StrCat("`", field.json_name(), "`"));
    }
    return absl::StrJoin(names, ", ");
  }

  std::string WriteMethod(const MethodDescriptor& method) {
    std::string out =
        absl::StrCat("\n### ", method.name(), "\n",
                     Block(CommentOf(method, method.full_name()), ""), "\n");
    for (const Binding& binding : BindingsOf(method)) {
      absl::StrAppend(&out, "* REST: `", binding.verb, " ", binding.path, "`");
      if (binding.body == "*") {
        absl::StrAppend(&out, "; the body is the request");
      } else if (!binding.body.empty()) {
        absl::StrAppend(&out, "; the body is the request's `", binding.body,
                        "`");
      }
      const std::string query = QueryOf(method, binding);
      if (!query.empty()) absl::StrAppend(&out, "; in the query: ", query);
      absl::StrAppend(&out, "\n");
    }
    const auto type = [&](const Descriptor& message, bool is_stream) {
      return absl::StrCat(
          is_stream ? "a stream of " : "",
          Link(ShortName(message.full_name()), message.full_name()));
    };
    absl::StrAppend(
        &out, "* gRPC: `", method.service()->full_name(), "/", method.name(),
        "`\n",
        "* Request: ", type(*method.input_type(), method.client_streaming()),
        "\n",
        "* Answer: ", type(*method.output_type(), method.server_streaming()),
        "\n");
    return out;
  }

  std::string WritePage(const FileDescriptor& file) {
    page_ = PageOf(file);
    std::string out = absl::StrCat(kNotice, "# ", TitleOf(file), "\n");
    SourceLocation location;
    if (file.GetSourceLocation({FileDescriptorProto::kSyntaxFieldNumber},
                               &location) &&
        !LinesOf(location.leading_comments).empty()) {
      absl::StrAppend(&out, Block(location.leading_comments, ""));
    } else {
      problems_.push_back(absl::StrCat(file.name(), " has no comment"));
    }
    absl::StrAppend(&out, "\nFile `", file.name(), "`; [all pages](", kIndex,
                    ").\n");
    for (int i = 0; i < file.service_count(); ++i) {
      const ServiceDescriptor& service = *file.service(i);
      absl::StrAppend(&out, "\n## Methods of ", service.name(), "\n",
                      Block(CommentOf(service, service.full_name()), ""));
      for (int j = 0; j < service.method_count(); ++j) {
        absl::StrAppend(&out, WriteMethod(*service.method(j)));
      }
    }
    absl::StrAppend(&out, "\n## Messages\n");
    for (const Type& type : TypesOf(file)) {
      absl::StrAppend(&out, "\n### ", ShortName(type.full_name()), "\n",
                      type.message != nullptr ? WriteMessage(*type.message)
                                              : WriteEnum(*type.enumeration));
    }
    return out;
  }

  std::string WriteIndex() {
    std::string out = absl::StrCat(
        kNotice, "# Reference of ", package_,
        "\n\nEvery method, message and field. Each page is a proto file.\n");
    for (const FileDescriptor* file : files_) {
      absl::StrAppend(&out, "\n## [", TitleOf(*file), "](", PageOf(*file),
                      ")\n");
      SourceLocation location;
      file->GetSourceLocation({FileDescriptorProto::kSyntaxFieldNumber},
                              &location);
      absl::StrAppend(&out, "\n",
                      Inline(FirstSentence(location.leading_comments)), "\n");
      for (int i = 0; i < file->service_count(); ++i) {
        const ServiceDescriptor& service = *file->service(i);
        absl::StrAppend(&out, "\n| method | REST | |\n|---|---|---|\n");
        for (int j = 0; j < service.method_count(); ++j) {
          const MethodDescriptor& method = *service.method(j);
          std::vector<std::string> bindings;
          for (const Binding& binding : BindingsOf(method)) {
            bindings.push_back(
                absl::StrCat("`", binding.verb, " ", binding.path, "`"));
          }
          SourceLocation comment;
          method.GetSourceLocation(&comment);
          absl::StrAppend(&out, "| ", Link(method.name(), method.full_name()),
                          " | ", absl::StrJoin(bindings, ", "), " | ",
                          absl::StrReplaceAll(
                              Inline(FirstSentence(comment.leading_comments)),
                              {{"|", "\\|"}}),
                          " |\n");
        }
      }
    }
    return out;
  }

  const DescriptorPool& pool_;
  const std::string package_;
  const std::vector<const FileDescriptor*> files_;
  // Page and heading of everything that has one, by its full name.
  std::map<std::string, std::pair<std::string, std::string>> anchors_;
  std::map<std::string, std::string> methods_;
  std::string page_;  // The one that is being written.
  std::vector<std::string> problems_;
};

}  // namespace

absl::StatusOr<Pages> MakeReference(
    const google::protobuf::FileDescriptorSet& files,
    absl::string_view package) {
  DescriptorPool pool;
  std::vector<const FileDescriptor*> ours;
  for (const FileDescriptorProto& proto : files.file()) {
    const FileDescriptor* file = pool.BuildFile(proto);
    if (file == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(proto.name(), " is not a file behind its imports"));
    }
    if (file->package() == package) ours.push_back(file);
  }
  std::sort(ours.begin(), ours.end(),
            [](const auto* a, const auto* b) { return a->name() < b->name(); });
  if (ours.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no file has the package ", package));
  }
  return Writer(pool, package, std::move(ours)).Write();
}

absl::StatusOr<google::protobuf::FileDescriptorSet> ReadFiles(
    const std::string& path) {
  google::protobuf::FileDescriptorSet files;
  std::ifstream in(path, std::ios::binary);
  if (!in || !files.ParseFromIstream(&in)) {
    return absl::UnavailableError(
        absl::StrCat("cannot read ", path, " as a FileDescriptorSet"));
  }
  return files;
}

}  // namespace spanner_session_emulator
