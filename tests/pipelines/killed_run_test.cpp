// A run that is killed, told to stop, or cannot write: going on afterwards ends with the bytes of one that nobody
// disturbed.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>
#include <thread>

#include "core/atomic_directory.h"
#include "core/file.h"
#include "core/seed.h"
#include "pipelines/checkpoints.h"
#include "pipelines/replay.h"
#include "tests/pipelines/killed_run.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

// --- being killed

TEST_F(KilledRun, AtEveryKindOfMomentEndsWithTheBytesOfAnUninterruptedRun) {
  run_whole();
  // Folder and name. A file or folder in the making has its name as the beginning of a longer one, so most
  // moments are those at which it is half written.
  const std::vector<std::pair<std::string, std::string>> moments = {
      {"", "killed"},  // its folder is there
      {"killed", "recipe.json"},
      {"killed", "metrics.jsonl"},
      {"killed/stages/01-warm", "checkpoint-000002"},
      {"killed/stages/01-warm", "checkpoint-000004"},
      {"killed/stages/01-warm", "checkpoint-000006"},
      {"killed/stages/01-warm", "model"},
      {"killed/stages", "02-rl"},
      {"killed/stages/02-rl", "checkpoint-000002"},
      {"killed/stages/02-rl", "checkpoint-000004"},
      {"killed/stages/02-rl", "checkpoint-000006"},
      {"killed/stages/02-rl", "model"},
      {"killed", "summary.json"},
  };
  int kills = 0;
  for (const auto& [directory, name] : moments) {
    // A moment that the run has already passed is one at which it is killed at once.
    kills += !ends_before(run_into("killed"), [&] { return holds_name(path(directory), name); });
  }
  EXPECT_GE(kills, 10) << "most moments were missed";
  EXPECT_TRUE(ends_before(run_into("killed"), [] { return false; }));
  expect_same_as_whole("killed");
}

TEST_F(KilledRun, AtRandomMomentsEndsWithTheBytesOfAnUninterruptedRun) {
  const std::chrono::microseconds whole = run_whole();
  // The moments differ from run to run of this test, as a machine's do.
  const auto seed = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  SCOPED_TRACE("seed " + std::to_string(seed));
  Stream random(seed);
  // GRPO_TEST_ALL=1: at least 20 moments.
  const int wanted = std::getenv("GRPO_TEST_ALL") != nullptr ? 20 : 1;
  int kills = 0, runs = 0;
  while (runs < 2 || kills < wanted) {
    const std::string out = "killed" + std::to_string(runs++);
    // Each attempt may take longer than the one before, so the end comes however slow the machine is. The first
    // is short: where the whole run had to wait for a cold disk, this one need not.
    std::chrono::microseconds limit = whole / 4;
    while (true) {
      const auto deadline = std::chrono::steady_clock::now() +
                            std::chrono::microseconds(random.below(limit.count()));
      if (ends_before(run_into(out), [&] { return std::chrono::steady_clock::now() >= deadline; })) break;
      ++kills;
      limit += whole / 8;
    }
    expect_same_as_whole(out);
  }
  std::cout << runs << " runs, killed at " << kills << " moments\n";
}

// While problems are measured, and once they are: the run goes on with the same ones.
TEST_F(KilledRun, AroundTheMeasurementOfDifficultyEndsWithTheBytesOfAnUninterruptedRun) {
  overrides_ = {R"(rl.difficulty={"num_problems": 12, "num_samples": 4, "min_pass_rate": 0.01, "order": "easy_first"})", "rl.log_episodes=-1"};
  run_whole();
  const std::string stage = path("killed/stages/02-rl");
  const std::vector<std::function<bool()>> moments = {
      [&] { return errors().find("measuring how hard 12 problems") != std::string::npos; },
      [&] { return fs::exists(stage + "/difficulty.json"); },
      [&] { return holds_name(stage, "checkpoint-000003"); },
  };
  int kills = 0;
  std::optional<fs::file_time_type> measured;
  for (const auto& moment : moments) {
    kills += !ends_before(run_into("killed"), moment);
    if (!measured && fs::exists(stage + "/difficulty.json")) measured = fs::last_write_time(stage + "/difficulty.json");
  }
  EXPECT_GE(kills, 2) << "most moments were missed";
  finish("killed");
  EXPECT_EQ(fs::last_write_time(stage + "/difficulty.json"), measured) << "measured twice";
  EXPECT_EQ(read_file(stage + "/difficulty.json"), read_file(path("whole/stages/02-rl/difficulty.json")));
  expect_same_as_whole("killed");
}

// --- being told to stop

