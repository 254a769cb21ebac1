#pragma once
// The language model: packed tokens in, hidden states and log-probabilities out. Rollout and training run the
// same Policy on the same weights; with a KvView the forward pass reads and writes a paged cache, without one
// it is the training forward. Device and dtype are those of the weights.
//
// Legend: N packed tokens, S sequences, V vocabulary, D model width, E experts.

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policy/config.h"
#include "policy/io/safetensors.h"
#include "policy/kept_tokens.h"
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

// A low-rank adapter on one linear map: its weight acts as W + scale * B A (LoRA, arXiv 2106.09685).
struct Adapter {
  std::string module;  // the checkpoint's name of the map, "model.layers.0.self_attn.q_proj"
  at::Tensor a;        // [r, in]
  at::Tensor b;        // [out, r]
  double scale = 1.0;
};

// A linear map that can carry an adapter.
struct AdaptableModule {
  std::string name;
  int64_t out = 0;
  int64_t in = 0;
};

struct ForwardOptions {
  // Keys and values of the tokens are written to the cache first and attention reads the whole cached
  // sequence; that path records no gradients.
  const KvView* kv = nullptr;
  // Leave ForwardOutput::routes behind.
  bool record_routes = false;
  // Routes to take instead of the routers' own choice: one [N, top_k] tensor of any integer dtype and device
  // per MoE layer, experts in the order in which they were recorded. Gate weights are computed from this
  // pass's logits at the given experts. A row of -1 leaves its token to the router (the last sampled token
  // has no record). Anything else (another shape, an id out of range, an expert twice in a row) is an Error.
  const std::vector<at::Tensor>* replay_routes = nullptr;
  // Compute ForwardOutput::balance_loss.
  bool balance_loss = false;
  // Keep each layer's input alone for the backward pass and run the layer again there (gradient checkpointing): the
  // same gradients, on the CPU bit for bit, for about a third more time. Without effect where no gradients are
  // recorded.
  bool recompute = false;
};

struct ForwardOutput {
  at::Tensor hidden;               // [N, D] after the final norm
  at::Tensor last_state;           // [N, D] before it
  std::vector<at::Tensor> routes;  // per MoE layer [N, top_k] int16, where recorded
  at::Tensor balance_loss;         // scalar, differentiable: policy/moe.h, over sequences and MoE layers summed
};

// What a multi-token-prediction module is given of each token. The published implementations differ, and since
// the module's hnorm does not undo the final norm's weights it matters which one a module was trained with.
enum class MtpHiddenState {
  kPostNorm,  // after the final norm (Megatron, SGLang); of a further module, after the previous one's norm
  kPreNorm,   // before it (TorchTitan)
};

struct MtpOptions {
  MtpHiddenState hidden_state = MtpHiddenState::kPostNorm;
  bool detach_trunk = false;  // no gradient reaches embedding, layers, final norm of the model itself
  bool balance_loss = false;  // compute MtpOutput::balance_loss
  bool recompute = false;     // ForwardOptions::recompute for the modules' layers
};

// What one multi-token-prediction module makes of a packed batch.
struct MtpOutput {
  at::Tensor hidden;        // [N, D] after shared_head.norm: what logits() and token_scores() take
  at::Tensor valid;         // [N] bool: rows whose sequence is long enough; the others hold nothing of meaning
  at::Tensor balance_loss;  // as ForwardOutput's, of the module's own layer and valid rows
};

struct TokenScoreOptions {
  double temperature = 1.0;           // > 0; divides the logits
  bool train_head = true;             // false: the head gets no gradient
  bool train_entropy = false;         // TokenScores::entropy is differentiable too
  const KeptTokens* kept = nullptr;   // the tokens that each row's distribution ranges over; null: all of them
};

struct TokenScores {
  at::Tensor logprobs;  // [N] float32 (float64 for a float64 policy): log p(target | prefix)
  at::Tensor entropy;   // [N] same dtype, of the same distribution, in nats; differentiable if train_entropy
};

class Policy {
 public:
  // Weights drawn from N(0, initializer_range) by `seed`; norms 1, biases 0. dtype: float32, bfloat16, float64.
  static Policy random(const ModelConfig& config, at::ScalarType dtype, const at::Device& device, uint64_t seed,
                       double initializer_range = 0.02);

  // Weights allocated but not set: for whoever fills them (policy/io/checkpoint.h).
  static Policy empty(const ModelConfig& config, at::ScalarType dtype, const at::Device& device);

  // The layers over a packed batch. Throws Error for routes that cannot be replayed, and for nothing else.
  ForwardOutput forward(const PackedTokens& batch, const ForwardOptions& options) const;
  // Its hidden states alone, [N, D].
  at::Tensor hidden(const PackedTokens& batch, const KvView* kv = nullptr) const;

  // The multi-token-prediction modules over a batch of whole sequences and forward()'s output for it, one
  // MtpOutput each (DeepSeek-V3, arXiv 2412.19437, eq. 21-23). Module k (1, 2, ...) joins row i with the token
  // k places behind it in the same sequence, at position i, and its head predicts the token after that one:
  // rows without such a token are not valid. Each module continues from the one before.
  std::vector<MtpOutput> mtp_forward(const PackedTokens& batch, const ForwardOutput& trunk,
                                     const MtpOptions& options) const;

  // Logits of the given hidden rows [M, D] -> [M, V], float32 (float64 for a float64 policy). This and the next two
  // throw Error for a reward model, whose head is HeadKind::kScore.
  at::Tensor logits(const at::Tensor& hidden) const;

