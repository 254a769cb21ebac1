#include "core/metric_names.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace grpo {
namespace {

struct Alias {
  std::string_view name;
  std::string_view verl;
};

// A name may stand in several lines.
constexpr Alias kAliases[] = {
    {"policy_loss", "actor/pg_loss"},
    {"entropy", "actor/entropy"},
    {"kl", "actor/kl_loss"},
    {"clip_ratio/region_mean", "actor/pg_clipfrac"},
    {"grad_norm", "actor/grad_norm"},
    {"learning_rate", "actor/lr"},
    {"reward", "critic/score/mean"},
    {"completions/mean_length", "response_length/mean"},
    {"completions/max_length", "response_length/max"},
    {"completions/min_length", "response_length/min"},
    {"completions/clipped_ratio", "response_length/clip_ratio"},
    {"sampling/importance_sampling_ratio/mean", "rollout_corr/rollout_is_mean"},
    {"sampling/importance_sampling_ratio/min", "rollout_corr/rollout_is_min"},
    {"sampling/importance_sampling_ratio/max", "rollout_corr/rollout_is_max"},
    {"step_time", "perf/time_per_step"},
    {"step_time", "timing_s/step"},
    {"time/generate", "timing_s/gen"},
    {"time/score", "timing_s/reward"},
    {"time/logprobs", "timing_s/old_log_prob"},
    {"time/train", "timing_s/update_actor"},
    {"time/eval", "timing_s/testing"},
    {"time/save", "timing_s/save_checkpoint"},
    {"epoch", "training/epoch"},
};

// What the loss is made of besides the policy's term.
constexpr std::array kOtherTerms = {"policy_loss", "kl", "entropy_coef", "moe/aux_loss", "mtp/loss"};

std::vector<std::string> verl_names_of(const std::string& name, const Json& metrics) {
  std::vector<std::string> names;
  for (const Alias& alias : kAliases) {
    if (alias.name == name) names.emplace_back(alias.verl);
  }
  const auto there = [&](const char* term) { return metrics.contains(term); };
  if (name == "loss" && std::none_of(kOtherTerms.begin(), kOtherTerms.end(), there)) names.emplace_back("actor/pg_loss");
  return names;
}

}  // namespace

MetricNames read_metric_names(ObjectReader& reader) {
  const std::string names = reader.choice("metric_names", {"trl", "verl", "both"}, "trl");
  return names == "trl" ? MetricNames::kTrl : names == "verl" ? MetricNames::kVerl : MetricNames::kBoth;
}

Json verl_names(const Json& metrics) {
  Json named = Json::object();
  for (const auto& [name, value] : metrics.items()) {
    const std::vector<std::string> names = verl_names_of(name, metrics);
    if (names.empty()) named[name] = value;
    for (const std::string& verl : names) named[verl] = value;
  }
  return named;
}

Json named_metrics(const Json& metrics, MetricNames names) {
  if (names == MetricNames::kTrl) return metrics;
  Json named = verl_names(metrics);
  if (names == MetricNames::kVerl) return named;
  Json both = metrics;
  both.update(named);
  return both;
}

}  // namespace grpo
