#pragma once
// The oracle of every forward pass: one sequence, no packing, no cache, no fused operator, double precision,
// written from the published equations and reading weights by their checkpoint names. Slow on purpose.

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "tests/reference/naive_rope.h"

namespace grpo::reference {

class NaivePolicy {
 public:
  explicit NaivePolicy(const Policy& policy) : config_(policy.config()), rope_(config_) {
    for (const NamedTensor& t : policy.checkpoint_tensors()) weights_[t.name] = t.tensor.to(at::kDouble).clone();
  }

  // Logits [T, V] of a whole sequence. With `left_padding`, that many tokens 0 stand before it as in a padded
  // batch: nobody attends to them, positions count from the first real token, and their own rows, which have
  // nothing to attend to, come first.
  at::Tensor logits(const std::vector<int64_t>& ids, int64_t left_padding = 0) const {
    padding_ = left_padding;
    std::vector<int64_t> padded(static_cast<size_t>(left_padding), 0);
    padded.insert(padded.end(), ids.begin(), ids.end());
    const at::Tensor out = head(norm(trunk(padded), "model.norm", config_.rms_norm_eps));
    padding_ = 0;
    return out;
  }

  // Logits [T - k, V] of every module k = 1, 2, ... of multi-token prediction: row i, which has seen tokens up
  // to i + k, is for token i + k + 1. `post_norm`: modules are given states after the norms, else before.
  std::vector<at::Tensor> mtp_logits(const std::vector<int64_t>& ids, bool post_norm) const {
    const double eps = config_.rms_norm_eps;
    at::Tensor state = trunk(ids);
    if (post_norm) state = norm(state, "model.norm", eps);
    std::vector<at::Tensor> out;
    for (int64_t k = 1; k <= config_.mtp_layers; ++k) {
      const std::string at = "model.layers." + std::to_string(config_.layers.size() + static_cast<size_t>(k) - 1);
      const int64_t rows = static_cast<int64_t>(ids.size()) - k;
      if (rows <= 0) break;
      const std::vector<int64_t> later(ids.begin() + k, ids.end());
      const at::Tensor next = weight("model.embed_tokens").index_select(0, at::tensor(later, at::kLong));
      const at::Tensor joined =
          at::cat({norm(next, at + ".enorm", eps), norm(state.narrow(0, 0, rows), at + ".hnorm", eps)}, 1);
      state = block(config_.layers.back(), at, project(at + ".eh_proj", joined));
      const at::Tensor normed = norm(state, at + ".shared_head.norm", eps);
      out.push_back(head(normed));
      if (post_norm) state = normed;
    }
    return out;
  }

  // From now on the layer's tokens go to these experts, [T, top_k]; a row of -1 leaves the choice to the router.
  void force_routes(size_t layer, const at::Tensor& experts) {
    forced_["model.layers." + std::to_string(layer) + ".mlp"] = experts.to(at::kLong);
  }

  // log p(ids[t+1] | ids[..t]), T-1 numbers.
  at::Tensor logprobs(const std::vector<int64_t>& ids) const {
    const at::Tensor all = logits(ids).log_softmax(-1);
    const std::vector<int64_t> next(ids.begin() + 1, ids.end());
    return all.narrow(0, 0, all.size(0) - 1).gather(1, at::tensor(next, at::kLong).unsqueeze(1)).squeeze(1);
  }

