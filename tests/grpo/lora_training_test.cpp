// Training adapters, or a selection of weights: what moves, what rollouts see, what the reference is, and
// going on after a stop.

#include <gtest/gtest.h>

#include <filesystem>

#include "grpo/sft_trainer.h"
#include "policy/lora.h"
#include "policy/trainable.h"
#include "tests/grpo/tiny_training.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

LoraConfig all_linear() {
  LoraConfig config;
  config.r = 4;
  config.lora_alpha = 8.0;
  config.target_modules = "all-linear";
  return config;
}

Policy adapted_policy(const Json& config, at::ScalarType dtype = at::kFloat) {
  Policy policy = character_policy(config, dtype);
  add_lora(policy, all_linear(), 1, "test");
  return policy;
}

std::vector<NamedTensor> tensors_of(const std::vector<Parameter>& parameters) {
  std::vector<NamedTensor> tensors;
  for (const Parameter& p : parameters) tensors.push_back({p.name, p.tensor.detach().clone()});
  return tensors;
}

// log p of a sampled completion under a policy, as a trainer scores it.
std::vector<float> logprobs_of(const Policy& policy, const Episode& episode) {
  std::vector<int64_t> ids = episode.prompt_ids;
  ids.insert(ids.end(), episode.completion_ids.begin(), episode.completion_ids.end());
  const at::NoGradGuard no_grad;
  const at::Tensor hidden = policy.hidden(pack_sequences({ids}, at::kCPU));
  const auto count = static_cast<int64_t>(episode.completion_ids.size());
  const auto first = static_cast<int64_t>(episode.prompt_ids.size()) - 1;
  const at::Tensor logprobs =
      policy.token_scores(hidden.narrow(0, first, count), at::tensor(episode.completion_ids, at::kLong))
          .logprobs;
  return {logprobs.const_data_ptr<float>(), logprobs.const_data_ptr<float>() + count};
}

TEST(LoraTraining, MovesAAndBAndNoBitOfTheBase) {
  for (const Json& config : {llama_json(), qwen3_moe_json(), deepseek_json()}) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      Policy policy = adapted_policy(config, dtype);
      const auto base = weights_of(policy);
      const auto adapters = tensors_of(policy.trainable());
      Trainer trainer(policy, &characters(), evenness(), tiny_options(), 1);
      for (int step = 0; step < 3; ++step) EXPECT_GT(number(trainer.step(sum_problem), "grad_norm"), 0.0);
      EXPECT_EQ(changed(base, weights_of(policy)), "");
      const auto after = tensors_of(policy.trainable());
      for (size_t i = 0; i < after.size(); ++i) {
        EXPECT_FALSE(at::equal(after[i].tensor, adapters[i].tensor)) << after[i].name;
      }
      for (const Parameter& p : policy.parameters()) EXPECT_FALSE(p.tensor.grad().defined()) << p.name;
    }
  }
}

TEST(LoraTraining, RolloutsSampleFromThePolicyWithItsAdapters) {
  Policy policy = adapted_policy(llama_json());
  Policy base = policy.clone();
  base.set_adapters({});
  Trainer trainer(policy, &characters(), evenness(), tiny_options(), 2);
  for (int step = 0; step < 3; ++step) {
    const Policy before = policy.clone();
    const Json metrics = trainer.step(sum_problem);
    EXPECT_EQ(number(metrics, "sampling/sampling_logp_difference/max"), 0.0);
    EXPECT_EQ(number(metrics, "policy_ratio/min"), 1.0);
    EXPECT_EQ(number(metrics, "policy_ratio/max"), 1.0);
    bool differs_from_base = false;
    for (const Group& group : trainer.groups()) {
      for (const Episode& episode : group.episodes) {
        EXPECT_EQ(episode.behaviour_logprobs, logprobs_of(before, episode));
        differs_from_base = differs_from_base || episode.behaviour_logprobs != logprobs_of(base, episode);
      }
    }
    EXPECT_EQ(differs_from_base, step > 0) << "fresh adapters change nothing, trained ones do";
  }
}

TEST(LoraTraining, LearnsAsSupervisedFineTuningDoes) {
  Policy policy = adapted_policy(llama_json());
  const auto base = weights_of(policy);
  SftOptions options;
  options.max_steps = 40;
  options.samples_per_step = 8;
  options.packing.tokens_per_micro_batch = 64;
  options.schedule.learning_rate = 2e-2;
  SftTrainer trainer(policy, options);
  const auto draw = [](int64_t n) {
    const Problem problem = sum_problem(n % 8);
    SftSequence sequence{problem.prompt_ids, characters().encode(problem.answer, false)};
    sequence.completion_ids.push_back(kEos);
    return sequence;
  };
  const double first = number(trainer.step(draw), "loss");
  double last = first;
  while (trainer.steps_done() < options.max_steps) last = number(trainer.step(draw), "loss");
  EXPECT_LT(last, 0.5 * first);
  EXPECT_EQ(changed(base, weights_of(policy)), "");
}

TEST(LoraTraining, OfASelectionMovesThatAlone) {
  Policy policy = character_policy(deepseek_json());
  select_by_names(policy, {"self_attn"}, "test");
  const auto before = weights_of(policy);
  Trainer trainer(policy, &characters(), evenness(), tiny_options(), 3);
  trainer.step(sum_problem);
  const auto after = weights_of(policy);
  for (size_t i = 0; i < before.size(); ++i) {
    const bool chosen = before[i].name.find("self_attn") != std::string::npos;
    EXPECT_EQ(at::equal(before[i].tensor, after[i].tensor), !chosen) << before[i].name;
  }
}

