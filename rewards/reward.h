#pragma once
// A reward: completion in, score out. Rewards read what the policy wrote as data, never run it, never throw on
// it, take time linear in its length, and say the same of the same episode every time. They read the text
// (`Episode::completion`, special tokens removed), the gold answer (`Problem::answer`) and the data row
// (`Problem::columns`); none of them sees another episode of the group.
//
// Scores of the built-in rewards lie in [0, 1]. A gold answer that cannot be read is ScoreStatus::kSkip, never
// a 0: the policy is not to blame for the data set.
//
//   name        1 when                                                           options
//   countdown   the answer combines the given numbers into the target            -
//   exact       the answer equals the gold answer as text                        extract, ignore_case
//   format      the completion is <think>..</think><answer>..</answer>           allow_blank_think, think_in_prompt
//   gsm8k       the answer equals the gold number, compared as decimals          profile, extract
//   length      the completion has max_tokens tokens or more (linear below)      min_tokens, max_tokens, invert

#include <functional>
#include <string>
#include <vector>

#include "core/types.h"

namespace grpo {

struct Reward {
  std::string name;
  // Safe to call from several threads at once. Built-in rewards never throw.
  std::function<Score(const Episode&, const Problem&)> score;
};

// The built-in reward `name` with its options, an object whose keys each reward's header lists. `file` and
// `path` say where the options were written and only serve messages: ("recipe.json", "rewards[0]").
// Throws Error on an unknown name (the Error lists the known ones), an unknown option, or a bad value.
Reward make_reward(const std::string& name, const Json& options, const std::string& file,
                   const std::string& path = "");

// Names that make_reward knows, in alphabetical order.
std::vector<std::string> reward_names();

}  // namespace grpo
