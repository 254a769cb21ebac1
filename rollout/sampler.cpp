#include "rollout/sampler.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "policy/kernels/logprobs.h"

namespace grpo {
namespace {

struct RowResult {
  int64_t token = 0;
  float logprob = 0.0f;  // under the cut distribution; 0 where there is no cut
  bool finite = false;
};

// Whether log-probabilities are of the whole softmax, which the trainer's own operator gives: the same bits.
bool wants_trainer_logprobs(const SamplingOptions& options) {
  return !truncates(options) || options.untruncated_logprobs;
}

at::Tensor trainer_logprobs(const at::Tensor& logits, const at::Tensor& tokens, const at::Tensor& finite,
                            double temperature) {
  const double divisor = temperature == 0.0 ? 1.0 : temperature;
  return logprob_rows(logits, tokens, divisor).logprobs.to(at::kFloat).masked_fill(~finite, 0.0);
}

// Draws one row after another; keeps its buffers between rows.
template <typename T>
class RowSampler {
 public:
  RowSampler(const SamplingOptions& options, int64_t vocab_size)
      : options_(options), size_(vocab_size), weights_(static_cast<size_t>(vocab_size)) {}

  // What top_k, top_p and min_p left for the last row drawn, if it was finite; ascending.
  const std::vector<int64_t>& kept() const { return kept_; }

  RowResult draw(const T* logits, float uniform) {
    T max = logits[0];
    int64_t argmax = 0;
    bool finite = true;
    for (int64_t i = 0; i < size_; ++i) {
      finite &= std::isfinite(logits[i]);
      if (logits[i] > max) {
        max = logits[i];
        argmax = i;
      }
    }
    if (!finite) return {};
    if (options_.temperature == 0.0) return {argmax, 0.0f, true};
    const double sum = fill_weights(logits, max, static_cast<T>(options_.temperature));
    if (!truncates(options_)) return {invert_all(uniform * sum), 0.0f, true};
    keep_allowed(logits);
    double kept_sum = 0.0;
    for (const int64_t id : kept_) kept_sum += weight(id);
    const int64_t token = invert_kept(uniform * kept_sum);
    const double exponent = static_cast<double>((logits[token] - max) / static_cast<T>(options_.temperature));
    return {token, static_cast<float>(exponent - std::log(kept_sum)), true};
  }

 private:
  double weight(int64_t id) const { return static_cast<double>(weights_[static_cast<size_t>(id)]); }

  // weights = exp((logits - max) / temperature); returns their sum.
  double fill_weights(const T* logits, T max, T temperature) {
    double sum = 0.0;
    for (int64_t i = 0; i < size_; ++i) {
      const T above = logits[i] - max;
      const T w = std::exp(temperature == T(1) ? above : above / temperature);
      weights_[static_cast<size_t>(i)] = w;
      sum += static_cast<double>(w);
    }
    return sum;
  }

  // The first id whose running sum exceeds `target` < sum: always one with weight above 0.
  int64_t invert_all(double target) const {
    double running = 0.0;
    for (int64_t i = 0; i < size_; ++i) {
      running += weight(i);
      if (running > target) return i;
    }
    return size_ - 1;
  }

  int64_t invert_kept(double target) const {
    double running = 0.0;
    for (const int64_t id : kept_) {
      running += weight(id);
      if (running > target) return id;
    }
    return kept_.back();
  }

  // kept_ = ids left by top_k, top_p and min_p, ascending.
  void keep_allowed(const T* logits) {
    kept_.resize(static_cast<size_t>(size_));
    std::iota(kept_.begin(), kept_.end(), int64_t{0});
    if (options_.top_k > 0 && options_.top_k < size_) keep_top_k(logits);
    if (options_.top_p < 1.0) keep_top_p(logits);
    if (options_.min_p > 0.0) {  // the likeliest token weighs exactly 1
      std::erase_if(kept_, [this](int64_t id) { return weight(id) < options_.min_p; });
    }
    std::sort(kept_.begin(), kept_.end());
  }

  void keep_top_k(const T* logits) {
    sorted_.assign(logits, logits + size_);
    const auto kth = sorted_.begin() + (options_.top_k - 1);
    std::nth_element(sorted_.begin(), kth, sorted_.end(), std::greater<T>());
    std::erase_if(kept_, [logits, threshold = *kth](int64_t id) { return logits[id] < threshold; });
  }

