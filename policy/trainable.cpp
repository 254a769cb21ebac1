#include "policy/trainable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/seed.h"
#include "policy/name_pattern.h"

namespace grpo {
namespace {

constexpr int64_t kSamplesPerTensor = 16;
constexpr size_t kNamesShown = 6;

using Storages = std::set<const c10::StorageImpl*>;

const c10::StorageImpl* storage_of(const at::Tensor& t) {
  return t.storage().unsafeGetStorageImpl();
}

Storages storages_of(const std::vector<Parameter>& parameters) {
  Storages storages;
  for (const Parameter& p : parameters) storages.insert(storage_of(p.tensor));
  return storages;
}

// The views of checkpoint_tensors() that lie in one of the storages, or in none of them.
std::vector<NamedTensor> views_in(const Policy& policy, const Storages& storages, bool inside) {
  std::vector<NamedTensor> views = policy.checkpoint_tensors();
  std::erase_if(views,
                [&](const NamedTensor& v) { return storages.contains(storage_of(v.tensor)) != inside; });
  return views;
}

std::string shown(const std::vector<std::string>& names) {
  if (names.size() <= kNamesShown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kNamesShown, ", "),
                     names.size() - kNamesShown);
}

}  // namespace

void select_by_names(Policy& policy, const std::vector<std::string>& expressions, const std::string& where) {
  GRPO_CHECK(policy.adapters().empty());
  struct Stack {
    std::vector<std::string> chosen, left;
  };
  std::map<const c10::StorageImpl*, Stack> stacks;
  const std::vector<NamedTensor> views = views_in(policy, storages_of(policy.parameters()), true);
  std::set<std::string> chosen;
  for (const std::string& expression : expressions) {
    const NamePattern pattern(expression, where);
    const size_t before = chosen.size();
    bool matches = false;
    for (const NamedTensor& view : views) {
      if (!pattern.found_in(view.name)) continue;
      matches = true;
      chosen.insert(view.name);
    }
    if (!matches) {
      throw Error(
          fmt::format("{} is found in no name of a weight", expression), where,
          "names look like " + views.at(views.size() / 2).name + "; grpo inspect shows the architecture");
    }
    if (chosen.size() == before) {
      throw Error(fmt::format("{} adds nothing to what the expressions before it match", expression), where,
                  "remove it");
    }
  }
  for (const NamedTensor& view : views) {
    Stack& stack = stacks[storage_of(view.tensor)];
    (chosen.contains(view.name) ? stack.chosen : stack.left).push_back(view.name);
  }
  for (const NamedTensor& view : views) {
    const Stack& stack = stacks[storage_of(view.tensor)];
    if (stack.chosen.empty() || stack.left.empty()) continue;
    throw Error(fmt::format("{} would be trained but not {}: they are stacked in memory", shown(stack.chosen),
                            shown(stack.left)),
                where, "select all of them or none");
  }
  policy.select_trainable([&](const Parameter& p) {
    const auto stack = stacks.find(storage_of(p.tensor));
    return stack != stacks.end() && !stack->second.chosen.empty();
  });
}

int64_t count_trainable(const Policy& policy) {
  int64_t count = 0;
  for (const Parameter& p : policy.trainable()) count += p.tensor.numel();
  return count;
}

std::vector<NamedTensor> trained_tensors(const Policy& policy) {
  Storages storages = storages_of(policy.trainable());
  storages.merge(storages_of(policy.buffers()));
  std::vector<NamedTensor> tensors = views_in(policy, storages, true);
  for (const Parameter& p : policy.trainable()) {
    const bool of_adapter = std::any_of(
        policy.adapters().begin(), policy.adapters().end(),
        [&](const Adapter& adapter) { return adapter.a.is_same(p.tensor) || adapter.b.is_same(p.tensor); });
    if (of_adapter) tensors.push_back({p.name, p.tensor.detach()});
  }
  return tensors;
}

uint64_t weights_fingerprint(const std::vector<NamedTensor>& tensors) {
  uint64_t print = tensors.size();
  for (const NamedTensor& t : tensors) {
    const at::Tensor rows = t.tensor.detach();
    if (rows.numel() == 0) continue;
    const int64_t count = std::min(kSamplesPerTensor, rows.numel());
    // Element i of the samples is element i * (numel - 1) / (count - 1) of the tensor in row-major order.
    std::vector<int64_t> at_index;
    for (int64_t i = 0; i < count; ++i) {
      at_index.push_back(
          count == 1 ? 0
                     : static_cast<int64_t>(static_cast<double>(i) * static_cast<double>(rows.numel() - 1) /
                                            static_cast<double>(count - 1)));
    }
    const at::Tensor index = at::tensor(at_index, at::kLong).to(rows.device());
    const at::Tensor samples = rows.take(index).to(at::kCPU).to(at::kFloat).to(at::kBFloat16).contiguous();
    const auto* bits = reinterpret_cast<const uint16_t*>(samples.const_data_ptr<at::BFloat16>());
    for (int64_t i = 0; i < count; ++i) print = derive_seed({print, bits[i]});
  }
  return print;
}

uint64_t frozen_fingerprint(const Policy& policy) {
  Storages storages = storages_of(policy.trainable());
  storages.merge(storages_of(policy.buffers()));
  return weights_fingerprint(views_in(policy, storages, false));
}

}  // namespace grpo
