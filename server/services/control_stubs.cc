// StubService of the control API.

#include <any>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/empty.pb.h"
#include "server/call/errors.h"
#include "server/mock/fault.h"
#include "server/mock/fault_registry.h"
#include "server/mock/stub.h"
#include "server/mock/stub_registry.h"
#include "server/services/control.h"
#include "server/services/script_requests.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "store/names.h"

namespace spanner_session_emulator {
namespace {

// Of the stubs in a page, so that the page fits into a message.
constexpr size_t kMaxPageBytes = size_t{16} << 20;

absl::Status ValidateCreate(Call& call) {
  const auto& request = call.request<v1::CreateStubRequest>();
  return PrepareOne<Stub>(call, kStubKind, request.stub(), request.stub_id());
}

// As std::any takes only what can be copied.
struct PreparedScript {
  Prepared<Stub> stubs;
  Prepared<Fault> faults;
};

absl::Status ValidateImport(Call& call) {
  const v1::Script& script = call.request<v1::ImportScriptRequest>().script();
  auto stubs = MakeScripted<Stub>(kStubKind, script.stubs());
  if (!stubs.ok()) return InvalidIn(call, "script", stubs.status());
  auto faults = MakeScripted<Fault>(kFaultKind, script.faults());
  if (!faults.ok()) return InvalidIn(call, "script", faults.status());
  call.prepared =
      PreparedScript{.stubs = std::make_shared<Stubs>(*std::move(stubs)),
                     .faults = std::make_shared<Faults>(*std::move(faults))};
  return absl::OkStatus();
}

void Fill(const StubRegistry::Entry& entry, v1::Stub& out) {
  out = entry.stub->proto();
  out.set_hit_count(entry.hit_count);
}

absl::Status Create(StubRegistry& registry, Call& call,
                    const v1::CreateStubRequest&, v1::Stub& response) {
  const auto added =
      registry.Add(std::move(*std::any_cast<Prepared<Stub>>(call.prepared)));
  if (!added.ok()) return added.status();
  Fill(added->front(), response);
  return absl::OkStatus();
}

absl::Status List(StubRegistry& registry, Call& call,
                  const v1::ListStubsRequest& request,
                  v1::ListStubsResponse& response) {
  const int page_size = PageSize(request.page_size());
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

// All or nothing: the faults first, which a call could only see too early.
absl::Status Import(StubRegistry& stubs, FaultRegistry& faults, Call& call,
                    v1::ImportScriptResponse& response) {
  const auto& prepared = std::any_cast<const PreparedScript&>(call.prepared);
  const auto added_faults = faults.Add(std::move(*prepared.faults));
  if (!added_faults.ok()) return added_faults.status();
  const auto added_stubs = stubs.Add(std::move(*prepared.stubs));
  if (!added_stubs.ok()) {
    for (const auto& entry : *added_faults) faults.Delete(entry.fault->name());
    return added_stubs.status();
  }
  response.set_stub_count(static_cast<int64_t>(added_stubs->size()));
  response.set_fault_count(static_cast<int64_t>(added_faults->size()));
  return absl::OkStatus();
}

void Export(const StubRegistry& stubs, const FaultRegistry& faults,
            v1::Script& script) {
  for (const StubRegistry::Entry& entry : stubs.List(0, SIZE_MAX)) {
    *script.add_stubs() = entry.stub->proto();
  }
  for (const FaultRegistry::Entry& entry : faults.List(0, SIZE_MAX)) {
    *script.add_faults() = entry.fault->proto();
  }
}

}  // namespace

void AddStubMethods(StubRegistry* stubs, FaultRegistry* faults,
                    MethodTable& table) {
  const auto name = [](absl::string_view method) {
    return absl::StrCat("spanner_session_emulator.v1.StubService.", method);
  };
  const auto add = [&]<typename Request, typename Response>(
                       absl::string_view method,
                       absl::Status (*answer)(StubRegistry&, Call&,
                                              const Request&, Response&),
                       const Validator& validate = nullptr) {
    table.Set(name(method), Request::default_instance(),
              Unary<Request, Response>([stubs, answer](Call& call,
                                                       const Request& request,
                                                       Response& response) {
                return answer(*stubs, call, request, response);
              }),
              validate);
  };
  add("CreateStub", &Create, ValidateCreate);
  add("ListStubs", &List, ValidateList<v1::ListStubsRequest>);
  add("GetStub", &Get, ValidateName<v1::GetStubRequest, &kStubKind>);
  add("DeleteStub", &Delete, ValidateName<v1::DeleteStubRequest, &kStubKind>);
  add("DeleteAllStubs", &DeleteAll, ValidateScope<v1::DeleteAllStubsRequest>);
  table.Set(name("ImportScript"), v1::ImportScriptRequest::default_instance(),
            Unary<v1::ImportScriptRequest, v1::ImportScriptResponse>(
                [stubs, faults](Call& call, const v1::ImportScriptRequest&,
                                v1::ImportScriptResponse& response) {
                  return Import(*stubs, *faults, call, response);
                }),
            ValidateImport);
  table.Set(name("ExportScript"), v1::ExportScriptRequest::default_instance(),
            Unary<v1::ExportScriptRequest, v1::Script>(
                [stubs, faults](Call&, const v1::ExportScriptRequest&,
                                v1::Script& script) {
                  Export(*stubs, *faults, script);
                  return absl::OkStatus();
                }));
}

}  // namespace spanner_session_emulator
