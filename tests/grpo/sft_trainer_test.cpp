// Supervised steps: the loss and its gradient by hand, what must not change them, resuming, and that it
// learns.

#include "grpo/sft_trainer.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/grpo/tiny_training.h"
#include "tests/reference/naive_policy.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

// "7+4=" -> "11" and the end token: completions of two lengths.
SftSequence worked_sum(int64_t n) {
  const Problem problem = sum_problem(n % 100);
  SftSequence sequence{problem.prompt_ids, characters().encode(problem.answer)};
  sequence.completion_ids.push_back(kEos);
  return sequence;
}

SftOptions tiny_sft(int64_t samples = 7) {
  SftOptions options;
  options.max_steps = 20;
  options.samples_per_step = samples;
  options.packing = {.tokens_per_micro_batch = 30, .loss_agg_mode = LossAggMode::kTokenMean};
  options.schedule.learning_rate = 1e-2;
  return options;
}

std::vector<int64_t> whole(const SftSequence& sequence) {
  std::vector<int64_t> ids = sequence.prompt_ids;
  ids.insert(ids.end(), sequence.completion_ids.begin(), sequence.completion_ids.end());
  return ids;
}

struct Result {
  std::vector<Json> metrics;
  std::vector<NamedTensor> weights;
};

// `between` runs after every step, as an evaluation does.
Result train(Policy policy, const SftOptions& options, int64_t steps,
             const std::function<void(const Policy&)>& between = {}) {
  SftTrainer trainer(policy, options);
  Result result;
  for (int64_t i = 0; i < steps; ++i) {
    result.metrics.push_back(without_times(trainer.step(worked_sum)));
    if (between) between(policy);
  }
  result.weights = weights_of(policy);
  return result;
}

TEST(SftStep, LossIsTheMeanNegativeLogLikelihoodOfTheCompletionsEndTokenIncluded) {
  for (const Json& json : all_architectures()) {
    Policy policy = character_policy(json);
    const reference::NaivePolicy naive(policy);
    double sum = 0, tokens = 0, all = 0;
    for (int64_t n = 0; n < 7; ++n) {
      const SftSequence sequence = worked_sum(n);
      const auto prompt = static_cast<int64_t>(sequence.prompt_ids.size());
      const at::Tensor logprobs = naive.logprobs(whole(sequence));
      sum -= logprobs.narrow(0, prompt - 1, logprobs.size(0) - (prompt - 1)).sum().item<double>();
      tokens += static_cast<double>(sequence.completion_ids.size());
      all += static_cast<double>(whole(sequence).size());
    }
    SftTrainer trainer(policy, tiny_sft());
    const Json metrics = trainer.step(worked_sum);
    EXPECT_NEAR(number(metrics, "loss"), sum / tokens, 2e-5) << json["model_type"];
    EXPECT_EQ(number(metrics, "num_tokens"), all);
    EXPECT_EQ(number(metrics, "learning_rate"), 1e-2);
    EXPECT_GT(number(metrics, "entropy"), 0.0);
  }
}

// What a step's gradient is, from the first moment it leaves.
std::vector<at::Tensor> gradient_of(Policy policy, SftOptions options, const SftTrainer::DrawSequence& draw, double* loss = nullptr) {
  options.optimizer.max_grad_norm = 0;
  SftTrainer trainer(policy, options);
  const Json metrics = trainer.step(draw);
  if (loss != nullptr) *loss = number(metrics, "loss");
  const TemporaryFolder folder;
  trainer.save(folder.path());
  const SafetensorsReader reader(folder.file("optimizer.safetensors"));
  std::vector<at::Tensor> list;
  for (const Parameter& p : policy.parameters()) list.push_back(reader.read("exp_avg." + p.name) / 0.1);
  return list;
}

TEST(SftStep, GradientDoesNotDependOnTheSizeOfMicroBatches) {
  const Policy start = character_policy(deepseek_json(), at::kDouble);
  std::vector<std::vector<at::Tensor>> gradients;
  for (const int64_t budget : {1, 30, 10000}) {
    SftOptions options = tiny_sft();
    options.packing.tokens_per_micro_batch = budget;
    gradients.push_back(gradient_of(start.clone(), options, worked_sum));
  }
  double size = 0;
  for (size_t i = 0; i < gradients[0].size(); ++i) {
    size = std::max(size, gradients[0][i].abs().max().item<double>());
    EXPECT_LE(max_difference(gradients[0][i], gradients[1][i]), 1e-12);
    EXPECT_LE(max_difference(gradients[0][i], gradients[2][i]), 1e-12);
  }
  EXPECT_GT(size, 1e-2);
}

