#include "server/mock/journal_filter.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "server/call/descriptors.h"
#include "server/mock/requests.h"
#include "server/mock/script.h"
#include "server/mock/statement_match.h"
#include "server/mock/statement_text.h"
#include "store/names.h"

namespace spanner_session_emulator {

// Decodes the request when somebody asks for it, once.
class JournalFacts {
 public:
  explicit JournalFacts(const JournalEntry& entry) : entry_(entry) {}

  const JournalEntry& entry() const { return entry_; }
  const std::vector<std::string>& statements() {
    Decode();
    return statements_;
  }
  const RequestTags& tags() {
    Decode();
    return tags_;
  }

 private:
  void Decode() {
    if (decoded_) return;
    decoded_ = true;
    request_ = entry_.DecodeRequest();
    if (request_ == nullptr) return;
    statements_ = StatementsOf(*request_);
    tags_ = TagsOf(*request_);
  }

  const JournalEntry& entry_;
  bool decoded_ = false;
  std::unique_ptr<google::protobuf::Message> request_;
  std::vector<std::string> statements_;
  RequestTags tags_;
};

namespace {

using Predicate = std::function<bool(JournalFacts&)>;

// What an entry has in a field; mostly nothing or one.
using Texts = std::vector<absl::string_view>;

Texts OneText(absl::string_view text) {
  return text.empty() ? Texts() : Texts({text});
}

template <typename Strings>
Texts AllTexts(const Strings& strings) {
  return Texts(strings.begin(), strings.end());
}

// Both names of a method: the full one, and its last part.
Texts MethodNames(absl::string_view full_name) {
  Texts names = {full_name};
  const size_t dot = full_name.rfind('.');
  if (dot != absl::string_view::npos && full_name[0] != '/') {
    names.push_back(full_name.substr(dot + 1));
  }
  return names;
}

absl::string_view ProblemName(CallProblem problem) {
  switch (problem) {
    case CallProblem::kNone:
      return "";
    case CallProblem::kMalformed:
      return "MALFORMED";
    case CallProblem::kUnknownMethod:
      return "UNKNOWN_METHOD";
  }
  return "";
}

// Whose methods have short names.
constexpr absl::string_view kServices[] = {
    "google.spanner.v1.Spanner",
    "google.spanner.admin.database.v1.DatabaseAdmin",
    "google.spanner.admin.instance.v1.InstanceAdmin",
    "google.longrunning.Operations"};

// By their numbers.
const std::vector<std::string>& StatusNames() {
  static const auto* const names = [] {
    constexpr int kLast = static_cast<int>(absl::StatusCode::kUnauthenticated);
    auto* all = new std::vector<std::string>;
    for (int code = 0; code <= kLast; ++code) {
      all->push_back(
          absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
    }
    return all;
  }();
  return *names;
}

Texts StatusName(const JournalEntry& entry) {
  if (!entry.ended()) return {};
  return {StatusNames()[static_cast<size_t>(entry.end()->status.code())]};
}

// What `:` asks for, but before a `*`.
enum class Colon { kNothing, kPrefix, kContains, kLiesIn };

// Returns what was expected in the place of a value that no call can have, or
// nothing. `is_whole`: the value is not only the beginning of a name.
using Check = std::string (*)(const std::string& value, bool is_whole);

// A short name is soon misspelt; one in full may be that of an unknown method.
std::string CheckMethod(const std::string& value, bool is_whole) {
  if (!is_whole || value.find_first_of("./") != std::string::npos) return "";
  NeedDescriptors();
  for (const absl::string_view name : kServices) {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
            std::string(name));
    if (service != nullptr && service->FindMethodByName(value) != nullptr) {
      return "";
    }
  }
  return absl::StrCat("a method of ", absl::StrJoin(kServices, ", "),
                      ", or any by its full name");
}

// Where nothing is named, the name is empty.
std::string CheckDatabase(const std::string& value, bool is_whole) {
  if (value.empty() ||
      (is_whole ? DatabaseName::Parse(value).ok() : Scope::Parse(value).ok())) {
    return "";
  }
  return std::string(is_whole ? DatabaseName::kPattern : Scope::kPattern);
}

std::string CheckSession(const std::string& value, bool is_whole) {
  if (value.empty() || SessionName::Parse(value).ok() ||
      (!is_whole && Scope::Parse(value).ok())) {
    return "";
  }
  return is_whole
             ? std::string(SessionName::kPattern)
             : absl::StrCat(Scope::kPattern, " or ", SessionName::kPattern);
}

template <typename Strings>
std::string CheckOneOf(const Strings& strings, const std::string& value) {
  if (std::find(std::begin(strings), std::end(strings), value) !=
      std::end(strings)) {
    return "";
  }
  return absl::StrCat("one of ", absl::StrJoin(strings, ", "));
}

std::string CheckStatus(const std::string& value, bool) {
  return CheckOneOf(StatusNames(), value);
}

std::string CheckState(const std::string& value, bool) {
  return CheckOneOf(std::array{"OPEN", "ENDED"}, value);
}

std::string CheckProtocol(const std::string& value, bool) {
  return CheckOneOf(std::array{"GRPC", "REST"}, value);
}

std::string CheckProblem(const std::string& value, bool) {
  return CheckOneOf(std::array{"MALFORMED", "UNKNOWN_METHOD"}, value);
}

std::string CheckTraceId(const std::string& value, bool) {
  return value.empty() || IsTraceId(value)
             ? ""
             : "32 hexadecimal digits in lower case";
}

std::string CheckSpanId(const std::string& value, bool) {
  return value.empty() || IsSpanId(value)
             ? ""
             : "16 hexadecimal digits in lower case";
}

struct TextField {
  absl::string_view name;
  Colon colon;
  Texts (*texts)(JournalFacts&);
  Check check = nullptr;  // Null: any value makes sense.
  bool is_sql = false;
  bool is_state = false;
};

const std::vector<TextField>& TextFields() {
  static const auto* const fields = new std::vector<TextField>{
      {"method", Colon::kPrefix,
       [](JournalFacts& facts) { return MethodNames(facts.entry().method()); },
       CheckMethod},
      {"database", Colon::kLiesIn,
       [](JournalFacts& facts) { return OneText(facts.entry().database()); },
       CheckDatabase},
      {"session", Colon::kLiesIn,
       [](JournalFacts& facts) { return OneText(facts.entry().session()); },
       CheckSession},
      {"status", Colon::kNothing,
       [](JournalFacts& facts) { return StatusName(facts.entry()); },
       CheckStatus},
      {"state", Colon::kNothing,
       [](JournalFacts& facts) {
         return OneText(facts.entry().ended() ? "ENDED" : "OPEN");
       },
       CheckState, false, true},
      {"protocol", Colon::kNothing,
       [](JournalFacts& facts) {
         return OneText(
             facts.entry().protocol() == CallProtocol::kGrpc ? "GRPC" : "REST");
       },
       CheckProtocol},
      {"problem", Colon::kNothing,
       [](JournalFacts& facts) {
         return OneText(ProblemName(facts.entry().problem()));
       },
       CheckProblem},
      {"sql", Colon::kPrefix,
       [](JournalFacts& facts) { return AllTexts(facts.statements()); },
       nullptr, true},
      {"request_tag", Colon::kPrefix,
       [](JournalFacts& facts) { return OneText(facts.tags().request_tag); }},
      {"transaction_tag", Colon::kPrefix,
       [](JournalFacts& facts) {
         return OneText(facts.tags().transaction_tag);
       }},
      {"stub", Colon::kPrefix,
       [](JournalFacts& facts) {
         return AllTexts(facts.entry().notes().stubs);
       }},
      {"fault", Colon::kPrefix,
       [](JournalFacts& facts) {
         return AllTexts(facts.entry().notes().faults);
       }},
      {"peer", Colon::kPrefix,
       [](JournalFacts& facts) { return OneText(facts.entry().peer()); }},
      {"trace_id", Colon::kNothing,
       [](JournalFacts& facts) {
         const auto trace = facts.entry().trace();
         return OneText(trace.has_value() ? trace->trace_id : "");
       },
       CheckTraceId},
      {"span_id", Colon::kNothing,
       [](JournalFacts& facts) {
         const auto trace = facts.entry().trace();
         return OneText(trace.has_value() ? trace->span_id : "");
       },
       CheckSpanId},
  };
  return *fields;
}

// Numbers, and times in microseconds.
struct NumberField {
  absl::string_view name;
  bool is_time;
  std::optional<int64_t> (*number)(const JournalEntry&);
};

constexpr NumberField kNumberFields[] = {
    {"number", false,
     [](const JournalEntry& entry) -> std::optional<int64_t> {
       return entry.number();
     }},
    {"message_count", false,
     [](const JournalEntry& entry) -> std::optional<int64_t> {
       if (!entry.ended()) return std::nullopt;
       return entry.end()->message_count;
     }},
    {"start_time", true,
     [](const JournalEntry& entry) -> std::optional<int64_t> {
       return entry.start().clock;
     }},
    {"end_time", true,
     [](const JournalEntry& entry) -> std::optional<int64_t> {
       if (!entry.ended()) return std::nullopt;
       return entry.end()->time.clock;
     }},
    {"real_start_time", true,
     [](const JournalEntry& entry) -> std::optional<int64_t> {
       return entry.start().real;
     }},
    {"real_end_time", true,
     [](const JournalEntry& entry) -> std::optional<int64_t> {
       if (!entry.ended()) return std::nullopt;
       return entry.end()->time.real;
     }},
};

constexpr absl::string_view kHeaderPrefix = "headers.";

std::string AllFields() {
  std::vector<absl::string_view> names;
  for (const TextField& field : TextFields()) names.push_back(field.name);
  for (const NumberField& field : kNumberFields) names.push_back(field.name);
  return absl::StrCat(absl::StrJoin(names, ", "), " or headers.NAME");
}

enum class Operator {
  kEqual,
  kNotEqual,
  kLess,
  kAtMost,
  kMore,
  kAtLeast,
  kColon
};

// Of numbers; who asks for kNotEqual turns kEqual round.
template <typename T>
bool Holds(Operator op, const T& left, const T& right) {
  switch (op) {
    case Operator::kEqual:
    case Operator::kNotEqual:
    case Operator::kColon:
      return left == right;
    case Operator::kLess:
      return left < right;
    case Operator::kAtMost:
      return left <= right;
    case Operator::kMore:
      return left > right;
    case Operator::kAtLeast:
      return left >= right;
  }
  return false;
}

bool MatchesColon(Colon colon, absl::string_view text,
                  absl::string_view value) {
  switch (colon) {
    case Colon::kNothing:
      return false;
    case Colon::kPrefix:
      return absl::StartsWith(text, value);
    case Colon::kContains:
      return absl::StrContains(text, value);
    case Colon::kLiesIn:
      return LiesIn(text, value);
  }
  return false;
}

Predicate Not(Predicate what) {
  return [what = std::move(what)](JournalFacts& facts) { return !what(facts); };
}

// Reads a filter from left to right, by recursive descent:
//
//   expression = factor { ["AND"] factor }
//   factor     = term { "OR" term }
//   term       = ["NOT"] ( "(" expression ")" | field operator value )
class Parser {
 public:
  explicit Parser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Predicate> Parse() {
    SkipBlanks();
    if (AtEnd()) return Predicate();
    auto all = Expression(0);
    if (all.ok() && !AtEnd()) return Error("AND, OR or the end");
    return all;
  }
  // Whether there was a term about the state.
  bool asks_for_state() const { return asks_for_state_; }

