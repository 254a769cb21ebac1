// Every published loss and every record of a rollout through the whole trainer: that they train, that the first update
// is on policy, and that a stop in the middle of a rollout changes nothing.

#include <gtest/gtest.h>

#include <cmath>

#include "grpo/loss_preset.h"
#include "tests/grpo/tiny_training.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

using namespace testing;

// As a recipe would say it, small.
TrainerOptions options_of(const std::string& keys) {
  const Json json = parse_json(R"({"max_steps": 20, "prompts_per_step": 3, "num_generations": 4, "max_completion_length": 10,
      "tokens_per_micro_batch": 60, "learning_rate": 1e-2, "freeze_moe_router": false)" + (keys.empty() ? "" : ", " + keys) + "}",
                               "test");
  ObjectReader reader(json, "recipe.json");
  TrainerOptions options = read_trainer_options(reader);
  reader.finish();
  return options;
}

struct Variant {
  std::string name;
  std::string keys;
};

std::vector<Variant> variants() {
  std::vector<Variant> all;
  for (const std::string& loss : loss_preset_names()) all.push_back({loss, R"("loss_type": ")" + loss + "\""});
  all.push_back({"adaptive_entropy", R"("use_adaptive_entropy": true, "entropy_coef": 0.01, "entropy_target": 2.5)"});
  all.push_back({"top_entropy", R"("top_entropy_quantile": 0.4)"});
  all.push_back({"offloaded_reference", R"("beta": 0.1, "offload_ref_model": true, "sync_ref_model": true,
      "ref_model_sync_steps": 2, "ref_model_mixup_alpha": 1)"});
  all.push_back({"router_replay", R"("router_replay": true, "beta": 0.1)"});
  all.push_back({"keep_sampling_mask", R"("keep_sampling_mask": true, "top_k": 7, "top_p": 0.9)"});
  all.push_back({"gradient_checkpointing", R"("gradient_checkpointing": true, "router_replay": true)"});
  all.push_back({"int8_moments", R"("optimizer_state_dtype": "int8", "offload_optimizer": true)"});
  all.push_back({"token_truncate", R"("importance_sampling_mode": "token_truncate", "off_policy_mask_threshold": 0.1)"});
  return all;
}

class TrainerVariant : public ::testing::TestWithParam<Variant> {};

TEST_P(TrainerVariant, GoesOnBitForBitFromTheMiddleOfARollout) {
  const TrainerOptions options =
      options_of(GetParam().keys + R"(, "steps_per_generation": 2, "num_iterations": 2)");
  Policy policy = character_policy(deepseek_json());
  const auto start = weights_of(policy);
  Trainer trainer(policy, &characters(), evenness(), options, 31);
  for (int step = 0; step < 3; ++step) trainer.step(sum_problem);
  EXPECT_NE(changed(start, weights_of(policy)), "");
  const TemporaryFolder stop;
  trainer.save(stop.path());
  std::vector<Json> expected;
  for (int step = 0; step < 3; ++step) expected.push_back(without_times(trainer.step(sum_problem)));

  Policy other = character_policy(deepseek_json(), at::kFloat, 99);
  Trainer second(other, &characters(), evenness(), options, 31);
  second.restore(stop.path());
  for (const Json& metrics : expected) EXPECT_EQ(without_times(second.step(sum_problem)), metrics);
  EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
}

TEST_P(TrainerVariant, FirstUpdateIsOnPolicy) {
  const TrainerOptions options = options_of(GetParam().keys);
  Policy policy = character_policy(llama_json());
  Trainer trainer(policy, &characters(), evenness(), options, 32);
  const Json metrics = trainer.step(sum_problem);
  EXPECT_EQ(number(metrics, "policy_ratio/min"), 1.0);
  EXPECT_EQ(number(metrics, "policy_ratio/max"), 1.0);
  EXPECT_TRUE(std::isfinite(number(metrics, "loss")));
  EXPECT_GT(number(metrics, "grad_norm"), 0.0);
  EXPECT_NEAR(number(metrics, "sampling/importance_sampling_ratio/mean"), 1.0, 1e-5);
  EXPECT_LE(number(metrics, "sampling/sampling_logp_difference/max"), 1e-5);
  if (options.loss.beta > 0.0) {
    EXPECT_EQ(number(metrics, "kl"), 0.0);
  }
}

INSTANTIATE_TEST_SUITE_P(Trainer, TrainerVariant, ::testing::ValuesIn(variants()),
                         [](const auto& info) { return info.param.name; });

// Without the kept sets both sides speak of the whole distribution, with them of what top_k and top_p left: the ratio of
// sampler and trainer is 1 either way, and the log-probabilities differ.
TEST(TrainerKeptSets, TheTrainerRenormalisesAsTheSamplerDid) {
  double entropy[2] = {};
  for (const bool kept : {false, true}) {
    const TrainerOptions options = options_of(std::string(R"("top_k": 5, "temperature": 0.7, "keep_sampling_mask": )") +
                                              (kept ? "true" : "false"));
    Policy policy = character_policy(llama_json());
    Trainer trainer(policy, &characters(), evenness(), options, 33);
    const Json metrics = trainer.step(sum_problem);
    EXPECT_NEAR(number(metrics, "sampling/importance_sampling_ratio/mean"), 1.0, 1e-5);
    EXPECT_NEAR(number(metrics, "sampling/importance_sampling_ratio/max"), 1.0, 1e-4);
    entropy[kept] = number(metrics, "entropy");
    for (const Group& group : trainer.groups()) {
      for (const Episode& episode : group.episodes) {
        EXPECT_EQ(episode.kept_begin.size(), kept ? episode.completion_ids.size() + 1 : 0u);
      }
    }
  }
  EXPECT_LT(entropy[1], std::log(5.0) + 1e-6);
  EXPECT_GT(entropy[0], entropy[1]);
}

// The routers move far between the two passes over a rollout. With replay the second pass still sends every token where
// the sampler did, but for the last of each sample, which has no record; without it many tokens go elsewhere.
TEST(TrainerRouterReplay, RoutesAreThoseOfTheRolloutInEveryPass) {
  double moved[2] = {};
  for (const bool replay : {false, true}) {
    TrainerOptions options = options_of(std::string(R"("num_iterations": 2, "router_replay": )") + (replay ? "true" : "false"));
    options.schedule.learning_rate = 0.3;
    Policy policy = character_policy(deepseek_json());
    Trainer trainer(policy, &characters(), evenness(), options, 34);
    const Json first = trainer.step(sum_problem);
    EXPECT_EQ(trainer.groups()[0].episodes[0].routes.empty(), !replay);
    const Json second = trainer.step(sum_problem);
    moved[replay] = std::abs(number(first, "moe/load_entropy") - number(second, "moe/load_entropy"));
  }
  EXPECT_LT(moved[true], 0.5 * moved[false]) << "replayed " << moved[true] << ", free " << moved[false];
}

}  // namespace
}  // namespace grpo
