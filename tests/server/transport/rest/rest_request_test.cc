// What a request says by body, query and system parameters.

#include <zlib.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/call/call_testing.h"
#include "tests/server/transport/rest/rest_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kBook[] = "/v1/shelves/a/books/b";
constexpr char kBorrow[] = "/v1/shelves/a/books/b:borrow";
constexpr char kShelf[] = "/v1/shelves/a/books";

// ---- Queries.

// What the handler sees of a query.
TEST(RestRequestTest, QueryValues) {
  const struct {
    const char* query;
    const char* seen;
  } kRows[] = {
      {"string_field=a+b%2Bc%26", "string_field: \"a b+c&\""},
      {"stringField=a", "string_field: \"a\""},
      {"stringField=", ""},
      {"stringField", ""},
      {"stringField=a=b", "string_field: \"a=b\""},
      {"string%5Ffield=a", "string_field: \"a\""},
      {"otherName=a", "renamed: \"a\""},
      {"renamed=a", "renamed: \"a\""},
      {"int32Field=-5", "int32_field: -5"},
      {"int32Field=0", ""},
      {"int64Field=9223372036854775807", "int64_field: 9223372036854775807"},
      {"uint64Field=18446744073709551615",
       "uint64_field: 18446744073709551615"},
      {"doubleField=1e3", "double_field: 1000"},
      {"doubleField=-Infinity", "double_field: -inf"},
      {"doubleField=NaN", "double_field: nan"},
      {"floatField=0.5", "float_field: 0.5"},
      {"boolField=true", "bool_field: true"},
      {"boolField=false", ""},
      {"optionalField=0", "optional_field: 0"},
      {"bytesField=YWI%3D", "bytes_field: \"ab\""},
      {"bytesField=YWI", "bytes_field: \"ab\""},
      {"bytesField=-_8%3D", "bytes_field: \"\\373\\377\""},
      {"enumField=GREEN", "enum_field: GREEN"},
      {"enumField=2", "enum_field: GREEN"},
      {"inside.text=a&inside.inside.number=3",
       "inside { text: \"a\" inside { number: 3 } }"},
      {"textChoice=a", "text_choice: \"a\""},
      {"time=2023-11-14T22:13:20.5Z",
       "time { seconds: 1700000000 nanos: 500000000 }"},
      {"time=2023-11-15T00:13:20%2B02:00", "time { seconds: 1700000000 }"},
      {"duration=-1.5s", "duration { seconds: -1 nanos: -500000000 }"},
      {"mask=aB,c.d", "mask { paths: \"a_b\" paths: \"c.d\" }"},
      {"boolValue=false", "bool_value { }"},
      {"int64Value=5", "int64_value { value: 5 }"},
      {"stringValue=a%22b", "string_value { value: \"a\\\"b\" }"},
      {"bytesValue=YQ==", "bytes_value { value: \"a\" }"},
      {"strings=a&strings=b&strings=",
       "strings: \"a\" strings: \"b\" "
       "strings: \"\""},
      {"numbers=1&numbers=-2", "numbers: 1 numbers: -2"},
      {"colours=RED&colours=2", "colours: RED colours: GREEN"},
      {"bools=true&bools=false", "bools: true bools: false"},
      {"blobs=YQ", "blobs: \"a\""},
  };
  RestServer server;
  for (const auto& row : kRows) {
    EXPECT_EQ(server.Seen({"GET", absl::StrCat("/v1/search?", row.query)}),
              row.seen)
        << row.query;
  }
}

