// FaultService of the control API.

#include <any>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/empty.pb.h"
#include "server/call/errors.h"
#include "server/mock/fault.h"
#include "server/mock/fault_registry.h"
#include "server/services/control.h"
#include "server/services/script_requests.h"
#include "server/services/unary.h"
#include "spanner_session_emulator/v1/faults.pb.h"
#include "store/names.h"

namespace spanner_session_emulator {
namespace {

absl::Status ValidateCreate(Call& call) {
  const auto& request = call.request<v1::CreateFaultRequest>();
  return PrepareOne<Fault>(call, kFaultKind, request.fault(),
                           request.fault_id());
}

void Fill(const FaultRegistry::Entry& entry, v1::Fault& out) {
  out = entry.fault->proto();
  out.set_match_count(entry.match_count);
  out.set_hit_count(entry.hit_count);
  out.set_held_call_count(entry.held_call_count);
}

absl::Status Create(FaultRegistry& registry, Call& call,
                    const v1::CreateFaultRequest&, v1::Fault& response) {
  const auto added =
      registry.Add(std::move(*std::any_cast<Prepared<Fault>>(call.prepared)));
  if (!added.ok()) return added.status();
  Fill(added->front(), response);
  return absl::OkStatus();
}

absl::Status List(FaultRegistry& registry, Call& call,
                  const v1::ListFaultsRequest& request,
                  v1::ListFaultsResponse& response) {
  const auto page_size = static_cast<size_t>(PageSize(request.page_size()));
  // One more, to know whether there is another page.
  std::vector<FaultRegistry::Entry> entries =
      registry.List(std::any_cast<int64_t>(call.prepared), page_size + 1);
  if (entries.size() > page_size) {
    entries.pop_back();
    response.set_next_page_token(absl::StrCat(entries.back().number));
  }
  for (const FaultRegistry::Entry& entry : entries) {
    Fill(entry, *response.add_faults());
  }
  return absl::OkStatus();
}

absl::Status Get(FaultRegistry& registry, Call&,
                 const v1::GetFaultRequest& request, v1::Fault& response) {
  const auto entry = registry.Find(request.name());
  if (!entry.has_value()) return errors::FaultNotFound(request.name());
  Fill(*entry, response);
  return absl::OkStatus();
}

absl::Status Delete(FaultRegistry& registry, Call&,
                    const v1::DeleteFaultRequest& request,
                    google::protobuf::Empty&) {
  return registry.Delete(request.name())
             ? absl::OkStatus()
             : errors::FaultNotFound(request.name());
}

absl::Status DeleteAll(FaultRegistry& registry, Call& call,
                       const v1::DeleteAllFaultsRequest&,
                       v1::DeleteAllFaultsResponse& response) {
  response.set_fault_count(
      registry.DeleteAll(std::any_cast<const Scope&>(call.prepared)));
  return absl::OkStatus();
}

absl::Status Release(FaultRegistry& registry, Call&,
                     const v1::ReleaseFaultRequest& request,
                     v1::ReleaseFaultResponse& response) {
  const std::optional<int64_t> released = registry.Release(request.name());
  if (!released.has_value()) return errors::FaultNotFound(request.name());
  response.set_call_count(*released);
  return absl::OkStatus();
}

absl::Status GetSeed(FaultRegistry& registry, Call&,
                     const v1::GetFaultSeedRequest&, v1::FaultSeed& response) {
  response.set_seed(registry.seed());
  return absl::OkStatus();
}

absl::Status SetSeed(FaultRegistry& registry, Call&,
                     const v1::SetFaultSeedRequest& request,
                     v1::FaultSeed& response) {
  registry.SetSeed(request.seed());
  response.set_seed(request.seed());
  return absl::OkStatus();
}

}  // namespace

void AddFaultMethods(FaultRegistry* faults, MethodTable& table) {
  const auto add = [&]<typename Request, typename Response>(
                       absl::string_view name,
                       absl::Status (*answer)(FaultRegistry&, Call&,
                                              const Request&, Response&),
                       const Validator& validate = nullptr) {
    table.Set(absl::StrCat("spanner_session_emulator.v1.FaultService.", name),
              Request::default_instance(),
              Unary<Request, Response>([faults, answer](Call& call,
                                                        const Request& request,
                                                        Response& response) {
                return answer(*faults, call, request, response);
              }),
              validate);
  };
  add("CreateFault", &Create, ValidateCreate);
  add("ListFaults", &List, ValidateList<v1::ListFaultsRequest>);
  add("GetFault", &Get, ValidateName<v1::GetFaultRequest, &kFaultKind>);
  add("DeleteFault", &Delete,
      ValidateName<v1::DeleteFaultRequest, &kFaultKind>);
  add("DeleteAllFaults", &DeleteAll, ValidateScope<v1::DeleteAllFaultsRequest>);
  add("ReleaseFault", &Release,
      ValidateName<v1::ReleaseFaultRequest, &kFaultKind>);
  add("GetFaultSeed", &GetSeed);
  add("SetFaultSeed", &SetSeed);
}

}  // namespace spanner_session_emulator
