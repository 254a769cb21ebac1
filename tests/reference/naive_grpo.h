#pragma once
// GRPO in plain double loops, straight from the formulas and without a word shared with grpo/: the oracle of
// tests/grpo.

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace grpo::reference {

// A = (r - mean) / (std + epsilon) of one group in which every sample has a reward.
inline std::vector<double> advantages(const std::vector<double>& rewards, int ddof, double epsilon) {
  double mean = 0.0;
  for (double r : rewards) mean += r / static_cast<double>(rewards.size());
  double variance = 0.0;
  for (double r : rewards) variance += (r - mean) * (r - mean) / static_cast<double>(rewards.size() - ddof);
  std::vector<double> out;
  for (double r : rewards) out.push_back((r - mean) / (std::sqrt(variance) + epsilon));
  return out;
}

struct LossKnobs {
  double low = 0.2;
  double high = 0.2;
  std::optional<double> delta = std::nullopt;
  double beta = 0.0;
};

// One token of the clipped surrogate with k3, by cases instead of a min of two products.
inline double token_loss(double logp, double old_logp, double ref_logp, double advantage,
                         const LossKnobs& knobs) {
  const double r = std::exp(logp - old_logp);
  double surrogate;
  if (advantage >= 0.0) {
    double capped = r > 1.0 + knobs.high ? 1.0 + knobs.high : r;
    if (knobs.delta && capped > *knobs.delta) capped = *knobs.delta;
    surrogate = capped * advantage;
  } else {
    double bounded = knobs.delta && r > *knobs.delta ? *knobs.delta : r;
    if (r < 1.0 - knobs.low) bounded = 1.0 - knobs.low;
    surrogate = bounded * advantage;
  }
  const double kl = std::exp(ref_logp - logp) - (ref_logp - logp) - 1.0;
  return -surrogate + knobs.beta * kl;
}

// losses[i][t]: token t of sequence i; a sequence without tokens was masked. The three published averages.
inline double mean_of_sequence_means(const std::vector<std::vector<double>>& losses) {
  double total = 0.0;
  int sequences = 0;
  for (const auto& sequence : losses) {
    if (sequence.empty()) continue;
    double sum = 0.0;
    for (double l : sequence) sum += l;
    total += sum / static_cast<double>(sequence.size());
    ++sequences;
  }
  return total / sequences;
}

inline double mean_of_tokens(const std::vector<std::vector<double>>& losses) {
  double total = 0.0;
  double tokens = 0.0;
  for (const auto& sequence : losses) {
    for (double l : sequence) total += l;
    tokens += static_cast<double>(sequence.size());
  }
  return total / tokens;
}

inline double constant_length_mean(const std::vector<std::vector<double>>& losses,
                                   double max_completion_length) {
  double total = 0.0;
  int sequences = 0;
  for (const auto& sequence : losses) {
    for (double l : sequence) total += l;
    sequences += !sequence.empty();
  }
  return total / sequences / max_completion_length;
}

// The trained tokens of one sequence; all empty for a masked one.
struct Sequence {
  std::vector<double> logp, old_logp, ref_logp, behaviour, entropy, advantage;
  std::vector<bool> keeps_policy_term;

  size_t size() const { return logp.size(); }
};

// The whole family, by the names that options give its knobs.
struct FamilyKnobs {
  std::string surrogate = "clip", level = "token", kl = "k3", correction = "none", average = "token-mean";
  double low = 0.2, high = 0.2;
  std::optional<double> delta, dual_clip, weight_max, weight_min;  // the last two: cispo
  double tau_pos = 1.0, tau_neg = 1.05;
  double beta = 0.0;
  bool corrected_kl = false;
  double entropy_coef = 0.0;
  double correction_max = 3.0, correction_min = 0.0;
  std::optional<double> off_policy;
  double max_completion_length = 1.0;
  size_t local_batch = 8;
};

inline double mean_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (size_t t = 0; t < a.size(); ++t) sum += a[t] - b[t];
  return sum / static_cast<double>(a.size());
}

// `s` is differentiated, `fixed` is the same sequence where a gradient stops.
inline double family_ratio(const Sequence& s, const Sequence& fixed, size_t t, const std::string& level) {
  const double n = static_cast<double>(s.size());
  if (level == "sequence") return std::exp(mean_difference(s.logp, s.old_logp));
  if (level == "sequence_sum") return std::exp(n * mean_difference(s.logp, s.old_logp));
  if (level == "sequence_token") {
    return std::exp(mean_difference(fixed.logp, fixed.old_logp)) * std::exp(s.logp[t] - fixed.logp[t]);
  }
  return std::exp(s.logp[t] - s.old_logp[t]);
}

