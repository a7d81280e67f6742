// StubService, and what the calls of Spanner's API get by it.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "gtest/gtest.h"
#include "spanner_session_emulator/v1/stubs.pb.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::StatusCode kInvalidArgument =
    absl::StatusCode::kInvalidArgument;

class StubServiceTest : public ::testing::TestWithParam<Transport> {
 protected:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Control(absl::string_view method,
                                   const Request& request) {
    const auto* service =
        v1::Stub::descriptor()->file()->FindServiceByName("StubService");
    return ToResponse<Response>(caller_->Call(
        *service->FindMethodByName(std::string(method)), request));
  }
  absl::StatusOr<v1::Stub> Create(absl::string_view stub,
                                  const std::string& id = "") {
    v1::CreateStubRequest request;
    *request.mutable_stub() = FromText<v1::Stub>(stub);
    request.set_stub_id(id);
    return Control<v1::Stub>("CreateStub", request);
  }
  absl::StatusOr<v1::Stub> Get(const std::string& name) {
    v1::GetStubRequest request;
    request.set_name(name);
    return Control<v1::Stub>("GetStub", request);
  }
  absl::StatusOr<v1::ListStubsResponse> List(absl::string_view request = "") {
    return Control<v1::ListStubsResponse>(
        "ListStubs", FromText<v1::ListStubsRequest>(request));
  }

  std::unique_ptr<Emulator> emulator_ = StartEmulator();
  std::unique_ptr<Caller> caller_ = MakeCaller(*emulator_, GetParam());
};
INSTANTIATE_ALL_TRANSPORTS(StubServiceTest);

constexpr char kStub[] =
    "match { sql: 'S' } answer { columns: 'a INT64' rows { values { "
    "number_value: 1 } } }";

TEST_P(StubServiceTest, CreatesListsGetsAndDeletes) {
  const auto created = Create(kStub);
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->name(), "stubs/1");
  EXPECT_EQ(created->answer().rows(0).values(0).string_value(), "1");
  ASSERT_THAT(Create(kStub, "mine"), IsOk());
  EXPECT_THAT(Create(kStub, "mine"),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       "Stub already exists: stubs/mine"));
  EXPECT_THAT(Get("stubs/1").value(), EqualsProto(*created));
  const auto page = List("page_size: 1");
  ASSERT_THAT(page->stubs(), SizeIs(1));
  EXPECT_EQ(page->stubs(0).name(), "stubs/1");
  const auto last =
      List(absl::StrCat("page_token: '", page->next_page_token(), "'"));
  ASSERT_THAT(last->stubs(), SizeIs(1));
  EXPECT_EQ(last->stubs(0).name(), "stubs/mine");
  EXPECT_EQ(last->next_page_token(), "");
  v1::DeleteStubRequest remove;
  remove.set_name("stubs/1");
  EXPECT_THAT(Control<google::protobuf::Empty>("DeleteStub", remove), IsOk());
  EXPECT_THAT(Control<google::protobuf::Empty>("DeleteStub", remove),
              StatusIs(absl::StatusCode::kNotFound, "Stub not found: stubs/1"));
  EXPECT_THAT(Get("stubs/1"),
              StatusIs(absl::StatusCode::kNotFound, "Stub not found: stubs/1"));
  EXPECT_EQ(Control<v1::DeleteAllStubsResponse>("DeleteAllStubs",
                                                v1::DeleteAllStubsRequest())
                ->stub_count(),
            1);
  EXPECT_THAT(List()->stubs(), IsEmpty());
}

TEST_P(StubServiceTest, RefusesABadStubWholeAndNamesTheField) {
  EXPECT_THAT(
      Create("match { sql: 'S' } answer { columns: 'a INT64' rows { values { "
             "string_value: 'x' } } }"),
      StatusIs(kInvalidArgument,
               StartsWith("Invalid CreateStub request: "
                          "stub.answer.rows[0].values[0] must be a number")));
  EXPECT_THAT(Create(kStub, "a/b"),
              StatusIs(kInvalidArgument, HasSubstr("stub_id must have")));
  EXPECT_THAT(Create(absl::StrCat("name: 'stubs/a' ", kStub), "b"),
              StatusIs(kInvalidArgument, HasSubstr("stub_id must be that of")));
  EXPECT_THAT(Create(absl::StrCat("name: 'x' ", kStub)),
              StatusIs(kInvalidArgument, HasSubstr("stub.name must be")));
  v1::ImportScriptRequest import;
  *import.mutable_script()->add_stubs() = FromText<v1::Stub>(kStub);
  import.mutable_script()->add_stubs()->mutable_match()->set_sql("S");
  EXPECT_THAT(
      Control<v1::ImportScriptResponse>("ImportScript", import),
      StatusIs(kInvalidArgument, HasSubstr("script.stubs[1].answer must be")));
  EXPECT_THAT(List("page_token: 'x'"),
              StatusIs(kInvalidArgument, HasSubstr("page_token")));
  EXPECT_THAT(List("page_size: -1"),
              StatusIs(kInvalidArgument, HasSubstr("page_size")));
  EXPECT_THAT(List()->stubs(), IsEmpty());
}

TEST_P(StubServiceTest, ExportIsWhatImportTakes) {
  ASSERT_THAT(Create(kStub), IsOk());
  ASSERT_THAT(Create(kStub, "mine"), IsOk());
  const auto script =
      Control<v1::Script>("ExportScript", v1::ExportScriptRequest());
  ASSERT_THAT(script, IsOk());
  EXPECT_THAT(script->stubs(), SizeIs(2));
  v1::ImportScriptRequest import;
  *import.mutable_script() = *script;
  EXPECT_THAT(Control<v1::ImportScriptResponse>("ImportScript", import),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("stubs/1")));
  ASSERT_THAT(Control<v1::DeleteAllStubsResponse>("DeleteAllStubs",
                                                  v1::DeleteAllStubsRequest()),
              IsOk());
  EXPECT_EQ(
      Control<v1::ImportScriptResponse>("ImportScript", import)->stub_count(),
      2);
  EXPECT_THAT(
      Control<v1::Script>("ExportScript", v1::ExportScriptRequest()).value(),
      EqualsProto(*script));
}

}  // namespace
}  // namespace spanner_session_emulator
