// The admin API, as far as scripts go that set up what tests need:
// google.spanner.admin.instance.v1.InstanceAdmin,
// google.spanner.admin.database.v1.DatabaseAdmin and
// google.longrunning.Operations. All is done when a call returns; DDL is kept
// as text, and nobody reads it.
#ifndef SPANNER_SESSION_EMULATOR_SERVER_SERVICES_ADMIN_H_
#define SPANNER_SESSION_EMULATOR_SERVER_SERVICES_ADMIN_H_

#include <vector>

#include "google/protobuf/descriptor.h"
#include "server/call/method.h"
#include "server/services/operations.h"
#include "store/clock.h"
#include "store/database_catalog.h"
#include "store/mutex.h"
#include "store/session_store.h"

namespace spanner_session_emulator {

// What it works on. All must outlive the table that it is added to.
struct AdminResources {
  const Clock* clock;
  SessionStore* store;
  DatabaseCatalog* catalog;
  Operations* operations;
  // Held by who changes the catalogue, so that operations tell of what is.
  Mutex* changing;
};

// The services of the admin API.
std::vector<const google::protobuf::ServiceDescriptor*> AdminServices();

// Gives the methods of AdminServices() their handlers, where they have one.
void AddAdminMethods(const AdminResources& resources, MethodTable& table);

// The same for one service each.
void AddInstanceAdminMethods(const AdminResources& resources,
                             MethodTable& table);
void AddDatabaseAdminMethods(const AdminResources& resources,
                             MethodTable& table);
void AddOperationsMethods(const AdminResources& resources, MethodTable& table);

}  // namespace spanner_session_emulator

#endif  // SPANNER_SESSION_EMULATOR_SERVER_SERVICES_ADMIN_H_
