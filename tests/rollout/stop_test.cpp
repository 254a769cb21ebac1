#include "rollout/stop.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace grpo {
namespace {

// Characters a..z, then the tag <think>, then the specials <eos> and <pad>.
class Stop : public testing::Test {
 protected:
  Stop()
      : tokenizer(Tokenizer::from_json(
            character_tokenizer_json("abcdefghijklmnopqrstuvwxyz", {"<think>"}, {"<eos>", "<pad>"}), "letters")),
        eos(tokenizer.token_to_id("<eos>")),
        pad(tokenizer.token_to_id("<pad>")) {}

  std::vector<int64_t> ids(const std::string& text) const { return tokenizer.encode(text, false); }

  // Feeds ids one by one; where and why the completion ended.
  std::pair<size_t, std::optional<FinishReason>> run(const StopRules& rules, const std::vector<int64_t>& all) const {
    std::vector<int64_t> prefix;
    for (const int64_t id : all) {
      prefix.push_back(id);
      if (const auto reason = rules.ended(prefix)) return {prefix.size(), reason};
    }
    return {prefix.size(), std::nullopt};
  }

  Tokenizer tokenizer;
  int64_t eos;
  int64_t pad;
};

using Ended = std::pair<size_t, std::optional<FinishReason>>;

TEST_F(Stop, EndTokensAreTheModelsAndTheUsers) {
  const StopRules rules({.max_tokens = 10, .eos_ids = {pad}}, {eos}, &tokenizer);
  EXPECT_EQ(run(rules, {0, eos, 0}), (Ended{2, FinishReason::kEos}));
  EXPECT_EQ(run(rules, {0, 1, pad}), (Ended{3, FinishReason::kEos}));
  EXPECT_EQ(run(rules, {0, 1, 2}), (Ended{3, std::nullopt}));
}

TEST_F(Stop, IgnoredEndTokensDoNotEndACompletion) {
  const StopRules rules({.max_tokens = 3, .eos_ids = {pad}, .ignore_eos = true}, {eos}, &tokenizer);
  EXPECT_EQ(run(rules, {eos, pad, 0, 0}), (Ended{3, FinishReason::kLength}));
}

TEST_F(Stop, AnEndTokenAsLastAllowedTokenIsNoTruncation) {
  const StopRules rules({.max_tokens = 3}, {eos}, &tokenizer);
  EXPECT_EQ(run(rules, {0, 1, eos}), (Ended{3, FinishReason::kEos}));
  EXPECT_EQ(run(rules, {0, 1, 2}), (Ended{3, FinishReason::kLength}));
}

TEST_F(Stop, StopIdsEndAsStopAndLeaveTheText) {
  const StopRules rules({.max_tokens = 10, .stop_ids = {ids("x")[0]}}, {eos}, &tokenizer);
  EXPECT_EQ(run(rules, ids("abxc")), (Ended{3, FinishReason::kStop}));
  EXPECT_EQ(rules.text(ids("abx"), FinishReason::kStop), "ab");
}

TEST_F(Stop, AStopStringMatchesAcrossTokensAtItsLastOne) {
  const StopRules rules({.max_tokens = 100, .stop_strings = {"stop", "halt"}}, {eos}, &tokenizer);
  EXPECT_EQ(run(rules, ids("abcstopdef")), (Ended{7, FinishReason::kStop}));
  EXPECT_EQ(run(rules, ids("ststohhalt")), (Ended{10, FinishReason::kStop}));
  EXPECT_EQ(run(rules, ids("sto")), (Ended{3, std::nullopt}));
}

TEST_F(Stop, AStopStringIsFoundAfterAnyLengthOfText) {
  const StopRules rules({.max_tokens = 1000, .stop_strings = {"xyz"}}, {eos}, &tokenizer);
  for (const int length : {0, 1, 9, 10, 11, 12, 200}) {
    const std::string text = std::string(static_cast<size_t>(length), 'a') + "xyz";
    EXPECT_EQ(run(rules, ids(text)), (Ended{text.size(), FinishReason::kStop}));
  }
}

TEST_F(Stop, SpecialTokensInsideAStopStringDoNotHideIt) {
  const StopRules rules({.max_tokens = 1000, .stop_strings = {"xy"}}, {}, &tokenizer);
  std::vector<int64_t> all = ids("ax");
  all.insert(all.end(), 50, pad);
  all.push_back(ids("y")[0]);
  EXPECT_EQ(run(rules, all), (Ended{all.size(), FinishReason::kStop}));
}

TEST_F(Stop, TheTextIsCutBeforeTheFirstStopStringAndTheIdsStay) {
  const StopRules rules({.max_tokens = 100, .stop_strings = {"bc", "abc"}}, {eos}, &tokenizer);
  const std::vector<int64_t> all = ids("xabc");
  EXPECT_EQ(rules.text(all, FinishReason::kStop), "x");
  EXPECT_EQ(all, ids("xabc"));
}

TEST_F(Stop, TheTextShowsTagsButNoSpecialTokensNorTheEndToken) {
  const StopRules rules({.max_tokens = 100, .eos_ids = {ids("z")[0]}}, {eos}, &tokenizer);
  std::vector<int64_t> all = ids("<think>ab");
  all.push_back(pad);
  all.push_back(ids("c")[0]);
  all.push_back(eos);
  EXPECT_EQ(rules.text(all, FinishReason::kEos), "<think>abc");
  EXPECT_EQ(rules.text(ids("abz"), FinishReason::kEos), "ab");  // an end token that is no special one
}

TEST_F(Stop, IdsBeyondTheTokenizerAreDroppedFromTheText) {
  const StopRules rules({.max_tokens = 100, .stop_strings = {"bc"}}, {eos}, &tokenizer);
  std::vector<int64_t> all = ids("ab");
  all.push_back(tokenizer.vocab_size() + 5);  // padding of the model's vocabulary
  EXPECT_EQ(rules.ended(all), std::nullopt);
  EXPECT_EQ(rules.text(all, FinishReason::kLength), "ab");
  all.push_back(ids("c")[0]);
  EXPECT_EQ(rules.ended(all), FinishReason::kStop);
}

TEST_F(Stop, WithoutATokenizerThereIsNoTextAndStopStringsAreRefused) {
  const StopRules rules({.max_tokens = 2}, {eos}, nullptr);
  EXPECT_EQ(rules.text({0, 1}, FinishReason::kLength), "");
  EXPECT_THROW(StopRules({.stop_strings = {"x"}}, {eos}, nullptr), Error);
}

}  // namespace
}  // namespace grpo
