// One training step against what the papers say it is: the loss and the gradient by hand, the
// log-probabilities of sampler, trainer and reference, and what happens to samples that cannot be learnt
// from.

#include "grpo/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "tests/grpo/tiny_training.h"
#include "tests/reference/naive_grpo.h"
#include "tests/reference/naive_policy.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

std::vector<int64_t> whole(const Episode& episode) {
  std::vector<int64_t> ids = episode.prompt_ids;
  ids.insert(ids.end(), episode.completion_ids.begin(), episode.completion_ids.end());
  return ids;
}

// Advantages by the textbook from the rewards in the episodes.
std::vector<double> naive_advantages(const Group& group) {
  std::vector<double> rewards;
  for (const Episode& episode : group.episodes) rewards.push_back(episode.reward.value());
  return reference::advantages(rewards, 1, 1e-4);
}

// The gradient of the first update on a rollout, one sequence at a time and from whole logits:
// -sum_i w_i A_i sum_t log pi(t), over every token of the samples to keep, the one that ended the sample
// included.
std::vector<at::Tensor> naive_gradients(
    const Policy& start, const std::vector<Group>& groups, LossAggMode type,
    const std::function<bool(const Episode&)>& keep = [](const Episode&) { return true; }) {
  Policy policy = start.clone();
  policy.set_requires_grad(true);
  double tokens = 0, sequences = 0;
  for (const Group& group : groups) {
    for (const Episode& episode : group.episodes) {
      if (!keep(episode)) continue;
      tokens += static_cast<double>(episode.completion_ids.size());
      ++sequences;
    }
  }
  for (const Group& group : groups) {
    const std::vector<double> advantages = naive_advantages(group);
    for (size_t i = 0; i < group.episodes.size(); ++i) {
      const Episode& episode = group.episodes[i];
      if (!keep(episode)) continue;
      const auto prompt = static_cast<int64_t>(episode.prompt_ids.size());
      const auto length = static_cast<int64_t>(episode.completion_ids.size());
      const at::Tensor logits = policy.logits(policy.hidden(pack_sequences({whole(episode)}, at::kCPU)));
      const at::Tensor targets = at::tensor(episode.completion_ids, at::kLong).unsqueeze(1);
      const at::Tensor logprobs = logits.narrow(0, prompt - 1, length).log_softmax(-1).gather(1, targets);
      const double weight =
          type == LossAggMode::kTokenMean ? 1.0 / tokens : 1.0 / (sequences * static_cast<double>(length));
      (logprobs.sum() * (-weight * advantages[i])).backward();
    }
  }
  std::vector<at::Tensor> gradients;
  for (const Parameter& p : policy.parameters()) {
    const at::Tensor& grad = p.tensor.grad();
    gradients.push_back(grad.defined() ? grad : at::zeros_like(p.tensor));
  }
  return gradients;
}

// The gradient that the first step has given the optimizer: its first moment is 0.1 of it.
std::vector<at::Tensor> first_gradients(const Trainer& trainer, const Policy& policy) {
  const TemporaryFolder folder;
  trainer.save(folder.path());
  const SafetensorsReader reader(folder.file("optimizer.safetensors"));
  std::vector<at::Tensor> gradients;
  for (const Parameter& p : policy.parameters()) gradients.push_back(reader.read("exp_avg." + p.name) / 0.1);
  return gradients;
}

double worst(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  double difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference = std::max(difference, max_difference(a[i], b[i]));
  return difference;
}

double largest(const std::vector<at::Tensor>& a) {
  double size = 0;
  for (const at::Tensor& t : a) size = std::max(size, t.abs().max().item<double>());
  return size;
}

// Mean entropy of the sampled positions under softmax(logits / temperature), from the oracle.
double naive_entropy(const reference::NaivePolicy& policy, const std::vector<Group>& groups,
                     double temperature) {
  double sum = 0, tokens = 0;
  for (const Group& group : groups) {
    for (const Episode& episode : group.episodes) {
      const auto prompt = static_cast<int64_t>(episode.prompt_ids.size());
      const auto length = static_cast<int64_t>(episode.completion_ids.size());
      const at::Tensor logp =
          (policy.logits(whole(episode)).narrow(0, prompt - 1, length) / temperature).log_softmax(-1);
      sum -= (logp.exp() * logp).sum().item<double>();
      tokens += static_cast<double>(length);
    }
  }
  return sum / tokens;
}

