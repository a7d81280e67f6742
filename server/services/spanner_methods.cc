#include "server/services/spanner_methods.h"

#include <string>

#include "google/spanner/v1/spanner.pb.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::v1;

using google::protobuf::Message;

constexpr bool kStreaming = true;

template <typename Request, const std::string& (Request::*kField)() const>
constexpr MethodOutline Outline(const char* name, ResourceKind kind,
                                const char* field, bool streaming) {
  return {
      .name = name,
      .request = []() -> const Message& { return Request::default_instance(); },
      .resource_kind = kind,
      .resource_field = field,
      .resource =
          [](const Message& request) {
            return (static_cast<const Request&>(request).*kField)();
          },
      .server_streaming = streaming};
}

template <typename Request, const std::string& (Request::*kField)() const>
constexpr MethodOutline OfDatabase(const char* name, const char* field,
                                   bool streaming = false) {
  return Outline<Request, kField>(name, ResourceKind::kDatabase, field,
                                  streaming);
}

template <typename Request, const std::string& (Request::*kField)() const>
constexpr MethodOutline OfSession(const char* name, const char* field,
                                  bool streaming = false) {
  return Outline<Request, kField>(name, ResourceKind::kSession, field,
                                  streaming);
}

constexpr MethodOutline kMethods[] = {
    OfDatabase<api::CreateSessionRequest, &api::CreateSessionRequest::database>(
        "CreateSession", "database"),
    OfDatabase<api::BatchCreateSessionsRequest,
               &api::BatchCreateSessionsRequest::database>(
        "BatchCreateSessions", "database"),
    OfSession<api::GetSessionRequest, &api::GetSessionRequest::name>(
        "GetSession", "name"),
    OfDatabase<api::ListSessionsRequest, &api::ListSessionsRequest::database>(
        "ListSessions", "database"),
    OfSession<api::DeleteSessionRequest, &api::DeleteSessionRequest::name>(
        "DeleteSession", "name"),
    OfSession<api::ExecuteSqlRequest, &api::ExecuteSqlRequest::session>(
        "ExecuteSql", "session"),
    OfSession<api::ExecuteSqlRequest, &api::ExecuteSqlRequest::session>(
        "ExecuteStreamingSql", "session", kStreaming),
    OfSession<api::ExecuteBatchDmlRequest,
              &api::ExecuteBatchDmlRequest::session>("ExecuteBatchDml",
                                                     "session"),
    OfSession<api::ReadRequest, &api::ReadRequest::session>("Read", "session"),
    OfSession<api::ReadRequest, &api::ReadRequest::session>(
        "StreamingRead", "session", kStreaming),
    OfSession<api::BeginTransactionRequest,
              &api::BeginTransactionRequest::session>("BeginTransaction",
                                                      "session"),
    OfSession<api::CommitRequest, &api::CommitRequest::session>("Commit",
                                                                "session"),
    OfSession<api::RollbackRequest, &api::RollbackRequest::session>("Rollback",
                                                                    "session"),
    OfSession<api::PartitionQueryRequest, &api::PartitionQueryRequest::session>(
        "PartitionQuery", "session"),
    OfSession<api::PartitionReadRequest, &api::PartitionReadRequest::session>(
        "PartitionRead", "session"),
    OfSession<api::BatchWriteRequest, &api::BatchWriteRequest::session>(
        "BatchWrite", "session", kStreaming),
    OfDatabase<api::FetchCacheUpdateRequest,
               &api::FetchCacheUpdateRequest::database>("FetchCacheUpdate",
                                                        "database", kStreaming),
};

}  // namespace

const google::protobuf::ServiceDescriptor* SpannerService() {
  // No code is generated for services, but their files describe them.
  return api::Session::descriptor()->file()->FindServiceByName("Spanner");
}

void AddSpannerMethods(const Handler& fallback, MethodTable& table) {
  table.AddOutline(
      {.full_name = "google.spanner.v1.Spanner",
       .oauth_scopes = {"https://www.googleapis.com/auth/cloud-platform",
                        "https://www.googleapis.com/auth/spanner.data"},
       .methods = kMethods,
       .descriptor = SpannerService},
      fallback);
}

}  // namespace spanner_session_emulator
