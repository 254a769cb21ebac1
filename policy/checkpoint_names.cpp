#include "policy/checkpoint_names.h"

#include <fmt/format.h>

#include "policy/layers.h"

namespace grpo {
namespace {

using Views = std::vector<NamedTensor>;

void add_attention(Views& views, const std::string& at, const GqaConfig& config, const GqaWeights& weights) {
  const int64_t q = config.num_heads * config.head_dim, kv = config.num_kv_heads * config.head_dim;
  const std::vector<std::tuple<const char*, int64_t, int64_t>> parts = {
      {"q_proj", 0, q}, {"k_proj", q, kv}, {"v_proj", q + kv, kv}};
  for (const auto& [name, first, rows] : parts) {
    views.push_back({fmt::format("{}.{}.weight", at, name), weights.qkv.narrow(0, first, rows)});
    if (weights.qkv_bias.defined()) {
      views.push_back({fmt::format("{}.{}.bias", at, name), weights.qkv_bias.narrow(0, first, rows)});
    }
  }
  views.push_back({at + ".o_proj.weight", weights.o});
  if (weights.o_bias.defined()) views.push_back({at + ".o_proj.bias", weights.o_bias});
}

void add_attention(Views& views, const std::string& at, const MlaConfig& /*config*/, const MlaWeights& weights) {
  if (weights.q.defined()) {
    views.push_back({at + ".q_proj.weight", weights.q});
  } else {
    views.push_back({at + ".q_a_proj.weight", weights.q_a});
    views.push_back({at + ".q_a_layernorm.weight", weights.q_norm});
    views.push_back({at + ".q_b_proj.weight", weights.q_b});
  }
  views.push_back({at + ".kv_a_proj_with_mqa.weight", weights.kv_a});
  views.push_back({at + ".kv_a_layernorm.weight", weights.kv_norm});
  views.push_back({at + ".kv_b_proj.weight", weights.kv_b});
  views.push_back({at + ".o_proj.weight", weights.o});
}

void add_mlp(Views& views, const std::string& at, const at::Tensor& gate_up, const at::Tensor& down) {
  const int64_t width = gate_up.size(0) / 2;
  views.push_back({at + ".gate_proj.weight", gate_up.narrow(0, 0, width)});
  views.push_back({at + ".up_proj.weight", gate_up.narrow(0, width, width)});
  views.push_back({at + ".down_proj.weight", down});
}

void add_moe(Views& views, const std::string& at, const MoeWeights& weights) {
  views.push_back({at + ".gate.weight", weights.router});
  if (weights.bias.defined()) views.push_back({at + ".gate.e_score_correction_bias", weights.bias});
  for (int64_t e = 0; e < weights.gate_up.size(0); ++e) {
    add_mlp(views, fmt::format("{}.experts.{}", at, e), weights.gate_up[e], weights.down[e]);
  }
  if (weights.shared.gate_up.defined()) {
    add_mlp(views, at + ".shared_experts", weights.shared.gate_up, weights.shared.down);
  }
}

}  // namespace

std::vector<NamedTensor> checkpoint_views(const ModelConfig& config, const Policy::Weights& weights) {
  Views views;
  views.push_back({"model.embed_tokens.weight", weights.embedding});
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const std::string at = fmt::format("model.layers.{}", i);
    const LayerWeights& layer = weights.layers[i];
    views.push_back({at + ".input_layernorm.weight", layer.attention_norm});
    if (const auto* gqa = std::get_if<GqaConfig>(&config.layers[i].attention)) {
      add_attention(views, at + ".self_attn", *gqa, std::get<GqaWeights>(layer.attention));
    } else {
      add_attention(views, at + ".self_attn", std::get<MlaConfig>(config.layers[i].attention),
                    std::get<MlaWeights>(layer.attention));
    }
    views.push_back({at + ".post_attention_layernorm.weight", layer.mlp_norm});
    if (const auto* dense = std::get_if<DenseWeights>(&layer.mlp)) {
      add_mlp(views, at + ".mlp", dense->gate_up, dense->down);
    } else {
      add_moe(views, at + ".mlp", std::get<MoeWeights>(layer.mlp));
    }
  }
  views.push_back({"model.norm.weight", weights.norm});
  if (!config.tie_word_embeddings) views.push_back({"lm_head.weight", weights.head});
  for (NamedTensor& view : views) view.tensor = view.tensor.detach();
  return views;
}

}  // namespace grpo
