#include "policy/decode_parts.h"

#include <ATen/Parallel.h>

#include "policy/kernels/product.h"

namespace grpo {
namespace {

constexpr int64_t kWeightBytesMax = int64_t{32} << 20;
constexpr int64_t kRowsMin = 16;

}  // namespace

int64_t decode_parts(const Policy& policy, int64_t rows) {
  const int64_t threads = at::get_num_threads();
  if (rows < kRowsMin * threads || !policy.device().is_cpu() || !policy.expert_load().empty()) return 1;
  int64_t bytes = 0;
  for (const Parameter& p : policy.parameters()) bytes += static_cast<int64_t>(p.tensor.nbytes());
  const at::Tensor& head = policy.head();
  return bytes <= kWeightBytesMax && product_is_ours(head, head) ? threads : 1;
}

}  // namespace grpo
