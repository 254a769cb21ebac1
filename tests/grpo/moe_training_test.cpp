// Mixtures of experts and multi-token prediction in both trainers: what is left alone unless asked for, what
// asking for it does, and that nothing of it depends on how a batch is cut.
#include <gtest/gtest.h>

#include <map>

#include "grpo/sft_trainer.h"
#include "tests/grpo/tiny_training.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

bool is_router(const std::string& name) {
  return name.ends_with(".mlp.gate.weight");
}
bool is_bias(const std::string& name) {
  return name.ends_with("e_score_correction_bias");
}
bool is_mtp(const std::string& name) {
  return name.starts_with("model.layers.3.") || name.starts_with("model.layers.4.");
}

// How many tensors changed, of each kind.
struct Changes {
  int64_t routers = 0, biases = 0, mtp = 0, others = 0;
};

Changes changes(const std::vector<NamedTensor>& before, const std::vector<NamedTensor>& after) {
  Changes out;
  for (size_t i = 0; i < before.size(); ++i) {
    if (at::equal(before[i].tensor, after[i].tensor)) continue;
    const std::string& name = before[i].name;
    ++(is_mtp(name) ? out.mtp : is_router(name) ? out.routers : is_bias(name) ? out.biases : out.others);
  }
  return out;
}

// The reinforcement learning options that a recipe without a word about experts gets.
TrainerOptions default_options() {
  TrainerOptions options = tiny_options();
  options.auxiliary = TrainerOptions().auxiliary;
  return options;
}

struct Outcome {
  Changes changed;
  std::vector<Json> metrics;
  std::vector<NamedTensor> weights;
};

Outcome run_rl(const TrainerOptions& options, int steps = 2) {
  Policy policy = character_policy(deepseek_mtp_json());
  const auto before = weights_of(policy);
  Trainer trainer(policy, &characters(), evenness(), options, 1);
  Outcome run;
  for (int step = 0; step < steps; ++step) run.metrics.push_back(trainer.step(sum_problem));
  run.weights = weights_of(policy);
  run.changed = changes(before, run.weights);
  return run;
}

TEST(MoeInRl, RoutersTheirBiasesAndMultiTokenPredictionAreFrozenAndThereIsNoBalanceLossByDefault) {
  TrainerOptions options = default_options();
  options.optimizer.weight_decay = 0.1;  // does not reach what is frozen either
  const Outcome run = run_rl(options);
  EXPECT_EQ(run.changed.routers, 0);
  EXPECT_EQ(run.changed.biases, 0);
  EXPECT_EQ(run.changed.mtp, 0);
  EXPECT_GT(run.changed.others, 40);
  for (const Json& metrics : run.metrics) {
    EXPECT_FALSE(metrics.contains("moe/aux_loss"));
    EXPECT_FALSE(metrics.contains("mtp/loss"));
    EXPECT_GE(number(metrics, "moe/max_violation"), 0.0);
    EXPECT_LE(number(metrics, "moe/load_entropy"), 1.0);
    EXPECT_TRUE(metrics.contains("moe/dead_experts"));
  }
}

TEST(MoeInRl, EachPartIsTrainedAndLoggedWhenAskedFor) {
  TrainerOptions bias = default_options();
  bias.router_bias_update_rate = 1e-3;
  const Outcome with_bias = run_rl(bias);
  EXPECT_EQ(with_bias.changed.biases, 2);
  EXPECT_EQ(with_bias.changed.routers, 0);

  TrainerOptions balance = default_options();
  balance.auxiliary.freeze_moe_router = false;
  balance.auxiliary.router_aux_loss_coef = 0.1;
  const Outcome balanced = run_rl(balance);
  EXPECT_EQ(balanced.changed.routers, 2);
  EXPECT_EQ(balanced.changed.biases, 0);
  EXPECT_EQ(balanced.changed.mtp, 0);
  EXPECT_GT(number(balanced.metrics[0], "moe/aux_loss"), 1.5);  // two MoE layers, each near 1

  TrainerOptions mtp = default_options();
  mtp.auxiliary.mtp.scale = 0.2;
  const Outcome predicted = run_rl(mtp);
  EXPECT_GT(predicted.changed.mtp, 20);
  EXPECT_EQ(predicted.changed.routers, 0);
  EXPECT_GT(number(predicted.metrics[0], "mtp/loss"), 0.0);
  EXPECT_GE(number(predicted.metrics[0], "mtp/accuracy"), 0.0);
  for (const NamedTensor& w : predicted.weights) {
    if (is_mtp(w.name) && is_router(w.name)) {
      const Policy start = character_policy(deepseek_mtp_json());
      for (const NamedTensor& old : start.checkpoint_tensors()) {
        if (old.name == w.name) {
          EXPECT_TRUE(at::equal(old.tensor, w.tensor)) << w.name;
        }
      }
    }
  }
}

