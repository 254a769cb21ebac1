#include "core/tensorboard_events.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <set>

#include "core/file.h"
#include "tests/core/event_file.h"
#include "tests/core/full_disk.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::read_events;
using testing::TensorBoardEvent;

// What TensorBoard shows of a folder: files in the order of their names, a session's start drops what came before of
// its step and later ones.
std::vector<TensorBoardEvent> shown(const std::string& folder) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.insert(entry.path());
  std::vector<TensorBoardEvent> events;
  for (const std::string& file : files) {
    for (const TensorBoardEvent& event : read_events(read_file(file))) {
      if (event.session_status == 1) std::erase_if(events, [&](const auto& e) { return e.step >= event.step; });
      if (!event.scalars.empty()) events.push_back(event);
    }
  }
  return events;
}

TEST(EventFileReader, KnowsThePublishedChecksum) { EXPECT_EQ(testing::crc32c("123456789"), 0xe3069283u); }

TEST(TensorBoardWriter, WritesOneRecordPerStepBehindTheVersion) {
  const TemporaryFolder folder;
  TensorBoardWriter writer(folder.file("tb"), -1);
  const double before = static_cast<double>(std::time(nullptr));
  writer.write(1, {{"loss", 0.5}, {"completions/mean_length", 1e6}, {"tokens", 7}, {"ok", true}});
  writer.write(INT64_MAX, {{"loss", -1.5}});
  const auto events = read_events(read_file(writer.path()));
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].file_version, "brain.Event:2");
  EXPECT_EQ(events[1].session_status, 1);
  EXPECT_EQ(events[1].step, 0);
  EXPECT_EQ(events[2].step, 1);
  EXPECT_EQ(events[2].scalars,
            (std::map<std::string, float>{{"loss", 0.5f}, {"completions/mean_length", 1e6f}, {"tokens", 7}, {"ok", 1}}));
  EXPECT_NEAR(events[2].wall_time, before, 60.0);
  EXPECT_EQ(events[3].step, INT64_MAX);
  EXPECT_EQ(events[3].scalars, (std::map<std::string, float>{{"loss", -1.5f}}));
}

TEST(TensorBoardWriter, FilesAreNamedAsTensorBoardLooksForThem) {
  const TemporaryFolder folder;
  const std::string path = TensorBoardWriter(folder.file("a/b"), -1).path();
  EXPECT_TRUE(path.starts_with(folder.file("a/b/events.out.tfevents.")));
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(TensorBoardWriter, WhatIsNoNumberIsLeftOutAndWhatIsNotFiniteIsNot) {
  const TemporaryFolder folder;
  TensorBoardWriter writer(folder.path(), -1);
  writer.write(1, {{"a", NAN}, {"b", -INFINITY}, {"c", 1e300}, {"d", nullptr}, {"e", "text"}, {"f", Json::array({1})}});
  writer.write(2, {{"d", nullptr}});
  const auto events = read_events(read_file(writer.path()));
  ASSERT_EQ(events.size(), 3u);
  const auto& scalars = events[2].scalars;
  ASSERT_EQ(scalars.size(), 3u);
  EXPECT_TRUE(std::isnan(scalars.at("a")));
  EXPECT_EQ(scalars.at("b"), -INFINITY);
  EXPECT_EQ(scalars.at("c"), INFINITY);
}

TEST(TensorBoardWriter, ResumeSupersedesTheStepsThatAreTakenAgain) {
  const TemporaryFolder folder;
  for (const int64_t last_step : {-1, 3, 2}) {
    TensorBoardWriter writer(folder.path(), last_step);
    for (int64_t step = last_step + 1; step <= 5; ++step) writer.write(step, {{"from", last_step}});
  }
  std::vector<std::pair<int64_t, float>> found;
  for (const auto& event : shown(folder.path())) found.emplace_back(event.step, event.scalars.at("from"));
  EXPECT_EQ(found, (std::vector<std::pair<int64_t, float>>{{0, -1}, {1, -1}, {2, -1}, {3, 2}, {4, 2}, {5, 2}}));
  { TensorBoardWriter fresh(folder.path(), -1); }
  EXPECT_TRUE(shown(folder.path()).empty());
}

TEST(TensorBoardWriter, ARecordIsThereAsSoonAsWriteReturns) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    TensorBoardWriter writer(folder.path(), -1);
    writer.write(1, {{"loss", 0.5}});
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(shown(folder.path()).size(), 1u);
}

TEST(TensorBoardWriter, AFullDiskIsAnErrorAndLeavesWholeRecords) {
  const TemporaryFolder folder;
  TensorBoardWriter writer(folder.path(), -1);
  const auto size = std::filesystem::file_size(writer.path());
  {
    const FullDisk full(size + 10);
    EXPECT_THROW(writer.write(1, {{"loss", 0.5}}), Error);
  }
  EXPECT_EQ(std::filesystem::file_size(writer.path()), size);
  writer.write(1, {{"loss", 0.25}});
  ASSERT_EQ(shown(folder.path()).size(), 1u);
}

TEST(TensorBoardWriter, AFolderThatCannotBeMadeIsAnErrorThatNamesIt) {
  const TemporaryFolder folder;
  const std::string file = folder.write("file", "");
  EXPECT_TRUE(holds(error_of([&] { TensorBoardWriter writer(file + "/tb", -1); }).where(), file + "/tb"));
}

// The reader of the TensorBoard package itself, where Python has it (GRPO_TEST_PYTHON names another Python).
TEST(TensorBoardWriter, TensorBoardItselfReadsTheFiles) {
  const TemporaryFolder folder;
  for (const int64_t last_step : {-1, 2}) {
    TensorBoardWriter writer(folder.file("tb"), last_step);
    for (int64_t step = last_step + 1; step <= 4; ++step) writer.write(step, {{"loss", 10 * last_step + step}, {"b", 1}});
  }
  const std::string script = folder.write("read.py", R"(
import sys
try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    print('absent')
    sys.exit()
accumulator = EventAccumulator(sys.argv[1])
accumulator.Reload()
print(sorted(accumulator.Tags()['scalars']), [(e.step, e.value) for e in accumulator.Scalars('loss')])
)");
  const char* python = std::getenv("GRPO_TEST_PYTHON");
  const std::string command = std::string(python != nullptr ? python : "python3") + " " + script + " " + folder.file("tb") + " 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 4096> buffer{};
  const size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe.get());
  const std::string said(buffer.data(), count);
  if (said.empty() || said == "absent\n") GTEST_SKIP() << "no Python with the package tensorboard";
  EXPECT_EQ(said, "['b', 'loss'] [(0, -10.0), (1, -9.0), (2, -8.0), (3, 23.0), (4, 24.0)]\n");
}

}  // namespace
}  // namespace grpo
