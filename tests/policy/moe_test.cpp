// Mixtures of experts: independence of the batch, recorded and replayed routes, balance.
#include "policy/moe.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <limits>

#include "tests/policy/gradient_check.h"
#include "tests/policy/scrambled_cache.h"
#include "tests/policy/tiny_models.h"
#include "tests/reference/naive_policy.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using testing::expect_gradients;
using testing::max_difference;
using testing::moe_architectures;
using testing::random_ids;
using testing::random_policy;
using Ids = std::vector<std::vector<int64_t>>;

std::vector<size_t> moe_layers(const ModelConfig& config) {
  std::vector<size_t> layers;
  for (size_t i = 0; i < config.layers.size(); ++i) {
    if (std::holds_alternative<MoeConfig>(config.layers[i].mlp)) layers.push_back(i);
  }
  return layers;
}

const MoeConfig& experts_of(const Policy& policy) {
  return std::get<MoeConfig>(policy.config().layers[moe_layers(policy.config())[0]].mlp);
}

std::vector<at::Tensor> record(const Policy& policy, const PackedTokens& batch) {
  return policy.forward(batch, {.record_routes = true}).routes;
}

at::Tensor replay(const Policy& policy, const PackedTokens& batch, const std::vector<at::Tensor>& routes) {
  return policy.forward(batch, {.replay_routes = &routes}).hidden;
}

std::vector<at::Tensor> gradients(Policy& policy, const PackedTokens& batch, const ForwardOptions& options) {
  policy.set_requires_grad(true);
  std::vector<at::Tensor> parameters;
  for (const Parameter& p : policy.parameters()) parameters.push_back(p.tensor);
  const at::Tensor hidden = policy.forward(batch, options).hidden;
  return torch::autograd::grad({policy.token_scores(hidden, batch.tokens).logprobs.sum()}, parameters);
}

TEST(ExpertOutput, DoesNotDependOnBatchMatesOrTheirOrder) {
  for (const Json& json : moe_architectures()) {
    const Policy policy = random_policy(json);
    const auto a = random_ids(policy, 9, 1), b = random_ids(policy, 30, 2), c = random_ids(policy, 4, 3);
    const at::Tensor abc = policy.hidden(pack_sequences({a, b, c}, at::kCPU));
    const at::Tensor cba = policy.hidden(pack_sequences({c, b, a}, at::kCPU));
    EXPECT_TRUE(at::equal(abc.narrow(0, 0, 9), cba.narrow(0, 34, 9))) << json["model_type"];
    EXPECT_TRUE(at::equal(abc.narrow(0, 9, 30), cba.narrow(0, 4, 30))) << json["model_type"];
    EXPECT_TRUE(at::equal(abc.narrow(0, 39, 4), cba.narrow(0, 0, 4))) << json["model_type"];
  }
}

// 60 tokens that all want the same experts: a capacity factor would drop most of them.
TEST(ExpertOutput, NothingIsDroppedWhereAllTokensWantTheSameExperts) {
  for (const Json& json : moe_architectures()) {
    const Policy policy = random_policy(json);
    const auto one = random_ids(policy, 1, 1);
    const at::Tensor alone = policy.hidden(pack_sequences({one}, at::kCPU));
    const at::Tensor crowd = policy.hidden(pack_sequences(Ids(60, one), at::kCPU));
    EXPECT_TRUE(at::equal(crowd, alone.expand({60, -1}))) << json["model_type"];
  }
}

TEST(Routes, AreRecordedPerLayerAndTokenInTheChosenOrder) {
  for (const Json& json : moe_architectures()) {
    const Policy policy = random_policy(json);
    const MoeConfig& config = experts_of(policy);
    const auto routes = record(policy, pack_sequences({random_ids(policy, 20, 1)}, at::kCPU));
    ASSERT_EQ(routes.size(), moe_layers(policy.config()).size());
    for (const at::Tensor& layer : routes) {
      EXPECT_EQ(layer.scalar_type(), at::kShort);
      EXPECT_EQ(layer.sizes(), at::IntArrayRef({20, config.top_k}));
      EXPECT_GE(layer.min().item<int64_t>(), 0);
      EXPECT_LT(layer.max().item<int64_t>(), config.num_experts);
    }
    EXPECT_TRUE(policy.forward(pack_sequences({random_ids(policy, 3, 1)}, at::kCPU), {}).routes.empty());
  }
}

