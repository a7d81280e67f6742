// What comes back: JSON, errors, partial responses, headers.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "server/call/errors.h"
#include "server/transport/rest/rest_error.h"
#include "tests/server/call/call_testing.h"
#include "tests/server/transport/rest/rest_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kBook[] = "/v1/shelves/a/books/b";

class RestReplyTest : public ::testing::Test {
 protected:
  void AnswerWith(const std::string& text) {
    auto book = std::make_shared<rest_testing::Book>();
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, book.get()))
        << text;
    server_.answer = book;
  }
  std::string Compact(const std::string& query) {
    return server_.Get(absl::StrCat(kBook, "?prettyPrint=false&", query)).body;
  }

  RestServer server_;
};

// ---- JSON.

TEST_F(RestReplyTest, IndentedByTwoBlanksUnlessToldNotTo) {
  AnswerWith(
      "name: 'a\"{[,:' author { name: 'x' } tags: 'u' tags: 'v' notes {} "
      "readers {}");
  EXPECT_EQ(server_.Get(kBook).body,
            "{\n"
            "  \"name\": \"a\\\"{[,:\",\n"
            "  \"author\": {\n"
            "    \"name\": \"x\"\n"
            "  },\n"
            "  \"tags\": [\n"
            "    \"u\",\n"
            "    \"v\"\n"
            "  ],\n"
            "  \"readers\": [\n"
            "    {}\n"
            "  ],\n"
            "  \"notes\": {}\n"
            "}\n");
  EXPECT_EQ(Compact(""),
            "{\"name\":\"a\\\"{[,:\",\"author\":{\"name\":\"x\"},"
            "\"tags\":[\"u\",\"v\"],\"readers\":[{}],\"notes\":{}}");
}

TEST_F(RestReplyTest, AnEmptyMessageIsAnEmptyObject) {
  const TestResponse response = server_.Get(kBook);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{}\n");
  EXPECT_EQ(response.Header("Content-Type"), "application/json; charset=UTF-8");
  server_.answer = nullptr;
  EXPECT_EQ(server_.Run({"DELETE", kBook}).body, "{}\n");
}

TEST_F(RestReplyTest, Values) {
  AnswerWith(
      "print_time { seconds: 1700000000 nanos: 123456000 } pages: 5 "
      "colour: GREEN labels { key: 'b' value: '' } labels { key: 'a' }");
  EXPECT_EQ(Compact(""),
            "{\"labels\":{\"a\":\"\",\"b\":\"\"},"
            "\"printTime\":\"2023-11-14T22:13:20.123456Z\",\"pages\":\"5\","
            "\"colour\":\"GREEN\"}");
  EXPECT_THAT(Compact("$alt=json;enum-encoding=int"),
              HasSubstr("\"colour\":2}"));
}

TEST_F(RestReplyTest, AReplyWithoutFormInJsonIsAnError) {
  AnswerWith("name: 'x'");
  auto& book = static_cast<rest_testing::Book&>(*server_.answer);
  book.mutable_attachment()->set_type_url("type.googleapis.com/no.Such");
  book.mutable_attachment()->set_value("\x08\x01");
  const TestResponse response = server_.Get(kBook);
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body,
              HasSubstr("The reply of rest_testing.Library.GetBook has no form "
                        "in JSON: "));
  ASSERT_THAT(server_.ended, SizeIs(1));
  EXPECT_EQ(server_.ended[0].status.code(), absl::StatusCode::kInternal);
}

TEST_F(RestReplyTest, ResponseBodies) {
  const auto put = [&](const std::string& what) {
    return server_.Run({"PUT", absl::StrCat(kBook, what, "?prettyPrint=false")})
        .body;
  };
  AnswerWith(
      "name: 'x' tags: 'a' tags: 'b' labels { key: 'k' value: 'v' } "
      "author { name: 'n' }");
  EXPECT_EQ(put("/tags"), "[\"a\",\"b\"]");
  EXPECT_EQ(put("/labels"), "{\"k\":\"v\"}");
  EXPECT_EQ(put("/title"), "{\"name\":\"n\"}");
  EXPECT_EQ(server_.Run({"PUT", absl::StrCat(kBook, "/tags")}).body,
            "[\n  \"a\",\n  \"b\"\n]\n");
  AnswerWith("name: 'x'");
  EXPECT_EQ(put("/tags"), "[]");
  EXPECT_EQ(put("/labels"), "{}");
  EXPECT_EQ(put("/title"), "{}");
}

