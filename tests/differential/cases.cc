#include "tests/differential/cases.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace spanner_session_emulator {
namespace {

// What the answers below are made of.

std::string NotFound(absl::string_view kind, absl::string_view type,
                     absl::string_view name, absl::string_view name_in_detail) {
  return absl::StrCat(
      "NOT_FOUND: ", kind, " not found: ", name,
      " [google.rpc.ResourceInfo resource_type: \"type.googleapis.com/", type,
      "\"",
      name_in_detail.empty()
          ? ""
          : absl::StrCat(" resource_name: \"", absl::CEscape(name_in_detail),
                         "\""),
      " description: \"", kind,
      " does not exist.\"] trailer: google.rpc.resourceinfo-bin");
}
std::string SessionNotFound(absl::string_view name,
                            absl::string_view name_in_detail) {
  return NotFound("Session", "google.spanner.v1.Session", name, name_in_detail);
}
std::string SessionNotFound(absl::string_view name) {
  return SessionNotFound(name, name);
}
std::string DatabaseNotFound(absl::string_view name) {
  return NotFound("Database", "google.spanner.admin.database.v1.Database", name,
                  name);
}
std::string InstanceNotFound(absl::string_view name) {
  return NotFound("Instance", "google.spanner.admin.instance.v1.Instance", name,
                  name);
}

std::string BadRequest(absl::string_view message, absl::string_view field,
                       absl::string_view description) {
  return absl::StrCat("INVALID_ARGUMENT: ", message,
                      " [google.rpc.BadRequest field_violations { field: \"",
                      field, "\" description: \"", absl::CEscape(description),
                      "\" }]");
}
std::string Invalid(absl::string_view method, absl::string_view field,
                    absl::string_view problem) {
  const std::string description = absl::StrCat(field, " ", problem);
  return BadRequest(absl::StrCat("Invalid ", method, " request: ", description),
                    field, description);
}
constexpr char kMustBeDatabase[] =
    "must be projects/<project>/instances/<instance>/databases/<database>, "
    "but ";
constexpr char kMustBeSession[] =
    "must be projects/<project>/instances/<instance>/databases/<database>/"
    "sessions/<session>, but ";
std::string BadDatabase(absl::string_view method, absl::string_view problem) {
  return Invalid(method, "database", absl::StrCat(kMustBeDatabase, problem));
}
std::string BadSession(absl::string_view method, absl::string_view field,
                       absl::string_view problem) {
  return Invalid(method, field, absl::StrCat(kMustBeSession, problem));
}

// Theirs.
constexpr char kLabelKeys[] =
    "INVALID_ARGUMENT: Label keys must be between 1-63 characters long, "
    "consist only of lowercase letters, digits, underscores, and dashes, and "
    "must start with a letter. Got: ";
constexpr char kLabelValues[] =
    "INVALID_ARGUMENT: Non-empty label values must be between 1-63 characters "
    "long, and consist only of lowercase letters, digits, underscores, and "
    "dashes. Got: ";
constexpr char kTrailersTooLarge[] =
    "RESOURCE_EXHAUSTED: received initial metadata size exceeds limit";

// Ours.
std::string BadKey(absl::string_view method, absl::string_view field,
                   absl::string_view key) {
  return Invalid(method, field,
                 absl::StrCat("has the label key \"", key,
                              "\", which does not match "
                              "[a-z]([-a-z0-9]{0,61}[a-z0-9])?"));
}
std::string BadValue(absl::string_view value) {
  return Invalid("CreateSession", "session.labels",
                 absl::StrCat("has the label \"a\" with the value \"", value,
                              "\", which does not match "
                              "([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?"));
}

// Requests.
std::string WithLabel(absl::string_view key, absl::string_view value) {
  return absl::StrCat("database: '{db}' session { labels { key: '", key,
                      "' value: '", value, "' } }");
}
std::string WithLabels(int count) {
  std::string request = "database: '{db}' session {";
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&request, " labels { key: 'k", i, "' }");
  }
  return absl::StrCat(request, " }");
}

}  // namespace