TEST(MoeInRl, ADetachedMtpLossLeavesTheModelWithTheBitsItHasWithoutOne) {
  TrainerOptions without = default_options();
  without.optimizer.max_grad_norm = 0;  // the norm of all gradients is the one thing they share
  TrainerOptions with = without;
  with.auxiliary.mtp.scale = 1.0;
  TrainerOptions attached = with;
  attached.auxiliary.mtp.detach_trunk = false;
  const Outcome a = run_rl(without), b = run_rl(with), c = run_rl(attached);
  const Changes detached = changes(a.weights, b.weights);
  EXPECT_EQ(detached.others, 0);
  EXPECT_GT(detached.mtp, 20);
  EXPECT_GT(changes(a.weights, c.weights).others, 20);
}

TEST(MoeInRl, ANonFiniteRouterBiasIsRefusedBeforeTheFirstStep) {
  Policy policy = character_policy(deepseek_json());
  policy.buffers()[0].tensor[1] = NAN;
  const Error error = error_of([&] { Trainer(policy, &characters(), evenness(), default_options(), 1); });
  EXPECT_TRUE(holds(error.where(), "e_score_correction_bias"));
}

// 0 1 2 3 ... 9 0 1 ..., from any digit on.
SftSequence counting(int64_t n) {
  SftSequence sequence;
  for (int64_t i = 0; i < 3; ++i) sequence.prompt_ids.push_back((n + i) % 10);
  for (int64_t i = 3; i < 9; ++i) sequence.completion_ids.push_back((n + i) % 10);
  sequence.completion_ids.push_back(kEos);
  return sequence;
}

SftOptions tiny_sft() {
  SftOptions options;
  options.max_steps = 20;
  options.samples_per_step = 8;
  options.packing = {.tokens_per_micro_batch = 1000, .loss_agg_mode = LossAggMode::kTokenMean};
  options.schedule.learning_rate = 1e-2;
  return options;
}

Outcome run_sft(Policy policy, const SftOptions& options, int steps) {
  const auto before = weights_of(policy);
  SftTrainer trainer(policy, options);
  Outcome run;
  for (int step = 0; step < steps; ++step) run.metrics.push_back(without_times(trainer.step(counting)));
  run.weights = weights_of(policy);
  run.changed = changes(before, run.weights);
  return run;
}

TEST(MtpInSft, ModulesAreTrainedByDefaultWhereThereAreSome) {
  const Outcome with = run_sft(character_policy(deepseek_mtp_json()), tiny_sft(), 2);
  EXPECT_GT(with.changed.mtp, 20);
  EXPECT_EQ(with.changed.routers, 2);
  EXPECT_GT(number(with.metrics[0], "mtp/loss"), 0.0);
  const Outcome without = run_sft(character_policy(deepseek_json()), tiny_sft(), 2);
  EXPECT_FALSE(without.metrics[0].contains("mtp/loss"));
}

