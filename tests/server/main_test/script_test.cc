// The program with a script.

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/main_test/program.h"
#include "tests/server/main_test/subprocess.h"
#include "tests/server/rest_caller.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kSessions[] = "/v1/projects/p/instances/i/databases/d/sessions";

// The program with a file as --script, until the end of the scope.
class Program {
 public:
  explicit Program(absl::string_view script)
      : script_(script),
        process_(Command({absl::StrCat("--script=", script_.path()),
                          absl::StrCat("--port_file=", port_file_.path())})) {
    EXPECT_TRUE(process_.WaitForErr("Cloud Spanner emulator running.\n"))
        << process_.err();
    int port = 0;
    EXPECT_EQ(
        sscanf(port_file_.text().c_str(),
               "{\"grpc_port\": %d, \"http_port\": %d}", &port, &http_port_),
        2);
  }

  std::string Rest(absl::string_view method, absl::string_view target,
                   absl::string_view body = "") {
    return Fetch(http_port_, method, target, body).body;
  }
  std::string Query(absl::string_view sql) {
    const std::string session = Rest("POST", kSessions);
    const std::string kName = "\"name\": \"";
    const size_t begin = session.find(kName) + kName.size();
    const std::string name =
        session.substr(begin, session.find('"', begin) - begin);
    return Rest("POST", absl::StrCat("/v1/", name, ":executeSql"),
                absl::StrCat("{\"sql\": \"", sql, "\"}"));
  }
  std::string Export() { return Rest("GET", "/emulator/v1/stubs:export"); }
  std::string err() const { return process_.err(); }

 private:
  const File script_;
  const File port_file_;
  Subprocess process_;
  int http_port_ = 0;
};

constexpr char kJson[] = R"({
  "stubs": [
    {"match": {"sql": "SELECT Name FROM Singers", "scope": "projects/p"},
     "answer": {"columns": ["Name STRING"], "rows": [["Änne"], [null]]}},
    {"name": "stubs/twice",
     "match": {"sqlPattern": "DELETE .*"},
     "times": 2,
     "answers": [{"rowCount": 3},
                 {"error": {"code": "ABORTED", "message": "Again.", "details": [
                   {"@type": "type.googleapis.com/google.rpc.RetryInfo",
                    "retryDelay": "0.500s"}]}}]}
  ]
})";

// The same.
constexpr char kText[] = R"(
stubs {
  match { sql: "SELECT Name FROM Singers" scope: "projects/p" }
  answer {
    columns: "Name STRING"
    rows { values { string_value: "Änne" } }
    rows { values { null_value: NULL_VALUE } }
  }
}
stubs {
  name: "stubs/twice"
  match { sql_pattern: "DELETE .*" }
  times: 2
  answers { row_count: 3 }
  answers {
    error {
      code: ABORTED
      message: "Again."
      details {
        [type.googleapis.com/google.rpc.RetryInfo] {
          retry_delay { nanos: 500000000 }
        }
      }
    }
  }
}
)";

TEST(ScriptTest, InJson) {
  Program program(kJson);
  EXPECT_THAT(program.err(), HasSubstr(" stubs=2"));
  const std::string rows = program.Query("SELECT  Name\\nFROM Singers");
  EXPECT_THAT(rows, HasSubstr("Änne"));
  EXPECT_THAT(program.Rest("GET", "/emulator/v1/stubs/1"),
              HasSubstr("\"hitCount\": \"1\""));
  EXPECT_THAT(program.Rest("GET", "/emulator/v1/stubs/twice"),
              HasSubstr("DELETE .*"));
}

TEST(ScriptTest, InTextFormat) {
  Program program(kText);
  EXPECT_THAT(program.Query("SELECT Name FROM Singers"), HasSubstr("Änne"));
  EXPECT_EQ(program.Export(), Program(kJson).Export());
}

TEST(ScriptTest, AnExportIsAScriptWithTheSameExport) {
  std::string exported;
  {
    Program program(kJson);
    program.Query("SELECT Name FROM Singers");
    exported = program.Export();
  }
  EXPECT_THAT(exported, HasSubstr("\"name\": \"stubs/1\""));
  EXPECT_THAT(exported, HasSubstr("\"retryDelay\": \"0.500s\""));
  Program again(exported);
  EXPECT_EQ(again.Export(), exported);
  EXPECT_THAT(again.Query("SELECT Name FROM Singers"), HasSubstr("Änne"));
}

