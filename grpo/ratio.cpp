#include "grpo/ratio.h"

#include "grpo/segments.h"

namespace grpo {

at::Tensor exp_clamped(const at::Tensor& log_ratio) {
  constexpr double kLimit = 20.0;  // e^20 = 4.9e8, far from the end of float32
  return log_ratio.clamp(-kLimit, kLimit).exp();
}

at::Tensor policy_ratio(const at::Tensor& logprobs, const at::Tensor& old_logprobs, const at::Tensor& lengths,
                        ImportanceSamplingLevel level) {
  const auto d = logprobs - old_logprobs;
  const int64_t m = logprobs.numel();
  switch (level) {
    case ImportanceSamplingLevel::kToken:
      break;
    case ImportanceSamplingLevel::kSequence:
      return spread(exp_clamped(segment_mean(d, lengths)), lengths, m);
    case ImportanceSamplingLevel::kSequenceToken: {
      const auto sequence = spread(exp_clamped(segment_mean(d.detach(), lengths)), lengths, m);
      return sequence * (logprobs - logprobs.detach()).exp();
    }
    case ImportanceSamplingLevel::kSequenceSum:
      return spread(exp_clamped(segment_sum(d, lengths)), lengths, m);
  }
  return exp_clamped(d);
}

}  // namespace grpo
