#pragma once
// A linear map of a layer: its weight, a bias where it has one, and the low-rank terms that adapters add.
// Internal to policy/.

#include <ATen/ATen.h>

#include <vector>

namespace grpo {

// scale * B A, added to rows first_row .. first_row + B.size(0) of a weight (LoRA, arXiv 2106.09685). A
// stacked weight (q, k and v in one) can carry one term per part.
struct LowRankTerm {
  at::Tensor a;  // [r, in]
  at::Tensor b;  // [rows, r]
  int64_t first_row = 0;
  double scale = 1.0;
};

struct LinearMap {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], undefined without
  std::vector<LowRankTerm> terms;

  bool defined() const { return weight.defined(); }
  // x [N, in] -> [N, out]. Differentiable in x, weight, bias, A and B; what needs no gradient costs none. As
  // with packed_linear, a row's result on the CPU does not depend on how many others there are.
  at::Tensor operator()(const at::Tensor& x) const;
  // weight with all terms added, each rounded once, [out, in]: the weight itself where there are none.
  // Carries no gradients.
  at::Tensor full_weight() const;
};

}  // namespace grpo
