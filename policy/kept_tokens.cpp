#include "policy/kept_tokens.h"

#include <fmt/format.h>

#include "core/error.h"

namespace grpo {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(what, "kept tokens", "renormalise over the tokens that were recorded for these very rows");
}

}  // namespace

void check_kept_tokens(const KeptTokens& kept, int64_t rows, int64_t vocab) {
  GRPO_CHECK(kept.begin.device().is_cpu() && kept.begin.scalar_type() == at::kLong && kept.begin.is_contiguous());
  GRPO_CHECK(kept.ids.device().is_cpu() && at::isIntegralType(kept.ids.scalar_type(), false) && kept.ids.dim() == 1);
  if (kept.begin.dim() != 1 || kept.begin.size(0) != rows + 1) {
    refuse(fmt::format("{} bounds for {} rows, expected {}", kept.begin.numel(), rows, rows + 1));
  }
  const int64_t* begin = kept.begin.const_data_ptr<int64_t>();
  for (int64_t row = 0; row < rows; ++row) {
    if (begin[row + 1] < begin[row]) refuse(fmt::format("row {} ends before it begins", row));
  }
  if (begin[0] != 0 || begin[rows] != kept.ids.size(0)) {
    refuse(fmt::format("bounds from {} to {} over {} ids", begin[0], begin[rows], kept.ids.size(0)));
  }
  const at::Tensor foreign = (kept.ids < 0).logical_or(kept.ids >= vocab);
  if (!foreign.any().item<bool>()) return;
  const int64_t at = foreign.to(at::kByte).argmax().item<int64_t>();
  const int64_t row = std::upper_bound(begin, begin + rows + 1, at) - begin - 1;
  refuse(fmt::format("row {} keeps token {} of a vocabulary of {}", row, kept.ids[at].item<int64_t>(), vocab));
}

}  // namespace grpo
