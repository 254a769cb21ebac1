#pragma once
// The built-in rewards by name.
//
//   name             value                                                            options
//   code             1: the program in the completion passes its tests in the sandbox  language, format, columns, extract,
//                                                                                     max_tests, reward, comparator, ...
//   cosine           falls (right) or rises (wrong) with length along half a cosine   correct, {min,max}_value_{wrong,
//                                                                                     correct}, max_len, unit
//   countdown        1: the answer combines the given numbers into the target         format_score
//   exact            1: the answer equals a gold answer as text                       extract, normalize, ignore_case,
//                                                                                     several_golds
//   format           1: the completion has the shape <think>..</think> and an answer  template, allow_blank_think,
//                                                                                     think_in_prompt
//   gsm8k            1: the answer equals the gold number, compared as decimals       profile, extract, format_score
//   instructions     1: every instruction that can be checked is followed (IFEval)       ids_column, kwargs_column,
//                                                                                     mode, level, scope
//   language_consistency  words of the wanted language / words                        language, {question,language}_column,
//                                                                                     scope, ignore_code_and_math,
//                                                                                     threshold
//   length           0.5 to -0.5, shortest to longest of the group; wrong: <= 0       correct, unit
//   math             1: the answer is mathematically the gold answer                  profile, extract, max_boxes,
//                                                                                     wrong_value, convert_units, ...
//   mcq              1: the gold option is chosen, by letter or by text               extract, choices_column, gold
//   multi_answer     1: the answer holds the gold's items                             extract, separator, items, ordered,
//                                                                                     partial
//   reasoning_steps  steps of reasoning / 3, at most 1                                steps
//   repetition       -1 times the share of repeated n-grams                           ngram_size, max_penalty, unit
//   soft_overlong    0, to -1 over the last tokens before the limit                   max_completion_len,
//                                                                                     soft_punish_cache
//   tag_count        0.25 for each of the four tags that stands there once            newlines, think_in_prompt
//   token_count      0 at min_tokens to 1 at max_tokens                               min_tokens, max_tokens, invert
//
// and those that ask what the user brings, with numbers or null for any completion:
//   http             a web server, as OpenRLHF asks its remote reward models          url, timeout, retries, backoff, workers,
//                                                                                     batch, headers, ca_file, verify
//   judge            a language model behind an OpenAI-compatible server, with or     base_url, model, api_key_env, prompt,
//                    without a gold answer                                            question_column, scope, scale, ...
//   library          a shared library with the symbol grpo_reward_v1                  path, options, correct
//   program          any program, over lines of JSON                                  command, timeout, workers, memory_mb,
//                                                                                     batch, env, options, ready, ...
//   python           a Python function, as written for TRL                            function, interpreter, format, and
//                                                                                     what program has
//
// and, where RewardContext::provide makes it (in runs of recipes):
//   model            the score of a reward model                                      model, scope, template, ...
//                                                                                     (pipelines/model_reward.h)

#include <string>
#include <vector>

#include "core/json.h"
#include "rewards/reward.h"

namespace grpo {

// The reward `name` with its options, an object whose keys each reward's header lists. `file` and `path` say where
// the options were written: ("recipe.json", "rewards[0]"). They serve messages, and paths in the options are
// relative to the folder of `file`.
// A name that is not in the list is asked of context.provide.
// Throws Error on an unknown name (the Error lists the known ones), an unknown option, or a bad value.
Reward make_reward(const std::string& name, const Json& options, const std::string& file,
                   const std::string& path = "", const RewardContext& context = {});

// True if the reward `name` runs what the policy wrote, and so needs RewardContext::judge. False for unknown names.
bool runs_code(const std::string& name);

// Names that make_reward knows, in alphabetical order.
std::vector<std::string> reward_names();

}  // namespace grpo
