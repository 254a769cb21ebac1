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

// Of right samples, those that the rule leaves, and why it drops the others.
std::pair<Kept, std::map<std::string, int64_t>> readable(const Json& keep, const std::vector<std::string>& completions) {
  Group right{.problem = problem_of("2"), .episodes = {}};
  for (const std::string& completion : completions) right.episodes.push_back(sample(completion, 5));
  score_group(rubric(), right);
  Json with = keep;
  with["require"] = Json::object();
  const KeptSamples chosen = choose_samples(rules(with), rubric(), right);
  return {chosen.kept, chosen.dropped};
}
using Dropped = std::map<std::string, int64_t>;

TEST(KeepRules, ThoughtsWithLongParagraphsAreDropped) {
  const std::vector<std::string> completions = {
      "<think>12345\n\n六七八九十</think>2",       // five characters each
      "<think>123456\n\n7</think>2",             // six
      "<think>123\n456</think>2",                // seven: a line break is in the paragraph
      "<think>1</think>a summary may be long"};
  const auto [kept, dropped] = readable({{"max_paragraph_chars", 5}}, completions);
  EXPECT_EQ(kept, (Kept{0, 3}));
  EXPECT_EQ(dropped, (Dropped{{"long paragraph", 2}}));
  EXPECT_EQ(readable({{"max_paragraph_chars", 7}}, completions).first, (Kept{0, 1, 2, 3}));
  EXPECT_EQ(readable({{"max_paragraph_chars", 0}}, completions).first, (Kept{0, 1, 2, 3}));
}

TEST(KeepRules, ThoughtsWithCodeAreDroppedWhereTheyAreToHaveNone) {
  const std::vector<std::string> completions = {"<think>a\n```\ncode\n```\n</think>2", "<think>a</think>\n```\ncode\n```",
                                                "<think>`a`</think>2"};
  const auto [kept, dropped] = readable({{"code_in_think", false}}, completions);
  EXPECT_EQ(kept, (Kept{1, 2}));
  EXPECT_EQ(dropped, (Dropped{{"code in think", 1}}));
  EXPECT_EQ(readable({{"code_in_think", true}}, completions).first, (Kept{0, 1, 2}));
}

TEST(KeepRules, LoopsAreDropped) {
  // 20 equal words are eleven 10-grams of which one is new; of 11 words of which the first returns at the end, both are new.
  const std::string word = "so ";
  std::string loop;
  for (int i = 0; i < 20; ++i) loop += word;
  const std::vector<std::string> completions = {"<think>a b c d e f g h i j a</think>2", loop,
                                                "<think>short</think>" + loop};
  const auto [kept, dropped] = readable({{"max_repeated_ngrams", 0.9}}, completions);
  EXPECT_EQ(kept, (Kept{0, 2}));  // 10/11 and, with another 10-gram in front, less than 10/12
  EXPECT_EQ(dropped, (Dropped{{"repeated n-grams", 1}}));
  EXPECT_EQ(readable({{"max_repeated_ngrams", 0.0}}, completions).first, (Kept{0}));
  EXPECT_EQ(readable({{"max_repeated_ngrams", 1.0}}, completions).first, (Kept{0, 1, 2}));
}

TEST(KeepRules, ThoughtsWithoutASummaryAreDroppedWhereOneIsWanted) {
  const std::vector<std::string> completions = {"<think>a</think> \n", "<think>a</think><answer> </answer>", "<think>never ends",
                                                "<think>a</think>2", "2"};
  const auto [kept, dropped] = readable({{"summary", true}}, completions);
  EXPECT_EQ(kept, (Kept{3, 4}));
  EXPECT_EQ(dropped, (Dropped{{"no summary", 3}}));
  EXPECT_EQ(readable({{"summary", false}}, completions).first.size(), completions.size());
}

// Each sample has one reason: the first that holds.
TEST(KeepRules, AWrongSampleIsDroppedAsWrongHoweverItReads) {
  Group wrong{.problem = problem_of("2"), .episodes = {sample("<think>12345</think>", 5), sample("<think>12345</think><answer>2</answer>", 5)}};
  score_group(rubric(), wrong);
  const KeptSamples chosen = choose_samples(rules({{"max_paragraph_chars", 2}, {"summary", true}}), rubric(), wrong);
  EXPECT_EQ(chosen.dropped, (Dropped{{"exact", 1}, {"long paragraph", 1}}));
  EXPECT_EQ(chosen.pass_rate, 0.5) << "reading badly makes no problem harder";
}

TEST(KeepRules, WrongRulesAreNamed) {
  const auto refused = [](const Json& keep) { return error_of([&] { rules(keep); }); };
  EXPECT_TRUE(holds(refused({{"require", {{"exakt", 1}}}}).summary(), "exakt"));
  EXPECT_TRUE(holds(refused({{"prefer", "longest"}}).where(), "prefer"));
  EXPECT_TRUE(holds(refused({{"pass_rate_min", 0.5}, {"pass_rate_max", 0.1}}).where(), "pass_rate_min"));
  EXPECT_TRUE(holds(refused({{"most", 1}}).summary(), "most"));
  EXPECT_TRUE(holds(refused({{"max_repeated_ngrams", 1.5}}).where(), "max_repeated_ngrams"));
  EXPECT_TRUE(holds(refused({{"near_duplicates", true}}).where(), "near_duplicates"));
  EXPECT_TRUE(holds(refused({{"near_duplicates", {{"threshold", 0}}}}).where(), "near_duplicates.threshold"));
  EXPECT_TRUE(holds(refused({{"near_duplicates", {{"ngrams", 3}}}}).summary(), "ngrams"));
}

TEST(KeepRules, NearDuplicatesAreLookedForOnlyWhereTheRulesSaySo) {
  EXPECT_FALSE(rules(Json::object()).near_duplicates);
  const KeepRules usual = rules({{"near_duplicates", Json::object()}});
  EXPECT_EQ(usual.near_duplicates->ngram_size, 5);
  EXPECT_EQ(usual.near_duplicates->threshold, 0.8);
  EXPECT_EQ(rules({{"near_duplicates", {{"ngram_size", 3}, {"threshold", 0.5}}}}).near_duplicates->ngram_size, 3);
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
