#include "grpo/optimizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "core/error.h"

namespace grpo {
namespace {

// Squares are taken in float64; a whole tensor in float64 would cost twice its memory, so by pieces.
constexpr int64_t kNormPiece = int64_t{1} << 24;

bool low_precision(at::ScalarType dtype) {
  return dtype == at::kBFloat16 || dtype == at::kHalf;
}

at::Tensor sum_of_squares(const at::Tensor& gradient) {
  std::vector<at::Tensor> pieces;
  for (const auto& piece : gradient.reshape(-1).split(kNormPiece))
    pieces.push_back(piece.to(at::kDouble).square().sum());
  return at::stack(pieces).sum();
}

std::string shape_text(const at::Tensor& t) {
  return fmt::format("{} [{}]", at::toString(t.scalar_type()), fmt::join(t.sizes().vec(), ", "));
}

// What one call of the fused kernel takes: tensors of one device and dtype, with or without decay.
struct FusedLists {
  std::vector<at::Tensor> masters, gradients, exp_avgs, exp_avg_sqs;
};

}  // namespace

OptimizerOptions read_optimizer_options(ObjectReader& reader) {
  OptimizerOptions options;
  constexpr double kBelowOne = 1.0 - 1e-9;
  options.adam_beta1 = reader.number("adam_beta1", options.adam_beta1, {.min = 0.0, .max = kBelowOne});
  options.adam_beta2 = reader.number("adam_beta2", options.adam_beta2, {.min = 0.0, .max = kBelowOne});
  options.adam_epsilon =
      reader.number("adam_epsilon", options.adam_epsilon, {.min = 0.0, .max = 1.0, .min_exclusive = true});
  options.weight_decay = reader.number("weight_decay", options.weight_decay, {.min = 0.0, .max = 10.0});
  options.max_grad_norm = reader.number("max_grad_norm", options.max_grad_norm, {.min = 0.0, .max = 1e9});
  return options;
}

AdamW::AdamW(const std::vector<Parameter>& parameters, const OptimizerOptions& options) : options_(options) {
  at::NoGradGuard no_grad;
  std::set<std::string> names;
  for (const Parameter& p : parameters) {
    GRPO_CHECK(p.tensor.defined() && p.tensor.is_contiguous() && p.tensor.is_floating_point());
    GRPO_CHECK(names.insert(p.name).second);
    Slot slot{.name = p.name,
              .parameter = p.tensor,
              .master = p.tensor,
              .gradient = {},
              .exp_avg = {},
              .exp_avg_sq = {}};
    if (low_precision(p.tensor.scalar_type())) slot.master = p.tensor.detach().to(at::kFloat);
    slot.exp_avg = at::zeros_like(slot.master.detach());
    slot.exp_avg_sq = at::zeros_like(slot.master.detach());
    slots_.push_back(std::move(slot));
  }
}

void AdamW::accumulate_gradients() {
  at::NoGradGuard no_grad;
  for (Slot& slot : slots_) {
    at::Tensor& grad = slot.parameter.mutable_grad();
    if (!grad.defined()) continue;
    if (slot.gradient.defined()) {
      slot.gradient.add_(grad);
    } else {
      slot.gradient = grad.to(slot.master.scalar_type()).contiguous();  // taken over, not copied, if it fits
    }
    grad = at::Tensor();
  }
}

at::Tensor& AdamW::gradient_of(Slot& slot) {
  if (!slot.gradient.defined()) slot.gradient = at::zeros_like(slot.master.detach());
  return slot.gradient;
}

double AdamW::clip_grad_norm(double max_norm) {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> squares;
  for (const Slot& slot : slots_) {
    if (slot.gradient.defined() && slot.gradient.numel() > 0)
      squares.push_back(sum_of_squares(slot.gradient));
  }
  if (squares.empty()) return 0.0;
  const double norm = std::sqrt(at::stack(squares).sum().item<double>());
  if (!std::isfinite(norm) || max_norm <= 0.0) return norm;
  const double scale = max_norm / (norm + 1e-6);
  if (scale >= 1.0) return norm;
  for (Slot& slot : slots_) {
    if (slot.gradient.defined()) slot.gradient.mul_(scale);
  }
  return norm;
}

void AdamW::step(double lr) {
  at::NoGradGuard no_grad;
  ++step_count_;
  std::map<std::tuple<std::string, at::ScalarType, bool>, FusedLists> lists;
  for (Slot& slot : slots_) {
    if (slot.master.numel() == 0) continue;
    FusedLists& list = lists[{slot.master.device().str(), slot.master.scalar_type(), slot.master.dim() >= 2}];
    list.masters.push_back(slot.master);
    list.gradients.push_back(gradient_of(slot));
    list.exp_avgs.push_back(slot.exp_avg);
    list.exp_avg_sqs.push_back(slot.exp_avg_sq);
  }
  for (auto& [key, list] : lists) {
    const double decay = std::get<bool>(key) ? options_.weight_decay : 0.0;
    const auto count = at::full({}, static_cast<double>(step_count_),
                                at::TensorOptions().dtype(at::kFloat).device(list.masters.front().device()));
    const std::vector<at::Tensor> counts(list.masters.size(), count);
    at::_fused_adamw_(list.masters, list.gradients, list.exp_avgs, list.exp_avg_sqs, /*max_exp_avg_sqs=*/{},
                      counts, lr, options_.adam_beta1, options_.adam_beta2, decay, options_.adam_epsilon,
                      /*amsgrad=*/false,
                      /*maximize=*/false);
  }
  for (Slot& slot : slots_) {
    if (slot.has_own_master()) slot.parameter.copy_(slot.master);
  }
}

void AdamW::zero_grad() {
  for (Slot& slot : slots_) {
    slot.gradient = at::Tensor();
    slot.parameter.mutable_grad() = at::Tensor();
  }
}

std::vector<NamedTensor> AdamW::gradients() {
  std::vector<NamedTensor> out;
  for (Slot& slot : slots_) out.push_back({slot.name, gradient_of(slot)});
  return out;
}

std::vector<NamedTensor> AdamW::state() const {
  std::vector<NamedTensor> out;
  for (const Slot& slot : slots_) {
    out.push_back({"exp_avg." + slot.name, slot.exp_avg});
    out.push_back({"exp_avg_sq." + slot.name, slot.exp_avg_sq});
    if (slot.has_own_master()) out.push_back({"master." + slot.name, slot.master});
  }
  return out;
}

void AdamW::load_state(const std::vector<std::string>& names,
                       const std::function<at::Tensor(const std::string& name)>& read, int64_t step_count,
                       const std::string& where) {
  at::NoGradGuard no_grad;
  const std::vector<NamedTensor> own = state();
  std::set<std::string> unused(names.begin(), names.end());
  std::vector<std::string> missing;
  for (const NamedTensor& t : own) {
    if (unused.erase(t.name) == 0) missing.push_back(t.name);
  }
  if (!missing.empty() || !unused.empty()) {
    throw Error(fmt::format("optimizer state does not fit the model: missing [{}], unused [{}]",
                            fmt::join(missing, ", "), fmt::join(unused, ", ")),
                where, "resume with the model and dtype the state was saved with");
  }
  for (const NamedTensor& t : own) {
    const at::Tensor saved = read(t.name);
    if (saved.sizes() != t.tensor.sizes() || saved.scalar_type() != t.tensor.scalar_type()) {
      throw Error(
          fmt::format("{} is {}, the model needs {}", t.name, shape_text(saved), shape_text(t.tensor)), where,
          "resume with the model and dtype the state was saved with");
    }
    at::Tensor destination = t.tensor;
    destination.copy_(saved);
  }
  step_count_ = step_count;
  for (Slot& slot : slots_) {
    if (slot.has_own_master()) slot.parameter.copy_(slot.master);
  }
  zero_grad();
}

void AdamW::load_state(const std::vector<NamedTensor>& state, int64_t step_count, const std::string& where) {
  std::map<std::string, at::Tensor> by_name;
  std::vector<std::string> names;
  for (const NamedTensor& t : state) {
    by_name.emplace(t.name, t.tensor);
    names.push_back(t.name);
  }
  load_state(
      names, [&](const std::string& name) { return by_name.at(name); }, step_count, where);
}

void AdamW::reset_masters() {
  at::NoGradGuard no_grad;
  for (Slot& slot : slots_) {
    if (slot.has_own_master()) slot.master.copy_(slot.parameter);
  }
}

}  // namespace grpo
