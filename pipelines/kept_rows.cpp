#include "pipelines/kept_rows.h"

#include <fmt/format.h>

#include "core/error.h"
#include "pipelines/training_parts.h"
#include "rewards/tags.h"

namespace grpo {
namespace {

std::string stripped(const std::string& text) {
  constexpr const char* white = " \t\r\n";
  const size_t first = text.find_first_not_of(white);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(white) - first + 1);
}

// The text between two tags, if both are there in this order.
std::optional<std::string> between(const std::string& text, std::string_view open, std::string_view close) {
  const size_t begin = text.find(open);
  if (begin == std::string::npos) return std::nullopt;
  const size_t end = text.find(close, begin + open.size());
  if (end == std::string::npos) return std::nullopt;
  return text.substr(begin + open.size(), end - begin - open.size());
}

std::string thought_of(const std::string& completion) {
  return stripped(between(completion, kThinkOpen, kThinkClose).value_or(""));
}

std::string answer_of(const std::string& completion) {
  if (const auto answer = between(completion, kAnswerOpen, kAnswerClose)) return stripped(*answer);
  const size_t end = completion.find(kThinkClose);
  return stripped(end == std::string::npos ? completion : completion.substr(end + kThinkClose.size()));
}

// `text` with every {name} replaced by what `value` says of it.
template <class F>
std::string filled(const std::string& text, F value) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t close = text[at] == '{' ? text.find('}', at) : std::string::npos;
    if (close == std::string::npos) {
      out += text[at++];
      continue;
    }
    out += value(text.substr(at + 1, close - at - 1));
    at = close + 1;
  }
  return out;
}

}  // namespace

Questions::Questions(const Recipe& recipe, const StageSpec& spec) {
  for (const TrainingPart& part : read_training_parts(recipe, spec, DataUse::kTrainRl)) {
    sources_[part.name] = {.column = part.data.source.is_string() ? part.data.prompt_column : "question", .system = part.data.system};
  }
}

const Questions::Source& Questions::source_of(const Problem& problem) const {
  const auto source = sources_.find(problem.source);
  GRPO_CHECK(source != sources_.end());
  return source->second;
}

Json Questions::of(const Problem& problem) const { return problem.columns.value(source_of(problem).column, Json()); }

const std::string& Questions::system(const Problem& problem) const { return source_of(problem).system; }

void check_completion_template(const std::string& text, const std::string& where) {
  bool uses = false;
  filled(text, [&](const std::string& name) {
    if (name != "completion" && name != "think" && name != "answer") {
      throw Error(fmt::format("\"{{{}}}\" is nothing that a completion has", name), where,
                  "use {completion}, {think} and {answer}");
    }
    uses = true;
    return std::string();
  });
  if (!uses) throw Error("the template takes nothing of the completion", where, "use {completion}, or {think} and {answer}");
}

std::string written_completion(const std::string& text, const std::string& completion) {
  return filled(text, [&](const std::string& name) {
    return name == "think" ? thought_of(completion) : name == "answer" ? answer_of(completion) : completion;
  });
}

Json kept_row(const Group& group, const Episode& episode, const Rubric& rubric, const Json& question,
              const std::string& completion_template) {
  Json scores = Json::object();
  for (size_t i = 0; i < episode.scores.size(); ++i) {
    const Score& score = episode.scores[i];
    scores[rubric.items[i].label] = score.value ? Json(*score.value) : Json();
  }
  Json row = group.problem.columns;
  row["question"] = question;
  row["answer"] = group.problem.answer;
  row["completion"] = written_completion(completion_template, episode.completion);
  row["provenance"] = {{"problem", episode.problem_id},
                       {"sample", episode.sample_index},
                       {"seed", episode.seed},
                       {"reward", episode.reward ? Json(*episode.reward) : Json()},
                       {"scores", scores}};
  if (!group.problem.source.empty()) row["provenance"]["source"] = group.problem.source;
  return row;
}

std::string deduplication_key(const Json& row) {
  std::string key = row.at("question").dump() + "\n";
  bool gap = false;
  for (const char c : row.at("completion").get_ref<const std::string&>()) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      gap = true;
      continue;
    }
    if (gap) key += ' ';
    gap = false;
    key += c;
  }
  return key;
}

Json problem_line(const Json& sampled, int64_t kept) {
  return {{"problem", sampled.at("problem")},
          {"question", sampled.at("question")},
          {"pass_rate", sampled.at("pass_rate")},
          {"samples", sampled.at("samples")},
          {"kept", kept}};
}

void KeptCounts::add(const Json& sampled) {
  ++problems;
  problems_kept += !sampled.at("rows").empty();
  samples += sampled.at("samples").get<int64_t>();
  for (const auto& [reason, count] : sampled.at("dropped").items()) dropped[reason] += count.get<int64_t>();
  if (sampled.at("pass_rate").is_null()) return;
  ++rated;
  pass_rates += sampled.at("pass_rate").get<double>();
}

std::string KeptCounts::reasons() const {
  std::string text;
  for (const auto& [reason, count] : dropped) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, reason);
  return text.empty() ? "there was none" : text;
}

Json KeptCounts::json() const {
  return {{"problems", problems},
          {"problems_kept", problems_kept},
          {"samples", samples},
          {"kept", kept},
          {"dropped", dropped},
          {"pass_rate", rated > 0 ? Json(pass_rates / static_cast<double>(rated)) : Json()}};
}

}  // namespace grpo
