#include "grpo/loss_preset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace grpo {
namespace {

using Table = std::vector<std::pair<std::string, Json>>;

const Table& losses() {
  static const Table table = {
      {"dapo", {{"loss_agg_mode", "token-mean"}}},
      {"grpo", {{"loss_agg_mode", "seq-mean-token-mean"}}},
      {"dr_grpo", {{"loss_agg_mode", "seq-mean-token-sum-norm"}, {"scale_rewards", "none"}}},
      {"bnpo", {{"loss_agg_mode", "local-token-mean"}}},
      {"gspo",
       {{"loss_agg_mode", "seq-mean-token-mean"},
        {"importance_sampling_level", "sequence"},
        {"epsilon", 3e-4},
        {"epsilon_high", 4e-4}}},
      {"gspo_token",
       {{"loss_agg_mode", "seq-mean-token-mean"},
        {"importance_sampling_level", "sequence_token"},
        {"epsilon", 3e-4},
        {"epsilon_high", 4e-4}}},
      {"cispo", {{"loss_agg_mode", "token-mean"}, {"surrogate", "cispo"}, {"cispo_ratio_max", 5.0}}},
      {"sapo", {{"loss_agg_mode", "seq-mean-token-mean"}, {"surrogate", "sapo"}}},
      {"rloo",
       {{"loss_agg_mode", "seq-mean-token-mean"},
        {"advantage_estimator", "leave_one_out"},
        {"importance_sampling_level", "sequence_sum"},
        {"beta", 0.05},
        {"use_kl_in_reward", true},
        {"kl_estimator", "k1"}}},
      {"reinforce_pp",
       {{"loss_agg_mode", "token-mean"},
        {"advantage_estimator", "batch"},
        {"beta", 0.01},
        {"use_kl_in_reward", true},
        {"kl_estimator", "k1"}}},
      {"reinforce_pp_baseline", {{"loss_agg_mode", "token-mean"}, {"advantage_estimator", "group_then_batch"}}},
  };
  return table;
}

const Table& stages() {
  static const Table table = {
      {"deepseek_r1",
       {{"loss_type", "grpo"},
        {"epsilon", 10.0},
        {"prompts_per_step", 32},
        {"num_generations", 16},
        {"steps_per_generation", 16},
        {"num_iterations", 1},
        {"beta", 0.001},
        {"kl_estimator", "k3"},
        {"learning_rate", 3e-6},
        {"temperature", 1.0},
        {"sync_ref_model", true},
        {"ref_model_sync_steps", 400},
        {"ref_model_mixup_alpha", 1.0}}},
  };
  return table;
}

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.push_back(entry.first);
  return names;
}

const Json* find(const Table& table, const std::string& name) {
  const auto it = std::find_if(table.begin(), table.end(), [&](const auto& entry) { return entry.first == name; });
  return it == table.end() ? nullptr : &it->second;
}

const Json& entry(const Table& table, const std::string& name, const char* key) {
  const Json* found = find(table, name);
  if (found != nullptr) return *found;
  throw Error(fmt::format("\"{}\" is no preset", name), key, fmt::format("use one of: {}", fmt::join(names_of(table), ", ")));
}

// A stage's options over defaults.
class Layers {
 public:
  Layers(const Json& own, Json& defaults) : own_(own), defaults_(defaults) {}

  bool asked(const char* key) const {
    const auto it = own_.find(key);
    return it != own_.end() && !it->is_null();
  }
  Json value(const char* key) const {
    if (asked(key)) return own_[key];
    const auto it = defaults_.find(key);
    return it == defaults_.end() ? Json() : *it;
  }
  void drop(const std::vector<const char*>& keys) {
    for (const char* key : keys) defaults_.erase(key);
  }

 private:
  const Json& own_;
  Json& defaults_;
};

void drop_pointless(const Json& own, Json& defaults) {
  Layers layers(own, defaults);
  const Json beta = layers.value("beta");
  if (beta.is_null() || beta == 0) {
    layers.drop({"kl_estimator", "use_kl_in_reward", "sync_ref_model", "ref_model_sync_steps", "ref_model_mixup_alpha"});
  }
  if (layers.value("use_kl_in_reward") != true && layers.value("kl_estimator") == "k1") layers.drop({"kl_estimator"});
  if (layers.value("sync_ref_model") == false) layers.drop({"ref_model_sync_steps", "ref_model_mixup_alpha"});
  const Json surrogate = layers.value("surrogate");
  if (!surrogate.is_null() && surrogate != "clip") layers.drop({"epsilon", "epsilon_high"});
  if (surrogate != "cispo" || layers.asked("cispo_epsilon_high")) layers.drop({"cispo_ratio_max"});
  if (surrogate == "cispo" && defaults.value("importance_sampling_level", "") == "sequence_token") {
    defaults["importance_sampling_level"] = "sequence";
  }
  if (layers.asked("epsilon")) layers.drop({"epsilon_high"});
  const Json estimator = layers.value("advantage_estimator");
  const bool group = estimator.is_null() || estimator == "group";
  if (!group || layers.value("multi_objective_aggregation") == "normalize_then_sum") layers.drop({"scale_rewards"});
}

}  // namespace

std::vector<std::string> loss_preset_names() { return names_of(losses()); }
std::vector<std::string> stage_preset_names() { return names_of(stages()); }

Json loss_preset(const std::string& name) { return entry(losses(), name, "loss_type"); }
Json stage_preset(const std::string& name) { return entry(stages(), name, "preset"); }

Json preset_defaults(const Json& stage_options) {
  const auto name_of = [](const Json& options, const char* key) {
    const auto it = options.find(key);
    return it != options.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  Json stage = Json::object();
  if (const Json* found = find(stages(), name_of(stage_options, "preset"))) stage = *found;
  std::string loss = name_of(stage_options, "loss_type");
  if (loss.empty()) loss = stage.value("loss_type", losses().front().first);
  Json defaults = stage;
  defaults["loss_type"] = loss;
  if (const Json* found = find(losses(), loss)) {
    for (const auto& [key, value] : found->items()) {
      // The two ends of a clip range come from one preset.
      if (key == "epsilon_high" && stage.contains("epsilon")) continue;
      if (!defaults.contains(key)) defaults[key] = value;
    }
  }
  for (const auto& [key, value] : stage_options.items()) {
    if (!value.is_null()) defaults.erase(key);
  }
  drop_pointless(stage_options, defaults);
  return defaults;
}

Json with_presets(const Json& stage_options) {
  Json merged = stage_options;
  const Json defaults = preset_defaults(stage_options);
  for (const auto& [key, value] : defaults.items()) merged[key] = value;
  return merged;
}

}  // namespace grpo