// sum_i L_i A_i / sum_i L_i.
double length_weighted_advantage(const std::vector<Group>& groups) {
  double sum = 0, tokens = 0;
  for (const Group& group : groups) {
    const std::vector<double> advantages = naive_advantages(group);
    for (size_t i = 0; i < group.episodes.size(); ++i) {
      const auto length = static_cast<double>(group.episodes[i].completion_ids.size());
      sum += advantages[i] * length;
      tokens += length;
    }
  }
  return sum / tokens;
}

TEST(TrainerStep, FirstLossIsMinusTheWeightedAdvantageWithKlZeroAndRatioOne) {
  for (const LossAggMode type : {LossAggMode::kSeqMeanTokenMean, LossAggMode::kTokenMean}) {
    Policy policy = character_policy(llama_json());
    TrainerOptions options = tiny_options();
    options.packing.loss_agg_mode = type;
    options.loss.beta = 0.04;
    Trainer trainer(policy, &characters(), evenness(), options, 1);
    const Json metrics = trainer.step(sum_problem);
    EXPECT_EQ(number(metrics, "kl"), 0.0);
    EXPECT_EQ(number(metrics, "policy_ratio/min"), 1.0);
    EXPECT_EQ(number(metrics, "policy_ratio/max"), 1.0);
    EXPECT_EQ(number(metrics, "clip_ratio/region_mean"), 0.0);
    EXPECT_GT(number(metrics, "grad_norm"), 1e-3);
    const double expected = type == LossAggMode::kSeqMeanTokenMean ? 0.0 : -length_weighted_advantage(trainer.groups());
    EXPECT_NEAR(number(metrics, "loss"), expected, 1e-6);
    if (type == LossAggMode::kTokenMean) {
      EXPECT_GT(std::abs(expected), 1e-3) << "lengths and advantages of the fixture do not correlate";
    }
  }
}

TEST(TrainerStep, SamplerAndTrainerLogProbsAreTheSameBitsForGqaAndCloseForMla) {
  for (const Json& json : all_architectures()) {
    const bool gqa = !json["model_type"].get<std::string>().starts_with("deepseek");
    for (const double temperature : {1.0, 0.7}) {
      Policy policy = character_policy(json);
      TrainerOptions options = tiny_options();
      options.sampling.temperature = temperature;
      Trainer trainer(policy, &characters(), evenness(), options, 2);
      const Json metrics = trainer.step(sum_problem);
      EXPECT_LE(number(metrics, "sampling/sampling_logp_difference/max"), gqa ? 0.0 : 1e-5)
          << json["model_type"];
      EXPECT_NEAR(number(metrics, "sampling/importance_sampling_ratio/mean"), 1.0, gqa ? 0.0 : 1e-5);
    }
  }
}

TEST(TrainerStep, TruncatedSamplingIsMeasuredAgainstTheWholeDistribution) {
  Policy policy = character_policy(llama_json());
  TrainerOptions options = tiny_options();
  options.sampling.top_k = 3;
  options.sampling.top_p = 0.8;
  Trainer trainer(policy, &characters(), evenness(), options, 2);
  const Json metrics = trainer.step(sum_problem);
  EXPECT_EQ(number(metrics, "sampling/sampling_logp_difference/max"), 0.0);
}

