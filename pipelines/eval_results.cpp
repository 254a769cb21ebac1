#include "pipelines/eval_results.h"

#include <fmt/format.h>

#include <algorithm>

namespace grpo {
namespace {

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

// A cell of the table; "-" for what is not a number.
std::string cell(const Json& result, const std::string& key, const char* format) {
  const auto found = result.find(key);
  return found != result.end() && found->is_number() ? fmt::format(fmt::runtime(format), found->get<double>()) : "-";
}

}  // namespace

Json eval_sample_line(const std::string& model, const std::string& set, const Group& group) {
  Json samples = Json::array();
  for (const Episode& episode : group.episodes) {
    const SampleOutcome outcome = outcome_of(episode);
    samples.push_back({{"completion", episode.completion},
                       {"correct", outcome.correct ? Json(*outcome.correct) : Json()},
                       {"vote", outcome.vote},
                       {"reward", number_or_null(outcome.reward)},
                       {"length", outcome.length},
                       {"truncated", outcome.truncated},
                       {"seed", episode.seed}});
  }
  return {{"model", model}, {"set", set}, {"problem", group.problem.id}, {"answer", group.problem.answer}, {"samples", samples}};
}

std::vector<SampleOutcome> outcomes_of(const Json& line) {
  std::vector<SampleOutcome> outcomes;
  for (const Json& sample : line.at("samples")) {
    SampleOutcome& outcome = outcomes.emplace_back();
    if (!sample.at("correct").is_null()) outcome.correct = sample.at("correct").get<bool>();
    outcome.vote = sample.at("vote").get<std::string>();
    if (!sample.at("reward").is_null()) outcome.reward = sample.at("reward").get<double>();
    outcome.length = sample.at("length").get<int64_t>();
    outcome.truncated = sample.at("truncated").get<bool>();
  }
  return outcomes;
}

Json eval_result_json(const std::string& model, const EvaluationSet& set, const EvalResult& result) {
  Json out = {{"model", model},
              {"set", set.name},
              {"accuracy", result.pass_at_1},
              {"accuracy_stderr", result.pass_at_1_stderr},
              {"reward", result.reward},
              {"completions/mean_length", result.mean_length},
              {"completions/clipped_ratio", result.clipped_ratio},
              {"num_problems", result.num_problems},
              {"num_samples", set.options.num_samples},
              {"num_unjudged", result.num_unjudged},
              {"temperature", set.options.sampling.temperature},
              {"top_p", set.options.sampling.top_p},
              {"max_completion_length", set.options.sampling.max_tokens}};
  for (const auto& [k, value] : result.pass_at) out[fmt::format("pass@{}", k)] = value;
  if (set.options.num_samples > 1) out[fmt::format("cons@{}", set.options.num_samples)] = result.maj_at_k;
  return out;
}

std::string eval_results_table(const Json& results) {
  size_t set_width = 3, model_width = 5;
  for (const Json& result : results) {
    set_width = std::max(set_width, result.at("set").get_ref<const std::string&>().size());
    model_width = std::max(model_width, result.at("model").get_ref<const std::string&>().size());
  }
  std::string text = fmt::format("{:<{}}  {:<{}}  {:<17}  {:<15}  {:<15}  {:<9}  cut off\n", "set", set_width, "model", model_width,
                                 "accuracy", "pass@k", "cons@k", "tokens");
  for (const Json& result : results) {
    const std::string k = std::to_string(result.at("num_samples").get<int64_t>());
    const auto of_all = [&](const char* name) {
      const std::string value = cell(result, name + k, "{:.4f}");
      return value == "-" ? value : fmt::format("{} (k {})", value, k);
    };
    text += fmt::format("{:<{}}  {:<{}}  {:<17}  {:<15}  {:<15}  {:<9}  {} %\n", result.at("set").get_ref<const std::string&>(), set_width,
                        result.at("model").get_ref<const std::string&>(), model_width,
                        cell(result, "accuracy", "{:.4f}") + " +- " + cell(result, "accuracy_stderr", "{:.4f}"), of_all("pass@"),
                        of_all("cons@"), cell(result, "completions/mean_length", "{:.1f}"),
                        result.at("completions/clipped_ratio").is_number()
                            ? fmt::format("{:.1f}", 100.0 * result.at("completions/clipped_ratio").get<double>())
                            : "-");
  }
  return text;
}

}  // namespace grpo
