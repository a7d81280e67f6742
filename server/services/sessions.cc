#include "server/services/sessions.h"

#include <algorithm>
#include <any>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/empty.pb.h"
#include "google/spanner/v1/spanner.pb.h"
#include "server/call/errors.h"
#include "server/services/times.h"
#include "server/services/unary.h"
#include "store/filter.h"
#include "store/labels.h"
#include "store/session_id.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

// The reference's limit for ListSessions, and its default.
constexpr int kMaxPageSize = 1000;

// Far more than the name of a database role can have. There is a copy of the
// role in each session of a reply.
constexpr size_t kMaxCreatorRoleBytes = 1024;

// What a session's name adds to that of its database.
constexpr size_t kSessionSuffixBytes =
    absl::string_view("/sessions/").size() + SessionIdCodec::kIdSize;

void Fill(const SessionName& name, const Session& session, api::Session& out) {
  out.set_name(name.full());
  SetTimestamp(session.create_time, *out.mutable_create_time());
  SetTimestamp(session.approximate_last_use_time,
               *out.mutable_approximate_last_use_time());
  out.set_multiplexed(session.multiplexed);
  if (session.attributes == nullptr) return;
  out.set_creator_role(session.attributes->creator_role);
  session.attributes->labels.ForEach(
      [&](absl::string_view key, absl::string_view value) {
        (*out.mutable_labels())[std::string(key)] = std::string(value);
        return true;
      });
}

// Of what a call tells about its maker, so much is kept, and only what may
// stand in any message.
constexpr size_t kMaxCreatorBytes = 256;

std::string CreatorText(absl::string_view text) {
  std::string kept(text.substr(0, kMaxCreatorBytes));
  for (char& c : kept) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return kept;
}

SessionCreator CreatorOf(const Call& call) {
  return {.user_agent =
              CreatorText(call.context().Header("user-agent").value_or("")),
          .peer = CreatorText(call.context().Peer())};
}

// What a request's template asks for; its output-only fields are ignored.
// `field` is the template's, for errors.
absl::StatusOr<SessionTemplate> ReadTemplate(const Call& call,
                                             absl::string_view field,
                                             const api::Session& session) {
  const std::string& method = call.method().name;
  const DatabaseName& database = call.database();
  if (database.full().size() + kSessionSuffixBytes > kMaxNameBytes) {
    return errors::InvalidField(
        method, "database",
        absl::StrCat("must be at most ", kMaxNameBytes - kSessionSuffixBytes,
                     " bytes long, so that names of sessions fit"));
  }
  if (session.creator_role().size() > kMaxCreatorRoleBytes) {
    return errors::InvalidField(
        method, absl::StrCat(field, ".creator_role"),
        absl::StrCat("must be at most ", kMaxCreatorRoleBytes,
                     " bytes long, but has ", session.creator_role().size()));
  }
  absl::StatusOr<Labels> labels =
      Labels::Make({session.labels().begin(), session.labels().end()});
  if (!labels.ok()) {
    return errors::InvalidField(method, absl::StrCat(field, ".labels"),
                                labels.status().message());
  }
  if (session.multiplexed() && !labels->empty()) {
    return errors::MultiplexedSessionLabels();
  }
  return SessionTemplate{.attributes = {.labels = *std::move(labels),
                                        .creator_role = session.creator_role()},
                         .multiplexed = session.multiplexed(),
                         .creator = CreatorOf(call)};
}

absl::Status ValidateCreate(Call& call) {
  auto what = ReadTemplate(call, "session",
                           call.request<api::CreateSessionRequest>().session());
  if (!what.ok()) return what.status();
  call.prepared = *std::move(what);
  return absl::OkStatus();
}

absl::Status ValidateBatchCreate(Call& call) {
  const auto& request = call.request<api::BatchCreateSessionsRequest>();
  if (request.session_count() <= 0) {
    return errors::InvalidField(call.method().name, "session_count",
                                absl::StrCat("must be greater than 0, but is ",
                                             request.session_count()));
  }
  if (request.session_template().multiplexed()) {
    return errors::MultiplexedSessionsInBatch();
  }
  auto what =
      ReadTemplate(call, "session_template", request.session_template());
  if (!what.ok()) return what.status();
  call.prepared = *std::move(what);
  return absl::OkStatus();
}

absl::Status ValidateList(Call& call) {
  auto filter =
      SessionFilter::Parse(call.request<api::ListSessionsRequest>().filter());
  if (!filter.ok()) {
    return errors::InvalidField(call.method().name, "filter",
                                filter.status().message());
  }
  call.prepared = *std::move(filter);
  return absl::OkStatus();
}

