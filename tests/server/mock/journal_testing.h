// What the tests of the journal share.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_MOCK_JOURNAL_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_MOCK_JOURNAL_TESTING_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "server/mock/journal.h"

namespace spanner_session_emulator {

inline constexpr char kTestDatabase[] = "projects/p/instances/i/databases/d";
inline constexpr char kTestSession[] =
    "projects/p/instances/i/databases/d/sessions/s";

// A call as a test writes it.
struct TestCall {
  std::string method = "GetSession";  // Of Spanner, or in full.
  CallProtocol protocol = CallProtocol::kGrpc;
  CallProblem problem = CallProblem::kNone;
  std::string peer = "ipv4:127.0.0.1:4711";
  std::string database = kTestDatabase;
  std::string session = kTestSession;
  std::string request = "";
  const google::protobuf::Message* prototype = nullptr;
  std::map<std::string, std::string> headers = {};
  CallTime start = {};
  CallNotes notes = {};

  // Of a generated type: its prototype is one of all.
  static const google::protobuf::Message* DefaultOf(
      const google::protobuf::Message& request) {
    return google::protobuf::MessageFactory::generated_factory()->GetPrototype(
        request.GetDescriptor());
  }
  static TestCall Of(const std::string& method,
                     const google::protobuf::Message& request) {
    return {.method = method,
            .request = request.SerializeAsString(),
            .prototype = DefaultOf(request)};
  }
};

inline std::shared_ptr<JournalRecord> Open(Journal& journal,
                                           const TestCall& call) {
  const std::string method =
      call.method.find_first_of("./") == std::string::npos
          ? absl::StrCat("google.spanner.v1.Spanner.", call.method)
          : call.method;
  return journal.Open({.method = method,
                       .protocol = call.protocol,
                       .problem = call.problem,
                       .peer = call.peer,
                       .database = call.database,
                       .session = call.session,
                       .request = call.request,
                       .request_prototype = call.prototype,
                       .header = [&call](absl::string_view name)
                           -> std::optional<absl::string_view> {
                         const auto it = call.headers.find(std::string(name));
                         if (it == call.headers.end()) return std::nullopt;
                         return it->second;
                       },
                       .start = call.start,
                       .notes = call.notes});
}

// A call that has ended.
inline void Record(Journal& journal, const TestCall& call,
                   JournalEnd end = {.message_count = 1}) {
  const auto record = Open(journal, call);
  journal.Close(record, std::move(end), call.notes);
}

inline JournalFilter Filter(absl::string_view text) {
  const auto filter = JournalFilter::Parse(text);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return filter.value_or(JournalFilter());
}

inline std::vector<int64_t> Numbers(const std::vector<JournalEntry>& entries) {
  std::vector<int64_t> numbers;
  for (const JournalEntry& entry : entries) numbers.push_back(entry.number());
  return numbers;
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_MOCK_JOURNAL_TESTING_H_