  // A heap, because the nucleus is usually a small part of the vocabulary.
  void keep_top_p(const T* logits) {
    double mass = 0.0;
    for (const int64_t id : kept_) mass += weight(id);
    const auto less_likely = [logits](int64_t a, int64_t b) {
      return logits[a] != logits[b] ? logits[a] < logits[b] : a > b;
    };
    std::make_heap(kept_.begin(), kept_.end(), less_likely);
    auto heap_end = kept_.end();
    double taken = 0.0;
    while (heap_end != kept_.begin() && taken < options_.top_p * mass) {
      std::pop_heap(kept_.begin(), heap_end, less_likely);
      --heap_end;
      taken += weight(*heap_end);
    }
    kept_.erase(kept_.begin(), heap_end);
  }

  const SamplingOptions& options_;
  const int64_t size_;
  std::vector<T> weights_;
  std::vector<T> sorted_;
  std::vector<int64_t> kept_;
};

template <typename T>
void sample_rows(const at::Tensor& logits, const float* uniforms, const SamplingOptions& options,
                 const SampledTokens& out) {
  const T* data = logits.const_data_ptr<T>();
  const int64_t vocab_size = logits.size(1);
  int64_t* tokens = out.tokens.mutable_data_ptr<int64_t>();
  float* logprobs = out.logprobs.mutable_data_ptr<float>();
  bool* finite = out.finite.mutable_data_ptr<bool>();
  uint8_t* kept = out.kept.defined() ? out.kept.mutable_data_ptr<uint8_t>() : nullptr;
  const int64_t kept_bytes = (vocab_size + 7) / 8;
  const int64_t rows_per_task = std::max<int64_t>(1, 4096 / vocab_size);
  at::parallel_for(0, logits.size(0), rows_per_task, [&](int64_t begin, int64_t end) {
    RowSampler<T> sampler(options, vocab_size);
    for (int64_t row = begin; row < end; ++row) {
      const RowResult r = sampler.draw(data + row * vocab_size, uniforms[row]);
      tokens[row] = r.token;
      logprobs[row] = r.logprob;
      finite[row] = r.finite;
      if (kept == nullptr || !r.finite) continue;
      for (const int64_t id : sampler.kept()) kept[row * kept_bytes + id / 8] |= static_cast<uint8_t>(1 << id % 8);
    }
  });
}

struct Cut {
  at::Tensor weights;  // [R, V]; of tokens that top_k, top_p or min_p remove 0
  at::Tensor removed;  // [R, V] bool; undefined: none
};

Cut cut(const at::Tensor& logits, at::Tensor weights, const SamplingOptions& options) {
  at::Tensor removed;
  const auto remove = [&](const at::Tensor& more) {
    weights = weights.masked_fill(more, 0.0);
    removed = removed.defined() ? removed.logical_or(more) : more;
  };
  if (options.top_k > 0 && options.top_k < logits.size(1)) {
    remove(logits < std::get<0>(logits.topk(options.top_k, 1)).narrow(1, options.top_k - 1, 1));
  }
  if (options.top_p < 1.0) {
    const at::Tensor order = std::get<1>(logits.sort(/*stable=*/true, /*dim=*/1, /*descending=*/true));
    const at::Tensor sorted = weights.gather(1, order);
    const at::Tensor taken = sorted.cumsum(1, at::kDouble);
    const at::Tensor mass = taken.narrow(1, taken.size(1) - 1, 1);
    const at::Tensor beyond = (taken - sorted) >= options.top_p * mass;
    remove(at::empty_like(beyond).scatter_(1, order, beyond));
  }
  if (options.min_p > 0.0) remove(weights < options.min_p);
  return {weights, removed};
}

// [R, V] bool -> [R, ceil(V / 8)] uint8, the lowest bit first.
at::Tensor packed_bits(const at::Tensor& mask) {
  const int64_t rows = mask.size(0), bytes = (mask.size(1) + 7) / 8;
  const at::Tensor padded = at::constant_pad_nd(mask.to(at::kByte), {0, bytes * 8 - mask.size(1)}, 0);
  const at::Tensor shifts = at::arange(8, padded.options());
  return padded.view({rows, bytes, 8}).bitwise_left_shift(shifts).sum(2, /*keepdim=*/false, at::kByte);
}

// The first column at which the running sum of `cumulative` [R, C] exceeds `target` [R, 1]: [R, 1].
at::Tensor first_above(const at::Tensor& cumulative, const at::Tensor& target) {
  return (cumulative <= target).sum(1, /*keepdim=*/true).clamp_max(cumulative.size(1) - 1);
}

struct Inverted {
  at::Tensor tokens;  // [R, 1]
  at::Tensor sums;    // [R, 1] double: weights of the row
};

// Inverts the distribution in two levels, blocks of columns and columns of one block, so that doubles are kept
// per block and not per token.
Inverted invert(const at::Tensor& weights, const at::Tensor& uniforms) {
  constexpr int64_t kBlock = 256;
  const int64_t rows = weights.size(0);
  const int64_t blocks = (weights.size(1) + kBlock - 1) / kBlock;
  const at::Tensor padded = at::constant_pad_nd(weights, {0, blocks * kBlock - weights.size(1)}, 0.0)
                                .view({rows, blocks, kBlock});
  const at::Tensor block_ends = padded.sum(2, /*keepdim=*/false, at::kDouble).cumsum(1);
  const at::Tensor sums = block_ends.narrow(1, blocks - 1, 1);
  const at::Tensor target = uniforms.to(at::kDouble).unsqueeze(1) * sums;
  const at::Tensor block = first_above(block_ends, target);
  const at::Tensor members =
      padded.gather(1, block.unsqueeze(2).expand({rows, 1, kBlock})).squeeze(1);
  const at::Tensor ends = members.cumsum(1, at::kDouble);
  const at::Tensor block_sum = ends.narrow(1, kBlock - 1, 1);
  const at::Tensor begin = block_ends.gather(1, block) - block_sum;
  // Two ways of adding the same numbers differ in the last bits: stay inside the block, where a weight is > 0.
  const at::Tensor inside = (target - begin).clamp_min(0.0).minimum(block_sum * (1.0 - 1e-9));
  return {block * kBlock + first_above(ends, inside), sums};
}

}  // namespace

SampledTokens sample_with_tensor_ops(const at::Tensor& logits, const at::Tensor& uniforms,
                                     const SamplingOptions& options, bool record_kept) {
  const at::Tensor finite = logits.isfinite().all(1);
  const auto [max, argmax] = logits.max(1, /*keepdim=*/true);
  at::Tensor tokens = argmax;
  at::Tensor logprobs, kept;
  if (options.temperature > 0.0) {
    const at::Tensor exponents = (logits - max) / options.temperature;
    const at::Tensor weights = exponents.exp();
    const Cut allowed = truncates(options) ? cut(logits, weights, options) : Cut{weights, {}};
    if (record_kept && truncates(options)) {
      const at::Tensor removed = allowed.removed.defined() ? allowed.removed : at::zeros_like(logits, at::kBool);
      kept = packed_bits(removed.logical_or(finite.logical_not().unsqueeze(1)).logical_not());
    }
    const Inverted inverted = invert(allowed.weights, uniforms);
    tokens = inverted.tokens;
    if (!wants_trainer_logprobs(options)) {
      logprobs = exponents.gather(1, tokens).to(at::kDouble) - inverted.sums.log();
    }
  }
  tokens = tokens.squeeze(1).masked_fill(~finite, 0);
  if (logprobs.defined()) {
    logprobs = logprobs.squeeze(1).masked_fill(~finite, 0.0).to(at::kFloat);
  } else {
    logprobs = trainer_logprobs(logits, tokens, finite, options.temperature);
  }
  return {tokens, logprobs, finite, kept};
}

SampledTokens sample(const at::Tensor& logits, const at::Tensor& uniforms, const SamplingOptions& options,
                     bool record_kept) {
  GRPO_CHECK(logits.dim() == 2 && uniforms.dim() == 1 && uniforms.size(0) == logits.size(0));
  GRPO_CHECK(logits.scalar_type() == at::kFloat || logits.scalar_type() == at::kDouble);
  GRPO_CHECK(uniforms.scalar_type() == at::kFloat && uniforms.device() == logits.device());
  if (!logits.is_cpu()) return sample_with_tensor_ops(logits, uniforms, options, record_kept);
  const int64_t rows = logits.size(0);
  SampledTokens out{at::empty({rows}, at::kLong), at::empty({rows}, at::kFloat), at::empty({rows}, at::kBool)};
  if (record_kept && truncates(options)) out.kept = at::zeros({rows, (logits.size(1) + 7) / 8}, at::kByte);
  const at::Tensor contiguous = logits.contiguous();
  const at::Tensor numbers = uniforms.contiguous();
  if (logits.scalar_type() == at::kFloat) {
    sample_rows<float>(contiguous, numbers.const_data_ptr<float>(), options, out);
  } else {
    sample_rows<double>(contiguous, numbers.const_data_ptr<float>(), options, out);
  }
  if (wants_trainer_logprobs(options)) {
    out.logprobs = trainer_logprobs(contiguous, out.tokens, out.finite, options.temperature);
  }
  return out;
}

}  // namespace grpo