TEST(Routes, ReplayingOnesOwnRecordGivesTheSameBits) {
  for (const Json& json : moe_architectures()) {
    for (const auto dtype : {at::kFloat, at::kBFloat16}) {
      Policy policy = random_policy(json, dtype);
      const PackedTokens batch =
          pack_sequences({random_ids(policy, 20, 1), random_ids(policy, 9, 2)}, at::kCPU);
      const auto routes = record(policy, batch);
      EXPECT_TRUE(at::equal(replay(policy, batch, routes), policy.hidden(batch))) << json["model_type"];
      // As a recomputed forward pass does it: the same gradients too.
      const auto own = gradients(policy, batch, {}),
                 replayed = gradients(policy, batch, {.replay_routes = &routes});
      for (size_t i = 0; i < own.size(); ++i) {
        EXPECT_TRUE(at::equal(own[i], replayed[i])) << policy.parameters()[i].name;
      }
    }
  }
}

// What statement 31 of the specification asks of the forward pass: experts of the record, weights of now.
TEST(Routes, ReplayedExpertsAreWeighedByCurrentLogits) {
  for (const Json& json : moe_architectures()) {
    const Policy before = random_policy(json, at::kDouble, 1), now = random_policy(json, at::kDouble, 2);
    const auto ids = random_ids(now, 25, 3);
    const PackedTokens batch = pack_sequences({ids}, at::kCPU);
    const auto routes = record(before, batch);
    reference::NaivePolicy naive(now);
    const at::Tensor own = naive.logits(ids);
    const auto layers = moe_layers(now.config());
    for (size_t m = 0; m < layers.size(); ++m) naive.force_routes(layers[m], routes[m]);
    const at::Tensor replayed = now.logits(replay(now, batch, routes));
    EXPECT_LT(max_difference(replayed, naive.logits(ids)), 3e-5) << json["model_type"];
    EXPECT_GT(max_difference(replayed, own), 1e-2) << "the two routers agree by chance";
    // What is replayed is what is recorded.
    const auto again = now.forward(batch, {.record_routes = true, .replay_routes = &routes}).routes;
    for (size_t m = 0; m < routes.size(); ++m) EXPECT_TRUE(at::equal(again[m], routes[m]));
  }
}

TEST(Routes, ATokenWithoutRecordFallsToItsOwnRouter) {
  for (const Json& json : moe_architectures()) {
    const Policy before = random_policy(json, at::kDouble, 1), now = random_policy(json, at::kDouble, 2);
    const auto ids = random_ids(now, 12, 3);
    const PackedTokens batch = pack_sequences({ids}, at::kCPU);
    auto routes = record(before, batch);
    for (const at::Tensor& layer : routes) {
      layer[11].fill_(-1);  // the last sampled token
      layer[4].fill_(-1);
    }
    reference::NaivePolicy naive(now);
    const auto layers = moe_layers(now.config());
    for (size_t m = 0; m < layers.size(); ++m) naive.force_routes(layers[m], routes[m]);
    EXPECT_LT(max_difference(now.logits(replay(now, batch, routes)), naive.logits(ids)), 3e-5)
        << json["model_type"];
    for (const at::Tensor& layer : routes) layer.fill_(-1);
    EXPECT_TRUE(at::equal(replay(now, batch, routes), now.hidden(batch)));
  }
}

