#include "policy/lora.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "core/error.h"
#include "core/seed.h"
#include "policy/name_pattern.h"

namespace grpo {
namespace {

constexpr const char* kAllLinear = "all-linear";
constexpr int64_t kRankMax = 4096;

ModuleSelection read_selection(ObjectReader& r, const std::string& key) {
  if (r.raw(key).is_string()) return r.string(key);
  std::vector<std::string> names = r.strings(key, {});
  for (const std::string& name : names) {
    if (name.empty()) r.fail(key, "an empty name would match nothing", "remove it");
  }
  return names;
}

bool empty(const ModuleSelection& selection) {
  const auto* names = std::get_if<std::vector<std::string>>(&selection);
  return names != nullptr ? names->empty() : std::get<std::string>(selection).empty();
}

// "model.layers.3.mlp.experts.5.up_proj" -> 3; none for a module outside the layers.
std::optional<int64_t> layer_of(const std::string& module) {
  constexpr std::string_view before = "model.layers.";
  if (!module.starts_with(before)) return std::nullopt;
  return std::stoll(module.substr(before.size()));
}

// One entry of a selection as a question to a name.
class Selector {
 public:
  Selector(const ModuleSelection& selection, const std::string& where) {
    if (const auto* names = std::get_if<std::vector<std::string>>(&selection)) {
      entries_ = *names;
    } else if (!std::get<std::string>(selection).empty()) {
      pattern_.emplace(std::get<std::string>(selection), where);
    }
  }

  // `whole` is set where a list names the module in full: PEFT then asks for no layer.
  bool selects(const std::string& module, bool* whole = nullptr) {
    if (pattern_) return pattern_->matches_whole(module);
    bool found = false;
    for (const std::string& entry : entries_) {
      const bool same = module == entry;
      if (!same && !module.ends_with("." + entry)) continue;
      if (same && whole != nullptr) *whole = true;
      used_.insert(entry);
      found = true;
    }
    return found;
  }

  std::vector<std::string> unused() const {
    std::vector<std::string> unused;
    for (const std::string& entry : entries_) {
      if (!used_.contains(entry)) unused.push_back(entry);
    }
    return unused;
  }

