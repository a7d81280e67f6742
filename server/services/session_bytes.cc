#include "server/services/session_bytes.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/spanner/v1/spanner.pb.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;
using google::protobuf::Timestamp;
using google::protobuf::io::CodedOutputStream;

// The wire's format: https://protobuf.dev/programming-guides/encoding. All
// fields here have numbers below 16, so that their tags are one byte.
enum WireType : uint8_t { kVarint = 0, kBytes = 2 };

uint8_t* WriteTag(int field, WireType type, uint8_t* to) {
  *to = static_cast<uint8_t>(field << 3 | type);
  return to + 1;
}

size_t NumberSize(uint64_t number) {
  return number == 0 ? 0 : 1 + CodedOutputStream::VarintSize64(number);
}

uint8_t* WriteNumber(int field, uint64_t number, uint8_t* to) {
  if (number == 0) return to;
  return CodedOutputStream::WriteVarint64ToArray(number,
                                                 WriteTag(field, kVarint, to));
}

// Of a message, or of a text that is there.
size_t FieldSize(size_t size) {
  return 1 + CodedOutputStream::VarintSize64(size) + size;
}

uint8_t* WriteHead(int field, size_t size, uint8_t* to) {
  return CodedOutputStream::WriteVarint64ToArray(size,
                                                 WriteTag(field, kBytes, to));
}

uint8_t* WriteField(int field, absl::string_view text, uint8_t* to) {
  to = WriteHead(field, text.size(), to);
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

// A Timestamp. The clock does not show times before 1970.
class TimeBytes {
 public:
  explicit TimeBytes(absl::Time time) {
    const auto micros = static_cast<uint64_t>(absl::ToUnixMicros(time));
    seconds_ = micros / 1'000'000;
    nanos_ = micros % 1'000'000 * 1'000;
    size_ = NumberSize(seconds_) + NumberSize(nanos_);
  }

  size_t size() const { return size_; }
  uint8_t* Write(uint8_t* to) const {
    to = WriteNumber(Timestamp::kSecondsFieldNumber, seconds_, to);
    return WriteNumber(Timestamp::kNanosFieldNumber, nanos_, to);
  }

 private:
  uint64_t seconds_;
  uint64_t nanos_;
  size_t size_;
};

// An entry of a map is a message with these fields, and has both, even empty.
constexpr int kMapKey = 1;
constexpr int kMapValue = 2;

size_t LabelSize(absl::string_view key, absl::string_view value) {
  return FieldSize(key.size()) + FieldSize(value.size());
}

// A Session. What it is made of must outlive it.
class SessionBytes {
 public:
  SessionBytes(absl::string_view name, const Session& session)
      : name_(name),
        create_time_(session.create_time),
        last_use_time_(session.approximate_last_use_time),
        attributes_(session.attributes.get()),
        multiplexed_(session.multiplexed) {
    size_ = FieldSize(name.size()) + FieldSize(create_time_.size()) +
            FieldSize(last_use_time_.size()) + NumberSize(multiplexed_ ? 1 : 0);
    if (attributes_ == nullptr) return;
    if (const size_t size = attributes_->creator_role.size(); size > 0) {
      size_ += FieldSize(size);
    }
    attributes_->labels.ForEach(
        [this](absl::string_view key, absl::string_view value) {
          size_ += FieldSize(LabelSize(key, value));
          return true;
        });
  }

  size_t size() const { return size_; }

  uint8_t* Write(uint8_t* to) const {
    to = WriteField(api::Session::kNameFieldNumber, name_, to);
    if (attributes_ != nullptr) {
      attributes_->labels.ForEach(
          [&to](absl::string_view key, absl::string_view value) {
            to = WriteHead(api::Session::kLabelsFieldNumber,
                           LabelSize(key, value), to);
            to = WriteField(kMapKey, key, to);
            to = WriteField(kMapValue, value, to);
            return true;
          });
    }
    to = WriteHead(api::Session::kCreateTimeFieldNumber, create_time_.size(),
                   to);
    to = create_time_.Write(to);
    to = WriteHead(api::Session::kApproximateLastUseTimeFieldNumber,
                   last_use_time_.size(), to);
    to = last_use_time_.Write(to);
    if (attributes_ != nullptr && !attributes_->creator_role.empty()) {
      to = WriteField(api::Session::kCreatorRoleFieldNumber,
                      attributes_->creator_role, to);
    }
    return WriteNumber(api::Session::kMultiplexedFieldNumber,
                       multiplexed_ ? 1 : 0, to);
  }

 private:
  absl::string_view name_;
  TimeBytes create_time_;
  TimeBytes last_use_time_;
  const SessionAttributes* attributes_;
  bool multiplexed_;
  size_t size_;
};

uint8_t* Allocate(size_t size, google::protobuf::Arena& arena) {
  return google::protobuf::Arena::CreateArray<uint8_t>(&arena, size);
}

absl::string_view View(const uint8_t* bytes, size_t size) {
  return absl::string_view(reinterpret_cast<const char*>(bytes), size);
}

// One function serves both.
constexpr int kSessions = api::ListSessionsResponse::kSessionsFieldNumber;
static_assert(kSessions ==
              api::BatchCreateSessionsResponse::kSessionFieldNumber);

}  // namespace

absl::string_view SerializeSession(absl::string_view name,
                                   const Session& session,
                                   google::protobuf::Arena& arena) {
  const SessionBytes bytes(name, session);
  uint8_t* const begin = Allocate(bytes.size(), arena);
  bytes.Write(begin);
  return View(begin, bytes.size());
}

absl::string_view SerializeSessions(absl::Span<const NamedSession> sessions,
                                    absl::string_view next_page_token,
                                    google::protobuf::Arena& arena) {
  std::vector<SessionBytes> parts;
  parts.reserve(sessions.size());
  size_t size = 0;
  for (const NamedSession& session : sessions) {
    parts.emplace_back(session.name.full(), session.session);
    size += FieldSize(parts.back().size());
  }
  if (!next_page_token.empty()) size += FieldSize(next_page_token.size());
  uint8_t* const begin = Allocate(size, arena);
  uint8_t* to = begin;
  for (const SessionBytes& part : parts) {
    to = part.Write(WriteHead(kSessions, part.size(), to));
  }
  if (!next_page_token.empty()) {
    WriteField(api::ListSessionsResponse::kNextPageTokenFieldNumber,
               next_page_token, to);
  }
  return View(begin, size);
}

}  // namespace spanner_session_emulator
