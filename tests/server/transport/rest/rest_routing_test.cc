// Which method a request calls, and what its path says.

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/call/call_testing.h"
#include "tests/server/transport/rest/rest_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// `GetBook name`, or the HTTP status.
std::string Routed(RestServer& server, const std::string& http_method,
                   const std::string& target) {
  const TestResponse response = server.Run({http_method, target});
  if (server.seen == nullptr) return absl::StrCat(response.status);
  EXPECT_EQ(response.status, 200);
  const auto* field = server.seen->GetDescriptor()->FindFieldByName("name");
  return absl::StrCat(
      server.method, " ",
      server.seen->GetReflection()->GetString(*server.seen, field));
}

TEST(RestRoutingTest, Table) {
  const struct {
    const char* http_method;
    const char* target;
    const char* routed;
  } kRows[] = {
      {"GET", "/v1/shelves/a/books/b", "GetBook shelves/a/books/b"},
      {"HEAD", "/v1/shelves/a/books/b", "GetBook shelves/a/books/b"},
      {"DELETE", "/v1/shelves/a/books/b", "DeleteBook shelves/a/books/b"},
      {"LOCK", "/v1/shelves/a/books/b", "LockBook shelves/a/books/b"},
      {"HEAD", "/v1/locks/x", "LockBook x"},
      {"GET", "/v1/locks/x", "405"},
      {"PATCH", "/v1/shelves/a/books/b:borrow", "405"},
      // Additional bindings, and `**`: also of no segment.
      {"GET", "/v1/single/x", "GetBook x"},
      {"GET", "/v1/single/x/y", "404"},
      {"GET", "/v1/anything/x/y/z", "GetBook x/y/z"},
      {"GET", "/v1/anything/x", "GetBook x"},
      {"GET", "/v1/anything/", "GetBook "},
      {"GET", "/v1/anything", "GetBook "},
      // Any HTTP method.
      {"GET", "/v1/touched/x", "TouchBook x"},
      {"POST", "/v1/touched/x", "TouchBook x"},
      {"NONSENSE", "/v1/touched/x", "TouchBook x"},
      // Verbs.
      {"POST", "/v1/shelves/a/books/b:borrow", "BorrowBook shelves/a/books/b"},
      {"POST", "/v1/shelves/a/books/b/c/d:borrow",
       "BorrowBook shelves/a/books/b/c/d"},
      {"GET", "/v1/shelves/a/books/b:read", "ReadBook shelves/a/books/b"},
      {"GET", "/v1/shelves/a/books/b:borrow", "405"},
      {"POST", "/v1/shelves/a/books/b:read", "405"},
      // What is no verb belongs to the name.
      {"GET", "/v1/shelves/a/books/b:other", "GetBook shelves/a/books/b:other"},
      {"GET", "/v1/shelves/a:read/books/b", "GetBook shelves/a:read/books/b"},
      {"GET", "/v1/shelves/a/books/b%3Aread", "GetBook shelves/a/books/b:read"},
      {"GET", "/v1/shelves/a/books/x:y:read", "ReadBook shelves/a/books/x:y"},
      {"GET", "/v1/shelves/a/books/b:", "GetBook shelves/a/books/b:"},
      // Unless nothing else fits.
      {"POST", "/v1/shelves/a/books/b%3Aborrow",
       "BorrowBook shelves/a/books/b"},
      {"POST", "/v1/shelves/a/books/b%3aborrow",
       "BorrowBook shelves/a/books/b"},
      {"POST", "/v1/shelves/a/books/b%3Ac%3Aborrow",
       "BorrowBook shelves/a/books/b:c"},
      {"POST", "/v1/shelves/a/books/b%3Aborrow/c", "404"},
      {"POST", "/v1/shelves/a/books/b%3Aother", "405"},
      {"POST", "/v1/shelves/a/books/b%3A", "405"},
      {"POST", "/v1/shelves/a/books%3A", "404"},
      // Unknown paths.
      {"GET", "/", "404"},
      {"GET", "/v1", "404"},
      {"GET", "/v2/shelves/a/books/b", "404"},
      {"GET", "/v1/shelves/a", "404"},
      {"GET", "/v1/shelves/a/books", "405"},
      {"GET", "/v1/shelves/a/books/", "404"},
      {"GET", "/v1/shelves//books/b", "404"},
      {"GET", "//v1/shelves/a/books/b", "404"},
      {"GET", "/v1/shelves/a/books/b/", "404"},
      {"GET", "/v1/Shelves/a/books/b", "404"},
      {"OPTIONS", "/v1/shelves/a/books/b", "405"},
      {"get", "/v1/shelves/a/books/b", "405"},
      // Other forms of a target.
      {"GET", "http://host:1/v1/shelves/a/books/b",
       "GetBook shelves/a/books/b"},
      {"GET", "HTTPS://host/v1/shelves/a/books/b", "GetBook shelves/a/books/b"},
      {"GET", "http://host", "404"},
      {"GET", "http://host?x=/v1/shelves/a/books/b", "404"},
      {"GET", "/http://host/v1/shelves/a/books/b", "404"},
      {"GET", "/x?y=http://host/v1/shelves/a/books/b", "404"},
      {"GET", "", "400"},
      {"GET", "*", "400"},
      {"GET", "v1/shelves/a/books/b", "400"},
      {"GET", "xv1/shelves/a/books/b", "400"},
      {"GET", "*v1/shelves/a/books/b", "400"},
      {"GET", "?/v1/shelves/a/books/b", "400"},
      {"GET", "a?b=http://host/v1/shelves/a/books/b", "400"},
      {"GET", "#http://host/v1/shelves/a/books/b", "400"},
      {"GET", "xhttp://host/v1/shelves/a/books/b", "400"},
      {"GET", "ftp://host/v1/shelves/a/books/b", "400"},
      {"GET", "://host/v1/shelves/a/books/b", "400"},
      {"GET", "http:///v1/shelves/a/books/b", "400"},
      {"GET", "http:/v1/shelves/a/books/b", "400"},
      {"GET", "host:80", "400"},
      {"GET", "/v1/shelves/a/books/b?", "GetBook shelves/a/books/b"},
      {"GET", "/v1/shelves/a/books/b?&&", "GetBook shelves/a/books/b"},
      {"GET", "/v1/shelves/a/books/b#c?pageSize=x",
       "GetBook shelves/a/books/b"},
      // Percent-encoding: literals too; '/' stays in variables of several
      // segments, and in no others.
      {"GET", "/v1/%73helves/a/books/b", "GetBook shelves/a/books/b"},
      {"GET", "/v1/shelves/a%20%C3%A4/books/b%3f",
       "GetBook shelves/a \xc3\xa4/books/b?"},
      {"GET", "/v1/shelves/a+b/books/b", "GetBook shelves/a+b/books/b"},
      {"GET", "/v1/shelves/a%2Fb/books/c%2fd",
       "GetBook shelves/a%2Fb/books/c%2fd"},
      {"GET", "/v1/anything/a%2Fb/c%3A", "GetBook a%2Fb/c:"},
      {"GET", "/v1/single/a%2Fb", "GetBook a/b"},
      {"GET", "/v1/single/%252F", "GetBook %2F"},
      {"GET", "/v1/anything/%252F", "GetBook %2F"},
      {"GET", "/v1/single/%", "400"},
      {"GET", "/v1/single/%4", "400"},
      {"GET", "/v1/single/%4g", "400"},
      {"GET", "/v1/anything/%zz", "400"},
      {"GET", "/v1/single/%ff", "400"},
      {"GET", "/v1/single/\xff", "400"},
      {"GET", "/v1/single/%C3%A4", "GetBook \xc3\xa4"},
      {"GET", "/v1/%zz/a", "404"},
  };
  RestServer server;
  for (const auto& row : kRows) {
    EXPECT_EQ(Routed(server, row.http_method, row.target), row.routed)
        << row.http_method << " " << row.target;
  }
}