 private:
  // Bytes of the rest that a message shows.
  static constexpr size_t kShown = 40;

  bool AtEnd() const { return position_ == text_.size(); }
  absl::string_view Rest() const { return text_.substr(position_); }

  void SkipBlanks() {
    while (!AtEnd() && absl::ascii_isspace(text_[position_])) ++position_;
  }

  static bool IsNameChar(char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
  }

  // A field or a word between terms; may be empty.
  absl::string_view PeekName() const {
    size_t size = 0;
    while (size < Rest().size() && IsNameChar(Rest()[size])) ++size;
    return Rest().substr(0, size);
  }

  bool TakeWord(absl::string_view word) {
    if (!absl::EqualsIgnoreCase(PeekName(), word)) return false;
    position_ += word.size();
    SkipBlanks();
    return true;
  }

  bool Take(absl::string_view what) {
    if (!absl::StartsWith(Rest(), what)) return false;
    position_ += what.size();
    SkipBlanks();
    return true;
  }

  absl::Status Error(absl::string_view expected) const {
    return absl::InvalidArgumentError(
        absl::StrCat("does not make sense from position ", position_ + 1, " (",
                     AtEnd() ? std::string("its end")
                             : JsonString(Beginning(Rest(), kShown)),
                     "): expected ", expected));
  }

