// The whole policy and the engine on CUDA against the CPU.
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <cstdio>
#include <functional>

#include "rollout/engine.h"
#include "rollout/sampler.h"
#include "tests/policy/cuda_test.h"
#include "tests/policy/scrambled_cache.h"
#include "tests/policy/tiny_models.h"
#include "tests/rollout/tiny_policy.h"

namespace grpo {
namespace {

using testing::all_architectures;
using testing::NoWaits;
using testing::on_cuda;
using testing::random_ids;
using testing::random_policy;
using testing::relative_error;
using testing::ScrambledCache;
using Ids = std::vector<std::vector<int64_t>>;

Ids some_sequences(const Policy& policy) {
  Ids sequences;
  uint64_t seed = 100;
  for (const int64_t length : {1, 17, 5, 90, 64, 3}) sequences.push_back(random_ids(policy, length, seed++));
  return sequences;
}

struct Step {
  at::Tensor logits;
  TokenScores scores;
  std::vector<at::Tensor> gradients;  // of a weighted sum of log-probabilities
};

Step step(Policy& policy, const Ids& sequences) {
  policy.set_requires_grad(true);
  const PackedTokens batch = pack_sequences(sequences, policy.device());
  const int64_t rows = batch.tokens.size(0);
  const at::Tensor targets = at::tensor(random_ids(policy, rows, 3), at::kLong).to(policy.device());
  at::manual_seed(4);
  const at::Tensor weights = at::randn({rows}, at::kDouble);
  const at::Tensor hidden = policy.hidden(batch);
  Step out{policy.logits(hidden).detach(), policy.token_scores(hidden, targets, {.temperature = 0.9}), {}};
  std::vector<at::Tensor> parameters;
  for (const Parameter& p : policy.parameters()) parameters.push_back(p.tensor);
  const at::Tensor loss = (out.scores.logprobs * weights.to(out.scores.logprobs.options())).sum();
  out.gradients = torch::autograd::grad({loss}, parameters);
  return out;
}

Step step(Policy& policy) {
  return step(policy, some_sequences(policy));
}

class CudaPolicy : public testing::CudaTest {};

TEST_F(CudaPolicy, LogitsScoresAndGradientsEqualTheCpus) {
  for (const Json& json : all_architectures()) {
    for (const auto dtype : {at::kFloat, at::kDouble}) {
      Policy here = random_policy(json, dtype), there = on_cuda(here, dtype);
      const Step want = step(here), got = step(there);
      const double tolerance = dtype == at::kFloat ? 1e-4 : 1e-6;  // the angles of rope are float32 in both
      EXPECT_LT(relative_error(got.logits, want.logits), tolerance) << json["model_type"] << dtype;
      EXPECT_LT(relative_error(got.scores.logprobs, want.scores.logprobs), tolerance)
          << json["model_type"] << dtype;
      EXPECT_LT(relative_error(got.scores.entropy, want.scores.entropy), tolerance)
          << json["model_type"] << dtype;
      for (size_t i = 0; i < want.gradients.size(); ++i) {
        EXPECT_LT(relative_error(got.gradients[i], want.gradients[i]), tolerance)
            << json["model_type"] << dtype << " " << here.parameters()[i].name;
      }
    }
  }
}

// Against float64 of the same weights: how far bfloat16 may be off is what it is off on the CPU.
TEST_F(CudaPolicy, BfloatIsAsCloseToDoublePrecisionAsOnTheCpu) {
  const auto flat = [](const std::vector<at::Tensor>& parts) {
    std::vector<at::Tensor> all;
    for (const at::Tensor& t : parts) all.push_back(t.to(at::kCPU).to(at::kDouble).reshape(-1));
    return at::cat(all);
  };
  for (const Json& json : all_architectures()) {
    Policy half = random_policy(json, at::kBFloat16);
    Policy exact = Policy::empty(half.config(), at::kDouble, at::kCPU), there = on_cuda(half, at::kBFloat16);
    exact.copy_from(half);
    const Step want = step(exact), cpu = step(half), got = step(there);
    const auto mean_error = [&](const Step& s) {
      return (s.logits.to(at::kCPU).to(at::kDouble) - want.logits).abs().mean().item<double>();
    };
    EXPECT_LT(mean_error(got), 2.0 * mean_error(cpu) + 1e-3) << json["model_type"];
    EXPECT_LT(mean_error(got), 0.15) << json["model_type"];
    const double error = relative_error(flat(got.gradients), flat(want.gradients));
    const double cpu_error = relative_error(flat(cpu.gradients), flat(want.gradients));
    EXPECT_LT(error, 2.0 * cpu_error + 1e-2) << json["model_type"];
  }
}

void expect_same_bits(const Policy& policy, const Step& a, const Step& b) {
  EXPECT_TRUE(at::equal(a.scores.logprobs, b.scores.logprobs))
      << policy.config().model_type << policy.dtype();
  for (size_t i = 0; i < a.gradients.size(); ++i) {
    EXPECT_TRUE(at::equal(a.gradients[i], b.gradients[i]))
        << policy.config().model_type << policy.dtype() << " " << policy.parameters()[i].name;
  }
}

// Few tokens and many: libraries have other kernels for each.
TEST_F(CudaPolicy, GradientsHaveTheSameBitsAtEveryCall) {
  for (const Json& json : all_architectures()) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      Policy policy = on_cuda(random_policy(json), dtype);
      Ids sequences = some_sequences(policy);
      const Step few = step(policy, sequences);
      expect_same_bits(policy, few, step(policy, sequences));
      for (uint64_t seed = 0; seed < 200; ++seed) sequences.push_back(random_ids(policy, 100, seed));
      const Step many = step(policy, sequences);
      for (int repeat = 0; repeat < 5; ++repeat) expect_same_bits(policy, many, step(policy, sequences));
    }
  }
}

