// SessionService of the control API.

#include <algorithm>
#include <any>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/call/errors.h"
#include "server/services/control.h"
#include "server/services/times.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/sessions.pb.h"

namespace spanner_session_emulator {
namespace {

constexpr int kMaxPageSize = 1000;

// Reads the fields of one request, each of which is in error by its name.
class FieldReader {
 public:
  // `prefix` stands before the names of fields.
  FieldReader(const Call& call, absl::string_view prefix)
      : method_(call.method().name), prefix_(prefix) {}

  absl::Status Invalid(absl::string_view field,
                       absl::string_view problem) const {
    return errors::InvalidField(method_, absl::StrCat(prefix_, field), problem);
  }

  absl::StatusOr<Scope> ReadScope(const std::string& text) const {
    auto scope = Scope::Parse(text);
    if (!scope.ok()) return Invalid("scope", scope.status().message());
    return scope;
  }

  absl::StatusOr<int> ReadPageSize(int size) const {
    if (size < 0) {
      return Invalid("page_size",
                     absl::StrCat("must not be negative, but is ", size));
    }
    return size == 0 ? kMaxPageSize : std::min(size, kMaxPageSize);
  }

  // The fields that SessionSelection and ListLeakedSessionsRequest share.
  template <typename Message>
  absl::StatusOr<SessionSelection> ReadSelection(const Message& message) const {
    SessionSelection selection;
    auto scope = ReadScope(message.scope());
    if (!scope.ok()) return scope.status();
    selection.scope = *std::move(scope);
    auto filter = SessionFilter::Parse(message.filter());
    if (!filter.ok()) return Invalid("filter", filter.status().message());
    selection.filter = *std::move(filter);
    if (message.has_idle_longer_than()) {
      const auto duration = ReadDuration(message.idle_longer_than());
      if (!duration.ok()) {
        return Invalid("idle_longer_than", duration.status().message());
      }
      selection.idle_longer_than = *duration;
    }
    if (message.has_older_than()) {
      const auto duration = ReadDuration(message.older_than());
      if (!duration.ok()) {
        return Invalid("older_than", duration.status().message());
      }
      selection.older_than = *duration;
    }
    return selection;
  }

