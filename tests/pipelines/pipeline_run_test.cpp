// All types of stages in one recipe: what one leaves is what the next needs, and a run that is killed anywhere ends with
// the bytes of one that nobody disturbed.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include "core/atomic_directory.h"
#include "core/file.h"
#include "core/seed.h"
#include "pipelines/run.h"
#include "policy/io/checkpoint.h"
#include "tests/pipelines/killed_program.h"
#include "tests/pipelines/pipeline_recipe.h"
#include "tests/pipelines/run_lines.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

class PipelineRun : public ::testing::Test {
 protected:
  PipelineRun() : recipe_(write_pipeline(folder_)) {}

  Json run(const std::string& out, const std::vector<std::string>& overrides = {}) const {
    return run_recipe(recipe_, overrides, folder_.file(out), {.device = "cpu"});
  }
  Error refused(const std::vector<std::string>& overrides) const {
    return error_of([&] { check_recipe(recipe_, overrides, {.device = "cpu"}); });
  }
  std::string path(const std::string& name) const { return folder_.file(name); }
  std::vector<Json> kept(const std::string& out) const { return lines_in(path(out + "/stages/03-collect/data/kept.jsonl")); }
  pid_t run_into(const std::string& out) const {
    return start({GRPO_PROGRAM, "run", recipe_, "--device", "cpu", "--out", path(out)}, path("errors"));
  }

  // Every file of a run but those that tell the time.
  std::map<std::string, std::string> bytes_of(const std::string& out) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(path(out))) {
      const std::string name = fs::relative(entry.path(), path(out)).string();
      const std::string file = entry.path().filename().string();
      if (!entry.is_regular_file() || file == "manifest.json" || name == "summary.json" || name.starts_with("tensorboard")) {
        continue;
      }
      if (name != "metrics.jsonl") {
        files[name] = read_file(entry.path().string());
        continue;
      }
      for (const Json& line : without_times(lines_in(entry.path().string()))) files[name] += line.dump() + "\n";
    }
    return files;
  }

  TemporaryFolder folder_;
  std::string recipe_;
};

TEST_F(PipelineRun, EveryStageLeavesWhatTheNextNeeds) {
  const Json summary = run("out");
  ASSERT_EQ(summary["stages"].size(), 9u);
  const Json& collect = summary["stages"][2];
  EXPECT_EQ(collect["counts"]["problems"], 60);
  EXPECT_EQ(collect["counts"]["samples"], 240);
  EXPECT_EQ(collect["steps"], 4);
  // Two epochs over what was kept, 8 samples a step.
  const int64_t rows = collect["counts"]["kept"];
  EXPECT_EQ(static_cast<int64_t>(kept("out").size()), rows);
  EXPECT_EQ(summary["stages"][3]["steps"], (2 * rows + 7) / 8);
  // The reward model scores, and the student is the student.
  const Checkpoint taste = load_checkpoint(path("out/stages/05-taste/model"), std::nullopt, at::kCPU);
  EXPECT_EQ(taste.files.config.head, HeadKind::kScore);
  EXPECT_EQ(read_checkpoint_files(path("out/stages/08-student/model")).config.model_type, "llama");
  EXPECT_EQ(read_checkpoint_files(path("out/stages/06-all/model")).config.model_type, "deepseek_v3");
  // General problems, and their reward, are there from the third step on.
  std::map<int64_t, bool> general;
  for (const Json& line : lines_in(path("out/metrics.jsonl"))) {
    if (line["stage"] == "all" && line.contains("rewards/model/mean")) general[line["stage_step"]] = line["rewards/model/mean"].is_number();
  }
  EXPECT_EQ(general, (std::map<int64_t, bool>{{1, false}, {2, false}, {3, true}, {4, true}}));
  // Each says what it was made of: the hashes are those of the files.
  for (size_t i = 0; i < 9; ++i) {
    const Json& made_of = summary["stages"][i]["provenance"];
    EXPECT_EQ(made_of["recipe_sha256"], sha256_of_file(path("out/recipe.json")));
    for (const Json& file : made_of["data"]) EXPECT_EQ(file["sha256"], sha256_of_file(file["path"].get<std::string>()));
    for (const Json& parent : made_of["parents"]) {
      EXPECT_EQ(parent["sha256"], sha256_of_file(parent["path"].get<std::string>() + "/manifest.json"));
    }
  }
  const auto paths = [&](size_t stage, const char* key) {
    std::vector<std::string> names;
    for (const Json& entry : summary["stages"][stage]["provenance"][key]) names.push_back(fs::path(entry["path"].get<std::string>()).lexically_relative(path("out/stages")));
    return names;
  };
  EXPECT_EQ(paths(0, "parents"), std::vector<std::string>());
  EXPECT_EQ(paths(3, "data"), std::vector<std::string>{"03-collect/data/kept.jsonl"});
  EXPECT_EQ(paths(3, "parents"), std::vector<std::string>{"01-warm/model"});
  EXPECT_EQ(paths(4, "data"), std::vector<std::string>{"../../pairs.jsonl"});
  EXPECT_EQ(paths(5, "parents"), (std::vector<std::string>{"04-cold/model", "05-taste/model"}));
  EXPECT_EQ(paths(7, "parents"), (std::vector<std::string>{"07-student_base/model", "06-all/model"}));
  EXPECT_EQ(paths(8, "parents"), (std::vector<std::string>{"02-zero/model", "07-student_base/model", "08-student/model"}));
  EXPECT_EQ(summary["stages"][8]["eval"].size(), 4u);
  // Finished stages are not run again.
  const auto before = bytes_of("out");
  EXPECT_EQ(run("out")["stages"], summary["stages"]);
  EXPECT_EQ(bytes_of("out"), before);
}

