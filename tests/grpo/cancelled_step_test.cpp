// A step that is asked to stop in the middle leaves nothing behind.

#include <gtest/gtest.h>

#include <map>

#include "tests/grpo/tiny_training.h"
#include "tests/temporary_folder.h"

namespace grpo {
namespace {

using namespace testing;

// A stop is asked for after any number of looks: while completions are sampled, tokens scored, micro-batches learnt from.
TEST(TrainerResume, AStepGivenUpAnywhereIsTakenAgainBitForBit) {
  TrainerOptions options = tiny_options();
  options.steps_per_generation = 2;
  options.loss.beta = 0.01;
  Policy policy = character_policy(deepseek_json());
  Trainer trainer(policy, &characters(), evenness(), options, 29);
  std::vector<Json> expected;
  for (int step = 0; step < 4; ++step) expected.push_back(without_times(trainer.step(sum_problem)));

  std::map<std::string, int> stopped;  // how often, by the part of a step
  for (int looks = 0;; ++looks) {
    int left = looks;
    TrainerOptions stopping = options;
    stopping.stop_request = [&] { return left-- == 0; };
    Policy other = character_policy(deepseek_json());
    Trainer first(other, &characters(), evenness(), stopping, 29);
    size_t step = 0;
    bool stop = false;
    while (step < expected.size() && !stop) {
      const bool had_rollout = !first.groups().empty() && !first.at_rollout_boundary();
      try {
        EXPECT_EQ(without_times(first.step(sum_problem)), expected[step]);
        ++step;
      } catch (const Cancelled&) {
        stop = true;
        ++stopped[had_rollout ? "in use" : "first step"];
      }
    }
    if (!stop) break;
    const TemporaryFolder folder;
    first.save(folder.path());
    // Both the trainer itself and one that reads what it saved take the step again.
    Policy restored = character_policy(deepseek_json(), at::kFloat, 99);
    Trainer second(restored, &characters(), evenness(), options, 29);
    second.restore(folder.path());
    for (Trainer* again : {&first, &second}) {
      for (size_t s = step; s < expected.size(); ++s) {
        EXPECT_EQ(without_times(again->step(sum_problem)), expected[s]) << "stopped at look " << looks << ", step " << s;
      }
    }
    EXPECT_EQ(changed(weights_of(policy), weights_of(restored)), "") << "stopped at look " << looks;
    EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "") << "stopped at look " << looks;
  }
  EXPECT_GT(stopped["first step"], 10);
  EXPECT_GT(stopped["in use"], 2);
}

}  // namespace
}  // namespace grpo
