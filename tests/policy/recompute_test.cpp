// Layers that run again in the backward pass, against layers that keep everything.
#include "policy/recompute.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "policy/memory_meter.h"
#include "tests/policy/adapted_policy.h"
#include "tests/policy/tiny_models.h"

namespace grpo {
namespace {

using testing::all_architectures;
using testing::random_ids;
using testing::random_policy;

PackedTokens three_sequences(const Policy& policy) {
  return pack_sequences({random_ids(policy, 9, 1), random_ids(policy, 1, 2), random_ids(policy, 17, 3)}, at::kCPU);
}

// What a training pass computes: log-probabilities, entropy, the balance of experts, and the same of the modules of
// multi-token prediction.
at::Tensor loss_of(const Policy& policy, const PackedTokens& batch, bool recompute, ForwardOptions options = {}) {
  options.balance_loss = true;
  options.recompute = recompute;
  const ForwardOutput output = policy.forward(batch, options);
  const at::Tensor targets = at::roll(batch.tokens, -1);
  const auto score = [&](const at::Tensor& hidden) {
    const TokenScores scores = policy.token_scores(hidden, targets, {.temperature = 0.7, .train_entropy = true});
    const at::Tensor weights = at::linspace(-1.0, 1.0, scores.logprobs.size(0), scores.logprobs.options());
    return ((scores.logprobs - 0.3 * scores.entropy) * weights).sum();
  };
  at::Tensor loss = score(output.hidden) + 0.1 * output.balance_loss;
  for (const MtpOutput& module :
       policy.mtp_forward(batch, output, {.balance_loss = true, .recompute = recompute})) {
    loss = loss + 0.2 * score(module.hidden) + 0.05 * module.balance_loss;
  }
  return loss;
}

// Loss and all gradients; a tensor that has none is empty.
std::vector<at::Tensor> results(const Policy& policy, bool recompute) {
  const at::Tensor loss = loss_of(policy, three_sequences(policy), recompute);
  std::vector<at::Tensor> out = {loss.detach()};
  loss.backward();
  for (const Parameter& p : policy.trainable()) {
    at::Tensor& grad = p.tensor.mutable_grad();
    out.push_back(grad.defined() ? grad : at::zeros({0}));
    grad = at::Tensor();
  }
  return out;
}

void expect_same_bits(Policy& policy) {
  policy.set_requires_grad(true);
  const auto stored = results(policy, false), recomputed = results(policy, true);
  ASSERT_EQ(stored.size(), recomputed.size());
  int64_t with_gradient = 0;
  for (size_t i = 0; i < stored.size(); ++i) {
    EXPECT_TRUE(at::equal(stored[i], recomputed[i])) << (i == 0 ? "loss" : policy.trainable()[i - 1].name);
    with_gradient += stored[i].numel() > 0;
  }
  EXPECT_GT(with_gradient, 1);
}

TEST(Recompute, GivesTheSameBitsForEveryArchitecture) {
  for (const Json& json : all_architectures()) {
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble, at::kBFloat16}) {
      SCOPED_TRACE(json["model_type"].get<std::string>() + " " + at::toString(dtype));
      Policy policy = random_policy(json, dtype);
      expect_same_bits(policy);
    }
  }
}

TEST(Recompute, GivesTheSameBitsWithMultiTokenPrediction) {
  Policy policy = random_policy(testing::deepseek_mtp_json());
  expect_same_bits(policy);
}

TEST(Recompute, GivesTheSameBitsWithAdapters) {
  for (const Json& json : all_architectures()) {
    Policy policy = testing::adapted_policy(json, testing::all_linear());
    expect_same_bits(policy);
  }
}

// The embedding and the first layer have no gradients, so that the input of the second asks for none.
TEST(Recompute, GivesTheSameBitsWhereOnlyOneLayerIsTrained) {
  for (const Json& json : all_architectures()) {
    Policy policy = random_policy(json);
    policy.select_trainable([](const Parameter& p) { return p.name.starts_with("model.layers.1."); });
    expect_same_bits(policy);
  }
}

TEST(Recompute, GivesGradientsToWhomeverAsks) {
  Policy policy = random_policy(testing::qwen3_moe_json());
  policy.set_requires_grad(true);
  const PackedTokens batch = three_sequences(policy);
  std::vector<at::Tensor> parameters;
  for (const Parameter& p : policy.parameters()) parameters.push_back(p.tensor);
  const auto asked = [&](bool recompute) {
    return torch::autograd::grad({loss_of(policy, batch, recompute)}, parameters);
  };
  const auto stored = asked(false), recomputed = asked(true);
  for (size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(stored[i], recomputed[i]));
    EXPECT_FALSE(parameters[i].grad().defined()) << "a gradient was left behind";
  }
}

