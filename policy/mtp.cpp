// Multi-token prediction: Policy::mtp_forward.

#include "core/error.h"
#include "policy/kernels/embedding.h"
#include "policy/kernels/rms_norm.h"
#include "policy/layers.h"
#include "policy/recompute.h"

namespace grpo {
namespace {

// The token `ahead` places behind each row, and whether the row's own sequence has one.
struct TokensAhead {
  at::Tensor tokens;  // [N] int64; 0 where there is none
  at::Tensor valid;   // [N] bool
};

// A row of another sequence, or one from the front to which the roll has come round, has a smaller position.
TokensAhead tokens_ahead(const PackedTokens& batch, int64_t ahead) {
  const at::Tensor valid = batch.positions.roll(-ahead) == batch.positions + ahead;
  return {batch.tokens.roll(-ahead).masked_fill(valid.logical_not(), 0), valid};
}

}  // namespace

std::vector<MtpOutput> Policy::mtp_forward(const PackedTokens& batch, const ForwardOutput& trunk,
                                           const MtpOptions& options) const {
  const Weights& w = *weights_;
  const bool post_norm = options.hidden_state == MtpHiddenState::kPostNorm;
  const ForwardContext context = forward_context(config_, w, batch, nullptr);
  const at::Tensor embedding = options.detach_trunk ? w.embedding.detach() : w.embedding;
  at::Tensor h = post_norm ? trunk.hidden : trunk.last_state;
  if (options.detach_trunk) h = h.detach();
  std::optional<RecomputedLayers> recomputed;
  if (options.recompute && at::GradMode::is_enabled()) recomputed.emplace(weights_, context);
  std::vector<MtpOutput> outputs;
  for (size_t k = 0; k < w.mtp.size(); ++k) {
    const MtpWeights& mtp = w.mtp[k];
    const TokensAhead ahead = tokens_ahead(batch, static_cast<int64_t>(k) + 1);
    RouterContext router;
    router.counted = ahead.valid;
    if (options.balance_loss)
      router.sequences = sequence_rows(batch.cu_seqlens, batch.tokens.size(0), ahead.valid);
    const at::Tensor joined =
        at::cat({rms_norm(embed(embedding, ahead.tokens), mtp.embedding_norm, config_.rms_norm_eps),
                 rms_norm(h, mtp.hidden_norm, config_.rms_norm_eps)},
                1);
    const size_t number = w.layers.size() + k;
    const at::Tensor in = mtp.projection(joined);
    const at::Tensor x = recomputed ? recomputed->run(config_.layers.back(), mtp.layer, number, router, in)
                                    : run_layer(config_.layers.back(), mtp.layer, context, number, router, in);
    const at::Tensor normed = rms_norm(x, mtp.norm, config_.rms_norm_eps);
    h = post_norm ? normed : x;
    for (const at::Tensor& load : router.loads)
      at::Tensor(std::get<MoeWeights>(mtp.layer.mlp).load).add_(load);
    if (options.balance_loss && !router.balance_loss.defined())
      router.balance_loss = at::zeros({}, x.options());
    outputs.push_back({normed, ahead.valid, router.balance_loss});
  }
  return outputs;
}

}  // namespace grpo
