// Bytes that are written by hand, beside those that protobuf writes.
#include "server/services/session_bytes.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/spanner/v1/spanner.pb.h"
#include "gtest/gtest.h"
#include "store/labels.h"
#include "store/names.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;
using LabelPairs = std::vector<std::pair<std::string, std::string>>;

// What protobuf writes, labels in the order of their keys.
std::string Serialized(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

void SetTime(int64_t micros, google::protobuf::Timestamp& timestamp) {
  timestamp.set_seconds(micros / 1'000'000);
  timestamp.set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1'000));
}

// One session, as the store has it and as a message.
struct Sample {
  Sample(const std::string& database, const std::string& id,
         int64_t create_micros, int64_t use_micros, bool multiplexed = false,
         const LabelPairs& labels = {}, const std::string& role = "")
      : name(*DatabaseName::Parse(
                 absl::StrCat("projects/p/instances/i/databases/", database)),
             id) {
    session.create_time = absl::FromUnixMicros(create_micros);
    session.approximate_last_use_time = absl::FromUnixMicros(use_micros);
    session.multiplexed = multiplexed;
    message.set_name(name.full());
    SetTime(create_micros, *message.mutable_create_time());
    SetTime(use_micros, *message.mutable_approximate_last_use_time());
    message.set_multiplexed(multiplexed);
    if (labels.empty() && role.empty()) return;
    session.attributes =
        std::make_shared<const SessionAttributes>(SessionAttributes{
            .labels = *Labels::Make(labels), .creator_role = role});
    message.mutable_labels()->insert(labels.begin(), labels.end());
    message.set_creator_role(role);
  }

  SessionName name;
  Session session;
  api::Session message;
};

LabelPairs ManyLabels() {
  LabelPairs labels;
  for (int i = 0; i < Labels::kMaxLabels; ++i) {
    labels.emplace_back(absl::StrCat("key-", i), std::string(i % 64, 'v'));
  }
  return labels;
}

std::vector<Sample> Samples() {
  constexpr int64_t kNow = 1'800'000'000'123'456;
  constexpr int64_t kYear9999 = 253'402'300'799'999'999;
  std::vector<Sample> samples;
  samples.emplace_back("d", "s", kNow, kNow + 1);
  // Times without a fraction, and at the epoch, where they are empty messages.
  samples.emplace_back("d", "s", 1'800'000'000'000'000, kNow);
  samples.emplace_back("d", "s", 0, 0);
  samples.emplace_back("d", "s", 0, 1);
  samples.emplace_back("d", "s", 999'999, 1'000'000);
  samples.emplace_back("d", "s", kYear9999, kYear9999);
  // Each length of a varint.
  for (int64_t seconds = 1; seconds < 253'402'300'799; seconds *= 3) {
    samples.emplace_back("d", "s", seconds * 1'000'000, seconds);
  }
  samples.emplace_back("d", "s", kNow, kNow, /*multiplexed=*/true);
  samples.emplace_back("d", "s", kNow, kNow, true, LabelPairs(), "role");
  samples.emplace_back("d", "s", kNow, kNow, false, LabelPairs(), "role");
  samples.emplace_back("d", "s", kNow, kNow, false,
                       LabelPairs{{"env", "test"}});
  samples.emplace_back("d", "s", kNow, kNow, false,
                       LabelPairs{{"b", ""}, {"a", "x"}}, "r");
  samples.emplace_back("d", "s", kNow, kNow, false, ManyLabels(),
                       std::string(1024, 'r'));
  // Lengths around those that need one byte more, of names and all that holds
  // them; and a name that is not ASCII.
  for (const size_t size : {30, 60, 64, 90, 126, 127, 128, 129, 1000, 4000}) {
    samples.emplace_back("d", std::string(size, 's'), kNow, kNow);
    samples.emplace_back("d", "s", kNow, kNow, false, LabelPairs(),
                         std::string(size, 'r'));
  }
  samples.emplace_back("d\xc3\xa4\xf0\x9f\x98\x80", "s", kNow, kNow);
  return samples;
}

TEST(SessionBytesTest, ASessionIsAsProtobufWritesIt) {
  for (const Sample& sample : Samples()) {
    google::protobuf::Arena arena;
    EXPECT_EQ(SerializeSession(sample.name.full(), sample.session, arena),
              Serialized(sample.message))
        << sample.message.ShortDebugString();
  }
}

TEST(SessionBytesTest, APageIsAsProtobufWritesIt) {
  std::vector<NamedSession> sessions;
  api::ListSessionsResponse page;
  api::BatchCreateSessionsResponse batch;
  const auto check = [&] {
    for (const std::string& token :
         {std::string(), std::string("t"), std::string(200, 't')}) {
      google::protobuf::Arena arena;
      page.set_next_page_token(token);
      EXPECT_EQ(SerializeSessions(sessions, token, arena), Serialized(page));
    }
    google::protobuf::Arena arena;
    EXPECT_EQ(SerializeSessions(sessions, "", arena), Serialized(batch));
  };
  check();  // Of none.
  for (const Sample& sample : Samples()) {
    sessions.push_back({sample.name, sample.session});
    *page.add_sessions() = sample.message;
    *batch.add_session() = sample.message;
    check();
  }
}

}  // namespace
}  // namespace spanner_session_emulator
