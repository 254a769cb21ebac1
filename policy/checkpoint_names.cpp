#include "policy/checkpoint_names.h"

#include <fmt/format.h>

#include "policy/layers.h"

namespace grpo {
namespace {

// Adds the parts of a layer under their names, one function per kind of part.
class TableBuilder {
 public:
  void add_tensor(const std::string& name, const at::Tensor& tensor) {
    table_.tensors.push_back({name, tensor.detach()});
  }

  void add_layer(const std::string& at, const LayerConfig& config, LayerWeights& layer) {
    add_tensor(at + ".input_layernorm.weight", layer.attention_norm);
    if (const auto* gqa = std::get_if<GqaConfig>(&config.attention)) {
      add_attention(at + ".self_attn", *gqa, std::get<GqaWeights>(layer.attention));
    } else {
      add_attention(at + ".self_attn", std::get<MlaWeights>(layer.attention));
    }
    add_tensor(at + ".post_attention_layernorm.weight", layer.mlp_norm);
    if (auto* dense = std::get_if<DenseWeights>(&layer.mlp)) {
      add_mlp(at + ".mlp", *dense);
    } else {
      add_moe(at + ".mlp", std::get<MoeWeights>(layer.mlp));
    }
  }

  void add_mtp(const std::string& at, const LayerConfig& config, MtpWeights& weights) {
    const size_t adaptable = table_.modules.size();
    add_tensor(at + ".enorm.weight", weights.embedding_norm);
    add_tensor(at + ".hnorm.weight", weights.hidden_norm);
    add_map(at + ".eh_proj", weights.projection);
    add_layer(at, config, weights.layer);
    add_tensor(at + ".shared_head.norm.weight", weights.norm);
    table_.modules.resize(adaptable);  // transformers has no such module to put an adapter on
  }

  CheckpointTable take() { return std::move(table_); }

 private:
  void add_attention(const std::string& at, const GqaConfig& config, GqaWeights& weights) {
    const int64_t q = config.num_heads * config.head_dim, kv = config.num_kv_heads * config.head_dim;
    add_part(at + ".q_proj", weights.qkv, 0, q);
    add_part(at + ".k_proj", weights.qkv, q, kv);
    add_part(at + ".v_proj", weights.qkv, q + kv, kv);
    if (config.qk_norm) {
      add_tensor(at + ".q_norm.weight", weights.q_norm);
      add_tensor(at + ".k_norm.weight", weights.k_norm);
    }
    add_map(at + ".o_proj", weights.o);
  }

  void add_attention(const std::string& at, MlaWeights& weights) {
    if (weights.q.defined()) {
      add_map(at + ".q_proj", weights.q);
    } else {
      add_map(at + ".q_a_proj", weights.q_a);
      add_tensor(at + ".q_a_layernorm.weight", weights.q_norm);
      add_map(at + ".q_b_proj", weights.q_b);
    }
    add_map(at + ".kv_a_proj_with_mqa", weights.kv_a);
    add_tensor(at + ".kv_a_layernorm.weight", weights.kv_norm);
    add_map(at + ".kv_b_proj", weights.kv_b);
    add_map(at + ".o_proj", weights.o);
  }

  void add_mlp(const std::string& at, DenseWeights& weights) {
    const int64_t width = weights.gate_up.weight.size(0) / 2;
    add_part(at + ".gate_proj", weights.gate_up, 0, width);
    add_part(at + ".up_proj", weights.gate_up, width, width);
    add_map(at + ".down_proj", weights.down);
  }

  void add_moe(const std::string& at, MoeWeights& weights) {
    add_tensor(at + ".gate.weight", weights.router);
    if (weights.bias.defined()) add_tensor(at + ".gate.e_score_correction_bias", weights.bias);
    const size_t adaptable = table_.modules.size();
    for (int64_t e = 0; e < weights.gate_up.size(0); ++e) {
      DenseWeights expert{{weights.gate_up[e], {}, {}}, {weights.down[e], {}, {}}};
      add_mlp(fmt::format("{}.experts.{}", at, e), expert);
    }
    table_.modules.resize(adaptable);  // experts are multiplied in groups, without terms
    if (weights.shared.gate_up.defined()) add_mlp(at + ".shared_experts", weights.shared);
  }

  // Rows first .. first + rows of a map, as a module of its own.
  void add_part(const std::string& name, LinearMap& map, int64_t first, int64_t rows) {
    add_tensor(name + ".weight", map.weight.narrow(0, first, rows));
    if (map.bias.defined()) add_tensor(name + ".bias", map.bias.narrow(0, first, rows));
    table_.modules.push_back({name, &map, first, rows});
  }

  void add_map(const std::string& name, LinearMap& map) { add_part(name, map, 0, map.weight.size(0)); }

  CheckpointTable table_;
};

}  // namespace

CheckpointTable checkpoint_table(const ModelConfig& config, Policy::Weights& weights) {
  TableBuilder table;
  table.add_tensor("model.embed_tokens.weight", weights.embedding);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    table.add_layer(fmt::format("model.layers.{}", i), config.layers[i], weights.layers[i]);
  }
  table.add_tensor("model.norm.weight", weights.norm);
  if (config.head == HeadKind::kScore) {
    table.add_tensor("score.weight", weights.head);
  } else if (!config.tie_word_embeddings) {
    table.add_tensor("lm_head.weight", weights.head);
  }
  for (size_t k = 0; k < weights.mtp.size(); ++k) {
    table.add_mtp(fmt::format("model.layers.{}", config.layers.size() + k), config.layers.back(),
                  weights.mtp[k]);
  }
  return table.take();
}

std::vector<NamedTensor> mtp_copies(const ModelConfig& config, const Policy::Weights& weights) {
  std::vector<NamedTensor> copies;
  for (size_t k = 0; k < weights.mtp.size(); ++k) {
    const std::string at = fmt::format("model.layers.{}", config.layers.size() + k);
    copies.push_back({at + ".embed_tokens.weight", weights.embedding.detach()});
    copies.push_back({at + ".shared_head.head.weight", weights.head.detach()});
  }
  return copies;
}

}  // namespace grpo