  bool AtFactorsEnd() const { return AtEnd() || Rest()[0] == ')'; }

  absl::StatusOr<Predicate> Expression(int depth) {
    std::vector<Predicate> all;
    do {
      auto factor = Factor(depth);
      if (!factor.ok()) return factor;
      all.push_back(*std::move(factor));
      if (TakeWord("AND") && AtFactorsEnd()) return Error("a term");
    } while (!AtFactorsEnd());
    if (all.size() == 1) return std::move(all[0]);
    return Predicate([all = std::move(all)](JournalFacts& facts) {
      return std::all_of(all.begin(), all.end(),
                         [&](const Predicate& one) { return one(facts); });
    });
  }

  absl::StatusOr<Predicate> Factor(int depth) {
    std::vector<Predicate> any;
    do {
      auto term = Term(depth);
      if (!term.ok()) return term;
      any.push_back(*std::move(term));
    } while (TakeWord("OR"));
    if (any.size() == 1) return std::move(any[0]);
    return Predicate([any = std::move(any)](JournalFacts& facts) {
      return std::any_of(any.begin(), any.end(),
                         [&](const Predicate& one) { return one(facts); });
    });
  }

  absl::StatusOr<Predicate> Term(int depth) {
    if (TakeWord("NOT")) {
      auto what = Simple(depth);
      if (!what.ok()) return what;
      return Not(*std::move(what));
    }
    return Simple(depth);
  }