// "7+4=" "11" <eos> "2+1=" "3" <eos>: both answers are learned, what stands between them is not.
SftSequence two_turns(int64_t n) {
  const SftSequence first = worked_sum(n), second = worked_sum(2 * n + 21);
  SftSequence both = first;
  both.loss_mask.assign(first.completion_ids.size(), 1);
  both.completion_ids.insert(both.completion_ids.end(), second.prompt_ids.begin(), second.prompt_ids.end());
  both.loss_mask.resize(both.completion_ids.size(), 0);
  both.completion_ids.insert(both.completion_ids.end(), second.completion_ids.begin(), second.completion_ids.end());
  both.loss_mask.resize(both.completion_ids.size(), 1);
  return both;
}

// The n-th turn of those conversations as a sequence of its own.
SftSequence one_turn(int64_t n) {
  const SftSequence both = two_turns(n / 2), last = worked_sum(2 * (n / 2) + 21);
  if (n % 2 == 0) return worked_sum(n / 2);
  SftSequence turn{whole(both), last.completion_ids};
  turn.prompt_ids.resize(turn.prompt_ids.size() - last.completion_ids.size());
  return turn;
}

TEST(SftMask, ConversationsTeachWhatTheirTurnsTeachOneByOneHoweverTheyArePacked) {
  const Policy start = character_policy(llama_json(), at::kDouble);  // routers would balance other sequences
  double by_turn = 0;
  SftOptions options = tiny_sft(14);
  const auto expected = gradient_of(start.clone(), options, one_turn, &by_turn);
  options.samples_per_step = 7;
  double size = 0;
  for (const int64_t budget : {1, 30, 10000}) {
    options.packing.tokens_per_micro_batch = budget;
    double loss = 0;
    const auto gradient = gradient_of(start.clone(), options, two_turns, &loss);
    EXPECT_NEAR(loss, by_turn, 1e-12);
    for (size_t i = 0; i < gradient.size(); ++i) {
      size = std::max(size, gradient[i].abs().max().item<double>());
      EXPECT_LE(max_difference(gradient[i], expected[i]), 1e-12) << budget;
    }
  }
  EXPECT_GT(size, 1e-2);
}

TEST(SftMask, LossIsTheMeanNegativeLogLikelihoodOfTheLearnedTokensAlone) {
  for (const Json& json : all_architectures()) {
    Policy policy = character_policy(json);
    const reference::NaivePolicy naive(policy);
    double sum = 0, tokens = 0;
    for (int64_t n = 0; n < 7; ++n) {
      const SftSequence sequence = two_turns(n);
      const at::Tensor logprobs = naive.logprobs(whole(sequence));
      const auto prompt = static_cast<int64_t>(sequence.prompt_ids.size());
      for (size_t t = 0; t < sequence.loss_mask.size(); ++t) {
        if (!sequence.loss_mask[t]) continue;
        sum -= logprobs[prompt - 1 + static_cast<int64_t>(t)].item<double>();
        ++tokens;
      }
    }
    SftTrainer trainer(policy, tiny_sft());
    EXPECT_NEAR(number(trainer.step(two_turns), "loss"), sum / tokens, 2e-5) << json["model_type"];
  }
}

TEST(SftStep, DrawsEverySampleOnceAndInOrder) {
  Policy policy = character_policy(llama_json());
  SftTrainer trainer(policy, tiny_sft(5));
  int64_t next = 0;
  for (int step = 0; step < 3; ++step) {
    trainer.step([&](int64_t n) {
      EXPECT_EQ(n, next++);
      return worked_sum(n);
    });
  }
  EXPECT_EQ(next, 15);
  EXPECT_EQ(trainer.steps_done(), 3);
}

TEST(SftStep, LossThatIsNotFiniteStopsWithTheWeightsUntouched) {
  Policy policy = character_policy(llama_json());
  {
    const at::NoGradGuard no_grad;
    at::Tensor(policy.parameters()[3].tensor).fill_(std::numeric_limits<float>::infinity());
  }
  const auto before = weights_of(policy);
  SftTrainer trainer(policy, tiny_sft());
  const Error error = error_of([&] { trainer.step(worked_sum); });
  EXPECT_TRUE(holds(error.summary(), "not finite"));
  EXPECT_TRUE(holds(error.where(), "step 1"));
  EXPECT_EQ(changed(before, weights_of(policy)), "");
}