TEST(Recompute, LeavesTheSameRoutesAndCountsEachTokenOnce) {
  for (const Json& json : testing::moe_architectures()) {
    Policy policy = random_policy(json);
    policy.set_requires_grad(true);
    const PackedTokens batch = three_sequences(policy);
    const auto traces = [&](bool recompute) {
      policy.record_expert_load(true);
      const ForwardOutput output = policy.forward(batch, {.record_routes = true, .recompute = recompute});
      output.hidden.sum().backward();
      std::vector<at::Tensor> out = policy.expert_load();
      out.insert(out.end(), output.routes.begin(), output.routes.end());
      return out;
    };
    const auto stored = traces(false), recomputed = traces(true);
    ASSERT_EQ(stored.size(), recomputed.size());
    for (size_t i = 0; i < stored.size(); ++i) EXPECT_TRUE(at::equal(stored[i], recomputed[i])) << i;
  }
}

TEST(Recompute, TakesTheExpertsOfTheFirstPass) {
  Policy policy = random_policy(testing::deepseek_json());
  policy.set_requires_grad(true);
  const PackedTokens batch = three_sequences(policy);
  const auto gradient = [&](bool recompute, bool disturb) {
    const at::Tensor loss = loss_of(policy, batch, recompute);
    const at::Tensor bias = policy.buffers().back().tensor, before = bias.clone();
    if (disturb) bias.copy_(at::linspace(50.0, -50.0, bias.size(0)));  // the router would choose quite others
    std::vector<at::Tensor> parameters;
    for (const Parameter& p : policy.parameters()) parameters.push_back(p.tensor);
    const auto out = torch::autograd::grad({loss}, parameters);
    bias.copy_(before);
    return out;
  };
  const auto stored = gradient(false, false), disturbed = gradient(true, true);
  for (size_t i = 0; i < stored.size(); ++i) {
    EXPECT_TRUE(at::equal(stored[i], disturbed[i])) << policy.parameters()[i].name;
  }
}

TEST(Recompute, TakesRoutesThatAreReplayed) {
  for (const Json& json : testing::moe_architectures()) {
    const Policy other = random_policy(json, at::kFloat, 7);
    const PackedTokens batch = three_sequences(other);
    std::vector<at::Tensor> routes = other.forward(batch, {.record_routes = true}).routes;
    for (at::Tensor& layer : routes) layer[3].fill_(-1);
    Policy policy = random_policy(json);
    policy.set_requires_grad(true);
    std::vector<at::Tensor> parameters;
    for (const Parameter& p : policy.parameters()) parameters.push_back(p.tensor);
    const auto gradient = [&](bool recompute) {
      return torch::autograd::grad({loss_of(policy, batch, recompute, {.replay_routes = &routes})}, parameters);
    };
    const auto stored = gradient(false), recomputed = gradient(true);
    for (size_t i = 0; i < parameters.size(); ++i) EXPECT_TRUE(at::equal(stored[i], recomputed[i]));
  }
}

TEST(Recompute, OutlivesTheBatchItWasGiven) {
  Policy policy = random_policy(testing::llama_json());
  policy.set_requires_grad(true);
  const auto stored = results(policy, false);
  at::Tensor loss;
  {
    auto batch = std::make_unique<PackedTokens>(three_sequences(policy));
    loss = loss_of(policy, *batch, true);
    *batch = pack_sequences({{0}}, at::kCPU);
  }
  loss.backward();
  for (size_t i = 0; i < policy.parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(policy.parameters()[i].tensor.grad(), stored[i + 1]));
  }
}

TEST(Recompute, HasNoEffectWithoutGradients) {
  const Policy policy = random_policy(testing::deepseek_json());
  const PackedTokens batch = three_sequences(policy);
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(policy.forward(batch, {.recompute = true}).hidden, policy.hidden(batch)));
}

// Bytes alive between forward and backward of a policy with so many layers.
int64_t activations(Json json, int64_t layers, int64_t rows, bool recompute) {
  json["num_hidden_layers"] = layers;
  MemoryMeter meter(at::kCUDA);
  Policy policy = Policy::empty(read_model_config(json, "test"), at::kBFloat16, at::Device(at::kMeta));
  policy.set_requires_grad(true);
  const auto longs = at::TensorOptions().dtype(at::kLong).device(at::kMeta);
  const PackedTokens batch{at::empty({rows}, longs), at::empty({rows}, longs), at::empty({2}, longs.dtype(at::kInt)), rows};
  const int64_t before = meter.live_bytes();
  const at::Tensor last = policy.forward(batch, {.recompute = recompute}).last_state;
  return meter.live_bytes() - before;
}

TEST(Recompute, KeepsOneInputPerLayerAndTheExpertsChosen) {
  constexpr int64_t rows = 512;  // so that every tensor is a multiple of the allocator's block
  for (const Json& json : {testing::llama_json(), testing::deepseek_json()}) {
    const auto per_layer = [&](bool recompute) {
      return activations(json, 6, rows, recompute) - activations(json, 5, rows, recompute);
    };
    const int64_t input = rows * json["hidden_size"].get<int64_t>() * 2;
    const int64_t routes = json.contains("n_routed_experts") ? rows * json["num_experts_per_tok"].get<int64_t>() * 2 : 0;
    EXPECT_EQ(per_layer(true), input + routes) << json["model_type"];
    EXPECT_GT(per_layer(false), 5 * per_layer(true)) << json["model_type"];
  }
}

}  // namespace
}  // namespace grpo