 private:
  const std::string& method_;
  const absl::string_view prefix_;
};

// The request's field `selection`.
absl::StatusOr<SessionSelection> ReadWholeSelection(
    const Call& call, const v1::SessionSelection& proto) {
  const FieldReader fields(call, "selection.");
  auto selection = fields.ReadSelection(proto);
  if (!selection.ok()) return selection.status();
  switch (proto.kind()) {
    case v1::SESSION_KIND_UNSPECIFIED:
      break;
    case v1::REGULAR:
      selection->multiplexed = false;
      break;
    case v1::MULTIPLEXED:
      selection->multiplexed = true;
      break;
    default:
      return fields.Invalid("kind",
                            absl::StrCat("must be REGULAR, MULTIPLEXED or left "
                                         "out, but is ",
                                         static_cast<int>(proto.kind())));
  }
  return selection;
}

// What is to be ended: single sessions, or a selection.
struct Target {
  std::vector<SessionName> names;  // Each once.
  std::optional<SessionSelection> selection;
  absl::Time expire_time = absl::InfinitePast();  // At once.
};

template <typename Request>
absl::StatusOr<Target> ReadTarget(const Call& call, const Request& request) {
  const FieldReader fields(call, "");
  Target target;
  // Nothing given is more likely a slip than the wish to end every session.
  if (request.has_selection() == (request.names_size() > 0)) {
    return fields.Invalid(
        "selection",
        absl::StrCat("or names must be given, ",
                     request.has_selection()
                         ? "but not both"
                         : "where the empty selection is every session"));
  }
  absl::flat_hash_set<SessionName> seen;
  for (int i = 0; i < request.names_size(); ++i) {
    auto name = SessionName::Parse(request.names(i));
    if (!name.ok()) {
      return fields.Invalid(absl::StrCat("names[", i, "]"),
                            name.status().message());
    }
    if (seen.insert(*name).second) target.names.push_back(*std::move(name));
  }
  if (request.has_selection()) {
    auto selection = ReadWholeSelection(call, request.selection());
    if (!selection.ok()) return selection.status();
    target.selection = *std::move(selection);
  }
  return target;
}

absl::Status ValidateExpire(Call& call) {
  const auto& request = call.request<v1::ExpireSessionsRequest>();
  auto target = ReadTarget(call, request);
  if (!target.ok()) return target.status();
  if (request.has_expire_time()) {
    const auto time = ReadTimestamp(request.expire_time());
    if (!time.ok()) {
      return errors::InvalidField(call.method().name, "expire_time",
                                  time.status().message());
    }
    target->expire_time = *time;
  }
  call.prepared = *std::move(target);
  return absl::OkStatus();
}

absl::Status ValidateDelete(Call& call) {
  auto target = ReadTarget(call, call.request<v1::DeleteSessionsRequest>());
  if (!target.ok()) return target.status();
  call.prepared = *std::move(target);
  return absl::OkStatus();
}

// Leaves in Call::prepared a SessionSelection or the SessionName of the
// transaction.
absl::Status ValidateAbort(Call& call) {
  const auto& request = call.request<v1::AbortTransactionsRequest>();
  const FieldReader fields(call, "");
  if (request.has_selection()) {
    if (!request.session().empty() || !request.transaction_id().empty()) {
      return fields.Invalid(
          "selection", "must not be there beside session and transaction_id");
    }
    auto selection = ReadWholeSelection(call, request.selection());
    if (!selection.ok()) return selection.status();
    call.prepared = *std::move(selection);
    return absl::OkStatus();
  }
  if (request.session().empty() && request.transaction_id().empty()) {
    return fields.Invalid("selection",
                          "or session and transaction_id must be given, where "
                          "the empty selection is every session");
  }
  auto session = SessionName::Parse(request.session());
  if (!session.ok()) {
    return fields.Invalid("session", session.status().message());
  }
  if (request.transaction_id().empty()) {
    return fields.Invalid("transaction_id", "must not be empty");
  }
  call.prepared = *std::move(session);
  return absl::OkStatus();
}

absl::Status ValidateSetLimits(Call& call) {
  const auto& request = call.request<v1::SetSessionLimitsRequest>();
  const FieldReader fields(call, "");
  if (request.has_max_sessions() && request.max_sessions() < 1) {
    return fields.Invalid("max_sessions", "must be at least 1");
  }
  if (request.has_max_sessions_per_batch() &&
      request.max_sessions_per_batch() < 1) {
    return fields.Invalid("max_sessions_per_batch", "must be at least 1");
  }
  return absl::OkStatus();
}

// A page of databases.
struct CountsRequest {
  Scope scope;
  int page_size = kMaxPageSize;
  size_t first = 0;  // The ordinal of the first database that may be in it.
};

// For the page from the database `first` on.
std::string CountsToken(const Scope& scope, size_t first) {
  return absl::WebSafeBase64Escape(absl::StrCat(
      absl::Hex(first), ".", absl::Hex(absl::HashOf(scope.full(), first))));
}

absl::Status ValidateCounts(Call& call) {
  const auto& request = call.request<v1::GetSessionCountsRequest>();
  const FieldReader fields(call, "");
  auto scope = fields.ReadScope(request.scope());
  if (!scope.ok()) return scope.status();
  const auto page_size = fields.ReadPageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  CountsRequest counts = {.scope = *std::move(scope), .page_size = *page_size};
  if (!request.page_token().empty()) {
    std::string text;
    if (!absl::WebSafeBase64Unescape(request.page_token(), &text) ||
        !absl::SimpleHexAtoi(text.substr(0, text.find('.')), &counts.first) ||
        request.page_token() != CountsToken(counts.scope, counts.first)) {
      return fields.Invalid("page_token",
                            "is not a next_page_token of these counts: it must "
                            "come from a request with the same scope");
    }
  }
  call.prepared = std::move(counts);
  return absl::OkStatus();
}

absl::Status ValidateLeaks(Call& call) {
  const auto& request = call.request<v1::ListLeakedSessionsRequest>();
  const FieldReader fields(call, "");
  SelectRequest select;
  select.include_expired = true;
  auto selection = fields.ReadSelection(request);
  if (!selection.ok()) return selection.status();
  select.selection = *std::move(selection);
  if (!request.include_multiplexed()) select.selection.multiplexed = false;
  const auto page_size = fields.ReadPageSize(request.page_size());
  if (!page_size.ok()) return page_size.status();
  select.page_size = *page_size;
  select.page_token = request.page_token();
  call.prepared = std::move(select);
  return absl::OkStatus();
}

void Fill(const SessionCounts::Kind& counts, v1::SessionCounts& out) {
  out.set_created(counts.created);
  out.set_deleted(counts.deleted);
  out.set_expired(counts.expired);
  out.set_alive(counts.live);
}

// `out` has fields for each kind and for both.
template <typename Message>
void FillKinds(const SessionCounts& counts, Message& out) {
  SessionCounts::Kind total = counts.regular;
  total += counts.multiplexed;
  Fill(counts.regular, *out.mutable_regular());
  Fill(counts.multiplexed, *out.mutable_multiplexed());
  Fill(total, *out.mutable_total());
}

void Fill(const SelectedSession& selected, absl::Time now,
          v1::LeakedSession& out) {
  const Session& session = selected.session;
  out.set_name(selected.name.full());
  out.set_kind(session.multiplexed ? v1::MULTIPLEXED : v1::REGULAR);
  SetTimestamp(session.create_time, *out.mutable_create_time());
  SetTimestamp(session.approximate_last_use_time, *out.mutable_last_use_time());
  // Not negative, even if the clock has been reset since they were read.
  const auto since = [now](absl::Time time) {
    return std::max(now - time, absl::ZeroDuration());
  };
  SetDuration(since(session.create_time), *out.mutable_age());
  SetDuration(since(session.approximate_last_use_time),
              *out.mutable_idle_duration());
  if (selected.end_time != absl::InfiniteFuture()) {
    SetTimestamp(selected.end_time, *out.mutable_end_time());
  }
  if (session.attributes != nullptr) {
    out.set_creator_role(session.attributes->creator_role);
    session.attributes->labels.ForEach(
        [&](absl::string_view key, absl::string_view value) {
          (*out.mutable_labels())[std::string(key)] = std::string(value);
          return true;
        });
  }
  out.set_creator_user_agent(selected.creator.user_agent);
  out.set_creator_peer(selected.creator.peer);
}

void Fill(const SessionLimits& limits, v1::SessionLimits& out) {
  out.set_max_sessions(limits.max_sessions);
  out.set_max_sessions_per_batch(limits.max_sessions_per_batch);
}

class SessionControlMethods {
 public:
  SessionControlMethods(const Clock* clock, SessionStore* store)
      : clock_(clock), store_(store) {}

