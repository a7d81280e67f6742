// StubService of the control API.

#include <any>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/empty.pb.h"
#include "server/call/errors.h"
#include "server/mock/stub.h"
#include "server/mock/stub_registry.h"
#include "server/services/control.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "store/names.h"

namespace spanner_session_emulator {
namespace {

constexpr int kMaxPageSize = 1000;

// Of the stubs in a page, so that the page fits into a message.
constexpr size_t kMaxPageBytes = size_t{16} << 20;

// As std::any takes only what can be copied.
using PreparedStubs = std::shared_ptr<Stubs>;

// For what is wrong in the request's `field`: `answer.rows[0] must …`.
absl::Status InvalidIn(const Call& call, absl::string_view field,
                       const absl::Status& problem) {
  const std::pair<absl::string_view, absl::string_view> field_and_problem =
      absl::StrSplit(problem.message(), absl::MaxSplits(' ', 1));
  return errors::InvalidField(call.method().name,
                              absl::StrCat(field, ".", field_and_problem.first),
                              field_and_problem.second);
}

absl::Status ValidateCreate(Call& call) {
  const auto& request = call.request<v1::CreateStubRequest>();
  absl::StatusOr<std::unique_ptr<Stub>> stub = Stub::Make(request.stub());
  if (!stub.ok()) return InvalidIn(call, "stub", stub.status());
  if (!request.stub_id().empty()) {
    std::string name = absl::StrCat("stubs/", request.stub_id());
    if (!IsStubName(name)) {
      return errors::InvalidField(
          call.method().name, "stub_id",
          "must have 1 to 63 letters, digits, `-`, `_` and `.`");
    }
    if (!request.stub().name().empty() && request.stub().name() != name) {
      return errors::InvalidField(call.method().name, "stub_id",
                                  "must be that of stub.name, if both are "
                                  "there");
    }
    (*stub)->set_name(std::move(name));
  }
  auto stubs = std::make_shared<Stubs>();
  stubs->push_back(*std::move(stub));
  call.prepared = PreparedStubs(std::move(stubs));
  return absl::OkStatus();
}

absl::Status ValidateImport(Call& call) {
  absl::StatusOr<Stubs> stubs =
      MakeStubs(call.request<v1::ImportScriptRequest>().script());
  if (!stubs.ok()) return InvalidIn(call, "script", stubs.status());
  call.prepared = std::make_shared<Stubs>(*std::move(stubs));
  return absl::OkStatus();
}

absl::Status ValidateList(Call& call) {
  const auto& request = call.request<v1::ListStubsRequest>();
  if (request.page_size() < 0) {
    return errors::InvalidField(call.method().name, "page_size",
                                "must not be negative");
  }
  int64_t after = 0;
  if (!request.page_token().empty() &&
      (!absl::SimpleAtoi(request.page_token(), &after) || after <= 0 ||
       request.page_token() != absl::StrCat(after))) {
    return errors::InvalidField(call.method().name, "page_token",
                                "is not a next_page_token of stubs");
  }
  call.prepared = after;
  return absl::OkStatus();
}

template <typename Request>
absl::Status ValidateName(Call& call) {
  return IsStubName(call.request<Request>().name())
             ? absl::OkStatus()
             : errors::InvalidField(call.method().name, "name",
                                    kStubNameProblem);
}

absl::Status ValidateDeleteAll(Call& call) {
  absl::StatusOr<Scope> scope =
      Scope::Parse(call.request<v1::DeleteAllStubsRequest>().scope());
  if (!scope.ok()) {
    return errors::InvalidField(call.method().name, "scope",
                                scope.status().message());
  }
  call.prepared = *std::move(scope);
  return absl::OkStatus();
}

void Fill(const StubRegistry::Entry& entry, v1::Stub& out) {
  out = entry.stub->proto();
  out.set_hit_count(entry.hit_count);
}

absl::Status Create(StubRegistry& registry, Call& call,
                    const v1::CreateStubRequest&, v1::Stub& response) {
  const auto added =
      registry.Add(std::move(*std::any_cast<PreparedStubs>(call.prepared)));
  if (!added.ok()) return added.status();
  Fill(added->front(), response);
  return absl::OkStatus();
}

absl::Status List(StubRegistry& registry, Call& call,
                  const v1::ListStubsRequest& request,
                  v1::ListStubsResponse& response) {
  const int page_size =
      request.page_size() == 0 || request.page_size() > kMaxPageSize
          ? kMaxPageSize
          : request.page_size();
  // One more, to know whether there is another page.
  const std::vector<StubRegistry::Entry> entries =
      registry.List(std::any_cast<int64_t>(call.prepared),
                    static_cast<size_t>(page_size) + 1);
  size_t bytes = 0;
  int64_t last = 0;
  for (const StubRegistry::Entry& entry : entries) {
    bytes += entry.stub->proto().ByteSizeLong();
    if (response.stubs_size() == page_size ||
        (response.stubs_size() > 0 && bytes > kMaxPageBytes)) {
      response.set_next_page_token(absl::StrCat(last));
      break;
    }
    Fill(entry, *response.add_stubs());
    last = entry.number;
  }
  return absl::OkStatus();
}

absl::Status Get(StubRegistry& registry, Call&,
                 const v1::GetStubRequest& request, v1::Stub& response) {
  const auto entry = registry.Find(request.name());
  if (!entry.has_value()) return errors::StubNotFound(request.name());
  Fill(*entry, response);
  return absl::OkStatus();
}

absl::Status Delete(StubRegistry& registry, Call&,
                    const v1::DeleteStubRequest& request,
                    google::protobuf::Empty&) {
  return registry.Delete(request.name()) ? absl::OkStatus()
                                         : errors::StubNotFound(request.name());
}

absl::Status DeleteAll(StubRegistry& registry, Call& call,
                       const v1::DeleteAllStubsRequest&,
                       v1::DeleteAllStubsResponse& response) {
  response.set_stub_count(
      registry.DeleteAll(std::any_cast<const Scope&>(call.prepared)));
  return absl::OkStatus();
}

absl::Status Import(StubRegistry& registry, Call& call,
                    const v1::ImportScriptRequest&,
                    v1::ImportScriptResponse& response) {
  const auto added =
      registry.Add(std::move(*std::any_cast<PreparedStubs>(call.prepared)));
  if (!added.ok()) return added.status();
  response.set_stub_count(static_cast<int64_t>(added->size()));
  return absl::OkStatus();
}

absl::Status Export(StubRegistry& registry, Call&,
                    const v1::ExportScriptRequest&, v1::Script& response) {
  for (const StubRegistry::Entry& entry : registry.List(0, SIZE_MAX)) {
    *response.add_stubs() = entry.stub->proto();
  }
  return absl::OkStatus();
}

}  // namespace

void AddStubMethods(StubRegistry* stubs, MethodTable& table) {
  const auto add = [&]<typename Request, typename Response>(
                       absl::string_view name,
                       absl::Status (*answer)(StubRegistry&, Call&,
                                              const Request&, Response&),
                       const Validator& validate = nullptr) {
    table.Set(absl::StrCat("spanner_session_emulator.v1.StubService.", name),
              Request::default_instance(),
              Unary<Request, Response>([stubs, answer](Call& call,
                                                       const Request& request,
                                                       Response& response) {
                return answer(*stubs, call, request, response);
              }),
              validate);
  };
  add("CreateStub", &Create, ValidateCreate);
  add("ListStubs", &List, ValidateList);
  add("GetStub", &Get, ValidateName<v1::GetStubRequest>);
  add("DeleteStub", &Delete, ValidateName<v1::DeleteStubRequest>);
  add("DeleteAllStubs", &DeleteAll, ValidateDeleteAll);
  add("ImportScript", &Import, ValidateImport);
  add("ExportScript", &Export);
}

}  // namespace spanner_session_emulator