std::vector<Case> Cases() {
  const std::string missing = "{instance}/databases/none/sessions/s";
  std::vector<Case> cases = {
      // The first, since the peer counts ids from 0 and the order of their
      // texts differs from that of their values only from 10 on.
      {.name = "ListOrder",
       .reason = "Creation order keeps pages stable while sessions come and "
                 "go; ids are random here, so their order would mean nothing.",
       .steps =
           {
               {"BatchCreateSessions", "database: '{db}' session_count: 11"},
               {"ListSessions", "database: '{db}'",
                "OK {s1}..{s2} created used, {s11} created used, {s3}..{s10} "
                "created used",
                "OK {s1}..{s11} created used"},
           }},

      // Names and existence.
      {.name = "CreateGetListDelete",
       .steps =
           {
               {"CreateSession", "database: '{db}'"},
               {"CreateSession", "database: '{db}' session {}"},
               {"ListSessions", "database: '{db}'"},
               {"GetSession", "name: '{s1}'"},
               {"DeleteSession", "name: '{s1}'"},
               {"ListSessions", "database: '{db}'"},
           }},
      {.name = "SessionMissing",
       .steps =
           {
               {"GetSession", "name: '{db}/sessions/s'"},
               {"DeleteSession", "name: '{db}/sessions/s'"},
               {"ExecuteSql", "session: '{db}/sessions/s' sql: 'SELECT 1'"},
               {"ExecuteStreamingSql",
                "session: '{db}/sessions/s' sql: 'SELECT 1'"},
               {"ExecuteBatchDml",
                "session: '{db}/sessions/s' statements { sql: 'x' }"},
               {"Read", "session: '{db}/sessions/s' table: 't' columns: 'k'"},
               {"StreamingRead",
                "session: '{db}/sessions/s' table: 't' columns: 'k'"},
               {"BeginTransaction",
                "session: '{db}/sessions/s' options { read_only {} }"},
               {"Commit", "session: '{db}/sessions/s' transaction_id: 'x'"},
               {"Rollback", "session: '{db}/sessions/s' transaction_id: 'x'"},
               {"PartitionQuery", "session: '{db}/sessions/s' sql: 'SELECT 1'"},
               {"PartitionRead",
                "session: '{db}/sessions/s' table: 't' columns: 'k'"},
           }},
      {.name = "SessionMissingInBatchWrite",
       .reason = "Every RPC looks for its session first, even one that does "
                 "nothing else.",
       .steps =
           {
               {"BatchWrite",
                "session: '{db}/sessions/s' mutation_groups { mutations { "
                "delete { table: 't' } } }",
                "UNIMPLEMENTED: ", SessionNotFound("{db}/sessions/s")},
           }},
      {.name = "SessionDeleted",
       .steps =
           {
               {"CreateSession", "database: '{db}'"},
               {"DeleteSession", "name: '{s1}'"},
               {"GetSession", "name: '{s1}'"},
               {"BeginTransaction", "session: '{s1}' options { read_only {} }"},
               {"ListSessions", "database: '{db}'"},
               {"DeleteSession", "name: '{s1}'"},
           }},
      {.name = "SessionOfAnotherDatabase",
       .steps =
           {
               {"CreateSession", "database: '{db}'"},
               {"GetSession", "name: '{other}/sessions/{id1}'"},
               {"DeleteSession", "name: '{other}/sessions/{id1}'"},
               {"BeginTransaction",
                "session: '{other}/sessions/{id1}' options { read_only {} }"},
               {"GetSession", "name: '{s1}'"},
           }},
      {.name = "DatabaseMissing",
       .steps =
           {
               {"CreateSession", "database: '{instance}/databases/none'"},
               {"BatchCreateSessions",
                "database: '{instance}/databases/none' session_count: 1"},
               {"ListSessions", "database: '{instance}/databases/none'"},
               {"GetSession", absl::StrCat("name: '", missing, "'")},
               {"DeleteSession", absl::StrCat("name: '", missing, "'")},
               {"ExecuteSql",
                absl::StrCat("session: '", missing, "' sql: 'SELECT 1'")},
           }},
      {.name = "DatabaseMissingInBeginTransaction",
       .reason = "Statements and transactions all name the database if that "
                 "is what is missing.",
       .steps =
           {
               {"BeginTransaction",
                absl::StrCat("session: '", missing, "' options {read_only {}}"),
                SessionNotFound(missing),
                DatabaseNotFound("{instance}/databases/none")},
           }},
      {.name = "InstanceMissing",
       .steps =
           {
               {"CreateSession",
                "database: '{project}/instances/none/databases/d'"},
               {"BatchCreateSessions",
                "database: '{project}/instances/none/databases/d' "
                "session_count: 1"},
               {"ListSessions",
                "database: '{project}/instances/none/databases/d'"},
               {"GetSession",
                "name: '{project}/instances/none/databases/d/sessions/s'"},
               {"DeleteSession",
                "name: '{project}/instances/none/databases/d/sessions/s'"},
           }},
      {.name = "DatabaseNotDeclared",
       .reason = "Most tests want a database without creating it first; with "
                 "`--strict` or `--databases` the others are missing.",
       .steps =
           {
               {"CreateSession", "database: '{instance}/databases/none'",
                DatabaseNotFound("{instance}/databases/none"),
                "OK {s1} created used"},
           },
       .declared = false},
      {.name = "DatabaseMalformed",
       .reason = "The message says which field is wrong and what it must look "
                 "like; an empty or surplus part is as wrong as any other.",
       .steps =
           {
               {"CreateSession", "", "INVALID_ARGUMENT: Invalid project uri: ",
                BadDatabase("CreateSession", "is empty")},
               {"CreateSession", "database: 'x'",
                "INVALID_ARGUMENT: Invalid project uri: x",
                BadDatabase("CreateSession", "is \"x\"")},
               {"CreateSession", "database: 'projects/p'",
                "INVALID_ARGUMENT: Invalid instance uri: p",
                BadDatabase("CreateSession", "is \"projects/p\"")},
               {"CreateSession", "database: 'projects/p/instances/i'",
                "INVALID_ARGUMENT: Invalid database uri: i",
                BadDatabase("CreateSession", "is \"projects/p/instances/i\"")},
               {"CreateSession", "database: '{db}/sessions/s'",
                DatabaseNotFound("{db}/sessions/s"),
                BadDatabase("CreateSession", "is \"{db}/sessions/s\"")},
               {"CreateSession", "database: '{db}/'", DatabaseNotFound("{db}/"),
                BadDatabase("CreateSession", "is \"{db}/\"")},
               {"CreateSession", "database: '/{db}'",
                "INVALID_ARGUMENT: Invalid project uri: /{db}",
                BadDatabase("CreateSession", "is \"/{db}\"")},
               {"CreateSession",
                "database: 'projects//instances/i/databases/d'",
                InstanceNotFound("projects//instances/i"),
                BadDatabase("CreateSession",
                            "is \"projects//instances/i/databases/d\"")},
               {"CreateSession",
                "database: 'projects/p/instances//databases/d'",
                InstanceNotFound("projects/p/instances/"),
                BadDatabase("CreateSession",
                            "is \"projects/p/instances//databases/d\"")},
               {"CreateSession",
                "database: 'Projects/p/instances/i/databases/d'",
                "INVALID_ARGUMENT: Invalid project uri: "
                "Projects/p/instances/i/databases/d",
                BadDatabase("CreateSession",
                            "is \"Projects/p/instances/i/databases/d\"")},
               {"BatchCreateSessions", "session_count: 1",
                "INVALID_ARGUMENT: Invalid project uri: ",
                BadDatabase("BatchCreateSessions", "is empty")},
               {"ListSessions", "database: 'x'",
                "INVALID_ARGUMENT: Invalid project uri: x",
                BadDatabase("ListSessions", "is \"x\"")},
           }},
      {.name = "SessionMalformed",
       .reason = "The message says which field is wrong and what it must look "
                 "like; an empty or surplus part is as wrong as any other.",
       .steps =
           {
               {"GetSession", "", "INVALID_ARGUMENT: Invalid project uri: ",
                BadSession("GetSession", "name", "is empty")},
               {"GetSession", "name: 'x'",
                "INVALID_ARGUMENT: Invalid project uri: x",
                BadSession("GetSession", "name", "is \"x\"")},
               {"GetSession", "name: 'projects/p'",
                "INVALID_ARGUMENT: Invalid instance uri: p",
                BadSession("GetSession", "name", "is \"projects/p\"")},
               {"GetSession", "name: 'projects/p/instances/i'",
                "INVALID_ARGUMENT: Invalid database uri: i",
                BadSession("GetSession", "name",
                           "is \"projects/p/instances/i\"")},
               {"GetSession", "name: '{db}'",
                "INVALID_ARGUMENT: Invalid session uri: {db_id}",
                BadSession("GetSession", "name", "is \"{db}\"")},
               {"GetSession", "name: '{db}/sessions/'",
                SessionNotFound("{db}/sessions/"),
                BadSession("GetSession", "name", "is \"{db}/sessions/\"")},
               {"GetSession", "name: '{db}/sessions/a/b'",
                SessionNotFound("{db}/sessions/a/b"),
                BadSession("GetSession", "name", "is \"{db}/sessions/a/b\"")},
               {"GetSession", "name: '{db}/Sessions/a'",
                "INVALID_ARGUMENT: Invalid session uri: Sessions/a",
                BadSession("GetSession", "name", "is \"{db}/Sessions/a\"")},
               {"DeleteSession", "name: 'x'",
                "INVALID_ARGUMENT: Invalid project uri: x",
                BadSession("DeleteSession", "name", "is \"x\"")},
               {"ExecuteSql", "", "INVALID_ARGUMENT: Invalid project uri: ",
                BadSession("ExecuteSql", "session", "is empty")},
               {"ExecuteSql", "session: '{db}'",
                "INVALID_ARGUMENT: Invalid session uri: {db_id}",
                BadSession("ExecuteSql", "session", "is \"{db}\"")},
               {"BeginTransaction", "", SessionNotFound(""),
                BadSession("BeginTransaction", "session", "is empty")},
               {"Commit", "session: 'x'",
                "INVALID_ARGUMENT: Invalid project uri: x",
                BadSession("Commit", "session", "is \"x\"")},
           }},
      {.name = "OddSessionIds",
       .steps =
           {
               {"GetSession", "name: '{db}/sessions/a b'"},
               {"GetSession", "name: '{db}/sessions/\\303\\251'"},
               {"GetSession", "name: '{db}/sessions/a\"b\\\\c'"},
               {"GetSession", "name: '{db}/sessions/..'"},
           }},
      {.name = "BlankAtTheEnd",
       .reason = "Node clients drop a message that ends in a blank.",
       .steps =
           {
               {"GetSession", "name: '{db}/sessions/a '",
                SessionNotFound("{db}/sessions/a "),
                SessionNotFound("{db}/sessions/a")},
           }},
      {.name = "ControlCharacters",
       .reason = "No id has control characters, and they would break messages "
                 "and logs.",
       .steps =
           {
               {"GetSession", "name: '{db}/sessions/a\\nb'",
                SessionNotFound("{db}/sessions/a\nb"),
                BadSession("GetSession", "name",
                           "contains a control character")},
           }},
      {.name = "LongNames",
       .reason = "Clients take 8 KiB of trailers, so long names are cut "
                 "wherever an error has them: it is to arrive as itself.",
       .steps =
           {
               {"GetSession", "name: '{db}/sessions/{x*900}'"},
               {"GetSession", "name: '{db}/sessions/{x*1500}'",
                SessionNotFound("{db}/sessions/{x*930}...",
                                "{db}/sessions/{x*1500}"),
                SessionNotFound("{db}/sessions/{x*930}...",
                                "{db}/sessions/{x*949}...")},
               {"GetSession", "name: '{db}/sessions/{x*3000}'",
                kTrailersTooLarge,
                SessionNotFound("{db}/sessions/{x*930}...",
                                "{db}/sessions/{x*949}...")},
               {"GetSession", "name: '{db}/sessions/{x*5000}'",
                kTrailersTooLarge,
                BadSession("GetSession", "name",
                           "is longer than 4096 bytes (5072)")},
           }},

      // Templates.
      {.name = "OutputOnlyFields",
       .steps =
           {
               {"CreateSession",
                "database: '{db}' session { name: '{db}/sessions/mine' "
                "create_time { seconds: 1 } "
                "approximate_last_use_time { seconds: 2 } }"},
               {"GetSession", "name: '{db}/sessions/mine'"},
               {"BatchCreateSessions",
                "database: '{db}' session_count: 1 "
                "session_template { name: 'x' create_time { seconds: 1 } }"},
           }},
      {.name = "Labels",
       .steps =
           {
               {"CreateSession", WithLabel("env", "prod")},
               {"CreateSession", WithLabel("a-1", "")},
               {"CreateSession", WithLabel("{a*63}", "{b*63}")},
               {"CreateSession", WithLabels(64)},
               {"BatchCreateSessions",
                "database: '{db}' session_count: 2 "
                "session_template { labels { key: 'env' value: 'prod' } }"},
               {"ListSessions", "database: '{db}'"},
           }},
      {.name = "LabelsOfGetSession",
       .reason = "A session has its labels, whoever returns it.",
       .steps =
           {
               {"CreateSession", WithLabel("env", "prod")},
               {"GetSession", "name: '{s1}'", "OK {s1} created used later",
                "OK {s1} created used later labels { key: \"env\" value: "
                "\"prod\" }"},
           }},
      {.name = "LabelsMalformed",
       .reason = "The reference has patterns for keys and values, which allow "
                 "no underscores, dashes at the end or digits at the start; "
                 "the message names the label.",
       .steps =
           {
               {"CreateSession", WithLabel("", "a"), kLabelKeys,
                BadKey("CreateSession", "session.labels", "")},
               {"CreateSession", WithLabel("Env", "a"),
                absl::StrCat(kLabelKeys, "Env"),
                BadKey("CreateSession", "session.labels", "Env")},
               {"CreateSession", WithLabel("1a", "a"),
                absl::StrCat(kLabelKeys, "1a"),
                BadKey("CreateSession", "session.labels", "1a")},
               {"CreateSession", WithLabel("a_b", "a"),
                "OK {s1} created used labels { key: \"a_b\" value: \"a\" }",
                BadKey("CreateSession", "session.labels", "a_b")},
               {"CreateSession", WithLabel("a-", "a"),
                "OK {s2} created used labels { key: \"a-\" value: \"a\" }",
                BadKey("CreateSession", "session.labels", "a-")},
               {"CreateSession", WithLabel("{a*64}", "a"),
                absl::StrCat(kLabelKeys, "{a*64}"),
                BadKey("CreateSession", "session.labels", "{a*64}")},
               {"CreateSession", WithLabel("a", "B"),
                absl::StrCat(kLabelValues, "a"), BadValue("B")},
               {"CreateSession", WithLabel("a", "1"),
                "OK {s3} created used labels { key: \"a\" value: \"1\" }",
                BadValue("1")},
               {"CreateSession", WithLabel("a", "b-"),
                "OK {s4} created used labels { key: \"a\" value: \"b-\" }",
                BadValue("b-")},
               {"CreateSession", WithLabel("a", "{b*64}"),
                absl::StrCat(kLabelValues, "a"), BadValue("{b*64}")},
               {"CreateSession", WithLabels(65),
                "INVALID_ARGUMENT: Too many labels: 65. There can be a maximum "
                "of 64 labels per resource.",
                Invalid("CreateSession", "session.labels",
                        "has 65 labels, at most 64 are allowed")},
               {"BatchCreateSessions",
                "database: '{db}' session_count: 1 "
                "session_template { labels { key: 'Env' } }",
                absl::StrCat(kLabelKeys, "Env"),
                BadKey("BatchCreateSessions", "session_template.labels",
                       "Env")},
           }},
      {.name = "CreatorRole",
       .reason = "A session has its creator's role, whoever returns it.",
       .steps =
           {
               {"CreateSession",
                "database: '{db}' session { creator_role: 'reader' }",
                "OK {s1} created used",
                "OK {s1} created used creator_role: \"reader\""},
               {"GetSession", "name: '{s1}'", "OK {s1} created used later",
                "OK {s1} created used later creator_role: \"reader\""},
           }},
      {.name = "Multiplexed",
       .reason = "Multiplexed sessions are a kind of their own in the "
                 "reference: without labels, not created in batches, not "
                 "listed, not deleted.",
       .steps =
           {
               {"CreateSession",
                "database: '{db}' session { multiplexed: true }",
                "OK {s1} created used",
                "OK {s1} created used multiplexed: "
                "true"},
               {"GetSession", "name: '{s1}'", "OK {s1} created used later",
                "OK {s1} created used later multiplexed: true"},
               {"ListSessions", "database: '{db}'", "OK {s1} created used",
                "OK none"},
               {"CreateSession",
                "database: '{db}' session { multiplexed: true "
                "labels { key: 'env' value: 'prod' } }",
                "OK {s2} created used labels { key: \"env\" value: \"prod\" }",
                BadRequest("Labels are not supported in multiplexed sessions",
                           "session.labels",
                           "Labels are not supported in multiplexed "
                           "sessions")},
               {"BatchCreateSessions",
                "database: '{db}' session_count: 1 "
                "session_template { multiplexed: true }",
                "OK {s3} created used",
                BadRequest("Multiplexed sessions may not be created in batch.",
                           "session_template.multiplexed",
                           "Multiplexed sessions may not be created in "
                           "batch.")},
               {"DeleteSession", "name: '{s1}'", "OK google.protobuf.Empty",
                BadRequest("Multiplexed sessions may not be deleted.", "name",
                           "Multiplexed sessions may not be deleted.")},
               {"GetSession", "name: '{s1}'", SessionNotFound("{s1}"),
                "OK {s1} created used later multiplexed: true"},
           }},

      // Batches and lists.
      {.name = "BatchCounts",
       .steps =
           {
               {"BatchCreateSessions", "database: '{db}' session_count: 1"},
               {"BatchCreateSessions", "database: '{db}' session_count: 100"},
               {"BatchCreateSessions", "database: '{db}' session_count: 101"},
           }},
      {.name = "BatchCountsNotPositive",
       .reason = "A count that is not positive is a mistake; an OK without "
                 "sessions would make a client's pool ask again and again.",
       .steps =
           {
               {"BatchCreateSessions", "database: '{db}'", "OK none",
                Invalid("BatchCreateSessions", "session_count",
                        "must be greater than 0, but is 0")},
               {"BatchCreateSessions", "database: '{db}' session_count: -1",
                "INVALID_ARGUMENT: Invalid number of sessions -1. Requested "
                "sessions should be greater than 0.",
                Invalid("BatchCreateSessions", "session_count",
                        "must be greater than 0, but is -1")},
           }},
      {.name = "PageSizes",
       .steps =
           {
               {"BatchCreateSessions", "database: '{db}' session_count: 3"},
               {"ListSessions", "database: '{db}' page_size: 2"},
               {"ListSessions",
                "database: '{db}' page_size: 2 page_token: '{token}'"},
               {"ListSessions", "database: '{db}' page_size: 3"},
               {"ListSessions", "database: '{db}' page_size: 1001"},
               {"ListSessions", "database: '{db}' page_size: -1"},
           }},
      {.name = "PageTokens",
       .reason = "A token from elsewhere is a mistake, which an empty page "
                 "would hide.",
       .steps =
           {
               {"BatchCreateSessions", "database: '{db}' session_count: 3"},
               {"ListSessions", "database: '{db}' page_size: 2"},
               {"ListSessions", "database: '{other}' page_token: '{token}'",
                "OK none",
                Invalid("ListSessions", "page_token",
                        "is not a next_page_token of this list: it must come "
                        "from a list of the same database with the same "
                        "filter")},
               {"ListSessions", "database: '{db}' page_token: 'x'", "OK none",
                Invalid("ListSessions", "page_token",
                        "is not a next_page_token of this list: it must come "
                        "from a list of the same database with the same "
                        "filter")},
           }},
      {.name = "Filters",
       .reason = "The reference has a filter by labels.",
       .steps =
           {
               {"CreateSession", WithLabel("env", "prod")},
               {"CreateSession", "database: '{db}'"},
               {"ListSessions", "database: '{db}' filter: 'labels.env:*'",
                "OK {s1} created used labels { key: \"env\" value: \"prod\" }, "
                "{s2} created used",
                "OK {s1} created used labels { key: \"env\" value: \"prod\" }"},
               {"ListSessions", "database: '{db}' filter: 'labels.env:test'",
                "OK {s1} created used labels { key: \"env\" value: \"prod\" }, "
                "{s2} created used",
                "OK none"},
               {"ListSessions", "database: '{db}' filter: 'x'",
                "OK {s1} created used labels { key: \"env\" value: \"prod\" }, "
                "{s2} created used",
                Invalid("ListSessions", "filter",
                        "does not make sense from position 1 (\"x\"): expected "
                        "labels.; a filter is labels.KEY:* or "
                        "labels.KEY:VALUE, several joined by blanks or AND")},
           }},

      // What counts as use.
      {.name = "GetSessionUses",
       .steps =
           {
               {"CreateSession", "database: '{db}'"},
               {"GetSession", "name: '{s1}'"},
               {"ListSessions", "database: '{db}'"},
           }},
      {.name = "ListSessionsDoesNotUse",
       .steps =
           {
               {"CreateSession", "database: '{db}'"},
               {"ListSessions", "database: '{db}'"},
               {"ListSessions", "database: '{db}'"},
           }},
      {.name = "OtherRpcsUse",
       .steps =
           {
               {"CreateSession", "database: '{db}'"},
               {"BeginTransaction", "session: '{s1}' options { read_only {} }"},
               {"ListSessions", "database: '{db}'"},
               {"ExecuteSql", "session: '{s1}' sql: 'SELECT 1'"},
               {"ListSessions", "database: '{db}'"},
           }},

      // Bytes.
      {.name = "UnknownMethod",
       .reason = "The message says what was called.",
       .steps =
           {
               {"/google.spanner.v1.Spanner/NoSuchMethod",
                "", "UNIMPLEMENTED: ",
                "UNIMPLEMENTED: Unknown method: "
                "/google.spanner.v1.Spanner/NoSuchMethod"},
               {"/no.such.Service/Method", "", "UNIMPLEMENTED: ",
                "UNIMPLEMENTED: Unknown method: /no.such.Service/Method"},
           }},
      {.name = "Health",
       .reason = "Probes ask for it.",
       .steps =
           {
               {"/grpc.health.v1.Health/Check", "", "UNIMPLEMENTED: ", "OK"},
           }},
      {.name = "Unparsable",
       .reason = "The fault is the request's, not the server's.",
       .steps =
           {
               {"/google.spanner.v1.Spanner/GetSession", "no protobuf",
                "INTERNAL: ",
                "INVALID_ARGUMENT: Invalid GetSession request: not a valid "
                "google.spanner.v1.GetSessionRequest"},
               {"/google.spanner.v1.Spanner/GetSession",
                "\x0a\x01\xff",  // The name, not in UTF-8.
                "INTERNAL: ",
                "INVALID_ARGUMENT: Invalid GetSession request: not a valid "
                "google.spanner.v1.GetSessionRequest"},
           }},
      // More than gRPC's own limit of 4 MiB.
      {.name = "LargeRequest",
       .steps =
           {
               {"CreateSession",
                "database: '{db}' session { name: '{x*5000000}' }"},
           }},
      {.name = "TooLargeRequest",
       .steps =
           {
               {"/google.spanner.v1.Spanner/CreateSession", "{x*104857601}"},
           }},
  };
  for (Case& c : TransactionCases()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace spanner_session_emulator