  absl::StatusOr<Predicate> Simple(int depth) {
    if (Rest().empty() || Rest()[0] != '(') return Comparison();
    if (depth == JournalFilter::kMaxDepth) {
      return Error(absl::StrCat("no more than ", JournalFilter::kMaxDepth,
                                " parentheses inside each other"));
    }
    Take("(");
    auto inner = Expression(depth + 1);
    if (inner.ok() && !Take(")")) return Error("AND, OR or )");
    return inner;
  }

  absl::StatusOr<Predicate> Comparison() {
    const absl::string_view name = PeekName();
    for (const TextField& field : TextFields()) {
      if (field.name == name) {
        position_ += name.size();
        asks_for_state_ = asks_for_state_ || field.is_state;
        return TextComparison(field.colon, field.is_sql, field.check,
                              field.texts);
      }
    }
    for (const NumberField& field : kNumberFields) {
      if (field.name == name) {
        position_ += name.size();
        return NumberComparison(field);
      }
    }
    if (absl::StartsWith(name, kHeaderPrefix)) return HeaderComparison(name);
    return Error(absl::StrCat("a field: ", AllFields()));
  }

  absl::StatusOr<Predicate> HeaderComparison(absl::string_view name) {
    const std::string header =
        absl::AsciiStrToLower(name.substr(kHeaderPrefix.size()));
    if (std::find(kJournalHeaders.begin(), kJournalHeaders.end(), header) ==
        kJournalHeaders.end()) {
      position_ += kHeaderPrefix.size();
      return Error(absl::StrCat("a header that is kept: ",
                                absl::StrJoin(kJournalHeaders, ", ")));
    }
    position_ += name.size();
    return TextComparison(Colon::kContains, false, nullptr,
                          [header](JournalFacts& facts) -> Texts {
                            const auto value = facts.entry().header(header);
                            if (!value.has_value()) return {};
                            return {*value};
                          });
  }

