#pragma once
// How LibTorch's threads wait for each other. By default OpenMP threads spin, which on a machine that does
// anything else beside training costs up to ten times the speed; asleep they lose next to nothing on a quiet one.

#include <unistd.h>

#include <cstdlib>

namespace grpo {

// Starts the program again with OMP_WAIT_POLICY=passive unless the user has set it: OpenMP reads it when it is
// loaded, before main. Call it before anything else; returns only if there is nothing to do (or /proc is not there).
inline void wait_asleep(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv("/proc/self/exe", argv);
}

}  // namespace grpo
