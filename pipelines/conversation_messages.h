#pragma once
// Conversations as data sets spell them, read into the list of messages that chat templates take.

#include <string>

#include "core/json.h"

namespace grpo {

// A conversation of one of these shapes as [{"role", "content", ...}], further keys of messages as they are:
//
//   [{"role": "user", "content": "..."}, ...]        TRL's `messages`
//   [{"from": "human", "value": "..."}, ...]         ShareGPT: system, human or user, gpt or assistant
//
// Throws Error naming `where` and the message: no list or an empty one, a message of neither shape, one of the user without
// content, one of the assistant with neither content nor "tool_calls", no turn of the assistant at all, or one that nothing
// stands before, so that it answers nothing.
Json read_messages(const Json& conversation, const std::string& where);

// The tools of a conversation: a list of schemas, or such a list written as text; null, "" and an empty list are none (null).
// Throws Error naming `where`.
Json read_tools(const Json& tools, const std::string& where);

}  // namespace grpo