  template <typename GetTexts>
  absl::StatusOr<Predicate> TextComparison(Colon colon, bool is_sql,
                                           Check check, GetTexts get) {
    const std::optional<Operator> op =
        TakeOperator({Operator::kNotEqual, Operator::kEqual, Operator::kColon});
    if (!op.has_value()) return Error("=, != or :");
    if (op == Operator::kColon && TakeStar()) {
      return Predicate(
          [get](JournalFacts& facts) { return !get(facts).empty(); });
    }
    const size_t at = position_;
    if (op == Operator::kColon && colon == Colon::kNothing) return Error("*");
    auto value = TakeValue();
    if (!value.ok()) return value.status();
    std::string problem =
        check == nullptr ? "" : check(*value, op != Operator::kColon);
    if (op == Operator::kColon && is_sql) {
      auto prefix = StatementMatch::Prefix(*value);
      if (prefix.ok()) {
        return Predicate(
            [get, prefix = *std::move(prefix)](JournalFacts& facts) {
              const Texts texts = get(facts);
              return std::any_of(
                  texts.begin(), texts.end(),
                  [&](absl::string_view text) { return prefix.Matches(text); });
            });
      }
      problem = "a statement, or how one begins";
    }
    if (!problem.empty()) {
      position_ = at;
      return Error(problem);
    }
    std::string wanted = is_sql ? FoldBlanks(*value) : *std::move(value);
    if (op == Operator::kColon) {
      return Predicate([get, colon, wanted](JournalFacts& facts) {
        const Texts texts = get(facts);
        return std::any_of(texts.begin(), texts.end(),
                           [&](absl::string_view text) {
                             return MatchesColon(colon, text, wanted);
                           });
      });
    }
    Predicate equal = [get, wanted](JournalFacts& facts) {
      const Texts texts = get(facts);
      if (texts.empty()) return wanted.empty();
      return std::find(texts.begin(), texts.end(), wanted) != texts.end();
    };
    return op == Operator::kEqual ? equal : Not(std::move(equal));
  }

  absl::StatusOr<Predicate> NumberComparison(const NumberField& field) {
    const std::optional<Operator> op = TakeOperator(
        {Operator::kNotEqual, Operator::kAtMost, Operator::kAtLeast,
         Operator::kEqual, Operator::kLess, Operator::kMore, Operator::kColon});
    if (!op.has_value()) return Error("=, !=, <, <=, >, >= or :");
    if (op == Operator::kColon) {
      if (!TakeStar()) return Error("*");
      return Predicate([number = field.number](JournalFacts& facts) {
        return number(facts.entry()).has_value();
      });
    }
    const size_t at = position_;
    auto value = TakeValue();
    if (!value.ok()) return value.status();
    Predicate holds;
    if (field.is_time) {
      absl::Time wanted;
      std::string error;
      if (!absl::ParseTime(absl::RFC3339_full, *value, &wanted, &error)) {
        position_ = at;
        return Error("a time as \"2030-01-31T12:00:00.5Z\"");
      }
      holds = [number = field.number, op = *op, wanted](JournalFacts& facts) {
        const std::optional<int64_t> has = number(facts.entry());
        return has.has_value() && Holds(op, absl::FromUnixMicros(*has), wanted);
      };
    } else {
      int64_t wanted;
      if (!absl::SimpleAtoi(*value, &wanted)) {
        position_ = at;
        return Error("a whole number");
      }
      holds = [number = field.number, op = *op, wanted](JournalFacts& facts) {
        const std::optional<int64_t> has = number(facts.entry());
        return has.has_value() && Holds(op, *has, wanted);
      };
    }
    return op == Operator::kNotEqual ? Not(std::move(holds)) : holds;
  }

