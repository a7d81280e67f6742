// The outline of Spanner's methods says what their descriptors say.

#include "server/services/spanner_methods.h"

#include <memory>

#include "absl/status/status.h"
#include "google/protobuf/arena.h"
#include "gtest/gtest.h"
#include "server/call/method.h"
#include "server/call/reply.h"

namespace spanner_session_emulator {
namespace {

Reply Fallback(Call&) { return Reply::Error(absl::AbortedError("")); }

TEST(SpannerMethodsTest, SayWhatTheDescriptorsSay) {
  MethodTable outlined;
  AddSpannerMethods(Fallback, outlined);
  MethodTable read;
  read.AddService(SpannerService(), Fallback);
  ASSERT_EQ(outlined.methods().size(), read.methods().size());
  for (size_t i = 0; i < read.methods().size(); ++i) {
    const Method& method = *outlined.methods()[i];
    const Method& expected = *read.methods()[i];
    SCOPED_TRACE(expected.full_name);
    EXPECT_EQ(method.name, expected.name);
    EXPECT_EQ(method.full_name, expected.full_name);
    EXPECT_EQ(method.path, expected.path);
    EXPECT_TRUE(method.known);
    EXPECT_EQ(method.api_kind, expected.api_kind);
    EXPECT_EQ(method.oauth_scopes, expected.oauth_scopes);
    EXPECT_EQ(method.client_streaming, expected.client_streaming);
    EXPECT_EQ(method.server_streaming, expected.server_streaming);
    EXPECT_EQ(method.descriptor(), expected.descriptor());
    EXPECT_EQ(method.resource_kind, expected.resource_kind);
    EXPECT_EQ(method.resource_field, expected.resource_field);

    google::protobuf::Arena arena;
    google::protobuf::Message* request = method.NewRequest(&arena);
    EXPECT_EQ(request->GetDescriptor(), expected.descriptor()->input_type());
    const auto* field =
        request->GetDescriptor()->FindFieldByName(expected.resource_field);
    ASSERT_NE(field, nullptr);
    request->GetReflection()->SetString(request, field, "the name");
    EXPECT_EQ(method.resource(*request), "the name");
    EXPECT_EQ(expected.resource(*request), "the name");
    EXPECT_EQ(outlined.Find(expected.path), &method);
  }
}

}  // namespace
}  // namespace spanner_session_emulator
