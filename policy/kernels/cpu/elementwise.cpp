#include "policy/kernels/cpu/elementwise.h"

#include "policy/kernels/cpu/attention_forms.h"
#include "policy/kernels/cpu/elementwise_forms.h"
#include "policy/kernels/cpu/elementwise_loops.h"

namespace grpo::cpu {

#define GRPO_DEFINE(name, loop, parameters, arguments) \
  void narrow_##name parameters { loop arguments; }
GRPO_ELEMENTWISE_KERNELS(GRPO_DEFINE)
#undef GRPO_DEFINE

#define GRPO_DEFINE(name, loop, parameters, arguments) \
  template <>                                          \
  void name parameters {                               \
    if (wide_attention_runs()) return wide_##name arguments; \
    middle_attention_runs() ? middle_##name arguments : narrow_##name arguments; \
  }
GRPO_ELEMENTWISE_KERNELS(GRPO_DEFINE)
#undef GRPO_DEFINE

void rope_angles(const int64_t* positions, const float* frequencies, int64_t rows, int64_t half, float* cos, float* sin) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < half; ++i) {
      const float angle = static_cast<float>(positions[r]) * frequencies[i];
      cos[r * half + i] = std::cos(angle);
      sin[r * half + i] = std::sin(angle);
    }
  }
}

}  // namespace grpo::cpu