class SessionMethods {
 public:
  SessionMethods(const Resources& resources,
                 const SessionServiceOptions& options)
      : resources_(resources), options_(options) {}

  absl::Status Create(Call& call, const api::CreateSessionRequest&,
                      api::Session& response) const {
    if (absl::Status s = resources_.RequireDatabase(call.database()); !s.ok()) {
      return s;
    }
    const std::vector<NamedSession> created = resources_.store->Create(
        call.database(), std::any_cast<SessionTemplate&>(call.prepared), 1);
    if (created.empty()) return TooMany();
    Fill(created[0].name, created[0].session, response);
    return absl::OkStatus();
  }

  absl::Status BatchCreate(Call& call,
                           const api::BatchCreateSessionsRequest& request,
                           api::BatchCreateSessionsResponse& response) const {
    if (absl::Status s = resources_.RequireDatabase(call.database()); !s.ok()) {
      return s;
    }
    const std::vector<NamedSession> created = resources_.store->Create(
        call.database(), std::any_cast<SessionTemplate&>(call.prepared),
        std::min(request.session_count(),
                 resources_.store->limits().max_sessions_per_batch));
    // Never an empty success: a pool would ask again and again.
    if (created.empty()) return TooMany();
    for (const NamedSession& session : created) {
      Fill(session.name, session.session, *response.add_session());
    }
    return absl::OkStatus();
  }

  // Does not look at the database, as Google's emulator does not: what is
  // missing is the session, whatever else is missing too.
  absl::Status Get(Call& call, const api::GetSessionRequest&,
                   api::Session& response) const {
    const std::optional<Session> session =
        options_.get_session_counts_as_use
            ? resources_.store->Use(call.session())
            : resources_.store->Get(call.session());
    if (!session.has_value()) {
      return errors::SessionNotFound(call.session().full());
    }
    Fill(call.session(), *session, response);
    return absl::OkStatus();
  }

  absl::Status List(Call& call, const api::ListSessionsRequest& request,
                    api::ListSessionsResponse& response) const {
    ListRequest list;
    if (request.page_size() > 0 && request.page_size() <= kMaxPageSize) {
      list.page_size = request.page_size();
    } else {
      list.page_size = kMaxPageSize;
    }
    list.page_token = request.page_token();
    list.filter = std::any_cast<SessionFilter&&>(std::move(call.prepared));
    absl::StatusOr<ListPage> page =
        resources_.store->List(call.database(), list);
    if (!page.ok()) {
      return errors::InvalidField(call.method().name, "page_token",
                                  page.status().message());
    }
    // Not earlier: a bad page token is the worse mistake, and only the store
    // can tell.
    if (absl::Status s = resources_.RequireDatabase(call.database()); !s.ok()) {
      return s;
    }
    for (const NamedSession& session : page->sessions) {
      Fill(session.name, session.session, *response.add_sessions());
    }
    response.set_next_page_token(std::move(page->next_page_token));
    return absl::OkStatus();
  }

  // Of a missing session, too: deleting twice is deleting. Being refused is a
  // use.
  absl::Status Delete(Call& call, const api::DeleteSessionRequest&,
                      google::protobuf::Empty&) const {
    const std::optional<Session> session =
        resources_.store->Use(call.session());
    if (session.has_value() && session->multiplexed) {
      return errors::MultiplexedSessionDeleted();
    }
    resources_.store->Delete(call.session());
    return absl::OkStatus();
  }

 private:
  absl::Status TooMany() const {
    return errors::TooManySessions(resources_.store->limits().max_sessions);
  }

  const Resources resources_;
  const SessionServiceOptions options_;
};

}  // namespace

void AddSessionMethods(const Resources& resources,
                       const SessionServiceOptions& options,
                       MethodTable& table) {
  const auto methods =
      std::make_shared<const SessionMethods>(resources, options);
  const auto add = [&]<typename Request, typename Response>(
                       absl::string_view name,
                       absl::Status (SessionMethods::*method)(
                           Call&, const Request&, Response&) const,
                       const Validator& validate = nullptr) {
    table.Set(absl::StrCat("google.spanner.v1.Spanner.", name),
              Request::default_instance(),
              Unary<Request, Response>([methods, method](Call& call,
                                                         const Request& request,
                                                         Response& response) {
                return ((*methods).*method)(call, request, response);
              }),
              validate);
  };
  add("CreateSession", &SessionMethods::Create, ValidateCreate);
  add("BatchCreateSessions", &SessionMethods::BatchCreate, ValidateBatchCreate);
  add("GetSession", &SessionMethods::Get);
  add("ListSessions", &SessionMethods::List, ValidateList);
  add("DeleteSession", &SessionMethods::Delete);
}

}  // namespace spanner_session_emulator
