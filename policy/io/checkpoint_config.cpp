// saved_config() of checkpoint.h: config.json in a spelling that every reader of the family understands.

#include <map>

#include "core/error.h"
#include "policy/io/checkpoint.h"

namespace grpo {
namespace {

// transformers 5 writes one object rope_parameters; both generations read rope_theta beside rope_scaling.
// Older code of the DeepSeek family looks for the scaling's kind under "type".
void spell_rope_as_version_4(Json& config) {
  const auto it = config.find("rope_parameters");
  if (it == config.end()) return;
  Json scaling = it->is_object() ? *it : Json::object();
  config.erase("rope_parameters");
  if (scaling.contains("rope_theta")) config["rope_theta"] = scaling["rope_theta"];
  scaling.erase("rope_theta");
  const Json kind = scaling.value("rope_type", scaling.value("type", Json("default")));
  if (kind == "default") {
    config.erase("rope_scaling");
    return;
  }
  scaling["type"] = kind;
  config["rope_scaling"] = std::move(scaling);
}

// A base model's class ("LlamaModel") has no head, so it is none for what is saved.
void name_architecture(Json& config, const std::string& model_type) {
  static const std::map<std::string, std::string> classes = {{"llama", "LlamaForCausalLM"},
                                                             {"qwen2", "Qwen2ForCausalLM"},
                                                             {"qwen3", "Qwen3ForCausalLM"},
                                                             {"qwen3_moe", "Qwen3MoeForCausalLM"},
                                                             {"deepseek_v2", "DeepseekV2ForCausalLM"},
                                                             {"deepseek_v3", "DeepseekV3ForCausalLM"}};
  const Json& named = config.value("architectures", Json());
  const bool causal = named.is_array() && named.size() == 1 && named[0].is_string() &&
                      named[0].get<std::string>().ends_with("ForCausalLM");
  if (causal) return;
  const auto it = classes.find(model_type);
  if (it != classes.end()) config["architectures"] = {it->second};
}

}  // namespace

Json saved_config(const ModelConfig& config, at::ScalarType dtype) {
  Json json = config.source;
  for (const char* key : {"dtype", "quantization_config", "auto_map"}) json.erase(key);
  json["torch_dtype"] = dtype == at::kBFloat16 ? "bfloat16" : "float32";
  if (json.contains("num_nextn_predict_layers")) json["num_nextn_predict_layers"] = config.mtp_layers;
  spell_rope_as_version_4(json);
  name_architecture(json, config.model_type);
  return json;
}

}  // namespace grpo