  // The mixture of experts as a loop over tokens and experts.
  at::Tensor moe(const MoeConfig& c, const std::string& at, const at::Tensor& x) const {
    at::Tensor y = at::zeros_like(x);
    for (int64_t t = 0; t < x.size(0); ++t) {
      const at::Tensor logits = x[t].matmul(weight(at + ".gate").t());
      const at::Tensor scores = c.scoring == RouterScoring::kSigmoid ? logits.sigmoid() : logits.softmax(-1);
      std::vector<double> choice;
      for (int64_t e = 0; e < c.num_experts; ++e) {
        const double bias =
            c.correction_bias ? weights_.at(at + ".gate.e_score_correction_bias")[e].item<double>() : 0.0;
        choice.push_back(scores[e].item<double>() + bias);
      }
      close_groups(c, choice);
      std::vector<int64_t> chosen;
      double total = 0;
      const auto forced = forced_.find(at);
      for (int64_t k = 0; k < c.top_k; ++k) {
        int64_t best = forced == forced_.end() ? -1 : forced->second[t][k].item<int64_t>();
        if (best >= 0) {
          chosen.push_back(best);
          total += scores[best].item<double>();
          continue;
        }
        for (int64_t e = 0; e < c.num_experts; ++e) {
          const bool taken = std::find(chosen.begin(), chosen.end(), e) != chosen.end();
          if (!taken && (best < 0 || choice[e] > choice[best])) best = e;
        }
        chosen.push_back(best);
        total += scores[best].item<double>();
      }
      for (const int64_t e : chosen) {
        const double w = scores[e].item<double>() / (c.norm_topk_prob ? total : 1.0) * c.routed_scaling_factor;
        y[t] += w * mlp(at + ".experts." + std::to_string(e), x[t]);
      }
      if (c.num_shared_experts > 0) y[t] += mlp(at + ".shared_experts", x[t]);
    }
    return y;
  }

 private:
  at::Tensor head(const at::Tensor& x) const {
    return x.matmul(weight(config_.tie_word_embeddings ? "model.embed_tokens" : "lm_head").t());
  }

  // Hidden states before the final norm.
  at::Tensor trunk(const std::vector<int64_t>& ids) const {
    at::Tensor x = weight("model.embed_tokens").index_select(0, at::tensor(ids, at::kLong));
    for (size_t i = 0; i < config_.layers.size(); ++i) {
      x = block(config_.layers[i], "model.layers." + std::to_string(i), x);
    }
    return x;
  }

  at::Tensor block(const LayerConfig& layer, const std::string& at, const at::Tensor& in) const {
    const at::Tensor h = norm(in, at + ".input_layernorm", config_.rms_norm_eps);
    const at::Tensor x = in + (std::holds_alternative<GqaConfig>(layer.attention)
                                   ? gqa(std::get<GqaConfig>(layer.attention), at + ".self_attn", h)
                                   : mla(std::get<MlaConfig>(layer.attention), at + ".self_attn", h));
    const at::Tensor m = norm(x, at + ".post_attention_layernorm", config_.rms_norm_eps);
    return x + (std::holds_alternative<DenseConfig>(layer.mlp) ? mlp(at + ".mlp", m)
                                                               : moe(std::get<MoeConfig>(layer.mlp), at + ".mlp", m));
  }

  const at::Tensor& weight(const std::string& name) const { return weights_.at(name + ".weight"); }

  at::Tensor project(const std::string& name, const at::Tensor& x) const {
    at::Tensor y = x.matmul(weight(name).t());
    const auto bias = weights_.find(name + ".bias");
    return bias == weights_.end() ? y : y + bias->second;
  }

  at::Tensor norm(const at::Tensor& x, const std::string& name, double eps) const {
    return x / (x * x).mean(-1, true).add(eps).sqrt() * weight(name);
  }

  at::Tensor mlp(const std::string& at, const at::Tensor& x) const {
    const at::Tensor gate = project(at + ".gate_proj", x);
    return project(at + ".down_proj", gate * gate.sigmoid() * project(at + ".up_proj", x));
  }

  // x [T, heads, dim]; row t is position t, less what is padding.
  at::Tensor rotate(const at::Tensor& x) const {
    at::Tensor y = x.clone();
    const int64_t dim = x.size(2), half = dim / 2;
    for (int64_t t = 0; t < x.size(0); ++t) {
      for (int64_t i = 0; i < half; ++i) {
        const double angle = std::max<int64_t>(0, t - padding_) * rope_.frequency(i);
        const int64_t a = config_.rope.interleaved ? 2 * i : i, b = config_.rope.interleaved ? 2 * i + 1 : i + half;
        const at::Tensor xa = x.select(0, t).select(1, a), xb = x.select(0, t).select(1, b);
        const double cosine = rope_.cos_sin_factor() * std::cos(angle), sine = rope_.cos_sin_factor() * std::sin(angle);
        y.select(0, t).select(1, a).copy_(xa * cosine - xb * sine);
        y.select(0, t).select(1, b).copy_(xb * cosine + xa * sine);
      }
    }
    return y;
  }

