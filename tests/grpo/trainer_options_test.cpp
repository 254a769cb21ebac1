// Presets through the reader of a whole rl stage, and what its rooms ask of each other.

#include "grpo/trainer_options.h"

#include <gtest/gtest.h>

#include "grpo/loss_preset.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

TrainerOptions read(const Json& json) {
  ObjectReader reader(json, "recipe.json");
  const TrainerOptions options = read_trainer_options(reader);
  reader.finish();
  return options;
}

TrainerOptions read_keys(const std::string& keys) { return read(parse_json("{\"max_steps\": 3, " + keys + "}", "test")); }

std::string refused(const std::string& keys) { return error_of([&] { read_keys(keys); }).where(); }

TEST(TrainerPresets, DeepseekR1SetsTheWholeStage) {
  const TrainerOptions o = read_keys(R"("preset": "deepseek_r1")");
  EXPECT_EQ(o.prompts_per_step * o.num_generations * o.steps_per_generation, 8192);
  EXPECT_EQ(o.num_generations, 16);
  EXPECT_EQ(o.num_iterations, 1);
  EXPECT_EQ(o.loss.surrogate.upper(), 11.0);
  EXPECT_EQ(o.loss.beta, 0.001);
  EXPECT_EQ(o.loss.kl_estimator, KlEstimator::kK3);
  EXPECT_TRUE(o.loss.kl_in_loss());
  EXPECT_EQ(o.schedule.learning_rate, 3e-6);
  EXPECT_EQ(o.sampling.temperature, 1.0);
  EXPECT_TRUE(o.sync_ref_model);
  EXPECT_EQ(o.ref_model_sync_steps, 400);
  EXPECT_EQ(o.ref_model_mixup_alpha, 1.0);
  EXPECT_EQ(o.packing.loss_agg_mode, LossAggMode::kSeqMeanTokenMean);
}

TEST(TrainerPresets, OwnKeysOverrideThem) {
  const TrainerOptions o = read_keys(R"("preset": "deepseek_r1", "num_generations": 4, "learning_rate": 1e-5, "temperature": 0.7,
                                   "beta": 0, "loss_type": "gspo")");
  EXPECT_EQ(o.num_generations, 4);
  EXPECT_EQ(o.schedule.learning_rate, 1e-5);
  EXPECT_EQ(o.sampling.temperature, 0.7);
  EXPECT_FALSE(o.sync_ref_model);  // there is no reference
  EXPECT_EQ(o.loss.importance_sampling_level, ImportanceSamplingLevel::kSequence);
  EXPECT_EQ(o.loss.surrogate.epsilon, 10.0);
}

TEST(TrainerPresets, WithPresetsIsAStageThatReadsTheSame) {
  std::vector<Json> stages = {{{"max_steps", 3}, {"preset", "deepseek_r1"}}};
  for (const std::string& name : loss_preset_names()) stages.push_back({{"max_steps", 3}, {"loss_type", name}});
  for (const Json& stage : stages) {
    const TrainerOptions a = read(stage), b = read(with_presets(stage));
    EXPECT_EQ(a.num_generations, b.num_generations);
    EXPECT_EQ(a.loss.beta, b.loss.beta);
    EXPECT_EQ(a.loss.surrogate.epsilon_high, b.loss.surrogate.epsilon_high);
    EXPECT_EQ(a.advantage.kl_coef, b.advantage.kl_coef);
    EXPECT_EQ(a.advantage.estimator, b.advantage.estimator);
    EXPECT_EQ(a.packing.loss_agg_mode, b.packing.loss_agg_mode);
    EXPECT_EQ(a.sync_ref_model, b.sync_ref_model);
  }
}

TEST(TrainerPresets, UnknownNamesAreErrors) {
  EXPECT_EQ(refused(R"("loss_type": "ppo")"), "recipe.json: loss_type");
  EXPECT_EQ(refused(R"("preset": "deepseek_r2")"), "recipe.json: preset");
}

TEST(TrainerOptionsTogether, KlInTheRewardReachesTheAdvantage) {
  const TrainerOptions o = read_keys(R"("beta": 0.02, "use_kl_in_reward": true)");
  EXPECT_EQ(o.advantage.kl_coef, 0.02);
  EXPECT_EQ(o.advantage.kl_estimator, KlEstimator::kK1);
  EXPECT_FALSE(o.loss.kl_in_loss());
  EXPECT_EQ(read_keys(R"("beta": 0.02)").advantage.kl_coef, 0.0);
  EXPECT_EQ(refused(R"("beta": 0.02, "use_kl_in_reward": true, "multi_objective_aggregation": "normalize_then_sum")"),
            "recipe.json: multi_objective_aggregation");
}

TEST(TrainerOptionsTogether, OnlyAdvantagesOfTheBatchTakeOneSampleAProblem) {
  EXPECT_EQ(read_keys(R"("loss_type": "reinforce_pp", "num_generations": 1)").num_generations, 1);
  for (const char* name : {"dapo", "rloo", "reinforce_pp_baseline"}) {
    EXPECT_EQ(refused(std::string("\"num_generations\": 1, \"loss_type\": \"") + name + "\""), "recipe.json: num_generations");
  }
  EXPECT_EQ(refused(R"("loss_type": "reinforce_pp", "dynamic_sampling": true)"), "recipe.json: dynamic_sampling");
}

TEST(TrainerOptionsTogether, BnpoAloneReadsTheSizeOfLocalBatches) {
  EXPECT_EQ(read_keys(R"("loss_type": "bnpo", "per_device_train_batch_size": 4)").packing.per_device_train_batch_size, 4);
  EXPECT_EQ(refused(R"("per_device_train_batch_size": 4)"), "recipe.json: per_device_train_batch_size");
}

}  // namespace
}  // namespace grpo
