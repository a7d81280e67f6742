#include "server/services/statements.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/errors.h"
#include "server/mock/result_source.h"
#include "server/mock/stub_call.h"
#include "server/services/unary.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

using Match = v1::Stub::Match;

Match::TransactionKind KindOf(const api::TransactionOptions& options) {
  switch (options.mode_case()) {
    case api::TransactionOptions::kReadWrite:
      return Match::READ_WRITE;
    case api::TransactionOptions::kPartitionedDml:
      return Match::PARTITIONED_DML;
    default:
      return Match::READ_ONLY;
  }
}

// By an id alone nobody can tell; it is most often read-write.
Match::TransactionKind KindOf(const api::TransactionSelector& selector) {
  switch (selector.selector_case()) {
    case api::TransactionSelector::kSingleUse:
      return KindOf(selector.single_use());
    case api::TransactionSelector::kBegin:
      return KindOf(selector.begin());
    case api::TransactionSelector::kId:
      return Match::READ_WRITE;
    default:
      return Match::READ_ONLY;
  }
}

// The request's conditions that all kinds of calls have.
template <typename Request>
void FillConditions(const Request& request, StubCall& call) {
  call.transaction_kind = KindOf(request.transaction());
  call.request_tag = request.request_options().request_tag();
  call.transaction_tag = request.request_options().transaction_tag();
}

StubCall StubCallOf(const Call& call, const api::ExecuteSqlRequest& request) {
  StubCall stub_call = StubCall::Statement(call.session().database_full(),
                                           request.sql(), request.params());
  FillConditions(request, stub_call);
  return stub_call;
}

StubCall StubCallOf(const Call& call, const api::ReadRequest& request) {
  StubCall stub_call =
      StubCall::Read(call.session().database_full(), request.table(),
                     request.index(), request.columns(), request.key_set());
  FillConditions(request, stub_call);
  return stub_call;
}

ResultOptions OptionsOf(const api::ExecuteSqlRequest& request) {
  return {
      .query_mode = request.query_mode(),
      .lower_bound = KindOf(request.transaction()) == Match::PARTITIONED_DML};
}

ResultOptions OptionsOf(const api::ReadRequest&) { return {}; }

// As the status inside of a reply.
void Fill(const absl::Status& status, google::rpc::Status& out) {
  out.set_code(static_cast<int>(status.code()));
  out.set_message(std::string(status.message()));
  status.ForEachPayload(
      [&out](absl::string_view type, const absl::Cord& value) {
        google::protobuf::Any& detail = *out.add_details();
        detail.set_type_url(std::string(type));
        detail.set_value(std::string(value));
      });
}

// A result on its way. The end of a stream is a use of its session.
class ResultStream final : public ReplySource {
 public:
  ResultStream(const Resources& resources, SessionName session,
               StubResult result, const ResultOptions& options)
      : resources_(resources),
        session_(std::move(session)),
        source_(std::move(result), options) {}

  ReplyStep Next() override {
    if (source_.Next(message_)) return ReplyStep::Message(&message_);
    // Whether it lives does not matter any more.
    resources_.store->Use(session_);
    return ReplyStep::End(source_.status());
  }

 private:
  const Resources resources_;
  const SessionName session_;
  ResultSource source_;
  api::PartialResultSet message_;
};

// What the request must have besides a session. Looked at when that is known to
// live.
absl::Status Check(const Call& call, const api::ExecuteSqlRequest& request) {
  return request.sql().empty() ? errors::InvalidField(call.method().name, "sql",
                                                      "must not be empty")
                               : absl::OkStatus();
}

absl::Status Check(const Call& call, const api::ReadRequest& request) {
  if (request.table().empty()) {
    return errors::InvalidField(call.method().name, "table",
                                "must not be empty");
  }
  return request.columns().empty()
             ? errors::InvalidField(call.method().name, "columns",
                                    "must name at least one column")
             : absl::OkStatus();
}

absl::Status Check(const Call& call,
                   const api::ExecuteBatchDmlRequest& request) {
  if (request.statements().empty()) {
    return errors::InvalidField(call.method().name, "statements",
                                "must have at least one statement");
  }
  for (int i = 0; i < request.statements_size(); ++i) {
    if (!request.statements(i).sql().empty()) continue;
    return errors::InvalidField(call.method().name,
                                absl::StrCat("statements[", i, "].sql"),
                                "must not be empty");
  }
  return absl::OkStatus();
}

