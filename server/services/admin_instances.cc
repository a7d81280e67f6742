// google.spanner.admin.instance.v1.InstanceAdmin: instances and the configs
// that there are for them.

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/util/field_mask_util.h"
#include "google/spanner/admin/instance/v1/spanner_instance_admin.pb.h"
#include "server/auth/endpoints.h"
#include "server/call/errors.h"
#include "server/services/admin.h"
#include "server/services/admin_requests.h"
#include "server/services/times.h"
#include "server/services/unary.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::admin::instance::v1;

using google::longrunning::Operation;
using google::protobuf::util::FieldMaskUtil;

constexpr int kUnitsPerNode = 1000;
constexpr int kMaxNodes = 1'000'000;
constexpr size_t kMaxInstanceId = 64;
constexpr size_t kMaxLabels = 64;

constexpr absl::string_view kDefaultConfig = "emulator-config";

// ---- Configs.

// `projects/<project>/instanceConfigs/<config>`.
class ConfigName {
 public:
  static constexpr absl::string_view kPattern =
      "projects/<project>/instanceConfigs/<config>";

  static absl::StatusOr<ConfigName> Parse(const std::string& name) {
    const std::string collection = "/instanceConfigs/";
    const size_t at = name.find(collection);
    if (at != std::string::npos && name.size() <= kMaxNameBytes) {
      auto project = ProjectName::Parse(name.substr(0, at));
      std::string id = name.substr(at + collection.size());
      const bool is_id =
          !id.empty() && std::all_of(id.begin(), id.end(), [](unsigned char c) {
            return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
          });
      if (project.ok() && is_id) {
        return ConfigName(*std::move(project), std::move(id));
      }
    }
    return absl::InvalidArgumentError(
        absl::StrCat("must be ", kPattern, ", but is \"",
                     absl::Utf8SafeCEscape(name), "\""));
  }

  ConfigName(ProjectName project, std::string id)
      : project_(std::move(project)), id_(std::move(id)) {}

  const ProjectName& project() const { return project_; }
  const std::string& id() const { return id_; }
  std::string full() const {
    return absl::StrCat(project_.full(), "/instanceConfigs/", id_);
  }

 private:
  ProjectName project_;
  std::string id_;
};

// The ids of those that are listed, in order.
const std::vector<std::string>& ListedConfigs() {
  static const auto* const configs = [] {
    auto* all = new std::vector<std::string>{
        std::string(kDefaultConfig), "eur3", "nam-eur-asia1", "nam3", "nam6"};
    for (const absl::string_view location : Locations()) {
      if (location == "global") continue;
      all->push_back(absl::StrCat("regional-", location));
    }
    std::sort(all->begin(), all->end());
    return all;
  }();
  return *configs;
}

void SetConfig(const std::string& name, api::InstanceConfig& config) {
  config.set_name(name);
  const absl::string_view id = IdOf(name);
  config.set_display_name(id == kDefaultConfig ? "Emulator Instance Config"
                                               : std::string(id));
  config.set_config_type(absl::StartsWith(id, "custom-")
                             ? api::InstanceConfig::USER_MANAGED
                             : api::InstanceConfig::GOOGLE_MANAGED);
  config.set_state(api::InstanceConfig::READY);
}

// ---- Instances.

std::string ConfigOf(const std::string& name, const InstanceRecord& record) {
  return record.config.empty()
             ? absl::StrCat(name.substr(0, name.find("/instances/")),
                            "/instanceConfigs/", kDefaultConfig)
             : record.config;
}

void SetInstance(const std::string& name, const InstanceRecord& record,
                 api::Instance& instance) {
  instance.set_name(name);
  instance.set_config(ConfigOf(name, record));
  instance.set_display_name(record.display_name.empty()
                                ? std::string(IdOf(name))
                                : record.display_name);
  instance.set_node_count(record.processing_units / kUnitsPerNode);
  instance.set_processing_units(record.processing_units);
  instance.set_state(api::Instance::READY);
  instance.mutable_labels()->insert(record.labels.begin(), record.labels.end());
  instance.set_instance_type(
      static_cast<api::Instance::InstanceType>(record.instance_type));
  instance.set_edition(static_cast<api::Instance::Edition>(record.edition));
  instance.set_default_backup_schedule_type(
      static_cast<api::Instance::DefaultBackupScheduleType>(
          record.default_backup_schedule_type));
  SetTimestamp(record.create_time, *instance.mutable_create_time());
  SetTimestamp(record.update_time, *instance.mutable_update_time());
}

