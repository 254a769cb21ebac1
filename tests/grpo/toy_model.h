#pragma once
// A policy small enough to be differentiated by hand, for the tokens of random_groups.h.

#include <vector>

#include "core/seed.h"
#include "grpo/packing.h"
#include "policy/policy.h"
#include "tests/grpo/random_groups.h"

namespace grpo::testing {

inline constexpr int64_t kWidth = 6;
inline const at::TensorOptions kDoubles = at::TensorOptions().dtype(at::kDouble);

inline std::vector<int64_t> list(const at::Tensor& t) {
  const at::Tensor flat = t.to(at::kLong).contiguous();
  return {flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel()};
}

// A causal model of two matrices: a token sees the mean of the embeddings of its own sequence so far.
struct ToyModel {
  at::Tensor embedding, head;

  explicit ToyModel(uint64_t seed, double scale = 0.7) {
    Stream random(seed);
    embedding = at::empty({kRandomVocab, kWidth}, kDoubles);
    head = at::empty({kWidth, kRandomVocab}, kDoubles);
    for (at::Tensor* t : {&embedding, &head}) {
      double* numbers = t->mutable_data_ptr<double>();
      for (int64_t i = 0; i < t->numel(); ++i) numbers[i] = scale * (2.0 * random.uniform() - 1.0);
      t->requires_grad_(true);
    }
  }

  std::vector<Parameter> parameters() const { return {{"embedding", embedding}, {"head", head}}; }

  // Log-probabilities of the whole vocabulary at the rows that predict the micro-batch's targets, [M, V].
  at::Tensor distributions(const MicroBatch& batch) const {
    const auto embedded = embedding.index_select(0, batch.tokens.tokens);
    const auto bounds = list(batch.tokens.cu_seqlens);
    std::vector<at::Tensor> hidden;
    for (size_t s = 0; s + 1 < bounds.size(); ++s) {
      const auto own = embedded.slice(0, bounds[s], bounds[s + 1]);
      hidden.push_back(own.cumsum(0) / at::arange(1, own.size(0) + 1, kDoubles).unsqueeze(1));
    }
    const auto rows = at::cat(hidden).index_select(0, batch.rows);
    return at::matmul(rows, head).log_softmax(1);
  }
  // Of the targets, [M].
  at::Tensor logprobs(const MicroBatch& batch) const { return at_targets(distributions(batch), batch); }
  static at::Tensor at_targets(const at::Tensor& distributions, const MicroBatch& batch) {
    return distributions.gather(1, batch.targets.unsqueeze(1)).squeeze(1);
  }
};

}  // namespace grpo::testing
