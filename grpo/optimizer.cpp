#include "grpo/optimizer.h"

#include <c10/core/impl/VirtualGuardImpl.h>
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
// Moments that are not stored as they are computed pass through in pieces of so many numbers: whole blocks, and small
// beside what they are pieces of.
constexpr int64_t kUpdatePiece = int64_t{1} << 22;
static_assert(kUpdatePiece % kMomentBlock == 0);
// Smaller tensors keep wide moments: there is nothing to gain, and norms and biases are the most delicate.
constexpr int64_t kNarrowFrom = 4096;

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

MomentDtype moment_dtype(const OptimizerOptions& options, const at::Tensor& parameter) {
  const bool small = options.state_dtype == MomentDtype::kInt8 && parameter.numel() < kNarrowFrom;
  return small ? MomentDtype::kFloat32 : options.state_dtype;
}

// Where masters and moments lie. A plan on the meta device has no host memory to put them in.
at::Device storage_of(const OptimizerOptions& options, const at::Tensor& parameter) {
  return options.offload && !parameter.is_meta() ? at::Device(at::kCPU) : parameter.device();
}

at::Tensor host_copy(const at::Tensor& t) {
  const at::Tensor copy = at::empty(t.sizes(), t.options().device(at::kCPU).pinned_memory(t.is_cuda()));
  return copy.copy_(t);
}

// Waits for copies to pinned memory that are under way.
void wait_for(const at::Device& device) {
  if (device.is_cpu() || device.is_meta()) return;
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.synchronizeStream(guard.getStream(device));
}

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
  const std::string dtype = reader.choice("optimizer_state_dtype", {"float32", "bfloat16", "int8"}, "float32");
  if (dtype == "bfloat16") options.state_dtype = MomentDtype::kBfloat16;
  if (dtype == "int8") options.state_dtype = MomentDtype::kInt8;
  options.offload = reader.boolean("offload_optimizer", options.offload);
  return options;
}

AdamW::AdamW(const std::vector<Parameter>& parameters, const OptimizerOptions& options) : options_(options) {
  at::NoGradGuard no_grad;
  std::set<std::string> names;
  for (const Parameter& p : parameters) {
    GRPO_CHECK(p.tensor.defined() && p.tensor.is_contiguous() && p.tensor.is_floating_point());
    GRPO_CHECK(names.insert(p.name).second);
    const at::Device storage = storage_of(options, p.tensor);
    const MomentDtype dtype = moment_dtype(options, p.tensor);
    const at::Tensor wide = low_precision(p.tensor.scalar_type()) ? p.tensor.detach().to(at::kFloat) : p.tensor;
    Slot slot{.name = p.name,
              .parameter = p.tensor,
              .master = wide,
              .exp_avg = Moment(MomentKind::kFirst, dtype, wide, storage),
              .exp_avg_sq = Moment(MomentKind::kSecond, dtype, wide, storage),
              .resident = !options.offload && dtype == MomentDtype::kFloat32};
    if (options.offload && slot.has_own_master() && !wide.is_meta()) slot.master = host_copy(wide);
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
  if (!slot.gradient.defined()) {
    slot.gradient = at::zeros(slot.parameter.sizes(), slot.parameter.options().dtype(slot.master.scalar_type()));
  }
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
  update_resident(lr);
  for (Slot& slot : slots_) {
    if (!slot.resident) update_by_pieces(slot, lr);
  }
  if (options_.offload && !slots_.empty()) wait_for(slots_.front().parameter.device());
}

at::Tensor AdamW::count_on(const at::Device& device) const {
  return at::full({}, static_cast<double>(step_count_), at::TensorOptions(at::kFloat).device(device));
}

void AdamW::update_resident(double lr) {
  std::map<std::tuple<std::string, at::ScalarType, bool>, FusedLists> lists;
  for (Slot& slot : slots_) {
    const int64_t count = slot.master.numel();
    if (!slot.resident || count == 0) continue;
    FusedLists& list = lists[{slot.master.device().str(), slot.master.scalar_type(), slot.master.dim() >= 2}];
    list.masters.push_back(slot.master.view(-1));
    list.gradients.push_back(gradient_of(slot).view(-1));
    list.exp_avgs.push_back(slot.exp_avg.read(0, count));
    list.exp_avg_sqs.push_back(slot.exp_avg_sq.read(0, count));
  }
  for (auto& [key, list] : lists) {
    const at::Device device = list.masters.front().device();
    if (device.is_meta()) continue;
    const std::vector<at::Tensor> counts(list.masters.size(), count_on(device));
    at::_fused_adamw_(list.masters, list.gradients, list.exp_avgs, list.exp_avg_sqs, /*max_exp_avg_sqs=*/{},
                      counts, lr, options_.adam_beta1, options_.adam_beta2,
                      std::get<bool>(key) ? options_.weight_decay : 0.0, options_.adam_epsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
  }
  for (Slot& slot : slots_) {
    if (slot.resident && slot.has_own_master()) slot.parameter.copy_(slot.master);
  }
}

// Masters and moments of a piece come to the device in full width, are updated there, and go back.
void AdamW::update_by_pieces(Slot& slot, double lr) {
  const at::Device device = slot.parameter.device();
  const at::Tensor gradient = gradient_of(slot).view(-1), parameter = slot.parameter.detach().view(-1),
                   stored = slot.master.detach().view(-1), count = count_on(device);
  for (int64_t first = 0; first < parameter.size(0); first += kUpdatePiece) {
    const int64_t numbers = std::min(kUpdatePiece, parameter.size(0) - first);
    const at::Tensor place = stored.narrow(0, first, numbers),
                     master = place.to(device, place.scalar_type(), /*non_blocking=*/true);
    const at::Tensor exp_avg = slot.exp_avg.read(first, numbers), exp_avg_sq = slot.exp_avg_sq.read(first, numbers);
    if (!device.is_meta()) {
      at::_fused_adamw_({master}, {gradient.narrow(0, first, numbers)}, {exp_avg}, {exp_avg_sq},
                        /*max_exp_avg_sqs=*/{}, {count}, lr, options_.adam_beta1, options_.adam_beta2,
                        decay_of(slot), options_.adam_epsilon, /*amsgrad=*/false, /*maximize=*/false);
    }
    slot.exp_avg.write(first, exp_avg, step_count_);
    slot.exp_avg_sq.write(first, exp_avg_sq, step_count_);
    if (!place.is_alias_of(master)) place.copy_(master, /*non_blocking=*/true);
    if (slot.has_own_master()) parameter.narrow(0, first, numbers).copy_(master);
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
    for (NamedTensor& t : slot.exp_avg.tensors("exp_avg." + slot.name)) out.push_back(std::move(t));
    for (NamedTensor& t : slot.exp_avg_sq.tensors("exp_avg_sq." + slot.name)) out.push_back(std::move(t));
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
                where, "resume with the model, dtype and optimizer_state_dtype the state was saved with");
  }
  for (const NamedTensor& t : own) {
    const at::Tensor saved = read(t.name);
    if (saved.sizes() != t.tensor.sizes() || saved.scalar_type() != t.tensor.scalar_type()) {
      throw Error(
          fmt::format("{} is {}, the model needs {}", t.name, shape_text(saved), shape_text(t.tensor)), where,
          "resume with the model, dtype and optimizer_state_dtype the state was saved with");
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
