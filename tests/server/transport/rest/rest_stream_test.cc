// Server-streaming replies over REST.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/call/errors.h"
#include "tests/server/transport/rest/rest_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kRead[] = "/v1/shelves/a/books/b:read";

struct Wait {};
// A message with that name, a wait, or the end.
using Step = std::variant<std::string, Wait, absl::Status>;

struct Probe {
  int asked = 0;
  int destroyed = 0;
  std::function<void()> wake;
};

class ScriptedSource final : public ReplySource {
 public:
  ScriptedSource(Probe* probe, std::vector<Step> script)
      : probe_(probe), script_(std::move(script)) {}
  ~ScriptedSource() override { ++probe_->destroyed; }

  ReplyStep Next() override {
    const Step step = script_.at(probe_->asked++);
    if (std::holds_alternative<Wait>(step)) return ReplyStep::Wait();
    if (const auto* status = std::get_if<absl::Status>(&step)) {
      return ReplyStep::End(*status);
    }
    message_.set_name(std::get<std::string>(step));
    return ReplyStep::Message(&message_);
  }
  void OnReady(std::function<void()> wake) override {
    probe_->wake = std::move(wake);
  }

 private:
  Probe* const probe_;
  const std::vector<Step> script_;
  rest_testing::Book message_;
};

class RestStreamTest : public ::testing::Test {
 protected:
  void Serve(std::vector<Step> script) {
    server_.table.Set("rest_testing.Library.ReadBook",
                      rest_testing::BookRequest::default_instance(),
                      [this, script = std::move(script)](Call&) {
                        return Reply::Stream(
                            std::make_unique<ScriptedSource>(&probe_, script));
                      });
  }
  TestResponse Run(std::vector<Step> script,
                   const std::string& query = "prettyPrint=false") {
    Serve(std::move(script));
    TestResponse response = server_.Get(absl::StrCat(kRead, "?", query));
    EXPECT_EQ(probe_.destroyed, 1);
    return response;
  }
  void ExpectEnded(absl::StatusCode code) {
    ASSERT_THAT(server_.ended, SizeIs(1));
    EXPECT_EQ(server_.ended[0].method, "rest_testing.Library.ReadBook");
    EXPECT_EQ(server_.ended[0].status.code(), code);
  }
  bool NoneIsOpen() {
    server_.open_calls.WaitForNone(std::chrono::steady_clock::now());
    return true;
  }

  Probe probe_;
  RestServer server_;
};

TEST_F(RestStreamTest, AnArray) {
  const TestResponse response = Run({"x", "y", "", absl::OkStatus()});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("Content-Type"), "application/json; charset=UTF-8");
  EXPECT_THAT(response.pieces,
              ElementsAre("[{\"name\":\"x\"}\n", ",{\"name\":\"y\"}\n", ",{}\n",
                          "]\n"));
  ExpectEnded(absl::StatusCode::kOk);
}

TEST_F(RestStreamTest, AnIndentedArray) {
  EXPECT_EQ(Run({"x", "y", absl::OkStatus()}, "").body,
            "[{\n  \"name\": \"x\"\n}\n,{\n  \"name\": \"y\"\n}\n]\n");
}

TEST_F(RestStreamTest, AnEmptyArray) {
  const TestResponse response = Run({absl::OkStatus()});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "[]\n");
  ExpectEnded(absl::StatusCode::kOk);
}

TEST_F(RestStreamTest, PartialMessages) {
  EXPECT_EQ(
      Run({"x", "y", absl::OkStatus()}, "prettyPrint=false&fields=title").body,
      "[{}\n,{}\n]\n");
}

TEST_F(RestStreamTest, AnErrorBeforeTheFirstMessage) {
  const TestResponse response = Run({absl::AbortedError("m")});
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.body,
            "[{\"error\":{\"code\":409,\"message\":\"m\","
            "\"status\":\"ABORTED\"}}\n]\n");
  ExpectEnded(absl::StatusCode::kAborted);
}

TEST_F(RestStreamTest, AnErrorAfterMessages) {
  const TestResponse response = Run({"x", "y", absl::AbortedError("m")});
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.pieces,
              ElementsAre("[{\"name\":\"x\"}\n", ",{\"name\":\"y\"}\n",
                          ",{\"error\":{\"code\":409,\"message\":\"m\","
                          "\"status\":\"ABORTED\"}}\n]\n"));
  ExpectEnded(absl::StatusCode::kAborted);
}

TEST_F(RestStreamTest, AHandlersErrorAndAHandlersMessage) {
  server_.error = errors::SessionNotFound("S");
  TestResponse response = server_.Get(kRead);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body.substr(0, 14), "[{\n  \"error\": ");
  server_.error = absl::OkStatus();
  response = server_.Get(kRead);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "[{}\n]\n");
  EXPECT_THAT(server_.ended, SizeIs(2));
}

