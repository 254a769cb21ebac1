#include "policy/checkpoint_names.h"

#include <fmt/format.h>

#include "policy/layers.h"

namespace grpo {
namespace {

using Views = std::vector<NamedTensor>;

// Rows first .. first + rows of a map, as a module of its own.
void add_part(Views& views, const std::string& name, const LinearMap& map, int64_t first, int64_t rows) {
  views.push_back({name + ".weight", map.weight.narrow(0, first, rows)});
  if (map.bias.defined()) views.push_back({name + ".bias", map.bias.narrow(0, first, rows)});
}

void add_map(Views& views, const std::string& name, const LinearMap& map) {
  add_part(views, name, map, 0, map.weight.size(0));
}

void add_attention(Views& views, const std::string& at, const GqaConfig& config, const GqaWeights& weights) {
  const int64_t q = config.num_heads * config.head_dim, kv = config.num_kv_heads * config.head_dim;
  add_part(views, at + ".q_proj", weights.qkv, 0, q);
  add_part(views, at + ".k_proj", weights.qkv, q, kv);
  add_part(views, at + ".v_proj", weights.qkv, q + kv, kv);
  if (config.qk_norm) {
    views.push_back({at + ".q_norm.weight", weights.q_norm});
    views.push_back({at + ".k_norm.weight", weights.k_norm});
  }
  add_map(views, at + ".o_proj", weights.o);
}

void add_attention(Views& views, const std::string& at, const MlaConfig& /*config*/, const MlaWeights& weights) {
  if (weights.q.defined()) {
    add_map(views, at + ".q_proj", weights.q);
  } else {
    add_map(views, at + ".q_a_proj", weights.q_a);
    views.push_back({at + ".q_a_layernorm.weight", weights.q_norm});
    add_map(views, at + ".q_b_proj", weights.q_b);
  }
  add_map(views, at + ".kv_a_proj_with_mqa", weights.kv_a);
  views.push_back({at + ".kv_a_layernorm.weight", weights.kv_norm});
  add_map(views, at + ".kv_b_proj", weights.kv_b);
  add_map(views, at + ".o_proj", weights.o);
}

void add_mlp(Views& views, const std::string& at, const LinearMap& gate_up, const LinearMap& down) {
  const int64_t width = gate_up.weight.size(0) / 2;
  add_part(views, at + ".gate_proj", gate_up, 0, width);
  add_part(views, at + ".up_proj", gate_up, width, width);
  add_map(views, at + ".down_proj", down);
}

void add_moe(Views& views, const std::string& at, const MoeWeights& weights) {
  views.push_back({at + ".gate.weight", weights.router});
  if (weights.bias.defined()) views.push_back({at + ".gate.e_score_correction_bias", weights.bias});
  for (int64_t e = 0; e < weights.gate_up.size(0); ++e) {
    add_mlp(views, fmt::format("{}.experts.{}", at, e), {weights.gate_up[e], {}, {}}, {weights.down[e], {}, {}});
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
