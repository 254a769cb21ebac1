#include "pipelines/conversation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"
#include "pipelines/prompt_template.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;

constexpr std::string_view kSpaces = " \t\r\n";
constexpr const char* kThoughtEnds = "</think>";
// Keys under which data sets keep a thought beside the content.
constexpr const char* kThoughtKeys[] = {"reasoning_content", "reasoning", "thinking"};

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

std::string text_in(const Json& message, const char* key) {
  const auto it = message.find(key);
  return it != message.end() && it->is_string() ? it->get<std::string>() : "";
}

bool has_thought(const std::string& text) { return text.find(kThoughtEnds) != std::string::npos; }

// How many items both begin with.
template <typename Items>
size_t shared(const Items& a, const Items& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

template <typename Items>
bool begins(const Items& whole, const Items& head) {
  return shared(whole, head) == head.size();
}

Json first(const Json& messages, size_t count) {
  return Json(messages.begin(), messages.begin() + static_cast<Json::difference_type>(count));
}

// What `text`, a conversation up to an answer, writes behind what the model is given for it. A template that moves the system
// text writes the question otherwise once it is answered: then what follows the same question and opening. None: neither.
std::optional<std::string> added(const std::string& text, const std::string& prompt, const std::string& question) {
  if (text.starts_with(prompt)) return text.substr(prompt.size());
  const size_t asked = question.empty() ? std::string::npos : prompt.rfind(question);
  if (asked == std::string::npos) return std::nullopt;
  const std::string tail = prompt.substr(asked);
  const size_t found = text.rfind(tail);
  return found == std::string::npos ? std::nullopt : std::optional(text.substr(found + tail.size()));
}

// Content that the generation prompt has begun already, without its beginning; none where it begins in another way.
std::optional<std::string> without_opening(const std::string& content, const std::string& opening) {
  const std::string core = trimmed(opening);
  if (!content.starts_with(core)) return std::nullopt;
  const std::string rest = content.substr(core.size());
  const std::string spaces = opening.substr(opening.find(core) + core.size());
  return rest.starts_with(spaces) ? rest.substr(spaces.size()) : rest;
}

// Behind the text so far, where it goes on from that; else a sequence of its own.
void append(std::vector<ConversationSample>& samples, ConversationSample sample) {
  const auto first_learned = std::find(sample.text.learned.begin(), sample.text.learned.end(), uint8_t{1});
  if (!samples.empty()) {
    LearnedText& so_far = samples.back().text;
    const auto given = static_cast<size_t>(first_learned - sample.text.learned.begin());
    if (given >= so_far.ids.size() && begins(sample.text.ids, so_far.ids)) {
      std::copy(so_far.learned.begin(), so_far.learned.end(), sample.text.learned.begin());
      so_far = std::move(sample.text);
      return;
    }
  }
  samples.push_back(std::move(sample));
}

// The template may leave a message out without a word.
void check_asked(const Json& messages, size_t index, const std::string& prompt, const std::string& where) {
  for (size_t i = index; i > 0 && messages[i - 1]["role"] != "assistant"; --i) {
    const Json& message = messages[i - 1];
    const std::string role = text_in(message, "role"), content = trimmed(text_in(message, "content"));
    if (role == "system" || role == "developer" || role == "tool" || prompt.find(content) != std::string::npos) continue;
    throw Error(fmt::format("the chat template leaves out what \"{}\" says", role), fmt::format("{}[{}]", where, i - 1),
                "use a role and a text that the template writes");
  }
}

// Nor may it leave out a thought that the data wants to be learned.
void check_thought(const Json& message, const std::string& answer, const std::string& where) {
  for (const char* key : kThoughtKeys) {
    const std::string thought = trimmed(text_in(message, key));
    if (answer.find(thought) != std::string::npos) continue;
    throw Error(fmt::format("the chat template leaves out \"{}\"", key), where + "." + key,
                "write the thought into the content, as <think>...</think>, or use a template that writes it");
  }
}

}  // namespace

// What the model is given at an assistant's turn, and the ids of that and of the answer.
struct ConversationTemplate::Turn {
  std::string prompt;
  Ids prompt_ids;
  LearnedText text;
};

ConversationTemplate::ConversationTemplate(const DataOptions& options, const Tokenizer& tokenizer,
                                           std::optional<ChatTemplate> chat_template)
    : options_(options), tokenizer_(tokenizer), chat_template_(usable_chat_template(options, std::move(chat_template))) {}

