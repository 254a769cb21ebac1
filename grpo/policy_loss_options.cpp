#include "grpo/policy_loss_options.h"

#include <fmt/format.h>

namespace grpo {
namespace {

constexpr double kMost = 1e6;

// Absent keys of the stage are looked up in the presets.
class Knobs {
 public:
  Knobs(ObjectReader& reader, const Json& presets) : reader_(reader), presets_(presets) {}

  bool asked(const char* key) const { return reader_.has(key); }
  double number(const char* key, double fallback, NumberRange range) {
    return reader_.number(key, presets_.value(key, fallback), range);
  }
  std::optional<double> optional_number(const char* key, NumberRange range) {
    if (!reader_.raw(key).is_null()) return reader_.number(key, range);
    const auto preset = presets_.find(key);
    return preset == presets_.end() ? std::nullopt : std::optional<double>(preset->get<double>());
  }
  bool boolean(const char* key, bool fallback) { return reader_.boolean(key, presets_.value(key, fallback)); }
  std::string choice(const char* key, const std::vector<std::string>& choices, const std::string& fallback) {
    return reader_.choice(key, choices, presets_.value(key, fallback));
  }

  // Marks the keys as known, and refuses those that somebody asked for.
  void refuse(const std::vector<const char*>& keys, const std::string& why, const std::string& fix = "remove it") {
    for (const char* key : keys) {
      if (reader_.has(key)) reader_.fail(key, why, fix);
      reader_.raw(key);
    }
  }
  [[noreturn]] void fail(const char* key, const std::string& what, const std::string& fix) { reader_.fail(key, what, fix); }

