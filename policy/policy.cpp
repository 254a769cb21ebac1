#include "policy/policy.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include "core/error.h"
#include "core/seed.h"
#include "policy/checkpoint_names.h"
#include "policy/kernels/embedding.h"
#include "policy/kernels/linear.h"
#include "policy/kernels/logprobs.h"
#include "policy/kernels/rms_norm.h"
#include "policy/layers.h"
#include "policy/rope_scaling.h"

namespace grpo {
namespace {

// Rows of logits that exist at once: about this many numbers.
constexpr int64_t kLogitsPerChunk = int64_t{1} << 25;

// Allocates every tensor of a model and lists them, in the order of the forward pass.
class WeightsBuilder {
 public:
  WeightsBuilder(const ModelConfig& config, at::TensorOptions options) : config_(config), options_(options) {}

  std::shared_ptr<Policy::Weights> build() {
    auto weights = std::make_shared<Policy::Weights>();
    const int64_t d = config_.hidden_size;
    weights->embedding = parameter("model.embed_tokens.weight", {config_.vocab_size, d});
    for (size_t i = 0; i < config_.layers.size(); ++i) weights->layers.push_back(layer(i));
    weights->norm = parameter("model.norm.weight", {d});
    weights->head = config_.tie_word_embeddings ? weights->embedding : parameter("lm_head.weight", {config_.vocab_size, d});
    return weights;
  }

  std::vector<Parameter> parameters;
  std::vector<Parameter> buffers;

 private:
  at::Tensor parameter(const std::string& name, at::IntArrayRef shape) {
    parameters.push_back({name, at::empty(shape, options_)});
    return parameters.back().tensor;
  }

  LayerWeights layer(size_t i) {
    const std::string at = fmt::format("model.layers.{}", i);
    const LayerConfig& config = config_.layers[i];
    LayerWeights out;
    out.attention_norm = parameter(at + ".input_layernorm.weight", {config_.hidden_size});
    if (const auto* gqa = std::get_if<GqaConfig>(&config.attention)) {
      out.attention = attention(*gqa, at + ".self_attn");
    } else {
      out.attention = attention(std::get<MlaConfig>(config.attention), at + ".self_attn");
    }
    out.mlp_norm = parameter(at + ".post_attention_layernorm.weight", {config_.hidden_size});
    if (const auto* dense = std::get_if<DenseConfig>(&config.mlp)) {
      out.mlp = mlp(dense->intermediate_size, dense->bias, at + ".mlp");
    } else {
      out.mlp = moe(std::get<MoeConfig>(config.mlp), at + ".mlp");
    }
    return out;
  }

  LinearMap linear(const std::string& at, int64_t out, int64_t in, bool bias = false) {
    LinearMap map;
    map.weight = parameter(at + ".weight", {out, in});
    if (bias) map.bias = parameter(at + ".bias", {out});
    return map;
  }

  GqaWeights attention(const GqaConfig& c, const std::string& at) {
    const int64_t d = config_.hidden_size;
    GqaWeights w;
    w.qkv = linear(at + ".qkv_proj", (c.num_heads + 2 * c.num_kv_heads) * c.head_dim, d, c.qkv_bias);
    if (c.qk_norm) {
      w.q_norm = parameter(at + ".q_norm.weight", {c.head_dim});
      w.k_norm = parameter(at + ".k_norm.weight", {c.head_dim});
    }
    w.o = linear(at + ".o_proj", d, c.num_heads * c.head_dim, c.o_bias);
    return w;
  }

  MlaWeights attention(const MlaConfig& c, const std::string& at) {
    const int64_t d = config_.hidden_size, q = c.num_heads * (c.qk_nope_head_dim + c.qk_rope_head_dim);
    MlaWeights w;
    if (c.q_lora_rank == 0) {
      w.q = linear(at + ".q_proj", q, d);
    } else {
      w.q_a = linear(at + ".q_a_proj", c.q_lora_rank, d);
      w.q_norm = parameter(at + ".q_a_layernorm.weight", {c.q_lora_rank});
      w.q_b = linear(at + ".q_b_proj", q, c.q_lora_rank);
    }
    w.kv_a = linear(at + ".kv_a_proj_with_mqa", c.kv_lora_rank + c.qk_rope_head_dim, d);
    w.kv_norm = parameter(at + ".kv_a_layernorm.weight", {c.kv_lora_rank});
    w.kv_b = linear(at + ".kv_b_proj", c.num_heads * (c.qk_nope_head_dim + c.v_head_dim), c.kv_lora_rank);
    w.o = linear(at + ".o_proj", d, c.num_heads * c.v_head_dim);
    return w;
  }

