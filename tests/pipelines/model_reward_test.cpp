// The reward `model`: what it reads of prompt and completion, that its values depend on nothing else, and its errors.

#include "pipelines/model_reward.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "pipelines/reward_model_data.h"
#include "policy/score_head.h"
#include "rewards/rubric.h"
#include "tests/pipelines/preference_fixture.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

class ModelReward : public ::testing::Test {
 protected:
  ModelReward() {
    files_.config = model_.config();
    save_checkpoint(model_, files_, folder_.path());
  }

  Reward make(Json options = Json::object(), ModelRewardSettings settings = {.device = at::kCPU}) const {
    options["model"] = options.value("model", folder_.path());
    ObjectReader reader(options, "recipe.json", "rewards[0]");
    Reward reward = model_rewards(std::move(settings))("model", reader).value();
    reader.finish();
    return reward;
  }
  std::string refusal(const Json& options, ModelRewardSettings settings = {.device = at::kCPU}) const {
    return error_text([&] { make(options, settings); });
  }

  Group group(const std::vector<std::string>& completions, const std::string& prompt = "why?") const {
    Group group;
    group.problem.prompt = prompt;
    for (const std::string& text : completions) {
      group.episodes.push_back({});
      group.episodes.back().completion = text;
    }
    return group;
  }
  // What the model says of these tokens.
  double score(const std::string& prompt, const std::string& answer) const {
    std::vector<int64_t> ids = files_.tokenizer->encode(prompt);
    for (const int64_t id : files_.tokenizer->encode(answer, false)) ids.push_back(id);
    ids.push_back(end_token(files_));
    return score_sequences(model_, {ids}, 1).front();
  }
  static std::vector<double> values(const Reward& reward, const Group& group) {
    std::vector<double> values;
    for (const Score& s : reward.score_group(group, {})) values.push_back(s.value.value());
    return values;
  }

  TemporaryFolder folder_;
  CheckpointFiles files_ = letter_files();
  Policy model_ = random_policy(files_.config.source).with_score_head(3, padding_token(files_));
};

TEST_F(ModelReward, IsTheScoreOfPromptAndCompletion) {
  EXPECT_EQ(values(make({{"scope", "all"}}), group({"so!", "<think>hm</think>no", ""})),
            (std::vector<double>{score("why?", "so!"), score("why?", "<think>hm</think>no"), score("why?", "")}));
}

TEST_F(ModelReward, TheSummaryIsWhatFollowsTheThought) {
  EXPECT_EQ(summary_of("<think>a</think> b</think>\n c"), "c");
  EXPECT_EQ(summary_of("no thought"), "no thought");
  EXPECT_EQ(summary_of("<think>never ends"), "");
  EXPECT_EQ(summary_of("<think>a</think> \n"), "");
  EXPECT_EQ(values(make(), group({"<think>hm</think> no", "no", "<think>hm"})),
            (std::vector<double>{score("why?", "no"), score("why?", "no"), score("why?", "")}));
}

TEST_F(ModelReward, WhatThePromptHoldsOfTheAnswerIsReadOnce) {
  Group opened = group({"<think>hm</think>no"}, "why?<think>");
  opened.problem.completion_prefix = "<think>";
  EXPECT_EQ(values(make({{"scope", "all"}}), opened), std::vector<double>{score("why?", "<think>hm</think>no")});
}

TEST_F(ModelReward, ATemplateOfItsOwnIsAppliedToTheQuestion) {
  Group asked = group({"so!"}, "the prompt of the policy");
  asked.problem.columns = {{"question", "why?"}};
  const Json options = {{"template", "q: {prompt} a:"}, {"prompt_column", "question"}};
  EXPECT_EQ(values(make(options), asked), std::vector<double>{score("q: why? a:", "so!")});
  asked.problem.columns = Json::object();
  const Score missing = make(options).score_group(asked, {}).at(0);
  EXPECT_EQ(missing.status, ScoreStatus::kSkip);
  EXPECT_TRUE(holds(missing.reason, "no column \"question\""));
}

