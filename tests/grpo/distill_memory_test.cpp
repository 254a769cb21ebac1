// The memory plan of distillation against what a real trainer asks LibTorch's CPU allocator for.

#include <gtest/gtest.h>

#include "grpo/distill_trainer.h"
#include "grpo/trainer_memory.h"
#include "tests/counting_allocator.h"
#include "tests/grpo/tiny_training.h"

namespace grpo {
namespace {

using namespace testing;

constexpr int64_t kPromptTokens = 4, kCompletionTokens = 28;

Json wider(Json config) {
  config["vocab_size"] = kEos + 1;
  config["eos_token_id"] = kEos;
  return config;
}

// Twice as wide a teacher, so that it is no small part of the whole.
Json teacher_json() {
  Json config = qwen2_json();
  config["hidden_size"] = 64;
  config["intermediate_size"] = 96;
  return config;
}

SftSequence full_sequence(int64_t n) {
  return {sum_problem(n % 100).prompt_ids, std::vector<int64_t>(static_cast<size_t>(kCompletionTokens), n % 10)};
}

DistillOptions full_length(double lmbda) {
  DistillOptions options;
  options.max_steps = 5;
  options.samples_per_step = 24;
  options.lmbda = lmbda;
  options.max_completion_length = kCompletionTokens;
  options.packing.tokens_per_micro_batch = 256;
  return options;
}

MemoryPlan planned(const Json& config, const DistillOptions& options, bool teacher) {
  StageSize stage;
  stage.device = at::kCPU;
  const auto policy_of = [](const Json& json) {
    return [json](const at::Device& device) {
      return Policy::empty(read_model_config(wider(json), "test"), at::kFloat, device);
    };
  };
  stage.policy = policy_of(config);
  if (teacher) stage.teacher = policy_of(teacher_json());
  stage.training = {.sequences = options.samples_per_step,
                    .prompt_tokens = kPromptTokens,
                    .completion_tokens = kCompletionTokens,
                    .tokens_per_micro_batch = options.packing.tokens_per_micro_batch,
                    .optimizer = options.optimizer,
                    .auxiliary = options.auxiliary};
  if (options.objective == DistillObjective::kDivergence) stage.training->divergence = {.beta = options.beta, .top_k = options.top_k};
  return plan_memory(stage);
}

int64_t measured_peak(const Json& config, const DistillOptions& options) {
  CountingAllocator meter;
  Policy student = character_policy(config);
  const Policy teacher = character_policy(teacher_json());
  DistillTrainer trainer(student, teacher, nullptr, options, 1);
  trainer.step(full_sequence, {});
  meter.reset_peak();
  trainer.step(full_sequence, {});
  return meter.peak_bytes();
}

TEST(DistillMemory, IsWithinTenPercentOfARealTrainer) {
  for (const Json& config : {llama_json(), deepseek_json()}) {
    for (const int64_t top_k : {0, 5}) {
      DistillOptions options = full_length(0.0);
      options.top_k = top_k;
      const MemoryPlan plan = planned(config, options, true);
      const int64_t real = measured_peak(config, options);
      EXPECT_NEAR(static_cast<double>(plan.peak_bytes()) / static_cast<double>(real), 1.0, 0.1)
          << "measured " << real << "\n" << memory_table(plan);
    }
  }
}

TEST(DistillMemory, CountsTheTeachersWeightsInEveryPhaseAndNothingElseOfIt) {
  const Policy teacher = character_policy(teacher_json());
  int64_t weights = 0;
  for (const Parameter& p : teacher.parameters()) weights += static_cast<int64_t>(p.tensor.nbytes());
  DistillOptions gradient = full_length(1.0);
  gradient.objective = DistillObjective::kPolicyGradient;
  for (const DistillOptions& options : {full_length(0.0), gradient}) {
    const MemoryPlan with = planned(llama_json(), options, true), without = planned(llama_json(), options, false);
    ASSERT_EQ(with.phases.size(), without.phases.size());
    EXPECT_EQ(with.trained_parameters, without.trained_parameters);
    for (size_t i = 1; i < with.phases.size(); ++i) {
      EXPECT_GE(with.phases[i].reference, weights);
      EXPECT_LE(with.phases[i].reference, weights + weights / 10);
      EXPECT_EQ(with.phases[i].optimizer, without.phases[i].optimizer);
      EXPECT_EQ(with.phases[i].gradients, without.phases[i].gradients);
    }
  }
}

}  // namespace
}  // namespace grpo
