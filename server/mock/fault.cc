#include "server/mock/fault.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "server/call/descriptors.h"
#include "server/call/method.h"
#include "server/mock/script.h"

namespace spanner_session_emulator {
namespace {

using Match = v1::Fault::Match;

// Whose methods can be called by their short names.
constexpr absl::string_view kServices[] = {
    "google.spanner.v1.Spanner",
    "google.spanner.admin.database.v1.DatabaseAdmin",
    "google.spanner.admin.instance.v1.InstanceAdmin",
    "google.longrunning.Operations"};

constexpr absl::Duration kLongest = absl::Hours(24);
constexpr double kMostSigma = 10;

// Clients take 8 KiB of headers.
constexpr size_t kMaxMetadataBytes = 4096;

constexpr absl::string_view kHeaderNameProblem =
    "must be of letters, digits, `-`, `_` and `.`";

// What one match draws, and, for pauses, from where on.
constexpr uint64_t kDrawProbability = 0;
constexpr uint64_t kDrawPause = 1;

// Spreads the bits (SplitMix64).
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// From 0 to less than 1.
double ToUnit(uint64_t draw) {
  return static_cast<double>(draw >> 11) * 0x1.0p-53;
}

bool IsHeaderName(absl::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isdigit(c) || absl::ascii_islower(c) ||
                  c == '-' || c == '_' || c == '.';
         });
}

// Whether a name is for HTTP and gRPC themselves, which break, and in one case
// crash, where somebody else uses it.
bool IsReserved(absl::string_view name) {
  static constexpr absl::string_view kReserved[] = {"connection",
                                                    "content-encoding",
                                                    "content-length",
                                                    "content-type",
                                                    "date",
                                                    "host",
                                                    "keep-alive",
                                                    "lb-cost-bin",
                                                    "lb-token",
                                                    "proxy-connection",
                                                    "te",
                                                    "trailer",
                                                    "transfer-encoding",
                                                    "upgrade",
                                                    "user-agent"};
  return absl::StartsWith(name, "grpc") ||
         absl::StartsWith(name, "endpoint-load-metrics") ||
         std::find(std::begin(kReserved), std::end(kReserved), name) !=
             std::end(kReserved);
}

bool HasField(const google::protobuf::MethodDescriptor& method,
              const std::string& name) {
  return method.input_type()->FindFieldByName(name) != nullptr;
}

bool NamesSession(const google::protobuf::MethodDescriptor& method) {
  const auto* field = method.input_type()->FindFieldByName("session");
  return method.name() == "GetSession" || method.name() == "DeleteSession" ||
         (field != nullptr &&
          field->type() == google::protobuf::FieldDescriptor::TYPE_STRING);
}

bool HasStatement(const google::protobuf::MethodDescriptor& method) {
  return HasField(method, "sql") || HasField(method, "statements");
}

}  // namespace

uint64_t FaultDraw(int64_t seed, absl::string_view name, int64_t match,
                   uint64_t what) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a.
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  hash = Mix(hash ^ Mix(static_cast<uint64_t>(seed)));
  hash = Mix(hash ^ static_cast<uint64_t>(match));
  return Mix(hash ^ what);
}

// Makes faults of protos; a friend, to fill them in.
class FaultReader {
 public:
  explicit FaultReader(Fault& fault) : fault_(fault) {}

  absl::Status Read() {
    v1::Fault& proto = fault_.proto_;
    if (!proto.name().empty() && !kFaultKind.IsName(proto.name())) {
      return InvalidScript("name", kFaultKind.NameProblem());
    }
    proto.clear_match_count();
    proto.clear_hit_count();
    proto.clear_held_call_count();
    if (absl::Status s = ReadMatch(proto.match()); !s.ok()) return s;
    if (proto.times() < 0) {
      return InvalidScript("times", "must not be negative; 0 is any number");
    }
    if (proto.delay_case() == v1::Fault::kPause) {
      if (absl::Status s = ReadPause(proto.pause()); !s.ok()) return s;
    }
    if (absl::Status s = ReadWhen(proto); !s.ok()) return s;
    if (absl::Status s = ReadEffect(proto); !s.ok()) return s;
    if (absl::Status s = ReadMetadata(proto); !s.ok()) return s;
    if (!fault_.pauses() && !fault_.freezes() && !fault_.has_effect() &&
        !fault_.has_metadata()) {
      return InvalidScript("effect",
                           "must be there, or a delay, or headers or trailers: "
                           "one of error, status, cut_connection, swallow, "
                           "ask_for_commit_retry, hide_transaction, pause, "
                           "freeze and freeze_each_message");
    }
    return CheckMethods(proto);
  }