// ---- Partial responses.

constexpr char kWholeBook[] =
    "name: 'N' title: 'T' author { name: 'AN' country: 'AC' "
    "teacher { name: 'TN' } } tags: 'x' labels { key: 'k' value: 'v' } "
    "labels { key: 'l.m' value: 'w' } readers { name: 'R1' country: 'C1' } "
    "readers { country: 'C2' } editors { key: 'e' value { name: 'EN' "
    "country: 'EC' } } notes { fields { key: 'p' value { string_value: 'q' } } "
    "fields { key: 'r' value { bool_value: true } } } "
    "print_time { seconds: 0 } pages: 1";

TEST_F(RestReplyTest, Fields) {
  const struct {
    const char* fields;
    const char* json;
  } kRows[] = {
      {"name", "{\"name\":\"N\"}"},
      {"pages,name", "{\"name\":\"N\",\"pages\":\"1\"}"},
      {"printTime", "{\"printTime\":\"1970-01-01T00:00:00Z\"}"},
      {"print_time", "{\"printTime\":\"1970-01-01T00:00:00Z\"}"},
      {"author/name", "{\"author\":{\"name\":\"AN\"}}"},
      {"author.name", "{\"author\":{\"name\":\"AN\"}}"},
      {"author(name)", "{\"author\":{\"name\":\"AN\"}}"},
      {"author(name,teacher/name),name",
       "{\"name\":\"N\",\"author\":{\"name\":\"AN\","
       "\"teacher\":{\"name\":\"TN\"}}}"},
      {"author/teacher", "{\"author\":{\"teacher\":{\"name\":\"TN\"}}}"},
      {"author/name,author/country",
       "{\"author\":{\"name\":\"AN\",\"country\":\"AC\"}}"},
      {"author/name,author",
       "{\"author\":{\"name\":\"AN\",\"country\":\"AC\","
       "\"teacher\":{\"name\":\"TN\"}}}"},
      {"author/teacher/teacher", "{\"author\":{\"teacher\":{}}}"},
      {"tags", "{\"tags\":[\"x\"]}"},
      {"readers/name", "{\"readers\":[{\"name\":\"R1\"},{}]}"},
      {"labels/k", "{\"labels\":{\"k\":\"v\"}}"},
      {"labels/none", "{}"},
      {"labels(k,none)", "{\"labels\":{\"k\":\"v\"}}"},
      {"labels", "{\"labels\":{\"k\":\"v\",\"l.m\":\"w\"}}"},
      {"labels/*", "{\"labels\":{\"k\":\"v\",\"l.m\":\"w\"}}"},
      {"editors/e/name", "{\"editors\":{\"e\":{\"name\":\"EN\"}}}"},
      {"editors/*/country", "{\"editors\":{\"e\":{\"country\":\"EC\"}}}"},
      {"editors(e/name,*/country)",
       "{\"editors\":{\"e\":{\"name\":\"EN\",\"country\":\"EC\"}}}"},
      {"notes/p", "{\"notes\":{\"p\":\"q\"}}"},
      {"notes(r)", "{\"notes\":{\"r\":true}}"},
      {"author/*",
       "{\"author\":{\"name\":\"AN\",\"country\":\"AC\","
       "\"teacher\":{\"name\":\"TN\"}}}"},
      {"*/country",
       "{\"author\":{\"country\":\"AC\"},\"readers\":["
       "{\"country\":\"C1\"},{\"country\":\"C2\"}],"
       "\"notes\":{}}"},
      {"sequel", "{}"},
      {"+pages+,%09name%20", "{\"name\":\"N\",\"pages\":\"1\"}"},
      {"author+(+name+,+teacher+/+name+)+,+name",
       "{\"name\":\"N\",\"author\":{\"name\":\"AN\","
       "\"teacher\":{\"name\":\"TN\"}}}"},
  };
  AnswerWith(kWholeBook);
  for (const auto& row : kRows) {
    EXPECT_EQ(Compact(absl::StrCat("fields=", row.fields)), row.json)
        << row.fields;
    EXPECT_EQ(Compact(absl::StrCat("$fields=", row.fields)), row.json);
  }
  EXPECT_EQ(Compact("fields=*"), Compact(""));
  EXPECT_EQ(Compact("fields="), Compact(""));
  EXPECT_EQ(Compact("fields"), Compact(""));
  EXPECT_EQ(Compact("$fields=+"), Compact(""));
  // The reply itself is not touched: a source may keep it.
  EXPECT_EQ(Compact("fields=name"), "{\"name\":\"N\"}");
  EXPECT_EQ(Compact("fields=tags"), "{\"tags\":[\"x\"]}");
}

