// Accuracy by hand on groups written by hand, and that looking changes nothing.

#include "grpo/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "policy/io/checkpoint.h"
#include "tests/grpo/tiny_training.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

using namespace testing;

// A sample with the text and the value its first reward gave it; none: the reward did not apply.
Episode sample(const std::string& text, std::optional<double> value, int64_t length = 4) {
  Episode episode;
  episode.completion = text;
  episode.completion_ids.assign(static_cast<size_t>(length), 1);
  episode.finish_reason = FinishReason::kEos;
  Score score;
  score.value = value;
  episode.scores = {score};
  episode.reward = value;
  return episode;
}

Group group_of(std::vector<Episode> episodes) {
  Group group;
  group.episodes = std::move(episodes);
  return group;
}

std::string answer(const std::string& text) {
  return "<think></think><answer>" + text + "</answer>";
}

TEST(Evaluate, PassAtOneIsTheMeanOfSharesWithTheStandardErrorOverProblems) {
  const EvalResult result = summarize({
      group_of({sample("a", 1.0), sample("b", 0.0), sample("c", 0.0), sample("d", 0.0)}),  // 1/4
      group_of({sample("a", 1.0), sample("b", 1.0), sample("c", 0.0),
                sample("d", 1.5)}),  // 3/4: more than 1 counts
      group_of({sample("a", 0.9), sample("b", 0.0), sample("c", 0.0),
                sample("d", 0.0)}),  // 0: less than 1 does not
  });
  EXPECT_EQ(result.num_problems, 3);
  EXPECT_EQ(result.num_samples, 12);
  EXPECT_EQ(result.num_unjudged, 0);
  const double mean = 1.0 / 3.0;
  const double variance =
      (std::pow(0.25 - mean, 2) + std::pow(0.75 - mean, 2) + std::pow(0.0 - mean, 2)) / 2.0;
  EXPECT_NEAR(result.pass_at_1, mean, 1e-12);
  EXPECT_NEAR(result.pass_at_1_stderr, std::sqrt(variance / 3.0), 1e-12);
  EXPECT_NEAR(result.pass_at_k, 2.0 / 3.0, 1e-12);
  EXPECT_NEAR(result.reward, (1.0 + 3.5 + 0.9) / 12.0, 1e-12);
}

TEST(Evaluate, MajorityIsOfTheTaggedAnswersAndElseOfTheWholeText) {
  const EvalResult result = summarize({
      // Two of three agree, thoughts aside, and are right.
      group_of({sample("x" + answer("7"), 1.0), sample("y" + answer("7"), 1.0), sample(answer("8"), 0.0)}),
      // The majority is wrong though one sample is right.
      group_of({sample(answer("3"), 0.0), sample(answer("3"), 0.0), sample(answer("4"), 1.0)}),
      // No tags: whole texts.
      group_of({sample("12", 1.0), sample("12", 1.0), sample("13", 0.0)}),
      // A tie goes to the first in byte order, here the wrong one.
      group_of({sample(answer("9"), 1.0), sample(answer("1"), 0.0)}),
  });
  EXPECT_NEAR(result.maj_at_k, 2.0 / 4.0, 1e-12);
  EXPECT_NEAR(result.pass_at_k, 1.0, 1e-12);
}

TEST(Evaluate, UnjudgedSamplesAreCountedApartAndInNoMean) {
  Episode skipped = sample("b", std::nullopt, 100);
  skipped.scores[0].status = ScoreStatus::kSkip;
  Episode failed = sample("c", std::nullopt, 100);
  failed.finish_reason = FinishReason::kLength;
  Episode cut = sample("d", 0.0, 8);
  cut.finish_reason = FinishReason::kLength;
  const EvalResult result =
      summarize({group_of({sample("a", 1.0, 4), skipped, failed, cut}), group_of({skipped})});
  EXPECT_EQ(result.num_problems, 1);
  EXPECT_EQ(result.num_samples, 2);
  EXPECT_EQ(result.num_unjudged, 3);
  EXPECT_EQ(result.pass_at_1, 0.5);
  EXPECT_EQ(result.pass_at_1_stderr, 0.0);
  EXPECT_EQ(result.mean_length, 6.0);
  EXPECT_EQ(result.clipped_ratio, 0.5);
  EXPECT_EQ(result.reward, 0.5);
}

