// Whole runs of a recipe: what they leave, what they refuse, and that being killed changes nothing.

#include "pipelines/run.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <sstream>
#include <thread>

#include "core/atomic_directory.h"
#include "core/file.h"
#include "core/seed.h"
#include "grpo/evaluate.h"
#include "pipelines/stage.h"
#include "policy/io/checkpoint.h"
#include "tests/pipelines/two_stages.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

TEST_F(RecipeRun, LeavesModelsMetricsEpisodesAndASummary) {
  const Json summary = run("out");
  EXPECT_EQ(names_in(path("out")), (std::set<std::string>{"recipe.json", "metrics.jsonl", "episodes.jsonl",
                                                          "stages", "summary.json", "tensorboard"}));
  EXPECT_EQ(names_in(path("out/stages")), (std::set<std::string>{"01-warm", "02-rl"}));
  for (const char* stage : {"01-warm", "02-rl"}) {
    const std::string directory = path("out/stages/") + stage;
    EXPECT_EQ(names_in(directory), (std::set<std::string>{"model"})) << "checkpoints are gone";
    EXPECT_NO_THROW(verify_directory(directory + "/model"));
    EXPECT_EQ(names_in(directory + "/model"),
              (std::set<std::string>{"config.json", "model.safetensors", "tokenizer.json",
                                     "tokenizer_config.json", "generation_config.json", "manifest.json"}));
  }
  EXPECT_EQ(read_json_file(path("out/summary.json")), summary);
  ASSERT_EQ(summary["stages"].size(), 2u);
  EXPECT_EQ(summary["stages"][1]["name"], "rl");
  EXPECT_EQ(summary["stages"][1]["from"], "warm");
  EXPECT_EQ(summary["stages"][1]["steps"], 8);
  std::vector<int64_t> evaluated;
  for (const Json& e : summary["stages"][1]["eval"]) evaluated.push_back(e["step"]);
  EXPECT_EQ(evaluated, (std::vector<int64_t>{0, 3, 6, 8}));
}

TEST_F(RecipeRun, MetricsHaveOneLinePerStepUnderTrlsNames) {
  run("out");
  const std::vector<Json> rows = lines("out/metrics.jsonl");
  std::vector<int64_t> steps, warm, rl;
  for (const Json& row : rows) {
    steps.push_back(row["step"]);
    (row["stage"] == "warm" ? warm : rl).push_back(row["stage_step"]);
  }
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  EXPECT_EQ(std::set<int64_t>(steps.begin(), steps.end()).size(), steps.size());
  EXPECT_EQ(warm, (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(rl, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8}))
      << "0 is the evaluation before the first step";
  for (const Json& row : rows) {
    const int64_t step = row["stage_step"];
    const bool sft = row["stage"] == "warm", last = step == (sft ? 7 : 8);
    EXPECT_EQ(row.contains("eval_accuracy"), step % 3 == 0 || last) << row;
    if (step == 0) continue;
    for (const char* key : {"loss", "grad_norm", "learning_rate", "entropy", "num_tokens", "step_time"}) {
      EXPECT_TRUE(row.contains(key) && row[key].is_number()) << key << " in " << row;
    }
    if (sft) continue;
    for (const char* key :
         {"kl", "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean",
          "sampling/sampling_logp_difference/mean", "sampling/sampling_logp_difference/max",
          "sampling/importance_sampling_ratio/min", "sampling/importance_sampling_ratio/mean",
          "sampling/importance_sampling_ratio/max"}) {
      EXPECT_TRUE(row.contains(key) && row[key].is_number()) << key;
    }
    for (const char* key :
         {"reward", "reward_std", "frac_reward_zero_std", "rewards/token_count/mean", "rewards/token_count/std",
          "rewards/exact/mean", "completions/mean_length", "completions/min_length", "completions/max_length",
          "completions/mean_terminated_length", "completions/min_terminated_length",
          "completions/max_terminated_length", "completions/clipped_ratio", "time/generate", "time/score"}) {
      EXPECT_EQ(row.contains(key), step % 2 == 1) << key << ": a rollout serves two steps";
    }
  }
}

TEST_F(RecipeRun, EpisodesAreLoggedOncePerRolloutUpToTheLimit) {
  run("out");
  const std::vector<Json> rows = lines("out/episodes.jsonl");
  ASSERT_EQ(rows.size(), 4u * 5u) << "4 rollouts, 5 episodes of each";
  const Tokenizer tokenizer = Tokenizer::load(path("out/stages/02-rl/model"));
  for (const Json& row : rows) {
    EXPECT_EQ(row["stage"], "rl");
    EXPECT_EQ(row["completion_ids"].size(), row["behaviour_logprobs"].size());
    EXPECT_EQ(tokenizer.decode(row["completion_ids"].get<std::vector<int64_t>>()), row["completion"]);
    const double reward = row["rewards"]["token_count"]["value"].get<double>() +
                          0.5 * row["rewards"]["exact"]["value"].get<double>();
    EXPECT_NEAR(row["reward"].get<double>(), reward, 1e-12);
  }
  run("all", {"rl.log_episodes=-1"});
  EXPECT_EQ(lines("all/episodes.jsonl").size(), 4u * 8u);
}