  // Of a reward model: hidden rows [M, D] -> scores [M], float32 (float64 for a float64 policy), computed in that dtype;
  // differentiable. Which row is a sequence's: policy/score_head.h.
  at::Tensor scores(const at::Tensor& hidden) const;

  // Log-probabilities of targets [N] under softmax(logits / temperature) for hidden rows [N, D], and entropies, computed
  // from the head in chunks of rows, forward and backward, so that [N, V] never exists at once. Throws Error for kept
  // tokens that do not fit.
  TokenScores token_scores(const at::Tensor& hidden, const at::Tensor& targets,
                           const TokenScoreOptions& options = {}) const;

  // The output matrix [V, D] that logits() multiplies by, the embedding itself where tied. The policy's own: for losses
  // that need logits of several models at once (grpo/distill_loss.h).
  const at::Tensor& head() const;

  // The likeliest token after each hidden row [M, D] -> [M] int64, chunk by chunk as well; no gradients.
  at::Tensor likeliest_tokens(const at::Tensor& hidden) const;

  // One cache shape per layer; multi-token prediction has none.
  std::vector<KvShape> kv_shapes() const;

  // All weights in a fixed order, adapters not among them. The tensors are the policy's own: writing to them
  // changes it.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  // State that is saved but not trained by gradients: the router correction biases, always float32.
  const std::vector<Parameter>& buffers() const { return buffers_; }
  // What training updates, in a fixed order: all of parameters() at first, the adapters' A and B alone where
  // there are adapters (and the score of a reward model), less what select_trainable left out.
  const std::vector<Parameter>& trainable() const { return trainable_; }
  // Keeps of trainable() what `keep` accepts. Before an optimizer is made of it.
  void select_trainable(const std::function<bool(const Parameter&)>& keep);
  // Marks what is trainable as (not) requiring gradients; nothing else does.
  void set_requires_grad(bool value);

  // The maps that can carry an adapter, in checkpoint order: those of attention, of dense and of shared-expert
  // MLPs. Routed experts, routers, embedding and head cannot.
  std::vector<AdaptableModule> adaptable_modules() const;
  // Puts adapters on the policy in place of those it has; every forward pass from then on is with them, cached
  // or not. One per module at most, of the policy's dtype and device and of fitting shapes (policy/lora.h makes
  // such); the policy keeps the tensors. trainable() becomes their A and B, called MODULE.lora_A.weight and
  // MODULE.lora_B.weight; an empty list leaves the bare model, all of it trainable.
  void set_adapters(std::vector<Adapter> adapters);
  const std::vector<Adapter>& adapters() const { return adapters_; }
  // Adds every adapter to its weight, in float32 (float64 for a float64 policy) and rounded once, and drops it.
  void merge_adapters();

  // Tokens routed to each expert since the last reset, one [E] int64 tensor per MoE layer, those of
  // multi-token-prediction modules last; counted only while `record` is on, once per forward() or
  // mtp_forward(). Used by the bias update when training from scratch, and for metrics.
  void record_expert_load(bool record);
  std::vector<at::Tensor> expert_load() const;
  // DeepSeek-V3's balancing without auxiliary loss, once per optimizer step: b += rate * sign(mean load - load),
  // then resets the counts (arXiv 2408.15664). No-op without recorded load. Throws Error as check_router_bias.
  void update_router_bias(double rate);
  // Throws Error naming the tensor if a router's correction bias holds a NaN or infinity: every choice of
  // experts would be arbitrary. Waits for the device.
  void check_router_bias() const;

  // The policy under its checkpoint's tensor names: views of its own storage, one per checkpoint tensor, in
  // checkpoint order. What loading writes to and saving reads from; a tied head has no entry.
  std::vector<NamedTensor> checkpoint_tensors() const;
  // Embedding and head once more, under the names that each multi-token-prediction module has for them: servers
  // that load a module on its own look for them there. Views; written beside checkpoint_tensors(), never read.
  std::vector<NamedTensor> checkpoint_copies() const;

  // A copy with its own storage, adapters and selection included.
  Policy clone() const;
  // The policy as it is now, to stay so while this one is trained: what training changes, trainable() and
  // buffers(), is copied, everything else shared. With adapters, or with few trainable weights, a reference
  // therefore costs next to nothing. The copy's trainable() are the copies.
  Policy reference_copy() const;
  // The same model with a score in place of the output head: layers, adapters and selection are shared with this policy,
  // modules of multi-token prediction dropped, and score.weight [1, D], which is always trainable, is drawn by `seed` as
  // transformers would (N(0, initializer_range of config.json, or 0.02)). `pad_token_id`: padding_token() of
  // policy/score_head.h. The policy has no score yet.
  Policy with_score_head(uint64_t seed, int64_t pad_token_id) const;
  // Copies the values of another policy of the same configuration and adapters (any dtype) into this one.
  void copy_from(const Policy& other);

  const ModelConfig& config() const { return config_; }
  at::ScalarType dtype() const { return dtype_; }
  const at::Device& device() const { return device_; }

  // The pieces behind the interface; see policy/layers.h.
  struct Weights;

 private:
  // `given`: tensors to be made of, in the order of parameters(), instead of fresh ones.
  Policy(ModelConfig config, at::ScalarType dtype, const at::Device& device, const std::vector<Parameter>& given = {});

  ModelConfig config_;
  at::ScalarType dtype_;
  at::Device device_;
  std::shared_ptr<Weights> weights_;
  std::vector<Parameter> parameters_;
  std::vector<Parameter> buffers_;
  std::vector<Adapter> adapters_;
  std::vector<Parameter> trainable_;
};

}  // namespace grpo
