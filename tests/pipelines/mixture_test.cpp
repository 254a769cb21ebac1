// Training data of several parts, and what a stage's data.train may name.
#include "pipelines/mixture.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "pipelines/training_parts.h"
#include "tests/temporary_folder.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

const Tokenizer& characters() {
  static const Tokenizer tokenizer =
      Tokenizer::from_json(character_tokenizer_json("0123456789+-*= abc", {"<think>"}, {"<eos>"}), "test");
  return tokenizer;
}

class Parts : public ::testing::Test {
 protected:
  // A file of `count` rows whose prompts begin with `letter`.
  std::string file(const std::string& letter, int count) const {
    std::string text;
    for (int i = 0; i < count; ++i) {
      text += Json{{"prompt", letter + std::to_string(i)}, {"answer", std::to_string(i)}, {"completion", "1"}}.dump() + "\n";
    }
    return folder_.write(letter + ".jsonl", text);
  }
  ProblemSource source(const std::string& letter, int count) const {
    const Json data = {{"train", file(letter, count)}, {"columns", {{"completion", "completion"}}}};
    return {read_data_options(data, "r.json", "data", DataUse::kTrainSft), characters(), 40, 1, 7};
  }
  Mixture mixture(uint64_t seed = 3, int64_t b_from = 0) const {
    std::vector<Mixture::Part> parts;
    parts.push_back({.name = "many", .weight = 3.0, .source = source("a", 10)});
    parts.push_back({.name = "few", .weight = 1.0, .first_draw = b_from, .source = source("b", 4)});
    return Mixture(std::move(parts), seed);
  }
  Recipe recipe(const Json& train) const {
    const Json json = {{"policy", {{"model", "m"}}},
                       {"stages",
                        {{{"name", "collect"}, {"stage", "reject"}},
                         {{"name", "rl"}, {"stage", "rl"}},
                         {{"name", "learn"}, {"stage", "sft"}, {"data", {{"train", train}, {"answer_extractor", "####"}}}}}}};
    return read_recipe(folder_.write("recipe.json", json.dump()), {});
  }
  std::vector<TrainingPart> read(const Json& train) const {
    const Recipe read = recipe(train);
    return read_training_parts(read, read.stages[2], DataUse::kTrainSft);
  }
  Error refused(const Json& train) const {
    return error_of([&] { read(train); });
  }

  TemporaryFolder folder_;
};

TEST_F(Parts, DrawsFallOnPartsByTheirWeights) {
  const Mixture mixed = mixture();
  std::map<std::string, int> drawn;
  for (int64_t n = 0; n < 4000; ++n) ++drawn[mixed.draw(n).source];
  EXPECT_NEAR(drawn["many"] / 4000.0, 0.75, 0.03);
  EXPECT_EQ(drawn["many"] + drawn["few"], 4000);
}

TEST_F(Parts, EveryPartGoesThroughItsOwnEpochs) {
  const Mixture mixed = mixture();
  std::map<std::string, std::vector<std::string>> prompts;
  for (int64_t n = 0; n < 400; ++n) {
    const Problem problem = mixed.draw(n);
    prompts[problem.source].push_back(problem.prompt);
  }
  for (const auto& [name, list] : prompts) {
    const size_t epoch = name == "many" ? 10 : 4;
    for (size_t first = 0; first + epoch <= list.size(); first += epoch) {
      const std::set<std::string> once(list.begin() + static_cast<int64_t>(first), list.begin() + static_cast<int64_t>(first + epoch));
      ASSERT_EQ(once.size(), epoch) << name << " from its draw " << first;
    }
  }
}

TEST_F(Parts, ADrawIsAFunctionOfSeedAndPosition) {
  const Mixture forward = mixture(), other = mixture(4);
  std::vector<std::string> there;
  int differing = 0;
  for (int64_t n = 0; n < 200; ++n) there.push_back(forward.draw(n).prompt);
  const Mixture again = mixture();
  for (int64_t n = 199; n >= 0; --n) {
    ASSERT_EQ(again.draw(n).prompt, there[static_cast<size_t>(n)]) << n;
    differing += other.draw(n).prompt != there[static_cast<size_t>(n)];
  }
  EXPECT_GT(differing, 50);
}

TEST_F(Parts, IdsAreUniqueAndSupervisedSamplesAreTheSameDraws) {
  const Mixture mixed = mixture();
  std::map<int64_t, std::string> prompts;
  for (int64_t n = 0; n < 300; ++n) {
    const Problem problem = mixed.draw(n);
    const auto [place, is_new] = prompts.emplace(problem.id, problem.prompt);
    ASSERT_EQ(place->second, problem.prompt);
    const SftSample sample = mixed.draw_sft(n);
    ASSERT_EQ(sample.problem.id, problem.id);
    ASSERT_EQ(sample.problem.source, problem.source);
  }
  EXPECT_EQ(prompts.size(), 14u);
  EXPECT_EQ(mixed.size(), 14);
  EXPECT_EQ(mixed.head(2).size(), 4u);
}

TEST_F(Parts, APartJoinsAtItsFirstDrawAndTheOthersAreAsBefore) {
  const Mixture late = mixture(3, 500);
  for (int64_t n = 0; n < 500; ++n) ASSERT_EQ(late.draw(n).source, "many");
  int few = 0;
  for (int64_t n = 500; n < 2500; ++n) few += late.draw(n).source == "few";
  EXPECT_NEAR(few / 2000.0, 0.25, 0.04);
}

