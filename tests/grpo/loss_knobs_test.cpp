// What a stage is said to train with is what it trains with.

#include "grpo/loss_knobs.h"

#include <gtest/gtest.h>

#include "grpo/loss_preset.h"

namespace grpo {
namespace {

TrainerOptions read(const Json& stage) {
  Json options = stage;
  options["max_steps"] = 10;
  ObjectReader reader(options, "recipe.json");
  TrainerOptions read = read_trainer_options(reader);
  reader.finish();
  return read;
}

Json knobs_of(const Json& stage) { return loss_knobs(read(stage), stage); }

TEST(LossKnobs, ReadAsTheStageThatTheyAreOf) {
  std::vector<Json> stages;
  for (const std::string& name : loss_preset_names()) stages.push_back({{"loss_type", name}});
  for (const std::string& name : stage_preset_names()) {
    stages.push_back({{"preset", name}});
    stages.push_back({{"preset", name}, {"loss_type", "gspo"}, {"num_generations", 4}});
    stages.push_back({{"preset", name}, {"beta", 0}});
  }
  for (const char* text : {
           R"({})", R"({"epsilon": 0.1, "epsilon_high": 0.28, "delta": 4, "beta": 0.001, "kl_estimator": "k2"})",
           R"({"dual_clip": 3, "importance_sampling_level": "sequence_token", "top_entropy_quantile": 0.2})",
           R"({"loss_type": "cispo", "cispo_epsilon_high": 0.5, "cispo_epsilon_low": 0.3})",
           R"({"loss_type": "sapo", "sapo_temperature_neg": 1.5, "sync_ref_model": true, "beta": 0.2, "ref_model_sync_steps": 7})",
           R"({"loss_type": "bnpo", "per_device_train_batch_size": 3, "mask_truncated_completions": true})",
           R"({"multi_objective_aggregation": "normalize_then_sum", "advantage_ddof": 0, "advantage_epsilon": 1e-6})",
           R"({"scale_rewards": "none", "off_policy_mask_threshold": 0.05, "importance_sampling_mode": "geometric_mask"})",
           R"({"scale_rewards": "batch", "importance_sampling_mode": "sequence_truncate", "importance_sampling_clip_min": 0.1})",
           R"({"use_adaptive_entropy": true, "entropy_coef": 0.01, "entropy_coef_min": 0.001, "entropy_target": 0.6})",
           R"({"beta": 0.1, "use_bias_correction_kl": true, "ref_model": "models/a", "temperature": 0.7, "learning_rate": 2e-5})",
           R"({"beta": 0.1, "use_kl_in_reward": true, "num_iterations": 3, "steps_per_generation": 2, "prompts_per_step": 5})"}) {
    stages.push_back(parse_json(text, "test"));
  }
  for (const Json& stage : stages) {
    SCOPED_TRACE(stage.dump());
    const Json knobs = knobs_of(stage);
    // Read back, every key has an effect (or it would be refused) and says the same.
    EXPECT_EQ(knobs_of(knobs), knobs);
    // Whatever the stage says for itself is in it, and whatever its presets say as well.
    const Json merged = with_presets(stage);
    for (const auto& [key, value] : merged.items()) {
      ASSERT_TRUE(knobs.contains(key)) << key;
      EXPECT_EQ(knobs[key], value) << key;
    }
  }
}

TEST(LossKnobs, ShowWhatALossTypeMeans) {
  const Json gspo = knobs_of({{"loss_type", "gspo"}});
  EXPECT_EQ(gspo["importance_sampling_level"], "sequence");
  EXPECT_EQ(gspo["epsilon"], 3e-4);
  EXPECT_EQ(gspo["epsilon_high"], 4e-4);
  EXPECT_EQ(gspo["loss_agg_mode"], "seq-mean-token-mean");
  const Json plain = knobs_of(Json::object());
  EXPECT_EQ(plain["loss_type"], "dapo");
  EXPECT_EQ(plain["epsilon_high"], 0.2);
  EXPECT_FALSE(plain.contains("kl_estimator")) << "there is no reference";
  EXPECT_FALSE(plain.contains("cispo_ratio_max"));
}

}  // namespace
}  // namespace grpo