TEST(TrainerStep, TemperatureDividesTheLogitsOfPolicyOldReferenceAndEntropyAlike) {
  Policy policy = character_policy(qwen2_json());
  const reference::NaivePolicy naive(policy);
  TrainerOptions options = tiny_options();
  options.sampling.temperature = 0.6;
  options.loss.beta = 0.1;
  options.num_iterations = 2;  // so that old log-probs are computed
  Trainer trainer(policy, &characters(), evenness(), options, 3);
  const Json metrics = trainer.step(sum_problem);
  EXPECT_EQ(number(metrics, "kl"), 0.0);                // reference
  EXPECT_EQ(number(metrics, "policy_ratio/min"), 1.0);  // old
  EXPECT_EQ(number(metrics, "policy_ratio/max"), 1.0);
  EXPECT_NEAR(number(metrics, "entropy"), naive_entropy(naive, trainer.groups(), 0.6), 1e-5);
  EXPECT_GT(std::abs(number(metrics, "entropy") - naive_entropy(naive, trainer.groups(), 1.0)), 1e-2);
  const Episode& episode = trainer.groups().front().episodes.front();  // policy
  const auto prompt = static_cast<int64_t>(episode.prompt_ids.size());
  const at::Tensor logp = (naive.logits(whole(episode)) / 0.6).log_softmax(-1);
  for (size_t t = 0; t < episode.completion_ids.size(); ++t) {
    const double expected =
        logp[prompt - 1 + static_cast<int64_t>(t)][episode.completion_ids[t]].item<double>();
    EXPECT_NEAR(episode.behaviour_logprobs[t], expected, 1e-5);
  }
}

// The whole step at once: ids as sampled (a stop string is cut from the text only), the end token inside the
// mask, advantages, weights, packing, masks. Float64, so that only a wrong formula can differ.
TEST(TrainerStep, GradientIsThatOfTheSampledIdsVerbatimEndTokenAndStopStringIncluded) {
  for (const Json& json : {llama_json(), deepseek_json()}) {
    for (const LossAggMode type : {LossAggMode::kSeqMeanTokenMean, LossAggMode::kTokenMean}) {
      Policy policy = character_policy(json, at::kDouble, 3);
      const Policy start = policy.clone();
      TrainerOptions options = tiny_options();
      options.packing.loss_agg_mode = type;
      options.optimizer.max_grad_norm = 0;
      options.sampling.stop_strings = {"7"};
      Trainer trainer(policy, &characters(), evenness(), options, 4);
      const Json metrics = trainer.step(sum_problem);
      std::set<FinishReason> endings;
      for (const Group& group : trainer.groups()) {
        for (const Episode& episode : group.episodes) {
          endings.insert(episode.finish_reason);
          EXPECT_EQ(episode.loss_mask, std::vector<uint8_t>(episode.completion_ids.size(), 1));
          if (episode.finish_reason == FinishReason::kEos) {
            EXPECT_EQ(episode.completion_ids.back(), kEos);
          }
          if (episode.finish_reason == FinishReason::kStop) {
            EXPECT_EQ(episode.completion_ids.back(), 7);
            EXPECT_EQ(episode.completion.find('7'), std::string::npos);
          }
        }
      }
      EXPECT_EQ(endings, (std::set{FinishReason::kEos, FinishReason::kStop, FinishReason::kLength}));
      const auto expected = naive_gradients(start, trainer.groups(), type);
      const auto actual = first_gradients(trainer, policy);
      EXPECT_GT(largest(expected), 1e-2);
      EXPECT_LE(worst(actual, expected), 1e-9) << json["model_type"];
      double squares = 0;
      for (const at::Tensor& g : expected) squares += g.square().sum().item<double>();
      EXPECT_NEAR(number(metrics, "grad_norm"), std::sqrt(squares), 1e-9);
    }
  }
}

TEST(TrainerStep, GradientScaleDoesNotDependOnHowManyStepsShareARollout) {
  std::vector<at::Tensor> gradients[2];
  for (const int64_t steps : {1, 2}) {
    Policy policy = character_policy(llama_json(), at::kDouble);
    TrainerOptions options = tiny_options();
    options.steps_per_generation = steps;
    options.optimizer.max_grad_norm = 0;
    options.optimizer.adam_beta1 = 0.9;
    options.schedule.learning_rate = 1e-300;  // the second step of a rollout then has the first one's weights
    Trainer trainer(policy, &characters(), evenness(), options, 5);
    for (int64_t i = 0; i < steps; ++i) trainer.step(sum_problem);
    gradients[steps - 1] = first_gradients(trainer, policy);
    if (steps == 2) {
      // exp_avg = 0.9 * 0.1 * g1 + 0.1 * g2; the groups of each step are known, so g2 can be taken off.
      const std::vector<Group> second(trainer.groups().begin() + 3, trainer.groups().end());
      const auto g2 = naive_gradients(policy, second, LossAggMode::kTokenMean);
      for (size_t i = 0; i < g2.size(); ++i) gradients[1][i] = (gradients[1][i] - g2[i]) / 0.9;
    }
  }
  EXPECT_GT(largest(gradients[0]), 1e-2);
  EXPECT_LE(worst(gradients[0], gradients[1]), 1e-9);
}

