#include "core/metrics_writer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "core/file.h"
#include "tests/core/full_disk.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

void put(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream text(read_file(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

using Lines = std::vector<std::string>;

TEST(MetricsWriter, WritesOneObjectPerLineWithTheStepFirst) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder.file("m"), -1);
  writer.write(1, {{"loss", 0.5}, {"reward", 1}});
  writer.write(2, Json::object());
  EXPECT_EQ(lines_of(folder.file("m")), (Lines{R"({"step":1,"loss":0.5,"reward":1})", R"({"step":2})"}));
}

TEST(MetricsWriter, ALineIsThereAsSoonAsWriteReturns) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    MetricsWriter writer(folder.file("m"), -1);
    writer.write(1, {{"loss", 0.5}});
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(lines_of(folder.file("m")), Lines{R"({"step":1,"loss":0.5})"});
}

TEST(MetricsWriter, ResumeDropsTheStepsThatWillBeTakenAgain) {
  const TemporaryFolder folder;
  {
    MetricsWriter writer(folder.file("m"), -1);
    for (int64_t step = 1; step <= 5; ++step) writer.write(step, {{"loss", 1}});
    writer.write(5, {{"eval", 1}});
  }
  MetricsWriter writer(folder.file("m"), 3);
  writer.write(4, {{"loss", 2}});
  EXPECT_EQ(lines_of(folder.file("m")), (Lines{R"({"step":1,"loss":1})", R"({"step":2,"loss":1})",
                                               R"({"step":3,"loss":1})", R"({"step":4,"loss":2})"}));
}

TEST(MetricsWriter, ResumeKeepsEveryLineOfTheLastStep) {
  const TemporaryFolder folder;
  const std::string content = "{\"step\":3,\"loss\":1}\n{\"step\":3,\"eval\":1}\n";
  put(folder.file("m"), content + "{\"step\":4}\n");
  const MetricsWriter writer(folder.file("m"), 3);
  EXPECT_EQ(read_file(folder.file("m")), content);
}

TEST(MetricsWriter, ResumeDropsALineCutByACrash) {
  const TemporaryFolder folder;
  put(folder.file("m"), "{\"step\":1,\"loss\":1}\n{\"step\":2,\"lo");
  MetricsWriter writer(folder.file("m"), 2);
  writer.write(3, Json::object());
  EXPECT_EQ(lines_of(folder.file("m")), (Lines{R"({"step":1,"loss":1})", R"({"step":3})"}));
}

TEST(MetricsWriter, ACutLineIsDroppedEvenIfItReadsAsJson) {
  const TemporaryFolder folder;
  put(folder.file("m"), "{\"step\":1}\n{\"step\":2}");  // its newline, and so perhaps more, is missing
  const MetricsWriter writer(folder.file("m"), 2);
  EXPECT_EQ(read_file(folder.file("m")), "{\"step\":1}\n");
}

TEST(MetricsWriter, ResumeReadsLinesOfAnotherHand) {
  const TemporaryFolder folder;
  put(folder.file("m"), "{ \"loss\": 1, \"step\": 1 }\n{ \"loss\": 1, \"step\": 2 }\n");
  const MetricsWriter writer(folder.file("m"), 1);
  EXPECT_EQ(read_file(folder.file("m")), "{ \"loss\": 1, \"step\": 1 }\n");
}

TEST(MetricsWriter, ALineThatIsNotOursIsAnErrorAndNothingIsCut) {
  const TemporaryFolder folder;
  for (const std::string bad : {"hello", "", "{\"loss\":1}", "[1]", "{\"step\":\"2\"}", "{\"step\":2.5}"}) {
    const std::string content = "{\"step\":1}\n" + bad + "\n{\"step\":3}\n";
    put(folder.file("m"), content);
    try {
      const MetricsWriter writer(folder.file("m"), 3);
      ADD_FAILURE() << "accepted: " << bad;
    } catch (const Error& e) {
      EXPECT_NE(e.summary().find("line 2"), std::string::npos) << e.summary();
    }
    EXPECT_EQ(read_file(folder.file("m")), content);
  }
}

TEST(MetricsWriter, AFreshRunStartsAnEmptyFile) {
  const TemporaryFolder folder;
  put(folder.file("m"), "{\"step\":0}\n");
  const MetricsWriter writer(folder.file("m"), -1);
  EXPECT_EQ(read_file(folder.file("m")), "");
}

TEST(MetricsWriter, ResumeWithoutAFileStartsOne) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder.file("m"), 7);
  writer.write(8, Json::object());
  EXPECT_EQ(lines_of(folder.file("m")), Lines{R"({"step":8})"});
}

TEST(MetricsWriter, NumbersThatAreNotFiniteBecomeNull) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder.file("m"), -1);
  writer.write(1, {{"kl", std::nan("")}, {"ratio", INFINITY}});
  EXPECT_EQ(lines_of(folder.file("m")), Lines{R"({"step":1,"kl":null,"ratio":null})"});
}

TEST(MetricsWriter, TextThatIsNotUtf8IsReplaced) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder.file("m"), -1);
  writer.write(1, {{"text", "a\xff\nb"}});
  ASSERT_EQ(lines_of(folder.file("m")).size(), 1u);
  EXPECT_EQ(parse_json(lines_of(folder.file("m"))[0], "m")["text"], "a\xef\xbf\xbd\nb");
}

TEST(MetricsWriter, AFullDiskLeavesNoHalfLine) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder.file("m"), -1);
  writer.write(1, Json::object());
  {
    const FullDisk full(100);
    EXPECT_THROW(writer.write(2, {{"text", std::string(200, 'x')}}), Error);
  }
  writer.write(2, Json::object());  // there is room again
  EXPECT_EQ(lines_of(folder.file("m")), (Lines{R"({"step":1})", R"({"step":2})"}));
}

TEST(MetricsWriter, AFolderThatIsMissingIsAnError) {
  EXPECT_THROW(MetricsWriter("/nowhere/at/all/metrics.jsonl", -1), Error);
}

TEST(MetricsWriterDeathTest, StepsNeverGoBack) {
  const TemporaryFolder folder;
  MetricsWriter writer(folder.file("m"), 5);
  EXPECT_DEATH(writer.write(4, Json::object()), "last_step_");
}

}  // namespace
}  // namespace grpo