  absl::Status Expire(Call& call, const v1::ExpireSessionsRequest&,
                      v1::ExpireSessionsResponse& response) const {
    const auto& target = std::any_cast<const Target&>(call.prepared);
    int64_t count = 0;
    if (target.selection.has_value()) {
      count = store_->Expire(*target.selection, target.expire_time);
    }
    for (const SessionName& name : target.names) {
      if (store_->Expire(name, target.expire_time)) ++count;
    }
    response.set_session_count(count);
    return absl::OkStatus();
  }

  absl::Status Delete(Call& call, const v1::DeleteSessionsRequest&,
                      v1::DeleteSessionsResponse& response) const {
    const auto& target = std::any_cast<const Target&>(call.prepared);
    int64_t count = 0;
    if (target.selection.has_value()) {
      count = store_->Delete(*target.selection);
    }
    for (const SessionName& name : target.names) {
      if (store_->Delete(name)) ++count;
    }
    response.set_session_count(count);
    return absl::OkStatus();
  }

  absl::Status Counts(Call& call, const v1::GetSessionCountsRequest&,
                      v1::GetSessionCountsResponse& response) const {
    const auto& request = std::any_cast<const CountsRequest&>(call.prepared);
    SessionCounts sum;
    for (const DatabaseCounts& database :
         store_->CountsByDatabase(request.scope)) {
      sum.regular += database.counts.regular;
      sum.multiplexed += database.counts.multiplexed;
      if (database.ordinal < request.first ||
          !response.next_page_token().empty()) {
        continue;
      }
      if (response.databases_size() == request.page_size) {
        response.set_next_page_token(
            CountsToken(request.scope, database.ordinal));
        continue;
      }
      auto& out = *response.add_databases();
      out.set_database(database.database.full());
      FillKinds(database.counts, out);
    }
    FillKinds(sum, response);
    return absl::OkStatus();
  }

