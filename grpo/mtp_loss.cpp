#include "grpo/mtp_loss.h"

#include "core/error.h"

namespace grpo {

MtpLossOptions read_mtp_loss_options(ObjectReader& r, const MtpLossOptions& defaults) {
  MtpLossOptions o = defaults;
  if (r.has("mtp_loss_scale")) {
    o.scale = r.number("mtp_loss_scale", {.min = 0.0, .max = 100.0});
  } else {
    r.raw("mtp_loss_scale");
  }
  for (const char* key : {"mtp_detach_trunk", "mtp_hidden_state"}) {
    if (o.scale == 0.0 && r.has(key)) {
      r.fail(key, "without effect while mtp_loss_scale is 0", "remove it, or set mtp_loss_scale");
    }
  }
  o.detach_trunk = r.boolean("mtp_detach_trunk", defaults.detach_trunk);
  const bool pre_norm = r.choice("mtp_hidden_state", {"post_norm", "pre_norm"}, "post_norm") == "pre_norm";
  o.hidden_state = pre_norm ? MtpHiddenState::kPreNorm : MtpHiddenState::kPostNorm;
  return o;
}

MtpLoss mtp_loss(const Policy& policy, const MicroBatch& batch, const ForwardOutput& trunk,
                 const MtpLossOptions& options, const ForwardOptions& pass) {
  const std::vector<MtpOutput> modules = policy.mtp_forward(batch.tokens, trunk,
                                                            {.hidden_state = options.hidden_state,
                                                             .detach_trunk = options.detach_trunk,
                                                             .balance_loss = pass.balance_loss,
                                                             .recompute = pass.recompute});
  GRPO_CHECK(!modules.empty());
  // Row p of a sequence predicts the target of the main loss, row p - k that of module k.
  const at::Tensor place = batch.tokens.positions.index_select(0, batch.rows);
  MtpLoss out;
  for (size_t i = 0; i < modules.size(); ++i) {
    const auto k = static_cast<int64_t>(i) + 1;
    const at::Tensor there = place >= k;
    const at::Tensor hidden = modules[i].hidden.index_select(0, (batch.rows - k).clamp_min(0));
    const at::Tensor logprobs =
        policy.token_scores(hidden, batch.targets, {.train_head = !options.detach_trunk}).logprobs;
    const at::Tensor weights = batch.weights.masked_fill(there.logical_not(), 0.0);
    const at::Tensor loss = -(logprobs * weights).sum() / static_cast<double>(modules.size());
    const at::Tensor hits = (policy.likeliest_tokens(hidden) == batch.targets).logical_and(there).sum();
    out.loss = i == 0 ? loss : out.loss + loss;
    out.hits = i == 0 ? hits : out.hits + hits;
    out.predictions = i == 0 ? there.sum() : out.predictions + there.sum();
    if (pass.balance_loss)
      out.balance_loss = i == 0 ? modules[i].balance_loss : out.balance_loss + modules[i].balance_loss;
  }
  return out;
}

}  // namespace grpo
