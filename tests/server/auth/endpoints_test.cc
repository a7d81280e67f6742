#include "server/auth/endpoints.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/call/call_testing.h"

namespace spanner_session_emulator {
namespace {

using ::testing::UnorderedElementsAre;

TEST(EndpointsTest, LocationsOfTheReference) {
  EXPECT_THAT(
      Locations(),
      UnorderedElementsAre("global", "europe-west8", "me-central2",
                           "us-central1", "us-central2", "us-east1", "us-east4",
                           "us-east5", "us-south1", "us-west1", "us-west2",
                           "us-west3", "us-west4", "us-west8", "us-east7"));
}

TEST(EndpointsTest, NamesOfLocations) {
  EXPECT_EQ(EndpointOf("global"), "spanner.googleapis.com");
  EXPECT_EQ(EndpointOf("us-east4"), "spanner.us-east4.rep.googleapis.com");
  for (const absl::string_view location : Locations()) {
    EXPECT_EQ(LocationOf(EndpointOf(location)), location);
  }
}

TEST(EndpointsTest, AuthoritiesAsClientsWriteThem) {
  for (const auto& [authority, location] :
       std::vector<std::pair<std::string, std::string>>{
           {"spanner.us-east4.rep.googleapis.com:443", "us-east4"},
           {"SPANNER.US-East4.REP.googleapis.COM", "us-east4"},
           {"spanner.us-east4.rep.googleapis.com.", "us-east4"},
           {"spanner.us-east4.rep.googleapis.com.:9010", "us-east4"},
           {"spanner.mars-1.rep.googleapis.com", "mars-1"},
           {"Spanner.googleapis.com:443", "global"},
           {"spanner.googleapis.com.", "global"},
           {"", ""},
           {"localhost:9010", ""},
           {"127.0.0.1", ""},
           {"[::1]:9010", ""},
           {"us-east4", ""},
           {"googleapis.com", ""},
           {"storage.googleapis.com", ""},
           {"storage.us-east4.rep.googleapis.com", ""},
           {"xspanner.us-east4.rep.googleapis.com", ""},
           {"spanner.us-east4.rep.googleapis.com.example.com", ""},
           {"spanner.a.b.rep.googleapis.com", ""},
           {"spanner..rep.googleapis.com", ""},
           {"spanner.rep.googleapis.com", ""}}) {
    EXPECT_EQ(LocationOf(authority), location) << authority;
  }
}

TEST(EndpointsTest, WithoutALocationThereIsNoCheck) {
  const auto check = MakeEndpointCheck("");
  ASSERT_TRUE(check.ok());
  EXPECT_EQ(*check, nullptr);
}

TEST(EndpointsTest, LocationsThatAreNone) {
  for (const std::string location : {"us-east9", "US-EAST4", "us-east4 "}) {
    EXPECT_EQ(
        MakeEndpointCheck(location).status(),
        absl::InvalidArgumentError(absl::StrCat(
            "location must be one of global, europe-west8, me-central2, "
            "us-central1, us-central2, us-east1, us-east4, us-east5, "
            "us-south1, us-west1, us-west2, us-west3, us-west4, us-west8, "
            "us-east7, but is \"",
            location, "\"")));
  }
}

}  // namespace
}  // namespace spanner_session_emulator
