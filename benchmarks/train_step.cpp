// How fast does the quickstart policy generate and train here, and how far is that from what the machine's matrix
// units give? Prints one JSON object: medians of several runs, and the GEMM rate measured in the same run.
//
//   train_step [recipe.json] [runs] [device]      (default: recipes/quickstart.json 5 cpu)
//
// FLOPs counted: 2 per active parameter and token in a forward pass, 6 in forward and backward, plus causal
// attention; reference and evaluation are off. A recomputed head counts once.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>

#include "core/error.h"
#include "core/version.h"
#include "grpo/advantage.h"
#include "grpo/optimizer.h"
#include "grpo/packing.h"
#include "grpo/policy_loss.h"
#include "pipelines/data.h"
#include "pipelines/policy_source.h"
#include "pipelines/recipe.h"
#include "policy/kernels/linear.h"
#include "policy/kernels/plugin.h"
#include "rollout/engine.h"

namespace grpo {
namespace {

// Waits for the device: reading one number back does.
void finish(const at::Device& device) { at::zeros({1}, at::TensorOptions().device(device)).item<float>(); }

double median_seconds(int64_t runs, const at::Device& device, const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int64_t i = 0; i < runs; ++i) {
    finish(device);
    const auto start = std::chrono::steady_clock::now();
    work();
    finish(device);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

// GFLOP/s, by the operator that the policy is made of, of a square product large enough to be limited by arithmetic
// alone, and of the shape the policy's own layers have.
double gemm_rate(int64_t rows, int64_t in, int64_t out, at::TensorOptions options, int64_t runs) {
  const at::Tensor a = at::randn({rows, in}, options), b = at::randn({out, in}, options);
  const double flops = 2.0 * static_cast<double>(rows * in * out);
  const int64_t repeats = std::max<int64_t>(1, static_cast<int64_t>(2e10 / flops));
  const double seconds = median_seconds(runs, options.device(), [&] {
    for (int64_t i = 0; i < repeats; ++i) packed_linear(a, b);
  });
  return flops * static_cast<double>(repeats) / seconds / 1e9;
}

// FLOPs of causal attention per pair of query and key, forward.
double attention_flops_per_pair(const ModelConfig& config) {
  double flops = 0;
  for (const LayerConfig& layer : config.layers) {
    if (const auto* gqa = std::get_if<GqaConfig>(&layer.attention)) {
      flops += 4.0 * static_cast<double>(gqa->num_heads * gqa->head_dim);
    } else {
      const auto& mla = std::get<MlaConfig>(layer.attention);
      flops += 2.0 * static_cast<double>(mla.num_heads * (mla.qk_nope_head_dim + mla.qk_rope_head_dim + mla.v_head_dim));
    }
  }
  return flops;
}

Json measure(const std::string& recipe_path, int64_t runs, const at::Device& device) {
  const Recipe recipe = read_recipe(recipe_path, {});
  const PolicySource source = read_policy_source(recipe.policies.at(""), recipe_path);
  const at::ScalarType dtype = device.is_cuda() ? at::kBFloat16 : at::kFloat;
  Policy policy = make_policy(source, dtype, device, recipe.seed);
  const ProblemSource problems_source(
      read_data_options(recipe.stages.back().options["data"], recipe_path, "data", DataUse::kTrainRl),
      *source.files.tokenizer, source.files.config.max_position_embeddings, 48, recipe.seed);
  const int64_t prompts = 32, samples = 16, length = 30;
  const std::vector<Problem> problems = problems_source.head(prompts);

  Engine engine(policy, &*source.files.tokenizer);
  GenerateOptions generate;
  generate.num_generations = samples;
  generate.sampling.max_tokens = length;
  generate.sampling.ignore_eos = true;  // every sample has the same length, so runs compare
  std::vector<Group> groups;
  const double generate_seconds =
      median_seconds(runs, device, [&] { groups = engine.generate(problems, generate); });
  const double generated = static_cast<double>(prompts * samples * length);

  std::vector<TrainSequence> sequences;
  double tokens = 0, pairs = 0;
  for (Group& group : groups) {
    for (size_t i = 0; i < group.episodes.size(); ++i) {
      group.episodes[i].advantage = i % 2 == 0 ? 1.0 : -1.0;
      sequences.push_back(train_sequence(group.episodes[i]));
      const double n = static_cast<double>(group.episodes[i].prompt_ids.size()) + length;
      tokens += n;
      pairs += n * (n + 1) / 2;
    }
  }
  policy.set_requires_grad(true);
  AdamW optimizer(policy.parameters(), {});
  const double train_seconds = median_seconds(runs, device, [&] {
    for (const MicroBatch& batch : pack(sequences, count_trained(sequences), {}, at::TensorOptions().device(device).dtype(at::kFloat))) {
      const TokenScores scores =
          policy.token_scores(policy.hidden(batch.tokens).index_select(0, batch.rows), batch.targets);
      PolicyLossInputs inputs;
      inputs.logprobs = scores.logprobs;
      inputs.advantages = batch.advantages;
      inputs.weights = batch.weights;
      policy_loss(inputs, {}).loss.backward();
      optimizer.accumulate_gradients();
    }
    optimizer.clip_grad_norm(1.0);
    optimizer.step(1e-9);
    optimizer.zero_grad();
  });

  const double active = static_cast<double>(count_parameters(source.files.config).active);
  const double per_pair = attention_flops_per_pair(source.files.config);
  // A decode step reads the prompt as well; the prompt itself is prefilled once per group and left out.
  const double prompt = static_cast<double>(problems.front().prompt_ids.size());
  const double decode_pairs = static_cast<double>(prompts * samples) * (length * prompt + length * (length + 1) / 2.0);
  const double generate_flops = 2 * active * generated + per_pair * decode_pairs;
  const double train_flops = 6 * active * tokens + 3 * per_pair * pairs;
  const auto options = at::TensorOptions().device(device).dtype(dtype);
  const int64_t big = device.is_cuda() ? 8192 : 1024;
  const double peak = gemm_rate(big, big, big, options, runs);
  const int64_t width = source.files.config.hidden_size;
  return {{"version", kVersion},
          {"recipe", recipe_path},
          {"device", device.str()},
          {"dtype", dtype == at::kBFloat16 ? "bfloat16" : "float32"},
          {"threads", at::get_num_threads()},
          {"runs", runs},
          {"parameters_active", active},
          {"rollout_samples", prompts * samples},
          {"rollout_tokens_per_second", generated / generate_seconds},
          {"rollout_gflops", generate_flops / generate_seconds / 1e9},
          {"train_tokens", tokens},
          {"train_tokens_per_second", tokens / train_seconds},
          {"train_gflops", train_flops / train_seconds / 1e9},
          {"gemm_gflops_square", peak},
          {"gemm_gflops_layer_shape", gemm_rate(static_cast<int64_t>(tokens), width, 2 * width, options, runs)},
          {"rollout_flops_over_gemm", generate_flops / generate_seconds / 1e9 / peak},
          {"train_flops_over_gemm", train_flops / train_seconds / 1e9 / peak}};
}

}  // namespace
}  // namespace grpo

int main(int argc, char** argv) {
  try {
    const std::string recipe = argc > 1 ? argv[1] : "recipes/quickstart.json";
    const int64_t runs = argc > 2 ? std::stol(argv[2]) : 5;
    const at::Device device = grpo::choose_device(argc > 3 ? argv[3] : "cpu");
    std::puts(grpo::measure(recipe, runs, device).dump(2).c_str());
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
