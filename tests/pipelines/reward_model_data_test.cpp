// Preferences as a reward model learns them: tokens, filters, what is held out, and the report on lengths.

#include "pipelines/reward_model_data.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/pipelines/preference_fixture.h"
#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;

// A tokenizer of what the generator "courtesy" writes.
CheckpointFiles numeral_files() {
  CheckpointFiles files = letter_files();
  files.tokenizer = Tokenizer::from_json(
      character_tokenizer_json("?零一二三四五六七八九영일이삼사오육칠팔구谢요哼흥", {"<think>", "</think>", "<answer>", "</answer>"}, {"<eos>"}),
      "test");
  files.config.eos_token_ids = files.eos_token_ids = {files.tokenizer->token_to_id("<eos>")};
  return files;
}

class RewardData : public ::testing::Test {
 protected:
  RewardModelData load(const std::vector<Json>& rows, Json data = Json::object(), int64_t max_length = 200) {
    data["train"] = folder_.write("train.jsonl", jsonl(rows));
    return RewardModelData(read_reward_data_options(data, "recipe.json", "data"), files_, max_length, 5);
  }
  std::string text(const std::vector<int64_t>& ids) const { return files_.tokenizer->decode(ids, false); }

  TemporaryFolder folder_;
  CheckpointFiles files_ = letter_files();
};

TEST_F(RewardData, SequencesArePromptAnswerAndEndToken) {
  RewardModelData data = load({{{"prompt", "why?"}, {"chosen", "so!"}, {"rejected", "no"}, {"margin", 0.25}}});
  const auto& pair = std::get<RewardPair>(data.draw(0));
  EXPECT_EQ(text(pair.chosen_ids), "why?so!<eos>");
  EXPECT_EQ(text(pair.rejected_ids), "why?no<eos>");
  EXPECT_EQ(pair.margin, 0.25);
  RewardModelData points = load({{{"prompt", "why?"}, {"completion", "so!"}, {"label", "unsafe"}}}, {{"template", "q: {prompt} a:"}});
  const auto& point = std::get<RewardPoint>(points.draw(0));
  EXPECT_EQ(text(point.ids), "q: why? a:so!<eos>");
  EXPECT_EQ(point.label, 0.0);
  EXPECT_FALSE(points.pairs());
}

TEST_F(RewardData, EveryEpochHasEverySampleOnceAndAnOrderOfItsOwn) {
  RewardModelData data = load(polite_pairs(20, 1));
  std::vector<std::vector<std::string>> epochs(3);
  for (int64_t n = 0; n < 60; ++n) epochs[static_cast<size_t>(n / 20)].push_back(text(std::get<RewardPair>(data.draw(n)).chosen_ids));
  EXPECT_EQ(std::multiset<std::string>(epochs[0].begin(), epochs[0].end()),
            std::multiset<std::string>(epochs[1].begin(), epochs[1].end()));
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_EQ(text(std::get<RewardPair>(data.draw(7)).chosen_ids), epochs[0][7]) << "also going back";
}

TEST_F(RewardData, PairsOfAGeneratorAreItsSolutionsAndHeldOutByItsSplit) {
  const auto load_generated = [&](Json data) {
    return RewardModelData(read_reward_data_options(data, "recipe.json", "data"), numeral_files(), 200, 5);
  };
  const Json train = {{"generator", "courtesy"}, {"num_samples", 50}};
  Json eval = train;
  eval["split"] = "eval";
  RewardModelData data = load_generated({{"train", train}, {"eval", eval}});
  EXPECT_EQ(data.size(), 50);
  EXPECT_EQ(data.held_out().size(), 50u);
  EXPECT_TRUE(data.pairs());
  EXPECT_NEAR(data.report()["length_baseline"]["train_accuracy"].get<double>(), 0.5, 0.2);
  EXPECT_TRUE(holds(error_of([&] { load_generated({{"train", {{"generator", "courtesy"}}}}); }).summary(), "num_samples"));
  EXPECT_TRUE(holds(error_of([&] { load_generated({{"train", {{"generator", "curtesy"}, {"num_samples", 5}}}}); }).summary(), "curtesy"));
}

TEST_F(RewardData, PairsWhoseScoresAreTooCloseAreLeftOut) {
  const auto row = [](double chosen, double rejected) {
    return Json{{"prompt", "q"}, {"chosen", "a"}, {"rejected", "b"}, {"score_chosen", chosen}, {"score_rejected", rejected}};
  };
  const std::vector<Json> rows = {row(5, 3), row(5, 4), row(5, 3.9), row(3, 5), {{"prompt", "q"}, {"chosen", "a"}, {"rejected", "b"}}};
  EXPECT_EQ(load(rows).size(), 5);
  RewardModelData data = load(rows, {{"min_score_difference", 1}});
  EXPECT_EQ(data.size(), 3) << "more than 1 apart, or without scores";
  EXPECT_EQ(data.report()["too_close"], 2);
}

