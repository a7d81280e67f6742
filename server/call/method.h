// Which methods there are, read from the protobuf descriptors or an outline.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_CALL_METHOD_H_
#define SPANNER_SESSION_EMULATOR_SERVER_CALL_METHOD_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "server/call/call.h"
#include "server/call/call_meter.h"
#include "server/call/reply.h"

namespace spanner_session_emulator {

// A plain function from a call to its reply. It runs after all checks that do
// not depend on what exists, and never waits.
using Handler = std::function<Reply(Call&)>;

// Looks at a request beyond its name, before anybody asks who may call; may
// leave what it found in Call::prepared.
using Validator = std::function<absl::Status(Call&)>;

// What a method's request names in its field for the resource. The pipeline
// parses the names of databases and sessions; what else there is (projects,
// instances, operations ...) is its validator's to parse.
enum class ResourceKind { kNone, kOther, kDatabase, kSession };

// Whose method it is: what its callers have to show depends on that.
enum class ApiKind {
  kOpen,     // Health, and what belongs to no API.
  kGoogle,   // google.spanner.*, google.longrunning.*
  kControl,  // spanner_session_emulator.*
};

// By a full name of a method or a path to it, be it one that does not exist.
ApiKind ApiKindOf(absl::string_view method);

// Reads the resource's name out of a request of the method's type.
using ResourceReader =
    std::function<std::string(const google::protobuf::Message&)>;

// A way to call a method by HTTP, as google.api.http has it.
struct HttpPath {
  std::string http_method;  // `GET`
  std::string path;         // `/v1/{name=projects/*/instances/*/operations/*}`
  bool has_body = false;    // Which is the request.
};

struct Method {
  std::string name;       // `GetSession`
  std::string full_name;  // `google.spanner.v1.Spanner.GetSession`
  std::string path;       // `/google.spanner.v1.Spanner/GetSession`
  ApiKind api_kind = ApiKind::kOpen;
  // Of which a caller's token must have one.
  std::vector<std::string> oauth_scopes;
  // Whether errors must not quote from the request.
  bool has_secrets = false;
  bool known = false;  // False in the stand-in for one that does not exist.
  bool client_streaming = false;
  bool server_streaming = false;
  // Whether its replies may have to be waited for, though it is unary.
  bool may_wait = false;
  // Of the request; null where nobody has given it.
  const google::protobuf::Message* request_prototype = nullptr;
  // Not empty: what goes before its annotation, as a service's configuration
  // does.
  std::vector<HttpPath> http_paths;
  // The field with a google.api.resource_reference to a session or database; if
  // there is none, that with another name, be it in a message of its own.
  ResourceKind resource_kind = ResourceKind::kNone;
  std::string resource_field;  // `name`, `database.name`
  ResourceReader resource;     // Null for kNone.

  Validator validate;  // May be null: nothing to look at.
  Handler handle;

  // Of its calls; null in the stand-in.
  std::unique_ptr<CallMeter> meter;

  // An empty request in `arena`; null in the stand-in.
  google::protobuf::Message* NewRequest(google::protobuf::Arena* arena) const;

  // Null in the stand-in. Slow where the descriptors have not been read yet.
  const google::protobuf::MethodDescriptor* descriptor() const;

  // Gives the service that it is of; null in the stand-in.
  std::function<const google::protobuf::ServiceDescriptor*()> service;
};

// What descriptors say of a method, written down, so that it can be called
// before protobuf has read them.
struct MethodOutline {
  const char* name;
  const google::protobuf::Message& (*request)();
  ResourceKind resource_kind;
  const char* resource_field;
  std::string (*resource)(const google::protobuf::Message&);
  bool server_streaming = false;
};
struct ServiceOutline {
  const char* full_name;
  std::vector<std::string> oauth_scopes;
  absl::Span<const MethodOutline> methods;
  // For who needs more than that.
  const google::protobuf::ServiceDescriptor* (*descriptor)();
};

// Stands in for a method that nobody has, so that calls of it take the same way
// as any other; answers with an error that names `path`.
Method UnknownMethod(std::string path);

// The methods of the services that are served, in the order of their
// declaration. Not thread-safe, but a Method stays where it is and as it is
// when others are added.
class MethodTable {
 public:
  // Adds the methods of a service. Those that get no handler of their own by
  // Set() are answered by `fallback`.
  void AddService(const google::protobuf::ServiceDescriptor* service,
                  const Handler& fallback);

  // The same without asking for descriptors.
  void AddOutline(const ServiceOutline& service, const Handler& fallback);

  // Gives a method, by its full name, its handler, which takes requests of the
  // prototype's type. The method must be there and its request of that type.
  void Set(absl::string_view full_name,
           const google::protobuf::Message& request_prototype, Handler handle,
           Validator validate = nullptr);

  // Says of a method what its annotations do not say, or say otherwise. It must
  // be there.
  void SetOauthScopes(absl::string_view full_name,
                      std::vector<std::string> scopes);
  void SetHttpPaths(absl::string_view full_name, std::vector<HttpPath> paths);

  // Has a method's errors not quote from its requests. It must be there.
  void SetHasSecrets(absl::string_view full_name);

  // Has a unary method's handler reply with a source where it has to wait. It
  // must be there.
  void SetMayWait(absl::string_view full_name);

  // By the path that gRPC calls it by; null if nobody has it.
  const Method* Find(absl::string_view path) const;

  const std::vector<std::unique_ptr<Method>>& methods() const {
    return methods_;
  }

 private:
  void Add(std::unique_ptr<Method> method, const Handler& fallback);
  Method& At(absl::string_view full_name);

  std::vector<std::unique_ptr<Method>> methods_;  // Their addresses are kept.
  absl::flat_hash_map<std::string, Method*> by_path_;
};

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_CALL_METHOD_H_
