#pragma once
// Which samples rejection sampling keeps: what the rewards say of each, how readable it is, and how often its problem was
// solved (DeepSeek-R1, arXiv 2501.12948, B.3.2 and B.3.3; the pass rates are open-r1's dataset_filtering).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/types.h"
#include "pipelines/near_duplicates.h"
#include "rewards/rubric.h"

namespace grpo {

// The object "keep":
//   require          {LABEL: least value, ...} of rewards by label; each must have a value and reach it. Default: the
//                    first reward, at least 1
//   What R1 drops of its chains of thought, as pipelines/readability.h measures it (mixed languages: require the reward
//   language_consistency):
//   max_paragraph_chars  default 0: any; else the longest paragraph that a thought may have, in characters
//   code_in_think    true (default): thoughts may hold fenced code blocks
//   max_repeated_ngrams  default 1: any; else the largest share, 0 to 1, of the 10-grams of words of the whole completion
//                    that repeat an earlier one
//   summary          false (default); true: something must stand behind the thought. A completion without a thought is a
//                    summary alone
//   max_per_problem  default 0: all that pass; else at most so many of a problem
//   prefer           which of them: "first" (default, in the order of sampling), "shortest" or "longest", in tokens
//   pass_rate_min, pass_rate_max   0 and 1: problems solved more rarely or more often give nothing. Solved is what the
//                    first reward gives 1 or more, among the samples that it could judge
//   deduplicate      true (default): of completions that differ in white space alone, the first of the whole set
//   near_duplicates  {"ngram_size": 5, "threshold": 0.8}, or {} for these values: of rows of the whole set whose questions
//                    and completions together have nearly the same n-grams of words (pipelines/near_duplicates.h), or
//                    all, the first. Absent: all of them. A question much longer than its completions makes them look alike
//   max_samples      default 0: all; else the first so many of the set, in the order of problems
// A completion that was cut off is never kept.
struct KeepRules {
  std::map<std::string, double> require;
  int64_t max_paragraph_chars = 0;
  bool code_in_think = true;
  double max_repeated_ngrams = 1.0;
  bool summary = false;
  int64_t max_per_problem = 0;
  std::string prefer = "first";
  double pass_rate_min = 0.0;
  double pass_rate_max = 1.0;
  bool deduplicate = true;
  std::optional<NearDuplicateOptions> near_duplicates = std::nullopt;
  int64_t max_samples = 0;
};

// Throws Error naming the key; labels must be those of `rubric`.
KeepRules read_keep_rules(ObjectReader& reader, const Rubric& rubric);

// Why a sample is dropped, or "" for one that passes: "cut off", "no completion", the label of the reward that it fails,
// "long paragraph", "code in think", "repeated n-grams" or "no summary"; the first of these that holds.
std::string dropped_for(const KeepRules& rules, const Rubric& rubric, const Episode& episode);

// What a group gives.
struct KeptSamples {
  std::vector<size_t> kept;              // indices of its episodes, in the order in which they are to be written
  std::optional<double> pass_rate;       // none where no sample could be judged
  std::map<std::string, int64_t> dropped;  // how many for which reason; "pass rate" and "per problem" among them
};
KeptSamples choose_samples(const KeepRules& rules, const Rubric& rubric, const Group& group);

}  // namespace grpo
