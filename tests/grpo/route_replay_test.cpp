#include "grpo/route_replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "core/error.h"
#include "rollout/engine.h"
#include "tests/policy/tiny_models.h"
#include "tests/reference/naive_policy.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

struct Rollout {
  std::vector<Group> groups;
  std::vector<const Episode*> episodes;
  std::vector<TrainSequence> sequences;
  std::vector<MicroBatch> batches;
};

// Sampled with records, then packed into several micro-batches.
Rollout rollout_of(const Policy& policy, const SamplingOptions& sampling = {}) {
  std::vector<Problem> problems(3);
  for (size_t i = 0; i < problems.size(); ++i) {
    problems[i].id = static_cast<int64_t>(i);
    problems[i].prompt_ids = testing::random_ids(policy, 3 + 4 * static_cast<int64_t>(i), i);
  }
  GenerateOptions options{.num_generations = 4, .sampling = sampling, .record_routes = true, .record_kept = true};
  options.sampling.max_tokens = 9;
  Rollout out;
  out.groups = Engine(policy, nullptr).generate(problems, options);
  for (Group& group : out.groups) {
    for (Episode& e : group.episodes) {
      e.loss_mask[0] = e.sample_index == 1 ? 0 : 1;  // a hole
      if (e.sample_index == 2) std::fill(e.loss_mask.begin(), e.loss_mask.end(), 0);  // left out of the packing
      out.episodes.push_back(&e);
      out.sequences.push_back(train_sequence(e));
    }
  }
  out.batches = pack(out.sequences, count_trained(out.sequences), {.tokens_per_micro_batch = 45},
                     at::TensorOptions(policy.dtype() == at::kDouble ? at::kDouble : at::kFloat));
  return out;
}

// Other weights, by steps large enough that routers choose otherwise.
Policy moved_on(const Policy& policy) {
  Policy other = policy.clone();
  at::manual_seed(11);
  for (const Parameter& p : other.parameters()) p.tensor.add_(at::randn_like(p.tensor), 0.2);
  return other;
}

// Rows of a packed batch that are the last of their sequence.
at::Tensor last_rows(const MicroBatch& batch) { return batch.tokens.cu_seqlens.slice(0, 1).to(at::kLong) - 1; }

at::Tensor without_rows(const at::Tensor& x, const at::Tensor& rows) {
  return x.index_select(0, at::ones({x.size(0)}, at::kBool).index_fill(0, rows, 0).nonzero().squeeze(1));
}

// Reads an episode's record as core/types.h describes it: token, layer, place.
void force_recorded(reference::NaivePolicy& naive, const ModelConfig& config, const Episode& e, int64_t tokens) {
  std::vector<std::pair<size_t, int64_t>> layers;  // index and top_k of every MoE layer
  int64_t width = 0;
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const auto* moe = std::get_if<MoeConfig>(&config.layers[i].mlp);
    if (moe == nullptr) continue;
    layers.emplace_back(i, moe->top_k);
    width += moe->top_k;
  }
  int64_t offset = 0;
  for (const auto& [layer, top_k] : layers) {
    at::Tensor experts = at::full({tokens, top_k}, -1, at::kLong);
    for (int64_t t = 0; t + 1 < tokens; ++t) {
      for (int64_t k = 0; k < top_k; ++k) experts[t][k] = static_cast<int64_t>(e.routes.at(t * width + offset + k));
    }
    naive.force_routes(layer, experts);
    offset += top_k;
  }
}

TEST(RouteReplay, EveryPassGoesToTheExpertsOfTheRollout) {
  const at::NoGradGuard no_grad;
  for (const Json& json : testing::moe_architectures()) {
    const Policy behaviour = testing::random_policy(json);
    const Policy current = moved_on(behaviour);
    const Rollout rollout = rollout_of(behaviour);
    ASSERT_GT(rollout.batches.size(), 1u);
    bool differs = false;
    for (const MicroBatch& batch : rollout.batches) {
      const auto routes = packed_routes(behaviour.config(), rollout.episodes, batch);
      // The sampler's own weights choose the same again; other weights do so because they are told.
      const auto own = behaviour.forward(batch.tokens, {.record_routes = true}).routes;
      const auto told = current.forward(batch.tokens, {.record_routes = true, .replay_routes = &routes}).routes;
      const auto untold = current.forward(batch.tokens, {.record_routes = true}).routes;
      ASSERT_EQ(routes.size(), own.size());
      const at::Tensor last = last_rows(batch);
      for (size_t layer = 0; layer < routes.size(); ++layer) {
        EXPECT_TRUE(routes[layer].index_select(0, last).eq(-1).all().item<bool>());
        const at::Tensor recorded = without_rows(routes[layer], last);
        EXPECT_TRUE(recorded.equal(without_rows(own[layer], last))) << json["model_type"];
        EXPECT_TRUE(recorded.equal(without_rows(told[layer], last))) << json["model_type"];
        differs = differs || !recorded.equal(without_rows(untold[layer], last));
      }
    }
    EXPECT_TRUE(differs) << json["model_type"] << ": the weights did not move enough to prove anything";
  }
}

