#include "grpo/loss_knobs.h"

#include "grpo/loss_preset.h"

namespace grpo {
namespace {

void set(Json& knobs, const char* key, const std::optional<double>& value) {
  if (value) knobs[key] = *value;
}

void add_surrogate(const SurrogateOptions& o, Json& knobs) {
  switch (o.kind) {
    case Surrogate::kClip:
      knobs["surrogate"] = "clip";
      knobs["epsilon"] = o.epsilon;
      knobs["epsilon_high"] = o.epsilon_high.value_or(o.epsilon);
      set(knobs, "delta", o.delta);
      set(knobs, "dual_clip", o.dual_clip);
      return;
    case Surrogate::kCispo:
      knobs["surrogate"] = "cispo";
      set(knobs, "cispo_ratio_max", o.cispo_ratio_max);
      set(knobs, "cispo_epsilon_high", o.cispo_epsilon_high);
      set(knobs, "cispo_epsilon_low", o.cispo_epsilon_low);
      return;
    case Surrogate::kSapo:
      knobs["surrogate"] = "sapo";
      knobs["sapo_temperature_pos"] = o.sapo_temperature_pos;
      knobs["sapo_temperature_neg"] = o.sapo_temperature_neg;
      return;
  }
}

const char* name_of(ImportanceSamplingLevel level) {
  switch (level) {
    case ImportanceSamplingLevel::kToken: return "token";
    case ImportanceSamplingLevel::kSequence: return "sequence";
    case ImportanceSamplingLevel::kSequenceToken: return "sequence_token";
    case ImportanceSamplingLevel::kSequenceSum: break;
  }
  return "sequence_sum";
}

const char* name_of(ImportanceSamplingMode mode) {
  switch (mode) {
    case ImportanceSamplingMode::kNone: return "none";
    case ImportanceSamplingMode::kTokenTruncate: return "token_truncate";
    case ImportanceSamplingMode::kTokenMask: return "token_mask";
    case ImportanceSamplingMode::kSequenceTruncate: return "sequence_truncate";
    case ImportanceSamplingMode::kSequenceMask: return "sequence_mask";
    case ImportanceSamplingMode::kGeometricMask: break;
  }
  return "geometric_mask";
}

const char* name_of(LossAggMode mode) {
  switch (mode) {
    case LossAggMode::kTokenMean: return "token-mean";
    case LossAggMode::kSeqMeanTokenMean: return "seq-mean-token-mean";
    case LossAggMode::kSeqMeanTokenSum: return "seq-mean-token-sum";
    case LossAggMode::kSeqMeanTokenSumNorm: return "seq-mean-token-sum-norm";
    case LossAggMode::kLocalTokenMean: break;
  }
  return "local-token-mean";
}

const char* name_of(AdvantageEstimator estimator) {
  switch (estimator) {
    case AdvantageEstimator::kGroup: return "group";
    case AdvantageEstimator::kLeaveOneOut: return "leave_one_out";
    case AdvantageEstimator::kBatch: return "batch";
    case AdvantageEstimator::kGroupThenBatch: break;
  }
  return "group_then_batch";
}

const char* name_of(ScaleRewards scale) {
  return scale == ScaleRewards::kGroup ? "group" : scale == ScaleRewards::kBatch ? "batch" : "none";
}

const char* name_of(KlEstimator estimator) {
  return estimator == KlEstimator::kK1 ? "k1" : estimator == KlEstimator::kK2 ? "k2" : "k3";
}

void add_reference(const TrainerOptions& o, Json& knobs) {
  knobs["beta"] = o.loss.beta;
  if (o.loss.beta == 0.0) return;
  knobs["kl_estimator"] = name_of(o.loss.kl_estimator);
  knobs["use_kl_in_reward"] = o.loss.use_kl_in_reward;
  if (o.loss.kl_in_loss() && o.loss.kl_estimator == KlEstimator::kK3) {
    knobs["use_bias_correction_kl"] = o.loss.use_bias_correction_kl;
  }
  if (!o.ref_model.empty()) knobs["ref_model"] = o.ref_model;
  knobs["sync_ref_model"] = o.sync_ref_model;
  if (!o.sync_ref_model) return;
  knobs["ref_model_sync_steps"] = o.ref_model_sync_steps;
  knobs["ref_model_mixup_alpha"] = o.ref_model_mixup_alpha;
}

void add_advantage(const AdvantageOptions& o, Json& knobs) {
  knobs["advantage_estimator"] = name_of(o.estimator);
  const bool group = o.estimator == AdvantageEstimator::kGroup;
  const bool summed = o.aggregation == RewardAggregation::kSumThenNormalize;
  if (group) knobs["multi_objective_aggregation"] = summed ? "sum_then_normalize" : "normalize_then_sum";
  if (group && summed) knobs["scale_rewards"] = name_of(o.scale_rewards);
  const bool undivided = group && summed && o.scale_rewards == ScaleRewards::kNone;
  if (undivided || o.estimator == AdvantageEstimator::kLeaveOneOut) return;
  knobs["advantage_ddof"] = o.ddof;
  knobs["advantage_epsilon"] = o.epsilon;
}

void add_entropy(const PolicyLossOptions& o, Json& knobs) {
  knobs["entropy_coef"] = o.entropy_bonus.coef;
  knobs["use_adaptive_entropy"] = o.entropy_bonus.adaptive;
  knobs["top_entropy_quantile"] = o.top_entropy_quantile;
  if (!o.entropy_bonus.adaptive) return;
  knobs["entropy_coef_min"] = o.entropy_bonus.coef_min;
  knobs["entropy_coef_max"] = o.entropy_bonus.coef_max;
  knobs["entropy_coef_delta"] = o.entropy_bonus.coef_delta;
  knobs["entropy_target"] = o.entropy_bonus.target;
}

void add_corrections(const PolicyLossOptions& o, Json& knobs) {
  knobs["importance_sampling_mode"] = name_of(o.importance_sampling.mode);
  if (o.importance_sampling.mode != ImportanceSamplingMode::kNone) {
    set(knobs, "importance_sampling_clip_max", o.importance_sampling.clip_max);
    set(knobs, "importance_sampling_clip_min", o.importance_sampling.clip_min);
  }
  set(knobs, "off_policy_mask_threshold", o.off_policy_mask_threshold);
}

}  // namespace

Json loss_knobs(const TrainerOptions& options, const Json& stage_options) {
  const Json named = with_presets(stage_options);
  Json knobs = {{"loss_type", named.at("loss_type")}};
  if (named.contains("preset") && !named["preset"].is_null()) knobs["preset"] = named["preset"];
  knobs["loss_agg_mode"] = name_of(options.packing.loss_agg_mode);
  if (options.packing.loss_agg_mode == LossAggMode::kLocalTokenMean) {
    knobs["per_device_train_batch_size"] = options.packing.per_device_train_batch_size;
  }
  add_surrogate(options.loss.surrogate, knobs);
  knobs["importance_sampling_level"] = name_of(options.loss.importance_sampling_level);
  add_reference(options, knobs);
  add_advantage(options.advantage, knobs);
  add_entropy(options.loss, knobs);
  add_corrections(options.loss, knobs);
  knobs["mask_truncated_completions"] = options.mask_truncated_completions;
  knobs["prompts_per_step"] = options.prompts_per_step;
  knobs["num_generations"] = options.num_generations;
  knobs["steps_per_generation"] = options.steps_per_generation;
  knobs["num_iterations"] = options.num_iterations;
  knobs["temperature"] = options.sampling.temperature;
  knobs["learning_rate"] = options.schedule.learning_rate;
  return knobs;
}

}  // namespace grpo
