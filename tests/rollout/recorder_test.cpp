#include "rollout/recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.h"
#include "rollout/engine.h"
#include "tests/policy/tiny_models.h"
#include "tests/rollout/engine_language.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

std::vector<Problem> problems_for(const Policy& policy, const std::vector<int64_t>& prompt_lengths) {
  std::vector<Problem> problems = problems_of(prompt_lengths);
  for (Problem& problem : problems) {
    for (int64_t& id : problem.prompt_ids) id %= policy.config().vocab_size;
  }
  return problems;
}

GenerateOptions recording(int64_t generations, int64_t max_tokens) {
  GenerateOptions options = options_of(generations, max_tokens);
  options.record_routes = options.record_kept = true;
  return options;
}

std::vector<int64_t> all_ids(const Episode& e) {
  std::vector<int64_t> all = e.prompt_ids;
  all.insert(all.end(), e.completion_ids.begin(), e.completion_ids.end());
  return all;
}

// What one forward pass without cache or company chooses for every token but the last.
std::vector<int16_t> naive_routes(const Policy& policy, const Episode& e) {
  const at::NoGradGuard no_grad;
  const std::vector<int64_t> ids = all_ids(e);
  const auto layers = policy.forward(pack_sequences({ids}, at::kCPU), {.record_routes = true}).routes;
  std::vector<int16_t> routes;
  for (int64_t t = 0; t + 1 < static_cast<int64_t>(ids.size()); ++t) {
    for (const at::Tensor& layer : layers) {
      for (int64_t k = 0; k < layer.size(1); ++k) routes.push_back(layer[t][k].item<int16_t>());
    }
  }
  return routes;
}

// What the options leave of a distribution, by sorting all of it, in double.
std::vector<int32_t> naive_kept(const at::Tensor& logits, const SamplingOptions& o) {
  const at::Tensor p = (logits / o.temperature).softmax(0);
  std::vector<int32_t> order(static_cast<size_t>(p.size(0)));
  std::iota(order.begin(), order.end(), 0);
  const auto likelier = [&](int32_t a, int32_t b) { return p[a].item<double>() > p[b].item<double>(); };
  std::stable_sort(order.begin(), order.end(), likelier);
  if (o.top_k > 0 && o.top_k < p.size(0)) order.resize(static_cast<size_t>(o.top_k));  // random logits do not tie
  double mass = 0.0, taken = 0.0;
  for (const int32_t id : order) mass += p[id].item<double>();
  size_t keep = 0;
  while (keep < order.size() && taken < o.top_p * mass) taken += p[order[keep++]].item<double>();
  if (o.top_p < 1.0) order.resize(keep);
  const double likeliest = p[order[0]].item<double>();
  std::erase_if(order, [&](int32_t id) { return p[id].item<double>() < o.min_p * likeliest; });
  std::sort(order.begin(), order.end());
  return order;
}

TEST(Recorder, RoutesAreThoseOfOneForwardPassOverTheSameTokens) {
  for (const Json& json : testing::moe_architectures()) {
    const Policy policy = testing::random_policy(json);
    const std::vector<Problem> problems = problems_for(policy, {1, 9, 30, 16});
    const std::vector<EngineOptions> variants = {{},
                                                 {.prefill_tokens = 7, .page_tokens = 4},
                                                 {.max_running = 3, .page_tokens = 5, .decode_burst = 5},
                                                 {.prefill_tokens = 1, .decode_burst = 1000}};
    for (const EngineOptions& variant : variants) {
      Engine engine(policy, nullptr, variant);
      for (const Group& group : engine.generate(problems, recording(4, 11))) {
        for (const Episode& e : group.episodes) {
          ASSERT_EQ(e.routes, naive_routes(policy, e))
              << json["model_type"] << ", problem " << e.problem_id << ", sample " << e.sample_index;
        }
      }
    }
  }
}

