#include "policy/io/adapter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "core/error.h"
#include "core/file.h"
#include "policy/io/safetensors.h"
#include "policy/trainable.h"

namespace grpo {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrefix = "base_model.model.";
constexpr const char* kBaseKey = "base_fingerprint";  // in the metadata of the tensors' file
constexpr const char* kFloats[] = {"F64", "F32", "F16", "BF16"};

std::string config_path(const std::string& directory) {
  return directory + "/adapter_config.json";
}
std::string weights_path(const std::string& directory) {
  return directory + "/adapter_model.safetensors";
}
std::string a_name(const std::string& module) {
  return kPrefix + module + ".lora_A.weight";
}
std::string b_name(const std::string& module) {
  return kPrefix + module + ".lora_B.weight";
}

SafetensorsReader open_weights(const std::string& directory) {
  if (!fs::exists(weights_path(directory)) && fs::exists(directory + "/adapter_model.bin")) {
    throw Error("the adapter's weights are a pickle file", directory + "/adapter_model.bin",
                "save it as safetensors: PEFT's save_pretrained(..., safe_serialization=True)");
  }
  return SafetensorsReader(weights_path(directory));
}

// What an adapter needs and what its file has, settled by names and shapes.
struct Match {
  std::vector<AdaptableModule> modules;
  std::vector<std::string> problems;

