#include "tests/differential/answers.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "google/spanner/v1/spanner.pb.h"
#include "tests/server/main_test/raw_call.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

constexpr char kSessions[] = "/sessions/";

std::string LastPart(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

std::string ToText(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(message, &text);
  return std::string(absl::StripTrailingAsciiWhitespace(text));
}

// A message of a type that is linked in.
std::unique_ptr<google::protobuf::Message> New(
    const google::protobuf::Descriptor* type) {
  return std::unique_ptr<google::protobuf::Message>(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(type)
          ->New());
}

// The detail's type and what it says.
std::string Detail(const google::protobuf::Any& detail) {
  // Mentioned, so that the file's types are linked in.
  (void)google::rpc::ResourceInfo::descriptor();
  const std::string type = LastPart(detail.type_url());
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          type);
  if (descriptor == nullptr) return ToText(detail);
  const auto message = New(descriptor);
  return message->ParseFromString(detail.value())
             ? absl::StrCat(type, " ", ToText(*message))
             : ToText(detail);
}

// `{x*1234}` to characters, and long runs of one character back.
std::string ExpandRuns(absl::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t end = text.find('}');
    int count;
    if (text.size() > 3 && text[0] == '{' && text[2] == '*' &&
        end != text.npos && absl::SimpleAtoi(text.substr(3, end - 3), &count)) {
      result.append(count, text[1]);
      text.remove_prefix(end + 1);
    } else {
      result.push_back(text[0]);
      text.remove_prefix(1);
    }
  }
  return result;
}

std::string CollapseRuns(absl::string_view text) {
  constexpr size_t kLong = 50;
  std::string result;
  while (!text.empty()) {
    const size_t size = std::min(text.find_first_not_of(text[0]), text.size());
    if (size < kLong) {
      result.append(size, text[0]);
    } else {
      absl::StrAppend(&result, "{", text.substr(0, 1), "*", size, "}");
    }
    text.remove_prefix(size);
  }
  return result;
}

class Conversation {
 public:
  Conversation(std::shared_ptr<grpc::Channel> server,
               const std::string& database, const std::string& other_database)
      : server_(std::move(server)),
        words_({{"{project}", kProject},
                {"{instance}", kInstance},
                {"{db}", database},
                {"{db_id}", LastPart(database)},
                {"{other}", other_database},
                {"{token}", ""},
                {"{part}", ""}}) {}

  std::string Answer(const Step& step) {
    std::string path = step.method;
    std::string bytes = Expand(step.request);
    const google::protobuf::Descriptor* response = nullptr;
    if (!absl::StartsWith(step.method, "/")) {
      const auto* method = api::Session::descriptor()
                               ->file()
                               ->FindServiceByName("Spanner")
                               ->FindMethodByName(step.method);
      const auto request = New(method->input_type());
      if (!google::protobuf::TextFormat::ParseFromString(bytes,
                                                         request.get())) {
        return absl::StrCat("no ", request->GetTypeName(), ": ", bytes);
      }
      path = absl::StrCat("/", method->service()->full_name(), "/",
                          method->name());
      bytes = request->SerializeAsString();
      response = method->output_type();
    }
    const RawReply reply = RawCall(server_, path, bytes);
    if (!reply.status.ok()) return Error(reply);
    if (reply.messages.empty() || response == nullptr) return "OK";
    const auto message = New(response);
    if (!message->ParseFromString(reply.messages[0])) return "OK, unparsable";
    return absl::StrCat("OK ", Message(*message));
  }

 private:
  struct Seen {
    int number;
    int64_t created;
    int64_t used;
  };

  std::string Expand(const std::string& text) const {
    return ExpandRuns(absl::StrReplaceAll(text, words_));
  }

  // Names that are known by their words; where one is the start of another,
  // absl takes the longer.
  std::string Substitute(absl::string_view text) const {
    std::vector<std::pair<std::string, std::string>> words;
    for (const auto& [word, name] : words_) {
      if (absl::StartsWith(word, "{t")) {
        // Short, so only where one is named.
        if (word != "{token}") {
          words.emplace_back(absl::StrCat("not found: ", name),
                             absl::StrCat("not found: ", word));
        }
      } else if (word != "{part}" && !absl::StartsWith(word, "{id")) {
        words.emplace_back(name, word);
      }
    }
    std::string result = absl::StrReplaceAll(text, words);
    for (const auto& [word, id] : words_) {
      if (absl::StartsWith(word, "{id")) {
        result = absl::StrReplaceAll(
            result, {{absl::StrCat("{other}", kSessions, id),
                      absl::StrCat("{other}", kSessions, word)}});
      }
    }
    return CollapseRuns(result);
  }