TEST(MtpInSft, WithScaleZeroTheModelTrainsAsIfItHadNoModules) {
  SftOptions options = tiny_sft();
  options.auxiliary.mtp.scale = 0.0;
  options.optimizer.weight_decay = 0.1;
  Policy with = character_policy(deepseek_mtp_json()), without = character_policy(deepseek_json());
  {
    const at::NoGradGuard no_grad;
    std::map<std::string, at::Tensor> tensors;
    for (const NamedTensor& t : with.checkpoint_tensors()) tensors[t.name] = t.tensor;
    for (const NamedTensor& t : without.checkpoint_tensors()) t.tensor.copy_(tensors.at(t.name));
  }
  const Outcome a = run_sft(with.clone(), options, 3), b = run_sft(without.clone(), options, 3);
  EXPECT_EQ(a.changed.mtp, 0);
  EXPECT_EQ(a.metrics, b.metrics);
  std::map<std::string, at::Tensor> tensors;
  for (const NamedTensor& t : a.weights) tensors[t.name] = t.tensor;
  for (const NamedTensor& t : b.weights) EXPECT_TRUE(at::equal(t.tensor, tensors.at(t.name))) << t.name;
}

TEST(MtpInSft, LearnsToPredictTokensAheadOfTheNext) {
  SftOptions options = tiny_sft();
  options.auxiliary.mtp.scale = 0.3;
  const Outcome run = run_sft(character_policy(deepseek_mtp_json()), options, 60);
  EXPECT_LT(number(run.metrics.front(), "mtp/accuracy"), 0.4);
  EXPECT_GT(number(run.metrics.back(), "mtp/accuracy"), 0.95);
  EXPECT_LT(number(run.metrics.back(), "mtp/loss"), 0.2);
}

TEST(MtpInSft, ResumesToTheLastBit) {
  SftOptions options = tiny_sft();
  options.router_bias_update_rate = 0.01;
  options.auxiliary.router_aux_loss_coef = 0.01;
  const TemporaryFolder middle;
  Policy policy = character_policy(deepseek_mtp_json());
  SftTrainer trainer(policy, options);
  for (int step = 0; step < 2; ++step) trainer.step(counting);
  trainer.save(middle.path());
  std::vector<Json> expected;
  for (int step = 0; step < 3; ++step) expected.push_back(without_times(trainer.step(counting)));
  Policy other = character_policy(deepseek_mtp_json(), at::kFloat, 99);
  SftTrainer second(other, options);
  second.restore(middle.path());
  for (const Json& metrics : expected) EXPECT_EQ(without_times(second.step(counting)), metrics);
  EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
}

TEST(ExpertLoad, MetricsOfAStepDoNotDependOnItsMicroBatches) {
  for (const double rate : {0.0, 1e-3}) {
    SftOptions options = tiny_sft();
    options.router_bias_update_rate = rate;
    const Policy start = character_policy(deepseek_json());
    const Outcome whole = run_sft(start.clone(), options, 1);
    options.packing.tokens_per_micro_batch = 20;
    const Outcome parts = run_sft(start.clone(), options, 1);
    for (const char* key : {"moe/max_violation", "moe/load_entropy", "moe/dead_experts"}) {
      EXPECT_EQ(number(whole.metrics[0], key), number(parts.metrics[0], key)) << key;
    }
    EXPECT_GT(number(whole.metrics[0], "moe/max_violation"), 0.0);
    EXPECT_EQ(whole.changed.biases, rate > 0 ? 2 : 0);
    for (size_t i = 0; i < whole.weights.size(); ++i) {
      if (is_bias(whole.weights[i].name)) {
        EXPECT_TRUE(at::equal(whole.weights[i].tensor, parts.weights[i].tensor));
      }
    }
  }
}

TEST(BalanceLoss, EvensOutTheLoadThatATaskWouldConcentrate) {
  SftOptions options = tiny_sft();
  const Policy start = character_policy(deepseek_softmax_json());
  const Outcome without = run_sft(start.clone(), options, 40);
  options.auxiliary.router_aux_loss_coef = 1.0;
  const Outcome with = run_sft(start.clone(), options, 40);
  EXPECT_LT(number(with.metrics.back(), "moe/max_violation"),
            0.7 * number(without.metrics.back(), "moe/max_violation"));
  EXPECT_LT(number(with.metrics.back(), "moe/aux_loss"), number(with.metrics.front(), "moe/aux_loss"));
}

}  // namespace
}  // namespace grpo