TEST(Routes, GradientsUnderReplayEqualFiniteDifferences) {
  for (const Json& json : moe_architectures()) {
    const Policy before = random_policy(json, at::kDouble, 1);
    Policy now = random_policy(json, at::kDouble, 2);
    now.set_requires_grad(true);
    const PackedTokens batch = pack_sequences({random_ids(now, 7, 3), random_ids(now, 6, 4)}, at::kCPU);
    const auto routes = record(before, batch);
    expect_gradients(
        now, [&] { return now.token_scores(replay(now, batch, routes), batch.tokens).logprobs.sum(); });
  }
}

TEST(Routes, ThatCannotBeReplayedAreAnErrorThatNamesLayerTokenAndExperts) {
  const Policy policy = random_policy(testing::deepseek_json());  // 12 experts, 3 a token, layers 1 and 2
  const PackedTokens batch = pack_sequences({random_ids(policy, 8, 1)}, at::kCPU);
  const auto good = record(policy, batch);
  auto with = [&](size_t layer, int64_t token, const std::vector<int64_t>& experts) {
    std::vector<at::Tensor> routes = {good[0].clone(), good[1].clone()};
    routes[layer][token].copy_(at::tensor(experts, at::kLong));
    return error_of([&] { replay(policy, batch, routes); });
  };
  for (const auto& experts :
       std::vector<std::vector<int64_t>>{{0, 1, 12}, {0, 1, -2}, {4, 7, 4}, {0, -1, 2}}) {
    const Error error = with(1, 5, experts);
    EXPECT_TRUE(holds(error.where(), "model.layers.2.mlp")) << error.where();
    EXPECT_TRUE(holds(error.summary(), "token 5")) << error.summary();
    EXPECT_TRUE(holds(error.summary(), std::to_string(experts[2]))) << error.summary();
  }
  for (const auto& routes : std::vector<std::vector<at::Tensor>>{{good[0]},
                                                                 {good[0], good[1], good[1]},
                                                                 {good[0], good[1].slice(0, 1)},
                                                                 {good[0], good[1].slice(1, 1)},
                                                                 {good[0], good[1].to(at::kFloat)},
                                                                 {good[0], at::Tensor()}}) {
    EXPECT_THROW(replay(policy, batch, routes), Error);
  }
}

TEST(Routes, RecordedWhileDecodingAreThoseOfTheFullForward) {
  for (const Json& json : moe_architectures()) {
    const Policy policy = random_policy(json, at::kDouble);
    const Ids ids = {random_ids(policy, 12, 1), random_ids(policy, 12, 2)};
    const auto full = record(policy, pack_sequences(ids, at::kCPU));
    testing::ScrambledCache cache(policy, 2, 12, 4);
    int64_t first = 0;
    for (const int64_t count : {5, 1, 1, 4, 1}) {
      const auto pieces = cache.run(policy, ids, first, count, first == 0, {.record_routes = true}).routes;
      ASSERT_EQ(pieces.size(), full.size());
      for (size_t m = 0; m < full.size(); ++m) {
        const at::Tensor want = full[m].view({2, 12, -1}).narrow(1, first, count);
        EXPECT_TRUE(at::equal(pieces[m].view({2, count, -1}), want))
            << json["model_type"] << " from " << first;
      }
      first += count;
    }
  }
}

TEST(ExpertLoad, CountsEveryTokenOnceOverSeveralMicroBatchesAndFollowsReplayedRoutes) {
  for (const Json& json : moe_architectures()) {
    Policy policy = random_policy(json);
    const MoeConfig& config = experts_of(policy);
    const Ids sequences = {random_ids(policy, 8, 1), random_ids(policy, 15, 2), random_ids(policy, 4, 3)};
    std::vector<at::Tensor> whole;
    for (const bool split : {false, true}) {
      policy.record_expert_load(true);
      policy.set_requires_grad(true);
      for (const Ids& part : split ? std::vector<Ids>{{sequences[0]}, {sequences[1], sequences[2]}}
                                   : std::vector<Ids>{sequences}) {
        const PackedTokens batch = pack_sequences(part, at::kCPU);
        policy.token_scores(policy.hidden(batch), batch.tokens).logprobs.sum().backward();
      }
      const auto load = policy.expert_load();
      for (size_t m = 0; m < load.size(); ++m) {
        EXPECT_EQ(load[m].sum().item<int64_t>(), 27 * config.top_k);
        if (split) {
          EXPECT_TRUE(at::equal(load[m], whole[m]));
        }
      }
      whole = load;
    }
    policy.record_expert_load(true);
    const std::vector<int64_t> first = {0, 1, 2};
    const at::Tensor same =
        at::tensor(std::vector<int64_t>(first.begin(), first.begin() + config.top_k), at::kLong);
    const std::vector<at::Tensor> routes(whole.size(), same.expand({8, config.top_k}));
    replay(policy, pack_sequences({sequences[0]}, at::kCPU), routes);
    for (const at::Tensor& load : policy.expert_load()) {
      for (int64_t e = 0; e < config.num_experts; ++e)
        EXPECT_EQ(load[e].item<int64_t>(), e < config.top_k ? 8 : 0);
    }
  }
}

