// Creates sessions in a running server and prints their names, one a line.
// Succeeds only if the first of them can be read back, so that a benchmark that
// sends the same GetSession measures answers and not errors.

#include <grpcpp/grpcpp.h>
#include <stdio.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "google/spanner/v1/spanner.grpc.pb.h"

ABSL_FLAG(std::string, target, "127.0.0.1:9010", "The server.");
ABSL_FLAG(int, count, 1000, "How many sessions to create.");
ABSL_FLAG(std::string, database, "projects/p/instances/i/databases/d",
          "Where to create them.");
ABSL_FLAG(std::string, token, "", "Sent as `authorization: Bearer`.");

namespace {

namespace spanner = google::spanner::v1;

bool Succeeded(const char* method, const grpc::Status& status) {
  if (!status.ok()) {
    fprintf(stderr, "%s: %d %s\n", method, status.error_code(),
            status.error_message().c_str());
  }
  return status.ok();
}

// For one call.
std::unique_ptr<grpc::ClientContext> Context() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_wait_for_ready(true);
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::seconds(10));
  if (const std::string token = absl::GetFlag(FLAGS_token); !token.empty()) {
    context->AddMetadata("authorization", "Bearer " + token);
  }
  return context;
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const int count = absl::GetFlag(FLAGS_count);
  const auto stub = spanner::Spanner::NewStub(grpc::CreateChannel(
      absl::GetFlag(FLAGS_target), grpc::InsecureChannelCredentials()));

  std::vector<std::string> names;
  while (static_cast<int>(names.size()) < count) {
    spanner::BatchCreateSessionsRequest request;
    request.set_database(absl::GetFlag(FLAGS_database));
    request.set_session_count(count - static_cast<int>(names.size()));
    spanner::BatchCreateSessionsResponse response;
    if (!Succeeded(
            "BatchCreateSessions",
            stub->BatchCreateSessions(Context().get(), request, &response))) {
      return 1;
    }
    // A batch may hold fewer than asked for, but an empty one would never end.
    if (response.session().empty()) {
      fprintf(stderr, "an empty batch\n");
      return 1;
    }
    for (const spanner::Session& session : response.session()) {
      names.push_back(session.name());
    }
  }
  if (names.empty()) return 0;

  spanner::GetSessionRequest request;
  request.set_name(names.front());
  spanner::Session session;
  if (!Succeeded("GetSession",
                 stub->GetSession(Context().get(), request, &session))) {
    return 1;
  }
  if (session.name() != names.front()) {
    fprintf(stderr, "asked for %s, got %s\n", names.front().c_str(),
            session.name().c_str());
    return 1;
  }
  for (const std::string& name : names) puts(name.c_str());
  return 0;
}
