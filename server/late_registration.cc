// Puts off what protobuf does before main(): it parses the descriptors of all
// generated files, a quarter of a start. Here, their constructors only take
// notes, as the linker sends them to __wrap_… (see BUILD.bazel), and the work
// is done when somebody first needs descriptors. A protobuf library whose
// constructors have another name has its files registered before main(), as
// ever.
//
// Only for the server program: a library must not do so to other programs.

#include <array>
#include <cstddef>
#include <mutex>

namespace google::protobuf::internal {
struct DescriptorTable;
}  // namespace google::protobuf::internal

// AddDescriptorsRunner::AddDescriptorsRunner(const DescriptorTable*).
#define CONSTRUCTOR \
  _ZN6google8protobuf8internal20AddDescriptorsRunnerC1EPKNS1_15DescriptorTableE
#define JOIN(a, b) a##b
#define REAL(name) JOIN(__real_, name)
#define WRAPPED(name) JOIN(__wrap_, name)

using google::protobuf::internal::DescriptorTable;

extern "C" void REAL(CONSTRUCTOR)(void* self, const DescriptorTable* table)
    __attribute__((weak));

namespace {

// Filled before main(), in no known order with other constructors, so it needs
// none itself. With room for many times what there is.
std::array<const DescriptorTable*, 512> tables;
size_t table_count = 0;

}  // namespace

extern "C" void WRAPPED(CONSTRUCTOR)(void* self, const DescriptorTable* table) {
  if (table_count == tables.size()) {
    REAL(CONSTRUCTOR)(self, table);
    return;
  }
  tables[table_count++] = table;
}

namespace spanner_session_emulator {

// What NeedDescriptors() calls (call/descriptors.h).
void RegisterDescriptors() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (size_t i = 0; i < table_count; ++i) {
      char self = 0;  // The object is empty.
      REAL(CONSTRUCTOR)(&self, tables[i]);
    }
  });
}

}  // namespace spanner_session_emulator