 private:
  // What no call of the methods could ever match is a mistake.
  absl::Status CheckMethods(const v1::Fault& proto) const {
    using Method = google::protobuf::MethodDescriptor;
    absl::Status status;
    const auto need = [&](bool asked_for, absl::string_view field,
                          absl::string_view what,
                          const std::function<bool(const Method&)>& fits) {
      if (!asked_for || !status.ok() || fault_.methods_.empty()) return;
      const auto* pool = google::protobuf::DescriptorPool::generated_pool();
      if (std::any_of(fault_.methods_.begin(), fault_.methods_.end(),
                      [&](const std::string& name) {
                        return fits(*pool->FindMethodByName(name));
                      })) {
        return;
      }
      status = InvalidScript("match.methods",
                             absl::StrCat("must have one that ", what,
                                          ", where there is ", field));
    };
    const Match& match = proto.match();
    need(proto.after_messages() > 0, "after_messages", "streams",
         [](const Method& m) { return m.server_streaming(); });
    need(!match.session().empty(), "match.session", "names a session",
         NamesSession);
    need(proto.status() == v1::Fault::SESSION_NOT_FOUND, "SESSION_NOT_FOUND",
         "names a session", NamesSession);
    need(match.statement_case() != Match::STATEMENT_NOT_SET,
         "a statement in match", "has statements", HasStatement);
    need(!match.request_tag().empty() || !match.transaction_tag().empty(),
         "a tag in match", "has request_options",
         [](const Method& m) { return HasField(m, "request_options"); });
    need(proto.ask_for_commit_retry(), "ask_for_commit_retry", "is Commit",
         [](const Method& m) { return m.name() == "Commit"; });
    need(proto.hide_transaction(), "hide_transaction",
         "can begin a transaction",
         [](const Method& m) { return HasField(m, "transaction"); });
    return status;
  }

  absl::Status ReadMatch(const Match& match) {
    for (int i = 0; i < match.methods_size(); ++i) {
      if (!ReadMethod(match.methods(i))) {
        return InvalidScript(absl::StrCat("match.methods[", i, "]"),
                             "must be a method of Spanner's API, as Commit or "
                             "google.spanner.v1.Spanner.Commit");
      }
    }
    absl::StatusOr<Scope> scope = Scope::Parse(match.scope());
    if (!scope.ok()) {
      return InvalidScript("match.scope", scope.status().message());
    }
    fault_.scope_ = scope->full();
    if (!match.session().empty()) {
      const auto session = SessionName::Parse(match.session());
      if (!session.ok()) {
        return InvalidScript("match.session", session.status().message());
      }
      if (!LiesIn(match.session(), match.scope())) {
        return InvalidScript("match.session", "must lie in match.scope");
      }
      fault_.scope_ = std::string(session->database_full());
    }
    auto filter = SessionFilter::Parse(match.session_filter());
    if (!filter.ok()) {
      return InvalidScript("match.session_filter", filter.status().message());
    }
    fault_.session_filter_ = *std::move(filter);
    if (!v1::SessionKind_IsValid(match.session_kind())) {
      return InvalidScript("match.session_kind",
                           "must be REGULAR or MULTIPLEXED");
    }
    if (absl::Status s = ReadStatement(match); !s.ok()) return s;
    for (int i = 0; i < match.headers_size(); ++i) {
      const v1::Fault::Header& header = match.headers(i);
      std::string name = absl::AsciiStrToLower(header.name());
      if (!IsHeaderName(name) && name != ":authority") {
        return InvalidScript(absl::StrCat("match.headers[", i, "].name"),
                             kHeaderNameProblem);
      }
      fault_.headers_.emplace_back(std::move(name), header.value());
    }
    if (match.has_nth() && match.nth() < 1) {
      return InvalidScript("match.nth", "must be at least 1");
    }
    if (match.skip() < 0) {
      return InvalidScript("match.skip", "must not be negative");
    }
    if (match.has_probability() &&
        !(match.probability() > 0 && match.probability() <= 1)) {
      return InvalidScript("match.probability",
                           "must be greater than 0 and at most 1");
    }
    return absl::OkStatus();
  }

