// Names of published recipes, and the options of the loss one by one: what is read, what is refused and why.

#include "grpo/loss_preset.h"

#include <gtest/gtest.h>

#include "tests/grpo/loss_recipe.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::LossRecipe;
using testing::read_recipe;

PolicyLossOptions loss(const std::string& text) { return read_recipe(text).loss; }

// The key that the Error names.
std::string refused(const std::string& text) {
  const std::string where = error_of([&] { read_recipe(text); }).where();
  const std::string file = "recipe.json: ";
  return where.starts_with(file) ? where.substr(file.size()) : where;
}

TEST(LossPreset, WithoutANameIsDapoAsTrlHasIt) {
  const LossRecipe r = read_recipe("{}");
  EXPECT_EQ(r.packing.loss_agg_mode, LossAggMode::kTokenMean);
  EXPECT_EQ(r.loss.surrogate.kind, Surrogate::kClip);
  EXPECT_EQ(r.loss.surrogate.epsilon, 0.2);
  EXPECT_EQ(r.loss.surrogate.upper(), 1.2);
  EXPECT_EQ(r.loss.importance_sampling_level, ImportanceSamplingLevel::kToken);
  EXPECT_EQ(r.loss.beta, 0.0);
  EXPECT_EQ(r.advantage.estimator, AdvantageEstimator::kGroup);
  EXPECT_EQ(r.advantage.scale_rewards, ScaleRewards::kGroup);
  EXPECT_EQ(r.loss.importance_sampling.mode, ImportanceSamplingMode::kNone);
  EXPECT_FALSE(r.loss.entropy_bonus.enabled());
  EXPECT_EQ(r.loss.top_entropy_quantile, 1.0);
  EXPECT_FALSE(r.loss.off_policy_mask_threshold);
}

TEST(LossPreset, EveryNameIsItsPublishedCombination) {
  const auto of = [](const std::string& name) { return read_recipe("{\"loss_type\": \"" + name + "\"}"); };
  EXPECT_EQ(of("grpo").packing.loss_agg_mode, LossAggMode::kSeqMeanTokenMean);
  EXPECT_EQ(of("dapo").packing.loss_agg_mode, LossAggMode::kTokenMean);
  EXPECT_EQ(of("dr_grpo").packing.loss_agg_mode, LossAggMode::kSeqMeanTokenSumNorm);
  EXPECT_EQ(of("dr_grpo").advantage.scale_rewards, ScaleRewards::kNone);
  EXPECT_EQ(of("bnpo").packing.loss_agg_mode, LossAggMode::kLocalTokenMean);
  for (const char* name : {"gspo", "gspo_token"}) {
    EXPECT_EQ(of(name).packing.loss_agg_mode, LossAggMode::kSeqMeanTokenMean);
    EXPECT_EQ(of(name).loss.surrogate.epsilon, 3e-4);
    EXPECT_EQ(of(name).loss.surrogate.upper(), 1.0 + 4e-4);
  }
  EXPECT_EQ(of("gspo").loss.importance_sampling_level, ImportanceSamplingLevel::kSequence);
  EXPECT_EQ(of("gspo_token").loss.importance_sampling_level, ImportanceSamplingLevel::kSequenceToken);
  EXPECT_EQ(of("cispo").loss.surrogate.kind, Surrogate::kCispo);
  EXPECT_EQ(of("cispo").loss.surrogate.cispo_cap(), 5.0);
  EXPECT_EQ(of("sapo").loss.surrogate.kind, Surrogate::kSapo);
  EXPECT_EQ(of("sapo").packing.loss_agg_mode, LossAggMode::kSeqMeanTokenMean);
  EXPECT_EQ(of("rloo").advantage.estimator, AdvantageEstimator::kLeaveOneOut);
  EXPECT_EQ(of("rloo").loss.importance_sampling_level, ImportanceSamplingLevel::kSequenceSum);
  for (const char* name : {"rloo", "reinforce_pp"}) {
    const LossRecipe r = of(name);
    EXPECT_TRUE(r.loss.use_kl_in_reward);
    EXPECT_FALSE(r.loss.kl_in_loss());
    EXPECT_EQ(r.loss.kl_estimator, KlEstimator::kK1);
    EXPECT_EQ(r.advantage.kl_coef, r.loss.beta);
    EXPECT_GT(r.loss.beta, 0.0);
  }
  EXPECT_EQ(of("reinforce_pp").advantage.estimator, AdvantageEstimator::kBatch);
  EXPECT_EQ(of("reinforce_pp_baseline").advantage.estimator, AdvantageEstimator::kGroupThenBatch);
  EXPECT_EQ(of("reinforce_pp_baseline").loss.beta, 0.0);
  EXPECT_EQ(loss_preset_names().size(), 11u);
}

