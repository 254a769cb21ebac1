// The parts of a policy that are about training: what is trained, adapters, and copies of it.
#include "core/error.h"
#include "policy/checkpoint_names.h"
#include "policy/layers.h"
#include "policy/policy.h"
#include "policy/random_weights.h"

namespace grpo {
namespace {

void copy_values(const std::vector<Parameter>& from, const std::vector<Parameter>& to) {
  GRPO_CHECK(from.size() == to.size());
  for (size_t i = 0; i < from.size(); ++i) at::Tensor(to[i].tensor).copy_(from[i].tensor);
}

std::vector<Adapter> detached(std::vector<Adapter> adapters, bool copied) {
  for (Adapter& adapter : adapters) {
    for (at::Tensor* t : {&adapter.a, &adapter.b}) *t = copied ? t->detach().clone() : t->detach();
  }
  return adapters;
}

const Parameter& score_of(const std::vector<Parameter>& parameters) {
  const auto score = std::find_if(parameters.begin(), parameters.end(), [](const Parameter& p) { return p.name == "score.weight"; });
  GRPO_CHECK(score != parameters.end());
  return *score;
}

bool holds(const std::vector<Parameter>& parameters, const at::Tensor& tensor) {
  return std::any_of(parameters.begin(), parameters.end(),
                     [&](const Parameter& p) { return p.tensor.is_same(tensor); });
}

}  // namespace

void Policy::select_trainable(const std::function<bool(const Parameter&)>& keep) {
  std::erase_if(trainable_, [&](const Parameter& p) { return !keep(p); });
}

void Policy::set_requires_grad(bool value) {
  for (const Parameter& p : parameters_) at::Tensor(p.tensor).set_requires_grad(false);
  for (const Adapter& adapter : adapters_) {
    at::Tensor(adapter.a).set_requires_grad(false);
    at::Tensor(adapter.b).set_requires_grad(false);
  }
  for (const Parameter& p : trainable_) at::Tensor(p.tensor).set_requires_grad(value);
}

std::vector<AdaptableModule> Policy::adaptable_modules() const {
  std::vector<AdaptableModule> modules;
  for (const LinearModule& module : checkpoint_table(config_, *weights_).modules) {
    modules.push_back({module.name, module.rows, module.map->weight.size(1)});
  }
  return modules;
}

void Policy::set_adapters(std::vector<Adapter> adapters) {
  std::map<std::string, const Adapter*> by_module;
  for (const Adapter& adapter : adapters) GRPO_CHECK(by_module.emplace(adapter.module, &adapter).second);
  const std::vector<LinearModule> modules = checkpoint_table(config_, *weights_).modules;
  for (const LinearModule& module : modules) module.map->terms.clear();
  for (const LinearModule& module : modules) {
    const auto found = by_module.find(module.name);
    if (found == by_module.end()) continue;
    const Adapter& adapter = *found->second;
    const int64_t in = module.map->weight.size(1), rank = adapter.a.size(0);
    GRPO_CHECK(adapter.a.sizes() == at::IntArrayRef({rank, in}) &&
               adapter.b.sizes() == at::IntArrayRef({module.rows, rank}));
    for (const at::Tensor& t : {adapter.a, adapter.b}) {
      GRPO_CHECK(t.scalar_type() == dtype_ && t.device().type() == device_.type() && t.is_contiguous());
    }
    module.map->terms.push_back({adapter.a, adapter.b, module.first_row, adapter.scale});
    by_module.erase(found);
  }
  GRPO_CHECK(by_module.empty());
  adapters_ = std::move(adapters);
  trainable_ = adapters_.empty() ? parameters_ : std::vector<Parameter>();
  for (const Adapter& adapter : adapters_) {
    trainable_.push_back({adapter.module + ".lora_A.weight", adapter.a});
    trainable_.push_back({adapter.module + ".lora_B.weight", adapter.b});
  }
  if (!adapters_.empty() && config_.head == HeadKind::kScore) trainable_.push_back(score_of(parameters_));
}

void Policy::merge_adapters() {
  const at::NoGradGuard no_grad;
  const at::ScalarType wide = dtype_ == at::kDouble ? at::kDouble : at::kFloat;
  for (const LinearModule& module : checkpoint_table(config_, *weights_).modules) {
    for (const LowRankTerm& term : module.map->terms) {
      if (term.first_row != module.first_row) continue;  // of another part of a stacked weight
      const at::Tensor rows = module.map->weight.narrow(0, module.first_row, module.rows);
      rows.copy_(at::addmm(rows.to(wide), term.b.to(wide), term.a.to(wide), 1.0, term.scale));
    }
  }
  set_adapters({});
}

Policy Policy::clone() const {
  Policy copy(config_, dtype_, device_);
  copy.set_adapters(detached(adapters_, /*copied=*/true));
  copy.copy_from(*this);
  copy.select_trainable([this, i = size_t{0}](const Parameter& p) mutable {
    const bool kept = i < trainable_.size() && trainable_[i].name == p.name;
    i += kept;
    return kept;
  });
  return copy;
}

Policy Policy::reference_copy() const {
  const at::NoGradGuard no_grad;
  std::vector<Parameter> tensors;
  for (const Parameter& p : parameters_) {
    tensors.push_back({p.name, holds(trainable_, p.tensor) ? p.tensor.detach().clone() : p.tensor.detach()});
  }
  Policy copy(config_, dtype_, device_, tensors);
  copy_values(buffers_, copy.buffers_);
  copy.set_adapters(detached(adapters_, /*copied=*/true));
  copy.select_trainable([this, i = size_t{0}](const Parameter& p) mutable {
    const bool kept = i < trainable_.size() && trainable_[i].name == p.name;
    i += kept;
    return kept;
  });
  return copy;
}

Policy Policy::with_score_head(uint64_t seed, int64_t pad_token_id) const {
  GRPO_CHECK(config_.head == HeadKind::kVocabulary);
  const at::NoGradGuard no_grad;
  ModelConfig config = config_;
  config.head = HeadKind::kScore;
  config.mtp_layers = 0;
  config.pad_token_id = pad_token_id;
  std::vector<Parameter> tensors;
  for (const Parameter& p : parameters_) {
    tensors.push_back({p.name, p.tensor.detach()});
    if (p.name == "model.norm.weight") break;  // the head comes next, then multi-token prediction
  }
  const at::Tensor score = at::empty({1, config.hidden_size}, at::TensorOptions().dtype(dtype_).device(device_));
  const Json range = config.source.value("initializer_range", Json());
  if (!device_.is_meta()) draw_normal({{score, seed}}, range.is_number() ? range.get<double>() : 0.02);
  tensors.push_back({"score.weight", score});
  Policy copy(config, dtype_, device_, tensors);
  GRPO_CHECK(copy.buffers_.size() <= buffers_.size());
  copy_values({buffers_.begin(), buffers_.begin() + static_cast<std::ptrdiff_t>(copy.buffers_.size())}, copy.buffers_);
  copy.set_adapters(detached(adapters_, /*copied=*/false));
  copy.select_trainable([this](const Parameter& p) {
    return p.name == "score.weight" ||
           std::any_of(trainable_.begin(), trainable_.end(), [&](const Parameter& own) { return own.name == p.name; });
  });
  return copy;
}

void Policy::copy_from(const Policy& other) {
  const at::NoGradGuard no_grad;
  copy_values(other.parameters_, parameters_);
  copy_values(other.buffers_, buffers_);
  GRPO_CHECK(adapters_.size() == other.adapters_.size());
  for (size_t i = 0; i < adapters_.size(); ++i) {
    GRPO_CHECK(adapters_[i].module == other.adapters_[i].module);
    adapters_[i].a.copy_(other.adapters_[i].a);
    adapters_[i].b.copy_(other.adapters_[i].b);
  }
}

}  // namespace grpo
