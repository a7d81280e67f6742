#include "tools/reference/reference.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

using google::protobuf::FileDescriptorSet;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;

struct ProtoFile {
  std::string name;
  std::string text;  // Behind the package.
};

// What protoc makes of the files.
FileDescriptorSet Compile(const std::vector<ProtoFile>& files,
                          absl::string_view flags = "") {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "reference_test";
  std::filesystem::remove_all(folder);
  std::string command = absl::StrCat(
      std::getenv("PROTOC"), " --descriptor_set_in=", std::getenv("IMPORTS"),
      " --proto_path=", folder.string(), " --include_source_info ", flags,
      " --descriptor_set_out=", folder.string(), "/set");
  for (const ProtoFile& file : files) {
    std::filesystem::create_directories((folder / file.name).parent_path());
    std::ofstream(folder / file.name)
        << "// What " << file.name << " is for. And more.\n"
        << "syntax = \"proto3\";\n\npackage test.v1;\n\n"
        << file.text;
    absl::StrAppend(&command, " ", file.name);
  }
  EXPECT_EQ(std::system(command.c_str()), 0);
  const auto set = ReadFiles(folder / "set");
  EXPECT_TRUE(set.ok()) << set.status();
  return set.value_or(FileDescriptorSet());
}

absl::StatusOr<Pages> PagesOf(const std::vector<ProtoFile>& files) {
  return MakeReference(Compile(files, "--include_imports"), "test.v1");
}

absl::StatusOr<Pages> PagesOf(const std::string& text) {
  return PagesOf({{"a/things.proto", text}});
}

std::string PageOf(const std::string& text) {
  const auto pages = PagesOf(text);
  return pages.ok() ? pages->at("things.md") : pages.status().ToString();
}

