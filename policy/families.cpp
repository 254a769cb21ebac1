#include "policy/families.h"

#include <fmt/format.h>

#include <algorithm>

namespace grpo {
namespace {

void require_divisible(const ObjectReader& r, const std::string& key, int64_t value,
                       const std::string& by_key, int64_t by) {
  if (by <= 0 || value % by != 0) {
    r.fail(key, fmt::format("{} = {} is not a multiple of {} = {}", key, value, by_key, by));
  }
}

int64_t read_layer_count(ObjectReader& r) { return r.integer("num_hidden_layers", {.min = 1, .max = 10000}); }

DenseConfig read_dense(ObjectReader& r, bool bias = false) {
  return {r.integer("intermediate_size", {.min = 1}), bias};
}

GqaConfig read_gqa(ObjectReader& r, const ModelConfig& model, int64_t default_head_dim = 0) {
  GqaConfig gqa;
  gqa.num_heads = r.integer("num_attention_heads", {.min = 1});
  gqa.num_kv_heads = r.integer("num_key_value_heads", gqa.num_heads, {.min = 1});
  require_divisible(r, "num_attention_heads", gqa.num_heads, "num_key_value_heads", gqa.num_kv_heads);
  if (r.has("head_dim") || default_head_dim > 0) {
    gqa.head_dim = r.integer("head_dim", default_head_dim, {.min = 1});
  } else {
    require_divisible(r, "hidden_size", model.hidden_size, "num_attention_heads", gqa.num_heads);
    gqa.head_dim = model.hidden_size / gqa.num_heads;
  }
  return gqa;
}

// Qwen's configurations carry a window that only counts where use_sliding_window says so; transformers 5 spells it
// layer by layer.
void refuse_sliding_window(ObjectReader& r) {
  const char* fix = "set it to false if you mean full attention";
  if (r.boolean("use_sliding_window", false)) {
    r.fail("use_sliding_window", "sliding-window attention is not supported", fix);
  }
  const Json& types = r.raw("layer_types");
  if (types.is_array() && std::find(types.begin(), types.end(), "sliding_attention") != types.end()) {
    r.fail("layer_types", "sliding-window attention is not supported",
           "set every layer to full_attention if you mean that");
  }
}

void read_llama(ObjectReader& r, ModelConfig& model) {
  GqaConfig gqa = read_gqa(r, model);
  gqa.qkv_bias = gqa.o_bias = r.boolean("attention_bias", false);
  model.rope = read_rope(r, model, gqa.head_dim, false);
  const DenseConfig dense = read_dense(r, r.boolean("mlp_bias", false));
  model.layers.assign(static_cast<size_t>(read_layer_count(r)), {gqa, dense});
}

void read_qwen2(ObjectReader& r, ModelConfig& model) {
  refuse_sliding_window(r);
  GqaConfig gqa = read_gqa(r, model);
  gqa.qkv_bias = true;
  model.rope = read_rope(r, model, gqa.head_dim, false);
  model.layers.assign(static_cast<size_t>(read_layer_count(r)), {gqa, read_dense(r)});
}

GqaConfig read_qwen3_attention(ObjectReader& r, const ModelConfig& model, int64_t default_head_dim) {
  refuse_sliding_window(r);
  GqaConfig gqa = read_gqa(r, model, default_head_dim);
  gqa.qkv_bias = gqa.o_bias = r.boolean("attention_bias", false);
  gqa.qk_norm = true;
  return gqa;
}

void read_qwen3(ObjectReader& r, ModelConfig& model) {
  const GqaConfig gqa = read_qwen3_attention(r, model, 128);
  model.rope = read_rope(r, model, gqa.head_dim, false);
  model.layers.assign(static_cast<size_t>(read_layer_count(r)), {gqa, read_dense(r)});
}

void read_qwen3_moe(ObjectReader& r, ModelConfig& model) {
  const GqaConfig gqa = read_qwen3_attention(r, model, 0);
  model.rope = read_rope(r, model, gqa.head_dim, false);
  MoeConfig moe;
  const bool renamed = !r.has("num_experts") && r.has("num_local_experts");  // as transformers 5 writes it
  moe.num_experts = r.integer(renamed ? "num_local_experts" : "num_experts", {.min = 1});
  moe.top_k = r.integer("num_experts_per_tok", {.min = 1, .max = static_cast<double>(moe.num_experts)});
  moe.intermediate_size = r.integer("moe_intermediate_size", {.min = 1});
  moe.scoring = RouterScoring::kSoftmax;
  moe.correction_bias = false;
  moe.norm_topk_prob = r.boolean("norm_topk_prob", false);
  const int64_t step = r.integer("decoder_sparse_step", 1, {.min = 1});
  const std::vector<int64_t> dense = r.integers("mlp_only_layers", {});
  const int64_t layers = read_layer_count(r);
  for (int64_t i = 0; i < layers; ++i) {
    const bool sparse = std::find(dense.begin(), dense.end(), i) == dense.end() && (i + 1) % step == 0;
    model.layers.push_back({gqa, sparse ? MlpConfig(moe) : MlpConfig(read_dense(r))});
  }
}

MlaConfig read_mla(ObjectReader& r) {
  MlaConfig mla;
  mla.num_heads = r.integer("num_attention_heads", {.min = 1});
  mla.q_lora_rank = r.integer("q_lora_rank", 0, {.min = 0});
  mla.kv_lora_rank = r.integer("kv_lora_rank", {.min = 1});
  mla.qk_nope_head_dim = r.integer("qk_nope_head_dim", {.min = 1});
  mla.qk_rope_head_dim = r.integer("qk_rope_head_dim", {.min = 2});
  mla.v_head_dim = r.integer("v_head_dim", {.min = 1});
  if (r.boolean("attention_bias", false)) r.fail("attention_bias", "biases in MLA are not supported");
  if (r.boolean("mlp_bias", false)) r.fail("mlp_bias", "biases in the MLPs of DeepSeek are not supported");
  mla.softmax_factor = read_softmax_factor(r);
  return mla;
}

// What a key means that config.json leaves out: transformers' default of the version.
struct DeepseekDefaults {
  int64_t num_shared_experts = 0;
  int64_t num_groups = 1;
  int64_t topk_groups = 1;
  double routed_scaling_factor = 1.0;
  int64_t first_k_dense_replace = 0;
};
constexpr DeepseekDefaults kV2Defaults{.num_shared_experts = 2};
constexpr DeepseekDefaults kV3Defaults{1, 8, 4, 2.5, 3};

// Sizes and groups; how scores become weights is the version's.
MoeConfig read_deepseek_experts(ObjectReader& r, const DeepseekDefaults& defaults) {
  MoeConfig moe;
  moe.num_experts = r.integer("n_routed_experts", {.min = 1});
  moe.top_k = r.integer("num_experts_per_tok", {.min = 1, .max = static_cast<double>(moe.num_experts)});
  moe.intermediate_size = r.integer("moe_intermediate_size", {.min = 1});
  moe.num_shared_experts = r.integer("n_shared_experts", defaults.num_shared_experts, {.min = 0});
  moe.routed_scaling_factor = r.number("routed_scaling_factor", defaults.routed_scaling_factor);
  moe.num_groups = r.integer("n_group", defaults.num_groups, {.min = 1});
  moe.topk_groups = r.integer("topk_group", std::min(defaults.topk_groups, moe.num_groups),
                              {.min = 1, .max = static_cast<double>(moe.num_groups)});
  require_divisible(r, "n_routed_experts", moe.num_experts, "n_group", moe.num_groups);
  return moe;
}

void check_groups(const ObjectReader& r, const MoeConfig& moe) {
  const int64_t selectable = moe.topk_groups * (moe.num_experts / moe.num_groups);
  if (moe.top_k > selectable) {
    r.fail("num_experts_per_tok",
           fmt::format("{} experts per token, but topk_group leaves only {} to choose from", moe.top_k,
                       selectable));
  }
  if (moe.correction_bias && moe.num_groups > 1 && moe.num_experts / moe.num_groups < 2) {
    r.fail("n_group", "groups of one expert have no two best scores to add up");
  }
}

// Dense layers first, then mixtures (every moe_layer_freq-th).
void add_deepseek_layers(ObjectReader& r, ModelConfig& model, const MlaConfig& mla, const MoeConfig& moe,
                         int64_t dense_by_default) {
  const int64_t layers = read_layer_count(r);
  const int64_t dense_first = r.integer("first_k_dense_replace", dense_by_default, {.min = 0});
  const int64_t frequency = r.integer("moe_layer_freq", 1, {.min = 1});
  for (int64_t i = 0; i < layers; ++i) {
    const bool sparse = i >= dense_first && i % frequency == 0;
    model.layers.push_back({mla, sparse ? MlpConfig(moe) : MlpConfig(read_dense(r))});
  }
}

void read_deepseek_v2(ObjectReader& r, ModelConfig& model) {
  const MlaConfig mla = read_mla(r);
  model.rope = read_rope(r, model, mla.qk_rope_head_dim, true);
  MoeConfig moe = read_deepseek_experts(r, kV2Defaults);
  r.choice("scoring_func", {"softmax"}, "softmax");
  moe.scoring = RouterScoring::kSoftmax;
  moe.correction_bias = false;
  moe.norm_topk_prob = r.boolean("norm_topk_prob", false);
  // The published code then normalises instead of scaling, transformers scales and does not normalise.
  if (moe.norm_topk_prob) r.fail("norm_topk_prob", "implementations of DeepSeek-V2 disagree on what it means");
  if (r.choice("topk_method", {"greedy", "group_limited_greedy"}, "greedy") == "greedy") {
    moe.num_groups = moe.topk_groups = 1;
  }
  check_groups(r, moe);
  add_deepseek_layers(r, model, mla, moe, kV2Defaults.first_k_dense_replace);
}

void read_deepseek_v3(ObjectReader& r, ModelConfig& model) {
  const MlaConfig mla = read_mla(r);
  model.rope = read_rope(r, model, mla.qk_rope_head_dim, r.boolean("rope_interleave", true));
  MoeConfig moe = read_deepseek_experts(r, kV3Defaults);
  moe.scoring = r.choice("scoring_func", {"sigmoid", "softmax"}, "sigmoid") == "sigmoid"
                    ? RouterScoring::kSigmoid
                    : RouterScoring::kSoftmax;
  moe.correction_bias =
      r.choice("topk_method", {"noaux_tc", "greedy", "group_limited_greedy"}, "noaux_tc") == "noaux_tc";
  moe.norm_topk_prob = r.boolean("norm_topk_prob", true);
  check_groups(r, moe);
  add_deepseek_layers(r, model, mla, moe, kV3Defaults.first_k_dense_replace);
  model.mtp_layers = r.integer("num_nextn_predict_layers", 0, {.min = 0, .max = 16});
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"llama", "LlamaForCausalLM", read_llama},
      {"qwen2", "Qwen2ForCausalLM", read_qwen2},
      {"qwen3", "Qwen3ForCausalLM", read_qwen3},
      {"qwen3_moe", "Qwen3MoeForCausalLM", read_qwen3_moe},
      {"deepseek_v2", "DeepseekV2ForCausalLM", read_deepseek_v2},
      {"deepseek_v3", "DeepseekV3ForCausalLM", read_deepseek_v3},
  };
  return all;
}

}  // namespace grpo