  void expect(const SafetensorsReader& reader, const std::string& name, const std::vector<int64_t>& shape) {
    const auto it = reader.tensors().find(name);
    if (it == reader.tensors().end()) {
      problems.push_back(fmt::format("{} is missing", name));
    } else if (it->second.shape != shape) {
      problems.push_back(fmt::format("{} is [{}], the base and r call for [{}]", name,
                                     fmt::join(it->second.shape, ", "), fmt::join(shape, ", ")));
    } else if (std::find(std::begin(kFloats), std::end(kFloats), it->second.dtype) == std::end(kFloats)) {
      problems.push_back(fmt::format("{} is of dtype {}", name, it->second.dtype));
    }
  }
};

Match match(const SafetensorsReader& reader, const LoraConfig& config, const Policy& policy,
            const std::string& directory) {
  const LoraTargets targets = find_lora_targets(policy, config, config_path(directory));
  Match match;
  match.modules = targets.modules;
  std::set<std::string> known, unsupported;
  for (const AdaptableModule& module : targets.modules) {
    match.expect(reader, a_name(module.name), {config.r, module.in});
    match.expect(reader, b_name(module.name), {module.out, config.r});
    known.insert({a_name(module.name), b_name(module.name)});
  }
  for (const std::string& module : targets.unsupported) unsupported.insert({a_name(module), b_name(module)});
  for (const auto& [name, info] : reader.tensors()) {
    if (known.contains(name)) continue;
    match.problems.push_back(name +
                             (unsupported.contains(name)
                                  ? " sits on a module that cannot carry an adapter here"
                                  : " is not used: target_modules selects no such module of the base"));
  }
  return match;
}

void refuse_problems(const Match& match, const std::string& directory) {
  if (match.problems.empty()) return;
  constexpr size_t shown = 20;
  const size_t count = std::min(shown, match.problems.size());
  std::string text =
      fmt::format("the adapter does not fit the model in {} tensors:\n    {}", match.problems.size(),
                  fmt::join(match.problems.begin(), match.problems.begin() + count, "\n    "));
  if (count < match.problems.size())
    text += fmt::format("\n    ... and {} more", match.problems.size() - count);
  throw Error(text, weights_path(directory), "use the base model that the adapter was trained on");
}

// The weights below the adapters.
std::vector<NamedTensor> adapted_weights(const Policy& policy, const std::vector<AdaptableModule>& modules) {
  std::set<std::string> names;
  for (const AdaptableModule& module : modules) names.insert(module.name + ".weight");
  std::vector<NamedTensor> weights = policy.checkpoint_tensors();
  std::erase_if(weights, [&](const NamedTensor& t) { return !names.contains(t.name); });
  return weights;
}

std::string base_print(const Policy& policy, const std::vector<AdaptableModule>& modules) {
  return fmt::format("{:016x}", weights_fingerprint(adapted_weights(policy, modules)));
}

std::vector<AdaptableModule> modules_of(const Policy& policy) {
  std::vector<AdaptableModule> modules;
  for (const Adapter& adapter : policy.adapters()) {
    modules.push_back({adapter.module, adapter.b.size(0), adapter.a.size(1)});
  }
  return modules;
}

// The modules that have an adapter: by the endings of their names where these select no others, else by whole
// names.
std::vector<std::string> target_names(const Policy& policy) {
  std::vector<std::string> whole;
  std::set<std::string> endings;
  for (const Adapter& adapter : policy.adapters()) {
    whole.push_back(adapter.module);
    endings.insert(adapter.module.substr(adapter.module.rfind('.') + 1));
  }
  LoraConfig config;
  config.target_modules = std::vector<std::string>(endings.begin(), endings.end());
  const LoraTargets selected = find_lora_targets(policy, config, "adapter");
  const bool exact = selected.unsupported.empty() && selected.modules.size() == whole.size();
  return exact ? std::get<std::vector<std::string>>(config.target_modules) : whole;
}

Json number(double value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

}  // namespace

LoraConfig read_adapter_config(const std::string& directory) {
  const std::string path = config_path(directory);
  Json json = read_json_file(path);
  if (json.is_object()) {
    json.erase("lora_dropout");
    // How A and B began says nothing of what they are now, unless it took something out of the base.
    const Json init = json.value("init_lora_weights", Json(true));
    const std::string name = init.is_string() ? init.get<std::string>() : "";
    if (init.is_boolean() || name == "gaussian" || name == "orthogonal" || name == "eva")
      json.erase("init_lora_weights");
  }
  ObjectReader reader(json, path);
  reader.allow_unknown();
  return read_lora_config(reader);
}

LoraConfig check_adapter(const std::string& directory, const Policy& policy) {
  LoraConfig config = read_adapter_config(directory);
  refuse_problems(match(open_weights(directory), config, policy, directory), directory);
  return config;
}

LoraConfig load_adapter(const std::string& directory, Policy& policy) {
  LoraConfig config = read_adapter_config(directory);
  const SafetensorsReader reader = open_weights(directory);
  const Match found = match(reader, config, policy, directory);
  refuse_problems(found, directory);
  const auto print = reader.metadata().find(kBaseKey);
  if (print != reader.metadata().end() && print->second != base_print(policy, found.modules)) {
    throw Error("the adapter was trained on other weights than these", directory,
                "use the base model that base_model_name_or_path in adapter_config.json names");
  }
  const auto read = [&](const std::string& name) {
    const at::Tensor tensor = reader.read(name).to(policy.dtype());
    if (!tensor.isfinite().all().item<bool>()) {
      throw Error(name + " holds a NaN or infinity", weights_path(directory),
                  "the adapter is damaged; fetch it again");
    }
    return tensor.to(policy.device());
  };
  std::vector<Adapter> adapters;
  for (const AdaptableModule& module : found.modules) {
    adapters.push_back({module.name, read(a_name(module.name)), read(b_name(module.name)), config.scale()});
  }
  policy.set_adapters(std::move(adapters));
  return config;
}

void save_adapter(const Policy& policy, const LoraConfig& config, const std::string& base_model,
                  const std::string& directory) {
  GRPO_CHECK(!policy.adapters().empty());
  const auto stored = [&](const at::Tensor& t) {
    return policy.dtype() == at::kDouble ? t.detach().to(at::kFloat) : t.detach();
  };
  std::vector<NamedTensor> tensors;
  for (const Adapter& adapter : policy.adapters()) {
    tensors.push_back({a_name(adapter.module), stored(adapter.a)});
    tensors.push_back({b_name(adapter.module), stored(adapter.b)});
  }
  write_safetensors(weights_path(directory), tensors,
                    {{"format", "pt"}, {kBaseKey, base_print(policy, modules_of(policy))}});
  const Json json = {{"peft_type", "LORA"},
                     {"task_type", "CAUSAL_LM"},
                     {"base_model_name_or_path", base_model},
                     {"r", config.r},
                     {"lora_alpha", number(config.lora_alpha)},
                     {"use_rslora", config.use_rslora},
                     {"target_modules", target_names(policy)},
                     {"lora_dropout", 0.0},
                     {"bias", "none"},
                     {"fan_in_fan_out", false},
                     {"init_lora_weights", true},
                     {"use_dora", false},
                     {"modules_to_save", nullptr},
                     {"layers_to_transform", nullptr},
                     {"rank_pattern", Json::object()},
                     {"alpha_pattern", Json::object()},
                     {"inference_mode", true}};
  write_file_atomically(config_path(directory), json.dump(2) + "\n");
}

}  // namespace grpo
