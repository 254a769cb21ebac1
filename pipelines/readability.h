#pragma once
// What can be said of how readable a completion is, as facts: DeepSeek-R1 kept cold-start and rejection-sampled data only
// where the chain of thought had no long paragraphs, no code blocks, no endless repetition and no mixed languages, and
// where a summary followed it. Limits are the caller's; of languages rewards/language/language_consistency.h tells.
// Time is linear in the text, whatever it holds; a text that is not UTF-8 has its stray bytes as characters.

#include <cstdint>
#include <string_view>

namespace grpo {

struct Readability {
  // The longest paragraph of the thought and of the summary, in characters (code points).
  int64_t longest_thought_paragraph = 0;
  int64_t longest_summary_paragraph = 0;
  int64_t code_blocks_in_thought = 0;
  // Of the thought, and of the whole completion.
  double repeated_in_thought = 0.0;
  double repeated = 0.0;
  bool has_thought = false;    // there is a </think>, and something visible before it
  bool summary_empty = false;  // nothing visible stands behind the thought, or it never ends
};

// Thought and summary are Scope::kThink and Scope::kAnswer of rewards/language/scope.h; a completion without any tag is
// a summary alone. `ngram_size` as in repeated_ngram_share.
Readability readability_of(std::string_view completion, int64_t ngram_size = 10);

// Characters of the longest paragraph: what stands between lines without a visible character, line breaks within it
// included, blanks at its ends not.
int64_t longest_paragraph(std::string_view text);

// Fenced blocks (``` or ~~~ at the beginning of a line, rewards/code/code_blocks.h), also one that is never closed.
int64_t num_code_blocks(std::string_view text);

// 1 - distinct / all n-grams of words, 0 to 1: 0 where none occurs twice and in texts of fewer words than ngram_size >= 1,
// near 1 in a loop. Words are those of rewards/rules/distinct_ngrams.h: what stands between white space, in lower case;
// of Chinese and Japanese every character.
double repeated_ngram_share(std::string_view text, int64_t ngram_size);

}  // namespace grpo
