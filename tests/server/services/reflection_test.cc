// Server reflection in both its versions, as a client without protos uses it.

#include "server/services/reflection.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/spanner/v1/spanner.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "server/emulator.h"
#include "tests/server/server_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct V1 {
  using Service = grpc::reflection::v1::ServerReflection;
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
};
struct V1Alpha {
  using Service = grpc::reflection::v1alpha::ServerReflection;
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;
};

template <typename Version>
class ReflectionTest : public ::testing::Test {
 protected:
  using Request = typename Version::Request;
  using Response = typename Version::Response;

  // The answer to one request, on the one stream of the test.
  Response Ask(const Request& request) {
    EXPECT_TRUE(stream_->Write(request));
    Response response;
    EXPECT_TRUE(stream_->Read(&response));
    EXPECT_EQ(response.original_request().SerializeAsString(),
              request.SerializeAsString());
    EXPECT_EQ(response.valid_host(), request.host());
    return response;
  }

  absl::Status End() {
    stream_->WritesDone();
    Response response;
    EXPECT_FALSE(stream_->Read(&response));
    return ToAbsl(stream_->Finish());
  }

  static std::vector<std::string> FileNames(const Response& response) {
    std::vector<std::string> names;
    for (const std::string& bytes :
         response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      names.push_back(file.name());
    }
    return names;
  }

  static void ExpectError(const Response& response, absl::StatusCode code,
                          const std::string& message) {
    EXPECT_TRUE(response.has_error_response());
    EXPECT_EQ(response.error_response().error_code(), static_cast<int>(code));
    EXPECT_EQ(response.error_response().error_message(), message);
  }

  const std::unique_ptr<Emulator> emulator_ = StartEmulator();
  const std::unique_ptr<typename Version::Service::Stub> stub_ =
      Version::Service::NewStub(Connect(*emulator_, Transport::kTcp));
  const std::unique_ptr<grpc::ClientContext> context_ = PatientContext();
  const std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_ =
      stub_->ServerReflectionInfo(context_.get());
};

using Versions = ::testing::Types<V1, V1Alpha>;
TYPED_TEST_SUITE(ReflectionTest, Versions);

TYPED_TEST(ReflectionTest, ListsTheServicesThatAreServed) {
  typename TypeParam::Request request;
  request.set_host("a.host");
  request.set_list_services("*");
  const auto response = this->Ask(request);
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  EXPECT_THAT(names, UnorderedElementsAre(
                         "google.longrunning.Operations",
                         "google.spanner.admin.database.v1.DatabaseAdmin",
                         "google.spanner.admin.instance.v1.InstanceAdmin",
                         "google.spanner.v1.Spanner", "grpc.health.v1.Health",
                         "grpc.reflection.v1.ServerReflection",
                         "grpc.reflection.v1alpha.ServerReflection",
                         "spanner_session_emulator.v1.AuthService",
                         "spanner_session_emulator.v1.ClockService",
                         "spanner_session_emulator.v1.FaultService",
                         "spanner_session_emulator.v1.JournalService",
                         "spanner_session_emulator.v1.ResetService",
                         "spanner_session_emulator.v1.SessionService",
                         "spanner_session_emulator.v1.StubService"));
  EXPECT_THAT(this->End(), IsOk());
}