TEST(Recorder, KeptSetsAreWhatTheDefinitionLeaves) {
  const Policy policy = testing::random_policy(testing::qwen2_json(), at::kDouble);
  const std::vector<SamplingOptions> cuts = {{.top_k = 5}, {.top_p = 0.8}, {.min_p = 0.05},
                                             {.temperature = 0.7, .top_k = 12, .top_p = 0.9, .min_p = 0.02}};
  for (const SamplingOptions& cut : cuts) {
    GenerateOptions options = recording(3, 9);
    options.sampling = cut;
    options.sampling.max_tokens = 9;
    Engine engine(policy, nullptr, {.max_running = 5, .decode_burst = 4});
    for (const Group& group : engine.generate(problems_for(policy, {3, 12}), options)) {
      for (const Episode& e : group.episodes) {
        const auto tokens = static_cast<int64_t>(e.completion_ids.size());
        const at::NoGradGuard no_grad;
        const at::Tensor hidden = policy.hidden(pack_sequences({all_ids(e)}, at::kCPU));
        const at::Tensor logits = policy.logits(hidden.narrow(0, static_cast<int64_t>(e.prompt_ids.size()) - 1, tokens));
        ASSERT_EQ(e.kept_begin.size(), e.completion_ids.size() + 1);
        for (int64_t t = 0; t < tokens; ++t) {
          const auto begin = e.kept_ids.begin();
          const std::vector<int32_t> kept(begin + e.kept_begin[t], begin + e.kept_begin[t + 1]);
          ASSERT_EQ(kept, naive_kept(logits[t], cut)) << "token " << t;
          ASSERT_TRUE(std::binary_search(kept.begin(), kept.end(), e.completion_ids[t]));
        }
        EXPECT_EQ(e.kept_begin.back(), static_cast<int64_t>(e.kept_ids.size()));
      }
    }
  }
}

TEST(Recorder, ASetThatIsTheWholeVocabularyIsAnEmptyRange) {
  const Policy policy = testing::random_policy(testing::qwen2_json());
  GenerateOptions options = recording(2, 6);
  options.sampling.min_p = 1e-30;
  for (const Group& group : Engine(policy, nullptr).generate(problems_for(policy, {5}), options)) {
    for (const Episode& e : group.episodes) {
      EXPECT_EQ(e.kept_begin, std::vector<int64_t>(e.completion_ids.size() + 1, 0));
      EXPECT_TRUE(e.kept_ids.empty());
    }
  }
}

TEST(Recorder, RecordingChangesNothingElse) {
  const Policy policy = testing::random_policy(testing::deepseek_json());
  const std::vector<Problem> problems = problems_for(policy, {9, 4, 30});
  GenerateOptions options = recording(4, 15);
  options.sampling.top_p = 0.9;
  Engine engine(policy, nullptr, {.max_running = 5});
  const std::vector<Group> with = engine.generate(problems, options);
  options.record_routes = options.record_kept = false;
  const std::vector<Group> without = engine.generate(problems, options);
  expect_same(with, without, 0.0);
  for (const Group& group : without) {
    for (const Episode& e : group.episodes) EXPECT_TRUE(e.routes.empty() && e.kept_begin.empty() && e.kept_ids.empty());
  }
}

TEST(Recorder, WhereThereIsNothingToRecordRecordsStayEmpty) {
  const Policy dense = testing::random_policy(testing::llama_json());
  const std::vector<Group> groups = Engine(dense, nullptr).generate(problems_for(dense, {4}), recording(2, 5));
  for (const Episode& e : groups[0].episodes) EXPECT_TRUE(e.routes.empty() && e.kept_begin.empty() && e.kept_ids.empty());
}

TEST(Recorder, AFailedSampleHasNoRecord) {
  const Policy policy = testing::random_policy(testing::qwen3_moe_json());
  policy.parameters()[0].tensor[3].fill_(std::numeric_limits<float>::quiet_NaN());  // embedding of token 3
  std::vector<Problem> problems = problems_for(policy, {6, 6});
  for (Problem& problem : problems) std::replace(problem.prompt_ids.begin(), problem.prompt_ids.end(), int64_t{3}, int64_t{4});
  problems[1].prompt_ids[2] = 3;
  GenerateOptions options = recording(2, 5);
  options.sampling.top_k = 4;
  const std::vector<Group> groups = Engine(policy, nullptr).generate(problems, options);
  for (const Episode& e : groups[1].episodes) {
    EXPECT_EQ(e.finish_reason, FinishReason::kError);
    EXPECT_TRUE(e.routes.empty() && e.kept_begin.empty() && e.kept_ids.empty());
  }
}

TEST(Recorder, MoreThanTheHostMayHoldIsAnErrorThatNamesTheLimit) {
  const Policy policy = testing::random_policy(testing::qwen3_moe_json());
  // 2 MoE layers of 3 experts: 12 bytes a token, 4 + 8 - 1 tokens.
  GenerateOptions options = recording(2, 8);
  options.sampling.ignore_eos = true;
  const int64_t bytes = 2 * 11 * 12;
  EXPECT_NO_THROW(Engine(policy, nullptr, {.record_bytes_max = bytes}).generate(problems_for(policy, {4}), options));
  const std::string text = error_text([&] {
    Engine(policy, nullptr, {.record_bytes_max = bytes - 1}).generate(problems_for(policy, {4}), options);
  });
  EXPECT_TRUE(holds(text, "rollout.record_bytes_max"));
  EXPECT_TRUE(holds(error_text([&] { Engine(policy, nullptr, {.record_bytes_max = -1}); }), "record_bytes_max is -1"));
}

}  // namespace
}  // namespace grpo
