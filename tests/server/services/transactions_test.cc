// The methods that begin and end transactions, by what they answer. The rules
// themselves have their tests in tests/store/transactions_test.cc.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kAborted = absl::StatusCode::kAborted;
constexpr absl::StatusCode kFailedPrecondition =
    absl::StatusCode::kFailedPrecondition;
constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kNotFound = absl::StatusCode::kNotFound;

absl::Time TimeOf(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

std::string Quoted(absl::string_view bytes) {
  return absl::StrCat("'", absl::CEscape(bytes), "'");
}

class TransactionMethodsTest : public ::testing::TestWithParam<Transport> {
 protected:
  TransactionMethodsTest()
      : emulator_(StartEmulator()),
        caller_(MakeCaller(*emulator_, GetParam())),
        client_(MakeCaller(*emulator_, GetParam())),
        regular_(client_.Create().value().name()),
        multiplexed_(client_.Create("multiplexed: true").value().name()) {}

  // A call in `session`, with the rest of the request as text.
  template <typename Request>
  Answer Call(absl::string_view method, const std::string& session,
              absl::string_view rest) {
    Request request = FromText<Request>(rest);
    request.set_session(session);
    return caller_->Call(method, request);
  }
  absl::StatusOr<api::Transaction> Begin(const std::string& session,
                                         absl::string_view rest) {
    return ToResponse<api::Transaction>(
        Call<api::BeginTransactionRequest>("BeginTransaction", session, rest));
  }
  std::string BeginReadWrite(const std::string& session) {
    return Begin(session, "options { read_write {} }").value().id();
  }
  absl::StatusOr<api::CommitResponse> Commit(const std::string& session,
                                             absl::string_view id,
                                             absl::string_view rest = "") {
    return CommitText(session,
                      absl::StrCat("transaction_id: ", Quoted(id), " ", rest));
  }
  absl::StatusOr<api::CommitResponse> CommitText(const std::string& session,
                                                 absl::string_view rest) {
    return ToResponse<api::CommitResponse>(
        Call<api::CommitRequest>("Commit", session, rest));
  }
  Answer Rollback(const std::string& session, absl::string_view id) {
    return Call<api::RollbackRequest>(
        "Rollback", session, absl::StrCat("transaction_id: ", Quoted(id)));
  }

  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<Caller> caller_;
  SpannerClient client_;
  const std::string regular_;
  const std::string multiplexed_;
};

INSTANTIATE_ALL_TRANSPORTS(TransactionMethodsTest);

TEST_P(TransactionMethodsTest, BeginAndCommit) {
  const auto begun = Begin(regular_, "options { read_write {} }");
  ASSERT_THAT(begun, IsOk());
  EXPECT_THAT(begun->id(), SizeIs(48));
  EXPECT_FALSE(begun->has_read_timestamp());
  EXPECT_FALSE(begun->has_precommit_token());
  const auto committed = Commit(regular_, begun->id());
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ(TimeOf(committed->commit_timestamp()), StartTime());
  EXPECT_FALSE(committed->has_commit_stats());
  EXPECT_FALSE(committed->has_precommit_token());
  EXPECT_EQ(committed->isolation_level(),
            api::TransactionOptions::SERIALIZABLE);
  EXPECT_EQ(committed->read_lock_mode(),
            api::TransactionOptions::ReadWrite::PESSIMISTIC);
  EXPECT_THAT(Commit(regular_, begun->id()).value(), EqualsProto(*committed));
}

TEST_P(TransactionMethodsTest, ReadTimestamps) {
  EXPECT_FALSE(Begin(regular_, "options { read_only { strong: true } }")
                   .value()
                   .has_read_timestamp());
  const auto at = [&](const std::string& bound) {
    return TimeOf(
        Begin(regular_, absl::StrCat("options { read_only { ", bound,
                                     " return_read_timestamp: true } }"))
            .value()
            .read_timestamp());
  };
  EXPECT_EQ(at(""), StartTime());
  EXPECT_EQ(at("strong: true"), StartTime());
  EXPECT_EQ(at("exact_staleness { seconds: 10 }"),
            StartTime() - absl::Seconds(10));
  EXPECT_EQ(at("read_timestamp { seconds: 5 nanos: 7000 }"),
            absl::FromUnixSeconds(5) + absl::Microseconds(7));
}

TEST_P(TransactionMethodsTest, OptionsThatAreRefused) {
  struct Row {
    const char* options;
    const char* message;
  };
  for (const Row& row : std::vector<Row>{
           {"",
            "Invalid BeginTransaction request: options must have one of "
            "read_write, read_only and partitioned_dml"},
           {"read_only { strong: false }",
            "Invalid BeginTransaction request: options.read_only.strong must "
            "be true, if it is set"},
           {"read_only { exact_staleness { seconds: -1 } }",
            "Invalid BeginTransaction request: "
            "options.read_only.exact_staleness must not be negative"},
           {"read_only { read_timestamp { seconds: -1 } }",
            "Invalid BeginTransaction request: "
            "options.read_only.read_timestamp must not lie before the year "
            "1970"},
           {"read_only { max_staleness { seconds: 1 } }",
            "Timestamp bound: max_staleness for read can be only be used for a "
            "single use transaction."},
           {"read_only { min_read_timestamp { seconds: 1 } }",
            "Timestamp bound: min_read_timestamp for read can be only be used "
            "for a single use transaction."},
           {"read_only {} isolation_level: REPEATABLE_READ",
            "Invalid BeginTransaction request: options.isolation_level must "
            "not be REPEATABLE_READ unless the transaction is read-write"},
           {"read_only {} exclude_txn_from_change_streams: true",
            "Invalid BeginTransaction request: "
            "options.exclude_txn_from_change_streams must not be set for a "
            "read-only transaction"}}) {
    EXPECT_THAT(Begin(regular_, absl::StrCat("options { ", row.options, " }")),
                StatusIs(kInvalidArgument, row.message));
  }
}

TEST_P(TransactionMethodsTest, WhatHasEnded) {
  const std::string committed = BeginReadWrite(multiplexed_);
  const std::string rolled_back = BeginReadWrite(regular_);
  EXPECT_THAT(Rollback(regular_, rolled_back), IsOk());
  EXPECT_THAT(Rollback(regular_, rolled_back), IsOk());
  EXPECT_THAT(Commit(regular_, rolled_back),
              StatusIs(kFailedPrecondition,
                       "Cannot commit a transaction after Rollback() has been "
                       "called."));
  const std::string id = BeginReadWrite(regular_);
  EXPECT_THAT(Commit(regular_, id), IsOk());
  EXPECT_THAT(Rollback(regular_, id),
              StatusIs(kFailedPrecondition,
                       "Cannot rollback a transaction after Commit() has been "
                       "called."));
  const std::string replaced = BeginReadWrite(regular_);
  BeginReadWrite(regular_);
  EXPECT_THAT(Commit(regular_, replaced),
              StatusIs(kFailedPrecondition,
                       "This transaction has been invalidated by a later "
                       "transaction in the same session."));
}

TEST_P(TransactionMethodsTest, AbortedOnesSayHowLongToWait) {
  const std::string id = BeginReadWrite(regular_);
  EXPECT_EQ(emulator_->sessions().AbortTransactions({}), 1);
  const Answer answer = Call<api::CommitRequest>(
      "Commit", regular_, absl::StrCat("transaction_id: ", Quoted(id)));
  EXPECT_THAT(answer, StatusIs(kAborted, "Transaction was aborted."));
  EXPECT_THAT(answer.details, HasSubstr("google.rpc.RetryInfo"));
  EXPECT_THAT(Rollback(regular_, id), IsOk());
}

TEST_P(TransactionMethodsTest, IdsThatAreNone) {
  EXPECT_THAT(Commit(regular_, "x\377y"),
              StatusIs(kNotFound, "Transaction not found: x\\xffy"));
  EXPECT_THAT(Commit(regular_, BeginReadWrite(multiplexed_)),
              StatusIs(kInvalidArgument,
                       "Transaction was started in a different session"));
}

TEST_P(TransactionMethodsTest, OnlyReadWriteOnesCommitOrRollBack) {
  for (const char* kind : {"read_only", "partitioned_dml"}) {
    const std::string id =
        Begin(regular_, absl::StrCat("options { ", kind, " {} }")).value().id();
    const auto refused =
        StatusIs(kFailedPrecondition,
                 "Cannot commit or rollback a read-only or partitioned-dml "
                 "transaction.");
    EXPECT_THAT(Commit(regular_, id), refused);
    EXPECT_THAT(Rollback(regular_, id), refused);
    EXPECT_THAT(CommitText(regular_, absl::StrCat("single_use_transaction { ",
                                                  kind, " {} }")),
                refused);
  }
}

TEST_P(TransactionMethodsTest, CommitStatsCountMutations) {
  const auto committed = CommitText(regular_, R"(
      single_use_transaction { read_write {} }
      return_commit_stats: true
      mutations { insert { table: 't' columns: 'a' columns: 'b'
                           values { values { string_value: '1' }
                                    values { string_value: 'x' } }
                           values { values { string_value: '2' }
                                    values { string_value: 'y' } } } }
      mutations { delete { table: 't' key_set {
          keys { values { string_value: '1' } }
          ranges { start_closed {} end_open {} } } } })");
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ(committed->commit_stats().mutation_count(), 6);
}

TEST_P(TransactionMethodsTest, CommitsThatAreRefused) {
  EXPECT_THAT(CommitText(regular_, ""),
              StatusIs(kInvalidArgument,
                       "Invalid Commit request: transaction must be given as "
                       "transaction_id or single_use_transaction"));
  EXPECT_THAT(CommitText(regular_, "single_use_transaction {}"),
              StatusIs(kInvalidArgument, HasSubstr("single_use_transaction")));
  EXPECT_THAT(
      CommitText(regular_,
                 "single_use_transaction { read_write {} } mutations {}"),
      StatusIs(kInvalidArgument, HasSubstr("mutations[0]")));
  EXPECT_THAT(CommitText(regular_,
                         "single_use_transaction { read_write {} } "
                         "max_commit_delay { nanos: 500000001 }"),
              StatusIs(kInvalidArgument, HasSubstr("max_commit_delay")));
  EXPECT_THAT(CommitText(regular_,
                         "single_use_transaction { read_write {} } "
                         "max_commit_delay { nanos: 500000000 }"),
              IsOk());
}

TEST_P(TransactionMethodsTest, PrecommitTokens) {
  const auto begun =
      Begin(multiplexed_,
            "options { read_write {} } mutation_key { delete { table: 't' } }");
  ASSERT_THAT(begun, IsOk());
  ASSERT_TRUE(begun->has_precommit_token());
  EXPECT_GT(begun->precommit_token().seq_num(), 0);
  EXPECT_FALSE(Begin(multiplexed_, "options { read_write {} }")
                   .value()
                   .has_precommit_token());

  const auto retry = Commit(multiplexed_, begun->id());
  ASSERT_THAT(retry, IsOk());
  EXPECT_FALSE(retry->has_commit_timestamp());
  EXPECT_GT(retry->precommit_token().seq_num(),
            begun->precommit_token().seq_num());
  const auto with = [](const api::MultiplexedSessionPrecommitToken& token) {
    return absl::StrCat("precommit_token { ", token.ShortDebugString(), " }");
  };
  const auto committed =
      Commit(multiplexed_, begun->id(), with(retry->precommit_token()));
  ASSERT_THAT(committed, IsOk());
  EXPECT_TRUE(committed->has_commit_timestamp());
  EXPECT_FALSE(committed->has_precommit_token());

  EXPECT_THAT(Commit(multiplexed_, BeginReadWrite(multiplexed_),
                     with(retry->precommit_token())),
              StatusIs(kFailedPrecondition, HasSubstr("precommit token")));
}

TEST_P(TransactionMethodsTest, IsolationAndLocksAreTold) {
  const auto begun = Begin(
      regular_, "options { read_write {} isolation_level: REPEATABLE_READ }");
  const auto committed = Commit(regular_, begun.value().id());
  EXPECT_EQ(committed.value().isolation_level(),
            api::TransactionOptions::REPEATABLE_READ);
  EXPECT_EQ(committed.value().read_lock_mode(),
            api::TransactionOptions::ReadWrite::OPTIMISTIC);
}

TEST_P(TransactionMethodsTest, BatchWriteCommitsGroupAfterGroup) {
  const std::string group =
      "mutation_groups { mutations { delete { table: 't' } } } ";
  const Answer answer = Call<api::BatchWriteRequest>(
      "BatchWrite", regular_, absl::StrCat(group, group, group));
  ASSERT_THAT(answer, IsOk());
  ASSERT_THAT(answer.messages, SizeIs(3));
  absl::Time last = absl::InfinitePast();
  for (int i = 0; i < 3; ++i) {
    api::BatchWriteResponse response;
    ASSERT_TRUE(response.ParseFromString(answer.messages[i]));
    EXPECT_THAT(response.indexes(), testing::ElementsAre(i));
    EXPECT_TRUE(response.has_status());
    EXPECT_EQ(response.status().code(), 0);
    EXPECT_GT(TimeOf(response.commit_timestamp()), last);
    last = TimeOf(response.commit_timestamp());
  }
  EXPECT_THAT(Call<api::BatchWriteRequest>("BatchWrite", regular_, ""),
              StatusIs(kInvalidArgument, HasSubstr("mutation_groups")));
  EXPECT_THAT(
      Call<api::BatchWriteRequest>("BatchWrite", regular_,
                                   absl::StrCat(group, "mutation_groups {}")),
      StatusIs(kInvalidArgument, HasSubstr("mutation_groups[1].mutations")));
}

TEST_P(TransactionMethodsTest, RollbackOfWhatIsNotThereIsDone) {
  EXPECT_THAT(Rollback(regular_, "garbage"), IsOk());
  const std::string replaced = BeginReadWrite(regular_);
  BeginReadWrite(regular_);
  EXPECT_THAT(Rollback(regular_, replaced), IsOk());
}

TEST_P(TransactionMethodsTest, MutationsThatCannotBeAreNamed) {
  const auto commit = [&](absl::string_view mutation) {
    return CommitText(regular_,
                      absl::StrCat("single_use_transaction { read_write {} } "
                                   "mutations { delete { table: 't' } } "
                                   "mutations { ",
                                   mutation, " }"));
  };
  EXPECT_THAT(commit("insert { columns: 'a' }"),
              StatusIs(kInvalidArgument,
                       "Invalid Commit request: mutations[1].insert.table must "
                       "not be empty"));
  EXPECT_THAT(
      commit("update { table: 't' columns: 'a' values { values { null_value: "
             "NULL_VALUE } } values { values { null_value: NULL_VALUE } "
             "values { null_value: NULL_VALUE } } }"),
      StatusIs(kInvalidArgument,
               "Invalid Commit request: mutations[1].update.values[1] must "
               "have 1 values, one for each column, but has 2"));
  EXPECT_THAT(commit("insert_or_update {}"),
              StatusIs(kInvalidArgument,
                       HasSubstr("insert_or_update.table must not be")));
  EXPECT_THAT(commit("replace {}"),
              StatusIs(kInvalidArgument, HasSubstr("replace.table must not")));
  EXPECT_THAT(commit("delete {}"),
              StatusIs(kInvalidArgument, HasSubstr("delete.table must not")));
  EXPECT_THAT(commit(""),
              StatusIs(kInvalidArgument, HasSubstr("must have an operation")));
  EXPECT_THAT(commit("insert { table: 't' columns: 'a' values { values { "
                     "bool_value: true } } }"),
              IsOk());
}

TEST_P(TransactionMethodsTest, AnEmptyIdIsNamed) {
  EXPECT_THAT(Commit(regular_, ""),
              StatusIs(kInvalidArgument,
                       "Invalid Commit request: transaction_id must not be "
                       "empty"));
  EXPECT_THAT(Rollback(regular_, ""),
              StatusIs(kInvalidArgument,
                       "Invalid Rollback request: transaction_id must not be "
                       "empty"));
}

TEST_P(TransactionMethodsTest, RepliesOfBatchWriteCanBeScripted) {
  const auto add = [&](absl::string_view stub) {
    v1::CreateStubRequest request;
    *request.mutable_stub() = FromText<v1::Stub>(stub);
    const auto* service =
        v1::Stub::descriptor()->file()->FindServiceByName("StubService");
    EXPECT_THAT(
        caller_->Call(*service->FindMethodByName("CreateStub"), request),
        IsOk());
  };
  add("match { batch_write { table: 'T' } } answer { "
      "batch_write_responses { indexes: 1 status { code: 6 message: 'x' } } "
      "batch_write_responses { indexes: 0 indexes: 2 } "
      "error { code: UNAVAILABLE message: 'the rest is lost' } }");
  add("match { batch_write {} request_tag: 'none' } answer { error { code: "
      "DATA_LOSS } }");
  std::vector<api::BatchWriteResponse> replies;
  const auto write = [&](absl::string_view rest) {
    const Answer answer =
        Call<api::BatchWriteRequest>("BatchWrite", regular_, rest);
    replies.clear();
    for (const std::string& bytes : answer.messages) {
      EXPECT_TRUE(replies.emplace_back().ParseFromString(bytes));
    }
    return answer;
  };
  EXPECT_THAT(write("mutation_groups { mutations { insert { table: 'U' } } } "
                    "mutation_groups { mutations { delete { table: 'T' } } }"),
              StatusIs(absl::StatusCode::kUnavailable, "the rest is lost"));
  ASSERT_THAT(replies, SizeIs(2));
  EXPECT_EQ(replies[0].status().message(), "x");
  EXPECT_FALSE(replies[0].has_commit_timestamp());
  EXPECT_EQ(TimeOf(replies[1].commit_timestamp()), StartTime());
  EXPECT_THAT(write("request_options { request_tag: 'none' } "
                    "mutation_groups { mutations { insert { table: 'U' } } }"),
              StatusIs(absl::StatusCode::kDataLoss, ""));
  EXPECT_THAT(replies, SizeIs(0));
  EXPECT_THAT(write("mutation_groups { mutations { insert { table: 'U' } } }"),
              IsOk());
  EXPECT_THAT(replies, SizeIs(1));
}

}  // namespace
}  // namespace spanner_session_emulator
