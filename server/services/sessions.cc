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
#include "server/services/session_bytes.h"
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

  // Each returns its response's bytes.

  absl::StatusOr<absl::string_view> Create(
      Call& call, const api::CreateSessionRequest&) const {
    if (absl::Status s = resources_.RequireDatabase(call.database()); !s.ok()) {
      return s;
    }
    const std::vector<NamedSession> created = resources_.store->Create(
        call.database(), std::any_cast<SessionTemplate&>(call.prepared), 1);
    if (created.empty()) return TooMany();
    if (absl::Status s = Outlived(call, created); !s.ok()) return s;
    return SerializeSession(created[0].name.full(), created[0].session,
                            call.arena());
  }

  absl::StatusOr<absl::string_view> BatchCreate(
      Call& call, const api::BatchCreateSessionsRequest& request) const {
    if (absl::Status s = resources_.RequireDatabase(call.database()); !s.ok()) {
      return s;
    }
    const std::vector<NamedSession> created = resources_.store->Create(
        call.database(), std::any_cast<SessionTemplate&>(call.prepared),
        std::min(request.session_count(),
                 resources_.store->limits().max_sessions_per_batch));
    // Never an empty success: a pool would ask again and again.
    if (created.empty()) return TooMany();
    if (absl::Status s = Outlived(call, created); !s.ok()) return s;
    return SerializeSessions(created, /*next_page_token=*/"", call.arena());
  }

  // Does not look at the database, as Google's emulator does not: what is
  // missing is the session, whatever else is missing too.
  absl::StatusOr<absl::string_view> Get(Call& call,
                                        const api::GetSessionRequest&) const {
    const std::optional<Session> session =
        options_.get_session_counts_as_use
            ? resources_.store->Use(call.session())
            : resources_.store->Get(call.session());
    if (!session.has_value()) {
      return errors::SessionNotFound(call.session().full());
    }
    return SerializeSession(call.session().full(), *session, call.arena());
  }

  absl::StatusOr<absl::string_view> List(
      Call& call, const api::ListSessionsRequest& request) const {
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
    return SerializeSessions(page->sessions, page->next_page_token,
                             call.arena());
  }

  // Of a missing session, too: deleting twice is deleting. Being refused is a
  // use.
  absl::StatusOr<absl::string_view> Delete(
      Call& call, const api::DeleteSessionRequest&) const {
    const std::optional<Session> session =
        resources_.store->Use(call.session());
    if (session.has_value() && session->multiplexed) {
      return errors::MultiplexedSessionDeleted();
    }
    resources_.store->Delete(call.session());
    return "";  // An Empty.
  }

 private:
  // The database may have been dropped while its sessions were created, too
  // late to take them with it.
  absl::Status Outlived(const Call& call,
                        const std::vector<NamedSession>& created) const {
    absl::Status status = resources_.RequireDatabase(call.database());
    if (status.ok()) return status;
    for (const NamedSession& session : created) {
      resources_.store->Delete(session.name);
    }
    return status;
  }

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
  const auto add = [&]<typename Request>(
                       absl::string_view name,
                       absl::StatusOr<absl::string_view> (
                           SessionMethods::*method)(Call&, const Request&)
                           const,
                       const google::protobuf::Message& response,
                       const Validator& validate = nullptr) {
    table.Set(absl::StrCat("google.spanner.v1.Spanner.", name),
              Request::default_instance(),
              UnaryBytes<Request>(
                  response,
                  [methods, method](Call& call, const Request& request) {
                    return ((*methods).*method)(call, request);
                  }),
              validate);
  };
  add("CreateSession", &SessionMethods::Create,
      api::Session::default_instance(), ValidateCreate);
  add("BatchCreateSessions", &SessionMethods::BatchCreate,
      api::BatchCreateSessionsResponse::default_instance(),
      ValidateBatchCreate);
  add("GetSession", &SessionMethods::Get, api::Session::default_instance());
  add("ListSessions", &SessionMethods::List,
      api::ListSessionsResponse::default_instance(), ValidateList);
  add("DeleteSession", &SessionMethods::Delete,
      google::protobuf::Empty::default_instance());
}

}  // namespace spanner_session_emulator
