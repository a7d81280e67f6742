#include "server/configuration.h"

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

ABSL_FLAG(int, grpc_port, 9010, "the port");
ABSL_FLAG(bool, log_requests, false, "whether to log");
ABSL_FLAG(absl::Duration, idle_ttl, absl::Hours(1), "how long");
ABSL_FLAG(std::string, hostname, "localhost",
          "a text that is a good deal longer than one line of the help can be, "
          "so that it has to go on in the next");
ABSL_FLAG(std::vector<std::string>, databases, {}, "which");
ABSL_FLAG(spanner_session_emulator::SecretFlag, control_token, {}, "a secret");

namespace spanner_session_emulator {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;

class ConfigurationTest : public ::testing::Test {
 protected:
  ~ConfigurationTest() override { std::remove(path_.c_str()); }

  absl::Status FromEnvironment(const std::vector<std::string>& variables) {
    std::vector<const char*> pointers;
    for (const std::string& variable : variables) {
      pointers.push_back(variable.c_str());
    }
    pointers.push_back(nullptr);
    auto flag_file = SetFlagsFromEnvironment(flags_, pointers.data());
    if (flag_file.ok()) flag_file_ = *flag_file;
    return flag_file.status();
  }
  absl::Status FromFile(const std::string& text) {
    std::ofstream(path_) << text;
    return SetFlagsFromFile(flags_, path_);
  }
  // What is wrong with them; empty if nothing is.
  std::string FromArguments(std::vector<std::string> texts) {
    std::string program = "program";
    std::vector<char*> arguments = {program.data()};
    for (std::string& text : texts) arguments.push_back(text.data());
    return std::string(SetFlagsFromArguments(flags_, arguments).message());
  }

  const absl::FlagSaver saver_;
  const FlagMap flags_ = FlagsOfFile("configuration_test.cc");
  const std::string path_ = ::testing::TempDir() + "/configuration_test.flags";
  std::string flag_file_ = "not read";
};

TEST_F(ConfigurationTest, FlagsAreThoseOfTheFile) {
  EXPECT_THAT(flags_, ElementsAre(Key("control_token"), Key("databases"),
                                  Key("grpc_port"), Key("hostname"),
                                  Key("idle_ttl"), Key("log_requests")));
}

TEST_F(ConfigurationTest, EveryKindOfFlagFromTheEnvironment) {
  ASSERT_TRUE(
      FromEnvironment({"PATH=/bin", "SPANNER_SESSION_EMULATOR_GRPC_PORT=1",
                       "SPANNER_SESSION_EMULATOR_LOG_REQUESTS=true",
                       "SPANNER_SESSION_EMULATOR_IDLE_TTL=2s",
                       "SPANNER_SESSION_EMULATOR_HOSTNAME=a=b",
                       "SPANNER_SESSION_EMULATOR_DATABASES=a,b",
                       "SPANNER_SESSION_EMULATOR_CONTROL_TOKEN=t"})
          .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_grpc_port), 1);
  EXPECT_TRUE(absl::GetFlag(FLAGS_log_requests));
  EXPECT_EQ(absl::GetFlag(FLAGS_idle_ttl), absl::Seconds(2));
  EXPECT_EQ(absl::GetFlag(FLAGS_hostname), "a=b");
  EXPECT_THAT(absl::GetFlag(FLAGS_databases), ElementsAre("a", "b"));
  EXPECT_EQ(absl::GetFlag(FLAGS_control_token).text, "t");
  EXPECT_EQ(flag_file_, "");
}

TEST_F(ConfigurationTest, TheEnvironmentNamesAFlagFile) {
  ASSERT_TRUE(FromEnvironment({"SPANNER_SESSION_EMULATOR_FLAGFILE=/x"}).ok());
  EXPECT_EQ(flag_file_, "/x");
}

TEST_F(ConfigurationTest, AnEmptyVariableIsNotSet) {
  ASSERT_TRUE(FromEnvironment({"SPANNER_SESSION_EMULATOR_GRPC_PORT=",
                               "SPANNER_SESSION_EMULATOR_HOSTNAME="})
                  .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_grpc_port), 9010);
  EXPECT_EQ(absl::GetFlag(FLAGS_hostname), "localhost");
}

