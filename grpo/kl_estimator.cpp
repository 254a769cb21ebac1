#include "grpo/kl_estimator.h"

#include <algorithm>
#include <cmath>

namespace grpo {

double kl_of_token(double logprob, double ref_logprob, KlEstimator estimator) {
  const double d = ref_logprob - logprob;
  switch (estimator) {
    case KlEstimator::kK1:
      return -d;
    case KlEstimator::kK2:
      return 0.5 * d * d;
    case KlEstimator::kK3:
      break;
  }
  const double capped = std::min(d, 20.0);
  return std::max(std::expm1(capped) - capped, 0.0);
}

}  // namespace grpo
