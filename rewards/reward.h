#pragma once
// A reward: the completions of a group in, one score for each out. Rewards read what the policy wrote as data and
// say the same of the same group every time, whatever else is scored before, after or at the same moment. They read
// the text (`Episode::completion`, special tokens removed), the token ids where they count tokens, the gold answer
// (`Problem::answer`) and the data row (`Problem::columns`).
//
// Built-in rewards never run what they read, never throw on it, and take time linear in its length (the math
// verifier: within its own budget). A gold answer that cannot be read is ScoreStatus::kSkip, never a 0: the policy
// is not to blame for the data set. What failed for reasons of its own is ScoreStatus::kError, never a 0 either.
// rewards/registry.h lists them.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/types.h"

namespace grpo {

class Judge;  // sandbox/judge/judge.h

struct Reward {
  // One score per episode of the group, in order. `correct` holds what the rubric item called `correct_label` said of
  // the same episodes, and is empty where no label is asked for. Safe to call from several threads at once.
  using ScoreGroup = std::function<std::vector<Score>(const Group& group, std::span<const Score> correct)>;

  std::string name;
  ScoreGroup score_group;
  // Rewards that depend on whether the answer is right (length, cosine) may build on another item of the rubric:
  // its label, of an item that stands earlier in the list. Empty: this reward needs no other.
  std::string correct_label = {};
  // Throws Error if this host lacks what judging the problem takes (the tools of its language). Asked for problems of a
  // data set before anything is trained on them; null: nothing is needed. What is wrong with the problem itself is no
  // business of it: that is a skip, when it comes.
  std::function<void(const Problem& problem)> check_host = nullptr;
};

// The reward that judges every episode by itself. `score` must be safe to call from several threads at once.
using ScoreEpisode = std::function<Score(const Episode& episode, const Problem& problem)>;
Reward per_episode(std::string name, ScoreEpisode score);

// The score of one completion that stands in no group: a group of one. Only for rewards without a correct_label.
Score score_alone(const Reward& reward, const Episode& episode, const Problem& problem);

// True if a score says that the answer is right: a value of 1 or more.
inline bool is_correct(const Score& score) { return score.value && *score.value >= 1.0; }

// Makes the reward `name` from its options, all of whose keys it reads; none: it knows no reward of that name. Throws
// Error for bad options.
using RewardProvider = std::function<std::optional<Reward>(const std::string& name, ObjectReader& options)>;

// What a reward may need to know of its surroundings.
struct RewardContext {
  // Where the stderr of plug-ins is appended, line by line, each line after the name of its reward. Empty: our own
  // stderr.
  std::string log_file;
  // Judges what rewards run (`code`). Null: a reward that needs one starts a sandbox of its own, which comes late:
  // the process may have grown by then.
  std::shared_ptr<Judge> judge = nullptr;
  // Asked for names that the registry does not have: rewards that take what this room cannot see (`model`,
  // pipelines/model_reward.h). Null: there are none.
  RewardProvider provide = nullptr;
};

}  // namespace grpo
