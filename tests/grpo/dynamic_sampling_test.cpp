// Dynamic sampling: groups without a difference make room for others, for so many rounds.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <set>

#include "tests/grpo/tiny_training.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

// All samples differ in their log-probability, but for problems whose rewards are all 1.
Rubric varied_where(const std::function<bool(int64_t problem_id)>& varies) {
  return rubric_of([varies](const Episode& episode) {
    double sum = 0.0;
    for (const float logprob : episode.behaviour_logprobs) sum += logprob;
    return varies(episode.problem_id) ? sum : 1.0;
  });
}

TrainerOptions dynamic_options(int64_t rounds = 4) {
  TrainerOptions options = tiny_options();
  options.dynamic_sampling = true;
  options.dynamic_sampling_rounds = rounds;
  return options;
}

std::vector<int64_t> ids_of(const Trainer& trainer) {
  std::vector<int64_t> ids;
  for (const Group& group : trainer.groups()) ids.push_back(group.problem.id);
  return ids;
}

TEST(DynamicSampling, ReplacesGroupsOfEqualRewardsByTheNextProblems) {
  Policy policy = character_policy(llama_json());
  int64_t drawn = 0;
  Trainer trainer(policy, &characters(), varied_where([](int64_t id) { return id % 3 == 0; }),
                  dynamic_options(), 51);
  const auto draw = [&](int64_t n) {
    EXPECT_EQ(n, drawn++);
    return sum_problem(n);
  };
  // 0 1 2, then 3 4, then 5, then 6.
  const Json metrics = trainer.step(draw);
  EXPECT_EQ(ids_of(trainer), (std::vector<int64_t>{0, 3, 6}));
  EXPECT_EQ(drawn, 7);
  EXPECT_EQ(number(metrics, "rollout/rounds"), 4.0);
  EXPECT_EQ(number(metrics, "rollout/groups"), 3.0);
  EXPECT_EQ(number(metrics, "rollout/filtered_groups"), 4.0);
  EXPECT_EQ(number(metrics, "frac_reward_zero_std"), 4.0 / 7.0) << "of all that was sampled";
  for (const Group& group : trainer.groups()) EXPECT_TRUE(informative(group, {}));
  trainer.step(draw);
  EXPECT_EQ(ids_of(trainer).front(), 9) << "the next step goes on in the stream";
}

TEST(DynamicSampling, WhereEveryGroupIsInformativeNothingChanges) {
  const Policy start = character_policy(llama_json());
  std::vector<std::vector<NamedTensor>> weights;
  for (const bool dynamic : {false, true}) {
    Policy policy = start.clone();
    TrainerOptions options = dynamic_options();
    options.dynamic_sampling = dynamic;
    Trainer trainer(policy, &characters(), varied_where([](int64_t) { return true; }), options, 52);
    for (int step = 0; step < 2; ++step) {
      const Json metrics = trainer.step(sum_problem);
      EXPECT_EQ(metrics.contains("rollout/rounds"), dynamic);
      EXPECT_EQ(metrics.value("rollout/rounds", 1.0), 1.0);
    }
    weights.push_back(weights_of(policy));
  }
  EXPECT_EQ(changed(weights[0], weights[1]), "");
}

TEST(DynamicSampling, EndsAfterItsRoundsWithRewardsThatNeverVaryAndChangesNothing) {
  Policy policy = character_policy(llama_json());
  const auto before = weights_of(policy);
  int64_t drawn = 0;
  TrainerOptions options = dynamic_options(3);
  options.loss.beta = 0.01;
  Trainer trainer(policy, &characters(), varied_where([](int64_t) { return false; }), options, 53);
  for (int step = 1; step <= 7; ++step) {  // more than nonfinite_steps_max: nothing is wrong with the policy
    const Json metrics = trainer.step([&](int64_t n) {
      ++drawn;
      return sum_problem(n);
    });
    EXPECT_EQ(drawn, 9 * step);
    EXPECT_EQ(trainer.steps_done(), step);
    EXPECT_EQ(number(metrics, "rollout/rounds"), 3.0);
    EXPECT_EQ(number(metrics, "rollout/groups"), 0.0);
    EXPECT_EQ(number(metrics, "rollout/filtered_groups"), 9.0);
    EXPECT_EQ(number(metrics, "reward"), 1.0);
    EXPECT_EQ(number(metrics, "grad_norm"), 0.0);
    EXPECT_EQ(number(metrics, "skipped_steps"), 0.0);
    EXPECT_TRUE(trainer.groups().empty());
  }
  EXPECT_EQ(changed(before, weights_of(policy)), "");
}

TEST(DynamicSampling, DenominatorsAreThoseOfTheGroupsReallyUsed) {
  // Of problems 0, 1, 2, ... only 1 has anything to teach: the step equals one of a single prompt, for every
  // loss.
  const Policy start = character_policy(llama_json());
  for (const LossAggMode type : {LossAggMode::kSeqMeanTokenMean, LossAggMode::kTokenMean, LossAggMode::kSeqMeanTokenSumNorm}) {
    TrainerOptions options = dynamic_options(2);
    options.packing.loss_agg_mode = type;
    Policy policy = start.clone();
    Trainer trainer(policy, &characters(), varied_where([](int64_t id) { return id == 1; }), options, 54);
    const Json metrics = trainer.step(sum_problem);
    EXPECT_EQ(ids_of(trainer), (std::vector<int64_t>{1}));

    options.dynamic_sampling = false;
    options.prompts_per_step = 1;
    Policy other = start.clone();
    Trainer single(other, &characters(), varied_where([](int64_t) { return true; }), options, 54);
    const Json expected = single.step([](int64_t n) { return sum_problem(n + 1); });
    EXPECT_EQ(number(metrics, "grad_norm"), number(expected, "grad_norm"));
    EXPECT_GT(number(metrics, "grad_norm"), 0.0);
    EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
    EXPECT_NE(changed(weights_of(policy), weights_of(start)), "");
  }
}