TEST(LossPreset, OwnKeysOverrideItAndSilenceWhatTheyMakePointless) {
  EXPECT_EQ(loss(R"({"loss_type": "gspo", "epsilon": 0.2})").surrogate.upper(), 1.2);
  EXPECT_EQ(read_recipe(R"({"loss_type": "grpo", "loss_agg_mode": "token-mean"})").packing.loss_agg_mode,
            LossAggMode::kTokenMean);
  EXPECT_EQ(read_recipe(R"({"loss_type": "dr_grpo", "scale_rewards": "group"})").advantage.scale_rewards,
            ScaleRewards::kGroup);
  EXPECT_FALSE(loss(R"({"loss_type": "rloo", "beta": 0})").use_kl_in_reward);
  EXPECT_EQ(loss(R"({"loss_type": "rloo", "use_kl_in_reward": false})").kl_estimator, KlEstimator::kK3);
  EXPECT_EQ(loss(R"({"loss_type": "cispo", "cispo_epsilon_high": 0.5})").surrogate.cispo_cap(), 1.5);
  EXPECT_EQ(loss(R"({"loss_type": "gspo", "surrogate": "sapo"})").surrogate.kind, Surrogate::kSapo);
  EXPECT_EQ(loss(R"({"loss_type": "gspo_token", "surrogate": "cispo", "cispo_ratio_max": 2})").importance_sampling_level,
            ImportanceSamplingLevel::kSequence);
  EXPECT_EQ(read_recipe(R"({"loss_type": "dr_grpo", "advantage_estimator": "leave_one_out"})").advantage.estimator,
            AdvantageEstimator::kLeaveOneOut);
}

TEST(StagePreset, DeepseekR1IsThePublishedTable) {
  const Json r1 = with_presets({{"preset", "deepseek_r1"}});
  const auto number = [&](const char* key) { return r1.at(key).get<double>(); };
  EXPECT_EQ(number("epsilon"), 10.0);
  EXPECT_EQ(number("prompts_per_step") * number("num_generations"), 512.0);
  EXPECT_EQ(number("prompts_per_step") * number("num_generations") * number("steps_per_generation"), 8192.0);
  EXPECT_EQ(number("num_generations"), 16.0);
  EXPECT_EQ(number("num_iterations"), 1.0);
  EXPECT_EQ(number("beta"), 0.001);
  EXPECT_EQ(r1.at("kl_estimator"), "k3");
  EXPECT_EQ(number("learning_rate"), 3e-6);
  EXPECT_EQ(number("temperature"), 1.0);
  EXPECT_EQ(r1.at("sync_ref_model"), true);
  EXPECT_EQ(number("ref_model_sync_steps"), 400.0);
  EXPECT_EQ(number("ref_model_mixup_alpha"), 1.0);
  EXPECT_EQ(r1.at("loss_type"), "grpo");
  EXPECT_EQ(r1.at("loss_agg_mode"), "seq-mean-token-mean");
}

TEST(StagePreset, GoesBeforeTheLossAndAfterTheStage) {
  const Json gspo = with_presets({{"preset", "deepseek_r1"}, {"loss_type", "gspo"}, {"num_generations", 4}});
  EXPECT_EQ(gspo.at("epsilon"), 10.0);
  EXPECT_EQ(gspo.at("importance_sampling_level"), "sequence");
  EXPECT_EQ(gspo.at("num_generations"), 4);
  const Json alone = with_presets({{"preset", "deepseek_r1"}, {"beta", 0}});
  for (const char* key : {"kl_estimator", "sync_ref_model", "ref_model_sync_steps"}) EXPECT_FALSE(alone.contains(key)) << key;
}