// Sequences of 33 tokens fed to a cache in pieces: [3, 33, D].
at::Tensor hidden_by_pieces(const Policy& policy, const Ids& ids, const std::vector<int64_t>& pieces) {
  ScrambledCache cache(policy, 3, 33, 4);
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (const int64_t count : pieces) {
    parts.push_back(cache.feed(policy, ids, first, count, first == 0));
    first += count;
  }
  return at::cat(parts, 1);
}

const std::vector<std::vector<int64_t>> kPieces = {{33}, {32, 1}, {7, 16, 10}, std::vector<int64_t>(33, 1)};

TEST_F(CudaPolicy, CachedDecodeEqualsTheFullForward) {
  for (const Json& json : all_architectures()) {
    for (const auto dtype : {at::kDouble, at::kFloat}) {
      const Policy policy = on_cuda(random_policy(json), dtype);
      const Ids ids = {random_ids(policy, 33, 1), random_ids(policy, 33, 2), random_ids(policy, 33, 3)};
      const at::Tensor full = policy.hidden(pack_sequences(ids, cuda_)).view({3, 33, -1});
      for (const auto& pieces : kPieces) {
        EXPECT_LT(testing::max_difference(hidden_by_pieces(policy, ids, pieces), full),
                  dtype == at::kDouble ? 1e-10 : 5e-5)
            << json["model_type"] << dtype << " in " << pieces.size() << " pieces";
      }
    }
  }
}

// Where a router is undecided, rounding tips a token to another expert; so errors against float64 are
// compared, on average over all tokens.
TEST_F(CudaPolicy, BfloatDecodeIsAsCloseToDoublePrecisionAsTheForward) {
  for (const Json& json : all_architectures()) {
    const Policy policy = on_cuda(random_policy(json, at::kBFloat16), at::kBFloat16);
    const Policy exact = on_cuda(policy, at::kDouble);
    const Ids ids = {random_ids(policy, 33, 1), random_ids(policy, 33, 2), random_ids(policy, 33, 3)};
    const PackedTokens whole = pack_sequences(ids, cuda_);
    const at::Tensor want = exact.hidden(whole).view({3, 33, -1});
    const auto error = [&](const at::Tensor& got) {
      return (got.to(at::kDouble) - want).abs().mean().item<double>();
    };
    const double forward = error(policy.hidden(whole).view({3, 33, -1}));
    for (const auto& pieces : kPieces) {
      EXPECT_LT(error(hidden_by_pieces(policy, ids, pieces)), 1.5 * forward + 2e-3)
          << json["model_type"] << " in " << pieces.size() << " pieces";
    }
  }
}