TEST(DynamicSampling, StepsOfASmallRolloutShareItsGroups) {
  Policy policy = character_policy(llama_json());
  TrainerOptions options = dynamic_options(2);
  options.steps_per_generation = 2;
  options.num_iterations = 2;
  // 0 to 5, then four more: 0, 3 and 6 and 9 of 6 wanted.
  Trainer trainer(policy, &characters(), varied_where([](int64_t id) { return id % 3 == 0; }), options, 55);
  std::vector<double> tokens = {0.0};
  for (int step = 0; step < 4; ++step) {
    const Json metrics = trainer.step(sum_problem);
    EXPECT_GT(number(metrics, "grad_norm"), 0.0) << step;
    tokens.push_back(number(metrics, "num_tokens"));
  }
  ASSERT_EQ(ids_of(trainer), (std::vector<int64_t>{0, 3, 6, 9}));
  std::vector<double> of_group;
  for (const Group& group : trainer.groups()) {
    double sum = 0.0;
    for (const Episode& e : group.episodes)
      sum += static_cast<double>(e.prompt_ids.size() + e.completion_ids.size());
    of_group.push_back(sum);
  }
  const double first = of_group[0] + of_group[1], second = of_group[2] + of_group[3];
  EXPECT_EQ(tokens,
            (std::vector<double>{0, first, first + second, 2 * first + second, 2 * first + 2 * second}));
}

TEST(DynamicSampling, AProblemThatComesAgainIsSampledAnew) {
  Policy policy = character_policy(llama_json());
  std::mutex mutex;
  std::multiset<uint64_t> seeds;
  const Rubric rubric = rubric_of([&](const Episode& episode) {
    const std::lock_guard lock(mutex);
    seeds.insert(episode.seed);
    return 1.0;
  });
  TrainerOptions options = dynamic_options(3);
  options.prompts_per_step = 1;
  Trainer trainer(policy, &characters(), rubric, options, 56);
  trainer.step([](int64_t) { return sum_problem(0); });
  EXPECT_EQ(seeds.size(), 12u);
  EXPECT_EQ(std::set<uint64_t>(seeds.begin(), seeds.end()).size(), 12u);
}

TEST(DynamicSampling, ARunGoesOnAfterAStopToTheLastBit) {
  const Rubric rubric = varied_where([](int64_t id) { return id % 3 == 0; });
  const TrainerOptions options = dynamic_options(3);
  const TemporaryFolder middle;
  Policy policy = character_policy(llama_json());
  Trainer trainer(policy, &characters(), rubric, options, 57);
  for (int step = 0; step < 2; ++step) trainer.step(sum_problem);
  trainer.save(middle.path());
  Policy other = character_policy(llama_json(), at::kFloat, 99);
  Trainer second(other, &characters(), rubric, options, 57);
  second.restore(middle.path());
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(without_times(trainer.step(sum_problem)), without_times(second.step(sum_problem)));
    EXPECT_EQ(ids_of(trainer), ids_of(second));
  }
  EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
}

TEST(DynamicSampling, APolicyWithoutFiniteLogitsStillStopsTheRunAndIsNotAskedAgain) {
  Policy policy = character_policy(llama_json());
  {
    const at::NoGradGuard no_grad;
    at::Tensor(policy.parameters().back().tensor).fill_(std::numeric_limits<float>::quiet_NaN());
  }
  TrainerOptions options = dynamic_options();
  options.nonfinite_steps_max = 2;
  Trainer trainer(policy, &characters(), varied_where([](int64_t) { return true; }), options, 58);
  const Json metrics = trainer.step(sum_problem);
  EXPECT_EQ(number(metrics, "rollout/rounds"), 1.0);
  EXPECT_EQ(number(metrics, "skipped_steps"), 1.0);
  EXPECT_TRUE(holds(error_of([&] { trainer.step(sum_problem); }).summary(), "2 optimizer steps in a row"));
}

TEST(DynamicSampling, ItsOptionsAreReadAndRefusedByName) {
  const auto read = [](const std::string& keys) {
    const Json json = parse_json("{\"max_steps\": 3, " + keys + "}", "test");
    ObjectReader reader(json, "recipe.json");
    return read_trainer_options(reader);
  };
  const TrainerOptions options = read(R"("dynamic_sampling": true, "dynamic_sampling_rounds": 7)");
  EXPECT_TRUE(options.dynamic_sampling);
  EXPECT_EQ(options.dynamic_sampling_rounds, 7);
  const auto refused = [&](const std::string& keys) { return error_of([&] { read(keys); }).where(); };
  EXPECT_EQ(refused(R"("dynamic_sampling_rounds": 7)"), "recipe.json: dynamic_sampling_rounds");
  EXPECT_EQ(refused(R"("dynamic_sampling": true, "dynamic_sampling_rounds": 1)"),
            "recipe.json: dynamic_sampling_rounds");
  EXPECT_EQ(refused(R"("dynamic_sampling": 1)"), "recipe.json: dynamic_sampling");
  EXPECT_EQ(refused(R"("reward_workers": -1)"), "recipe.json: reward_workers");
  EXPECT_EQ(refused(R"("reward_error_rate_max": 1.5)"), "recipe.json: reward_error_rate_max");
}

}  // namespace
}  // namespace grpo
