#pragma once
// The words in which a judge is asked.

#include <string>
#include <string_view>

namespace grpo {

// Asks whether an answer is right, for {"analysis", "correctness"}.
extern const std::string_view kCorrectnessPrompt;
// Asks for a grade, for {"analysis", "score"}; {min} and {max} are its ends.
extern const std::string_view kScalePrompt;

struct JudgePromptTexts {
  std::string_view question;
  std::string_view answer;
  std::string_view completion;
};

// The prompt with {question}, {answer}, {completion} and {mark} replaced, in one pass: what stands in a text is never
// replaced itself. The mark is 16 hexadecimal digits, a function of the texts, and occurs in none of them.
std::string filled_judge_prompt(std::string_view prompt, const JudgePromptTexts& texts);

// `text` with every `name` replaced by `value`.
std::string replaced(std::string_view text, std::string_view name, std::string_view value);

}  // namespace grpo
