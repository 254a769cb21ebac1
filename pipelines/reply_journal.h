#pragma once
// What a server has replied, on the disk as soon as it is there: samples that were paid for survive whatever becomes of the
// run. A file of JSON lines, each written and synced before it counts, in the order of arrival:
//
//   {"draw": 7, "sample": 2, "request": "91f3...", "reply": {"text": "...", "reasoning": "...", "finish_reason": "stop"},
//    "tries": 1, "usage": {"prompt_tokens": 31, "completion_tokens": 402}}
//   {"draw": 7, "sample": 3, "request": "0be2...", "failed": "status 500: overloaded (6 tries)", "tries": 6}
//
// draw is the position of the problem in the stage's stream, request a hash of the body that was sent. "usage" is there
// where the server counted. A call that failed is noted for the account alone: it may be made again. A last line without its
// newline was cut by a crash and is dropped.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "rewards/plugins/chat_endpoint.h"

namespace grpo {

class ReplyJournal {
 public:
  // Opens or creates `path`, whose folder must exist. Replies to draws before `first_draw` are counted and not kept in
  // memory. Throws Error where the file cannot be opened, or a line before its end is none of ours.
  ReplyJournal(std::string path, int64_t first_draw);
  ~ReplyJournal();
  ReplyJournal(const ReplyJournal&) = delete;
  ReplyJournal& operator=(const ReplyJournal&) = delete;

  // The accepted reply; null: there is none. Throws Error where it was given to another request, which means that the data
  // has changed since.
  const ChatChoice* find(int64_t draw, int64_t sample, const std::string& request) const;
  // Tokens that the server counted for the replies to a draw's samples; none counted: 0.
  int64_t completion_tokens(int64_t draw) const;

  // Replies to draws before this one are no longer looked for.
  void forget_before(int64_t draw);

  // On the disk when they return. Throws Error on a full disk, the file then ending with the line before.
  void accept(int64_t draw, int64_t sample, const std::string& request, const ChatReply& reply);
  void note_failure(int64_t draw, int64_t sample, const std::string& request, const EndpointFailure& failure);

  // Of all lines, those of earlier processes included. Without cost.
  const EndpointUsage& usage() const { return usage_; }

 private:
  struct Accepted {
    std::string request;
    ChatChoice choice;
    int64_t completion_tokens = 0;
  };
  void read(const Json& line);
  void append(const Json& line);

  std::string path_;
  int64_t first_draw_;
  int file_ = -1;
  std::map<std::pair<int64_t, int64_t>, Accepted> replies_;  // by draw and sample
  EndpointUsage usage_;
};

// What stands in a journal, without opening it for writing; nothing where there is none. Throws Error as above.
EndpointUsage journal_usage(const std::string& path);

// A request as a journal names it: 16 hexadecimal digits.
std::string request_hash(const Json& body);

}  // namespace grpo
