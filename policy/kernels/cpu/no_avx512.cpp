#include <tuple>

#include "core/error.h"
#include "policy/kernels/cpu/attention_forms.h"
#include "policy/kernels/cpu/elementwise_forms.h"
#include "policy/kernels/cpu/product.h"

// Processors of another family than the one that the files with AVX in their names and attention_dots.cpp are for.

namespace grpo::cpu {

bool product_runs() {
  return false;
}

void product_part(const Product<float, float>&, int64_t, int64_t, int64_t, float*) {
  GRPO_CHECK(product_runs());
}
void product_part(const Product<Bf16, Bf16>&, int64_t, int64_t, int64_t, Bf16*) {
  GRPO_CHECK(product_runs());
}
void product_part(const Product<Bf16, float>&, int64_t, int64_t, int64_t, Bf16*) {
  GRPO_CHECK(product_runs());
}
void pack_rows(const float*, int64_t, int64_t, int64_t, int64_t, int64_t, float*) {
  GRPO_CHECK(product_runs());
}
void pack_rows(const Bf16*, int64_t, int64_t, int64_t, int64_t, int64_t, Bf16*) {
  GRPO_CHECK(product_runs());
}

bool middle_attention_runs() {
  return false;
}
bool wide_attention_runs() {
  return false;
}
bool dots_attention_runs() {
  return false;
}

#define GRPO_ABSENT(name, type)      \
  void name(const type&) {           \
    GRPO_CHECK(wide_attention_runs()); \
  }
GRPO_ABSENT(middle_forward, SequenceAttention<float>)
GRPO_ABSENT(middle_forward, SequenceAttention<double>)
GRPO_ABSENT(middle_forward, SequenceAttention<Bf16>)
GRPO_ABSENT(middle_backward, SequenceAttention<float>)
GRPO_ABSENT(middle_backward, SequenceAttention<double>)
GRPO_ABSENT(middle_backward, SequenceAttention<Bf16>)
GRPO_ABSENT(middle_paged, PagedAttention<float>)
GRPO_ABSENT(middle_paged, PagedAttention<double>)
GRPO_ABSENT(middle_paged, PagedAttention<Bf16>)
GRPO_ABSENT(wide_forward, SequenceAttention<float>)
GRPO_ABSENT(wide_forward, SequenceAttention<double>)
GRPO_ABSENT(wide_forward, SequenceAttention<Bf16>)
GRPO_ABSENT(wide_backward, SequenceAttention<float>)
GRPO_ABSENT(wide_backward, SequenceAttention<double>)
GRPO_ABSENT(wide_backward, SequenceAttention<Bf16>)
GRPO_ABSENT(wide_paged, PagedAttention<float>)
GRPO_ABSENT(wide_paged, PagedAttention<double>)
GRPO_ABSENT(wide_paged, PagedAttention<Bf16>)
GRPO_ABSENT(dots_forward, SequenceAttention<Bf16>)
GRPO_ABSENT(dots_backward, SequenceAttention<Bf16>)
GRPO_ABSENT(dots_paged, PagedAttention<Bf16>)
#undef GRPO_ABSENT

#define GRPO_ABSENT(name, loop, parameters, arguments) \
  void middle_##name parameters {                      \
    (void)std::make_tuple arguments;                   \
    GRPO_CHECK(middle_attention_runs());               \
  }                                                    \
  void wide_##name parameters {                        \
    (void)std::make_tuple arguments;                   \
    GRPO_CHECK(wide_attention_runs());                 \
  }
GRPO_ELEMENTWISE_KERNELS(GRPO_ABSENT)
#undef GRPO_ABSENT

}  // namespace grpo::cpu