  // Returns whether there is one of that name. A short one may be that of
  // several services, and then is of all.
  bool ReadMethod(const std::string& name) {
    NeedDescriptors();
    const auto read = [this](std::string full_name) {
      if (ApiKindOf(full_name) != ApiKind::kGoogle ||
          google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
              full_name) == nullptr) {
        return false;
      }
      fault_.methods_.insert(std::move(full_name));
      return true;
    };
    if (absl::StrContains(name, '.')) return read(name);
    bool found = false;
    for (const absl::string_view service : kServices) {
      found |= read(absl::StrCat(service, ".", name));
    }
    return found;
  }

  absl::Status ReadStatement(const Match& match) {
    const auto read = [this](absl::string_view field,
                             absl::StatusOr<StatementMatch> statements) {
      if (!statements.ok()) {
        return InvalidScript(field, statements.status().message());
      }
      fault_.statements_ = *std::move(statements);
      return absl::OkStatus();
    };
    switch (match.statement_case()) {
      case Match::kSql:
        return read("match.sql", StatementMatch::Exact(match.sql()));
      case Match::kSqlPrefix:
        return read("match.sql_prefix",
                    StatementMatch::Prefix(match.sql_prefix()));
      case Match::kSqlPattern:
        return read("match.sql_pattern",
                    StatementMatch::Pattern(match.sql_pattern()));
      case Match::STATEMENT_NOT_SET:
        break;
    }
    return absl::OkStatus();
  }

  static absl::Status ReadLength(absl::string_view field,
                                 const google::protobuf::Duration& proto,
                                 absl::Duration& length) {
    length = absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
    return proto.seconds() >= 0 && proto.nanos() >= 0 && length <= kLongest
               ? absl::OkStatus()
               : InvalidScript(field, "must be from 0 s to one day");
  }

  absl::Status ReadPause(const v1::Fault::Pause& pause) {
    switch (pause.length_case()) {
      case v1::Fault::Pause::kFixed:
        return ReadLength("pause.fixed", pause.fixed(), fault_.pause_);
      case v1::Fault::Pause::kUniform: {
        absl::Status status = ReadLength("pause.uniform.min",
                                         pause.uniform().min(), fault_.pause_);
        status.Update(ReadLength("pause.uniform.max", pause.uniform().max(),
                                 fault_.longest_));
        if (status.ok() && fault_.longest_ < fault_.pause_) {
          return InvalidScript("pause.uniform.max",
                               "must not be less than pause.uniform.min");
        }
        return status;
      }
      case v1::Fault::Pause::kLogNormal: {
        const double sigma = pause.log_normal().sigma();
        if (!(sigma >= 0 && sigma <= kMostSigma)) {
          return InvalidScript("pause.log_normal.sigma",
                               absl::StrCat("must be from 0 to ", kMostSigma));
        }
        return ReadLength("pause.log_normal.median",
                          pause.log_normal().median(), fault_.pause_);
      }
      case v1::Fault::Pause::LENGTH_NOT_SET:
        break;
    }
    return InvalidScript("pause",
                         "must have one of fixed, uniform and log_normal");
  }

  absl::Status ReadWhen(const v1::Fault& proto) {
    if (!v1::Fault::When_IsValid(proto.when())) {
      return InvalidScript("when", "must be BEFORE, AFTER or AT_END");
    }
    fault_.when_ = proto.when();
    if (proto.delay_case() == v1::Fault::kFreeze && !proto.freeze()) {
      return InvalidScript("freeze", "must be true or left out");
    }
    if (proto.delay_case() == v1::Fault::kFreezeEachMessage &&
        !proto.freeze_each_message()) {
      return InvalidScript("freeze_each_message", "must be true or left out");
    }
    const bool in_stream =
        proto.after_messages() != 0 || fault_.delays_each_message();
    if (fault_.when_ == v1::Fault::WHEN_UNSPECIFIED) {
      fault_.when_ = in_stream ? v1::Fault::AFTER : v1::Fault::BEFORE;
    }
    if (proto.after_messages() < 0) {
      return InvalidScript("after_messages", "must not be negative");
    }
    if (in_stream && fault_.when_ != v1::Fault::AFTER) {
      return InvalidScript("when",
                           "must be AFTER, or left out, where there is "
                           "after_messages, pause.each_message or "
                           "freeze_each_message");
    }
    return absl::OkStatus();
  }

  absl::Status ReadEffect(const v1::Fault& proto) {
    absl::Duration retry_delay;
    const auto is_true = [](absl::string_view field, bool value) {
      return value ? absl::OkStatus()
                   : InvalidScript(field, "must be true or left out");
    };
    if (proto.has_retry_delay()) {
      if (proto.status() != v1::Fault::ABORTED &&
          proto.status() != v1::Fault::UNAVAILABLE &&
          proto.status() != v1::Fault::RESOURCE_EXHAUSTED) {
        return InvalidScript("retry_delay",
                             "must be left out unless status is ABORTED, "
                             "UNAVAILABLE or RESOURCE_EXHAUSTED");
      }
      if (absl::Status s =
              ReadLength("retry_delay", proto.retry_delay(), retry_delay);
          !s.ok()) {
        return s;
      }
    }
    switch (proto.effect_case()) {
      case v1::Fault::kError:
        return ReadScriptError("error", proto.error(), fault_.error_);
      case v1::Fault::kStatus:
        return proto.status() != v1::Fault::STATUS_UNSPECIFIED &&
                       v1::Fault::Status_IsValid(proto.status())
                   ? absl::OkStatus()
                   : InvalidScript("status",
                                   "must be one of v1.Fault.Status, as ABORTED "
                                   "or SESSION_NOT_FOUND");
      case v1::Fault::kCutConnection:
        return is_true("cut_connection", proto.cut_connection());
      case v1::Fault::kSwallow:
        return is_true("swallow", proto.swallow());
      case v1::Fault::kAskForCommitRetry:
        if (absl::Status s = NeedBefore("ask_for_commit_retry"); !s.ok()) {
          return s;
        }
        return is_true("ask_for_commit_retry", proto.ask_for_commit_retry());
      case v1::Fault::kHideTransaction:
        if (absl::Status s = NeedBefore("hide_transaction"); !s.ok()) return s;
        return is_true("hide_transaction", proto.hide_transaction());
      case v1::Fault::EFFECT_NOT_SET:
        break;
    }
    return absl::OkStatus();
  }

  absl::Status NeedBefore(absl::string_view effect) {
    return fault_.when_ == v1::Fault::BEFORE
               ? absl::OkStatus()
               : InvalidScript("when",
                               absl::StrCat("must be BEFORE, or left out, "
                                            "where there is ",
                                            effect));
  }

  absl::Status ReadMetadata(const v1::Fault& proto) {
    ReplyMetadata& metadata = fault_.metadata_;
    if (absl::Status s =
            ReadHeaders("headers", proto.headers(), metadata.headers);
        !s.ok()) {
      return s;
    }
    if (absl::Status s =
            ReadHeaders("trailers", proto.trailers(), metadata.trailers);
        !s.ok()) {
      return s;
    }
    for (int i = 0; i < proto.removed_headers_size(); ++i) {
      std::string name = absl::AsciiStrToLower(proto.removed_headers(i));
      if (!IsHeaderName(name)) {
        return InvalidScript(absl::StrCat("removed_headers[", i, "]"),
                             kHeaderNameProblem);
      }
      metadata.removed.push_back(std::move(name));
    }
    return absl::OkStatus();
  }

  static absl::Status ReadHeaders(
      absl::string_view field,
      const google::protobuf::RepeatedPtrField<v1::Fault::Header>& headers,
      ReplyMetadata::Entries& entries) {
    size_t bytes = 0;
    for (int i = 0; i < headers.size(); ++i) {
      const std::string name = absl::AsciiStrToLower(headers[i].name());
      if (!IsHeaderName(name)) {
        return InvalidScript(absl::StrCat(field, "[", i, "].name"),
                             kHeaderNameProblem);
      }
      if (IsReserved(name)) {
        return InvalidScript(absl::StrCat(field, "[", i, "].name"),
                             "must be another: this one is for HTTP or gRPC "
                             "itself");
      }
      std::string value = headers[i].value();
      const bool is_binary = absl::EndsWith(name, "-bin");
      if (is_binary
              ? !absl::Base64Unescape(headers[i].value(), &value)
              : !std::all_of(value.begin(), value.end(), [](unsigned char c) {
                  return absl::ascii_isprint(c);
                })) {
        return InvalidScript(absl::StrCat(field, "[", i, "].value"),
                             is_binary ? "must be base64, as the name ends "
                                         "with -bin"
                                       : "must be printable ASCII");
      }
      if (!is_binary && absl::StripAsciiWhitespace(value) != value) {
        return InvalidScript(absl::StrCat(field, "[", i, "].value"),
                             "must not begin or end with a blank: some clients "
                             "would drop it");
      }
      bytes += name.size() + value.size();
      if (bytes > kMaxMetadataBytes) {
        return InvalidScript(
            field, absl::StrCat("must have at most ", kMaxMetadataBytes,
                                " bytes together, as clients take no more than "
                                "8 KiB"));
      }
      entries.emplace_back(name, std::move(value));
    }
    return absl::OkStatus();
  }

  Fault& fault_;
};