TEST(Evaluate, WithoutAJudgedSampleEveryMeanIsNan) {
  const EvalResult result = summarize({group_of({sample("a", std::nullopt)})});
  EXPECT_EQ(result.num_problems, 0);
  const Json metrics = eval_metrics(result, "eval_");
  for (const char* key : {"accuracy", "accuracy_stderr", "pass@k", "maj@k", "reward",
                          "completions/mean_length", "completions/clipped_ratio"}) {
    EXPECT_TRUE(std::isnan(number(metrics, std::string("eval_") + key))) << key;
  }
  EXPECT_EQ(number(metrics, "eval_num_unjudged"), 1.0);
}

EvalOptions tiny_eval() {
  EvalOptions options;
  options.num_samples = 3;
  options.sampling.max_tokens = 10;
  options.seed = 5;
  return options;
}

std::vector<Problem> some_problems() {
  std::vector<Problem> problems;
  for (int64_t n = 30; n < 36; ++n) problems.push_back(sum_problem(n));
  return problems;
}

TEST(Evaluate, NeverChangesWhatTrainingDoes) {
  TrainerOptions options = tiny_options();
  options.num_iterations = 2;  // so that it also looks in the middle of a rollout
  options.router_bias_update_rate = 0.01;
  options.loss.beta = 0.01;
  std::vector<Json> metrics[2];
  std::vector<NamedTensor> weights[2];
  for (const bool evaluating : {false, true}) {
    Policy policy = character_policy(deepseek_json());
    Trainer trainer(policy, &characters(), evenness(), options, 3);
    for (int step = 0; step < 4; ++step) {
      metrics[evaluating].push_back(without_times(trainer.step(sum_problem)));
      if (evaluating) evaluate(policy, &characters(), evenness(), some_problems(), tiny_eval());
    }
    weights[evaluating] = weights_of(policy);
  }
  EXPECT_EQ(metrics[0], metrics[1]);
  EXPECT_EQ(changed(weights[0], weights[1]), "");
}

TEST(Evaluate, SaysTheSameOfAPolicyInTrainingAndOfItsSavedCheckpoint) {
  Policy policy = character_policy(deepseek_json());
  Trainer trainer(policy, &characters(), evenness(), tiny_options(), 4);
  trainer.step(sum_problem);
  std::vector<Group> in_run, offline, other;
  const EvalResult result =
      evaluate(policy, &characters(), evenness(), some_problems(), tiny_eval(), &in_run);
  const TemporaryFolder folder;
  save_checkpoint(policy, {}, folder.path());
  const Checkpoint saved = load_checkpoint(folder.path(), std::nullopt, at::kCPU);
  const EvalResult again =
      evaluate(saved.policy, &characters(), evenness(), some_problems(), tiny_eval(), &offline);
  EXPECT_EQ(eval_metrics(result, ""), eval_metrics(again, ""));
  EvalOptions seeded = tiny_eval();
  seeded.seed = 6;
  evaluate(policy, &characters(), evenness(), some_problems(), seeded, &other);
  ASSERT_EQ(in_run.size(), 6u);
  size_t equal = 0;
  for (size_t g = 0; g < in_run.size(); ++g) {
    ASSERT_EQ(in_run[g].episodes.size(), 3u);
    for (size_t e = 0; e < 3; ++e) {
      EXPECT_EQ(in_run[g].episodes[e].completion_ids, offline[g].episodes[e].completion_ids);
      EXPECT_EQ(in_run[g].episodes[e].scores.size(), 1u);
      equal += in_run[g].episodes[e].completion_ids == other[g].episodes[e].completion_ids;
    }
  }
  EXPECT_LT(equal, 6u) << "the seed of an evaluation does nothing";
}

}  // namespace
}  // namespace grpo