TEST_F(ConfigurationTest, UnknownVariables) {
  const auto message = [this](const std::string& variable) {
    return std::string(FromEnvironment({variable}).message());
  };
  EXPECT_EQ(
      message("SPANNER_SESSION_EMULATOR_GRPC_PROT=1"),
      "the environment variable SPANNER_SESSION_EMULATOR_GRPC_PROT "
      "belongs to no flag: did you mean SPANNER_SESSION_EMULATOR_GRPC_PORT?");
  EXPECT_EQ(
      message("SPANNER_SESSION_EMULATOR_grpc_port=1"),
      "the environment variable SPANNER_SESSION_EMULATOR_grpc_port "
      "belongs to no flag: did you mean SPANNER_SESSION_EMULATOR_GRPC_PORT?");
  EXPECT_EQ(
      message("SPANNER_SESSION_EMULATOR_FLAG_FILE=x"),
      "the environment variable SPANNER_SESSION_EMULATOR_FLAG_FILE "
      "belongs to no flag: did you mean SPANNER_SESSION_EMULATOR_FLAGFILE?");
  EXPECT_EQ(message("SPANNER_SESSION_EMULATOR_COLOUR=red"),
            "the environment variable SPANNER_SESSION_EMULATOR_COLOUR "
            "belongs to no flag: see --help");
  // Nor is an empty one ignored.
  EXPECT_THAT(message("SPANNER_SESSION_EMULATOR_="), HasSubstr("to no flag"));
}

TEST_F(ConfigurationTest, BadVariables) {
  EXPECT_EQ(
      FromEnvironment({"SPANNER_SESSION_EMULATOR_GRPC_PORT=1x"}).message(),
      "the environment variable SPANNER_SESSION_EMULATOR_GRPC_PORT must "
      "be a whole number, but is \"1x\"");
  EXPECT_EQ(FromEnvironment({"SPANNER_SESSION_EMULATOR_IDLE_TTL=1"}).message(),
            "the environment variable SPANNER_SESSION_EMULATOR_IDLE_TTL must "
            "be a duration, as 1h30m, 2s, 500ms or inf, but is \"1\"");
  EXPECT_EQ(
      FromEnvironment({"SPANNER_SESSION_EMULATOR_LOG_REQUESTS=maybe"})
          .message(),
      "the environment variable SPANNER_SESSION_EMULATOR_LOG_REQUESTS must be "
      "true or false, but is \"maybe\"");
}

// As of a service `spanner-session-emulator`, or one whose name begins so.
TEST_F(ConfigurationTest, ServicesOfThatNameAreNoFlags) {
  EXPECT_TRUE(FromEnvironment(
                  {"SPANNER_SESSION_EMULATOR_SERVICE_HOST=10.0.0.1",
                   "SPANNER_SESSION_EMULATOR_SERVICE_PORT=9010",
                   "SPANNER_SESSION_EMULATOR_SERVICE_PORT_GRPC=9010",
                   "SPANNER_SESSION_EMULATOR_PORT=tcp://10.0.0.1:9010",
                   "SPANNER_SESSION_EMULATOR_PORT_9010_TCP=tcp://10.0.0.1:9010",
                   "SPANNER_SESSION_EMULATOR_PORT_9010_TCP_PROTO=tcp",
                   "SPANNER_SESSION_EMULATOR_PORT_9010_TCP_PORT=9010",
                   "SPANNER_SESSION_EMULATOR_PORT_9010_TCP_ADDR=10.0.0.1",
                   "SPANNER_SESSION_EMULATOR_GRPC_SERVICE_HOST=10.0.0.1",
                   "SPANNER_SESSION_EMULATOR_GRPC_PORT=tcp://10.0.0.1:9010"})
                  .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_grpc_port), 9010);
  EXPECT_FALSE(FromEnvironment({"SPANNER_SESSION_EMULATOR_PORT=9010"}).ok());
}