  // q, k [T, H, dim], v [T, H, v] -> [T, H * v].
  at::Tensor softmax_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale) const {
    const int64_t t = q.size(0);
    const at::Tensor scores = at::einsum("ihd,jhd->hij", {q, k}) * scale;
    at::Tensor hidden = at::ones({t, t}, at::kBool).triu(1);
    hidden.narrow(1, 0, padding_).fill_(true);
    // A row that sees nothing at all takes nothing.
    const at::Tensor p = scores.masked_fill(hidden, -INFINITY).softmax(-1).nan_to_num(0.0);
    return at::einsum("hij,jhd->ihd", {p, v}).reshape({t, -1});
  }

  at::Tensor gqa(const GqaConfig& c, const std::string& at, const at::Tensor& x) const {
    const int64_t t = x.size(0), group = c.num_heads / c.num_kv_heads;
    at::Tensor q = project(at + ".q_proj", x).view({t, c.num_heads, c.head_dim});
    at::Tensor k = project(at + ".k_proj", x).view({t, c.num_kv_heads, c.head_dim});
    if (weights_.contains(at + ".q_norm.weight")) {
      q = norm(q, at + ".q_norm", config_.rms_norm_eps);
      k = norm(k, at + ".k_norm", config_.rms_norm_eps);
    }
    q = rotate(q);
    k = rotate(k);
    const at::Tensor v = project(at + ".v_proj", x).view({t, c.num_kv_heads, c.head_dim});
    return project(at + ".o_proj", softmax_attention(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1),
                                                     1.0 / std::sqrt(static_cast<double>(c.head_dim))));
  }

  at::Tensor mla(const MlaConfig& c, const std::string& at, const at::Tensor& x) const {
    const int64_t t = x.size(0), qk = c.qk_nope_head_dim + c.qk_rope_head_dim;
    const at::Tensor q =
        (c.q_lora_rank == 0
             ? project(at + ".q_proj", x)
             : project(at + ".q_b_proj", norm(project(at + ".q_a_proj", x), at + ".q_a_layernorm", 1e-6)))
            .view({t, c.num_heads, qk});
    const at::Tensor down = project(at + ".kv_a_proj_with_mqa", x);
    const at::Tensor latent = norm(down.narrow(1, 0, c.kv_lora_rank), at + ".kv_a_layernorm", 1e-6);
    const at::Tensor k_pe = rotate(down.narrow(1, c.kv_lora_rank, c.qk_rope_head_dim).unsqueeze(1));
    const at::Tensor kv =
        project(at + ".kv_b_proj", latent).view({t, c.num_heads, c.qk_nope_head_dim + c.v_head_dim});
    const at::Tensor k = at::cat({kv.narrow(2, 0, c.qk_nope_head_dim), k_pe.repeat({1, c.num_heads, 1})}, 2);
    const at::Tensor q_full = at::cat(
        {q.narrow(2, 0, c.qk_nope_head_dim), rotate(q.narrow(2, c.qk_nope_head_dim, c.qk_rope_head_dim))}, 2);
    return project(at + ".o_proj", softmax_attention(q_full, k, kv.narrow(2, c.qk_nope_head_dim, c.v_head_dim),
                                                     rope_.mla_scale(static_cast<double>(qk))));
  }

  // Experts outside the best groups become unselectable.
  static void close_groups(const MoeConfig& c, std::vector<double>& choice) {
    const int64_t members = c.num_experts / c.num_groups;
    std::vector<std::pair<double, int64_t>> groups;
    for (int64_t g = 0; g < c.num_groups; ++g) {
      std::vector<double> sorted(choice.begin() + g * members, choice.begin() + (g + 1) * members);
      std::sort(sorted.rbegin(), sorted.rend());
      groups.emplace_back(c.correction_bias && members > 1 ? sorted[0] + sorted[1] : sorted[0], g);
    }
    std::sort(groups.rbegin(), groups.rend());
    for (int64_t i = c.topk_groups; i < c.num_groups; ++i) {
      for (int64_t e = 0; e < members; ++e) choice[groups[i].second * members + e] = -INFINITY;
    }
  }

  ModelConfig config_;
  NaiveRope rope_;
  std::map<std::string, at::Tensor> weights_;
  std::map<std::string, at::Tensor> forced_;  // by the name of the MLP
  mutable int64_t padding_ = 0;               // of the sequence at hand
};

}  // namespace grpo::reference
