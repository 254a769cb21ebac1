#pragma once
// The language model: packed tokens in, hidden states and log-probabilities out. Rollout and training run the
// same Policy on the same weights; with a KvView the forward pass reads and writes a paged cache, without one
// it is the training forward. Device and dtype are those of the weights.
//
// Legend: N packed tokens, S sequences, V vocabulary, D model width, E experts.

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "policy/config.h"
#include "policy/io/safetensors.h"
#include "policy/kv_view.h"

namespace grpo {

// Sequences laid end to end, no padding. Attention never crosses a bound of cu_seqlens. Without a KvView each
// sequence is whole (positions count from 0); with one its tokens are the newest of a cached sequence.
struct PackedTokens {
  at::Tensor tokens;       // [N] int64
  at::Tensor positions;    // [N] int64
  at::Tensor cu_seqlens;   // [S+1] int32: sequence s is tokens[cu_seqlens[s] : cu_seqlens[s+1]]
  int64_t max_seqlen = 0;  // longest sequence, so that nobody has to ask the device
};

// Packs whole sequences on `device`. Throws nothing; an empty list gives N = 0.
PackedTokens pack_sequences(const std::vector<std::vector<int64_t>>& sequences, const at::Device& device);

// A trainable tensor under its checkpoint name, or one of several checkpoint tensors stacked (experts).
struct Parameter {
  std::string name;
  at::Tensor tensor;
};

struct TokenScores {
  at::Tensor logprobs;  // [N] float32 (float64 for a float64 policy): log p(target | prefix) at the temperature
  at::Tensor entropy;   // [N] same dtype, of the same distribution; not differentiable
};

class Policy {
 public:
  // Weights drawn from N(0, initializer_range) by `seed`; norms 1, biases 0. dtype: float32, bfloat16, float64.
  static Policy random(const ModelConfig& config, at::ScalarType dtype, const at::Device& device, uint64_t seed,
                       double initializer_range = 0.02);

  // Weights allocated but not set: for whoever fills them (policy/io/checkpoint.h).
  static Policy empty(const ModelConfig& config, at::ScalarType dtype, const at::Device& device);

  // Hidden states after the final norm, [N, D]. With `kv`, keys and values of the tokens are written to the
  // cache first and attention reads the whole cached sequence; that path records no gradients.
  at::Tensor hidden(const PackedTokens& batch, const KvView* kv = nullptr) const;

  // Logits of the given hidden rows [M, D] -> [M, V], float32 (float64 for a float64 policy).
  at::Tensor logits(const at::Tensor& hidden) const;

  // Log-probabilities of targets [N] under softmax(logits / temperature), computed from the head in chunks of
  // rows, forward and backward, so that [N, V] never exists at once. temperature > 0.
  TokenScores token_scores(const at::Tensor& hidden, const at::Tensor& targets, double temperature) const;

  // One cache shape per layer.
  std::vector<KvShape> kv_shapes() const;

  // Trainable parameters in a fixed order. The tensors are the policy's own: writing to them changes it.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  // State that is saved but not trained by gradients: the router correction biases, always float32.
  const std::vector<Parameter>& buffers() const { return buffers_; }
  // Marks all parameters as (not) requiring gradients.
  void set_requires_grad(bool value);

  // Tokens routed to each expert since the last reset, one [E] int64 tensor per MoE layer; counted only while
  // `record` is on. Used by the bias update when training from scratch.
  void record_expert_load(bool record);
  std::vector<at::Tensor> expert_load() const;
  // DeepSeek-V3's balancing without auxiliary loss: b += rate * sign(mean load - load), then resets the counts
  // (arXiv 2408.15664). No-op without recorded load.
  void update_router_bias(double rate);

  // The policy under its checkpoint's tensor names: views of its own storage, one per checkpoint tensor, in
  // checkpoint order. What loading writes to and saving reads from; a tied head has no entry.
  std::vector<NamedTensor> checkpoint_tensors() const;

  // A copy with its own storage, for a reference model or a rollback.
  Policy clone() const;
  // Copies the values of another policy of the same configuration (any dtype) into this one.
  void copy_from(const Policy& other);

  const ModelConfig& config() const { return config_; }
  at::ScalarType dtype() const { return dtype_; }
  const at::Device& device() const { return device_; }

  // The pieces behind the interface; see policy/layers.h.
  struct Weights;

 private:
  Policy(ModelConfig config, at::ScalarType dtype, const at::Device& device);

  ModelConfig config_;
  at::ScalarType dtype_;
  at::Device device_;
  std::shared_ptr<Weights> weights_;
  std::vector<Parameter> parameters_;
  std::vector<Parameter> buffers_;
};

}  // namespace grpo