// Prompts of a few tokens each, answered greedily.
std::vector<Group> greedy(const Policy& policy) {
  std::vector<Problem> problems(5);
  for (size_t i = 0; i < problems.size(); ++i) {
    problems[i].id = static_cast<int64_t>(i);
    problems[i].prompt_ids = random_ids(policy, 3 + 7 * static_cast<int64_t>(i), 20 + i);
  }
  GenerateOptions options;
  options.num_generations = 2;
  options.sampling.temperature = 0.0;
  options.sampling.max_tokens = 40;
  return Engine(policy, nullptr).generate(problems, options);
}

TEST_F(CudaPolicy, TheEngineAnswersAsOnTheCpu) {
  for (const ModelConfig& config : {tiny_gqa(), tiny_mla_moe()}) {
    const Policy here = tiny_policy(config), there = on_cuda(here, at::kFloat);
    const std::vector<Group> want = greedy(here), got = greedy(there);
    for (size_t g = 0; g < want.size(); ++g) {
      for (size_t i = 0; i < want[g].episodes.size(); ++i) {
        const Episode &a = want[g].episodes[i], &b = got[g].episodes[i];
        EXPECT_EQ(a.completion_ids, b.completion_ids);
        EXPECT_EQ(a.finish_reason, b.finish_reason);
        ASSERT_EQ(a.behaviour_logprobs.size(), b.behaviour_logprobs.size());
        for (size_t t = 0; t < a.behaviour_logprobs.size(); ++t) {
          EXPECT_NEAR(a.behaviour_logprobs[t], b.behaviour_logprobs[t], 1e-4);
        }
      }
    }
  }
}

// Sampler and trainer round differently in bfloat16 (decode steps of 64 rows through the cache, whole sequences through flash
// attention). What they differ by is what each of them is off from float32, and neither is nearer to it: nothing but
// rounding, of which 24 layers of random weights over a large vocabulary give several thousandths per token.
TEST_F(CudaPolicy, SamplerAndTrainerDifferByTheirRoundingAlone) {
  const ModelConfig config = read_model_config(Json::parse(R"({"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896,
    "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    "max_position_embeddings": 1024, "rope_theta": 1000000.0, "tie_word_embeddings": true, "eos_token_id": 2})"), "half a billion");
  const Policy policy = Policy::random(config, at::kBFloat16, cuda_, 5, 0.02), exact = on_cuda(policy, at::kFloat);
  std::vector<Problem> problems(8);
  for (size_t i = 0; i < problems.size(); ++i) {
    problems[i].id = static_cast<int64_t>(i);
    problems[i].prompt_ids = random_ids(policy, 20 + static_cast<int64_t>(i), 20 + i);
  }
  GenerateOptions options;
  options.num_generations = 8;
  options.sampling.max_tokens = 128;
  options.sampling.ignore_eos = true;
  const at::NoGradGuard no_grad;
  Ids sequences;
  std::vector<float> sampled;
  std::vector<int64_t> rows, targets;
  int64_t first = 0;
  for (const Group& group : Engine(policy, nullptr).generate(problems, options)) {
    for (const Episode& e : group.episodes) {
      std::vector<int64_t> ids(e.prompt_ids.begin(), e.prompt_ids.end());
      const auto prompt = static_cast<int64_t>(ids.size());
      ids.insert(ids.end(), e.completion_ids.begin(), e.completion_ids.end());
      for (int64_t t = prompt; t < static_cast<int64_t>(ids.size()); ++t) {
        rows.push_back(first + t - 1);
        targets.push_back(ids[static_cast<size_t>(t)]);
      }
      sampled.insert(sampled.end(), e.behaviour_logprobs.begin(), e.behaviour_logprobs.end());
      first += static_cast<int64_t>(ids.size());
      sequences.push_back(std::move(ids));
    }
  }
  const auto logprobs = [&](const Policy& p) {
    const at::Tensor hidden = p.hidden(pack_sequences(sequences, cuda_)).index_select(0, at::tensor(rows, at::kLong).to(cuda_));
    return p.token_scores(hidden, at::tensor(targets, at::kLong).to(cuda_), {}).logprobs.to(at::kCPU).to(at::kDouble);
  };
  const at::Tensor sampler = at::tensor(sampled).to(at::kDouble), trainer = logprobs(policy), truth = logprobs(exact);
  const auto mean = [](const at::Tensor& d) { return d.abs().mean().item<double>(); };
  const double between = mean(sampler - trainer), off_sampler = mean(sampler - truth), off_trainer = mean(trainer - truth);
  std::printf("%lld tokens: sampler and trainer differ by %.5f; from float32 the sampler by %.5f, the trainer by %.5f\n",
              static_cast<long long>(sampler.size(0)), between, off_sampler, off_trainer);
  EXPECT_LT(off_sampler, 1.25 * off_trainer);
  EXPECT_LT(between, 1.25 * std::hypot(off_sampler, off_trainer));
  EXPECT_LT(off_trainer, 0.02);
}