inline double family_policy_term(const Sequence& s, const Sequence& fixed, size_t t, const FamilyKnobs& k) {
  const double a = s.advantage[t], r = family_ratio(s, fixed, t, k.level);
  if (k.surrogate == "cispo") {
    double weight = std::min(family_ratio(fixed, fixed, t, k.level), k.weight_max.value());
    if (k.weight_min) weight = std::max(weight, *k.weight_min);
    return -weight * a * s.logp[t];
  }
  if (k.surrogate == "sapo") {
    const double tau = a > 0.0 ? k.tau_pos : k.tau_neg;
    return -4.0 / tau / (1.0 + std::exp(-tau * (r - 1.0))) * a;
  }
  if (a >= 0.0) return -std::min(r, 1.0 + k.high) * a;
  double bounded = std::max(k.delta ? std::min(r, *k.delta) : r, 1.0 - k.low);
  if (k.dual_clip) bounded = std::min(bounded, *k.dual_clip);
  return -bounded * a;
}

inline double family_kl(const Sequence& s, size_t t, const FamilyKnobs& k) {
  const double d = s.ref_logp[t] - s.logp[t];
  const double kl = k.kl == "k1" ? -d : k.kl == "k2" ? 0.5 * d * d : std::exp(d) - d - 1.0;
  return k.corrected_kl ? kl * std::exp(s.logp[t] - s.old_logp[t]) : kl;
}

// pi_old / pi_behaviour within its bounds: cut to them, or 0 outside.
inline double family_correction(const Sequence& s, size_t t, const FamilyKnobs& k) {
  if (k.correction == "none") return 1.0;
  double log_ratio = s.old_logp[t] - s.behaviour[t];
  const double mean = mean_difference(s.old_logp, s.behaviour);
  if (k.correction.starts_with("sequence")) log_ratio = mean * static_cast<double>(s.size());
  if (k.correction.starts_with("geometric")) log_ratio = mean;
  const double ratio = std::exp(log_ratio);
  if (k.correction.ends_with("truncate")) return std::clamp(ratio, k.correction_min, k.correction_max);
  return ratio < k.correction_min || ratio > k.correction_max ? 0.0 : ratio;
}

inline double family_token_loss(const Sequence& s, const Sequence& fixed, size_t t, const FamilyKnobs& k) {
  double policy = family_policy_term(s, fixed, t, k) * family_correction(fixed, t, k);
  if (k.off_policy && s.advantage[t] < 0.0 && mean_difference(fixed.behaviour, fixed.logp) > *k.off_policy) policy = 0.0;
  if (!s.keeps_policy_term[t]) policy = 0.0;
  return policy + (k.beta != 0.0 ? k.beta * family_kl(s, t, k) : 0.0) - k.entropy_coef * s.entropy[t];
}

// The loss of a batch: token losses, averaged as it is published.
inline double family_loss(const std::vector<Sequence>& batch, const std::vector<Sequence>& fixed, const FamilyKnobs& k) {
  std::vector<std::vector<double>> losses(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    for (size_t t = 0; t < batch[i].size(); ++t) losses[i].push_back(family_token_loss(batch[i], fixed[i], t, k));
  }
  if (k.average == "token-mean") return mean_of_tokens(losses);
  if (k.average == "seq-mean-token-mean") return mean_of_sequence_means(losses);
  if (k.average == "seq-mean-token-sum") return constant_length_mean(losses, 1.0);
  if (k.average == "seq-mean-token-sum-norm") return constant_length_mean(losses, k.max_completion_length);
  double total = 0.0, local_batches = 0.0;
  for (size_t first = 0; first < losses.size(); first += k.local_batch) {
    const auto begin = losses.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = losses.begin() + static_cast<std::ptrdiff_t>(std::min(first + k.local_batch, losses.size()));
    const bool trained = std::any_of(begin, end, [](const auto& l) { return !l.empty(); });
    if (!trained) continue;
    total += mean_of_tokens({begin, end});
    ++local_batches;
  }
  return total / local_batches;
}

// Decoupled weight decay (Loshchilov and Hutter, algorithm 2) for one number.
struct AdamWNumber {
  double w = 0.0;
  double m = 0.0;
  double v = 0.0;
  int t = 0;

  void step(double g, double lr, double beta1, double beta2, double epsilon, double decay) {
    ++t;
    m = beta1 * m + (1.0 - beta1) * g;
    v = beta2 * v + (1.0 - beta2) * g * g;
    const double m_hat = m / (1.0 - std::pow(beta1, t));
    const double v_hat = v / (1.0 - std::pow(beta2, t));
    w = w - lr * decay * w - lr * m_hat / (std::sqrt(v_hat) + epsilon);
  }
};

}  // namespace grpo::reference
