#include "grpo/auxiliary_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace grpo {
namespace {

constexpr double kDefaultMtpScale = 0.1;

bool has_experts(const ModelConfig& config) {
  return std::any_of(config.layers.begin(), config.layers.end(),
                     [](const LayerConfig& layer) { return std::holds_alternative<MoeConfig>(layer.mlp); });
}

double mtp_scale(const Policy& policy, const MtpLossOptions& options) {
  const bool trainable = policy.config().mtp_layers > 0 && policy.adapters().empty();
  return options.scale.value_or(trainable ? kDefaultMtpScale : 0.0);
}

// "model.layers.{L}." for the first module of multi-token prediction and so on.
bool belongs_to_mtp(const std::string& name, const ModelConfig& config) {
  for (int64_t k = 0; k < config.mtp_layers; ++k) {
    if (name.starts_with(fmt::format("model.layers.{}.", static_cast<int64_t>(config.layers.size()) + k)))
      return true;
  }
  return false;
}

}  // namespace

AuxiliaryLossOptions read_auxiliary_loss_options(ObjectReader& r, const AuxiliaryLossOptions& defaults) {
  AuxiliaryLossOptions o = defaults;
  o.mtp = read_mtp_loss_options(r, defaults.mtp);
  o.gradient_checkpointing = r.boolean("gradient_checkpointing", defaults.gradient_checkpointing);
  o.freeze_moe_router = r.boolean("freeze_moe_router", defaults.freeze_moe_router);
  o.router_aux_loss_coef =
      r.number("router_aux_loss_coef", defaults.router_aux_loss_coef, {.min = 0.0, .max = 100.0});
  if (o.router_aux_loss_coef > 0.0 && o.freeze_moe_router) {
    r.fail("router_aux_loss_coef", "a frozen router cannot be balanced",
           "set freeze_moe_router to false, or remove it");
  }
  return o;
}

const std::vector<Parameter>& choose_trainable(Policy& policy, const AuxiliaryLossOptions& options) {
  const bool train_mtp = mtp_scale(policy, options.mtp) > 0.0;
  policy.select_trainable([&](const Parameter& p) {
    if (options.freeze_moe_router && p.name.ends_with(".mlp.gate.weight")) return false;
    return train_mtp || !belongs_to_mtp(p.name, policy.config());
  });
  if (policy.trainable().empty()) {
    throw Error("nothing is left to train: all that the policy selects are routers or multi-token prediction",
                "freeze_moe_router", "set it to false, give mtp_loss_scale, or select other weights");
  }
  return policy.trainable();
}

AuxiliaryLosses::AuxiliaryLosses(const Policy& policy, const AuxiliaryLossOptions& options)
    : policy_(policy), options_(options), mtp_scale_(mtp_scale(policy, options.mtp)) {
  if (mtp_scale_ > 0.0 && policy.config().mtp_layers == 0) {
    throw Error(
        fmt::format("mtp_loss_scale is {}, but the checkpoint has no modules of multi-token prediction",
                    mtp_scale_),
        "mtp_loss_scale", "remove it, or start from a checkpoint whose files still hold them");
  }
  if (mtp_scale_ > 0.0 && !policy.adapters().empty()) {
    throw Error(
        fmt::format("mtp_loss_scale is {}, but adapters leave multi-token prediction untrained", mtp_scale_),
        "mtp_loss_scale", "remove it, or train without adapters");
  }
  if (options.router_aux_loss_coef > 0.0 && !has_experts(policy.config())) {
    throw Error(fmt::format("router_aux_loss_coef is {}, but a {} has no experts",
                            options.router_aux_loss_coef, policy.config().model_type),
                "router_aux_loss_coef", "remove it");
  }
  policy.check_router_bias();
  begin_step({});
}

void AuxiliaryLosses::begin_step(const TrainedCounts& counts) {
  sequences_ = static_cast<double>(std::max<int64_t>(1, counts.sequences));
  sums_ = at::zeros({4}, at::TensorOptions(policy_.device()).dtype(at::kDouble));
}

ForwardOptions AuxiliaryLosses::forward_options() const {
  ForwardOptions options;
  options.balance_loss = options_.router_aux_loss_coef > 0.0;
  options.recompute = options_.gradient_checkpointing;
  return options;
}

at::Tensor AuxiliaryLosses::add_to(const at::Tensor& loss, const MicroBatch& batch,
                                   const ForwardOutput& output) {
  const bool balanced = options_.router_aux_loss_coef > 0.0;
  if (mtp_scale_ == 0.0 && !balanced) return loss;
  at::Tensor total = loss;
  at::Tensor balance = output.balance_loss;
  std::vector<at::Tensor> sums(4, at::zeros({}, sums_.options()));
  if (mtp_scale_ > 0.0) {
    const MtpLoss mtp = mtp_loss(policy_, batch, output, options_.mtp, forward_options());
    total = total + mtp_scale_ * mtp.loss;
    if (balanced) balance = balance + mtp.balance_loss;
    sums[0] = mtp.loss.detach();
    sums[1] = mtp.hits;
    sums[2] = mtp.predictions;
  }
  if (balanced) {
    balance = balance / sequences_;
    total = total + options_.router_aux_loss_coef * balance;
    sums[3] = balance.detach();
  }
  for (at::Tensor& sum : sums) sum = sum.to(at::kDouble);
  sums_.add_(at::stack(sums));
  return total;
}

void AuxiliaryLosses::add_metrics(Json& metrics) const {
  const bool balanced = options_.router_aux_loss_coef > 0.0;
  if (mtp_scale_ == 0.0 && !balanced) return;
  const at::Tensor host = sums_.to(at::kCPU);
  const double* sums = host.const_data_ptr<double>();
  if (mtp_scale_ > 0.0) {
    metrics["mtp/loss"] = sums[0];
    metrics["mtp/accuracy"] = sums[2] > 0 ? sums[1] / sums[2] : std::numeric_limits<double>::quiet_NaN();
  }
  if (balanced) metrics["moe/aux_loss"] = sums[3];
}

}  // namespace grpo