// Statement 53: of all samples, exactly those whose rules pass, each with where it comes from.
TEST_F(PipelineRun, RejectionSamplingKeepsExactlyWhatItsRulesPass) {
  run("all", {"collect.keep.require={}"});
  run("right");
  run("pure", {R"(collect.keep.require={"exact": 1, "language_consistency": 1})"});
  std::vector<Json> right, pure;
  std::set<std::pair<int64_t, int64_t>> places;
  for (const Json& row : kept("all")) {
    const Json& from = row["provenance"];
    EXPECT_EQ(from["stage"], "collect");
    EXPECT_EQ(from["from"], "zero");
    EXPECT_TRUE(places.emplace(from["problem"], from["sample"]).second);
    const bool exact = row["completion"].get<std::string>().ends_with("<answer>" + row["answer"].get<std::string>() + "</answer>");
    EXPECT_EQ(from["scores"]["exact"], exact ? 1.0 : 0.0) << row;
    if (exact) right.push_back(row);
    if (exact && from["scores"]["language_consistency"] == 1.0) pure.push_back(row);
  }
  ASSERT_GT(right.size(), 5u);
  EXPECT_LT(right.size(), kept("all").size());
  EXPECT_EQ(kept("right"), right);
  EXPECT_EQ(kept("pure"), pure);
  // How the problems fared is told of every one.
  int64_t samples = 0, rows = 0;
  for (const Json& line : lines_in(path("right/stages/03-collect/data/problems.jsonl"))) {
    samples += line["samples"].get<int64_t>();
    rows += line["kept"].get<int64_t>();
  }
  EXPECT_EQ(samples, 240);
  EXPECT_EQ(rows, static_cast<int64_t>(right.size()));
}

TEST_F(PipelineRun, WhereNothingIsKeptTheStageSaysWhy) {
  const Error error = error_of([&] { run("none", {R"(collect.keep.require={"exact": 2})"}); });
  EXPECT_TRUE(holds(error.summary(), "none of 240 samples"));
  EXPECT_TRUE(holds(error.where(), "stages[2].keep"));
}

TEST_F(PipelineRun, KilledAtRandomMomentsEndsWithTheBytesOfAnUninterruptedRun) {
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(ends_before(run_into("whole"), [] { return false; })) << read_file(path("errors"));
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  const auto seed = static_cast<uint64_t>(began.time_since_epoch().count());
  SCOPED_TRACE("seed " + std::to_string(seed));
  Stream random(seed);
  int kills = 0;
  for (auto limit = whole / 4;; limit += whole / 8) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(random.below(limit.count()));
    if (ends_before(run_into("killed"), [&] { return std::chrono::steady_clock::now() >= deadline; })) break;
    ++kills;
  }
  const auto expected = bytes_of("whole"), got = bytes_of("killed");
  std::set<std::string> names, other_names;
  for (const auto& [name, bytes] : expected) names.insert(name);
  for (const auto& [name, bytes] : got) other_names.insert(name);
  EXPECT_EQ(names, other_names);
  for (const auto& [name, bytes] : expected) EXPECT_TRUE(got.contains(name) && got.at(name) == bytes) << name << " after " << kills << " kills";
}

TEST_F(PipelineRun, WhatStagesNameIsCheckedBeforeAnythingRuns) {
  EXPECT_TRUE(holds(refused({"cold.from=collect"}).summary(), "leaves no policy"));
  EXPECT_TRUE(holds(refused({"cold.policy=student"}).summary(), "which is not"));
  EXPECT_TRUE(holds(refused({"student_base.policy=pupil"}).summary(), "none of that name"));
  EXPECT_TRUE(holds(refused({"student.teacher=student"}).summary(), "later"));
  EXPECT_TRUE(holds(refused({"student.teacher=collect"}).summary(), "leaves no model"));
  EXPECT_TRUE(holds(refused({"cold.data.train.stage=cold"}).summary(), "no earlier stage"));
  EXPECT_TRUE(holds(refused({"cold.max_steps=3"}).where(), "num_train_epochs"));
  EXPECT_TRUE(holds(refused({"collect.num_problems=0"}).summary(), "never ends"));
  EXPECT_TRUE(holds(refused({"collect.keep.most=1"}).summary(), "most"));
  EXPECT_TRUE(holds(refused({"zero.from=/nowhere"}).summary(), "no directory"));
}

}  // namespace
}  // namespace grpo
