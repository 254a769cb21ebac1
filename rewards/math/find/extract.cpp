#include "rewards/math/find/extract.h"

#include <algorithm>

#include "rewards/answer_text.h"
#include "rewards/math/find/boxes.h"
#include "rewards/math/find/markup.h"
#include "rewards/math/find/phrases.h"
#include "rewards/math/find/text_search.h"
#include "rewards/tags.h"

namespace grpo::math {
namespace {

// What the last closed <answer> holds. Only the text before the last </answer> is searched for its beginning;
// an <answer> after it is not closed.
std::optional<std::string_view> in_answer_tag(std::string_view text) {
  const size_t last_close = find_last(text, kAnswerClose);
  if (last_close == kNowhere) return std::nullopt;
  const size_t open = find_last(text.substr(0, last_close), kAnswerOpen);
  if (open == kNowhere) return std::nullopt;
  const std::string_view rest = text.substr(open + kAnswerOpen.size());
  return trim(rest.substr(0, rest.find(kAnswerClose)));
}

std::string_view last_line(std::string_view text) {
  text = trim(text);
  const size_t newline = last_byte(text, '\n', text.size());
  return newline == kNowhere ? text : trim(text.substr(newline + 1));
}

bool set(Extracted& found, Anchor anchor, std::string_view text) {
  const std::string_view answer = strip_markup(text);
  if (answer.empty()) return false;
  found.anchor = anchor;
  found.text = answer;
  return true;
}

bool set_box(Extracted& found, std::string_view text, bool unclosed) {
  std::optional<BoxedAnswer> boxed = last_boxed_answer(text, unclosed, found.num_boxes);
  if (!boxed) return false;
  found.anchor = Anchor::kBox;
  found.text = strip_markup(boxed->parts.back());
  if (boxed->parts.size() > 1) found.joined = std::move(boxed->parts);
  return true;
}

bool set_announced(Extracted& found, std::string_view text) {
  const Announced said = announced_answers(text);
  if (set(found, Anchor::kFinalAnswer, said.final_answer)) return true;
  if (set(found, Anchor::kHash, after_hashes(text))) return true;
  return set(found, Anchor::kAnswerLine, said.answer_line) || set(found, Anchor::kAnswerIs, said.answer_is);
}

// A box, a phrase, or all of it.
void set_inside(Extracted& found, Anchor anchor, std::string_view text, bool unclosed) {
  if (!set_box(found, text, unclosed) && !set_announced(found, text)) set(found, anchor, text);
}

// True if the text has words, which commands of LaTeX are not, or is labelled: "A: 36".
bool has_words(std::string_view text) {
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    if (text[at] == '\\') {
      while (at + 1 < text.size() && is_ascii_letter(text[at + 1])) ++at;
    } else if (is_ascii_letter(text[at]) &&
               (is_ascii_letter(text[at + 1]) || text.substr(at + 1).starts_with(": "))) {
      return true;
    }
  }
  return false;
}

void set_unannounced(Extracted& found, std::string_view text, bool number) {
  const std::string_view whole = strip_markup(text);
  if (number && (whole.find('\n') != kNowhere || has_words(whole)) &&
      set(found, Anchor::kLastNumber, last_number(text))) {
    return;
  }
  if (whole.find('\n') == kNowhere) set(found, Anchor::kWhole, whole);
}

void set_auto(Extracted& found, std::string_view text, const ExtractOptions& options) {
  if (const std::optional<std::string_view> tag = in_answer_tag(text)) {
    return set_inside(found, Anchor::kAnswerTag, *tag, options.unclosed_box);
  }
  if (set_box(found, text, options.unclosed_box) || set_announced(found, text)) return;
  set_unannounced(found, text, options.last_number);
}

}  // namespace

const char* anchor_name(Anchor anchor) {
  switch (anchor) {
    case Anchor::kNone:
      return "none";
    case Anchor::kBox:
      return "box";
    case Anchor::kFinalAnswer:
      return "final_answer";
    case Anchor::kHash:
      return "hash";
    case Anchor::kAnswerLine:
      return "answer_line";
    case Anchor::kAnswerIs:
      return "answer_is";
    case Anchor::kAnswerTag:
      return "answer_tag";
    case Anchor::kLastLine:
      return "last_line";
    case Anchor::kWhole:
      return "whole";
    case Anchor::kLastNumber:
      return "last_number";
  }
  return "none";
}

std::optional<std::string_view> after_thinking(std::string_view text) {
  const size_t close = find_last(text, kThinkClose);
  if (close != kNowhere) text.remove_prefix(close + kThinkClose.size());
  if (text.find(kThinkOpen) != kNowhere) return std::nullopt;
  return text.substr(text.size() - std::min(text.size(), kTailBytes));
}

Extracted extract(std::string_view completion, const ExtractOptions& options) {
  Extracted found;
  const std::optional<std::string_view> text = after_thinking(completion);
  if (!text) return found;
  found.num_boxes = count_boxes(*text);
  switch (options.place) {
    case Place::kAuto:
      set_auto(found, *text, options);
      break;
    case Place::kAnswerTag:
      if (const auto tag = in_answer_tag(*text))
        set_inside(found, Anchor::kAnswerTag, *tag, options.unclosed_box);
      break;
    case Place::kBoxed:
      set_box(found, *text, options.unclosed_box);
      break;
    case Place::kLastLine:
      set_inside(found, Anchor::kLastLine, last_line(*text), options.unclosed_box);
      break;
    case Place::kAll:
      set(found, Anchor::kWhole, *text);
      break;
  }
  return found;
}

std::string_view answer_of(const Extracted& extracted, std::string& buffer) {
  if (extracted.joined.empty()) return plain_answer(extracted.text, buffer);
  std::string part, list;
  for (const std::string_view box : extracted.joined) {
    if (!list.empty()) list += ", ";
    list += plain_answer(box, part);
  }
  buffer = std::move(list);
  return buffer;
}

}  // namespace grpo::math
