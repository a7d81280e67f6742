#include "server/transport/http_input.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using State = HttpInput::State;

void Put(HttpInput& input, absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::Span<char> space = input.Space();
    const size_t size = std::min(space.size(), bytes.size());
    std::memcpy(space.data(), bytes.data(), size);
    input.Received(size);
    bytes.remove_prefix(size);
    if (!bytes.empty()) input.Parse();
  }
}

std::string Describe(const HttpRequest& request) {
  std::string all = absl::StrCat(request.method, " ", request.target);
  for (const auto& [name, value] : request.fields) {
    absl::StrAppend(&all, " ", name, "=", value);
  }
  return absl::StrCat(all, " [", request.body, "]");
}

// Takes all requests there are. Pieces come as a connection brings them: behind
// the last request that is complete.
void Take(HttpInput& input, std::vector<std::string>& requests) {
  while (input.Parse() == State::kComplete) {
    requests.push_back(Describe(input.request()));
    input.Next();
  }
}

TEST(HttpInputTest, ItDoesNotMatterHowBytesAreCut) {
  const std::string bytes =
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "\r\n"
      "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nde\r\n1;x=y\r\nf\r\n0\r\nT: u\r\n\r\n"
      "GET /4 HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n";
  for (size_t first = 0; first <= bytes.size(); ++first) {
    for (size_t second = first; second <= bytes.size(); second += 7) {
      HttpInput input(1000, 1000);
      std::vector<std::string> requests;
      for (const std::string& piece :
           {bytes.substr(0, first), bytes.substr(first, second - first),
            bytes.substr(second)}) {
        Put(input, piece);
        Take(input, requests);
      }
      ASSERT_THAT(requests,
                  ElementsAre("GET /1 Host=h []",
                              "POST /2 Host=h Content-Length=3 [abc]",
                              "POST /3 Host=h Transfer-Encoding=chunked [def]",
                              "GET /4 Host=h X= []"))
          << first << " " << second;
      ASSERT_EQ(input.Parse(), State::kIdle);
    }
  }
}

// While a reply is sent, the bytes that follow come into the same buffer.
TEST(HttpInputTest, RequestsThatAreReadAheadAreNotLost) {
  HttpInput input(100000, 100000);
  Put(input, "GET /0 HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(input.Parse(), State::kComplete);
  input.Next();
  constexpr int kRequests = 2000;
  std::string ahead;
  for (int i = 0; i < kRequests; ++i) {
    absl::StrAppend(&ahead, "GET /", i, " HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  // In pieces, and without a look at them.
  for (size_t at = 0; at < ahead.size(); at += 1000) {
    const std::string piece = ahead.substr(at, 1000);
    std::memcpy(input.Space().data(), piece.data(), piece.size());
    input.Received(piece.size());
  }
  EXPECT_EQ(input.pipelined(), ahead.size());
  std::vector<std::string> requests;
  Take(input, requests);
  ASSERT_EQ(requests.size(), kRequests);
  EXPECT_EQ(requests.back(),
            absl::StrCat("GET /", kRequests - 1, " Host=h []"));
}

TEST(HttpInputTest, StatesFollowTheRequest) {
  HttpInput input(1000, 1000);
  EXPECT_EQ(input.Parse(), State::kIdle);
  Put(input, "\r\n");
  EXPECT_EQ(input.Parse(), State::kIdle);
  Put(input, "POST / HTTP/1.0\r\n");
  EXPECT_EQ(input.Parse(), State::kHead);
  EXPECT_EQ(input.Parse(), State::kHead);
  Put(input, "Content-Length: 2\r\n\r\n");
  EXPECT_EQ(input.Parse(), State::kBody);
  EXPECT_EQ(input.Parse(), State::kBody);
  EXPECT_FALSE(input.http11());
  EXPECT_FALSE(input.keep_alive());
  Put(input, "12G");
  EXPECT_EQ(input.Parse(), State::kComplete);
  EXPECT_EQ(input.Parse(), State::kComplete);
  EXPECT_EQ(input.pipelined(), 1);
  input.Next();
  EXPECT_EQ(input.Parse(), State::kHead);
  Put(input, "\r\n");
  EXPECT_EQ(input.Parse(), State::kProblem);
  EXPECT_EQ(input.problem(), HttpProblem::kMalformed);
  EXPECT_EQ(input.Parse(), State::kProblem);
  input.Discard();
  EXPECT_GE(input.Space().size(), 1000);
}

TEST(HttpInputTest, AnAnnouncedBodyTakesNoMemory) {
  HttpInput input(1000, size_t{1} << 60);
  Put(input,
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\nx");
  EXPECT_EQ(input.Parse(), State::kBody);
  EXPECT_LE(input.Space().size(), 100000);
}

TEST(HttpInputTest, MemoryOfALargeRequestIsGivenBack) {
  HttpInput input(1 << 20, 1 << 20);
  const std::string request = absl::StrCat(
      "GET / HTTP/1.1\r\nHost: h\r\nX: ", std::string(500000, 'x'), "\r\n\r\n");
  Put(input, request);
  EXPECT_EQ(input.Parse(), State::kComplete);
  EXPECT_EQ(input.request().Header("x")->size(), 500000);
  input.Next();
  EXPECT_LE(input.Space().size(), 10000);
}

TEST(HttpInputTest, TheContinuationIsAwaitedUntilTheBodyComes) {
  for (const std::string& framing :
       {std::string("Content-Length: 5\r\n"),
        std::string("Transfer-Encoding: chunked\r\n")}) {
    HttpInput input(1000, 1000);
    Put(input, "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n" +
                   framing + "\r\n");
    EXPECT_EQ(input.Parse(), State::kBody);
    EXPECT_TRUE(input.AwaitsContinue());
    Put(input, "1");
    EXPECT_EQ(input.Parse(), State::kBody);
    EXPECT_FALSE(input.AwaitsContinue());
  }
}

}  // namespace
}  // namespace spanner_session_emulator
