// Several optimizer steps on one rollout: each learns from its share as it would from a rollout of its own.

#include <gtest/gtest.h>

#include "grpo/loss_preset.h"
#include "tests/grpo/tiny_training.h"

namespace grpo {
namespace {

using namespace testing;

TrainerOptions options_of(const std::string& loss_type, int64_t steps_per_generation) {
  const Json stage = {{"max_steps", 20},          {"loss_type", loss_type},        {"steps_per_generation", steps_per_generation},
                      {"prompts_per_step", 2},    {"num_generations", 4},          {"max_completion_length", 10},
                      {"max_grad_norm", 1e9},     {"tokens_per_micro_batch", 60},  {"learning_rate", 1e-2}};
  ObjectReader reader(stage, "test");
  TrainerOptions options = read_trainer_options(reader);
  reader.finish();
  return options;
}

// Whether the advantage of a sample is a matter of its group, so that it does not depend on what else is in the rollout.
bool of_group(const TrainerOptions& options) {
  return options.advantage.estimator == AdvantageEstimator::kGroup || options.advantage.estimator == AdvantageEstimator::kLeaveOneOut;
}

// The optimizer batch stays, the rollout is 1, 2 or 4 of them: the first batch is the same problems and samples.
TEST(StepsPerGeneration, LeaveTheFirstStepAsItIsForEveryLoss) {
  for (const std::string& loss_type : loss_preset_names()) {
    SCOPED_TRACE(loss_type);
    std::vector<NamedTensor> weights;
    Json first;
    for (const int64_t steps : {1, 2, 4}) {
      const TrainerOptions options = options_of(loss_type, steps);
      if (!of_group(options)) continue;
      Policy policy = character_policy(deepseek_json());
      Trainer trainer(policy, &characters(), evenness(), options, 5);
      const Json metrics = trainer.step(sum_problem);
      if (steps == 1) {
        first = metrics;
        weights = weights_of(policy);
        EXPECT_GT(number(first, "grad_norm"), 0.0);
        continue;
      }
      for (const char* key : {"loss", "grad_norm", "policy_ratio/mean", "entropy"}) EXPECT_EQ(metrics.value(key, Json()), first.value(key, Json())) << key;
      EXPECT_EQ(changed(weights_of(policy), weights), "") << steps;
    }
  }
}

// No step is scaled by how many share the rollout: its gradient is what its groups give alone.
TEST(StepsPerGeneration, GiveEveryStepTheGradientOfItsOwnGroups) {
  for (const std::string& loss_type : loss_preset_names()) {
    SCOPED_TRACE(loss_type);
    TrainerOptions options = options_of(loss_type, 4);
    options.schedule.learning_rate = 0.0;  // all steps of the same weights
    Policy policy = character_policy(deepseek_json());
    Trainer trainer(policy, &characters(), evenness(), options, 5);
    Policy other = character_policy(deepseek_json());
    TrainerOptions single = options;
    single.steps_per_generation = 1;
    Learner learner(other, single);
    trainer.collect(sum_problem);
    int moved = 0;
    for (int step = 0; step < 4; ++step) {
      std::vector<Group> share;
      for (const Group* group : trainer.groups_of_step()) share.push_back(*group);
      ASSERT_EQ(share.size(), 2u);
      std::vector<Group*> pointers;
      for (Group& group : share) pointers.push_back(&group);
      const Learner::Gradients alone = learner.accumulate(pointers);
      learner.discard();
      const Json metrics = trainer.learn();
      EXPECT_EQ(number(metrics, "grad_norm"), alone.norm) << step;
      EXPECT_EQ(metrics["loss"], alone.metrics["loss"]) << step;
      moved += alone.norm > 0.0;
    }
    EXPECT_GE(moved, 3);
  }
}

}  // namespace
}  // namespace grpo
