#pragma once
// What a run rewards: a weighted list of rewards. Scoring an episode fills its breakdown (`scores`) and the one
// number that training sees (`reward`); what each reward said stays readable beside the sum.

#include <string>
#include <vector>

#include "rewards/reward.h"

namespace grpo {

struct RubricItem {
  Reward reward;
  double weight = 1.0;  // may be negative; 0: measured and logged, without any effect on Episode::reward
  std::string label;    // unique within the rubric; names the metrics rewards/{label}/mean
};

struct Rubric {
  std::vector<RubricItem> items;
};

// Reads the recipe's list:
//
//   "rewards": [{"name": "exact", "weight": 1.0, "ignore_case": true}, {"name": "format", "weight": 0.1}]
//
// An item holds `name` (required, see rewards/reward.h), `weight` (default 1), `label` (default: the name) and
// the options of that reward. Throws Error on anything else: an empty list, an unknown name or option, two items
// with one label, or no weight other than 0. `file` and `path` say where the list stands ("recipe.json", "rewards").
Rubric read_rubric(const Json& list, const std::string& file, const std::string& path);

// Fills episode.scores, one per item in the rubric's order, and episode.reward:
//   - the sum of weight * value over the items that apply (status ok, with a value);
//   - none if no item applies, or if an item is a skip (its gold cannot be read) or an error: such an episode is
//     masked out of its group, never scored 0. Items of weight 0 have no say in this.
// A reward that throws, or whose value is not finite, becomes an error score with the reason. An episode whose
// finish_reason is kError is not shown to the rewards: every score is "does not apply", and reward is none.
// Never throws. Safe from several threads at once on different episodes.
void score_episode(const Rubric& rubric, Episode& episode, const Problem& problem);

// score_episode for each episode of a group.
void score_group(const Rubric& rubric, Group& group);

}  // namespace grpo