TEST(TrainerStep, EqualRewardsLeaveEveryWeightAsItIs) {
  for (const Json& json : {qwen2_json(), deepseek_json()}) {
    Policy policy = character_policy(json);
    const auto before = weights_of(policy);
    Trainer trainer(policy, &characters(), rubric_of([](const Episode&) { return 0.3; }), tiny_options(), 6);
    for (int step = 0; step < 3; ++step) {
      const Json metrics = trainer.step(sum_problem);
      EXPECT_EQ(number(metrics, "frac_reward_zero_std"), 1.0);
      EXPECT_EQ(number(metrics, "grad_norm"), 0.0);
      EXPECT_EQ(number(metrics, "loss"), 0.0);
    }
    EXPECT_EQ(changed(before, weights_of(policy)), "");
  }
}

// Trainer::probe takes a pass over long samples before the first step. The steps after it are those of a trainer that
// took none, to the last bit: with expert loads that move router biases, an entropy bonus that follows its target, counts of
// tokens, and a reference.
TEST(TrainerStep, ThePassThatIsTriedFirstLeavesNoTrace) {
  for (const Json& json : {qwen2_json(), deepseek_json()}) {
    const bool moe = json["model_type"] == "deepseek_v3";
    std::vector<Json> metrics[2];
    std::vector<NamedTensor> weights[2];
    for (const bool tried : {false, true}) {
      Policy policy = character_policy(json);
      TrainerOptions options = tiny_options();
      options.loss.beta = 0.05;
      options.loss.top_entropy_quantile = 0.8;
      options.loss.entropy_bonus = {.coef = 0.01, .adaptive = true, .target = 1.0};
      if (moe) options.router_bias_update_rate = 1e-3;
      Trainer trainer(policy, &characters(), evenness(), options, 6, policy.clone());
      if (tried) {
        const auto before = weights_of(policy);
        EXPECT_EQ(trainer.probe(5), 60) << "four samples of 15 tokens";
        EXPECT_EQ(changed(before, weights_of(policy)), "");
      }
      for (int step = 0; step < 3; ++step) metrics[tried].push_back(without_times(trainer.step(sum_problem)));
      weights[tried] = weights_of(policy);
    }
    EXPECT_EQ(metrics[0], metrics[1]);
    EXPECT_EQ(changed(weights[0], weights[1]), "");
  }
}

TEST(TrainerStep, ABatchWithoutATrainedTokenSkipsTheOptimizer) {
  Policy policy = character_policy(llama_json());
  TrainerOptions options = tiny_options();
  options.mask_truncated_completions = true;
  options.sampling.ignore_eos = true;  // every sample runs into the limit
  options.optimizer.weight_decay = 0.1;
  options.nonfinite_steps_max = 2;  // nothing is broken, so this must not stop it
  const auto before = weights_of(policy);
  Trainer trainer(policy, &characters(), evenness(), options, 7);
  for (int step = 0; step < 3; ++step) {
    const Json metrics = trainer.step(sum_problem);
    EXPECT_EQ(number(metrics, "loss"), 0.0);
    EXPECT_EQ(number(metrics, "grad_norm"), 0.0);
    EXPECT_EQ(number(metrics, "completions/clipped_ratio"), 1.0);
    EXPECT_EQ(number(metrics, "skipped_steps"), 0.0);
  }
  EXPECT_EQ(changed(before, weights_of(policy)), "");
  const TemporaryFolder folder;
  trainer.save(folder.path());
  EXPECT_EQ(read_json_file(folder.file("state.json"))["optimizer_steps"], 0);
}