  std::string Error(const RawReply& reply) const {
    const grpc::Status& status = reply.status;
    std::string text =
        absl::StrCat(absl::StatusCodeToString(
                         static_cast<absl::StatusCode>(status.error_code())),
                     ": ", status.error_message());
    google::rpc::Status details;
    if (!details.ParseFromString(status.error_details())) {
      absl::StrAppend(&text, " [unparsable]");
    }
    if (!status.error_details().empty() &&
        (details.code() != status.error_code() ||
         details.message() != status.error_message())) {
      absl::StrAppend(&text, " [another status]");
    }
    for (const google::protobuf::Any& detail : details.details()) {
      absl::StrAppend(&text, " [", Detail(detail), "]");
    }
    for (const auto& [key, value] : reply.trailers) {
      if (key == "grpc-status-details-bin" || !absl::EndsWith(key, "-bin")) {
        continue;
      }
      absl::StrAppend(&text, " trailer: ", key);
      const bool is_detail = std::any_of(
          details.details().begin(), details.details().end(),
          [&value = value](const auto& d) { return d.value() == value; });
      if (!is_detail) absl::StrAppend(&text, " ", value);
    }
    return Substitute(text);
  }

  std::string Message(const google::protobuf::Message& message) {
    const auto* type = message.GetDescriptor();
    if (type == api::Session::descriptor()) {
      return Sessions({static_cast<const api::Session*>(&message)});
    }
    if (type == api::Transaction::descriptor()) {
      return Transaction(static_cast<const api::Transaction&>(message));
    }
    if (type == api::CommitResponse::descriptor()) {
      return Committed(static_cast<const api::CommitResponse&>(message));
    }
    if (type == api::ResultSet::descriptor()) {
      return In(
          message,
          static_cast<const api::ResultSet&>(message).metadata().transaction());
    }
    if (type == api::ExecuteBatchDmlResponse::descriptor()) {
      const auto& batch =
          static_cast<const api::ExecuteBatchDmlResponse&>(message);
      std::string text = absl::StrCat(
          batch.result_sets_size(), " results, ",
          absl::StatusCodeToString(
              static_cast<absl::StatusCode>(batch.status().code())));
      if (batch.result_sets_size() > 0) {
        absl::StrAppend(&text,
                        Suffix(batch.result_sets(0).metadata().transaction()));
      }
      return text;
    }
    if (type == api::PartitionResponse::descriptor()) {
      const auto& partitions =
          static_cast<const api::PartitionResponse&>(message);
      if (partitions.partitions_size() > 0) {
        words_["{part}"] =
            absl::CEscape(partitions.partitions(0).partition_token());
      }
      return In(message, partitions.transaction());
    }
    std::string token;
    std::vector<const api::Session*> sessions;
    if (message.GetDescriptor() ==
        api::BatchCreateSessionsResponse::descriptor()) {
      for (const api::Session& session :
           static_cast<const api::BatchCreateSessionsResponse&>(message)
               .session()) {
        sessions.push_back(&session);
      }
    } else if (message.GetDescriptor() ==
               api::ListSessionsResponse::descriptor()) {
      const auto& list = static_cast<const api::ListSessionsResponse&>(message);
      for (const api::Session& session : list.sessions()) {
        sessions.push_back(&session);
      }
      token = list.next_page_token();
    } else {
      return message.GetTypeName();
    }
    std::string text = sessions.empty() ? "none" : Sessions(sessions);
    if (!token.empty()) {
      words_["{token}"] = token;
      absl::StrAppend(&text, ", token");
    }
    return text;
  }

  std::string Transaction(const api::Transaction& transaction) {
    std::string text;
    if (!transaction.id().empty()) {
      const std::string id = absl::CEscape(transaction.id());
      const auto [it, is_new] =
          transactions_.try_emplace(id, transactions_.size() + 1);
      text = absl::StrCat("{t", it->second, "}");
      words_[text] = id;
    }
    if (transaction.has_read_timestamp()) absl::StrAppend(&text, " at a time");
    return text;
  }