TEST_F(CudaPolicy, AWaitIsNoticed) {
  const at::Tensor one = at::ones({1}, cuda_);
  const NoWaits guard;
  EXPECT_ANY_THROW(one.item<float>());
}

// The tokens of a decode step, ready on the device.
struct Decode {
  PackedTokens tokens;
  KvView view;
  at::Tensor uniforms;
};

Decode decode_step(const Policy& policy, int64_t rows) {
  const at::TensorOptions ints = at::TensorOptions(at::kInt).device(policy.device()),
                          longs = ints.dtype(at::kLong);
  Decode d;
  d.tokens = {at::zeros({rows}, longs), at::full({rows}, 5, longs), at::arange(rows + 1, ints), 1};
  for (const KvShape& s : policy.kv_shapes()) {
    LayerKv layer;
    layer.k = at::zeros({rows, 8, s.heads, s.k_dim}, longs.dtype(policy.dtype()));
    if (s.v_dim > 0) layer.v = at::zeros({rows, 8, s.heads, s.v_dim}, layer.k.options());
    d.view.layers.push_back(layer);
  }
  d.view.block_tables = at::arange(rows, ints).view({rows, 1});
  d.view.rows = at::arange(rows, ints);
  d.view.slots = at::arange(rows, longs) * 8 + 5;
  d.uniforms = at::full({rows}, 0.5, longs.dtype(at::kFloat));
  return d;
}

// bfloat16, the type for GPUs: the experts of a float32 model are multiplied in a loop over groups, which
// waits.
TEST_F(CudaPolicy, ADecodeStepNeverWaitsForTheGpu) {
  SamplingOptions whole, cut;
  cut.top_k = 10;
  cut.top_p = 0.9;
  cut.min_p = 0.01;
  for (const ModelConfig& config : {tiny_gqa(), tiny_mla_moe()}) {
    const Policy policy = on_cuda(tiny_policy(config), at::kBFloat16);
    const Decode d = decode_step(policy, 7);
    const at::NoGradGuard no_grad;
    const auto run = [&](const SamplingOptions& sampling, bool record) {
      const ForwardOutput out = policy.forward(d.tokens, {.kv = &d.view, .record_routes = record});
      return sample(policy.logits(out.hidden), d.uniforms, sampling, record);
    };
    run(whole, true);  // libraries load their kernels at first use
    for (const SamplingOptions& sampling : {whole, cut}) {
      for (const bool record : {false, true}) {
        const NoWaits guard;
        EXPECT_NO_THROW(run(sampling, record));
      }
    }
    EXPECT_TRUE(run(cut, true).kept.defined());
  }
}

TEST_F(CudaPolicy, ATrainingStepWaitsForNothing) {
  for (const auto& [config, dtype] : {std::pair(tiny_gqa(), at::kFloat), std::pair(tiny_gqa(), at::kBFloat16),
                                      std::pair(tiny_mla_moe(), at::kBFloat16)}) {
    Policy policy = on_cuda(tiny_policy(config), dtype);
    policy.set_requires_grad(true);
    const PackedTokens batch = pack_sequences({random_ids(policy, 40, 1), random_ids(policy, 70, 2)}, cuda_);
    const auto run = [&] {
      policy.token_scores(policy.hidden(batch), batch.tokens, {.temperature = 0.9}).logprobs.sum().backward();
    };
    run();
    const NoWaits guard;
    EXPECT_NO_THROW(run()) << config.model_type << dtype;
  }
}

}  // namespace
}  // namespace grpo