TEST_F(ConfigurationTest, FlagsFromAFile) {
  ASSERT_TRUE(FromFile("# The port.\n\n"
                       "--grpc_port=1\r\n"
                       "  --log_requests  \n"
                       "--hostname=a # b\n"
                       "--control_token=dA==\n"
                       "--databases=")
                  .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_grpc_port), 1);
  EXPECT_TRUE(absl::GetFlag(FLAGS_log_requests));
  EXPECT_EQ(absl::GetFlag(FLAGS_hostname), "a # b");
  EXPECT_EQ(absl::GetFlag(FLAGS_control_token).text, "dA==");
  ASSERT_TRUE(FromFile("--nolog_requests").ok());
  EXPECT_FALSE(absl::GetFlag(FLAGS_log_requests));
}

TEST_F(ConfigurationTest, BadFiles) {
  const auto message = [this](const std::string& text) {
    const absl::Status status = FromFile(text);
    std::vector<std::string> parts =
        absl::StrSplit(status.message(), absl::MaxSplits(path_, 1));
    return parts.size() == 2 ? parts[0] + "PATH" + parts[1] : parts[0];
  };
  EXPECT_EQ(message("#\n--grpc_prot=1\n"),
            "--flagfile: PATH, line 2: there is no flag --grpc_prot: did you "
            "mean --grpc_port?");
  EXPECT_EQ(message("--colour=1"),
            "--flagfile: PATH, line 1: there is no flag --colour: see --help");
  EXPECT_EQ(message("--grpc_port=x"),
            "--flagfile: PATH, line 1: --grpc_port must be a whole number, but "
            "is \"x\"");
  EXPECT_EQ(message("--grpc_port\n9010"),
            "--flagfile: PATH, line 1: --grpc_port has no value: write "
            "--grpc_port=value");
  EXPECT_EQ(message("--nogrpc_port"),
            "--flagfile: PATH, line 1: there is no flag --nogrpc_port: did you "
            "mean --grpc_port?");
  EXPECT_EQ(message("grpc_port=1"),
            "--flagfile: PATH, line 1 must be --name=value, or begin with #");
  EXPECT_EQ(message("--hostname localhost"),
            "--flagfile: PATH, line 1 must be --name=value, or begin with #");
  EXPECT_EQ(message("--grpc_port = 1"),
            "--flagfile: PATH, line 1 must be --name=value, or begin with #");
  EXPECT_EQ(message("--flagfile=other"),
            "--flagfile: PATH, line 1: a flag file cannot name another one");
}

TEST_F(ConfigurationTest, MissingFile) {
  EXPECT_EQ(SetFlagsFromFile(flags_, "/no/such/file").message(),
            "--flagfile: cannot read /no/such/file: No such file or directory");
}

// Of a secret that goes on in a second line, whose name is misspelt, or that is
// written as other programs' files or a command line may have it.
TEST_F(ConfigurationTest, FilesErrorsDoNotQuoteSecrets) {
  for (const char* text :
       {"--control_token=a\nSECRET\n", "--controltoken=SECRET",
        "--control_token SECRET", "--control_token: SECRET",
        "--control_token\tSECRET"}) {
    const absl::Status status = FromFile(text);
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("SECRET")));
  }
}

TEST(ArgumentsTest, FlagFilesAreTakenOut) {
  std::vector<std::string> texts = {
      "program", "--flagfile=a", "--x=1", "-flagfile=b", "--flagfile",
      "c",       "--flagfiles",  "--",    "--flagfile=d"};
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  const auto paths = TakeFlagFiles(arguments);
  ASSERT_TRUE(paths.ok()) << paths.status();
  EXPECT_THAT(*paths, ElementsAre("a", "b", "c"));
  const std::vector<std::string> rest(arguments.begin(), arguments.end());
  EXPECT_THAT(rest, ElementsAre("program", "--x=1", "--flagfiles", "--",
                                "--flagfile=d"));
}

