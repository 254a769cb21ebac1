#include "policy/config.h"

#include <fmt/format.h>

#include "policy/families.h"

namespace grpo {

namespace {

// "quantization_config" as DeepSeek-V3 and R1 carry it; absent for plain weights.
std::optional<Fp8Blocks> read_quantization(ObjectReader& r) {
  if (!r.has("quantization_config")) return std::nullopt;
  ObjectReader q = r.object("quantization_config");
  q.allow_unknown();
  const char* fix = "use a checkpoint of plain weights";
  const std::string method = q.string("quant_method", "");
  if (method != "fp8") q.fail("quant_method", fmt::format("weights quantised by \"{}\" are not supported", method), fix);
  q.choice("fmt", {"e4m3"}, "e4m3");
  q.choice("scale_fmt", {"float", "ue8m0"}, "float");
  const std::vector<int64_t> block = q.integers("weight_block_size", {});
  if (block.size() != 2 || block[0] < 1 || block[1] < 1) {
    q.fail("weight_block_size", "expected two positive block sizes, such as [128, 128]", fix);
  }
  return Fp8Blocks{block[0], block[1]};
}

// Whether "architectures" names a sequence classifier, which must then have one label.
HeadKind read_head(ObjectReader& r) {
  const Json& names = r.raw("architectures");
  const bool classifier = names.is_array() && names.size() == 1 && names[0].is_string() &&
                          names[0].get<std::string>().ends_with("ForSequenceClassification");
  if (!classifier) return HeadKind::kVocabulary;
  const char* fix = "a reward model has one label: num_labels 1, id2label {\"0\": \"LABEL_0\"}";
  if (r.has("num_labels") && r.integer("num_labels") != 1) {
    r.fail("num_labels", fmt::format("a classifier of {} labels gives no single score", r.integer("num_labels")), fix);
  }
  const Json& labels = r.raw("id2label");
  if (labels.is_object() && labels.size() != 1) {
    r.fail("id2label", fmt::format("a classifier of {} labels gives no single score", labels.size()), fix);
  }
  return HeadKind::kScore;
}

}  // namespace

ModelConfig read_model_config(const Json& config, const std::string& where) {
  ObjectReader r(config, where);
  r.allow_unknown();
  ModelConfig model;
  model.source = config;
  std::vector<std::string> names;
  for (const Family& family : families()) names.emplace_back(family.model_type);
  model.model_type = r.choice("model_type", names);
  model.vocab_size = r.integer("vocab_size", {.min = 1});
  model.hidden_size = r.integer("hidden_size", {.min = 1});
  model.max_position_embeddings = r.integer("max_position_embeddings", {.min = 1});
  model.rms_norm_eps = r.number("rms_norm_eps", 1e-6, {.min = 0.0, .min_exclusive = true});
  model.tie_word_embeddings = r.boolean("tie_word_embeddings", false);
  model.eos_token_ids = r.integers("eos_token_id", {});
  model.dtype =
      r.choice(r.has("dtype") ? "dtype" : "torch_dtype", {"float32", "bfloat16", "float16"}, "float32");
  r.choice("hidden_act", {"silu"}, "silu");
  model.fp8 = read_quantization(r);
  for (const Family& family : families()) {
    if (model.model_type == family.model_type) family.read(r, model);
  }
  model.head = read_head(r);
  if (model.head == HeadKind::kScore) model.mtp_layers = 0;  // there is nothing that they could predict
  if (const Json& pad = r.raw("pad_token_id"); pad.is_number_integer()) model.pad_token_id = pad.get<int64_t>();
  return model;
}

namespace {

ParameterCount count_layer(const LayerConfig& layer, int64_t d) {
  ParameterCount count;
  auto both = [&](int64_t n) {
    count.total += n;
    count.active += n;
  };
  both(2 * d);
  if (const auto* gqa = std::get_if<GqaConfig>(&layer.attention)) {
    const int64_t q = gqa->num_heads * gqa->head_dim, kv = gqa->num_kv_heads * gqa->head_dim;
    both(2 * d * q + 2 * d * kv + (gqa->qkv_bias ? q + 2 * kv : 0) + (gqa->o_bias ? d : 0) +
         (gqa->qk_norm ? 2 * gqa->head_dim : 0));
  } else {
    const auto& mla = std::get<MlaConfig>(layer.attention);
    const int64_t q = mla.num_heads * (mla.qk_nope_head_dim + mla.qk_rope_head_dim);
    both(mla.q_lora_rank > 0 ? mla.q_lora_rank * (d + 1 + q) : d * q);
    both((mla.kv_lora_rank + mla.qk_rope_head_dim) * d + mla.kv_lora_rank);
    both(mla.kv_lora_rank * mla.num_heads * (mla.qk_nope_head_dim + mla.v_head_dim));
    both(mla.num_heads * mla.v_head_dim * d);
  }
  if (const auto* dense = std::get_if<DenseConfig>(&layer.mlp)) {
    both(3 * d * dense->intermediate_size + (dense->bias ? 2 * dense->intermediate_size + d : 0));
  } else {
    const auto& moe = std::get<MoeConfig>(layer.mlp);
    const int64_t expert = 3 * d * moe.intermediate_size;
    both(moe.num_experts * d + moe.num_shared_experts * expert + (moe.correction_bias ? moe.num_experts : 0));
    count.total += moe.num_experts * expert;
    count.active += moe.top_k * expert;
  }
  return count;
}

}  // namespace

ParameterCount count_parameters(const ModelConfig& config) {
  const int64_t d = config.hidden_size, table = config.vocab_size * d;
  ParameterCount count;
  const bool score = config.head == HeadKind::kScore;
  const int64_t head = score ? d : table;
  count.total = d + table + (config.tie_word_embeddings && !score ? 0 : head);
  count.active = d + head;
  for (const LayerConfig& layer : config.layers) {
    const ParameterCount own = count_layer(layer, d);
    count.total += own.total;
    count.active += own.active;
  }
  if (config.mtp_layers > 0) {
    count.mtp = config.mtp_layers * (count_layer(config.layers.back(), d).total + 2 * d * d + 3 * d);
  }
  return count;
}

}  // namespace grpo