  DenseWeights mlp(int64_t width, bool bias, const std::string& at) {
    const int64_t d = config_.hidden_size;
    DenseWeights w;
    w.gate_up = linear(at + ".gate_up_proj", 2 * width, d, bias);
    w.down = linear(at + ".down_proj", d, width, bias);
    return w;
  }

  MoeWeights moe(const MoeConfig& c, const std::string& at) {
    const int64_t d = config_.hidden_size;
    MoeWeights w;
    w.router = parameter(at + ".gate.weight", {c.num_experts, d});
    if (c.correction_bias) {
      w.bias = at::zeros({c.num_experts}, options_.dtype(at::kFloat));
      buffers.push_back({at + ".gate.e_score_correction_bias", w.bias});
    }
    w.gate_up = parameter(at + ".experts.gate_up_proj", {c.num_experts, 2 * c.intermediate_size, d});
    w.down = parameter(at + ".experts.down_proj", {c.num_experts, d, c.intermediate_size});
    if (c.num_shared_experts > 0) {
      w.shared = mlp(c.num_shared_experts * c.intermediate_size, false, at + ".shared_experts");
    };
    return w;
  }

  const ModelConfig& config_;
  at::TensorOptions options_;
};

bool is_bias(const std::string& name) { return name.ends_with(".bias"); }

}  // namespace

PackedTokens pack_sequences(const std::vector<std::vector<int64_t>>& sequences, const at::Device& device) {
  std::vector<int64_t> tokens, positions;
  std::vector<int32_t> bounds = {0};
  PackedTokens packed;
  for (const auto& sequence : sequences) {
    tokens.insert(tokens.end(), sequence.begin(), sequence.end());
    for (size_t i = 0; i < sequence.size(); ++i) positions.push_back(static_cast<int64_t>(i));
    bounds.push_back(static_cast<int32_t>(tokens.size()));
    packed.max_seqlen = std::max<int64_t>(packed.max_seqlen, static_cast<int64_t>(sequence.size()));
  }
  packed.tokens = at::tensor(tokens, at::kLong).to(device);
  packed.positions = at::tensor(positions, at::kLong).to(device);
  packed.cu_seqlens = at::tensor(bounds, at::kInt).to(device);
  return packed;
}

Policy::Policy(ModelConfig config, at::ScalarType dtype, const at::Device& device)
    : config_(std::move(config)), dtype_(dtype), device_(device) {
  WeightsBuilder builder(config_, at::TensorOptions().dtype(dtype).device(device));
  weights_ = builder.build();
  weights_->rope_frequencies = at::tensor(rope_frequencies(config_.rope)).to(device);
  parameters_ = std::move(builder.parameters);
  buffers_ = std::move(builder.buffers);
}

Policy Policy::empty(const ModelConfig& config, at::ScalarType dtype, const at::Device& device) {
  return Policy(config, dtype, device);
}

Policy Policy::random(const ModelConfig& config, at::ScalarType dtype, const at::Device& device, uint64_t seed,
                      double initializer_range) {
  Policy policy(config, dtype, device);
  for (size_t i = 0; i < policy.parameters_.size(); ++i) {
    const Parameter& p = policy.parameters_[i];
    if (is_bias(p.name)) {
      p.tensor.zero_();
    } else if (p.tensor.dim() == 1) {
      p.tensor.fill_(1);
    } else {
      // Drawn on the CPU in float32 whatever the target, so that a seed means the same weights everywhere.
      at::Generator generator = at::detail::createCPUGenerator(derive_seed({seed, i}));
      p.tensor.copy_(at::empty(p.tensor.sizes(), at::kFloat).normal_(0.0, initializer_range, generator));
    }
  }
  return policy;
}

at::Tensor Policy::hidden(const PackedTokens& batch, const KvView* kv) const {
  const at::AutoGradMode grad(at::GradMode::is_enabled() && kv == nullptr);
  const Weights& w = *weights_;
  ForwardContext context{config_, batch, rope_angles(batch.positions, w.rope_frequencies), kv};
  if (config_.rope.attention_factor != 1.0) {
    context.angles.cos.mul_(config_.rope.attention_factor);
    context.angles.sin.mul_(config_.rope.attention_factor);
  }
  at::Tensor x = embed(w.embedding, batch.tokens);
  for (size_t i = 0; i < w.layers.size(); ++i) {
    const LayerWeights& layer = w.layers[i];
    const LayerConfig& config = config_.layers[i];
    const at::Tensor normed = rms_norm(x, layer.attention_norm, config_.rms_norm_eps);
    if (const auto* gqa = std::get_if<GqaConfig>(&config.attention)) {
      x = x + attend(*gqa, std::get<GqaWeights>(layer.attention), context, i, normed);
    } else {
      x = x + attend(std::get<MlaConfig>(config.attention), std::get<MlaWeights>(layer.attention), context, i, normed);
    }
    const at::Tensor mid = rms_norm(x, layer.mlp_norm, config_.rms_norm_eps);
    if (const auto* dense = std::get_if<DenseWeights>(&layer.mlp)) {
      x = x + feed_forward(*dense, mid);
    } else {
      x = x + feed_forward(std::get<MoeConfig>(config.mlp), std::get<MoeWeights>(layer.mlp), mid);
    }
  }
  return rms_norm(x, w.norm, config_.rms_norm_eps);
}

at::Tensor Policy::logits(const at::Tensor& hidden) const {
  return packed_linear(hidden, weights_->head).to(dtype_ == at::kDouble ? at::kDouble : at::kFloat);
}

TokenScores Policy::token_scores(const at::Tensor& hidden, const at::Tensor& targets, double temperature) const {
  const int64_t rows = std::max<int64_t>(16, kLogitsPerChunk / config_.vocab_size);
  auto [logprobs, entropy] = head_logprobs(hidden, weights_->head, targets, temperature, rows);
  return {logprobs, entropy};
}

std::vector<KvShape> Policy::kv_shapes() const {
  std::vector<KvShape> shapes;
  for (const LayerConfig& layer : config_.layers) {
    if (const auto* gqa = std::get_if<GqaConfig>(&layer.attention)) {
      shapes.push_back({gqa->num_kv_heads, gqa->head_dim, gqa->head_dim});
    } else {
      const auto& mla = std::get<MlaConfig>(layer.attention);
      shapes.push_back({1, mla.kv_lora_rank + mla.qk_rope_head_dim, 0});
    }
  }
  return shapes;
}

void Policy::set_requires_grad(bool value) {
  for (const Parameter& p : parameters_) at::Tensor(p.tensor).set_requires_grad(value);
}

void Policy::record_expert_load(bool record) {
  for (LayerWeights& layer : weights_->layers) {
    if (auto* moe = std::get_if<MoeWeights>(&layer.mlp)) {
      moe->load = record ? at::zeros({moe->router.size(0)}, moe->router.options().dtype(at::kLong).requires_grad(false))
                         : at::Tensor();
    }
  }
}

std::vector<at::Tensor> Policy::expert_load() const {
  std::vector<at::Tensor> load;
  for (const LayerWeights& layer : weights_->layers) {
    const auto* moe = std::get_if<MoeWeights>(&layer.mlp);
    if (moe != nullptr && moe->load.defined()) load.push_back(moe->load);
  }
  return load;
}

void Policy::update_router_bias(double rate) {
  const at::NoGradGuard no_grad;
  for (LayerWeights& layer : weights_->layers) {
    auto* moe = std::get_if<MoeWeights>(&layer.mlp);
    if (moe == nullptr || !moe->load.defined() || !moe->bias.defined()) continue;
    const at::Tensor load = moe->load.to(at::kFloat);
    moe->bias.add_((load.mean() - load).sign(), rate);
    moe->load.zero_();
  }
}

std::vector<NamedTensor> Policy::checkpoint_tensors() const { return checkpoint_views(config_, *weights_); }

Policy Policy::clone() const {
  Policy copy(config_, dtype_, device_);
  copy.copy_from(*this);
  return copy;
}

void Policy::copy_from(const Policy& other) {
  const at::NoGradGuard no_grad;
  GRPO_CHECK(parameters_.size() == other.parameters_.size() && buffers_.size() == other.buffers_.size());
  for (size_t i = 0; i < parameters_.size(); ++i) parameters_[i].tensor.copy_(other.parameters_[i].tensor);
  for (size_t i = 0; i < buffers_.size(); ++i) buffers_[i].tensor.copy_(other.buffers_[i].tensor);
}

}  // namespace grpo