TEST(RestRoutingTest, WhatIsUnknownIsSaid) {
  RestServer server;
  const TestResponse response = server.Get("/v1/none?access_token=secret");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.Header("Content-Type"), "application/json; charset=UTF-8");
  EXPECT_EQ(response.body,
            "{\n"
            "  \"error\": {\n"
            "    \"code\": 404,\n"
            "    \"message\": \"Unknown path: /v1/none\",\n"
            "    \"status\": \"NOT_FOUND\"\n"
            "  }\n"
            "}\n");
  // The log sees it, without what must not be in a log.
  ASSERT_THAT(server.ended, SizeIs(1));
  EXPECT_EQ(server.ended[0].method, "/v1/none");
  EXPECT_EQ(server.ended[0].status.code(), absl::StatusCode::kNotFound);
}

TEST(RestRoutingTest, AskingForTheServersOwnOptions) {
  RestServer server;
  const TestResponse response = server.Run({"OPTIONS", "*"});
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
}

TEST(RestRoutingTest, WhatIsAllowedIsSaid) {
  RestServer server;
  TestResponse response = server.Run({"PUT", "/v1/shelves/a/books/b"});
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.Header("Allow"), "DELETE, GET, HEAD, LOCK, PATCH");
  EXPECT_THAT(response.body, HasSubstr("\"code\": 405"));
  response = server.Run({"PUT", "/v1/shelves/a/books"});
  EXPECT_EQ(response.Header("Allow"), "POST");
}