// The status of a run that gets `signal` once `moment` has come.
int signalled(pid_t child, int signal, const std::function<bool()>& moment) {
  int status = 0;
  bool sent = false;
  while (waitpid(child, &status, WNOHANG) != child) {
    if (!sent && moment()) {
      kill(child, signal);
      sent = true;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_TRUE(sent) << "the run was over before";
  return status;
}

TEST_F(KilledRun, ASignalSavesTheStepAndTheRunGoesOnFromThere) {
  overrides_ = {"rl.max_steps=60", "rl.save_steps=100", "rl.eval.steps=0"};  // so that it is not over before
  run_whole();
  for (const int signal : {SIGTERM, SIGINT}) {
    const std::string out = signal == SIGTERM ? "term" : "int";
    const std::string stage = path(out + "/stages/02-rl");
    const int status = signalled(run_into(out), signal, [&] { return fs::exists(stage); });
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + signal);
    const auto checkpoints = usable_checkpoints(stage);
    ASSERT_EQ(checkpoints.size(), 1u);
    int64_t last = 0;  // before the first step's line there is none, where the evaluation before it was given up
    for (const Json& line : lines(out + "/metrics.jsonl")) {
      if (line["stage"] == "rl") last = line["stage_step"].get<int64_t>();
    }
    EXPECT_EQ(last, checkpoints.front().first);
    EXPECT_TRUE(ends_before(run_into(out), [] { return false; }));
    expect_same_as_whole(out);
  }
}

// The checkpoint lies between two steps that share a rollout: its next step, replayed, is the step that the run takes.
TEST_F(KilledRun, ACheckpointInTheMiddleOfARolloutCanBeReplayed) {
  overrides_ = {"rl.max_steps=60", "rl.save_steps=1", "rl.num_iterations=50", "rl.eval.steps=0", "rl.sync_ref_model=false",
                "rl.ref_model_sync_steps=null"};
  const std::string stage = path("out/stages/02-rl");
  signalled(run_into("out"), SIGTERM, [&] { return holds_name(stage, "checkpoint-000003"); });
  const auto [step, checkpoint] = usable_checkpoints(stage).front();
  ASSERT_LT(step, 50);
  const Replay replay = replay_step({.batch = checkpoint, .device = "cpu", .gradients = true});
  const Json& report = replay.report;
  EXPECT_EQ(report["step"], step + 1);
  // With layers computed again, it is the same step.
  const Replay again =
      replay_step({.batch = checkpoint, .overrides = {"gradient_checkpointing=true"}, .device = "cpu", .gradients = true});
  EXPECT_EQ(again.report, report);
  ASSERT_EQ(again.gradients.size(), replay.gradients.size());
  EXPECT_GT(report["metrics"]["grad_norm"], 0.0);
  for (size_t i = 0; i < replay.gradients.size(); ++i) {
    EXPECT_TRUE(at::equal(again.gradients[i].tensor, replay.gradients[i].tensor)) << replay.gradients[i].name;
  }
  ASSERT_TRUE(ends_before(run_into("out"), [] { return false; }));
  for (const Json& line : lines("out/metrics.jsonl")) {
    if (line["stage"] != "rl" || line["stage_step"] != step + 1) continue;
    for (const char* key : {"loss", "grad_norm", "kl", "entropy", "policy_ratio/max"}) {
      EXPECT_EQ(report["metrics"][key], line[key]) << key;
    }
    return;
  }
  FAIL() << "the run took no such step";
}

// --- checkpoints of a stage

TEST(StageCheckpoints, TheNewestWholeOneIsUsedAndOnlyTheNewestAreKept) {
  const TemporaryFolder folder;
  const auto save = [&](int64_t step, int64_t keep) {
    save_checkpoint(folder.path(), step, keep, {{"step", step}}, [step](const std::string& path) {
      std::ofstream(path + "/weights") << "weights of step " << step;
    });
  };
  for (const int64_t step : {2, 4, 6, 8}) save(step, 9);
  fs::create_directories(folder.file("checkpoint-000010"));             // never finished: no manifest
  fs::create_directories(folder.file("checkpoint-000012.tmp-abcdef"));  // not even renamed
  fs::create_directories(folder.file("checkpoint-notes"));              // somebody else's
  std::ofstream(folder.file("checkpoint-000008/weights")) << "weights of step 9";
  const auto found = usable_checkpoints(folder.path());
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].first, 6);
  EXPECT_EQ(found[0].second, folder.file("checkpoint-000006"));
  save(9, 2);
  EXPECT_TRUE(fs::exists(folder.file("checkpoint-000009")));
  EXPECT_TRUE(fs::exists(folder.file("checkpoint-000008"))) << "damaged, but not one of the two oldest";
  EXPECT_FALSE(fs::exists(folder.file("checkpoint-000006")));
  EXPECT_FALSE(fs::exists(folder.file("checkpoint-000004")));
  EXPECT_FALSE(fs::exists(folder.file("checkpoint-000002")));
  EXPECT_TRUE(fs::exists(folder.file("checkpoint-notes")));
  EXPECT_TRUE(usable_checkpoints(folder.file("none")).empty());
}

}  // namespace
}  // namespace grpo