TEST_F(Parts, OnePartDrawsWhatItsSourceDraws) {
  std::vector<Mixture::Part> parts;
  parts.push_back({.name = "", .source = source("a", 10)});
  const Mixture mixed(std::move(parts), 99);
  const ProblemSource alone = source("a", 10);
  for (int64_t n = 0; n < 35; ++n) {
    ASSERT_EQ(mixed.draw(n).prompt, alone.draw(n).prompt);
    ASSERT_EQ(mixed.draw(n).id, alone.draw(n).id);
  }
}

TEST_F(Parts, ASourceThatIsNoListIsOnePartWithoutAName) {
  const auto parts = read(file("a", 2));
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].name, "");
  EXPECT_EQ(parts[0].data.answer_extractor, "####");
}

TEST_F(Parts, APartSaysWhatDiffersFromTheData) {
  const auto parts = read({{{"name", "x"}, {"train", file("a", 2)}, {"weight", 2}, {"answer_extractor", "boxed"}},
                           {{"name", "y"}, {"train", {{"generator", "chain"}}}, {"from_step", 5}}});
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].weight, 2.0);
  EXPECT_EQ(parts[0].data.answer_extractor, "boxed");
  EXPECT_EQ(parts[1].data.answer_extractor, "####");
  EXPECT_EQ(parts[1].from_step, 5);
}

TEST_F(Parts, WhatAStageKeptIsReadAsItIsWritten) {
  const Json train = {{"stage", "collect"}};
  const auto parts = read(train);
  EXPECT_EQ(parts[0].data.prompt_column, "question");
  EXPECT_EQ(parts[0].data.completion_column, "completion");
  EXPECT_EQ(parts[0].data.answer_extractor, "none");
  Recipe waiting = recipe(train);
  EXPECT_EQ(awaited_stages(waiting, waiting.stages[2]), std::vector<std::string>{"collect"});
  waiting.out = folder_.file("out");
  EXPECT_EQ(awaited_stages(waiting, waiting.stages[2]), std::vector<std::string>{"collect"});
  std::filesystem::create_directories(folder_.file("out/stages/01-collect/data"));
  folder_.write("out/stages/01-collect/data/kept.jsonl", "{}\n");
  EXPECT_TRUE(awaited_stages(waiting, waiting.stages[2]).empty());
}

TEST_F(Parts, WrongPartsAreNamed) {
  const std::string a = file("a", 2);
  EXPECT_TRUE(holds(refused({{{"name", "x"}}}).where(), "stages[2].data.train[0]"));
  EXPECT_TRUE(holds(refused({{{"train", a}}}).where(), "train[0]"));
  EXPECT_TRUE(holds(refused({{{"name", "x"}, {"train", a}}, {{"name", "x"}, {"train", a}}}).summary(), "two parts"));
  EXPECT_TRUE(holds(refused({{{"name", "x"}, {"train", a}, {"weight", 0}}}).where(), "weight"));
  EXPECT_TRUE(holds(refused({{{"name", "x"}, {"train", a}, {"colums", 1}}}).summary(), "colums"));
  EXPECT_TRUE(holds(refused({{{"name", "x"}, {"train", a}, {"from_step", 2}}}).summary(), "first step"));
  EXPECT_TRUE(holds(refused({{"stage", "nobody"}}).summary(), "no earlier stage"));
  EXPECT_TRUE(holds(refused({{"stage", "learn"}}).summary(), "no earlier stage"));
  EXPECT_TRUE(holds(refused({{"stage", "rl"}}).summary(), "keeps no data"));
}

TEST_F(Parts, RowsThatHoldPartsOfAnEvaluationSetAreLeftOut) {
  const Json data = {{"eval", file("a", 3)}, {"columns", {{"completion", "completion"}}}, {"decontaminate", Json::object()}};
  const auto part_of = [&](const Json& train) {
    Json whole = data;
    whole["train"] = train;
    const Json json = {{"policy", {{"model", "m"}}},
                       {"stages", {{{"name", "collect"}, {"stage", "reject"}}, {{"name", "learn"}, {"stage", "sft"}, {"data", whole}}}}};
    const Recipe read = read_recipe(folder_.write("recipe.json", json.dump()), {});
    return read_training_parts(read, read.stages[1], DataUse::kTrainSft);
  };
  const std::string all = folder_.file("all.jsonl");
  std::filesystem::copy_file(file("b", 4), all);
  std::ofstream(all, std::ios::app) << Json{{"prompt", "a1"}, {"answer", "1"}, {"completion", "1"}}.dump() + "\n";
  const ProblemSource found(part_of(all).front().data, characters(), 40, 1, 7);
  EXPECT_EQ(found.size(), 4);
  EXPECT_EQ(found.dropped(), 0);
  EXPECT_EQ(found.contaminated().value(), (std::map<std::string, int64_t>{{file("a", 3), 1}}));
  for (const Problem& problem : found.head(0)) EXPECT_TRUE(problem.prompt.starts_with("b"));
  EXPECT_FALSE(source("b", 4).contaminated());
  // What a stage kept has columns of its own; the evaluation set has those of the data.
  const DecontaminationOptions options = part_of({{"stage", "collect"}}).front().data.decontaminate.value();
  EXPECT_EQ(options.against.front().columns, (std::vector<std::string>{"prompt", "answer", "completion"}));
  // Generators are left alone, and where there is nothing else the key is a mistake.
  const Json chain = {{"generator", "chain"}};
  EXPECT_FALSE(part_of({{{"name", "g"}, {"train", chain}}, {{"name", "f"}, {"train", all}}}).front().data.decontaminate);
  EXPECT_TRUE(holds(error_of([&] { part_of(chain); }).where(), "data.decontaminate"));
}

}  // namespace
}  // namespace grpo
