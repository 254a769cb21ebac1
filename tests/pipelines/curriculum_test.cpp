// Which problems come when, by how hard they are.

#include "pipelines/curriculum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

std::vector<Problem> problems(int64_t count) {
  std::vector<Problem> out(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) out[static_cast<size_t>(i)].id = i;
  return out;
}

std::vector<int64_t> ids(const Curriculum& curriculum, int64_t from, int64_t count) {
  std::vector<int64_t> out;
  for (int64_t n = from; n < from + count; ++n) out.push_back(curriculum.draw(n).id);
  return out;
}

TEST(Curriculum, EveryEpochHasEveryProblemOnceInAnOrderOfItsOwn) {
  const Curriculum curriculum(problems(9), std::vector<double>(9, 0.0), false, 4);
  const auto first = ids(curriculum, 0, 9), second = ids(curriculum, 9, 9);
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 9u);
  EXPECT_EQ(std::set<int64_t>(second.begin(), second.end()).size(), 9u);
  EXPECT_NE(first, second);
  EXPECT_EQ(ids(Curriculum(problems(9), std::vector<double>(9, 0.0), false, 4), 9, 9), second);
  EXPECT_NE(ids(Curriculum(problems(9), std::vector<double>(9, 0.0), false, 5), 9, 9), second);
}

TEST(Curriculum, EasyFirstGoesUpInDifficultyAndShufflesEquals) {
  std::vector<double> difficulty;
  for (int i = 0; i < 12; ++i) difficulty.push_back(i % 3);
  const Curriculum curriculum(problems(12), difficulty, true, 4);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    const auto order = ids(curriculum, 12 * epoch, 12);
    for (size_t i = 1; i < 12; ++i) EXPECT_LE(order[i - 1] % 3, order[i] % 3);
    EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()).size(), 12u);
  }
  EXPECT_NE(ids(curriculum, 0, 4), ids(curriculum, 12, 4));
}

Episode scored(std::optional<double> value, ScoreStatus status = ScoreStatus::kOk) {
  Episode episode;
  episode.finish_reason = FinishReason::kEos;
  episode.scores.emplace_back();
  episode.scores.back().value = value;
  episode.scores.back().status = status;
  return episode;
}

TEST(PassRates, AreOfTheSamplesThatCouldBeJudged) {
  Group half, none;
  half.episodes = {scored(1.0), scored(0.9), scored(std::nullopt, ScoreStatus::kError), scored(std::nullopt)};
  none.episodes = {scored(std::nullopt, ScoreStatus::kSkip)};
  const auto rates = pass_rates({half, none});
  EXPECT_EQ(rates[0], 0.5);
  EXPECT_EQ(rates[1], std::nullopt);
}

TEST(DifficultyOfColumn, NamesTheRowWithoutANumber) {
  auto rows = problems(3);
  for (Problem& p : rows) p.columns = {{"level", p.id * 2}};
  EXPECT_EQ(difficulty_of_column(rows, "level", "data.train"), (std::vector<double>{0, 2, 4}));
  rows[1].columns["level"] = "hard";
  const Error error = error_of([&] { difficulty_of_column(rows, "level", "data.train"); });
  EXPECT_TRUE(holds(error.summary(), "problem 1"));
  EXPECT_EQ(error.where(), "data.train");
}

DifficultyOptions read(const std::string& text) {
  const Json json = parse_json(text, "test");
  ObjectReader reader(json, "recipe.json", "difficulty");
  return read_difficulty_options(reader);
}

TEST(DifficultyOptions, AreReadAndContradictionsRefused) {
  const DifficultyOptions o = read(R"({"num_problems": 64, "num_samples": 8, "min_pass_rate": 0.2, "max_pass_rate": 0.8})");
  EXPECT_EQ(o.num_problems, 64);
  EXPECT_EQ(o.num_samples, 8);
  EXPECT_EQ(o.min_pass_rate, 0.2);
  EXPECT_EQ(o.max_pass_rate, 0.8);
  EXPECT_FALSE(o.easy_first);
  EXPECT_TRUE(read(R"({"column": "level", "order": "easy_first"})").easy_first);
  for (const char* text : {R"({"column": "level"})", R"({"column": "level", "order": "easy_first", "num_samples": 3})",
                           R"({"min_pass_rate": 0.8, "max_pass_rate": 0.2})", R"({"order": "hard_first"})",
                           R"({"levels": 3})"}) {
    EXPECT_THROW(read(text), Error) << text;
  }
}

}  // namespace
}  // namespace grpo
