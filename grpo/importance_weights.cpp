#include "grpo/importance_weights.h"

#include "core/error.h"
#include "grpo/ratio.h"
#include "grpo/segments.h"

namespace grpo {
namespace {

using Mode = ImportanceSamplingMode;

constexpr double kMost = 1e8;

std::optional<double> read_bound(ObjectReader& reader, const char* key, std::optional<double> fallback) {
  return reader.raw(key).is_null() ? fallback : reader.number(key, {.min = 0.0, .max = kMost, .min_exclusive = true});
}

Mode mode_of(const std::string& name) {
  return name == "token_truncate"      ? Mode::kTokenTruncate
         : name == "token_mask"        ? Mode::kTokenMask
         : name == "sequence_truncate" ? Mode::kSequenceTruncate
         : name == "sequence_mask"     ? Mode::kSequenceMask
         : name == "geometric_mask"    ? Mode::kGeometricMask
                                       : Mode::kNone;
}

}  // namespace

ImportanceSamplingOptions read_importance_sampling_options(ObjectReader& reader) {
  ImportanceSamplingOptions options;
  options.mode = mode_of(reader.choice(
      "importance_sampling_mode",
      {"none", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask", "geometric_mask"}, "none"));
  for (const char* key : {"importance_sampling_clip_max", "importance_sampling_clip_min"}) {
    if (options.mode == Mode::kNone && reader.has(key)) {
      reader.fail(key, "has no effect: importance_sampling_mode is \"none\"", "remove it, or choose a mode");
    }
  }
  if (options.mode == Mode::kGeometricMask) options = {.mode = options.mode, .clip_max = 1.01, .clip_min = 0.99};
  options.clip_max = read_bound(reader, "importance_sampling_clip_max", options.clip_max);
  options.clip_min = read_bound(reader, "importance_sampling_clip_min", options.clip_min);
  if (options.clip_min && *options.clip_min > *options.clip_max) {
    reader.fail("importance_sampling_clip_min", "is above importance_sampling_clip_max", "exchange the two");
  }
  return options;
}

ImportanceWeights importance_weights(const at::Tensor& old_logprobs, const at::Tensor& behaviour_logprobs,
                                     const at::Tensor& lengths, const ImportanceSamplingOptions& options) {
  const bool sums = options.mode == Mode::kSequenceTruncate || options.mode == Mode::kSequenceMask;
  const bool mean = options.mode == Mode::kGeometricMask;
  at::Tensor log_ratio = old_logprobs - behaviour_logprobs;
  if (sums) log_ratio = segment_sum(log_ratio, lengths);
  if (mean) log_ratio = segment_mean(log_ratio, lengths);

  ImportanceWeights out;
  out.ratio = exp_clamped(log_ratio);
  out.clipped = at::zeros_like(out.ratio, at::kBool);
  if (options.mode == Mode::kNone) return out;
  if (options.clip_max) out.clipped = out.ratio > *options.clip_max;
  if (options.clip_min) out.clipped = out.clipped.logical_or(out.ratio < *options.clip_min);
  const bool truncates = options.mode == Mode::kTokenTruncate || options.mode == Mode::kSequenceTruncate;
  out.weights = out.ratio;
  if (!truncates) {
    out.weights = out.weights.masked_fill(out.clipped, 0.0);
  } else {
    if (options.clip_max) out.weights = out.weights.clamp_max(*options.clip_max);
    if (options.clip_min) out.weights = out.weights.clamp_min(*options.clip_min);
  }
  if (sums || mean) out.weights = spread(out.weights, lengths, old_logprobs.numel());
  return out;
}

at::Tensor off_policy_mask(const at::Tensor& logprobs, const at::Tensor& behaviour_logprobs,
                           const at::Tensor& advantages, const at::Tensor& lengths, double threshold) {
  const auto divergence = segment_mean(behaviour_logprobs - logprobs, lengths);
  const auto far = spread(divergence, lengths, logprobs.numel()) > threshold;
  return at::ones_like(logprobs).masked_fill(far.logical_and(advantages < 0), 0.0);
}

}  // namespace grpo
