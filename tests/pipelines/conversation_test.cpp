// What of a conversation is learned under released chat templates, by hand-written tables, and that every turn is learned
// behind the ids that sampling would begin with.

#include "pipelines/conversation.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/seed.h"
#include "pipelines/conversation_messages.h"
#include "tests/pipelines/released_chat.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using namespace testing;
using Ids = std::vector<int64_t>;

DataOptions chat_data(const std::vector<int64_t>& ends) {
  DataOptions options;
  options.prompt_template = "chat";
  options.messages_column = "messages";
  options.where = "recipe.json: data";
  options.end_token_ids = ends;
  return options;
}

// What is learned stands in brackets.
std::string bracketed(const Tokenizer& tokenizer, const LearnedText& text) {
  std::string out;
  for (size_t begin = 0, end; begin < text.ids.size(); begin = end) {
    end = begin;
    while (end < text.ids.size() && text.learned[end] == text.learned[begin]) ++end;
    const std::string part = tokenizer.decode({text.ids.begin() + static_cast<int64_t>(begin), text.ids.begin() + static_cast<int64_t>(end)}, false);
    out += text.learned[begin] ? "⟦" + part + "⟧" : part;
  }
  return out;
}

struct Released {
  explicit Released(const std::string& name) : chat(released_chats().at(name)), tokenizer(released_tokenizer(chat)), chat_template(released_template(chat)) {
    for (const std::string& end : chat.ends) options.end_token_ids.push_back(tokenizer.token_to_id(end));
    if (chat_template.depends_on_date()) options.template_date = "2025-07-26";
  }
  std::vector<ConversationSample> samples(const Json& conversation, const Json& tools = {}) const {
    return ConversationTemplate(options, tokenizer, chat_template).samples(read_messages(conversation, "row"), tools, "row");
  }
  std::vector<std::string> learned(const Json& conversation, const Json& tools = {}) const {
    std::vector<std::string> out;
    for (const ConversationSample& sample : samples(conversation, tools)) out.push_back(bracketed(tokenizer, sample.text));
    return out;
  }
  const ReleasedChat& chat;
  const Tokenizer& tokenizer;
  ChatTemplate chat_template;
  DataOptions options = chat_data({});
};

bool released_data_is_here() {
  return std::all_of(released_chats().begin(), released_chats().end(), [](const auto& entry) {
    return std::filesystem::exists(tokenizer_data(entry.second.template_file)) &&
           std::filesystem::exists(tokenizer_data(entry.second.tokenizer));
  });
}

#define NEEDS_RELEASED_DATA \
  if (!released_data_is_here()) GTEST_SKIP() << "tokenizers are missing; GRPO_TEST_DATA names the data folder"

Json say(const std::string& role, const std::string& content) { return {{"role", role}, {"content", content}}; }

const Json kTalk = {say("system", "Be brief."), say("user", "Hi"), say("assistant", "Hello."), say("user", "2+2?"), say("assistant", "4")};
const Json kThoughts = {say("user", "Hi"), say("assistant", "<think>\nA greeting.\n</think>\n\nHello."), say("user", "2+2?"),
                        say("assistant", "<think>\nEasy.\n</think>\n\n4")};

using Table = std::vector<std::string>;

TEST(LearnedConversation, OfATemplateThatKeepsEarlierTurnsIsOneSequence) {
  NEEDS_RELEASED_DATA;
  EXPECT_EQ(Released("qwen2.5").learned(kTalk),
            (Table{"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦Hello.<|im_end|>⟧\n"
                   "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n⟦4<|im_end|>⟧"}));
  EXPECT_EQ(Released("llama3").learned(kTalk),
            (Table{"<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 "
                   "Jul 2025\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant"
                   "<|end_header_id|>\n\n⟦Hello.<|eot_id|>⟧<|start_header_id|>user<|end_header_id|>\n\n2+2?<|eot_id|>"
                   "<|start_header_id|>assistant<|end_header_id|>\n\n⟦4<|eot_id|>⟧"}));
}

// Qwen2.5 keeps the thoughts that stand in the content.
TEST(LearnedConversation, ThoughtsThatTheTemplateKeepsAreLearnedInOneSequence) {
  NEEDS_RELEASED_DATA;
  EXPECT_EQ(Released("qwen2.5").learned(kThoughts),
            (Table{"<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi"
                   "<|im_end|>\n<|im_start|>assistant\n⟦<think>\nA greeting.\n</think>\n\nHello.<|im_end|>⟧\n<|im_start|>user\n2+2?"
                   "<|im_end|>\n<|im_start|>assistant\n⟦<think>\nEasy.\n</think>\n\n4<|im_end|>⟧"}));
}

