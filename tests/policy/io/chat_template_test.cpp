// Conversations to text and ids, against transformers' apply_chat_template (tests/golden/chat/make.py).
#include "policy/io/chat_template.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/test_data.h"
#include "tests/throws_error.h"

namespace grpo {
namespace {

using Ids = std::vector<int64_t>;

std::tm golden_time() {
  std::tm time{};
  time.tm_year = 125;
  time.tm_mday = 15;
  time.tm_hour = 12;
  time.tm_wday = 3;
  time.tm_yday = 14;
  return time;
}

std::map<std::string, std::string> texts_of(const Json& object) {
  std::map<std::string, std::string> texts;
  for (const auto& [name, value] : object.items()) texts[name] = value.get<std::string>();
  return texts;
}

Json golden(const std::string& name) {
  return parse_json(read_data(golden_path("chat/" + name)), name);
}

// The rows of chat.json: a template, a tokenizer and a conversation each, with what transformers says.
struct Row {
  ChatTemplate chat;
  Tokenizer tokenizer;
  std::string bos;  // "" where the tokenizer has none
  std::string template_text;
  Json messages;
  ChatOptions options;
  Json text, ids;  // null where the template refuses the messages
  std::string name;
};

std::vector<Row> golden_rows() {
  const Json all = golden("chat.json");
  std::map<std::string, Tokenizer> tokenizers;
  for (const auto& [name, unused] : all[0]["tokenizers"].items()) {
    const std::string path = golden_path("tokenizer/" + name + ".json");
    tokenizers.emplace(name, Tokenizer::from_json(read_json_file(path), path));
  }
  std::vector<Row> rows;
  for (size_t i = 1; i < all.size(); ++i) {
    const Json& row = all[i];
    const auto tokenizer = row["tokenizer"].get<std::string>();
    const auto text = all[0]["templates"][row["template"].get<std::string>()].get<std::string>();
    const auto special = texts_of(all[0]["tokenizers"][tokenizer]);
    ChatOptions options;
    options.add_generation_prompt = row["add_generation_prompt"];
    options.now = golden_time;
    if (row["tools"].get<bool>()) options.tools = Json::array({all[0]["tool"]});
    rows.push_back(
        {ChatTemplate::from_text(text, special, "t"), tokenizers.at(tokenizer),
         special.contains("bos_token") ? special.at("bos_token") : "", text,
         all[0]["conversations"][row["case"].get<std::string>()], options, row["text"], row["ids"],
         row["template"].get<std::string>() + " x " + tokenizer + " x " + row["case"].get<std::string>()});
  }
  return rows;
}

// correctness.md 25, first half.
TEST(ChatTemplate, IdsEqualHuggingFacesForEveryTemplateAndTokenizerSetting) {
  const std::vector<Row> rows = golden_rows();
  ASSERT_EQ(rows.size(), 200u);
  for (const Row& row : rows) {
    if (row.text.is_null()) {
      EXPECT_THROW(row.chat.render(row.messages, row.options), Error) << row.name;
      continue;
    }
    EXPECT_EQ(row.chat.render(row.messages, row.options), row.text.get<std::string>()) << row.name;
    EXPECT_EQ(encode_chat(row.tokenizer, row.chat, row.messages, row.options), row.ids.get<Ids>())
        << row.name;
  }
}

// correctness.md 25, second half.
TEST(ChatTemplate, ThereIsExactlyOneBosWhereTheTemplateWritesItWhateverTheTokenizerAdds) {
  int written = 0, added = 0;
  for (const Row& row : golden_rows()) {
    if (row.text.is_null() || row.bos.empty()) continue;
    const int64_t bos = row.tokenizer.token_to_id(row.bos);
    const Ids ids = encode_chat(row.tokenizer, row.chat, row.messages, row.options);
    const bool writes = row.template_text.find("bos_token") != std::string::npos;
    EXPECT_EQ(std::count(ids.begin(), ids.end(), bos), writes ? 1 : 0) << row.name;
    written += writes ? 1 : 0;
    // The settings under test: tokenizers that put a BOS before plain text.
    added += row.tokenizer.encode("a").front() == bos ? 1 : 0;
  }
  EXPECT_GT(written, 50);
  EXPECT_GT(added, 50);
}

TEST(ChatTemplate, ReleasedTemplatesAndTokenizersGiveHuggingFacesIds) {
  std::map<std::string, std::pair<Tokenizer, ChatTemplate>> loaded;
  for (const Json& row : golden("real.json")) {
    const auto folder = row["folder"].get<std::string>();
    const std::string path = test_data("tokenizers/" + folder);
    GRPO_NEEDS_DATA(path);
    if (!loaded.contains(folder)) {
      loaded.emplace(
          folder,
          std::pair(Tokenizer::from_json(parse_json(read_data(path + "/tokenizer.json.gz"), folder), folder),
                    *ChatTemplate::from_files(
                        {{"tokenizer_config.json", read_data(path + "/tokenizer_config.json")}}, path)));
    }
    const auto& [tokenizer, chat] = loaded.at(folder);
    ChatOptions options;
    options.add_generation_prompt = row["add_generation_prompt"];
    options.tools = row["tools"];
    options.variables = row["extra"];
    options.now = golden_time;
    EXPECT_EQ(chat.render(row["messages"], options), row["text"].get<std::string>()) << folder;
    EXPECT_EQ(encode_chat(tokenizer, chat, row["messages"], options), row["ids"].get<Ids>()) << folder;
  }
}

TEST(ChatTemplate, ReleasedTemplatesGiveTheTextsOfJinja2) {
  const std::string path = test_data("tokenizers/vectors/chat_goldens.jsonl.gz");
  GRPO_NEEDS_DATA(path);
  std::istringstream lines(read_data(path));
  int compared = 0;
  for (std::string line; std::getline(lines, line); ++compared) {
    const Json row = parse_json(line, path);
    const auto file = row["template_file"].get<std::string>();
    std::string text = read_data(test_data(file));
    if (file.ends_with(".json")) text = parse_json(text, file)["chat_template"].get<std::string>();
    const ChatTemplate chat = ChatTemplate::from_text(text, texts_of(row["special_tokens"]), file);
    ChatOptions options;
    options.add_generation_prompt = row["add_generation_prompt"];
    options.tools = row["tools"];
    options.variables = row["extra"];
    options.now = golden_time;
    if (row.contains("error")) {
      EXPECT_EQ(error_of([&] { chat.render(row["messages"], options); }).summary(),
                row["error"].get<std::string>())
          << file;
    } else {
      EXPECT_EQ(chat.render(row["messages"], options), row["rendered"].get<std::string>())
          << file << " " << row["case"];
    }
  }
  EXPECT_EQ(compared, 222);
}

const Json kQuestion = Json::array({{{"role", "user"}, {"content", "2+2?"}}});
const char* const kOpens =
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt "
    "%}<assistant>{% endif %}";
const char* const kThinks =
    "{{ messages[0].content }}{% if add_generation_prompt %}<assistant><think>\n{% endif %}";

std::string with_prefix(const std::string& text, const std::string& prefix) {
  return ChatTemplate::from_text(text, {}, "t")
      .render(kQuestion, {.answer_prefix = prefix, .tools = {}, .variables = {}, .now = {}});
}

TEST(AnswerPrefix, StandsBehindTheGenerationPrompt) {
  EXPECT_EQ(with_prefix(kOpens, "<think>\n"), "<user>2+2?<assistant><think>\n");
  EXPECT_EQ(with_prefix(kOpens, ""), "<user>2+2?<assistant>");
}

TEST(AnswerPrefix, IsNotWrittenAgainWhereTheTemplateEndsWithIt) {
  EXPECT_EQ(with_prefix(kThinks, "<think>\n"), "2+2?<assistant><think>\n");
  EXPECT_EQ(with_prefix(kThinks, "<think>"), "2+2?<assistant><think>\n");
  EXPECT_EQ(with_prefix(kThinks, "<think>\nOkay"), "2+2?<assistant><think>\n<think>\nOkay");
  EXPECT_EQ(with_prefix("{{ messages[0].content }}<think>", "<think>\n\n"), "2+2?<think>\n\n");
}

TEST(AnswerPrefix, WithoutAGenerationPromptIsAnError) {
  const ChatTemplate chat = ChatTemplate::from_text(kOpens, {}, "t");
  const ChatOptions options{
      .add_generation_prompt = false, .answer_prefix = "<think>", .tools = {}, .variables = {}, .now = {}};
  EXPECT_EQ(error_of([&] { chat.render(kQuestion, options); }).where(), "answer_prefix");
}

TEST(OpenedAnswer, IsThePrefixOrTheThinkTagThatTheTemplateWrote) {
  EXPECT_EQ(opened_answer("<assistant>", ""), "");
  EXPECT_EQ(opened_answer("<assistant><think>\n", ""), "<think>\n");
  EXPECT_EQ(opened_answer("<assistant>So", "So"), "So");
  EXPECT_EQ(opened_answer("<assistant><think>\n", "<think>\n"), "<think>\n");
  EXPECT_EQ(opened_answer("<assistant><think>\n</think>\n\n", ""), "");
}

TEST(ChatTemplateFiles, TheJinjaFileComesBeforeTheConfigurationAndThatBeforeTheProcessors) {
  std::map<std::string, std::string> files = {{"chat_template.json", R"({"chat_template": "processor"})"}};
  const auto text = [&] { return ChatTemplate::from_files(files, "m")->render(kQuestion); };
  EXPECT_EQ(text(), "processor");
  files["tokenizer_config.json"] = R"({"chat_template": "config"})";
  EXPECT_EQ(text(), "config");
  files["chat_template.jinja"] = "file";
  EXPECT_EQ(text(), "file");
}

TEST(ChatTemplateFiles, SpecialTokensComeFromBothFilesInEitherSpelling) {
  const std::map<std::string, std::string> files = {
      {"chat_template.jinja", "{{ bos_token }}|{{ eos_token }}|{{ pad_token }}|{{ unk_token }}"},
      {"tokenizer_config.json",
       R"({"bos_token": {"__type": "AddedToken", "content": "<b>"}, "eos_token": "<e>", "unk_token": null})"},
      {"special_tokens_map.json",
       R"({"eos_token": "<other>", "pad_token": {"content": "<p>", "lstrip": false}})"}};
  EXPECT_EQ(ChatTemplate::from_files(files, "m")->render(kQuestion), "<b>|<e>|<p>|");
}

TEST(ChatTemplateFiles, NamedTemplatesAreChosenByWhetherThereAreTools) {
  const std::map<std::string, std::string> files = {
      {"tokenizer_config.json",
       R"({"chat_template": [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "{{ tools | length }} tools"}]})"}};
  const ChatTemplate chat = *ChatTemplate::from_files(files, "m");
  EXPECT_EQ(chat.render(kQuestion), "plain");
  ChatOptions options;
  options.tools = Json::array({Json::object()});
  EXPECT_EQ(chat.render(kQuestion, options), "1 tools");
}

TEST(ChatTemplateFiles, ACheckpointWithoutTemplateHasNone) {
  EXPECT_FALSE(ChatTemplate::from_files({{"tokenizer_config.json", R"({"bos_token": "<s>"})"}}, "m"));
  EXPECT_FALSE(ChatTemplate::from_files({}, "m"));
}

TEST(ChatTemplateFiles, AnUnsupportedTemplateIsAnErrorOnlyWhenItIsUsed) {
  const ChatTemplate chat =
      *ChatTemplate::from_files({{"chat_template.jinja", "a\n{{ x | frobnicate }}"}}, "model");
  ASSERT_NE(chat.fault(), nullptr);
  EXPECT_EQ(chat.fault()->summary(), "filter 'frobnicate' is not known");
  EXPECT_EQ(error_of([&] { chat.render(kQuestion); }).where(), "model/chat_template.jinja: line 2");
  EXPECT_EQ(ChatTemplate::from_text("a", {}, "t").fault(), nullptr);
}

TEST(ChatTemplate, MessagesMustBeObjectsInAListThatIsNotEmpty) {
  const ChatTemplate chat = ChatTemplate::from_text("x", {}, "t");
  EXPECT_EQ(error_of([&] { chat.render(Json::array()); }).summary(), "there are no messages");
  EXPECT_EQ(error_of([&] { chat.render("Hi"); }).summary(), "expected a list, found string");
  EXPECT_EQ(error_of([&] { chat.render(Json::array({kQuestion[0], "Hi"})); }).where(), "messages[1]");
}

TEST(ChatTemplate, FurtherVariablesReachTheTemplateAndMayReplaceSpecialTokensOnly) {
  const ChatTemplate chat =
      ChatTemplate::from_text("{{ bos_token }}{{ enable_thinking }}", {{"bos_token", "<s>"}}, "t");
  ChatOptions options;
  options.variables = {{"enable_thinking", false}, {"bos_token", "<t>"}};
  EXPECT_EQ(chat.render(kQuestion, options), "<t>False");
  options.variables = {{"messages", 1}};
  EXPECT_EQ(error_of([&] { chat.render(kQuestion, options); }).summary(),
            "the variable \"messages\" has a place of its own");
}

// The text with what it marks in brackets.
std::string bracketed(const RenderedChat& chat) {
  if (!chat.answers) return "unmarked: " + chat.text;
  std::string out;
  size_t at = 0;
  for (const auto& [begin, end] : *chat.answers) {
    out += chat.text.substr(at, begin - at) + "[" + chat.text.substr(begin, end - begin) + "]";
    at = end;
  }
  return out + chat.text.substr(at);
}

std::string marked(const std::string& text, const Json& messages, const ChatOptions& options = {}) {
  return bracketed(ChatTemplate::from_text(text, {}, "t").render_marked(messages, options));
}

const Json kTalk = {{{"role", "user"}, {"content", "a"}},
                    {{"role", "assistant"}, {"content", "b"}},
                    {{"role", "user"}, {"content", "é"}},
                    {{"role", "assistant"}, {"content", "d"}}};

TEST(MarkedAnswers, AreWhatGenerationBlocksWriteWhereverTheyStand) {
  EXPECT_EQ(marked("{% for m in messages %}<{{ m.role[0] }}>{% if m.role == 'assistant' %}{% generation %}{{ m.content }}!{% endgeneration %};"
                   "{% else %}{{ m.content }}{% endif %}{% endfor %}.",
                   kTalk),
            "<u>a<a>[b!];<u>é<a>[d!];.");
  EXPECT_EQ(marked("{% generation %}{% for m in messages %}{{ m.content }}{% endfor %}{% endgeneration %}", kTalk), "[abéd]");
  EXPECT_EQ(marked("{% generation %}{% endgeneration %}x", kTalk), "[]x");
  EXPECT_EQ(marked("{% if messages[0].role == 'tool' %}{% generation %}x{% endgeneration %}{% endif %}y", kTalk), "y");
}

TEST(MarkedAnswers, AreToldFromATemplateWithoutMarks) {
  EXPECT_EQ(marked("x{{ messages[0].content }}", kTalk), "unmarked: xa");
}

TEST(MarkedAnswers, StandBeforeAnAnswerPrefix) {
  EXPECT_EQ(marked("{% generation %}x{% endgeneration %}", kTalk, {.answer_prefix = "p", .tools = {}, .variables = {}, .now = {}}), "[x]p");
}

TEST(MarkedAnswers, InsideTextThatIsPutElsewhereAreRefusedAndTheRenderWithoutThemIsNot) {
  for (const char* text : {"{% macro f() %}{% generation %}x{% endgeneration %}{% endmacro %}{{ f() }}",
                           "{% set t %}{% generation %}x{% endgeneration %}{% endset %}{{ t }}",
                           "{% filter lower %}{% generation %}x{% endgeneration %}{% endfilter %}"}) {
    const ChatTemplate chat = ChatTemplate::from_text(text, {}, "t");
    EXPECT_EQ(chat.render(kTalk), "x") << text;
    const Error error = error_of([&] { chat.render_marked(kTalk); });
    EXPECT_TRUE(holds(error.summary(), "put somewhere else")) << text;
    EXPECT_EQ(error.where(), "t: line 1");
  }
}

TEST(MarkedAnswers, OfAReleasedTemplateAreItsAssistantTurns) {
  const std::string path = test_data("tokenizers/chat_templates/smollm3.jinja");
  GRPO_NEEDS_DATA(path);
  const ChatTemplate chat = ChatTemplate::from_text(read_data(path), {}, path);
  const ChatOptions options{.add_generation_prompt = false, .answer_prefix = "", .tools = {}, .variables = {}, .now = golden_time};
  const RenderedChat rendered = chat.render_marked(kTalk, options);
  EXPECT_EQ(rendered.text, chat.render(kTalk, options));
  EXPECT_TRUE(bracketed(rendered).ends_with("<|im_start|>user\na<|im_end|>\n[<|im_start|>assistant\nb<|im_end|>\n]"
                                            "<|im_start|>user\né<|im_end|>\n[<|im_start|>assistant\nd<|im_end|>\n]"))
      << bracketed(rendered);
}

TEST(ChatTemplate, KnowsWhetherItsTextDependsOnTheDay) {
  EXPECT_TRUE(ChatTemplate::from_text("{{ strftime_now('%d') }}", {}, "t").depends_on_date());
  EXPECT_FALSE(ChatTemplate::from_text("{{ date_string }}", {}, "t").depends_on_date());
}

}  // namespace
}  // namespace grpo