bool IsLabelText(absl::string_view text) {
  return text.size() <= 63 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  c == '_' || c == '-';
         });
}

absl::Status CheckLabels(const Call& call, const api::Instance& instance) {
  if (instance.labels().size() > kMaxLabels) {
    return InvalidAdminField(
        call, "instance.labels",
        absl::StrCat("must be at most ", kMaxLabels, ", but are ",
                     instance.labels().size()));
  }
  for (const auto& [key, value] : instance.labels()) {
    if (key.empty() || !IsLabelText(key) ||
        !absl::ascii_islower(static_cast<unsigned char>(key[0]))) {
      return InvalidAdminField(
          call, "instance.labels",
          absl::StrCat("must have keys as [a-z][a-z0-9_-]{0,62}, but has \"",
                       absl::Utf8SafeCEscape(key), "\""));
    }
    if (!IsLabelText(value)) {
      return InvalidAdminField(
          call, "instance.labels",
          absl::StrCat("must have values as [a-z0-9_-]{0,63}, but has \"",
                       absl::Utf8SafeCEscape(value), "\""));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCapacity(const Call& call, const api::Instance& instance) {
  if (instance.has_autoscaling_config()) {
    return InvalidAdminField(
        call, "instance.autoscaling_config",
        "is not supported; give node_count or processing_units");
  }
  if (instance.node_count() < 0 || instance.node_count() > kMaxNodes) {
    return InvalidAdminField(call, "instance.node_count",
                             absl::StrCat("must be from 0 to ", kMaxNodes,
                                          ", but is ", instance.node_count()));
  }
  const int units = instance.processing_units();
  if (units < 0 || units > kMaxNodes * kUnitsPerNode ||
      units % (units < kUnitsPerNode ? 100 : kUnitsPerNode) != 0) {
    return InvalidAdminField(
        call, "instance.processing_units",
        absl::StrCat("must be a multiple of 100 below 1000, and of 1000 above, "
                     "but is ",
                     units));
  }
  if (instance.node_count() > 0 && units > 0) {
    return InvalidAdminField(
        call, "instance.processing_units",
        "must not be there beside node_count: a node has 1000 of them");
  }
  return absl::OkStatus();
}

int UnitsOf(const api::Instance& instance) {
  return instance.node_count() > 0 ? instance.node_count() * kUnitsPerNode
                                   : instance.processing_units();
}

struct InstanceToCreate {
  InstanceName name;
  std::optional<ConfigName> config;
};

absl::Status ValidateCreate(Call& call) {
  const auto& request = call.request<api::CreateInstanceRequest>();
  const auto project = ReadName<ProjectName>(call);
  if (!project.ok()) return project.status();
  if (!IsAdminId(request.instance_id(), "-", kMaxInstanceId)) {
    return InvalidAdminField(
        call, "instance_id",
        absl::StrCat("must be as [a-z][-a-z0-9]*[a-z0-9], from 2 to ",
                     kMaxInstanceId, " characters, but is \"",
                     absl::Utf8SafeCEscape(request.instance_id()), "\""));
  }
  const api::Instance& instance = request.instance();
  const std::string name =
      absl::StrCat(project->full(), "/instances/", request.instance_id());
  if (!instance.name().empty() && instance.name() != name) {
    return InvalidAdminField(
        call, "instance.name",
        absl::StrCat("must be empty or ", name, ", but is \"",
                     absl::Utf8SafeCEscape(instance.name()), "\""));
  }
  auto instance_name = InstanceName::Parse(name);
  if (!instance_name.ok()) {
    return InvalidAdminField(call, "parent", instance_name.status().message());
  }
  InstanceToCreate to_create = {.name = *std::move(instance_name),
                                .config = std::nullopt};
  if (!instance.config().empty()) {
    auto config = ConfigName::Parse(instance.config());
    if (!config.ok()) {
      return InvalidAdminField(call, "instance.config",
                               config.status().message());
    }
    to_create.config = *std::move(config);
  }
  if (absl::Status s = CheckCapacity(call, instance); !s.ok()) return s;
  if (absl::Status s = CheckLabels(call, instance); !s.ok()) return s;
  call.prepared = std::move(to_create);
  call.set_resource(name);
  return absl::OkStatus();
}

struct InstanceToUpdate {
  InstanceName name;
  api::Instance changed;  // Only what the mask names.
};

absl::Status ValidateUpdate(Call& call) {
  const auto& request = call.request<api::UpdateInstanceRequest>();
  auto name = ReadName<InstanceName>(call);
  if (!name.ok()) return name.status();
  if (absl::Status s = CheckMask(
          call, "field_mask", request.field_mask(),
          {"display_name", "node_count", "processing_units", "labels",
           "instance_type", "edition", "default_backup_schedule_type",
           // There is none, but gcloud takes it away with every change.
           "autoscaling_config",
           // Python's client always names it; see Update().
           "config"});
      !s.ok()) {
    return s;
  }
  InstanceToUpdate to_update = {.name = *std::move(name), .changed = {}};
  FieldMaskUtil::MergeMessageTo(request.instance(), request.field_mask(),
                                FieldMaskUtil::MergeOptions(),
                                &to_update.changed);
  if (absl::Status s = CheckCapacity(call, to_update.changed); !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckLabels(call, to_update.changed); !s.ok()) return s;
  call.prepared = std::move(to_update);
  return absl::OkStatus();
}

absl::Status ValidateGet(Call& call) {
  const auto& mask = call.request<api::GetInstanceRequest>().field_mask();
  for (const std::string& path : mask.paths()) {
    if (FieldMaskUtil::IsValidPath<api::Instance>(path)) continue;
    return InvalidAdminField(
        call, "field_mask",
        absl::StrCat("must have paths in an instance, but has \"",
                     absl::Utf8SafeCEscape(path), "\""));
  }
  return ValidateName<InstanceName>(call);
}

// ---- The filter of a list: terms that must all hold.

struct FilterTerm {
  std::string field;  // `name`, `display_name`, `labels.key`, in lower case.
  std::string value;  // In lower case; `*`: any.
};

absl::StatusOr<std::vector<FilterTerm>> ParseFilter(absl::string_view text) {
  std::vector<FilterTerm> terms;
  for (const absl::string_view part :
       absl::StrSplit(text, absl::ByAnyChar(" \t\n"), absl::SkipEmpty())) {
    if (absl::EqualsIgnoreCase(part, "AND")) continue;
    const size_t colon = part.find(':');
    FilterTerm term = {
        .field = absl::AsciiStrToLower(part.substr(0, colon)),
        .value = colon == absl::string_view::npos
                     ? ""
                     : absl::AsciiStrToLower(part.substr(colon + 1))};
    const bool is_field =
        term.field == "name" || term.field == "display_name" ||
        (absl::StartsWith(term.field, "labels.") && term.field.size() > 7);
    if (!is_field || term.value.empty() ||
        term.value.find_first_of("\"'()<>=") != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat(
          "must be of terms as name:TEXT, display_name:TEXT, labels.KEY:TEXT "
          "and labels.KEY:*, with blanks or AND between them, but has \"",
          absl::Utf8SafeCEscape(part), "\""));
    }
    terms.push_back(std::move(term));
  }
  return terms;
}

bool Matches(const std::vector<FilterTerm>& terms,
             const api::Instance& instance) {
  return std::all_of(terms.begin(), terms.end(), [&](const FilterTerm& term) {
    std::string text;
    if (term.field == "name") {
      text = instance.name();
    } else if (term.field == "display_name") {
      text = instance.display_name();
    } else {
      const auto label = instance.labels().find(term.field.substr(7));
      if (label == instance.labels().end()) return false;
      text = label->second;
    }
    return term.value == "*" ||
           absl::StrContains(absl::AsciiStrToLower(text), term.value);
  });
}

absl::Status ValidateList(Call& call) {
  auto terms = ParseFilter(call.request<api::ListInstancesRequest>().filter());
  if (!terms.ok()) {
    return InvalidAdminField(call, "filter", terms.status().message());
  }
  if (auto project = ReadName<ProjectName>(call); !project.ok()) {
    return project.status();
  }
  call.prepared = *std::move(terms);
  return absl::OkStatus();
}

// ---- The methods.

class InstanceMethods {
 public:
  explicit InstanceMethods(const AdminResources& resources)
      : resources_(resources) {}

  absl::Status ListConfigs(Call& call,
                           const api::ListInstanceConfigsRequest& request,
                           api::ListInstanceConfigsResponse& response) const {
    const auto page = PageOf(call, ListedConfigs(), request.parent(),
                             request.page_size(), request.page_token());
    if (!page.ok()) return page.status();
    for (size_t i = page->begin; i < page->end; ++i) {
      SetConfig(absl::StrCat(request.parent(), "/instanceConfigs/",
                             ListedConfigs()[i]),
                *response.add_instance_configs());
    }
    response.set_next_page_token(page->next_page_token);
    return absl::OkStatus();
  }

  absl::Status GetConfig(Call& call, const api::GetInstanceConfigRequest&,
                         api::InstanceConfig& response) const {
    const auto& name = PreparedName<ConfigName>(call);
    if (absl::Status s = RequireConfig(name); !s.ok()) return s;
    SetConfig(name.full(), response);
    return absl::OkStatus();
  }

  absl::Status Create(Call& call, const api::CreateInstanceRequest& request,
                      Operation& response) const {
    const auto& [name, config] =
        *std::any_cast<InstanceToCreate>(&call.prepared);
    if (config.has_value()) {
      if (absl::Status s = RequireConfig(*config); !s.ok()) return s;
    }
    const api::Instance& from = request.instance();
    const absl::Time now = resources_.clock->Now();
    const InstanceRecord record = {
        .config = from.config(),
        .display_name = from.display_name(),
        .processing_units = UnitsOf(from),
        .labels = {from.labels().begin(), from.labels().end()},
        .instance_type = from.instance_type(),
        .edition = from.edition(),
        .default_backup_schedule_type = from.default_backup_schedule_type(),
        .create_time = now,
        .update_time = now};
    MutexLock lock(resources_.changing);
    if (resources_.catalog->Create(name, record) != CatalogProblem::kNone) {
      return errors::InstanceExists(name.full());
    }
    api::CreateInstanceMetadata metadata;
    SetInstance(name.full(), record, *metadata.mutable_instance());
    SetTimestamp(now, *metadata.mutable_start_time());
    SetTimestamp(now, *metadata.mutable_end_time());
    response = DoneOperation(Operations::NewName(name.full()), metadata,
                             metadata.instance());
    resources_.operations->Add(response);
    return absl::OkStatus();
  }

  absl::Status Get(Call& call, const api::GetInstanceRequest& request,
                   api::Instance& response) const {
    const auto& name = PreparedName<InstanceName>(call);
    const auto record = resources_.catalog->Find(name);
    if (!record.has_value()) return errors::InstanceNotFound(name.full());
    SetInstance(name.full(), *record, response);
    if (!request.field_mask().paths().empty()) {
      FieldMaskUtil::TrimMessage(request.field_mask(), &response);
    }
    return absl::OkStatus();
  }

  absl::Status List(Call& call, const api::ListInstancesRequest& request,
                    api::ListInstancesResponse& response) const {
    const auto& filter =
        *std::any_cast<std::vector<FilterTerm>>(&call.prepared);
    std::vector<std::string> names;
    std::vector<api::Instance> instances;
    for (const auto& [name, record] :
         resources_.catalog->Instances(request.parent())) {
      api::Instance instance;
      SetInstance(name, record, instance);
      if (!Matches(filter, instance)) continue;
      names.push_back(name);
      instances.push_back(std::move(instance));
    }
    const auto page = PageOf(
        call, names, absl::StrCat(request.parent(), "\n", request.filter()),
        request.page_size(), request.page_token());
    if (!page.ok()) return page.status();
    for (size_t i = page->begin; i < page->end; ++i) {
      *response.add_instances() = std::move(instances[i]);
    }
    response.set_next_page_token(page->next_page_token);
    return absl::OkStatus();
  }

  absl::Status Update(Call& call, const api::UpdateInstanceRequest& request,
                      Operation& response) const {
    const auto& to_update = *std::any_cast<InstanceToUpdate>(&call.prepared);
    const InstanceName& name = to_update.name;
    const api::Instance& from = to_update.changed;
    const absl::Time now = resources_.clock->Now();
    MutexLock lock(resources_.changing);
    const auto before = resources_.catalog->Find(name);
    if (!before.has_value()) return errors::InstanceNotFound(name.full());
    const std::string config = ConfigOf(name.full(), *before);
    if (!from.config().empty() && from.config() != config) {
      return InvalidAdminField(
          call, "instance.config",
          absl::StrCat("must be empty or ", config, " as it is, but is \"",
                       absl::Utf8SafeCEscape(from.config()), "\""));
    }
    const auto record =
        resources_.catalog->Update(name, [&](InstanceRecord& to) {
          for (const std::string& path : request.field_mask().paths()) {
            if (path == "display_name") to.display_name = from.display_name();
            if (path == "node_count" || path == "processing_units") {
              to.processing_units = UnitsOf(from);
            }
            if (path == "labels") {
              to.labels = {from.labels().begin(), from.labels().end()};
            }
            if (path == "instance_type") {
              to.instance_type = from.instance_type();
            }
            if (path == "edition") to.edition = from.edition();
            if (path == "default_backup_schedule_type") {
              to.default_backup_schedule_type =
                  from.default_backup_schedule_type();
            }
          }
          to.update_time = now;
        });
    api::UpdateInstanceMetadata metadata;
    SetInstance(name.full(), *record, *metadata.mutable_instance());
    SetTimestamp(now, *metadata.mutable_start_time());
    SetTimestamp(now, *metadata.mutable_end_time());
    response = DoneOperation(Operations::NewName(name.full()), metadata,
                             metadata.instance());
    resources_.operations->Add(response);
    return absl::OkStatus();
  }

  absl::Status Delete(Call& call, const api::DeleteInstanceRequest&,
                      google::protobuf::Empty&) const {
    const auto& name = PreparedName<InstanceName>(call);
    MutexLock lock(resources_.changing);
    switch (resources_.catalog->Delete(name)) {
      case CatalogProblem::kNone:
        break;
      case CatalogProblem::kProtected:
        return errors::DropProtected(name.full());
      default:
        return absl::OkStatus();  // Deleting twice is deleting.
    }
    resources_.store->Delete({.scope = name});
    resources_.operations->DeleteIn(name);
    return absl::OkStatus();
  }

 private:
  // Where nothing is strict, there is any.
  absl::Status RequireConfig(const ConfigName& name) const {
    const auto& listed = ListedConfigs();
    return !resources_.catalog->strict() ||
                   std::binary_search(listed.begin(), listed.end(), name.id())
               ? absl::OkStatus()
               : errors::InstanceConfigNotFound(name.full());
  }

  const AdminResources resources_;
};

}  // namespace

void AddInstanceAdminMethods(const AdminResources& resources,
                             MethodTable& table) {
  const auto methods = std::make_shared<const InstanceMethods>(resources);
  const auto add = [&](absl::string_view name, auto method,
                       const Validator& validate) {
    AddUnary(
        absl::StrCat("google.spanner.admin.instance.v1.InstanceAdmin.", name),
        methods, method, validate, table);
  };
  add("ListInstanceConfigs", &InstanceMethods::ListConfigs,
      ValidateName<ProjectName>);
  add("GetInstanceConfig", &InstanceMethods::GetConfig,
      ValidateName<ConfigName>);
  add("ListInstances", &InstanceMethods::List, ValidateList);
  add("GetInstance", &InstanceMethods::Get, ValidateGet);
  add("CreateInstance", &InstanceMethods::Create, ValidateCreate);
  add("UpdateInstance", &InstanceMethods::Update, ValidateUpdate);
  add("DeleteInstance", &InstanceMethods::Delete, ValidateName<InstanceName>);
}

}  // namespace spanner_session_emulator