TEST(LearnedConversation, WhereEarlierThoughtsAreDroppedEachTurnIsLearnedBehindThePromptItHas) {
  NEEDS_RELEASED_DATA;
  EXPECT_EQ(Released("qwen3").learned(kThoughts),
            (Table{"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦<think>\nA greeting.\n</think>\n\nHello.<|im_end|>⟧",
                   "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n"
                   "<|im_start|>assistant\n⟦<think>\nEasy.\n</think>\n\n4<|im_end|>⟧"}));
  // The empty thought that Qwen3 writes into the last turn alone.
  EXPECT_EQ(Released("qwen3").learned(kTalk),
            (Table{"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n⟦<think>\n\n</think>"
                   "\n\nHello.<|im_end|>⟧",
                   "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"
                   "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n⟦<think>\n\n</think>\n\n4<|im_end|>⟧"}));
}

TEST(LearnedConversation, AThoughtThatThePromptOpensIsLearnedFromWithinIt) {
  NEEDS_RELEASED_DATA;
  EXPECT_EQ(Released("r1").learned(kThoughts),
            (Table{"<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>\n⟦A greeting.\n</think>\n\nHello.<｜end▁of▁sentence｜>⟧",
                   "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜>\n\nHello.<｜end▁of▁sentence｜><｜User｜>2+2?<｜Assistant｜><think>\n"
                   "⟦Easy.\n</think>\n\n4<｜end▁of▁sentence｜>⟧"}));
  // Another one for the same model ends questions as well.
  EXPECT_EQ(Released("r1_cpp").learned({kThoughts[0], kThoughts[1]}),
            (Table{"<｜begin▁of▁sentence｜><｜User｜>Hi<｜end▁of▁sentence｜><｜Assistant｜><think>\n⟦A greeting.\n</think>\n\nHello."
                   "<｜end▁of▁sentence｜>⟧"}));
  for (const char* name : {"r1", "r1_cpp"}) {
    const Error error = error_of([&] { Released(name).learned(kTalk); });
    EXPECT_EQ(error.summary(), "the answer does not begin with \"<think>\", as the prompt does for it");
    EXPECT_EQ(error.where(), "row[2]");
  }
}

TEST(LearnedConversation, AnEmptyThoughtThatThePromptHoldsIsNotLearned) {
  NEEDS_RELEASED_DATA;
  Released qwen("qwen3");
  qwen.options.chat_template_kwargs = {{"enable_thinking", false}};
  qwen.options.last_turn_only = true;
  EXPECT_EQ(qwen.learned(kTalk),
            (Table{"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"
                   "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n⟦4<|im_end|>⟧"}));
  EXPECT_TRUE(holds(error_of([&] { qwen.learned(kThoughts); }).summary(), "otherwise than its generation prompt"));
}

TEST(LearnedConversation, MarksOfTheTemplateAreWhatTransformersLearns) {
  NEEDS_RELEASED_DATA;
  Released smol("smollm3");
  const Table samples = smol.learned(kTalk);
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_TRUE(samples[0].ends_with("\n\nBe brief.\n\n<|im_start|>user\nHi<|im_end|>\n⟦<|im_start|>assistant\nHello.<|im_end|>\n⟧"
                                   "<|im_start|>user\n2+2?<|im_end|>\n⟦<|im_start|>assistant\n4<|im_end|>\n⟧"))
      << samples[0];
  smol.options.last_turn_only = true;
  EXPECT_TRUE(smol.learned(kTalk).at(0).ends_with("user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n"
                                                  "<|im_start|>user\n2+2?<|im_end|>\n⟦<|im_start|>assistant\n4<|im_end|>\n⟧"));
}

// Mistral's template puts the system text before the last question.
TEST(LearnedConversation, WhereTheSystemTextMovesEachTurnHasASequence) {
  NEEDS_RELEASED_DATA;
  EXPECT_EQ(Released("nemo").learned(kTalk),
            (Table{"<s>[INST]Be brief.\n\nHi[/INST]⟦Hello.</s>⟧", "<s>[INST]Hi[/INST]Hello.</s>[INST]Be brief.\n\n2+2?[/INST]⟦4</s>⟧"}));
  EXPECT_EQ(Released("nemo").learned({kTalk[1], kTalk[2], kTalk[3], kTalk[4]}),
            (Table{"<s>[INST]Hi[/INST]⟦Hello.</s>⟧[INST]2+2?[/INST]⟦4</s>⟧"}));
}

TEST(LearnedConversation, ThoughtsInAKeyOfTheirOwnAreLearnedWhereTheTemplateWritesThem) {
  NEEDS_RELEASED_DATA;
  Json message = say("assistant", "4");
  message["reasoning_content"] = "Easy.";
  const Json conversation = {say("user", "2+2?"), message};
  EXPECT_EQ(Released("qwen3").learned(conversation),
            (Table{"<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n⟦<think>\nEasy.\n</think>\n\n4<|im_end|>⟧"}));
  const Error error = error_of([&] { Released("qwen2.5").learned(conversation); });
  EXPECT_EQ(error.summary(), "the chat template leaves out \"reasoning_content\"");
  EXPECT_EQ(error.where(), "row[1].reasoning_content");
  message.erase("reasoning_content");
  message["thinking"] = "Easy.";
  EXPECT_EQ(error_of([&] { Released("gpt-oss").learned({say("user", "2+2?"), message}); }).where(), "row[1].thinking");
}

