#include "policy/policy.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/seed.h"
#include "policy/checkpoint_names.h"
#include "policy/kernels/embedding.h"
#include "policy/kernels/linear.h"
#include "policy/kernels/logprobs.h"
#include "policy/kernels/rms_norm.h"
#include "policy/layers.h"
#include "policy/random_weights.h"
#include "policy/recompute.h"
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
    for (size_t i = 0; i < config_.layers.size(); ++i) weights->layers.push_back(layer(i, config_.layers[i]));
    weights->norm = parameter("model.norm.weight", {d});
    weights->head = head(weights->embedding);
    for (int64_t k = 0; k < config_.mtp_layers; ++k) weights->mtp.push_back(mtp(config_.layers.size() + static_cast<size_t>(k)));
    return weights;
  }

  std::vector<Parameter> given;  // tensors to use in this order; empty: fresh ones
  std::vector<Parameter> parameters;
  std::vector<Parameter> buffers;

 private:
  at::Tensor parameter(const std::string& name, at::IntArrayRef shape) {
    parameters.push_back({name, given.empty() ? at::empty(shape, options_) : given.at(parameters.size()).tensor});
    return parameters.back().tensor;
  }

  at::Tensor head(const at::Tensor& embedding) {
    if (config_.head == HeadKind::kScore) return parameter("score.weight", {1, config_.hidden_size});
    if (config_.tie_word_embeddings) return embedding;
    return parameter("lm_head.weight", {config_.vocab_size, config_.hidden_size});
  }

  MtpWeights mtp(size_t i) {
    const std::string at = fmt::format("model.layers.{}", i);
    const int64_t d = config_.hidden_size;
    MtpWeights out;
    out.embedding_norm = parameter(at + ".enorm.weight", {d});
    out.hidden_norm = parameter(at + ".hnorm.weight", {d});
    out.projection = linear(at + ".eh_proj", d, 2 * d);
    out.layer = layer(i, config_.layers.back());
    out.norm = parameter(at + ".shared_head.norm.weight", {d});
    return out;
  }

  LayerWeights layer(size_t i, const LayerConfig& config) {
    const std::string at = fmt::format("model.layers.{}", i);
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

int64_t rows_per_chunk(const ModelConfig& config) {
  return std::max<int64_t>(16, kLogitsPerChunk / config.vocab_size);
}

// Calls f for the mixture of every layer that has one, in the order of expert_load().
template <class F>
void for_each_moe(Policy::Weights& weights, F f) {
  for (LayerWeights& layer : weights.layers) {
    if (auto* moe = std::get_if<MoeWeights>(&layer.mlp)) f(*moe);
  }
  for (MtpWeights& mtp : weights.mtp) {
    if (auto* moe = std::get_if<MoeWeights>(&mtp.layer.mlp)) f(*moe);
  }
}

bool is_bias(const std::string& name) { return name.ends_with(".bias"); }

const at::Tensor& vocabulary_head(const ModelConfig& config, const Policy::Weights& weights) {
  if (config.head == HeadKind::kVocabulary) return weights.head;
  throw Error("a reward model scores sequences and predicts no tokens", "score.weight",
              "use a checkpoint for causal language modelling");
}

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

Policy::Policy(ModelConfig config, at::ScalarType dtype, const at::Device& device, const std::vector<Parameter>& given)
    : config_(std::move(config)), dtype_(dtype), device_(device) {
  WeightsBuilder builder(config_, at::TensorOptions().dtype(dtype).device(device));
  builder.given = given;
  weights_ = builder.build();
  weights_->rope_frequencies = at::tensor(rope_frequencies(config_.rope)).to(device);
  parameters_ = std::move(builder.parameters);
  buffers_ = std::move(builder.buffers);
  trainable_ = parameters_;
}

Policy Policy::empty(const ModelConfig& config, at::ScalarType dtype, const at::Device& device) {
  return Policy(config, dtype, device);
}

Policy Policy::random(const ModelConfig& config, at::ScalarType dtype, const at::Device& device, uint64_t seed,
                      double initializer_range) {
  Policy policy(config, dtype, device);
  // Drawn on the CPU in float32 whatever the target, so that a seed means the same weights everywhere.
  std::vector<NormalDraw> draws;
  for (size_t i = 0; i < policy.parameters_.size(); ++i) {
    const Parameter& p = policy.parameters_[i];
    if (is_bias(p.name)) {
      p.tensor.zero_();
    } else if (p.tensor.dim() == 1) {
      p.tensor.fill_(1);
    } else {
      draws.push_back({p.tensor, derive_seed({seed, i})});
    }
  }
  draw_normal(std::move(draws), initializer_range);
  return policy;
}

at::Tensor Policy::hidden(const PackedTokens& batch, const KvView* kv) const {
  ForwardOptions options;
  options.kv = kv;
  return forward(batch, options).hidden;
}

ForwardOutput Policy::forward(const PackedTokens& batch, const ForwardOptions& options) const {
  GRPO_CHECK(!(options.balance_loss && options.kv != nullptr));
  const at::AutoGradMode grad(at::GradMode::is_enabled() && options.kv == nullptr);
  const Weights& w = *weights_;
  const int64_t rows = batch.tokens.size(0);
  RouterContext router;
  router.record_routes = options.record_routes;
  if (options.replay_routes != nullptr) router.replay = check_routes(config_, *options.replay_routes, rows, device_);
  if (options.balance_loss) router.sequences = sequence_rows(batch.cu_seqlens, rows);
  const ForwardContext context = forward_context(config_, w, batch, options.kv);
  at::Tensor x = embed(w.embedding, batch.tokens);
  std::optional<RecomputedLayers> recomputed;
  if (options.recompute && at::GradMode::is_enabled()) recomputed.emplace(weights_, context);
  for (size_t i = 0; i < w.layers.size(); ++i) {
    x = recomputed ? recomputed->run(config_.layers[i], w.layers[i], i, router, x)
                   : run_layer(config_.layers[i], w.layers[i], context, i, router, x);
  }

  auto load = router.loads.begin();
  for (const LayerWeights& layer : w.layers) {
    const auto* moe = std::get_if<MoeWeights>(&layer.mlp);
    if (moe != nullptr && moe->load.defined()) at::Tensor(moe->load).add_(*load++);
  }
  if (options.balance_loss && !router.balance_loss.defined()) router.balance_loss = at::zeros({}, x.options());
  return {rms_norm(x, w.norm, config_.rms_norm_eps), x, std::move(router.routes), router.balance_loss};
}

at::Tensor Policy::logits(const at::Tensor& hidden) const {
  return packed_linear(hidden, vocabulary_head(config_, *weights_)).to(dtype_ == at::kDouble ? at::kDouble : at::kFloat);
}

at::Tensor Policy::scores(const at::Tensor& hidden) const {
  GRPO_CHECK(config_.head == HeadKind::kScore);
  // In bfloat16 two scores between 2 and 4 would be the same or 1/64 apart.
  const at::ScalarType wide = dtype_ == at::kDouble ? at::kDouble : at::kFloat;
  return packed_linear(hidden.to(wide), weights_->head.to(wide)).squeeze(1);
}

TokenScores Policy::token_scores(const at::Tensor& hidden, const at::Tensor& targets,
                                 const TokenScoreOptions& options) const {
  if (options.kept != nullptr) check_kept_tokens(*options.kept, hidden.size(0), config_.vocab_size);
  const at::Tensor& own = vocabulary_head(config_, *weights_);
  const at::Tensor head = options.train_head ? own : own.detach();
  auto [logprobs, entropy] = head_logprobs(hidden, head, targets,
                                           {.temperature = options.temperature,
                                            .rows_per_chunk = rows_per_chunk(config_),
                                            .train_entropy = options.train_entropy,
                                            .kept = options.kept});
  return {logprobs, entropy};
}

const at::Tensor& Policy::head() const { return vocabulary_head(config_, *weights_); }

at::Tensor Policy::likeliest_tokens(const at::Tensor& hidden) const {
  const at::NoGradGuard no_grad;
  const at::Tensor& head = vocabulary_head(config_, *weights_);
  const int64_t rows = hidden.size(0), chunk = rows_per_chunk(config_);
  at::Tensor tokens = at::empty({rows}, hidden.options().dtype(at::kLong));
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    tokens.narrow(0, first, count).copy_(packed_linear(hidden.narrow(0, first, count), head).argmax(-1));
  }
  return tokens;
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

void Policy::record_expert_load(bool record) {
  for_each_moe(*weights_, [&](MoeWeights& moe) {
    moe.load = record ? at::zeros({moe.router.size(0)}, moe.router.options().dtype(at::kLong).requires_grad(false))
                      : at::Tensor();
  });
}

std::vector<at::Tensor> Policy::expert_load() const {
  std::vector<at::Tensor> load;
  for_each_moe(*weights_, [&](MoeWeights& moe) {
    if (moe.load.defined()) load.push_back(moe.load);
  });
  return load;
}

void Policy::update_router_bias(double rate) {
  const at::NoGradGuard no_grad;
  bool moved = false;
  for_each_moe(*weights_, [&](MoeWeights& moe) {
    if (!moe.load.defined() || !moe.bias.defined()) return;
    const at::Tensor load = moe.load.to(at::kFloat);
    moe.bias.add_((load.mean() - load).sign(), rate);
    moe.load.zero_();
    moved = true;
  });
  if (moved) check_router_bias();
}

void Policy::check_router_bias() const {
  if (device_.is_meta()) return;
  std::vector<at::Tensor> finite;
  for (const Parameter& buffer : buffers_) finite.push_back(buffer.tensor.isfinite().all());
  if (finite.empty()) return;
  const at::Tensor host = at::stack(finite).to(at::kCPU);
  for (size_t i = 0; i < buffers_.size(); ++i) {
    if (host[static_cast<int64_t>(i)].item<bool>()) continue;
    throw Error("the router's correction bias holds a NaN or infinity", buffers_[i].name,
                "lower router_bias_update_rate, or go back to an earlier checkpoint");
  }
}

std::vector<NamedTensor> Policy::checkpoint_tensors() const { return checkpoint_table(config_, *weights_).tensors; }

std::vector<NamedTensor> Policy::checkpoint_copies() const { return mtp_copies(config_, *weights_); }

}  // namespace grpo