absl::StatusOr<std::unique_ptr<Fault>> Fault::Make(v1::Fault proto) {
  std::unique_ptr<Fault> fault(new Fault(std::move(proto)));
  if (absl::Status s = FaultReader(*fault).Read(); !s.ok()) return s;
  return fault;
}

bool Fault::has_metadata() const {
  return !metadata_.headers.empty() || !metadata_.trailers.empty() ||
         !metadata_.removed.empty();
}

bool Fault::Matches(FaultCall& call) const {
  const Match& match = proto_.match();
  const Method& method = call.call().method();
  if (!methods_.empty() && !methods_.contains(method.full_name)) return false;
  if (proto_.after_messages() > 0 && !method.server_streaming) return false;
  if (proto_.status() == v1::Fault::SESSION_NOT_FOUND &&
      call.session().empty()) {
    return false;
  }
  if (proto_.status() == v1::Fault::DATABASE_NOT_FOUND &&
      call.database().empty()) {
    return false;
  }
  if (proto_.ask_for_commit_retry() &&
      method.full_name != "google.spanner.v1.Spanner.Commit") {
    return false;
  }
  if (proto_.hide_transaction() && !call.begins_transaction()) return false;
  if (!LiesIn(call.database(), scope_)) return false;
  if (!match.session().empty() && match.session() != call.session()) {
    return false;
  }
  if (!match.request_tag().empty() &&
      match.request_tag() != call.request_tag()) {
    return false;
  }
  if (!match.transaction_tag().empty() &&
      match.transaction_tag() != call.transaction_tag()) {
    return false;
  }
  for (const auto& [name, value] : headers_) {
    const auto header = call.call().context().Header(name);
    if (!header.has_value() || (!value.empty() && *header != value)) {
      return false;
    }
  }
  if (match.statement_case() != Match::STATEMENT_NOT_SET &&
      std::none_of(call.statements().begin(), call.statements().end(),
                   [this](const std::string& sql) {
                     return statements_.Matches(sql);
                   })) {
    return false;
  }
  if (session_filter_.empty() &&
      match.session_kind() == v1::SESSION_KIND_UNSPECIFIED) {
    return true;
  }
  const auto& session = call.session_facts();
  if (!session.has_value()) return false;
  if (match.session_kind() != v1::SESSION_KIND_UNSPECIFIED &&
      session->multiplexed != (match.session_kind() == v1::MULTIPLEXED)) {
    return false;
  }
  return session_filter_.Matches(session->labels);
}