TEST(RouteReplay, TheLastTokenGoesWhereTheRouterSendsIt) {
  const at::NoGradGuard no_grad;
  const Policy behaviour = testing::random_policy(testing::deepseek_softmax_json());
  const Policy current = moved_on(behaviour);
  const Rollout rollout = rollout_of(behaviour);
  for (const MicroBatch& batch : rollout.batches) {
    const auto routes = packed_routes(behaviour.config(), rollout.episodes, batch);
    const auto told = current.forward(batch.tokens, {.record_routes = true, .replay_routes = &routes}).routes;
    const auto untold = current.forward(batch.tokens, {.record_routes = true}).routes;
    // In the first layer nothing that was replayed has reached its router yet.
    const at::Tensor last = last_rows(batch);
    EXPECT_TRUE(told[0].index_select(0, last).equal(untold[0].index_select(0, last)));
  }
}

// By the published equations, token by token: experts of the record, weights of what the router says now.
TEST(RouteReplay, RecordedExpertsAreWeighedByTheCurrentRouter) {
  const at::NoGradGuard no_grad;
  for (const Json& json : testing::moe_architectures()) {
    const Policy behaviour = testing::random_policy(json, at::kDouble), current = moved_on(behaviour);
    const Rollout rollout = rollout_of(behaviour);
    const MicroBatch& batch = rollout.batches[0];
    const auto routes = packed_routes(behaviour.config(), rollout.episodes, batch);
    const at::Tensor logits = current.logits(current.forward(batch.tokens, {.replay_routes = &routes}).hidden);
    int64_t begin = 0;
    for (const int64_t s : batch.sequences) {
      const Episode& e = *rollout.episodes[static_cast<size_t>(s)];
      std::vector<int64_t> ids = e.prompt_ids;
      ids.insert(ids.end(), e.completion_ids.begin(), e.completion_ids.end());
      const auto tokens = static_cast<int64_t>(ids.size());
      reference::NaivePolicy naive(current);
      force_recorded(naive, current.config(), e, tokens);
      EXPECT_LT(testing::max_difference(logits.narrow(0, begin, tokens), naive.logits(ids)), 3e-5) << json["model_type"];
      begin += tokens;
    }
  }
}

TEST(RouteReplay, EpisodesWithoutRecordGoWhereTheRouterSendsThem) {
  const at::NoGradGuard no_grad;
  const Policy policy = testing::random_policy(testing::qwen3_moe_json());
  Rollout rollout = rollout_of(policy);
  for (Group& group : rollout.groups) {
    for (Episode& e : group.episodes) e.routes.clear();
  }
  const MicroBatch& batch = rollout.batches[0];
  const auto routes = packed_routes(policy.config(), rollout.episodes, batch);
  for (const at::Tensor& layer : routes) EXPECT_TRUE(layer.eq(-1).all().item<bool>());
  EXPECT_TRUE(policy.forward(batch.tokens, {.replay_routes = &routes}).hidden.equal(policy.hidden(batch.tokens)));
}

TEST(RouteReplay, ADenseModelHasNone) {
  const Policy policy = testing::random_policy(testing::llama_json());
  const Rollout rollout = rollout_of(policy);
  EXPECT_TRUE(packed_routes(policy.config(), rollout.episodes, rollout.batches[0]).empty());
}

TEST(RouteReplay, ARecordOfAnotherShapeIsAnErrorThatNamesTheSample) {
  const Policy policy = testing::random_policy(testing::qwen3_moe_json());
  Rollout rollout = rollout_of(policy);
  const auto index = static_cast<size_t>(rollout.batches[0].sequences[0]);
  const_cast<Episode*>(rollout.episodes[index])->routes.pop_back();
  const std::string text = error_text([&] { packed_routes(policy.config(), rollout.episodes, rollout.batches[0]); });
  EXPECT_TRUE(holds(text, "problem " + std::to_string(rollout.episodes[index]->problem_id)));
}

// What was sampled from a cut distribution has its log-probability again where the trainer knows the cut.
TEST(KeptSets, TheTrainersLogProbabilitiesAreTheSamplers) {
  const at::NoGradGuard no_grad;
  const Policy policy = testing::random_policy(testing::qwen2_json());
  for (const SamplingOptions& cut : {SamplingOptions{.top_k = 4}, SamplingOptions{.temperature = 0.8, .top_p = 0.7},
                                     SamplingOptions{.min_p = 0.1}, SamplingOptions{}}) {
    const Rollout rollout = rollout_of(policy, cut);
    for (const MicroBatch& batch : rollout.batches) {
      const KeptTokens kept = packed_kept(rollout.episodes, rollout.sequences, batch);
      const at::Tensor hidden = policy.hidden(batch.tokens).index_select(0, batch.rows);
      const at::Tensor logprobs =
          policy.token_scores(hidden, batch.targets, {.temperature = cut.temperature, .kept = &kept}).logprobs;
      EXPECT_TRUE(at::allclose(logprobs, batch.behaviour_logprobs, 0.0, 1e-5))
          << "max difference " << (logprobs - batch.behaviour_logprobs).abs().max().item<double>();
    }
  }
}

}  // namespace
}  // namespace grpo
