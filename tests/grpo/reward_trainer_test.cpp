// Steps of reward models: that they resume bit for bit, stop at what is not finite, and learn.

#include "grpo/reward_trainer.h"

#include <gtest/gtest.h>

#include <limits>

#include "policy/lora.h"
#include "tests/grpo/reward_samples.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

RewardOptions tiny_reward_options(int64_t samples = 6) {
  RewardOptions options;
  options.max_steps = 20;
  options.samples_per_step = samples;
  options.tokens_per_micro_batch = 50;
  options.schedule.learning_rate = 1e-2;
  return options;
}

RewardSample draw_mixed(int64_t n) {
  return n % 4 == 3 ? RewardSample(random_point(n)) : RewardSample(random_pair(n, n % 2 == 0 ? 0.1 : 0.0));
}

TEST(RewardStep, ItsMetricsAreThoseOfTheSamplesBeforeTheUpdate) {
  Policy model = character_reward_model(deepseek_json());
  std::vector<RewardSample> samples;
  int64_t tokens = 0;
  for (int64_t n = 0; n < 6; ++n) {
    samples.push_back(draw_mixed(n));
    tokens += num_tokens(samples.back());
  }
  RewardOptions options = tiny_reward_options();
  options.center_rewards_coefficient = 0.05;
  const Json expected = evaluate_rewards(model, samples, 0.05, 1000, "");
  RewardTrainer trainer(model, options);
  const Json metrics = trainer.step(draw_mixed);
  for (const char* key : {"loss", "accuracy", "margin", "mean_reward", "min_reward", "max_reward"}) {
    EXPECT_NEAR(number(metrics, key), number(expected, key), 1e-5) << key;
  }
  EXPECT_EQ(number(metrics, "num_tokens"), static_cast<double>(tokens));
  EXPECT_EQ(number(metrics, "learning_rate"), 1e-2);
  EXPECT_GT(number(metrics, "grad_norm"), 0.0);
  EXPECT_TRUE(metrics.contains("moe/dead_experts")) << metrics;
}

TEST(RewardStep, DrawsEverySampleOnceAndInOrder) {
  Policy model = character_reward_model(llama_json());
  RewardTrainer trainer(model, tiny_reward_options(5));
  int64_t next = 0;
  for (int step = 0; step < 3; ++step) {
    trainer.step([&](int64_t n) {
      EXPECT_EQ(n, next++);
      return draw_mixed(n);
    });
  }
  EXPECT_EQ(next, 15);
  EXPECT_EQ(trainer.steps_done(), 3);
}

TEST(RewardStep, LossThatIsNotFiniteStopsWithTheWeightsUntouched) {
  Policy model = character_reward_model(llama_json());
  {
    const at::NoGradGuard no_grad;
    at::Tensor(model.parameters()[3].tensor).fill_(std::numeric_limits<float>::infinity());
  }
  const auto before = weights_of(model);
  RewardTrainer trainer(model, tiny_reward_options());
  const Error error = error_of([&] { trainer.step(draw_mixed); });
  EXPECT_TRUE(holds(error.summary(), "not finite"));
  EXPECT_TRUE(holds(error.where(), "step 1"));
  EXPECT_EQ(changed(before, weights_of(model)), "");
}

TEST(RewardResume, FiveStepsAfterARestoreEqualFiveWithoutTheStopToTheLastBit) {
  for (const auto& [json, dtype, adapted] : std::vector<std::tuple<Json, at::ScalarType, bool>>{
           {deepseek_json(), at::kFloat, false}, {llama_json(), at::kBFloat16, false}, {llama_json(), at::kFloat, true}}) {
    RewardOptions options = tiny_reward_options();
    options.router_bias_update_rate = adapted ? 0.0 : 0.01;
    options.schedule.lr_scheduler_type = LrSchedulerType::kLinear;
    const auto fresh = [&, json = json, dtype = dtype, adapted = adapted](uint64_t head) {
      Policy policy = character_policy(json, dtype);
      if (adapted) add_lora(policy, {.r = 2, .target_modules = std::vector<std::string>{"o_proj", "q_proj"}}, 3, "test");
      return policy.with_score_head(head, 0);
    };
    const TemporaryFolder middle, end, resumed;
    Policy model = fresh(1);
    RewardTrainer trainer(model, options);
    for (int step = 0; step < 3; ++step) trainer.step(draw_mixed);
    trainer.save(middle.path());
    std::vector<Json> expected;
    for (int step = 0; step < 5; ++step) expected.push_back(without_times(trainer.step(draw_mixed)));
    trainer.save(end.path());

    Policy other = fresh(99);  // the head, too, comes from the checkpoint
    RewardTrainer second(other, options);
    second.restore(middle.path());
    for (int step = 0; step < 5; ++step) {
      EXPECT_EQ(without_times(second.step(draw_mixed)), expected[static_cast<size_t>(step)]) << step;
    }
    second.save(resumed.path());
    EXPECT_EQ(changed(weights_of(model), weights_of(other)), "");
    for (const char* file : {"policy.safetensors", "optimizer.safetensors", "state.json"}) {
      EXPECT_EQ(read_file(end.file(file)), read_file(resumed.file(file))) << file;
    }
  }
}

