#include "core/error.h"
#include "policy/kernels/cpu/product.h"

// Processors without the instructions that product_avx512.cpp is made of.

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
void transpose(const float*, int64_t, int64_t, int64_t, float*, int64_t) {
  GRPO_CHECK(product_runs());
}
void transpose(const Bf16*, int64_t, int64_t, int64_t, Bf16*, int64_t) {
  GRPO_CHECK(product_runs());
}

}  // namespace grpo::cpu
