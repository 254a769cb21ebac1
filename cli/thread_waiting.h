#pragma once
// How LibTorch's threads wait for each other. By default OpenMP threads spin for a long time, which on a machine
// that does anything else beside training costs several times the speed; asleep at once they lose a third on a
// quiet one, waking up for every small loop. A short spin is near the best of both (docs/log.md has the figures).

#include <unistd.h>

#include <cstdlib>

namespace grpo {

// Starts the program again with GOMP_SPINCOUNT=10000, some hundred microseconds, unless the user has said how threads shall
// wait: OpenMP reads it when it is loaded, before main. Call it before anything else; returns only if there is
// nothing to do (or /proc is not there).
inline void wait_briefly(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("GOMP_SPINCOUNT", "10000", 1);
  execv("/proc/self/exe", argv);
}

}  // namespace grpo