TEST_F(RestStreamTest, AnInvalidRequest) {
  const TestResponse response = server_.Get(absl::StrCat(kRead, "?x=1"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body.substr(0, 14), "[{\n  \"error\": ");
  ExpectEnded(absl::StatusCode::kInvalidArgument);
}

TEST_F(RestStreamTest, AMessageWithoutFormInJsonEndsTheStream) {
  server_.table.Set(
      "rest_testing.Library.ReadBook",
      rest_testing::BookRequest::default_instance(), [](Call& call) {
        auto* book = google::protobuf::Arena::CreateMessage<rest_testing::Book>(
            &call.arena());
        book->mutable_attachment()->set_type_url("type.googleapis.com/no.Such");
        book->mutable_attachment()->set_value("\x08\x01");
        return Reply::Message(book);
      });
  EXPECT_EQ(server_.Get(kRead).status, 500);
  ExpectEnded(absl::StatusCode::kInternal);
}

// ---- Step by step.

using Kind = HttpStep::Kind;

TEST_F(RestStreamTest, OneMessageAtATimeAndWaits) {
  Serve({Wait(), "x", Wait(), "y", Wait(), absl::OkStatus()});
  HttpResponse response = Send(*server_.rest, {"GET", kRead});
  ASSERT_NE(response.source, nullptr);
  HttpSource& source = *response.source;
  EXPECT_EQ(probe_.asked, 0);
  EXPECT_EQ(source.Next().kind, Kind::kWait);
  bool woken = false;
  source.OnReady([&] { woken = true; });
  EXPECT_FALSE(woken);
  probe_.wake();
  EXPECT_TRUE(woken);
  HttpStep step = source.Next();
  EXPECT_EQ(step.kind, Kind::kHead);
  EXPECT_EQ(step.status, 200);
  EXPECT_EQ(probe_.asked, 2);
  EXPECT_EQ(source.Next().kind, Kind::kData);
  EXPECT_EQ(probe_.asked, 2);
  EXPECT_EQ(source.Next().kind, Kind::kWait);
  EXPECT_EQ(source.Next().kind, Kind::kData);
  EXPECT_EQ(source.Next().kind, Kind::kWait);
  step = source.Next();
  EXPECT_EQ(step.kind, Kind::kData);
  EXPECT_EQ(step.data, "]\n");
  EXPECT_EQ(probe_.destroyed, 1);
  // Complete only when that has been sent.
  EXPECT_THAT(server_.ended, IsEmpty());
  EXPECT_EQ(source.Next().kind, Kind::kEnd);
  ExpectEnded(absl::StatusCode::kOk);
  response.source.reset();
  ExpectEnded(absl::StatusCode::kOk);
  EXPECT_TRUE(NoneIsOpen());
}

TEST_F(RestStreamTest, CancelledAtAnyPoint) {
  const std::vector<Step> script = {Wait(), "x", Wait(), "y", absl::OkStatus()};
  // Wait, head, data, wait, data, data.
  for (int steps = 0; steps <= 6; ++steps) {
    probe_ = Probe();
    server_.ended.clear();
    Serve(script);
    HttpResponse response = Send(*server_.rest, {"GET", kRead});
    for (int i = 0; i < steps; ++i) {
      EXPECT_NE(response.source->Next().kind, Kind::kEnd);
    }
    EXPECT_THAT(server_.ended, IsEmpty());
    response.source.reset();
    EXPECT_EQ(probe_.destroyed, 1);
    ExpectEnded(steps == 6 ? absl::StatusCode::kOk
                           : absl::StatusCode::kCancelled);
    EXPECT_TRUE(NoneIsOpen());
  }
}

// So that a client knows that it watches.
TEST_F(RestStreamTest, InTheControlApiTheHeadComesBeforeAWait) {
  for (const auto& method : server_.table.methods()) {
    method->api_kind = ApiKind::kControl;
  }
  Serve({Wait(), Wait(), "x", absl::AbortedError("m")});
  HttpResponse response = Send(*server_.rest, {"GET", kRead});
  HttpSource& source = *response.source;
  EXPECT_EQ(source.Next().status, 200);
  EXPECT_EQ(source.Next().data, "[");
  EXPECT_EQ(source.Next().kind, Kind::kWait);
  EXPECT_EQ(source.Next().data.substr(0, 2), "{\n");
  EXPECT_EQ(source.Next().data.substr(0, 3), ",{\n");
  EXPECT_EQ(source.Next().kind, Kind::kEnd);
  ExpectEnded(absl::StatusCode::kAborted);
}

// What the handler asks the context for after Handle() has come back.
TEST_F(RestStreamTest, TheRequestsMemoryIsNotNeededLater) {
  Serve({"x", absl::OkStatus()});
  std::string peer;
  std::string header;
  std::string authorization;
  const Pipeline pipeline([&](const Call& call, const absl::Status&,
                              absl::Duration) {
    peer = call.context().Peer();
    header = std::string(call.context().Header("user-agent").value());
    authorization = std::string(call.context().Header("authorization").value());
  });
  const RestService rest(&server_.table, &pipeline, &server_.open_calls);
  HttpResponse response =
      Send(rest, {"GET",
                  absl::StrCat(kRead, "?access_token=t"),
                  "",
                  {{"User-Agent", "a long name, not in place of a pointer"}}});
  EXPECT_EQ(Read(std::move(response)).status, 200);
  EXPECT_EQ(peer, "ipv4:127.0.0.1:4711");
  EXPECT_EQ(header, "a long name, not in place of a pointer");
  EXPECT_EQ(authorization, "Bearer t");
}

}  // namespace
}  // namespace spanner_session_emulator