TEST_F(RestReplyTest, WrongFields) {
  const struct {
    const char* fields;
    const char* problem;
  } kRows[] = {
      {"name,", "ends where the name of a field should be"},
      {"name,+", "ends where the name"},
      {"name+title", "names \\\"name title\\\", which is no field"},
      {",name", "lacks the name of a field at"},
      {"name,,title", "lacks the name of a field at \\\",title\\\""},
      {"author/", "ends where the name"},
      {"author(", "ends where the name"},
      {"author(name", "lacks a ')'"},
      {"author()", "lacks the name of a field at \\\")\\\""},
      {"author)", "is malformed at \\\")\\\""},
      {"author(name)x", "is malformed at \\\"x\\\""},
      {"none", "names \\\"none\\\", which is no field of rest_testing.Book"},
      {"author/none", "\\\"none\\\", which is no field of rest_testing.Author"},
      {"readers(name,none)", "\\\"none\\\", which is no field of"},
      {"editors/e/none", "\\\"none\\\", which is no field of"},
      {"author/*/none", "none"},
      {"name/x", "asks for \\\"x\\\" inside name, which has no fields"},
      {"tags/x", "inside tags, which has no fields"},
      {"labels/k/x", "inside value, which has no fields"},
      {"printTime/seconds", "inside print_time, which has no fields"},
      {"attachment/x", "inside attachment, which has no fields"},
      {"Name", "\\\"Name\\\""},
  };
  for (const auto& row : kRows) {
    const TestResponse response =
        server_.Get(absl::StrCat(kBook, "?fields=", row.fields));
    EXPECT_EQ(response.status, 400) << row.fields;
    EXPECT_EQ(server_.seen, nullptr) << row.fields;
    EXPECT_THAT(response.body, HasSubstr("Invalid GetBook request: fields "))
        << row.fields;
    EXPECT_THAT(response.body, HasSubstr(row.problem)) << row.fields;
  }
  EXPECT_EQ(server_.Run({"PUT", absl::StrCat(kBook, "/tags?fields=x")}).status,
            400);
  AnswerWith(kWholeBook);
  EXPECT_EQ(
      server_
          .Run({"PUT",
                absl::StrCat(kBook, "/title?prettyPrint=false&fields=name")})
          .body,
      "{\"name\":\"AN\"}");
}