TEST(WithPresets, ReadsTheSameAsTheStageItself) {
  std::vector<Json> stages;
  for (const std::string& name : loss_preset_names()) {
    for (const char* more : {R"({})", R"({"beta": 0})", R"({"beta": 0.1})", R"({"epsilon": 0.3})",
                             R"({"surrogate": "clip"})", R"({"surrogate": "cispo", "cispo_epsilon_high": 0.4})",
                             R"({"surrogate": "sapo"})", R"({"advantage_estimator": "group_then_batch"})",
                             R"({"multi_objective_aggregation": "normalize_then_sum", "advantage_estimator": "group"})",
                             R"({"use_kl_in_reward": false, "beta": 0.2})"}) {
      Json stage = parse_json(more, "test");
      stage["loss_type"] = name;
      if (stage.contains("epsilon") && (name == "cispo" || name == "sapo")) continue;
      stages.push_back(stage);
    }
  }
  for (const Json& stage : stages) {
    const Json merged = with_presets(stage);
    EXPECT_EQ(with_presets(merged), merged);
    const LossRecipe a = read_recipe(stage), b = read_recipe(merged);
    EXPECT_EQ(a.packing.loss_agg_mode, b.packing.loss_agg_mode) << stage.dump();
    EXPECT_EQ(a.loss.surrogate.kind, b.loss.surrogate.kind) << stage.dump();
    EXPECT_EQ(a.loss.surrogate.epsilon, b.loss.surrogate.epsilon) << stage.dump();
    EXPECT_EQ(a.loss.surrogate.epsilon_high, b.loss.surrogate.epsilon_high) << stage.dump();
    EXPECT_EQ(a.loss.surrogate.cispo_ratio_max, b.loss.surrogate.cispo_ratio_max) << stage.dump();
    EXPECT_EQ(a.loss.importance_sampling_level, b.loss.importance_sampling_level) << stage.dump();
    EXPECT_EQ(a.loss.beta, b.loss.beta) << stage.dump();
    EXPECT_EQ(a.loss.use_kl_in_reward, b.loss.use_kl_in_reward) << stage.dump();
    EXPECT_EQ(a.loss.kl_estimator, b.loss.kl_estimator) << stage.dump();
    EXPECT_EQ(a.advantage.estimator, b.advantage.estimator) << stage.dump();
    EXPECT_EQ(a.advantage.scale_rewards, b.advantage.scale_rewards) << stage.dump();
  }
}

TEST(LossPreset, ThatNobodyKnowsIsAnErrorThatListsTheOthers) {
  EXPECT_NE(error_of([] { loss_preset("ppo"); }).fix().find("reinforce_pp_baseline"), std::string::npos);
  EXPECT_EQ(error_of([] { stage_preset("r2"); }).where(), "preset");
  EXPECT_EQ(preset_defaults({{"loss_type", "ppo"}}), Json::object());
}

