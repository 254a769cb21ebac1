#pragma once
// Whole conversations as token ids to learn: the assistant's turns are learned, each behind exactly the ids that the model
// would be given at that turn.
//
// At an assistant's turn the model is given the messages before it, rendered with the generation prompt; its answer is what
// the template adds to that text, up to and with the token that ends the turn. Where the template marks answers by
// {% generation %} (TRL's assistant_only_loss), what stands between the marks is learned instead, and the end of the turn also
// where the marks leave it out.
//
// Turns share one sequence as long as what is given at a turn goes on from the turn before, id by id; so a conversation is
// one sequence under most templates. Some templates write earlier turns in another way once a later question comes: Qwen3's
// and R1's drop their thoughts, Mistral's moves the system text. A sequence of the final text would then teach answers
// without thought, behind a text that no sampling begins with. There the turns become sequences of their own, each with the
// text that its prompt has when the model is asked; every turn is still learned once, at the price of more tokens. (Training
// templates that keep all thoughts, as TRL brings some, are one sequence; put such a one beside the model to have that.)
//
// A template that leaves out the thought even of the turn at hand, or opens it in the generation prompt (R1's), gives no text
// to learn it from: then the content of the message follows the generation prompt as it is, without the <think> that stands
// there already, and the template's end of the turn follows it.
//
// Ids are those of the whole text where the prompt's ids are a prefix of them; where a token would reach across the end of
// the prompt, the prompt keeps the ids that sampling has and the answer is encoded by itself.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "pipelines/data.h"
#include "policy/io/chat_template.h"
#include "policy/io/tokenizer.h"

namespace grpo {

// One sequence of a conversation.
struct ConversationSample {
  std::string prompt;               // what the model is given at the sequence's first learned turn
  std::vector<int64_t> prompt_ids;  // the same as ids
  LearnedText text;                 // ends with the last token that is learned
};

// Immutable; may be used from several threads at once.
class ConversationTemplate {
 public:
  // Of the options, which say "chat": `system`, `answer_prefix`, `chat_template_kwargs`, `template_date`, `last_turn_only`
  // and `end_token_ids`. The tokenizer must outlive this. Throws Error as PromptTemplate does.
  ConversationTemplate(const DataOptions& options, const Tokenizer& tokenizer, std::optional<ChatTemplate> chat_template);

  // At least one sequence. `messages` as read_messages gives them, `tools` a list or null; `where` names the conversation.
  // Throws Error, naming it, where the template refuses the messages or leaves out what is to be learned, where an answer
  // does not begin as its prompt says, and where turns end with a token that the model does not stop at.
  std::vector<ConversationSample> samples(Json messages, const Json& tools, const std::string& where) const;

 private:
  struct Turn;
  Turn turn(const Json& messages, size_t index, const Json& tools, const std::string& where) const;
  void learn_answer(const Json& message, const std::string& text, const std::optional<std::string>& behind, Turn& turn,
                    const std::string& where) const;
  void learn_marked(const RenderedChat& chat, Turn& turn, const std::string& where) const;
  std::vector<int64_t> encode(const std::string& text) const { return tokenizer_.encode(text, false); }
  std::vector<int64_t> encode_answer(const Turn& turn, const std::string& text) const;
  bool stops(int64_t id) const;
  bool ends(int64_t id) const;
  bool is_space(int64_t id) const;
  std::optional<size_t> end_of_turn(const std::vector<int64_t>& ids, size_t from) const;
  int64_t own_end(const std::string& where) const;
  void check_end(const Turn& turn, const std::string& where) const;

  const DataOptions options_;
  const Tokenizer& tokenizer_;
  const ChatTemplate chat_template_;
};

}  // namespace grpo