  std::string Suffix(const api::Transaction& transaction) {
    const std::string text = Transaction(transaction);
    return text.empty() ? "" : absl::StrCat(" ", text);
  }
  std::string In(const google::protobuf::Message& message,
                 const api::Transaction& transaction) {
    return absl::StrCat(message.GetTypeName(), Suffix(transaction));
  }

  std::string Committed(const api::CommitResponse& response) {
    const int64_t nanos = Nanos(response.commit_timestamp());
    const bool earlier = !commits_.empty() && nanos < commits_.rbegin()->first;
    const auto [it, is_new] = commits_.try_emplace(nanos, commits_.size() + 1);
    std::string text = absl::StrCat("committed {c", it->second, "}",
                                    earlier ? " earlier" : "");
    if (response.has_commit_stats()) {
      absl::StrAppend(&text, ", ", response.commit_stats().mutation_count(),
                      " mutations");
    }
    return text;
  }

  std::string Sessions(const std::vector<const api::Session*>& sessions) {
    // Neighbours that look the same are written as one.
    struct Group {
      int first;
      int last;
      std::string text;
    };
    std::vector<Group> groups;
    for (const api::Session* session : sessions) {
      const int number = See(*session);
      const std::string text = Look(*session);
      if (!groups.empty() && groups.back().last + 1 == number &&
          groups.back().text == text) {
        groups.back().last = number;
      } else {
        groups.push_back({.first = number, .last = number, .text = text});
      }
      Remember(*session);
    }
    return absl::StrJoin(groups, ", ", [](std::string* out, const Group& g) {
      absl::StrAppend(out, "{s", g.first, "}");
      if (g.last != g.first) absl::StrAppend(out, "..{s", g.last, "}");
      absl::StrAppend(out, g.text);
    });
  }

  static int64_t Nanos(const google::protobuf::Timestamp& time) {
    return time.seconds() * 1'000'000'000 + time.nanos();
  }

  // Gives the session a number if it is new.
  int See(const api::Session& session) {
    const auto [it, is_new] = seen_.try_emplace(session.name());
    if (is_new) {
      const int number = static_cast<int>(seen_.size());
      it->second = {.number = number,
                    .created = Nanos(session.create_time()),
                    .used = Nanos(session.approximate_last_use_time())};
      words_[absl::StrCat("{s", number, "}")] = session.name();
      words_[absl::StrCat("{id", number, "}")] =
          session.name().substr(session.name().rfind('/') + 1);
    }
    return it->second.number;
  }

  // Everything but the name.
  std::string Look(const api::Session& session) const {
    const Seen& seen = seen_.at(session.name());
    std::string text;
    if (session.has_create_time()) {
      absl::StrAppend(&text, Nanos(session.create_time()) == seen.created
                                 ? " created"
                                 : " created otherwise");
    }
    if (session.has_approximate_last_use_time()) {
      const int64_t used = Nanos(session.approximate_last_use_time());
      absl::StrAppend(&text, used == seen.used  ? " used"
                             : used > seen.used ? " used later"
                                                : " used earlier");
    }
    api::Session rest = session;
    rest.clear_name();
    rest.clear_create_time();
    rest.clear_approximate_last_use_time();
    const std::string rest_text = ToText(rest);
    if (!rest_text.empty()) absl::StrAppend(&text, " ", rest_text);
    return text;
  }

  void Remember(const api::Session& session) {
    seen_.at(session.name()).used = Nanos(session.approximate_last_use_time());
  }

  const std::shared_ptr<grpc::Channel> server_;
  std::map<std::string, std::string> words_;
  std::map<std::string, Seen> seen_;
  std::map<std::string, size_t> transactions_;
  std::map<int64_t, size_t> commits_;
};

}  // namespace

std::vector<std::string> Answers(const std::shared_ptr<grpc::Channel>& server,
                                 const std::vector<Step>& steps,
                                 const std::string& database,
                                 const std::string& other_database) {
  Conversation conversation(server, database, other_database);
  std::vector<std::string> answers;
  for (const Step& step : steps) answers.push_back(conversation.Answer(step));
  return answers;
}

}  // namespace spanner_session_emulator