// What is refused, with what the message names.
TEST(RestRequestTest, WrongQueries) {
  const struct {
    const char* query;
    const char* problem;
  } kRows[] = {
      {"unknown=1", "unknown is not a known parameter"},
      {"inside.unknown=1", "inside.unknown is not a known parameter"},
      {"stringField.a=1", "stringField.a is not a known parameter"},
      {"time.seconds=1", "time.seconds is not a known parameter"},
      {".=1", ". is not a known parameter"},
      {"=1", "Search request: =1 has no name before the \\\"=\\\""},
      {"=", "Search request: = has no name"},
      {"int32Field=x",
       "int32Field has an invalid value: \\\"x\\\", for type int32"},
      {"int32Field=", "int32Field has an invalid value: \\\"\\\""},
      {"int32Field=2147483648", "int32Field has an invalid value"},
      {"int32Field=1.5", "int32Field has an invalid value"},
      {"uint32Field=-1", "uint32Field has an invalid value"},
      {"boolField=maybe", "boolField has an invalid value"},
      {"enumField=BLUE",
       "enumField has an invalid value: \\\"BLUE\\\", for type "
       "rest_testing.Colour"},
      {"enumField=77", "enumField has an invalid value"},
      {"time=yesterday",
       "time has an invalid value: \\\"yesterday\\\", for type "
       "google.protobuf.Timestamp"},
      {"duration=5", "duration has an invalid value"},
      {"bytesField=!", "bytesField has an invalid value"},
      {"inside=1", "inside is a message, a map or a list of messages"},
      {"insides=1", "insides is a message, a map or a list of messages"},
      {"insides.text=1", "insides.text is not a known parameter"},
      {"map=1", "map is a message, a map or a list of messages"},
      {"map.a=1", "map.a is not a known parameter"},
      {"struct=1", "struct is a message"},
      {"value=1", "value is a message"},
      {"list=1", "list is a message"},
      {"any=1", "any is a message"},
      {"times=2023-11-14T22:13:20Z", "times is a message"},
      {"int32Field=1&int32_field=2", "int32_field has one value only"},
      {"inside.text=1&inside.text=1", "inside.text has one value only"},
      {"textChoice=a&numberChoice=1", "numberChoice excludes another"},
      {"insideChoice.text=a&textChoice=1", "textChoice excludes another"},
      {"stringField=%", "stringField is not percent-encoded UTF-8"},
      {"stringField=%ff", "stringField is not percent-encoded UTF-8"},
      {"%ff=1", "%ff is not percent-encoded UTF-8"},
      {"\xff=1", "\\\\xff is not percent-encoded UTF-8"},
      {"alt=media", "alt is \\\"media\\\", but replies come as \\\"json\\\""},
      {"alt=proto", "alt is"},
      {"$alt=sse", "$alt is"},
      {"alt=json;enum-encoding=x", "alt is"},
      {"alt=", "alt is"},
      {"prettyPrint=perhaps", "prettyPrint must be true or false"},
      {"callback=f", "callback is not supported"},
      {"$callback=f", "$callback is not supported"},
      {"fields=nothing", "fields names \\\"nothing\\\""},
  };
  RestServer server;
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.query);
    const TestResponse response =
        server.Get(absl::StrCat("/v1/search?", row.query));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(server.seen, nullptr);
    EXPECT_THAT(response.body,
                AllOf(HasSubstr("\"message\": \"Invalid Search request: "),
                      HasSubstr(row.problem), HasSubstr("INVALID_ARGUMENT"),
                      HasSubstr("google.rpc.BadRequest")));
  }
}

TEST(RestRequestTest, WhatPathOrBodySayMayNotComeInTheQuery) {
  const struct {
    TestRequest request;
    const char* problem;
  } kRows[] = {
      {{"GET", "/v1/shelves/a/books/b?name=c"}, "name is in the path"},
      {{"GET", "/v1/search/5/x?int64Field=5"}, "int64Field is in the path"},
      {{"GET", "/v1/search/5/x?inside.text=y"}, "inside.text is in the path"},
      {{"POST", "/v1/shelves/a/books/b:borrow?pageSize=1"},
       "pageSize belongs into the body"},
      {{"POST", "/v1/shelves/a/books/b:borrow?pageSize=1", "{}"},
       "pageSize belongs into the body"},
      {{"POST", "/v1/shelves/a/books?book.title=x"},
       "book.title belongs into the body"},
      {{"POST", "/v1/shelves/a/books?parent=x"}, "parent is in the path"},
  };
  RestServer server;
  for (const auto& row : kRows) {
    const TestResponse response = server.Run(row.request);
    EXPECT_EQ(response.status, 400) << row.request.target;
    EXPECT_THAT(response.body, HasSubstr(row.problem)) << row.request.target;
  }
  // What the body leaves out may.
  EXPECT_EQ(server.Seen(
                {"POST", "/v1/shelves/a/books?bookId=x", "{\"title\":\"t\"}"}),
            "parent: \"shelves/a\" book { title: \"t\" } book_id: \"x\"");
  EXPECT_EQ(server.Seen({"GET", "/v1/search/5/x?inside.number=6"}),
            "int64_field: 5 inside { text: \"x\" number: 6 }");
}

TEST(RestRequestTest, PathValuesThatAreNoStrings) {
  RestServer server;
  EXPECT_EQ(server.Seen({"GET", "/v1/search/-5/x"}),
            "int64_field: -5 inside { text: \"x\" }");
  const TestResponse response = server.Get("/v1/search/x/x");
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.body, HasSubstr("int64_field has an invalid value"));
}

