// What the tests of server/mock share: messages as JSON, stubs of it, streams,
// and the merging of chunked values that clients do.
#ifndef SPANNER_SESSION_EMULATOR_TESTS_SERVER_MOCK_MOCK_TESTING_H_
#define SPANNER_SESSION_EMULATOR_TESTS_SERVER_MOCK_MOCK_TESTING_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/spanner/v1/result_set.pb.h"
#include "gtest/gtest.h"
#include "server/mock/result_source.h"
#include "server/mock/stub.h"

namespace spanner_session_emulator {

namespace api = ::google::spanner::v1;

inline constexpr absl::string_view kDatabase =
    "projects/p/instances/i/databases/d";

template <typename Message>
Message FromJson(absl::string_view json) {
  Message message;
  const auto status = google::protobuf::util::JsonStringToMessage(
      {json.data(), json.size()}, &message);
  EXPECT_TRUE(status.ok()) << status << " in " << json;
  return message;
}

inline std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

inline absl::StatusOr<std::unique_ptr<Stub>> TryStub(absl::string_view json) {
  return Stub::Make(FromJson<v1::Stub>(json));
}

// A stub that must be right.
inline std::unique_ptr<Stub> MakeStub(absl::string_view json) {
  auto stub = TryStub(json);
  EXPECT_TRUE(stub.ok()) << stub.status() << " for " << json;
  return *std::move(stub);
}

// A stream, to its end.
struct Stream {
  std::vector<api::PartialResultSet> messages;
  absl::Status status;
};

inline Stream ReadAll(StubResult result, const ResultOptions& options = {}) {
  ResultSource source(std::move(result), options);
  Stream stream;
  api::PartialResultSet message;
  while (source.Next(message)) stream.messages.push_back(message);
  stream.status = source.status();
  EXPECT_FALSE(source.Next(message)) << "It went on after its end";
  return stream;
}

// Merges two parts as google.spanner.v1.PartialResultSet says, and as client
// libraries do. Fails the test where its rules know no merging.
void Merge(const google::protobuf::Value& next, google::protobuf::Value& value);

// The values of a stream's messages, merged, one after the other.
std::vector<google::protobuf::Value> MergeAll(
    const std::vector<api::PartialResultSet>& messages);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_TESTS_SERVER_MOCK_MOCK_TESTING_H_
