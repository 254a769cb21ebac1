// Which samples rejection sampling keeps, and what it writes of them.
#include "pipelines/keep_rules.h"

#include <gtest/gtest.h>

#include "pipelines/kept_rows.h"
#include "rewards/score_of.h"
#include "tests/rewards/scoring.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

Rubric rubric() {
  return read_rubric({{{"name", "exact"}}, {{"name", "format"}, {"weight", 0.5}}}, "r.json", "rewards");
}

KeepRules rules(const Json& keep) {
  ObjectReader r(keep, "r.json", "keep");
  return read_keep_rules(r, rubric());
}

Episode sample(const std::string& text, size_t tokens) {
  Episode episode = episode_of(text);
  episode.completion_ids.assign(tokens, 1);
  return episode;
}

// Right and in form, right and out of form, wrong, right but cut off.
Group group() {
  Group group{.problem = problem_of("2", {{"level", 3}}),
              .episodes = {sample("<think>1+1</think><answer>2</answer>", 9), sample("<answer>2</answer>", 3),
                           sample("<think>1+1</think><answer>3</answer>", 9), sample("<answer>2</answer>", 4)}};
  group.episodes[3].finish_reason = FinishReason::kLength;
  for (size_t i = 0; i < group.episodes.size(); ++i) group.episodes[i].sample_index = static_cast<int64_t>(i);
  score_group(rubric(), group);
  return group;
}

using Kept = std::vector<size_t>;

TEST(KeepRules, WithoutRulesTheFirstRewardDecides) {
  const KeptSamples chosen = choose_samples(rules(Json::object()), rubric(), group());
  EXPECT_EQ(chosen.kept, (Kept{0, 1}));
  EXPECT_EQ(chosen.pass_rate, 0.75);
  EXPECT_EQ(chosen.dropped, (std::map<std::string, int64_t>{{"exact", 1}, {"cut off", 1}}));
}

// Statement 53: exactly the completions whose rules pass.
TEST(KeepRules, EveryRequiredRewardMustReachItsLeast) {
  const KeepRules both = rules({{"require", {{"exact", 1}, {"format", 1}}}});
  EXPECT_EQ(choose_samples(both, rubric(), group()).kept, (Kept{0}));
  const KeepRules form = rules({{"require", {{"format", 1}}}});
  EXPECT_EQ(choose_samples(form, rubric(), group()).kept, (Kept{0, 2}));
  const KeepRules any = rules({{"require", Json::object()}});
  EXPECT_EQ(choose_samples(any, rubric(), group()).kept, (Kept{0, 1, 2}));
}

TEST(KeepRules, ASampleWithoutAVerdictIsNotKept) {
  Group unjudged = group();
  unjudged.episodes[0].scores[0] = skipped("gold");
  unjudged.episodes[1].finish_reason = FinishReason::kError;
  EXPECT_EQ(choose_samples(rules(Json::object()), rubric(), unjudged).kept, Kept{});
}

TEST(KeepRules, OfAProblemAtMostSoManyInTheWantedOrder) {
  EXPECT_EQ(choose_samples(rules({{"max_per_problem", 1}}), rubric(), group()).kept, (Kept{0}));
  EXPECT_EQ(choose_samples(rules({{"max_per_problem", 1}, {"prefer", "shortest"}}), rubric(), group()).kept, (Kept{1}));
  const KeptSamples longest = choose_samples(rules({{"max_per_problem", 2}, {"prefer", "longest"}}), rubric(), group());
  EXPECT_EQ(longest.kept, (Kept{0, 1}));
  EXPECT_EQ(choose_samples(rules({{"max_per_problem", 1}}), rubric(), group()).dropped.at("per problem"), 1);
}

TEST(KeepRules, ProblemsThatAreTooEasyOrTooHardGiveNothing) {
  EXPECT_EQ(choose_samples(rules({{"pass_rate_max", 0.5}}), rubric(), group()).kept, Kept{});
  EXPECT_EQ(choose_samples(rules({{"pass_rate_min", 0.8}}), rubric(), group()).kept, Kept{});
  EXPECT_EQ(choose_samples(rules({{"pass_rate_min", 0.75}, {"pass_rate_max", 0.75}}), rubric(), group()).kept, (Kept{0, 1}));
  EXPECT_EQ(choose_samples(rules({{"pass_rate_max", 0.5}}), rubric(), group()).dropped.at("pass rate"), 2);
}

TEST(KeepRules, WrongRulesAreNamed) {
  const auto refused = [](const Json& keep) { return error_of([&] { rules(keep); }); };
  EXPECT_TRUE(holds(refused({{"require", {{"exakt", 1}}}}).summary(), "exakt"));
  EXPECT_TRUE(holds(refused({{"prefer", "longest"}}).where(), "prefer"));
  EXPECT_TRUE(holds(refused({{"pass_rate_min", 0.5}, {"pass_rate_max", 0.1}}).where(), "pass_rate_min"));
  EXPECT_TRUE(holds(refused({{"most", 1}}).summary(), "most"));
}

TEST(KeptRows, ARowHoldsColumnsQuestionAnswerCompletionAndWhereItComesFrom) {
  Group from = group();
  from.problem.id = 17;
  from.episodes[0].problem_id = 17;
  from.episodes[0].seed = 5;
  const Json row = kept_row(from, from.episodes[0], rubric(), "1+1=", "{completion}");
  EXPECT_EQ(row["level"], 3);
  EXPECT_EQ(row["question"], "1+1=");
  EXPECT_EQ(row["answer"], "2");
  EXPECT_EQ(row["completion"], "<think>1+1</think><answer>2</answer>");
  EXPECT_EQ(row["provenance"], (Json{{"problem", 17}, {"sample", 0}, {"seed", 5}, {"reward", 1.5}, {"scores", {{"exact", 1.0}, {"format", 1.0}}}}));
}

TEST(KeptRows, ACompletionIsWrittenByItsTemplate) {
  const std::string completion = "<think> a b\n</think>\n<answer> 2 </answer>";
  EXPECT_EQ(written_completion("{completion}", completion), completion);
  EXPECT_EQ(written_completion("<think>\n{think}\n</think>\n\n{answer}", completion), "<think>\na b\n</think>\n\n2");
  EXPECT_EQ(written_completion("{answer}", "<think>x</think> so 4 "), "so 4");
  EXPECT_EQ(written_completion("{answer}", "plain"), "plain");
  // What the model writes is text, not a template.
  EXPECT_EQ(written_completion("{answer}!", "<answer>{think}</answer>"), "{think}!");
  EXPECT_TRUE(holds(error_of([] { check_completion_template("{thnk}", "w"); }).summary(), "thnk"));
  EXPECT_TRUE(holds(error_of([] { check_completion_template("fixed", "w"); }).summary(), "nothing"));
}

TEST(KeptRows, WhiteSpaceAloneMakesNoOtherRow) {
  const auto key = [](const std::string& question, const std::string& completion) {
    return deduplication_key({{"question", question}, {"completion", completion}});
  };
  EXPECT_EQ(key("q", "a  b\n"), key("q", "a b"));
  EXPECT_NE(key("q", "a b"), key("q", "ab"));
  EXPECT_NE(key("q", "a b"), key("p", "a b"));
}

}  // namespace
}  // namespace grpo