// ---- System parameters.

TEST(RestRequestTest, PathValuesThatAreNoText) {
  const struct {
    TestRequest request;
    const char* problem;
  } kRows[] = {
      {{"GET", "/v1/shelves/a/books/b%ff"},
       "Invalid GetBook request: name is not percent-encoded UTF-8: "
       "shelves/a/books/b%ff"},
      {{"GET", "/v1/shelves/a/books/b%zz"}, "UTF-8: shelves/a/books/b%zz"},
      {{"GET", "/v1/single/%"}, "name is not percent-encoded UTF-8: %"},
      {{"GET", "/v1/single/\xff"}, "UTF-8: \\\\xff"},
      {{"DELETE", "/v1/shelves/%4/books/b"}, "Invalid DeleteBook request: "},
      {{"POST", "/v1/shelves/a/books/%ff:borrow", "{}"},
       "Invalid BorrowBook request: name is not"},
      {{"GET", "/v1/search/1/%ff"}, "request: inside.text is not"},
  };
  RestServer server;
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.request.target);
    const TestResponse response = server.Run(row.request);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(server.seen, nullptr);
    EXPECT_THAT(response.body,
                AllOf(HasSubstr(row.problem), HasSubstr("INVALID_ARGUMENT"),
                      HasSubstr("google.rpc.BadRequest"),
                      HasSubstr("\"fieldViolations\": [")));
  }
}

TEST(RestRequestTest, HarmlessParameters) {
  RestServer server;
  for (const char* query :
       {"alt=json", "$alt=json", "alt=json;enum-encoding=int",
        "%24alt=json%3Benum-encoding%3Dint", "key=k", "$key=k", "quotaUser=u",
        "$.xgafv=2", "uploadType=media", "upload_protocol=raw",
        "prettyPrint=true", "$prettyPrint=false", "fields=*", "access_token=t",
        "oauth_token=t", "userProject=p", "key=k&alt=json&prettyPrint=1"}) {
    EXPECT_EQ(server.Seen({"GET", absl::StrCat(kBook, "?", query)}),
              "name: \"shelves/a/books/b\"")
        << query;
    EXPECT_EQ(server.Seen({"POST", absl::StrCat(kBorrow, "?", query)}),
              "name: \"shelves/a/books/b\"")
        << query;
  }
}

TEST(RestRequestTest, HeadersAndTokens) {
  RestServer server;
  std::string peer;
  std::optional<std::string> authorization;
  std::optional<std::string> agent;
  server.on_call = [&](const Call& call) {
    const auto copy = [&](absl::string_view name) {
      const auto value = call.context().Header(name);
      return value.has_value() ? std::optional(std::string(*value))
                               : std::nullopt;
    };
    peer = call.context().Peer();
    authorization = copy("authorization");
    agent = copy("user-agent");
  };
  server.Get(kBook);
  EXPECT_EQ(peer, "ipv4:127.0.0.1:4711");
  EXPECT_EQ(authorization, std::nullopt);
  EXPECT_EQ(agent, std::nullopt);
  // Names in any case.
  const auto with = [&](const std::string& target) {
    server.Run({"GET",
                target,
                "",
                {{"USER-Agent", "me"}, {"Authorization", "Bearer h"}}});
  };
  with(kBook);
  EXPECT_EQ(authorization, "Bearer h");
  EXPECT_EQ(agent, "me");
  // The header wins.
  with(absl::StrCat(kBook, "?access_token=q"));
  EXPECT_EQ(authorization, "Bearer h");
  server.Get(absl::StrCat(kBook, "?access_token=q%2B"));
  EXPECT_EQ(authorization, "Bearer q+");
  server.Get(absl::StrCat(kBook, ":read?$oauth_token=q"));
  EXPECT_EQ(authorization, "Bearer q");
}

// ---- Bodies.

