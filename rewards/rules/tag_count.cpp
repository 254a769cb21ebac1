#include "rewards/rules/tag_count.h"

#include <fmt/format.h>

#include "rewards/rules/sampled.h"
#include "rewards/tags.h"
#include "rewards/score_of.h"

namespace grpo {
namespace {

struct Tag {
  std::string_view text;
  bool newline_before = false;
  bool newline_after = false;
};

constexpr Tag kTags[] = {{kThinkOpen, false, true},
                         {kThinkClose, true, true},
                         {kAnswerOpen, true, true},
                         {kAnswerClose, true, false}};

struct TagCount {
  bool newlines = false;
  bool think_in_prompt = false;

  bool counts(std::string_view text, const Tag& tag) const {
    if (think_in_prompt && tag.text == kThinkOpen) return text.find(kThinkOpen) == std::string_view::npos;
    const std::optional<size_t> at = only_position(text, tag.text);
    if (!at || !newlines) return at.has_value();
    const std::string_view before = text.substr(0, *at), after = text.substr(*at + tag.text.size());
    return (!tag.newline_before || before.ends_with('\n')) && (!tag.newline_after || after.starts_with('\n'));
  }

  Score operator()(const Episode& episode, const Problem& problem) const {
    // A prefix that opens the thinking is part of the prompt, which the option speaks of already.
    const std::string_view text = think_in_prompt ? sampled_text(episode, problem) : episode.completion;
    int count = 0;
    for (const Tag& tag : kTags) count += counts(text, tag) ? 1 : 0;
    return score_of(0.25 * count, fmt::format("{} of 4 tags", count));
  }
};

}  // namespace

Reward tag_count_reward(ObjectReader& options) {
  TagCount grader;
  grader.newlines = options.boolean("newlines", false);
  grader.think_in_prompt = options.boolean("think_in_prompt", false);
  return per_episode("tag_count", grader);
}

}  // namespace grpo
