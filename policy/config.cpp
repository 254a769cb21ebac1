#include "policy/config.h"

#include <fmt/format.h>

#include <numeric>

namespace grpo {
namespace {

void require_divisible(const ObjectReader& r, const std::string& key, int64_t value, const std::string& by_key,
                       int64_t by) {
  if (by <= 0 || value % by != 0) {
    r.fail(key, fmt::format("{} = {} is not a multiple of {} = {}", key, value, by_key, by));
  }
}

// A key that must be absent, null or equal to the only value that is built.
void require_null(ObjectReader& r, const std::string& key, const std::string& what) {
  if (r.has(key)) {
    r.fail(key, fmt::format("{} is not supported: {}", what, r.raw(key).dump()),
           fmt::format("use a checkpoint without {}", key));
  }
}

RopeConfig read_rope(ObjectReader& r, int64_t dim, bool interleaved) {
  RopeConfig rope;
  rope.dim = dim;
  rope.interleaved = interleaved;
  if (dim < 2 || dim % 2 != 0) r.fail("", fmt::format("rotary dimension {} is not a positive even number", dim));
  if (r.has("rope_parameters")) {  // transformers 5
    ObjectReader parameters = r.object("rope_parameters");
    parameters.allow_unknown();
    rope.theta = parameters.number("rope_theta", 10000.0, {.min = 0.0, .min_exclusive = true});
    parameters.choice("rope_type", {"default"}, "default");
  } else {
    rope.theta = r.number("rope_theta", 10000.0, {.min = 0.0, .min_exclusive = true});
    if (r.has("rope_scaling")) {
      ObjectReader scaling = r.object("rope_scaling");
      scaling.allow_unknown();
      scaling.choice(scaling.has("rope_type") ? "rope_type" : "type", {"default"});
    }
  }
  return rope;
}

GqaConfig read_gqa(ObjectReader& r, const ModelConfig& model) {
  GqaConfig gqa;
  gqa.num_heads = r.integer("num_attention_heads", {.min = 1});
  gqa.num_kv_heads = r.integer("num_key_value_heads", gqa.num_heads, {.min = 1});
  require_divisible(r, "num_attention_heads", gqa.num_heads, "num_key_value_heads", gqa.num_kv_heads);
  if (r.has("head_dim")) {
    gqa.head_dim = r.integer("head_dim", {.min = 1});
  } else {
    require_divisible(r, "hidden_size", model.hidden_size, "num_attention_heads", gqa.num_heads);
    gqa.head_dim = model.hidden_size / gqa.num_heads;
  }
  return gqa;
}

void read_llama(ObjectReader& r, ModelConfig& model) {
  GqaConfig gqa = read_gqa(r, model);
  gqa.qkv_bias = gqa.o_bias = r.boolean("attention_bias", false);
  if (r.boolean("mlp_bias", false)) r.fail("mlp_bias", "biases in the MLP are not supported");
  model.rope = read_rope(r, gqa.head_dim, false);
  const DenseConfig dense{r.integer("intermediate_size", {.min = 1})};
  model.layers.assign(static_cast<size_t>(r.integer("num_hidden_layers", {.min = 1})), {gqa, dense});
}

void read_qwen2(ObjectReader& r, ModelConfig& model) {
  GqaConfig gqa = read_gqa(r, model);
  gqa.qkv_bias = true;
  if (r.boolean("use_sliding_window", false)) {
    r.fail("use_sliding_window", "sliding-window attention is not supported", "set it to false if you mean full attention");
  }
  model.rope = read_rope(r, gqa.head_dim, false);
  const DenseConfig dense{r.integer("intermediate_size", {.min = 1})};
  model.layers.assign(static_cast<size_t>(r.integer("num_hidden_layers", {.min = 1})), {gqa, dense});
}

MoeConfig read_deepseek_moe(ObjectReader& r) {
  MoeConfig moe;
  moe.num_experts = r.integer("n_routed_experts", {.min = 1});
  moe.top_k = r.integer("num_experts_per_tok", {.min = 1, .max = static_cast<double>(moe.num_experts)});
  moe.intermediate_size = r.integer("moe_intermediate_size", {.min = 1});
  moe.num_shared_experts = r.integer("n_shared_experts", 0, {.min = 0});
  moe.scoring = r.choice("scoring_func", {"sigmoid", "softmax"}, "sigmoid") == "sigmoid" ? RouterScoring::kSigmoid
                                                                                        : RouterScoring::kSoftmax;
  moe.correction_bias =
      r.choice("topk_method", {"noaux_tc", "greedy", "group_limited_greedy"}, "noaux_tc") == "noaux_tc";
  moe.norm_topk_prob = r.boolean("norm_topk_prob", true);
  moe.routed_scaling_factor = r.number("routed_scaling_factor", 1.0);
  moe.num_groups = r.integer("n_group", 1, {.min = 1});
  moe.topk_groups = r.integer("topk_group", 1, {.min = 1, .max = static_cast<double>(moe.num_groups)});
  require_divisible(r, "n_routed_experts", moe.num_experts, "n_group", moe.num_groups);
  const int64_t selectable = moe.topk_groups * (moe.num_experts / moe.num_groups);
  if (moe.top_k > selectable) {
    r.fail("num_experts_per_tok", fmt::format("{} experts per token, but topk_group leaves only {} to choose from",
                                              moe.top_k, selectable));
  }
  if (moe.correction_bias && moe.num_groups > 1 && moe.num_experts / moe.num_groups < 2) {
    r.fail("n_group", "groups of one expert have no two best scores to add up");
  }
  return moe;
}

void read_deepseek_v3(ObjectReader& r, ModelConfig& model) {
  MlaConfig mla;
  mla.num_heads = r.integer("num_attention_heads", {.min = 1});
  mla.q_lora_rank = r.integer("q_lora_rank", 0, {.min = 0});
  mla.kv_lora_rank = r.integer("kv_lora_rank", {.min = 1});
  mla.qk_nope_head_dim = r.integer("qk_nope_head_dim", {.min = 1});
  mla.qk_rope_head_dim = r.integer("qk_rope_head_dim", {.min = 2});
  mla.v_head_dim = r.integer("v_head_dim", {.min = 1});
  if (r.boolean("attention_bias", false)) r.fail("attention_bias", "biases in MLA are not supported");
  if (r.integer("num_nextn_predict_layers", 0, {.min = 0}) > 0) {
    r.fail("num_nextn_predict_layers", "multi-token-prediction layers are not supported",
           "set it to 0 in a copy of the checkpoint that lacks them");
  }
  model.rope = read_rope(r, mla.qk_rope_head_dim, r.boolean("rope_interleave", true));
  const int64_t layers = r.integer("num_hidden_layers", {.min = 1});
  const int64_t dense_first = r.integer("first_k_dense_replace", 0, {.min = 0});
  const int64_t frequency = r.integer("moe_layer_freq", 1, {.min = 1});
  for (int64_t i = 0; i < layers; ++i) {
    if (i >= dense_first && i % frequency == 0) {
      model.layers.push_back({mla, read_deepseek_moe(r)});
    } else {
      model.layers.push_back({mla, DenseConfig{r.integer("intermediate_size", {.min = 1})}});
    }
  }
}

}  // namespace

ModelConfig read_model_config(const Json& config, const std::string& where) {
  ObjectReader r(config, where);
  r.allow_unknown();
  ModelConfig model;
  model.source = config;
  model.model_type = r.choice("model_type", {"llama", "qwen2", "deepseek_v3"});
  model.vocab_size = r.integer("vocab_size", {.min = 1});
  model.hidden_size = r.integer("hidden_size", {.min = 1});
  model.max_position_embeddings = r.integer("max_position_embeddings", {.min = 1});
  model.rms_norm_eps = r.number("rms_norm_eps", 1e-6, {.min = 0.0, .min_exclusive = true});
  model.tie_word_embeddings = r.boolean("tie_word_embeddings", false);
  model.eos_token_ids = r.integers("eos_token_id", {});
  model.dtype = r.choice(r.has("dtype") ? "dtype" : "torch_dtype", {"float32", "bfloat16", "float16"}, "float32");
  r.choice("hidden_act", {"silu"}, "silu");
  require_null(r, "quantization_config", "quantised weights");
  if (model.model_type == "llama") read_llama(r, model);
  if (model.model_type == "qwen2") read_qwen2(r, model);
  if (model.model_type == "deepseek_v3") read_deepseek_v3(r, model);
  return model;
}

ParameterCount count_parameters(const ModelConfig& config) {
  const int64_t d = config.hidden_size;
  ParameterCount count;
  auto both = [&](int64_t n) {
    count.total += n;
    count.active += n;
  };
  count.total += config.tie_word_embeddings ? 0 : config.vocab_size * d;
  both(config.vocab_size * d);
  both(d);
  for (const LayerConfig& layer : config.layers) {
    both(2 * d);
    if (const auto* gqa = std::get_if<GqaConfig>(&layer.attention)) {
      const int64_t q = gqa->num_heads * gqa->head_dim, kv = gqa->num_kv_heads * gqa->head_dim;
      both(2 * d * q + 2 * d * kv + (gqa->qkv_bias ? q + 2 * kv : 0) + (gqa->o_bias ? d : 0));
    } else {
      const auto& mla = std::get<MlaConfig>(layer.attention);
      const int64_t q = mla.num_heads * (mla.qk_nope_head_dim + mla.qk_rope_head_dim);
      both(mla.q_lora_rank > 0 ? mla.q_lora_rank * (d + 1 + q) : d * q);
      both((mla.kv_lora_rank + mla.qk_rope_head_dim) * d + mla.kv_lora_rank);
      both(mla.kv_lora_rank * mla.num_heads * (mla.qk_nope_head_dim + mla.v_head_dim));
      both(mla.num_heads * mla.v_head_dim * d);
    }
    if (const auto* dense = std::get_if<DenseConfig>(&layer.mlp)) {
      both(3 * d * dense->intermediate_size);
    } else {
      const auto& moe = std::get<MoeConfig>(layer.mlp);
      const int64_t expert = 3 * d * moe.intermediate_size;
      both(moe.num_experts * d + moe.num_shared_experts * expert + (moe.correction_bias ? moe.num_experts : 0));
      count.total += moe.num_experts * expert;
      count.active += moe.top_k * expert;
    }
  }
  return count;
}

}  // namespace grpo
