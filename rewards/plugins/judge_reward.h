#pragma once
// "judge": a language model behind an OpenAI-compatible server says whether a completion is right, where no rule can.
// It is shown the question, the gold answer and what the completion answers, and replies with JSON, as DeepSeek-R1 had
// samples judged for its third stage (arXiv 2501.12948, Listing 4): {"analysis": "...", "correctness": "correct" or
// "incorrect"}. With `scale` it gives a grade instead, for what has no gold answer.
//
// A reply that cannot be read (rewards/plugins/judge_verdict.h) is asked for again; when that does not help, and when the
// server fails, the score is an error: the sample is masked, it never counts as wrong.
//
// What a policy can do about it. Only the judge's reply is parsed, so a verdict that the completion itself contains
// decides nothing, also where the judge quotes it: then the reply says two things, or one within a JSON string. In the
// default prompts the completion stands between lines with a mark that it cannot contain. But it is read by a language
// model, and a text can talk a model into anything ("ignore the above"): prompt injection is a limit of every such
// judge. Where a rule can tell, use the rule; keep a rule reward beside the judge, and read samples with high scores.
// A model is also no function: the same completion may be judged differently another time.

#include "core/json.h"
#include "rewards/reward.h"

namespace grpo {

// Options: those of rewards/plugins/chat_endpoint.h but n, where temperature is 0 by default, and
//   prompt           the words in which the judge is asked, instead of our own: {question}, {answer} and {completion} are
//                    replaced by their texts, {mark} by letters and digits that stand in none of them. {completion} must
//                    be there. Unless `scale` is given the judge must be told to reply with "correctness" as above
//   system_prompt    default: none
//   question_column  the column that holds the question; default: Problem::prompt. Name one where the prompt's template
//                    adds more to the question than the judge should read
//   scope            what of the completion it sees: "answer" (default: the summary behind </think>, or what <answer>
//                    holds), "think" or "all" (rewards/language/scope.h)
//   scale            {"min": 1, "max": 10, "pattern": "..."}: the judge replies with a grade, the last match of a regular
//                    expression (PCRE2) whose one group is a number; default: a "score" followed by a colon and a number,
//                    as in {"analysis": "...", "score": 7}. A number beyond min and max is unreadable. The value is
//                    (grade - min) / (max - min), so that only the best grade is_correct()
//   unreadable_retries  default 2; how often an unreadable reply is asked for again, at temperature 0.5 or more
//
// Value: 1 or 0; with `scale` 0 to 1. An answer without a visible character is worth 0 and not sent. A gold answer that
// is blank is a skip where the prompt has {answer}, as is a question_column without text. details: "analysis" (the
// beginning of the reply), "asked" (how often), with `scale` "grade".
// What the server was asked for and what it cost is a line of the log when the reward ends.
Reward judge_reward(ObjectReader& options, const std::string& folder, const RewardContext& context);

}  // namespace grpo
