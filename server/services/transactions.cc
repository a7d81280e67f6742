#include "server/services/transactions.h"

#include <any>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/empty.pb.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/errors.h"
#include "server/services/times.h"
#include "server/services/transaction_protos.h"
#include "server/services/unary.h"
#include "store/transactions.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// The reference's limit for max_commit_delay.
constexpr absl::Duration kMostCommitDelay = absl::Milliseconds(500);

// A write changes each of its columns in each of its rows.
int64_t CountOf(const api::Mutation::Write& write) {
  return int64_t{write.columns_size()} * write.values_size();
}

// How many mutations there are in the sense of limits and of commit stats: of a
// deletion, each key and each range is one. Indexes are not known here.
int64_t CountOf(const api::Mutation& mutation) {
  switch (mutation.operation_case()) {
    case api::Mutation::kInsert:
      return CountOf(mutation.insert());
    case api::Mutation::kUpdate:
      return CountOf(mutation.update());
    case api::Mutation::kInsertOrUpdate:
      return CountOf(mutation.insert_or_update());
    case api::Mutation::kReplace:
      return CountOf(mutation.replace());
    case api::Mutation::kDelete: {
      const api::KeySet& keys = mutation.delete_().key_set();
      return int64_t{keys.keys_size()} + keys.ranges_size() + keys.all();
    }
    default:
      return 1;
  }
}

using Mutations = google::protobuf::RepeatedPtrField<api::Mutation>;

int64_t CountOf(const Mutations& mutations) {
  int64_t count = 0;
  for (const api::Mutation& mutation : mutations) count += CountOf(mutation);
  return count;
}

// `field` is that of the mutations.
absl::Status CheckMutations(const Call& call, absl::string_view field,
                            const Mutations& mutations) {
  for (int i = 0; i < mutations.size(); ++i) {
    if (mutations[i].operation_case() != api::Mutation::OPERATION_NOT_SET) {
      continue;
    }
    return errors::InvalidField(
        call.method().name, absl::StrCat(field, "[", i, "]"),
        "must have an operation, such as insert or delete");
  }
  return absl::OkStatus();
}

absl::Status ValidateBegin(Call& call) {
  const auto& request = call.request<api::BeginTransactionRequest>();
  auto options =
      ReadTransactionOptions(call.method().name, "options", request.options());
  if (!options.ok()) return options.status();
  call.prepared = *options;
  return absl::OkStatus();
}

absl::Status ValidateCommit(Call& call) {
  const auto& request = call.request<api::CommitRequest>();
  const std::string& method = call.method().name;
  switch (request.transaction_case()) {
    case api::CommitRequest::kTransactionId:
      break;
    case api::CommitRequest::kSingleUseTransaction: {
      auto options = ReadTransactionOptions(method, "single_use_transaction",
                                            request.single_use_transaction());
      if (!options.ok()) return options.status();
      call.prepared = *options;
      break;
    }
    case api::CommitRequest::TRANSACTION_NOT_SET:
      return errors::InvalidField(
          method, "transaction",
          "must be given as transaction_id or single_use_transaction");
  }
  if (request.has_max_commit_delay()) {
    absl::StatusOr<absl::Duration> delay =
        ReadDuration(request.max_commit_delay());
    if (delay.ok() && *delay > kMostCommitDelay) {
      delay = absl::InvalidArgumentError(absl::StrCat(
          "must be at most ", absl::FormatDuration(kMostCommitDelay),
          ", but is ", absl::FormatDuration(*delay)));
    }
    if (!delay.ok()) {
      return errors::InvalidField(method, "max_commit_delay",
                                  delay.status().message());
    }
  }
  return CheckMutations(call, "mutations", request.mutations());
}

