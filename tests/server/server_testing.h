// What the tests of server/ share: an emulator whose clock stands, channels to
// it, calls of it by stub and by bytes, and matchers for what comes back.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_SERVER_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_SERVER_TESTING_H_

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/spanner/v1/spanner.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "store/mutex.h"

namespace spanner_session_emulator {

namespace api = ::google::spanner::v1;

inline constexpr absl::string_view kInstance = "projects/p/instances/i";
inline constexpr absl::string_view kDatabase =
    "projects/p/instances/i/databases/d";

// Where the clock stands. Not at a whole second or millisecond, so that a lost
// fraction shows.
constexpr absl::Time StartTime() {
  return absl::FromUnixMicros(1'700'000'000'123'456);
}

// ---- Waiting without sleeping.

// How long to wait for what should happen at once, before the test fails. The
// thread sanitizer takes half a minute to look at each of 100 million bytes.
inline constexpr std::chrono::seconds kPatience(60);

// Something that happens and is waited for, once or several times.
class Event {
 public:
  void Signal() {
    MutexLock lock(&mu_);
    ++count_;
    changed_.notify_all();
  }
  int count() {
    MutexLock lock(&mu_);
    return count_;
  }
  // Returns whether it has happened so many times before patience was lost.
  [[nodiscard]] bool Wait(int times = 1) {
    MutexLock lock(&mu_);
    return changed_.wait_for(mu_, kPatience, [&] { return count_ >= times; });
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int count_ = 0;
};

// ---- Servers and channels.

enum class Transport { kTcp, kInProcess, kRest };

// Tests that run over both of gRPC's transports.
std::string TransportName(const ::testing::TestParamInfo<Transport>& info);
#define INSTANTIATE_TRANSPORTS(suite)                                         \
  INSTANTIATE_TEST_SUITE_P(                                                   \
      Over, suite, ::testing::Values(Transport::kTcp, Transport::kInProcess), \
      TransportName)
// Tests that run over REST as well.
#define INSTANTIATE_ALL_TRANSPORTS(suite)                       \
  INSTANTIATE_TEST_SUITE_P(                                     \
      Over, suite,                                              \
      ::testing::Values(Transport::kTcp, Transport::kInProcess, \
                        Transport::kRest),                      \
      TransportName)

// An emulator with its clock at StartTime(), unless `options` say otherwise.
std::unique_ptr<Emulator> StartEmulator(EmulatorOptions options = {});

// Over kTcp or kInProcess.
std::shared_ptr<grpc::Channel> Connect(Emulator& emulator, Transport transport);
// A channel of its own, which shares no connection with any other.
std::shared_ptr<grpc::Channel> Connect(const std::string& address);

// A context that does not let a test wait forever.
std::unique_ptr<grpc::ClientContext> PatientContext();

absl::Status ToAbsl(const grpc::Status& status);

// ---- Calls by bytes: of any method, and of none.

struct Answer {
  absl::Status status;                // Without details.
  std::vector<std::string> messages;  // Serialized.
  std::string details;                // Of grpc-status-details-bin.
  std::multimap<std::string, std::string> trailers;
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

// Calls `path`, as `/package.Service/Method`, unary or server-streaming; with
// no request at all if it is nullopt.
Answer CallPath(const std::shared_ptr<grpc::Channel>& channel,
                const std::string& path,
                std::optional<absl::string_view> request,
                const Metadata& metadata = {});

// Calls a method of google.spanner.v1.Spanner with that request.
Answer CallSpanner(const std::shared_ptr<grpc::Channel>& channel,
                   absl::string_view method,
                   const google::protobuf::Message& request);

// Calls the server's methods, over one protocol.
class Caller {
 public:
  virtual ~Caller() = default;
  virtual Answer Call(const google::protobuf::MethodDescriptor& method,
                      const google::protobuf::Message& request) = 0;
  // A method of google.spanner.v1.Spanner, as `GetSession`.
  Answer Call(absl::string_view method,
              const google::protobuf::Message& request);
};
// `metadata` goes with every call.
std::unique_ptr<Caller> MakeCaller(
    const std::shared_ptr<grpc::Channel>& channel, Metadata metadata = {});
std::unique_ptr<Caller> MakeCaller(Emulator& emulator, Transport transport,
                                   Metadata metadata = {});

// What a unary call brings.
template <typename Response>
absl::StatusOr<Response> ToResponse(const Answer& answer) {
  if (!answer.status.ok()) return answer.status;
  Response response;
  EXPECT_EQ(answer.messages.size(), 1);
  EXPECT_TRUE(response.ParseFromString(answer.messages.at(0)));
  return response;
}

// The methods of google.spanner.v1.Spanner.
const google::protobuf::ServiceDescriptor& SpannerDescriptor();

// Those that name a session, or a database, and how.
struct NamingMethod {
  const google::protobuf::MethodDescriptor* method;
  const google::protobuf::FieldDescriptor* field;

  const std::string& name() const { return method->name(); }
  // A request with the name and what else it must have to reach its handler.
  std::unique_ptr<google::protobuf::Message> Request(
      absl::string_view resource) const;
};
std::vector<NamingMethod> MethodsOfSessions();
std::vector<NamingMethod> MethodsOfDatabases();

// ---- Calls of the session methods.

template <typename Message>
Message FromText(absl::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text),
                                                            &message))
      << text;
  return message;
}

// The session methods, as client libraries call them. Messages are given as
// text: `Create("multiplexed: true")`, `List("page_size: 3")`.
class SpannerClient {
 public:
  explicit SpannerClient(const std::shared_ptr<grpc::Channel>& channel)
      : caller_(MakeCaller(channel)) {}
  explicit SpannerClient(std::unique_ptr<Caller> caller)
      : caller_(std::move(caller)) {}

  absl::StatusOr<api::Session> Create(absl::string_view session = "",
                                      absl::string_view database = kDatabase);
  absl::StatusOr<std::vector<api::Session>> BatchCreate(
      int count, absl::string_view session_template = "",
      absl::string_view database = kDatabase);
  absl::StatusOr<api::Session> Get(const std::string& name);
  absl::StatusOr<api::ListSessionsResponse> List(
      absl::string_view request = "", absl::string_view database = kDatabase);
  absl::Status Delete(const std::string& name);

 private:
  const std::unique_ptr<Caller> caller_;
};

// ---- Matchers.

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
inline const absl::Status& StatusOf(const Answer& answer) {
  return answer.status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

// Of an absl::Status, an absl::StatusOr or an Answer.
MATCHER(IsOk, "") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}
MATCHER_P2(StatusIs, code, message,
           absl::StrCat("has the code ", absl::StatusCodeToString(code),
                        " and a message that ",
                        ::testing::DescribeMatcher<std::string>(
                            ::testing::Matcher<std::string>(message)))) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status << "; ";
  return status.code() == code &&
         ::testing::ExplainMatchResult(message, std::string(status.message()),
                                       result_listener);
}

MATCHER_P(EqualsProto, expected, expected.DebugString()) {
  return google::protobuf::util::MessageDifferencer::Equals(arg, expected);
}

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_SERVER_TESTING_H_
