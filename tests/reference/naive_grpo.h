#pragma once
// GRPO in plain double loops, straight from the formulas and without a word shared with grpo/: the oracle of
// tests/grpo.

#include <cmath>
#include <optional>
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