TEST(LoraTraining, OfFrozenRoutersAloneIsRefused) {
  Policy policy = character_policy(deepseek_json());
  select_by_names(policy, {R"(gate\.weight)"}, "test");
  TrainerOptions options = tiny_options();
  options.auxiliary.freeze_moe_router = true;
  const Error error = error_of([&] { Trainer(policy, &characters(), evenness(), options, 3); });
  EXPECT_TRUE(holds(error.summary(), "nothing is left to train"));
}

TEST(LoraReference, IsThePolicyBeforeTheFirstStep) {
  Policy policy = adapted_policy(llama_json());
  const Policy start = policy.clone();
  TrainerOptions options = tiny_options();
  options.loss.beta = 0.01;
  Trainer trainer(policy, &characters(), evenness(), options, 4);
  EXPECT_EQ(number(trainer.step(sum_problem), "kl"), 0.0);
  for (int step = 0; step < 2; ++step) {
    const Policy before = policy.clone();
    const double kl = number(trainer.step(sum_problem), "kl");
    EXPECT_GT(kl, 0.0);
    // k3 over all sampled tokens, from log-probs of the two policies.
    double sum = 0, tokens = 0;
    for (const Group& group : trainer.groups()) {
      for (const Episode& episode : group.episodes) {
        const std::vector<float> now = logprobs_of(before, episode), then = logprobs_of(start, episode);
        for (size_t t = 0; t < now.size(); ++t) {
          const double difference = static_cast<double>(then[t]) - static_cast<double>(now[t]);
          sum += std::exp(difference) - difference - 1.0;
          ++tokens;
        }
      }
    }
    EXPECT_NEAR(kl, sum / tokens, 1e-6 + 1e-4 * kl);
  }
}

TEST(LoraReference, IsCopiedOnSyncAndNeverMixed) {
  Policy policy = adapted_policy(llama_json());
  TrainerOptions options = tiny_options();
  options.loss.beta = 0.01;
  options.sync_ref_model = true;
  options.ref_model_sync_steps = 2;
  options.ref_model_mixup_alpha = 1.0;
  Trainer trainer(policy, &characters(), evenness(), options, 5);
  for (int step = 0; step < 5; ++step) {
    const double kl = number(trainer.step(sum_problem), "kl");
    EXPECT_EQ(kl > 0.0, step % 2 == 1) << step;
  }
  options.ref_model_mixup_alpha = 0.6;
  const Error error = error_of([&] { Trainer(policy, &characters(), evenness(), options, 5); });
  EXPECT_TRUE(holds(error.where(), "ref_model_mixup_alpha"));
}

TEST(LoraResume, FiveStepsAfterARestoreEqualFiveWithoutTheStopToTheLastBit) {
  for (const auto& [config, dtype] :
       {std::pair{llama_json(), at::kFloat}, {deepseek_json(), at::kBFloat16}}) {
    TrainerOptions options = tiny_options();
    options.loss.beta = 0.01;
    const TemporaryFolder middle, end, resumed;
    Policy policy = adapted_policy(config, dtype);
    const auto base = weights_of(policy);
    Trainer trainer(policy, &characters(), evenness(), options, 6);
    trainer.step(sum_problem);
    trainer.save(middle.path());
    for (int step = 0; step < 5; ++step) trainer.step(sum_problem);
    trainer.save(end.path());

    Policy other = adapted_policy(config, dtype);
    for (const Adapter& adapter : other.adapters()) adapter.a.fill_(0.5), adapter.b.fill_(0.5);
    Trainer second(other, &characters(), evenness(), options, 6);
    second.restore(middle.path());
    for (int step = 0; step < 5; ++step) second.step(sum_problem);
    second.save(resumed.path());
    for (const char* file :
         {"policy.safetensors", "optimizer.safetensors", "reference.safetensors", "state.json"}) {
      EXPECT_EQ(read_file(end.file(file)), read_file(resumed.file(file))) << file;
    }
    EXPECT_EQ(changed(base, weights_of(other)), "");
  }
}

TEST(LoraResume, CheckpointsHoldAdaptersAndNoBaseAndKnowTheBaseTheyBelongTo) {
  Policy policy = adapted_policy(llama_json());
  Trainer trainer(policy, &characters(), evenness(), tiny_options(), 7);
  trainer.step(sum_problem);
  const TemporaryFolder folder;
  trainer.save(folder.path());
  const SafetensorsReader reader(folder.file("policy.safetensors"));
  EXPECT_EQ(reader.tensors().size(), policy.trainable().size());
  for (const Parameter& p : policy.trainable())
    EXPECT_TRUE(at::equal(reader.read(p.name), p.tensor)) << p.name;

  Policy moved = adapted_policy(llama_json());
  at::Tensor(moved.parameters()[3].tensor).mul_(1.5);
  Trainer on_other_base(moved, &characters(), evenness(), tiny_options(), 7);
  EXPECT_TRUE(holds(error_of([&] { on_other_base.restore(folder.path()); }).summary(), "differ from those"));

  Policy whole = character_policy(llama_json());
  Trainer without(whole, &characters(), evenness(), tiny_options(), 7);
  EXPECT_TRUE(holds(error_of([&] { without.restore(folder.path()); }).where(), "policy.safetensors"));
}

}  // namespace
}  // namespace grpo
