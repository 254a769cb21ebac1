#include "pipelines/report/stage_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/metric_names.h"
#include "pipelines/report/json_lines.h"

namespace grpo {
namespace {

constexpr size_t kMetricsMax = 1000;
constexpr std::string_view kAccuracy = "accuracy";

// verl's name -> TRL's, of the metrics that the report looks for by name.
const std::map<std::string, std::string>& trl_names() {
  static const std::map<std::string, std::string> names = [] {
    std::map<std::string, std::string> found;
    for (const char* trl :
         {"policy_loss", "entropy", "kl", "clip_ratio/region_mean", "grad_norm", "learning_rate", "reward",
          "completions/mean_length", "completions/max_length", "completions/min_length", "completions/clipped_ratio",
          "sampling/importance_sampling_ratio/mean", "sampling/importance_sampling_ratio/min",
          "sampling/importance_sampling_ratio/max", "step_time", "time/generate", "time/score", "time/logprobs",
          "time/train", "time/save", "epoch", "loss"}) {
      const Json verl = verl_names({{trl, 0}});
      for (const auto& [name, value] : verl.items()) found.emplace(name, trl);
    }
    return found;
  }();
  return names;
}

// The numbers of a line under TRL's names; null, which stands for what was not finite, is NaN.
std::map<std::string, double> numbers_of(const Json& line) {
  std::map<std::string, double> numbers;
  for (const auto& [name, value] : line.items()) {
    if (name == "step" || name == "stage_step") continue;
    if (!value.is_number() && !value.is_null()) continue;
    const double number = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
    const auto alias = trl_names().find(name);
    if (alias == trl_names().end()) {
      numbers[name] = number;
    } else {
      numbers.emplace(alias->second, number);
    }
  }
  return numbers;
}

StageMetrics& stage_of(RunMetrics& run, const std::string& name) {
  for (StageMetrics& stage : run.stages) {
    if (stage.stage == name) return stage;
  }
  run.stages.push_back({});
  run.stages.back().stage = name;
  return run.stages.back();
}

// Time and tokens.
void add_costs(StageMetrics& stage, const std::string& name, double value) {
  if (!std::isfinite(value)) return;
  if (name == "step_time") {
    stage.seconds += value;
    stage.longest_step = std::max(stage.longest_step, value);
  } else if (name.starts_with("time/") && stage.seconds_of.size() < kMetricsMax) {
    stage.seconds_of[name.substr(5)] += value;
  } else if (name == "num_tokens") {
    stage.tokens = std::max(stage.tokens, value);
  }
}

void remember(std::vector<EvalPoint>& evaluations, const EvalPoint& evaluation, bool replace) {
  for (EvalPoint& known : evaluations) {
    if (known.set != evaluation.set) continue;
    if (replace) known = evaluation;
    return;
  }
  evaluations.push_back(evaluation);
}

void add_line(RunMetrics& run, const Json& line) {
  const auto name = string_in(line, "stage");
  const auto step = integer_in(line, "step");
  if (!name || !step) {
    ++run.unreadable;
    return;
  }
  StageMetrics& stage = stage_of(run, *name);
  const auto x = integer_in(line, "stage_step").value_or(*step);
  if (stage.steps_seen++ == 0) {
    stage.first_line = *step;
    stage.first_step = x;
  }
  stage.last_line = std::max(stage.last_line, *step);
  stage.last_step = std::max(stage.last_step, x);
  const std::map<std::string, double> numbers = numbers_of(line);
  for (const auto& [metric, value] : numbers) {
    add_costs(stage, metric, value);
    if (!stage.curves.contains(metric) && stage.curves.size() >= kMetricsMax) continue;
    const auto spread = metric.ends_with(kAccuracy) ? numbers.find(metric + "_stderr") : numbers.end();
    stage.curves[metric].add(static_cast<double>(x), value, spread == numbers.end() ? 0 : spread->second);
  }
  for (const EvalPoint& evaluation : evaluations_of(numbers, x)) {
    remember(stage.first_eval, evaluation, false);
    remember(stage.last_eval, evaluation, true);
  }
}

}  // namespace

std::vector<EvalPoint> evaluations_of(const std::map<std::string, double>& metrics, int64_t step) {
  // Prefixes of sets, "eval_" or "eval_SET/". No slash stands in a metric's name before "accuracy".
  std::vector<std::string> prefixes;
  for (const auto& [name, value] : metrics) {
    const bool of_set = name.starts_with("eval_") && name.ends_with("/accuracy");
    if (name == "eval_accuracy" || of_set) prefixes.push_back(name.substr(0, name.size() - kAccuracy.size()));
  }
  std::sort(prefixes.begin(), prefixes.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  std::map<std::string, EvalPoint> of_prefix;
  for (const auto& [name, value] : metrics) {
    const auto prefix = std::find_if(prefixes.begin(), prefixes.end(),
                                     [&name = name](const std::string& p) { return name.starts_with(p); });
    if (prefix == prefixes.end() || !std::isfinite(value)) continue;
    EvalPoint& evaluation = of_prefix[*prefix];
    evaluation.set = prefix->size() > 6 ? prefix->substr(5, prefix->size() - 6) : "";
    evaluation.step = step;
    evaluation.values[name.substr(prefix->size())] = value;
  }
  std::vector<EvalPoint> evaluations;
  for (auto& [prefix, evaluation] : of_prefix) evaluations.push_back(std::move(evaluation));
  return evaluations;
}

RunMetrics read_metrics(const std::string& path) {
  RunMetrics run;
  JsonLines file(path);
  while (const auto line = file.next()) {
    if (line->text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    ++run.lines;
    const auto object = line->too_long ? std::nullopt : parse_object(line->text);
    if (object) {
      add_line(run, *object);
    } else if (line->torn) {
      run.torn = true;
    } else {
      ++run.unreadable;
    }
  }
  return run;
}

}  // namespace grpo
