// The memory plan against what a real trainer asks LibTorch's CPU allocator for.

#include "grpo/trainer_memory.h"

#include <gtest/gtest.h>

#include "policy/lora.h"
#include "policy/trainable.h"
#include "tests/counting_allocator.h"
#include "tests/grpo/tiny_training.h"

namespace grpo {
namespace {

using testing::character_policy;
using testing::characters;

constexpr int64_t kPromptTokens = 4;  // of every sum_problem

Json wider(Json config) {
  config["vocab_size"] = testing::kEos + 1;
  config["eos_token_id"] = testing::kEos;
  return config;
}

// Every completion takes its full length, as the plan supposes.
TrainerOptions full_length() {
  TrainerOptions options = testing::tiny_options();
  options.prompts_per_step = 6;
  options.num_generations = 4;
  options.sampling.max_tokens = 28;
  options.sampling.ignore_eos = true;
  options.packing.tokens_per_micro_batch = 256;
  options.packing.max_completion_length = 28;
  return options;
}

StageSize size_of(const Json& config, at::ScalarType dtype, const TrainerOptions& options) {
  StageSize stage;
  stage.device = at::kCPU;
  stage.policy = [config, dtype](const at::Device& device) {
    return Policy::empty(read_model_config(wider(config), "test"), dtype, device);
  };
  stage.training = {.sequences = options.prompts_per_step * options.num_generations,
                    .prompt_tokens = kPromptTokens,
                    .completion_tokens = options.sampling.max_tokens,
                    .tokens_per_micro_batch = options.packing.tokens_per_micro_batch,
                    .reference = options.loss.beta > 0.0,
                    .old_logprobs = options.steps_per_generation * options.num_iterations > 1,
                    .routes = options.router_replay,
                    .kept_tokens = options.keep_sampling_mask ? options.sampling.top_k : 0,
                    .optimizer = options.optimizer,
                    .auxiliary = options.auxiliary};
  stage.rollout = {.prompts = options.prompts_per_step * options.steps_per_generation,
                   .num_generations = options.num_generations,
                   .prompt_tokens = kPromptTokens,
                   .sampling = options.sampling,
                   .engine = options.engine};
  return stage;
}

using Prepare = std::function<void(Policy&)>;

int64_t measured_peak(const Json& config, at::ScalarType dtype, const TrainerOptions& options,
                      const Prepare& prepare) {
  CountingAllocator meter;
  Policy policy = character_policy(config, dtype);
  if (prepare) prepare(policy);
  Trainer trainer(policy, &characters(), testing::evenness(), options, 1);
  meter.reset_peak();
  trainer.step(testing::sum_problem);
  return meter.peak_bytes();
}

void expect_within(const Json& config, at::ScalarType dtype, const TrainerOptions& options, double tolerance,
                   const Prepare& prepare = {}) {
  SCOPED_TRACE(config["model_type"].get<std::string>() + " " + at::toString(dtype));
  StageSize size = size_of(config, dtype, options);
  size.policy = [bare = size.policy, prepare](const at::Device& device) {
    Policy policy = bare(device);
    if (prepare) prepare(policy);
    return policy;
  };
  const MemoryPlan plan = plan_memory(size);
  const int64_t real = measured_peak(config, dtype, options, prepare);
  EXPECT_NEAR(static_cast<double>(plan.peak_bytes()) / static_cast<double>(real), 1.0, tolerance)
      << "measured " << real << ", planned " << plan.peak_bytes() << "\n"
      << memory_table(plan);
}

TEST(TrainerMemory, IsWithinTenPercentOfARealTrainer) {
  for (const Json& config : testing::all_architectures())
    expect_within(config, at::kFloat, full_length(), 0.1);
}

TEST(TrainerMemory, IsWithinTenPercentInBfloat16) {
  for (const Json& config : {testing::llama_json(), testing::deepseek_json()}) {
    expect_within(config, at::kBFloat16, full_length(), 0.1);
  }
}

TEST(TrainerMemory, CountsTheReference) {
  TrainerOptions options = full_length();
  options.loss.beta = 0.1;
  for (const Json& config : {testing::qwen2_json(), testing::deepseek_json()}) {
    expect_within(config, at::kFloat, options, 0.1);
  }
}

TEST(TrainerMemory, OneMicroBatchNeedsNoSumBesideItsOwnGradients) {
  TrainerOptions options = full_length();
  options.packing.tokens_per_micro_batch = 100000;
  for (const Json& config : {testing::llama_json(), testing::deepseek_v2_json()}) {
    expect_within(config, at::kFloat, options, 0.1);
  }
}

TEST(TrainerMemory, CountsAdaptersAndTheirReference) {
  TrainerOptions options = full_length();
  options.loss.beta = 0.1;
  const Prepare adapters = [](Policy& policy) {
    add_lora(policy, {.r = 4, .lora_alpha = 8.0, .target_modules = "all-linear"}, 1, "test");
  };
  for (const Json& config : {testing::qwen3_json(), testing::deepseek_json()}) {
    expect_within(config, at::kFloat, options, 0.1, adapters);
  }
}

TEST(TrainerMemory, CountsWhatIsTrainedByName) {
  const Prepare attention = [](Policy& policy) { select_by_names(policy, {"self_attn"}, "test"); };
  for (const Json& config : {testing::qwen3_moe_json(), testing::deepseek_v2_json()}) {
    expect_within(config, at::kFloat, full_length(), 0.1, attention);
  }
}

TEST(TrainerMemory, CountsMultiTokenPredictionAndTheBalanceOfExperts) {
  Json config = testing::deepseek_json();
  config["num_nextn_predict_layers"] = 1;
  TrainerOptions options = full_length();
  options.auxiliary.mtp.scale = 0.1;
  options.auxiliary.router_aux_loss_coef = 1e-3;
  options.auxiliary.freeze_moe_router = false;
  expect_within(config, at::kFloat, options, 0.1);
}

TEST(TrainerMemory, CountsRecomputation) {
  TrainerOptions options = full_length();
  options.auxiliary.gradient_checkpointing = true;
  options.engine.max_running = 4;  // training, not the rollout, is to be what takes most
  for (const Json& config : testing::all_architectures()) expect_within(config, at::kFloat, options, 0.1);
}

TEST(TrainerMemory, CountsARolloutThatTakesMost) {
  TrainerOptions options = full_length();
  options.packing.tokens_per_micro_batch = 1;  // one sequence at a time
  options.auxiliary.gradient_checkpointing = true;
  for (const Json& config : {testing::qwen2_json(), testing::llama_json()}) {
    expect_within(config, at::kFloat, options, 0.1);
  }
}

// A matrix of more than 4096 numbers, which int8 is for.
Json wide_mlp() {
  Json config = testing::qwen2_json();
  config["intermediate_size"] = 160;
  return config;
}

TEST(TrainerMemory, CountsMomentsInFewerBits) {
  for (const MomentDtype dtype : {MomentDtype::kBfloat16, MomentDtype::kInt8}) {
    TrainerOptions options = full_length();
    options.optimizer.state_dtype = dtype;
    expect_within(wide_mlp(), at::kFloat, options, 0.1);
    expect_within(wide_mlp(), at::kBFloat16, options, 0.1);
  }
}

TEST(TrainerMemory, CountsTheScoringOfRolloutsThatServeSeveralSteps) {
  TrainerOptions options = full_length();
  options.num_iterations = 2;
  options.loss.beta = 0.1;
  for (const Json& config : {testing::llama_json(), testing::deepseek_json()}) {
    expect_within(config, at::kFloat, options, 0.1);
  }
}

TrainerOptions with_records() {
  TrainerOptions options = full_length();
  options.router_replay = options.keep_sampling_mask = true;
  options.sampling.top_k = 17;
  options.sampling.untruncated_logprobs = false;
  return options;
}

TEST(TrainerMemory, CountsRoutesAndKeptSetsOfEveryPass) {
  for (const int64_t iterations : {1, 2}) {
    TrainerOptions options = with_records();
    options.num_iterations = iterations;
    options.engine.max_running = 4;  // training, not the rollout, is to be what takes most
    for (const Json& config : {testing::qwen3_moe_json(), testing::deepseek_json()}) {
      expect_within(config, at::kFloat, options, 0.1);
    }
  }
}

TEST(TrainerMemory, KnowsWhatTheRecordsOfARolloutTake) {
  const TrainerOptions options = with_records();
  Policy policy = character_policy(testing::deepseek_json());
  Trainer trainer(policy, &characters(), testing::evenness(), options, 1);
  trainer.collect(testing::sum_problem);
  int64_t bytes = 0;
  for (const Group& group : trainer.groups()) {
    for (const Episode& episode : group.episodes) {
      bytes += 2 * static_cast<int64_t>(episode.routes.size()) + 4 * static_cast<int64_t>(episode.kept_ids.size()) +
               8 * static_cast<int64_t>(episode.kept_begin.size());
    }
  }
  StageSize size = size_of(testing::deepseek_json(), at::kFloat, options);
  const MemoryPlan plan = plan_memory(size);
  EXPECT_EQ(plan.record_bytes, bytes);
  EXPECT_EQ(plan.needed_bytes(), plan.peak_bytes() + bytes);
  EXPECT_EQ(memory_plan(memory_json(plan)).record_bytes, bytes);
  EXPECT_NE(memory_table(plan).find("records of a rollout"), std::string::npos);
  size.rollout->engine.record_bytes_max = 1000;
  EXPECT_EQ(plan_memory(size).record_bytes, 1000) << "the engine stops before there are more";
  EXPECT_EQ(plan_memory(size_of(testing::deepseek_json(), at::kFloat, full_length())).record_bytes, 0);
}

const MemoryPhase& phase(const MemoryPlan& plan, const std::string& name) {
  for (const MemoryPhase& p : plan.phases) {
    if (p.name == name) return p;
  }
  throw std::runtime_error("no phase " + name);
}

TEST(TrainerMemory, KnowsWhatMastersMomentsAndGradientsTake) {
  const Json config = testing::qwen2_json();
  const MemoryPlan wide = plan_memory(size_of(config, at::kFloat, full_length()));
  const MemoryPlan narrow = plan_memory(size_of(config, at::kBFloat16, full_length()));
  const int64_t n = count_parameters(read_model_config(wider(config), "test")).total;
  EXPECT_EQ(wide.trained_parameters, n);  // of a model without routers
  const auto near = [](int64_t bytes, int64_t expected) {
    EXPECT_NEAR(static_cast<double>(bytes) / static_cast<double>(expected), 1.0, 0.02);  // rounded per tensor
  };
  near(phase(wide, "train").weights, 4 * n);
  near(phase(wide, "train").optimizer, 8 * n);  // the weights are their own masters
  near(phase(narrow, "train").weights, 2 * n);
  near(phase(narrow, "train").optimizer, 12 * n);
  near(phase(narrow, "update").gradients, 4 * n);
}

// Layers keep [tokens, width] each, whatever is inside them: 32 more bytes of bfloat16 per token and layer here.
TEST(TrainerMemory, RecomputationLeavesTheInputsOfLayers) {
  const auto activations = [](int64_t layers, bool recompute) {
    Json config = testing::llama_json();
    config["num_hidden_layers"] = layers;
    config["hidden_size"] = 32;
    TrainerOptions options = full_length();
    options.packing.tokens_per_micro_batch = 32 * 16;  // 16 whole sequences
    options.auxiliary.gradient_checkpointing = recompute;
    return phase(plan_memory(size_of(config, at::kBFloat16, options)), "train").activations;
  };
  EXPECT_EQ(activations(9, true) - activations(8, true), 32 * 16 * 32 * 2);
  EXPECT_GT(activations(9, false) - activations(8, false), 10 * 32 * 16 * 32 * 2);
}

TEST(TrainerMemory, WhatIsOffloadedTakesHostMemoryInstead) {
  TrainerOptions options = full_length();
  options.loss.beta = 0.1;
  const Json config = wide_mlp();
  StageSize size = size_of(config, at::kBFloat16, options);
  size.device = at::kCUDA;
  const MemoryPlan here = plan_memory(size);
  size.training->optimizer.offload = true;
  size.training->offload_reference = true;
  const MemoryPlan away = plan_memory(size);
  const MemoryPhase &train = phase(here, "train"), &offloaded = phase(away, "train");
  EXPECT_GT(train.optimizer, 0);
  EXPECT_GT(train.reference, 0);
  EXPECT_EQ(here.host_bytes, 0);
  EXPECT_EQ(away.host_bytes, train.optimizer + train.reference);
  EXPECT_EQ(offloaded.total(), train.total() - train.optimizer - train.reference);
  EXPECT_EQ(phase(away, "score").total(), phase(here, "score").total() - train.optimizer) << "its reference is there";
  EXPECT_EQ(phase(away, "score").reference, train.reference);
  EXPECT_EQ(phase(away, "rollout").total(), phase(here, "rollout").total() - train.optimizer - train.reference);
  EXPECT_EQ(memory_plan(memory_json(away)).host_bytes, away.host_bytes);
}

TEST(TrainerMemory, CacheTokensBoundTheCache) {
  TrainerOptions options = full_length();
  options.engine.page_tokens = 16;
  const Json config = testing::llama3_json();
  const auto cache = [&] {
    return phase(plan_memory(size_of(config, at::kFloat, options)), "rollout").kv_cache;
  };
  const int64_t all = cache();
  // 6 prompts of 4 tokens and 4 samples of 27 cached ones: a page and a bit each, pages of 16. Two layers of one head;
  // keys take 6 numbers, values room for 16 on the CPU.
  constexpr int64_t token_bytes = 2 * (6 + 16) * 4;
  EXPECT_EQ(all, 6 * 4 * 2 * 16 * token_bytes);
  options.engine.cache_tokens = 4 * 2 * 16;
  EXPECT_EQ(cache(), 4 * 2 * 16 * token_bytes);
  options.engine.cache_tokens = 0;
  options.engine.max_running = 8;
  EXPECT_EQ(cache(), all / 3);
  // Left to the device: pages of 64 on a CPU, one for each sample.
  options.engine.page_tokens = 0;
  EXPECT_EQ(cache(), 8 * 64 * token_bytes);
}

TEST(TrainerMemory, ReadsAsATable) {
  const std::string table =
      memory_table(plan_memory(size_of(testing::llama_json(), at::kFloat, full_length())));
  for (const char* word : {"weights", "kv cache", "activations", "load", "rollout", "train", "update"}) {
    EXPECT_NE(table.find(word), std::string::npos) << word;
  }
}

}  // namespace
}  // namespace grpo