TEST_F(RewardData, SequencesThatAreTooLongAreLeftOut) {
  RewardModelData data = load({{{"prompt", "abc"}, {"chosen", "abcd"}, {"rejected", "abcde"}},
                               {{"prompt", "abc"}, {"chosen", "abcd"}, {"rejected", "abcdef"}},
                               {{"prompt", "abcdefg"}, {"chosen", "a"}, {"rejected", "bb"}}},
                              Json::object(), /*max_length=*/9);
  EXPECT_EQ(data.size(), 1);
  EXPECT_EQ(data.report()["too_long"], 2);
  EXPECT_EQ(data.largest(3), (std::vector<int64_t>{8 + 9}));
}

TEST_F(RewardData, WhatIsHeldOutSharesNoPromptWithTheRest) {
  std::vector<Json> rows = polite_pairs(200, 2);
  for (size_t i = 0; i < 100; ++i) rows[i + 100]["prompt"] = rows[i]["prompt"];
  RewardModelData data = load(rows, {{"eval_fraction", 0.25}});
  EXPECT_EQ(data.size() + static_cast<int64_t>(data.held_out().size()), 200);
  EXPECT_NEAR(static_cast<double>(data.held_out().size()), 50, 25);
  const auto prompt = [&](const RewardSample& sample) {
    const std::string whole = text(std::get<RewardPair>(sample).chosen_ids);
    return whole.substr(0, whole.find('?'));
  };
  std::set<std::string> learnt;
  for (int64_t n = 0; n < data.size(); ++n) learnt.insert(prompt(data.draw(n)));
  for (const RewardSample& sample : data.held_out()) EXPECT_FALSE(learnt.contains(prompt(sample)));
}

TEST_F(RewardData, TheReportTellsWhatLengthAloneWouldTell) {
  RewardModelData data = load(polite_pairs(500, 3), {{"eval", folder_.write("held.jsonl", jsonl(polite_pairs(400, 4)))}});
  const Json& report = data.report();
  EXPECT_EQ(report["train"], 500);
  EXPECT_EQ(report["held_out"], 400);
  EXPECT_EQ(report["rows"], 900);
  EXPECT_EQ(report["length_baseline"]["rule"], "the shorter answer is better");
  EXPECT_NEAR(report["length_baseline"]["held_out_accuracy"].get<double>(), 0.6, 0.1);
  RewardModelData balanced = load(polite_pairs(500, 3), {{"balance_lengths", true}});
  EXPECT_NEAR(balanced.report()["length_baseline"]["train_accuracy"].get<double>(), 0.5, 1e-9);
  EXPECT_EQ(balanced.size() + balanced.report()["unbalanced"].get<int64_t>(), 500);
}

TEST_F(RewardData, OptionsThatMakeNoSenseAreRefused) {
  const std::vector<Json> pair = {{{"prompt", "q"}, {"chosen", "a"}, {"rejected", "b"}}};
  const std::vector<Json> point = {{{"prompt", "q"}, {"completion", "a"}, {"label", true}}};
  const auto refusal = [&](const std::vector<Json>& rows, const Json& data, int64_t max_length = 100) {
    return error_text([&] { load(rows, data, max_length); });
  };
  const std::string points = folder_.write("points.jsonl", jsonl(point));
  EXPECT_TRUE(holds(refusal(pair, {{"eval", points}, {"eval_fraction", 0.5}}), "recipe.json: data.eval_fraction"));
  EXPECT_TRUE(holds(refusal(pair, {{"eval", points}}), "recipe.json: data.eval"));
  EXPECT_TRUE(holds(refusal(point, {{"balance_lengths", true}}), "recipe.json: data.balance_lengths"));
  EXPECT_TRUE(holds(refusal(pair, {{"template", "no mark"}}), "{prompt}"));
  EXPECT_TRUE(holds(refusal(pair, {{"max_lenght", 3}}), "max_lenght"));
  EXPECT_TRUE(holds(refusal(pair, Json::object(), 2), "no row is left to learn from"));
  EXPECT_TRUE(holds(error_text([] { read_reward_data_options({{"eval", "x"}}, "recipe.json", "data"); }), "recipe.json: data.train"));
}

TEST(PublishedPreferences, HaveTheLengthBaselineThatTheirTextsHave) {
  const std::string path = test_data("preference/hh_rlhf_harmless_base_test.jsonl.gz");
  GRPO_NEEDS_DATA(path);
  PreferenceCounts counts;
  std::vector<AnswerLengths> lengths;
  for (const PreferenceRow& row : read_preference_rows(path, {}, false, counts)) {
    lengths.push_back({static_cast<int64_t>(row.chosen.size()), static_cast<int64_t>(row.rejected->size())});
  }
  const LengthRule rule = best_length_rule(lengths);
  EXPECT_FALSE(rule.longer_is_better);
  EXPECT_NEAR(length_accuracy(rule, lengths), 0.555, 0.01);
}

}  // namespace
}  // namespace grpo
