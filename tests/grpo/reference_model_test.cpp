// A reference that is not where training starts.

#include <gtest/gtest.h>

#include "tests/grpo/tiny_training.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

TrainerOptions with_reference() {
  TrainerOptions options = tiny_options();
  options.loss.beta = 0.05;
  options.sync_ref_model = true;
  options.ref_model_sync_steps = 2;
  options.ref_model_mixup_alpha = 0.5;
  return options;
}

// log p(token | what came before) of the completion, by one plain forward pass in the policy's own dtype.
std::vector<double> plain_logprobs(const Policy& policy, const Episode& episode) {
  const at::NoGradGuard no_grad;
  std::vector<int64_t> ids = episode.prompt_ids;
  ids.insert(ids.end(), episode.completion_ids.begin(), episode.completion_ids.end());
  const at::Tensor logits = policy.logits(policy.hidden(pack_sequences({ids}, policy.device()))).to(at::kDouble);
  const at::Tensor all = logits.log_softmax(-1);
  std::vector<double> out;
  for (size_t t = 0; t < episode.completion_ids.size(); ++t) {
    const auto row = static_cast<int64_t>(episode.prompt_ids.size() + t) - 1;
    out.push_back(all[row][episode.completion_ids[t]].item<double>());
  }
  return out;
}

TEST(ReferenceModel, ScoresTokensWithItsOwnWeights) {
  const Policy other = character_policy(deepseek_json(), at::kFloat, 7);
  Policy policy = character_policy(deepseek_json());
  Trainer trainer(policy, &characters(), evenness(), with_reference(), 11, character_policy(deepseek_json(), at::kFloat, 7));
  const Json metrics = trainer.collect(sum_problem);
  for (const Group& group : trainer.groups()) {
    for (const Episode& episode : group.episodes) {
      const std::vector<double> expected = plain_logprobs(other, episode);
      ASSERT_EQ(episode.ref_logprobs.size(), expected.size());
      for (size_t t = 0; t < expected.size(); ++t) EXPECT_NEAR(episode.ref_logprobs[t], expected[t], 1e-5);
    }
  }
  EXPECT_GT(number(trainer.learn(), "kl"), 0.0);
}

TEST(ReferenceModel, FollowsThePolicyAndGoesOnAfterAStop) {
  const auto reference = [] { return character_policy(deepseek_json(), at::kFloat, 7); };
  Policy policy = character_policy(deepseek_json());
  Trainer trainer(policy, &characters(), evenness(), with_reference(), 11, reference());
  for (int step = 0; step < 3; ++step) trainer.step(sum_problem);
  const TemporaryFolder stop;
  trainer.save(stop.path());
  Policy other = character_policy(deepseek_json(), at::kFloat, 99);
  Trainer second(other, &characters(), evenness(), with_reference(), 11, reference());
  second.restore(stop.path());
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(without_times(second.step(sum_problem)), without_times(trainer.step(sum_problem)));
  }
  EXPECT_EQ(changed(weights_of(policy), weights_of(other)), "");
}

TEST(ReferenceModel, OfOtherShapesIsRefused) {
  Policy policy = character_policy(deepseek_json());
  const std::string text = error_text([&] {
    Trainer(policy, &characters(), evenness(), with_reference(), 11, character_policy(llama_json()));
  });
  EXPECT_TRUE(holds(text, "ref_model"));
}

}  // namespace
}  // namespace grpo
