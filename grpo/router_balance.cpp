#include "grpo/router_balance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace grpo {

void add_expert_load_metrics(const std::vector<at::Tensor>& load, Json& metrics) {
  if (load.empty()) return;
  const at::Tensor host = at::cat(load).to(at::kCPU).to(at::kDouble);
  const double* first = host.const_data_ptr<double>();
  double layers = 0, violation = 0, entropy = 0;
  int64_t dead = 0;
  for (const at::Tensor& layer : load) {
    const auto experts = static_cast<double>(layer.size(0));
    const double* end = first + layer.size(0);
    const double total = std::accumulate(first, end, 0.0);
    if (total > 0) {
      ++layers;
      violation += *std::max_element(first, end) * experts / total - 1.0;
      dead += std::count(first, end, 0.0);
      double own = 0;
      for (const double* n = first; n != end; ++n) own -= *n > 0 ? *n / total * std::log(*n / total) : 0.0;
      entropy += experts > 1 ? own / std::log(experts) : 1.0;
    }
    first = end;
  }
  const double none = std::numeric_limits<double>::quiet_NaN();
  metrics["moe/max_violation"] = layers > 0 ? violation / layers : none;
  metrics["moe/load_entropy"] = layers > 0 ? entropy / layers : none;
  metrics["moe/dead_experts"] = dead;
}

}  // namespace grpo
