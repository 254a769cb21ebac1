// Damaged templates: text or an Error, never a crash, whatever is broken. GRPO_MUTATIONS sets how many.
#include <gtest/gtest.h>

#include <filesystem>

#include "core/error.h"
#include "policy/io/jinja/template.h"
#include "tests/mutation.h"
#include "tests/test_data.h"

namespace grpo {
namespace {

const std::vector<std::string> kWords = {"{%",
                                         "%}",
                                         "{{",
                                         "}}",
                                         "{#",
                                         "#}",
                                         "-%}",
                                         "{%-",
                                         "{% if x %}",
                                         "{% endif %}",
                                         "{% for m in messages %}",
                                         "{% endfor %}",
                                         "{% macro m(a, b=1) %}",
                                         "{% endmacro %}",
                                         "{% set x = ",
                                         "{% set ns.x = ",
                                         "{% set x %}",
                                         "{% endset %}",
                                         "{% call m() %}",
                                         "{% endcall %}",
                                         "{% break %}",
                                         "{% raw %}",
                                         "{% endraw %}",
                                         "{% filter upper %}",
                                         "{% with a=1 %}",
                                         " | tojson(indent=2)",
                                         " | map('upper')",
                                         " | sort",
                                         " | join(messages)",
                                         " | length",
                                         " | items",
                                         " | reverse",
                                         " | int(0, 36)",
                                         " | round(2)",
                                         " is defined",
                                         " is not none",
                                         " in ",
                                         " not ",
                                         " ~ ",
                                         " ** ",
                                         " // ",
                                         " % ",
                                         "[::-1]",
                                         "[-9223372036854775808:]",
                                         "[1:",
                                         ".split(",
                                         ".replace('', ",
                                         ".format(",
                                         "%s %d",
                                         "%*d",
                                         "range(100000)",
                                         "namespace(a=1)",
                                         "messages",
                                         "messages[0].content",
                                         "loop",
                                         "loop.cycle(",
                                         "caller()",
                                         "tools",
                                         "none",
                                         "9223372036854775807",
                                         "1e308",
                                         "0x",
                                         "'",
                                         "\"",
                                         "\\",
                                         "\\u",
                                         "\\ud800",
                                         "\xf0\x9f\x98\x80",
                                         "\xff",
                                         "*",
                                         "**",
                                         "(",
                                         ")",
                                         "[",
                                         "]",
                                         "{",
                                         "}",
                                         ",",
                                         ":",
                                         "|",
                                         "recursive"};

struct Source {
  std::string name, text;
};

std::vector<Source> sources() {
  std::vector<Source> all;
  const Json own = parse_json(read_data(golden_path("chat/chat.json")), "chat.json");
  for (const auto& [name, text] : own[0]["templates"].items()) all.push_back({name, text.get<std::string>()});
  const Json small = parse_json(read_data(golden_path("chat/jinja.json")), "jinja.json");
  for (size_t i = 1; i < small.size(); ++i)
    all.push_back({"jinja.json", small[i]["template"].get<std::string>()});
  const std::string real = test_data("tokenizers/chat_templates");
  if (std::filesystem::exists(real)) {
    for (const auto& entry : std::filesystem::directory_iterator(real)) {
      all.push_back({entry.path().filename().string(), read_data(entry.path().string())});
    }
  }
  std::sort(all.begin(), all.end(), [](const Source& a, const Source& b) {
    return std::tie(a.name, a.text) < std::tie(b.name, b.text);
  });
  return all;
}

TEST(ChatTemplateMutations, DamagedTemplatesGiveTextOrAnErrorAndNeverCrash) {
  const std::vector<Source> all = sources();
  const Json messages = Json::parse(R"([
    {"role": "system", "content": "  Be \"brief\" é.\n"}, {"role": "user", "content": "<think>a</think> b"},
    {"role": "assistant", "content": null, "tool_calls": [{"id": "abc123def", "type": "function",
      "function": {"name": "f", "arguments": {"a": [1, 2.5, true, null, {"b": "😀"}]}}}]},
    {"role": "tool", "content": "3", "tool_call_id": "abc123def"}, {"role": "user", "content": ""}])");
  const Json tools = Json::parse(R"([{"type": "function", "function": {"name": "f", "description": "d",
    "parameters": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}, "required": ["a"]}}}])");
  const std::map<std::string, Json> variables = {
      {"messages", messages}, {"tools", tools},  {"add_generation_prompt", true}, {"bos_token", "<s>"},
      {"eos_token", "</s>"},  {"x", 5},          {"s", "Hello, Wörld"},           {"l", {3, 1, 2}},
      {"d", {{"a", 1}}},      {"msgs", messages}};
  const jinja::RenderOptions options{
      .limits = {.steps = 200'000, .value_bytes = 4 << 20, .output_bytes = 1 << 20, .nesting = 1000},
      .now = {}};
  int64_t texts = 0, errors = 0;
  for (int64_t i = 0; i < mutation_cases(2000); ++i) {
    const Source& source = all[static_cast<size_t>(i) % all.size()];
    SCOPED_TRACE("case " + std::to_string(i) + ", " + source.name);
    const std::string damaged = mutated(source.text, kWords, static_cast<uint64_t>(i));
    try {
      jinja::Template::parse(damaged, source.name).render(variables, options);
      ++texts;
    } catch (const Error&) {
      ++errors;
    }
  }
  EXPECT_GT(texts, 0);
  EXPECT_GT(errors, texts / 10);
}

}  // namespace
}  // namespace grpo