TEST_F(RecipeRun, TheModelLoadsAndItsEvaluationIsTheRunsOwn) {
  const Json summary = run("out");
  const Checkpoint checkpoint = load_checkpoint(path("out/stages/02-rl/model"), std::nullopt, at::kCPU);
  ASSERT_TRUE(checkpoint.files.tokenizer.has_value());
  EXPECT_EQ(checkpoint.files.eos_token_ids, (std::vector<int64_t>{18}));
  EXPECT_EQ(checkpoint.files.config.vocab_size, 19);
  // The stage after it, if it only evaluates, starts from what this one ended with: the same numbers.
  const Json again =
      run_recipe(folder_.write("offline.json", Json{{"seed", 3},
                                                    {"policy", {{"model", path("out/stages/02-rl/model")}}},
                                                    {"data", Json::parse(kTwoStages)["data"]},
                                                    {"rewards", Json::parse(kTwoStages)["rewards"]},
                                                    {"eval", Json::parse(kTwoStages)["eval"]},
                                                    {"stage", "rl"},
                                                    {"max_steps", 1},
                                                    {"prompts_per_step", 1},
                                                    {"num_generations", 2},
                                                    {"max_completion_length", 12}}
                                                   .dump()),
                 {}, path("offline"), {.device = "cpu"});
  const Json &in_run = summary["stages"][1]["eval"].back(), &offline = again["stages"][0]["eval"].front();
  EXPECT_EQ(offline["step"], 0);
  for (const char* key : {"accuracy", "accuracy_stderr", "mean_length", "reward"})
    EXPECT_EQ(in_run[key], offline[key]) << key;
}

TEST_F(RecipeRun, TheSameSeedGivesTheSameBytesAndAnotherSeedOthers) {
  const std::string model = "/stages/02-rl/model/model.safetensors";
  run("a");
  run("b");
  run("c", {"seed=4"});
  EXPECT_EQ(read_file(path("a" + model)), read_file(path("b" + model)));
  EXPECT_EQ(without_times(lines("a/metrics.jsonl")), without_times(lines("b/metrics.jsonl")));
  EXPECT_NE(read_file(path("a" + model)), read_file(path("c" + model)));
}

TEST_F(RecipeRun, AFinishedRunIsSkippedAndSaysTheSame) {
  const Json summary = run("out");
  const auto before = fs::last_write_time(path("out/stages/02-rl/model/model.safetensors"));
  const std::string metrics = read_file(path("out/metrics.jsonl"));
  EXPECT_EQ(run("out"), summary);
  EXPECT_EQ(fs::last_write_time(path("out/stages/02-rl/model/model.safetensors")), before);
  EXPECT_EQ(read_file(path("out/metrics.jsonl")), metrics);
}

TEST_F(RecipeRun, ACheckpointHalfRemovedFromAFinishedStageGoesWithTheNextRun) {
  run("out");
  const std::string half = path("out/stages/02-rl/checkpoint-000006");
  fs::create_directories(half);
  std::ofstream(half + "/policy.safetensors") << "what a killed clean-up left";
  run("out");
  EXPECT_EQ(names_in(path("out/stages/02-rl")), (std::set<std::string>{"model"}));
}

TEST_F(RecipeRun, AStageMayStartFromTheBaseAgain) {
  // Two supervised stages that differ in where they start: the second of "base" has not seen the first.
  const std::string steps = "warm.max_steps=2";
  run("from_base", {steps, "rl.from=base", "rl.max_steps=2"});
  run("alone", {"stages=[" + Json::parse(kTwoStages)["stages"][1].dump() + "]", "rl.max_steps=2"});
  run("from_warm", {steps, "rl.max_steps=2"});
  EXPECT_EQ(lines("from_base/metrics.jsonl")[2]["eval_reward"].is_number(), true);
  EXPECT_NE(read_file(path("from_base/stages/02-rl/model/model.safetensors")),
            read_file(path("from_warm/stages/02-rl/model/model.safetensors")));
  // Same base, same evaluation problems and draws: the evaluation before the first step agrees.
  EXPECT_EQ(lines("from_base/metrics.jsonl")[2]["eval_completions/mean_length"],
            lines("alone/metrics.jsonl")[0]["eval_completions/mean_length"]);
}

// --- refusals

TEST_F(RecipeRun, AnotherRecipeIntoTheSameFolderIsRefusedAndChangesNothing) {
  run("out");
  const std::string metrics = read_file(path("out/metrics.jsonl"));
  const Error error = error_of([&] { run("out", {"rl.beta=0.02"}); });
  EXPECT_EQ(error.where(), path("out"));
  EXPECT_EQ(read_file(path("out/metrics.jsonl")), metrics);
  EXPECT_NO_THROW(run("out"));
}