 private:
  ObjectReader& reader_;
  const Json& presets_;
};

void read_clip(Knobs& knobs, SurrogateOptions& options) {
  options.epsilon = knobs.number("epsilon", options.epsilon, {.min = 0.0, .max = kMost, .min_exclusive = true});
  options.epsilon_high = knobs.optional_number("epsilon_high", {.min = options.epsilon, .max = kMost});
  options.delta = knobs.optional_number("delta", {.min = options.upper(), .max = 1e8, .min_exclusive = true});
  options.dual_clip = knobs.optional_number("dual_clip", {.min = 1.0, .max = 1e8, .min_exclusive = true});
  if (options.delta && options.dual_clip) {
    knobs.fail("dual_clip", "bounds the same ratios as delta, which is set too", "remove one of the two");
  }
}

void read_cispo(Knobs& knobs, SurrogateOptions& options) {
  options.cispo_ratio_max = knobs.optional_number("cispo_ratio_max", {.min = 0.0, .max = kMost, .min_exclusive = true});
  options.cispo_epsilon_high = knobs.optional_number("cispo_epsilon_high", {.min = 0.0, .max = kMost});
  if (options.cispo_ratio_max && options.cispo_epsilon_high) {
    knobs.fail("cispo_epsilon_high", "is another cap of what cispo_ratio_max caps already", "remove one of the two");
  }
  if (!options.cispo_ratio_max && !options.cispo_epsilon_high) {
    knobs.fail("cispo_ratio_max", "cispo needs a cap of its weights",
               "set cispo_ratio_max, an absolute ratio (TRL; 5), or cispo_epsilon_high, above 1 (MiniMax, verl)");
  }
  if (options.cispo_ratio_max) {
    knobs.refuse({"cispo_epsilon_low"}, "has no effect beside cispo_ratio_max, which only cuts from above",
                 "remove it, or use cispo_epsilon_high in place of cispo_ratio_max");
    return;
  }
  options.cispo_epsilon_low = knobs.optional_number("cispo_epsilon_low", {.min = 0.0, .max = 1.0});
}

SurrogateOptions read_surrogate(Knobs& knobs) {
  const std::string name = knobs.choice("surrogate", {"clip", "cispo", "sapo"}, "clip");
  SurrogateOptions options;
  const std::string why = fmt::format("has no effect on the surrogate \"{}\"", name);
  if (name == "cispo") {
    options.kind = Surrogate::kCispo;
    read_cispo(knobs, options);
    knobs.refuse({"epsilon", "epsilon_high"}, why,
                 "use cispo_ratio_max (weight min(r, max)) or cispo_epsilon_high (weight at most 1 + high)");
  } else {
    knobs.refuse({"cispo_ratio_max", "cispo_epsilon_high", "cispo_epsilon_low"}, why);
  }
  if (name == "sapo") {
    options.kind = Surrogate::kSapo;
    const NumberRange range{.min = 0.0, .max = kMost, .min_exclusive = true};
    options.sapo_temperature_pos = knobs.number("sapo_temperature_pos", options.sapo_temperature_pos, range);
    options.sapo_temperature_neg = knobs.number("sapo_temperature_neg", options.sapo_temperature_neg, range);
    knobs.refuse({"epsilon", "epsilon_high"}, why, "use sapo_temperature_pos and sapo_temperature_neg");
  } else {
    knobs.refuse({"sapo_temperature_pos", "sapo_temperature_neg"}, why);
  }
  if (name == "clip") {
    read_clip(knobs, options);
  } else {
    knobs.refuse({"delta", "dual_clip"}, why);
  }
  return options;
}

ImportanceSamplingLevel read_level(Knobs& knobs, Surrogate surrogate) {
  const std::string name = knobs.choice("importance_sampling_level",
                                        {"token", "sequence", "sequence_token", "sequence_sum"}, "token");
  if (name == "sequence") return ImportanceSamplingLevel::kSequence;
  if (name == "sequence_sum") return ImportanceSamplingLevel::kSequenceSum;
  if (name != "sequence_token") return ImportanceSamplingLevel::kToken;
  if (surrogate == Surrogate::kCispo) {
    knobs.fail("importance_sampling_level", "\"sequence_token\" is \"sequence\" to cispo, which does not differentiate ratios",
               "use \"sequence\"");
  }
  return ImportanceSamplingLevel::kSequenceToken;
}

void read_kl(Knobs& knobs, PolicyLossOptions& options) {
  options.beta = knobs.number("beta", options.beta, {.min = 0.0, .max = 100.0});
  const std::string name = knobs.choice("kl_estimator", {"k3", "k2", "k1"}, "");
  if (options.beta == 0.0) {
    knobs.refuse({"use_kl_in_reward", "use_bias_correction_kl"}, "has no effect: there is no reference while beta is 0",
                 "remove it or set beta");
  } else {
    options.use_kl_in_reward = knobs.boolean("use_kl_in_reward", false);
  }
  if (name == "k1" && !options.use_kl_in_reward) {
    knobs.fail("kl_estimator",
               "\"k1\" does nothing in the loss: its expected gradient does not depend on the reference",
               "use \"k3\", or \"k2\" for the gradient of KL(policy || reference); or set beta and use_kl_in_reward");
  }
  if (options.beta == 0.0) {
    knobs.refuse({"kl_estimator"}, "has no effect: there is no reference while beta is 0", "remove it or set beta");
    return;
  }
  options.kl_estimator = name == "k1" || (name.empty() && options.use_kl_in_reward) ? KlEstimator::kK1
                         : name == "k2"                                              ? KlEstimator::kK2
                                                                                     : KlEstimator::kK3;
  if (options.use_kl_in_reward) {
    knobs.refuse({"use_bias_correction_kl"}, "has no effect on KL in the reward: nothing of it is differentiated");
  }
  options.use_bias_correction_kl = !options.use_kl_in_reward && knobs.boolean("use_bias_correction_kl", false);
  if (options.use_bias_correction_kl && options.kl_estimator != KlEstimator::kK3) {
    knobs.fail("use_bias_correction_kl", "corrects k3 only", "set kl_estimator to \"k3\"");
  }
}

}  // namespace

PolicyLossOptions read_policy_loss_options(ObjectReader& reader, const Json& presets) {
  Knobs knobs(reader, presets);
  PolicyLossOptions options;
  options.surrogate = read_surrogate(knobs);
  options.importance_sampling_level = read_level(knobs, options.surrogate.kind);
  read_kl(knobs, options);
  options.entropy_bonus = read_entropy_bonus_options(reader);
  options.top_entropy_quantile =
      knobs.number("top_entropy_quantile", 1.0, {.min = 0.0, .max = 1.0, .min_exclusive = true});
  options.importance_sampling = read_importance_sampling_options(reader);
  options.off_policy_mask_threshold =
      knobs.optional_number("off_policy_mask_threshold", {.min = 0.0, .max = kMost, .min_exclusive = true});
  return options;
}

}  // namespace grpo