// What is to be preferred: answers that end in a "7", whatever their length.
std::vector<int64_t> seventh(int64_t n, bool good) {
  std::vector<int64_t> ids = random_answer(derive_seed({static_cast<uint64_t>(n), good ? 5u : 6u}));
  ids[ids.size() - 2] = good ? 7 : (n % 7);
  return ids;
}

TEST(RewardLearning, PairsTeachWhatTheChosenAnswersHaveInCommon) {
  Policy model = character_reward_model(deepseek_json());
  RewardOptions options = tiny_reward_options(16);
  options.tokens_per_micro_batch = 1000;
  options.schedule.learning_rate = 3e-3;
  RewardTrainer trainer(model, options);
  for (int step = 0; step < 60; ++step) {
    trainer.step([](int64_t n) { return RewardPair{seventh(n, true), seventh(n, false)}; });
  }
  std::vector<RewardSample> held_out;
  for (int64_t n = 100000; n < 100200; ++n) held_out.push_back(RewardPair{seventh(n, true), seventh(n, false)});
  EXPECT_GE(number(evaluate_rewards(model, held_out, 0.0, 1000, ""), "accuracy"), 0.97);
}

TEST(RewardLearning, LabelsTeachTheSignOfTheScore) {
  Policy model = character_reward_model(llama_json());
  RewardOptions options = tiny_reward_options(16);
  options.tokens_per_micro_batch = 1000;
  options.schedule.learning_rate = 3e-3;
  RewardTrainer trainer(model, options);
  const auto draw = [](int64_t n) { return RewardPoint{seventh(n, n % 2 == 0), n % 2 == 0 ? 1.0 : 0.0}; };
  for (int step = 0; step < 150; ++step) trainer.step(draw);
  std::vector<RewardSample> held_out;
  for (int64_t n = 100000; n < 100200; ++n) held_out.push_back(draw(n));
  EXPECT_GE(number(evaluate_rewards(model, held_out, 0.0, 1000, ""), "accuracy"), 0.97);
}

TEST(RewardLearning, CenteringPullsTheScoresOfPairsToZero) {
  const auto mean_after = [](double center) {
    Policy model = character_reward_model(llama_json());
    RewardOptions options = tiny_reward_options(16);
    options.tokens_per_micro_batch = 1000;
    options.center_rewards_coefficient = center;
    RewardTrainer trainer(model, options);
    Json metrics;
    for (int step = 0; step < 30; ++step) metrics = trainer.step([](int64_t n) { return random_pair(n); });
    return std::abs(number(metrics, "mean_reward"));
  };
  EXPECT_LT(mean_after(1.0), 0.3 * std::max(mean_after(0.0), 0.5));
}

TEST(RewardOptionsReader, ReadsTrlsNamesAndNamesTheKeyThatIsWrong) {
  const auto read = [](const std::string& keys) {
    const Json json = parse_json("{" + keys + "}", "test");
    ObjectReader reader(json, "recipe.json", "stages[0]");
    const RewardOptions options = read_reward_options(reader);
    reader.finish();
    return options;
  };
  const RewardOptions options = read(R"("num_train_epochs": 1.5, "samples_per_step": 256, "learning_rate": 6e-6,
      "max_length": 8192, "center_rewards_coefficient": 0.01)");
  EXPECT_EQ(options.max_steps, 0);
  EXPECT_EQ(reward_steps(options, 66000), 387);  // 99,000 samples in steps of 256
  EXPECT_EQ(reward_steps(read("\"max_steps\": 9"), 66000), 9);
  EXPECT_EQ(options.max_length, 8192);
  EXPECT_EQ(read("\"max_steps\": 1").schedule.learning_rate, 1e-4);
  for (const auto& [keys, name] : std::vector<std::pair<std::string, std::string>>{
           {"", "max_steps"},
           {"\"max_steps\": 3, \"num_train_epochs\": 1", "max_steps"},
           {"\"num_train_epochs\": 0", "num_train_epochs"},
           {"\"max_steps\": 1, \"samples_per_step\": 0", "samples_per_step"},
           {"\"max_steps\": 1, \"max_length\": 0", "max_length"},
           {"\"max_steps\": 1, \"center_rewards_coefficient\": -1", "center_rewards_coefficient"}}) {
    EXPECT_TRUE(holds(error_of([&] { read(keys); }).where(), "recipe.json: stages[0]." + name)) << keys;
  }
}

}  // namespace
}  // namespace grpo