TEST(PolicyLossOptions, AreReadUnderTheirNames) {
  const auto set = loss(R"({"epsilon": 0.1, "epsilon_high": 0.28, "delta": 4, "beta": 0.001, "kl_estimator": "k2",
                            "importance_sampling_level": "sequence_token", "top_entropy_quantile": 0.2,
                            "off_policy_mask_threshold": 0.05, "importance_sampling_mode": "token_mask"})");
  EXPECT_EQ(set.surrogate.epsilon, 0.1);
  EXPECT_EQ(set.surrogate.upper(), 1.28);
  EXPECT_EQ(set.surrogate.delta, 4.0);
  EXPECT_EQ(set.beta, 0.001);
  EXPECT_EQ(set.kl_estimator, KlEstimator::kK2);
  EXPECT_TRUE(set.kl_in_loss());
  EXPECT_EQ(set.importance_sampling_level, ImportanceSamplingLevel::kSequenceToken);
  EXPECT_EQ(set.top_entropy_quantile, 0.2);
  EXPECT_EQ(set.off_policy_mask_threshold, 0.05);
  EXPECT_EQ(set.importance_sampling.mode, ImportanceSamplingMode::kTokenMask);
  EXPECT_EQ(loss(R"({"dual_clip": 3})").surrogate.dual_clip, 3.0);
  EXPECT_EQ(loss(R"({"epsilon": 10})").surrogate.upper(), 11.0);
  EXPECT_FALSE(loss(R"({"epsilon_high": null, "delta": null})").surrogate.delta);
  EXPECT_TRUE(loss(R"({"beta": 0.1, "use_bias_correction_kl": true})").use_bias_correction_kl);
  EXPECT_EQ(loss(R"({"beta": 0.1, "use_kl_in_reward": true})").kl_estimator, KlEstimator::kK1);
  EXPECT_EQ(loss(R"({"beta": 0.1, "use_kl_in_reward": true, "kl_estimator": "k3"})").kl_estimator, KlEstimator::kK3);
  const auto sapo = loss(R"({"surrogate": "sapo", "sapo_temperature_pos": 2, "sapo_temperature_neg": 3})").surrogate;
  EXPECT_EQ(sapo.sapo_temperature_pos, 2.0);
  EXPECT_EQ(sapo.sapo_temperature_neg, 3.0);
  const auto bonus = loss(R"({"use_adaptive_entropy": true, "entropy_coef": 0.01, "entropy_coef_min": 0.001,
                              "entropy_coef_max": 0.1, "entropy_coef_delta": 0.002, "entropy_target": 0.6})").entropy_bonus;
  EXPECT_TRUE(bonus.adaptive);
  EXPECT_EQ(bonus.coef, 0.01);
  EXPECT_EQ(bonus.coef_min, 0.001);
  EXPECT_EQ(bonus.coef_max, 0.1);
  EXPECT_EQ(bonus.coef_delta, 0.002);
  EXPECT_EQ(bonus.target, 0.6);
}

TEST(PolicyLossOptions, RefuseWhatIsOutOfRange) {
  EXPECT_EQ(refused(R"({"epsilon": 0})"), "epsilon");
  EXPECT_EQ(refused(R"({"epsilon": 0.2, "epsilon_high": 0.1})"), "epsilon_high");
  EXPECT_EQ(refused(R"({"delta": 1.2})"), "delta");
  EXPECT_EQ(refused(R"({"dual_clip": 1})"), "dual_clip");
  EXPECT_EQ(refused(R"({"beta": -0.04})"), "beta");
  EXPECT_EQ(refused(R"({"beta": 0.1, "kl_estimator": "k4"})"), "kl_estimator");
  EXPECT_EQ(refused(R"({"surrogate": "vespo"})"), "surrogate");
  EXPECT_EQ(refused(R"({"importance_sampling_level": "group"})"), "importance_sampling_level");
  EXPECT_EQ(refused(R"({"top_entropy_quantile": 0})"), "top_entropy_quantile");
  EXPECT_EQ(refused(R"({"top_entropy_quantile": 1.1})"), "top_entropy_quantile");
  EXPECT_EQ(refused(R"({"off_policy_mask_threshold": 0})"), "off_policy_mask_threshold");
  EXPECT_EQ(refused(R"({"loss_type": "cispo", "cispo_ratio_max": 0})"), "cispo_ratio_max");
  EXPECT_EQ(refused(R"({"loss_type": "sapo", "sapo_temperature_pos": 0})"), "sapo_temperature_pos");
  EXPECT_EQ(refused(R"({"entropy_coef": -0.1})"), "entropy_coef");
}