 private:
  std::optional<NamePattern> pattern_;
  std::vector<std::string> entries_;
  std::set<std::string> used_;
};

std::string last_part(const std::string& module) {
  return module.substr(module.rfind('.') + 1);
}

// Weight matrices that are no adaptable module: routers, routed experts, embedding, head. Modules of
// multi-token prediction are left out: to PEFT, which sees the model as transformers loads it, they are not
// there.
std::vector<std::string> other_modules(const Policy& policy, const std::vector<AdaptableModule>& adaptable) {
  std::set<std::string> known;
  for (const AdaptableModule& module : adaptable) known.insert(module.name);
  std::vector<std::string> others;
  constexpr std::string_view ending = ".weight";
  for (const NamedTensor& t : policy.checkpoint_tensors()) {
    if (t.tensor.dim() != 2 || !t.name.ends_with(ending)) continue;
    const std::string module = t.name.substr(0, t.name.size() - ending.size());
    const bool beyond = layer_of(module).value_or(0) >= static_cast<int64_t>(policy.config().layers.size());
    if (!beyond && !known.contains(module)) others.push_back(module);
  }
  return others;
}

}  // namespace

double LoraConfig::scale() const {
  const auto rank = static_cast<double>(r);
  return lora_alpha / (use_rslora ? std::sqrt(rank) : rank);
}

LoraConfig read_lora_config(ObjectReader& r) {
  LoraConfig config;
  config.r = r.integer("r", config.r, {.min = 1, .max = kRankMax});
  config.lora_alpha = r.number("lora_alpha", config.lora_alpha, {.min = 0.0, .min_exclusive = true});
  config.use_rslora = r.boolean("use_rslora", false);
  config.target_modules = read_selection(r, "target_modules");
  if (empty(config.target_modules)) {
    r.fail("target_modules", "no module is named",
           "write \"all-linear\", or endings of names such as [\"q_proj\", \"v_proj\"]");
  }
  config.exclude_modules = read_selection(r, "exclude_modules");
  if (r.raw("layers_to_transform").is_number_integer()) {
    config.layers_to_transform = {r.integer("layers_to_transform", {.min = 0})};
  } else {
    config.layers_to_transform = r.integers("layers_to_transform", {});
  }
  const auto* expression = std::get_if<std::string>(&config.target_modules);
  if (!config.layers_to_transform.empty() && expression != nullptr && *expression != kAllLinear) {
    r.fail("layers_to_transform", "cannot be joined with a regular expression in target_modules",
           "write the layers into the expression: model\\.layers\\.(3|4)\\..*");
  }
  if (r.number("lora_dropout", 0.0, {.min = 0.0}) != 0.0) {
    r.fail("lora_dropout", "dropout is not supported: rollout and training have to compute the same numbers",
           "remove it");
  }
  if (r.string("bias", "none") != "none") r.fail("bias", "training biases is not supported", "use \"none\"");
  if (r.string("peft_type", "LORA") != "LORA") r.fail("peft_type", "only LoRA is supported");
  r.string("task_type", "");
  if (r.has("init_lora_weights") && r.raw("init_lora_weights") != Json(true)) {
    r.fail("init_lora_weights", "only PEFT's default is supported: A uniform, B zero", "remove it");
  }
  // Of these only the value that means no is understood.
  for (const char* key :
       {"use_dora", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora", "modules_to_save",
        "rank_pattern", "alpha_pattern", "target_parameters", "layers_pattern", "layer_replication",
        "trainable_token_indices", "alora_invocation_tokens", "arrow_config", "velora_config",
        "monteclora_config", "kasa_config"}) {
    const Json& value = r.raw(key);
    if (value.is_null() || value == Json(false) || (value.is_structured() && value.empty())) continue;
    r.fail(key, "not supported", "remove it");
  }
  return config;
}

LoraTargets find_lora_targets(const Policy& policy, const LoraConfig& config, const std::string& where) {
  const std::vector<AdaptableModule> adaptable = policy.adaptable_modules();
  const auto* expression = std::get_if<std::string>(&config.target_modules);
  const bool all = expression != nullptr && *expression == kAllLinear;
  Selector wanted(all ? ModuleSelection(".*") : config.target_modules, where + ".target_modules");
  Selector excluded(config.exclude_modules, where + ".exclude_modules");
  const auto layers = static_cast<int64_t>(policy.config().layers.size());
  for (const int64_t layer : config.layers_to_transform) {
    if (layer >= 0 && layer < layers) continue;
    throw Error(fmt::format("there is no layer {}", layer), where + ".layers_to_transform",
                fmt::format("the model has layers 0 to {}", layers - 1));
  }
  const auto selected = [&](const std::string& module) {
    bool whole = false;
    if (excluded.selects(module) || !wanted.selects(module, &whole)) return false;
    if (whole || config.layers_to_transform.empty()) return true;
    const std::optional<int64_t> layer = layer_of(module);
    const std::vector<int64_t>& list = config.layers_to_transform;
    return layer && std::find(list.begin(), list.end(), *layer) != list.end();
  };
  LoraTargets targets;
  for (const AdaptableModule& module : adaptable) {
    if (selected(module.name)) targets.modules.push_back(module);
  }
  if (!all) {
    for (const std::string& module : other_modules(policy, adaptable)) {
      if (selected(module)) targets.unsupported.push_back(module);
    }
  }
  const std::vector<std::string> unused = wanted.unused();
  if (!unused.empty() || (targets.modules.empty() && targets.unsupported.empty())) {
    std::set<std::string> kinds;
    for (const AdaptableModule& module : adaptable) kinds.insert(last_part(module.name));
    throw Error(unused.empty() ? "no module is selected"
                               : fmt::format("no module is called {}", fmt::join(unused, " or ")),
                where + ".target_modules",
                fmt::format("modules that can carry an adapter end in {}; a whole name is {}",
                            fmt::join(kinds, ", "), adaptable.empty() ? "" : adaptable.front().name));
  }
  return targets;
}

void add_lora(Policy& policy, const LoraConfig& config, uint64_t seed, const std::string& where) {
  const LoraTargets targets = find_lora_targets(policy, config, where);
  if (!targets.unsupported.empty()) {
    throw Error(fmt::format("{} of the modules selected cannot carry an adapter, the first is {}",
                            targets.unsupported.size(), targets.unsupported.front()),
                where + ".target_modules",
                "routed experts, routers, embedding and head are not supported: use \"all-linear\" for "
                "everything that "
                "is, or \"exclude_modules\": \".*\\\\.experts\\\\..*\"");
  }
  const auto options = at::TensorOptions().dtype(policy.dtype()).device(policy.device());
  std::vector<Adapter> adapters;
  for (size_t i = 0; i < targets.modules.size(); ++i) {
    const AdaptableModule& module = targets.modules[i];
    Adapter adapter{module.name, at::empty({config.r, module.in}, options),
                    at::zeros({module.out, config.r}, options), config.scale()};
    if (!policy.device().is_meta()) {
      at::Generator generator = at::detail::createCPUGenerator(derive_seed({seed, i}));
      const double bound = 1.0 / std::sqrt(static_cast<double>(module.in));
      adapter.a.copy_(at::empty({config.r, module.in}, at::kFloat).uniform_(-bound, bound, generator));
    }
    adapters.push_back(std::move(adapter));
  }
  policy.set_adapters(std::move(adapters));
}

}  // namespace grpo