TEST(RestRequestTest, Bodies) {
  const struct {
    TestRequest request;
    const char* seen;
  } kRows[] = {
      {{"POST", kBorrow}, "name: \"shelves/a/books/b\""},
      {{"POST", kBorrow, " \r\n\t"}, "name: \"shelves/a/books/b\""},
      {{"POST", kBorrow, "{}"}, "name: \"shelves/a/books/b\""},
      {{"POST", kBorrow, "{\"pageSize\":3,\"filter_text\":\"x\"}"},
       "name: \"shelves/a/books/b\" page_size: 3 filter_text: \"x\""},
      {{"POST", kBorrow, "{\"pageSize\":\"3\",\"filterText\":null}"},
       "name: \"shelves/a/books/b\" page_size: 3"},
      // Protobuf takes the last of two.
      {{"POST", kBorrow, "{\"pageSize\":3,\"pageSize\":4}"},
       "name: \"shelves/a/books/b\" page_size: 4"},
      // What the path says may come again if it is the same.
      {{"POST", kBorrow, "{\"name\":\"shelves/a/books/b\"}"},
       "name: \"shelves/a/books/b\""},
      {{"PATCH", kBook,
        "{\"book\":{\"title\":\"t\"},\"updateMask\":\"title\"}"},
       "book { name: \"shelves/a/books/b\" title: \"t\" } "
       "update_mask { paths: \"title\" }"},
      {{"POST", kShelf}, "parent: \"shelves/a\""},
      {{"POST", kShelf, "{}"}, "parent: \"shelves/a\" book { }"},
      {{"PUT", "/v1/shelves/a/books/b/tags", "[\"x\",\"y\"]"},
       "name: \"shelves/a/books/b\" tags: \"x\" tags: \"y\""},
      {{"PUT", "/v1/shelves/a/books/b/tags"}, "name: \"shelves/a/books/b\""},
      {{"PUT", "/v1/shelves/a/books/b/labels", "{\"k\":\"v\"}"},
       "name: \"shelves/a/books/b\" labels { key: \"k\" value: \"v\" }"},
      {{"PUT", "/v1/shelves/a/books/b/title", "\"x\""},
       "name: \"shelves/a/books/b\" title: \"x\""},
  };
  RestServer server;
  for (const auto& row : kRows) {
    EXPECT_EQ(server.Seen(row.request), row.seen)
        << row.request.target << " " << row.request.body;
  }
}

TEST(RestRequestTest, GcloudsWayToCreateASession) {
  RestServer server({SpannerService()});
  EXPECT_EQ(server.Seen({"POST",
                         "/v1/projects/p/instances/i/databases/d/sessions"
                         "?alt=json",
                         "",
                         {{"content-length", "0"}}}),
            "database: \"projects/p/instances/i/databases/d\"");
}