TEST(TrainerStep, TruncatedSamplesThatAreMaskedGiveNoGradientButCountInTheirGroup) {
  Policy policy = character_policy(llama_json(), at::kDouble, 3);
  const Policy start = policy.clone();
  TrainerOptions options = tiny_options();
  options.mask_truncated_completions = true;
  options.optimizer.max_grad_norm = 0;
  Trainer trainer(policy, &characters(), evenness(), options, 8);
  trainer.step(sum_problem);
  int64_t masked = 0, kept = 0;
  for (const Group& group : trainer.groups()) {
    for (const Episode& episode : group.episodes) {
      (truncated(episode) ? masked : kept) += 1;
      EXPECT_EQ(episode.loss_mask, std::vector<uint8_t>(episode.completion_ids.size(), !truncated(episode)));
    }
  }
  ASSERT_GT(masked, 0);
  ASSERT_GT(kept, 0);
  const auto expected = naive_gradients(start, trainer.groups(), LossAggMode::kTokenMean,
                                        [](const Episode& episode) { return !truncated(episode); });
  EXPECT_GT(largest(expected), 1e-2);
  EXPECT_LE(worst(first_gradients(trainer, policy), expected), 1e-9);
}

TEST(TrainerStep, ASampleWithoutRewardIsLeftOutAndTheOthersLearn) {
  Policy policy = character_policy(llama_json());
  const Rubric rubric = rubric_of([](const Episode& episode) {
    if (episode.sample_index == 1) return std::numeric_limits<double>::quiet_NaN();  // becomes an error score
    return static_cast<double>(episode.completion_ids.front());
  });
  Trainer trainer(policy, &characters(), rubric, tiny_options(), 9);
  const Json metrics = trainer.step(sum_problem);
  EXPECT_EQ(number(metrics, "rewards/test/error"), 3.0);
  EXPECT_EQ(number(metrics, "rewards/masked"), 3.0);
  EXPECT_GT(number(metrics, "grad_norm"), 0.0);
  for (const Group& group : trainer.groups()) {
    const Episode& masked = group.episodes[1];
    EXPECT_FALSE(masked.reward.has_value());
    EXPECT_EQ(masked.advantage, 0.0);
    EXPECT_EQ(masked.loss_mask, std::vector<uint8_t>(masked.completion_ids.size(), 0));
    std::vector<double> rewards, advantages;
    for (const int i : {0, 2, 3}) {
      rewards.push_back(*group.episodes[static_cast<size_t>(i)].reward);
      advantages.push_back(group.episodes[static_cast<size_t>(i)].advantage);
    }
    const std::vector<double> expected = reference::advantages(rewards, 1, 1e-4);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(advantages[i], expected[i], 1e-12);
  }
}

TEST(TrainerStep, LengthMetricsCountSamplesAndThoseThatEndedByThemselves) {
  Policy policy = character_policy(llama_json(), at::kFloat, 3);
  Trainer trainer(policy, &characters(), evenness(), tiny_options(), 10);
  const Json metrics = trainer.step(sum_problem);
  std::vector<double> all, ended;
  for (const Group& group : trainer.groups()) {
    for (const Episode& episode : group.episodes) {
      all.push_back(static_cast<double>(episode.completion_ids.size()));
      if (episode.completion_ids.back() == kEos) ended.push_back(all.back());
    }
  }
  ASSERT_FALSE(ended.empty());
  ASSERT_LT(ended.size(), all.size());
  auto mean = [](const std::vector<double>& v) {
    return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
  };
  EXPECT_DOUBLE_EQ(number(metrics, "completions/mean_length"), mean(all));
  EXPECT_EQ(number(metrics, "completions/max_length"), *std::max_element(all.begin(), all.end()));
  EXPECT_EQ(number(metrics, "completions/min_length"), *std::min_element(all.begin(), all.end()));
  EXPECT_DOUBLE_EQ(number(metrics, "completions/mean_terminated_length"), mean(ended));
  EXPECT_EQ(number(metrics, "completions/max_terminated_length"),
            *std::max_element(ended.begin(), ended.end()));
  EXPECT_DOUBLE_EQ(number(metrics, "completions/clipped_ratio"),
                   1.0 - static_cast<double>(ended.size()) / static_cast<double>(all.size()));
  EXPECT_EQ(number(metrics, "num_tokens"), 3 * 4 * 4 + std::accumulate(all.begin(), all.end(), 0.0));
}

}  // namespace
}  // namespace grpo