// Everything that is listed can be looked up, with all that it imports.
TYPED_TEST(ReflectionTest, FilesComeWithWhatTheyImport) {
  typename TypeParam::Request request;
  request.set_file_containing_symbol("google.spanner.v1.Spanner.GetSession");
  const std::vector<std::string> names = this->FileNames(this->Ask(request));
  EXPECT_THAT(names, Contains("google/spanner/v1/spanner.proto").Times(1));
  EXPECT_THAT(names, Contains("google/spanner/v1/result_set.proto").Times(1));
  EXPECT_THAT(names, Contains("google/protobuf/descriptor.proto").Times(1));

  // What was sent is what is served, options and all.
  request.set_file_by_filename("google/spanner/v1/spanner.proto");
  google::protobuf::FileDescriptorProto expected;
  google::spanner::v1::Session::descriptor()->file()->CopyTo(&expected);
  EXPECT_THAT(
      this->Ask(request).file_descriptor_response().file_descriptor_proto(),
      Contains(expected.SerializeAsString()));

  // Complete: a pool can be built of it.
  google::protobuf::DescriptorPool pool;
  std::vector<google::protobuf::FileDescriptorProto> left;
  const auto response = this->Ask(request);
  for (const std::string& bytes :
       response.file_descriptor_response().file_descriptor_proto()) {
    ASSERT_TRUE(left.emplace_back().ParseFromString(bytes));
  }
  for (size_t round = left.size(); round > 0 && !left.empty(); --round) {
    std::erase_if(left, [&](const auto& file) {
      for (const std::string& name : file.dependency()) {
        if (pool.FindFileByName(name) == nullptr) return false;
      }
      return pool.BuildFile(file) != nullptr;
    });
  }
  EXPECT_THAT(left, IsEmpty());
  EXPECT_NE(pool.FindMethodByName("google.spanner.v1.Spanner.GetSession"),
            nullptr);
  EXPECT_THAT(this->End(), IsOk());
}

TYPED_TEST(ReflectionTest, Extensions) {
  typename TypeParam::Request request;
  auto& extension = *request.mutable_file_containing_extension();
  extension.set_containing_type("google.protobuf.MethodOptions");
  extension.set_extension_number(72295728);  // google.api.http
  EXPECT_THAT(this->FileNames(this->Ask(request)),
              Contains("google/api/annotations.proto"));
  request.set_all_extension_numbers_of_type("google.protobuf.MethodOptions");
  const auto response = this->Ask(request);
  EXPECT_EQ(response.all_extension_numbers_response().base_type_name(),
            "google.protobuf.MethodOptions");
  EXPECT_THAT(response.all_extension_numbers_response().extension_number(),
              Contains(72295728));
  EXPECT_THAT(this->End(), IsOk());
}

// An error is an answer; the stream goes on.
TYPED_TEST(ReflectionTest, WhatIsNotKnownIsNamed) {
  constexpr auto kNotFound = absl::StatusCode::kNotFound;
  typename TypeParam::Request request;
  this->ExpectError(this->Ask(request), absl::StatusCode::kInvalidArgument,
                    "The request must have one of the fields of "
                    "message_request");
  request.set_file_by_filename("no/such.proto");
  this->ExpectError(this->Ask(request), kNotFound,
                    "Unknown file: no/such.proto");
  request.set_file_containing_symbol("no.Such");
  this->ExpectError(this->Ask(request), kNotFound, "Unknown symbol: no.Such");
  request.set_all_extension_numbers_of_type("no.Such");
  this->ExpectError(this->Ask(request), kNotFound, "Unknown message: no.Such");
  auto& extension = *request.mutable_file_containing_extension();
  extension.set_containing_type("no.Such");
  this->ExpectError(this->Ask(request), kNotFound, "Unknown message: no.Such");
  extension.set_containing_type("google.protobuf.MethodOptions");
  extension.set_extension_number(1);
  this->ExpectError(this->Ask(request), kNotFound,
                    "Unknown extension: 1 of google.protobuf.MethodOptions");
  EXPECT_THAT(this->End(), IsOk());
}

TYPED_TEST(ReflectionTest, AStreamWithoutRequestsIsOver) {
  EXPECT_THAT(this->End(), IsOk());
}

// A client that keeps its stream does not hold up the emulator's end.
TYPED_TEST(ReflectionTest, AnIdleStreamEndsWithTheServer) {
  typename TypeParam::Request request;
  request.set_list_services("*");
  this->Ask(request);
  this->emulator_->Shutdown(absl::Hours(1));
  typename TypeParam::Response response;
  EXPECT_FALSE(this->stream_->Read(&response));
  EXPECT_FALSE(this->stream_->Finish().ok());
}

}  // namespace
}  // namespace spanner_session_emulator
