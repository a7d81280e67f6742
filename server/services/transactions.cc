#include "server/services/transactions.h"

#include <any>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/empty.pb.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/errors.h"
#include "server/mock/result_source.h"
#include "server/mock/stub_call.h"
#include "server/services/execution.h"
#include "server/services/times.h"
#include "server/services/transaction_protos.h"
#include "server/services/unary.h"
#include "store/transactions.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// The reference's limit for max_commit_delay.
constexpr absl::Duration kMostCommitDelay = absl::Milliseconds(500);

// What a mutation does.
struct Operation {
  absl::string_view field;  // Of the mutation; empty if it does nothing.
  absl::string_view table;
  const api::Mutation::Write* write = nullptr;  // Null for a deletion.
};

Operation OperationOf(const api::Mutation& mutation) {
  const auto write = [](absl::string_view field,
                        const api::Mutation::Write& write) {
    return Operation{field, write.table(), &write};
  };
  switch (mutation.operation_case()) {
    case api::Mutation::kInsert:
      return write("insert", mutation.insert());
    case api::Mutation::kUpdate:
      return write("update", mutation.update());
    case api::Mutation::kInsertOrUpdate:
      return write("insert_or_update", mutation.insert_or_update());
    case api::Mutation::kReplace:
      return write("replace", mutation.replace());
    case api::Mutation::kDelete:
      return {"delete", mutation.delete_().table()};
    default:
      return {};
  }
}

// How many mutations there are in the sense of limits and of commit stats: of a
// write, each column of each row is one; of a deletion, each key and each
// range. Indexes are not known here.
int64_t CountOf(const api::Mutation& mutation) {
  if (const auto* write = OperationOf(mutation).write; write != nullptr) {
    return int64_t{write->columns_size()} * write->values_size();
  }
  if (!mutation.has_delete_()) return 1;
  const api::KeySet& keys = mutation.delete_().key_set();
  return int64_t{keys.keys_size()} + keys.ranges_size() + keys.all();
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
    const std::string name = absl::StrCat(field, "[", i, "]");
    const Operation operation = OperationOf(mutations[i]);
    if (operation.field.empty()) {
      return errors::InvalidField(
          call.method().name, name,
          "must have an operation, such as insert or delete");
    }
    const auto invalid = [&](absl::string_view of_field,
                             absl::string_view problem) {
      return errors::InvalidField(
          call.method().name,
          absl::StrCat(name, ".", operation.field, ".", of_field), problem);
    };
    if (operation.table.empty()) return invalid("table", "must not be empty");
    if (operation.write == nullptr) continue;
    const int width = operation.write->columns_size();
    for (int row = 0; row < operation.write->values_size(); ++row) {
      const int size = operation.write->values(row).values_size();
      if (size == width) continue;
      return invalid(
          absl::StrCat("values[", row, "]"),
          absl::StrCat("must have ", width,
                       " values, one for each column, but has ", size));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckId(const Call& call, absl::string_view transaction_id) {
  return transaction_id.empty()
             ? errors::InvalidField(call.method().name, "transaction_id",
                                    "must not be empty")
             : absl::OkStatus();
}

absl::Status ValidateRollback(Call& call) {
  return CheckId(call, call.request<api::RollbackRequest>().transaction_id());
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
      if (absl::Status s = CheckId(call, request.transaction_id()); !s.ok()) {
        return s;
      }
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

// The tables that a call writes to.
std::vector<absl::string_view> TablesOf(const api::BatchWriteRequest& request) {
  std::vector<absl::string_view> tables;
  for (const auto& group : request.mutation_groups()) {
    for (const api::Mutation& mutation : group.mutations()) {
      tables.push_back(OperationOf(mutation).table);
    }
  }
  return tables;
}

// The replies of BatchWrite, each when the last has been sent: what is
// scripted, or else the commit of one group after the other.
class BatchWriteSource final : public ReplySource {
 public:
  BatchWriteSource(const Resources& resources, const SessionName& session,
                   int groups, std::optional<StubResult> scripted)
      : resources_(resources),
        session_(session),
        scripted_(std::move(scripted)),
        replies_(scripted_.has_value() ? Scripted().size() : groups) {}

  // Its end is a use of its session.
  ~BatchWriteSource() override { resources_.store->Use(session_); }

  ReplyStep Next() override {
    if (next_ == replies_) {
      return ReplyStep::End(scripted_.has_value() ? scripted_->answer().error
                                                  : absl::OkStatus());
    }
    message_.Clear();
    if (scripted_.has_value()) {
      message_ = Scripted()[next_];
    } else {
      message_.add_indexes(next_);
      message_.mutable_status();  // OK.
    }
    ++next_;
    if (message_.status().code() == 0 && !message_.has_commit_timestamp()) {
      CommitGrant grant;
      absl::Status status = resources_.UseTransactions(
          session_, [&](SessionTransactions& transactions) {
            return transactions.CommitSingleUse(
                {.kind = TransactionKind::kReadWrite}, {}, grant);
          });
      if (!status.ok()) return ReplyStep::End(std::move(status));
      SetTimestamp(grant.commit_timestamp,
                   *message_.mutable_commit_timestamp());
    }
    return ReplyStep::Message(&message_);
  }

 private:
  const google::protobuf::RepeatedPtrField<api::BatchWriteResponse>& Scripted()
      const {
    return scripted_->answer().proto->batch_write_responses();
  }

  const Resources resources_;
  const SessionName session_;
  const std::optional<StubResult> scripted_;
  const int replies_;
  int next_ = 0;
  api::BatchWriteResponse message_;
};

class TransactionMethods {
 public:
  TransactionMethods(const Resources& resources, StubRegistry* stubs)
      : resources_(resources), stubs_(stubs) {}

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

  Reply BatchWrite(Call& call) const {
    if (absl::Status s = resources_.UseSession(call.session()); !s.ok()) {
      return Reply::Error(std::move(s));
    }
    const auto& request = call.request<api::BatchWriteRequest>();
    StubCall stub_call =
        StubCall::BatchWrite(call.session().database_full(), TablesOf(request));
    stub_call.transaction_kind = v1::Stub::Match::READ_WRITE;
    SetTags(request.request_options(), stub_call);
    auto scripted = stubs_->Answer(stub_call);
    if (scripted.has_value()) NoteStub(call, *scripted->stub);
    if (scripted.has_value() && !scripted->answer().error.ok() &&
        !scripted->answer().has_result) {
      return Reply::Error(scripted->answer().error);
    }
    return Reply::Stream(std::make_unique<BatchWriteSource>(
        resources_, call.session(), request.mutation_groups_size(),
        std::move(scripted)));
  }

 private:
  const Resources resources_;
  StubRegistry* const stubs_;
};

}  // namespace

void AddTransactionMethods(const Resources& resources, StubRegistry* stubs,
                           MethodTable& table) {
  const auto methods =
      std::make_shared<const TransactionMethods>(resources, stubs);
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
  add("Rollback", &TransactionMethods::Rollback, ValidateRollback);
  table.Set(
      name("BatchWrite"), api::BatchWriteRequest::default_instance(),
      [methods](Call& call) { return methods->BatchWrite(call); },
      ValidateBatchWrite);
}

}  // namespace spanner_session_emulator
