#include "server/services/partition_token.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace spanner_session_emulator {
namespace {

TEST(PartitionTokenTest, ATokenIsOfItsPartition) {
  const PartitionTokens tokens;
  const ResultPlace place = {.stub = -1, .answer = 2, .partition = 3};
  const std::string token =
      tokens.Write({.transaction_id = "t", .fingerprint = 7, .place = place});
  const auto partition = tokens.Read(token, "t", 7);
  ASSERT_TRUE(partition.ok()) << partition.status();
  EXPECT_EQ(partition->transaction_id, "t");
  EXPECT_EQ(partition->fingerprint, 7u);
  EXPECT_EQ(partition->place, place);
  const auto without = tokens.Read(
      tokens.Write({.transaction_id = "t", .fingerprint = 7}), "t", 7);
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(without->place, std::nullopt);
}

TEST(PartitionTokenTest, NotOfAnotherTransactionOrRequest) {
  const PartitionTokens tokens;
  const std::string token =
      tokens.Write({.transaction_id = "t", .fingerprint = 7});
  EXPECT_EQ(tokens.Read(token, "u", 7).status().message(),
            "Partitioned request was created for a different transaction.");
  EXPECT_EQ(tokens.Read(token, "t", 8).status().message(),
            "Partitioned request was created for different read or sql "
            "parameters.");
}

TEST(PartitionTokenTest, NoneCanBeMadeUp) {
  const PartitionTokens tokens;
  const PartitionTokens others;
  const std::string token =
      tokens.Write({.transaction_id = "t", .fingerprint = 7});
  for (std::string wrong :
       {std::string(), std::string("garbage"), std::string("\0\xff", 2),
        token + "A", token.substr(1),
        others.Write({.transaction_id = "t", .fingerprint = 7})}) {
    EXPECT_EQ(tokens.Read(wrong, "t", 7).status().code(),
              absl::StatusCode::kInvalidArgument)
        << wrong;
  }
}

}  // namespace
}  // namespace spanner_session_emulator