TEST(RestRoutingTest, Pages) {
  RestServer server;
  server.rest->AddPage("/healthz", [](const HttpRequest& request) {
    return HttpResponse{.status = 203,
                        .headers = {{"Content-Type", "text/plain"}},
                        .body = std::string(request.target)};
  });
  for (const char* http_method : {"GET", "HEAD"}) {
    const TestResponse page = server.Run({http_method, "/healthz?x"});
    EXPECT_EQ(page.status, 203);
    EXPECT_EQ(page.Header("Content-Type"), "text/plain");
    EXPECT_EQ(page.body, "/healthz?x");
  }
  EXPECT_THAT(server.ended, IsEmpty());
  const TestResponse post = server.Run({"POST", "/healthz"});
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(post.Header("Allow"), "GET, HEAD");
  EXPECT_THAT(server.ended, IsEmpty());  // Not a call either.
  EXPECT_EQ(server.Get("/healthz/").status, 404);
}

TEST(RestRoutingTest, SpannersVerbs) {
  RestServer server({SpannerService()});
  const std::string database = "/v1/projects/p/instances/i/databases/d";
  server.Run({"POST", database + "/sessions:batchCreate"});
  EXPECT_EQ(server.method, "BatchCreateSessions");
  server.Run({"POST", database + "/sessions%3AbatchCreate"});
  EXPECT_EQ(server.method, "BatchCreateSessions");
  EXPECT_EQ(server.Get(database + "/sessions%3AbatchCreate").Header("Allow"),
            "POST");
  server.Run({"POST", database + "/sessions"});
  EXPECT_EQ(server.method, "CreateSession");
  server.Run({"POST", database + "/sessions/s:executeStreamingSql"});
  EXPECT_EQ(server.method, "ExecuteStreamingSql");
  server.Get("/v1/projects/example.com:p/instances/i/databases/d/sessions/s");
  EXPECT_EQ(server.method, "GetSession");
  EXPECT_EQ(server.seen->ShortDebugString(),
            "name: \"projects/example.com:p/instances/i/databases/d/sessions/"
            "s\"");
  server.Get("/v1/projects/example.com%3Ap/instances/i/databases/d/sessions");
  EXPECT_EQ(server.seen->ShortDebugString(),
            "database: \"projects/example.com:p/instances/i/databases/d\"");
}

}  // namespace
}  // namespace spanner_session_emulator
