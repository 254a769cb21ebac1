// What the plug-in says of itself when the program loads it (policy/kernels/plugin.h).

#include "core/version.h"

#define GRPO_STRING_(x) #x
#define GRPO_STRING(x) GRPO_STRING_(x)

// The version it was built as; the program refuses any other.
extern "C" __attribute__((visibility("default"))) const char* grpo_cuda_version() { return grpo::kVersion; }

// The toolkit it was built with, for `grpo env`, such as "CUDA 13.0".
extern "C" __attribute__((visibility("default"))) const char* grpo_cuda_toolkit() {
  return "CUDA " GRPO_STRING(__CUDACC_VER_MAJOR__) "." GRPO_STRING(__CUDACC_VER_MINOR__);
}
