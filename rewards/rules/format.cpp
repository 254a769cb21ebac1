#include "rewards/rules/format.h"

#include <array>

#include "rewards/answer_text.h"
#include "rewards/rules/sampled.h"
#include "rewards/tags.h"
#include "rewards/score_of.h"

namespace grpo {
namespace {

constexpr std::array kTags = {kThinkOpen, kThinkClose, kAnswerOpen, kAnswerClose};

// A body between two tags that stand on lines of their own: "\n..\n".
bool on_lines(std::string_view body) {
  return body.size() >= 2 && body.starts_with('\n') && body.ends_with('\n');
}

struct Format {
  size_t num_tags = 4;  // 2: the answer has no tags
  bool newlines = false;
  bool allow_blank_think = false;
  bool think_in_prompt = false;

  Score operator()(const Episode& episode, const Problem& problem) const {
    // A prefix that opens the thinking is part of the prompt, which the option speaks of already.
    const char* fault = find_fault(think_in_prompt ? sampled_text(episode, problem) : episode.completion);
    return fault == nullptr ? score_of(1.0, "well formed") : score_of(0.0, fault);
  }

  // What is wrong with the text; null if nothing is.
  const char* find_fault(std::string_view text) const {
    if (think_in_prompt && text.find(kThinkOpen) != std::string_view::npos)
      return "the thinking is opened again";
    // pieces[i] is the text before tag i, pieces[num_tags] what follows the last one.
    std::array<std::string_view, 5> pieces;
    size_t end_of_previous = 0;
    for (size_t i = think_in_prompt ? 1 : 0; i < num_tags; ++i) {
      const std::optional<size_t> at = only_position(text, kTags[i]);
      if (!at) return "a tag is missing or repeated";
      if (*at < end_of_previous) return "the tags are out of order";
      pieces[i] = text.substr(end_of_previous, *at - end_of_previous);
      end_of_previous = *at + kTags[i].size();
    }
    pieces[num_tags] = text.substr(end_of_previous);
    const bool answer_has_tags = num_tags == 4;
    if (!trim(pieces[0]).empty()) return "text outside the tags";
    if (answer_has_tags && !(trim(pieces[2]).empty() && trim(pieces[4]).empty()))
      return "text outside the tags";
    if (newlines && !(thinking_on_lines(pieces[1]) && pieces[2] == "\n" && on_lines(pieces[3]))) {
      return "the tags are not on lines of their own";
    }
    if (!allow_blank_think && is_blank(pieces[1])) return "the thinking is blank";
    return is_blank(pieces[answer_has_tags ? 3 : 2]) ? "the answer is blank" : nullptr;
  }

  // The newline after a <think> of the prompt may be the prompt's own.
  bool thinking_on_lines(std::string_view body) const {
    return think_in_prompt ? body.ends_with('\n') : on_lines(body);
  }
};

}  // namespace

Reward format_reward(ObjectReader& options) {
  Format grader;
  const std::string shape =
      options.choice("template", {"think_answer", "think_answer_newlines", "think"}, "think_answer");
  grader.num_tags = shape == "think" ? 2 : 4;
  grader.newlines = shape == "think_answer_newlines";
  grader.allow_blank_think = options.boolean("allow_blank_think", false);
  grader.think_in_prompt = options.boolean("think_in_prompt", false);
  return per_episode("format", grader);
}

}  // namespace grpo
