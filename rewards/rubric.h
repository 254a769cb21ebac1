#pragma once
// What a run rewards: a weighted list of rewards. Scoring a group fills each episode's breakdown (`scores`) and the
// one number that training sees (`reward`); what each reward said stays readable beside the sum.

#include <optional>
#include <string>
#include <vector>

#include "rewards/reward.h"

namespace grpo {

// What becomes of an item's word on a completion that was cut off at max_completion_length.
enum class TruncatedPolicy {
  kScore,  // "score": like any other
  kZero,   // "zero": the value is 0, and the reward does not see the completion
  kNone,   // "none": the item does not apply to it
  kMask,   // "mask": the whole episode has no reward
};

// The item counts only where another passed.
struct Gate {
  std::string label;  // of another item of the rubric
  double min = 1.0;   // its value must be at least this
};

struct RubricItem {
  Reward reward;
  double weight = 1.0;  // may be negative; 0: measured and logged, without any effect on Episode::reward
  std::string label;    // unique within the rubric; names the metrics rewards/{label}/mean
  TruncatedPolicy truncated = TruncatedPolicy::kScore;
  std::optional<Gate> gate = std::nullopt;
  std::vector<std::string> sources = {};  // of problems (Problem::source) that it applies to; empty: to all
};

struct Rubric {
  std::vector<RubricItem> items;
};

// Reads the recipe's list:
//
//   "rewards": [{"name": "math"},
//               {"name": "format", "weight": 0.1},
//               {"python": "my_reward.py:brevity", "weight": 0.2, "gate": "math"}]
//
// An item holds
//   name         which reward (rewards/registry.h). {"python": "f.py:reward"} is short for
//                {"name": "python", "function": "f.py:reward"}, {"program": [...]} for {"name": "program", "command":
//                [...]}, {"library": "f.so"} for {"name": "library", "path": "f.so"} and {"http": "URL"} for
//                {"name": "http", "url": "URL"}.
//   weight       default 1
//   label        default: the name; of a Python reward the name of its function
//   truncated    "score" (default), "zero", "none" or "mask"
//   gate         the label of another item that must be 1 or more, or {"label": L, "min": X}. Behind a closed gate the
//                item counts as 0, whatever its value; a gate without a value is closed.
//   sources      ["general"]: the item applies only to problems that come from these parts of data.train
// and the options of that reward. Throws Error on anything else: an empty list, an unknown name, option or label, two
// items with one label, or no weight other than 0. `file` and `path` say where the list stands ("recipe.json",
// "rewards").
Rubric read_rubric(const Json& list, const std::string& file, const std::string& path,
                   const RewardContext& context = {});

// The item {"name": ...} of a reward as people name it on a command line: a built-in name, or FILE.py:FUNCTION.
Json item_named(const std::string& name);

// Fills episode.scores, one per item in the rubric's order, and episode.reward, of every episode of the group:
//   - the sum of weight * value over the items that apply (status ok, with a value; gates as above);
//   - none if no item applies, or if an item is a skip (its gold cannot be read) or an error, or its gate or the item
//     it builds on is: such an episode is masked out of its group, never scored 0. Items of weight 0 mask nothing by
//     themselves. None also if the sum is beyond the range of a double.
// A gate asks for the value that the other item's reward gave, whatever gate that item stands behind itself.
// A reward that throws, whose value is not finite, or that returns another number of scores than episodes becomes
// error scores with the reason. An episode whose finish_reason is kError is not shown to the rewards: every score is
// "does not apply", and reward is none. Never throws. Safe from several threads at once on different groups.
void score_group(const Rubric& rubric, Group& group);

}  // namespace grpo
