#include "policy/layers.h"

#include <cmath>

#include "policy/kernels/attention.h"
#include "policy/kernels/linear.h"
#include "policy/kernels/rms_norm.h"

namespace grpo {
namespace {

// Hugging Face fixes the epsilon of MLA's inner norms, whatever rms_norm_eps says.
constexpr double kLatentNormEps = 1e-6;

}  // namespace

ForwardContext forward_context(const ModelConfig& config, const Policy::Weights& weights, const PackedTokens& batch,
                               const KvView* kv) {
  ForwardContext context{config, batch, rope_angles(batch.positions, weights.rope_frequencies), kv};
  if (config.rope.attention_factor != 1.0) {
    context.angles.cos.mul_(config.rope.attention_factor);
    context.angles.sin.mul_(config.rope.attention_factor);
  }
  return context;
}

at::Tensor run_layer(const LayerConfig& config, const LayerWeights& weights, const ForwardContext& context,
                     size_t layer, RouterContext& router, const at::Tensor& x) {
  const double eps = context.config.rms_norm_eps;
  const at::Tensor normed = rms_norm(x, weights.attention_norm, eps);
  at::Tensor mid;
  if (const auto* gqa = std::get_if<GqaConfig>(&config.attention)) {
    mid = x + attend(*gqa, std::get<GqaWeights>(weights.attention), context, layer, normed);
  } else {
    mid = x + attend(std::get<MlaConfig>(config.attention), std::get<MlaWeights>(weights.attention), context, layer,
                     normed);
  }
  const at::Tensor in = rms_norm(mid, weights.mlp_norm, eps);
  if (const auto* dense = std::get_if<DenseWeights>(&weights.mlp)) return mid + feed_forward(*dense, in);
  return mid + feed_forward(std::get<MoeConfig>(config.mlp), std::get<MoeWeights>(weights.mlp), router, in);
}

at::Tensor attend(const GqaConfig& config, const GqaWeights& weights, const ForwardContext& context, size_t layer,
                  const at::Tensor& x) {
  const int64_t rows = x.size(0), heads = config.num_heads, kv_heads = config.num_kv_heads, dim = config.head_dim;
  const at::Tensor qkv = weights.qkv(x).view({rows, heads + 2 * kv_heads, dim});
  const bool interleaved = context.config.rope.interleaved;
  at::Tensor q = qkv.narrow(1, 0, heads), k = qkv.narrow(1, heads, kv_heads);
  if (config.qk_norm) {
    q = rms_norm(q, weights.q_norm, context.config.rms_norm_eps);
    k = rms_norm(k, weights.k_norm, context.config.rms_norm_eps);
  }
  q = rope(q, context.angles, interleaved);
  k = rope(k, context.angles, interleaved);
  const at::Tensor v = qkv.narrow(1, heads + kv_heads, kv_heads);
  const double scale = 1.0 / std::sqrt(static_cast<double>(dim));
  at::Tensor out;
  if (context.kv != nullptr) write_cache(context.kv->layers[layer], context.kv->slots, k, v);
  if (context.kv != nullptr && !context.kv->whole) {
    const LayerKv& cache = context.kv->layers[layer];
    out = paged_attention(q, cache.k, cache.v, context.kv->block_tables, context.kv->rows, context.batch.positions,
                          scale);
  } else {
    out = attention(q, k, v, context.batch.cu_seqlens, context.batch.max_seqlen, scale);
  }
  return weights.o(out.reshape({rows, heads * dim}));
}

at::Tensor attend(const MlaConfig& config, const MlaWeights& weights, const ForwardContext& context, size_t layer,
                  const at::Tensor& x) {
  const int64_t rows = x.size(0), heads = config.num_heads, nope = config.qk_nope_head_dim,
                rotary = config.qk_rope_head_dim, latent = config.kv_lora_rank, v_dim = config.v_head_dim;
  const bool interleaved = context.config.rope.interleaved;
  const at::Tensor q_flat = weights.q.defined()
                                ? weights.q(x)
                                : weights.q_b(rms_norm(weights.q_a(x), weights.q_norm, kLatentNormEps));
  const at::Tensor q = q_flat.view({rows, heads, nope + rotary});
  const at::Tensor q_nope = q.narrow(2, 0, nope);
  const at::Tensor q_pe = rope(q.narrow(2, nope, rotary), context.angles, interleaved);

  const at::Tensor kv_a = weights.kv_a(x);
  const at::Tensor c = rms_norm(kv_a.narrow(1, 0, latent), weights.kv_norm, kLatentNormEps);
  const at::Tensor k_pe =
      rope(kv_a.narrow(1, latent, rotary).unsqueeze(1), context.angles, interleaved);  // one head, shared
  const double scale = config.softmax_factor / std::sqrt(static_cast<double>(nope + rotary));
  if (context.kv != nullptr) {
    write_cache(context.kv->layers[layer], context.kv->slots, at::cat({c.unsqueeze(1), k_pe}, 2), {});
  }

  at::Tensor out;
  if (context.kv != nullptr && !context.kv->whole) {
    // Absorbed: W_UK moves into the query and W_UV behind the attention, which then runs on the latent itself
    // (arXiv 2405.04434, section 2.1.2).
    const at::Tensor kv_b = weights.kv_b.full_weight().view({heads, nope + v_dim, latent});
    const at::Tensor q_latent = headwise_linear(q_nope.transpose(0, 1), kv_b.narrow(1, 0, nope)).transpose(0, 1);
    const at::Tensor& cache = context.kv->layers[layer].k;
    const at::Tensor o = paged_attention(at::cat({q_latent, q_pe}, 2), cache, cache.narrow(3, 0, latent),
                                         context.kv->block_tables, context.kv->rows, context.batch.positions, scale);
    out = headwise_linear(o.transpose(0, 1), kv_b.narrow(1, nope, v_dim).transpose(1, 2)).transpose(0, 1);
  } else {
    const at::Tensor kv = weights.kv_b(c).view({rows, heads, nope + v_dim});
    const at::Tensor k = at::cat({kv.narrow(2, 0, nope), k_pe.expand({rows, heads, rotary})}, 2);
    out = attention(at::cat({q_nope, q_pe}, 2), k, kv.narrow(2, nope, v_dim), context.batch.cu_seqlens,
                    context.batch.max_seqlen, scale);
  }
  return weights.o(out.reshape({rows, heads * v_dim}));
}

}  // namespace grpo