TEST(ReferenceTest, AServiceHasItsMethodsWithTheirBindings) {
  const std::string page = PageOf(R"(
import "google/api/annotations.proto";
// Does things.
service ThingService {
  // Makes a thing. At once.
  rpc MakeThing(MakeThingRequest) returns (Thing) {
    option (google.api.http) = {
      post: "/v1/{parent=x/*}/things"
      body: "thing"
      additional_bindings { put: "/v1/things" body: "*" }
      additional_bindings { delete: "/v1/{parent}" }
    };
  }
  // Watches it.
  rpc Watch(Thing) returns (stream Thing);
}
// Says what to make.
message MakeThingRequest {
  // Where.
  string parent = 1;
  // What.
  Thing thing = 2;
  // By which name.
  string thing_id = 3;
}
// A thing.
message Thing {}
)");
  EXPECT_THAT(page, HasSubstr(R"(# ThingService

What a/things.proto is for. And more.

File `a/things.proto`; [all pages](README.md).

## Methods of ThingService

Does things.

### MakeThing

Makes a thing. At once.

* REST: `POST /v1/{parent=x/*}/things`; the body is the request's `thing`; in the query: `thingId`
* REST: `PUT /v1/things`; the body is the request
* REST: `DELETE /v1/{parent}`; in the query: `thing`, `thingId`
* gRPC: `test.v1.ThingService/MakeThing`
* Request: [MakeThingRequest](#makethingrequest)
* Answer: [Thing](#thing)

### Watch

Watches it.

* gRPC: `test.v1.ThingService/Watch`
* Request: [Thing](#thing)
* Answer: a stream of [Thing](#thing)

## Messages

### MakeThingRequest

Says what to make.

* `parent`: string

  Where.
)"));
  EXPECT_THAT(page, HasSubstr("### Thing\n\nA thing.\n\nIt has no fields.\n"));
}

TEST(ReferenceTest, FieldsHaveTypesNamesAndBehaviour) {
  EXPECT_THAT(PageOf(R"(
import "google/api/field_behavior.proto";
import "google/protobuf/timestamp.proto";
// A thing.
message Thing {
  // Its colour.
  enum Colour {
    // None.
    COLOUR_UNSPECIFIED = 0;
    // Red.
    RED = 7;
  }
  // A part.
  message Part {}
  // Its parts.
  repeated Part spare_parts = 1 [
    (google.api.field_behavior) = REQUIRED,
    (google.api.field_behavior) = INPUT_ONLY
  ];
  // When.
  google.protobuf.Timestamp time = 2 [(google.api.field_behavior) = OPTIONAL];
  // By name.
  map<string, Part> by_name = 3;
  // What it looks like.
  oneof look {
    // Its colour.
    Colour colour = 4;
    // Its shape.
    bytes shape = 5;
  }
  // Its weight.
  optional double weight = 6;
}
)"),
              HasSubstr(R"(
* `spare_parts`: in JSON `spareParts`, repeated [Thing.Part](#thingpart), REQUIRED, INPUT_ONLY

  Its parts.

* `time`: [google.protobuf.Timestamp](https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp), OPTIONAL

  When.

* `by_name`: in JSON `byName`, map of string to [Thing.Part](#thingpart)

  By name.

* at most one of these (`look`):

  What it looks like.

  * `colour`: [Thing.Colour](#thingcolour)

    Its colour.

  * `shape`: bytes

    Its shape.

* `weight`: double

  Its weight.

### Thing.Colour

Its colour.

* `COLOUR_UNSPECIFIED` (0)

  None.

* `RED` (7)

  Red.

### Thing.Part

A part.

It has no fields.
)"));
}

TEST(ReferenceTest, CommentsBecomeMarkdown) {
  const std::string page = PageOf(R"(
// A thing, with *stars*, <tags>, [brackets] and #signs; `*code* <p>
// [x]` stays, over several lines, too.
//
// An example:
//
//   curl {"a": "*"} \
//     thing
//
// and a form:
//
//   things/*
//
// and a list:
//
// * one, which goes
//   on;
// * two.
message Thing {}
)");
  EXPECT_THAT(page, HasSubstr(R"(
A thing, with \*stars\*, &lt;tags>, \[brackets\] and \#signs; `*code* <p>
[x]` stays, over several lines, too.

An example:

```sh
curl {"a": "*"} \
  thing
```

and a form:

```text
things/*
```

and a list:

* one, which goes
  on;
* two.
)"));
}

TEST(ReferenceTest, NamesInCommentsAreLinks) {
  const ProtoFile things = {"a/things.proto", R"(
import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";
// See OtherService, MakeOther, OtherThing, OtherThing.other_name and
// google.protobuf.Timestamp.seconds. Not: Thing, thing, OtherThings,
// google.api.HttpRule. `OtherThing`. ALL_CAPITALS, ABC.
message Thing {}
)"};
  const ProtoFile others = {"b/others.proto", R"(
// Others.
service OtherService {
  // Makes one.
  rpc MakeOther(OtherThing) returns (OtherThing);
}
// Another.
message OtherThing {
  // Its name.
  string other_name = 1;
}
)"};
  const auto pages = PagesOf({things, others});
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_THAT(*pages, ElementsAre(Key("README.md"), Key("others.md"),
                                  Key("things.md")));
  EXPECT_THAT(
      pages->at("things.md"),
      HasSubstr(
          "See [OtherService](others.md#methods-of-otherservice), "
          "[MakeOther](others.md#makeother), "
          "[OtherThing](others.md#otherthing), "
          "[OtherThing.other_name](others.md#otherthing) and\n"
          "[google.protobuf.Timestamp.seconds](https://protobuf.dev/reference/"
          "protobuf/google.protobuf/#timestamp). Not: Thing, thing, "
          "OtherThings,\n"
          "google.api.HttpRule. `OtherThing`. ALL_CAPITALS, ABC.\n"));
}

TEST(ReferenceTest, HeadingsThatAreAlikeHaveAddressesOfTheirOwn) {
  const std::string page = PageOf(R"(
// Does things.
service ThingService {
  // Does one.
  rpc Thing(.test.v1.Thing) returns (.test.v1.Thing);
}
// A thing.
message Thing {}
)");
  EXPECT_THAT(page, HasSubstr("* Request: [Thing](#thing-1)\n"));
}

TEST(ReferenceTest, TheIndexListsTheMethods) {
  const auto pages = PagesOf(R"(
import "google/api/annotations.proto";
// Does things.
service ThingService {
  // Makes one, a|b,
  // here. At once.
  rpc MakeThing(Thing) returns (Thing) {
    option (google.api.http) = { get: "/v1/things" };
  }
}
// A thing.
message Thing {}
)");
  ASSERT_TRUE(pages.ok()) << pages.status();
  EXPECT_THAT(pages->at("README.md"), HasSubstr(R"(
## [ThingService](things.md)

What a/things.proto is for.

| method | REST | |
|---|---|---|
| [MakeThing](things.md#makething) | `GET /v1/things` | Makes one, a\|b, here. |
)"));
}

TEST(ReferenceTest, AFileWithoutAServiceIsCalledByItsName) {
  EXPECT_THAT(PageOf("// A thing.\nmessage Thing {}\n"),
              HasSubstr("-->\n# things.proto\n\nWhat"));
}

TEST(ReferenceTest, EverythingNeedsAComment) {
  constexpr char kText[] = R"(
// 1
service ThingService {
  // 2
  rpc MakeThing(Thing) returns (Thing);
}

// 3
message Thing {
  // 4
  enum Colour {
    // 5
    COLOUR_UNSPECIFIED = 0;
  }

  // 6
  message Part {
    // 7
    string name = 1;
  }

  // 8
  oneof look {
    // 9
    Colour colour = 1;
  }
}
)";
  ASSERT_TRUE(PagesOf(kText).ok());
  const std::vector<std::string> names = {"ThingService",
                                          "ThingService.MakeThing",
                                          "Thing",
                                          "Thing.Colour",
                                          "Thing.COLOUR_UNSPECIFIED",
                                          "Thing.Part",
                                          "Thing.Part.name",
                                          "Thing.look",
                                          "Thing.colour"};
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string text =
        absl::StrReplaceAll(kText, {{absl::StrCat("// ", i + 1, "\n"), "\n"}});
    const auto pages = PagesOf(text);
    EXPECT_EQ(pages.status(), absl::InvalidArgumentError(absl::StrCat(
                                  "test.v1.", names[i], " has no comment")));
  }
}

TEST(ReferenceTest, AFileNeedsACommentToo) {
  FileDescriptorSet files =
      Compile({{"a/things.proto", "// A thing.\nmessage Thing {}\n"}});
  for (auto& location :
       *files.mutable_file(0)->mutable_source_code_info()->mutable_location()) {
    if (location.path_size() == 1) location.clear_leading_comments();
  }
  EXPECT_EQ(MakeReference(files, "test.v1").status(),
            absl::InvalidArgumentError("a/things.proto has no comment"));
}

TEST(ReferenceTest, AllProblemsAreSaidAtOnce) {
  EXPECT_EQ(PagesOf("// A `thing.\nmessage Thing {\n  string a = 1;\n\n"
                    "  string b = 2;\n}\n")
                .status(),
            absl::InvalidArgumentError(
                "the comment of test.v1.Thing has a backquote without "
                "another\ntest.v1.Thing.a has no comment\ntest.v1.Thing.b has "
                "no comment"));
}

TEST(ReferenceTest, WhatIsNoSetOfFilesIsAnError) {
  EXPECT_EQ(MakeReference({}, "test.v1").status(),
            absl::InvalidArgumentError("no file has the package test.v1"));
  EXPECT_EQ(MakeReference(
                Compile({{"a/things.proto",
                          "import \"google/protobuf/timestamp.proto\";\n"}}),
                "test.v1")
                .status(),
            absl::InvalidArgumentError(
                "a/things.proto is not a file behind its imports"));
  EXPECT_EQ(
      ReadFiles("/nowhere").status(),
      absl::UnavailableError("cannot read /nowhere as a FileDescriptorSet"));
}

}  // namespace
}  // namespace spanner_session_emulator