TEST(ScriptTest, HasFaultsToo) {
  Program program(R"({"faults": [{"name": "faults/lost", "times": "1",
      "match": {"methods": ["CreateSession"]}, "status": "UNAVAILABLE"}]})");
  EXPECT_THAT(program.err(), HasSubstr(" faults=1"));
  const std::string exported = program.Export();
  EXPECT_THAT(program.Rest("POST", kSessions), HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(program.Rest("POST", kSessions), HasSubstr("\"name\": "));
  EXPECT_THAT(program.Rest("GET", "/emulator/v1/faults/lost"),
              HasSubstr("\"hitCount\": \"1\""));
  EXPECT_EQ(program.Export(), exported);
  EXPECT_EQ(Program(exported).Export(), exported);
}

TEST(ScriptTest, WithoutStubs) {
  for (const char* text : {"", "{}", "# Nothing."}) {
    Program program(text);
    EXPECT_EQ(program.Export(), "{}\n") << text;
  }
}

TEST(ScriptTest, ABadOneIsRefusedWithWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      // As JSON.
      {absl::StrReplaceAll(kJson, {{"Name STRING", "Name STRONG"}}),
       "script: stubs[0].answer.columns[0] must "},
      {absl::StrReplaceAll(kJson, {{"DELETE .*", "DELETE ("}}),
       "script: stubs[1].match.sql_pattern must be a regular expression"},
      {absl::StrReplaceAll(kJson, {{"stubs/twice", "twice"}}),
       "script: stubs[1].name must be stubs/<stub>, "},
      {absl::StrReplaceAll(kJson, {{"\"match\": {\"sql\"",
                                    "\"name\": \"stubs/twice\", \"match\": "
                                    "{\"sql\""}}),
       "script: stubs[1].name must be another than that of stubs[0]\n"},
      {absl::StrReplaceAll(kJson, {{"projects/p", "p"}}),
       "script: stubs[0].match.scope "},
      {absl::StrReplaceAll(kJson, {{"rowCount", "rowCounts"}}),
       "script: stubs[1].answers[0].rowCounts is not a known field\n"},
      {absl::StrReplaceAll(kJson, {{"\"times\": 2", "\"times\": \"x\""}}),
       "script: stubs[1].times "},
      {absl::StrReplaceAll(kJson, {{"RetryInfo", "RetryInformation"}}),
       "script: stubs[1].answers[1].error.details[0]"},
      {absl::StrReplaceAll(kJson, {{"\"times\": 2,", "\"times\": 2"}}),
       "script: is not valid JSON"},
      {"{\"stubs\": {}}", "script: "},
      {"{\"stubs\": [{\"match\": {\"sql\": \"S\xff\"}}]}", "script: "},
      {"{\"faults\": [{}, {\"status\": \"ABORTED\", \"times\": -1}]}",
       "script: faults["},
      {"{\"faults\": [{\"name\": \"faults/a\", \"swallow\": true}, "
       "{\"name\": \"faults/a\", \"swallow\": true}]}",
       "script: faults[1].name must be another than that of faults[0]\n"},
      // In text format.
      {absl::StrReplaceAll(kText, {{"Name STRING", "Name STRONG"}}),
       "script: stubs[0].answer.columns[0] must "},
      {absl::StrReplaceAll(kText, {{"row_count", "row_counts"}}),
       "script: is not text format: see line 14, column 23: Message type "
       "\"spanner_session_emulator.v1.Stub.Answer\" has no field named "
       "\"row_counts\".; expected a spanner_session_emulator.v1.Script, or its "
       "JSON\n"},
      {absl::StrReplaceAll(kText, {{"Änne", "\xff"}}),
       "script: has a string that is not UTF-8\n"},
      {"[]", "script: is not text format: see line 1, column 2: "},
  };
  for (const auto& [text, problem] : cases) {
    const File file(text);
    const auto [code, said] =
        RunToItsEnd({absl::StrCat("--script=", file.path())});
    EXPECT_EQ(code, 1) << text;
    // libprotobuf may have logged something before.
    const size_t at = said.find("error: script: ");
    ASSERT_NE(at, std::string::npos) << text << "\n" << said;
    EXPECT_THAT(said.substr(at), StartsWith(absl::StrCat("error: ", problem)))
        << text;
  }
}

TEST(ScriptTest, OneThatCannotBeRead) {
  const std::string none = absl::StrCat(::testing::TempDir(), "/none");
  EXPECT_EQ(RunToItsEnd({absl::StrCat("--script=", none)}),
            std::pair(std::optional(1),
                      absl::StrCat("error: --script: cannot read ", none,
                                   ": No such file or directory\n")));
  EXPECT_EQ(
      RunToItsEnd({"--script=/"}),
      std::pair(std::optional(1), std::string("error: --script: cannot read /: "
                                              "Is a directory\n")));
}

}  // namespace
}  // namespace spanner_session_emulator
