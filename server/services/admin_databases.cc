// google.spanner.admin.database.v1.DatabaseAdmin: databases and their DDL.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "google/protobuf/empty.pb.h"
#include "google/spanner/admin/database/v1/spanner_database_admin.pb.h"
#include "server/call/errors.h"
#include "server/services/admin.h"
#include "server/services/admin_requests.h"
#include "server/services/resources.h"
#include "server/services/times.h"
#include "server/services/unary.h"

namespace spanner_session_emulator {
namespace {

namespace api = ::google::spanner::admin::database::v1;

using google::longrunning::Operation;

constexpr size_t kMaxDatabaseId = 30;

void SetDatabase(const std::string& name, const DatabaseRecord& record,
                 absl::Time now, api::Database& database) {
  // How far back a production database can be read by default.
  constexpr absl::Duration kRetention = absl::Hours(1);
  database.set_name(name);
  database.set_state(api::Database::READY);
  SetTimestamp(record.create_time, *database.mutable_create_time());
  database.set_version_retention_period("1h");
  SetTimestamp(std::max(record.create_time, now - kRetention),
               *database.mutable_earliest_version_time());
  if (!record.kms_key_name.empty() || !record.kms_key_names.empty()) {
    auto& encryption = *database.mutable_encryption_config();
    encryption.set_kms_key_name(record.kms_key_name);
    encryption.mutable_kms_key_names()->Assign(record.kms_key_names.begin(),
                                               record.kms_key_names.end());
  }
  database.set_database_dialect(record.dialect == Dialect::kPostgresql
                                    ? api::POSTGRESQL
                                    : api::GOOGLE_STANDARD_SQL);
  database.set_enable_drop_protection(record.drop_protection);
}

// Appends the statements without the blanks around them, and the semicolon at
// their ends. `field` is theirs, for errors.
absl::Status ReadStatements(
    const Call& call, absl::string_view field,
    const google::protobuf::RepeatedPtrField<std::string>& from,
    std::vector<std::string>& to) {
  for (int i = 0; i < from.size(); ++i) {
    absl::string_view statement = absl::StripAsciiWhitespace(from[i]);
    absl::ConsumeSuffix(&statement, ";");
    statement = absl::StripTrailingAsciiWhitespace(statement);
    if (statement.empty()) {
      return InvalidAdminField(call, absl::StrCat(field, "[", i, "]"),
                               "must be a DDL statement, but is empty");
    }
    to.emplace_back(statement);
  }
  return absl::OkStatus();
}

// Takes a word off the front of `text`, in any case, and the blanks behind it.
bool TakeWord(absl::string_view word, absl::string_view& text) {
  if (!absl::StartsWithIgnoreCase(text, word)) return false;
  text.remove_prefix(word.size());
  const absl::string_view rest = absl::StripLeadingAsciiWhitespace(text);
  const bool ends = rest.size() < text.size() || rest.empty() ||
                    rest.front() == '`' || rest.front() == '"';
  text = rest;
  return ends;
}

// The id in `CREATE DATABASE name`; nothing if the statement is another one. A
// name may stand in the dialect's quotes.
std::optional<std::string> DatabaseIdIn(absl::string_view statement,
                                        char quote) {
  absl::string_view text = absl::StripAsciiWhitespace(statement);
  absl::ConsumeSuffix(&text, ";");
  text = absl::StripTrailingAsciiWhitespace(text);
  if (!TakeWord("CREATE", text) || !TakeWord("DATABASE", text)) {
    return std::nullopt;
  }
  if (text.size() >= 2 && text.front() == quote && text.back() == quote) {
    return std::string(text.substr(1, text.size() - 2));
  }
  const bool is_plain = std::all_of(
      text.begin(), text.end(),
      [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_'; });
  if (!is_plain) return std::nullopt;
  return std::string(text);
}

struct DatabaseToCreate {
  DatabaseName name;
  DatabaseRecord record;
};

absl::Status ValidateCreate(Call& call) {
  const auto& request = call.request<api::CreateDatabaseRequest>();
  const auto instance = ReadName<InstanceName>(call);
  if (!instance.ok()) return instance.status();
  if (!api::DatabaseDialect_IsValid(request.database_dialect())) {
    return InvalidAdminField(call, "database_dialect",
                             "must be GOOGLE_STANDARD_SQL or POSTGRESQL");
  }
  const bool postgresql = request.database_dialect() == api::POSTGRESQL;
  const auto id =
      DatabaseIdIn(request.create_statement(), postgresql ? '"' : '`');
  if (!id.has_value()) {
    return InvalidAdminField(
        call, "create_statement",
        absl::StrFormat("must be CREATE DATABASE name, in which a name with a "
                        "hyphen stands in %s, but is \"%s\"",
                        postgresql ? "double quotes" : "backticks",
                        absl::Utf8SafeCEscape(request.create_statement())));
  }
  if (!IsAdminId(*id, "_-", kMaxDatabaseId)) {
    return InvalidAdminField(
        call, "create_statement",
        absl::StrCat("must name a database as [a-z][a-z0-9_-]*[a-z0-9], from 2 "
                     "to ",
                     kMaxDatabaseId, " characters, but names \"",
                     absl::Utf8SafeCEscape(*id), "\""));
  }
  auto name =
      DatabaseName::Parse(absl::StrCat(instance->full(), "/databases/", *id));
  if (!name.ok()) {
    return InvalidAdminField(call, "parent", name.status().message());
  }
  const api::EncryptionConfig& encryption = request.encryption_config();
  DatabaseToCreate to_create = {
      .name = *std::move(name),
      .record = {.dialect = postgresql ? Dialect::kPostgresql
                                       : Dialect::kGoogleStandardSql,
                 .proto_descriptors = request.proto_descriptors(),
                 .kms_key_name = encryption.kms_key_name(),
                 .kms_key_names = {encryption.kms_key_names().begin(),
                                   encryption.kms_key_names().end()}}};
  if (absl::Status s =
          ReadStatements(call, "extra_statements", request.extra_statements(),
                         to_create.record.statements);
      !s.ok()) {
    return s;
  }
  call.set_resource(to_create.name.full());
  call.prepared = std::move(to_create);
  return absl::OkStatus();
}

absl::Status ValidateUpdate(Call& call) {
  return CheckMask(call, "update_mask",
                   call.request<api::UpdateDatabaseRequest>().update_mask(),
                   {"enable_drop_protection"});
}

absl::Status ValidateUpdateDdl(Call& call) {
  const auto& request = call.request<api::UpdateDatabaseDdlRequest>();
  const std::string& id = request.operation_id();
  if (!id.empty() && !(absl::ascii_islower(static_cast<unsigned char>(id[0])) &&
                       id.size() <= kMaxNameBytes &&
                       std::all_of(id.begin(), id.end(), [](unsigned char c) {
                         return absl::ascii_islower(c) ||
                                absl::ascii_isdigit(c) || c == '_';
                       }))) {
    return InvalidAdminField(
        call, "operation_id",
        absl::StrCat("must be as [a-z][a-z0-9_]*, but is \"",
                     absl::Utf8SafeCEscape(id.substr(0, 256)), "\""));
  }
  if (request.statements().empty()) {
    return InvalidAdminField(call, "statements",
                             "must be there: DDL statements to be applied");
  }
  std::vector<std::string> statements;
  if (absl::Status s =
          ReadStatements(call, "statements", request.statements(), statements);
      !s.ok()) {
    return s;
  }
  call.prepared = std::move(statements);
  return absl::OkStatus();
}

absl::Status ValidateListOperations(Call& call) {
  const auto filter = ReadOperationFilter(
      call, call.request<api::ListDatabaseOperationsRequest>().filter());
  if (!filter.ok()) return filter.status();
  return ValidateName<InstanceName>(call);
}

class DatabaseMethods {
 public:
  explicit DatabaseMethods(const AdminResources& resources)
      : resources_(resources),
        exist_({.store = resources.store, .catalog = resources.catalog}) {}

  absl::Status List(Call& call, const api::ListDatabasesRequest& request,
                    api::ListDatabasesResponse& response) const {
    const auto& parent = PreparedName<InstanceName>(call);
    if (absl::Status s = exist_.RequireInstance(parent); !s.ok()) return s;
    const auto databases = resources_.catalog->Databases(parent);
    std::vector<std::string> names;
    names.reserve(databases.size());
    for (const auto& [name, _] : databases) names.push_back(name);
    const auto page = PageOf(call, names, parent.full(), request.page_size(),
                             request.page_token());
    if (!page.ok()) return page.status();
    for (size_t i = page->begin; i < page->end; ++i) {
      SetDatabase(names[i], databases[i].second, resources_.clock->Now(),
                  *response.add_databases());
    }
    response.set_next_page_token(page->next_page_token);
    return absl::OkStatus();
  }

  absl::Status Create(Call& call, const api::CreateDatabaseRequest&,
                      Operation& response) const {
    auto& [name, record] = *std::any_cast<DatabaseToCreate>(&call.prepared);
    record.create_time = resources_.clock->Now();
    MutexLock lock(resources_.changing);
    switch (resources_.catalog->Create(name, record)) {
      case CatalogProblem::kNone:
        break;
      case CatalogProblem::kDatabaseExists:
        return errors::DatabaseExists(name.full());
      default:
        return errors::InstanceNotFound(name.instance().full());
    }
    api::CreateDatabaseMetadata metadata;
    metadata.set_database(name.full());
    api::Database database;
    SetDatabase(name.full(), record, record.create_time, database);
    response =
        DoneOperation(Operations::NewName(name.full()), metadata, database);
    resources_.operations->Add(response);
    return absl::OkStatus();
  }

  absl::Status Get(Call& call, const api::GetDatabaseRequest&,
                   api::Database& response) const {
    const auto record = resources_.catalog->Find(call.database());
    if (!record.has_value()) return Missing(call.database());
    SetDatabase(call.database().full(), *record, resources_.clock->Now(),
                response);
    return absl::OkStatus();
  }

  absl::Status Update(Call& call, const api::UpdateDatabaseRequest& request,
                      Operation& response) const {
    const DatabaseName& name = call.database();
    const absl::Time now = resources_.clock->Now();
    MutexLock lock(resources_.changing);
    const auto record =
        resources_.catalog->Update(name, [&](DatabaseRecord& to) {
          to.drop_protection = request.database().enable_drop_protection();
        });
    if (!record.has_value()) return Missing(name);
    api::UpdateDatabaseMetadata metadata;
    *metadata.mutable_request() = request;
    SetProgress(now, *metadata.mutable_progress());
    api::Database database;
    SetDatabase(name.full(), *record, now, database);
    response =
        DoneOperation(Operations::NewName(name.full()), metadata, database);
    resources_.operations->Add(response);
    return absl::OkStatus();
  }

  absl::Status UpdateDdl(Call& call,
                         const api::UpdateDatabaseDdlRequest& request,
                         Operation& response) const {
    const DatabaseName& name = call.database();
    const auto& statements =
        *std::any_cast<std::vector<std::string>>(&call.prepared);
    const absl::Time now = resources_.clock->Now();
    api::UpdateDatabaseDdlMetadata metadata;
    metadata.set_database(name.full());
    for (const std::string& statement : statements) {
      metadata.add_statements(statement);
      SetTimestamp(now, *metadata.add_commit_timestamps());
      SetProgress(now, *metadata.add_progress());
    }
    response = DoneOperation(
        request.operation_id().empty()
            ? Operations::NewName(name.full())
            : absl::StrCat(name.full(), "/operations/", request.operation_id()),
        metadata, google::protobuf::Empty());
    MutexLock lock(resources_.changing);
    if (absl::Status s = exist_.RequireDatabase(name); !s.ok()) return s;
    if (!resources_.operations->Add(response)) {
      return errors::OperationExists(response.name());
    }
    resources_.catalog->Update(name, [&](DatabaseRecord& to) {
      to.statements.insert(to.statements.end(), statements.begin(),
                           statements.end());
      if (!request.proto_descriptors().empty()) {
        to.proto_descriptors = request.proto_descriptors();
      }
    });
    return absl::OkStatus();
  }

  absl::Status GetDdl(Call& call, const api::GetDatabaseDdlRequest&,
                      api::GetDatabaseDdlResponse& response) const {
    const auto record = resources_.catalog->Find(call.database());
    if (!record.has_value()) return Missing(call.database());
    response.mutable_statements()->Assign(record->statements.begin(),
                                          record->statements.end());
    response.set_proto_descriptors(record->proto_descriptors);
    return absl::OkStatus();
  }

  absl::Status Drop(Call& call, const api::DropDatabaseRequest&,
                    google::protobuf::Empty&) const {
    const DatabaseName& name = call.database();
    MutexLock lock(resources_.changing);
    switch (resources_.catalog->Delete(name)) {
      case CatalogProblem::kNone:
        break;
      case CatalogProblem::kNoDatabase:
        return absl::OkStatus();  // Dropping twice is dropping.
      case CatalogProblem::kProtected:
        return errors::DropProtected(name.full());
      default:
        return errors::InstanceNotFound(name.instance().full());
    }
    resources_.store->DropDatabase(name);
    resources_.operations->DeleteIn(name);
    return absl::OkStatus();
  }

  absl::Status ListOperations(
      Call& call, const api::ListDatabaseOperationsRequest& request,
      api::ListDatabaseOperationsResponse& response) const {
    const auto& parent = PreparedName<InstanceName>(call);
    if (absl::Status s = exist_.RequireInstance(parent); !s.ok()) return s;
    return ListOperationsOf(
        call, *resources_.operations,
        [prefix = absl::StrCat(parent.full(), "/databases/")](
            absl::string_view name) { return absl::StartsWith(name, prefix); },
        parent.full(), request, response);
  }

 private:
  static void SetProgress(absl::Time now, api::OperationProgress& progress) {
    progress.set_progress_percent(100);
    SetTimestamp(now, *progress.mutable_start_time());
    SetTimestamp(now, *progress.mutable_end_time());
  }

  // Of a database that does not exist, or did not a moment ago.
  absl::Status Missing(const DatabaseName& name) const {
    absl::Status status = exist_.RequireDatabase(name);
    return status.ok() ? errors::DatabaseNotFound(name.full()) : status;
  }

  const AdminResources resources_;
  const Resources exist_;
};

}  // namespace

void AddDatabaseAdminMethods(const AdminResources& resources,
                             MethodTable& table) {
  const auto methods = std::make_shared<const DatabaseMethods>(resources);
  const auto add = [&](absl::string_view name, auto method,
                       const Validator& validate = nullptr) {
    AddUnary(
        absl::StrCat("google.spanner.admin.database.v1.DatabaseAdmin.", name),
        methods, method, validate, table);
  };
  add("ListDatabases", &DatabaseMethods::List, ValidateName<InstanceName>);
  add("CreateDatabase", &DatabaseMethods::Create, ValidateCreate);
  add("GetDatabase", &DatabaseMethods::Get);
  add("UpdateDatabase", &DatabaseMethods::Update, ValidateUpdate);
  add("UpdateDatabaseDdl", &DatabaseMethods::UpdateDdl, ValidateUpdateDdl);
  add("DropDatabase", &DatabaseMethods::Drop);
  add("GetDatabaseDdl", &DatabaseMethods::GetDdl);
  add("ListDatabaseOperations", &DatabaseMethods::ListOperations,
      ValidateListOperations);
}

}  // namespace spanner_session_emulator