  // Of those that make one another's beginning, the longer must come first.
  std::optional<Operator> TakeOperator(const std::vector<Operator>& allowed) {
    SkipBlanks();
    for (const Operator op : allowed) {
      if (Take(Sign(op))) return op;
    }
    return std::nullopt;
  }

  static absl::string_view Sign(Operator op) {
    switch (op) {
      case Operator::kEqual:
        return "=";
      case Operator::kNotEqual:
        return "!=";
      case Operator::kLess:
        return "<";
      case Operator::kAtMost:
        return "<=";
      case Operator::kMore:
        return ">";
      case Operator::kAtLeast:
        return ">=";
      case Operator::kColon:
        return ":";
    }
    return "";
  }

  static bool EndsValue(char c) {
    return absl::ascii_isspace(c) || absl::StrContains("()\"'", c);
  }

  // A `*` that is the whole value.
  bool TakeStar() {
    if (!absl::StartsWith(Rest(), "*")) return false;
    if (Rest().size() > 1 && !EndsValue(Rest()[1])) return false;
    return Take("*");
  }

  absl::StatusOr<std::string> TakeValue() {
    // What begins with `=` was meant as another operator.
    if (AtEnd() || Rest()[0] == '=') return Error("a value");
    const char quote = Rest()[0];
    if (quote == '"' || quote == '\'') return TakeQuoted(quote);
    size_t size = 0;
    while (size < Rest().size() && !EndsValue(Rest()[size])) ++size;
    if (size == 0) return Error("a value");
    std::string value(Rest().substr(0, size));
    position_ += size;
    SkipBlanks();
    return value;
  }

  // A backslash takes the next character as it is.
  absl::StatusOr<std::string> TakeQuoted(char quote) {
    std::string value;
    ++position_;
    while (!AtEnd() && text_[position_] != quote) {
      if (text_[position_] == '\\') ++position_;
      if (!AtEnd()) value += text_[position_++];
    }
    if (AtEnd()) {
      return Error(absl::StrCat("a closing ", std::string(1, quote)));
    }
    ++position_;
    SkipBlanks();
    return value;
  }

  const absl::string_view text_;
  size_t position_ = 0;
  bool asks_for_state_ = false;
};

}  // namespace

absl::StatusOr<JournalFilter> JournalFilter::Parse(absl::string_view text) {
  Parser parser(text);
  auto matches = parser.Parse();
  if (!matches.ok()) return matches.status();
  JournalFilter filter;
  filter.asks_for_state_ = parser.asks_for_state();
  filter.matches_ = *std::move(matches);
  return filter;
}

std::string JournalFilter::Quote(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

JournalFilter JournalFilter::LiesIn(absl::string_view scope) {
  JournalFilter filter;
  if (scope.empty()) return filter;
  filter.matches_ = [scope = std::string(scope)](JournalFacts& facts) {
    return spanner_session_emulator::LiesIn(facts.entry().database(), scope);
  };
  return filter;
}

bool JournalFilter::Matches(const JournalEntry& entry) const {
  if (matches_ == nullptr) return true;
  JournalFacts facts(entry);
  return matches_(facts);
}

}  // namespace spanner_session_emulator