TEST_F(RecipeRun, AFolderThatHoldsSomethingElseIsRefused) {
  fs::create_directories(path("home"));
  std::ofstream(path("home/thesis.tex")) << "x";
  EXPECT_EQ(error_of([&] { run("home"); }).where(), path("home"));
  EXPECT_EQ(names_in(path("home")), (std::set<std::string>{"thesis.tex"}));
}

TEST_F(RecipeRun, AFolderThatARunHadOnlyBegunIsTaken) {
  fs::create_directories(path("out"));
  std::ofstream(path("out/recipe.json.tmp-a1B2c3")) << "{";
  run("out", {"warm.max_steps=1", "rl.max_steps=2"});
  EXPECT_FALSE(fs::exists(path("out/recipe.json.tmp-a1B2c3")));
}

TEST_F(RecipeRun, NothingIsWrittenWhenTheCheckFails) {
  const auto before = names_in(folder_.path());
  for (const char* override : {"rl.temperature=0", "rl.unknown=1", "policy.model=nowhere",
                               "rl.data.train=nowhere.jsonl", "rl.rewards=[]", "warm.eval.num_problems=0",
                               "policy.config.hidden_size=17.5", "policy.dtype=float16"}) {
    EXPECT_THROW(run("out", {override}), Error) << override;
    EXPECT_EQ(names_in(folder_.path()), before) << override;
  }
}

TEST_F(RecipeRun, CheckDescribesTheRunWithoutWritingAnything) {
  const auto before = names_in(folder_.path());
  const Json description = check();
  EXPECT_EQ(description["policy"]["model_type"], "deepseek_v3");
  EXPECT_EQ(description["policy"]["from"], "scratch");
  EXPECT_GT(description["policy"]["parameters_total"], description["policy"]["parameters_active"]);
  ASSERT_EQ(description["stages"].size(), 2u);
  EXPECT_EQ(description["stages"][0]["max_steps"], 7);
  EXPECT_EQ(description["stages"][1]["problems"], "generated");
  EXPECT_EQ(names_in(folder_.path()), before);
}

TEST_F(RecipeRun, CheckShowsWhatPresetsMakeOfTheLoss) {
  const Json stages = check({"rl.loss_type=gspo", "rl.epsilon_high=0.1"})["stages"];
  EXPECT_FALSE(stages[0].contains("loss")) << "of a supervised stage";
  const Json& loss = stages[1]["loss"];
  EXPECT_EQ(loss["loss_type"], "gspo");
  EXPECT_EQ(loss["importance_sampling_level"], "sequence");
  EXPECT_EQ(loss["epsilon"], 3e-4);
  EXPECT_EQ(loss["epsilon_high"], 0.1);
  EXPECT_EQ(loss["beta"], 0.01);
  EXPECT_EQ(loss["kl_estimator"], "k3");
  EXPECT_EQ(loss["ref_model_sync_steps"], 3);
}

TEST_F(RecipeRun, UnknownKeysAreNamedByTheirPathAtEveryLevel) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"policy.modle=x", "policy"},
      {"policy.config.model_type=gpt2", "policy.config"},
      {"policy.tokenizer.tag=x", "policy.tokenizer"},
      {"rl.num_generation=4", "stages[1]"},
      {"warm.beta=0.1", "stages[0]"},
      {"rl.eval.step=1", "stages[1].eval"},
      {"rl.data.tarin=x", "stages[1].data"},
      {"rl.data.train.operator=2", "stages[1].data"},
      {"rl.rewards.0.max_token=3", "stages[1].rewards[0]"},
      {"rl.data.columns.prompts=q", "stages[1].data.columns"},
  };
  for (const auto& [override, where] : cases) {
    std::vector<std::string> overrides = {override};
    // Paths into lists and objects of a stage need the stage to have its own.
    if (override.starts_with("rl.rewards"))
      overrides.insert(overrides.begin(), R"(rl.rewards=[{"name": "token_count", "max_tokens": 12}])");
    if (override.starts_with("rl.data.train"))
      overrides.insert(overrides.begin(), R"(rl.data.train={"generator": "chain"})");
    EXPECT_TRUE(holds(refused(overrides).where(), "recipe.json: " + where)) << override;
  }
}

TEST_F(RecipeRun, OptionsWithoutEffectAreErrors) {
  EXPECT_TRUE(holds(refused({"rl.beta=0", "rl.sync_ref_model=true"}).where(), "stages[1].sync_ref_model"));
  // Rewards of all stages are no mistake of one that does not score; its own are.
  EXPECT_FALSE(check({"warm.eval=null"})["stages"].empty());
  EXPECT_TRUE(holds(refused({"warm.eval=null", R"(warm.rewards=[{"name": "exact"}])"}).where(), "stages[0].rewards"));
  EXPECT_TRUE(holds(refused({"rl.rewards=null"}).where(), "stages[1].rewards"));
  EXPECT_TRUE(holds(refused({"rl.data.worked_fraction=0.5"}).where(), "stages[1].data.worked_fraction"));
}

}  // namespace
}  // namespace grpo
