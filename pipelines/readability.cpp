#include "pipelines/readability.h"

#include <algorithm>

#include "rewards/answer_text.h"
#include "rewards/code/code_blocks.h"
#include "rewards/language/scope.h"
#include "rewards/language/unicode.h"
#include "rewards/rules/distinct_ngrams.h"
#include "rewards/tags.h"

namespace grpo {
namespace {

int64_t num_characters(std::string_view text) {
  int64_t count = 0;
  for (size_t at = 0; at < text.size(); ++count) at += code_point_at(text, at).bytes;
  return count;
}

}  // namespace

int64_t longest_paragraph(std::string_view text) {
  int64_t longest = 0;
  size_t begin = 0, end = 0;  // of the paragraph that is being read; equal: none
  const auto finish = [&] {
    if (end > begin) longest = std::max(longest, num_characters(trim(text.substr(begin, end - begin))));
    begin = end = 0;
  };
  for (size_t at = 0; at < text.size();) {
    const size_t line_end = std::min(text.find('\n', at), text.size());
    if (is_blank(text.substr(at, line_end - at))) {
      finish();
    } else {
      if (end == begin) begin = at;
      end = line_end;
    }
    at = line_end + 1;
  }
  finish();
  return longest;
}

int64_t num_code_blocks(std::string_view text) {
  return static_cast<int64_t>(find_code_blocks(text).size());
}

double repeated_ngram_share(std::string_view text, int64_t ngram_size) {
  const NgramCount count = count_ngrams(number_words(text), ngram_size);
  return count.total == 0 ? 0.0 : 1.0 - static_cast<double>(count.distinct) / static_cast<double>(count.total);
}

Readability readability_of(std::string_view completion, int64_t ngram_size) {
  const bool opened = completion.find(kThinkOpen) != std::string_view::npos;
  const bool closed = completion.find(kThinkClose) != std::string_view::npos;
  const std::string_view thought = opened || closed ? text_in(Scope::kThink, completion) : std::string_view();
  const std::string_view summary = text_in(Scope::kAnswer, completion);
  return {.longest_thought_paragraph = longest_paragraph(thought),
          .longest_summary_paragraph = longest_paragraph(summary),
          .code_blocks_in_thought = num_code_blocks(thought),
          .repeated_in_thought = repeated_ngram_share(thought, ngram_size),
          .repeated = repeated_ngram_share(completion, ngram_size),
          .has_thought = closed && !is_blank(thought),
          .summary_empty = is_blank(summary)};
}

}  // namespace grpo