TEST(RestRequestTest, WrongBodies) {
  const struct {
    TestRequest request;
    const char* problem;
  } kRows[] = {
      {{"GET", kBook, "{}"}, "Invalid GetBook request: body must be empty"},
      {{"GET", kBook, " "}, "body must be empty"},
      {{"DELETE", kBook, "{}"}, "body must be empty"},
      {{"GET", kBook, "x", {{"Content-Type", "text/plain"}}},
       "body must be empty"},
      {{"POST", kBorrow, "{"},
       "Invalid BorrowBook request: body is not valid JSON: Unexpected end of "
       "string. Expected an object key or }."},
      {{"POST", kBorrow, "{\"pageSize\":nul}"},
       "body is not valid JSON: Unexpected token. At: nul}"},
      {{"POST", kBorrow, "{} {}"},
       "body is not valid JSON: Parsing terminated before end of input. "
       "At: {}"},
      // Protobuf's text has more lines where the JSON has.
      {{"POST", kBorrow, "// c\n{}"},
       "body is not valid JSON: Expected a value. At: // c\""},
      {{"POST", kBorrow, "{\"pageSize\":\n\n nul\n\n}"},
       "body is not valid JSON: Unexpected token. At: nul\""},
      {{"POST", kBorrow, "{\"pageSize\":\"a\\nb\\rc\\td\"}"},
       "page_size has an invalid value: \\\"a b c d\\\", for type int32\""},
      {{"POST", kBorrow, "{\"a\\nb\\nc\":1}"},
       "request: a b c is not a known field\""},
      {{"POST", kBorrow, "[]"}, "body is invalid: Root element"},
      {{"POST", kBorrow, "null"}, "body is invalid: Root element"},
      {{"POST", kBorrow, "5"}, "body is invalid: Root element"},
      {{"POST", kBorrow, "pageSize=3"}, "body is not valid JSON"},
      {{"POST", kBorrow, "{\"filterText\":\"\xff\"}"},
       "body is not valid JSON: Encountered non UTF-8 code points."},
      {{"POST", kBorrow, "{\"filterText\":\"\\ud800\"}"},
       "body is not valid JSON: Missing low surrogate."},
      {{"POST", kBorrow, "{\"unknown\":1}"},
       "Invalid BorrowBook request: unknown is not a known field"},
      {{"POST", kBorrow, "{\"pageSize\":\"x\"}"},
       "page_size has an invalid value: \\\"x\\\", for type int32"},
      {{"POST", kBorrow, "{\"pageSize\":[1]}"},
       "pageSize is invalid: Proto field is not repeating"},
      {{"POST", kBorrow, "{\"pageSize\":{}}"}, "invalid value"},
      {{"POST", kBorrow, "{\"name\":\"other\"}"},
       "name is \\\"other\\\" in the body, but \\\"shelves/a/books/b\\\" in "
       "the path"},
      {{"PATCH", kBook, "{\"book\":{\"name\":\"x\"}}"},
       "book.name is \\\"x\\\" in the body"},
      {{"PATCH", kBook, "{\"book\":{\"author\":{\"x\":1}}}"},
       "book.author.x is not a known field"},
      {{"PATCH", kBook, "{\"book\":{\"readers\":[{},{\"x\":1}]}}"},
       "book.readers[1].x is not a known field"},
      {{"PATCH", kBook, "{\"book\":{\"printTime\":\"x\"}}"},
       "book.print_time has an invalid value"},
      {{"PATCH", kBook,
        "{\"book\":{\"attachment\":{\"@type\":\"type.googleapis.com/x.Y\"}}}"},
       "book.attachment"},
      // On which the library would end the program.
      {{"PATCH", kBook,
        "{\"book\":{\"attachment\":{\"@type\":\"type.googleapis.com/"
        "google.protobuf.Duration\",\"value\":\"0.s}5\",\"x\":{\"a\":[1]},"
        "\"list\":[{}]}}}"},
       "body is not valid JSON"},
      // Line breaks and half characters near the mistake.
      {{"POST", kBorrow,
        "{\n\"filterText\":\n\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
        "\xa4\xc3\xa4\xc3\xa4\"\nx\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"},
       "body is not valid JSON: Expected , or } after key:value pair."},
      {{"POST", kShelf, "{\"book\":{}}"}, "book.book is not a known field"},
      {{"POST", kShelf, "{\"author\":{\"x\":1}}"},
       "book.author.x is not a known field"},
      {{"PUT", "/v1/shelves/a/books/b/tags", "[\"x\"],\"title\":\"t\""},
       "body is not valid JSON"},
      {{"PUT", "/v1/shelves/a/books/b/tags", "[{}]"}, "invalid value"},
      {{"PUT", "/v1/shelves/a/books/b/title", "{}"}, "invalid value"},
  };
  RestServer server;
  for (const auto& row : kRows) {
    SCOPED_TRACE(absl::StrCat(row.request.target, " ", row.request.body));
    const TestResponse response = server.Run(row.request);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(server.seen, nullptr);
    EXPECT_THAT(response.body, AllOf(HasSubstr(row.problem),
                                     HasSubstr("\"fieldViolations\": ["),
                                     Not(HasSubstr("\\n"))));
  }
}

// Neither a long time nor a deep stack, whatever is open or closed.
TEST(RestRequestTest, DeepNestingIsRefused) {
  RestServer server;
  const auto times = [](int n, absl::string_view text) {
    std::string result;
    for (int i = 0; i < n; ++i) absl::StrAppend(&result, text);
    return result;
  };
  constexpr int kDeep = 100'000;
  for (const std::string& inside :
       {times(kDeep, "["), times(kDeep, "[") + times(kDeep, "]"),
        times(kDeep, "{\"a\":"), times(kDeep, "{\"a\":") + times(kDeep, "}"),
        times(kDeep, "[{'a':")}) {
    for (const std::string& body :
         {inside,
          absl::StrCat("{\"book\":{\"notes\":{\"x\":", inside, "}}}")}) {
      const TestResponse response = server.Run({"PATCH", kBook, body});
      EXPECT_EQ(response.status, 400);
      EXPECT_THAT(response.body, HasSubstr("body is nested too deeply"));
    }
  }
  // Brackets in strings are none.
  for (const char quote : {'"', '\''}) {
    const std::string text =
        absl::StrCat("{\"pageSize\":1,\"filterText\":", std::string(1, quote),
                     std::string(200, '['), "\\", std::string(1, quote),
                     std::string(1, quote), "}");
    EXPECT_EQ(server.Run({"POST", kBorrow, text}).status, 200) << text;
  }
  // Lists in lists, as far as protobuf goes.
  const std::string lists = times(30, "[") + times(30, "]");
  EXPECT_EQ(
      server
          .Run({"PATCH", kBook,
                absl::StrCat("{\"book\":{\"notes\":{\"x\":", lists, "}}}")})
          .status,
      200);
}

