#include "pipelines/report/stage_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "pipelines/report/chart.h"
#include "pipelines/report/eval_table.h"
#include "pipelines/report/json_lines.h"

namespace grpo {
namespace {

constexpr size_t kUnknownChartsMax = 8;
constexpr size_t kMetricRowsMax = 200;
constexpr size_t kFoldedFrom = 3;  // stages: of more, samples are folded
constexpr const char* kAlarmMetric = "alarm/reward_hacking";

// One chart of the metrics that everybody looks for.
struct KnownChart {
  const char* title;
  const char* note;
  std::vector<std::pair<const char*, const char*>> series;  // metric, label
};

const std::vector<KnownChart>& known_charts() {
  static const std::vector<KnownChart> charts = {
      {"Reward", "", {{"reward", "in training"}, {"eval_reward", "held out"}}},
      {"Accuracy", "band: one standard error", {{"eval_accuracy", "held out"}, {"accuracy", "in training"}}},
      {"Completion length", "tokens", {{"completions/mean_length", "in training"}, {"eval_completions/mean_length", "held out"}}},
      {"Loss", "", {{"loss", "loss"}, {"eval_loss", "held out"}}},
      {"Kept samples", "share of samples; pass rate of problems", {{"reject/kept_ratio", "kept"}, {"reject/pass_rate", "pass rate"}}},
      {"Divergence from the teacher", "", {{"divergence", "divergence"}}},
      {"KL", "to the reference; of a distillation, to the teacher", {{"kl", "KL"}}},
      {"Entropy", "per token", {{"entropy", "entropy"}}},
      {"Gradient norm", "", {{"grad_norm", "norm"}}},
      {"Sampler against trainer",
       "difference of log-probabilities",
       {{"sampling/sampling_logp_difference/mean", "mean"}, {"sampling/sampling_logp_difference/max", "largest"}}},
      {"Cut off at the limit", "share of samples", {{"completions/clipped_ratio", "in training"}, {"eval_completions/clipped_ratio", "held out"}}},
      {"Clipped tokens", "share of tokens", {{"clip_ratio/region_mean", "clipped"}}},
      {"Groups without a signal", "share of groups whose rewards are all alike", {{"frac_reward_zero_std", "share"}}},
      {"Learning rate", "", {{"learning_rate", "rate"}}},
  };
  return charts;
}

// Those that say nothing about learning.
bool is_bookkeeping(const std::string& metric) {
  return metric == "num_tokens" || metric == "step_time" || metric == "epoch" || metric == "skipped_steps" ||
         metric.ends_with("_stderr") || metric.starts_with("eval_") || metric.find('/') != std::string::npos;
}

const Curve* curve_of(const StageMetrics& metrics, const std::string& name) {
  const auto found = metrics.curves.find(name);
  return found == metrics.curves.end() || found->second.empty() ? nullptr : &found->second;
}

// The rewards one by one, and the accuracies on further sets.
Chart by_pattern(const StageMetrics& metrics, Chart chart, const std::string& head, const std::string& tail) {
  for (const auto& [name, curve] : metrics.curves) {
    if (!name.starts_with(head) || !name.ends_with(tail) || name.size() <= head.size() + tail.size() || curve.empty()) continue;
    const std::string middle = name.substr(head.size(), name.size() - head.size() - tail.size());
    if (chart.series.size() < kChartColours) chart.series.push_back({middle, name, &curve});
  }
  return chart;
}

Html charts_html(const StageMetrics& metrics) {
  Html html;
  std::set<std::string> drawn;
  const auto draw = [&](const Chart& chart) {
    if (chart.series.empty()) return;
    for (const ChartSeries& series : chart.series) drawn.insert(series.metric);
    html << chart_html(chart);
  };
  for (const KnownChart& known : known_charts()) {
    Chart chart{known.title, known.note, {}};
    for (const auto& [metric, label] : known.series) {
      if (const Curve* curve = curve_of(metrics, metric)) chart.series.push_back({label, metric, curve});
    }
    // A share that is nothing throughout needs no picture.
    const bool idle = std::all_of(chart.series.begin(), chart.series.end(), [](const ChartSeries& s) {
      return s.curve->max() == 0 && s.curve->min() == 0;
    });
    const std::string first = known.series.front().first;
    const bool constant = first == "learning_rate" && !chart.series.empty() &&
                          chart.series[0].curve->min() == chart.series[0].curve->max();
    if (constant) continue;
    if (!chart.series.empty() && idle && (first.starts_with("clip_ratio") || first == "completions/clipped_ratio" || first == "frac_reward_zero_std")) {
      for (const ChartSeries& series : chart.series) drawn.insert(series.metric);
      continue;
    }
    const bool one_value = std::all_of(chart.series.begin(), chart.series.end(),
                                       [](const ChartSeries& s) { return s.curve->num_values() < 2; });
    if (!one_value || metrics.steps_seen < 2) draw(chart);
    if (first == "reward") {
      const Chart parts = by_pattern(metrics, {"Rewards one by one", "mean of the samples", {}}, "rewards/", "/mean");
      if (parts.series.size() > 1) draw(parts);
    }
    if (first == "eval_accuracy") {
      draw(by_pattern(metrics, {"Accuracy, other sets", "band: one standard error", {}}, "eval_", "/accuracy"));
    }
  }
  size_t unknown = 0;
  for (const auto& [name, curve] : metrics.curves) {
    if (drawn.contains(name) || is_bookkeeping(name) || curve.empty() || curve.min() == curve.max()) continue;
    if (++unknown > kUnknownChartsMax) break;
    Chart chart{name, "", {{name, name, &curve}}};
    if (const Curve* held_out = curve_of(metrics, "eval_" + name)) chart.series.push_back({"held out", "eval_" + name, held_out});
    draw(chart);
  }
  return html;
}

// That a model's reward rose while accuracy fell (pipelines/reward_hacking_alarm.h): what the stage left says it best, while
// it runs its metrics do. "": it did not.
std::string alarm_text(const StageRecord& stage) {
  const Json& alarms = value_in(stage.manifest, "alarms");
  const Json alarm = alarms.is_array() && !alarms.empty() ? alarms[0] : Json();
  if (const auto step = integer_in(alarm, "step")) {
    const auto part = [&](const char* key) {
      const auto value = number_in(alarm, key);
      return value ? value_text(*value) : "?";
    };
    return fmt::format("Alarm in step {}: the reward {} rose from {} to {} while accuracy fell from {} (step {}) to {}. The policy may have "
                       "learned to please the model",
                       *step, string_in(alarm, "reward").value_or("of a model"), part("reward_at_best"), part("reward_mean"),
                       part("best_accuracy"), part("best_step"), part("accuracy"));
  }
  const Curve* curve = curve_of(stage.metrics, kAlarmMetric);
  if (curve == nullptr || !(curve->max() > 0)) return "";
  for (const CurvePoint& point : curve->points()) {
    if (point.y > 0) {
      return fmt::format("Alarm in step {:.0f}: the reward of a model rose while accuracy fell. The policy may be learning to please the "
                         "model",
                         point.x);
    }
  }
  return "";
}

// What a reader would want to be told without reading curves.
std::vector<std::string> worth_a_look(const StageRecord& stage) {
  std::vector<std::string> found;
  const StageMetrics& metrics = stage.metrics;
  for (const char* name : {"loss", "reward", "grad_norm", "kl", "entropy"}) {
    const auto curve = metrics.curves.find(name);
    if (curve == metrics.curves.end() || curve->second.num_missing() == 0) continue;
    found.push_back(fmt::format("{} was not a finite number in {} of {} steps, first in step {:.0f}", name,
                                curve->second.num_missing(), metrics.steps_seen, curve->second.first_missing()));
  }
  for (const auto& [name, curve] : metrics.curves) {
    if (curve.empty() || !(curve.max() > 0)) continue;
    if (name == "skipped_steps") found.push_back(fmt::format("{:.0f} steps were skipped", curve.max()));
    if (name == "rollout/errors") found.push_back(fmt::format("up to {:.0f} samples of a step had no finite logits", curve.max()));
    if (name.starts_with("rewards/") && name.ends_with("/error")) {
      found.push_back(fmt::format("the reward {} failed on up to {:.0f} samples of a step", name.substr(8, name.size() - 14), curve.max()));
    }
    if (name.find("alarm") != std::string::npos && name != kAlarmMetric) found.push_back(fmt::format("{} rose to {}", name, value_text(curve.max())));
  }
  if (const Curve* cut = curve_of(metrics, "completions/clipped_ratio"); cut != nullptr && cut->last() > 0.1) {
    found.push_back(fmt::format("{:.0f} % of the last step's samples were cut off at the limit", 100 * cut->last()));
  }
  return found;
}

Html facts_html(const RunRecord& run, const StageRecord& stage) {
  Html html;
  html << "<dl class=\"facts\">";
  const auto fact = [&](Markup name, const std::string& value) {
    if (!value.empty()) html << "<div><dt>" << name << "</dt><dd>" << Text{value} << "</dd></div>";
  };
  fact("type", stage.type);
  fact("from", stage.from);
  for (const StageNeed& need : stage.needs) {
    html << "<div><dt>" << Text{need.key} << "</dt><dd>" << Text{need.stage} << "</dd></div>";
  }
  fact("policy", string_in(stage.recipe, "policy").value_or(""));
  const Json train = value_in(stage_option(run, stage, "data"), "train");
  if (!train.is_null()) fact("trained on", describe_data(train));
  std::string steps = stage.steps > 0 ? std::to_string(stage.steps) : "";
  if (stage.steps_planned && *stage.steps_planned != stage.steps) {
    steps = fmt::format("{} of {}", stage.steps, *stage.steps_planned);
  }
  fact("steps", steps);
  if (stage.seconds > 0) fact("time", duration_text(stage.seconds));
  if (stage.tokens > 0) fact("tokens", count_text(stage.tokens));
  if (const auto peak = number_in(value_in(stage.manifest, "memory"), "peak_bytes")) {
    fact("most memory", fmt::format("{:.2f} GiB", *peak / (1 << 30)));
  }
  html << "</dl>";
  return html;
}

// Every metric with its course in small.
Html all_metrics_html(const StageMetrics& metrics) {
  Html html;
  if (metrics.curves.empty()) return html;
  html << "<details><summary>All metrics (" << static_cast<int64_t>(metrics.curves.size())
       << ")</summary><div class=\"scroll\"><table><thead><tr><th>metric</th><th>course</th><th>first</th><th>lowest</th>"
          "<th>highest</th><th>last</th></tr></thead><tbody>";
  size_t rows = 0;
  for (const auto& [name, curve] : metrics.curves) {
    if (curve.empty() || ++rows > kMetricRowsMax) continue;
    html << "<tr><td>" << Text{name} << "</td><td>" << sparkline_html(curve) << "</td>";
    for (const double value : {curve.first(), curve.min(), curve.max(), curve.last()}) {
      html << "<td>" << Text{value_text(value)} << "</td>";
    }
    html << "</tr>";
  }
  html << "</tbody></table></div></details>";
  return html;
}

void add_scalars(const Json& object, const std::string& prefix, int depth, std::vector<std::pair<std::string, std::string>>& rows,
                 size_t rows_max) {
  if (!object.is_object() || depth > 4) return;
  for (const auto& [key, value] : object.items()) {
    if (rows.size() >= rows_max) return;
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (value.is_object()) {
      add_scalars(value, name, depth + 1, rows, rows_max);
    } else if (!value.is_array()) {
      rows.emplace_back(name, value.is_string() ? value.get<std::string>()
                                                : value.dump(-1, ' ', false, Json::error_handler_t::replace));
    }
  }
}

// Of the manifest: what is not said elsewhere on the page.
Html manifest_html(const StageRecord& stage) {
  Html html;
  Json rest = stage.manifest;
  if (!rest.is_object()) return html;
  for (const char* said : {"name", "stage", "from", "steps", "seconds", "eval", "model", "memory", "files", "format", "version"}) {
    rest.erase(said);
  }
  if (const Html table = scalars_html(rest, 80); !table.empty()) html << "<h4>What it left</h4>" << table;
  const Json& data = value_in(stage.manifest, "data");
  if (data.is_array() && !data.empty()) {
    html << "<details><summary>Data, by checksum</summary><div class=\"scroll\"><table><tbody>";
    for (size_t i = 0; i < std::min<size_t>(data.size(), 50); ++i) {
      html << "<tr><td>" << Text{string_in(data[i], "path").value_or("")} << "</td><td>" << Text{string_in(data[i], "sha256").value_or("")}
           << "</td></tr>";
    }
    html << "</tbody></table></div></details>";
  }
  return html;
}

}  // namespace

Html scalars_html(const Json& object, size_t rows_max) {
  std::vector<std::pair<std::string, std::string>> rows;
  add_scalars(object, "", 0, rows, rows_max);
  Html html;
  if (rows.empty()) return html;
  html << "<div class=\"scroll\"><table><tbody>";
  for (const auto& [name, value] : rows) {
    html << "<tr><td>" << Text{name} << "</td><td class=\"left\">" << Text{value.substr(0, 400)} << "</td></tr>";
  }
  html << "</tbody></table></div>";
  return html;
}

Html stage_section_html(const RunRecord& run, size_t index) {
  const StageRecord& stage = run.stages[index];
  Html html;
  html << "<section class=\"panel stage\" id=\"stage-" << static_cast<int64_t>(index + 1) << "\"><div class=\"stage-head\"><h3>"
       << static_cast<int64_t>(index + 1) << " \xC2\xB7 " << Text{stage.name} << "</h3><span class=\"state "
       << Text{run_state_name(stage.state)} << "\">" << Text{run_state_name(stage.state)} << "</span></div>"
       << facts_html(run, stage);
  const std::vector<std::string> notices = worth_a_look(stage);
  const std::string alarm = alarm_text(stage);
  if (!notices.empty() || !alarm.empty()) {
    html << "<ul class=\"notices\">";
    if (!alarm.empty()) html << "<li class=\"alarm\">" << Text{alarm} << "</li>";
    for (const std::string& notice : notices) html << "<li>" << Text{notice} << "</li>";
    html << "</ul>";
  }
  if (const Html charts = charts_html(stage.metrics); !charts.empty()) html << "<div class=\"charts\">" << charts << "</div>";
  html << manifest_html(stage) << samples_html(stage, run.stages.size() > kFoldedFrom) << all_metrics_html(stage.metrics);
  if (stage.recipe.is_object() && !stage.recipe.empty()) {
    html << "<details><summary>The stage in the recipe</summary><pre>"
         << Text{stage.recipe.dump(2, ' ', false, Json::error_handler_t::replace)} << "</pre></details>";
  }
  html << "</section>";
  return html;
}

}  // namespace grpo