TEST_F(RestReplyTest, FieldsWithoutEnd) {
  std::string deep;
  for (int i = 0; i < 10'000; ++i) absl::StrAppend(&deep, "sequel(");
  for (const std::string& fields : {deep, std::string(100'000, '(')}) {
    EXPECT_EQ(server_.Get(absl::StrCat(kBook, "?fields=", fields)).status, 400);
  }
  // A type that contains itself in two ways: twice as many at each level.
  RestServer spanner({SpannerService()});
  std::string wide = "metadata/rowType/fields/type/";
  for (int i = 0; i < 40; ++i) absl::StrAppend(&wide, "*/");
  const TestResponse response = spanner.Run(
      {"POST", absl::StrCat("/v1/projects/p/instances/i/databases/d/sessions/s"
                            ":executeSql?fields=",
                            wide, "code")});
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("selects too many fields"));
}

// ---- Errors.

TEST_F(RestReplyTest, AnErrorWithDetails) {
  server_.error = errors::SessionNotFound("S");
  const TestResponse response = server_.Get(kBook);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.Header("Content-Type"), "application/json; charset=UTF-8");
  EXPECT_EQ(
      response.body,
      "{\n"
      "  \"error\": {\n"
      "    \"code\": 404,\n"
      "    \"message\": \"Session not found: S\",\n"
      "    \"status\": \"NOT_FOUND\",\n"
      "    \"details\": [\n"
      "      {\n"
      "        \"@type\": \"type.googleapis.com/google.rpc.ResourceInfo\",\n"
      "        \"resourceType\": "
      "\"type.googleapis.com/google.spanner.v1.Session\",\n"
      "        \"resourceName\": \"S\",\n"
      "        \"description\": \"Session does not exist.\"\n"
      "      }\n"
      "    ]\n"
      "  }\n"
      "}\n");
  EXPECT_EQ(
      Compact(""),
      "{\"error\":{\"code\":404,\"message\":\"Session not found: S\","
      "\"status\":\"NOT_FOUND\",\"details\":[{\"@type\":"
      "\"type.googleapis.com/google.rpc.ResourceInfo\",\"resourceType\":"
      "\"type.googleapis.com/google.spanner.v1.Session\",\"resourceName\":"
      "\"S\",\"description\":\"Session does not exist.\"}]}}");
  // Whatever fields the reply should have had.
  EXPECT_THAT(Compact("fields=name"), HasSubstr("Session not found"));
}

TEST_F(RestReplyTest, HttpStatusByCode) {
  using absl::StatusCode;
  const struct {
    StatusCode code;
    int http_status;
    const char* name;
  } kRows[] = {
      {StatusCode::kCancelled, 499, "CANCELLED"},
      {StatusCode::kUnknown, 500, "UNKNOWN"},
      {StatusCode::kInvalidArgument, 400, "INVALID_ARGUMENT"},
      {StatusCode::kDeadlineExceeded, 504, "DEADLINE_EXCEEDED"},
      {StatusCode::kNotFound, 404, "NOT_FOUND"},
      {StatusCode::kAlreadyExists, 409, "ALREADY_EXISTS"},
      {StatusCode::kPermissionDenied, 403, "PERMISSION_DENIED"},
      {StatusCode::kResourceExhausted, 429, "RESOURCE_EXHAUSTED"},
      {StatusCode::kFailedPrecondition, 400, "FAILED_PRECONDITION"},
      {StatusCode::kAborted, 409, "ABORTED"},
      {StatusCode::kOutOfRange, 400, "OUT_OF_RANGE"},
      {StatusCode::kUnimplemented, 501, "UNIMPLEMENTED"},
      {StatusCode::kInternal, 500, "INTERNAL"},
      {StatusCode::kUnavailable, 503, "UNAVAILABLE"},
      {StatusCode::kDataLoss, 500, "DATA_LOSS"},
      {StatusCode::kUnauthenticated, 401, "UNAUTHENTICATED"},
  };
  for (const auto& row : kRows) {
    server_.error = absl::Status(row.code, "m");
    EXPECT_EQ(server_.Get(kBook).status, row.http_status) << row.name;
    EXPECT_EQ(
        Compact(""),
        absl::StrCat("{\"error\":{\"code\":", row.http_status,
                     ",\"message\":\"m\",\"status\":\"", row.name, "\"}}"));
  }
  EXPECT_EQ(ToHttpStatus(StatusCode::kOk), 200);
}

TEST_F(RestReplyTest, DetailsThatNobodyKnows) {
  server_.error = absl::AbortedError("m");
  server_.error.SetPayload("type.googleapis.com/no.Such",
                           absl::Cord("\xff\x01"));
  EXPECT_EQ(Compact(""),
            "{\"error\":{\"code\":409,\"message\":\"m\",\"status\":\"ABORTED\","
            "\"details\":[{\"@type\":\"type.googleapis.com/no.Such\","
            "\"value\":\"/wE=\"}]}}");
  // Bytes that are not what their type says.
  server_.error = absl::AbortedError("m");
  server_.error.SetPayload("type.googleapis.com/google.rpc.RetryInfo",
                           absl::Cord("\xff\xff"));
  server_.error.SetPayload("nonsense\xff", absl::Cord("x"));
  EXPECT_THAT(Compact(""), HasSubstr("google.rpc.RetryInfo"));
  EXPECT_THAT(Compact(""), HasSubstr("\"nonsense\xef\xbf\xbd\""));
}

TEST_F(RestReplyTest, AnyTextInAMessage) {
  server_.error = absl::AbortedError("\"\\\n\t\x01\x7f\xc3\xa4\xff\xf0\x9f");
  EXPECT_THAT(Compact(""),
              HasSubstr("\"message\":\"\\\"\\\\\\n\\t\\u0001\\u007f\xc3\xa4"
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","));
}

TEST_F(RestReplyTest, MessageAndDetailsAreEscapedAlike) {
  const std::string text = "<a>&'/\x7f\b\f\r\t\xe2\x80\xa8\xc2\xad";
  const std::string escaped =
      "\\u003ca\\u003e&'/\\u007f\\b\\f\\r\\t\\u2028\\u00ad\"";
  server_.error = errors::SessionNotFound(text);
  EXPECT_THAT(Compact(""), AllOf(HasSubstr("not found: " + escaped),
                                 HasSubstr("\"resourceName\":\"" + escaped)));
}

TEST_F(RestReplyTest, TheServersOwnProblems) {
  for (const int status : {400, 408, 413, 431}) {
    const HttpResponse response = BadHttpRequestResponse(status, "no good");
    EXPECT_EQ(response.status, status);
    ASSERT_THAT(response.headers, SizeIs(1));
    EXPECT_EQ(response.headers[0].second, "application/json; charset=UTF-8");
    EXPECT_THAT(response.body, HasSubstr(absl::StrCat(
                                   "{\n  \"error\": {\n    \"code\": ", status,
                                   ",\n    \"message\": \"Bad HTTP request: "
                                   "no good\",\n    \"status\": \"")));
  }
}

// ---- Bookkeeping.

TEST_F(RestReplyTest, EveryCallEndsOnce) {
  server_.Get(kBook);
  server_.Get("/v1/search?int32Field=x");
  server_.error = absl::AbortedError("");
  server_.Get(kBook);
  server_.Run({"PUT", kBook});
  ASSERT_THAT(server_.ended, SizeIs(4));
  EXPECT_EQ(server_.ended[0].method, "rest_testing.Library.GetBook");
  EXPECT_TRUE(server_.ended[0].status.ok());
  EXPECT_EQ(server_.ended[1].method, "rest_testing.Library.Search");
  EXPECT_EQ(server_.ended[1].status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(server_.ended[2].status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(server_.ended[3].method, kBook);
}

// ---- CORS.

TEST(RestCorsTest, OffUnlessAskedFor) {
  RestServer server;
  const TestResponse response =
      server.Run({"GET", kBook, "", {{"Origin", "https://a.example"}}});
  EXPECT_EQ(response.Header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(server
                .Run({"OPTIONS",
                      kBook,
                      "",
                      {{"Access-Control-Request-Method", "GET"}}})
                .status,
            405);
}

TEST(RestCorsTest, AnOriginOrAll) {
  for (const char* origin : {"*", "https://a.example"}) {
    RestServer server({LibraryService()}, {.cors_origin = origin});
    const std::string vary = origin[0] == '*' ? "" : "Origin";
    for (const char* target :
         {kBook, "/v1/none", "/v1/shelves/a/books/b:read"}) {
      const TestResponse response = server.Get(target);
      EXPECT_EQ(response.Header("Access-Control-Allow-Origin"), origin);
      EXPECT_EQ(response.Header("Vary"), vary);
    }
    server.ended.clear();
    const TestResponse preflight = server.Run(
        {"OPTIONS",
         kBook,
         "",
         {{"Origin", "https://a.example"},
          {"Access-Control-Request-Method", "DELETE"},
          {"Access-Control-Request-Headers", "authorization, x-a"}}});
    EXPECT_EQ(preflight.status, 204);
    EXPECT_EQ(preflight.body, "");
    EXPECT_EQ(preflight.Header("Access-Control-Allow-Origin"), origin);
    EXPECT_EQ(preflight.Header("Vary"), vary);
    EXPECT_THAT(preflight.Header("Access-Control-Allow-Methods"),
                HasSubstr("DELETE"));
    EXPECT_EQ(preflight.Header("Access-Control-Allow-Headers"),
              "authorization, x-a");
    EXPECT_THAT(server.ended, IsEmpty());
  }
}

}  // namespace
}  // namespace spanner_session_emulator