TEST(RestRequestTest, ContentTypes) {
  const struct {
    const char* type;
    int status;
  } kRows[] = {
      {"application/json", 200},
      {"application/json; charset=utf-8", 200},
      {"Application/JSON;charset=\"UTF-8\"", 200},
      {"application/json; charset=us-ascii", 200},
      {"application/json; other=1", 200},
      {"application/x-www-form-urlencoded", 200},
      {"", 200},
      {"application/json; charset=latin1", 415},
      {"text/plain", 415},
      {"text/plain; charset=utf-8", 415},
      {"text/json", 415},
      {"application/x-protobuf", 415},
      {"multipart/form-data; boundary=x", 415},
  };
  RestServer server;
  for (const auto& row : kRows) {
    TestRequest request = {"POST", kBorrow, "{}", {{"content-TYPE", row.type}}};
    const TestResponse response = server.Run(request);
    EXPECT_EQ(response.status, row.status) << row.type;
    if (row.status == 415) {
      EXPECT_THAT(response.body, AllOf(HasSubstr("\"code\": 415"),
                                       HasSubstr("INVALID_ARGUMENT"),
                                       HasSubstr("application/json")));
      EXPECT_EQ(server.ended.back().status.code(),
                absl::StatusCode::kInvalidArgument);
    }
    // Without a body it does not matter.
    request.body = "";
    EXPECT_EQ(server.Run(request).status, 200) << row.type;
  }
  EXPECT_EQ(server.Run({"POST", kBorrow, "{}"}).status, 200);
}

// ---- Compressed bodies.

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED,
                         MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
            Z_OK);
  std::string input = text;
  std::string result(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

TEST(RestRequestTest, CompressedBodies) {
  RestServer server({LibraryService()},
                    {.cors_origin = "", .max_body_bytes = 100'000});
  const auto send = [&](const std::string& encoding, const std::string& body) {
    return server.Run({"POST",
                       kBorrow,
                       body,
                       {{"Content-Type", "application/json"},
                        {"content-ENCODING", encoding}}});
  };
  const std::string json = "{\"filterText\":\"x\"}";
  for (const char* encoding : {"gzip", "GZIP", " gzip "}) {
    EXPECT_EQ(send(encoding, Gzip(json)).status, 200) << encoding;
    ASSERT_NE(server.seen, nullptr);
    EXPECT_EQ(server.seen->ShortDebugString(),
              "name: \"shelves/a/books/b\" filter_text: \"x\"");
  }
  for (const char* encoding : {"identity", ""}) {
    EXPECT_EQ(send(encoding, json).status, 200) << encoding;
  }
  // Nothing needs no encoding.
  EXPECT_EQ(send("gzip", "").status, 200);
  EXPECT_EQ(send("gzip", Gzip("")).status, 200);
  // As large as allowed, and one byte more.
  const std::string blanks(100'000 - json.size(), ' ');
  EXPECT_EQ(send("gzip", Gzip(json + blanks)).status, 200);
  for (const std::string& large :
       {json + blanks + " ", std::string(10'000'000, ' ')}) {
    const TestResponse response = send("gzip", Gzip(large));
    EXPECT_EQ(response.status, 413);
    EXPECT_THAT(response.body, AllOf(HasSubstr("\"code\": 413"),
                                     HasSubstr("larger than 100000 bytes")));
  }
  // What is no gzip, less, or more.
  const std::string whole = Gzip(json);
  for (const std::string& body :
       {json, whole.substr(0, 5), whole.substr(0, whole.size() - 1),
        whole + "x"}) {
    const TestResponse response = send("gzip", body);
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(server.seen, nullptr);
    EXPECT_THAT(response.body, AllOf(HasSubstr("Invalid BorrowBook request: "
                                               "body is not valid gzip"),
                                     HasSubstr("google.rpc.BadRequest")));
  }
  for (const char* encoding : {"br", "deflate", "gzip, gzip", "x"}) {
    const TestResponse response = send(encoding, whole);
    EXPECT_EQ(response.status, 415) << encoding;
    EXPECT_EQ(response.Header("Accept-Encoding"), "gzip");
    EXPECT_THAT(response.body, HasSubstr(absl::StrCat("not ", encoding, "\"")));
  }
}

}  // namespace
}  // namespace spanner_session_emulator