  absl::Status Leaks(Call& call, const v1::ListLeakedSessionsRequest& request,
                     v1::ListLeakedSessionsResponse& response) const {
    const auto& select = std::any_cast<const SelectRequest&>(call.prepared);
    absl::StatusOr<SelectPage> page = store_->Select(select);
    if (!page.ok()) {
      return errors::InvalidField(call.method().name, "page_token",
                                  page.status().message());
    }
    const absl::Time now = clock_->Now();  // After all that was read.
    for (const SelectedSession& session : page->sessions) {
      Fill(session, now, *response.add_sessions());
    }
    response.set_next_page_token(std::move(page->next_page_token));
    int64_t expired = 0;
    for (const DatabaseCounts& database :
         store_->CountsByDatabase(select.selection.scope)) {
      expired += database.counts.regular.expired;
      if (request.include_multiplexed()) {
        expired += database.counts.multiplexed.expired;
      }
    }
    response.set_expired_session_count(expired);
    return absl::OkStatus();
  }

  absl::Status Abort(Call& call, const v1::AbortTransactionsRequest& request,
                     v1::AbortTransactionsResponse& response) const {
    if (request.has_selection()) {
      response.set_transaction_count(store_->AbortTransactions(
          std::any_cast<const SessionSelection&>(call.prepared)));
    } else {
      response.set_transaction_count(store_->AbortTransaction(
          std::any_cast<const SessionName&>(call.prepared),
          request.transaction_id()));
    }
    return absl::OkStatus();
  }

  absl::Status GetLimits(Call&, const v1::GetSessionLimitsRequest&,
                         v1::SessionLimits& response) const {
    Fill(store_->limits(), response);
    return absl::OkStatus();
  }

  absl::Status SetLimits(Call&, const v1::SetSessionLimitsRequest& request,
                         v1::SessionLimits& response) const {
    SessionLimits limits = store_->limits();
    if (request.has_max_sessions()) {
      limits.max_sessions = request.max_sessions();
    }
    if (request.has_max_sessions_per_batch()) {
      limits.max_sessions_per_batch = request.max_sessions_per_batch();
    }
    store_->SetLimits(limits);
    Fill(limits, response);
    return absl::OkStatus();
  }

 private:
  const Clock* const clock_;
  SessionStore* const store_;
};

}  // namespace

void AddSessionControlMethods(const Clock* clock, SessionStore* store,
                              MethodTable& table) {
  const SessionControlMethods methods(clock, store);
  const auto add = [&]<typename Request, typename Response>(
                       absl::string_view name,
                       absl::Status (SessionControlMethods::*method)(
                           Call&, const Request&, Response&) const,
                       const Validator& validate) {
    table.Set(absl::StrCat("spanner_session_emulator.v1.SessionService.", name),
              Request::default_instance(),
              Unary<Request, Response>([methods, method](Call& call,
                                                         const Request& request,
                                                         Response& response) {
                return (methods.*method)(call, request, response);
              }),
              validate);
  };
  add("ExpireSessions", &SessionControlMethods::Expire, ValidateExpire);
  add("DeleteSessions", &SessionControlMethods::Delete, ValidateDelete);
  add("AbortTransactions", &SessionControlMethods::Abort, ValidateAbort);
  add("GetSessionLimits", &SessionControlMethods::GetLimits, nullptr);
  add("SetSessionLimits", &SessionControlMethods::SetLimits, ValidateSetLimits);
  add("GetSessionCounts", &SessionControlMethods::Counts, ValidateCounts);
  add("ListLeakedSessions", &SessionControlMethods::Leaks, ValidateLeaks);
}

}  // namespace spanner_session_emulator
