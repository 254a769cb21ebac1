#include "pipelines/reward_model_rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/error.h"

namespace grpo {
namespace {

constexpr std::string_view kHuman = "\n\nHuman:", kAssistant = "\n\nAssistant:";

bool is_messages(const Json& value) {
  return value.is_array() && !value.empty() && value[0].is_object() && value[0].contains("role");
}

std::string without_space_before(const std::string& text) {
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

// Reads one row; `row_` is the row, `out_` what becomes of it.
class RowReader {
 public:
  RowReader(const DataRow& row, const PreferenceColumns& columns, bool as_messages, PreferenceCounts& counts)
      : row_(row), columns_(columns), as_messages_(as_messages), counts_(counts) {
    out_.where = row.where;
  }

  // None: the row says nothing.
  std::optional<PreferenceRow> read() {
    if (has("response1") && has("response2")) return annotated();
    if (has("output_1") && has("output_2")) return labelled();
    if (has("conversations") && has(columns_.chosen)) return sharegpt();
    if (has(columns_.chosen) && has(columns_.rejected)) return pair();
    if (has(columns_.label) && (has(columns_.completion) || has("messages"))) return point();
    std::vector<std::string> names;
    for (const auto& [key, value] : row_.columns.items()) names.push_back(key);
    throw Error(fmt::format("the row is neither a pair of answers nor an answer with a label; it has: {}",
                            fmt::join(names, ", ")),
                row_.where, "set data.columns to its names for prompt, chosen and rejected, or for completion and label");
  }

 private:
  bool has(const std::string& name) const {
    const auto it = row_.columns.find(name);
    return it != row_.columns.end() && !it->is_null();
  }

  const Json& cell(const std::string& name) const {
    if (!has(name)) fail(name, "the column is missing");
    return row_.columns.at(name);
  }

  [[noreturn]] void fail(const std::string& column, const std::string& what, const std::string& fix = "mend the row") const {
    throw Error(what, row_.where + ": " + column, fix);
  }

  // Answers such as true and 4 stand in published files without quotes.
  std::string text(const std::string& name) const {
    const Json& value = cell(name);
    if (value.is_boolean() || value.is_number()) return value.dump();
    if (!value.is_string()) fail(name, "expected text, found " + json_type_name(value));
    return value.get<std::string>();
  }

  double number(const std::string& name) const {
    const Json& value = cell(name);
    if (!value.is_number()) fail(name, "expected a number, found " + json_type_name(value));
    return value.get<double>();
  }

  std::string content(const Json& message, const std::string& column) const {
    if (!message.is_object() || !message.contains("content") || !message["content"].is_string()) {
      fail(column, "expected a message with a text as its content");
    }
    return message["content"].get<std::string>();
  }

  // PandaLM: the answer that most of the annotators prefer.
  std::optional<PreferenceRow> annotated() {
    std::array<int, 3> votes = {};
    for (int a = 1; has(fmt::format("annotator{}", a)); ++a) {
      const double vote = number(fmt::format("annotator{}", a));
      if (vote != 0 && vote != 1 && vote != 2) fail(fmt::format("annotator{}", a), "expected 0, 1 or 2");
      ++votes[static_cast<size_t>(vote)];
    }
    const bool first = votes[1] > votes[2] && votes[1] > votes[0];
    if (!first && !(votes[2] > votes[1] && votes[2] > votes[0])) return tie();
    std::string prompt = text("instruction");
    if (has("input") && !text("input").empty()) prompt += "\n\n" + text("input");
    return two(prompt, "response1", "response2", first);
  }

  // LLMBar.
  std::optional<PreferenceRow> labelled() {
    const double better = number(columns_.label);
    if (better != 1 && better != 2) fail(columns_.label, "expected 1 or 2, whichever answer is better");
    return two(text("input"), "output_1", "output_2", better == 1);
  }

  PreferenceRow two(const std::string& prompt, const char* first, const char* second, bool first_is_better) {
    out_.prompt = prompt;
    out_.chosen = text(first_is_better ? first : second);
    out_.rejected = text(first_is_better ? second : first);
    return out_;
  }

  std::optional<PreferenceRow> tie() {
    ++counts_.ties;
    return std::nullopt;
  }

  std::optional<PreferenceRow> sharegpt() {
    out_.prompt = Json::array();
    for (const Json& turn : cell("conversations")) {
      const std::string from = turn.is_object() ? turn.value("from", "") : "";
      const std::string role = from == "human" ? "user" : from == "gpt" ? "assistant" : from;
      if (role.empty() || !turn.contains("value")) fail("conversations", "expected turns with \"from\" and \"value\"");
      out_.prompt.push_back({{"role", role}, {"content", turn["value"]}});
    }
    const auto answer = [&](const std::string& column) {
      const Json& turn = cell(column);
      if (turn.is_string()) return turn.get<std::string>();
      if (!turn.is_object() || !turn.value("value", Json()).is_string()) fail(column, "expected a turn with a text as its value");
      return turn["value"].get<std::string>();
    };
    out_.chosen = answer(columns_.chosen);
    out_.rejected = answer(columns_.rejected);
    return scored();
  }

  std::optional<PreferenceRow> pair() {
    const Json &chosen = cell(columns_.chosen), &rejected = cell(columns_.rejected);
    if (is_messages(chosen) != is_messages(rejected)) fail(columns_.rejected, "one answer is text, the other messages");
    if (is_messages(chosen)) return conversations(chosen, rejected);
    if (!has(columns_.prompt)) return dialogues();
    out_.prompt = cell(columns_.prompt);
    out_.chosen = text(columns_.chosen);
    out_.rejected = text(columns_.rejected);
    return scored();
  }

  // The prompt is what both conversations begin with, after "prompt" where the row has one.
  std::optional<PreferenceRow> conversations(const Json& chosen, const Json& rejected) {
    Json prompt = Json::array();
    if (has(columns_.prompt)) {
      prompt = cell(columns_.prompt);
      if (prompt.is_string()) prompt = Json::array({{{"role", "user"}, {"content", prompt}}});
      if (!is_messages(prompt)) fail(columns_.prompt, "expected text or a list of messages");
    }
    size_t begin = starts_with(chosen, prompt) && starts_with(rejected, prompt) ? prompt.size() : 0;
    while (begin + 1 < chosen.size() && begin + 1 < rejected.size() && chosen[begin] == rejected[begin]) {
      prompt.push_back(chosen[begin++]);
    }
    if (chosen.size() != begin + 1 || rejected.size() != begin + 1) {
      ++counts_.two_prompts;
      return std::nullopt;
    }
    if (prompt.empty()) fail(columns_.chosen, "there is an answer and no prompt");
    out_.prompt = std::move(prompt);
    out_.chosen = content(chosen.back(), columns_.chosen);
    out_.rejected = content(rejected.back(), columns_.rejected);
    return scored();
  }

  static bool starts_with(const Json& messages, const Json& beginning) {
    if (beginning.empty() || messages.size() <= beginning.size()) return false;
    return std::equal(beginning.begin(), beginning.end(), messages.begin());
  }

  std::optional<PreferenceRow> dialogues() {
    const auto [prompt, chosen] = split(columns_.chosen);
    const auto [other, rejected] = split(columns_.rejected);
    if (prompt != other) {
      ++counts_.two_prompts;
      return std::nullopt;
    }
    out_.prompt = as_messages_ ? dialogue_messages(prompt, row_.where) : Json(prompt);
    // In messages the space after the colon belongs to nobody.
    out_.chosen = as_messages_ ? without_space_before(chosen) : chosen;
    out_.rejected = as_messages_ ? without_space_before(rejected) : rejected;
    return scored();
  }

  std::pair<std::string, std::string> split(const std::string& column) const {
    const std::string whole = text(column);
    const size_t at = whole.rfind(kAssistant);
    if (at == std::string::npos) {
      fail(column, "the row has no prompt, and the text no \"\\n\\nAssistant:\" to split it at",
           "set data.columns.prompt, or write whole dialogues");
    }
    return {whole.substr(0, at + kAssistant.size()), whole.substr(at + kAssistant.size())};
  }

  PreferenceRow scored() {
    if (has(columns_.margin)) out_.margin = number(columns_.margin);
    if (has(columns_.score_chosen) != has(columns_.score_rejected)) {
      fail(has(columns_.score_chosen) ? columns_.score_rejected : columns_.score_chosen, "only one answer has a score");
    }
    if (has(columns_.score_chosen)) out_.score_difference = number(columns_.score_chosen) - number(columns_.score_rejected);
    return out_;
  }

  std::optional<PreferenceRow> point() {
    out_.label = label(cell(columns_.label));
    const bool alone = has(columns_.completion);
    Json messages = alone ? cell(columns_.completion) : cell("messages");
    if (alone) out_.prompt = cell(columns_.prompt);
    if (messages.is_string()) {
      out_.chosen = messages.get<std::string>();
      return out_;
    }
    if (!is_messages(messages)) fail(alone ? columns_.completion : "messages", "expected text or a list of messages");
    out_.chosen = content(messages.back(), alone ? columns_.completion : "messages");
    messages.erase(messages.size() - 1);
    if (!alone) out_.prompt = std::move(messages);
    else if (!messages.empty()) fail(columns_.completion, "expected one message after the prompt");
    if (out_.prompt.empty()) fail("messages", "there is an answer and no prompt");
    return out_;
  }

  double label(const Json& value) const {
    if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
    if (value == "safe") return 1.0;
    if (value == "unsafe") return 0.0;
    if (value.is_number() && value.get<double>() >= 0.0 && value.get<double>() <= 1.0) return value.get<double>();
    fail(columns_.label, fmt::format("{} is no label", value.dump()),
         "use true or false, \"safe\" or \"unsafe\", or a number from 0 to 1");
  }

  const DataRow& row_;
  const PreferenceColumns& columns_;
  const bool as_messages_;
  PreferenceCounts& counts_;
  PreferenceRow out_;
};

}  // namespace

PreferenceColumns read_preference_columns(ObjectReader& r) {
  PreferenceColumns c;
  for (const auto& [key, name] : std::initializer_list<std::pair<const char*, std::string*>>{
           {"prompt", &c.prompt}, {"chosen", &c.chosen}, {"rejected", &c.rejected}, {"completion", &c.completion},
           {"label", &c.label}, {"margin", &c.margin}, {"score_chosen", &c.score_chosen},
           {"score_rejected", &c.score_rejected}}) {
    *name = r.string(key, *name);
  }
  return c;
}

Json dialogue_messages(const std::string& text, const std::string& where) {
  Json messages = Json::array();
  for (size_t at = 0; at < text.size();) {
    const bool human = text.compare(at, kHuman.size(), kHuman) == 0;
    if (!human && text.compare(at, kAssistant.size(), kAssistant) != 0) {
      throw Error("the dialogue does not begin with \"\\n\\nHuman:\"", where, "mend the row");
    }
    const size_t begin = at + (human ? kHuman : kAssistant).size();
    at = std::min({text.find(kHuman, begin), text.find(kAssistant, begin), text.size()});
    const std::string turn = without_space_before(text.substr(begin, at - begin));
    if (at == text.size() && !human && turn.empty()) break;
    messages.push_back({{"role", human ? "user" : "assistant"}, {"content", turn}});
  }
  return messages;
}

std::vector<PreferenceRow> read_preference_rows(const std::string& path, const PreferenceColumns& columns,
                                                bool as_messages, PreferenceCounts& counts) {
  std::vector<PreferenceRow> rows;
  for (const DataRow& row : read_data_file(path)) {
    ++counts.rows;
    std::optional<PreferenceRow> read = RowReader(row, columns, as_messages, counts).read();
    if (!read) continue;
    if (!rows.empty() && rows.front().rejected.has_value() != read->rejected.has_value()) {
      throw Error("the file mixes pairs of answers with single ones", row.where, "split it");
    }
    rows.push_back(std::move(*read));
  }
  return rows;
}

}  // namespace grpo