std::vector<ConversationSample> ConversationTemplate::samples(Json messages, const Json& tools,
                                                              const std::string& where) const {
  add_system(options_, messages);
  std::vector<size_t> turns;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i]["role"] == "assistant") turns.push_back(i);
  }
  GRPO_CHECK(!turns.empty());
  if (options_.last_turn_only) turns.erase(turns.begin(), turns.end() - 1);
  std::vector<ConversationSample> samples;
  for (const size_t index : turns) {
    Turn made;
    try {
      made = turn(messages, index, tools, where);
    } catch (const Error& error) {
      if (error.where().starts_with(where)) throw;
      // Of the template or the tokenizer.
      throw Error(error.summary(), fmt::format("{} ({})", where, error.where()), error.fix());
    }
    append(samples, {std::move(made.prompt), std::move(made.prompt_ids), std::move(made.text)});
  }
  return samples;
}

ConversationTemplate::Turn ConversationTemplate::turn(const Json& messages, size_t index, const Json& tools,
                                                      const std::string& where) const {
  ChatOptions given = chat_options(options_);
  given.tools = tools;
  ChatOptions finished = given;
  finished.add_generation_prompt = false;
  finished.answer_prefix = "";
  Turn out;
  out.prompt = chat_template_.render(first(messages, index), given);
  const RenderedChat chat = chat_template_.render_marked(first(messages, index + 1), finished);
  check_asked(messages, index, out.prompt, where);
  out.prompt_ids = encode(out.prompt);
  const std::string at = fmt::format("{}[{}]", where, index);
  const Json& message = messages[index];
  const auto behind = added(chat.text, out.prompt, trimmed(text_in(messages[index - 1], "content")));
  const std::string answer = behind ? *behind : chat.text.substr(shared(chat.text, out.prompt));
  check_thought(message, answer, at);
  if (!chat.answers) {
    learn_answer(message, chat.text, behind, out, at);
  } else if (has_thought(text_in(message, "content")) && !has_thought(answer)) {
    throw Error("the chat template leaves the thought out", at, "use a template that writes it");
  } else {
    learn_marked(chat, out, at);
  }
  check_end(out, at);
  return out;
}

// The ids behind the prompt of a text that begins with it.
Ids ConversationTemplate::encode_answer(const Turn& turn, const std::string& text) const {
  const Ids whole = encode(text);
  if (begins(whole, turn.prompt_ids)) return {whole.begin() + static_cast<int64_t>(turn.prompt_ids.size()), whole.end()};
  return encode(text.substr(turn.prompt.size()));
}

// Without marks: what `text`, the conversation up to this turn, adds to the prompt, which is `behind` it.
void ConversationTemplate::learn_answer(const Json& message, const std::string& text, const std::optional<std::string>& behind,
                                        Turn& turn, const std::string& where) const {
  const std::string content = text_in(message, "content"), opening = opened_answer(turn.prompt, options_.answer_prefix);
  Ids answer;
  if (behind && (!has_thought(content) || has_thought(*behind))) {
    answer = encode_answer(turn, turn.prompt + *behind);
    const auto end = end_of_turn(answer, 0);
    if (end) answer.resize(*end);
    else answer.push_back(own_end(where));
    if (answer.size() < 2) throw Error("the chat template writes nothing of this turn", where, "mend the template");
  } else {
    if (content.empty() || (!behind && opening.empty())) {
      throw Error("the chat template writes this turn otherwise than its generation prompt begins it", where,
                  "use a template that marks answers with {% generation %}, or mend data.chat_template_kwargs");
    }
    const auto rest = without_opening(content, opening);
    if (!rest) {
      throw Error(fmt::format("the answer does not begin with \"{}\", as the prompt does for it", trimmed(opening)), where,
                  "write the thought into the content, as <think>...</think>, or use another template");
    }
    answer = encode_answer(turn, turn.prompt + *rest);
    const Ids ids = encode(text);
    const auto end = end_of_turn(ids, 0);
    answer.push_back(end ? ids[*end - 1] : own_end(where));
  }
  turn.text.ids = turn.prompt_ids;
  turn.text.ids.insert(turn.text.ids.end(), answer.begin(), answer.end());
  turn.text.learned.assign(turn.prompt_ids.size(), 0);
  turn.text.learned.resize(turn.text.ids.size(), 1);
}