// This one is for prompts: it ends answers with a token at which the model goes on.
TEST(LearnedConversation, ATemplateThatEndsTurnsWhereTheModelDoesNotStopIsRefused) {
  NEEDS_RELEASED_DATA;
  Released oss("gpt-oss");
  const Json conversation = {say("user", "2+2?"), say("assistant", "4")};
  EXPECT_TRUE(holds(error_of([&] { oss.learned(conversation); }).summary(), "ends a turn with \"<|end|>\""));
  oss.options.end_token_ids.push_back(oss.tokenizer.token_to_id("<|end|>"));
  EXPECT_TRUE(oss.learned(conversation).at(0).ends_with("<|start|>user<|message|>2+2?<|end|><|start|>assistant⟦<|message|>4<|end|>⟧"));
}

TEST(LearnedConversation, CallsOfToolsAreLearnedAndWhatToolsSayIsNot) {
  NEEDS_RELEASED_DATA;
  Json call = {{"role", "assistant"}, {"content", ""}, {"tool_calls", {{{"type", "function"}, {"function", {{"name", "add"}, {"arguments", {{"a", 2}}}}}}}}};
  const Json tools = {{{"type", "function"}, {"function", {{"name", "add"}, {"parameters", Json::object()}}}}};
  const Json conversation = {say("user", "2+2?"), call, say("tool", "4"), say("assistant", "It is 4.")};
  const Table samples = Released("qwen2.5").learned(conversation, tools);
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_TRUE(holds(samples[0], "{\"type\": \"function\", \"function\": {\"name\": \"add\", \"parameters\": {}}}\n</tools>"));
  EXPECT_TRUE(samples[0].ends_with("<|im_start|>assistant\n⟦<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 2}}\n</tool_call><|im_end|>⟧\n"
                                   "<|im_start|>user\n<tool_response>\n4\n</tool_response><|im_end|>\n<|im_start|>assistant\n⟦It is 4.<|im_end|>⟧"))
      << samples[0];
}

TEST(LearnedConversation, ASystemTextAndAnAnswerPrefixOfTheOptionsAreNotLearned) {
  NEEDS_RELEASED_DATA;
  Released qwen("qwen2.5");
  qwen.options.system = "Count.";
  qwen.options.answer_prefix = "<think>\n";
  EXPECT_EQ(qwen.learned({say("user", "2+2?"), say("assistant", "<think>\nEasy.\n</think>\n\n4")}),
            (Table{"<|im_start|>system\nCount.<|im_end|>\n<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n<think>\n⟦Easy.\n"
                   "</think>\n\n4<|im_end|>⟧"}));
  EXPECT_TRUE(holds(error_of([&] { qwen.learned({say("user", "2+2?"), say("assistant", "4")}); }).summary(), "does not begin with"));
}

// --- ids

std::string random_content(Stream& stream) {
  static const std::vector<std::string> pieces = {"a", "Hello", " world", "\n", "\n\n", " ", "  ", "3", "+", "é", "数", "!", "<b>", "</think", "x=1;", "\t"};
  std::string text;
  for (int64_t i = 1 + stream.below(7); i > 0; --i) text += pieces[static_cast<size_t>(stream.below(static_cast<int64_t>(pieces.size())))];
  return text + (stream.below(2) == 0 ? "." : "") + (text.find_first_not_of(" \n\t") == std::string::npos ? "y" : "");
}