TEST(ArgumentsTest, FlagFilesHaveNames) {
  for (std::string text : {"--flagfile", "--flagfile="}) {
    std::vector<char*> arguments = {text.data(), text.data()};
    EXPECT_EQ(TakeFlagFiles(arguments).status().message(),
              "--flagfile must name a file, but is empty");
  }
}

TEST_F(ConfigurationTest, FlagsFromArguments) {
  ASSERT_EQ(FromArguments({"--grpc_port=1", "-hostname", "-a", "--log_requests",
                           "--control_token", "S", "--databases=a=b"}),
            "");
  EXPECT_EQ(absl::GetFlag(FLAGS_grpc_port), 1);
  EXPECT_EQ(absl::GetFlag(FLAGS_hostname), "-a");
  EXPECT_TRUE(absl::GetFlag(FLAGS_log_requests));
  EXPECT_EQ(absl::GetFlag(FLAGS_control_token).text, "S");
  EXPECT_THAT(absl::GetFlag(FLAGS_databases), ElementsAre("a=b"));
  ASSERT_EQ(FromArguments({"--nolog_requests", "-grpc_port=2"}), "");
  EXPECT_FALSE(absl::GetFlag(FLAGS_log_requests));
  EXPECT_EQ(absl::GetFlag(FLAGS_grpc_port), 2);
}

TEST_F(ConfigurationTest, BadArguments) {
  EXPECT_EQ(FromArguments({"--grpc-port=1"}),
            "there is no flag --grpc-port: did you mean --grpc_port?");
  EXPECT_EQ(FromArguments({"--nohostname"}),
            "there is no flag --nohostname: did you mean --hostname?");
  EXPECT_EQ(FromArguments({"--idle_ttl", "1d"}),
            "--idle_ttl must be a duration, as 1h30m, 2s, 500ms or inf, but is "
            "\"1d\"");
  EXPECT_EQ(FromArguments({"--log_requests=2"}),
            "--log_requests must be true or false, but is \"2\"");
  EXPECT_EQ(FromArguments({"--hostname"}),
            "--hostname has no value: write --hostname=value");
  for (const char* text : {"serve", "--", "-", ""}) {
    EXPECT_EQ(FromArguments({text}),
              absl::StrCat("unexpected argument \"", text, "\": see --help"));
  }
  EXPECT_EQ(FromArguments({"--log_requests", "false"}),
            "unexpected argument \"false\": see --help");
}

TEST(ArgumentsTest, HasFlag) {
  std::vector<std::string> texts = {"--help", "-version", "--helps", "--",
                                    "--other"};
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  EXPECT_FALSE(HasFlag("help", arguments));  // The program's name.
  EXPECT_TRUE(HasFlag("version", arguments));
  EXPECT_FALSE(HasFlag("other", arguments));
}

TEST_F(ConfigurationTest, HelpIsGroupedAndNotTooWide) {
  absl::SetFlag(&FLAGS_control_token, SecretFlag{"SECRET"});
  absl::SetFlag(&FLAGS_grpc_port, 1);
  const std::string text =
      HelpText("About.", flags_,
               {{"Listening", {"hostname", "grpc_port"}},
                {"Secrets", {"control_token", "databases", "idle_ttl"}}});
  EXPECT_THAT(
      text,
      AllOf(
          HasSubstr("About.\n\nUsage: "),
          HasSubstr("\nListening\n"
                    "  --hostname (localhost)\n"
                    "      a text that is a good deal longer than one line of "
                    "the help can be, so that it has\n"
                    "      to go on in the next\n"
                    "  --grpc_port (9010)\n"
                    "      the port\n"
                    "\nSecrets\n"
                    "  --control_token\n"
                    "      a secret\n"
                    "  --databases\n"
                    "      which\n"
                    "  --idle_ttl (1h)\n"
                    "      how long\n"
                    "\nOthers\n"
                    "  --log_requests (false)\n"),
          Not(HasSubstr("SECRET"))));
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(line.size(), 88) << line;
  }
}

}  // namespace
}  // namespace spanner_session_emulator