bool Fault::Picks(const FaultDraws& draws) const {
  const Match& match = proto_.match();
  if (match.has_nth() && draws.match != match.nth()) return false;
  if (draws.match <= match.skip()) return false;
  return !match.has_probability() ||
         ToUnit(FaultDraw(draws.seed, name(), draws.match, kDrawProbability)) <
             match.probability();
}

absl::Duration Fault::PauseLength(const FaultDraws& draws,
                                  int64_t number) const {
  // Two for each pause.
  const uint64_t what = kDrawPause + 2 * static_cast<uint64_t>(number);
  const auto draw = [&](uint64_t offset) {
    return ToUnit(FaultDraw(draws.seed, name(), draws.match, what + offset));
  };
  switch (proto_.pause().length_case()) {
    case v1::Fault::Pause::kUniform:
      return pause_ + (longest_ - pause_) * draw(0);
    case v1::Fault::Pause::kLogNormal: {
      // A normal draw, by Box and Muller; 1 - draw is never 0.
      const double normal =
          std::sqrt(-2 * std::log(1 - draw(0))) * std::cos(2 * M_PI * draw(1));
      return std::min(
          kLongest,
          pause_ * std::exp(proto_.pause().log_normal().sigma() * normal));
    }
    default:
      return pause_;
  }
}

}  // namespace spanner_session_emulator