TEST_F(ModelReward, TheProbabilityIsTheSigmoidOfTheScore) {
  EXPECT_NEAR(values(make({{"sigmoid", true}}), group({"so!"})).front(), 1 / (1 + std::exp(-score("why?", "so!"))), 1e-12);
}

TEST_F(ModelReward, BeyondMaxLengthTheAnswerLosesItsEndAndThePromptItsBeginning) {
  EXPECT_EQ(values(make({{"max_length", 7}}), group({"abcdef"})), std::vector<double>{score("why?", "ab")});
  EXPECT_EQ(values(make({{"max_length", 4}}), group({"abcdef"})), std::vector<double>{score("hy?", "")});
}

TEST_F(ModelReward, AValueDependsOnNoOtherCompletionAndOnNoOtherThread) {
  const Reward reward = make();
  std::vector<std::string> texts;
  Stream stream(1);
  for (int i = 0; i < 24; ++i) texts.push_back(random_word(stream, 40));
  const std::vector<double> together = values(reward, group(texts));
  std::vector<double> alone(texts.size());
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < texts.size(); i += 4) alone[i] = values(reward, group({texts[i]})).front();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(together, alone);
}

TEST_F(ModelReward, RubricsTakeItWhereItIsProvided) {
  const Json list = {{{"name", "model"}, {"model", folder_.path()}, {"label", "helpful"}, {"weight", 2.0}}};
  const Rubric rubric = read_rubric(list, "recipe.json", "rewards", {.log_file = "", .provide = model_rewards({.device = at::kCPU})});
  Group scored = group({"so!"});
  score_group(rubric, scored);
  EXPECT_EQ(scored.episodes[0].reward, 2.0 * score("why?", "so!"));
  EXPECT_TRUE(holds(error_text([&] { read_rubric(list, "recipe.json", "rewards"); }), "models are not at hand here"));
  Json misspelt = list;
  misspelt[0]["scpoe"] = "all";
  EXPECT_TRUE(holds(error_text([&] { read_rubric(misspelt, "recipe.json", "rewards", {.log_file = "", .provide = model_rewards({.device = at::kCPU})}); }), "scpoe"));
  misspelt[0]["name"] = "modle";
  EXPECT_TRUE(holds(error_text([&] { read_rubric(misspelt, "recipe.json", "rewards", {.log_file = "", .provide = model_rewards({.device = at::kCPU})}); }), "unknown reward \"modle\""));
}

TEST_F(ModelReward, OptionsAndCheckpointsThatDoNotFitAreRefusedWithoutLoadingAnything) {
  const TemporaryFolder causal;
  CheckpointFiles files = letter_files();
  save_checkpoint(random_policy(files.config.source), files, causal.path());
  for (const bool check_only : {true, false}) {
    const ModelRewardSettings settings{.device = at::kCPU, .check_only = check_only};
    EXPECT_TRUE(holds(refusal({{"model", "/no/such"}}, settings), "no such checkpoint directory | /no/such"));
    EXPECT_TRUE(holds(refusal({{"model", causal.path()}}, settings), "is no reward model: its architectures are [\"DeepseekV3ForCausalLM\"]"));
    EXPECT_TRUE(holds(refusal({{"scope", "half"}}, settings), "recipe.json: rewards[0].scope"));
    EXPECT_TRUE(holds(refusal({{"max_length", 100000}}, settings), "rewards[0].max_length"));
    EXPECT_TRUE(holds(refusal({{"prompt_column", "q"}}, settings), "rewards[0].prompt_column"));
    EXPECT_TRUE(holds(refusal({{"template", "chat"}}, settings), "no chat template"));
  }
}

TEST_F(ModelReward, OfAStageThatHasNotRunOnlyTheOptionsAreChecked) {
  const ModelRewardSettings settings{.directory = [](const std::string& model, const std::string& where) {
                                       EXPECT_EQ(model, "helpful");
                                       EXPECT_EQ(where, "recipe.json: rewards[0].model");
                                       return std::string("/not/there/yet");
                                     },
                                     .check_only = true};
  const Reward reward = make({{"model", "helpful"}}, settings);
  EXPECT_EQ(reward.score_group(group({"a"}), {}).at(0).status, ScoreStatus::kError);
}

}  // namespace
}  // namespace grpo
