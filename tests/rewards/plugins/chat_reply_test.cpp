#include "rewards/plugins/chat_reply.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

ChatChoice choice_of(const std::string& choice) {
  return read_chat_reply(R"({"choices": [)" + choice + "]}", 1).choices.at(0);
}

TEST(ChatReply, ReadsWhatServersSend) {
  const ChatReply reply = read_chat_reply(R"({"id": "1", "object": "chat.completion", "model": "served/m",
      "choices": [{"index": 0, "message": {"role": "assistant", "content": "4", "reasoning_content": "2+2", "tool_calls": []},
                   "logprobs": null, "finish_reason": "stop"}],
      "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}})",
                                          1);
  EXPECT_EQ(reply.choices[0].text, "4");
  EXPECT_EQ(reply.choices[0].reasoning, "2+2");
  EXPECT_EQ(reply.choices[0].finish_reason, "stop");
  EXPECT_EQ(reply.model, "served/m");
  EXPECT_TRUE(reply.has_usage);
  EXPECT_EQ(reply.prompt_tokens, 5);
  EXPECT_EQ(reply.completion_tokens, 7);
}

TEST(ChatReply, ReadsReasoningUnderBothItsNames) {
  EXPECT_EQ(choice_of(R"({"message": {"content": "4", "reasoning": "hm"}})").reasoning, "hm");
  EXPECT_EQ(choice_of(R"({"message": {"content": "4", "reasoning_content": null, "reasoning": "hm"}})").reasoning, "hm");
  EXPECT_EQ(choice_of(R"({"message": {"content": "4", "reasoning_content": null}})").reasoning, "");
}

TEST(ChatReply, AThoughtThatWasCutOffHasNoText) {
  const ChatChoice choice =
      choice_of(R"({"message": {"content": null, "reasoning_content": "let me"}, "finish_reason": "length"})");
  EXPECT_EQ(choice.text, "");
  EXPECT_EQ(choice.reasoning, "let me");
}

TEST(ChatReply, ContentMayBeInParts) {
  EXPECT_EQ(choice_of(R"({"message": {"content": [{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}]}})").text,
            "ab");
}

TEST(ChatReply, ChoicesComeInTheOrderOfTheirIndex) {
  const ChatReply reply =
      read_chat_reply(R"({"choices": [{"index": 2, "text": "c"}, {"index": 0, "text": "a"}, {"index": 1, "text": "b"}]})", 3);
  EXPECT_EQ(reply.choices[0].text + reply.choices[1].text + reply.choices[2].text, "abc");
}

TEST(ChatReply, WhatTheServerSaysOfAFailureIsFoundWhereverItStands) {
  EXPECT_EQ(failure_message(R"({"error": {"message": "no\nmodel", "code": 1}})"), "no model");
  EXPECT_EQ(failure_message(R"({"error": "no model"})"), "no model");
  EXPECT_EQ(failure_message(R"({"object": "error", "message": "no model"})"), "no model");
  EXPECT_EQ(failure_message(R"({"detail": "no model"})"), "no model");
  EXPECT_EQ(failure_message(" <html>\n busy "), "<html>  busy");
  EXPECT_EQ(failure_message(""), "");
}

TEST(ChatReply, ThoughtAndAnswerAreJoinedAsR1WritesThem) {
  EXPECT_EQ(with_reasoning({.text = "4", .reasoning = "2+2", .finish_reason = ""}), "<think>\n2+2\n</think>\n\n4");
  EXPECT_EQ(with_reasoning({.text = "4", .reasoning = "", .finish_reason = ""}), "4");
}

TEST(ChatReply, WhateverTheServerSendsIsAReplyOrBroken) {
  const std::string whole = R"({"choices": [{"index": 0, "message": {"content": "4", "reasoning": "x"},
      "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 7}})";
  std::vector<std::string> texts = {"", "null", "[]", "{}", R"({"choices": 1})", R"({"choices": [1]})",
                                    R"({"choices": [{"message": 1}]})", R"({"choices": [{"message": {"content": {}}}]})",
                                    R"({"choices": [{"text": 1}]})", R"({"choices": [null]})",
                                    R"({"choices": [{"text": "a"}], "choices": []})",
                                    R"({"choices": [{"text": "a)" "\xff" R"("}]})", std::string(100000, '[')};
  for (size_t size = 0; size < whole.size(); ++size) texts.push_back(whole.substr(0, size));
  for (const std::string& text : texts) {
    EXPECT_THROW(read_chat_reply(text, 1), BrokenReply) << text.substr(0, 100);
    failure_message(text);
  }
  // Counts that are none are no counts.
  const ChatReply odd = read_chat_reply(
      R"({"choices": [{"text": "a"}], "usage": {"prompt_tokens": -5, "completion_tokens": "many"}, "model": 3})", 1);
  EXPECT_EQ(odd.prompt_tokens + odd.completion_tokens, 0);
  EXPECT_EQ(read_chat_reply(R"({"choices": [{"text": "a"}], "usage": null})", 1).has_usage, false);
}

}  // namespace
}  // namespace grpo