class StatementMethods {
 public:
  StatementMethods(const Resources& resources, StubRegistry* stubs)
      : resources_(resources), stubs_(stubs) {}

  template <typename Request>
  absl::Status Whole(Call& call, const Request& request,
                     api::ResultSet& response) const {
    const auto result = Find(call, request);
    if (!result.ok()) return result.status();
    return MakeResultSet(*result, OptionsOf(request), response);
  }

  template <typename Request>
  Reply Stream(Call& call) const {
    const auto& request = call.request<Request>();
    auto result = Find(call, request);
    if (!result.ok()) return Reply::Error(result.status());
    return Reply::Stream(std::make_unique<ResultStream>(
        resources_, call.session(), *std::move(result), OptionsOf(request)));
  }

  // Each statement has a stub of its own; the first that fails ends the batch,
  // and says so inside of the reply.
  absl::Status Batch(Call& call, const api::ExecuteBatchDmlRequest& request,
                     api::ExecuteBatchDmlResponse& response) const {
    if (absl::Status s = resources_.UseSession(call.session()); !s.ok()) {
      return s;
    }
    if (absl::Status s = Check(call, request); !s.ok()) return s;
    response.mutable_status();
    for (const auto& statement : request.statements()) {
      StubCall stub_call = StubCall::Statement(
          call.session().database_full(), statement.sql(), statement.params());
      FillConditions(request, stub_call);
      const auto result = stubs_->Answer(stub_call);
      api::ResultSet result_set;
      const absl::Status status = result.has_value()
                                      ? MakeResultSet(*result, {}, result_set)
                                      : stubs_->NotScripted(stub_call);
      if (!status.ok()) {
        Fill(status, *response.mutable_status());
        break;
      }
      // Only the first has them, says the API.
      if (response.result_sets_size() > 0) result_set.clear_metadata();
      *response.add_result_sets() = std::move(result_set);
    }
    return absl::OkStatus();
  }

 private:
  template <typename Request>
  absl::StatusOr<StubResult> Find(const Call& call,
                                  const Request& request) const {
    if (absl::Status s = resources_.UseSession(call.session()); !s.ok()) {
      return s;
    }
    if (absl::Status s = Check(call, request); !s.ok()) return s;
    const StubCall stub_call = StubCallOf(call, request);
    if (!request.resume_token().empty()) {
      auto result = stubs_->Resume(stub_call, request.resume_token());
      if (result.has_value()) return *std::move(result);
      return errors::InvalidField(
          call.method().name, "resume_token",
          "must be a resume_token of the same call, whose stub is still there");
    }
    auto result = stubs_->Answer(stub_call);
    if (result.has_value()) return *std::move(result);
    return stubs_->NotScripted(stub_call);
  }

  const Resources resources_;
  StubRegistry* const stubs_;
};

}  // namespace

void AddStatementMethods(const Resources& resources, StubRegistry* stubs,
                         MethodTable& table) {
  const StatementMethods methods(resources, stubs);
  const auto add = [&table](absl::string_view name, const auto& prototype,
                            Handler handle) {
    table.Set(absl::StrCat("google.spanner.v1.Spanner.", name), prototype,
              std::move(handle));
  };
  const auto whole = [methods](Call& call, const auto& request,
                               api::ResultSet& response) {
    return methods.Whole(call, request, response);
  };
  const auto& sql = api::ExecuteSqlRequest::default_instance();
  const auto& read = api::ReadRequest::default_instance();
  add("ExecuteSql", sql, Unary<api::ExecuteSqlRequest, api::ResultSet>(whole));
  add("Read", read, Unary<api::ReadRequest, api::ResultSet>(whole));
  add("ExecuteStreamingSql", sql, [methods](Call& call) {
    return methods.Stream<api::ExecuteSqlRequest>(call);
  });
  add("StreamingRead", read,
      [methods](Call& call) { return methods.Stream<api::ReadRequest>(call); });
  add("ExecuteBatchDml", api::ExecuteBatchDmlRequest::default_instance(),
      Unary<api::ExecuteBatchDmlRequest, api::ExecuteBatchDmlResponse>(
          [methods](Call& call, const api::ExecuteBatchDmlRequest& request,
                    api::ExecuteBatchDmlResponse& response) {
            return methods.Batch(call, request, response);
          }));
}

}  // namespace spanner_session_emulator
