// saved_config() of checkpoint.h: config.json in a spelling that every reader of the family understands.

#include <string_view>

#include "policy/families.h"
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

constexpr std::string_view kCausal = "ForCausalLM", kClassifier = "ForSequenceClassification";

// A base model's class ("LlamaModel") has no head, so it is none for what is saved.
void name_architecture(Json& config, const ModelConfig& model) {
  const Json& named = config.value("architectures", Json());
  std::string name = named.is_array() && named.size() == 1 && named[0].is_string() ? named[0].get<std::string>() : "";
  const std::string_view ending = model.head == HeadKind::kScore ? kClassifier : kCausal;
  if (name.ends_with(ending)) return;
  if (!name.ends_with(kCausal)) {
    for (const Family& family : families()) {
      if (model.model_type == family.model_type) name = family.architecture;
    }
  }
  config["architectures"] = {name.substr(0, name.size() - kCausal.size()) + std::string(ending)};
}

// What transformers needs to make a classifier of one label, and to find the token that its score is of.
void describe_score(Json& config, const ModelConfig& model) {
  config.erase("num_labels");
  config["id2label"] = {{"0", "LABEL_0"}};
  config["label2id"] = {{"LABEL_0", 0}};
  if (model.pad_token_id) config["pad_token_id"] = *model.pad_token_id;
}

void set_if_absent(Json& config, const char* key, const Json& value) {
  if (!config.contains(key) || config[key].is_null()) config[key] = value;
}

void spell_out(Json& config, const GqaConfig& gqa) {
  set_if_absent(config, "num_key_value_heads", gqa.num_kv_heads);
  set_if_absent(config, "head_dim", gqa.head_dim);
}

void spell_out(Json& config, const MlaConfig& mla) {
  set_if_absent(config, "num_key_value_heads", mla.num_heads);
}

void spell_out(Json& config, const MoeConfig& moe, bool deepseek) {
  set_if_absent(config, "norm_topk_prob", moe.norm_topk_prob);
  if (!deepseek) {
    set_if_absent(config, "num_experts", moe.num_experts);  // transformers 5 writes num_local_experts alone
    return;
  }
  set_if_absent(config, "n_shared_experts", moe.num_shared_experts);
  set_if_absent(config, "routed_scaling_factor", moe.routed_scaling_factor);
  set_if_absent(config, "n_group", moe.num_groups);
  set_if_absent(config, "topk_group", moe.topk_groups);
}

// A reader's default for a key left out is another one in another program or version, and so another model.
void spell_out_defaults(Json& json, const ModelConfig& config) {
  set_if_absent(json, "rms_norm_eps", config.rms_norm_eps);
  set_if_absent(json, "rope_theta", config.rope.theta);
  set_if_absent(json, "tie_word_embeddings", config.tie_word_embeddings);
  const bool deepseek = config.model_type.starts_with("deepseek");
  int64_t dense_first = 0;
  bool seen_experts = false;
  for (const LayerConfig& layer : config.layers) {
    std::visit([&](const auto& attention) { spell_out(json, attention); }, layer.attention);
    const auto* moe = std::get_if<MoeConfig>(&layer.mlp);
    if (moe != nullptr) spell_out(json, *moe, deepseek);
    seen_experts = seen_experts || moe != nullptr;
    if (!seen_experts) ++dense_first;
  }
  if (deepseek) set_if_absent(json, "first_k_dense_replace", dense_first);
}

}  // namespace

Json saved_config(const ModelConfig& config, at::ScalarType dtype) {
  Json json = config.source;
  for (const char* key : {"dtype", "quantization_config", "auto_map"}) json.erase(key);
  json["torch_dtype"] = dtype == at::kBFloat16 ? "bfloat16" : "float32";
  if (json.contains("num_nextn_predict_layers")) json["num_nextn_predict_layers"] = config.mtp_layers;
  spell_rope_as_version_4(json);
  spell_out_defaults(json, config);
  name_architecture(json, config);
  if (config.head == HeadKind::kScore) describe_score(json, config);
  return json;
}

}  // namespace grpo