// With marks: what of them lies beyond the messages before this turn. A token with a marked byte at its beginning or at its
// end is learned, as transformers' return_assistant_tokens_mask has it.
void ConversationTemplate::learn_marked(const RenderedChat& chat, Turn& turn, const std::string& where) const {
  const size_t before = shared(chat.text, turn.prompt);
  Ids ids = encode(chat.text);
  const bool apart = before == turn.prompt.size() && !begins(ids, turn.prompt_ids);
  const std::string rest = chat.text.substr(before);
  if (apart) {
    ids = turn.prompt_ids;
    const Ids answer = encode(rest);
    ids.insert(ids.end(), answer.begin(), answer.end());
  }
  // How many tokens lie before a byte of the text; one that lies across it counts where `end`.
  const auto place = [&](size_t offset, bool end) {
    const bool behind = apart && offset > before;
    const Ids head = encode(behind ? rest.substr(0, offset - before) : chat.text.substr(0, offset));
    const size_t base = behind ? turn.prompt_ids.size() : 0;
    const size_t tokens = shared(Ids(ids.begin() + static_cast<int64_t>(base), ids.end()), head);
    return base + tokens + (end && tokens < head.size() ? 1 : 0);
  };
  std::vector<uint8_t> learned(ids.size(), 0);
  size_t last = 0;  // one behind
  for (const auto& [begin, end] : *chat.answers) {
    if (end <= before || begin == end) continue;
    const size_t from = place(begin, false), to = std::min(place(end, true), ids.size());
    std::fill(learned.begin() + static_cast<int64_t>(from), learned.begin() + static_cast<int64_t>(to), uint8_t{1});
    last = std::max(last, to);
  }
  if (last == 0) {
    throw Error("the chat template marks nothing of this turn with {% generation %}", where, "mend the template");
  }
  const auto from = static_cast<size_t>(std::find(learned.begin(), learned.end(), uint8_t{1}) - learned.begin());
  if (!end_of_turn(Ids(ids.begin(), ids.begin() + static_cast<int64_t>(last)), from)) {
    size_t end = last;  // of the turn, behind the marks
    while (end < ids.size() && is_space(ids[end])) ++end;
    if (end < ids.size() && ends(ids[end])) {
      last = end + 1;
    } else {
      ids.resize(last++);
      ids.push_back(own_end(where));
    }
  }
  ids.resize(last);
  learned.resize(last, 1);
  std::fill(std::find(learned.rbegin(), learned.rend(), uint8_t{1}).base(), learned.end(), uint8_t{1});
  turn.text = {std::move(ids), std::move(learned)};
}

bool ConversationTemplate::is_space(int64_t id) const {
  return tokenizer_.decode({id}, false).find_first_not_of(kSpaces) == std::string::npos;
}

bool ConversationTemplate::stops(int64_t id) const {
  return std::find(options_.end_token_ids.begin(), options_.end_token_ids.end(), id) != options_.end_token_ids.end();
}

bool ConversationTemplate::ends(int64_t id) const { return stops(id) || tokenizer_.is_special(id); }

// One behind the token that ends the turn at the end of `ids`, where there is one: of the special tokens there, with white
// space between them, the first that the model stops at, else the first.
std::optional<size_t> ConversationTemplate::end_of_turn(const Ids& ids, size_t from) const {
  std::optional<size_t> special, stop;
  for (size_t i = ids.size(); i > from; --i) {
    const int64_t id = ids[i - 1];
    if (!ends(id) && !is_space(id)) break;
    if (stops(id)) stop = i;
    if (ends(id)) special = i;
  }
  return stop ? stop : special;
}

int64_t ConversationTemplate::own_end(const std::string& where) const {
  if (options_.end_token_ids.empty()) {
    throw Error("the chat template writes no token that ends this turn, and the model has none", where,
                "give the model an eos_token_id");
  }
  return options_.end_token_ids.front();
}

void ConversationTemplate::check_end(const Turn& turn, const std::string& where) const {
  const auto from = std::find(turn.text.learned.begin(), turn.text.learned.end(), uint8_t{1}) - turn.text.learned.begin();
  const size_t end = end_of_turn(turn.text.ids, static_cast<size_t>(from)).value();
  const int64_t id = turn.text.ids[end - 1];
  if (options_.end_token_ids.empty() || stops(id)) return;
  throw Error(fmt::format("the chat template ends a turn with \"{}\" ({}), and the model stops at {} alone: it would learn an "
                          "end at which nothing stops",
                          tokenizer_.id_to_token(id), id, fmt::join(options_.end_token_ids, ", ")),
              where, fmt::format("add {} to eos_token_id in the generation_config.json beside the model", id));
}

}  // namespace grpo