absl::Status ValidateBatchWrite(Call& call) {
  const auto& groups = call.request<api::BatchWriteRequest>().mutation_groups();
  const std::string& method = call.method().name;
  if (groups.empty()) {
    return errors::InvalidField(method, "mutation_groups",
                                "must have at least one group");
  }
  for (int i = 0; i < groups.size(); ++i) {
    const std::string field =
        absl::StrCat("mutation_groups[", i, "].mutations");
    if (groups[i].mutations().empty()) {
      return errors::InvalidField(method, field,
                                  "must have at least one mutation");
    }
    absl::Status status = CheckMutations(call, field, groups[i].mutations());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

template <typename Request>
absl::Status ValidatePartition(Call& call, absl::string_view required_field,
                               const std::string& required) {
  const std::string& method = call.method().name;
  if (required.empty()) {
    return errors::InvalidField(method, required_field, "must not be empty");
  }
  const auto& request = call.request<Request>();
  const api::PartitionOptions& options = request.partition_options();
  if (options.partition_size_bytes() < 0 || options.max_partitions() < 0) {
    return errors::InvalidField(method, "partition_options",
                                "must have no negative numbers");
  }
  auto selector =
      ReadTransactionSelector(method, "transaction", request.transaction());
  if (!selector.ok()) return selector.status();
  call.prepared = *std::move(selector);
  return absl::OkStatus();
}

absl::Status ValidatePartitionQuery(Call& call) {
  return ValidatePartition<api::PartitionQueryRequest>(
      call, "sql", call.request<api::PartitionQueryRequest>().sql());
}

absl::Status ValidatePartitionRead(Call& call) {
  return ValidatePartition<api::PartitionReadRequest>(
      call, "table", call.request<api::PartitionReadRequest>().table());
}

// Commits one group after the other, each when the last answer has been sent.
class BatchWriteSource final : public ReplySource {
 public:
  BatchWriteSource(const Resources& resources, const SessionName& session,
                   int groups)
      : resources_(resources), session_(session), groups_(groups) {}

  ReplyStep Next() override {
    if (next_ == groups_) return ReplyStep::End(absl::OkStatus());
    CommitGrant grant;
    absl::Status status = resources_.UseTransactions(
        session_, [&](SessionTransactions& transactions) {
          return transactions.CommitSingleUse(
              {.kind = TransactionKind::kReadWrite}, {}, grant);
        });
    if (!status.ok()) return ReplyStep::End(std::move(status));
    message_.Clear();
    message_.add_indexes(next_++);
    message_.mutable_status();  // OK.
    SetTimestamp(grant.commit_timestamp, *message_.mutable_commit_timestamp());
    return ReplyStep::Message(&message_);
  }

 private:
  const Resources resources_;
  const SessionName session_;
  const int groups_;
  int next_ = 0;
  api::BatchWriteResponse message_;
};

class TransactionMethods {
 public:
  TransactionMethods(const Resources& resources,
                     const PartitionTokens* partition_tokens)
      : resources_(resources), partition_tokens_(partition_tokens) {}

  absl::Status Begin(Call& call, const api::BeginTransactionRequest& request,
                     api::Transaction& response) const {
    const auto& options = std::any_cast<TransactionOptions&>(call.prepared);
    TransactionGrant grant;
    absl::Status status = resources_.UseTransactions(
        call.session(), [&](SessionTransactions& transactions) {
          return transactions.Begin(options, request.has_mutation_key(), grant);
        });
    if (!status.ok()) return status;
    SetTransaction(grant, response);
    if (grant.precommit_token.has_value()) {
      SetPrecommitToken(*grant.precommit_token,
                        *response.mutable_precommit_token());
    }
    return absl::OkStatus();
  }

  absl::Status Commit(Call& call, const api::CommitRequest& request,
                      api::CommitResponse& response) const {
    CommitCall commit = {.mutation_count = CountOf(request.mutations())};
    if (request.has_precommit_token()) {
      commit.precommit_token = ReadPrecommitToken(request.precommit_token());
    }
    CommitGrant grant;
    absl::Status status = resources_.UseTransactions(
        call.session(),
        [&](SessionTransactions& transactions) {
          if (request.has_single_use_transaction()) {
            return transactions.CommitSingleUse(
                std::any_cast<TransactionOptions&>(call.prepared), commit,
                grant);
          }
          return transactions.Commit(request.transaction_id(), commit, grant);
        },
        request.transaction_id());
    if (!status.ok()) return status;
    if (grant.retry_with.has_value()) {
      SetPrecommitToken(*grant.retry_with, *response.mutable_precommit_token());
      return absl::OkStatus();
    }
    SetTimestamp(grant.commit_timestamp, *response.mutable_commit_timestamp());
    if (request.return_commit_stats()) {
      response.mutable_commit_stats()->set_mutation_count(grant.mutation_count);
    }
    response.set_isolation_level(grant.isolation_level ==
                                         IsolationLevel::kRepeatableRead
                                     ? api::TransactionOptions::REPEATABLE_READ
                                     : api::TransactionOptions::SERIALIZABLE);
    response.set_read_lock_mode(
        grant.read_lock_mode == ReadLockMode::kOptimistic
            ? api::TransactionOptions::ReadWrite::OPTIMISTIC
            : api::TransactionOptions::ReadWrite::PESSIMISTIC);
    return absl::OkStatus();
  }

  absl::Status Rollback(Call& call, const api::RollbackRequest& request,
                        google::protobuf::Empty&) const {
    return resources_.UseTransactions(
        call.session(),
        [&](SessionTransactions& transactions) {
          return transactions.Rollback(request.transaction_id());
        },
        request.transaction_id());
  }

  absl::Status PartitionQuery(Call& call,
                              const api::PartitionQueryRequest& request,
                              api::PartitionResponse& response) const {
    return Divide(call, StatementFingerprint(request), response);
  }

  absl::Status PartitionRead(Call& call,
                             const api::PartitionReadRequest& request,
                             api::PartitionResponse& response) const {
    return Divide(call, ReadFingerprint(request), response);
  }

  Reply BatchWrite(Call& call) const {
    if (absl::Status s = resources_.UseSession(call.session()); !s.ok()) {
      return Reply::Error(std::move(s));
    }
    return Reply::Stream(std::make_unique<BatchWriteSource>(
        resources_, call.session(),
        call.request<api::BatchWriteRequest>().mutation_groups_size()));
  }

 private:
  // One partition: whoever reads them all gets every row once.
  absl::Status Divide(Call& call, uint64_t fingerprint,
                      api::PartitionResponse& response) const {
    const TransactionCall partition = {
        .use = TransactionUse::kPartition,
        .selector =
            std::any_cast<TransactionSelector&&>(std::move(call.prepared))};
    TransactionGrant grant;
    absl::Status status = resources_.UseTransactions(
        call.session(),
        [&](SessionTransactions& transactions) {
          return transactions.Use(partition, grant);
        },
        partition.selector.id);
    if (!status.ok()) return status;
    response.add_partitions()->set_partition_token(partition_tokens_->Write(
        {.transaction_id = grant.id, .fingerprint = fingerprint}));
    if (grant.begun) SetTransaction(grant, *response.mutable_transaction());
    return absl::OkStatus();
  }

  const Resources resources_;
  const PartitionTokens* const partition_tokens_;
};

}  // namespace

void AddTransactionMethods(const Resources& resources,
                           const PartitionTokens* partition_tokens,
                           MethodTable& table) {
  const auto methods =
      std::make_shared<const TransactionMethods>(resources, partition_tokens);
  const auto name = [](absl::string_view method) {
    return absl::StrCat("google.spanner.v1.Spanner.", method);
  };
  const auto add = [&]<typename Request, typename Response>(
                       absl::string_view method,
                       absl::Status (TransactionMethods::*function)(
                           Call&, const Request&, Response&) const,
                       const Validator& validate = nullptr) {
    table.Set(name(method), Request::default_instance(),
              Unary<Request, Response>(
                  [methods, function](Call& call, const Request& request,
                                      Response& response) {
                    return ((*methods).*function)(call, request, response);
                  }),
              validate);
  };
  add("BeginTransaction", &TransactionMethods::Begin, ValidateBegin);
  add("Commit", &TransactionMethods::Commit, ValidateCommit);
  add("Rollback", &TransactionMethods::Rollback);
  add("PartitionQuery", &TransactionMethods::PartitionQuery,
      ValidatePartitionQuery);
  add("PartitionRead", &TransactionMethods::PartitionRead,
      ValidatePartitionRead);
  table.Set(
      name("BatchWrite"), api::BatchWriteRequest::default_instance(),
      [methods](Call& call) { return methods->BatchWrite(call); },
      ValidateBatchWrite);
}

}  // namespace spanner_session_emulator
