#include "policy/parking.h"

namespace grpo {
namespace {

// Every handle of a tensor shares what set_data() changes, those inside the layers too.
template <class F>
void replace_own_weights(const Policy& policy, F moved) {
  const at::NoGradGuard no_grad;
  for (const auto& list : {policy.trainable(), policy.buffers()}) {
    for (const Parameter& p : list) at::Tensor(p.tensor).set_data(moved(p.tensor));
  }
}

}  // namespace

void park(const Policy& policy) {
  const bool pinned = policy.device().is_cuda();
  if (!pinned) return;
  replace_own_weights(policy, [](const at::Tensor& t) {
    const at::Tensor host = at::empty(t.sizes(), t.options().device(at::kCPU).pinned_memory(true));
    return host.copy_(t.detach());
  });
}

void unpark(const Policy& policy) {
  replace_own_weights(policy, [&](const at::Tensor& t) { return t.detach().to(policy.device()); });
}

}  // namespace grpo