TEST(SftRouterBias, CountsTrainingTokensOnlyNotWhatRunsBetweenSteps) {
  SftOptions options = tiny_sft();
  options.router_bias_update_rate = 0.01;
  const Policy start = character_policy(deepseek_json());
  const Result alone = train(start.clone(), options, 4);
  const Result watched = train(start.clone(), options, 4, [](const Policy& policy) {
    const at::NoGradGuard no_grad;
    for (int64_t id = 0; id < kEos; ++id)
      policy.hidden(pack_sequences({std::vector<int64_t>(20, id)}, at::kCPU));
  });
  EXPECT_EQ(alone.metrics, watched.metrics);
  EXPECT_EQ(changed(alone.weights, watched.weights), "");
  const SftOptions frozen = tiny_sft();
  EXPECT_NE(changed(alone.weights, train(start.clone(), frozen, 4).weights), "");
}

TEST(SftResume, FiveStepsAfterARestoreEqualFiveWithoutTheStopToTheLastBit) {
  for (const auto& [json, dtype] : std::vector<std::pair<Json, at::ScalarType>>{
           {deepseek_json(), at::kFloat}, {llama_json(), at::kBFloat16}}) {
    SftOptions options = tiny_sft();
    options.router_bias_update_rate = 0.01;
    options.schedule.lr_scheduler_type = LrSchedulerType::kLinear;
    const TemporaryFolder middle, end, resumed;
    Policy policy = character_policy(json, dtype);
    SftTrainer trainer(policy, options);
    for (int step = 0; step < 3; ++step) trainer.step(worked_sum);
    trainer.save(middle.path());
    std::vector<Json> expected;
    for (int step = 0; step < 5; ++step) expected.push_back(without_times(trainer.step(worked_sum)));
    trainer.save(end.path());

    Policy other = character_policy(json, dtype, 99);
    SftTrainer second(other, options);
    second.restore(middle.path());
    for (int step = 0; step < 5; ++step) {
      EXPECT_EQ(without_times(second.step(worked_sum)), expected[static_cast<size_t>(step)]) << step;
    }
    second.save(resumed.path());
    EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
    for (const char* file : {"policy.safetensors", "optimizer.safetensors", "state.json"}) {
      EXPECT_EQ(read_file(end.file(file)), read_file(resumed.file(file))) << file;
    }
  }
}

TEST(SftLearning, AMappingOfTenDigitsIsLearntToCertainty) {
  Policy policy = character_policy(deepseek_json());
  SftOptions options = tiny_sft(10);
  options.packing.tokens_per_micro_batch = 1000;
  SftTrainer trainer(policy, options);
  auto draw = [](int64_t n) { return SftSequence{{n % 10, 13}, {(7 * (n % 10) + 3) % 10, kEos}}; };
  double loss = 0;
  for (int step = 0; step < 60; ++step) loss = number(trainer.step(draw), "loss");
  EXPECT_LT(loss, 0.05);
  const at::NoGradGuard no_grad;
  for (int64_t digit = 0; digit < 10; ++digit) {
    const at::Tensor logits = policy.logits(policy.hidden(pack_sequences({{digit, 13}}, at::kCPU)));
    EXPECT_EQ(logits[1].argmax().item<int64_t>(), (7 * digit + 3) % 10);
  }
}

TEST(SftOptionsReader, NamesTheKeyThatIsOutOfRange) {
  for (const auto& [keys, name] : std::vector<std::pair<std::string, std::string>>{
           {"\"max_steps\": 0", "max_steps"},
           {"\"max_steps\": 1, \"samples_per_step\": 0", "samples_per_step"},
           {"\"max_steps\": 1, \"tokens_per_micro_batch\": 0", "tokens_per_micro_batch"},
           {"\"max_steps\": 1, \"router_bias_update_rate\": -1", "router_bias_update_rate"}}) {
    const Json json = parse_json("{" + keys + "}", "test");
    ObjectReader reader(json, "recipe.json", "stages[0]");
    EXPECT_TRUE(holds(error_of([&] { read_sft_options(reader); }).where(), "recipe.json: stages[0]." + name));
  }
}

}  // namespace
}  // namespace grpo