// The published sums (arXiv 2412.19437, eq. 17-20), one sequence and expert at a time.
double naive_balance(const MoeConfig& config, const at::Tensor& scores, const at::Tensor& experts) {
  const int64_t tokens = scores.size(0);
  double loss = 0;
  for (int64_t i = 0; i < config.num_experts; ++i) {
    double f = 0, p = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      const at::Tensor best =
          config.scoring == RouterScoring::kSigmoid ? std::get<1>(scores[t].topk(config.top_k)) : experts[t];
      f += best.eq(i).sum().item<double>();
      p += (scores[t][i] / scores[t].sum()).item<double>();
    }
    loss +=
        f * config.num_experts / static_cast<double>(config.top_k * tokens) * p / static_cast<double>(tokens);
  }
  return loss;
}

TEST(BalanceLoss, EqualsThePublishedSumsOfEachSequence) {
  for (const Json& json : moe_architectures()) {
    const Policy policy = random_policy(json, at::kDouble);
    const MoeConfig& config = experts_of(policy);
    at::manual_seed(3);
    const at::Tensor router = at::randn({config.num_experts, 10}, at::kDouble),
                     x = at::randn({23, 10}, at::kDouble);
    const at::Tensor bias = config.correction_bias ? at::randn({config.num_experts}) : at::Tensor();
    const Routes routes = route(config, router, bias, x);
    const std::vector<int64_t> bounds = {0, 4, 4, 5, 23};
    const SequenceRows rows = sequence_rows(at::tensor(bounds, at::kLong).to(at::kInt), 23);
    double expected = 0;
    for (size_t s = 0; s + 1 < bounds.size(); ++s) {
      const int64_t length = bounds[s + 1] - bounds[s];
      if (length == 0) continue;
      expected += naive_balance(config, routes.scores.narrow(0, bounds[s], length),
                                routes.experts.narrow(0, bounds[s], length));
    }
    // Shares of a sequence are float32.
    EXPECT_NEAR(sequence_balance_loss(config, routes, rows).item<double>(), expected, 1e-6 * expected);
  }
}

TEST(BalanceLoss, IsThatOfTheRowsThatCount) {
  for (const Json& json : moe_architectures()) {
    const Policy policy = random_policy(json, at::kDouble);
    const MoeConfig& config = experts_of(policy);
    at::manual_seed(3);
    const at::Tensor router = at::randn({config.num_experts, 10}, at::kDouble),
                     x = at::randn({9, 10}, at::kDouble);
    const at::Tensor bias = config.correction_bias ? at::randn({config.num_experts}) : at::Tensor();
    const Routes routes = route(config, router, bias, x);
    // The last two rows of the first sequence and the only one of the second do not count.
    const at::Tensor counted = at::tensor({1, 1, 1, 0, 0, 0, 1, 1, 1}, at::kInt).to(at::kBool);
    const SequenceRows rows = sequence_rows(at::tensor({0, 5, 6, 9}, at::kInt), 9, counted);
    const double expected =
        naive_balance(config, routes.scores.narrow(0, 0, 3), routes.experts.narrow(0, 0, 3)) +
        naive_balance(config, routes.scores.narrow(0, 6, 3), routes.experts.narrow(0, 6, 3));
    EXPECT_NEAR(sequence_balance_loss(config, routes, rows).item<double>(), expected, 1e-6 * expected);
  }
}

