#include "policy/random_weights.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

namespace grpo {
namespace {

// normal_() makes numbers in blocks of 16, and the last 16 of a tensor anew where its size is no multiple:
// pieces of whole blocks, and a last one of at least 16 numbers, therefore draw what one call for all of them
// would.
constexpr int64_t kBlock = 16;
constexpr int64_t kPiece = int64_t{1} << 20;

void draw(const NormalDraw& what, double standard_deviation) {
  at::Generator generator = at::detail::createCPUGenerator(what.seed);
  const at::Tensor flat = what.to.view(-1);
  const bool direct = flat.is_cpu() && flat.scalar_type() == at::kFloat;
  at::Tensor staging;
  for (int64_t first = 0; first < flat.size(0);) {
    const int64_t left = flat.size(0) - first;
    const int64_t count = left < kPiece + kBlock ? left : kPiece;
    at::Tensor part = flat.narrow(0, first, count);
    if (direct) {
      part.normal_(0.0, standard_deviation, generator);
    } else {
      if (!staging.defined()) staging = at::empty({std::min(flat.size(0), kPiece + kBlock)}, at::kFloat);
      part.copy_(staging.narrow(0, 0, count).normal_(0.0, standard_deviation, generator));
    }
    first += count;
  }
}

}  // namespace

void draw_normal(std::vector<NormalDraw> draws, double standard_deviation) {
  // Large ones first, so that no thread is left alone with one at the end.
  std::stable_sort(draws.begin(), draws.end(),
                   [](const NormalDraw& a, const NormalDraw& b) { return a.to.numel() > b.to.numel(); });
  std::atomic<size_t> next{0};
  at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_grad;
    for (int64_t i = begin; i < end; ++i) {
      for (size_t d = next++; d < draws.size(); d = next++) draw(draws[d], standard_deviation);
    }
  });
}

}  // namespace grpo
