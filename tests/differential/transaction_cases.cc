#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/differential/cases.h"

namespace spanner_session_emulator {
namespace {

constexpr char kReadWrite[] = "read_write {}";
constexpr char kReadOnly[] = "read_only {}";
constexpr char kPartitionedDml[] = "partitioned_dml {}";

// Steps in the first session, unless they say another.
Step Create() { return {"CreateSession", "database: '{db}'"}; }
Step Begin(absl::string_view options, std::string theirs = "",
           std::string ours = "") {
  return {"BeginTransaction",
          absl::StrCat("session: '{s1}' options { ", options, " }"),
          std::move(theirs), std::move(ours)};
}
Step On(absl::string_view method, absl::string_view rest,
        std::string theirs = "", std::string ours = "") {
  return {std::string(method), absl::StrCat("session: '{s1}' ", rest),
          std::move(theirs), std::move(ours)};
}
Step Commit(absl::string_view id, std::string theirs = "",
            std::string ours = "") {
  return On("Commit", absl::StrCat("transaction_id: '", id, "'"),
            std::move(theirs), std::move(ours));
}
Step Rollback(absl::string_view id, std::string theirs = "",
              std::string ours = "") {
  return On("Rollback", absl::StrCat("transaction_id: '", id, "'"),
            std::move(theirs), std::move(ours));
}
// `selector` as `id: '{t1}'`.
Step Query(absl::string_view selector, std::string theirs = "",
           std::string ours = "") {
  return On("ExecuteSql",
            absl::StrCat("sql: 'SELECT 1' transaction { ", selector, " }"),
            std::move(theirs), std::move(ours));
}
constexpr char kUpdate[] = "sql: \"UPDATE t SET v = 'a' WHERE true\"";
constexpr char kOtherUpdate[] = "sql: \"UPDATE t SET v = 'b' WHERE true\"";
Step Dml(absl::string_view selector, int seqno,
         absl::string_view statement = kUpdate, std::string theirs = "",
         std::string ours = "") {
  return On("ExecuteSql",
            absl::StrCat(statement, " seqno: ", seqno, " transaction { ",
                         selector, " }"),
            std::move(theirs), std::move(ours));
}
Step Batch(absl::string_view selector, int seqno, std::string theirs = "",
           std::string ours = "") {
  return On("ExecuteBatchDml",
            absl::StrCat("statements { ", kUpdate, " } seqno: ", seqno,
                         " transaction { ", selector, " }"),
            std::move(theirs), std::move(ours));
}
Step Divide(absl::string_view selector, std::string theirs = "",
            std::string ours = "") {
  return On(
      "PartitionQuery",
      absl::StrCat("sql: 'SELECT k FROM t' transaction { ", selector, " }"),
      std::move(theirs), std::move(ours));
}

// What is answered.
constexpr char kDone[] = "OK google.spanner.v1.ResultSet";
constexpr char kUsedAfterEnd[] =
    "FAILED_PRECONDITION: Cannot start a read or query within a transaction "
    "after Commit() or Rollback() has been called.";
constexpr char kReplaced[] =
    "FAILED_PRECONDITION: This transaction has been invalidated by a later "
    "transaction in the same session.";
constexpr char kOtherSession[] =
    "INVALID_ARGUMENT: Transaction was started in a different session";
constexpr char kUnknown[] = "NOT_FOUND: Transaction not found: garbage";
std::string Invalid(absl::string_view method, absl::string_view field,
                    absl::string_view problem) {
  const std::string text = absl::StrCat(field, " ", problem);
  return absl::StrCat("INVALID_ARGUMENT: Invalid ", method, " request: ", text,
                      " [google.rpc.BadRequest field_violations { field: \"",
                      field, "\" description: \"", text, "\" }]");
}
constexpr char kNeedsMode[] =
    "must have one of read_write, read_only and partitioned_dml";
// Theirs.
constexpr char kUsedAfterEndTheirs[] =
    "FAILED_PRECONDITION: Cannot read or query using a transaction after it "
    "has been committed or rolledback.";
constexpr char kUnexpected[] = "UNKNOWN: Unexpected error in RPC handling";
constexpr char kNoMode[] =
    "INVALID_ARGUMENT: No value provided for required field: "
    "TransactionOptions.mode";
std::string TooOld(int id) {
  return absl::StrCat(
      "FAILED_PRECONDITION: Invalid transaction ID. Transaction ID must be >= ",
      id);
}

// Why they differ.
constexpr char kWords[] =
    "These are the words of production, as users of client libraries report "
    "them.";
constexpr char kNamesField[] =
    "What is wrong with a request is said by the name of its field.";

}  // namespace

std::vector<Case> TransactionCases() {
  return {
      {.name = "CommitTwice",
       .steps = {Create(), Begin(kReadWrite), Commit("{t1}"), Commit("{t1}"),
                 Begin(kReadWrite), Commit("{t2}")}},
      {.name = "RollbackTwice",
       .steps = {Create(), Begin(kReadWrite), Rollback("{t1}"),
                 Rollback("{t1}")}},
      {.name = "UseAfterCommit",
       .reason = kWords,
       .steps = {Create(), Begin(kReadWrite), Commit("{t1}"),
                 Query("id: '{t1}'", kUsedAfterEndTheirs, kUsedAfterEnd),
                 Batch("id: '{t1}'", 1, kUsedAfterEndTheirs, kUsedAfterEnd),
                 Rollback("{t1}",
                          "FAILED_PRECONDITION: Cannot rollback a transaction "
                          "after it has been committed.",
                          "FAILED_PRECONDITION: Cannot rollback a transaction "
                          "after Commit() has been called.")}},
      {.name = "UseAfterRollback",
       .reason = kWords,
       .steps = {Create(), Begin(kReadWrite), Rollback("{t1}"),
                 Dml("id: '{t1}'", 1, kUpdate, kUsedAfterEndTheirs,
                     kUsedAfterEnd),
                 Commit("{t1}",
                        "FAILED_PRECONDITION: Cannot commit a transaction "
                        "after it has been rolled back.",
                        "FAILED_PRECONDITION: Cannot commit a transaction "
                        "after Rollback() has been called.")}},
      {.name = "TransactionUnknown",
       .reason = "An id that is none is the request's fault, not the server's.",
       .steps = {Create(), Commit("garbage", kUnexpected, kUnknown),
                 Rollback("garbage", kUnexpected, "OK google.protobuf.Empty"),
                 Query("id: 'garbage'", kUnexpected, kUnknown),
                 Dml("id: 'garbage'", 1, kUpdate, kUnexpected, kUnknown),
                 Batch("id: 'garbage'", 1, kUnexpected, kUnknown),
                 Divide("id: 'garbage'", kUnexpected, kUnknown),
                 Commit(
                     "", kUnexpected,
                     Invalid("Commit", "transaction_id", "must not be empty")),
                 Rollback("", kUnexpected,
                          Invalid("Rollback", "transaction_id",
                                  "must not be empty"))}},
      {.name = "TransactionOfAnotherSession",
       .reason = "To use another session's transaction is another mistake than "
                 "to make up an id.",
       .steps = {Create(),
                 Create(),
                 Begin(kReadWrite),
                 {"Commit", "session: '{s2}' transaction_id: '{t1}'",
                  "NOT_FOUND: Transaction not found: {t1}", kOtherSession},
                 {"Rollback", "session: '{s2}' transaction_id: '{t1}'",
                  "NOT_FOUND: Transaction not found: {t1}", kOtherSession},
                 {"ExecuteSql",
                  "session: '{s2}' sql: 'SELECT 1' transaction { id: '{t1}' }",
                  "NOT_FOUND: Transaction not found: {t1}", kOtherSession},
                 Commit("{t1}")}},
      {.name = "TransactionReplaced",
       .reason =
           "A session runs one read-write transaction; the later one ends "
           "the earlier when it begins, not when it is first used.",
       .steps = {Create(), Begin(kReadWrite), Begin(kReadWrite),
                 Query("id: '{t1}'", kDone, kReplaced),
                 Dml("id: '{t1}'", 1, kUpdate, kDone, kReplaced),
                 Rollback("{t1}"),
                 Commit("{t1}",
                        "FAILED_PRECONDITION: Cannot commit a transaction "
                        "after it has been rolled back.",
                        kReplaced),
                 Commit("{t2}")}},
      {.name = "ReadOnlyBesideOthers",
       .reason = "Only read-write transactions are one to a session; read-only "
                 "ones stand beside them and each other.",
       .steps = {Create(), Begin(kReadWrite), Begin(kReadOnly),
                 Query("id: '{t2}'"), Query("id: '{t1}'", TooOld(2), kDone),
                 Commit("{t1}", TooOld(2), "OK committed {c1}"),
                 Begin(kReadOnly), Begin(kReadOnly), Query("id: '{t4}'"),
                 Query("id: '{t3}'", TooOld(4), kDone)}},
      {.name = "CommitOfWhatDoesNotWrite",
       .steps = {Create(), Begin(kReadOnly), Commit("{t1}"), Rollback("{t1}"),
                 Begin(kPartitionedDml), Commit("{t2}"), Rollback("{t2}"),
                 On("Commit", "single_use_transaction { read_only {} }")}},
      {.name = "CommitSingleUse",
       .steps = {Create(),
                 On("Commit", "single_use_transaction { read_write {} }")}},
      {.name = "CommitStats",
       .reason = "The reference has commit statistics.",
       .steps = {Create(),
                 On("Commit",
                    "single_use_transaction { read_write {} } "
                    "return_commit_stats: true mutations { insert_or_update { "
                    "table: 't' columns: 'k' columns: 'v' values { values { "
                    "string_value: '1' } values { string_value: 'x' } } } }",
                    "OK committed {c1}", "OK committed {c1}, 2 mutations")}},
      {.name = "CommitPartitionedDml",
       .reason = "Also for one commit alone, partitioned DML is no transaction "
                 "that commits.",
       .steps = {Create(),
                 On("Commit", "single_use_transaction { partitioned_dml {} }",
                    "INVALID_ARGUMENT: DML statements may not be performed in "
                    "single-use transactions, to avoid replay.",
                    "FAILED_PRECONDITION: Cannot commit or rollback a "
                    "read-only or partitioned-dml transaction.")}},
      {.name = "DmlInReadOnly",
       .steps = {Create(), Begin(kReadOnly), Dml("id: '{t1}'", 1),
                 Dml("begin { read_only {} }", 1)}},
      {.name = "SingleUse",
       .steps = {Create(), Query(""), Query("single_use { read_only {} }"),
                 Query("single_use { read_only { return_read_timestamp: true } "
                       "}"),
                 Query("single_use { read_write {} }"),
                 Query("single_use { partitioned_dml {} }"),
                 Dml("single_use { read_write {} }", 1),
                 Batch("single_use { read_write {} }", 1)}},
      {.name = "DmlWithoutATransaction",
       .reason = "Without a selector a call is in a transaction of its own, "
                 "which DML may not be in.",
       .steps =
           {Create(),
            Dml("", 1, kUpdate,
                "INVALID_ARGUMENT: DML statements can only be performed in a "
                "read-write or partitioned-dml transaction. Current "
                "transaction type is ReadOnly.",
                "INVALID_ARGUMENT: DML statements may not be performed in "
                "single-use transactions, to avoid replay."),
            Batch("", 1, "OK 0 results, INTERNAL",
                  "INVALID_ARGUMENT: DML statements may not be performed in "
                  "single-use transactions, to avoid replay.")}},
      {.name = "InlineBegin",
       .steps = {Create(), Query("begin { read_write {} }"), Commit("{t1}"),
                 Query("begin { read_only { return_read_timestamp: true } }"),
                 Dml("begin { read_write {} }", 1), Commit("{t3}"),
                 Batch("begin { read_write {} }", 1), Commit("{t4}")}},
      {.name = "BeginOptions",
       .steps = {Create(), Begin("read_only { return_read_timestamp: true }"),
                 Begin("read_only { max_staleness { seconds: 1 } }"),
                 Begin("read_only { min_read_timestamp { seconds: 1 } }")}},
      {.name = "WhatIsMissing",
       .reason = kNamesField,
       .steps =
           {Create(),
            Begin("", kNoMode,
                  Invalid("BeginTransaction", "options", kNeedsMode)),
            Begin("read_only { strong: false }",
                  "INVALID_ARGUMENT: Strong read option must be true for a "
                  "strong read.",
                  Invalid("BeginTransaction", "options.read_only.strong",
                          "must be true, if it is set")),
            Begin(
                "read_only { exact_staleness { seconds: -1 } }",
                "INVALID_ARGUMENT: Staleness must be non-negative.",
                Invalid("BeginTransaction", "options.read_only.exact_staleness",
                        "must not be negative")),
            On("Commit", "single_use_transaction {}", kNoMode,
               Invalid("Commit", "single_use_transaction", kNeedsMode)),
            On("Commit", "",
               "INVALID_ARGUMENT: No value provided for required field: "
               "CommitRequest.transaction",
               Invalid("Commit", "transaction",
                       "must be given as transaction_id or "
                       "single_use_transaction")),
            Query("begin {}", kNoMode,
                  Invalid("ExecuteSql", "transaction.begin", kNeedsMode)),
            Query("single_use {}",
                  "INVALID_ARGUMENT: Transaction mode for read only single use "
                  "transaction should be read_only.",
                  Invalid("ExecuteSql", "transaction.single_use", kNeedsMode)),
            On("ExecuteBatchDml", "transaction { begin { read_write {} } }",
               "INVALID_ARGUMENT: Request must contain at least one DML "
               "statement",
               Invalid("ExecuteBatchDml", "statements",
                       "must have at least one statement")),
            On("PartitionQuery", "transaction { begin { read_only {} } }",
               "INVALID_ARGUMENT: Syntax error: Unexpected end of statement "
               "[at 1:1]\n\n^ [type_url: "
               "\"type.googleapis.com/zetasql.ErrorMessageModeForPayload\" "
               "value: \"\\010\\002\"]",
               Invalid("PartitionQuery", "sql", "must not be empty")),
            Divide("",
                   "INVALID_ARGUMENT: No value provided for required field: "
                   "TransactionSelector.selector",
                   "INVALID_ARGUMENT: Partition reads may not be performed in "
                   "single-use transactions, since the response needs to be "
                   "reused.")}},
      {.name = "WhatTheReferenceForbids",
       .reason = "The reference does not allow it.",
       .steps =
           {Create(),
            Begin("read_only {} isolation_level: REPEATABLE_READ", "OK {t1}",
                  Invalid("BeginTransaction", "options.isolation_level",
                          "must not be REPEATABLE_READ unless the transaction "
                          "is read-write")),
            Begin("read_only {} exclude_txn_from_change_streams: true",
                  "OK {t2}",
                  Invalid("BeginTransaction",
                          "options.exclude_txn_from_change_streams",
                          "must not be set for a read-only transaction")),
            On("Commit",
               "single_use_transaction { read_write {} } max_commit_delay { "
               "seconds: 1 }",
               "OK committed {c1}",
               Invalid("Commit", "max_commit_delay",
                       "must be at most 500ms, but is 1s")),
            On("Commit",
               "single_use_transaction { read_write {} } max_commit_delay { "
               "seconds: -1 }",
               "OK committed {c2}",
               Invalid("Commit", "max_commit_delay", "must not be negative")),
            On("PartitionRead", "transaction { begin { read_only {} } }",
               "OK google.spanner.v1.PartitionResponse {t3}",
               Invalid("PartitionRead", "table", "must not be empty"))}},
      {.name = "PartitionedDml",
       .steps = {Create(), Begin(kPartitionedDml), Query("id: '{t1}'"),
                 Begin(kPartitionedDml), Batch("id: '{t2}'", 1),
                 Begin(kPartitionedDml), Dml("id: '{t3}'", 1),
                 Dml("id: '{t3}'", 1), Dml("id: '{t3}'", 2, kOtherUpdate)}},
      {.name = "SeqnoReplayed",
       .steps = {Create(), Begin(kReadWrite), Dml("id: '{t1}'", 1),
                 Dml("id: '{t1}'", 1), Batch("id: '{t1}'", 4),
                 Batch("id: '{t1}'", 4), Commit("{t1}")}},
      {.name = "SeqnoWrong",
       .reason =
           "The message has no need of the statement, and the transaction "
           "goes on.",
       .steps =
           {Create(), Begin(kReadWrite), Dml("id: '{t1}'", 1),
            Dml("id: '{t1}'", 1, kOtherUpdate,
                "INVALID_ARGUMENT: Previously received a different request "
                "with this seqno. seqno=1\nRequested SQL: UPDATE t SET v = 'b' "
                "WHERE true",
                "INVALID_ARGUMENT: Previously received a different request "
                "with this seqno. seqno=1"),
            Begin(kReadWrite), Dml("id: '{t2}'", 3),
            Dml("id: '{t2}'", 2, kUpdate,
                "INVALID_ARGUMENT: Request has an out-of-order seqno. Request "
                "seqno=2. Last seen seqno=3. The sequence number must be "
                "monotonically increasing within the transaction. If a request "
                "arrives for the first time with an out-of-order sequence "
                "number, the transaction will be invalidated.\nRequested SQL: "
                "UPDATE t SET v = 'a' WHERE true",
                "INVALID_ARGUMENT: Request has an out-of-order seqno. Request "
                "seqno=2. The sequence number must rise with each request of "
                "the transaction.")}},
      {.name = "ReplayAfterCommit",
       .reason = "Nothing is executed in a transaction that has ended.",
       .steps = {Create(), Begin(kReadWrite), Dml("id: '{t1}'", 1),
                 Commit("{t1}"),
                 Dml("id: '{t1}'", 1, kUpdate, kDone, kUsedAfterEnd)}},
      {.name = "LastStatement",
       .reason = "What was said to be the last statement is the last.",
       .steps = {Create(), Begin(kReadWrite),
                 On("ExecuteSql", absl::StrCat(kUpdate,
                                               " seqno: 1 last_statement: true "
                                               "transaction { id: '{t1}' }")),
                 Query(
                     "id: '{t1}'", kDone,
                     "FAILED_PRECONDITION: Cannot execute anything in a "
                     "transaction after the statement that was said to be its "
                     "last; it can be committed or rolled back."),
                 Commit("{t1}")}},
      {.name = "BatchOfNoDml",
       .steps = {Create(),
                 On("ExecuteBatchDml",
                    "transaction { begin { read_write {} } } statements { sql: "
                    "'SELECT 1' }")}},
      {.name = "Partitions",
       .steps = {Create(), Divide("single_use { read_only {} }"),
                 Divide("begin { read_write {} }"),
                 Divide("begin { partitioned_dml {} }"),
                 Divide("begin { read_only {} }"),
                 On("ExecuteSql",
                    "sql: 'SELECT v FROM t' partition_token: '{part}' "
                    "transaction { id: '{t1}' }"),
                 On("ExecuteSql",
                    "sql: 'SELECT k FROM t' partition_token: '{part}' "
                    "transaction { begin { read_only {} } }"),
                 On("ExecuteSql",
                    "sql: 'SELECT k FROM t' partition_token: '{part}'")}},
      {.name = "SessionOfATransactionDeleted",
       .steps = {Create(),
                 Begin(kReadWrite),
                 {"DeleteSession", "name: '{s1}'"},
                 Commit("{t1}"),
                 Rollback("{t1}")}},
      {.name = "QueriesWithoutAStub",
       .reason = "This server has no data: what is not scripted is an error, "
                 "never an empty success.",
       .steps =
           {Create(),
            On("ExecuteSql", "sql: 'SELECT k FROM t'", kDone,
               "INVALID_ARGUMENT: No stub matches the statement `SELECT k FROM "
               "t`; this one would: {\"match\":{\"sql\":\"SELECT k FROM "
               "t\"},\"answer\":{\"columns\":[\"Name "
               "STRING\"],\"rows\":[[\"value\"]]}}"),
            On("Read", "table: 't' columns: 'k' key_set { all: true }", kDone,
               "INVALID_ARGUMENT: No stub matches the read of table `t`; this "
               "one would: {\"match\":{\"read\":{\"table\":\"t\"}},"
               "\"answer\":{\"columns\":[\"`k` "
               "STRING\"],\"rows\":[[\"value\"]]}}")}},
  };
}

}  // namespace spanner_session_emulator