TEST(BalanceLoss, IsOnePerSequenceWhereExpertsAreUsedAlike) {
  const MoeConfig config{.num_experts = 6, .top_k = 2, .scoring = RouterScoring::kSoftmax};
  std::vector<int64_t> experts;
  for (int64_t t = 0; t < 12; ++t) experts.insert(experts.end(), {(2 * t) % 6, (2 * t + 1) % 6});
  const Routes routes{
      at::tensor(experts, at::kLong).view({12, 2}), {}, at::full({12, 6}, 1.0 / 6, at::kDouble)};
  const SequenceRows rows = sequence_rows(at::tensor({0, 3, 12}, at::kInt), 12);
  EXPECT_NEAR(sequence_balance_loss(config, routes, rows).item<double>(), 2.0, 1e-6);
}

TEST(BalanceLoss, OfAPackedBatchIsTheSumOfItsSequencesAndLayers) {
  for (const Json& json : moe_architectures()) {
    const Policy policy = random_policy(json, at::kDouble);
    const Ids sequences = {random_ids(policy, 8, 1), random_ids(policy, 1, 2), random_ids(policy, 14, 3)};
    double sum = 0;
    for (const auto& ids : sequences) {
      sum +=
          policy.forward(pack_sequences({ids}, at::kCPU), {.balance_loss = true}).balance_loss.item<double>();
    }
    const at::Tensor packed =
        policy.forward(pack_sequences(sequences, at::kCPU), {.balance_loss = true}).balance_loss;
    EXPECT_NEAR(packed.item<double>(), sum, 1e-6 * sum);
    EXPECT_GT(sum, 3.0 * static_cast<double>(moe_layers(policy.config()).size()) * 0.8);
  }
}

TEST(BalanceLoss, GradientsEqualFiniteDifferences) {
  for (const Json& json : moe_architectures()) {
    Policy policy = random_policy(json, at::kDouble);
    policy.set_requires_grad(true);
    const PackedTokens batch =
        pack_sequences({random_ids(policy, 7, 1), random_ids(policy, 12, 2)}, at::kCPU);
    expect_gradients(policy, [&] { return policy.forward(batch, {.balance_loss = true}).balance_loss; });
  }
}

TEST(BalanceLoss, OfAModelWithoutExpertsIsZero) {
  const Policy policy = random_policy(testing::llama_json());
  const PackedTokens batch = pack_sequences({random_ids(policy, 7, 1)}, at::kCPU);
  EXPECT_EQ(policy.forward(batch, {.balance_loss = true}).balance_loss.item<double>(), 0.0);
}

TEST(RouterBias, ThatIsNotFiniteIsRefusedByName) {
  Policy policy = random_policy(testing::deepseek_json());
  policy.check_router_bias();
  policy.record_expert_load(true);
  policy.hidden(pack_sequences({random_ids(policy, 20, 1)}, at::kCPU));
  policy.buffers()[1].tensor[3] = std::numeric_limits<float>::quiet_NaN();
  for (const Error& error :
       {error_of([&] { policy.check_router_bias(); }), error_of([&] { policy.update_router_bias(1e-3); })}) {
    EXPECT_TRUE(holds(error.summary(), "NaN or infinity"));
    EXPECT_EQ(error.where(), "model.layers.2.mlp.gate.e_score_correction_bias");
  }
}

TEST(RouterBias, AnUpdateThatOverflowsIsRefused) {
  Policy policy = random_policy(testing::deepseek_json());
  policy.record_expert_load(true);
  policy.hidden(pack_sequences({random_ids(policy, 20, 1)}, at::kCPU));
  EXPECT_THROW(policy.update_router_bias(std::numeric_limits<double>::infinity()), Error);
}

}  // namespace
}  // namespace grpo