TEST(PolicyLossOptions, RefuseKnobsWithoutEffect) {
  for (const char* key : {"epsilon", "epsilon_high", "delta", "dual_clip"}) {
    for (const char* surrogate : {"sapo", "cispo"}) {
      Json json = {{"loss_type", surrogate}, {key, 5}};
      EXPECT_EQ(refused(json.dump()), key) << surrogate;
    }
  }
  for (const char* key : {"cispo_ratio_max", "cispo_epsilon_high", "cispo_epsilon_low"}) {
    EXPECT_EQ(refused(std::string("{\"") + key + "\": 0.5}"), key);
  }
  for (const char* key : {"sapo_temperature_pos", "sapo_temperature_neg"}) {
    EXPECT_EQ(refused(std::string("{\"") + key + "\": 2}"), key);
  }
  for (const char* key : {"use_kl_in_reward", "use_bias_correction_kl"}) {
    EXPECT_EQ(refused(std::string("{\"") + key + "\": true}"), key);
  }
  EXPECT_EQ(refused(R"({"kl_estimator": "k2"})"), "kl_estimator");
  EXPECT_EQ(refused(R"({"beta": 0.1, "use_kl_in_reward": true, "use_bias_correction_kl": true})"), "use_bias_correction_kl");
  EXPECT_EQ(refused(R"({"loss_type": "cispo", "importance_sampling_level": "sequence_token"})"), "importance_sampling_level");
  for (const char* key : {"entropy_coef_min", "entropy_coef_max", "entropy_coef_delta", "entropy_target"}) {
    EXPECT_EQ(refused(std::string("{\"entropy_coef\": 0.1, \"") + key + "\": 0.5}"), key);
  }
}

TEST(PolicyLossOptions, RefuseKnobsThatContradict) {
  EXPECT_EQ(refused(R"({"delta": 3, "dual_clip": 3})"), "dual_clip");
  EXPECT_EQ(refused(R"({"surrogate": "cispo"})"), "cispo_ratio_max");
  EXPECT_EQ(refused(R"({"surrogate": "cispo", "cispo_ratio_max": 5, "cispo_epsilon_high": 4})"), "cispo_epsilon_high");
  EXPECT_EQ(refused(R"({"surrogate": "cispo", "cispo_ratio_max": 5, "cispo_epsilon_low": 0.2})"), "cispo_epsilon_low");
  EXPECT_EQ(refused(R"({"beta": 0.1, "kl_estimator": "k2", "use_bias_correction_kl": true})"), "use_bias_correction_kl");
  EXPECT_EQ(refused(R"({"use_adaptive_entropy": true, "entropy_coef": 0.5, "entropy_coef_max": 0.1})"), "entropy_coef");
  EXPECT_EQ(refused(R"({"use_adaptive_entropy": true, "entropy_coef_min": 0.1, "entropy_coef_max": 0.1})"),
            "entropy_coef_max");
}

TEST(PolicyLossOptions, EpsilonsOfCispoAreRefusedByNamingItsCaps) {
  for (const char* key : {"epsilon", "epsilon_high"}) {
    const Json json = {{"loss_type", "cispo"}, {key, 0.2}};
    const std::string fix = error_of([&] { read_recipe(json); }).fix();
    EXPECT_NE(fix.find("cispo_ratio_max"), std::string::npos);
    EXPECT_NE(fix.find("cispo_epsilon_high"), std::string::npos);
  }
}

TEST(PolicyLossOptions, RefuseK1InTheLossWithItsReason) {
  for (const char* text : {R"({"kl_estimator": "k1"})", R"({"beta": 0.1, "kl_estimator": "k1"})"}) {
    const Error e = error_of([&] { read_recipe(text); });
    EXPECT_EQ(e.where(), "recipe.json: kl_estimator");
    EXPECT_NE(e.summary().find("expected gradient"), std::string::npos);
    EXPECT_NE(e.fix().find("k3"), std::string::npos);
  }
}

TEST(AdvantageOptions, RefuseWhatTheEstimatorDoesNotRead) {
  EXPECT_EQ(refused(R"({"advantage_estimator": "gae"})"), "advantage_estimator");
  for (const char* estimator : {"leave_one_out", "batch", "group_then_batch"}) {
    EXPECT_EQ(refused(Json{{"advantage_estimator", estimator}, {"scale_rewards", "group"}}.dump()), "scale_rewards");
    EXPECT_EQ(refused(Json{{"advantage_estimator", estimator}, {"multi_objective_aggregation", "normalize_then_sum"}}.dump()),
              "multi_objective_aggregation");
  }
  EXPECT_EQ(refused(R"({"advantage_estimator": "leave_one_out", "advantage_epsilon": 0.1})"), "advantage_epsilon");
}

}  // namespace
}  // namespace grpo
