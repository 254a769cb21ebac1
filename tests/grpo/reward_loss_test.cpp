// The losses of reward models: values by hand, gradients by difference quotients, and what must not change them.

#include "grpo/reward_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "policy/score_head.h"
#include "tests/grpo/reward_samples.h"
#include "tests/policy/gradient_check.h"

namespace grpo {
namespace {

using namespace testing;

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

std::vector<RewardSample> mixed_samples() {
  return {random_pair(1), random_point(0), random_pair(2, 0.7), random_pair(3), random_point(1), random_pair(4, -0.2)};
}

at::TensorOptions wide() { return at::TensorOptions().dtype(at::kDouble); }

// From each sequence by itself, in double precision, by the formulas of the papers.
double naive_loss(const Policy& model, const std::vector<RewardSample>& samples, double center) {
  const auto score = [&](const std::vector<int64_t>& ids) { return score_sequences(model, {ids}, 1).front(); };
  double sum = 0;
  for (const RewardSample& sample : samples) {
    if (const auto* pair = std::get_if<RewardPair>(&sample)) {
      const double c = score(pair->chosen_ids), r = score(pair->rejected_ids);
      sum += -std::log(sigmoid(c - r - pair->margin)) + center * (c + r) * (c + r);
    } else {
      const auto& point = std::get<RewardPoint>(sample);
      const double p = sigmoid(score(point.ids));
      sum += -(point.label * std::log(p) + (1 - point.label) * std::log(1 - p));
    }
  }
  return sum / static_cast<double>(samples.size());
}

at::Tensor packed_loss(const Policy& model, const std::vector<RewardSample>& samples, double center, int64_t budget) {
  at::Tensor sum = at::zeros({}, wide());
  for (const RewardMicroBatch& batch : pack_rewards(samples, model.config(), budget, wide())) {
    sum = sum + reward_loss(model.scores(model.hidden(batch.tokens).index_select(0, batch.rows)), batch, center);
  }
  return sum;
}

TEST(RewardLoss, IsBradleyTerryOnPairsAndCrossEntropyOnSingleAnswers) {
  for (const Json& json : all_architectures()) {
    const Policy model = character_reward_model(json, at::kDouble);
    const at::NoGradGuard no_grad;
    for (const double center : {0.0, 0.01, 1.0}) {
      for (const auto& samples : {mixed_samples(), std::vector<RewardSample>{random_pair(5)}, {random_point(6)}}) {
        EXPECT_NEAR(packed_loss(model, samples, center, 1000).item<double>(), naive_loss(model, samples, center), 1e-10);
      }
    }
  }
}

TEST(RewardLoss, HandComputedValues) {
  RewardMicroBatch batch;
  batch.margins = at::tensor({0.5}, wide());
  batch.labels = at::tensor({1.0, 0.25}, wide());
  batch.weight = 1.0 / 3;
  const at::Tensor scores = at::tensor({2.0, -1.0, 0.0, 3.0}, wide());
  // log(1 + e^-2.5) = 0.0788897; log 2 = 0.6931472; 0.25 * log(1 + e^-3) + 0.75 * log(1 + e^3) = 2.2985874
  EXPECT_NEAR(reward_loss(scores, batch, 0.0).item<double>(), (0.0788897 + 0.6931472 + 2.2985874) / 3, 1e-6);
  EXPECT_NEAR(reward_loss(scores, batch, 0.1).item<double>(), (0.0788897 + 0.1 * 1.0 + 0.6931472 + 2.2985874) / 3, 1e-6);
}

TEST(RewardLoss, GradientsAreDifferenceQuotients) {
  const auto samples = mixed_samples();
  for (const Json& json : {llama_json(), deepseek_json()}) {
    const Policy model = character_reward_model(json, at::kDouble);
    Policy(model).set_requires_grad(true);
    expect_gradients(model, [&] { return packed_loss(model, samples, 0.3, 1000); });
  }
}

TEST(RewardLoss, GradientDoesNotDependOnHowSamplesArePacked) {
  auto samples = mixed_samples();
  const Policy model = character_reward_model(deepseek_json(), at::kDouble);
  Policy(model).set_requires_grad(true);
  std::vector<at::Tensor> parameters;
  for (const Parameter& p : model.parameters()) parameters.push_back(p.tensor);
  const auto gradient = [&](int64_t budget) {
    return torch::autograd::grad({packed_loss(model, samples, 0.3, budget)}, parameters);
  };
  const auto whole = gradient(10000);
  for (const int64_t budget : {1, 25, 60}) {
    const auto parts = gradient(budget);
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_LE(max_difference(whole[i], parts[i]), 1e-12) << budget;
  }
  std::swap(samples.front(), samples.back());
  const auto turned = gradient(10000);
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_LE(max_difference(whole[i], turned[i]), 1e-12);
}

TEST(RewardLoss, StaysFiniteAndHasItsGradientForScoresFarApart) {
  RewardMicroBatch batch;
  batch.margins = at::zeros({2}, wide());
  batch.labels = at::tensor({1.0, 0.0}, wide());
  batch.weight = 1.0;
  const at::Tensor scores = at::tensor({500.0, -500.0, -500.0, 500.0, -800.0, 800.0}, wide()).set_requires_grad(true);
  const at::Tensor loss = reward_loss(scores, batch, 0.0);
  EXPECT_DOUBLE_EQ(loss.item<double>(), 1000.0 + 800.0 + 800.0);
  loss.backward();
  EXPECT_TRUE(at::allclose(scores.grad(), at::tensor({0.0, 0.0, -1.0, 1.0, -1.0, 1.0}, wide())));
}

TEST(RewardPacking, BothAnswersOfAPairShareAMicroBatchAndEverySampleIsInOne) {
  const Policy model = character_reward_model(llama_json());
  const auto samples = mixed_samples();
  for (const int64_t budget : {1, 25, 60, 1000}) {
    int64_t pairs = 0, points = 0, tokens = 0;
    for (const RewardMicroBatch& batch : pack_rewards(samples, model.config(), budget, at::TensorOptions())) {
      EXPECT_EQ(batch.rows.size(0), 2 * batch.num_pairs() + batch.labels.size(0));
      EXPECT_TRUE(batch.num_tokens() <= budget || batch.num_pairs() + batch.labels.size(0) == 1);
      pairs += batch.num_pairs();
      points += batch.labels.size(0);
      tokens += batch.num_tokens();
    }
    int64_t expected = 0;
    for (const RewardSample& sample : samples) expected += num_tokens(sample);
    EXPECT_EQ(pairs, 4);
    EXPECT_EQ(points, 2);
    EXPECT_EQ(tokens, expected);
  }
}

TEST(RewardStatistics, CountsPairsInOrderAndAnswersOnTheirSideOfZero) {
  RewardMicroBatch batch;
  batch.margins = at::zeros({3});
  batch.labels = at::tensor({1.0, 0.0, 1.0});
  RewardStatistics statistics;
  // A pair in order, one the wrong way round, one undecided; two answers right, one wrong.
  statistics.add(at::tensor({2.0, 1.0, -1.0, 3.0, 0.5, 0.5, 0.1, -0.2, -4.0}), batch);
  Json metrics = Json::object();
  statistics.write(metrics, "eval_");
  EXPECT_DOUBLE_EQ(number(metrics, "eval_accuracy"), 3.0 / 6);
  EXPECT_DOUBLE_EQ(number(metrics, "eval_margin"), (1.0 - 4.0 + 0.0) / 3);
  EXPECT_DOUBLE_EQ(number(metrics, "eval_min_reward"), -4.0);
  EXPECT_DOUBLE_EQ(number(metrics, "eval_max_reward"), 3.0);
  EXPECT_NEAR(number(metrics, "eval_mean_reward"), (2.0 + 1 - 1 + 3 + 0.5 + 0.5 + 0.1 - 0.2 - 4) / 9, 1e-7);
}

TEST(RewardEvaluation, IsTheLossOfTheSamplesWithoutGradients) {
  const Policy model = character_reward_model(qwen2_json(), at::kDouble);
  Policy(model).set_requires_grad(true);
  const Json metrics = evaluate_rewards(model, mixed_samples(), 0.2, 30, "eval_");
  EXPECT_NEAR(number(metrics, "eval_loss"), naive_loss(model, mixed_samples(), 0.2), 1e-10);
  for (const Parameter& p : model.parameters()) EXPECT_FALSE(p.tensor.grad().defined());
}

}  // namespace
}  // namespace grpo
