// What the plug-in says of itself when the program loads it (policy/kernels/plugin.h). Plain C symbols: the
// program finds them by name.

#include "core/version.h"
#include "policy/kernels/cuda/architectures.h"

#define GRPO_EXPORT extern "C" __attribute__((visibility("default")))
#define GRPO_STRING_(x) #x
#define GRPO_STRING(x) GRPO_STRING_(x)

// The version it was built as; the program refuses any other.
GRPO_EXPORT const char* grpo_cuda_version() { return grpo::kVersion; }

// The toolkit it was built with, for people: "CUDA 13.0".
GRPO_EXPORT const char* grpo_cuda_toolkit() {
  return "CUDA " GRPO_STRING(__CUDACC_VER_MAJOR__) "." GRPO_STRING(__CUDACC_VER_MINOR__);
}

// The architectures it was built for, as CMake lists them, with commas: "80,90a".
GRPO_EXPORT const char* grpo_cuda_architectures() { return GRPO_CUDA_ARCHITECTURES; }

// 1 if a GPU of this compute capability can run it, else 0.
GRPO_EXPORT int grpo_cuda_supports(int major, int minor) {
  return grpo::architectures_support(GRPO_CUDA_ARCHITECTURES, major, minor);
}
