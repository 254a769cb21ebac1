#include "grpo/kl.h"

namespace grpo {
namespace {

constexpr double kMost = 20.0;  // e^20 = 4.9e8, far from the end of float32

}  // namespace

at::Tensor kl_per_token(const at::Tensor& logprobs, const at::Tensor& ref_logprobs, KlEstimator estimator) {
  const auto d = ref_logprobs - logprobs;
  switch (estimator) {
    case KlEstimator::kK1:
      return -d;
    case KlEstimator::kK2:
      return 0.5 * d.square();
    case KlEstimator::kK3:
      break;
  }
  const auto capped = d.clamp_max(kMost);
  // expm1 keeps the digits that exp(d) - 1 would lose near 0; the floor removes its last rounding.
  return (capped.expm1() - capped).clamp_min(0.0);
}

}  // namespace grpo
