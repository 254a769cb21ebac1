#pragma once
// What a server that speaks OpenAI's protocol replies to /chat/completions and /completions, as plain data. Fields nobody
// needs are ignored; what is needed and missing is a fault.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace grpo {

struct ChatChoice {
  std::string text;           // message.content (a string, or the texts of its parts), or the text of a raw completion
  std::string reasoning;      // message.reasoning_content or message.reasoning; empty where the server sends none apart
  std::string finish_reason;  // "stop", "length", "content_filter", ...; empty if the server does not say
};

struct ChatReply {
  std::vector<ChatChoice> choices = {};  // in the order of their index
  bool has_usage = false;           // the server counted tokens:
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;  // of all choices, with the reasoning
  std::string model = {};         // as the server calls it
  int64_t tries = 1;              // until it came: ChatEndpoint fills it in
};

// A reply that cannot be used. `what` is one line; `cut_off`: the server itself says that it stopped half-way
// (finish_reason "error").
class BrokenReply : public std::runtime_error {
 public:
  BrokenReply(const std::string& what, bool worth_a_retry, bool cut_off = false)
      : std::runtime_error(what), worth_a_retry_(worth_a_retry), cut_off_(cut_off) {}
  bool worth_a_retry() const { return worth_a_retry_; }  // the same request may well be replied to properly
  bool cut_off() const { return cut_off_; }

 private:
  bool worth_a_retry_;
  bool cut_off_;
};

// Reads the body of a reply with status 200 that should hold `count` choices. Throws BrokenReply: no JSON (worth a
// retry: it may have been cut short), an object without choices (an error with status 200, worth a retry), a choice
// without text, or another number of choices.
ChatReply read_chat_reply(std::string_view body, size_t count);

// What a server says of a failure, on one line: the message of {"error": {"message": ...}} and its relatives
// ({"error": "..."}, {"message": ...}, {"detail": ...}), else the beginning of the body.
std::string failure_message(std::string_view body);

// Thought and answer as one text, as R1 writes them: "<think>\nreasoning\n</think>\n\ntext"; the text alone where there
// is no reasoning.
std::string with_reasoning(const ChatChoice& choice);

}  // namespace grpo