// The oracle is the path of inference: encode_chat of the messages before a turn.
TEST(ConversationIds, EveryTurnIsLearnedOnceBehindTheIdsThatSamplingBeginsWithAndEndsWithTheEndOfTheTurn) {
  NEEDS_RELEASED_DATA;
  Stream stream(8);
  int64_t several = 0, single = 0, apart = 0;
  for (const char* name : {"qwen2.5", "qwen3", "llama3", "r1", "nemo", "mistral", "phi3"}) {
    const Released released(name);
    const bool thinks = std::string(name) == "r1";
    for (int round = 0; round < 60; ++round) {
      Json conversation = Json::array();
      if (stream.below(2) == 0 && std::string(name) != "mistral") conversation.push_back(say("system", random_content(stream)));
      const int64_t turns = 1 + stream.below(4);
      for (int64_t t = 0; t < turns; ++t) {
        conversation.push_back(say("user", random_content(stream)));
        conversation.push_back(say("assistant", (thinks ? "<think>\nthought</think>" : "") + random_content(stream)));
      }
      const auto samples = released.samples(conversation);
      (samples.size() > 1 ? several : single) += turns > 1;
      size_t message = 0;
      int64_t runs = 0;
      for (const ConversationSample& sample : samples) {
        const Ids& ids = sample.text.ids;
        EXPECT_EQ(sample.text.learned.back(), 1);
        for (size_t begin = 0; begin < ids.size(); ++begin) {
          if (!sample.text.learned[begin] || (begin > 0 && sample.text.learned[begin - 1])) continue;
          size_t end = begin;
          while (end < ids.size() && sample.text.learned[end]) ++end;
          do ++message;
          while (conversation[message]["role"] != "assistant");
          ChatOptions prompt;
          prompt.now = [] { std::tm day{}; day.tm_year = 125; day.tm_mon = 6; day.tm_mday = 26; return day; };
          ChatOptions finished = prompt;
          finished.add_generation_prompt = false;
          const Json before(conversation.begin(), conversation.begin() + static_cast<int64_t>(message));
          const Json with(conversation.begin(), conversation.begin() + static_cast<int64_t>(message) + 1);
          const Ids given(ids.begin(), ids.begin() + static_cast<int64_t>(begin));
          ASSERT_EQ(given, encode_chat(released.tokenizer, released.chat_template, before, prompt)) << name << " " << conversation;
          ++runs;
          // Where no token reaches across, the ids are those of the whole text.
          const Ids whole = encode_chat(released.tokenizer, released.chat_template, with, finished);
          const Ids upto(ids.begin(), ids.begin() + static_cast<int64_t>(end));
          const bool same = whole.size() >= upto.size() && std::equal(upto.begin(), upto.end(), whole.begin());
          const bool prefix = whole.size() >= given.size() && std::equal(given.begin(), given.end(), whole.begin());
          EXPECT_TRUE(thinks || same == prefix) << name << " " << conversation;
          apart += !prefix;
          EXPECT_EQ(released.tokenizer.id_to_token(ids[end - 1]), released.chat.ends[0]) << name;
          EXPECT_EQ(std::count(ids.begin() + static_cast<int64_t>(begin), ids.begin() + static_cast<int64_t>(end), ids[end - 1]), 1) << name;
        }
      }
      EXPECT_EQ(runs, turns) << name << " " << conversation;
    }
  }
  // All ways were taken.
  EXPECT_GT(several, 50);
  EXPECT_GT(single, 50);
  EXPECT_GT(apart, 20);
}

// "\n" of the template and "\n" of the answer are one token of Qwen's: sampling never begins with it.
TEST(ConversationIds, ATokenAcrossTheEndOfThePromptIsNotLearned) {
  NEEDS_RELEASED_DATA;
  const Released qwen("qwen2.5");
  const auto samples = qwen.samples({say("user", "Hi"), say("assistant", "\nHello.")});
  const Ids newline = qwen.tokenizer.encode("\n", false), both = qwen.tokenizer.encode("\n\n", false);
  ASSERT_EQ(newline.size(), 1u);
  ASSERT_EQ(both.size(), 1u);
  const Ids& ids = samples.at(0).text.ids;
  EXPECT_EQ(std::count(ids.begin(), ids.end(), both[0]), 0);
  EXPECT_EQ(bracketed(qwen.tokenizer, samples[0].text).substr(bracketed(qwen.tokenizer, samples[0].text).find("<|im_start|>assistant")),
            "<|im_start|>assistant\n⟦\nHello.<|im_end|>⟧");
  Released marked("qwen2.5");
  marked.chat_template = ChatTemplate::from_text(
      "{% for m in messages %}<|im_start|>{{ m.role + '\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>"
      "{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant{{ '\n' }}{% endif %}",
      {}, "marked");
  EXPECT_EQ(marked.learned({say("user", "Hi"), say("assistant", "\nHello.")}),
            (Table{"<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n⟦\nHello.<|im_end|>⟧"}));
  // Inside a turn a token that reaches across the beginning of a mark is learned whole, as transformers has it.
  marked.chat_template = ChatTemplate::from_text(
      "{% for m in messages %}<|im_start|>{{ m.role + '\n' }}{% if m.role == 'assistant' %}{{ m.content[:1] }}{% generation %}{{ m.content[1:3] }}"
      "{% endgeneration %}{{ m.content[3:] }}<|im_end|>{% else %}{{ m.content }}<|im_end|>{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant{{ '\n' }}{% endif %}",
      {}, "marked");
  EXPECT_EQ(marked.learned({say("user", "Hi"), say("assistant", "Hello")}),
            (Table{"<|im_start|>user\nHi<|im_end|><|im_start|>assistant\n⟦Hello<|im_end|>⟧"}));
}

}  // namespace
}  // namespace grpo
